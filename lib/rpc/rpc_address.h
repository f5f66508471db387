/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_ADDRESS_H
#define LEAT_RPC_ADDRESS_H

/* Where a client calls and a server listens: addresses of Leat, read for calls. */

#include "channel/address.h"

enum rpc_address_kind {
        RPC_ADDRESS_TCP,
        RPC_ADDRESS_UNIX, /* a stream: unix: and unix-stream: */
        RPC_ADDRESS_UDP,
        RPC_ADDRESS_CHANNEL /* any other, or ?framing=leat: leat_open() */
};

/* Parse one. The address is the caller's: address_clear(). 0; -EINVAL, -EPROTONOSUPPORT, -ENOTSUP (an option that means nothing for calls) with the reason. */
int rpc_address_parse(const char *text, struct leat_reason *reason, struct address *ret_address,
                      enum rpc_address_kind *ret_kind);

#endif
