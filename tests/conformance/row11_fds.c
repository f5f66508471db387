/* SPDX-License-Identifier: MIT */

/* Row 11: descriptors travel with a message, all or none. */

#include "conformance.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* So many descriptors, each of a file of its own. */
static void make_files(int *fds, size_t count) {
        for (size_t i = 0; i < count; i++) {
                fds[i] = memfd_create("travels", 0);
                CHECK(fds[i] >= 0);
                CHECK_EQ(ftruncate(fds[i], (off_t)i + 1), 0);
        }
}

/* They are those, in order, and close-on-exec; then they are closed. */
static void check_files(const int *fds, size_t count) {
        for (size_t i = 0; i < count; i++) {
                struct stat status;
                CHECK_EQ(fstat(fds[i], &status), 0);
                CHECK_EQ(status.st_size, (off_t)i + 1);
                CHECK_EQ(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
                CHECK_EQ(close(fds[i]), 0);
        }
}

static void close_files(const int *fds, size_t count) {
        for (size_t i = 0; i < count; i++)
                CHECK_EQ(close(fds[i]), 0);
}

static int send_files(struct leat_channel *sender, int64_t type, const void *bytes, size_t size, const int *fds,
                      size_t count) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.type = type;
        options.descriptors = fds;
        options.descriptors_count = count;
        options.deadline = SOON;
        return leat_send_with(sender, bytes, size, &options);
}

static void take_files(struct leat_channel *receiver, int64_t select, const char *text, size_t count) {
        int fds[LEAT_DESCRIPTORS_MAX];
        struct leat_message about = LEAT_MESSAGE_INIT;
        char buffer[32] = "";
        about.descriptors = fds;
        about.descriptors_max = LEAT_DESCRIPTORS_MAX;
        CHECK_EQ(leat_receive(receiver, select, buffer, sizeof buffer - 1, SOON, &about), strlen(text));
        CHECK_STR(buffer, text);
        CHECK_EQ(about.descriptors_count, count);
        check_files(fds, count);
}

CONFORMS(LEAT_ROW_DESCRIPTORS, from_one_to_the_most) {
        static const size_t counts[] = { 1, 2, 100, LEAT_DESCRIPTORS_MAX };
        struct leat_channel *receiver, *sender;
        int fds[LEAT_DESCRIPTORS_MAX + 1];
        place_both_new(subject, "", &receiver, &sender);
        make_files(fds, LEAT_DESCRIPTORS_MAX + 1);
        for (int i = 0; i < 4; i++) {
                CHECK_EQ(send_files(sender, 1, "files", 5, fds, counts[i]), 0);
                CHECK_EQ(send_files(sender, 1, NULL, 0, fds, counts[i]), 0);
                take_files(receiver, LEAT_ANY, "files", counts[i]);
                take_files(receiver, LEAT_ANY, "", counts[i]);
        }
        CHECK_EQ(send_files(sender, 1, "files", 5, fds, LEAT_DESCRIPTORS_MAX + 1), -EINVAL);
        int bad = 1 << 20;
        CHECK_EQ(send_files(sender, 1, "files", 5, &bad, 1), -EBADF);
        settle(receiver);
        send_text(sender, 1, "goes on");
        take_text(receiver, LEAT_ANY, "goes on");
        close_files(fds, LEAT_DESCRIPTORS_MAX + 1);
        leat_close(sender);
        leat_close(receiver);
}

#define LARGE_SIZE 200000

static size_t large_size(struct leat_channel *channel) {
        uint64_t largest = info_of(channel).largest_bytes;
        return largest < LARGE_SIZE ? (size_t)largest : LARGE_SIZE;
}

static void send_large_with_files(struct leat_channel *sender, void *argument) {
        static uint8_t bytes[LARGE_SIZE];
        size_t size = large_size(sender);
        int fds[3];
        (void)argument;
        make_files(fds, 3);
        for (uint64_t i = 0; i < 5; i++) {
                fill(bytes, size, i);
                CHECK_EQ(send_files(sender, 1, bytes, size, fds, 3), 0);
                CHECK_EQ(leat_send(sender, 1, bytes, size, SOON), 0);
        }
}

CONFORMS(LEAT_ROW_DESCRIPTORS, with_a_large_message) {
        static uint8_t bytes[LARGE_SIZE];
        struct place place;
        place_new(&place, subject, "");
        pid_t pid = place_fork_sender(&place, send_large_with_files, NULL);
        struct leat_channel *receiver = place_receiver(&place);
        size_t size = large_size(receiver);
        for (int i = 0; i < 10; i++) {
                int fds[3];
                struct leat_message about = LEAT_MESSAGE_INIT;
                about.descriptors = fds;
                about.descriptors_max = 3;
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, bytes, sizeof bytes, SOON, &about), size);
                check_filled(bytes, size, (uint64_t)i / 2);
                CHECK_EQ(about.descriptors_count, i % 2 ? 0 : 3);
                check_files(fds, about.descriptors_count);
        }
        expect_end(receiver);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_DESCRIPTORS, unwanted_ones_are_closed) {
        struct leat_channel *receiver, *sender;
        struct leat_message about = LEAT_MESSAGE_INIT;
        char buffer[8];
        int fds[3], before = harness_count_descriptors();
        make_files(fds, 3);
        place_both_new(subject, "", &receiver, &sender);
        send_text(sender, 1, "first");
        take_text(receiver, LEAT_ANY, "first");
        send_text(sender, 1, "second"); /* who connected may keep places for the answer to its first */
        take_text(receiver, LEAT_ANY, "second");
        int with_both = harness_count_descriptors();
        for (int i = 0; i < 3; i++)
                CHECK_EQ(send_files(sender, 1, "x", 1, fds, 3), 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 1);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), 1);
        CHECK_EQ(about.descriptors_count, 3);
        CHECK_EQ(harness_count_descriptors(), with_both);
        /* One that is kept when the channel is closed takes its descriptors along. */
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL), -EMSGSIZE);
        close_files(fds, 3);
        leat_close(receiver);
        leat_close(sender);
        CHECK_EQ(harness_count_descriptors(), before);
}

CONFORMS(LEAT_ROW_DESCRIPTORS, too_little_place) {
        struct leat_channel *receiver, *sender;
        char buffer[8];
        int fds[3], got[3];
        make_files(fds, 3);
        place_both_new(subject, "", &receiver, &sender);
        CHECK_EQ(send_files(sender, 1, "files", 5, fds, 3), 0);
        int before = 0;
        for (size_t room = 0; room < 3; room++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                about.descriptors = got;
                about.descriptors_max = room;
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), -EMSGSIZE);
                CHECK_EQ(about.descriptors_count, 3);
                CHECK_EQ(about.size_bytes, 5);
                CHECK(before == 0 || harness_count_descriptors() == before);
                before = harness_count_descriptors();
        }
        take_files(receiver, LEAT_ANY, "files", 3);
        settle(receiver);
        close_files(fds, 3);
        leat_close(sender);
        leat_close(receiver);
}

static void limit_descriptors(rlim_t count) {
        struct rlimit limit;
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = count;
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* The receiver has no descriptor left: it is told, and the next message comes. */
CONFORMS(LEAT_ROW_DESCRIPTORS, no_room_in_the_process) {
        struct leat_channel *receiver, *sender;
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct rlimit old;
        char buffer[8];
        int fds[4], got[4];
        make_files(fds, 4);
        place_both_new(subject, "", &receiver, &sender);
        send_text(sender, 1, "first");
        take_text(receiver, LEAT_ANY, "first");
        CHECK_EQ(send_files(sender, 1, "lost", 4, fds, 4), 0);
        send_text(sender, 1, "next");
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
        int lowest = dup(0);
        CHECK_EQ(close(lowest), 0);
        limit_descriptors((rlim_t)lowest + 2); /* room for two of four */
        about.descriptors = got;
        about.descriptors_max = 4;
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), -EMFILE);
        struct leat_reason reason = { 0 };
        CHECK_EQ(leat_why(receiver, &reason), 0);
        CHECK(reason.text && reason.limit);
        CHECK_STR(reason.limit, "RLIMIT_NOFILE");
        CHECK_EQ(reason.limit_value, lowest + 2);
        take_text(receiver, LEAT_ANY, "next");
        limit_descriptors(old.rlim_cur);
        CHECK_EQ(send_files(sender, 1, "files", 5, fds, 4), 0);
        take_files(receiver, LEAT_ANY, "files", 4);
        close_files(fds, 4);
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_DESCRIPTORS, set_aside, .also = ROW(LEAT_ROW_TYPES)) {
        struct leat_channel *receiver, *sender;
        int fds[5];
        make_files(fds, 5);
        place_both_new(subject, "", &receiver, &sender);
        for (size_t i = 1; i <= 5; i++)
                CHECK_EQ(send_files(sender, (int64_t)i, "files", 5, fds, i), 0);
        for (size_t i = 5; i >= 1; i--)
                take_files(receiver, LEAT_TYPE(i), "files", i);
        settle(receiver);
        close_files(fds, 5);
        leat_close(sender);
        leat_close(receiver);
}
