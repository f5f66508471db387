/* SPDX-License-Identifier: MIT */

/*
 * Calls, over every transport: those that have a way back by themselves, and those that have none by two channels of their kind
 * (?reply=). They have no row of their own: a call waits, and that is the row which all have.
 */

#include "conformance.h"

#include <pthread.h>

#define BRIEF harness_deadline_ms(100) /* what is not to come does not come before this */

/* A caller and a replier, and where they meet. */
struct line {
        const struct subject *subject;
        struct place requests, answers;
        bool over; /* two channels that go one way each */
        char caller_address[800], replier_address[800];
        struct leat_channel *caller, *replier; /* of what has no name: made at once, until they are taken */
        struct harness_event *ready, *go;
};

/* ---- the two ends ---- */

/* As the value of an option. */
static void append_reply(char *address, size_t size, const char *reply) {
        size_t at = strlen(address);
        at += (size_t)snprintf(address + at, size - at, "%sreply=", strchr(address, '?') ? "&" : "?");
        for (; *reply && at < size - 4; reply++)
                at += (size_t)snprintf(address + at, size - at, *reply == '&' ? "%%26" : "%c", *reply);
}

/* The descriptor that an end of a pipe is, as an address; the channel is gone. */
static void name_detached(struct leat_channel *channel, bool reads, char *ret_address, size_t size) {
        int fds[2];
        CHECK_EQ(leat_detach(channel, fds), 0);
        snprintf(ret_address, size, "pipe:fd=%d", fds[reads ? 0 : 1]);
}

static bool is_pair(const struct line *line) {
        return line->subject->declaration->pattern == LEAT_PAIR;
}

/* The end that is made already, or one that does this. */
static struct leat_channel *open_line(const struct line *line, struct leat_channel **made, const char *address,
                                      unsigned does) {
        struct leat_channel *channel = *made;
        *made = NULL;
        return channel ? channel : open_or_fail(address, is_pair(line) ? LEAT_SEND | LEAT_RECEIVE : does, SOON);
}

static struct leat_channel *open_replier(struct line *line) {
        return open_line(line, &line->replier, line->replier_address, LEAT_REPLY);
}

static struct leat_channel *open_caller(struct line *line) {
        return open_line(line, &line->caller, line->caller_address, LEAT_CALL);
}

/* Both ends of both pipes lie open here as descriptors: each is to be open once. */
static void make_ends_of_pipes(struct line *line) {
        char there[2][32], back[2][32];
        name_detached(line->requests.receiver, true, there[0], sizeof there[0]);
        name_detached(line->requests.sender, false, there[1], sizeof there[1]);
        name_detached(line->answers.receiver, true, back[0], sizeof back[0]);
        name_detached(line->answers.sender, false, back[1], sizeof back[1]);
        snprintf(line->caller_address, sizeof line->caller_address, "%s?reply=%s", there[1], back[0]);
        snprintf(line->replier_address, sizeof line->replier_address, "%s?reply=%s", there[0], back[1]);
        line->replier = open_or_fail(line->replier_address, LEAT_REPLY, SOON);
        line->caller = open_or_fail(line->caller_address, LEAT_CALL, SOON);
}

static void name_ends(struct line *line) {
        const struct leat_declaration *declaration = line->subject->declaration;
        bool kept = (subject_traits(line->subject) & KEEPS) && declaration->pattern == LEAT_BROADCAST;
        snprintf(line->caller_address, sizeof line->caller_address, "%s", line->requests.sender_address);
        snprintf(line->replier_address, sizeof line->replier_address, "%s%s", line->requests.receiver_address,
                 kept ? "&from=end" : "");
        if (!line->over)
                return;
        append_reply(line->caller_address, sizeof line->caller_address, line->answers.receiver_address);
        append_reply(line->replier_address, sizeof line->replier_address, line->answers.sender_address);
}

static void line_new(struct line *line, const struct subject *subject) {
        bool named = subject_traits(subject) & NAMED;
        *line = (struct line){ .subject = subject, .over = !(subject_traits(subject) & CALLS) };
        line->ready = harness_event_new();
        line->go = harness_event_new();
        place_new(&line->requests, subject, "");
        if (line->over)
                place_new(&line->answers, subject, "");
        name_ends(line);
        if (!named && line->over)
                make_ends_of_pipes(line);
        else if (!named)
                place_both(&line->requests, &line->replier, &line->caller);
}

static void line_remove(struct line *line) {
        leat_close(line->caller);
        leat_close(line->replier);
        place_remove(&line->requests);
        if (line->over)
                place_remove(&line->answers);
}

/* Both in this process. */
static void line_both_new(struct line *line, const struct subject *subject, struct leat_channel **ret_caller,
                          struct leat_channel **ret_replier) {
        line_new(line, subject);
        *ret_replier = open_replier(line);
        *ret_caller = open_caller(line);
}

static void line_both_remove(struct line *line, struct leat_channel *caller, struct leat_channel *replier) {
        leat_close(caller);
        leat_close(replier);
        line_remove(line);
}

/* ---- in another process ---- */

typedef void line_function(struct line *line, struct leat_channel *channel);

struct line_job {
        struct line *line;
        line_function *function;
        bool calls;
};

static void do_line_job(void *argument) {
        const struct line_job *job = argument;
        struct line *line = job->line;
        if (job->calls)
                line->replier = leat_close(line->replier);
        else
                line->caller = leat_close(line->caller);
        struct leat_channel *channel = job->calls ? open_caller(line) : open_replier(line);
        harness_event_signal(line->ready);
        job->function(line, channel);
        leat_close(channel);
}

/* It has opened its end. */
static pid_t line_fork(struct line *line, bool calls, line_function *function) {
        struct leat_channel **end = calls ? &line->caller : &line->replier;
        struct line_job job = { line, function, calls };
        if (*end)
                CHECK_EQ(leat_give(*end), 0);
        pid_t pid = harness_fork(do_line_job, &job);
        *end = leat_close(*end);
        harness_event_wait(line->ready);
        if (!calls && (subject_traits(line->subject) & BY_PID))
                snprintf(line->caller_address, sizeof line->caller_address, "%s:%d%s",
                         line->subject->declaration->scheme, (int)pid, strchr(line->requests.sender_address, '?'));
        return pid;
}

/* ---- requests and answers ---- */

static struct leat_message take_request(struct leat_channel *replier, const char *text) {
        struct leat_message about = take_or_fail(replier, text, SOON);
        CHECK(about.flags & LEAT_WANTS_REPLY);
        return about;
}

static int reply_text(struct leat_channel *replier, const struct leat_message *about, const char *text) {
        return leat_reply(replier, about, about->type, text, strlen(text), SOON);
}

/* Sends a request, and gives up at once. */
static void call_and_give_up(struct leat_channel *caller, const char *text) {
        char buffer[64];
        CHECK_EQ(leat_interrupt(caller), 0);
        CHECK_EQ(leat_call(caller, 1, text, strlen(text), buffer, sizeof buffer, LEAT_NEVER, NULL), -ECANCELED);
}

static void expect_answer(struct leat_channel *caller, const char *text, const char *answer) {
        char buffer[64] = "";
        ssize_t n = leat_call(caller, 1, text, strlen(text), buffer, sizeof buffer - 1, SOON, NULL);
        if (n < 0)
                FAIL("an answer to \"%s\" was expected, not %s", text, leat_strerror((int)n));
        CHECK_STR(buffer, answer);
}

/* Answers "x" with "re: x" until "stop". */
static void serve_texts(struct line *line, struct leat_channel *replier) {
        bool stop = false;
        (void)line;
        while (!stop) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                char buffer[64] = "", answer[80];
                ssize_t n = leat_receive(replier, LEAT_ANY, buffer, sizeof buffer - 1, SOON, &about);
                if (n == -ENODATA)
                        continue;
                CHECK(n >= 0);
                stop = strcmp(buffer, "stop") == 0;
                snprintf(answer, sizeof answer, "re: %s", buffer);
                int r = reply_text(replier, &about, answer);
                CHECK(r == 0 || r == -EPIPE || r == -ETIMEDOUT);
        }
}

#define CALLS_CONFORM(name, ...) CONFORMS(LEAT_ROW_WAITING, calls_##name, .traits = LEAT, __VA_ARGS__)

/* ---- what each call is ---- */

static const size_t sizes[] = { 0, 1, 1000, 5 };

static void serve_sizes(struct line *line, struct leat_channel *replier) {
        uint8_t bytes[1024], answer[1024];
        (void)line;
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                CHECK_EQ(leat_receive(replier, LEAT_ANY, bytes, sizeof bytes, SOON, &about), sizes[i]);
                CHECK_EQ(about.type, i + 1);
                CHECK_EQ(about.size_bytes, sizes[i]);
                CHECK(about.flags & LEAT_WANTS_REPLY);
                check_filled(bytes, sizes[i], i);
                fill(answer, 1000 - sizes[i], i);
                CHECK_EQ(leat_reply(replier, &about, (int64_t)i + 10, answer, 1000 - sizes[i], SOON), 0);
        }
}

CALLS_CONFORM(are_answered) {
        struct line line;
        uint8_t bytes[1024], answer[1024];
        line_new(&line, subject);
        pid_t pid = line_fork(&line, false, serve_sizes);
        struct leat_channel *caller = open_caller(&line);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                fill(bytes, sizes[i], i);
                CHECK_EQ(leat_call(caller, (int64_t)i + 1, bytes, sizes[i], answer, sizeof answer, SOON, &about),
                         1000 - sizes[i]);
                CHECK_EQ(about.type, i + 10);
                CHECK_EQ(about.size_bytes, 1000 - sizes[i]);
                check_filled(answer, 1000 - sizes[i], i);
        }
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(caller);
        line_remove(&line);
}

CALLS_CONFORM(deadlines_travel) {
        struct line line;
        char buffer[8];
        struct leat_channel *caller, *replier;
        line_both_new(&line, subject, &caller, &replier);
        call_and_give_up(caller, "never");
        CHECK_EQ(take_request(replier, "never").deadline, LEAT_NEVER);
        int64_t before = leat_now(), deadline = before + INT64_C(3600) * 1000000000;
        CHECK_EQ(leat_interrupt(caller), 0);
        CHECK_EQ(leat_call(caller, 1, "hour", 4, buffer, sizeof buffer, deadline, NULL), -ECANCELED);
        int64_t seen = take_request(replier, "hour").deadline, after = leat_now();
        /* No later than the way here explains; and the clock of the day may be set a little meanwhile. */
        CHECK(seen > deadline - INT64_C(60) * 1000000000);
        CHECK(seen <= deadline + (after - before));
        line_both_remove(&line, caller, replier);
}

CALLS_CONFORM(an_expired_call_is_not_answered) {
        struct line line;
        char buffer[8];
        struct leat_channel *caller, *replier;
        line_both_new(&line, subject, &caller, &replier);
        static const int64_t past[] = { LEAT_NOW, 1, -1, INT64_MIN }; /* however far */
        for (size_t i = 0; i < sizeof past / sizeof past[0]; i++) {
                CHECK_EQ(leat_call(caller, 1, "past", 4, buffer, sizeof buffer, past[i], NULL),
                         past[i] == LEAT_NOW ? -EAGAIN : -ETIMEDOUT);
                struct leat_message about = take_request(replier, "past");
                CHECK(about.deadline <= leat_now());
                CHECK_EQ(reply_text(replier, &about, "late"), -ETIMEDOUT);
                check_why(replier, LEAT_ROW_WAITING, -ETIMEDOUT);
        }
        line_both_remove(&line, caller, replier);
}

/* ---- late replies ---- */

CALLS_CONFORM(a_late_reply_answers_no_other_call) {
        struct line line;
        struct leat_channel *caller, *replier;
        line_both_new(&line, subject, &caller, &replier);
        call_and_give_up(caller, "one");
        struct leat_message one = take_request(replier, "one");
        call_and_give_up(caller, "two");
        struct leat_message two = take_request(replier, "two");
        CHECK_EQ(reply_text(replier, &two, "re: two"), 0);
        CHECK_EQ(reply_text(replier, &one, "re: one"), 0);
        call_and_give_up(caller, "three");
        struct leat_message three = take_request(replier, "three");
        CHECK_EQ(reply_text(replier, &three, "re: three"), 0);
        /* Without this one's, all of the others' would be taken if any could. */
        call_and_give_up(caller, "four");
        line_both_remove(&line, caller, replier);
}

/* The end of a pair is told that its partner is gone; then the next may come. */
static void expect_gone(const struct line *line, struct leat_channel *replier) {
        if (is_pair(line) && promises(line->subject, LEAT_ROW_END))
                CHECK_EQ(receive_now(replier), -ENODATA);
}

/* Who stays a partner until the network says something of it is no question of calls. */
static bool next_may_come(const struct subject *subject) {
        unsigned traits = subject_traits(subject);
        return (traits & NAMED) && !((traits & TWO_WAY) && (traits & LOSSY));
}

CALLS_CONFORM(nor_one_of_the_next_caller, .without = UNNAMED) {
        struct line line;
        struct leat_channel *caller, *replier;
        if (!next_may_come(subject))
                return;
        line_both_new(&line, subject, &caller, &replier);
        call_and_give_up(caller, "one");
        struct leat_message one = take_request(replier, "one");
        leat_close(caller);
        expect_gone(&line, replier);
        caller = open_caller(&line);
        int r = reply_text(replier, &one, "re: one");
        CHECK(r == 0 || r == -EPIPE);
        call_and_give_up(caller, "two");
        struct leat_message two = take_request(replier, "two");
        r = reply_text(replier, &one, "re: one");
        CHECK(r == 0 || r == -EPIPE || r == -EINVAL);
        call_and_give_up(caller, "three");
        CHECK_EQ(reply_text(replier, &two, "re: two"), 0);
        call_and_give_up(caller, "four");
        line_both_remove(&line, caller, replier);
}

CALLS_CONFORM(a_reply_that_does_not_fit_is_told) {
        struct line line;
        struct leat_message about = LEAT_MESSAGE_INIT;
        char buffer[8];
        line_new(&line, subject);
        pid_t pid = line_fork(&line, false, serve_texts);
        struct leat_channel *caller = open_caller(&line);
        CHECK_EQ(leat_call(caller, 1, "request", 7, buffer, sizeof buffer, SOON, &about), -EMSGSIZE);
        CHECK_EQ(about.size_bytes, 11);
        expect_answer(caller, "more", "re: more");
        expect_answer(caller, "stop", "re: stop");
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(caller);
        line_remove(&line);
}

/* ---- several callers ---- */

/* Another caller of the same replier; over two channels with a place of its own for its answers, within what the replier allows. */
static void line_beside(const struct line *line, struct line *ret_other) {
        *ret_other = *line;
        if (!line->over)
                return;
        struct place *answers = &ret_other->answers;
        const char *options = strchr(line->answers.receiver_address, '?');
        int size = (int)(options - line->answers.receiver_address);
        snprintf(answers->receiver_address, sizeof answers->receiver_address, "%.*s.b%s", size,
                 line->answers.receiver_address, options);
        name_ends(ret_other);
}

static void call_as_other(struct line *line, struct leat_channel *caller) {
        (void)line;
        expect_answer(caller, "other", "to the other");
}

static void call_as_one(struct line *line, struct leat_channel *caller) {
        (void)line;
        expect_answer(caller, "one", "to one");
}

/* Names that are numbers have no dots behind them. */
CALLS_CONFORM(each_caller_gets_its_own, .without = UNNAMED | TWO_WAY | SELECTS | SPREAD) {
        struct line one, other;
        line_new(&one, subject);
        struct leat_channel *replier = open_replier(&one);
        line_beside(&one, &other);
        pid_t pid_one = line_fork(&one, true, call_as_one);
        struct leat_message about_one = take_request(replier, "one");
        pid_t pid_other = line_fork(&other, true, call_as_other);
        struct leat_message about_other = take_request(replier, "other");
        CHECK_EQ(reply_text(replier, &about_other, "to the other"), 0);
        CHECK_EQ(reply_text(replier, &about_one, "to one"), 0);
        CHECK_EQ(harness_wait(pid_one), 0);
        CHECK_EQ(harness_wait(pid_other), 0);
        leat_close(replier);
        line_remove(&one);
        if (one.over)
                (void)leat_remove(other.answers.receiver_address, NULL);
}

/* ---- death ---- */

static void take_and_die(struct line *line, struct leat_channel *replier) {
        (void)line;
        (void)take_request(replier, "one");
        raise(SIGKILL);
}

CALLS_CONFORM(a_replier_dies) {
        struct line line;
        char buffer[16];
        line_new(&line, subject);
        pid_t pid = line_fork(&line, false, take_and_die);
        struct leat_channel *caller = open_caller(&line);
        bool connected = !line.over && !(subject_traits(subject) & LOOSE);
        ssize_t n = leat_call(caller, 1, "one", 3, buffer, sizeof buffer, connected ? SOON : BRIEF, NULL);
        if (connected)
                CHECK_EQ(n, -EPIPE);
        CHECK(n == -EPIPE || n == -ETIMEDOUT);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        leat_close(caller);
        if (subject_traits(subject) & NAMED) {
                pid = line_fork(&line, false, serve_texts);
                caller = open_caller(&line);
                expect_answer(caller, "stop", "re: stop");
                CHECK_EQ(harness_wait(pid), 0);
                leat_close(caller);
        }
        line_remove(&line);
}

static void call_for_ever(struct line *line, struct leat_channel *caller) {
        char buffer[16];
        (void)line;
        (void)leat_call(caller, 1, "one", 3, buffer, sizeof buffer, LEAT_NEVER, NULL);
}

CALLS_CONFORM(a_caller_dies) {
        struct line line;
        line_new(&line, subject);
        struct leat_channel *replier = open_replier(&line);
        pid_t pid = line_fork(&line, true, call_for_ever);
        struct leat_message one = take_request(replier, "one");
        kill_child(pid);
        int r = reply_text(replier, &one, "re: one");
        CHECK(r == 0 || r == -EPIPE);
        if (next_may_come(subject)) {
                expect_gone(&line, replier);
                struct leat_channel *caller = open_caller(&line);
                call_and_give_up(caller, "two");
                struct leat_message two;
                two = take_request(replier, "two");
                CHECK_EQ(reply_text(replier, &two, "re: two"), 0);
                leat_close(caller);
        }
        leat_close(replier);
        line_remove(&line);
}

/* ---- interrupts, forks, threads ---- */

static struct leat_channel *interrupted;

static void on_signal(int number) {
        (void)number;
        (void)leat_interrupt(interrupted);
}

static void call_until_interrupted(struct line *line, struct leat_channel *caller) {
        char buffer[16];
        interrupted = caller;
        signal(SIGUSR1, on_signal);
        harness_event_signal(line->go);
        CHECK_EQ(leat_call(caller, 1, "one", 3, buffer, sizeof buffer, LEAT_NEVER, NULL), -ECANCELED);
        /* That one and no other. */
        CHECK_EQ(leat_call(caller, 1, "two", 3, buffer, sizeof buffer, harness_deadline_ms(20), NULL), -ETIMEDOUT);
}

CALLS_CONFORM(an_interrupt_ends_a_call) {
        struct line line;
        line_new(&line, subject);
        struct leat_channel *replier = open_replier(&line);
        pid_t pid = line_fork(&line, true, call_until_interrupted);
        harness_event_wait(line.go);
        (void)take_request(replier, "one");
        harness_wait_state(pid, "S");
        CHECK_EQ(kill(pid, SIGUSR1), 0);
        CHECK_EQ(harness_wait(pid), 0);
        (void)take_request(replier, "two");
        leat_close(replier);
        line_remove(&line);
}

struct inherited {
        struct leat_channel *caller, *replier;
        const struct leat_message *about;
};

static void use_inherited(void *argument) {
        const struct inherited *inherited = argument;
        char buffer[8];
        CHECK_EQ(leat_call(inherited->caller, 1, "x", 1, buffer, sizeof buffer, LEAT_NOW, NULL), -ECHILD);
        CHECK_EQ(leat_reply(inherited->replier, inherited->about, 1, "x", 1, LEAT_NOW), -ECHILD);
        leat_close(inherited->caller);
        leat_close(inherited->replier);
}

CALLS_CONFORM(a_forked_child_has_no_part_in_it) {
        struct line line;
        struct leat_channel *caller, *replier;
        line_both_new(&line, subject, &caller, &replier);
        call_and_give_up(caller, "one");
        struct leat_message one = take_request(replier, "one");
        struct inherited inherited = { caller, replier, &one };
        CHECK_EQ(harness_wait(harness_fork(use_inherited, &inherited)), 0);
        CHECK_EQ(reply_text(replier, &one, "re: one"), 0);
        call_and_give_up(caller, "two");
        (void)take_request(replier, "two");
        line_both_remove(&line, caller, replier);
}

/* Between the thread that takes requests and the one that answers. */
struct desk {
        struct leat_channel *replier;
        pthread_mutex_t lock;
        pthread_cond_t filled;
        struct leat_message abouts[64];
        int taken;
};

#define DESK_CALLS 20

static void *take_all(void *argument) {
        struct desk *desk = argument;
        for (int i = 0; i < DESK_CALLS; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                char buffer[16];
                ssize_t n = leat_receive(desk->replier, LEAT_ANY, buffer, sizeof buffer, SOON, &about);
                CHECK(n > 0);
                pthread_mutex_lock(&desk->lock);
                desk->abouts[desk->taken++] = about;
                pthread_cond_signal(&desk->filled);
                pthread_mutex_unlock(&desk->lock);
        }
        return NULL;
}

static void serve_with_threads(struct line *line, struct leat_channel *replier) {
        struct desk desk = { .replier = replier,
                             .lock = PTHREAD_MUTEX_INITIALIZER,
                             .filled = PTHREAD_COND_INITIALIZER };
        pthread_t taker;
        (void)line;
        CHECK_EQ(pthread_create(&taker, NULL, take_all, &desk), 0);
        for (int i = 0; i < DESK_CALLS; i++) {
                pthread_mutex_lock(&desk.lock);
                while (desk.taken <= i)
                        pthread_cond_wait(&desk.filled, &desk.lock);
                struct leat_message about = desk.abouts[i];
                pthread_mutex_unlock(&desk.lock);
                CHECK_EQ(reply_text(replier, &about, "answered"), 0);
        }
        CHECK_EQ(pthread_join(taker, NULL), 0);
}

CALLS_CONFORM(one_thread_takes_and_another_answers) {
        struct line line;
        line_new(&line, subject);
        pid_t pid = line_fork(&line, false, serve_with_threads);
        struct leat_channel *caller = open_caller(&line);
        for (int i = 0; i < DESK_CALLS; i++)
                expect_answer(caller, "request", "answered");
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(caller);
        line_remove(&line);
}
