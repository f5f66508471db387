/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/lex.h"

#include "tools/leatgen/report.h"
#include "tools/leatgen/source.h"
#include <string.h>

bool lex_is_name_begin(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool lex_is_name(char c) {
        return lex_is_name_begin(c) || (c >= '0' && c <= '9');
}

bool lex_is_blank(char c) {
        return c && strchr(LEX_BLANKS, c);
}

bool lex_take_word(const char **text, const char *word) {
        size_t size = strlen(word);
        if (strncmp(*text, word, size) != 0 || lex_is_name((*text)[size]))
                return false;
        *text += size;
        *text += strspn(*text, LEX_BLANKS);
        return true;
}

void lex_begin(struct lexer *lexer, struct job *job, const struct source *source) {
        *lexer = (struct lexer){ .job = job, .source = source, .at = source->bytes };
        lexer->end = source->bytes + source->size;
        lexer->line_begin = source->bytes;
        lexer->line = (uint32_t)(1 + source->shift);
}

static struct place place_at(const struct lexer *lexer, const char *at, size_t length) {
        return (struct place){ lexer->source, lexer->line, (uint32_t)(at - lexer->line_begin + 1), (uint32_t)length };
}

void lex_next_line(struct lexer *lexer) {
        lexer->at++;
        lexer->line++;
        lexer->line_begin = lexer->at;
}

static int digit_of(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

size_t lex_number(const char *bytes, const char *end, __int128 *ret_value) {
        const char *at = bytes;
        int base = 10;
        if (end - at > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X') && digit_of(at[2]) < 16) {
                base = 16;
                at += 2;
        } else if (at < end && *at == '0') {
                base = 8;
        }
        __int128 value = 0, most = (__int128)1 << 100;
        for (; at < end && digit_of(*at) < base; at++)
                value = value < most / 16 ? value * base + digit_of(*at) : most;
        *ret_value = value;
        return (size_t)(at - bytes);
}

/* ---- comments ---- */

/* One that begins on that line, and ends where the lexer is. */
static void keep_comment(struct lexer *lexer, const char *begin, const char *end, uint32_t line) {
        const char *text = comment_text(lexer->job, begin, (size_t)(end - begin));
        if (lexer->last) {
                if (text && !lexer->last->behind)
                        lexer->last->behind = text;
                return;
        }
        struct comment *comment = &lexer->comment;
        bool goes_on = comment->text && text && comment->end_line + 1 == line;
        bool first = goes_on ? comment->first : !lexer->begun;
        if (goes_on)
                text = job_format(lexer->job, "%s\n%s", comment->text, text);
        *comment = (struct comment){ text, lexer->line, first };
        if (first)
                lexer->heading = *comment;
        lexer->begun = true;
}

/* The lexer stands at `//`. */
static void line_comment(struct lexer *lexer) {
        const char *begin = lexer->at;
        const char *end = memchr(begin, '\n', (size_t)(lexer->end - begin));
        struct place place = place_at(lexer, begin, 2);
        if (!lexer->job->options->extended && !lexer->slashes) {
                report_error(lexer->job, &place, "`//` does not begin a comment here: write /* */, or give --extended");
                lexer->slashes = true;
        }
        lexer->at = end ? end : lexer->end;
        keep_comment(lexer, begin + 2, lexer->at, place.line);
}

/* The lexer stands at the slash of a comment. One that begins with @ and a letter holds attributes: its words are tokens. */
static void block_comment(struct lexer *lexer) {
        struct place place = place_at(lexer, lexer->at, 2);
        const char *begin = lexer->at + 2;
        const char *end = begin;
        do
                end = memchr(end, '*', (size_t)(lexer->end - end));
        while (end && end + 1 < lexer->end && end[1] != '/' && end++);
        if (!end || end + 1 >= lexer->end) {
                report_error(lexer->job, &place, "this comment does not end: `*/` is missing");
                lexer->at = lexer->end;
                return;
        }
        if (end - begin > 1 && begin[0] == '@' && lex_is_name_begin(begin[1])) {
                lexer->attributes_end = end;
                lexer->at = begin;
                return;
        }
        for (lexer->at = begin; (lexer->at = memchr(lexer->at, '\n', (size_t)(end - lexer->at)));)
                lex_next_line(lexer);
        lexer->at = end + 2;
        keep_comment(lexer, begin, end, place.line);
}

/* The next word of a comment with attributes. Returns false at its end. */
static bool next_attribute(struct lexer *lexer, struct token *token) {
        while (lexer->at < lexer->attributes_end && !lex_is_name_begin(*lexer->at)) {
                if (*lexer->at == '\n')
                        lex_next_line(lexer);
                else
                        lexer->at++;
        }
        if (lexer->at == lexer->attributes_end) {
                lexer->attributes_end = NULL;
                lexer->at += 2;
                return false;
        }
        const char *begin = lexer->at;
        while (lexer->at < lexer->attributes_end && !lex_is_blank(*lexer->at) && !strchr("\n,;@", *lexer->at))
                lexer->at++;
        size_t size = (size_t)(lexer->at - begin);
        *token = (struct token){ .kind = TOKEN_ATTRIBUTE, .place = place_at(lexer, begin, size) };
        token->text = job_intern(lexer->job, begin, size);
        token->documentation = lexer->comment.text;
        lexer->comment.text = NULL;
        return true;
}

/* ---- whole lines ---- */

/* Past a block comment that the lexer stands at, without a word. */
static void pass_comment(struct lexer *lexer) {
        for (lexer->at += 2; lexer->at < lexer->end;) {
                if (*lexer->at == '\n')
                        lex_next_line(lexer);
                else if (*lexer->at++ == '*' && lexer->at < lexer->end && *lexer->at == '/') {
                        lexer->at++;
                        return;
                }
        }
}

static bool at_pair(const struct lexer *lexer, char a, char b) {
        return lexer->end - lexer->at > 1 && lexer->at[0] == a && lexer->at[1] == b;
}

/* The number of bytes of a backslash with the end of its line; 0: none is here. */
static size_t splice(const struct lexer *lexer) {
        if (at_pair(lexer, '\\', '\n'))
                return 2;
        return at_pair(lexer, '\\', '\r') && lexer->end - lexer->at > 2 && lexer->at[2] == '\n' ? 3 : 0;
}

static bool pass_splice(struct lexer *lexer) {
        size_t size = splice(lexer);
        if (!size)
                return false;
        lexer->at += size - 1;
        lex_next_line(lexer);
        return true;
}

void lex_skip_line(struct lexer *lexer) {
        while (lexer->at < lexer->end && *lexer->at != '\n') {
                if (at_pair(lexer, '/', '*'))
                        pass_comment(lexer);
                else if (!pass_splice(lexer))
                        lexer->at++;
        }
}

static const char *finish_line(struct lexer *lexer, struct page *page) {
        while (page->size && lex_is_blank(page->bytes[page->size - 1]))
                page->size--;
        const char *text = job_intern(lexer->job, page->size ? page->bytes : "", page->size);
        page_free(page);
        return text;
}

static void add_byte(struct page *page, char c) {
        if (!c)
                c = ' '; /* texts end with a NUL */
        page_add_bytes(page, &c, 1);
}

const char *lex_directive(struct lexer *lexer) {
        struct page page = { 0 };
        char quote = '\0';
        while (lexer->at < lexer->end && *lexer->at != '\n') {
                if (!quote && at_pair(lexer, '/', '*')) {
                        pass_comment(lexer);
                        add_byte(&page, ' ');
                } else if (!quote && at_pair(lexer, '/', '/')) {
                        const char *end = memchr(lexer->at, '\n', (size_t)(lexer->end - lexer->at));
                        lexer->at = end ? end : lexer->end;
                } else if (!pass_splice(lexer)) {
                        if (*lexer->at == '"')
                                quote = quote ? '\0' : '"';
                        add_byte(&page, *lexer->at++);
                }
        }
        return finish_line(lexer, &page);
}

const char *lex_verbatim(struct lexer *lexer) {
        struct page page = { 0 };
        while (lexer->at < lexer->end && *lexer->at != '\n') {
                if (pass_splice(lexer)) {
                        page_add(&page, "\\\n");
                        lexer->at += lexer->at < lexer->end && *lexer->at == '%'; /* as some write it */
                } else {
                        add_byte(&page, *lexer->at++);
                }
        }
        return finish_line(lexer, &page);
}

/* ---- tokens ---- */

static void make_name(struct lexer *lexer, struct token *token) {
        const char *begin = lexer->at;
        while (lexer->at < lexer->end && lex_is_name(*lexer->at))
                lexer->at++;
        token->kind = TOKEN_NAME;
        token->text = job_intern(lexer->job, begin, (size_t)(lexer->at - begin));
        token->place.length = (uint32_t)(lexer->at - begin);
}

static void make_number(struct lexer *lexer, struct token *token) {
        const char *begin = lexer->at;
        lexer->at += lex_number(begin, lexer->end, &token->value);
        while (lexer->at < lexer->end && lex_is_name(*lexer->at)) {
                lexer->at++;
                token->wrong = true;
        }
        token->kind = TOKEN_NUMBER;
        token->text = job_intern(lexer->job, begin, (size_t)(lexer->at - begin));
        token->place.length = (uint32_t)(lexer->at - begin);
}

/* "…" or '…', ended on its line; of the second one the character's number. */
static void make_text(struct lexer *lexer, struct token *token) {
        const char *begin = lexer->at;
        const char *at = begin + 1;
        while (at < lexer->end && *at != *begin && *at != '\n')
                at += *at == '\\' && at + 1 < lexer->end && at[1] != '\n' ? 2 : 1;
        bool ended = at < lexer->end && *at == *begin;
        if (!ended && at - begin > 1 && at[-1] == ';')
                at--; /* only the quote is missing */
        lexer->at = ended ? at + 1 : at;
        token->place.length = (uint32_t)(lexer->at - begin);
        token->text = job_intern(lexer->job, begin, (size_t)(lexer->at - begin));
        token->kind = *begin == '"' ? TOKEN_TEXT : TOKEN_NUMBER;
        if (!ended)
                report_error(lexer->job, &token->place, "%c is missing at the end of this line", *begin);
        else if (*begin == '\'' && (at - begin != 2 || begin[1] == '\\' || begin[1] < ' '))
                report_error(lexer->job, &token->place,
                             "one plain character between the quotes is a number: write digits instead");
        else if (*begin == '\'')
                token->value = (unsigned char)begin[1]; /* of ASCII, so whether char has a sign is nothing to us */
}

static void make_sign(struct lexer *lexer, struct token *token) {
        token->kind = TOKEN_SIGN;
        token->sign = *lexer->at++;
        token->place.length = 1;
}

static void make_token(struct lexer *lexer, struct token *token) {
        char c = *lexer->at;
        *token = (struct token){ .place = place_at(lexer, lexer->at, 0) };
        if (lexer->comment.text && lexer->comment.end_line + 1 >= lexer->line) {
                token->documentation = lexer->comment.text;
                if (lexer->comment.first)
                        lexer->heading = (struct comment){ 0 };
        }
        lexer->comment.text = NULL;
        lexer->begun = true;
        if (lex_is_name_begin(c))
                make_name(lexer, token);
        else if (c >= '0' && c <= '9')
                make_number(lexer, token);
        else if (c == '"' || c == '\'')
                make_text(lexer, token);
        else
                make_sign(lexer, token);
}

/* Past blanks, comments and ends of lines that a backslash hides; stops in a comment with attributes. */
static void skip(struct lexer *lexer) {
        while (lexer->at < lexer->end && !lexer->attributes_end) {
                if (lex_is_blank(*lexer->at))
                        lexer->at++;
                else if (at_pair(lexer, '/', '*'))
                        block_comment(lexer);
                else if (at_pair(lexer, '/', '/'))
                        line_comment(lexer);
                else if (!pass_splice(lexer))
                        return;
        }
}

void lex_next(struct lexer *lexer, struct token *token) {
        for (;;) {
                if (lexer->attributes_end && next_attribute(lexer, token))
                        return;
                skip(lexer);
                if (!lexer->attributes_end)
                        break;
        }
        if (lexer->at == lexer->end) {
                *token = (struct token){ .kind = TOKEN_END, .place = place_at(lexer, lexer->at, 0) };
        } else if (*lexer->at == '\n') {
                *token = (struct token){ .kind = TOKEN_LINE_END, .place = place_at(lexer, lexer->at, 0) };
                lex_next_line(lexer);
        } else {
                make_token(lexer, token);
        }
}
