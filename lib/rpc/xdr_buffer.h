/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_XDR_BUFFER_H
#define LEAT_RPC_XDR_BUFFER_H

#include <leat/xdr_code.h>

/* How many bytes a buffer may have in all, now or grown. */
static inline size_t xdr_buffer_most(const struct leat_xdr_buffer *buffer) {
        if (buffer->fixed)
                return buffer->bytes ? buffer->room_bytes : 0;
        return buffer->limit_bytes > 0 ? buffer->limit_bytes : SIZE_MAX / 2;
}

/* Make an encoder for what comes behind a buffer's bytes; returns where that is, never NULL. */
uint8_t *xdr_encoder_begin(struct leat_xdr_encoder *encoder, struct leat_xdr_buffer *buffer);

/* It wrote up to there. */
void xdr_encoder_end(struct leat_xdr_encoder *encoder, const uint8_t *at);

#endif
