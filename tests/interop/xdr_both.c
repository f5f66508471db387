/* SPDX-License-Identifier: MIT */
/*
 * Two codecs of one interface beside each other, for test_rpcgen_values.py: leatgen's with libleat and rpcgen's with libtirpc.
 *
 *     xdr_both SEED VALUES     for each type so many random values
 *
 * Random values go out by ours, in by theirs, out by theirs and in by ours: the bytes and the values must be the same. Then each truncation
 * and each flip of a bit of the bytes is refused by ours, or is a value that has the same bytes again; by straight code and by the table alike.
 */
#include "both.h"

#include <leat/xdr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTACKED_BYTES 600 /* of a value at most, those that are attacked */
#define ATTACKS 6          /* values of a type */

static void fail(const char *name, uint64_t seed, const char *what, const char *more) {
        printf("%s, seed %llu: %s%s%s\n", name, (unsigned long long)seed, what, *more ? ": " : "", more);
        exit(1);
}

/* Decoded by straight code, and by the table, which alone knows other rules than the usual ones: they must agree. */
static int decode(const struct both *both, const uint8_t *bytes, size_t size, struct leat_xdr_arena *arena, void *value,
                  uint64_t seed) {
        struct leat_xdr_rules rules = { .size = sizeof rules, .depth = LEAT_XDR_DEPTH + 1 };
        struct leat_xdr_fault fault, by_table_fault;
        struct leat_xdr_arena other = { 0 };
        void *by_table = calloc(1, leat_xdr_value_size(both->type()));
        int r = leat_xdr_decode(both->type(), bytes, size, arena, NULL, value, &fault);
        int t = leat_xdr_decode(both->type(), bytes, size, &other, &rules, by_table, &by_table_fault);
        if (r != t)
                fail(both->name, seed, "straight code and the table disagree", r ? fault.path : by_table_fault.path);
        if (r == 0 && leat_xdr_compare(both->type(), value, by_table) != 0)
                fail(both->name, seed, "straight code and the table decode to different values", "");
        free(by_table);
        leat_xdr_arena_free(&other);
        return r;
}

static void encode(const struct both *both, const void *value, struct leat_xdr_buffer *buffer, uint64_t seed) {
        struct leat_xdr_fault fault;
        char text[400];
        if (leat_xdr_encode(both->type(), value, buffer, &fault) < 0)
                fail(both->name, seed, "is not encoded", leat_xdr_fault_text(&fault, text, sizeof text));
        if (leat_xdr_size(both->type(), value, NULL) != (int64_t)buffer->size_bytes)
                fail(both->name, seed, "has another size", "");
}

/* The bytes as theirs makes them of what it read. */
static void through_theirs(const struct both *both, const struct leat_xdr_buffer *ours, uint64_t seed) {
        size_t room = ours->size_bytes + 8;
        char *bytes = calloc(1, room);
        void *value = calloc(1, both->their_size + 8);
        unsigned size = 0;
        const char *wrong =
                both_theirs(both, (char *)ours->bytes, (unsigned)ours->size_bytes, value, bytes, (unsigned)room, &size);
        if (wrong)
                fail(both->name, seed, wrong, "");
        if (size != ours->size_bytes || memcmp(bytes, ours->bytes, size) != 0)
                fail(both->name, seed, "the bytes differ", "");
        free(value);
        free(bytes);
}

/* One damaged message: refused, or a value with the same bytes. */
static void attack(const struct both *both, const uint8_t *bytes, size_t size, uint64_t seed) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_buffer again = { 0 };
        void *value = calloc(1, leat_xdr_value_size(both->type()));
        if (decode(both, bytes, size, &arena, value, seed) == 0) {
                encode(both, value, &again, seed);
                if (again.size_bytes != size || memcmp(again.bytes, bytes, size) != 0)
                        fail(both->name, seed, "damaged bytes were accepted and changed", "");
        }
        leat_xdr_buffer_free(&again);
        leat_xdr_arena_free(&arena);
        free(value);
}

static void attack_all(const struct both *both, const struct leat_xdr_buffer *ours, uint64_t seed) {
        size_t size = ours->size_bytes;
        for (size_t cut = 0; cut < size; cut++) {
                uint8_t *exact = malloc(cut ? cut : 1); /* a sanitizer sees who reads behind it */
                memcpy(exact, ours->bytes, cut);
                attack(both, exact, cut, seed);
                free(exact);
        }
        for (size_t bit = 0; bit < 8 * size; bit++) {
                ours->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
                attack(both, ours->bytes, size, seed);
                ours->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
}

static void try_value(const struct both *both, uint64_t seed, int number) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_xdr_buffer ours = { 0 };
        uint64_t state = seed;
        void *value = calloc(1, leat_xdr_value_size(both->type())),
             *back = calloc(1, leat_xdr_value_size(both->type()));
        if (leat_xdr_random(both->type(), &state, number < ATTACKS ? 200 : 20000, &arena, value) < 0)
                fail(both->name, seed, "no random value", "");
        encode(both, value, &ours, seed);
        through_theirs(both, &ours, seed);
        if (decode(both, ours.bytes, ours.size_bytes, &arena, back, seed) < 0)
                fail(both->name, seed, "ours does not decode its own bytes", "");
        if (leat_xdr_compare(both->type(), value, back) != 0)
                fail(both->name, seed, "another value came back", "");
        if (number < ATTACKS && ours.size_bytes <= ATTACKED_BYTES)
                attack_all(both, &ours, seed);
        leat_xdr_buffer_free(&ours);
        leat_xdr_arena_free(&arena);
        free(value);
        free(back);
}

int main(int argc, char **argv) {
        uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
        int values = argc > 2 ? atoi(argv[2]) : 20, types = 0;
        for (const struct both *both = both_all(); both->name; both++, types++)
                for (int i = 0; i < values; i++)
                        try_value(both, seed * 1000003 + (uint64_t)i, i);
        printf("%d types\n", types);
        return types == 0;
}
