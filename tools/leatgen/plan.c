/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/emit.h"
#include "tools/leatgen/plan_build.h"
#include "tools/leatgen/report.h"
#include "tools/leatgen/stages.h"

/* ---- nodes ---- */

uint32_t add_node(struct build *build, const struct planned_node *node) {
        struct schema *schema = build->schema;
        schema->nodes =
                job_grow(build->job, schema->nodes, schema->node_count, &build->node_room, sizeof(*schema->nodes));
        schema->nodes[schema->node_count] = *node;
        return (uint32_t)schema->node_count++;
}

static size_t hash_node(const struct leat_xdr_node *node) {
        uint64_t hash = node->kind;
        hash = (hash * 31 + node->flags) * 65599 + node->count;
        hash = (hash * 1000003) ^ node->first;
        hash = (hash * 1000003) ^ node->bound;
        return (size_t)(hash ^ hash >> 29);
}

static bool equal_nodes(const struct leat_xdr_node *one, const struct leat_xdr_node *other) {
        return one->kind == other->kind && one->flags == other->flags && one->count == other->count &&
               one->first == other->first && one->bound == other->bound;
}

/* Where a node that is equal is, or would be. */
static uint32_t *shared_place(const struct build *build, const struct leat_xdr_node *node) {
        size_t mask = build->shared_room - 1;
        for (size_t i = hash_node(node) & mask;; i = (i + 1) & mask) {
                uint32_t at = build->shared[i];
                if (at == 0 || equal_nodes(&build->schema->nodes[at].node, node))
                        return &build->shared[i];
        }
}

static void grow_shared(struct build *build) {
        uint32_t *old = build->shared;
        size_t old_room = build->shared_room;
        build->shared_room = old_room ? 2 * old_room : 256;
        build->shared = job_take(build->job, build->shared_room * sizeof(*build->shared));
        for (size_t i = 0; i < old_room; i++)
                if (old[i])
                        *shared_place(build, &build->schema->nodes[old[i]].node) = old[i];
}

uint32_t share_node(struct build *build, const struct planned_node *node) {
        if (2 * build->shared_count >= build->shared_room)
                grow_shared(build);
        uint32_t *place = shared_place(build, &node->node);
        if (*place == 0) {
                *place = add_node(build, node);
                build->shared_count++;
        }
        return *place;
}

/* ---- types ---- */

static const uint8_t primitive_kinds[] = {
        [TYPE_VOID] = LEAT_XDR_KIND_VOID,
        [TYPE_INT] = LEAT_XDR_KIND_INT,
        [TYPE_UNSIGNED] = LEAT_XDR_KIND_UNSIGNED,
        [TYPE_HYPER] = LEAT_XDR_KIND_HYPER,
        [TYPE_UNSIGNED_HYPER] = LEAT_XDR_KIND_UNSIGNED_HYPER,
        [TYPE_FLOAT] = LEAT_XDR_KIND_FLOAT,
        [TYPE_DOUBLE] = LEAT_XDR_KIND_DOUBLE,
        [TYPE_QUADRUPLE] = LEAT_XDR_KIND_QUADRUPLE,
        [TYPE_BOOL] = LEAT_XDR_KIND_BOOL,
        [TYPE_CHAR] = LEAT_XDR_KIND_CHAR,
        [TYPE_UNSIGNED_CHAR] = LEAT_XDR_KIND_UNSIGNED_CHAR,
        [TYPE_SHORT] = LEAT_XDR_KIND_SHORT,
        [TYPE_UNSIGNED_SHORT] = LEAT_XDR_KIND_UNSIGNED_SHORT,
        [TYPE_STRING] = LEAT_XDR_KIND_STRING,
        [TYPE_OPAQUE] = LEAT_XDR_KIND_BYTES,
        [TYPE_NAMED] = LEAT_XDR_KIND_VOID, /* its definition says */
};
_Static_assert(sizeof(primitive_kinds) == TYPE_KIND_MAX + 1, "one for each kind of type");

/* What depends on the declaration alone: its size on the wire. */
static struct planned_node node_of(const struct declaration *declaration, uint8_t kind, const char *c_type) {
        struct planned_node node = { .c_type = c_type };
        node.node.kind = kind;
        node.node.wire_min = (uint32_t)declaration_wire_min(declaration);
        node.node.flags = declaration_is_flat(declaration) ? LEAT_XDR_FLAG_FLAT : 0;
        return node;
}

static uint32_t type_node(struct build *build, const struct declaration *declaration) {
        const struct type *type = &declaration->type;
        if (type->kind == TYPE_NAMED)
                return type->definition->node;
        if (type->kind == TYPE_VOID)
                return 0;
        struct declaration plain = { .type = *type, .shape = SHAPE_PLAIN };
        struct planned_node node = node_of(&plain, primitive_kinds[type->kind], c_type_of(type));
        return share_node(build, &node);
}

static struct planned_node counted_node(struct build *build, const struct declaration *declaration) {
        bool text = declaration->type.kind == TYPE_STRING;
        struct planned_node node;
        if (text || declaration->type.kind == TYPE_OPAQUE) {
                node = node_of(declaration, text ? LEAT_XDR_KIND_STRING : LEAT_XDR_KIND_BYTES,
                               text ? "struct leat_xdr_string" : "struct leat_xdr_bytes");
                node.node.flags |= build->job->options->borrow ? LEAT_XDR_FLAG_BORROWED : 0;
        } else {
                node = node_of(declaration, LEAT_XDR_KIND_LIST, "struct leat_xdr_list");
                node.node.first = type_node(build, declaration);
        }
        node.node.bound = declaration->bound_value;
        return node;
}

static struct planned_node fixed_node(struct build *build, const struct declaration *declaration) {
        struct planned_node node;
        if (declaration->type.kind == TYPE_OPAQUE) {
                node = node_of(declaration, LEAT_XDR_KIND_FIXED,
                               job_format(build->job, "uint8_t[%u]", declaration_places(declaration)));
        } else {
                node = node_of(declaration, LEAT_XDR_KIND_ARRAY,
                               job_format(build->job, "%s[%u]", c_type_of(&declaration->type),
                                          declaration_places(declaration)));
                node.node.first = type_node(build, declaration);
        }
        node.node.bound = declaration->bound_value;
        return node;
}

static struct planned_node optional_node(struct build *build, const struct declaration *declaration) {
        struct planned_node node = node_of(declaration, LEAT_XDR_KIND_OPTIONAL, "void *");
        node.node.first = type_node(build, declaration);
        if (declaration->type.kind == TYPE_NAMED) {
                const struct planned_node *element = &build->schema->nodes[node.node.first];
                if (element->definition && element->definition->kind == DEFINITION_STRUCT && element->definition->chain)
                        node.node.kind = LEAT_XDR_KIND_CHAIN;
        }
        return node;
}

static struct planned_node shaped_node(struct build *build, const struct declaration *declaration) {
        switch (declaration->shape) {
        case SHAPE_FIXED:
                return fixed_node(build, declaration);
        case SHAPE_OPTIONAL:
                return optional_node(build, declaration);
        default:
                return counted_node(build, declaration);
        }
}

uint32_t declaration_node(struct build *build, const struct declaration *declaration) {
        if (declaration->shape == SHAPE_PLAIN && declaration->type.kind != TYPE_STRING)
                return type_node(build, declaration);
        struct planned_node node = shaped_node(build, declaration);
        return share_node(build, &node);
}

/* ---- named types ---- */

static void name_node(struct build *build, uint32_t at, const struct definition *definition) {
        struct planned_node *node = &build->schema->nodes[at];
        if (node->definition)
                return;
        node->definition = definition;
        node->c_type = definition->c_type;
}

/* Structures and unions get their nodes before anything can refer to them. */
static void reserve_node(struct build *build, struct definition *definition) {
        struct planned_node node = { 0 };
        node.node.kind = definition->kind == DEFINITION_STRUCT ? LEAT_XDR_KIND_STRUCT : LEAT_XDR_KIND_UNION;
        node.node.wire_min = (uint32_t)definition->wire_min;
        node.node.flags = (uint8_t)((definition->flat ? LEAT_XDR_FLAG_FLAT : 0) |
                                    (definition->recursive ? LEAT_XDR_FLAG_RECURSIVE : 0));
        definition->node = add_node(build, &node);
        name_node(build, definition->node, definition);
}

/*
 * A typedef's node is what it names, or one of its own shape. Lists do not share theirs, save in a table alone: each is an own
 * structure in C, and straight code has a function for each. Pointers and arrays of the same are the same type in C.
 */
static void build_typedef(struct build *build, struct definition *definition) {
        const struct declaration *alias = &definition->alias;
        if (alias->shape == SHAPE_PLAIN && alias->type.kind != TYPE_STRING) {
                definition->node = type_node(build, alias);
        } else {
                struct planned_node node = shaped_node(build, alias);
                bool own = node.node.kind == LEAT_XDR_KIND_LIST && !build->job->options->small;
                definition->node = own ? add_node(build, &node) : share_node(build, &node);
                name_node(build, definition->node, definition);
        }
        definition->alias.node = definition->node;
}

/* A typedef that names a typedef needs that one's node first: the way there is kept in `path`, as it may be long. */
static void resolve_typedef(struct build *build, struct definition *definition, struct definition **path) {
        size_t depth = 0;
        while (definition->kind == DEFINITION_TYPEDEF && !definition->seen) {
                definition->seen = true;
                path[depth++] = definition;
                if (definition->alias.type.kind != TYPE_NAMED)
                        break;
                definition = definition->alias.type.definition;
        }
        while (depth > 0)
                build_typedef(build, path[--depth]);
}

static void build_types(struct build *build) {
        const struct layout *layout = build->layout;
        struct definition **path = job_take(build->job, (layout->count + 1) * sizeof(struct definition *));
        for (size_t i = 0; i < layout->count; i++)
                if (layout->all[i]->kind == DEFINITION_ENUM)
                        build_enumeration(build, layout->all[i]);
                else if (layout->all[i]->kind != DEFINITION_TYPEDEF)
                        reserve_node(build, layout->all[i]);
        for (size_t i = 0; i < layout->count; i++)
                if (layout->all[i]->kind == DEFINITION_ENUM)
                        name_node(build, layout->all[i]->node, layout->all[i]);
        for (size_t i = 0; i < layout->count; i++)
                resolve_typedef(build, layout->all[i], path);
        for (size_t i = 0; i < layout->count; i++)
                layout->all[i]->seen = false;
        for (size_t i = 0; i < layout->count; i++)
                if (layout->all[i]->kind == DEFINITION_STRUCT || layout->all[i]->kind == DEFINITION_UNION)
                        build_fields(build, layout->all[i]);
}

/* ---- procedures ---- */

static void build_procedure(struct build *build, struct procedure *procedure) {
        struct declaration *argument = procedure->arguments;
        for (struct declaration *one = argument; one; one = one->next)
                one->node = declaration_node(build, one);
        if (procedure->argument_type)
                procedure->argument_node = procedure->argument_type->node;
        else
                procedure->argument_node = argument ? argument->node : 0;
        procedure->result.node = procedure->result_node = declaration_node(build, &procedure->result);
}

typedef void procedure_step(struct build *build, struct procedure *procedure);

static void for_procedures(struct build *build, struct interface *interface, procedure_step *step) {
        for (struct definition *program = interface->definitions; program; program = program->next) {
                if (program->kind != DEFINITION_PROGRAM || program->imported)
                        continue;
                for (struct version *version = program->versions; version; version = version->next)
                        for (struct procedure *procedure = version->procedures; procedure; procedure = procedure->next)
                                step(build, procedure);
        }
}

/* ---- the last order: void, what has a definition, the rest ---- */

static bool refers_to_node(const struct leat_xdr_node *node) {
        return node->kind >= LEAT_XDR_KIND_ARRAY && node->kind <= LEAT_XDR_KIND_CHAIN;
}

static void renumber_procedure(struct build *build, struct procedure *procedure) {
        const uint32_t *to = build->shared; /* by now: where each node went */
        for (struct declaration *one = procedure->arguments; one; one = one->next)
                one->node = to[one->node];
        procedure->result.node = procedure->result_node = to[procedure->result_node];
        procedure->argument_node = to[procedure->argument_node];
}

static void renumber_parts(struct build *build, const uint32_t *to) {
        const struct layout *layout = build->layout;
        for (size_t i = 0; i < layout->count; i++) {
                struct definition *definition = layout->all[i];
                definition->node = to[definition->node];
                /* The structure of several arguments has the procedure's own declarations, which are renumbered there. */
                for (size_t j = layout->first[i]; j < layout->first[i + 1] && !definition->done; j++)
                        layout->parts[j].declaration->node = to[layout->parts[j].declaration->node];
        }
}

static void mark_arguments(struct build *build, struct procedure *procedure) {
        (void)build;
        if (procedure->argument_type)
                procedure->argument_type->done = true;
}

static void renumber(struct build *build, struct interface *interface) {
        struct schema *schema = build->schema;
        struct planned_node *nodes = job_take(build->job, schema->node_count * sizeof(*nodes));
        uint32_t *to = job_take(build->job, schema->node_count * sizeof(*to));
        uint32_t at = 1;
        for (int named = 1; named >= 0; named--) {
                for (size_t i = 1; i < schema->node_count; i++)
                        if ((schema->nodes[i].definition != NULL) == named)
                                to[i] = at++;
                schema->code_count = named ? at : schema->code_count;
        }
        for (size_t i = 0; i < schema->node_count; i++) {
                nodes[to[i]] = schema->nodes[i];
                if (refers_to_node(&nodes[to[i]].node))
                        nodes[to[i]].node.first = to[nodes[to[i]].node.first];
        }
        for (size_t i = 0; i < schema->field_count; i++)
                schema->fields[i].node = to[schema->fields[i].node];
        schema->nodes = nodes;
        build->shared = to;
        for_procedures(build, interface, mark_arguments);
        renumber_parts(build, to);
        for_procedures(build, interface, renumber_procedure);
        for (size_t i = 0; i < build->layout->count; i++)
                build->layout->all[i]->done = false;
}

struct schema *plan_interface(struct job *job, struct interface *interface) {
        static const struct planned_node nothing = { .node.flags = LEAT_XDR_FLAG_FLAT };
        struct layout layout;
        struct build build = { .job = job, .layout = &layout, .schema = JOB_NEW(job, struct schema) };
        layout_make(job, interface, &layout);
        add_node(&build, &nothing);
        build_types(&build);
        for_procedures(&build, interface, build_procedure);
        renumber(&build, interface);
        struct place place = { .source = interface->source, .line = 1, .column = 1 };
        if (build.schema->node_count > UINT16_MAX)
                report_error(job, &place,
                             "it has %zu different types; at most %u fit into one schema: split the interface",
                             build.schema->node_count, UINT16_MAX);
        return report_errors(job) == 0 && plan_names(job, build.schema, &place) ? build.schema : NULL;
}
