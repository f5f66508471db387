/* SPDX-License-Identifier: MIT */
#include "recorded.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct bytes bytes_of(const char *path) {
        struct stat status;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                FAIL("%s: %s", path, strerror(errno));
        CHECK_EQ(fstat(fd, &status), 0);
        struct bytes bytes = { malloc((size_t)status.st_size), (size_t)status.st_size };
        CHECK(bytes.at);
        CHECK_EQ(read(fd, bytes.at, bytes.size), status.st_size);
        close(fd);
        return bytes;
}

struct bytes recorded(const char *name) {
        char path[4096];
        const char *root = getenv("LEAT_SOURCE_ROOT");
        snprintf(path, sizeof(path), "%s/tests/wire/v1-%s.bin", root ? root : ".", name);
        return bytes_of(path);
}
