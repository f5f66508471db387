/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_LEX_H
#define LEATGEN_LEX_H

/* Text to tokens. Directives, `%` lines and names that are defined are the preprocessor's (preprocess.h). */

#include "tools/leatgen/job.h"

enum token_kind {
        TOKEN_END,
        TOKEN_NAME,
        TOKEN_NUMBER,
        TOKEN_TEXT,      /* "…": only in const */
        TOKEN_ATTRIBUTE, /* of a comment that begins with @: `text` is "idempotent" or "deadline=5s" */
        TOKEN_VERBATIM,  /* a % line: `text` is what follows the % */
        TOKEN_SIGN,      /* one character, in `sign` */
        TOKEN_LINE_END,  /* from the lexer only */
        TOKEN_KIND_MAX = TOKEN_LINE_END
};

struct token {
        enum token_kind kind;
        char sign;       /* of TOKEN_SIGN; "::" is ':' twice */
        bool wrong;      /* a number with letters behind it, "5s" */
        uint8_t outputs; /* FOR_...: set by the preprocessor */
        struct place place;
        const char *text;          /* interned; of a sign NULL */
        __int128 value;            /* of a number */
        const char *documentation; /* the comment before it; NULL */
        const char *behind;        /* the comment behind it on its line; NULL */
};

/* A comment, as the lexer saw it last. */
struct comment {
        const char *text;
        uint32_t end_line; /* where it ends */
        bool first;        /* nothing of the file stands before it */
};

struct lexer {
        struct job *job;
        const struct source *source;
        const char *at, *end, *line_begin;
        uint32_t line;
        struct comment comment;     /* waiting for the token that it is about; text NULL: none */
        struct comment heading;     /* the first of the file, if it stands alone */
        struct token *last;         /* set by the caller: what a comment behind it on its line is about; or NULL */
        const char *attributes_end; /* of a comment that begins with @, while `at` is in it; else NULL */
        bool begun;                 /* something stood before */
        bool slashes;               /* a `//` was reported: once for a file is enough */
};

/* What a comment says, without its marks and the decoration at the lines' beginnings; NULL: nothing. lex_comment.c */
const char *comment_text(struct job *job, const char *bytes, size_t size_bytes);

void lex_begin(struct lexer *lexer, struct job *job, const struct source *source);
/* The next token; TOKEN_LINE_END at each end of a line that is not within a comment, TOKEN_END at the end. */
void lex_next(struct lexer *lexer, struct token *token);
/* Past a line's end, which is at lexer->at. */
void lex_next_line(struct lexer *lexer);
/* Past what is left of a line, with its comments, to its end; for what a condition leaves out. */
void lex_skip_line(struct lexer *lexer);
/* What is left of a line, those that a backslash continues it with, and its comments as blanks: a directive. Interned. */
const char *lex_directive(struct lexer *lexer);
/* What is left of a line as it is, with those that a backslash continues it with: a % line. Interned. */
const char *lex_verbatim(struct lexer *lexer);

/* What stands between words; lines are ended by others. */
#define LEX_BLANKS " \t\r\v\f"
bool lex_is_blank(char c);
/* Past the word and the blanks behind it, if the text begins with it. */
bool lex_take_word(const char **text, const char *word);

bool lex_is_name_begin(char c);
bool lex_is_name(char c);
/* A number of C: decimal, 0x, 0; too large ones saturate at 2^100. Returns how many bytes it has; 0: none. */
size_t lex_number(const char *bytes, const char *end, __int128 *ret_value);

#endif
