/* SPDX-License-Identifier: MIT */
/*
 * The second of three programs (queue_creator.c): sends three messages to a queue that must be there, and ends. Nobody
 * has to receive them meanwhile.
 */
#include <leat.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
        static const char *const texts[] = { "one", "two", "three" };
        const char *address = argc > 1 ? argv[1] : "sysv-mq:/tmp#77?open";
        struct leat_channel *queue;
        int r = leat_open(address, LEAT_SEND, LEAT_NEVER, &queue);

        if (r < 0) {
                fprintf(stderr, "%s: %s; run queue_creator first\n", address, leat_strerror(r));
                return 1;
        }
        for (int i = 0; i < 3 && r == 0; i++)
                r = leat_send(queue, 1, texts[i], strlen(texts[i]), leat_in_s(5));
        leat_close(queue);
        if (r < 0)
                fprintf(stderr, "%s: %s\n", address, leat_strerror(r));
        return r < 0;
}
