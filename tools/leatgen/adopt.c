/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/adopt.h"

#include "tools/leatgen/source.h"
#include <string.h>

/* Definitions whose uses are still to be looked at. */
struct walk {
        struct definition **waiting;
        size_t count;
};

static bool is_of_system(const struct definition *definition) {
        return definition->imported && definition->home &&
               strncmp(definition->home->source->path, "/usr/include/", 13) == 0;
}

static void use(struct walk *walk, struct definition *definition) {
        if (!definition || definition->seen)
                return;
        definition->seen = true;
        walk->waiting[walk->count++] = definition;
}

static void use_declaration(struct walk *walk, const struct declaration *declaration) {
        use(walk, declaration->type.definition);
        if (declaration->bound)
                use(walk, declaration->bound->constant);
}

static void use_parts(struct walk *walk, struct definition *definition) {
        for (struct part part = { 0 }; next_part(definition, &part);) {
                use_declaration(walk, part.declaration);
                for (const struct label *label = part.arm ? part.arm->labels : NULL; label; label = label->next)
                        use(walk, label->number.constant);
        }
}

static void use_of_enum(struct walk *walk, const struct definition *definition) {
        for (const struct enumerator *each = definition->enumerators; each; each = each->next)
                if (each->number)
                        use(walk, each->number->constant);
}

static void use_of_program(struct walk *walk, const struct definition *program) {
        for (const struct version *version = program->versions; version; version = version->next)
                for (const struct procedure *each = version->procedures; each; each = each->next) {
                        for (const struct declaration *one = each->arguments; one; one = one->next)
                                use_declaration(walk, one);
                        use_declaration(walk, &each->result);
                }
}

static void use_uses(struct walk *walk, struct definition *definition) {
        switch (definition->kind) {
        case DEFINITION_STRUCT:
        case DEFINITION_UNION:
        case DEFINITION_TYPEDEF:
                use_parts(walk, definition);
                break;
        case DEFINITION_CONST:
                use(walk, definition->number.constant);
                break;
        case DEFINITION_ENUM:
                use_of_enum(walk, definition);
                break;
        case DEFINITION_PROGRAM:
                use_of_program(walk, definition);
                break;
        case DEFINITION_VERBATIM:
                break;
        }
}

/* What is left of the system's is not written, and its header is not included. */
static void keep_used(struct interface *interface) {
        struct definition **link = &interface->definitions;
        while (*link) {
                struct definition *each = *link;
                bool system = is_of_system(each);
                if (system && each->seen) {
                        each->imported = false;
                        each->home = NULL;
                }
                each->seen = false;
                if (system && each->imported)
                        *link = each->next;
                else
                        link = &each->next;
        }
        interface->last = link;
}

void adopt_system_types(struct job *job, struct interface *interface) {
        size_t total = 0;
        bool any = false;
        for (const struct definition *each = interface->definitions; each; each = each->next) {
                total++;
                any = any || is_of_system(each);
        }
        if (!any)
                return;
        struct walk walk = { .waiting = job_take(job, total * sizeof(struct definition *)) };
        for (struct definition *each = interface->definitions; each; each = each->next)
                if (!each->imported)
                        use(&walk, each);
        while (walk.count > 0)
                use_uses(&walk, walk.waiting[--walk.count]);
        keep_used(interface);
}
