/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/compatible.h"

#include <string.h>

/* ---- how a type is called in messages ---- */

static const char *type_text(const struct type *type) {
        return type->kind == TYPE_NAMED ? definition_title(type->definition) : type_kind_names[type->kind];
}

static const char *shape_text(struct job *job, const struct declaration *declaration) {
        const char *type = type_text(&declaration->type);
        switch (declaration->shape) {
        case SHAPE_FIXED:
                return job_format(job, "%s[%u]", type, declaration->bound_value);
        case SHAPE_VARIABLE:
                return declaration->bound_value == UINT32_MAX
                               ? job_format(job, "%s<>", type)
                               : job_format(job, "%s<%u>", type, declaration->bound_value);
        case SHAPE_OPTIONAL:
                return job_format(job, "%s *", type);
        case SHAPE_PLAIN:
                break;
        }
        return type;
}

/* Two declarations as they are laid side by side, with where they stand, while their shapes are taken off. */
struct sides {
        struct comparison *c;
        const char *what;
        const struct place *old_place, *place;
        struct declaration old, now;
};

static void differ(const struct sides *s, enum level level, const char *why) {
        found(s->c, level, s->place, s->old_place, "%s is `%s`, was `%s`%s", s->what, shape_text(s->c->job, &s->now),
              shape_text(s->c->job, &s->old), why);
}

/* ---- numbers ---- */

/* The values that a type of four bytes can have; false: it is none. */
static bool range_of(const struct type *type, int64_t *low, int64_t *high) {
        static const struct {
                int64_t low, high;
        } ranges[TYPE_KIND_MAX + 1] = {
                [TYPE_INT] = { INT32_MIN, INT32_MAX },
                [TYPE_UNSIGNED] = { 0, UINT32_MAX },
                [TYPE_BOOL] = { 0, 1 },
                [TYPE_CHAR] = { INT8_MIN, INT8_MAX },
                [TYPE_UNSIGNED_CHAR] = { 0, UINT8_MAX },
                [TYPE_SHORT] = { INT16_MIN, INT16_MAX },
                [TYPE_UNSIGNED_SHORT] = { 0, UINT16_MAX },
        };
        if (type->kind != TYPE_NAMED) {
                *low = ranges[type->kind].low;
                *high = ranges[type->kind].high;
                return *high > 0;
        }
        if (type->definition->kind != DEFINITION_ENUM)
                return false;
        *low = INT64_MAX;
        *high = INT64_MIN;
        for (const struct enumerator *enumerator = type->definition->enumerators; enumerator;
             enumerator = enumerator->next) {
                *low = enumerator->value < *low ? enumerator->value : *low;
                *high = enumerator->value > *high ? enumerator->value : *high;
        }
        return true;
}

static bool accepts(const struct comparison *c, const struct type *type, int64_t low, int64_t high) {
        int64_t least = 0, most = 0;
        if (!range_of(type, &least, &most) || low < least || high > most)
                return false;
        if (type->kind != TYPE_NAMED)
                return true;
        for (; low <= high; low++) /* at most as often as there are enumerators */
                if (!item_of_number(c, type->definition, low))
                        return false;
        return true;
}

static void compare_plain(const struct sides *s) {
        const struct type *old = &s->old.type, *now = &s->now.type;
        int64_t low, high;
        if (old->kind == now->kind && old->kind != TYPE_NAMED)
                return;
        if (range_of(old, &low, &high) && accepts(s->c, now, low, high))
                differ(s, LEVEL_SOURCE, ": the same bytes, but an old peer refuses values that it did not know");
        else
                differ(s, LEVEL_WIRE, "");
}

/* ---- shapes ---- */

static bool is_bytes(const struct declaration *declaration) {
        return declaration->type.kind == TYPE_STRING || declaration->type.kind == TYPE_OPAQUE;
}

/* An optional value is an array of at most one. */
static bool is_counted(const struct declaration *declaration) {
        return declaration->shape == SHAPE_VARIABLE || declaration->shape == SHAPE_OPTIONAL;
}

static uint32_t most_of(const struct declaration *declaration) {
        return declaration->shape == SHAPE_OPTIONAL ? 1 : declaration->bound_value;
}

static void compare_counts(const struct sides *s) {
        if (most_of(&s->now) < most_of(&s->old))
                differ(s, LEVEL_WIRE, ": more of them from an old peer are refused");
        else if (most_of(&s->now) > most_of(&s->old))
                differ(s, LEVEL_COMPATIBLE, ": an old peer refuses more than it knew");
        if (s->old.shape != s->now.shape)
                differ(s, LEVEL_SOURCE, ": the same bytes");
}

/* False, with a finding: there is nothing more to compare in them. */
static bool compare_shapes(const struct sides *s) {
        const struct declaration *old = &s->old, *now = &s->now;
        bool alike = is_counted(old) ? is_counted(now) : old->shape == now->shape;
        if (!alike || is_bytes(old) != is_bytes(now) ||
            (old->shape == SHAPE_FIXED && old->bound_value != now->bound_value)) {
                differ(s, LEVEL_WIRE, "");
                return false;
        }
        if (is_counted(old))
                compare_counts(s);
        if (is_bytes(old) && old->type.kind != now->type.kind)
                differ(s, now->type.kind == TYPE_OPAQUE ? LEVEL_SOURCE : LEVEL_WIRE,
                       now->type.kind == TYPE_OPAQUE ? ": an old peer refuses a NUL in it"
                                                     : ": a NUL in it is refused now");
        return true;
}

/* ---- names of types ---- */

static bool is_named(const struct declaration *declaration) {
        return declaration->shape == SHAPE_PLAIN && declaration->type.kind == TYPE_NAMED;
}

static bool is_alias(const struct declaration *declaration) {
        return is_named(declaration) && declaration->type.definition->kind == DEFINITION_TYPEDEF;
}

/* C sees only another spelling of the same type. */
static bool is_spelling(const struct definition *definition) {
        if (definition->kind != DEFINITION_TYPEDEF)
                return false;
        const struct declaration *alias = &definition->alias;
        while (is_alias(alias))
                alias = &alias->type.definition->alias;
        return alias->type.kind != TYPE_NAMED && (alias->shape == SHAPE_PLAIN || is_bytes(alias));
}

static void compare_named(const struct sides *s) {
        const struct definition *old = s->old.type.definition, *now = s->now.type.definition;
        bool renamed = old->name && now->name && strcmp(old->name, now->name) != 0;
        if (renamed && !(is_spelling(old) && is_spelling(now)))
                found(s->c, LEVEL_SOURCE, s->place, s->old_place, "%s is of the type `%s`, was of `%s`", s->what,
                      now->name, old->name);
        compare_later(s->c, old, now);
}

static struct declaration element_of(const struct declaration *declaration) {
        return (struct declaration){ .place = declaration->place, .type = declaration->type, .shape = SHAPE_PLAIN };
}

static void compare_sides(struct sides *s) {
        for (;;) {
                if (is_named(&s->old) && is_named(&s->now)) {
                        compare_named(s);
                        return;
                }
                if (is_alias(&s->old)) {
                        s->old = s->old.type.definition->alias;
                        continue;
                }
                if (is_alias(&s->now)) {
                        s->now = s->now.type.definition->alias;
                        continue;
                }
                if (!compare_shapes(s) || is_bytes(&s->old))
                        return;
                if (s->old.shape == SHAPE_PLAIN) {
                        compare_plain(s);
                        return;
                }
                s->old = element_of(&s->old);
                s->now = element_of(&s->now);
        }
}

void compare_declarations(struct comparison *c, const char *what, const struct declaration *old,
                          const struct declaration *now) {
        struct sides sides = { c, what, &old->place, &now->place, *old, *now };
        compare_sides(&sides);
}

/* ---- fields ---- */

static const struct declaration *field_of(const struct declaration *field, const struct declaration *like) {
        while (field && !(field->name && like->name && strcmp(field->name, like->name) == 0))
                field = field->next;
        return field;
}

static bool is_nameless(const struct declaration *field) {
        while (field && field->name)
                field = field->next;
        return field;
}

static size_t count_of(const struct declaration *field) {
        size_t count = 0;
        for (; field; field = field->next)
                count++;
        return count;
}

static const char *field_title(struct job *job, const char *owner, const struct declaration *field) {
        if (field->name)
                return job_format(job, "`%s` of %s", field->name, owner);
        return job_format(job, "an argument of %s, `%s`,", owner, type_text(&field->type));
}

static void compare_at(struct comparison *c, const char *owner, const struct declaration *old,
                       const struct declaration *now, const struct declaration *olds, const struct declaration *nows) {
        bool renamed = old->name && now->name && strcmp(old->name, now->name) != 0;
        if (renamed && (field_of(olds, now) || field_of(nows, old))) {
                found(c, LEVEL_WIRE, &now->place, &old->place, "%s stands where `%s` was",
                      field_title(c->job, owner, now), old->name);
                return;
        }
        if (renamed)
                found(c, LEVEL_SOURCE, &now->place, &old->place, "%s was called `%s`", field_title(c->job, owner, now),
                      old->name);
        compare_declarations(c, field_title(c->job, owner, now), old, now);
}

static void field_gone(struct comparison *c, const char *owner, const struct place *place,
                       const struct declaration *old) {
        found(c, LEVEL_WIRE, place, &old->place, "%s is gone", field_title(c->job, owner, old));
}

static void field_new(struct comparison *c, const char *owner, const struct declaration *now) {
        found(c, LEVEL_WIRE, &now->place, NULL, "%s is new", field_title(c->job, owner, now));
}

/* None came or went, or they have no names: by their order alone. */
static void compare_by_place(struct comparison *c, const char *owner, const struct place *place,
                             const struct declaration *old, const struct declaration *now) {
        const struct declaration *olds = old, *nows = now;
        for (; old && now; old = old->next, now = now->next)
                compare_at(c, owner, old, now, olds, nows);
        for (; old; old = old->next)
                field_gone(c, owner, place, old);
        for (; now; now = now->next)
                field_new(c, owner, now);
}

static void compare_by_name(struct comparison *c, const char *owner, const struct place *place,
                            const struct declaration *old, const struct declaration *now) {
        const struct declaration *olds = old, *last = olds;
        for (; old; old = old->next)
                if (!field_of(now, old))
                        field_gone(c, owner, place, old);
        for (; now; now = now->next) {
                const struct declaration *same = field_of(last, now);
                if (!same && (same = field_of(olds, now)))
                        found(c, LEVEL_WIRE, &now->place, &same->place, "%s stands in another order",
                              field_title(c->job, owner, now));
                if (!same) {
                        field_new(c, owner, now);
                        continue;
                }
                compare_declarations(c, field_title(c->job, owner, now), same, now);
                last = same;
        }
}

void compare_fields(struct comparison *c, const char *owner, const struct place *place, const struct declaration *old,
                    const struct declaration *now) {
        bool by_place = count_of(old) == count_of(now) || is_nameless(old) || is_nameless(now);
        (by_place ? compare_by_place : compare_by_name)(c, owner, place, old, now);
}

/* ---- enumerations ---- */

static void compare_enumerations(struct comparison *c, const struct definition *old, const struct definition *now) {
        for (const struct enumerator *before = old->enumerators; before; before = before->next) {
                const struct enumerator *named = item_of_name(c, now, before->name);
                const struct enumerator *valued = item_of_number(c, now, before->value);
                if (named && named->value != before->value)
                        found(c, LEVEL_WIRE, &named->place, &before->place, "`%s` is %d, was %d", named->name,
                              named->value, before->value);
                else if (!named && valued)
                        found(c, LEVEL_SOURCE, &valued->place, &before->place, "`%s` is gone; its value %d is `%s`",
                              before->name, before->value, valued->name);
                else if (!named)
                        found(c, LEVEL_WIRE, &now->place, &before->place,
                              "`%s` (%d) is gone: it is refused from old peers", before->name, before->value);
        }
        for (const struct enumerator *after = now->enumerators; after; after = after->next)
                if (!item_of_name(c, old, after->name) && !item_of_number(c, old, after->value))
                        found(c, LEVEL_COMPATIBLE, &after->place, NULL, "`%s` (%d) is new: old peers refuse it",
                              after->name, after->value);
}

/* ---- unions ---- */

static const struct arm *default_of(const struct definition *definition) {
        const struct arm *arm = definition->arms;
        while (arm && !arm->is_default)
                arm = arm->next;
        return arm;
}

static bool is_void(const struct declaration *declaration) {
        return declaration->type.kind == TYPE_VOID;
}

static void compare_arms(struct comparison *c, const char *owner, const struct arm *old, const struct arm *now) {
        const struct declaration *before = &old->declaration, *after = &now->declaration;
        if (!meet(c, old, now) || (is_void(before) && is_void(after)))
                return;
        if (is_void(before) || is_void(after)) {
                found(c, LEVEL_WIRE, &now->place, &old->place, "the case `%s` of %s has %s",
                      now->labels ? now->labels->number.text : "default", owner,
                      is_void(after) ? "nothing in it any more" : "something in it, and had nothing");
                return;
        }
        const char *title = field_title(c->job, owner, after);
        if (strcmp(before->name, after->name) != 0)
                found(c, LEVEL_SOURCE, &after->place, &before->place, "%s was called `%s`", title, before->name);
        compare_declarations(c, title, before, after);
}

static void compare_label(struct comparison *c, const char *owner, const struct definition *now, const struct arm *arm,
                          const struct label *label) {
        const struct arm *same = item_of_number(c, now, label->value);
        if (!same)
                same = default_of(now);
        if (same)
                compare_arms(c, owner, arm, same);
        else
                found(c, LEVEL_WIRE, &now->place, &label->number.place,
                      "the case `%s` of %s is gone: it is refused from old peers", label->number.text, owner);
}

static void compare_new_label(struct comparison *c, const char *owner, const struct definition *old,
                              const struct arm *arm, const struct label *label) {
        const struct arm *before = default_of(old);
        if (before)
                compare_arms(c, owner, before, arm);
        else
                found(c, LEVEL_COMPATIBLE, &label->number.place, NULL,
                      "the case `%s` of %s is new: old peers refuse it", label->number.text, owner);
}

static void compare_defaults(struct comparison *c, const char *owner, const struct definition *old,
                             const struct definition *now) {
        const struct arm *before = default_of(old), *after = default_of(now);
        if (before && after)
                compare_arms(c, owner, before, after);
        else if (before)
                found(c, LEVEL_WIRE, &now->place, &before->place,
                      "the default case of %s is gone: other cases are refused from old peers", owner);
        else if (after)
                found(c, LEVEL_COMPATIBLE, &after->place, NULL,
                      "the default case of %s is new: old peers refuse what falls into it", owner);
}

static void compare_unions(struct comparison *c, const char *owner, const struct definition *old,
                           const struct definition *now) {
        const struct declaration *before = &old->discriminant, *after = &now->discriminant;
        if (strcmp(before->name, after->name) != 0)
                found(c, LEVEL_SOURCE, &after->place, &before->place, "%s was called `%s`",
                      field_title(c->job, owner, after), before->name);
        compare_declarations(c, field_title(c->job, owner, after), before, after);
        for (const struct arm *arm = old->arms; arm; arm = arm->next)
                for (const struct label *label = arm->labels; label; label = label->next)
                        compare_label(c, owner, now, arm, label);
        for (const struct arm *arm = now->arms; arm; arm = arm->next)
                for (const struct label *label = arm->labels; label; label = label->next)
                        if (!item_of_number(c, old, label->value))
                                compare_new_label(c, owner, old, arm, label);
        compare_defaults(c, owner, old, now);
}

/* ---- definitions ---- */

static struct declaration as_declaration(const struct definition *definition) {
        if (definition->kind == DEFINITION_TYPEDEF)
                return definition->alias;
        struct type type = { .place = definition->place, .kind = TYPE_NAMED, .name = definition->name };
        type.definition = (struct definition *)(uintptr_t)definition;
        return (struct declaration){ .place = definition->place, .type = type, .shape = SHAPE_PLAIN };
}

/* Types of one name, or of one field; if one is a typedef, what it stands for is compared. */
void compare_definitions(struct comparison *c, const struct definition *old, const struct definition *now) {
        const char *owner = job_format(c->job, "`%s`", definition_title(now));
        bool alias = old->kind == DEFINITION_TYPEDEF || now->kind == DEFINITION_TYPEDEF;
        if (alias) {
                struct sides sides = { c, owner, &old->place, &now->place, as_declaration(old), as_declaration(now) };
                compare_sides(&sides);
        } else if (old->kind != now->kind)
                found(c, LEVEL_WIRE, &now->place, &old->place, "%s is a type of another kind", owner);
        else if (now->kind == DEFINITION_STRUCT)
                compare_fields(c, owner, &now->place, old->fields, now->fields);
        else if (now->kind == DEFINITION_UNION)
                compare_unions(c, owner, old, now);
        else if (now->kind == DEFINITION_ENUM)
                compare_enumerations(c, old, now);
}
