/* SPDX-License-Identifier: MIT */
#ifndef RPC_BYTES_H
#define RPC_BYTES_H

/* Messages that a test makes by hand. */

#include "harness.h"

#include <leat/xdr_code.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline void put_word(struct leat_xdr_buffer *buffer, uint32_t word) {
        CHECK_EQ(leat_xdr_buffer_reserve(buffer, 4), 0);
        leat_xdr_put_32(buffer->bytes + buffer->size_bytes, word);
        buffer->size_bytes += 4;
}

/* Memory of exactly that size, so that a sanitizer sees who goes behind it; with these bytes, or none. The caller frees it. */
static inline void *exact(const void *bytes, size_t size_bytes) {
        void *copy = malloc(size_bytes > 0 ? size_bytes : 1);
        CHECK(copy);
        if (bytes && size_bytes > 0)
                memcpy(copy, bytes, size_bytes);
        return copy;
}

#endif
