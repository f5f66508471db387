/* SPDX-License-Identifier: MIT */
#include "rpc/rpc_address.h"

#include <string.h>

/* What each kind knows; of a channel leat_open() says it. ?nodelay, ?keepalive=: of tcp alone. */
#define EVERY                                                                                                          \
        (OPTION_BIT(OPTION_OPEN) | OPTION_BIT(OPTION_NEW) | OPTION_BIT(OPTION_WAIT) | OPTION_BIT(OPTION_CAPACITY) |    \
         OPTION_BIT(OPTION_FRAMING))
#define LISTENING (OPTION_BIT(OPTION_BACKLOG) | OPTION_BIT(OPTION_LISTEN) | OPTION_BIT(OPTION_CONNECT))

static const struct {
        const char *scheme;
        enum rpc_address_kind kind;
        uint64_t options;
} kinds[] = {
        { "tcp", RPC_ADDRESS_TCP, EVERY | LISTENING | OPTION_BIT(OPTION_KEEPALIVE) | OPTION_BIT(OPTION_NODELAY) },
        { "unix", RPC_ADDRESS_UNIX, EVERY | LISTENING | OPTION_BIT(OPTION_MODE) },
        { "unix-stream", RPC_ADDRESS_UNIX, EVERY | LISTENING | OPTION_BIT(OPTION_MODE) },
        { "udp", RPC_ADDRESS_UDP, EVERY | OPTION_BIT(OPTION_LISTEN) | OPTION_BIT(OPTION_CONNECT) },
};

static int check(const struct address *address, uint64_t options, struct leat_reason *reason) {
        int r = address_check_options(address, options, reason);
        if (r < 0)
                return r;
        if (address_given(address, OPTION_FRAMING))
                return reason_at(reason, -ENOTSUP, address->columns[OPTION_FRAMING],
                                 "calls have a framing of their own there; ?framing=leat carries them by a channel");
        /* A call waits for its reply: whoever holds back its end, holds up both. */
        if (!address->nodelay)
                return reason_at(reason, -ENOTSUP, address->columns[OPTION_NODELAY], "calls are never held back");
        return 0;
}

int rpc_address_parse(const char *text, struct leat_reason *reason, struct address *ret_address,
                      enum rpc_address_kind *ret_kind) {
        struct address address;
        int r = address_parse(text, reason, &address);
        if (r < 0)
                return r;
        enum rpc_address_kind kind = RPC_ADDRESS_CHANNEL;
        bool by_channel = address_given(&address, OPTION_FRAMING) && address.framing == FRAMING_LEAT;
        for (size_t i = 0; !by_channel && i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (strcmp(kinds[i].scheme, address.scheme) == 0) {
                        kind = kinds[i].kind;
                        r = check(&address, kinds[i].options, reason);
                }
        if (r < 0) {
                address_clear(&address);
                return r;
        }
        *ret_address = address;
        *ret_kind = kind;
        return 0;
}
