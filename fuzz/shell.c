/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: the lines of `leat run`. Whatever the text, it is refused at a place of it and with a word, or it is understood: then each command has a
 * word, and the same commands, written with every word in quotes, are understood as the same.
 */

#include "tools/leat/shell.h"
#include "require.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_quoted(FILE *to, const char *word) {
        putc('\'', to);
        for (; *word; word++)
                if (*word == '\'')
                        fputs("'\\''", to);
                else
                        putc(*word, to);
        fputs("' ", to);
}

static void put_redirection(FILE *to, const struct shell_redirection *redirection) {
        static const char *const signs[] = { "<", ">", ">>", ">&" };
        REQUIRE((redirection->operator== SHELL_DUPLICATE) == (redirection->path == NULL));
        REQUIRE(redirection->fd >= 0 && redirection->fd <= 9 && redirection->other >= 0 && redirection->other <= 9);
        fprintf(to, "%d%s", redirection->fd, signs[redirection->operator]);
        if (redirection->path)
                put_quoted(to, redirection->path);
        else
                fprintf(to, "%d ", redirection->other);
}

static char *write_line(const struct shell_line *line) {
        char *text = NULL;
        size_t size = 0;
        FILE *to = open_memstream(&text, &size);
        REQUIRE(to && line->stages_count > 0);
        for (size_t i = 0; i < line->stages_count; i++) {
                const struct shell_stage *stage = &line->stages[i];
                REQUIRE(stage->words_count > 0 && stage->words[stage->words_count] == NULL);
                fputs(i ? "| " : "", to);
                for (size_t n = 0; n < stage->words_count; n++)
                        put_quoted(to, stage->words[n]);
                for (size_t n = 0; n < stage->redirections_count; n++)
                        put_redirection(to, &stage->redirections[n]);
        }
        REQUIRE(fclose(to) == 0);
        return text;
}

/* Written and read again it is the same, which the text says as well as its parts. */
static void there_and_back(const struct shell_line *line) {
        struct shell_error error = { 0 };
        struct shell_line *again = NULL;
        char *text = write_line(line);
        REQUIRE(shell_parse(text, &error, &again) == 0);
        char *twice = write_line(again);
        REQUIRE(strcmp(text, twice) == 0);
        shell_free(again);
        free(twice);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct shell_error error = { 0 };
        struct shell_line *line = NULL;
        char *text = malloc(size + 1); /* of the exact size, so that a read beyond the end is seen */
        if (!text)
                return 0;
        memcpy(text, data, size);
        text[size] = '\0';
        int r = shell_parse(text, &error, &line);
        REQUIRE(r == 0 || (r == -EINVAL && error.text && error.at <= strlen(text)));
        REQUIRE(r == 0 || shell_column(text, error.at) <= error.at + 1);
        if (r == 0)
                there_and_back(line);
        shell_free(line);
        free(text);
        return 0;
}
