/* SPDX-License-Identifier: MIT */
/*
 * The lectures' client on TCP, for IPv4, IPv6 and names alike: it sends each word to the server and prints what comes back. It may
 * be started before the server: the open waits, and looks the name up, until the deadline.
 * Run it: tcp_client tcp:localhost:5000 hello world      the other end: tcp_server tcp::5000
 */
#include <leat.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        struct leat_channel *server;
        char reply[4096];
        ssize_t n = 0;

        if (argc < 3)
                return fprintf(stderr, "usage: tcp_client ADDRESS WORD...\n"), 2;
        options.flags = LEAT_CALL;
        options.deadline = leat_in_s(10); /* for all of it */
        int r = leat_open_with(argv[1], &options, &reason, &server);
        if (r < 0)
                return fprintf(stderr, "%s: %s\n", argv[1], reason.text ? reason.text : leat_strerror(r)), 1;
        for (int i = 2; i < argc && n >= 0; i++) {
                n = leat_call(server, 1, argv[i], strlen(argv[i]), reply, sizeof reply, options.deadline, NULL);
                if (n >= 0)
                        printf("%.*s\n", (int)n, reply);
                else
                        fprintf(stderr, "%s: %s\n", argv[1], leat_strerror((int)n));
        }
        leat_close(server);
        return n < 0;
}
