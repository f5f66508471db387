/* SPDX-License-Identifier: MIT */
#include "transport/foreign.h"

#include "base/error.h"

#include <linux/sock_diag.h>
#include <sys/socket.h>

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

/* The kernel doubles what is asked for, and counts its own headers in; who reads what it says halves it again. */
int foreign_set_capacity(int fd, const struct address *address, struct leat_reason *reason) {
        int wanted = (int)address->capacity, got = 0; /* at most INT32_MAX: checked with the address */
        socklen_t size = sizeof(got);
        if (!address_given(address, OPTION_CAPACITY))
                return 0;
        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof(wanted)) < 0 &&
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof(wanted)) < 0)
                return -errno;
        if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &size) < 0)
                return -errno;
        if (got / 2 < wanted)
                return reason_limit(reason, -EPERM, "net.core.rmem_max", "the system allows no such ?capacity=");
        return 0;
}

void foreign_info(int fd, struct leat_info *info) {
        int capacity;
        socklen_t size = sizeof(capacity);
        if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &capacity, &size) == 0)
                info->capacity_bytes = (uint64_t)capacity / 2;
}

void foreign_count_drops(struct leat_channel *channel, int fd, uint64_t *drops) {
        uint32_t values[SK_MEMINFO_VARS] = { 0 };
        socklen_t size = sizeof(values);
        if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values, &size) < 0 || size <= SK_MEMINFO_DROPS * sizeof(values[0]))
                return;
        /* The kernel's counter has 32 bits and goes round. */
        uint32_t more = values[SK_MEMINFO_DROPS] - (uint32_t)*drops;
        *drops += more;
        counter_add(&channel->counters->dropped, more);
}

bool foreign_hears_nothing(struct leat_channel *channel) {
        (void)channel;
        return false;
}

int foreign_no_peer(struct leat_channel *channel, struct leat_peer *ret_peer) {
        (void)channel, (void)ret_peer;
        return -ENOTSUP;
}

int foreign_no_detach(struct leat_channel *channel, int ret_descriptors[2]) {
        (void)channel, (void)ret_descriptors;
        return -ENOTSUP;
}
