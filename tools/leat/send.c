/* SPDX-License-Identifier: MIT */
#include "tools/leat/ends.h"
#include "tools/leat/input.h"
#include "tools/leat/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct sending {
        const char *address;
        struct leat_channel *channel;
        struct leat_send_options how;
};

static struct leat_send_options how_to_send(const struct options *options) {
        struct leat_send_options how = LEAT_SEND_OPTIONS_INIT;
        how.type = options->type ? options->type : 1;
        how.priority = options->priority;
        how.deadline = options->deadline;
        if (options->sync)
                how.flags |= LEAT_SYNC;
        if (options->when_full == FULL_DROP_NEW)
                how.flags |= LEAT_DROP_NEWEST;
        if (options->when_full == FULL_DROP_OLD)
                how.flags |= LEAT_DROP_OLDEST;
        if (options->when_full == FULL_FAIL || options->when_full == FULL_DROP_NEW)
                how.deadline = LEAT_NOW;
        return how;
}

/* What was in doubt is said once; the message that learned of it goes out now. */
static int tell_doubt(const struct sending *sending, int r) {
        struct leat_info info = LEAT_INFO_INIT;
        if (r != -ENOTCONN || leat_channel_info(sending->channel, &info) < 0)
                return r;
        complain(sending->address,
                 "the connection was lost; whether %" PRIu64 " messages came is in doubt, of numbers %" PRIu64
                 " to %" PRIu64,
                 info.in_doubt, info.in_doubt_first, info.in_doubt_last);
        return -EAGAIN;
}

static int send_one(struct sending *sending, const char *bytes, size_t size) {
        int r = tell_doubt(sending, leat_send_with(sending->channel, bytes, size, &sending->how));
        if (r == -EAGAIN && sending->how.deadline != LEAT_NOW) /* the doubt is told; any other wait ends otherwise */
                r = leat_send_with(sending->channel, bytes, size, &sending->how);
        if (r == -EMSGSIZE && size > end_largest(sending->channel))
                return end_too_large(sending->address, sending->channel);
        if (r < 0)
                return report_channel(sending->address, r, sending->how.flags & LEAT_SYNC ? SENDING_SYNC : SENDING,
                                      sending->channel);
        progress_count(size);
        return DONE;
}

static int send_operands(struct sending *sending, char **messages, size_t count) {
        for (size_t i = 0; i < count; i++) {
                int code = send_one(sending, messages[i], strlen(messages[i]));
                if (code)
                        return code;
        }
        return DONE;
}

static int send_input(struct sending *sending, struct input *input, const char *name) {
        const char *bytes;
        size_t size;
        int r;
        input->largest_bytes = end_largest(sending->channel);
        while ((r = input_next(input, &bytes, &size)) > 0) {
                int code = send_one(sending, bytes, size);
                if (code)
                        return code;
        }
        if (r == -EMSGSIZE)
                return end_too_large(name, sending->channel);
        return r < 0 ? report(name, r, READING_INPUT, NULL) : DONE;
}

/* The new ones, or the old ones that made way. */
static void tell_dropped(const struct sending *sending) {
        struct leat_info info = LEAT_INFO_INIT;
        if (leat_channel_info(sending->channel, &info) == 0 && info.dropped != LEAT_UNKNOWN && info.dropped > 0)
                complain(sending->address, "it was full: %" PRIu64 " message%s dropped", info.dropped,
                         info.dropped == 1 ? "" : "s");
}

/* ?at-least-once, ?reconnect: it is over when the other end has said so for each message. */
static int await_acknowledgement(const struct sending *sending, int64_t deadline) {
        struct leat_info info = LEAT_INFO_INIT;
        int r = leat_flush(sending->channel, deadline);
        if (r == 0 || r == -ENOTSUP)
                return DONE;
        if (tell_doubt(sending, r) != r)
                return NO_RECEIVER;
        if (leat_channel_info(sending->channel, &info) < 0 || info.in_doubt == 0)
                return report_channel(sending->address, r, SENDING, sending->channel);
        complain(sending->address,
                 "%" PRIu64 " messages are not acknowledged, of numbers %" PRIu64 " to %" PRIu64
                 "; whether they came is in doubt",
                 info.in_doubt, info.in_doubt_first, info.in_doubt_last);
        return exit_code(r, SENDING);
}

static int send_all(const struct options *options, struct input *input, const char *name) {
        CHANNEL_AT_EXIT struct leat_channel *channel = NULL;
        struct sending sending = { .address = options->operands[0], .how = how_to_send(options) };
        int code = end_open(sending.address, LEAT_SEND, options->deadline, &channel);
        if (code)
                return code;
        progress_begin("sending");
        sending.channel = channel;
        if (input)
                code = send_input(&sending, input, name);
        else
                code = send_operands(&sending, options->operands + 1, options->operands_count - 1);
        if (code == DONE)
                code = await_acknowledgement(&sending, options->deadline);
        tell_dropped(&sending);
        return code;
}

static int check(const struct options *options) {
        int sources = (options->operands_count > 1) + (options->file != NULL) + (options->lines != NULL);
        if (sources > 1)
                return complain_usage(NULL, "MESSAGE, --file and --lines exclude each other; write one of them");
        if (sources && options->each)
                return complain_usage(NULL,
                                      "--each is for standard input; leave it or MESSAGE, --file and --lines away");
        if (options->sync && options->when_full)
                return complain_usage(NULL, "--sync waits until each message is taken; leave --when-full away");
        return DONE;
}

static int run_send(const struct options *options) {
        struct input input = INPUT_NONE;
        const char *path = options->file ? options->file : options->lines;
        int code = check(options);
        if (code)
                return code;
        if (options->operands_count > 1)
                return send_all(options, NULL, NULL);
        enum cut cut = options->file ? CUT_ALL : options->each ? options->each : CUT_LINES;
        int r = input_open(&input, path, cut, options->deadline);
        if (r < 0)
                return report(path, r, READING_INPUT, NULL);
        code = send_all(options, &input, path ? path : "standard input");
        input_close(&input);
        return code;
}

const struct command command_send = {
        .name = "send",
        .operands = "ADDRESS [MESSAGE]...",
        .summary = "Send messages: each MESSAGE, or each line of standard input",
        .takes = TAKES_TYPE | TAKES_PRIORITY | TAKES_SYNC | TAKES_WHEN_FULL | TAKES_TIMEOUT | TAKES_INPUT,
        .operands_min = 1,
        .operands_max = -1,
        .details = "Waits for a receiver until the timeout; with ?open in ADDRESS not at all. Queues and logs (mq:,\n"
                   "sysv-mq:, log:) keep messages, so nobody has to be there.\n"
                   "--when-full fail ends with 75; drop-new and drop-old go on and tell how many were dropped.\n\n"
                   "Exit: 0 sent; 1 input cannot be read; 2 usage; 69 no receiver, or it went away;\n"
                   "71 the system refused; 75 full; 124 the deadline passed.\n\n"
                   "Example: leat send unix:@jobs 'first job' 'second job'\n",
        .run = run_send,
};
