/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_REPORT_H
#define LEAT_TOOL_REPORT_H

/*
 * What the command says when something is wrong, and the exit code that goes with it. One line on stderr:
 *
 *     leat send: mq:orders: what is wrong; what to do
 */

#include <leat.h>

enum {
        DONE = 0,
        ANSWER_NO = 1, /* the answer is no, or the input cannot be read */
        USAGE = 2,
        CALL_NOT_RUN = 3,    /* of a remote call: the procedure did not run, and will not */
        CALL_UNKNOWN = 4,    /* it may have run */
        CALL_RAN = 5,        /* it ran, and failed, or its result could not be had */
        OWNER_DIED = 65,     /* EX_DATAERR: of a lock */
        NO_RECEIVER = 69,    /* EX_UNAVAILABLE */
        SYSTEM_REFUSED = 71, /* EX_OSERR */
        FULL = 75,           /* EX_TEMPFAIL */
        TIMED_OUT = 124,     /* 124 to 127 as timeout(1) and env(1) */
        NOT_STARTED = 125,
        NOT_RUNNABLE = 126,
        NOT_FOUND = 127,
        KILLED = 128 /* + the signal */
};

/* What was going on when an error came: the same number means different things. */
enum doing {
        OPENING = 1u, /* to receive or to reply */
        OPENING_TO_SEND = 2u,
        SENDING = 4u,
        CALLING = 8u,
        RECEIVING = 16u,
        ASKING = 32u, /* info, create, set, rm */
        READING_INPUT = 64u,
        WRITING_OUTPUT = 128u,
        STARTING = 256u, /* a program */
        SENDING_SYNC = 512u,
        DRAINING = 1024u, /* opening to take what is there now */
        OPENING_TO_CALL = 2048u,
        ANYTHING = ~0u
};

/* Which subcommand the lines are from, or NULL for none. Borrowed. */
void report_from(const char *command);

/* The one mapping from errors to exit codes. `error` is a negative errno. */
int exit_code(int error, enum doing doing);

/* One line; `about` is an address, a file or an option, or NULL. Control characters in it are escaped. */
void complain(const char *about, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* complain() about wrong usage. Returns USAGE. */
int complain_usage(const char *about, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Say why something failed. `reason` may be NULL, and its text too. Returns the exit code. */
int report(const char *about, int error, enum doing doing, const struct leat_reason *reason);

/* The same for a call on an open channel. */
int report_channel(const char *about, int error, enum doing doing, struct leat_channel *channel);

#endif
