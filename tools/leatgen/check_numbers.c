/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/check.h"

#include "tools/leatgen/import.h"
#include "tools/leatgen/report.h"

/* ---- a number's value ---- */

static bool is_bits(const char *text) {
        return text && text[0] == '0' && text[1] != '\0';
}

static void report_unknown(struct checker *checker, const struct number *number) {
        struct job *job = checker->job;
        if (checker->cut ||
            pairs_add(checker->job, &checker->pairs, key_of_name(SPACE_UNKNOWN, NULL, number->name), number))
                return;
        const char *near = check_near(checker, number->name, false);
        const char *include = import_missing(checker->interface);
        if (near)
                report_error(job, &number->place, "the constant `%s` is not defined; did you mean `%s`?", number->name,
                             near);
        else if (include)
                report_error(
                        job, &number->place,
                        "the constant `%s` is not defined: `%s` was not found; give its folder with -I, or -D %s=VALUE",
                        number->name, include, number->name);
        else
                report_error(job, &number->place,
                             "the constant `%s` is not defined: define it before, or with -D %s=VALUE", number->name,
                             number->name);
}

/* -D, #define, C headers, and what is known to all: a name of the file hides them. */
static bool value_from_elsewhere(struct checker *checker, struct number *number) {
        if (constant_lookup(checker->job, checker->interface, number->name, &number->value) ||
            check_ready_constant(number->name, &number->value))
                return true;
        report_unknown(checker, number);
        return false;
}

static bool value_of_meaning(struct checker *checker, struct number *number, const struct meaning *meaning) {
        bool is_number = meaning->kind == MEANING_CONSTANT || meaning->kind == MEANING_ENUMERATOR;
        if (meaning->broken || (!is_number && meaning->twice))
                return false;
        if (!is_number) {
                const char *kind = definition_kind_names[meaning->definition->kind];
                report_error(checker->job, &number->place, "`%s` is %s %s, and a number is needed here", number->name,
                             check_article(kind), kind);
                report_note(checker->job, meaning->place, "it is defined here");
                return false;
        }
        if (!meaning->known) {
                report_error(checker->job, &number->place, "`%s` is used before it is defined: move its definition up",
                             number->name);
                report_note(checker->job, meaning->place, "it is defined here");
                return false;
        }
        number->constant = meaning->definition;
        number->value = meaning->value;
        return true;
}

#define HOPS_MOST 64u

/*
 * A procedure's number may be the name of another one, and so on, and they may stand further down. What stands at the end of that
 * way gives the value.
 */
bool check_number(struct checker *checker, struct number *number) {
        struct number *at = number;
        for (unsigned hops = 0; at->name; hops++) {
                const struct meaning *meaning = check_meaning(checker, at->name);
                struct number *remote = NULL;
                if (!meaning || meaning->kind == MEANING_PROGRAM)
                        remote = pairs_get(&checker->pairs, key_of_name(SPACE_REMOTE, NULL, at->name));
                if (hops == HOPS_MOST) {
                        report_error(checker->job, &number->place,
                                     "`%s` stands for itself, or for too many others: give it a number", number->name);
                        return false;
                }
                if (!remote && !(meaning ? value_of_meaning(checker, at, meaning) : value_from_elsewhere(checker, at)))
                        return false;
                if (!remote)
                        break;
                at = remote;
        }
        number->value = at->value;
        return true;
}

/* ---- ranges ---- */

/* "5", or "-3 (`DEPTH`)". */
static const char *shown(struct job *job, const struct number *number) {
        const char *digits = job_digits(job, number->value);
        return number->name ? job_format(job, "%s (`%s`)", digits, number->name) : digits;
}

/*
 * 0x80000000 and more: the bits of a negative value, as C headers write them and as rpcgen's output takes them. Only if written in hexadecimal or octal:
 * 4294967295 is more often a slip.
 */
static bool may_be_bits(struct checker *checker, const struct number *number) {
        if (number->value < 0 || number->value > UINT32_MAX)
                return false;
        if (!number->name)
                return is_bits(number->text);
        const struct meaning *meaning = check_meaning(checker, number->name);
        return !meaning || meaning->bits;
}

bool check_number_int32(struct checker *checker, const struct number *number, const char *what, int32_t *ret_value) {
        bool fits = number->value >= INT32_MIN && number->value <= INT32_MAX;
        if (!fits && !may_be_bits(checker, number)) {
                report_error(checker->job, &number->place, "%s has 32 bits: %s is not in -2147483648 to 2147483647",
                             what, shown(checker->job, number));
                return false;
        }
        *ret_value = (int32_t)(uint32_t)number->value;
        return true;
}

bool check_number_uint32(struct checker *checker, const struct number *number, const char *what, uint32_t *ret_value) {
        if (number->value < 0)
                report_error(checker->job, &number->place, "%s cannot be negative: this is %s", what,
                             shown(checker->job, number));
        else if (number->value > UINT32_MAX)
                report_error(checker->job, &number->place, "%s is at most 4294967295 (32 bits): this is %s", what,
                             shown(checker->job, number));
        else {
                *ret_value = (uint32_t)number->value;
                return true;
        }
        return false;
}

/* ---- what gives values to names ---- */

static void define(struct checker *checker, const char *name, const struct place *place, const __int128 *value,
                   bool bits) {
        struct meaning *meaning = name ? check_meaning(checker, name) : NULL;
        if (!meaning || meaning->place != place) /* the second one of two */
                return;
        meaning->known = value != NULL;
        meaning->broken = !value;
        meaning->value = value ? *value : 0;
        meaning->bits = bits;
}

static bool number_is_bits(struct checker *checker, const struct number *number) {
        if (!number->name)
                return is_bits(number->text);
        const struct meaning *meaning = check_meaning(checker, number->name);
        return meaning && meaning->bits;
}

void check_constant(struct checker *checker, struct definition *definition) {
        struct number *number = &definition->number;
        bool good = check_number(checker, number);
        if (good && (number->value < INT64_MIN || number->value > UINT64_MAX)) {
                report_error(checker->job, &number->place, "a constant has at most 64 bits: %s does not fit",
                             shown(checker->job, number));
                good = false;
        }
        define(checker, definition->name, &definition->place, good ? &number->value : NULL,
               number_is_bits(checker, number));
}

/* One more than the value before, or 0. Returns false if that was reported, or is not known. */
static bool next_value(struct checker *checker, struct enumerator *each, const struct enumerator *before,
                       bool before_good) {
        if (!before)
                return true; /* 0 */
        if (!before_good)
                return false;
        if (before->value == INT32_MAX) {
                report_error(checker->job, &each->place,
                             "an enumeration's value has 32 bits: `%s` would be 2147483648; give it a value",
                             each->name);
                return false;
        }
        each->value = before->value + 1;
        return true;
}

void check_enumeration(struct checker *checker, struct definition *definition) {
        const struct enumerator *before = NULL;
        bool good = true;
        for (struct enumerator *each = definition->enumerators; each; before = each, each = each->next) {
                if (each->number)
                        good = check_number(checker, each->number) &&
                               check_number_int32(checker, each->number, "an enumeration's value", &each->value);
                else
                        good = next_value(checker, each, before, good);
                __int128 value = each->value;
                define(checker, each->name, &each->place, good ? &value : NULL, false);
                if (good)
                        pairs_add(checker->job, &checker->pairs,
                                  key_of(SPACE_VALUES, definition, (uint32_t)each->value), each);
        }
}
