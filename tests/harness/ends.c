/* SPDX-License-Identifier: MIT */
#include "ends.h"

struct leat_channel *open_or_fail(const char *address, unsigned flags, int64_t deadline) {
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        struct leat_channel *channel = NULL;
        options.flags = flags;
        options.deadline = deadline;
        int r = leat_open_with(address, &options, &reason, &channel);
        if (r < 0)
                FAIL("open %s: %s (%s)", address, leat_strerror(r), reason.text ? reason.text : "");
        return channel;
}

int try_open(const char *address, unsigned flags, int64_t deadline, struct leat_reason *ret_reason) {
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        struct leat_channel *channel = NULL;
        options.flags = flags;
        options.deadline = deadline;
        int r = leat_open_with(address, &options, ret_reason, &channel);
        leat_close(channel);
        return r;
}

struct leat_message take_or_fail(struct leat_channel *receiver, const char *text, int64_t deadline) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        char buffer[256] = "";
        ssize_t n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer - 1, deadline, &about);
        if (n < 0)
                FAIL("\"%s\" was expected, not %s", text, leat_strerror((int)n));
        CHECK_STR(buffer, text);
        return about;
}

struct leat_info info_of(struct leat_channel *channel) {
        struct leat_info info = LEAT_INFO_INIT;
        CHECK_EQ(leat_channel_info(channel, &info), 0);
        return info;
}
