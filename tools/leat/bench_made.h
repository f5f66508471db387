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

/* With libtirpc, of what rpcgen makes and C around it: the command that compiles these sources; and what is said where that is not there. */
#define MADE_COMPILER(library, ...)                                                                                    \
        {                                                                                                              \
                "cc", "-O2", "-w", "-shared", "-fPIC", "-isystem", "/usr/include/tirpc", "-o", library, __VA_ARGS__,   \
                        "-ltirpc", NULL                                                                                \
        }
#define MADE_MISSING                                                                                                   \
        "rpcgen and its code are run and compiled when they are asked for: apt-get install rpcsvc-proto gcc "          \
        "libtirpc-dev"

#endif
