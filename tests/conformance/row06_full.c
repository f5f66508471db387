/* SPDX-License-Identifier: MIT */

/* Row 6: what happens when the channel is full is the sender's choice. */

#include "conformance.h"

#include <pthread.h>

CONFORMS(LEAT_ROW_FULL, be_told, .timeout_s = 180) { /* megabytes, record by record */
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        for (int round = 0; round < 3; round++) {
                uint64_t count = fill_up(sender, 0);
                CHECK(count > 0);
                for (uint64_t i = 0; i < count; i++)
                        take_record_numbered(receiver, i);
                settle(receiver);
        }
        leat_close(sender);
        leat_close(receiver);
}

static void *send_one_more(void *argument) {
        send_record(argument, 1000000);
        return NULL;
}

CONFORMS(LEAT_ROW_FULL, wait, .timeout_s = 180) {
        struct leat_channel *receiver, *sender;
        pthread_t thread;
        place_both_new(subject, "", &receiver, &sender);
        uint64_t count = fill_up(sender, 0);
        CHECK_EQ(pthread_create(&thread, NULL, send_one_more, sender), 0);
        for (uint64_t i = 0; i < count; i++)
                take_record_numbered(receiver, i);
        take_record_numbered(receiver, 1000000);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

static int send_or_drop(struct leat_channel *sender, const void *bytes, size_t size, int64_t deadline) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.flags = LEAT_DROP_NEWEST;
        options.deadline = deadline;
        return leat_send_with(sender, bytes, size, &options);
}

CONFORMS(LEAT_ROW_FULL, drop_the_newest, .timeout_s = 180) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        uint64_t count = fill_up(sender, 0);
        CHECK_EQ(info_of(sender).dropped, 0);
        CHECK_EQ(send_beyond(sender, &count, LEAT_DROP_NEWEST, LEAT_NOW), 1);
        CHECK_EQ(send_beyond(sender, &count, LEAT_DROP_NEWEST, leat_in_ms(10)), 1);
        CHECK_EQ(info_of(sender).dropped, 2);
        CHECK_EQ(info_of(sender).sent, count);
        for (uint64_t i = 0; i < count; i++)
                take_record_numbered(receiver, i);
        CHECK_EQ(send_or_drop(sender, "000000000000ffff", RECORD_BYTES, LEAT_NOW), 0);
        take_record_numbered(receiver, 0xffff);
        settle(receiver);
        CHECK_EQ(info_of(sender).dropped, 2);
        leat_close(sender);
        leat_close(receiver);
}

/*
 * One that fits in part: "dropped" must mean that none of it is seen. Where the framing cannot take it back it is not
 * called dropped.
 */
CONFORMS(LEAT_ROW_FULL, a_dropped_one_is_not_seen, .traits = FRAMED | LARGE) {
        static uint8_t bytes[1 << 20];
        struct leat_channel *receiver, *sender;
        int results[4], dropped = 0;
        place_both_new(subject, "", &receiver, &sender);
        size_t largest = (size_t)info_of(sender).largest_bytes;
        size_t size = sizeof bytes < largest ? sizeof bytes : largest;
        for (uint64_t i = 0; i < 4; i++) {
                fill_numbered(bytes, size, i);
                results[i] = send_or_drop(sender, bytes, size, LEAT_NOW);
                CHECK(results[i] == 0 || results[i] == 1 ||
                      (results[i] == -EAGAIN && (subject_traits(subject) & STREAM)));
                dropped += results[i] == 1;
        }
        CHECK(dropped > 0);
        CHECK_EQ(info_of(sender).dropped, dropped);
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, send_one_more, sender), 0);
        ssize_t n;
        while ((n = leat_receive(receiver, LEAT_ANY, bytes, sizeof bytes, SOON, NULL)) != RECORD_BYTES) {
                CHECK(n > 0);
                uint64_t number = check_numbered(bytes, (size_t)n);
                CHECK(number < 4);
                if (results[number] == 1)
                        FAIL("message %d was dropped and came", (int)number);
        }
        CHECK_EQ(pthread_join(thread, NULL), 0);
        leat_close(sender);
        leat_close(receiver);
}

static int send_for_the_oldest(struct leat_channel *sender, const char record[RECORD_BYTES]) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.flags = LEAT_DROP_OLDEST;
        options.deadline = LEAT_NOW;
        return leat_send_with(sender, record, RECORD_BYTES, &options);
}

/* Where a sender can take what others have sent; elsewhere it is refused, and says so. */
CONFORMS(LEAT_ROW_FULL, the_oldest_is_dropped_only_where_it_is_said) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        int r = send_for_the_oldest(sender, "0000000000000000");
        if (r == -ENOTSUP)
                check_why(sender, LEAT_ROW_FULL, -ENOTSUP);
        else {
                CHECK_EQ(r, 0); /* there is room: nothing is dropped */
                CHECK_EQ(info_of(sender).dropped, 0);
                uint64_t count = fill_up(sender, 1);
                CHECK_EQ(send_for_the_oldest(sender, "00000000000fffff"), 0);
                uint64_t dropped = info_of(sender).dropped;
                CHECK(dropped >= 1);
                for (uint64_t i = dropped; i <= count; i++)
                        take_record_numbered(receiver, i);
                take_record_numbered(receiver, 0xfffff);
        }
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

/* It is never full: what would drop something has nothing to drop, or is refused. */
DENIES(LEAT_ROW_FULL, nothing_waits_for_room) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        uint64_t count = fill_up(sender, 0);
        CHECK_EQ(send_or_drop(sender, "000000000000ffff", RECORD_BYTES, LEAT_NOW), 0);
        CHECK_EQ(send_for_the_oldest(sender, "00000000000fffff"), -ENOTSUP);
        check_why(sender, LEAT_ROW_FULL, -ENOTSUP);
        CHECK_EQ(info_of(sender).dropped, 0);
        for (uint64_t i = 0; i < count; i++)
                take_record_numbered(receiver, i);
        take_record_numbered(receiver, 0xffff);
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}
