/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/parse.h"

#include "tools/leatgen/report.h"
#include <string.h>

/* ---- tokens ---- */

static void take_verbatim(struct parser *parser, const struct token *token) {
        if (parser->import)
                parser->import(parser, token);
        if (parser->imported)
                return;
        struct definition *definition = parse_new_definition(parser, DEFINITION_VERBATIM);
        definition->place = token->place;
        definition->text = token->text;
        definition->outputs = token->outputs;
        parse_append(parser, definition);
}

/* % lines may stand anywhere. They go before the definition that they stand in, as that is appended when it is complete. */
static void pass_verbatim(struct parser *parser) {
        while (parser->token->kind == TOKEN_VERBATIM)
                take_verbatim(parser, parser->token++);
}

void parse_next(struct parser *parser) {
        if (parser->token->kind != TOKEN_END)
                parser->token++;
        pass_verbatim(parser);
}

bool parse_at(const struct parser *parser, char sign) {
        return parser->token->kind == TOKEN_SIGN && parser->token->sign == sign;
}

bool parse_at_word(const struct parser *parser, const char *word) {
        return parser->token->kind == TOKEN_NAME && strcmp(parser->token->text, word) == 0;
}

bool parse_take(struct parser *parser, char sign) {
        if (!parse_at(parser, sign))
                return false;
        parse_next(parser);
        return true;
}

bool parse_take_word(struct parser *parser, const char *word) {
        if (!parse_at_word(parser, word))
                return false;
        parse_next(parser);
        return true;
}

void parse_error(struct parser *parser, const struct place *place, const char *text) {
        if (!parser->failed)
                report_error(parser->job, place, "%s", text);
        parser->failed = true;
}

static const char *describe(struct parser *parser) {
        const struct token *token = parser->token;
        if (token->kind == TOKEN_END)
                return "the file ends";
        if (token->kind == TOKEN_ATTRIBUTE)
                return job_format(parser->job, "found the attribute `%s`", token->text);
        if (token->kind != TOKEN_SIGN)
                return job_format(parser->job, "found `%s`", token->text);
        if (token->sign > ' ' && token->sign < 127)
                return job_format(parser->job, "found `%c`", token->sign);
        return job_format(parser->job, "found byte 0x%02x", (unsigned char)token->sign);
}

void parse_unexpected(struct parser *parser, const char *expected) {
        parse_error(parser, &parser->token->place,
                    job_format(parser->job, "%s expected, but %s", expected, describe(parser)));
}

bool parse_expect(struct parser *parser, char sign, const char *after) {
        if (parser->failed)
                return false;
        if (parse_take(parser, sign))
                return true;
        parse_unexpected(parser, job_format(parser->job, "`%c` after %s", sign, after));
        return false;
}

static const char *const reserved[] = {
        "bool",   "case",    "char",  "const",  "default", "double", "enum",    "float", "hyper",    "int",     "long",
        "opaque", "program", "short", "string", "struct",  "switch", "typedef", "union", "unsigned", "version", "void",
};

bool parse_is_reserved(const char *word) {
        for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
                if (strcmp(word, reserved[i]) == 0)
                        return true;
        return false;
}

const char *parse_name(struct parser *parser, const char *of, struct place *ret_place) {
        const struct token *token = parser->token;
        if (parser->failed)
                return NULL;
        if (token->kind != TOKEN_NAME) {
                parse_unexpected(parser, job_format(parser->job, "the name of %s", of));
                return NULL;
        }
        if (parse_is_reserved(token->text)) {
                parse_error(parser, &token->place,
                            job_format(parser->job, "`%s` is a word of the language: %s needs another name",
                                       token->text, of));
                return NULL;
        }
        *ret_place = token->place;
        parse_next(parser);
        return token->text;
}

bool parse_number(struct parser *parser, struct number *ret_number) {
        const struct token *token = parser->token;
        if (parser->failed)
                return false;
        if (token->kind == TOKEN_NUMBER && token->wrong) {
                parse_error(parser, &token->place, job_format(parser->job, "`%s` is no number", token->text));
                return false;
        }
        bool is_name = token->kind == TOKEN_NAME && !parse_is_reserved(token->text);
        if (token->kind != TOKEN_NUMBER && !is_name) {
                parse_unexpected(parser, "a number or the name of one");
                return false;
        }
        *ret_number = (struct number){ token->place, is_name ? token->text : NULL, token->text, token->value, NULL };
        parse_next(parser);
        return true;
}

/* `NAME {…};`: with a name behind the `}` it were a declaration. */
static bool is_whole_body(const struct token *token) {
        unsigned depth = 0;
        if (token->kind != TOKEN_NAME)
                return false;
        for (; token->kind != TOKEN_END; token++) {
                if (token->kind != TOKEN_SIGN)
                        continue;
                depth += token->sign == '{';
                if (depth == 0 && token->sign == ';')
                        return false;
                if (token->sign == '}' && (depth == 0 || --depth == 0))
                        return token[1].kind == TOKEN_SIGN && token[1].sign == ';';
        }
        return false;
}

/* A definition on a line of its own, that is indented no more than the one which it seems to stand in. */
static bool next_definition_begins(const struct parser *parser) {
        static const char *const alone[] = { "const", "typedef", "program" }, *const bodies[] = { "enum", "struct",
                                                                                                  "union" };
        const struct place *place = &parser->token->place;
        if (place->column > parser->column || place->line == parser->line)
                return false;
        for (size_t i = 0; i < sizeof(alone) / sizeof(*alone); i++)
                if (parse_at_word(parser, alone[i]) ||
                    (parse_at_word(parser, bodies[i]) && is_whole_body(parser->token + 1)))
                        return true;
        return false;
}

bool parse_unclosed(struct parser *parser) {
        if (!parser->unclosed && next_definition_begins(parser)) {
                parse_error(parser, &parser->token->place,
                            job_format(parser->job, "`}` is missing before `%s`", parser->token->text));
                parser->unclosed = true;
        }
        return parser->unclosed;
}

void parse_recover(struct parser *parser) {
        unsigned depth = 0;
        if (parser->unclosed)
                return;
        parser->failed = false;
        while (parser->token->kind != TOKEN_END) {
                if (parse_at(parser, '{'))
                        depth++;
                else if (parse_at(parser, '}') && !depth)
                        return;
                else if (parse_at(parser, '}'))
                        depth--;
                else if (parse_at(parser, ';') && !depth) {
                        parse_next(parser);
                        return;
                }
                parse_next(parser);
        }
}

bool parse_needs_extended(struct parser *parser, const struct place *place, const char *what) {
        if (!parser->job->options->extended && !parser->extension_told) {
                report_error(parser->job, place, "%s is an extension: give --extended to use it", what);
                parser->extension_told = true;
        }
        return parser->job->options->extended;
}

const char *parse_documentation(struct parser *parser, const struct token *first) {
        const struct token *last = parser->token - 1;
        while (last > first && last->kind == TOKEN_VERBATIM)
                last--;
        return first->documentation ? first->documentation : last >= first ? last->behind : NULL;
}

/* ---- definitions ---- */

struct definition *parse_new_definition(struct parser *parser, enum definition_kind kind) {
        struct definition *definition = JOB_NEW(parser->job, struct definition);
        definition->kind = kind;
        definition->place = parser->token->place;
        definition->outputs = parser->outputs;
        definition->imported = parser->imported;
        definition->home = parser->home;
        return definition;
}

void parse_append(struct parser *parser, struct definition *definition) {
        *parser->interface->last = definition;
        parser->interface->last = &definition->next;
}

/* `const NAME = "text"`, which rpcgen knows: it has no number, so it is a #define for the header alone. */
static void parse_text_constant(struct parser *parser, struct definition *definition) {
        definition->kind = DEFINITION_VERBATIM;
        definition->text = job_format(parser->job, "#define %s %s", definition->name, parser->token->text);
        definition->outputs = FOR_HEADER;
        definition->name = NULL;
        parse_next(parser);
}

static void parse_const(struct parser *parser, const struct token *first) {
        struct definition *definition = parse_new_definition(parser, DEFINITION_CONST);
        parse_next(parser);
        definition->name = parse_name(parser, "a constant", &definition->place);
        parse_expect(parser, '=', "the constant's name");
        if (!parser->failed && parser->token->kind == TOKEN_TEXT)
                parse_text_constant(parser, definition);
        else
                parse_number(parser, &definition->number);
        parse_expect(parser, ';', "the constant's value");
        definition->documentation = parse_documentation(parser, first);
        if (!parser->failed && !(definition->kind == DEFINITION_VERBATIM && parser->imported))
                parse_append(parser, definition);
}

static bool definition_begins(const struct parser *parser) {
        static const char *const words[] = { "const", "enum", "struct", "union", "typedef", "program" };
        for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
                if (parse_at_word(parser, words[i]))
                        return true;
        return false;
}

static void parse_definition_with_body(struct parser *parser, const struct token *first, enum definition_kind kind,
                                       const char *what) {
        struct definition *definition = parse_new_definition(parser, kind);
        parse_next(parser);
        definition->name = parse_name(parser, what, &definition->place);
        if (definition->name && parse_at(parser, ';')) {
                parse_error(parser, &parser->token->place,
                            "a body expected, but found `;`: a type may be used before it is defined, without this");
                return;
        }
        if (definition->name)
                map_set(parser->job, parser->types, definition->name, definition);
        parse_body(parser, definition);
        if (definition->name)
                parse_append(parser, definition); /* also half a one, so that what uses it is no error too */
        if (parser->failed)
                return;
        parse_expect(parser, ';', "the `}`");
        if (definition_begins(parser))
                parser->failed = false; /* only the `;` is missing */
        definition->documentation =
                first->documentation ? first->documentation : parse_documentation(parser, parser->token - 1);
}

/* `typedef struct {…} name` is `struct name {…}` (RFC 4506, 4.18). */
static bool is_named_body(const struct declaration *declaration) {
        return declaration->shape == SHAPE_PLAIN && declaration->type.kind == TYPE_NAMED && !declaration->type.name;
}

/* `typedef unsigned int uint32_t;` says what we know, and would only hide it. */
static bool is_known_already(const struct declaration *declaration, enum type_kind kind) {
        return declaration->shape == SHAPE_PLAIN && declaration->type.kind == kind;
}

static void parse_typedef(struct parser *parser, const struct token *first) {
        struct definition *definition = parse_new_definition(parser, DEFINITION_TYPEDEF);
        enum type_kind kind = TYPE_VOID;
        parse_next(parser);
        parse_declaration(parser, DECLARED_TYPEDEF, definition, &definition->alias);
        parse_expect(parser, ';', "the type's name");
        if (parser->failed)
                return;
        definition->place = definition->alias.place;
        definition->name = definition->alias.name;
        definition->documentation = parse_documentation(parser, first);
        if (is_named_body(&definition->alias)) {
                struct definition *body = definition->alias.type.definition;
                body->outer = NULL;
                body->name = definition->name;
                body->place = definition->place;
                body->documentation = definition->documentation;
                map_set(parser->job, parser->types, definition->name, body);
                return;
        }
        if (parse_type_kind(definition->name, &kind) && is_known_already(&definition->alias, kind))
                return;
        map_set(parser->job, parser->types, definition->name, definition);
        parse_append(parser, definition);
}

/* ---- --extended ---- */

/* `a::b` or `a.b` as `a_b`. */
static const char *parse_path(struct parser *parser, const char *what) {
        struct place place;
        const char *path = parse_name(parser, what, &place);
        while (path && (parse_at(parser, ':') || parse_at(parser, '.'))) {
                while (parse_at(parser, ':') || parse_at(parser, '.'))
                        parse_next(parser);
                const char *name = parse_name(parser, what, &place);
                path = name ? job_format(parser->job, "%s_%s", path, name) : NULL;
        }
        return path;
}

static void parse_namespace(struct parser *parser) {
        struct place place = parser->token->place;
        parse_needs_extended(parser, &place, "`namespace`");
        parse_next(parser);
        const char *name = parse_path(parser, "a namespace");
        const char **kept = parser->home ? &parser->home->namespace_name : &parser->interface->namespace_name;
        if (!parse_expect(parser, '{', "the namespace's name"))
                return;
        if (*kept && parser->namespaces)
                name = job_format(parser->job, "%s_%s", *kept, name);
        else if (*kept && *kept != name)
                parse_error(parser, &place, "one file has one namespace: put the other into a file of its own");
        *kept = name;
        parser->namespaces++;
}

static void parse_package(struct parser *parser) {
        struct place place = parser->token->place;
        parse_needs_extended(parser, &place, "`package`");
        parse_next(parser);
        const char *name = parse_path(parser, "a package");
        if (parse_expect(parser, ';', "the package's name") && !parser->imported)
                parser->interface->package_name = name;
}

/* ---- a file ---- */

static void parse_definition(struct parser *parser) {
        const struct token *first = parser->token;
        parser->outputs = first->outputs;
        parser->line = first->place.line;
        parser->column = first->place.column;
        parser->unclosed = false;
        if (parse_at_word(parser, "const"))
                parse_const(parser, first);
        else if (parse_at_word(parser, "enum"))
                parse_definition_with_body(parser, first, DEFINITION_ENUM, "an enumeration");
        else if (parse_at_word(parser, "struct"))
                parse_definition_with_body(parser, first, DEFINITION_STRUCT, "a structure");
        else if (parse_at_word(parser, "union"))
                parse_definition_with_body(parser, first, DEFINITION_UNION, "a union");
        else if (parse_at_word(parser, "typedef"))
                parse_typedef(parser, first);
        else if (parse_at_word(parser, "program"))
                parse_program(parser, first);
        else if (parse_at_word(parser, "namespace"))
                parse_namespace(parser);
        else if (parse_at_word(parser, "package"))
                parse_package(parser);
        else
                parse_unexpected(parser, "const, enum, struct, union, typedef or program");
}

void parse_file(struct parser *parser) {
        pass_verbatim(parser);
        while (parser->token->kind != TOKEN_END) {
                if (parse_take(parser, ';'))
                        continue;
                if (parser->token->kind == TOKEN_ATTRIBUTE) {
                        parse_next(parser);
                        continue;
                }
                if (parser->namespaces && parse_take(parser, '}')) {
                        parser->namespaces--;
                        continue;
                }
                parse_definition(parser);
                if (!parser->failed)
                        continue;
                parse_recover(parser);
                parser->failed = false;
                if (!parser->namespaces && !parser->unclosed)
                        parse_take(parser, '}');
        }
        if (parser->namespaces)
                parse_unexpected(parser, "`}` at the namespace's end");
}
