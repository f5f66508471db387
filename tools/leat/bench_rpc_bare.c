/* SPDX-License-Identifier: MIT */

/* What calls are carried by, bare: as many bytes there and back over a socket or through shared memory, with nothing around them. */

#include "tools/leat/bench_rpc_ways.h"

#include "base/cleanup.h"
#include "wait/spin.h"

#include <leat/deadline.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- sockets ---- */

union name {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_un un;
};

static socklen_t name_of(const struct rpc_way *way, const struct rpc_ground *ground, union name *name) {
        memset(name, 0, sizeof(*name));
        if (way->carrier == BY_UNIX) {
                name->un.sun_family = AF_UNIX;
                rpc_path(way, ground, name->un.sun_path);
                return sizeof(name->un);
        }
        name->in.sin_family = AF_INET;
        name->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof(name->in);
}

static int set_up(const struct rpc_way *way, int fd) {
        const int on = 1;
        return way->carrier == BY_TCP && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ? -errno : 0;
}

/* All of it: such small messages come whole, but nothing promises that. */
static int get(const struct rpc_way *way, int fd, uint8_t *bytes, size_t size) {
        int flags = way->waiting == SPINNING ? MSG_DONTWAIT : 0;
        for (size_t done = 0; done < size;) {
                ssize_t n = recv(fd, bytes + done, size - done, flags);
                if (n == 0)
                        return -EPIPE;
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return -errno;
                done += n > 0 ? (size_t)n : 0;
        }
        return 0;
}

static int put(int fd, const uint8_t *bytes, size_t size) {
        ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
        return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EIO;
}

static int serve_socket(const struct rpc_way *way, const struct rpc_ground *ground, int tell) {
        uint8_t bytes[RPC_MARK_BYTES + RPC_CALL_BYTES] = { 0 };
        char address[32];
        union name name;
        socklen_t size = name_of(way, ground, &name);
        int listener = socket(name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (listener < 0 || bind(listener, &name.any, size) < 0 || listen(listener, 1) < 0 ||
            getsockname(listener, &name.any, &size) < 0)
                return -errno;
        (void)snprintf(address, sizeof(address), "%d", way->carrier == BY_TCP ? ntohs(name.in.sin_port) : 0);
        int r = rpc_tell(tell, address);
        int fd = r == 0 ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (r == 0)
                r = fd < 0 ? -errno : set_up(way, fd);
        while (r == 0) {
                r = get(way, fd, bytes, sizeof(bytes));
                if (r == 0)
                        r = put(fd, bytes, RPC_MARK_BYTES + RPC_REPLY_BYTES);
        }
        return r;
}

static int open_socket(const struct rpc_way *way, const struct rpc_ground *ground) {
        union name name;
        socklen_t size = name_of(way, ground, &name);
        if (way->carrier == BY_TCP)
                name.in.sin_port = htons((uint16_t)strtoul(way->state->address, NULL, 10));
        CLOSE_AT_EXIT int fd = socket(name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, &name.any, size) < 0)
                return -errno;
        int r = set_up(way, fd);
        if (r == 0)
                way->state->fd = take_fd(&fd);
        return r;
}

static int run_socket(const struct rpc_way *way, const struct rpc_ground *ground, int64_t times) {
        uint8_t bytes[RPC_MARK_BYTES + RPC_CALL_BYTES] = { 0 };
        int r = 0;
        (void)ground;
        for (int64_t i = 0; i < times && r == 0; i++) {
                r = put(way->state->fd, bytes, sizeof(bytes));
                if (r == 0)
                        r = get(way, way->state->fd, bytes, RPC_MARK_BYTES + RPC_REPLY_BYTES);
        }
        return r;
}

static void close_socket(const struct rpc_way *way) {
        way->state->fd = close_fd(way->state->fd);
}

const struct rpc_kind rpc_kind_socket = { .serve = serve_socket,
                                          .open = open_socket,
                                          .run = run_socket,
                                          .close = close_socket };

/* ---- memory ---- */

/*
 * A round trip is the message and a word behind it that says which one it is, in a line of their own each way. One of RPC_LARGE_BYTES goes through a ring, as shm: has it, a
 * quarter of it at a time: it is copied in and copied out, both at once.
 */

#define RING_BYTES ((size_t)256 << 10)
#define PIECE_BYTES (RING_BYTES / 4)

struct line {
        _Alignas(64) uint8_t bytes[56];
        _Atomic uint64_t number;
};

struct memory {
        struct line there, back;
        _Alignas(64) _Atomic uint64_t head;
        _Alignas(64) _Atomic uint64_t tail;
        _Alignas(4096) uint8_t ring[RING_BYTES];
};

static void say(struct line *line, const uint8_t *bytes, size_t size, uint64_t number) {
        memcpy(line->bytes, bytes, size);
        atomic_store_explicit(&line->number, number, memory_order_release);
}

static void hear(struct line *line, uint8_t *bytes, size_t size, uint64_t number) {
        while (atomic_load_explicit(&line->number, memory_order_acquire) != number)
                spin_pause();
        memcpy(bytes, line->bytes, size);
}

static void put_large(struct memory *memory, const uint8_t *block) {
        uint64_t head = atomic_load_explicit(&memory->head, memory_order_relaxed);
        for (size_t done = 0; done < RPC_LARGE_BYTES; done += PIECE_BYTES) {
                while (head + PIECE_BYTES - atomic_load_explicit(&memory->tail, memory_order_acquire) > RING_BYTES)
                        spin_pause();
                memcpy(memory->ring + head % RING_BYTES, block + done, PIECE_BYTES);
                head += PIECE_BYTES;
                atomic_store_explicit(&memory->head, head, memory_order_release);
        }
}

static void take_large(struct memory *memory, uint8_t *block) {
        uint64_t tail = atomic_load_explicit(&memory->tail, memory_order_relaxed);
        for (size_t done = 0; done < RPC_LARGE_BYTES; done += PIECE_BYTES) {
                while (atomic_load_explicit(&memory->head, memory_order_acquire) == tail)
                        spin_pause();
                memcpy(block + done, memory->ring + tail % RING_BYTES, PIECE_BYTES);
                tail += PIECE_BYTES;
                atomic_store_explicit(&memory->tail, tail, memory_order_release);
        }
}

static struct memory *memory_of(const struct rpc_way *way) {
        return way->state->client;
}

static int serve_memory(const struct rpc_way *way, const struct rpc_ground *ground, int tell) {
        struct memory *memory = memory_of(way);
        uint8_t bytes[RPC_CALL_BYTES] = { 0 };
        int r = rpc_tell(tell, "memory");
        if (r < 0)
                return r;
        for (uint64_t number = 1;; number++) { /* until it is killed: shared memory has no end */
                if (way->large)
                        take_large(memory, ground->block);
                else
                        hear(&memory->there, bytes, sizeof(bytes), number);
                say(&memory->back, bytes, RPC_REPLY_BYTES, number);
        }
}

/* Before the fork: both have it. */
static int load_memory(const struct rpc_way *way) {
        void *memory = mmap(NULL, sizeof(struct memory), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
                return -errno;
        way->state->client = memory;
        return 0;
}

static int open_memory(const struct rpc_way *way, const struct rpc_ground *ground) {
        (void)way, (void)ground;
        return 0;
}

static int run_memory(const struct rpc_way *way, const struct rpc_ground *ground, int64_t times) {
        struct memory *memory = memory_of(way);
        uint8_t bytes[RPC_CALL_BYTES] = { 0 };
        uint64_t number = atomic_load_explicit(&memory->back.number, memory_order_relaxed);
        for (int64_t i = 0; i < times; i++) {
                number++;
                if (way->large)
                        put_large(memory, ground->block);
                else
                        say(&memory->there, bytes, sizeof(bytes), number);
                hear(&memory->back, bytes, RPC_REPLY_BYTES, number);
        }
        return 0;
}

static void close_memory(const struct rpc_way *way) {
        if (way->state->client)
                (void)munmap(way->state->client, sizeof(struct memory));
        way->state->client = NULL;
}

const struct rpc_kind rpc_kind_memory = { .load = load_memory,
                                          .serve = serve_memory,
                                          .open = open_memory,
                                          .run = run_memory,
                                          .close = close_memory };
