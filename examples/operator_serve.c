/* SPDX-License-Identifier: MIT */
/*
 * The server of a first remote call: an operator, who adds and subtracts for whoever asks (operator.x, operator_call.c).
 *
 *      the caller's program                                                  this program
 *
 *      operator_add_1(2, 3) = 5                                              add(2, 3): 2 + 3
 *            │        ▲                                                         ▲        │
 *   ┌────────▼────────┴──────────┐                                   ┌──────────┴────────▼─────────┐
 *   │ client stub: marshals 2, 3 │                                   │ server stub: unmarshals 2, 3│
 *   │ and unmarshals 5           │                                   │ and marshals 5              │
 *   └────────┬────────▲──────────┘                                   └──────────▲────────┬─────────┘
 *            │        │        "program 0x20000043, procedure 1, 2, 3"          │        │
 *            └────────┼───────────────►   the network, or a socket   ───────────┘        │
 *                     └────────────────────────────   "done, 5"   ◄──────────────────────┘
 *
 * Both stubs are leatgen's. Written here is what stands in the upper right corner.
 * Run it: operator_serve &           the other end: operator_call add 2 3          leat rpc call operator.x unix:@operator ADD '[2, 3]'
 */
#include "operator.h"
#include "serving.h"

#include <leat.h>
#include <stdio.h>

static int add(int32_t left, int32_t right, int64_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        *ret_result = (int64_t)left + right;
        return 0;
}

static int subtract(int32_t left, int32_t right, int64_t *ret_result, struct leat_rpc_request *request,
                    void *userdata) {
        (void)request, (void)userdata;
        *ret_result = (int64_t)left - right;
        return 0;
}

int main(int argc, char **argv) {
        static const struct operator_1_functions functions = { .add = add, .subtract = subtract };
        const char *address = argc > 1 ? argv[1] : "unix:@operator";
        struct leat_reason reason = { 0 };
        struct leat_rpc_server *server = NULL;
        int r = serving_refuse(argc, argv, 0, 1, "[ADDRESS]; unix:@operator if there is none");

        if (r >= 0)
                return r;
        r = leat_rpc_server_create(NULL, &server);
        if (r < 0)
                return fprintf(stderr, "%s\n", leat_strerror(r)), 1;
        r = leat_rpc_server_add(server, operator_1_server(&functions, NULL));
        if (r == 0)
                r = leat_rpc_server_listen(server, address, leat_in_s(5), &reason);
        if (r == 0) {
                serving_tell(server);
                r = leat_rpc_server_run(server, LEAT_NEVER); /* clients come and go */
        }
        fprintf(stderr, "%s: %s\n", address, reason.text ? reason.text : leat_strerror(r));
        leat_rpc_server_free(server);
        return 1;
}
