/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_REPORT_H
#define LEATGEN_REPORT_H

/*
 * What is wrong with the input, for a person: collected while the stages run, and shown at the end in the order of the
 * file, each with its line, a caret and the notes that belong to it:
 *
 *     dir.x:12:9: error: `entry` is defined twice
 *        12 | struct entry {
 *           |        ^~~~~
 *     dir.x:3:8: note: it was first defined here
 */

#include "tools/leatgen/job.h"

#define REPORT_ERRORS_MOST 100

struct reports;

struct reports *reports_new(void);
void reports_free(struct reports *reports);

/* One clause without a full stop. The notes that follow belong to it. One error for a place: a second one there is dropped, with its notes. */
void report_error(struct job *job, const struct place *place, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void report_warning(struct job *job, const struct place *place, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void report_note(struct job *job, const struct place *place, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

size_t report_errors(const struct job *job); /* how many there were */

/* Writes all of it to a page, in order, and forgets it. */
void report_show(struct job *job, struct page *page);

#endif
