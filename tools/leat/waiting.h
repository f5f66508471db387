/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_WAITING_H
#define LEAT_TOOL_WAITING_H

/*
 * What waits at an address, without taking it (leat_peek): types, sizes and first bytes. Where that cannot be seen
 * there
 * is nothing to show, and that is no error.
 */

#include <jansson.h>

/* An array for JSON, or null where it cannot be seen. */
json_t *waiting_json(const char *address);

/* A table for people under the other one; nothing, if nothing waits. Returns DONE or the exit code. */
int waiting_print(const char *address);

#endif
