/* SPDX-License-Identifier: MIT */

/* HOST:PORT, there and back; and what is said of a wrong one. */

#include "harness.h"
#include "transport/inet_address.h"

#include <errno.h>
#include <leat.h>
#include <stdio.h>

static struct inet_name parsed(const char *text) {
        struct address address;
        struct inet_name name;
        struct leat_reason reason = { 0 };
        CHECK_EQ(address_parse(text, &reason, &address), 0);
        if (inet_parse(&address, &reason, &name) < 0)
                FAIL("%s: %s", text, reason.text);
        address_clear(&address);
        return name;
}

/* The only candidate, as text. */
static const char *number_of(const char *text) {
        static char ret[INET_TEXT_BYTES];
        struct inet_candidates candidates;
        struct inet_name name = parsed(text);
        CHECK_EQ(name.kind, INET_NUMBER);
        inet_candidates(&name, &candidates);
        CHECK_EQ(candidates.count, 1);
        inet_format(&candidates.all[0], ret, sizeof ret);
        return ret;
}

TEST(numbers_come_back_as_they_were) {
        CHECK_STR(number_of("tcp:127.0.0.1:5000"), "127.0.0.1:5000");
        CHECK_STR(number_of("tcp:255.255.255.255:65535"), "255.255.255.255:65535");
        CHECK_STR(number_of("tcp:[::1]:1"), "[::1]:1");
        CHECK_STR(number_of("tcp:[2001:db8:0:0::7]:05000"), "[2001:db8::7]:5000");
        CHECK_STR(number_of("tcp:[::ffff:192.0.2.1]:80"), "192.0.2.1:80");
        CHECK_STR(number_of("tcp:0.0.0.0:80"), ":80");
        CHECK_STR(number_of("tcp:[fe80::1%25lo]:80"), "[fe80::1%lo]:80");
}

TEST(without_a_host_it_is_loopback_in_both_families) {
        struct inet_candidates candidates;
        char text[INET_TEXT_BYTES];
        struct inet_name name = parsed("udp::5000");
        CHECK_EQ(name.kind, INET_LOOPBACK);
        inet_candidates(&name, &candidates);
        CHECK_EQ(candidates.count, 2);
        inet_format(&candidates.all[0], text, sizeof text);
        CHECK_STR(text, "127.0.0.1:5000");
        inet_format(&candidates.all[1], text, sizeof text);
        CHECK_STR(text, "[::1]:5000");
        CHECK(inet_is_loopback(&candidates.all[0]) && inet_is_loopback(&candidates.all[1]));
}

TEST(a_star_is_every_address) {
        struct inet_candidates candidates;
        struct inet_name name = parsed("tcp:*:0");
        CHECK_EQ(name.kind, INET_EVERY);
        inet_candidates(&name, &candidates);
        CHECK_EQ(candidates.count, 2);
        for (int i = 0; i < 2; i++)
                CHECK(inet_is_any(&candidates.all[i]) && !inet_is_loopback(&candidates.all[i]));
}

TEST(names_are_kept_for_the_resolver) {
        struct inet_candidates candidates;
        struct inet_name name = parsed("tcp:db-1.example_x.:5432");
        CHECK_EQ(name.kind, INET_NAME);
        CHECK_STR(name.host, "db-1.example_x.");
        CHECK_EQ(name.port, 5432);
        inet_candidates(&name, &candidates);
        CHECK_EQ(candidates.count, 0);
}

TEST(a_mapped_address_of_the_kernel_is_ipv4) {
        struct sockaddr_storage storage = { .ss_family = AF_INET6 };
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
        struct inet_address address;
        char text[INET_TEXT_BYTES];
        v6->sin6_port = htons(7);
        v6->sin6_addr = (struct in6_addr){ .s6_addr = { [10] = 255, 255, 192, 0, 2, 1 } };
        CHECK(inet_from_kernel(&storage, &address));
        inet_format(&address, text, sizeof text);
        CHECK_STR(text, "192.0.2.1:7");
        storage.ss_family = AF_UNIX;
        CHECK(!inet_from_kernel(&storage, &address));
}

/* Each says what is wrong, where, and what to write. */
TEST(wrong_addresses_get_helpful_lines) {
        static const struct {
                const char *address;
                unsigned flags;
                int error;
                uint32_t column;
                const char *says; /* a word that helps */
        } wrong[] = {
                { "tcp:", LEAT_SEND, -EINVAL, 5, "HOST:PORT" },
                { "tcp:localhost", LEAT_SEND, -EINVAL, 5, "HOST:PORT" },
                { "tcp:5000", LEAT_SEND, -EINVAL, 5, "HOST:PORT" },
                { "tcp:localhost:", LEAT_SEND, -EINVAL, 15, "0 to 65535" },
                { "tcp:localhost:http", LEAT_SEND, -EINVAL, 15, "names of services" },
                { "tcp:localhost:65536", LEAT_SEND, -EINVAL, 15, "0 to 65535" },
                { "tcp:localhost:-1", LEAT_SEND, -EINVAL, 15, "0 to 65535" },
                { "tcp:localhost:99999999999999999999", LEAT_SEND, -EINVAL, 15, "0 to 65535" },
                { "tcp:localhost:80 ", LEAT_SEND, -EINVAL, 15, "0 to 65535" },
                { "tcp:localhost:0", LEAT_SEND, -EINVAL, 15, "port 0" },
                { "tcp:*:5000", LEAT_SEND, -EINVAL, 5, "listens" },
                { "tcp:::1:5000", LEAT_SEND, -EINVAL, 5, "brackets" },
                { "tcp:::1", LEAT_SEND, -EINVAL, 5, "brackets" },
                { "tcp:fe80::1:5000", LEAT_RECEIVE, -EINVAL, 5, "brackets" },
                { "tcp:[::1:5000", LEAT_SEND, -EINVAL, 5, "not closed" },
                { "tcp:[::1]5000", LEAT_SEND, -EINVAL, 10, "colon" },
                { "tcp:[::1]", LEAT_SEND, -EINVAL, 10, "colon" },
                { "tcp:[localhost]:5000", LEAT_SEND, -EINVAL, 6, "no brackets" },
                { "tcp:[127.0.0.1]:5000", LEAT_SEND, -EINVAL, 6, "no brackets" },
                { "tcp:[]:5000", LEAT_SEND, -EINVAL, 6, "IPv6" },
                { "tcp:[fe80::1]:5000", LEAT_SEND, -EINVAL, 6, "interface" },
                { "tcp:[fe80::1%25nowhere0]:5000", LEAT_SEND, -EINVAL, 14, "ip link" },
                { "tcp:127.0.0.256:5000", LEAT_SEND, -EINVAL, 5, "0 to 255" },
                { "tcp:127.1:5000", LEAT_SEND, -EINVAL, 5, "four numbers" },
                { "tcp:0x7f000001:5000", LEAT_SEND, -EINVAL, 5, "four numbers" },
                { "tcp:0x7f.0.1:5000", LEAT_SEND, -EINVAL, 5, "four numbers" },
                { "tcp:user@host:5000", LEAT_SEND, -EINVAL, 9, "character" },
                { "tcp://localhost:5000", LEAT_SEND, -EINVAL, 5, "character" },
                { "tcp:a b:5000", LEAT_SEND, -EINVAL, 6, "character" },
                { "tcp:localhost:5000?nodelay=maybe", LEAT_SEND, -EINVAL, 28, "yes or no" },
                { "tcp:localhost:5000?keepalive=0", LEAT_SEND, -EINVAL, 30, "number" },
                { "tcp:localhost:5000?mode=0600", LEAT_SEND, -ENOTSUP, 20, "no such option" },
                { "tcp:127.0.0.1:5000?listen", LEAT_CALL, -ENOTSUP, 20, "callers connect" },
        };
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
                struct leat_reason reason = { 0 };
                struct leat_channel *channel = NULL;
                options.flags = wrong[i].flags;
                options.deadline = LEAT_NOW;
                int r = leat_open_with(wrong[i].address, &options, &reason, &channel);
                if (r != wrong[i].error || reason.column != wrong[i].column || !reason.text ||
                    !strstr(reason.text, wrong[i].says))
                        FAIL("%s: error %d, column %u: %s", wrong[i].address, r, reason.column, reason.text);
        }
}

TEST(a_host_is_as_long_as_the_dns_allows) {
        char text[600];
        struct leat_reason reason = { 0 };
        snprintf(text, sizeof text, "tcp:%0255d:1", 0);
        text[4] = 'a';
        CHECK_EQ(leat_address_check(text, &reason), 0);
        snprintf(text, sizeof text, "tcp:%0256d:1", 0);
        text[4] = 'a';
        CHECK_EQ(leat_address_check(text, &reason), -EINVAL);
        CHECK(strstr(reason.text, "255") != NULL);
        snprintf(text, sizeof text, "tcp:[%0300d]:1", 0);
        CHECK_EQ(leat_address_check(text, &reason), -EINVAL);
        CHECK(strstr(reason.text, "too long") != NULL);
}

TEST(a_text_without_room_is_cut) {
        char text[8];
        struct inet_name name = parsed("tcp:127.0.0.1:5000");
        inet_format(&name.number, text, sizeof text);
        CHECK_STR(text, "127.0.0");
}

TEST_MAIN()
