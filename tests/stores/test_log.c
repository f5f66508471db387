/* SPDX-License-Identifier: MIT */
/* The log: what persists, where readers begin, and what other programs do to the file. */
#include "log.h"
#include "transport/log_file.h"
#include <poll.h>
#include <time.h>

/* ---- what persists, and from where ---- */

TEST(a_late_reader_gets_everything) {
        log_say_once("one");
        log_say_once("two");
        struct leat_channel *early = log_receiver("");
        log_hear(early, "one");
        log_say_once("three");
        struct leat_channel *late = log_receiver("");
        log_hear(late, "one");
        log_hear(late, "two");
        log_hear(late, "three");
        CHECK_EQ(log_hear_now(late), -EAGAIN);
        log_hear(early, "two");
        log_hear(early, "three");
        CHECK_EQ(log_hear_now(early), -EAGAIN);
        log_say_once("four");
        log_hear(early, "four");
        log_hear(late, "four");
        leat_close(early);
        leat_close(late);
}

TEST(it_outlives_killed_senders) {
        pid_t pid = harness_fork((void (*)(void *))log_say_once, "before");
        CHECK_EQ(harness_wait(pid), 0);
        struct leat_channel *sender = log_sender(""), *receiver;
        log_say(sender, "open");
        leat_give(sender);
        leat_close(sender);
        receiver = log_receiver("");
        log_hear(receiver, "before");
        log_hear(receiver, "open");
        leat_close(receiver);
}

TEST(readers_begin_where_they_say) {
        struct leat_channel *sender = log_sender("?rotate=4096"), *receiver;
        char text[32], options[64];
        for (int i = 1; i <= 200; i++) {
                snprintf(text, sizeof text, "%d", i);
                log_say(sender, text);
        }
        const int numbers[] = { 1, 2, 56, 57, 58, 100, 199, 200 };
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
                snprintf(options, sizeof options, "?from=%d", numbers[i]);
                snprintf(text, sizeof text, "%d", numbers[i]);
                receiver = log_receiver(options);
                log_hear(receiver, text);
                leat_close(receiver);
        }
        receiver = log_receiver("?from=201");
        struct leat_channel *end = log_receiver("?from=end");
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        log_say(sender, "201");
        log_hear(receiver, "201");
        log_hear(end, "201");
        leat_close(receiver);
        leat_close(end);
        leat_close(sender);
}

TEST(readers_begin_at_a_time) {
        char options[64];
        time_t now = time(NULL), before = now - 100, after = now + 100000;
        log_say_once("one");
        strftime(options, sizeof options, "?from=%Y-%m-%dT%H:%M:%SZ", gmtime(&before));
        struct leat_channel *receiver = log_receiver(options);
        log_hear(receiver, "one");
        leat_close(receiver);
        strftime(options, sizeof options, "?from=%Y-%m-%dT%H:%M:%SZ", gmtime(&after));
        receiver = log_receiver(options);
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        leat_close(receiver);
}

TEST(a_log_can_be_sent_through_itself) {
        static char bytes[4096], back[4096];
        log_say_once("one");
        log_say_once("two");
        struct leat_channel *receiver = log_receiver("?from=end"), *sender = log_sender("");
        for (int i = 0; i < 4; i++) {
                int fd = open(log_path(), O_RDONLY | O_CLOEXEC);
                ssize_t n = read(fd, bytes, sizeof bytes);
                close(fd);
                CHECK_EQ(leat_send(sender, 1, bytes, (size_t)n, SOON), 0);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, back, sizeof back, SOON, NULL), n);
                CHECK_MEM(back, bytes, (size_t)n);
        }
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        leat_close(sender);
        leat_close(receiver);
}

TEST(the_largest_message_and_a_small_buffer) {
        const size_t size = 16 << 20;
        char *bytes = malloc(size), *back = malloc(size);
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct leat_channel *sender = log_sender(""), *receiver = log_receiver("");
        memset(bytes, 'x', size);
        CHECK_EQ(leat_send(sender, 3, bytes, size, SOON), 0);
        CHECK_EQ(leat_send(sender, 3, bytes, size + 1, SOON), -EMSGSIZE);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, back, 10, SOON, &about), -EMSGSIZE);
        CHECK_EQ(about.size_bytes, size);
        CHECK_EQ(leat_receive(receiver, LEAT_TYPE(3), back, size, SOON, &about), size);
        CHECK_MEM(back, bytes, size);
        free(bytes);
        free(back);
        leat_close(sender);
        leat_close(receiver);
}

TEST(types_are_selected) {
        struct leat_channel *sender = log_sender(""), *receiver = log_receiver("");
        char buffer[8];
        for (int64_t type = 5; type >= 1; type--)
                CHECK_EQ(leat_send(sender, type, "x", 1, SOON), 0);
        struct leat_message about = LEAT_MESSAGE_INIT;
        CHECK_EQ(leat_receive(receiver, LEAT_TYPE(2), buffer, sizeof buffer, SOON, &about), 1);
        CHECK_EQ(about.type, 2);
        CHECK_EQ(leat_receive(receiver, LEAT_AT_MOST(3), buffer, sizeof buffer, SOON, &about), 1);
        CHECK_EQ(about.type, 1);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), 1);
        CHECK_EQ(about.type, 5);
        leat_close(sender);
        leat_close(receiver);
}

/* What the first release wrote: a plain record, one with type and priority, a masked one, a torn one, and one behind it. */
TEST(recorded_bytes_are_read_for_ever) {
        static char bytes[1000];
        struct leat_message about = LEAT_MESSAGE_INIT;
        char from[300], buffer[64];
        const char *root = getenv("LEAT_SOURCE_ROOT");
        if (!root)
                SKIP("LEAT_SOURCE_ROOT is not set: run by meson test");
        snprintf(from, sizeof from, "%s/tests/stores/v1-log.bin", root);
        int in = open(from, O_RDONLY | O_CLOEXEC), out = open(log_path(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ssize_t n = read(in, bytes, sizeof bytes);
        CHECK_EQ(n, 436);
        CHECK_EQ(write(out, bytes, (size_t)n), n);
        close(in);
        close(out);
        struct leat_channel *receiver = log_receiver("");
        log_hear(receiver, "hello");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), 5);
        CHECK(about.type == 7 && about.priority == 3);
        CHECK_MEM(buffer, "world", 5);
        log_hear(receiver, "\xb1Leatlog");
        log_hear(receiver, "after a torn one");
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        leat_close(receiver);
}

/* ---- one position for all ---- */

TEST(each_message_of_a_queue_is_taken_once) {
        struct leat_channel *a = log_receiver("?pattern=queue"), *b = log_receiver("?pattern=queue");
        log_say_once("one");
        log_say_once("two");
        log_say_once("three");
        log_hear(a, "one");
        log_hear(b, "two");
        leat_close(a);
        struct leat_channel *c = log_receiver("?pattern=queue");
        log_hear(c, "three");
        CHECK_EQ(log_hear_now(b), -EAGAIN);
        struct leat_channel *all = log_receiver("");
        log_hear(all, "one"); /* nothing is used up */
        CHECK_EQ(leat_receive(c, LEAT_TYPE(2), NULL, 0, LEAT_NOW, NULL), -ENOTSUP);
        log_check_reason(c, -ENOTSUP);
        struct leat_reason reason;
        struct leat_channel *channel;
        struct leat_open_options how = LEAT_OPEN_OPTIONS_INIT;
        how.flags = LEAT_RECEIVE;
        CHECK_EQ(leat_open_with(log_at("?pattern=queue&exclusive"), &how, &reason, &channel), -EADDRINUSE);
        leat_close(all);
        leat_close(b);
        leat_close(c);
        c = log_receiver("?pattern=queue&exclusive");
        CHECK_EQ(leat_open_with(log_at("?pattern=queue"), &how, &reason, &channel), -EADDRINUSE);
        leat_close(c);
}

TEST(too_small_a_buffer_leaves_it_to_another) {
        struct leat_channel *a = log_receiver("?pattern=queue"), *b = log_receiver("?pattern=queue");
        char buffer[2];
        log_say_once("larger");
        CHECK_EQ(leat_receive(a, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -EMSGSIZE);
        log_hear(b, "larger");
        CHECK_EQ(leat_receive(a, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        leat_close(a);
        leat_close(b);
}

TEST(a_queue_goes_on_over_files_that_were_removed) {
        struct leat_channel *a = log_receiver("?pattern=queue"), *sender = log_sender("?rotate=4096&retain=0");
        char buffer[16];
        struct leat_message about = LEAT_MESSAGE_INIT;
        log_say(sender, "first");
        log_hear(a, "first");
        for (int i = 0; i < 300; i++)
                log_say(sender, "x");
        CHECK_EQ(log_hear_now(a), -ESTALE);
        log_check_reason(a, -ESTALE);
        unsigned count = 0;
        while (leat_receive(a, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, &about) == 1)
                count++;
        CHECK(count > 0 && count < 60);
        CHECK_EQ(about.sequence, 301);
        leat_close(a);
        leat_close(sender);
}

/* ---- what no event tells, and leat_fd() does all the same ---- */

static void lock_byte(int fd, off_t byte, short type) {
        struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
        CHECK_EQ(fcntl(fd, F_OFD_SETLK, &lock), 0);
}

/* As a program with its own poll loop does it: 1: it is readable. */
static int poll_until(struct leat_channel *receiver, int64_t deadline) {
        struct pollfd poll_fd = { .fd = leat_fd(receiver), .events = POLLIN };
        int64_t left_ms = (deadline - leat_now()) / 1000000;
        return poll(&poll_fd, 1, left_ms > 0 ? (int)left_ms : 0);
}

static ssize_t poll_and_receive(struct leat_channel *receiver) {
        int64_t deadline = SOON;
        ssize_t n;
        do
                CHECK_EQ(poll_until(receiver, deadline), 1);
        while ((n = log_hear_now(receiver)) == -EAGAIN);
        return n;
}

/* Another receiver holds the position, and lets go of it. */
TEST(polling_sees_that_the_position_is_free_again) {
        log_say_once("one");
        struct leat_channel *receiver = log_receiver("?pattern=queue");
        int fd = open(log_path_of(".position"), O_RDWR | O_CLOEXEC);
        lock_byte(fd, 0, F_WRLCK);
        CHECK(leat_fd(receiver) >= 0);
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        lock_byte(fd, 0, F_UNLCK);
        CHECK_EQ(poll_and_receive(receiver), 3);
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        CHECK_EQ(poll_until(receiver, LEAT_NOW), 0); /* and it is quiet again */
        close(fd);
        leat_close(receiver);
}

/* The kernel tells that a killed sender's file was closed before it frees its locks. */
TEST(polling_sees_an_end_that_comes_after_its_event) {
        struct leat_channel *receiver = log_receiver("?end");
        CHECK(leat_fd(receiver) >= 0);
        log_say_once("one");
        int fd = open(log_path(), O_RDONLY | O_CLOEXEC);
        lock_byte(fd, (off_t)((INT64_C(1) << 62) + LOG_LOCK_ENDER), F_RDLCK);
        log_hear(receiver, "one");
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        lock_byte(fd, (off_t)((INT64_C(1) << 62) + LOG_LOCK_ENDER), F_UNLCK);
        CHECK_EQ(poll_and_receive(receiver), -ENODATA);
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        CHECK_EQ(poll_until(receiver, LEAT_NOW), 0);
        close(fd);
        leat_close(receiver);
}

/* It may stand still between the two, for longer than anybody looks again and again. */
TEST(an_end_may_come_long_after_its_event) {
        struct leat_channel *receiver = log_receiver("?end");
        log_say_once("one");
        int fd = open(log_path(), O_RDONLY | O_CLOEXEC);
        lock_byte(fd, (off_t)((INT64_C(1) << 62) + LOG_LOCK_ENDER), F_RDLCK);
        log_hear(receiver, "one");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, leat_in_ms(400), NULL), -ETIMEDOUT);
        lock_byte(fd, (off_t)((INT64_C(1) << 62) + LOG_LOCK_ENDER), F_UNLCK);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL), -ENODATA);
        close(fd);
        leat_close(receiver);
}

/* ---- the end, and what does not remain ---- */

static void send_and_wait(void *event) {
        struct leat_channel *sender = log_sender("");
        log_say(sender, "last words");
        harness_event_signal(event);
        for (;;)
                pause();
}

TEST(the_end_comes_after_a_kill_too) {
        struct harness_event *event = harness_event_new();
        const char *const ways[] = { "?end", "?end&pattern=queue" };
        for (size_t i = 0; i < 2; i++) {
                struct leat_channel *receiver = log_receiver(ways[i]);
                CHECK_EQ(log_hear_now(receiver), i == 0 ? -EAGAIN : 10);
                pid_t pid = harness_fork(send_and_wait, event);
                harness_event_wait(event);
                log_hear(receiver, "last words");
                CHECK_EQ(log_hear_now(receiver), -EAGAIN); /* it lives */
                CHECK_EQ(kill(pid, SIGKILL), 0);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL), -ENODATA);
                CHECK_EQ(log_hear_now(receiver), -EAGAIN); /* told once */
                CHECK_EQ(harness_wait(pid), -SIGKILL);
                leat_close(receiver);
        }
}

TEST(a_sender_that_says_nothing_ends_too) {
        struct leat_channel *receiver = log_receiver("?end");
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        struct leat_channel *sender = log_sender("?end");
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        leat_close(sender);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL), -ENODATA);
        leat_close(receiver);
}

TEST(temporary_goes_with_the_last) {
        struct leat_channel *sender = log_sender("?temporary"), *receiver = log_receiver("?temporary");
        log_say(sender, "x");
        leat_close(sender);
        CHECK(log_size_of(log_path()) > 0);
        log_hear(receiver, "x");
        leat_close(receiver);
        CHECK_EQ(log_size_of(log_path()), -1);
}

static void be_killed_with_it(void *event) {
        struct leat_channel *sender = log_sender("?temporary&rotate=4096");
        for (int i = 0; i < 100; i++)
                log_say(sender, "left behind");
        harness_event_signal(event);
        for (;;)
                pause();
}

TEST(temporary_is_begun_anew_after_a_kill) {
        struct harness_event *event = harness_event_new();
        pid_t pid = harness_fork(be_killed_with_it, event);
        harness_event_wait(event);
        kill(pid, SIGKILL);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        CHECK(log_size_of(log_path()) > 0);
        struct leat_channel *receiver = log_receiver("");
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        leat_close(receiver);
        CHECK_EQ(log_size_of(log_path_of(".2")), -1);
}

static void say_more(void *given) {
        log_say(given, "from the child");
        leat_close(given);
}

/* The parent's close is not the end: the child has the same open file. */
TEST(a_given_sender_is_the_childs) {
        struct leat_channel *receiver = log_receiver("?end"), *sender = log_sender("");
        log_say(sender, "from the parent");
        CHECK_EQ(leat_give(sender), 0);
        log_hear(receiver, "from the parent");
        int go[2];
        char byte;
        CHECK_EQ(pipe2(go, O_CLOEXEC), 0);
        pid_t pid = fork();
        if (pid == 0) {
                CHECK_EQ(read(go[0], &byte, 1), 1);
                say_more(sender);
                _exit(0);
        }
        leat_close(sender);
        CHECK_EQ(log_hear_now(receiver), -EAGAIN); /* the child lives */
        CHECK_EQ(write(go[1], "x", 1), 1);
        log_hear(receiver, "from the child");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL), -ENODATA);
        CHECK_EQ(harness_wait(pid), 0);
        close(go[0]);
        close(go[1]);
        leat_close(receiver);
}

TEST(durable_in_every_way) {
        const char *const ways[] = { "?durable=none", "?durable=each", "?durable=group" };
        struct leat_channel *receiver = log_receiver("");
        for (size_t i = 0; i < 3; i++) {
                struct leat_channel *sender = log_sender(ways[i]);
                for (int n = 0; n < 130; n++) {
                        log_say(sender, "kept");
                        log_hear(receiver, "kept");
                }
                leat_close(sender);
        }
        leat_close(receiver);
}

TEST(info_create_set_and_remove) {
        struct leat_info info = LEAT_INFO_INIT;
        struct stat status;
        umask(022);
        CHECK_EQ(leat_inspect(log_at(""), NULL, &info), -ENOENT);
        CHECK_EQ(leat_create(log_at(""), 0660, true, NULL), 0);
        CHECK_EQ(leat_create(log_at(""), 0660, true, NULL), -EEXIST);
        CHECK_EQ(leat_create(log_at(""), 0660, false, NULL), 0);
        CHECK_EQ(stat(log_path(), &status), 0);
        CHECK_EQ(status.st_mode & 0777, 0640);
        CHECK_EQ(leat_set(log_at(""), "mode", "0600", NULL), 0);
        CHECK_EQ(leat_set(log_at(""), "depth", "5", NULL), -ENOTSUP);
        log_say_once("one");
        log_say_once("two");
        CHECK_EQ(leat_inspect(log_at(""), NULL, &info), 0);
        CHECK_EQ(info.queued_messages, 2);
        CHECK_EQ(info.queued_bytes, 2 * 72);
        CHECK_EQ(info.mode, 0600);
        CHECK(info.first_ns > 0 && info.last_ns >= info.first_ns);
        struct leat_channel *receiver = log_receiver("?pattern=queue");
        log_hear(receiver, "one");
        leat_close(receiver);
        CHECK_EQ(leat_inspect(log_at("?pattern=queue"), NULL, &info), 0);
        CHECK_EQ(info.queued_messages, 1);
        CHECK_EQ(leat_remove(log_at(""), NULL), 0);
        CHECK_EQ(log_size_of(log_path()), -1);
}

TEST_MAIN()
