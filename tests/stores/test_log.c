/* SPDX-License-Identifier: MIT */
/* The log: what persists, where readers begin, and what other programs do to the file. */
#include "harness.h"
#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SOON harness_deadline_ms(10000)

static char path[200], address[256];

static const char *at(const char *options) {
        snprintf(path, sizeof path, "%s/log", harness_tmpdir());
        snprintf(address, sizeof address, "log:%s%s", path, options);
        return address;
}

static struct leat_channel *open_end(const char *options, unsigned flags) {
        struct leat_channel *channel;
        struct leat_reason reason = { 0 };
        struct leat_open_options how = LEAT_OPEN_OPTIONS_INIT;
        how.flags = flags;
        how.deadline = SOON;
        int r = leat_open_with(at(options), &how, &reason, &channel);
        if (r < 0)
                FAIL("open %s: %s: %s", address, leat_strerror(r), reason.text ? reason.text : "");
        return channel;
}

static struct leat_channel *sender_at(const char *options) {
        return open_end(options, LEAT_SEND);
}

static struct leat_channel *receiver_at(const char *options) {
        return open_end(options, LEAT_RECEIVE);
}

static void say(struct leat_channel *sender, const char *text) {
        CHECK_EQ(leat_send(sender, 1, text, strlen(text), SOON), 0);
}

static void say_once(const char *text) {
        struct leat_channel *sender = sender_at("");
        say(sender, text);
        leat_close(sender);
}

static void hear(struct leat_channel *receiver, const char *text) {
        char buffer[256] = "";
        ssize_t n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer - 1, SOON, NULL);
        if (n < 0)
                FAIL("instead of %s: %s", text, leat_strerror((int)n));
        CHECK_STR(buffer, text);
}

static ssize_t hear_now(struct leat_channel *receiver) {
        char buffer[256];
        return leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL);
}

static off_t size_of(const char *name) {
        struct stat status;
        return stat(name, &status) == 0 ? status.st_size : -1;
}

static void append(const void *bytes, size_t size) {
        int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
        CHECK(fd >= 0);
        CHECK_EQ(write(fd, bytes, size), size);
        close(fd);
}

static void check_reason(struct leat_channel *channel, int error) {
        struct leat_reason why;
        CHECK_EQ(leat_why(channel, &why), 0);
        CHECK_EQ(why.error, error);
        CHECK(why.text && why.text[0]);
}

/* ---- what persists, and from where ---- */

TEST(a_late_reader_gets_everything) {
        say_once("one");
        say_once("two");
        struct leat_channel *early = receiver_at("");
        hear(early, "one");
        say_once("three");
        struct leat_channel *late = receiver_at("");
        hear(late, "one");
        hear(late, "two");
        hear(late, "three");
        CHECK_EQ(hear_now(late), -EAGAIN);
        hear(early, "two");
        hear(early, "three");
        CHECK_EQ(hear_now(early), -EAGAIN);
        say_once("four");
        hear(early, "four");
        hear(late, "four");
        leat_close(early);
        leat_close(late);
}

TEST(it_outlives_killed_senders) {
        pid_t pid = harness_fork((void (*)(void *))say_once, "before");
        CHECK_EQ(harness_wait(pid), 0);
        struct leat_channel *sender = sender_at(""), *receiver;
        say(sender, "open");
        leat_give(sender);
        leat_close(sender);
        receiver = receiver_at("");
        hear(receiver, "before");
        hear(receiver, "open");
        leat_close(receiver);
}

TEST(readers_begin_where_they_say) {
        struct leat_channel *sender = sender_at("?rotate=4096"), *receiver;
        char text[32], options[64];
        for (int i = 1; i <= 200; i++) {
                snprintf(text, sizeof text, "%d", i);
                say(sender, text);
        }
        const int numbers[] = { 1, 2, 56, 57, 58, 100, 199, 200 };
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
                snprintf(options, sizeof options, "?from=%d", numbers[i]);
                snprintf(text, sizeof text, "%d", numbers[i]);
                receiver = receiver_at(options);
                hear(receiver, text);
                leat_close(receiver);
        }
        receiver = receiver_at("?from=201");
        struct leat_channel *end = receiver_at("?from=end");
        CHECK_EQ(hear_now(receiver), -EAGAIN);
        say(sender, "201");
        hear(receiver, "201");
        hear(end, "201");
        leat_close(receiver);
        leat_close(end);
        leat_close(sender);
}

TEST(readers_begin_at_a_time) {
        char options[64];
        time_t now = time(NULL), before = now - 100, after = now + 100000;
        say_once("one");
        strftime(options, sizeof options, "?from=%Y-%m-%dT%H:%M:%SZ", gmtime(&before));
        struct leat_channel *receiver = receiver_at(options);
        hear(receiver, "one");
        leat_close(receiver);
        strftime(options, sizeof options, "?from=%Y-%m-%dT%H:%M:%SZ", gmtime(&after));
        receiver = receiver_at(options);
        CHECK_EQ(hear_now(receiver), -EAGAIN);
        leat_close(receiver);
}

TEST(a_log_can_be_sent_through_itself) {
        static char bytes[4096], back[4096];
        say_once("one");
        say_once("two");
        struct leat_channel *receiver = receiver_at("?from=end"), *sender = sender_at("");
        for (int i = 0; i < 4; i++) {
                int fd = open(path, O_RDONLY | O_CLOEXEC);
                ssize_t n = read(fd, bytes, sizeof bytes);
                close(fd);
                CHECK_EQ(leat_send(sender, 1, bytes, (size_t)n, SOON), 0);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, back, sizeof back, SOON, NULL), n);
                CHECK_MEM(back, bytes, (size_t)n);
        }
        CHECK_EQ(hear_now(receiver), -EAGAIN);
        leat_close(sender);
        leat_close(receiver);
}

TEST(the_largest_message_and_a_small_buffer) {
        const size_t size = 16 << 20;
        char *bytes = malloc(size), *back = malloc(size);
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct leat_channel *sender = sender_at(""), *receiver = receiver_at("");
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
        struct leat_channel *sender = sender_at(""), *receiver = receiver_at("");
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
        int in = open(from, O_RDONLY | O_CLOEXEC), out = open(at("") + 4, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ssize_t n = read(in, bytes, sizeof bytes);
        CHECK_EQ(n, 436);
        CHECK_EQ(write(out, bytes, (size_t)n), n);
        close(in);
        close(out);
        struct leat_channel *receiver = receiver_at("");
        hear(receiver, "hello");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), 5);
        CHECK(about.type == 7 && about.priority == 3);
        CHECK_MEM(buffer, "world", 5);
        hear(receiver, "\xb1Leatlog");
        hear(receiver, "after a torn one");
        CHECK_EQ(hear_now(receiver), -EAGAIN);
        leat_close(receiver);
}

/* ---- one position for all ---- */

TEST(each_message_of_a_queue_is_taken_once) {
        struct leat_channel *a = receiver_at("?pattern=queue"), *b = receiver_at("?pattern=queue");
        say_once("one");
        say_once("two");
        say_once("three");
        hear(a, "one");
        hear(b, "two");
        leat_close(a);
        struct leat_channel *c = receiver_at("?pattern=queue");
        hear(c, "three");
        CHECK_EQ(hear_now(b), -EAGAIN);
        struct leat_channel *all = receiver_at("");
        hear(all, "one"); /* nothing is used up */
        CHECK_EQ(leat_receive(c, LEAT_TYPE(2), NULL, 0, LEAT_NOW, NULL), -ENOTSUP);
        check_reason(c, -ENOTSUP);
        struct leat_reason reason;
        struct leat_channel *channel;
        struct leat_open_options how = LEAT_OPEN_OPTIONS_INIT;
        how.flags = LEAT_RECEIVE;
        CHECK_EQ(leat_open_with(at("?pattern=queue&exclusive"), &how, &reason, &channel), -EADDRINUSE);
        leat_close(all);
        leat_close(b);
        leat_close(c);
        c = receiver_at("?pattern=queue&exclusive");
        CHECK_EQ(leat_open_with(at("?pattern=queue"), &how, &reason, &channel), -EADDRINUSE);
        leat_close(c);
}

TEST(too_small_a_buffer_leaves_it_to_another) {
        struct leat_channel *a = receiver_at("?pattern=queue"), *b = receiver_at("?pattern=queue");
        char buffer[2];
        say_once("larger");
        CHECK_EQ(leat_receive(a, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -EMSGSIZE);
        hear(b, "larger");
        CHECK_EQ(leat_receive(a, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        leat_close(a);
        leat_close(b);
}

TEST(a_queue_goes_on_over_files_that_were_removed) {
        struct leat_channel *a = receiver_at("?pattern=queue"), *sender = sender_at("?rotate=4096&retain=0");
        char buffer[16];
        struct leat_message about = LEAT_MESSAGE_INIT;
        say(sender, "first");
        hear(a, "first");
        for (int i = 0; i < 300; i++)
                say(sender, "x");
        CHECK_EQ(hear_now(a), -ESTALE);
        check_reason(a, -ESTALE);
        unsigned count = 0;
        while (leat_receive(a, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, &about) == 1)
                count++;
        CHECK(count > 0 && count < 60);
        CHECK_EQ(about.sequence, 301);
        leat_close(a);
        leat_close(sender);
}

/* ---- the end, and what does not remain ---- */

static void send_and_wait(void *event) {
        struct leat_channel *sender = sender_at("");
        say(sender, "last words");
        harness_event_signal(event);
        for (;;)
                pause();
}

TEST(the_end_comes_after_a_kill_too) {
        struct harness_event *event = harness_event_new();
        const char *const ways[] = { "?end", "?end&pattern=queue" };
        for (size_t i = 0; i < 2; i++) {
                struct leat_channel *receiver = receiver_at(ways[i]);
                CHECK_EQ(hear_now(receiver), i == 0 ? -EAGAIN : 10);
                pid_t pid = harness_fork(send_and_wait, event);
                harness_event_wait(event);
                hear(receiver, "last words");
                CHECK_EQ(hear_now(receiver), -EAGAIN); /* it lives */
                CHECK_EQ(kill(pid, SIGKILL), 0);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL), -ENODATA);
                CHECK_EQ(hear_now(receiver), -EAGAIN); /* told once */
                CHECK_EQ(harness_wait(pid), -SIGKILL);
                leat_close(receiver);
        }
}

TEST(a_sender_that_says_nothing_ends_too) {
        struct leat_channel *receiver = receiver_at("?end");
        CHECK_EQ(hear_now(receiver), -EAGAIN);
        struct leat_channel *sender = sender_at("?end");
        CHECK_EQ(hear_now(receiver), -EAGAIN);
        leat_close(sender);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL), -ENODATA);
        leat_close(receiver);
}

TEST(temporary_goes_with_the_last) {
        struct leat_channel *sender = sender_at("?temporary"), *receiver = receiver_at("?temporary");
        say(sender, "x");
        leat_close(sender);
        CHECK(size_of(path) > 0);
        hear(receiver, "x");
        leat_close(receiver);
        CHECK_EQ(size_of(path), -1);
}

static void be_killed_with_it(void *event) {
        struct leat_channel *sender = sender_at("?temporary&rotate=4096");
        for (int i = 0; i < 100; i++)
                say(sender, "left behind");
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
        CHECK(size_of(at("") + 4) > 0);
        struct leat_channel *receiver = receiver_at("");
        CHECK_EQ(hear_now(receiver), -EAGAIN);
        leat_close(receiver);
        char second[256];
        snprintf(second, sizeof second, "%s.2", path);
        CHECK_EQ(size_of(second), -1);
}

/* ---- other programs ---- */

TEST(noise_is_skipped_and_counted) {
        struct leat_info info = LEAT_INFO_INIT;
        unsigned char noise[1000];
        for (size_t i = 0; i < sizeof noise; i++)
                noise[i] = (unsigned char)harness_random();
        struct leat_channel *receiver = receiver_at("");
        say_once("one");
        append(noise, sizeof noise);
        say_once("two");
        append("\xb1Leatlog", 8);
        say_once("three");
        append(noise, 3);
        hear(receiver, "one");
        hear(receiver, "two");
        hear(receiver, "three");
        CHECK_EQ(hear_now(receiver), -EAGAIN);
        CHECK_EQ(leat_channel_info(receiver, &info), 0);
        CHECK_EQ(info.refused, 3);
        leat_close(receiver);
}

TEST(a_stranger_is_left_alone) {
        struct leat_channel *channel;
        at("");
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK_EQ(write(fd, "dear diary\n", 11), 11);
        close(fd);
        CHECK_EQ(leat_open(address, LEAT_SEND, LEAT_NOW, &channel), -EEXIST);
        CHECK_EQ(leat_open(address, LEAT_RECEIVE, LEAT_NOW, &channel), -EEXIST);
        CHECK_EQ(leat_remove(address, NULL), -EEXIST);
        CHECK_EQ(size_of(path), 11);
}

static void say_more(void *given) {
        say(given, "from the child");
        leat_close(given);
}

/* The parent's close is not the end: the child has the same open file. */
TEST(a_given_sender_is_the_childs) {
        struct leat_channel *receiver = receiver_at("?end"), *sender = sender_at("");
        say(sender, "from the parent");
        CHECK_EQ(leat_give(sender), 0);
        hear(receiver, "from the parent");
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
        CHECK_EQ(hear_now(receiver), -EAGAIN); /* the child lives */
        CHECK_EQ(write(go[1], "x", 1), 1);
        hear(receiver, "from the child");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL), -ENODATA);
        CHECK_EQ(harness_wait(pid), 0);
        close(go[0]);
        close(go[1]);
        leat_close(receiver);
}

TEST(cut_below_a_reader) {
        struct leat_channel *sender = sender_at(""), *receiver = receiver_at("");
        for (int i = 0; i < 100; i++) {
                say(sender, "x");
                hear(receiver, "x");
        }
        CHECK_EQ(hear_now(receiver), -EAGAIN);
        CHECK_EQ(truncate(path, 1000), 0);
        CHECK_EQ(hear_now(receiver), -ESTALE);
        check_reason(receiver, -ESTALE);
        CHECK_EQ(hear_now(receiver), -EAGAIN);
        say(sender, "after");
        hear(receiver, "after");
        CHECK_EQ(truncate(path, 0), 0);
        say(sender, "anew");
        CHECK_EQ(hear_now(receiver), -ESTALE);
        hear(receiver, "anew");
        leat_close(receiver);
        leat_close(sender);
        receiver = receiver_at("");
        hear(receiver, "anew");
        leat_close(receiver);
}

static void wait_for_removal(void *event) {
        struct leat_channel *receiver = receiver_at("");
        harness_event_signal(event);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL), -EIDRM);
        check_reason(receiver, -EIDRM);
        leat_close(receiver);
}

TEST(removed_under_a_waiting_receiver) {
        struct harness_event *event = harness_event_new();
        struct leat_channel *sender = sender_at("");
        pid_t pid = harness_fork(wait_for_removal, event);
        harness_event_wait(event);
        harness_wait_state(pid, "S");
        CHECK_EQ(leat_remove(address, NULL), 0);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(leat_send(sender, 1, "x", 1, SOON), -EIDRM);
        check_reason(sender, -EIDRM);
        leat_close(sender);
        CHECK_EQ(leat_remove(address, NULL), -ENOENT);
}

TEST(a_file_size_limit_is_an_error_and_no_signal) {
        struct leat_reason why;
        struct rlimit limit = { .rlim_cur = 4096, .rlim_max = 4096 };
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
        struct leat_channel *sender = sender_at(""), *receiver = receiver_at("");
        char bytes[1000] = { 0 };
        unsigned sent = 0;
        int r;
        while ((r = leat_send(sender, 1, bytes, sizeof bytes, SOON)) == 0)
                sent++;
        CHECK_EQ(r, -EFBIG);
        CHECK_EQ(leat_why(sender, &why), 0);
        CHECK_STR(why.limit, "RLIMIT_FSIZE");
        CHECK_EQ(sent, 3);
        CHECK_EQ(leat_send(sender, 1, bytes, 10, SOON), 0);
        leat_close(sender);
        leat_close(receiver);
}

/* A disk of 256 KiB of our own. */
TEST(a_full_disk_leaves_whole_messages) {
        static char bytes[30000], back[30000];
        char options[64] = "size=256k";
        at("");
        if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("leat", harness_tmpdir(), "tmpfs", 0, options) < 0)
                SKIP("a disk of our own cannot be mounted: %s", strerror(errno));
        struct leat_channel *one = sender_at(""), *two = sender_at(""), *receiver = receiver_at("");
        unsigned sent = 0, taken = 0;
        for (int i = 0; i < 40; i++)
                sent += leat_send(i % 2 ? one : two, 1, bytes, sizeof bytes, SOON) == 0;
        CHECK(sent > 3 && sent < 9);
        CHECK_EQ(leat_send(one, 1, bytes, sizeof bytes, SOON), -ENOSPC);
        check_reason(one, -ENOSPC);
        while (leat_receive(receiver, LEAT_ANY, back, sizeof back, LEAT_NOW, NULL) == (ssize_t)sizeof back)
                taken++;
        CHECK_EQ(taken, sent);
        leat_close(one);
        /* The one sender that is left takes back what it wrote in part. */
        off_t size = size_of(path);
        CHECK_EQ(leat_send(two, 1, bytes, sizeof bytes, SOON), -ENOSPC);
        CHECK_EQ(size_of(path), size);
        leat_close(two);
        leat_close(receiver);
        CHECK_EQ(leat_remove(address, NULL), 0);
        CHECK_EQ(umount2(harness_tmpdir(), MNT_DETACH), 0);
}

TEST(durable_in_every_way) {
        const char *const ways[] = { "?durable=none", "?durable=each", "?durable=group" };
        struct leat_channel *receiver = receiver_at("");
        for (size_t i = 0; i < 3; i++) {
                struct leat_channel *sender = sender_at(ways[i]);
                for (int n = 0; n < 130; n++) {
                        say(sender, "kept");
                        hear(receiver, "kept");
                }
                leat_close(sender);
        }
        leat_close(receiver);
}

TEST(info_create_set_and_remove) {
        struct leat_info info = LEAT_INFO_INIT;
        struct stat status;
        umask(022);
        CHECK_EQ(leat_inspect(at(""), NULL, &info), -ENOENT);
        CHECK_EQ(leat_create(address, 0660, true, NULL), 0);
        CHECK_EQ(leat_create(address, 0660, true, NULL), -EEXIST);
        CHECK_EQ(leat_create(address, 0660, false, NULL), 0);
        CHECK_EQ(stat(path, &status), 0);
        CHECK_EQ(status.st_mode & 0777, 0640);
        CHECK_EQ(leat_set(address, "mode", "0600", NULL), 0);
        CHECK_EQ(leat_set(address, "depth", "5", NULL), -ENOTSUP);
        say_once("one");
        say_once("two");
        CHECK_EQ(leat_inspect(address, NULL, &info), 0);
        CHECK_EQ(info.queued_messages, 2);
        CHECK_EQ(info.queued_bytes, 2 * 72);
        CHECK_EQ(info.mode, 0600);
        CHECK(info.first_ns > 0 && info.last_ns >= info.first_ns);
        struct leat_channel *receiver = receiver_at("?pattern=queue");
        hear(receiver, "one");
        leat_close(receiver);
        CHECK_EQ(leat_inspect(at("?pattern=queue"), NULL, &info), 0);
        CHECK_EQ(info.queued_messages, 1);
        CHECK_EQ(leat_remove(address, NULL), 0);
        CHECK_EQ(size_of(path), -1);
}

TEST_MAIN()
