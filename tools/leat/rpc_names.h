/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_RPC_NAMES_H
#define LEAT_TOOL_RPC_NAMES_H

/* The names of programs that are known by their number: /etc/rpc (rpc(5)). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RPC_NAME_MOST 64

/* "" if none is known. Returns `name`. */
const char *rpc_name_of(uint32_t program, char name[RPC_NAME_MOST]);

/* The number of a name, or of an alias. False: none is known. */
bool rpc_number_of(const char *name, uint32_t *ret_program);

/* "100003", "0x186a3": the number of a program, a version or a procedure. False: it is none. */
bool rpc_number_read(const char *text, uint32_t *ret_number);

/* A text of a stranger, for a terminal and for JSON: what is no printable character of ASCII is a '?'. Allocated; NULL without memory. */
char *rpc_name_clean(const char *text, size_t size_bytes);

#endif
