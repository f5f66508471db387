/* SPDX-License-Identifier: MIT */
#include "shared/structure.h"

#include "shared/mutex.h"

int structure_check(const struct leat_region *region, const void *structure, const struct structure_shape *shape,
                    bool write) {
        int r = write ? region_check_write(region) : region_check(region);
        if (r < 0)
                return r;
        if (!region->header)
                return -ENOTSUP;
        if (region_access(region) < (write ? LEAT_ACCESS_WRITE : LEAT_ACCESS_READ))
                return -EACCES;
        return shape->bytes != 0 && region_has(region, structure, shape->bytes, 64) ? 0 : -EINVAL;
}

/* 0; -ENODATA: nothing is set up here; -EINVAL. */
static int compare(const struct structure *structure, const struct structure_shape *shape) {
        uint64_t kind = atomic_load_explicit(&structure->kind, memory_order_acquire); /* pairs with structure_set() */
        if (kind == 0)
                return -ENODATA;
        return kind == shape->kind && atomic_load_explicit(&structure->shape, memory_order_relaxed) == shape->shape
                       ? 0
                       : -EINVAL;
}

int structure_is(const struct leat_region *region, const void *structure, const struct structure_shape *shape,
                 bool write) {
        int r = structure_check(region, structure, shape, write);
        if (r == 0)
                r = compare(structure, shape);
        return r == -ENODATA ? -EINVAL : r;
}

/* By who has the mutex. */
static int set(struct structure *structure, const struct structure_shape *shape,
               void (*begin)(struct structure *structure)) {
        int r = compare(structure, shape);
        if (r != -ENODATA)
                return r;
        if (begin)
                begin(structure);
        atomic_store_explicit(&structure->shape, shape->shape, memory_order_relaxed);
        atomic_store_explicit(&structure->kind, shape->kind, memory_order_release); /* pairs with compare() */
        return 0;
}

int structure_set(struct leat_region *region, void *where, const struct structure_shape *shape,
                  void (*begin)(struct structure *structure), int64_t deadline) {
        struct structure *structure = where;
        int r = structure_check(region, where, shape, false);
        if (r == 0)
                r = compare(structure, shape);
        if (r != -ENODATA)
                return r;
        r = structure_check(region, where, shape, true);
        if (r == 0)
                r = mutex_lock(region, &structure->mutex, deadline);
        if (r < 0 && r != -EOWNERDEAD)
                return r;
        if (r == -EOWNERDEAD) /* before `kind`: nothing was there, and it is done again; behind it: all is */
                (void)mutex_mend(region, &structure->mutex);
        r = set(structure, shape, begin);
        (void)mutex_unlock(region, &structure->mutex);
        return r;
}
