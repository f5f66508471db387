/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_SIGNAL_NAMES_H
#define LEAT_TOOL_SIGNAL_NAMES_H

/* Signals as the parts of `leat signal` read and write them. */

#include <jansson.h>
#include <leat/signal.h>
#include <stdbool.h>
#include <stdint.h>

/* One signal by its name or number. Returns DONE, or USAGE after saying what is wrong. */
int signal_read(const char *text, int *ret_number);

/* The same of one that is to be caught, as by wait and shield: not SIGKILL nor SIGSTOP. */
int signal_read_catchable(const char *text, int *ret_number);

/*
 * The names of a set (bit N - 1 is signal N) with spaces between, or "-"; a run of three or more real-time signals as its first and its last with ".."
 * between. Signals that the C library keeps for itself are told by number. To be freed; NULL: no memory.
 */
char *signal_set_text(uint64_t set);

/* The same as an array of names, all of them. */
json_t *signal_set_json(uint64_t set);

/* The name of one, for JSON and lines; its number where it has none. `text` is a place for that. */
const char *signal_text(int number, char text[16]);

/* The name of a process (/proc/PID/comm), for people and JSON: what is no printable ASCII is '?'. Returns `text`, "?" if it is not known. */
const char *process_name(pid_t pid, char text[64]);

/* ISO 8601, of now. */
const char *time_now(char text[40]);

/* One value on a line of its own, and out. The value is consumed; NULL: no memory. Returns DONE or the exit code. */
int output_json_line(json_t *value);

#endif
