/* SPDX-License-Identifier: MIT */

/* Reading a table without its mutex (table.c). */

#include "shared/mutex.h"
#include "shared/table.h"
#include "shared/version.h"

#define SCAN 64 /* slots that a walk looks at before it asks whether they were changed meanwhile */

enum { MORE = 1 };

static struct version_wait wait_of(const struct view *view, int64_t deadline) {
        return (struct version_wait){ .region = view->region,
                                      .number = &view->table->version,
                                      .mutex = &view->table->structure.mutex,
                                      .deadline = deadline };
}

/* It was changed meanwhile, or a change is under way. 0: look again. */
static RARE int wait_for(const struct view *view, struct version_wait *wait, uint64_t seen) {
        int r = version_wait(wait, seen);
        if (r != -EOWNERDEAD)
                return r;
        if (!region_writes(view->region))
                return -EROFS;
        r = table_lock(view, LEAT_NOW);
        if (r == 0)
                table_unlock(view);
        return r == -EAGAIN ? version_pause(wait) : r;
}

/* What is done between two looks at the version, and done again when they differ. */
struct reading {
        int (*read)(const struct view *view, struct reading *reading);
        const void *key;
        uint64_t hash;
        uint32_t position; /* slot + 1 */
        void *ret_key, *ret_record;
        uint32_t count;
};

static int read_all(const struct view *view, struct reading *reading, int64_t deadline) {
        struct version_wait wait = wait_of(view, deadline);
        for (;;) {
                uint64_t seen = version_look(&view->table->version);
                if ((seen & 1) == 0) {
                        int r = reading->read(view, reading);
                        if (version_same(&view->table->version, seen))
                                return r;
                }
                int r = wait_for(view, &wait, seen);
                if (r < 0)
                        return r;
        }
}

static int read_record(const struct view *view, struct reading *reading) {
        uint32_t index;
        _Atomic uint32_t *link;
        int r = table_find(view, reading->key, reading->hash, &index, &link);
        if (r == 0)
                version_copy(reading->ret_record, record_of(view, slot_at(view, index)), view->record_bytes);
        return r;
}

/* Some slots from `position` on. MORE: none of these is used, and there are others. */
static int read_next(const struct view *view, struct reading *reading) {
        uint32_t used = load(&view->table->used);
        uint32_t index = reading->position, last = used < view->records ? used : view->records;
        for (uint32_t left = SCAN; index < last && left > 0; left--, index++) {
                struct slot *slot = slot_at(view, index + 1);
                if (load(&slot->tag) == 0)
                        continue;
                version_copy(reading->ret_key, slot->key, view->key_bytes);
                version_copy(reading->ret_record, record_of(view, slot), view->record_bytes);
                reading->count = index + 1;
                return 0;
        }
        reading->count = index;
        return index < last ? MORE : -ENOENT;
}

static int read_count(const struct view *view, struct reading *reading) {
        reading->count = load(&view->table->count);
        return 0;
}

static int view_of_records(struct leat_region *region, struct leat_table *table, size_t key_bytes, size_t record_bytes,
                           struct view *ret_view) {
        int r = table_view_of(region, table, key_bytes, false, ret_view);
        return r == 0 && record_bytes != ret_view->record_bytes ? -EINVAL : r;
}

int leat_table_get(struct leat_region *region, struct leat_table *table, const void *key, size_t key_bytes,
                   void *ret_record, size_t record_bytes, int64_t deadline) {
        struct view it;
        int r = view_of_records(region, table, key_bytes, record_bytes, &it);
        if (r < 0)
                return r;
        struct reading reading = {
                .read = read_record, .key = key, .hash = table_hash(&it, key), .ret_record = ret_record
        };
        return read_all(&it, &reading, deadline);
}

int leat_table_next(struct leat_region *region, struct leat_table *table, uint32_t *position, void *ret_key,
                    size_t key_bytes, void *ret_record, size_t record_bytes, int64_t deadline) {
        struct view it;
        int r = view_of_records(region, table, key_bytes, record_bytes, &it);
        if (r < 0)
                return r;
        struct reading reading = { .read = read_next, .ret_key = ret_key, .ret_record = ret_record };
        do {
                reading.position = *position;
                r = read_all(&it, &reading, deadline);
                if (r >= 0)
                        *position = reading.count;
        } while (r == MORE);
        return r;
}

int64_t leat_table_count(struct leat_region *region, struct leat_table *table, int64_t deadline) {
        struct view it;
        int r = table_view(region, table, false, &it);
        struct reading reading = { .read = read_count };
        if (r == 0)
                r = read_all(&it, &reading, deadline);
        return r < 0 ? r : (int64_t)reading.count;
}
