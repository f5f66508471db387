/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_XDR_SIZE_H
#define LEAT_RPC_XDR_SIZE_H

#include "rpc/xdr_schema.h"

/*
 * leat_xdr_size() of a value that is to fit in `room` bytes, else LEAT_XDR_NO_ROOM, whose limit is `most`. So it is also what says
 * why a value cannot be encoded: it looks at all that encoding looks at, in the same order.
 */
int64_t xdr_size_within(struct leat_xdr_type type, const void *value, uint64_t room, uint64_t most,
                        struct leat_xdr_fault *ret_fault);

#endif
