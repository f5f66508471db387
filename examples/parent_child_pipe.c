/* SPDX-License-Identifier: MIT */
/*
 * Parent to child through a pipe: leat_pair() makes both ends, leat_give() hands one to the child that
 * fork() makes. The child reads until the end, which comes when the parent has closed its end.
 * Run it: parent_child_pipe
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

static int child(struct leat_channel *receiver) {
        char text[64];
        ssize_t n;

        while ((n = leat_receive(receiver, LEAT_ANY, text, sizeof text, leat_in_s(5), NULL)) >= 0)
                printf("child: %zd bytes: %.*s\n", n, (int)n, text);
        leat_close(receiver);
        return n == -ENODATA ? 0 : fail("receive", (int)n);
}

int main(void) {
        struct leat_channel *receiver, *sender;
        int status = 0;
        int r = leat_pair("pipe:", NULL, &receiver, &sender);

        if (r < 0)
                return fail("pipe", r);
        leat_give(receiver);
        pid_t pid = fork();
        if (pid < 0)
                return fail("fork", -errno);
        if (pid == 0) {
                leat_close(sender); /* only memory: the library closed the inherited descriptor at the fork */
                return child(receiver);
        }
        leat_close(receiver); /* the child's now */
        r = leat_send(sender, 1, "Hello", 5, leat_in_s(5));
        if (r == 0)
                r = leat_send(sender, 1, "from your parent", 16, leat_in_s(5));
        leat_close(sender); /* the end, for the child */
        waitpid(pid, &status, 0);
        return r < 0 ? fail("send", r) : status != 0;
}
