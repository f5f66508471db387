/* SPDX-License-Identifier: MIT */
#include "transport/diag.h"

#include <errno.h>
#include <sys/socket.h>

/* Read one part of the dump. 1: there is more; 0: that was all. */
static int read_part(int fd, void (*each)(const struct nlmsghdr *answer, void *argument), void *argument) {
        union {
                struct nlmsghdr align;
                char bytes[32768];
        } part;
        ssize_t n = recv(fd, part.bytes, sizeof(part.bytes), 0);
        if (n < 0)
                return errno == EINTR ? 1 : -errno;
        size_t left = (size_t)n;
        for (const struct nlmsghdr *header = &part.align; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
                if (header->nlmsg_type == NLMSG_DONE)
                        return 0;
                if (header->nlmsg_type == NLMSG_ERROR)
                        return ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
                each(header, argument);
        }
        return 1;
}

int diag_dump(int fd, const struct nlmsghdr *question, void (*each)(const struct nlmsghdr *answer, void *argument),
              void *argument) {
        int r = send(fd, question, question->nlmsg_len, 0) < 0 ? -errno : 1;
        while (r == 1)
                r = read_part(fd, each, argument);
        return r;
}
