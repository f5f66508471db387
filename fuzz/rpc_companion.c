/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: what stands behind the headers of the companion program's calls and replies (lib/rpc/companion.h). Nothing is read outside of it; what is accepted
 * is written as it was read; and what is refused leaves its place as it was.
 */

#include "exact.h"
#include "rpc/companion.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

union message {
        struct companion_greeting greeting;
        struct companion_greeted greeted;
        struct companion_cancel cancel;
        struct companion_context context;
        struct companion_answer answer;
        uint64_t session;
};

#define KINDS 6u

static ssize_t take(unsigned kind, const uint8_t *bytes, size_t size, union message *message) {
        switch (kind) {
        case 0:
                return companion_take_greeting(bytes, size, &message->greeting);
        case 1:
                return companion_take_greeted(bytes, size, &message->greeted);
        case 2:
                return companion_take_cancel(bytes, size, &message->cancel);
        case 3:
                return companion_take_leave(bytes, size, &message->session);
        case 4:
                return companion_take_context(bytes, size, &message->context);
        default:
                return companion_take_answer(bytes, size, &message->answer);
        }
}

static int put(unsigned kind, const union message *message, struct leat_xdr_buffer *buffer) {
        switch (kind) {
        case 0:
                return companion_put_greeting(&message->greeting, buffer);
        case 1:
                return companion_put_greeted(&message->greeted, buffer);
        case 2:
                return companion_put_cancel(&message->cancel, buffer);
        case 3:
                return companion_put_leave(message->session, buffer);
        case 4:
                REQUIRE(leat_xdr_buffer_reserve(buffer, COMPANION_CONTEXT_BYTES) == 0);
                companion_write_context(&message->context, buffer->bytes);
                buffer->size_bytes = COMPANION_CONTEXT_BYTES;
                return 0;
        default:
                return companion_put_answer(&message->answer, buffer);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t *bytes = exact_copy(data, size);
        for (unsigned kind = 0; kind < KINDS; kind++) {
                struct leat_xdr_buffer again = { 0 };
                union message message, before;
                memset(&before, 0x5a, sizeof(before));
                message = before;
                ssize_t n = take(kind, bytes, size, &message);
                if (n < 0) {
                        REQUIRE(n == -EBADMSG && memcmp(&message, &before, sizeof(message)) == 0);
                        continue;
                }
                REQUIRE((size_t)n <= size && put(kind, &message, &again) == 0);
                REQUIRE(again.size_bytes == (size_t)n && memcmp(again.bytes, bytes, (size_t)n) == 0);
                leat_xdr_buffer_free(&again);
        }
        free(bytes);
        return 0;
}
