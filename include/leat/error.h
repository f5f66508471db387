/* SPDX-License-Identifier: MIT */
#ifndef LEAT_ERROR_H
#define LEAT_ERROR_H

/*
 * Errors.
 *
 * Every call that can fail returns a negative errno: 0 or a count is success. What the kernel
 * said is passed on unchanged; outputs are untouched on failure, save where the function says so.
 * The library never prints and never ends the program. Some values have one meaning throughout:
 *
 *   -EAGAIN           the deadline was LEAT_NOW and the call would have waited
 *   -ETIMEDOUT        the deadline passed; of a synchronous send or a call: what happened is unknown
 *   -ECANCELED        leat_interrupt() ended the wait
 *   -ENODATA          the end: the last sender is gone and all that it sent was read
 *   -EPIPE            the last receiver is gone (SIGPIPE is never raised)
 *   -EMSGSIZE         the buffer is too small (the message is kept, its size told), or the message
 *                     is larger than this channel carries
 *   -ENOBUFS          the messages set aside by a selective receive reached their limit (?aside=)
 *   -EBADMSG          a peer broke the protocol; it was cut off and no one else
 *   -EPROTONOSUPPORT  a peer speaks another version of the protocol
 *   -ENOTSUP          this transport, pattern or framing does not do that; struct leat_reason says
 *                     which row of the contract, and what to use instead
 *   -EADDRINUSE       the address has its receiver already
 *   -EIDRM            the queue was removed while it was open
 *   -EBUSY            the pair is complete, or the peer takes no more connections
 *   -ECHILD           the channel was inherited by fork() and not given (leat_give)
 *   -EINVAL           an argument is wrong; nothing was done
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The rows of the contract of a channel (docs/design/contract.md). They index declarations and
 * name what a refusal is about. */
enum leat_row {
        LEAT_ROW_NONE = 0,
        LEAT_ROW_BOUNDARIES = 1,
        LEAT_ROW_ORDER = 2,
        LEAT_ROW_TYPES = 3,
        LEAT_ROW_WAITING = 4,
        LEAT_ROW_SYNC = 5,
        LEAT_ROW_FULL = 6,
        LEAT_ROW_END = 7,
        LEAT_ROW_DEATH = 8,
        LEAT_ROW_LIFETIME = 9,
        LEAT_ROW_WHO = 10,
        LEAT_ROW_DESCRIPTORS = 11,
        LEAT_ROW_POLLING = 12,
        LEAT_ROW_LIMITS = 13,
        LEAT_ROW_OPENING = 14,
        LEAT_ROW_LISTENING = 15,
        LEAT_ROW_THREADS = 16,
        LEAT_ROW_VERSIONS = 17,
        LEAT_ROW_INHERITANCE = 18,
        LEAT_ROW_MAX = 18
};

/* Why something was refused, for a person. Every text is static: nothing is to be freed. */
struct leat_reason {
        enum leat_row row; /* the row of the contract that it is about, or LEAT_ROW_NONE */
        int error;         /* the negative errno that was returned */
        const char *text;  /* what is wrong and what to do, one clause without a full stop; or NULL */
        const char *
                limit; /* the sysctl or rlimit that was met ("net.core.somaxconn"), or an option's bound ("the least"); NULL */
        int64_t limit_value; /* its value now, when limit is not NULL */
        uint32_t column;     /* where in the address, counted from 1; 0: not about one place of it */
};

/*
 * Say what an error means.
 *
 * error: a negative errno as the library returns it; its positive twin is understood too.
 * Returns a static text of one clause, never NULL, in the words of this library where it gives the
 * number a meaning of its own (the table above), else the C library's.
 * Does not block. Safe with threads, fork and signals. Since 0.1.
 */
const char *leat_strerror(int error);

/*
 * The name of a row: "boundaries", "order", ... ; NULL for a number that is not a row.
 * Static text. Does not block. Safe with threads, fork and signals. Since 0.1.
 */
const char *leat_row_name(enum leat_row row);

#ifdef __cplusplus
}
#endif

#endif
