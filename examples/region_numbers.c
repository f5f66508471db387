/* SPDX-License-Identifier: MIT */
/*
 * Numbers in a mapped file. First an ordinary file of numbers, mapped as it is (?raw): what is changed in memory is changed in the file, and the other
 * way round, without a read and a write. Then a region in a file: it begins with a header of its own, and so it can have locks; two children add to its
 * numbers at once, and each addition counts.
 * Run it: region_numbers
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COUNT = 5, ROUNDS = 10000 };

static void show(const char *what, const int64_t *numbers) {
        printf("%s:", what);
        for (int i = 0; i < COUNT; i++)
                printf(" %lld", (long long)numbers[i]);
        putchar('\n');
}

/* ---- as it is ---- */

static int change_in_memory(const char *path, int fd) {
        int64_t copy[COUNT], *numbers;
        char address[128];
        struct leat_region *region = NULL;

        snprintf(address, sizeof address, "map:%s?raw", path);
        int r = leat_region_open(address, sizeof copy, NULL, LEAT_NOW, NULL, &region);
        if (r < 0)
                return r;
        numbers = leat_region_data(region);
        for (int i = 0; i < COUNT; i++)
                numbers[i] *= 10;
        if (pread(fd, copy, sizeof copy, 0) == sizeof copy)
                show("times 10 in memory, read from the file", copy);
        if (pwrite(fd, &(int64_t){ 99 }, sizeof(int64_t), 0) == sizeof(int64_t))
                show("the first one written to the file, in memory", numbers);
        leat_region_close(region);
        return 0;
}

static int as_it_is(const char *path) {
        static const int64_t first[COUNT] = { 1, 2, 3, 4, 5 };
        FILE *file = fopen(path, "w+");
        if (!file)
                return -errno;
        fwrite(first, sizeof first, 1, file);
        int r = fflush(file) == 0 ? change_in_memory(path, fileno(file)) : -errno;
        fclose(file);
        return r;
}

/* ---- with locks ---- */

struct numbers {
        struct leat_mutex lock;
        int64_t of[COUNT];
};

/* In a child the region's memory is not there until it takes part by itself; then it lies where it lay in the parent. */
static int add_in_child(struct leat_region *region, struct numbers *numbers) {
        int r = leat_region_reattach(region, leat_in_s(60));
        for (int i = 0; i < ROUNDS && r == 0; i++) {
                r = leat_mutex_lock(region, &numbers->lock, leat_in_s(60));
                if (r < 0)
                        return r; /* also if the other child died with it: what it has not added is missing */
                for (int k = 0; k < COUNT; k++)
                        numbers->of[k] += k + 1;
                r = leat_mutex_unlock(region, &numbers->lock);
        }
        return r;
}

static int with_locks(const char *path) {
        struct leat_region *region = NULL;
        struct numbers *numbers;
        char address[128];
        int failed = 0, status;

        snprintf(address, sizeof address, "map:%s?new", path);
        int r = leat_region_open(address, sizeof *numbers, NULL, LEAT_NOW, NULL, &region);
        if (r < 0)
                return r;
        numbers = leat_region_data(region);
        fflush(stdout); /* what is buffered would be the children's too */
        for (int i = 0; i < 2; i++)
                if (fork() == 0)
                        _exit(add_in_child(region, numbers) < 0);
        while (wait(&status) > 0)
                failed |= status;
        show("added by two children", numbers->of);
        leat_region_close(region);
        snprintf(address, sizeof address, "map:%s", path);
        r = leat_region_remove(address, false, LEAT_NOW, NULL); /* the file, and the lock file beside it */
        return failed ? -ECHILD : r;
}

int main(void) {
        char folder[] = "/tmp/region_numbers.XXXXXX", path[64];
        if (!mkdtemp(folder))
                return perror(folder), 1;
        snprintf(path, sizeof path, "%s/numbers", folder);
        int r = as_it_is(path);
        unlink(path);
        if (r == 0)
                r = with_locks(path);
        if (r < 0)
                fprintf(stderr, "%s: %s\n", path, leat_strerror(r));
        rmdir(folder);
        return r < 0;
}
