/* SPDX-License-Identifier: MIT */
#include "again.h"

#include <errno.h>

struct leat_channel *open_at(const char *address, unsigned flags) {
        return open_or_fail(address, flags, SOON);
}

void send_text(struct leat_channel *channel, const char *text) {
        CHECK_EQ(leat_send(channel, 1, text, strlen(text), SOON), 0);
}

struct leat_message take(struct leat_channel *channel, const char *text) {
        char buffer[64];
        struct leat_message about = LEAT_MESSAGE_INIT;
        ssize_t n;
        do
                n = leat_receive(channel, LEAT_ANY, buffer, sizeof buffer, SOON, &about);
        while (n == -ENODATA);
        CHECK_EQ(n, strlen(text));
        CHECK_MEM(buffer, text, strlen(text));
        return about;
}
