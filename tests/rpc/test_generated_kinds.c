/* SPDX-License-Identifier: MIT */

/*
 * kinds.x, compiled three times: to straight code, to a table alone (--small), and to straight code that borrows. All three
 * lay values out alike, so one value goes through each, and they have to agree on everything: bytes, refusals, what comes back.
 */
#include "bytes.h"
#include "harness.h"

#include "kinds.h"
#include "kinds_borrow.h"
#include "kinds_small.h"
#include <errno.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

union any {
        struct kinds_all all;
        max_align_t aligned;
};

#define TYPE(name)                                                                                                     \
        { #name, kinds_##name##_type, kinds_small_##name##_type, kinds_borrow_##name##_type }

static const struct compiled {
        const char *name;
        struct leat_xdr_type (*straight)(void);
        struct leat_xdr_type (*small)(void);
        struct leat_xdr_type (*borrow)(void);
} types[] = {
        TYPE(color),      TYPE(sparse),
        TYPE(name),       TYPE(handle),
        TYPE(odd),        TYPE(blob),
        TYPE(triple),     TYPE(numbers),
        TYPE(names),      TYPE(colors),
        TYPE(list),       TYPE(stamp),
        TYPE(node),       TYPE(row),
        TYPE(choice),     TYPE(truth),
        TYPE(arrays),     TYPE(numbers_of_each),
        TYPE(tree),       TYPE(all),
        TYPE(numbered),   TYPE(fallback),
        TYPE(pointers),   TYPE(bytes_of_each),
        TYPE(expression), TYPE(chains),
        TYPE(maybe_rows), TYPE(pointers_in_arrays),
};
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

struct coded {
        struct leat_xdr_arena arena, straight_arena, small_arena, borrow_arena;
        struct leat_xdr_buffer straight, small, borrow;
};

static void free_coded(struct coded *coded) {
        leat_xdr_arena_free(&coded->arena);
        leat_xdr_arena_free(&coded->straight_arena);
        leat_xdr_arena_free(&coded->small_arena);
        leat_xdr_arena_free(&coded->borrow_arena);
        leat_xdr_buffer_free(&coded->straight);
        leat_xdr_buffer_free(&coded->small);
        leat_xdr_buffer_free(&coded->borrow);
}

static void reset_coded(struct coded *coded) {
        leat_xdr_arena_reset(&coded->arena);
        leat_xdr_arena_reset(&coded->straight_arena);
        leat_xdr_arena_reset(&coded->small_arena);
        leat_xdr_arena_reset(&coded->borrow_arena);
        coded->straight.size_bytes = coded->small.size_bytes = coded->borrow.size_bytes = 0;
}

/* The three encodings of a value, which are one. */
static void encode(struct coded *coded, const struct compiled *type, const union any *value) {
        CHECK_EQ(leat_xdr_encode(type->straight(), value, &coded->straight, NULL), 0);
        CHECK_EQ(leat_xdr_encode(type->small(), value, &coded->small, NULL), 0);
        CHECK_EQ(leat_xdr_encode(type->borrow(), value, &coded->borrow, NULL), 0);
        CHECK_EQ(coded->straight.size_bytes, coded->small.size_bytes);
        CHECK_EQ(coded->straight.size_bytes, coded->borrow.size_bytes);
        if (coded->small.size_bytes == 0)
                return;
        CHECK_MEM(coded->straight.bytes, coded->small.bytes, coded->small.size_bytes);
        CHECK_MEM(coded->borrow.bytes, coded->small.bytes, coded->small.size_bytes);
}

/* Decode bytes by each; they agree. Returns whether they were accepted; what came out is then encoded to the same bytes. */
static bool decode(struct coded *coded, const struct compiled *type, const uint8_t *bytes, size_t size_bytes,
                   const union any *value) {
        union any straight, small, borrow;
        struct leat_xdr_fault first, second;
        int r = leat_xdr_decode(type->straight(), bytes, size_bytes, &coded->straight_arena, NULL, &straight, &first);
        int small_r = leat_xdr_decode(type->small(), bytes, size_bytes, &coded->small_arena, NULL, &small, &second);
        int borrow_r = leat_xdr_decode(type->borrow(), bytes, size_bytes, &coded->borrow_arena, NULL, &borrow, NULL);
        if (r != small_r || r != borrow_r)
                FAIL("%s: straight code says %d, the table %d, borrowing code %d", type->name, r, small_r, borrow_r);
        if (r < 0) {
                CHECK_STR(first.path, second.path);
                CHECK_EQ(first.what, second.what);
                CHECK_EQ(first.offset, second.offset);
                return false;
        }
        CHECK_EQ(leat_xdr_compare(type->straight(), &straight, &small), 0);
        CHECK_EQ(leat_xdr_compare(type->small(), &small, &borrow), 0);
        if (value)
                CHECK_EQ(leat_xdr_compare(type->straight(), &straight, value), 0);
        struct leat_xdr_buffer again = { 0 };
        CHECK_EQ(leat_xdr_encode(type->straight(), &straight, &again, NULL), 0);
        CHECK_EQ(again.size_bytes, size_bytes);
        if (size_bytes)
                CHECK_MEM(again.bytes, bytes, size_bytes);
        leat_xdr_buffer_free(&again);
        return true;
}

TEST(the_three_lay_values_out_alike) {
        for (size_t i = 0; i < TYPE_COUNT; i++) {
                CHECK_EQ(leat_xdr_value_size(types[i].straight()), leat_xdr_value_size(types[i].small()));
                CHECK_EQ(leat_xdr_value_size(types[i].straight()), leat_xdr_value_size(types[i].borrow()));
        }
}

TEST(they_agree_on_every_value) {
        struct coded coded = { 0 };
        uint64_t seed = harness_random();
        for (uint64_t i = 0, count = harness_how_many(5, 300, 5000) * TYPE_COUNT; i < count; i++) {
                const struct compiled *type = &types[i % TYPE_COUNT];
                union any value;
                CHECK_EQ(leat_xdr_random(type->straight(), &seed, harness_random_below(3000), &coded.arena, &value), 0);
                encode(&coded, type, &value);
                CHECK(decode(&coded, type, coded.straight.bytes, coded.straight.size_bytes, &value));
                reset_coded(&coded);
        }
        free_coded(&coded);
}

TEST(they_agree_on_broken_bytes) {
        struct coded coded = { 0 };
        uint64_t seed = harness_random(), accepted = 0, refused = 0;
        for (uint64_t i = 0, count = harness_how_many(2, 20, 200) * TYPE_COUNT; i < count; i++) {
                const struct compiled *type = &types[i % TYPE_COUNT];
                union any value;
                CHECK_EQ(leat_xdr_random(type->straight(), &seed, harness_random_below(400), &coded.arena, &value), 0);
                encode(&coded, type, &value);
                size_t size = coded.straight.size_bytes;
                for (size_t cut = 0; cut < size; cut++) {
                        uint8_t *bytes = exact(coded.straight.bytes, cut);
                        (void)decode(&coded, type, bytes, cut, NULL);
                        free(bytes);
                }
                for (size_t bit = 0; bit < 8 * size; bit++) {
                        uint8_t *bytes = exact(coded.straight.bytes, size);
                        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
                        if (decode(&coded, type, bytes, size, NULL))
                                accepted++;
                        else
                                refused++;
                        free(bytes);
                }
                reset_coded(&coded);
        }
        CHECK(accepted > 0 && refused > 0);
        free_coded(&coded);
}

/* The typed functions of the header are the same. */
TEST(typed_functions_encode_and_decode) {
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        struct kinds_row row = { .a = -1, .b = 1, .c = { "text", 4 }, .d = 0.5 }, back;
        static const uint8_t wanted[] = { 255, 255, 255, 255, 0,   0,   0,    0,    0, 0, 0, 1, 0, 0,
                                          0,   4,   't', 'e', 'x', 't', 0x3f, 0xe0, 0, 0, 0, 0, 0, 0 };
        CHECK_EQ(kinds_row_encode(&row, &buffer, &fault), 0);
        CHECK_EQ(buffer.size_bytes, sizeof(wanted) + 16);
        CHECK_MEM(buffer.bytes, wanted, sizeof(wanted));
        CHECK_EQ(kinds_row_decode(buffer.bytes, buffer.size_bytes, &arena, NULL, &back, &fault), 0);
        CHECK_STR(back.c.text, "text");
        CHECK_EQ(back.b, 1);
        leat_xdr_buffer_free(&buffer);

        const kinds_triple three = { 1, 2, 3 };
        kinds_triple four;
        CHECK_EQ(kinds_triple_encode(three, &buffer, &fault), 0);
        CHECK_EQ(kinds_triple_decode(buffer.bytes, buffer.size_bytes, &arena, NULL, four, &fault), 0);
        CHECK_MEM(three, four, sizeof(three));
        CHECK_EQ(KINDS_NAME_MAX_BYTES, 32);
        CHECK_EQ(KINDS_LOW, INT32_MIN);
        leat_xdr_buffer_free(&buffer);
        leat_xdr_arena_free(&arena);
}

/* What a message that is refused took is given back, and what is borrowed lies in the message. */
TEST(borrowed_bytes_lie_in_the_message) {
        static const uint8_t message[] = { 0, 0, 0, 3, 'a', 'b', 'c', 0 };
        struct leat_xdr_arena arena = { 0 };
        kinds_borrow_name name;
        CHECK_EQ(kinds_borrow_name_decode(message, sizeof(message), &arena, NULL, &name, NULL), 0);
        CHECK(name.text == (const char *)message + 4);
        CHECK_EQ(name.size_bytes, 3);
        kinds_name copied;
        CHECK_EQ(kinds_name_decode(message, sizeof(message), &arena, NULL, &copied, NULL), 0);
        CHECK(copied.text != name.text);
        CHECK_STR(copied.text, "abc");
        leat_xdr_arena_free(&arena);
}

TEST(an_arm_called_as_the_discriminant_has_a_name_of_its_own_in_json) {
        struct kinds_twice value = { .stat = KINDS_GREEN, .u.stat = 5 }, back = { .stat = KINDS_RED };
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_buffer text = { 0 };
        CHECK_EQ(leat_xdr_to_json(kinds_twice_type(), &value, &text, NULL), 0);
        CHECK_EQ(leat_xdr_buffer_reserve(&text, 1), 0);
        text.bytes[text.size_bytes] = '\0';
        CHECK_STR((const char *)text.bytes, "{\"stat\": \"GREEN\", \"stat_\": 5}");
        CHECK_EQ(leat_xdr_from_json(kinds_twice_type(), (const char *)text.bytes, text.size_bytes, &arena, &back, NULL),
                 0);
        CHECK_EQ(leat_xdr_compare(kinds_twice_type(), &value, &back), 0);
        leat_xdr_buffer_free(&text);
        leat_xdr_arena_free(&arena);
}

TEST_MAIN()
