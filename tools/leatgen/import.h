/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_IMPORT_H
#define LEATGEN_IMPORT_H

/*
 * What `%#include` brings: the integer constants of C headers. They are read only if a name is looked for that the interface does not define.
 *
 * Conditions in C headers are not decided, save `#if 0`, `#if 1` and `__cplusplus`: both branches are looked at, and a name
 * that has several values there is an error at its use, not a guess.
 */

#include "tools/leatgen/job.h"
#include "tools/leatgen/map.h"

#define HEADERS_MOST 5000u

/* One of the definitions of a name. */
struct constant {
        const char *body; /* an expression */
        struct constant *next;
        bool busy;
};

struct imports {
        struct map paths;     /* of headers that are in the queue or were read */
        struct map constants; /* struct constant */
        const char **queue;   /* headers to read */
        size_t count, room, done;
        const char *missing;        /* the first header that was not found */
        const char *const *folders; /* of the system's headers; NULL until one is looked for */
        unsigned steps;             /* of one evaluation */
};

struct imports *imports_new(struct job *job);

/* Notes the header; nothing is read yet. Returns false if there is no such file. `source` is the file that names it. */
bool imports_add(struct job *job, struct imports *imports, const struct source *source, const char *name, bool quoted);

/* Whether there is a C header of that name. */
bool imports_find(struct job *job, struct imports *imports, const struct source *source, const char *name);
/* The file of that name in a folder of -I or of the system; NULL: there is none. */
const char *imports_search(struct job *job, struct imports *imports, const char *name);
/* The same of these folders, NULL-terminated or NULL. */
const char *find_in_folders(struct job *job, const char *const *folders, const char *name);

/* A `%#define` of the interface itself: what stands behind that word. */
void imports_define(struct job *job, struct imports *imports, const char *text);

/* The value of a name that no definition of the interface has: from a C header. Only integers. */
bool constant_lookup(struct job *job, const struct interface *interface, const char *name, __int128 *ret_value);

/* All constants of a header's text, and the headers that it includes; header.c. */
void header_scan(struct job *job, struct imports *imports, const struct source *source);
void imports_add_constant(struct job *job, struct imports *imports, const char *name, const char *body);

/* The first header of a `%#include` that was not found, as written; NULL: there is none. */
const char *import_missing(const struct interface *interface);

#endif
