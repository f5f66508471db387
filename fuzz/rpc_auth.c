/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: the credential AUTH_SYS (lib/rpc/rpc_auth.h), which says who calls. What is accepted is written as it was read; what is refused leaves its place as it
 * was; and the machine's name is text with an end.
 */

#include "rpc/rpc_auth.h"
#include "exact.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct leat_rpc_auth_sys auth, before;
        uint8_t again[RPC_AUTH_BYTES], *bytes = exact_copy(data, size);
        memset(&before, 0x5a, sizeof(before));
        auth = before;
        int r = rpc_auth_sys_decode(bytes, size, &auth);
        const struct rpc_auth credential = { RPC_AUTH_SYS, (uint32_t)size, bytes };
        REQUIRE(r == 0 || r == -EBADMSG);
        REQUIRE((rpc_auth_check(&credential) == 0) == (r == 0));
        if (r == 0) {
                REQUIRE(size <= RPC_AUTH_BYTES && auth.groups_count <= LEAT_RPC_GROUPS_MAX);
                REQUIRE(memchr(auth.machine, 0, sizeof(auth.machine)));
                REQUIRE(rpc_auth_sys_encode(&auth, again) == size && memcmp(again, bytes, size) == 0);
        } else {
                REQUIRE(memcmp(&auth, &before, sizeof(auth)) == 0);
        }
        free(bytes);
        return 0;
}
