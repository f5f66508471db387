/* SPDX-License-Identifier: MIT */

/* What was asked for, held against what a transport declares. */

#include "channel/transport.h"

#include <string.h>

static int check_flags(unsigned flags, struct leat_reason *reason) {
        const unsigned all = LEAT_SEND | LEAT_RECEIVE | LEAT_CALL | LEAT_REPLY;
        if (flags == 0 || (flags & ~all) || ((flags & LEAT_CALL) && (flags & (LEAT_RECEIVE | LEAT_REPLY))) ||
            ((flags & LEAT_REPLY) && (flags & LEAT_SEND)))
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING,
                                  "a channel is opened to send, to receive, for both, to call, or to reply");
        return 0;
}

static const struct leat_declaration *find(const struct transport *transport, enum leat_pattern pattern,
                                           const char *framing) {
        for (size_t i = 0; i < transport->declarations_count; i++)
                if (transport->declarations[i].pattern == pattern &&
                    strcmp(transport->declarations[i].framing, framing) == 0)
                        return &transport->declarations[i];
        return NULL;
}

/* Do calls go where both ends send and receive, and nowhere else: by two pipes? */
static bool calls_as_pair(const struct transport *transport, const char *framing) {
        const struct leat_declaration *pair = find(transport, LEAT_PAIR, framing);
        const struct leat_declaration *usual = find(transport, transport->declarations[0].pattern, framing);
        return pair && pair->two_way && !(usual && usual->two_way);
}

static enum leat_pattern pattern_of(const struct transport *transport, const struct address *address, unsigned flags) {
        if (address_given(address, OPTION_PATTERN))
                return (enum leat_pattern)address->pattern;
        if (address_given(address, OPTION_MULTICAST))
                return LEAT_BROADCAST;
        bool both = (flags & LEAT_SEND) && (flags & LEAT_RECEIVE);
        if (flags & (LEAT_CALL | LEAT_REPLY))
                both = calls_as_pair(transport, framing_names[address->framing]);
        return both ? LEAT_PAIR : transport->declarations[0].pattern;
}

static bool has_pattern(const struct transport *transport, enum leat_pattern pattern) {
        for (size_t i = 0; i < transport->declarations_count; i++)
                if (transport->declarations[i].pattern == pattern)
                        return true;
        return false;
}

static int check_needs(const struct leat_declaration *declaration, uint64_t need, struct leat_reason *reason) {
        for (int row = 1; row <= LEAT_ROW_MAX; row++)
                if ((need & (UINT64_C(1) << row)) && declaration->rows[row].verdict == LEAT_NO)
                        return reason_set(reason, -ENOTSUP, (enum leat_row)row, declaration->rows[row].why);
        return 0;
}

int declaration_find(const struct transport *transport, const struct address *address, unsigned flags,
                     struct leat_reason *reason, const struct leat_declaration **ret_declaration) {
        int r = check_flags(flags, reason);
        if (r == 0)
                r = address_check_options(address, OPTIONS_COMMON | transport->options, reason);
        if (r < 0)
                return r;
        const char *framing = framing_names[address->framing];
        enum leat_pattern pattern = pattern_of(transport, address, flags);
        const struct leat_declaration *found = find(transport, pattern, framing);
        if (!found && pattern == LEAT_BROADCAST && !has_pattern(transport, pattern))
                return reason_set(reason, -ENOTSUP, LEAT_ROW_LISTENING,
                                  "here each message is taken by one receiver; to reach every one use log:");
        if (!found && has_pattern(transport, pattern))
                return reason_set(reason, -ENOTSUP, LEAT_ROW_BOUNDARIES,
                                  "this transport has no such framing; `leat transports` lists them");
        if (!found)
                return reason_set(reason, -ENOTSUP, LEAT_ROW_LISTENING,
                                  "this transport has no such pattern; `leat transports` lists them");
        if (pattern == LEAT_QUEUE && (flags & LEAT_SEND) && (flags & LEAT_RECEIVE))
                return reason_set(reason, -ENOTSUP, LEAT_ROW_LISTENING,
                                  "an end of a queue sends or receives; use ?pattern=pair, or call and reply");
        if ((flags & (LEAT_CALL | LEAT_REPLY)) && !found->two_way)
                return reason_set(
                        reason, -ENOTSUP, LEAT_ROW_LISTENING,
                        "no reply comes back on this; say where answers go (?reply=mq:answers), or call over unix:");
        r = check_needs(found, address->need, reason);
        if (r < 0)
                return r;
        *ret_declaration = found;
        return 0;
}
