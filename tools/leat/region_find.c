/* SPDX-License-Identifier: MIT */
#include "tools/leat/region_find.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHM "/dev/shm"

const char *const found_kinds[FOUND_KINDS] = {
        [FOUND_REGION] = "region",
        [FOUND_FOREIGN] = "segment",
        [FOUND_LOCK_FILE] = "lock-file",
        [FOUND_SEMAPHORE] = "semaphore",
};

/* ---- the list ---- */

void found_free(struct found_list *list) {
        free(list->all);
        *list = (struct found_list){ 0 };
}

/* The one of this address, made if need be; NULL: no memory. */
static struct found_region *find(struct found_list *list, const char *address, enum found_kind kind) {
        for (size_t i = 0; i < list->count; i++)
                if (strcmp(list->all[i].address, address) == 0)
                        return &list->all[i];
        if (list->count == list->room) {
                size_t room = list->room ? 2 * list->room : 32;
                struct found_region *all = realloc(list->all, room * sizeof(*all));
                if (!all)
                        return NULL;
                list->all = all;
                list->room = room;
        }
        struct found_region *one = &list->all[list->count++];
        *one = (struct found_region){ .kind = kind, .participants = -1, .dead = -1 };
        snprintf(one->address, sizeof(one->address), "%s", address);
        return one;
}

static int add(struct found_list *list, enum found_kind kind, const char *address, const char *evidence) {
        struct found_region *one = find(list, address, kind);
        if (one && evidence)
                snprintf(one->evidence, sizeof(one->evidence), SHM "/%s", evidence);
        return one ? 0 : -ENOMEM;
}

/* ---- /dev/shm ---- */

/* What stands between two ends of a name, as an address; false: it has not these ends. */
static bool between(const char *name, const char *begins, const char *ends, const char *scheme, char address[320]) {
        size_t length = strlen(name), first = strlen(begins), last = strlen(ends);
        if (length <= first + last || strncmp(name, begins, first) != 0 || strcmp(name + length - last, ends) != 0)
                return false;
        snprintf(address, 320, "%s%.*s", scheme, (int)(length - first - last), name + first);
        return true;
}

/* The first row that fits is taken. */
static const struct {
        const char *begins, *ends, *scheme;
        enum found_kind kind;
        bool is_lock, left_out;
} names[] = {
        { "leat.sysv-sem-", ".lock", "", FOUND_SEMAPHORE, true, true }, /* there while a semaphore is made */
        { "leat.sysv-", ".lock", "sysv-shm:", FOUND_REGION, true, false },
        { "leat.", ".lock", "region:/", FOUND_REGION, true, false },
        { "", ".leat-lock", "posix-shm:/", FOUND_REGION, true, false },
        { "leat.", "", "region:/", FOUND_REGION, false, false },
        { "sem.", "", "posix-sem:/", FOUND_SEMAPHORE, false, false },
};

static int add_name(struct found_list *list, const char *name) {
        char address[320];
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (between(name, names[i].begins, names[i].ends, names[i].scheme, address))
                        return names[i].left_out ? 0
                                                 : add(list, names[i].kind, address, names[i].is_lock ? name : NULL);
        return 0;
}

static void close_directory(DIR **directory) {
        if (*directory)
                (void)closedir(*directory);
}

static int add_names(struct found_list *list) {
        CLEANUP(close_directory) DIR *directory = opendir(SHM);
        const struct dirent *entry;
        int r = 0;
        while (r == 0 && directory && (entry = readdir(directory)))
                r = add_name(list, entry->d_name);
        return r;
}

/* ---- System V ---- */

static void close_stream(FILE **stream) {
        if (*stream)
                (void)fclose(*stream);
}

/* The first numbers of a line. false: it has not so many. */
static bool numbers_of(const char *line, int64_t *ret_numbers, size_t count) {
        char *end;
        for (size_t i = 0; i < count; i++, line = end) {
                ret_numbers[i] = strtoll(line, &end, 10);
                if (end == line)
                        return false;
        }
        return true;
}

/* Columns of /proc/sysvipc/shm and /proc/sysvipc/sem. */
enum { KEY, ID, PERMISSIONS, SIZE, MAKER, LAST, ATTACHED, SEGMENT_UID, SEGMENT_COLUMNS };
enum { SETS_UID = 4, SET_COLUMNS };

static int add_segment(struct found_list *list, const char *line) {
        int64_t columns[SEGMENT_COLUMNS];
        char address[40];
        if (!numbers_of(line, columns, SEGMENT_COLUMNS))
                return 0;
        if (columns[KEY] != 0)
                snprintf(address, sizeof(address), "sysv-shm:0x%" PRIx32, (uint32_t)columns[KEY]);
        else
                snprintf(address, sizeof(address), "shmid %" PRId64, columns[ID]);
        struct found_region *one = find(list, address, FOUND_FOREIGN);
        if (!one)
                return -ENOMEM;
        one->nameless = columns[KEY] == 0;
        one->id = (int)columns[ID];
        one->size_bytes = (uint64_t)columns[SIZE];
        one->participants = columns[ATTACHED];
        one->uid = (uid_t)columns[SEGMENT_UID];
        one->stale = columns[ATTACHED] == 0;
        return 0;
}

static int add_set(struct found_list *list, const char *line) {
        int64_t columns[SET_COLUMNS];
        char address[40];
        if (!numbers_of(line, columns, SET_COLUMNS) || columns[KEY] == 0)
                return 0;
        snprintf(address, sizeof(address), "sysv-sem:0x%" PRIx32, (uint32_t)columns[KEY]);
        struct found_region *one = find(list, address, FOUND_SEMAPHORE);
        if (one)
                one->uid = (uid_t)columns[SETS_UID];
        return one ? 0 : -ENOMEM;
}

static int add_lines(struct found_list *list, const char *path,
                     int (*add_line)(struct found_list *list, const char *line)) {
        CLEANUP(close_stream) FILE *stream = fopen(path, "re");
        char line[512];
        int r = 0;
        while (r == 0 && stream && fgets(line, sizeof(line), stream))
                r = add_line(list, line); /* the heading is no line of numbers */
        return r;
}

static int compare(const void *a, const void *b) {
        const struct found_region *x = a, *y = b;
        return x->kind != y->kind ? (x->kind > y->kind ? 1 : -1) : strcmp(x->address, y->address);
}

int found_all(struct found_list *ret_list) {
        struct found_list list = { 0 };
        int r = add_names(&list);
        if (r == 0)
                r = add_lines(&list, "/proc/sysvipc/shm", add_segment);
        if (r == 0)
                r = add_lines(&list, "/proc/sysvipc/sem", add_set);
        if (r < 0) {
                found_free(&list);
                return r;
        }
        for (size_t i = 0; i < list.count; i++)
                found_look(&list.all[i]);
        if (list.count > 0)
                qsort(list.all, list.count, sizeof(*list.all), compare);
        *ret_list = list;
        return 0;
}
