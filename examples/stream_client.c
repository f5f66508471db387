/* SPDX-License-Identifier: MIT */
/*
 * A client on a stream socket: it calls the server once for each word and prints the replies. It may
 * be started before the server: the open waits.
 * Run it: stream_client unix-stream:capitals hello world      the other end: stream_server
 */
#include <leat.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
        struct leat_channel *server;
        char reply[4096];
        ssize_t n = 0;

        if (argc < 3)
                return fprintf(stderr, "usage: stream_client ADDRESS WORD...\n"), 2;
        int64_t deadline = leat_in_s(10); /* for all of it */
        int r = leat_open(argv[1], LEAT_CALL, deadline, &server);
        if (r < 0)
                return fprintf(stderr, "%s: %s\n", argv[1], leat_strerror(r)), 1;
        for (int i = 2; i < argc && n >= 0; i++) {
                n = leat_call(server, 1, argv[i], strlen(argv[i]), reply, sizeof reply, deadline, NULL);
                if (n >= 0)
                        printf("%.*s\n", (int)n, reply);
                else
                        fprintf(stderr, "%s: %s\n", argv[1], leat_strerror((int)n));
        }
        leat_close(server);
        return n < 0;
}
