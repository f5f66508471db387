/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_PARSE_H
#define LEATGEN_PARSE_H

/*
 * Tokens to an interface: RFC 4506 section 6, RFC 5531 section 12, and what rpcgen accepts beside. By descent; the bodies in
 * bodies have a limit, so input cannot make it deep. After an error the rest of the declaration is skipped, so one
 * mistake is one message.
 */

#include "tools/leatgen/lex.h"
#include "tools/leatgen/map.h"
#include "tools/leatgen/preprocess.h"

#define BODY_DEPTH_MOST 64u

struct parser {
        struct job *job;
        struct interface *interface;
        const struct token *token; /* the current one */
        bool imported;             /* its definitions have a header of their own */
        struct interface *home;    /* of an imported one: that interface; else NULL */
        bool failed;               /* in this declaration: what follows is noise */
        bool unclosed;             /* a body lacks its `}`, and the next definition begins here */
        uint32_t column;           /* where the definition begins, and on which line */
        uint32_t line;
        unsigned depth;    /* of bodies */
        struct map *types; /* names of this interface that are names of types elsewhere: "uint32_t" */
        uint32_t outputs;  /* of the definition */
        /* Reads what a `%#include` names; NULL in tests of the parser alone. */
        void (*import)(struct parser *parser, const struct token *token);
        void *import_context;
        unsigned namespaces; /* that are open */
        bool extension_told; /* that --extended is needed: once is enough */
};

void parse_file(struct parser *parser);

/* ---- between parse.c, parse_type.c and parse_program.c ---- */

void parse_next(struct parser *parser);
bool parse_at(const struct parser *parser, char sign);
bool parse_at_word(const struct parser *parser, const char *word);
bool parse_take(struct parser *parser, char sign);
bool parse_take_word(struct parser *parser, const char *word);
/* Takes it, or reports that it is missing; `after` says where. */
bool parse_expect(struct parser *parser, char sign, const char *after);
/* Reports what stands here instead of what is expected; nothing if this declaration has an error already. */
void parse_unexpected(struct parser *parser, const char *expected);
void parse_error(struct parser *parser, const struct place *place, const char *text);
/* A name, not a word of the language; NULL: there is none, and it is reported. */
const char *parse_name(struct parser *parser, const char *of, struct place *ret_place);
bool parse_number(struct parser *parser, struct number *ret_number);
/* Past the rest of the declaration after an error: behind the next `;`, or before a `}` that ends what is around it. */
void parse_recover(struct parser *parser);
/* In a body: whether a `}` is missing, as the next definition begins here. It is reported, and the definition is over. */
bool parse_unclosed(struct parser *parser);
bool parse_needs_extended(struct parser *parser, const struct place *place, const char *what);
/* The comment before a declaration's first token, or behind the token before the current one. */
const char *parse_documentation(struct parser *parser, const struct token *first);

bool parse_is_reserved(const char *word);
/* The type that a name means which no file has to define: "u_int", "quad_t". */
bool parse_type_kind(const char *word, enum type_kind *ret_kind);
/* Whether a type may begin here. */
bool parse_type_begins(const struct parser *parser);

enum declared {
        DECLARED_FIELD,
        DECLARED_TYPEDEF,
        DECLARED_ARGUMENT,
        DECLARED_RESULT,
        DECLARED_ARM,
        DECLARED_DISCRIMINANT
};
/* Without the `;` behind it. `outer` is the definition that it stands in. */
void parse_declaration(struct parser *parser, enum declared as, struct definition *outer,
                       struct declaration *ret_declaration);

struct definition *parse_new_definition(struct parser *parser, enum definition_kind kind);
void parse_append(struct parser *parser, struct definition *definition);
/* From `{` or, of a union, `switch`, to behind the `}`. */
void parse_body(struct parser *parser, struct definition *definition);
void parse_program(struct parser *parser, const struct token *first);

#endif
