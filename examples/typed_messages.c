/* SPDX-License-Identifier: MIT */
/*
 * Typed messages, and the three ways of receiving that a System V queue has: the next of any type, the next of one
 * type, and the next of the lowest type not above one.
 * Run it: typed_messages
 */
#include <errno.h>
#include <inttypes.h>
#include <leat.h>
#include <stdio.h>
#include <string.h>

static int send_all(struct leat_channel *queue) {
        static const struct {
                int64_t type;
                const char *text;
        } messages[] = { { 5, "five" }, { 3, "three" }, { 9, "nine" }, { 3, "three again" }, { 7, "seven" } };
        int r = 0;

        for (size_t i = 0; i < sizeof messages / sizeof messages[0] && r == 0; i++)
                r = leat_send(queue, messages[i].type, messages[i].text, strlen(messages[i].text), leat_in_s(5));
        return r;
}

static void show(struct leat_channel *queue, const char *what, int64_t select) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        char text[64];
        ssize_t n = leat_receive(queue, select, text, sizeof text, LEAT_NOW, &about);

        if (n == -EAGAIN)
                printf("%-24s nothing\n", what);
        else if (n < 0)
                printf("%-24s %s\n", what, leat_strerror((int)n));
        else
                printf("%-24s type %" PRId64 ": %.*s\n", what, about.type, (int)n, text);
}

int main(int argc, char **argv) {
        const char *address = argc > 1 ? argv[1] : "sysv-mq:/tmp#78";
        struct leat_channel *sender = NULL, *receiver = NULL;
        int r = leat_open(address, LEAT_SEND, LEAT_NEVER, &sender);

        if (r == 0)
                r = leat_open(address, LEAT_RECEIVE, LEAT_NEVER, &receiver);
        if (r == 0)
                r = send_all(sender);
        if (r == 0) {
                show(receiver, "LEAT_TYPE(3)", LEAT_TYPE(3));
                show(receiver, "LEAT_ANY", LEAT_ANY);
                show(receiver, "LEAT_AT_MOST(8)", LEAT_AT_MOST(8));
                show(receiver, "LEAT_AT_MOST(8)", LEAT_AT_MOST(8));
                show(receiver, "LEAT_TYPE(3)", LEAT_TYPE(3));
                show(receiver, "LEAT_ANY", LEAT_ANY);
        }
        leat_close(sender);
        leat_close(receiver);
        if (r == 0)
                r = leat_remove(address, NULL);
        if (r < 0)
                fprintf(stderr, "%s: %s\n", address, leat_strerror(r));
        return r < 0;
}
