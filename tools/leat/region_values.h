/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_REGION_VALUES_H
#define LEAT_TOOL_REGION_VALUES_H

/* The bytes of a region, for people and for JSON. */

#include <jansson.h>
#include <stdint.h>

/* A line for each field of a layout: offset, name, value. Returns DONE or the exit code. */
int values_print(const char *layout, const uint8_t *bytes, uint64_t size);
json_t *values_json(const char *layout, const uint8_t *bytes, uint64_t size);

/* As xxd(1) does; `offset` is that of the first byte. */
int values_print_hex(const uint8_t *bytes, uint64_t size, uint64_t offset);
json_t *values_hex_json(const uint8_t *bytes, uint64_t size);

#endif
