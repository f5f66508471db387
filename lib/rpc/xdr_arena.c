/* SPDX-License-Identifier: MIT */
#include "rpc/xdr_arena.h"

#include "base/rare.h"

#include <errno.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>

/*
 * An arena is a stack of blocks. The newest is taken from, piece by piece; a piece that is larger than a block would be gets a block of its own,
 * behind the newest, whose rest stays in use. Blocks that are not in use any more are spare ones, the first used first, so that the same work
 * done again finds each where it wants it. Those in use and the spare ones together are never more than the limit.
 */

#define BLOCK_LEAST ((size_t)4096)
#define BLOCK_MOST ((size_t)1 << 20)
#define TIMES 64 /* what a message may take, for each of its bytes */
#define SPARES_LOOKED_AT 8

struct leat_xdr_block {
        struct leat_xdr_block *next; /* the older one */
        size_t size;                 /* of bytes */
        bool exact;                  /* made for one piece */
        alignas(16) uint8_t bytes[];
};

/* Where a decoder stands that has no block: a pointer, as NULL would be a failure. */
static alignas(16) uint8_t nowhere[16];

size_t xdr_arena_limit(const struct leat_xdr_arena *arena) {
        size_t limit = arena->limit_bytes > 0 ? arena->limit_bytes : LEAT_XDR_ARENA_LIMIT;
        return limit < SIZE_MAX / 4 ? limit : SIZE_MAX / 4; /* sums of two are no concern */
}

void leat_xdr_arena_init(struct leat_xdr_arena *arena, size_t limit_bytes) {
        *arena = (struct leat_xdr_arena){ .limit_bytes = limit_bytes };
}

static void put_to_spares(struct leat_xdr_arena *arena, struct leat_xdr_block *block) {
        arena->taken_bytes -= block->size;
        arena->spare_bytes += block->size;
        block->next = arena->spares;
        arena->spares = block;
}

struct xdr_arena_mark xdr_arena_mark(const struct leat_xdr_arena *arena) {
        return (struct xdr_arena_mark){
                .newest = arena->blocks,
                .before = arena->blocks ? arena->blocks->next : NULL,
                .at = arena->at,
        };
}

void xdr_arena_set_back(struct leat_xdr_arena *arena, struct xdr_arena_mark mark) {
        while (arena->blocks != mark.newest) {
                struct leat_xdr_block *block = arena->blocks;
                arena->blocks = block->next;
                put_to_spares(arena, block);
        }
        while (arena->blocks && arena->blocks->next != mark.before) {
                struct leat_xdr_block *block = arena->blocks->next;
                arena->blocks->next = block->next;
                put_to_spares(arena, block);
        }
        arena->at = mark.at;
        arena->end = arena->blocks ? arena->blocks->bytes + arena->blocks->size : NULL;
}

void leat_xdr_arena_reset(struct leat_xdr_arena *arena) {
        xdr_arena_set_back(arena, (struct xdr_arena_mark){ 0 });
}

void leat_xdr_arena_free(struct leat_xdr_arena *arena) {
        if (!arena)
                return;
        leat_xdr_arena_reset(arena);
        while (arena->spares) {
                struct leat_xdr_block *block = arena->spares;
                arena->spares = block->next;
                free(block);
        }
        leat_xdr_arena_init(arena, arena->limit_bytes);
}

/* A spare block of at least that size and at most `most`, or NULL. */
static struct leat_xdr_block *take_spare(struct leat_xdr_arena *arena, size_t size, size_t most, bool exact) {
        struct leat_xdr_block **link = &arena->spares;
        for (int i = 0; *link && i < SPARES_LOOKED_AT; i++, link = &(*link)->next) {
                struct leat_xdr_block *block = *link;
                if (block->size < size || block->size > most || block->exact != exact)
                        continue;
                *link = block->next;
                arena->spare_bytes -= block->size;
                return block;
        }
        return NULL;
}

/* The spare ones make way for a new block: all of them together stay below the limit. */
static void free_spares(struct leat_xdr_arena *arena, size_t size) {
        while (arena->spares && arena->spare_bytes > xdr_arena_limit(arena) - arena->taken_bytes - size) {
                struct leat_xdr_block *block = arena->spares;
                arena->spares = block->next;
                arena->spare_bytes -= block->size;
                free(block);
        }
}

/* A block for `wanted` bytes, of `size` if it is a new one. It is in use. Returns 0 or -ENOMEM. */
static int get_block(struct leat_xdr_arena *arena, size_t wanted, size_t size, bool exact,
                     struct leat_xdr_block **ret_block) {
        size_t left = xdr_arena_limit(arena) - arena->taken_bytes;
        struct leat_xdr_block *block = take_spare(arena, wanted, exact && left / 2 > wanted ? 2 * wanted : left, exact);
        if (!block) {
                free_spares(arena, size);
                block = malloc(sizeof(*block) + size);
                if (!block)
                        return -ENOMEM;
                block->size = size;
                block->exact = exact;
        }
        arena->taken_bytes += block->size;
        *ret_block = block;
        return 0;
}

/* How large the next block is to be. */
static size_t next_size(const struct leat_xdr_arena *arena, size_t guess) {
        size_t size = BLOCK_LEAST;
        if (arena->blocks && arena->blocks->size > BLOCK_LEAST / 2)
                size = 2 * arena->blocks->size;
        if (guess > size)
                size = guess;
        return size > BLOCK_MOST ? BLOCK_MOST : size;
}

RARE int xdr_arena_piece(struct leat_xdr_arena *arena, size_t size_bytes, size_t guess, void **ret_piece) {
        struct leat_xdr_block *block = NULL;
        size_t limit = xdr_arena_limit(arena), size = next_size(arena, guess);
        if (arena->taken_bytes > limit || size_bytes > limit - arena->taken_bytes)
                return -EMSGSIZE;
        if (size > limit - arena->taken_bytes)
                size = limit - arena->taken_bytes;
        bool exact = size_bytes > size;
        int error = get_block(arena, size_bytes, exact ? size_bytes : size, exact, &block);
        if (error < 0)
                return error;
        *ret_piece = block->bytes;
        if (exact && arena->blocks) {
                block->next = arena->blocks->next;
                arena->blocks->next = block;
                return 0;
        }
        block->next = arena->blocks;
        arena->blocks = block;
        arena->at = block->bytes + size_bytes;
        arena->end = block->bytes + block->size;
        return 0;
}

static int take_aligned(struct leat_xdr_arena *arena, size_t size_bytes, size_t alignment, void **ret_piece) {
        size_t aside = (0 - (uintptr_t)arena->at) & (alignment - 1);
        size_t left = arena->blocks ? (size_t)(arena->end - arena->at) : 0;
        if (size_bytes == 0)
                size_bytes = 1; /* each piece is another one */
        if (aside > left || size_bytes > left - aside)
                return xdr_arena_piece(arena, size_bytes, 0, ret_piece);
        *ret_piece = arena->at + aside;
        arena->at += aside + size_bytes;
        return 0;
}

void *leat_xdr_arena_take(struct leat_xdr_arena *arena, size_t size_bytes) {
        void *piece = NULL;
        return take_aligned(arena, size_bytes, 16, &piece) == 0 ? piece : NULL;
}

int xdr_arena_take(struct leat_xdr_arena *arena, size_t size_bytes, void **ret_piece) {
        return take_aligned(arena, size_bytes, 8, ret_piece);
}

/* ---- of a decoding ---- */

/* What the decoder may take is `budget` bytes: those of the block in use first. */
static void share_out(struct leat_xdr_decoder *decoder, size_t budget) {
        struct leat_xdr_arena *arena = decoder->arena;
        size_t aside = (0 - (uintptr_t)arena->at) & 7, room = 0;
        decoder->room = nowhere;
        if (arena->blocks && aside <= (size_t)(arena->end - arena->at)) {
                decoder->room = arena->at + aside;
                room = (size_t)(arena->end - decoder->room);
        }
        if (room > budget)
                room = budget;
        decoder->room_end = decoder->room + room;
        decoder->budget_bytes = budget - room;
}

size_t xdr_decoder_begin(struct leat_xdr_decoder *decoder, struct leat_xdr_arena *arena, const uint8_t *bytes,
                         size_t size_bytes) {
        size_t limit = xdr_arena_limit(arena);
        size_t left = arena->taken_bytes < limit ? limit - arena->taken_bytes : 0;
        if (arena->blocks)
                left += (size_t)(arena->end - arena->at);
        size_t budget = size_bytes > left / TIMES ? left : size_bytes * TIMES;
        decoder->arena = arena;
        decoder->end = bytes + size_bytes;
        share_out(decoder, budget);
        return budget;
}

void xdr_decoder_end(struct leat_xdr_decoder *decoder) {
        if (decoder->room != nowhere)
                decoder->arena->at = decoder->room;
}

RARE int xdr_decoder_more(struct leat_xdr_decoder *decoder, size_t size_bytes, void **ret_piece) {
        size_t budget = decoder->budget_bytes + (size_t)(decoder->room_end - decoder->room);
        if (size_bytes > budget)
                return -EMSGSIZE;
        xdr_decoder_end(decoder);
        int error = xdr_arena_piece(decoder->arena, size_bytes, budget / (TIMES / 2), ret_piece);
        if (error == 0)
                share_out(decoder, budget - size_bytes);
        return error;
}

void *leat_xdr_decoder_take_slow(struct leat_xdr_decoder *decoder, size_t size_bytes) {
        void *piece = NULL;
        return xdr_decoder_more(decoder, size_bytes, &piece) == 0 ? piece : NULL;
}
