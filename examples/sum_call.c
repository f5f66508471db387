/* SPDX-License-Identifier: MIT */
/*
 * A sum that n workers compute: it is asked for by one call, and then by n calls that are under way at once, on one connection (sum.x, sum_serve.c). The sums
 * are equal, and what is left of the time is the speed-up.
 * Run it: sum_call 1 50000000 4           sum_call FIRST LAST CALLS [ADDRESS]
 */
#include "sum.h"

#include <leat.h>
#include <stdio.h>
#include <stdlib.h>

#define CALLS_MAX 64

/* Start a call for each part, then wait for whichever is over next, until none is under way: so long they are the library's. */
static int add_up(struct leat_rpc_client *client, uint64_t first, uint64_t last, uint64_t count, uint64_t *ret_sum) {
        struct leat_rpc_call calls[CALLS_MAX], *over;
        struct leat_xdr_arena arena = { 0 };
        uint64_t parts[CALLS_MAX], each = (last - first) / count, sum = 0;
        int failed = 0;

        for (uint64_t i = 0; i < count && failed == 0; i++) {
                uint64_t from = first + i * (each + 1), to = i + 1 < count ? from + each : last;
                calls[i] = leat_rpc_call_until(leat_in_s(300), &arena);
                calls[i].userdata = &parts[i];
                failed = sum_digits_1_start(client, from, to, &parts[i], &calls[i]);
        }
        while (leat_rpc_next(client, LEAT_NEVER, &over) == 0) /* each has its deadline */
                if (over->error == 0)
                        sum += *(const uint64_t *)over->userdata;
                else
                        failed = over->error;
        leat_xdr_arena_free(&arena);
        *ret_sum = sum;
        return failed;
}

static double seconds_since(int64_t then) {
        return (double)(leat_now() - then) / 1e9;
}

static int compare(struct leat_rpc_client *client, uint64_t first, uint64_t last, uint64_t count) {
        uint64_t alone = 0, together = 0;
        int64_t start = leat_now();
        int r = add_up(client, first, last, 1, &alone);
        double of_one = seconds_since(start), of_all;

        start = leat_now();
        if (r == 0)
                r = add_up(client, first, last, count, &together);
        of_all = seconds_since(start);
        if (r < 0)
                return r;
        printf("%llu\n", (unsigned long long)together);
        printf("one call: %.3f s; %llu calls: %.3f s; %.2f times as fast\n", of_one, (unsigned long long)count, of_all,
               of_one / of_all);
        if (alone != together)
                fprintf(stderr, "the sums differ: %llu\n", (unsigned long long)alone);
        return alone == together ? 0 : -1;
}

int main(int argc, char **argv) {
        const char *address = argc > 4 ? argv[4] : "unix:@sum";
        uint64_t first = argc > 3 ? strtoull(argv[1], NULL, 10) : 1, last = argc > 3 ? strtoull(argv[2], NULL, 10) : 0;
        uint64_t count = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
        struct leat_reason reason = { 0 };
        struct leat_rpc_client *client;
        int r;

        if (last < first || count < 1 || count > CALLS_MAX || last - first < count * count)
                return fprintf(stderr, "usage: %s FIRST LAST CALLS [ADDRESS]\n", argv[0]), 2;
        r = leat_rpc_connect(address, NULL, leat_in_s(5), &reason, &client);
        if (r < 0)
                return fprintf(stderr, "%s: %s\n", address, reason.text ? reason.text : leat_strerror(r)), 1;
        r = compare(client, first, last, count);
        if (r < 0)
                fprintf(stderr, "%s: %s\n", address, leat_strerror(r));
        leat_rpc_client_free(client);
        return r < 0;
}
