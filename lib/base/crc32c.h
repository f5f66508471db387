/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_CRC32C_H
#define LEAT_BASE_CRC32C_H

/* CRC32C (Castagnoli; RFC 3720, appendix B.4), by what the processor has for it. */

#include <stddef.h>
#include <stdint.h>

/* From the slowest, which every processor has, to the fastest. */
enum crc32c_way { CRC32C_TABLE, CRC32C_INSTRUCTION, CRC32C_THREE_STREAMS, CRC32C_WIDE_FOLDING, CRC32C_FASTEST };

/* The same by no faster way than that, for the tests to compare. */
uint32_t crc32c_by(enum crc32c_way way, uint32_t crc, const void *bytes, size_t size);

/* crc: 0, or the result for the bytes before. */
static inline uint32_t crc32c(uint32_t crc, const void *bytes, size_t size) {
        return crc32c_by(CRC32C_FASTEST, crc, bytes, size);
}

#endif
