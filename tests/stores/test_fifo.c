/* SPDX-License-Identifier: MIT */
/* fifo: opening, the end, the life of the name. What the conformance suite proves of every transport is not repeated. */
#include "fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool readable(int fd) {
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
        return poll(&poll_fd, 1, 0) == 1;
}

/* ---- the end ---- */

static void expect_seen(struct leat_channel *receiver) {
        take_text(receiver, "hello");
        CHECK_EQ(receive_now(receiver), -EAGAIN);
}

TEST(the_end_is_told_once_and_then_the_next_sender_comes) {
        struct leat_channel *receiver = receiver_at("");
        CHECK_EQ(receive_now(receiver), -EAGAIN); /* nobody came yet */
        for (int round = 0; round < 4; round++) {
                struct leat_channel *sender = sender_at("");
                if (round != 1) /* one that came, said nothing and went */
                        send_text(sender, "hello");
                if (round == 2) /* and one that is seen while it is there */
                        expect_seen(receiver);
                leat_close(sender);
                if (round == 0 || round == 3)
                        take_text(receiver, "hello");
                expect_end(receiver);
                CHECK_EQ(receive_now(receiver), -EAGAIN);
        }
        leat_close(receiver);
}

/* Told by one receiver, while another has still to learn of it. */
TEST(each_receiver_is_told) {
        struct leat_channel *a = receiver_at(""), *b = receiver_at("");
        struct leat_channel *sender = sender_at("");
        send_text(sender, "hello");
        leat_close(sender);
        take_text(a, "hello");
        expect_end(a);
        sender = sender_at("");
        CHECK_EQ(receive_now(a), -EAGAIN);
        send_text(sender, "again");
        take_text(b, "again");
        leat_close(sender);
        expect_end(a);
        expect_end(b);
        CHECK_EQ(receive_now(a), -EAGAIN);
        CHECK_EQ(receive_now(b), -EAGAIN);
        leat_close(a);
        leat_close(b);
}

/* What is polled changes beneath: a program's own epoll must not notice. And it must not spin on a hang-up. */
TEST(the_descriptor_outlives_the_end_and_is_quiet_then) {
        struct leat_channel *receiver = receiver_at("");
        int epoll = epoll_create1(EPOLL_CLOEXEC), fd = leat_fd(receiver);
        struct epoll_event event = { .events = EPOLLIN };
        CHECK(fd >= 0);
        CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
        for (int round = 0; round < 3; round++) {
                CHECK_EQ(receive_now(receiver), -EAGAIN);
                CHECK(!readable(epoll));
                struct leat_channel *sender = sender_at("");
                send_text(sender, "hello");
                CHECK(readable(epoll));
                take_text(receiver, "hello");
                CHECK_EQ(receive_now(receiver), -EAGAIN);
                CHECK(!readable(epoll));
                leat_close(sender);
                CHECK(readable(epoll));
                expect_end(receiver);
                CHECK_EQ(leat_fd(receiver), fd);
        }
        close(epoll);
        leat_close(receiver);
}

/* It cannot open the fifo anew: then the end is told again, rather than a sleep that ends at once or never. */
TEST(without_a_descriptor_to_spare_the_end_is_told_again) {
        struct leat_channel *receiver = receiver_at("");
        struct rlimit limit, none;
        leat_close(sender_at(""));
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
        none = (struct rlimit){ 2, limit.rlim_max }; /* 0 would forbid poll too */
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
        expect_end(receiver);
        expect_end(receiver);
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
        expect_end(receiver);
        CHECK_EQ(receive_now(receiver), -EAGAIN);
        struct leat_channel *sender = sender_at("");
        send_text(sender, "hello");
        take_text(receiver, "hello");
        leat_close(sender);
        leat_close(receiver);
}

TEST(without_a_receiver_there_is_epipe_until_the_next_comes) {
        struct leat_channel *receiver = receiver_at(""), *sender = sender_at("");
        send_text(sender, "kept"); /* while somebody has it open */
        leat_close(receiver);
        CHECK_EQ(leat_send(sender, 1, "x", 1, SOON), -EPIPE);
        receiver = receiver_at("");
        send_text(sender, "more");
        take_text(receiver, "kept");
        take_text(receiver, "more");
        leat_close(sender);
        leat_close(receiver);
}

/* ---- opening ---- */

static void open_and_send(void *argument) {
        struct leat_channel *sender = sender_at(argument);
        send_text(sender, "at last");
        leat_close(sender);
}

TEST(a_sender_waits_for_a_receiver) {
        struct leat_reason reason;
        CHECK_EQ(refusal("", LEAT_SEND, &reason), -EAGAIN);
        CHECK_EQ(access(fifo_path, F_OK), 0); /* it was made all the same */
        pid_t pid = harness_fork(open_and_send, "");
        harness_wait_state(pid, "S");
        struct leat_channel *receiver = receiver_at("");
        take_text(receiver, "at last");
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

/* A program that blocks in open() for its writer: no event tells that it is there. */
TEST(a_sender_finds_a_reader_that_is_blocked_in_open) {
        char text[16] = "";
        at("");
        CHECK_EQ(mkfifo(fifo_path, 0600), 0);
        pid_t pid = harness_fork(open_and_send, "framing=lines");
        harness_wait_state(pid, "S");
        int fd = open(fifo_path, O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(read(fd, text, sizeof text), 8);
        CHECK_STR(text, "at last\n");
        close(fd);
}

/* Its name is made anew: else it would wait at one that nobody can find. */
TEST(removed_while_a_sender_waits) {
        struct leat_reason reason;
        CHECK_EQ(leat_create(at(""), 0600, true, &reason), 0);
        CHECK_EQ(refusal("open", LEAT_SEND, &reason), -ECONNREFUSED);
        pid_t pid = harness_fork(open_and_send, "");
        harness_wait_state(pid, "S");
        CHECK_EQ(leat_remove(at(""), &reason), 0);
        struct leat_channel *receiver = receiver_at("");
        take_text(receiver, "at last");
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

TEST(open_new_and_the_umask) {
        struct leat_reason reason;
        struct stat status;
        CHECK_EQ(refusal("open", LEAT_RECEIVE, &reason), -ENOENT);
        mode_t mask = umask(027);
        CHECK_EQ(refusal("new&mode=0666", LEAT_RECEIVE, &reason), 0);
        umask(mask);
        CHECK_EQ(stat(fifo_path, &status), 0);
        CHECK_EQ(status.st_mode, S_IFIFO | 0640);
        CHECK_EQ(refusal("new", LEAT_RECEIVE, &reason), -EEXIST);
        CHECK_EQ(refusal("open", LEAT_RECEIVE, &reason), 0);
        CHECK_EQ(leat_create(at(""), 0600, false, &reason), 0);
        CHECK_EQ(leat_create(at(""), 0600, true, &reason), -EEXIST);
        CHECK_EQ(leat_set(at(""), "mode", "0600", &reason), 0);
        CHECK_EQ(stat(fifo_path, &status), 0);
        CHECK_EQ(status.st_mode, S_IFIFO | 0600);
        CHECK_EQ(leat_remove(at(""), &reason), 0);
        CHECK_EQ(leat_remove(at(""), &reason), -ENOENT);
}

TEST(a_file_in_its_place_is_left_alone) {
        struct leat_reason reason;
        struct leat_info info = LEAT_INFO_INIT;
        struct stat status;
        at("");
        int fd = open(fifo_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        CHECK_EQ(write(fd, "precious", 8), 8);
        close(fd);
        CHECK_EQ(refusal("", LEAT_SEND, &reason), -EEXIST);
        CHECK_EQ(reason.row, LEAT_ROW_OPENING);
        CHECK_EQ(refusal("", LEAT_RECEIVE, &reason), -EEXIST);
        CHECK_EQ(refusal("temporary", LEAT_RECEIVE, &reason), -EEXIST);
        CHECK_EQ(leat_remove(at(""), &reason), -EEXIST);
        CHECK_EQ(leat_create(at(""), 0600, false, &reason), -EEXIST);
        CHECK_EQ(leat_inspect(at(""), &reason, &info), -EEXIST);
        CHECK_EQ(stat(fifo_path, &status), 0);
        CHECK_EQ(status.st_size, 8);
}

TEST(replaced_by_a_file_what_is_open_goes_on) {
        struct leat_channel *receiver = receiver_at(""), *sender = sender_at("");
        struct leat_reason reason;
        CHECK_EQ(unlink(fifo_path), 0);
        int fd = open(fifo_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        close(fd);
        send_text(sender, "still");
        take_text(receiver, "still");
        CHECK_EQ(refusal("", LEAT_SEND, &reason), -EEXIST);
        leat_close(sender);
        expect_end(receiver);
        CHECK_EQ(receive_now(receiver), -EIDRM); /* no one can come */
        leat_close(receiver);
        CHECK_EQ(access(fifo_path, F_OK), 0);
}

TEST(broadcast_is_refused_and_names_the_log) {
        struct leat_reason reason = { 0 };
        CHECK_EQ(refusal("pattern=broadcast", LEAT_RECEIVE, &reason), -ENOTSUP);
        CHECK(reason.text && strstr(reason.text, "log:"));
}

/* ---- ?temporary ---- */

TEST(temporary_goes_with_the_last) {
        struct leat_channel *receiver = receiver_at("temporary"), *sender = sender_at("temporary");
        leat_close(receiver);
        CHECK_EQ(access(fifo_path, F_OK), 0);
        receiver = receiver_at("");
        leat_close(sender);
        CHECK_EQ(access(fifo_path, F_OK), 0);
        leat_close(receiver);
        CHECK_EQ(access(fifo_path, F_OK), 0); /* it did not say temporary */
        leat_close(receiver_at("temporary"));
        CHECK_EQ(access(fifo_path, F_OK), -1);
}

/* A sender of bytes or with ?exclusive counts like every other, though it shares no lock with the receiver. */
static void expect_kept_until_the_last(const char *options) {
        struct leat_channel *receiver = receiver_at(options), *a = sender_at(options), *b = sender_at(options);
        leat_close(receiver);
        CHECK_EQ(access(fifo_path, F_OK), 0);
        leat_close(a);
        CHECK_EQ(access(fifo_path, F_OK), 0);
        receiver = receiver_at(options);
        send_text(b, "still");
        take_text(receiver, "still");
        leat_close(receiver);
        CHECK_EQ(access(fifo_path, F_OK), 0);
        leat_close(b);
        CHECK_EQ(access(fifo_path, F_OK), -1);
}

TEST(temporary_stays_while_a_sender_has_it_open) {
        expect_kept_until_the_last("temporary");
        expect_kept_until_the_last("temporary&exclusive");
        expect_kept_until_the_last("temporary&framing=raw");
        expect_kept_until_the_last("temporary&framing=lines");
        expect_kept_until_the_last("temporary&framing=length&exclusive");
}

static void open_and_die(void *argument) {
        (void)receiver_at(argument);
        raise(SIGKILL);
}

TEST(temporary_after_a_kill_goes_with_the_next) {
        at("");
        CHECK_EQ(harness_wait(harness_fork(open_and_die, "temporary")), -SIGKILL);
        CHECK_EQ(access(fifo_path, F_OK), 0);
        leat_close(receiver_at("temporary&exclusive"));
        CHECK_EQ(access(fifo_path, F_OK), -1);
}

static void come_and_go(void *argument) {
        for (int i = 0; i < 300; i++) {
                struct leat_channel *receiver = receiver_at(argument);
                struct stat status;
                /* Whoever has it open finds it under its name: the one that removes it had it to himself. */
                CHECK_EQ(stat(fifo_path, &status), 0);
                leat_close(receiver);
        }
}

TEST(nobody_is_left_with_a_nameless_one) {
        pid_t pids[3];
        for (int i = 0; i < 3; i++)
                pids[i] = harness_fork(come_and_go, "temporary");
        for (int i = 0; i < 3; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        at("");
        CHECK_EQ(access(fifo_path, F_OK), -1);
}

#define ROUNDS 200

struct leaving {
        _Atomic unsigned arrived;      /* at the next meeting point, of both together */
        struct harness_event *both[2]; /* for who waits: the receiver, the sender */
        const char *options;
};

/* The first one waits awake for a moment, so that both go on at once, and then sleeps: the other may need this processor. */
static void meet(struct leaving *leaving, int self) {
        if (atomic_fetch_add(&leaving->arrived, 1) % 2 == 1) {
                harness_event_signal(leaving->both[!self]);
                return;
        }
        for (int64_t moment = leat_in_us(200); leat_now() < moment;)
                if (harness_event_try(leaving->both[self], 0))
                        return;
        harness_event_wait(leaving->both[self]);
}

static void leave_as(struct leaving *leaving, int self) {
        for (int i = 0; i < ROUNDS; i++) {
                struct leat_channel *channel = self ? sender_at(leaving->options) : receiver_at(leaving->options);
                meet(leaving, self);
                leat_close(channel);
                meet(leaving, self);
                CHECK_EQ(access(fifo_path, F_OK), -1);
                meet(leaving, self);
        }
}

static void leave_as_sender(void *leaving) {
        leave_as(leaving, 1);
}

static void expect_no_name_left(const char *options) {
        struct leaving *leaving = harness_shared(sizeof *leaving);
        leaving->both[0] = harness_event_new();
        leaving->both[1] = harness_event_new();
        leaving->options = options;
        pid_t sender = harness_fork(leave_as_sender, leaving);
        leave_as(leaving, 0);
        CHECK_EQ(harness_wait(sender), 0);
}

TEST(of_two_that_leave_at_once_one_takes_the_name_with_it) {
        expect_no_name_left("temporary");
        expect_no_name_left("temporary&exclusive");
        expect_no_name_left("temporary&framing=lines");
}

/* ---- one that is about to go ---- */

struct opening {
        char address[300];
        unsigned flags;
        struct harness_event *done;
};

static void open_beside(void *argument) {
        const struct opening *opening = argument;
        struct leat_channel *channel = NULL;
        CHECK_EQ(leat_open(opening->address, opening->flags, SOON, &channel), 0);
        harness_event_signal(opening->done);
        leat_close(channel);
}

static void lock_all(int fd, short type) {
        struct flock all = { .l_type = type, .l_whence = SEEK_SET, .l_start = 1 };
        CHECK_EQ(fcntl(fd, F_OFD_SETLK, &all), 0);
}

/* Somebody holds what one that removes a ?temporary fifo holds for a moment, and stands still then: it is waited for. */
static void expect_patience(const char *options, unsigned flags, bool whole, short bytes) {
        struct opening opening = { .flags = flags, .done = harness_event_new() };
        CHECK_EQ(leat_create(at(options), 0600, true, NULL), 0);
        snprintf(opening.address, sizeof opening.address, "%s", at(options));
        int fd = open(fifo_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        CHECK(fd >= 0);
        if (whole)
                CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
        if (bytes != F_UNLCK)
                lock_all(fd, bytes);
        pid_t pid = harness_fork(open_beside, &opening);
        CHECK(!harness_event_try(opening.done, leat_in_ms(300)));
        CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
        lock_all(fd, F_UNLCK);
        CHECK_EQ(flock(fd, LOCK_UN), 0);
        struct leat_channel *receiver = flags == LEAT_SEND ? receiver_at(options) : NULL;
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
        close(fd);
        CHECK_EQ(unlink(fifo_path), 0);
}

TEST(who_removes_it_is_waited_for) {
        expect_patience("", LEAT_RECEIVE, true, F_UNLCK);
        expect_patience("", LEAT_SEND, true, F_UNLCK);
        expect_patience("exclusive", LEAT_RECEIVE, true, F_RDLCK);
        expect_patience("exclusive", LEAT_RECEIVE, false, F_WRLCK);
        expect_patience("exclusive", LEAT_SEND, false, F_WRLCK);
}

/* ---- looking ---- */

TEST(nobody_notices_a_look) {
        struct leat_reason reason = { 0 };
        struct leat_info info = LEAT_INFO_INIT;
        CHECK_EQ(leat_inspect(at(""), &reason, &info), -ENOENT);
        CHECK_EQ(leat_create(at(""), 0600, true, &reason), 0);
        CHECK_EQ(leat_inspect(at(""), &reason, &info), 0);
        CHECK_EQ(info.capacity_bytes, LEAT_UNKNOWN); /* it lives with its open ends */
        CHECK_EQ(leat_set(at(""), "capacity", "16k", &reason), -ENXIO);
        struct leat_channel *receiver = receiver_at("");
        CHECK_EQ(leat_inspect(at(""), &reason, &info), 0);
        CHECK_EQ(receive_now(receiver), -EAGAIN); /* no sender came and went */
        CHECK_EQ(leat_set(at(""), "capacity", "16k", &reason), 0);
        CHECK_EQ(leat_set(at(""), "capacity", "many", &reason), -EINVAL);
        CHECK_EQ(leat_set(at(""), "depth", "4", &reason), -ENOTSUP);
        struct leat_channel *sender = sender_at("");
        send_text(sender, "hello");
        CHECK_EQ(leat_inspect(at(""), &reason, &info), 0);
        CHECK_EQ(info.capacity_bytes, 16384);
        CHECK_EQ(info.queued_bytes, 48 + 5);
        CHECK_EQ(info.parties, 1);
        CHECK_EQ(info.mode, 0600);
        take_text(receiver, "hello");
        leat_close(sender);
        expect_end(receiver);
        leat_close(receiver);
}

/* ---- a sender that has to try again ---- */

static int events_of(int inotify, uint32_t mask) {
        char bytes[4096];
        int count = 0;
        for (ssize_t n; (n = read(inotify, bytes, sizeof bytes)) > 0;)
                for (ssize_t at = 0; at < n;) {
                        struct inotify_event event;
                        memcpy(&event, bytes + at, sizeof event);
                        count += (event.mask & mask) != 0;
                        at += (ssize_t)(sizeof event + event.len);
                }
        return count;
}

/* Between its tries it stays: a receiver that opens just then would take it for one that came and went. */
TEST(a_sender_that_finds_no_lock_yet_does_not_come_and_go) {
        CHECK_EQ(leat_create(at(""), 0600, true, NULL), 0);
        int reader = open(fifo_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* as a receiver before it has its locks */
        int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        struct leat_channel *sender = NULL;
        CHECK(reader >= 0 && inotify >= 0);
        CHECK(inotify_add_watch(inotify, fifo_path, IN_CLOSE_WRITE | IN_OPEN) >= 0);
        CHECK_EQ(leat_open(at("exclusive"), LEAT_SEND, SOON, &sender), -EBUSY);
        CHECK_EQ(events_of(inotify, IN_CLOSE_WRITE), 1);
        close(inotify);
        close(reader);
}

struct patient {
        char address[300];
        _Atomic int64_t *changed; /* when it changed what the sender stays with; 0: not yet */
};

#define PATIENCE_NS INT64_C(150000000) /* it tries longer than this: what changed until then, it saw */

/* Its patience with a lock has an end: where the other process stood still so long, it opens once more. */
static void send_one(void *argument) {
        const struct patient *patient = argument;
        struct leat_channel *sender = NULL;
        int64_t began, changed;
        int r;
        do {
                began = leat_now();
                r = leat_open(patient->address, LEAT_SEND, SOON, &sender);
                changed = *patient->changed;
        } while (r == -EBUSY && (changed == 0 || changed > began + PATIENCE_NS));
        CHECK_EQ(r, 0);
        send_text(sender, "hello");
        leat_close(sender);
}

/* What it stays with may be removed meanwhile, or lose its reader: then the next try has the next one. */

TEST(a_sender_that_tries_again_finds_the_next_fifo) {
        for (int removed = 0; removed < 2; removed++) {
                struct pollfd event = { .events = POLLIN };
                struct patient patient = { .changed = harness_shared(sizeof(int64_t)) };
                CHECK_EQ(leat_create(at("exclusive"), 0600, true, NULL), 0);
                snprintf(patient.address, sizeof patient.address, "%s", at("exclusive"));
                int reader = open(fifo_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
                event.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
                CHECK(reader >= 0 && inotify_add_watch(event.fd, fifo_path, IN_OPEN) >= 0);
                pid_t pid = harness_fork(send_one, &patient);
                CHECK_EQ(poll(&event, 1, 40000), 1); /* it has it open */
                if (removed)
                        CHECK_EQ(unlink(fifo_path), 0);
                close(reader);
                *patient.changed = leat_now();
                struct leat_channel *receiver = receiver_at("exclusive");
                take_text(receiver, "hello");
                expect_end(receiver);
                CHECK_EQ(harness_wait(pid), 0);
                leat_close(receiver);
                close(event.fd);
                CHECK_EQ(unlink(fifo_path), 0);
        }
}

TEST_MAIN()
