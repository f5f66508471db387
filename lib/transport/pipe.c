/* SPDX-License-Identifier: MIT */

/* pipe: pipes between relatives. Both ends are made at once, or one was given as a descriptor. */

#include "base/cleanup.h"
#include "channel/hub.h"
#include "transport/rows.h"
#include "transport/table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* clang-format off: a table */
static const struct leat_declaration declarations[] = {
        DECLARE("pipe", "leat", "1", LARGEST_DEFAULT, 0, 1, ROWS_PIPE_LEAT),
        DECLARE("pipe", "raw", "1", LARGEST_DEFAULT, 0, 0, ROWS_PIPE_RAW),
        DECLARE("pipe", "lines", "1", LARGEST_DEFAULT, 0, 0, ROWS_PIPE_DELIMITED),
        DECLARE("pipe", "nul", "1", LARGEST_DEFAULT, 0, 0, ROWS_PIPE_DELIMITED),
        DECLARE("pipe", "length", "1", LARGEST_DEFAULT, 0, 0, ROWS_PIPE_LENGTH),
};
/* clang-format on */

#define PACKET_AROUND_BYTES 32 /* of SO_SNDBUF, which a unix socket keeps for itself */

/* ---- the address: nothing, "fd=N" or "fd=IN,OUT" ---- */

static const char wrong_address[] = "descriptors are wanted: pipe:fd=3, or pipe:fd=3,4 to read from 3 and write to 4";

static bool parse_number(const char **text, int *ret_number) {
        long number = 0;
        if (**text < '0' || **text > '9')
                return false;
        for (; **text >= '0' && **text <= '9'; (*text)++)
                if ((number = number * 10 + (**text - '0')) > INT_MAX)
                        return false;
        *ret_number = (int)number;
        return true;
}

/* How many descriptors are named: 0, 1 or 2; or -EINVAL. */
static int parse_rest(const char *text, int ret_fds[2]) {
        if (*text == '\0')
                return 0;
        if (strncmp(text, "fd=", 3) != 0)
                return -EINVAL;
        text += 3;
        if (!parse_number(&text, &ret_fds[0]))
                return -EINVAL;
        if (*text == '\0')
                return 1;
        return *text++ == ',' && parse_number(&text, &ret_fds[1]) && *text == '\0' && ret_fds[0] != ret_fds[1]
                       ? 2
                       : -EINVAL;
}

static int check(const struct address *address, struct leat_reason *reason) {
        int fds[2] = { -1, -1 };
        int n = parse_rest(address->rest, fds);
        return n < 0 ? reason_at(reason, n, address->rest_column, wrong_address) : 0;
}

/* ---- the hub's view ---- */

static void info(struct leat_channel *channel, struct leat_info *info) {
        const struct hub *hub = channel->state;
        const struct link *link = hub->links[0];
        int fd = link->in.fd >= 0 ? link->in.fd : link->out.fd, bytes = 0;
        int capacity = fcntl(fd, F_GETPIPE_SZ);
        if (capacity > 0)
                info->capacity_bytes = (uint64_t)capacity;
        if (link->in.fd < 0 && ioctl(fd, FIONREAD, &bytes) == 0)
                info->queued_bytes = (uint64_t)bytes;
        info->atomic_bytes = PIPE_BUF - FRAMING_AROUND_BYTES;
}

static const struct hub_kind kind = { .info = info };

static int set_capacity(int fd, const struct address *address, struct leat_reason *reason) {
        if (fd < 0 || !address_given(address, OPTION_CAPACITY) || fcntl(fd, F_SETPIPE_SZ, (int)address->capacity) >= 0)
                return 0;
        if (errno == EPERM)
                return reason_limit(reason, -EPERM, "fs.pipe-max-size",
                                    "a larger ?capacity= needs CAP_SYS_RESOURCE or a higher limit");
        if (errno == EBUSY)
                return reason_set(reason, -EBUSY, LEAT_ROW_FULL,
                                  "more waits in this pipe than ?capacity= holds: take a larger one, or read first");
        return errno == EBADF ? 0 : -errno; /* a socket that was given in a pipe's place */
}

/* A socket of packets that was given in a pipe's place: each of its packets is a frame, or in the framing raw a message. Only credentials tell an
 * empty one from the end. */
static void know_packets(struct leat_channel *channel, struct link_options *options, int fd) {
        int type = 0, on = 1, room = 0;
        socklen_t size = sizeof(type);
        options->packets = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
        if (!options->packets || options->framing != FRAMING_RAW)
                return;
        options->credentials = setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0;
        /* What one packet takes is all that can be sent; one that comes may be larger, by the other end's buffer. */
        size = sizeof(room);
        if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, &size) == 0 && room > PACKET_AROUND_BYTES &&
            channel->largest_bytes > (uint64_t)room - PACKET_AROUND_BYTES && DOES_SEND(channel->flags))
                channel->largest_bytes = (uint64_t)room - PACKET_AROUND_BYTES;
}

/* The hub of one link; it owns the descriptors from here on, also on failure. */
static int install(struct leat_channel *channel, struct io in, struct io out, bool ours) {
        struct link_options options = hub_link_options(channel);
        options.restarts = true; /* (leat send pipe:fd=1 a; leat send pipe:fd=1 b) | leat recv pipe:fd=0 */
        options.roomy = ours && !address_given(&channel->address, OPTION_CAPACITY);
        if (!ours)
                know_packets(channel, &options, in.fd >= 0 ? in.fd : out.fd);
        const struct leat_peer nobody = { 0 };
        return hub_new_connected(channel, &kind, NULL, &options, in, out, &nobody);
}

/* ---- opening what was given ---- */

/* 0 to 2 stay open for whoever expects them there: the pipe moves up and /dev/null takes its place. */
static int move_up(int fd) {
        int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        CLOSE_AT_EXIT int null = moved < 0 ? -1 : open("/dev/null", O_RDWR | O_CLOEXEC);
        if (moved < 0 || null < 0 || dup2(null, fd) < 0) {
                int error = -errno;
                close_fd(moved);
                return error;
        }
        return moved;
}

/* Take over one descriptor for reading or writing. On failure it stays open. */
static int take_over(int fd, bool reading, struct leat_reason *reason, struct io *ret_io) {
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0)
                return reason_set(reason, -EBADF, LEAT_ROW_INHERITANCE,
                                  "that descriptor is not open here; was it given to this process?");
        if ((flags & O_ACCMODE) == (reading ? O_WRONLY : O_RDONLY))
                return reason_set(reason, -EBADF, LEAT_ROW_INHERITANCE,
                                  reading ? "that descriptor is the writing end; this end reads"
                                          : "that descriptor is the reading end; this end writes");
        int moved = fd <= 2 ? move_up(fd) : fd;
        if (moved < 0)
                return moved;
        if (fcntl(moved, F_SETFD, FD_CLOEXEC) < 0)
                return -errno;
        return io_adopt(moved, ret_io);
}

/* Which of the descriptors reads, which writes; -1: there is none. */
static int assign(const struct leat_channel *channel, int count, const int fds[2], struct leat_reason *reason,
                  int *ret_in, int *ret_out) {
        bool sends = DOES_SEND(channel->flags), receives = DOES_RECEIVE(channel->flags);
        struct stat status;
        *ret_in = *ret_out = -1;
        if (count == 2) {
                *ret_in = fds[0];
                *ret_out = fds[1];
        } else if (sends && receives) {
                if (fstat(fds[0], &status) < 0 || !S_ISSOCK(status.st_mode))
                        return reason_at(reason, -EINVAL, channel->address.rest_column,
                                         "both ways need two pipes: pipe:fd=IN,OUT");
                *ret_in = *ret_out = fds[0];
        } else if (receives)
                *ret_in = fds[0];
        else
                *ret_out = fds[0];
        if (count == 1 && (channel->address.need & (UINT64_C(1) << LEAT_ROW_SYNC)))
                return reason_set(reason, -ENOTSUP, LEAT_ROW_SYNC,
                                  "one pipe has no way back; give two: pipe:fd=IN,OUT");
        return 0;
}

/* On failure both stay open, unless they were moved. */
static int take_both(int in_fd, int out_fd, const struct address *address, struct leat_reason *reason, struct io *in,
                     struct io *out) {
        int r = in_fd >= 0 ? take_over(in_fd, true, reason, in) : 0;
        if (r == 0 && out_fd >= 0 && out_fd != in_fd)
                r = take_over(out_fd, false, reason, out);
        if (r == 0)
                r = set_capacity(in->fd, address, reason);
        if (r == 0)
                r = set_capacity(out->fd, address, reason);
        if (r < 0 && in->fd != in_fd)
                close_fd(in->fd);
        if (r < 0 && out->fd != out_fd)
                close_fd(out->fd);
        return r;
}

static int open_pipe(struct leat_channel *channel, int64_t deadline, struct leat_reason *reason) {
        int fds[2] = { -1, -1 }, in_fd = -1, out_fd = -1;
        struct io in = IO_NONE, out = IO_NONE;
        (void)deadline; /* what was given is there */
        int count = parse_rest(channel->address.rest, fds);
        if (count == 0)
                return reason_at(reason, -EINVAL, channel->address.rest_column,
                                 "a new pipe is made with both ends (leat_pair); one that was given is pipe:fd=3");
        int r = assign(channel, count, fds, reason, &in_fd, &out_fd);
        if (r == 0)
                r = take_both(in_fd, out_fd, &channel->address, reason, &in, &out);
        return r < 0 ? r : install(channel, in, out_fd == in_fd ? in : out, false);
}

/* ---- both ends at once ---- */

static int new_pipe(const struct address *address, struct leat_reason *reason, struct io *ret_in, struct io *ret_out) {
        int fds[2] = { -1, -1 };
        if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        int r = set_capacity(fds[0], address, reason);
        if (r < 0) {
                close_fd(fds[0]);
                close_fd(fds[1]);
                return r;
        }
        *ret_in = (struct io){ .fd = fds[0], .kind = IO_NONBLOCKING };
        *ret_out = (struct io){ .fd = fds[1], .kind = IO_NONBLOCKING };
        return 0;
}

static int pair_pipe(struct leat_channel *receiver, struct leat_channel *sender, struct leat_reason *reason) {
        struct io there_in = IO_NONE, there_out = IO_NONE, back_in = IO_NONE, back_out = IO_NONE;
        bool back = (receiver->flags & LEAT_SEND) || (receiver->address.need & (UINT64_C(1) << LEAT_ROW_SYNC));
        int r = new_pipe(&receiver->address, reason, &there_in, &there_out);
        if (r < 0)
                return r;
        if (back)
                r = new_pipe(&receiver->address, reason, &back_in, &back_out);
        if (r < 0) {
                close_fd(there_in.fd);
                close_fd(there_out.fd);
                return r;
        }
        r = install(receiver, there_in, back_out, true);
        if (r < 0) {
                close_fd(there_out.fd);
                close_fd(back_in.fd);
                return r;
        }
        return install(sender, back_in, there_out, true);
}

const struct transport transport_pipe = {
        .scheme = "pipe",
        .summary = "pipes between relatives: both ends made at once, or a descriptor that was given",
        .declarations = declarations,
        .declarations_count = sizeof(declarations) / sizeof(declarations[0]),
        .check = check,
        .open = open_pipe,
        .pair = pair_pipe,
};
