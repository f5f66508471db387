/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_EMIT_TYPES_H
#define LEATGEN_EMIT_TYPES_H

#include "tools/leatgen/emit.h"

/* A type, behind all that C must know before it; nothing if it stands already. */
void emit_type(struct job *job, struct page *page, struct definition *definition);

void emit_structure(struct page *page, const struct definition *definition);

#endif
