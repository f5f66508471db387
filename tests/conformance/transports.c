/* SPDX-License-Identifier: MIT */

/* What the suite must know of each transport: one row a scheme. */

#include "conformance.h"

const struct conformance_transport conformance_transports[] = {
        { .scheme = "pipe", .given = "pipe:fd=%d" },
        { .scheme = "unix", .address = "unix:%s", .bare = "unix:%s" },
        { .scheme = "unix-stream", .address = "unix-stream:%s", .bare = "unix-stream:%s" },
        { .scheme = NULL },
};
