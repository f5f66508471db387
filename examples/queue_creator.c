/* SPDX-License-Identifier: MIT */
/*
 * Creator, sender and receiver of a System V queue are three programs that never run at the same time. This one makes the
 * queue; it stays until somebody removes it.
 * Run them: queue_creator; queue_sender; queue_receiver          look at it in between: ipcs -q
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>

int main(int argc, char **argv) {
        const char *address = argc > 1 ? argv[1] : "sysv-mq:/tmp#77"; /* the key is ftok("/tmp", 77) */
        struct leat_reason reason = { 0 };
        int r = leat_create(address, 0600, true, &reason);

        if (r == -EEXIST) {
                printf("%s is there already\n", address);
                return 0;
        }
        if (r < 0) {
                fprintf(stderr, "%s: %s\n", address, reason.text ? reason.text : leat_strerror(r));
                return 1;
        }
        printf("made %s\n", address);
        return 0;
}
