/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "rpc/schemas.c" /* of another folder, which no program here is linked with */
#include "torture.h"

#include <errno.h>

/* Of the pieces of memory that the codec asks for, each one in its turn is not given. */

static struct link *list;
static struct leat_xdr_buffer bytes;

/* A list whose decoding takes several blocks, of different kinds. */
static void make_list(void) {
        static char text[5000];
        static struct link links[64];
        memset(text, 'x', sizeof(text));
        for (uint32_t i = 0; i < 64; i++)
                links[i] = (struct link){ (int32_t)i, { text, i * 70 }, i < 63 ? &links[i + 1] : NULL };
        list = links;
        CHECK_EQ(leat_xdr_encode(schemas_type(NODE_LINKS), &list, &bytes, NULL), 0);
}

static int decode(void) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        struct link *links = NULL;
        int error = leat_xdr_arena_take(&arena, 100) ? 0 : -ENOMEM;
        size_t before = arena.taken_bytes;
        if (error == 0) {
                error = leat_xdr_decode(schemas_type(NODE_LINKS), bytes.bytes, bytes.size_bytes, &arena, NULL, &links,
                                        &fault);
                CHECK(error == 0 || fault.what == LEAT_XDR_NO_MEMORY);
                CHECK(error == 0 || arena.taken_bytes == before);
        }
        leat_xdr_arena_free(&arena);
        return error;
}

static int copy(void) {
        struct leat_xdr_arena arena = { 0 };
        struct link *links = NULL;
        int error = leat_xdr_copy(schemas_type(NODE_LINKS), &list, &arena, &links);
        CHECK(error == 0 || arena.taken_bytes == 0);
        leat_xdr_arena_free(&arena);
        return error;
}

static int encode(void) {
        struct leat_xdr_buffer buffer = { 0 };
        struct leat_xdr_fault fault;
        int error = leat_xdr_encode(schemas_type(NODE_LINKS), &list, &buffer, &fault);
        CHECK(error == 0 || (fault.what == LEAT_XDR_NO_MEMORY && buffer.size_bytes == 0));
        leat_xdr_buffer_free(&buffer);
        return error;
}

/* Fails at each call until there are no more; returns how often. */
static unsigned torture(int (*act)(void)) {
        const char *name = NULL;
        long outstanding = torture_outstanding();
        for (unsigned n = 1;; n++) {
                torture_start(TORTURE_MEMORY, n, ENOMEM);
                int error = act();
                bool met = torture_stop(&name);
                CHECK_EQ(error, met ? -ENOMEM : 0);
                CHECK_EQ(torture_outstanding(), outstanding);
                if (!met)
                        return n - 1;
        }
}

TEST(memory_that_is_not_given_is_told) {
        make_list();
        CHECK(torture(decode) >= 2);
        CHECK(torture(copy) >= 2);
        CHECK(torture(encode) >= 2);
        leat_xdr_buffer_free(&bytes);
}

TEST_MAIN()
