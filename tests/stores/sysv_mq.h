/* SPDX-License-Identifier: MIT */
#ifndef STORES_SYSV_MQ_H
#define STORES_SYSV_MQ_H

/* What the tests of System V queues share: one key, the other end as any program has it, and short ways to expect. */

#include "ends.h"

#include <leat.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#define SOON harness_deadline_ms(40000)
#define KEY 0x1ea71ea7
#define ADDRESS "sysv-mq:0x1ea71ea7"

struct foreign {
        long type;
        char bytes[9000];
};

/* A name space of its own goes with the test, whatever becomes of it; where that is not allowed, what others left is
 * removed first. */
void sysv_alone(void);
void sysv_forget(void);

struct leat_channel *sysv_open(const char *address, unsigned flags);
int sysv_try_open(const char *address, unsigned flags, struct leat_reason *ret_reason);

/* With plain msgget, msgctl and msgsnd. */
int sysv_queue(key_t key);
struct msqid_ds sysv_status(key_t key);
void sysv_send_foreign(long type, const char *bytes, size_t size);

/* The POSIX queue beside it, for ?end and ?temporary. */
const char *sysv_companion(int queue);
bool sysv_has_companion(int queue);

void sysv_expect(struct leat_channel *receiver, int64_t select, int64_t deadline, int64_t type, const char *text);
int sysv_receive_now(struct leat_channel *receiver, int64_t select);
void sysv_check_why(struct leat_channel *channel, enum leat_row row, int error);
bool sysv_readable(int fd, int timeout_ms);

#endif
