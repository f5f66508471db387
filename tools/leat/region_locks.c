/* SPDX-License-Identifier: MIT */
#include "tools/leat/region_locks.h"

#include "shared/mutex_word.h"
#include "tools/leat/region_layout.h"
#include "tools/leat/region_open.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAYOUT_NAME "leat locks 1"

static const struct leat_field fields[] = { LEAT_FIELD(struct locks_entry, name),
                                            LEAT_FIELD(struct locks_entry, lock) };
const struct leat_layout locks_layout = { .name = LAYOUT_NAME,
                                          .size_bytes = sizeof(struct locks_entry),
                                          .fields = fields,
                                          .fields_count = 2 };
static_assert(sizeof(struct locks_entry) == 64, "leat_region(7) says so");

/* ---- finding ---- */

static bool is_of_locks(const struct leat_region *region) {
        char name[64];
        return region->header && layout_name(region->layout, name) && strcmp(name, LAYOUT_NAME) == 0;
}

static struct locks_entry *entries(struct leat_region *region, size_t *ret_count) {
        *ret_count = leat_region_size(region) / sizeof(struct locks_entry);
        return leat_region_data(region);
}

static struct lock entry_lock(struct leat_region *region, struct locks_entry *entry) {
        struct lock lock = { .region = region, .is_rwlock = true, .at = &entry->lock };
        (void)name_read(entry->name, lock.name);
        return lock;
}

static int find_entry(struct leat_region *region, const char *name, bool make, struct lock *ret_lock) {
        uint64_t words[NAME_WORDS];
        size_t count;
        if (!*name || name_encode(name, words) < 0)
                return -EINVAL;
        struct locks_entry *each = entries(region, &count);
        for (size_t i = 0; i < count; i++)
                if (name_claim(each[i].name, words, make) == 0) {
                        *ret_lock = entry_lock(region, &each[i]);
                        return 0;
                }
        return make ? -ENOSPC : -ENOENT;
}

/* The lock at a field of a program's layout, if it can be one. */
static bool field_lock(struct leat_region *region, const struct layout_field *field, uint64_t index,
                       struct lock *ret_lock) {
        uint64_t at = field->offset + index * field->size;
        uint8_t *data = leat_region_data(region);
        bool is_rwlock = field->size == sizeof(struct leat_rwlock);
        if ((!is_rwlock && field->size != sizeof(struct leat_mutex)) || index >= field->count ||
            !region_has(region, data + at, field->size, 8))
                return false;
        *ret_lock = (struct lock){ .region = region, .is_rwlock = is_rwlock, .at = data + at };
        snprintf(ret_lock->name, sizeof(ret_lock->name), field->count > 1 ? "%s[%" PRIu64 "]" : "%s", field->name,
                 index);
        return true;
}

/* "name" or "name[3]". */
static int find_field(struct leat_region *region, const char *name, struct lock *ret_lock) {
        struct layout_field field;
        const char *at = region->layout;
        size_t length = strcspn(name, "[");
        uint64_t index = name[length] ? strtoull(name + length + 1, NULL, 10) : 0;
        while (layout_next(&at, &field))
                if (strlen(field.name) == length && memcmp(field.name, name, length) == 0 &&
                    field_lock(region, &field, index, ret_lock) && strcmp(ret_lock->name, name) == 0)
                        return 0;
        return -ENOENT;
}

int locks_find(struct leat_region *region, const char *name, bool make, struct lock *ret_lock) {
        if (!region->header)
                return -ENOTSUP;
        return is_of_locks(region) ? find_entry(region, name, make, ret_lock) : find_field(region, name, ret_lock);
}

static int next_entry(struct leat_region *region, size_t *number, struct lock *ret_lock) {
        size_t count;
        struct locks_entry *each = entries(region, &count);
        for (size_t i = *number; i < count; i++)
                if (name_read(each[i].name, NULL)) {
                        *ret_lock = entry_lock(region, &each[i]);
                        *number = i + 1;
                        return 0;
                }
        return -ENOENT;
}

int locks_next(struct leat_region *region, size_t *number, struct lock *ret_lock) {
        struct layout_field field;
        const char *at = region->layout;
        size_t passed = 0;
        if (!region->header)
                return -ENOENT;
        if (is_of_locks(region))
                return next_entry(region, number, ret_lock);
        while (layout_next(&at, &field)) {
                for (size_t i = *number > passed ? *number - passed : 0; i < field.count; i++)
                        if (field_lock(region, &field, i, ret_lock)) {
                                *number = passed + i + 1;
                                return 0;
                        }
                passed += field.count;
        }
        return -ENOENT;
}

/* ---- using ---- */

int locks_take(struct lock *lock, bool shared, int64_t deadline) {
        if (!lock->is_rwlock)
                return shared ? -ENOTSUP : leat_mutex_lock(lock->region, lock->at, deadline);
        return shared ? leat_rwlock_read(lock->region, lock->at, deadline)
                      : leat_rwlock_write(lock->region, lock->at, deadline);
}

int locks_mend(struct lock *lock) {
        return lock->is_rwlock ? leat_rwlock_mend(lock->region, lock->at) : leat_mutex_mend(lock->region, lock->at);
}

int locks_give(struct lock *lock) {
        return lock->is_rwlock ? leat_rwlock_unlock(lock->region, lock->at) : leat_mutex_unlock(lock->region, lock->at);
}

/* ---- looking ---- */

static uint32_t count_readers(const struct lock *lock, const struct participant *participant) {
        uint64_t offset = region_offset(lock->region, lock->at) + 1;
        for (size_t i = 0; i < REGION_READS; i++)
                if (lock->is_rwlock &&
                    atomic_load_explicit(&participant->reads[i], memory_order_relaxed) >> 16 == offset)
                        return 1;
        return 0;
}

static uint32_t count_waiting(const struct lock *lock, const struct participant *participant) {
        uint64_t offset = region_offset(lock->region, lock->at) + 1;
        for (size_t i = 0; i < REGION_WAITS; i++)
                if (atomic_load_explicit(&participant->waits[i].lock, memory_order_relaxed) == offset)
                        return 1;
        return 0;
}

/* Of a lock for readers and a writer: who has its mutex may be one that waits, or passes, and is not in (lib/shared/rwlock.c). */
static void look_at_writer(const struct lock *lock, struct lock_state *state) {
        const struct leat_rwlock *rwlock = lock->at;
        const _Atomic uint32_t *writing = (const _Atomic uint32_t *)&rwlock->words[2] + 1;
        if (!lock->is_rwlock || atomic_load_explicit(writing, memory_order_relaxed) != 0)
                return;
        state->waiting += state->owned && state->lives;
        state->owned = state->damaged = false;
}

void locks_users_free(struct locks_users *users) {
        free(users->all);
        *users = (struct locks_users){ 0 };
}

void locks_users_look(struct leat_region *region, struct locks_users *ret_users) {
        struct leat_participant one = LEAT_PARTICIPANT_INIT;
        *ret_users = (struct locks_users){ .all = calloc(region->slots, sizeof(one)) };
        for (uint32_t from = 0; ret_users->all && leat_region_participant(region, from, &one) == 0; from = one.slot + 1)
                if (ret_users->count < region->slots)
                        ret_users->all[ret_users->count++] = one;
}

struct lock_state locks_look(const struct lock *lock, const struct locks_users *users) {
        uint64_t word = atomic_load_explicit(word_of(lock->at), memory_order_relaxed);
        uint32_t slot = (uint32_t)(word & WORD_SLOT);
        struct lock_state state = { .damaged = word & WORD_DAMAGED, .owned = slot != 0 };
        if (state.owned) {
                state.slot = slot - 1;
                state.lives = !region_is_dead(lock->region, word);
        }
        look_at_writer(lock, &state);
        for (size_t i = 0; i < users->count; i++) {
                const struct participant *participant = &lock->region->participants[users->all[i].slot];
                state.readers += users->all[i].lives ? count_readers(lock, participant) : 0;
                state.waiting += users->all[i].lives ? count_waiting(lock, participant) : 0;
        }
        return state;
}

const char *locks_word(const struct lock_state *state) {
        if (state->damaged || (state->owned && !state->lives))
                return state->owned && state->lives ? "locked, owner died" : "owner died";
        return state->owned ? "locked" : state->readers ? "shared" : "free";
}

const char *locks_owner(const struct lock *lock, const struct lock_state *state, char text[64]) {
        struct leat_participant owner = LEAT_PARTICIPANT_INIT;
        if (!state->owned && state->readers)
                snprintf(text, 64, "%" PRIu32 " reader%s", state->readers, state->readers > 1 ? "s" : "");
        else if (state->owned && leat_region_participant(lock->region, state->slot, &owner) == 0 &&
                 owner.slot == state->slot)
                snprintf(text, 64, "pid %d (%s)", (int)owner.pid, region_printable(owner.name));
        else
                snprintf(text, 64, "%s", state->owned ? "one that ended" : "nobody");
        return text;
}
