/* SPDX-License-Identifier: MIT */
#include "sysv_mq.h"

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>

void sysv_alone(void) {
        if (unshare(CLONE_NEWIPC) < 0)
                (void)leat_remove(ADDRESS, NULL);
}

void sysv_forget(void) {
        (void)leat_remove(ADDRESS, NULL);
}

struct leat_channel *sysv_open(const char *address, unsigned flags) {
        return open_or_fail(address, flags, SOON);
}

int sysv_try_open(const char *address, unsigned flags, struct leat_reason *ret_reason) {
        return try_open(address, flags, SOON, ret_reason);
}

int sysv_queue(key_t key) {
        int queue = msgget(key, 0);
        CHECK(queue >= 0);
        return queue;
}

struct msqid_ds sysv_status(key_t key) {
        struct msqid_ds status;
        CHECK_EQ(msgctl(sysv_queue(key), IPC_STAT, &status), 0);
        return status;
}

void sysv_send_foreign(long type, const char *bytes, size_t size) {
        struct foreign message = { .type = type };
        memcpy(message.bytes, bytes, size);
        CHECK_EQ(msgsnd(sysv_queue(KEY), &message, size, 0), 0);
}

void sysv_expect(struct leat_channel *receiver, int64_t select, int64_t deadline, int64_t type, const char *text) {
        char buffer[8192];
        struct leat_message about = LEAT_MESSAGE_INIT;
        ssize_t n = leat_receive(receiver, select, buffer, sizeof buffer, deadline, &about);
        if (n != (ssize_t)strlen(text))
                FAIL("%zd (%s) instead of %s", n, n < 0 ? leat_strerror((int)n) : "bytes", text);
        CHECK_MEM(buffer, text, strlen(text));
        CHECK_EQ(about.type, type);
}

int sysv_receive_now(struct leat_channel *receiver, int64_t select) {
        char buffer[8192];
        return (int)leat_receive(receiver, select, buffer, sizeof buffer, LEAT_NOW, NULL);
}

void sysv_check_why(struct leat_channel *channel, enum leat_row row, int error) {
        struct leat_reason why = { 0 };
        CHECK_EQ(leat_why(channel, &why), 0);
        CHECK_EQ(why.error, error);
        CHECK_EQ(why.row, row);
        CHECK(why.text && why.text[0]);
}

bool sysv_readable(int fd, int timeout_ms) {
        struct pollfd entry = { .fd = fd, .events = POLLIN };
        return poll(&entry, 1, timeout_ms) == 1;
}

const char *sysv_companion(int queue) {
        static char name[64];
        snprintf(name, sizeof name, "/leat.sysv-mq.%d", queue);
        return name;
}

bool sysv_has_companion(int queue) {
        mqd_t companion = mq_open(sysv_companion(queue), O_RDONLY);
        return companion >= 0 && mq_close(companion) == 0;
}
