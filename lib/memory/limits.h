/* SPDX-License-Identifier: MIT */
#ifndef LEAT_MEMORY_LIMITS_H
#define LEAT_MEMORY_LIMITS_H

/*
 * How much memory this process may still take, before the kernel ends a process instead of refusing (docs/design/shm.md, "Budget"): the
 * memory cgroups that it is in, of version 2 and of version 1, and what the machine has.
 */

#include <leat/error.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_LIMITS_MOST 32
#define MEMORY_UNLIMITED UINT64_MAX

struct memory_limit {
        const char *name; /* "memory.max", "MemAvailable", ... */
        char where[160];  /* the cgroup, from its root; its end, where it is longer; "": none */
        uint64_t limit, used;
        int kills; /* who passes it may be killed; else it is slowed down */
};

struct memory_limits {
        struct memory_limit all[MEMORY_LIMITS_MOST];
        size_t count;
        uint64_t swap_bytes; /* what may still be swapped out: so much more than is left there is room for */
};

/* Where to read: tests have files of their own. */
struct memory_paths {
        const char *membership; /* /proc/self/cgroup */
        const char *cgroups;    /* /sys/fs/cgroup */
        const char *machine;    /* /proc/meminfo */
};
extern const struct memory_paths memory_paths_system;

/* What cannot be read limits nothing. */
void memory_limits_read(const struct memory_paths *paths, struct memory_limits *ret_limits);

/* What is left under a limit, with what may be swapped out. */
uint64_t memory_left(const struct memory_limits *limits, const struct memory_limit *limit);

/* The limit that refuses so many bytes more; NULL: there is room for them. */
const struct memory_limit *memory_refuses(const struct memory_limits *limits, uint64_t bytes);

/* Does RLIMIT_AS leave so many bytes of addresses? 0 or -ENOMEM. */
int memory_fits_addresses(uint64_t bytes);

/* A mapping or memory for so many bytes was refused (-ENOMEM): by which limit? It is said with its value, or nothing is. -ENOMEM. */
int memory_explain(uint64_t bytes, const char *text, struct leat_reason *reason);

/* A number of /proc/meminfo, in its unit ("HugePages_Free", "Hugepagesize": kB); 0 where there is none. */
uint64_t memory_machine(const struct memory_paths *paths, const char *key);

#endif
