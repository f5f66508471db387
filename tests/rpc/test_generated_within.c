/* SPDX-License-Identifier: MIT */

/*
 * within.x, compiled three times as kinds.x is: straight code, the table alone and straight code that borrows agree on each
 * of its types, by whatever bytes and whatever rules.
 */
#include "bytes.h"
#include "harness.h"

#include "rpc/xdr_arena.h"
#include "within.h"
#include "within_borrow.h"
#include "within_small.h"
#include <errno.h>
#include <leat/xdr_code.h>
#include <stdlib.h>
#include <string.h>

enum { STRAIGHT, TABLE, BORROWING, WAYS };
static const struct leat_xdr_schema *const schemas[WAYS] = { &within_schema, &within_small_schema,
                                                             &within_borrow_schema };
#define TYPE_COUNT (within_schema.code_count)

static struct leat_xdr_type type_of(int way, uint32_t node) {
        struct leat_xdr_type type = { schemas[way], node };
        return type;
}

struct decoded {
        struct leat_xdr_arena arena;
        void *value;
        int error;
        struct leat_xdr_fault fault;
};

static void decode_by(struct decoded *decoded, int way, uint32_t node, const uint8_t *bytes, size_t size,
                      uint32_t depth) {
        struct leat_xdr_rules rules = { .size = sizeof(rules), .depth = depth };
        *decoded = (struct decoded){ .value = exact(NULL, leat_xdr_value_size(type_of(way, node))) };
        decoded->error = leat_xdr_decode(type_of(way, node), bytes, size, &decoded->arena, &rules, decoded->value,
                                         &decoded->fault);
        CHECK(decoded->error == 0 || decoded->arena.taken_bytes == 0);
}

static void check_encodes_to(int way, uint32_t node, const void *value, const uint8_t *bytes, size_t size) {
        struct leat_xdr_buffer again = { 0 };
        CHECK_EQ(leat_xdr_encode(type_of(way, node), value, &again, NULL), 0);
        CHECK_EQ(again.size_bytes, size);
        if (size > 0)
                CHECK_MEM(again.bytes, bytes, size);
        leat_xdr_buffer_free(&again);
}

/* Straight code does not leave to the table what is right, which would only be slower: it moves all of it itself. */
static void check_needs_no_table(int way, uint32_t node, const uint8_t *bytes, size_t size) {
        const struct leat_xdr_codes *codes = schemas[way]->codes ? &schemas[way]->codes[node] : NULL;
        if (!codes || !codes->decode || !codes->encode)
                return;
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_decoder decoder = { .depth = LEAT_XDR_DEPTH };
        uint8_t *again = exact(NULL, size);
        struct leat_xdr_buffer buffer = leat_xdr_buffer_over(again, size);
        struct leat_xdr_encoder encoder = { &buffer, again + size };
        void *value = exact(NULL, leat_xdr_value_size(type_of(way, node)));
        (void)xdr_decoder_begin(&decoder, &arena, bytes, size);
        CHECK(codes->decode(&decoder, bytes, value) == bytes + size);
        CHECK(codes->encode(&encoder, again, value) == again + size);
        free(value);
        free(again);
        leat_xdr_arena_free(&arena);
}

/* Each way says the same of a message, which is returned. What came out of one that was accepted encodes to the same bytes. */
static enum leat_xdr_what agree(uint32_t node, const uint8_t *message, size_t size, uint32_t depth) {
        struct decoded decoded[WAYS];
        uint8_t *bytes = exact(message, size);
        for (int way = 0; way < WAYS; way++)
                decode_by(&decoded[way], way, node, bytes, size, depth);
        for (int way = 1; way < WAYS; way++) {
                const struct leat_xdr_fault *one = &decoded[STRAIGHT].fault, *other = &decoded[way].fault;
                if (decoded[way].error != decoded[STRAIGHT].error || strcmp(one->path, other->path) != 0)
                        FAIL("type %u: %d at \"%s\", and %d at \"%s\"", (unsigned)node, decoded[STRAIGHT].error,
                             one->path, decoded[way].error, other->path);
                CHECK_EQ(one->what, other->what);
                CHECK_EQ(one->offset, other->offset);
                CHECK_EQ(one->value, other->value);
                if (decoded[way].error == 0)
                        CHECK_EQ(leat_xdr_compare(type_of(way, node), decoded[STRAIGHT].value, decoded[way].value), 0);
        }
        bool accepted = decoded[STRAIGHT].error == 0;
        for (int way = 0; way < WAYS; way++) {
                if (accepted) {
                        check_encodes_to(way, node, decoded[way].value, bytes, size);
                        check_needs_no_table(way, node, bytes, size);
                }
                leat_xdr_arena_free(&decoded[way].arena);
                free(decoded[way].value);
        }
        free(bytes);
        return decoded[STRAIGHT].fault.what;
}

/* The bytes of a random value. */
static void make(uint32_t node, uint64_t *seed, size_t most, struct leat_xdr_buffer *buffer) {
        struct leat_xdr_arena arena = { 0 };
        void *value = exact(NULL, leat_xdr_value_size(type_of(STRAIGHT, node)));
        buffer->size_bytes = 0;
        CHECK_EQ(leat_xdr_random(type_of(STRAIGHT, node), seed, most, &arena, value), 0);
        CHECK_EQ(leat_xdr_encode(type_of(STRAIGHT, node), value, buffer, NULL), 0);
        leat_xdr_arena_free(&arena);
        free(value);
}

TEST(they_agree_on_every_value) {
        struct leat_xdr_buffer buffer = { 0 };
        uint64_t seed = harness_random();
        for (uint64_t i = 0, count = harness_how_many(4, 100, 2000) * TYPE_COUNT; i < count; i++) {
                make((uint32_t)(i % TYPE_COUNT), &seed, harness_random_below(3000), &buffer);
                enum leat_xdr_what said = agree((uint32_t)(i % TYPE_COUNT), buffer.bytes, buffer.size_bytes, 0);
                CHECK(said == LEAT_XDR_OK ||
                      said == LEAT_XDR_ARENA_FULL); /* of a list of nothing, which is not in the bytes */
                for (uint32_t depth = 1; depth < 6; depth++)
                        (void)agree((uint32_t)(i % TYPE_COUNT), buffer.bytes, buffer.size_bytes, depth);
        }
        leat_xdr_buffer_free(&buffer);
}

/* One word is another one: what is beside it or at the edge of a type, or any; and there is more behind, for a length that grew. */
static void damage(struct leat_xdr_buffer *buffer) {
        static const uint32_t edges[] = { 0,           1,           2,           127,         128,
                                          255,         256,         32767,       32768,       65535,
                                          65536,       0x7fffffff,  0x80000000u, 0x80000001u, 0xffffffffu,
                                          0xffffff80u, 0xffffff7fu, 0xffff8000u, 0xffff7fffu };
        uint8_t *word = buffer->bytes + 4 * harness_random_below(buffer->size_bytes / 4);
        uint32_t number = leat_xdr_get_32(word);
        switch (harness_random_below(4)) {
        case 0:
                number = edges[harness_random_below(sizeof(edges) / sizeof(edges[0]))];
                break;
        case 1:
                number ^= 1u << harness_random_below(32);
                break;
        default:
                number += harness_random_below(2) ? 1u : UINT32_MAX;
        }
        leat_xdr_put_32(word, number);
        size_t more = 4 * harness_random_below(3);
        CHECK_EQ(leat_xdr_buffer_reserve(buffer, more), 0);
        memset(buffer->bytes + buffer->size_bytes, 0, more);
        buffer->size_bytes += more;
}

TEST(they_agree_on_broken_bytes) {
        struct leat_xdr_buffer buffer = { 0 };
        uint64_t seed = harness_random(), accepted = 0, refused = 0;
        for (uint64_t i = 0, count = harness_how_many(10, 100, 1000) * TYPE_COUNT; i < count; i++) {
                uint32_t node = (uint32_t)(i % TYPE_COUNT);
                make(node, &seed, harness_random_below(200), &buffer);
                for (int times = 0; times < 3 && buffer.size_bytes > 0; times++) {
                        damage(&buffer);
                        if (agree(node, buffer.bytes, buffer.size_bytes, 0) == LEAT_XDR_OK)
                                accepted++;
                        else
                                refused++;
                        (void)agree(node, buffer.bytes, harness_random_below(buffer.size_bytes), 0);
                }
        }
        CHECK(accepted > 0 && refused > 0);
        leat_xdr_buffer_free(&buffer);
}

/* What is not on the wire is in memory, so a count of it is bounded too. */
TEST(a_list_of_nothing_takes_memory) {
        for (uint32_t count = 1; count > 0; count = count > UINT32_MAX / 4 ? 0 : 4 * count) {
                uint8_t message[4] = { (uint8_t)(count >> 24), (uint8_t)(count >> 16), (uint8_t)(count >> 8),
                                       (uint8_t)count };
                struct leat_xdr_arena arena = { 0 };
                struct leat_xdr_fault fault;
                within_hollows hollows;
                int wanted = count * sizeof(*hollows.items) <= 64 * sizeof(message) ? 0 : -EMSGSIZE;
                CHECK_EQ(within_hollows_decode(message, 4, &arena, NULL, &hollows, &fault), wanted);
                CHECK_EQ(fault.what, wanted == 0 ? LEAT_XDR_OK : LEAT_XDR_ARENA_FULL);
                leat_xdr_arena_free(&arena);
        }
        CHECK(sizeof(within_nothing) > 0 && sizeof(struct within_hollow) > 0);
}

TEST_MAIN()
