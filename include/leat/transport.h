/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_H
#define LEAT_TRANSPORT_H

/*
 * Transports, and what each declares of the contract.
 *
 * One mechanism that carries messages is a transport. For each pattern and framing that it offers
 * it declares every row of the contract: yes, peer (with Leat at the other end too) or no, with why
 * not and what to use instead. `leat transports` prints these declarations; the conformance suite
 * proves them. They are constant data of the library.
 */

#include <leat/error.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum leat_verdict {
        LEAT_NO = 0,   /* not done; a need for it is refused */
        LEAT_PEER = 1, /* done with Leat at the other end too */
        LEAT_YES = 2   /* done whoever is at the other end */
};

enum leat_pattern {
        LEAT_QUEUE = 0,    /* each message is taken by one receiver */
        LEAT_PAIR = 1,     /* two ends, both ways */
        LEAT_BROADCAST = 2 /* each message reaches every receiver */
};

struct leat_row_declaration {
        enum leat_verdict verdict;
        const char *why; /* for no and peer: why, and what to use instead; else NULL or a note */
};

struct leat_declaration {
        const char *scheme;
        enum leat_pattern pattern;
        const char *framing;                                /* "leat", "raw", "lines", "nul", "length" */
        const char *parties;                                /* senders to receivers: "1:1", "n:1" */
        uint64_t largest_bytes;                             /* the largest message by default */
        int two_way;                                        /* whether replies go back on it (leat_call) */
        struct leat_row_declaration rows[LEAT_ROW_MAX + 1]; /* indexed by enum leat_row */
};

/*
 * The n-th declaration, counted from 0, in a steady order; NULL past the last.
 * Static data, never freed. Does not block. Safe with threads, fork and signals. Since 0.1.
 */
const struct leat_declaration *leat_declaration_at(size_t n);

/*
 * One line that says what a scheme is ("anonymous pipes, between relatives"); NULL for an unknown one.
 * Static text. Does not block. Safe with threads, fork and signals. Since 0.1.
 */
const char *leat_scheme_summary(const char *scheme);

#ifdef __cplusplus
}
#endif

#endif
