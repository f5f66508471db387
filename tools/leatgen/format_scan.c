/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/format.h"

#include <string.h>

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_word(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool piece_is(const struct piece *piece, const char *text) {
        return piece->kind != PIECE_COMMENT && piece->size == strlen(text) &&
               memcmp(piece->bytes, text, piece->size) == 0;
}

/* Where the comment that begins here ends; NULL: none begins. One that is not closed ends with the file. */
static const char *comment_end(const char *at, const char *end) {
        if (end - at < 2 || at[0] != '/' || (at[1] != '*' && at[1] != '/'))
                return NULL;
        if (at[1] == '/') {
                const char *line = memchr(at, '\n', (size_t)(end - at));
                return line ? line : end;
        }
        for (at += 2; end - at >= 2; at++)
                if (at[0] == '*' && at[1] == '/')
                        return at + 2;
        return end;
}

/* A "..." on one line, or NULL. */
static const char *string_end(const char *at, const char *end) {
        if (*at != '"')
                return NULL;
        for (at++; at < end && *at != '\n'; at++) {
                if (*at == '"')
                        return at + 1;
                if (*at == '\\' && end - at > 1 && at[1] != '\n')
                        at++;
        }
        return NULL;
}

static bool continues(const char *begin, const char *line_end) {
        while (line_end > begin && line_end[-1] == '\r')
                line_end--;
        return line_end > begin && line_end[-1] == '\\';
}

/* A directive goes on behind a backslash, and over the lines of a comment that begins in it; a % line behind a backslash. */
static const char *line_end(const char *at, const char *end) {
        const char *begin = at;
        bool directive = *at == '#';
        while (at < end) {
                const char *behind = directive ? comment_end(at, end) : NULL;
                if (!behind && directive)
                        behind = string_end(at, end);
                if (behind) {
                        at = behind;
                        continue;
                }
                if (*at == '\n' && !continues(begin, at))
                        break;
                at++;
        }
        while (at > begin && is_blank(at[-1]))
                at--;
        return at;
}

static void set(struct piece *piece, enum piece_kind kind, const char *end) {
        piece->kind = kind;
        piece->size = (size_t)(end - piece->bytes);
}

static void classify(struct piece *piece, const char *end, bool first) {
        const char *at = piece->bytes;
        const char *behind;
        if (first && (*at == '#' || *at == '%'))
                set(piece, PIECE_LINE, line_end(at, end));
        else if ((behind = comment_end(at, end)))
                set(piece, PIECE_COMMENT, behind);
        else if ((behind = string_end(at, end)))
                set(piece, PIECE_WORD, behind);
        else if (end - at >= 2 && at[0] == ':' && at[1] == ':')
                set(piece, PIECE_PUNCTUATION, at + 2);
        else if (is_word(*at)) {
                while (at < end && is_word(*at))
                        at++;
                set(piece, PIECE_WORD, at);
        } else
                set(piece, strchr("{}()[]<>;,:=*-", *at) && *at ? PIECE_PUNCTUATION : PIECE_OTHER, at + 1);
}

static size_t column_of(const char *line, const char *at) {
        size_t column = 0;
        for (; line < at; line++)
                column = *line == '\t' ? (column / 8 + 1) * 8 : column + 1;
        return column;
}

static void skip_white(struct scan *scan, struct piece *piece) {
        for (; scan->at < scan->end && (is_blank(*scan->at) || *scan->at == '\n'); scan->at++) {
                piece->spaced = true;
                if (*scan->at == '\n') {
                        piece->lines++;
                        scan->line = scan->at + 1;
                }
        }
}

/* Only comments have a column: to count it for each piece would be quadratic in the length of a line. */
static void finish_comment(struct scan *scan, struct piece *piece) {
        if (piece->bytes[1] == '/')
                while (is_blank(piece->bytes[piece->size - 1]))
                        piece->size--;
        const char *last = memrchr(piece->bytes, '\n', piece->size);
        if (!last)
                return;
        piece->column = column_of(scan->line, piece->bytes);
        scan->line = last + 1;
}

static struct piece scan_one(struct scan *scan) {
        struct piece piece = { .kind = PIECE_END };
        bool first = scan->at == scan->line;
        skip_white(scan, &piece);
        piece.bytes = scan->at;
        if (scan->at == scan->end)
                return piece;
        classify(&piece, scan->end, first || piece.lines);
        scan->at = piece.bytes + piece.size;
        if (piece.kind == PIECE_COMMENT)
                finish_comment(scan, &piece);
        return piece;
}

void scan_begin(struct scan *scan, const char *bytes, size_t size) {
        *scan = (struct scan){ .at = bytes, .line = bytes, .end = bytes + size };
        scan->now = scan_one(scan);
        scan->ahead = scan_one(scan);
}

void scan_next(struct scan *scan) {
        scan->now = scan->ahead;
        scan->ahead = scan_one(scan);
}
