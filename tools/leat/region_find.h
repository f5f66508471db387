/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_REGION_FIND_H
#define LEAT_TOOL_REGION_FIND_H

/*
 * What shared memory and semaphores this machine has: the objects in /dev/shm that have a lock file of a region or the name of one, and what /proc/sysvipc tells. Regions in
 * files (map:) are listed nowhere, and those without a name (anon:) have none.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum found_kind {
        FOUND_REGION,
        FOUND_FOREIGN,   /* a System V segment that is no region */
        FOUND_LOCK_FILE, /* whose region is gone */
        FOUND_SEMAPHORE,
        FOUND_KINDS
};
extern const char *const found_kinds[FOUND_KINDS];

struct found_region {
        enum found_kind kind;
        char address[320];  /* what names it; of a private System V segment "shmid 5" */
        char evidence[320]; /* its lock file; "": none */
        char layout[64];    /* its name; "": none, or it is not known */
        char state[128];    /* for people: "in use", "stale", why it cannot be looked at */
        uint64_t size_bytes;
        int64_t participants, dead; /* -1: not known; of a foreign segment how many processes have it attached */
        uid_t uid;
        bool stale;    /* no living process holds it */
        bool nameless; /* no address names it */
        int id;        /* of a System V segment */
        int error;     /* why it cannot be looked at; 0: it can */
};

struct found_list {
        struct found_region *all;
        size_t count, room;
};

/* All of them, by address. 0 or -ENOMEM. */
int found_all(struct found_list *ret_list);
void found_free(struct found_list *list);

/* Look at one whose address, kind and evidence are known. (region_look.c) */
void found_look(struct found_region *found);

#endif
