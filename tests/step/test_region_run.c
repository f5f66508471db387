/* SPDX-License-Identifier: MIT */
/*
 * `leat region run` and `leat region lock`, signalled at each point from before they have the lock until they have ended: before and behind each system call, asleep, and, while
 * signals are not blocked, at instructions too. Whichever it is: nobody has the lock afterwards, nobody is told of a dead owner, the command has ended, the exit status says what
 * became of it, and no signal is lost.
 */
#include "harness.h"
#include "scenario.h"
#include "shared/mutex_word.h"
#include "tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <leat/lock.h>
#include <leat/region.h>
#include <leat/semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOON harness_deadline_ms(40000)
#define EVERY 40        /* of the instructions between two calls one is chosen */
#define POINTS_MAX 2000 /* of one row */
#define NAME_BYTES 32   /* of an entry: leat_region(7) */
#define CODE 7          /* of the command */

enum verb { RUN, RUN_MEND, RUN_SHARED, RUN_SEMAPHORE, LOCK };

struct row {
        const char *name;
        enum verb verb;
        int number;
        bool ends;      /* the command does by itself, else by a signal alone */
        bool terminal;  /* the signal is typed there */
        bool contended; /* a survivor has the lock at first */
        bool read;      /* ... until the end, to read */
        bool steps;     /* at instructions too */
};

static const struct row rows[] = {
        { .name = "run", .verb = RUN, .number = SIGTERM, .ends = true },
        { .name = "run_for_long", .verb = RUN, .number = SIGTERM, .steps = true },
        { .name = "run_at_a_terminal", .verb = RUN, .number = SIGINT, .terminal = true },
        { .name = "run_after_another", .verb = RUN, .number = SIGHUP, .contended = true, .steps = true },
        { .name = "run_and_mend", .verb = RUN_MEND, .number = SIGTERM, .ends = true, .steps = true },
        { .name = "run_behind_a_reader", .verb = RUN, .number = SIGTERM, .contended = true, .read = true },
        { .name = "run_and_mend_behind_a_reader",
          .verb = RUN_MEND,
          .number = SIGTERM,
          .contended = true,
          .read = true },
        { .name = "run_shared", .verb = RUN_SHARED, .number = SIGUSR1 },
        { .name = "run_by_semaphore", .verb = RUN_SEMAPHORE, .number = SIGTERM },
        { .name = "lock", .verb = LOCK, .number = SIGQUIT, .ends = true },
        { .name = "lock_for_long", .verb = LOCK, .number = SIGALRM },
};

/* So many events behind the first call that is about signals, and then so many instructions. */
struct point {
        unsigned event, steps;
};

struct run {
        const struct row *row;
        struct tracer tracer;
        char address[80], semaphore[80];
        struct leat_region *region;
        struct leat_rwlock *lock;
        struct leat_sem *sem;
        int output, input[2], terminal;
        bool locked; /* by a survivor */
        bool begun;  /* the events are counted */
};

/* ---- the command ---- */

/* What is typed goes to the group in the foreground: this one. */
static void take_terminal(const struct run *run) {
        CHECK(setsid() > 0);
        int fd = open(ptsname(run->terminal), O_RDWR | O_CLOEXEC);
        CHECK(fd >= 0);
        CHECK_EQ(ioctl(fd, TIOCSCTTY, 0), 0);
}

static void child(void *argument) {
        static const char *const script = "echo begun; read line; echo ended; exit $0";
        const struct run *run = argument;
        const char *code = run->row->verb == RUN_MEND ? "0" : "7";
        const char *const of_verb[][14] = {
                [RUN] = { "leat", "region", "run", "--lock", "a", run->address, "--", "sh", "-c", script, code },
                [RUN_MEND] = { "leat", "region", "run", "--mend", "--lock", "a", run->address, "--", "sh", "-c", script,
                               code },
                [RUN_SHARED] = { "leat", "region", "run", "--shared", "--lock", "a", run->address, "--", "sh", "-c",
                                 script, code },
                [RUN_SEMAPHORE] = { "leat", "region", "run", run->semaphore, "--", "sh", "-c", script, code },
                [LOCK] = { "leat", "region", "lock", run->address, "a" },
        };
        if (run->row->terminal)
                take_terminal(run);
        for (int number = 1; number < 32; number++)
                (void)signal(number, SIG_DFL);
        CHECK(dup2(run->input[0], STDIN_FILENO) >= 0);
        CHECK(dup2(run->output, STDOUT_FILENO) >= 0);
        step_begin();
        execvp("leat", (char *const *)of_verb[run->row->verb]);
        FAIL("leat: %s", strerror(errno));
}

/* ---- one run ---- */

static void remove_region(const char *address) {
        (void)leat_region_remove(address, true, LEAT_NOW, NULL);
}

static void remove_semaphore(const char *address) {
        (void)leat_sem_remove(address, NULL);
}

static void open_objects(struct run *run) {
        snprintf(run->address, sizeof run->address, "region:/step-run-%d", (int)getpid());
        snprintf(run->semaphore, sizeof run->semaphore, "posix-sem:/step-run-%d", (int)getpid());
        harness_remove_later(remove_region, run->address);
        harness_remove_later(remove_semaphore, run->semaphore);
        CHECK_EQ(leat_sem_open(run->semaphore, 1, SOON, NULL, &run->sem), 0);
        /* As `leat region create --locks 1` makes it. */
        static const struct leat_field fields[] = { { .name = "name", .offset = 0, .size_bytes = NAME_BYTES },
                                                    { .name = "lock", .offset = NAME_BYTES, .size_bytes = 32 } };
        static const struct leat_layout layout = {
                .name = "leat locks 1", .size_bytes = 64, .fields = fields, .fields_count = 2
        };
        CHECK_EQ(leat_region_open(run->address, 64, &layout, SOON, NULL, &run->region), 0);
        run->lock = (struct leat_rwlock *)((char *)leat_region_data(run->region) + NAME_BYTES);
}

/* A participant that has gone without unlocking: as one that died. */
static void leave_dead(const struct run *run) {
        struct leat_region *other = NULL;
        CHECK_EQ(leat_region_open(run->address, 0, NULL, SOON, NULL, &other), 0);
        CHECK_EQ(leat_rwlock_write(other, (void *)((char *)leat_region_data(other) + NAME_BYTES), LEAT_NOW), 0);
        leat_region_close(other);
}

static void begin(struct run *run, const struct row *row) {
        *run = (struct run){ .row = row, .terminal = -1 };
        open_objects(run);
        run->output = memfd_create("output", MFD_CLOEXEC);
        CHECK(run->output >= 0 && pipe2(run->input, O_CLOEXEC) == 0);
        if (row->ends)
                close(run->input[1]), run->input[1] = -1;
        if (row->terminal) {
                run->terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
                CHECK(run->terminal >= 0 && grantpt(run->terminal) == 0 && unlockpt(run->terminal) == 0);
        }
        if (row->verb == RUN_MEND)
                leave_dead(run);
        if (row->contended && row->read)
                CHECK_EQ(leat_rwlock_read(run->region, run->lock, LEAT_NOW), row->verb == RUN_MEND ? -EOWNERDEAD : 0);
        else if (row->contended)
                CHECK_EQ(leat_rwlock_write(run->region, run->lock, LEAT_NOW), 0);
        run->locked = row->contended;
        CHECK_EQ(tracer_start(&run->tracer, child, run), 0);
        while (tracer_next(&run->tracer, TRACER_CALLS) != TRACER_BEGIN)
                CHECK(!run->tracer.ended);
}

/* It waits for its command, for the end of its input, or for a reader: it goes on by a signal alone. */
static bool waits(const struct run *run, enum tracer_event event) {
        long call = run->tracer.call;
        return event == TRACER_ASLEEP &&
               (call == SYS_poll || call == SYS_ppoll || (call == SYS_futex && run->row->read));
}

/* It is about to sleep until it may have the lock: it may. */
static void let_have(struct run *run) {
        uint64_t word = atomic_load_explicit(word_of((struct leat_mutex *)run->lock), memory_order_relaxed);
        if (run->locked && !run->row->read && run->tracer.call == SYS_futex && (word & WORD_WAITED)) {
                CHECK_EQ(leat_rwlock_unlock(run->region, run->lock), 0);
                run->locked = false;
        }
}

/* The next event that is counted; TRACER_EXITED: there is none. */
static enum tracer_event next(struct run *run, enum tracer_pace pace) {
        int64_t deadline = SOON;
        for (;;) {
                enum tracer_event event = tracer_next(&run->tracer, pace);
                let_have(run);
                run->begun |= run->tracer.call == SYS_rt_sigprocmask;
                if (event == TRACER_EXITED)
                        return event;
                if (run->begun && (event != TRACER_ASLEEP || waits(run, event)))
                        return event;
                CHECK(leat_now() < deadline);
        }
}

/* Returns whether it came there. */
static bool go_to(struct run *run, const struct point *point) {
        for (unsigned i = 0; i < point->event; i++)
                if (next(run, TRACER_CALLS) == TRACER_EXITED)
                        return false;
        for (unsigned i = 0; i < point->steps; i++)
                if (next(run, TRACER_EACH) != TRACER_STEP)
                        break;
        return true;
}

static void send_signal(const struct run *run) {
        if (run->row->terminal)
                CHECK_EQ(ioctl(run->terminal, TIOCSIG, run->row->number), 0);
        else
                CHECK_EQ(kill(run->tracer.pid, run->row->number), 0);
}

/* ---- what is to be so afterwards ---- */

static void check_status(const struct run *run, int status) {
        char text[64] = "";
        bool began = pread(run->output, text, sizeof text - 1, 0) > 0;
        bool ended = run->row->ends && (run->row->verb == LOCK ? began : strstr(text, "ended") != NULL);
        int signalled = 128 + run->row->number, code = run->row->verb == RUN ? CODE : 0;
        printf("status %d, output '%s'\n", status, text);
        if (!began)
                CHECK(status == signalled || status == -run->row->number);
        else if (!ended)
                CHECK_EQ(status, signalled);
        else
                CHECK(status == signalled || status == code);
}

/* What a dead one left is mended exactly if the command succeeded. */
static void check_lock(struct run *run, int status) {
        if (run->locked)
                CHECK_EQ(leat_rwlock_unlock(run->region, run->lock), 0);
        int r = leat_rwlock_write(run->region, run->lock, LEAT_NOW);
        CHECK_EQ(r, run->row->verb == RUN_MEND && status != 0 ? -EOWNERDEAD : 0);
        CHECK_EQ(leat_rwlock_unlock(run->region, run->lock), 0);
        CHECK_EQ(leat_sem_count(run->sem), 1);
}

static void end(struct run *run) {
        int status = WIFEXITED(run->tracer.status) ? WEXITSTATUS(run->tracer.status) : -WTERMSIG(run->tracer.status);
        check_status(run, status);
        check_lock(run, status);
        CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD); /* they would be ours by now */
        tracer_end(&run->tracer);
        leat_region_close(run->region);
        leat_sem_close(run->sem);
        remove_region(run->address);
        remove_semaphore(run->semaphore);
        for (int i = 0; i < 2; i++)
                if (run->input[i] >= 0)
                        close(run->input[i]);
        if (run->terminal >= 0)
                close(run->terminal);
        close(run->output);
}

static void go_on(struct run *run) {
        int64_t deadline = SOON;
        while (tracer_next(&run->tracer, TRACER_CALLS) != TRACER_EXITED)
                CHECK(leat_now() < deadline); /* else the signal was lost */
}

static void signal_at(const struct row *row, const struct point *point) {
        struct run run;
        begin(&run, row);
        bool came = go_to(&run, point); /* else it had to wait less than when it was traced, and has ended */
        printf("%s: signal at event %u, instruction %u, %s; ", row->name, point->event, point->steps,
               tracer_call_name(run.tracer.call));
        if (came) {
                send_signal(&run);
                go_on(&run);
        }
        end(&run);
}

/* ---- where ---- */

static struct point points[POINTS_MAX];
static unsigned points_count;

static void add_point(unsigned event, unsigned steps) {
        CHECK(points_count < POINTS_MAX);
        points[points_count++] = (struct point){ event, steps };
}

/* A line of /proc/PID/status that is a mask of signals: has it this one? */
static bool status_has(const struct run *run, const char *text, const char *line) {
        const char *at = strstr(text, line);
        CHECK(at != NULL);
        return strtoull(at + strlen(line), NULL, 16) & UINT64_C(1) << (run->row->number - 1);
}

/* Does a signal come to a handler where it stands? */
static bool is_open(const struct run *run) {
        char path[32], text[4096] = "";
        snprintf(path, sizeof path, "/proc/%d/status", (int)run->tracer.pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
        close(fd);
        return status_has(run, text, "\nSigCgt:") && !status_has(run, text, "\nSigBlk:");
}

/* The instructions to the next event: each EVERY-th, and those before and behind a change of the lock. Returns that event. */
static enum tracer_event trace_steps(struct run *run, unsigned at) {
        struct leat_rwlock before = *run->lock;
        enum tracer_event event;
        unsigned steps = 0, last = 0;
        while ((event = next(run, TRACER_EACH)) == TRACER_STEP) {
                bool changed = memcmp(&before, run->lock, sizeof before) != 0;
                steps++;
                if (changed && last < steps - 1)
                        add_point(at, steps - 1);
                if (changed || steps % EVERY == 0)
                        add_point(at, last = steps);
                before = *run->lock;
        }
        return event;
}

static void trace(const struct row *row) {
        struct run run;
        unsigned at = 0;
        begin(&run, row);
        points_count = 0;
        for (enum tracer_event event = next(&run, TRACER_CALLS); event != TRACER_EXITED;) {
                bool steps = row->steps && event == TRACER_LEAVE && is_open(&run);
                at++;
                if (event != TRACER_LEAVE || steps) /* else the call that is next is the same */
                        add_point(at, 0);
                if (waits(&run, event) && !row->ends)
                        send_signal(&run);
                event = steps ? trace_steps(&run, at) : next(&run, TRACER_CALLS);
        }
        end(&run);
}

static void run_row(void *argument) {
        const struct row *row = argument;
        const char *why = tracer_refused();
        if (why)
                SKIP("%s", why);
        CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        trace(row);
        for (unsigned i = 0; i < points_count; i++)
                signal_at(row, &points[i]);
        step_say("# %s: %u signals\n", row->name, points_count);
}

static void add_tests(void) {
        step_say_here();
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
                harness_add_with(rows[i].name, run_row, (void *)(uintptr_t)&rows[i],
                                 (struct harness_options){ .timeout_s = 120 });
}

int main(int argc, char **argv) {
        tracer_without_rep_movsb(argv);
        return harness_main(argc, argv, add_tests);
}
