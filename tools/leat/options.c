/* SPDX-License-Identifier: MIT */
#include "tools/leat/options.h"

#include "tools/leat/report.h"

#include <errno.h>
#include <getopt.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Setters return NULL, or what is wrong with the value and what would be right. */
typedef const char *set_option(struct options *options, const char *value);

static bool read_number(const char *text, int64_t least, int64_t most, int64_t *ret_number) {
        char *end;
        errno = 0;
        long long number = strtoll(text, &end, 10);
        bool digits = *text >= '0' && *text <= '9';
        if (!digits || *end || errno || number < least || number > most)
                return false;
        *ret_number = number;
        return true;
}

bool options_count(const char *text, uint64_t least, uint64_t most, uint64_t *ret_count) {
        char *end;
        errno = 0;
        *ret_count = strtoull(text, &end, 10);
        return *text >= '0' && *text <= '9' && !*end && errno == 0 && *ret_count >= least && *ret_count <= most;
}

static const char *set_type(struct options *options, const char *value) {
        bool good = read_number(value, 1, LEAT_TYPE_MAX, &options->type);
        return good ? NULL : "is not a type; write a number from 1 to 9223372036854775807";
}

static const char *set_max_type(struct options *options, const char *value) {
        bool good = read_number(value, 1, LEAT_TYPE_MAX, &options->max_type);
        return good ? NULL : "is not a type; write a number from 1 to 9223372036854775807";
}

static const char *set_priority(struct options *options, const char *value) {
        int64_t priority;
        if (!read_number(value, 0, LEAT_PRIORITY_MAX, &priority))
                return "is not a priority; write a number from 0 to 32767";
        options->priority = (uint32_t)priority;
        return NULL;
}

static const char *set_from(struct options *options, const char *value) {
        return read_number(value, 1, INT32_MAX, &options->from_pid) ? NULL : "is not a process; write its pid";
}

static const char *set_count(struct options *options, const char *value) {
        return read_number(value, 1, INT64_MAX, &options->count) ? NULL : "is not a count; write a number from 1";
}

static const char *set_mode(struct options *options, const char *value) {
        char *end;
        unsigned long mode = strtoul(value, &end, 8);
        if (*value < '0' || *value > '7' || *end || mode > 0777)
                return "is not a mode; write permission bits in octal, as 0660";
        options->mode = (mode_t)mode;
        return NULL;
}

/* Decimals are for people: 1.5s. What is more than int64_t nanoseconds, 292 years, is never. */
const char *options_duration(const char *value, int64_t *ret_ns) {
        static const struct {
                const char *name;
                double ns;
        } units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 } };
        size_t digits = strspn(value, "0123456789.");
        if (digits > 0 && *value != '.')
                for (size_t i = 0; i < LENGTH(units); i++) {
                        char *end;
                        double ns = strtod(value, &end) * units[i].ns;
                        if (end != value + digits || strcmp(end, units[i].name) != 0)
                                continue;
                        *ret_ns = ns < 9.2e18 ? (int64_t)ns : INT64_MAX;
                        return NULL;
                }
        return "is not a duration; write 250ms, 3s or 1m";
}

static const char *set_timeout(struct options *options, const char *value) {
        int64_t ns;
        const char *wrong = options_duration(value, &ns);
        if (!wrong)
                options->deadline = leat_in_ns(ns);
        return wrong;
}

/* The index of a word in a list that ends with NULL, or -1. */
static int find_word(const char *const words[], const char *word, size_t length) {
        for (int i = 0; words[i]; i++)
                if (strlen(words[i]) == length && memcmp(words[i], word, length) == 0)
                        return i;
        return -1;
}

static const char *set_when_full(struct options *options, const char *value) {
        static const char *const words[] = { "wait", "fail", "drop-new", "drop-old", NULL };
        int i = find_word(words, value, strlen(value));
        if (i < 0)
                return "is not known; write wait, fail, drop-new or drop-old";
        options->when_full = FULL_WAIT + (unsigned)i;
        return NULL;
}

static const char *set_each(struct options *options, const char *value) {
        static const char *const words[] = { "line", "nul", "all", NULL };
        int i = find_word(words, value, strlen(value));
        if (i < 0)
                return "is not known; write line, nul or all";
        options->each = CUT_LINES + (unsigned)i;
        return NULL;
}

static const char *set_format(struct options *options, const char *value) {
        static const char *const words[] = { "text", "raw", "hex", "json", NULL };
        int i = find_word(words, value, strlen(value));
        if (i < 0)
                return "is not known; write text, raw, hex or json";
        options->format = FORMAT_TEXT + (unsigned)i;
        return NULL;
}

static const char *set_columns(struct options *options, const char *value) {
        static const char *const words[] = { "type", "sender", "time", NULL };
        for (const char *at = value; at;) {
                size_t length = strcspn(at, ",");
                int i = find_word(words, at, length);
                if (i < 0)
                        return "is not known; write type, sender and time with commas between";
                options->columns |= 1u << i;
                at = at[length] ? at + length + 1 : NULL;
        }
        return NULL;
}

static const char *set_json(struct options *options, const char *value) {
        (void)value;
        options->format = FORMAT_JSON;
        return NULL;
}

static const char *set_file(struct options *options, const char *value) {
        options->file = value;
        return NULL;
}

static const char *set_lines(struct options *options, const char *value) {
        options->lines = value;
        return NULL;
}

#define FLAG_SETTER(name)                                                                                              \
        static const char *set_##name(struct options *options, const char *value) {                                    \
                (void)value;                                                                                           \
                options->name = true;                                                                                  \
                return NULL;                                                                                           \
        }
FLAG_SETTER(sync)
FLAG_SETTER(drain)
FLAG_SETTER(follow)
FLAG_SETTER(create_new)
FLAG_SETTER(why)
FLAG_SETTER(help)
FLAG_SETTER(status)
FLAG_SETTER(unbuffered)
FLAG_SETTER(watch)
FLAG_SETTER(dry_run)

static const char *set_every(struct options *options, const char *value) {
        const char *wrong = options_duration(value, &options->every_ns);
        return wrong ? wrong : options->every_ns < 1000000 ? "is less than 1ms" : NULL;
}

static const struct row {
        unsigned taken_by; /* 0: by all */
        const char *name;
        const char *argument; /* NULL: takes none */
        set_option *set;
        const char *help;
        char letter; /* by which it is known elsewhere; 0: none */
} rows[] = {
        { TAKES_TYPE, "type", "N", set_type, "the message's type, from 1; 1 if not said" },
        { TAKES_SELECT, "type", "N", set_type, "only messages of this type" },
        { TAKES_SELECT, "max-type", "N", set_max_type, "only types up to this one, the lowest first" },
        { TAKES_FROM, "from", "PID", set_from, "only messages of this process" },
        { TAKES_PRIORITY, "priority", "N", set_priority, "0 to 32767; 0 if not said" },
        { TAKES_SYNC, "sync", NULL, set_sync, "wait until the receiver has taken each message" },
        { TAKES_WHEN_FULL, "when-full", "HOW", set_when_full, "wait (default), fail, drop-new or drop-old" },
        { TAKES_INPUT, "each", "CUT", set_each, "cut standard input by line (default), nul, or send all as one" },
        { TAKES_INPUT, "file", "FILE", set_file, "send this file as one message" },
        { TAKES_INPUT, "lines", "FILE", set_lines, "send each line of this file" },
        { TAKES_COUNT, "count", "N", set_count, "end after this many messages" },
        { TAKES_UNTIL, "drain", NULL, set_drain, "take what is there now and end; 1 if nothing is" },
        { TAKES_UNTIL, "follow", NULL, set_follow, "go on past the end, for the next sender" },
        { TAKES_TIMEOUT, "timeout", "D", set_timeout, "give up after 250ms, 3s, 1m ... for the whole command" },
        { TAKES_FORMAT, "format", "FORMAT", set_format, "text, raw, hex or json" },
        { TAKES_COLUMNS, "with", "COLUMNS", set_columns, "before each text: type, sender, time" },
        { TAKES_MODE, "mode", "M", set_mode, "permission bits in octal, cut by the umask; 0666 if not said" },
        { TAKES_NEW, "new", NULL, set_create_new, "it must not be there yet" },
        { TAKES_WHY, "why", NULL, set_why, "say why each 'no' and 'peer', and what to use instead" },
        { TAKES_JSON, "json", NULL, set_json, "answer in JSON" },
        { TAKES_RUN, "status", NULL, set_status, "say how each command ended, and what it took" },
        { TAKES_RUN, "unbuffered", NULL, set_unbuffered,
          "lines go on when they are printed: output is a pseudo-terminal" },
        { TAKES_TIMES, "count", "N", set_count, "how many; 1 if not said" },
        { TAKES_SENDING, "value", "N", signal_set_value,
          "with this value, as sigqueue(3); a real-time signal is queued" },
        { TAKES_SENDING, "wait", NULL, signal_set_wait, "until each process has ended" },
        { TAKES_SENDING, "then", "SIGNAL", signal_set_then, "send this one to what has not ended; KILL, say; waits" },
        { TAKES_SENDING, "after", "D", signal_set_after, "so much later; 5s if not said" },
        { TAKES_INTERVAL, "interval", "D", signal_set_interval, "look so often; 100ms if not said" },
        { TAKES_INFO, "watch", NULL, set_watch, "shm: what each party does, again and again, until interrupted" },
        { TAKES_INFO, "interval", "D", set_every, "with --watch: so often; 1s if not said" },
        { TAKES_INFO, "dry-run", NULL, set_dry_run, "shm: the memory that it would take, and whether that is there" },
        { TAKES_REGION, "size", "SIZE", region_set_size, "so many bytes: 4096, 64k, 1M; all of them zero at first" },
        { TAKES_REGION, "locks", "N", region_set_locks, "or so many locks with names, for 'leat region run'" },
        { TAKES_REGION, "mode", "M", region_set_mode, "permission bits in octal, cut by the umask; 0600 if not said" },
        { TAKES_REGION, "count", "N", region_set_count, "of a semaphore: so many; 1 if not said" },
        { TAKES_LOCK_NAME, "lock", "NAME", region_set_lock, "the lock that is taken" },
        { TAKES_LOCK, "shared", NULL, region_set_shared, "with others that say so, and no one who does not" },
        { TAKES_LOCK, "nonblock", NULL, region_set_nonblock, "do not wait for it; 75 if somebody has it" },
        { TAKES_LOCK, "timeout", "D", set_timeout, "wait for it so long: 250ms, 3s, 1m; 124 if it was in vain" },
        { TAKES_LOCK, "mend", NULL, region_set_mend, "also if its last owner died with it; it is mended then" },
        { TAKES_STALE, "stale", NULL, region_set_stale, "only what no living process holds" },
        { TAKES_FORCE, "force", NULL, region_set_force, "also what is no region of Leat" },
        { TAKES_DUMP, "offset", "N", region_set_offset, "from this byte on: 4096, 64k, 0x1000" },
        { TAKES_DUMP, "length", "N", region_set_length, "so many bytes" },
        { TAKES_DUMP, "hex", NULL, region_set_hex, "in hexadecimal, also where the fields are known" },
        { TAKES_CHANGES, "part", "NAME", region_set_part, "only of this part" },
        { TAKES_CHANGES, "count", "N", region_set_changes, "end after so many lines about changes" },
        { TAKES_RPC_CALL, "include", "DIR", rpc_set_include, "look here for included interfaces and headers", 'I' },
        { TAKES_RPC_CALL, "define", "NAME", rpc_set_define, "define a name; NAME=VALUE", 'D' },
        { TAKES_RPC_CALL, "extended", NULL, rpc_set_extended, "the file uses the extensions of leatgen" },
        { TAKES_RPC_CALL, "auth", "HOW", rpc_set_auth,
          "say who calls: sys (uid, gid, groups; nothing proves it), or none (default)" },
        { TAKES_RPC_CALL, "plain", NULL, rpc_set_plain, "do not ask whether the server is one of Leat" },
        { TAKES_RPC_CALL, "again", NULL, rpc_set_again,
          "it may run more than once: try it again until there is an answer" },
        { TAKES_RPC_CALL, "trace", NULL, rpc_set_trace, "print each step on standard error, with bytes and time" },
        { TAKES_RPC_CALL, "pretty", NULL, rpc_set_pretty, "print the result with a field a line" },
        { TAKES_RPC_PING, "count", "N", rpc_set_count, "so many calls; 4 if not said", 'c' },
        { TAKES_RPC_PING, "interval", "D", rpc_set_interval, "one every D: 0.5, 250ms; 1s if not said", 'i' },
        { TAKES_BENCH, "size", "N,...", bench_set_sizes, "bytes of a message; 64,64k,1M if not said" },
        { TAKES_BENCH, "placement", "WHERE", bench_set_placement,
          "one-core, two-cores or free; both first ones if not said" },
        { TAKES_BENCH, "rounds", "N", bench_set_rounds, "how often all take turns; 21 if not said" },
        { TAKES_BENCH, "round-time", "D", bench_set_round_time, "how long a round takes, about; 20ms if not said" },
        { TAKES_BENCH, "memory", "N", bench_set_memory, "'processes': bytes touched, and carried; 1G if not said" },
        { TAKES_BENCH, "batch", "N", bench_set_batch, "messages handed over at once by 'many'; 64 if not said" },
        { TAKES_BENCH, "wait", "HOW", bench_set_wait, "?wait= of leat: spin, adaptive or sleep" },
        { TAKES_BENCH, "peers", NULL, bench_set_peers, "beside other libraries too, those that are installed" },
        { TAKES_BENCH, "json", "FILE", bench_set_json, "write all that was measured there" },
        { TAKES_BENCH, "plot", "FILE", bench_set_plot, "draw the ratios there, as SVG" },
        { TAKES_BENCH, "once", "N", bench_set_once, "carry N messages in one process; measure nothing" },
        { TAKES_BENCH, "bare", NULL, bench_set_bare, "with --once: by the bare mechanism" },
        { 0, "help", NULL, set_help, "print this" },
};

static bool taken(const struct command *command, const struct row *row) {
        return row->taken_by == 0 || (row->taken_by & command->takes);
}

/* getopt's table for this command. `val` is 256 + the row, so that it is no letter. */
static void list_options(const struct command *command, struct option list[LENGTH(rows) + 1]) {
        size_t n = 0;
        for (size_t i = 0; i < LENGTH(rows); i++)
                if (taken(command, &rows[i]))
                        list[n++] = (struct option){ .name = rows[i].name,
                                                     .has_arg = rows[i].argument ? required_argument : no_argument,
                                                     .val = 256 + (int)i };
        list[n] = (struct option){ 0 };
}

/* The letters of this command's options, as getopt wants them. */
#define LETTERS_BYTES 64
static void list_letters(const struct command *command, char letters[LETTERS_BYTES]) {
        size_t n = 0;
        letters[n++] = ':';
        for (size_t i = 0; i < LENGTH(rows) && n + 3 < LETTERS_BYTES; i++)
                if (rows[i].letter && taken(command, &rows[i])) {
                        letters[n++] = rows[i].letter;
                        if (rows[i].argument)
                                letters[n++] = ':';
                }
        letters[n] = '\0';
}

/* What getopt has found, as a row; NULL: none. */
static const struct row *row_of(const struct command *command, int answer) {
        if (answer >= 256)
                return &rows[answer - 256];
        for (size_t i = 0; i < LENGTH(rows); i++)
                if (rows[i].letter == answer && taken(command, &rows[i]))
                        return &rows[i];
        return NULL;
}

static int refuse_option(const struct command *command, char **argv, int answer) {
        /* Of a cluster of letters optind still points at the argument itself, of the rest past it. */
        const char *text = optopt > 0 && optopt < 256 ? argv[optind] : argv[optind - 1];
        if (!text || *text != '-')
                text = argv[optind - 1];
        if (answer == ':')
                return complain_usage(text, "a value is missing; 'leat %s --help' says which", command->name);
        return complain_usage(text,
                              "no such option, or it needs no value; 'leat %s --help' lists them, and '--' goes "
                              "before an operand that begins with '-'",
                              command->name);
}

static int set_option_of(struct options *options, const struct row *row, const char *value) {
        char name[32];
        const char *wrong = row->set(options, value);
        if (!wrong)
                return DONE;
        snprintf(name, sizeof(name), "--%s", row->name);
        return complain_usage(name, "'%s' %s", value, wrong);
}

static int set_options(struct options *options, int argc, char **argv) {
        struct option list[LENGTH(rows) + 1];
        char letters[LETTERS_BYTES];
        int answer, code = DONE;
        list_options(options->command, list);
        list_letters(options->command, letters);
        opterr = 0;
        while (!code && (answer = getopt_long(argc, argv, letters, list, NULL)) != -1) {
                const struct row *row = row_of(options->command, answer);
                code = row ? set_option_of(options, row, optarg) : refuse_option(options->command, argv, answer);
        }
        options->operands = argv + optind;
        options->operands_count = (size_t)(argc - optind);
        return code;
}

/*
 * The same where -N is an operand. getopt is asked for all in the order in which they stand ("-"), and takes the digits of -N for letters:
 * the argument is known when the last one is behind it. Operands are put to the front of argv, which getopt has read by then.
 */
static int set_options_among_numbers(struct options *options, int argc, char **argv) {
        struct option list[LENGTH(rows) + 1];
        int answer, code = DONE, operands = 1, before = optind;
        list_options(options->command, list);
        opterr = 0;
        for (; !code && (answer = getopt_long(argc, argv, "-:0123456789", list, NULL)) != -1; before = optind) {
                if (answer == 1 || (answer >= '0' && answer <= '9' && optind > before))
                        argv[operands++] = argv[optind - 1];
                else if (answer >= 256)
                        code = set_option_of(options, &rows[answer - 256], optarg);
                else if (answer < '0' || answer > '9')
                        code = refuse_option(options->command, argv, answer);
        }
        while (!code && optind < argc)
                argv[operands++] = argv[optind++];
        options->operands = argv + 1;
        options->operands_count = (size_t)operands - 1;
        return code;
}

int options_parse(const struct command *command, int argc, char **argv, struct options *ret_options) {
        struct options options = {
                .command = command,
                .deadline = LEAT_NEVER,
                .mode = 0666,
                .every_ns = INT64_C(1000000000),
                .bench = BENCH_OPTIONS_INIT,
                .signal = SIGNAL_OPTIONS_INIT,
                .region = REGION_OPTIONS_INIT,
                .rpc = RPC_OPTIONS_INIT,
        };
        int code = command->takes & TAKES_SENDING ? set_options_among_numbers(&options, argc, argv)
                                                  : set_options(&options, argc, argv);
        if (code)
                return code;
        int count = (int)options.operands_count;
        if (!options.help &&
            (count < command->operands_min || (command->operands_max >= 0 && count > command->operands_max)))
                return complain_usage(NULL, "too %s operands; write leat %s [OPTION]... %s",
                                      count < command->operands_min ? "few" : "many", command->name, command->operands);
        *ret_options = options;
        return DONE;
}

int options_each(const struct options *options, int (*function)(const struct options *options, const char *operand)) {
        int code = DONE;
        for (size_t i = 0; i < options->operands_count; i++) {
                int one = function(options, options->operands[i]);
                code = one ? one : code;
        }
        return code;
}

void options_help(const struct command *command) {
        printf("Usage: leat %s [OPTION]... %s\n%s.\n\n", command->name, command->operands, command->summary);
        for (size_t i = 0; i < LENGTH(rows); i++) {
                char left[40];
                if (!taken(command, &rows[i]))
                        continue;
                char letter[] = { '-', rows[i].letter, ',', ' ', '\0' };
                snprintf(left, sizeof(left), "%s--%s%s%s", rows[i].letter ? letter : "", rows[i].name,
                         rows[i].argument ? " " : "", rows[i].argument ? rows[i].argument : "");
                printf("  %-18s  %s\n", left, rows[i].help);
        }
        printf("\n%s", command->details);
}
