/* SPDX-License-Identifier: MIT */
/* inbox: a mailbox by process. */
#include "harness.h"

#include <errno.h>
#include <leat.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SOON harness_deadline_ms(40000) /* what is to come comes before this */

/* 0: one's own, to receive. */
static int open_inbox(pid_t pid, unsigned flags, int64_t deadline, struct leat_channel **ret_channel) {
        char address[64];
        if (pid)
                snprintf(address, sizeof address, "inbox:%d", (int)pid);
        return leat_open(pid ? address : "inbox:", flags, deadline, ret_channel);
}

static void take(struct leat_channel *inbox, const char *text, pid_t from) {
        char buffer[32] = "";
        struct leat_message about = LEAT_MESSAGE_INIT;
        CHECK_EQ(leat_receive(inbox, LEAT_ANY, buffer, sizeof buffer - 1, SOON, &about), strlen(text));
        CHECK_STR(buffer, text);
        CHECK_EQ(about.sender.pid, from);
}

static void write_to_parent(void *argument) {
        struct leat_channel *to;
        harness_event_signal(argument);
        CHECK_EQ(open_inbox(getppid(), LEAT_SEND, SOON, &to), 0); /* waits until it is made */
        CHECK_EQ(leat_send(to, 1, "dear parent", 11, SOON), 0);
        leat_close(to);
}

TEST(a_sender_waits_for_the_inbox_of_a_process) {
        struct leat_channel *inbox;
        struct harness_event *waiting = harness_event_new();
        pid_t pid = harness_fork(write_to_parent, waiting);
        harness_event_wait(waiting);
        CHECK_EQ(open_inbox(0, LEAT_RECEIVE, SOON, &inbox), 0);
        take(inbox, "dear parent", pid);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(inbox);
        CHECK_EQ(open_inbox(getpid(), LEAT_SEND, LEAT_NOW, &inbox), -EAGAIN); /* it went with its channel */
}

TEST(an_inbox_is_its_own_processs) {
        struct leat_channel *inbox, *second;
        CHECK_EQ(open_inbox(getppid(), LEAT_RECEIVE, SOON, &inbox), -EINVAL);
        CHECK_EQ(open_inbox(0, LEAT_SEND, LEAT_NOW, &inbox), -EINVAL);
        CHECK_EQ(open_inbox(getpid(), LEAT_RECEIVE, SOON, &inbox), 0);
        CHECK_EQ(open_inbox(0, LEAT_RECEIVE, LEAT_NOW, &second), -EADDRINUSE);
        leat_close(inbox);
        CHECK_EQ(leat_address_check("inbox:me", NULL), -EINVAL);
        CHECK_EQ(leat_address_check("inbox:0", NULL), -EINVAL);
        CHECK_EQ(leat_address_check("inbox:99999999999", NULL), -EINVAL);
        CHECK_EQ(leat_address_check("inbox:1?listen", NULL), -ENOTSUP);
}

static void open_and_stay(void *argument) {
        struct leat_channel *inbox;
        CHECK_EQ(open_inbox(0, LEAT_RECEIVE, SOON, &inbox), 0);
        harness_event_signal(argument);
        pause();
}

TEST(after_a_kill_nobody_is_there_and_the_file_can_go) {
        struct leat_channel *to;
        char address[64];
        struct leat_info info = LEAT_INFO_INIT;
        struct harness_event *opened = harness_event_new();
        pid_t pid = harness_fork(open_and_stay, opened);
        harness_event_wait(opened);
        snprintf(address, sizeof address, "inbox:%d", (int)pid);
        CHECK_EQ(leat_inspect(address, NULL, &info), 0);
        CHECK_EQ(leat_remove(address, NULL), -EBUSY);
        kill(pid, SIGKILL);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        CHECK_EQ(open_inbox(pid, LEAT_SEND, LEAT_NOW, &to), -EAGAIN);
        CHECK_EQ(leat_inspect(address, NULL, &info), -ECONNREFUSED);
        CHECK_EQ(leat_remove(address, NULL), 0);
        CHECK_EQ(leat_inspect(address, NULL, &info), -ENOENT);
        CHECK_EQ(leat_create(address, 0600, false, NULL), -ENOTSUP);
}

/* A forked child is another process, with an inbox of another name; the one that it inherited is not its own. */
static void open_ones_own(void *argument) {
        struct leat_channel *inherited = *(struct leat_channel **)argument, *inbox, *to;
        char buffer[8];
        CHECK_EQ(leat_receive(inherited, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -ECHILD);
        CHECK_EQ(open_inbox(0, LEAT_RECEIVE, SOON, &inbox), 0);
        CHECK_EQ(open_inbox(getpid(), LEAT_SEND, SOON, &to), 0);
        CHECK_EQ(leat_send(to, 1, "to the child", 12, SOON), 0);
        take(inbox, "to the child", getpid());
        leat_close(to);
        leat_close(inbox);
        CHECK_EQ(open_inbox(getppid(), LEAT_SEND, SOON, &to), 0);
        CHECK_EQ(leat_send(to, 1, "to the parent", 13, SOON), 0);
        leat_close(to);
        leat_close(inherited);
}

TEST(a_childs_inbox_is_its_own) {
        struct leat_channel *inbox;
        CHECK_EQ(open_inbox(0, LEAT_RECEIVE, SOON, &inbox), 0);
        pid_t pid = harness_fork(open_ones_own, &inbox);
        take(inbox, "to the parent", pid);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(inbox);
        CHECK_EQ(open_inbox(pid, LEAT_SEND, LEAT_NOW, &inbox), -EAGAIN);
}

static void open_and_die(void *argument) {
        struct leat_channel *inbox;
        (void)argument;
        CHECK_EQ(open_inbox(0, LEAT_RECEIVE, SOON, &inbox), 0);
        raise(SIGKILL);
}

/* What a killed process left is given the number of this one: as if the pid were used again. */
TEST(the_next_process_of_a_number_takes_the_inbox_over) {
        struct leat_channel *inbox, *to;
        char old[200], own[200];
        pid_t pid = harness_fork(open_and_die, NULL);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        snprintf(old, sizeof old, "%s/leat/inbox-%d", getenv("XDG_RUNTIME_DIR"), (int)pid);
        snprintf(own, sizeof own, "%s/leat/inbox-%d", getenv("XDG_RUNTIME_DIR"), (int)getpid());
        CHECK_EQ(rename(old, own), 0);
        CHECK_EQ(open_inbox(getpid(), LEAT_SEND, LEAT_NOW, &to), -EAGAIN); /* nobody listens there */
        CHECK_EQ(open_inbox(0, LEAT_RECEIVE, SOON, &inbox), 0);
        CHECK_EQ(open_inbox(getpid(), LEAT_SEND, SOON, &to), 0);
        CHECK_EQ(leat_send(to, 1, "to the new one", 14, SOON), 0);
        take(inbox, "to the new one", getpid());
        leat_close(to);
        leat_close(inbox);
        CHECK_EQ(access(own, F_OK), -1);
}

static void answer_one(void *argument) {
        struct leat_channel *inbox;
        struct leat_message about = LEAT_MESSAGE_INIT;
        char buffer[16];
        (void)argument;
        CHECK_EQ(open_inbox(0, LEAT_REPLY, SOON, &inbox), 0);
        ssize_t n = leat_receive(inbox, LEAT_ANY, buffer, sizeof buffer, SOON, &about);
        CHECK_EQ(leat_reply(inbox, &about, 1, buffer, (size_t)n, SOON), 0);
        leat_close(inbox);
}

TEST(a_process_is_called_by_its_pid) {
        struct leat_channel *to;
        struct leat_peer peer;
        char reply[16] = "";
        pid_t pid = harness_fork(answer_one, NULL);
        CHECK_EQ(open_inbox(pid, LEAT_CALL, SOON, &to), 0);
        CHECK_EQ(leat_channel_peer(to, &peer), 0);
        CHECK_EQ(peer.pid, pid); /* it is who it says it is */
        CHECK_EQ(leat_call(to, 1, "echo", 4, reply, sizeof reply, SOON, NULL), 4);
        CHECK_STR(reply, "echo");
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(to);
}

TEST_MAIN()
