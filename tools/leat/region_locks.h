/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_REGION_LOCKS_H
#define LEAT_TOOL_REGION_LOCKS_H

/*
 * Locks with names, for `leat region lock` and `leat region run`.
 *
 * A region of the layout "leat locks 1" (leat_region(7)) is an array of struct locks_entry: each is a name and a lock for readers and a writer. A lock gets its place when
 * it is first named, and keeps it. In a region of a program the names are those of the fields of its layout: one of 16 bytes is taken for a struct leat_mutex, one of
 * 32 for a struct leat_rwlock; of arrays "name[3]".
 */

#include "shared/name.h"
#include "shared/region.h"

#include <leat/lock.h>
#include <leat/region.h>

#define LOCKS_DEFAULT 64

struct locks_entry {
        _Atomic uint64_t name[NAME_WORDS];
        struct leat_rwlock lock;
};

extern const struct leat_layout locks_layout;

struct lock {
        struct leat_region *region;
        bool is_rwlock;
        void *at;
        char name[80];
};

/*
 * The lock of that name. make: it gets a place, if the region is of the layout "leat locks 1" and has none for it.
 * 0; -ENOENT; -ENOSPC: all places are taken; -EINVAL: no name for a lock.
 */
int locks_find(struct leat_region *region, const char *name, bool make, struct lock *ret_lock);

/* The next one from *number on, which is 0 at first. 0; -ENOENT: no more. */
int locks_next(struct leat_region *region, size_t *number, struct lock *ret_lock);

int locks_take(struct lock *lock, bool shared, int64_t deadline);
int locks_mend(struct lock *lock);
int locks_give(struct lock *lock);

/* How it is at this moment. */
struct lock_state {
        bool damaged;     /* an owner died, and nobody has mended it */
        bool owned;       /* by a writer, or of a mutex */
        bool lives;       /* the owner does */
        uint32_t slot;    /* of the owner */
        uint32_t readers; /* participants that live */
        uint32_t waiting; /* participants that live, one of whose threads waits */
};

/* Who takes part, at one moment: asked once for all locks. */
struct locks_users {
        struct leat_participant *all;
        size_t count;
};
void locks_users_look(struct leat_region *region, struct locks_users *ret_users); /* none, if there is no memory */
void locks_users_free(struct locks_users *users);

struct lock_state locks_look(const struct lock *lock, const struct locks_users *users);

/* "free", "locked", "shared", "owner died". */
const char *locks_word(const struct lock_state *state);

/* Who has it: "pid 4711 (rsync)", "2 readers", "nobody". Returns `text`. */
const char *locks_owner(const struct lock *lock, const struct lock_state *state, char text[64]);

#endif
