/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: addresses. Whatever the text, the check says one of its four words, and when it says no, why and where.
 */

#include "require.h"

#include <errno.h>
#include <leat/address.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct leat_reason reason = { 0 };
        char *address = malloc(size + 1); /* of the exact size, so that a read beyond the end is seen */
        if (!address)
                return 0;
        memcpy(address, data, size);
        address[size] = '\0';
        int r = leat_address_check(address, &reason);
        REQUIRE(r == 0 || r == -EINVAL || r == -EPROTONOSUPPORT || r == -ENOTSUP);
        REQUIRE(r == 0 || (reason.error == r && reason.text && reason.column <= strlen(address) + 1));
        REQUIRE(leat_address_check(address, NULL) == r);
        free(address);
        return 0;
}
