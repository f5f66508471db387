/* SPDX-License-Identifier: MIT */

/* The network of the tests does what it is told, and counts what it did: shown with plain sockets. */

#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <leat/deadline.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 5000
#define NUMBERS 400

/* ---- plain datagrams that carry a number ---- */

/* A socket at HOST_B that waits for datagrams. */
static int receiver_at(const struct network *network, const char *text) {
        const int room = 1 << 22;
        struct sockaddr_storage address;
        socklen_t size = network_socket_name(text, PORT, &address);
        network_enter(network, HOST_B);
        int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        CHECK(fd >= 0);
        CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room), 0);
        CHECK_EQ(bind(fd, (struct sockaddr *)&address, size), 0);
        network_enter(network, HOST_A);
        return fd;
}

static int sender_to(const char *text) {
        struct sockaddr_storage address;
        socklen_t size = network_socket_name(text, PORT, &address);
        int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK_EQ(connect(fd, (struct sockaddr *)&address, size), 0);
        return fd;
}

static void send_numbers(int fd, uint64_t count) {
        for (uint64_t number = 1; number <= count; number++)
                CHECK_EQ(send(fd, &number, sizeof number, 0), sizeof number);
}

/* What lies there, in the order of its coming. Returns how many. */
static uint64_t take_numbers(int fd, uint64_t *ret_numbers, uint64_t most) {
        uint64_t count = 0;
        while (count < most && recv(fd, &ret_numbers[count], sizeof(uint64_t), 0) == sizeof(uint64_t))
                count++;
        return count;
}

static void wait_readable(int fd) {
        struct pollfd poll_fd = { fd, POLLIN, 0 };
        CHECK_EQ(poll(&poll_fd, 1, 40000), 1);
}

struct outcome {
        uint64_t numbers[4 * NUMBERS], count;
};

/* Send the numbers through a network that is treated so, and take what comes. */
static void carry(const struct treatment *treatment, uint64_t seed, const char *to, struct outcome *ret_outcome,
                  struct tally *ret_tally) {
        struct network network;
        network_new(&network, seed);
        network.treatment->lost = treatment->lost;
        network.treatment->doubled = treatment->doubled;
        network.treatment->turned = treatment->turned;
        int receiver = receiver_at(&network, to), sender = sender_to(to);
        send_numbers(sender, NUMBERS);
        network_drain(&network, HOST_A, NUMBERS);
        ret_outcome->count = take_numbers(receiver, ret_outcome->numbers, 4 * NUMBERS);
        memcpy(ret_tally, &network.tallies[HOST_A], sizeof(*ret_tally));
        close(sender);
        close(receiver);
        network_free(&network);
}

/* What a receiver sees, to be held against what the relay says it did. */
static void count_seen(const struct outcome *outcome, struct tally *ret_seen) {
        bool seen[NUMBERS + 1] = { false };
        uint64_t newest = 0;
        memset(ret_seen, 0, sizeof(*ret_seen));
        for (uint64_t i = 0; i < outcome->count; i++) {
                uint64_t number = outcome->numbers[i];
                CHECK(number >= 1 && number <= NUMBERS);
                if (seen[number])
                        ret_seen->doubled++;
                else if (number < newest)
                        ret_seen->late++;
                seen[number] = true;
                newest = number > newest ? number : newest;
        }
        for (int number = 1; number <= NUMBERS; number++)
                ret_seen->lost += !seen[number];
}

static void check_counted(const struct outcome *outcome, const struct tally *tally) {
        struct tally seen;
        count_seen(outcome, &seen);
        CHECK_EQ(tally->taken, NUMBERS);
        CHECK_EQ(tally->delivered, outcome->count);
        CHECK_EQ(tally->lost, seen.lost);
        CHECK_EQ(tally->doubled, seen.doubled);
        CHECK_EQ(tally->late, seen.late);
}

/* ---- tests ---- */

TEST(carries_everything_in_order_in_both_families) {
        static struct outcome outcome;
        const struct treatment gentle = { .lost = 0 };
        struct tally tally;
        const char *const to[] = { network_v4[HOST_B], network_v6[HOST_B] };
        for (int family = 0; family < 2; family++) {
                carry(&gentle, 1, to[family], &outcome, &tally);
                check_counted(&outcome, &tally);
                CHECK_EQ(outcome.count, NUMBERS);
                CHECK(tally.lost == 0 && tally.doubled == 0 && tally.late == 0);
        }
}

TEST(loses_what_it_says) {
        static struct outcome outcome;
        const struct treatment treatment = { .lost = 100 };
        struct tally tally;
        carry(&treatment, harness_seed(), network_v4[HOST_B], &outcome, &tally);
        check_counted(&outcome, &tally);
        CHECK(tally.lost > 0 && tally.lost < NUMBERS / 2);
        CHECK(tally.doubled == 0 && tally.late == 0);
}

TEST(doubles_what_it_says) {
        static struct outcome outcome;
        const struct treatment treatment = { .doubled = 100 };
        struct tally tally;
        carry(&treatment, harness_seed(), network_v4[HOST_B], &outcome, &tally);
        check_counted(&outcome, &tally);
        CHECK(tally.doubled > 0 && tally.doubled < NUMBERS / 2);
        CHECK(tally.lost == 0 && tally.late == 0);
}

TEST(turns_round_what_it_says) {
        static struct outcome outcome;
        const struct treatment treatment = { .turned = 100 };
        struct tally tally;
        carry(&treatment, harness_seed(), network_v6[HOST_B], &outcome, &tally);
        check_counted(&outcome, &tally);
        CHECK(tally.late > 0 && tally.late < NUMBERS / 2);
        CHECK(tally.lost == 0 && tally.doubled == 0);
}

TEST(does_all_of_it_at_once) {
        static struct outcome outcome;
        const struct treatment treatment = { .lost = 80, .doubled = 80, .turned = 80 };
        struct tally tally;
        carry(&treatment, harness_seed(), network_v4[HOST_B], &outcome, &tally);
        check_counted(&outcome, &tally);
        CHECK(tally.lost > 0 && tally.doubled > 0 && tally.late > 0);
}

TEST(repeats_itself_with_the_same_seed) {
        static struct outcome outcomes[3];
        const struct treatment treatment = { .lost = 80 };
        const uint64_t seeds[] = { 7, 7, 8 };
        struct tally tally;
        for (int i = 0; i < 3; i++)
                carry(&treatment, seeds[i], network_v4[HOST_B], &outcomes[i], &tally);
        CHECK_EQ(outcomes[0].count, outcomes[1].count);
        CHECK_MEM(outcomes[0].numbers, outcomes[1].numbers, outcomes[0].count * sizeof(uint64_t));
        CHECK(outcomes[0].count != outcomes[2].count ||
              memcmp(outcomes[0].numbers, outcomes[2].numbers, outcomes[0].count * sizeof(uint64_t)) != 0);
}

/* There and back takes at least twice the delay of one way, by the clock that the relay goes by. */
TEST(a_ping_is_held_up_both_ways) {
        struct network network;
        const int64_t delay_ns = 20000000;
        struct icmphdr echo = { .type = ICMP_ECHO }, answer[8];
        network_new(&network, 1);
        network.treatment->delay_ns = delay_ns;
        struct sockaddr_storage address;
        socklen_t size = network_socket_name(network_v4[HOST_B], PORT, &address);
        int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
        CHECK(fd >= 0);
        echo.checksum = (uint16_t)~htons(ICMP_ECHO << 8);
        const int64_t begin = leat_now();
        CHECK_EQ(sendto(fd, &echo, sizeof echo, 0, (struct sockaddr *)&address, size), sizeof echo);
        wait_readable(fd);
        CHECK(recv(fd, answer, sizeof answer, 0) >= (ssize_t)sizeof echo);
        CHECK(leat_now() - begin >= 2 * delay_ns);
        network_drain(&network, HOST_B, 1);
        CHECK_EQ(network.tallies[HOST_A].delivered, 1);
        CHECK_EQ(network.tallies[HOST_B].delivered, 1);
        close(fd);
        network_free(&network);
}

TEST(nothing_passes_while_the_cable_is_cut) {
        struct network network;
        uint64_t numbers[4];
        network_new(&network, 1);
        int receiver = receiver_at(&network, network_v4[HOST_B]), sender = sender_to(network_v4[HOST_B]);
        network.treatment->cut = true;
        send_numbers(sender, 2);
        network_drain(&network, HOST_A, 2);
        CHECK_EQ(take_numbers(receiver, numbers, 4), 0);
        CHECK_EQ(network.tallies[HOST_A].lost, 2);
        network.treatment->cut = false;
        send_numbers(sender, 1);
        wait_readable(receiver);
        CHECK_EQ(take_numbers(receiver, numbers, 4), 1);
        close(sender);
        close(receiver);
        network_free(&network);
}

/* Down and up again: with its addresses and routes. */
TEST(a_device_that_is_down_carries_nothing) {
        struct network network;
        uint64_t number = 1, numbers[4];
        network_new(&network, 1);
        int receiver = receiver_at(&network, network_v6[HOST_B]), sender = sender_to(network_v6[HOST_B]);
        network_link(&network, HOST_A, false);
        CHECK_EQ(send(sender, &number, sizeof number, 0), -1);
        CHECK(errno == ENETUNREACH || errno == EADDRNOTAVAIL);
        network_link(&network, HOST_A, true);
        close(sender);
        sender = sender_to(network_v6[HOST_B]);
        send_numbers(sender, 1);
        wait_readable(receiver);
        CHECK_EQ(take_numbers(receiver, numbers, 4), 1);
        /* and the other side's */
        network_link(&network, HOST_B, false);
        send_numbers(sender, 1);
        network_drain(&network, HOST_A, 2);
        CHECK_EQ(network.tallies[HOST_A].lost, 1);
        close(sender);
        close(receiver);
        network_free(&network);
}

static int connect_error(const char *text) {
        struct sockaddr_storage address;
        socklen_t size = network_socket_name(text, PORT, &address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        int error = connect(fd, (struct sockaddr *)&address, size) < 0 ? errno : 0;
        close(fd);
        return error;
}

TEST(some_places_cannot_be_reached) {
        struct network network;
        network_new(&network, 1);
        CHECK_EQ(connect_error(NETWORK_NO_ROUTE), ENETUNREACH);
        CHECK_EQ(network.tallies[HOST_A].taken, 0);
        CHECK_EQ(connect_error(NETWORK_UNREACHABLE), ENETUNREACH);
        CHECK(network.tallies[HOST_A].taken > 0); /* somebody out there said so */
        CHECK_EQ(connect_error(network_v4[HOST_B]), ECONNREFUSED);
        network_free(&network);
}

TEST_MAIN()
