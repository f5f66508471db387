/* SPDX-License-Identifier: MIT */

/* The system's semaphores: taking and giving, waiting, death, other programs and users. */

#include "semaphores.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- the life of one ---- */

TEST(it_counts_what_is_taken_and_given) {
        EACH(scheme) {
                struct rest address = place_address(scheme, "");
                struct leat_sem *sem = open_sem(address, "", 2), *same = open_sem(address, "", 7);
                CHECK_EQ(leat_sem_count(same), 2);
                CHECK_EQ(leat_sem_take(sem, LEAT_SEM_USUAL, LEAT_NOW), 0);
                CHECK_EQ(leat_sem_take(sem, LEAT_SEM_KEEP, SOON), 0);
                CHECK_EQ(leat_sem_count(same), 0);
                CHECK_EQ(leat_sem_take(same, LEAT_SEM_USUAL, LEAT_NOW), -EAGAIN);
                CHECK_EQ(leat_sem_take(same, LEAT_SEM_USUAL, leat_in_ms(20)), -ETIMEDOUT);
                CHECK_EQ(leat_sem_take(same, LEAT_SEM_USUAL, leat_in_ms(-1)), -ETIMEDOUT);
                CHECK_EQ(leat_sem_give(sem, LEAT_SEM_USUAL), 0);
                CHECK_EQ(leat_sem_take(same, LEAT_SEM_USUAL, leat_in_ms(-1)),
                         0); /* a deadline in the past tries once */
                CHECK_EQ(leat_sem_give(same, LEAT_SEM_USUAL), 0);
                CHECK_EQ(leat_sem_give(same, LEAT_SEM_USUAL), 0);
                CHECK_EQ(leat_sem_give(same, LEAT_SEM_USUAL), 0);
                CHECK_EQ(leat_sem_count(sem), 3);
                CHECK_EQ(leat_sem_take(sem, (enum leat_sem_undo)9, LEAT_NOW), -EINVAL);
                leat_sem_close(sem);
                leat_sem_close(same);
        }
}

TEST(open_create_and_new) {
        EACH(scheme) {
                struct leat_reason reason;
                struct rest address = place_address(scheme, "");
                CHECK_EQ(try_sem(address, "?open", 1, SOON, &reason), -ENOENT);
                CHECK(reason.text);
                CHECK_EQ(leat_sem_remove(address.text, &reason), -ENOENT);
                CHECK(reason.text);
                CHECK_EQ(try_sem(address, "?new", 4, SOON, &reason), 0);
                CHECK_EQ(try_sem(address, "?new", 4, SOON, &reason), -EEXIST);
                CHECK(reason.text);
                struct leat_sem *sem = open_sem(address, "?open", 0);
                CHECK_EQ(leat_sem_count(sem), 4);
                leat_sem_close(sem);
                CHECK_EQ(leat_sem_remove(address.text, NULL), 0);
                CHECK_EQ(try_sem(address, "?open", 1, SOON, &reason), -ENOENT);
                CHECK_EQ(try_sem(address, "", 0, SOON, &reason), 0); /* none, and so it is there */
                sem = open_sem(address, "?open", 1);
                CHECK_EQ(leat_sem_count(sem), 0);
                leat_sem_close(sem);
        }
}

TEST(counts_have_limits) {
        EACH(scheme) {
                struct leat_reason reason;
                uint32_t most = strcmp(scheme, "sysv-sem") == 0 ? 32767 : INT32_MAX;
                struct rest address = place_address(scheme, "");
                CHECK_EQ(try_sem(address, "", most + 1, SOON, &reason), -EINVAL);
                CHECK(reason.text);
                CHECK_EQ(reason.limit_value, most);
                struct leat_sem *sem = open_sem(address, "", most);
                CHECK_EQ(leat_sem_count(sem), most);
                CHECK_EQ(leat_sem_give(sem, LEAT_SEM_USUAL), -EOVERFLOW);
                CHECK_EQ(leat_sem_take(sem, LEAT_SEM_USUAL, LEAT_NOW), 0);
                CHECK_EQ(leat_sem_give(sem, LEAT_SEM_USUAL), 0);
                leat_sem_close(sem);
        }
}

static void expect_mode(const char *scheme, const char *options, uint32_t mode) {
        struct leat_sem_info info = LEAT_SEM_INFO_INIT;
        struct leat_sem *sem = open_sem(place_address(scheme, ""), options, 1);
        CHECK_EQ(leat_sem_info(sem, &info), 0);
        CHECK_EQ(info.mode, mode);
        CHECK_EQ(info.uid, geteuid());
        CHECK_EQ(info.gid, getegid());
        leat_sem_close(sem);
}

TEST(it_is_its_owners_alone_unless_a_mode_is_said) {
        EACH(scheme) {
                umask(0);
                expect_mode(scheme, "", 0600);
                expect_mode(scheme, "?mode=0666", 0666);
                umask(027);
                expect_mode(scheme, "?mode=0666", 0640);
        }
}

/* ---- waiting ---- */

TEST(any_deadline_in_the_past_is_past) {
        static const int64_t past[] = { 1, -1, INT64_MIN + 1, INT64_MIN };
        EACH(scheme) {
                struct leat_sem *sem = open_sem(place_address(scheme, ""), "", 0);
                for (size_t i = 0; i < sizeof past / sizeof past[0]; i++)
                        CHECK_EQ(leat_sem_take(sem, LEAT_SEM_USUAL, past[i]), -ETIMEDOUT);
                leat_sem_close(sem);
        }
}

struct taker {
        struct rest address;
        enum leat_sem_undo undo;
        struct harness_event *about_to, *has;
};

static struct taker new_taker(const char *scheme, uint32_t count) {
        struct taker taker = { place_address(scheme, ""), LEAT_SEM_USUAL, harness_event_new(), harness_event_new() };
        leat_sem_close(open_sem(taker.address, "?new", count));
        return taker;
}

static void take_one(void *argument) {
        struct taker *taker = argument;
        struct leat_sem *sem = open_sem(taker->address, "?open", 0);
        harness_event_signal(taker->about_to);
        CHECK_EQ(leat_sem_take(sem, taker->undo, SOON), 0);
        harness_event_signal(taker->has);
        CHECK_EQ(leat_sem_give(sem, LEAT_SEM_USUAL), 0);
        leat_sem_close(sem);
}

TEST(who_waits_is_woken) {
        EACH(scheme) {
                struct taker taker = new_taker(scheme, 0);
                struct leat_sem *sem = open_sem(taker.address, "", 0);
                pid_t pid = harness_fork(take_one, &taker);
                harness_event_wait(taker.about_to);
                harness_wait_state(pid, "S");
                CHECK(!harness_event_try(taker.has, LEAT_NOW));
                CHECK_EQ(leat_sem_give(sem, LEAT_SEM_USUAL), 0);
                CHECK_EQ(harness_wait(pid), 0);
                CHECK_EQ(leat_sem_count(sem), 1);
                leat_sem_close(sem);
        }
}

TEST(a_wait_without_end_is_woken_too) {
        EACH(scheme) {
                struct rest address = place_address(scheme, "");
                struct leat_sem *sem = open_sem(address, "", 1);
                CHECK_EQ(leat_sem_take(sem, LEAT_SEM_USUAL, LEAT_NEVER), 0);
                CHECK_EQ(leat_sem_give(sem, LEAT_SEM_USUAL), 0);
                leat_sem_close(sem);
        }
}

static _Atomic int signals;

static void count_signal(int number) {
        (void)number;
        atomic_fetch_add_explicit(&signals, 1, memory_order_relaxed);
}

/* Until the deadline signals come, and some of them while it waits. */
TEST(signals_neither_end_nor_lengthen_a_wait) {
        struct sigaction action = { .sa_handler = count_signal };
        timer_t timer;
        struct itimerspec often = { .it_interval.tv_nsec = 5000000, .it_value.tv_nsec = 5000000 };
        CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
        CHECK_EQ(timer_create(CLOCK_MONOTONIC,
                              &(struct sigevent){ .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 }, &timer),
                 0);
        CHECK_EQ(timer_settime(timer, 0, &often, NULL), 0);
        EACH(scheme) {
                struct leat_sem *sem = open_sem(place_address(scheme, ""), "", 0);
                int before = atomic_load_explicit(&signals, memory_order_relaxed);
                int64_t deadline = leat_in_ms(60);
                CHECK_EQ(leat_sem_take(sem, LEAT_SEM_USUAL, deadline), -ETIMEDOUT);
                CHECK(leat_now() >= deadline);
                CHECK(atomic_load_explicit(&signals, memory_order_relaxed) > before);
                leat_sem_close(sem);
        }
        CHECK_EQ(timer_delete(timer), 0);
}

/* ---- death ---- */

static void take_and_stay(void *argument) {
        struct taker *taker = argument;
        struct leat_sem *sem = open_sem(taker->address, "?open", 0);
        CHECK_EQ(leat_sem_take(sem, taker->undo, SOON), 0);
        harness_event_signal(taker->has);
        while (true)
                pause();
}

static void kill_with_one(struct taker *taker) {
        pid_t pid = harness_fork(take_and_stay, taker);
        harness_event_wait(taker->has);
        harness_kill(pid);
}

TEST(what_a_killed_process_took_is_given_back) {
        struct taker taker = new_taker("sysv-sem", 1);
        struct leat_sem *sem = open_sem(taker.address, "", 0);
        kill_with_one(&taker);
        CHECK_EQ(leat_sem_take(sem, LEAT_SEM_USUAL, SOON), 0);
        CHECK_EQ(leat_sem_give(sem, LEAT_SEM_USUAL), 0);
        taker.undo = LEAT_SEM_UNDO;
        kill_with_one(&taker);
        CHECK_EQ(leat_sem_count(sem), 1);
        taker.undo = LEAT_SEM_KEEP;
        kill_with_one(&taker);
        CHECK_EQ(leat_sem_count(sem), 0);
        leat_sem_close(sem);
}

TEST(posix_semaphores_give_nothing_back_and_say_so) {
        struct taker taker = new_taker("posix-sem", 1);
        struct leat_sem *sem = open_sem(taker.address, "", 0);
        CHECK_EQ(leat_sem_take(sem, LEAT_SEM_UNDO, LEAT_NOW), -ENOTSUP);
        CHECK_EQ(leat_sem_give(sem, LEAT_SEM_UNDO), -ENOTSUP);
        CHECK_EQ(leat_sem_count(sem), 1);
        kill_with_one(&taker);
        CHECK_EQ(leat_sem_count(sem), 0);
        leat_sem_close(sem);
}

static void give_two(void *argument) {
        const struct rest *address = argument;
        struct leat_sem *sem = open_sem(*address, "?open", 0);
        CHECK_EQ(leat_sem_give(sem, LEAT_SEM_USUAL), 0);
        CHECK_EQ(leat_sem_give(sem, LEAT_SEM_KEEP), 0);
        if (is_sysv(address->text))
                CHECK_EQ(leat_sem_give(sem, LEAT_SEM_UNDO), -EPERM);
        leat_sem_close(sem);
}

/* Of each kind, and so many: how many there are when a process that opened it by its address has ended. */
static void expect_behind(void (*process)(void *address), uint32_t before, uint32_t after) {
        EACH(scheme) {
                struct rest address = place_address(scheme, "");
                struct leat_sem *sem = open_sem(address, "", before);
                CHECK_EQ(harness_wait(harness_fork(process, &address)), 0);
                CHECK_EQ(leat_sem_count(sem), after);
                leat_sem_close(sem);
        }
}

TEST(what_a_producer_gave_stays_when_it_ends) {
        expect_behind(give_two, 0, 2);
}

static void take_and_give_back(void *argument) {
        const struct rest *address = argument;
        struct leat_sem_info info = LEAT_SEM_INFO_INIT;
        struct leat_sem *sem = open_sem(*address, "?open", 0);
        for (uint32_t i = 1; i <= 3; i++) {
                CHECK_EQ(leat_sem_take(sem, LEAT_SEM_USUAL, SOON), 0);
                CHECK_EQ(leat_sem_info(sem, &info), 0);
                CHECK_EQ(info.held, is_sysv(address->text) ? i : 0);
        }
        for (int i = 0; i < 4; i++) /* the last one is for good */
                CHECK_EQ(leat_sem_give(sem, LEAT_SEM_USUAL), 0);
        CHECK_EQ(leat_sem_info(sem, &info), 0);
        CHECK_EQ(info.held, 0);
        leat_sem_close(sem);
}

TEST(what_was_given_back_is_not_given_back_again) {
        expect_behind(take_and_give_back, 3, 4);
}

TEST(a_child_opens_its_own) {
        EACH(scheme) {
                struct leat_sem *sem = open_sem(place_address(scheme, ""), "", 1);
                pid_t pid = fork();
                if (pid == 0) {
                        bool right = leat_sem_take(sem, LEAT_SEM_USUAL, LEAT_NOW) == -ECHILD &&
                                     leat_sem_give(sem, LEAT_SEM_USUAL) == -ECHILD && leat_sem_count(sem) == -ECHILD &&
                                     leat_sem_info(sem, &(struct leat_sem_info)LEAT_SEM_INFO_INIT) == -ECHILD &&
                                     !leat_sem_close(sem);
                        _exit(right ? 0 : 1);
                }
                CHECK_EQ(harness_wait(pid), 0);
                CHECK_EQ(leat_sem_count(sem), 1);
                leat_sem_close(sem);
        }
}

/* ---- other programs, other users ---- */

static void give_plainly(void *argument) {
        const struct rest *address = argument;
        if (is_sysv(address->text)) {
                CHECK_EQ(plain_add(semget(key_of(*address), 1, 0600), 1), 0);
        } else {
                sem_t *sem = sem_open(strchr(address->text, ':') + 1, 0);
                CHECK(sem != SEM_FAILED);
                CHECK_EQ(sem_post(sem), 0);
                sem_close(sem);
        }
}

TEST(a_plain_program_gives_what_we_take) {
        EACH(scheme) {
                struct rest address = place_address(scheme, "");
                struct leat_sem *sem = open_sem(address, "", 0);
                pid_t pid = harness_fork(give_plainly, &address);
                CHECK_EQ(leat_sem_take(sem, LEAT_SEM_USUAL, SOON), 0);
                CHECK_EQ(harness_wait(pid), 0);
                leat_sem_close(sem);
        }
}

TEST(semaphores_of_plain_programs_are_found) {
        struct rest sysv = place_address("sysv-sem", ""), posix = place_address("posix-sem", "");
        int set = plain_set(sysv, 3);
        plain_value(set, 2, 4);
        struct leat_sem_info info = LEAT_SEM_INFO_INIT;
        struct leat_sem *third = open_sem(sysv, "?offset=2", 9);
        CHECK_EQ(leat_sem_take(third, LEAT_SEM_USUAL, SOON), 0);
        CHECK_EQ(semctl(set, 2, GETVAL), 3);
        CHECK_EQ(semctl(set, 0, GETVAL), 0);
        CHECK_EQ(leat_sem_info(third, &info), 0);
        CHECK_EQ(info.set_size, 3);
        struct leat_reason reason;
        CHECK_EQ(try_sem(sysv, "?offset=3", 0, SOON, &reason), -EINVAL);
        CHECK_EQ(reason.limit_value, 3);
        CHECK_EQ(try_sem(place_address("sysv-sem", ""), "?offset=1", 0, SOON, &reason), -ENOTSUP);
        leat_sem_close(third);
        sem_t *plain = sem_open(strchr(posix.text, ':') + 1, O_CREAT | O_EXCL, 0600, 2);
        CHECK(plain != SEM_FAILED);
        struct leat_sem *sem = open_sem(posix, "?open", 0);
        CHECK_EQ(leat_sem_take(sem, LEAT_SEM_USUAL, LEAT_NOW), 0);
        CHECK_EQ(sem_trywait(plain), 0);
        CHECK(sem_trywait(plain) < 0 && errno == EAGAIN);
        leat_sem_close(sem);
        sem_close(plain);
}

TEST(it_tells_who_used_it_and_who_waits) {
        struct taker taker = new_taker("sysv-sem", 0);
        struct leat_sem_info info = LEAT_SEM_INFO_INIT;
        struct leat_sem *sem = open_sem(taker.address, "", 0);
        pid_t pid = harness_fork(take_one, &taker);
        int64_t deadline = SOON;
        do {
                CHECK_EQ(leat_sem_info(sem, &info), 0);
                sched_yield();
        } while (info.waiters == 0 && leat_now() < deadline);
        CHECK_EQ(info.waiters, 1);
        CHECK_EQ(info.zero_waiters, 0);
        CHECK_EQ(info.last_pid, getpid());
        CHECK_EQ(leat_sem_give(sem, LEAT_SEM_USUAL), 0);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(leat_sem_info(sem, &info), 0);
        CHECK_EQ(info.waiters, 0);
        CHECK_EQ(info.last_pid, pid);
        CHECK(info.last_s > 0 && info.made_s > 0);
        CHECK_STR(info.address, taker.address.text);
        CHECK(strstr(info.where, strchr(taker.address.text, ':') + 1));
        leat_sem_close(sem);
        struct leat_sem_info posix = LEAT_SEM_INFO_INIT, none = { 0 };
        sem = open_sem(place_address("posix-sem", ""), "", 6);
        CHECK_EQ(leat_sem_info(sem, &posix), 0);
        CHECK_EQ(posix.count, 6);
        CHECK_EQ(posix.waiters, -1);
        CHECK_EQ(posix.zero_waiters, -1);
        CHECK_EQ(leat_sem_info(sem, &none), -EINVAL);
        leat_sem_close(sem);
}

static void use_as_nobody(void *argument) {
        const struct rest *addresses = argument;
        harness_be_nobody();
        EACH(scheme) {
                struct leat_reason reason;
                CHECK_EQ(try_sem(addresses[i_], "", 1, SOON, &reason), -EACCES);
                CHECK(reason.text && reason.row == LEAT_ROW_WHO);
                int r = leat_sem_remove(addresses[i_].text, &reason);
                CHECK(r == -EPERM || r == -EACCES);
                CHECK(reason.text);
        }
        struct leat_reason reason;
        CHECK_EQ(try_sem(addresses[2], "", 1, SOON, &reason), -EACCES);
        struct leat_sem *sem = open_sem(addresses[2], "?access=ro", 1);
        CHECK_EQ(leat_sem_count(sem), 2);
        CHECK_EQ(leat_sem_take(sem, LEAT_SEM_USUAL, LEAT_NOW), -EACCES);
        CHECK_EQ(leat_sem_give(sem, LEAT_SEM_USUAL), -EACCES);
        leat_sem_close(sem);
}

TEST(another_user_is_kept_out_by_the_mode) {
        struct rest addresses[3];
        harness_need_root();
        umask(0);
        EACH(scheme) {
                addresses[i_] = place_address(scheme, "");
                leat_sem_close(open_sem(addresses[i_], "?mode=0600", 1));
        }
        addresses[2] = place_address("sysv-sem", "");
        leat_sem_close(open_sem(addresses[2], "?mode=0644", 2));
        CHECK_EQ(harness_wait(harness_fork(use_as_nobody, addresses)), 0);
}

static void wait_for_removal(void *argument) {
        struct taker *taker = argument;
        struct leat_sem *sem = open_sem(taker->address, "?open", 0);
        harness_event_signal(taker->about_to);
        CHECK_EQ(leat_sem_take(sem, LEAT_SEM_USUAL, SOON), -EIDRM);
        CHECK_EQ(leat_sem_take(sem, LEAT_SEM_USUAL, SOON), -EIDRM);
        CHECK_EQ(leat_sem_give(sem, LEAT_SEM_USUAL), -EIDRM);
        CHECK_EQ(leat_sem_count(sem), -EIDRM);
        leat_sem_close(sem);
}

TEST(removed_under_us_is_told) {
        struct taker taker = new_taker("sysv-sem", 0);
        pid_t pid = harness_fork(wait_for_removal, &taker);
        harness_event_wait(taker.about_to);
        harness_wait_state(pid, "S");
        char command[200];
        snprintf(command, sizeof command, "ipcrm -S %s", strchr(taker.address.text, ':') + 1);
        CHECK_EQ(system(command), 0);
        CHECK_EQ(harness_wait(pid), 0);
}

TEST(a_posix_semaphore_without_a_name_goes_on) {
        struct rest address = place_address("posix-sem", "");
        struct leat_sem_info info = LEAT_SEM_INFO_INIT;
        struct leat_sem *sem = open_sem(address, "", 1);
        CHECK_EQ(leat_sem_remove(address.text, NULL), 0);
        CHECK_EQ(leat_sem_take(sem, LEAT_SEM_USUAL, SOON), 0);
        CHECK_EQ(leat_sem_give(sem, LEAT_SEM_USUAL), 0);
        CHECK_EQ(leat_sem_info(sem, &info), -ENOENT);
        struct leat_sem *other = open_sem(address, "?new", 7);
        CHECK_EQ(leat_sem_count(sem), 1);
        CHECK_EQ(leat_sem_count(other), 7);
        CHECK_EQ(leat_sem_info(sem, &info), -ENOENT);
        leat_sem_close(sem);
        leat_sem_close(other);
}

/* ---- threads ---- */

enum { THREADS = 4, PASSES = 500 };

struct threads {
        struct leat_sem *sem;
        _Atomic int inside, most;
};

static void *pass(void *argument) {
        struct threads *threads = argument;
        for (int i = 0; i < PASSES; i++) {
                CHECK_EQ(leat_sem_take(threads->sem, i % 2 ? LEAT_SEM_USUAL : LEAT_SEM_KEEP, SOON), 0);
                if (atomic_fetch_add(&threads->inside, 1) >= 2)
                        atomic_store(&threads->most, 3);
                atomic_fetch_sub(&threads->inside, 1);
                CHECK_EQ(leat_sem_give(threads->sem, LEAT_SEM_USUAL), 0);
        }
        return NULL;
}

TEST(threads_share_one) {
        EACH(scheme) {
                static struct threads threads;
                threads.sem = open_sem(place_address(scheme, ""), "", 2);
                harness_threads(THREADS, pass, &threads);
                CHECK_EQ(atomic_load(&threads.most), 0);
                CHECK_EQ(leat_sem_count(threads.sem), 2);
                leat_sem_close(threads.sem);
        }
}

TEST_MAIN()
