/* SPDX-License-Identifier: MIT */
/*
 * A file opened by a parent and written by its child: the two descriptors share one open file description, and so one
 * offset. The parent reads where the child stopped writing, which is the end; only after it seeks does it read what was
 * written. Two descriptions of one file have an offset each: each writes from its own, over what the other wrote; with
 * O_APPEND every write goes to where the end is then. log: is built on that; between processes that talk, use a channel.
 * Run it: shared_offset
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child writes this, through that descriptor, and ends. */
static void write_in_child(int fd, const char *text) {
        int status = 0;
        fflush(NULL); /* what is buffered would be the child's too */
        pid_t pid = fork();
        if (pid == 0)
                _exit(write(fd, text, strlen(text)) != (ssize_t)strlen(text));
        if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
                exit(1);
}

static void show(const char *when, int fd) {
        char text[64];
        ssize_t n = read(fd, text, sizeof text);
        printf("%-34s %zd bytes: \"%.*s\"\n", when, n, n > 0 ? (int)n : 0, text);
}

/* Two descriptions; the child writes through one of them, then the parent through the other. */
static int write_through_two(const char *when, char *path, int flags) {
        int ours = open(path, O_RDWR | O_TRUNC | flags), theirs = open(path, O_WRONLY | flags);
        if (ours < 0 || theirs < 0)
                return -1;
        write_in_child(theirs, "child");
        if (write(ours, "me", 2) != 2 || lseek(ours, 0, SEEK_SET) < 0)
                return -1;
        show(when, ours);
        close(theirs);
        return close(ours);
}

int main(void) {
        char path[] = "/tmp/shared_offset.XXXXXX";
        int fd = mkstemp(path);

        if (fd < 0)
                return perror("mkstemp"), 1;
        write_in_child(fd, "child");
        show("shared offset, before the seek:", fd);
        lseek(fd, 0, SEEK_SET);
        show("shared offset, after the seek:", fd);
        close(fd);
        int r = write_through_two("two offsets:", path, 0);
        if (r == 0)
                r = write_through_two("two offsets and O_APPEND:", path, O_APPEND);
        unlink(path);
        return r < 0;
}
