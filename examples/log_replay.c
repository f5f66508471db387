/* SPDX-License-Identifier: MIT */
/*
 * A log is replayed by whoever comes late: a sender writes and is gone before anybody reads. The first reader gets all
 * of it; the second begins at the third message; the third waits at the end for what is still to come.
 * Run it: log_replay [ADDRESS]     (log:/tmp/leat-log-replay if none is given; it is removed at the end)
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <string.h>

static int write_down(const char *address, const char *const *texts) {
        struct leat_channel *log;
        int r = leat_open(address, LEAT_SEND, leat_in_s(5), &log);

        if (r < 0)
                return r;
        for (; *texts && r == 0; texts++)
                r = leat_send(log, 1, *texts, strlen(*texts), leat_in_s(5));
        leat_close(log);
        return r;
}

/* What is there, and no more. */
static int replay(const char *who, struct leat_channel *log) {
        char text[64];
        ssize_t n;

        while ((n = leat_receive(log, LEAT_ANY, text, sizeof text, LEAT_NOW, NULL)) >= 0)
                printf("%s: %.*s\n", who, (int)n, text);
        return n == -EAGAIN ? 0 : (int)n;
}

static int open_from(const char *address, const char *from, struct leat_channel **ret_log) {
        char whole[300];

        snprintf(whole, sizeof whole, "%s?from=%s", address, from);
        return leat_open(whole, LEAT_RECEIVE, leat_in_s(5), ret_log);
}

static int run(const char *address) {
        static const char *const early[] = { "sowing", "rain", "harvest", NULL }, *const late[] = { "feast", NULL };
        static const char *const from[] = { "start", "3", "end" };
        struct leat_channel *readers[3] = { NULL };
        int r = write_down(address, early);

        for (int i = 0; i < 3 && r == 0; i++)
                r = open_from(address, from[i], &readers[i]);
        for (int i = 0; i < 3 && r == 0; i++)
                r = replay(from[i], readers[i]);
        if (r == 0)
                r = write_down(address, late);
        for (int i = 0; i < 3 && r == 0; i++)
                r = replay(from[i], readers[i]);
        for (int i = 0; i < 3; i++)
                leat_close(readers[i]);
        return r;
}

int main(int argc, char **argv) {
        const char *address = argc > 1 ? argv[1] : "log:/tmp/leat-log-replay";
        int r = run(address);

        leat_remove(address, NULL);
        if (r < 0)
                fprintf(stderr, "log_replay: %s\n", leat_strerror(r));
        return r < 0;
}
