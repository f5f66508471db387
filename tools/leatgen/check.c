/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/check.h"

#include "tools/leatgen/adopt.h"
#include "tools/leatgen/report.h"
#include "tools/leatgen/stages.h"
#include <string.h>

/* ---- the names of the file ---- */

static const char *meaning_name(const struct meaning *meaning) {
        return meaning->kind == MEANING_ENUMERATOR ? "enumerator" : definition_kind_names[meaning->definition->kind];
}

static void report_twice(struct checker *checker, const char *name, const struct meaning *first,
                         const struct meaning *second) {
        const char *one = meaning_name(first), *other = meaning_name(second);
        if (strcmp(one, other) == 0)
                report_error(checker->job, second->place, "`%s` is defined twice: leave one out, or rename it", name);
        else
                report_error(checker->job, second->place,
                             "`%s` cannot name this %s, as it names %s %s already: rename one of them", name, other,
                             check_article(one), one);
        report_note(checker->job, first->place, "it was first defined here");
}

/*
 * An own name hides an imported one: in C the two have different prefixes. Of two imported ones the first is meant.
 */
static void declare(struct checker *checker, const char *name, struct meaning meaning) {
        struct meaning *mine = JOB_NEW(checker->job, struct meaning);
        *mine = meaning;
        if (meaning.definition->imported)
                pairs_add(checker->job, &checker->pairs, key_of_name(SPACE_IMPORTED, NULL, name), mine);
        struct meaning *first = pairs_add(checker->job, &checker->pairs, key_of_name(SPACE_NAMES, NULL, name), mine);
        if (!first || meaning.definition->imported)
                return;
        report_twice(checker, name, first, mine);
        first->twice = first->twice || first->kind != mine->kind;
}

static enum meaning_kind meaning_kind_of(const struct definition *definition) {
        switch (definition->kind) {
        case DEFINITION_CONST:
                return MEANING_CONSTANT;
        case DEFINITION_PROGRAM:
                return MEANING_PROGRAM;
        default:
                return MEANING_TYPE;
        }
}

static void declare_number(struct checker *checker, const char *name, const struct number *number) {
        if (name)
                pairs_add(checker->job, &checker->pairs, key_of_name(SPACE_REMOTE, NULL, name), number);
}

/* What rpcgen writes a #define for; the first one of a name counts. */
static void declare_remote(struct checker *checker, const struct definition *program) {
        declare_number(checker, program->name, &program->program_number);
        for (const struct version *version = program->versions; version; version = version->next) {
                declare_number(checker, version->name, &version->number);
                for (const struct procedure *each = version->procedures; each; each = each->next)
                        declare_number(checker, each->name, &each->number);
        }
}

void check_declare(struct checker *checker, struct definition *definition) {
        if (definition->kind == DEFINITION_VERBATIM)
                return;
        if (definition->name)
                declare(checker, definition->name,
                        (struct meaning){ .kind = meaning_kind_of(definition),
                                          .definition = definition,
                                          .place = &definition->place });
        if (definition->kind == DEFINITION_PROGRAM)
                declare_remote(checker, definition);
        if (definition->kind != DEFINITION_ENUM)
                return;
        for (struct enumerator *each = definition->enumerators; each; each = each->next)
                declare(checker, each->name,
                        (struct meaning){
                                .kind = MEANING_ENUMERATOR, .definition = definition, .place = &each->place });
}

/* `typedef struct entry entry;`: C's habit. The name is known anyway. */
static bool names_itself(const struct definition *definition) {
        if (definition->kind != DEFINITION_TYPEDEF)
                return false;
        const struct declaration *alias = &definition->alias;
        return alias->shape == SHAPE_PLAIN && alias->type.kind == TYPE_NAMED && alias->type.tag &&
               alias->type.name == definition->name;
}

static void leave_out_needless(struct interface *interface) {
        struct definition **link = &interface->definitions;
        while (*link)
                if (names_itself(*link))
                        *link = (*link)->next;
                else
                        link = &(*link)->next;
        interface->last = link;
}

static void declare_all(struct checker *checker) {
        for (int imported = 0; imported < 2; imported++)
                for (struct definition *each = checker->interface->definitions; each; each = each->next)
                        if (each->imported == (imported == 1))
                                check_declare(checker, each);
}

/* ---- types and numbers, in the file's order ---- */

static void check_struct(struct checker *checker, struct definition *definition) {
        if (!definition->fields && !checker->cut)
                report_error(checker->job, &definition->place,
                             "a struct needs a field: give it one, or use void instead of it");
        for (struct declaration *each = definition->fields; each; each = each->next) {
                check_declaration(checker, each);
                check_member(checker, definition, each->name, &each->place, "field");
        }
}

/* An arm may be called as the discriminant is, as in RFC 5531's rejected_reply: in C they are members of two structures. */
static void check_arms(struct checker *checker, struct definition *definition) {
        check_declaration(checker, &definition->discriminant);
        for (struct arm *each = definition->arms; each; each = each->next) {
                check_declaration(checker, &each->declaration);
                check_member(checker, definition, each->declaration.name, &each->declaration.place, "arm");
        }
}

static void check_in_order(struct checker *checker, struct definition *definition) {
        checker->importing = definition->imported;
        switch (definition->kind) {
        case DEFINITION_CONST:
                check_constant(checker, definition);
                break;
        case DEFINITION_ENUM:
                check_enumeration(checker, definition);
                break;
        case DEFINITION_STRUCT:
                check_struct(checker, definition);
                break;
        case DEFINITION_UNION:
                check_arms(checker, definition);
                break;
        case DEFINITION_TYPEDEF:
                check_declaration(checker, &definition->alias);
                break;
        case DEFINITION_PROGRAM:
        case DEFINITION_VERBATIM:
                break;
        }
}

void check_interface(struct job *job, struct interface *interface) {
        struct checker checker = { .job = job, .interface = interface, .cut = report_errors(job) > 0 };
        leave_out_needless(interface);
        declare_all(&checker);
        for (struct definition *each = interface->definitions; each; each = each->next)
                check_in_order(&checker, each);
        check_typedef_cycles(&checker);
        /* Labels and the numbers of programs may name what comes later, as they may with rpcgen. */
        for (struct definition *each = interface->definitions; each; each = each->next) {
                checker.importing = each->imported;
                if (each->kind == DEFINITION_UNION)
                        check_union(&checker, each);
                else if (each->kind == DEFINITION_PROGRAM)
                        check_program(&checker, each);
        }
        check_sizes(&checker);
        adopt_system_types(job, interface);
}
