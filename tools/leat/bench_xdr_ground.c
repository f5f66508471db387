/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_xdr_ways.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_MOST 72 /* bytes on the wire */
#define SEED UINT64_C(0x9e3779b97f4a7c15)

/* xorshift64: the same each time. */
static uint64_t next(uint64_t *state) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        return *state ^= *state << 17;
}

static uint8_t *put(uint8_t *at, uint64_t number, size_t size_bytes) {
        number = htobe64(number << (64 - 8 * size_bytes));
        memcpy(at, &number, size_bytes);
        return at + size_bytes;
}

/* The names have 0 to 32 letters, as it comes. */
static uint8_t *put_entry(uint8_t *at, uint32_t id, uint64_t *state) {
        uint64_t length = next(state) % 33;
        at = put(at, id, 4);
        at = put(at, next(state), 8);
        at = put(at, length, 4);
        memset(at, 0, 32);
        for (uint64_t i = 0; i < length; i++)
                at[i] = (uint8_t)('a' + next(state) % 26);
        at = put(at + ((length + 3) & ~UINT64_C(3)), next(state), 8);
        at = put(at, next(state), 8);
        return put(at, next(state), 8);
}

int xdr_ground_make(struct xdr_ground *ground) {
        uint64_t state = SEED;
        *ground = (struct xdr_ground){ .message = malloc(4 + ENTRIES * ENTRY_MOST) };
        if (!ground->message)
                return -ENOMEM;
        uint8_t *at = put(ground->message, ENTRIES, 4);
        for (uint32_t i = 0; i < ENTRIES; i++)
                at = put_entry(at, i, &state);
        ground->size_bytes = (size_t)(at - ground->message);
        ground->room = calloc(1, ground->size_bytes);
        return ground->room ? 0 : -ENOMEM;
}

void xdr_ground_clear(struct xdr_ground *ground) {
        free(ground->message);
        free(ground->room);
}

int xdr_ground_check(const struct xdr_ground *ground) {
        return memcmp(ground->message, ground->room, ground->size_bytes) == 0 ? 0 : -EPROTO;
}
