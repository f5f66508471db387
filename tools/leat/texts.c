/* SPDX-License-Identifier: MIT */
#include "tools/leat/texts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void texts_free(struct texts *texts) {
        for (size_t i = 0; i < texts->count; i++)
                free(texts->paths[i]);
        free(texts->paths);
        *texts = (struct texts)TEXTS_NONE;
}

static int add(struct texts *texts, char *path) {
        if (texts->count == texts->room) {
                size_t room = texts->room ? 2 * texts->room : 64;
                char **paths = reallocarray(texts->paths, room, sizeof(*paths));
                if (!paths)
                        return -ENOMEM;
                texts->paths = paths;
                texts->room = room;
        }
        texts->paths[texts->count++] = path;
        return 0;
}

/* Hidden files are no texts, and links lead to what is counted already, or out of the folder. */
static int add_entry(struct texts *texts, const char *folder, const char *name) {
        FREE_AT_EXIT char *path = NULL;
        struct stat status;
        if (*name == '.')
                return 0;
        if (asprintf(&path, "%s/%s", folder, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (lstat(path, &status) < 0)
                return 0;
        if (S_ISDIR(status.st_mode))
                return texts_find(texts, path);
        if (!S_ISREG(status.st_mode) || access(path, R_OK) < 0)
                return 0;
        int r = add(texts, path);
        if (r == 0)
                path = NULL;
        return r;
}

int texts_find(struct texts *texts, const char *folder) {
        struct dirent **entries;
        int count = scandir(folder, &entries, NULL, alphasort);
        int r = 0;
        if (count < 0)
                return errno == ENOMEM ? -ENOMEM : 0;
        for (int i = 0; i < count; i++) {
                if (r == 0)
                        r = add_entry(texts, folder, entries[i]->d_name);
                free(entries[i]);
        }
        free(entries);
        return r;
}

ssize_t texts_read(const char *path, struct space *space) {
        CLOSE_AT_EXIT int fd = open(path, O_RDONLY | O_CLOEXEC);
        size_t end = 0;
        if (fd < 0)
                return -errno;
        for (;;) {
                if (end == space->size && space_grow(space, 0) < 0)
                        return -ENOMEM;
                ssize_t n = read(fd, space->bytes + end, space->size - end);
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return (ssize_t)end;
                end += (size_t)n;
        }
}
