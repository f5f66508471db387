/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_FORK_H
#define LEAT_CHANNEL_FORK_H

/*
 * Whose channel is it? (docs/design/contract.md, section 7)
 *
 * A page that the kernel wipes in forked children holds this process's generation; each channel remembers the one that it was opened in.
 * And a list of all channels lets a fork handler close the descriptors that a child inherited, so that it does
 * not keep a dead parent's connections alive.
 */

#include "base/list.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct fork_member {
        struct list node;
        _Atomic uint64_t owner; /* the generation of its process, twice; plus 1: it is given to the next child */
        void (*after_fork)(struct fork_member *member); /* async-signal-safe */
};

/* Enter one. -ENOMEM: the page could not be had. */
int fork_enter(struct fork_member *member);

/* Take it out; also in a child that does not own it. */
void fork_leave(struct fork_member *member);

/* One that was another process's, and is in the list: from now on it is this one's. */
void fork_take(struct fork_member *member);

/*
 * Between these two no other thread forks (by fork(3)): around opening a descriptor and storing it where after_fork() closes it, and around closing it.
 * Nothing is waited for in between.
 */
void fork_hold(void);
void fork_release(void);

/* This process's number among its ancestors and children. */
uint64_t fork_generation(void);

/* Give it to the child that asks first. Here nobody uses it any more. */
void fork_give(struct fork_member *member);

/* The page, for fork_owns(): what it holds is 0, or this process's generation. */
extern _Atomic uint64_t *fork_page;

/* As fork_owns(), where it is not plain. */
bool fork_decides(struct fork_member *member);

/* May this process use it? A given one is taken by the child that asks. Async-signal-safe. */
static inline bool fork_owns(struct fork_member *member) {
        return atomic_load_explicit(&member->owner, memory_order_relaxed) ==
                       atomic_load_explicit(fork_page, memory_order_relaxed) << 1 ||
               fork_decides(member);
}

#endif
