/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "memory/limits.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* A machine and cgroups of files: /proc/self/cgroup, /proc/meminfo and a tree of groups in the test's directory. */
static char membership[300], machine[300], groups[300];
static const struct memory_paths paths = { membership, groups, machine };

static void write_file(const char *path, const char *text) {
        FILE *file = fopen(path, "we");
        CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* `name`: below the groups; the directories that lead there are made. */
static void write_group(const char *name, const char *text) {
        char path[600];
        size_t begin = strlen(groups);
        (void)snprintf(path, sizeof(path), "%s/%s", groups, name);
        for (char *slash = path + begin; (slash = strchr(slash, '/')); slash++) {
                *slash = '\0';
                CHECK(mkdir(path, 0700) == 0 || errno == EEXIST);
                *slash = '/';
        }
        write_file(path, text);
}

static void begin(const char *member) {
        const char *directory = harness_tmpdir();
        (void)snprintf(membership, sizeof(membership), "%s/cgroup", directory);
        (void)snprintf(machine, sizeof(machine), "%s/meminfo", directory);
        (void)snprintf(groups, sizeof(groups), "%s/groups", directory);
        CHECK_EQ(mkdir(groups, 0700), 0);
        write_file(membership, member);
        write_file(machine,
                   "MemTotal:       1000 kB\nMemFree:        10 kB\nMemAvailable:     600 kB\nSwapFree:  0 kB\n"
                   "HugePages_Free:    7\nHugepagesize:  2048 kB\n");
}

static const struct memory_limit *find(const struct memory_limits *limits, const char *name, const char *where) {
        for (size_t i = 0; i < limits->count; i++)
                if (strcmp(limits->all[i].name, name) == 0 && strcmp(limits->all[i].where, where) == 0)
                        return &limits->all[i];
        FAIL("there is no limit %s of %s", name, where);
        return NULL;
}

TEST(the_machine_limits_where_no_group_does) {
        struct memory_limits limits;
        begin("0::/\n");
        memory_limits_read(&paths, &limits);
        CHECK_EQ(limits.count, 1);
        const struct memory_limit *by = find(&limits, "MemAvailable", "");
        CHECK_EQ(by->limit, 1000 << 10);
        CHECK_EQ(by->used, 400 << 10);
        CHECK(memory_refuses(&limits, 600 << 10) == NULL);
        CHECK(memory_refuses(&limits, (600 << 10) + 1) == by);
        CHECK_EQ(memory_machine(&paths, "HugePages_Free"), 7);
        CHECK_EQ(memory_machine(&paths, "Hugepages"), 0);
}

TEST(each_group_above_limits_too) {
        struct memory_limits limits;
        begin("0::/outer/inner\n");
        write_group("outer/memory.max", "300000\n");
        write_group("outer/memory.current", "100000\n");
        write_group("outer/inner/memory.max", "max\n");
        write_group("outer/inner/memory.high", "50000\n");
        write_group("outer/inner/memory.current", "20000\n");
        memory_limits_read(&paths, &limits);
        CHECK_EQ(limits.count, 3);
        const struct memory_limit *by = find(&limits, "memory.max", "/outer");
        CHECK_EQ(memory_left(&limits, by), 200000);
        CHECK(memory_refuses(&limits, 200000) == NULL);
        CHECK(memory_refuses(&limits, 200001) == by);
        /* Who passes this one is slowed down, and not killed. */
        CHECK_EQ(memory_left(&limits, find(&limits, "memory.high", "/outer/inner")), 30000);
}

TEST(files_in_memory_give_way) {
        struct memory_limits limits;
        begin("0::/a\n");
        write_group("a/memory.max", "100000\n");
        write_group("a/memory.current", "100000\n");
        write_group("a/memory.stat", "anon 20000\nfile 70000\nshmem 10000\ninactive_file 50000\nactive_file 20000\n");
        memory_limits_read(&paths, &limits);
        CHECK_EQ(memory_left(&limits, find(&limits, "memory.max", "/a")), 70000);
}

TEST(what_may_be_swapped_out_is_room) {
        struct memory_limits limits;
        begin("0::/a\n");
        write_file(machine, "MemTotal: 1000 kB\nMemAvailable: 600 kB\nSwapFree: 100 kB\n");
        write_group("a/memory.max", "100000\n");
        write_group("a/memory.current", "90000\n");
        memory_limits_read(&paths, &limits);
        CHECK_EQ(limits.swap_bytes, 100 << 10);
        CHECK_EQ(memory_left(&limits, find(&limits, "memory.max", "/a")), 10000 + (100 << 10));
        write_group("a/memory.swap.max", "7000\n");
        write_group("a/memory.swap.current", "5000\n");
        memory_limits_read(&paths, &limits);
        CHECK_EQ(memory_left(&limits, find(&limits, "memory.max", "/a")), 12000);
}

TEST(version_1_is_read_too) {
        struct memory_limits limits;
        begin("9:name=systemd:/x\n4:cpu,memory:/outer/inner\n0::/\n");
        write_group("memory/memory.limit_in_bytes", "9223372036854771712\n");
        write_group("memory/outer/memory.limit_in_bytes", "300000\n");
        write_group("memory/outer/memory.usage_in_bytes", "250000\n");
        write_group("memory/outer/memory.stat", "cache 9\ntotal_inactive_file 30000\ntotal_active_file 20000\n");
        write_group("memory/outer/inner/memory.limit_in_bytes", "9223372036854771712\n");
        memory_limits_read(&paths, &limits);
        CHECK_EQ(limits.count, 2);
        CHECK_EQ(memory_left(&limits, find(&limits, "memory.limit_in_bytes", "/outer")), 100000);
}

/* In a container the path may be that of the host. */
TEST(what_is_not_there_is_left_out) {
        struct memory_limits limits;
        begin("0::/../../elsewhere\n4:memory:/docker/0123\nnonsense\n");
        write_group("memory.max", "5000\n");
        write_group("memory/memory.limit_in_bytes", "6000\n");
        memory_limits_read(&paths, &limits);
        CHECK_EQ(limits.count, 3);
        CHECK_EQ(find(&limits, "memory.max", "/")->limit, 5000);
        CHECK_EQ(find(&limits, "memory.limit_in_bytes", "/")->limit, 6000);
        CHECK_EQ(remove(membership), 0);
        CHECK_EQ(remove(machine), 0);
        memory_limits_read(&paths, &limits);
        CHECK_EQ(limits.count, 0);
        CHECK(memory_refuses(&limits, UINT64_MAX) == NULL);
}

TEST(a_long_name_is_told_by_its_end) {
        struct memory_limits limits;
        char name[400], member[420], file[420];
        memset(name, 'n', sizeof(name));
        (void)snprintf(name + 200, sizeof(name) - 200, "/last");
        (void)snprintf(member, sizeof(member), "0::/%s\n", name);
        begin(member);
        (void)snprintf(file, sizeof(file), "%s/memory.max", name);
        write_group(file, "1\n");
        memory_limits_read(&paths, &limits);
        CHECK_EQ(limits.count, 2);
        CHECK_EQ(strlen(limits.all[0].where), sizeof(limits.all[0].where) - 1);
        CHECK_STR(limits.all[0].where + strlen(limits.all[0].where) - 5, "/last");
}

TEST_MAIN()
