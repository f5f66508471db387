/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_SYSV_MQ_H
#define LEAT_TRANSPORT_SYSV_MQ_H

/* System V message queues, between the files of the transport. docs/design/sysv-mq.md is the argument. */

#include "channel/channel.h"
#include "transport/sysv_mq_parties.h"
#include "transport/sysv_mq_probe.h"

#include <sys/ipc.h>
#include <sys/msg.h>

#ifndef MSG_COPY
#define MSG_COPY 040000 /* Linux 3.8; musl does not have it */
#endif

/* A message as msgsnd and msgrcv want it, in memory that grows. */
struct entry_space {
        struct entry_bytes {
                long type;
                uint8_t bytes[];
        } * message;
        size_t size; /* of bytes */
};

struct sysv_mq {
        int queue;
        enum framing framing;
        size_t largest_entry; /* of the system, when it was opened */
        struct parties parties;
        struct entry_space space;
        struct kept_list held;  /* what was taken out of the queue and not handed out (invariant 2) */
        struct probe probe;     /* of a receiver */
        bool polled;            /* leat_fd was asked for */
        struct selection asked; /* by the receive that found nothing */
        int64_t pause_ns;       /* of a sender: until it looks again; 0: the queue was not full */
};

extern const struct operations sysv_mq_operations;

/* ---- names ---- */

/* The key of an address. -EINVAL with the column; what stat(2) says of the file of ftok(3). */
int sysv_mq_key(const struct address *address, struct leat_reason *reason, key_t *ret_key);

/* Is the text that of a key? Does not look for the file. */
int sysv_mq_check(const struct address *address, struct leat_reason *reason);

/* ---- queues ---- */

/* Limits of the system (msgctl(2), IPC_INFO): of this name space, also where there is no /proc. */
struct sysv_mq_limits {
        size_t largest_bytes; /* kernel.msgmax */
        size_t queue_bytes;   /* kernel.msgmnb */
};
struct sysv_mq_limits sysv_mq_limits(void);

/* Find a queue that may be used so (S_IRUSR, S_IWUSR), or make it with the mode, cut by the umask. */
int sysv_mq_find(key_t key, mode_t access, struct leat_reason *reason);
int sysv_mq_make(key_t key, mode_t mode, struct leat_reason *reason);

/* Change the bytes that it holds. */
int sysv_mq_set_capacity(int queue, uint64_t bytes, struct leat_reason *reason);

/* Say what is known. 0 or a negative errno. */
int sysv_mq_describe(int queue, enum framing framing, struct leat_info *info);

/* The largest message that it carries now, in bytes of the caller's. */
uint64_t sysv_mq_largest(const struct msqid_ds *status, enum framing framing);

/* What is in an entry: as entry_look, with the entry's own type for a foreign one. */
struct entry;
int sysv_mq_look(enum framing framing, const struct entry_bytes *message, size_t size, struct entry *ret_entry);

/* At least so many bytes; 0 or -ENOMEM. */
int sysv_mq_grow(struct entry_space *space, size_t size);

/* Copy the n-th that waits (MSG_COPY), whole. Its size; -ENOMSG: there are not so many; -ENOSYS: an old kernel. */
ssize_t sysv_mq_copy(int queue, size_t n, struct entry_space *space);

int sysv_mq_inspect(const struct address *address, struct leat_reason *reason, struct leat_info *info);
int sysv_mq_create(const struct address *address, mode_t mode, bool new_only, struct leat_reason *reason);
int sysv_mq_set(const struct address *address, const char *property, const char *value, struct leat_reason *reason);
int sysv_mq_remove(const struct address *address, struct leat_reason *reason);
ssize_t sysv_mq_peek(const struct address *address, size_t n, void *buffer, size_t size_bytes,
                     struct leat_reason *reason, struct leat_message *ret_about);

#endif
