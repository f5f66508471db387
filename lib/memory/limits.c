/* SPDX-License-Identifier: MIT */
#include "memory/limits.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define KB UINT64_C(1024)
#define MAPPINGS 24           /* both ends of a pair need fewer at once */
#define NONE (UINT64_MAX / 4) /* a limit above this, of version 1, is none */

const struct memory_paths memory_paths_system = { "/proc/self/cgroup", "/sys/fs/cgroup", "/proc/meminfo" };

/* Names of files in the two versions. */
struct version {
        const char *at; /* below paths->cgroups */
        const char *limit, *used, *slow;
        const char *reclaimable[2]; /* in memory.stat: of files, which give way */
        const char *swap_limit, *swap_used;
};
static const struct version version_2 = { "",
                                          "memory.max",
                                          "memory.current",
                                          "memory.high",
                                          { "inactive_file", "active_file" },
                                          "memory.swap.max",
                                          "memory.swap.current" };
static const struct version version_1 = { "/memory",
                                          "memory.limit_in_bytes",
                                          "memory.usage_in_bytes",
                                          NULL,
                                          { "total_inactive_file", "total_active_file" },
                                          NULL,
                                          NULL };

/* ---- files ---- */

/* All of a small file, as a text. false: it cannot be read. */
static bool read_file(const char *path, char *ret_text, size_t size) {
        size_t at = 0;
        ssize_t n = 1;
        CLOSE_AT_EXIT int fd = open(path, O_RDONLY | O_CLOEXEC);
        while (fd >= 0 && n > 0 && at < size - 1) {
                n = read(fd, ret_text + at, size - 1 - at);
                at += n > 0 ? (size_t)n : 0;
        }
        ret_text[at] = '\0';
        return fd >= 0 && n >= 0;
}

/* The number behind a key at the beginning of a line. */
static uint64_t number_of(const char *text, const char *key) {
        size_t length = strlen(key);
        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                const char *behind = strncmp(line, key, length) == 0 ? line + length : "";
                if (*behind == ' ' || *behind == ':' || *behind == '\t')
                        return strtoull(behind + 1, NULL, 10);
        }
        return 0;
}

/* The number in a file of a cgroup; MEMORY_UNLIMITED: "max", or there is none. */
static uint64_t read_number(const char *group, const char *name) {
        char path[PATH_MAX], text[64] = "";
        if (!name || snprintf(path, sizeof(path), "%s/%s", group, name) >= (int)sizeof(path) ||
            !read_file(path, text, sizeof(text)) || text[0] < '0' || text[0] > '9')
                return MEMORY_UNLIMITED;
        uint64_t number = strtoull(text, NULL, 10);
        return number > NONE ? MEMORY_UNLIMITED : number;
}

uint64_t memory_machine(const struct memory_paths *paths, const char *key) {
        char text[8192] = "";
        return read_file(paths->machine, text, sizeof(text)) ? number_of(text, key) : 0;
}

/* ---- cgroups ---- */

static void add(struct memory_limits *limits, const char *name, const char *where, uint64_t limit, uint64_t used,
                bool kills) {
        if (limit == MEMORY_UNLIMITED || limits->count == MEMORY_LIMITS_MOST)
                return;
        struct memory_limit *added = &limits->all[limits->count++];
        *added = (struct memory_limit){ .name = name, .limit = limit, .used = used, .kills = kills };
        size_t length = strlen(where), room = sizeof(added->where) - 1;
        (void)snprintf(added->where, sizeof(added->where), "%s", length > room ? where + (length - room) : where);
}

/* What a cgroup uses, without what it gives back when it is asked to: files that are in memory only to be read again. */
static uint64_t used_by(const char *group, const struct version *version) {
        char path[PATH_MAX], text[8192] = "";
        uint64_t used = read_number(group, version->used), gives = 0;
        if (used == MEMORY_UNLIMITED)
                return 0;
        if (snprintf(path, sizeof(path), "%s/memory.stat", group) < (int)sizeof(path) &&
            read_file(path, text, sizeof(text)))
                for (int i = 0; i < 2; i++)
                        gives += number_of(text, version->reclaimable[i]);
        return used > gives ? used - gives : 0;
}

/* The least of all: what is swapped out counts in each group. */
static void bound_swap(struct memory_limits *limits, const char *group, const struct version *version) {
        uint64_t most = read_number(group, version->swap_limit), used = read_number(group, version->swap_used);
        if (most == MEMORY_UNLIMITED || used == MEMORY_UNLIMITED)
                return;
        uint64_t left = most > used ? most - used : 0;
        if (left < limits->swap_bytes)
                limits->swap_bytes = left;
}

/* One group and all above it, up to the root that can be seen here. In a container the path may be one of the host: what of it is not there is
 * left out. */
static void walk(const struct memory_paths *paths, const struct version *version, const char *where,
                 struct memory_limits *limits) {
        char group[PATH_MAX];
        int root = snprintf(group, sizeof(group), "%s%s", paths->cgroups, version->at);
        if (root + (int)strlen(where) >= (int)sizeof(group) || strstr(where, "/.."))
                where = "";
        (void)snprintf(group + root, sizeof(group) - (size_t)root, "%s", where);
        while (true) {
                const char *below = group[root] ? group + root : "/";
                uint64_t used = used_by(group, version);
                add(limits, version->limit, below, read_number(group, version->limit), used, true);
                add(limits, version->slow, below, read_number(group, version->slow), used, false);
                bound_swap(limits, group, version);
                char *slash = strrchr(group + root, '/');
                if (!slash)
                        break;
                *slash = '\0';
        }
}

/* A line of /proc/self/cgroup is "0::/path" of version 2, and "4:memory:/path" of version 1. */
static void walk_line(const struct memory_paths *paths, char *line, struct memory_limits *limits) {
        char *names = strchr(line, ':'), *where = names ? strchr(names + 1, ':') : NULL;
        if (!where)
                return;
        *where++ = '\0';
        names++;
        const struct version *version = NULL;
        if (*names == '\0')
                version = &version_2;
        for (char *save = NULL, *name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save))
                if (strcmp(name, "memory") == 0)
                        version = &version_1;
        if (version)
                walk(paths, version, strcmp(where, "/") == 0 ? "" : where, limits);
}

void memory_limits_read(const struct memory_paths *paths, struct memory_limits *ret_limits) {
        char machine[8192] = "", text[8192] = "", *save = NULL;
        (void)read_file(paths->machine, machine, sizeof(machine)); /* "" then */
        ret_limits->count = 0;
        ret_limits->swap_bytes = number_of(machine, "SwapFree") * KB;
        if (read_file(paths->membership, text, sizeof(text)))
                for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                        walk_line(paths, line, ret_limits);
        uint64_t total = number_of(machine, "MemTotal") * KB, left = number_of(machine, "MemAvailable") * KB;
        if (total > 0 && left > 0)
                add(ret_limits, "MemAvailable", "", total, total > left ? total - left : 0, true);
}

uint64_t memory_left(const struct memory_limits *limits, const struct memory_limit *limit) {
        return (limit->limit > limit->used ? limit->limit - limit->used : 0) + limits->swap_bytes;
}

const struct memory_limit *memory_refuses(const struct memory_limits *limits, uint64_t bytes) {
        for (size_t i = 0; i < limits->count; i++)
                if (limits->all[i].kills && memory_left(limits, &limits->all[i]) < bytes)
                        return &limits->all[i];
        return NULL;
}

static bool limits_addresses(void) {
        struct rlimit limit;
        return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

/* Pages of which every second one may be read are a mapping each. To try takes less than to count, and no /proc. */
static bool lacks_mappings(void) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (MAPPINGS + 1) * page;
        uint8_t *at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        bool lacks = false;
        if (at == MAP_FAILED)
                return !limits_addresses();
        for (size_t i = 1; i < MAPPINGS && !lacks; i += 2)
                lacks = mprotect(at + i * page, page, PROT_READ) < 0;
        (void)munmap(at, size);
        return lacks;
}

int memory_fits_addresses(uint64_t bytes) {
        if (!limits_addresses())
                return 0;
        void *at = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED)
                return -ENOMEM;
        (void)munmap(at, bytes);
        return 0;
}

int memory_explain(uint64_t bytes, const char *text, struct leat_reason *reason) {
        struct memory_limits limits;
        if (lacks_mappings())
                return reason_limit(reason, -ENOMEM, "vm.max_map_count", text);
        memory_limits_read(&memory_paths_system, &limits);
        const struct memory_limit *by = memory_refuses(&limits, bytes);
        if (!by && limits_addresses())
                return reason_limit(reason, -ENOMEM, "RLIMIT_AS", text);
        if (!by || !reason)
                return -ENOMEM;
        (void)reason_set(reason, -ENOMEM, LEAT_ROW_LIMITS, text);
        reason->limit = by->name;
        reason->limit_value = (int64_t)by->limit;
        return -ENOMEM;
}
