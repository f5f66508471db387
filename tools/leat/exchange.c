/* SPDX-License-Identifier: MIT */
#include "tools/leat/exchange.h"

#include "process/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int exchange_start(struct exchange *exchange, char *const argv[]) {
        int input[2] = { -1, -1 }, output[2] = { -1, -1 };
        int r = pipe2(input, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0 ? -errno : 0;
        /* Only our ends: O_NONBLOCK belongs to the end of a pipe, and the program's are its own. */
        if (r == 0 && (fcntl(input[1], F_SETFL, O_WRONLY | O_NONBLOCK) < 0 ||
                       fcntl(output[0], F_SETFL, O_RDONLY | O_NONBLOCK) < 0))
                r = -errno;
        if (r == 0)
                r = process_spawn(argv, input[0], output[1], &exchange->pid);
        close_fd(input[0]);
        close_fd(output[1]);
        if (r < 0) {
                close_fd(input[1]);
                close_fd(output[0]);
                return r;
        }
        exchange->to = input[1];
        exchange->from = output[0];
        exchange->pidfd = (int)syscall(SYS_pidfd_open, exchange->pid, 0); /* refused: -1, and waitpid tells */
        exchange->output_bytes = 0;
        return 0;
}

static void write_some(struct exchange *exchange) {
        ssize_t n = write(exchange->to, exchange->input, exchange->input_bytes);
        if (n > 0) {
                exchange->input += n;
                exchange->input_bytes -= (size_t)n;
        }
        /* A program need not read its input: EPIPE is no error. */
        if (exchange->input_bytes == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
                exchange->to = close_fd(exchange->to);
}

static int read_some(struct exchange *exchange) {
        struct space *space = exchange->output;
        char dropped[4096];
        bool keep = exchange->output_bytes <= exchange->largest_bytes;
        if (keep && exchange->output_bytes == space->size && space_grow(space, 0) < 0)
                return -ENOMEM;
        ssize_t n =
                keep ? read(exchange->from, space->bytes + exchange->output_bytes, space->size - exchange->output_bytes)
                     : read(exchange->from, dropped, sizeof(dropped));
        if (n > 0 && keep)
                exchange->output_bytes += (size_t)n;
        else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
                exchange->from = close_fd(exchange->from);
        return 0;
}

static int poll_once(struct exchange *exchange) {
        struct pollfd polled[] = { { .fd = exchange->to, .events = POLLOUT },
                                   { .fd = exchange->from, .events = POLLIN },
                                   { .fd = exchange->pidfd, .events = POLLIN } };
        int64_t left = exchange->deadline == LEAT_NEVER ? -1 : (exchange->deadline - leat_now() + 999999) / 1000000;
        if (exchange->deadline != LEAT_NEVER && left <= 0)
                return -ETIMEDOUT;
        int n = poll(polled, 3, left > 1000000 ? 1000000 : (int)left);
        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        if (polled[0].revents)
                write_some(exchange);
        if (polled[2].revents)
                exchange->pidfd = close_fd(exchange->pidfd);
        return polled[1].revents ? read_some(exchange) : 0;
}

int exchange_finish(struct exchange *exchange) {
        int r = 0;
        if (exchange->input_bytes == 0)
                exchange->to = close_fd(exchange->to);
        while (r == 0 && (exchange->from >= 0 || exchange->pidfd >= 0))
                r = poll_once(exchange);
        if (r < 0)
                kill(exchange->pid, SIGKILL);
        exchange->to = close_fd(exchange->to);
        exchange->from = close_fd(exchange->from);
        exchange->pidfd = close_fd(exchange->pidfd);
        while (waitpid(exchange->pid, &exchange->status, 0) < 0 && errno == EINTR)
                ;
        return r;
}
