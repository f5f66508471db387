/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_CREW_H
#define LEAT_TOOL_CREW_H

/*
 * The crew of the demo: five processes that count words over one transport.
 *
 *     reader --lines, dealt out in turn--> worker 1, 2, 3 --each word and its count--> collector
 *
 * How they are joined follows from the declaration alone, so that a new transport takes part by itself:
 *
 *     receivers may be many   one channel to the workers; each takes the messages of its type, or, where types want
 *                             the one receiver, whatever comes
 *     one receiver            one channel for each worker
 *     senders may be many     one channel to the collector
 *     one sender              one channel from each worker
 *     1:1                     leat_pair() before the fork and leat_give(), where the transport does that; else names
 *     row 8 no                what is sent may be lost whoever lives: the channels of above are opened to call and reply, and
 *                             a sender asks now and then, by a call, whether all before it was read
 *
 * Nobody sends before all have opened what they receive from. The last message to a worker, and of one, is empty: the end of a channel is not enough for a collector, as the first
 * worker may be gone before the second has come, nor do all transports tell it.
 */

#include "tools/leat/texts.h"
#include "tools/leat/words.h"

#define WORKERS 3

struct crew_result {
        uint64_t messages, bytes;
        uint64_t lost; /* of the messages */
        int64_t ns;
        bool match;
        bool as_declared; /* the counts match; or messages were lost over a transport that says it may, and no count is too high */
};

/*
 * Let a crew do it all.
 *
 * folder: an empty private folder for names. expected: the count without IPC. stop: a descriptor that is readable
 * when it is to be given up. Returns 0, -ECANCELED after stop, -ENOSYS where the kernel is built without it, or the
 * negative errno of what failed, which has been said.
 * No process remains in any case, and no name.
 */
int crew_run(const struct leat_declaration *declaration, const struct texts *texts, const struct words *expected,
             const char *folder, int stop, struct crew_result *ret_result);

#endif
