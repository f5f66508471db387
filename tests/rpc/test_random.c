/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "schemas.h"

#include <errno.h>
#include <leat/xdr.h>
#include <stdio.h>
#include <stdlib.h>

union any {
        struct everything everything;
        max_align_t aligned;
};

/* Each type, many values. */
TEST(every_value_encodes_and_decodes_to_itself) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_buffer buffer = { 0 };
        uint64_t seed = harness_random();
        for (uint64_t i = 0, count = harness_how_many(20, 300, 5000) * NODE_COUNT; i < count; i++) {
                struct leat_xdr_type type = schemas_type((enum schemas_node)(i % NODE_COUNT));
                struct leat_xdr_fault fault;
                union any value, back;
                char text[256];
                CHECK_EQ(leat_xdr_random(type, &seed, harness_random_below(5000), &arena, &value), 0);
                buffer.size_bytes = 0;
                if (leat_xdr_encode(type, &value, &buffer, &fault) < 0)
                        FAIL("type %u: %s", type.node, leat_xdr_fault_text(&fault, text, sizeof(text)));
                int r = leat_xdr_decode(type, buffer.bytes, buffer.size_bytes, &arena, NULL, &back, &fault);
                /* Items without bytes are memory that is not there in the message. */
                if (r < 0 && !(type.node == NODE_EMPTIES && fault.what == LEAT_XDR_ARENA_FULL))
                        FAIL("type %u: %s", type.node, leat_xdr_fault_text(&fault, text, sizeof(text)));
                if (r == 0)
                        CHECK_EQ(leat_xdr_compare(type, &value, &back), 0);
                leat_xdr_arena_reset(&arena);
        }
        leat_xdr_buffer_free(&buffer);
        leat_xdr_arena_free(&arena);
}

TEST(the_same_seed_gives_the_same_value) {
        struct leat_xdr_type type = schemas_type(NODE_EVERYTHING);
        struct leat_xdr_arena arena = { 0 };
        uint64_t start = harness_random(), one_seed = start, other_seed = start;
        union any one, other;
        int differ = 0;
        for (int i = 0; i < 50; i++) {
                CHECK_EQ(leat_xdr_random(type, &one_seed, 1000, &arena, &one), 0);
                CHECK_EQ(leat_xdr_random(type, &other_seed, 1000, &arena, &other), 0);
                CHECK_EQ(leat_xdr_compare(type, &one, &other), 0);
                CHECK(one_seed == other_seed);
                CHECK_EQ(leat_xdr_random(type, &other_seed, 1000, &arena, &other), 0);
                differ += leat_xdr_compare(type, &one, &other) != 0;
                other_seed = one_seed;
        }
        CHECK(differ > 40);
        leat_xdr_arena_free(&arena);
}

/* Lengths at the edges, each label, and presence and absence come soon. */
TEST(what_is_at_an_edge_comes_often) {
        struct leat_xdr_arena arena = { 0 };
        uint64_t seed = harness_random();
        unsigned empty = 0, full = 0, absent = 0, colors[3] = { 0 }, zeros = 0, least = 0, most = 0, defaults = 0;
        for (int i = 0; i < 2000; i++) {
                union any any;
                CHECK_EQ(leat_xdr_random(schemas_type(NODE_EVERYTHING), &seed, 10000, &arena, &any), 0);
                struct everything *value = &any.everything;
                empty += value->bytes.size_bytes == 0;
                full += value->bytes.size_bytes == 10;
                absent += !value->optional;
                colors[value->choice.color]++;
                zeros += value->a_int == 0;
                least += value->a_int == INT32_MIN;
                most += value->a_int == INT32_MAX;
                defaults += value->defaulted.kind < 1 || value->defaulted.kind > 3;
                leat_xdr_arena_reset(&arena);
        }
        CHECK(empty > 100 && full > 50);
        CHECK(absent > 800 && absent < 1200);
        for (int i = 0; i < 3; i++)
                CHECK(colors[i] > 500 && colors[i] < 850);
        CHECK(zeros > 100 && least > 100 && most > 100);
        CHECK(defaults > 300);
        leat_xdr_arena_free(&arena);
}

/* What values point to, as the arena counts it: blocks are no larger than twice what is in them, and one of 4 KiB. */
TEST(the_budget_is_kept) {
        uint64_t seed = harness_random();
        static const enum schemas_node nodes[] = { NODE_EVERYTHING, NODE_TREE,   NODE_LINKS,
                                                   NODE_PAIRS,      NODE_HYPERS, NODE_STRING };
        for (size_t i = 0; i < 600; i++) {
                struct leat_xdr_arena arena = { 0 }, copy;
                struct leat_xdr_type type = schemas_type(nodes[i % (sizeof(nodes) / sizeof(nodes[0]))]);
                union any value, back;
                CHECK_EQ(leat_xdr_random(type, &seed, 100000, &arena, &value), 0);
                /* A copy takes as much; the arms that are held are less than a KiB. */
                leat_xdr_arena_init(&copy, 4 * (100000 + 1024));
                CHECK_EQ(leat_xdr_copy(type, &value, &copy, &back), 0);
                leat_xdr_arena_free(&copy);
                leat_xdr_arena_free(&arena);
        }
}

TEST(without_a_budget_there_is_only_what_must_be) {
        struct leat_xdr_arena arena = { 0 };
        uint64_t seed = harness_random();
        for (int i = 0; i < 500; i++) {
                union any any;
                CHECK_EQ(leat_xdr_random(schemas_type(NODE_EVERYTHING), &seed, 0, &arena, &any), 0);
                CHECK(!any.everything.optional && any.everything.records.count == 0);
                CHECK_EQ(leat_xdr_random(schemas_type(NODE_EXPRESSION), &seed, 0, &arena, &any), 0);
                CHECK_EQ(((struct expression *)&any)->kind, 0);
        }
        leat_xdr_arena_free(&arena);
}

TEST(an_arena_that_is_too_small_is_told) {
        struct leat_xdr_arena arena;
        uint64_t seed = 1;
        struct leat_xdr_list list;
        int refused = 0;
        leat_xdr_arena_init(&arena, 1000);
        for (int i = 0; i < 100; i++) {
                int r = leat_xdr_random(schemas_type(NODE_HYPERS), &seed, 1 << 20, &arena, &list);
                CHECK(r == 0 || r == -EMSGSIZE);
                refused += r < 0;
                leat_xdr_arena_reset(&arena);
        }
        CHECK(refused > 5);
        leat_xdr_arena_free(&arena);
}

TEST_MAIN()
