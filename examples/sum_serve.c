/* SPDX-License-Identifier: MIT */
/*
 * A server with several workers: threads that carry out calls beside each other (sum.x, sum_call.c). Whoever gives up a call, or goes away, is noticed:
 * nobody computes for nobody.
 * Run it: sum_serve unix:@sum 4 &           the other end: sum_call 1 50000000 4
 */
#include "serving.h"
#include "sum.h"

#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>

#define AT_ONCE 1000000u
#define WORKERS_MOST 100
#define DIGITS_MOST (20 * 9) /* their sum, of one number */

static uint64_t digits_of(uint64_t number) {
        uint64_t sum = 0;
        for (; number > 0; number /= 10)
                sum += number % 10;
        return sum;
}

/* Runs in as many threads at once as there are workers: it touches nothing but its arguments and its result. */
static int digits(uint64_t first, uint64_t last, uint64_t *ret_result, struct leat_rpc_request *request,
                  void *userdata) {
        uint64_t sum = 0, left = first <= last ? last - first + 1 : 0;

        (void)userdata;
        if (left > UINT64_MAX / DIGITS_MOST || (left == 0 && first <= last))
                return -ERANGE; /* the sum may have no room */
        for (uint64_t number = first; left > 0; number++, left--) {
                if (left % AT_ONCE == 0 && leat_rpc_request_is_cancelled(request))
                        return -ECANCELED;
                sum += digits_of(number);
        }
        *ret_result = sum;
        return 0;
}

int main(int argc, char **argv) {
        static const struct sum_1_functions functions = { .digits = digits };
        const char *address = argc > 1 ? argv[1] : "unix:@sum";
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        struct leat_rpc_server *server = NULL;
        char *end = NULL;
        unsigned long workers = argc > 2 ? strtoul(argv[2], &end, 10) : 2;
        int r = serving_refuse(argc, argv, 0, end && (*end || workers > WORKERS_MOST) ? 1 : 2,
                               "[ADDRESS [WORKERS]]; unix:@sum and 2 if there are none, 100 at most");

        if (r >= 0)
                return r;
        options.threads = (unsigned)workers;
        r = leat_rpc_server_create(&options, &server);
        if (r < 0)
                return fprintf(stderr, "%s\n", leat_strerror(r)), 1;
        r = leat_rpc_server_add(server, sum_1_server(&functions, NULL));
        if (r == 0)
                r = leat_rpc_server_listen(server, address, leat_in_s(5), &reason);
        if (r == 0) {
                serving_tell(server);
                r = leat_rpc_server_run(server, LEAT_NEVER);
        }
        fprintf(stderr, "%s: %s\n", address, reason.text ? reason.text : leat_strerror(r));
        leat_rpc_server_free(server);
        return 1;
}
