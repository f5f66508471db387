/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_OPTIONS_H
#define LEAT_TOOL_OPTIONS_H

/*
 * The options of all subcommands. Each is one row of a table in options.c; a subcommand names those that it
 * takes by bits. Options may follow operands; "--" ends them.
 */

#include "tools/leat/bench_options.h"
#include "tools/leat/command.h"
#include "tools/leat/region_options.h"
#include "tools/leat/rpc_options.h"
#include "tools/leat/signal_options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
        TAKES_TYPE = 1u << 0,   /* the type of what is sent */
        TAKES_SELECT = 1u << 1, /* --type and --max-type of what is received */
        TAKES_PRIORITY = 1u << 2,
        TAKES_SYNC = 1u << 3,
        TAKES_WHEN_FULL = 1u << 4,
        TAKES_TIMEOUT = 1u << 5,
        TAKES_INPUT = 1u << 6, /* --each, --file, --lines */
        TAKES_FROM = 1u << 7,
        TAKES_COUNT = 1u << 8,
        TAKES_UNTIL = 1u << 9, /* --drain, --follow */
        TAKES_FORMAT = 1u << 10,
        TAKES_COLUMNS = 1u << 11, /* --with */
        TAKES_JSON = 1u << 12,
        TAKES_MODE = 1u << 13,
        TAKES_NEW = 1u << 14,
        TAKES_WHY = 1u << 15,
        TAKES_BENCH = 1u << 16,
        TAKES_RUN = 1u << 17,      /* --status, --unbuffered */
        TAKES_REGION = 1u << 18,   /* --size, --locks, --mode: of a region that is made */
        TAKES_LOCK = 1u << 19,     /* --shared, --nonblock, --timeout, --mend */
        TAKES_SENDING = 1u << 20,  /* --value, --wait, --then, --after; and -PGID is an operand */
        TAKES_TIMES = 1u << 21,    /* --count of signals */
        TAKES_INTERVAL = 1u << 22, /* how often to look */
        TAKES_INFO = 1u << 23,     /* --watch, --interval, --dry-run */
        TAKES_LOCK_NAME = 1u << 24,
        TAKES_STALE = 1u << 25,
        TAKES_FORCE = 1u << 26,
        TAKES_DUMP = 1u << 27,    /* --offset, --length, --hex */
        TAKES_CHANGES = 1u << 28, /* --part, and --count of changes */
        TAKES_RPC_CALL = 1u << 29,
        TAKES_RPC_PING = 1u << 30, /* --count and --interval of remote calls */
};

enum cut { CUT_NONE, CUT_LINES, CUT_NULS, CUT_ALL };
enum when_full { FULL_WAIT, FULL_FAIL, FULL_DROP_NEW, FULL_DROP_OLD };
enum format { FORMAT_DEFAULT, FORMAT_TEXT, FORMAT_RAW, FORMAT_HEX, FORMAT_JSON };
enum { COLUMN_TYPE = 1u, COLUMN_SENDER = 2u, COLUMN_TIME = 4u };

struct options {
        const struct command *command;
        char **operands;
        size_t operands_count;
        int64_t deadline; /* of the whole command, counted from its start */
        int64_t type;     /* 0: not said */
        int64_t max_type; /* 0: not said */
        int64_t from_pid; /* 0: from anyone */
        int64_t count;    /* 0: not said */
        uint32_t priority;
        mode_t mode;
        enum cut each; /* CUT_NONE: not said */
        enum when_full when_full;
        enum format format;
        unsigned columns; /* COLUMN_... */
        const char *file; /* or NULL, as the next */
        const char *lines;
        bool sync, drain, follow, create_new, why, status, unbuffered;
        bool watch, dry_run;
        int64_t every_ns; /* --interval of --watch */
        bool help;
        struct bench_options bench;
        struct signal_options signal;
        struct region_options region;
        struct rpc_options rpc;
};

/*
 * Read a subcommand's arguments. argv[0] is its name; borrowed, and put in order.
 * Returns 0, or the exit code after saying what is wrong.
 */
int options_parse(const struct command *command, int argc, char **argv, struct options *ret_options);

/* Nanoseconds from a duration as people write it: 250ms, 1.5s, 1m. NULL, or what is wrong. */
const char *options_duration(const char *text, int64_t *ret_ns);

/* A number of digits alone, in these bounds. */
bool options_count(const char *text, uint64_t least, uint64_t most, uint64_t *ret_count);

/* The function for each operand, also after a failure. Returns DONE, or what the last one that failed returned. */
int options_each(const struct options *options, int (*function)(const struct options *options, const char *operand));

/* Print a subcommand's --help to stdout. */
void options_help(const struct command *command);

#endif
