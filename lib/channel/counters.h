/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_COUNTERS_H
#define LEAT_CHANNEL_COUNTERS_H

/*
 * What a channel counts, and where others can read it without asking (docs/design/shm.md, "Counters").
 *
 * Each word has one writer at a time: the one thread of a one-way channel, the channel's lock, or, of a pair of words, the thread of its
 * direction. So to count is a plain store; a reader sees some recent value of each, and never half of one.
 */

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counters {
        _Atomic uint64_t sent, sent_bytes, received, received_bytes; /* messages, and what they carry */
        _Atomic uint64_t dropped, refused;                           /* as struct leat_info tells them */
        _Atomic uint64_t quarantined;    /* peers that were cut off: they broke the protocol or a limit */
        _Atomic uint64_t hung_up;        /* peers that went by themselves */
        _Atomic uint64_t connections;    /* now */
        _Atomic uint64_t connected;      /* since it was opened */
        _Atomic uint64_t waits[2];       /* by direction: calls that found no room, or nothing, and waited */
        _Atomic uint64_t sleeps[2];      /* and how often they slept */
        _Atomic uint64_t full;           /* sends that found no room */
        _Atomic uint64_t wakes;          /* written to a sleeping peer */
        _Atomic uint64_t sent_before;    /* sent_bytes when the connection of today was made */
        _Atomic uint64_t received_gone;  /* bytes that came by connections which are no more */
        _Atomic uint64_t received_aside; /* bytes that were taken from the ring and wait in the channel */
};

#define COUNTERS_NAME "leat-counters" /* of the memory file */
#define COUNTERS_MAGIC "LEATCNT"
#define COUNTERS_VERSION 1
#define COUNTERS_ADDRESS_BYTES 1920

/* The page of a channel that has a name: a sealed memory file of this size, rounded up to the page, whose descriptor its party holds. */
struct counters_page {
        char magic[8]; /* COUNTERS_MAGIC */
        uint32_t version, word_bytes;
        uint32_t pid, flags;                  /* of who opened it, as itself saw it; LEAT_SEND ... and COUNTERS_... */
        uint64_t ring_bytes, opened_ns;       /* what it sends by; when, CLOCK_REALTIME */
        uint64_t device, inode;               /* of the socket file; 0: an abstract name */
        char address[COUNTERS_ADDRESS_BYTES]; /* its path, resolved, or @name; "": not known yet, or longer than this */
        _Alignas(64) struct counters counters;
};
#define COUNTERS_LISTENS (UINT32_C(1) << 30)
#define COUNTERS_GIVEN (UINT32_C(1) << 31) /* to a child (leat_give): pid is not its holder's */

static_assert(offsetof(struct counters_page, counters) == 1984, "docs/design/shm.md");
static_assert(sizeof(struct counters_page) <= 4096, "one page");

/* Relaxed: nothing else hangs on when a count is seen. */
static inline void counter_add(_Atomic uint64_t *counter, uint64_t more) {
        uint64_t count = atomic_load_explicit(counter, memory_order_relaxed);
        atomic_store_explicit(counter, count + more, memory_order_relaxed);
}

/* One message of this size went, or came. */
static inline void counters_sent(struct counters *counters, uint64_t size_bytes) {
        counter_add(&counters->sent, 1);
        counter_add(&counters->sent_bytes, size_bytes);
}

static inline void counters_received(struct counters *counters, uint64_t size_bytes) {
        counter_add(&counters->received, 1);
        counter_add(&counters->received_bytes, size_bytes);
}

static inline void counter_set(_Atomic uint64_t *counter, uint64_t count) {
        atomic_store_explicit(counter, count, memory_order_relaxed);
}

static inline uint64_t counter_get(const _Atomic uint64_t *counter) {
        return atomic_load_explicit(counter, memory_order_relaxed);
}

struct leat_channel;

/* Count where others can read it, from here on: before anything is counted. 0, -ENOMEM, -EMFILE, ... */
int counters_share(struct leat_channel *channel);

/* And let them find it. path: resolved, or @name; device, inode: of what it names, or 0. Nothing to do for a channel that is not shared. */
void counters_name(struct leat_channel *channel, const char *path, uint64_t device, uint64_t inode, bool listens);

/* The channel is given to a child that is forked from now on. 0 or a negative errno. */
int counters_give(struct leat_channel *channel);

/* In a forked child that does not own it: it is not to be found here. Async-signal-safe. */
void counters_after_fork(struct leat_channel *channel);

void counters_free(struct leat_channel *channel);

#endif
