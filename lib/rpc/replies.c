/* SPDX-License-Identifier: MIT */

/*
 * The cache of replies, for clients of other implementations: who sends a call again, from the same port, with the same xid and the same bytes, is given the
 * answer of the first. An entry is made before the handler is called, and stays for retransmit_ns after it has returned. All with the server's lock.
 *
 * Bounds: half of kept_bytes_max, entries included. What is dropped is the oldest of those peers that have most, so that a flood of calls makes nobody else's go; what
 * was dropped may run again. Of a reply that is too large to be kept the entry stays, and its caller is told that it failed at the server: it did not run again.
 */

#include "base/cleanup.h"
#include "base/crc32c.h"
#include "base/siphash.h"
#include "rpc/server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define BUCKETS RPC_PEER_GROUPS
#define LARGEST_SHARE 16u /* a reply has at most that part of kept_bytes_max */
#define TABLE_LEAST 64u
#define TABLE_MOST (1u << 20)

/* Two hashes of the same with two keys: nobody finds two calls for which both agree. */
struct name {
        uint64_t hash, check;
};

struct entry {
        struct list node; /* in its bucket's list, once it is over */
        struct entry *next;
        struct name name;
        struct leat_rpc_request *request; /* that runs; NULL: it is over */
        int64_t over_at;
        uint8_t *reply; /* NULL: it was not kept */
        size_t size_bytes;
        uint8_t bucket;
};

struct bucket {
        struct list over; /* the oldest first */
        size_t bytes;
};

struct rpc_replies {
        struct leat_rpc_server *server;
        uint64_t key[2], check_key[2];
        struct entry **table; /* NULL as long as there was none */
        uint32_t table_size, count;
        uint32_t looked_at; /* the bucket that was looked through last */
        struct bucket buckets[BUCKETS];
        size_t bytes, bytes_most;
};

/* ---- names ---- */

/* Who sent what. */
static struct name name_of(const struct rpc_replies *replies, const struct leat_rpc_request *request) {
        struct {
                uint8_t from[28]; /* of the larger of both families, with the port */
                uint32_t xid, program, version, procedure, checksum;
                uint64_t size;
        } what;
        memset(&what, 0, sizeof(what));
        size_t from_bytes = request->from_bytes < sizeof(what.from) ? request->from_bytes : sizeof(what.from);
        memcpy(what.from, &request->from, from_bytes);
        what.xid = request->call.xid;
        what.program = request->call.program;
        what.version = request->call.version;
        what.procedure = request->call.procedure;
        what.checksum = crc32c(0, request->bytes, request->size_bytes);
        what.size = request->size_bytes;
        return (struct name){ siphash(1, 3, replies->key, &what, sizeof(what)),
                              siphash(1, 3, replies->check_key, &what, sizeof(what)) };
}

/* ---- entries ---- */

static struct entry **link_of(const struct rpc_replies *replies, struct name name) {
        struct entry **link = &replies->table[name.hash & (replies->table_size - 1)];
        while (*link && ((*link)->name.hash != name.hash || (*link)->name.check != name.check))
                link = &(*link)->next;
        return link;
}

static void count_bytes(struct rpc_replies *replies, const struct entry *entry, bool more) {
        size_t bytes = sizeof(*entry) + entry->size_bytes;
        bytes = more ? bytes : 0 - bytes;
        replies->bytes += bytes;
        replies->buckets[entry->bucket].bytes += bytes;
        replies->server->info.kept_bytes += bytes;
}

static void free_entry(struct rpc_replies *replies, struct entry *entry) {
        struct entry **link = link_of(replies, entry->name);
        *link = entry->next;
        list_remove(&entry->node);
        count_bytes(replies, entry, false);
        replies->count--;
        free(entry->reply);
        free(entry);
}

/* A larger table, once there are as many as it has places. Without memory for that it stays as it is. */
static int make_table(struct rpc_replies *replies) {
        uint32_t size = replies->table_size ? 2 * replies->table_size : TABLE_LEAST;
        if (replies->table && (replies->count < replies->table_size || replies->table_size >= TABLE_MOST))
                return 0;
        struct entry **table = calloc(size, sizeof(struct entry *));
        if (!table)
                return replies->table ? 0 : -ENOMEM;
        for (uint32_t i = 0; replies->table && i < replies->table_size; i++)
                while (replies->table[i]) {
                        struct entry *entry = replies->table[i];
                        replies->table[i] = entry->next;
                        entry->next = table[entry->name.hash & (size - 1)];
                        table[entry->name.hash & (size - 1)] = entry;
                }
        free(replies->table);
        replies->table = table;
        replies->table_size = size;
        return 0;
}

static struct entry *make_entry(struct rpc_replies *replies, const struct leat_rpc_request *request, struct name name) {
        if (make_table(replies) < 0)
                return NULL;
        struct entry *entry = calloc(1, sizeof(*entry));
        if (!entry)
                return NULL;
        struct entry **link = &replies->table[name.hash & (replies->table_size - 1)];
        list_init(&entry->node);
        entry->name = name;
        entry->bucket = rpc_peer_group(request->peer);
        entry->next = *link;
        *link = entry;
        replies->count++;
        count_bytes(replies, entry, true);
        return entry;
}

/* ---- bounds ---- */

static bool is_old(const struct rpc_replies *replies, const struct entry *entry, int64_t now) {
        return now - entry->over_at >= replies->server->limits.retransmit_ns;
}

static struct entry *oldest_of(const struct bucket *bucket) {
        return list_empty(&bucket->over) ? NULL : CONTAINER_OF(bucket->over.next, struct entry, node);
}

static void expire_bucket(struct rpc_replies *replies, struct bucket *bucket, int64_t now) {
        for (struct entry *entry = oldest_of(bucket); entry && is_old(replies, entry, now); entry = oldest_of(bucket))
                free_entry(replies, entry);
}

/* Of the own bucket, and of one other after the other. */
static void expire(struct rpc_replies *replies, uint8_t bucket, int64_t now) {
        replies->looked_at = (replies->looked_at + 1) % BUCKETS;
        expire_bucket(replies, &replies->buckets[replies->looked_at], now);
        expire_bucket(replies, &replies->buckets[bucket], now);
}

/* The oldest of those who have most. */
static struct entry *find_victim(const struct rpc_replies *replies) {
        const struct bucket *found = NULL;
        for (uint32_t i = 0; i < BUCKETS; i++) {
                const struct bucket *bucket = &replies->buckets[i];
                if (!list_empty(&bucket->over) && (!found || bucket->bytes > found->bytes))
                        found = bucket;
        }
        return found ? oldest_of(found) : NULL;
}

static void make_room(struct rpc_replies *replies, size_t bytes) {
        while (replies->bytes > replies->bytes_most - bytes) {
                struct entry *victim = find_victim(replies);
                if (!victim)
                        return;
                free_entry(replies, victim);
        }
}

/* ---- requests ---- */

/* It is the answer to a call that came before, and is over. */
static enum rpc_admission answer_again(struct leat_rpc_request *request, const struct entry *entry) {
        const struct companion_answer failed = { .status = LEAT_RPC_SYSTEM_ERROR };
        request->server->info.replayed++;
        if (!entry->reply)
                return rpc_request_tell(request, &failed);
        return rpc_request_write_again(request, entry->reply, entry->size_bytes) == 0 ? RPC_ANSWER : RPC_DROP;
}

enum rpc_admission rpc_replies_admit(struct leat_rpc_request *request) {
        struct rpc_replies *replies = request->server->replies;
        struct name name = name_of(replies, request);
        expire(replies, rpc_peer_group(request->peer), leat_now());
        struct entry *entry = replies->table ? *link_of(replies, name) : NULL;
        if (entry && entry->request) {
                rpc_request_stand_in(entry->request, request);
                return RPC_WAIT;
        }
        if (entry)
                return answer_again(request, entry);
        entry = make_entry(replies, request, name);
        if (!entry) /* who sends a datagram sends it again; who has a connection waits for ever */
                return request->source->caches_all ? RPC_DROP : RPC_RUN;
        make_room(replies, 0);
        entry->request = request;
        request->entry = entry;
        return RPC_RUN;
}

static void keep(struct rpc_replies *replies, struct entry *entry, const struct leat_xdr_buffer *reply) {
        size_t largest = replies->server->limits.kept_bytes_max / LARGEST_SHARE;
        if (reply->size_bytes == 0 || reply->size_bytes > largest)
                return;
        make_room(replies, reply->size_bytes);
        entry->reply = malloc(reply->size_bytes);
        if (!entry->reply)
                return;
        memcpy(entry->reply, reply->bytes, reply->size_bytes);
        count_bytes(replies, entry, false);
        entry->size_bytes = reply->size_bytes;
        count_bytes(replies, entry, true);
}

void rpc_replies_finish(struct leat_rpc_request *request, bool ran) {
        struct rpc_replies *replies = request->server->replies;
        struct entry *entry = request->entry;
        request->entry = NULL;
        entry->request = NULL;
        if (!ran) {
                free_entry(replies, entry);
                return;
        }
        keep(replies, entry, &request->reply);
        entry->over_at = leat_now();
        list_insert(&replies->buckets[entry->bucket].over, &entry->node);
}

/* ---- life ---- */

int rpc_replies_new(struct leat_rpc_server *server, struct rpc_replies **ret_replies) {
        FREE_AT_EXIT struct rpc_replies *replies = calloc(1, sizeof(*replies));
        uint64_t keys[4];
        if (!replies)
                return -ENOMEM;
        if (getrandom(keys, sizeof(keys), 0) != (ssize_t)sizeof(keys))
                return -EIO;
        memcpy(replies->key, keys, sizeof(replies->key));
        memcpy(replies->check_key, keys + 2, sizeof(replies->check_key));
        replies->server = server;
        replies->bytes_most = server->limits.kept_bytes_max / 2;
        for (uint32_t i = 0; i < BUCKETS; i++)
                list_init(&replies->buckets[i].over);
        *ret_replies = TAKE(replies);
        return 0;
}

struct rpc_replies *rpc_replies_free(struct rpc_replies *replies) {
        if (!replies)
                return NULL;
        for (uint32_t i = 0; i < replies->table_size; i++)
                while (replies->table[i])
                        free_entry(replies, replies->table[i]);
        free(replies->table);
        free(replies);
        return NULL;
}
