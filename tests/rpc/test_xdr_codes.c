/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "schemas.h"

#include <errno.h>
#include <stdlib.h>

/* Straight code: when it is asked, what its answers do, and what it gets from the library. */

static int encoded_by_code, decoded_by_code;
static bool gives_up;

static uint8_t *encode_links(struct leat_xdr_encoder *encoder, uint8_t *at, const void *value) {
        encoded_by_code++;
        /* More than is there, so that the buffer moves. */
        at = leat_xdr_encoder_grow(encoder, at, (size_t)(encoder->end - at) + 1);
        return !at || gives_up ? NULL : leat_xdr_encode_node(encoder, at, &schemas, NODE_LINKS, value);
}

static const uint8_t *decode_links(struct leat_xdr_decoder *decoder, const uint8_t *at, void *value) {
        decoded_by_code++;
        CHECK_EQ(decoder->accept, 0);
        for (int i = 0; i < 3; i++) { /* memory that is given back if it gives up */
                void *piece = leat_xdr_take(decoder, 8);
                CHECK(piece || decoder->budget_bytes + (size_t)(decoder->room_end - decoder->room) < 8);
        }
        return gives_up ? NULL : leat_xdr_decode_node(decoder, at, &schemas, NODE_LINKS, value);
}

static struct leat_xdr_codes codes[NODE_LINKS + 1] = { [NODE_LINKS] = { encode_links, decode_links } };

static struct leat_xdr_schema coded(void) {
        struct leat_xdr_schema schema = schemas;
        schema.codes = codes;
        schema.code_count = NODE_LINKS + 1;
        return schema;
}

static struct link second = { 2, { "second", 6 }, NULL }, first = { 1, { "first", 5 }, &second }, *list = &first;

TEST(it_is_asked_first_and_the_table_next) {
        struct leat_xdr_schema schema = coded();
        struct leat_xdr_type type = { &schema, NODE_LINKS };
        struct leat_xdr_buffer buffer = { 0 }, by_table = { 0 };
        struct leat_xdr_arena arena = { 0 };
        struct link *back = NULL;
        CHECK_EQ(leat_xdr_encode(schemas_type(NODE_LINKS), &list, &by_table, NULL), 0);
        CHECK_EQ(encoded_by_code, 0);
        for (int i = 0; i < 2; i++, gives_up = true) {
                buffer.size_bytes = 0;
                encoded_by_code = decoded_by_code = 0;
                CHECK_EQ(leat_xdr_encode(type, &list, &buffer, NULL), 0);
                CHECK_EQ(encoded_by_code, gives_up ? 2 : 1); /* the value is right, so it is asked again */
                CHECK_EQ(buffer.size_bytes, by_table.size_bytes);
                CHECK_MEM(buffer.bytes, by_table.bytes, by_table.size_bytes);
                CHECK_EQ(leat_xdr_decode(type, buffer.bytes, buffer.size_bytes, &arena, NULL, &back, NULL), 0);
                CHECK_EQ(decoded_by_code, 1);
                CHECK_EQ(leat_xdr_compare(type, &list, &back), 0);
        }
        leat_xdr_arena_free(&arena);
        leat_xdr_buffer_free(&buffer);
        leat_xdr_buffer_free(&by_table);
}

TEST(other_rules_are_for_the_table) {
        struct leat_xdr_schema schema = coded();
        struct leat_xdr_type type = { &schema, NODE_LINKS };
        static const uint8_t bytes[8];
        struct leat_xdr_arena arena = { 0 };
        struct link *back = NULL;
        for (uint32_t accept = 1; accept <= LEAT_XDR_ACCEPT_TRAILING; accept *= 2) {
                struct leat_xdr_rules rules = { .size = sizeof(rules), .accept = accept };
                CHECK_EQ(leat_xdr_decode(type, bytes, sizeof(bytes), &arena, &rules, &back, NULL),
                         accept == LEAT_XDR_ACCEPT_TRAILING ? 0 : -EBADMSG);
        }
        CHECK_EQ(decoded_by_code, 0);
        struct leat_xdr_fault fault;
        CHECK_EQ(leat_xdr_decode(type, bytes, sizeof(bytes), &arena, NULL, &back, &fault), -EBADMSG);
        CHECK_EQ(fault.what, LEAT_XDR_TRAILING);
        CHECK_EQ(fault.value, 4);
        CHECK_EQ(decoded_by_code, 1);
        CHECK_EQ(arena.taken_bytes, 0);
        leat_xdr_arena_free(&arena);
}

TEST(what_is_wrong_is_said_by_the_table) {
        struct leat_xdr_schema schema = coded();
        struct leat_xdr_type type = { &schema, NODE_LINKS };
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        struct link *back = NULL;
        struct link bad = { 1, { NULL, 5 }, NULL }, good = { 0, { "", 0 }, &bad }, *both = &good;
        CHECK_EQ(leat_xdr_encode(type, &both, &buffer, &fault), -EINVAL);
        CHECK_STR(fault.path, "[1].name");
        CHECK_EQ(fault.what, LEAT_XDR_NULL);
        CHECK_EQ(fault.offset, 20);
        CHECK_EQ(buffer.size_bytes, 0);
        CHECK_EQ(leat_xdr_encode(type, &list, &buffer, NULL), 0);
        buffer.bytes[12] = 0; /* first: the NUL of its first character */
        CHECK_EQ(leat_xdr_decode(type, buffer.bytes, buffer.size_bytes, &arena, NULL, &back, &fault), -EBADMSG);
        CHECK_STR(fault.path, "[0].name");
        CHECK_EQ(fault.what, LEAT_XDR_NUL_IN_STRING);
        CHECK_EQ(arena.taken_bytes, 0);
        leat_xdr_arena_free(&arena);
        leat_xdr_buffer_free(&buffer);
}

/* As leatgen writes it: a loop that does not look whether it was there before. */
static uint8_t *encode_circle(struct leat_xdr_encoder *encoder, uint8_t *at, const void *value) {
        const struct link *link;
        encoded_by_code++;
        for (memcpy(&link, value, sizeof(link)); link; link = link->next) {
                if (encoder->end - at < 12 && !(at = leat_xdr_encoder_grow(encoder, at, 12)))
                        return NULL;
                const uint32_t words[3] = { htobe32(1), htobe32((uint32_t)link->id), 0 };
                memcpy(at, words, 12);
                at += 12;
        }
        if (!(at = leat_xdr_encoder_grow(encoder, at, 4)))
                return NULL;
        memset(at, 0, 4);
        return at + 4;
}

TEST(a_circle_does_not_fill_the_memory) {
        struct leat_xdr_codes own[NODE_LINKS + 1] = { [NODE_LINKS] = { encode_circle, NULL } };
        struct leat_xdr_schema schema = coded();
        struct leat_xdr_type type = { &schema, NODE_LINKS };
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_fault fault;
        struct link third = { 3, { NULL, 0 }, NULL }, begin = { 1, { NULL, 0 }, &third }, *circle = &begin;
        third.next = &begin;
        schema.codes = own;
        CHECK_EQ(leat_xdr_encode(type, &circle, &buffer, &fault), -EINVAL);
        CHECK_EQ(fault.what, LEAT_XDR_TOO_DEEP);
        CHECK(buffer.room_bytes <= 2 << 20);
        leat_xdr_buffer_free(&buffer);
}

TEST(what_is_large_is_measured_and_then_written) {
        enum { COUNT = 500000 };
        struct leat_xdr_codes own[NODE_LINKS + 1] = { [NODE_LINKS] = { encode_circle, NULL } };
        struct leat_xdr_schema schema = coded();
        struct leat_xdr_type type = { &schema, NODE_LINKS };
        struct link *links = calloc(COUNT, sizeof(*links)), *begin = links;
        struct leat_xdr_fault fault;
        for (size_t i = 0; i < COUNT; i++)
                links[i] = (struct link){ (int32_t)i, { NULL, 0 }, i + 1 < COUNT ? &links[i + 1] : NULL };
        schema.codes = own;
        for (size_t limit = COUNT * (size_t)12 + 2; limit <= COUNT * (size_t)12 + 5; limit++) {
                struct leat_xdr_buffer buffer = { .limit_bytes = limit };
                encoded_by_code = 0;
                bool fits = limit >= COUNT * (size_t)12 + 4;
                CHECK_EQ(leat_xdr_encode(type, &begin, &buffer, &fault), fits ? 0 : -EMSGSIZE);
                CHECK_EQ(encoded_by_code, fits ? 2 : 1);
                CHECK_EQ(buffer.limit_bytes, limit);
                CHECK_EQ(buffer.size_bytes, fits ? COUNT * (size_t)12 + 4 : 0);
                CHECK(fits || fault.what == LEAT_XDR_NO_ROOM);
                leat_xdr_buffer_free(&buffer);
        }
        free(links);
}

TEST_MAIN()
