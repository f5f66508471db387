/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_REGION_H
#define LEAT_SHARED_REGION_H

/* A region that this process has open, and what the rest of lib/shared/ uses of it. */

#include "channel/fork.h"
#include "memory/place.h"
#include "shared/layout.h"

#include <assert.h>
#include <errno.h>
#include <leat/region.h>
#include <pthread.h>

/* How this process is told of changes, and tells others (notice_poll.c). Zeroes at first. */
struct region_notices {
        int inotify, timer;          /* open while leat_region.notice_fd is */
        _Atomic bool polls;          /* this process */
        _Atomic uint64_t asked;      /* when, and whether, others poll */
        int64_t first;               /* when who may only read is to look at least once; 0: it did */
        uint64_t armed;              /* parts that this process was told have not changed ... */
        uint64_t told[REGION_PARTS]; /* ... since their counters had these values */
};

#define REGION_LIVE 0x4c656174 /* magic of an object that was not freed */

struct leat_region {
        uint32_t magic;
        struct fork_member member;
        uint8_t *base;                /* the header, and the beginning of what is reserved; NULL: raw */
        uint8_t *data;                /* the program's bytes */
        _Atomic uint64_t data_bytes;  /* mapped so far; grows under `lock` */
        uint64_t reserved_bytes;      /* of addresses, from base on */
        struct region_header *header; /* NULL: raw */
        struct participant *participants;
        uint64_t *log;  /* header->log_bytes of it */
        uint32_t slots; /* checked copies of what stands in the header */
        uint64_t log_bytes, most_bytes;
        struct participant *me; /* NULL: raw, or may only read */
        uint32_t slot;
        uint64_t mark; /* of an owner: incarnation in the upper half, slot + 1 in the lower 16 bits; 0: may only read */
        bool writable;
        _Atomic(enum leat_access) access; /* relaxed, by region_access(); changed under `lock` */
        _Atomic uint64_t
                readable; /* snapshot.c: member.owner + 1 since it was found to have a header and to be readable; 0: to be looked at */
        struct memory_place place; /* where the memory is */
        int lock_fd;               /* evidence: holds our byte; -1: raw, or a child's */
        int filling_fd;            /* of the file, while what lies there is completed (open_make.c); else -1 */
        pthread_mutex_t lock;      /* of growth, of the notices' descriptor, of this struct */
        int notice_fd;             /* for poll(2); -1: nobody polled yet */
        struct region_notices notices;
        struct leat_txn *txn; /* made by the first that begins one; used by who has header->transaction */
        /* Of opening, growth and info alone. */
        char *address;
        uint64_t page_bytes;          /* of the memory */
        bool mapped;                  /* what is reserved is there; in a forked child, that it was in its parent */
        bool growing;                 /* a thread of this process is; under `lock` */
        _Atomic uint64_t reattaching; /* the process (fork_generation()) of which a thread does that; 0: none */
        bool kept;        /* a child's, which did not attach: its addresses are taken, and nothing is there */
        uint64_t data_at; /* of the program's bytes, from the header on */
        uint8_t identity[16];
        struct memory_mapping raw;
        uint64_t raw_offset; /* where the program's bytes begin in it (?offset) */
        uint64_t fingerprint;
        int64_t made_ns;
        char layout[REGION_LAYOUT_BYTES + 1];
};

/* Where a byte of the lock file is locked. */
static inline uint64_t region_lock_at(const struct leat_region *region, uint64_t byte) {
        return region->place.lock_path ? byte : REGION_ANON + byte;
}

/* May this be used at all? 0; -ECHILD. */
static inline int region_check(const struct leat_region *region) {
        assert(region->magic == REGION_LIVE);
        return fork_owns((struct fork_member *)&region->member) ? 0 : -ECHILD;
}

/* May this process change the region, and has it a header? 0; -ECHILD, -ENOTSUP, -EACCES. */
static inline int region_check_change(const struct leat_region *region) {
        int r = region_check(region);
        if (r < 0)
                return r;
        return region->mark != 0 ? 0 : region->header ? -EACCES : -ENOTSUP;
}

/* As the program's bytes are mapped now. Who changes that at the same time is a race of the program's own. */
static inline enum leat_access region_access(const struct leat_region *region) {
        return atomic_load_explicit(&region->access, memory_order_relaxed);
}

/* May it write them, of which it was seen that they are there? */
static inline bool region_writes(const struct leat_region *region) {
        return region->mark != 0 && region_access(region) == LEAT_ACCESS_WRITE;
}

/* region_check_change(), and that. */
static inline int region_check_write(const struct leat_region *region) {
        int r = region_check_change(region);
        return r == 0 && region_access(region) != LEAT_ACCESS_WRITE ? -EACCES : r;
}

/* Do so many bytes at this pointer lie within the program's bytes, as far as they are mapped here, at a multiple of `align`? */
static inline bool region_has(const struct leat_region *region, const void *where, uint64_t size_bytes,
                              uint64_t align) {
        uint64_t at = (uint64_t)((uintptr_t)where - (uintptr_t)region->data);
        uint64_t end = atomic_load_explicit(&region->data_bytes, memory_order_acquire);
        return at <= end && size_bytes <= end - at && ((uintptr_t)where & (align - 1)) == 0;
}

static inline uint64_t region_offset(const struct leat_region *region, const void *where) {
        return (uint64_t)((uintptr_t)where - (uintptr_t)region->data);
}

/* ---- evidence (participants.c) ---- */

/*
 * Is the owner that this mark names (incarnation and slot + 1, as leat_region.mark; other bits are ignored) dead? Asks the kernel, unless it is another incarnation: about 1 us. Who cannot
 * exist (a slot beyond the table) is dead. What the kernel refuses to say: false.
 */
bool region_is_dead(const struct leat_region *region, uint64_t mark);
#define REGION_MARK(incarnation, slot) ((uint64_t)(incarnation) << 32 | ((slot) + 1))
#define REGION_MARK_BITS UINT64_C(0xffffffff0000ffff)

/* The number of this thread among those of its process that use regions: 1 to 4095, or 0: there are more. Given back when it ends. (thread.c) */
/* Each lock asks for it: where the C library lends static thread-local memory to libraries that are loaded late, it is one load. */
#ifdef __GLIBC__
#define REGION_THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define REGION_THREAD_LOCAL _Thread_local
#endif
extern REGION_THREAD_LOCAL uint32_t region_thread_mine;
uint32_t region_thread_take(void);
static inline uint32_t region_thread(void) {
        return region_thread_mine ? region_thread_mine : region_thread_take();
}

/* Sleep while *word is `value`, for at most until `until`; any return is a reason to look. Shared futex, FUTEX_WAIT. (futex.c) */
void region_sleep(const _Atomic uint32_t *word, uint32_t value, int64_t until);
void region_wake(const _Atomic uint32_t *word, int how_many);
/* The same of those that sleep as one of these (bits). */
void region_sleep_as(const _Atomic uint32_t *word, uint32_t value, int64_t until, uint32_t who);
void region_wake_of(const _Atomic uint32_t *word, int how_many, uint32_t who);

/* Copies by which nothing tears below a word, and which TSan knows: of what others may change meanwhile. (words.c) */
void region_copy_out(void *to, const void *from, size_t size_bytes);
void region_copy_in(void *to, const void *from, size_t size_bytes);

/* ---- transactions (transaction.c) ---- */

/* Roll back what a dead one left; by who has header->transaction. */
void transaction_recover(struct leat_region *region);
void transaction_free(struct leat_txn *txn);

/* ---- notices (notice.c) ---- */

/* A part has changed; 0: the whole region. By who may write it. Async-signal-safe. */
void notice_changed(struct leat_region *region, uint32_t part);
/* Close what polls. While nobody forks (fork_hold()), or in the handler of a child: async-signal-safe. */
void notice_close(struct leat_region *region);

#endif
