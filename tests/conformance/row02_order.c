/* SPDX-License-Identifier: MIT */

/* Row 2: each receiver sees one sender's messages in rising order. */

#include "conformance.h"

#define COUNT ROUNDS(2000, 500)
#define SENDER_SHIFT 32

/* Senders begin when all of them are connected: the end is when the last that came is gone. */
struct start {
        uint64_t who;
        struct harness_event *came, *go;
};

static void start_new(struct start *starts) {
        struct harness_event *came = harness_event_new(), *go = harness_event_new();
        for (uint64_t i = 0; i < 2; i++)
                starts[i] = (struct start){ i, came, go };
}

static void start_all(const struct start *starts, int count) {
        for (int i = 0; i < count; i++)
                harness_event_wait(starts->came);
        for (int i = 0; i < count; i++)
                harness_event_signal(starts->go);
}

static uint64_t wait_for_start(const struct start *start) {
        harness_event_signal(start->came);
        harness_event_wait(start->go);
        return start->who;
}

static void send_many(struct leat_channel *sender, void *argument) {
        uint64_t who = wait_for_start(argument);
        for (uint64_t i = 0; i < COUNT; i++)
                send_record(sender, who << SENDER_SHIFT | i);
}

CONFORMS(LEAT_ROW_ORDER, one_sender) {
        struct place place;
        struct start starts[2];
        start_new(starts);
        place_new(&place, subject, "");
        pid_t pid = place_fork_sender(&place, send_many, &starts[0]);
        struct leat_channel *receiver = place_receiver(&place);
        start_all(starts, 1);
        for (uint64_t i = 0; i < COUNT; i++)
                take_record_numbered(receiver, i);
        expect_end(receiver);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

/* Where boundaries are not kept, a read may give parts of both: then there is nothing to tell records by. */
CONFORMS(LEAT_ROW_ORDER, two_senders, .traits = MANY | FRAMED) {
        struct place place;
        uint64_t next[] = { 0, 0 };
        struct start starts[2];
        pid_t pids[2];
        start_new(starts);
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        for (int i = 0; i < 2; i++)
                pids[i] = place_fork_sender(&place, send_many, &starts[i]);
        start_all(starts, 2);
        for (uint64_t i = 0; i < 2 * COUNT; i++) {
                uint64_t record = take_record(receiver), sender = record >> SENDER_SHIFT;
                CHECK(sender < 2);
                CHECK_EQ(record & UINT32_MAX, next[sender]);
                next[sender]++;
        }
        expect_end(receiver);
        for (int i = 0; i < 2; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        leat_close(receiver);
}

/* ---- really not so ---- */

/* What one program puts there, numbered so, as docs/wire.md says. */
static void put_numbered(const struct place *place, uint8_t sequence, char text) {
        uint8_t frame[49] = {
                'L', 't', 1, 1, [8] = 1, [16] = 1, [24] = sequence, [32] = sequence, [48] = (uint8_t)text
        };
        const struct subject *subject = place->subject;
        if (subject_traits(subject) & LEAT)
                subject->transport->put(place, frame, sizeof frame);
        else
                subject->transport->put(place, &text, 1);
}

/* A later one that comes first is given first. By their numbers it is seen; without numbers it is not. */
DENIES(LEAT_ROW_ORDER, the_order_is_that_of_the_network, .traits = LOSSY | PUT) {
        struct place place;
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        put_numbered(&place, 2, 'b');
        put_numbered(&place, 1, 'a');
        take_text(receiver, LEAT_ANY, "b");
        take_text(receiver, LEAT_ANY, "a");
        bool seen = subject_traits(subject) & LEAT;
        CHECK_EQ(info_of(receiver).late, seen ? 1 : 0);
        put_numbered(&place, 2, 'b');
        put_numbered(&place, 5, 'e');
        if (!seen)
                take_text(receiver, LEAT_ANY, "b");
        take_text(receiver, LEAT_ANY, "e");
        settle(receiver);
        CHECK_EQ(info_of(receiver).doubled, seen ? 1 : 0);
        CHECK_EQ(info_of(receiver).lost, seen ? 2 : 0);
        leat_close(receiver);
}

/* ---- with types, and some set aside in between ---- */

#define TYPES 3

static int64_t type_of(uint64_t number) {
        return 1 + (int64_t)(number * number / 3 % TYPES);
}

static void send_typed(struct leat_channel *sender, void *argument) {
        uint64_t who = wait_for_start(argument);
        for (uint64_t i = 0; i < COUNT; i++) {
                uint64_t record = who << SENDER_SHIFT | i;
                CHECK_EQ(leat_send(sender, type_of(i), &record, sizeof record, SOON), 0);
        }
}

struct model {
        bool taken[2][2000];
        uint64_t left[TYPES + 1]; /* of each type */
};

/* Nothing earlier of the same sender may be untaken among what the selection takes. */
static void check_first(const struct model *model, uint64_t sender, uint64_t number, int64_t select) {
        for (uint64_t i = 0; i < number; i++)
                if (!model->taken[sender][i] && (select == LEAT_ANY || type_of(i) == select))
                        FAIL("sender %d: number %d came before %d", (int)sender, (int)number, (int)i);
}

static void receive_typed(struct leat_channel *receiver, int senders, unsigned traits) {
        bool numbered = traits & LEAT, selects = traits & SELECTS;
        static struct model model;
        memset(&model, 0, sizeof model);
        for (uint64_t i = 0; i < COUNT; i++)
                model.left[type_of(i)] += (uint64_t)senders;
        for (uint64_t i = 0; i < (uint64_t)senders * COUNT; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                uint64_t record;
                int64_t select = (int64_t)harness_random_below(TYPES + 1);
                if (select != LEAT_ANY && model.left[select] == 0)
                        select = LEAT_ANY;
                /* What fills a queue may all be of other types, and what is wanted waits behind: then any. */
                ssize_t n = leat_receive(receiver, select, &record, sizeof record, selects ? LEAT_NOW : SOON, &about);
                if (n == -EAGAIN && selects) {
                        select = LEAT_ANY;
                        n = leat_receive(receiver, select, &record, sizeof record, SOON, &about);
                }
                CHECK_EQ(n, sizeof record);
                uint64_t sender = record >> SENDER_SHIFT, number = record & UINT32_MAX;
                CHECK(sender < (uint64_t)senders && number < COUNT && !model.taken[sender][number]);
                CHECK_EQ(about.type, type_of(number));
                CHECK(about.sequence == number + 1 || !numbered);
                check_first(&model, sender, number, select);
                model.taken[sender][number] = true;
                model.left[about.type]--;
        }
}

CONFORMS(LEAT_ROW_ORDER, with_types_and_set_aside, .also = ROW(LEAT_ROW_TYPES)) {
        struct place place;
        struct start starts[2];
        int senders = subject_traits(subject) & MANY ? 2 : 1;
        pid_t pids[2];
        start_new(starts);
        place_new(&place, subject, "aside=4M");
        struct leat_channel *receiver = place_receiver(&place);
        for (int i = 0; i < senders; i++)
                pids[i] = place_fork_sender(&place, send_typed, &starts[i]);
        start_all(starts, senders);
        receive_typed(receiver, senders, subject_traits(subject));
        expect_end(receiver);
        for (int i = 0; i < senders; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        leat_close(receiver);
}
