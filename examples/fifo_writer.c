/* SPDX-License-Identifier: MIT */
/*
 * The other end of fifo_reader: sends each word as one message. It may be started first: the open waits for a reader.
 * Run it: fifo_writer /tmp/strangers hello world
 */
#include <leat.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
        struct leat_channel *pipe;
        char address[4096];

        if (argc < 3)
                return fprintf(stderr, "usage: fifo_writer PATH WORD...\n"), 2;
        snprintf(address, sizeof address, "fifo:%s?temporary", argv[1]);
        int64_t deadline = leat_in_s(30); /* for all of it */
        int r = leat_open(address, LEAT_SEND, deadline, &pipe);
        if (r < 0)
                return fprintf(stderr, "%s: %s\n", argv[1], leat_strerror(r)), 1;
        for (int i = 2; i < argc && r == 0; i++)
                r = leat_send(pipe, 1, argv[i], strlen(argv[i]), deadline);
        if (r < 0)
                fprintf(stderr, "%s: %s\n", argv[1], leat_strerror(r));
        leat_close(pipe);
        return r < 0;
}
