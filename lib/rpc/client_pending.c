/* SPDX-License-Identifier: MIT */
#include "rpc/client_core.h"

#include <stdlib.h>

/*
 * The memory of calls. Those that are over are kept with their buffers: a client that goes on as it did before allocates nothing. What is large is kept as long as calls are large.
 */

#define ARGUMENTS_FIRST 512u                /* room for arguments that one has at first */
#define SPARES_MOST 256u                    /* that are kept ... */
#define SPARE_BYTES_MOST ((size_t)16 << 20) /* ... with so much memory in all */
#define SPARE_USUAL ((size_t)64 << 10)
#define SMALL_IN_A_ROW 64u /* calls, until a large buffer is given back */
#define TABLE_FIRST 16u

/* ---- the table ---- */

static struct rpc_pending **place_of(const struct leat_rpc_client *client, uint32_t xid) {
        return &client->table[xid & (client->table_size - 1)];
}

struct rpc_pending *client_pending_find(const struct leat_rpc_client *client, uint32_t xid) {
        struct rpc_pending *pending = client->table_size > 0 ? *place_of(client, xid) : NULL;
        return pending && pending->xid == xid ? pending : NULL;
}

/* Twice as many places as there are calls: those that had a place each have one each in a larger one. */
static int grow_table(struct leat_rpc_client *client) {
        size_t wanted = 2 * (client->in_flight + 2), size = client->table_size > 0 ? client->table_size : TABLE_FIRST;
        if (wanted <= client->table_size)
                return 0;
        while (size < wanted)
                size *= 2;
        struct rpc_pending **old = client->table, **table = calloc(size, sizeof(struct rpc_pending *));
        size_t old_size = client->table_size;
        if (!table)
                return -ENOMEM;
        client->table = table;
        client->table_size = size;
        for (size_t i = 0; i < old_size; i++)
                if (old[i])
                        *place_of(client, old[i]->xid) = old[i];
        free(old);
        return 0;
}

static int enter_table(struct leat_rpc_client *client, struct rpc_pending *pending) {
        int r = grow_table(client);
        if (r < 0)
                return r;
        while (*place_of(client, client->xid))
                client->xid++;
        pending->xid = client->xid;
        *place_of(client, pending->xid) = pending;
        return 0;
}

/* ---- taking and giving back ---- */

static struct rpc_pending *take_spare(struct leat_rpc_client *client) {
        if (list_empty(&client->spare))
                return calloc(1, sizeof(struct rpc_pending));
        struct rpc_pending *pending = CONTAINER_OF(client->spare.next, struct rpc_pending, node);
        list_remove(&pending->node);
        client->spare_count--;
        client->spare_bytes -= pending->message.room_bytes;
        return pending;
}

static struct rpc_pending *free_pending(struct rpc_pending *pending) {
        leat_xdr_buffer_free(&pending->message);
        free(pending);
        return NULL;
}

int client_pending_take(struct leat_rpc_client *client, bool in_table, struct rpc_pending **ret_pending) {
        struct rpc_pending *pending = take_spare(client);
        if (!pending)
                return -ENOMEM;
        struct leat_xdr_buffer message = pending->message;
        *pending = (struct rpc_pending){ .message = message, .deadline = LEAT_NEVER };
        list_init(&pending->node);
        list_init(&pending->by_deadline);
        list_init(&pending->by_number);
        pending->message.size_bytes = 0;
        int r = leat_xdr_buffer_reserve(&pending->message, RPC_HEADROOM + ARGUMENTS_FIRST);
        client->xid++;
        pending->xid = client->xid;
        if (r == 0 && in_table)
                r = enter_table(client, pending);
        if (r < 0) {
                free_pending(pending);
                return r;
        }
        pending->message.size_bytes = pending->begin = RPC_HEADROOM;
        *ret_pending = pending;
        return 0;
}

/*
 * It is sent as something else than before: as another number, or with a context or without. An answer to what was sent before is none to this.
 * Without memory for its place in the table it is found by none until it is sent again.
 */
void client_pending_renew(struct leat_rpc_client *client, struct rpc_pending *pending) {
        if (client_pending_find(client, pending->xid) == pending)
                *place_of(client, pending->xid) = NULL;
        pending->xid = ++client->xid;
        (void)enter_table(client, pending);
}

void client_pending_unlist(struct leat_rpc_client *client, struct rpc_pending *pending) {
        list_remove(&pending->by_deadline);
        list_remove(&pending->by_number);
        if (client_pending_find(client, pending->xid) == pending)
                *place_of(client, pending->xid) = NULL;
}

/* It is kept as long as one in so many calls needs it: who sends large ones now and then does not take the memory anew for each. */
static bool is_too_large(struct leat_rpc_client *client, const struct leat_xdr_buffer *message) {
        client->spare_small = message->size_bytes < message->room_bytes / 4 ? client->spare_small + 1 : 0;
        if (client->spare_small < SMALL_IN_A_ROW)
                return false;
        client->spare_small = 0;
        return true;
}

void client_pending_release(struct leat_rpc_client *client, struct rpc_pending *pending) {
        struct leat_xdr_buffer *message = &pending->message;
        client_pending_unlist(client, pending);
        list_remove(&pending->node);
        if (message->room_bytes > SPARE_USUAL && is_too_large(client, message))
                leat_xdr_buffer_free(message);
        if (client->spare_count >= SPARES_MOST || client->spare_bytes + message->room_bytes > SPARE_BYTES_MOST) {
                free_pending(pending);
                return;
        }
        client->spare_count++;
        client->spare_bytes += message->room_bytes;
        list_insert(client->spare.next, &pending->node); /* the one used last is the next */
}

void client_pending_free_all(struct leat_rpc_client *client) {
        while (!list_empty(&client->spare))
                free_pending(take_spare(client));
        free(client->table);
        client->table = NULL;
        client->table_size = 0;
}

/* ---- deadlines ---- */

/* From the end: who starts calls with the same time for each finds its place at once. */
void client_pending_expires(struct leat_rpc_client *client, struct rpc_pending *pending) {
        if (pending->deadline == LEAT_NEVER)
                return;
        struct list *place = &client->deadlines;
        while (place->previous != &client->deadlines &&
               CONTAINER_OF(place->previous, struct rpc_pending, by_deadline)->deadline > pending->deadline)
                place = place->previous;
        list_insert(place, &pending->by_deadline);
}
