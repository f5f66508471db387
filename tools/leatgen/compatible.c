/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/compatible.h"

#include "tools/leatgen/source.h"
#include "tools/leatgen/stages.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- what was found ---- */

static const char *place_text(struct job *job, const struct place *place) {
        if (!place || !place->source)
                return NULL;
        return job_format(job, "%s:%u:%u", place->source->name, place->line, place->column);
}

void found(struct comparison *c, enum level level, const struct place *place, const struct place *old,
           const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        const char *text = job_format_list(c->job, format, arguments);
        va_end(arguments);
        const char *before = place_text(c->job, old);
        const char *whole = before ? job_format(c->job, "%s (%s)", text, before) : text;
        c->findings = job_grow(c->job, c->findings, c->finding_count, &c->finding_room, sizeof(*c->findings));
        c->findings[c->finding_count] = (struct finding){ level, place, whole, c->finding_count };
        c->finding_count++;
}

/* What has no place comes first, then the file itself, then those that it includes. */
static int by_file(const struct source *one, const struct source *other) {
        if (one == other)
                return 0;
        if (!one || !other)
                return one ? 1 : -1;
        if (!one->included.source != !other->included.source)
                return one->included.source ? 1 : -1;
        return strcmp(one->name, other->name);
}

/* In the order of the new file. */
static int by_place(const void *one, const void *other) {
        const struct finding *a = one, *b = other;
        const struct place nowhere = { 0 };
        const struct place *at = a->place ? a->place : &nowhere, *bt = b->place ? b->place : &nowhere;
        int order = by_file(at->source, bt->source);
        if (order != 0)
                return order;
        if (at->line != bt->line)
                return at->line < bt->line ? -1 : 1;
        if (at->column != bt->column)
                return at->column < bt->column ? -1 : 1;
        return (a->order > b->order) - (a->order < b->order);
}

static int show(struct comparison *c, struct page *page) {
        static const char *const names[] = { "compatible", "source", "wire" };
        enum level worst = LEVEL_COMPATIBLE;
        if (c->finding_count)
                qsort(c->findings, c->finding_count, sizeof(*c->findings), by_place);
        for (size_t i = 0; i < c->finding_count; i++) {
                const struct finding *finding = &c->findings[i];
                const char *place = place_text(c->job, finding->place);
                page_format(page, "%s: %s: %s\n", place ? place : c->now->source->name, names[finding->level],
                            finding->text);
                if (finding->level > worst)
                        worst = finding->level;
        }
        return (int)worst;
}

/* ---- what lies in definitions ---- */

static struct pair_key key_of_name(const struct comparison *c, const void *owner, const char *name) {
        return (struct pair_key){ (uintptr_t)owner, (uintptr_t)job_intern_text(c->job, name) };
}

static struct pair_key key_of_number(const void *owner, int64_t number) {
        return (struct pair_key){ (uintptr_t)owner, (uint64_t)number };
}

const void *item_of_name(const struct comparison *c, const void *owner, const char *name) {
        return pairs_get(&c->named, key_of_name(c, owner, name));
}

const void *item_of_number(const struct comparison *c, const void *owner, int64_t number) {
        return pairs_get(&c->numbered, key_of_number(owner, number));
}

static void add_number(struct comparison *c, const void *owner, int64_t number, const void *item) {
        pairs_add(c->job, &c->numbered, key_of_number(owner, number), item);
}

static void add_item(struct comparison *c, const void *owner, const char *name, int64_t number, const void *item) {
        pairs_add(c->job, &c->named, key_of_name(c, owner, name), item);
        add_number(c, owner, number, item);
}

static void add_arms(struct comparison *c, const struct definition *definition) {
        for (const struct arm *arm = definition->arms; arm; arm = arm->next)
                for (const struct label *label = arm->labels; label; label = label->next)
                        add_number(c, definition, label->value, arm);
}

static void add_procedures(struct comparison *c, const struct definition *program) {
        for (const struct version *version = program->versions; version; version = version->next)
                for (const struct procedure *procedure = version->procedures; procedure; procedure = procedure->next)
                        add_item(c, version, procedure->name, (int64_t)procedure->number.value, procedure);
}

static void add_items(struct comparison *c, const struct interface *interface) {
        for (const struct definition *definition = interface->definitions; definition; definition = definition->next)
                if (definition->kind == DEFINITION_UNION)
                        add_arms(c, definition);
                else if (definition->kind == DEFINITION_PROGRAM)
                        add_procedures(c, definition);
                else if (definition->kind == DEFINITION_ENUM)
                        for (const struct enumerator *one = definition->enumerators; one; one = one->next)
                                add_item(c, definition, one->name, one->value, one);
}

/* ---- pairs ---- */

bool meet(struct comparison *c, const void *old, const void *now) {
        return !pairs_add(c->job, &c->met, (struct pair_key){ (uintptr_t)old, (uintptr_t)now }, now);
}

void compare_later(struct comparison *c, const struct definition *old, const struct definition *now) {
        if (!meet(c, old, now))
                return;
        c->list = job_grow(c->job, c->list, c->list_count, &c->list_room, sizeof(*c->list));
        c->list[c->list_count++] = (struct meeting){ old, now };
}

/* ---- definitions by name ---- */

const char *definition_title(const struct definition *definition) {
        return definition->name ? definition->name : definition->c_name;
}

static int by_title(const void *one, const void *other) {
        const struct definition *a = *(const struct definition *const *)one,
                                *b = *(const struct definition *const *)other;
        return strcmp(a->name, b->name);
}

/* Those of the file that have a name, by it; programs aside. Returns how many. */
static size_t sort_definitions(struct job *job, const struct interface *interface,
                               const struct definition ***ret_sorted) {
        size_t count = 0;
        for (const struct definition *definition = interface->definitions; definition; definition = definition->next)
                count++;
        const struct definition **sorted = job_take(job, (count + 1) * sizeof(void *));
        count = 0;
        for (const struct definition *definition = interface->definitions; definition; definition = definition->next)
                if (definition->name && definition->kind != DEFINITION_PROGRAM &&
                    definition->kind != DEFINITION_VERBATIM)
                        sorted[count++] = definition;
        qsort(sorted, count, sizeof(void *), by_title);
        *ret_sorted = sorted;
        return count;
}

static void compare_constants(struct comparison *c, const struct definition *old, const struct definition *now) {
        if (old->number.value != now->number.value)
                found(c, LEVEL_SOURCE, &now->place, &old->place, "the constant `%s` is %s, was %s", now->name,
                      now->number.text, old->number.text);
}

static void compare_of_one_name(struct comparison *c, const struct definition *old, const struct definition *now) {
        bool old_constant = old->kind == DEFINITION_CONST, constant = now->kind == DEFINITION_CONST;
        if (old_constant != constant)
                found(c, LEVEL_SOURCE, &now->place, &old->place, "`%s` is a %s now", now->name,
                      constant ? "constant" : "type");
        else if (constant)
                compare_constants(c, old, now);
        else
                compare_later(c, old, now);
}

/* A type that is gone from the file breaks the wire only where something was of it: that is found there. */
static void compare_names(struct comparison *c) {
        const struct definition **old, **now;
        size_t old_count = sort_definitions(c->job, c->old, &old), count = sort_definitions(c->job, c->now, &now);
        for (size_t i = 0, k = 0; i < old_count || k < count;) {
                int order = i == old_count ? 1 : k == count ? -1 : strcmp(old[i]->name, now[k]->name);
                if (order == 0)
                        compare_of_one_name(c, old[i], now[k]);
                else if (order < 0 && !old[i]->imported)
                        found(c, LEVEL_SOURCE, NULL, &old[i]->place, "the %s `%s` is gone",
                              old[i]->kind == DEFINITION_CONST ? "constant" : "type", old[i]->name);
                i += order <= 0;
                k += order >= 0;
        }
}

/* One that comes from the file's name is nobody's decision: the old file may be called otherwise to lie beside the new one. */
static bool prefix_is_chosen(const struct interface *interface) {
        return interface->namespace_name || interface_has_program(interface);
}

static void compare_prefixes(struct comparison *c) {
        const char *old = c->old->prefix, *now = c->now->prefix;
        bool chosen = prefix_is_chosen(c->old) || prefix_is_chosen(c->now);
        if (chosen && strcmp(old, now) != 0)
                found(c, LEVEL_SOURCE, NULL, NULL, "names in C begin with `%s_` now, before with `%s_`", now, old);
}

int compare_interfaces(struct job *job, const struct interface *old, const struct interface *interface,
                       struct page *page) {
        struct comparison c = { .job = job, .old = old, .now = interface };
        add_items(&c, old);
        add_items(&c, interface);
        compare_prefixes(&c);
        compare_programs(&c);
        compare_names(&c);
        while (c.list_done < c.list_count) {
                struct meeting met = c.list[c.list_done++];
                compare_definitions(&c, met.old, met.now);
        }
        int worst = show(&c, page);
        return worst;
}
