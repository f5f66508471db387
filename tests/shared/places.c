/* SPDX-License-Identifier: MIT */
#include "places.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

/* By the calls of the system, and not of what is tested. */
static void forget_posix(const char *name) {
        static const char *const forms[] = { "/dev/shm/%s", "/dev/shm/%s.leat-lock", "/dev/shm/leat.%s",
                                             "/dev/shm/leat.%s.lock", "/dev/shm/sem.%s" };
        for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
                char path[200];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                snprintf(path, sizeof path, forms[i], name);
#pragma GCC diagnostic pop
                (void)unlink(path);
        }
}

static void forget_sysv(const char *text) {
        key_t key = (key_t)strtoul(text, NULL, 16);
        int segment = shmget(key, 0, 0), set = semget(key, 0, 0);
        char path[200];
        if (segment >= 0)
                (void)shmctl(segment, IPC_RMID, NULL);
        if (set >= 0)
                (void)semctl(set, 0, IPC_RMID);
        snprintf(path, sizeof path, "/dev/shm/leat.sysv-%s.lock", text);
        (void)unlink(path);
        snprintf(path, sizeof path, "/dev/shm/leat.sysv-sem-%s.lock", text);
        (void)unlink(path);
}

struct rest place_rest(const char *scheme) {
        static int count;
        struct rest rest = { "" };
        int number = ++count & 63;
        if (strncmp(scheme, "sysv-", 5) == 0) {
                snprintf(rest.text, sizeof rest.text, "0x%x", 0x50000000U | (unsigned)getpid() << 6 | (unsigned)number);
                forget_sysv(rest.text); /* of a process that had the number before, and was killed with its harness */
                harness_remove_later(forget_sysv, rest.text);
        } else if (strcmp(scheme, "map") == 0) {
                snprintf(rest.text, sizeof rest.text, "%s/m%d", harness_tmpdir(), number);
        } else if (strcmp(scheme, "anon") != 0) {
                snprintf(rest.text, sizeof rest.text, "/t%d-%d", (int)getpid(), number);
                forget_posix(rest.text + 1);
                harness_remove_later(forget_posix, rest.text + 1);
        }
        return rest;
}

struct rest place_address(const char *scheme, const char *options) {
        struct rest address, rest = place_rest(scheme);
        CHECK(snprintf(address.text, sizeof address.text, "%s:%s%s", scheme, rest.text, options) <
              (int)sizeof address.text);
        return address;
}

struct memory_place place_or_fail(const char *scheme, const char *rest) {
        struct memory_place place = MEMORY_PLACE_NONE;
        struct leat_reason reason = { 0 };
        int r = memory_place_new(scheme, rest, &reason, &place);
        if (r < 0)
                FAIL("%s:%s: %d, %s", scheme, rest, r, reason.text ? reason.text : "");
        return place;
}

void *place_reserve(size_t size) {
        void *at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        CHECK(at != MAP_FAILED);
        return at;
}

const char *place_mount(const char *kind, const char *options) {
        static char path[200];
        snprintf(path, sizeof path, "%s/mounted", harness_tmpdir());
        CHECK(mkdir(path, 0777) == 0);
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("none", path, kind, 0, options) < 0)
                SKIP("no file system may be mounted here: %s", strerror(errno));
        return path;
}

void place_set_sysctl(const char *path, const char *value) {
        if (unshare(CLONE_NEWIPC) < 0)
                SKIP("no name space of its own: %s", strerror(errno));
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : write(fd, value, strlen(value));
        if (fd >= 0)
                close(fd);
        if (n < 0)
                SKIP("limits cannot be set here: %s: %s", path, strerror(errno));
}
