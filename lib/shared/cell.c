/* SPDX-License-Identifier: MIT */

/*
 * The latest-value cell: two copies of a value, and a number, how often it was put. Copy `number & 1` is shown; a writer, who has the mutex, says that it begins, writes the other
 * one and counts the number up. Readers copy what is shown and look whether it was written meanwhile, so that they never wait for anybody (docs/design/shared.md, "Structures").
 */

#include "shared/mutex.h"
#include "shared/structure.h"
#include "shared/version.h"

#include <leat/deadline.h>
#include <leat/structures.h>

#define LOOKS 1000   /* of who is overtaken at each, before it asks for the mutex, */
#define ROUNDS 3     /* ... so often at least, */
#define LOOKS_MS 100 /* ... and for so long */

struct leat_cell {
        struct structure structure;
        _Atomic uint64_t number; /* 0: nothing was put */
        _Atomic uint64_t begun;  /* number; or that and 1, from before the other copy is written */
        alignas(64) uint8_t copies[];
};

static uint64_t copy_bytes(size_t value_bytes) {
        return ((uint64_t)value_bytes + 63) / 64 * 64;
}

size_t leat_cell_bytes(size_t value_bytes) {
        return value_bytes > STRUCTURE_SIZE_MOST ? 0 : sizeof(struct leat_cell) + 2 * copy_bytes(value_bytes);
}

static struct structure_shape shape_of(size_t value_bytes) {
        return (struct structure_shape){ STRUCTURE_CELL << 32, value_bytes, leat_cell_bytes(value_bytes) };
}

int leat_cell_set(struct leat_region *region, struct leat_cell *cell, size_t value_bytes, int64_t deadline) {
        struct structure_shape shape = shape_of(value_bytes);
        return structure_set(region, cell, &shape, NULL, deadline);
}

int leat_cell_put(struct leat_region *region, struct leat_cell *cell, const void *value, size_t value_bytes,
                  int64_t deadline) {
        struct structure_shape shape = shape_of(value_bytes);
        int r = structure_is(region, cell, &shape, true);
        if (r == 0)
                r = mutex_lock(region, &cell->structure.mutex, deadline);
        if (r < 0 && r != -EOWNERDEAD)
                return r;
        if (r == -EOWNERDEAD) /* it has begun, written what is not shown, or counted up: there is nothing to mend */
                (void)mutex_mend(region, &cell->structure.mutex);
        uint64_t number = atomic_load_explicit(&cell->number, memory_order_relaxed) + 1;
        atomic_store_explicit(&cell->begun, number, memory_order_relaxed); /* a dead one may have done so */
        fence_release(); /* both numbers before this copy: pairs with is_whole() */
        region_copy_in(cell->copies + (number & 1) * copy_bytes(value_bytes), value, value_bytes);
        atomic_store_explicit(&cell->number, number, memory_order_release); /* pairs with version_look() */
        (void)mutex_unlock(region, &cell->structure.mutex);
        return 0;
}

/*
 * Was what was copied as it was put? Value `number` stands in its copy until number + 2 is begun. What `begun` says is asked for only when the number is another one: it alone, whatever a
 * liar wrote there, keeps nobody looking.
 */
static inline bool is_whole(const struct leat_cell *cell, uint64_t number) {
        /* Relaxed: behind the fence of version_same(). It is not less than the number, which was stored behind it. */
        return version_same(&cell->number, number) ||
               atomic_load_explicit(&cell->begun, memory_order_relaxed) - number < 2;
}

/* 0; -ENODATA; -EAGAIN: overtaken. */
USUAL int copy(const struct leat_cell *cell, void *ret_value, size_t value_bytes, uint64_t *ret_number) {
        uint64_t number = version_look(&cell->number);
        *ret_number = number;
        if (number == 0)
                return -ENODATA;
        version_copy(ret_value, cell->copies + (number & 1) * copy_bytes(value_bytes), value_bytes);
        return is_whole(cell, number) ? 0 : -EAGAIN;
}

/* With the mutex no honest writer is in the way. -ETIMEDOUT: it was not to be had. */
static int copy_locked(struct leat_region *region, const struct leat_cell *cell, void *ret_value, size_t value_bytes,
                       uint64_t *ret_number) {
        struct leat_mutex *mutex = (struct leat_mutex *)(uintptr_t)&cell->structure.mutex;
        if (!region_writes(region))
                return -ETIMEDOUT;
        int r = mutex_lock(region, mutex, leat_in_ms(LOOKS_MS));
        if (r == -EOWNERDEAD)
                r = mutex_mend(region, mutex); /* as leat_cell_put() */
        if (r < 0)
                return r == -EDEADLK ? -EBADMSG : r; /* no call of ours leaves it locked */
        r = copy(cell, ret_value, value_bytes, ret_number);
        (void)mutex_unlock(region, mutex);
        return r == -EAGAIN ? -EBADMSG : r;
}

/*
 * It was overtaken. That may happen again and again where a writer puts one value behind the other, and copies no slower than this process: so who may write asks for the mutex in the end. Who may not
 * goes on for so many looks, and for so long, that all of them were overtaken only if somebody lies, or if no look could ever be in time.
 */
static RARE int copy_later(struct leat_region *region, const struct leat_cell *cell, void *ret_value,
                           size_t value_bytes, uint64_t *ret_number) {
        int64_t end = leat_in_ms(LOOKS_MS);
        for (unsigned rounds = 0; rounds < ROUNDS || leat_now() < end; rounds++) {
                int r = -EAGAIN;
                for (unsigned looks = 0; looks < LOOKS && r == -EAGAIN; looks++)
                        r = copy(cell, ret_value, value_bytes, ret_number);
                if (r == -EAGAIN)
                        r = copy_locked(region, cell, ret_value, value_bytes, ret_number);
                if (r != -ETIMEDOUT)
                        return r;
        }
        return -EBADMSG;
}

int leat_cell_get(struct leat_region *region, const struct leat_cell *cell, void *ret_value, size_t value_bytes,
                  uint64_t *ret_number) {
        struct structure_shape shape = shape_of(value_bytes);
        int r = structure_is(region, cell, &shape, false);
        if (r < 0)
                return r;
        uint64_t number;
        r = copy(cell, ret_value, value_bytes, &number);
        if (r == -EAGAIN)
                r = copy_later(region, cell, ret_value, value_bytes, &number);
        if (r == 0 && ret_number)
                *ret_number = number;
        return r;
}
