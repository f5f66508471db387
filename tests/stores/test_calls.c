/* SPDX-License-Identifier: MIT */
/* Calls over two channels: strangers who write requests and answers, places that are gone, full or not what they seem. */
#include "channel/over.h"
#include "ends.h"

#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOON harness_deadline_ms(40000)

static struct leat_channel *open_at(const char *address, unsigned flags) {
        return open_or_fail(address, flags, SOON);
}

static struct leat_message take(struct leat_channel *channel, const char *text) {
        return take_or_fail(channel, text, SOON);
}

static int reply(struct leat_channel *replier, const struct leat_message *about, const char *text) {
        return leat_reply(replier, about, 1, text, strlen(text), SOON);
}

/* Sends a request, and gives up at once. */
static void call_and_give_up(struct leat_channel *caller, const char *text) {
        char buffer[64];
        CHECK_EQ(leat_interrupt(caller), 0);
        CHECK_EQ(leat_call(caller, 1, text, strlen(text), buffer, sizeof buffer, LEAT_NEVER, NULL), -ECANCELED);
}

static void send_envelope(struct leat_channel *channel, struct envelope envelope, const char *address,
                          const char *text) {
        uint8_t bytes[1024];
        size_t size = strlen(text);
        envelope.address_bytes = strlen(address);
        envelope_encode(&envelope, bytes);
        memcpy(bytes + ENVELOPE_BYTES, address, envelope.address_bytes);
        memcpy(bytes + ENVELOPE_BYTES + envelope.address_bytes, text, size);
        CHECK_EQ(leat_send(channel, 1, bytes, ENVELOPE_BYTES + envelope.address_bytes + size, SOON), 0);
}

/* What a stranger who reads the requests sees of the next one. */
static struct envelope take_envelope(struct leat_channel *channel) {
        struct envelope envelope;
        uint8_t bytes[1024];
        ssize_t n = leat_receive(channel, LEAT_ANY, bytes, sizeof bytes, SOON, NULL);
        CHECK(n > 0);
        CHECK_EQ(envelope_decode(bytes, (size_t)n, &envelope), 0);
        return envelope;
}

static void remove_queue(const char *address) {
        (void)leat_remove(address, NULL);
}

/* A queue that only this test has. Its answers' place is that with ".me". */
static const char *queue_name(void) {
        static char name[64], answers[80];
        snprintf(name, sizeof name, "mq:/leat-test-calls-%d", (int)getpid());
        snprintf(answers, sizeof answers, "%s.me", name);
        harness_remove_later(remove_queue, name);
        harness_remove_later(remove_queue, answers);
        return name;
}

/* Such a queue, and a caller's address with the place for its answers. */
static const char *name_caller(const char *options, char ret_address[160], char ret_place[80]) {
        const char *name = queue_name();
        snprintf(ret_place, 80, "%s.me", name);
        snprintf(ret_address, 160, "%s?reply=%s%s", name, ret_place, options);
        return name;
}

/* ---- answers of strangers ---- */

/* Who answered one call knows who calls, and cannot answer the next before it is asked. */
TEST(numbers_are_not_guessed) {
        struct leat_channel *requests = open_at("log:a?from=start", LEAT_RECEIVE);
        struct leat_channel *caller = open_at("log:a?reply=log:a.me", LEAT_CALL);
        struct leat_channel *answers = open_at("log:a.me", LEAT_SEND);
        call_and_give_up(caller, "one");
        struct envelope one = take_envelope(requests), forged = { .kind = ENVELOPE_REPLY, .caller = one.caller };
        for (int i = -2; i <= 100; i++) {
                forged.number = one.number + (uint64_t)i;
                send_envelope(answers, forged, "", "forged");
        }
        call_and_give_up(caller, "two");
        struct envelope two = take_envelope(requests);
        CHECK(two.number - one.number > 100);
        leat_close(answers);
        leat_close(caller);
        leat_close(requests);
}

struct second {
        struct leat_channel *caller;
        char answer[16];
};

static void *call_second(void *argument) {
        struct second *second = argument;
        CHECK_EQ(leat_call(second->caller, 1, "two", 3, second->answer, sizeof second->answer - 1, SOON, NULL), 7);
        return NULL;
}

/* The answer to the call before, and one to another caller, come while this one waits. */
TEST(a_late_answer_comes_while_the_next_call_waits) {
        struct leat_channel *replier = open_at("log:a?pattern=queue", LEAT_REPLY);
        struct second second = { .caller = open_at("log:a?reply=log:a.me", LEAT_CALL) };
        struct leat_channel *other = open_at("log:a?reply=log:a.me", LEAT_CALL);
        pthread_t thread;
        call_and_give_up(other, "other");
        call_and_give_up(second.caller, "one");
        struct leat_message about_other = take(replier, "other"), one = take(replier, "one");
        CHECK_EQ(pthread_create(&thread, NULL, call_second, &second), 0);
        struct leat_message two = take(replier, "two");
        CHECK_EQ(reply(replier, &about_other, "re: oth"), 0);
        CHECK_EQ(reply(replier, &one, "re: one"), 0);
        CHECK_EQ(reply(replier, &two, "re: two"), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        CHECK_STR(second.answer, "re: two");
        leat_close(other);
        leat_close(second.caller);
        leat_close(replier);
}

static void flood_for_ever(void *argument) {
        struct leat_channel *answers = open_at(argument, LEAT_SEND);
        const struct envelope stray = { .kind = ENVELOPE_REPLY, .caller = 1, .number = 1 };
        for (;;)
                send_envelope(answers, stray, "", "stray");
}

/* A deadline is a deadline, whatever comes meanwhile. */
TEST(a_flood_of_strays_holds_nobody) {
        char buffer[16];
        struct leat_channel *requests = open_at("fifo:a", LEAT_RECEIVE);
        struct leat_channel *caller = open_at("fifo:a?reply=fifo:a.me", LEAT_CALL);
        pid_t pids[3];
        for (int i = 0; i < 3; i++)
                pids[i] = harness_fork(flood_for_ever, "fifo:a.me?exclusive");
        CHECK_EQ(leat_call(caller, 1, "x", 1, buffer, sizeof buffer, leat_in_ms(30), NULL), -ETIMEDOUT);
        CHECK_EQ(leat_call(caller, 1, "x", 1, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        for (int i = 0; i < 3; i++) {
                kill(pids[i], SIGKILL);
                CHECK_EQ(harness_wait(pids[i]), -SIGKILL);
        }
        leat_close(caller);
        leat_close(requests);
}

static void serve_one(void *argument) {
        struct leat_channel *replier = open_at(argument, LEAT_REPLY);
        struct leat_message about = take(replier, "hello");
        CHECK_EQ(reply(replier, &about, "jello"), 0);
        leat_close(replier);
}

/* What killed callers of this name left there is in nobody's way. */
TEST(a_place_full_of_strays_is_emptied) {
        char address[160], place[80], buffer[16] = "";
        const char *name = name_caller("", address, place);
        struct leat_channel *answers = open_at(place, LEAT_SEND);
        while (leat_send(answers, 1, "stray", 5, LEAT_NOW) == 0)
                ;
        leat_close(answers);
        pid_t pid = harness_fork(serve_one, (void *)name);
        struct leat_channel *caller = open_at(address, LEAT_CALL);
        CHECK_EQ(leat_call(caller, 1, "hello", 5, buffer, sizeof buffer, SOON, NULL), 5);
        CHECK_STR(buffer, "jello");
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(caller);
}

/* Two who receive in one place would take each other's answers away. */
TEST(a_place_has_one_caller) {
        static const char *const places[] = { "fifo:a?reply=fifo:a.me", NULL };
        char address[160];
        const char *name = queue_name();
        snprintf(address, sizeof address, "%s?reply=%s.me", name, name);
        const char *const both[] = { places[0], address };
        for (int i = 0; i < 2; i++) {
                struct leat_reason reason = { 0 };
                struct leat_channel *requests = i == 0 ? open_at("fifo:a", LEAT_RECEIVE) : NULL;
                struct leat_channel *one = open_at(both[i], LEAT_CALL);
                CHECK_EQ(try_open(both[i], LEAT_CALL, SOON, &reason), -EADDRINUSE);
                CHECK(reason.text && reason.text[0]);
                leat_close(one);
                one = open_at(both[i], LEAT_CALL); /* it goes with its holder */
                leat_close(one);
                leat_close(requests);
        }
}

/* Who has a log of answers to himself has it by what the answers say. */
TEST(callers_may_share_a_log) {
        struct leat_channel *replier = open_at("log:a?pattern=queue", LEAT_REPLY);
        struct leat_channel *one = open_at("log:a?reply=log:a.me", LEAT_CALL);
        struct leat_channel *other = open_at("log:a?reply=log:a.me", LEAT_CALL);
        call_and_give_up(one, "one");
        call_and_give_up(other, "other");
        struct leat_message about_one = take(replier, "one"), about_other = take(replier, "other");
        CHECK_EQ(reply(replier, &about_one, "to one"), 0);
        CHECK_EQ(reply(replier, &about_other, "to other"), 0);
        call_and_give_up(one, "again");
        call_and_give_up(other, "again");
        leat_close(one);
        leat_close(other);
        leat_close(replier);
}

/* ---- requests of strangers ---- */

/* A request that names this place for its answer. What leat_reply() says. */
static int answer_to(const char *requests, const char *replier_address, const char *place) {
        struct leat_channel *replier = open_at(replier_address, LEAT_REPLY);
        struct leat_channel *stranger = open_at(requests, LEAT_SEND);
        const struct envelope envelope = { .kind = ENVELOPE_REQUEST, .caller = 1, .number = 1 };
        send_envelope(stranger, envelope, place, "x");
        struct leat_message about = take(replier, "x");
        CHECK(about.flags & LEAT_WANTS_REPLY);
        int r = reply(replier, &about, "answer");
        leat_close(stranger);
        leat_close(replier);
        return r;
}

static off_t size_of(const char *name) {
        char path[256];
        struct stat status;
        snprintf(path, sizeof path, "%s/leat/%s", harness_tmpdir(), name);
        CHECK_EQ(stat(path, &status), 0);
        return status.st_size;
}

static void link_name(const char *to, const char *name) {
        char path[256];
        snprintf(path, sizeof path, "%s/leat/%s", harness_tmpdir(), name);
        CHECK_EQ(symlink(to, path), 0);
}

/* A link to something of the replier's own. */
TEST(no_link_is_followed) {
        leat_close(open_at("log:mine", LEAT_SEND));
        off_t size = size_of("mine");
        link_name("mine", "a.x");
        CHECK_EQ(answer_to("log:a", "log:a?pattern=queue", "log:a.x"), -ELOOP);
        CHECK_EQ(size_of("mine"), size);
        struct leat_channel *mine = open_at("fifo:mine2", LEAT_RECEIVE);
        link_name("mine2", "b.x");
        CHECK_EQ(answer_to("fifo:b", "fifo:b", "fifo:b.x"), -ELOOP);
        char buffer[8];
        CHECK_EQ(leat_receive(mine, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        leat_close(mine);
}

/* A log's own files begin with its name and a dot too. */
TEST(the_files_of_the_log_are_no_place) {
        static char large[5000];
        struct leat_channel *sender = open_at("log:a?rotate=4096", LEAT_SEND);
        struct leat_channel *receiver = open_at("log:a?pattern=queue", LEAT_RECEIVE);
        for (int i = 0; i < 3; i++)
                CHECK_EQ(leat_send(sender, 1, large, sizeof large, SOON), 0);
        for (int i = 0; i < 3; i++)
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, large, sizeof large, SOON, NULL), sizeof large);
        leat_close(receiver);
        off_t second = size_of("a.2"), position = size_of("a.position");
        leat_close(sender);
        CHECK(answer_to("log:a", "log:a?pattern=queue", "log:a.2") < 0);
        CHECK(answer_to("log:a", "log:a?pattern=queue", "log:a.position") < 0);
        CHECK_EQ(size_of("a.2"), second);
        CHECK_EQ(size_of("a.position"), position);
}

TEST(nothing_is_made_and_nobody_waited_for) {
        CHECK_EQ(answer_to("log:a", "log:a?pattern=queue", "log:a.none"), -EPIPE);
        CHECK_EQ(answer_to("fifo:b", "fifo:b", "fifo:b.none"), -EPIPE);
        char path[256];
        snprintf(path, sizeof path, "%s/leat/b.dead", harness_tmpdir());
        CHECK_EQ(mkfifo(path, 0600), 0);
        struct leat_channel *replier = open_at("fifo:b", LEAT_REPLY), *stranger = open_at("fifo:b", LEAT_SEND);
        const struct envelope envelope = { .kind = ENVELOPE_REQUEST, .caller = 1, .number = 1 };
        send_envelope(stranger, envelope, "fifo:b.dead", "x");
        struct leat_message about = take(replier, "x");
        CHECK_EQ(leat_reply(replier, &about, 1, "y", 1, LEAT_NEVER), -EPIPE);
        leat_close(stranger);
        leat_close(replier);
}

/* Those whose callers wait no more make room first. */
TEST(expired_requests_push_out_no_other) {
        struct leat_channel *replier = open_at("log:a?pattern=queue", LEAT_REPLY);
        struct leat_channel *caller = open_at("log:a?reply=log:a.me", LEAT_CALL);
        struct leat_channel *stranger = open_at("log:a", LEAT_SEND);
        const struct envelope envelope = {
                .kind = ENVELOPE_REQUEST, .caller = 1, .number = 1, .time_ns = 1, .left_ns = 1
        };
        call_and_give_up(caller, "one");
        struct leat_message one = take(replier, "one");
        for (int i = 0; i < 1100; i++) {
                send_envelope(stranger, envelope, "log:a.x", "x");
                CHECK(take(replier, "x").deadline <= leat_now());
        }
        CHECK_EQ(reply(replier, &one, "re: one"), 0);
        CHECK_EQ(reply(replier, &one, "re: one"), -EINVAL);
        leat_close(stranger);
        leat_close(caller);
        leat_close(replier);
}

/* Times of another world: no overflow, and no more time than is asked for. */
#define LEFT_NS INT64_C(1000000000000) /* not past, however late the test looks */

TEST(times_of_strangers_are_bounded) {
        static const struct {
                int64_t time_ns;
                uint64_t left_ns;
                bool never, past;
        } told[] = {
                { INT64_MAX, LEFT_NS, false, false },
                { INT64_MIN, 1, false, true },
                { INT64_MIN, INT64_MAX, false, true },
                { 0, INT64_MAX, false, false },
                { INT64_MAX, INT64_MAX, true, false },
                { 0, UINT64_MAX, true, false },
                { -1, 1, false, true },
                { 5, 0, true, false },
        };
        struct leat_channel *replier = open_at("log:a?pattern=queue", LEAT_REPLY);
        struct leat_channel *stranger = open_at("log:a", LEAT_SEND);
        for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
                const struct envelope envelope = { .kind = ENVELOPE_REQUEST,
                                                   .time_ns = told[i].time_ns,
                                                   .left_ns = told[i].left_ns };
                int64_t before = leat_now();
                send_envelope(stranger, envelope, "log:a.x", "x");
                struct leat_message about = take(replier, "x");
                CHECK_EQ(about.deadline == LEAT_NEVER, told[i].never);
                CHECK_EQ(about.deadline <= leat_now(), told[i].past);
                if (told[i].left_ns == LEFT_NS)
                        CHECK(about.deadline > before && about.deadline <= leat_now() + LEFT_NS);
        }
        leat_close(stranger);
        leat_close(replier);
}

/* An ordinary message is no request, whatever a transport that cannot answer says of it. */
TEST(a_message_wants_no_answer) {
        struct leat_channel *replier = open_at("log:a?pattern=queue", LEAT_REPLY),
                            *sender = open_at("log:a", LEAT_SEND);
        CHECK_EQ(leat_send(sender, 1, "plain", 5, SOON), 0);
        struct leat_message about = take(replier, "plain");
        CHECK_EQ(about.flags & LEAT_WANTS_REPLY, 0);
        CHECK_EQ(about.reply_to, 0);
        CHECK_EQ(reply(replier, &about, "x"), -EINVAL);
        leat_close(sender);
        leat_close(replier);
}

/* ---- places that change ---- */

/* The one that the replier has open still is not the one that the next caller made. */
TEST(a_place_that_was_made_anew) {
        char address[160], place[80];
        const char *name = name_caller("", address, place);
        struct leat_channel *replier = open_at(name, LEAT_REPLY);
        for (int i = 0; i < 2; i++) {
                struct leat_info info = LEAT_INFO_INIT;
                struct leat_channel *caller = open_at(address, LEAT_CALL);
                call_and_give_up(caller, "x");
                struct leat_message about = take(replier, "x");
                CHECK_EQ(reply(replier, &about, "re: x"), 0);
                CHECK_EQ(leat_inspect(place, NULL, &info), 0);
                CHECK_EQ(info.queued_messages, 1);
                leat_close(caller);
                CHECK_EQ(leat_remove(place, NULL), 0);
        }
        leat_close(replier);
}

/* What could not be answered so can still be answered otherwise. */
TEST(an_answer_that_does_not_fit_can_be_given_again) {
        static char large[500];
        char address[160];
        const char *name = queue_name();
        snprintf(address, sizeof address, "%s?reply=%s.me?size=200%%26depth=1", name, name);
        struct leat_channel *replier = open_at(name, LEAT_REPLY), *caller = open_at(address, LEAT_CALL);
        struct leat_reason why;
        call_and_give_up(caller, "one");
        struct leat_message one = take(replier, "one");
        CHECK_EQ(leat_reply(replier, &one, 1, large, sizeof large, SOON), -EMSGSIZE);
        CHECK_EQ(leat_why(replier, &why), 0);
        CHECK_EQ(why.row, LEAT_ROW_LIMITS);
        CHECK_EQ(reply(replier, &one, "re: one"), 0);
        CHECK_EQ(reply(replier, &one, "re: one"), -EINVAL);
        /* It is full now, until the caller looks. */
        call_and_give_up(caller, "two"); /* which drops that */
        struct leat_message two = take(replier, "two");
        CHECK_EQ(reply(replier, &two, "re: two"), 0);
        CHECK_EQ(leat_send(caller, 1, "plain", 5, SOON), 0);
        take(replier, "plain");
        leat_close(caller);
        leat_close(replier);
}

TEST(a_full_place_is_told_and_tried_again) {
        char address[160], place[80];
        const char *name = name_caller("?depth=1", address, place);
        struct leat_channel *replier = open_at(name, LEAT_REPLY), *caller = open_at(address, LEAT_CALL);
        struct leat_channel *stranger = open_at(place, LEAT_SEND);
        call_and_give_up(caller, "one");
        struct leat_message one = take(replier, "one");
        CHECK_EQ(leat_send(stranger, 1, "stray", 5, LEAT_NOW), 0);
        CHECK_EQ(leat_reply(replier, &one, 1, "x", 1, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_reply(replier, &one, 1, "x", 1, leat_in_ms(10)), -ETIMEDOUT);
        CHECK_EQ(leat_interrupt(replier), 0); /* of who waits to answer too */
        CHECK_EQ(leat_reply(replier, &one, 1, "x", 1, LEAT_NEVER), -ECANCELED);
        call_and_give_up(caller, "two"); /* which makes room */
        CHECK_EQ(leat_reply(replier, &one, 1, "x", 1, LEAT_NOW), 0);
        leat_close(stranger);
        leat_close(caller);
        leat_close(replier);
}

/* The numbers of descriptors that were given go to others when they are closed. */
TEST(given_descriptors_are_used_once) {
        int there[2], back[2], stranger[2];
        char address[64], other[64];
        CHECK_EQ(pipe2(there, O_CLOEXEC), 0);
        CHECK_EQ(pipe2(back, O_CLOEXEC), 0);
        snprintf(address, sizeof address, "pipe:fd=%d?reply=pipe:fd=%d", there[0], back[1]);
        snprintf(other, sizeof other, "pipe:fd=%d", there[1]);
        struct leat_channel *replier = open_at(address, LEAT_REPLY), *sender = open_at(other, LEAT_SEND);
        const struct envelope envelope = { .kind = ENVELOPE_REQUEST, .caller = 1, .number = 1 };
        close(back[0]);
        send_envelope(sender, envelope, "pipe:fd=9", "one");
        send_envelope(sender, envelope, "pipe:fd=9", "two");
        struct leat_message one = take(replier, "one"), two = take(replier, "two");
        CHECK_EQ(reply(replier, &one, "x"), -EPIPE);
        CHECK_EQ(pipe2(stranger, O_CLOEXEC | O_NONBLOCK), 0);
        if (stranger[1] != back[1] && stranger[0] != back[1])
                CHECK_EQ(dup3(stranger[1], back[1], O_CLOEXEC), back[1]);
        CHECK_EQ(reply(replier, &two, "x"), -EPIPE);
        char byte;
        CHECK(read(stranger[0], &byte, 1) < 0 && errno == EAGAIN);
        leat_close(sender);
        leat_close(replier);
        if (stranger[1] != back[1] && stranger[0] != back[1])
                close(back[1]);
        close(stranger[0]);
        close(stranger[1]);
}

/* ---- pipes that go both ways, from program to program ---- */

/* A late reply to the first program's call does not answer that of the second, which has the same pipes. */
TEST(the_next_program_by_the_same_pipes) {
        int there[2], back[2];
        char address[64], next[64];
        CHECK_EQ(pipe2(there, O_CLOEXEC), 0);
        CHECK_EQ(pipe2(back, O_CLOEXEC), 0);
        snprintf(address, sizeof address, "pipe:fd=%d,%d", there[0], back[1]);
        struct leat_channel *replier = open_at(address, LEAT_REPLY);
        int reading = dup(back[0]), writing = dup(there[1]);
        snprintf(address, sizeof address, "pipe:fd=%d,%d", back[0], there[1]);
        snprintf(next, sizeof next, "pipe:fd=%d,%d", reading, writing);
        struct leat_channel *first = open_at(address, LEAT_CALL);
        call_and_give_up(first, "one");
        struct leat_message one = take(replier, "one");
        leat_close(first);
        struct leat_channel *second = open_at(next, LEAT_CALL);
        CHECK_EQ(reply(replier, &one, "late"), 0);
        call_and_give_up(second, "two");
        (void)take(replier, "two");
        leat_close(second);
        leat_close(replier);
}

struct blocked {
        struct leat_channel *caller;
        int64_t *deadline;
};

static void call_when_there_is_room(void *argument) {
        const struct blocked *blocked = argument;
        char buffer[8];
        *blocked->deadline = harness_deadline_ms(40000);
        CHECK_EQ(leat_call(blocked->caller, 2, "call", 4, buffer, sizeof buffer, *blocked->deadline, NULL), 4);
        leat_close(blocked->caller);
}

/* What the caller waited for room is not given to the replier. */
TEST(what_is_left_is_counted_when_it_goes_out) {
        struct leat_channel *one, *other;
        static char bytes[4096];
        struct leat_message about = LEAT_MESSAGE_INIT;
        CHECK_EQ(leat_pair("pipe:?pattern=pair", NULL, &one, &other), 0);
        while (leat_send(other, 1, bytes, sizeof bytes, LEAT_NOW) == 0)
                ;
        CHECK_EQ(leat_give(other), 0);
        struct blocked blocked = { other, harness_shared(sizeof(int64_t)) };
        pid_t pid = harness_fork(call_when_there_is_room, &blocked);
        leat_close(other);
        do
                harness_wait_state(pid, "S");
        while (*(volatile int64_t *)blocked.deadline == 0);
        int64_t waited_until = leat_now();
        ssize_t n;
        while ((n = leat_receive(one, LEAT_ANY, bytes, sizeof bytes, SOON, &about)) == sizeof bytes)
                ;
        CHECK_EQ(n, 4);
        CHECK(about.deadline <= *blocked.deadline + (leat_now() - waited_until));
        CHECK_EQ(leat_reply(one, &about, 1, "call", 4, SOON), 0);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(one);
}

/* ---- what is asked of an address ---- */

static void refuses(const char *address, unsigned flags, int error, const char *word) {
        struct leat_reason reason = { 0 };
        CHECK_EQ(try_open(address, flags, SOON, &reason), error);
        if (!reason.text || !strstr(reason.text, word))
                FAIL("%s: '%s' does not say '%s'", address, reason.text ? reason.text : "", word);
}

TEST(refused_with_what_to_do) {
        refuses("mq:/a?reply=mq:/a", LEAT_CALL, -EINVAL, "where the requests go");
        refuses("fifo:a?exclusive&reply=fifo:a?exclusive", LEAT_REPLY, -EINVAL, "where the requests go");
        refuses("mq:/a?reply=mq:/b&framing=raw", LEAT_CALL, -ENOTSUP, "framing of Leat");
        refuses("log:a?reply=fifo:b?framing=lines", LEAT_CALL, -ENOTSUP, "framing of Leat");
        refuses("log:a", LEAT_REPLY, -ENOTSUP, "?pattern=queue");
        refuses("log:a", LEAT_CALL, -ENOTSUP, "?reply=");
        refuses("udp::5000?multicast=239.128.7.7", LEAT_CALL, -ENOTSUP, "?reply=");
        refuses("mq:/a?reply=nonsense:b", LEAT_CALL, -EPROTONOSUPPORT, "scheme");
        leat_remove("log:a", NULL);
}

TEST(the_largest_is_told) {
        char address[160];
        static char bytes[16384];
        const char *name = queue_name();
        snprintf(address, sizeof address, "%s?reply=%s.me", name, name);
        struct leat_info info = LEAT_INFO_INIT;
        struct leat_channel *caller = open_at(address, LEAT_CALL);
        CHECK_EQ(leat_channel_info(caller, &info), 0);
        CHECK(info.largest_bytes > 0 && info.largest_bytes < sizeof bytes);
        CHECK_EQ(leat_call(caller, 1, bytes, info.largest_bytes + 1, NULL, 0, LEAT_NOW, NULL), -EMSGSIZE);
        CHECK_EQ(leat_call(caller, 1, bytes, info.largest_bytes, NULL, 0, LEAT_NOW, NULL), -EAGAIN);
        CHECK_EQ(leat_inspect(name, NULL, &info), 0);
        CHECK_EQ(info.queued_messages, 1);
        leat_close(caller);
}

static void call_as_child(void *argument) {
        struct leat_channel *caller = argument;
        char buffer[16] = "";
        CHECK_EQ(leat_call(caller, 1, "hello", 5, buffer, sizeof buffer, SOON, NULL), 5);
        CHECK_STR(buffer, "jello");
        leat_close(caller);
}

/* With its place for answers. */
TEST(a_caller_is_given_to_a_child) {
        pid_t server = harness_fork(serve_one, "log:a?pattern=queue");
        struct leat_channel *caller = open_at("log:a?reply=log:a.me", LEAT_CALL);
        CHECK_EQ(leat_give(caller), 0);
        pid_t pid = harness_fork(call_as_child, caller);
        leat_close(caller);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(harness_wait(server), 0);
}

/* ---- an interrupt counts once ---- */

struct interrupting {
        struct leat_channel *caller;
        struct harness_event *begun;
        int result;
};

static void *call_for_ever(void *argument) {
        struct interrupting *interrupting = argument;
        char buffer[8];
        interrupting->result = (int)leat_call(interrupting->caller, 1, "x", 1, buffer, sizeof buffer, LEAT_NEVER, NULL);
        return NULL;
}

TEST(an_interrupt_of_another_thread_counts_once) {
        struct leat_channel *requests = open_at("log:a?from=start", LEAT_RECEIVE);
        struct interrupting interrupting = { .caller = open_at("log:a?reply=log:a.me", LEAT_CALL) };
        char buffer[8];
        for (int i = 0; i < 200; i++) {
                pthread_t thread;
                CHECK_EQ(pthread_create(&thread, NULL, call_for_ever, &interrupting), 0);
                if (i % 2)
                        (void)take_envelope(requests); /* it waits for its answer, or is about to */
                CHECK_EQ(leat_interrupt(interrupting.caller), 0);
                CHECK_EQ(pthread_join(thread, NULL), 0);
                CHECK_EQ(interrupting.result, -ECANCELED);
                CHECK_EQ(leat_call(interrupting.caller, 1, "x", 1, buffer, sizeof buffer, leat_in_us(100), NULL),
                         -ETIMEDOUT);
                while (leat_receive(requests, LEAT_ANY, buffer, 0, LEAT_NOW, NULL) == -EMSGSIZE)
                        (void)take_envelope(requests);
        }
        leat_close(interrupting.caller);
        leat_close(requests);
}

TEST_MAIN()
