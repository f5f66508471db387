/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_ERROR_H
#define LEAT_BASE_ERROR_H

/* Reasons: how a refusal carries its row, text and limit up to whoever tells a person. */

#include <errno.h>
#include <leat/error.h>
#include <stddef.h>

/* Fill *reason, if there is one, and return `error`, a negative errno. `text` is static. Inline, so that the analyzer
 * sees the error come back. */
static inline int reason_set(struct leat_reason *reason, int error, enum leat_row row, const char *text) {
        if (reason)
                *reason = (struct leat_reason){ .row = row, .error = error, .text = text };
        return error;
}

/* The same about one place of the address, `column` counted from 1. */
static inline int reason_at(struct leat_reason *reason, int error, uint32_t column, const char *text) {
        reason_set(reason, error, LEAT_ROW_OPENING, text);
        if (reason)
                reason->column = column;
        return error;
}

/* The same about a limit of the system, with its value now: "RLIMIT_NOFILE" or "RLIMIT_MSGQUEUE", or a sysctl as
 * "net.core.somaxconn", which is read from /proc/sys. */
int reason_limit(struct leat_reason *reason, int error, const char *limit, const char *text);

/* The value of a sysctl now ("net.core.somaxconn"); -1: it cannot be read. */
int64_t limit_sysctl(const char *name);

#endif
