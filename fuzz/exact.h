/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_EXACT_H
#define FUZZ_EXACT_H

#include "require.h"

#include <stdint.h>
#include <string.h>

/* These bytes in memory of their exact size, so that a read beyond the end is seen. The caller frees it. */
static inline uint8_t *exact_copy(const uint8_t *bytes, size_t size) {
        uint8_t *copy = malloc(size > 0 ? size : 1);
        REQUIRE(copy);
        if (size > 0)
                memcpy(copy, bytes, size);
        return copy;
}

#endif
