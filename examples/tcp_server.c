/* SPDX-License-Identifier: MIT */
/*
 * The lectures' server on TCP: socket, bind, listen, accept, read and write are one open and two calls. It says where it
 * listens, then answers each request with its length, and ends when the last client has gone. One listener serves IPv4 and IPv6.
 * Run it: tcp_server tcp::5000 &      the other end: tcp_client tcp:127.0.0.1:5000 hello; tcp_client tcp:[::1]:5000 hello
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>

static void answer(struct leat_channel *server, const struct leat_message *request, const char *text, ssize_t size) {
        char from[LEAT_ADDRESS_BYTES], reply[64];

        if (leat_sender_address(server, request, from, sizeof from) < 0)
                snprintf(from, sizeof from, "somebody");
        printf("%s: %.*s\n", from, (int)size, text);
        int n = snprintf(reply, sizeof reply, "got %zd bytes", size);
        int r = leat_reply(server, request, 1, reply, (size_t)n, leat_in_s(5));
        if (r < 0) /* it may have gone, or have wanted no reply: no reason to stop serving */
                fprintf(stderr, "%s: %s\n", from, leat_strerror(r));
}

static int serve(struct leat_channel *server) {
        char text[4096];

        for (;;) {
                struct leat_message request = LEAT_MESSAGE_INIT;
                ssize_t n = leat_receive(server, LEAT_ANY, text, sizeof text, LEAT_NEVER, &request);

                if (n >= 0)
                        answer(server, &request, text, n);
                else if (n != -EBADMSG && n != -EPROTONOSUPPORT) /* one that misbehaves is cut off; the others stay */
                        return (int)n;
        }
}

int main(int argc, char **argv) {
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        struct leat_channel *server;
        char address[LEAT_ADDRESS_BYTES];

        if (argc != 2)
                return fprintf(stderr, "usage: tcp_server ADDRESS\n"), 2;
        options.flags = LEAT_REPLY;
        int r = leat_open_with(argv[1], &options, &reason, &server);
        if (r < 0)
                return fprintf(stderr, "%s: %s\n", argv[1], reason.text ? reason.text : leat_strerror(r)), 1;
        setvbuf(stdout, NULL, _IOLBF, 0);
        if (leat_channel_address(server, address, sizeof address) > 0)
                printf("listening on %s\n", address); /* with port 0 the kernel chose one */
        r = serve(server);
        leat_close(server);
        if (r != -ENODATA) /* the end is how it is meant to stop */
                return fprintf(stderr, "%s: %s\n", argv[1], leat_strerror(r)), 1;
        return 0;
}
