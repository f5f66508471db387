/* SPDX-License-Identifier: MIT */
#include "process/command_open.h"

#include "base/cleanup.h"
#include "wait/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define PAUSE_FIRST_NS INT64_C(1000000)
#define PAUSE_MOST_NS INT64_C(20000000)

int command_above_standard(int fd) {
        if (fd < 0 || fd > 2)
                return fd;
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3), error = errno;
        close_fd(fd);
        return copy < 0 ? -error : copy;
}

/* ---- a FIFO's other end ---- */

/* Of a writer that neither wrote nor went no event tells: so it is looked for, at a growing distance. polled: -1, or what to look at beside. */
static int pause_until(int64_t *pause_ns, int polled, int64_t deadline) {
        struct wait wait;
        if (deadline == LEAT_NOW)
                return -EAGAIN;
        wait_init(&wait);
        wait_add(&wait, polled, POLLIN);
        wait_look_again(&wait, leat_in_ns(*pause_ns));
        *pause_ns = *pause_ns * 2 < PAUSE_MOST_NS ? *pause_ns * 2 : PAUSE_MOST_NS;
        return wait_until(&wait, deadline);
}

/* Is there a writer, or was one there since it was opened? tee(2) tells EAGAIN of an empty pipe with a writer, 0 of one without; it takes nothing. */
static int has_writer(int fd, int scratch) {
        struct pollfd polled = { .fd = fd, .events = POLLIN };
        if (poll(&polled, 1, 0) > 0)
                return 1;
        ssize_t n = tee(fd, scratch, 1, SPLICE_F_NONBLOCK);
        return n > 0 || (n < 0 && errno == EAGAIN) ? 1 : n < 0 && errno != EINTR ? -errno : 0;
}

static int wait_for_writer(int fd, int64_t deadline) {
        int64_t pause_ns = PAUSE_FIRST_NS;
        CLOSE_AT_EXIT int scratch_out = -1;
        CLOSE_AT_EXIT int scratch_in = -1;
        int scratch[2];
        if (pipe2(scratch, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        scratch_out = scratch[0];
        scratch_in = scratch[1];
        for (;;) {
                int r = has_writer(fd, scratch_in);
                if (r != 0)
                        return r < 0 ? r : 0;
                r = pause_until(&pause_ns, fd, deadline);
                if (r < 0)
                        return r;
        }
}

/* An open of a FIFO to write said ENXIO: nobody reads. A pipe's, by /proc or /dev, would not have waited. */
static bool is_fifo(const char *path) {
        struct stat status;
        struct statfs system;
        return stat(path, &status) == 0 && S_ISFIFO(status.st_mode) && statfs(path, &system) == 0 &&
               system.f_type != PIPEFS_MAGIC;
}

/* ---- opening ---- */

static int try_open(const char *path, int flags, mode_t mode) {
        int fd;
        do
                fd = open(path, flags, mode);
        while (fd < 0 && errno == EINTR);
        return fd < 0 ? -errno : fd;
}

/* O_NONBLOCK for the open alone, which a FIFO, a line without its carrier and a lease would hold up. */
static int open_waiting(const char *path, int flags, mode_t mode, int64_t deadline) {
        int64_t pause_ns = PAUSE_FIRST_NS;
        for (;;) {
                int fd = try_open(path, flags | O_NONBLOCK, mode);
                if (fd == -ENXIO && (flags & O_ACCMODE) == O_WRONLY && !is_fifo(path))
                        return try_open(path, flags, mode);
                if (fd != -ENXIO && fd != -EWOULDBLOCK)
                        return fd;
                if (fd == -ENXIO && (flags & O_ACCMODE) != O_WRONLY)
                        return fd;
                int r = pause_until(&pause_ns, -1, deadline);
                if (r < 0)
                        return r;
        }
}

static int make_waiting(int fd, int64_t deadline) {
        struct stat status;
        int flags = fcntl(fd, F_GETFL), r = 0;
        if (flags < 0 || fstat(fd, &status) < 0)
                return -errno;
        if (S_ISFIFO(status.st_mode) && (flags & O_ACCMODE) == O_RDONLY)
                r = wait_for_writer(fd, deadline);
        if (r == 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
                r = -errno;
        return r;
}

int command_open(const char *path, int flags, mode_t mode, int64_t deadline) {
        flags |= O_CLOEXEC | O_NOCTTY;
        if (flags & O_NONBLOCK)
                return command_above_standard(try_open(path, flags, mode));
        CLOSE_AT_EXIT int fd = open_waiting(path, flags, mode, deadline);
        int r = fd < 0 ? take_fd(&fd) : make_waiting(fd, deadline);
        return r < 0 ? r : command_above_standard(take_fd(&fd));
}

/* ---- a here-string ---- */

static int write_all(int fd, const char *bytes, size_t size_bytes) {
        for (size_t done = 0; done < size_bytes;) {
                ssize_t n = pwrite(fd, bytes + done, size_bytes - done, (off_t)done);
                if (n < 0 && errno != EINTR)
                        return -errno;
                done += n > 0 ? (size_t)n : 0;
        }
        return 0;
}

int command_open_text(const char *bytes, size_t size_bytes) {
        CLOSE_AT_EXIT int fd = memfd_create("leat-text", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        int r = write_all(fd, bytes, size_bytes);
        if (r == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                r = -errno;
        return r < 0 ? r : command_above_standard(take_fd(&fd));
}
