/* SPDX-License-Identifier: MIT */

/* Addresses of regions: what object each names, and what its lock file is. */

#include "memory/place.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "memory/memfile.h"
#include "memory/place_kinds.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define SHM "/dev/shm"
#define OURS "leat." /* what objects of region: begin with */
#define OURS_SYSV OURS "sysv-"
#define OURS_LOCK ".lock"
#define OTHERS_LOCK ".leat-lock"

#define FILE_KIND(name)                                                                                                \
        {                                                                                                              \
                .scheme = (name), .grows = true, .named = true, .find = place_file_find, .make = place_file_make,      \
                .look = place_fd_look, .allocate = place_fd_allocate, .map = place_fd_map, .read = place_fd_read,      \
                .remove = place_file_remove                                                                            \
        }

static int name_region(const char *rest, struct leat_reason *reason, struct memory_place *place);
static int name_posix(const char *rest, struct leat_reason *reason, struct memory_place *place);
static int name_sysv(const char *rest, struct leat_reason *reason, struct memory_place *place);
static int name_map(const char *rest, struct leat_reason *reason, struct memory_place *place);
static int name_anon(const char *rest, struct leat_reason *reason, struct memory_place *place);

static const struct {
        struct memory_kind kind;
        int (*name)(const char *rest, struct leat_reason *reason, struct memory_place *place);
} kinds[] = {
        { FILE_KIND("region"), name_region },
        { FILE_KIND("posix-shm"), name_posix },
        { { .scheme = "sysv-shm",
            .named = true,
            .find = place_sysv_find,
            .make = place_sysv_make,
            .look = place_sysv_look,
            .allocate = place_sysv_allocate,
            .map = place_sysv_map,
            .read = place_sysv_read,
            .remove = place_sysv_remove },
          name_sysv },
        { FILE_KIND("map"), name_map },
        { { .scheme = "anon",
            .grows = true,
            .find = place_anon_find,
            .make = place_anon_make,
            .look = place_fd_look,
            .allocate = place_fd_allocate,
            .map = place_fd_map,
            .read = place_fd_read,
            .remove = place_anon_remove },
          name_anon },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- names ---- */

static bool begins(const char *text, const char *with) {
        return strncmp(text, with, strlen(with)) == 0;
}

static bool ends(const char *text, const char *with) {
        size_t length = strlen(text), tail = strlen(with);
        return length > tail && strcmp(text + length - tail, with) == 0;
}

/* Of lock files: to make a region there would be to break another's. */
static bool is_lock(const char *base) {
        return ends(base, OTHERS_LOCK) || (begins(base, OURS) && ends(base, OURS_LOCK));
}

static int set_paths(struct memory_place *place, const char *directory, const char *base, bool ours) {
        int r = text_format(&place->path, "%s/%s", directory, base);
        return r < 0 ? r : text_format(&place->lock_path, "%s%s", place->path, ours ? OURS_LOCK : OTHERS_LOCK);
}

/* A name in `directory`, which is that of POSIX objects or not. The same object has the same lock file, whatever it is called. */
static int set_base(struct memory_place *place, const char *directory, bool posix, const char *base,
                    struct leat_reason *reason) {
        bool ours = posix && begins(base, OURS);
        if (is_lock(base))
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING, "that is the name of a region's lock file");
        if (posix && begins(base, OURS_SYSV)) /* whose lock file would be a segment's */
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING,
                                  "names that begin with sysv- are kept for the lock files of System V segments");
        if (strlen(base) + strlen(ours ? OURS_LOCK : OTHERS_LOCK) > NAME_MAX ||
            strlen(directory) + 1 + strlen(base) + strlen(OTHERS_LOCK) >= PATH_MAX)
                return reason_set(
                        reason, -EINVAL, LEAT_ROW_OPENING,
                        "the name is too long: with that of its lock file a name has at most 255 bytes, and a "
                        "path 4095");
        return set_paths(place, directory, base, ours);
}

int memory_posix_check(const char *rest, struct leat_reason *reason) {
        if (rest[0] != '/')
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING, "the name begins with '/': /shop");
        if (strchr(rest + 1, '/'))
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING,
                                  "the name has one '/', at its beginning; a file is map:");
        if (rest[1] == '\0' || strcmp(rest, "/.") == 0 || strcmp(rest, "/..") == 0)
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING,
                                  "behind the '/' a name is wanted, and not . or ..: /shop");
        return 0;
}

static int name_region(const char *rest, struct leat_reason *reason, struct memory_place *place) {
        FREE_AT_EXIT char *base = NULL;
        int r = memory_posix_check(rest, reason);
        if (r == 0)
                r = text_format(&base, OURS "%s", rest + 1);
        return r < 0 ? r : set_base(place, SHM, true, base, reason);
}

static int name_posix(const char *rest, struct leat_reason *reason, struct memory_place *place) {
        int r = memory_posix_check(rest, reason);
        return r < 0 ? r : set_base(place, SHM, true, rest + 1, reason);
}

static int name_sysv(const char *rest, struct leat_reason *reason, struct memory_place *place) {
        int r = memory_sysv_key(rest, reason, &place->key);
        if (r == 0)
                r = text_format(&place->path, "System V segment 0x%x", (unsigned)place->key);
        if (r == 0)
                r = text_format(&place->lock_path, SHM "/" OURS_SYSV "0x%x" OURS_LOCK, (unsigned)place->key);
        return r;
}

/* By whatever path it is reached. */
static bool is_posix_directory(const char *directory) {
        struct stat it, posix;
        return stat(*directory ? directory : "/", &it) == 0 && stat(SHM, &posix) == 0 && it.st_dev == posix.st_dev &&
               it.st_ino == posix.st_ino;
}

/* From the root on: the process may change its directory while it has the region open. */
static int make_absolute(const char *path, char **ret_path) {
        char here[PATH_MAX];
        if (path[0] == '/') {
                *ret_path = strdup(path);
                return *ret_path ? 0 : -ENOMEM;
        }
        if (!getcwd(here, sizeof(here)))
                return -errno;
        return text_format(ret_path, "%s/%s", here, path);
}

static int name_map(const char *rest, struct leat_reason *reason, struct memory_place *place) {
        FREE_AT_EXIT char *path = NULL;
        if (rest[0] == '\0')
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING, "the path of a file is wanted: map:/var/lib/shop");
        int r = make_absolute(rest, &path);
        if (!path)
                return r;
        char *base = strrchr(path, '/');
        *base++ = '\0';
        if (*base == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING,
                                  "that is a directory; a name is wanted behind the last '/'");
        return set_base(place, path, is_posix_directory(path), base, reason);
}

static int name_anon(const char *rest, struct leat_reason *reason, struct memory_place *place) {
        if (rest[0] != '\0')
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING, "anon: has no name");
        place->path = strdup("memory without a name");
        return place->path ? 0 : -ENOMEM;
}

/* ---- places ---- */

int memory_place_new(const char *scheme, const char *rest, struct leat_reason *reason, struct memory_place *ret_place) {
        CLEANUP(memory_place_clear) struct memory_place place = MEMORY_PLACE_NONE;
        for (size_t i = 0; i < KINDS; i++) {
                if (strcmp(kinds[i].kind.scheme, scheme) != 0)
                        continue;
                place.kind = &kinds[i].kind;
                int r = kinds[i].name(rest, reason, &place);
                if (r < 0)
                        return r;
                *ret_place = place;
                place = (struct memory_place)MEMORY_PLACE_NONE;
                return 0;
        }
        return reason_set(reason, -EPROTONOSUPPORT, LEAT_ROW_OPENING,
                          "no region is of this scheme: region, posix-shm, sysv-shm, map, anon");
}

void memory_place_close(struct memory_place *place) {
        place->fd = close_fd(place->fd);
        place->segment = -1;
}

void memory_place_clear(struct memory_place *place) {
        memory_place_close(place);
        free(place->path);
        free(place->lock_path);
        *place = (struct memory_place)MEMORY_PLACE_NONE;
}

size_t memory_place_page_bytes(const struct memory_place *place) {
        if (place->kind->find == place_sysv_find)
                return place_sysv_page_bytes(place);
        if (place->fd >= 0)
                return memfile_page_bytes(place->fd);
        return place->huge ? memfile_huge_bytes() : (size_t)sysconf(_SC_PAGESIZE);
}

const char *memory_kind_scheme(size_t index) {
        return index < KINDS ? kinds[index].kind.scheme : NULL;
}
