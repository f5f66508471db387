/* SPDX-License-Identifier: MIT */
/*
 * A pair of connected sockets that keep packets apart and in order (SOCK_SEQPACKET): two ends, both
 * ways, between a parent and its child. An empty message is a message; the end is something else.
 * Run it: packet_pair
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what, int error) {
        fprintf(stderr, "%s: %s\n", what, leat_strerror(error));
        return 1;
}

static int child(struct leat_channel *mine) {
        static const char *const packets[] = { "one", "", "three" };
        static const size_t sizes[] = { 3, 0, 5 };
        char thanks[16];
        int r = 0;

        for (int i = 0; i < 3 && r == 0; i++)
                r = leat_send(mine, 1, packets[i], sizes[i], leat_in_s(5));
        if (r == 0)
                r = (int)leat_receive(mine, LEAT_ANY, thanks, sizeof thanks, leat_in_s(5), NULL);
        if (r >= 0)
                printf("child: %.*s\n", r, thanks);
        leat_close(mine);
        return r < 0 ? fail("child", r) : 0;
}

int main(void) {
        struct leat_channel *mine, *childs;
        char packet[16];
        int status = 0;
        int r = leat_pair("unix:?pattern=pair", NULL, &mine, &childs);

        if (r < 0)
                return fail("pair", r);
        leat_give(childs);
        pid_t pid = fork();
        if (pid < 0)
                return fail("fork", -errno);
        if (pid == 0)
                return leat_close(mine), child(childs);
        leat_close(childs);
        for (int i = 0; i < 3 && (r = (int)leat_receive(mine, LEAT_ANY, packet, 16, leat_in_s(5), NULL)) >= 0; i++)
                printf("parent: %d bytes: '%.*s'\n", r, r, packet), fflush(stdout);
        if (r >= 0)
                r = leat_send(mine, 1, "thanks", 6, leat_in_s(5));
        leat_close(mine);
        waitpid(pid, &status, 0);
        return r < 0 ? fail("parent", r) : status != 0;
}
