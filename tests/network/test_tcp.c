/* SPDX-License-Identifier: MIT */

/* tcp: between two hosts: the rows hold over a bad network, a cable that is cut, and places that cannot be reached. */

#include "parties.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#define COUNT 200
#define MOST_BYTES 3000

static const int families[] = { 4, 6 };

static void treat_badly(const struct network *network) {
        network->treatment->delay_ns = 1000000;
        network->treatment->lost = 15;
        network->treatment->doubled = 30;
        network->treatment->turned = 60;
}

/* The relay was not idle: it did each of them at least once. */
static bool was_bad(const struct network *network) {
        const struct tally *there = &network->tallies[HOST_A];
        return there->lost > 0 && there->doubled > 0 && there->late > 0;
}

struct order {
        int family;
        const char *framing;
};

static void carries_in_order(void *argument) {
        const struct order *order = argument;
        struct network network;
        struct receiver receiver = { .patience_ms = 0 };
        char options[64];
        network_new(&network, harness_seed());
        snprintf(options, sizeof options, "?framing=%s", order->framing);
        address_at_b(receiver.address, sizeof receiver.address, "tcp", order->family, options);
        pid_t pid = receiver_start(&network, &receiver);
        struct leat_channel *sender = open_here(receiver.address, LEAT_SEND);
        treat_badly(&network);
        uint64_t sent = 0;
        while (sent < COUNT ||
               (!was_bad(&network) && sent < NUMBERS_MAX)) /* of a hundred seeds one loses none of the first */
                CHECK_EQ(send_numbered(sender, ++sent, MOST_BYTES, SOON), 0);
        leat_close(sender);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(receiver.seen->error, -ENODATA);
        check_all_in_order(receiver.seen, sent);
        CHECK(was_bad(&network));
        network_free(&network);
}

/* A synchronous send says 0 only when it was taken. */
TEST(synchronous_sends_hold_over_a_bad_network, .timeout_s = 60) {
        struct network network;
        struct receiver receiver = { .patience_ms = 0 };
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        network_new(&network, harness_seed());
        address_at_b(receiver.address, sizeof receiver.address, "tcp", 4, "");
        pid_t pid = receiver_start(&network, &receiver);
        struct leat_channel *sender = open_here(receiver.address, LEAT_SEND);
        network.treatment->delay_ns = 1000000;
        network.treatment->lost = 20;
        options.flags = LEAT_SYNC;
        for (uint64_t number = 1; number <= 50; number++) {
                options.deadline = SOON;
                CHECK_EQ(leat_send_with(sender, &number, sizeof number, &options), 0);
                CHECK(receiver.seen->count + 1 >= number); /* it is counted just after it was taken */
        }
        leat_close(sender);
        CHECK_EQ(harness_wait(pid), 0);
        check_all_in_order(receiver.seen, 50);
        network_free(&network);
}

/* ---- calls ---- */

struct replier {
        char address[128];
        struct harness_event *ready;
};

static void reply_all(void *argument) {
        const struct replier *replier = argument;
        struct leat_channel *channel = open_here(replier->address, LEAT_REPLY);
        uint64_t number;
        ssize_t n;
        harness_event_signal(replier->ready);
        while (true) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                n = leat_receive(channel, LEAT_ANY, &number, sizeof number, SOON, &about);
                if (n < 0)
                        break;
                number *= 2;
                CHECK_EQ(leat_reply(channel, &about, 1, &number, sizeof number, SOON), 0);
        }
        CHECK_EQ(n, -ENODATA);
        leat_close(channel);
}

TEST(calls_get_their_own_replies_over_a_bad_network, .timeout_s = 60) {
        struct network network;
        struct replier replier = { .ready = harness_event_new() };
        network_new(&network, harness_seed());
        address_at_b(replier.address, sizeof replier.address, "tcp", 6, "");
        pid_t pid = network_fork(&network, HOST_B, reply_all, &replier);
        harness_event_wait(replier.ready);
        struct leat_channel *caller = open_here(replier.address, LEAT_CALL);
        treat_badly(&network);
        for (uint64_t number = 1; number <= 50; number++) {
                uint64_t reply = 0;
                CHECK_EQ(leat_call(caller, 1, &number, sizeof number, &reply, sizeof reply, SOON, NULL), sizeof reply);
                CHECK_EQ(reply, 2 * number);
        }
        leat_close(caller);
        CHECK_EQ(harness_wait(pid), 0);
        network_free(&network);
}

/* ---- a death ---- */

struct victim {
        const char *address;
        struct harness_event *sent;
};

static void send_until_killed(void *argument) {
        const struct victim *victim = argument;
        struct leat_channel *sender = open_here(victim->address, LEAT_SEND);
        for (uint64_t number = 1;; number++) {
                CHECK_EQ(send_numbered(sender, number, MOST_BYTES, SOON), 0);
                harness_event_signal(victim->sent);
        }
}

/* Whatever is on its way: a killed sender's messages come whole and in order, as far as they come, and then the end. */
TEST(a_killed_sender_leaves_whole_messages_and_an_end, .timeout_s = 60) {
        struct network network;
        struct receiver receiver = { .patience_ms = 0 };
        struct victim victim = { receiver.address, harness_event_new() };
        network_new(&network, harness_seed());
        address_at_b(receiver.address, sizeof receiver.address, "tcp", 6, "");
        pid_t pid = receiver_start(&network, &receiver);
        treat_badly(&network);
        pid_t sender = network_fork(&network, HOST_A, send_until_killed, &victim);
        for (int i = 0; i < 30; i++)
                harness_event_wait(victim.sent);
        CHECK_EQ(kill(sender, SIGKILL), 0);
        CHECK_EQ(harness_wait(sender), -SIGKILL);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(receiver.seen->error, -ENODATA);
        CHECK(receiver.seen->count >= 30); /* what was sent is sent, also by the dead */
        check_all_in_order(receiver.seen, receiver.seen->count);
        network_free(&network);
}

TEST(a_killed_receiver_is_told_to_its_sender, .timeout_s = 60) {
        struct network network;
        struct receiver receiver = { .patience_ms = 0 };
        int r = 0;
        network_new(&network, harness_seed());
        address_at_b(receiver.address, sizeof receiver.address, "tcp", 4, "");
        pid_t pid = receiver_start(&network, &receiver);
        struct leat_channel *sender = open_here(receiver.address, LEAT_SEND);
        treat_badly(&network);
        CHECK_EQ(send_numbered(sender, 1, MOST_BYTES, SOON), 0);
        harness_event_wait(receiver.seen->came);
        CHECK_EQ(kill(pid, SIGKILL), 0);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        for (uint64_t number = 2; r == 0; number++)
                r = send_numbered(sender, number, MOST_BYTES, SOON);
        CHECK_EQ(r, -EPIPE);
        leat_close(sender);
        network_free(&network);
}

/* ---- the cable is cut ---- */

/* Both ends of a connection over which one message went; the sender is here. */
static struct leat_channel *connect_and_cut(struct network *network, struct receiver *receiver, const char *options,
                                            pid_t *ret_pid) {
        network_new(network, 1);
        address_at_b(receiver->address, sizeof receiver->address, "tcp", 4, options);
        *ret_pid = receiver_start(network, receiver);
        struct leat_channel *sender = open_here(receiver->address, LEAT_SEND);
        CHECK_EQ(send_numbered(sender, 1, MOST_BYTES, SOON), 0);
        harness_event_wait(receiver->seen->came);
        network->treatment->cut = true;
        if (receiver->go)
                harness_event_signal(receiver->go);
        return sender;
}

/* Send until it is refused; what fits into the kernel's buffers is not. */
static int send_until_refused(struct leat_channel *sender, int64_t deadline) {
        int r = 0;
        for (uint64_t number = 2; r == 0; number++)
                r = send_numbered(sender, number, MOST_BYTES, deadline);
        return r;
}

TEST(a_cut_cable_is_told_to_a_receiver_with_keepalive, .timeout_s = 60) {
        struct network network;
        struct receiver receiver = { .patience_ms = 0 };
        pid_t pid;
        struct leat_channel *sender = connect_and_cut(&network, &receiver, "?keepalive=1", &pid);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(receiver.seen->error, -ENODATA);
        if (!strstr(receiver.seen->why, "silent"))
                FAIL("'%s' does not say why", receiver.seen->why);
        CHECK_EQ(receiver.seen->count, 1);
        leat_close(sender);
        network_free(&network);
}

TEST(a_cut_cable_is_told_to_a_sender_with_keepalive, .timeout_s = 60) {
        struct network network;
        struct receiver receiver = { .patience_ms = 0 };
        struct leat_reason why;
        pid_t pid;
        struct leat_channel *sender = connect_and_cut(&network, &receiver, "?keepalive=1", &pid);
        CHECK_EQ(send_until_refused(sender, SOON), -EPIPE);
        CHECK_EQ(leat_why(sender, &why), 0);
        if (!why.text || !strstr(why.text, "silent"))
                FAIL("'%s' does not say why", why.text ? why.text : "");
        leat_close(sender);
        CHECK_EQ(harness_wait(pid), 0);
        network_free(&network);
}

TEST(without_keepalive_the_deadlines_are_kept, .timeout_s = 60) {
        struct network network;
        struct receiver receiver = { .patience_ms = 300, .go = harness_event_new() };
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        pid_t pid;
        struct leat_channel *sender = connect_and_cut(&network, &receiver, "", &pid);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(receiver.seen->error, -ETIMEDOUT);
        options.flags = LEAT_SYNC;
        options.deadline = leat_in_ms(100);
        CHECK_EQ(leat_send_with(sender, "x", 1, &options), -ETIMEDOUT);
        CHECK_EQ(send_until_refused(sender, leat_in_ms(100)), -ETIMEDOUT);
        leat_close(sender);
        network_free(&network);
}

/* What was sent meanwhile comes when the cable is mended. */
TEST(a_cable_that_is_mended_lost_nothing, .timeout_s = 60) {
        struct network network;
        struct receiver receiver = { .patience_ms = 0 };
        pid_t pid;
        struct leat_channel *sender = connect_and_cut(&network, &receiver, "", &pid);
        for (uint64_t number = 2; number <= 20; number++)
                CHECK_EQ(send_numbered(sender, number, MOST_BYTES, SOON), 0);
        network_wait_lost(&network, HOST_A, 2);
        CHECK_EQ(receiver.seen->count, 1);
        network.treatment->cut = false;
        for (uint64_t number = 21; number <= COUNT; number++)
                CHECK_EQ(send_numbered(sender, number, MOST_BYTES, SOON), 0);
        leat_close(sender);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(receiver.seen->error, -ENODATA);
        check_all_in_order(receiver.seen, COUNT);
        network_free(&network);
}

/* The same with ip link: at the receiver's host, then at the sender's own. */
TEST(a_device_that_comes_up_again_lost_nothing, .timeout_s = 60) {
        struct network network;
        struct receiver receiver = { .patience_ms = 0 };
        pid_t pid;
        uint64_t number = 2;
        struct leat_channel *sender = connect_and_cut(&network, &receiver, "", &pid);
        network.treatment->cut = false;
        for (int host = HOST_B; host >= HOST_A; host--) {
                network_link(&network, (enum host)host, false);
                for (int i = 0; i < 10; i++) /* not so many that it would have to wait for room */
                        CHECK_EQ(send_numbered(sender, number++, MOST_BYTES, SOON), 0);
                if (host == HOST_B)
                        network_wait_lost(&network, HOST_A, 2);
                network_link(&network, (enum host)host, true);
                while (receiver.seen->count < number - 1)
                        harness_event_wait(receiver.seen->came);
        }
        leat_close(sender);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(receiver.seen->error, -ENODATA);
        check_all_in_order(receiver.seen, number - 1);
        network_free(&network);
}

/* ---- opening ---- */

/* An error that has an explanation, and comes long before the deadline. */
static void check_refused(const char *address, int error, const char *words) {
        struct leat_reason reason;
        CHECK_EQ(try_open(address, LEAT_SEND, LEAT_NEVER, &reason), error);
        CHECK_EQ(reason.error, error);
        if (!reason.text || !strstr(reason.text, words))
                FAIL("%s: '%s' does not say '%s'", address, reason.text ? reason.text : "", words);
}

TEST(places_that_cannot_be_reached_are_told_at_once) {
        struct network network;
        network_new(&network, 1);
        check_refused("tcp:" NETWORK_NO_ROUTE ":5000", -ENETUNREACH, "route");
        check_refused("tcp:" NETWORK_UNREACHABLE ":5000", -ENETUNREACH, "route");
        check_refused("tcp:10.77.0.2:5000?open", -ECONNREFUSED, "");
        network_link(&network, HOST_A, false);
        check_refused("tcp:10.77.0.2:5000", -ENETUNREACH, "interface");
        check_refused("tcp:[fd77::2]:5000", -ENETUNREACH, "interface");
        network_free(&network);
}

TEST(a_silent_host_is_not_waited_for_past_the_deadline) {
        struct network network;
        struct leat_reason reason;
        network_new(&network, 1);
        network.treatment->cut = true;
        CHECK_EQ(try_open("tcp:10.77.0.2:5000", LEAT_SEND, leat_in_ms(200), &reason), -ETIMEDOUT);
        CHECK_EQ(try_open("tcp:[fd77::2]:5000?open", LEAT_SEND, leat_in_ms(200), &reason), -ETIMEDOUT);
        network_free(&network);
}

static void send_one(void *argument) {
        struct leat_channel *sender = open_here(argument, LEAT_SEND);
        CHECK_EQ(send_numbered(sender, 1, MOST_BYTES, SOON), 0);
        leat_close(sender);
}

/* The sender comes first, and is refused for a while. */
TEST(a_sender_waits_for_a_listener_that_comes_later) {
        struct network network;
        struct receiver receiver = { .patience_ms = 0 };
        network_new(&network, 1);
        address_at_b(receiver.address, sizeof receiver.address, "tcp", 4, "");
        pid_t sender = network_fork(&network, HOST_A, send_one, receiver.address);
        network_drain(&network, HOST_B, 1); /* a refusal came back */
        pid_t pid = receiver_start(&network, &receiver);
        CHECK_EQ(harness_wait(sender), 0);
        CHECK_EQ(harness_wait(pid), 0);
        check_all_in_order(receiver.seen, 1);
        network_free(&network);
}

/* Everyone on the machine is heard at *, over the network too. */
TEST(a_listener_on_every_address_hears_both_families) {
        struct network network;
        struct receiver receiver = { .address = "tcp:*:5000" };
        network_new(&network, 1);
        receiver.seen = seen_new();
        receiver.seen->stop_at = 2;
        pid_t pid = receiver_start(&network, &receiver);
        struct leat_channel *senders[] = { open_here("tcp:10.77.0.2:5000", LEAT_SEND),
                                           open_here("tcp:[fd77::2]:5000", LEAT_SEND) };
        for (uint64_t number = 1; number <= 2; number++) {
                CHECK_EQ(send_numbered(senders[number - 1], number, MOST_BYTES, SOON), 0);
                harness_event_wait(receiver.seen->came);
        }
        for (int i = 0; i < 2; i++)
                leat_close(senders[i]);
        CHECK_EQ(harness_wait(pid), 0);
        check_all_in_order(receiver.seen, 2);
        network_free(&network);
}

/* Loopback unless it is said. */
TEST(a_listener_on_loopback_is_not_to_be_reached) {
        struct network network;
        struct leat_reason reason;
        struct receiver receiver = { .address = "tcp::5000" };
        network_new(&network, 1);
        pid_t pid = receiver_start(&network, &receiver);
        CHECK_EQ(try_open("tcp:10.77.0.2:5000?open", LEAT_SEND, SOON, &reason), -ECONNREFUSED);
        CHECK_EQ(try_open("tcp:[fd77::2]:5000?open", LEAT_SEND, SOON, &reason), -ECONNREFUSED);
        CHECK_EQ(kill(pid, SIGKILL), 0);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        network_free(&network);
}

static void add_tests(void) {
        static const char *const framings[] = { "leat", "length" };
        static struct order orders[4];
        char name[64];
        for (size_t i = 0; i < 4; i++) {
                orders[i] = (struct order){ families[i / 2], framings[i % 2] };
                snprintf(name, sizeof name, "carries_in_order_over_a_bad_network_%d_%s", orders[i].family,
                         orders[i].framing);
                harness_add_with(name, carries_in_order, &orders[i], (struct harness_options){ .timeout_s = 60 });
        }
}

TEST_MAIN_WITH(add_tests)
