/* SPDX-License-Identifier: MIT */

/* The system's semaphores: what both kinds have in common. */

#include "shared/semaphore_object.h"

#include "base/cleanup.h"
#include "base/options.h"
#include "base/uncancelled.h"

#include <errno.h>

#define MODE_DEFAULT 0600 /* as regions have, and not channels */

static const struct sem_kind *const kinds[] = { &sem_kind_sysv, &sem_kind_posix };

static int find_kind(const struct address *address, struct leat_reason *reason, const struct sem_kind **ret_kind) {
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (strcmp(kinds[i]->scheme, address->scheme) == 0) {
                        *ret_kind = kinds[i];
                        return address_check_options(address, kinds[i]->options, reason);
                }
        return reason_at(reason, -EPROTONOSUPPORT, 1, "no semaphore is of this scheme: sysv-sem, posix-sem");
}

/* Nothing of a semaphore is evidence, and its memory is the child's too: to be freed. */
static void after_fork(struct fork_member *member) {
        (void)member;
}

static void free_sem(struct leat_sem *sem) {
        sem->kind->close(sem);
        free(sem->address);
        free(sem->where);
        free(sem->name);
        free(sem);
}

static void free_sem_at(struct leat_sem **sem) {
        if (*sem)
                free_sem(*sem);
}

static int open_parsed(const char *text, const struct address *address, uint32_t count, int64_t deadline,
                       struct leat_reason *reason, struct leat_sem **ret_sem) {
        const struct sem_kind *kind = NULL;
        int r = find_kind(address, reason, &kind);
        if (r < 0)
                return r;
        if (count > kind->most) {
                reason_set(reason, -EINVAL, LEAT_ROW_LIMITS, "a semaphore of this kind counts no further");
                if (reason) {
                        reason->limit = "the most";
                        reason->limit_value = kind->most;
                }
                return -EINVAL;
        }
        CLEANUP(free_sem_at) struct leat_sem *sem = calloc(1, sizeof(*sem));
        if (!sem)
                return -ENOMEM;
        sem->kind = kind;
        sem->set = -1;
        sem->member.after_fork = after_fork;
        sem->address = strdup(text);
        r = sem->address ? kind->open(sem, address, count, deadline, reason) : -ENOMEM;
        if (r == 0)
                r = fork_enter(&sem->member);
        if (r < 0)
                return r;
        *ret_sem = TAKE(sem);
        return 0;
}

int leat_sem_open(const char *address, uint32_t count, int64_t deadline, struct leat_reason *ret_reason,
                  struct leat_sem **ret_sem) {
        UNCANCELLED;
        CLEANUP(address_clear) struct address parsed = { 0 };
        struct leat_reason reason = { 0 };
        if (!ret_sem)
                return -EINVAL;
        int r = address_parse(address, &reason, &parsed);
        if (!address_given(&parsed, OPTION_MODE))
                parsed.mode = MODE_DEFAULT;
        if (r == 0)
                r = open_parsed(address, &parsed, count, deadline, &reason, ret_sem);
        if (r < 0 && ret_reason)
                *ret_reason = reason.error == r ? reason : (struct leat_reason){ .error = r };
        return r;
}

struct leat_sem *leat_sem_close(struct leat_sem *sem) {
        UNCANCELLED;
        if (!sem)
                return NULL;
        fork_leave(&sem->member);
        free_sem(sem);
        return NULL;
}

/* May it be used, and may it be with that undo? */
static int check(struct leat_sem *sem, enum leat_sem_undo undo) {
        if (!sem || (unsigned)undo > LEAT_SEM_KEEP)
                return -EINVAL;
        if (!fork_owns(&sem->member))
                return -ECHILD;
        if (undo == LEAT_SEM_UNDO && !sem->kind->undoes)
                return -ENOTSUP;
        return sem->looks ? -EACCES : 0;
}

int leat_sem_take(struct leat_sem *sem, enum leat_sem_undo undo, int64_t deadline) {
        int r = check(sem, undo);
        if (r < 0)
                return r;
        bool with = sem->kind->undoes && undo != LEAT_SEM_KEEP;
        r = sem->kind->take(sem, with, deadline);
        /* Relaxed: a number that no other memory hangs on. */
        if (r == 0 && with)
                atomic_fetch_add_explicit(&sem->held, 1, memory_order_relaxed);
        return r;
}

/* Of those that are to be given back, one. */
static bool claim_held(struct leat_sem *sem) {
        uint32_t held = atomic_load_explicit(&sem->held, memory_order_relaxed);
        while (held > 0)
                if (atomic_compare_exchange_weak_explicit(&sem->held, &held, held - 1, memory_order_relaxed,
                                                          memory_order_relaxed))
                        return true;
        return false;
}

int leat_sem_give(struct leat_sem *sem, enum leat_sem_undo undo) {
        int r = check(sem, undo);
        if (r < 0)
                return r;
        bool with = undo != LEAT_SEM_KEEP && claim_held(sem);
        if (!with && undo == LEAT_SEM_UNDO)
                return -EPERM;
        r = sem->kind->give(sem, with);
        if (r < 0 && with)
                atomic_fetch_add_explicit(&sem->held, 1, memory_order_relaxed);
        return r;
}

int64_t leat_sem_count(struct leat_sem *sem) {
        if (!sem)
                return -EINVAL;
        return fork_owns(&sem->member) ? sem->kind->count(sem) : -ECHILD;
}

int leat_sem_info(struct leat_sem *sem, struct leat_sem_info *ret_info) {
        UNCANCELLED;
        if (!sem || !ret_info || ret_info->struct_size < sizeof(ret_info->struct_size))
                return -EINVAL;
        if (!fork_owns(&sem->member))
                return -ECHILD;
        struct leat_sem_info info = LEAT_SEM_INFO_INIT;
        info.address = sem->address;
        info.where = sem->where;
        info.held = atomic_load_explicit(&sem->held, memory_order_relaxed);
        int64_t count = sem->kind->count(sem);
        if (count < 0)
                return (int)count;
        info.count = (uint32_t)count;
        int r = sem->kind->tell(sem, &info);
        if (r == 0)
                options_tell(&info, sizeof(info), ret_info);
        return r;
}

int leat_sem_remove(const char *address, struct leat_reason *ret_reason) {
        UNCANCELLED;
        CLEANUP(address_clear) struct address parsed = { 0 };
        const struct sem_kind *kind = NULL;
        struct leat_reason reason = { 0 };
        int r = address_parse(address, &reason, &parsed);
        if (r == 0)
                r = find_kind(&parsed, &reason, &kind);
        if (r == 0)
                r = kind->remove(&parsed, &reason);
        if (r < 0 && ret_reason)
                *ret_reason = reason.error == r ? reason : (struct leat_reason){ .error = r };
        return r;
}
