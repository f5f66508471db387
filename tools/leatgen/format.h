/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_FORMAT_H
#define LEATGEN_FORMAT_H

/*
 * The formatter works on a file's pieces, not on the interface: nothing may be lost that stands in the file, and comments, directives and what
 * is between directives that do not hold are in no interface. So it has a scanner of its own, which knows pieces and white space, and never fails.
 */

#include "tools/leatgen/job.h"

enum piece_kind {
        PIECE_END,
        PIECE_WORD,        /* names, keywords and numbers */
        PIECE_PUNCTUATION, /* one character, or "::" */
        PIECE_OTHER, /* what is none of the language: between directives, anything may stand. Spaces around it are kept */
        PIECE_COMMENT, /* of both kinds */
        PIECE_LINE,    /* a directive or a % line, with its continuations, without the end of the line */
        PIECE_KIND_MAX = PIECE_LINE
};

struct piece {
        enum piece_kind kind;
        const char *bytes;
        size_t size;
        size_t column;  /* of a comment of several lines, from 0, tabs every 8 */
        uint32_t lines; /* ends of lines between the piece before and this one */
        bool spaced;    /* there is white space before it */
};

struct scan {
        const char *at, *line, *end; /* line: where the one in which `at` is begins */
        struct piece now, ahead;     /* the current piece and the one behind it */
};

/* Begins at the first piece; `now` is it. */
void scan_begin(struct scan *scan, const char *bytes, size_t size);
void scan_next(struct scan *scan);

bool piece_is(const struct piece *piece, const char *text);

/* Appends the text of `bytes` in the house's format. */
void format_text(struct job *job, const char *bytes, size_t size, struct page *page);

#endif
