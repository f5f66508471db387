/* SPDX-License-Identifier: MIT */
/*
 * --lint: what is allowed, and probably not meant. Each warning ends with its name in brackets, by which docs/leatgen.md explains it.
 * Imported definitions are another file's, and not looked at.
 */
#include "tools/leatgen/report.h"
#include "tools/leatgen/stages.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- [unbounded] ---- */

static void lint_declaration(struct job *job, const struct declaration *declaration) {
        if (declaration->shape != SHAPE_VARIABLE || declaration->bound_value != UINT32_MAX)
                return;
        const char *what = declaration->type.kind == TYPE_STRING   ? "string"
                           : declaration->type.kind == TYPE_OPAQUE ? "opaque"
                                                                   : "array";
        const char *name = declaration->name ? declaration->name : "it";
        report_warning(job, &declaration->place,
                       "`%s` is an unbounded %s: a peer decides how long it is, up to the limits of the message and "
                       "the arena; "
                       "say the most that makes sense: <N> [unbounded]",
                       name, what);
}

static void lint_declarations(struct job *job, const struct declaration *declaration) {
        for (; declaration; declaration = declaration->next)
                lint_declaration(job, declaration);
}

/* ---- names that differ only by case ---- */

struct named {
        const char *name;
        const struct place *place;
        size_t order;
};

struct names {
        struct job *job;
        struct named *all;
        size_t count, room;
};

static void add_name(struct names *names, const char *name, const struct place *place) {
        if (!name)
                return;
        names->all = job_grow(names->job, names->all, names->count, &names->room, sizeof(*names->all));
        names->all[names->count] = (struct named){ name, place, names->count };
        names->count++;
}

static int by_name(const void *one, const void *other) {
        const struct named *a = one, *b = other;
        int order = strcasecmp(a->name, b->name);
        return order ? order : (a->order > b->order) - (a->order < b->order);
}

/* Reports each name with the first of those that are like it, and forgets them. */
static void lint_names(struct job *job, struct names *names) {
        if (names->count > 1)
                qsort(names->all, names->count, sizeof(*names->all), by_name);
        const struct named *first = names->all;
        for (size_t i = 1; i < names->count; i++) {
                const struct named *named = &names->all[i];
                if (strcasecmp(first->name, named->name) != 0) {
                        first = named;
                        continue;
                }
                if (strcmp(first->name, named->name) == 0)
                        continue;
                report_warning(job, named->place, "`%s` and `%s` differ only by capital letters [case]", named->name,
                               first->name);
                report_note(job, first->place, "`%s` is here", first->name);
        }
        names->count = 0;
}

static void lint_field_names(struct job *job, const struct declaration *field, struct names *names) {
        for (; field; field = field->next)
                add_name(names, field->name, &field->place);
        lint_names(job, names);
}

/* ---- types ---- */

static void use(const struct declaration *declaration) {
        if (declaration->type.definition)
                declaration->type.definition->seen = true;
}

static void use_all(const struct declaration *declaration) {
        for (; declaration; declaration = declaration->next)
                use(declaration);
}

static void use_by_union(const struct definition *definition) {
        use(&definition->discriminant);
        for (const struct arm *arm = definition->arms; arm; arm = arm->next)
                use(&arm->declaration);
}

static void use_by_program(const struct definition *definition) {
        for (const struct version *version = definition->versions; version; version = version->next)
                for (const struct procedure *procedure = version->procedures; procedure; procedure = procedure->next) {
                        use(&procedure->result);
                        use_all(procedure->arguments);
                }
}

/* A type that only refers to itself counts as used: it is asked whether anything names it. */
static void use_by(const struct definition *definition) {
        if (definition->kind == DEFINITION_STRUCT)
                use_all(definition->fields);
        else if (definition->kind == DEFINITION_TYPEDEF)
                use(&definition->alias);
        else if (definition->kind == DEFINITION_UNION)
                use_by_union(definition);
        else if (definition->kind == DEFINITION_PROGRAM)
                use_by_program(definition);
}

/* Only of interfaces with a program: others are there to be included. */
static void lint_unused(struct job *job, const struct interface *interface) {
        bool program = interface_has_program(interface);
        for (struct definition *definition = interface->definitions; definition; definition = definition->next)
                use_by(definition);
        for (struct definition *definition = interface->definitions; definition; definition = definition->next) {
                bool other = definition->imported || definition->outer || !definition->name ||
                             !definition_is_type(definition);
                if (program && !other && !definition->seen)
                        report_warning(job, &definition->place, "nothing uses the type `%s` [unused]",
                                       definition->name);
        }
        for (struct definition *definition = interface->definitions; definition; definition = definition->next)
                definition->seen = false;
}

static void lint_enumeration(struct job *job, const struct definition *definition) {
        for (const struct enumerator *enumerator = definition->enumerators; enumerator; enumerator = enumerator->next)
                if (enumerator->value == 0)
                        return;
        report_warning(
                job, &definition->place,
                "the enumeration `%s` has no value 0: a structure that was cleared and not filled in cannot be encoded "
                "[no-zero]",
                definition->name ? definition->name : definition->c_name);
}

static void lint_union(struct job *job, const struct definition *definition, struct names *names) {
        for (const struct arm *arm = definition->arms; arm; arm = arm->next) {
                lint_declaration(job, &arm->declaration);
                add_name(names, arm->declaration.name, &arm->declaration.place);
        }
        lint_names(job, names);
}

/* ---- programs ---- */

static void lint_procedure(struct job *job, const struct procedure *procedure) {
        bool empty = !has_result(procedure) && !procedure->arguments;
        if (procedure->number.value == 0 && !empty)
                report_warning(
                        job, &procedure->place,
                        "procedure 0 is `void %s(void)` by convention: tools call it to see whether a server is there "
                        "[procedure-0]",
                        procedure->name);
        lint_declarations(job, procedure->arguments);
        lint_declaration(job, &procedure->result);
}

static int by_number(const void *one, const void *other) {
        const struct version *a = *(const struct version *const *)one, *b = *(const struct version *const *)other;
        return (a->number.value > b->number.value) - (a->number.value < b->number.value);
}

/* A server answers "versions 1 to 4 are served", and a client cannot see that 3 is not among them. */
static void lint_gaps(struct job *job, const struct definition *program) {
        size_t count = 0;
        for (const struct version *version = program->versions; version; version = version->next)
                count++;
        const struct version **sorted = job_take(job, (count + 1) * sizeof(void *));
        count = 0;
        for (const struct version *version = program->versions; version; version = version->next)
                sorted[count++] = version;
        qsort(sorted, count, sizeof(void *), by_number);
        for (size_t i = 1; i < count; i++)
                if (sorted[i]->number.value > sorted[i - 1]->number.value + 1)
                        report_warning(job, &sorted[i]->place,
                                       "there is no version between %lu and %lu: a server can only tell a client the "
                                       "lowest and the "
                                       "highest that it has [version-gap]",
                                       (unsigned long)sorted[i - 1]->number.value,
                                       (unsigned long)sorted[i]->number.value);
}

/* RFC 5531, section 13. */
static void lint_program_number(struct job *job, const struct definition *program) {
        static const struct {
                uint32_t last;
                const char *meaning; /* NULL: everybody may use it */
        } ranges[] = {
                { 0x1fffffff, "are assigned by the IANA: if this one is not, take one from 0x20000000 to 0x3fffffff" },
                { 0x3fffffff, NULL },
                { 0x5fffffff,
                  "are for programs that choose a number while they run: take one from 0x20000000 to 0x3fffffff" },
                { 0xffffffff, "are reserved: take one from 0x20000000 to 0x3fffffff" },
        };
        size_t i = 0;
        while (program->program_number.value > ranges[i].last)
                i++;
        if (ranges[i].meaning)
                report_warning(job, &program->program_number.place,
                               "the program numbers from 0x%08x to 0x%08x %s [program-number]",
                               i ? ranges[i - 1].last + 1 : 0, ranges[i].last, ranges[i].meaning);
}

static void lint_program(struct job *job, const struct definition *program, struct names *names) {
        lint_program_number(job, program);
        lint_gaps(job, program);
        for (const struct version *version = program->versions; version; version = version->next) {
                for (const struct procedure *procedure = version->procedures; procedure; procedure = procedure->next) {
                        lint_procedure(job, procedure);
                        add_name(names, procedure->name, &procedure->place);
                }
                lint_names(job, names);
        }
}

static void lint_definition(struct job *job, const struct definition *definition, struct names *names) {
        switch (definition->kind) {
        case DEFINITION_ENUM:
                lint_enumeration(job, definition);
                break;
        case DEFINITION_STRUCT:
                lint_declarations(job, definition->fields);
                lint_field_names(job, definition->fields, names);
                break;
        case DEFINITION_UNION:
                lint_union(job, definition, names);
                break;
        case DEFINITION_TYPEDEF:
                lint_declaration(job, &definition->alias);
                break;
        case DEFINITION_PROGRAM:
                lint_program(job, definition, names);
                break;
        case DEFINITION_CONST:
        case DEFINITION_VERBATIM:
                break;
        }
}

static void lint_global_names(struct job *job, const struct interface *interface, struct names *names) {
        for (const struct definition *definition = interface->definitions; definition; definition = definition->next) {
                if (!definition->imported && definition_is_type(definition) && !definition->outer)
                        add_name(names, definition->name, &definition->place);
        }
        lint_names(job, names);
        for (const struct definition *definition = interface->definitions; definition; definition = definition->next) {
                if (definition->imported)
                        continue;
                if (definition->kind == DEFINITION_CONST)
                        add_name(names, definition->name, &definition->place);
                if (definition->kind == DEFINITION_ENUM)
                        for (const struct enumerator *enumerator = definition->enumerators; enumerator;
                             enumerator = enumerator->next)
                                add_name(names, enumerator->name, &enumerator->place);
        }
        lint_names(job, names);
}

void lint_interface(struct job *job, const struct interface *interface) {
        struct names names = { .job = job };
        lint_global_names(job, interface, &names);
        for (const struct definition *definition = interface->definitions; definition; definition = definition->next)
                if (!definition->imported)
                        lint_definition(job, definition, &names);
        lint_unused(job, interface);
}
