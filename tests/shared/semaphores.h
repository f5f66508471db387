/* SPDX-License-Identifier: MIT */
#ifndef SHARED_SEMAPHORES_H
#define SHARED_SEMAPHORES_H

/* What the tests of the system's semaphores share: short ways to open them, and System V's as any program has them. */

#include "places.h"

extern const char *const sem_schemes[2];
#define EACH(scheme)                                                                                                   \
        for (size_t i_ = 0; i_ < 2; i_++)                                                                              \
                for (const char *scheme = sem_schemes[i_]; scheme; scheme = NULL)

bool is_sysv(const char *address);

/* With these options, or the test fails. */
struct leat_sem *open_sem(struct rest address, const char *options, uint32_t count);
int try_sem(struct rest address, const char *options, uint32_t count, int64_t deadline, struct leat_reason *reason);

/* semget(2), semctl(2), semop(2) */
key_t key_of(struct rest address);
int plain_set(struct rest address, int count);
void plain_value(int set, int index, int value);
int plain_add(int set, short what);

#endif
