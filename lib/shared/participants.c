/* SPDX-License-Identifier: MIT */
#include "shared/participants.h"

#include "base/error.h"
#include "base/options.h"
#include "shared/evidence.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static uint64_t lock_of(const struct leat_region *region, uint32_t slot) {
        return region_lock_at(region, REGION_LOCK_SLOTS + (uint64_t)slot);
}

/* ---- join, leave ---- */

/* Nobody has the slot, and no other one takes it. What a dead one left in it goes before the incarnation says that it is another's. */
static void begin(struct leat_region *region, uint32_t slot) {
        struct participant *me = &region->participants[slot];
        for (int i = 0; i < REGION_WAITS; i++)
                atomic_store_explicit(&me->waits[i].lock, 0, memory_order_relaxed);
        for (int i = 0; i < REGION_READS; i++)
                atomic_store_explicit(&me->reads[i], 0, memory_order_relaxed);
        region_copy_in(me->name, (char[sizeof(me->name)]){ 0 }, sizeof(me->name));
        size_t length = strnlen(program_invocation_short_name, sizeof(me->name) - 1);
        region_copy_in(me->name, program_invocation_short_name, length);
        __atomic_store_n(&me->uid, (uint32_t)geteuid(), __ATOMIC_RELAXED);
        __atomic_store_n(&me->pid, (uint32_t)getpid(), __ATOMIC_RELAXED);
        uint32_t incarnation = atomic_load_explicit(&me->incarnation, memory_order_relaxed) + 1;
        /* Release: pairs with region_is_dead(). Whoever sees it sees nothing of the one before. seq_cst: with a writer that looks for readers (rwlock.c). */
        atomic_store_explicit(&me->incarnation, incarnation, memory_order_seq_cst);
        region->me = me;
        region->slot = slot;
        region->mark = REGION_MARK(incarnation, slot);
}

/*
 * Take the slot, if nobody has it. -EAGAIN: somebody has, or takes it. Its byte is locked last: were it so while the incarnation is still that of the dead one, who is stopped there would be
 * its evidence of life. Till then another byte keeps others away.
 */
static int take_slot(struct leat_region *region, uint32_t slot) {
        uint64_t joining = region_lock_at(region, REGION_LOCK_JOINING + (uint64_t)slot);
        if (evidence_is_held(region->lock_fd, lock_of(region, slot), 1)) /* the usual way to find out: one call */
                return -EAGAIN;
        int r = evidence_try(region->lock_fd, F_WRLCK, joining, 1);
        if (r < 0)
                return r;
        r = -EAGAIN;
        if (!evidence_is_held(region->lock_fd, lock_of(region, slot), 1)) {
                begin(region, slot);
                r = evidence_try(region->lock_fd, F_WRLCK, lock_of(region, slot), 1);
                if (r < 0)
                        participant_leave(region);
        }
        (void)evidence_try(region->lock_fd, F_UNLCK, joining, 1);
        return r;
}

static int join_readers(struct leat_region *region, int64_t deadline) {
        return evidence_take(region->lock_fd, F_RDLCK, region_lock_at(region, REGION_LOCK_READERS), deadline);
}

int participant_join(struct leat_region *region, int64_t deadline, struct leat_reason *reason) {
        if (!region->writable)
                return join_readers(region, deadline);
        for (uint32_t slot = 0; slot < region->slots; slot++) {
                int r = take_slot(region, slot);
                if (r != -EAGAIN)
                        return r;
        }
        reason_set(reason, -ENOSPC, LEAT_ROW_LIMITS,
                   "all places for participants are taken; ?participants= says how many there are when it is made");
        if (reason) {
                reason->limit = "participants";
                reason->limit_value = region->slots;
        }
        return -ENOSPC;
}

void participant_leave(struct leat_region *region) {
        /* It ended in good order: nobody is to take it for a dead one. */
        if (region->me)
                __atomic_store_n(&region->me->pid, 0, __ATOMIC_RELAXED);
        region->me = NULL;
        region->mark = 0;
}

/* ---- look at others ---- */

bool region_is_dead(const struct leat_region *region, uint64_t mark) {
        uint32_t slot = (uint32_t)(mark & 0xffff) - 1, incarnation = (uint32_t)(mark >> 32);
        if (slot >= region->slots)
                return true;
        /* Acquire: pairs with begin(). Its own lock nobody sees: F_OFD_GETLK tells those of others. */
        if (atomic_load_explicit(&region->participants[slot].incarnation, memory_order_acquire) != incarnation)
                return true;
        if (region->me && slot == region->slot)
                return false;
        /* Held by another one that has just come: then the incarnation will say so when it is looked at again. */
        return !evidence_is_held(region->lock_fd, lock_of(region, slot), 1);
}

bool participant_lives(const struct leat_region *region, uint32_t slot) {
        return (region->me && slot == region->slot) || evidence_is_held(region->lock_fd, lock_of(region, slot), 1);
}

uint32_t participant_pid(const struct leat_region *region, uint32_t slot) {
        return __atomic_load_n(&region->participants[slot].pid, __ATOMIC_RELAXED);
}

bool participant_has_readers(const struct leat_region *region) {
        return !region->writable || evidence_is_shared(region->lock_fd, region_lock_at(region, REGION_LOCK_READERS), 1);
}

static uint64_t waits_for(const struct leat_region *region, const struct participant *participant) {
        for (int i = 0; i < REGION_WAITS; i++) {
                uint64_t lock = atomic_load_explicit(&participant->waits[i].lock, memory_order_relaxed);
                if (lock != 0 && lock - 1 < region->most_bytes)
                        return lock - 1;
        }
        return UINT64_MAX;
}

static void describe(const struct leat_region *region, uint32_t slot, bool lives, struct leat_participant *ret) {
        const struct participant *participant = &region->participants[slot];
        struct leat_participant told = LEAT_PARTICIPANT_INIT;
        told.slot = slot;
        told.pid = (pid_t)participant_pid(region, slot);
        told.uid = __atomic_load_n(&participant->uid, __ATOMIC_RELAXED);
        told.lives = lives;
        told.self = region->me && slot == region->slot;
        region_copy_out(told.name, participant->name, sizeof(told.name) - 1);
        told.waits_for = lives ? waits_for(region, participant) : UINT64_MAX;
        options_tell(&told, sizeof(told), ret);
}

int leat_region_participant(struct leat_region *region, uint32_t from, struct leat_participant *ret_participant) {
        int r = region_check(region);
        if (r < 0)
                return r;
        if (!region->header)
                return -ENOTSUP;
        if (ret_participant->struct_size < sizeof(size_t))
                return -EINVAL;
        for (uint32_t slot = from; slot < region->slots; slot++) {
                bool lives = participant_lives(region, slot);
                if (!lives && participant_pid(region, slot) == 0)
                        continue;
                describe(region, slot, lives, ret_participant);
                return 0;
        }
        return -ENOENT;
}
