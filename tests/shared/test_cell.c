/* SPDX-License-Identifier: MIT */
#include "regions.h"

#include "shared/region.h"

#include <leat/structures.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The latest-value cell. */

#define BRIEF harness_deadline_ms(5)
#define BYTES 4096
#define VALUE 100

static struct leat_cell *cell_in(struct leat_region *region, size_t value_bytes) {
        struct leat_cell *cell = leat_region_data(region);
        CHECK_EQ(leat_cell_set(region, cell, value_bytes, SOON), 0);
        return cell;
}

/* A value that can be told from a torn one. */
static void fill(unsigned char *value, uint64_t number) {
        for (size_t i = 0; i < VALUE; i++)
                value[i] = (unsigned char)(number * 31 + i * (number >> 8 | 1));
}

static void check_value(const unsigned char *value, uint64_t number) {
        unsigned char right[VALUE];
        fill(right, number);
        CHECK_MEM(value, right, VALUE);
}

TEST(shows_the_latest) {
        struct leat_region *region = region_open_or_fail("anon:", BYTES);
        struct leat_cell *cell = cell_in(region, VALUE);
        unsigned char value[VALUE];
        uint64_t number = 77;
        CHECK_EQ(leat_cell_get(region, cell, value, VALUE, &number), -ENODATA);
        CHECK_EQ(number, 77);
        for (uint64_t i = 1; i < 1000; i++) {
                fill(value, i);
                CHECK_EQ(leat_cell_put(region, cell, value, VALUE, SOON), 0);
                memset(value, 0, VALUE);
                CHECK_EQ(leat_cell_get(region, cell, value, VALUE, i % 2 ? &number : NULL), 0);
                CHECK_EQ(number, i - (i % 2 ? 0 : 1));
                check_value(value, i);
        }
        leat_region_close(region);
}

TEST(any_size) {
        struct leat_region *region = region_open_or_fail("anon:", 1 << 20);
        const size_t sizes[] = { 0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 128, 1000, 300000 };
        unsigned char *at = leat_region_data(region), *value = malloc(300000), *seen = malloc(300000);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                struct leat_cell *cell = (struct leat_cell *)(void *)at;
                for (size_t k = 0; k < sizes[i]; k++)
                        value[k] = (unsigned char)harness_random();
                CHECK_EQ(leat_cell_bytes(sizes[i]) % 64, 0);
                CHECK_EQ(leat_cell_set(region, cell, sizes[i], SOON), 0);
                CHECK_EQ(leat_cell_put(region, cell, value, sizes[i], SOON), 0);
                CHECK_EQ(leat_cell_put(region, cell, value, sizes[i], SOON), 0);
                at += leat_cell_bytes(sizes[i]);
                CHECK_EQ(*at, 0); /* nothing behind it */
                CHECK_EQ(leat_cell_get(region, cell, seen, sizes[i], NULL), 0);
                CHECK_MEM(seen, value, sizes[i]);
        }
        free(value);
        free(seen);
        leat_region_close(region);
}

TEST(refuses) {
        struct leat_region *region = region_open_or_fail(region_address(KIND_REGION, 1, ""), BYTES);
        struct leat_region *reader = region_open_or_fail(region_address(KIND_REGION, 1, "?access=ro"), 0);
        struct leat_cell *cell = leat_region_data(region), *same = leat_region_data(reader);
        unsigned char value[VALUE] = "";
        CHECK_EQ(leat_cell_bytes(SIZE_MAX), 0);
        CHECK_EQ(leat_cell_put(region, cell, value, VALUE, SOON), -EINVAL); /* not set up */
        CHECK_EQ(leat_cell_get(region, cell, value, VALUE, NULL), -EINVAL);
        CHECK_EQ(leat_cell_set(reader, same, VALUE, SOON), -EACCES);
        CHECK_EQ(leat_cell_set(region, cell, BYTES, SOON), -EINVAL); /* it does not fit */
        CHECK_EQ(leat_cell_set(region, cell, SIZE_MAX, SOON), -EINVAL);
        CHECK_EQ(leat_cell_set(region, (struct leat_cell *)((char *)cell + 8), VALUE, SOON), -EINVAL);
        CHECK_EQ(leat_cell_set(region, (struct leat_cell *)(void *)value, VALUE, SOON), -EINVAL);
        CHECK_EQ(leat_cell_set(region, cell, VALUE, SOON), 0);
        CHECK_EQ(leat_cell_set(region, cell, VALUE, LEAT_NOW), 0);
        CHECK_EQ(leat_cell_set(region, cell, VALUE + 1, SOON), -EINVAL); /* it was, otherwise */
        CHECK_EQ(leat_cell_set(reader, same, VALUE, SOON), 0);           /* it is */
        CHECK_EQ(leat_cell_put(region, cell, value, VALUE - 1, SOON), -EINVAL);
        CHECK_EQ(leat_cell_put(reader, same, value, VALUE, SOON), -EACCES);
        strcpy((char *)value, "right");
        CHECK_EQ(leat_cell_put(region, cell, value, VALUE, SOON), 0);
        memset(value, 0, VALUE);
        CHECK_EQ(leat_cell_get(region, cell, value, VALUE + 1, NULL), -EINVAL);
        CHECK_EQ(leat_cell_get(reader, same, value, VALUE, NULL), 0);
        CHECK_STR((char *)value, "right");
        CHECK_EQ(leat_region_protect(region, LEAT_ACCESS_READ), 0);
        CHECK_EQ(leat_cell_put(region, cell, value, VALUE, SOON), -EACCES);
        leat_region_close(reader);
        leat_region_close(region);
}

/* ---- a reader that is overtaken ---- */

static struct {
        struct leat_region *region;
        struct leat_cell *cell;
        unsigned char *copy; /* a page that is not there when the reader begins to copy */
        uint64_t last;       /* number that was put */
        int puts, faults;
} overtaken;

static void put_next(void) {
        unsigned char value[VALUE];
        fill(value, ++overtaken.last);
        CHECK_EQ(leat_cell_put(overtaken.region, overtaken.cell, value, VALUE, SOON), 0);
}

/* The reader is in the midst of its copy. */
static void overtake(int signal) {
        (void)signal;
        if (overtaken.faults++ != 0)
                _exit(99);
        for (int i = 0; i < overtaken.puts; i++)
                put_next();
        CHECK_EQ(mprotect(overtaken.copy, BYTES, PROT_READ | PROT_WRITE), 0);
}

/* The number that it gets when so many values are put during its first copy. */
static uint64_t get_overtaken(int puts) {
        uint64_t number = 0;
        overtaken.puts = puts;
        overtaken.faults = 0;
        CHECK_EQ(mprotect(overtaken.copy, BYTES, PROT_NONE), 0);
        CHECK_EQ(leat_cell_get(overtaken.region, overtaken.cell, overtaken.copy, VALUE, &number), 0);
        CHECK_EQ(overtaken.faults, 1);
        check_value(overtaken.copy, number);
        return number;
}

/* What is shown stands until a second value is begun: a reader that is overtaken once has what it copied. */
TEST(looks_again_only_when_a_second_value_was_begun) {
        struct sigaction action = { .sa_handler = overtake }, before;
        overtaken.region = region_open_or_fail("anon:", BYTES);
        overtaken.cell = cell_in(overtaken.region, VALUE);
        overtaken.last = 0;
        overtaken.copy = mmap(NULL, BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(overtaken.copy != MAP_FAILED);
        CHECK_EQ(sigaction(SIGSEGV, &action, &before), 0);
        put_next();
        for (int round = 0; round < 4; round++) {
                uint64_t shown = overtaken.last;
                CHECK_EQ(get_overtaken(0), shown);
                CHECK_EQ(get_overtaken(1), shown);
                CHECK_EQ(get_overtaken(2), shown + 3); /* its copy was written again: the latest */
                CHECK_EQ(get_overtaken(3), shown + 6);
                put_next();
        }
        /* A liar says that more was begun: nobody looks for ever, and the next writer sets it right. */
        uint64_t shown = overtaken.last;
        ((uint64_t *)leat_region_data(overtaken.region))[5] = shown + 2;
        CHECK_EQ(get_overtaken(0), shown);
        CHECK_EQ(get_overtaken(1), shown);
        CHECK_EQ(sigaction(SIGSEGV, &before, NULL), 0);
        CHECK_EQ(munmap(overtaken.copy, BYTES), 0);
        leat_region_close(overtaken.region);
}

/* ---- one that lies ---- */

/*
 * As if somebody counted values that were never put, at each look anew: what is copied goes over `number` and `begun`, and is what the liar says of them. Each call ends, also of who may only read, and
 * with an honest writer all is well again.
 */
TEST(nobody_looks_for_ever) {
        struct leat_region *region = region_open_or_fail(region_address(KIND_REGION, 1, ""), BYTES);
        struct leat_region *reader = region_open_or_fail(region_address(KIND_REGION, 1, "?access=ro"), 0);
        const uint64_t lies[][2] = { { 1001, 5000 }, { 1000, 5000 } }; /* in copy 0, in copy 1 */
        struct leat_cell *cell = cell_in(region, sizeof lies[0]);
        uint64_t *words = (uint64_t *)cell, value[2], number;
        CHECK_EQ(leat_cell_put(region, cell, lies[1], sizeof value, SOON), 0);
        CHECK_EQ(leat_cell_put(region, cell, lies[0], sizeof value, SOON), 0);
        CHECK_EQ(leat_cell_get(region, cell, words + 4, sizeof value, NULL), -EBADMSG);
        CHECK_EQ(leat_cell_get(reader, leat_region_data(reader), words + 4, sizeof value, NULL), -EBADMSG);
        words[4] = 6;
        CHECK_EQ(leat_cell_put(region, cell, lies[1], sizeof value, LEAT_NOW), 0); /* nobody has the mutex */
        CHECK_EQ(leat_cell_get(reader, leat_region_data(reader), value, sizeof value, &number), 0);
        CHECK_MEM(value, lies[1], sizeof value);
        CHECK_EQ(number, 7);
        leat_region_close(reader);
        leat_region_close(region);
}

/* ---- many readers, writers that are killed and stopped ---- */

struct scene {
        struct leat_region *region;
        struct leat_cell *cell;
        struct harness_event *begun;
        _Atomic bool *stop;
};

/* The first bytes say which value it is. */
static void put_on(void *argument) {
        struct scene *scene = argument;
        unsigned char value[VALUE + 8];
        CHECK_EQ(leat_region_reattach(scene->region, SOON), 0);
        for (uint64_t i = harness_random(); !atomic_load(scene->stop); i++) {
                fill(value + 8, i);
                memcpy(value, &i, 8);
                CHECK_EQ(leat_cell_put(scene->region, scene->cell, value, sizeof value, SOON), 0);
                if (scene->begun)
                        harness_event_signal(scene->begun);
                scene->begun = NULL;
        }
        leat_region_close(scene->region);
}

static void look(struct scene *scene, uint64_t *last) {
        unsigned char value[VALUE + 8];
        uint64_t number, which;
        CHECK_EQ(leat_cell_get(scene->region, scene->cell, value, sizeof value, &number), 0);
        CHECK(number >= *last);
        memcpy(&which, value, 8);
        check_value(value + 8, which);
        *last = number;
}

static void look_on(void *argument) {
        struct scene *scene = argument;
        uint64_t last = 0;
        CHECK_EQ(leat_region_reattach(scene->region, SOON), 0);
        while (!atomic_load(scene->stop))
                look(scene, &last);
        leat_region_close(scene->region);
}

TEST(never_torn) {
        struct scene scene = { .region = region_open_or_fail("anon:", BYTES),
                               .begun = harness_event_new(),
                               .stop = harness_shared(sizeof(_Atomic bool)) };
        struct harness_event *begun = scene.begun;
        scene.cell = cell_in(scene.region, VALUE + 8);
        pid_t writers[2] = { harness_fork(put_on, &scene), 0 };
        harness_event_wait(begun);
        scene.begun = NULL;
        writers[1] = harness_fork(put_on, &scene);
        pid_t reader = harness_fork(look_on, &scene);
        uint64_t last = 0;
        for (int round = 0; round < (SANITIZED ? 10 : 40); round++) {
                pid_t *one = &writers[harness_random_below(2)];
                for (int i = 0; i < 300; i++)
                        look(&scene, &last);
                if (round % 2)
                        harness_stop(*one);
                else
                        harness_kill(*one);
                for (int i = 0; i < 300; i++)
                        look(&scene, &last); /* whatever it was at, nobody waits */
                if (round % 2) {
                        harness_continue(*one);
                        continue;
                }
                (void)harness_random();
                *one = harness_fork(put_on, &scene);
        }
        atomic_store(scene.stop, true);
        CHECK_EQ(harness_wait(reader), 0);
        CHECK_EQ(harness_wait(writers[0]), 0);
        CHECK_EQ(harness_wait(writers[1]), 0);
        leat_region_close(scene.region);
}

/* Whatever stands in it, it is of the size that the caller said, and nothing outside is touched. */
TEST(lies) {
        struct leat_region *region = region_open_or_fail("anon:", BYTES);
        struct leat_cell *cell = cell_in(region, VALUE);
        unsigned char *value = malloc(VALUE); /* of exactly that size: the address sanitizer watches its end */
        memset(value, 1, VALUE);
        CHECK_EQ(leat_cell_put(region, cell, value, VALUE, SOON), 0);
        uint64_t *words = leat_region_data(region), kind = words[0], shape = words[1];
        for (int round = 0; round < 2000; round++) {
                for (size_t i = 0; i < leat_cell_bytes(VALUE) / 8; i++)
                        words[i] = harness_random();
                words[2] = words[3] = 0; /* the mutex: else one waits for an owner who lives */
                if (round % 2)
                        words[0] = kind;
                if (round % 4)
                        words[1] = shape;
                int r = leat_cell_get(region, cell, value, VALUE, NULL);
                CHECK(r == 0 || r == -EINVAL || r == -ENODATA);
                r = leat_cell_put(region, cell, value, VALUE, SOON);
                CHECK(r == 0 || r == -EINVAL);
        }
        for (size_t i = leat_cell_bytes(VALUE) / 8; i < BYTES / 8; i++)
                CHECK_EQ(words[i], 0);
        free(value);
        leat_region_close(region);
}

/* A writer that waits for another one. */
TEST(writers_wait_for_each_other) {
        struct leat_region *region = region_open_or_fail("anon:", BYTES);
        struct leat_cell *cell = cell_in(region, VALUE);
        unsigned char value[VALUE] = "";
        uint64_t *words = leat_region_data(region);
        words[2] = region->mark | UINT64_C(4095) << 16; /* another thread of a process that lives */
        CHECK_EQ(leat_cell_put(region, cell, value, VALUE, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_cell_put(region, cell, value, VALUE, BRIEF), -ETIMEDOUT);
        CHECK_EQ(leat_cell_get(region, cell, value, VALUE, NULL), -ENODATA);
        words[2] = region->mark + (UINT64_C(1) << 32); /* another incarnation: dead */
        CHECK_EQ(leat_cell_put(region, cell, value, VALUE, LEAT_NOW), 0);
        CHECK_EQ(leat_cell_get(region, cell, value, VALUE, NULL), 0);
        leat_region_close(region);
}

TEST_MAIN()
