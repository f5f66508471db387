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

/* A discriminant as the tables of labels have it: its bits as a signed number. */
static inline int32_t xdr_discriminant(const struct leat_xdr_node *kind, const void *value) {
        switch (kind->kind) {
        case LEAT_XDR_KIND_BOOL:
                return *(const uint8_t *)value != 0; /* as it is encoded, whatever byte it is */
        case LEAT_XDR_KIND_CHAR:
                return *(const int8_t *)value;
        case LEAT_XDR_KIND_UNSIGNED_CHAR:
                return *(const uint8_t *)value;
        case LEAT_XDR_KIND_SHORT:
                return *(const int16_t *)value;
        case LEAT_XDR_KIND_UNSIGNED_SHORT:
                return *(const uint16_t *)value;
        default: /* int, unsigned, enum: four bytes each */
                return *(const int32_t *)value;
        }
}

#endif
