/* SPDX-License-Identifier: MIT */
#include "tools/leat/terminal_input.h"

#include "base/cleanup.h"
#include "process/ends.h"
#include "process/foreground.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int terminal_input_open(struct terminal_input *input, struct leat_command *command) {
        struct pipe_ends ends;
        /* One that is not our controlling terminal may be read in the background too. */
        if (!isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) < 0)
                return 0;
        /* What cannot be written now is kept, as signals have to be received meanwhile. */
        int r = pipe_ends_open(&ends, PIPE_OURS_WRITES, NULL);
        if (r < 0)
                return r;
        input->reading = ends.read;
        input->writing = ends.write;
        terminal_input_look(input);
        return leat_command_descriptor(command, STDIN_FILENO, ends.read);
}

void terminal_input_started(struct terminal_input *input) {
        input->reading = close_fd(input->reading);
}

void terminal_input_look(struct terminal_input *input) {
        input->foreground = foreground_is_ours(STDIN_FILENO);
}

bool terminal_input_waits(const struct terminal_input *input) {
        return input->writing >= 0 && !input->foreground;
}

void terminal_input_poll(const struct terminal_input *input, struct pollfd polled[2]) {
        bool empty = input->begin == input->end;
        bool reads = input->writing >= 0 && empty && input->foreground;
        polled[0] = (struct pollfd){ .fd = reads ? STDIN_FILENO : -1, .events = POLLIN };
        /* No event asked for: POLLERR alone tells that nobody reads any more. */
        polled[1] = (struct pollfd){ .fd = input->writing, .events = empty ? 0 : POLLOUT };
}

void terminal_input_carry(struct terminal_input *input, const struct pollfd polled[2]) {
        if (polled[0].revents) {
                ssize_t n = read(STDIN_FILENO, input->bytes, sizeof(input->bytes));
                input->begin = 0;
                input->end = n > 0 ? (size_t)n : 0;
                if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) /* Ctrl-D, or the terminal is gone */
                        terminal_input_close(input);
        } else if (polled[1].revents) {
                ssize_t n = write(input->writing, input->bytes + input->begin, input->end - input->begin);
                if (n > 0)
                        input->begin += (size_t)n;
                if ((n < 0 && errno != EAGAIN) || polled[1].revents & POLLERR)
                        terminal_input_close(input);
        }
}

void terminal_input_close(struct terminal_input *input) {
        input->reading = close_fd(input->reading);
        input->writing = close_fd(input->writing);
}
