/* SPDX-License-Identifier: MIT */

/* Row 15: who binds, who connects, how many, and who comes first. */

#include "conformance.h"

static void send_hello(struct leat_channel *sender, void *argument) {
        (void)argument;
        send_text(sender, 1, "hello");
}

CONFORMS(LEAT_ROW_LISTENING, the_receiver_comes_first) {
        struct place place;
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        pid_t pid = place_fork_sender(&place, send_hello, NULL);
        take_text(receiver, LEAT_ANY, "hello");
        expect_end(receiver);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_LISTENING, the_sender_comes_first, .without = KEEPS | LOSSY) {
        struct place place;
        place_new(&place, subject, "");
        pid_t pid = place_fork_sender(&place, send_hello, NULL);
        harness_wait_state(pid, "S"); /* it waits for its receiver */
        struct leat_channel *receiver = place_receiver(&place);
        take_text(receiver, LEAT_ANY, "hello");
        expect_end(receiver);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_LISTENING, the_sender_binds, .traits = EITHER) {
        struct place place;
        struct leat_channel *receiver, *sender;
        place_new_swapped(&place, subject, "");
        place_both(&place, &receiver, &sender);
        for (uint64_t i = 0; i < 5; i++)
                send_record(sender, i);
        for (uint64_t i = 0; i < 5; i++)
                take_record_numbered(receiver, i);
        settle(receiver);
        leat_close(sender);
        expect_end(receiver);
        leat_close(receiver);
}

/* A sender that binds waits for its receiver with the first message. */
static void take_hello(struct leat_channel *receiver, void *argument) {
        (void)argument;
        take_text(receiver, LEAT_ANY, "hello");
        expect_end(receiver);
}

CONFORMS(LEAT_ROW_LISTENING, a_sender_that_binds_waits, .traits = EITHER) {
        struct place place;
        place_new_swapped(&place, subject, "");
        struct leat_channel *sender = place_sender(&place);
        CHECK_EQ(leat_send(sender, 1, "hello", 5, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_send(sender, 1, "hello", 5, leat_in_ms(10)), -ETIMEDOUT);
        pid_t pid = place_fork_receiver(&place, take_hello, NULL);
        send_text(sender, 1, "hello");
        leat_close(sender);
        CHECK_EQ(harness_wait(pid), 0);
}

CONFORMS(LEAT_ROW_LISTENING, a_second_listener_is_refused, .traits = LISTENS) {
        struct place place;
        struct leat_reason reason = { 0 };
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        for (int i = 0; i < 3; i++) {
                CHECK_EQ(try_open(place.receiver_address, receiver_flags(subject), SOON, &reason), -EADDRINUSE);
                check_reason(&reason, LEAT_ROW_LISTENING, -EADDRINUSE);
        }
        struct leat_channel *sender = place_sender(&place); /* the first one is none the worse for it */
        send_text(sender, 1, "hello");
        take_text(receiver, LEAT_ANY, "hello");
        leat_close(sender);
        leat_close(receiver);
}

#define SENDERS 20
#define SENDERS_TO_ENTRIES 8 /* all that they send fits at once */

CONFORMS(LEAT_ROW_LISTENING, many_senders, .traits = MANY | FRAMED) {
        struct place place;
        pid_t pids[SENDERS];
        int senders = subject_traits(subject) & LARGE ? SENDERS : SENDERS_TO_ENTRIES;
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        for (int i = 0; i < senders; i++)
                pids[i] = place_fork_sender(&place, send_hello, NULL);
        for (int i = 0; i < senders; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        for (int i = 0; i < senders; i++)
                take_text(receiver, LEAT_ANY, "hello");
        expect_end(receiver);
        leat_close(receiver);
}

/* One too many is told so, and the others do not notice. */
static void one_too_many(const struct subject *subject, const char *options, int fit) {
        struct place place;
        struct leat_channel *senders[3];
        char buffer[8];
        place_new(&place, subject, options);
        struct leat_channel *receiver = place_receiver(&place);
        for (int i = 0; i < fit; i++)
                senders[i] = place_sender(&place);
        settle(receiver);
        struct leat_channel *late = place_sender(&place);
        settle(receiver); /* it is at the door, and turned away */
        int r = leat_send(late, 1, "let me in", 9, SOON);
        if (subject->declaration->pattern == LEAT_PAIR && r == -EPIPE) /* this end hears why when it receives */
                r = (int)leat_receive(late, LEAT_ANY, buffer, sizeof buffer, SOON, NULL);
        if (subject_traits(subject) & LEAT)
                CHECK_EQ(r, -EBUSY);
        else /* bytes alone have no word for it */
                CHECK(r == -EPIPE || r == -ENODATA);
        leat_close(late);
        CHECK_EQ(info_of(receiver).refused, 1);
        for (int i = 0; i < fit; i++) {
                send_text(senders[i], 1, "hello");
                take_text(receiver, LEAT_ANY, "hello");
        }
        for (int i = 0; i < fit; i++)
                leat_close(senders[i]);
        expect_end(receiver);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_LISTENING, a_pair_has_no_third, .traits = TWO_WAY, .without = LOOSE) {
        one_too_many(subject, "", 1);
}

CONFORMS(LEAT_ROW_LISTENING, no_more_connections_than_were_asked_for, .traits = MANY | LISTENS, .without = LOOSE) {
        one_too_many(subject, "connections=2", 2);
}

/* A partner comes, both speak, and it goes. */
static void visit(struct place *place, struct leat_channel *one) {
        struct leat_channel *other = place_sender(place);
        send_text(other, 1, "there");
        take_text(one, LEAT_ANY, "there");
        send_text(one, 1, "back");
        take_text(other, LEAT_ANY, "back");
        leat_close(other);
}

/* A place that became free is taken by the next. */
CONFORMS(LEAT_ROW_LISTENING, a_pair_finds_its_next_partner, .traits = TWO_WAY, .without = LOSSY) {
        struct place place;
        place_new(&place, subject, "");
        struct leat_channel *one = place_receiver(&place);
        for (int i = 0; i < 3; i++) {
                visit(&place, one);
                expect_end(one);
        }
        leat_close(one);
}

/* ---- without connections ---- */

/* The first who speaks is the partner: what another one sends is not taken, and it is told so where there is a word for it. */
CONFORMS(LEAT_ROW_LISTENING, a_pair_takes_the_first_who_speaks, .traits = TWO_WAY | LOOSE) {
        struct place place;
        char buffer[16];
        place_new(&place, subject, "");
        struct leat_channel *one = place_receiver(&place), *other = place_sender(&place);
        send_text(other, 1, "first");
        take_text(one, LEAT_ANY, "first");
        struct leat_channel *third = place_sender(&place);
        send_text(third, 1, "me too");
        settle(one);
        CHECK(info_of(one).refused >= 1);
        if (subject_traits(subject) & LEAT)
                CHECK_EQ(leat_receive(third, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -EBUSY);
        else
                settle(third);
        send_text(one, 1, "back");
        take_text(other, LEAT_ANY, "back");
        ssize_t n;
        while ((n = receive_now(third)) == -EBUSY) /* for each that it sent */
                ;
        CHECK_EQ(n, -EAGAIN);
        leat_close(third);
        send_text(other, 1, "again");
        take_text(one, LEAT_ANY, "again");
        leat_close(other);
        leat_close(one);
}

/* With the framing of Leat an end of a pair says that it is there: the one that binds may speak first. */
CONFORMS(LEAT_ROW_LISTENING, the_one_that_binds_may_speak_first, .traits = TWO_WAY | LOOSE | LEAT) {
        struct leat_channel *one, *other;
        char buffer[16];
        place_both_new(subject, "", &one, &other);
        send_text(one, 1, "first");
        take_text(other, LEAT_ANY, "first");
        CHECK_EQ(leat_receive(one, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        leat_close(other);
        leat_close(one);
}

/* That a partner is gone is seen by what is sent to it. */
CONFORMS(LEAT_ROW_LISTENING, a_pair_finds_its_next_partner_when_it_misses_the_last, .traits = TWO_WAY | LOOSE) {
        struct place place;
        place_new(&place, subject, "");
        struct leat_channel *one = place_receiver(&place);
        for (int i = 0; i < 3; i++) {
                visit(&place, one);
                int64_t until = SOON;
                int r = 0;
                while (r == 0 && leat_now() < until)
                        r = leat_send(one, 1, "still there?", 12, until);
                CHECK_EQ(r, -EPIPE);
                CHECK_EQ(leat_send(one, 1, "nobody", 6, LEAT_NOW), -EAGAIN); /* it waits for the next */
        }
        leat_close(one);
}

/* What a sender learns of a port that nobody has: the next send tells it once. */
CONFORMS(LEAT_ROW_LISTENING, nobody_is_there_and_that_is_told_once, .traits = LOSSY | NAMED, .without = SPREAD) {
        struct place place;
        place_new(&place, subject, "");
        struct leat_channel *sender = place_sender(&place);
        int64_t until = SOON;
        int r = 0;
        while (r == 0 && leat_now() < until)
                r = leat_send(sender, 1, "anybody?", 8, until);
        CHECK_EQ(r, -EPIPE);
        struct leat_channel *receiver = place_receiver(&place);
        r = leat_send(sender, 1, "hello", 5, SOON); /* unless one sent before is told of only now */
        CHECK(r == 0 || r == -EPIPE);
        if (r < 0)
                send_text(sender, 1, "hello");
        take_text(receiver, LEAT_ANY, "hello");
        leat_close(sender);
        leat_close(receiver);
}

/* The end that receives binds; who binds and sends could not be found. */
CONFORMS(LEAT_ROW_LISTENING, only_receivers_bind, .traits = LOOSE | ONE_WAY) {
        struct place place;
        struct leat_reason reason = { 0 };
        place_new_swapped(&place, subject, "");
        CHECK_EQ(try_open(place.sender_address, sender_flags(subject), LEAT_NOW, &reason), -ENOTSUP);
        check_reason(&reason, LEAT_ROW_LISTENING, -ENOTSUP);
        CHECK_EQ(try_open(place.receiver_address, receiver_flags(subject), LEAT_NOW, &reason), -ENOTSUP);
        check_reason(&reason, LEAT_ROW_LISTENING, -ENOTSUP);
}

/* Both ends at once, without a name; or it is said why not. */
CONFORMS(LEAT_ROW_LISTENING, both_ends_at_once) {
        char address[160], options[96];
        struct leat_reason reason = { 0 };
        struct leat_channel *receiver, *sender;
        subject_options(subject, true, options, sizeof options);
        snprintf(address, sizeof address, "%s:%s", subject->declaration->scheme, options);
        int r = leat_pair(address, &reason, &receiver, &sender);
        if (r < 0) {
                CHECK_EQ(r, reason.error);
                CHECK(reason.text && reason.text[0]);
                return;
        }
        for (uint64_t i = 0; i < 3; i++) {
                send_record(sender, i);
                take_record_numbered(receiver, i);
                if (subject_traits(subject) & TWO_WAY) {
                        send_record(receiver, i);
                        take_record_numbered(sender, i);
                }
        }
        leat_close(sender);
        expect_end(receiver);
        expect_end(receiver);
        leat_close(receiver);
}

/* ---- several receivers ---- */

#define RECEIVERS 3
#define MESSAGES 30

/* Who takes what, in memory that the test shares with the receivers. */
struct takers {
        struct harness_event *ready, *took;
        atomic_int taken[MESSAGES], total;
};

static void take_some(struct leat_channel *receiver, void *argument) {
        struct takers *takers = argument;
        uint64_t last = 0;
        harness_event_signal(takers->ready);
        for (;;) {
                uint64_t number = take_record(receiver);
                CHECK(number < MESSAGES && (last == 0 || number > last));
                last = number;
                atomic_fetch_add(&takers->taken[number], 1);
                atomic_fetch_add(&takers->total, 1);
                harness_event_signal(takers->took);
        }
}

static void with_receivers(const struct subject *subject, int times) {
        struct takers *takers = harness_shared(sizeof *takers);
        struct place place;
        pid_t pids[RECEIVERS];
        takers->ready = harness_event_new();
        takers->took = harness_event_new();
        place_new(&place, subject, "");
        for (int i = 0; i < RECEIVERS; i++)
                pids[i] = place_fork_receiver(&place, take_some, takers);
        for (int i = 0; i < RECEIVERS; i++)
                harness_event_wait(takers->ready);
        struct leat_channel *sender = place_sender(&place);
        for (uint64_t i = 0; i < MESSAGES; i++)
                send_record(sender, i);
        while (atomic_load(&takers->total) < times * MESSAGES)
                harness_event_wait(takers->took);
        for (int i = 0; i < MESSAGES; i++)
                CHECK_EQ(atomic_load(&takers->taken[i]), times);
        for (int i = 0; i < RECEIVERS; i++)
                kill_child(pids[i]);
        leat_close(sender);
}

CONFORMS(LEAT_ROW_LISTENING, each_message_is_taken_by_one, .traits = SHARED | FRAMED) {
        with_receivers(subject, 1);
}

/* One that has taken holds nothing more back from the others. */
CONFORMS(LEAT_ROW_LISTENING, nobody_reads_ahead, .traits = SHARED) {
        struct place place;
        struct leat_channel *receivers[2];
        place_new(&place, subject, "");
        for (int i = 0; i < 2; i++)
                receivers[i] = place_receiver(&place);
        struct leat_channel *sender = place_sender(&place);
        for (uint64_t round = 0; round < 3; round++) {
                send_record(sender, 2 * round);
                send_record(sender, 2 * round + 1);
                for (uint64_t i = 0; i < 2; i++)
                        take_record_numbered(receivers[i], 2 * round + i);
        }
        leat_close(sender);
        for (int i = 0; i < 2; i++)
                leat_close(receivers[i]);
}

CONFORMS(LEAT_ROW_LISTENING, each_message_reaches_all, .traits = SPREAD) {
        with_receivers(subject, RECEIVERS);
}

/* No one can do it with what the kernel gives: it is said what can. */
CONFORMS(LEAT_ROW_LISTENING, broadcast_is_done_or_refused, .traits = NAMED | ONE_WAY, .without = LOSSY) {
        char address[300];
        struct leat_reason reason = { 0 };
        struct place place;
        place_new(&place, subject, "");
        snprintf(address, sizeof address, "%.*s?pattern=broadcast", (int)strcspn(place.receiver_address, "?"),
                 place.receiver_address);
        const struct leat_declaration *declaration;
        bool done = false;
        for (size_t n = 0; (declaration = leat_declaration_at(n)); n++)
                done |= declaration->pattern == LEAT_BROADCAST &&
                        strcmp(declaration->scheme, subject->declaration->scheme) == 0;
        int r = try_open(address, LEAT_RECEIVE, LEAT_NOW, &reason);
        CHECK_EQ(r, done ? 0 : -ENOTSUP);
        if (!done)
                CHECK(strstr(reason.text, "log:") != NULL);
}
