/* SPDX-License-Identifier: MIT */
#include "bytes.h"
#include "harness.h"
#include "schemas.h"

#include <errno.h>
#include <leat/xdr.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Values as JSON and back, by schemas written by hand. */

/* The JSON of a value, ended by a NUL; the caller frees it. */
static char *json_of(enum schemas_node node, const void *value) {
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_fault fault;
        char text[256];
        if (leat_xdr_to_json(schemas_type(node), value, &buffer, &fault) < 0)
                FAIL("to JSON: %s", leat_xdr_fault_text(&fault, text, sizeof(text)));
        CHECK_EQ(leat_xdr_buffer_reserve(&buffer, 1), 0);
        buffer.bytes[buffer.size_bytes] = '\0';
        return (char *)buffer.bytes;
}

static void check_json(enum schemas_node node, const void *value, const char *wanted) {
        char *json = json_of(node, value);
        CHECK_STR(json, wanted);
        free(json);
}

static void read_or_fail(enum schemas_node node, const char *json, size_t size, struct leat_xdr_arena *arena,
                         void *value) {
        struct leat_xdr_fault fault;
        char text[256];
        if (leat_xdr_from_json(schemas_type(node), json, size, arena, value, &fault) < 0)
                FAIL("from JSON: %s in %.200s", leat_xdr_fault_text(&fault, text, sizeof(text)), json);
        CHECK_EQ(fault.what, LEAT_XDR_OK);
}

/* The text is refused, for that, and there. */
static void refuse_at(enum schemas_node node, const char *json, int error, enum leat_xdr_what what, const char *path,
                      uint64_t offset) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        struct everything value; /* the largest */
        int r = leat_xdr_from_json(schemas_type(node), json, strlen(json), &arena, &value, &fault);
        if (r != error || fault.error != error || fault.what != what || strcmp(fault.path, path) != 0 ||
            fault.offset != offset)
                FAIL("%s: %d, what %d at '%s', byte %d", json, r, (int)fault.what, fault.path, (int)fault.offset);
        leat_xdr_arena_free(&arena);
}

static void refuse(enum schemas_node node, const char *json, enum leat_xdr_what what, const char *path,
                   uint64_t offset) {
        refuse_at(node, json, -EBADMSG, what, path, offset);
}

TEST(everything_reads_back) {
        struct everything value = schemas_everything(), back;
        struct leat_xdr_arena arena = { 0 };
        char *json = json_of(NODE_EVERYTHING, &value);
        CHECK(!strchr(json, '\n'));
        read_or_fail(NODE_EVERYTHING, json, strlen(json), &arena, &back);
        CHECK_EQ(leat_xdr_compare(schemas_type(NODE_EVERYTHING), &value, &back), 0);
        char *again = json_of(NODE_EVERYTHING, &back);
        CHECK_STR(again, json);
        free(again);
        free(json);
        leat_xdr_arena_free(&arena);
}

TEST(random_values_read_back) {
        uint64_t seed = harness_random();
        uint64_t count = harness_how_many(200, 3000, 100000);
        struct leat_xdr_arena arena = { 0 };
        for (uint64_t i = 0; i < count; i++) {
                enum schemas_node node = (enum schemas_node)(i % NODE_COUNT);
                union {
                        struct everything everything;
                        max_align_t aligned;
                } value, back;
                CHECK_EQ(leat_xdr_random(schemas_type(node), &seed, 2000, &arena, &value), 0);
                char *json = json_of(node, &value);
                read_or_fail(node, json, strlen(json), &arena, &back);
                if (leat_xdr_compare(schemas_type(node), &value, &back) != 0)
                        FAIL("type %d is another value as %s", (int)node, json);
                free(json);
                leat_xdr_arena_reset(&arena);
        }
        leat_xdr_arena_free(&arena);
}

TEST(structures_and_unions) {
        struct choice choice = { .color = GREEN, .u.text = TEXT("\"\\\n\x01/\xc3\xa9") };
        check_json(NODE_CHOICE, &choice, "{\"color\": \"GREEN\", \"text\": \"\\\"\\\\\\n\\u0001/\xc3\xa9\"}");
        struct defaulted defaulted = { .kind = 2 };
        check_json(NODE_DEFAULTED, &defaulted, "{\"kind\": 2}");
        struct tree tree = { .value = -1 };
        check_json(NODE_TREE, &tree, "{\"value\": -1, \"children\": []}");
}

TEST(what_may_be_missing_is_empty) {
        struct tree tree;
        struct leat_xdr_arena arena = { 0 };
        static const char text[] = " {\t\"value\"\n:\r4 } ";
        read_or_fail(NODE_TREE, text, sizeof(text) - 1, &arena, &tree);
        CHECK_EQ(tree.value, 4);
        CHECK_EQ(tree.children.count, 0);
        struct named_list list;
        read_or_fail(NODE_NAMED_LIST, "{\"version\":1}", 13, &arena, &list);
        CHECK(!list.list);
        leat_xdr_arena_free(&arena);
}

TEST(the_arm_may_come_before_its_discriminant) {
        struct choice choice;
        struct leat_xdr_arena arena = { 0 };
        static const char text[] = "{\"number\": 5, \"color\": \"RED\"}";
        read_or_fail(NODE_CHOICE, text, sizeof(text) - 1, &arena, &choice);
        CHECK_EQ(choice.color, RED);
        CHECK_EQ(choice.u.number, 5);
        leat_xdr_arena_free(&arena);
}

/* ---- lists ---- */

#define LINKS 200000

TEST(a_list_of_many_is_written_and_read_by_a_loop) {
        struct link *links = calloc(LINKS, sizeof(*links)), *first = links, *back = NULL;
        for (int i = 0; i < LINKS; i++)
                links[i] = (struct link){ .id = i, .next = i + 1 < LINKS ? &links[i + 1] : NULL };
        char *json = json_of(NODE_LINKS, &first);
        CHECK_EQ(memcmp(json, "[{\"id\": 0, \"name\": \"\"}, {\"id\": 1, ", 34), 0);
        struct leat_xdr_arena arena = { 0 };
        read_or_fail(NODE_LINKS, json, strlen(json), &arena, &back);
        CHECK_EQ(leat_xdr_compare(schemas_type(NODE_LINKS), &first, &back), 0);
        free(json);
        free(links);
        leat_xdr_arena_free(&arena);
        first = NULL;
        check_json(NODE_LINKS, &first, "[]");
}

/* ---- optional of an optional ---- */

/* int **value: what null means has to be told. */
static const struct leat_xdr_node twice_nodes[] = {
        { .kind = LEAT_XDR_KIND_VOID },
        { .kind = LEAT_XDR_KIND_INT, .size = 4, .wire_min = 4 },
        { .kind = LEAT_XDR_KIND_OPTIONAL, .first = 1, .size = sizeof(void *), .wire_min = 4 },
        { .kind = LEAT_XDR_KIND_OPTIONAL, .first = 2, .size = sizeof(void *), .wire_min = 4 },
};
static const struct leat_xdr_schema twice = { .nodes = twice_nodes + 1,
                                              .names = "",
                                              .node_count = 4,
                                              .version = LEAT_XDR_SCHEMA };

static void check_twice(int32_t **value, const char *wanted) {
        struct leat_xdr_type type = { &twice, 3 };
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_arena arena = { 0 };
        int32_t **back;
        CHECK_EQ(leat_xdr_to_json(type, &value, &buffer, NULL), 0);
        CHECK_EQ(buffer.size_bytes, strlen(wanted));
        CHECK_MEM(buffer.bytes, wanted, buffer.size_bytes);
        CHECK_EQ(leat_xdr_from_json(type, wanted, strlen(wanted), &arena, &back, NULL), 0);
        CHECK_EQ(leat_xdr_compare(type, &value, &back), 0);
        leat_xdr_arena_free(&arena);
        leat_xdr_buffer_free(&buffer);
}

TEST(an_optional_of_an_optional_is_an_array_of_one) {
        int32_t number = 4, *there = &number, *absent = NULL, **back;
        struct leat_xdr_arena arena = { 0 };
        check_twice(&there, "[4]");
        check_twice(&absent, "[null]");
        check_twice(NULL, "null");
        static const char *const wrong[] = { "4", "[]", "[4, 5]", "[4", "[[4]]" };
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                CHECK_EQ(leat_xdr_from_json((struct leat_xdr_type){ &twice, 3 }, wrong[i], strlen(wrong[i]), &arena,
                                            &back, NULL),
                         -EBADMSG);
        leat_xdr_arena_free(&arena);
}

/* ---- numbers ---- */

TEST(integers_of_64_bits_are_exact) {
        static const struct {
                const char *text;
                uint64_t number;
        } all[] = { { "18446744073709551615", UINT64_MAX },
                    { "0", 0 },
                    { "9007199254740993", 9007199254740993 },
                    { "9223372036854775807", INT64_MAX },
                    { "9223372036854775808", UINT64_C(1) << 63 } };
        struct leat_xdr_arena arena = { 0 };
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                uint64_t number;
                read_or_fail(NODE_UNSIGNED_HYPER, all[i].text, strlen(all[i].text), &arena, &number);
                CHECK(number == all[i].number);
                check_json(NODE_UNSIGNED_HYPER, &number, all[i].text);
        }
        int64_t least, most;
        read_or_fail(NODE_HYPER, "-9223372036854775808", 20, &arena, &least);
        CHECK(least == INT64_MIN);
        check_json(NODE_HYPER, &least, "-9223372036854775808");
        read_or_fail(NODE_HYPER, "9223372036854775807", 19, &arena, &most);
        CHECK(most == INT64_MAX);
        check_json(NODE_HYPER, &most, "9223372036854775807");
        leat_xdr_arena_free(&arena);
}

/* Why a text is refused, for a person. */
static void check_told(enum schemas_node node, const char *json, const char *wanted) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        struct everything value;
        char text[200];
        CHECK_EQ(leat_xdr_from_json(schemas_type(node), json, strlen(json), &arena, &value, &fault), -EBADMSG);
        CHECK_STR(leat_xdr_fault_text(&fault, text, sizeof(text)), wanted);
}

TEST(integers_that_do_not_fit_are_told_as_they_are) {
        check_told(NODE_HYPER, "9223372036854775808", "9223372036854775808 does not fit the field (at byte 0)");
        check_told(NODE_HYPER, "18446744073709551615", "18446744073709551615 does not fit the field (at byte 0)");
        check_told(NODE_INT, "9223372036854775808", "9223372036854775808 does not fit the field (at byte 0)");
        check_told(NODE_UNSIGNED_HYPER, "-1", "-1 does not fit the field (at byte 0)");
        check_told(NODE_UNSIGNED_HYPER, "-9223372036854775808",
                   "-9223372036854775808 does not fit the field (at byte 0)");
        check_told(NODE_CHAR, "-129", "-129 does not fit the field (at byte 0)");
        check_told(NODE_UNSIGNED_CHAR, "256", "256 does not fit the field (at byte 0)");
        /* of more than 64 bits */
        check_told(NODE_UNSIGNED_HYPER, "18446744073709551616", "the number does not fit the field (at byte 0)");
        check_told(NODE_HYPER, "-9223372036854775809", "the number does not fit the field (at byte 0)");
        check_told(NODE_HYPER, "-99999999999999999999", "the number does not fit the field (at byte 0)");
        check_told(NODE_DOUBLE, "1e9999", "the number does not fit the field (at byte 0)");
}

TEST(integers_that_do_not_fit_are_refused) {
        refuse(NODE_UNSIGNED_HYPER, "18446744073709551616", LEAT_XDR_OUT_OF_RANGE, "", 0);
        refuse(NODE_UNSIGNED_HYPER, "-1", LEAT_XDR_OUT_OF_RANGE, "", 0);
        refuse(NODE_HYPER, " 9223372036854775808", LEAT_XDR_OUT_OF_RANGE, "", 1);
        refuse(NODE_HYPER, "-9223372036854775809", LEAT_XDR_OUT_OF_RANGE, "", 0);
        refuse(NODE_INT, "2147483648", LEAT_XDR_OUT_OF_RANGE, "", 0);
        refuse(NODE_CHAR, "-129", LEAT_XDR_OUT_OF_RANGE, "", 0);
        refuse(NODE_UNSIGNED_SHORT, "65536", LEAT_XDR_OUT_OF_RANGE, "", 0);
        refuse(NODE_INT, "1.0", LEAT_XDR_WRONG_JSON, "", 0);
        refuse(NODE_INT, "1e2", LEAT_XDR_WRONG_JSON, "", 0);
        refuse(NODE_INT, "01", LEAT_XDR_BAD_JSON, "", 0);
        refuse(NODE_INT, "+1", LEAT_XDR_BAD_JSON, "", 0);
        refuse(NODE_INT, "-", LEAT_XDR_BAD_JSON, "", 0);
        refuse(NODE_INT, "", LEAT_XDR_BAD_JSON, "", 0);
        refuse(NODE_INT, "1 2", LEAT_XDR_TRAILING, "", 2);
}

static void check_double(double number, const char *text) {
        struct leat_xdr_arena arena = { 0 };
        double back;
        check_json(NODE_DOUBLE, &number, text);
        read_or_fail(NODE_DOUBLE, text, strlen(text), &arena, &back);
        CHECK_MEM(&back, &number, sizeof(number));
}

static void check_doubles(void) {
        check_double(0, "0");
        check_double(-0.0, "-0");
        check_double(0.1, "0.1");
        check_double(-2.5, "-2.5");
        check_double(1e21, "1e21");
        check_double(5e-324, "5e-324");
        check_double(1.7976931348623157e308, "1.7976931348623157e308");
        check_double(2.2250738585072014e-308, "2.2250738585072014e-308");
        check_double(5.684341886080802e-14, "5.684341886080802e-14"); /* 2 to the -44: the nearest text is longer */
        check_double(HUGE_VAL, "\"Infinity\"");
        check_double(-HUGE_VAL, "\"-Infinity\"");
}

TEST(doubles_are_the_shortest_text_that_reads_back) {
        check_doubles();
        float tenth = 0.1f;
        check_json(NODE_FLOAT, &tenth, "0.1");
        uint64_t odd = UINT64_C(0xfff8000000000001), plain = UINT64_C(0x7ff8000000000000);
        check_json(NODE_DOUBLE, &odd, "\"NaN:fff8000000000001\"");
        check_json(NODE_DOUBLE, &plain, "\"NaN\"");
}

/* A locale that writes 1,5: it is made here, as few machines have one. Those of musl have a point, all of them. */
static void begin_with_comma(void) {
#ifdef __GLIBC__
        char command[300];
        snprintf(command, sizeof(command), "localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8'", harness_tmpdir());
        if (system(command) != 0)
                FAIL("there is no locale with a decimal comma: %s (of the package locales)", command);
        CHECK_EQ(setenv("LOCPATH", harness_tmpdir(), 1), 0);
        const char *const comma = ",";
#else
        const char *const comma = ".";
#endif
        CHECK(setlocale(LC_ALL, "de_DE.UTF-8") != NULL);
        CHECK_STR(localeconv()->decimal_point, comma);
}

TEST(the_decimal_point_of_a_locale_does_not_matter) {
        begin_with_comma();
        check_doubles();
        float tenth = 0.1f;
        check_json(NODE_FLOAT, &tenth, "0.1");
}

TEST(doubles_of_any_length_are_read) {
        static char digits[3000];
        struct leat_xdr_arena arena = { 0 };
        double number;
        memset(digits, '0', sizeof(digits));
        memcpy(digits, "0.5", 3);
        digits[sizeof(digits) - 1] = '1';
        read_or_fail(NODE_DOUBLE, digits, sizeof(digits), &arena, &number);
        CHECK(number == 0.5);
        /* Half between 1 and the next double: exactly half goes to the even one, and a digit far behind makes it more. */
        static const char half[] = "1.00000000000000011102230246251565404236316680908203125";
        read_or_fail(NODE_DOUBLE, half, sizeof(half) - 1, &arena, &number);
        CHECK(number == 1.0);
        memcpy(digits, half, sizeof(half) - 1);
        read_or_fail(NODE_DOUBLE, digits, sizeof(digits), &arena, &number);
        CHECK(number == 1.0000000000000002);
        read_or_fail(NODE_DOUBLE, "1e-99999999999999999999", 23, &arena, &number);
        CHECK(number == 0);
        refuse(NODE_DOUBLE, "1e99999999999999999999", LEAT_XDR_OUT_OF_RANGE, "", 0);
        refuse(NODE_DOUBLE, "1.", LEAT_XDR_BAD_JSON, "", 0);
        refuse(NODE_DOUBLE, "\"NaN:7ff0000000000000\"", LEAT_XDR_WRONG_JSON, "", 0);
        refuse(NODE_DOUBLE, "\"nan\"", LEAT_XDR_WRONG_JSON, "", 0);
        leat_xdr_arena_free(&arena);
}

/* ---- strings ---- */

static void check_string(const char *json, const char *text) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_string string;
        read_or_fail(NODE_STRING, json, strlen(json), &arena, &string);
        CHECK_EQ(string.size_bytes, strlen(text));
        CHECK_STR(string.text, text);
        leat_xdr_arena_free(&arena);
}

TEST(escapes_are_read) {
        check_string("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t");
        check_string("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
        check_string("\"\xc3\xa9\"", "\xc3\xa9");
        check_string("{\"bytes\": \"ff41\"}", "\xff"
                                              "A");
        check_string("{ \"b\\u0079tes\" : \"\" }", "");
}

TEST(strings_that_are_no_json_are_refused) {
        refuse(NODE_STRING, "\"a", LEAT_XDR_BAD_JSON, "", 2);
        refuse(NODE_STRING, "\"a\n\"", LEAT_XDR_BAD_JSON, "", 2);
        refuse(NODE_STRING, "\"\\x\"", LEAT_XDR_BAD_JSON, "", 1);
        refuse(NODE_STRING, "\"\\", LEAT_XDR_BAD_JSON, "", 1);
        refuse(NODE_STRING, "\"\\u12\"", LEAT_XDR_BAD_JSON, "", 1);
        refuse(NODE_STRING, "\"\\ud800\"", LEAT_XDR_BAD_JSON, "", 1);
        refuse(NODE_STRING, "\"\\ud800\\u0041\"", LEAT_XDR_BAD_JSON, "", 1);
        refuse(NODE_STRING, "\"\\udc00\"", LEAT_XDR_BAD_JSON, "", 1);
        refuse(NODE_STRING, "\"a\xff\"", LEAT_XDR_BAD_JSON, "", 2);
        refuse(NODE_STRING, "\"\xc0\x80\"", LEAT_XDR_BAD_JSON, "", 1);
        refuse(NODE_STRING, "\"\xed\xa0\x80\"", LEAT_XDR_BAD_JSON, "", 1);
        refuse(NODE_STRING, "\"\xf4\x90\x80\x80\"", LEAT_XDR_BAD_JSON, "", 1);
        refuse(NODE_STRING, "\"\\u0000\"", LEAT_XDR_NUL_IN_STRING, "", 0);
        refuse(NODE_STRING, "{\"bytes\": \"00\"}", LEAT_XDR_NUL_IN_STRING, "", 0);
        refuse(NODE_STRING, "{\"bytes\": \"0\"}", LEAT_XDR_WRONG_JSON, "", 10);
        refuse(NODE_STRING, "{\"bytes\": \"\\u0030\\u0030\"}", LEAT_XDR_WRONG_JSON, "", 10);
        refuse(NODE_STRING, "{}", LEAT_XDR_MISSING_FIELD, "", 2);
        refuse(NODE_STRING_8, "\"123456789\"", LEAT_XDR_TOO_LONG, "", 0);
        refuse(NODE_BYTES_8, "\"1\"", LEAT_XDR_WRONG_JSON, "", 0);
        refuse(NODE_BYTES_8, "\"0g\"", LEAT_XDR_WRONG_JSON, "", 0);
        refuse(NODE_FIXED_3, "\"0011\"", LEAT_XDR_WRONG_JSON, "", 0);
}

/* ---- what has parts ---- */

TEST(wrong_parts_are_refused_by_path_and_place) {
        refuse(NODE_TREE, "{\"value\": 1, \"children\": [{\"value\": 2}, {\"value\": true}]}", LEAT_XDR_WRONG_JSON,
               "children[1].value", 50);
        refuse(NODE_TREE, "{\"valve\": 1}", LEAT_XDR_UNKNOWN_FIELD, "", 1);
        refuse(NODE_TREE, "{\"value\": 1, \"value\": 2}", LEAT_XDR_WRONG_JSON, "value", 13);
        refuse(NODE_TREE, "{}", LEAT_XDR_MISSING_FIELD, "value", 2);
        refuse(NODE_TREE, "{\"value\": 1,}", LEAT_XDR_BAD_JSON, "", 12);
        refuse(NODE_TREE, "{\"value\" 1}", LEAT_XDR_BAD_JSON, "", 9);
        refuse(NODE_TREE, "{\"value\": 1", LEAT_XDR_BAD_JSON, "", 11);
        refuse(NODE_TREE, "[]", LEAT_XDR_WRONG_JSON, "", 0);
        refuse(NODE_NUMBERS, "[1, 2]", LEAT_XDR_MISSING_FIELD, "[2]", 6);
        refuse(NODE_NUMBERS, "[1, 2, 3, 4]", LEAT_XDR_TOO_LONG, "", 9);
        refuse(NODE_NUMBERS, "[1, 2, 3,]", LEAT_XDR_TOO_LONG, "", 9);
        refuse(NODE_NUMBERS, "[1 2]", LEAT_XDR_BAD_JSON, "", 3);
        refuse(NODE_LINKS, "[{\"id\": 1, \"name\": \"\"}, {\"id\": 2, \"name\": \"\", \"next\": []}]",
               LEAT_XDR_UNKNOWN_FIELD, "[1]", 46);
        refuse(NODE_COLOR, "\"PINK\"", LEAT_XDR_WRONG_JSON, "", 0);
        refuse(NODE_COLOR, "3", LEAT_XDR_UNKNOWN_ENUM, "", 0);
        refuse(NODE_BOOL, "1", LEAT_XDR_WRONG_JSON, "", 0);
        refuse(NODE_BOOL, "truth", LEAT_XDR_WRONG_JSON, "", 0);
        refuse(NODE_VOID, "0", LEAT_XDR_WRONG_JSON, "", 0);
}

TEST(wrong_arms_are_refused) {
        refuse(NODE_CHOICE, "{\"color\": \"RED\", \"text\": \"a\"}", LEAT_XDR_UNKNOWN_FIELD, "text", 29);
        refuse(NODE_CHOICE, "{\"color\": \"RED\"}", LEAT_XDR_MISSING_FIELD, "number", 16);
        refuse(NODE_CHOICE, "{\"number\": 1}", LEAT_XDR_MISSING_FIELD, "color", 13);
        refuse(NODE_CHOICE, "{\"number\": 1, \"text\": \"\"}", LEAT_XDR_WRONG_JSON, "text", 14);
        refuse(NODE_EXPRESSION, "{\"kind\": 7}", LEAT_XDR_UNKNOWN_ARM, "", 11);
}

/* ---- limits ---- */

/* One expression in another, so many times. */
static char *nested(size_t levels) {
        static const char before[] = "{\"kind\": 1, \"negated\": ";
        size_t size = levels * sizeof(before) + 64;
        char *text = malloc(size);
        size_t at = 0;
        for (size_t i = 0; i < levels; i++)
                at += (size_t)snprintf(text + at, size - at, "%s", before);
        at += (size_t)snprintf(text + at, size - at, "{\"kind\": 0, \"number\": 1}");
        memset(text + at, '}', levels);
        text[at + levels] = '\0';
        return text;
}

TEST(nesting_is_bounded) {
        char *allowed = nested(LEAT_XDR_DEPTH_MOST - 1), *deep = nested(100000);
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        struct expression expression;
        read_or_fail(NODE_EXPRESSION, allowed, strlen(allowed), &arena, &expression);
        char *json = json_of(NODE_EXPRESSION, &expression);
        CHECK_STR(json, allowed);
        struct leat_xdr_type type = schemas_type(NODE_EXPRESSION);
        CHECK_EQ(leat_xdr_from_json(type, deep, strlen(deep), &arena, &expression, &fault), -EMSGSIZE);
        CHECK_EQ(fault.what, LEAT_XDR_TOO_DEEP);
        CHECK_EQ(memcmp(fault.path, "...", 3), 0);
        free(json);
        free(deep);
        free(allowed);
        leat_xdr_arena_free(&arena);
}

TEST(memory_is_bounded_and_given_back) {
        struct leat_xdr_arena arena;
        struct leat_xdr_fault fault;
        struct leat_xdr_list list;
        char text[4096] = "[";
        for (size_t i = 1; i < sizeof(text) - 2; i += 2)
                memcpy(text + i, "0,", 2);
        memcpy(text + sizeof(text) - 3, "0]", 3);
        leat_xdr_arena_init(&arena, 10000);
        CHECK_EQ(leat_xdr_from_json(schemas_type(NODE_HYPERS), text, strlen(text), &arena, &list, &fault), -EMSGSIZE);
        CHECK_EQ(fault.what, LEAT_XDR_ARENA_FULL);
        CHECK_EQ(arena.taken_bytes, 0);
        CHECK_EQ(leat_xdr_from_json(schemas_type(NODE_HYPERS), "[1, 2]", 6, &arena, &list, NULL), 0);
        CHECK_EQ(list.count, 2);
        leat_xdr_arena_free(&arena);
}

TEST(a_full_buffer_is_told_and_left_as_it_was) {
        struct everything value = schemas_everything();
        struct leat_xdr_fault fault;
        char *whole = json_of(NODE_EVERYTHING, &value);
        size_t size = strlen(whole);
        char *bytes = malloc(size + 1);
        for (size_t room = 1; room <= size; room++) {
                struct leat_xdr_buffer buffer = leat_xdr_buffer_over(bytes, room);
                buffer.bytes[0] = 'x';
                buffer.size_bytes = 1;
                CHECK_EQ(leat_xdr_to_json(schemas_type(NODE_EVERYTHING), &value, &buffer, &fault), -EMSGSIZE);
                CHECK_EQ(fault.what, LEAT_XDR_NO_ROOM);
                CHECK_EQ(buffer.size_bytes, 1);
                CHECK_EQ(buffer.bytes[0], 'x');
        }
        struct leat_xdr_buffer buffer = leat_xdr_buffer_over(bytes, size);
        CHECK_EQ(leat_xdr_to_json(schemas_type(NODE_EVERYTHING), &value, &buffer, &fault), 0);
        CHECK_MEM(bytes, whole, size);
        free(bytes);
        free(whole);
}

TEST(values_that_break_their_type_are_told) {
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_fault fault;
        struct choice choice = { .color = (enum color)9 };
        CHECK_EQ(leat_xdr_to_json(schemas_type(NODE_CHOICE), &choice, &buffer, &fault), -EINVAL);
        CHECK_EQ(fault.what, LEAT_XDR_UNKNOWN_ARM);
        struct tree bad = { 0 }, tree = { .children = { &bad, 1 } };
        bad.children.count = 2;
        CHECK_EQ(leat_xdr_to_json(schemas_type(NODE_TREE), &tree, &buffer, &fault), -EINVAL);
        CHECK_EQ(fault.what, LEAT_XDR_NULL);
        CHECK_STR(fault.path, "children[0].children");
        CHECK_EQ(buffer.size_bytes, 0);
        leat_xdr_buffer_free(&buffer);
}

/* ---- hostile text ---- */

/* Whatever is read encodes, and reads back from its own JSON. */
static void try_text(enum schemas_node node, const char *text, size_t size) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_buffer buffer = { 0 };
        struct everything value;
        char *copy = exact(text, size);
        int r = leat_xdr_from_json(schemas_type(node), copy, size, &arena, &value, NULL);
        if (r == 0)
                CHECK_EQ(leat_xdr_encode(schemas_type(node), &value, &buffer, NULL), 0);
        free(copy);
        leat_xdr_buffer_free(&buffer);
        leat_xdr_arena_free(&arena);
}

TEST(cut_and_changed_text_does_no_harm) {
        struct everything value = schemas_everything();
        char *json = json_of(NODE_EVERYTHING, &value);
        size_t size = strlen(json);
        for (size_t i = 0; i < size; i++)
                try_text(NODE_EVERYTHING, json, i);
        for (uint64_t i = 0, count = harness_how_many(2000, 20000, 1000000); i < count; i++) {
                size_t at = harness_random_below(size);
                char before = json[at];
                json[at] =
                        harness_random_below(2) ? (char)harness_random() : "\"\\{}[],:0e-u"[harness_random_below(12)];
                try_text(NODE_EVERYTHING, json, size);
                json[at] = before;
        }
        free(json);
}

TEST_MAIN()
