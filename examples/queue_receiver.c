/* SPDX-License-Identifier: MIT */
/*
 * The third of three programs (queue_creator.c): takes what waits in the queue, and removes it. A program that knows
 * nothing of Leat may have put it there, with plain msgsnd().
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>

int main(int argc, char **argv) {
        const char *address = argc > 1 ? argv[1] : "sysv-mq:/tmp#77?open";
        struct leat_channel *queue;
        char text[8192];
        ssize_t n;
        int r = leat_open(address, LEAT_RECEIVE, LEAT_NEVER, &queue);

        if (r < 0) {
                fprintf(stderr, "%s: %s; run queue_creator first\n", address, leat_strerror(r));
                return 1;
        }
        while ((n = leat_receive(queue, LEAT_ANY, text, sizeof text, LEAT_NOW, NULL)) >= 0)
                printf("%.*s\n", (int)n, text);
        leat_close(queue);
        r = n == -EAGAIN ? leat_remove(address, NULL) : (int)n; /* -EAGAIN: it is empty */
        if (r < 0)
                fprintf(stderr, "%s: %s\n", address, leat_strerror(r));
        return r < 0;
}
