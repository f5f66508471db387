/* SPDX-License-Identifier: MIT */
/*
 * A server on a stream socket: it answers every request of any number of clients, in capitals, and
 * ends when the last client has gone.
 * Run it: stream_server unix-stream:capitals &      the other end: stream_client unix-stream:capitals hello
 */
#include <ctype.h>
#include <errno.h>
#include <leat.h>
#include <stdio.h>

static int serve(struct leat_channel *server) {
        char text[4096];

        for (;;) {
                struct leat_message request = LEAT_MESSAGE_INIT;
                ssize_t n = leat_receive(server, LEAT_ANY, text, sizeof text, LEAT_NEVER, &request);

                if (n == -EBADMSG || n == -EPROTONOSUPPORT)
                        continue; /* one client misbehaved and was cut off; the others stay */
                if (n < 0)
                        return (int)n;
                for (ssize_t i = 0; i < n; i++)
                        text[i] = (char)toupper((unsigned char)text[i]);
                int r = leat_reply(server, &request, 1, text, (size_t)n, leat_in_s(5));
                if (r < 0) /* it may have gone, or have wanted no reply: no reason to stop serving */
                        fprintf(stderr, "reply to pid %d: %s\n", (int)request.sender.pid, leat_strerror(r));
        }
}

int main(int argc, char **argv) {
        struct leat_channel *server;

        if (argc != 2)
                return fprintf(stderr, "usage: stream_server ADDRESS\n"), 2;
        int r = leat_open(argv[1], LEAT_REPLY, LEAT_NEVER, &server);
        if (r == 0) {
                r = serve(server);
                leat_close(server);
        }
        if (r != -ENODATA) /* the end is how it is meant to stop */
                return fprintf(stderr, "%s: %s\n", argv[1], leat_strerror(r)), 1;
        return 0;
}
