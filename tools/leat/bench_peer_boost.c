/* SPDX-License-Identifier: MIT */

/*
 * Boost.Interprocess: its message queue in shared memory, behind a mutex and conditions that the processes share. Boost.Lockfree: its queue of one
 * sender and one receiver, in memory that they share; nobody sleeps there. bench_boost.cc makes C of both; that is compiled here, into a private
 * folder, and loaded.
 */

#include "tools/leat/bench_made.h"
#include "tools/leat/bench_peer.h"

#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>

#define DEPTH 256 /* about what a unix socket holds of 64 bytes */

static const char source[] =
#include "tools/leat/bench_boost.inc"
        ;

static int (*make_at)(const char *name, size_t count, size_t size);
static void *(*open_at)(const char *name);
static int (*send_at)(void *queue, const void *bytes, size_t size);
static long (*receive_at)(void *queue, void *buffer, size_t size);

static void *compile(void) {
        static const struct made_text texts[] = { { "bench_boost.cc", source }, { NULL } };
        static char *const compiler[] = {
                "c++",      "-O2",  "-pipe", "-w", "-shared", "-fPIC", "-o", "bench_boost.so", "bench_boost.cc",
                "-pthread", "-lrt", NULL
        };
        static char *const *const commands[] = { compiler, NULL };
        return made_library(texts, commands, "bench_boost.so");
}

/* Once: there is more than one queue in it. */
static void *build(void) {
        static bool tried;
        static void *library;
        if (!tried)
                library = compile();
        tried = true;
        return library;
}

static bool load(void *none) {
        (void)none;
        void *library = build();
        return library && peer_find(library, "bench_boost_make", &make_at) &&
               peer_find(library, "bench_boost_open", &open_at) && peer_find(library, "bench_boost_send", &send_at) &&
               peer_find(library, "bench_boost_receive", &receive_at);
}

/* The queue that a side receives from, in /dev/shm. The leading process is the parent of both sides. */
static void name_queue(const struct end *end, pid_t leader, int side, char name[BENCH_ADDRESS_SIZE]) {
        (void)snprintf(name, BENCH_ADDRESS_SIZE, "leat-bench-%d-%u-%d", (int)leader, end->setting->number, side);
}

static int open_queue(struct end *end, int side, void **ret_queue) {
        char name[BENCH_ADDRESS_SIZE];
        name_queue(end, getppid(), side, name);
        *ret_queue = open_at(name);
        return *ret_queue ? 0 : end_says(end, -EIO, "Boost.Interprocess does not open its queue");
}

static int bind_boost(struct end *end) {
        char name[BENCH_ADDRESS_SIZE];
        name_queue(end, getppid(), end->side, name);
        if (make_at(name, DEPTH, end->setting->largest) < 0)
                return end_says(end, -EIO, "Boost.Interprocess does not make its queue in /dev/shm");
        return open_queue(end, end->side, &end->state_in);
}

static int connect_boost(struct end *end) {
        return open_queue(end, !end->side, &end->state);
}

static inline int boost_send_one(struct end *end, const void *bytes, size_t size) {
        return send_at(end->state, bytes, size) < 0 ? -EIO : 0;
}

static inline ssize_t boost_receive_one(struct end *end, void *buffer, size_t size) {
        long n = receive_at(end->state_in, buffer, size);
        return n < 0 ? -EIO : n;
}

BENCH_LOOPS(boost, boost_send_one, boost_receive_one)

static void remove_boost(struct end ends[2]) {
        for (int side = 0; side < 2; side++) {
                char name[BENCH_ADDRESS_SIZE];
                name_queue(&ends[side], getpid(), side, name);
                (void)shm_unlink(name);
        }
}

static const struct contender contender_boost = {
        .name = "Boost.Interprocess",
        .what = "send and receive of a message_queue in shared memory",
        .loops = { BENCH_LOOPS_OF(boost) },
        .bind = bind_boost,
        .connect = connect_boost,
        .remove = remove_boost,
};

const struct peer peer_boost = { .contender = &contender_boost,
                                 .missing =
                                         "C++ that is compiled when it is asked for: apt-get install g++ libboost-dev",
                                 .load = load,
                                 .beside = BESIDE_SOCKETS | BESIDE_MEMORY };

/* ---- Boost.Lockfree ---- */

struct bench_spsc {
        size_t memory_bytes;
        void (*make)(void *memory);
        int (*push)(void *memory, const void *bytes);
        int (*pop)(void *memory, void *buffer);
};

static int (*find_at)(size_t size, struct bench_spsc *ret_queue);
static struct bench_spsc spsc; /* of the comparison that is being measured */

static bool load_spsc(void *none) {
        (void)none;
        void *library = build();
        return library && peer_find(library, "bench_spsc_find", &find_at);
}

/* One each way. */
static int prepare_spsc(struct end ends[2]) {
        if (find_at(ends[0].setting->largest, &spsc) < 0)
                return end_says(&ends[0], -ENOTSUP, "the size of a cell is compiled in: 48, 64 or 1024 bytes");
        void *queues[2];
        for (int i = 0; i < 2; i++) {
                queues[i] = mmap(NULL, spsc.memory_bytes, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
                if (queues[i] == MAP_FAILED)
                        return -errno;
                spsc.make(queues[i]);
        }
        for (int i = 0; i < 2; i++) {
                ends[i].state = queues[i];
                ends[i].state_in = queues[!i];
        }
        return 0;
}

static void relax(const struct end *end) {
        if (!end->setting->apart)
                (void)sched_yield();
#if defined(__x86_64__) || defined(__i386__)
        else
                __builtin_ia32_pause();
#endif
}

static inline int spsc_send_one(struct end *end, const void *bytes, size_t size) {
        (void)size;
        while (!spsc.push(end->state, bytes))
                relax(end);
        return 0;
}

static inline ssize_t spsc_receive_one(struct end *end, void *buffer, size_t size) {
        while (!spsc.pop(end->state_in, buffer))
                relax(end);
        return (ssize_t)size;
}

BENCH_LOOPS(spsc, spsc_send_one, spsc_receive_one)

static const struct contender contender_spsc = {
        .name = "Boost.Lockfree",
        .spins = "Boost.Lockfree, spinning",
        .what = "push and pop of an spsc_queue in shared memory, again and again",
        .loops = { BENCH_LOOPS_OF(spsc) },
        .prepare = prepare_spsc,
};

const struct peer peer_spsc = { .contender = &contender_spsc,
                                .missing =
                                        "C++ that is compiled when it is asked for: apt-get install g++ libboost-dev",
                                .load = load_spsc,
                                .beside = BESIDE_MEMORY };
