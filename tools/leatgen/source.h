/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_SOURCE_H
#define LEATGEN_SOURCE_H

/* The text of a file that was read, and where its lines begin. */

#include "tools/leatgen/job.h"

#define SOURCE_BYTES_MOST ((size_t)100 << 20)

struct source {
        const char *name;  /* as messages show it */
        const char *path;  /* as it was opened */
        const char *bytes; /* a NUL stands behind them; a byte order mark at the beginning is left out */
        size_t size;
        const uint32_t *lines; /* where each line begins */
        uint32_t line_count;
        struct place included; /* the directive that brought it; no source: the command line */
        int64_t shift;         /* after a line marker: what was added to the number of a line */
};

/* NULL, with a report at `place`, if it cannot be read. */
struct source *source_read(struct job *job, const char *path, const struct place *place);
/* The same without a report. */
struct source *source_read_quietly(struct job *job, const char *path);
struct source *source_of_text(struct job *job, const char *name, const char *bytes, size_t size_bytes);

/* The same text under another name and with other numbers of lines, as `# 12 "name"` says. */
struct source *source_renamed(struct job *job, const struct source *source, const char *name, int64_t shift);

/* The line (from 1, as messages count) without its end. */
const char *source_line(const struct source *source, uint32_t line, size_t *ret_size);

/* "folder/name", where folder is the one of `path`; the name alone if it is absolute or the path has no folder. */
const char *path_beside(struct job *job, const char *path, const char *name);
bool path_is_file(const char *path);
const char *path_base(const char *path);
/* Whether it is the same file as one of these, NULL-terminated or NULL, by whatever name. */
bool path_is_among(const char *path, const char *const *paths);

#endif
