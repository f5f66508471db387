/* SPDX-License-Identifier: MIT */
#include "tools/leat/shell.h"

#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>

int shell_refuse(struct shell_error *error, size_t at, const char *text) {
        *error = (struct shell_error){ .at = at, .text = text };
        return -EINVAL;
}

/* A word that is read: `next` is the byte of the text to look at, `bytes` what it is without quotes so far. */
struct reading {
        const char *text;
        size_t next;
        char *bytes;
        size_t count;
        size_t name_end;
        bool quoted;
        bool equals; /* an unquoted '=' was seen */
        char before; /* the unquoted character before this one, or NUL */
        struct shell_error *error;
};

static void keep(struct reading *reading, char byte) {
        reading->bytes[reading->count++] = byte;
        reading->next++;
        reading->before = '\0';
}

/* What these do in a shell, outside of quotes; of those also in double quotes the first two. */
static const struct {
        char character;
        const char *text;
} refused[] = {
        { '$', "'$' stands for a value in a shell; put it in single quotes, or use sh -c" },
        { '`', "'`' runs a command in a shell; put it in single quotes, or use sh -c" },
        { '*', "'*' stands for names of files in a shell; quote it, or use sh -c" },
        { '?', "'?' stands for names of files in a shell; quote it, or use sh -c" },
        { '[', "'[' stands for names of files in a shell; quote it, or use sh -c" },
        { ';', "';' ends a command in a shell; quote it, or use sh -c" },
        { '&', "'&' and '&&' run commands beside and after each other in a shell; quote it, or use sh -c" },
        { '(', "'(' begins a subshell in a shell; quote it, or use sh -c" },
        { ')', "')' ends a subshell in a shell; quote it, or use sh -c" },
        { '\n', "a new line ends a command in a shell; quote it, or use sh -c" },
};
#define REFUSED_IN_DOUBLE_QUOTES 2

static int refuse_character(const struct reading *reading, size_t rows) {
        for (size_t i = 0; i < rows; i++)
                if (refused[i].character == reading->text[reading->next])
                        return shell_refuse(reading->error, reading->next, refused[i].text);
        return 0;
}

/* What depends on where in the word it stands. `at` is where the word began. */
static int refuse_place(const struct reading *reading, size_t at) {
        const char *here = reading->text + reading->next;
        bool first = reading->next == at;
        bool value = reading->before == '=' || (reading->before == ':' && reading->equals);
        if (*here == '#' && first)
                return shell_refuse(reading->error, reading->next,
                                    "'#' begins a comment in a shell; quote it, or use sh -c");
        if (*here == '~' && (first || value))
                return shell_refuse(reading->error, reading->next,
                                    "'~' stands for a home directory in a shell; quote it, or use sh -c");
        if ((*here == '{' && here[1] != '}') || (*here == '}' && reading->before != '{'))
                return shell_refuse(reading->error, reading->next,
                                    "a brace groups commands or words in a shell; quote it, or use sh -c");
        return 0;
}

static int read_single_quotes(struct reading *reading) {
        size_t open = reading->next++;
        const char *close = strchr(reading->text + reading->next, '\'');
        if (!close)
                return shell_refuse(reading->error, open, "this quote is not closed; close it, or use sh -c");
        while (reading->text + reading->next < close)
                keep(reading, reading->text[reading->next]);
        reading->next++;
        return 0;
}

/* After a backslash; at the end of the text, or of a line, shells differ or join lines. */
static int read_escaped(struct reading *reading) {
        char next = reading->text[reading->next + 1];
        if (next == '\0' || next == '\n')
                return shell_refuse(reading->error, reading->next,
                                    "a character is missing after the backslash; quote it, or use sh -c");
        reading->next++;
        keep(reading, next);
        return 0;
}

static int read_in_double_quotes(struct reading *reading) {
        const char *here = reading->text + reading->next;
        int r = refuse_character(reading, REFUSED_IN_DOUBLE_QUOTES);
        if (r < 0)
                return r;
        if (*here == '\\' && strchr("$`\"\\\n", here[1]))
                return read_escaped(reading);
        keep(reading, *here);
        return 0;
}

static int read_double_quotes(struct reading *reading) {
        size_t open = reading->next++;
        int r = 0;
        while (r == 0 && reading->text[reading->next] && reading->text[reading->next] != '"')
                r = read_in_double_quotes(reading);
        if (r == 0 && !reading->text[reading->next])
                return shell_refuse(reading->error, open, "this quote is not closed; close it, or use sh -c");
        reading->next++;
        return r;
}

static int read_quoted(struct reading *reading) {
        char how = reading->text[reading->next];
        if (!reading->quoted)
                reading->name_end = reading->count;
        reading->quoted = true;
        reading->before = '\0';
        return how == '\\'  ? read_escaped(reading)
               : how == '"' ? read_double_quotes(reading)
                            : read_single_quotes(reading);
}

static int read_plain(struct reading *reading, size_t at) {
        char here = reading->text[reading->next];
        int r = refuse_character(reading, sizeof(refused) / sizeof(refused[0]));
        if (r == 0)
                r = refuse_place(reading, at);
        if (r < 0)
                return r;
        keep(reading, here);
        reading->before = here;
        reading->equals |= here == '=';
        return 0;
}

static int read_word(const char *text, size_t at, struct shell_error *error, struct shell_token *ret_token) {
        FREE_AT_EXIT char *bytes = malloc(strlen(text + at) + 1);
        struct reading reading = { .text = text, .next = at, .bytes = bytes, .error = error };
        int r = bytes ? 0 : -ENOMEM;
        while (r == 0 && text[reading.next] && !strchr(" \t|<>", text[reading.next]))
                r = strchr("\\\"'", text[reading.next]) ? read_quoted(&reading) : read_plain(&reading, at);
        if (r < 0)
                return r;
        bytes[reading.count] = '\0';
        char *word = realloc(bytes, reading.count + 1);
        if (!word)
                return -ENOMEM;
        bytes = NULL;
        *ret_token = (struct shell_token){ .kind = SHELL_WORD,
                                           .at = at,
                                           .end = reading.next,
                                           .word = word,
                                           .quoted = reading.quoted,
                                           .name_end = reading.quoted ? reading.name_end : reading.count };
        return 0;
}

/* The longest fits first. */
static const struct operator_row {
        const char *sign;
        enum shell_operator operator;
        int fd;
        const char *refusal; /* or NULL */
} operators[] = {
        { "<<<", SHELL_READ, 0, "'<<<' is not every shell's; use a file, or use sh -c and printf" },
        { "<<", SHELL_READ, 0, "'<<' reads what follows in a script; use a file, or use sh -c" },
        { "<&", SHELL_READ, 0, "'<&' is not known here; use sh -c" },
        { "<>", SHELL_READ, 0, "'<>' is not known here; use sh -c" },
        { ">>", SHELL_APPEND, 1, NULL },
        { ">&", SHELL_DUPLICATE, 1, NULL },
        { ">|", SHELL_WRITE, 1, "'>|' is not known here; write '>', or use sh -c" },
        { ">", SHELL_WRITE, 1, NULL },
        { "<", SHELL_READ, 0, NULL },
};

/* `at` is the operator, `fd` the digit before it or -1. */
static int read_operator(const char *text, size_t at, int fd, struct shell_error *error,
                         struct shell_token *ret_token) {
        const struct operator_row *row = operators;
        while (strncmp(text + at, row->sign, strlen(row->sign)) != 0)
                row++;
        if (row->refusal)
                return shell_refuse(error, at, row->refusal);
        *ret_token = (struct shell_token){ .kind = SHELL_REDIRECTION,
                                           .at = fd >= 0 ? at - 1 : at,
                                           .end = at + strlen(row->sign),
                                           .operator= row->operator,
                                           .fd = fd >= 0 ? fd : row->fd };
        return 0;
}

static int read_pipe(const char *text, size_t at, struct shell_error *error, struct shell_token *ret_token) {
        if (text[at + 1] == '|')
                return shell_refuse(error, at, "'||' runs a command when another fails in a shell; use sh -c");
        if (text[at + 1] == '&')
                return shell_refuse(error, at, "'|&' is no pipe of every shell; write 2>&1 |, or use sh -c");
        *ret_token = (struct shell_token){ .kind = SHELL_PIPE, .at = at, .end = at + 1 };
        return 0;
}

int shell_token(const char *text, size_t at, struct shell_error *ret_error, struct shell_token *ret_token) {
        at += strspn(text + at, " \t");
        size_t digits = strspn(text + at, "0123456789");
        char behind = text[at + digits];
        if (text[at] == '\0') {
                *ret_token = (struct shell_token){ .kind = SHELL_END, .at = at, .end = at };
                return 0;
        }
        if (text[at] == '|')
                return read_pipe(text, at, ret_error, ret_token);
        if (behind != '<' && behind != '>')
                return read_word(text, at, ret_error, ret_token);
        if (digits > 1)
                return shell_refuse(ret_error, at,
                                    "a descriptor is one digit; put a blank behind a number, or use sh -c");
        return read_operator(text, at + digits, digits ? text[at] - '0' : -1, ret_error, ret_token);
}
