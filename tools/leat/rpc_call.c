/* SPDX-License-Identifier: MIT */

/* leat rpc call: a caller by hand. */

#include "tools/leat/progress.h"
#include "tools/leat/report.h"
#include "tools/leat/rpc_interface.h"
#include "tools/leat/rpc_parts.h"
#include "tools/leat/rpc_trace.h"
#include "tools/leat/rpc_truth.h"
#include "tools/leat/rpc_value.h"
#include "tools/leat/rpc_where.h"

#include <errno.h>
#include <stdio.h>

#define TRACE_EVERY_NS INT64_C(100000000) /* what is noted is shown while a call waits */

enum { OPERAND_FILE, OPERAND_ADDRESS, OPERAND_PROCEDURE, OPERAND_ARGUMENT };

/* What is needed for one call. */
struct calling {
        const struct options *options;
        struct rpc_target target;
        struct leat_rpc_client *client;
        struct leat_xdr_arena arena;
        char address[RPC_ADDRESS_MOST]; /* with its port */
        int64_t deadline;
        struct rpc_trace *trace; /* or NULL */
};

/* That of the command, or else of the procedure. */
static int64_t deadline_of(const struct options *options, const struct rpc_target *target) {
        int64_t timeout = rpc_target_procedure(target)->timeout_ns;
        return options->deadline == LEAT_NEVER && timeout > 0 ? leat_in_ns(timeout) : options->deadline;
}

/* ---- with a trace ---- */

static void note_call(const struct calling *calling) {
        char text[512];
        const struct leat_rpc_program *program = &calling->target.version->program;
        snprintf(text, sizeof(text), "%s of %s, %s (program %u, version %u, procedure %u)",
                 rpc_target_procedure(&calling->target)->name, program->name, calling->target.version->name,
                 (unsigned)program->number, (unsigned)program->version,
                 (unsigned)rpc_target_procedure(&calling->target)->number);
        rpc_trace_note(calling->trace, "call", text);
}

/* In steps, so that a person sees how far a call is that waits. */
static int call_in_steps(const struct calling *calling, const void *argument, void *ret_result,
                         struct leat_rpc_call *call) {
        struct leat_rpc_call *over;
        int r = leat_rpc_start(calling->client, &calling->target.version->program, calling->target.index, argument,
                               ret_result, call);
        if (r < 0)
                return r;
        do {
                r = leat_rpc_next(calling->client, leat_in_ns(TRACE_EVERY_NS), &over);
                rpc_trace_print(r < 0 ? calling->trace : NULL);
        } while (r == -ETIMEDOUT || r == -EAGAIN);
        return r < 0 ? r : call->error;
}

/* ---- the call ---- */

static int call_it(const struct calling *calling, const void *argument, void *ret_result, struct leat_rpc_call *call) {
        progress_begin("waiting for the answer");
        int r = calling->trace ? call_in_steps(calling, argument, ret_result, call)
                               : leat_rpc_call(calling->client, &calling->target.version->program,
                                               calling->target.index, argument, ret_result, call);
        progress_end();
        rpc_trace_note(calling->trace, "return", r == 0 ? "it ran, and this is its result" : rpc_truth_word(call->ran));
        rpc_trace_print(calling->trace);
        return r;
}

static int call_with(struct calling *calling, const void *argument) {
        struct leat_rpc_call call = leat_rpc_call_until(calling->deadline, &calling->arena);
        struct leat_xdr_type type = rpc_target_result(&calling->target);
        void *result;
        int code = rpc_value_make(type, &calling->arena, &result);
        if (code)
                return code;
        call.flags = calling->options->rpc.again ? LEAT_RPC_AGAIN : 0;
        int r = call_it(calling, argument, result, &call);
        if (r == 0)
                return rpc_value_print(type, result, calling->options->rpc.pretty);
        struct rpc_asked asked = { calling->address, rpc_target_procedure(&calling->target)->name,
                                   &calling->target.version->program,
                                   calling->options->rpc.again ||
                                           rpc_target_procedure(&calling->target)->flags & LEAT_RPC_IDEMPOTENT,
                                   calling->client };
        return rpc_truth_tell(&asked, r, &call);
}

static int connect_and_call(struct calling *calling, const void *argument) {
        const struct options *options = calling->options;
        const struct leat_rpc_program *program = &calling->target.version->program;
        int code = rpc_where_find(options->operands[OPERAND_ADDRESS], program, rpc_where_until(calling->deadline),
                                  calling->address);
        if (code == DONE)
                code = rpc_where_connect(calling->address, &options->rpc, calling->deadline, &calling->client);
        if (code)
                return code;
        if (calling->trace)
                leat_rpc_client_watch(calling->client, rpc_trace_watcher, calling->trace);
        code = call_with(calling, argument);
        leat_rpc_client_watch(calling->client, NULL,
                              NULL); /* how the client takes its leave is no part of the picture */
        return code;
}

/* The argument is read before anybody is asked for a connection. */
static int call_of(struct calling *calling, const struct rpc_interface *interface) {
        const struct options *options = calling->options;
        void *argument;
        int code = rpc_interface_find(interface, options->operands[OPERAND_PROCEDURE], &calling->target.version,
                                      &calling->target.index);
        if (code == DONE)
                code = rpc_value_read(options, &calling->target,
                                      options->operands_count > OPERAND_ARGUMENT ? options->operands[OPERAND_ARGUMENT]
                                                                                 : NULL,
                                      &calling->arena, &argument);
        if (code)
                return code;
        calling->deadline = deadline_of(options, &calling->target);
        calling->trace = options->rpc.trace ? rpc_trace_new() : NULL;
        note_call(calling);
        return connect_and_call(calling, argument);
}

static int run_call(const struct options *options) {
        struct rpc_options rpc = options->rpc;
        struct rpc_reading reading = { rpc.search, rpc.defines, rpc.extended };
        struct rpc_interface interface;
        struct calling calling = { .options = options };
        int code = rpc_interface_read(options->operands[OPERAND_FILE], &reading, &interface);
        if (code == DONE)
                code = call_of(&calling, &interface);
        leat_rpc_client_free(calling.client);
        rpc_trace_print(calling.trace);
        rpc_trace_free(calling.trace);
        leat_xdr_arena_free(&calling.arena);
        rpc_interface_free(&interface);
        return code;
}

const struct command command_rpc_call = {
        .name = "rpc call",
        .operands = "FILE.x ADDRESS PROCEDURE [JSON]",
        .summary = "Call a procedure of a server, its argument and result in JSON",
        .takes = TAKES_TIMEOUT | TAKES_RPC_CALL,
        .operands_min = 3,
        .operands_max = 4,
        .details = "PROCEDURE is one of the interface file, a name or a number; VERSION.PROCEDURE or\n"
                   "PROGRAM.VERSION.PROCEDURE where there are several. Several arguments are an object or an array.\n"
                   "JSON '-', or none where there is an argument, is read from standard input. An ADDRESS of tcp:\n"
                   "or udp: without a port is looked up with rpcbind, for up to 10s.\n\n"
                   "Exit: 0 it ran, and its result is printed; 1 the file or the argument cannot be read; 2 usage;\n"
                   "3 it did not run; 4 unknown, it may have run; 5 it ran, and failed; 71 the system refused.\n\n"
                   "Example: leat rpc call directory.x unix:directory FIND '\"a\"'\n",
        .run = run_call,
};
