/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "channel/fork.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

/* Whose is what after a fork, and the time in which nobody forks. */

static struct member {
        struct fork_member member;
        int forks; /* so often was it another process's in a child */
} one, other;

static void after_fork(struct fork_member *member) {
        CONTAINER_OF(member, struct member, member)->forks++;
}

static void enter(struct member *member) {
        member->member.after_fork = after_fork;
        CHECK_EQ(fork_enter(&member->member), 0);
}

/* ---- generations ---- */

enum { GENERATIONS = 4 };
static uint64_t *generations; /* shared */

static void be_born(void *argument) {
        int depth = (int)(intptr_t)argument;
        generations[depth] = fork_generation();
        CHECK_EQ(fork_generation(), generations[depth]);
        for (int i = 0; i < depth; i++)
                CHECK(generations[i] != generations[depth]);
        if (depth + 1 < GENERATIONS)
                CHECK_EQ(harness_wait(harness_fork(be_born, (void *)(intptr_t)(depth + 1))), 0);
        CHECK_EQ(fork_generation(), generations[depth]);
}

TEST(each_process_has_another_generation_than_its_ancestors) {
        enter(&one);
        generations = harness_shared(GENERATIONS * sizeof *generations);
        be_born(NULL);
        fork_leave(&one.member);
}

/* ---- members ---- */

static void own_nothing(void *argument) {
        (void)argument;
        CHECK(!fork_owns(&one.member) && !fork_owns(&other.member));
        CHECK_EQ(one.forks, 2);
        CHECK_EQ(other.forks, 2);
}

static void take_one(void *argument) {
        (void)argument;
        CHECK(!fork_owns(&one.member) && !fork_owns(&other.member));
        CHECK_EQ(one.forks, 1);
        fork_take(&one.member);
        CHECK(fork_owns(&one.member) && !fork_owns(&other.member));
        CHECK_EQ(harness_wait(harness_fork(own_nothing, NULL)), 0);
        CHECK(fork_owns(&one.member));
        fork_leave(&one.member);
        fork_leave(&other.member);
}

TEST(a_child_takes_what_was_its_parents) {
        enter(&one);
        enter(&other);
        CHECK(fork_owns(&one.member));
        CHECK_EQ(harness_wait(harness_fork(take_one, NULL)), 0);
        CHECK(fork_owns(&one.member) && fork_owns(&other.member));
        CHECK_EQ(one.forks, 0);
        fork_leave(&one.member);
        fork_leave(&other.member);
}

/* ---- nobody forks ---- */

static struct { _Atomic pid_t tid, child; } forking;

static void *fork_now(void *argument) {
        (void)argument;
        atomic_store(&forking.tid, gettid());
        pid_t pid = fork();
        if (pid == 0)
                _exit(one.forks);
        atomic_store(&forking.child, pid);
        return NULL;
}

static bool sleeps(pid_t tid) {
        char path[60], state = '?';
        snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
        FILE *file = fopen(path, "re");
        bool read = file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
        if (file)
                fclose(file);
        return read && state == 'S';
}

TEST(nobody_forks_while_it_is_held) {
        pthread_t thread;
        enter(&one);
        fork_hold();
        CHECK_EQ(pthread_create(&thread, NULL, fork_now, NULL), 0);
        while (atomic_load(&forking.tid) == 0 ||
               (atomic_load(&forking.child) == 0 && !sleeps(atomic_load(&forking.tid))))
                sched_yield();
        CHECK_EQ(atomic_load(&forking.child), 0);
        fork_release();
        CHECK_EQ(pthread_join(thread, NULL), 0);
        CHECK_EQ(harness_wait(atomic_load(&forking.child)), 1);
        fork_leave(&one.member);
}

TEST_MAIN()
