/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_OUTPUTS_H
#define LEATGEN_OUTPUTS_H

/* Which files an interface becomes, and what is in them. */

#include "tools/leatgen/output.h"

#define OUTPUTS_MOST 4u

struct schema;

/* Their names, without a folder. Returns how many. */
size_t outputs_names(struct job *job, const struct interface *interface, const char *ret_names[OUTPUTS_MOST]);
/* The same with their contents; the pages are the caller's. */
size_t outputs_make(struct job *job, const struct interface *interface, const struct schema *schema,
                    struct output_file ret_files[OUTPUTS_MOST]);
/* "folder/name", or the name. */
const char *outputs_path(struct job *job, const char *folder, const char *name);

/*
 * A rule for make and ninja: the outputs, a colon, what was read. Names are escaped. The second is for a page that has all
 * rules: each file but the inputs themselves gets a rule without anything, so that make goes on when an included file has
 * been renamed or removed.
 */
void depfile_add(struct page *page, struct job *job, const char *const *outputs, size_t count);
void depfile_add_included(struct page *page, const struct job *job);

#endif
