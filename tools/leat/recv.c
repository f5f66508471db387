/* SPDX-License-Identifier: MIT */
#include "tools/leat/ends.h"
#include "tools/leat/output.h"
#include "tools/leat/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct receiving {
        const struct options *options;
        const char *address;
        struct leat_channel *channel;
        struct leat_receive_options how;
        int64_t taken;
        int previous;      /* for end_goes_on */
        bool no_end;       /* this channel never tells an end: the deadline is the way to stop */
        bool competes;     /* others receive from it too, and could have had what is lost here */
        bool acknowledges; /* ?acknowledge in its address */
};

/* What waits is taken without waiting, so that the output goes out in large pieces; and it goes out before a wait. */
static ssize_t take(struct receiving *receiving, struct space *space, struct leat_message *about) {
        receiving->how.deadline = LEAT_NOW;
        ssize_t n = end_receive(receiving->channel, space, &receiving->how, about);
        if (n != -EAGAIN || receiving->options->drain)
                return n;
        if (output_flush() != DONE)
                return -EPIPE;
        receiving->how.deadline = receiving->options->deadline;
        return end_receive(receiving->channel, space, &receiving->how, about);
}

/* The exit code for the deadline: done where that is how it ends and there was something. */
static int deadline_passed(const struct receiving *receiving) {
        bool meant = !receiving->options->count && (receiving->options->follow || receiving->no_end);
        if (receiving->taken && meant)
                return DONE;
        if (receiving->taken == 0)
                return report(receiving->address, -ETIMEDOUT, RECEIVING, NULL);
        complain(receiving->address, "the deadline passed before the %s; %" PRId64 " message%s came",
                 receiving->options->count ? "last of them" : "end", receiving->taken,
                 receiving->taken == 1 ? "" : "s");
        return TIMED_OUT;
}

/* What a receive that gave no message means. Returns true to receive on, else the exit code is in *ret_code. */
static bool goes_on(struct receiving *receiving, int error, const struct leat_message *about, int *ret_code) {
        if (error == -ENODATA && receiving->options->follow && !end_is_final(receiving->channel))
                return true;
        if (end_goes_on(receiving->address, receiving->channel, error, about, &receiving->previous))
                return true;
        if (error == -EAGAIN || error == -ENODATA)
                *ret_code = receiving->options->drain && receiving->taken == 0 ? ANSWER_NO : DONE;
        else if (error == -ETIMEDOUT)
                *ret_code = deadline_passed(receiving);
        else if (error == -EPIPE)
                *ret_code = SYSTEM_REFUSED; /* the output's: said already */
        else
                *ret_code = report_channel(receiving->address, error, RECEIVING, receiving->channel);
        return false;
}

/* What did not come as it was sent, where the transport lets that happen: it is never passed over in silence. */
static void tell_missing(const struct receiving *receiving) {
        struct leat_info info = LEAT_INFO_INIT;
        if (leat_channel_info(receiving->channel, &info) < 0)
                return;
        const struct {
                uint64_t count;
                const char *what;
        } rows[] = { { info.lost, "lost on the way" },
                     { info.late, "came after a later one" },
                     { info.doubled, "came again and not taken twice" },
                     { info.dropped, "found the receive buffer full (raise ?capacity=)" } };
        char text[256] = "";
        size_t at = 0;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (rows[i].count > 0 && rows[i].count != LEAT_UNKNOWN)
                        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%" PRIu64 " %s", at ? ", " : "",
                                               rows[i].count, rows[i].what);
        if (at > 0)
                complain(receiving->address, "messages: %s", text);
}

/* Done with is what stands in the output. */
static int acknowledge(const struct receiving *receiving, const struct leat_message *about) {
        int code = output_flush();
        int r = code == DONE ? leat_acknowledge(receiving->channel, about) : 0;
        if (r < 0 && r != -ENOTCONN) /* it comes again, marked */
                return report_channel(receiving->address, r, RECEIVING, receiving->channel);
        return code;
}

static int receive_all(struct receiving *receiving) {
        SPACE_AT_EXIT struct space space = SPACE_NONE;
        const struct options *options = receiving->options;
        int code = DONE;
        while (!options->count || receiving->taken < options->count) {
                struct leat_message about;
                ssize_t n = take(receiving, &space, &about);
                if (n < 0 && goes_on(receiving, (int)n, &about, &code))
                        continue;
                if (n < 0)
                        return code;
                receiving->taken++;
                receiving->previous = 0;
                progress_count((size_t)n);
                code = output_message(options, receiving->channel, &about, space.bytes, (size_t)n);
                if (code == DONE && receiving->competes)
                        code = output_flush();
                if (code == DONE && receiving->acknowledges)
                        code = acknowledge(receiving, &about);
                if (code)
                        return code;
        }
        return DONE;
}

static int check(const struct options *options) {
        if (options->type && options->max_type)
                return complain_usage(NULL, "--type and --max-type exclude each other; write one of them");
        if (options->drain && options->follow)
                return complain_usage(NULL, "--drain and --follow exclude each other; write one of them");
        if (options->columns && options->format > FORMAT_TEXT)
                return complain_usage(NULL, "--with is for text; --format json tells it all");
        return DONE;
}

/* ?end, or ?need=end, among the options of an address that was opened, and so is well-formed. */
static bool address_asks_end(const char *address) {
        const char *need = strstr(address, "need=");
        return address_has(address, "end") || (need && memmem(need, strcspn(need, "&"), "end", 3));
}

/* Where the end is told only to who asked, and nobody did, there is none either. */
static void look_at(struct receiving *receiving) {
        struct leat_info info = LEAT_INFO_INIT;
        if (leat_channel_info(receiving->channel, &info) < 0)
                return;
        const struct leat_row_declaration *end = &info.declaration->rows[LEAT_ROW_END];
        receiving->no_end =
                end->verdict == LEAT_NO || (end->verdict == LEAT_PEER && !address_asks_end(receiving->address));
        receiving->competes = info.declaration->pattern == LEAT_QUEUE && strcmp(info.declaration->parties, "n:m") == 0;
}

static int run_recv(const struct options *options) {
        CHANNEL_AT_EXIT struct leat_channel *channel = NULL;
        struct receiving receiving = { .options = options, .address = options->operands[0] };
        int code = check(options);
        if (code)
                return code;
        code = output_check(); /* before a message is taken that nobody will see */
        if (code)
                return code;
        bool at_once = options->drain && options->deadline == LEAT_NEVER;
        code = options->drain ? end_open_existing(receiving.address, at_once ? LEAT_NOW : options->deadline, &channel)
                              : end_open(receiving.address, LEAT_RECEIVE, options->deadline, &channel);
        if (code)
                return code;
        receiving.acknowledges = address_has(receiving.address, "acknowledge");
        progress_begin("receiving");
        if (isatty(STDOUT_FILENO))
                progress_end(); /* the messages are to be seen there */
        receiving.channel = channel;
        receiving.how = (struct leat_receive_options)LEAT_RECEIVE_OPTIONS_INIT;
        receiving.how.from_pid = (pid_t)options->from_pid;
        receiving.how.select = options->max_type ? LEAT_AT_MOST(options->max_type) : LEAT_TYPE(options->type);
        look_at(&receiving);
        code = receive_all(&receiving);
        tell_missing(&receiving);
        return code;
}

const struct command command_recv = {
        .name = "recv",
        .operands = "ADDRESS",
        .summary = "Receive messages until the end: until the last sender is gone",
        .takes = TAKES_SELECT | TAKES_FROM | TAKES_COUNT | TAKES_UNTIL | TAKES_TIMEOUT | TAKES_FORMAT | TAKES_COLUMNS |
                 TAKES_JSON,
        .operands_min = 1,
        .operands_max = 1,
        .details =
                "Format text is the bytes and a newline for each message, raw the bytes alone; json is an object a\n"
                "line, with the bytes as \"text\" if they are valid UTF-8, else as \"hex\". --json is --format json.\n"
                "Where the transport tells no end ('leat transports', row 7; queues and logs do with ?end in ADDRESS)\n"
                "it goes on until the deadline. --drain makes nothing: a queue, named pipe or log must be there.\n"
                "What was lost, late or double on a network that lets that happen (udp) is told on stderr at the "
                "end.\n\n"
                "Exit: 0 done; 1 --drain found nothing; 2 usage; 71 the system refused; 124 the deadline passed\n"
                "and no message had come, or not all of --count, or not the end.\n\n"
                "Example: leat recv --count 2 unix:@jobs\n",
        .run = run_recv,
};
