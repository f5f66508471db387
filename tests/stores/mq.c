/* SPDX-License-Identifier: MIT */
#include "mq.h"
#include "harness.h"

#include <mqueue.h>
#include <stdio.h>

static void remove_queue(const char *name) {
        (void)mq_unlink(name);
}

const char *mq_name(void) {
        const char *name = strrchr(harness_tmpdir(), '/');
        harness_remove_later(remove_queue, name);
        return name;
}

const char *mq_address(const char *options) {
        static char address[256];
        snprintf(address, sizeof address, "mq:%s%s", mq_name(), options);
        return address;
}

static struct leat_channel *open_end(const char *options, unsigned flags) {
        struct leat_open_options how = LEAT_OPEN_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        struct leat_channel *channel = NULL;
        how.flags = flags;
        how.deadline = harness_deadline_ms(40000);
        int r = leat_open_with(mq_address(options), &how, &reason, &channel);
        if (r < 0)
                FAIL("open %s: %s (%s)", mq_address(options), leat_strerror(r), reason.text ? reason.text : "");
        return channel;
}

struct leat_channel *mq_sender(const char *options) {
        return open_end(options, LEAT_SEND);
}

struct leat_channel *mq_receiver(const char *options) {
        return open_end(options, LEAT_RECEIVE);
}

int mq_refused(const char *options, unsigned flags, struct leat_reason *ret_reason) {
        struct leat_open_options how = LEAT_OPEN_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        struct leat_channel *channel = NULL;
        how.flags = flags;
        how.deadline = harness_deadline_ms(40000);
        int r = leat_open_with(mq_address(options), &how, &reason, &channel);
        CHECK(r < 0 && !channel);
        CHECK_EQ(reason.error, r);
        if (ret_reason)
                *ret_reason = reason;
        return r;
}

void mq_put(struct leat_channel *sender, const char *text) {
        CHECK_EQ(leat_send(sender, 1, text, strlen(text), LEAT_NOW), 0);
}

int mq_receive_text(struct leat_channel *receiver, int64_t deadline, char *ret_text) {
        char text[64] = "";
        int n = (int)leat_receive(receiver, LEAT_ANY, text, sizeof text - 1, deadline, NULL);
        if (ret_text)
                memcpy(ret_text, text, sizeof text);
        return n;
}

void mq_take(struct leat_channel *receiver, const char *text) {
        char taken[64];
        CHECK_EQ(mq_receive_text(receiver, harness_deadline_ms(40000), taken), strlen(text));
        CHECK_STR(taken, text);
}
