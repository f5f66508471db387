/* SPDX-License-Identifier: MIT */

/*
 * The frames of version 1, recorded (make_v1.py made them from docs/wire.md, not this library): what this
 * library reads of them, what it refuses, and that what it sends are the same bytes but for the time.
 */

#include "harness.h"
#include "recorded.h"

#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HEADER_BYTES 48
#define FRAME_BYTES 65536
#define WHEN_NS (INT64_C(1735689600) * 1000000000)
#define LONG_BYTES 65539

/* ---- the recorded bytes ---- */

/* Set the time of every frame to 0 and check that it was told, where the kind tells one. */
static void forget_times(struct bytes bytes) {
        size_t at = 0;
        while (at + HEADER_BYTES <= bytes.size) {
                uint8_t *header = bytes.at + at;
                uint32_t size = header[8] | header[9] << 8 | header[10] << 16 | (uint32_t)header[11] << 24;
                static const uint8_t none[8];
                bool carries = header[3] <= 3;
                CHECK_EQ(carries, memcmp(header + 32, none, 8) != 0);
                memset(header + 32, 0, 8);
                at += HEADER_BYTES + (size < FRAME_BYTES ? size : FRAME_BYTES) + carries;
        }
        CHECK_EQ(at, bytes.size);
}

static void check_same(const char *name, struct bytes sent) {
        struct bytes want = recorded(name);
        CHECK_EQ(sent.size, want.size);
        forget_times(sent);
        forget_times(want);
        CHECK_MEM(sent.at, want.at, want.size);
        free(want.at);
}

/* ---- the ends of a program without Leat ---- */

static void write_all(int fd, struct bytes bytes) {
        for (size_t at = 0; at < bytes.size;) {
                ssize_t n = write(fd, bytes.at + at, bytes.size - at);
                CHECK(n > 0);
                at += (size_t)n;
        }
}

/* Exactly so many bytes, or fewer if the stream ends. The caller frees them. */
static struct bytes read_bytes(int fd, size_t size) {
        struct bytes bytes = { malloc(size), 0 };
        CHECK(bytes.at);
        while (bytes.size < size) {
                ssize_t n = read(fd, bytes.at + bytes.size, size - bytes.size);
                CHECK(n >= 0);
                if (n == 0)
                        break;
                bytes.size += (size_t)n;
        }
        return bytes;
}

static struct sockaddr_un place(char ret_address[256], const char *options) {
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        snprintf(name.sun_path, sizeof(name.sun_path), "%s/s", harness_tmpdir());
        snprintf(ret_address, 256, "unix-stream:%s%s", name.sun_path, options);
        return name;
}

/* A listener of the library's and a plain socket that connected to it. */
static int connected(unsigned flags, struct leat_channel **ret_channel) {
        char address[256];
        struct sockaddr_un name = place(address, "");
        CHECK_EQ(leat_open(address, flags, harness_deadline_ms(40000), ret_channel), 0);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK_EQ(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
        return fd;
}

static struct leat_channel *on_pipe(unsigned flags, int ret_other[1]) {
        struct leat_channel *channel;
        char address[32];
        int fds[2];
        CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
        CHECK(fcntl(fds[1], F_SETPIPE_SZ, 1 << 18) >= 1 << 18);
        int mine = flags == LEAT_RECEIVE ? 0 : 1;
        snprintf(address, sizeof(address), "pipe:fd=%d", fds[mine]);
        CHECK_EQ(leat_open(address, flags, LEAT_NOW, &channel), 0);
        *ret_other = fds[!mine];
        return channel;
}

/* ---- what is read ---- */

struct expected {
        int64_t type;
        uint32_t priority;
        uint32_t flags;
        uint64_t sequence;
        const char *text; /* NULL: the long message */
};

struct case_good {
        const char *name;
        struct expected messages[4]; /* up to the first of type 0 */
};

#define HELLO(n)                                                                                                       \
        { 1, 0, 0, n, "Hello" }
static struct case_good good[] = {
        { "hello", { HELLO(1), HELLO(2), { 1, 0, 0, 3, "How about an answer?" } } },
        { "empty", { { 1, 0, 0, 1, "" } } },
        { "types", { { 1, 0, 0, 1, "1" }, { INT64_MAX, 32767, 0, 2, "m" }, { 42, 0, 0, 3, "42" } } },
        { "frames", { { 7, 0, 0, 1, NULL }, { 1, 0, 0, 2, "after" } } },
        { "gap", { { 1, 0, 0, 1, "one" }, { 1, 0, 0, 9, "nine" } } },
        { "redelivered", { { 1, 0, LEAT_REDELIVERED, 1, "again" } } },
        { "abandon", { { 1, 0, 0, 2, "kept" } } },
        { "trailer", { { 1, 0, 0, 2, "kept" } } },
        { "trailer-late", { { 1, 0, 0, 2, "kept" } } },
        { "half", { { 1, 0, 0, 1, "whole" } } },
        { "half-header", { { 1, 0, 0, 1, "whole" } } },
};

static void check_long(const uint8_t *bytes, ssize_t size) {
        CHECK_EQ(size, LONG_BYTES);
        for (int i = 0; i < LONG_BYTES; i++)
                CHECK_EQ(bytes[i], i % 251);
}

static void check_messages(struct leat_channel *channel, const struct case_good *expected) {
        static uint8_t buffer[LONG_BYTES + 1];
        struct leat_message about = LEAT_MESSAGE_INIT;
        for (const struct expected *want = expected->messages; want->type != 0; want++) {
                ssize_t n = leat_receive(channel, LEAT_ANY, buffer, sizeof(buffer), harness_deadline_ms(40000), &about);
                if (want->text) {
                        CHECK_EQ(n, strlen(want->text));
                        CHECK_MEM(buffer, want->text, (size_t)n);
                } else
                        check_long(buffer, n);
                CHECK_EQ(about.type, want->type);
                CHECK_EQ(about.priority, want->priority);
                CHECK_EQ(about.flags, want->flags);
                CHECK_EQ(about.sequence, want->sequence);
                CHECK_EQ(about.time_ns, WHEN_NS);
        }
        CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof(buffer), harness_deadline_ms(40000), NULL), -ENODATA);
}

static void read_through_pipe(void *argument) {
        const struct case_good *expected = argument;
        struct bytes bytes = recorded(expected->name);
        int other;
        struct leat_channel *channel = on_pipe(LEAT_RECEIVE, &other);
        write_all(other, bytes);
        close(other);
        check_messages(channel, expected);
        leat_close(channel);
        free(bytes.at);
}

/* A byte at a time, each of them read by the library before the next is written. */
static void read_in_bits(void *argument) {
        const struct case_good *expected = argument;
        struct bytes bytes = recorded(expected->name);
        struct leat_channel *channel;
        char none[1];
        int other = connected(LEAT_RECEIVE, &channel);
        size_t bits = bytes.size < 300 ? bytes.size : 60; /* of a long one only the first header and the last bytes */
        for (size_t i = 0; i + 1 < bits; i++) {
                write_all(other, (struct bytes){ bytes.at + i, 1 });
                ssize_t n = leat_receive(channel, LEAT_ANY, none, 0, LEAT_NOW, NULL);
                CHECK(n == -EAGAIN || n == -EMSGSIZE); /* not whole yet, or whole and too large for no buffer */
        }
        write_all(other, (struct bytes){ bytes.at + bits - 1, bytes.size - bits + 1 });
        close(other);
        check_messages(channel, expected);
        leat_close(channel);
        free(bytes.at);
}

/* ---- what is refused ---- */

struct case_bad {
        const char *name;
        int error;
        int good_before; /* messages that are read first */
};

static struct case_bad bad[] = {
        { "bad-magic", -EBADMSG, 0 },
        { "bad-version", -EPROTONOSUPPORT, 0 },
        { "bad-kind-0", -EBADMSG, 0 },
        { "bad-kind-7", -EBADMSG, 0 },
        { "bad-flags", -EBADMSG, 0 },
        { "bad-flags-high", -EBADMSG, 0 },
        { "bad-priority", -EBADMSG, 0 },
        { "bad-size", -EBADMSG, 0 },
        { "bad-descriptors", -EBADMSG, 0 },
        { "bad-pad", -EBADMSG, 0 },
        { "bad-type-0", -EBADMSG, 0 },
        { "bad-type-negative", -EBADMSG, 0 },
        { "bad-trailer", -EBADMSG, 0 },
        { "bad-sequence-same", -EBADMSG, 1 },
        { "bad-sequence-falls", -EBADMSG, 1 },
        { "bad-continue-first", -EBADMSG, 0 },
        { "bad-abandon-nothing", -EBADMSG, 0 },
        { "bad-taken-with-bytes", -EBADMSG, 0 },
        { "bad-text", -EBADMSG, 0 },
};

/* It is cut off, and no one else: one that behaves is heard before, meanwhile and after. */
static void refuse(struct bytes bytes, int error, int good_before) {
        struct leat_channel *channel;
        struct sockaddr_un name;
        struct bytes hello = recorded("hello");
        char address[256], buffer[64];
        int hostile = connected(LEAT_RECEIVE, &channel), well = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int breaches = 0, heard = 0;
        name = place(address, "");
        CHECK_EQ(connect(well, (struct sockaddr *)&name, sizeof(name)), 0);
        write_all(hostile, bytes);
        write_all(well, hello);
        while (breaches == 0 || heard < 3 + good_before) {
                ssize_t n = leat_receive(channel, LEAT_ANY, buffer, sizeof(buffer), harness_deadline_ms(40000), NULL);
                if (n >= 0)
                        heard++;
                else {
                        CHECK_EQ(n, error);
                        breaches++;
                }
        }
        close(well);
        close(hostile);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof(buffer), harness_deadline_ms(40000), NULL), -ENODATA);
        CHECK_EQ(breaches, 1);
        CHECK_EQ(heard, 3 + good_before);
        leat_close(channel);
        free(hello.at);
}

static void refuse_recorded(void *argument) {
        const struct case_bad *expected = argument;
        struct bytes bytes = recorded(expected->name);
        refuse(bytes, expected->error, expected->good_before);
        free(bytes.at);
}

/* A peer says why it cuts us off; it cannot make a receive say what only this library may: the end, the deadline. */
TEST(refuses_a_refusal_with_an_errno_of_its_own) {
        struct bytes bytes = recorded("bad-refuse-errno");
        char buffer[64];
        int other;
        struct leat_channel *channel = on_pipe(LEAT_RECEIVE, &other);
        write_all(other, bytes);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof(buffer), harness_deadline_ms(40000), NULL), -EBADMSG);
        close(other);
        leat_close(channel);
        free(bytes.at);
}

/* A further frame that does not agree with the first, field by field. */
TEST(refuses_a_continuation_of_another_message) {
        static const struct {
                size_t at;
                uint8_t value;
        } fields[] = { { 3, 1 }, { 4, 4 }, { 6, 1 }, { 8, 2 }, { 8, 4 }, { 12, 1 }, { 16, 8 }, { 24, 2 }, { 40, 1 } };
        for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
                struct bytes bytes = recorded("frames");
                bytes.at[HEADER_BYTES + FRAME_BYTES + 1 + fields[i].at] = fields[i].value;
                refuse(bytes, -EBADMSG, 0);
                free(bytes.at);
        }
}

/* ---- packets of several messages ---- */

static const struct expected in_packet[] = { { 7, 3, 0, 1, "one" },
                                             { 1, 0, 0, 2, "" },
                                             { INT64_MAX, 0, 0, 3, "three" } };
#define IN_PACKET (sizeof(in_packet) / sizeof(*in_packet))

/* Its messages, one by one. */
static void take_packet(struct leat_channel *channel) {
        char buffer[64];
        for (size_t i = 0; i < IN_PACKET; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                ssize_t n = leat_receive(channel, LEAT_ANY, buffer, sizeof(buffer), harness_deadline_ms(40000), &about);
                CHECK_EQ(n, strlen(in_packet[i].text));
                CHECK_MEM(buffer, in_packet[i].text, (size_t)n);
                CHECK_EQ(about.type, in_packet[i].type);
                CHECK_EQ(about.priority, in_packet[i].priority);
                CHECK_EQ(about.sequence, in_packet[i].sequence);
                CHECK_EQ(about.time_ns, WHEN_NS);
        }
}

static int packets_to(struct leat_channel **ret_channel) {
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        char address[256];
        snprintf(name.sun_path, sizeof(name.sun_path), "%s/s", harness_tmpdir());
        snprintf(address, sizeof(address), "unix:%s", name.sun_path);
        CHECK_EQ(leat_open(address, LEAT_RECEIVE, harness_deadline_ms(40000), ret_channel), 0);
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK_EQ(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
        return fd;
}

TEST(reads_a_packet_of_several) {
        struct leat_channel *channel;
        struct bytes bytes = recorded("packet");
        char buffer[64];
        int fd = packets_to(&channel);
        CHECK_EQ(write(fd, bytes.at, bytes.size), bytes.size);
        take_packet(channel);
        close(fd);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof(buffer), harness_deadline_ms(40000), NULL), -ENODATA);
        leat_close(channel);
        free(bytes.at);
}

/* Nothing of it is read. */
TEST(refuses_a_packet_that_is_wrong_in_its_last_message) {
        static const char *const names[] = { "bad-packet-kind", "bad-packet-cut", "bad-packet-sequence" };
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                struct leat_channel *channel;
                struct bytes bytes = recorded(names[i]);
                char buffer[64];
                int fd = packets_to(&channel);
                CHECK_EQ(write(fd, bytes.at, bytes.size), bytes.size);
                CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof(buffer), harness_deadline_ms(40000), NULL),
                         -EBADMSG);
                close(fd);
                leat_close(channel);
                free(bytes.at);
        }
}

/* The same bytes are a datagram of several. */
TEST(reads_a_datagram_of_several) {
        static const char *const names[] = { "bad-packet-kind", "bad-packet-cut", "packet" };
        struct leat_channel *channel;
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        char address[256], buffer[64];
        snprintf(name.sun_path, sizeof(name.sun_path), "%s/d", harness_tmpdir());
        snprintf(address, sizeof(address), "unix-dgram:%s", name.sun_path);
        CHECK_EQ(leat_open(address, LEAT_RECEIVE, harness_deadline_ms(40000), &channel), 0);
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                struct bytes bytes = recorded(names[i]);
                CHECK_EQ(write(fd, bytes.at, bytes.size), bytes.size);
                free(bytes.at);
        }
        for (int i = 0; i < 2; i++)
                CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof(buffer), harness_deadline_ms(40000), NULL),
                         -EBADMSG);
        take_packet(channel);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof(buffer), LEAT_NOW, NULL), -EAGAIN);
        close(fd);
        leat_close(channel);
}

/* The same bytes but for the times, which are one time. */
TEST(sends_a_packet_of_several) {
        struct leat_channel *channel;
        struct leat_outgoing messages[IN_PACKET];
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        struct bytes want = recorded("packet");
        char address[256];
        uint8_t got[1024], *times[IN_PACKET];
        size_t at = 0;
        snprintf(name.sun_path, sizeof(name.sun_path), "%s/s", harness_tmpdir());
        snprintf(address, sizeof(address), "unix:%s", name.sun_path);
        int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        CHECK_EQ(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
        CHECK_EQ(listen(listener, 1), 0);
        CHECK_EQ(leat_open(address, LEAT_SEND, harness_deadline_ms(40000), &channel), 0);
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        for (size_t i = 0; i < IN_PACKET; i++)
                messages[i] = (struct leat_outgoing){ .type = in_packet[i].type,
                                                      .bytes = in_packet[i].text,
                                                      .size_bytes = strlen(in_packet[i].text),
                                                      .priority = in_packet[i].priority };
        CHECK_EQ(leat_send_many(channel, messages, IN_PACKET, harness_deadline_ms(40000)), IN_PACKET);
        CHECK_EQ(recv(fd, got, sizeof(got), MSG_DONTWAIT), want.size);
        for (size_t i = 0; i < IN_PACKET; i++) {
                times[i] = got + at + 32;
                CHECK_MEM(times[i], times[0], 8);
                at += HEADER_BYTES + messages[i].size_bytes;
        }
        for (size_t i = 0; i < IN_PACKET; i++)
                memcpy(times[i], want.at + 32, 8);
        CHECK_MEM(got, want.at, want.size);
        leat_close(channel);
        close(fd);
        close(listener);
        free(want.at);
}

/* ---- what is sent ---- */

static struct bytes sent_on_pipe(const struct case_good *messages) {
        static uint8_t buffer[LONG_BYTES];
        int other;
        struct leat_channel *channel = on_pipe(LEAT_SEND, &other);
        for (int i = 0; i < LONG_BYTES; i++)
                buffer[i] = (uint8_t)(i % 251);
        for (const struct expected *message = messages->messages; message->type != 0; message++) {
                struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
                options.type = message->type;
                options.priority = message->priority;
                options.deadline = harness_deadline_ms(40000);
                CHECK_EQ(leat_send_with(channel, message->text ? (const void *)message->text : buffer,
                                        message->text ? strlen(message->text) : LONG_BYTES, &options),
                         0);
        }
        leat_close(channel);
        struct bytes bytes = read_bytes(other, 1 << 18);
        close(other);
        return bytes;
}

TEST(sends_what_is_recorded) {
        for (int i = 0; i < 4; i++) { /* hello, empty, types, frames */
                struct bytes bytes = sent_on_pipe(&good[i]);
                check_same(good[i].name, bytes);
                free(bytes.at);
        }
}

TEST(tells_what_was_taken) {
        struct leat_channel *channel;
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct bytes sync = recorded("sync");
        char buffer[64];
        int other = connected(LEAT_RECEIVE, &channel);
        write_all(other, sync);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof(buffer), harness_deadline_ms(40000), &about), 6);
        CHECK_EQ(about.flags, LEAT_WANTS_TAKEN);
        struct bytes taken = read_bytes(other, HEADER_BYTES);
        check_same("taken", taken);
        close(other);
        leat_close(channel);
        free(taken.at);
        free(sync.at);
}

TEST(replies) {
        static const char answer[] = "HOW ABOUT AN ANSWER?";
        struct leat_channel *channel;
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct bytes call = recorded("call");
        char buffer[64];
        int other = connected(LEAT_REPLY, &channel);
        write_all(other, call);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof(buffer), harness_deadline_ms(40000), &about), 20);
        CHECK_EQ(about.flags, LEAT_WANTS_REPLY);
        CHECK_EQ(about.deadline, LEAT_NEVER);
        CHECK_EQ(leat_reply(channel, &about, 1, answer, 20, harness_deadline_ms(40000)), 0);
        struct bytes reply = read_bytes(other, HEADER_BYTES + 20 + 1);
        check_same("reply", reply);
        close(other);
        leat_close(channel);
        free(reply.at);
        free(call.at);
}

static void write_with_descriptor(int fd, struct bytes bytes, int descriptor) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control = { .header = {
                              .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
        struct iovec part = { bytes.at, bytes.size };
        struct msghdr header = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };
        memcpy(CMSG_DATA(&control.header), &descriptor, sizeof(int));
        CHECK_EQ(sendmsg(fd, &header, 0), bytes.size);
}

/* A frame that is taken back by its trailer, and one with a descriptor, arrive in one read: the descriptor is
 * the second's, and is not lost with the first. (On a stream the kernel ends a read after the bytes that a
 * descriptor came with, not before them.) */
TEST(a_frame_taken_back_leaves_the_next_its_descriptor) {
        enum { FORGET_BYTES = HEADER_BYTES + 6 + 1 };
        struct leat_channel *channel;
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct bytes bytes = recorded("trailer");
        char buffer[64];
        int descriptor = -1, other = connected(LEAT_RECEIVE, &channel);
        about.descriptors = &descriptor;
        about.descriptors_max = 1;
        bytes.at[FORGET_BYTES + 12] = 1;
        write_all(other, (struct bytes){ bytes.at, FORGET_BYTES });
        write_with_descriptor(other, (struct bytes){ bytes.at + FORGET_BYTES, bytes.size - FORGET_BYTES }, other);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof(buffer), harness_deadline_ms(40000), &about), 4);
        CHECK_EQ(about.descriptors_count, 1);
        CHECK(fcntl(descriptor, F_GETFD) == FD_CLOEXEC);
        close(descriptor);
        close(other);
        leat_close(channel);
        free(bytes.at);
}

static void tells_why(const char *bad_name, int error, const char *refusal) {
        struct leat_channel *channel;
        struct bytes bytes = recorded(bad_name), want = recorded(refusal);
        char buffer[64];
        int other = connected(LEAT_RECEIVE, &channel);
        write_all(other, bytes);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof(buffer), harness_deadline_ms(40000), NULL), error);
        struct bytes said = read_bytes(other, HEADER_BYTES);
        CHECK_EQ(said.size, want.size);
        CHECK_MEM(said.at, want.at, want.size);
        CHECK_EQ(read(other, buffer, sizeof(buffer)), 0);
        close(other);
        leat_close(channel);
        free(said.at);
        free(want.at);
        free(bytes.at);
}

TEST(refuses_another_version_by_name) {
        tells_why("bad-version", -EPROTONOSUPPORT, "refuse-version");
}

TEST(refuses_garbage_by_name) {
        tells_why("bad-magic", -EBADMSG, "refuse-garbage");
}

/* ---- the library at the other end of a listener that is a plain socket ---- */

static void sends_synchronously(void *address) {
        struct leat_channel *channel;
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.flags = LEAT_SYNC;
        options.deadline = harness_deadline_ms(40000);
        CHECK_EQ(leat_open(address, LEAT_SEND, options.deadline, &channel), 0);
        CHECK_EQ(leat_send_with(channel, "taken?", 6, &options), 0);
        leat_close(channel);
}

static void calls(void *address) {
        struct leat_channel *channel;
        char reply[64];
        CHECK_EQ(leat_open(address, LEAT_CALL, LEAT_NEVER, &channel), 0);
        CHECK_EQ(leat_call(channel, 1, "how about an answer?", 20, reply, sizeof(reply), LEAT_NEVER, NULL), 20);
        CHECK_MEM(reply, "HOW ABOUT AN ANSWER?", 20);
        leat_close(channel);
}

static void asks_and_is_answered(void (*child)(void *address), const char *ask, const char *answer) {
        char address[256];
        struct sockaddr_un name = place(address, "");
        struct bytes want = recorded(ask), back = recorded(answer);
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
        CHECK_EQ(listen(listener, 1), 0);
        pid_t pid = harness_fork(child, address);
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        CHECK(fd >= 0);
        struct bytes asked = read_bytes(fd, want.size);
        if (asked.at[4] & 2) { /* it calls: by a number that no program before it had, which the reply names */
                memcpy(back.at + 40, asked.at + 24, 8);
                memcpy(asked.at + 24, want.at + 24, 8);
        }
        check_same(ask, asked);
        write_all(fd, back);
        CHECK_EQ(harness_wait(pid), 0);
        close(fd);
        close(listener);
        free(asked.at);
        free(back.at);
        free(want.at);
}

TEST(waits_for_taken) {
        asks_and_is_answered(sends_synchronously, "sync", "taken");
}

TEST(takes_the_reply) {
        asks_and_is_answered(calls, "call", "reply");
}

static void add_cases(void) {
        char name[64];
        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
                snprintf(name, sizeof(name), "reads_%s", good[i].name);
                harness_add(name, read_through_pipe, &good[i]);
                snprintf(name, sizeof(name), "reads_%s_in_bits", good[i].name);
                harness_add(name, read_in_bits, &good[i]);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                snprintf(name, sizeof(name), "refuses_%s", bad[i].name);
                harness_add(name, refuse_recorded, &bad[i]);
        }
}

TEST_MAIN_WITH(add_cases)
