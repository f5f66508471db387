/* SPDX-License-Identifier: MIT */
/*
 * The first program of the README: it waits for one message and prints it.
 * Run it: first &                       the other end: leat send unix:@jobs hello
 */
#include <leat.h>
#include <stdio.h>

int main(void) {
        struct leat_channel *jobs;
        char line[256];
        int r = leat_open("unix:@jobs", LEAT_RECEIVE, LEAT_NEVER, &jobs);

        if (r < 0)
                return fprintf(stderr, "jobs: %s\n", leat_strerror(r)), 1;
        ssize_t n = leat_receive(jobs, LEAT_ANY, line, sizeof line, leat_in_ms(5000), NULL);
        if (n >= 0)
                printf("%.*s\n", (int)n, line);
        else
                fprintf(stderr, "jobs: %s\n", leat_strerror((int)n));
        leat_close(jobs);
        return n < 0;
}
