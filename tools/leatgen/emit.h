/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_EMIT_H
#define LEATGEN_EMIT_H

/* Pieces of C that the emitters have in common. */

#include "tools/leatgen/job.h"
#include "tools/leatgen/plan.h"

/* How a variable of the type alone is declared: "int32_t", "struct dir_entry". NULL for void. */
const char *c_type_of(const struct type *type);

/* A number as C has it, for where nothing binds closer than a minus. */
void emit_int(struct page *page, int32_t value);

/* A comment, at an indentation of so many blanks; whatever would end or begin another one in it is taken apart. Nothing for NULL. */
void emit_comment(struct page *page, const char *text, unsigned indent);

/* The first line of each output: what made it, from what. */
void emit_origin(struct page *page, const struct interface *interface);

/* The % lines that an output has for itself alone: those for the header too stand there. */
void emit_verbatim(struct job *job, struct page *page, const struct interface *interface, uint32_t output);

/*
 * In their place between definitions: between begin and end, those that are left out are `seen`, as emit_verbatim.c says why; a line that is
 * not writes nothing, and the first of several warns.
 */
void verbatim_begin(struct job *job, const struct interface *interface, uint32_t output);
void verbatim_line(struct job *job, const struct interface *interface, struct page *page, struct definition *line,
                   bool first);
void verbatim_end(const struct interface *interface);

/* A member or a typedef's name, without the semicolon. A member of the shape T<> has an own structure, of the tag or none. */
void emit_declaration(struct page *page, const struct declaration *declaration, const char *name, const char *tag,
                      unsigned indent);
/* Of an arm that is held: a pointer to it, to all of it if it is an array. */
void emit_held(struct page *page, const struct declaration *declaration, const char *name);

bool is_incomplete(const struct declaration *declaration);

/* A version's table of procedures. Client and server have it each, and the linker keeps one: the types alone need none. */
void emit_programs(struct job *job, const struct interface *interface, const struct schema *schema, struct page *page);

/* A line of C that is broken behind commas where it gets too long; what goes on is indented by 8 more. */
void emit_wrapped(struct page *page, const struct page *line, unsigned indent);

/* How an argument is passed. */
enum passing {
        PASS_VALUE,   /* numbers, enumerations */
        PASS_POINTER, /* optional ones: the pointer that they are */
        PASS_ARRAY,   /* as C passes arrays: a pointer to the first */
        PASS_ADDRESS, /* const T * */
};
enum passing passing_of(const struct schema *schema, const struct declaration *declaration);

/* What one that is passed by PASS_POINTER points to. */
const char *pointed_to(const struct schema *schema, const struct declaration *declaration);

/* "const struct dir_entry *entry" */
void emit_parameter(struct page *page, const struct schema *schema, const struct declaration *declaration);
/* "struct dir_entry *ret_result" */
void emit_result(struct page *page, const struct schema *schema, const struct declaration *declaration);

/* Of a procedure: what stubs and the functions of a server have in common, "const struct A *a, struct R *ret_result, ". */
void emit_values(struct page *page, const struct schema *schema, const struct procedure *procedure);

enum stub {
        STUB_CALL, /* it waits for the answer */
        STUB_START /* it does not: "dir_lookup_2_start", in the header, so that no program has it that does not use it */
};

/* "int dir_lookup_2(struct leat_rpc_client *client, ..., struct leat_rpc_call *call)" and what ends it. */
void emit_stub_head(struct page *page, const struct schema *schema, const struct procedure *procedure, enum stub stub,
                    const char *end);
/* All of it. index: of the procedure in its version. */
void emit_stub(struct page *page, const struct schema *schema, const struct version *version,
               const struct procedure *procedure, unsigned index, enum stub stub);

/* The member of the structure of functions: "lookup" of dir_lookup_2 in dir_2. */
const char *procedure_member(struct job *job, const struct interface *interface, const struct procedure *procedure);

/* Each version of the interface's own programs, in their order. */
typedef void version_step(struct job *job, const struct interface *interface, const struct schema *schema,
                          const struct definition *program, const struct version *version, struct page *page);
void for_versions(struct job *job, const struct interface *interface, const struct schema *schema, struct page *page,
                  version_step *step);

#endif
