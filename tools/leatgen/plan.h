/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_PLAN_H
#define LEATGEN_PLAN_H

/*
 * The schema of an interface, as it will stand in NAME_xdr.c (<leat/xdr_code.h>): what plan_interface() makes and the
 * emitters write. Sizes and offsets that the C compiler computes are kept as C expressions.
 */

#include "tools/leatgen/interface.h"
#include <leat/xdr_code.h>

struct planned_node {
        struct leat_xdr_node node;           /* size: not here */
        const char *c_type;                  /* as in sizeof(): "struct dir_entry"; NULL for void */
        const struct definition *definition; /* of named types, structures, unions and enumerations; else NULL */
};

struct planned_field {
        const char *c_owner; /* offsetof(c_owner, c_member); NULL: 0 */
        const char *c_member;
        uint32_t node;
        const char *name;
        uint32_t text; /* where the name is in the pool */
};

struct planned_value {
        int32_t value;
        const char *name; /* of an enumerator; NULL: of a union's label */
        uint32_t arm;
        uint32_t text;
};

struct schema {
        struct planned_node *nodes;
        struct planned_field *fields;
        struct planned_value *values;
        size_t node_count, field_count, value_count;
        size_t code_count; /* nodes before this one have definitions, and straight code */
        const char *names; /* the pool: each text ends with a NUL */
        size_t names_size;
        uint32_t name_shift; /* fields' offsets are shifted by it */
};

#endif
