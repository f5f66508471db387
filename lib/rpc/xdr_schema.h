/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_XDR_SCHEMA_H
#define LEAT_RPC_XDR_SCHEMA_H

/* How the tables of a schema are read (<leat/xdr_code.h>). */

#include <leat/xdr_code.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline const struct leat_xdr_node *xdr_node(const struct leat_xdr_schema *schema, uint32_t node) {
        static const struct leat_xdr_node nothing = { .kind = LEAT_XDR_KIND_VOID, .flags = LEAT_XDR_FLAG_FLAT };
        return node ? &schema->nodes[node - 1] : &nothing;
}

static inline const char *xdr_name(const struct leat_xdr_schema *schema, uint32_t name) {
        return &schema->names[name];
}

static inline const char *xdr_field_name(const struct leat_xdr_schema *schema, const struct leat_xdr_field *field) {
        return schema->names + ((size_t)field->name << schema->name_shift);
}

/* The entry of a rising table of values that has this value, or NULL. */
static inline const struct leat_xdr_value *xdr_find_value(const struct leat_xdr_value *values, uint32_t count,
                                                          int32_t value) {
        uint32_t low = 0;
        while (low < count) {
                uint32_t middle = low + (count - low) / 2;
                if (values[middle].value == value)
                        return &values[middle];
                if (values[middle].value < value)
                        low = middle + 1;
                else
                        count = middle;
        }
        return NULL;
}

/* The arm that a union has for a discriminant, or NULL. Its node may be 0: void. */
static inline const struct leat_xdr_field *xdr_find_arm(const struct leat_xdr_schema *schema,
                                                        const struct leat_xdr_node *node, int32_t discriminant) {
        const struct leat_xdr_value *label = xdr_find_value(&schema->values[node->bound], node->count, discriminant);
        if (label)
                return &schema->fields[node->first + label->name];
        return node->flags & LEAT_XDR_FLAG_DEFAULT ? &schema->fields[node->first + 1] : NULL;
}

/* Where in a link of a chain the pointer to the next one is: its last field. */
static inline uint32_t xdr_next_offset(const struct leat_xdr_schema *schema, const struct leat_xdr_node *link) {
        return schema->fields[link->first + link->count - 1u].offset;
}

/* The straight code of a type, as far as it has any. */
static inline struct leat_xdr_codes xdr_codes(struct leat_xdr_type type) {
        const struct leat_xdr_schema *schema = type.schema;
        if (type.node < schema->code_count && schema->codes)
                return schema->codes[type.node];
        return (struct leat_xdr_codes){ 0 };
}

/* Structures and unions that can contain themselves are levels of nesting: one less is left. Returns false: there is none. */
static inline bool xdr_enter(uint32_t *levels, const struct leat_xdr_node *node) {
        bool counts = node->flags & LEAT_XDR_FLAG_RECURSIVE;
        if (counts && *levels == 0)
                return false;
        *levels -= counts;
        return true;
}

static inline void xdr_leave(uint32_t *levels, const struct leat_xdr_node *node) {
        *levels += (node->flags & LEAT_XDR_FLAG_RECURSIVE) != 0;
}

#endif
