/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_CRC32C_H
#define LEAT_BASE_CRC32C_H

/* CRC32C (Castagnoli; RFC 3720, appendix B.4), by the processor's instruction where it has one. */

#include <stddef.h>
#include <stdint.h>

/* crc: 0, or the result for the bytes before. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t size);

/* The same without the instruction, for the tests to compare. */
uint32_t crc32c_by_table(uint32_t crc, const void *bytes, size_t size);

#endif
