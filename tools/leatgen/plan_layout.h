/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_PLAN_LAYOUT_H
#define LEATGEN_PLAN_LAYOUT_H

/*
 * How definitions lie in memory and on the wire: the first half of planning. The definitions that the schema will have are a graph, whose
 * edges are the declarations in them. All walks over it are loops: an interface may be a chain of 100,000 typedefs.
 */

#include "tools/leatgen/job.h"
#include "tools/leatgen/plan.h"

/* A definition's place in `all` is its `node` until the nodes are made. */
struct layout {
        struct definition *
                *all; /* types: the interface's own, the imported ones that these use, and structures of arguments */
        size_t count;
        struct part *parts; /* of all[i]: parts[first[i]] to parts[first[i + 1] - 1] */
        size_t *first;
        size_t *order;            /* what is contained by value comes before what contains it */
        struct definition **core; /* of a typedef that is only another name: what that names. Of others: itself */
};

void layout_make(struct job *job, struct interface *interface, struct layout *ret_layout);

/* How many a T[n] has in C: one of T[0] too, as C has no array of none, and so that all that a list is made of takes memory, which is bounded. */
uint32_t declaration_places(const struct declaration *declaration);

/* Whether the declaration's type is a definition, and it lies there itself: not by a pointer. */
bool is_by_value(const struct declaration *declaration);

/* The least that it takes on the wire, in bytes, saturating at UINT32_MAX, and whether it always takes that many. */
uint64_t declaration_wire_min(const struct declaration *declaration);
bool declaration_is_flat(const struct declaration *declaration);
/* What it takes in C, on LP64. */
void declaration_c_size(const struct declaration *declaration, uint64_t *ret_size, uint64_t *ret_align);

/* A walk over the graph that finds its cycles (Tarjan's algorithm). */
struct cycles {
        size_t *group; /* of each definition: those that can reach each other have one */
        bool *cyclic;  /* it can reach itself */
        size_t *order; /* what is reached comes before what reaches it */
};
typedef bool edge_filter(const struct layout *layout, size_t from, const struct part *part);
void find_cycles(struct job *job, const struct layout *layout, edge_filter *filter, struct cycles *ret_cycles);

#endif
