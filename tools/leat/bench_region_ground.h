/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_REGION_GROUND_H
#define LEAT_TOOL_BENCH_REGION_GROUND_H

/* What the ways of `leat bench region` work on: a region, and memory with what POSIX has; and a second process that has both too. */

#include "tools/leat/bench_contest.h"

#include <leat.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VALUE_BYTES 64
#define BUFFER_ITEMS 64
#define PATIENCE_S 30 /* a process that waits for another one so long waits in vain */

/* In the region. What parties write lies on lines of its own. */
struct region_things {
        _Alignas(64) struct leat_mutex mutex;
        _Alignas(64) struct leat_rwlock rwlock;
        _Alignas(64) struct leat_semaphore semaphore;
        _Alignas(64) uint64_t words[VALUE_BYTES / 8];
        _Alignas(64) uint64_t passes;
};

/* The plain one is a mutex and two conditions around the same ring. */
struct bare_ring {
        pthread_mutex_t mutex;
        pthread_cond_t room, items;
        uint32_t first, count;
        unsigned char item[BUFFER_ITEMS][VALUE_BYTES];
};

/* In memory that both processes share. */
struct bare_things {
        _Alignas(64) pthread_mutex_t plain;
        _Alignas(64) pthread_mutex_t robust;
        _Alignas(64) pthread_rwlock_t rwlock;
        _Alignas(64) sem_t semaphore;
        _Alignas(64) uint64_t words[VALUE_BYTES / 8];
        _Alignas(64) uint64_t passes;
        _Alignas(64) struct bare_ring ring;
        _Alignas(64) _Atomic bool running; /* the partner is under way */
        _Atomic bool stop;                 /* it is to end */
};

struct ground {
        struct leat_region *region; /* anon: */
        struct region_things *things;
        struct leat_buffer *buffer;
        struct leat_cell *cell;
        struct leat_counters *counters;
        struct bare_things *bare;
        char address[64], object[64]; /* of what is attached */
        int semaphores;               /* semget(2); -1 */
        size_t value_bytes;           /* VALUE_BYTES, which the compiler does not know */
        int cpus[2];
        pid_t partner;
        int control; /* to the partner; -1 */
        unsigned char value[VALUE_BYTES];
};

/* A way returns 0 or a negative errno. Blocks. */
struct region_way {
        struct way way;
        int (*run)(struct ground *ground, int64_t times);
        int (*partner)(struct ground *ground, int64_t times, int64_t *ret_passes); /* beside it; NULL: it is alone */
        int64_t (*contend)(struct ground *ground, int64_t until);                  /* or this: passes until then */
};

extern const struct region_way way_mutex, way_plain_mutex, way_robust_mutex, way_read, way_bare_read, way_snapshot,
        way_copy, way_commit, way_commit_in_place, way_robust_write, way_semaphore, way_undo, way_bare_semaphore,
        way_semop, way_buffer, way_ring, way_cell, way_mutex_copy, way_add, way_atomic_add, way_attach, way_bare_attach;
extern const struct region_way way_contended, way_robust_contended, way_flow, way_ring_flow;

/* Put one in, take one out, as a program with a mutex and conditions has it. 0 or a negative errno. (bench_region_ways.c) */
int ring_put(struct bare_ring *ring, const void *value);
int ring_take(struct bare_ring *ring, void *ret_value);

/* cpus: the second is -1 if there is one alone. Returns 0 or a negative errno; what there is is cleared by ground_clear(). */
int ground_make(struct ground *ground, const int cpus[2]);
void ground_clear(struct ground *ground);

/* The second process does its part of this way from now on; and what it did. Return 0 or a negative errno. (bench_region_two.c) */
int partner_begin(struct ground *ground, const struct region_way *way, int64_t times);
int partner_end(struct ground *ground, int64_t *ret_passes);

/* It failed, or we did: nobody may wait for the other. There is none from now on. */
void partner_kill(struct ground *ground);

/* In the second process: do what it is told until the first one is gone. */
_Noreturn void partner_be(struct ground *ground, int control);

#endif
