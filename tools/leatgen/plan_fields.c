/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/plan_build.h"
#include "tools/leatgen/report.h"
#include <stdlib.h>
#include <string.h>

/* ---- values ---- */

struct run {
        uint32_t first, count;
};

static size_t hash_values(const struct planned_value *values, size_t count) {
        uint64_t hash = count;
        for (size_t i = 0; i < count; i++)
                hash = (hash * 1000003) ^ (uint32_t)values[i].value ^ ((uint64_t)values[i].arm << 32) ^
                       (uint64_t)(uintptr_t)values[i].name;
        return (size_t)(hash ^ hash >> 29);
}

static bool equal_values(const struct planned_value *one, const struct planned_value *other, size_t count) {
        for (size_t i = 0; i < count; i++)
                if (one[i].value != other[i].value || one[i].arm != other[i].arm || one[i].name != other[i].name)
                        return false;
        return true;
}

static uint32_t *run_place(const struct build *build, const struct planned_value *values, size_t count) {
        size_t mask = build->run_room - 1;
        for (size_t i = hash_values(values, count) & mask;; i = (i + 1) & mask) {
                if (build->runs[i] == 0)
                        return &build->runs[i];
                const struct run *run = &build->run_items[build->runs[i]];
                if (run->count == count && equal_values(values, build->schema->values + run->first, count))
                        return &build->runs[i];
        }
}

static void grow_runs(struct build *build) {
        struct run *old = build->run_items;
        build->run_room = build->run_room ? 2 * build->run_room : 64;
        build->runs = job_take(build->job, build->run_room * sizeof(*build->runs));
        build->run_items = job_take(build->job, build->run_room * sizeof(*build->run_items));
        for (size_t i = 1; i <= build->run_count; i++) {
                build->run_items[i] = old[i];
                *run_place(build, build->schema->values + old[i].first, old[i].count) = (uint32_t)i;
        }
}

static void append_values(struct build *build, const struct planned_value *values, size_t count) {
        struct schema *schema = build->schema;
        if (schema->value_count + count > build->value_room) {
                build->value_room = 2 * (schema->value_count + count) + 256;
                struct planned_value *more = job_take(build->job, build->value_room * sizeof(*more));
                if (schema->value_count)
                        memcpy(more, schema->values, schema->value_count * sizeof(*more));
                schema->values = more;
        }
        memcpy(schema->values + schema->value_count, values, count * sizeof(*values));
        schema->value_count += count;
}

uint32_t add_values(struct build *build, const struct planned_value *values, size_t count) {
        if (count == 0)
                return 0;
        if (2 * (build->run_count + 1) >= build->run_room)
                grow_runs(build);
        uint32_t *place = run_place(build, values, count);
        if (*place == 0) {
                *place = (uint32_t)++build->run_count;
                build->run_items[*place] = (struct run){ (uint32_t)build->schema->value_count, (uint32_t)count };
                append_values(build, values, count);
        }
        return build->run_items[*place].first;
}

/* By value; equal ones stay in the file's order, so that the first of them gives the name. */
static int compare_values(const void *one, const void *other) {
        const struct planned_value *left = one, *right = other;
        if (left->value != right->value)
                return left->value < right->value ? -1 : 1;
        return left->text < right->text ? -1 : left->text > right->text;
}

static size_t sort_values(struct planned_value *values, size_t count) {
        size_t kept = 0;
        for (size_t i = 0; i < count; i++)
                values[i].text = (uint32_t)i;
        qsort(values, count, sizeof(*values), compare_values);
        for (size_t i = 0; i < count; i++)
                if (kept == 0 || values[kept - 1].value != values[i].value)
                        values[kept++] = values[i];
        for (size_t i = 0; i < kept; i++)
                values[i].text = 0;
        return kept;
}

static uint16_t count_of(struct build *build, const struct definition *definition, size_t count, const char *what) {
        if (count > UINT16_MAX)
                report_error(build->job, &definition->place, "it has %zu %s; at most %u fit into a schema", count, what,
                             UINT16_MAX);
        return (uint16_t)count;
}

/* ---- enumerations ---- */

void build_enumeration(struct build *build, struct definition *definition) {
        size_t count = 0;
        for (const struct enumerator *one = definition->enumerators; one; one = one->next)
                count++;
        struct planned_value *values = job_take(build->job, (count + 1) * sizeof(*values));
        count = 0;
        for (const struct enumerator *one = definition->enumerators; one; one = one->next)
                values[count++] = (struct planned_value){ .value = one->value, .name = one->name };
        count = sort_values(values, count);
        struct planned_node node = { .c_type = definition->c_type };
        node.node.kind = LEAT_XDR_KIND_ENUM;
        node.node.flags = LEAT_XDR_FLAG_FLAT;
        if (count > 0 && (int64_t)values[count - 1].value - values[0].value == (int64_t)count - 1)
                node.node.flags |= LEAT_XDR_FLAG_DENSE;
        node.node.wire_min = 4;
        node.node.count = count_of(build, definition, count, "enumerators");
        node.node.first = add_values(build, values, count);
        definition->node = build->job->options->small ? share_node(build, &node) : add_node(build, &node);
}

/* ---- structures and unions ---- */

static uint32_t add_field(struct build *build, const struct planned_field *field) {
        struct schema *schema = build->schema;
        schema->fields =
                job_grow(build->job, schema->fields, schema->field_count, &build->field_room, sizeof(*schema->fields));
        schema->fields[schema->field_count] = *field;
        return (uint32_t)schema->field_count++;
}

static struct planned_field field_of(struct build *build, const struct definition *owner,
                                     struct declaration *declaration, const char *member) {
        declaration->node = declaration_node(build, declaration);
        return (struct planned_field){ .c_owner = owner->c_type,
                                       .c_member = member,
                                       .node = declaration->node,
                                       .name = declaration->name ? declaration->name : declaration->c_name };
}

static void build_structure(struct build *build, struct definition *definition) {
        uint32_t first = (uint32_t)build->schema->field_count;
        size_t count = 0;
        for (struct declaration *field = definition->fields; field; field = field->next, count++) {
                struct planned_field made = field_of(build, definition, field, field->c_name);
                add_field(build, &made);
        }
        struct leat_xdr_node *node = &build->schema->nodes[definition->node].node;
        node->first = first;
        node->count = count_of(build, definition, count, "fields");
}

/* A pointer that is always there, to what the arm holds. */
static uint32_t held_node(struct build *build, const struct declaration *declaration) {
        struct planned_node node = { .c_type = "void *" };
        node.node.kind = LEAT_XDR_KIND_HELD;
        node.node.first = declaration->node;
        node.node.wire_min = (uint32_t)declaration_wire_min(declaration);
        node.node.flags = declaration_is_flat(declaration) ? LEAT_XDR_FLAG_FLAT : 0;
        return share_node(build, &node);
}

/* All arms that are void share one field. */
static uint32_t add_arm(struct build *build, const struct definition *definition, struct arm *arm, uint32_t *ret_void) {
        if (arm->declaration.type.kind == TYPE_VOID) {
                static const struct planned_field nothing;
                arm->declaration.node = 0;
                if (*ret_void == 0)
                        *ret_void = add_field(build, &nothing);
                return *ret_void;
        }
        const char *member = job_format(build->job, "u.%s", arm->declaration.c_name);
        struct planned_field made = field_of(build, definition, &arm->declaration, member);
        if (arm->declaration.name == definition->discriminant.name) /* in JSON and in paths they are side by side */
                made.name = job_format(build->job, "%s_", made.name);
        if (arm->held)
                made.node = held_node(build, &arm->declaration);
        return add_field(build, &made);
}

static size_t count_labels(const struct definition *definition) {
        size_t count = 0;
        for (const struct arm *arm = definition->arms; arm; arm = arm->next)
                for (const struct label *label = arm->labels; label; label = label->next)
                        count++;
        return count;
}

static void build_union(struct build *build, struct definition *definition) {
        struct planned_field made =
                field_of(build, definition, &definition->discriminant, definition->discriminant.c_name);
        uint32_t first = add_field(build, &made), nothing = 0;
        struct planned_value *values = job_take(build->job, (count_labels(definition) + 1) * sizeof(*values));
        size_t count = 0;
        uint8_t flags = 0;
        for (int is_default = 1; is_default >= 0; is_default--)
                for (struct arm *arm = definition->arms; arm; arm = arm->next) {
                        if (arm->is_default != is_default)
                                continue;
                        uint32_t at = add_arm(build, definition, arm, &nothing);
                        flags |= is_default ? LEAT_XDR_FLAG_DEFAULT : 0;
                        for (const struct label *label = arm->labels; label; label = label->next)
                                values[count++] = (struct planned_value){ .value = label->value, .arm = at - first };
                }
        count = sort_values(values, count);
        uint32_t run = add_values(build, values, count);
        struct leat_xdr_node *node = &build->schema->nodes[definition->node].node;
        node->flags |= flags;
        node->first = first;
        node->count = count_of(build, definition, count, "cases");
        node->bound = run;
}

void build_fields(struct build *build, struct definition *definition) {
        if (definition->kind == DEFINITION_STRUCT)
                build_structure(build, definition);
        else
                build_union(build, definition);
}
