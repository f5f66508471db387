/* SPDX-License-Identifier: MIT */

/* Row 13: limits are asked, not guessed. (That needs are met or refused: needs.c.) */

#include "conformance.h"

#include <sys/resource.h>

static void send_largest(struct leat_channel *sender, void *argument) {
        size_t largest = (size_t)info_of(sender).largest_bytes;
        uint8_t *bytes = malloc(largest + 1);
        (void)argument;
        fill(bytes, largest + 1, 1);
        CHECK_EQ(leat_send(sender, 1, bytes, largest + 1, SOON), -EMSGSIZE);
        check_why(sender, LEAT_ROW_LIMITS, -EMSGSIZE);
        CHECK_EQ(leat_send(sender, 1, bytes, largest, SOON), 0);
        free(bytes);
}

static void check_largest(const struct subject *subject, const char *options, uint64_t expected) {
        struct place place;
        place_new(&place, subject, options);
        pid_t pid = place_fork_sender(&place, send_largest, NULL);
        struct leat_channel *receiver = place_receiver(&place);
        size_t largest = (size_t)info_of(receiver).largest_bytes;
        CHECK_EQ(largest, expected);
        uint8_t *bytes = malloc(largest);
        take_exactly(receiver, bytes, largest);
        check_filled(bytes, largest, 1);
        expect_end(receiver);
        CHECK_EQ(harness_wait(pid), 0);
        free(bytes);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_LIMITS, the_largest_message) {
        uint64_t largest = subject->declaration->largest_bytes;
        check_largest(subject, "", largest);
        check_largest(subject, "size=1000", 1000);
        if (largest >= 70 * 1024)
                check_largest(subject, "size=70k", 70 * 1024);
}

CONFORMS(LEAT_ROW_LIMITS, what_is_queued_and_counted) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        settle(receiver);
        uint64_t before = info_of(receiver).queued_bytes;
        CHECK(before == 0 || before == LEAT_UNKNOWN);
        for (uint64_t i = 0; i < 5; i++) {
                send_record(sender, i);
                uint64_t now = info_of(receiver).queued_bytes;
                CHECK(now == LEAT_UNKNOWN || now >= (i + 1) * RECORD_BYTES);
                CHECK(now == LEAT_UNKNOWN || now > before);
                before = now;
        }
        struct leat_info info = info_of(receiver);
        CHECK_EQ(info.received, 0);
        CHECK(info.capacity_bytes > 0);
        CHECK(info.parties == 1 || info.parties == LEAT_UNKNOWN);
        CHECK_EQ(info_of(sender).sent, 5);
        for (uint64_t i = 0; i < 5; i++)
                take_record_numbered(receiver, i);
        info = info_of(receiver);
        CHECK(info.queued_bytes == 0 || info.queued_bytes == LEAT_UNKNOWN);
        CHECK(subject_traits(subject) & FRAMED ? info.received == 5 : info.received > 0);
        CHECK_EQ(info.dropped, 0);
        CHECK_EQ(info.refused, 0);
        leat_close(sender);
        leat_close(receiver);
}

/* An older program's structure is filled as far as it goes. */
CONFORMS(LEAT_ROW_LIMITS, an_older_structure) {
        struct leat_channel *receiver, *sender;
        struct leat_info info = LEAT_INFO_INIT;
        place_both_new(subject, "", &receiver, &sender);
        info.struct_size = offsetof(struct leat_info, capacity_bytes);
        info.capacity_bytes = 123456789;
        CHECK_EQ(leat_channel_info(receiver, &info), 0);
        CHECK_EQ(info.largest_bytes, subject->declaration->largest_bytes);
        CHECK_EQ(info.capacity_bytes, 123456789);
        info.struct_size = 0;
        CHECK_EQ(leat_channel_info(receiver, &info), -EINVAL);
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_LIMITS, from_outside, .traits = NAMED | LISTENS) {
        struct place place;
        struct leat_info info = LEAT_INFO_INIT;
        struct leat_reason reason = { 0 };
        place_new(&place, subject, "");
        bool numbered = subject_traits(subject) & NUMBERED;
        CHECK_EQ(leat_inspect(place.sender_address, &reason, &info), numbered ? -ECONNREFUSED : -ENOENT);
        CHECK(reason.text != NULL);
        struct leat_channel *receiver = place_receiver(&place);
        CHECK_EQ(leat_inspect(place.sender_address, &reason, &info), 0);
        CHECK(info.declaration == subject->declaration || info.declaration->scheme == subject->declaration->scheme);
        CHECK_EQ(info.largest_bytes, subject->declaration->largest_bytes);
        CHECK_EQ(info.owner.uid, geteuid());
        CHECK(info.mode != 0 || numbered);
        struct leat_channel *sender = place_sender(&place);
        CHECK_EQ(leat_inspect(place.sender_address, &reason, &info), 0);
        CHECK(info.waiting == 1 || info.waiting == LEAT_UNKNOWN);
        settle(receiver);
        send_record(sender, 1);
        CHECK_EQ(leat_inspect(place.sender_address, &reason, &info), 0);
        CHECK(info.waiting == 0 || info.waiting == LEAT_UNKNOWN);
        CHECK(info.parties == 1 || info.parties == LEAT_UNKNOWN);
        CHECK(info.queued_bytes > 0);
        take_record_numbered(receiver, 1);
        leat_close(sender);
        leat_close(receiver);
        CHECK_EQ(leat_inspect(place.sender_address, &reason, &info), numbered ? -ECONNREFUSED : -ENOENT);
}

/* A limit of the system is told with its name and value. */
CONFORMS(LEAT_ROW_LIMITS, of_what_stays_from_outside, .traits = NAMED, .without = LISTENS | LOOSE) {
        struct place place;
        struct leat_info info = LEAT_INFO_INIT;
        struct leat_reason reason = { 0 };
        place_new(&place, subject, "");
        CHECK_EQ(leat_inspect(place.sender_address, &reason, &info), -ENOENT);
        CHECK(reason.text != NULL);
        struct leat_channel *receiver = place_receiver(&place), *sender = place_sender(&place);
        CHECK_EQ(leat_inspect(place.sender_address, &reason, &info), 0);
        CHECK_STR(info.declaration->scheme, subject->declaration->scheme);
        CHECK_EQ(info.owner.uid, geteuid());
        CHECK(info.mode != 0);
        CHECK(info.queued_messages == 0 || info.queued_messages == LEAT_UNKNOWN);
        for (uint64_t i = 0; i < 3; i++)
                send_record(sender, i);
        CHECK_EQ(leat_inspect(place.sender_address, &reason, &info), 0);
        CHECK(info.queued_messages == 3 || info.queued_messages == LEAT_UNKNOWN);
        CHECK(info.queued_bytes >= 3 * RECORD_BYTES);
        for (uint64_t i = 0; i < 3; i++) /* it took none by looking */
                take_record_numbered(receiver, i);
        leat_close(sender);
        leat_close(receiver);
        CHECK_EQ(leat_inspect(place.sender_address, &reason, &info), 0);
}

CONFORMS(LEAT_ROW_LIMITS, no_descriptor_is_left) {
        struct place place;
        struct leat_reason reason = { 0 };
        struct rlimit old, low;
        struct leat_channel *receiver = NULL, *sender = NULL;
        place_new(&place, subject, "");
        leat_close(place.receiver);
        leat_close(place.sender);
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
        int before = harness_count_descriptors(), lowest = dup(0), most = lowest;
        CHECK_EQ(close(lowest), 0);
        for (;; most++) { /* each of the descriptors that it takes may be the one that is not there */
                low = (struct rlimit){ (rlim_t)most, old.rlim_max };
                CHECK_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
                int r = subject->transport->address
                                ? try_open(place.receiver_address, receiver_flags(subject), SOON, &reason)
                                : leat_pair(place.receiver_address, &reason, &receiver, &sender);
                leat_close(receiver);
                leat_close(sender);
                CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
                CHECK_EQ(harness_count_descriptors(), before);
                if (r == 0)
                        break;
                CHECK_EQ(r, -EMFILE);
                CHECK_EQ(reason.error, -EMFILE);
                CHECK(reason.text != NULL);
                CHECK_STR(reason.limit, "RLIMIT_NOFILE");
                CHECK_EQ(reason.limit_value, most);
        }
        CHECK(most > lowest || strcmp(subject->declaration->scheme, "sysv-mq") == 0);
}
