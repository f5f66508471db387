/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_SKELETON_H
#define LEATGEN_SKELETON_H

/* What the two programs of --skeleton have in common: they are written once, for a person to go on with. */

#include "tools/leatgen/emit.h"

/* The first line and the includes. */
void skeleton_head(struct page *page, const struct interface *interface, const char *text);

#endif
