/* SPDX-License-Identifier: MIT */
/*
 * Asks a host four times whether it is there, and how long that takes (ICMP echo).
 * Run it: ping raw:127.0.0.1      the other end: the host's kernel
 */
#include <leat.h>
#include <stdio.h>
#include <string.h>

static int ask(struct leat_channel *host, int number) {
        char question[32], answer[32];
        int64_t begin = leat_now();
        snprintf(question, sizeof question, "are you there? %d", number);
        ssize_t n = leat_call(host, 1, question, strlen(question), answer, sizeof answer, leat_in_s(1), NULL);
        if (n < 0) /* -ETIMEDOUT: nobody answered */
                return (int)n;
        printf("%.*s: yes, after %.3f ms\n", (int)n, answer, (double)(leat_now() - begin) / 1e6);
        return 0;
}

int main(int argc, char **argv) {
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        struct leat_channel *host;
        int answered = 0;
        if (argc != 2)
                return fprintf(stderr, "usage: ping raw:HOST\n"), 2;
        options.flags = LEAT_CALL;
        options.deadline = leat_in_s(5);
        int r = leat_open_with(argv[1], &options, &reason, &host);
        if (r < 0)
                return fprintf(stderr, "%s: %s\n", argv[1], reason.text ? reason.text : leat_strerror(r)), 1;
        for (int number = 1; number <= 4; number++) {
                r = ask(host, number);
                answered += r == 0;
                if (r < 0)
                        fprintf(stderr, "%s: %s\n", argv[1], leat_strerror(r));
        }
        leat_close(host);
        return answered == 0;
}
