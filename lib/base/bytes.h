/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_BYTES_H
#define LEAT_BASE_BYTES_H

/* Little-endian numbers in bytes, without alignment; the compiler makes one move of each. */

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define BYTES_DEFINE(bits)                                                                                             \
        static inline uint##bits##_t get_le##bits(const uint8_t *bytes) {                                              \
                uint##bits##_t value;                                                                                  \
                memcpy(&value, bytes, sizeof(value));                                                                  \
                return le##bits##toh(value);                                                                           \
        }                                                                                                              \
        static inline void put_le##bits(uint8_t *bytes, uint##bits##_t value) {                                        \
                value = htole##bits(value);                                                                            \
                memcpy(bytes, &value, sizeof(value));                                                                  \
        }

BYTES_DEFINE(16)
BYTES_DEFINE(32)
BYTES_DEFINE(64)

#undef BYTES_DEFINE

static inline uint32_t get_be32(const uint8_t *bytes) {
        uint32_t value;
        memcpy(&value, bytes, sizeof(value));
        return be32toh(value);
}

static inline void put_be32(uint8_t *bytes, uint32_t value) {
        value = htobe32(value);
        memcpy(bytes, &value, sizeof(value));
}

#endif
