/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_STAGES_H
#define LEATGEN_STAGES_H

/*
 * The stages of the compiler, in their order (docs/design/leatgen.md). Each reports what it finds (report.h); the next one runs
 * only if there was no error, save check, which runs over what could be parsed.
 */

#include "tools/leatgen/job.h"

/* Read a file with all that it includes and imports. Returns NULL, with a report, if it cannot be read at all. */
struct interface *read_interface(struct job *job, const char *path);
/* The same of a text in memory, named `name` in messages: for tests and the fuzzer. */
struct interface *read_interface_text(struct job *job, const char *name, const char *bytes, size_t size_bytes);

void check_interface(struct job *job, struct interface *interface);          /* check.c */
void name_interface(struct job *job, struct interface *interface);           /* names.c */
struct schema *plan_interface(struct job *job, struct interface *interface); /* plan.c: plan.h says what a schema is */
/* These three, of what was read: NULL, with reports, if one of them finds an error, or if there is no interface. */
struct schema *complete_interface(struct job *job, struct interface *interface);

void emit_header(struct job *job, const struct interface *interface, const struct schema *schema, struct page *page);
void emit_xdr(struct job *job, const struct interface *interface, const struct schema *schema,
              struct page *page); /* tables, and: */
/* Straight code, behind the tables in the same file; also the codes[] table and what it needs. */
void emit_code(struct job *job, const struct interface *interface, const struct schema *schema, struct page *page);
void emit_client(struct job *job, const struct interface *interface, const struct schema *schema, struct page *page);
void emit_server(struct job *job, const struct interface *interface, const struct schema *schema, struct page *page);

/* Other outputs: each reads what the stages before it made. */
void emit_skeleton_client(struct job *job, const struct interface *interface, const struct schema *schema,
                          struct page *page);
void emit_skeleton_server(struct job *job, const struct interface *interface, const struct schema *schema,
                          struct page *page);
void print_json(struct job *job, const struct interface *interface, struct page *page);
/* The file's text in the house's format, comments and directives kept; false, with a report, if it is no interface file. */
bool format_file(struct job *job, const char *path, struct page *page);
void lint_interface(struct job *job, const struct interface *interface); /* warnings */
/* What breaks from the old one to the new one, a line each; returns whether anything breaks on the wire (2), in source (1), or nothing (0). */
int compare_interfaces(struct job *job, const struct interface *old, const struct interface *interface,
                       struct page *page);

#endif
