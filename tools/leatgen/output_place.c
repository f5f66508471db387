/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/output_place.h"

#include "tools/leatgen/report.h"
#include "tools/leatgen/source.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MOST 40 /* as the kernel */

static int refuse(struct job *job, const char *path, const char *why) {
        report_error(job, NULL, "`%s` cannot be written: %s; nothing was written", path, why);
        return -1;
}

static const char *folder_of(struct job *job, const char *path) {
        const char *slash = strrchr(path, '/');
        return !slash ? "." : slash == path ? "/" : job_intern(job, path, (size_t)(slash - path));
}

/* Where the links of the last name lead, also if nothing is there yet; those of folders the kernel follows. NULL: there is no end to them. */
static const char *follow(struct job *job, const char *path) {
        char target[PATH_MAX];
        for (int links = 0; links <= LINKS_MOST; links++) {
                ssize_t size = readlink(path, target, sizeof(target));
                if (size < 0 || (size_t)size == sizeof(target))
                        return path;
                path = target[0] == '/' ? job_intern(job, target, (size_t)size)
                                        : job_format(job, "%s/%.*s", folder_of(job, path), (int)size, target);
        }
        return NULL;
}

/* The file that a person named; 1 if it is none, and may be written to as it is. */
static int find_named(struct job *job, const struct output_file *file, struct output_place *place) {
        struct stat status;
        place->path = file->name;
        bool exists = stat(file->name, &status) == 0;
        if (exists && !S_ISREG(status.st_mode)) {
                if (S_ISDIR(status.st_mode) || !file->may_be_no_file)
                        return refuse(job, file->name, S_ISDIR(status.st_mode) ? strerror(EISDIR) : "it is no file");
                place->is_no_file = true;
                return 1;
        }
        place->path = follow(job, file->name);
        if (!place->path)
                return refuse(job, file->name, strerror(ELOOP));
        place->folder = folder_of(job, place->path);
        place->name = path_base(place->path);
        return *place->name ? 0 : refuse(job, file->name, strerror(*file->name ? EISDIR : ENOENT));
}

int output_place_find(struct job *job, const struct output_file *file, struct output_place *ret_place) {
        struct output_place place = { .folder = file->folder ? file->folder : ".", .name = file->name };
        struct stat status;
        if (file->follows) {
                int found = find_named(job, file, &place);
                *ret_place = place;
                if (found)
                        return found < 0 ? -1 : 0;
        } else {
                place.path = file->folder ? job_format(job, "%s/%s", file->folder, file->name) : file->name;
        }
        int error = stat(place.folder, &status) ? errno : S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
        if (error && file->follows)
                return refuse(job, place.path, strerror(error));
        if (error) {
                report_error(job, NULL,
                             "the folder `%s` for the output cannot be opened: %s; make it first, or "
                             "name another one by -o",
                             place.folder, strerror(error));
                return -1;
        }
        place.device = status.st_dev;
        place.inode = status.st_ino;
        *ret_place = place;
        return 0;
}

bool output_place_same(const struct output_place *a, const struct output_place *b) {
        return !a->is_no_file && !b->is_no_file && a->device == b->device && a->inode == b->inode &&
               strcmp(a->name, b->name) == 0;
}
