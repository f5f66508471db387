/* SPDX-License-Identifier: MIT */
/* fifo: packets, long messages in turn, lines; with plain programs at the other end. */
#include "fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LARGE_BYTES 300000 /* more than the pipe holds */

static void fill_large(unsigned char *bytes, unsigned seed) {
        for (size_t i = 0; i < LARGE_BYTES; i++)
                bytes[i] = (unsigned char)(i * 7 + i / 251 + seed);
}

/* ---- packets ---- */

TEST(each_message_is_taken_by_one_receiver) {
        struct leat_channel *receivers[2] = { receiver_at(""), receiver_at("") };
        struct leat_channel *senders[3] = { sender_at(""), sender_at(""), sender_at("") };
        unsigned seen = 0;
        for (int i = 0; i < 9; i++)
                CHECK_EQ(leat_send(senders[i % 3], i + 1, &i, sizeof i, SOON), 0);
        for (int i = 0; i < 9; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                int number;
                CHECK_EQ(leat_receive(receivers[i % 2], LEAT_ANY, &number, sizeof number, SOON, &about), sizeof number);
                CHECK_EQ(about.type, number + 1);
                CHECK(!(seen & (1u << number)));
                seen |= 1u << number;
        }
        CHECK_EQ(seen, 511);
        for (int i = 0; i < 3; i++)
                leat_close(senders[i]);
        for (int i = 0; i < 2; i++) {
                expect_end(receivers[i]);
                leat_close(receivers[i]);
        }
}

TEST(the_largest_goes_and_one_byte_more_does_not) {
        struct leat_channel *receiver = receiver_at(""), *sender = sender_at("");
        char sent[LARGEST + 1], got[LARGEST];
        memset(sent, 'x', sizeof sent);
        struct leat_info info = LEAT_INFO_INIT;
        CHECK_EQ(leat_channel_info(sender, &info), 0);
        CHECK_EQ(info.largest_bytes, LARGEST);
        CHECK_EQ(leat_send(sender, 1, sent, LARGEST, SOON), 0);
        CHECK_EQ(leat_send(sender, 1, sent, LARGEST + 1, SOON), -EMSGSIZE);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, got, sizeof got, SOON, NULL), LARGEST);
        CHECK_MEM(got, sent, LARGEST);
        leat_close(sender);
        leat_close(receiver);
}

TEST(raw_packets_are_messages_and_none_is_empty) {
        struct leat_channel *receiver = receiver_at("framing=raw"), *sender = sender_at("framing=raw");
        struct leat_reason why;
        send_text(sender, "one");
        send_text(sender, "two");
        take_text(receiver, "one");
        take_text(receiver, "two");
        CHECK_EQ(leat_send(sender, 1, NULL, 0, LEAT_NOW), -ENOTSUP);
        CHECK_EQ(leat_why(sender, &why), 0);
        CHECK_EQ(why.row, LEAT_ROW_BOUNDARIES);
        leat_close(sender);
        leat_close(receiver);
}

/* The kernel appends our packet to the plain page before it: nothing of ours may be lost by that. */
TEST(plain_bytes_before_a_packet_are_a_breach_and_the_packet_arrives) {
        struct leat_channel *receiver = receiver_at(""), *sender = sender_at("");
        struct leat_info info = LEAT_INFO_INIT;
        char large[LARGEST + 1];
        memset(large, 'y', LARGEST);
        large[LARGEST] = '\0';
        send_text(sender, "before");
        write_plain("noise Lt\1\1 noise");
        send_text(sender, "small");
        send_text(sender, large);
        send_text(sender, "after");
        take_text(receiver, "before");
        CHECK_EQ(receive_now(receiver), -EBADMSG);
        take_text(receiver, "small");
        take_text(receiver, large);
        take_text(receiver, "after");
        CHECK_EQ(leat_channel_info(receiver, &info), 0);
        CHECK_EQ(info.refused, 1);
        leat_close(sender);
        expect_end(receiver);
        leat_close(receiver);
}

/* Made larger under an open receiver: what plain programs wrote into the new room must not cut the packet behind it. */
TEST(a_packet_behind_more_than_the_pipe_held_once) {
        static char noise[3 * 65536 - 100]; /* a read of 65536 would end in the packet */
        char large[LARGEST];
        struct leat_channel *receiver = receiver_at(""), *sender = sender_at("");
        memset(noise, 'n', sizeof noise);
        memset(large, 'y', LARGEST);
        send_text(sender, "before");
        take_text(receiver, "before");
        CHECK_EQ(leat_set(at(""), "capacity", "256k", NULL), 0);
        int fd = open(fifo_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        CHECK_EQ(write(fd, noise, sizeof noise), sizeof noise);
        CHECK_EQ(leat_send(sender, 1, large, LARGEST, SOON), 0);
        send_text(sender, "after");
        CHECK_EQ(receive_now(receiver), -EBADMSG);
        ssize_t n = -EBADMSG;
        while (n == -EBADMSG)
                n = receive_now(receiver);
        CHECK_EQ(n, LARGEST);
        take_text(receiver, "after");
        close(fd);
        leat_close(sender);
        expect_end(receiver);
        leat_close(receiver);
}

TEST(a_frame_of_another_version_is_told) {
        struct leat_channel *receiver = receiver_at("");
        char frame[49] = "Lt\2";
        int fd = open(fifo_path, O_WRONLY | O_CLOEXEC);
        CHECK_EQ(write(fd, frame, sizeof frame), sizeof frame);
        CHECK_EQ(receive_now(receiver), -EPROTONOSUPPORT);
        CHECK_EQ(receive_now(receiver), -EAGAIN);
        close(fd);
        expect_end(receiver);
        leat_close(receiver);
}

TEST(full_is_told_and_dropped_when_asked) {
        struct leat_channel *receiver = receiver_at("capacity=8k"), *sender = sender_at("");
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        struct leat_info info = LEAT_INFO_INIT;
        options.deadline = LEAT_NOW;
        send_text(sender, "1");
        send_text(sender, "2");
        CHECK_EQ(leat_send(sender, 1, "3", 1, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_send(sender, 1, "3", 1, leat_in_ms(5)), -ETIMEDOUT);
        options.flags = LEAT_DROP_NEWEST;
        CHECK_EQ(leat_send_with(sender, "3", 1, &options), 1);
        options.flags = LEAT_DROP_OLDEST;
        CHECK_EQ(leat_send_with(sender, "3", 1, &options), -ENOTSUP);
        CHECK_EQ(leat_channel_info(sender, &info), 0);
        CHECK_EQ(info.dropped, 1);
        CHECK_EQ(info.capacity_bytes, 8192);
        CHECK_EQ(info.depth, 8192 / sysconf(_SC_PAGESIZE));
        CHECK_EQ(info.queued_bytes, 2 * 49);
        take_text(receiver, "1");
        take_text(receiver, "2");
        leat_close(sender);
        leat_close(receiver);
}

/* ---- ?exclusive ---- */

static void send_large_ones(void *argument) {
        static unsigned char bytes[LARGE_BYTES];
        unsigned self = *(unsigned *)argument;
        struct leat_channel *sender = sender_at("exclusive");
        for (unsigned i = 0; i < 8; i++) {
                fill_large(bytes, self * 16 + i);
                CHECK_EQ(leat_send(sender, self * 16 + i + 1, bytes, i % 2 ? 10 : LARGE_BYTES, SOON), 0);
        }
        leat_close(sender);
}

TEST(large_messages_of_several_senders_stay_whole) {
        static unsigned char got[LARGE_BYTES], wanted[LARGE_BYTES];
        struct leat_channel *receiver = receiver_at("exclusive");
        unsigned selves[3] = { 0, 1, 2 }, next[3] = { 0 };
        pid_t pids[3];
        for (unsigned i = 0; i < 3; i++)
                pids[i] = harness_fork(send_large_ones, &selves[i]);
        for (unsigned i = 0; i < 3 * 8;) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                ssize_t n = leat_receive(receiver, LEAT_ANY, got, sizeof got, SOON, &about);
                if (n == -ENODATA)
                        continue; /* the others are still to come */
                unsigned number = (unsigned)about.type - 1, self = number / 16;
                CHECK(self < 3);
                CHECK_EQ(number % 16, next[self]++);
                CHECK_EQ(n, number % 2 ? 10 : LARGE_BYTES);
                fill_large(wanted, number);
                CHECK_MEM(got, wanted, (size_t)n);
                i++;
        }
        for (unsigned i = 0; i < 3; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        leat_close(receiver);
}

/* Sleeps in the middle of a message, for nobody receives. */
static void send_large_one(void *argument) {
        static unsigned char bytes[LARGE_BYTES];
        struct leat_channel *sender = sender_at(argument);
        fill_large(bytes, 99);
        CHECK_EQ(leat_send(sender, 7, bytes, sizeof bytes, SOON), 0);
        leat_close(sender);
}

static void wait_until_full(struct leat_channel *receiver) {
        struct leat_info info = LEAT_INFO_INIT;
        int64_t deadline = SOON;
        do
                CHECK_EQ(leat_channel_info(receiver, &info), 0);
        while (info.queued_bytes < info.capacity_bytes && leat_now() < deadline);
        CHECK_EQ(info.queued_bytes, info.capacity_bytes);
}

TEST(a_sender_killed_between_frames_leaves_nothing) {
        struct leat_channel *receiver = receiver_at("exclusive");
        pid_t pid = harness_fork(send_large_one, "exclusive");
        wait_until_full(receiver);
        kill(pid, SIGKILL);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        CHECK_EQ(receive_now(receiver), -ENODATA); /* its frames were read, and are no message */
        struct leat_channel *sender = sender_at("exclusive");
        send_text(sender, "next");
        take_text(receiver, "next");
        leat_close(sender);
        leat_close(receiver);
}

TEST(the_next_message_says_that_the_one_before_was_abandoned) {
        struct leat_channel *receiver = receiver_at("exclusive"), *sender = sender_at("exclusive");
        pid_t pid = harness_fork(send_large_one, "exclusive");
        wait_until_full(receiver);
        kill(pid, SIGKILL);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        CHECK_EQ(receive_now(receiver), -EAGAIN); /* another sender is there */
        send_text(sender, "next");
        take_text(receiver, "next");
        leat_close(sender);
        expect_end(receiver);
        leat_close(receiver);
}

TEST(a_stopped_sender_keeps_its_turn_and_goes_on) {
        static unsigned char got[LARGE_BYTES], wanted[LARGE_BYTES];
        struct leat_channel *receiver = receiver_at("exclusive"), *sender = sender_at("exclusive");
        pid_t pid = harness_fork(send_large_one, "exclusive");
        wait_until_full(receiver);
        kill(pid, SIGSTOP);
        harness_wait_state(pid, "T");
        CHECK_EQ(receive_now(receiver), -EAGAIN);
        CHECK_EQ(leat_send(sender, 1, "mine", 4, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_send(sender, 1, "mine", 4, leat_in_ms(5)), -ETIMEDOUT);
        kill(pid, SIGCONT);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, got, sizeof got, SOON, NULL), LARGE_BYTES);
        fill_large(wanted, 99);
        CHECK_MEM(got, wanted, LARGE_BYTES);
        send_text(sender, "mine");
        take_text(receiver, "mine");
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(sender);
        leat_close(receiver);
}

TEST(who_waits_for_the_turn_learns_that_the_receiver_is_gone) {
        struct leat_channel *receiver = receiver_at("exclusive"), *sender = sender_at("exclusive");
        pid_t pid = harness_fork(send_large_one, "exclusive");
        wait_until_full(receiver);
        kill(pid, SIGSTOP);
        harness_wait_state(pid, "T");
        leat_close(receiver);
        CHECK_EQ(leat_send(sender, 1, "mine", 4, SOON), -EPIPE);
        kill(pid, SIGKILL);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        leat_close(sender);
}

TEST(a_message_given_up_in_the_middle_is_not_seen) {
        static unsigned char bytes[LARGE_BYTES];
        struct leat_channel *receiver = receiver_at("exclusive"), *sender = sender_at("exclusive");
        CHECK_EQ(leat_send(sender, 1, bytes, sizeof bytes, leat_in_ms(5)), -ETIMEDOUT);
        CHECK_EQ(receive_now(receiver), -EAGAIN);
        send_text(sender, "whole");
        take_text(receiver, "whole");
        leat_close(sender);
        expect_end(receiver);
        leat_close(receiver);
}

/* As seen by one who neither sends nor receives. */
static void wait_until_full_at(int fd) {
        int64_t deadline = SOON;
        int bytes = 0, capacity = fcntl(fd, F_GETPIPE_SZ);
        do
                CHECK_EQ(ioctl(fd, FIONREAD, &bytes), 0);
        while (bytes < capacity && leat_now() < deadline);
        CHECK_EQ(bytes, capacity);
}

struct taking {
        struct harness_event *opened, *full, *taken;
};

/* The receiver that is killed takes the beginning with it: the next one must not see the rest. */
static void take_a_part(void *argument) {
        struct taking *taking = argument;
        struct leat_channel *receiver = receiver_at("exclusive");
        harness_event_signal(taking->opened);
        harness_event_wait(taking->full);
        CHECK_EQ(receive_now(receiver), -EAGAIN);
        harness_event_signal(taking->taken);
        pause();
}

TEST(a_receiver_after_a_killed_one_sees_no_rest) {
        struct taking taking = { harness_event_new(), harness_event_new(), harness_event_new() };
        (void)at("");
        pid_t first = harness_fork(take_a_part, &taking);
        harness_event_wait(taking.opened);
        int writer = open(fifo_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC); /* keeps what the pipe holds */
        CHECK(writer >= 0);
        pid_t pid = harness_fork(send_large_one, "exclusive");
        wait_until_full_at(writer);
        kill(pid, SIGSTOP); /* or all of it would be received */
        harness_wait_state(pid, "T");
        harness_event_signal(taking.full);
        harness_event_wait(taking.taken);
        kill(pid, SIGCONT);
        wait_until_full_at(writer);
        kill(pid, SIGKILL);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        kill(first, SIGKILL);
        CHECK_EQ(harness_wait(first), -SIGKILL);
        struct leat_channel *receiver = receiver_at("exclusive"), *sender = sender_at("exclusive");
        CHECK_EQ(receive_now(receiver), -EAGAIN);
        send_text(sender, "whole");
        take_text(receiver, "whole");
        close(writer);
        leat_close(sender);
        leat_close(receiver);
}

TEST(those_with_exclusive_and_those_without_do_not_meet) {
        struct leat_reason reason;
        struct leat_channel *receiver = receiver_at("exclusive");
        CHECK_EQ(refusal("exclusive", LEAT_RECEIVE, &reason), -EADDRINUSE);
        CHECK_EQ(refusal("", LEAT_RECEIVE, &reason), -EADDRINUSE);
        CHECK_EQ(refusal("framing=lines", LEAT_RECEIVE, &reason), -EADDRINUSE);
        CHECK_EQ(refusal("", LEAT_SEND, &reason), -EBUSY);
        CHECK_EQ(reason.row, LEAT_ROW_LISTENING);
        CHECK_EQ(refusal("exclusive", LEAT_SEND, &reason), 0);
        leat_close(receiver);
        receiver = receiver_at("");
        CHECK_EQ(refusal("exclusive", LEAT_RECEIVE, &reason), -EADDRINUSE);
        CHECK_EQ(refusal("exclusive", LEAT_SEND, &reason), -EBUSY);
        CHECK_EQ(refusal("", LEAT_RECEIVE, &reason), 0);
        leat_close(receiver);
        CHECK_EQ(refusal("exclusive", LEAT_RECEIVE, &reason), 0);
}

TEST(types_only_where_there_is_one_receiver) {
        char buffer[8];
        struct leat_reason reason;
        struct leat_channel *receiver = receiver_at("");
        CHECK_EQ(leat_receive(receiver, LEAT_TYPE(3), buffer, sizeof buffer, LEAT_NOW, NULL), -ENOTSUP);
        leat_close(receiver);
        CHECK_EQ(refusal("need=types", LEAT_RECEIVE, &reason), -ENOTSUP);
        CHECK_EQ(reason.row, LEAT_ROW_TYPES);
        receiver = receiver_at("exclusive&need=types");
        struct leat_channel *sender = sender_at("exclusive");
        for (int64_t type = 5; type > 0; type--)
                CHECK_EQ(leat_send(sender, type, &"abcdef"[type], 1, SOON), 0);
        CHECK_EQ(leat_receive(receiver, LEAT_TYPE(3), buffer, sizeof buffer, SOON, NULL), 1);
        CHECK_EQ(buffer[0], 'd');
        CHECK_EQ(leat_receive(receiver, LEAT_AT_MOST(4), buffer, sizeof buffer, SOON, NULL), 1);
        CHECK_EQ(buffer[0], 'b');
        take_text(receiver, "f");
        leat_close(sender);
        leat_close(receiver);
}

/* ---- bytes ---- */

TEST(lines_with_plain_programs) {
        char text[32] = "";
        struct leat_channel *receiver = receiver_at("framing=lines");
        write_plain("a\nb\nlast");
        take_text(receiver, "a");
        take_text(receiver, "b");
        take_text(receiver, "last");
        expect_end(receiver);
        write_plain("c\n");
        take_text(receiver, "c");
        expect_end(receiver);
        leat_close(receiver);
        int fd = open(fifo_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        struct leat_channel *sender = sender_at("framing=lines");
        send_text(sender, "x");
        send_text(sender, "y");
        CHECK_EQ(read(fd, text, sizeof text), 4);
        CHECK_STR(text, "x\ny\n");
        leat_close(sender);
        close(fd);
}

TEST(a_line_goes_in_one_step_or_not_at_all) {
        static char line[3 * PIPE_BUF];
        memset(line, 'l', sizeof line);
        struct leat_channel *receiver = receiver_at("framing=lines"), *sender = sender_at("framing=lines");
        struct leat_reason reason;
        CHECK_EQ(leat_send(sender, 1, line, PIPE_BUF - 1, SOON), 0);
        CHECK_EQ(leat_send(sender, 1, line, PIPE_BUF, SOON), -EMSGSIZE);
        CHECK_EQ(refusal("framing=lines&size=1M", LEAT_SEND, &reason), -ENOTSUP);
        CHECK_EQ(refusal("framing=lines", LEAT_RECEIVE, &reason), -EADDRINUSE);
        while (leat_send(sender, 1, line, 1000, LEAT_NOW) == 0)
                ;
        leat_close(sender);
        char got[PIPE_BUF];
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, got, sizeof got, SOON, NULL), PIPE_BUF - 1);
        ssize_t n;
        while ((n = leat_receive(receiver, LEAT_ANY, got, sizeof got, SOON, NULL)) != -ENODATA)
                CHECK_EQ(n, 1000);
        leat_close(receiver);
}

/* Its reader was killed in the middle of the stream: the next one begins with a whole line. */
static void take_one_line(void *argument) {
        struct leat_channel *receiver = receiver_at("framing=lines");
        harness_event_signal(argument);
        struct pollfd readable_at = { .fd = leat_fd(receiver), .events = POLLIN };
        CHECK_EQ(poll(&readable_at, 1, -1), 1);
        CHECK_EQ(receive_now(receiver), 3001);
        raise(SIGKILL);
}

TEST(a_killed_receiver_leaves_whole_lines) {
        static char line[3001];
        struct harness_event *opened = harness_event_new();
        pid_t pid = harness_fork(take_one_line, opened);
        harness_event_wait(opened);
        struct leat_channel *sender = sender_at("framing=lines");
        memset(line, 'k', sizeof line);
        while (leat_send(sender, 1, line, sizeof line, LEAT_NOW) == 0)
                ; /* more than it reads at once, or until it is dead */
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        struct leat_channel *receiver = receiver_at("framing=lines");
        leat_send(sender, 1, line, sizeof line, LEAT_NOW);
        leat_close(sender);
        char got[PIPE_BUF];
        ssize_t n;
        while ((n = leat_receive(receiver, LEAT_ANY, got, sizeof got, SOON, NULL)) != -ENODATA)
                CHECK_EQ(n, sizeof line);
        leat_close(receiver);
}

TEST(a_long_line_in_turn_is_finished_before_the_next) {
        static char line[LARGE_BYTES], got[LARGE_BYTES];
        memset(line, 'm', sizeof line);
        struct leat_channel *receiver = receiver_at("framing=lines&exclusive");
        struct leat_channel *a = sender_at("framing=lines&exclusive"), *b = sender_at("framing=lines&exclusive");
        CHECK_EQ(leat_send(a, 1, line, sizeof line, leat_in_ms(5)), -ETIMEDOUT); /* a part of it stands in the pipe */
        CHECK_EQ(leat_send(b, 1, "b", 1, LEAT_NOW), -EAGAIN);
        ssize_t n = -EAGAIN;
        while (n == -EAGAIN) { /* its rest goes before a's next message */
                (void)leat_send(a, 1, "a", 1, LEAT_NOW);
                n = leat_receive(receiver, LEAT_ANY, got, sizeof got, LEAT_NOW, NULL);
        }
        CHECK_EQ(n, sizeof line);
        CHECK_MEM(got, line, sizeof line);
        send_text(a, "end");
        send_text(b, "b");
        leat_close(a);
        leat_close(b);
        int count = 0;
        while ((n = leat_receive(receiver, LEAT_ANY, got, sizeof got, SOON, NULL)) != -ENODATA) {
                CHECK(n == 1 || n == 3);
                count++;
        }
        CHECK(count >= 2);
        leat_close(receiver);
}

TEST(half_a_length_is_no_message) {
        struct leat_channel *receiver = receiver_at("framing=length");
        int fd = open(fifo_path, O_WRONLY | O_CLOEXEC);
        CHECK_EQ(write(fd, "\0\0\0\2hi\0\0", 8), 8);
        take_text(receiver, "hi");
        CHECK_EQ(receive_now(receiver), -EAGAIN);
        close(fd);
        expect_end(receiver);
        struct leat_channel *sender = sender_at("framing=length");
        send_text(sender, "whole");
        take_text(receiver, "whole");
        leat_close(sender);
        leat_close(receiver);
}

TEST_MAIN()
