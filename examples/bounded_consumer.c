/* SPDX-License-Identifier: MIT */
/*
 * The consumer of bounded_producer.c: takes what any number of producers put into their buffers, each producer's items in order,
 * and sleeps while there is none. It ends when the last producer has gone, also if one was killed, and all was taken.
 * Run it: bounded_consumer &              the other end: bounded_producer 100000
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>

struct item {
        int64_t number;
        char what[40];
};

static int consume(struct leat_channel *buffer) {
        long long items = 0, sum = 0;

        for (;;) {
                struct item item;
                ssize_t n = leat_receive(buffer, LEAT_ANY, &item, sizeof item, LEAT_NEVER, NULL);
                if (n == -ENODATA)
                        break;
                if (n < 0)
                        return (int)n;
                if (n != sizeof item)
                        continue; /* a stranger's */
                items++;
                sum += item.number;
        }
        printf("%lld items, their numbers add up to %lld\n", items, sum);
        return 0;
}

int main(int argc, char **argv) {
        const char *address = argc > 1 ? argv[1] : "shm:buffer?wait=sleep";
        struct leat_channel *buffer;
        int r = leat_open(address, LEAT_RECEIVE, LEAT_NEVER, &buffer);

        if (r == 0) {
                r = consume(buffer);
                leat_close(buffer);
        }
        if (r < 0)
                fprintf(stderr, "%s: %s\n", address, leat_strerror(r));
        return r < 0;
}
