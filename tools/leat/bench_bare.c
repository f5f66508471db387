/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_bare.h"

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
        const char *scheme;
        const struct contender *contender;
} bares[] = {
        { "pipe", &bare_pipe },
        { "fifo", &bare_fifo },
        { "unix", &bare_unix },
        { "inbox", &bare_unix },
        { "unix-stream", &bare_unix_stream },
        { "unix-dgram", &bare_unix_dgram },
        { "tcp", &bare_tcp },
        { "udp", &bare_udp },
        { "mq", &bare_mq },
        { "sysv-mq", &bare_sysv_mq },
        { "log", &bare_log },
        { "shm", &bare_memory },
};

const struct contender *bare_find(const char *scheme) {
        for (size_t i = 0; i < sizeof(bares) / sizeof(bares[0]); i++)
                if (strcmp(bares[i].scheme, scheme) == 0)
                        return bares[i].contender;
        return NULL;
}

const struct contender *bare_find_opening(const char *scheme) {
        return strcmp(scheme, "shm") == 0 ? &bare_opening : NULL;
}

int end_says(struct end *end, int error, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(end->shared->text[end->side], BENCH_TEXT_SIZE, format, arguments);
        va_end(arguments);
        return error;
}

const char *shared_text(const struct shared *shared) {
        return shared->text[0][0] ? shared->text[0] : shared->text[1];
}

bool bare_again(void) {
        if (errno == EINTR)
                return true;
        if (errno != EAGAIN)
                return false;
        (void)sched_yield();
        return true;
}

void bare_join(struct end ends[2], const int there[2], const int back[2]) {
        ends[0].out = there[1];
        ends[1].in = there[0];
        ends[0].in = back[0];
        ends[1].out = back[1];
}

void bare_drop(struct end *end) {
        if (end->out != end->in)
                close_fd(end->out);
        close_fd(end->in);
        close_fd(end->extra);
        end->in = end->out = end->extra = -1;
}

static int unblock(int fd) {
        int flags = fd < 0 ? 0 : fcntl(fd, F_GETFL);
        return fd < 0 ? 0 : flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int bare_unblock(struct end ends[2]) {
        int r = 0;
        for (int i = 0; i < 2 && ends[0].setting->spin && r == 0; i++) {
                r = unblock(ends[i].in);
                if (r == 0)
                        r = unblock(ends[i].out);
        }
        return r;
}
