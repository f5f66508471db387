/* SPDX-License-Identifier: MIT */
/*
 * Urgent and ordinary messages on a POSIX queue. The sender has gone before the receiver comes: the queue keeps what was
 * sent, and hands out the highest priority first, in order within one.
 * Run it: urgent_messages [mq:/name]                look at it meanwhile: leat info mq:/name
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <string.h>

#define ORDINARY 0
#define URGENT 9

static int send_text(struct leat_channel *channel, const char *text, uint32_t priority) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.priority = priority;
        options.deadline = leat_in_ms(5000);
        return leat_send_with(channel, text, strlen(text), &options);
}

static int send_all(const char *address) {
        struct leat_channel *channel;
        int r = leat_open(address, LEAT_SEND, LEAT_NEVER, &channel);
        if (r < 0)
                return r;
        r = send_text(channel, "water the plants", ORDINARY);
        if (r == 0)
                r = send_text(channel, "the cellar is under water", URGENT);
        if (r == 0)
                r = send_text(channel, "oil the gate", ORDINARY);
        if (r == 0)
                r = send_text(channel, "the lights have gone out", URGENT);
        leat_close(channel);
        return r;
}

static int receive_all(const char *address) {
        struct leat_channel *channel;
        char text[256];
        ssize_t n = leat_open(address, LEAT_RECEIVE, LEAT_NEVER, &channel);
        if (n < 0)
                return (int)n;
        do {
                struct leat_message about = LEAT_MESSAGE_INIT;
                n = leat_receive(channel, LEAT_ANY, text, sizeof text, LEAT_NOW, &about);
                if (n >= 0)
                        printf("%s: %.*s\n", about.priority == URGENT ? "urgent" : "ordinary", (int)n, text);
        } while (n >= 0);
        leat_close(channel);
        return n == -EAGAIN ? 0 : (int)n; /* it is empty */
}

int main(int argc, char **argv) {
        const char *address = argc > 1 ? argv[1] : "mq:/leat-urgent";
        int r = send_all(address);
        if (r == 0)
                r = receive_all(address);
        if (r == 0)
                r = leat_remove(address, NULL);
        if (r < 0)
                fprintf(stderr, "%s: %s\n", address, leat_strerror(r));
        return r < 0;
}
