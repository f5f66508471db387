/* SPDX-License-Identifier: MIT */
#include "transport/log_queue.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <sched.h>
#include <string.h>

#define TRIES 32 /* for a lock that is held for microseconds, before sleeping */

/* On the bytes of the file: one for who takes, one for who is there. */
enum { BYTE_TAKE, BYTE_THERE };

static int lock_byte(int fd, int byte, short type) {
        struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
        while (fcntl(fd, F_OFD_SETLK, &lock) < 0)
                if (errno != EINTR)
                        return errno == EACCES ? -EAGAIN : -errno;
        return 0;
}

int log_queue_file(const struct log *log, int flags) {
        char name[NAME_MAX + 1];
        if (snprintf(name, sizeof(name), "%s.position", log->place.base) >= (int)sizeof(name))
                return -ENAMETOOLONG;
        return log_open_beside(log, name, flags);
}

int log_queue_open(struct log_queue *queue, const struct log *log, bool exclusive, struct leat_reason *reason) {
        CLOSE_AT_EXIT int fd = log_queue_file(log, O_RDWR | O_CREAT);
        if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
                return fd; /* told with its limit */
        if (fd == -EXDEV)
                return reason_set(
                        reason, -EEXIST, LEAT_ROW_OPENING,
                        "what lies at PATH.position is no file, or a stranger's who may not write to the log; "
                        "it is left alone: remove it");
        if (fd < 0)
                return reason_set(reason, fd, LEAT_ROW_OPENING,
                                  "the position of the queue's receivers, PATH.position, cannot be written");
        int r = lock_byte(fd, BYTE_THERE, exclusive ? F_WRLCK : F_RDLCK);
        if (r == -EAGAIN)
                return reason_set(reason, -EADDRINUSE, LEAT_ROW_LISTENING,
                                  exclusive ? "others receive from this queue, and ?exclusive wants to be the only one"
                                            : "this queue has its one receiver, which opened it with ?exclusive");
        if (r < 0)
                return r;
        *queue = (struct log_queue){ .fd = take_fd(&fd), .exclusive = exclusive };
        return 0;
}

void log_queue_close(struct log_queue *queue) {
        queue->fd = close_fd(queue->fd);
}

/* Without one, or with that of an earlier log of this name: the beginning. */
static int read_position(int fd, const struct log *log, struct log_position *ret_position) {
        uint8_t bytes[POSITION_BYTES];
        ssize_t n = pread(fd, bytes, sizeof(bytes), 0);
        if (n < 0)
                return -errno;
        if (n == (ssize_t)sizeof(bytes) && log_position_decode(bytes, ret_position) == 0 &&
            memcmp(ret_position->identity, log->header.identity, LOG_IDENTITY_BYTES) == 0)
                return 0;
        *ret_position = (struct log_position){ 0 };
        memcpy(ret_position->identity, log->header.identity, LOG_IDENTITY_BYTES);
        return -ENOENT;
}

int log_queue_lock(struct log_queue *queue, const struct log *log) {
        int r = -EAGAIN;
        for (int i = 0; i < TRIES && r == -EAGAIN; i++) {
                if (i > 0)
                        (void)sched_yield();
                r = lock_byte(queue->fd, BYTE_TAKE, F_WRLCK);
        }
        if (r < 0)
                return r;
        queue->locked = true;
        r = read_position(queue->fd, log, &queue->position);
        return r == -ENOENT ? 0 : r;
}

int log_queue_move(struct log_queue *queue) {
        uint8_t bytes[POSITION_BYTES];
        log_position_encode(&queue->position, bytes);
        ssize_t n = pwrite(queue->fd, bytes, sizeof(bytes), 0);
        return n == (ssize_t)sizeof(bytes) ? 0 : n < 0 ? -errno : -ENOSPC;
}

void log_queue_unlock(struct log_queue *queue) {
        if (queue->locked)
                (void)lock_byte(queue->fd, BYTE_TAKE, F_UNLCK);
        queue->locked = false;
}

int log_queue_look(const struct log *log, struct log_position *ret_position) {
        CLOSE_AT_EXIT int fd = log_queue_file(log, O_RDONLY);
        return fd < 0 ? fd : read_position(fd, log, ret_position);
}
