/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_AUTH_H
#define LEAT_RPC_AUTH_H

/* Credentials: AUTH_NONE and AUTH_SYS (RFC 5531, section 8.2 and appendix A). */

#include "rpc/rpc_message.h"

#define RPC_AUTH_SYS 1u

/* auth_stat, beside those of rpc_message.h */
#define RPC_AUTH_REJECTEDCRED 2u

/* The body of an AUTH_SYS credential, at most RPC_AUTH_BYTES: its size. A machine without a NUL is cut at its end, groups beyond the sixteenth are left out. */
uint32_t rpc_auth_sys_encode(const struct leat_rpc_auth_sys *auth, uint8_t ret_bytes[RPC_AUTH_BYTES]);

/* Read one. Returns 0; -EBADMSG: it is none, and *ret_auth is as it was. */
int rpc_auth_sys_decode(const uint8_t *bytes, size_t size_bytes, struct leat_rpc_auth_sys *ret_auth);

/* May somebody call with this credential? 0, or the auth_stat that refuses it. */
uint32_t rpc_auth_check(const struct rpc_auth *credential);

#endif
