/* SPDX-License-Identifier: MIT */
#include "rpc/rpc_auth.h"

#include "rpc/xdr_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* stamp, machine, uid, gid, groups: RFC 5531, appendix A. */
#define FIXED_UNITS 5u /* stamp, the length of machine, uid, gid, the number of groups */

_Static_assert(FIXED_UNITS * 4 + 256 + LEAT_RPC_GROUPS_MAX * 4 <= RPC_AUTH_BYTES, "each has room");

/* ---- writing ---- */

uint32_t rpc_auth_sys_encode(const struct leat_rpc_auth_sys *auth, uint8_t ret_bytes[RPC_AUTH_BYTES]) {
        uint32_t groups = auth->groups_count < LEAT_RPC_GROUPS_MAX ? auth->groups_count : LEAT_RPC_GROUPS_MAX;
        uint8_t *at = ret_bytes;
        leat_xdr_put_32(at, auth->stamp);
        at = leat_xdr_put_bytes(at + UNIT, auth->machine, (uint32_t)strnlen(auth->machine, LEAT_RPC_MACHINE_MAX));
        leat_xdr_put_32(at, auth->uid);
        leat_xdr_put_32(at + UNIT, auth->gid);
        leat_xdr_put_32(at + 2 * UNIT, groups);
        at = leat_xdr_put_all_32(at + 3 * UNIT, auth->groups, groups);
        return (uint32_t)(at - ret_bytes);
}

/* ---- reading ---- */

/* Behind the machine's name. */
static int take_ids(const uint8_t *at, size_t size_bytes, struct leat_rpc_auth_sys *auth) {
        if (size_bytes < 3 * UNIT)
                return -EBADMSG;
        auth->uid = leat_xdr_get_32(at);
        auth->gid = leat_xdr_get_32(at + UNIT);
        auth->groups_count = leat_xdr_get_32(at + 2 * UNIT);
        if (auth->groups_count > LEAT_RPC_GROUPS_MAX || size_bytes != (3 + auth->groups_count) * UNIT)
                return -EBADMSG;
        (void)leat_xdr_get_all_32(at + 3 * UNIT, auth->groups, auth->groups_count);
        return 0;
}

int rpc_auth_sys_decode(const uint8_t *bytes, size_t size_bytes, struct leat_rpc_auth_sys *ret_auth) {
        struct leat_rpc_auth_sys auth = { 0 };
        if (size_bytes < 2 * UNIT)
                return -EBADMSG;
        auth.stamp = leat_xdr_get_32(bytes);
        uint32_t length = leat_xdr_get_32(bytes + UNIT);
        const uint8_t *machine = bytes + 2 * UNIT;
        size_t left = size_bytes - 2 * UNIT, padded = (size_t)leat_xdr_padded(length);
        if (length > LEAT_RPC_MACHINE_MAX || padded > left || !leat_xdr_is_padded(machine, length) ||
            memchr(machine, 0, length))
                return -EBADMSG;
        memcpy(auth.machine, machine, length);
        int r = take_ids(machine + padded, left - padded, &auth);
        if (r == 0)
                *ret_auth = auth;
        return r;
}

/* ---- who may call ---- */

/*
 * A flavor that we do not know is refused with "the client must begin a new session": what other implementations say, and what a client that asks
 * for TLS (RFC 9289) takes for no. Of AUTH_NONE nobody looks at the body, which should be empty.
 */
uint32_t rpc_auth_check(const struct rpc_auth *credential) {
        struct leat_rpc_auth_sys auth;
        if (credential->flavor == RPC_AUTH_NONE)
                return 0;
        if (credential->flavor != RPC_AUTH_SYS)
                return RPC_AUTH_REJECTEDCRED;
        return rpc_auth_sys_decode(credential->bytes, credential->size_bytes, &auth) < 0 ? RPC_AUTH_BADCRED : 0;
}

/* ---- this process ---- */

/* getgroups(2) fails with a place that is too small, so it has one that is not. */
static uint32_t own_groups(uint32_t ret_groups[LEAT_RPC_GROUPS_MAX]) {
        int count = getgroups(0, NULL);
        gid_t *groups = count > 0 ? calloc((size_t)count, sizeof(*groups)) : NULL;
        count = groups ? getgroups(count, groups) : 0;
        uint32_t taken = 0;
        for (int i = 0; i < count && taken < LEAT_RPC_GROUPS_MAX; i++)
                ret_groups[taken++] = groups[i];
        free(groups);
        return taken;
}

void leat_rpc_auth_sys_own(struct leat_rpc_auth_sys *ret_auth) {
        if (!ret_auth)
                return;
        struct leat_rpc_auth_sys auth = { .stamp = (uint32_t)getpid(), .uid = geteuid(), .gid = getegid() };
        auth.groups_count = own_groups(auth.groups);
        if (gethostname(auth.machine, sizeof(auth.machine)) < 0)
                auth.machine[0] = '\0';
        auth.machine[LEAT_RPC_MACHINE_MAX] = '\0';
        *ret_auth = auth;
}
