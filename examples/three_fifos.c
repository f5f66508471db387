/* SPDX-License-Identifier: MIT */
/*
 * Three named pipes, fed by three programs that know nothing of Leat: ls, cat and who. One process waits for all of them
 * in one poll() and says which line came from whom, until each has ended.
 * Run it: three_fifos DIRECTORY FILE      (the pipes are made in DIRECTORY, which ls lists; cat prints FILE)
 */
#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

extern char **environ;

struct source {
        const char *name, *argument;
        char path[2048];
        struct leat_channel *lines;
        int ended;
};

/* The program's standard output is the pipe: "ls DIRECTORY > DIRECTORY/ls.fifo". */
static int start(const struct source *source) {
        char *const arguments[] = { (char *)source->name, (char *)source->argument, NULL };
        posix_spawn_file_actions_t actions;
        pid_t pid;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 1, source->path, O_WRONLY, 0);
        int r = posix_spawnp(&pid, source->name, &actions, NULL, arguments, environ);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int open_pipe(struct source *source, const char *directory) {
        char address[4096];
        snprintf(source->path, sizeof source->path, "%s/%s.fifo", directory, source->name);
        snprintf(address, sizeof address, "fifo:%s?framing=lines&temporary", source->path);
        return leat_open(address, LEAT_RECEIVE, LEAT_NOW, &source->lines);
}

/* Print what is there. -EAGAIN: nothing more now. */
static ssize_t print(const struct source *source) {
        char line[4096];
        ssize_t n;
        while ((n = leat_receive(source->lines, LEAT_ANY, line, sizeof line, LEAT_NOW, NULL)) >= 0)
                printf("%s: %.*s\n", source->name, (int)n, line);
        return n;
}

int main(int argc, char **argv) {
        struct source sources[] = { { .name = "ls" }, { .name = "cat" }, { .name = "who" } };
        int left = 0, r = 0;

        if (argc != 3)
                return fprintf(stderr, "usage: three_fifos DIRECTORY FILE\n"), 2;
        sources[0].argument = argv[1];
        sources[1].argument = argv[2];
        for (int i = 0; i < 3 && r == 0; i++, left++)
                r = open_pipe(&sources[i], argv[1]);
        for (int i = 0; i < 3 && r == 0; i++)
                r = start(&sources[i]);
        while (r == 0 && left > 0) {
                struct pollfd fds[3];
                for (int i = 0; i < 3; i++) {
                        /* Armed by a receive that said -EAGAIN: from then on poll() tells. */
                        ssize_t n = sources[i].ended ? -EAGAIN : print(&sources[i]);
                        if (n == -ENODATA) {
                                sources[i].ended = 1;
                                left--;
                        } else if (n != -EAGAIN)
                                r = (int)n;
                        fds[i].fd = sources[i].ended ? -1 : leat_fd(sources[i].lines);
                        fds[i].events = POLLIN;
                }
                if (left > 0 && r == 0)
                        poll(fds, 3, -1);
        }
        if (r < 0)
                fprintf(stderr, "three_fifos: %s\n", leat_strerror(r));
        for (int i = 0; i < 3; i++)
                leat_close(sources[i].lines);
        while (wait(NULL) > 0)
                ;
        return r < 0;
}
