/* SPDX-License-Identifier: MIT */
#ifndef BOTH_ENDS_H
#define BOTH_ENDS_H

/* Both ends of a channel of each transport, in this process: for what is counted of all of them alike. */

#include "harness.h"

#include <leat.h>
#include <stddef.h>

#define SOON harness_deadline_ms(40000)

/* A way to open a channel: later transports are one row more. */
struct kind {
        const char *name;
        const char *address; /* %s: the test's directory; NULL: both ends are made at once */
        const char *sender;  /* if the sender's is another one; %s: this process's id */
        bool flat;           /* %s is only the last part of it, which is as unique */
        bool port;           /* %s is an address and a port */
};

extern const struct kind kinds[];
extern const size_t kinds_count;

struct ends {
        struct leat_channel *receiver, *sender;
};

/* options: "wait=spin" and so on. */
void ends_open(struct ends *ends, const struct kind *kind, const char *options);
void ends_close(struct ends *ends);

/* A byte from end to end. */
void ends_use(struct ends *ends);

/* Nothing is there. */
void ends_settle(struct ends *ends);

#endif
