/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "channel/call.h"
#include "rpc/client_core.h"

#include <stdlib.h>
#include <string.h>

/*
 * The carrier over a channel: a call is a request of the channel, and its answer the reply to that (channel/call.h).
 *
 * The channel knows to which request a reply belongs, and that is believed more than the number in the message: one that answers another
 * call than the one that it was sent for is a broken answer to that.
 */

#define TYPE_CALL 1
#define REPLY_LEAST ((size_t)64 << 10) /* of the place for replies; it grows with the first larger one */
#define REPLY_USUAL ((size_t)1 << 20)  /* a larger place is given back when small ones come */
#define REPLY_MOST ((size_t)16 << 20) /* where one that does not fit is lost; only what is written of it takes memory */
#define REPLY_LIMIT ((size_t)1 << 30)
#define REMEMBERED 256u /* requests of which it is known what call they were; a power of two */
#define XID_BYTES 4u
#define REOPEN_MS 100

struct remembered {
        uint64_t request; /* its number in the channel; 0: none */
        uint32_t xid;
};

struct carried {
        struct leat_channel *channel; /* NULL: it was ours, and is lost */
        char *address;                /* it is ours, and is opened again; NULL: it is the caller's */
        bool lost;                    /* nobody is there any more */
        bool armed;                   /* for a sleep that is over by now */
        bool armed_out;
        bool asked; /* the call under way, where there is one only: `number` */
        uint64_t number;
        uint32_t xid;                         /* of that one */
        struct rpc_pending *sending;          /* of which a part went; or NULL */
        struct outgoing message;              /* of that one */
        struct iovec parts[XDR_PARTS_IOVECS]; /* of its message */
        struct rpc_place place;
        uint8_t broken[8]; /* what is told in place of an answer that is none */
        struct remembered remembered[REMEMBERED];
};

/* ---- life ---- */

static void close_channel(struct carried *carried) {
        if (!carried->channel)
                return;
        call_stop(carried->channel);
        if (carried->address)
                carried->channel = leat_close(carried->channel);
}

static void free_carried(struct carried *carried) {
        if (!carried)
                return;
        close_channel(carried);
        free(carried->address);
        free(carried->place.bytes);
        free(carried);
}

static void free_carried_at(struct carried **carried) {
        free_carried(*carried);
}

/* How large replies may be, and that they are taken one by one. */
static int begin_calls(struct carried *carried, struct leat_channel *channel) {
        struct leat_info info = LEAT_INFO_INIT;
        int r = leat_channel_info(channel, &info);
        if (r < 0)
                return r;
        size_t room = !channel->over                    ? REPLY_LEAST
                      : info.largest_bytes < REPLY_MOST ? (size_t)info.largest_bytes
                                                        : REPLY_MOST;
        room = room > REPLY_LEAST ? room : REPLY_LEAST;
        r = room > carried->place.room_bytes ? rpc_place_make(&carried->place, room) : 0;
        return r < 0 ? r : call_prepare(channel);
}

int rpc_channel_connect(struct leat_rpc_client *client, struct leat_channel *channel, const char *address) {
        CLEANUP(free_carried_at) struct carried *carried = calloc(1, sizeof(*carried));
        char *copy = address ? strdup(address) : NULL;
        int r = !carried || (address && !copy) ? -ENOMEM : begin_calls(carried, channel);
        if (r < 0) {
                free(copy);
                return r;
        }
        carried->address = copy;
        carried->channel = channel;
        spin_init(&client->spin, (enum spin_mode)channel->address.wait);
        client->state = TAKE(carried);
        return 0;
}

/* What can be had without waiting: over the network an answer takes longer than that. */
static int64_t reopening_until(const char *address) {
        return strncmp(address, "tcp:", 4) == 0 ? leat_in_ms(REOPEN_MS) : LEAT_NOW;
}

static int open_again(struct carried *carried) {
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        struct leat_channel *channel;
        options.flags = LEAT_CALL;
        options.deadline = reopening_until(carried->address);
        int r = leat_open_with(carried->address, &options, NULL, &channel);
        if (r == 0 && (r = begin_calls(carried, channel)) < 0)
                leat_close(channel);
        if (r < 0)
                return r == -EAGAIN || r == -EPIPE ? -ECONNREFUSED : r;
        memset(carried->remembered, 0, sizeof(carried->remembered));
        carried->channel = channel;
        carried->lost = false;
        return 0;
}

static int connect_channel(struct leat_rpc_client *client) {
        struct carried *carried = client->state;
        if (!carried->lost)
                return 0;
        return carried->address ? open_again(carried) : -EPIPE;
}

/* ---- sleeping ---- */

static ASIDE void end_sleep(struct leat_rpc_client *client, struct carried *carried) {
        carried->armed = false;
        if (call_disarm(carried->channel, carried->armed_out) == -ECANCELED)
                (void)leat_rpc_client_interrupt(client); /* one of the channel is one of the client */
}

static void lose(struct leat_rpc_client *client) {
        struct carried *carried = client->state;
        carried->lost = true;
        carried->asked = false;
        if (carried->channel && carried->armed)
                end_sleep(client, carried);
        if (carried->sending) {
                struct rpc_pending *pending = TAKE(carried->sending);
                call_give_up(carried->channel, &carried->message);
                pending->state = RPC_PENDING_WAITS;
                list_insert(client->waiting.next, &pending->node);
        }
        if (carried->address)
                close_channel(carried);
}

static void close_carrier(struct leat_rpc_client *client) {
        free_carried(client->state);
        client->state = NULL;
}

static int arm(struct leat_rpc_client *client, struct wait *wait) {
        struct carried *carried = client->state;
        if (!carried->channel)
                return 0; /* until it is to be opened again */
        if (carried->armed)
                end_sleep(client, carried);
        carried->armed = true;
        carried->armed_out = carried->sending != NULL || !list_empty(&client->waiting);
        int r = call_arm(carried->channel, carried->armed_out, wait);
        if (channel_is_interrupted(carried->channel)) /* before it slept */
                end_sleep(client, carried);
        return r;
}

/* ---- sending ---- */

static void remember(struct carried *carried, uint64_t request, uint32_t xid) {
        carried->remembered[request % REMEMBERED] = (struct remembered){ request, xid };
}

struct leat_channel *rpc_channel_quick(const struct leat_rpc_client *client, struct rpc_place **ret_place) {
        struct carried *carried = client->state;
        if (!carried || carried->lost || carried->armed || carried->sending || !carried->channel ||
            rpc_place_is_idle(&carried->place, REPLY_USUAL)) /* that is for receive() to mend */
                return NULL;
        *ret_place = &carried->place;
        return carried->channel;
}

void rpc_channel_asked(const struct leat_rpc_client *client, uint64_t number, uint32_t xid) {
        remember(client->state, number, xid);
}

/* On with what went in part. 0: nothing is in the way any more. */
static int go_on(struct leat_rpc_client *client, struct carried *carried) {
        if (!carried->sending)
                return 0;
        size_t before = carried->message.sent;
        int r = call_go(carried->channel, &carried->message);
        if (carried->message.sent > before)
                spin_progress(&client->spin);
        if (r < 0)
                return r; /* but for -EAGAIN the channel is lost, and this call with it: lose() */
        rpc_client_sent(client, TAKE(carried->sending));
        return 0;
}

/* One call at a time, of which only the deadline may be waited for: as leat_call() does. */
static int send_over(struct leat_rpc_client *client, struct carried *carried, struct rpc_pending *pending,
                     const uint8_t *bytes, size_t size) {
        if (carried->asked && client_pending_find(client, carried->xid))
                return -EAGAIN; /* else its caller has given it up: an answer to it is dropped */
        int r = over_begin(carried->channel, TYPE_CALL, bytes, size, pending->deadline, &carried->number);
        if (r < 0)
                return r;
        carried->asked = true;
        carried->xid = pending->xid;
        rpc_client_sent(client, pending);
        return 0;
}

/* A ring takes a message in parts; for what else there is it is put together. */
static ASIDE int prepare_parts(struct carried *carried, struct rpc_pending *pending) {
        if (carried->channel->address.ring == 0)
                return xdr_parts_join(&pending->parts, &pending->message);
        return xdr_parts_gather(&pending->parts, &pending->message, pending->begin, carried->parts);
}

static int send_pending(struct leat_rpc_client *client, struct rpc_pending *pending) {
        struct carried *carried = client->state;
        if (carried->armed)
                end_sleep(client, carried);
        int r = go_on(client, carried), parts_count = 0;
        if (r == 0 && pending->parts.count > 0)
                r = parts_count = prepare_parts(carried, pending);
        if (r < 0)
                return r;
        const uint8_t *bytes = pending->message.bytes + pending->begin;
        size_t size = rpc_pending_bytes(pending);
        if (carried->channel->over)
                return send_over(client, carried, pending, bytes, size);
        r = call_begin(carried->channel, TYPE_CALL, bytes, size, pending->deadline, &carried->message);
        if (r < 0)
                return r;
        carried->message.parts = parts_count > 0 ? carried->parts : NULL;
        carried->message.parts_count = parts_count;
        remember(carried, carried->message.sequence, pending->xid);
        r = call_go(carried->channel, &carried->message);
        if (r == -EAGAIN && carried->message.sent > 0) {
                carried->sending = pending;
                list_remove(&pending->node);
                return 0; /* told when the rest has gone */
        }
        if (r == -EAGAIN)
                call_give_up(carried->channel, &carried->message);
        if (r == 0)
                rpc_client_sent(client, pending);
        return r;
}

static int forget(struct leat_rpc_client *client, struct rpc_pending *pending) {
        struct carried *carried = client->state;
        if (carried->sending == pending) {
                carried->sending = NULL;
                call_give_up(carried->channel, &carried->message);
        }
        return 0;
}

/* ---- receiving ---- */

/* It answers this call, whatever it says. */
static ASIDE ssize_t tell_broken(struct carried *carried, uint32_t xid, const uint8_t **ret_message) {
        put_be32(carried->broken, xid);
        memset(carried->broken + XID_BYTES, 0xff, sizeof(carried->broken) - XID_BYTES);
        *ret_message = carried->broken;
        return sizeof(carried->broken);
}

static ssize_t take(struct carried *carried, bool light, struct leat_message *about, uint64_t *ret_request) {
        struct leat_channel *channel = carried->channel;
        if (!channel->over)
                return call_take(channel, light, carried->place.bytes, carried->place.room_bytes, about, ret_request);
        if (!carried->asked)
                return -EAGAIN;
        *ret_request = carried->number;
        ssize_t n =
                over_take(channel, carried->number, carried->place.bytes, carried->place.room_bytes, LEAT_NOW, about);
        carried->asked = n == -EAGAIN;
        return n;
}

/* A large place, and small ones come. */
static ASIDE void give_back(struct carried *carried) {
        call_settle(carried->channel);
        (void)rpc_place_make(&carried->place, REPLY_LEAST); /* or it stays as it is */
}

/* One that does not fit stays where it is until there is room. */
static ssize_t take_whole(struct carried *carried, bool light, uint64_t *ret_request) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        if (!carried->channel->over && rpc_place_is_idle(&carried->place, REPLY_USUAL))
                give_back(carried);
        ssize_t n = take(carried, light, &about, ret_request);
        if (n != -EMSGSIZE || about.size_bytes > REPLY_LIMIT)
                return n;
        call_settle(carried->channel);
        int r = rpc_place_make(&carried->place, about.size_bytes);
        return r < 0 ? r : take(carried, light, &about, ret_request);
}

/* To which call the channel says that it belongs; 0: it does not say. */
static uint32_t meant(const struct carried *carried, uint64_t request, uint32_t xid) {
        if (carried->channel->over)
                return carried->xid;
        const struct remembered *remembered = &carried->remembered[request % REMEMBERED];
        return remembered->request == request ? remembered->xid : xid;
}

static ssize_t receive(struct leat_rpc_client *client, const uint8_t **ret_message) {
        struct carried *carried = client->state;
        uint64_t request;
        if (carried->armed)
                end_sleep(client, carried);
        if (carried->lost)
                return -EPIPE;
        (void)go_on(client, carried); /* an error of it is told behind what came */
        /* Who has nothing under way asks whether the server is still there. */
        ssize_t n = take_whole(carried, client->in_flight > 0, &request);
        if (n < 0)
                return n;
        rpc_place_used(&carried->place, (size_t)n);
        uint32_t xid = (size_t)n >= XID_BYTES ? get_be32(carried->place.bytes) : 0;
        uint32_t ours = meant(carried, request, xid);
        if (ours != xid || (size_t)n < XID_BYTES)
                return tell_broken(carried, ours, ret_message);
        *ret_message = carried->place.bytes;
        return n;
}

const struct rpc_carrier rpc_channel_carrier = {
        .carries_deadline = true,
        .largest_bytes = SIZE_MAX, /* each channel says */
        .takes_parts = true,
        .connect = connect_channel,
        .send = send_pending,
        .forget = forget,
        .receive = receive,
        .arm = arm,
        .lose = lose,
        .close = close_carrier,
        .after_fork = NULL, /* the channel is a member of its own */
};
