/* SPDX-License-Identifier: MIT */
/*
 * The classic exercise of shared memory: a server puts the letters a to z into it, and waits until its client, which may be
 * started later, has read them and answers with a '*'. With shmget(2) the two need a key, a segment that somebody must remove,
 * and a loop that looks and sleeps, for ever if the client was killed. Here the server sleeps until it is woken, is told if the
 * client is gone, and when both have ended nothing is left.
 * Run it: letters_server &                the other end: letters_client
 */
#include <leat.h>
#include <stdio.h>

static int serve(struct leat_channel *client) {
        char answer = 0;
        int r = 0;

        for (char letter = 'a'; letter <= 'z' && r == 0; letter++)
                r = leat_send(client, 1, &letter, 1, LEAT_NEVER); /* the first waits for the client */
        if (r == 0)
                r = leat_send(client, 1, NULL, 0, LEAT_NEVER); /* an empty message: that was all */
        if (r < 0)
                return r;
        ssize_t n = leat_receive(client, LEAT_ANY, &answer, 1, leat_in_s(60), NULL);
        if (n >= 0)
                printf("the client answered: %c\n", answer);
        return n < 0 ? (int)n : 0;
}

int main(int argc, char **argv) {
        const char *address = argc > 1 ? argv[1] : "shm:letters?pattern=pair&listen";
        struct leat_channel *client;
        int r = leat_open(address, LEAT_SEND | LEAT_RECEIVE, LEAT_NEVER, &client);

        if (r == 0) {
                r = serve(client);
                leat_close(client);
        }
        if (r < 0)
                fprintf(stderr, "%s: %s\n", address, leat_strerror(r));
        return r < 0;
}
