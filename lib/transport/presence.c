/* SPDX-License-Identifier: MIT */
#include "transport/presence.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PLACES (UINT32_C(1) << 20) /* of each kind */
#define ALL (2 * PLACES)
#define TRIES 64
#define COUNT_MOST 1000

static struct flock range(short type, uint32_t start, uint32_t length) {
        return (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
}

/* Is there a lock of another in this range? *ret_lock is one of them. Where it cannot be asked, there is none. */
static bool find(int fd, uint32_t start, uint32_t length, struct flock *ret_lock) {
        *ret_lock = range(F_WRLCK, start, length);
        return length > 0 && fcntl(fd, F_OFD_GETLK, ret_lock) == 0 && ret_lock->l_type != F_UNLCK;
}

/* Somewhere to begin: different from process to process and from channel to channel, so that few tries fail. */
static uint32_t first_place(int fd) {
        return ((uint32_t)getpid() * UINT32_C(2654435761) + (uint32_t)fd * UINT32_C(40503)) % PLACES;
}

/* 0; -EAGAIN: it is another's, and *ret_removing: it is that of one who holds all. */
static int try_place(int fd, bool sends, uint32_t at, bool *ret_removing) {
        struct flock theirs, ours = range(sends ? F_WRLCK : F_RDLCK, at, 1);
        /* Read locks of two receivers would not exclude each other, and then count as one. */
        if (!find(fd, at, 1, &theirs))
                return fcntl(fd, F_OFD_SETLK, &ours) == 0 ? 0 : errno == EACCES ? -EAGAIN : -errno;
        *ret_removing = theirs.l_len != 1;
        return -EAGAIN;
}

int presence_take(int fd, bool sends, struct presence *ret_presence) {
        uint32_t place = first_place(fd);
        bool removing = false;
        int r = -EAGAIN;
        for (unsigned i = 0; i < TRIES && r == -EAGAIN && !removing; i++) {
                place = (place + i) % PLACES;
                r = try_place(fd, sends, place + (sends ? 0 : PLACES), &removing);
        }
        if (r == 0)
                *ret_presence = (struct presence){ .fd = fd, .place = place + (sends ? 0 : PLACES), .sends = sends };
        return r;
}

void presence_leave(struct presence *presence) {
        struct flock ours = range(F_UNLCK, presence->place, 1);
        if (presence->fd >= 0)
                (void)fcntl(presence->fd, F_OFD_SETLK, &ours); /* cannot fail; and close frees it too */
        presence->fd = -1;
}

bool presence_has_sender(int fd) {
        struct flock theirs;
        return find(fd, 0, PLACES, &theirs);
}

bool presence_has_receiver(int fd) {
        struct flock theirs;
        return find(fd, PLACES, PLACES, &theirs);
}

bool presence_has_any(int fd) {
        struct flock theirs;
        return find(fd, 0, ALL, &theirs);
}

/* The kernel tells one lock of the range, not the first: count on both sides of it. */
static void count(int fd, uint32_t start, uint32_t length, unsigned *counted) {
        struct flock theirs;
        while (*counted < COUNT_MOST && find(fd, start, length, &theirs)) {
                uint32_t at = (uint32_t)theirs.l_start, end = start + length;
                uint32_t next = theirs.l_len ? at + (uint32_t)theirs.l_len : end;
                ++*counted;
                if (at > start)
                        count(fd, start, at - start, counted);
                if (next >= end || next <= start)
                        return;
                start = next;
                length = end - next;
        }
}

unsigned presence_count_senders(int fd) {
        unsigned counted = 0;
        count(fd, 0, PLACES, &counted);
        return counted;
}

int presence_take_all(int fd) {
        struct flock all = range(F_WRLCK, 0, ALL);
        if (fcntl(fd, F_OFD_SETLK, &all) == 0)
                return 0;
        return errno == EACCES ? -EAGAIN : -errno;
}
