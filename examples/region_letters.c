/* SPDX-License-Identifier: MIT */
/*
 * The classic exercise of shared memory as it stands in the lectures: a server puts the letters a to z into a segment, and waits until its
 * client has read them and puts a '*' there. With shmget(2) alone each of them looks, sleeps a second, and looks again, for ever if the other
 * one was killed. Here they wait for a condition; who dies with the lock passes it on, and says so.
 * Run it: region_letters server &         the other end: region_letters client
 * and over a System V segment: region_letters server sysv-shm:0x1ea7; over a file: map:/tmp/letters
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <string.h>

/* In a new region all of it is zeroes: a free lock, no letters, no answer. */
struct letters {
        struct leat_mutex lock;
        struct leat_condition changed;
        char text[26];
        char answer;
};

/* The lock is ours, but who had it was killed: letters that may be half written are taken back, and the server puts them there anew. */
static int mend(struct leat_region *region, struct letters *letters, int r) {
        if (r != -EOWNERDEAD)
                return r;
        memset(letters->text, 0, sizeof letters->text);
        return leat_mutex_mend(region, &letters->lock);
}

static int lock(struct leat_region *region, struct letters *letters) {
        return mend(region, letters, leat_mutex_lock(region, &letters->lock, leat_in_s(60)));
}

/* Asleep and without the lock, until the other one says that something changed; then with the lock again. */
static int await_change(struct leat_region *region, struct letters *letters) {
        return mend(region, letters, leat_condition_wait(region, &letters->changed, &letters->lock, leat_in_s(60)));
}

static int serve(struct leat_region *region, struct letters *letters) {
        int r = lock(region, letters);

        while (r == 0 &&
               letters->answer != '*') { /* which may be there: to a server that was killed before it saw it */
                for (int i = 0; i < 26; i++)
                        letters->text[i] = (char)('a' + i);
                leat_condition_signal(region, &letters->changed);
                r = await_change(region, letters);
        }
        if (r < 0)
                return r;
        printf("the client answered: %c\n", letters->answer);
        return leat_mutex_unlock(region, &letters->lock);
}

static int read_and_answer(struct leat_region *region, struct letters *letters) {
        int r = lock(region, letters);

        while (r == 0 && letters->text[0] == 0)
                r = await_change(region, letters);
        if (r < 0)
                return r;
        printf("%.26s\n", letters->text);
        letters->answer = '*';
        leat_condition_signal(region, &letters->changed);
        return leat_mutex_unlock(region, &letters->lock);
}

int main(int argc, char **argv) {
        const char *address = argc > 2 ? argv[2] : "region:/letters";
        int server = argc > 1 && strcmp(argv[1], "server") == 0;
        struct leat_reason reason = { 0 };
        struct leat_region *region = NULL;
        int r = leat_region_open(address, sizeof(struct letters), NULL, leat_in_s(60), &reason, &region);

        if (r == 0) {
                struct letters *letters = leat_region_data(region);
                r = server ? serve(region, letters) : read_and_answer(region, letters);
                region =
                        leat_region_close(region); /* a lock that it still has is passed on, as if it had been killed */
        }
        if (r == 0 && server)
                r = leat_region_remove(address, false, leat_in_s(60),
                                       &reason); /* else it is there until the next boot */
        if (r < 0)
                fprintf(stderr, "%s: %s\n", address, reason.text ? reason.text : leat_strerror(r));
        return r < 0;
}
