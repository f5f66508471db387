/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_NAMES_H
#define LEATGEN_NAMES_H

/* What the parts of the naming share (names.c says what is called how), and what emitters may ask. */

#include "tools/leatgen/job.h"

/* A prefix, in both its forms. */
struct prefix {
        const char *lower, *upper; /* "dir", "DIR" */
        bool doubled;              /* a family of libtirpc or libc: names that begin with it get it a second time */
};

/* ---- names_prefix.c ---- */

/* As the design says, from --prefix, the namespace, the first program or the file's base name. Reports one that is not allowed. */
struct prefix prefix_of_interface(struct job *job, const struct interface *interface);
/* What its tables are called after: interface.h. */
const char *table_of_interface(struct job *job, const struct interface *interface, struct prefix prefix);
/* Of an imported one, whose definitions are among those of `interface`. */
struct prefix prefix_of_imported(struct job *job, const struct interface *interface, const struct interface *home);
/* Of a program's stubs: the interface's for its first program, and for others with their own name behind it. */
struct prefix prefix_of_program(struct job *job, struct prefix of_file, const struct definition *program, bool first);

const char *prefix_type(struct job *job, struct prefix prefix, const char *name);     /* "entry": "dir_entry" */
const char *prefix_constant(struct job *job, struct prefix prefix, const char *name); /* "MAX": "DIR_MAX" */

/* The three in a row: what job_format() does, in a tenth of the time. A file has thousands of names. */
const char *text_join(struct job *job, const char *one, const char *between, const char *other);
const char *text_lower(struct job *job, const char *text);
const char *text_upper(struct job *job, const char *text);

/* ---- names_words.c ---- */

/* Is it a keyword of C or C++, or a macro of a system header? Such a name is no field's. */
bool is_word_of_c(const char *name);
/* A name in lower case that may be a member or a parameter: with a `_` behind it if it is a word of C. */
const char *name_for_c(struct job *job, const char *name);

/* ---- names_clash.c ---- */

/* What is behind a type's name in the functions that are made for it; NULL-terminated. */
extern const char *const type_functions[];

/* Typedefs that would be called as a function is get a `_`; all else that comes out equal is reported. */
void names_clash(struct job *job, struct interface *interface);

#endif
