/* SPDX-License-Identifier: MIT */

/* One receiver on TCP and very many connections: all at once, and with hundreds among them that mean harm. */

#include "ends.h"
#include "hostile.h"
#include "torture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOON harness_deadline_ms(60000)
#define FLOOD 1 /* type */
#define NUMBERED 100

static bool is_small(void) {
        const char *size = getenv("LEAT_TEST_SIZE");
        return getenv("LEAT_SANITIZE") || (size && !strcmp(size, "small"));
}

static struct leat_channel *open_end(const char *address, unsigned flags) {
        return open_or_fail(address, flags, SOON);
}

/* On a busy machine a crowd takes its time. */
static void await(struct harness_event *event) {
        CHECK(harness_event_try(event, SOON));
}

/* A receiver at an address that is this test's alone, so that the ports to connect from do not run out. */
static struct leat_channel *open_receiver(const char *options, struct sockaddr_in *ret_at, char *ret_text,
                                          size_t size) {
        char number[INET_ADDRSTRLEN], address[96];
        *ret_at = (struct sockaddr_in){ .sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(0x7f800000 | ((uint32_t)getpid() & 0x7fffff)) };
        inet_ntop(AF_INET, &ret_at->sin_addr, number, sizeof number);
        snprintf(address, sizeof address, "tcp:%s:0%s", number, options);
        struct leat_channel *receiver = open_end(address, LEAT_RECEIVE);
        CHECK(leat_channel_address(receiver, ret_text, size) > 0);
        ret_at->sin_port = htons((uint16_t)strtoul(strrchr(ret_text, ':') + 1, NULL, 10));
        return receiver;
}

/* ---- one at the door ---- */

/* Receive while the first accept4() fails so, of a connection over which a message came. */
static ssize_t receive_when_accepting_fails(int error, struct leat_channel **ret_receiver,
                                            struct leat_channel **ret_sender) {
        for (unsigned n = 1;; n++) {
                const char *failed;
                char address[LEAT_ADDRESS_BYTES], buffer[16];
                struct leat_channel *receiver = open_end("tcp:127.0.0.1:0", LEAT_RECEIVE);
                CHECK(leat_channel_address(receiver, address, sizeof address) > 0);
                struct leat_channel *sender = open_end(address, LEAT_SEND);
                CHECK_EQ(leat_send(sender, 1, "hello", 5, SOON), 0);
                torture_start(TORTURE_SYSTEM, n, error);
                ssize_t r = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL);
                CHECK(torture_stop(&failed));
                if (strcmp(failed, "accept4") == 0) {
                        *ret_receiver = receiver;
                        *ret_sender = sender;
                        return r;
                }
                leat_close(sender);
                leat_close(receiver);
        }
}

/* accept(2) passes on what the network did to a connection that waited: the receiver goes on with the next. */
TEST(what_befalls_one_at_the_door_is_nobody_elses) {
        static const int errors[] = { ECONNABORTED, EPROTO, ENETDOWN, EHOSTUNREACH, ETIMEDOUT, ENONET };
        for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
                struct leat_channel *receiver, *sender;
                CHECK_EQ(receive_when_accepting_fails(errors[i], &receiver, &sender), 5);
                leat_close(sender);
                leat_close(receiver);
        }
}

/* Told once, by its name; and the connection is accepted as soon as it can be. */
TEST(what_there_is_too_little_of_is_told) {
        static const struct {
                int error;
                const char *says;
        } limits[] = { { EMFILE, "RLIMIT_NOFILE" }, { ENFILE, "fs.file-max" }, { ENOMEM, NULL } };
        for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
                struct leat_channel *receiver, *sender;
                struct leat_reason why;
                char buffer[16];
                CHECK_EQ(receive_when_accepting_fails(limits[i].error, &receiver, &sender), -limits[i].error);
                if (limits[i].says) {
                        CHECK_EQ(leat_why(receiver, &why), 0);
                        CHECK_EQ(why.error, -limits[i].error);
                        CHECK_STR(why.limit, limits[i].says);
                }
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 5);
                leat_close(sender);
                leat_close(receiver);
        }
}

/* ---- at once ---- */

#define CONNECTIONS_MOST 10000
#define PROCESSES 10

struct multitude {
        char address[LEAT_ADDRESS_BYTES];
        int each; /* connections of a process */
        struct harness_event *connected, *speak, *spoken, *end;
};

/* Some of them connect, say their first word, and when all are there their second. */
static void be_many(void *argument) {
        struct multitude *many = argument;
        static struct leat_channel *channels[CONNECTIONS_MOST / PROCESSES];
        for (int i = 0; i < many->each; i++) {
                channels[i] = open_end(many->address, LEAT_SEND);
                CHECK_EQ(leat_send(channels[i], NUMBERED, "first", 5, SOON), 0);
        }
        harness_event_signal(many->connected);
        await(many->speak);
        for (int i = 0; i < many->each; i++)
                CHECK_EQ(leat_send(channels[i], NUMBERED, "second", 6, SOON), 0);
        harness_event_signal(many->spoken);
        await(many->end);
        for (int i = 0; i < many->each; i++)
                leat_close(channels[i]);
}

/* One that never stops, and whose messages are there all the time. */
static void flood(void *argument) {
        struct multitude *many = argument;
        struct leat_channel *channel = open_end(many->address, LEAT_SEND);
        while (leat_send(channel, FLOOD, "more", 4, SOON) == 0)
                ;
        leat_close(channel);
}

/* Receive so many numbered messages; how many of the flood came meanwhile. */
static int take_numbered(struct leat_channel *receiver, const char *text, int count) {
        char buffer[16];
        int others = 0;
        while (count > 0) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                ssize_t n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about);
                CHECK(n >= 0);
                if (about.type == FLOOD) {
                        others++;
                        continue;
                }
                CHECK_EQ(n, strlen(text));
                CHECK_MEM(buffer, text, (size_t)n);
                count--;
        }
        return others;
}

TEST(ten_thousand_at_once, .timeout_s = 120) {
        struct multitude many = { .each = (is_small() ? 1000 : CONNECTIONS_MOST) / PROCESSES,
                                  .connected = harness_event_new(),
                                  .speak = harness_event_new(),
                                  .spoken = harness_event_new(),
                                  .end = harness_event_new() };
        struct sockaddr_in at;
        char buffer[16];
        pid_t pids[PROCESSES];
        int total = many.each * PROCESSES;
        harness_allow_descriptors((rlim_t)total + 200);
        struct leat_channel *receiver = open_receiver("", &at, many.address, sizeof many.address);
        size_t before = resident_bytes(getpid());
        for (int i = 0; i < PROCESSES; i++)
                pids[i] = harness_fork(be_many, &many);
        take_numbered(receiver, "first", total);
        CHECK_EQ(info_of(receiver).parties, total);
        size_t each = (resident_bytes(getpid()) - before) / (size_t)total;
        printf("%zu bytes for each of %d connections\n", each, total);
        CHECK(each < (size_t)2048 * (getenv("LEAT_SANITIZE") ? 20 : 1)); /* no buffer for one that holds nothing */

        /* Fair: all have something to say, and one has without end. */
        pid_t flooder = harness_fork(flood, &many);
        for (int i = 0; i < PROCESSES; i++)
                await(many.connected);
        while (info_of(receiver).parties < (uint64_t)total + 1)
                CHECK(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL) >= 0);
        for (int i = 0; i < PROCESSES; i++)
                harness_event_signal(many.speak);
        for (int i = 0; i < PROCESSES; i++)
                await(many.spoken);
        int others = take_numbered(receiver, "second", total);
        printf("%d of the flood among %d\n", others, total);
        CHECK(others < total / 2);

        CHECK_EQ(kill(flooder, SIGKILL), 0);
        CHECK_EQ(harness_wait(flooder), -SIGKILL);
        for (int i = 0; i < PROCESSES; i++)
                harness_event_signal(many.end);
        for (int i = 0; i < PROCESSES; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        ssize_t n;
        while ((n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL)) >= 0)
                ;
        CHECK_EQ(n, -ENODATA);
        CHECK_EQ(info_of(receiver).parties, 0);
        leat_close(receiver);
}

/* ---- with hundreds that mean harm ---- */

#define GROUPS 10 /* a tenth each: garbage, silent, slow to read; the others are fine */
#define FINE_GROUPS 7
#define WORDS 20

struct crowd {
        char address[LEAT_ADDRESS_BYTES];
        struct sockaddr_in at;
        int each;  /* connections of a group */
        int group; /* of the process that is made next */
        struct harness_event *there, *end;
};

static int connect_plain(const struct crowd *crowd, int receive_bytes) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        if (receive_bytes)
                CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes), 0);
        CHECK_EQ(connect(fd, (const struct sockaddr *)&crowd->at, sizeof crowd->at), 0);
        return fd;
}

static void send_garbage(void *argument) {
        const struct crowd *crowd = argument;
        uint8_t bytes[4096];
        for (int i = 0; i < crowd->each; i++) {
                int fd = connect_plain(crowd, 0);
                size_t size = WIRE_HEADER_BYTES + harness_random_below(sizeof bytes - WIRE_HEADER_BYTES);
                for (size_t k = 0; k < size; k++)
                        bytes[k] = (uint8_t)harness_random();
                bytes[0] = '!'; /* no frame begins so */
                CHECK_EQ(send(fd, bytes, size, MSG_NOSIGNAL), size);
        }
        harness_event_signal(crowd->there);
        await(crowd->end);
}

/* Half of them not a byte, half the beginning of a frame that is never finished. */
static void be_silent(void *argument) {
        const struct crowd *crowd = argument;
        const struct wire_header header = { .kind = WIRE_MESSAGE, .type = 5, .size = 1000, .sequence = 1 };
        uint8_t frame[FRAME_MOST], bytes[1000] = { 0 };
        make_frame(STREAM, &header, bytes, frame);
        for (int i = 0; i < crowd->each; i++) {
                int fd = connect_plain(crowd, 0);
                if (i % 2)
                        CHECK_EQ(send(fd, frame, 500, MSG_NOSIGNAL), 500);
        }
        harness_event_signal(crowd->there);
        await(crowd->end);
}

/* They ask to be told of each message that it was taken, and read none of that, until they are cut off. */
static void be_slow_to_read(void *argument) {
        const struct crowd *crowd = argument;
        struct wire_header header = { .kind = WIRE_MESSAGE, .type = FLOOD, .flags = WIRE_WANTS_TAKEN };
        uint8_t frame[FRAME_MOST];
        int *fds = calloc((size_t)crowd->each, sizeof *fds);
        for (int i = 0; i < crowd->each; i++)
                fds[i] = connect_plain(crowd, 1);
        harness_event_signal(crowd->there);
        int left = crowd->each;
        for (header.sequence = 1; left > 0; header.sequence += 2) /* gaps: no two answers become one run */
                for (int i = 0; i < crowd->each; i++) {
                        size_t size = make_frame(STREAM, &header, NULL, frame);
                        ssize_t n = fds[i] < 0 ? (ssize_t)size : send(fds[i], frame, size, MSG_NOSIGNAL);
                        if (n == (ssize_t)size)
                                continue;
                        CHECK(n >= 0 || errno == EPIPE ||
                              errno == ECONNRESET); /* it is cut off now, or was within this frame */
                        CHECK_EQ(close(fds[i]), 0);
                        fds[i] = -1;
                        left--;
                }
        await(crowd->end);
        free(fds);
}

/* Each says its words, in order; every other one is sure that it was taken. */
static void be_fine(void *argument) {
        const struct crowd *crowd = argument;
        struct leat_channel **channels = calloc((size_t)crowd->each, sizeof *channels);
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        for (int i = 0; i < crowd->each; i++)
                channels[i] = open_end(crowd->address, LEAT_SEND);
        for (uint32_t word = 0; word < WORDS; word++)
                for (int i = 0; i < crowd->each; i++) {
                        options.flags = word % 2 ? LEAT_SYNC : 0;
                        options.type = NUMBERED + crowd->group * crowd->each + i;
                        options.deadline = SOON;
                        int r = leat_send_with(channels[i], &word, sizeof word, &options);
                        if (r < 0)
                                FAIL("a fine sender noticed: %s", leat_strerror(r));
                }
        for (int i = 0; i < crowd->each; i++)
                leat_close(channels[i]);
        free(channels);
        harness_event_signal(crowd->there);
}

static void take_word(uint32_t *next, int64_t type, int fine, const char *buffer, ssize_t n) {
        uint32_t word;
        CHECK(type >= NUMBERED && type < NUMBERED + fine);
        CHECK_EQ(n, sizeof word);
        memcpy(&word, buffer, sizeof word);
        CHECK_EQ(word, next[type - NUMBERED]);
        next[type - NUMBERED]++;
}

/* At once, in the call that took its last message: the next one may be a long time coming. */
TEST(one_that_reads_nothing_is_counted_when_it_is_cut_off) {
        struct crowd crowd;
        struct wire_header header = { .kind = WIRE_MESSAGE, .type = FLOOD, .flags = WIRE_WANTS_TAKEN };
        uint8_t frame[FRAME_MOST];
        struct leat_channel *receiver = open_receiver("?capacity=4k", &crowd.at, crowd.address, sizeof crowd.address);
        int fd = connect_plain(&crowd, 1);
        for (header.sequence = 1; header.sequence == 1 || info_of(receiver).parties > 0; header.sequence += 2) {
                char buffer[16];
                CHECK_EQ(info_of(receiver).refused, 0);
                size_t size = make_frame(STREAM, &header, NULL, frame);
                CHECK_EQ(send(fd, frame, size, MSG_NOSIGNAL), size);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 0);
        }
        CHECK_EQ(info_of(receiver).refused, 1);
        CHECK_EQ(close(fd), 0);
        leat_close(receiver);
}

TEST(seven_hundred_do_not_notice_three_hundred, .timeout_s = 120) {
        static void (*const harmful[])(void *) = { send_garbage, be_silent, be_slow_to_read };
        struct crowd crowd = { .each = is_small() ? 10 : 100,
                               .there = harness_event_new(),
                               .end = harness_event_new() };
        int fine = FINE_GROUPS * crowd.each, left = fine * WORDS;
        uint32_t *next = calloc((size_t)fine, sizeof *next);
        pid_t pids[GROUPS];
        char buffer[4096];
        harness_allow_descriptors((rlim_t)(GROUPS * crowd.each + 300));
        /* what nobody reads is not to be gigabytes */
        struct leat_channel *receiver = open_receiver("?capacity=4k", &crowd.at, crowd.address, sizeof crowd.address);
        for (crowd.group = 0; crowd.group < GROUPS; crowd.group++)
                pids[crowd.group] =
                        harness_fork(crowd.group < FINE_GROUPS ? be_fine : harmful[crowd.group - FINE_GROUPS], &crowd);
        uint64_t harm = 2 * (uint64_t)crowd.each; /* garbage, and who reads nothing */
        while (left > 0 || info_of(receiver).refused < harm) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                ssize_t n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about);
                if (n < 0)
                        CHECK(n == -EBADMSG || n == -EPROTONOSUPPORT || n == -ENODATA);
                if (n < 0 || about.type == FLOOD)
                        continue;
                take_word(next, about.type, fine, buffer, n);
                left--;
        }
        for (int i = 0; i < GROUPS; i++)
                await(crowd.there);
        for (int i = FINE_GROUPS; i < GROUPS; i++)
                harness_event_signal(crowd.end);
        for (int i = 0; i < GROUPS; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        CHECK_EQ(info_of(receiver).refused, harm);
        leat_close(receiver);
        free(next);
}

TEST_MAIN()
