/* SPDX-License-Identifier: MIT */
#include "transport/unix_name.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "transport/place.h"
#include "wait/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/deadline.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

/* ---- from text to a name ---- */

static int set_abstract(struct unix_name *name, const char *rest, const struct address *address,
                        struct leat_reason *reason) {
        size_t length = strlen(rest);
        if (length < 2 || length > sizeof(name->address.sun_path))
                return reason_at(reason, -EINVAL, address->rest_column,
                                 "an abstract name has 1 to 107 bytes after the @");
        if (address_given(address, OPTION_MODE))
                return reason_at(reason, -ENOTSUP, address->columns[OPTION_MODE],
                                 "an abstract name has no permissions; use a path");
        name->abstract = true;
        memcpy(name->address.sun_path, rest, length);
        name->address.sun_path[0] = '\0';
        name->address_bytes = (socklen_t)(PATH_OFFSET + length);
        name->path = strdup(rest);
        return name->path ? 0 : -ENOMEM;
}

/* The path itself if it fits, else by way of the directory's descriptor, which any directory fits. */
static int set_path(struct unix_name *name, const struct address *address, struct leat_reason *reason) {
        char *path = name->address.sun_path;
        size_t room = sizeof(name->address.sun_path);
        if (strlen(name->path) < room)
                strcpy(path, name->path);
        else if ((size_t)snprintf(path, room, "/proc/self/fd/%d/%s", name->directory, name->base) >= room)
                return reason_at(reason, -ENAMETOOLONG, address->rest_column,
                                 "the last part of a socket's path has at most 80 bytes");
        name->address_bytes = (socklen_t)(PATH_OFFSET + strlen(path) + 1);
        return 0;
}

static int open_directory(struct unix_name *name, const struct address *address, struct leat_reason *reason) {
        char *slash = name->base - 1;
        *slash = '\0';
        name->directory = open(slash == name->path ? "/" : name->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int error = -errno;
        *slash = '/';
        if (name->directory >= 0)
                return 0;
        if (error == -ENOENT || error == -ENOTDIR)
                return reason_at(reason, error, address->rest_column, "its directory does not exist; make it first");
        return error;
}

static int set_bare(struct unix_name *name, const char *rest, bool make, struct leat_reason *reason) {
        char directory[512];
        name->directory = place_open_bare(make, directory, sizeof(directory));
        if (name->directory < 0) {
                (void)place_explain_bare(name->directory, reason);
                return name->directory;
        }
        int r = text_format(&name->path, "%s/%s", directory, rest);
        if (r < 0)
                return r;
        name->base = strrchr(name->path, '/') + 1;
        return 0;
}

static int set_explicit(struct unix_name *name, const char *rest, const struct address *address,
                        struct leat_reason *reason) {
        name->path = strdup(rest);
        if (!name->path)
                return -ENOMEM;
        name->base = strrchr(name->path, '/') + 1;
        if (*name->base == '\0')
                return reason_at(reason, -EINVAL, address->rest_column,
                                 "that is a directory; a name is wanted after the last /");
        return open_directory(name, address, reason);
}

int unix_name_new(const struct address *address, bool make, struct leat_reason *reason, struct unix_name **ret_name) {
        CLEANUP(unix_name_free_at) struct unix_name *name = calloc(1, sizeof(struct unix_name));
        const char *rest = address->rest;
        if (!name)
                return -ENOMEM;
        name->directory = -1;
        name->address.sun_family = AF_UNIX;
        int r;
        if (rest[0] == '\0')
                return reason_at(reason, -EINVAL, address->rest_column,
                                 "a path or a name is wanted after the colon: /run/jobs, jobs, or @jobs");
        if (rest[0] == '@')
                r = set_abstract(name, rest, address, reason);
        else if (!strchr(rest, '/'))
                r = set_bare(name, rest, make, reason);
        else
                r = set_explicit(name, rest, address, reason);
        if (r == 0 && !name->abstract)
                r = set_path(name, address, reason);
        if (r < 0)
                return r;
        *ret_name = TAKE(name);
        return 0;
}

struct unix_name *unix_name_free(struct unix_name *name) {
        if (!name)
                return NULL;
        close_fd(name->directory);
        free(name->path);
        free(name);
        return NULL;
}

void unix_name_free_at(struct unix_name **name) {
        *name = unix_name_free(*name);
}

int unix_name_resolve(const struct unix_name *name, char *ret_path, size_t size) {
        char link[32];
        if (name->abstract)
                return snprintf(ret_path, size, "%s", name->path) < (int)size ? 0 : -ENAMETOOLONG;
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", name->directory);
        ssize_t n = readlink(link, ret_path, size);
        if (n < 0)
                return -errno;
        size_t at = n == 1 ? 0 : (size_t)n; /* of the root itself the slash is the one that follows */
        if (at >= size)
                return -ENAMETOOLONG;
        return snprintf(ret_path + at, size - at, "/%s", name->base) < (int)(size - at) ? 0 : -ENAMETOOLONG;
}

/* ---- who has it ---- */

int unix_name_probe(const struct unix_name *name) {
        struct stat status;
        if (fstatat(name->directory, name->base, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!S_ISSOCK(status.st_mode))
                return -ENOTSOCK;
        /* A connection of another type never reaches the listener: the kernel says "wrong type" where
         * one is bound and "refused" where none is. A datagram socket there is only pointed at; "not permitted": it talks
         * to another one. */
        CLOSE_AT_EXIT int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)&name->address, name->address_bytes) == 0 || errno == EPROTOTYPE ||
            errno == EPERM)
                return 1;
        return errno == ECONNREFUSED ? 0 : -errno;
}

int unix_name_lock(const struct unix_name *name, int64_t deadline) {
        return place_lock(name->directory, deadline);
}

void unix_name_unbind(struct unix_name *name) {
        struct stat status;
        if (name->abstract || name->inode == 0)
                return;
        /* Its holder needs it for microseconds; if it was stopped, the name stays as that of a killed
         * listener does, and the next opener takes it over. */
        CLOSE_AT_EXIT int lock = unix_name_lock(name, leat_in_ms(200));
        if (lock >= 0 && fstatat(name->directory, name->base, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            status.st_dev == name->device && status.st_ino == name->inode)
                (void)unlinkat(name->directory, name->base, 0);
        name->inode = 0;
}
