/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_REGION_OPEN_H
#define LEAT_TOOL_REGION_OPEN_H

/* Opening regions for the subcommands of `leat region`. */

#include <jansson.h>
#include <leat/region.h>
#include <leat/semaphore.h>
#include <stdbool.h>
#include <stdint.h>

/* Does the address name a semaphore of the system? */
bool region_is_semaphore(const char *address);

/* Does it say how it is opened: open, create or new? */
bool region_says_how(const char *address);

/*
 * Open one that is there: to read, which takes no place among its participants, or to take part. What the address says besides stays.
 * Returns 0 or a negative errno.
 */
int region_open(const char *address, bool write, int64_t deadline, struct leat_reason *ret_reason,
                struct leat_region **ret_region);

/* The same; returns DONE, or the exit code after saying what is wrong. */
int region_open_or_tell(const char *address, bool write, int64_t deadline, struct leat_region **ret_region);

/* One that is there; what may not be written is opened to look at it alone. */
int region_open_semaphore(const char *address, int64_t deadline, struct leat_reason *ret_reason,
                          struct leat_sem **ret_sem);

/* Does no living process hold it, but this one, which may only read? */
bool region_is_stale(const struct leat_region *region, const struct leat_region_info *info);

/* For CLEANUP(). */
void region_close_at(struct leat_region **region);

/* "512", "64 KiB", "1.5 MiB". Returns `text`. */
const char *region_size_text(uint64_t bytes, char text[24]);

/* Names of anyone, for a terminal: what is no printable character is '?', in place. */
char *region_printable(char *text);

/* The same for JSON, where it is no UTF-8: '?' in place of what is not ASCII. NULL: null. */
json_t *region_text_json(const char *text);

#endif
