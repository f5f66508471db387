/* SPDX-License-Identifier: MIT */
#include "transport/log_retain.h"

#include "base/cleanup.h"

#include <stdlib.h>

#define EMPTIED_MOST 65536 /* bytes that PATH holds when it is empty: those of a block, and what came too late */
#define LOOKS_IN_AN_AGE 16 /* so a file stays at most a sixteenth longer, while anything is sent */

struct files {
        struct file {
                uint64_t number, bytes;
                int64_t changed_ns;
        } * all;
        size_t count, capacity;
        bool failed;
};

static void add(struct files *files, uint64_t number, const struct stat *status) {
        if (files->count == files->capacity) {
                size_t capacity = files->capacity ? 2 * files->capacity : 16;
                struct file *all = reallocarray(files->all, capacity, sizeof(*all));
                if (!all) {
                        files->failed = true;
                        return;
                }
                files->all = all;
                files->capacity = capacity;
        }
        files->all[files->count++] = (struct file){
                .number = number,
                .bytes = (uint64_t)status->st_size,
                .changed_ns = (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec,
        };
}

static void add_found(const struct log_found *found, void *argument) {
        add(argument, found->number, &found->status);
}

static int newest_first(const void *a, const void *b) {
        const struct file *one = a, *other = b;
        return one->number < other->number ? 1 : one->number > other->number ? -1 : 0;
}

/* All, PATH too unless it is empty, with the current one in front. */
static bool list(const struct log *log, struct files *files) {
        struct stat status;
        uint64_t oldest;
        if (log_oldest(log, 1, &oldest) < 0 || log_each_file(log, add_found, files) < 0)
                return false;
        /* Who was emptying it may have been killed before its blocks went. */
        if (fstat(log->anchor, &status) == 0 && (oldest == 1 || status.st_blocks * 512 > EMPTIED_MOST))
                add(files, 1, &status);
        if (files->failed || files->count < 2)
                return false;
        qsort(files->all, files->count, sizeof(*files->all), newest_first);
        return true;
}

/* How many of them stay: the current one, and as many as the limits allow. */
static size_t count_kept(const struct files *files, const struct log_retention *retention, int64_t now_ns) {
        uint64_t bytes = 0;
        for (size_t i = 1; i < files->count; i++) {
                const struct file *file = &files->all[i];
                uint64_t age_ns = now_ns > file->changed_ns ? (uint64_t)(now_ns - file->changed_ns) : 0;
                bytes += file->bytes;
                if (i > retention->files || bytes > retention->bytes || age_ns > retention->age_ns)
                        return i;
        }
        return files->count;
}

static int remove_file(const struct log *log, uint64_t number) {
        char name[NAME_MAX + 1];
        if (number == 1)
                return log_file_empty(log);
        if (!log_file_name(&log->place, number, name, sizeof(name)))
                return -ENAMETOOLONG;
        return unlinkat(log->place.directory, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

void log_retain(const struct log *log, struct log_retention *retention, int64_t now_ns) {
        struct files files = { 0 };
        if ((retention->bytes & retention->files & retention->age_ns) == UINT64_MAX)
                return;
        retention->looked_ns = now_ns;
        if (list(log, &files)) {
                size_t kept = count_kept(&files, retention, now_ns);
                /* The oldest first, so that a kill leaves no gap. */
                for (size_t i = files.count; i > kept && remove_file(log, files.all[i - 1].number) == 0; i--)
                        ;
        }
        free(files.all);
}

bool log_retain_due(const struct log_retention *retention, int64_t now_ns) {
        if (retention->age_ns == UINT64_MAX)
                return false;
        if (now_ns < retention->looked_ns) /* the clock was set back */
                return true;
        return (uint64_t)(now_ns - retention->looked_ns) > retention->age_ns / LOOKS_IN_AN_AGE;
}
