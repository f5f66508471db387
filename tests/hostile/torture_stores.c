/* SPDX-License-Identifier: MIT */
/* The calls that stores make: on queues, named pipes and files. */
#include "torture.h"

#include <dirent.h>
#include <errno.h>
#include <mqueue.h>
#include <pthread.h>
#include <sys/msg.h>
#include <sys/stat.h>
#include <sys/types.h>

/* POSIX queues */
WRAP(mqd_t, mq_open, (const char *name, int flags, mode_t mode, struct mq_attr *attributes),
     (name, flags, mode, attributes))
WRAP(int, mq_getattr, (mqd_t queue, struct mq_attr *attributes), (queue, attributes))
WRAP(int, mq_send, (mqd_t queue, const char *bytes, size_t size, unsigned priority), (queue, bytes, size, priority))
WRAP(ssize_t, mq_receive, (mqd_t queue, char *bytes, size_t size, unsigned *priority), (queue, bytes, size, priority))
WRAP(int, mq_unlink, (const char *name), (name))

/* System V queues */
WRAP(key_t, ftok, (const char *path, int id), (path, id))
WRAP(int, msgget, (key_t key, int flags), (key, flags))
WRAP(int, msgsnd, (int id, const void *message, size_t size, int flags), (id, message, size, flags))
WRAP(ssize_t, msgrcv, (int id, void *message, size_t size, long type, int flags), (id, message, size, type, flags))
WRAP(int, timerfd_create, (int clock, int flags), (clock, flags))

int __real_msgctl(int id, int command, struct msqid_ds *status);
int __wrap_msgctl(int id, int command, struct msqid_ds *status);
int __wrap_msgctl(int id, int command, struct msqid_ds *status) {
        /* To look at a queue that is there fails for want of permission alone. */
        bool may_fail = command != IPC_STAT;
        return may_fail && torture_is_due(TORTURE_SYSTEM, "msgctl") ? -1 : __real_msgctl(id, command, status);
}

/* It says the error, errno does not. */
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                          void *argument) {
        return torture_is_due(TORTURE_SYSTEM, "pthread_create")
                       ? errno
                       : __real_pthread_create(thread, attributes, function, argument);
}

/* named pipes, and files */
WRAP(int, mkfifoat, (int directory, const char *path, mode_t mode), (directory, path, mode))
WRAP(int, fchmodat, (int directory, const char *path, mode_t mode, int flags), (directory, path, mode, flags))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, fdatasync, (int fd), (fd))
WRAP(long, syscall, (long number, long a, long b, long c, long d, long e, long f), (number, a, b, c, d, e, f))

DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd) {
        return torture_is_due(TORTURE_SYSTEM, "fdopendir") ? NULL : __real_fdopendir(fd);
}

ssize_t real_pread(int fd, void *bytes, size_t size, off_t offset) WIDE("__real_", pread);
ssize_t wrap_pread(int fd, void *bytes, size_t size, off_t offset) WIDE("__wrap_", pread);
ssize_t wrap_pread(int fd, void *bytes, size_t size, off_t offset) {
        return torture_is_due(TORTURE_SYSTEM, "pread") ? -1 : real_pread(fd, bytes, size, offset);
}

ssize_t real_pwrite(int fd, const void *bytes, size_t size, off_t offset) WIDE("__real_", pwrite);
ssize_t wrap_pwrite(int fd, const void *bytes, size_t size, off_t offset) WIDE("__wrap_", pwrite);
ssize_t wrap_pwrite(int fd, const void *bytes, size_t size, off_t offset) {
        return torture_is_due(TORTURE_SYSTEM, "pwrite") ? -1 : real_pwrite(fd, bytes, size, offset);
}

int real_ftruncate(int fd, off_t size) WIDE("__real_", ftruncate);
int wrap_ftruncate(int fd, off_t size) WIDE("__wrap_", ftruncate);
int wrap_ftruncate(int fd, off_t size) {
        return torture_is_due(TORTURE_SYSTEM, "ftruncate") ? -1 : real_ftruncate(fd, size);
}
