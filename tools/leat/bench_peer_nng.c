/* SPDX-License-Identifier: MIT */

/* nng and its elder, nanomsg: a pair of sockets over ipc:// each. */

#include "tools/leat/bench_peer.h"

#define AF_SP 1
#define NN_PAIR 16

/* As <nng/nng.h> has it: by value. */
typedef struct {
        uint32_t id;
} nng_socket;

static int (*nng_pair_open_at)(nng_socket *socket);
static int (*nng_listen_at)(nng_socket socket, const char *address, void *ret_listener, int flags);
static int (*nng_dial_at)(nng_socket socket, const char *address, void *ret_dialer, int flags);
static int (*nng_send_at)(nng_socket socket, void *bytes, size_t size, int flags);
static int (*nng_recv_at)(nng_socket socket, void *buffer, size_t *size, int flags);
static const char *(*nng_strerror_at)(int error);

static bool load_nng(void *library) {
        return peer_find(library, "nng_pair0_open", &nng_pair_open_at) &&
               peer_find(library, "nng_listen", &nng_listen_at) && peer_find(library, "nng_dial", &nng_dial_at) &&
               peer_find(library, "nng_send", &nng_send_at) && peer_find(library, "nng_recv", &nng_recv_at) &&
               peer_find(library, "nng_strerror", &nng_strerror_at);
}

static int nng_failed(struct end *end, int error) {
        return end_says(end, -EIO, "nng: %s", nng_strerror_at(error));
}

static int open_nng(struct end *end, int (*join)(nng_socket, const char *, void *, int)) {
        char address[BENCH_ADDRESS_SIZE];
        nng_socket socket;
        int error = nng_pair_open_at(&socket);
        peer_address(end, "ipc://", address);
        if (error == 0)
                error = join(socket, address, NULL, 0);
        end->in = (int)socket.id;
        return error ? nng_failed(end, error) : 0;
}

static int bind_nng(struct end *end) {
        return end->side == 1 ? open_nng(end, nng_listen_at) : 0;
}

static int connect_nng(struct end *end) {
        return end->side == 0 ? open_nng(end, nng_dial_at) : 0;
}

static inline int nng_send_one(struct end *end, const void *bytes, size_t size) {
        int error = nng_send_at((nng_socket){ (uint32_t)end->in }, (void *)(uintptr_t)bytes, size, 0);
        return error ? nng_failed(end, error) : 0;
}

static inline ssize_t nng_receive_one(struct end *end, void *buffer, size_t size) {
        int error = nng_recv_at((nng_socket){ (uint32_t)end->in }, buffer, &size, 0);
        return error ? nng_failed(end, error) : (ssize_t)size;
}

BENCH_LOOPS(nng, nng_send_one, nng_receive_one)

static const struct contender contender_nng = {
        .name = "nng",
        .what = "nng_send and nng_recv on pair0 over ipc://",
        .loops = { BENCH_LOOPS_OF(nng) },
        .bind = bind_nng,
        .connect = connect_nng,
        .remove = peer_remove,
};

const struct peer peer_nng = { .contender = &contender_nng,
                               .library = "libnng.so.1",
                               .package = "libnng1",
                               .load = load_nng,
                               .beside = BESIDE_SOCKETS | BESIDE_MEMORY };

static int (*nn_socket_at)(int domain, int protocol);
static int (*nn_bind_at)(int socket, const char *address);
static int (*nn_connect_at)(int socket, const char *address);
static int (*nn_send_at)(int socket, const void *bytes, size_t size, int flags);
static int (*nn_recv_at)(int socket, void *buffer, size_t size, int flags);

static bool load_nanomsg(void *library) {
        return peer_find(library, "nn_socket", &nn_socket_at) && peer_find(library, "nn_bind", &nn_bind_at) &&
               peer_find(library, "nn_connect", &nn_connect_at) && peer_find(library, "nn_send", &nn_send_at) &&
               peer_find(library, "nn_recv", &nn_recv_at);
}

static int open_nanomsg(struct end *end, int (*join)(int, const char *)) {
        char address[BENCH_ADDRESS_SIZE];
        peer_address(end, "ipc://", address);
        end->in = nn_socket_at(AF_SP, NN_PAIR);
        return end->in < 0 || join(end->in, address) < 0 ? -errno : 0;
}

static int bind_nanomsg(struct end *end) {
        return end->side == 1 ? open_nanomsg(end, nn_bind_at) : 0;
}

static int connect_nanomsg(struct end *end) {
        return end->side == 0 ? open_nanomsg(end, nn_connect_at) : 0;
}

static inline int nanomsg_send_one(struct end *end, const void *bytes, size_t size) {
        while (nn_send_at(end->in, bytes, size, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

static inline ssize_t nanomsg_receive_one(struct end *end, void *buffer, size_t size) {
        int n;
        while ((n = nn_recv_at(end->in, buffer, size, 0)) < 0)
                if (errno != EINTR)
                        return -errno;
        return n;
}

BENCH_LOOPS(nanomsg, nanomsg_send_one, nanomsg_receive_one)

static const struct contender contender_nanomsg = {
        .name = "nanomsg",
        .what = "nn_send and nn_recv on a PAIR over ipc://",
        .loops = { BENCH_LOOPS_OF(nanomsg) },
        .bind = bind_nanomsg,
        .connect = connect_nanomsg,
        .remove = peer_remove,
};

const struct peer peer_nanomsg = { .contender = &contender_nanomsg,
                                   .library = "libnanomsg.so.5",
                                   .package = "libnanomsg5",
                                   .load = load_nanomsg,
                                   .beside = BESIDE_SOCKETS };
