/* SPDX-License-Identifier: MIT */

/* udp: between two hosts: what the network loses, doubles and turns round is seen, and counted as the relay counts it. */

#include "parties.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#define COUNT 400
#define MOST_BYTES 1000

/* ---- losses are counted ---- */

struct bad {
        const char *name;
        int family;
        unsigned lost, doubled, turned;
};

/* All numbers are right, none comes twice, and what is missing is what was lost. */
static void check_delivered(const struct seen *seen, const struct tally *tally) {
        bool came[COUNT + 2] = { false };
        uint64_t missing = 0;
        for (uint64_t i = 0; i < seen->count; i++) {
                CHECK(seen->numbers[i] >= 1 && seen->numbers[i] <= COUNT + 1);
                CHECK(!came[seen->numbers[i]]);
                came[seen->numbers[i]] = true;
        }
        for (int number = 1; number <= COUNT + 1; number++)
                missing += !came[number];
        CHECK_EQ(missing, tally->lost);
}

static pid_t start_over_relay(const struct bad *bad, struct network *network, struct receiver *ret_receiver) {
        *ret_receiver = (struct receiver){ .seen = seen_new() };
        network_new(network, harness_seed());
        address_at_b(ret_receiver->address, sizeof ret_receiver->address, "udp", bad->family, "?capacity=4M");
        ret_receiver->seen->stop_at = COUNT + 1;
        return receiver_start(network, ret_receiver);
}

/* When the first one is there. */
static void treat_from_the_second(const struct bad *bad, struct network *network) {
        network_drain(network, HOST_A, 1);
        network->treatment->lost = bad->lost;
        network->treatment->doubled = bad->doubled;
        network->treatment->turned = bad->turned;
}

static void counts_what_the_relay_did(void *argument) {
        const struct bad *bad = argument;
        struct network network;
        struct receiver receiver;
        pid_t pid = start_over_relay(bad, &network, &receiver);
        struct leat_channel *sender = open_here(receiver.address, LEAT_SEND);
        CHECK_EQ(send_numbered(sender, 1, MOST_BYTES, SOON), 0); /* the first one tells who it is: it is not lost */
        treat_from_the_second(bad, &network);
        for (uint64_t number = 2; number <= COUNT; number++)
                CHECK_EQ(send_numbered(sender, number, MOST_BYTES, SOON), 0);
        network_drain(&network, HOST_A, COUNT);
        network.treatment->lost = network.treatment->doubled = network.treatment->turned = 0;
        CHECK_EQ(send_numbered(sender, COUNT + 1, MOST_BYTES, SOON),
                 0); /* the last tells that some before it are missing */
        CHECK_EQ(harness_wait(pid), 0);
        const struct tally *tally = &network.tallies[HOST_A];
        check_delivered(receiver.seen, tally);
        CHECK_EQ(receiver.seen->info.lost, tally->lost);
        CHECK_EQ(receiver.seen->info.late, tally->late);
        CHECK_EQ(receiver.seen->info.doubled, tally->doubled);
        CHECK_EQ(receiver.seen->info.dropped, 0);
        CHECK(!bad->lost || tally->lost > 0);
        CHECK(!bad->doubled || tally->doubled > 0);
        CHECK(!bad->turned || tally->late > 0);
        leat_close(sender);
        network_free(&network);
}

/* Messages of a number alone, as many in each datagram as the way takes without fragments. */
static void send_numbers(struct leat_channel *sender, uint64_t first, uint64_t count) {
        struct leat_outgoing messages[COUNT];
        uint64_t numbers[COUNT];
        for (uint64_t i = 0; i < count; i++) {
                numbers[i] = first + i;
                messages[i] =
                        (struct leat_outgoing){ .type = 1, .bytes = &numbers[i], .size_bytes = sizeof numbers[i] };
        }
        CHECK_EQ(leat_send_many(sender, messages, count, SOON), count);
}

/* A datagram that is lost is all of its messages; each other message comes once. */
static void counts_what_is_lost_of_batches(void *argument) {
        const struct bad *bad = argument;
        struct network network;
        struct receiver receiver;
        pid_t pid = start_over_relay(bad, &network, &receiver);
        struct leat_channel *sender = open_here(receiver.address, LEAT_SEND);
        send_numbers(sender, 1, 1);
        treat_from_the_second(bad, &network);
        for (uint64_t number = 2; number <= COUNT; number += 21)
                send_numbers(sender, number, 21);
        network_drain(&network, HOST_A, 20);
        network.treatment->lost = network.treatment->doubled = network.treatment->turned = 0;
        send_numbers(sender, COUNT + 1, 1);
        CHECK_EQ(harness_wait(pid), 0);
        const struct tally *tally = &network.tallies[HOST_A];
        CHECK_EQ(tally->taken, 21); /* one packet for 21 messages, and not one more for a fragment */
        CHECK_EQ(receiver.seen->info.lost, 21 * tally->lost);
        CHECK_EQ(receiver.seen->info.late, 21 * tally->late);
        CHECK_EQ(receiver.seen->info.doubled, 21 * tally->doubled);
        CHECK_EQ(receiver.seen->count, COUNT + 1 - 21 * tally->lost);
        leat_close(sender);
        network_free(&network);
}

/* ---- calls ---- */

struct replier {
        char address[128];
        struct harness_event *ready;
};

static void reply_until_zero(void *argument) {
        const struct replier *replier = argument;
        struct leat_channel *channel = open_here(replier->address, LEAT_REPLY);
        uint64_t number;
        harness_event_signal(replier->ready);
        do {
                struct leat_message about = LEAT_MESSAGE_INIT;
                ssize_t n = leat_receive(channel, LEAT_ANY, &number, sizeof number, SOON, &about);
                CHECK_EQ(n, sizeof number);
                uint64_t answer = number * 2;
                int r = leat_reply(channel, &about, 1, &answer, sizeof answer, SOON);
                CHECK(r == 0 || r == -ETIMEDOUT); /* its caller waits no more */
        } while (number > 0);
        leat_close(channel);
}

/* Some get no reply, and are told by their deadline; nobody gets another's, though what is late comes in the next call. */
TEST(a_call_gets_its_own_reply_or_none, .timeout_s = 60) {
        struct network network;
        struct replier replier = { .ready = harness_event_new() };
        uint64_t reply = 1, answered = 0, number = 0;
        network_new(&network, harness_seed());
        address_at_b(replier.address, sizeof replier.address, "udp", 4, "");
        pid_t pid = network_fork(&network, HOST_B, reply_until_zero, &replier);
        harness_event_wait(replier.ready);
        struct leat_channel *caller = open_here(replier.address, LEAT_CALL);
        network.treatment->lost = 100;
        network.treatment->doubled = 100;
        network.treatment->turned = 200;
        for (number = 1; number <= 100 || answered == 0; number++) { /* a slow machine is patient */
                ssize_t n = leat_call(caller, 1, &number, sizeof number, &reply, sizeof reply, leat_in_ms(15), NULL);
                CHECK(n == sizeof reply || n == -ETIMEDOUT);
                if (n == sizeof reply)
                        CHECK_EQ(reply, 2 * number);
                answered += n == sizeof reply;
        }
        CHECK(answered < number - 1);
        /* the last one alone: a double of it would find nobody */
        network.treatment->lost = network.treatment->doubled = network.treatment->turned = 0;
        network_drain(&network, HOST_A, network.tallies[HOST_A].taken);
        number = 0;
        CHECK_EQ(leat_call(caller, 1, &number, sizeof number, &reply, sizeof reply, SOON, NULL), sizeof reply);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(caller);
        network_free(&network);
}

/* ---- a cut, and places that cannot be reached ---- */

TEST(what_is_sent_into_a_cut_cable_is_lost_and_counted, .timeout_s = 60) {
        struct network network;
        struct receiver receiver = { .seen = seen_new() };
        network_new(&network, 1);
        address_at_b(receiver.address, sizeof receiver.address, "udp", 6, "");
        receiver.seen->stop_at = 12;
        pid_t pid = receiver_start(&network, &receiver);
        struct leat_channel *sender = open_here(receiver.address, LEAT_SEND);
        for (uint64_t number = 1; number <= 12; number++) {
                network.treatment->cut = number > 1 && number < 12;
                CHECK_EQ(send_numbered(sender, number, MOST_BYTES, SOON), 0);
                network_drain(&network, HOST_A, number);
        }
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(receiver.seen->count, 2);
        CHECK_EQ(receiver.seen->info.lost, 10);
        leat_close(sender);
        network_free(&network);
}

/* A receiver with a deadline is not held up. */
TEST(a_receiver_is_told_nothing_but_its_deadline, .timeout_s = 60) {
        struct network network;
        struct receiver receiver = { .patience_ms = 100 };
        network_new(&network, 1);
        address_at_b(receiver.address, sizeof receiver.address, "udp", 4, "");
        network.treatment->cut = true;
        pid_t pid = receiver_start(&network, &receiver);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(receiver.seen->error, -ETIMEDOUT);
        network_free(&network);
}

/* What a send says after the network's answer to an earlier one has come back. */
static int second_send(struct leat_channel *sender, struct network *network) {
        CHECK_EQ(send_numbered(sender, 1, MOST_BYTES, SOON), 0);
        network_wait_refusals(network, HOST_B, 1);
        return send_numbered(sender, 2, MOST_BYTES, SOON);
}

TEST(nobody_there_is_told_to_a_later_send) {
        struct network network;
        network_new(&network, 1);
        struct leat_channel *sender = open_here("udp:10.77.0.2:5000", LEAT_SEND);
        CHECK_EQ(second_send(sender, &network), -EPIPE);
        leat_close(sender);
        network_free(&network);
}

TEST(an_unreachable_network_is_told_to_a_later_send) {
        struct network network;
        network_new(&network, 1);
        struct leat_channel *sender = open_here("udp:" NETWORK_UNREACHABLE ":5000", LEAT_SEND);
        CHECK_EQ(second_send(sender, &network), -ENETUNREACH);
        leat_close(sender);
        network_free(&network);
}

static void check_refused(const char *address, int error, const char *words) {
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        struct leat_channel *channel = NULL;
        options.flags = LEAT_SEND;
        CHECK_EQ(leat_open_with(address, &options, &reason, &channel), error);
        if (!reason.text || !strstr(reason.text, words))
                FAIL("%s: '%s' does not say '%s'", address, reason.text ? reason.text : "", words);
}

TEST(no_route_is_told_at_once) {
        struct network network;
        network_new(&network, 1);
        check_refused("udp:" NETWORK_NO_ROUTE ":5000", -ENETUNREACH, "route");
        network_link(&network, HOST_A, false);
        check_refused("udp:10.77.0.2:5000", -ENETUNREACH, "interface");
        check_refused("udp:[fd77::2]:5000", -ENETUNREACH, "interface");
        network_free(&network);
}

static void add_tests(void) {
        static const struct bad bads[] = {
                { "a_good_network_counts_nothing_4", 4, 0, 0, 0 },
                { "a_good_network_counts_nothing_6", 6, 0, 0, 0 },
                { "losses_are_counted_4", 4, 100, 0, 0 },
                { "losses_are_counted_6", 6, 100, 0, 0 },
                { "doubles_are_counted", 4, 0, 100, 0 },
                { "late_ones_are_counted", 6, 0, 0, 100 },
                { "all_of_it_at_once_is_counted_4", 4, 70, 70, 70 },
                { "all_of_it_at_once_is_counted_6", 6, 70, 70, 70 },
        };
        for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++)
                harness_add_with(bads[i].name, counts_what_the_relay_did, (void *)&bads[i],
                                 (struct harness_options){ .timeout_s = 60 });
        static const struct bad batches[] = { { "batches_that_are_lost_are_counted_4", 4, 200, 0, 0 },
                                              { "batches_that_are_treated_badly_are_counted_6", 6, 150, 150, 150 } };
        for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++)
                harness_add_with(batches[i].name, counts_what_is_lost_of_batches, (void *)&batches[i],
                                 (struct harness_options){ .timeout_s = 60 });
}

TEST_MAIN_WITH(add_tests)
