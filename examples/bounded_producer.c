/* SPDX-License-Identifier: MIT */
/*
 * Producers and a consumer with a bounded buffer, and nobody waits by looking again and again (?wait=sleep). Each producer has a
 * buffer in memory that it shares with the consumer: ?ring= bytes. When it is full the producer sleeps until the consumer has
 * made room; when all are empty the consumer sleeps. No lock, no semaphore, and no item that two of them could get hold of.
 * Run it: bounded_producer 100000 &       several of them, and the other end: bounded_consumer
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>

/* What is produced. Both ends run on one machine, so it may lie in a message as it lies in memory. */
struct item {
        int64_t number;
        char what[40];
};

static int produce(struct leat_channel *buffer, int64_t count) {
        int64_t waits = 0;
        int r = 0;

        for (int64_t i = 1; i <= count && r == 0; i++) {
                struct item item = { .number = i };
                snprintf(item.what, sizeof item.what, "item %lld", (long long)i);
                r = leat_send(buffer, 1, &item, sizeof item, LEAT_NOW);
                if (r != -EAGAIN)
                        continue;
                if (waits++ == 0)
                        fprintf(stderr, "full after %lld items; waiting for room\n", (long long)i - 1);
                r = leat_send(buffer, 1, &item, sizeof item, leat_in_s(60)); /* asleep, until there is room for it */
        }
        if (r == 0)
                printf("%lld items sent; the buffer was full %lld times\n", (long long)count, (long long)waits);
        return r;
}

int main(int argc, char **argv) {
        const char *address = argc > 2 ? argv[2] : "shm:buffer?ring=128k&wait=sleep";
        struct leat_channel *buffer;
        int r = leat_open(address, LEAT_SEND, LEAT_NEVER, &buffer);

        if (r == 0) {
                r = produce(buffer, argc > 1 ? atoll(argv[1]) : 100000);
                leat_close(buffer); /* what is still in the buffer stays there for the consumer */
        }
        if (r < 0)
                fprintf(stderr, "%s: %s\n", address, leat_strerror(r));
        return r < 0;
}
