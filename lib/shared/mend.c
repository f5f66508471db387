/* SPDX-License-Identifier: MIT */
#include "shared/mend.h"

#include "channel/fork.h"
#include "memory/memfile.h"
#include "shared/region.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/shm.h>
#include <time.h>
#include <unistd.h>

#define AT offsetof(struct region_header, identity)

/* ---- the slots ---- */

/*
 * The memory may be a copy that was made while the region was used: then what was copied later, a lock, may have an owner who came when its slot had been copied. So each slot goes on with an incarnation that
 * nobody had by then: a million further, and by chance up to 2^24 more, since there may be several copies.
 */
static uint32_t step_of(uint32_t random) {
        return (1u << 20) + random % (1u << 24);
}

static void step_on(struct participant *slots, uint32_t count, uint32_t step) {
        for (uint32_t i = 0; i < count; i++) /* relaxed: nobody else looks */
                (void)atomic_fetch_add_explicit(&slots[i].incarnation, step, memory_order_relaxed);
}

#define AT_ONCE 16

static int step_on_in_file(int fd, const struct region_shape *shape, uint32_t step) {
        struct participant slots[AT_ONCE];
        for (uint32_t slot = 0; slot < shape->participants; slot += AT_ONCE) {
                uint32_t left = shape->participants - slot, count = left < AT_ONCE ? left : AT_ONCE;
                size_t bytes = count * sizeof(slots[0]);
                off_t at = (off_t)(shape->participants_at + slot * sizeof(slots[0]));
                if (pread(fd, slots, bytes, at) != (ssize_t)bytes)
                        return -EIO;
                step_on(slots, count, step);
                ssize_t n = pwrite(fd, slots, bytes, at);
                if (n != (ssize_t)bytes)
                        return n < 0 ? -errno : -EIO;
        }
        return 0;
}

/* ---- files ---- */

/* What it becomes. */
struct mending {
        struct region_shape *shape; /* as it was */
        uint8_t identity[16];
        uint32_t step;
};

/*
 * The kernel gives the lease to write only to a file's one user, be it by a descriptor or a mapping, and lets nobody open it until that is over: who tries is told EWOULDBLOCK,
 * and tries again (region_find()). It tells the holder of it by a signal, SIGIO, whose default is the end of the process: so it gets one that is ignored by default, this thread alone,
 * which has it blocked, and takes it off (take_signal()): a handler of the program's for it is not called for that.
 */
static int lease(int fd) {
        struct f_owner_ex owner = { .type = F_OWNER_TID, .pid = gettid() };
        if (fcntl(fd, F_SETSIG, SIGURG) < 0 || fcntl(fd, F_SETOWN_EX, &owner) < 0)
                return -errno;
        if (fcntl(fd, F_SETLEASE, F_WRLCK) == 0)
                return 0;
        /* EACCES: of another user's file; EAGAIN: somebody has it open; else the file system has no leases, and nobody can be asked. */
        return errno == EACCES ? -EACCES : errno == EAGAIN ? -ESTALE : -ENOTSUP;
}

/* The lease's, if it came. Another one's that came meanwhile, or that the program had blocked, is given back. */
static void take_signal(const sigset_t *urgent, int fd) {
        siginfo_t info;
        if (sigtimedwait(urgent, &info, &(struct timespec){ 0 }) == SIGURG &&
            (info.si_code != POLL_MSG || info.si_fd != fd))
                (void)kill(getpid(), SIGURG);
}

/* The number is last: who is killed before it leaves what the next one does again. */
static int write_file(int fd, const struct mending *mending) {
        const struct region_shape *shape = mending->shape;
        /* The kernel says it with a signal. */
        int r = memfile_fits(shape->participants_at + shape->participants * sizeof(struct participant));
        if (r == 0)
                r = step_on_in_file(fd, shape, mending->step);
        if (r < 0)
                return r;
        ssize_t n = pwrite(fd, mending->identity, 16, (off_t)AT);
        return n < 0 ? -errno : n == 16 ? 0 : -EIO;
}

/* No child is forked meanwhile: it would have a copy of the lease. */
static int name_leased(int fd, const struct mending *mending) {
        fork_hold();
        int r = lease(fd);
        if (r == 0) {
                r = write_file(fd, mending);
                (void)fcntl(fd, F_SETLEASE, F_UNLCK);
        }
        fork_release();
        return r;
}

static int name_file(int fd, const struct mending *mending) {
        sigset_t urgent, before;
        (void)sigemptyset(&urgent);
        (void)sigaddset(&urgent, SIGURG);
        (void)pthread_sigmask(SIG_BLOCK, &urgent, &before);
        int r = name_leased(fd, mending);
        take_signal(&urgent, fd);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        return r;
}

/* ---- segments ---- */

static bool is_attached(int segment, unsigned long times) {
        struct shmid_ds status;
        return shmctl(segment, IPC_STAT, &status) == 0 && status.shm_nattch == times;
}

/*
 * Who joins attaches first, and then looks whose number it is (is_still() of open_named.c); here the number is written first, and then those are counted that have attached it. So one of the two
 * sees the other. The old number comes back where somebody is there: it may be of the lock file by which that one took part.
 */
static int name_segment(int segment, const struct mending *mending) {
        uint8_t before[16];
        if (!is_attached(segment, 0))
                return -ESTALE;
        uint8_t *at = shmat(segment, NULL, 0);
        if (at == (void *)-1)
                return -errno;
        region_copy_out(before, at + AT, 16);
        region_copy_in(at + AT, mending->identity, 16);
        bool alone = is_attached(segment, 1);
        if (alone)
                step_on((struct participant *)(void *)(at + mending->shape->participants_at),
                        mending->shape->participants, mending->step);
        else
                region_copy_in(at + AT, before, 16);
        (void)shmdt(at);
        return alone ? 0 : -ESTALE;
}

int region_name_anew(const struct memory_place *place, struct region_shape *shape) {
        struct mending mending = { .shape = shape };
        if (getrandom(mending.identity, sizeof(mending.identity), 0) != (ssize_t)sizeof(mending.identity) ||
            getrandom(&mending.step, sizeof(mending.step), 0) != (ssize_t)sizeof(mending.step))
                return -EIO;
        mending.step = step_of(mending.step);
        int r = place->segment >= 0 ? name_segment(place->segment, &mending) : name_file(place->fd, &mending);
        if (r == 0)
                memcpy(shape->identity, mending.identity, sizeof(mending.identity));
        return r;
}
