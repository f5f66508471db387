/* SPDX-License-Identifier: MIT */
#include "process/ends.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>

static int refused(int error, struct leat_reason *reason) {
        if (error == -EMFILE)
                return reason_limit(reason, error, "RLIMIT_NOFILE",
                                    "no descriptor is left for a pipe: close some, or raise the limit");
        if (error == -ENFILE)
                return reason_limit(reason, error, "fs.file-max", "the system has no file left for a pipe");
        return reason_set(reason, error, LEAT_ROW_LIMITS, "no pipe could be made");
}

int pipe_ends_open(struct pipe_ends *ret_ends, enum pipe_ours ours, struct leat_reason *reason) {
        int fds[2];
        if (pipe2(fds, O_CLOEXEC) < 0)
                return refused(-errno, reason);
        struct pipe_ends ends = { fds[0], fds[1] };
        int flags = ours == PIPE_OURS_READS ? O_RDONLY : O_WRONLY;
        if (ours != PIPE_OURS_NONE && fcntl(fds[ours == PIPE_OURS_WRITES], F_SETFL, flags | O_NONBLOCK) < 0) {
                int r = -errno;
                pipe_ends_close(&ends);
                return r;
        }
        *ret_ends = ends;
        return 0;
}

void pipe_ends_close(struct pipe_ends *ends) {
        ends->read = close_fd(ends->read);
        ends->write = close_fd(ends->write);
}
