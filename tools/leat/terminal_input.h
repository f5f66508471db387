/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_TERMINAL_INPUT_H
#define LEAT_TOOL_TERMINAL_INPUT_H

/*
 * What is typed, carried to a command in the background, which may not read the terminal itself: its standard input is a pipe from here.
 * Only where our standard input is the controlling terminal; otherwise the command has it as it is.
 */

#include <leat/process.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

struct terminal_input {
        int reading, writing; /* the pipe; -1 */
        bool foreground;      /* the terminal may be read: whoever does so in the background is stopped */
        char bytes[4096];
        size_t begin, end; /* what was read and not yet written */
};
#define TERMINAL_INPUT_NONE                                                                                            \
        { .reading = -1, .writing = -1 }

/* Before the command is started; and after it, whether or not it did. Returns 0 or a negative errno. */
int terminal_input_open(struct terminal_input *input, struct leat_command *command);
void terminal_input_started(struct terminal_input *input);

/* Look again whether we have the foreground: after a SIGCONT, and from time to time while there is something to carry and we have not. */
void terminal_input_look(struct terminal_input *input);
bool terminal_input_waits(const struct terminal_input *input);

/* What to poll for, in two places; and to do what can be done then. */
void terminal_input_poll(const struct terminal_input *input, struct pollfd polled[2]);
void terminal_input_carry(struct terminal_input *input, const struct pollfd polled[2]);

void terminal_input_close(struct terminal_input *input);

#endif
