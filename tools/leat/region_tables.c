/* SPDX-License-Identifier: MIT */
#include "tools/leat/region_tables.h"

#include "base/cleanup.h"
#include "tools/leat/region_layout.h"
#include "tools/leat/region_locks.h"
#include "tools/leat/region_open.h"
#include "tools/leat/region_show.h"
#include "tools/leat/table.h"

#include <inttypes.h>
#include <leat/notice.h>
#include <stdio.h>

const char *region_mode_text(uint32_t mode, char text[8]) {
        snprintf(text, 8, "%04o", (unsigned)mode & 0777);
        return text;
}

static struct libscols_table *begin_table(const char *const columns[], size_t count, bool apart) {
        if (apart)
                putchar('\n');
        return table_new(columns, count, true);
}

/* ---- who takes part ---- */

/* The name of the lock at this offset, or the offset. Returns `text`. */
static const char *lock_text(struct leat_region *region, uint64_t offset, char text[96]) {
        struct lock lock;
        size_t number = 0;
        while (locks_next(region, &number, &lock) == 0)
                if (region_offset(region, lock.at) == offset) {
                        snprintf(text, 96, "%s", region_printable(lock.name));
                        return text;
                }
        snprintf(text, 96, "lock at %" PRIu64, offset);
        return text;
}

static bool next_user(struct leat_region *region, struct leat_participant *user, uint32_t *from) {
        *user = (struct leat_participant)LEAT_PARTICIPANT_INIT;
        if (leat_region_participant(region, *from, user) < 0)
                return false;
        *from = user->slot + 1;
        (void)region_printable(user->name);
        return true;
}

json_t *region_users_json(struct leat_region *region) {
        struct leat_participant user;
        char waits[96];
        uint32_t from = 0;
        json_t *array = json_array();
        while (next_user(region, &user, &from)) {
                bool waiting = user.waits_for != UINT64_MAX;
                json_t *offset = waiting ? json_integer((json_int_t)user.waits_for) : json_null();
                (void)json_array_append_new(
                        array, json_pack("{s:I, s:I, s:I, s:o, s:b, s:o, s:o}", "slot", (json_int_t)user.slot, "pid",
                                         (json_int_t)user.pid, "uid", (json_int_t)user.uid, "name",
                                         region_text_json(user.name), "lives", user.lives, "waits_for_offset", offset,
                                         "waits_for",
                                         region_text_json(waiting ? lock_text(region, user.waits_for, waits) : NULL)));
        }
        return array;
}

int region_users_print(struct leat_region *region) {
        static const char *const columns[] = { ">SLOT", ">PID", ">USER", "NAME", "STATE", "WAITS FOR" };
        struct leat_participant user;
        struct libscols_table *table = NULL;
        char slot[16], pid[16], uid[16], waits[96];
        uint32_t from = 0;
        while (next_user(region, &user, &from)) {
                table = table ? table : begin_table(columns, 6, true);
                snprintf(slot, sizeof(slot), "%" PRIu32, user.slot);
                snprintf(pid, sizeof(pid), "%d", (int)user.pid);
                snprintf(uid, sizeof(uid), "%" PRIu32, (uint32_t)user.uid);
                const char *waits_for = user.waits_for == UINT64_MAX ? "-" : lock_text(region, user.waits_for, waits);
                table_add(table,
                          (const char *const[]){ slot, pid, uid, user.name, user.lives ? "lives" : "dead", waits_for },
                          6);
        }
        return table ? table_print(table) : 0;
}

/* ---- parts ---- */

/* Part 0 is the whole region: its name is "". */
static bool count_of(struct leat_region *region, uint32_t part, char name[32], uint64_t *ret_changes) {
        *ret_changes = 0;
        if (leat_part_name(region, part, name) < 0)
                return false;
        (void)leat_part_wait(region, part, ret_changes, LEAT_NOW);
        return true;
}

json_t *region_counts_json(struct leat_region *region) {
        json_t *array = json_array();
        char name[32];
        uint64_t changes;
        for (uint32_t part = 0; part < REGION_PARTS; part++)
                if (count_of(region, part, name, &changes))
                        (void)json_array_append_new(array, json_pack("{s:o, s:I}", "name", region_text_json(name),
                                                                     "changes", (json_int_t)changes));
        return array;
}

int region_counts_print(struct leat_region *region) {
        static const char *const columns[] = { "PART", ">CHANGES" };
        struct libscols_table *table = NULL;
        char name[32], text[24];
        uint64_t changes;
        for (uint32_t part = 0; part < REGION_PARTS; part++) {
                if (!count_of(region, part, name, &changes) || (part == 0 && changes == 0))
                        continue;
                table = table ? table : begin_table(columns, 2, true);
                snprintf(text, sizeof(text), "%" PRIu64, changes);
                table_add(table, (const char *const[]){ part == 0 ? "(whole region)" : region_printable(name), text },
                          2);
        }
        return table ? table_print(table) : 0;
}

/* ---- locks ---- */

static json_t *lock_json(const struct lock *lock, const struct locks_users *users) {
        struct lock_state state = locks_look(lock, users);
        struct leat_participant owner = LEAT_PARTICIPANT_INIT;
        bool owned = state.owned && leat_region_participant(lock->region, state.slot, &owner) == 0 &&
                     owner.slot == state.slot;
        return json_pack("{s:o, s:s, s:s, s:o, s:I, s:I, s:b}", "name", region_text_json(lock->name), "kind",
                         lock->is_rwlock ? "rwlock" : "mutex", "state", locks_word(&state), "owner_pid",
                         owned ? json_integer(owner.pid) : json_null(), "readers", (json_int_t)state.readers, "waiting",
                         (json_int_t)state.waiting, "owner_died", state.damaged || (state.owned && !state.lives));
}

json_t *region_locks_json(struct leat_region *region) {
        json_t *array = json_array();
        struct lock lock;
        size_t number = 0;
        CLEANUP(locks_users_free) struct locks_users users;
        locks_users_look(region, &users);
        while (locks_next(region, &number, &lock) == 0)
                (void)json_array_append_new(array, lock_json(&lock, &users));
        return array;
}

int region_locks_print(struct leat_region *region, bool apart) {
        static const char *const columns[] = { "LOCK", "STATE", "HELD BY", ">WAITING" };
        struct libscols_table *table = NULL;
        struct lock lock;
        char owner[64], waiting[16];
        size_t number = 0;
        CLEANUP(locks_users_free) struct locks_users users;
        locks_users_look(region, &users);
        while (locks_next(region, &number, &lock) == 0) {
                struct lock_state state = locks_look(&lock, &users);
                bool held = state.owned || state.readers;
                table = table ? table : begin_table(columns, 4, apart);
                snprintf(waiting, sizeof(waiting), "%" PRIu32, state.waiting);
                table_add(table,
                          (const char *const[]){ region_printable(lock.name), locks_word(&state),
                                                 held ? locks_owner(&lock, &state, owner) : "-", waiting },
                          4);
        }
        return table ? table_print(table) : 0;
}

/* ---- fields ---- */

json_t *region_fields_json(const char *layout) {
        json_t *array = json_array();
        struct layout_field field;
        while (layout_next(&layout, &field))
                (void)json_array_append_new(array,
                                            json_pack("{s:o, s:I, s:I, s:I}", "name", region_text_json(field.name),
                                                      "offset", (json_int_t)field.offset, "size_bytes",
                                                      (json_int_t)field.size, "count", (json_int_t)field.count));
        return array;
}
