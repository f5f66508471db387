/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_pair.h"

#include "base/cleanup.h"

#include <errno.h>
#include <leat.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PATIENCE_MS 30000 /* for a job that takes a few hundred at most */

static const char *const side_names[2] = { "the sending process", "the receiving process" };

const char *pair_text(const struct pair *pair) {
        return pair->shared ? shared_text(pair->shared) : "";
}

/* It is gone without a word: by whose hand. */
static int tell_death(struct pair *pair, int side) {
        int status = 0;
        while (waitpid(pair->pids[side], &status, 0) < 0 && errno == EINTR)
                ;
        pair->pids[side] = 0;
        char *text = pair->shared->text[0];
        if (WIFSIGNALED(status))
                (void)snprintf(text, BENCH_TEXT_SIZE, "%s was killed by signal %d", side_names[side], WTERMSIG(status));
        else
                (void)snprintf(text, BENCH_TEXT_SIZE, "%s ended too early, with code %d", side_names[side],
                               WEXITSTATUS(status));
        return -ECHILD;
}

static int late(struct pair *pair) {
        char *text = pair->shared->text[0];
        if (!*text)
                (void)snprintf(text, BENCH_TEXT_SIZE, "a round did not end within %d s", PATIENCE_MS / 1000);
        return -ETIMEDOUT;
}

/* The reply of a side that has something to say. Returns its side or a negative errno. */
static int await_any(struct pair *pair, int stop, struct reply *ret_reply) {
        struct pollfd polled[] = { { .fd = pair->control[0], .events = POLLIN },
                                   { .fd = pair->control[1], .events = POLLIN },
                                   { .fd = stop, .events = POLLIN } };
        int n;
        do
                n = poll(polled, 3, PATIENCE_MS);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
                return n < 0 ? -errno : late(pair);
        if (polled[2].revents)
                return -ECANCELED;
        int side = polled[0].revents ? 0 : 1;
        if (recv(pair->control[side], ret_reply, sizeof(*ret_reply), 0) != (ssize_t)sizeof(*ret_reply))
                return tell_death(pair, side);
        return ret_reply->error < 0 ? ret_reply->error : side;
}

/* A reply of both, in any order. One that fails is told at once: the other may wait for it for ever. */
static int await_both(struct pair *pair, int stop, struct reply replies[2]) {
        bool came[2] = { false, false };
        while (!came[0] || !came[1]) {
                struct reply reply;
                int side = await_any(pair, stop, &reply);
                if (side < 0)
                        return side;
                came[side] = true;
                replies[side] = reply;
        }
        return 0;
}

static int order(struct pair *pair, int side, const struct job *job) {
        ssize_t n = send(pair->control[side], job, sizeof(*job), MSG_NOSIGNAL);
        return n < 0 ? tell_death(pair, side) : 0;
}

/* What neither waits for the other in: opening, settling. */
static int order_both(struct pair *pair, enum work work, int stop) {
        const struct job job = { .work = work, .batch = 1 };
        struct reply replies[2];
        int r = order(pair, 1, &job);
        if (r == 0)
                r = order(pair, 0, &job);
        return r == 0 ? await_both(pair, stop, replies) : r;
}

static int start_side(struct pair *pair, struct end ends[2], int side, const struct placement *placement) {
        int control[2];
        pid_t parent = getpid();
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
                return -errno;
        if (pair->contender->give)
                pair->contender->give(&ends[side]);
        pid_t pid = fork();
        if (pid == 0) {
                close_fd(control[0]);
                close_fd(pair->control[0]);
                close_fd(pair->control[1]);
                if (pair->contender->drop)
                        pair->contender->drop(&ends[!side]);
                pair_be(&ends[side], control[1], placement, parent);
        }
        close_fd(control[1]);
        pair->control[side] = pid < 0 ? close_fd(control[0]) : control[0];
        pair->pids[side] = pid < 0 ? 0 : pid;
        return pid < 0 ? -errno : 0;
}

/* A channel that was given away is this process's no more; and what it still held would hide that the other is gone. */
static int start_sides(struct pair *pair, struct end ends[2], const struct placement *placement) {
        int r = pair->contender->prepare ? pair->contender->prepare(ends) : 0;
        for (int side = 0; side < 2 && r == 0; side++)
                r = start_side(pair, ends, side, placement);
        for (int side = 0; side < 2; side++)
                if (pair->contender->drop)
                        pair->contender->drop(&ends[side]);
        return r;
}

int pair_start(struct pair *pair, const struct placement *placement, int stop) {
        struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED)
                return -errno;
        pair->shared = shared;
        for (int side = 0; side < 2; side++)
                pair->ends[side] = (struct end){ .contender = pair->contender,
                                                 .setting = &pair->setting,
                                                 .shared = shared,
                                                 .side = side,
                                                 .in = -1,
                                                 .out = -1,
                                                 .extra = -1 };
        int r = start_sides(pair, pair->ends, placement);
        if (r == 0)
                r = order_both(pair, WORK_BIND, stop);
        return r == 0 ? order_both(pair, WORK_CONNECT, stop) : r;
}

int pair_run(struct pair *pair, const struct job *job, int stop, struct outcome *ret_outcome) {
        struct reply replies[2] = { 0 };
        int r = pair->contender->settle ? order_both(pair, WORK_SETTLE, stop) : 0;
        histogram_clear(&pair->shared->histogram);
        if (r == 0)
                r = order(pair, 1, job);
        if (r == 0)
                r = await_any(pair, stop, &replies[1]); /* it is ready */
        if (r >= 0)
                r = order(pair, 0, job);
        if (r == 0)
                r = await_both(pair, stop, replies);
        if (r < 0)
                return r;
        int64_t ended = job->work == WORK_PING ? replies[0].ended : replies[1].ended;
        *ret_outcome = (struct outcome){ .ns = ended - replies[0].begun,
                                         .cpu_ns = replies[0].cpu_ns + replies[1].cpu_ns,
                                         .sleeps = replies[0].sleeps + replies[1].sleeps };
        return 0;
}

void pair_stop(struct pair *pair) {
        for (int side = 0; side < 2; side++) {
                if (pair->pids[side])
                        (void)kill(pair->pids[side], SIGKILL);
                while (pair->pids[side] && waitpid(pair->pids[side], NULL, 0) < 0 && errno == EINTR)
                        ;
                pair->pids[side] = 0;
                pair->control[side] = close_fd(pair->control[side]);
        }
        if (pair->shared && pair->contender->remove)
                pair->contender->remove(pair->ends);
        if (pair->shared)
                (void)munmap(pair->shared, sizeof(*pair->shared));
        pair->shared = NULL;
}
