/* SPDX-License-Identifier: MIT */
/*
 * Sends datagrams to datagram_receiver: each argument after the address is one, whole or not at all.
 *
 *     datagram_sender udp::5000 one two three end
 *
 * Over unix-dgram: it waits for its receiver, and for room. Over udp: nobody tells a sender anything, but that a
 * port of a machine that it reached is nobody's: the next send says so (-EPIPE).
 */
#include <leat.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
        const char *address = argc > 1 ? argv[1] : "udp::5000";
        struct leat_channel *sender;
        int r = leat_open(address, LEAT_SEND, leat_in_s(5), &sender);

        if (r < 0) {
                fprintf(stderr, "%s: %s\n", address, leat_strerror(r));
                return 1;
        }
        for (int i = 2; i < argc && r == 0; i++)
                r = leat_send(sender, 1, argv[i], strlen(argv[i]), leat_in_s(5));
        if (r < 0)
                fprintf(stderr, "%s: %s\n", address, leat_strerror(r));
        leat_close(sender);
        return r < 0;
}
