/* SPDX-License-Identifier: MIT */
#include "schemas.h"

#include <errno.h>
#include <string.h>

/*
 * As an interface file (opaque nothing[0] is not allowed there, but a list of such must do no harm):
 *
 *     enum color { RED, GREEN, BLUE };
 *     enum sparse { FAR_DOWN = -7, NOTHING = 0, HUGE_ONE = 1000000 };
 *     struct record { int number; hyper time; string name<32>; double weight; opaque key[16]; };
 *     typedef record records<>;
 *     struct flat { int a; color color; opaque tag[3]; bool yes; short small; unsigned char tiny; };
 *     union choice switch (color color) { case RED: int number; case GREEN: string text<8>; case BLUE: records records; };
 *     union defaulted switch (int kind) { case 1: hyper one; case 2: case 3: void; default: opaque rest<8>; };
 *     struct everything { ... one field of each ... };
 *     struct link { int id; string name<>; link *next; };
 *     struct named_list { unsigned version; link *list; };
 *     struct tree { int value; tree children<>; };
 *     struct pair { pair *left; pair *right; };
 *     union expression switch (int kind) { case 0: int number; case 1: expression negated; };
 *     struct borrowed { opaque bytes<>; string text<>; };
 *     struct empty { opaque nothing[0]; };
 *
 * The names: those of fields come first. A field's is an offset into the pool.
 */

static const char names[] = "\0"
                            "number\0"
                            "time\0"
                            "name\0"
                            "weight\0"
                            "key\0"
                            "color\0"
                            "text\0"
                            "records\0"
                            "kind\0"
                            "rest\0"
                            "one\0"
                            "a\0"
                            "tag\0"
                            "yes\0"
                            "small\0"
                            "tiny\0"
                            "a_int\0"
                            "a_unsigned\0"
                            "a_hyper\0"
                            "an_unsigned_hyper\0"
                            "a_float\0"
                            "a_double\0"
                            "a_quadruple\0"
                            "a_bool\0"
                            "a_char\0"
                            "an_unsigned_char\0"
                            "a_short\0"
                            "an_unsigned_short\0"
                            "sparse\0"
                            "fixed\0"
                            "bytes\0"
                            "string\0"
                            "numbers\0"
                            "optional\0"
                            "choice\0"
                            "defaulted\0"
                            "flats\0"
                            "hypers\0"
                            "id\0"
                            "next\0"
                            "version\0"
                            "list\0"
                            "value\0"
                            "children\0"
                            "left\0"
                            "right\0"
                            "negated\0"
                            "nothing\0"
                            "RED\0"
                            "GREEN\0"
                            "BLUE\0"
                            "FAR_DOWN\0"
                            "NOTHING\0"
                            "HUGE_ONE\0"
                            "record\0"
                            "flat\0"
                            "everything\0"
                            "link\0"
                            "named_list\0"
                            "tree\0"
                            "pair\0"
                            "expression\0"
                            "borrowed\0"
                            "empty\0";

static const struct leat_xdr_field fields[] = {
        { offsetof(struct record, number), NODE_INT, 1 },
        { offsetof(struct record, time), NODE_HYPER, 8 },
        { offsetof(struct record, name), NODE_STRING_32, 13 },
        { offsetof(struct record, weight), NODE_DOUBLE, 18 },
        { offsetof(struct record, key), NODE_FIXED_16, 25 },
        { offsetof(struct choice, color), NODE_COLOR, 29 },
        { offsetof(struct choice, u.number), NODE_INT, 1 },
        { offsetof(struct choice, u.text), NODE_STRING_8, 35 },
        { offsetof(struct choice, u.records), NODE_HELD_RECORDS, 40 },
        { offsetof(struct defaulted, kind), NODE_INT, 48 },
        { offsetof(struct defaulted, u.rest), NODE_BYTES_8, 53 },
        { offsetof(struct defaulted, u.one), NODE_HYPER, 58 },
        { offsetof(struct defaulted, u), NODE_VOID, 0 },
        { offsetof(struct flat, a), NODE_INT, 62 },
        { offsetof(struct flat, color), NODE_COLOR, 29 },
        { offsetof(struct flat, tag), NODE_FIXED_3, 64 },
        { offsetof(struct flat, yes), NODE_BOOL, 68 },
        { offsetof(struct flat, small), NODE_SHORT, 72 },
        { offsetof(struct flat, tiny), NODE_UNSIGNED_CHAR, 78 },
        { offsetof(struct everything, a_int), NODE_INT, 83 },
        { offsetof(struct everything, a_unsigned), NODE_UNSIGNED, 89 },
        { offsetof(struct everything, a_hyper), NODE_HYPER, 100 },
        { offsetof(struct everything, an_unsigned_hyper), NODE_UNSIGNED_HYPER, 108 },
        { offsetof(struct everything, a_float), NODE_FLOAT, 126 },
        { offsetof(struct everything, a_double), NODE_DOUBLE, 134 },
        { offsetof(struct everything, a_quadruple), NODE_QUADRUPLE, 143 },
        { offsetof(struct everything, a_bool), NODE_BOOL, 155 },
        { offsetof(struct everything, a_char), NODE_CHAR, 162 },
        { offsetof(struct everything, an_unsigned_char), NODE_UNSIGNED_CHAR, 169 },
        { offsetof(struct everything, a_short), NODE_SHORT, 186 },
        { offsetof(struct everything, an_unsigned_short), NODE_UNSIGNED_SHORT, 194 },
        { offsetof(struct everything, color), NODE_COLOR, 29 },
        { offsetof(struct everything, sparse), NODE_SPARSE, 212 },
        { offsetof(struct everything, fixed), NODE_FIXED_5, 219 },
        { offsetof(struct everything, bytes), NODE_BYTES_10, 225 },
        { offsetof(struct everything, string), NODE_STRING_8, 231 },
        { offsetof(struct everything, numbers), NODE_NUMBERS, 238 },
        { offsetof(struct everything, records), NODE_RECORDS_4, 40 },
        { offsetof(struct everything, optional), NODE_OPTIONAL_INT, 246 },
        { offsetof(struct everything, choice), NODE_CHOICE, 255 },
        { offsetof(struct everything, defaulted), NODE_DEFAULTED, 262 },
        { offsetof(struct everything, flats), NODE_FLATS_2, 272 },
        { offsetof(struct everything, hypers), NODE_HYPERS, 278 },
        { offsetof(struct link, id), NODE_INT, 285 },
        { offsetof(struct link, name), NODE_STRING, 13 },
        { offsetof(struct link, next), NODE_LINKS, 288 },
        { offsetof(struct named_list, version), NODE_UNSIGNED, 293 },
        { offsetof(struct named_list, list), NODE_LINKS, 301 },
        { offsetof(struct tree, value), NODE_INT, 306 },
        { offsetof(struct tree, children), NODE_TREES, 312 },
        { offsetof(struct pair, left), NODE_OPTIONAL_PAIR, 321 },
        { offsetof(struct pair, right), NODE_PAIRS, 326 },
        { offsetof(struct expression, kind), NODE_INT, 48 },
        { offsetof(struct expression, u.number), NODE_INT, 1 },
        { offsetof(struct expression, u.negated), NODE_HELD_EXPRESSION, 332 },
        { offsetof(struct borrowed, bytes), NODE_BORROWED_BYTES, 225 },
        { offsetof(struct borrowed, text), NODE_BORROWED_STRING, 35 },
        { offsetof(struct empty, nothing), NODE_FIXED_0, 340 },
};

static const struct leat_xdr_value values[] = {
        { RED, 348 }, { GREEN, 352 }, { BLUE, 358 }, { FAR_DOWN, 363 }, { NOTHING, 372 }, { HUGE_ONE, 380 }, { RED, 1 },
        { GREEN, 2 }, { BLUE, 3 },    { 1, 2 },      { 2, 3 },          { 3, 3 },         { 0, 1 },          { 1, 2 },
};

static const struct leat_xdr_node nodes[] = {
        [NODE_VOID] = { LEAT_XDR_KIND_VOID, LEAT_XDR_FLAG_FLAT, 0, 0, 0, 0, 0 },
        [NODE_INT] = { LEAT_XDR_KIND_INT, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(int32_t), 4 },
        [NODE_UNSIGNED] = { LEAT_XDR_KIND_UNSIGNED, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(uint32_t), 4 },
        [NODE_HYPER] = { LEAT_XDR_KIND_HYPER, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(int64_t), 8 },
        [NODE_UNSIGNED_HYPER] = { LEAT_XDR_KIND_UNSIGNED_HYPER, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(uint64_t), 8 },
        [NODE_FLOAT] = { LEAT_XDR_KIND_FLOAT, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(float), 4 },
        [NODE_DOUBLE] = { LEAT_XDR_KIND_DOUBLE, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(double), 8 },
        [NODE_QUADRUPLE] = { LEAT_XDR_KIND_QUADRUPLE, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(struct leat_xdr_quadruple),
                             16 },
        [NODE_BOOL] = { LEAT_XDR_KIND_BOOL, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(bool), 4 },
        [NODE_CHAR] = { LEAT_XDR_KIND_CHAR, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(int8_t), 4 },
        [NODE_UNSIGNED_CHAR] = { LEAT_XDR_KIND_UNSIGNED_CHAR, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(uint8_t), 4 },
        [NODE_SHORT] = { LEAT_XDR_KIND_SHORT, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(int16_t), 4 },
        [NODE_UNSIGNED_SHORT] = { LEAT_XDR_KIND_UNSIGNED_SHORT, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(uint16_t), 4 },
        [NODE_COLOR] = { LEAT_XDR_KIND_ENUM, LEAT_XDR_FLAG_FLAT | LEAT_XDR_FLAG_DENSE, 3, 0, 0, sizeof(enum color), 4 },
        [NODE_SPARSE] = { LEAT_XDR_KIND_ENUM, LEAT_XDR_FLAG_FLAT, 3, 3, 0, sizeof(enum sparse), 4 },
        [NODE_FIXED_5] = { LEAT_XDR_KIND_FIXED, LEAT_XDR_FLAG_FLAT, 0, 0, 5, sizeof(uint8_t[5]), 8 },
        [NODE_FIXED_16] = { LEAT_XDR_KIND_FIXED, LEAT_XDR_FLAG_FLAT, 0, 0, 16, sizeof(uint8_t[16]), 16 },
        [NODE_FIXED_3] = { LEAT_XDR_KIND_FIXED, LEAT_XDR_FLAG_FLAT, 0, 0, 3, sizeof(uint8_t[3]), 4 },
        [NODE_BYTES_10] = { LEAT_XDR_KIND_BYTES, 0, 0, 0, 10, sizeof(struct leat_xdr_bytes), 4 },
        [NODE_BYTES_8] = { LEAT_XDR_KIND_BYTES, 0, 0, 0, 8, sizeof(struct leat_xdr_bytes), 4 },
        [NODE_STRING_8] = { LEAT_XDR_KIND_STRING, 0, 0, 0, 8, sizeof(struct leat_xdr_string), 4 },
        [NODE_STRING_32] = { LEAT_XDR_KIND_STRING, 0, 0, 0, 32, sizeof(struct leat_xdr_string), 4 },
        [NODE_STRING] = { LEAT_XDR_KIND_STRING, 0, 0, 0, LEAT_XDR_UNBOUNDED, sizeof(struct leat_xdr_string), 4 },
        [NODE_NUMBERS] = { LEAT_XDR_KIND_ARRAY, LEAT_XDR_FLAG_FLAT, 0, NODE_INT, 3, sizeof(int32_t[3]), 12 },
        [NODE_RECORD] = { LEAT_XDR_KIND_STRUCT, 0, 5, 0, 0, sizeof(struct record), 40 },
        [NODE_RECORDS] = { LEAT_XDR_KIND_LIST, 0, 0, NODE_RECORD, LEAT_XDR_UNBOUNDED, sizeof(struct leat_xdr_list), 4 },
        [NODE_RECORDS_4] = { LEAT_XDR_KIND_LIST, 0, 0, NODE_RECORD, 4, sizeof(struct leat_xdr_list), 4 },
        [NODE_HELD_RECORDS] = { LEAT_XDR_KIND_HELD, 0, 0, NODE_RECORDS, 0, sizeof(void *), 4 },
        [NODE_OPTIONAL_INT] = { LEAT_XDR_KIND_OPTIONAL, 0, 0, NODE_INT, 0, sizeof(void *), 4 },
        [NODE_CHOICE] = { LEAT_XDR_KIND_UNION, 0, 3, 5, 6, sizeof(struct choice), 8 },
        [NODE_DEFAULTED] = { LEAT_XDR_KIND_UNION, LEAT_XDR_FLAG_DEFAULT, 3, 9, 9, sizeof(struct defaulted), 4 },
        [NODE_FLAT] = { LEAT_XDR_KIND_STRUCT, LEAT_XDR_FLAG_FLAT, 6, 13, 0, sizeof(struct flat), 24 },
        [NODE_FLATS_2] = { LEAT_XDR_KIND_ARRAY, LEAT_XDR_FLAG_FLAT, 0, NODE_FLAT, 2, sizeof(struct flat[2]), 48 },
        [NODE_HYPERS] = { LEAT_XDR_KIND_LIST, 0, 0, NODE_HYPER, LEAT_XDR_UNBOUNDED, sizeof(struct leat_xdr_list), 4 },
        [NODE_EVERYTHING] = { LEAT_XDR_KIND_STRUCT, 0, 24, 19, 0, sizeof(struct everything), 180 },
        [NODE_LINK] = { LEAT_XDR_KIND_STRUCT, 0, 3, 43, 0, sizeof(struct link), 12 },
        [NODE_LINKS] = { LEAT_XDR_KIND_CHAIN, 0, 0, NODE_LINK, 0, sizeof(void *), 4 },
        [NODE_NAMED_LIST] = { LEAT_XDR_KIND_STRUCT, 0, 2, 46, 0, sizeof(struct named_list), 8 },
        [NODE_TREE] = { LEAT_XDR_KIND_STRUCT, LEAT_XDR_FLAG_RECURSIVE, 2, 48, 0, sizeof(struct tree), 8 },
        [NODE_TREES] = { LEAT_XDR_KIND_LIST, 0, 0, NODE_TREE, LEAT_XDR_UNBOUNDED, sizeof(struct leat_xdr_list), 4 },
        [NODE_PAIR] = { LEAT_XDR_KIND_STRUCT, LEAT_XDR_FLAG_RECURSIVE, 2, 50, 0, sizeof(struct pair), 8 },
        [NODE_OPTIONAL_PAIR] = { LEAT_XDR_KIND_OPTIONAL, 0, 0, NODE_PAIR, 0, sizeof(void *), 4 },
        [NODE_PAIRS] = { LEAT_XDR_KIND_CHAIN, 0, 0, NODE_PAIR, 0, sizeof(void *), 4 },
        [NODE_EXPRESSION] = { LEAT_XDR_KIND_UNION, LEAT_XDR_FLAG_RECURSIVE, 2, 52, 12, sizeof(struct expression), 8 },
        [NODE_HELD_EXPRESSION] = { LEAT_XDR_KIND_HELD, 0, 0, NODE_EXPRESSION, 0, sizeof(void *), 8 },
        [NODE_BORROWED_BYTES] = { LEAT_XDR_KIND_BYTES, LEAT_XDR_FLAG_BORROWED, 0, 0, LEAT_XDR_UNBOUNDED,
                                  sizeof(struct leat_xdr_bytes), 4 },
        [NODE_BORROWED_STRING] = { LEAT_XDR_KIND_STRING, LEAT_XDR_FLAG_BORROWED, 0, 0, LEAT_XDR_UNBOUNDED,
                                   sizeof(struct leat_xdr_string), 4 },
        [NODE_BORROWED] = { LEAT_XDR_KIND_STRUCT, 0, 2, 55, 0, sizeof(struct borrowed), 8 },
        [NODE_FIXED_0] = { LEAT_XDR_KIND_FIXED, LEAT_XDR_FLAG_FLAT, 0, 0, 0, 0, 0 },
        [NODE_EMPTY] = { LEAT_XDR_KIND_STRUCT, LEAT_XDR_FLAG_FLAT, 1, 57, 0, sizeof(struct empty), 0 },
        [NODE_EMPTIES] = { LEAT_XDR_KIND_LIST, 0, 0, NODE_EMPTY, LEAT_XDR_UNBOUNDED, sizeof(struct leat_xdr_list), 4 },
        [NODE_FLATS] = { LEAT_XDR_KIND_LIST, 0, 0, NODE_FLAT, LEAT_XDR_UNBOUNDED, sizeof(struct leat_xdr_list), 4 },
        [NODE_BOOLS] = { LEAT_XDR_KIND_LIST, 0, 0, NODE_BOOL, LEAT_XDR_UNBOUNDED, sizeof(struct leat_xdr_list), 4 },
};

const struct leat_xdr_schema schemas = {
        .nodes = nodes + 1, /* 0 is void, in every schema */
        .fields = fields,
        .values = values,
        .names = names,
        .node_count = NODE_COUNT,
        .version = LEAT_XDR_SCHEMA,
};

_Static_assert(sizeof(nodes) / sizeof(nodes[0]) == NODE_COUNT, "each type has a node");

struct everything schemas_everything(void) {
        static struct record two[] = {
                { .number = 1, .time = -2, .name = { "first", 5 }, .weight = 0.5, .key = "0123456789abcde" },
                { .number = INT32_MIN, .time = INT64_MAX, .name = { "", 0 }, .weight = -1e300, .key = { 0xff } },
        };
        static struct records held = { two, 2 };
        static int32_t optional = 77;
        static int64_t hypers[] = { 1, -1, INT64_MIN };
        struct everything value = {
                .a_int = -5,
                .a_unsigned = UINT32_MAX,
                .a_hyper = INT64_MIN,
                .an_unsigned_hyper = UINT64_MAX,
                .a_float = 1.5f,
                .a_double = -0.0,
                .a_quadruple = { { 0x3f, 0xff } },
                .a_bool = true,
                .a_char = -128,
                .an_unsigned_char = 255,
                .a_short = -32768,
                .an_unsigned_short = 65535,
                .color = BLUE,
                .sparse = FAR_DOWN,
                .fixed = { 1, 2, 3, 4, 5 },
                .bytes = { "\1\0\2", 3 },
                .string = { "string", 6 },
                .numbers = { 1, 2, 3 },
                .records = { two, 2 },
                .optional = &optional,
                .choice = { .color = BLUE, .u.records = &held },
                .defaulted = { .kind = -9, .u.rest = { "rest!", 5 } },
                .flats = { { 1, GREEN, "ab", true, -1, 200 }, { 2, RED, "", false, 32767, 0 } },
                .hypers = { hypers, 3 },
        };
        return value;
}

int schemas_answer_text(uint32_t size, struct leat_xdr_string *result, struct leat_rpc_request *request) {
        char *text = leat_xdr_arena_take(leat_rpc_request_arena(request), (size_t)size + 1);
        if (!text)
                return -ENOMEM;
        memset(text, 'x', size);
        *result = (struct leat_xdr_string){ text, size };
        return 0;
}
