/* SPDX-License-Identifier: MIT */
/*
 * Regions made, attached, grown and removed, killed and stopped at each class: a system call, or a store to the header or a slot. Whoever comes next finds a
 * whole region, or none, or waits for one that stands still; and at the end nothing is left of it.
 */
#include "harness.h"
#include "runs.h"
#include "scenario.h"

#include <errno.h>
#include <glob.h>
#include <leat.h>
#include <leat/lock.h>
#include <stdio.h>
#include <sys/shm.h>
#include <unistd.h>

#define BYTES 64
#define LARGER 20000
#define BRIEF leat_in_ms(2) /* a deadline that passes because a stopped process does nothing */
#define SOON harness_deadline_ms(40000)
#define SHARED_BYTES 8704 /* of header, and two slots */

enum kind { REGION, MAP, SYSV, KINDS };
static const char *const schemes[] = { "region", "map", "sysv-shm" };

struct page {
        _Atomic int result; /* of the operation */
        _Atomic int wrote;  /* the child wrote into the region behind it */
};

struct run {
        const struct row *row;
        enum kind kind;
        struct tracer tracer;
        struct page *page;
        char address[200];
        struct leat_region *region; /* the survivors' */
        struct leat_region *childs;
};

struct row {
        const char *name;
        bool grows;
        void (*before)(struct run *run);         /* survivors: before the child exists; or NULL */
        void (*prepare)(struct run *run);        /* child: before the first mark; or NULL */
        int (*operation)(struct run *run);       /* child: between the marks */
        void (*after_kill)(struct run *run);     /* survivors: it is dead */
        void (*while_stopped)(struct run *run);  /* survivors */
        void (*after_continue)(struct run *run); /* survivors: it has ended well */
};

/* ---- what survivors do ---- */

static int try_open(struct run *run, const char *options, size_t size_bytes, int64_t deadline) {
        char address[240];
        struct leat_region *region = NULL;
        snprintf(address, sizeof address, "%s%s", run->address, options);
        int r = leat_region_open(address, size_bytes, NULL, deadline, NULL, &region);
        leat_region_close(region);
        return r;
}

static struct leat_region *open_or_fail(struct run *run, size_t size_bytes) {
        struct leat_region *region = NULL;
        struct leat_reason reason = { 0 };
        char address[240];
        snprintf(address, sizeof address, "%s?most=64k", run->address);
        int r = leat_region_open(address, size_bytes, NULL, SOON, &reason, &region);
        if (r < 0)
                FAIL("%s: %d (%s)", run->address, r, reason.text ? reason.text : "no reason");
        return region;
}

static uint8_t *data_of(struct leat_region *region) {
        return leat_region_data(region);
}

/* All of it is there, and may be written. */
static void touch(struct leat_region *region) {
        size_t size = leat_region_size(region);
        for (size_t i = 1; i < size; i++)
                CHECK_EQ(data_of(region)[i]++, 0);
        for (size_t i = 1; i < size; i++)
                data_of(region)[i] = 0;
}

/* It is whole, and one: what is written by one attachment is seen by the next. */
static void check_whole(struct run *run, size_t size_bytes) {
        struct leat_region *region = open_or_fail(run, size_bytes), *other = open_or_fail(run, 0);
        CHECK_EQ(leat_region_size(region), size_bytes);
        touch(region);
        data_of(region)[1] = 3;
        CHECK_EQ(data_of(other)[1], 3);
        data_of(other)[1] = 0;
        leat_region_close(other);
        leat_region_close(region);
}

static unsigned count_living(struct leat_region *region) {
        struct leat_region_info info = LEAT_REGION_INFO_INIT;
        CHECK_EQ(leat_region_info(region, &info), 0);
        return info.participants;
}

/* ---- create ---- */

static int create(struct run *run) {
        return leat_region_open(run->address, BYTES, NULL, SOON, NULL, &run->childs);
}

static void after_create_killed(struct run *run) {
        int r = try_open(run, "?access=ro", 0, SOON);
        CHECK(r == 0 || r == -ENOENT);
        check_whole(run, BYTES);
}

/* Whoever makes it, they have the same. */
static void while_create_stopped(struct run *run) {
        int r = leat_region_open(run->address, BYTES, NULL, BRIEF, NULL, &run->region);
        CHECK(r == 0 || r == -ETIMEDOUT);
        if (r < 0)
                return;
        touch(run->region);
        if (count_living(run->region) > 1)
                return;
        /* The child is not in, and the lock file that it may have open by now is no region's any more. */
        CHECK_EQ(leat_region_remove(run->address, false, SOON, NULL), 0);
        leat_region_close(run->region);
        run->region = open_or_fail(run, BYTES);
}

static void after_create_continued(struct run *run) {
        if (!run->region)
                run->region = open_or_fail(run, BYTES);
        CHECK_EQ(data_of(run->region)[0], 7);
        data_of(run->region)[0] = 0;
        check_whole(run, BYTES);
}

/* ---- attach ---- */

static void before_attach(struct run *run) {
        run->region = open_or_fail(run, BYTES);
        data_of(run->region)[0] = 5;
}

static struct leat_mutex *mutex_of(struct leat_region *region) {
        return (struct leat_mutex *)(void *)(data_of(region) + 16);
}

static void lock_and_die(void *argument) {
        struct leat_region *region = open_or_fail(argument, BYTES);
        CHECK_EQ(leat_mutex_lock(region, mutex_of(region), LEAT_NOW), 0);
        _exit(0);
}

/* The slot that is taken was that of one which died with a lock. */
static void before_attach_to_a_dead_ones_slot(struct run *run) {
        before_attach(run);
        CHECK_EQ(harness_wait(harness_fork(lock_and_die, run)), 0);
}

/* It is dead, whoever takes its slot and wherever that one stands. */
static void take_over(struct run *run) {
        CHECK_EQ(leat_mutex_lock(run->region, mutex_of(run->region), LEAT_NOW), -EOWNERDEAD);
        CHECK_EQ(leat_mutex_mend(run->region, mutex_of(run->region)), 0);
        CHECK_EQ(leat_mutex_unlock(run->region, mutex_of(run->region)), 0);
}

static void after_attach_killed(struct run *run) {
        take_over(run);
        CHECK_EQ(count_living(run->region), 1);
        CHECK_EQ(data_of(run->region)[0], 5);
        check_whole(run, BYTES);
        CHECK_EQ(count_living(run->region), 1);
}

static void while_attach_stopped(struct run *run) {
        take_over(run);
        CHECK_EQ(try_open(run, "", BYTES, LEAT_NOW), 0); /* who attaches is in nobody's way */
        CHECK(count_living(run->region) <= 2);
        touch(run->region);
}

static void after_attach_continued(struct run *run) {
        CHECK_EQ(count_living(run->region), 1);
        CHECK_EQ(data_of(run->region)[0], 7);
}

/* ---- grow ---- */

static void attach_first(struct run *run) {
        run->childs = open_or_fail(run, BYTES);
}

static int grow(struct run *run) {
        return leat_region_grow(run->childs, LARGER, SOON);
}

static void check_size(struct run *run) {
        size_t size = leat_region_size(run->region);
        CHECK(size == BYTES || size == LARGER);
        touch(run->region);
}

static void after_grow_killed(struct run *run) {
        check_size(run);
        CHECK_EQ(leat_region_grow(run->region, LARGER, SOON), 0);
        check_size(run);
        check_whole(run, LARGER);
}

static void while_grow_stopped(struct run *run) {
        check_size(run);
        int r = try_open(run, "", BYTES, BRIEF);
        CHECK(r == 0 || r == -ETIMEDOUT);
        r = leat_region_grow(run->region, LARGER, BRIEF);
        CHECK(r == 0 || r == -ETIMEDOUT);
        check_size(run);
}

static void after_grow_continued(struct run *run) {
        CHECK_EQ(leat_region_size(run->region), LARGER);
        check_size(run);
}

/* ---- remove ---- */

static int remove_it(struct run *run) {
        return leat_region_remove(run->address, false, SOON, NULL);
}

/* Those who have it go on; the next one has it too, or another one. */
static void after_remove_killed(struct run *run) {
        CHECK_EQ(data_of(run->region)[0], 5);
        touch(run->region);
        check_whole(run, BYTES);
        struct leat_region *next = open_or_fail(run, BYTES);
        CHECK(data_of(next)[0] == 5 || data_of(next)[0] == 0);
        CHECK_EQ(count_living(next), data_of(next)[0] == 5 ? 2 : 1);
        leat_region_close(next);
}

static void while_remove_stopped(struct run *run) {
        CHECK_EQ(data_of(run->region)[0], 5);
        int r = try_open(run, "", BYTES, BRIEF);
        CHECK(r == 0 || r == -ETIMEDOUT);
}

static void after_remove_continued(struct run *run) {
        CHECK_EQ(data_of(run->region)[0], 5);
        check_whole(run, BYTES);
}

static const struct row rows[] = {
        { .name = "create",
          .operation = create,
          .after_kill = after_create_killed,
          .while_stopped = while_create_stopped,
          .after_continue = after_create_continued },
        { .name = "attach",
          .before = before_attach_to_a_dead_ones_slot,
          .operation = create,
          .after_kill = after_attach_killed,
          .while_stopped = while_attach_stopped,
          .after_continue = after_attach_continued },
        { .name = "grow",
          .grows = true,
          .before = before_attach,
          .prepare = attach_first,
          .operation = grow,
          .after_kill = after_grow_killed,
          .while_stopped = while_grow_stopped,
          .after_continue = after_grow_continued },
        { .name = "remove",
          .before = before_attach,
          .operation = remove_it,
          .after_kill = after_remove_killed,
          .while_stopped = while_remove_stopped,
          .after_continue = after_remove_continued },
};

/* ---- the child ---- */

static void child(void *argument) {
        struct run *run = argument;
        run->region = leat_region_close(run->region); /* the survivors': here it is nobody's */
        if (run->row->prepare)
                run->row->prepare(run);
        step_begin();
        run->page->result = run->row->operation(run);
        step_end();
        CHECK_EQ(run->page->result, 0);
        if (run->row->operation == create)
                data_of(run->childs)[0] = 7;
        leat_region_close(run->childs);
}

/* What it has mapped of a region by now: its header and first slots are looked at behind each instruction. */
static void share(void *argument) {
        const struct run *run = argument;
        char line[300];
        unsigned long begin;
        snprintf(line, sizeof line, "/proc/%d/maps", (int)run->tracer.pid);
        FILE *maps = fopen(line, "re");
        CHECK(maps != NULL);
        while (fgets(line, sizeof line, maps))
                if (strstr(line, " rw-s 00000000 ") &&
                    (strstr(line, "/leat.step-") || strstr(line, "/step-region") || strstr(line, "/SYSV")) &&
                    sscanf(line, "%lx", &begin) == 1)
                        (void)tracer_share(&run->tracer, (const char *)begin, SHARED_BYTES);
        fclose(maps);
}

/* ---- one run ---- */

static void remove_later(const char *address) {
        (void)leat_region_remove(address, true, leat_in_s(5), NULL);
}

static void start(void *argument) {
        struct run *run = argument;
        const struct row *row = run->row;
        enum kind kind = run->kind;
        *run = (struct run){ .row = row, .kind = kind, .page = harness_shared(sizeof *run->page) };
        if (kind == MAP)
                snprintf(run->address, sizeof run->address, "map:%s/step-region", harness_tmpdir());
        else if (kind == SYSV)
                snprintf(run->address, sizeof run->address, "sysv-shm:0x%x", 0x20000000u + (unsigned)getpid());
        else
                snprintf(run->address, sizeof run->address, "region:/step-%d", (int)getpid());
        harness_remove_later(remove_later, run->address);
        if (row->before)
                row->before(run);
        CHECK_EQ(tracer_start(&run->tracer, child, run), 0);
}

/* Of no name anything is left. */
static void check_nothing_left(struct run *run) {
        char pattern[300];
        glob_t found = { 0 };
        if (run->kind == MAP)
                snprintf(pattern, sizeof pattern, "%s/step-region*", harness_tmpdir());
        else if (run->kind == SYSV)
                snprintf(pattern, sizeof pattern, "/dev/shm/*%x*", 0x20000000u + (unsigned)getpid());
        else
                snprintf(pattern, sizeof pattern, "/dev/shm/leat.step-%d*", (int)getpid());
        CHECK_EQ(glob(pattern, 0, NULL, &found), GLOB_NOMATCH);
        if (run->kind == SYSV)
                CHECK_EQ(shmget((key_t)(0x20000000 + getpid()), 0, 0), -1);
}

static void end(struct run *run) {
        tracer_end(&run->tracer);
        run->region = leat_region_close(run->region);
        int r = leat_region_remove(run->address, false, SOON, NULL);
        CHECK(r == 0 || r == -ENOENT);
        check_nothing_left(run);
}

static void begun(void *argument) {
        const struct run *run = argument;
        if (run->row->prepare)
                share(argument);
}

static void killed(void *argument) {
        struct run *run = argument;
        run->row->after_kill(run);
        end(run);
}

static void stopped(void *argument) {
        struct run *run = argument;
        run->row->while_stopped(run);
}

static void let_go(void *argument) {
        struct run *run = argument;
        tracer_release(&run->tracer);
        CHECK_EQ(tracer_wait(&run->tracer, SOON), 0);
        run->row->after_continue(run);
        end(run);
}

/* ---- all runs of a row ---- */

struct test {
        const struct row *row;
        enum kind kind;
};

static void run_row(void *argument) {
        const struct test *test = argument;
        struct run run = { .row = test->row, .kind = test->kind };
        struct step_counts counts;
        char name[80];
        snprintf(name, sizeof name, "%s %s", schemes[test->kind], test->row->name);
        const struct step_runs runs = { .name = name,
                                        .run = &run,
                                        .tracer = &run.tracer,
                                        .pace = TRACER_INSTRUCTIONS,
                                        .start = start,
                                        .begun = begun,
                                        .mapped = share,
                                        .killed = killed,
                                        .stopped = stopped,
                                        .let_go = let_go };
        (void)step_run_all(&runs, &counts);
        step_say("# %s: %llu instructions, %u kills, %u stops\n", name, (unsigned long long)counts.instructions,
                 counts.kills, counts.stops);
}

static void add_tests(void) {
        static struct test tests[KINDS * (sizeof rows / sizeof *rows)];
        size_t count = 0;
        char name[80];
        for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
                for (enum kind kind = 0; kind < KINDS; kind++) {
                        if (rows[row].grows && kind == SYSV)
                                continue;
                        tests[count] = (struct test){ &rows[row], kind };
                        snprintf(name, sizeof name, "%s/%s", schemes[kind], rows[row].name);
                        harness_add_with(name, run_row, &tests[count++], (struct harness_options){ .timeout_s = 180 });
                }
}

STEP_MAIN_WITH(add_tests)
