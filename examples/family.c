/* SPDX-License-Identifier: MIT */
/*
 * A family of children, interrupted as one group and reaped, the status of each reported. Every other child has nothing to say to SIGINT and is
 * killed by it; the others receive it and end as they like. However many end at once, none is lost, though SIGCHLD is one signal for all.
 *
 *     family [HOW-MANY]
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 250

static int fail(const char *what, int error) {
        fprintf(stderr, "%s: %s\n", what, leat_strerror(error));
        return 1;
}

/* SIGINT is blocked when it begins, so that it may come at any time. */
static int child(int number, const sigset_t *before) {
        struct leat_signals *interrupts;

        if (number % 2 == 1) {
                signal(SIGINT, SIG_DFL); /* a background job of a shell ignores it */
                leat_signals_restore(before);
                for (;;)
                        pause();
        }
        int r = leat_signals_open("INT", 0, NULL, &interrupts);
        if (r == 0)
                r = leat_signals_receive(interrupts, LEAT_NEVER, NULL);
        leat_signals_close(interrupts);
        return r < 0 ? 255 : number;
}

static int start(int count, const sigset_t *before, pid_t *ret_pids) {
        for (int i = 0; i < count; i++) {
                ret_pids[i] = fork();
                if (ret_pids[i] < 0)
                        return -errno;
                if (ret_pids[i] == 0)
                        _exit(child(i + 1, before));
                setpgid(ret_pids[i], ret_pids[0]); /* the first leads the group */
        }
        return 0;
}

/* Returns whether it is one of these: whoever executed this program may have had children, which are ours now. */
static int tell(const struct leat_signal *end, const pid_t *pids, int count) {
        int i = 0;

        while (i < count && pids[i] != end->pid)
                i++;
        if (i == count)
                return 0;
        if (end->code == CLD_EXITED)
                printf("child %d exited with %d\n", i + 1, end->status);
        else
                printf("child %d was killed by %s (%s)\n", i + 1, leat_signal_name(end->status),
                       leat_signal_code_name(SIGCHLD, end->code));
        return 1;
}

int main(int argc, char **argv) {
        int count = argc > 1 ? atoi(argv[1]) : 4;
        struct leat_signal end = LEAT_SIGNAL_INIT;
        struct leat_signals *children;
        pid_t pids[MOST];
        sigset_t before;
        int r = count < 1 || count > MOST ? -EINVAL : leat_signals_open("", LEAT_SIGNALS_CHILDREN, NULL, &children);

        if (r < 0)
                return fail("family", r);
        r = leat_signals_block("INT", &before);
        if (r == 0)
                r = start(count, &before, pids);
        if (r == 0)
                r = leat_signal_group(pids[0], SIGINT);
        for (int i = 0; r == 0 && i < count;) {
                r = leat_signals_receive(children, leat_in_s(30), &end);
                if (r == 0)
                        i += tell(&end, pids, count);
        }
        leat_signals_close(children);
        return r < 0 ? fail("family", r) : 0;
}
