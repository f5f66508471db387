/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_OPTIONS_H
#define LEAT_TOOL_BENCH_OPTIONS_H

/* What `leat bench` is told, beside its operands. The setters are for the table of options.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_SIZES 8

enum { PLACE_ONE_CORE = 1u, PLACE_TWO_CORES = 2u, PLACE_FREE = 4u };

struct bench_options {
        size_t sizes[BENCH_SIZES];
        size_t sizes_count;  /* 0: not said */
        unsigned placements; /* PLACE_..., 0: not said */
        int64_t rounds, batch, once;
        int64_t round_ns;
        int64_t memory_bytes;
        const char *wait; /* or NULL, as the next */
        const char *json_file, *plot_file;
        bool peers, bare, batch_said, memory_said;
};
#define BENCH_OPTIONS_INIT                                                                                             \
        { .rounds = 21, .batch = 64, .round_ns = 20000000, .memory_bytes = 1 << 30 }

struct options;

const char *bench_set_sizes(struct options *options, const char *value);
const char *bench_set_placement(struct options *options, const char *value);
const char *bench_set_rounds(struct options *options, const char *value);
const char *bench_set_batch(struct options *options, const char *value);
const char *bench_set_once(struct options *options, const char *value);
const char *bench_set_round_time(struct options *options, const char *value);
const char *bench_set_memory(struct options *options, const char *value);
const char *bench_set_wait(struct options *options, const char *value);
const char *bench_set_json(struct options *options, const char *value);
const char *bench_set_plot(struct options *options, const char *value);
const char *bench_set_peers(struct options *options, const char *value);
const char *bench_set_bare(struct options *options, const char *value);

#endif
