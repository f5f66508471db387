/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_MADE_H
#define LEAT_TOOL_BENCH_MADE_H

/* Libraries of others that are made when they are measured: texts are compiled in a private folder, and what comes out is loaded. */

#include <stddef.h>

struct made_text {
        const char *name; /* of its file */
        const char *text;
};

/*
 * Write the texts (the last one's name is NULL) to a new folder, run the commands there (the last one is NULL), quietly, and load a library that they made.
 * Returns it, or NULL if something of that does not work. What was loaded stays, though its folder goes.
 */
void *made_library(const struct made_text *texts, char *const *const *commands, const char *library);

#endif
