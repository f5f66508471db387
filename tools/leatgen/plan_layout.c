/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/plan_layout.h"

#include <string.h>

/* An arm that takes more memory is held by a pointer, so that a union of many small values is not as wide as its widest arm. */
#define ARM_MOST_BYTES 64u

#define SIZE_MOST ((uint64_t)1 << 62) /* sizes saturate here */

/* ---- one declaration ---- */

/* Bytes in C, alignment there, bytes on the wire. Of what is always so; the others are counted. */
static const struct primitive {
        uint8_t c_size, c_align, wire;
} primitives[] = {
        [TYPE_VOID] = { 0, 1, 0 },           [TYPE_INT] = { 4, 4, 4 },
        [TYPE_UNSIGNED] = { 4, 4, 4 },       [TYPE_HYPER] = { 8, 8, 8 },
        [TYPE_UNSIGNED_HYPER] = { 8, 8, 8 }, [TYPE_FLOAT] = { 4, 4, 4 },
        [TYPE_DOUBLE] = { 8, 8, 8 },         [TYPE_QUADRUPLE] = { 16, 1, 16 },
        [TYPE_BOOL] = { 1, 1, 4 },           [TYPE_CHAR] = { 1, 1, 4 },
        [TYPE_UNSIGNED_CHAR] = { 1, 1, 4 },  [TYPE_SHORT] = { 2, 2, 4 },
        [TYPE_UNSIGNED_SHORT] = { 2, 2, 4 }, [TYPE_STRING] = { 16, 8, 4 },
        [TYPE_OPAQUE] = { 1, 1, 1 },         [TYPE_NAMED] = { 0, 1, 0 },
};
_Static_assert(sizeof(primitives) / sizeof(primitives[0]) == TYPE_KIND_MAX + 1, "a row for each kind of type");

uint32_t declaration_places(const struct declaration *declaration) {
        return declaration->bound_value > 0 ? declaration->bound_value : 1;
}

bool is_by_value(const struct declaration *declaration) {
        return declaration->type.kind == TYPE_NAMED &&
               (declaration->shape == SHAPE_PLAIN || declaration->shape == SHAPE_FIXED);
}

static uint64_t at_most(uint64_t value, uint64_t most) {
        return value < most ? value : most;
}

uint64_t declaration_wire_min(const struct declaration *declaration) {
        if (declaration->shape == SHAPE_OPTIONAL || declaration->shape == SHAPE_VARIABLE)
                return 4;
        const struct type *type = &declaration->type;
        uint64_t wire = type->kind == TYPE_NAMED ? type->definition->wire_min : primitives[type->kind].wire;
        if (declaration->shape == SHAPE_PLAIN)
                return wire;
        if (type->kind == TYPE_OPAQUE)
                return at_most(((uint64_t)declaration->bound_value + 3) & ~(uint64_t)3, UINT32_MAX);
        return at_most(wire * declaration->bound_value, UINT32_MAX);
}

bool declaration_is_flat(const struct declaration *declaration) {
        if (declaration->shape == SHAPE_OPTIONAL || declaration->shape == SHAPE_VARIABLE ||
            declaration->type.kind == TYPE_STRING || declaration_wire_min(declaration) == UINT32_MAX)
                return false;
        return declaration->type.kind != TYPE_NAMED || declaration->type.definition->flat;
}

void declaration_c_size(const struct declaration *declaration, uint64_t *ret_size, uint64_t *ret_align) {
        const struct type *type = &declaration->type;
        *ret_size = type->kind == TYPE_NAMED ? type->definition->c_size : primitives[type->kind].c_size;
        *ret_align = type->kind == TYPE_NAMED ? type->definition->c_align : primitives[type->kind].c_align;
        if (declaration->shape == SHAPE_VARIABLE)
                *ret_size = 16;
        else if (declaration->shape == SHAPE_OPTIONAL)
                *ret_size = 8;
        if (declaration->shape == SHAPE_VARIABLE || declaration->shape == SHAPE_OPTIONAL)
                *ret_align = 8;
        else if (declaration->shape == SHAPE_FIXED && *ret_size > 0)
                *ret_size = declaration_places(declaration) > SIZE_MOST / *ret_size
                                    ? SIZE_MOST
                                    : *ret_size * declaration_places(declaration);
}

/* ---- the graph ---- */

static void number_definitions(struct layout *layout) {
        for (size_t i = 0; i < layout->count; i++)
                layout->all[i]->node = (uint32_t)i;
}

static void collect_parts(struct job *job, struct layout *layout) {
        size_t count = 0;
        for (size_t i = 0; i < layout->count; i++)
                for (struct part part = { 0 }; next_part(layout->all[i], &part);)
                        count++;
        layout->parts = job_take(job, (count + 1) * sizeof(*layout->parts));
        layout->first = job_take(job, (layout->count + 1) * sizeof(*layout->first));
        struct part *at = layout->parts;
        for (size_t i = 0; i < layout->count; i++) {
                layout->first[i] = (size_t)(at - layout->parts);
                for (struct part part = { 0 }; next_part(layout->all[i], &part);)
                        *at++ = part;
        }
        layout->first[layout->count] = (size_t)(at - layout->parts);
}

/* The structure that several arguments of a procedure make. It is in no file, but is one as any other. */
static struct definition *argument_structure(struct job *job, struct procedure *procedure) {
        struct definition *made = JOB_NEW(job, struct definition);
        made->kind = DEFINITION_STRUCT;
        made->place = procedure->place;
        made->outputs = FOR_ALL;
        made->c_name = job_format(job, "%s_arguments", procedure->c_name);
        made->name = made->c_name;
        made->c_type = job_format(job, "struct %s", made->c_name);
        made->fields = procedure->arguments;
        return made;
}

/* What else stands in a stub, where arguments are parameters. */
static bool is_taken(const struct procedure *procedure, const struct declaration *argument, const char *name) {
        static const char *const taken[] = { "arguments", "call",    "client",     "leat_rpc_call",
                                             "memcpy",    "request", "ret_result", "userdata" };
        for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
                if (strcmp(name, taken[i]) == 0)
                        return true;
        for (const struct declaration *other = procedure->arguments; other; other = other->next)
                if (other != argument && other->c_name && strcmp(name, other->c_name) == 0)
                        return true;
        return false;
}

static void name_arguments(struct job *job, struct procedure *procedure) {
        bool alone = procedure->arguments && !procedure->arguments->next;
        unsigned number = 1;
        for (struct declaration *argument = procedure->arguments; argument; argument = argument->next, number++) {
                const char *name = argument->c_name;
                if (!name)
                        name = alone ? "argument" : job_format(job, "argument%u", number);
                while (is_taken(procedure, argument, name))
                        name = job_format(job, "%s_", name);
                argument->c_name = name;
        }
}

/* Those of several arguments get their structure; how many they are. */
static size_t visit_procedures(struct job *job, struct definition *program, struct definition **ret_structures) {
        size_t count = 0;
        for (struct version *version = program->versions; version; version = version->next)
                for (struct procedure *procedure = version->procedures; procedure; procedure = procedure->next) {
                        bool several = procedure->arguments && procedure->arguments->next;
                        if (ret_structures)
                                name_arguments(job, procedure);
                        if (ret_structures && several) {
                                procedure->argument_type = argument_structure(job, procedure);
                                ret_structures[count] = procedure->argument_type;
                        }
                        count += several;
                }
        return count;
}

static void mark_used(struct definition *definition, struct definition **stack, size_t *depth) {
        if (definition->seen)
                return;
        definition->seen = true;
        stack[(*depth)++] = definition;
}

/* Imported definitions are only looked at if something of the interface uses them: `seen` are those that are. */
static void keep_used(struct job *job, struct layout *layout) {
        struct definition **stack = job_take(job, (layout->count + 1) * sizeof(struct definition *));
        size_t depth = 0, kept = 0;
        for (size_t i = 0; i < layout->count; i++)
                if (!layout->all[i]->imported || layout->all[i]->done)
                        mark_used(layout->all[i], stack, &depth);
        while (depth > 0) {
                size_t at = stack[--depth]->node;
                for (size_t i = layout->first[at]; i < layout->first[at + 1]; i++)
                        if (layout->parts[i].declaration->type.kind == TYPE_NAMED)
                                mark_used(layout->parts[i].declaration->type.definition, stack, &depth);
        }
        for (size_t i = 0; i < layout->count; i++) {
                if (layout->all[i]->seen)
                        layout->all[kept++] = layout->all[i];
                layout->all[i]->seen = layout->all[i]->done = false;
        }
        layout->count = kept;
}

/* Procedures use imported types too. */
static void mark_procedures(struct interface *interface) {
        for (struct definition *program = interface->definitions; program; program = program->next) {
                if (program->kind != DEFINITION_PROGRAM || program->imported)
                        continue;
                for (struct version *version = program->versions; version; version = version->next)
                        for (struct procedure *procedure = version->procedures; procedure;
                             procedure = procedure->next) {
                                if (procedure->result.type.kind == TYPE_NAMED)
                                        procedure->result.type.definition->done = true;
                                if (procedure->arguments && procedure->arguments->type.kind == TYPE_NAMED)
                                        procedure->arguments->type.definition->done = true;
                        }
        }
}

static void collect_definitions(struct job *job, struct interface *interface, struct layout *layout) {
        size_t count = 0;
        for (struct definition *definition = interface->definitions; definition; definition = definition->next)
                if (definition->kind == DEFINITION_PROGRAM && !definition->imported)
                        count += visit_procedures(job, definition, NULL);
                else
                        count++;
        layout->all = job_take(job, (count + 1) * sizeof(struct definition *));
        for (struct definition *definition = interface->definitions; definition; definition = definition->next)
                if (definition_is_type(definition))
                        layout->all[layout->count++] = definition;
        for (struct definition *definition = interface->definitions; definition; definition = definition->next)
                if (definition->kind == DEFINITION_PROGRAM && !definition->imported)
                        layout->count += visit_procedures(job, definition, layout->all + layout->count);
}

/* ---- held arms, sizes ---- */

static bool filter_by_value(const struct layout *layout, size_t from, const struct part *part) {
        (void)layout, (void)from;
        return is_by_value(part->declaration) && !(part->arm && part->arm->held);
}

/* An arm through which the union would contain itself is held. */
static void hold_recursive_arms(struct layout *layout, const struct cycles *cycles) {
        for (size_t i = 0; i < layout->count; i++)
                for (size_t j = layout->first[i]; j < layout->first[i + 1]; j++) {
                        const struct part *part = &layout->parts[j];
                        if (part->arm && is_by_value(part->declaration) &&
                            cycles->group[i] == cycles->group[part->declaration->type.definition->node])
                                part->arm->held = true;
                }
}

static void hold_wide_arms(struct layout *layout, size_t at) {
        for (size_t i = layout->first[at]; i < layout->first[at + 1]; i++) {
                struct arm *arm = layout->parts[i].arm;
                uint64_t size, align;
                if (!arm)
                        continue;
                declaration_c_size(&arm->declaration, &size, &align);
                arm->held |= size > ARM_MOST_BYTES;
        }
}

static uint64_t round_up(uint64_t size, uint64_t align) {
        return at_most((size + align - 1) / align * align, SIZE_MOST);
}

static void part_c_size(const struct part *part, uint64_t *ret_size, uint64_t *ret_align) {
        declaration_c_size(part->declaration, ret_size, ret_align);
        if (part->arm && part->arm->held)
                *ret_size = *ret_align = 8;
}

static void size_structure(struct layout *layout, size_t at) {
        struct definition *definition = layout->all[at];
        uint64_t end = 0, most_align = 1;
        for (size_t i = layout->first[at]; i < layout->first[at + 1]; i++) {
                uint64_t size, align;
                part_c_size(&layout->parts[i], &size, &align);
                end = at_most(round_up(end, align) + size, SIZE_MOST);
                most_align = align > most_align ? align : most_align;
        }
        definition->c_size = round_up(end, most_align);
        definition->c_align = most_align;
}

static void size_union(struct layout *layout, size_t at) {
        struct definition *definition = layout->all[at];
        uint64_t size, align, widest = 0, most_align = 1;
        hold_wide_arms(layout, at);
        for (size_t i = layout->first[at] + 1; i < layout->first[at + 1]; i++) {
                part_c_size(&layout->parts[i], &size, &align);
                widest = size > widest ? size : widest;
                most_align = align > most_align ? align : most_align;
        }
        widest = round_up(widest, most_align);
        declaration_c_size(&definition->discriminant, &size, &align);
        most_align = align > most_align ? align : most_align;
        definition->c_size = round_up(round_up(size, most_align) + widest, most_align);
        definition->c_align = most_align;
}

static void size_definition(struct layout *layout, size_t at) {
        struct definition *definition = layout->all[at];
        definition->c_size = definition->c_align = 4;
        if (definition->kind == DEFINITION_STRUCT)
                size_structure(layout, at);
        else if (definition->kind == DEFINITION_UNION)
                size_union(layout, at);
        else if (definition->kind == DEFINITION_TYPEDEF)
                declaration_c_size(&definition->alias, &definition->c_size, &definition->c_align);
}

/* ---- the wire ---- */

static void wire_structure(const struct layout *layout, size_t at) {
        struct definition *definition = layout->all[at];
        uint64_t wire = 0;
        bool flat = true;
        for (size_t i = layout->first[at]; i < layout->first[at + 1]; i++) {
                wire = at_most(wire + declaration_wire_min(layout->parts[i].declaration), UINT32_MAX);
                flat &= declaration_is_flat(layout->parts[i].declaration);
        }
        definition->wire_min = wire;
        definition->flat = flat && wire < UINT32_MAX;
}

static void wire_union(const struct layout *layout, size_t at) {
        uint64_t least = UINT32_MAX;
        for (size_t i = layout->first[at] + 1; i < layout->first[at + 1]; i++)
                least = at_most(declaration_wire_min(layout->parts[i].declaration), least);
        if (layout->first[at] + 1 == layout->first[at + 1])
                least = 0;
        layout->all[at]->wire_min = at_most(least + 4, UINT32_MAX);
}

static bool wire_definition(const struct layout *layout, size_t at) {
        struct definition *definition = layout->all[at];
        uint64_t before = definition->wire_min;
        if (definition->kind == DEFINITION_ENUM) {
                definition->wire_min = 4;
                definition->flat = true;
        } else if (definition->kind == DEFINITION_STRUCT) {
                wire_structure(layout, at);
        } else if (definition->kind == DEFINITION_UNION) {
                wire_union(layout, at);
        } else {
                definition->wire_min = declaration_wire_min(&definition->alias);
                definition->flat = declaration_is_flat(&definition->alias);
        }
        return definition->wire_min != before;
}

/* Held arms make cycles: what they need falls from "endless" to what it is, round by round. Most interfaces have one round. */
static void count_wire(const struct layout *layout) {
        for (size_t i = 0; i < layout->count; i++)
                layout->all[i]->wire_min = UINT32_MAX;
        for (bool changed = true; changed;) {
                changed = false;
                for (size_t i = 0; i < layout->count; i++)
                        changed |= wire_definition(layout, layout->order[i]);
        }
}

/* ---- chains, recursion ---- */

static void find_cores(struct job *job, struct layout *layout) {
        layout->core = job_take(job, (layout->count + 1) * sizeof(struct definition *));
        for (size_t i = 0; i < layout->count; i++)
                layout->core[i] = layout->all[i];
        for (size_t i = 0; i < layout->count; i++) {
                struct definition *definition = layout->all[layout->order[i]];
                if (definition->kind == DEFINITION_TYPEDEF && definition->alias.shape == SHAPE_PLAIN &&
                    definition->alias.type.kind == TYPE_NAMED)
                        layout->core[definition->node] = layout->core[definition->alias.type.definition->node];
        }
}

/* Whether the declaration is an optional pointer to the structure, perhaps by a typedef. */
static bool points_to(const struct layout *layout, const struct declaration *declaration,
                      const struct definition *structure) {
        if (declaration->type.kind != TYPE_NAMED)
                return false;
        if (declaration->shape == SHAPE_PLAIN) {
                const struct definition *named = layout->core[declaration->type.definition->node];
                if (named->kind != DEFINITION_TYPEDEF)
                        return false;
                declaration = &named->alias;
        }
        return declaration->shape == SHAPE_OPTIONAL && declaration->type.kind == TYPE_NAMED &&
               layout->core[declaration->type.definition->node] == structure;
}

static void find_chains(struct layout *layout) {
        for (size_t i = 0; i < layout->count; i++)
                if (layout->all[i]->kind == DEFINITION_STRUCT && layout->first[i] < layout->first[i + 1])
                        layout->all[i]->chain =
                                points_to(layout, layout->parts[layout->first[i + 1] - 1].declaration, layout->all[i]);
}

/* All that can be contained, save by a chain's last field: that one is gone along by a loop. */
static bool filter_but_chains(const struct layout *layout, size_t from, const struct part *part) {
        return !(layout->all[from]->chain && part == &layout->parts[layout->first[from + 1] - 1]);
}

void layout_make(struct job *job, struct interface *interface, struct layout *ret_layout) {
        struct layout layout = { 0 };
        struct cycles cycles;
        mark_procedures(interface);
        collect_definitions(job, interface, &layout);
        number_definitions(&layout);
        collect_parts(job, &layout);
        keep_used(job, &layout);
        number_definitions(&layout);
        collect_parts(job, &layout);
        find_cycles(job, &layout, filter_by_value, &cycles);
        hold_recursive_arms(&layout, &cycles);
        find_cycles(job, &layout, filter_by_value, &cycles);
        layout.order = cycles.order;
        for (size_t i = 0; i < layout.count; i++)
                size_definition(&layout, layout.order[i]);
        count_wire(&layout);
        find_cores(job, &layout);
        find_chains(&layout);
        find_cycles(job, &layout, filter_but_chains, &cycles);
        for (size_t i = 0; i < layout.count; i++)
                layout.all[i]->recursive = cycles.cyclic[i];
        *ret_layout = layout;
}
