/* SPDX-License-Identifier: MIT */
#include "base/umask.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <string.h>

mode_t umask_cut(mode_t mode) {
        char text[1024];
        CLOSE_AT_EXIT int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        text[n > 0 ? n : 0] = '\0';
        const char *line = strstr(text, "\nUmask:");
        unsigned long cut = line ? strtoul(line + 7, NULL, 8) : 077;
        return mode & 0666 & ~(mode_t)cut;
}
