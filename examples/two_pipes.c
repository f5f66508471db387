/* SPDX-License-Identifier: MIT */
/*
 * Both ways through two pipes: "pipe:?pattern=pair" makes two pipes and gives each end one to read
 * from and one to write to. The parent asks, the child answers on the same channel.
 * Run it: two_pipes
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
        char text[64];
        ssize_t n = leat_receive(mine, LEAT_ANY, text, sizeof text, leat_in_s(5), NULL);
        int r = n < 0 ? (int)n : 0;

        for (ssize_t i = n; i > 0 && r == 0; i--) /* each byte as a message of its own, backwards */
                r = leat_send(mine, i, &text[i - 1], 1, leat_in_s(5));
        leat_close(mine);
        return r < 0 ? fail("child", r) : 0;
}

int main(void) {
        struct leat_channel *mine, *childs;
        struct leat_message about = LEAT_MESSAGE_INIT;
        int status = 0;
        char c;
        int r = leat_pair("pipe:?pattern=pair", NULL, &mine, &childs);

        if (r < 0)
                return fail("pipe", r);
        leat_give(childs);
        pid_t pid = fork();
        if (pid < 0)
                return fail("fork", -errno);
        if (pid == 0)
                return leat_close(mine), child(childs);
        leat_close(childs);
        r = leat_send(mine, 1, "stream", 6, leat_in_s(5));
        while (r >= 0 && (r = (int)leat_receive(mine, LEAT_ANY, &c, 1, leat_in_s(5), &about)) >= 0)
                printf("parent: %c was number %lld\n", c, (long long)about.type);
        leat_close(mine);
        waitpid(pid, &status, 0);
        return r != -ENODATA ? fail("parent", r) : status != 0;
}
