/* SPDX-License-Identifier: MIT */

/*
 * Who may have a fifo open beside whom, whose turn it is, and who is the last: docs/design/fifo.md, "Locks". All are held by
 * open file descriptions, so they go with whoever has them, however it ends. None is ever waited for here.
 */

#include "transport/fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/deadline.h>
#include <sys/file.h>

/* Bytes that are locked; a fifo has none, so they are but numbers. */
#define TURN 0
#define PRESENT 1 /* and all behind it: one for each that has it open, and this one for the receiver */
#define SENDERS 2

static int lock_file(int fd, int operation) {
        int r;
        do
                r = flock(fd, operation | LOCK_NB);
        while (r < 0 && errno == EINTR);
        return r < 0 ? -errno : 0;
}

static int lock_bytes(int fd, short type, int64_t from, int64_t length) {
        struct flock bytes = { .l_type = type, .l_whence = SEEK_SET, .l_start = from, .l_len = length };
        int r;
        do
                r = fcntl(fd, F_OFD_SETLK, &bytes);
        while (r < 0 && errno == EINTR);
        return r == 0 ? 0 : errno == EACCES ? -EAGAIN : -errno;
}

/* Which type a description can have at all. A sender's excludes all others', a receiver's excludes senders'. */
static short type_of(bool sends) {
        return sends ? F_WRLCK : F_RDLCK;
}

/* Do receivers compete? Then all share one flock, and else they are told apart by bytes. */
static bool is_shared(const struct fifo *fifo) {
        return fifo->packets && !fifo->exclusive;
}

/* A sender's is the time, a number that nobody else has; and if it is, the next try has another. */
static int lock_present(int fd, bool sends) {
        return lock_bytes(fd, type_of(sends), sends ? SENDERS + leat_now() : PRESENT, 1);
}

/* Only asked: a lock taken to find out would be in the way of the receiver that opens just now, again and again. */
static int expect_exclusive_receiver(int fd) {
        struct flock receiver = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = PRESENT, .l_len = 1 };
        if (fcntl(fd, F_OFD_GETLK, &receiver) < 0)
                return -errno;
        return receiver.l_type == F_RDLCK ? 0 : -EAGAIN;
}

static int lock_beside_others(const struct fifo *fifo, int fd, bool sends) {
        int r = 0;
        if (is_shared(fifo))
                return lock_file(fd, LOCK_SH);
        if (!sends)
                r = lock_file(fd, LOCK_EX);
        else if (fifo->packets) /* else the receiver may be any program */
                r = expect_exclusive_receiver(fd);
        return r < 0 ? r : lock_present(fd, sends);
}

/*
 * Is who is in the way about to go? Alone with the fifo it has all the bytes from PRESENT on, or where all share one flock
 * that one, which else only an ?exclusive receiver has, and that has PRESENT too (or is about to).
 */
static bool is_passing(const struct fifo *fifo, int fd) {
        struct flock other = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = PRESENT, .l_len = 1 };
        if (fcntl(fd, F_OFD_GETLK, &other) < 0)
                return false;
        return other.l_type == F_UNLCK ? is_shared(fifo) : other.l_len == 0;
}

int fifo_lock(const struct fifo *fifo, int fd, bool sends) {
        int r = lock_beside_others(fifo, fd, sends);
        return r == -EAGAIN && is_passing(fifo, fd) ? -EALREADY : r;
}

/* Our own is given up first: of two that leave at once the later one finds nobody. */
bool fifo_lock_alone(const struct fifo *fifo, int fd, bool sends) {
        if (is_shared(fifo))
                return lock_file(fd, LOCK_EX) == 0; /* which gives up the shared one first: flock(2) */
        (void)lock_bytes(fd, F_UNLCK, PRESENT, 0);
        return lock_bytes(fd, type_of(sends), PRESENT, 0) == 0;
}

int fifo_lock_turn(int fd) {
        return lock_bytes(fd, F_WRLCK, TURN, 1);
}

void fifo_unlock_turn(int fd) {
        (void)lock_bytes(fd, F_UNLCK, TURN, 1); /* a part that is locked alone: it cannot fail */
}
