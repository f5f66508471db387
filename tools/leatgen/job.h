/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_JOB_H
#define LEATGEN_JOB_H

/*
 * One run of the compiler over one file: what was asked for, the memory that all of its data lies in, and what was
 * reported. Without memory the program ends with a message (job.c): a compiler that runs out of it has nothing better to do.
 */

#include "tools/leatgen/interface.h"
#include <stdarg.h>

struct pool;
struct reports;
struct define; /* preprocess.h */

struct options {
        const char *folder;   /* -o; NULL: the current one */
        const char **search;  /* -I, NULL-terminated */
        const char **defines; /* -D, "NAME" or "NAME=VALUE", NULL-terminated */
        const char *prefix;   /* --prefix or NULL */
        const char **inputs;  /* the files of the command line, which the prefix is for; NULL-terminated, or NULL */
        bool extended, borrow, small;
};

struct job {
        const struct options *options;
        struct pool *pool;
        struct reports *reports;
        const char **files; /* every file that was read, for --depfile; NULL-terminated */
        size_t file_count;
};

/* A job without a report and with an empty pool; job_end() frees both and all that lies in the pool. */
void job_begin(struct job *job, const struct options *options);
void job_end(struct job *job);

/* Memory until job_end(), cleared, aligned for any type. */
void *job_take(struct job *job, size_t size_bytes);
#define JOB_NEW(job, type) ((type *)job_take((job), sizeof(type)))
/* An array in the pool that grows: where `items`, `count` of them, go on to have room for one more. */
void *job_grow(struct job *job, void *items, size_t count, size_t *room, size_t item_bytes);

/* The same pointer for equal texts, so that names are compared by ==. */
const char *job_intern(struct job *job, const char *bytes, size_t size_bytes);
const char *job_intern_text(struct job *job, const char *text);
/* A text as printf(3) makes it, interned. */
const char *job_format(struct job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *job_format_list(struct job *job, const char *format, va_list arguments)
        __attribute__((format(printf, 2, 0)));

/* A number in decimal; it may be wider than what printf(3) knows. */
const char *job_digits(struct job *job, __int128 value);

/* Ends the program: there is no memory. */
_Noreturn void job_no_memory(void);
/* Memory for free(3), or that end: cleared, and as realloc(3) gives it. */
void *allocate_cleared(size_t count, size_t size_bytes);
void *allocate_again(void *old, size_t size_bytes);

/* ---- a text that grows: what an emitter writes ---- */

struct page {
        char *bytes; /* ended with a NUL; NULL while it is empty */
        size_t size, room;
};

void page_add(struct page *page, const char *text);
void page_add_bytes(struct page *page, const char *bytes, size_t size_bytes);
void page_format(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void page_format_list(struct page *page, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
void page_free(struct page *page); /* empty afterwards */

#endif
