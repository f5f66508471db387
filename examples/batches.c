/* SPDX-License-Identifier: MIT */
/*
 * Many small messages with few system calls: the child sends a thousand readings a hundred at a time, and then a few in a burst; the
 * parent takes as many as are there.
 * Run it: batches
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define READINGS 1000
#define AT_ONCE 100

static int send_batches(struct leat_channel *out) {
        static int readings[READINGS];
        struct leat_outgoing messages[AT_ONCE];

        for (int done = 0; done < READINGS;) {
                int count = 0;
                for (; count < AT_ONCE && done + count < READINGS; count++) {
                        readings[done + count] = done + count;
                        messages[count] = (struct leat_outgoing){ .type = 1,
                                                                  .bytes = &readings[done + count],
                                                                  .size_bytes = sizeof readings[0] };
                }
                ssize_t n = leat_send_many(out, messages, (size_t)count, leat_in_s(5));
                if (n < 0)
                        return (int)n;
                done += (int)n; /* the next call tells why it was not all of them */
        }
        return 0;
}

/* The first goes out at once; the others wait for the last, which has no LEAT_MORE. */
static int send_burst(struct leat_channel *out) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        int r = 0;

        options.type = 2;
        options.deadline = leat_in_s(5);
        for (int i = 0; i < 5 && r == 0; i++) {
                options.flags = i < 4 ? LEAT_MORE : 0;
                r = leat_send_with(out, &i, sizeof i, &options);
        }
        return r;
}

static int receive_all(struct leat_channel *in, long *ret_sum, int *ret_bursts) {
        static int readings[AT_ONCE];
        static struct leat_incoming places[AT_ONCE];
        ssize_t n;

        for (int i = 0; i < AT_ONCE; i++)
                places[i] = (struct leat_incoming){ .buffer = &readings[i],
                                                    .size_bytes = sizeof readings[0],
                                                    .about = LEAT_MESSAGE_INIT };
        while ((n = leat_receive_many(in, LEAT_ANY, places, AT_ONCE, leat_in_s(5))) > 0)
                for (ssize_t i = 0; i < n; i++)
                        if (places[i].about.type == 2)
                                (*ret_bursts)++;
                        else
                                *ret_sum += readings[i];
        return n == -ENODATA ? 0 : (int)n; /* the end: the child has closed its side */
}

int main(void) {
        struct leat_channel *in, *out;
        long sum = 0;
        int bursts = 0, r = leat_pair("pipe:", NULL, &in, &out);

        if (r < 0)
                return fprintf(stderr, "pipe: %s\n", leat_strerror(r)), 1;
        leat_give(out);
        pid_t child = fork();
        if (child == 0) {
                leat_close(in);
                r = send_batches(out);
                if (r == 0)
                        r = send_burst(out);
                leat_close(out);
                _exit(r < 0);
        }
        leat_close(out);
        r = receive_all(in, &sum, &bursts);
        leat_close(in);
        waitpid(child, NULL, 0);
        printf("sum of %d readings: %ld; and %d in a burst\n", READINGS, sum, bursts);
        return r < 0;
}
