/* SPDX-License-Identifier: MIT */

/* unix-dgram: and udp: what the conformance suite does not ask of a transport: calls without a connection,
 * strangers, groups. */

#include "datagrams.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

/* ---- calls ---- */

struct server {
        struct leat_channel *channel;
        int count;
};

/* Answers each request with what it asked and "!". */
static void *answer(void *argument) {
        const struct server *server = argument;
        for (int i = 0; i < server->count; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                char buffer[64];
                ssize_t n = leat_receive(server->channel, LEAT_ANY, buffer, sizeof buffer - 1, SOON, &about);
                CHECK(n >= 0 && (about.flags & LEAT_WANTS_REPLY));
                buffer[n++] = '!';
                CHECK_EQ(leat_reply(server->channel, &about, 1, buffer, (size_t)n, SOON), 0);
        }
        return NULL;
}

#define CALLERS 20

BOTH(each_caller_gets_its_own_reply) {
        struct server server = { .count = 3 * CALLERS };
        struct leat_channel *callers[CALLERS];
        char address[256], text[32];
        pthread_t thread;
        server.channel = bind_end(scheme, "", LEAT_REPLY, address);
        CHECK_EQ(pthread_create(&thread, NULL, answer, &server), 0);
        for (int i = 0; i < CALLERS; i++)
                callers[i] = open_end(address, LEAT_CALL);
        for (int round = 0; round < 3; round++)
                for (int i = 0; i < CALLERS; i++) {
                        snprintf(text, sizeof text, "%d of %d", round, i);
                        check_call(callers[i], text);
                }
        CHECK_EQ(pthread_join(thread, NULL), 0);
        for (int i = 0; i < CALLERS; i++)
                leat_close(callers[i]);
        leat_close(server.channel);
}

/* The reply to a call that was given up comes while the next one waits, and is not taken for its. */
BOTH(a_late_reply_is_not_taken_for_anothers) {
        struct leat_message first, second;
        char address[256], reply[16];
        pthread_t thread;
        struct leat_channel *replier = bind_end(scheme, "", LEAT_REPLY, address);
        struct leat_channel *caller = open_end(address, LEAT_CALL);
        CHECK_EQ(leat_call(caller, 1, "first", 5, reply, sizeof reply, leat_in_ms(5), NULL), -ETIMEDOUT);
        take_request(replier, "first", &first);
        CHECK_EQ(pthread_create(&thread, NULL, call_second, caller), 0);
        take_request(replier, "second", &second);
        first.deadline = LEAT_NEVER; /* else the library sends none */
        CHECK_EQ(leat_reply(replier, &first, 1, "late", 4, SOON), 0);
        CHECK_EQ(leat_reply(replier, &second, 1, "second!", 7, SOON), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        leat_close(caller);
        leat_close(replier);
}

BOTH(the_deadline_travels) {
        struct leat_message about;
        char address[256], reply[16];
        struct leat_channel *replier = bind_end(scheme, "", LEAT_REPLY, address);
        struct leat_channel *caller = open_end(address, LEAT_CALL);
        int64_t before = leat_now();
        CHECK_EQ(leat_call(caller, 1, "one", 3, reply, sizeof reply, before + 20000000, NULL), -ETIMEDOUT);
        take_request(replier, "one", &about);
        CHECK(about.deadline > before && about.deadline < before + harness_deadline_ms(40000));
        CHECK_EQ(leat_interrupt(caller), 0);
        CHECK_EQ(leat_call(caller, 1, "two", 3, reply, sizeof reply, LEAT_NEVER, NULL), -ECANCELED);
        take_request(replier, "two", &about);
        CHECK_EQ(about.deadline, LEAT_NEVER);
        leat_close(caller);
        leat_close(replier);
}

/* Nobody is there any more: the call learns it from the system, not from its deadline. */
BOTH(a_call_to_nobody_ends_at_once) {
        char address[256], reply[16];
        leat_close(bind_end(scheme, "", LEAT_REPLY, address));
        if (strcmp(scheme, "udp") == 0) {
                struct leat_channel *caller = open_end(address, LEAT_CALL);
                for (int i = 0; i < 3; i++)
                        CHECK_EQ(leat_call(caller, 1, "x", 1, reply, sizeof reply, LEAT_NEVER, NULL), -EPIPE);
                leat_close(caller);
        }
        struct leat_channel *replier = bind_end(scheme, "", LEAT_REPLY, address);
        struct leat_channel *caller = open_end(address, LEAT_CALL);
        leat_close(replier);
        CHECK_EQ(leat_call(caller, 1, "x", 1, reply, sizeof reply, LEAT_NEVER, NULL), -EPIPE);
        CHECK_EQ(leat_call(caller, 1, "x", 1, reply, sizeof reply, LEAT_NEVER, NULL), -EPIPE);
        struct leat_reason why;
        CHECK_EQ(leat_why(caller, &why), 0);
        leat_close(caller);
}

/* A call that was told so is told: the next one does not hear of it. */
TEST(a_call_that_was_told_is_told_once) {
        struct server server = { .count = 1 };
        char address[256], reply[16];
        pthread_t thread;
        leat_close(bind_end("udp", "", LEAT_REPLY, address));
        struct leat_channel *caller = open_end(address, LEAT_CALL);
        CHECK_EQ(leat_call(caller, 1, "x", 1, reply, sizeof reply, LEAT_NEVER, NULL), -EPIPE);
        server.channel = open_end(address, LEAT_REPLY);
        CHECK_EQ(pthread_create(&thread, NULL, answer, &server), 0);
        check_call(caller, "here now?");
        CHECK_EQ(pthread_join(thread, NULL), 0);
        leat_close(caller);
        leat_close(server.channel);
}

/* The caller is gone before it is answered. */
BOTH(a_caller_that_is_gone_is_not_answered) {
        struct leat_message about;
        char address[256], reply[16];
        struct leat_channel *replier = bind_end(scheme, "", LEAT_REPLY, address);
        struct leat_channel *caller = open_end(address, LEAT_CALL);
        CHECK_EQ(leat_call(caller, 1, "one", 3, reply, sizeof reply, LEAT_NOW, NULL), -EAGAIN);
        leat_close(caller);
        take_request(replier, "one", &about);
        about.deadline = LEAT_NEVER; /* else the library sends none */
        int r = leat_reply(replier, &about, 1, "x", 1, SOON);
        CHECK_EQ(r, strcmp(scheme, "udp") == 0 ? 0 : -EPIPE); /* UDP tells nobody but who talks to one alone */
        caller = open_end(address, LEAT_CALL);
        CHECK_EQ(leat_call(caller, 1, "two", 3, reply, sizeof reply, LEAT_NOW, NULL), -EAGAIN);
        take_request(replier, "two", &about);
        about.deadline = LEAT_NEVER;
        CHECK_EQ(leat_reply(replier, &about, 1, "x", 1, SOON), 0);
        leat_close(caller);
        leat_close(replier);
}

#define MANY 300 /* more than a socket remembers */

static int call_from(int fd, int number) {
        uint8_t frame[256];
        size_t size = make_frame(frame, MESSAGE, 1, 0, "who");
        frame[4] = 2; /* wants a reply */
        frame[32] = (uint8_t)(number + 1);
        return (int)send(fd, frame, size, 0);
}

/* Whoever may send may come under any name: so many are remembered, and the one that was silent longest is not. */
BOTH(only_so_many_are_remembered) {
        static struct leat_message abouts[MANY];
        char address[256], buffer[16];
        int fds[MANY];
        struct leat_channel *replier = bind_end(scheme, "", LEAT_REPLY, address);
        for (int i = 0; i < MANY; i++) {
                abouts[i] = (struct leat_message)LEAT_MESSAGE_INIT;
                fds[i] = make_stranger(address);
                CHECK(call_from(fds[i], i) > 0);
                CHECK_EQ(leat_receive(replier, LEAT_ANY, buffer, sizeof buffer, SOON, &abouts[i]), 3);
        }
        CHECK_EQ(leat_reply(replier, &abouts[0], 1, "x", 1, SOON), -EPIPE);
        struct leat_reason why;
        CHECK_EQ(leat_why(replier, &why), 0);
        CHECK(why.text && strstr(why.text, "256"));
        for (int i = MANY - 256; i < MANY; i++) {
                uint8_t frame[256];
                CHECK_EQ(leat_reply(replier, &abouts[i], 1, "x", 1, SOON), 0);
                CHECK_EQ(recv(fds[i], frame, sizeof frame, 0), HEADER_BYTES + 1);
                CHECK_EQ(frame[3], REPLY);
                CHECK_EQ(frame[40], 1);
        }
        for (int i = 0; i < MANY; i++)
                close(fds[i]);
        leat_close(replier);
}

/* One bound to every address answers from the one that was asked. */
TEST(a_reply_comes_from_the_address_that_was_asked) {
        static const char *const options[] = { "udp:*:0", "udp:0.0.0.0:0", "udp:[::]:0" };
        for (int i = 0; i < 3; i++) {
                struct server server = { .channel = open_end(options[i], LEAT_REPLY), .count = 2 };
                char address[256], asked[64];
                pthread_t thread;
                CHECK(leat_channel_address(server.channel, address, sizeof address) > 0);
                if (i == 2)
                        server.count = 1;
                CHECK_EQ(pthread_create(&thread, NULL, answer, &server), 0);
                snprintf(asked, sizeof asked, "udp:%s:%s", i == 2 ? "[::1]" : "127.0.0.2", strrchr(address, ':') + 1);
                struct leat_channel *caller = open_end(asked, LEAT_CALL);
                check_call(caller, "from where?");
                leat_close(caller);
                if (server.count == 2) {
                        snprintf(asked, sizeof asked, "udp:%s:%s", i == 0 ? "[::1]" : "127.0.0.1",
                                 strrchr(address, ':') + 1);
                        caller = open_end(asked, LEAT_CALL);
                        check_call(caller, "and now?");
                        leat_close(caller);
                }
                CHECK_EQ(pthread_join(thread, NULL), 0);
                leat_close(server.channel);
        }
}

/* ---- ends ---- */

/* Who receives is gone, and that stays so: another one at the same name is another. */
TEST(a_sender_to_a_name_that_is_gone_is_told_each_time) {
        char address[256];
        struct leat_channel *receiver = bind_end("unix-dgram", "", LEAT_RECEIVE, address);
        struct leat_channel *sender = open_end(address, LEAT_SEND);
        leat_close(receiver);
        for (int i = 0; i < 3; i++)
                CHECK_EQ(leat_send(sender, 1, "x", 1, SOON), -EPIPE);
        receiver = bind_end("unix-dgram", "", LEAT_RECEIVE, address);
        CHECK_EQ(leat_send(sender, 1, "x", 1, SOON), -EPIPE);
        leat_close(sender);
        leat_close(receiver);
}

/* A connected end is an ordinary socket for a program that is to have it. */
BOTH(an_end_is_made_a_plain_descriptor) {
        char address[256];
        int fds[2];
        struct leat_channel *receiver = bind_end(scheme, "?framing=raw", LEAT_RECEIVE, address);
        strcat(address, "?framing=raw");
        struct leat_channel *sender = open_end(address, LEAT_SEND);
        CHECK_EQ(leat_detach(sender, fds), 0);
        CHECK(fds[0] == fds[1] && !(fcntl(fds[1], F_GETFL) & O_NONBLOCK));
        CHECK_EQ(write(fds[1], "plain", 5), 5);
        take(receiver, "plain");
        CHECK_EQ(leat_detach(receiver, fds), -ENOTSUP);
        close(fds[1]);
        leat_close(receiver);
}

/* The kernel says who sent each message, and nobody says it for himself. */
TEST(each_message_tells_its_sender) {
        char address[256], buffer[8];
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct leat_channel *receiver = bind_end("unix-dgram", "", LEAT_RECEIVE, address);
        int stranger = make_stranger(address);
        put(stranger, MESSAGE, 1, 0, "x");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), 1);
        CHECK(about.sender.known && about.sender.pid == getpid() && about.sender.uid == getuid());
        close(stranger);
        leat_close(receiver);
}

/* Each says what is wrong and what to do. */
TEST(wrong_addresses) {
        static const struct {
                const char *address;
                unsigned flags;
                int error;
                const char *words;
        } cases[] = {
                { "udp:*:5000", LEAT_SEND, -EINVAL, "name the host" },
                { "udp:127.0.0.1:0", LEAT_SEND, -EINVAL, "port" },
                { "udp:127.0.0.1", LEAT_SEND, -EINVAL, "" },
                { "udp::5000?pattern=broadcast", LEAT_RECEIVE, -EINVAL, "?multicast=" },
                { "udp::5000?multicast=10.0.0.1", LEAT_RECEIVE, -EINVAL, "239" },
                { "udp::5000?multicast=group", LEAT_RECEIVE, -EINVAL, "239" },
                { "udp:127.0.0.1:5000?multicast=239.1.2.3", LEAT_RECEIVE, -EINVAL, "the group is the host" },
                { "udp::0?multicast=239.1.2.3", LEAT_RECEIVE, -EINVAL, "same port" },
                { "udp::5000?multicast=239.1.2.3&interface=no-such-one", LEAT_RECEIVE, -ENODEV, "ip link" },
                { "udp::5000?multicast=239.1.2.3&pattern=queue", LEAT_RECEIVE, -EINVAL, "broadcast" },
                { "udp::5000?multicast=239.1.2.3", LEAT_RECEIVE | LEAT_SEND, -ENOTSUP, "one for each" },
                { "udp::5000?multicast=239.1.2.3", LEAT_CALL, -ENOTSUP, "" },
                { "udp::5000?ttl=3", LEAT_RECEIVE, -EINVAL, "?multicast=" },
                { "udp::5000?size=65508", LEAT_RECEIVE, -EINVAL, "65,507" },
                { "udp::5000?capacity=2G", LEAT_RECEIVE, -EINVAL, "" },
                { "unix-dgram:@leat-test-wrong?capacity=1G", LEAT_RECEIVE, -EINVAL, "limit" },
                { "unix-dgram:@leat-test-wrong?size=1G", LEAT_RECEIVE, -EINVAL, "limit" },
                { "unix-dgram:@leat-test-wrong?backlog=3", LEAT_RECEIVE, -ENOTSUP, "option" },
                { "unix-dgram:@leat-test-wrong?end", LEAT_RECEIVE, -ENOTSUP, "option" },
                { "udp::5000?end", LEAT_RECEIVE, -ENOTSUP, "option" },
        };
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                struct leat_reason reason = { 0 };
                int r = try_open(cases[i].address, cases[i].flags, LEAT_NOW, &reason);
                if (r != cases[i].error || !reason.text || !strstr(reason.text, cases[i].words))
                        FAIL("%s: %d (%s)", cases[i].address, r, reason.text ? reason.text : "no reason");
        }
}

/* A larger send buffer makes larger messages. */
TEST(the_send_buffer_bounds_a_message_of_a_unix_socket) {
        char address[256], with[300];
        size_t size = 180000;
        struct leat_channel *receiver = bind_end("unix-dgram", "?size=180000", LEAT_RECEIVE, address);
        snprintf(with, sizeof with, "%s?size=180000", address);
        struct leat_channel *sender = open_end(with, LEAT_SEND);
        uint8_t *bytes = calloc(1, size);
        CHECK_EQ(leat_send(sender, 1, bytes, size, SOON), 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, bytes, size, SOON, NULL), size);
        leat_close(sender);
        snprintf(with, sizeof with, "%s?capacity=4096", address);
        sender = open_end(with, LEAT_SEND);
        uint64_t largest = info_of(sender).largest_bytes;
        CHECK(largest < 131072);
        CHECK_EQ(leat_send(sender, 1, bytes, (size_t)largest, SOON), 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, bytes, size, SOON, NULL), largest);
        CHECK_EQ(leat_send(sender, 1, bytes, (size_t)largest + 1, SOON), -EMSGSIZE);
        free(bytes);
        leat_close(sender);
        leat_close(receiver);
}

/* ---- groups ---- */

#define HEARERS 3

TEST(a_group_hears_all_and_no_other_group) {
        struct leat_channel *hearers[HEARERS];
        char address[128], other[128];
        unsigned low = (unsigned)getpid() & 255, high = (unsigned)getpid() >> 8 & 255;
        snprintf(address, sizeof address, "udp::5501?multicast=239.200.%u.%u", high, low);
        snprintf(other, sizeof other, "udp::5501?multicast=239.201.%u.%u", high, low);
        for (int i = 0; i < HEARERS; i++)
                hearers[i] = open_end(address, LEAT_RECEIVE);
        struct leat_channel *elsewhere = open_end(other, LEAT_RECEIVE);
        struct leat_channel *speakers[2] = { open_end(address, LEAT_SEND), open_end(address, LEAT_SEND) };
        for (int i = 0; i < 2; i++)
                CHECK_EQ(leat_send(speakers[i], 3, "to all", 6, SOON), 0);
        for (int i = 0; i < HEARERS; i++) {
                take(hearers[i], "to all");
                take(hearers[i], "to all");
                nothing_comes(hearers[i]);
                leat_close(hearers[i]);
        }
        nothing_comes(elsewhere);
        leat_close(elsewhere);
        for (int i = 0; i < 2; i++)
                leat_close(speakers[i]);
}

TEST_MAIN()
