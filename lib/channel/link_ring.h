/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_LINK_RING_H
#define LEAT_CHANNEL_LINK_RING_H

/*
 * What a link of shm: has where others have a socket's bytes (docs/design/shm.md): a memory file that this party writes, one that the other party
 * writes, and what wakes either. Its packets are single frames, as those of unix: are; beside them there are plain messages, the short form of the
 * usual one.
 *
 * The link's socket stays: HELLO and WELCOME go by it, and descriptors, and its end is the other party's.
 */

#include "base/io.h"
#include "base/rare.h"
#include "channel/wire.h"
#include "memory/barrier.h"
#include "memory/memfile.h"
#include "memory/ring.h"

#include <leat/deadline.h>
#include <leat/peer.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define LINK_RING_DEFAULT (UINT64_C(256) << 10)
#define LINK_RING_LEAST (UINT64_C(128) << 10) /* a frame of 64 KiB with its header fits */
#define LINK_RING_BACK (UINT64_C(16) << 10)   /* of a way back, which carries TAKENs */

/* Descriptors that one takes while it is made: more than it holds later. */
#define LINK_RING_DESCRIPTORS 8

/* What a record carries. A request and a reply are short forms, too, for who knows them: of type 1, and where the type of a plain message stands is how
 * long the caller still waits, in ns (0: without end), or the number of the request. They end where a line of the caches does, so that the next one begins there. */
enum { RING_PLAIN = 1, RING_PACKET = 2, RING_REQUEST = 3, RING_REPLY = 4 };
#define RING_SHORT_MOST 4096u /* bytes of a request or a reply */
#define RING_LINE 64u

/* How long the record with this word is that begins there. */
static inline uint64_t ring_length(uint64_t position, uint64_t word) {
        uint64_t carries = RING_ALIGN + (uint64_t)((uint32_t)word - 1);
        if ((word >> 32 & 0xffff) <= RING_PACKET)
                return ring_round(carries);
        return ((position + carries + RING_LINE - 1) & ~(uint64_t)(RING_LINE - 1)) - position;
}

struct link_ring {
        struct memfile mine, theirs;
        struct ring_writer writer;
        struct ring_reader reader;
        struct ring_state *state;      /* in mine; NULL: it is made when the other party has said HELLO */
        const struct ring_state *peer; /* in theirs; NULL: it has not been heard yet */
        uint64_t ring_bytes;           /* of mine */
        uint64_t plain_most;           /* the largest plain message that goes out */
        uint64_t take_most;            /* and that is taken in, the short way */
        uint64_t sequence;             /* of the last message that went out */
        uint64_t lacking;              /* room was wanted last for a record that carries so much */
        bool lacks_socket;             /* and the socket had none for descriptors */
        bool huge;                     /* mine is of huge pages */
        bool answers;                  /* the other party says HELLO, this one WELCOME */
        bool shorts;                   /* the other party knows RING_REQUEST and RING_REPLY */
        bool fence;                    /* as a publisher: no membarrier of the sleeper does it */
        bool relied_on;  /* as a sleeper: the other party fences not, since membarrier can be called here */
        bool hung_up;    /* the other party is gone, and all it sent is in the ring */
        bool closely;    /* look at the socket too, when the ring is empty */
        bool greeted;    /* only just; the hub's, who may have to tell that */
        bool given;      /* a child may have it */
        uint64_t asleep; /* what stands in state->asleep */
        uint64_t woken_receiver,
                woken_sender;    /* out of which sleep the other party was woken last, for either reason */
        uint64_t alive_at;       /* when the other party's life was looked at last: link_ring_moment() */
        uint64_t asked_at;       /* likewise when the request came, or went, that is to be answered (quick_call.h) */
        _Atomic uint64_t *wakes; /* counts those that were written; or NULL */
        unsigned sleeps;         /* since the wakes were read */
        unsigned sleeps_most;    /* then they are, before there is no room for one more */
        unsigned asked;          /* so many wakes may come for room */
        unsigned vain;           /* so many others in a row brought nothing */
        int failed;              /* why the other party cannot be heard: a negative errno */
        int refusal;             /* with -ECONNREFUSED: the word of its REFUSE */
        int wake_in, wake_out;   /* ends of two pairs of sockets: this party sleeps on the first; -1 */
        int wake_theirs;         /* the other end of wake_in, until it is said */
        int pidfd;               /* of the other party; -1: it cannot be named here */
};

/* Begin, on a connected socket: the connecting party says HELLO at once. ring_bytes: a power of two, RING_LEAST to RING_MOST. huge: of huge pages (?huge),
 * of which it is a multiple. -ENOMEM: there are too few of these, as of others; -ENOTSUP: there are none. */
int link_ring_new(int socket, bool answers, uint64_t ring_bytes, bool huge, const struct leat_peer *peer,
                  struct link_ring **ret_ring);

/* The size of a ring of which nothing else was said. */
uint64_t link_ring_usual(bool huge);

/* What a party takes for one link with a ring of so many bytes that it writes: the memory of its file, and of its address space for that. */
uint64_t link_ring_memory(uint64_t ring_bytes, bool huge);
uint64_t link_ring_addresses(uint64_t ring_bytes, bool huge);
#define LINK_RING_HOLDS 4    /* descriptors of a link: the socket, its end of either pair of wakes, a pidfd */
#define LINK_RING_REACHES 1  /* and of one whose peer has a ring above MEMFILE_AT_ONCE, until all of that was reached */
#define LINK_RING_MAPPINGS 4 /* and mappings: two of each file */

/* Is there room for such a ring? The kernel does not refuse what a memory cgroup has no room for: it kills. 0, -EFBIG (memfile_fits()) or -ENOMEM. The latter only of one from
 * LINK_RING_COMPARED on: to look takes as long as to make one of half of that. */
#define LINK_RING_COMPARED (UINT64_C(1) << 20)
int link_ring_compare(uint64_t ring_bytes);

/* orderly: tell the other party that it is over. */
struct link_ring *link_ring_free(struct link_ring *ring, bool orderly);

/* In a forked child: close, and nothing else. The mappings did not come along. */
void link_ring_after_fork(struct link_ring *ring);

/* A child that is forked from now on may go on with it. */
int link_ring_give(struct link_ring *ring);

/* Has the other party said who it is? 0: the ways are open; -EAGAIN: not yet; -ENODATA: it went; -ECONNREFUSED (ring->refusal); -EBADMSG,
 * -EPROTONOSUPPORT; -EMFILE and the like. But for -EAGAIN it stays so, and for -EMFILE where this party connected: what came is left in the socket. */
int link_ring_greet(int socket, struct link_ring *ring);

/* Does the other party have, or get, what this one writes? */
static inline bool link_ring_is_open(const struct link_ring *ring) {
        return !ring->answers || ring->peer;
}

/* ---- writing ---- */

/*
 * The look whether the other party lives is a call of the system. Of messages that follow each other at once only some are preceded by one: what it
 * found is believed for LINK_RING_ALIVE_..., which is less than the kernel takes from the hang-up until it tells a parent that waits (docs/design/shm.md).
 */
#define LINK_RING_ALIVE_NS 3000
#define LINK_RING_ALIVE_TICKS 8000 /* of x86, 2 to 4 us */
static inline uint64_t link_ring_moment(void) {
#if defined(__x86_64__)
        return __builtin_ia32_rdtsc();
#else
        return (uint64_t)leat_now();
#endif
}

/* moment: link_ring_moment(), now. */
static inline bool link_ring_is_due_at(const struct link_ring *ring, uint64_t moment) {
#if defined(__x86_64__)
        return moment - ring->alive_at > LINK_RING_ALIVE_TICKS;
#else
        return moment - ring->alive_at > LINK_RING_ALIVE_NS;
#endif
}
static inline bool link_ring_is_due(const struct link_ring *ring) {
        return link_ring_is_due_at(ring, link_ring_moment());
}

/* The other party's flags. */
static inline uint64_t link_ring_asleep(const struct link_ring *ring) {
        return atomic_load_explicit(&ring->peer->asleep, memory_order_relaxed);
}

/* Between what the other party is to see and the look whether it sleeps: the sleeper's membarrier makes a fence of it, but the compiler must keep
 * the order too. */
static inline void link_ring_fence(const struct link_ring *ring) {
        if (ring->fence)
                barrier_here();
        else
                atomic_signal_fence(memory_order_seq_cst);
}

/* Before anything is put: is the other party there? 0, -EPIPE, -EAGAIN: it has not come yet. */
ASIDE int link_ring_prepare_closely(int socket, struct link_ring *ring);
static inline int link_ring_prepare(int socket, struct link_ring *ring) {
        bool closely = !ring->peer || ring->failed < 0 || ring->hung_up || (link_ring_asleep(ring) & RING_RECEIVER) ||
                       atomic_load_explicit(&ring->peer->gone, memory_order_relaxed) || link_ring_is_due(ring);
        return closely ? link_ring_prepare_closely(socket, ring) : 0;
}

/* The word of a record. */
static inline uint64_t ring_word(uint32_t kind, uint16_t priority, size_t size_bytes) {
        return (uint64_t)priority << 48 | (uint64_t)kind << 32 | (uint64_t)(size_bytes + 1);
}

/* Put a packet, of these parts, or a plain message, where the ring's next record goes; it is there after link_ring_publish(). 0; -EAGAIN: full, or
 * (now: and it is true now, also of what was read only just); -EMSGSIZE (no room would do); -EBADMSG. */
int link_ring_put(struct link_ring *ring, const struct iovec *parts, int count);
int link_ring_put_plain(struct link_ring *ring, int64_t type, uint16_t priority, const void *bytes, size_t size_bytes,
                        bool now);

/* The latter, where ring_room() said that there is room for it. */
static inline void link_ring_add_plain(struct link_ring *ring, int64_t type, uint16_t priority, const void *bytes,
                                       size_t size_bytes) {
        uint8_t *place = ring_place(&ring->writer);
        memcpy(place + 8, &type, sizeof(type));
        ring_copy(place + RING_ALIGN, bytes, size_bytes);
        ring_add(&ring->writer, ring_round(RING_ALIGN + size_bytes), ring_word(RING_PLAIN, priority, size_bytes));
}

/* Who waits for room may wait for the dead: -EPIPE then in place of -EAGAIN. */
int link_ring_explain(int socket, struct link_ring *ring, int error);

/* What was put is there, and a sleeper wakes. */
ASIDE void link_ring_publish_first(int socket, struct link_ring *ring);
ASIDE void link_ring_wake_receiver(struct link_ring *ring);
static inline void link_ring_tell_receiver(struct link_ring *ring) {
        link_ring_fence(ring);
        if (link_ring_asleep(ring) & RING_RECEIVER)
                link_ring_wake_receiver(ring);
}
static inline void link_ring_publish(int socket, struct link_ring *ring) {
        ring_publish(&ring->writer);
        if (ring->peer)
                link_ring_tell_receiver(ring);
        else
                link_ring_publish_first(socket, ring);
}

/* All of that for one packet and what descriptors go with it. Its size, or as link_ring_prepare() and link_ring_put(). */
ssize_t link_ring_send(int socket, struct link_ring *ring, const struct iovec *parts, int count, const int *descriptors,
                       size_t descriptors_count, bool now);

/* ---- reading ---- */

/* The next record: RING_PLAIN and so on; -EAGAIN; -ENODATA; -EBADMSG; as link_ring_greet(). */
struct ring_found {
        const uint8_t *bytes;
        size_t size_bytes;
        uint64_t length; /* of the record */
        int64_t type;    /* of a plain message, as the next; of a request and a reply what stands there */
        uint16_t priority;
};
int link_ring_find(int socket, struct link_ring *ring, struct ring_found *ret_found);

/* Is there one, at a look? */
static inline bool link_ring_has(const struct link_ring *ring) {
        return ring->peer && ring_look(&ring->reader) != 0;
}

/* Plain messages of any size may be taken the short way, once all of their ring was looked at. */
static inline void link_ring_is_reached(struct link_ring *ring) {
        uint64_t fits = ring->reader.size - RING_BEHIND - RING_ALIGN;
        if (memfile_is_reached(&ring->theirs))
                ring->take_most = fits < WIRE_FRAME_BYTES ? fits : WIRE_FRAME_BYTES;
}

/* It was copied out. */
ASIDE void link_ring_tell_sender(struct link_ring *ring);
static inline void link_ring_pass(struct link_ring *ring, uint64_t length) {
        ring->vain = 0;
        ring_advance(&ring->reader, length);
        if (ring_owes(&ring->reader))
                ring_tell(&ring->reader);
        link_ring_fence(ring);
        if (link_ring_asleep(ring) & RING_SENDER)
                link_ring_tell_sender(ring);
}
static inline void link_ring_next(struct link_ring *ring, const struct ring_found *found) {
        link_ring_pass(ring, found->length);
}

/* ---- sleeping ---- */

/* Say that this party sleeps, for RING_RECEIVER or RING_SENDER (for `lacking` bytes). Then barrier_all(), once for all links; and then: is there
 * nothing that it waits for? */
void link_ring_sleeps(struct link_ring *ring, uint32_t as);
bool link_ring_may_sleep(struct link_ring *ring, uint32_t as);
/* It looks again. */
void link_ring_wakes(struct link_ring *ring, uint32_t as);
/* Does it sleep, as far as the other party knows? */
static inline bool link_ring_is_asleep(const struct link_ring *ring, uint32_t as) {
        return ring->asleep & as;
}

/* Read the wakes of this party. Was there any? What it was for is to be looked for then. */
bool link_ring_drain(struct link_ring *ring);

/* Are they to be read, before there is no room for one more? */
static inline bool link_ring_drains(const struct link_ring *ring) {
        return ring->sleeps >= ring->sleeps_most;
}

/* How many bytes wait in it, to be read? */
uint64_t link_ring_unread(const struct link_ring *ring);

#endif
