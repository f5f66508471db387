/* SPDX-License-Identifier: MIT */
#include "bytes.h"
#include "harness.h"
#include "schemas.h"

#include <errno.h>
#include <stdlib.h>

/* How much memory, depth and time hostile bytes and hostile values can cost. */

static int decode(enum schemas_node node, const struct leat_xdr_buffer *buffer, struct leat_xdr_arena *arena,
                  void *ret_value, struct leat_xdr_fault *ret_fault) {
        return leat_xdr_decode(schemas_type(node), buffer->bytes, buffer->size_bytes, arena, NULL, ret_value,
                               ret_fault);
}

/* ---- a list of many nodes ---- */

static struct leat_xdr_buffer many_links(uint32_t count) {
        struct leat_xdr_buffer buffer = { 0 };
        CHECK_EQ(leat_xdr_buffer_reserve(&buffer, 12 * (size_t)count + 4), 0);
        for (uint32_t i = 0; i < count; i++) {
                put_word(&buffer, 1);
                put_word(&buffer, i);
                put_word(&buffer, 0);
        }
        put_word(&buffer, 0);
        return buffer;
}

TEST(a_long_list_takes_no_stack) {
        uint32_t count = (uint32_t)harness_how_many(100000, 10000000, 10000000);
        struct leat_xdr_buffer buffer = many_links(count), again = { 0 };
        struct leat_xdr_arena arena;
        struct link *links = NULL, *copy = NULL;
        struct leat_xdr_fault fault;
        leat_xdr_arena_init(&arena, 32 * (size_t)count + (2 << 20));
        CHECK_EQ(decode(NODE_LINKS, &buffer, &arena, &links, &fault), 0);
        uint32_t seen = 0;
        for (const struct link *link = links; link; link = link->next)
                CHECK_EQ(link->id, seen++);
        CHECK_EQ(seen, count);
        CHECK_EQ(leat_xdr_encode(schemas_type(NODE_LINKS), &links, &again, NULL), 0);
        CHECK_EQ(again.size_bytes, buffer.size_bytes);
        CHECK_EQ(memcmp(again.bytes, buffer.bytes, buffer.size_bytes), 0);
        CHECK_EQ(leat_xdr_copy(schemas_type(NODE_LINKS), &links, &arena, &copy), -EMSGSIZE);
        leat_xdr_arena_free(&arena);
        leat_xdr_buffer_free(&again);
        leat_xdr_buffer_free(&buffer);
}

TEST(a_long_list_is_copied_and_compared_by_loop) {
        struct leat_xdr_buffer buffer = many_links(200000);
        struct leat_xdr_arena arena = { 0 };
        struct link *links = NULL, *copy = NULL;
        CHECK_EQ(decode(NODE_LINKS, &buffer, &arena, &links, NULL), 0);
        CHECK_EQ(leat_xdr_copy(schemas_type(NODE_LINKS), &links, &arena, &copy), 0);
        CHECK(copy != links && copy->next != links->next);
        CHECK_EQ(leat_xdr_compare(schemas_type(NODE_LINKS), &links, &copy), 0);
        leat_xdr_arena_free(&arena);
        leat_xdr_buffer_free(&buffer);
}

TEST(a_list_beyond_the_limit_is_refused) {
        struct leat_xdr_buffer buffer = many_links(100000);
        struct leat_xdr_arena arena;
        struct link *links = NULL;
        struct leat_xdr_fault fault;
        leat_xdr_arena_init(&arena, 1 << 20);
        CHECK_EQ(decode(NODE_LINKS, &buffer, &arena, &links, &fault), -EMSGSIZE);
        CHECK_EQ(fault.what, LEAT_XDR_ARENA_FULL);
        CHECK_EQ(fault.limit, 1 << 20);
        CHECK(fault.path[0] == '[');
        CHECK_EQ(arena.taken_bytes, 0);
        CHECK(arena.spare_bytes <= 1 << 20);
        leat_xdr_arena_free(&arena);
        leat_xdr_buffer_free(&buffer);
}

TEST(a_list_that_is_a_circle_is_refused) {
        struct link links[7] = { { 0 } };
        struct link *list = links;
        for (size_t begin = 0; begin < 7; begin++) {
                struct leat_xdr_buffer buffer = { 0 };
                struct leat_xdr_arena arena = { 0 };
                struct leat_xdr_fault fault;
                struct link *copy;
                for (size_t i = 0; i < 7; i++)
                        links[i].next = i < 6 ? &links[i + 1] : &links[begin];
                CHECK_EQ(leat_xdr_encode(schemas_type(NODE_LINKS), &list, &buffer, &fault), -EINVAL);
                CHECK_EQ(fault.what, LEAT_XDR_TOO_DEEP);
                CHECK(buffer.room_bytes <= 4096);
                CHECK_EQ(leat_xdr_size(schemas_type(NODE_LINKS), &list, NULL), -EINVAL);
                CHECK_EQ(leat_xdr_copy(schemas_type(NODE_LINKS), &list, &arena, &copy), -EINVAL);
                leat_xdr_buffer_free(&buffer);
        }
}

/* ---- depth ---- */

/* Trees, pairs and expressions with so many structures or unions inside of each other. */
static struct leat_xdr_buffer nested(enum schemas_node node, uint32_t levels) {
        struct leat_xdr_buffer buffer = { 0 };
        for (uint32_t i = 0; i < levels; i++) {
                bool last = i + 1 == levels;
                if (node == NODE_TREE)
                        put_word(&buffer, i);
                put_word(&buffer, last ? 0 : 1);
                if (node == NODE_EXPRESSION && last)
                        put_word(&buffer, 99);
        }
        for (uint32_t i = 0; node == NODE_PAIR && i < levels; i++)
                put_word(&buffer, 0);
        return buffer;
}

static void check_depth(enum schemas_node node, uint32_t levels, uint32_t depth, bool fits) {
        struct leat_xdr_buffer buffer = nested(node, levels), again = { 0 };
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        struct leat_xdr_rules rules = { .size = sizeof(rules), .depth = depth };
        struct leat_xdr_type type = schemas_type(node);
        union {
                struct tree tree;
                struct pair pair;
                struct expression expression;
        } value, copy;
        int error = leat_xdr_decode(type, buffer.bytes, buffer.size_bytes, &arena, &rules, &value, &fault);
        CHECK_EQ(error, fits ? 0 : -EMSGSIZE);
        if (fits) {
                CHECK_EQ(leat_xdr_encode(type, &value, &again, NULL), 0);
                CHECK_EQ(again.size_bytes, buffer.size_bytes);
                CHECK_EQ(leat_xdr_copy(type, &value, &arena, &copy), 0);
                CHECK_EQ(leat_xdr_compare(type, &value, &copy), 0);
        } else {
                CHECK_EQ(fault.what, LEAT_XDR_TOO_DEEP);
                CHECK_EQ(fault.limit, depth > 0 ? depth : LEAT_XDR_DEPTH);
                CHECK_EQ(arena.taken_bytes, 0);
        }
        leat_xdr_arena_free(&arena);
        leat_xdr_buffer_free(&again);
        leat_xdr_buffer_free(&buffer);
}

TEST(depth_is_limited) {
        static const enum schemas_node nodes[] = { NODE_TREE, NODE_PAIR, NODE_EXPRESSION };
        for (int i = 0; i < 3; i++) {
                check_depth(nodes[i], LEAT_XDR_DEPTH, 0, true);
                check_depth(nodes[i], LEAT_XDR_DEPTH + 1, 0, false);
                check_depth(nodes[i], 1, 1, true);
                check_depth(nodes[i], 2, 1, false);
                check_depth(nodes[i], LEAT_XDR_DEPTH_MOST, LEAT_XDR_DEPTH_MOST, true);
                check_depth(nodes[i], LEAT_XDR_DEPTH_MOST + 1, LEAT_XDR_DEPTH_MOST, false);
                check_depth(nodes[i], 1000000, LEAT_XDR_DEPTH_MOST, false);
        }
}

TEST(a_value_too_deep_or_in_a_circle_is_refused) {
        struct expression circle = { 1, { .negated = &circle } };
        struct leat_xdr_type type = schemas_type(NODE_EXPRESSION);
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_fault fault;
        CHECK_EQ(leat_xdr_encode(type, &circle, &buffer, &fault), -EINVAL);
        CHECK_EQ(fault.what, LEAT_XDR_TOO_DEEP);
        CHECK_EQ(fault.limit, LEAT_XDR_DEPTH_MOST);
        CHECK_EQ(leat_xdr_compare(type, &circle, &circle), 0);
        leat_xdr_buffer_free(&buffer);
}

/* ---- memory ---- */

TEST(what_is_declared_is_not_believed) {
        static const enum schemas_node nodes[] = { NODE_RECORDS, NODE_STRING, NODE_HYPERS,
                                                   NODE_TREES,   NODE_FLATS,  NODE_BOOLS };
        for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
                uint8_t bytes[148] = { 0x40 }; /* 2^30 */
                struct leat_xdr_arena arena = { 0 };
                struct leat_xdr_fault fault;
                struct leat_xdr_list value;
                CHECK_EQ(leat_xdr_decode(schemas_type(nodes[i]), bytes, sizeof(bytes), &arena, NULL, &value, &fault),
                         -EBADMSG);
                CHECK_EQ(fault.what, LEAT_XDR_NOT_THERE);
                CHECK_EQ(fault.value, 1 << 30);
                CHECK(!arena.blocks && !arena.spares);
        }
}

TEST(memory_is_64_times_the_bytes_at_most) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        struct empties value;
        /* Elements that have memory, and nothing on the wire: 256 bytes for the four of the count. */
        for (uint32_t count = 250; count < 260; count++) {
                struct leat_xdr_buffer buffer = { 0 };
                put_word(&buffer, count);
                CHECK_EQ(decode(NODE_EMPTIES, &buffer, &arena, &value, &fault), count <= 256 ? 0 : -EMSGSIZE);
                CHECK_EQ(fault.what, count <= 256 ? LEAT_XDR_OK : LEAT_XDR_ARENA_FULL);
                CHECK(count <= 256 || fault.limit == 256);
                leat_xdr_buffer_free(&buffer);
        }
        struct leat_xdr_buffer buffer = { 0 };
        put_word(&buffer, UINT32_MAX);
        CHECK_EQ(decode(NODE_EMPTIES, &buffer, &arena, &value, &fault), -EMSGSIZE);
        CHECK(arena.taken_bytes + arena.spare_bytes <= 8192);
        leat_xdr_buffer_free(&buffer);
        leat_xdr_arena_free(&arena);
}

TEST(what_was_in_the_arena_stays) {
        struct leat_xdr_buffer good = many_links(3), bad = many_links(50000);
        struct leat_xdr_arena arena = { 0 };
        struct link *kept = NULL, *links = NULL;
        CHECK_EQ(decode(NODE_LINKS, &good, &arena, &kept, NULL), 0);
        struct leat_xdr_arena before = arena;
        bad.bytes[bad.size_bytes - 1] = 2;
        for (int i = 0; i < 3; i++) {
                CHECK_EQ(decode(NODE_LINKS, &bad, &arena, &links, NULL), -EBADMSG);
                CHECK(arena.at == before.at && arena.end == before.end && arena.blocks == before.blocks);
                CHECK_EQ(arena.taken_bytes, before.taken_bytes);
        }
        struct leat_xdr_buffer again = { 0 };
        CHECK_EQ(leat_xdr_encode(schemas_type(NODE_LINKS), &kept, &again, NULL), 0);
        CHECK_MEM(again.bytes, good.bytes, good.size_bytes);
        leat_xdr_buffer_free(&again);
        leat_xdr_buffer_free(&good);
        leat_xdr_buffer_free(&bad);
        leat_xdr_arena_free(&arena);
}

TEST(an_arena_reset_takes_no_new_memory) {
        struct leat_xdr_buffer buffer = many_links(100000);
        struct leat_xdr_arena arena = { 0 };
        struct link *links = NULL, *first = NULL;
        size_t held = 0;
        for (int i = 0; i < 5; i++) {
                CHECK_EQ(decode(NODE_LINKS, &buffer, &arena, &links, NULL), 0);
                if (i == 0) {
                        held = arena.taken_bytes;
                        first = links;
                }
                CHECK_EQ(arena.taken_bytes + arena.spare_bytes, held);
                CHECK(links == first);
                leat_xdr_arena_reset(&arena);
                CHECK_EQ(arena.taken_bytes, 0);
        }
        leat_xdr_arena_free(&arena);
        CHECK_EQ(arena.spare_bytes, 0);
        leat_xdr_buffer_free(&buffer);
}

/* A piece is written all over, so that a sanitizer sees whose it is. */
TEST(pieces_are_aligned_and_apart) {
        struct leat_xdr_arena arena;
        enum { PIECES = 3000 };
        static struct {
                uint8_t *at;
                size_t size;
        } pieces[PIECES];
        leat_xdr_arena_init(&arena, 32 << 20);
        for (int round = 0; round < 3; round++) {
                size_t count = 0, total = 0;
                for (; count < PIECES; count++) {
                        size_t size = harness_random_below(harness_random_below(20) == 0 ? 3 << 20 : 300);
                        pieces[count].at = leat_xdr_arena_take(&arena, size);
                        pieces[count].size = size;
                        if (!pieces[count].at)
                                break;
                        CHECK_EQ((uintptr_t)pieces[count].at % 16, 0);
                        memset(pieces[count].at, (int)count, size);
                        total += size;
                        CHECK(arena.taken_bytes >= total && arena.taken_bytes <= 32 << 20);
                        CHECK(arena.taken_bytes + arena.spare_bytes <= 32 << 20);
                }
                for (size_t i = 0; i < count; i++)
                        for (size_t at = 0; at < pieces[i].size; at += 1 + pieces[i].size / 100)
                                CHECK_EQ(pieces[i].at[at], (uint8_t)i);
                CHECK(total > 16 << 20);
                leat_xdr_arena_reset(&arena);
        }
        CHECK(!leat_xdr_arena_take(&arena, (32 << 20) + 1));
        CHECK(!leat_xdr_arena_take(&arena, SIZE_MAX));
        leat_xdr_arena_free(&arena);
        leat_xdr_arena_free(NULL);
}

/* A decoding takes what the arena has left, to the last byte, whatever the limit is. */
TEST(limits_are_kept_to_the_byte) {
        struct leat_xdr_buffer buffer = many_links(200);
        struct link *links = NULL;
        for (size_t limit = 0; limit < 6000; limit += 8) {
                struct leat_xdr_arena arena;
                leat_xdr_arena_init(&arena, limit + 1);
                int error = decode(NODE_LINKS, &buffer, &arena, &links, NULL);
                CHECK(arena.taken_bytes + arena.spare_bytes <= limit + 1);
                CHECK_EQ(error == 0, limit >= 200 * sizeof(struct link));
                leat_xdr_arena_free(&arena);
        }
        leat_xdr_buffer_free(&buffer);
}

/* What a program takes of an arena, of any size, and what is decoded into it lie side by side. */
TEST(an_arena_is_shared_with_the_program) {
        struct leat_xdr_buffer buffer = many_links(20);
        struct leat_xdr_arena arena = { 0 };
        struct link *links = NULL;
        for (size_t size = 0; size < 6000; size += 1 + size / 16) {
                uint8_t *piece = leat_xdr_arena_take(&arena, size);
                CHECK(piece);
                memset(piece, 0xee, size);
                CHECK_EQ(decode(NODE_LINKS, &buffer, &arena, &links, NULL), 0);
                CHECK_EQ((uintptr_t)links % 8, 0);
                for (size_t i = 0; i < size; i++)
                        CHECK_EQ(piece[i], 0xee);
        }
        leat_xdr_arena_free(&arena);
        leat_xdr_buffer_free(&buffer);
}

/* ---- buffers ---- */

TEST(a_buffer_grows_to_its_limit) {
        struct leat_xdr_buffer buffer = { .limit_bytes = 1000 };
        CHECK_EQ(leat_xdr_buffer_reserve(&buffer, 1001), -EMSGSIZE);
        CHECK(!buffer.bytes);
        for (uint32_t i = 0; i < 250; i++)
                put_word(&buffer, i);
        CHECK_EQ(leat_xdr_buffer_reserve(&buffer, 1), -EMSGSIZE);
        CHECK_EQ(leat_xdr_buffer_reserve(&buffer, 0), 0);
        CHECK_EQ(leat_xdr_buffer_reserve(&buffer, SIZE_MAX), -EMSGSIZE);
        CHECK_EQ(buffer.room_bytes, 1000);
        CHECK_EQ(buffer.bytes[999], 249);
        leat_xdr_buffer_free(&buffer);
        leat_xdr_buffer_free(NULL);
        uint8_t room[4];
        buffer = leat_xdr_buffer_over(room, sizeof(room));
        CHECK_EQ(leat_xdr_buffer_reserve(&buffer, 4), 0);
        CHECK_EQ(leat_xdr_buffer_reserve(&buffer, 5), -EMSGSIZE);
        leat_xdr_buffer_free(&buffer); /* frees nothing */
        CHECK(!buffer.bytes);
}

TEST_MAIN()
