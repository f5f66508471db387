/* SPDX-License-Identifier: MIT */
#include "semaphores.h"

#include <stdlib.h>
#include <sys/sem.h>

const char *const sem_schemes[2] = { "sysv-sem", "posix-sem" };

bool is_sysv(const char *address) {
        return strncmp(address, "sysv", 4) == 0;
}

static struct rest with(struct rest address, const char *options) {
        CHECK(strlen(address.text) + strlen(options) < sizeof address.text);
        strcat(address.text, options);
        return address;
}

struct leat_sem *open_sem(struct rest address, const char *options, uint32_t count) {
        struct leat_reason reason = { 0 };
        struct leat_sem *sem = NULL;
        int r = leat_sem_open(with(address, options).text, count, SOON, &reason, &sem);
        if (r < 0)
                FAIL("%s%s: %d, %s", address.text, options, r, reason.text ? reason.text : "");
        return sem;
}

int try_sem(struct rest address, const char *options, uint32_t count, int64_t deadline, struct leat_reason *reason) {
        struct leat_sem *sem = NULL;
        *reason = (struct leat_reason){ 0 };
        int r = leat_sem_open(with(address, options).text, count, deadline, reason, &sem);
        CHECK(!sem == (r < 0));
        leat_sem_close(sem);
        return r;
}

key_t key_of(struct rest address) {
        return (key_t)strtoul(strchr(address.text, ':') + 1, NULL, 16);
}

int plain_set(struct rest address, int count) {
        int set = semget(key_of(address), count, IPC_CREAT | IPC_EXCL | 0600);
        CHECK(set >= 0);
        return set;
}

void plain_value(int set, int index, int value) {
        CHECK_EQ(semctl(set, index, SETVAL, value), 0);
}

int plain_add(int set, short what) {
        return semop(set, &(struct sembuf){ .sem_op = what }, 1);
}
