/* SPDX-License-Identifier: MIT */
#ifndef REGION_BUFFER_H
#define REGION_BUFFER_H

/* What region_producer.c and region_consumer.c share: a bounded buffer of items, and how many producers have ended. */

#include <leat.h>
#include <stdatomic.h>
#include <stdio.h>

#define ITEMS 64

struct item {
        int64_t number; /* from 1 on; or one of these */
        char what[40];
};
#define NO_MORE 0    /* of this producer */
#define ALL_ENDED -1 /* ... and of all others */

/* The bytes of the region. */
struct shop {
        _Atomic int64_t ended; /* producers of which a consumer has taken NO_MORE */
        _Alignas(64) char buffer[];
};

static inline struct shop *shop_of(struct leat_region *region) {
        return leat_region_data(region);
}

static inline struct leat_buffer *buffer_of(struct leat_region *region) {
        return (struct leat_buffer *)(void *)shop_of(region)->buffer;
}

/* Whoever comes first makes it. */
static inline int shop_open(const char *address, struct leat_region **ret_region) {
        struct leat_reason reason = { 0 };
        size_t size = sizeof(struct shop) + leat_buffer_bytes(sizeof(struct item), ITEMS);
        int r = leat_region_open(address, size, NULL, leat_in_s(60), &reason, ret_region);
        if (r < 0)
                fprintf(stderr, "%s: %s\n", address, reason.text ? reason.text : leat_strerror(r));
        else if ((r = leat_buffer_set(*ret_region, buffer_of(*ret_region), sizeof(struct item), ITEMS)) < 0)
                fprintf(stderr, "%s: %s: the region is of another program\n", address, leat_strerror(r));
        return r;
}

#endif
