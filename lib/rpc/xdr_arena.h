/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_XDR_ARENA_H
#define LEAT_RPC_XDR_ARENA_H

/* The library's side of an arena (<leat/xdr.h>): how a decoding takes from it, and how it is set back. */

#include <leat/xdr_code.h>

/* How an arena was. */
struct xdr_arena_mark {
        struct leat_xdr_block *newest, *before; /* large pieces are put behind the newest block */
        uint8_t *at;
};

struct xdr_arena_mark xdr_arena_mark(const struct leat_xdr_arena *arena);

/* What was taken since then is not in use any more; its memory is kept for what comes. */
void xdr_arena_set_back(struct leat_xdr_arena *arena, struct xdr_arena_mark mark);

/*
 * A piece that is not in the newest block; alignment to 16. `guess`: how much more is likely to be wanted.
 * Returns 0; -EMSGSIZE: the limit; -ENOMEM.
 */
int xdr_arena_piece(struct leat_xdr_arena *arena, size_t size_bytes, size_t guess, void **ret_piece);

/* How many bytes it may have in all. */
size_t xdr_arena_limit(const struct leat_xdr_arena *arena);

/* A piece aligned to 8, which is enough for all that a schema knows. Returns 0, -EMSGSIZE or -ENOMEM. */
int xdr_arena_take(struct leat_xdr_arena *arena, size_t size_bytes, void **ret_piece);

/* Begin a decoding of a message of that size. Returns how many bytes it may take. */
size_t xdr_decoder_begin(struct leat_xdr_decoder *decoder, struct leat_xdr_arena *arena, const uint8_t *bytes,
                         size_t size_bytes);

/* It is done: what it took is in use. */
void xdr_decoder_end(struct leat_xdr_decoder *decoder);

/* leat_xdr_decoder_take_slow(), with the reason: 0, -EMSGSIZE, -ENOMEM. */
int xdr_decoder_more(struct leat_xdr_decoder *decoder, size_t size_bytes, void **ret_piece);

#endif
