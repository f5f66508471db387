/* SPDX-License-Identifier: MIT */

/* What each of the two processes does. */

#include "tools/leat/bench.h"
#include "tools/leat/bench_pair.h"

#include "base/cleanup.h"

#include <leat.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define BEFORE 64 /* room in front of a message, for what a mechanism puts there */

void end_free_room(struct end *end) {
        free(end->message ? end->message - BEFORE : NULL);
        free((void *)(uintptr_t)end->source);
        free(end->many);
        end->message = NULL;
        end->source = NULL;
        end->many = NULL;
        end->room = 0;
}

int end_make_room(struct end *end, size_t size, uint32_t batch) {
        size_t each = (size + 63) / 64 * 64, least = 65536;
        size_t room = each * batch > least ? each * batch : least;
        if (room <= end->room)
                return 0;
        end_free_room(end);
        unsigned char *message = aligned_alloc(64, BEFORE + room), *source = malloc(room);
        end->many = calloc(1, (sizeof(struct leat_outgoing) + sizeof(struct leat_incoming)) * LEAT_MANY_MAX);
        end->message = message ? message + BEFORE : NULL;
        end->source = source;
        if (!message || !source || !end->many)
                return -ENOMEM;
        end->room = room;
        memset(message, 0, BEFORE + room);
        for (size_t i = 0; i < room; i++)
                source[i] = (unsigned char)(i * 7);
        return 0;
}

static int64_t microseconds(struct timeval time) {
        return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

static void begin(struct reply *reply) {
        struct rusage usage;
        (void)getrusage(RUSAGE_SELF, &usage);
        reply->cpu_ns = -1000 * (microseconds(usage.ru_utime) + microseconds(usage.ru_stime));
        reply->sleeps = -usage.ru_nvcsw;
        reply->begun = leat_now();
}

static void finish(struct reply *reply) {
        struct rusage usage;
        reply->ended = leat_now();
        (void)getrusage(RUSAGE_SELF, &usage);
        reply->cpu_ns += 1000 * (microseconds(usage.ru_utime) + microseconds(usage.ru_stime));
        reply->sleeps += usage.ru_nvcsw;
}

static int work(struct end *end, const struct job *job) {
        const struct contender *contender = end->contender;
        const struct loops *loops = &contender->loops;
        switch (job->work) {
        case WORK_BIND:
                return contender->bind ? contender->bind(end) : 0;
        case WORK_CONNECT:
                return contender->connect ? contender->connect(end) : 0;
        case WORK_SETTLE:
                return contender->settle ? contender->settle(end) : 0;
        case WORK_PING:
                return (end->side == 0 ? loops->ping : loops->pong)(end, job);
        case WORK_OPEN:
                return (end->side == 0 ? loops->open : loops->opened)(end, job);
        case WORK_BATCH:
                return (end->side == 0 ? loops->many_out : loops->many_in)(end, job);
        default:
                return (end->side == 0 ? loops->out : loops->in)(end, job);
        }
}

/* The receiver says that it is about to begin: the sender is told only then, and never waits for it to wake up. */
static int serve(struct end *end, int control, const struct job *job) {
        struct reply reply = { .error = end_make_room(end, job->size, job->batch) };
        bool ready = end->side == 1 && job->work >= WORK_PING;
        if (reply.error == 0 && ready) {
                reply.ready = true;
                if (send(control, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
                        return -errno;
                reply.ready = false;
        }
        begin(&reply);
        if (reply.error == 0)
                reply.error = work(end, job);
        finish(&reply);
        return send(control, &reply, sizeof(reply), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

_Noreturn void pair_be(struct end *end, int control, const struct placement *placement, pid_t parent) {
        struct job job;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, end->side == 0 ? "bench-sender" : "bench-receiver"); /* for top(1), and who would kill one */
        signal(SIGALRM, SIG_IGN);
        signal(SIGPIPE, SIG_IGN);
        bench_pin(placement->cpus[end->side]);
        while (getppid() == parent && recv(control, &job, sizeof(job), 0) == (ssize_t)sizeof(job))
                if (serve(end, control, &job) < 0)
                        break;
        _exit(0);
}
