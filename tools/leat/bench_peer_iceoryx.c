/* SPDX-License-Identifier: MIT */

/*
 * iceoryx: shared memory that its daemon, iox-roudi, deals out. There is one such daemon on a machine, and what it leaves is
 * not ours to remove: so it is not started here, and takes part if it runs. Its receivers look again and again, as a program
 * that wants its speed has them do.
 */

#include "tools/leat/bench_peer.h"

#include <leat.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

/* As its <iceoryx_binding_c/...> has them, of version 2. */
#define ALL_IN_USE 1
#define LOANED 8
#define NOTHING_THERE 1
#define RECEIVED 3
#define BLOCK_PRODUCER 0
#define WAIT_FOR_CONSUMER 0

struct publisher_options {
        uint64_t history;
        const char *node;
        bool offer;
        int too_slow;
        uint64_t check;
};

struct subscriber_options {
        uint64_t queue, history;
        const char *node;
        bool subscribe;
        int full;
        bool needs_history;
        uint64_t check;
};

static void (*runtime_init_at)(const char *name);
static void (*publisher_options_at)(struct publisher_options *options);
static void *(*publisher_init_at)(void *storage, const char *service, const char *instance, const char *event,
                                  const struct publisher_options *options);
static int (*loan_at)(void *publisher, void **ret_chunk, uint32_t size);
static void (*publish_at)(void *publisher, void *chunk);
static bool (*has_subscribers_at)(void *publisher);
static void (*subscriber_options_at)(struct subscriber_options *options);
static void *(*subscriber_init_at)(void *storage, const char *service, const char *instance, const char *event,
                                   const struct subscriber_options *options);
static int (*take_at)(void *subscriber, const void **ret_chunk);
static void (*release_at)(void *subscriber, const void *chunk);

/* Without it a runtime waits for ever. The file of its socket stays when it is killed, but then nobody can connect to it; to connect
 * to one of datagrams sends nothing. */
static bool daemon_runs(void) {
        const struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "/tmp/roudi" };
        CLOSE_AT_EXIT int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        return fd >= 0 && connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0;
}

static bool load(void *library) {
        const struct {
                const char *name;
                void *function;
        } wanted[] = { { "iox_runtime_init", &runtime_init_at },
                       { "iox_pub_options_init", &publisher_options_at },
                       { "iox_pub_init", &publisher_init_at },
                       { "iox_pub_loan_chunk", &loan_at },
                       { "iox_pub_publish_chunk", &publish_at },
                       { "iox_pub_has_subscribers", &has_subscribers_at },
                       { "iox_sub_options_init", &subscriber_options_at },
                       { "iox_sub_init", &subscriber_init_at },
                       { "iox_sub_take_chunk", &take_at },
                       { "iox_sub_release_chunk", &release_at } };
        bool all = daemon_runs();
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
                all = all && peer_find(library, wanted[i].name, wanted[i].function);
        return all;
}

/* A direction is an event of its own, named by who sends. Neither waits for the other here. */
static int bind_iceoryx(struct end *end) {
        static uint64_t storages[2];
        struct publisher_options out;
        struct subscriber_options in;
        char name[64];
        (void)snprintf(name, sizeof(name), "leat-bench-%d", (int)getpid());
        (void)snprintf(end->shared->address[end->side], BENCH_ADDRESS_SIZE, "/tmp/%s",
                       name); /* it makes these files there */
        runtime_init_at(name);
        (void)snprintf(name, sizeof(name), "%d-%u", (int)getppid(), end->setting->number);
        publisher_options_at(&out);
        out.too_slow = WAIT_FOR_CONSUMER;
        end->state = publisher_init_at(&storages[0], "leat-bench", name, end->side == 0 ? "there" : "back", &out);
        subscriber_options_at(&in);
        in.queue = 128;
        in.full = BLOCK_PRODUCER;
        end->state_in = subscriber_init_at(&storages[1], "leat-bench", name, end->side == 0 ? "back" : "there", &in);
        return end->state && end->state_in ? 0 : -EIO;
}

/* The daemon joins the two within its own time. */
static int connect_iceoryx(struct end *end) {
        int64_t deadline = leat_in_s(10);
        while (!has_subscribers_at(end->state)) {
                if (leat_now() > deadline)
                        return end_says(end, -ETIMEDOUT, "iceoryx: the other process is not seen");
                (void)sched_yield();
        }
        return 0;
}

static inline int iceoryx_send_one(struct end *end, const void *bytes, size_t size) {
        void *chunk;
        int result;
        while ((result = loan_at(end->state, &chunk, (uint32_t)size)) == ALL_IN_USE)
                (void)sched_yield();
        if (result != LOANED)
                return end_says(end, -EIO, "iceoryx: a chunk of %zu bytes is refused (%d)", size, result);
        memcpy(chunk, bytes, size);
        publish_at(end->state, chunk);
        return 0;
}

static inline ssize_t iceoryx_receive_one(struct end *end, void *buffer, size_t size) {
        const void *chunk;
        int result;
        while ((result = take_at(end->state_in, &chunk)) == NOTHING_THERE)
                (void)sched_yield();
        if (result != RECEIVED)
                return end_says(end, -EIO, "iceoryx: receiving fails (%d)", result);
        memcpy(buffer, chunk, size);
        release_at(end->state_in, chunk);
        return (ssize_t)size;
}

BENCH_LOOPS(iceoryx, iceoryx_send_one, iceoryx_receive_one)

/* A runtime that was killed leaves its socket and its lock. */
static void remove_iceoryx(struct end ends[2]) {
        for (int side = 0; side < 2; side++) {
                char lock[BENCH_ADDRESS_SIZE + 8];
                const char *path = ends[0].shared->address[side];
                if (!*path)
                        continue;
                (void)snprintf(lock, sizeof(lock), "%s.lock", path);
                (void)unlink(path);
                (void)unlink(lock);
        }
}

static const struct contender contender_iceoryx = {
        .name = "iceoryx",
        .spins = "iceoryx, spinning",
        .what = "shared memory: loan, publish, take; the receiver polls",
        .loops = { BENCH_LOOPS_OF(iceoryx) },
        .bind = bind_iceoryx,
        .connect = connect_iceoryx,
        .remove = remove_iceoryx,
};

const struct peer peer_iceoryx = { .contender = &contender_iceoryx,
                                   .library = "libiceoryx_binding_c.so.2",
                                   .package = "iceoryx libiceoryx-binding-c2, and start iox-roudi",
                                   .missing = "its daemon does not run: start iox-roudi (Debian's package iceoryx)",
                                   .load = load,
                                   .beside = BESIDE_SOCKETS | BESIDE_MEMORY };
