/* SPDX-License-Identifier: MIT */

/* Row 8: any party may be killed, or stopped, at any instruction. */

#include "conformance.h"

#include <sched.h>

#define KILLS ROUNDS(30, 6)
#define LARGEST 100000

/* What a killed sender leaves to say how far it was. */
struct account {
        _Atomic uint64_t begun, sent; /* numbers of messages, from 1 */
};

static size_t size_of(uint64_t number, size_t largest) {
        size_t size = RECORD_BYTES + (size_t)(number * 2654435761u % LARGEST);
        return number % 3 ? RECORD_BYTES + (size_t)(number % 100) : size < largest ? size : largest;
}

static void send_without_end(struct leat_channel *sender, void *argument) {
        struct account *account = argument;
        static uint8_t bytes[LARGEST + RECORD_BYTES];
        size_t largest = (size_t)info_of(sender).largest_bytes;
        for (uint64_t number = 1;; number++) {
                size_t size = size_of(number, largest);
                fill_numbered(bytes, size, number);
                atomic_store(&account->begun, number);
                CHECK_EQ(leat_send(sender, 1, bytes, size, LEAT_NEVER), 0);
                atomic_store(&account->sent, number);
        }
}

/* The next message; it must be whole, and the one after `last`. Or 0: the end, or nothing more by then. */
static uint64_t take_next_until(struct leat_channel *receiver, uint64_t last, size_t largest, int64_t deadline) {
        static uint8_t bytes[LARGEST + RECORD_BYTES];
        ssize_t n = leat_receive(receiver, LEAT_ANY, bytes, sizeof bytes, deadline, NULL);
        if (n == -ENODATA || (n == -EAGAIN && deadline == LEAT_NOW))
                return 0;
        if (n < 0)
                FAIL("after message %d: %s", (int)last, leat_strerror((int)n));
        uint64_t number = check_numbered(bytes, (size_t)n);
        CHECK_EQ(number, last + 1);
        CHECK_EQ(n, size_of(number, largest));
        return number;
}

static uint64_t take_next(struct leat_channel *receiver, uint64_t last, size_t largest) {
        return take_next_until(receiver, last, largest, SOON);
}

CONFORMS(LEAT_ROW_DEATH, a_sender_is_killed_anywhere, .timeout_s = 60) {
        for (int i = 0; i < KILLS; i++) {
                struct account *account = harness_shared(sizeof *account);
                struct place place;
                place_new(&place, subject, "");
                pid_t pid = place_fork_sender(&place, send_without_end, account);
                struct leat_channel *receiver = place_receiver(&place);
                size_t largest = (size_t)info_of(receiver).largest_bytes;
                uint64_t last = 0, next;
                while (atomic_load(&account->begun) == 0) /* before it came there is no end */
                        sched_yield();
                for (uint64_t takes = harness_random_below(20); takes > 0; takes--)
                        last = take_next(receiver, last, largest);
                int64_t until = leat_in_us((int64_t)harness_random_below(500));
                while (leat_now() < until)
                        ;
                kill_child(pid);
                int64_t rest = promises(subject, LEAT_ROW_END) ? SOON : LEAT_NOW;
                while ((next = take_next_until(receiver, last, largest, rest)) > 0)
                        last = next;
                if (last < account->sent || last > account->begun)
                        FAIL("%d were sent, %d begun and %d received", (int)account->sent, (int)account->begun,
                             (int)last);
                leat_close(receiver);
                place_remove(&place);
        }
}

/* ---- the receiver ---- */

static void take_until_killed(struct leat_channel *receiver, void *argument) {
        struct harness_event *took = argument;
        size_t largest = (size_t)info_of(receiver).largest_bytes;
        for (uint64_t last = 0;;) {
                last = take_next(receiver, last, largest);
                CHECK(last > 0);
                if (last == 5)
                        harness_event_signal(took);
        }
}

/* Send until it says that nobody is there. */
static void send_until_broken(struct leat_channel *sender, pid_t receiver, struct harness_event *took) {
        static uint8_t bytes[LARGEST + RECORD_BYTES];
        size_t largest = (size_t)info_of(sender).largest_bytes;
        int r = 0;
        for (uint64_t number = 1; r == 0; number++) {
                size_t size = size_of(number, largest);
                fill_numbered(bytes, size, number);
                r = leat_send(sender, 1, bytes, size, SOON);
                if (took && number >= 5 && harness_event_try(took, 0)) {
                        CHECK_EQ(kill(receiver, SIGKILL), 0);
                        took = NULL;
                }
        }
        CHECK_EQ(r, -EPIPE);
        CHECK_EQ(harness_wait(receiver), -SIGKILL);
}

CONFORMS(LEAT_ROW_DEATH, a_receiver_is_killed, .without = KEEPS) {
        struct harness_event *took = harness_event_new();
        struct place place;
        place_new(&place, subject, "");
        pid_t pid = place_fork_receiver(&place, take_until_killed, took);
        struct leat_channel *sender = place_sender(&place);
        send_until_broken(sender, pid, took);
        leat_close(sender);
}

/* The next receiver begins anew: it sees whole messages of new senders, and nothing of the old ones. */
CONFORMS(LEAT_ROW_DEATH, another_receiver_follows, .traits = NAMED | LISTENS, .without = BY_PID) {
        struct place place;
        place_new(&place, subject, "");
        for (int i = 0; i < 3; i++) {
                struct harness_event *took = harness_event_new();
                pid_t pid = place_fork_receiver(&place, take_until_killed, took);
                struct leat_channel *sender = place_sender(&place);
                send_until_broken(sender, pid, took);
                struct leat_channel *receiver = place_receiver(&place);
                CHECK_EQ(leat_send(sender, 1, "x", 1, SOON), -EPIPE);
                leat_close(sender);
                sender = place_sender(&place);
                send_text(sender, 1, "to the next");
                take_text(receiver, LEAT_ANY, "to the next");
                settle(receiver);
                leat_close(sender);
                leat_close(receiver);
        }
}

#define KEPT 5

static void take_all_and_die(struct leat_channel *receiver, void *argument) {
        atomic_int *taken = argument;
        for (int i = 0;; i++) {
                take_record_numbered(receiver, (uint64_t)i);
                atomic_store(taken, i + 1);
                if (i == KEPT)
                        raise(SIGKILL);
        }
}

/* What it did not take, its successor takes; of what it did, a store of one position may at most lose the last. */
CONFORMS(LEAT_ROW_DEATH, what_is_kept_outlives_its_receiver, .traits = KEEPS) {
        atomic_int *taken = harness_shared(sizeof *taken);
        struct place place;
        place_new(&place, subject, "");
        pid_t pid = place_fork_receiver(&place, take_all_and_die, taken);
        struct leat_channel *sender = place_sender(&place);
        for (uint64_t i = 0; i < 2 * KEPT; i++)
                send_record(sender, i);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        CHECK_EQ(atomic_load(taken), KEPT + 1);
        struct leat_channel *receiver = place_receiver(&place);
        for (uint64_t i = subject_traits(subject) & SPREAD ? 0 : KEPT + 1; i < 2 * KEPT; i++)
                take_record_numbered(receiver, i);
        settle(receiver);
        leat_close(sender);
        expect_end(receiver);
        leat_close(receiver);
}

/* ---- one that stands still lives ---- */

static void send_two_and_more(struct leat_channel *sender, void *argument) {
        send_text(sender, 1, "one");
        harness_event_wait(argument);
        send_text(sender, 1, "two");
}

CONFORMS(LEAT_ROW_DEATH, a_stopped_sender_is_not_the_end) {
        struct harness_event *go = harness_event_new();
        struct place place;
        char buffer[8];
        place_new(&place, subject, "");
        pid_t pid = place_fork_sender(&place, send_two_and_more, go);
        struct leat_channel *receiver = place_receiver(&place);
        take_text(receiver, LEAT_ANY, "one");
        CHECK_EQ(kill(pid, SIGSTOP), 0);
        harness_wait_state(pid, "T");
        harness_event_signal(go);
        settle(receiver);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, leat_in_ms(20), NULL), -ETIMEDOUT);
        CHECK_EQ(kill(pid, SIGCONT), 0);
        take_text(receiver, LEAT_ANY, "two");
        expect_end(receiver);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

/* Stopped again and again while it sends: nothing is lost. */
CONFORMS(LEAT_ROW_DEATH, a_sender_is_stopped_anywhere) {
        struct account *account = harness_shared(sizeof *account);
        struct place place;
        place_new(&place, subject, "");
        pid_t pid = place_fork_sender(&place, send_without_end, account);
        struct leat_channel *receiver = place_receiver(&place);
        size_t largest = (size_t)info_of(receiver).largest_bytes;
        static uint8_t bytes[LARGEST + RECORD_BYTES];
        uint64_t last = 0;
        for (int i = 0; i < KILLS; i++) {
                for (uint64_t takes = harness_random_below(5); takes > 0; takes--)
                        last = take_next(receiver, last, largest);
                CHECK_EQ(kill(pid, SIGSTOP), 0);
                harness_wait_state(pid, "T");
                ssize_t n;
                while ((n = leat_receive(receiver, LEAT_ANY, bytes, sizeof bytes, LEAT_NOW, NULL)) > 0)
                        CHECK_EQ(check_numbered(bytes, (size_t)n), ++last);
                CHECK_EQ(n, -EAGAIN);
                CHECK_EQ(kill(pid, SIGCONT), 0);
        }
        kill_child(pid);
        leat_close(receiver);
}

/* ---- really not so ---- */

#define TOO_MANY 5000

/* Nobody was killed, and what finds no room is lost all the same: it is counted. */
DENIES(LEAT_ROW_DEATH, what_finds_no_room_is_lost_and_counted, .traits = LOSSY) {
        struct leat_channel *receiver, *sender;
        uint64_t received = 0, last = 0;
        char record[RECORD_BYTES + 1] = "";
        place_both_new(subject, "", &receiver, &sender);
        for (uint64_t i = 1; i <= TOO_MANY; i++)
                send_record(sender, i);
        /* The last ones may be on their way for a moment after the send. */
        for (int64_t until = SOON; received + info_of(receiver).dropped < TOO_MANY && leat_now() < until;) {
                if (leat_receive(receiver, LEAT_ANY, record, RECORD_BYTES, LEAT_NOW, NULL) != RECORD_BYTES)
                        continue;
                uint64_t number = strtoull(record, NULL, 16);
                CHECK(number > last);
                last = number;
                received++;
        }
        CHECK(received < TOO_MANY);
        CHECK_EQ(received + info_of(receiver).dropped, TOO_MANY);
        CHECK_EQ(info_of(sender).sent, TOO_MANY);
        send_record(sender, TOO_MANY + 1); /* there is room again, and its number tells how many are missing */
        take_record_numbered(receiver, TOO_MANY + 1);
        CHECK_EQ(info_of(receiver).lost, subject_traits(subject) & LEAT ? TOO_MANY - received : 0);
        leat_close(sender);
        leat_close(receiver);
}
