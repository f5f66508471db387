/* SPDX-License-Identifier: MIT */

/* What the network says is an echo reply: no byte of it is believed. */

#include "transport/raw_socket.h"

#include "harness.h"

#define IDENTIFIER 0x1234

static const struct raw_socket ping_v4 = { .fd = -1, .ping = true };
static const struct raw_socket raw_v4 = { .fd = -1, .identifier = IDENTIFIER };
static const struct raw_socket raw_v6 = { .fd = -1, .v6 = true, .identifier = IDENTIFIER };

/* type, code, checksum, identifier, sequence, payload */
static const uint8_t reply_v4[] = { 0, 0, 0, 0, 0x12, 0x34, 0xab, 0xcd, 'h', 'i' };
static const uint8_t reply_v6[] = { 129, 0, 0, 0, 0x12, 0x34, 0xab, 0xcd, 'h', 'i' };

static size_t with_header(uint8_t *packet, unsigned words) {
        memset(packet, 0, 60);
        packet[0] = (uint8_t)(4 << 4 | words);
        memcpy(packet + (size_t)words * 4, reply_v4, sizeof reply_v4);
        return (size_t)words * 4 + sizeof reply_v4;
}

static void check_is_hi(const struct raw_socket *socket, const uint8_t *packet, size_t size) {
        struct raw_echo echo;
        CHECK(raw_socket_look(socket, packet, size, &echo));
        CHECK_EQ(echo.sequence, 0xabcd);
        CHECK_EQ(echo.size, 2);
        CHECK_MEM(echo.bytes, "hi", 2);
}

TEST(a_reply_is_seen_behind_headers_of_any_length) {
        uint8_t packet[128];
        check_is_hi(&ping_v4, reply_v4, sizeof reply_v4);
        check_is_hi(&raw_v6, reply_v6, sizeof reply_v6);
        for (unsigned words = 5; words <= 15; words++)
                check_is_hi(&raw_v4, packet, with_header(packet, words));
}

TEST(an_empty_payload_is_a_message) {
        struct raw_echo echo;
        CHECK(raw_socket_look(&ping_v4, reply_v4, RAW_ECHO_HEADER_BYTES, &echo));
        CHECK_EQ(echo.size, 0);
}

TEST(what_is_cut_short_is_none) {
        struct raw_echo echo;
        uint8_t packet[128];
        size_t size = with_header(packet, 5);
        for (size_t cut = 0; cut < RAW_ECHO_HEADER_BYTES; cut++) {
                CHECK(!raw_socket_look(&ping_v4, reply_v4, cut, &echo));
                CHECK(!raw_socket_look(&raw_v6, reply_v6, cut, &echo));
        }
        for (size_t cut = 0; cut < size - 2; cut++)
                CHECK(!raw_socket_look(&raw_v4, packet, cut, &echo));
}

/* A header that says it is shorter than any, or longer than the packet. */
TEST(a_header_that_lies_is_none) {
        struct raw_echo echo;
        uint8_t packet[128];
        for (unsigned words = 0; words < 5; words++)
                CHECK(!raw_socket_look(&raw_v4, packet, with_header(packet, words), &echo));
        size_t size = with_header(packet, 5);
        packet[0] = 0x4f;
        CHECK(!raw_socket_look(&raw_v4, packet, size, &echo));
}

TEST(what_is_no_reply_to_this_socket_is_none) {
        struct raw_echo echo;
        uint8_t packet[sizeof reply_v6];
        for (size_t byte = 0; byte < 6; byte++) {
                if (byte == 2 || byte == 3)
                        continue; /* the checksum is the kernel's to look at */
                memcpy(packet, reply_v6, sizeof packet);
                packet[byte] ^= 1;
                CHECK(!raw_socket_look(&raw_v6, packet, sizeof packet, &echo));
        }
        memcpy(packet, reply_v4, sizeof packet);
        packet[0] = 8; /* a request */
        CHECK(!raw_socket_look(&ping_v4, packet, sizeof packet, &echo));
}

TEST(random_bytes_are_survived) {
        uint8_t packet[96];
        const struct raw_socket *const sockets[] = { &ping_v4, &raw_v4, &raw_v6 };
        for (int round = 0; round < 30000; round++) {
                struct raw_echo echo = { 0 };
                size_t size = harness_random_below(sizeof packet + 1);
                for (size_t i = 0; i < size; i++)
                        packet[i] =
                                (uint8_t)(harness_random_below(4) ? harness_random() : reply_v4[i % sizeof reply_v4]);
                if (raw_socket_look(sockets[round % 3], packet, size, &echo))
                        CHECK(echo.bytes >= packet && echo.bytes + echo.size == packet + size);
        }
}

TEST_MAIN()
