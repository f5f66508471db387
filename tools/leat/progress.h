/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_PROGRESS_H
#define LEAT_TOOL_PROGRESS_H

/*
 * One line on stderr, if that is a terminal, once the command has run for a second: what it does and how far it is.
 *
 * A timer's handler writes it, so that it is also seen while a call waits: a handler neither
 * ends nor lengthens a wait of the library.
 */

#include <stddef.h>

/* Begin. `what` is static text, as "waiting for a receiver". It also changes what is said later. */
void progress_begin(const char *what);

/* A message more, of so many bytes. */
void progress_count(size_t size_bytes);

/* Wipe the line, for something else to be written. */
void progress_clear(void);

/* Wipe it, and say no more. */
void progress_end(void);

#endif
