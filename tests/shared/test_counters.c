/* SPDX-License-Identifier: MIT */
/* Counters: what was added is in the sum, once, whoever is killed or stopped. */
#include "counts.h"
#include "regions.h"

#include <errno.h>

#define MANY 20

static struct counts open_with(uint32_t many) {
        struct counts counts = counts_open();
        CHECK(leat_counters_bytes(many) <= COUNTERS_BYTES);
        CHECK_EQ(leat_counters_set(counts.region, counts.counters, many), 0);
        return counts;
}

static int64_t get(const struct counts *counts, uint32_t index) {
        int64_t value = -77;
        CHECK_EQ(leat_counters_get(counts->region, counts->counters, index, &value), 0);
        return value;
}

TEST(adds) {
        struct counts counts = open_with(MANY);
        for (uint32_t i = 0; i < MANY; i++)
                CHECK_EQ(get(&counts, i), 0);
        for (uint32_t i = 0; i < MANY; i++) {
                CHECK_EQ(leat_counters_add(counts.region, counts.counters, i, i), 0);
                CHECK_EQ(leat_counters_add(counts.region, counts.counters, i, -100), 0);
        }
        for (uint32_t i = 0; i < MANY; i++)
                CHECK_EQ(get(&counts, i), (int64_t)i - 100);
        CHECK_EQ(leat_counters_add(counts.region, counts.counters, 0, INT64_MAX), 0);
        CHECK_EQ(get(&counts, 0), INT64_MAX - 100);
        counts_close(&counts);
}

TEST(is_set_once) {
        struct counts counts = counts_open();
        int64_t value;
        CHECK_EQ(leat_counters_add(counts.region, counts.counters, 0, 1), -EINVAL);
        CHECK_EQ(leat_counters_get(counts.region, counts.counters, 0, &value), -EINVAL);
        CHECK_EQ(leat_counters_set(counts.region, counts.counters, 0), -EINVAL);
        CHECK_EQ(leat_counters_set(counts.region, counts.counters, MANY), 0);
        CHECK_EQ(leat_counters_set(counts.region, counts.counters, MANY), 0);
        CHECK_EQ(leat_counters_set(counts.region, counts.counters, MANY - 1), -EINVAL);
        CHECK_EQ(leat_buffer_set(counts.region, (void *)counts.counters, 8, MANY), -EINVAL);
        counts_close(&counts);
}

static void child_of_another(void *argument) {
        struct counts *counts = argument;
        int64_t value;
        CHECK_EQ(leat_counters_set(counts->region, counts->counters, MANY), -ECHILD);
        CHECK_EQ(leat_counters_add(counts->region, counts->counters, 0, 1), -ECHILD);
        CHECK_EQ(leat_counters_get(counts->region, counts->counters, 0, &value), -ECHILD);
}

TEST(refuses_what_is_wrong) {
        struct counts counts = open_with(MANY);
        static _Alignas(64) uint8_t outside[4096];
        void *const wrong[] = { outside, (uint8_t *)counts.counters + 8, NULL };
        int64_t value;
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                CHECK_EQ(leat_counters_set(counts.region, wrong[i], 1), -EINVAL);
                CHECK_EQ(leat_counters_add(counts.region, wrong[i], 0, 1), -EINVAL);
                CHECK_EQ(leat_counters_get(counts.region, wrong[i], 0, &value), -EINVAL);
        }
        CHECK_EQ(leat_counters_add(counts.region, counts.counters, MANY, 1), -EINVAL);
        CHECK_EQ(leat_counters_add(counts.region, counts.counters, UINT32_MAX, 1), -EINVAL);
        CHECK_EQ(leat_counters_get(counts.region, counts.counters, MANY, &value), -EINVAL);
        CHECK_EQ(leat_counters_get(counts.region, counts.counters, 0, NULL), -EINVAL);
        CHECK_EQ(leat_counters_bytes(0), 0);
        CHECK_EQ(leat_counters_set(counts.region, counts.counters, UINT32_MAX), -EINVAL);
        CHECK_EQ(leat_counters_set(counts.region, counts.counters, 1000), -EINVAL); /* beyond the end */
        CHECK_EQ(harness_wait(harness_fork(child_of_another, &counts)), 0);
        counts_close(&counts);
}

TEST(who_may_only_read_gets) {
        struct leat_region *writer, *reader = counts_read_only(0, COUNTERS_BYTES, &writer);
        struct leat_counters *read = leat_region_data(reader);
        int64_t value = 0;
        CHECK_EQ(leat_counters_set(writer, leat_region_data(writer), 2), 0);
        CHECK_EQ(leat_counters_add(writer, leat_region_data(writer), 1, 5), 0);
        CHECK_EQ(leat_counters_get(reader, read, 1, &value), 0);
        CHECK_EQ(value, 5);
        CHECK_EQ(leat_counters_add(reader, read, 1, 5), -EACCES);
        CHECK_EQ(leat_counters_set(reader, read, 2), -EACCES);
        leat_region_close(reader);
        leat_region_close(writer);
}

#define ADDS 2000
#define THREADS 4

static void *add_some(void *argument) {
        struct counts *counts = argument;
        for (int i = 0; i < ADDS; i++)
                CHECK_EQ(leat_counters_add(counts->region, counts->counters, (uint32_t)i % MANY, 1), 0);
        return NULL;
}

static void add_by_threads(struct counts *counts) {
        harness_threads(THREADS, add_some, counts);
}

/* More participants than a counter has lines, all of them alive until the last one has added. */
#define CROWD 20

static void add_and_stay(struct counts *counts) {
        add_some(counts);
        counts_ready(counts);
        harness_event_wait(counts->go);
}

TEST(each_add_counts_once) {
        struct counts counts = open_with(MANY);
        pid_t pids[CROWD], by_threads = counts_party(&counts, 0, add_by_threads, false);
        for (int i = 0; i < CROWD; i++)
                pids[i] = counts_party(&counts, 0, add_and_stay, false);
        for (int i = 0; i < CROWD; i++)
                harness_event_wait(counts.ready);
        for (int i = 0; i < CROWD; i++)
                harness_event_signal(counts.go);
        for (int i = 0; i < CROWD; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        CHECK_EQ(harness_wait(by_threads), 0);
        for (uint32_t i = 0; i < MANY; i++)
                CHECK_EQ(get(&counts, i), (CROWD + THREADS) * ADDS / MANY);
        counts_close(&counts);
}

/* What it is about to add is written down before and after: a kill leaves one in doubt. */
static void add_and_tell(struct counts *counts) {
        while (!atomic_load(&counts->told->stop)) {
                (void)atomic_fetch_add(&counts->told->passes[0], 1);
                CHECK_EQ(leat_counters_add(counts->region, counts->counters, 3, 1), 0);
                (void)atomic_fetch_add(&counts->told->passes[1], 1);
        }
}

TEST(no_kill_loses_or_doubles_an_add) {
        struct counts counts = open_with(MANY);
        counts_kill_at_random(&counts, add_and_tell, 25);
        int64_t value = get(&counts, 3);
        CHECK(value <= atomic_load(&counts.told->passes[0]));
        CHECK(value >= atomic_load(&counts.told->passes[1]));
        CHECK(atomic_load(&counts.told->passes[0]) - atomic_load(&counts.told->passes[1]) <= 25);
        counts_close(&counts);
}

TEST(any_words_are_survived) {
        struct counts counts = open_with(MANY);
        for (int i = 0; i < 500; i++) {
                int64_t value;
                counts_scribble(counts.counters, i & 1 ? 8 : COUNTERS_BYTES);
                if (i % 3 == 0) /* the kind is left right */
                        counts_scribble(counts.counters, sizeof(uint64_t));
                int r = leat_counters_add(counts.region, counts.counters, (uint32_t)harness_random(), 1);
                CHECK(r == 0 || r == -EINVAL);
                r = leat_counters_get(counts.region, counts.counters, (uint32_t)harness_random_below(300), &value);
                CHECK(r == 0 || r == -EINVAL);
        }
        counts_close(&counts);
}

TEST_MAIN()
