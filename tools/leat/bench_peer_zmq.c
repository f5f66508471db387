/* SPDX-License-Identifier: MIT */

/* ZeroMQ: a PAIR of sockets over ipc://, which are unix sockets served by a thread of its own in each process. */

#include "tools/leat/bench_peer.h"

#define ZMQ_PAIR 0

static void *(*zmq_ctx_new_at)(void);
static void *(*zmq_socket_at)(void *context, int type);
static int (*zmq_bind_at)(void *socket, const char *address);
static int (*zmq_connect_at)(void *socket, const char *address);
static int (*zmq_send_at)(void *socket, const void *bytes, size_t size, int flags);
static int (*zmq_recv_at)(void *socket, void *buffer, size_t size, int flags);

static bool load(void *library) {
        return peer_find(library, "zmq_ctx_new", &zmq_ctx_new_at) && peer_find(library, "zmq_socket", &zmq_socket_at) &&
               peer_find(library, "zmq_bind", &zmq_bind_at) && peer_find(library, "zmq_connect", &zmq_connect_at) &&
               peer_find(library, "zmq_send", &zmq_send_at) && peer_find(library, "zmq_recv", &zmq_recv_at);
}

static int open_socket(struct end *end, int (*join)(void *socket, const char *address)) {
        char address[BENCH_ADDRESS_SIZE];
        void *context = zmq_ctx_new_at();
        end->state = context ? zmq_socket_at(context, ZMQ_PAIR) : NULL;
        peer_address(end, "ipc://", address);
        return !end->state || join(end->state, address) < 0 ? -errno : 0;
}

static int bind_zmq(struct end *end) {
        return end->side == 1 ? open_socket(end, zmq_bind_at) : 0;
}

static int connect_zmq(struct end *end) {
        return end->side == 0 ? open_socket(end, zmq_connect_at) : 0;
}

static inline int zmq_send_one(struct end *end, const void *bytes, size_t size) {
        while (zmq_send_at(end->state, bytes, size, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

static inline ssize_t zmq_receive_one(struct end *end, void *buffer, size_t size) {
        int n;
        while ((n = zmq_recv_at(end->state, buffer, size, 0)) < 0)
                if (errno != EINTR)
                        return -errno;
        return n;
}

BENCH_LOOPS(zmq, zmq_send_one, zmq_receive_one)

static const struct contender contender_zmq = {
        .name = "ZeroMQ",
        .what = "zmq_send and zmq_recv on a PAIR over ipc://",
        .loops = { BENCH_LOOPS_OF(zmq) },
        .bind = bind_zmq,
        .connect = connect_zmq,
        .remove = peer_remove,
};

const struct peer peer_zmq = { .contender = &contender_zmq,
                               .library = "libzmq.so.5",
                               .package = "libzmq5",
                               .load = load,
                               .beside = BESIDE_SOCKETS | BESIDE_MEMORY };
