/* SPDX-License-Identifier: MIT */
#include "tools/leat/run_terminals.h"

#include "base/cleanup.h"
#include "process/ends.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Above what a terminal holds: 8192 bytes in its buffers (tty_buffer_set_limit() of Linux), 4096 in its line discipline. */
#define FINISH_BYTES 65536

/* That of the terminal that one of ours is, or what programs take for granted. */
static struct winsize our_size(void) {
        struct winsize size = { .ws_row = 24, .ws_col = 80 };
        for (int fd = 2; fd >= 0; fd--)
                if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
                        return size;
        return (struct winsize){ .ws_row = 24, .ws_col = 80 };
}

/* What is written comes out as it is, and nothing that comes back is a signal. */
static int make_raw(int slave) {
        struct termios modes;
        if (tcgetattr(slave, &modes) < 0)
                return -errno;
        cfmakeraw(&modes);
        return tcsetattr(slave, TCSANOW, &modes) < 0 ? -errno : 0;
}

static int open_terminal(struct terminal *terminal, const struct winsize *size) {
        terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
        if (terminal->master < 0 || unlockpt(terminal->master) < 0)
                return -errno;
        /* By the descriptor: the name may be another's in this mount name space. */
        terminal->slave = ioctl(terminal->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (terminal->slave < 0 || ioctl(terminal->master, TIOCSWINSZ, size) < 0)
                return -errno;
        return make_raw(terminal->slave);
}

static int open_pipe(struct terminal *terminal) {
        struct pipe_ends ends;
        int r = pipe_ends_open(&ends, PIPE_OURS_WRITES, NULL);
        if (r < 0)
                return r;
        terminal->input = ends.read;
        terminal->out = ends.write;
        return 0;
}

static int join(struct terminal *terminal, struct leat_command *const commands[], const struct winsize *size,
                bool last) {
        int r = open_terminal(terminal, size);
        if (r == 0 && !last)
                r = open_pipe(terminal);
        if (r == 0)
                r = leat_command_descriptor(commands[terminal->stage], STDOUT_FILENO, terminal->slave);
        if (r == 0 && !last)
                r = leat_command_descriptor(commands[terminal->stage + 1], STDIN_FILENO, terminal->input);
        return r;
}

/* Where we began without one it is open the wrong way round (output_prepare()): whoever writes there is to see the error itself. */
static bool has_output(void) {
        int flags = fcntl(STDOUT_FILENO, F_GETFL);
        return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

int terminals_open(struct terminals *terminals, struct leat_command *const commands[], size_t count) {
        const struct winsize size = our_size();
        size_t all = count - (!has_output() || isatty(STDOUT_FILENO) ? 1 : 0);
        int r = 0;
        terminals->all = calloc(count, sizeof(*terminals->all));
        if (!terminals->all)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < all; i++) {
                struct terminal *terminal = &terminals->all[terminals->count++];
                bool last = i + 1 == count;
                terminal->stage = i;
                terminal->master = terminal->slave = terminal->input = -1;
                terminal->out = last ? STDOUT_FILENO : -1;
                terminal->out_is_ours = last;
                r = join(terminal, commands, &size, last);
        }
        return r;
}

unsigned terminals_redirections(const struct terminals *terminals, size_t stage) {
        bool input = stage > 0 && stage <= terminals->count && !terminals->all[stage - 1].out_is_ours;
        return (stage < terminals->count ? 1 : 0) + (input ? 1 : 0);
}

void terminals_started(struct terminals *terminals) {
        for (size_t i = 0; i < terminals->count; i++) {
                terminals->all[i].slave = close_fd(terminals->all[i].slave);
                terminals->all[i].input = close_fd(terminals->all[i].input);
        }
}

size_t terminals_poll(const struct terminals *terminals, struct pollfd polled[]) {
        size_t n = 0;
        for (size_t i = 0; i < terminals->count; i++) {
                const struct terminal *terminal = &terminals->all[i];
                if (terminal->begin < terminal->end)
                        polled[n++] = (struct pollfd){ .fd = terminal->out, .events = POLLOUT };
                else if (terminal->master >= 0)
                        polled[n++] = (struct pollfd){ .fd = terminal->master, .events = POLLIN };
        }
        return n;
}

static void end_output(struct terminal *terminal) {
        if (!terminal->out_is_ours)
                close_fd(terminal->out);
        terminal->out = -1;
        terminal->begin = terminal->end = 0;
}

void terminals_finish(struct terminals *terminals) {
        for (size_t i = 0; i < terminals->count; i++) {
                terminals->all[i].finishing = true;
                terminals->all[i].left = FINISH_BYTES;
        }
}

/* An error is EIO: nobody holds the slave. */
static void read_some(struct terminal *terminal) {
        size_t most = terminal->finishing && terminal->left < sizeof(terminal->bytes) ? terminal->left
                                                                                      : sizeof(terminal->bytes);
        ssize_t n = most ? read(terminal->master, terminal->bytes, most) : 0;
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        terminal->begin = 0;
        terminal->end = n > 0 ? (size_t)n : 0;
        terminal->left -= terminal->finishing ? terminal->end : 0;
        if (n > 0)
                return;
        terminal->master = close_fd(terminal->master);
        end_output(terminal);
}

/* Nobody reads any more. The signal is what a program expects; who handles or ignores it gets EIO. */
static void reader_gone(struct terminal *terminal, struct leat_pipeline *pipeline) {
        struct leat_process *process = leat_pipeline_process(pipeline, terminal->stage);
        if (process)
                (void)leat_process_signal(process, SIGPIPE);
        end_output(terminal);
        terminal->master = close_fd(terminal->master);
}

/* Our own output may be one that blocks: it is written when poll calls it writable. */
static bool may_write(const struct terminal *terminal) {
        struct pollfd polled = { .fd = terminal->out, .events = POLLOUT };
        return !terminal->out_is_ours || poll(&polled, 1, 0) > 0;
}

/* Returns 0, or why our own output takes no more. */
static int write_some(struct terminal *terminal, struct leat_pipeline *pipeline) {
        if (!may_write(terminal))
                return 0;
        ssize_t n = write(terminal->out, terminal->bytes + terminal->begin, terminal->end - terminal->begin);
        int error = n < 0 ? errno : 0;
        if (n > 0)
                terminal->begin += (size_t)n;
        if (error == 0 || error == EAGAIN || error == EINTR)
                return 0;
        reader_gone(terminal, pipeline);
        return terminal->out_is_ours ? -error : 0;
}

static void carry(struct terminals *terminals, struct terminal *terminal, struct leat_pipeline *pipeline) {
        if (terminal->begin == terminal->end && terminal->master >= 0)
                read_some(terminal);
        int r = terminal->begin < terminal->end ? write_some(terminal, pipeline) : 0;
        terminals->error = r < 0 ? r : terminals->error;
}

void terminals_carry(struct terminals *terminals, struct leat_pipeline *pipeline) {
        for (size_t i = 0; i < terminals->count; i++)
                carry(terminals, &terminals->all[i], pipeline);
}

bool terminals_drain(struct terminals *terminals, struct leat_pipeline *pipeline) {
        struct terminal *last = terminals->count ? &terminals->all[terminals->count - 1] : NULL;
        if (!last || !last->out_is_ours)
                return false;
        for (;;) { /* ends: no more than FINISH_BYTES are read */
                size_t before = last->begin, left = last->left;
                carry(terminals, last, pipeline);
                if (last->begin == last->end && (last->master < 0 || last->left == left))
                        return false;
                if (last->begin == before && last->left == left)
                        return true;
        }
}

void terminals_resize(struct terminals *terminals) {
        const struct winsize size = our_size();
        struct winsize now;
        for (size_t i = 0; i < terminals->count; i++) {
                int master = terminals->all[i].master;
                if (master >= 0 && ioctl(master, TIOCGWINSZ, &now) == 0 &&
                    (now.ws_row != size.ws_row || now.ws_col != size.ws_col))
                        (void)ioctl(master, TIOCSWINSZ, &size);
        }
}

void terminals_close(struct terminals *terminals) {
        terminals_started(terminals);
        for (size_t i = 0; i < terminals->count; i++) {
                if (!terminals->all[i].out_is_ours)
                        close_fd(terminals->all[i].out);
                close_fd(terminals->all[i].master);
        }
        free(terminals->all);
        *terminals = (struct terminals){ 0 };
}
