/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_RUN_STATUS_H
#define LEAT_TOOL_RUN_STATUS_H

/* `leat run`: what became of each stage, on standard error, since standard output is the pipeline's. */

#include "tools/leat/run_terminals.h"
#include "tools/leat/shell.h"

#include <leat.h>
#include <stdbool.h>

/* Say why those stages have not started that have not. */
void status_complain(struct leat_pipeline *pipeline, const struct shell_line *line, const struct terminals *terminals);

/* The exit code of the whole: as of a shell with pipefail, or TIMED_OUT. */
int status_code(struct leat_pipeline *pipeline);

/* Has the pipeline's deadline ended one of them? */
bool status_expired(struct leat_pipeline *pipeline);

/* Was one of them killed by a signal? */
bool status_killed(struct leat_pipeline *pipeline);

/* Print all. Returns DONE, or the exit code, having said what is wrong. */
int status_print(struct leat_pipeline *pipeline, const struct shell_line *line);
int status_print_json(struct leat_pipeline *pipeline, const struct shell_line *line);

#endif
