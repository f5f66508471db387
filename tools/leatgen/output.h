/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_OUTPUT_H
#define LEATGEN_OUTPUT_H

/*
 * The files that a run writes: all of them, or none.
 *
 * Each is made in memory. It is written to a file without a name (O_TMPFILE), which gets a name beside its place,
 * `.NAME.XXXXXX`, when it is whole; where the file system or a missing /proc forbids that, it has that name from the
 * beginning. Only when all are whole are they renamed into their places. What is there gets a second name first: if a rename
 * fails, it is put back; and if that fails too, it stays under that name, and the report tells it. A file whose bytes would
 * not change is left alone, with its time. A file that is new has the mode of the umask. A name that is a symbolic link
 * is replaced by a file, and what the link names is left alone, save of a file that `follows`.
 *
 * SIGHUP, SIGINT, SIGQUIT, SIGTERM and SIGXCPU are held back meanwhile: one that comes while files are written removes what
 * was written and then ends the program; one that comes during the renames waits for their end. Nothing helps against
 * SIGKILL: between two renames it leaves some files of the old and some of the new, and those under their second names.
 */

#include "tools/leatgen/job.h"

struct output_file {
        const char *folder; /* must exist; NULL is the current one */
        const char *name;   /* without a folder, unless it follows: then it is a path from the current one */
        struct page page;
        bool follows; /* a person named this very file: links are followed, and the mode of what is there stays */
        bool may_be_no_file; /* then a pipe or a device in its place is written to; before all others, as it cannot be undone */
};

/*
 * Write files. Two in one place are an error.
 * Returns 0, or -1 after a report: all is then as it was, or the report says what is not.
 */
int output_write(struct job *job, const struct output_file *files, size_t count);

#endif
