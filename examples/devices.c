/* SPDX-License-Identifier: MIT */
/*
 * Tells which devices come and go, for as long as it is let: one line each, as the kernel says.
 * Run it: devices      the other end: the kernel (plug something in)
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>

int main(void) {
        struct leat_channel *kernel;
        char event[8192];
        int r = leat_open("netlink:kobject-uevent", LEAT_RECEIVE, LEAT_NEVER, &kernel);
        if (r < 0)
                return fprintf(stderr, "devices: %s\n", leat_strerror(r)), 1;
        ssize_t n;
        while ((n = leat_receive(kernel, LEAT_ANY, event, sizeof event - 1, LEAT_NEVER, NULL)) >= 0 || n == -ENOBUFS) {
                if (n < 0) { /* it spoke faster than we read: it says so once, and goes on */
                        puts("(some were missed)");
                        continue;
                }
                event[n] = '\0';
                puts(event); /* the first of its strings: ACTION@DEVPATH */
                fflush(stdout);
        }
        fprintf(stderr, "devices: %s\n", leat_strerror((int)n));
        leat_close(kernel);
        return 1;
}
