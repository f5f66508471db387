/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/compatible.h"

#include <string.h>

/* Programs, versions and procedures are known on the wire by their numbers, in C by their names. */

static unsigned long of(const struct number *number) {
        return (unsigned long)number->value;
}

static void compare_result(struct comparison *c, const char *what, const struct procedure *old,
                           const struct procedure *now) {
        if (has_result(old) != has_result(now))
                found(c, LEVEL_WIRE, &now->place, &old->place, "%s has %s", what,
                      has_result(now) ? "a result, and had none" : "no result any more");
        else
                compare_declarations(c, job_format(c->job, "the result of %s", what), &old->result, &now->result);
}

static void compare_arguments(struct comparison *c, const char *what, const struct procedure *old,
                              const struct procedure *now) {
        const struct declaration *before = old->arguments, *after = now->arguments;
        bool single = before && after && !before->next && !after->next;
        if (single) /* its name is nowhere */
                compare_declarations(c, job_format(c->job, "the argument of %s", what), before, after);
        else
                compare_fields(c, what, &now->place, before, after);
}

static void compare_procedures(struct comparison *c, const struct procedure *old, const struct procedure *now) {
        const char *what = job_format(c->job, "`%s`", now->name);
        if (strcmp(old->name, now->name) != 0)
                found(c, LEVEL_SOURCE, &now->place, &old->place, "the procedure `%s` was called `%s`", now->name,
                      old->name);
        if (old->stream != now->stream)
                found(c, LEVEL_WIRE, &now->place, &old->place, "the result of %s is %s stream", what,
                      now->stream ? "a" : "no longer a");
        if (old->idempotent && !now->idempotent)
                found(c, LEVEL_COMPATIBLE, &now->place, &old->place,
                      "%s is no longer idempotent: old clients may still try it again", what);
        compare_result(c, what, old, now);
        compare_arguments(c, what, old, now);
}

static const struct procedure *of_same_name(const struct comparison *c, const struct version *version,
                                            const struct procedure *like) {
        return item_of_name(c, version, like->name);
}

static const struct procedure *of_same_number(const struct comparison *c, const struct version *version,
                                              const struct procedure *like) {
        return item_of_number(c, version, (int64_t)like->number.value);
}

static void compare_versions(struct comparison *c, const struct version *old, const struct version *now) {
        if (strcmp(old->name, now->name) != 0)
                found(c, LEVEL_SOURCE, &now->place, &old->place, "the version `%s` was called `%s`", now->name,
                      old->name);
        for (const struct procedure *procedure = old->procedures; procedure; procedure = procedure->next) {
                const struct procedure *same = of_same_number(c, now, procedure);
                const struct procedure *moved = of_same_name(c, now, procedure);
                if (moved && moved != same)
                        found(c, LEVEL_WIRE, &moved->place, &procedure->place,
                              "the procedure `%s` is number %lu, was %lu", moved->name, of(&moved->number),
                              of(&procedure->number));
                else if (same)
                        compare_procedures(c, procedure, same);
                else
                        found(c, LEVEL_WIRE, &now->place, &procedure->place,
                              "the procedure `%s` (%lu) is gone from `%s`", procedure->name, of(&procedure->number),
                              now->name);
        }
        for (const struct procedure *procedure = now->procedures; procedure; procedure = procedure->next)
                if (!of_same_number(c, old, procedure) && !of_same_name(c, old, procedure))
                        found(c, LEVEL_COMPATIBLE, &procedure->place, NULL,
                              "the procedure `%s` (%lu) is new: old servers answer that they do not have it",
                              procedure->name, of(&procedure->number));
}

static const struct version *version_of(const struct definition *program, const struct version *like, bool by_name) {
        for (const struct version *version = program->versions; version; version = version->next)
                if (by_name ? strcmp(version->name, like->name) == 0 : version->number.value == like->number.value)
                        return version;
        return NULL;
}

static void compare_program(struct comparison *c, const struct definition *old, const struct definition *now) {
        if (old->program_number.value != now->program_number.value)
                found(c, LEVEL_WIRE, &now->program_number.place, &old->program_number.place,
                      "the program `%s` has the number 0x%lx, had 0x%lx", now->name, of(&now->program_number),
                      of(&old->program_number));
        if (strcmp(old->name, now->name) != 0)
                found(c, LEVEL_SOURCE, &now->place, &old->place, "the program `%s` was called `%s`", now->name,
                      old->name);
        for (const struct version *version = old->versions; version; version = version->next) {
                const struct version *same = version_of(now, version, false), *moved = version_of(now, version, true);
                if (same)
                        compare_versions(c, version, same);
                else if (moved)
                        found(c, LEVEL_WIRE, &moved->place, &version->place,
                              "the version `%s` has the number %lu, had %lu", moved->name, of(&moved->number),
                              of(&version->number));
                else
                        found(c, LEVEL_WIRE, &now->place, &version->place, "the version `%s` (%lu) is gone",
                              version->name, of(&version->number));
        }
        for (const struct version *version = now->versions; version; version = version->next)
                if (!version_of(old, version, false) && !version_of(old, version, true))
                        found(c, LEVEL_COMPATIBLE, &version->place, NULL,
                              "the version `%s` (%lu) is new: old servers answer which ones they have", version->name,
                              of(&version->number));
}

/* By its number, or else by its name. */
static const struct definition *program_of(const struct interface *interface, const struct definition *like) {
        const struct definition *named = NULL;
        for (const struct definition *definition = interface->definitions; definition; definition = definition->next) {
                if (definition->kind != DEFINITION_PROGRAM)
                        continue;
                if (definition->program_number.value == like->program_number.value)
                        return definition;
                if (strcmp(definition->name, like->name) == 0)
                        named = definition;
        }
        return named;
}

void compare_programs(struct comparison *c) {
        for (const struct definition *old = c->old->definitions; old; old = old->next) {
                if (old->kind != DEFINITION_PROGRAM || old->imported)
                        continue;
                const struct definition *now = program_of(c->now, old);
                if (now)
                        compare_program(c, old, now);
                else
                        found(c, LEVEL_WIRE, NULL, &old->place, "the program `%s` (0x%lx) is gone", old->name,
                              of(&old->program_number));
        }
        for (const struct definition *now = c->now->definitions; now; now = now->next)
                if (now->kind == DEFINITION_PROGRAM && !now->imported && !program_of(c->old, now))
                        found(c, LEVEL_COMPATIBLE, &now->place, NULL, "the program `%s` (0x%lx) is new", now->name,
                              of(&now->program_number));
}
