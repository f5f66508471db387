/* SPDX-License-Identifier: MIT */
/* Bounded buffers: each item once and in order, whoever is killed or stopped; who waits does so without the CPU, and is woken. */
#include "counts.h"
#include "regions.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>

struct item {
        uint64_t number, by, copy;
};

static struct counts open_for(uint32_t items) {
        struct counts counts = counts_open();
        CHECK(leat_buffer_bytes(sizeof(struct item), items) <= BUFFER_BYTES);
        CHECK_EQ(leat_buffer_set(counts.region, counts.buffer, sizeof(struct item), items), 0);
        return counts;
}

static int put(const struct counts *counts, uint64_t number, int64_t deadline) {
        struct item item = { number, (uint64_t)counts->me, ~number };
        return leat_buffer_put(counts->region, counts->buffer, &item, sizeof item, deadline);
}

static int take(const struct counts *counts, struct item *ret_item, int64_t deadline) {
        int r = leat_buffer_take(counts->region, counts->buffer, ret_item, sizeof *ret_item, deadline);
        CHECK(r != 0 || ret_item->copy == ~ret_item->number);
        return r;
}

static int64_t count(const struct counts *counts) {
        return leat_buffer_count(counts->region, counts->buffer);
}

TEST(first_in_first_out) {
        struct counts counts = open_for(5);
        struct item item = { 0 };
        uint64_t in = 0, out = 0;
        CHECK_EQ(take(&counts, &item, LEAT_NOW), -EAGAIN);
        for (int round = 0; round < 50; round++) {
                uint64_t most = harness_random_below(7);
                for (uint64_t i = 0; i < most; i++)
                        if (put(&counts, in, LEAT_NOW) == 0)
                                in++;
                CHECK(in - out <= 5);
                CHECK_EQ(count(&counts), in - out);
                most = harness_random_below(7);
                for (uint64_t i = 0; i < most && take(&counts, &item, LEAT_NOW) == 0; i++)
                        CHECK_EQ(item.number, out++);
        }
        counts_close(&counts);
}

TEST(is_full_and_empty) {
        struct counts counts = open_for(3);
        struct item item = { 7, 7, 7 };
        for (int i = 0; i < 3; i++)
                CHECK_EQ(put(&counts, (uint64_t)i, LEAT_NOW), 0);
        CHECK_EQ(put(&counts, 3, LEAT_NOW), -EAGAIN);
        CHECK_EQ(put(&counts, 3, 1), -ETIMEDOUT);
        CHECK_EQ(put(&counts, 3, leat_in_ms(1)), -ETIMEDOUT);
        for (int i = 0; i < 3; i++)
                CHECK_EQ(take(&counts, &item, LEAT_NOW), 0);
        item.number = 99;
        CHECK_EQ(take(&counts, &item, LEAT_NOW), -EAGAIN);
        CHECK_EQ(take(&counts, &item, 1), -ETIMEDOUT);
        CHECK_EQ(take(&counts, &item, leat_in_ms(1)), -ETIMEDOUT);
        CHECK_EQ(item.number, 99);
        counts_close(&counts);
}

TEST(tells_its_size) {
        struct counts counts = counts_open();
        CHECK_EQ(leat_buffer_bytes(0, 5), 0);
        CHECK_EQ(leat_buffer_bytes(5, 0), 0);
        CHECK_EQ(leat_buffer_bytes((size_t)UINT32_MAX + 1, 1), 0);
        CHECK_EQ(leat_buffer_bytes(1, 8) % 64, 0);
        for (size_t bytes = 1; bytes < 40; bytes++) {
                uint8_t item[40], got[41] = { 0 };
                struct leat_buffer *buffer = (void *)(counts.hall->buffer);
                memset(counts.hall->buffer, 0, BUFFER_BYTES);
                memset(counts.hall->buffer + leat_buffer_bytes(bytes, 7), 0xee, 64);
                CHECK_EQ(leat_buffer_set(counts.region, buffer, bytes, 7), 0);
                for (int i = 0; i < 20; i++) {
                        memset(item, i + 1, sizeof item);
                        got[bytes] = 0xdd;
                        CHECK_EQ(leat_buffer_put(counts.region, buffer, item, bytes, LEAT_NOW), 0);
                        CHECK_EQ(leat_buffer_take(counts.region, buffer, got, bytes, LEAT_NOW), 0);
                        CHECK_MEM(got, item, bytes);
                        CHECK_EQ(got[bytes], 0xdd);
                }
                CHECK_EQ(counts.hall->buffer[leat_buffer_bytes(bytes, 7)], 0xee);
        }
        counts_close(&counts);
}

TEST(is_set_once) {
        struct counts counts = counts_open();
        struct item item;
        CHECK_EQ(put(&counts, 1, LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_buffer_take(counts.region, counts.buffer, &item, sizeof item, LEAT_NOW), -EINVAL);
        CHECK_EQ(count(&counts), -EINVAL);
        CHECK_EQ(leat_buffer_set(counts.region, counts.buffer, 0, 3), -EINVAL);
        CHECK_EQ(leat_buffer_set(counts.region, counts.buffer, sizeof item, 3), 0);
        CHECK_EQ(put(&counts, 1, LEAT_NOW), 0);
        CHECK_EQ(leat_buffer_set(counts.region, counts.buffer, sizeof item, 3), 0);
        CHECK_EQ(leat_buffer_set(counts.region, counts.buffer, sizeof item, 4), -EINVAL);
        CHECK_EQ(leat_buffer_set(counts.region, counts.buffer, 8, 3), -EINVAL);
        CHECK_EQ(leat_counters_set(counts.region, (void *)counts.buffer, 1), -EINVAL);
        CHECK_EQ(count(&counts), 1);
        CHECK_EQ(leat_buffer_put(counts.region, counts.buffer, &item, sizeof item - 1, LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_buffer_take(counts.region, counts.buffer, &item, sizeof item + 1, LEAT_NOW), -EINVAL);
        counts_close(&counts);
}

static void child_of_another(void *argument) {
        struct counts *counts = argument;
        struct item item;
        CHECK_EQ(put(counts, 1, LEAT_NOW), -ECHILD);
        CHECK_EQ(leat_buffer_take(counts->region, counts->buffer, &item, sizeof item, LEAT_NOW), -ECHILD);
        CHECK_EQ(count(counts), -ECHILD);
        CHECK_EQ(leat_buffer_set(counts->region, counts->buffer, 8, 1), -ECHILD);
}

TEST(refuses_what_is_wrong) {
        struct counts counts = open_for(3);
        static _Alignas(64) uint8_t outside[4096];
        void *const wrong[] = { outside, counts.hall->buffer + 8, NULL };
        uint64_t item = 0;
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                CHECK_EQ(leat_buffer_set(counts.region, wrong[i], 8, 1), -EINVAL);
                CHECK_EQ(leat_buffer_put(counts.region, wrong[i], &item, 8, LEAT_NOW), -EINVAL);
                CHECK_EQ(leat_buffer_take(counts.region, wrong[i], &item, 8, LEAT_NOW), -EINVAL);
                CHECK_EQ(leat_buffer_count(counts.region, wrong[i]), -EINVAL);
        }
        CHECK_EQ(leat_buffer_put(counts.region, counts.buffer, NULL, sizeof(struct item), LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_buffer_take(counts.region, counts.buffer, NULL, sizeof(struct item), LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_buffer_set(counts.region, (void *)counts.hall->counters, UINT32_MAX, UINT32_MAX), -EINVAL);
        CHECK_EQ(leat_buffer_set(counts.region, (void *)counts.hall->counters, 8, 4096), -EINVAL); /* beyond the end */
        CHECK_EQ(harness_wait(harness_fork(child_of_another, &counts)), 0);
        counts_close(&counts);
}

TEST(who_may_only_read_counts) {
        struct leat_region *writer, *reader = counts_read_only(0, BUFFER_BYTES, &writer);
        struct leat_buffer *read = leat_region_data(reader);
        uint64_t item = 5;
        CHECK_EQ(leat_buffer_set(writer, leat_region_data(writer), 8, 4), 0);
        CHECK_EQ(leat_buffer_put(writer, leat_region_data(writer), &item, 8, LEAT_NOW), 0);
        CHECK_EQ(leat_buffer_count(reader, read), 1);
        CHECK_EQ(leat_buffer_put(reader, read, &item, 8, LEAT_NOW), -EACCES);
        CHECK_EQ(leat_buffer_take(reader, read, &item, 8, LEAT_NOW), -EACCES);
        CHECK_EQ(leat_buffer_set(reader, read, 8, 4), -EACCES);
        leat_region_close(reader);
        leat_region_close(writer);
}

/* ---- waiting ---- */

static void take_one(struct counts *counts) {
        struct item item;
        counts_ready(counts);
        CHECK_EQ(take(counts, &item, SOON), 0);
        atomic_store(&counts->told->result[counts->me], (int64_t)item.number);
}

static void put_one(struct counts *counts) {
        counts_ready(counts);
        CHECK_EQ(put(counts, 100 + (uint64_t)counts->me, SOON), 0);
}

TEST(a_put_wakes_who_takes) {
        struct counts counts = open_for(4);
        pid_t pids[3];
        for (int i = 0; i < 3; i++)
                pids[i] = counts_sleeper(&counts, i, take_one);
        int64_t sum = 0;
        for (int i = 0; i < 3; i++)
                CHECK_EQ(put(&counts, 1u << i, SOON), 0);
        for (int i = 0; i < 3; i++) {
                CHECK_EQ(harness_wait(pids[i]), 0);
                sum += atomic_load(&counts.told->result[i]);
        }
        CHECK_EQ(sum, 7);
        counts_close(&counts);
}

TEST(a_take_wakes_who_puts) {
        struct counts counts = open_for(1);
        struct item item;
        pid_t pids[3];
        uint64_t sum = 0;
        CHECK_EQ(put(&counts, 1, LEAT_NOW), 0);
        for (int i = 0; i < 3; i++)
                pids[i] = counts_sleeper(&counts, i, put_one);
        for (int i = 0; i < 4; i++) {
                CHECK_EQ(take(&counts, &item, SOON), 0);
                sum += item.number;
        }
        CHECK_EQ(sum, 304);
        for (int i = 0; i < 3; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        counts_close(&counts);
}

TEST(a_killed_waiter_takes_nothing) {
        struct counts counts = open_for(4);
        pid_t pids[2];
        for (int i = 0; i < 2; i++)
                pids[i] = counts_sleeper(&counts, i, take_one);
        harness_kill(pids[0]);
        CHECK_EQ(put(&counts, 5, SOON), 0);
        CHECK_EQ(harness_wait(pids[1]), 0);
        CHECK_EQ(atomic_load(&counts.told->result[1]), 5);
        CHECK_EQ(count(&counts), 0);
        counts_close(&counts);
}

TEST(a_stopped_waiter_keeps_nobody) {
        struct counts counts = open_for(4);
        struct item item;
        pid_t pid = counts_sleeper(&counts, 0, take_one);
        harness_stop(pid);
        CHECK_EQ(put(&counts, 5, SOON), 0);
        CHECK_EQ(take(&counts, &item, SOON), 0);
        CHECK_EQ(put(&counts, 6, SOON), 0);
        harness_continue(pid);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(atomic_load(&counts.told->result[0]), 6);
        counts_close(&counts);
}

/* Not a time that passed, but times that it was put on the CPU: a busy wait is switched by force, and a sleeping one looks each 10 ms. */
static void wait_for_nothing(struct counts *counts) {
        struct item item;
        struct rusage before, after;
        getrusage(RUSAGE_SELF, &before);
        CHECK_EQ(take(counts, &item, leat_in_ms(100)), -ETIMEDOUT);
        getrusage(RUSAGE_SELF, &after);
        CHECK(after.ru_nvcsw - before.ru_nvcsw >= 1);
        CHECK(after.ru_nvcsw - before.ru_nvcsw <= 60);
}

TEST(who_waits_sleeps) {
        struct counts counts = open_for(4);
        CHECK_EQ(harness_wait(counts_party(&counts, 0, wait_for_nothing, false)), 0);
        counts_close(&counts);
}

/* ---- many ---- */

#define EACH 4000

/* Two put and two take, each item is noted once; each producer's rise. */
static void produce_or_consume(struct counts *counts) {
        uint64_t last[PARTIES] = { 0 };
        for (uint64_t i = 1; i <= EACH; i++) {
                struct item item;
                if (counts->me < 2) {
                        CHECK_EQ(put(counts, i, SOON), 0);
                        continue;
                }
                CHECK_EQ(take(counts, &item, SOON), 0);
                CHECK(item.number > last[item.by]);
                last[item.by] = item.number;
                CHECK_EQ(atomic_fetch_add(&counts->told->items[item.by * EACH + item.number - 1], 1), 0);
        }
}

static void check_each_once(const struct counts *counts, uint32_t most) {
        for (size_t i = 0; i < most; i++)
                CHECK_EQ(atomic_load(&counts->told->items[i]), 1);
        CHECK_EQ(count(counts), 0);
}

TEST(processes_pass_each_item_once) {
        struct counts counts = open_for(7);
        pid_t pids[4];
        for (int i = 0; i < 4; i++)
                pids[i] = counts_party(&counts, i, produce_or_consume, false);
        for (int i = 0; i < 4; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        check_each_once(&counts, 2 * EACH);
        counts_close(&counts);
}

static void *thread(void *argument) {
        produce_or_consume(argument);
        return NULL;
}

TEST(threads_pass_each_item_once) {
        struct counts counts = open_for(7), parties[4];
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) {
                parties[i] = counts;
                parties[i].me = i;
                CHECK_EQ(pthread_create(&threads[i], NULL, thread, &parties[i]), 0);
        }
        for (int i = 0; i < 4; i++)
                CHECK_EQ(pthread_join(threads[i], NULL), 0);
        check_each_once(&counts, 2 * EACH);
        counts_close(&counts);
}

#define MOST (sizeof((struct told *)0)->items / sizeof((struct told *)0)->items[0])

/* Numbers are drawn for ever, put, taken and noted, by all. What a killed one had drawn and not put, or taken and not noted, is missing: one for each kill. */
static void put_and_take(struct counts *counts) {
        struct told *told = counts->told;
        while (!atomic_load(&told->stop)) {
                struct item item;
                int64_t number = atomic_fetch_add(&told->passes[0], 1);
                if (number >= (int64_t)MOST)
                        break;
                /* Who is killed with the lock of the one end, or stopped with it, keeps others waiting for a while: they look at the other end meanwhile. */
                while (put(counts, (uint64_t)number, leat_in_ms(20)) != 0)
                        if (take(counts, &item, leat_in_ms(1)) == 0)
                                (void)atomic_fetch_add(&told->items[item.number], 1);
                if (take(counts, &item, leat_in_ms(20)) == 0)
                        (void)atomic_fetch_add(&told->items[item.number], 1);
        }
        while (!atomic_load(&told->stop))
                (void)leat_buffer_count(counts->region, counts->buffer);
}

#define KILLS 25

TEST(no_kill_loses_or_doubles_an_item) {
        struct counts counts = open_for(5);
        struct item item;
        counts_kill_at_random(&counts, put_and_take, KILLS);
        for (; count(&counts) > 0; atomic_fetch_add(&counts.told->items[item.number], 1))
                CHECK_EQ(take(&counts, &item, SOON), 0);
        int64_t missing = 0, drawn = atomic_load(&counts.told->passes[0]);
        for (int64_t i = 0; i < drawn && i < (int64_t)MOST; i++) {
                CHECK(atomic_load(&counts.told->items[i]) <= 1);
                missing += atomic_load(&counts.told->items[i]) == 0;
        }
        CHECK(missing <= 2 * KILLS); /* the one it put, and the one it took */
        CHECK_EQ(count(&counts), 0);
        counts_close(&counts);
}

/* ---- liars ---- */

TEST(numbers_that_cannot_be_are_told) {
        struct counts counts = open_for(5);
        struct item item;
        uint64_t *words = (uint64_t *)(void *)counts.buffer;
        words[8 + 2] = 6; /* more were put than there is room for; the copies say nothing yet */
        CHECK_EQ(take(&counts, &item, LEAT_NOW), -EBADMSG);
        CHECK_EQ(take(&counts, &item, SOON), -EBADMSG);
        CHECK_EQ(count(&counts), -EBADMSG);
        words[8 + 2] = 0, words[8 + 3] = 100,
                  words[16 + 2] = 1; /* more were taken than put; and what was seen of that is more still */
        CHECK_EQ(put(&counts, 1, SOON), -EBADMSG);
        CHECK_EQ(count(&counts), -EBADMSG);
        counts_close(&counts);
}

TEST(a_lock_that_nobody_took_is_told) {
        struct counts counts = open_for(5);
        struct item item;
        uint64_t *words = (uint64_t *)(void *)counts.buffer;
        words[8] = words[16] = counts.region->mark | (uint64_t)region_thread() << 16;
        CHECK_EQ(put(&counts, 1, SOON), -EBADMSG);
        CHECK_EQ(take(&counts, &item, LEAT_NOW), -EBADMSG);
        counts_close(&counts);
}

TEST(any_words_are_survived) {
        struct counts counts = open_for(5);
        for (int i = 0; i < 600; i++) {
                struct item item = { 0 };
                uint64_t *words = (uint64_t *)(void *)counts.buffer;
                counts_scribble(counts.hall->buffer, 64 * (size_t)(1 + i % 3));
                if (i % 4) /* what it is stands, or its number of items is any, and its mutexes are free */
                        words[0] = (harness_random_below(2) ? 5 : harness_random()) << 32 | sizeof item;
                if (i % 8)
                        words[1] = UINT64_C(0x3120726566667562);
                words[8] = words[9] = words[16] = words[17] = 0;
                int64_t r = leat_buffer_put(counts.region, counts.buffer, &item, sizeof item, i % 10 ? LEAT_NOW : 1);
                CHECK(r == 0 || r == -EINVAL || r == -EAGAIN || r == -ETIMEDOUT || r == -EBADMSG);
                r = leat_buffer_take(counts.region, counts.buffer, &item, sizeof item, i % 10 ? LEAT_NOW : 1);
                CHECK(r == 0 || r == -EINVAL || r == -EAGAIN || r == -ETIMEDOUT || r == -EBADMSG);
                r = count(&counts);
                CHECK((r >= 0 && r <= UINT32_MAX) || r == -EINVAL || r == -EBADMSG);
        }
        counts_close(&counts);
}

TEST_MAIN()
