/* SPDX-License-Identifier: MIT */
#include "tools/leat/ends.h"
#include "tools/leat/holder.h"
#include "tools/leat/info_budget.h"
#include "tools/leat/info_parties.h"
#include "tools/leat/output.h"
#include "tools/leat/table.h"
#include "tools/leat/waiting.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* The numbers of struct leat_info: where each lies, how people read it, and its name in JSON. */
static const struct {
        size_t offset;
        const char *title;
        const char *key;
} numbers[] = {
        { offsetof(struct leat_info, largest_bytes), "largest message, bytes", "largest_bytes" },
        { offsetof(struct leat_info, capacity_bytes), "capacity, bytes", "capacity_bytes" },
        { offsetof(struct leat_info, atomic_bytes), "written in one step, bytes", "atomic_bytes" },
        { offsetof(struct leat_info, depth), "depth, messages", "depth" },
        { offsetof(struct leat_info, queued_messages), "queued messages", "queued_messages" },
        { offsetof(struct leat_info, queued_bytes), "queued bytes", "queued_bytes" },
        { offsetof(struct leat_info, parties), "connections", "connections" },
        { offsetof(struct leat_info, parties), "senders", "senders" },
        { offsetof(struct leat_info, waiting), "waiting to be accepted", "waiting" },
        { offsetof(struct leat_info, dropped), "messages dropped", "dropped" },
        { offsetof(struct leat_info, refused), "refused", "refused" },
};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

/* To whom parties belong: connections of a listener; without one, who has it open to send. */
static bool is_other_word(const struct leat_info *info, const char *key) {
        const char *scheme = info->declaration->scheme;
        return strcmp(key, scheme_is_shared(scheme, strlen(scheme)) ? "connections" : "senders") == 0;
}

static uint64_t number_of(const struct leat_info *info, size_t i) {
        uint64_t number;
        if (is_other_word(info, numbers[i].key))
                return LEAT_UNKNOWN;
        memcpy(&number, (const char *)info + numbers[i].offset, sizeof(number));
        return number;
}

static void add_time_json(json_t *object, const char *key, int64_t time_ns) {
        char text[40];
        const char *time = format_time(time_ns, text);
        json_object_set_new(object, key, time ? json_string(time) : json_null());
}

static int print_json(const char *address, const struct leat_info *info, const struct parties *parties) {
        const struct leat_declaration *declaration = info->declaration;
        json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "scheme", declaration->scheme, "pattern",
                                   pattern_name(declaration->pattern), "framing", declaration->framing, "ends",
                                   declaration->parties);
        for (size_t i = 0; i < NUMBERS; i++) {
                uint64_t number = number_of(info, i);
                json_t *value = number == LEAT_UNKNOWN ? json_null() : json_integer(info_whole(number));
                json_object_set_new(object, numbers[i].key, value);
        }
        char mode[8];
        snprintf(mode, sizeof(mode), "%04o", info->mode & 07777);
        json_object_set_new(object, "owner", output_peer(&info->owner));
        json_object_set_new(object, "mode", info->mode ? json_string(mode) : json_null());
        json_object_set_new(object, "last_sender", info->last_sender ? json_integer(info->last_sender) : json_null());
        json_object_set_new(object, "last_receiver",
                            info->last_receiver ? json_integer(info->last_receiver) : json_null());
        add_time_json(object, "first_sent", info->first_ns);
        add_time_json(object, "last_sent", info->last_ns);
        json_object_set_new(object, "messages", waiting_json(address));
        if (info_has_parties(address))
                json_object_set_new(object, "parties", info_parties_json(parties));
        return output_json(object);
}

static void add(struct libscols_table *table, const char *title, const char *text) {
        const char *const cells[] = { title, text };
        table_add(table, cells, 2);
}

/* Of a name that nobody is asked about the pid is 0: who made it is known by the file. */
static void add_owner(struct libscols_table *table, const struct leat_peer *owner) {
        char text[96] = "";
        if (owner->pid)
                snprintf(text, sizeof(text), "pid %d, ", (int)owner->pid);
        size_t at = strlen(text);
        snprintf(text + at, sizeof(text) - at, "uid %u", (unsigned)owner->uid);
        at = strlen(text);
        if (owner->gid != HOLDER_NO_GROUP)
                snprintf(text + at, sizeof(text) - at, ", gid %u", (unsigned)owner->gid);
        add(table, "owner", owner->known ? text : "unknown");
}

/* Of queues that tell: who sent to it and took from it last. */
static void add_last(struct libscols_table *table, const char *title, pid_t pid) {
        char text[32];
        snprintf(text, sizeof(text), "pid %d", (int)pid);
        if (pid)
                add(table, title, text);
}

/* Of a store that keeps the time of each: when the first and the last that are there were sent. */
static void add_time(struct libscols_table *table, const char *title, int64_t time_ns) {
        char text[40];
        const char *time = format_time(time_ns, text);
        if (time)
                add(table, title, time);
}

static int print_table(const char *address, const struct leat_info *info, const struct parties *parties) {
        static const char *const names[] = { "WHAT", "VALUE" };
        const struct leat_declaration *declaration = info->declaration;
        struct libscols_table *table = table_new(names, 2, 0);
        char text[96];
        add(table, "transport", declaration->scheme);
        add(table, "pattern", pattern_name(declaration->pattern));
        add(table, "framing", declaration->framing);
        add(table, "senders:receivers", declaration->parties);
        for (size_t i = 0; i < NUMBERS; i++) {
                uint64_t number = number_of(info, i);
                snprintf(text, sizeof(text), "%" PRIu64, number);
                if (number != LEAT_UNKNOWN)
                        add(table, numbers[i].title, text);
        }
        add_time(table, "first sent", info->first_ns);
        add_time(table, "last sent", info->last_ns);
        add_owner(table, &info->owner);
        snprintf(text, sizeof(text), "%04o", info->mode & 07777);
        add(table, "mode", info->mode ? text : "none");
        add_last(table, "last sender", info->last_sender);
        add_last(table, "last receiver", info->last_receiver);
        int code = table_print(table);
        if (!code && info_has_parties(address))
                code = info_parties_print(parties, info->parties);
        return code ? code : waiting_print(address);
}

/* What has no name (pipe:fd=0) can only be asked as an open channel, by whichever end it is. */
static int ask_open(const char *address, struct leat_reason *reason, struct leat_info *ret_info) {
        CHANNEL_AT_EXIT struct leat_channel *channel = NULL;
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        options.flags = LEAT_RECEIVE;
        options.deadline = LEAT_NOW;
        int r = leat_open_with(address, &options, reason, &channel);
        if (r < 0) {
                options.flags = LEAT_SEND;
                r = leat_open_with(address, &options, reason, &channel);
        }
        return r < 0 ? r : leat_channel_info(channel, ret_info);
}

static int run_info(const struct options *options) {
        const char *address = options->operands[0];
        if (options->watch && options->dry_run)
                return complain_usage(NULL,
                                      "--watch looks at what is there, --dry-run at what is not; write one of them");
        if (options->watch || options->dry_run)
                return options->watch ? info_watch(options) : info_dry_run(options);
        struct leat_info info = LEAT_INFO_INIT;
        struct leat_reason reason = { 0 };
        int r = strncmp(address, "pipe:", 5) == 0 ? ask_open(address, &reason, &info)
                                                  : leat_inspect(address, &reason, &info);
        CLEANUP(parties_free) struct parties parties = { 0 };
        if (r == 0 && info_has_parties(address))
                r = parties_find(address, &parties);
        if (r < 0)
                return report(address, r, ASKING, &reason);
        if (info_has_parties(address))
                info.queued_bytes = parties_queued(&parties, info.parties);
        holder_complete(address, &info.owner);
        return options->format == FORMAT_JSON ? print_json(address, &info, &parties)
                                              : print_table(address, &info, &parties);
}

const struct command command_info = {
        .name = "info",
        .operands = "ADDRESS",
        .summary = "Tell what is known of an address: limits, what is queued, who is there",
        .takes = TAKES_JSON | TAKES_INFO | TAKES_TIMEOUT,
        .operands_min = 1,
        .operands_max = 1,
        .details =
                "Nobody at the address notices. What the transport cannot tell is left out, in JSON null. Of a System\n"
                "V queue it shows what waits, too, and takes nothing. Ports (tcp, udp) are looked at on this "
                "machine.\n"
                "Of shm: it shows what each process counts that has the channel open; those of other users only root "
                "sees.\n"
                "With --dry-run nothing is opened: what ADDRESS, of shm:, would take is told, and whether it fits.\n\n"
                "Exit: 0 told; 1 nothing is there, or it does not fit; 2 usage; 71 the system refused; 124 the "
                "deadline passed.\n\n"
                "Example: leat info sysv-mq:0x4d2\n",
        .run = run_info,
};
