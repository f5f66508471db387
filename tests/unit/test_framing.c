/* SPDX-License-Identifier: MIT */
#include "channel/framing.h"
#include "harness.h"

#include <errno.h>

static const struct wire_header sample = { .kind = WIRE_MESSAGE,
                                           .flags = WIRE_WANTS_TAKEN,
                                           .priority = 32767,
                                           .size = 3,
                                           .descriptors = 253,
                                           .type = INT64_MAX,
                                           .sequence = UINT64_MAX,
                                           .time_ns = -1,
                                           .reference = 7 };

TEST(header_survives_the_wire) {
        uint8_t bytes[WIRE_HEADER_BYTES], again[WIRE_HEADER_BYTES];
        struct wire_header header;
        wire_encode(&sample, bytes);
        CHECK_MEM(bytes, "Lt\1\1", 4);
        CHECK_EQ(wire_decode(bytes, 3, &header), 0);
        CHECK_EQ(header.type, INT64_MAX);
        CHECK(header.sequence == UINT64_MAX && header.time_ns == -1 && header.reference == 7);
        CHECK(header.descriptors == 253 && header.priority == 32767 && header.flags == WIRE_WANTS_TAKEN);
        wire_encode(&header, again);
        CHECK_MEM(bytes, again, sizeof(bytes));
}

/* One byte of a good header changed, and what comes of it. */
static const struct {
        unsigned at;
        uint8_t value;
        int result;
} changes[] = {
        { 0, 'l', -EBADMSG },
        { 1, 'T', -EBADMSG },
        { 2, 0, -EPROTONOSUPPORT },
        { 2, 2, -EPROTONOSUPPORT },
        { 3, 0, -EBADMSG },
        { 3, 7, -EBADMSG },
        { 3, 2, -EBADMSG },
        { 3, 3, 0 },
        { 3, 4, -EBADMSG },
        { 4, 8, -EBADMSG },
        { 4, 7, 0 },
        { 5, 1, -EBADMSG },
        { 7, 0x80, -EBADMSG },
        { 8, 4, -EBADMSG },
        { 8, 2, 0 },
        { 11, 0x80, -EBADMSG },
        { 12, 254, -EBADMSG },
        { 12, 0, 0 },
        { 13, 1, -EBADMSG },
        { 15, 1, -EBADMSG },
        { 23, 0xff, -EBADMSG },
        { 47, 0xff, 0 },
};

TEST(header_is_checked_field_by_field) {
        for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
                uint8_t bytes[WIRE_HEADER_BYTES];
                struct wire_header header;
                wire_encode(&sample, bytes);
                bytes[changes[i].at] = changes[i].value;
                int r = wire_decode(bytes, 3, &header);
                if (r != changes[i].result)
                        FAIL("byte %u as %u: %d", changes[i].at, changes[i].value, r);
        }
}

TEST(type_zero_is_refused) {
        struct wire_header header = sample;
        uint8_t bytes[WIRE_HEADER_BYTES];
        header.type = 0;
        wire_encode(&header, bytes);
        CHECK_EQ(wire_decode(bytes, 3, &header), -EBADMSG);
}

/* Feed the bytes one by one: the message is found with the last and not before. */
static void find_at_last(enum framing framing, const uint8_t *bytes, size_t size, size_t at, size_t length) {
        struct found found;
        size_t scanned = 0;
        for (size_t n = 0; n < size; n++) {
                CHECK_EQ(framing_find(framing, bytes, n, &scanned, false, 100, &found), 0);
                CHECK(found.consumed > n && found.consumed <= size);
        }
        CHECK_EQ(framing_find(framing, bytes, size, &scanned, false, 100, &found), 1);
        CHECK_EQ(found.at, at);
        CHECK_EQ(found.size_bytes, length);
        CHECK_EQ(found.consumed, size);
        CHECK_EQ(scanned, 0);
}

TEST(messages_are_found_when_they_are_whole) {
        uint8_t frame[WIRE_HEADER_BYTES + 4] = { 0 };
        wire_encode(&sample, frame);
        find_at_last(FRAMING_LEAT, frame, sizeof(frame), WIRE_HEADER_BYTES, 3);
        find_at_last(FRAMING_LINES, (const uint8_t *)"abc\n", 4, 0, 3);
        find_at_last(FRAMING_LINES, (const uint8_t *)"\n", 1, 0, 0);
        find_at_last(FRAMING_NUL, (const uint8_t *)"a\nb", 4, 0, 3);
        find_at_last(FRAMING_LENGTH, (const uint8_t *)"\0\0\0\3abc", 7, 4, 3);
        find_at_last(FRAMING_LENGTH, (const uint8_t *)"\0\0\0", 4, 4, 0);
}

TEST(the_end_completes_a_line_and_nothing_else) {
        struct found found;
        size_t scanned = 0;
        CHECK_EQ(framing_find(FRAMING_LINES, (const uint8_t *)"abc", 3, &scanned, true, 100, &found), 1);
        CHECK_EQ(found.size_bytes, 3);
        CHECK_EQ(framing_find(FRAMING_LINES, (const uint8_t *)"", 0, &scanned, true, 100, &found), 0);
        CHECK_EQ(framing_find(FRAMING_LENGTH, (const uint8_t *)"\0\0\0\3ab", 6, &scanned, true, 100, &found), 0);
}

TEST(what_is_too_long_is_a_breach) {
        struct found found;
        size_t scanned = 0;
        CHECK_EQ(framing_find(FRAMING_LINES, (const uint8_t *)"abcd", 4, &scanned, false, 3, &found), -EBADMSG);
        scanned = 0;
        CHECK_EQ(framing_find(FRAMING_LINES, (const uint8_t *)"abc", 3, &scanned, false, 3, &found), 0);
        CHECK_EQ(framing_find(FRAMING_LENGTH, (const uint8_t *)"\0\0\0\4", 4, &scanned, false, 3, &found), -EBADMSG);
        CHECK_EQ(framing_find(FRAMING_LENGTH, (const uint8_t *)"\xff\xff\xff\xff", 4, &scanned, false, 3, &found),
                 -EBADMSG);
}

TEST(a_trailer_takes_back_or_stands) {
        uint8_t frame[WIRE_HEADER_BYTES + 4] = { 0 };
        struct found found;
        size_t scanned = 0;
        wire_encode(&sample, frame);
        frame[sizeof(frame) - 1] = 1;
        CHECK_EQ(framing_find(FRAMING_LEAT, frame, sizeof(frame), &scanned, false, 3, &found), 1);
        CHECK(found.abandoned);
        frame[sizeof(frame) - 1] = 2;
        CHECK_EQ(framing_find(FRAMING_LEAT, frame, sizeof(frame), &scanned, false, 3, &found), -EBADMSG);
}

TEST(a_line_holds_no_newline) {
        CHECK(framing_allows(FRAMING_LINES, (const uint8_t *)"a\0b", 3));
        CHECK(!framing_allows(FRAMING_LINES, (const uint8_t *)"a\nb", 3));
        CHECK(!framing_allows(FRAMING_NUL, (const uint8_t *)"a\0b", 3));
        CHECK(framing_allows(FRAMING_NUL, NULL, 0));
        CHECK(framing_allows(FRAMING_RAW, (const uint8_t *)"a\nb", 3));
}

static int step(struct frame_order *order, enum wire_kind kind, uint64_t sequence, uint32_t size) {
        const struct wire_header header = { .kind = kind, .sequence = sequence, .size = size, .type = 1 };
        return frame_order_check(order, &header);
}

TEST(frames_keep_their_order) {
        struct frame_order order = { 0 };
        CHECK_EQ(step(&order, WIRE_CONTINUE, 1, 10), -EBADMSG);
        CHECK_EQ(step(&order, WIRE_ABANDON, 1, 0), -EBADMSG);
        CHECK_EQ(step(&order, WIRE_MESSAGE, 5, 10), 0);
        CHECK(!frame_order_open(&order));
        CHECK_EQ(step(&order, WIRE_MESSAGE, 5, 10), -EBADMSG);
        CHECK_EQ(step(&order, WIRE_MESSAGE, 4, 10), -EBADMSG);
        CHECK_EQ(step(&order, WIRE_REPLY, 6, 3 * WIRE_FRAME_BYTES), 0);
        CHECK(frame_order_open(&order));
        CHECK_EQ(step(&order, WIRE_TAKEN, 0, 0), 0);
        CHECK_EQ(step(&order, WIRE_MESSAGE, 7, 1), -EBADMSG);
        CHECK_EQ(step(&order, WIRE_CONTINUE, 6, 3 * WIRE_FRAME_BYTES), -EBADMSG);
        CHECK_EQ(step(&order, WIRE_CONTINUE, 7, 2 * WIRE_FRAME_BYTES), -EBADMSG);
        CHECK_EQ(step(&order, WIRE_CONTINUE, 6, 2 * WIRE_FRAME_BYTES), 0);
        CHECK_EQ(step(&order, WIRE_CONTINUE, 6, WIRE_FRAME_BYTES), 0);
        CHECK(!frame_order_open(&order));
        CHECK_EQ(step(&order, WIRE_MESSAGE, 7, 2 * WIRE_FRAME_BYTES), 0);
        CHECK_EQ(step(&order, WIRE_ABANDON, 7, 0), 0);
        CHECK(!frame_order_open(&order));
}

TEST(numbers_begin_again_only_where_they_may) {
        struct frame_order order = { .restarts = true };
        CHECK_EQ(step(&order, WIRE_MESSAGE, 5, 10), 0);
        CHECK_EQ(step(&order, WIRE_MESSAGE, 4, 10), -EBADMSG);
        CHECK_EQ(step(&order, WIRE_MESSAGE, 1, 10), 0);
        CHECK_EQ(step(&order, WIRE_MESSAGE, 2, 10), 0);
        order.restarts = false;
        CHECK_EQ(step(&order, WIRE_MESSAGE, 1, 10), -EBADMSG);
}

TEST_MAIN()
