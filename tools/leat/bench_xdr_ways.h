/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_XDR_WAYS_H
#define LEAT_TOOL_BENCH_XDR_WAYS_H

/*
 * The ways of `leat bench xdr`: all encode and decode the same value, ENTRIES structures of bench_xdr.x. Each one gets its value by decoding
 * the message that the ground was made with, and what it encodes has to be that message again.
 */

#include "tools/leat/bench_contest.h"

#include <errno.h>
#include <leat/xdr.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENTRIES 10000

struct xdr_ground {
        uint8_t *message; /* as it is decoded */
        size_t size_bytes;
        uint8_t *room; /* as large, to encode into */
};

/* The functions return 0 or a negative errno. */
struct xdr_way {
        struct way way;
        int (*prepare)(struct xdr_ground *ground); /* once, before it is measured */
        int (*run)(struct xdr_ground *ground, int64_t times);
        void (*end)(void); /* or NULL */
};

extern const struct xdr_way way_encode, way_decode, way_borrow, way_small_encode, way_small_decode, way_hand_encode,
        way_hand_decode, way_hand_borrow, way_rpcgen_encode, way_rpcgen_decode;

int xdr_ground_make(struct xdr_ground *ground);
void xdr_ground_clear(struct xdr_ground *ground);

/* 0 if the room holds the message again, else -EPROTO. */
int xdr_ground_check(const struct xdr_ground *ground);

/* The same for the code of one interface, whose prefix it is. What is decoded into keeps its memory from pass to pass. */
#define BENCH_XDR_CODE(prefix)                                                                                         \
        static struct leat_xdr_arena arena, kept;                                                                      \
        static struct prefix##_table value;                                                                            \
                                                                                                                       \
        static int prepare(struct xdr_ground *ground) {                                                                \
                leat_xdr_arena_reset(&kept);                                                                           \
                return prefix##_table_decode(ground->message, ground->size_bytes, &kept, NULL, &value, NULL);          \
        }                                                                                                              \
                                                                                                                       \
        static int encode(struct xdr_ground *ground, int64_t times) {                                                  \
                int r = 0;                                                                                             \
                for (int64_t i = 0; i < times && r == 0; i++) {                                                        \
                        struct leat_xdr_buffer buffer = leat_xdr_buffer_over(ground->room, ground->size_bytes);        \
                        r = prefix##_table_encode(&value, &buffer, NULL);                                              \
                }                                                                                                      \
                return r < 0 ? r : xdr_ground_check(ground);                                                           \
        }                                                                                                              \
                                                                                                                       \
        static int decode(struct xdr_ground *ground, int64_t times) {                                                  \
                struct prefix##_table decoded = { 0 };                                                                 \
                int r = 0;                                                                                             \
                for (int64_t i = 0; i < times && r == 0; i++) {                                                        \
                        leat_xdr_arena_reset(&arena);                                                                  \
                        r = prefix##_table_decode(ground->message, ground->size_bytes, &arena, NULL, &decoded, NULL);  \
                }                                                                                                      \
                return r < 0 ? r : decoded.entries.count == ENTRIES ? 0 : -EPROTO;                                     \
        }                                                                                                              \
                                                                                                                       \
        static void end(void) {                                                                                        \
                leat_xdr_arena_free(&arena);                                                                           \
                leat_xdr_arena_free(&kept);                                                                            \
        }

#endif
