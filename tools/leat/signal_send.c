/* SPDX-License-Identifier: MIT */

/* leat signal send: to processes, groups and threads; with a value; until they have ended, and with a second signal if they do not. */

#include "base/cleanup.h"
#include "tools/leat/ends.h"
#include "tools/leat/report.h"
#include "tools/leat/signal_names.h"
#include "tools/leat/signal_parts.h"
#include "tools/leat/signal_target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct sending {
        const struct options *options;
        int number, then; /* then: 0: none */
        bool waits;
        struct target *targets;
        size_t count;
        int code; /* of the first that failed */
};

/* The first row that fits is taken. */
static const struct {
        int error;
        unsigned kinds; /* 1 << TARGET_... */
        int code;
        const char *text;
} refusals[] = {
        { ESRCH, 1u << TARGET_GROUP, ANSWER_NO, "no such process group; 'ps -eo pgid,pid,args' lists them" },
        { ESRCH, 1u << TARGET_THREAD, ANSWER_NO,
          "no such process, or no such thread of it; 'leat signal show PID' lists its threads" },
        { ESRCH, 1u << TARGET_NAME, ANSWER_NO, "no process has this name; 'ps -eo pid,comm' lists them" },
        { ESRCH, 1u << TARGET_USER, ANSWER_NO, "this user has no process" },
        { ESRCH, ~0u, ANSWER_NO, "no such process; it has ended, or the number is wrong ('ps -e' lists them)" },
        { EINVAL, 1u << TARGET_PROCESS | 1u << TARGET_THREAD, ANSWER_NO,
          "is no process but a thread of one; write the number of its process, or PID/TID" },
        { EPERM, 1u << TARGET_GROUP, SYSTEM_REFUSED,
          "not permitted: no process of this group may be signalled by this user; its own user may, or root" },
        { EPERM, ~0u, SYSTEM_REFUSED, "not permitted: it is another user's, who may signal it, or root" },
        { EACCES, ~0u, SYSTEM_REFUSED, "not permitted: it is another user's, who may signal it, or root" },
        { EAGAIN, ~0u, FULL, "the queue of its user is full; try again when some were taken, or raise the limit" },
};

/* Say why something failed; the first code is kept, and the others go on. */
static void refuse(struct sending *sending, const char *about, enum target_kind kind, int error,
                   const struct leat_reason *reason) {
        size_t i = 0, rows = sizeof(refusals) / sizeof(refusals[0]);
        int code;
        while (i < rows && (refusals[i].error != -error || !(refusals[i].kinds & 1u << kind)))
                i++;
        bool limited = reason && reason->error == error && reason->limit;
        if (i == rows)
                code = report(about, error, ASKING, reason);
        else if (limited)
                complain(about, "%s (%s is %" PRId64 ")", refusals[i].text, reason->limit, reason->limit_value);
        else
                complain(about, "%s", refusals[i].text);
        if (i < rows)
                code = refusals[i].code;
        if (!sending->code)
                sending->code = code;
}

/* How a line names a process: as it was written, or with its number before that. */
static const char *name_of(const struct target *target, const struct leat_process *process, char text[300]) {
        if (target->kind == TARGET_PROCESS || target->kind == TARGET_THREAD)
                return target->text;
        snprintf(text, 300, "%d (of %s)", (int)leat_process_pid(process), target->text);
        return text;
}

static int signal_process(struct leat_process *process, int number, const struct signal_options *options,
                          struct leat_reason *reason) {
        union sigval value = { .sival_ptr = NULL };
        value.sival_int = options->value;
        /* A real-time one has a value in any case, and this tells the limit if it is met. */
        return options->value_said || number >= SIGRTMIN ? leat_signal_queue(process, number, value, reason)
                                                         : leat_process_signal(process, number);
}

/* One of many that has ended meanwhile is no error. What was not sent to is not waited for. */
static void send_to_held(struct sending *sending, struct target *target) {
        for (size_t i = target->held_count; i-- > 0;) {
                struct leat_reason reason = { 0 };
                char text[300];
                int r = signal_process(target->held[i], sending->number, &sending->options->signal, &reason);
                if (r < 0 && (r != -ESRCH || target->kind == TARGET_PROCESS))
                        refuse(sending, name_of(target, target->held[i], text), TARGET_PROCESS, r, &reason);
                if (r < 0)
                        target_drop(target, i);
        }
}

static void send_to_thread(struct sending *sending, struct target *target) {
        const struct signal_options *options = &sending->options->signal;
        struct leat_reason reason = { 0 };
        union sigval value = { .sival_ptr = NULL };
        value.sival_int = options->value;
        int r = leat_signal_thread(target->pid, target->thread, sending->number, options->value_said ? &value : NULL,
                                   &reason);
        if (r < 0) {
                refuse(sending, target->text, TARGET_THREAD, r, &reason);
                target_free(target);
        }
}

static void send_to_group(struct sending *sending, struct target *target) {
        int r = leat_signal_group(target->pid, sending->number);
        if (r < 0) {
                refuse(sending, target->text, TARGET_GROUP, r, NULL);
                target_free(target);
        }
}

/* What is waited for is held before the signal goes out: later its number could be another's. */
static void send_to(struct sending *sending, struct target *target) {
        bool plural = target->kind == TARGET_GROUP || target->kind == TARGET_THREAD;
        size_t added;
        int r = plural && !sending->waits ? 0 : target_hold(target, &added);
        if (r < 0) {
                refuse(sending, target->text, target->kind, r, NULL);
                target_free(target); /* what was not sent to is not waited for */
        } else if (target->kind == TARGET_GROUP)
                send_to_group(sending, target);
        else if (target->kind == TARGET_THREAD)
                send_to_thread(sending, target);
        else
                send_to_held(sending, target);
}

static bool has_ended(struct leat_process *process, int64_t deadline) {
        return leat_process_wait(process, deadline, NULL) == 0;
}

static void escalate(struct sending *sending, const struct target *target, struct leat_process *process) {
        char name[16], text[300];
        const char *about = name_of(target, process, text);
        if (has_ended(process, LEAT_NOW))
                return;
        complain(about, "has not ended: %s follows", signal_text(sending->then, name));
        int r = leat_process_signal(process, sending->then);
        if (r < 0 && r != -ESRCH)
                refuse(sending, about, TARGET_PROCESS, r, NULL);
}

/*
 * Wait until all that are held have ended. A group's may have started others, which belong to it too and are looked for then; `escalated`: those are sent
 * the second signal at once. Returns whether all have.
 */
static bool wait_for(struct sending *sending, struct target *target, int64_t deadline, bool escalated) {
        size_t seen = 0, added = 0;
        do {
                for (size_t i = seen; escalated && i < target->held_count && added > 0; i++)
                        escalate(sending, target, target->held[i]);
                for (; seen < target->held_count; seen++)
                        if (!has_ended(target->held[seen], deadline))
                                return false;
                added = 0;
                if (target->kind == TARGET_GROUP && target->held_count > 0)
                        (void)target_hold(target, &added); /* refused: then those that are known are all */
        } while (added > 0);
        return true;
}

static void complain_waiting(struct sending *sending) {
        for (size_t t = 0; t < sending->count; t++)
                for (size_t i = 0; i < sending->targets[t].held_count; i++) {
                        char text[300];
                        struct leat_process *process = sending->targets[t].held[i];
                        if (has_ended(process, LEAT_NOW))
                                continue;
                        complain(name_of(&sending->targets[t], process, text),
                                 "has not ended before the deadline; 'leat signal show %d' tells what it blocks and "
                                 "ignores, '--then KILL' ends it",
                                 (int)leat_process_pid(process));
                        sending->code = sending->code ? sending->code : TIMED_OUT;
                }
}

static bool wait_for_all(struct sending *sending, int64_t deadline, bool escalated) {
        bool all = true;
        for (size_t i = 0; i < sending->count; i++)
                all = wait_for(sending, &sending->targets[i], deadline, escalated) && all;
        return all;
}

/* Those that a group got meanwhile are found, and sent the second signal, when the ones that are known have ended. */
static void wait_until_ended(struct sending *sending) {
        int64_t deadline = sending->options->deadline, after = leat_in_ns(sending->options->signal.after_ns);
        bool escalates = sending->then && after < deadline;
        bool all = wait_for_all(sending, escalates ? after : deadline, false);
        if (!all && escalates) {
                for (size_t t = 0; t < sending->count; t++)
                        for (size_t i = 0; i < sending->targets[t].held_count; i++)
                                escalate(sending, &sending->targets[t], sending->targets[t].held[i]);
                all = wait_for_all(sending, deadline, true);
        }
        if (!all)
                complain_waiting(sending);
}

/* What does not fit together. Returns DONE or USAGE. */
static int check(const struct sending *sending) {
        const struct signal_options *options = &sending->options->signal;
        const struct leat_signal_entry *entry = leat_signal_entry(sending->number);
        if (options->after_said && !options->then)
                return complain_usage("--after", "says when --then is; write --then KILL, say");
        if (sending->options->deadline != LEAT_NEVER && !sending->waits)
                return complain_usage("--timeout", "nothing is waited for; write --wait, or --then");
        if (options->value_said && entry && !entry->catchable)
                return complain_usage("--value", "no process can catch %s, so none would read it; leave it out",
                                      entry->name);
        for (size_t i = 0; options->value_said && i < sending->count; i++)
                if (sending->targets[i].kind == TARGET_GROUP)
                        return complain_usage(sending->targets[i].text,
                                              "the kernel sends no value to a group; name each process, or leave "
                                              "--value out");
        return DONE;
}

static int read_operands(struct sending *sending) {
        const struct options *options = sending->options;
        int code = signal_read(options->operands[0], &sending->number);
        if (!code && options->signal.then)
                code = signal_read(options->signal.then, &sending->then);
        for (; !code && sending->count < options->operands_count - 1; sending->count += !code)
                code = target_read(options->operands[1 + sending->count], &sending->targets[sending->count]);
        return code ? code : check(sending);
}

static int run_send(const struct options *options) {
        FREE_AT_EXIT struct target *targets = calloc(options->operands_count, sizeof(*targets));
        struct sending sending = { .options = options, .targets = targets };
        if (!targets)
                return report(NULL, -ENOMEM, ASKING, NULL);
        sending.waits = options->signal.wait || options->signal.then;
        int code = read_operands(&sending);
        if (code)
                return code;
        descriptors_raise(); /* each process that is held takes one */
        for (size_t i = 0; i < sending.count; i++)
                send_to(&sending, &targets[i]);
        if (sending.waits)
                wait_until_ended(&sending);
        for (size_t i = 0; i < sending.count; i++)
                target_free(&targets[i]);
        return sending.code;
}

const struct command command_signal_send = {
        .name = "signal send",
        .operands = "SIGNAL PID|-PGID|PID/TID|@NAME|user:NAME...",
        .summary = "Send a signal; with a value; until the processes have ended, by a second one if need be",
        .takes = TAKES_SENDING | TAKES_TIMEOUT,
        .operands_min = 2,
        .operands_max = -1,
        .details =
                "A SIGNAL is TERM, SIGTERM, RTMIN+3 or a number. It goes to a process, a group (-4711, without '--'), "
                "a\n"
                "thread, every process of a name or of a user (this command itself excepted). All targets are tried.\n"
                "--then implies --wait.\n\n"
                "Exit, of the first that failed: 0 done; 1 no such process, group or thread; 2 usage, no such signal "
                "or\n"
                "user; 71 not permitted, or the system refused; 75 the queue of its user is full; 124 the deadline "
                "passed.\n\n"
                "Example: leat signal send TERM --then KILL --after 5s 4711\n",
        .run = run_send,
};
