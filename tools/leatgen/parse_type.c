/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/parse.h"

#include "tools/leatgen/report.h"
#include <string.h>

/* Types that are names: no words of the language, so a file may define one, and fields may be called so. */
static const struct {
        const char *name;
        enum type_kind kind;
} named_types[] = {
        { "quadruple", TYPE_QUADRUPLE },
        { "bool_t", TYPE_BOOL },
        { "u_char", TYPE_UNSIGNED_CHAR },
        { "u_short", TYPE_UNSIGNED_SHORT },
        { "u_int", TYPE_UNSIGNED },
        { "u_long", TYPE_UNSIGNED }, /* 32 bits on the wire, whatever the C type has */
        { "u_hyper", TYPE_UNSIGNED_HYPER },
        { "int8_t", TYPE_CHAR },
        { "int16_t", TYPE_SHORT },
        { "int32_t", TYPE_INT },
        { "int64_t", TYPE_HYPER },
        { "uint8_t", TYPE_UNSIGNED_CHAR },
        { "uint16_t", TYPE_UNSIGNED_SHORT },
        { "uint32_t", TYPE_UNSIGNED },
        { "uint64_t", TYPE_UNSIGNED_HYPER },
        { "u_int8_t", TYPE_UNSIGNED_CHAR },
        { "u_int16_t", TYPE_UNSIGNED_SHORT },
        { "u_int32_t", TYPE_UNSIGNED },
        { "u_int64_t", TYPE_UNSIGNED_HYPER },
        { "quad_t", TYPE_HYPER },
        { "u_quad_t", TYPE_UNSIGNED_HYPER },
        { "longlong_t", TYPE_HYPER },
        { "u_longlong_t", TYPE_UNSIGNED_HYPER },
        { "rpcprog_t", TYPE_UNSIGNED }, /* of <rpc/rpc.h>, as the next four */
        { "rpcvers_t", TYPE_UNSIGNED },
        { "rpcproc_t", TYPE_UNSIGNED },
        { "rpcprot_t", TYPE_UNSIGNED },
        { "rpcport_t", TYPE_UNSIGNED },
};

/* Words of the language. `long` has 32 bits on the wire, as with rpcgen. */
static const struct {
        const char *name;
        enum type_kind kind, unsigned_kind;
        bool takes_int; /* "short int" */
} words[] = {
        { "int", TYPE_INT, TYPE_UNSIGNED, false },        { "hyper", TYPE_HYPER, TYPE_UNSIGNED_HYPER, true },
        { "long", TYPE_INT, TYPE_UNSIGNED, true },        { "short", TYPE_SHORT, TYPE_UNSIGNED_SHORT, true },
        { "char", TYPE_CHAR, TYPE_UNSIGNED_CHAR, false }, { "float", TYPE_FLOAT, TYPE_VOID, false },
        { "double", TYPE_DOUBLE, TYPE_VOID, false },      { "bool", TYPE_BOOL, TYPE_VOID, false },
        { "string", TYPE_STRING, TYPE_VOID, false },      { "opaque", TYPE_OPAQUE, TYPE_VOID, false },
        { "void", TYPE_VOID, TYPE_VOID, false },
};
#define WORDS (sizeof(words) / sizeof(*words))

bool parse_type_kind(const char *word, enum type_kind *ret_kind) {
        for (size_t i = 0; i < sizeof(named_types) / sizeof(*named_types); i++) {
                if (strcmp(word, named_types[i].name) == 0) {
                        *ret_kind = named_types[i].kind;
                        return true;
                }
        }
        return false;
}

static size_t find_word(const struct parser *parser) {
        size_t i = 0;
        while (i < WORDS && !parse_at_word(parser, words[i].name))
                i++;
        return i;
}

/* ---- types ---- */

/* "int" behind a word that takes it. */
static void parse_int_behind(struct parser *parser, size_t word, const char *sign) {
        if (words[word].takes_int)
                parse_take_word(parser, "int");
        if (strcmp(words[word].name, "long") == 0 && parse_at_word(parser, "long"))
                parse_error(parser, &parser->token->place,
                            job_format(parser->job,
                                       "`%slong long` is no type here, and `long` has 32 bits: say `%shyper`", sign,
                                       sign));
}

static bool parse_unsigned(struct parser *parser, struct type *type) {
        if (!parse_take_word(parser, "unsigned"))
                return false;
        size_t word = find_word(parser);
        type->kind = TYPE_UNSIGNED;
        if (word == WORDS || words[word].unsigned_kind == TYPE_VOID)
                return true; /* bare */
        type->kind = words[word].unsigned_kind;
        parse_next(parser);
        parse_int_behind(parser, word, "unsigned ");
        return true;
}

static bool parse_word_type(struct parser *parser, struct type *type) {
        size_t word = find_word(parser);
        if (word == WORDS)
                return false;
        type->kind = words[word].kind;
        parse_next(parser);
        parse_int_behind(parser, word, "");
        return true;
}

/* A body in its place: a definition without a name, before the one that it stands in. */
static void parse_inline(struct parser *parser, struct type *type, enum definition_kind kind,
                         struct definition *outer) {
        struct definition *definition = parse_new_definition(parser, kind);
        definition->place = type->place;
        definition->outer = outer;
        type->kind = TYPE_NAMED;
        type->definition = definition;
        parse_body(parser, definition);
        parse_append(parser, definition);
}

/* `struct X`, `struct {…}`, and the same of enum and union. */
static bool parse_tagged(struct parser *parser, struct type *type, struct definition *outer) {
        enum definition_kind kind = parse_at_word(parser, "struct")  ? DEFINITION_STRUCT
                                    : parse_at_word(parser, "union") ? DEFINITION_UNION
                                    : parse_at_word(parser, "enum")  ? DEFINITION_ENUM
                                                                     : DEFINITION_VERBATIM;
        if (kind == DEFINITION_VERBATIM)
                return false;
        type->tag = parser->token->text;
        parse_next(parser);
        if (parse_at(parser, '{') || (kind == DEFINITION_UNION && parse_at_word(parser, "switch"))) {
                parse_inline(parser, type, kind, outer);
                return true;
        }
        type->kind = TYPE_NAMED;
        type->name = parse_name(parser, job_format(parser->job, "the %s", type->tag), &type->place);
        if (parse_at(parser, '{') || (kind == DEFINITION_UNION && parse_at_word(parser, "switch")))
                parse_error(parser, &type->place,
                            "a body within a definition has no name: define it before, or leave the name out");
        return true;
}

static void parse_named_type(struct parser *parser, struct type *type) {
        const char *name = parser->token->text;
        if (!map_has(parser->types, name) && parse_type_kind(name, &type->kind)) {
                parse_next(parser);
                return;
        }
        type->kind = TYPE_NAMED;
        type->name = parse_name(parser, "a type", &type->place);
}

bool parse_type_begins(const struct parser *parser) {
        static const char *const others[] = { "unsigned", "struct", "union", "enum" };
        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
                if (parse_at_word(parser, others[i]))
                        return true;
        return parser->token->kind == TOKEN_NAME &&
               (find_word(parser) < WORDS || !parse_is_reserved(parser->token->text));
}

static void parse_type(struct parser *parser, struct type *type, struct definition *outer) {
        type->place = parser->token->place;
        if (!parse_type_begins(parser))
                parse_unexpected(parser, "a type");
        else if (!parse_unsigned(parser, type) && !parse_word_type(parser, type) && !parse_tagged(parser, type, outer))
                parse_named_type(parser, type);
}

/* ---- declarations ---- */

static void parse_bound(struct parser *parser, struct declaration *declaration, char end) {
        bool is_fixed = end == ']';
        declaration->shape = is_fixed ? SHAPE_FIXED : SHAPE_VARIABLE;
        parse_next(parser);
        if (!parse_at(parser, end) || is_fixed) {
                declaration->bound = JOB_NEW(parser->job, struct number);
                parse_number(parser, declaration->bound);
        }
        parse_expect(parser, end, is_fixed ? "the size" : "the limit");
        if (!parser->failed && (parse_at(parser, '[') || parse_at(parser, '<')))
                parse_error(parser, &parser->token->place,
                            "one size for a declaration: make a typedef of the inner array");
}

static void parse_shape(struct parser *parser, struct declaration *declaration) {
        bool is_pointer = declaration->shape == SHAPE_OPTIONAL;
        char end = parse_at(parser, '[') ? ']' : parse_at(parser, '<') ? '>' : '\0';
        if (parser->failed || !end)
                return;
        if (is_pointer)
                parse_error(parser, &parser->token->place,
                            "an array of pointers, or a pointer to one, needs a typedef");
        else
                parse_bound(parser, declaration, end);
}

/* What strings and opaque bytes may be. */
static void check_bytes(struct parser *parser, struct declaration *declaration) {
        const struct place *place = declaration->name ? &declaration->place : &declaration->type.place;
        if (declaration->type.kind == TYPE_STRING) {
                if (declaration->shape == SHAPE_OPTIONAL)
                        parse_error(parser, place,
                                    "a pointer to a string needs a typedef: typedef string text<>; text *name");
                if (declaration->shape == SHAPE_FIXED)
                        parse_error(parser, place, "a string has a limit, not a size: write <N>");
                declaration->shape = SHAPE_VARIABLE; /* also where rpcgen lets the <> be left out */
        } else if (declaration->type.kind == TYPE_OPAQUE) {
                if (declaration->shape == SHAPE_OPTIONAL)
                        parse_error(parser, place,
                                    "a pointer to opaque bytes needs a typedef: typedef opaque bytes<>; bytes *name");
                if (declaration->shape == SHAPE_PLAIN)
                        parse_error(parser, place, "opaque needs a size, [N], or a limit, <N> or <>");
        }
}

static const char *const declared_names[] = {
        [DECLARED_FIELD] = "a field",   [DECLARED_TYPEDEF] = "a type", [DECLARED_ARGUMENT] = "an argument",
        [DECLARED_RESULT] = "a result", [DECLARED_ARM] = "an arm",     [DECLARED_DISCRIMINANT] = "a discriminant",
};

/* rpcgen knows `foo *` and `foo` alone for arguments, and results have never a name. */
static void parse_declared_name(struct parser *parser, enum declared as, struct declaration *declaration) {
        declaration->place = declaration->type.place;
        if (as == DECLARED_RESULT || (as == DECLARED_ARGUMENT && parser->token->kind != TOKEN_NAME))
                return;
        declaration->name = parse_name(parser, declared_names[as], &declaration->place);
}

static void parse_void(struct parser *parser, enum declared as, struct declaration *declaration) {
        declaration->place = declaration->type.place;
        if (as != DECLARED_ARM && as != DECLARED_ARGUMENT && as != DECLARED_RESULT)
                parse_error(parser, &declaration->type.place,
                            job_format(parser->job, "%s cannot be void", declared_names[as]));
        else if (parse_at(parser, '*') || parse_at(parser, '[') || parse_at(parser, '<'))
                parse_error(parser, &parser->token->place, "void has no pointers and no arrays");
}

void parse_declaration(struct parser *parser, enum declared as, struct definition *outer,
                       struct declaration *ret_declaration) {
        struct declaration *declaration = ret_declaration;
        *declaration = (struct declaration){ 0 };
        if (parser->failed)
                return;
        parse_type(parser, &declaration->type, outer);
        if (parser->failed)
                return;
        if (declaration->type.kind == TYPE_VOID) {
                parse_void(parser, as, declaration);
                return;
        }
        if (parse_take(parser, '*'))
                declaration->shape = SHAPE_OPTIONAL;
        parse_declared_name(parser, as, declaration);
        parse_shape(parser, declaration);
        if (!parser->failed)
                check_bytes(parser, declaration);
}

/* ---- bodies ---- */

/* A declaration and its `;` in a body. After an error goes on behind it. Returns whether it is whole. */
static bool finish_declaration(struct parser *parser, struct declaration *declaration, const struct token *first) {
        parse_expect(parser, ';', "the declaration");
        if (parser->failed) {
                parse_recover(parser);
                return false;
        }
        declaration->documentation = parse_documentation(parser, first);
        return true;
}

static void parse_struct(struct parser *parser, struct definition *definition) {
        struct declaration **last = &definition->fields;
        bool any = false;
        if (!parse_expect(parser, '{', "the structure's name"))
                return;
        while (parser->token->kind != TOKEN_END && !parse_at(parser, '}')) {
                const struct token *first = parser->token;
                if (parse_unclosed(parser))
                        return;
                any = true;
                if (parse_take(parser, ';'))
                        continue;
                struct declaration *field = JOB_NEW(parser->job, struct declaration);
                parse_declaration(parser, DECLARED_FIELD, definition, field);
                if (finish_declaration(parser, field, first)) {
                        *last = field;
                        last = &field->next;
                }
        }
        if (!any)
                parse_unexpected(parser, "at least one field");
        parse_expect(parser, '}', "the fields");
}

static void parse_enumerator(struct parser *parser, struct enumerator *enumerator) {
        enumerator->name = parse_name(parser, "an enumerator", &enumerator->place);
        if (!parser->failed && parse_take(parser, '=')) {
                enumerator->number = JOB_NEW(parser->job, struct number);
                parse_number(parser, enumerator->number);
        }
}

/* After an error: to the next comma or the end of the body. */
static void recover_enumerator(struct parser *parser) {
        parser->failed = false;
        while (parser->token->kind != TOKEN_END && !parse_at(parser, ',') && !parse_at(parser, '}') &&
               !parse_at(parser, ';'))
                parse_next(parser);
}

static void parse_enum(struct parser *parser, struct definition *definition) {
        struct enumerator **last = &definition->enumerators;
        if (!parse_expect(parser, '{', "the enumeration's name"))
                return;
        for (;;) {
                const struct token *first = parser->token;
                struct enumerator *enumerator = JOB_NEW(parser->job, struct enumerator);
                if (!parse_unclosed(parser))
                        parse_enumerator(parser, enumerator);
                if (parse_unclosed(parser))
                        return;
                if (!parser->failed && !parse_at(parser, ',') && !parse_at(parser, '}'))
                        parse_unexpected(parser, "`,` or `}` after the enumerator");
                if (!parser->failed) {
                        *last = enumerator;
                        last = &enumerator->next;
                } else {
                        recover_enumerator(parser);
                }
                struct place comma = parser->token->place;
                bool goes_on = parse_take(parser, ',');
                enumerator->documentation = parse_documentation(parser, first);
                if (goes_on && parse_at(parser, '}'))
                        parse_needs_extended(parser, &comma, "a comma after the last enumerator");
                if (!goes_on || parse_at(parser, '}'))
                        break;
        }
        parse_expect(parser, '}', "the enumerators");
}

/* An arm's comments may stand before and behind each of its labels and its declaration: all are kept. */
static void add_comment(struct parser *parser, const char **comments, const char *text) {
        if (text)
                *comments = *comments ? job_format(parser->job, "%s\n%s", *comments, text) : text;
}

/* The `:` of a label, and the comment behind it. */
static void parse_label_end(struct parser *parser, const char *after, const char **comments) {
        const struct token *colon = parser->token;
        if (parse_expect(parser, ':', after))
                add_comment(parser, comments, colon->behind);
}

/* `case X:` once or more, or `default:`. */
static void parse_labels(struct parser *parser, struct arm *arm, const char **comments) {
        struct label **last = &arm->labels;
        arm->place = parser->token->place;
        add_comment(parser, comments, parser->token->documentation);
        if (parse_take_word(parser, "default")) {
                arm->is_default = true;
                parse_label_end(parser, "default", comments);
                return;
        }
        if (!parse_at_word(parser, "case"))
                parse_unexpected(parser, "`case`, `default` or `}`");
        while (!parser->failed && parse_take_word(parser, "case")) {
                struct label *label = JOB_NEW(parser->job, struct label);
                parse_number(parser, &label->number);
                parse_label_end(parser, "the label", comments);
                if (last == &arm->labels) /* the first one */
                        arm->place = label->number.place;
                *last = label;
                last = &label->next;
                if (parse_at_word(parser, "case"))
                        add_comment(parser, comments, parser->token->documentation);
        }
        if (!parser->failed && parse_at_word(parser, "default"))
                parse_error(parser, &parser->token->place, "default: has an arm of its own");
}

/* NULL: it is wrong. */
static struct arm *parse_arm(struct parser *parser, struct definition *definition) {
        const char *comments = NULL;
        struct arm *arm = JOB_NEW(parser->job, struct arm);
        parse_labels(parser, arm, &comments);
        const struct token *declared = parser->token;
        parse_declaration(parser, DECLARED_ARM, definition, &arm->declaration);
        if (!finish_declaration(parser, &arm->declaration, declared))
                return NULL;
        add_comment(parser, &comments, arm->declaration.documentation);
        arm->declaration.documentation = comments;
        return arm;
}

static void parse_union(struct parser *parser, struct definition *definition) {
        struct arm **last = &definition->arms;
        bool any = false;
        if (!parse_take_word(parser, "switch"))
                parse_unexpected(parser, "`switch` after the union's name");
        parse_expect(parser, '(', "switch");
        parse_declaration(parser, DECLARED_DISCRIMINANT, definition, &definition->discriminant);
        parse_expect(parser, ')', "the discriminant");
        if (!parse_expect(parser, '{', "the discriminant"))
                return;
        while (parser->token->kind != TOKEN_END && !parse_at(parser, '}')) {
                if (parse_unclosed(parser))
                        return;
                any = true;
                struct arm *arm = parse_take(parser, ';') ? NULL : parse_arm(parser, definition);
                if (arm) {
                        *last = arm;
                        last = &arm->next;
                }
        }
        if (!any)
                parse_unexpected(parser, "at least one `case`");
        parse_expect(parser, '}', "the arms");
}

void parse_body(struct parser *parser, struct definition *definition) {
        if (parser->failed)
                return;
        if (++parser->depth > BODY_DEPTH_MOST)
                parse_error(parser, &parser->token->place,
                            job_format(parser->job, "bodies are nested more than %u deep", BODY_DEPTH_MOST));
        else if (definition->kind == DEFINITION_ENUM)
                parse_enum(parser, definition);
        else if (definition->kind == DEFINITION_STRUCT)
                parse_struct(parser, definition);
        else
                parse_union(parser, definition);
        if (definition->kind == DEFINITION_UNION && !definition->discriminant.name) /* reported: one that is no error */
                definition->discriminant =
                        (struct declaration){ .name = "v", .type.kind = TYPE_INT, .place = definition->place };
        parser->depth--;
}
