/* SPDX-License-Identifier: MIT */
/*
 * A whole life of a channel, over and over: each time one allocation more succeeds, or one call to the system, before
 * one fails. Whatever that one is: no crash, nothing leaked, an error that says so or success.
 */
#include "hostile.h"
#include "torture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LARGE = 150000, CALLS_MOST = 2000 };

static uint8_t large[LARGE], buffer[LARGE];

static const struct life {
        const char *name;
        const char *pair;           /* both ends at once; or */
        const char *receive, *send; /* two addresses, in the test's directory */
        unsigned receiver, sender;  /* the flags of those */
        bool bare;                  /* no types, no descriptors */
        bool descriptors;
} lives[] = {
        { .name = "pipe", .pair = "pipe:?need=sync" },
        { .name = "pipe_pair", .pair = "pipe:?pattern=pair" },
        { .name = "pipe_lines", .pair = "pipe:?framing=lines", .bare = true },
        { .name = "pipe_given", .receive = "given", .send = "given", .receiver = LEAT_RECEIVE, .sender = LEAT_SEND },
        { .name = "unix_pair", .pair = "unix:?pattern=pair", .descriptors = true },
        { .name = "stream_pair", .pair = "unix-stream:?pattern=pair", .descriptors = true },
        { .name = "stream_length", .pair = "unix-stream:?framing=length", .bare = true },
        { .name = "unix",
          .receive = "unix:%s/s",
          .send = "unix:%s/s",
          .receiver = LEAT_RECEIVE,
          .sender = LEAT_SEND,
          .descriptors = true },
        { .name = "stream",
          .receive = "unix-stream:%s/s",
          .send = "unix-stream:%s/s",
          .receiver = LEAT_RECEIVE,
          .sender = LEAT_SEND,
          .descriptors = true },
        { .name = "bare", .receive = "unix:bare", .send = "unix:bare", .receiver = LEAT_RECEIVE, .sender = LEAT_SEND },
        { .name = "abstract",
          .receive = "unix:@%s",
          .send = "unix:@%s",
          .receiver = LEAT_RECEIVE,
          .sender = LEAT_SEND },
        { .name = "unix_dgram",
          .receive = "unix-dgram:%s/s",
          .send = "unix-dgram:%s/s",
          .receiver = LEAT_RECEIVE,
          .sender = LEAT_SEND,
          .bare = true,
          .descriptors = true },
        { .name = "call_unix_dgram",
          .receive = "unix-dgram:%s/s",
          .send = "unix-dgram:%s/s",
          .receiver = LEAT_REPLY,
          .sender = LEAT_CALL },
        { .name = "udp",
          .receive = "udp:%s",
          .send = "udp:%s",
          .receiver = LEAT_RECEIVE,
          .sender = LEAT_SEND,
          .bare = true },
        { .name = "udp_group",
          .receive = "udp::5000?multicast=239.1.2.3&framing=raw",
          .send = "udp::5000?multicast=239.1.2.3&framing=raw",
          .receiver = LEAT_RECEIVE,
          .sender = LEAT_SEND,
          .bare = true },
        { .name = "call_udp", .receive = "udp:%s", .send = "udp:%s", .receiver = LEAT_REPLY, .sender = LEAT_CALL },
        { .name = "call_unix",
          .receive = "unix:%s/s",
          .send = "unix:%s/s",
          .receiver = LEAT_REPLY,
          .sender = LEAT_CALL },
        { .name = "call_stream",
          .receive = "unix-stream:%s/s",
          .send = "unix-stream:%s/s",
          .receiver = LEAT_REPLY,
          .sender = LEAT_CALL },
        { .name = "inbox",
          .receive = "inbox:",
          .send = "inbox:",
          .receiver = LEAT_RECEIVE,
          .sender = LEAT_SEND,
          .descriptors = true },
        { .name = "call_inbox", .receive = "inbox:", .send = "inbox:", .receiver = LEAT_REPLY, .sender = LEAT_CALL },
        { .name = "tcp",
          .receive = "tcp:%s",
          .send = "tcp:%s?keepalive=30&capacity=64k",
          .receiver = LEAT_RECEIVE,
          .sender = LEAT_SEND },
        { .name = "tcp_loopback",
          .receive = "tcp::0",
          .send = "tcp::1?open",
          .receiver = LEAT_RECEIVE,
          .sender = LEAT_SEND },
        { .name = "tcp_lines",
          .receive = "tcp:%s?framing=lines",
          .send = "tcp:%s?framing=lines",
          .receiver = LEAT_RECEIVE,
          .sender = LEAT_SEND,
          .bare = true },
        { .name = "call_tcp", .receive = "tcp:%s", .send = "tcp:%s", .receiver = LEAT_REPLY, .sender = LEAT_CALL },
        { .name = "tcp_swapped",
          .receive = "tcp:%s?connect",
          .send = "tcp:%s?listen",
          .receiver = LEAT_RECEIVE,
          .sender = LEAT_SEND },
        { .name = "swapped",
          .receive = "unix:%s/s?connect",
          .send = "unix:%s/s?listen",
          .receiver = LEAT_RECEIVE,
          .sender = LEAT_SEND },
};

/* Anything may be refused for want of memory or of descriptors, and what was cut off for it is the end. */
static bool is_allowed(ssize_t r) {
        static const int errors[] = { ENOMEM,  EMFILE,   ENFILE,  EAGAIN,  ETIMEDOUT, EPIPE,
                                      ENODATA, EMSGSIZE, ENOBUFS, EBADMSG, EINTR,     ECONNREFUSED };
        for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
                if (r == -errors[i])
                        return true;
        return r >= 0;
}

static void allow(const char *what, ssize_t r) {
        if (!is_allowed(r))
                FAIL("%s: %zd (%s) where %s failed", what, r, leat_strerror((int)r),
                     torture_failed() ? torture_failed() : "nothing");
}

/* An address of this machine that only this test has. */
static const char *own_port(void) {
        static char text[40];
        unsigned pid = (unsigned)getpid();
        snprintf(text, sizeof text, "127.%u.%u.%u:5000", 128 | (pid >> 16 & 127), pid >> 8 & 255, pid & 255);
        return text;
}

static struct leat_channel *open_end(const char *address, unsigned flags, int fd) {
        char text[200];
        struct leat_channel *channel = NULL;
        struct leat_reason why;
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        options.flags = flags;
        options.deadline = leat_in_ms(200);
        if (fd >= 0)
                snprintf(text, sizeof text, "pipe:fd=%d", fd);
        else if (strcmp(address, "inbox:") == 0 && (flags & (LEAT_SEND | LEAT_CALL)))
                snprintf(text, sizeof text, "inbox:%d", (int)getpid());
        else
                snprintf(text, sizeof text, address,
                         strchr("tu", address[0]) && strncmp(address + 1, "nix", 3) != 0 ? own_port()
                                                                                         : harness_tmpdir());
        int r = leat_open_with(text, &options, &why, &channel);
        allow("open", r);
        if (r < 0) {
                CHECK(!channel);
                CHECK(why.text != NULL);
                if (fd >= 0 && fcntl(fd, F_GETFD) >= 0)
                        close(fd);
        }
        return channel;
}

static void open_both(const struct life *life, struct leat_channel **ret_receiver, struct leat_channel **ret_sender) {
        int fds[2] = { -1, -1 };
        *ret_receiver = *ret_sender = NULL;
        if (life->pair) {
                int r = leat_pair(life->pair, NULL, ret_receiver, ret_sender);
                allow("pair", r);
                CHECK((r == 0) == (*ret_receiver != NULL));
                return;
        }
        if (strcmp(life->receive, "given") == 0 && pipe(fds) < 0) {
                CHECK(is_allowed(-errno));
                return;
        }
        if (life->sender == LEAT_SEND && strstr(life->send, "listen")) {
                *ret_sender = open_end(life->send, life->sender, fds[1]);
                if (*ret_sender)
                        *ret_receiver = open_end(life->receive, life->receiver, fds[0]);
                return;
        }
        *ret_receiver = open_end(life->receive, life->receiver, fds[0]);
        if (!*ret_receiver && fds[1] >= 0)
                close(fds[1]);
        if (*ret_receiver)
                *ret_sender = open_end(life->send, life->sender, fds[1]);
}

static void send_with(const struct life *life, struct leat_channel *sender, size_t size, unsigned flags) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        const int fds[2] = { 0, 0 };
        options.type = life->bare ? 1 : 2;
        options.flags = life->bare || strcmp(life->name, "pipe_given") == 0 ? 0 : flags; /* no way back */
        options.deadline = LEAT_NOW;
        options.descriptors = life->descriptors ? fds : NULL;
        options.descriptors_count = life->descriptors ? 2 : 0;
        allow("send_with", leat_send_with(sender, large, size, &options));
}

/* `places`: for so many descriptors. */
static void receive_with(struct leat_channel *receiver, int64_t select, size_t size, size_t places,
                         struct leat_channel *reply_on) {
        int fds[4];
        struct leat_message about = LEAT_MESSAGE_INIT;
        about.descriptors = fds;
        about.descriptors_max = places;
        ssize_t n = leat_receive(receiver, select, buffer, size, LEAT_NOW, &about);
        allow("receive", n);
        if (n < 0)
                return;
        CHECK_EQ(about.size_bytes, n);
        CHECK_MEM(buffer, large, (size_t)n);
        for (size_t i = 0; i < about.descriptors_count; i++)
                CHECK_EQ(close(fds[i]), 0);
        if (reply_on && (about.flags & LEAT_WANTS_REPLY))
                allow("reply", leat_reply(reply_on, &about, 3, large, 5000, leat_in_ms(50)));
}

static void receive(struct leat_channel *receiver, int64_t select, size_t size, struct leat_channel *reply_on) {
        receive_with(receiver, select, size, 4, reply_on);
}

static void talk(const struct life *life, struct leat_channel *receiver, struct leat_channel *sender) {
        if (life->sender == LEAT_CALL) {
                for (int i = 0; i < 3; i++) {
                        allow("call", leat_call(sender, 1, large, i == 1 ? 70000 : 100, buffer, sizeof buffer,
                                                leat_in_ms(1), NULL));
                        receive(receiver, LEAT_ANY, LARGE, receiver);
                        receive(receiver, LEAT_ANY, LARGE, receiver);
                }
                return;
        }
        allow("send", leat_send(sender, 1, large, 100, leat_in_ms(20)));
        receive(receiver, LEAT_ANY, 10, NULL); /* too small: kept */
        send_with(life, sender, 1000, 0);
        receive(receiver, life->bare ? LEAT_ANY : LEAT_TYPE(2), LARGE, NULL); /* sets the first aside */
        receive(receiver, LEAT_ANY, LARGE, NULL);
        send_with(life, sender, 1000, 0);
        receive_with(receiver, LEAT_ANY, LARGE, 1, NULL); /* too few places: kept */
        receive(receiver, LEAT_ANY, LARGE, NULL);
        send_with(life, sender, 70000, LEAT_SYNC);
        receive(receiver, LEAT_ANY, LARGE, NULL);
        receive(receiver, LEAT_ANY, LARGE, NULL);
        send_with(life, sender, LARGE, 0); /* part of it may be kept back */
        receive(receiver, LEAT_ANY, LARGE, NULL);
        send_with(life, sender, 100, 0);
        receive(receiver, LEAT_ANY, LARGE, NULL);
        receive(receiver, LEAT_ANY, LARGE, NULL);
}

static void live(const struct life *life) {
        struct leat_channel *receiver, *sender;
        struct leat_info info = LEAT_INFO_INIT;
        open_both(life, &receiver, &sender);
        if (receiver && sender) {
                talk(life, receiver, sender);
                allow("info", leat_channel_info(receiver, &info));
                if (life->sender != LEAT_CALL)
                        allow("fd", leat_fd(receiver));
                sender = leat_close(sender);
                receive(receiver, LEAT_ANY, LARGE, NULL);
                receive(receiver, LEAT_ANY, LARGE, NULL);
        }
        leat_close(sender);
        leat_close(receiver);
}

/* A name may stay where the call that removes it is the one that fails, as after a kill. */
static void clean_directory(bool nothing_stays) {
        char path[300];
        snprintf(path, sizeof path, "%s/s", harness_tmpdir());
        CHECK(unlink(path) < 0 || !nothing_stays);
        snprintf(path, sizeof path, "%s/leat/bare", harness_tmpdir());
        CHECK(unlink(path) < 0 || !nothing_stays);
        snprintf(path, sizeof path, "%s/leat/inbox-%d", harness_tmpdir(), (int)getpid());
        CHECK(unlink(path) < 0 || !nothing_stays);
}

static void torture(const struct life *life, enum torture which, int error) {
        live(life); /* what is made once per process is made */
        int descriptors = harness_count_descriptors();
        unsigned n = 1;
        for (bool failed = true; failed; n++) {
                const char *name;
                long before = torture_outstanding();
                CHECK(n < CALLS_MOST);
                torture_start(which, n, error);
                live(life);
                failed = torture_stop(&name);
                if (torture_outstanding() != before || harness_count_descriptors() != descriptors)
                        FAIL("call %u, %s: %ld pieces of memory and %d descriptors are left", n, name ? name : "none",
                             torture_outstanding() - before, harness_count_descriptors() - descriptors);
                clean_directory(which == TORTURE_MEMORY || !failed);
        }
        printf("%u calls\n", n - 1);
        CHECK(n > 4); /* or nothing was tortured */
}

static void memory(void *argument) {
        torture(argument, TORTURE_MEMORY, ENOMEM);
}

static void system_memory(void *argument) {
        torture(argument, TORTURE_SYSTEM, ENOMEM);
}

static void system_descriptors(void *argument) {
        torture(argument, TORTURE_SYSTEM, EMFILE);
}

static void system_interrupted(void *argument) {
        torture(argument, TORTURE_SYSTEM, EINTR);
}

static void add_tests(void) {
        static const struct {
                const char *name;
                void (*function)(void *life);
        } tests[] = {
                { "memory", memory },
                { "enomem", system_memory },
                { "emfile", system_descriptors },
                { "eintr", system_interrupted },
        };
        char name[80];
        for (size_t i = 0; i < LARGE; i++)
                large[i] = (uint8_t)(i % 251 == 10 ? 11 : i % 251); /* no newline */
        for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
                for (size_t k = 0; k < sizeof lives / sizeof lives[0]; k++) {
                        snprintf(name, sizeof name, "%s_%s", tests[i].name, lives[k].name);
                        harness_add(name, tests[i].function, (void *)&lives[k]);
                }
}

TEST_MAIN_WITH(add_tests)
