/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "schemas.h"

#include <errno.h>
#include <string.h>

/* Values that contain themselves, which no decoder makes: whatever is done with one ends, and soon. */

/* `count` links, the last of which is followed by number `back`. */
static struct link *circle_of(struct link *links, size_t count, size_t back) {
        for (size_t i = 0; i < count; i++)
                links[i] = (struct link){ (int32_t)i, TEXT("x"), &links[i + 1 < count ? i + 1 : back] };
        return links;
}

TEST(two_lists_in_circles_are_compared) {
        struct link three[3], five[5];
        struct leat_xdr_type type = schemas_type(NODE_LINKS);
        for (size_t back = 0; back < 3; back++) {
                struct link *one = circle_of(three, 3, back), *other = circle_of(five, 5, back);
                CHECK_EQ(leat_xdr_compare(type, &one, &other), -1); /* by the fourth: 0, 1 or 2, and 3 */
                CHECK_EQ(leat_xdr_compare(type, &other, &one), 1);
                for (size_t i = 0; i < 5; i++)
                        five[i].id = three[i % 3].id = 7;
                CHECK_EQ(leat_xdr_compare(type, &one, &other), 0);
                five[4].next = NULL;
                CHECK_EQ(leat_xdr_compare(type, &one, &other), 1);
                CHECK_EQ(leat_xdr_compare(type, &other, &one), -1);
        }
}

TEST(a_list_in_a_circle_is_no_json) {
        struct link links[4];
        struct leat_xdr_buffer buffer = { .limit_bytes = 100000 };
        struct leat_xdr_fault fault;
        for (size_t back = 0; back < 4; back++) {
                struct named_list list = { 1, circle_of(links, 4, back) };
                CHECK_EQ(leat_xdr_to_json(schemas_type(NODE_NAMED_LIST), &list, &buffer, &fault), -EINVAL);
                CHECK_EQ(fault.what, LEAT_XDR_TOO_DEEP);
                CHECK_MEM(fault.path, "list[", 5);
                CHECK_EQ(buffer.size_bytes, 0);
                CHECK(buffer.room_bytes < 4096);
        }
        leat_xdr_buffer_free(&buffer);
}

/* It is printed, and its last line is this. */
static void check_last_line(enum schemas_node node, const void *value, const char *wanted) {
        struct leat_xdr_buffer buffer = { .limit_bytes = 32 << 20 };
        CHECK_EQ(leat_xdr_print(schemas_type(node), value, &buffer), 0);
        size_t size = strlen(wanted);
        CHECK(buffer.size_bytes > size);
        CHECK_MEM(buffer.bytes + buffer.size_bytes - size, wanted, size);
        leat_xdr_buffer_free(&buffer);
}

TEST(a_list_in_a_circle_is_printed_once) {
        struct link links[4];
        for (size_t back = 0; back < 4; back++) {
                struct named_list list = { 1, circle_of(links, 4, back) };
                check_last_line(NODE_NAMED_LIST, &list, "\n  ...\n");
        }
}

/* As many ways lead through these as there are steps to the power of two: only the first is gone. */
static void check_refused(enum schemas_node node, const void *value) {
        struct leat_xdr_type type = schemas_type(node);
        struct leat_xdr_buffer buffer = { .limit_bytes = 4 << 20 };
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        union {
                struct tree tree;
                struct pair pair;
        } copy;
        CHECK_EQ(leat_xdr_encode(type, value, &buffer, &fault), -EINVAL);
        CHECK_EQ(fault.what, LEAT_XDR_TOO_DEEP);
        CHECK_EQ(leat_xdr_to_json(type, value, &buffer, &fault), -EINVAL);
        CHECK_EQ(fault.what, LEAT_XDR_TOO_DEEP);
        CHECK_EQ(leat_xdr_size(type, value, NULL), -EINVAL);
        CHECK_EQ(leat_xdr_copy(type, value, &arena, &copy), -EINVAL);
        CHECK_EQ(arena.taken_bytes, 0);
        leat_xdr_buffer_free(&buffer);
}

TEST(trees_in_circles_end) {
        struct pair one = { &one, &one }, other = { &other, &other };
        struct tree twice[2], again[2];
        for (size_t i = 0; i < 2; i++) {
                twice[i] = (struct tree){ .value = 1, .children = { twice, 2 } };
                again[i] = (struct tree){ .value = 1, .children = { again, 2 } };
        }
        check_refused(NODE_PAIR, &one);
        check_refused(NODE_TREE, twice);
        check_last_line(NODE_PAIR, &one, "...\n");
        check_last_line(NODE_TREE, twice, "...\n");
        CHECK_EQ(leat_xdr_compare(schemas_type(NODE_PAIR), &one, &other), 0);
        CHECK_EQ(leat_xdr_compare(schemas_type(NODE_TREE), twice, again), 0);
        again[0].value = 2;
        CHECK_EQ(leat_xdr_compare(schemas_type(NODE_TREE), twice, again), -1);
}

TEST_MAIN()
