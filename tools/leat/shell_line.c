/* SPDX-License-Identifier: MIT */
#include "tools/leat/shell.h"

#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>

static void free_stage(struct shell_stage *stage) {
        for (size_t i = 0; i < stage->words_count; i++)
                free(stage->words[i]);
        for (size_t i = 0; i < stage->redirections_count; i++)
                free(stage->redirections[i].path);
        free(stage->words);
        free(stage->redirections);
}

struct shell_line *shell_free(struct shell_line *line) {
        for (size_t i = 0; line && i < line->stages_count; i++)
                free_stage(&line->stages[i]);
        free(line ? line->stages : NULL);
        free(line);
        return NULL;
}

static void shell_free_at(struct shell_line **line) {
        shell_free(*line);
}

static void token_free_at(struct shell_token *token) {
        free(token->word);
}

/* Make room for one more in an array whose room is the next power of 2. Returns it, or NULL: *array is as it was. */
static void *one_more(void *array, size_t count, size_t size) {
        if (count & (count - 1))
                return array;
        return reallocarray(array, count ? 2 * count : 1, size);
}

static int add_stage(struct shell_line *line, struct shell_stage **ret_stage) {
        struct shell_stage *stages = one_more(line->stages, line->stages_count, sizeof(*stages));
        if (!stages)
                return -ENOMEM;
        line->stages = stages;
        stages[line->stages_count] = (struct shell_stage){ 0 };
        *ret_stage = &stages[line->stages_count++];
        return 0;
}

/* Takes the word. There is always room for the NULL behind. */
static int add_word(struct shell_stage *stage, char **word) {
        char **words = one_more(stage->words, stage->words_count + 1, sizeof(*words));
        if (!words)
                return -ENOMEM;
        stage->words = words;
        words[stage->words_count++] = TAKE(*word);
        words[stage->words_count] = NULL;
        return 0;
}

static int add_redirection(struct shell_stage *stage, const struct shell_redirection *redirection) {
        struct shell_redirection *all = one_more(stage->redirections, stage->redirections_count, sizeof(*all));
        if (!all)
                return -ENOMEM;
        stage->redirections = all;
        all[stage->redirections_count++] = *redirection;
        return 0;
}

static bool is_one_of(const char *const words[], const char *word) {
        while (*words && strcmp(*words, word) != 0)
                words++;
        return *words;
}

/* NAME= or NAME+=, unquoted. */
static bool is_assignment(const struct shell_token *token) {
        size_t name = strspn(token->word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
        size_t equals = name + (token->word[name] == '+');
        return name > 0 && !(*token->word >= '0' && *token->word <= '9') && token->word[equals] == '=' &&
               equals < token->name_end;
}

/* The first word of a command: what a shell does not take for the name of a program. */
static int check_first(const struct shell_token *token, struct shell_error *error) {
        static const char *const keywords[] = { "!",     "if",     "then",     "elif",   "else", "fi",
                                                "while", "until",  "for",      "do",     "done", "case",
                                                "esac",  "select", "function", "coproc", "time", NULL };
        /* They would change, or tell of, the shell itself; where a program of that name exists it does something else. */
        static const char *const builtins[] = { ".",    ":",       "alias",    "bg",      "break",    "builtin",
                                                "cd",   "command", "continue", "declare", "eval",     "exec",
                                                "exit", "export",  "fc",       "fg",      "getopts",  "hash",
                                                "jobs", "let",     "local",    "read",    "readonly", "return",
                                                "set",  "shift",   "shopt",    "source",  "times",    "trap",
                                                "type", "typeset", "ulimit",   "umask",   "unalias",  "unset",
                                                "wait", NULL };
        if (!token->quoted && is_one_of(keywords, token->word))
                return shell_refuse(error, token->at, "this is a keyword of the shell; quote it, or use sh -c");
        if (is_assignment(token))
                return shell_refuse(error, token->at,
                                    "this sets a variable in a shell; write env before it, or use sh -c");
        if (is_one_of(builtins, token->word))
                return shell_refuse(error, token->at, "this is a command of the shell itself; use sh -c");
        return 0;
}

static bool is_digit(const struct shell_token *token) {
        return token->kind == SHELL_WORD && !token->quoted && token->word[0] >= '0' && token->word[0] <= '9' &&
               token->word[1] == '\0';
}

/* What stands behind the operator `token`. ret_end: where it ends. */
static int parse_redirection(const char *text, const struct shell_token *token, struct shell_stage *stage,
                             struct shell_error *error, size_t *ret_end) {
        CLEANUP(token_free_at) struct shell_token target = { 0 };
        struct shell_redirection redirection = { .operator= token->operator, .fd = token->fd };
        int r = shell_token(text, token->end, error, &target);
        if (r < 0)
                return r;
        if (token->operator== SHELL_DUPLICATE && !is_digit(&target))
                return shell_refuse(error, target.at,
                                    "a descriptor, one digit, is missing after '>&'; use sh -c for more");
        if (target.kind != SHELL_WORD)
                return shell_refuse(error, target.at, "the name of a file is missing here");
        if (token->operator== SHELL_DUPLICATE)
                redirection.other = target.word[0] - '0';
        else
                redirection.path = target.word;
        r = add_redirection(stage, &redirection);
        if (r == 0 && redirection.path)
                target.word = NULL;
        *ret_end = target.end;
        return r;
}

/* Up to the '|' or the end, at *at; it goes behind the last token taken, which is told. */
static int parse_stage(const char *text, size_t *at, struct shell_stage *stage, struct shell_error *error,
                       enum shell_kind *ret_last) {
        for (;;) {
                CLEANUP(token_free_at) struct shell_token token = { 0 };
                int r = shell_token(text, *at, error, &token);
                if (r < 0)
                        return r;
                *at = token.end;
                *ret_last = token.kind;
                if (token.kind == SHELL_REDIRECTION)
                        r = parse_redirection(text, &token, stage, error, at);
                else if (token.kind != SHELL_WORD)
                        return stage->words_count
                                       ? 0
                                       : shell_refuse(error, token.at,
                                                      "a command is missing here; for more than commands use sh -c");
                else if (stage->words_count == 0)
                        r = check_first(&token, error);
                if (r == 0 && token.kind == SHELL_WORD)
                        r = add_word(stage, &token.word);
                if (r < 0)
                        return r;
        }
}

int shell_parse(const char *text, struct shell_error *ret_error, struct shell_line **ret_line) {
        CLEANUP(shell_free_at) struct shell_line *line = calloc(1, sizeof(*line));
        enum shell_kind last = SHELL_PIPE;
        size_t at = 0;
        if (!line)
                return -ENOMEM;
        while (last == SHELL_PIPE) {
                struct shell_stage *stage;
                int r = add_stage(line, &stage);
                if (r == 0)
                        r = parse_stage(text, &at, stage, ret_error, &last);
                if (r < 0)
                        return r;
        }
        *ret_line = TAKE(line);
        return 0;
}

size_t shell_column(const char *text, size_t at) {
        size_t column = 1;
        for (size_t i = 0; i < at; i++)
                column +=
                        ((unsigned char)text[i + 1] & 0xc0) != 0x80; /* a byte of UTF-8 that goes on is no character */
        return column;
}
