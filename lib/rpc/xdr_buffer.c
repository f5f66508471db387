/* SPDX-License-Identifier: MIT */
#include "rpc/xdr_buffer.h"

#include "base/rare.h"

#include <errno.h>
#include <stdlib.h>

#define ROOM_LEAST ((size_t)256)

/* Where an encoder stands that has no bytes: a pointer, as NULL would be a failure. Nothing is written here. */
static uint8_t nowhere[1];

void leat_xdr_buffer_free(struct leat_xdr_buffer *buffer) {
        if (!buffer)
                return;
        if (!buffer->fixed)
                free(buffer->bytes);
        buffer->bytes = NULL;
        buffer->size_bytes = buffer->room_bytes = 0;
}

/* Make room for size_bytes behind the first used_bytes. */
static int grow(struct leat_xdr_buffer *buffer, size_t used_bytes, size_t size_bytes) {
        size_t most = xdr_buffer_most(buffer);
        if (used_bytes > most || size_bytes > most - used_bytes)
                return -EMSGSIZE;
        size_t wanted = used_bytes + size_bytes;
        if (wanted <= buffer->room_bytes)
                return 0;
        size_t room = wanted < ROOM_LEAST / 2 ? ROOM_LEAST : wanted;
        if (buffer->room_bytes < SIZE_MAX / 4 && room < 2 * buffer->room_bytes)
                room = 2 * buffer->room_bytes;
        if (room > most)
                room = most;
        uint8_t *bytes = realloc(buffer->bytes, room);
        if (!bytes)
                return -ENOMEM;
        buffer->bytes = bytes;
        buffer->room_bytes = room;
        return 0;
}

int leat_xdr_buffer_reserve(struct leat_xdr_buffer *buffer, size_t size_bytes) {
        return grow(buffer, buffer->size_bytes, size_bytes);
}

/* ---- of an encoding ---- */

static void set_end(struct leat_xdr_encoder *encoder) {
        struct leat_xdr_buffer *buffer = encoder->buffer;
        size_t most = xdr_buffer_most(buffer);
        encoder->end =
                buffer->bytes ? buffer->bytes + (buffer->room_bytes < most ? buffer->room_bytes : most) : nowhere;
}

uint8_t *xdr_encoder_begin(struct leat_xdr_encoder *encoder, struct leat_xdr_buffer *buffer) {
        encoder->buffer = buffer;
        set_end(encoder);
        uint8_t *at = buffer->bytes ? buffer->bytes + buffer->size_bytes : nowhere;
        if (at > encoder->end)
                encoder->end = at; /* the limit came later than the bytes */
        return at;
}

void xdr_encoder_end(struct leat_xdr_encoder *encoder, const uint8_t *at) {
        if (encoder->buffer->bytes)
                encoder->buffer->size_bytes = (size_t)(at - encoder->buffer->bytes);
}

RARE uint8_t *leat_xdr_encoder_grow(struct leat_xdr_encoder *encoder, uint8_t *at, size_t size_bytes) {
        struct leat_xdr_buffer *buffer = encoder->buffer;
        size_t used = buffer->bytes ? (size_t)(at - buffer->bytes) : 0;
        if (grow(buffer, used, size_bytes) < 0)
                return NULL;
        set_end(encoder);
        return buffer->bytes ? buffer->bytes + used : at;
}
