/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_LAYOUT_H
#define LEAT_SHARED_LAYOUT_H

/*
 * What stands in a region (docs/design/shared.md, "Layout"): header, participants, log, the program's bytes. Little-endian. All of it may be
 * written by anyone who may write the region: what is used from it is loaded once, and checked.
 */

#include <assert.h>
#include <leat/lock.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define REGION_MAGIC "leat-rgn"
#define REGION_VERSION 1
#define REGION_HEADER_BYTES 8192
#define REGION_PARTS 64
#define REGION_PART_NAME 32
#define REGION_LAYOUT_BYTES 3072 /* name and fields, as text */
#define REGION_WAITS 6           /* threads of a participant that are seen waiting at once */
#define REGION_READS 16          /* locks for reading that it has at once */

enum { REGION_BEING_MADE = 0, REGION_READY = 1 };

/* lib/shared/notice.c says how they are used. */
struct region_part {
        _Atomic uint64_t changes; /* its lower half is the futex */
        _Atomic uint32_t sleeps;  /* counted up by each that is about to sleep on it ... */
        _Atomic uint32_t served;  /* ... and so many of those were woken, or found that it had changed */
        union {
                _Atomic uint64_t name[REGION_PART_NAME / 8]; /* filled up with '\n'; a word that is 0 is not said yet */
                _Atomic uint64_t own; /* of the whole region, which has no name: so many changes were of no part */
        };
};

struct region_header {
        char magic[8];
        uint16_t version;
        uint16_t word_bytes;
        uint32_t page_bytes;
        _Atomic uint32_t state; /* release: all the rest stands; acquire before any of it is used */
        uint32_t participants;  /* slots */
        uint8_t identity[16];   /* random; the lock file says the same */
        uint64_t most_bytes;    /* of the program's bytes */
        uint64_t log_bytes;
        uint64_t participants_at, log_at, data_at; /* from the beginning of the header */
        uint64_t fingerprint;                      /* of the layout; 0: none was given */
        int64_t made_ns;
        _Atomic uint64_t size_bytes; /* of the program's bytes; release after they are allocated; only grows */
        uint64_t reserved[3];
        /* transactions: docs/design/shared.md */
        alignas(64) struct leat_mutex transaction;
        _Atomic uint64_t live;                /* words of the log that are to be rolled back */
        alignas(64) _Atomic uint64_t changes; /* odd: a commit is under way */
        alignas(64) _Atomic uint32_t pollers; /* counted up by each that begins to poll for notices */
        uint8_t bell[4];                      /* anon:: written when a part changes and somebody polls */
        uint64_t reserved_2[2];
        alignas(64) struct region_part parts[REGION_PARTS];
        alignas(64) char layout[REGION_LAYOUT_BYTES];
};
static_assert(sizeof(struct region_header) <= REGION_HEADER_BYTES, "the header has its pages");
static_assert(offsetof(struct region_header, transaction) == 128, "docs/design/shared.md says where it is");

/* One that waits for a mutex. */
struct region_wait {
        _Atomic uint64_t lock; /* its offset in the program's bytes, plus 1; 0: nobody */
        /* thread in the upper 32 bits; below, counted up when it begins and ends: read twice, unchanged: it did not move */
        _Atomic uint64_t count;
};

/* A slot. Written by who holds its lock in the lock file alone; or the lock of who takes it, while that one is free. */
struct participant {
        _Atomic uint32_t incarnation; /* counted up by each that takes the slot, before it has the kernel's lock */
        uint32_t pid, uid;            /* as it says itself, for people */
        uint32_t reserved;
        char name[16];
        struct region_wait waits[REGION_WAITS];
        /* offset of the lock in the upper 48 bits plus 1; below: thread. 0: none */
        _Atomic uint64_t reads[REGION_READS];
};
static_assert(sizeof(struct participant) == 256, "docs/design/shared.md says so");

/* Offsets of lock files: bytes that are locked, and what stands in them. In anon: memory they lie behind REGION_ANON. */
#define REGION_LOCK_MAKING 0          /* being made, grown, removed */
#define REGION_LOCK_READERS 1         /* shared: of those who may only read */
#define REGION_LOCK_POLLERS 2         /* shared: of those who poll for notices */
#define REGION_LOCK_SLOTS 16          /* slot k is at this plus k */
#define REGION_LOCK_JOINING (1 << 16) /* plus k: who is taking slot k, which is free till then (participants.c) */
#define REGION_ANON (UINT64_C(1) << 61)

/* What stands in a lock file, from its beginning. Written under byte 0, in one piece. */
#define REGION_LOCK_MAGIC "leat-lck"
enum { REGION_LOCK_NEW = 0, REGION_LOCK_NAMED = 1, REGION_LOCK_REMOVING = 2 };
struct region_lock_head {
        char magic[8];
        uint16_t version;
        uint16_t state;       /* NEW: the file was just made; REMOVING: whoever comes next completes that */
        uint32_t reserved;    /* 0 */
        uint8_t identity[16]; /* of the region that it belongs to: written before its memory is made */
        uint64_t reserved_2[4];
};
static_assert(sizeof(struct region_lock_head) == 64, "docs/design/shared.md says so");
#define REGION_LOCK_BELL 64 /* where a byte is written to tell those who poll (notice_poll.c) */

#endif
