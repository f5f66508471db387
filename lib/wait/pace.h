/* SPDX-License-Identifier: MIT */
#ifndef LEAT_WAIT_PACE_H
#define LEAT_WAIT_PACE_H

/*
 * When to read a stream: at a distance, behind its writer (docs/design/speed.md, "Waiting").
 *
 * pace_is_due() before a read, pace_note() after it. Nothing depends on what is learned here but time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PACE_AFTER 4      /* reads in a row: it is a stream, no dialogue, where a look in vain stands between any two */
#define PACE_BYTES 2048   /* so much in one read is enough */
#define PACE_GAP_FIRST 16 /* reads without a pause, once one brought nothing */
#define PACE_GAP_MOST 1024
#define PACE_NS 3000

struct pace {
        unsigned streak;    /* reads in a row that found something at once */
        unsigned vain;      /* so many reads go by before a pause is tried again ... */
        unsigned gap;       /* ... and twice as many the next time; 0: PACE_GAP_FIRST */
        size_t alone_bytes; /* what the last read without a pause brought */
};

/* Is the next read worth a pause? */
static inline bool pace_is_due(const struct pace *pace) {
        return pace->streak >= PACE_AFTER && pace->vain == 0;
}

/* A read brought n bytes, behind a pause or without; or nothing, or an error. May the next one have to wait for a moment from now on? */
bool pace_note(struct pace *pace, ssize_t n, bool paused);

#endif
