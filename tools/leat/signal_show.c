/* SPDX-License-Identifier: MIT */

/* leat signal show: what a process does with signals, from /proc, touching nothing. */

#include "base/cleanup.h"
#include "tools/leat/output.h"
#include "tools/leat/report.h"
#include "tools/leat/signal_look.h"
#include "tools/leat/signal_names.h"
#include "tools/leat/signal_parts.h"
#include "tools/leat/signal_target.h"

#include <inttypes.h>
#include <stdio.h>

int signal_refuse_look(const char *about, int error) {
        if (error == -ESRCH) {
                complain(about, "no such process, or no such thread of it; 'ps -eL' lists them");
                return ANSWER_NO;
        }
        return report(about, error, ASKING, NULL);
}

void signal_picture_free(struct signal_picture *picture) {
        free(TAKE(picture->threads));
        picture->count = 0;
}

/* A thread that ended between the list and the look is none. */
static int look_at_each(pid_t pid, const pid_t *threads, size_t count, struct signal_picture *picture) {
        picture->threads = calloc(count, sizeof(*picture->threads));
        if (!picture->threads)
                return -ENOMEM;
        for (size_t i = 0; i < count; i++) {
                struct leat_signal_state state = LEAT_SIGNAL_STATE_INIT;
                int r = leat_signal_look(pid, threads[i], &state);
                if (r == 0)
                        picture->threads[picture->count++] = state;
                else if (r != -ESRCH)
                        return r;
        }
        return picture->count > 0 ? 0 : -ESRCH;
}

int signal_picture_take(pid_t pid, pid_t thread, struct signal_picture *ret_picture) {
        struct signal_picture picture = { 0 };
        FREE_AT_EXIT pid_t *threads = NULL;
        ssize_t n = thread ? 1 : leat_signal_threads(pid, &threads);
        int r = n < 0 ? (int)n : look_at_each(pid, thread ? &thread : threads, (size_t)n, &picture);
        if (r < 0)
                signal_picture_free(&picture);
        else
                *ret_picture = picture;
        return r;
}

static int print_set(const char *label, uint64_t set) {
        FREE_AT_EXIT char *text = signal_set_text(set);
        if (!text)
                return report(NULL, -ENOMEM, WRITING_OUTPUT, NULL);
        printf("%-22s  %s\n", label, text);
        return DONE;
}

/* What is the process's as a whole stands in each of its threads. */
static int print_picture(pid_t pid, const struct signal_picture *picture) {
        const struct leat_signal_state *first = &picture->threads[0];
        char name[64];
        int code;
        printf("process %d (%s)\n", (int)pid, process_name(pid, name));
        if ((code = print_set("  pending for any", first->shared_pending)) ||
            (code = print_set("  ignored", first->ignored)) || (code = print_set("  caught", first->caught)))
                return code;
        printf("%-22s  %" PRIu64 " of at most %" PRIu64 "\n", "  queued for its user", first->queued,
               first->queued_limit);
        for (size_t i = 0; i < picture->count; i++) {
                printf("thread %d\n", (int)picture->threads[i].thread);
                if ((code = print_set("  pending", picture->threads[i].pending)) ||
                    (code = print_set("  blocked", picture->threads[i].blocked)))
                        return code;
        }
        return DONE;
}

static json_t *threads_json(const struct signal_picture *picture) {
        json_t *threads = json_array();
        for (size_t i = 0; threads && i < picture->count; i++) {
                const struct leat_signal_state *state = &picture->threads[i];
                json_t *thread = json_pack("{s:i, s:o, s:o}", "thread", (int)state->thread, "pending",
                                           signal_set_json(state->pending), "blocked", signal_set_json(state->blocked));
                if (json_array_append_new(threads, thread) < 0) {
                        json_decref(threads);
                        return NULL;
                }
        }
        return threads;
}

static json_t *picture_json(pid_t pid, const struct signal_picture *picture) {
        const struct leat_signal_state *first = &picture->threads[0];
        char name[64];
        return json_pack("{s:i, s:s, s:o, s:o, s:o, s:I, s:I, s:o}", "pid", (int)pid, "name", process_name(pid, name),
                         "pending", signal_set_json(first->shared_pending), "ignored", signal_set_json(first->ignored),
                         "caught", signal_set_json(first->caught), "queued", (json_int_t)first->queued, "queued_limit",
                         (json_int_t)first->queued_limit, "threads", threads_json(picture));
}

static int run_show(const struct options *options) {
        CLEANUP(signal_picture_free) struct signal_picture picture = { 0 };
        pid_t pid, thread;
        int code = target_read_pid(options->operands[0], &pid, &thread);
        if (code)
                return code;
        int r = signal_picture_take(pid, thread, &picture);
        if (r < 0)
                return signal_refuse_look(options->operands[0], r);
        return options->format == FORMAT_JSON ? output_json(picture_json(pid, &picture)) : print_picture(pid, &picture);
}

const struct command command_signal_show = {
        .name = "signal show",
        .operands = "PID|PID/TID",
        .summary = "Show what a process blocks, ignores and catches, and what is pending, for each thread",
        .takes = TAKES_JSON,
        .operands_min = 1,
        .operands_max = 1,
        .details = "It is read from /proc; the process is not touched. What is ignored and caught, and what is pending "
                   "for\n"
                   "any of its threads, is the process's; blocked, and pending for it alone, is each thread's. '..' "
                   "stands\n"
                   "between the first and the last of a run of real-time signals; a number is one that its C library "
                   "keeps\n"
                   "for itself.\n\n"
                   "Exit: 0 done; 1 no such process or thread; 2 usage; 71 the system refused.\n\n"
                   "Example: leat signal show 4711\n",
        .run = run_show,
};
