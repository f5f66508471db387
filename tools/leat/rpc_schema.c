/* SPDX-License-Identifier: MIT */

/*
 * leatgen leaves sizes and offsets to the C compiler. Here there is none, and values are seen by the library alone: what the plan has reckoned
 * for LP64 is what they get, also where pointers are smaller.
 */

#include "tools/leat/rpc_schema.h"

#include "tools/leatgen/plan_layout.h"

#define POINTER_BYTES 8u
#define COUNTED_BYTES 16u /* a pointer and a count */

static const uint32_t sizes[LEAT_XDR_KIND_MAX + 1] = {
        [LEAT_XDR_KIND_INT] = 4,
        [LEAT_XDR_KIND_UNSIGNED] = 4,
        [LEAT_XDR_KIND_HYPER] = 8,
        [LEAT_XDR_KIND_UNSIGNED_HYPER] = 8,
        [LEAT_XDR_KIND_FLOAT] = 4,
        [LEAT_XDR_KIND_DOUBLE] = 8,
        [LEAT_XDR_KIND_QUADRUPLE] = sizeof(struct leat_xdr_quadruple),
        [LEAT_XDR_KIND_BOOL] = sizeof(bool),
        [LEAT_XDR_KIND_CHAR] = 1,
        [LEAT_XDR_KIND_UNSIGNED_CHAR] = 1,
        [LEAT_XDR_KIND_SHORT] = 2,
        [LEAT_XDR_KIND_UNSIGNED_SHORT] = 2,
        [LEAT_XDR_KIND_ENUM] = 4,
        [LEAT_XDR_KIND_BYTES] = COUNTED_BYTES,
        [LEAT_XDR_KIND_STRING] = COUNTED_BYTES,
        [LEAT_XDR_KIND_LIST] = COUNTED_BYTES,
        [LEAT_XDR_KIND_OPTIONAL] = POINTER_BYTES,
        [LEAT_XDR_KIND_HELD] = POINTER_BYTES,
        [LEAT_XDR_KIND_CHAIN] = POINTER_BYTES,
};
_Static_assert(sizeof(void *) <= POINTER_BYTES && sizeof(struct leat_xdr_list) <= COUNTED_BYTES, "they have room");

/* An array's element has a definition or is a number, so this goes one level down. The checker has seen to it that all is below 2 GiB. */
static uint32_t size_of(const struct schema *plan, size_t at) {
        const struct planned_node *planned = &plan->nodes[at];
        uint32_t places = planned->node.bound ? planned->node.bound : 1;
        if (planned->definition)
                return (uint32_t)planned->definition->c_size;
        if (planned->node.kind == LEAT_XDR_KIND_FIXED)
                return places;
        if (planned->node.kind != LEAT_XDR_KIND_ARRAY)
                return sizes[planned->node.kind];
        return places * size_of(plan, planned->node.first);
}

static struct leat_xdr_node *make_nodes(struct job *job, const struct schema *plan) {
        struct leat_xdr_node *nodes = job_take(job, (plan->node_count + 1) * sizeof(*nodes));
        for (size_t i = 1; i < plan->node_count; i++) {
                nodes[i] = plan->nodes[i].node;
                nodes[i].size = size_of(plan, i);
        }
        return nodes;
}

static uint64_t round_up(uint64_t at, uint64_t align) {
        return align ? (at + align - 1) / align * align : at;
}

static void place_structure(const struct definition *definition, struct leat_xdr_field *fields) {
        uint64_t end = 0;
        for (const struct declaration *one = definition->fields; one; one = one->next) {
                uint64_t size, align;
                declaration_c_size(one, &size, &align);
                fields->offset = (uint32_t)round_up(end, align);
                end = fields++->offset + size;
        }
}

/* The arms lie in one place, behind the discriminant. */
static void place_union(const struct definition *definition, const struct leat_xdr_node *node,
                        struct leat_xdr_field *fields) {
        uint64_t size, align;
        declaration_c_size(&definition->discriminant, &size, &align);
        for (uint16_t i = 1; i <= node->count; i++)
                fields[i].offset = (uint32_t)round_up(size, definition->c_align);
}

/* How many arms a union has is told by its labels, and by its default: the fields up to the last one that is used. */
static struct leat_xdr_node arms_of(const struct schema *plan, const struct leat_xdr_node *node) {
        struct leat_xdr_node arms = *node;
        uint32_t last = node->flags & LEAT_XDR_FLAG_DEFAULT ? 1 : 0;
        for (uint32_t i = 0; i < node->count; i++)
                if (plan->values[node->bound + i].arm > last)
                        last = plan->values[node->bound + i].arm;
        arms.count = (uint16_t)last;
        return arms;
}

static struct leat_xdr_field *make_fields(struct job *job, const struct schema *plan) {
        struct leat_xdr_field *fields = job_take(job, (plan->field_count + 1) * sizeof(*fields));
        for (size_t i = 0; i < plan->field_count; i++) {
                fields[i].node = (uint16_t)plan->fields[i].node;
                fields[i].name = (uint16_t)plan->fields[i].text;
        }
        for (size_t i = 1; i < plan->node_count; i++) {
                const struct planned_node *planned = &plan->nodes[i];
                if (planned->node.kind == LEAT_XDR_KIND_STRUCT)
                        place_structure(planned->definition, fields + planned->node.first);
                if (planned->node.kind != LEAT_XDR_KIND_UNION)
                        continue;
                struct leat_xdr_node arms = arms_of(plan, &planned->node);
                place_union(planned->definition, &arms, fields + planned->node.first);
        }
        return fields;
}

static struct leat_xdr_value *make_values(struct job *job, const struct schema *plan) {
        struct leat_xdr_value *values = job_take(job, (plan->value_count + 1) * sizeof(*values));
        for (size_t i = 0; i < plan->value_count; i++) {
                const struct planned_value *value = &plan->values[i];
                values[i].value = value->value;
                values[i].name = value->name ? value->text : value->arm;
        }
        return values;
}

struct leat_xdr_schema *rpc_schema_make(struct job *job, const struct schema *plan) {
        struct leat_xdr_schema *schema = JOB_NEW(job, struct leat_xdr_schema);
        schema->nodes = make_nodes(job, plan) + 1;
        schema->fields = make_fields(job, plan);
        schema->values = make_values(job, plan);
        schema->names = plan->names;
        schema->node_count = (uint16_t)plan->node_count;
        schema->version = LEAT_XDR_SCHEMA;
        schema->name_shift = plan->name_shift;
        return schema;
}
