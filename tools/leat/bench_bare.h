/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_BARE_H
#define LEAT_TOOL_BENCH_BARE_H

/*
 * The bare mechanisms, as a careful program would use them by hand: no header, no framing, no deadline, nothing that
 * tells who sends; the sizes are known to both sides, so that a message of a stream is exactly its bytes. Blocking, or in a
 * spinning loop that gives the core away between two tries (setting->spin).
 */

#include "tools/leat/bench_loops.h"

extern const struct contender bare_pipe, bare_fifo, bare_unix, bare_unix_stream, bare_unix_dgram, bare_tcp, bare_udp,
        bare_mq, bare_sysv_mq, bare_log, bare_memory, bare_memory_futex, bare_opening;

/* What stands beside an opening of this scheme, or NULL. */
const struct contender *bare_find_opening(const char *scheme);

/* A call said EAGAIN, which only one that does not block says: let others run, and try again. */
bool bare_again(void);

/* Two one-way descriptors, in each direction: side 0 writes to there[1], side 1 to back[1]. */
void bare_join(struct end ends[2], const int there[2], const int back[2]);

/* Close `in` and `out`. */
void bare_drop(struct end *end);

/* The descriptors of both ends do not block, if the setting is to spin. 0 or a negative errno. */
int bare_unblock(struct end ends[2]);

#endif
