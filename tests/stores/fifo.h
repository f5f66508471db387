/* SPDX-License-Identifier: MIT */
#ifndef STORES_FIFO_H
#define STORES_FIFO_H

/* What the tests of fifo: share. */

#include "ends.h"

#include <leat.h>
#include <limits.h>

#define SOON harness_deadline_ms(40000) /* what is to come comes before this */
#define LARGEST (PIPE_BUF - 48)

extern char fifo_path[200]; /* of the test's own fifo; at() sets it */

/* Its address with these options, or "". Valid until the fourth call from here. */
const char *at(const char *options);
struct leat_channel *receiver_at(const char *options);
struct leat_channel *sender_at(const char *options);
/* What opening it so, without waiting, says; what was opened is closed again. */
int refusal(const char *options, unsigned flags, struct leat_reason *ret_reason);

void send_text(struct leat_channel *sender, const char *text);
void take_text(struct leat_channel *receiver, const char *text);
ssize_t receive_now(struct leat_channel *receiver);
void expect_end(struct leat_channel *receiver);

/* A program that knows nothing of us. */
void write_plain(const char *text);

#endif
