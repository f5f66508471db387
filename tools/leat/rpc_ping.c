/* SPDX-License-Identifier: MIT */

/* leat rpc ping: whether a server answers, and how fast: calls of procedure 0. */

#include "base/clock.h"
#include "tools/leat/output.h"
#include "tools/leat/report.h"
#include "tools/leat/rpc_companion.h"
#include "tools/leat/rpc_names.h"
#include "tools/leat/rpc_parts.h"
#include "tools/leat/rpc_truth.h"
#include "tools/leat/rpc_where.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define PINGS 4u
#define RPCBIND_PROGRAM 100000u
#define RPCBIND_VERSION 2u

struct pinging {
        const struct options *options;
        char address[RPC_ADDRESS_MOST];
        struct leat_rpc_client *client;
        const struct leat_rpc_program *program;
        bool is_companion; /* nobody has named a program */
        bool is_foreign;   /* ... and its server has no companion */
        uint64_t calls, answers;
        int64_t least_ns, most_ns, sum_ns;
        json_t *trips; /* with --json */
        int code;
};

/* ---- one call ---- */

/* "I have no such program" is as good an answer as any, if nobody has asked for one. */
static bool is_answer(struct pinging *pinging, int r, const struct leat_rpc_call *call) {
        if (r < 0 && pinging->is_companion && r == -EPROTO && call->status == LEAT_RPC_PROGRAM_UNAVAILABLE)
                return pinging->is_foreign = true;
        return r == 0;
}

static void count_answer(struct pinging *pinging, int64_t took_ns) {
        if (pinging->answers++ == 0 || took_ns < pinging->least_ns)
                pinging->least_ns = took_ns;
        if (took_ns > pinging->most_ns)
                pinging->most_ns = took_ns;
        pinging->sum_ns += took_ns;
        if (pinging->trips)
                (void)json_array_append_new(pinging->trips, json_integer((json_int_t)took_ns));
        else
                printf("%" PRIu64 ": answer of %s in %.3f ms%s\n", pinging->calls, pinging->address,
                       (double)took_ns / 1e6, pinging->is_foreign ? " (no server of Leat)" : "");
}

/* Until when one answer is waited for, from now on. */
static int64_t answer_deadline(const struct pinging *pinging) {
        return rpc_where_until(pinging->options->deadline);
}

static int ping_once(struct pinging *pinging) {
        int64_t begun = leat_now();
        struct leat_rpc_call call = leat_rpc_call_until(answer_deadline(pinging), NULL);
        int r = leat_rpc_call(pinging->client, pinging->program, 0, NULL, NULL, &call);
        pinging->calls++;
        if (is_answer(pinging, r, &call)) {
                count_answer(pinging, leat_now() - begun);
        } else {
                struct rpc_asked asked = { pinging->address, "procedure 0", pinging->program, true, pinging->client };
                pinging->code = rpc_truth_tell(&asked, r, &call);
                if (pinging->trips)
                        (void)json_array_append_new(pinging->trips, json_null());
        }
        return pinging->trips ? DONE : output_flush();
}

/* ---- all of them ---- */

/* Until it is time for the next one. False: the deadline of the command comes first. */
static bool pause_until(const struct pinging *pinging, int64_t when) {
        if (when >= pinging->options->deadline)
                return false;
        sleep_until(when);
        return true;
}

static int print_sum(const struct pinging *pinging) {
        double average = pinging->answers ? (double)pinging->sum_ns / (double)pinging->answers : 0;
        if (pinging->trips)
                return output_json(json_pack("{s:s, s:b, s:I, s:I, s:O}", "address", pinging->address, "leat",
                                             pinging->is_companion && pinging->answers && !pinging->is_foreign, "calls",
                                             (json_int_t)pinging->calls, "answers", (json_int_t)pinging->answers,
                                             "round_trips_ns", pinging->trips));
        printf("%" PRIu64 " calls, %" PRIu64 " answers", pinging->calls, pinging->answers);
        if (pinging->answers)
                printf("; least %.3f, average %.3f, most %.3f ms", (double)pinging->least_ns / 1e6, average / 1e6,
                       (double)pinging->most_ns / 1e6);
        putchar('\n');
        return output_flush();
}

static int ping_all(struct pinging *pinging) {
        uint64_t count = pinging->options->rpc.count ? pinging->options->rpc.count : PINGS;
        int64_t next = leat_now();
        for (uint64_t i = 0; i < count; i++) {
                int code = ping_once(pinging);
                if (code)
                        return code;
                next += pinging->options->rpc.every_ns;
                if (i + 1 < count && !pause_until(pinging, next))
                        break;
        }
        int code = print_sum(pinging);
        return code ? code : pinging->code;
}

/* ---- the command ---- */

static int read_program(const struct options *options, struct leat_rpc_program *program) {
        char **operands = options->operands;
        if (options->operands_count == 1)
                return DONE;
        if (options->operands_count == 2)
                return complain_usage(operands[1], "a program has a version, too; write it behind the program");
        if (!rpc_number_read(operands[1], &program->number) && !rpc_number_of(operands[1], &program->number))
                return complain_usage(operands[1], "is no program; write its number, or a name of /etc/rpc");
        if (!rpc_number_read(operands[2], &program->version))
                return complain_usage(operands[2], "is no version; write its number");
        return DONE;
}

static int ping(struct pinging *pinging, const char *address) {
        const struct rpc_options plain = { .plain = true };
        int64_t until = answer_deadline(pinging);
        int code = rpc_where_find(address, pinging->program, until, pinging->address);
        if (code == DONE)
                code = rpc_where_connect(pinging->address, &plain, until, &pinging->client);
        if (code)
                return code;
        pinging->trips = pinging->options->format == FORMAT_JSON ? json_array() : NULL;
        code = ping_all(pinging);
        json_decref(pinging->trips);
        leat_rpc_client_free(pinging->client);
        return code;
}

static int run_ping(const struct options *options) {
        static const struct leat_rpc_procedure null = { .flags = LEAT_RPC_IDEMPOTENT, .name = "NULL" };
        struct leat_rpc_program program = served_1_program;
        struct pinging pinging = { .options = options, .program = &program };
        char rpcbind[RPC_ADDRESS_MOST];
        const char *address = options->operands[0];
        int code = read_program(options, &program);
        program.procedures = &null;
        program.count = 1;
        if (code == DONE)
                code = rpc_where_check(address);
        if (code)
                return code;
        pinging.is_companion = options->operands_count == 1;
        if (pinging.is_companion && rpc_where_asks(address)) { /* who has no port is rpcbind */
                program.number = RPCBIND_PROGRAM;
                program.version = RPCBIND_VERSION;
                pinging.is_companion = false;
                rpc_where_rpcbind(address, rpcbind, &address);
                address = address ? address : "tcp:127.0.0.1:111";
        }
        return ping(&pinging, address);
}

const struct command command_rpc_ping = {
        .name = "rpc ping",
        .operands = "ADDRESS [PROGRAM VERSION]",
        .summary = "Call procedure 0 of a server, and print how long the answers take",
        .takes = TAKES_TIMEOUT | TAKES_JSON | TAKES_RPC_PING,
        .operands_min = 1,
        .operands_max = 3,
        .details = "Without a PROGRAM a server of Leat answers by its companion program, and every other that it has\n"
                   "none, which is an answer too. An answer is waited for up to 10s.\n\n"
                   "Exit: 0 all were answered; 2 usage; of the last one that was not: 3 it did not run, or nobody is\n"
                   "there; 4 no answer came; 5 it failed.\n\n"
                   "Example: leat rpc ping -c 3 -i 0.2 tcp:localhost:2049 nfs 3\n",
        .run = run_ping,
};
