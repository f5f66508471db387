/* SPDX-License-Identifier: MIT */

/*
 * The messages of the companion program (lib/rpc/companion.h): written and read again, the bytes as docs/wire.md has them, each truncation,
 * and what may not be.
 */

#include "bytes.h"
#include "rpc/companion.h"

#include <errno.h>
#include <stdio.h>

/* One kind of message, as bytes. A message has some numbers, which fill() takes from a list and equals() compares. */
struct kind {
        const char *name;
        size_t size_bytes;
        bool exact; /* it is all that there is; else something may follow */
        int (*put)(const void *message, struct leat_xdr_buffer *buffer);
        ssize_t (*take)(const void *bytes, size_t size_bytes, void *ret_message);
};

union message {
        struct companion_greeting greeting;
        struct companion_greeted greeted;
        struct companion_cancel cancel;
        struct companion_context context;
        struct companion_answer answer;
        uint64_t session;
};

#define PUT(kind, function)                                                                                            \
        static int put_##kind(const void *message, struct leat_xdr_buffer *buffer) {                                   \
                return function(message, buffer);                                                                      \
        }
#define TAKE(kind)                                                                                                     \
        static ssize_t take_##kind(const void *bytes, size_t size_bytes, void *ret_message) {                          \
                return companion_take_##kind(bytes, size_bytes, ret_message);                                          \
        }

static int put_session(const uint64_t *session, struct leat_xdr_buffer *buffer) {
        return companion_put_leave(*session, buffer);
}

static int write_context(const struct companion_context *context, struct leat_xdr_buffer *buffer) {
        CHECK_EQ(leat_xdr_buffer_reserve(buffer, COMPANION_CONTEXT_BYTES), 0);
        companion_write_context(context, buffer->bytes + buffer->size_bytes);
        buffer->size_bytes += COMPANION_CONTEXT_BYTES;
        return 0;
}

PUT(greeting, companion_put_greeting)
PUT(greeted, companion_put_greeted)
PUT(cancel, companion_put_cancel)
PUT(leave, put_session)
PUT(context, write_context)
PUT(answer, companion_put_answer)
TAKE(greeting)
TAKE(greeted)
TAKE(cancel)
TAKE(leave)
TAKE(context)
TAKE(answer)

static const struct kind greeting_kind = { "greeting", 20, true, put_greeting, take_greeting },
                         greeted_kind = { "greeted", 36, true, put_greeted, take_greeted },
                         cancel_kind = { "cancel", 20, true, put_cancel, take_cancel },
                         leave_kind = { "leave", 8, true, put_leave, take_leave },
                         context_kind = { "context", COMPANION_CONTEXT_BYTES, false, put_context, take_context };

static struct kind answer_kind(const struct companion_answer *answer) {
        size_t size = 4;
        if (answer->outcome == COMPANION_ANSWERED)
                size = answer->status == LEAT_RPC_VERSION_MISMATCH ? 16 : 8;
        bool with_result = answer->outcome == COMPANION_ANSWERED && answer->status == LEAT_RPC_SUCCESS;
        return (struct kind){ "answer", size, !with_result, put_answer, take_answer };
}

/* Every shorter one is refused, and what it was to be put in is as before; a longer one too, if it has to be exact. */
static void check_sizes(const struct kind *kind, const uint8_t *bytes) {
        for (size_t size = 0; size <= kind->size_bytes + 8; size++) {
                union message message, before;
                uint8_t *copy = exact(NULL, size);
                memset(copy, 0, size);
                memcpy(copy, bytes, size < kind->size_bytes ? size : kind->size_bytes);
                memset(&message, 0xa5, sizeof(message));
                before = message;
                ssize_t n = kind->take(copy, size, &message);
                bool good = kind->exact ? size == kind->size_bytes : size >= kind->size_bytes;
                if (n != (good ? (ssize_t)kind->size_bytes : -EBADMSG))
                        FAIL("%s of %zu bytes: %zd", kind->name, size, n);
                if (!good)
                        CHECK_MEM(&message, &before, sizeof(message));
                free(copy);
        }
}

/* Appended behind what is there; read, and written again it is the same. */
static void check_there_and_back(const struct kind *kind, const void *message, const uint8_t *want) {
        struct leat_xdr_buffer buffer = { 0 };
        union message back;
        memset(&back, 0, sizeof(back));
        put_word(&buffer, 0xabad1dea);
        CHECK_EQ(kind->put(message, &buffer), 0);
        CHECK_EQ(buffer.size_bytes, 4 + kind->size_bytes);
        CHECK_EQ(buffer.bytes[0], 0xab);
        if (want)
                CHECK_MEM(buffer.bytes + 4, want, kind->size_bytes);
        check_sizes(kind, buffer.bytes + 4);
        CHECK_EQ(kind->take(buffer.bytes + 4, kind->size_bytes, &back), kind->size_bytes);
        CHECK_EQ(kind->put(&back, &buffer), 0);
        CHECK_EQ(buffer.size_bytes, 4 + 2 * kind->size_bytes);
        CHECK_MEM(buffer.bytes + 4, buffer.bytes + 4 + kind->size_bytes, kind->size_bytes);
        leat_xdr_buffer_free(&buffer);
}

#define ID                                                                                                             \
        { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 }
#define ID_BYTES 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16

TEST(a_greeting_and_its_answer) {
        static const uint8_t greeting_bytes[] = { ID_BYTES, 0, 0, 0, 9 };
        static const uint8_t greeted_bytes[] = { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, ID_BYTES, 0, 0,
                                                 4,    0,    0,    16,   0,    0,    0,    0,    0,        1 };
        struct companion_greeting greeting = { ID, 9 };
        struct companion_greeted greeted = { UINT64_C(0x1122334455667788), ID, 1024, 1 << 20, true };
        check_there_and_back(&greeting_kind, &greeting, greeting_bytes);
        check_there_and_back(&greeted_kind, &greeted, greeted_bytes);
        greeting.features = UINT32_MAX;
        greeted.session = UINT64_MAX;
        greeted.window = greeted.largest_bytes = UINT32_MAX;
        greeted.known = false;
        check_there_and_back(&greeting_kind, &greeting, NULL);
        check_there_and_back(&greeted_kind, &greeted, NULL);
}

TEST(a_cancellation_and_a_farewell) {
        static const uint8_t bytes[] = { 0, 0, 0, 0, 0, 0, 0, 7, 0xff, 0, 0, 0, 0, 0, 0, 8, 0x12, 0x34, 0x56, 0x78 };
        struct companion_cancel cancel = { 7, UINT64_C(0xff00000000000008), 0x12345678 };
        uint64_t session = 7;
        check_there_and_back(&cancel_kind, &cancel, bytes);
        check_there_and_back(&leave_kind, &session, bytes);
        cancel = (struct companion_cancel){ 0, 0, UINT32_MAX };
        session = UINT64_MAX;
        check_there_and_back(&cancel_kind, &cancel, NULL);
        check_there_and_back(&leave_kind, &session, NULL);
}

TEST(a_context) {
        static const uint8_t bytes[] = {
                1,    0,    0,    0,    0,    0,    0,    2,    /* session */
                3,    0,    0,    0,    0,    0,    0,    4,    /* sequence */
                5,    0,    0,    0,    0,    0,    0,    6,    /* acknowledged */
                0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* left */
                0,    0,    0,    1,    7,    0,    0,    8,    /* flags, program */
                9,    0,    0,    10,   11,   0,    0,    12,   /* version, procedure */
        };
        struct companion_context context = { UINT64_C(0x0100000000000002),
                                             UINT64_C(0x0300000000000004),
                                             UINT64_C(0x0500000000000006),
                                             COMPANION_FOREVER,
                                             COMPANION_AGAIN,
                                             0x07000008,
                                             0x0900000a,
                                             0x0b00000c };
        check_there_and_back(&context_kind, &context, bytes);
        context = (struct companion_context){ .program = 1 };
        check_there_and_back(&context_kind, &context, NULL);
}

TEST(every_outcome) {
        static const uint8_t mismatch[] = { 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0xff, 0xff, 0xff, 0xff };
        for (int outcome = COMPANION_STALE; outcome < COMPANION_OUTCOMES; outcome++) {
                const uint8_t bytes[] = { 0, 0, 0, (uint8_t)outcome };
                struct companion_answer answer = { .outcome = (enum companion_outcome)outcome };
                struct kind kind = answer_kind(&answer);
                check_there_and_back(&kind, &answer, bytes);
        }
        for (int status = LEAT_RPC_SUCCESS; status <= LEAT_RPC_SYSTEM_ERROR; status++) {
                struct companion_answer answer = { COMPANION_ANSWERED, (enum leat_rpc_status)status, 3, UINT32_MAX };
                const uint8_t bytes[] = { 0, 0, 0, 0, 0, 0, 0, (uint8_t)status };
                struct kind kind = answer_kind(&answer);
                check_there_and_back(&kind, &answer, status == LEAT_RPC_VERSION_MISMATCH ? mismatch : bytes);
        }
}

/* ---- what may not be ---- */

static void check_is_refused(const struct kind *kind, const uint32_t *words, size_t count) {
        struct leat_xdr_buffer buffer = { 0 };
        union message message;
        for (size_t i = 0; i < count; i++)
                put_word(&buffer, words[i]);
        CHECK_EQ(kind->take(buffer.bytes, buffer.size_bytes, &message), -EBADMSG);
        leat_xdr_buffer_free(&buffer);
}
#define REFUSED(kind, ...)                                                                                             \
        check_is_refused(kind, (const uint32_t[]){ __VA_ARGS__ }, sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

TEST(what_may_not_be_is_refused) {
        const struct kind answer = { "answer", 4, false, put_answer, take_answer };
        REFUSED(&answer, COMPANION_OUTCOMES);
        REFUSED(&answer, UINT32_MAX);
        REFUSED(&answer, UINT32_C(0x80000000), 0);
        REFUSED(&answer, COMPANION_ANSWERED, LEAT_RPC_SYSTEM_ERROR + 1);
        REFUSED(&answer, COMPANION_ANSWERED, UINT32_MAX);
        REFUSED(&answer, COMPANION_ANSWERED, UINT32_C(0x80000000), 0, 0);
        /* A session, a window and the largest message are never 0, and a truth is 0 or 1. */
        REFUSED(&greeted_kind, 1, 0, 1, 2, 3, 4, 0, 9, 0);
        REFUSED(&greeted_kind, 0, 0, 1, 2, 3, 4, 1024, 9, 0);
        REFUSED(&greeted_kind, 1, 0, 1, 2, 3, 4, 1024, 0, 0);
        REFUSED(&greeted_kind, 1, 0, 1, 2, 3, 4, 1024, 9, 2);
        REFUSED(&greeted_kind, 1, 0, 1, 2, 3, 4, 1024, 9, UINT32_MAX);
}

/* Whatever the bytes, nothing outside them is looked at, and what is accepted is written as it was read. */
TEST(random_bytes) {
        const struct kind *const kinds[] = { &greeting_kind, &greeted_kind, &cancel_kind, &leave_kind, &context_kind };
        for (uint64_t round = harness_how_many(2000, 20000, 1000000); round > 0; round--) {
                const struct kind *kind = kinds[round % (sizeof(kinds) / sizeof(kinds[0]))];
                size_t size = harness_random_below(3) ? kind->size_bytes : harness_random_below(64);
                uint8_t *bytes = exact(NULL, size);
                struct leat_xdr_buffer again = { 0 };
                union message message;
                for (size_t i = 0; i < size; i++)
                        bytes[i] = harness_random_below(2) ? (uint8_t)harness_random() : 0;
                ssize_t n = kind->take(bytes, size, &message);
                CHECK(n == -EBADMSG || n == (ssize_t)kind->size_bytes);
                if (n > 0) {
                        CHECK_EQ(kind->put(&message, &again), 0);
                        CHECK_MEM(again.bytes, bytes, (size_t)n);
                }
                leat_xdr_buffer_free(&again);
                free(bytes);
        }
}

/* Appended to where there is no room: an error, and nothing was appended. */
TEST(no_room_is_told) {
        const struct companion_greeted greeted = { 1, ID, 1, 1, false };
        for (size_t room = 0; room < greeted_kind.size_bytes; room++) {
                uint8_t bytes[64];
                struct leat_xdr_buffer buffer = leat_xdr_buffer_over(bytes, room);
                CHECK(companion_put_greeted(&greeted, &buffer) < 0);
                CHECK_EQ(buffer.size_bytes, 0);
        }
}

TEST_MAIN()
