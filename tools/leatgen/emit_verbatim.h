/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_EMIT_VERBATIM_H
#define LEATGEN_EMIT_VERBATIM_H

/* What the two that judge % lines have in common. */

#include "tools/leatgen/emit.h"

bool verbatim_is_for(const struct definition *line, uint32_t output);

/* Marks as `done` the lines of conditions that cannot stay in the output. emit_conditions.c */
void verbatim_conditions(struct job *job, const struct interface *interface, uint32_t output);

const char *verbatim_blanks(const char *at); /* what is behind them */
/* The text behind the word of a directive; NULL: it is another one, or none. */
const char *verbatim_directive(const char *text, const char *word);
/* `}` or `extern "C" {`, alone on its line. */
bool verbatim_is_brace(const char *text);

#endif
