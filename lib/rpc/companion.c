/* SPDX-License-Identifier: MIT */
#include "rpc/companion.h"

#include <errno.h>
#include <leat/xdr_code.h>
#include <string.h>

_Static_assert(COMPANION_ID_BYTES % 4 == 0, "opaque[] of it needs no padding");

/* ---- writing ---- */

/* Room for so many bytes, which are taken; NULL: *ret_error. */
static uint8_t *append(struct leat_xdr_buffer *buffer, size_t size_bytes, int *ret_error) {
        *ret_error = leat_xdr_buffer_reserve(buffer, size_bytes);
        if (*ret_error < 0)
                return NULL;
        uint8_t *at = buffer->bytes + buffer->size_bytes;
        buffer->size_bytes += size_bytes;
        return at;
}

#define GREETING_BYTES (COMPANION_ID_BYTES + 4u)
#define GREETED_BYTES (8u + COMPANION_ID_BYTES + 12u)
#define CANCEL_BYTES 20u
#define LEAVE_BYTES 8u

int companion_put_greeting(const struct companion_greeting *greeting, struct leat_xdr_buffer *buffer) {
        int r;
        uint8_t *at = append(buffer, GREETING_BYTES, &r);
        if (!at)
                return r;
        memcpy(at, greeting->client, COMPANION_ID_BYTES);
        leat_xdr_put_32(at + COMPANION_ID_BYTES, greeting->features);
        return 0;
}

int companion_put_greeted(const struct companion_greeted *greeted, struct leat_xdr_buffer *buffer) {
        int r;
        uint8_t *at = append(buffer, GREETED_BYTES, &r);
        if (!at)
                return r;
        leat_xdr_put_64(at, greeted->session);
        memcpy(at + 8, greeted->server, COMPANION_ID_BYTES);
        leat_xdr_put_32(at + 8 + COMPANION_ID_BYTES, greeted->window);
        leat_xdr_put_32(at + 12 + COMPANION_ID_BYTES, greeted->largest_bytes);
        leat_xdr_put_32(at + 16 + COMPANION_ID_BYTES, greeted->known);
        return 0;
}

int companion_put_cancel(const struct companion_cancel *cancel, struct leat_xdr_buffer *buffer) {
        int r;
        uint8_t *at = append(buffer, CANCEL_BYTES, &r);
        if (!at)
                return r;
        leat_xdr_put_64(at, cancel->session);
        leat_xdr_put_64(at + 8, cancel->sequence);
        leat_xdr_put_32(at + 16, cancel->xid);
        return 0;
}

int companion_put_leave(uint64_t session, struct leat_xdr_buffer *buffer) {
        int r;
        uint8_t *at = append(buffer, LEAVE_BYTES, &r);
        if (at)
                leat_xdr_put_64(at, session);
        return r;
}

void companion_write_notice(uint32_t xid, uint8_t *at) {
        const struct rpc_call call = {
                .xid = xid, .program = COMPANION_PROGRAM, .version = COMPANION_VERSION, .procedure = COMPANION_DRAIN
        };
        struct leat_xdr_buffer place = leat_xdr_buffer_over(at, COMPANION_NOTICE_BYTES);
        (void)rpc_call_encode(&call, &place); /* there is room for it */
}

bool companion_is_notice(uint32_t xid, const void *bytes, size_t size_bytes) {
        uint8_t notice[COMPANION_NOTICE_BYTES];
        if (size_bytes != sizeof(notice))
                return false;
        companion_write_notice(xid, notice);
        return memcmp(bytes, notice, sizeof(notice)) == 0;
}

/* How many bytes an answer has. */
static size_t answer_size(const struct companion_answer *answer) {
        if (answer->outcome != COMPANION_ANSWERED)
                return 4;
        return answer->status == LEAT_RPC_VERSION_MISMATCH ? 16 : 8;
}

int companion_put_answer(const struct companion_answer *answer, struct leat_xdr_buffer *buffer) {
        int r;
        size_t size = answer_size(answer);
        uint8_t *at = append(buffer, size, &r);
        if (!at)
                return r;
        leat_xdr_put_32(at, (uint32_t)answer->outcome);
        if (size >= 8)
                leat_xdr_put_32(at + 4, (uint32_t)answer->status);
        if (size == 16) {
                leat_xdr_put_32(at + 8, answer->low);
                leat_xdr_put_32(at + 12, answer->high);
        }
        return 0;
}

void companion_write_context(const struct companion_context *context, uint8_t *at) {
        leat_xdr_put_64(at, context->session);
        leat_xdr_put_64(at + 8, context->sequence);
        leat_xdr_put_64(at + 16, context->acknowledged);
        leat_xdr_put_64(at + 24, context->left_ns);
        leat_xdr_put_32(at + 32, context->flags);
        leat_xdr_put_32(at + 36, context->program);
        leat_xdr_put_32(at + 40, context->version);
        leat_xdr_put_32(at + 44, context->procedure);
}

/* ---- the list of what is served ---- */

/* A name as it is told: not all of one that is very long. */
static uint32_t name_size(const char *name) {
        return name ? (uint32_t)strnlen(name, COMPANION_NAME_MAX) : 0;
}

/* What a program or a procedure begins with: two numbers and a name. false: no room. */
static bool put_item(struct leat_xdr_buffer *buffer, size_t end, uint32_t number, uint32_t other, const char *name) {
        uint32_t name_bytes = name_size(name);
        size_t size = 12 + (size_t)leat_xdr_padded(name_bytes);
        if (buffer->size_bytes > end || size > end - buffer->size_bytes || leat_xdr_buffer_reserve(buffer, size) < 0)
                return false;
        uint8_t *at = buffer->bytes + buffer->size_bytes;
        leat_xdr_put_32(at, number);
        leat_xdr_put_32(at + 4, other);
        (void)leat_xdr_put_bytes(at + 8, name, name_bytes);
        buffer->size_bytes += size;
        return true;
}

/* A program with as many of its procedures as there is room for; false: not all, or not even itself. */
static bool put_program(const struct leat_rpc_program *program, size_t end, struct leat_xdr_buffer *buffer,
                        uint32_t *count) {
        int r;
        if (!put_item(buffer, end - 4, program->number, program->version, program->name))
                return false;
        uint8_t *at = append(buffer, 4, &r);
        if (!at)
                return false;
        size_t counted_at = (size_t)(at - buffer->bytes);
        uint32_t i = 0;
        for (; i < program->count; i++) {
                const struct leat_rpc_procedure *procedure = &program->procedures[i];
                if (!put_item(buffer, end, procedure->number, procedure->flags, procedure->name))
                        break;
        }
        leat_xdr_put_32(buffer->bytes + counted_at, i);
        ++*count;
        return i == program->count;
}

int companion_put_list(const struct leat_rpc_service *services, size_t services_count, size_t most_bytes,
                       struct leat_xdr_buffer *buffer) {
        size_t begin = buffer->size_bytes, end = begin + most_bytes - 4;
        int r = leat_xdr_buffer_reserve(buffer, most_bytes);
        if (r < 0)
                return r;
        buffer->size_bytes += 4;
        uint32_t count = 0;
        bool whole = true;
        for (size_t i = 0; i < services_count && whole; i++)
                whole = put_program(services[i].program, end, buffer, &count);
        leat_xdr_put_32(buffer->bytes + begin, count);
        leat_xdr_put_32(buffer->bytes + buffer->size_bytes, !whole); /* reserved */
        buffer->size_bytes += 4;
        return 0;
}

/* ---- reading ---- */

ssize_t companion_take_greeting(const void *bytes, size_t size_bytes, struct companion_greeting *ret_greeting) {
        const uint8_t *at = bytes;
        if (size_bytes != GREETING_BYTES)
                return -EBADMSG;
        memcpy(ret_greeting->client, at, COMPANION_ID_BYTES);
        ret_greeting->features = leat_xdr_get_32(at + COMPANION_ID_BYTES);
        return GREETING_BYTES;
}

ssize_t companion_take_greeted(const void *bytes, size_t size_bytes, struct companion_greeted *ret_greeted) {
        const uint8_t *at = bytes;
        if (size_bytes != GREETED_BYTES)
                return -EBADMSG;
        uint64_t session = leat_xdr_get_64(at);
        uint32_t window = leat_xdr_get_32(at + 8 + COMPANION_ID_BYTES);
        uint32_t largest = leat_xdr_get_32(at + 12 + COMPANION_ID_BYTES);
        uint32_t known = leat_xdr_get_32(at + 16 + COMPANION_ID_BYTES);
        if (session == 0 || window == 0 || largest == 0 || known > 1)
                return -EBADMSG;
        ret_greeted->session = session;
        memcpy(ret_greeted->server, at + 8, COMPANION_ID_BYTES);
        ret_greeted->window = window;
        ret_greeted->largest_bytes = largest;
        ret_greeted->known = known == 1;
        return GREETED_BYTES;
}

ssize_t companion_take_cancel(const void *bytes, size_t size_bytes, struct companion_cancel *ret_cancel) {
        const uint8_t *at = bytes;
        if (size_bytes != CANCEL_BYTES)
                return -EBADMSG;
        ret_cancel->session = leat_xdr_get_64(at);
        ret_cancel->sequence = leat_xdr_get_64(at + 8);
        ret_cancel->xid = leat_xdr_get_32(at + 16);
        return CANCEL_BYTES;
}

ssize_t companion_take_leave(const void *bytes, size_t size_bytes, uint64_t *ret_session) {
        if (size_bytes != LEAVE_BYTES)
                return -EBADMSG;
        *ret_session = leat_xdr_get_64(bytes);
        return LEAVE_BYTES;
}

ssize_t companion_take_context(const void *bytes, size_t size_bytes, struct companion_context *ret_context) {
        const uint8_t *at = bytes;
        if (size_bytes < COMPANION_CONTEXT_BYTES)
                return -EBADMSG;
        ret_context->session = leat_xdr_get_64(at);
        ret_context->sequence = leat_xdr_get_64(at + 8);
        ret_context->acknowledged = leat_xdr_get_64(at + 16);
        ret_context->left_ns = leat_xdr_get_64(at + 24);
        ret_context->flags = leat_xdr_get_32(at + 32);
        ret_context->program = leat_xdr_get_32(at + 36);
        ret_context->version = leat_xdr_get_32(at + 40);
        ret_context->procedure = leat_xdr_get_32(at + 44);
        return COMPANION_CONTEXT_BYTES;
}

/* Behind an answer that is no success nothing may follow. */
ssize_t companion_take_answer(const void *bytes, size_t size_bytes, struct companion_answer *ret_answer) {
        const uint8_t *at = bytes;
        struct companion_answer answer = { 0 };
        uint32_t outcome = size_bytes >= 4 ? leat_xdr_get_32(at) : COMPANION_OUTCOMES;
        if (outcome >= COMPANION_OUTCOMES)
                return -EBADMSG;
        answer.outcome = (enum companion_outcome)outcome;
        if (outcome == COMPANION_ANSWERED) {
                uint32_t status = size_bytes >= 8 ? leat_xdr_get_32(at + 4) : UINT32_MAX;
                if (status > LEAT_RPC_SYSTEM_ERROR)
                        return -EBADMSG;
                answer.status = (enum leat_rpc_status)status;
        }
        size_t size = answer_size(&answer);
        if (size_bytes < size)
                return -EBADMSG;
        if (size == 16) {
                answer.low = leat_xdr_get_32(at + 8);
                answer.high = leat_xdr_get_32(at + 12);
        }
        bool more = outcome == COMPANION_ANSWERED && answer.status == LEAT_RPC_SUCCESS;
        if (!more && size_bytes != size)
                return -EBADMSG;
        *ret_answer = answer;
        return (ssize_t)size;
}
