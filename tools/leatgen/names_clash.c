/* SPDX-License-Identifier: MIT */

/*
 * Names that come out equal. C has tags (struct, enum) and ordinary names (typedefs, functions, enumerators), C++ lets a typedef hide
 * no tag; macros are in the way of all.
 */

#include "tools/leatgen/names.h"

#include "tools/leatgen/pairs.h"
#include "tools/leatgen/report.h"
#include <string.h>

const char *const type_functions[] = { "_type", "_encode", "_decode", NULL };

#define TAG 1u
#define ORDINARY 2u
#define BOTH 3u

/* What has a name in C: "the struct `entry`", at its place. */
struct user {
        const struct place *place;
        const char *kind, *name;
        bool imported;
};

struct clashes {
        struct job *job;
        const struct interface *interface;
        struct pairs users; /* by name: TAG and ORDINARY apart; struct user */
        struct pairs stems; /* names of types, which have functions */
};

static struct pair_key key_of(unsigned space, const char *name) {
        return (struct pair_key){ space, (uint64_t)(uintptr_t)name };
}

static const char *described(struct clashes *clashes, const struct user *user) {
        return user->name ? job_format(clashes->job, "the %s `%s`", user->kind, user->name)
                          : job_format(clashes->job, "the %s without a name", user->kind);
}

static void take(struct clashes *clashes, unsigned spaces, const char *name, struct user user) {
        struct user *mine = JOB_NEW(clashes->job, struct user);
        *mine = user;
        const struct user *other = NULL;
        for (unsigned space = TAG; space <= ORDINARY; space++)
                if (spaces & space) {
                        const struct user *found = pairs_add(clashes->job, &clashes->users, key_of(space, name), mine);
                        other = other ? other : found;
                }
        if (!other || other->place == user.place || (other->imported && user.imported))
                return;
        const char *first = described(clashes, other);
        report_error(clashes->job, user.place,
                     "in C %s is called `%s`, as %s is: rename one of them, or give another --prefix",
                     described(clashes, &user), name, first);
        report_note(clashes->job, other->place, "%s", first);
}

/* ---- what is made for a program ---- */

static void take_version(struct clashes *clashes, const struct definition *program, const struct version *version) {
        struct job *job = clashes->job;
        struct user user = { &version->place, "version", version->name, program->imported };
        static const char *const ends[] = { "program", "server", "functions" };
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
                take(clashes, BOTH, job_format(job, "%s_%s", version->c_name, ends[i]), user);
        take(clashes, BOTH, job_format(job, "%s_VERSION", text_upper(job, version->c_name)), user);
        for (const struct procedure *each = version->procedures; each; each = each->next) {
                struct user of_procedure = { &each->place, "procedure", each->name, program->imported };
                take(clashes, ORDINARY, each->c_name, of_procedure);
                take(clashes, ORDINARY, job_format(job, "%s_start", each->c_name), of_procedure);
                take(clashes, BOTH, text_upper(job, each->c_name), of_procedure); /* its number */
                if (each->arguments && each->arguments->next)
                        take(clashes, TAG, job_format(job, "%s_arguments", each->c_name), of_procedure);
        }
}

/* ---- definitions ---- */

static void take_definition(struct clashes *clashes, const struct definition *definition) {
        bool imported = definition->imported,
             tagged = definition_is_type(definition) && definition->kind != DEFINITION_TYPEDEF;
        if (definition->kind != DEFINITION_VERBATIM)
                take(clashes, tagged ? TAG : BOTH, definition->c_name,
                     (struct user){ &definition->place, definition_kind_names[definition->kind], definition->name,
                                    imported });
        for (const struct enumerator *each = definition->kind == DEFINITION_ENUM ? definition->enumerators : NULL; each;
             each = each->next)
                take(clashes, ORDINARY, each->c_name,
                     (struct user){ &each->place, "enumerator", each->name, imported });
        for (const struct version *each = definition->kind == DEFINITION_PROGRAM ? definition->versions : NULL; each;
             each = each->next)
                take_version(clashes, definition, each);
}

/* ---- typedefs that are called as a function ---- */

/* Whether a type has a function of this name. A struct or an enum may be called so, as it has a tag; a typedef may not. */
static bool is_type_function(struct clashes *clashes, const char *name) {
        size_t size = strlen(name);
        for (const char *const *end = type_functions; *end; end++) {
                size_t end_size = strlen(*end);
                if (size <= end_size || strcmp(name + size - end_size, *end) != 0)
                        continue;
                if (pairs_get(&clashes->stems, key_of(TAG, job_intern(clashes->job, name, size - end_size))))
                        return true;
        }
        return false;
}

static bool is_table(const struct clashes *clashes, const char *name) {
        static const char *const tables[] = { "_schema" };
        size_t size = strlen(clashes->interface->table);
        if (strncmp(name, clashes->interface->table, size) != 0)
                return false;
        for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
                if (strcmp(name + size, tables[i]) == 0)
                        return true;
        return false;
}

/* `file` and a typedef `file_type` are common: the typedef gets a `_` rather than an error. */
static void rename_typedef(struct clashes *clashes, struct definition *definition) {
        const char *first = definition->c_name;
        while (is_type_function(clashes, definition->c_name) || is_table(clashes, definition->c_name))
                definition->c_name = job_format(clashes->job, "%s_", definition->c_name);
        definition->c_type = definition->c_name;
        if (definition->c_name == first || definition->imported)
                return;
        report_warning(clashes->job, &definition->place, "`%s` is called `%s` in C, as `%s` is made there by leatgen",
                       definition->name, definition->c_name, first);
}

void names_clash(struct job *job, struct interface *interface) {
        struct clashes clashes = { .job = job, .interface = interface };
        for (struct definition *each = interface->definitions; each; each = each->next)
                if (definition_is_type(each))
                        pairs_add(job, &clashes.stems, key_of(TAG, each->c_name), each);
        for (struct definition *each = interface->definitions; each; each = each->next)
                if (each->kind == DEFINITION_TYPEDEF)
                        rename_typedef(&clashes, each);
        for (struct definition *each = interface->definitions; each; each = each->next)
                take_definition(&clashes, each);
}
