/* SPDX-License-Identifier: MIT */
#ifndef ENDS_H
#define ENDS_H

/* Ends of channels for tests. The harness itself knows nothing of libleat. */

#include "harness.h"

#include <leat.h>

/* Open an end; failing fails the test, with the reason. */
struct leat_channel *open_or_fail(const char *address, unsigned flags, int64_t deadline);

/* Try to open an end at an address. Returns what leat_open_with said; an end that was opened is closed again. */
int try_open(const char *address, unsigned flags, int64_t deadline, struct leat_reason *ret_reason);

/* The next message is this text, of 255 bytes at most; else the test fails. */
struct leat_message take_or_fail(struct leat_channel *receiver, const char *text, int64_t deadline);

struct leat_info info_of(struct leat_channel *channel);

#endif
