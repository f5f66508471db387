/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/parse.h"

#include "tools/leatgen/report.h"
#include <string.h>

/* ---- attributes ---- */

/* "5s" or "250ms" in nanoseconds; 0: it is no time. */
static int64_t time_ns(const char *text) {
        static const struct {
                const char *name;
                int64_t ns;
        } units[] = { { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 } };
        __int128 count = 0;
        size_t size = lex_number(text, text + strlen(text), &count);
        for (size_t i = 0; size && i < sizeof(units) / sizeof(*units); i++)
                if (strcmp(text + size, units[i].name) == 0 && count <= INT64_MAX / units[i].ns)
                        return (int64_t)count * units[i].ns;
        return 0;
}

static void apply_attribute(struct parser *parser, struct procedure *procedure, const struct token *token) {
        if (strcmp(token->text, "idempotent") == 0) {
                procedure->idempotent = true;
        } else if (strcmp(token->text, "stream") == 0) {
                procedure->stream = true;
        } else if (strncmp(token->text, "deadline=", 9) == 0) {
                procedure->timeout_ns = time_ns(token->text + 9);
                if (!procedure->timeout_ns)
                        parse_error(parser, &token->place,
                                    "a deadline is a number over 0 with ns, us, ms, s or m: deadline=5s");
        } else {
                parse_error(parser, &token->place,
                            job_format(parser->job,
                                       "`%s` is not an attribute: there are idempotent, deadline=TIME and stream",
                                       token->text));
        }
}

/* `deadline = 5s` as bare words, with --extended. */
static void parse_bare_deadline(struct parser *parser, struct procedure *procedure) {
        struct token token = *parser->token;
        parse_next(parser);
        parse_expect(parser, '=', "deadline");
        if (parser->failed)
                return;
        token.text = job_format(parser->job, "deadline=%s", parser->token->text ? parser->token->text : "");
        token.place = parser->token->place;
        apply_attribute(parser, procedure, &token);
        parse_next(parser);
}

/* A bare word is an attribute if a type follows it: `idempotent int f(void)`. */
static bool at_bare_attribute(const struct parser *parser) {
        const struct token *next = parser->token + 1;
        if (parse_at_word(parser, "deadline"))
                return next->kind == TOKEN_SIGN && next->sign == '=';
        if (!parse_at_word(parser, "idempotent") && !parse_at_word(parser, "stream"))
                return false;
        return next->kind == TOKEN_ATTRIBUTE ||
               (next->kind == TOKEN_NAME && !(next[1].kind == TOKEN_SIGN && next[1].sign == '('));
}

/* Returns the comment before the attributes or between them. */
static const char *parse_attributes(struct parser *parser, struct procedure *procedure) {
        const char *documentation = NULL;
        while (!parser->failed) {
                const struct token *token = parser->token;
                bool is_bare = at_bare_attribute(parser);
                if (!documentation)
                        documentation = token->documentation;
                if (token->kind != TOKEN_ATTRIBUTE && !is_bare)
                        break;
                if (is_bare &&
                    !parse_needs_extended(parser, &token->place, job_format(parser->job, "`%s`", token->text)))
                        parser->failed = true;
                if (is_bare && parse_at_word(parser, "deadline")) {
                        parse_bare_deadline(parser, procedure);
                } else {
                        apply_attribute(parser, procedure, token);
                        parse_next(parser);
                }
                if (!documentation)
                        documentation = token->behind;
        }
        return documentation;
}

/* ---- procedures ---- */

/* "LOOKUP_result"; "LOOKUP_result_2", if another version's or program's procedure has that. */
static const char *name_made(struct parser *parser, const struct procedure *procedure, const char *what,
                             struct definition *made) {
        const char *first = job_format(parser->job, "%s_%s", procedure->name, what), *name = first;
        for (unsigned count = 2; map_has(parser->types, name); count++)
                name = job_format(parser->job, "%s_%u", first, count);
        map_set(parser->job, parser->types, name, made);
        return name;
}

/* A body in the place of an argument or a result is a definition like others, called after the procedure. */
static void name_inline(struct parser *parser, const struct procedure *procedure, struct declaration *declaration,
                        const char *what) {
        struct definition *body = declaration->type.definition;
        if (declaration->type.kind != TYPE_NAMED || declaration->type.name || !body || !procedure->name)
                return;
        body->outer = NULL;
        body->name = name_made(parser, procedure, what, body);
        declaration->type.name = body->name;
}

/* So is an array there: C passes none by value. */
static void name_array(struct parser *parser, const struct procedure *procedure, struct declaration *declaration,
                       const char *what) {
        struct type type = { .place = declaration->type.place, .kind = TYPE_NAMED };
        bool counts_bytes = declaration->type.kind == TYPE_STRING || declaration->type.kind == TYPE_OPAQUE;
        bool is_array = declaration->shape == SHAPE_FIXED || (declaration->shape == SHAPE_VARIABLE && !counts_bytes);
        if (parser->failed || !is_array || !procedure->name)
                return;
        struct definition *made = parse_new_definition(parser, DEFINITION_TYPEDEF);
        made->place = type.place;
        made->name = type.name = name_made(parser, procedure, what, made);
        made->alias = *declaration;
        made->alias.name = made->name;
        if (declaration->type.kind == TYPE_NAMED && !declaration->type.name)
                declaration->type.definition->outer = made;
        parse_append(parser, made);
        declaration->type = type;
        declaration->shape = SHAPE_PLAIN;
        declaration->bound = NULL;
}

static void parse_arguments(struct parser *parser, struct procedure *procedure, struct definition *program) {
        struct declaration **last = &procedure->arguments;
        unsigned count = 0;
        if (!parse_expect(parser, '(', "the procedure's name") || parse_take(parser, ')'))
                return;
        do {
                const struct token *first = parser->token;
                struct declaration *argument = JOB_NEW(parser->job, struct declaration);
                parse_declaration(parser, DECLARED_ARGUMENT, program, argument);
                count++;
                if (parser->failed)
                        return;
                const char *what = job_format(parser->job, "argument_%u", count);
                name_array(parser, procedure, argument, what);
                name_inline(parser, procedure, argument, what);
                argument->documentation = parse_documentation(parser, first);
                if (argument->type.kind == TYPE_VOID && (count > 1 || parse_at(parser, ',')))
                        parse_error(parser, &argument->place, "void stands alone, for no arguments");
                if (argument->type.kind != TYPE_VOID) {
                        *last = argument;
                        last = &argument->next;
                }
        } while (parse_take(parser, ','));
        parse_expect(parser, ')', "the arguments");
}

static void finish(struct parser *parser, const char *what) {
        parse_expect(parser, ';', what);
        if (parser->failed)
                parse_recover(parser);
}

static void parse_procedure(struct parser *parser, struct definition *program, struct procedure ***last) {
        const struct token *first = parser->token;
        struct procedure *procedure = JOB_NEW(parser->job, struct procedure);
        const char *documentation = parse_attributes(parser, procedure);
        parse_declaration(parser, DECLARED_RESULT, program, &procedure->result);
        if (!parser->failed && (parse_at(parser, '[') || parse_at(parser, '<')))
                parse_unexpected(parser, "the name of a procedure");
        procedure->name = parse_name(parser, "a procedure", &procedure->place);
        name_array(parser, procedure, &procedure->result, "result");
        name_inline(parser, procedure, &procedure->result, "result");
        parse_arguments(parser, procedure, program);
        parse_expect(parser, '=', "the arguments");
        parse_number(parser, &procedure->number);
        bool failed = parser->failed;
        finish(parser, "the procedure's number");
        if (failed)
                return;
        procedure->documentation = documentation ? documentation : parse_documentation(parser, first);
        **last = procedure;
        *last = &procedure->next;
}

static void parse_version(struct parser *parser, struct definition *program, struct version ***last) {
        const struct token *first = parser->token;
        struct version *version = JOB_NEW(parser->job, struct version);
        struct procedure **last_procedure = &version->procedures;
        if (!parse_take_word(parser, "version"))
                parse_unexpected(parser, "`version`");
        version->name = parse_name(parser, "a version", &version->place);
        version->documentation = first->documentation;
        if (!parse_expect(parser, '{', "the version's name"))
                return;
        while (parser->token->kind != TOKEN_END && !parse_at(parser, '}') && !parse_unclosed(parser))
                if (!parse_take(parser, ';'))
                        parse_procedure(parser, program, &last_procedure);
        parse_expect(parser, '}', "the procedures");
        parse_expect(parser, '=', "the version's `}`");
        parse_number(parser, &version->number);
        parse_expect(parser, ';', "the version's number");
        **last = version;
        *last = &version->next;
}

void parse_program(struct parser *parser, const struct token *first) {
        struct definition *definition = parse_new_definition(parser, DEFINITION_PROGRAM);
        struct version **last = &definition->versions;
        parse_next(parser);
        definition->name = parse_name(parser, "a program", &definition->place);
        definition->documentation = first->documentation;
        if (!parse_expect(parser, '{', "the program's name"))
                return;
        while (parser->token->kind != TOKEN_END && !parse_at(parser, '}') && !parse_unclosed(parser)) {
                if (parse_take(parser, ';'))
                        continue;
                parse_version(parser, definition, &last);
                if (parser->failed)
                        parse_recover(parser);
        }
        parse_expect(parser, '}', "the versions");
        parse_expect(parser, '=', "the program's `}`");
        parse_number(parser, &definition->program_number);
        parse_expect(parser, ';', "the program's number");
        parse_append(parser, definition);
}
