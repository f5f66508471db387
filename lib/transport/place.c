/* SPDX-License-Identifier: MIT */
#include "transport/place.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "wait/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/deadline.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define LOCK_FIRST_US 200 /* between two tries for the directory's lock, doubling */
#define LOCK_MOST_US 20000

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

int place_open_bare(bool make, char *ret_path, size_t size) {
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

int place_explain_bare(int error, struct leat_reason *reason) {
        if (error == -EMFILE || error == -ENFILE || error == -ENOMEM)
                return error; /* told with its limit */
        if (error == -ENOENT)
                return reason_set(reason, error, LEAT_ROW_OPENING,
                                  "nothing is there: no bare name was made yet, or XDG_RUNTIME_DIR names no directory");
        if (error == -EPERM)
                return reason_set(reason, error, LEAT_ROW_OPENING,
                                  "the directory of bare names is not yours alone (mode 0700); use a path, or set "
                                  "XDG_RUNTIME_DIR");
        return reason_set(reason, error, LEAT_ROW_OPENING,
                          "the directory of bare names cannot be used; use a path, or set XDG_RUNTIME_DIR");
}

static int resolve_bare(struct place *place, const char *rest, bool make, struct leat_reason *reason) {
        char directory[512];
        place->directory = place_open_bare(make, directory, sizeof(directory));
        if (place->directory < 0)
                return place_explain_bare(place->directory, reason);
        int r = text_format(&place->path, "%s/%s", directory, rest);
        if (r < 0)
                return r;
        place->base = strrchr(place->path, '/') + 1;
        return 0;
}

static int resolve_path(struct place *place, const struct address *address, struct leat_reason *reason) {
        place->path = strdup(address->rest);
        if (!place->path)
                return -ENOMEM;
        place->base = strrchr(place->path, '/') + 1;
        if (*place->base == '\0')
                return reason_at(reason, -EINVAL, address->rest_column,
                                 "that is a directory; a name is wanted after the last /");
        char *slash = place->base - 1;
        *slash = '\0';
        place->directory = open(slash == place->path ? "/" : place->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int error = -errno;
        *slash = '/';
        if (place->directory >= 0)
                return 0;
        if (error == -ENOENT || error == -ENOTDIR)
                return reason_at(reason, error, address->rest_column, "its directory does not exist; make it first");
        return error;
}

int place_resolve(const struct address *address, bool make, const char *wanted, struct leat_reason *reason,
                  struct place *ret_place) {
        CLEANUP(place_clear) struct place place = PLACE_NONE;
        if (address->rest[0] == '\0')
                return reason_at(reason, -EINVAL, address->rest_column, wanted);
        int r = strchr(address->rest, '/') ? resolve_path(&place, address, reason)
                                           : resolve_bare(&place, address->rest, make, reason);
        if (r < 0)
                return r;
        *ret_place = place;
        place = PLACE_NONE;
        return 0;
}

void place_clear(struct place *place) {
        place->directory = close_fd(place->directory);
        free(place->path);
        place->path = place->base = NULL;
}

int place_lock(int directory, int64_t deadline) {
        CLOSE_AT_EXIT int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
