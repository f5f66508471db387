/* SPDX-License-Identifier: MIT */
/*
 * A named pipe between strangers: prints the messages that come, whole ones, until nobody has it open for writing.
 * Start several: each message goes to one of them. It makes the pipe, and removes it when it was the last to use it.
 * Run it: fifo_reader /tmp/strangers      the other end: fifo_writer /tmp/strangers WORD...
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>

int main(int argc, char **argv) {
        struct leat_channel *pipe;
        char address[4096], text[4096];
        ssize_t n;

        if (argc != 2)
                return fprintf(stderr, "usage: fifo_reader PATH\n"), 2;
        snprintf(address, sizeof address, "fifo:%s?temporary", argv[1]);
        int r = leat_open(address, LEAT_RECEIVE, LEAT_NEVER, &pipe);
        if (r < 0)
                return fprintf(stderr, "%s: %s\n", argv[1], leat_strerror(r)), 1;
        while ((n = leat_receive(pipe, LEAT_ANY, text, sizeof text, leat_in_s(30), NULL)) >= 0)
                printf("%.*s\n", (int)n, text);
        if (n != -ENODATA)
                fprintf(stderr, "%s: %s\n", argv[1], leat_strerror((int)n));
        leat_close(pipe);
        return n != -ENODATA;
}
