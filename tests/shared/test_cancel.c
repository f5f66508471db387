/* SPDX-License-Identifier: MIT */
/* No call is a cancellation point: a thread that is to be cancelled comes back from each, with nothing left locked, and is cancelled behind it. */
#include "regions.h"

#include "shared/region.h"

#include <fcntl.h>
#include <leat/lock.h>
#include <leat/notice.h>
#include <leat/semaphore.h>
#include <leat/transaction.h>
#include <pthread.h>
#include <unistd.h>

#define BRIEF harness_deadline_ms(5)

static struct {
        struct leat_region *region;
        const char *address;
        struct leat_sem *sem;
        void (*body)(void);
        bool came_back;
} it;

static void *be_cancelled(void *argument) {
        CHECK_EQ(pthread_cancel(pthread_self()), 0); /* at the next cancellation point */
        it.body();
        it.came_back = true;
        pthread_testcancel();
        return argument;
}

/* The body is run twice: what it needs is still there for another thread. */
static void check_body(void (*body)(void)) {
        it.body = body;
        for (int i = 0; i < 2; i++) {
                pthread_t thread;
                void *result = NULL;
                it.came_back = false;
                CHECK_EQ(pthread_create(&thread, NULL, be_cancelled, NULL), 0);
                CHECK_EQ(pthread_join(thread, &result), 0);
                CHECK(it.came_back);
                CHECK(result == PTHREAD_CANCELED);
        }
}

static void open_for(enum region_kind kind) {
        it.address = region_address(kind, 1, "");
        it.region = region_open_or_fail(it.address, 4096);
}

/* ---- changes, and who is told of them ---- */

static void commit(void) {
        struct leat_txn *txn = NULL;
        CHECK_EQ(leat_txn_begin(it.region, SOON, &txn), 0);
        CHECK_EQ(leat_txn_set(txn, leat_region_data(it.region), &(int64_t){ 7 }, 8), 0);
        CHECK_EQ(leat_txn_commit(txn), 0);
}

static void change(void) {
        CHECK_EQ(leat_part_changed(it.region, 0), 0);
}

static void look(void) {
        uint64_t seen = 0;
        CHECK_EQ(leat_part_wait(it.region, 0, &seen, LEAT_NOW), 0);
        CHECK_EQ(leat_part_wait(it.region, 0, &seen, BRIEF), -ETIMEDOUT);
}

static void poll_for_it(void) {
        CHECK(leat_region_notice_fd(it.region) >= 0);
}

TEST(notices) {
        open_for(KIND_ANON);
        check_body(poll_for_it);
        check_body(commit);
        check_body(change);
        check_body(look);
        leat_region_close(it.region);
}

/* ---- opening, growing, removing ---- */

static void open_and_close(void) {
        leat_region_close(region_open_or_fail(it.address, 0));
}

static void grow(void) {
        CHECK_EQ(leat_region_grow(it.region, leat_region_size(it.region) + 4096, SOON), 0);
}

static void ask(void) {
        char byte;
        CHECK(region_info_of(it.region).size_bytes >= 4096);
        CHECK_EQ(leat_region_read_checked(it.region, 0, &byte, 1), 0);
}

static void make_and_remove(void) {
        const char *other = region_address(KIND_REGION, 2, "");
        leat_region_close(region_open_or_fail(other, 64));
        CHECK_EQ(leat_region_remove(other, false, SOON, NULL), 0);
}

static void reattach(void *argument) {
        (void)argument;
        CHECK_EQ(pthread_cancel(pthread_self()), 0);
        CHECK_EQ(leat_region_reattach(it.region, SOON), 0);
        it.region = leat_region_close(it.region);
        CHECK_EQ(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL), 0); /* the harness may be */
}

static void come_again(void) {
        struct leat_region *other = NULL;
        CHECK_EQ(leat_region_adopt(leat_region_fd(it.region), NULL, SOON, NULL, &other), 0);
        leat_region_close(other);
}

TEST(opening) {
        open_for(KIND_REGION);
        check_body(open_and_close);
        check_body(make_and_remove);
        check_body(grow);
        check_body(ask);
        CHECK_EQ(harness_wait(harness_fork(reattach, NULL)), 0); /* and forks return */
        check_body(grow);
        leat_region_close(it.region);
        open_for(KIND_ANON);
        check_body(come_again);
        CHECK_EQ(harness_wait(harness_fork(reattach, NULL)), 0);
        leat_region_close(it.region);
}

/* ---- waits ---- */

static void wait_for_the_maker(void) {
        struct leat_region *other = NULL;
        CHECK_EQ(leat_region_open(it.address, 0, NULL, BRIEF, NULL, &other), -ETIMEDOUT);
        CHECK_EQ(leat_region_grow(it.region, 1 << 14, BRIEF), -ETIMEDOUT);
}

TEST(making) {
        struct flock all = { .l_type = F_WRLCK, .l_len = 1 };
        open_for(KIND_REGION);
        int fd = open(it.region->place.lock_path, O_RDWR | O_CLOEXEC);
        CHECK_EQ(fcntl(fd, F_OFD_SETLK, &all), 0);
        check_body(wait_for_the_maker);
        CHECK_EQ(close(fd), 0);
        check_body(grow);
        leat_region_close(it.region);
}

static void wait_for_the_writer(void) {
        int64_t word;
        struct leat_range range = { leat_region_data(it.region), &word, 8 };
        CHECK_EQ(leat_snapshot(it.region, &range, 1, BRIEF), -ETIMEDOUT);
}

TEST(snapshots) {
        struct leat_txn *txn = NULL;
        open_for(KIND_ANON);
        CHECK_EQ(leat_txn_begin(it.region, SOON, &txn), 0);
        CHECK_EQ(leat_txn_touch(txn, leat_region_data(it.region), 8), 0);
        check_body(wait_for_the_writer);
        CHECK_EQ(leat_txn_abort(txn, 0), 0);
        leat_region_close(it.region);
}

/* ---- the system's semaphores ---- */

static void take_in_vain(void) {
        CHECK_EQ(leat_sem_take(it.sem, LEAT_SEM_KEEP, BRIEF), -ETIMEDOUT);
}

static void give_and_take(void) {
        CHECK_EQ(leat_sem_give(it.sem, LEAT_SEM_KEEP), 0);
        CHECK_EQ(leat_sem_count(it.sem), 1);
        CHECK_EQ(leat_sem_take(it.sem, LEAT_SEM_KEEP, SOON), 0);
}

static void open_semaphore(void) {
        struct leat_sem *sem = NULL;
        CHECK_EQ(leat_sem_open(it.address, 0, SOON, NULL, &sem), 0);
        leat_sem_close(sem);
}

static void remove_later(const char *address) {
        (void)leat_sem_remove(address, NULL);
}

TEST(semaphores) {
        static char address[64];
        const char *const schemes[] = { "posix-sem:/test-cancel-", "sysv-sem:0x4" };
        for (int i = 0; i < 2; i++) {
                snprintf(address, sizeof address, i == 0 ? "%s%d" : "%s%07x", schemes[i], (int)getpid());
                it.address = address;
                harness_remove_later(remove_later, address);
                CHECK_EQ(leat_sem_open(address, 0, SOON, NULL, &it.sem), 0);
                check_body(take_in_vain);
                check_body(give_and_take);
                check_body(open_semaphore);
                it.sem = leat_sem_close(it.sem);
                CHECK_EQ(leat_sem_remove(address, NULL), 0);
        }
}

TEST_MAIN()
