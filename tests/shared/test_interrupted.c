/* SPDX-License-Identifier: MIT */
/*
 * Waits that signals interrupt again and again: a filter ends each sleep of the library in one process with EINTR, at once. All of them go on to their deadline, not less far, to what they
 * wait for, and to the death of who should bring it.
 */
#include "counts.h"
#include "regions.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct row {
        const char *name;
        void (*set)(struct counts *counts); /* before anybody is there; or NULL */
        int (*hold)(struct counts *counts); /* so that others wait */
        int (*wait)(struct counts *counts, int64_t deadline);
        int (*let_go)(struct counts *counts); /* ... no longer */
        int told;                             /* a wait when the holder has died; LEFT: that is not tried */
        bool late;                            /* who dies comes when the other one waits */
};
#define LEFT 99

static struct leat_rwlock *both(const struct counts *counts) {
        return (struct leat_rwlock *)(void *)counts->hall->buffer;
}

/* ---- mutex ---- */

static int lock(struct counts *counts, int64_t deadline) {
        return leat_mutex_lock(counts->region, &counts->hall->mutex, deadline);
}

static int have(struct counts *counts) {
        return lock(counts, LEAT_NOW);
}

static int unlock(struct counts *counts) {
        return leat_mutex_unlock(counts->region, &counts->hall->mutex);
}

/* ---- readers and a writer ---- */

static int rd(struct counts *counts, int64_t deadline) {
        return leat_rwlock_read(counts->region, both(counts), deadline);
}

static int wr(struct counts *counts, int64_t deadline) {
        return leat_rwlock_write(counts->region, both(counts), deadline);
}

static int be_reader(struct counts *counts) {
        return rd(counts, LEAT_NOW);
}

static int be_writer(struct counts *counts) {
        return wr(counts, LEAT_NOW);
}

static int leave(struct counts *counts) {
        return leat_rwlock_unlock(counts->region, both(counts));
}

/* ---- semaphore, condition, barrier, once ---- */

static void set_semaphore(struct counts *counts) {
        CHECK_EQ(leat_semaphore_set(counts->region, &counts->hall->semaphore, 1), 0);
}

static int take(struct counts *counts, int64_t deadline) {
        return leat_semaphore_take(counts->region, &counts->hall->semaphore, true, deadline);
}

static int take_all(struct counts *counts) {
        return take(counts, LEAT_NOW);
}

static int give(struct counts *counts) {
        return leat_semaphore_give(counts->region, &counts->hall->semaphore, true);
}

static int nothing(struct counts *counts) {
        (void)counts;
        return 0;
}

static int listen_to(struct counts *counts, int64_t deadline) {
        CHECK_EQ(have(counts), 0);
        int r = leat_condition_wait(counts->region, &counts->hall->condition, &counts->hall->mutex, deadline);
        if (r == -EOWNERDEAD)
                CHECK_EQ(leat_mutex_mend(counts->region, &counts->hall->mutex), 0);
        CHECK_EQ(unlock(counts), 0);
        return r;
}

static int say(struct counts *counts) {
        CHECK_EQ(lock(counts, SOON), 0);
        CHECK_EQ(leat_condition_signal(counts->region, &counts->hall->condition), 0);
        return unlock(counts);
}

static int have_soon(struct counts *counts) {
        return lock(counts, SOON);
}

static void set_barrier(struct counts *counts) {
        CHECK_EQ(leat_barrier_set(counts->region, &counts->hall->barrier, 2), 0);
}

static int meet(struct counts *counts, int64_t deadline) {
        int r = leat_barrier_wait(counts->region, &counts->hall->barrier, deadline);
        return r < 0 ? r : 0;
}

static int come(struct counts *counts) {
        return meet(counts, SOON);
}

static int begin(struct counts *counts, int64_t deadline) {
        return leat_once_begin(counts->region, &counts->hall->once, deadline);
}

static int begin_it(struct counts *counts) {
        return begin(counts, LEAT_NOW) == 1 ? 0 : -EINVAL;
}

static int done(struct counts *counts) {
        return leat_once_done(counts->region, &counts->hall->once);
}

static const struct row rows[] = {
        { .name = "mutex", .hold = have, .wait = lock, .let_go = unlock, .told = -EOWNERDEAD },
        { .name = "reader", .hold = be_writer, .wait = rd, .let_go = leave, .told = -EOWNERDEAD },
        { .name = "writer", .hold = be_reader, .wait = wr, .let_go = leave, .told = 0 },
        { .name = "semaphore", .set = set_semaphore, .hold = take_all, .wait = take, .let_go = give, .told = 0 },
        { .name = "condition", .hold = nothing, .wait = listen_to, .let_go = say, .told = -EOWNERDEAD, .late = true },
        { .name = "barrier", .set = set_barrier, .hold = nothing, .wait = meet, .let_go = come, .told = LEFT },
        { .name = "once", .hold = begin_it, .wait = begin, .let_go = done, .told = 1 },
};

/* ---- the one that waits ---- */

/* Of region_sleep_as() alone: what the C library waits for is of this process, or by the clock of the day. */
static void interrupt_sleeps(void) {
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 3),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_WAIT_BITSET, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINTR),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { .len = sizeof code / sizeof code[0], .filter = code };
        uint32_t word = 0;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
                printf("no filters of system calls here: nothing interrupts it\n");
                return;
        }
        CHECK(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 1) < 0 && errno == EINTR);
}

static const struct row *row_of; /* of the test that runs */

static void wait_in_vain(struct counts *counts) {
        int64_t deadline = leat_in_ms(25); /* the evidence of others is looked at meanwhile, too */
        interrupt_sleeps();
        CHECK_EQ(row_of->wait(counts, deadline), -ETIMEDOUT);
        CHECK(leat_now() >= deadline);
}

static void wait_well(struct counts *counts) {
        interrupt_sleeps();
        CHECK_EQ(row_of->wait(counts, SOON), 0);
}

static void wait_for_a_dead_one(struct counts *counts) {
        interrupt_sleeps();
        CHECK_EQ(row_of->wait(counts, LEAT_NEVER), row_of->told);
}

static void hold_it(struct counts *counts) {
        CHECK_EQ(row_of->late ? have_soon(counts) : row_of->hold(counts), 0);
        counts_ready(counts);
}

/* ---- the tests ---- */

static struct counts open_for(const struct row *row) {
        struct counts counts = counts_open();
        row_of = row;
        if (row->set)
                row->set(&counts);
        return counts;
}

/* It says so in what is shared, before it sleeps. */
static pid_t start_waiter(struct counts *counts, void (*body)(struct counts *counts)) {
        static struct hall before;
        int64_t deadline = SOON;
        before = *counts->hall;
        pid_t pid = counts_party(counts, 0, body, false);
        while (memcmp(&before, counts->hall, sizeof before) == 0) {
                CHECK(leat_now() < deadline);
                (void)sched_yield();
        }
        return pid;
}

static void comes_to_its_deadline(void *argument) {
        struct counts counts = open_for(argument);
        CHECK_EQ(row_of->hold(&counts), 0);
        CHECK_EQ(harness_wait(counts_party(&counts, 0, wait_in_vain, false)), 0);
        counts_close(&counts);
}

static void is_woken(void *argument) {
        struct counts counts = open_for(argument);
        CHECK_EQ(row_of->hold(&counts), 0);
        pid_t pid = start_waiter(&counts, wait_well);
        CHECK_EQ(row_of->let_go(&counts), 0);
        CHECK_EQ(harness_wait(pid), 0);
        counts_close(&counts);
}

static void is_told_of_the_dead(void *argument) {
        struct counts counts = open_for(argument);
        pid_t waiter = row_of->late ? start_waiter(&counts, wait_for_a_dead_one) : 0;
        pid_t holder = counts_party(&counts, 1, hold_it, true);
        harness_event_wait(counts.ready);
        if (!row_of->late)
                waiter = start_waiter(&counts, wait_for_a_dead_one);
        harness_kill(holder);
        CHECK_EQ(harness_wait(waiter), 0);
        counts_close(&counts);
}

static void add(const struct row *row, const char *what, void (*function)(void *argument)) {
        char name[64];
        snprintf(name, sizeof name, "%s %s", row->name, what);
        harness_add(name, function, (void *)(uintptr_t)row);
}

static void add_tests(void) {
        for (const struct row *row = rows; row < rows + sizeof rows / sizeof rows[0]; row++) {
                add(row, "comes_to_its_deadline", comes_to_its_deadline);
                add(row, "is_woken", is_woken);
                if (row->told != LEFT)
                        add(row, "is_told_of_the_dead", is_told_of_the_dead);
        }
}

TEST_MAIN_WITH(add_tests)
