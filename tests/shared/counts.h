/* SPDX-License-Identifier: MIT */
#ifndef SHARED_COUNTS_H
#define SHARED_COUNTS_H

/* What the tests of semaphores, conditions, barriers, once, buffers and counters share: a region without a name, and parties that are processes of their own in it. */

#include "harness.h"
#include "regions.h"
#include "shared/region.h"

#include <leat.h>
#include <leat/lock.h>
#include <leat/structures.h>

#define PARTIES 8
#define SEATS 4 /* of the random kills: whoever is killed is replaced */
#define BUFFER_BYTES 8192
#define COUNTERS_BYTES 8192

/* The program's bytes of the region. */
struct hall {
        struct leat_semaphore semaphore;
        struct leat_mutex mutex;
        struct leat_condition condition;
        struct leat_barrier barrier;
        struct leat_once once;
        int64_t value;
        _Alignas(64) uint8_t buffer[BUFFER_BYTES];
        _Alignas(64) uint8_t counters[COUNTERS_BYTES];
};

/* What parties tell, in memory that does not belong to the region. */
struct told {
        _Atomic int64_t result[PARTIES], passes[PARTIES], doomed[PARTIES];
        _Atomic int64_t stop, wrong;
        _Atomic int64_t number; /* whose turn it is, plus 1; 0: nobody's */
        _Atomic uint32_t items[65536];
};

struct counts {
        struct leat_region *region;
        struct hall *hall;
        struct leat_buffer *buffer;
        struct leat_counters *counters;
        struct told *told;
        struct harness_event *ready, *go;
        int me; /* of a party */
};

/* A new region, with this process in it; closed by counts_close(). */
struct counts counts_open(void);
void counts_close(struct counts *counts);

/* Run body as party `me` in a process of its own, that takes part. With `stays`, it does not end but waits to be killed. */
pid_t counts_party(struct counts *counts, int me, void (*body)(struct counts *counts), bool stays);

/* The same, of a body that calls counts_ready() when it has what it is to have; then it waits to be killed. */
pid_t counts_holder(struct counts *counts, int me, void (*body)(struct counts *counts));

/* The same, of a body that calls counts_ready() when it is about to wait in a call; returns when it sleeps. */
pid_t counts_sleeper(struct counts *counts, int me, void (*body)(struct counts *counts));
void counts_ready(struct counts *counts);

/* The same bytes as a participant that may only read; closed with leat_region_close(). *ret_writer: one that may write. */
struct leat_region *counts_read_only(int number, size_t size_bytes, struct leat_region **ret_writer);

/*
 * SEATS parties run body until told->stop; `kills` times one of them is killed at a random moment, while another is stopped and then continued, and the killed one is replaced. While one is
 * being killed its told->doomed is set. In the end all stop.
 */
void counts_kill_at_random(struct counts *counts, void (*body)(struct counts *counts), int kills);

/* Random words over `size_bytes` of the region. */
void counts_scribble(void *where, size_t size_bytes);

#endif
