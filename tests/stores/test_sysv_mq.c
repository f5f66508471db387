/* SPDX-License-Identifier: MIT */

/* System V queues beyond the contract: what is native, what is foreign, and what is held. */

#include "sysv_mq.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of the library; by their name. */
static unsigned count_threads(void) {
        unsigned count = 0;
        DIR *tasks = opendir("/proc/self/task");
        CHECK(tasks != NULL);
        for (struct dirent *entry; (entry = readdir(tasks));) {
                char path[300], name[32] = "";
                snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
                FILE *file = fopen(path, "re");
                if (!file)
                        continue;
                (void)!fgets(name, sizeof name, file);
                fclose(file);
                count += strcmp(name, "leat-wait\n") == 0;
        }
        closedir(tasks);
        return count;
}

/* One that was joined has ended, but the kernel may still be putting it away. */
static void wait_for_threads(unsigned count) {
        int64_t deadline = SOON;
        while (count_threads() != count)
                if (leat_now() > deadline)
                        FAIL("%u threads and not %u", count_threads(), count);
}

/* ---- keys ---- */

TEST(keys_are_numbers_or_files_with_an_id) {
        static const char *const wrong[] = { "",       "jobs",    "/tmp",    "/tmp#", "/tmp#0", "/tmp#256",
                                             "/tmp#x", "/tmp#1 ", "0",       "0x",    "-1",     "0x100000000",
                                             "12ab",   "/tmp#-1", "/tmp#1#", "#1" };
        static const char *const right[] = { "1",      "1234",     "0x4d2",     "0xffffffff",
                                             "/tmp#1", "/tmp#255", "/tmp#0x10", "/a#b#7" };
        char address[64];
        struct leat_reason reason;
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                snprintf(address, sizeof address, "sysv-mq:%s", wrong[i]);
                if (leat_address_check(address, &reason) != -EINVAL)
                        FAIL("%s is taken for an address", address);
                CHECK(reason.column >= 9 && reason.text);
        }
        for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
                snprintf(address, sizeof address, "sysv-mq:%s", right[i]);
                if (leat_address_check(address, &reason) != 0)
                        FAIL("%s is not taken for an address", address);
        }
}

TEST(a_file_has_the_key_of_ftok) {
        char path[160], address[200];
        struct leat_reason reason = { 0 };
        sysv_alone();
        snprintf(path, sizeof path, "%s/key", harness_tmpdir());
        snprintf(address, sizeof address, "sysv-mq:%s#77", path);
        CHECK_EQ(leat_create(address, 0600, true, &reason), -ENOENT);
        CHECK(reason.text && reason.column == 9);
        CHECK_EQ(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
        CHECK_EQ(leat_create(address, 0600, true, NULL), 0);
        CHECK_EQ(leat_create(address, 0600, true, &reason), -EEXIST);
        CHECK_EQ(leat_create(address, 0600, false, NULL), 0);
        CHECK(msgget(ftok(path, 77), 0) >= 0);
        /* Another file, another key: the queue is still there, under the old one. */
        key_t before = ftok(path, 77);
        char other[176];
        snprintf(other, sizeof other, "%s2", path);
        CHECK_EQ(close(open(other, O_CREAT | O_WRONLY, 0600)), 0);
        CHECK_EQ(rename(other, path), 0);
        CHECK(ftok(path, 77) != before);
        CHECK_EQ(leat_inspect(address, &reason, &(struct leat_info)LEAT_INFO_INIT), -ENOENT);
        CHECK_EQ(msgctl(msgget(before, 0), IPC_RMID, NULL), 0);
}

/* ---- types ---- */

TEST(the_three_modes_of_receive_are_the_kernels) {
        sysv_alone();
        struct leat_channel *sender = sysv_open(ADDRESS, LEAT_SEND), *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        CHECK_EQ(leat_send(sender, 5, "five", 4, SOON), 0);
        CHECK_EQ(leat_send(sender, 3, "three", 5, SOON), 0);
        CHECK_EQ(leat_send(sender, 9, "nine", 4, SOON), 0);
        CHECK_EQ(leat_send(sender, 3, "drei", 4, SOON), 0);
        CHECK_EQ(leat_send(sender, LEAT_TYPE_MAX, "last", 4, SOON), 0);
        sysv_expect(receiver, LEAT_AT_MOST(4), LEAT_NOW, 3, "three");
        sysv_expect(receiver, LEAT_ANY, LEAT_NOW, 5, "five");
        CHECK_EQ(sysv_receive_now(receiver, LEAT_AT_MOST(2)), -EAGAIN);
        CHECK_EQ(sysv_receive_now(receiver, LEAT_TYPE(5)), -EAGAIN);
        sysv_expect(receiver, LEAT_AT_MOST(LEAT_TYPE_MAX), LEAT_NOW, 3, "drei");
        sysv_expect(receiver, LEAT_TYPE(LEAT_TYPE_MAX), LEAT_NOW, LEAT_TYPE_MAX, "last");
        CHECK_EQ(sysv_status(KEY).msg_qnum, 1); /* nothing was set aside: it is still there for others */
        sysv_expect(receiver, LEAT_ANY, LEAT_NOW, 9, "nine");
        leat_close(sender);
        leat_close(receiver);
        sysv_forget();
}

TEST(raw_carries_types_and_bare_bytes) {
        struct foreign message;
        sysv_alone();
        struct leat_channel *sender = sysv_open(ADDRESS "?framing=raw", LEAT_SEND);
        struct leat_channel *receiver = sysv_open(ADDRESS "?framing=raw", LEAT_RECEIVE);
        CHECK_EQ(leat_send(sender, 42, "bare", 4, SOON), 0);
        CHECK_EQ(leat_send(sender, 43, NULL, 0, SOON), 0);
        CHECK_EQ(msgrcv(sysv_queue(KEY), &message, sizeof message.bytes, 42, IPC_NOWAIT), 4);
        CHECK_MEM(message.bytes, "bare", 4);
        sysv_expect(receiver, LEAT_TYPE(43), LEAT_NOW, 43, "");
        leat_close(sender);
        leat_close(receiver);
        sysv_forget();
}

/* ---- strangers ---- */

TEST(foreign_messages_come_as_they_are) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        char buffer[64];
        sysv_alone();
        struct leat_channel *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        sysv_send_foreign(7, "from outside", 12);
        sysv_send_foreign(LONG_MAX, "", 0);
        sysv_send_foreign(2, "Lt\2 is how this text begins, and it is far longer than a header", 63);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, &about), 12);
        CHECK_MEM(buffer, "from outside", 12);
        CHECK_EQ(about.type, 7);
        CHECK_EQ(about.sequence, 0);
        CHECK_EQ(about.time_ns, 0);
        CHECK(!about.sender.known);
        sysv_expect(receiver, LEAT_ANY, LEAT_NOW, LEAT_TYPE_MAX, "");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, &about), 63);
        CHECK_MEM(buffer, "Lt\2 is how", 10);
        leat_close(receiver);
        sysv_forget();
}

/* What looks like ours but does not agree with its entry is foreign; what is of another version is refused. */
TEST(a_header_must_agree_with_its_entry) {
        struct foreign copy = { 0 };
        struct leat_message about = LEAT_MESSAGE_INIT;
        sysv_alone();
        struct leat_channel *sender = sysv_open(ADDRESS, LEAT_SEND), *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        CHECK_EQ(leat_send(sender, 6, "abc", 3, SOON), 0);
        ssize_t size = msgrcv(sysv_queue(KEY), &copy, sizeof copy.bytes, 0, 0);
        CHECK_EQ(size, 48 + 3);
        char buffer[64];
        sysv_send_foreign(6, copy.bytes, (size_t)size);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, &about), 3);
        CHECK_EQ(about.sequence, 1);
        sysv_send_foreign(8, copy.bytes, (size_t)size); /* another type than the header's */
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, &about), size);
        CHECK_EQ(about.type, 8);
        sysv_send_foreign(6, copy.bytes, (size_t)size - 1); /* shorter than it says */
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, &about), size - 1);
        copy.bytes[2] = 2;
        sysv_send_foreign(6, copy.bytes, (size_t)size);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, &about), -EPROTONOSUPPORT);
        sysv_check_why(receiver, LEAT_ROW_VERSIONS, -EPROTONOSUPPORT);
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -EAGAIN);
        leat_close(sender);
        leat_close(receiver);
        sysv_forget();
}

/* ---- waiting ---- */

struct late {
        long type;
        const char *bytes;
        pid_t waiter;
};

/* Send when the other process's main thread is asleep. */
static void send_late(void *argument) {
        const struct late *late = argument;
        harness_wait_state(late->waiter, "S");
        sysv_send_foreign(late->type, late->bytes, strlen(late->bytes));
}

static void wait_for(struct leat_channel *receiver, int64_t select, long type, const char *bytes) {
        struct late late = { type, bytes, getpid() };
        pid_t pid = harness_fork(send_late, &late);
        sysv_expect(receiver, select, SOON, type, bytes);
        CHECK_EQ(harness_wait(pid), 0);
}

TEST(a_wait_in_each_mode_ends_with_its_message) {
        sysv_alone();
        struct leat_channel *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        sysv_send_foreign(50, "in the way", 10);
        wait_for(receiver, LEAT_TYPE(5), 5, "five");
        wait_for(receiver, LEAT_AT_MOST(20), 17, "seventeen");
        wait_for(receiver, LEAT_TYPE(5), 5, ""); /* taken by the one that waits */
        wait_for(receiver, LEAT_AT_MOST(20), 3, "");
        sysv_expect(receiver, LEAT_ANY, LEAT_NOW, 50, "in the way");
        wait_for(receiver, LEAT_ANY, 1, "");
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -EAGAIN);
        leat_close(receiver);
        sysv_forget();
}

TEST(a_wait_that_ends_leaves_no_thread_and_takes_nothing) {
        char buffer[8];
        sysv_alone();
        struct leat_channel *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        for (int i = 0; i < 20; i++) {
                CHECK_EQ(leat_receive(receiver, LEAT_TYPE(4), buffer, sizeof buffer, leat_in_us(200), NULL),
                         -ETIMEDOUT);
                wait_for_threads(0);
                sysv_send_foreign(4, "", 0);
                CHECK_EQ(sysv_status(KEY).msg_qnum, 1);
                sysv_expect(receiver, LEAT_TYPE(4), LEAT_NOW, 4, "");
        }
        CHECK_EQ(leat_interrupt(receiver), 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ECANCELED);
        leat_close(receiver);
        wait_for_threads(0);
        sysv_forget();
}

/* The race of a time-out with empty messages, many times: each of them comes, once. */
static void send_empties(void *argument) {
        const unsigned *count = argument;
        for (unsigned i = 0; i < *count; i++) {
                sysv_send_foreign(1 + i % 3, "", 0);
                if (i % 7 == 0)
                        sched_yield();
        }
}

TEST(no_empty_message_is_lost_to_a_wait_that_ends) {
        unsigned count = 3000, taken[4] = { 0 };
        char buffer[8];
        sysv_alone();
        struct leat_channel *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        pid_t pid = harness_fork(send_empties, &count);
        for (unsigned sum = 0; sum < count;) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                int64_t select = (int64_t)harness_random_below(4);
                int64_t deadline = leat_in_us((int64_t)harness_random_below(300));
                ssize_t n = leat_receive(receiver, select, buffer, sizeof buffer, deadline, &about);
                if (n == -ETIMEDOUT)
                        continue;
                CHECK_EQ(n, 0);
                taken[about.type]++;
                sum++;
                if (sum % 500 == 0) { /* what is held goes back */
                        leat_close(receiver);
                        receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
                }
        }
        for (int type = 1; type <= 3; type++)
                CHECK_EQ(taken[type], count / 3);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -EAGAIN);
        leat_close(receiver);
        sysv_forget();
}

TEST(an_empty_one_that_was_taken_is_held_for_whom_it_may_concern) {
        sysv_alone();
        struct leat_channel *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        int fd = leat_fd(receiver);
        CHECK(fd >= 0);
        CHECK_EQ(sysv_receive_now(receiver, LEAT_TYPE(5)), -EAGAIN);
        CHECK(!sysv_readable(fd, 0));
        sysv_send_foreign(5, "", 0);
        CHECK(sysv_readable(fd, 40000));
        CHECK_EQ(sysv_status(KEY).msg_qnum, 0);
        CHECK_EQ(sysv_receive_now(receiver, LEAT_TYPE(7)), -EAGAIN);
        sysv_send_foreign(6, "six", 3);
        sysv_send_foreign(4, "four", 4);
        sysv_expect(receiver, LEAT_AT_MOST(9), LEAT_NOW, 4, "four");
        sysv_expect(receiver, LEAT_AT_MOST(9), LEAT_NOW, 5, "");
        sysv_expect(receiver, LEAT_ANY, LEAT_NOW, 6, "six");
        CHECK_EQ(sysv_receive_now(receiver, LEAT_TYPE(5)), -EAGAIN);
        sysv_send_foreign(5, "", 0);
        CHECK(sysv_readable(fd, 40000));
        CHECK_EQ(sysv_receive_now(receiver, LEAT_TYPE(7)), -EAGAIN);
        leat_close(receiver);
        CHECK_EQ(sysv_status(KEY).msg_qnum, 1); /* put back */
        sysv_forget();
}

TEST(the_descriptor_is_level_triggered) {
        sysv_alone();
        struct leat_channel *sender = sysv_open(ADDRESS, LEAT_SEND), *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        int fd = leat_fd(receiver);
        for (int round = 0; round < 3; round++) {
                CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -EAGAIN);
                CHECK(!sysv_readable(fd, 0));
                CHECK_EQ(leat_send(sender, 1, "a", 1, SOON), 0);
                CHECK_EQ(leat_send(sender, 1, "b", 1, SOON), 0);
                CHECK(sysv_readable(fd, 40000));
                sysv_expect(receiver, LEAT_ANY, LEAT_NOW, 1, "a");
                CHECK(sysv_readable(fd, 0));
                sysv_expect(receiver, LEAT_ANY, SOON, 1, "b");
        }
        leat_close(sender);
        leat_close(receiver);
        sysv_forget();
}

/* A plain msgrcv that waits in a stopped process would be handed the message. */
static void wait_in_vain(void *unused) {
        char buffer[8];
        (void)unused;
        struct leat_channel *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        (void)leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NEVER, NULL);
        leat_close(receiver);
}

TEST(a_stopped_receiver_is_handed_nothing) {
        sysv_alone();
        struct leat_channel *sender = sysv_open(ADDRESS, LEAT_SEND), *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        pid_t pid = harness_fork(wait_in_vain, NULL);
        harness_wait_state(pid, "S");
        kill(pid, SIGSTOP);
        harness_wait_state(pid, "T");
        CHECK_EQ(leat_send(sender, 1, "one", 3, SOON), 0);
        sysv_expect(receiver, LEAT_ANY, LEAT_NOW, 1, "one");
        kill(pid, SIGCONT);
        kill(pid, SIGKILL);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        leat_close(sender);
        leat_close(receiver);
        sysv_forget();
}

#if !defined(__SANITIZE_THREAD__) /* which knows no new threads in the child of a process that had some */
/* A channel that has a thread, given to a child: the thread stays behind. */
static void receive_in_child(void *argument) {
        sysv_expect(argument, LEAT_ANY, SOON, 1, "for the child");
        leat_close(argument);
}

TEST(a_given_channel_waits_in_the_child) {
        char buffer[8];
        sysv_alone();
        struct leat_channel *sender = sysv_open(ADDRESS, LEAT_SEND), *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        wait_for(receiver, LEAT_ANY, 3, "x"); /* it has its thread */
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        CHECK_EQ(leat_give(receiver), 0);
        pid_t pid = harness_fork(receive_in_child, receiver);
        leat_close(receiver);
        harness_wait_state(pid, "S");
        CHECK_EQ(leat_send(sender, 1, "for the child", 13, SOON), 0);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(sender);
        sysv_forget();
}
#endif

/* ---- sizes ---- */

TEST(a_message_too_large_for_the_buffer_stays_in_the_queue) {
        static char large[4000];
        char buffer[4000];
        struct leat_message about = LEAT_MESSAGE_INIT;
        sysv_alone();
        struct leat_channel *sender = sysv_open(ADDRESS, LEAT_SEND), *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        CHECK_EQ(leat_send(sender, 2, "two", 3, SOON), 0);
        CHECK_EQ(leat_send(sender, 9, large, 3000, SOON), 0);
        CHECK_EQ(leat_send(sender, 5, large, 200, SOON), 0);
        CHECK_EQ(leat_receive(receiver, LEAT_TYPE(9), buffer, 2999, LEAT_NOW, &about), -EMSGSIZE);
        CHECK_EQ(about.size_bytes, 3000);
        CHECK_EQ(about.type, 9);
        CHECK_EQ(leat_receive(receiver, LEAT_AT_MOST(9), buffer, 2, LEAT_NOW, &about), -EMSGSIZE);
        CHECK_EQ(about.size_bytes, 3);
        CHECK_EQ(about.type, 2);
        CHECK_EQ(sysv_status(KEY).msg_qnum, 3); /* for others, and if we are killed */
        CHECK_EQ(leat_receive(receiver, LEAT_TYPE(9), buffer, 3000, LEAT_NOW, &about), 3000);
        CHECK_EQ(leat_receive(receiver, LEAT_TYPE(5), NULL, 0, SOON, &about), -EMSGSIZE);
        CHECK_EQ(about.size_bytes, 200);
        leat_close(sender);
        leat_close(receiver);
        sysv_forget();
}

/* Behind very many it is not looked for, which would take the kernel longer than anybody's deadline: the size that is told is
 * enough, whichever it is. */
TEST(a_large_one_behind_very_many_is_not_looked_for) {
        static char buffer[4000];
        struct leat_message about = LEAT_MESSAGE_INIT;
        sysv_alone();
        struct leat_channel *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        for (int i = 0; i < 1500; i++)
                sysv_send_foreign(5, "x", 1);
        sysv_send_foreign(7, buffer, 2000);
        CHECK_EQ(leat_receive(receiver, LEAT_TYPE(7), buffer, 100, LEAT_NOW, &about), -EMSGSIZE);
        CHECK_EQ(about.size_bytes, 3500); /* all that is there */
        CHECK_EQ(leat_receive(receiver, LEAT_TYPE(7), buffer, 3500, LEAT_NOW, &about), 2000);
        leat_close(receiver);
        sysv_forget();
}

/* Foreign, and larger than the buffer by less than a header: it was taken, so it is held. */
TEST(a_foreign_one_a_little_too_large_is_kept) {
        char buffer[64];
        struct leat_message about = LEAT_MESSAGE_INIT;
        sysv_alone();
        struct leat_channel *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        sysv_send_foreign(4, "0123456789", 10);
        sysv_send_foreign(3, "three", 5);
        for (int i = 0; i < 2; i++) {
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, 5, LEAT_NOW, &about), -EMSGSIZE);
                CHECK_EQ(about.size_bytes, 10);
        }
        sysv_expect(receiver, LEAT_AT_MOST(4), LEAT_NOW, 3, "three");
        leat_close(receiver);
        CHECK_EQ(sysv_status(KEY).msg_qnum, 1);
        receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        sysv_expect(receiver, LEAT_ANY, LEAT_NOW, 4, "0123456789");
        leat_close(receiver);
        sysv_forget();
}

TEST(limits_are_told_and_named) {
        static char large[70000];
        struct leat_info info = LEAT_INFO_INIT;
        struct leat_reason reason = { 0 };
        struct msginfo limits;
        sysv_alone();
        CHECK(msgctl(0, IPC_INFO, (struct msqid_ds *)(void *)&limits) >= 0);
        struct leat_channel *sender = sysv_open(ADDRESS, LEAT_SEND), *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        CHECK_EQ(leat_channel_info(sender, &info), 0);
        CHECK_EQ(info.largest_bytes, limits.msgmax - 48);
        CHECK_EQ(info.capacity_bytes, limits.msgmnb);
        CHECK_EQ(leat_send(sender, 1, large, info.largest_bytes + 1, LEAT_NOW), -EMSGSIZE);
        sysv_check_why(sender, LEAT_ROW_LIMITS, -EMSGSIZE);
        CHECK_EQ(leat_send(sender, 1, large, info.largest_bytes, LEAT_NOW), 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, large, sizeof large, LEAT_NOW, NULL), (intmax_t)info.largest_bytes);
        CHECK_EQ(sysv_try_open(ADDRESS "?size=1M", LEAT_SEND, &reason), -EINVAL);
        CHECK_STR(reason.limit, "kernel.msgmax");
        CHECK_EQ(reason.limit_value, limits.msgmax);
        /* A queue that was made smaller than the message does not keep a sender waiting for ever. */
        CHECK_EQ(leat_set(ADDRESS, "capacity", "500", NULL), 0);
        CHECK_EQ(leat_send(sender, 1, large, 1000, LEAT_NEVER), -EMSGSIZE);
        sysv_check_why(sender, LEAT_ROW_LIMITS, -EMSGSIZE);
        CHECK_EQ(leat_send(sender, 1, large, 452, LEAT_NOW), 0);
        leat_close(sender);
        leat_close(receiver);
        sysv_forget();
}

static bool set_sysctl(const char *path, const char *value) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        bool set = fd >= 0 && write(fd, value, strlen(value)) > 0;
        close(fd);
        return set;
}

TEST(limits_of_the_system_can_change_meanwhile) {
        static char large[30000];
        struct leat_reason reason = { 0 };
        struct leat_message about = LEAT_MESSAGE_INIT;
        if (unshare(CLONE_NEWIPC) < 0 || !set_sysctl("/proc/sys/kernel/msgmax", "20000"))
                SKIP("needs a name space of its own");
        CHECK(set_sysctl("/proc/sys/kernel/msgmnb", "40000"));
        struct leat_channel *sender = sysv_open(ADDRESS, LEAT_SEND);
        CHECK_EQ(leat_send(sender, 1, large, 15000, LEAT_NOW), 0);
        CHECK_EQ(leat_send(sender, 2, large, 15000, LEAT_NOW), 0);
        CHECK(set_sysctl("/proc/sys/kernel/msgmax", "8192"));
        CHECK_EQ(leat_send(sender, 1, large, 15000, LEAT_NOW), -EMSGSIZE);
        sysv_check_why(sender, LEAT_ROW_LIMITS, -EMSGSIZE);
        struct leat_channel *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, large, 14999, LEAT_NOW, &about), -EMSGSIZE);
        CHECK(about.size_bytes > 14999);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, large, sizeof large, LEAT_NOW, &about), 15000);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, large, sizeof large, LEAT_NOW, &about), 15000);
        CHECK(set_sysctl("/proc/sys/kernel/msgmni", "1"));
        CHECK_EQ(sysv_try_open("sysv-mq:0x1ea71ea8", LEAT_RECEIVE, &reason), -ENOSPC);
        CHECK_STR(reason.limit, "kernel.msgmni");
        CHECK_EQ(reason.limit_value, 1);
        leat_close(sender);
        leat_close(receiver);
        sysv_forget();
}

/* ---- full ---- */

TEST(a_full_queue_drops_what_the_sender_says) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        struct leat_info info = LEAT_INFO_INIT;
        char text[1000] = "";
        unsigned count = 0;
        sysv_alone();
        struct leat_channel *sender = sysv_open(ADDRESS, LEAT_SEND), *receiver = sysv_open(ADDRESS, LEAT_RECEIVE);
        options.deadline = LEAT_NOW;
        for (; leat_send_with(sender, text, sizeof text, &options) == 0; count++)
                options.type = count + 2;
        CHECK(count > 3);
        CHECK_EQ(leat_send(sender, 1, text, sizeof text, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_send(sender, 1, text, sizeof text, leat_in_ms(3)), -ETIMEDOUT);
        options.flags = LEAT_DROP_NEWEST;
        CHECK_EQ(leat_send_with(sender, text, sizeof text, &options), 1);
        options.flags = LEAT_DROP_OLDEST;
        options.type = 1000;
        CHECK_EQ(leat_send_with(sender, text, sizeof text, &options), 0);
        CHECK_EQ(leat_channel_info(sender, &info), 0);
        CHECK_EQ(info.dropped, 2);
        CHECK_EQ(info.sent, count + 1);
        for (unsigned i = 1; i < count; i++)
                CHECK_EQ(leat_receive(receiver, LEAT_TYPE(i + 1), text, sizeof text, LEAT_NOW, NULL), sizeof text);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, text, sizeof text, LEAT_NOW, NULL), sizeof text);
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -EAGAIN);
        leat_close(sender);
        leat_close(receiver);
        sysv_forget();
}

static void take_one_late(void *argument) {
        struct foreign message;
        harness_wait_state(*(pid_t *)argument, "S");
        CHECK(msgrcv(sysv_queue(KEY), &message, sizeof message.bytes, 0, 0) > 0);
}

TEST(a_sender_waits_for_room) {
        static char text[6000];
        pid_t self = getpid();
        sysv_alone();
        struct leat_channel *sender = sysv_open(ADDRESS, LEAT_SEND);
        while (leat_send(sender, 1, text, sizeof text, LEAT_NOW) == 0)
                ;
        pid_t pid = harness_fork(take_one_late, &self);
        CHECK_EQ(leat_send(sender, 1, text, sizeof text, SOON), 0);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(sender);
        sysv_forget();
}

/* ---- removed, forbidden ---- */

static void remove_late(void *argument) {
        harness_wait_state(*(pid_t *)argument, "S");
        CHECK_EQ(leat_remove(ADDRESS, NULL), 0);
}

TEST(a_queue_removed_under_its_parties_is_told) {
        static char text[6000];
        pid_t self = getpid();
        sysv_alone();
        struct leat_channel *receiver = sysv_open(ADDRESS, LEAT_RECEIVE), *sender = sysv_open(ADDRESS, LEAT_SEND);
        pid_t pid = harness_fork(remove_late, &self);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, text, sizeof text, SOON, NULL), -EIDRM);
        sysv_check_why(receiver, LEAT_ROW_LIFETIME, -EIDRM);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -EIDRM);
        CHECK_EQ(leat_send(sender, 1, "x", 1, SOON), -EIDRM);
        sysv_check_why(sender, LEAT_ROW_LIFETIME, -EIDRM);
        leat_close(sender);
        leat_close(receiver);
        sender = sysv_open(ADDRESS, LEAT_SEND);
        while (leat_send(sender, 1, text, sizeof text, LEAT_NOW) == 0)
                ;
        pid = harness_fork(remove_late, &self);
        CHECK_EQ(leat_send(sender, 1, text, sizeof text, SOON), -EIDRM);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(sender);
        CHECK_EQ(leat_remove(ADDRESS, NULL), -ENOENT);
}

static void be_somebody_else(void *unused) {
        struct leat_reason reason;
        (void)unused;
        CHECK_EQ(setresuid(65534, 65534, 65534), 0);
        CHECK_EQ(sysv_try_open(ADDRESS, LEAT_RECEIVE, &reason), -EACCES);
        CHECK(reason.row == LEAT_ROW_WHO && reason.text);
        CHECK_EQ(sysv_try_open(ADDRESS, LEAT_SEND, &reason), 0); /* mode 0622 */
        CHECK_EQ(leat_remove(ADDRESS, &reason), -EPERM);
        CHECK(reason.text != NULL);
        CHECK_EQ(leat_set(ADDRESS, "mode", "0666", &reason), -EACCES);
        CHECK(reason.text != NULL);
        CHECK_EQ(leat_inspect(ADDRESS, &reason, &(struct leat_info)LEAT_INFO_INIT), -EACCES);
        CHECK(reason.text != NULL);
        struct leat_channel *sender = sysv_open(ADDRESS, LEAT_SEND);
        CHECK_EQ(leat_send(sender, 1, "x", 1, LEAT_NOW), 0);
        leat_close(sender);
}

TEST(anothers_queue_says_so) {
        if (geteuid() != 0)
                SKIP("needs root");
        sysv_alone();
        CHECK_EQ(leat_create(ADDRESS, 0600, true, NULL), 0);
        CHECK_EQ(leat_set(ADDRESS, "mode", "0622", NULL), 0);
        CHECK_EQ(harness_wait(harness_fork(be_somebody_else, NULL)), 0);
        sysv_forget();
}

/* ---- create, set, info, peek ---- */

TEST(what_is_made_has_its_mode_and_is_known) {
        struct leat_info info = LEAT_INFO_INIT;
        struct leat_reason reason;
        sysv_alone();
        umask(027);
        CHECK_EQ(leat_create(ADDRESS "?capacity=4k", 0666, true, NULL), 0);
        CHECK_EQ(sysv_status(KEY).msg_perm.mode & 0777, 0640);
        CHECK_EQ(leat_set(ADDRESS, "mode", "0606", NULL), 0);
        CHECK_EQ(leat_set(ADDRESS, "mode", "rw", &reason), -EINVAL);
        CHECK_EQ(leat_set(ADDRESS, "depth", "10", &reason), -ENOTSUP);
        CHECK(strstr(reason.text, "capacity") != NULL);
        sysv_send_foreign(3, "abc", 3);
        CHECK_EQ(leat_inspect(ADDRESS, NULL, &info), 0);
        CHECK_EQ(info.mode, 0606);
        CHECK_EQ(info.capacity_bytes, 4096);
        CHECK_EQ(info.queued_messages, 1);
        CHECK_EQ(info.queued_bytes, 3);
        CHECK_EQ(info.largest_bytes, 4096 - 48);
        CHECK_EQ(info.owner.uid, geteuid());
        CHECK_EQ(info.last_sender, getpid());
        CHECK_EQ(info.last_receiver, 0);
        CHECK_EQ(sysv_try_open(ADDRESS "?new", LEAT_RECEIVE, &reason), -EEXIST);
        sysv_forget();
        CHECK_EQ(sysv_try_open(ADDRESS "?open", LEAT_RECEIVE, &reason), -ENOENT);
        CHECK_EQ(sysv_try_open(ADDRESS "?pattern=broadcast", LEAT_RECEIVE, &reason), -ENOTSUP);
        CHECK(strstr(reason.text, "log:") != NULL);
}

TEST(a_queue_is_given_to_another_owner) {
        struct leat_info info = LEAT_INFO_INIT;
        struct leat_reason reason;
        if (geteuid() != 0)
                SKIP("needs root");
        sysv_alone();
        CHECK_EQ(leat_create(ADDRESS, 0600, true, NULL), 0);
        CHECK_EQ(leat_set(ADDRESS, "owner", "65534", NULL), 0);
        CHECK_EQ(leat_set(ADDRESS, "group", "65533", NULL), 0);
        CHECK_EQ(leat_set(ADDRESS, "owner", "nobody", &reason), -EINVAL);
        CHECK(strstr(reason.text, "by number"));
        CHECK_EQ(leat_set(ADDRESS, "group", "4294967295", NULL), -EINVAL); /* -1 */
        CHECK_EQ(leat_inspect(ADDRESS, NULL, &info), 0);
        CHECK_EQ(info.owner.uid, 65534);
        CHECK_EQ(info.owner.gid, 65533);
        CHECK_EQ(info.mode, 0600);
        sysv_forget();
}

TEST(what_waits_is_seen_and_not_taken) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct leat_reason reason;
        char bytes[4];
        sysv_alone();
        struct leat_channel *sender = sysv_open(ADDRESS, LEAT_SEND);
        CHECK_EQ(leat_peek(ADDRESS, 0, bytes, sizeof bytes, &reason, &about), -ENODATA);
        CHECK_EQ(leat_send(sender, 6, "ours, of ours", 13, SOON), 0);
        sysv_send_foreign(9, "xy", 2);
        ssize_t n = leat_peek(ADDRESS, 0, bytes, sizeof bytes, &reason, &about);
        if (n == -ENOTSUP)
                SKIP("this kernel has no MSG_COPY");
        CHECK_EQ(n, 4);
        CHECK_MEM(bytes, "ours", 4);
        CHECK_EQ(about.size_bytes, 13);
        CHECK_EQ(about.type, 6);
        CHECK_EQ(about.sequence, 1);
        CHECK_EQ(leat_peek(ADDRESS, 1, bytes, sizeof bytes, &reason, &about), 2);
        CHECK_EQ(about.type, 9);
        CHECK_EQ(leat_peek(ADDRESS, 2, bytes, sizeof bytes, &reason, &about), -ENODATA);
        CHECK_EQ(sysv_status(KEY).msg_qnum, 2);
        leat_close(sender);
        sysv_forget();
}

TEST_MAIN()
