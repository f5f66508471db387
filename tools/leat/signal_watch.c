/* SPDX-License-Identifier: MIT */

/*
 * leat signal watch: what changes in what processes do with signals, until they end.
 *
 * /proc tells nobody that it has changed, so it is looked at again and again; what changes and changes back between two looks is not seen. The
 * end of a process is seen at once, by its pidfd.
 */

#include "base/cleanup.h"
#include "tools/leat/ends.h"
#include "tools/leat/output.h"
#include "tools/leat/report.h"
#include "tools/leat/signal_look.h"
#include "tools/leat/signal_names.h"
#include "tools/leat/signal_parts.h"
#include "tools/leat/signal_target.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>

struct watched {
        pid_t pid;
        struct leat_process *process; /* NULL: it has ended, and that was told */
        struct signal_picture picture;
};

struct watch {
        const struct options *options;
        struct watched *all;
        struct pollfd *polled;
        size_t count, living;
};

static void print_names(char sign, uint64_t set) {
        char name[16];
        for (int number = 1; number <= 64; number++)
                if (set >> (number - 1) & 1)
                        printf(" %c%s", sign, signal_text(number, name));
}

/* thread 0: the process as a whole. */
static void print_who(pid_t pid, pid_t thread) {
        printf("%d", (int)pid);
        if (thread)
                printf("/%d", (int)thread);
}

static int tell(const struct watch *watch, pid_t pid, pid_t thread, const char *what, uint64_t before, uint64_t now) {
        char time[40];
        if (before == now)
                return DONE;
        if (watch->options->format == FORMAT_JSON)
                return output_json_line(json_pack("{s:s, s:i, s:o, s:s, s:o, s:o}", "time", time_now(time), "pid",
                                                  (int)pid, "thread", thread ? json_integer(thread) : json_null(),
                                                  "what", what, "added", signal_set_json(now & ~before), "removed",
                                                  signal_set_json(before & ~now)));
        print_who(pid, thread);
        printf(" %s", what);
        print_names('+', now & ~before);
        print_names('-', before & ~now);
        putchar('\n');
        return output_flush();
}

static int tell_end(const struct watch *watch, pid_t pid, pid_t thread) {
        char time[40];
        if (watch->options->format == FORMAT_JSON)
                return output_json_line(json_pack("{s:s, s:i, s:o, s:s}", "time", time_now(time), "pid", (int)pid,
                                                  "thread", thread ? json_integer(thread) : json_null(), "what",
                                                  "ended"));
        print_who(pid, thread);
        puts(" ended");
        return output_flush();
}

static int tell_thread(const struct watch *watch, pid_t pid, const struct leat_signal_state *before,
                       const struct leat_signal_state *now) {
        int code = tell(watch, pid, now->thread, "pending", before->pending, now->pending);
        return code ? code : tell(watch, pid, now->thread, "blocked", before->blocked, now->blocked);
}

/* Both lists are in rising order. A thread that was not there before had nothing set. */
static int tell_threads(const struct watch *watch, pid_t pid, const struct signal_picture *before,
                        const struct signal_picture *now) {
        static const struct leat_signal_state none;
        size_t b = 0;
        int code = DONE;
        for (size_t n = 0; !code && n < now->count; n++) {
                while (!code && b < before->count && before->threads[b].thread < now->threads[n].thread)
                        code = tell_end(watch, pid, before->threads[b++].thread);
                bool same = b < before->count && before->threads[b].thread == now->threads[n].thread;
                if (!code)
                        code = tell_thread(watch, pid, same ? &before->threads[b] : &none, &now->threads[n]);
                b += same;
        }
        while (!code && b < before->count)
                code = tell_end(watch, pid, before->threads[b++].thread);
        return code;
}

static int tell_changes(const struct watch *watch, pid_t pid, const struct signal_picture *before,
                        const struct signal_picture *now) {
        static const struct leat_signal_state none;
        const struct leat_signal_state *old = before->count ? &before->threads[0] : &none, *new = &now->threads[0];
        int code = tell(watch, pid, 0, "pending", old->shared_pending, new->shared_pending);
        if (!code)
                code = tell(watch, pid, 0, "ignored", old->ignored, new->ignored);
        if (!code)
                code = tell(watch, pid, 0, "caught", old->caught, new->caught);
        return code ? code : tell_threads(watch, pid, before, now);
}

/* A process that has just ended may look in /proc as if it caught nothing: that is no change, its end is what is told. */
static int look_at(struct watch *watch, struct watched *watched) {
        struct signal_picture now = { 0 };
        int r = signal_picture_take(watched->pid, 0, &now), code = DONE;
        if (leat_process_wait(watched->process, LEAT_NOW, NULL) == 0) {
                signal_picture_free(&now);
                watched->process = leat_process_free(watched->process);
                watch->living--;
                return tell_end(watch, watched->pid, 0);
        }
        if (r < 0 && r != -ESRCH)
                return signal_refuse_look(NULL, r);
        if (r == 0) {
                code = tell_changes(watch, watched->pid, &watched->picture, &now);
                signal_picture_free(&watched->picture);
                watched->picture = now;
        }
        return code;
}

static int look_at_all(struct watch *watch) {
        int code = DONE;
        for (size_t i = 0; !code && i < watch->count; i++)
                if (watch->all[i].process)
                        code = look_at(watch, &watch->all[i]);
        return code;
}

/* Until the next look, or until one has ended. */
static void sleep_until(const struct watch *watch, int64_t until) {
        for (size_t i = 0; i < watch->count; i++)
                watch->polled[i] =
                        (struct pollfd){ .fd = watch->all[i].process ? leat_process_fd(watch->all[i].process) : -1,
                                         .events = POLLIN };
        int64_t left = until - leat_now();
        struct timespec wait = { left > 0 ? left / 1000000000 : 0, left > 0 ? left % 1000000000 : 0 };
        (void)ppoll(watch->polled, watch->count, &wait, NULL);
}

static int go_on(struct watch *watch) {
        int code;
        while (!(code = look_at_all(watch)) && watch->living > 0) {
                int64_t next = leat_in_ns(watch->options->signal.interval_ns), deadline = watch->options->deadline;
                if (leat_now() >= deadline) {
                        complain(NULL, "the deadline passed before all had ended");
                        return TIMED_OUT;
                }
                sleep_until(watch, next < deadline ? next : deadline);
        }
        return code;
}

static int open_all(struct watch *watch) {
        for (; watch->count < watch->options->operands_count; watch->count++, watch->living++) {
                const char *text = watch->options->operands[watch->count];
                struct watched *watched = &watch->all[watch->count];
                int code = target_read_pid(text, &watched->pid, NULL);
                int r = code ? 0 : leat_process_open(watched->pid, &watched->process);
                if (code || r < 0)
                        return code ? code : signal_refuse_look(text, r == -EINVAL ? -ESRCH : r);
        }
        return DONE;
}

static void watch_free(struct watch *watch) {
        for (size_t i = 0; i < watch->count; i++) {
                signal_picture_free(&watch->all[i].picture);
                leat_process_free(watch->all[i].process);
        }
        free(watch->all);
        free(watch->polled);
}

static int run_watch(const struct options *options) {
        CLEANUP(watch_free) struct watch watch = { .options = options };
        watch.all = calloc(options->operands_count, sizeof(*watch.all));
        watch.polled = calloc(options->operands_count, sizeof(*watch.polled));
        if (!watch.all || !watch.polled)
                return report(NULL, -ENOMEM, ASKING, NULL);
        descriptors_raise();
        int code = open_all(&watch);
        return code ? code : go_on(&watch);
}

const struct command command_signal_watch = {
        .name = "signal watch",
        .operands = "PID...",
        .summary = "Print what changes in what processes block, ignore and catch, until they end",
        .takes = TAKES_INTERVAL | TAKES_TIMEOUT | TAKES_JSON,
        .operands_min = 1,
        .operands_max = -1,
        .details = "First what is set, then each change: '4711 caught +SIGTERM', '4711/4713 blocked -SIGINT', '4711 "
                   "ended'.\n"
                   "/proc tells nobody of a change, so it is looked at again after each interval; what changes and "
                   "changes\n"
                   "back between two looks is not seen. With --json an object a line.\n\n"
                   "Exit: 0 all have ended; 1 no such process; 2 usage; 71 the system refused; 124 the deadline "
                   "passed.\n\n"
                   "Example: leat signal watch --interval 20ms 4711\n",
        .run = run_watch,
};
