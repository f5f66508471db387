/* SPDX-License-Identifier: MIT */

/*
 * What each thing of the interface is called in C (docs/design/leatgen.md, "Names").
 *
 * Types, constants, stubs and tables have the interface's prefix; fields keep their names, unless C has another use for them. An imported
 * definition is called as in its own header: by the prefix of its own file.
 */

#include "tools/leatgen/names.h"

#include "tools/leatgen/pairs.h"
#include "tools/leatgen/report.h"
#include "tools/leatgen/stages.h"
#include <string.h>

struct namer {
        struct job *job;
        struct interface *interface;
        struct prefix prefix;
        struct pairs prefixes; /* 0: of imported interfaces, struct prefix. 1: the first program of each interface */
        struct pairs members;  /* of an owner, by name: those that are taken; texts */
};

/* ---- prefixes ---- */

static struct prefix prefix_for(struct namer *namer, const struct definition *definition) {
        if (!definition->home)
                return namer->prefix;
        struct pair_key key = { 0, (uint64_t)(uintptr_t)definition->home };
        struct prefix *known = pairs_get(&namer->prefixes, key);
        if (!known) {
                known = JOB_NEW(namer->job, struct prefix);
                *known = prefix_of_imported(namer->job, namer->interface, definition->home);
                pairs_add(namer->job, &namer->prefixes, key, known);
        }
        return *known;
}

/* ---- members: fields, arms, arguments ---- */

static struct pair_key member_key(const void *owner, const char *name) {
        return (struct pair_key){ (uint64_t)(uintptr_t)owner, (uint64_t)(uintptr_t)name };
}

/*
 * A member's name in C. The names of the file are taken first (reserve_member), so that `class` becomes `class__` where there is a `class_` too.
 */
static void name_member(struct namer *namer, const void *owner, struct declaration *member, bool quiet) {
        const char *name = member->name;
        if (!name)
                return;
        while (is_word_of_c(name) || (name != member->name && pairs_get(&namer->members, member_key(owner, name))))
                name = job_format(namer->job, "%s_", name);
        pairs_add(namer->job, &namer->members, member_key(owner, name), name);
        member->c_name = name;
        if (name != member->name && !quiet)
                report_warning(namer->job, &member->place, "`%s` is called `%s` in C, where it has another meaning",
                               member->name, name);
}

static void reserve_member(struct namer *namer, const void *owner, const struct declaration *member) {
        if (member->name)
                pairs_add(namer->job, &namer->members, member_key(owner, member->name), member->name);
}

static void name_members(struct namer *namer, const void *owner, struct declaration *members, bool quiet) {
        for (struct declaration *each = members; each; each = each->next)
                reserve_member(namer, owner, each);
        for (struct declaration *each = members; each; each = each->next)
                name_member(namer, owner, each, quiet);
}

/*
 * The discriminant stands beside `u`, the arms in it: two name spaces, but not for the reader, so they are held apart (check.c), and only
 * a discriminant that is called `u` gets another name.
 */
static void name_union(struct namer *namer, struct definition *definition) {
        struct declaration *discriminant = &definition->discriminant;
        bool quiet = definition->imported;
        for (struct arm *each = definition->arms; each; each = each->next)
                reserve_member(namer, definition, &each->declaration);
        reserve_member(namer, definition, discriminant);
        name_member(namer, definition, discriminant, quiet);
        if (discriminant->name && strcmp(discriminant->name, "u") == 0) {
                discriminant->c_name = job_intern_text(namer->job, "u_");
                if (!quiet)
                        report_warning(namer->job, &discriminant->place,
                                       "`u` is called `u_` in C, where the arms are in `u`");
        }
        for (struct arm *each = definition->arms; each; each = each->next)
                name_member(namer, definition, &each->declaration, quiet);
}

/* ---- types ---- */

static void call_type(struct namer *namer, struct definition *definition, const char *name) {
        definition->c_name = name;
        switch (definition->kind) {
        case DEFINITION_ENUM:
                definition->c_type = text_join(namer->job, "enum", " ", name);
                break;
        case DEFINITION_STRUCT:
        case DEFINITION_UNION:
                definition->c_type = text_join(namer->job, "struct", " ", name);
                break;
        default:
                definition->c_type = name;
                break;
        }
}

/* An inline body is called after what it stands in: "dir_entry" and "kind" make "dir_entry_kind". */
static void call_inline(struct namer *namer, const char *outer, const struct declaration *declaration) {
        struct definition *body =
                declaration->type.kind == TYPE_NAMED && !declaration->type.name ? declaration->type.definition : NULL;
        if (body && !body->c_name)
                call_type(namer, body,
                          job_format(namer->job, "%s_%s", outer, declaration->name ? declaration->name : "item"));
}

static void call_inlines(struct namer *namer, struct definition *definition) {
        struct part part = { 0 };
        while (definition->kind != DEFINITION_TYPEDEF && next_part(definition, &part))
                call_inline(namer, definition->c_name, part.declaration);
        struct type *alias = definition->kind == DEFINITION_TYPEDEF ? &definition->alias.type : NULL;
        if (alias && !alias->name && alias->definition && !alias->definition->c_name)
                call_type(namer, alias->definition, job_format(namer->job, "%s_item", definition->c_name));
}

/* An inline body has its name from name_inline_bodies() or name_programs(). */
static void name_definition(struct namer *namer, struct definition *definition) {
        struct prefix prefix = prefix_for(namer, definition);
        switch (definition->kind) {
        case DEFINITION_CONST:
        case DEFINITION_PROGRAM:
                definition->c_name = prefix_constant(namer->job, prefix, definition->name);
                return;
        case DEFINITION_VERBATIM:
                return;
        case DEFINITION_ENUM:
                for (struct enumerator *each = definition->enumerators; each; each = each->next)
                        each->c_name = prefix_constant(namer->job, prefix, each->name);
                break;
        case DEFINITION_STRUCT:
                name_members(namer, definition, definition->fields, definition->imported);
                break;
        case DEFINITION_UNION:
                name_union(namer, definition);
                break;
        case DEFINITION_TYPEDEF:
                break;
        }
        if (definition->name)
                call_type(namer, definition, prefix_type(namer->job, prefix, definition->name));
}

/* ---- programs ---- */

static void name_arguments(struct namer *namer, struct procedure *procedure, bool quiet) {
        struct declaration *arguments = procedure->arguments;
        name_members(namer, procedure, arguments, quiet);
        if (!arguments || arguments->next || !arguments->c_name)
                return;
        /* A lone one is a parameter of the stub, beside these. */
        static const char *const taken[] = { "client", "call", "ret_result", "request", "userdata" };
        for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
                if (strcmp(arguments->c_name, taken[i]) == 0)
                        arguments->c_name = job_format(namer->job, "%s_", taken[i]);
}

static void call_inlines_of_procedure(struct namer *namer, const struct procedure *procedure) {
        unsigned number = 0;
        struct declaration result = procedure->result;
        result.name = "result";
        call_inline(namer, procedure->c_name, &result);
        for (const struct declaration *each = procedure->arguments; each; each = each->next) {
                struct declaration argument = *each;
                number++;
                if (!argument.name)
                        argument.name = job_format(namer->job, "argument%u", number);
                call_inline(namer, procedure->c_name, &argument);
        }
}

static void name_program(struct namer *namer, struct definition *definition, bool first) {
        struct job *job = namer->job;
        struct prefix prefix = prefix_of_program(job, prefix_for(namer, definition), definition, first);
        for (struct version *version = definition->versions; version; version = version->next) {
                unsigned number = (unsigned)version->number.value;
                version->c_name = job_format(job, "%s_%u", prefix.lower, number);
                for (struct procedure *each = version->procedures; each; each = each->next) {
                        const char *name = prefix_type(job, prefix, text_lower(job, each->name));
                        each->c_name = job_format(job, "%s_%u", name, number);
                        name_arguments(namer, each, definition->imported);
                        call_inlines_of_procedure(namer, each);
                }
        }
}

static void name_programs(struct namer *namer) {
        for (struct definition *each = namer->interface->definitions; each; each = each->next) {
                if (each->kind != DEFINITION_PROGRAM)
                        continue;
                bool first = !pairs_add(namer->job, &namer->prefixes,
                                        (struct pair_key){ 1, (uint64_t)(uintptr_t)each->home }, each);
                name_program(namer, each, first);
        }
}

/* Inline bodies lie before what they stand in: backwards, the outer one has its name first. */
static void name_inline_bodies(struct namer *namer) {
        size_t count = 0;
        for (struct definition *each = namer->interface->definitions; each; each = each->next)
                count++;
        struct definition **all = job_take(namer->job, (count + 1) * sizeof(struct definition *));
        count = 0;
        for (struct definition *each = namer->interface->definitions; each; each = each->next)
                all[count++] = each;
        while (count--) {
                if (!all[count]->c_name && definition_is_type(all[count])) /* nothing says where it stands */
                        call_type(namer, all[count],
                                  job_format(namer->job, "%s_inline%zu", namer->prefix.lower, count));
                call_inlines(namer, all[count]);
        }
}

void name_interface(struct job *job, struct interface *interface) {
        struct namer namer = { .job = job, .interface = interface, .prefix = prefix_of_interface(job, interface) };
        interface->prefix = namer.prefix.lower;
        interface->prefix_upper = namer.prefix.upper;
        interface->table = table_of_interface(job, interface, namer.prefix);
        for (struct definition *each = interface->definitions; each; each = each->next)
                name_definition(&namer, each);
        name_programs(&namer);
        name_inline_bodies(&namer);
        names_clash(job, interface);
}
