/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_RUN_TERMINALS_H
#define LEAT_TOOL_RUN_TERMINALS_H

/*
 * `leat run --unbuffered`: each stage puts out to a pseudo-terminal, since the C library keeps lines back from a pipe and not from a terminal.
 * This process carries what comes from there to the next stage's pipe, or to its own output.
 *
 *     stage  ->  slave, raw  |  master  ->  this process  ->  pipe  ->  next stage
 *
 * The end of the data is when the last holder of the slave is gone. A stage whose reader is gone is sent SIGPIPE, which a pipe would have done.
 * The last stage has no terminal of ours if our output is one, or none is open.
 */

#include <leat.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#define TERMINAL_BYTES 4096 /* not above PIPE_BUF: what poll(2) calls writable takes so much without waiting */

struct terminal {
        size_t stage;
        int master, out;  /* -1: closed */
        int slave, input; /* until all are started: what this stage writes to, and the next one reads */
        bool out_is_ours; /* and stays open */
        bool finishing;   /* no more than `left` bytes are read */
        size_t left;
        size_t begin, end;
        char bytes[TERMINAL_BYTES];
};

struct terminals {
        struct terminal *all;
        size_t count;
        int error; /* why our own output took no more, negative; or 0 */
};

/*
 * Make them for these commands of a pipeline, before the redirections of the user.
 * Returns 0, -EMFILE, -ENFILE, -ENOMEM, or what open(2) of /dev/ptmx says.
 */
int terminals_open(struct terminals *terminals, struct leat_command *const commands[], size_t count);

/* How many redirections a stage has for them, before the user's. */
unsigned terminals_redirections(const struct terminals *terminals, size_t stage);

/* The stages are started: close what is theirs. */
void terminals_started(struct terminals *terminals);

/* Fill `polled`, which has room for one for each stage. Returns how many. */
size_t terminals_poll(const struct terminals *terminals, struct pollfd polled[]);

/* Carry what can be carried now. */
void terminals_carry(struct terminals *terminals, struct leat_pipeline *pipeline);

/* All stages have ended: what their terminals hold now is the last, whoever else has them open. */
void terminals_finish(struct terminals *terminals);

/* After that: write what can be written now. Returns whether something is still to go to our output. */
bool terminals_drain(struct terminals *terminals, struct leat_pipeline *pipeline);

/* They are as large as ours. */
void terminals_resize(struct terminals *terminals);

void terminals_close(struct terminals *terminals);

#endif
