/* SPDX-License-Identifier: MIT */
#include "bytes.h"
#include "harness.h"
#include "schemas.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Values of each kind: their bytes, and what comes back; every truncation and every flipped bit of them. */

/* Encode; checks what the size says. */
static struct leat_xdr_buffer encoded(enum schemas_node node, const void *value) {
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_fault fault;
        char text[256];
        if (leat_xdr_encode(schemas_type(node), value, &buffer, &fault) != 0)
                FAIL("node %d: %s", (int)node, leat_xdr_fault_text(&fault, text, sizeof(text)));
        CHECK_EQ(fault.what, LEAT_XDR_OK);
        CHECK_EQ(leat_xdr_size(schemas_type(node), value, NULL), (int64_t)buffer.size_bytes);
        return buffer;
}

union any {
        struct everything everything;
        struct named_list list;
        struct tree tree;
        struct pair pair;
        struct expression expression;
        struct borrowed borrowed;
        struct empties empties;
        struct records records;
        struct link *links;
        struct leat_xdr_quadruple quadruple;
        uint8_t bytes[1024];
};

/* What is decoded is equal, encodes to the same bytes, and needs all of them. */
static void check_back(enum schemas_node node, const void *value) {
        struct leat_xdr_type type = schemas_type(node);
        struct leat_xdr_buffer buffer = encoded(node, value);
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        union any back, copy;
        CHECK_EQ(leat_xdr_decode(type, buffer.bytes, buffer.size_bytes, &arena, NULL, &back, &fault), 0);
        CHECK_EQ(leat_xdr_compare(type, value, &back), 0);
        CHECK_EQ(leat_xdr_compare(type, &back, value), 0);
        struct leat_xdr_buffer again = encoded(node, &back);
        CHECK_EQ(again.size_bytes, buffer.size_bytes);
        CHECK_MEM(again.bytes, buffer.bytes, buffer.size_bytes);
        CHECK_EQ(leat_xdr_copy(type, &back, &arena, &copy), 0);
        CHECK_EQ(leat_xdr_compare(type, value, &copy), 0);
        leat_xdr_buffer_free(&again);
        leat_xdr_buffer_free(&buffer);
        leat_xdr_arena_free(&arena);
}

/* Bytes are refused, or are those of the value that was made of them. Returns whether they were accepted. */
static bool check_bytes(enum schemas_node node, const uint8_t *bytes, size_t size) {
        struct leat_xdr_type type = schemas_type(node);
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault = { 0 };
        union any value;
        uint8_t *copy = exact(bytes, size);
        int error = leat_xdr_decode(type, copy, size, &arena, NULL, &value, &fault);
        if (error == 0) {
                struct leat_xdr_buffer again = encoded(node, &value);
                CHECK_EQ(again.size_bytes, size);
                CHECK_MEM(again.bytes, bytes, size);
                leat_xdr_buffer_free(&again);
        } else {
                CHECK_EQ(error, fault.error);
                CHECK(fault.what != LEAT_XDR_OK && fault.offset <= size);
                CHECK_EQ(arena.taken_bytes, 0);
                CHECK(!arena.blocks);
        }
        leat_xdr_arena_free(&arena);
        free(copy);
        return error == 0;
}

static void attack(enum schemas_node node, const void *value) {
        check_back(node, value);
        struct leat_xdr_buffer buffer = encoded(node, value);
        for (size_t size = 0; size < buffer.size_bytes; size++)
                CHECK(!check_bytes(node, buffer.bytes, size));
        for (size_t bit = 0; bit < 8 * buffer.size_bytes; bit++) {
                buffer.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
                check_bytes(node, buffer.bytes, buffer.size_bytes);
                buffer.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (int i = 0; i < 2000 && buffer.size_bytes > 0; i++) {
                size_t at = harness_random_below(buffer.size_bytes);
                uint8_t before = buffer.bytes[at];
                buffer.bytes[at] = (uint8_t)harness_random();
                check_bytes(node, buffer.bytes, buffer.size_bytes);
                if (harness_random_below(4) > 0)
                        buffer.bytes[at] = before;
        }
        leat_xdr_buffer_free(&buffer);
}

/* Values that are recursive, or lists. */
static struct link third = { 3, { "", 0 }, NULL }, second = { 2, { "b", 1 }, &third },
                   first = { 1, { "four", 4 }, &second };
static struct tree leaves[] = { { .value = 2 }, { .value = 3 } };
static struct tree tree = { 1, { leaves, 2 } };
static struct pair ends[2], right = { &ends[0], &ends[1] }, pair = { &ends[0], &right };
static struct expression number = { 0, { .number = 5 } }, not_it = { 1, { .negated = &number } },
                         expression = { 1, { .negated = &not_it } };

TEST(everything_comes_back_whatever_is_flipped) {
        struct everything value = schemas_everything();
        attack(NODE_EVERYTHING, &value);
}

TEST(each_arm_comes_back) {
        struct everything value = schemas_everything();
        value.optional = NULL;
        value.choice = (struct choice){ .color = RED, .u.number = 5 };
        value.defaulted = (struct defaulted){ .kind = 1, .u.one = -1 };
        attack(NODE_EVERYTHING, &value);
        value.choice = (struct choice){ .color = GREEN, .u.text = TEXT("text") };
        value.defaulted = (struct defaulted){ .kind = 2 };
        value.records = (struct records){ NULL, 0 };
        attack(NODE_EVERYTHING, &value);
}

TEST(lists_and_trees_come_back_whatever_is_flipped) {
        struct named_list list = { 7, &first };
        struct link *chain = &first, *nothing = NULL;
        attack(NODE_NAMED_LIST, &list);
        attack(NODE_LINKS, &chain);
        attack(NODE_LINKS, &nothing);
        attack(NODE_TREE, &tree);
        attack(NODE_PAIR, &pair);
        attack(NODE_EXPRESSION, &expression);
}

TEST(borrowed_bytes_lie_in_the_message) {
        struct borrowed value = { BYTES("\0bytes"), TEXT("text") }, back;
        attack(NODE_BORROWED, &value);
        struct leat_xdr_buffer buffer = encoded(NODE_BORROWED, &value);
        struct leat_xdr_arena arena = { 0 };
        CHECK_EQ(leat_xdr_decode(schemas_type(NODE_BORROWED), buffer.bytes, buffer.size_bytes, &arena, NULL, &back,
                                 NULL),
                 0);
        CHECK(back.bytes.bytes == buffer.bytes + 4);
        CHECK(back.text.text == (const char *)buffer.bytes + 16);
        CHECK(!arena.blocks);
        leat_xdr_buffer_free(&buffer);
}

TEST(decoded_strings_end_with_a_nul) {
        struct records value = { &(struct record){ .name = TEXT("eight ch") }, 1 }, back;
        struct leat_xdr_buffer buffer = encoded(NODE_RECORDS, &value);
        struct leat_xdr_arena arena = { 0 };
        CHECK_EQ(leat_xdr_decode(schemas_type(NODE_RECORDS), buffer.bytes, buffer.size_bytes, &arena, NULL, &back,
                                 NULL),
                 0);
        CHECK_STR(back.items[0].name.text, "eight ch");
        value.items->name = (struct leat_xdr_string){ NULL, 0 };
        leat_xdr_buffer_free(&buffer);
        buffer = encoded(NODE_RECORDS, &value);
        CHECK_EQ(leat_xdr_decode(schemas_type(NODE_RECORDS), buffer.bytes, buffer.size_bytes, &arena, NULL, &back,
                                 NULL),
                 0);
        CHECK_STR(back.items[0].name.text, "");
        leat_xdr_buffer_free(&buffer);
        leat_xdr_arena_free(&arena);
}

TEST(bytes_are_those_of_the_standard) {
        /* RFC 4506, section 7: its example of a file, with a kind of this schema's. */
        static const uint8_t wire[] = { 0,   0,   0,   9, 0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 3,
                                        'l', 'i', 's', 0, 0, 0, 0, 1, 0, 0, 0, 2, 0,    0,    0,    0,    0, 0, 0, 0 };
        struct link last = { 2, { NULL, 0 }, NULL }, link = { -1, TEXT("lis"), &last };
        struct named_list list = { 9, &link };
        struct leat_xdr_buffer buffer = encoded(NODE_NAMED_LIST, &list);
        static const uint8_t expected[] = { 0,   0, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 3, 'l', 'i',
                                            's', 0, 0, 0, 0, 1, 0, 0, 0,    2,    0,    0,    0, 0, 0, 0, 0,   0 };
        CHECK_EQ(buffer.size_bytes, sizeof(expected));
        CHECK_MEM(buffer.bytes, expected, sizeof(expected));
        CHECK(!check_bytes(NODE_NAMED_LIST, wire, sizeof(wire))); /* a boolean of 2 */
        leat_xdr_buffer_free(&buffer);
}

TEST(each_number_is_as_on_the_wire) {
        static const struct {
                enum schemas_node node;
                size_t memory, size;
                uint8_t value[16], wire[16];
        } rows[] = {
#if __BYTE_ORDER == __LITTLE_ENDIAN
                { NODE_INT, 4, 4, { 0xfe, 0xff, 0xff, 0xff }, { 0xff, 0xff, 0xff, 0xfe } },
                { NODE_HYPER, 8, 8, { 1, 2, 3, 4, 5, 6, 7, 8 }, { 8, 7, 6, 5, 4, 3, 2, 1 } },
                { NODE_FLOAT, 4, 4, { 0, 0, 0x80, 0x3f }, { 0x3f, 0x80, 0, 0 } },
                { NODE_DOUBLE, 8, 8, { 0, 0, 0, 0, 0, 0, 0xf0, 0x3f }, { 0x3f, 0xf0 } },
                { NODE_SHORT, 2, 4, { 0xfe, 0xff }, { 0xff, 0xff, 0xff, 0xfe } },
                { NODE_UNSIGNED_SHORT, 2, 4, { 0xfe, 0xff }, { 0, 0, 0xff, 0xfe } },
#endif
                { NODE_QUADRUPLE, 16, 16, { 0x40, 1, 2 }, { 0x40, 1, 2 } },
                { NODE_BOOL, 1, 4, { 1 }, { 0, 0, 0, 1 } },
                { NODE_CHAR, 1, 4, { 0xff }, { 0xff, 0xff, 0xff, 0xff } },
                { NODE_UNSIGNED_CHAR, 1, 4, { 0xff }, { 0, 0, 0, 0xff } },
                { NODE_FIXED_5, 5, 8, { 1, 2, 3, 4, 5 }, { 1, 2, 3, 4, 5 } },
                { NODE_VOID, 0, 0, { 0 }, { 0 } },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                union any value;
                memcpy(value.bytes, rows[i].value, sizeof(rows[i].value));
                struct leat_xdr_buffer buffer = encoded(rows[i].node, &value);
                CHECK_EQ(buffer.size_bytes, rows[i].size);
                if (rows[i].size > 0)
                        CHECK_MEM(buffer.bytes, rows[i].wire, rows[i].size);
                CHECK_EQ(leat_xdr_value_size(schemas_type(rows[i].node)), rows[i].memory);
                leat_xdr_buffer_free(&buffer);
                attack(rows[i].node, &value);
        }
}

/* One comes before the other, and not the other way round. */
static void check_order(enum schemas_node node, const void *one, const void *other) {
        CHECK_EQ(leat_xdr_compare(schemas_type(node), one, other), -1);
        CHECK_EQ(leat_xdr_compare(schemas_type(node), other, one), 1);
        CHECK_EQ(leat_xdr_compare(schemas_type(node), one, one), 0);
}

TEST(floating_point_is_in_total_order) {
        const double doubles[] = { -NAN, -INFINITY, -1, -0.0, 0.0, 1e-310, 1, INFINITY, NAN };
        const float floats[] = { -NAN, -INFINITY, -1, -0.0f, 0.0f, 1, INFINITY, NAN };
        for (size_t i = 0; i + 1 < sizeof(doubles) / sizeof(doubles[0]); i++)
                check_order(NODE_DOUBLE, &doubles[i], &doubles[i + 1]);
        for (size_t i = 0; i + 1 < sizeof(floats) / sizeof(floats[0]); i++)
                check_order(NODE_FLOAT, &floats[i], &floats[i + 1]);
        const struct leat_xdr_quadruple quadruples[] = {
                { { 0xff } }, { { 0x80, 1 } }, { { 0x80 } }, { { 0 } }, { { 0, 1 } }
        };
        for (int i = 0; i < 4; i++)
                check_order(NODE_QUADRUPLE, &quadruples[i], &quadruples[i + 1]);
}

TEST(values_compare_by_field_in_their_order) {
        struct everything one = schemas_everything(), other = schemas_everything();
        int32_t more = 78;
        other.hypers.count = 2;
        check_order(NODE_EVERYTHING, &other, &one);
        other.optional = NULL; /* stands before it */
        check_order(NODE_EVERYTHING, &other, &one);
        other.optional = &more;
        check_order(NODE_EVERYTHING, &one, &other);
        other.a_unsigned = 0;
        check_order(NODE_EVERYTHING, &other, &one);
        other.a_int = 0;
        check_order(NODE_EVERYTHING, &one, &other);
        struct leat_xdr_string a = TEXT("a"), aa = TEXT("aa"), b = TEXT("b");
        check_order(NODE_STRING, &a, &aa);
        check_order(NODE_STRING, &aa, &b);
        struct link *shorter = &second, *longer = &first, *none = NULL;
        check_order(NODE_LINKS, &longer, &shorter);
        check_order(NODE_LINKS, &none, &longer);
}

TEST(a_copy_shares_nothing) {
        struct everything value = schemas_everything(), copy;
        struct leat_xdr_arena arena = { 0 };
        CHECK_EQ(leat_xdr_copy(schemas_type(NODE_EVERYTHING), &value, &arena, &copy), 0);
        CHECK(copy.optional != value.optional && copy.records.items != value.records.items);
        CHECK(copy.records.items[0].name.text != value.records.items[0].name.text);
        CHECK(copy.choice.u.records != value.choice.u.records && copy.bytes.bytes != value.bytes.bytes);
        CHECK(copy.hypers.items != value.hypers.items);
        CHECK_STR(copy.string.text, "string");
        CHECK(copy.records.items[1].name.text != NULL);
        leat_xdr_arena_free(&arena);
        leat_xdr_arena_init(&arena, 64);
        CHECK_EQ(leat_xdr_copy(schemas_type(NODE_EVERYTHING), &value, &arena, &copy), -EMSGSIZE);
        CHECK_EQ(arena.taken_bytes, 0);
        leat_xdr_arena_free(&arena);
}

TEST_MAIN()
