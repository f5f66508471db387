/* SPDX-License-Identifier: MIT */

/* leat log: looks at one file of a log, and mends its end, whatever has become of it. */

#include "base/cleanup.h"
#include "tools/leat/ends.h"
#include "tools/leat/output.h"
#include "transport/log_reader.h"

#include <inttypes.h>
#include <string.h>

struct looking {
        const char *file;
        const struct options *options;
        struct log_cursor cursor;
        struct log_header header;
        int has_header; /* 0, or why not */
        uint64_t messages, seals, hellos;
        uint64_t end; /* of the last whole record */
        int64_t first_ns, last_ns;
};

static int look_at(struct looking *looking, const struct record *record) {
        looking->end = log_cursor_end(&looking->cursor);
        looking->hellos += record->kind == RECORD_HELLO;
        looking->seals += record->kind == RECORD_SEAL;
        if (record->kind != RECORD_MESSAGE)
                return DONE;
        looking->messages++;
        looking->last_ns = record->time_ns;
        if (looking->first_ns == 0)
                looking->first_ns = record->time_ns;
        return DONE;
}

static int print(struct looking *looking, const struct record *record) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        if (record->kind != RECORD_MESSAGE)
                return look_at(looking, record);
        (void)look_at(looking, record);
        FREE_AT_EXIT char *bytes = malloc(record->size + 1);
        if (!bytes)
                return report(looking->file, -ENOMEM, ASKING, NULL);
        record_copy(record, log_cursor_bytes(&looking->cursor), bytes);
        about.type = record->type;
        about.priority = record->priority;
        about.sequence = record->sequence;
        about.time_ns = record->time_ns;
        about.size_bytes = record->size;
        return output_message(looking->options, NULL, &about, bytes, record->size);
}

/* Every record of the file that counts, in order. Nothing behind the first SEAL does: neither what a sender appended too late, nor the
 * hole that is left of a file whose records were removed. */
static int walk(struct looking *looking, int (*visit)(struct looking *looking, const struct record *record)) {
        const struct record *record;
        int r = -EAGAIN, code = DONE;
        while (!code && looking->seals == 0 && (r = log_cursor_next(&looking->cursor, NULL, &record)) == 1) {
                code = visit(looking, record);
                log_cursor_consume(&looking->cursor);
        }
        return code || r == -EAGAIN || r == 1 ? code : report(looking->file, r, ASKING, NULL);
}

static const char *plural(uint64_t count) {
        return count == 1 ? "" : "s";
}

static int print_findings(const struct looking *looking, uint64_t size) {
        uint64_t rest = size - looking->cursor.at, late = looking->seals > 0 ? rest : 0, torn = rest - late;
        if (looking->options->format == FORMAT_JSON) {
                json_t *value =
                        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "messages", (json_int_t)looking->messages,
                                  "bytes", (json_int_t)size, "stretches", (json_int_t)looking->cursor.noise,
                                  "noise_bytes", (json_int_t)looking->cursor.noise_bytes, "torn_end_bytes",
                                  (json_int_t)torn, "number", (json_int_t)looking->header.number, "header",
                                  looking->has_header == 0, "sealed", looking->seals > 0);
                return output_json(value);
        }
        printf("%" PRIu64 " message%s in %" PRIu64 " bytes; ", looking->messages, plural(looking->messages), size);
        if (looking->has_header != 0)
                printf("no header: channels do not open it\n");
        else
                printf("file %" PRIu64 " of its log, %s\n", looking->header.number,
                       looking->seals > 0 ? "sealed: the next one follows" : "the last one");
        if (looking->cursor.noise > 0)
                printf("%" PRIu64 " stretch%s, %" PRIu64 " bytes in all, no record: skipped\n", looking->cursor.noise,
                       looking->cursor.noise == 1 ? "" : "es", looking->cursor.noise_bytes);
        if (torn > 0)
                printf("a record of which %" PRIu64 " bytes are there is torn, or being written, at its end\n", torn);
        if (late > 0)
                printf("%" PRIu64 " bytes behind its seal, which do not count\n", late);
        return DONE;
}

static int verify(struct looking *looking) {
        struct stat status = { 0 };
        int code = walk(looking, look_at);
        if (!code && fstat(looking->cursor.fd, &status) < 0)
                code = report(looking->file, -errno, ASKING, NULL);
        if (!code)
                code = print_findings(looking, (uint64_t)status.st_size);
        bool whole = looking->has_header == 0 && looking->cursor.noise == 0 &&
                     (looking->seals > 0 || looking->cursor.at == (uint64_t)status.st_size);
        return code ? code : whole ? DONE : ANSWER_NO;
}

static int cat(struct looking *looking) {
        return walk(looking, print);
}

static int cut(struct looking *looking) {
        int64_t r = looking->has_header == 0 ? log_file_cut(looking->cursor.fd) : looking->has_header;
        if (r == -EBUSY) {
                complain(looking->file, "senders have it open, and one may be writing; try again when they are gone");
                return ANSWER_NO;
        }
        if (r == -EBADMSG) {
                complain(looking->file, "does not begin as a log does, and is left alone");
                return ANSWER_NO;
        }
        if (r < 0)
                return report(looking->file, (int)r, ASKING, NULL);
        if (looking->options->format == FORMAT_JSON)
                return output_json(json_pack("{s:I}", "cut_bytes", (json_int_t)r));
        printf("%" PRId64 " byte%s cut off\n", r, plural((uint64_t)r));
        return DONE;
}

static const struct {
        const char *name;
        int (*run)(struct looking *looking);
        int flags; /* of open(2) */
} actions[] = { { "verify", verify, O_RDONLY }, { "cat", cat, O_RDONLY }, { "truncate", cut, O_RDWR } };

/* 0, or what to end with. */
static int open_file(const char *file, int flags, int *ret_fd) {
        struct stat status;
        CLOSE_AT_EXIT int fd = open(file, flags | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 && strncmp(file, "log:", 4) == 0)
                return complain_usage(file,
                                      "is an address; write the path of one file, /var/tmp/jobs or /var/tmp/jobs.2");
        if (fd < 0 || fstat(fd, &status) < 0)
                return report(file, -errno, ASKING, NULL);
        if (!S_ISREG(status.st_mode)) {
                complain(file, "is no file of a log; name one that is, /var/tmp/jobs or /var/tmp/jobs.2");
                return ANSWER_NO;
        }
        *ret_fd = take_fd(&fd);
        return DONE;
}

static int run_action(size_t action, const struct options *options) {
        struct looking looking = { .file = options->operands[1], .options = options };
        CLOSE_AT_EXIT int fd = -1;
        int code = open_file(looking.file, actions[action].flags, &fd);
        if (code)
                return code;
        looking.has_header = log_file_header(fd, &looking.header);
        log_cursor_init(&looking.cursor, fd, looking.header.bytes, RECORD_LARGEST_BYTES);
        code = actions[action].run(&looking);
        log_cursor_clear(&looking.cursor);
        return code;
}

static int run_log(const struct options *options) {
        for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
                if (strcmp(options->operands[0], actions[i].name) == 0)
                        return run_action(i, options);
        return complain_usage(options->operands[0], "is no action; write verify, cat or truncate");
}

const struct command command_log = {
        .name = "log",
        .operands = "verify|cat|truncate FILE",
        .summary = "Check one file of a log, print its messages, or cut a torn end off",
        .takes = TAKES_FORMAT | TAKES_COLUMNS | TAKES_JSON,
        .operands_min = 2,
        .operands_max = 2,
        .details = "FILE is a file, not an address: /var/tmp/jobs, /var/tmp/jobs.2. verify and cat read whatever is "
                   "there\n"
                   "and skip what is no record; truncate cuts what stands behind the last whole record, and only if\n"
                   "no sender has the file open. Format is as in 'leat recv'.\n\n"
                   "Exit: 0 done, and for verify: every byte that counts is right; 1 not so, or it cannot be read; 2 "
                   "usage;\n"
                   "71 the system refused.\n\n"
                   "Example: leat log verify /var/tmp/jobs\n",
        .run = run_log,
};
