/* SPDX-License-Identifier: MIT */

/* Row 3: types, the three modes of msgrcv, and what is set aside. */

#include "conformance.h"

/* Receive with this selection at once; it must be that text, of that type. */
static void take(struct leat_channel *receiver, int64_t select, int64_t type, const char *text) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        char buffer[64] = "";
        CHECK_EQ(leat_receive(receiver, select, buffer, sizeof buffer - 1, SOON, &about), strlen(text));
        CHECK_STR(buffer, text);
        CHECK_EQ(about.type, type);
}

static void take_none(struct leat_channel *receiver, int64_t select) {
        char buffer[64];
        CHECK_EQ(leat_receive(receiver, select, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
}

CONFORMS(LEAT_ROW_TYPES, three_modes) {
        static const int64_t types[] = { 5, 3, 9, 3, 1, 7, 9 };
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        for (int i = 0; i < 7; i++)
                send_text(sender, types[i], (const char[]){ (char)('a' + i), '\0' });
        take(receiver, LEAT_TYPE(9), 9, "c");
        take(receiver, LEAT_AT_MOST(4), 1, "e");
        take(receiver, LEAT_AT_MOST(4), 3, "b");
        take(receiver, LEAT_AT_MOST(4), 3, "d");
        take_none(receiver, LEAT_AT_MOST(4));
        take_none(receiver, LEAT_TYPE(1));
        take(receiver, LEAT_ANY, 5, "a");
        take(receiver, LEAT_AT_MOST(9), 7, "f");
        take(receiver, LEAT_AT_MOST(9), 9, "g");
        take_none(receiver, LEAT_ANY);
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_TYPES, extremes) {
        struct leat_channel *receiver, *sender;
        char buffer[8];
        place_both_new(subject, "", &receiver, &sender);
        send_text(sender, LEAT_TYPE_MAX, "most");
        send_text(sender, LEAT_TYPE_MAX - 1, "less");
        send_text(sender, 1, "one");
        CHECK_EQ(leat_send(sender, 0, "x", 1, SOON), -EINVAL);
        CHECK_EQ(leat_send(sender, -1, "x", 1, SOON), -EINVAL);
        CHECK_EQ(leat_send(sender, INT64_MIN, "x", 1, SOON), -EINVAL);
        CHECK_EQ(leat_receive(receiver, INT64_MIN, buffer, sizeof buffer, LEAT_NOW, NULL), -EINVAL);
        take(receiver, LEAT_TYPE(LEAT_TYPE_MAX), LEAT_TYPE_MAX, "most");
        take(receiver, LEAT_AT_MOST(LEAT_TYPE_MAX), 1, "one");
        take_none(receiver, LEAT_AT_MOST(1));
        take(receiver, LEAT_AT_MOST(LEAT_TYPE_MAX), LEAT_TYPE_MAX - 1, "less");
        take_none(receiver, LEAT_ANY);
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_TYPES, priority_travels, .traits = LEAT) {
        struct leat_channel *receiver, *sender;
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        place_both_new(subject, "", &receiver, &sender);
        static const uint32_t priorities[] = { 0, 1, LEAT_PRIORITY_MAX };
        for (int i = 0; i < 3; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                char buffer[4];
                options.priority = priorities[i];
                options.type = 2 + i;
                CHECK_EQ(leat_send_with(sender, "p", 1, &options), 0);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), 1);
                CHECK_EQ(about.priority, priorities[i]);
                CHECK_EQ(about.type, 2 + i);
        }
        options.priority = LEAT_PRIORITY_MAX + 1;
        CHECK_EQ(leat_send_with(sender, "p", 1, &options), -EINVAL);
        leat_close(sender);
        leat_close(receiver);
}

/* ---- ?aside= ---- */

#define ASIDE_COUNT 20
#define ASIDE_BYTES 8000

static void send_more_than_aside(struct leat_channel *sender, void *argument) {
        static uint8_t bytes[ASIDE_BYTES];
        (void)argument;
        for (uint64_t i = 0; i < ASIDE_COUNT; i++) {
                fill(bytes, sizeof bytes, i);
                CHECK_EQ(leat_send(sender, 1, bytes, sizeof bytes, SOON), 0);
        }
        send_text(sender, 2, "wanted");
}

CONFORMS(LEAT_ROW_TYPES, aside_has_a_limit, .without = SELECTS | LOSSY) {
        static uint8_t bytes[ASIDE_BYTES];
        struct place place;
        place_new(&place, subject, "aside=64k");
        pid_t pid = place_fork_sender(&place, send_more_than_aside, NULL);
        struct leat_channel *receiver = place_receiver(&place);
        for (int i = 0; i < 2; i++) {
                CHECK_EQ(leat_receive(receiver, LEAT_TYPE(2), bytes, sizeof bytes, SOON, NULL), -ENOBUFS);
                check_why(receiver, LEAT_ROW_TYPES, -ENOBUFS);
        }
        struct leat_info info = info_of(receiver);
        CHECK(info.aside_messages >= 7 && info.aside_messages <= 9);
        CHECK(info.aside_bytes >= 7 * ASIDE_BYTES);
        for (uint64_t i = 0; i < ASIDE_COUNT; i++) {
                CHECK_EQ(leat_receive(receiver, LEAT_TYPE(1), bytes, sizeof bytes, SOON, NULL), sizeof bytes);
                check_filled(bytes, sizeof bytes, i);
        }
        CHECK_EQ(info_of(receiver).aside_messages, 0);
        take(receiver, LEAT_TYPE(2), 2, "wanted");
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

/* One of the messages set aside that does not fit is told and kept too. */
CONFORMS(LEAT_ROW_TYPES, too_small_a_buffer_for_one_set_aside) {
        struct leat_channel *receiver, *sender;
        struct leat_message about = LEAT_MESSAGE_INIT;
        char buffer[8];
        place_both_new(subject, "", &receiver, &sender);
        send_text(sender, 1, "long text");
        send_text(sender, 2, "b");
        take(receiver, LEAT_TYPE(2), 2, "b");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), -EMSGSIZE);
        CHECK_EQ(about.size_bytes, 9);
        take(receiver, LEAT_ANY, 1, "long text");
        leat_close(sender);
        leat_close(receiver);
}

/* All that was sent is read before the end is over with, in whatever order. */
CONFORMS(LEAT_ROW_TYPES, the_end_comes_after_what_is_set_aside, .also = ROW(LEAT_ROW_END)) {
        struct leat_channel *receiver, *sender;
        char buffer[8];
        place_both_new(subject, "", &receiver, &sender);
        send_text(sender, 1, "a");
        send_text(sender, 1, "b");
        leat_close(sender);
        CHECK_EQ(leat_receive(receiver, LEAT_TYPE(2), buffer, sizeof buffer, SOON, NULL), -ENODATA);
        take(receiver, LEAT_ANY, 1, "a");
        take(receiver, LEAT_AT_MOST(5), 1, "b");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ENODATA);
        leat_close(receiver);
}

/* ---- from a given sender ---- */

static void send_name(struct leat_channel *sender, void *argument) {
        send_text(sender, 1, argument);
}

static void take_from(struct leat_channel *receiver, pid_t pid, const char *text) {
        struct leat_receive_options options = LEAT_RECEIVE_OPTIONS_INIT;
        char buffer[16] = "";
        options.from_pid = pid;
        options.deadline = SOON;
        CHECK_EQ(leat_receive_with(receiver, buffer, sizeof buffer - 1, &options, NULL), strlen(text));
        CHECK_STR(buffer, text);
}

CONFORMS(LEAT_ROW_TYPES, from_a_given_sender, .traits = MANY, .also = ROW(LEAT_ROW_WHO)) {
        struct place place;
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        pid_t first = place_fork_sender(&place, send_name, "first");
        CHECK_EQ(harness_wait(first), 0);
        pid_t second = place_fork_sender(&place, send_name, "second");
        CHECK_EQ(harness_wait(second), 0);
        take_from(receiver, second, "second");
        take_from(receiver, first, "first");
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_TYPES, not_from_another_sender, .also = ROW(LEAT_ROW_WHO)) {
        struct leat_channel *receiver, *sender;
        struct leat_receive_options options = LEAT_RECEIVE_OPTIONS_INIT;
        char buffer[8];
        place_both_new(subject, "", &receiver, &sender);
        send_text(sender, 1, "mine");
        options.from_pid = getpid() + 1;
        options.deadline = LEAT_NOW;
        CHECK_EQ(leat_receive_with(receiver, buffer, sizeof buffer, &options, NULL), -EAGAIN);
        take_from(receiver, getpid(), "mine");
        options.from_pid = -1;
        CHECK_EQ(leat_receive_with(receiver, buffer, sizeof buffer, &options, NULL), -EINVAL);
        leat_close(sender);
        leat_close(receiver);
}

/* ---- no ---- */

DENIES(LEAT_ROW_TYPES, selections_are_refused) {
        struct leat_channel *receiver, *sender;
        char buffer[8];
        place_both_new(subject, "", &receiver, &sender);
        CHECK_EQ(leat_send(sender, 2, "x", 1, SOON), -ENOTSUP);
        check_why(sender, LEAT_ROW_TYPES, -ENOTSUP);
        CHECK_EQ(leat_receive(receiver, LEAT_TYPE(1), buffer, sizeof buffer, LEAT_NOW, NULL), -ENOTSUP);
        check_why(receiver, LEAT_ROW_TYPES, -ENOTSUP);
        CHECK_EQ(leat_receive(receiver, LEAT_AT_MOST(1), buffer, sizeof buffer, LEAT_NOW, NULL), -ENOTSUP);
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

/* Bytes alone have none, but the mechanism may have them itself. */
DENIES(LEAT_ROW_TYPES, priorities_are_refused_or_kept) {
        struct leat_channel *receiver, *sender;
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        struct leat_message about = LEAT_MESSAGE_INIT;
        char buffer[8];
        place_both_new(subject, "", &receiver, &sender);
        options.priority = 1;
        int r = leat_send_with(sender, "x", 1, &options);
        if (r == -ENOTSUP)
                check_why(sender, LEAT_ROW_TYPES, -ENOTSUP);
        else {
                CHECK_EQ(r, 0);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), 1);
                CHECK_EQ(about.priority, 1);
        }
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

/* Where receivers compete, types are for one that is alone. */
CONFORMS(LEAT_ROW_TYPES, not_where_others_would_miss_what_is_set_aside, .traits = SHARED, .without = SELECTS) {
        struct place place;
        struct leat_reason reason = { 0 };
        char address[300], buffer[8];
        place_new(&place, subject, "");
        struct leat_channel *alone = place_receiver(&place);
        CHECK(try_open(place.receiver_address, receiver_flags(subject), LEAT_NOW, &reason) < 0);
        CHECK(reason.text && reason.text[0]);
        leat_close(alone);
        const char *types = strstr(place.receiver_address, subject->transport->types) - 1;
        snprintf(address, sizeof address, "%.*s%s", (int)(types - place.receiver_address), place.receiver_address,
                 types + 1 + strlen(subject->transport->types));
        struct leat_channel *one_of_several;
        CHECK_EQ(leat_open(address, receiver_flags(subject), SOON, &one_of_several), 0);
        CHECK_EQ(leat_receive(one_of_several, LEAT_TYPE(2), buffer, sizeof buffer, LEAT_NOW, NULL), -ENOTSUP);
        check_why(one_of_several, LEAT_ROW_TYPES, -ENOTSUP);
        settle(one_of_several);
        leat_close(one_of_several);
}
