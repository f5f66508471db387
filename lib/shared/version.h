/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_VERSION_H
#define LEAT_SHARED_VERSION_H

/*
 * Reading without a lock what a writer changes under one: the number is odd while it does (docs/design/shared.md, "Transactions").
 *
 *     writer, with the mutex:                       reader:
 *             version_open(&number);                        seen = version_look(&number);
 *             ... stores of relaxed words ...               ... if even: loads of relaxed words ...
 *             version_shut(&number);                        if even: is it version_same(&number, seen)? If so they are of one moment
 */

#include "base/rare.h"
#include "shared/region.h"

/* gcc's thread sanitizer knows no fences, and says so. What these order are atomic words alone: it misses no race for that, and sees none. */
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif
/* Stores behind it are not seen before those in front of it, by who has a fence_acquire() between its loads of the former and of the latter. */
static inline void fence_release(void) {
        atomic_thread_fence(memory_order_release);
}
static inline void fence_acquire(void) {
        atomic_thread_fence(memory_order_acquire);
}
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/* By who has the mutex, so nobody else counts: odd, if it is not. */
static inline void version_open(_Atomic uint64_t *number) {
        uint64_t now = atomic_load_explicit(number, memory_order_relaxed);
        if ((now & 1) == 0)
                atomic_store_explicit(number, now + 1, memory_order_relaxed);
        fence_release(); /* pairs with version_same(): who copied a word that is written from here on sees that it is odd */
}

static inline void version_shut(_Atomic uint64_t *number) {
        uint64_t now = atomic_load_explicit(number, memory_order_relaxed);
        atomic_store_explicit(number, (now | 1) + 1, memory_order_release); /* pairs with version_look() */
}

static inline uint64_t version_look(const _Atomic uint64_t *number) {
        return atomic_load_explicit(number, memory_order_acquire);
}

static inline bool version_same(const _Atomic uint64_t *number, uint64_t seen) {
        fence_acquire();
        return atomic_load_explicit(number, memory_order_relaxed) == seen;
}

/*
 * Copy what others may change meanwhile, which version_same() finds out: so it does not matter that a load wider than a word may be torn. Volatile: each is loaded where
 * it stands. The thread sanitizer is shown words.
 */
#if !defined(__SANITIZE_THREAD__)
typedef uint64_t version_wide __attribute__((vector_size(16), aligned(1), may_alias));
static inline void version_copy_four(void *to, const void *from, size_t second, size_t third, size_t fourth) {
        const uint8_t *in = from;
        uint8_t *out = to;
        version_wide a = *(const volatile version_wide *)(const void *)in;
        version_wide b = *(const volatile version_wide *)(const void *)(in + second);
        version_wide c = *(const volatile version_wide *)(const void *)(in + third);
        version_wide d = *(const volatile version_wide *)(const void *)(in + fourth);
        *(version_wide *)(void *)out = a;
        *(version_wide *)(void *)(out + second) = b;
        *(version_wide *)(void *)(out + third) = c;
        *(version_wide *)(void *)(out + fourth) = d;
}
#endif

static inline void version_copy(void *to, const void *from, size_t size_bytes) {
#if !defined(__SANITIZE_THREAD__)
        for (; size_bytes >= 64; size_bytes -= 64) {
                version_copy_four(to, from, 16, 32, 48);
                from = (const uint8_t *)from + 64;
                to = (uint8_t *)to + 64;
        }
#endif
        if (size_bytes > 0)
                region_copy_out(to, from, size_bytes);
}

/* The same of 32 to 64 bytes, which is most of what is read; false: it is another number of bytes. */
static inline bool version_copy_few(void *to, const void *from, size_t size_bytes) {
#if !defined(__SANITIZE_THREAD__)
        if (__builtin_expect(size_bytes == 64, true))
                version_copy_four(to, from, 16, 32, 48);
        else if (size_bytes - 32 <= 32)
                version_copy_four(to, from, 16, size_bytes - 32, size_bytes - 16);
        else
                return false;
        return true;
#else
        (void)to, (void)from, (void)size_bytes;
        return false;
#endif
}

/* A reader's wait. Zeroes at first, but for what it waits for. */
struct version_wait {
        struct leat_region *region;
        const _Atomic uint64_t *number;
        struct leat_mutex *mutex; /* of its writers */
        int64_t deadline;
        int64_t sleep_ns;
        unsigned looks, mends;
};

/*
 * The number was odd, or had changed after the copy: wait a little.
 * 0: look again; -EAGAIN, -ETIMEDOUT: the deadline; -EDEADLK: this thread has the mutex;
 * -EOWNERDEAD: it is odd, and whoever made it so is gone: the caller locks the mutex (LEAT_NOW; -EAGAIN: version_pause()), mends and looks again.
 */
RARE int version_wait(struct version_wait *wait, uint64_t seen);

/* Sleep for a moment, longer each time. 0; -EAGAIN, -ETIMEDOUT. */
int version_pause(struct version_wait *wait);

#endif
