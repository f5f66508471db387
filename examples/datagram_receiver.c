/* SPDX-License-Identifier: MIT */
/*
 * Receives datagrams, in either family of sockets, until one says "end"; datagram_sender is the other end.
 *
 *     datagram_receiver unix-dgram:@example          or       datagram_receiver udp::5000
 */
#include <leat.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
        const char *address = argc > 1 ? argv[1] : "udp::5000";
        struct leat_info info = LEAT_INFO_INIT;
        struct leat_channel *receiver;
        char text[256] = "";
        ssize_t n = 0;
        int r = leat_open(address, LEAT_RECEIVE, LEAT_NOW, &receiver);

        if (r < 0) {
                fprintf(stderr, "%s: %s\n", address, leat_strerror(r));
                return 1;
        }
        while (n >= 0 && strcmp(text, "end") != 0) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                char from[LEAT_ADDRESS_BYTES];

                n = leat_receive(receiver, LEAT_ANY, text, sizeof text - 1, leat_in_s(30), &about);
                if (n < 0)
                        break;
                text[n] = '\0';
                if (about.sender.known) /* a unix socket: the kernel says which process */
                        printf("process %d: %s\n", (int)about.sender.pid, text);
                else if (leat_sender_address(receiver, &about, from, sizeof from) > 0)
                        printf("%.*s: %s\n", (int)(strrchr(from, ':') - from), from, text);
                fflush(stdout);
        }
        if (leat_channel_info(receiver, &info) == 0) /* what udp: saw of the network */
                printf("received %llu, lost %llu, late %llu, doubled %llu\n", (unsigned long long)info.received,
                       (unsigned long long)info.lost, (unsigned long long)info.late, (unsigned long long)info.doubled);
        if (n < 0)
                fprintf(stderr, "%s: %s\n", address, leat_strerror((int)n));
        leat_close(receiver);
        return n < 0;
}
