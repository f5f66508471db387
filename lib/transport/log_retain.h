/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_LOG_RETAIN_H
#define LEAT_TRANSPORT_LOG_RETAIN_H

/*
 * Retention: which of a log's full files stay.
 */

#include "transport/log_file.h"

struct log_retention {
        uint64_t bytes, files, age_ns; /* at most so many; UINT64_MAX: any */
        int64_t looked_ns;             /* when it was last enforced, CLOCK_REALTIME */
};

/* Remove the oldest full files, while the rest are more, larger or older than they may be. PATH stays, as the header that
 * says which log it is. What cannot be removed now is tried again the next time. */
void log_retain(const struct log *log, struct log_retention *retention, int64_t now_ns);

/* Files grow old without anything else happening: is it time to look again? */
bool log_retain_due(const struct log_retention *retention, int64_t now_ns);

#endif
