/* SPDX-License-Identifier: MIT */

/* inbox: a mailbox by process: the unix: channel "inbox-PID" among the bare names (docs/design/fifo.md). */

#include "base/cleanup.h"
#include "base/text.h"
#include "channel/channel.h"
#include "transport/rows.h"
#include "transport/table.h"
#include "transport/unix_channel.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#define INBOX(framing_, largest_, two_way_, ...)                                                                       \
        {                                                                                                              \
                .scheme = "inbox", .pattern = LEAT_QUEUE, .framing = (framing_), .parties = "n:1",                     \
                .largest_bytes = (largest_), .two_way = (two_way_), .rows = {                                          \
                        __VA_ARGS__                                                                                    \
                }                                                                                                      \
        }

/* Those of unix:, but for row 15: a process cannot connect to whoever may send to it. */
#define ROWS_INBOX                                                                                                     \
        [LEAT_ROW_WHO] = YES_BUT("who connected; ?who=message: who sent each"), [LEAT_ROW_OPENING] = YES,              \
        [LEAT_ROW_LISTENING] = YES_BUT("the process that the inbox is named after binds, the others connect")

static const struct leat_declaration declarations[] = {
        INBOX("leat", LARGEST_DEFAULT, 1, ROWS_LEAT, ROWS_INBOX, [LEAT_ROW_DESCRIPTORS] = YES),
        INBOX("raw", LARGEST_PACKET, 0, ROWS_BARE, ROWS_INBOX, [LEAT_ROW_BOUNDARIES] = YES, [LEAT_ROW_DEATH] = YES),
};

/* The pid that an address names; 0: its own; -EINVAL. */
static int parse(const char *rest) {
        char *end;
        if (*rest == '\0')
                return 0;
        unsigned long pid = *rest >= '1' && *rest <= '9' ? strtoul(rest, &end, 10) : 0;
        return pid > 0 && pid <= INT_MAX && *end == '\0' ? (int)pid : -EINVAL;
}

static int check(const struct address *address, struct leat_reason *reason) {
        return parse(address->rest) < 0 ? reason_at(reason, -EINVAL, address->rest_column,
                                                    "a pid is wanted, inbox:1234; without one: this process's own")
                                        : 0;
}

/* From the pid to the name of the socket. */
static int set_name(struct address *address, int pid) {
        char *name;
        int r = text_format(&name, "inbox-%d", pid);
        if (r < 0)
                return r;
        free(address->rest);
        address->rest = name;
        return 0;
}

static int open_inbox(struct leat_channel *channel, int64_t deadline, struct leat_reason *reason) {
        struct address *address = &channel->address;
        int pid = parse(address->rest);
        bool receives = !(channel->flags & (LEAT_SEND | LEAT_CALL));
        if (receives && pid != 0 && pid != getpid())
                return reason_at(reason, -EINVAL, address->rest_column,
                                 "an inbox is its own process's: open inbox: to receive");
        if (!receives && pid == 0)
                return reason_at(reason, -EINVAL, address->rest_column, "whose inbox? say the pid: inbox:1234");
        int r = set_name(address, pid ? pid : (int)getpid());
        return r < 0 ? r : unix_channel_open(channel, SOCK_SEQPACKET, deadline, reason);
}

/* The same address as a unix: one, to be cleared; for what works on addresses. */
static int translate(const struct address *address, struct leat_reason *reason, struct address *ret_address) {
        int pid = parse(address->rest);
        if (pid <= 0)
                return reason_at(reason, -EINVAL, address->rest_column, "whose inbox? say the pid: inbox:1234");
        *ret_address = *address;
        ret_address->rest = NULL;
        return set_name(ret_address, pid);
}

static int inspect(const struct address *address, struct leat_reason *reason, struct leat_info *info) {
        CLEANUP(address_clear) struct address named = { 0 };
        int r = translate(address, reason, &named);
        return r < 0 ? r : unix_channel_inspect(&named, reason, info);
}

static int set(const struct address *address, const char *property, const char *value, struct leat_reason *reason) {
        CLEANUP(address_clear) struct address named = { 0 };
        int r = translate(address, reason, &named);
        return r < 0 ? r : unix_channel_set(&named, property, value, reason);
}

static int remove_name(const struct address *address, struct leat_reason *reason) {
        CLEANUP(address_clear) struct address named = { 0 };
        int r = translate(address, reason, &named);
        return r < 0 ? r : unix_channel_remove(&named, reason);
}

const struct transport transport_inbox = {
        .scheme = "inbox",
        .summary = "a mailbox by process: inbox:PID to send to it, inbox: to receive",
        .options = UNIX_OPTIONS & ~(OPTION_BIT(OPTION_LISTEN) | OPTION_BIT(OPTION_CONNECT)),
        .declarations = declarations,
        .declarations_count = sizeof(declarations) / sizeof(declarations[0]),
        .check = check,
        .open = open_inbox,
        .inspect = inspect,
        .create = unix_channel_create,
        .set = set,
        .remove = remove_name,
};
