/* SPDX-License-Identifier: MIT */
/*
 * Producers and consumers of the lectures, with a bounded buffer in a region, and without the busy wait: who finds it full sleeps until somebody has
 * taken an item, who finds it empty until somebody has put one. All of them share one buffer; a producer that is killed in the midst of putting an item
 * has put it or has not, and holds up nobody.
 * Run it: region_producer 100000 &        several of them, and the other end: region_consumer, several of them too
 */
#include "region_buffer.h"

#include <errno.h>
#include <stdlib.h>

static int produce(struct leat_region *region, int64_t count) {
        int64_t waits = 0;
        int r = 0;

        for (int64_t i = 1; i <= count + 1 && r == 0; i++) {
                struct item item = { .number = i <= count ? i : NO_MORE };
                snprintf(item.what, sizeof item.what, "item %lld", (long long)i);
                r = leat_buffer_put(region, buffer_of(region), &item, sizeof item, LEAT_NOW);
                if (r != -EAGAIN)
                        continue;
                if (waits++ == 0)
                        fprintf(stderr, "full after %lld items; waiting for room\n", (long long)i - 1);
                r = leat_buffer_put(region, buffer_of(region), &item, sizeof item,
                                    leat_in_s(60)); /* asleep, until there is room for it */
        }
        if (r == 0)
                printf("%lld items put; the buffer was full %lld times\n", (long long)count, (long long)waits);
        else
                fprintf(stderr, "nobody takes them: %s\n", leat_strerror(r));
        return r;
}

int main(int argc, char **argv) {
        struct leat_region *region = NULL;
        int r = shop_open(argc > 2 ? argv[2] : "region:/buffer", &region);

        if (r == 0)
                r = produce(region, argc > 1 ? atoll(argv[1]) : 100000);
        leat_region_close(region); /* what is still in the buffer stays there for a consumer */
        return r < 0;
}
