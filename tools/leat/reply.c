/* SPDX-License-Identifier: MIT */
#include "tools/leat/ends.h"
#include "tools/leat/exchange.h"
#include "tools/leat/progress.h"

#include "process/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct replying {
        const char *address;
        char **command;
        struct leat_channel *channel;
        int64_t deadline;
        size_t largest_bytes;
        int previous; /* for end_goes_on */
};

static void set_environment(const struct leat_message *request) {
        char text[24];
        snprintf(text, sizeof(text), "%" PRId64, request->type);
        setenv("LEAT_TYPE", text, 1);
        snprintf(text, sizeof(text), "%d", (int)request->sender.pid);
        if (request->sender.known)
                setenv("LEAT_SENDER_PID", text, 1);
        else
                unsetenv("LEAT_SENDER_PID");
}

static void tell_status(const struct replying *replying, const struct leat_status *status) {
        if (status->how == LEAT_HOW_KILLED || status->how == LEAT_HOW_DUMPED)
                complain(replying->command[0], "killed by signal %d; what it had written was its reply", status->code);
        else if (status->how == LEAT_HOW_EXITED && status->code)
                complain(replying->command[0], "ended with %d; what it wrote was its reply", status->code);
}

static int find_program(char **argv) {
        struct leat_command *command;
        int r = leat_command_new((const char *const *)argv, &command);
        if (r < 0)
                return r;
        r = command_find(command);
        leat_command_free(command);
        return r;
}

static bool is_ours(const struct replying *replying, int error) {
        return error == -ENOMEM || error == -ECANCELED || (error == -ETIMEDOUT && leat_now() >= replying->deadline);
}

/* A caller that has gone, waits no more, or wants its reply where it cannot go, has had its turn: the next one's comes. */
static int answer(const struct replying *replying, const struct leat_message *request, const struct space *output,
                  size_t size) {
        int64_t deadline = request->deadline < replying->deadline ? request->deadline : replying->deadline;
        int r = leat_reply(replying->channel, request, request->type, output->bytes, size, deadline);
        if (r == -EMSGSIZE) { /* of answers that go another way only that way knows */
                complain(replying->command[0],
                         "it wrote more than its caller opened for answers carries; the reply is empty");
                r = leat_reply(replying->channel, request, request->type, NULL, 0, deadline);
        }
        bool waits_no_more = r == -ETIMEDOUT && leat_now() >= request->deadline;
        if (r == 0 || r == -EPIPE || waits_no_more)
                return DONE;
        int code = report_channel(replying->address, r, SENDING, replying->channel);
        return is_ours(replying, r) ? code : DONE;
}

static int serve(const struct replying *replying, const struct leat_message *request, const void *bytes, size_t size) {
        SPACE_AT_EXIT struct space output = SPACE_NONE;
        struct exchange exchange = { .input = bytes,
                                     .input_bytes = size,
                                     .output = &output,
                                     .largest_bytes = replying->largest_bytes,
                                     .deadline = replying->deadline };
        set_environment(request);
        int r = exchange_run(&exchange, replying->command);
        if (r == -EMSGSIZE)
                complain(replying->command[0], "it wrote more than the largest message, %zu bytes; the reply is empty",
                         replying->largest_bytes);
        else if (r < 0)
                return report(replying->command[0], r, exchange.started ? SENDING : STARTING, NULL);
        else
                tell_status(replying, &exchange.status);
        return answer(replying, request, &output, exchange.output_bytes);
}

/* The next message that wants a reply. Returns its size, or a negative errno. */
static ssize_t next_request(struct replying *replying, struct space *space, struct leat_message *about) {
        struct leat_receive_options how = LEAT_RECEIVE_OPTIONS_INIT;
        how.deadline = replying->deadline;
        for (;;) {
                ssize_t n = end_receive(replying->channel, space, &how, about);
                if (n == -ENODATA && !end_is_final(replying->channel))
                        continue;
                if (n < 0 && end_goes_on(replying->address, replying->channel, (int)n, about, &replying->previous))
                        continue;
                if (n >= 0 && !(about->flags & LEAT_WANTS_REPLY)) {
                        complain(replying->address,
                                 "a message that wants no reply was dropped; send it with 'leat call'");
                        continue;
                }
                if (n >= 0 && about->deadline != LEAT_NEVER && leat_now() >= about->deadline) {
                        complain(replying->address, "a request whose caller waits no more was not carried out");
                        continue;
                }
                replying->previous = 0;
                return n;
        }
}

static int serve_all(struct replying *replying, int64_t count) {
        SPACE_AT_EXIT struct space space = SPACE_NONE;
        for (int64_t served = 0; count == 0 || served < count; served++) {
                struct leat_message about;
                ssize_t n = next_request(replying, &space, &about);
                if (n == -ENODATA)
                        return DONE;
                if (n < 0)
                        return report_channel(replying->address, (int)n, RECEIVING, replying->channel);
                progress_count((size_t)n);
                int code = serve(replying, &about, space.bytes, (size_t)n);
                if (code)
                        return code;
        }
        return DONE;
}

static int run_reply(const struct options *options) {
        CHANNEL_AT_EXIT struct leat_channel *channel = NULL;
        struct replying replying = { .address = options->operands[0],
                                     .command = options->operands + 1,
                                     .deadline = options->deadline };
        /* Before a caller relies on it. */
        int r = find_program(replying.command);
        if (r < 0)
                return report(replying.command[0], r, STARTING, NULL);
        int code = end_open(replying.address, LEAT_REPLY, options->deadline, &channel);
        if (code)
                return code;
        progress_begin("replying");
        replying.channel = channel;
        replying.largest_bytes = end_largest(channel);
        return serve_all(&replying, options->count);
}

const struct command command_reply = {
        .name = "reply",
        .operands = "ADDRESS -- COMMAND [ARGUMENT]...",
        .summary = "Answer requests: for each run COMMAND, its input the request, its output the reply",
        .takes = TAKES_COUNT | TAKES_TIMEOUT,
        .operands_min = 2,
        .operands_max = -1,
        .details =
                "COMMAND is started without a shell, one after the other, with LEAT_TYPE and, where the transport\n"
                "tells it, LEAT_SENDER_PID in its environment. What it wrote is the reply also when it fails, which\n"
                "is told on stderr. The reply's type is the request's. At the deadline a COMMAND that runs is "
                "killed.\n\n"
                "Exit: 0 --count reached, or the end; 2 usage; 71 the system refused; 124 the deadline passed;\n"
                "125 COMMAND could not be started, 126 not be run, 127 not be found.\n\n"
                "Example: leat reply unix:@upper -- tr a-z A-Z\n",
        .run = run_reply,
};
