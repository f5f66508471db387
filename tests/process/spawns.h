/* SPDX-License-Identifier: MIT */
#ifndef PROCESS_SPAWNS_H
#define PROCESS_SPAWNS_H

/* What the tests of commands and processes share: each starts something, and looks at what became of it. */

#include "harness.h"

#include <leat.h>
#include <leat/process.h>

/* A command of up to seven words, ended by NULL; sh -c SCRIPT. */
struct leat_command *spawns_command(const char *program, ...) __attribute__((sentinel));
struct leat_command *spawns_shell(const char *script);

/* Start it; the test fails if it does not start. The command is freed. */
struct leat_process *spawns_start(struct leat_command *command);

/* Wait for it, and free it. Returns its exit code, or minus the signal that killed it. */
int spawns_end(struct leat_process *process);

/* Start it with its output kept, and wait for it. Returns what it put out, without the last newline; static. The command is freed. */
const char *spawns_output(struct leat_command *command);

/* Start it and expect an error. The command is freed; *ret_reason is set. No child and no descriptor is left. */
int spawns_error(struct leat_command *command, struct leat_reason *ret_reason);

/* A path in the test's directory; static, eight at a time. A file there with this text and mode. */
const char *spawns_path(const char *name);
const char *spawns_file(const char *name, const char *text, mode_t mode);

/* What a file holds; static. */
const char *spawns_text(const char *path);

#endif
