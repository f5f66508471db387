/* SPDX-License-Identifier: MIT */
/* Senders that connect again, and keep what was not acknowledged, with peers at the other end that say what they like. */
#include "ends.h"
#include "hostile.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOON harness_deadline_ms(40000)

/* A listener of the test's own, and a sender that connects to it. */
struct scene {
        char path[160], address[256];
        int listener, peer;
        struct leat_channel *sender;
};

static struct leat_channel *open_at(const char *address, unsigned flags) {
        return open_or_fail(address, flags, SOON);
}

static void begin(struct scene *scene, unsigned flags, const char *options) {
        snprintf(scene->path, sizeof scene->path, "%s/a", harness_tmpdir());
        snprintf(scene->address, sizeof scene->address, "unix-stream:%s?%s", scene->path, options);
        scene->listener = listen_at(scene->path, SOCK_STREAM);
        scene->sender = open_at(scene->address, flags);
        scene->peer = accept4(scene->listener, NULL, NULL, SOCK_CLOEXEC);
        CHECK(scene->peer >= 0);
}

static void end(struct scene *scene) {
        leat_close(scene->sender);
        if (scene->peer >= 0)
                close(scene->peer);
        if (scene->listener >= 0)
                close(scene->listener);
        unlink(scene->path);
}

static void say(int fd, const struct wire_header *header) {
        uint8_t frame[FRAME_MOST];
        size_t size = make_frame(STREAM, header, NULL, frame);
        CHECK_EQ(send(fd, frame, size, MSG_NOSIGNAL), size);
}

static void say_taken(int fd, uint64_t sequence) {
        say(fd, &(struct wire_header){ .kind = WIRE_TAKEN, .type = 1, .reference = sequence });
}

static void say_refuse(int fd, int error) {
        say(fd, &(struct wire_header){ .kind = WIRE_REFUSE, .type = error });
}

static void send_text(struct leat_channel *channel, const char *text) {
        CHECK_EQ(leat_send(channel, 1, text, strlen(text), SOON), 0);
}

/* The sender works, and has nothing acknowledged, until something is there for others to take, however long that takes it. */
static void flush_until_readable(struct leat_channel *sender, int fd) {
        struct pollfd poller = { .fd = fd, .events = POLLIN };
        do
                CHECK_EQ(leat_flush(sender, leat_in_ms(20)), -ETIMEDOUT);
        while (poll(&poller, 1, 0) == 0);
}

/* One small message of a stream, off the connection. */
static struct wire_header hear(int fd) {
        uint8_t bytes[WIRE_HEADER_BYTES + 64];
        struct wire_header header;
        CHECK_EQ(recv(fd, bytes, WIRE_HEADER_BYTES, MSG_WAITALL), WIRE_HEADER_BYTES);
        CHECK_EQ(wire_decode(bytes, 64, &header), 0);
        CHECK_EQ(recv(fd, bytes, header.size + 1, MSG_WAITALL), header.size + 1);
        return header;
}

/* ---- the pause ---- */

struct cutter {
        struct scene scene;
        unsigned *count;
};

static void cut_off_all(void *argument) {
        const struct cutter *cutter = argument;
        close(cutter->scene.peer);
        for (int fd; (fd = accept4(cutter->scene.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0; ++*cutter->count)
                close(fd);
}

/* Whoever cuts off each that comes is asked less and less often. 1, 2, 4 ... ms, half of it at least: 12 in a second, and it begins anew
 * when the connection lasted a second, which it does not but on a machine that stands. */
TEST(one_that_cuts_off_is_not_asked_without_end) {
        struct cutter all = { .count = harness_shared(sizeof(unsigned)) };
        begin(&all.scene, LEAT_SEND, "at-least-once");
        pid_t pid = harness_fork(cut_off_all, &all);
        send_text(all.scene.sender, "one");
        close(all.scene.peer);
        all.scene.peer = -1;
        int64_t begin_ns = leat_now();
        do
                CHECK_EQ(leat_flush(all.scene.sender, leat_in_ms(200)), -ETIMEDOUT);
        while (*(volatile unsigned *)all.count < 4);
        int64_t seconds = (leat_now() - begin_ns) / 1000000000;
        CHECK(*all.count <= 12 * (seconds + 1));
        kill(pid, SIGKILL);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        end(&all.scene);
}

/* A program that polls sleeps while nobody is there. */
TEST(who_polls_sleeps_between_the_tries) {
        struct leat_channel *here = open_at("unix:a?listen&pattern=pair", LEAT_SEND | LEAT_RECEIVE);
        struct leat_channel *there = open_at("unix:a?reconnect", LEAT_SEND | LEAT_RECEIVE);
        char buffer[8];
        unsigned calls = 0;
        leat_close(here);
        CHECK_EQ(leat_receive(there, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ENODATA);
        struct pollfd poller = { .fd = leat_fd(there), .events = POLLIN };
        for (int64_t until = leat_in_ms(200); leat_now() < until; calls++) {
                CHECK_EQ(leat_receive(there, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
                (void)poll(&poller, 1, 200);
        }
        CHECK(calls < 50);
        leat_close(there);
}

static void send_for_ever(void *argument) {
        CHECK_EQ(leat_send(argument, 1, "two", 3, LEAT_NEVER), 0);
}

/* One that reads no more and yet stays: the sender cannot write, its connection is ready for ever, and it does not spin. */
TEST(a_sender_sleeps_beside_a_half_closed_one) {
        struct scene scene;
        begin(&scene, LEAT_SEND, "at-least-once");
        send_text(scene.sender, "one");
        CHECK_EQ(shutdown(scene.peer, SHUT_RD), 0);
        close(scene.listener);
        scene.listener = -1;
        CHECK_EQ(leat_give(scene.sender), 0);
        pid_t pid = harness_fork(send_for_ever, scene.sender);
        harness_wait_state(pid, "S");
        kill(pid, SIGKILL);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        end(&scene);
}

/* ---- whose word counts ---- */

/* What the next one says of messages that only its predecessor got is not believed. */
TEST(nobody_acknowledges_for_another) {
        char path[160], address[256];
        snprintf(path, sizeof path, "%s/a", harness_tmpdir());
        snprintf(address, sizeof address, "unix-stream:%s?listen&at-least-once", path);
        struct leat_channel *sender = open_at(address, LEAT_SEND);
        int first = connect_to(path, SOCK_STREAM);
        send_text(sender, "one");
        CHECK_EQ(hear(first).sequence, 1);
        close(first);
        int second = connect_to(path, SOCK_STREAM);
        say_taken(second, 1);
        flush_until_readable(sender, second);
        CHECK_EQ(info_of(sender).in_doubt, 1);
        struct wire_header again = hear(second);
        CHECK_EQ(again.sequence, 1);
        CHECK_EQ(again.flags & WIRE_REDELIVERED, WIRE_REDELIVERED);
        say_taken(second, 1);
        CHECK_EQ(leat_flush(sender, SOON), 0);
        leat_close(sender);
        close(second);
}

/* Of what was not sent, twice, of others: nothing is forgotten that is not acknowledged. */
TEST(wrong_acknowledgements_are_nothing) {
        static const char *const options[] = { "at-least-once", "reconnect" };
        for (size_t i = 0; i < 2; i++) {
                struct scene scene;
                begin(&scene, LEAT_SEND, options[i]);
                for (int n = 0; n < 100; n++)
                        send_text(scene.sender, "x");
                say_taken(scene.peer, 0);
                say_taken(scene.peer, 101);
                say_taken(scene.peer, UINT64_MAX);
                for (int n = 0; n < 50; n++)
                        say_taken(scene.peer, 90);
                say_taken(scene.peer, 1);
                CHECK_EQ(leat_flush(scene.sender, leat_in_ms(20)), -ETIMEDOUT);
                close(scene.peer);
                scene.peer = -1;
                if (i == 1)
                        CHECK_EQ(leat_flush(scene.sender, SOON), -ENOTCONN);
                CHECK_EQ(info_of(scene.sender).in_doubt, 98);
                CHECK_EQ(info_of(scene.sender).in_doubt_first, 2);
                CHECK_EQ(info_of(scene.sender).in_doubt_last, 100);
                end(&scene);
        }
}

/* A flood of them holds nobody past a deadline, and takes no memory. */
static void flood(void *argument) {
        const struct scene *scene = argument;
        struct wire_header header = { .kind = WIRE_TAKEN, .type = 1, .reference = 7 };
        uint8_t frame[FRAME_MOST];
        size_t size = make_frame(STREAM, &header, NULL, frame);
        signal(SIGPIPE, SIG_DFL);
        while (write(scene->peer, frame, size) > 0)
                ;
}

TEST(a_flood_of_them_ends_with_the_deadline) {
        struct scene scene;
        begin(&scene, LEAT_SEND, "at-least-once");
        send_text(scene.sender, "one");
        pid_t pid = harness_fork(flood, &scene);
        size_t before = resident_bytes(getpid());
        CHECK_EQ(leat_flush(scene.sender, leat_in_ms(100)), -ETIMEDOUT);
        CHECK(getenv("LEAT_SANITIZE") ||
              resident_bytes(getpid()) < before + (4 << 20)); /* whose malloc keeps what is freed */
        kill(pid, SIGKILL);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        end(&scene);
}

/* ---- why it was cut off ---- */

/* It will not take that message another time either. */
TEST(a_message_that_breaks_the_rules_is_told) {
        struct scene scene;
        struct leat_reason reason;
        begin(&scene, LEAT_SEND, "at-least-once");
        send_text(scene.sender, "one");
        say_refuse(scene.peer, EBADMSG);
        close(scene.peer);
        scene.peer = -1;
        CHECK_EQ(leat_flush(scene.sender, SOON), -EBADMSG);
        CHECK_EQ(leat_why(scene.sender, &reason), 0);
        CHECK_EQ(reason.error, -EBADMSG);
        CHECK(reason.text && strstr(reason.text, "?size="));
        scene.peer = -1;
        CHECK_EQ(info_of(scene.sender).in_doubt, 1);
        end(&scene);
}

/* Too much stood there for a moment: that passes. */
TEST(a_full_receiver_is_asked_again) {
        struct scene scene;
        begin(&scene, LEAT_SEND, "at-least-once");
        send_text(scene.sender, "one");
        say_refuse(scene.peer, ENOBUFS);
        close(scene.peer);
        flush_until_readable(scene.sender, scene.listener);
        scene.peer = accept4(scene.listener, NULL, NULL, SOCK_CLOEXEC);
        flush_until_readable(scene.sender, scene.peer);
        CHECK_EQ(hear(scene.peer).flags & WIRE_REDELIVERED, WIRE_REDELIVERED);
        say_taken(scene.peer, 1);
        CHECK_EQ(leat_flush(scene.sender, SOON), 0);
        end(&scene);
}

/* ---- what had come before it was lost ---- */

/* More acknowledgements than one try reads. */
TEST(all_that_was_acknowledged_counts) {
        struct scene scene;
        enum { MANY = 5000 };
        static uint8_t frames[MANY * WIRE_HEADER_BYTES];
        int size = 212992;
        begin(&scene, LEAT_SEND, "at-least-once&aside=8M");
        CHECK_EQ(setsockopt(scene.peer, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
        for (uint64_t n = 1; n <= MANY; n++) {
                const struct wire_header taken = { .kind = WIRE_TAKEN, .type = 1, .reference = n };
                wire_encode(&taken, frames + (n - 1) * WIRE_HEADER_BYTES);
                CHECK_EQ(leat_send(scene.sender, 1, NULL, 0, SOON), 0);
                CHECK_EQ(hear(scene.peer).sequence, n);
        }
        CHECK_EQ(send(scene.peer, frames, sizeof frames, 0), sizeof frames);
        close(scene.listener); /* or it connects again, and sends, where it finds its pause over */
        scene.listener = -1;
        close(scene.peer);
        scene.peer = -1;
        for (int i = 0; i < 3; i++) /* it looks at the deadline in between */
                CHECK_EQ(leat_send(scene.sender, 1, NULL, 0, LEAT_NOW), -EAGAIN);
        CHECK_EQ(info_of(scene.sender).in_doubt, 0);
        end(&scene);
}

/* A message was cut in its frame, and goes whole over the next connection. */
TEST(cut_inside_a_frame) {
        struct scene scene;
        static char bytes[400000];
        char part[1000];
        begin(&scene, LEAT_SEND, "at-least-once&capacity=8k");
        CHECK_EQ(leat_send(scene.sender, 1, bytes, sizeof bytes, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_send(scene.sender, 1, "two", 3, LEAT_NOW), -EAGAIN);
        CHECK_EQ(recv(scene.peer, part, sizeof part, MSG_WAITALL), sizeof part);
        close(scene.peer);
        CHECK_EQ(leat_send(scene.sender, 1, "three", 5, SOON), 0);
        scene.peer = accept4(scene.listener, NULL, NULL, SOCK_CLOEXEC);
        struct wire_header header = hear(scene.peer);
        CHECK_EQ(header.sequence, 3);
        CHECK_EQ(header.flags & WIRE_REDELIVERED, 0);
        CHECK_EQ(info_of(scene.sender).in_doubt, 1);
        end(&scene);
}

/* Half a line is seen as one where a connection ends: whether it came is not known, and it is not sent again. */
static void read_a_part(void *argument) {
        const struct scene *scene = argument;
        char part[1000];
        CHECK_EQ(recv(scene->peer, part, sizeof part, MSG_WAITALL), sizeof part);
}

TEST(of_bare_bytes_a_part_is_in_doubt) {
        struct scene scene;
        static char bytes[400000];
        memset(bytes, 'x', sizeof bytes);
        begin(&scene, LEAT_SEND, "reconnect&framing=lines&capacity=8k");
        pid_t pid = harness_fork(read_a_part, &scene);
        close(scene.peer);
        scene.peer = -1;
        CHECK_EQ(leat_send(scene.sender, 1, bytes, sizeof bytes, SOON), -ENOTCONN);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(info_of(scene.sender).in_doubt, 1);
        CHECK_EQ(info_of(scene.sender).in_doubt_last, 1);
        end(&scene);
}

/* What a partner had said before it was gone is received, whatever a send finds meanwhile. */
TEST(bare_bytes_of_a_lost_partner_are_received) {
        struct scene scene;
        char buffer[16];
        begin(&scene, LEAT_SEND | LEAT_RECEIVE, "reconnect&framing=raw");
        CHECK_EQ(send(scene.peer, "hello", 5, 0), 5);
        close(scene.peer);
        (void)leat_send(scene.sender, 1, "x", 1, leat_in_ms(20));
        scene.peer = -1;
        CHECK_EQ(leat_receive(scene.sender, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 5);
        CHECK_MEM(buffer, "hello", 5);
        end(&scene);
}

TEST_MAIN()
