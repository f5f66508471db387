/* SPDX-License-Identifier: MIT */
#ifndef CONFORMANCE_KERNEL_H
#define CONFORMANCE_KERNEL_H

/*
 * Transports whose other end is the kernel: there is no second end of ours to open. They are held to the same rows by tests
 * of their own (kernel_rows.c, trait KERNEL), which have the kernel send messages that carry a number. A row
 * for which there is no such test fails as everywhere.
 */

#include "conformance.h"

struct conformance_kernel {
        const char *address;
        unsigned flags;        /* of the one end */
        unsigned refused[3];   /* flags that it cannot be opened with; 0 ends them */
        void (*prepare)(void); /* a network name space of this test's own; skips the test where there is none */
        /* Have the kernel send that number to this channel. */
        void (*provoke)(struct leat_channel *channel, uint64_t number);
        /* The number of a message; -1: it is another message. */
        int64_t (*number)(const uint8_t *bytes, size_t size);
        bool tells_drops;          /* once, as -ENOBUFS */
        const char *const *tables; /* of /proc/net, where its sockets stand */
};

extern const struct conformance_kernel conformance_netlink, conformance_raw;

#endif
