/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/check.h"

#include "tools/leatgen/report.h"

/* ---- the discriminant ---- */

static void report_discriminant(struct checker *checker, const struct declaration *declaration) {
        const struct place *place = declaration->type.place.source ? &declaration->type.place : &declaration->place;
        report_error(checker->job, place, "a union switches on int, unsigned, bool or an enum: this is none of them");
        const struct definition *definition =
                declaration->type.kind == TYPE_NAMED ? declaration->type.definition : NULL;
        if (definition && definition->name)
                report_note(checker->job, &definition->place, "`%s` is defined here", definition->name);
}

static bool is_integral(const struct type *type) {
        switch (type->kind) {
        case TYPE_INT:
        case TYPE_UNSIGNED:
        case TYPE_BOOL:
        case TYPE_CHAR:
        case TYPE_UNSIGNED_CHAR:
        case TYPE_SHORT:
        case TYPE_UNSIGNED_SHORT:
                return true;
        case TYPE_NAMED:
                return type->definition && type->definition->kind == DEFINITION_ENUM;
        default:
                return false;
        }
}

/* What the discriminant is in the end, or NULL: there is nothing to hold labels against, and that was reported. */
static const struct type *discriminant_type(struct checker *checker, const struct declaration *declaration) {
        bool broken = false;
        const struct type *final =
                declaration->shape == SHAPE_PLAIN ? check_final(checker, &declaration->type, &broken) : NULL;
        if (final && is_integral(final))
                return final;
        if (!broken)
                report_discriminant(checker, declaration);
        return NULL;
}

/* ---- labels ---- */

struct range {
        const char *name;
        int64_t least, most;
};

static struct range range_of(enum type_kind kind) {
        switch (kind) {
        case TYPE_UNSIGNED:
                return (struct range){ "unsigned", 0, UINT32_MAX };
        case TYPE_CHAR:
                return (struct range){ "char", INT8_MIN, INT8_MAX };
        case TYPE_UNSIGNED_CHAR:
                return (struct range){ "unsigned char", 0, UINT8_MAX };
        case TYPE_SHORT:
                return (struct range){ "short", INT16_MIN, INT16_MAX };
        case TYPE_UNSIGNED_SHORT:
                return (struct range){ "unsigned short", 0, UINT16_MAX };
        case TYPE_BOOL:
                return (struct range){ "bool", 0, 1 };
        default:
                return (struct range){ "int", INT32_MIN, INT32_MAX };
        }
}

static bool check_range(struct checker *checker, struct label *label, enum type_kind kind) {
        const struct number *number = &label->number;
        struct range range = range_of(kind);
        if (kind == TYPE_INT)
                return check_number_int32(checker, number, "a label of an int", &label->value);
        if (number->value >= range.least && number->value <= range.most) {
                label->value = (int32_t)(uint32_t)number->value;
                return true;
        }
        if (kind == TYPE_BOOL)
                report_error(checker->job, &number->place, "the discriminant is a bool: its labels are TRUE and FALSE");
        else
                report_error(checker->job, &number->place, "the discriminant is of type %s: a label is in %lld to %lld",
                             range.name, (long long)range.least, (long long)range.most);
        return false;
}

/* An enumerator of another enum is a slip even if its number fits; a constant may stand for a number. */
static bool check_of_enum(struct checker *checker, struct label *label, const struct definition *enumeration) {
        const struct number *number = &label->number;
        bool foreign = number->constant && number->constant->kind == DEFINITION_ENUM && number->constant != enumeration;
        if (!foreign && !check_number_int32(checker, number, "a label of an enum", &label->value))
                return false;
        if (!foreign && pairs_get(&checker->pairs, key_of(SPACE_VALUES, enumeration, (uint32_t)label->value)))
                return true;
        if (enumeration->name)
                report_error(checker->job, &number->place, "`%s` is not of the enum `%s`, on which this union switches",
                             number->text, enumeration->name);
        else
                report_error(checker->job, &number->place, "`%s` is not of the enum on which this union switches",
                             number->text);
        report_note(checker->job, &enumeration->place, "the enum");
        if (foreign)
                report_note(checker->job, &number->constant->place, "the label is of this one");
        return false;
}

static void check_label(struct checker *checker, const struct definition *definition, struct label *label,
                        const struct type *type) {
        if (!check_number(checker, &label->number))
                return;
        bool good = type->kind == TYPE_NAMED ? check_of_enum(checker, label, type->definition)
                                             : check_range(checker, label, type->kind);
        if (!good)
                return;
        const struct place *first =
                pairs_add(checker->job, &checker->pairs, key_of(SPACE_NUMBERS, definition, (uint32_t)label->value),
                          &label->number.place);
        if (!first)
                return;
        report_error(checker->job, &label->number.place, "this union has a case for `%s` already: leave one out",
                     label->number.text);
        report_note(checker->job, first, "the first one");
}

void check_union(struct checker *checker, struct definition *definition) {
        const struct arm *fallback = NULL;
        const struct type *type = discriminant_type(checker, &definition->discriminant);
        if (!definition->arms && !checker->cut)
                report_error(checker->job, &definition->place, "a union needs a case: give it one");
        for (struct arm *each = definition->arms; each; each = each->next) {
                if (each->is_default && fallback) {
                        report_error(checker->job, &each->place, "this union has a default already: leave one out");
                        report_note(checker->job, &fallback->place, "the first one");
                }
                if (each->is_default && !fallback)
                        fallback = each;
                for (struct label *label = type ? each->labels : NULL; label; label = label->next)
                        check_label(checker, definition, label, type);
        }
}
