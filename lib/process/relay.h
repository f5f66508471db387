/* SPDX-License-Identifier: MIT */
#ifndef LEAT_PROCESS_RELAY_H
#define LEAT_PROCESS_RELAY_H

/*
 * A relay: what comes in at one descriptor goes out at several, as by tee(1).
 *
 * It never waits: it does what can be done now, and has an epoll watch for what it can do next. It holds 64 KiB at most: new
 * input is taken when the last is out everywhere, so that the slowest output holds the others up, and nothing is lost.
 *
 * The *main* output is where the data would go without the relay. When it breaks, the input is closed, so that whoever writes there gets
 * EPIPE as without a relay (yes | tee log | head ends). Any other output that breaks is left out. Without a main output the
 * input is closed when none is left.
 */

#include "base/io.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct relay;

int relay_new(struct relay **ret_relay);

/* Closes all that it has. NULL is taken; returns NULL. */
struct relay *relay_free(struct relay *relay);

/* One output more, before it starts. `fd` is not ours alone: it is duplicated, and its flags stay as they are. Returns 0 or
 * a negative errno. */
int relay_add(struct relay *relay, int fd);

/*
 * Start: from now on `epoll` tells of it.
 *
 * input: consumed, also on failure; ours alone, non-blocking. main: likewise; its fd is -1 where there is none.
 * tag: what epoll_event.data is to say, with one of RELAY_SLOT in its lowest bits.
 */
int relay_start(struct relay *relay, int input, const struct io *main, int epoll, uint64_t tag);
#define RELAY_SLOT UINT64_C(0xffff)

/* epoll told this of the relay: an output that has nothing to do may have broken. Then as relay_run(). */
int relay_told(struct relay *relay, uint64_t slot, uint32_t events);

/* Do what can be done now. A long stream is left after some rounds: epoll tells of it again. Returns 0, or -ENOMEM or -ENOSPC: it
 * cannot be watched, and is to be run again. */
int relay_run(struct relay *relay);

/* All who were to write there are gone: what its input holds now is the last, whoever else has it open. */
void relay_finish(struct relay *relay);

/* Give up what has not come out. */
void relay_stop(struct relay *relay);

/* Has all come out that came in? Its descriptors are closed then. */
bool relay_ended(const struct relay *relay);

/* Close the descriptors, and no more: for a fork handler. Async-signal-safe. */
void relay_close(struct relay *relay);

#endif
