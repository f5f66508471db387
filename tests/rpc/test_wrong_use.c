/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "schemas.h"

#include <errno.h>
#include <leat/rpc.h>

/* What a caller gives that is wrong is refused, and said; and what may stand in memory without being a value of its type. */

static struct leat_xdr_type every;

static void begin(void) {
        every = schemas_type(NODE_EVERYTHING);
}

TEST(what_is_missing_is_refused) {
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        struct everything value;
        uint64_t seed = 1;
        begin();
        CHECK_EQ(leat_xdr_encode(every, NULL, &buffer, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_encode(every, &value, NULL, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_decode(every, NULL, 4, &arena, NULL, &value, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_decode(every, "", 0, NULL, NULL, &value, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_decode(every, "", 0, &arena, NULL, NULL, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_print(every, NULL, &buffer), -EINVAL);
        CHECK_EQ(leat_xdr_print(every, &value, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_to_json(every, NULL, &buffer, &fault), -EINVAL);
        CHECK_EQ(fault.what, LEAT_XDR_NULL);
        CHECK_EQ(leat_xdr_to_json(every, &value, NULL, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_from_json(every, NULL, 1, &arena, &value, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_from_json(every, NULL, 0, &arena, &value, NULL), -EBADMSG);
        CHECK_EQ(leat_xdr_from_json(every, "{}", 2, NULL, &value, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_from_json(every, "{}", 2, &arena, NULL, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_random(every, NULL, 1, &arena, &value), -EINVAL);
        CHECK_EQ(leat_xdr_random(every, &seed, 1, NULL, &value), -EINVAL);
        CHECK_EQ(leat_xdr_random(every, &seed, 1, &arena, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_copy(every, NULL, &arena, &value), -EINVAL);
        CHECK(!buffer.bytes && !arena.blocks);
}

TEST(of_void_nothing_is_missing) {
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_type nothing = schemas_type(NODE_VOID);
        uint64_t seed = 1;
        CHECK_EQ(leat_xdr_encode(nothing, NULL, &buffer, NULL), 0);
        CHECK_EQ(leat_xdr_decode(nothing, NULL, 0, &arena, NULL, NULL, NULL), 0);
        CHECK_EQ(leat_xdr_to_json(nothing, NULL, &buffer, NULL), 0);
        CHECK_EQ(leat_xdr_print(nothing, NULL, &buffer), 0);
        CHECK_EQ(leat_xdr_from_json(nothing, "null", 4, &arena, NULL, NULL), 0);
        CHECK_EQ(leat_xdr_random(nothing, &seed, 1, &arena, NULL), 0);
        CHECK_EQ(leat_xdr_copy(nothing, NULL, &arena, NULL), 0);
        leat_xdr_buffer_free(&buffer);
        leat_xdr_arena_free(&arena);
}

/* Bytes of the caller's that are none, however many they are said to be. */
TEST(nothing_is_written_where_nothing_is) {
        struct leat_xdr_buffer buffer = leat_xdr_buffer_over(NULL, 100);
        int32_t number = 1;
        CHECK_EQ(leat_xdr_encode(schemas_type(NODE_INT), &number, &buffer, NULL), -EMSGSIZE);
        CHECK_EQ(leat_xdr_print(schemas_type(NODE_INT), &number, &buffer), -EMSGSIZE);
        CHECK_EQ(buffer.size_bytes, 0);
}

TEST(another_release_is_told_as_such) {
        struct leat_xdr_schema future = schemas;
        struct leat_xdr_type type = { &future, NODE_INT };
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        int32_t number = 1;
        char text[200];
        future.version = LEAT_XDR_SCHEMA + 1;
        CHECK_EQ(leat_xdr_encode(type, &number, &buffer, &fault), -EPROTONOSUPPORT);
        CHECK_EQ(leat_xdr_decode(type, "abcd", 4, &arena, NULL, &number, &fault), -EPROTONOSUPPORT);
        CHECK_EQ(fault.error, -EPROTONOSUPPORT);
        CHECK_STR(leat_xdr_fault_text(&fault, text, sizeof(text)),
                  "the type was compiled for another release of the library");
        CHECK_EQ(leat_xdr_decode(schemas_type(NODE_COUNT), "abcd", 4, &arena, NULL, &number, &fault), -EINVAL);
        CHECK_STR(leat_xdr_fault_text(&fault, text, sizeof(text)),
                  "an argument is missing, or a rule or the type is unknown");
}

/* A byte of a bool's that is neither 0 nor 1 is true to all of them. */
TEST(a_boolean_of_another_byte_is_true) {
        struct leat_xdr_buffer buffer = { 0 };
        uint8_t two = 2;
        CHECK_EQ(leat_xdr_encode(schemas_type(NODE_BOOL), &two, &buffer, NULL), 0);
        CHECK_MEM(buffer.bytes, "\0\0\0\1", 4);
        buffer.size_bytes = 0;
        CHECK_EQ(leat_xdr_to_json(schemas_type(NODE_BOOL), &two, &buffer, NULL), 0);
        CHECK_EQ(leat_xdr_print(schemas_type(NODE_BOOL), &two, &buffer), 0);
        CHECK_EQ(buffer.size_bytes, 9);
        CHECK_MEM(buffer.bytes, "truetrue\n", 9);
        leat_xdr_buffer_free(&buffer);
}

/* The same where it is what a union goes by: its arm is found. */
TEST(a_union_by_such_a_boolean_has_its_arm) {
        static const struct leat_xdr_node nodes[] = {
                { .kind = LEAT_XDR_KIND_VOID },
                { .kind = LEAT_XDR_KIND_UNION, .count = 2, .size = 8, .wire_min = 4 },
                { .kind = LEAT_XDR_KIND_BOOL, .size = 1, .wire_min = 4 },
                { .kind = LEAT_XDR_KIND_INT, .size = 4, .wire_min = 4 },
        };
        static const struct leat_xdr_field fields[] = { { 0, 2, 1 }, { 4, 3, 3 }, { 0, 0, 0 } };
        static const struct leat_xdr_value labels[] = { { 0, 2 }, { 1, 1 } };
        const struct leat_xdr_schema schema = { .nodes = nodes + 1,
                                                .fields = fields,
                                                .values = labels,
                                                .names = "\0b\0n",
                                                .node_count = 4,
                                                .version = LEAT_XDR_SCHEMA };
        const struct leat_xdr_type type = { &schema, 1 };
        _Alignas(4) const uint8_t value[8] = { 2 };
        struct leat_xdr_buffer buffer = { 0 };
        CHECK_EQ(leat_xdr_encode(type, value, &buffer, NULL), 0);
        CHECK_EQ(buffer.size_bytes, 8);
        buffer.size_bytes = 0;
        CHECK_EQ(leat_xdr_to_json(type, value, &buffer, NULL), 0);
        CHECK_EQ(buffer.size_bytes, sizeof("{\"b\": true, \"n\": 0}") - 1);
        leat_xdr_buffer_free(&buffer);
}

TEST(a_number_that_is_not_of_the_enumeration_is_told_where_it_stands) {
        static const char text[] = "  [\"RED\", 17]";
        static const struct leat_xdr_node nodes[] = {
                { .kind = LEAT_XDR_KIND_VOID },
                { .kind = LEAT_XDR_KIND_LIST, .first = 2, .bound = 9, .size = sizeof(struct leat_xdr_list) },
                { .kind = LEAT_XDR_KIND_ENUM, .count = 1, .size = 4, .wire_min = 4 },
        };
        static const struct leat_xdr_value values[] = { { 0, 1 } };
        const struct leat_xdr_schema schema = {
                .nodes = nodes + 1, .values = values, .names = "\0RED", .node_count = 3, .version = LEAT_XDR_SCHEMA
        };
        const struct leat_xdr_type type = { &schema, 1 };
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_list list;
        struct leat_xdr_fault fault;
        CHECK_EQ(leat_xdr_from_json(type, text, sizeof(text) - 1, &arena, &list, &fault), -EBADMSG);
        CHECK_EQ(fault.what, LEAT_XDR_UNKNOWN_ENUM);
        CHECK_EQ(fault.offset, 10);
        CHECK_STR(fault.path, "[1]");
        leat_xdr_arena_free(&arena);
}

TEST(each_status_has_a_text) {
        for (int status = 0; status <= LEAT_RPC_BAD_REPLY; status++)
                for (int other = 0; other <= LEAT_RPC_BAD_REPLY + 1; other++)
                        CHECK((strcmp(leat_rpc_status_text((enum leat_rpc_status)status),
                                      leat_rpc_status_text((enum leat_rpc_status)other)) == 0) == (status == other));
}

TEST_MAIN()
