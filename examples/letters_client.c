/* SPDX-License-Identifier: MIT */
/*
 * The client of the classic exercise (letters_server.c): it prints the letters that the server sends through shared memory, up to
 * the empty message behind the last, and answers with a '*'.
 * Run it: letters_client                  the other end: letters_server
 */
#include <leat.h>
#include <stdio.h>

static int read_and_answer(struct leat_channel *server) {
        int64_t deadline = leat_in_s(60); /* for all of it */
        char letter;
        ssize_t n;

        while ((n = leat_receive(server, LEAT_ANY, &letter, 1, deadline, NULL)) > 0)
                putchar(letter);
        putchar('\n');
        return n < 0 ? (int)n : leat_send(server, 1, "*", 1, deadline);
}

int main(int argc, char **argv) {
        const char *address = argc > 1 ? argv[1] : "shm:letters?pattern=pair";
        struct leat_channel *server;
        int r = leat_open(address, LEAT_SEND | LEAT_RECEIVE, leat_in_s(60), &server);

        if (r == 0) {
                r = read_and_answer(server);
                leat_close(server); /* what was sent is in memory that both have: the server reads it when it likes */
        }
        if (r < 0)
                fprintf(stderr, "%s: %s\n", address, leat_strerror(r));
        return r < 0;
}
