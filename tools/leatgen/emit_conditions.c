/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/emit_verbatim.h"

#include <string.h>

/*
 * Conditions in % lines. Many old interfaces guard their header so, or a type that another one's header may have too:
 *
 *     %#ifndef DIR_H
 *     %#define DIR_H
 *     struct entry { ... };
 *     %#endif
 *
 * Our headers have their own guard and our types an own prefix, and the functions for a type stand elsewhere: a type that came and went with a
 * condition would leave them alone. So a condition with definitions between its lines is left out, and with it the name that it
 * guards by; and so is one that is never ended, or that was never begun, as another generator's output would be needed to pair it.
 *
 * What its other lines say stays if it would be compiled with nothing defined, behind #ifndef or #else; else it goes too.
 *
 * The same goes for `extern "C" {` or its brace between #ifdef __cplusplus and #endif, where only one of the two is there.
 *
 * What is left out here without a word is marked as `done`.
 */

/* Of one condition: #if, #elif..., #else, #endif, the #define of a guard, a brace. */
struct noted {
        struct noted *next;
        struct definition *line;
};

struct condition {
        struct condition *outer;
        struct definition *first; /* its #if */
        struct noted *lines;      /* the last one first */
        struct noted *untaken;    /* % lines of branches that are not compiled if nothing is defined */
        struct condition *off;    /* the outermost one whose branch here is such a one; NULL: none */
        bool taken;               /* a branch was */
        bool holds;               /* a definition */
        bool braces;              /* nothing but lone braces stand in it, and there is one */
        bool others;
        bool opens; /* of the braces: `extern "C" {` */
        bool is_cplusplus;
};

struct conditions {
        struct job *job;
        struct condition *inner;       /* the one that was begun last, and is not ended */
        struct condition *open_braces; /* `extern "C" {` that wait for the brace */
};

const char *verbatim_blanks(const char *at) {
        return at + strspn(at, " \t\r\f\v");
}

const char *verbatim_directive(const char *text, const char *word) {
        text = verbatim_blanks(text);
        if (*text != '#')
                return NULL;
        text = verbatim_blanks(text + 1);
        size_t size = strlen(word);
        if (strncmp(text, word, size) != 0 || strspn(text + size, "abcdefghijklmnopqrstuvwxyz") > 0)
                return NULL;
        return verbatim_blanks(text + size);
}

static size_t word_size(const char *text) {
        return strcspn(text, " \t\r\f\v/");
}

static void leave_out_lines(const struct noted *noted) {
        for (; noted; noted = noted->next)
                noted->line->done = true;
}

static void leave_out(const struct condition *condition) {
        leave_out_lines(condition->lines);
        if (condition->holds)
                leave_out_lines(condition->untaken);
}

static void add(struct conditions *conditions, struct noted **list, struct definition *line) {
        struct noted *noted = JOB_NEW(conditions->job, struct noted);
        *noted = (struct noted){ *list, line };
        *list = noted;
}

static void note(struct conditions *conditions, struct condition *condition, struct definition *line) {
        add(conditions, &condition->lines, line);
}

/* A branch begins. */
static void branch(struct condition *condition, bool taken) {
        condition->off = condition->outer ? condition->outer->off : NULL;
        if (!condition->off && !taken)
                condition->off = condition;
        condition->taken = condition->taken || taken;
}

static void begin(struct conditions *conditions, struct definition *line) {
        struct condition *condition = JOB_NEW(conditions->job, struct condition);
        *condition = (struct condition){ .outer = conditions->inner,
                                         .first = line,
                                         .is_cplusplus = strstr(line->text, "__cplusplus") != NULL };
        note(conditions, condition, line);
        const char *expression = verbatim_directive(line->text, "if");
        branch(condition, verbatim_directive(line->text, "ifndef") || (expression && *expression == '!'));
        conditions->inner = condition;
}

/* #ifdef __cplusplus, a brace, #endif: kept if the other brace is there too. */
static void pair_braces(struct conditions *conditions, struct condition *condition) {
        if (condition->opens) {
                condition->outer = conditions->open_braces;
                conditions->open_braces = condition;
        } else if (conditions->open_braces) {
                conditions->open_braces = conditions->open_braces->outer;
        } else {
                leave_out(condition);
        }
}

static void end(struct conditions *conditions, struct definition *line) {
        struct condition *condition = conditions->inner;
        if (!condition) {
                line->done = true;
                return;
        }
        conditions->inner = condition->outer;
        note(conditions, condition, line);
        if (condition->holds && condition->outer)
                condition->outer->holds = true;
        if (condition->holds)
                leave_out(condition);
        else if (condition->is_cplusplus && condition->braces && !condition->others)
                pair_braces(conditions, condition);
}

/* `#define NAME` right behind `#ifndef NAME`. */
static bool is_guard(const struct condition *condition, const char *text) {
        const char *name = condition->lines->next ? NULL : verbatim_directive(condition->first->text, "ifndef");
        const char *defined = name ? verbatim_directive(text, "define") : NULL;
        return defined && word_size(name) == word_size(defined) && strncmp(name, defined, word_size(name)) == 0;
}

/* #else and #elif; those of another generator's condition are left out. */
static void next_branch(struct conditions *conditions, struct definition *line, bool is_else) {
        struct condition *inner = conditions->inner;
        if (!inner) {
                line->done = true;
                return;
        }
        note(conditions, inner, line);
        branch(inner, is_else && !inner->taken);
}

static void see_other(struct conditions *conditions, struct definition *line) {
        struct condition *inner = conditions->inner;
        const char *text = verbatim_blanks(line->text);
        if (!inner || !*text)
                return;
        if (is_guard(inner, text)) {
                note(conditions, inner, line);
        } else if (inner->is_cplusplus && !inner->braces && verbatim_is_brace(text)) {
                inner->braces = true;
                inner->opens = *text != '}';
                note(conditions, inner, line);
        } else {
                inner->others = true;
        }
}

static void see_line(struct conditions *conditions, struct definition *line) {
        const char *text = line->text;
        bool ends = verbatim_directive(text, "endif"), is_else = verbatim_directive(text, "else"),
             goes_on = verbatim_directive(text, "elif");
        const struct condition *within = conditions->inner;
        if (within && (ends || is_else || goes_on))
                within = within->outer;
        if (within && within->off)
                add(conditions, &within->off->untaken, line);
        if (verbatim_directive(text, "if") || verbatim_directive(text, "ifdef") || verbatim_directive(text, "ifndef"))
                begin(conditions, line);
        else if (ends)
                end(conditions, line);
        else if (is_else || goes_on)
                next_branch(conditions, line, is_else);
        else
                see_other(conditions, line);
}

static bool stands_in_header(const struct definition *definition) {
        return !definition->imported && (definition_is_type(definition) || definition->kind == DEFINITION_CONST);
}

void verbatim_conditions(struct job *job, const struct interface *interface, uint32_t output) {
        struct conditions conditions = { .job = job };
        for (struct definition *line = interface->definitions; line; line = line->next) {
                if (verbatim_is_for(line, output))
                        see_line(&conditions, line);
                else if (stands_in_header(line) && output == FOR_HEADER && conditions.inner)
                        conditions.inner->holds = true;
        }
        for (; conditions.inner; conditions.inner = conditions.inner->outer)
                leave_out(conditions.inner);
        for (; conditions.open_braces; conditions.open_braces = conditions.open_braces->outer)
                leave_out(conditions.open_braces);
}
