/* SPDX-License-Identifier: MIT */
#include "transport/unix_name.h"

#include "base/cleanup.h"
#include "wait/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/deadline.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)
#define LOCK_FIRST_US 200 /* between two tries for the directory's lock, doubling */
#define LOCK_MOST_US 20000

/* ---- the directory of bare names ---- */

/* A directory of our own, for nobody else: made if it may be, and checked in any case. */
static int open_private(const char *path, bool make) {
        struct stat status;
        if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
                return -errno;
        CLOSE_AT_EXIT int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &status) < 0)
                return -errno;
        if (status.st_uid != geteuid() || (status.st_mode & 077) != 0)
                return -EPERM;
        return take_fd(&fd);
}

static int open_runtime_directory(bool make, char *ret_path, size_t size) {
        const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
        if (runtime && runtime[0] == '/') {
                (void)snprintf(ret_path, size, "%s/leat", runtime);
                return open_private(ret_path, make);
        }
        (void)snprintf(ret_path, size, "/run/user/%u", (unsigned)geteuid());
        if (access(ret_path, W_OK | X_OK) == 0) {
                (void)snprintf(ret_path, size, "/run/user/%u/leat", (unsigned)geteuid());
                return open_private(ret_path, make);
        }
        (void)snprintf(ret_path, size, "/tmp/leat-%u", (unsigned)geteuid());
        return open_private(ret_path, make);
}

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
        name->directory = open_runtime_directory(make, directory, sizeof(directory));
        if (name->directory == -EPERM)
                return reason_set(reason, -EPERM, LEAT_ROW_OPENING,
                                  "the directory of bare names is not yours alone (mode 0700); use a path, or set "
                                  "XDG_RUNTIME_DIR");
        if (name->directory == -EMFILE || name->directory == -ENFILE || name->directory == -ENOMEM)
                return name->directory;
        if (name->directory < 0)
                return reason_set(reason, name->directory, LEAT_ROW_OPENING,
                                  "the directory of bare names cannot be used; use a path, or set XDG_RUNTIME_DIR");
        if (asprintf(&name->path, "%s/%s", directory, rest) < 0) {
                name->path = NULL;
                return -ENOMEM;
        }
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
                                 "a path or a name is wanted: unix:/run/jobs, unix:jobs, unix:@jobs");
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

/* ---- who has it ---- */

int unix_name_probe(const struct unix_name *name) {
        struct stat status;
        if (fstatat(name->directory, name->base, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!S_ISSOCK(status.st_mode))
                return -ENOTSOCK;
        /* A connection of another type never reaches the listener: the kernel says "wrong type" where
         * one is bound and "refused" where none is. (A datagram socket there is only pointed at.) */
        CLOSE_AT_EXIT int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)&name->address, name->address_bytes) == 0 || errno == EPROTOTYPE)
                return 1;
        return errno == ECONNREFUSED ? 0 : -errno;
}

int unix_name_lock(const struct unix_name *name, int64_t deadline) {
        CLOSE_AT_EXIT int fd = openat(name->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        for (int64_t us = LOCK_FIRST_US; flock(fd, LOCK_EX | LOCK_NB) < 0; us *= 2) {
                struct wait wait;
                if (errno != EWOULDBLOCK && errno != EINTR)
                        return -errno;
                if (deadline == LEAT_NOW)
                        return -EAGAIN;
                /* No event tells that a lock was released, and a blocking flock() has no deadline. */
                wait_init(&wait);
                wait_look_again(&wait, leat_in_us(us < LOCK_MOST_US ? us : LOCK_MOST_US));
                if (wait_until(&wait, deadline) < 0)
                        return -ETIMEDOUT;
        }
        return take_fd(&fd);
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
