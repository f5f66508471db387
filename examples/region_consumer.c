/* SPDX-License-Identifier: MIT */
/*
 * A consumer of a bounded buffer in a region (region_producer.c): it takes items until that many producers have said, to it or to another consumer, that they have no more;
 * asleep while the buffer is empty. Each item is taken by one consumer. Who takes the last word of the last producer tells the other consumers, and removes the region: it is
 * one of them alone, and all items were taken before.
 * Run it: region_consumer 2               of two producers; several of them, each with the same number
 */
#include "region_buffer.h"

#include <stdbool.h>
#include <stdlib.h>

/* Tell the next consumer, which tells the next one. They have the region open: that its name is gone does not matter to them. */
static int tell_others(struct leat_region *region) {
        struct item item = { .number = ALL_ENDED };
        return leat_buffer_put(region, buffer_of(region), &item, sizeof item, leat_in_s(60));
}

/* *ret_last: all have ended, and this one was the first to know. */
static int consume(struct leat_region *region, int producers, bool *ret_last) {
        int64_t items = 0, sum = 0;
        struct item item = { 0 };
        int r = 0;

        while (r == 0 && item.number != ALL_ENDED) {
                r = leat_buffer_take(region, buffer_of(region), &item, sizeof item, leat_in_s(60));
                if (r == 0 && item.number > 0)
                        items++, sum += item.number;
                /* Of all consumers one alone counts up to that number. */
                if (r == 0 && item.number == NO_MORE && atomic_fetch_add(&shop_of(region)->ended, 1) + 1 == producers) {
                        item.number = ALL_ENDED;
                        *ret_last = true;
                }
        }
        if (r == 0)
                r = tell_others(region);
        if (r == 0)
                printf("%lld items, their numbers add up to %lld\n", (long long)items, (long long)sum);
        else
                fprintf(stderr, "nobody puts any more: %s\n", leat_strerror(r));
        return r;
}

int main(int argc, char **argv) {
        const char *address = argc > 2 ? argv[2] : "region:/buffer";
        struct leat_region *region = NULL;
        bool last = false;
        int r = shop_open(address, &region);

        if (r == 0)
                r = consume(region, argc > 1 ? atoi(argv[1]) : 1, &last);
        if (r == 0 && last)
                r = leat_region_remove(address, false, leat_in_s(60), NULL);
        leat_region_close(region);
        return r < 0;
}
