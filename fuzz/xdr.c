/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: what leatgen writes for tests/rpc/within.x, and the library under it. The first byte chooses the type, the second the rules; the
 * rest is a message, and also the text of a value as JSON.
 *
 * What must hold: straight code, the table (--small) and straight code that borrows agree on every message, in what they say
 * of it and in the value. What is accepted under the usual rules encodes to the same bytes. What is accepted under others
 * encodes, but for what they let through, to bytes that are the same value. A copy is equal, and so is what becomes of a value
 * by JSON and back. What is refused leaves the arena as it was, and nothing takes more memory than it may.
 */

#include "fuzz/within.h"
#include "fuzz/within_borrow.h"
#include "fuzz/within_small.h"
#include "require.h"

#include <errno.h>
#include <leat/xdr_code.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEPTHS_AT 32u /* the bits of the second byte: above those of LEAT_XDR_ACCEPT_... */
#define TIGHT 128u    /* the arena has little */

static const struct leat_xdr_schema *const schemas[] = { &within_schema, &within_small_schema, &within_borrow_schema };
enum { STRAIGHT, TABLE, BORROWING, WAYS };

static const uint32_t depths[] = { 0, 1, 3, LEAT_XDR_DEPTH_MOST };

/* What is there to be decoded, and by which rules. */
struct input {
        uint32_t node;
        const uint8_t *bytes;
        size_t size;
        struct leat_xdr_rules rules;
        size_t limit; /* of the arena */
};

/* What one way made of it. */
struct decoded {
        struct leat_xdr_type type;
        struct leat_xdr_arena arena;
        void *value;
        int error;
        struct leat_xdr_fault fault;
};

/* In memory of its exact size, so that a sanitizer sees whatever goes beyond. */
static void *value_of(struct leat_xdr_type type) {
        size_t size = leat_xdr_value_size(type);
        void *value = malloc(size > 0 ? size : 1);
        REQUIRE(value);
        memset(value, 0xa5, size); /* what is undefined is not zero */
        return value;
}

/* ---- decoding ---- */

static void require_room_as_before(const struct leat_xdr_arena *before, const struct leat_xdr_arena *after) {
        REQUIRE(after->at == before->at && after->end == before->end && after->blocks == before->blocks);
        REQUIRE(after->taken_bytes == before->taken_bytes);
}

/* Blocks are 4 KiB at least, and each at most twice the one before or what is expected; a piece may leave the rest of one unused. */
static void require_bounded(const struct input *input, const struct leat_xdr_arena *before,
                            const struct leat_xdr_arena *after) {
        size_t limit = input->limit > 0 ? input->limit : LEAT_XDR_ARENA_LIMIT;
        REQUIRE(after->taken_bytes <= limit && after->spare_bytes <= limit - after->taken_bytes);
        REQUIRE(after->taken_bytes + after->spare_bytes - before->taken_bytes <= 2 * 4096 + 4 * 64 * input->size);
}

static void decode(const struct input *input, const struct leat_xdr_schema *schema, struct decoded *ret_decoded) {
        struct decoded decoded = { .type = { schema, input->node } };
        decoded.value = value_of(decoded.type);
        leat_xdr_arena_init(&decoded.arena, input->limit);
        uint8_t *before = input->size & 4 ? leat_xdr_arena_take(&decoded.arena, 24) : NULL;
        if (before)
                memset(before, 0x5a, 24);
        struct leat_xdr_arena arena = decoded.arena;
        decoded.error = leat_xdr_decode(decoded.type, input->bytes, input->size, &decoded.arena, &input->rules,
                                        decoded.value, &decoded.fault);
        REQUIRE(decoded.error == 0 || decoded.error == -EBADMSG || decoded.error == -EMSGSIZE);
        REQUIRE(decoded.fault.error == decoded.error && (decoded.fault.what == LEAT_XDR_OK) == (decoded.error == 0));
        require_bounded(input, &arena, &decoded.arena);
        if (decoded.error < 0)
                require_room_as_before(&arena, &decoded.arena);
        for (int i = 0; before && i < 24; i++)
                REQUIRE(before[i] == 0x5a);
        *ret_decoded = decoded;
}

static void free_decoded(struct decoded *decoded) {
        leat_xdr_arena_free(&decoded->arena);
        free(decoded->value);
}

static void require_same_fault(const struct leat_xdr_fault *one, const struct leat_xdr_fault *other) {
        char text[2 * LEAT_XDR_PATH_MAX];
        REQUIRE(one->what == other->what && one->offset == other->offset && one->value == other->value);
        REQUIRE(one->limit == other->limit && strcmp(one->path, other->path) == 0);
        REQUIRE(strlen(leat_xdr_fault_text(one, text, sizeof(text))) < sizeof(text));
}

/* ---- what a value becomes ---- */

/* The value as XDR, in memory of its exact size, and in none that is smaller. */
static void encode(struct leat_xdr_type type, const void *value, struct leat_xdr_buffer *buffer) {
        int64_t size = leat_xdr_size(type, value, NULL);
        REQUIRE(size >= 0);
        uint8_t *room = malloc(size > 0 ? (size_t)size : 1);
        REQUIRE(room);
        *buffer = leat_xdr_buffer_over(room, size > 0 ? (size_t)size - 1 : 0);
        struct leat_xdr_fault fault;
        REQUIRE(leat_xdr_encode(type, value, buffer, &fault) == (size > 0 ? -EMSGSIZE : 0) && buffer->size_bytes == 0);
        *buffer = leat_xdr_buffer_over(room, (size_t)size);
        REQUIRE(leat_xdr_encode(type, value, buffer, &fault) == 0 && buffer->size_bytes == (size_t)size);
        buffer->fixed = 0; /* to be freed as a growing one */
}

static bool same_bytes(const struct leat_xdr_buffer *buffer, const void *bytes, size_t size) {
        return buffer->size_bytes == size && (size == 0 || memcmp(buffer->bytes, bytes, size) == 0);
}

static void require_encodes_to(struct leat_xdr_type type, const void *value, const void *bytes, size_t size) {
        struct leat_xdr_buffer again = { 0 };
        REQUIRE(leat_xdr_encode(type, value, &again, NULL) == 0);
        REQUIRE(same_bytes(&again, bytes, size));
        leat_xdr_buffer_free(&again);
}

static void require_equal_copy(struct leat_xdr_type type, const void *value, const struct leat_xdr_buffer *encoded) {
        struct leat_xdr_arena arena = { 0 };
        void *copy = value_of(type);
        REQUIRE(leat_xdr_copy(type, value, &arena, copy) == 0);
        REQUIRE(leat_xdr_compare(type, value, copy) == 0 && leat_xdr_compare(type, copy, value) == 0);
        require_encodes_to(type, copy, encoded->bytes, encoded->size_bytes);
        leat_xdr_arena_free(&arena);
        free(copy);
}

static void require_json_and_back(struct leat_xdr_type type, const void *value, const struct leat_xdr_buffer *encoded) {
        struct leat_xdr_buffer text = { 0 }, again = { 0 };
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        void *back = value_of(type);
        REQUIRE(leat_xdr_to_json(type, value, &text, NULL) == 0);
        REQUIRE(leat_xdr_from_json(type, (const char *)text.bytes, text.size_bytes, &arena, back, &fault) == 0);
        REQUIRE(leat_xdr_compare(type, value, back) == 0);
        require_encodes_to(type, back, encoded->bytes, encoded->size_bytes);
        REQUIRE(leat_xdr_to_json(type, back, &again, NULL) == 0);
        REQUIRE(same_bytes(&again, text.bytes, text.size_bytes));
        leat_xdr_buffer_free(&text);
        leat_xdr_buffer_free(&again);
        leat_xdr_arena_free(&arena);
        free(back);
}

static void require_prints(struct leat_xdr_type type, const void *value) {
        struct leat_xdr_buffer text = { 0 };
        REQUIRE(leat_xdr_print(type, value, &text) == 0);
        leat_xdr_buffer_free(&text);
}

/* What was accepted under the usual rules is one: a message of the value's own bytes is decoded to the same value. */
static void require_decodes_again(const struct input *input, const struct decoded *decoded,
                                  const struct leat_xdr_buffer *encoded) {
        const struct leat_xdr_rules rules = { .size = sizeof(rules), .depth = LEAT_XDR_DEPTH_MOST };
        struct leat_xdr_arena arena = { 0 };
        void *again = value_of(decoded->type);
        int error = leat_xdr_decode(decoded->type, encoded->bytes, encoded->size_bytes, &arena, &rules, again, NULL);
        /* What is not on the wire takes memory, for which bytes that are left over may have stood. */
        REQUIRE(error == 0 || (error == -EMSGSIZE && encoded->size_bytes < input->size));
        REQUIRE(error < 0 || leat_xdr_compare(decoded->type, decoded->value, again) == 0);
        leat_xdr_arena_free(&arena);
        free(again);
}

/* Other rules let through what cannot be encoded; that is then what is said. Returns whether it can be. */
static bool can_be_encoded(const struct input *input, const struct decoded *decoded) {
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_fault fault;
        int error = leat_xdr_encode(decoded->type, decoded->value, &buffer, &fault);
        leat_xdr_buffer_free(&buffer);
        REQUIRE(error == 0 || error == -EINVAL);
        if (error == 0)
                return true;
        REQUIRE(fault.what == LEAT_XDR_UNKNOWN_ENUM
                        ? input->rules.accept & LEAT_XDR_ACCEPT_ENUM
                        : fault.what == LEAT_XDR_NUL_IN_STRING && input->rules.accept & LEAT_XDR_ACCEPT_NUL);
        REQUIRE(leat_xdr_size(decoded->type, decoded->value, NULL) == error);
        return false;
}

static void check_value(const struct input *input, const struct decoded *decoded) {
        struct leat_xdr_buffer encoded;
        require_prints(decoded->type, decoded->value);
        if (!can_be_encoded(input, decoded))
                return;
        encode(decoded->type, decoded->value, &encoded);
        if (input->rules.accept == 0)
                REQUIRE(same_bytes(&encoded, input->bytes, input->size));
        require_decodes_again(input, decoded, &encoded);
        require_equal_copy(decoded->type, decoded->value, &encoded);
        require_json_and_back(decoded->type, decoded->value, &encoded);
        leat_xdr_buffer_free(&encoded);
}

/* ---- one input ---- */

static void check_message(const struct input *input) {
        struct decoded decoded[WAYS];
        for (int i = 0; i < WAYS; i++)
                decode(input, schemas[i], &decoded[i]);
        REQUIRE(decoded[STRAIGHT].error == decoded[TABLE].error);
        require_same_fault(&decoded[STRAIGHT].fault, &decoded[TABLE].fault);
        if (decoded[TABLE].fault.what != LEAT_XDR_ARENA_FULL) /* what is borrowed takes no memory */
                require_same_fault(&decoded[BORROWING].fault, &decoded[TABLE].fault);
        if (decoded[TABLE].error == 0) {
                struct leat_xdr_type type = decoded[TABLE].type;
                REQUIRE(leat_xdr_compare(type, decoded[STRAIGHT].value, decoded[TABLE].value) == 0);
                REQUIRE(leat_xdr_compare(type, decoded[BORROWING].value, decoded[TABLE].value) == 0);
                for (int i = 0; i < WAYS; i++)
                        check_value(input, &decoded[i]);
        }
        for (int i = 0; i < WAYS; i++)
                free_decoded(&decoded[i]);
}

/* The same bytes as text. */
static void check_text(const struct input *input) {
        struct leat_xdr_type type = { schemas[STRAIGHT], input->node };
        struct leat_xdr_arena arena;
        struct leat_xdr_fault fault;
        leat_xdr_arena_init(&arena, input->limit);
        const struct leat_xdr_arena before = arena;
        void *value = value_of(type);
        int error = leat_xdr_from_json(type, (const char *)input->bytes, input->size, &arena, value, &fault);
        REQUIRE(error == 0 || error == -EBADMSG || error == -EMSGSIZE);
        REQUIRE(fault.error == error && fault.offset <= input->size);
        if (error == 0) {
                struct leat_xdr_buffer encoded;
                encode(type, value, &encoded);
                require_json_and_back(type, value, &encoded);
                require_equal_copy(type, value, &encoded);
                leat_xdr_buffer_free(&encoded);
        } else {
                require_room_as_before(&before, &arena);
        }
        leat_xdr_arena_free(&arena);
        free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size < 2)
                return 0;
        struct input input = { .node = data[0] % schemas[STRAIGHT]->code_count, .size = size - 2 };
        uint8_t *bytes = malloc(size - 2 > 0 ? size - 2 : 1);
        REQUIRE(bytes);
        memcpy(bytes, data + 2, size - 2);
        input.bytes = bytes;
        input.rules = (struct leat_xdr_rules){ .size = sizeof(input.rules),
                                               .accept = data[1] % DEPTHS_AT,
                                               .depth = depths[data[1] / DEPTHS_AT % 4] };
        input.limit = data[1] & TIGHT ? 2 * size : 0;
        check_message(&input);
        check_text(&input);
        free(bytes);
        return 0;
}
