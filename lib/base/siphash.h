/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_SIPHASH_H
#define LEAT_BASE_SIPHASH_H

/*
 * SipHash-c-d (Aumasson, Bernstein, 2012): a hash with a secret key, so that who chooses what is hashed does not choose where it falls.
 * SipHash-1-3 is for tables.
 */

#include "base/bytes.h"

#include <stddef.h>

static inline uint64_t siphash_rotate(uint64_t word, unsigned bits) {
        return word << bits | word >> (64 - bits);
}

static inline void siphash_rounds(uint64_t v[4], unsigned rounds) {
        for (; rounds > 0; rounds--) {
                v[0] += v[1];
                v[1] = siphash_rotate(v[1], 13) ^ v[0];
                v[0] = siphash_rotate(v[0], 32);
                v[2] += v[3];
                v[3] = siphash_rotate(v[3], 16) ^ v[2];
                v[0] += v[3];
                v[3] = siphash_rotate(v[3], 21) ^ v[0];
                v[2] += v[1];
                v[1] = siphash_rotate(v[1], 17) ^ v[2];
                v[2] = siphash_rotate(v[2], 32);
        }
}

static inline uint64_t siphash(unsigned c, unsigned d, const uint64_t key[2], const void *bytes, size_t size) {
        uint64_t v[4] = { key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                          key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573) };
        const uint8_t *at = bytes;
        uint64_t last = (uint64_t)size << 56;
        for (size_t left = size / 8; left > 0; left--, at += 8) {
                uint64_t word = get_le64(at);
                v[3] ^= word;
                siphash_rounds(v, c);
                v[0] ^= word;
        }
        for (size_t i = 0; i < size % 8; i++)
                last |= (uint64_t)at[i] << 8 * i;
        v[3] ^= last;
        siphash_rounds(v, c);
        v[0] ^= last;
        v[2] ^= 0xff;
        siphash_rounds(v, d);
        return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
