/* SPDX-License-Identifier: MIT */
#include "tools/leat/ends.h"
#include "tools/leat/input.h"
#include "tools/leat/output.h"
#include "tools/leat/progress.h"

#include <errno.h>
#include <string.h>

#define REPLY_ROOM ((size_t)16 << 20) /* replies that go another way than requests may be larger */

/* The reply that does not fit is lost, so there is room for the largest; pages that stay untouched cost nothing. */
static int call_with(const struct options *options, struct leat_channel *channel, const char *bytes, size_t size) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        size_t largest = end_largest(channel), room = largest < REPLY_ROOM ? REPLY_ROOM : largest;
        FREE_AT_EXIT char *reply = malloc(room);
        if (!reply)
                return report(options->operands[0], -ENOMEM, CALLING, NULL);
        progress_begin("waiting for the reply");
        ssize_t n = leat_call(channel, options->type ? options->type : 1, bytes, size, reply, room, options->deadline,
                              &about);
        if (n < 0)
                return report_channel(options->operands[0], (int)n, CALLING, channel);
        return output_message(options, channel, &about, reply, (size_t)n);
}

static int call_with_input(const struct options *options, struct leat_channel *channel) {
        struct input input = INPUT_NONE;
        const char *bytes = NULL;
        size_t size = 0;
        int r = input_open(&input, NULL, CUT_ALL, options->deadline);
        if (r == 0) {
                input.largest_bytes = end_largest(channel);
                r = input_next(&input, &bytes, &size);
        }
        int code = r < 0 ? report("standard input", r, READING_INPUT, NULL) : call_with(options, channel, bytes, size);
        input_close(&input);
        return code;
}

static int run_call(const struct options *given) {
        CHANNEL_AT_EXIT struct leat_channel *channel = NULL;
        struct options options = *given;
        if (options.format == FORMAT_DEFAULT)
                options.format = FORMAT_RAW;
        int code = end_open(options.operands[0], LEAT_CALL, options.deadline, &channel);
        if (code)
                return code;
        if (options.operands_count == 1)
                return call_with_input(&options, channel);
        return call_with(&options, channel, options.operands[1], strlen(options.operands[1]));
}

const struct command command_call = {
        .name = "call",
        .operands = "ADDRESS [MESSAGE]",
        .summary = "Send one request, MESSAGE or all of standard input, and print its reply",
        .takes = TAKES_TYPE | TAKES_TIMEOUT | TAKES_FORMAT | TAKES_JSON,
        .operands_min = 1,
        .operands_max = 2,
        .details = "The reply is printed as it is (--format raw). The other end is 'leat reply' or any program that\n"
                   "answers with leat_reply().\n\n"
                   "Exit: 0 answered; 1 input cannot be read; 2 usage; 69 no receiver, or it went away;\n"
                   "71 the system refused; 124 the deadline passed.\n\n"
                   "Example: leat call --timeout 5s unix:@sum '1 2 3'\n",
        .run = run_call,
};
