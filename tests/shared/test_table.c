/* SPDX-License-Identifier: MIT */
#include "regions.h"

#include "shared/table.h"

#include <stdlib.h>
#include <unistd.h>

/* The table of records: against a model, full, walked, killed, lied about. */

#define BRIEF harness_deadline_ms(5)
#define KEY 12
#define RECORD 36
#define RECORDS 50

struct record {
        uint32_t number;
        unsigned char bytes[RECORD - 4];
};

static struct leat_region *open_for(size_t key, size_t record, uint32_t records) {
        return region_open_or_fail("anon:", leat_table_bytes(key, record, records));
}

static struct leat_table *table_in(struct leat_region *region) {
        struct leat_table *table = leat_region_data(region);
        CHECK_EQ(leat_table_set(region, table, KEY, RECORD, RECORDS, SOON), 0);
        return table;
}

static const char *key_of(unsigned number) {
        static char key[KEY + 8];
        memset(key, 0, sizeof key);
        snprintf(key, sizeof key, "key %u", number);
        return key;
}

static struct record record_of_number(uint32_t number) {
        struct record record = { .number = number };
        for (size_t i = 0; i < sizeof record.bytes; i++)
                record.bytes[i] = (unsigned char)(number * 7 + i * (number >> 5 | 1));
        return record;
}

static int put(struct leat_region *region, struct leat_table *table, unsigned key, uint32_t number) {
        struct record record = record_of_number(number);
        return leat_table_put(region, table, key_of(key), KEY, &record, RECORD, SOON);
}

/* The number of the record, which is whole; or an error. */
static int64_t get(struct leat_region *region, struct leat_table *table, unsigned key, int64_t deadline) {
        struct record record, right;
        int r = leat_table_get(region, table, key_of(key), KEY, &record, RECORD, deadline);
        if (r < 0)
                return r;
        right = record_of_number(record.number);
        CHECK_MEM(&record, &right, RECORD);
        return record.number;
}

static int take(struct leat_region *region, struct leat_table *table, unsigned key) {
        return leat_table_remove(region, table, key_of(key), KEY, SOON);
}

/* ---- against a model ---- */

struct model {
        int64_t numbers[RECORDS * 2]; /* -1: it is not there */
        int count;
};

static void check_walk(struct leat_region *region, struct leat_table *table, const struct model *model) {
        bool told[RECORDS * 2] = { false };
        char key[KEY];
        struct record record;
        uint32_t position = 0;
        int r, count = 0;
        while ((r = leat_table_next(region, table, &position, key, KEY, &record, RECORD, SOON)) == 0) {
                unsigned number = 0;
                CHECK_EQ(sscanf(key, "key %u", &number), 1);
                CHECK(number < RECORDS * 2 && !told[number]);
                CHECK_EQ(record.number, model->numbers[number]);
                told[number] = true;
                count++;
        }
        CHECK_EQ(r, -ENOENT);
        CHECK_EQ(count, model->count);
        CHECK_EQ(leat_table_count(region, table, SOON), count);
}

static void one_change(struct leat_region *region, struct leat_table *table, struct model *model) {
        unsigned key = (unsigned)harness_random_below(RECORDS * 2);
        int64_t *has = &model->numbers[key];
        uint32_t number = (uint32_t)harness_random_below(1000000);
        if (harness_random_below(2) == 0) {
                CHECK_EQ(take(region, table, key), *has < 0 ? -ENOENT : 0);
                model->count -= *has >= 0;
                *has = -1;
        } else if (*has < 0 && model->count == RECORDS) {
                CHECK_EQ(put(region, table, key, number), -ENOSPC);
        } else {
                CHECK_EQ(put(region, table, key, number), 0);
                model->count += *has < 0;
                *has = number;
        }
        CHECK_EQ(get(region, table, key, SOON), *has < 0 ? -ENOENT : *has);
}

TEST(does_what_a_model_does) {
        struct leat_region *region = open_for(KEY, RECORD, RECORDS);
        struct leat_table *table = table_in(region);
        struct model model = { .count = 0 };
        for (int i = 0; i < RECORDS * 2; i++)
                model.numbers[i] = -1;
        for (int i = 0; i < 20000; i++) {
                one_change(region, table, &model);
                if (i % 500 == 0)
                        check_walk(region, table, &model);
        }
        check_walk(region, table, &model);
        leat_region_close(region);
}

/* Removed and put again without end, also when it is full: nothing fills up. */
TEST(is_full_and_empty_again) {
        struct leat_region *region = open_for(KEY, RECORD, RECORDS);
        struct leat_table *table = table_in(region);
        for (unsigned round = 0; round < 50; round++) {
                for (unsigned i = 0; i < RECORDS; i++)
                        CHECK_EQ(put(region, table, round * 1000 + i, i), 0);
                CHECK_EQ(put(region, table, round * 1000 + RECORDS, 0), -ENOSPC);
                CHECK_EQ(put(region, table, round * 1000, 5), 0); /* to replace is possible */
                for (unsigned i = 0; i < RECORDS; i++)
                        CHECK_EQ(take(region, table, round * 1000 + i), 0);
                CHECK_EQ(leat_table_count(region, table, SOON), 0);
        }
        leat_region_close(region);
}

TEST(any_size) {
        const struct {
                size_t key, record;
                uint32_t records;
        } sizes[] = { { 1, 0, 1 }, { 1, 1, 200 }, { 8, 8, 7 }, { 7, 65, 3 }, { 300, 1000, 5 }, { 16, 64, 1000 } };
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                size_t key_bytes = sizes[i].key, record_bytes = sizes[i].record;
                struct leat_region *region = open_for(key_bytes, record_bytes, sizes[i].records);
                struct leat_table *table = leat_region_data(region);
                unsigned char key[300] = "", record[1000] = "", seen[1000];
                CHECK_EQ(leat_table_set(region, table, key_bytes, record_bytes, sizes[i].records, SOON), 0);
                for (uint32_t n = 0; n < sizes[i].records; n++) {
                        memcpy(key, &n, key_bytes < 4 ? key_bytes : 4);
                        memset(record, (int)n, sizeof record);
                        CHECK_EQ(leat_table_put(region, table, key, key_bytes, record, record_bytes, SOON), 0);
                }
                for (uint32_t n = 0; n < sizes[i].records; n++) {
                        memcpy(key, &n, key_bytes < 4 ? key_bytes : 4);
                        memset(record, (int)n, sizeof record);
                        CHECK_EQ(leat_table_get(region, table, key, key_bytes, seen, record_bytes, SOON), 0);
                        CHECK_MEM(seen, record, record_bytes);
                }
                leat_region_close(region);
        }
}

TEST(refuses_sizes) {
        CHECK_EQ(leat_table_bytes(0, RECORD, RECORDS), 0);
        CHECK_EQ(leat_table_bytes(KEY, RECORD, 0), 0);
        CHECK_EQ(leat_table_bytes(KEY, RECORD, UINT32_MAX), 0);
        CHECK_EQ(leat_table_bytes(SIZE_MAX, RECORD, 1), 0);
        CHECK_EQ(leat_table_bytes(KEY, SIZE_MAX - 100, 1), 0);
        CHECK_EQ(leat_table_bytes(UINT32_MAX, UINT32_MAX, UINT32_MAX - 1), 0);
        struct leat_region *region = open_for(KEY, RECORD, RECORDS);
        struct leat_table *table = table_in(region);
        char record[RECORD + 1] = "";
        uint32_t position = 0;
        CHECK_EQ(leat_table_put(region, table, "k", 1, record, RECORD, SOON), -EINVAL);
        CHECK_EQ(leat_table_put(region, table, key_of(1), KEY, record, RECORD + 1, SOON), -EINVAL);
        CHECK_EQ(leat_table_get(region, table, key_of(1), KEY, record, RECORD - 1, SOON), -EINVAL);
        CHECK_EQ(leat_table_get(region, table, key_of(1), 0, record, RECORD, SOON), -EINVAL);
        CHECK_EQ(leat_table_remove(region, table, key_of(1), 0, SOON), -EINVAL);
        CHECK_EQ(leat_table_next(region, table, &position, record, KEY - 1, record, RECORD, SOON), -EINVAL);
        CHECK_EQ(leat_table_next(region, table, &position, record, KEY, record, RECORD, SOON), -ENOENT);
        leat_region_close(region);
}

/* Where no table of these numbers may lie, or lies. */
TEST(refuses_places) {
        struct leat_region *region = open_for(KEY, RECORD, RECORDS);
        char *at = leat_region_data(region), record[RECORD + 64] = "";
        struct leat_table *table = (struct leat_table *)(void *)at, *beside = (struct leat_table *)(void *)(at + 64);
        CHECK_EQ(put(region, table, 1, 1), -EINVAL); /* not set up */
        CHECK_EQ(get(region, table, 1, SOON), -EINVAL);
        CHECK_EQ(leat_table_count(region, table, SOON), -EINVAL);
        CHECK_EQ(leat_table_set(region, table, KEY, RECORD, RECORDS + 1, SOON), -EINVAL);
        CHECK_EQ(leat_table_set(region, beside, KEY, RECORD, RECORDS, SOON), -EINVAL);
        CHECK_EQ(leat_table_set(region, (struct leat_table *)(void *)(at + 1), KEY, RECORD, 1, SOON), -EINVAL);
        CHECK_EQ(leat_table_set(region, table, KEY, RECORD, RECORDS, SOON), 0);
        CHECK_EQ(leat_table_set(region, table, KEY, RECORD, RECORDS, LEAT_NOW), 0);
        CHECK_EQ(leat_table_set(region, table, KEY, RECORD, RECORDS - 1, SOON), -EINVAL);
        CHECK_EQ(leat_table_set(region, table, KEY + 1, RECORD, RECORDS - 1, SOON), -EINVAL);
        CHECK_EQ(get(region, beside, 1, SOON), -EINVAL);
        CHECK_EQ(get(region, (struct leat_table *)(void *)(at + 8), 1, SOON), -EINVAL);
        CHECK_EQ(leat_table_count(region, (struct leat_table *)(void *)record, SOON), -EINVAL);
        leat_region_close(region);
}

TEST(needs_the_right_to_write) {
        size_t bytes = leat_table_bytes(KEY, RECORD, RECORDS);
        struct leat_region *region = region_open_or_fail(region_address(KIND_REGION, 1, ""), bytes);
        struct leat_region *reader = region_open_or_fail(region_address(KIND_REGION, 1, "?access=ro"), 0);
        struct leat_table *table = leat_region_data(region), *same = leat_region_data(reader);
        CHECK_EQ(leat_table_set(reader, same, KEY, RECORD, RECORDS, SOON), -EACCES);
        CHECK_EQ(leat_table_set(region, table, KEY, RECORD, RECORDS, SOON), 0);
        CHECK_EQ(leat_table_set(reader, same, KEY, RECORD, RECORDS, SOON), 0); /* it is */
        CHECK_EQ(put(reader, same, 1, 1), -EACCES);
        CHECK_EQ(take(reader, same, 1), -EACCES);
        CHECK_EQ(put(region, table, 1, 11), 0);
        CHECK_EQ(get(reader, same, 1, SOON), 11);
        CHECK_EQ(get(reader, same, 2, SOON), -ENOENT);
        CHECK_EQ(leat_table_count(reader, same, SOON), 1);
        leat_region_close(reader);
        leat_region_close(region);
}

/* ---- others that change it ---- */

struct scene {
        struct leat_region *region;
        struct leat_table *table;
        struct harness_event *ready;
        _Atomic bool *stop;
        unsigned series;
};

/* Keys of this one's own: one stays and is replaced, the others come and go. */
static void change_all_the_time(void *argument) {
        struct scene *scene = argument;
        CHECK_EQ(leat_region_reattach(scene->region, SOON), 0);
        unsigned own = scene->series % 4 * 10;
        for (uint32_t i = 0; !atomic_load(scene->stop); i++) {
                CHECK_EQ(put(scene->region, scene->table, own, i), 0);
                CHECK_EQ(get(scene->region, scene->table, own, SOON), i);
                unsigned other = own + 1 + (unsigned)harness_random_below(9);
                int r = harness_random_below(2) == 0 ? put(scene->region, scene->table, other, i)
                                                     : take(scene->region, scene->table, other);
                CHECK(r == 0 || r == -ENOENT);
        }
        leat_region_close(scene->region);
}

static void check_all(struct scene *scene, struct leat_region *reader) {
        for (unsigned key = 0; key < 40; key++) {
                int64_t r = get(scene->region, scene->table, key, SOON);
                CHECK(r >= 0 || (r == -ENOENT && key % 10 != 0));
        }
        char key[KEY];
        struct record record;
        uint32_t position = 0;
        unsigned stay = 0;
        int r;
        while ((r = leat_table_next(scene->region, scene->table, &position, key, KEY, &record, RECORD, SOON)) == 0)
                stay += strlen(key) == 5 ? key[4] == '0' : key[5] == '0';
        CHECK_EQ(r, -ENOENT);
        CHECK_EQ(stay, 4); /* those that are there throughout, once each */
        int64_t seen = get(reader, leat_region_data(reader), 10, SOON);
        CHECK(seen >= 0 || seen == -EROFS);
}

TEST(whoever_is_killed_in_it) {
        struct scene scene = { .region = region_open_or_fail(region_address(KIND_REGION, 1, "?participants=40"),
                                                             leat_table_bytes(KEY, RECORD, RECORDS)),
                               .stop = harness_shared(sizeof(_Atomic bool)) };
        struct leat_region *reader = region_open_or_fail(region_address(KIND_REGION, 1, "?access=ro"), 0);
        scene.table = table_in(scene.region);
        pid_t pids[4];
        for (; scene.series < 4; scene.series++) {
                CHECK_EQ(put(scene.region, scene.table, scene.series * 10, 0), 0);
                pids[scene.series] = harness_fork(change_all_the_time, &scene);
        }
        for (int round = 0; round < (SANITIZED ? 10 : 40); round++) {
                unsigned which = (unsigned)harness_random_below(4);
                check_all(&scene, reader);
                if (round % 4 == 3) {
                        harness_stop(pids[which]);
                        int64_t r = get(scene.region, scene.table, 10, LEAT_NOW);
                        CHECK(r >= 0 || r == -EAGAIN);
                        harness_continue(pids[which]);
                        continue;
                }
                harness_kill(pids[which]);
                check_all(&scene, reader);
                scene.series = which;
                pids[which] = harness_fork(change_all_the_time, &scene);
        }
        atomic_store(scene.stop, true);
        for (int i = 0; i < 4; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        leat_region_close(reader);
        leat_region_close(scene.region);
}

static void hold(void *argument) {
        struct scene *scene = argument;
        struct view view;
        CHECK_EQ(leat_region_reattach(scene->region, SOON), 0);
        CHECK_EQ(table_view(scene->region, scene->table, true, &view), 0);
        CHECK_EQ(table_lock(&view, SOON), 0);
        atomic_fetch_add(&scene->table->version, 1);
        harness_event_signal(scene->ready);
        while (true)
                (void)pause();
}

/* A change is under way, and does not end; then whoever makes it dies. */
TEST(waits_for_a_change) {
        struct scene scene = { .region = region_open_or_fail(region_address(KIND_REGION, 1, ""),
                                                             leat_table_bytes(KEY, RECORD, RECORDS)),
                               .ready = harness_event_new() };
        struct leat_region *reader = region_open_or_fail(region_address(KIND_REGION, 1, "?access=ro"), 0);
        struct leat_table *same = leat_region_data(reader);
        char key[KEY], record[RECORD];
        uint32_t position = 0;
        scene.table = table_in(scene.region);
        CHECK_EQ(put(scene.region, scene.table, 1, 11), 0);
        pid_t pid = harness_fork(hold, &scene);
        harness_event_wait(scene.ready);
        CHECK_EQ(get(scene.region, scene.table, 1, LEAT_NOW), -EAGAIN);
        CHECK_EQ(get(scene.region, scene.table, 1, BRIEF), -ETIMEDOUT);
        CHECK_EQ(get(reader, same, 1, BRIEF), -ETIMEDOUT);
        CHECK_EQ(leat_table_next(reader, same, &position, key, KEY, record, RECORD, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_table_count(reader, same, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_table_put(scene.region, scene.table, key_of(1), KEY, record, RECORD, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_table_remove(scene.region, scene.table, key_of(1), KEY, BRIEF), -ETIMEDOUT);
        harness_kill(pid);
        CHECK_EQ(get(reader, same, 1, SOON), -EROFS);
        CHECK_EQ(get(scene.region, scene.table, 1, LEAT_NOW), 11);
        CHECK_EQ(get(reader, same, 1, SOON), 11);
        leat_region_close(reader);
        leat_region_close(scene.region);
}

/* ---- lies ---- */

/* Each call ends, and copies no more than was said: the address sanitizer watches the ends of the buffers and of the region. */
static void call_all(struct leat_region *region, struct leat_table *table, void *key, void *record) {
        uint32_t position = (uint32_t)harness_random_below(3);
        (void)leat_table_get(region, table, key, KEY, record, RECORD, LEAT_NOW);
        (void)leat_table_remove(region, table, key, KEY, LEAT_NOW);
        (void)leat_table_put(region, table, key, KEY, record, RECORD, LEAT_NOW);
        (void)leat_table_count(region, table, LEAT_NOW);
        for (int i = 0; i < 200; i++)
                if (leat_table_next(region, table, &position, key, KEY, record, RECORD, LEAT_NOW) != 0)
                        break;
        (void)leat_table_set(region, table, KEY, RECORD, RECORDS, LEAT_NOW);
}

TEST(lies) {
        size_t bytes = leat_table_bytes(KEY, RECORD, RECORDS);
        struct leat_region *region = open_for(KEY, RECORD, RECORDS);
        struct leat_table *table = table_in(region);
        uint32_t *words = leat_region_data(region);
        uint64_t kind = table->structure.kind, shape = table->structure.shape;
        unsigned char *key = malloc(KEY), *record = malloc(RECORD);
        memcpy(key, key_of(1), KEY);
        memset(record, 1, RECORD);
        for (int round = 0; round < 3000; round++) {
                for (size_t i = 0; i < bytes / 4; i++)
                        words[i] = harness_random_below(4) == 0 ? (uint32_t)harness_random()
                                                                : (uint32_t)harness_random_below(RECORDS + 2);
                table->structure.mutex = (struct leat_mutex){ .words = { 0 } };
                if (round % 3 == 0) /* of one that died: it is mended */
                        table->structure.mutex.words[0] = region->mark + (UINT64_C(1) << 32);
                if (round % 8)
                        table->structure.kind = kind;
                if (round % 7)
                        table->structure.shape = shape;
                call_all(region, table, key, record);
        }
        free(key);
        free(record);
        leat_region_close(region);
}

/* A change is under way, and nobody is at it: so a stranger said. */
TEST(odd_without_a_writer) {
        struct leat_region *region = open_for(KEY, RECORD, RECORDS);
        struct leat_table *table = table_in(region);
        CHECK_EQ(put(region, table, 1, 11), 0);
        table->version = 7;
        CHECK_EQ(get(region, table, 1, LEAT_NOW), 11);
        table->version = 9;
        CHECK_EQ(leat_table_count(region, table, LEAT_NOW), 1);
        table->version = 11;
        CHECK_EQ(put(region, table, 1, 12), 0);
        CHECK_EQ(get(region, table, 1, LEAT_NOW), 12);
        leat_region_close(region);
}

/* Numbers that say it is larger than the region. */
TEST(lies_about_its_size) {
        struct leat_region *region = open_for(KEY, RECORD, RECORDS);
        struct leat_table *table = table_in(region);
        const uint64_t kind = table->structure.kind, shape = table->structure.shape;
        const uint32_t sizes[] = { 0, 1, RECORDS + 1, 0x7fffffff, 0x80000000, UINT32_MAX - 1, UINT32_MAX };
        char key[KEY] = "", record[RECORD] = "";
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                table->structure.kind = kind >> 32 << 32 | sizes[i];
                int64_t r = leat_table_count(region, table, SOON);
                CHECK_EQ(r, sizes[i] == 1 ? 0 : -EINVAL);
                table->structure.kind = kind;
                table->structure.shape = (uint64_t)sizes[i] << 32 | RECORD;
                CHECK_EQ(leat_table_get(region, table, key, KEY, record, RECORD, SOON), -EINVAL);
                table->structure.shape = (uint64_t)KEY << 32 | sizes[i];
                CHECK_EQ(leat_table_get(region, table, key, KEY, record, RECORD, SOON), -EINVAL);
                table->structure.shape = shape;
        }
        leat_region_close(region);
}

/* A chain that ends in a circle, and one that leads outside. */
TEST(chains_that_never_end) {
        struct leat_region *region = open_for(KEY, RECORD, RECORDS);
        struct leat_table *table = table_in(region);
        CHECK_EQ(put(region, table, 1, 11), 0);
        for (uint32_t i = 0; i < RECORDS; i++)
                table->heads[i] = 1;
        struct view view;
        CHECK_EQ(table_view(region, table, true, &view), 0);
        slot_at(&view, 1)->next = 1;
        CHECK_EQ(get(region, table, 1, SOON), 11);
        CHECK_EQ(get(region, table, 2, SOON), -EBADMSG);
        CHECK_EQ(put(region, table, 2, 1), -EBADMSG);
        CHECK_EQ(take(region, table, 2), -EBADMSG);
        slot_at(&view, 1)->next = RECORDS + 1;
        CHECK_EQ(get(region, table, 2, SOON), -EBADMSG);
        /* The next recovery mends it: all but the one slot is cut off. */
        table->structure.mutex.words[0] = region->mark + (UINT64_C(1) << 32);
        table->version = 7;
        CHECK_EQ(put(region, table, 2, 22), 0);
        CHECK_EQ(get(region, table, 2, SOON), 22);
        CHECK_EQ(leat_table_count(region, table, SOON), 2);
        for (unsigned key = 3; key < 1000; key++) /* whichever chain it belongs to */
                CHECK_EQ(get(region, table, key, SOON), -ENOENT);
        leat_region_close(region);
}

TEST_MAIN()
