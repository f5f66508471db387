/* SPDX-License-Identifier: MIT */
#ifndef LEAT_PROCESS_COMMAND_OPEN_H
#define LEAT_PROCESS_COMMAND_OPEN_H

/* What a command's child reads and writes is opened here, by its parent, within a deadline. */

#include "process/command.h"

/*
 * Open a file, as open(2) with these flags would; always close-on-exec, above 2, and never the controlling terminal from then on. Of a FIFO it waits for
 * the other end until the deadline. Returns the descriptor, -EAGAIN or -ETIMEDOUT (no other end came), or what open(2) says.
 */
int command_open(const char *path, int flags, mode_t mode, int64_t deadline);

/* A sealed memory file with these bytes, to be read from its beginning. Returns the descriptor, above 2. */
int command_open_text(const char *bytes, size_t size_bytes);

/* Those of a program that began with 0 to 2 closed are not to become its child's: the same descriptor, or a copy above 2. On failure it is closed. */
int command_above_standard(int fd);

#endif
