/* SPDX-License-Identifier: MIT */
/*
 * A worker that loses no job, whatever happens to it. It acknowledges a job when it is done with it: one that it was killed over comes
 * again, to it or to the next worker, marked. The other end keeps each job until then:
 *
 *     worker 'unix:jobs?acknowledge'                     seq 9 | leat send 'unix:jobs?at-least-once'
 *     worker 'log:jobs?pattern=queue&acknowledge'        seq 9 | leat send log:jobs
 *
 * A second argument says how many jobs it does before it ends; the last of them it takes and leaves undone.
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const char *address, int error) {
        fprintf(stderr, "%s: %s\n", address, leat_strerror(error));
        return 1;
}

int main(int argc, char **argv) {
        const char *address = argc > 1 ? argv[1] : "unix:jobs?acknowledge";
        long until = argc > 2 ? atol(argv[2]) : -1;
        struct leat_channel *jobs;
        char job[1024];
        int r = leat_open(address, LEAT_RECEIVE, LEAT_NEVER, &jobs);

        if (r < 0)
                return fail(address, r);
        for (;;) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                ssize_t n = leat_receive(jobs, LEAT_ANY, job, sizeof job, LEAT_NEVER, &about);
                if (n == -ENODATA)
                        continue; /* the last sender has gone; another may come */
                if (n < 0)
                        return fail(address, (int)n);
                /* Somebody may have done it, wholly or in part: a job must bear to be done twice, or be looked up first. */
                printf("%s%.*s\n", about.flags & LEAT_REDELIVERED ? "again: " : "", (int)n, job);
                fflush(stdout);
                if (--until == 0)
                        break;
                r = leat_acknowledge(jobs, &about);
                if (r < 0 && r != -ENOTCONN) /* its sender is out of reach, and will send it again */
                        return fail(address, r);
        }
        leat_close(jobs);
        return 0;
}
