/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/check.h"

#include "tools/leatgen/import.h"
#include "tools/leatgen/report.h"
#include <string.h>

const char *check_article(const char *noun) {
        return *noun == 'e' ? "an" : "a"; /* enum, enumerator */
}

struct meaning *check_meaning(struct checker *checker, const char *name) {
        struct meaning *imported =
                checker->importing ? pairs_get(&checker->pairs, key_of_name(SPACE_IMPORTED, NULL, name)) : NULL;
        return imported ? imported : pairs_get(&checker->pairs, key_of_name(SPACE_NAMES, NULL, name));
}

/* ---- names of types ---- */

static void report_unknown(struct checker *checker, const struct type *type) {
        if (checker->cut ||
            pairs_add(checker->job, &checker->pairs, key_of_name(SPACE_UNKNOWN, checker, type->name), type))
                return;
        const char *near = check_near(checker, type->name, true);
        const char *missing = import_missing(checker->interface);
        if (near)
                report_error(checker->job, &type->place, "the type `%s` is not defined; did you mean `%s`?", type->name,
                             near);
        else if (missing)
                report_error(checker->job, &type->place,
                             "the type `%s` is not defined: `%s` was not found; give the folder of its .x with -I",
                             type->name, missing);
        else
                report_error(checker->job, &type->place,
                             "the type `%s` is not defined: define it here, or %%#include the header of the interface "
                             "that does",
                             type->name);
}

/* The word before the name: rpcgen copies a wrong one, and C may refuse it. It says nothing that we need. */
static void check_tag(struct checker *checker, const struct type *type, const struct meaning *meaning) {
        const char *kind = definition_kind_names[meaning->definition->kind];
        if (!type->tag || meaning->definition->kind == DEFINITION_TYPEDEF || strcmp(type->tag, kind) == 0)
                return;
        report_warning(checker->job, &type->place, "`%s` is %s %s, not %s %s", type->name, check_article(kind), kind,
                       check_article(type->tag), type->tag);
        report_note(checker->job, meaning->place, "it is defined here");
}

static void resolve(struct checker *checker, struct type *type) {
        if (type->kind != TYPE_NAMED || type->definition || !type->name)
                return;
        const struct meaning *meaning = check_meaning(checker, type->name);
        if (!meaning) {
                if (!check_ready_type(checker, type))
                        report_unknown(checker, type);
        } else if (meaning->kind != MEANING_TYPE) {
                if (meaning->twice)
                        return;
                report_error(checker->job, &type->place, "`%s` is %s, and a type is needed here", type->name,
                             meaning->kind == MEANING_PROGRAM ? "a program" : "a constant");
                report_note(checker->job, meaning->place, "it is defined here");
        } else {
                check_tag(checker, type, meaning);
                type->definition = meaning->definition;
        }
}

/* ---- declarations ---- */

static void check_bound(struct checker *checker, struct declaration *declaration) {
        struct number *bound = declaration->bound;
        /* What stands for a broken one: small, so that no rule about sizes speaks of it again. */
        declaration->bound_value = declaration->shape == SHAPE_FIXED ? 1 : UINT32_MAX;
        if (bound && check_number(checker, bound))
                check_number_uint32(checker, bound, declaration->shape == SHAPE_FIXED ? "a length" : "a bound",
                                    &declaration->bound_value);
}

void check_declaration(struct checker *checker, struct declaration *declaration) {
        resolve(checker, &declaration->type);
        if (declaration->shape == SHAPE_FIXED || declaration->shape == SHAPE_VARIABLE)
                check_bound(checker, declaration);
}

void check_member(struct checker *checker, const void *owner, const char *name, const struct place *place,
                  const char *what) {
        if (!name)
                return;
        const struct place *first =
                pairs_add(checker->job, &checker->pairs, key_of_name(SPACE_MEMBERS, owner, name), place);
        if (!first)
                return;
        report_error(checker->job, place, "there is %s %s `%s` already: rename one of them",
                     what[0] == 'a' ? "an" : "a", what, name);
        report_note(checker->job, first, "the first one");
}

/* ---- typedefs ---- */

static struct definition *typedef_of(const struct type *type) {
        struct definition *definition = type->kind == TYPE_NAMED ? type->definition : NULL;
        return definition && definition->kind == DEFINITION_TYPEDEF ? definition : NULL;
}

/* What is kept for a typedef that is an array or a pointer, or is broken. */
static const struct type shaped, broken;

static const struct type *end_of(struct checker *checker, const struct type *type) {
        for (struct definition *each; (each = typedef_of(type)); type = &each->alias.type) {
                const struct type *known = pairs_get(&checker->pairs, key_of(SPACE_FINAL, each, 0));
                if (known)
                        return known;
                if (each->alias.shape != SHAPE_PLAIN)
                        return &shaped;
        }
        return type->kind == TYPE_NAMED && !type->definition ? &broken : type;
}

/* Every typedef on the way learns its end, so a long chain is walked once. Those in a circle know theirs: they are broken. */
const struct type *check_final(struct checker *checker, const struct type *type, bool *ret_broken) {
        const struct type *end = end_of(checker, type);
        for (struct definition *each; (each = typedef_of(type)); type = &each->alias.type)
                if (pairs_add(checker->job, &checker->pairs, key_of(SPACE_FINAL, each, 0), end) ||
                    each->alias.shape != SHAPE_PLAIN)
                        break;
        *ret_broken = end == &broken;
        return end == &broken || end == &shaped ? NULL : end;
}

#define NOTES_MOST 8

static void report_circle(struct checker *checker, struct definition *first) {
        report_error(checker->job, &first->place,
                     "`%s` stands for itself: a type that contains itself is written as a struct, with `%s *name` or "
                     "an array of variable length in it",
                     first->name, first->name);
        pairs_add(checker->job, &checker->pairs, key_of(SPACE_FINAL, first, 0), &broken);
        unsigned notes = 0;
        for (struct definition *each = typedef_of(&first->alias.type); each != first;
             each = typedef_of(&each->alias.type)) {
                pairs_add(checker->job, &checker->pairs, key_of(SPACE_FINAL, each, 0), &broken);
                if (notes++ < NOTES_MOST)
                        report_note(checker->job, &each->place, "by way of `%s`", each->name);
        }
}

/* A typedef leads to at most one other: follow it until the end, or to one that was seen; seen in this very walk, it is a circle. */
void check_typedef_cycles(struct checker *checker) {
        for (struct definition *start = checker->interface->definitions; start; start = start->next) {
                struct definition *each = start->kind == DEFINITION_TYPEDEF ? start : NULL;
                const struct definition *seen = NULL;
                while (each && !(seen = pairs_add(checker->job, &checker->pairs, key_of(SPACE_WALK, each, 0), start)))
                        each = typedef_of(&each->alias.type);
                if (each && seen == start)
                        report_circle(checker, each);
        }
}
