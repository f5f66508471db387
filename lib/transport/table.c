/* SPDX-License-Identifier: MIT */

/* The table of transports, and the calls of the public face that begin with an address. */

#include "transport/table.h"

#include "base/cleanup.h"
#include "base/options.h"
#include "channel/channel.h"

#include <errno.h>
#include <leat.h>
#include <string.h>

static const struct transport *const table[] = {
        &transport_pipe, &transport_unix,       &transport_unix_stream, &transport_inbox,   &transport_fifo,
        &transport_mq,   &transport_sysv_mq,    &transport_log,         &transport_netlink, &transport_raw,
        &transport_tcp,  &transport_unix_dgram, &transport_udp,         &transport_shm,     NULL,
};

int leat_open_with(const char *address, const struct leat_open_options *options, struct leat_reason *ret_reason,
                   struct leat_channel **ret_channel) {
        return channel_open(table, address, options, ret_reason, ret_channel);
}

int leat_open(const char *address, unsigned flags, int64_t deadline, struct leat_channel **ret_channel) {
        const struct leat_open_options options = { .struct_size = sizeof(options),
                                                   .flags = flags,
                                                   .deadline = deadline };
        return channel_open(table, address, &options, NULL, ret_channel);
}

int leat_pair(const char *address, struct leat_reason *ret_reason, struct leat_channel **ret_receiver,
              struct leat_channel **ret_sender) {
        return channel_pair(table, address, ret_reason, ret_receiver, ret_sender);
}

/* Parse an address, find its transport and check its options; for the calls below. */
static int find(const char *text, struct leat_reason *reason, struct address *ret_address,
                const struct transport **ret_transport) {
        int r = channel_address(table, text, reason, ret_address, ret_transport);
        return r < 0 ? r : address_check_options(ret_address, OPTIONS_COMMON | (*ret_transport)->options, reason);
}

int leat_address_check(const char *address, struct leat_reason *ret_reason) {
        CLEANUP(address_clear) struct address parsed = { 0 };
        const struct transport *transport = NULL;
        return find(address, ret_reason, &parsed, &transport);
}

static int nothing_there(struct leat_reason *reason) {
        return reason_set(reason, -ENOTSUP, LEAT_ROW_OPENING, "what has no name can only be looked at by who holds it");
}

static int nothing_lasting(struct leat_reason *reason) {
        return reason_set(reason, -ENOTSUP, LEAT_ROW_OPENING,
                          "it lives with its processes: there is nothing to make, change or remove from outside");
}

int leat_inspect(const char *address, struct leat_reason *ret_reason, struct leat_info *ret_info) {
        CLEANUP(address_clear) struct address parsed = { 0 };
        const struct transport *transport = NULL;
        const struct leat_declaration *declaration = NULL;
        if (!ret_info || ret_info->struct_size < sizeof(size_t))
                return reason_set(ret_reason, -EINVAL, LEAT_ROW_NONE, NULL);
        int r = find(address, ret_reason, &parsed, &transport);
        if (r == 0)
                r = declaration_find(transport, &parsed, LEAT_RECEIVE, ret_reason, &declaration);
        if (r != 0)
                return r;
        if (!transport->inspect)
                return nothing_there(ret_reason);
        struct leat_info info = {
                .declaration = declaration,
                .largest_bytes = parsed.size ? parsed.size : declaration->largest_bytes,
                .capacity_bytes = LEAT_UNKNOWN,
                .atomic_bytes = LEAT_UNKNOWN,
                .queued_bytes = LEAT_UNKNOWN,
                .queued_messages = LEAT_UNKNOWN,
                .parties = LEAT_UNKNOWN,
                .waiting = LEAT_UNKNOWN,
                .sent = LEAT_UNKNOWN,
                .received = LEAT_UNKNOWN,
                .dropped = LEAT_UNKNOWN,
                .refused = LEAT_UNKNOWN,
                .aside_messages = LEAT_UNKNOWN,
                .aside_bytes = LEAT_UNKNOWN,
                .depth = LEAT_UNKNOWN,
                .lost = LEAT_UNKNOWN,
                .late = LEAT_UNKNOWN,
                .doubled = LEAT_UNKNOWN,
        };
        r = transport->inspect(&parsed, ret_reason, &info);
        if (r < 0)
                return r;
        options_tell(&info, sizeof(info), ret_info);
        return 0;
}

int leat_create(const char *address, mode_t mode, bool new_only, struct leat_reason *ret_reason) {
        CLEANUP(address_clear) struct address parsed = { 0 };
        const struct transport *transport = NULL;
        int r = find(address, ret_reason, &parsed, &transport);
        if (r < 0)
                return r;
        return transport->create ? transport->create(&parsed, mode, new_only, ret_reason) : nothing_lasting(ret_reason);
}

int leat_set(const char *address, const char *property, const char *value, struct leat_reason *ret_reason) {
        CLEANUP(address_clear) struct address parsed = { 0 };
        const struct transport *transport = NULL;
        if (!property || !value)
                return reason_set(ret_reason, -EINVAL, LEAT_ROW_NONE, NULL);
        int r = find(address, ret_reason, &parsed, &transport);
        if (r < 0)
                return r;
        return transport->set ? transport->set(&parsed, property, value, ret_reason) : nothing_lasting(ret_reason);
}

int leat_remove(const char *address, struct leat_reason *ret_reason) {
        CLEANUP(address_clear) struct address parsed = { 0 };
        const struct transport *transport = NULL;
        int r = find(address, ret_reason, &parsed, &transport);
        if (r < 0)
                return r;
        return transport->remove ? transport->remove(&parsed, ret_reason) : nothing_lasting(ret_reason);
}

ssize_t leat_peek(const char *address, size_t n, void *buffer, size_t size_bytes, struct leat_reason *ret_reason,
                  struct leat_message *ret_about) {
        CLEANUP(address_clear) struct address parsed = { 0 };
        const struct transport *transport = NULL;
        struct leat_message about = { .deadline = LEAT_NEVER };
        if ((!buffer && size_bytes > 0) || (ret_about && ret_about->struct_size < sizeof(size_t)))
                return reason_set(ret_reason, -EINVAL, LEAT_ROW_NONE, NULL);
        int r = find(address, ret_reason, &parsed, &transport);
        if (r < 0)
                return r;
        if (!transport->peek)
                return reason_set(ret_reason, -ENOTSUP, LEAT_ROW_TYPES,
                                  "what waits here cannot be seen without taking it; sysv-mq: shows it");
        ssize_t size = transport->peek(&parsed, n, buffer, size_bytes, ret_reason, &about);
        if (size >= 0)
                channel_tell(&about, NULL, ret_about);
        return size;
}

const struct leat_declaration *leat_declaration_at(size_t n) {
        for (size_t i = 0; table[i]; i++) {
                if (n < table[i]->declarations_count)
                        return &table[i]->declarations[n];
                n -= table[i]->declarations_count;
        }
        return NULL;
}

const char *leat_scheme_summary(const char *scheme) {
        for (size_t i = 0; scheme && table[i]; i++)
                if (strcmp(table[i]->scheme, scheme) == 0)
                        return table[i]->summary;
        return NULL;
}
