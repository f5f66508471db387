/* SPDX-License-Identifier: MIT */
/*
 * A child that is written to and read from. Parent and child both write much more than a pipe holds before they read anything: with two bare pipes
 * each would wait for the other for ever. leat_coprocess_write() keeps what comes while it waits for room.
 *
 *     two_way_child [KIBIBYTES]               (it starts itself once more, as the child)
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 1024

static int fail(const char *what, int error) {
        fprintf(stderr, "%s: %s\n", what, leat_strerror(error));
        return 1;
}

/* All of its output first, then it reads all of its input, and says how much that was. */
static int child(long blocks) {
        char block[BLOCK];
        size_t got = 0, n;

        memset(block, 'c', sizeof block);
        for (long i = 0; i < blocks; i++)
                fwrite(block, 1, sizeof block, stdout);
        fflush(stdout);
        while ((n = fread(block, 1, sizeof block, stdin)) > 0)
                got += n;
        printf("\nthe child read %zu bytes\n", got);
        return 0;
}

static int write_all(struct leat_coprocess *other, long blocks) {
        char block[BLOCK];
        int r = 0;

        memset(block, 'p', sizeof block);
        for (long i = 0; r == 0 && i < blocks; i++)
                r = leat_coprocess_write(other, block, sizeof block, leat_in_s(30), NULL);
        return r == 0 ? leat_coprocess_finish(other) : r;
}

/* How much comes before the line that ends it, and that line. */
static int read_all(struct leat_coprocess *other) {
        char block[BLOCK], last[64] = "";
        size_t got = 0, kept = 0;
        ssize_t n;

        while ((n = leat_coprocess_read(other, block, sizeof block, leat_in_s(30))) >= 0)
                for (ssize_t i = 0; i < n; i++)
                        if (block[i] == 'c' && kept == 0)
                                got++;
                        else if (kept + 1 < sizeof last)
                                last[kept++] = block[i];
        printf("the parent read %zu bytes%s", got, last);
        return n == -ENODATA ? 0 : (int)n;
}

int main(int argc, char **argv) {
        const char *size = argc > 1 ? argv[argc - 1] : "1024";
        const char *const again[] = { "/proc/self/exe", "child", size, NULL };
        struct leat_status status = LEAT_STATUS_INIT;
        struct leat_coprocess *other = NULL;
        struct leat_command *command;
        long blocks = strtol(size, NULL, 10);

        if (argc > 2)
                return child(blocks);
        int r = leat_command_new(again, &command);
        if (r == 0)
                r = leat_coprocess_start(command, 0, leat_in_s(10), NULL, &other);
        leat_command_free(command);
        if (r == 0)
                r = write_all(other, blocks);
        if (r == 0)
                r = read_all(other);
        if (r == 0)
                r = leat_process_wait(leat_coprocess_process(other), leat_in_s(10), &status);
        leat_coprocess_free(other);
        return r < 0 ? fail("coprocess", r) : leat_status_code(&status);
}
