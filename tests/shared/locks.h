/* SPDX-License-Identifier: MIT */
#ifndef SHARED_LOCKS_H
#define SHARED_LOCKS_H

/* What the tests of mutexes, circles, readers and writers share: a region without a name, and parties that are processes of their own in it. */

#include "harness.h"
#include "regions.h"
#include "shared/mutex_word.h"

#include <leat.h>
#include <leat/lock.h>

#define LOCKS 8

/* The program's bytes of the region. */
struct desk {
        struct leat_mutex locks[LOCKS];
        struct leat_rwlock both;
        int64_t value, copy; /* alike whenever nobody is in the midst of a change */
        _Alignas(64) _Atomic int64_t told, passes, stop;
};

struct locks {
        struct leat_region *region;
        struct desk *desk;
        struct harness_event *ready, *go;
};

/* A new region, with this process in it; closed by locks_close(). */
struct locks locks_open(void);
void locks_close(struct locks *locks);

/* Run body in a process of its own, that takes part. With `stays`, it does not end but waits to be killed. */
pid_t locks_party(struct locks *locks, void (*body)(struct locks *locks), bool stays);

/* The same in so many processes, 8 at most; all have ended well when this returns. */
void locks_parties(struct locks *locks, int many, void (*body)(struct locks *locks));

/* The same in one, of a body that signals `ready` when it has what it is to have; then it waits to be killed. */
pid_t locks_holder(struct locks *locks, void (*body)(struct locks *locks));

/* Bodies: lock the first mutex, and say so, without unlocking it; wait for it, and unlock it again. */
void locks_take(struct locks *locks);
void locks_pass(struct locks *locks);

/* Wait until the first word of a mutex has all of these bits; its second a name. */
uint64_t locks_wait_bits(const struct leat_mutex *mutex, uint64_t bits);
uint64_t locks_word(const struct leat_mutex *mutex);
uint64_t locks_next(const struct leat_mutex *mutex);

/* Wait until so many threads of others say that they wait for a mutex. */
void locks_wait_said(const struct locks *locks, const struct leat_mutex *mutex, unsigned many);

#endif
