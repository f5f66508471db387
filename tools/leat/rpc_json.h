/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_RPC_JSON_H
#define LEAT_TOOL_RPC_JSON_H

/*
 * Texts of JSON, taken apart and set, not understood: a library of JSON would lose the last digits of numbers of 64 bits.
 */

#include <stdbool.h>
#include <stddef.h>

/* Nothing but white space. */
bool rpc_json_is_blank(const char *text, size_t size);

/* The first character is that of an array. */
bool rpc_json_is_array(const char *text, size_t size);

/* The elements of an array, one after the other; what they are is not looked at. */
struct rpc_json_elements {
        const char *at, *end;
        bool well; /* it was an array up to here */
};
struct rpc_json_elements rpc_json_elements_of(const char *text, size_t size);
bool rpc_json_next_element(struct rpc_json_elements *elements, const char **ret_element, size_t *ret_size);

/* Print what leat_xdr_to_json() has written on standard output, a field and an element a line. No newline at the end. */
void rpc_json_print_indented(const char *text, size_t size);

#endif
