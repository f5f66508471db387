/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: packets that a socket for ICMP echo is handed: with the header of IPv4, as SOCK_RAW has it, without it, and of IPv6.
 *
 * What must hold: what is taken for a reply lies within the packet, carries the identifier that was asked with (but for the
 * kernel's ping socket, which has seen to that), and is of the type that answers; a packet that is cut short anywhere
 * is never read beyond its end.
 */

#include "require.h"
#include "transport/raw_socket.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>

#define IDENTIFIER 0x1234

static void look(const struct raw_socket *raw, const uint8_t *packet, size_t size) {
        struct raw_echo echo = { 0 };
        if (!raw_socket_look(raw, packet, size, &echo))
                return;
        REQUIRE(echo.bytes >= packet + RAW_ECHO_HEADER_BYTES && echo.bytes + echo.size == packet + size);
        const uint8_t *header = echo.bytes - RAW_ECHO_HEADER_BYTES;
        REQUIRE(header[0] == (raw->v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) && header[1] == 0);
        REQUIRE(raw->ping || (header[4] == IDENTIFIER >> 8 && header[5] == (IDENTIFIER & 255)));
        REQUIRE(echo.sequence == (header[6] << 8 | header[7]));
        REQUIRE(raw->ping || raw->v6 || (size_t)(header - packet) == (size_t)(packet[0] & 15) * 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const struct raw_socket sockets[] = { { .fd = -1, .ping = true },
                                                     { .fd = -1, .ping = true, .v6 = true },
                                                     { .fd = -1, .identifier = IDENTIFIER },
                                                     { .fd = -1, .v6 = true, .identifier = IDENTIFIER } };
        size_t cut = size > 0 ? data[size - 1] % (size + 1) : 0;
        for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++)
                for (size_t length = size - cut; length <= size; length += cut ? cut : 1) {
                        uint8_t *packet = malloc(length ? length : 1); /* so that its end is watched */
                        REQUIRE(packet);
                        memcpy(packet, data, length);
                        look(&sockets[i], packet, length);
                        free(packet);
                }
        return 0;
}
