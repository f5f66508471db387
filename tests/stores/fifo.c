/* SPDX-License-Identifier: MIT */
#include "fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

char fifo_path[200];

const char *at(const char *options) {
        static char addresses[4][256];
        static unsigned next;
        char *address = addresses[next++ % 4];
        snprintf(fifo_path, sizeof fifo_path, "%s/f", harness_tmpdir());
        snprintf(address, sizeof addresses[0], "fifo:%s%s%s", fifo_path, *options ? "?" : "", options);
        return address;
}

static struct leat_channel *open_end(const char *address, unsigned flags) {
        return open_or_fail(address, flags, SOON);
}

struct leat_channel *receiver_at(const char *options) {
        return open_end(at(options), LEAT_RECEIVE);
}

struct leat_channel *sender_at(const char *options) {
        return open_end(at(options), LEAT_SEND);
}

int refusal(const char *options, unsigned flags, struct leat_reason *ret_reason) {
        return try_open(at(options), flags, LEAT_NOW, ret_reason);
}

void send_text(struct leat_channel *sender, const char *text) {
        CHECK_EQ(leat_send(sender, 1, text, strlen(text), SOON), 0);
}

void take_text(struct leat_channel *receiver, const char *text) {
        char buffer[PIPE_BUF + 1];
        ssize_t n = leat_receive(receiver, LEAT_ANY, buffer, PIPE_BUF, SOON, NULL);
        if (n < 0)
                FAIL("instead of %s: %s", text, leat_strerror((int)n));
        buffer[n] = '\0';
        CHECK_STR(buffer, text);
}

ssize_t receive_now(struct leat_channel *receiver) {
        char buffer[PIPE_BUF];
        return leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL);
}

void expect_end(struct leat_channel *receiver) {
        char buffer[8];
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ENODATA);
}

void write_plain(const char *text) {
        int fd = open(fifo_path, O_WRONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}
