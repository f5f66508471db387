/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/compatible.h"

#include "tools/leatgen/emit.h"
#include "tools/leatgen/source.h"
#include "tools/leatgen/stages.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what was found ---- */

static void *grow(void *all, size_t count, size_t *room, size_t size) {
        if (count < *room)
                return all;
        *room = *room ? 2 * *room : 64;
        void *more = realloc(all, *room * size);
        if (!more)
                job_no_memory();
        return more;
}

static const char *place_text(struct job *job, const struct place *place) {
        if (!place || !place->source)
                return NULL;
        return job_format(job, "%s:%u:%u", place->source->name, place->line, place->column);
}

void found(struct comparison *c, enum level level, const struct place *place, const struct place *old,
           const char *format, ...) {
        char *text = NULL;
        va_list arguments;
        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                job_no_memory();
        va_end(arguments);
        const char *before = place_text(c->job, old);
        const char *whole = before ? job_format(c->job, "%s (%s)", text, before) : job_intern_text(c->job, text);
        free(text);
        c->findings = grow(c->findings, c->finding_count, &c->finding_room, sizeof(*c->findings));
        c->findings[c->finding_count] = (struct finding){ level, place, whole, c->finding_count };
        c->finding_count++;
}

/* In the order of the new file; what has no place there comes first. */
static int by_place(const void *one, const void *other) {
        const struct finding *a = one, *b = other;
        const struct place nowhere = { 0 };
        const struct place *at = a->place ? a->place : &nowhere, *bt = b->place ? b->place : &nowhere;
        if (at->source == bt->source && at->line != bt->line)
                return at->line < bt->line ? -1 : 1;
        if (at->source == bt->source && at->column != bt->column)
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

/* ---- pairs ---- */

static struct pair *slot(const struct comparison *c, const void *old, const void *now) {
        uint64_t hash = ((uint64_t)(uintptr_t)old * 31 + (uint64_t)(uintptr_t)now) * 0x9E3779B97F4A7C15u;
        size_t mask = c->met_room - 1;
        for (size_t i = (size_t)(hash >> 20) & mask;; i = (i + 1) & mask)
                if (!c->met[i].old || (c->met[i].old == old && c->met[i].now == now))
                        return &c->met[i];
}

static void grow_met(struct comparison *c) {
        struct pair *before = c->met;
        size_t room = c->met_room;
        c->met_room = room ? 2 * room : 256;
        c->met = calloc(c->met_room, sizeof(*c->met));
        if (!c->met)
                job_no_memory();
        for (size_t i = 0; i < room; i++)
                if (before[i].old)
                        *slot(c, before[i].old, before[i].now) = before[i];
        free(before);
}

bool meet(struct comparison *c, const void *old, const void *now) {
        if (2 * c->met_count >= c->met_room)
                grow_met(c);
        struct pair *pair = slot(c, old, now);
        if (pair->old)
                return false;
        *pair = (struct pair){ old, now };
        c->met_count++;
        return true;
}

void compare_later(struct comparison *c, const struct definition *old, const struct definition *now) {
        if (!meet(c, old, now))
                return;
        c->list = grow(c->list, c->list_count, &c->list_room, sizeof(*c->list));
        c->list[c->list_count++] = (struct pair){ old, now };
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
        return interface->namespace_name || has_program(interface);
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
        compare_prefixes(&c);
        compare_programs(&c);
        compare_names(&c);
        while (c.list_done < c.list_count) {
                struct pair pair = c.list[c.list_done++];
                compare_definitions(&c, pair.old, pair.now);
        }
        int worst = show(&c, page);
        free(c.findings);
        free(c.list);
        free(c.met);
        return worst;
}
