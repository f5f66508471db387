/* SPDX-License-Identifier: MIT */
#include "forking.h"

#include "harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
        pthread_t thread;
        int (*judge)(void);
        _Atomic bool asked;
        _Atomic pid_t tid;   /* of who forks, from when it is about to */
        _Atomic pid_t child; /* 0: not forked yet */
} forking;

static void *fork_when_asked(void *argument) {
        (void)argument;
        while (!atomic_load(&forking.asked))
                sched_yield();
        atomic_store(&forking.tid, gettid());
        pid_t pid = fork();
        if (pid == 0)
                _exit(forking.judge());
        atomic_store(&forking.child, pid);
        return NULL;
}

/* By system calls alone: tests have an open() and a close() of their own. */
static bool sleeps(pid_t tid) {
        char path[60], line[300];
        snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
        int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
        ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
        (void)syscall(SYS_close, fd);
        line[n < 0 ? 0 : n] = '\0';
        const char *state = strrchr(line, ')');
        return state && state[1] == ' ' && state[2] == 'S';
}

void forking_begin(int (*judge)(void)) {
        forking.judge = judge;
        CHECK_EQ(pthread_create(&forking.thread, NULL, fork_when_asked, NULL), 0);
}

void forking_now(void) {
        atomic_store(&forking.asked, true);
        while (atomic_load(&forking.tid) == 0 ||
               (atomic_load(&forking.child) == 0 && !sleeps(atomic_load(&forking.tid))))
                sched_yield();
}

int forking_end(void) {
        CHECK_EQ(pthread_join(forking.thread, NULL), 0);
        return harness_wait(atomic_load(&forking.child));
}
