/* SPDX-License-Identifier: MIT */

/* LEAT_MORE: what is gathered comes in its order, once, and not before its time; what could not be sent is not lost, and not sent twice. */

#include "conformance.h"

#include <pthread.h>

#define SIZE_MOST 2500 /* some are gathered, and some are too large for that */
#define COUNT ROUNDS(2000, 400)

static int send_in_burst(struct leat_channel *sender, const void *bytes, size_t size, bool more, int64_t deadline) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.flags = more ? LEAT_MORE : 0;
        options.deadline = deadline;
        return leat_send_with(sender, bytes, size, &options);
}

static size_t size_of(uint64_t number) {
        return 16 + (size_t)(number * 2654435761u % (SIZE_MOST - 16));
}

static int send_number(struct leat_channel *sender, uint64_t number, bool more, int64_t deadline) {
        uint8_t bytes[SIZE_MOST];
        fill_numbered(bytes, size_of(number), number);
        if (!more && number % 2 == 0) /* it ends a burst too */
                return leat_send(sender, 1, bytes, size_of(number), deadline);
        return send_in_burst(sender, bytes, size_of(number), more, deadline);
}

/* It, or that there is none now. */
static bool take_number(struct leat_channel *receiver, uint64_t number, int64_t deadline) {
        uint8_t bytes[SIZE_MOST];
        ssize_t n = leat_receive(receiver, LEAT_ANY, bytes, sizeof bytes, deadline, NULL);
        if (n == -EAGAIN)
                return false;
        CHECK_EQ(n, size_of(number));
        CHECK_EQ(check_numbered(bytes, (size_t)n), number);
        return true;
}

static void send_bursts(struct leat_channel *sender, void *argument) {
        (void)argument;
        for (uint64_t i = 0; i < COUNT; i++)
                CHECK_EQ(send_number(sender, i, i < COUNT - 1 && harness_random_below(20) > 0, SOON), 0);
}

CONFORMS(LEAT_ROW_ORDER, of_bursts, .traits = FRAMED, .without = LOSSY) {
        struct place place;
        place_new(&place, subject, "");
        pid_t pid = place_fork_sender(&place, send_bursts, NULL);
        struct leat_channel *receiver = place_receiver(&place);
        for (uint64_t i = 0; i < COUNT; i++)
                CHECK(take_number(receiver, i, SOON));
        expect_end(receiver);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

/* The first goes out at once, the next ones with the last. */
CONFORMS(LEAT_ROW_ORDER, of_a_burst_that_waits, .traits = FRAMED) {
        struct leat_channel *receiver, *sender;
        char text[RECORD_BYTES + 1];
        place_both_new(subject, "", &receiver, &sender);
        for (uint64_t round = 0; round < 3; round++) {
                for (uint64_t i = 0; i < 4; i++) {
                        snprintf(text, sizeof text, "%016llx", (unsigned long long)i);
                        CHECK_EQ(send_in_burst(sender, text, RECORD_BYTES, true, SOON), 0);
                        if (i == 0)
                                take_record_numbered(receiver, 0);
                }
                settle(receiver);
                if (round == 1)
                        CHECK_EQ(leat_flush(sender, SOON), 0);
                else
                        send_record(sender, 4);
                for (uint64_t i = 1; i < (round == 1 ? 4 : 5); i++)
                        take_record_numbered(receiver, i);
                settle(receiver);
                if (round == 1)
                        send_record(sender, 0), take_record_numbered(receiver, 0); /* which ends it */
        }
        leat_close(sender);
        leat_close(receiver);
}

/* What was gathered goes out with the channel. */
CONFORMS(LEAT_ROW_END, of_a_sender_that_had_gathered, .traits = FRAMED, .without = LOSSY) {
        struct leat_channel *receiver, *sender;
        char text[RECORD_BYTES + 1];
        place_both_new(subject, "", &receiver, &sender);
        for (uint64_t i = 0; i < 4; i++) {
                snprintf(text, sizeof text, "%016llx", (unsigned long long)i);
                CHECK_EQ(send_in_burst(sender, text, RECORD_BYTES, true, SOON), 0);
        }
        leat_close(sender);
        for (uint64_t i = 0; i < 4; i++)
                take_record_numbered(receiver, i);
        expect_end(receiver);
        leat_close(receiver);
}

/* A sender that never waits, and a receiver that takes a few now and then: it is full most of the time. What was accepted comes, once
 * and in order, and what was refused does not. */
CONFORMS(LEAT_ROW_FULL, in_the_middle_of_bursts, .traits = LEAT, .without = LOSSY) {
        struct leat_channel *receiver, *sender;
        uint64_t sent = 0, taken = 0;
        int refused = 0;
        place_both_new(subject, "", &receiver, &sender);
        for (int round = 0; round < ROUNDS(3000, 500); round++) {
                int r = send_number(sender, sent, harness_random_below(8) > 0, LEAT_NOW);
                CHECK(r == 0 || r == -EAGAIN);
                sent += r == 0;
                refused = r == 0 ? 0 : refused + 1;
                if (refused < 5)
                        continue;
                for (uint64_t left = harness_random_below(30); left > 0 && taken < sent; left--)
                        if (take_number(receiver, taken, LEAT_NOW))
                                taken++;
        }
        for (int r = -EAGAIN; r != 0; sent += r == 0) { /* the last one ends it */
                while (taken < sent && take_number(receiver, taken, LEAT_NOW))
                        taken++;
                r = send_number(sender, sent, false, leat_in_ms(1));
                CHECK(r == 0 || r == -ETIMEDOUT);
        }
        for (; taken < sent; taken++)
                CHECK(take_number(receiver, taken, SOON));
        settle(receiver);
        CHECK_EQ(info_of(sender).sent, sent);
        leat_close(sender);
        leat_close(receiver);
}

/* ---- two threads ---- */

struct busy {
        struct leat_channel *channel;
        bool sends;
};

static void *be_busy(void *argument) {
        const struct busy *busy = argument;
        for (uint64_t i = 0; i < COUNT; i++)
                if (busy->sends)
                        CHECK_EQ(send_number(busy->channel, i, i < COUNT - 1 && i % 10, SOON), 0);
                else
                        CHECK(take_number(busy->channel, i, SOON));
        return NULL;
}

/* Of each end one thread sends bursts, and another receives. */
CONFORMS(LEAT_ROW_THREADS, both_ends_send_bursts, .traits = TWO_WAY | FRAMED, .without = LOSSY) {
        struct leat_channel *receiver, *sender;
        pthread_t threads[4];
        place_both_new(subject, "", &receiver, &sender);
        send_record(sender, 0); /* of a pair of datagrams the end that binds learns so who is there */
        take_record_numbered(receiver, 0);
        struct busy busy[] = { { sender, true }, { receiver, true }, { sender, false }, { receiver, false } };
        for (int i = 0; i < 4; i++)
                CHECK_EQ(pthread_create(&threads[i], NULL, be_busy, &busy[i]), 0);
        for (int i = 0; i < 4; i++)
                CHECK_EQ(pthread_join(threads[i], NULL), 0);
        leat_close(sender);
        leat_close(receiver);
}
