/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_options.h"

#include "tools/leat/options.h"

#include <leat.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_SIZE (64u << 20)
#define LARGEST_MEMORY (INT64_C(64) << 30)

/* Digits from `text` up to a comma or the end; with a unit if `units`. Returns what follows, or NULL. */
static const char *read_number(const char *text, bool units, int64_t least, int64_t most, int64_t *ret_number) {
        char *end;
        if (*text < '0' || *text > '9')
                return NULL;
        long long number = strtoll(text, &end, 10);
        int shift = !units ? 0 : *end == 'k' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
        end += shift != 0;
        if ((*end && *end != ',') || number > (most >> shift) || number << shift < least)
                return NULL;
        *ret_number = number << shift;
        return end;
}

static bool read_whole(const char *text, int64_t least, int64_t most, int64_t *ret_number) {
        const char *end = read_number(text, false, least, most, ret_number);
        return end && *end == '\0';
}

const char *bench_set_sizes(struct options *options, const char *value) {
        struct bench_options *bench = &options->bench;
        bench->sizes_count = 0;
        for (const char *at = value; at;) {
                int64_t size;
                const char *end = read_number(at, true, 1, LARGEST_SIZE, &size);
                if (!end || bench->sizes_count == BENCH_SIZES)
                        return "are not sizes; write up to 8 numbers of bytes from 1 to 64M with commas between, as "
                               "64,64k,1M";
                bench->sizes[bench->sizes_count++] = (size_t)size;
                at = *end ? end + 1 : NULL;
        }
        return NULL;
}

const char *bench_set_placement(struct options *options, const char *value) {
        static const char *const words[] = { "one-core", "two-cores", "free" };
        unsigned found = 0;
        for (const char *at = value; at;) {
                size_t length = strcspn(at, ","), i = 0;
                while (i < 3 && (strlen(words[i]) != length || memcmp(words[i], at, length) != 0))
                        i++;
                if (i == 3)
                        return "is not known; write one-core, two-cores or free, with commas between";
                found |= PLACE_ONE_CORE << i;
                at = at[length] ? at + length + 1 : NULL;
        }
        options->bench.placements = found;
        return NULL;
}

const char *bench_set_rounds(struct options *options, const char *value) {
        bool good = read_whole(value, 1, 10000, &options->bench.rounds);
        return good ? NULL : "is not a number of rounds; write one from 1 to 10000, and at least 21 for a result";
}

const char *bench_set_batch(struct options *options, const char *value) {
        bool good = read_whole(value, 1, LEAT_MANY_MAX, &options->bench.batch);
        options->bench.batch_said = good;
        return good ? NULL : "is not a number of messages; write one from 1 to 1024";
}

const char *bench_set_once(struct options *options, const char *value) {
        bool good = read_whole(value, 1, INT32_MAX, &options->bench.once);
        return good ? NULL : "is not a number of messages; write one from 1";
}

const char *bench_set_round_time(struct options *options, const char *value) {
        int64_t number;
        const char *unit = value + strspn(value, "0123456789");
        char digits[12] = "";
        if (unit - value < (ptrdiff_t)sizeof(digits))
                memcpy(digits, value, (size_t)(unit - value));
        int64_t scale = strcmp(unit, "us") == 0 ? 1000 : strcmp(unit, "ms") == 0 ? 1000000 : 0;
        if (!scale || !read_whole(digits, 1, 10000000000 / scale, &number) || number * scale < 100000)
                return "is not the time of a round; write it in us or ms, from 100us to 10000ms, as 20ms";
        options->bench.round_ns = number * scale;
        return NULL;
}

const char *bench_set_memory(struct options *options, const char *value) {
        const char *end = read_number(value, true, 4096, LARGEST_MEMORY, &options->bench.memory_bytes);
        options->bench.memory_said = true;
        return end && !*end ? NULL : "is not a size; write one from 4k to 64G, as 1G";
}

const char *bench_set_wait(struct options *options, const char *value) {
        if (strcmp(value, "spin") != 0 && strcmp(value, "adaptive") != 0 && strcmp(value, "sleep") != 0)
                return "is not known; write spin, adaptive or sleep";
        options->bench.wait = value;
        return NULL;
}

const char *bench_set_json(struct options *options, const char *value) {
        options->bench.json_file = value;
        return *value ? NULL : "is no file; write where to, as results.json";
}

const char *bench_set_plot(struct options *options, const char *value) {
        options->bench.plot_file = value;
        return *value ? NULL : "is no file; write where to, as results.svg";
}

const char *bench_set_peers(struct options *options, const char *value) {
        (void)value;
        options->bench.peers = true;
        return NULL;
}

const char *bench_set_bare(struct options *options, const char *value) {
        (void)value;
        options->bench.bare = true;
        return NULL;
}
