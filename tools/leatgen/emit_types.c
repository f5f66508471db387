/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/emit_types.h"

/* ---- one type ---- */

/* The most that there may be, where the shape has a bound. */
static void emit_most(struct page *page, const struct declaration *declaration) {
        if (declaration->shape == SHAPE_VARIABLE && declaration->bound_value != UINT32_MAX)
                page_format(page, " /* at most %u */", declaration->bound_value);
}

static void begin_body(struct page *page, const struct definition *definition) {
        page_add(page, "\n");
        emit_comment(page, definition->documentation, 0);
        page_format(page, "%s {\n", definition->c_type);
}

void emit_structure(struct page *page, const struct definition *definition) {
        begin_body(page, definition);
        for (const struct declaration *field = definition->fields; field; field = field->next) {
                emit_comment(page, field->documentation, 8);
                page_add(page, "        ");
                emit_declaration(page, field, field->c_name, NULL, 8);
                page_add(page, ";");
                emit_most(page, field);
                page_add(page, "\n");
        }
        page_add(page, "};\n");
}

static void emit_enumeration(struct page *page, const struct definition *definition) {
        begin_body(page, definition);
        for (const struct enumerator *one = definition->enumerators; one; one = one->next) {
                emit_comment(page, one->documentation, 8);
                page_format(page, "        %s = ", one->c_name);
                emit_int(page, one->value);
                page_add(page, ",\n");
        }
        page_add(page, "};\n");
}

/* ---- unions ---- */

static const char *label_text(const struct label *label) {
        const struct definition *enumeration = label->number.constant;
        if (label->number.name && enumeration && enumeration->kind == DEFINITION_ENUM)
                for (const struct enumerator *one = enumeration->enumerators; one; one = one->next)
                        if (one->name == label->number.name)
                                return one->c_name;
        if (label->number.name && enumeration && enumeration->kind == DEFINITION_CONST)
                return enumeration->c_name;
        return label->number.text;
}

#define LABELS_SHOWN 6

/* For which values of the discriminant the arm is there. */
static void emit_labels(struct page *page, const struct arm *arm, const char *begin) {
        const char *between = begin;
        unsigned shown = 0;
        for (const struct label *label = arm->labels; label; label = label->next, shown++) {
                if (shown < LABELS_SHOWN)
                        page_format(page, "%s%s", between, label_text(label));
                between = ", ";
        }
        if (shown > LABELS_SHOWN)
                page_add(page, ", ...");
        if (arm->is_default)
                page_format(page, "%sall others", between);
        page_add(page, " */");
}

/* One of void is no member: what its comment says of the discriminant's values stands there all the same. */
static void emit_void_arm(struct page *page, const struct arm *arm, unsigned indent) {
        if (!arm->declaration.documentation)
                return;
        emit_comment(page, arm->declaration.documentation, indent);
        page_format(page, "%*s", (int)indent, "");
        emit_labels(page, arm, "/* void: ");
        page_add(page, "\n");
}

static void emit_arm(struct page *page, const struct arm *arm) {
        const struct declaration *declaration = &arm->declaration;
        if (declaration->type.kind == TYPE_VOID) {
                emit_void_arm(page, arm, 16);
                return;
        }
        emit_comment(page, declaration->documentation, 16);
        page_add(page, "                ");
        if (arm->held)
                emit_held(page, declaration, declaration->c_name);
        else
                emit_declaration(page, declaration, declaration->c_name, NULL, 16);
        page_add(page, ";");
        emit_labels(page, arm, " /* ");
        page_add(page, "\n");
}

static bool has_arms(const struct definition *definition) {
        for (const struct arm *arm = definition->arms; arm; arm = arm->next)
                if (arm->declaration.type.kind != TYPE_VOID)
                        return true;
        return false;
}

static void emit_union(struct page *page, const struct definition *definition) {
        begin_body(page, definition);
        emit_comment(page, definition->discriminant.documentation, 8);
        page_add(page, "        ");
        emit_declaration(page, &definition->discriminant, definition->discriminant.c_name, NULL, 8);
        page_add(page, ";\n");
        if (has_arms(definition)) {
                page_add(page, "        union {\n");
                for (const struct arm *arm = definition->arms; arm; arm = arm->next)
                        emit_arm(page, arm);
                page_add(page, "        } u;\n");
        } else {
                for (const struct arm *arm = definition->arms; arm; arm = arm->next)
                        emit_void_arm(page, arm, 8);
        }
        page_add(page, "};\n");
}

static void emit_typedef(struct page *page, const struct definition *definition) {
        page_add(page, "\n");
        emit_comment(page, definition->documentation, 0);
        page_add(page, "typedef ");
        emit_declaration(page, &definition->alias, definition->c_name, definition->c_name, 0);
        page_add(page, ";");
        emit_most(page, &definition->alias);
        page_add(page, "\n");
}

static void emit_body(struct page *page, const struct definition *definition) {
        switch (definition->kind) {
        case DEFINITION_ENUM:
                emit_enumeration(page, definition);
                return;
        case DEFINITION_STRUCT:
                emit_structure(page, definition);
                return;
        case DEFINITION_UNION:
                emit_union(page, definition);
                return;
        case DEFINITION_TYPEDEF:
                emit_typedef(page, definition);
                return;
        default:
                return;
        }
}

/* ---- what C must know before ---- */

/*
 * A step down: a definition that waits, and the declaration in it that is looked at next. Structures may point to
 * each other without being known; what is contained must stand before, and names of typedefs and enumerations always.
 */
struct wait {
        struct definition *definition;
        struct declaration *next; /* of a structure or typedef */
        struct arm *arm;          /* of a union: the one behind `next` */
        bool held;                /* `next` is an arm's, and that is held */
        bool completes;           /* `next` was named; now what it contains is looked at */
};

struct waits {
        struct job *job;
        struct wait *all;
        size_t count, room;
};

static void push(struct waits *waits, struct definition *definition) {
        if (definition->imported || definition->seen)
                return;
        waits->all = job_grow(waits->job, waits->all, waits->count, &waits->room, sizeof(*waits->all));
        definition->seen = true;
        struct wait *wait = &waits->all[waits->count++];
        *wait = (struct wait){ .definition = definition };
        if (definition->kind == DEFINITION_STRUCT)
                wait->next = definition->fields;
        else if (definition->kind == DEFINITION_TYPEDEF)
                wait->next = &definition->alias;
        else if (definition->kind == DEFINITION_UNION) {
                wait->next = &definition->discriminant;
                wait->arm = definition->arms;
        }
}

static void advance(struct wait *wait) {
        wait->completes = false;
        if (wait->definition->kind == DEFINITION_STRUCT) {
                wait->next = wait->next->next;
        } else if (wait->arm) {
                wait->next = &wait->arm->declaration;
                wait->held = wait->arm->held;
                wait->arm = wait->arm->next;
        } else {
                wait->next = NULL;
        }
}

/* What must be complete for a value of the type to be declared: typedefs are gone through. */
static struct definition *body_of(struct definition *definition) {
        while (definition->kind == DEFINITION_TYPEDEF &&
               (definition->alias.shape == SHAPE_PLAIN || definition->alias.shape == SHAPE_FIXED) &&
               definition->alias.type.kind == TYPE_NAMED)
                definition = definition->alias.type.definition;
        return definition;
}

static void look_at(struct waits *waits, struct wait *wait) {
        const struct declaration *declaration = wait->next;
        struct definition *named = declaration->type.kind == TYPE_NAMED ? declaration->type.definition : NULL;
        bool contains = declaration->shape == SHAPE_FIXED ||
                        (declaration->shape == SHAPE_PLAIN && wait->definition->kind != DEFINITION_TYPEDEF);
        bool held = wait->held;
        if (named && !wait->completes) {
                wait->completes = true;
                if (named->kind == DEFINITION_TYPEDEF || named->kind == DEFINITION_ENUM)
                        push(waits, named);
                return;
        }
        advance(wait);
        if (named && contains && (!held || (declaration->shape == SHAPE_FIXED && !is_incomplete(declaration))))
                push(waits, body_of(named));
}

void emit_type(struct job *job, struct page *page, struct definition *definition) {
        struct waits waits = { .job = job };
        push(&waits, definition);
        while (waits.count > 0) {
                struct wait *wait = &waits.all[waits.count - 1];
                if (wait->next) {
                        look_at(&waits, wait);
                        continue;
                }
                emit_body(page, wait->definition);
                waits.count--;
        }
}
