/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/preprocess.h"

#include "tools/leatgen/import.h"
#include "tools/leatgen/macro.h"
#include "tools/leatgen/report.h"
#include "tools/leatgen/source.h"
#include <stdlib.h>
#include <string.h>

#define INCLUDES_MOST 10000u
#define TOKENS_MOST ((size_t)1 << 25)

/* An #if whose #endif has not come. */
struct condition {
        uint8_t outer;  /* the outputs for which what is around it holds */
        uint8_t active; /* for which this branch does */
        uint8_t taken;  /* for which one of the branches so far did */
        bool in_else;
        struct place place;
};

struct preprocessor {
        struct job *job;
        struct tokens *tokens;
        struct macros macros;
        struct condition conditions[CONDITION_DEPTH_MOST];
        unsigned condition_count, include_depth, include_count;
        bool stopped; /* after an error that would only bring others */
};

static void run_source(struct preprocessor *pp, const struct source *source);

static uint8_t active(const struct preprocessor *pp) {
        return pp->condition_count ? pp->conditions[pp->condition_count - 1].active : FOR_ALL;
}

/* ---- tokens ---- */

void tokens_free(struct tokens *tokens) {
        free(tokens->items);
        *tokens = (struct tokens){ 0 };
}

/* A `-` and the number behind it are one number. */
static bool fold_minus(struct job *job, struct tokens *tokens, const struct token *token) {
        struct token *last = tokens->count ? &tokens->items[tokens->count - 1] : NULL;
        if (!last || last->kind != TOKEN_SIGN || last->sign != '-' || token->kind != TOKEN_NUMBER || token->value < 0)
                return false;
        const char *documentation = last->documentation;
        struct place place = last->place;
        if (place.source == token->place.source && place.line == token->place.line)
                place.length = token->place.column + token->place.length - place.column;
        *last = *token;
        last->place = place;
        last->documentation = documentation;
        last->text = job_format(job, "-%s", token->text);
        last->value = -token->value;
        return true;
}

static void push(struct preprocessor *pp, struct token token) {
        struct tokens *tokens = pp->tokens;
        token.outputs = active(pp);
        if (fold_minus(pp->job, tokens, &token))
                return;
        if (tokens->count == tokens->room) {
                tokens->room = tokens->room ? 2 * tokens->room : 1024;
                tokens->items = allocate_again(tokens->items, tokens->room * sizeof(*tokens->items));
        }
        if (tokens->count >= TOKENS_MOST && !pp->stopped) {
                report_error(pp->job, &token.place, "this is too much: over %zu tokens", TOKENS_MOST);
                pp->stopped = true;
        }
        if (!pp->stopped || token.kind == TOKEN_END)
                tokens->items[tokens->count++] = token;
}

/* A name that is defined: its number, or its tokens. They stand where the name does. */
static void expand(struct preprocessor *pp, const struct token *token, unsigned depth) {
        struct macro *macro = macro_find(&pp->macros, token->text);
        __int128 value = 0;
        if (!macro || macro->busy) {
                push(pp, *token);
        } else if (macro->parameters) {
                report_error(pp->job, &token->place, "`%s` has parameters, and such a macro is not understood here",
                             token->text);
                report_note(pp->job, &macro->place,
                            "it is defined here; for the C compiler alone, put a %% before #define");
        } else if (macro_value(pp->job, &pp->macros, macro, &value)) {
                struct token number = *token;
                number.kind = TOKEN_NUMBER;
                number.value = value;
                number.text = job_digits(pp->job, value);
                push(pp, number);
        } else if (depth < MACRO_DEPTH_MOST) {
                struct lexer lexer;
                struct token inner;
                lex_begin(&lexer, pp->job,
                          source_of_text(pp->job, macro->place.source ? macro->place.source->name : "-D", macro->body,
                                         strlen(macro->body)));
                macro->busy = true;
                for (lex_next(&lexer, &inner); inner.kind != TOKEN_END && !pp->stopped; lex_next(&lexer, &inner)) {
                        inner.place = token->place;
                        inner.documentation = token->documentation;
                        if (inner.kind == TOKEN_NAME)
                                expand(pp, &inner, depth + 1);
                        else
                                push(pp, inner);
                }
                macro->busy = false;
        } else {
                report_error(pp->job, &token->place, "macros are nested more than %u deep", MACRO_DEPTH_MOST);
                pp->stopped = true;
        }
}

/* ---- directives ---- */

static void begin_condition(struct preprocessor *pp, const struct place *place, uint8_t outputs) {
        if (pp->condition_count == CONDITION_DEPTH_MOST) {
                report_error(pp->job, place, "conditions are nested more than %u deep", CONDITION_DEPTH_MOST);
                pp->stopped = true;
                return;
        }
        uint8_t outer = active(pp);
        pp->conditions[pp->condition_count++] =
                (struct condition){ outer, outputs & outer, outputs & outer, false, *place };
}

/* #elif, #else and #endif belong to the condition that this file opened last. */
static struct condition *current_condition(struct preprocessor *pp, const struct place *place, const char *name,
                                           unsigned first) {
        if (pp->condition_count > first)
                return &pp->conditions[pp->condition_count - 1];
        report_error(pp->job, place, "#%s without an #if before it", name);
        return NULL;
}

static void next_branch(struct preprocessor *pp, struct condition *condition, const struct place *place, bool is_else,
                        uint8_t outputs) {
        if (condition->in_else) {
                report_error(pp->job, place, "#else came already");
                report_note(pp->job, &condition->place, "the condition begins here");
                return;
        }
        condition->in_else = is_else;
        condition->active = condition->outer & outputs & (uint8_t)~condition->taken;
        condition->taken |= condition->active;
}

static const char *search(struct job *job, const struct source *source, const char *name, bool quoted) {
        static const char *const system[] = { "/usr/include", NULL };
        const char *path = path_beside(job, source->path, name);
        if (quoted && path_is_file(path))
                return path;
        path = find_in_folders(job, job->options->search, name);
        return path ? path : find_in_folders(job, system, name);
}

static void include(struct preprocessor *pp, const struct source *source, const struct place *place, const char *text) {
        const char *name = NULL;
        bool quoted = *text == '"';
        if (!macro_header_name(pp->job, text, &name)) {
                report_error(pp->job, place, "#include needs \"NAME\" or <NAME>");
                return;
        }
        const char *path = search(pp->job, source, name, quoted);
        if (!path) {
                report_error(pp->job, place, "`%s` is not found: give its folder with -I", name);
        } else if (pp->include_depth == INCLUDE_DEPTH_MOST || pp->include_count == INCLUDES_MOST) {
                report_error(pp->job, place, "`%s` includes itself, or too many others", name);
                pp->stopped = true;
        } else {
                struct source *included = source_read(pp->job, path, place);
                pp->include_count++;
                if (!included)
                        return;
                included->included = *place;
                pp->include_depth++;
                run_source(pp, included);
                pp->include_depth--;
        }
}

/* `# 12 "name"` and `#line 12 "name"`: the next line is that one. */
static void line_marker(struct preprocessor *pp, struct lexer *lexer, const struct place *place, const char *text) {
        __int128 line = 0;
        size_t size = lex_number(text, text + strlen(text), &line);
        const char *name = strchr(text + size, '"'), *end = name ? strchr(name + 1, '"') : NULL;
        if (!size || line < 0 || line > UINT32_MAX / 2) {
                report_error(pp->job, place, "a line's number is expected here");
                return;
        }
        const char *file = end ? job_intern(pp->job, name + 1, (size_t)(end - name - 1)) : lexer->source->name;
        int64_t physical = (int64_t)lexer->line - lexer->source->shift;
        lexer->source = source_renamed(pp->job, lexer->source, file, (int64_t)line - physical - 1);
        lexer->line = (uint32_t)(line - 1); /* the line's end, which comes now, adds one */
}

/* Directives that count also where nothing is active. Returns false for others. `first`: the conditions before this file's. */
static bool conditional(struct preprocessor *pp, const struct place *place, const char *text, unsigned first) {
        struct condition *condition = NULL;
        if (lex_take_word(&text, "ifdef")) {
                begin_condition(pp, place, macro_defined_for(pp->job, &pp->macros, place, text, active(pp) != 0));
        } else if (lex_take_word(&text, "ifndef")) {
                begin_condition(pp, place,
                                FOR_ALL & ~macro_defined_for(pp->job, &pp->macros, place, text, active(pp) != 0));
        } else if (lex_take_word(&text, "if")) {
                begin_condition(pp, place, macro_condition(pp->job, &pp->macros, place, text, active(pp) != 0));
        } else if (lex_take_word(&text, "elif")) {
                if ((condition = current_condition(pp, place, "elif", first)))
                        next_branch(pp, condition, place, false,
                                    macro_condition(pp->job, &pp->macros, place, text,
                                                    condition->outer & ~condition->taken));
        } else if (lex_take_word(&text, "else")) {
                if ((condition = current_condition(pp, place, "else", first)))
                        next_branch(pp, condition, place, true, FOR_ALL);
        } else if (lex_take_word(&text, "endif")) {
                if (current_condition(pp, place, "endif", first))
                        pp->condition_count--;
        } else {
                return false;
        }
        return true;
}

/* A line that begins with `#`; the lexer stands behind that. */
static void directive(struct preprocessor *pp, struct lexer *lexer, struct place place, unsigned first) {
        const struct source *source = lexer->source;
        const char *text = lex_directive(lexer);
        const char *begin = text;
        text += strspn(text, LEX_BLANKS);
        place.column += (uint32_t)(text - begin) + 1;
        place.length = (uint32_t)strcspn(text, " \t\"<(");
        lexer->comment.text = NULL;
        if (conditional(pp, &place, text, first) || !active(pp) || !*text)
                return;
        if (lex_take_word(&text, "define"))
                macro_define(pp->job, &pp->macros, &place, text);
        else if (lex_take_word(&text, "undef"))
                macro_undefine(pp->job, &pp->macros, text);
        else if (lex_take_word(&text, "include"))
                include(pp, source, &place, text);
        else if (lex_take_word(&text, "line") || (*text >= '0' && *text <= '9'))
                line_marker(pp, lexer, &place, text);
        else if (lex_take_word(&text, "error"))
                report_error(pp->job, &place, "#error %s", text);
        else if (lex_take_word(&text, "warning"))
                report_warning(pp->job, &place, "#warning %s", text);
        else if (!lex_take_word(&text, "pragma") && !lex_take_word(&text, "ident"))
                report_error(pp->job, &place, "`#%.*s` is not a directive that is known here", (int)place.length, text);
}

static void verbatim(struct preprocessor *pp, struct lexer *lexer, struct place place) {
        struct token token = { .kind = TOKEN_VERBATIM, .place = place, .text = lex_verbatim(lexer) };
        lexer->comment.text = NULL;
        push(pp, token);
}

/* A line that no output is for: only its conditions count. */
static void skip_line(struct preprocessor *pp, struct lexer *lexer, unsigned first) {
        while (lexer->at < lexer->end && lex_is_blank(*lexer->at))
                lexer->at++;
        if (lexer->at < lexer->end && *lexer->at == '#') {
                struct place place = { lexer->source, lexer->line, (uint32_t)(lexer->at - lexer->line_begin + 1), 1 };
                lexer->at++;
                directive(pp, lexer, place, first);
        } else {
                lex_skip_line(lexer);
        }
        lexer->comment.text = NULL;
}

static void run_line(struct preprocessor *pp, struct lexer *lexer, unsigned first) {
        struct token token;
        size_t count = pp->tokens->count;
        for (bool is_first = true;; is_first = false) {
                lexer->last = pp->tokens->count > count ? &pp->tokens->items[pp->tokens->count - 1] : NULL;
                lex_next(lexer, &token);
                if (token.kind == TOKEN_LINE_END || token.kind == TOKEN_END || pp->stopped)
                        return;
                if (is_first && token.kind == TOKEN_SIGN && token.sign == '#')
                        directive(pp, lexer, token.place, first);
                else if (is_first && token.kind == TOKEN_SIGN && token.sign == '%')
                        verbatim(pp, lexer, token.place);
                else if (token.kind == TOKEN_NAME)
                        expand(pp, &token, 0);
                else
                        push(pp, token);
        }
}

static void run_source(struct preprocessor *pp, const struct source *source) {
        struct lexer lexer;
        struct token end;
        unsigned first = pp->condition_count;
        bool is_outer = !pp->include_depth;
        lex_begin(&lexer, pp->job, source);
        while (lexer.at < lexer.end && !pp->stopped) {
                if (active(pp)) {
                        run_line(pp, &lexer, first);
                        continue;
                }
                skip_line(pp, &lexer, first);
                lexer.last = NULL;
                if (lexer.at < lexer.end)
                        lex_next(&lexer, &end); /* the line's end */
        }
        if (pp->condition_count > first && !pp->stopped)
                report_error(pp->job, &pp->conditions[first].place, "this condition has no #endif");
        pp->condition_count = first;
        if (is_outer) {
                pp->tokens->heading = lexer.heading.text;
                lex_next(&lexer, &end);
                end.kind = TOKEN_END;
                push(pp, end);
        }
}

void preprocess(struct job *job, const struct source *source, struct tokens *ret_tokens) {
        struct preprocessor pp = { .job = job, .tokens = ret_tokens };
        *ret_tokens = (struct tokens){ 0 };
        for (const char **define = job->options->defines; define && *define; define++)
                macro_define_option(job, &pp.macros, *define);
        run_source(&pp, source);
}
