/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "schemas.h"

#include <errno.h>
#include <leat/xdr.h>
#include <stdlib.h>

static void check_print(enum schemas_node node, const void *value, const char *wanted) {
        struct leat_xdr_buffer buffer = { 0 };
        CHECK_EQ(leat_xdr_print(schemas_type(node), value, &buffer), 0);
        CHECK_EQ(leat_xdr_buffer_reserve(&buffer, 1), 0);
        buffer.bytes[buffer.size_bytes] = '\0';
        CHECK_STR((char *)buffer.bytes, wanted);
        leat_xdr_buffer_free(&buffer);
}

TEST(a_value_without_parts_is_a_line) {
        int32_t number = -7;
        enum color color = BLUE, unknown = (enum color)77;
        bool yes = true;
        double half = 0.5;
        check_print(NODE_INT, &number, "-7\n");
        check_print(NODE_COLOR, &color, "BLUE\n");
        check_print(NODE_COLOR, &unknown, "77\n");
        check_print(NODE_BOOL, &yes, "true\n");
        check_print(NODE_DOUBLE, &half, "0.5\n");
        check_print(NODE_VOID, NULL, "void\n");
}

TEST(text_is_quoted_and_commands_to_a_terminal_are_not_sent) {
        struct leat_xdr_string string = TEXT("a\"b\\\n\x1b[2J\xc3\xa9\xff\xc2\x9b\x7f");
        check_print(NODE_STRING, &string, "\"a\\\"b\\\\\\n\\x1b[2J\xc3\xa9\\xff\\xc2\\x9b\\x7f\"\n");
        string = (struct leat_xdr_string){ 0 };
        check_print(NODE_STRING, &string, "\"\"\n");
}

TEST(bytes_are_cut) {
        struct leat_xdr_bytes bytes = BYTES("\x01\xff");
        check_print(NODE_BYTES_10, &bytes, "01ff (2 bytes)\n");
        char many[100] = { 0 };
        bytes = (struct leat_xdr_bytes){ many, sizeof(many) };
        check_print(NODE_BYTES_10, &bytes,
                    "0000000000000000000000000000000000000000000000000000000000000000... (100 bytes)\n");
        bytes.size_bytes = 0;
        check_print(NODE_BYTES_10, &bytes, "(0 bytes)\n");
}

TEST(parts_are_indented) {
        struct tree children[2] = { { .value = 2 }, { .value = 3 } };
        struct tree tree = { .value = 1, .children = { children, 2 } };
        check_print(NODE_TREE, &tree,
                    "value: 1\n"
                    "children: (2)\n"
                    "  [0]:\n"
                    "    value: 2\n"
                    "    children: (0)\n"
                    "  [1]:\n"
                    "    value: 3\n"
                    "    children: (0)\n");
        struct choice choice = { .color = RED, .u.number = 4 };
        check_print(NODE_CHOICE, &choice, "color: RED\nnumber: 4\n");
        struct defaulted nothing = { .kind = 2 };
        check_print(NODE_DEFAULTED, &nothing, "kind: 2\n");
}

TEST(a_list_is_printed_by_a_loop) {
        struct link second = { .id = 2, .name = TEXT("b") }, first = { .id = 1, .next = &second };
        struct named_list list = { .version = 9, .list = &first };
        check_print(NODE_NAMED_LIST, &list,
                    "version: 9\n"
                    "list:\n"
                    "  [0]:\n"
                    "    id: 1\n"
                    "    name: \"\"\n"
                    "  [1]:\n"
                    "    id: 2\n"
                    "    name: \"b\"\n");
        list.list = NULL;
        check_print(NODE_NAMED_LIST, &list, "version: 9\nlist: (0)\n");
}

TEST(what_breaks_its_type_is_shown) {
        struct choice unknown = { .color = (enum color)9 };
        check_print(NODE_CHOICE, &unknown, "color: 9\n");
        struct expression missing = { .kind = 1 };
        check_print(NODE_EXPRESSION, &missing, "kind: 1\nnegated: NULL\n");
        struct tree tree = { .children = { NULL, 3 } };
        check_print(NODE_TREE, &tree, "value: 0\nchildren: NULL\n");
        int32_t *none = NULL;
        check_print(NODE_OPTIONAL_INT, &none, "null\n");
}

TEST(a_value_that_contains_itself_ends) {
        struct expression circle = { .kind = 1 };
        struct leat_xdr_buffer buffer = { 0 };
        circle.u.negated = &circle;
        CHECK_EQ(leat_xdr_print(schemas_type(NODE_EXPRESSION), &circle, &buffer), 0);
        CHECK(buffer.size_bytes > 5);
        CHECK_MEM(buffer.bytes + buffer.size_bytes - 5, " ...\n", 5);
        leat_xdr_buffer_free(&buffer);
}

TEST(the_limit_of_the_buffer_is_kept) {
        struct everything value = schemas_everything();
        struct leat_xdr_buffer whole = { 0 };
        CHECK_EQ(leat_xdr_print(schemas_type(NODE_EVERYTHING), &value, &whole), 0);
        for (size_t limit = 1; limit < whole.size_bytes; limit++) {
                struct leat_xdr_buffer buffer = { .limit_bytes = limit };
                CHECK_EQ(leat_xdr_print(schemas_type(NODE_EVERYTHING), &value, &buffer), -EMSGSIZE);
                CHECK_EQ(buffer.size_bytes, 0);
                leat_xdr_buffer_free(&buffer);
        }
        leat_xdr_buffer_free(&whole);
}

TEST_MAIN()
