/* SPDX-License-Identifier: MIT */
/*
 * The house's format: 4 spaces, a field a line, `case` as far out as its union, at most one empty line, and one behind
 * each body. What stands where is decided piece by piece from what was before it; the pieces themselves are never changed, save the
 * indentation of a comment's later lines, and format_file() looks that this is so.
 */
#include "tools/leatgen/format.h"

#include "tools/leatgen/report.h"
#include "tools/leatgen/source.h"
#include "tools/leatgen/stages.h"
#include <string.h>

#define INDENT 4
#define WIDTH 100 /* arguments go to the next line behind it */
#define DEPTH_MOST 128
#define CONDITIONS_MOST 64

enum body { BODY_NONE, BODY_ENUM, BODY_UNION, BODY_OTHER, BODY_NAMESPACE };

/* The open braces. A condition (#if) keeps them, as each of its branches begins with the same ones. */
struct nest {
        uint32_t depth, parentheses;
        uint8_t bodies[DEPTH_MOST];
};

struct formatter {
        struct page *page, line; /* the line is written when it is known to be complete */
        struct scan scan;
        struct nest nest, conditions[CONDITIONS_MOST];
        uint32_t condition_count;
        enum body body;    /* what a { would open */
        struct piece last; /* of the line; PIECE_END: it is empty */
        uint32_t indent;   /* of the line */
        bool tight;        /* what comes next stands right behind it */
        bool complete;     /* only a comment can still come to the line */
        bool goes_on;      /* the next line is a part of the same declaration */
        bool begun;        /* something was written */
        bool opened;       /* the last line opened a body: no empty line comes behind it */
        bool apart;        /* the last line ended a body at the outermost level: an empty one comes behind it */
};

static enum body innermost(const struct nest *nest) {
        if (nest->depth > DEPTH_MOST)
                return BODY_OTHER;
        return nest->depth ? nest->bodies[nest->depth - 1] : BODY_NONE;
}

static void push(struct nest *nest, enum body body) {
        if (nest->depth < DEPTH_MOST)
                nest->bodies[nest->depth] = (uint8_t)body;
        nest->depth++;
        nest->parentheses = 0;
}

static uint32_t indent_of(const struct nest *nest) {
        uint32_t levels = 0;
        for (uint32_t i = 0; i < nest->depth && i < DEPTH_MOST; i++)
                levels += nest->bodies[i] != BODY_NAMESPACE;
        return levels * INDENT;
}

static void add_spaces(struct page *page, size_t count) {
        for (; count; count--)
                page_add_bytes(page, " ", 1);
}

/* Ends the line, if there is one. */
static void flush(struct formatter *f) {
        if (f->last.kind == PIECE_END)
                return;
        page_add_bytes(f->page, f->line.bytes, f->line.size);
        page_add(f->page, "\n");
        f->line.size = 0;
        f->goes_on = !f->complete;
        f->complete = false;
        f->last = (struct piece){ .kind = PIECE_END };
        f->begun = true;
}

/* Before the first piece of a line. */
static void empty_line(struct formatter *f, const struct piece *piece) {
        bool wanted = piece->lines > 1 || (f->apart && piece->kind != PIECE_LINE);
        if (wanted && f->begun && !f->opened && !f->goes_on && !piece_is(piece, "}"))
                page_add(f->page, "\n");
        f->opened = f->apart = false;
}

static void begin_line(struct formatter *f, const struct piece *piece) {
        empty_line(f, piece);
        f->indent = indent_of(&f->nest);
        bool label = innermost(&f->nest) == BODY_UNION && (piece_is(piece, "case") || piece_is(piece, "default"));
        if (label)
                f->indent -= INDENT;
        else if (f->goes_on && !piece_is(piece, "{"))
                f->indent += 2 * INDENT;
        add_spaces(&f->line, f->indent);
}

/* ---- comments ---- */

/* The later lines of a comment move as far as its first one did. */
static void add_comment(struct formatter *f, const struct piece *piece) {
        size_t column = f->line.size;
        const char *at = piece->bytes, *end = at + piece->size;
        while (at < end) {
                const char *line_end = memchr(at, '\n', (size_t)(end - at));
                const char *stop = line_end ? line_end : end;
                const char *text_end = stop;
                while (text_end > at && strchr(" \t\r\f\v", text_end[-1]) && text_end[-1])
                        text_end--;
                if (at != piece->bytes) {
                        size_t white = 0;
                        for (; at < text_end && (*at == ' ' || *at == '\t'); at++)
                                white = *at == '\t' ? (white / 8 + 1) * 8 : white + 1;
                        if (at < text_end)
                                add_spaces(&f->line,
                                           white + column > piece->column ? white + column - piece->column : 0);
                }
                page_add_bytes(&f->line, at, (size_t)(text_end - at));
                if (!line_end)
                        break;
                page_add(&f->line, "\n");
                at = line_end + 1;
        }
}

/* A comment of its own line does not end a declaration that goes on over it. */
static void put_comment(struct formatter *f, const struct piece *piece) {
        bool behind = f->last.kind != PIECE_END && piece->lines == 0 && f->begun + f->line.size > 0;
        if (!behind)
                flush(f);
        bool goes_on = f->goes_on;
        if (f->last.kind == PIECE_END)
                begin_line(f, piece);
        else if (!strchr("([<", *f->last.bytes))
                add_spaces(&f->line, 1);
        bool alone = f->last.kind == PIECE_END;
        add_comment(f, piece);
        f->last = *piece;
        const struct piece *ahead = &f->scan.ahead;
        if (ahead->lines == 0 && ahead->kind != PIECE_END && !f->complete)
                return;
        if (f->complete && ahead->lines == 0 && ahead->kind == PIECE_COMMENT)
                return;
        flush(f);
        if (alone)
                f->goes_on = goes_on;
}

/* ---- directives ---- */

static bool directive_is(const struct piece *piece, const char *name) {
        size_t i = 1;
        while (i < piece->size && (piece->bytes[i] == ' ' || piece->bytes[i] == '\t'))
                i++;
        size_t size = strlen(name);
        return *piece->bytes == '#' && piece->size - i >= size && memcmp(piece->bytes + i, name, size) == 0;
}

static void follow_condition(struct formatter *f, const struct piece *piece) {
        if (directive_is(piece, "if")) {
                if (f->condition_count < CONDITIONS_MOST)
                        f->conditions[f->condition_count] = f->nest;
                f->condition_count++;
        } else if (f->condition_count && f->condition_count <= CONDITIONS_MOST && directive_is(piece, "el"))
                f->nest = f->conditions[f->condition_count - 1];
        else if (f->condition_count && directive_is(piece, "endif"))
                f->condition_count--;
}

static void put_line(struct formatter *f, const struct piece *piece) {
        bool goes_on = f->goes_on || (f->last.kind != PIECE_END && !f->complete);
        flush(f);
        f->goes_on = false;
        bool apart = f->apart;
        empty_line(f, piece);
        page_add_bytes(f->page, piece->bytes, piece->size);
        page_add(f->page, "\n");
        f->apart = apart && piece->lines <= 1 && !directive_is(piece, "if") && !directive_is(piece, "el");
        f->begun = true;
        f->goes_on = goes_on;
        follow_condition(f, piece);
}

/* ---- the language ---- */

static void follow_keyword(struct formatter *f, const struct piece *piece) {
        if (f->body == BODY_UNION && f->nest.parentheses)
                return; /* of its discriminant */
        if (piece_is(piece, "enum"))
                f->body = BODY_ENUM;
        else if (piece_is(piece, "union"))
                f->body = BODY_UNION;
        else if (piece_is(piece, "namespace"))
                f->body = BODY_NAMESPACE;
        else if (piece_is(piece, "struct") || piece_is(piece, "program") || piece_is(piece, "version"))
                f->body = BODY_OTHER;
}

static bool is_one_of(const struct piece *piece, const char *characters) {
        return piece->kind == PIECE_PUNCTUATION && piece->size == 1 && strchr(characters, *piece->bytes);
}

/* "deadline=5s" before a procedure; elsewhere it is a name as any other. */
static bool is_attribute(const struct formatter *f) {
        return piece_is(&f->last, "deadline") && innermost(&f->nest) == BODY_OTHER;
}

static bool spaced(const struct formatter *f, const struct piece *piece) {
        const struct piece *last = &f->last;
        if (last->kind == PIECE_OTHER || piece->kind == PIECE_OTHER)
                return piece->spaced;
        if (f->tight || (piece_is(piece, "=") && is_attribute(f)))
                return false;
        if (piece_is(last, "::") || piece_is(piece, "::") || is_one_of(piece, ";,)]>:"))
                return false;
        if (last->kind == PIECE_COMMENT)
                return true;
        if (is_one_of(last, "([<-") || (is_one_of(last, "*") && !is_one_of(piece, "={")))
                return false;
        if (is_one_of(piece, "("))
                return piece_is(last, "switch");
        return !is_one_of(piece, "[<");
}

/* Would the argument that begins here go over the width? */
static bool too_wide(const struct formatter *f, const struct piece *piece) {
        if (!f->nest.parentheses || !is_one_of(&f->last, ","))
                return false;
        struct scan ahead = f->scan;
        size_t width = f->line.size + 1 + piece->size;
        while (width <= WIDTH && ahead.ahead.kind != PIECE_END && !is_one_of(&ahead.ahead, ",)")) {
                width += ahead.ahead.size + 1;
                scan_next(&ahead);
        }
        return width > WIDTH;
}

/* What the piece does to the nesting, before it is written. */
static void before(struct formatter *f, const struct piece *piece) {
        if (is_one_of(piece, "}") && f->nest.depth) {
                flush(f);
                f->goes_on = false;
                f->nest.depth--;
                f->nest.parentheses = 0;
        } else if (is_one_of(piece, ";") && f->complete)
                f->complete = false; /* of "}" or a second one: it belongs to that line */
        else if (f->complete || too_wide(f, piece))
                flush(f);
}

static void after(struct formatter *f, const struct piece *piece, enum body closed) {
        if (is_one_of(piece, "(") || is_one_of(piece, ")")) {
                uint32_t *open = &f->nest.parentheses;
                *open = *piece->bytes == '(' ? *open + 1 : *open - (*open > 0);
        } else if (is_one_of(piece, "{")) {
                push(&f->nest, f->body == BODY_NONE ? BODY_OTHER : f->body);
                f->body = BODY_NONE;
                f->complete = f->opened = true;
        } else if (is_one_of(piece, ";")) {
                f->complete = true;
                f->body = BODY_NONE;
                f->nest.parentheses = 0;
        } else if (is_one_of(piece, ",") && innermost(&f->nest) == BODY_ENUM)
                f->complete = true;
        else if (is_one_of(piece, ":") && innermost(&f->nest) == BODY_UNION && !f->nest.parentheses)
                f->complete = true;
        else if (is_one_of(piece, "}")) {
                f->apart = f->nest.depth == 0 || indent_of(&f->nest) == 0;
                f->complete = closed == BODY_NAMESPACE;
        }
}

static void put_piece(struct formatter *f, const struct piece *piece) {
        enum body closed = innermost(&f->nest);
        before(f, piece);
        follow_keyword(f, piece);
        if (f->last.kind == PIECE_END)
                begin_line(f, piece);
        else if (spaced(f, piece))
                add_spaces(&f->line, 1);
        page_add_bytes(&f->line, piece->bytes, piece->size);
        f->tight = piece_is(piece, "=") && is_attribute(f);
        f->last = *piece;
        after(f, piece, closed);
}

void format_text(struct job *job, const char *bytes, size_t size, struct page *page) {
        struct formatter *f = JOB_NEW(job, struct formatter);
        f->page = page;
        scan_begin(&f->scan, bytes, size);
        for (; f->scan.now.kind != PIECE_END; scan_next(&f->scan)) {
                struct piece piece = f->scan.now;
                if (piece.kind == PIECE_COMMENT)
                        put_comment(f, &piece);
                else if (piece.kind == PIECE_LINE)
                        put_line(f, &piece);
                else
                        put_piece(f, &piece);
        }
        flush(f);
        page_free(&f->line);
}

/* The next byte that is no white space, or -1 at the end. */
static int next_visible(const char *bytes, size_t size, size_t *at) {
        while (*at < size && strchr(" \t\r\n\f\v", bytes[*at]) && bytes[*at])
                ++*at;
        return *at < size ? (unsigned char)bytes[(*at)++] : -1;
}

static bool same_but_white(const char *one, size_t one_size, const char *other, size_t other_size) {
        size_t one_at = 0, other_at = 0;
        int a, b;
        do {
                a = next_visible(one, one_size, &one_at);
                b = next_visible(other, other_size, &other_at);
        } while (a == b && a >= 0);
        return a == b;
}

bool format_file(struct job *job, const char *path, struct page *page) {
        const struct interface *interface = read_interface(job, path);
        if (!interface || report_errors(job))
                return false;
        const struct source *source = interface->source;
        struct page made = { 0 };
        format_text(job, source->bytes, source->size, &made);
        bool same = same_but_white(source->bytes, source->size, made.bytes ? made.bytes : "", made.size);
        if (same)
                page_add_bytes(page, made.bytes ? made.bytes : "", made.size);
        else
                report_error(job, &(struct place){ .source = source, .line = 1, .column = 1 },
                             "the formatter would change more than white space here; please report this file");
        page_free(&made);
        return same;
}
