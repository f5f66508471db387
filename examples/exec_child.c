/* SPDX-License-Identifier: MIT */
/*
 * A channel for a program that is exec'ed: leat_detach() turns the receiving end into a plain
 * descriptor, posix_spawn() puts it at number 3, and the new program opens it as "pipe:fd=3".
 * Run it: exec_child                     (it runs itself once more, with the address as its argument)
 */
#include <errno.h>
#include <leat.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what, int error) {
        fprintf(stderr, "%s: %s\n", what, leat_strerror(error));
        return 1;
}

static int child(const char *address) {
        struct leat_channel *jobs;
        char text[64];
        ssize_t n;
        int r = leat_open(address, LEAT_RECEIVE, LEAT_NOW, &jobs);

        if (r < 0)
                return fail(address, r);
        while ((n = leat_receive(jobs, LEAT_ANY, text, sizeof text, leat_in_s(5), NULL)) >= 0)
                printf("%s: %.*s\n", address, (int)n, text);
        leat_close(jobs);
        return n == -ENODATA ? 0 : fail(address, (int)n);
}

int main(int argc, char **argv) {
        char *arguments[] = { argv[0], "pipe:fd=3", NULL };
        struct leat_channel *receiver, *sender;
        posix_spawn_file_actions_t actions;
        int fds[2], status = 0;
        pid_t pid;

        if (argc > 1)
                return child(argv[1]);
        int r = leat_pair("pipe:", NULL, &receiver, &sender);
        if (r < 0 || (r = leat_detach(receiver, fds)) < 0)
                return fail("pipe", r);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, fds[0], 3); /* the copy is not close-on-exec */
        r = -posix_spawn(&pid, "/proc/self/exe", &actions, NULL, arguments, NULL);
        posix_spawn_file_actions_destroy(&actions);
        close(fds[0]);
        if (r == 0)
                r = leat_send(sender, 1, "Hello", 5, leat_in_s(5));
        leat_close(sender);
        if (r < 0 || waitpid(pid, &status, 0) < 0)
                return fail("spawn", r < 0 ? r : -errno);
        return status != 0;
}
