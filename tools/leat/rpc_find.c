/* SPDX-License-Identifier: MIT */

/* Which procedure of an interface file a person means. */

#include "tools/leat/report.h"
#include "tools/leat/rpc_interface.h"
#include "tools/leat/rpc_names.h"
#include "tools/leatgen/near.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MOST 3u /* PROGRAM.VERSION.PROCEDURE */
#define WORD_BYTES 128u
#define SHOWN_MOST 32u

/* How well a word says what is meant; the least of them counts. */
enum fit { FIT_EXACT, FIT_CASE, FIT_END, FIT_NULL, FIT_NOT };

struct wanted {
        char words[PARTS_MOST][WORD_BYTES]; /* the procedure's first */
        size_t count;
};

/* One of all procedures, with how near it is to what was wanted. */
struct choice {
        const struct rpc_version *version;
        uint32_t procedure;
        unsigned distance;
        enum fit fit;
};

static const struct leat_rpc_procedure *procedure_of(const struct choice *choice) {
        return &choice->version->program.procedures[choice->procedure];
}

/* ---- words ---- */

/* False: it is none of one to three words with dots between. */
static bool split(const char *text, struct wanted *ret_wanted) {
        const char *end = text + strlen(text);
        *ret_wanted = (struct wanted){ .count = 0 };
        while (ret_wanted->count < PARTS_MOST) {
                const char *dot = memrchr(text, '.', (size_t)(end - text)), *begin = dot ? dot + 1 : text;
                size_t size = (size_t)(end - begin);
                if (size == 0 || size >= WORD_BYTES)
                        return false;
                memcpy(ret_wanted->words[ret_wanted->count++], begin, size);
                if (!dot)
                        return true;
                end = dot;
        }
        return false;
}

static bool is_end_of(const char *name, const char *word) {
        size_t size = strlen(name), end = strlen(word);
        return size > end && name[size - end - 1] == '_' && strcasecmp(name + size - end, word) == 0;
}

static enum fit fit_of(const char *word, const char *name, uint32_t number) {
        uint32_t wanted;
        if (rpc_number_read(word, &wanted))
                return wanted == number ? FIT_EXACT : FIT_NOT;
        if (strcmp(word, name) == 0)
                return FIT_EXACT;
        if (strcasecmp(word, name) == 0)
                return FIT_CASE;
        return is_end_of(name, word) ? FIT_END : FIT_NOT;
}

static enum fit worse(enum fit one, enum fit other) {
        return one > other ? one : other;
}

static enum fit fit_choice(const struct wanted *wanted, const struct choice *choice) {
        const struct leat_rpc_procedure *procedure = procedure_of(choice);
        const struct leat_rpc_program *program = &choice->version->program;
        enum fit fit = fit_of(wanted->words[0], procedure->name, procedure->number);
        if (fit == FIT_NOT && procedure->number == 0 && strcasecmp(wanted->words[0], "null") == 0)
                fit = FIT_NULL;
        if (wanted->count > 1)
                fit = worse(fit, fit_of(wanted->words[1], choice->version->name, program->version));
        if (wanted->count > 2)
                fit = worse(fit, fit_of(wanted->words[2], program->name, program->number));
        return fit;
}

/* ---- all of them ---- */

static void put_lower(char lower[WORD_BYTES], const char *text) {
        snprintf(lower, WORD_BYTES, "%s", text);
        for (char *at = lower; *at; at++)
                *at = (char)tolower((unsigned char)*at);
}

/* Of the name, or of its end behind an underscore; nothing, if the word stands in it. */
static unsigned distance_of(const char *word, const char *name) {
        char wanted[WORD_BYTES], lower[WORD_BYTES];
        struct guess guess = { NULL, NEAR_LENGTH_MOST };
        put_lower(wanted, word);
        put_lower(lower, name);
        for (const char *at = lower; at; at = strchr(at, '_'), at += at != NULL)
                guess_at(&guess, wanted, at);
        return strstr(lower, wanted) ? 0 : guess.distance;
}

static size_t count_choices(const struct rpc_interface *interface) {
        size_t count = 0;
        for (size_t i = 0; i < interface->count; i++)
                count += interface->versions[i].program.count;
        return count;
}

static void list_choices(const struct rpc_interface *interface, const struct wanted *wanted, struct choice *choices) {
        for (size_t i = 0; i < interface->count; i++)
                for (uint32_t k = 0; k < interface->versions[i].program.count; k++, choices++) {
                        *choices = (struct choice){ .version = &interface->versions[i], .procedure = k };
                        choices->fit = fit_choice(wanted, choices);
                        choices->distance = distance_of(wanted->words[0], procedure_of(choices)->name);
                }
}

/* The nearest first; else in the order of the file, which is that of the memory too. */
static int compare_choices(const void *one, const void *other) {
        const struct choice *left = one, *right = other;
        if (left->fit != right->fit)
                return left->fit < right->fit ? -1 : 1;
        if (left->distance != right->distance)
                return left->distance < right->distance ? -1 : 1;
        if (left->version != right->version)
                return left->version < right->version ? -1 : 1;
        return left->procedure < right->procedure ? -1 : left->procedure > right->procedure;
}

/* ---- what is said ---- */

static bool is_version_unique(const struct rpc_interface *interface, const char *name) {
        size_t count = 0;
        for (size_t i = 0; i < interface->count; i++)
                count += strcmp(interface->versions[i].name, name) == 0;
        return count == 1;
}

/* As it can be written. */
static void put_choice(FILE *stream, const struct rpc_interface *interface, const struct wanted *wanted,
                       const struct choice *choice) {
        if (wanted->count > 2 || !is_version_unique(interface, choice->version->name))
                fprintf(stream, "%s.", choice->version->program.name);
        if (wanted->count > 1 || interface->count > 1)
                fprintf(stream, "%s.", choice->version->name);
        fputs(procedure_of(choice)->name, stream);
}

static char *text_of(const struct rpc_interface *interface, const struct wanted *wanted, const struct choice *choices,
                     size_t count) {
        char *text = NULL;
        size_t size;
        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return NULL;
        for (size_t i = 0; i < count && i < SHOWN_MOST; i++) {
                fputs(i ? ", " : "", stream);
                put_choice(stream, interface, wanted, &choices[i]);
        }
        if (count > SHOWN_MOST)
                fprintf(stream, " and %zu more", count - SHOWN_MOST);
        return fclose(stream) == 0 ? text : NULL;
}

static int refuse(const char *about, const char *said, const struct rpc_interface *interface,
                  const struct wanted *wanted, const struct choice *choices, size_t count) {
        char *text = text_of(interface, wanted, choices, count);
        int code = complain_usage(about, "%s %s", said, text ? text : "...");
        free(text);
        return code;
}

static int choose(const struct rpc_interface *interface, const char *text, const struct wanted *wanted,
                  struct choice *choices, size_t count) {
        size_t best = 0;
        list_choices(interface, wanted, choices);
        qsort(choices, count, sizeof(*choices), compare_choices);
        if (choices[0].fit == FIT_NOT)
                return refuse(text, "no such procedure; there are", interface, wanted, choices, count);
        while (best < count && choices[best].fit == choices[0].fit)
                best++;
        if (best > 1)
                return refuse(text, "there are several; write one of", interface, wanted, choices, best);
        return DONE;
}

int rpc_interface_find(const struct rpc_interface *interface, const char *text, const struct rpc_version **ret_version,
                       uint32_t *ret_procedure) {
        struct wanted wanted;
        if (!split(text, &wanted))
                return complain_usage(text, "no procedure is named so; write PROCEDURE, VERSION.PROCEDURE or "
                                            "PROGRAM.VERSION.PROCEDURE, names or numbers");
        size_t count = count_choices(interface);
        struct choice *choices = calloc(count + 1, sizeof(*choices));
        if (!choices)
                return report(NULL, -ENOMEM, ASKING, NULL);
        int code = choose(interface, text, &wanted, choices, count);
        if (code == DONE) {
                *ret_version = choices[0].version;
                *ret_procedure = choices[0].procedure;
        }
        free(choices);
        return code;
}
