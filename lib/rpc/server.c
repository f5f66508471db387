/* SPDX-License-Identifier: MIT */

/* A server's life, what it allows, what it serves, and what is known of it. */

#include "rpc/server.h"

#include "base/cleanup.h"
#include "base/options.h"
#include "base/siphash.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>

/* Descriptors that are not for connections: the program's own, and those of handlers. */
#define DESCRIPTORS_LEFT 32u
#define REQUESTS_OF_A_PEER 4u /* of the largest size, for which its share has room if nothing else is said */

/* ---- what it allows ---- */

static void set_default(size_t *limit, size_t value) {
        if (*limit == 0)
                *limit = value;
}

static void set_default_count(uint32_t *limit, uint32_t value) {
        if (*limit == 0)
                *limit = value;
}

/* No more than RLIMIT_NOFILE leaves: a 16th of that, too, is for others. */
static void bound_connections(uint32_t *limit) {
        struct rlimit files;
        if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY)
                return;
        rlim_t left = files.rlim_cur / 16 > DESCRIPTORS_LEFT ? files.rlim_cur / 16 : DESCRIPTORS_LEFT;
        rlim_t most = files.rlim_cur > left ? files.rlim_cur - left : 1;
        if (*limit > most)
                *limit = (uint32_t)most;
}

static size_t smaller(size_t a, size_t b) {
        return a < b ? a : b;
}

static size_t larger(size_t a, size_t b) {
        return a > b ? a : b;
}

/* One of these contains the next: what is allowed has room. Those that are not given are made as those that are want them. -EINVAL: two that are given contradict each other. */
static int set_memory(struct leat_rpc_server_options *limits) {
        size_t all = limits->bytes_max, peer = limits->peer_bytes_max, request = limits->request_bytes_max;
        size_t least = smaller(all > 0 ? all : SIZE_MAX, peer > 0 ? peer : SIZE_MAX);
        set_default(&request, smaller((size_t)1 << 20, least));
        size_t several = request < SIZE_MAX / REQUESTS_OF_A_PEER ? request * REQUESTS_OF_A_PEER : SIZE_MAX;
        set_default(&peer, smaller(larger((size_t)32 << 20, several), all > 0 ? all : SIZE_MAX));
        set_default(&all, larger((size_t)256 << 20, peer));
        limits->bytes_max = all;
        limits->peer_bytes_max = peer;
        limits->request_bytes_max = request;
        return request <= peer && peer <= all ? 0 : -EINVAL;
}

static int set_limits(const struct leat_rpc_server_options *given, struct leat_rpc_server_options *limits) {
        *limits = (struct leat_rpc_server_options)LEAT_RPC_SERVER_OPTIONS_INIT;
        int r = given ? options_take(given, limits, sizeof(*limits)) : 0;
        if (r < 0 || limits->retransmit_ns < 0 || limits->request_bytes_max > INT32_MAX || set_memory(limits) < 0)
                return -EINVAL;
        limits->size = sizeof(*limits);
        set_default_count(&limits->connections_max, 10000);
        set_default_count(&limits->peer_connections_max, 10000);
        set_default_count(&limits->calls_max, 1024);
        set_default_count(&limits->peer_calls_max, 256);
        set_default(&limits->kept_bytes_max, (size_t)64 << 20);
        set_default_count(&limits->sessions_max, 4096);
        limits->retransmit_ns = limits->retransmit_ns ? limits->retransmit_ns : INT64_C(60000000000);
        bound_connections(&limits->connections_max);
        return 0;
}

/* ---- peers ---- */

/* One that has a network of IPv6 has 2^64 addresses in it: it counts as one. Of a link there are many who have one each. */
static void set_key_of_ipv6(const struct sockaddr_in6 *address, uint8_t key[24]) {
        bool is_link = IN6_IS_ADDR_LINKLOCAL(&address->sin6_addr);
        uint32_t scope = is_link ? address->sin6_scope_id : 0;
        if (IN6_IS_ADDR_V4MAPPED(&address->sin6_addr)) {
                key[0] = AF_INET;
                memcpy(key + 4, address->sin6_addr.s6_addr + 12, 4);
                return;
        }
        memcpy(key + 4, &address->sin6_addr, is_link ? 16 : 8);
        memcpy(key + 20, &scope, sizeof(scope));
}

void rpc_peer_key_of(const struct sockaddr_storage *address, const struct leat_peer *peer, uint8_t ret_key[24]) {
        memset(ret_key, 0, 24);
        ret_key[0] = (uint8_t)address->ss_family;
        if (address->ss_family == AF_INET)
                memcpy(ret_key + 4, &((const struct sockaddr_in *)address)->sin_addr, 4);
        else if (address->ss_family == AF_INET6)
                set_key_of_ipv6((const struct sockaddr_in6 *)address, ret_key);
        else if (peer && peer->known)
                memcpy(ret_key + 4, &peer->uid, sizeof(peer->uid));
}

struct rpc_peer *rpc_peer_enter(struct leat_rpc_server *server, const uint8_t key[24]) {
        uint64_t hash = siphash(1, 3, server->peers_key, key, 24);
        struct list *bucket = &server->peers[hash % RPC_PEER_BUCKETS];
        for (struct list *node = bucket->next; node != bucket; node = node->next) {
                struct rpc_peer *peer = CONTAINER_OF(node, struct rpc_peer, node);
                if (memcmp(peer->key, key, sizeof(peer->key)) == 0) {
                        peer->references++;
                        return peer;
                }
        }
        struct rpc_peer *peer = calloc(1, sizeof(*peer));
        if (!peer)
                return NULL;
        memcpy(peer->key, key, sizeof(peer->key));
        peer->hash = hash;
        peer->references = 1;
        list_insert(bucket, &peer->node);
        return peer;
}

void rpc_peer_leave(struct rpc_peer *peer) {
        if (--peer->references > 0)
                return;
        list_remove(&peer->node);
        free(peer);
}

void rpc_peer_add_bytes(struct leat_rpc_server *server, struct rpc_peer *peer, ssize_t bytes) {
        peer->bytes += (size_t)bytes;
        server->info.bytes += (size_t)bytes;
}

static int make_peers(struct leat_rpc_server *server) {
        server->peers = malloc(RPC_PEER_BUCKETS * sizeof(*server->peers));
        if (!server->peers)
                return -ENOMEM;
        for (size_t i = 0; i < RPC_PEER_BUCKETS; i++)
                list_init(&server->peers[i]);
        return getrandom(server->peers_key, sizeof(server->peers_key), 0) == (ssize_t)sizeof(server->peers_key) ? 0
                                                                                                                : -EIO;
}

static void free_peers(struct leat_rpc_server *server) {
        for (size_t i = 0; server->peers && i < RPC_PEER_BUCKETS; i++)
                while (!list_empty(&server->peers[i])) {
                        struct rpc_peer *peer = CONTAINER_OF(server->peers[i].next, struct rpc_peer, node);
                        list_remove(&peer->node);
                        free(peer);
                }
        free(server->peers);
}

/* ---- life ---- */

static void after_fork(struct fork_member *member) {
        struct leat_rpc_server *server = CONTAINER_OF(member, struct leat_rpc_server, member);
        for (struct list *node = server->watches.next; node != &server->watches; node = node->next) {
                struct rpc_watch *watch = CONTAINER_OF(node, struct rpc_watch, all);
                if (!watch->borrowed)
                        watch->fd = close_fd(watch->fd);
        }
        rpc_listeners_after_fork(server);
        server->arriving_fd = close_fd(server->arriving_fd);
        server->reserve_fd = close_fd(server->reserve_fd);
        server->epoll = close_fd(server->epoll);
        wake_close(&server->wake);
}

static void clear_wake(struct leat_rpc_server *server, struct rpc_watch *watch, uint32_t events) {
        (void)watch, (void)events;
        wake_clear(&server->wake);
}

static int open_descriptors(struct leat_rpc_server *server) {
        fork_hold();
        server->epoll = epoll_create1(EPOLL_CLOEXEC);
        int r = server->epoll < 0 ? -errno : wake_init(&server->wake);
        if (r == 0)
                server->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        fork_release();
        server->wake_watch = (struct rpc_watch){ .fd = server->wake.fd, .ready = clear_wake, .borrowed = true };
        return r < 0 ? r : rpc_watch_set(server, &server->wake_watch, EPOLLIN);
}

static void init_lists(struct leat_rpc_server *server) {
        struct list *const lists[] = { &server->watches,     &server->turns,         &server->listeners,
                                       &server->connections, &server->datagrams,     &server->channels,
                                       &server->running,     &server->free_requests, &server->starved,
                                       &server->finished };
        for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
                list_init(lists[i]);
}

static void free_server_at(struct leat_rpc_server **server) {
        *server = leat_rpc_server_free(*server);
}

/* What free() needs, at least. */
static int make(struct leat_rpc_server **ret_server) {
        struct leat_rpc_server *server = calloc(1, sizeof(*server));
        if (!server)
                return -ENOMEM;
        init_lists(server);
        server->epoll = server->reserve_fd = server->arriving_fd = -1;
        server->wake = WAKE_NONE;
        server->member.after_fork = after_fork;
        server->due = LEAT_NEVER;
        server->info.size = sizeof(server->info);
        spin_init(&server->spin, SPIN_ADAPTIVE);
        int r = -pthread_mutex_init(&server->lock, NULL);
        if (r == 0)
                r = fork_enter(&server->member);
        if (r < 0) {
                free(server);
                return r;
        }
        *ret_server = server;
        return 0;
}

int leat_rpc_server_create(const struct leat_rpc_server_options *options, struct leat_rpc_server **ret_server) {
        CLEANUP(free_server_at) struct leat_rpc_server *server = NULL;
        struct leat_rpc_server_options limits;
        int r = ret_server ? set_limits(options, &limits) : -EINVAL;
        if (r == 0)
                r = make(&server);
        if (r < 0 || !server)
                return r;
        server->limits = limits;
        r = make_peers(server);
        if (r == 0 && getrandom(server->id, sizeof(server->id), 0) != (ssize_t)sizeof(server->id))
                r = -EIO;
        if (r == 0)
                r = open_descriptors(server);
        if (r == 0)
                r = rpc_sessions_new(server, &server->sessions);
        if (r == 0)
                r = rpc_replies_new(server, &server->replies);
        if (r < 0)
                return r;
        *ret_server = TAKE(server);
        return 0;
}

int leat_rpc_server_new(struct leat_channel *channel, struct leat_rpc_server **ret_server) {
        CLEANUP(free_server_at) struct leat_rpc_server *server = NULL;
        int r = channel && ret_server ? leat_rpc_server_create(NULL, &server) : -EINVAL;
        if (r == 0)
                r = leat_rpc_server_add_channel(server, channel);
        if (r == 0)
                *ret_server = TAKE(server);
        return r;
}

static void free_all(struct leat_rpc_server *server) {
        rpc_channel_close_all(server);
        rpc_stream_close_all(server);
        rpc_datagram_close_all(server);
        rpc_listeners_close_all(server);
        rpc_requests_free(server);
        server->sessions = rpc_sessions_free(server->sessions);
        server->replies = rpc_replies_free(server->replies);
        free_peers(server);
        wake_close(&server->wake);
        close_fd(server->reserve_fd);
        close_fd(server->epoll);
        free(server->services);
        (void)pthread_mutex_destroy(&server->lock);
        free(server);
}

/*
 * A forked child has none of the threads, and its descriptors were closed by the handler: it frees memory, and touches nothing that is its parent's. What the threads
 * were at when it was forked is not to be mended: with them its copy stays where it is.
 */
static void free_copy(struct leat_rpc_server *server) {
        bool had_threads = server->pool;
        fork_leave(&server->member);
        if (had_threads || pthread_mutex_init(&server->lock, NULL) != 0)
                return;
        free_all(server);
}

struct leat_rpc_server *leat_rpc_server_free(struct leat_rpc_server *server) {
        if (!server)
                return NULL;
        if (!fork_owns(&server->member)) {
                free_copy(server);
                return NULL;
        }
        server->pool = rpc_pool_free(server->pool);
        fork_leave(&server->member);
        free_all(server);
        return NULL;
}

/* ---- what it serves ---- */

static bool serves(const struct leat_rpc_server *server, const struct leat_rpc_program *program) {
        for (size_t i = 0; i < server->services_count; i++) {
                const struct leat_rpc_program *other = server->services[i].program;
                if (other->number == program->number && other->version == program->version)
                        return true;
        }
        return false;
}

/* Is somebody in a step, or a request under way, which has its service by its place? */
static bool is_busy(struct leat_rpc_server *server) {
        (void)pthread_mutex_lock(&server->lock);
        bool busy = rpc_server_is_running(server) || server->info.running > 0;
        (void)pthread_mutex_unlock(&server->lock);
        return busy;
}

int leat_rpc_server_add(struct leat_rpc_server *server, struct leat_rpc_service service) {
        const struct leat_rpc_program *program = service.program;
        if (!server || !program || !service.dispatch || !program->schema)
                return -EINVAL;
        if (!fork_owns(&server->member))
                return -ECHILD;
        if (program->schema->version != LEAT_XDR_SCHEMA)
                return -EPROTONOSUPPORT;
        if (is_busy(server))
                return -EBUSY;
        if (serves(server, program))
                return -EEXIST;
        struct leat_rpc_service *services = realloc(server->services, (server->services_count + 1) * sizeof(*services));
        if (!services)
                return -ENOMEM;
        services[server->services_count++] = service;
        server->services = services;
        return 0;
}

/* ---- what is known of it ---- */

uint64_t leat_rpc_server_unanswered(const struct leat_rpc_server *server) {
        struct leat_rpc_server *own = (struct leat_rpc_server *)(uintptr_t)server; /* for its lock */
        if (!server)
                return 0;
        (void)pthread_mutex_lock(&own->lock);
        uint64_t unanswered = server->info.unanswered;
        (void)pthread_mutex_unlock(&own->lock);
        return unanswered;
}

int leat_rpc_server_info(struct leat_rpc_server *server, struct leat_rpc_server_info *ret_info) {
        if (!server || !ret_info || ret_info->size < sizeof(ret_info->size))
                return -EINVAL;
        if (!fork_owns(&server->member))
                return -ECHILD;
        (void)pthread_mutex_lock(&server->lock);
        struct leat_rpc_server_info info = server->info;
        (void)pthread_mutex_unlock(&server->lock);
        info.calls += atomic_load_explicit(&server->quick_calls, memory_order_relaxed);
        info.replies += atomic_load_explicit(&server->quick_replies, memory_order_relaxed);
        info.running += atomic_load_explicit(&server->quick_running, memory_order_relaxed);
        options_tell(&info, sizeof(info), ret_info);
        return 0;
}
