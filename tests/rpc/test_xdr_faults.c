/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "schemas.h"

#include <errno.h>

/* What is said of bytes and of values that are wrong: what, where, and how it is told to a person. */

struct wanted {
        int error;
        enum leat_xdr_what what;
        const char *path;
        uint64_t offset, value, limit;
};

static void check_fault(const struct leat_xdr_fault *fault, int error, struct wanted wanted) {
        CHECK_EQ(error, wanted.error);
        CHECK_EQ(fault->error, wanted.error);
        CHECK_EQ(fault->what, wanted.what);
        CHECK_STR(fault->path, wanted.path);
        CHECK_EQ(fault->offset, wanted.offset);
        CHECK_EQ(fault->value, wanted.value);
        CHECK_EQ(fault->limit, wanted.limit);
}

/* ---- decoding ---- */

static struct leat_xdr_buffer of_everything(void) {
        struct everything value = schemas_everything();
        struct leat_xdr_buffer buffer = { 0 };
        CHECK_EQ(leat_xdr_encode(schemas_type(NODE_EVERYTHING), &value, &buffer, NULL), 0);
        return buffer;
}

/* The message with four other bytes at a place. `accept`: with this rule it is decoded, or 0: none accepts it. */
static void check_changed(size_t at, uint32_t word, uint32_t accept, struct wanted wanted) {
        struct leat_xdr_buffer buffer = of_everything();
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        struct everything value;
        word = htobe32(word);
        memcpy(buffer.bytes + at, &word, sizeof(word));
        int error = leat_xdr_decode(schemas_type(NODE_EVERYTHING), buffer.bytes, buffer.size_bytes, &arena, NULL,
                                    &value, &fault);
        check_fault(&fault, error, wanted);
        for (uint32_t rule = 1; rule <= LEAT_XDR_ACCEPT_TRAILING; rule *= 2) {
                struct leat_xdr_rules rules = { .size = sizeof(rules), .accept = rule };
                error = leat_xdr_decode(schemas_type(NODE_EVERYTHING), buffer.bytes, buffer.size_bytes, &arena, &rules,
                                        &value, &fault);
                CHECK_EQ(error == 0, rule == accept);
        }
        leat_xdr_arena_free(&arena);
        leat_xdr_buffer_free(&buffer);
}

/* Where the fields of that message are. */
enum {
        AT_BOOL = 52,
        AT_CHAR = 56,
        AT_UNSIGNED_CHAR = 60,
        AT_SHORT = 64,
        AT_UNSIGNED_SHORT = 68,
        AT_COLOR = 72,
        AT_SPARSE = 76,
        AT_FIXED = 80,
        AT_BYTES = 88,
        AT_STRING = 96,
        AT_RECORDS = 120,
        AT_NAME_0 = 136,
        AT_NAME_1 = 184,
        AT_OPTIONAL = 212,
        AT_CHOICE = 220,
};

TEST(each_broken_rule_is_named) {
        check_changed(AT_BOOL, 2, LEAT_XDR_ACCEPT_BOOL,
                      (struct wanted){ -EBADMSG, LEAT_XDR_BAD_BOOL, "a_bool", AT_BOOL, 2, 0 });
        check_changed(AT_CHAR, 128, 0, (struct wanted){ -EBADMSG, LEAT_XDR_OUT_OF_RANGE, "a_char", AT_CHAR, 128, 0 });
        check_changed(AT_UNSIGNED_CHAR, UINT32_MAX, 0,
                      (struct wanted){ -EBADMSG, LEAT_XDR_OUT_OF_RANGE, "an_unsigned_char", AT_UNSIGNED_CHAR,
                                       UINT32_MAX, 0 });
        check_changed(AT_SHORT, 32768, 0,
                      (struct wanted){ -EBADMSG, LEAT_XDR_OUT_OF_RANGE, "a_short", AT_SHORT, 32768, 0 });
        check_changed(AT_UNSIGNED_SHORT, 65536, 0,
                      (struct wanted){ -EBADMSG, LEAT_XDR_OUT_OF_RANGE, "an_unsigned_short", AT_UNSIGNED_SHORT, 65536,
                                       0 });
        check_changed(AT_COLOR, 3, LEAT_XDR_ACCEPT_ENUM,
                      (struct wanted){ -EBADMSG, LEAT_XDR_UNKNOWN_ENUM, "color", AT_COLOR, 3, 0 });
        check_changed(AT_SPARSE, (uint32_t)-8, LEAT_XDR_ACCEPT_ENUM,
                      (struct wanted){ -EBADMSG, LEAT_XDR_UNKNOWN_ENUM, "sparse", AT_SPARSE, (uint64_t)-8, 0 });
        check_changed(AT_FIXED + 4, 0x05000001, LEAT_XDR_ACCEPT_PADDING,
                      (struct wanted){ -EBADMSG, LEAT_XDR_BAD_PADDING, "fixed", AT_FIXED + 5, 1, 0 });
        check_changed(AT_BYTES + 4, 0x01000201, LEAT_XDR_ACCEPT_PADDING,
                      (struct wanted){ -EBADMSG, LEAT_XDR_BAD_PADDING, "bytes", AT_BYTES + 7, 1, 0 });
        check_changed(AT_STRING + 4, 0x73007269, LEAT_XDR_ACCEPT_NUL,
                      (struct wanted){ -EBADMSG, LEAT_XDR_NUL_IN_STRING, "string", AT_STRING + 5, 1, 0 });
        check_changed(AT_NAME_0 + 8, 0x74000100, LEAT_XDR_ACCEPT_PADDING,
                      (struct wanted){ -EBADMSG, LEAT_XDR_BAD_PADDING, "records[0].name", AT_NAME_0 + 9, 0x100, 0 });
        check_changed(AT_OPTIONAL, 7, LEAT_XDR_ACCEPT_BOOL,
                      (struct wanted){ -EBADMSG, LEAT_XDR_BAD_BOOL, "optional", AT_OPTIONAL, 7, 0 });
        check_changed(AT_CHOICE, 3, 0,
                      (struct wanted){ -EBADMSG, LEAT_XDR_UNKNOWN_ENUM, "choice.color", AT_CHOICE, 3, 0 });
}

TEST(each_wrong_length_is_named) {
        struct leat_xdr_buffer buffer = of_everything();
        size_t rest = buffer.size_bytes - AT_RECORDS - 4;
        leat_xdr_buffer_free(&buffer);
        check_changed(AT_BYTES, 11, 0, (struct wanted){ -EBADMSG, LEAT_XDR_TOO_LONG, "bytes", AT_BYTES, 11, 10 });
        check_changed(AT_STRING, 9, 0, (struct wanted){ -EBADMSG, LEAT_XDR_TOO_LONG, "string", AT_STRING, 9, 8 });
        check_changed(AT_RECORDS, 5, 0, (struct wanted){ -EBADMSG, LEAT_XDR_TOO_LONG, "records", AT_RECORDS, 5, 4 });
        check_changed(AT_NAME_1, 33, 0,
                      (struct wanted){ -EBADMSG, LEAT_XDR_TOO_LONG, "records[1].name", AT_NAME_1, 33, 32 });
        check_changed(AT_CHOICE + 4, 0x40000000, 0,
                      (struct wanted){ -EBADMSG, LEAT_XDR_NOT_THERE, "choice.records", AT_CHOICE + 4, 0x40000000,
                                       (rest - (AT_CHOICE + 4 - AT_RECORDS)) / 40 });
}

TEST(what_is_left_over_or_missing_is_named) {
        static const uint8_t bytes[12] = { 0, 0, 0, 1, 0, 0, 0, 9 };
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_rules trailing = { .size = sizeof(trailing), .accept = LEAT_XDR_ACCEPT_TRAILING };
        struct leat_xdr_fault fault;
        union {
                struct leat_xdr_string string;
                int32_t number;
                struct link *links;
        } value;
        int error = leat_xdr_decode(schemas_type(NODE_INT), bytes, 11, &arena, NULL, &value, &fault);
        check_fault(&fault, error, (struct wanted){ -EBADMSG, LEAT_XDR_TRAILING, "", 4, 7, 0 });
        CHECK_EQ(leat_xdr_decode(schemas_type(NODE_INT), bytes, 11, &arena, &trailing, &value, &fault), 0);
        CHECK_EQ(value.number, 1);
        error = leat_xdr_decode(schemas_type(NODE_INT), bytes, 3, &arena, NULL, &value, &fault);
        check_fault(&fault, error, (struct wanted){ -EBADMSG, LEAT_XDR_SHORT, "", 0, 0, 0 });
        error = leat_xdr_decode(schemas_type(NODE_LINKS), bytes, 12, &arena, NULL, &value, &fault);
        check_fault(&fault, error, (struct wanted){ -EBADMSG, LEAT_XDR_SHORT, "[1]", 12, 0, 0 });
        static const uint8_t five[8] = { 0, 0, 0, 5, 1, 1, 1, 1 };
        error = leat_xdr_decode(schemas_type(NODE_STRING), five, 8, &arena, NULL, &value, &fault);
        check_fault(&fault, error, (struct wanted){ -EBADMSG, LEAT_XDR_NOT_THERE, "", 0, 5, 4 });
        CHECK_EQ(arena.taken_bytes, 0);
        leat_xdr_arena_free(&arena);
}

TEST(a_union_without_a_default_knows_its_cases) {
        static const uint8_t expression[8] = { 0, 0, 0, 2 };
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        struct expression value;
        int error = leat_xdr_decode(schemas_type(NODE_EXPRESSION), expression, 8, &arena, NULL, &value, &fault);
        check_fault(&fault, error, (struct wanted){ -EBADMSG, LEAT_XDR_UNKNOWN_ARM, "kind", 0, 2, 0 });
        /* An unknown value that is accepted has no arm all the same. */
        static const uint8_t choice[8] = { 0, 0, 0, 3 };
        struct leat_xdr_rules rules = { .size = sizeof(rules), .accept = LEAT_XDR_ACCEPT_ENUM };
        struct choice chosen;
        error = leat_xdr_decode(schemas_type(NODE_CHOICE), choice, 8, &arena, &rules, &chosen, &fault);
        check_fault(&fault, error, (struct wanted){ -EBADMSG, LEAT_XDR_UNKNOWN_ARM, "color", 0, 3, 0 });
}

TEST(a_long_path_keeps_its_end) {
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        struct leat_xdr_rules rules = { .size = sizeof(rules), .depth = LEAT_XDR_DEPTH_MOST };
        struct tree value;
        for (int level = 0; level < 500; level++) { /* each: a value, and one child */
                static const uint8_t words[8] = { 0, 0, 0, 7, 0, 0, 0, 1 };
                CHECK_EQ(leat_xdr_buffer_reserve(&buffer, 8), 0);
                memcpy(buffer.bytes + buffer.size_bytes, words, 8);
                buffer.size_bytes += 8;
        }
        int error = leat_xdr_decode(schemas_type(NODE_TREE), buffer.bytes, buffer.size_bytes - 1, &arena, &rules,
                                    &value, &fault);
        CHECK_EQ(error, -EBADMSG);
        CHECK_EQ(strlen(fault.path), LEAT_XDR_PATH_MAX - 1);
        CHECK(strncmp(fault.path, "...", 3) == 0);
        CHECK_STR(fault.path + LEAT_XDR_PATH_MAX - 1 - 32, "children[0].children[0].children");
        leat_xdr_buffer_free(&buffer);
        leat_xdr_arena_free(&arena);
}

TEST(rules_that_are_unknown_are_refused) {
        static const uint8_t bytes[4];
        struct leat_xdr_arena arena = { 0 };
        int32_t value;
        struct leat_xdr_type type = schemas_type(NODE_INT);
        struct leat_xdr_rules rules = { .size = sizeof(rules), .accept = 32 };
        CHECK_EQ(leat_xdr_decode(type, bytes, 4, &arena, &rules, &value, NULL), -EINVAL);
        rules = (struct leat_xdr_rules){ .size = sizeof(rules), .depth = LEAT_XDR_DEPTH_MOST + 1 };
        CHECK_EQ(leat_xdr_decode(type, bytes, 4, &arena, &rules, &value, NULL), -EINVAL);
        rules = (struct leat_xdr_rules){ .size = 0 };
        CHECK_EQ(leat_xdr_decode(type, bytes, 4, &arena, &rules, &value, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_decode(type, NULL, 4, &arena, NULL, &value, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_decode(type, bytes, 4, NULL, NULL, &value, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_decode(type, bytes, 4, &arena, NULL, NULL, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_decode(schemas_type(NODE_VOID), NULL, 0, &arena, NULL, NULL, NULL), 0);
}

TEST(another_version_of_schemas_is_refused) {
        struct leat_xdr_schema other = schemas;
        struct leat_xdr_type type = { &other, NODE_INT };
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_arena arena = { 0 };
        int32_t value = 1, copy;
        other.version++;
        CHECK_EQ(leat_xdr_encode(type, &value, &buffer, NULL), -EPROTONOSUPPORT);
        CHECK_EQ(leat_xdr_size(type, &value, NULL), -EPROTONOSUPPORT);
        CHECK_EQ(leat_xdr_decode(type, &value, 4, &arena, NULL, &copy, NULL), -EPROTONOSUPPORT);
        CHECK_EQ(leat_xdr_copy(type, &value, &arena, &copy), -EPROTONOSUPPORT);
        CHECK_EQ(leat_xdr_encode(schemas_type(NODE_COUNT), &value, &buffer, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_encode((struct leat_xdr_type){ NULL, 0 }, &value, &buffer, NULL), -EINVAL);
}

/* ---- encoding ---- */

static void check_refused(const struct everything *value, struct wanted wanted) {
        uint8_t room[1024];
        struct leat_xdr_buffer buffer = leat_xdr_buffer_over(room, sizeof(room));
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        struct everything copy;
        buffer.size_bytes = 4;
        int error = leat_xdr_encode(schemas_type(NODE_EVERYTHING), value, &buffer, &fault);
        check_fault(&fault, error, wanted);
        CHECK_EQ(buffer.size_bytes, 4);
        CHECK_EQ(leat_xdr_size(schemas_type(NODE_EVERYTHING), value, NULL), wanted.error);
        CHECK_EQ(leat_xdr_copy(schemas_type(NODE_EVERYTHING), value, &arena, &copy), wanted.error);
}

TEST(values_that_break_their_type_are_refused) {
        const struct everything good = schemas_everything();
        struct everything value = good;
        value.color = (enum color)3;
        check_refused(&value, (struct wanted){ -EINVAL, LEAT_XDR_UNKNOWN_ENUM, "color", AT_COLOR, 3, 0 });
        value = good;
        value.sparse = (enum sparse) - 8;
        check_refused(&value, (struct wanted){ -EINVAL, LEAT_XDR_UNKNOWN_ENUM, "sparse", AT_SPARSE, (uint64_t)-8, 0 });
        value = good;
        value.bytes.size_bytes = 11;
        check_refused(&value, (struct wanted){ -EINVAL, LEAT_XDR_TOO_LONG, "bytes", AT_BYTES, 11, 10 });
        value = good;
        value.bytes.bytes = NULL;
        check_refused(&value, (struct wanted){ -EINVAL, LEAT_XDR_NULL, "bytes", AT_BYTES, 0, 0 });
        value = good;
        value.string = TEXT("a\0b");
        check_refused(&value, (struct wanted){ -EINVAL, LEAT_XDR_NUL_IN_STRING, "string", AT_STRING, 1, 0 });
        value = good;
        value.records.count = 5;
        check_refused(&value, (struct wanted){ -EINVAL, LEAT_XDR_TOO_LONG, "records", AT_RECORDS, 5, 4 });
        value = good;
        value.records.items = NULL;
        check_refused(&value, (struct wanted){ -EINVAL, LEAT_XDR_NULL, "records", AT_RECORDS, 0, 0 });
        value = good;
        value.choice.u.records = NULL;
        check_refused(&value, (struct wanted){ -EINVAL, LEAT_XDR_NULL, "choice.records", AT_CHOICE + 4, 0, 0 });
        value = good;
        value.choice.color = (enum color) - 1;
        check_refused(&value,
                      (struct wanted){ -EINVAL, LEAT_XDR_UNKNOWN_ENUM, "choice.color", AT_CHOICE, UINT64_MAX, 0 });
        struct record records[2] = { good.records.items[0], good.records.items[1] };
        records[1].name.size_bytes = 33;
        value = good;
        value.records.items = records;
        check_refused(&value, (struct wanted){ -EINVAL, LEAT_XDR_TOO_LONG, "records[1].name", AT_NAME_1, 33, 32 });
}

TEST(an_unknown_case_is_refused) {
        struct expression value = { 2, { 0 } };
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_fault fault;
        int error = leat_xdr_encode(schemas_type(NODE_EXPRESSION), &value, &buffer, &fault);
        check_fault(&fault, error, (struct wanted){ -EINVAL, LEAT_XDR_UNKNOWN_ARM, "kind", 0, 2, 0 });
        leat_xdr_buffer_free(&buffer);
}

TEST(a_buffer_that_is_too_small_stays_as_it_was) {
        struct everything value = schemas_everything();
        uint8_t room[1024];
        struct leat_xdr_fault fault;
        int64_t size = leat_xdr_size(schemas_type(NODE_EVERYTHING), &value, NULL);
        for (int64_t small = 0; small < size; small++) {
                struct leat_xdr_buffer buffer = leat_xdr_buffer_over(room, (size_t)small + 3), growing = { 0 };
                buffer.size_bytes = 3;
                memset(room, 0xa5, sizeof(room));
                CHECK_EQ(leat_xdr_encode(schemas_type(NODE_EVERYTHING), &value, &buffer, &fault), -EMSGSIZE);
                CHECK_EQ(fault.what, LEAT_XDR_NO_ROOM);
                CHECK_EQ(fault.limit, small + 3);
                CHECK(fault.offset <= (uint64_t)small);
                CHECK_EQ(buffer.size_bytes, 3);
                CHECK_EQ(room[2], 0xa5);
                CHECK_EQ(room[small + 3], 0xa5);
                growing.limit_bytes = (size_t)small + 1;
                CHECK_EQ(leat_xdr_encode(schemas_type(NODE_EVERYTHING), &value, &growing, NULL),
                         small + 1 == size ? 0 : -EMSGSIZE);
                CHECK(growing.room_bytes <= (size_t)small + 1);
                leat_xdr_buffer_free(&growing);
        }
        struct leat_xdr_buffer buffer = leat_xdr_buffer_over(room, (size_t)size);
        CHECK_EQ(leat_xdr_encode(schemas_type(NODE_EVERYTHING), &value, &buffer, &fault), 0);
        buffer = leat_xdr_buffer_over(NULL, 0);
        CHECK_EQ(leat_xdr_encode(schemas_type(NODE_VOID), NULL, &buffer, &fault), 0);
        CHECK_EQ(leat_xdr_encode(schemas_type(NODE_EVERYTHING), &value, &buffer, &fault), -EMSGSIZE);
        check_fault(&fault, -EMSGSIZE, (struct wanted){ -EMSGSIZE, LEAT_XDR_NO_ROOM, "a_int", 0, 4, 0 });
}

/* ---- as text ---- */

TEST(a_fault_is_told_in_one_sentence) {
        struct leat_xdr_fault fault = {
                .what = LEAT_XDR_TOO_LONG, .offset = 48, .value = 300, .limit = 255, .path = "entries[3].name"
        };
        char text[200];
        CHECK_STR(leat_xdr_fault_text(&fault, text, sizeof(text)),
                  "entries[3].name: a length of 300, at most 255 are allowed (at byte 48)");
        CHECK_STR(leat_xdr_fault_text(&fault, text, 12), "entries[3].");
        CHECK_STR(leat_xdr_fault_text(&fault, text, 1), "");
        fault = (struct leat_xdr_fault){ .what = LEAT_XDR_UNKNOWN_ENUM, .value = (uint64_t)-7 };
        CHECK_STR(leat_xdr_fault_text(&fault, text, sizeof(text)), "-7 is no value of the enumeration (at byte 0)");
        for (int what = 0; what <= LEAT_XDR_WHAT_MAX + 1; what++) {
                fault = (struct leat_xdr_fault){ .what = (enum leat_xdr_what)what };
                CHECK(strlen(leat_xdr_fault_text(&fault, text, sizeof(text))) > 10);
                CHECK(!strchr(text, '%'));
        }
}

TEST_MAIN()
