/* SPDX-License-Identifier: MIT */
#include "rpc/session.h"

#include "base/cleanup.h"
#include "base/siphash.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

/*
 * Bounds. Sessions: sessions_max, and of the peers that share a bucket a quarter of them, before they have to make room for each other. What they
 * keep: half of kept_bytes_max, the other half being the reply cache's; of one session an eighth. What is dropped first are replies, the oldest of those peers that
 * have most, so that no other notices; and when there are none, silent sessions of such peers with their tables.
 */

#define BUCKETS RPC_PEER_GROUPS
#define FIRST_ENTRIES 8u      /* in the session itself: enough for a client with a few calls under way */
#define SHARES 8u             /* of what is kept: one session has at most one */
#define LARGEST_SHARE 16u     /* a reply has at most that part of kept_bytes_max */
#define TABLE_MOST (1u << 20) /* of the hash tables */

enum entry_state { FREE, RUNNING, OVER, REFUSED };

/* A reply that is kept. */
struct kept {
        struct list age; /* in its bucket, the oldest first */
        struct list own; /* in session->kept */
        struct rpc_session *session;
        uint64_t sequence;
        size_t size_bytes;
        uint8_t bytes[];
};

struct entry {
        uint64_t sequence; /* of what it is about, unless it is FREE */
        enum entry_state state;
        enum companion_outcome outcome; /* REFUSED */
        union {
                struct leat_rpc_request *request; /* RUNNING */
                struct kept *kept;                /* OVER; NULL: its reply was not kept */
        };
};

struct rpc_session {
        struct list node; /* in a bucket's list */
        struct rpc_session *next_by_client, *next_by_number;
        uint64_t number;
        uint8_t client[COMPANION_ID_BYTES];
        uint8_t bucket;
        uint32_t running;
        uint64_t used;           /* when it was heard of last, by sessions->clock */
        uint64_t floor, highest; /* no entry is outside of (floor, highest] */
        struct entry *entries;   /* by number: the table that has more than `first` */
        uint32_t size;           /* of it, a power of two */
        struct entry first[FIRST_ENTRIES];
        struct list kept; /* the oldest first */
        size_t kept_bytes;
};

struct bucket {
        struct list sessions; /* the one that was silent longest first */
        uint32_t count;
        struct list kept; /* replies of them all, the oldest first */
        size_t bytes;     /* of replies and of tables */
};

struct rpc_sessions {
        struct leat_rpc_server *server;
        uint64_t key[2];
        struct rpc_session **by_client, **by_number; /* NULL as long as there was none */
        uint32_t table_size;
        uint32_t count;
        uint64_t clock;
        struct bucket buckets[BUCKETS];
        size_t bytes, bytes_most; /* of all buckets */
};

/* ---- life ---- */

static int draw(void *ret_bytes, size_t size_bytes) {
        return getrandom(ret_bytes, size_bytes, 0) == (ssize_t)size_bytes ? 0 : -EIO;
}

int rpc_sessions_new(struct leat_rpc_server *server, struct rpc_sessions **ret_sessions) {
        FREE_AT_EXIT struct rpc_sessions *sessions = calloc(1, sizeof(*sessions));
        if (!sessions)
                return -ENOMEM;
        int r = draw(sessions->key, sizeof(sessions->key));
        if (r < 0)
                return r;
        sessions->server = server;
        sessions->bytes_most = server->limits.kept_bytes_max / 2;
        for (uint32_t i = 0; i < BUCKETS; i++) {
                list_init(&sessions->buckets[i].sessions);
                list_init(&sessions->buckets[i].kept);
        }
        *ret_sessions = TAKE(sessions);
        return 0;
}

/* ---- what is kept ---- */

static void free_session(struct rpc_sessions *sessions, struct rpc_session *session);

static struct bucket *bucket_of(struct rpc_sessions *sessions, const struct rpc_session *session) {
        return &sessions->buckets[session->bucket];
}

static void add_bytes(struct rpc_sessions *sessions, const struct rpc_session *session, size_t bytes) {
        sessions->bytes += bytes;
        bucket_of(sessions, session)->bytes += bytes;
        sessions->server->info.kept_bytes += bytes;
}

static void take_bytes(struct rpc_sessions *sessions, const struct rpc_session *session, size_t bytes) {
        add_bytes(sessions, session, 0 - bytes);
}

static size_t kept_cost(size_t size_bytes) {
        return sizeof(struct kept) + size_bytes;
}

/* The entry of a number, or NULL. */
static struct entry *find_entry(struct rpc_session *session, uint64_t sequence) {
        struct entry *entry = &session->entries[sequence & (session->size - 1)];
        return entry->state != FREE && entry->sequence == sequence ? entry : NULL;
}

static void free_kept(struct rpc_sessions *sessions, struct kept *kept) {
        list_remove(&kept->age);
        list_remove(&kept->own);
        kept->session->kept_bytes -= kept_cost(kept->size_bytes);
        take_bytes(sessions, kept->session, kept_cost(kept->size_bytes));
        free(kept);
}

/* Its entry stays: it ran, and that is what is told. */
static void drop_kept(struct rpc_sessions *sessions, struct kept *kept) {
        struct entry *entry = find_entry(kept->session, kept->sequence);
        if (entry && entry->state == OVER)
                entry->kept = NULL;
        free_kept(sessions, kept);
}

/* The bucket that has most, but for those of the set; or NULL. */
static struct bucket *heaviest(struct rpc_sessions *sessions, uint64_t without) {
        struct bucket *found = NULL;
        for (uint32_t i = 0; i < BUCKETS; i++) {
                struct bucket *bucket = &sessions->buckets[i];
                if (!(without >> i & 1) && (!found || bucket->bytes > found->bytes))
                        found = bucket;
        }
        return found;
}

static bool has_table(const struct rpc_session *session) {
        return session->entries != session->first;
}

/* The one of a bucket that was silent longest, runs nothing and has a table, if that is wanted; or NULL. */
static struct rpc_session *silent_of(const struct bucket *bucket, bool with_table) {
        for (struct list *node = bucket->sessions.next; node != &bucket->sessions; node = node->next) {
                struct rpc_session *session = CONTAINER_OF(node, struct rpc_session, node);
                if (session->running == 0 && (!with_table || has_table(session)))
                        return session;
        }
        return NULL;
}

/* A reply; or a session, but not one beside that which wants the room. */
static bool give_way(struct rpc_sessions *sessions, struct bucket *bucket, const struct rpc_session *to) {
        if (!list_empty(&bucket->kept)) {
                drop_kept(sessions, CONTAINER_OF(bucket->kept.next, struct kept, age));
                return true;
        }
        struct rpc_session *session = bucket == bucket_of(sessions, to) ? NULL : silent_of(bucket, true);
        if (session)
                free_session(sessions, session);
        return session != NULL;
}

/* Nobody gives way to who has more than himself. */
static bool drop_something(struct rpc_sessions *sessions, const struct rpc_session *to) {
        uint64_t without = 0;
        struct bucket *bucket = heaviest(sessions, without);
        while (bucket && bucket->bytes >= bucket_of(sessions, to)->bytes) {
                if (give_way(sessions, bucket, to))
                        return true;
                without |= UINT64_C(1) << (bucket - sessions->buckets);
                bucket = heaviest(sessions, without);
        }
        return false;
}

_Static_assert(BUCKETS <= 64, "a set of them is a number");

/* Room for so many bytes more of this session. */
static bool make_room(struct rpc_sessions *sessions, const struct rpc_session *session, size_t bytes) {
        if (bytes > sessions->bytes_most)
                return false;
        while (sessions->bytes > sessions->bytes_most - bytes)
                if (!drop_something(sessions, session))
                        return false;
        return true;
}

static bool make_room_of_own(struct rpc_sessions *sessions, struct rpc_session *session, size_t bytes) {
        size_t share = sessions->bytes_most / SHARES;
        if (bytes > share)
                return false;
        while (session->kept_bytes > share - bytes && !list_empty(&session->kept))
                drop_kept(sessions, CONTAINER_OF(session->kept.next, struct kept, own));
        return make_room(sessions, session, bytes);
}

/* NULL: it is too large, or there is no memory. */
static struct kept *keep(struct rpc_sessions *sessions, struct rpc_session *session, uint64_t sequence,
                         const struct leat_xdr_buffer *reply) {
        size_t cost = kept_cost(reply->size_bytes);
        if (reply->size_bytes == 0 || cost > sessions->server->limits.kept_bytes_max / LARGEST_SHARE ||
            !make_room_of_own(sessions, session, cost))
                return NULL;
        struct kept *kept = malloc(cost);
        if (!kept)
                return NULL;
        kept->session = session;
        kept->sequence = sequence;
        kept->size_bytes = reply->size_bytes;
        memcpy(kept->bytes, reply->bytes, reply->size_bytes);
        list_insert(&bucket_of(sessions, session)->kept, &kept->age);
        list_insert(&session->kept, &kept->own);
        session->kept_bytes += cost;
        add_bytes(sessions, session, cost);
        return kept;
}

/* ---- entries ---- */

static size_t table_bytes(const struct rpc_session *session) {
        return has_table(session) ? session->size * sizeof(struct entry) : 0;
}

/* It is no session's any more. */
static void part(struct leat_rpc_request *request) {
        request->session->running--;
        request->session = NULL;
}

/* Its request goes on. The client will not ask for its answer: nobody waits for it. */
static void let_go(const struct entry *entry) {
        part(entry->request);
        atomic_store_explicit(&entry->request->cancelled, true, memory_order_relaxed);
}

static void clear_entry(struct rpc_sessions *sessions, struct entry *entry) {
        if (entry->state == RUNNING)
                let_go(entry);
        else if (entry->state == OVER && entry->kept)
                free_kept(sessions, entry->kept);
        entry->state = FREE;
}

/* The entries of its own are enough again. */
static void use_first(struct rpc_sessions *sessions, struct rpc_session *session) {
        if (has_table(session)) {
                take_bytes(sessions, session, table_bytes(session));
                free(session->entries);
        }
        session->entries = session->first;
        session->size = FIRST_ENTRIES;
        memset(session->first, 0, sizeof(session->first));
}

/* The numbers up to there are over for the client (S2). */
static void acknowledge(struct rpc_sessions *sessions, struct rpc_session *session, uint64_t sequence) {
        if (sequence <= session->floor)
                return;
        uint64_t last = sequence < session->highest ? sequence : session->highest;
        for (uint64_t at = session->floor + 1; at <= last; at++) {
                struct entry *entry = find_entry(session, at);
                if (entry)
                        clear_entry(sessions, entry);
        }
        session->floor = sequence;
        if (session->highest < sequence)
                session->highest = sequence;
        if (session->highest == sequence && has_table(session))
                use_first(sessions, session);
}

/* A table in which this number has its place. */
static int grow(struct rpc_sessions *sessions, struct rpc_session *session, uint64_t sequence) {
        uint64_t distance = sequence - session->floor;
        uint32_t size = session->size;
        while (size < distance)
                size *= 2;
        if (size == session->size)
                return 0;
        if (!make_room(sessions, session, size * sizeof(struct entry)))
                return -ENOBUFS;
        struct entry *entries = calloc(size, sizeof(*entries));
        if (!entries)
                return -ENOMEM;
        for (uint32_t i = 0; i < session->size; i++)
                if (session->entries[i].state != FREE)
                        entries[session->entries[i].sequence & (size - 1)] = session->entries[i];
        use_first(sessions, session);
        session->entries = entries;
        session->size = size;
        add_bytes(sessions, session, table_bytes(session));
        return 0;
}

/* A place for a number that is above the floor, within the window, and has none. */
static int make_entry(struct rpc_sessions *sessions, struct rpc_session *session, uint64_t sequence,
                      struct entry **ret_entry) {
        int r = grow(sessions, session, sequence);
        if (r < 0)
                return r;
        struct entry *entry = &session->entries[sequence & (session->size - 1)];
        *entry = (struct entry){ .sequence = sequence };
        if (session->highest < sequence)
                session->highest = sequence;
        *ret_entry = entry;
        return 0;
}

/* ---- sessions ---- */

static uint32_t place_by_client(const struct rpc_sessions *sessions, const uint8_t client[COMPANION_ID_BYTES]) {
        return (uint32_t)siphash(1, 3, sessions->key, client, COMPANION_ID_BYTES) & (sessions->table_size - 1);
}

static struct rpc_session *find_by_client(const struct rpc_sessions *sessions,
                                          const uint8_t client[COMPANION_ID_BYTES]) {
        if (sessions->count == 0)
                return NULL;
        struct rpc_session *session = sessions->by_client[place_by_client(sessions, client)];
        while (session && memcmp(session->client, client, COMPANION_ID_BYTES) != 0)
                session = session->next_by_client;
        return session;
}

/* Numbers are drawn at random here, so they need no hash. */
static struct rpc_session *find_by_number(const struct rpc_sessions *sessions, uint64_t number) {
        if (sessions->count == 0)
                return NULL;
        struct rpc_session *session = sessions->by_number[number & (sessions->table_size - 1)];
        while (session && session->number != number)
                session = session->next_by_number;
        return session;
}

/* It was heard of. */
static void touch(struct rpc_sessions *sessions, struct rpc_session *session) {
        session->used = ++sessions->clock;
        list_remove(&session->node);
        list_insert(&bucket_of(sessions, session)->sessions, &session->node);
}

static void unlink_session(struct rpc_sessions *sessions, struct rpc_session *session) {
        struct rpc_session **link = &sessions->by_client[place_by_client(sessions, session->client)];
        while (*link != session)
                link = &(*link)->next_by_client;
        *link = session->next_by_client;
        link = &sessions->by_number[session->number & (sessions->table_size - 1)];
        while (*link != session)
                link = &(*link)->next_by_number;
        *link = session->next_by_number;
        list_remove(&session->node);
        bucket_of(sessions, session)->count--;
        sessions->server->info.sessions = --sessions->count;
}

static void free_session(struct rpc_sessions *sessions, struct rpc_session *session) {
        unlink_session(sessions, session);
        for (uint32_t i = 0; i < session->size; i++)
                clear_entry(sessions, &session->entries[i]);
        use_first(sessions, session);
        free(session);
}

struct rpc_sessions *rpc_sessions_free(struct rpc_sessions *sessions) {
        if (!sessions)
                return NULL;
        for (uint32_t i = 0; i < BUCKETS; i++)
                while (!list_empty(&sessions->buckets[i].sessions))
                        free_session(sessions,
                                     CONTAINER_OF(sessions->buckets[i].sessions.next, struct rpc_session, node));
        free(sessions->by_client);
        free(sessions->by_number);
        free(sessions);
        return NULL;
}

/* ---- room for a new one ---- */

static struct rpc_session *silent_of_all(const struct rpc_sessions *sessions) {
        struct rpc_session *found = NULL;
        for (uint32_t i = 0; i < BUCKETS; i++) {
                struct rpc_session *session = silent_of(&sessions->buckets[i], false);
                if (session && (!found || session->used < found->used))
                        found = session;
        }
        return found;
}

/* Who has a quarter already makes room out of its own. */
static bool evict(struct rpc_sessions *sessions, const struct bucket *bucket) {
        struct rpc_session *session = NULL;
        if (bucket->count > sessions->server->limits.sessions_max / 4)
                session = silent_of(bucket, false);
        if (!session)
                session = silent_of_all(sessions);
        if (session)
                free_session(sessions, session);
        return session != NULL;
}

static int make_tables(struct rpc_sessions *sessions) {
        uint32_t size = 16;
        if (sessions->by_client)
                return 0;
        while (size < sessions->server->limits.sessions_max && size < TABLE_MOST)
                size *= 2;
        FREE_AT_EXIT struct rpc_session **by_client = calloc(size, sizeof(struct rpc_session *));
        FREE_AT_EXIT struct rpc_session **by_number = calloc(size, sizeof(struct rpc_session *));
        if (!by_client || !by_number)
                return -ENOMEM;
        sessions->by_client = TAKE(by_client);
        sessions->by_number = TAKE(by_number);
        sessions->table_size = size;
        return 0;
}

/* A number that is nobody's, and not 0. */
static int draw_number(const struct rpc_sessions *sessions, uint64_t *ret_number) {
        int r;
        do
                r = draw(ret_number, sizeof(*ret_number));
        while (r == 0 && (*ret_number == 0 || find_by_number(sessions, *ret_number)));
        return r;
}

static void link_session(struct rpc_sessions *sessions, struct rpc_session *session) {
        struct rpc_session **client = &sessions->by_client[place_by_client(sessions, session->client)];
        struct rpc_session **number = &sessions->by_number[session->number & (sessions->table_size - 1)];
        session->next_by_client = *client;
        *client = session;
        session->next_by_number = *number;
        *number = session;
        list_insert(&bucket_of(sessions, session)->sessions, &session->node);
        bucket_of(sessions, session)->count++;
        sessions->server->info.sessions = ++sessions->count;
}

static int make_session(struct rpc_sessions *sessions, const uint8_t client[COMPANION_ID_BYTES],
                        const struct rpc_peer *peer, struct rpc_session **ret_session) {
        uint8_t bucket = rpc_peer_group(peer);
        int r = make_tables(sessions);
        if (r < 0)
                return r;
        if (sessions->count >= sessions->server->limits.sessions_max && !evict(sessions, &sessions->buckets[bucket]))
                return -EBUSY;
        FREE_AT_EXIT struct rpc_session *session = calloc(1, sizeof(*session));
        r = session ? draw_number(sessions, &session->number) : -ENOMEM;
        if (r < 0)
                return r;
        memcpy(session->client, client, COMPANION_ID_BYTES);
        session->bucket = bucket;
        session->entries = session->first;
        session->size = FIRST_ENTRIES;
        list_init(&session->kept);
        link_session(sessions, session);
        *ret_session = TAKE(session);
        return 0;
}

int rpc_session_greet(struct leat_rpc_server *server, const uint8_t client[COMPANION_ID_BYTES],
                      const struct rpc_peer *peer, struct companion_greeted *ret_greeted) {
        struct rpc_sessions *sessions = server->sessions;
        struct rpc_session *session = find_by_client(sessions, client);
        struct companion_greeted greeted = { .window = RPC_SESSION_WINDOW,
                                             .largest_bytes = COMPANION_UNLIMITED,
                                             .known = session != NULL };
        int r = session ? 0 : make_session(sessions, client, peer, &session);
        if (r < 0)
                return r;
        touch(sessions, session);
        greeted.session = session->number;
        memcpy(greeted.server, server->id, sizeof(greeted.server));
        *ret_greeted = greeted;
        return 0;
}

/* ---- calls ---- */

static enum rpc_asked tell(enum companion_outcome outcome, enum companion_outcome *ret_outcome) {
        *ret_outcome = outcome;
        return RPC_ASKED_TOLD;
}

static enum rpc_asked tell_kept(const struct kept *kept, struct leat_rpc_request *request,
                                enum companion_outcome *ret_outcome) {
        if (!kept || rpc_request_write_again(request, kept->bytes, kept->size_bytes) < 0)
                return tell(COMPANION_RAN, ret_outcome);
        request->server->info.replayed++;
        return RPC_ASKED_KEPT;
}

/* S3 */
static enum rpc_asked ask_entry(const struct entry *entry, struct leat_rpc_request *request,
                                enum companion_outcome *ret_outcome) {
        if (entry->state == REFUSED)
                return tell(entry->outcome, ret_outcome);
        if (entry->state == OVER)
                return tell_kept(entry->kept, request, ret_outcome);
        rpc_request_stand_in(entry->request, request);
        return RPC_ASKED_RUNNING;
}

enum rpc_asked rpc_session_ask(struct leat_rpc_request *request, enum companion_outcome *ret_outcome) {
        struct rpc_sessions *sessions = request->server->sessions;
        const struct companion_context *context = &request->context;
        struct rpc_session *session = find_by_number(sessions, context->session);
        if (!session)
                return tell(COMPANION_STALE, ret_outcome);
        if (context->sequence == 0 || context->acknowledged >= context->sequence)
                return RPC_ASKED_BROKEN;
        touch(sessions, session);
        acknowledge(sessions, session, context->acknowledged);
        if (context->sequence <= session->floor)
                return tell(COMPANION_FORGOTTEN, ret_outcome);
        const struct entry *entry = find_entry(session, context->sequence);
        if (entry)
                return ask_entry(entry, request, ret_outcome);
        if (context->sequence - session->floor > RPC_SESSION_WINDOW)
                return tell(COMPANION_BUSY, ret_outcome);
        return RPC_ASKED_NEW;
}

int rpc_session_enter(struct leat_rpc_request *request) {
        struct rpc_sessions *sessions = request->server->sessions;
        struct rpc_session *session = find_by_number(sessions, request->context.session);
        struct entry *entry;
        int r = session ? make_entry(sessions, session, request->context.sequence, &entry) : -ENOBUFS;
        if (r < 0)
                return r;
        entry->state = RUNNING;
        entry->request = request;
        session->running++;
        request->session = session;
        return 0;
}

static void refuse(struct entry *entry, enum companion_outcome outcome) {
        entry->state = REFUSED;
        entry->outcome = outcome;
}

void rpc_session_refuse(struct leat_rpc_request *request, enum companion_outcome outcome) {
        struct rpc_sessions *sessions = request->server->sessions;
        struct rpc_session *session = request->session;
        struct entry *entry = NULL;
        if (session) { /* it was entered */
                part(request);
                entry = find_entry(session, request->context.sequence);
        } else {
                session = find_by_number(sessions, request->context.session);
                if (!session || make_entry(sessions, session, request->context.sequence, &entry) < 0)
                        return; /* its client is told of this sending alone */
        }
        refuse(entry, outcome);
}

void rpc_session_finish(struct leat_rpc_request *request, bool ran) {
        struct rpc_sessions *sessions = request->server->sessions;
        struct rpc_session *session = request->session;
        struct entry *entry = find_entry(session, request->context.sequence);
        part(request);
        entry->state = ran ? OVER : FREE;
        entry->kept = NULL;
        if (ran)
                entry->kept = keep(sessions, session, request->context.sequence, &request->reply);
}

void rpc_session_cancel(struct leat_rpc_server *server, const struct companion_cancel *cancel) {
        struct rpc_sessions *sessions = server->sessions;
        struct rpc_session *session = find_by_number(sessions, cancel->session);
        if (!session || cancel->sequence <= session->floor)
                return;
        touch(sessions, session);
        struct entry *entry = find_entry(session, cancel->sequence);
        if (entry && entry->state == RUNNING)
                atomic_store_explicit(&entry->request->cancelled, true, memory_order_relaxed);
        if (entry || cancel->sequence - session->floor > RPC_SESSION_WINDOW)
                return;
        if (make_entry(sessions, session, cancel->sequence, &entry) == 0)
                refuse(entry, COMPANION_CANCELLED);
}

void rpc_session_leave(struct leat_rpc_server *server, uint64_t number) {
        struct rpc_session *session = find_by_number(server->sessions, number);
        if (session)
                free_session(server->sessions, session);
}
