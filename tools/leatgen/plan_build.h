/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_PLAN_BUILD_H
#define LEATGEN_PLAN_BUILD_H

/*
 * The schema while it is made: the second half of planning. Nodes that are equal are one; so are runs of values.
 */

#include "tools/leatgen/plan_layout.h"

struct build {
        struct job *job;
        const struct layout *layout;
        struct schema *schema;
        size_t node_room, field_room, value_room;
        uint32_t *shared; /* an open hash table of nodes that may be shared; 0: free */
        size_t shared_room, shared_count;
        uint32_t *runs; /* an open hash table of runs of values: each by a node or field that has it */
        struct run *run_items;
        size_t run_room, run_count;
};

/* The node of a declaration, made if there is none yet. 0 for void. */
uint32_t declaration_node(struct build *build, const struct declaration *declaration);

/* plan_fields.c: what structures, unions and enumerations consist of. */
void build_enumeration(struct build *build, struct definition *definition);
void build_fields(struct build *build, struct definition *definition);

/* A run of values: where an equal one is, or it is put. */
uint32_t add_values(struct build *build, const struct planned_value *values, size_t count);
uint32_t add_node(struct build *build, const struct planned_node *node);
uint32_t share_node(struct build *build, const struct planned_node *node);

/* plan_names.c: the pool of names, with the fields' first. False if there was a report. */
bool plan_names(struct job *job, struct schema *schema, const struct place *place);

#endif
