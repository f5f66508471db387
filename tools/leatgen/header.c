/* SPDX-License-Identifier: MIT */
/* The constants of a C header: #define with a value, and enumerators. All else is passed over. */
#include "tools/leatgen/import.h"
#include "tools/leatgen/lex.h"
#include "tools/leatgen/macro.h"
#include "tools/leatgen/source.h"
#include <string.h>

#define CONDITIONS_MOST 200u

/* What is known of a condition: nothing, as of most, or whether its current branch counts. */
enum known { KNOWN_NOTHING, KNOWN_TRUE, KNOWN_FALSE };

struct scanner {
        struct job *job;
        struct imports *imports;
        const struct source *source;
        struct lexer lexer;
        uint8_t conditions[CONDITIONS_MOST]; /* enum known */
        unsigned depth, deeper, false_count; /* deeper: those for which there was no room */
};

/* ---- directives ---- */

static void set_known(struct scanner *scanner, enum known known) {
        uint8_t *current = &scanner->conditions[scanner->depth - 1];
        scanner->false_count -= *current == KNOWN_FALSE;
        scanner->false_count += known == KNOWN_FALSE;
        *current = (uint8_t)known;
}

static void open_condition(struct scanner *scanner, enum known known) {
        if (scanner->depth == CONDITIONS_MOST) {
                scanner->deeper++;
                return;
        }
        scanner->conditions[scanner->depth++] = KNOWN_NOTHING;
        set_known(scanner, known);
}

static void close_condition(struct scanner *scanner) {
        if (scanner->deeper) {
                scanner->deeper--;
        } else if (scanner->depth) {
                set_known(scanner, KNOWN_NOTHING);
                scanner->depth--;
        }
}

static void turn_condition(struct scanner *scanner, bool is_else) {
        if (scanner->deeper || !scanner->depth)
                return;
        uint8_t known = scanner->conditions[scanner->depth - 1];
        set_known(scanner, known == KNOWN_TRUE               ? KNOWN_FALSE
                           : known == KNOWN_FALSE && is_else ? KNOWN_TRUE
                                                             : KNOWN_NOTHING);
}

static bool is_cplusplus(const char *text) {
        return lex_take_word(&text, "__cplusplus");
}

/* Returns false if it is another directive. */
static bool condition(struct scanner *scanner, const char *text) {
        if (lex_take_word(&text, "if"))
                open_condition(scanner, strcmp(text, "0") == 0   ? KNOWN_FALSE
                                        : strcmp(text, "1") == 0 ? KNOWN_TRUE
                                                                 : KNOWN_NOTHING);
        else if (lex_take_word(&text, "ifdef"))
                open_condition(scanner, is_cplusplus(text) ? KNOWN_FALSE : KNOWN_NOTHING);
        else if (lex_take_word(&text, "ifndef"))
                open_condition(scanner, is_cplusplus(text) ? KNOWN_TRUE : KNOWN_NOTHING);
        else if (lex_take_word(&text, "elif"))
                turn_condition(scanner, false);
        else if (lex_take_word(&text, "else"))
                turn_condition(scanner, true);
        else if (lex_take_word(&text, "endif"))
                close_condition(scanner);
        else
                return false;
        return true;
}

static void directive(struct scanner *scanner, const char *text) {
        const char *name = NULL;
        text += strspn(text, LEX_BLANKS);
        if (condition(scanner, text) || scanner->false_count)
                return;
        if (lex_take_word(&text, "define"))
                imports_define(scanner->job, scanner->imports, text);
        else if ((lex_take_word(&text, "include") || lex_take_word(&text, "include_next")) &&
                 macro_header_name(scanner->job, text, &name))
                imports_add(scanner->job, scanner->imports, scanner->source, name, *text == '"');
}

/* ---- code ---- */

static bool at_comment(const struct lexer *lexer) {
        return lexer->end - lexer->at > 1 && lexer->at[0] == '/' && (lexer->at[1] == '*' || lexer->at[1] == '/');
}

static void pass_comment(struct lexer *lexer) {
        const char *begin = lexer->at;
        const char *end = lexer->at[1] == '*' ? memmem(begin + 2, (size_t)(lexer->end - begin - 2), "*/", 2)
                                              : memchr(begin, '\n', (size_t)(lexer->end - begin));
        lexer->at = !end ? lexer->end : lexer->at[1] == '*' ? end + 2 : end;
}

/* Blanks, ends of lines, comments, and directives, which may stand between enumerators too. */
static void pass_blanks(struct scanner *scanner) {
        struct lexer *lexer = &scanner->lexer;
        bool at_begin = lexer->at == lexer->line_begin;
        while (lexer->at < lexer->end) {
                if (*lexer->at == '\n') {
                        lex_next_line(lexer);
                        at_begin = true;
                } else if (at_comment(lexer)) {
                        pass_comment(lexer);
                } else if (*lexer->at == '#' && at_begin) {
                        lexer->at++;
                        directive(scanner, lex_directive(lexer));
                } else if (lex_is_blank(*lexer->at)) {
                        lexer->at++;
                } else {
                        return;
                }
        }
}

static const char *take_name(struct scanner *scanner) {
        struct lexer *lexer = &scanner->lexer;
        pass_blanks(scanner);
        const char *begin = lexer->at;
        if (lexer->at < lexer->end && lex_is_name_begin(*lexer->at))
                while (lexer->at < lexer->end && lex_is_name(*lexer->at))
                        lexer->at++;
        return lexer->at > begin ? job_intern(scanner->job, begin, (size_t)(lexer->at - begin)) : NULL;
}

static bool take_sign(struct scanner *scanner, char sign) {
        pass_blanks(scanner);
        if (scanner->lexer.at == scanner->lexer.end || *scanner->lexer.at != sign)
                return false;
        scanner->lexer.at++;
        return true;
}

/* An expression to the comma or brace that ends it. */
static const char *take_expression(struct scanner *scanner) {
        struct lexer *lexer = &scanner->lexer;
        struct page page = { 0 };
        unsigned depth = 0;
        for (pass_blanks(scanner); lexer->at < lexer->end; pass_blanks(scanner)) {
                char c = *lexer->at;
                if (!depth && (c == ',' || c == '}' || c == ';'))
                        break;
                depth += c == '(';
                depth -= c == ')' && depth;
                const char *begin = lexer->at++;
                if (lex_is_name(c))
                        while (lexer->at < lexer->end && lex_is_name(*lexer->at))
                                lexer->at++;
                page_add_bytes(&page, begin, (size_t)(lexer->at - begin));
                if (lex_is_name(c))
                        page_add(&page, " ");
        }
        const char *text = job_intern(scanner->job, page.size ? page.bytes : "", page.size);
        page_free(&page);
        return text;
}

/* Behind `enum`. Those without a value count from the one before that has one. */
static void enumeration(struct scanner *scanner) {
        const char *base = "0";
        unsigned count = 0;
        take_name(scanner);
        if (!take_sign(scanner, '{'))
                return;
        for (const char *name; (name = take_name(scanner)); count++) {
                if (take_sign(scanner, '=')) {
                        base = take_expression(scanner);
                        count = 0;
                }
                if (!scanner->false_count)
                        imports_add_constant(scanner->job, scanner->imports, name,
                                             job_format(scanner->job, "(%s)+%u", base, count));
                if (!take_sign(scanner, ','))
                        break;
        }
}

static void pass_text(struct lexer *lexer) {
        char quote = *lexer->at++;
        while (lexer->at < lexer->end && *lexer->at != quote && *lexer->at != '\n')
                lexer->at += *lexer->at == '\\' && lexer->end - lexer->at > 1 ? 2 : 1;
        lexer->at += lexer->at < lexer->end && *lexer->at == quote;
}

void header_scan(struct job *job, struct imports *imports, const struct source *source) {
        struct scanner scanner = { .job = job, .imports = imports, .source = source };
        struct lexer *lexer = &scanner.lexer;
        lex_begin(lexer, job, source);
        for (pass_blanks(&scanner); lexer->at < lexer->end; pass_blanks(&scanner)) {
                const char *begin = lexer->at;
                if (*begin == '"' || *begin == '\'') {
                        pass_text(lexer);
                } else if (lex_is_name(*begin)) {
                        while (lexer->at < lexer->end && lex_is_name(*lexer->at))
                                lexer->at++;
                        if (lexer->at - begin == 4 && memcmp(begin, "enum", 4) == 0)
                                enumeration(&scanner);
                } else {
                        lexer->at++;
                }
        }
}
