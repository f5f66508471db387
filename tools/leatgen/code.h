/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_CODE_H
#define LEATGEN_CODE_H

/*
 * Straight code: C for encoding and decoding, of the pieces of <leat/xdr_code.h>.
 *
 * Each structure, union and named array gets a function for each direction. Its body is a list of *pieces*, the things to move in their order,
 * each with its *place*, the C expression of the value. Neighbours whose sizes are known before they are moved (numbers, opaque, strings)
 * make a *run*, which is checked once. What ends a run is a list, something optional, or a call of another function.
 */

#include "tools/leatgen/job.h"
#include "tools/leatgen/plan.h"

#define CODE_SHORT_LEAVES 8 /* a flat structure of so many fields is moved in place, a larger one by its function */

/* What is being written. */
struct code {
        struct job *job;
        const struct interface *interface;
        const struct schema *schema;
        struct page *page;  /* the functions */
        struct page checks; /* of enumerations: they stand before the functions */
        uint8_t *told;      /* of each node: CODE_... */
        bool decodes;       /* the direction */
        uint32_t own;       /* the node whose function is at hand */
        uint32_t link;      /* the chain that the function at hand goes along, or 0 */
        unsigned int loops; /* which the statement at hand is in, those over lists and arrays */
};

#define CODE_WRITTEN 1u   /* the functions stand */
#define CODE_AHEAD 2u     /* they are called before they stand */
#define CODE_CHECKED 4u   /* the enumeration's check stands */
#define CODE_FOLLOWED 8u  /* it is known whether it is straight */
#define CODE_STRAIGHT 16u /* it is */

/* Something to move: a node, and its place: "value->name", or "*value". */
struct piece {
        uint32_t node;
        const char *place;
};

struct pieces {
        struct piece *piece;
        size_t count, room;
};

/* ---- what nodes are (code_node.c) ---- */

static inline const struct leat_xdr_node *code_node(const struct code *code, uint32_t node) {
        return &code->schema->nodes[node].node;
}

/* May it be written as straight code? What is recursive is not, nor are arrays of things that are not on the wire. */
bool code_is_straight(const struct code *code, uint32_t node);
/* Has it functions of its own? */
bool code_has_function(const struct code *code, uint32_t node);
/* Is it of one size that is known: numbers, opaque[n], arrays of numbers? */
bool code_is_leaf(const struct code *code, uint32_t node);
uint64_t code_leaf_size(const struct code *code, uint32_t node); /* its bytes on the wire */
/* Is an array of it moved as a whole: 4 or 8, the bytes of each; else 0. */
unsigned int code_number_size(const struct code *code, uint32_t node);
/* Does a chain of structures go on by the last field of this one? Returns that field's node, or 0. */
uint32_t code_link(const struct code *code, uint32_t node);
/* "dir_entry". */
const char *code_name(const struct code *code, uint32_t node);

/* ---- places (code_node.c) ---- */

const char *place_member(const struct code *code, const char *place, const char *member);
const char *place_index(const struct code *code, const char *place, const char *index);
const char *place_at(const struct code *code, const char *place);      /* what a pointer points to */
const char *place_address(const struct code *code, const char *place); /* the other way */

/* ---- lists of pieces (code_node.c) ---- */

void pieces_add(const struct code *code, struct pieces *pieces, uint32_t node, const char *place);
/* A value; a small structure of nothing but leaves is taken apart. */
void pieces_add_value(const struct code *code, struct pieces *pieces, uint32_t node, const char *place);
/* The fields of a structure. */
void pieces_add_fields(const struct code *code, struct pieces *pieces, uint32_t node, const char *place);

/* ---- statements (code.c) ---- */

/* A line of the function at hand, indented. */
void code_line(const struct code *code, unsigned int depth, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* "return NULL;" if the condition holds. */
void code_give_up(const struct code *code, unsigned int depth, const char *condition);
/* "return at;", and no check that it is NULL before that. */
void code_return(const struct code *code, unsigned int depth);
const char *code_number(const struct code *code, int32_t number);
/* "at", or "at + 12". */
const char *code_at(const struct code *code, uint64_t offset);
/* The name of the function that checks an enumeration's numbers; it is written if it is not. */
const char *code_check(struct code *code, uint32_t node);
/* Move a value by its own function, or by the walker. */
void code_call(struct code *code, unsigned int depth, uint32_t node, const char *place);

/* ---- moving (code_move.c) ---- */

/* All pieces, in runs. */
void code_move(struct code *code, unsigned int depth, const struct pieces *pieces);
/* One value. */
void code_move_one(struct code *code, unsigned int depth, uint32_t node, const char *place);

/* One leaf at an offset, whose room or bytes are there. (code_leaf.c) */
void code_put_leaf(struct code *code, unsigned int depth, const struct piece *piece, uint64_t offset);
void code_get_leaf(struct code *code, unsigned int depth, const struct piece *piece, uint64_t offset);

/* The function of a node, in the direction that is set. (code_function.c) */
void code_function(struct code *code, uint32_t node);

#endif
