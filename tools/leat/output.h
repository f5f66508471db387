/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_OUTPUT_H
#define LEAT_TOOL_OUTPUT_H

/*
 * Standard output, checked: what could not be written is an error and never lost in silence. A reader that went
 * away (EPIPE) ends the command quietly, once it has closed its channels, as SIGPIPE would have.
 *
 * These return DONE or the exit code to end with, having said what is wrong.
 */

#include "tools/leat/options.h"

#include <jansson.h>
#include <leat/channel.h>
#include <leat/message.h>
#include <leat/transport.h>

/* See that descriptors 0 to 2 are open: else a channel's could come to be one, and be written into. Before all. */
void output_prepare(void);

/* One message of the channel (NULL: of none), in the format and with the columns that were asked for. */
int output_message(const struct options *options, struct leat_channel *channel, const struct leat_message *about,
                   const void *bytes, size_t size);

/* A value of JSON, which is consumed; NULL is taken for a lack of memory. */
int output_json(json_t *value);

/* What was put into stdout by printf or a table goes out. */
int output_flush(void);

/* Whether standard output was given, and to write to. Returns DONE, or the exit code after saying that it was not. */
int output_check(void);

/* The last of it. Returns `code`, or if that is DONE what is wrong with the output; does not return after EPIPE. */
int output_end(int code);

/* A peer, for JSON: an object, or null if it is not known. */
json_t *output_peer(const struct leat_peer *peer);

/* ISO 8601, UTC, to the nanosecond; NULL where no time is told (0). Returns `text`. */
const char *format_time(int64_t time_ns, char text[40]);

/* The pattern's word. */
const char *pattern_name(enum leat_pattern pattern);

#endif
