/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_SEMAPHORE_OBJECT_H
#define LEAT_SHARED_SEMAPHORE_OBJECT_H

/* The system's semaphores (<leat/semaphore.h>), and the two kinds behind them. */

#include "channel/address.h"
#include "channel/fork.h"

#include <leat/semaphore.h>
#include <semaphore.h>

struct leat_sem {
        struct fork_member member;
        const struct sem_kind *kind;
        char *address, *where;
        bool looks; /* access=ro: it may be looked at alone */
        /* System V */
        key_t key;
        int set;
        uint16_t index;        /* in the set */
        _Atomic uint32_t held; /* taken with undo, and not given back */
        /* POSIX */
        sem_t *posix;
        char *name;
        dev_t device; /* of its file: is the name still its own? */
        ino_t inode;
};

struct sem_kind {
        const char *scheme;
        uint64_t options;
        uint32_t most; /* the largest count */
        bool undoes;
        int (*open)(struct leat_sem *sem, const struct address *address, uint32_t count, int64_t deadline,
                    struct leat_reason *reason);
        void (*close)(struct leat_sem *sem);
        /* 0; -EAGAIN: LEAT_NOW; -ETIMEDOUT */
        int (*take)(struct leat_sem *sem, bool undo, int64_t deadline);
        int (*give)(struct leat_sem *sem, bool undo);
        int64_t (*count)(const struct leat_sem *sem);
        /* What the defaults do not say. */
        int (*tell)(const struct leat_sem *sem, struct leat_sem_info *info);
        int (*remove)(const struct address *address, struct leat_reason *reason);
};
extern const struct sem_kind sem_kind_sysv, sem_kind_posix;

#endif
