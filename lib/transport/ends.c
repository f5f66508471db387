/* SPDX-License-Identifier: MIT */
#include "transport/ends.h"

#include "channel/channel.h"

#include <errno.h>

bool ends_listens(const struct leat_channel *channel) {
        if (address_given(&channel->address, OPTION_LISTEN))
                return true;
        return !address_given(&channel->address, OPTION_CONNECT) && !(channel->flags & (LEAT_SEND | LEAT_CALL));
}

int ends_check_direction(const struct leat_channel *channel, struct leat_reason *reason) {
        const struct address *address = &channel->address;
        bool call = channel->flags & LEAT_CALL, reply = channel->flags & LEAT_REPLY;
        enum address_option wrong = call ? OPTION_LISTEN : OPTION_CONNECT;
        if ((call || reply) && address_given(address, wrong))
                return reason_at(reason, -ENOTSUP, address->columns[wrong], "callers connect and repliers listen");
        return 0;
}

int ends_check_again(const struct leat_channel *channel, struct leat_reason *reason) {
        const struct address *address = &channel->address;
        bool keeps = address_given(address, OPTION_AT_LEAST_ONCE),
             acknowledges = address_given(address, OPTION_ACKNOWLEDGE);
        if (address_given(address, OPTION_RECONNECT) && ends_listens(channel))
                return reason_at(reason, -ENOTSUP, address->columns[OPTION_RECONNECT],
                                 "the end that connects does so again; this one listens, and takes whoever comes");
        if ((keeps || acknowledges) && address->framing != FRAMING_LEAT)
                return reason_at(reason, -ENOTSUP, address->columns[keeps ? OPTION_AT_LEAST_ONCE : OPTION_ACKNOWLEDGE],
                                 "this framing has no word for an acknowledgement; use the framing of Leat");
        if (keeps && (channel->flags & (LEAT_CALL | LEAT_REPLY)))
                return reason_at(
                        reason, -ENOTSUP, address->columns[OPTION_AT_LEAST_ONCE],
                        "a call tells whether its fate is unknown, and the program may call again; use ?reconnect");
        return 0;
}

static int check_limit(const struct address *address, enum address_option option, uint64_t value, const char *limit,
                       struct leat_reason *reason, const char *text) {
        int64_t most = address_given(address, option) ? limit_sysctl(limit) : -1;
        return most >= 0 && value > (uint64_t)most ? reason_limit(reason, -EINVAL, limit, text) : 0;
}

int ends_check_limits(const struct address *address, bool both_buffers, struct leat_reason *reason) {
        static const char backlog[] = "?backlog= is above the limit of the system",
                          capacity[] = "?capacity= is above the limit of the system";
        int r = check_limit(address, OPTION_BACKLOG, address->backlog, "net.core.somaxconn", reason, backlog);
        if (r == 0)
                r = check_limit(address, OPTION_CAPACITY, address->capacity, "net.core.wmem_max", reason, capacity);
        if (r == 0 && both_buffers)
                r = check_limit(address, OPTION_CAPACITY, address->capacity, "net.core.rmem_max", reason, capacity);
        return r;
}
