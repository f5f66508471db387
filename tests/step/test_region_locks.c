/* SPDX-License-Identifier: MIT */

/* Locks: whoever comes next gets it, and is told of a dead owner exactly if that one had it; a stopped one keeps what it has, and no more. */

#include "region_step.h"
#include "shared/mutex_word.h"

#include <leat/lock.h>
#include <pthread.h>

struct desk {
        struct leat_mutex mutex;
        struct leat_rwlock both;
};

static struct desk *desk(const struct region_run *run) {
        return run->data;
}

static uint64_t word(const struct leat_mutex *mutex) {
        return atomic_load(word_of(mutex));
}

static bool childs(const struct region_run *run, const struct leat_mutex *mutex) {
        return (word(mutex) & REGION_MARK_BITS) == run->page->mark && !(word(mutex) & WORD_OFFERED);
}

static int lock(struct region_run *run) {
        return leat_mutex_lock(run->region, &desk(run)->mutex, STEP_SOON);
}

static int unlock(struct region_run *run) {
        return leat_mutex_unlock(run->region, &desk(run)->mutex);
}

static int mend(struct region_run *run) {
        return leat_mutex_mend(run->region, &desk(run)->mutex);
}

/* Lock, mend, unlock; and it is as new. */
static void use(struct region_run *run, int expected) {
        CHECK_EQ(lock(run), expected);
        CHECK_EQ(mend(run), 0);
        CHECK_EQ(unlock(run), 0);
        CHECK_EQ(leat_mutex_lock(run->region, &desk(run)->mutex, LEAT_NOW), 0);
        CHECK_EQ(unlock(run), 0);
        CHECK_EQ(word(&desk(run)->mutex), 0);
}

static void mutex_killed(struct region_run *run) {
        const struct leat_mutex *mutex = &desk(run)->mutex;
        bool told = childs(run, mutex) || (word(mutex) & WORD_DAMAGED);
        use(run, told ? -EOWNERDEAD : 0);
}

static void mutex_stopped(struct region_run *run) {
        bool has = childs(run, &desk(run)->mutex);
        int r = leat_mutex_lock(run->region, &desk(run)->mutex, LEAT_NOW);
        CHECK(has ? r == -EAGAIN : r == 0);
        if (r == 0)
                CHECK_EQ(unlock(run), 0);
}

static void mutex_ended(struct region_run *run) {
        use(run, 0);
}

/* ---- one that waits, and the survivor has it ---- */

static void have(struct region_run *run) {
        CHECK_EQ(lock(run), 0);
}

static void let_have(struct region_run *run) {
        if (!run->given)
                CHECK_EQ(unlock(run), 0);
        run->given = 1;
}

static void waiter_killed(struct region_run *run) {
        bool has = childs(run, &desk(run)->mutex);
        let_have(run);
        use(run, has ? -EOWNERDEAD : 0);
}

/* It may be offered to the stopped one: then the survivor gets it all the same. */
static void waiter_stopped(struct region_run *run) {
        let_have(run);
        if (childs(run, &desk(run)->mutex)) {
                CHECK_EQ(leat_mutex_lock(run->region, &desk(run)->mutex, LEAT_NOW), -EAGAIN);
                return;
        }
        CHECK_EQ(lock(run), 0);
        CHECK_EQ(unlock(run), 0);
}

/* ---- an owner, and the survivor's other thread waits ---- */

struct waiter {
        pthread_t thread;
        struct region_run *run;
        int result;
};

static void *wait_in_thread(void *argument) {
        struct waiter *waiter = argument;
        waiter->result = lock(waiter->run);
        CHECK_EQ(unlock(waiter->run), 0);
        return NULL;
}

static struct waiter waiter; /* of one run at a time */

/* The owner is at the first mark. */
static void begin_to_wait(struct region_run *run) {
        waiter = (struct waiter){ .run = run };
        CHECK_EQ(pthread_create(&waiter.thread, NULL, wait_in_thread, &waiter), 0);
        WAIT_UNTIL((word(&desk(run)->mutex) & (WORD_STARVES | WORD_WAITED)) == (WORD_STARVES | WORD_WAITED));
}

static void end_to_wait(struct region_run *run, int expected) {
        (void)run;
        CHECK_EQ(pthread_join(waiter.thread, NULL), 0);
        CHECK_EQ(waiter.result, expected);
}

static void owner_killed(struct region_run *run) {
        /* While it had it the waiter could not change that; and it is told what it finds. */
        CHECK_EQ(pthread_join(waiter.thread, NULL), 0);
        CHECK(waiter.result == 0 || waiter.result == -EOWNERDEAD);
        use(run, waiter.result);
}

static void owner_stopped(struct region_run *run) {
        if (!childs(run, &desk(run)->mutex))
                run->given = 1, end_to_wait(run, 0);
}

static void owner_ended(struct region_run *run) {
        if (!run->given)
                end_to_wait(run, 0);
        use(run, 0);
}

/* ---- one that takes over ---- */

/* A participant that has gone without unlocking: as one that died. */
static void leave_dead(struct region_run *run, bool both) {
        struct leat_region *other = NULL;
        CHECK_EQ(leat_region_adopt(leat_region_fd(run->region), NULL, STEP_SOON, NULL, &other), 0);
        struct desk *there = leat_region_data(other);
        if (both)
                CHECK_EQ(leat_rwlock_write(other, &there->both, LEAT_NOW), 0);
        else
                CHECK_EQ(leat_mutex_lock(other, &there->mutex, LEAT_NOW), 0);
        leat_region_close(other);
}

static void leave_dead_owner(struct region_run *run) {
        leave_dead(run, false);
}

static int take_over(struct region_run *run) {
        int r = leat_mutex_lock(run->region, &desk(run)->mutex, LEAT_NOW);
        return r == -EOWNERDEAD ? 0 : r == 0 ? -EINVAL : r;
}

static void heir_killed(struct region_run *run) {
        use(run, -EOWNERDEAD);
}

static void heir_stopped(struct region_run *run) {
        struct leat_mutex *mutex = &desk(run)->mutex;
        bool has = childs(run, mutex);
        int r = leat_mutex_lock(run->region, mutex, LEAT_NOW);
        CHECK_EQ(r, has ? -EAGAIN : -EOWNERDEAD);
        if (!has) /* it is still to be told */
                CHECK_EQ(unlock(run), 0);
}

static int mend_and_unlock(struct region_run *run) {
        int r = mend(run);
        return r < 0 ? r : unlock(run);
}

/* ---- readers and a writer ---- */

static int rd(struct region_run *run) {
        return leat_rwlock_read(run->region, &desk(run)->both, STEP_SOON);
}

static int wr(struct region_run *run) {
        return leat_rwlock_write(run->region, &desk(run)->both, STEP_SOON);
}

static int un(struct region_run *run) {
        return leat_rwlock_unlock(run->region, &desk(run)->both);
}

static struct leat_mutex *writers(const struct region_run *run) {
        return (struct leat_mutex *)desk(run)->both.words;
}

static bool is_writing(const struct region_run *run) {
        return desk(run)->both.words[2] >> 32;
}

static bool child_reads(const struct region_run *run) {
        const struct participant *child = &run->region->participants[(run->page->mark & 0xffff) - 1];
        uint64_t lock = region_offset(run->region, &desk(run)->both) + 1;
        for (size_t i = 0; i < REGION_READS; i++)
                if (atomic_load(&child->reads[i]) >> 16 == lock)
                        return true;
        return false;
}

static void use_both(struct region_run *run, int expected) {
        CHECK_EQ(rd(run), expected);
        CHECK_EQ(un(run), 0);
        CHECK_EQ(wr(run), expected);
        CHECK_EQ(leat_rwlock_mend(run->region, &desk(run)->both), 0);
        CHECK_EQ(un(run), 0);
        CHECK_EQ(leat_rwlock_read(run->region, &desk(run)->both, LEAT_NOW), 0);
        CHECK_EQ(un(run), 0);
        CHECK_EQ(word(writers(run)), 0);
        CHECK(!is_writing(run));
}

/* Of a reader nobody is told. */
static void reader_killed(struct region_run *run) {
        use_both(run, 0);
}

static void reader_stopped(struct region_run *run) {
        bool reads = child_reads(run), has = childs(run, writers(run));
        int r = leat_rwlock_write(run->region, &desk(run)->both, LEAT_NOW);
        CHECK_EQ(r, reads || has ? -EAGAIN : 0);
        if (r == 0)
                CHECK_EQ(un(run), 0);
        if (has)
                return;
        CHECK_EQ(leat_rwlock_read(run->region, &desk(run)->both, LEAT_NOW), 0);
        CHECK_EQ(un(run), 0);
}

static void both_ended(struct region_run *run) {
        use_both(run, 0);
}

/* A writer that was in is told, and no other. */
static void writer_killed(struct region_run *run) {
        use_both(run, is_writing(run) && (word(writers(run)) & WORD_SLOT) ? -EOWNERDEAD : 0);
}

static void writer_stopped(struct region_run *run) {
        bool has = childs(run, writers(run));
        int r = leat_rwlock_write(run->region, &desk(run)->both, LEAT_NOW);
        CHECK_EQ(r, has ? -EAGAIN : 0);
        if (r == 0)
                CHECK_EQ(un(run), 0);
}

static void read_before(struct region_run *run) {
        CHECK_EQ(rd(run), 0);
}

static void read_no_more(struct region_run *run) {
        if (!run->given)
                CHECK_EQ(un(run), 0);
        run->given = 1;
}

static void waiting_writer_killed(struct region_run *run) {
        read_no_more(run);
        writer_killed(run);
}

static void waiting_writer_stopped(struct region_run *run) {
        read_no_more(run);
        writer_stopped(run);
}

static void write_before(struct region_run *run) {
        CHECK_EQ(wr(run), 0);
}

static void waiting_reader_killed(struct region_run *run) {
        read_no_more(run);
        use_both(run, 0);
}

static void waiting_reader_stopped(struct region_run *run) {
        read_no_more(run);
        if (!childs(run, writers(run)) && !child_reads(run)) {
                CHECK_EQ(wr(run), 0); /* though it may have been offered to the stopped one */
                CHECK_EQ(un(run), 0);
        }
}

static void leave_dead_writer(struct region_run *run) {
        leave_dead(run, true);
}

static int read_of_dead(struct region_run *run) {
        int r = rd(run);
        return r == -EOWNERDEAD ? 0 : r == 0 ? -EINVAL : r;
}

static int write_of_dead(struct region_run *run) {
        int r = wr(run);
        return r == -EOWNERDEAD ? 0 : r == 0 ? -EINVAL : r;
}

static void both_heir_killed(struct region_run *run) {
        use_both(run, -EOWNERDEAD);
}

/* ---- the same, not to fail ---- */

static void do_lock(struct region_run *run) {
        CHECK_EQ(lock(run), 0);
}

static void do_unlock(struct region_run *run) {
        CHECK_EQ(unlock(run), 0);
}

static void do_mend_and_unlock(struct region_run *run) {
        CHECK_EQ(mend_and_unlock(run), 0);
}

static void do_take_over(struct region_run *run) {
        CHECK_EQ(take_over(run), 0);
}

static void do_rd(struct region_run *run) {
        CHECK_EQ(rd(run), 0);
}

static void do_wr(struct region_run *run) {
        CHECK_EQ(wr(run), 0);
}

static void do_un(struct region_run *run) {
        CHECK_EQ(un(run), 0);
}

static const struct region_row rows[] = {
        { .name = "mutex_lock",
          .operation = lock,
          .after = do_unlock,
          .after_kill = mutex_killed,
          .while_stopped = mutex_stopped,
          .after_continue = mutex_ended },
        { .name = "mutex_unlock",
          .prepare = do_lock,
          .operation = unlock,
          .after_kill = mutex_killed,
          .while_stopped = mutex_stopped,
          .after_continue = mutex_ended },
        { .name = "mutex_lock_that_waits",
          .before = have,
          .operation = lock,
          .after = do_unlock,
          .slept = let_have,
          .after_kill = waiter_killed,
          .while_stopped = waiter_stopped,
          .after_continue = mutex_ended },
        { .name = "mutex_unlock_that_offers",
          .prepare = do_lock,
          .ready = begin_to_wait,
          .operation = unlock,
          .after_kill = owner_killed,
          .while_stopped = owner_stopped,
          .after_continue = owner_ended },
        { .name = "mutex_take_over",
          .before = leave_dead_owner,
          .operation = take_over,
          .after = do_mend_and_unlock,
          .after_kill = heir_killed,
          .while_stopped = heir_stopped,
          .after_continue = mutex_ended },
        { .name = "mutex_mend_and_unlock",
          .before = leave_dead_owner,
          .prepare = do_take_over,
          .operation = mend_and_unlock,
          .after_kill = mutex_killed,
          .while_stopped = mutex_stopped,
          .after_continue = mutex_ended },
        { .name = "rwlock_read",
          .operation = rd,
          .after = do_un,
          .after_kill = reader_killed,
          .while_stopped = reader_stopped,
          .after_continue = both_ended },
        { .name = "rwlock_read_unlock",
          .prepare = do_rd,
          .operation = un,
          .after_kill = reader_killed,
          .while_stopped = reader_stopped,
          .after_continue = both_ended },
        { .name = "rwlock_read_that_waits",
          .before = write_before,
          .operation = rd,
          .after = do_un,
          .slept = read_no_more,
          .after_kill = waiting_reader_killed,
          .while_stopped = waiting_reader_stopped,
          .after_continue = both_ended },
        { .name = "rwlock_write",
          .operation = wr,
          .after = do_un,
          .after_kill = writer_killed,
          .while_stopped = writer_stopped,
          .after_continue = both_ended },
        { .name = "rwlock_write_unlock",
          .prepare = do_wr,
          .operation = un,
          .after_kill = writer_killed,
          .while_stopped = writer_stopped,
          .after_continue = both_ended },
        { .name = "rwlock_write_that_waits",
          .before = read_before,
          .operation = wr,
          .after = do_un,
          .slept = read_no_more,
          .after_kill = waiting_writer_killed,
          .while_stopped = waiting_writer_stopped,
          .after_continue = both_ended },
        { .name = "rwlock_read_of_dead_writer",
          .before = leave_dead_writer,
          .operation = read_of_dead,
          .after = do_un,
          .after_kill = both_heir_killed },
        { .name = "rwlock_write_of_dead_writer",
          .before = leave_dead_writer,
          .operation = write_of_dead,
          .after = do_un,
          .after_kill = both_heir_killed },
        { .name = NULL },
};

REGION_STEP_MAIN(rows)
