/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/check.h"

#include "tools/leatgen/report.h"

/* A number that an owner's members have once. Returns false if it is none, or was there, which is reported. */
static bool check_once(struct checker *checker, const void *owner, struct number *number, const char *what,
                       uint32_t *ret_value) {
        if (!check_number(checker, number) ||
            !check_number_uint32(checker, number, job_format(checker->job, "the number of a %s", what), ret_value))
                return false;
        const struct place *first =
                pairs_add(checker->job, &checker->pairs, key_of(SPACE_NUMBERS, owner, *ret_value), &number->place);
        if (!first)
                return true;
        report_error(checker->job, &number->place, "there is a %s %u already: give this one another number", what,
                     *ret_value);
        report_note(checker->job, first, "the first one");
        return false;
}

static void check_arguments(struct checker *checker, struct procedure *procedure) {
        for (struct declaration *each = procedure->arguments; each; each = each->next) {
                check_declaration(checker, each);
                check_member(checker, procedure, each->name, &each->place, "argument");
        }
}

static void check_procedure(struct checker *checker, const struct version *version, struct procedure *procedure) {
        uint32_t number = 0;
        check_declaration(checker, &procedure->result);
        check_arguments(checker, procedure);
        check_member(checker, version, procedure->name, &procedure->place, "procedure");
        check_once(checker, version, &procedure->number, "procedure", &number);
        if (procedure->stream && procedure->result.type.kind == TYPE_VOID)
                report_error(checker->job, &procedure->place,
                             "`%s` has no result that a stream could carry: give it one, or leave out stream",
                             procedure->name);
}

static void check_version(struct checker *checker, const struct definition *program, bool numbered,
                          struct version *version) {
        uint32_t number = 0;
        check_member(checker, program, version->name, &version->place, "version");
        bool good = check_once(checker, program, &version->number, "version", &number);
        if (!version->procedures && !checker->cut)
                report_error(checker->job, &version->place, "version `%s` needs a procedure: give it one",
                             version->name);
        for (struct procedure *each = version->procedures; each; each = each->next)
                check_procedure(checker, version, each);
        if (!good || !numbered)
                return;
        /* Two programs may share a number: some files give each version a program. A server could not tell equal versions of them apart. */
        uint64_t both = (uint64_t)program->program_number.value << 32 | number;
        const struct place *first =
                pairs_add(checker->job, &checker->pairs, key_of(SPACE_SERVED, NULL, both), &version->place);
        if (!first)
                return;
        report_error(checker->job, &version->place,
                     "version %u of the program with number %lu is there already: give one of them another number",
                     number, (unsigned long)program->program_number.value);
        report_note(checker->job, first, "the first one");
}

void check_program(struct checker *checker, struct definition *definition) {
        uint32_t number = 0;
        bool numbered = check_number(checker, &definition->program_number) &&
                        check_number_uint32(checker, &definition->program_number, "the number of a program", &number);
        if (!definition->versions && !checker->cut)
                report_error(checker->job, &definition->place, "program `%s` needs a version: give it one",
                             definition->name);
        for (struct version *each = definition->versions; each; each = each->next)
                check_version(checker, definition, numbered && !definition->imported, each);
}
