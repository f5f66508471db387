/* SPDX-License-Identifier: MIT */
#ifndef STORES_MQ_H
#define STORES_MQ_H

/* What the tests of mq: share: one queue. */

#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <signal.h>
#include <stddef.h>

/* Its name, which no other test has: "/leat-test-XXXXXX". Removed when the test has ended. */
const char *mq_name(void);

/* The queue's address with these options ("" or "?..."). Static, until the next call. */
const char *mq_address(const char *options);

/* Open it; failing fails the test. */
struct leat_channel *mq_sender(const char *options);
struct leat_channel *mq_receiver(const char *options);

/* Opening it must fail: the error. */
int mq_refused(const char *options, unsigned flags, struct leat_reason *ret_reason);

void mq_put(struct leat_channel *sender, const char *text);
/* The next is this text, within 10 s. */
void mq_take(struct leat_channel *receiver, const char *text);
/* Receive one: its size, or the error. ret_text: where it goes, 64 bytes; or NULL. */
int mq_receive_text(struct leat_channel *receiver, int64_t deadline, char *ret_text);

#endif
