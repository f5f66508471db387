/* SPDX-License-Identifier: MIT */

/* What hostile bytes can cost generated code, straight, --small and --borrow: stack, nesting, memory. */
#include "bytes.h"
#include "harness.h"

#include "kinds.h"
#include "kinds_borrow.h"
#include "kinds_small.h"
#include "within.h"
#include "within_borrow.h"
#include "within_small.h"
#include <errno.h>
#include <leat/xdr_code.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The three ways of a type. */
#define WAYS 3
#define KINDS(name)                                                                                                    \
        { kinds_##name##_type, kinds_small_##name##_type, kinds_borrow_##name##_type }
#define WITHIN(name)                                                                                                   \
        { within_##name##_type, within_small_##name##_type, within_borrow_##name##_type }
typedef struct leat_xdr_type type_function(void);

/* ---- with little stack ---- */

#define STACK_BYTES (SANITIZED ? 512u << 10 : 64u << 10)

/* In a thread with so little stack that a call for each node of the lists below could not fit: they have 100000 nodes or more. */
static void with_little_stack(void *(*function)(void *argument), void *argument) {
        pthread_attr_t attributes;
        pthread_t thread;
        CHECK_EQ(pthread_attr_init(&attributes), 0);
        CHECK_EQ(pthread_attr_setstacksize(&attributes, STACK_BYTES), 0);
        CHECK_EQ(pthread_create(&thread, &attributes, function, argument), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        CHECK_EQ(pthread_attr_destroy(&attributes), 0);
}

struct chain {
        struct leat_xdr_type type;
        struct leat_xdr_buffer message;
        uint32_t count;
};

static void make_chain(struct chain *chain, uint32_t count) {
        chain->count = count;
        CHECK_EQ(leat_xdr_buffer_reserve(&chain->message, 12 * (size_t)count + 4), 0);
        put_word(&chain->message, 1);
        for (uint32_t i = 0; i < count; i++) {
                put_word(&chain->message, i);
                put_word(&chain->message, 0);
                put_word(&chain->message, i + 1 < count);
        }
}

static void check_nodes(const struct kinds_node *list, uint32_t count) {
        uint32_t seen = 0;
        for (const struct kinds_node *node = list; node; node = node->next, seen++)
                if (node->value != (int32_t)seen || node->label.size_bytes > 0)
                        FAIL("node %u: %d", (unsigned)seen, (int)node->value);
        CHECK_EQ(seen, count);
}

static void *decode_and_encode(void *argument) {
        struct chain *chain = argument;
        struct leat_xdr_buffer again = { 0 };
        struct leat_xdr_arena arena;
        struct leat_xdr_fault fault;
        struct kinds_node *list = NULL;
        leat_xdr_arena_init(&arena, (sizeof(*list) + 1) * (size_t)chain->count + (2 << 20));
        if (leat_xdr_decode(chain->type, chain->message.bytes, chain->message.size_bytes, &arena, NULL, &list, &fault) <
            0)
                FAIL("what %d at %llu", (int)fault.what, (unsigned long long)fault.offset);
        check_nodes(list, chain->count);
        CHECK_EQ(leat_xdr_encode(chain->type, &list, &again, NULL), 0);
        CHECK_EQ(again.size_bytes, chain->message.size_bytes);
        CHECK_EQ(memcmp(again.bytes, chain->message.bytes, again.size_bytes), 0);
        leat_xdr_buffer_free(&again);
        leat_xdr_arena_free(&arena);
        return NULL;
}

/* The bytes would fit; the nodes do not. */
static void *decode_beyond_the_limit(void *argument) {
        struct chain *chain = argument;
        struct leat_xdr_arena arena;
        struct leat_xdr_fault fault;
        struct kinds_node *list = NULL;
        leat_xdr_arena_init(&arena, sizeof(*list) * (size_t)chain->count - 1);
        CHECK_EQ(leat_xdr_decode(chain->type, chain->message.bytes, chain->message.size_bytes, &arena, NULL, &list,
                                 &fault),
                 -EMSGSIZE);
        CHECK_EQ(fault.what, LEAT_XDR_ARENA_FULL);
        CHECK_EQ(arena.taken_bytes, 0);
        leat_xdr_arena_free(&arena);
        return NULL;
}

TEST(a_long_chain_takes_no_stack) {
        static type_function *const lists[WAYS] = KINDS(list);
        struct chain chain = { 0 };
        make_chain(&chain, (uint32_t)harness_how_many(100000, 10000000, 10000000));
        for (int way = 0; way < WAYS; way++) {
                chain.type = lists[way]();
                with_little_stack(decode_and_encode, &chain);
                with_little_stack(decode_beyond_the_limit, &chain);
        }
        leat_xdr_buffer_free(&chain.message);
}

static void *copy_and_compare(void *argument) {
        struct chain *chain = argument;
        struct leat_xdr_arena arena = { 0 };
        struct kinds_node *list = NULL, *copy = NULL;
        CHECK_EQ(leat_xdr_decode(chain->type, chain->message.bytes, chain->message.size_bytes, &arena, NULL, &list,
                                 NULL),
                 0);
        CHECK_EQ(leat_xdr_copy(chain->type, &list, &arena, &copy), 0);
        CHECK(copy != list);
        check_nodes(copy, chain->count);
        CHECK_EQ(leat_xdr_compare(chain->type, &list, &copy), 0);
        leat_xdr_arena_free(&arena);
        return NULL;
}

TEST(a_long_chain_is_copied_and_compared_with_little_stack) {
        static type_function *const lists[WAYS] = KINDS(list);
        struct chain chain = { 0 };
        make_chain(&chain, 100000);
        for (int way = 0; way < WAYS; way++) {
                chain.type = lists[way]();
                with_little_stack(copy_and_compare, &chain);
        }
        leat_xdr_buffer_free(&chain.message);
}

/* ---- nesting ---- */

#define WORDS_MOST 4

/* A value with so many structures or unions inside of each other: on the way down, at the bottom, on the way up. */
static const struct nest {
        type_function *types[WAYS];
        unsigned down_count, bottom_count, up_count;
        uint32_t down[WORDS_MOST], bottom[WORDS_MOST], up[WORDS_MOST];
} nests[] = {
        { KINDS(tree), 2, 3, 1, { 7, 1 }, { 7, 0, 0 }, { 0 } },    /* to the left */
        { KINDS(expression), 1, 2, 0, { 1 }, { 0, 9 }, { 0 } },    /* by an arm */
        { KINDS(expression), 2, 2, 0, { 3, 1 }, { 0, 9 }, { 0 } }, /* by a list */
        { WITHIN(by_bool), 2, 2, 0, { 0, 1 }, { 0, 0 }, { 0 } },   /* by a pointer in an arm */
        { WITHIN(by_sparse), 2, 2, 0, { 7, 1 }, { 0, 0 }, { 0 } }, /* by a list of itself */
        { WITHIN(both), 1, 3, 2, { 1 }, { 0, 0, 0 }, { 0, 0 } },   /* beside a chain */
        { WITHIN(by_bool), 2, 2, 0, { 0, 1 }, { 1, 0 }, { 0 } },   /* another bottom */
};

static void put_each(struct leat_xdr_buffer *buffer, const uint32_t words[WORDS_MOST], unsigned count) {
        for (unsigned i = 0; i < count; i++)
                put_word(buffer, words[i]);
}

static struct leat_xdr_buffer nested(const struct nest *nest, uint32_t levels) {
        struct leat_xdr_buffer buffer = { 0 };
        for (uint32_t i = 1; i < levels; i++)
                put_each(&buffer, nest->down, nest->down_count);
        put_each(&buffer, nest->bottom, nest->bottom_count);
        for (uint32_t i = 1; i < levels; i++)
                put_each(&buffer, nest->up, nest->up_count);
        return buffer;
}

static void check_nest(const struct nest *nest, int way, uint32_t levels, uint32_t depth) {
        struct leat_xdr_buffer buffer = nested(nest, levels), again = { 0 };
        struct leat_xdr_rules rules = { .size = sizeof(rules), .depth = depth };
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        struct leat_xdr_type type = nest->types[way]();
        uint32_t most = depth > 0 ? depth : LEAT_XDR_DEPTH;
        void *value = calloc(1, leat_xdr_value_size(type));
        CHECK(value);
        int error = leat_xdr_decode(type, buffer.bytes, buffer.size_bytes, &arena, &rules, value, &fault);
        if (error != (levels <= most ? 0 : -EMSGSIZE))
                FAIL("nest %d, way %d, %u levels: %d", (int)(nest - nests), way, (unsigned)levels, error);
        if (error == 0) {
                CHECK_EQ(leat_xdr_encode(type, value, &again, NULL), 0);
                CHECK_EQ(again.size_bytes, buffer.size_bytes);
                CHECK_MEM(again.bytes, buffer.bytes, buffer.size_bytes);
        } else {
                CHECK_EQ(fault.what, LEAT_XDR_TOO_DEEP);
                CHECK_EQ(fault.limit, most);
                CHECK_EQ(arena.taken_bytes, 0);
        }
        free(value);
        leat_xdr_arena_free(&arena);
        leat_xdr_buffer_free(&again);
        leat_xdr_buffer_free(&buffer);
}

static void *check_nests(void *depth) {
        uint32_t most = *(uint32_t *)depth > 0 ? *(uint32_t *)depth : LEAT_XDR_DEPTH;
        for (size_t i = 0; i < sizeof(nests) / sizeof(nests[0]); i++)
                for (int way = 0; way < WAYS; way++) {
                        check_nest(&nests[i], way, most, *(uint32_t *)depth);
                        check_nest(&nests[i], way, most + 1, *(uint32_t *)depth);
                        check_nest(&nests[i], way, 1000000, *(uint32_t *)depth);
                }
        return NULL;
}

TEST(nesting_of_a_million_is_refused) {
        uint32_t usual = 0, most = LEAT_XDR_DEPTH_MOST;
        with_little_stack(check_nests, &usual);
        (void)check_nests(&most);
}

/* ---- memory ---- */

#define MESSAGE_BYTES 148
#define GIB (UINT32_C(1) << 30)

/* Where in a message a length of each type stands: behind the discriminant of a union, say. */
static const struct length {
        type_function *types[WAYS];
        uint32_t before;
        unsigned words_before;
} lengths[] = {
        { KINDS(names), 0, 0 },         { KINDS(expression), 3, 1 }, { WITHIN(flats), 0, 0 },
        { WITHIN(table), 0, 0 },        { WITHIN(pages), 0, 0 },     { WITHIN(floats), 0, 0 },
        { WITHIN(many_perhaps), 0, 0 }, { WITHIN(any_text), 0, 0 },  { WITHIN(several_sparse), 0, 0 },
        { WITHIN(by_unsigned), 5, 1 },  { WITHIN(hollows), 0, 0 },
};

static void check_length(const struct length *length, int way) {
        uint8_t message[MESSAGE_BYTES] = { 0 };
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_fault fault;
        struct leat_xdr_type type = length->types[way]();
        bool of_nothing =
                length->types[0] == within_hollows_type; /* all of it is there, but it takes too much memory */
        void *value = calloc(1, leat_xdr_value_size(type));
        CHECK(value);
        leat_xdr_put_32(message, length->before);
        leat_xdr_put_32(message + 4 * length->words_before, GIB);
        int error = leat_xdr_decode(type, message, sizeof(message), &arena, NULL, value, &fault);
        if (error != (of_nothing ? -EMSGSIZE : -EBADMSG))
                FAIL("type %d, way %d: %d", (int)(length - lengths), way, error);
        CHECK_EQ(fault.what, of_nothing ? LEAT_XDR_ARENA_FULL : LEAT_XDR_NOT_THERE);
        if (!of_nothing)
                CHECK_EQ(fault.value, GIB);
        CHECK_EQ(arena.taken_bytes, 0);
        CHECK(arena.spare_bytes <= 64 * MESSAGE_BYTES); /* also what it was given back */
        free(value);
        leat_xdr_arena_free(&arena);
}

static void check_lengths(void) {
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
                for (int way = 0; way < WAYS; way++)
                        check_length(&lengths[i], way);
}

TEST(a_gib_that_is_only_declared_is_not_taken) {
        check_lengths();
}

static uint64_t address_space_bytes(void) {
        unsigned long long pages = 0;
        FILE *file = fopen("/proc/self/statm", "re");
        CHECK(file);
        CHECK_EQ(fscanf(file, "%llu", &pages), 1);
        fclose(file);
        return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Nor asked for: where there is room for a quarter of it alone, it is refused for the same reasons. A sanitizer needs the room for itself. */
TEST(a_gib_that_is_only_declared_is_not_asked_for) {
        if (!SANITIZED) {
                struct rlimit limit;
                CHECK_EQ(getrlimit(RLIMIT_AS, &limit), 0);
                limit.rlim_cur = (rlim_t)(address_space_bytes() + GIB / 4);
                CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
                void *volatile too_much = malloc(GIB);
                CHECK(!too_much);
        }
        check_lengths();
}

TEST_MAIN()
