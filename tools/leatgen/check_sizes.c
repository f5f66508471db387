/* SPDX-License-Identifier: MIT */

/*
 * Types without end, and types that are too large.
 *
 * A type *ends* if it has a value of finite size: what is optional, or an array of variable length, ends as it may be empty; a structure
 * ends if all of its fields do, a union if one of its arms does (arms that contain the union are held by a pointer, so that one is enough). All that end
 * are found by going from those that need nothing to those that need them; what is left never ends, and each circle among it is
 * reported once. The order in which they are found is also one in which sizes can be summed up.
 */

#include "tools/leatgen/check.h"

#include "tools/leatgen/report.h"
#include <stdlib.h>

#define NOTES_MOST 8
#define SIZE_MOST ((uint64_t)INT32_MAX)

struct sized {
        struct definition *definition;
        uint32_t pending; /* how many of those that it needs are not known to end */
        uint32_t users;   /* where its users begin in sizes.users */
        uint32_t user_count;
        bool ends;
        uint64_t size_bytes; /* of its C type, about; 0: unknown, or reported */
};

struct sizes {
        struct checker *checker;
        struct sized *nodes; /* [0] is none */
        size_t count;
        uint32_t *users;
        uint32_t *order; /* those that end, each behind what it needs */
        size_t order_count;
};

/* ---- who needs whom ---- */

/* The node that a value of this declaration contains in place, or 0. */
static uint32_t needed(const struct declaration *declaration) {
        bool in_place = declaration->shape == SHAPE_PLAIN || declaration->shape == SHAPE_FIXED;
        const struct definition *definition =
                declaration->type.kind == TYPE_NAMED ? declaration->type.definition : NULL;
        return in_place && definition ? definition->node : 0;
}

/* A right one ends, and of a wrong one, which was reported, nothing is said here. */
static bool is_discriminant(const struct definition *definition, const struct part *part) {
        return definition->kind == DEFINITION_UNION && !part->arm;
}

static uint32_t count_needed(struct sizes *sizes, struct definition *definition,
                             void (*add)(struct sizes *, uint32_t, uint32_t)) {
        uint32_t count = 0;
        bool free_arm = false;
        for (struct part part = { 0 }; next_part(definition, &part);) {
                uint32_t node = is_discriminant(definition, &part) ? 0 : needed(part.declaration);
                free_arm = free_arm || (part.arm && !node);
                count += node != 0;
                if (node)
                        add(sizes, node, definition->node);
        }
        if (definition->kind == DEFINITION_UNION)
                return count && !free_arm ? 1 : 0;
        return count;
}

static void count_user(struct sizes *sizes, uint32_t node, uint32_t user) {
        (void)user;
        sizes->nodes[node].user_count++;
}

static void add_user(struct sizes *sizes, uint32_t node, uint32_t user) {
        struct sized *sized = &sizes->nodes[node];
        sizes->users[sized->users + sized->user_count++] = user;
}

/* First counted, then entered: each node's users lie together. */
static void link_users(struct sizes *sizes) {
        uint32_t total = 0;
        for (size_t i = 1; i <= sizes->count; i++)
                sizes->nodes[i].pending = count_needed(sizes, sizes->nodes[i].definition, count_user);
        for (size_t i = 1; i <= sizes->count; i++) {
                sizes->nodes[i].users = total;
                total += sizes->nodes[i].user_count;
                sizes->nodes[i].user_count = 0;
        }
        sizes->users = allocate_cleared(total, sizeof(*sizes->users));
        for (size_t i = 1; i <= sizes->count; i++)
                count_needed(sizes, sizes->nodes[i].definition, add_user);
}

static bool is_broken_typedef(struct sizes *sizes, const struct definition *definition) {
        bool broken = false;
        if (definition->kind == DEFINITION_TYPEDEF)
                check_final(sizes->checker,
                            &(struct type){ .kind = TYPE_NAMED,
                                            .definition = (struct definition *)(uintptr_t)definition },
                            &broken);
        return broken;
}

static void end_node(struct sizes *sizes, uint32_t node) {
        sizes->nodes[node].ends = true;
        sizes->order[sizes->order_count++] = node;
}

static void find_ends(struct sizes *sizes) {
        for (uint32_t i = 1; i <= sizes->count; i++)
                if (!sizes->nodes[i].pending || is_broken_typedef(sizes, sizes->nodes[i].definition))
                        end_node(sizes, i);
        for (size_t i = 0; i < sizes->order_count; i++) {
                const struct sized *sized = &sizes->nodes[sizes->order[i]];
                for (uint32_t j = 0; j < sized->user_count; j++) {
                        struct sized *user = &sizes->nodes[sizes->users[sized->users + j]];
                        if (!user->ends && --user->pending == 0)
                                end_node(sizes, sizes->users[sized->users + j]);
                }
        }
}

/* ---- what does not end ---- */

/* Why it does not: the first of its parts that does not either. */
static const struct declaration *endless_part(const struct sizes *sizes, struct definition *definition) {
        struct part part = { 0 };
        while (next_part(definition, &part) && (is_discriminant(definition, &part) || !needed(part.declaration) ||
                                                sizes->nodes[needed(part.declaration)].ends))
                ;
        return part.declaration;
}

static uint32_t next_endless(const struct sizes *sizes, uint32_t node) {
        return needed(endless_part(sizes, sizes->nodes[node].definition));
}

static const char *name_of(struct sizes *sizes, const struct definition *definition) {
        if (definition->name)
                return job_format(sizes->checker->job, "`%s`", definition->name);
        return job_format(sizes->checker->job, "this %s", definition_kind_names[definition->kind]);
}

static void report_endless(struct sizes *sizes, uint32_t first) {
        struct job *job = sizes->checker->job;
        const struct definition *definition = sizes->nodes[first].definition;
        const char *name = name_of(sizes, definition);
        if (definition->kind == DEFINITION_UNION)
                report_error(job, &definition->place,
                             "every case of %s leads to another %s, without end: add one that does not, or make one "
                             "optional",
                             name, definition->name ? name : "one");
        else
                report_error(job, &definition->place,
                             "%s contains itself, without end: make it optional (`*`) or an array of variable length "
                             "(`<>`) on the way",
                             name);
        uint32_t node = first;
        for (unsigned notes = 0; notes < NOTES_MOST; notes++) {
                const struct declaration *part = endless_part(sizes, sizes->nodes[node].definition);
                const char *outer = name_of(sizes, sizes->nodes[node].definition);
                node = needed(part);
                report_note(job, &part->place, "%s contains %s here", outer,
                            name_of(sizes, sizes->nodes[node].definition));
                if (node == first)
                        break;
        }
}

/* Follow the endless parts from each node; coming to one of the same walk again, that is a circle. */
static void find_circles(struct sizes *sizes) {
        uint32_t *walks = allocate_cleared(sizes->count + 1, sizeof(*walks));
        for (uint32_t i = 1; i <= sizes->count; i++) {
                uint32_t node = i;
                if (sizes->nodes[i].ends)
                        continue;
                for (; !walks[node]; node = next_endless(sizes, node))
                        walks[node] = i;
                if (walks[node] != i)
                        continue;
                uint32_t first = node;
                for (uint32_t each = next_endless(sizes, node); each != node; each = next_endless(sizes, each))
                        first = each < first ? each : first;
                report_endless(sizes, first);
        }
        free(walks);
}

/* ---- sizes ---- */

static uint64_t size_of_kind(const struct sizes *sizes, const struct type *type) {
        switch (type->kind) {
        case TYPE_VOID:
                return 0;
        case TYPE_BOOL:
        case TYPE_CHAR:
        case TYPE_UNSIGNED_CHAR:
        case TYPE_OPAQUE:
                return 1;
        case TYPE_SHORT:
        case TYPE_UNSIGNED_SHORT:
                return 2;
        case TYPE_INT:
        case TYPE_UNSIGNED:
        case TYPE_FLOAT:
                return 4;
        case TYPE_QUADRUPLE:
        case TYPE_STRING:
                return 16;
        case TYPE_NAMED:
                return type->definition ? sizes->nodes[type->definition->node].size_bytes : 0;
        default:
                return 8;
        }
}

/* In C on a machine with 64 bits; 0 if it is unknown, or too large, which is reported. */
static uint64_t size_of_part(struct sizes *sizes, const struct declaration *part) {
        if (part->shape == SHAPE_OPTIONAL)
                return 8;
        if (part->shape == SHAPE_VARIABLE)
                return 16;
        uint64_t one = size_of_kind(sizes, &part->type);
        if (part->shape == SHAPE_PLAIN || one == 0)
                return one;
        if (part->bound_value <= SIZE_MOST / one)
                return one * part->bound_value;
        report_error(sizes->checker->job, &part->place,
                     "this would take %llu bytes in every value, and 2147483647 are the most: use `<>`",
                     (unsigned long long)one * part->bound_value);
        return 0;
}

#define SIZE_OF_ARM_MOST 64u /* larger ones are held by a pointer */

/* A union's arms do not count for it, and need not have a size yet: check_arms() comes after all others. */
static void sum_up(struct sizes *sizes, struct sized *sized) {
        struct definition *definition = sized->definition;
        uint64_t total = 0;
        if (definition->kind == DEFINITION_UNION)
                total = 8 + SIZE_OF_ARM_MOST;
        else if (definition->kind == DEFINITION_ENUM)
                total = 4;
        else
                for (struct part part = { 0 }; next_part(definition, &part);)
                        total += size_of_part(sizes, part.declaration);
        if (total > SIZE_MOST) {
                report_error(
                        sizes->checker->job, &definition->place,
                        "a value of %s would take %llu bytes, and 2147483647 are the most: use `<>` for its arrays",
                        name_of(sizes, definition), (unsigned long long)total);
                total = 0;
        }
        sized->size_bytes = total;
}

static void check_arms(struct sizes *sizes, const struct definition *definition) {
        for (const struct arm *each = definition->kind == DEFINITION_UNION ? definition->arms : NULL; each;
             each = each->next)
                size_of_part(sizes, &each->declaration);
}

/* ---- all of it ---- */

/* definition.node is planned later: until then it is a node's number here. */
static void number_nodes(struct sizes *sizes, struct definition *definitions) {
        for (struct definition *each = definitions; each; each = each->next)
                sizes->count += definition_is_type(each);
        sizes->nodes = allocate_cleared(sizes->count + 1, sizeof(*sizes->nodes));
        sizes->order = allocate_cleared(sizes->count, sizeof(*sizes->order));
        uint32_t node = 0;
        for (struct definition *each = definitions; each; each = each->next)
                if (definition_is_type(each)) {
                        each->node = ++node;
                        sizes->nodes[node].definition = each;
                }
}

void check_sizes(struct checker *checker) {
        struct sizes sizes = { .checker = checker };
        number_nodes(&sizes, checker->interface->definitions);
        link_users(&sizes);
        find_ends(&sizes);
        find_circles(&sizes);
        for (size_t i = 0; i < sizes.order_count; i++)
                sum_up(&sizes, &sizes.nodes[sizes.order[i]]);
        for (size_t i = 1; i <= sizes.count; i++)
                check_arms(&sizes, sizes.nodes[i].definition);
        for (size_t i = 1; i <= sizes.count; i++)
                sizes.nodes[i].definition->node = 0;
        free(sizes.nodes);
        free(sizes.users);
        free(sizes.order);
}
