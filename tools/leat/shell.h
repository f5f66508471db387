/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_SHELL_H
#define LEAT_TOOL_SHELL_H

/*
 * A small part of the shell's language (POSIX.1-2017, XCU 2): commands joined by '|', words, quotes, backslash, and the redirections
 * '<' '>' '>>', with a digit before them, and N>&M. Where this takes a line, a shell does the same with it. Whatever else a shell would
 * interpret is refused at its place, and never taken for an ordinary character. Where shells differ (brace expansion, 'time', 12>file) it is refused as well.
 *
 *     line      = command { '|' command }
 *     command   = { word | redirection }            at least one word
 *     redirection = [ digit ] ( '<' | '>' | '>>' ) word | [ digit ] '>&' digit
 *
 * Pure: it reads a text, and opens, starts and prints nothing.
 */

#include <stdbool.h>
#include <stddef.h>

enum shell_operator {
        SHELL_READ,      /* < */
        SHELL_WRITE,     /* > */
        SHELL_APPEND,    /* >> */
        SHELL_DUPLICATE, /* >& */
};

struct shell_redirection {
        enum shell_operator operator;
        int fd;
        int other;  /* SHELL_DUPLICATE: fd becomes what this one is */
        char *path; /* the others */
};

struct shell_stage {
        char **words; /* ended by NULL */
        size_t words_count;
        struct shell_redirection *redirections; /* in the order in which they stand */
        size_t redirections_count;
};

struct shell_line {
        struct shell_stage *stages; /* at least one */
        size_t stages_count;
};

/* What is wrong, where, and what to do. */
struct shell_error {
        size_t at;        /* the byte of the text, from 0; its length: at the end */
        const char *text; /* static; one clause */
};

/*
 * Read a line. text: ends with NUL; borrowed.
 * Returns 0; -EINVAL, with ret_error; -ENOMEM.
 */
int shell_parse(const char *text, struct shell_error *ret_error, struct shell_line **ret_line);

/* NULL is taken. Returns NULL. */
struct shell_line *shell_free(struct shell_line *line);

/* The column of a byte, counted in characters of UTF-8 from 1. */
size_t shell_column(const char *text, size_t at);

/* ---- tokens (shell_token.c) ---- */

enum shell_kind { SHELL_WORD, SHELL_REDIRECTION, SHELL_PIPE, SHELL_END };

struct shell_token {
        enum shell_kind kind;
        size_t at, end;  /* its bytes */
        char *word;      /* SHELL_WORD: without its quotes; to be freed */
        bool quoted;     /* something in it was */
        size_t name_end; /* SHELL_WORD: so many of its first bytes were not quoted */
        enum shell_operator operator;
        int fd; /* SHELL_REDIRECTION: the digit, or what the operator says without one */
};

/* Read the token at or behind `at`. Returns as shell_parse(). */
int shell_token(const char *text, size_t at, struct shell_error *ret_error, struct shell_token *ret_token);

/* Refuse. Returns -EINVAL. */
int shell_refuse(struct shell_error *error, size_t at, const char *text);

#endif
