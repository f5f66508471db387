/* SPDX-License-Identifier: MIT */

/* Pipes that were given, on this kernel and as on older ones: what is learned there is forbidden here in turn. */

#include "base/io.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static const struct io_features kernels[] = {
        { .nowait = true, .nosignal = true, .reopen = true },    /* 6.18 */
        { .nowait = true, .nosignal = false, .reopen = true },   /* 6.4 */
        { .nowait = false, .nosignal = false, .reopen = true },  /* 5.15 */
        { .nowait = false, .nosignal = false, .reopen = false }, /* where /proc is not to be had */
        { .nowait = false, .nosignal = true, .reopen = false },
};

static struct leat_channel *open_end(int fd, unsigned flags) {
        char address[32];
        struct leat_channel *channel;
        (void)snprintf(address, sizeof(address), "pipe:fd=%d", fd);
        CHECK_EQ(leat_open(address, flags, LEAT_NOW, &channel), 0);
        return channel;
}

/* Both ends on blocking pipes whose descriptions somebody else shares. */
static void exchange(void *argument) {
        const struct io_features *kernel = argument;
        struct leat_channel *receiver, *sender;
        static uint8_t sent[200000], got[200000];
        int fds[2], mine[2];
        io_features = *kernel;
        CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
        mine[0] = dup(fds[0]);
        mine[1] = dup(fds[1]);
        receiver = open_end(fds[0], LEAT_RECEIVE);
        sender = open_end(fds[1], LEAT_SEND);
        for (size_t i = 0; i < sizeof(sent); i++)
                sent[i] = (uint8_t)harness_random();
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, got, sizeof(got), LEAT_NOW, NULL), -EAGAIN);
        CHECK_EQ(leat_send(sender, 1, sent, 1000, LEAT_NOW), 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, got, sizeof(got), LEAT_NOW, NULL), 1000);
        CHECK_MEM(sent, got, 1000);
        /* It fills up: none of it is seen, and the channel goes on. */
        CHECK_EQ(leat_send(sender, 1, sent, sizeof(sent), leat_in_ms(20)), -ETIMEDOUT);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, got, sizeof(got), LEAT_NOW, NULL), -EAGAIN);
        CHECK_EQ(leat_send(sender, 2, "next", 4, harness_deadline_ms(40000)), 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, got, sizeof(got), harness_deadline_ms(40000), NULL), 4);
        CHECK_EQ(fcntl(mine[0], F_GETFL) & O_NONBLOCK, 0);
        CHECK_EQ(fcntl(mine[1], F_GETFL) & O_NONBLOCK, 0);
        leat_close(receiver);
        close(mine[0]);
        CHECK_EQ(leat_send(sender, 1, "x", 1, harness_deadline_ms(40000)), -EPIPE);
        leat_close(sender);
        close(mine[1]);
}

/* SIGPIPE is as it was before, whether its action is the default, or it is blocked, or pending. */
static void keeps_sigpipe(void *argument) {
        const struct io_features *kernel = argument;
        struct leat_channel *receiver, *sender;
        sigset_t set, pending;
        io_features = *kernel;
        CHECK_EQ(leat_pair("pipe:", NULL, &receiver, &sender), 0);
        leat_close(receiver);
        CHECK_EQ(leat_send(sender, 1, "x", 1, LEAT_NEVER), -EPIPE);
        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGPIPE);
        (void)sigprocmask(SIG_BLOCK, &set, NULL);
        CHECK_EQ(leat_send(sender, 1, "x", 1, LEAT_NEVER), -EPIPE);
        (void)sigpending(&pending);
        CHECK(!sigismember(&pending, SIGPIPE));
        (void)raise(SIGPIPE);
        CHECK_EQ(leat_send(sender, 1, "x", 1, LEAT_NEVER), -EPIPE);
        (void)sigpending(&pending);
        CHECK(sigismember(&pending, SIGPIPE));
        leat_close(sender);
}

static void add(void) {
        for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
                char name[64];
                (void)snprintf(name, sizeof(name), "exchange/nowait=%d,nosignal=%d,reopen=%d", kernels[i].nowait,
                               kernels[i].nosignal, kernels[i].reopen);
                harness_add(name, exchange, (void *)&kernels[i]);
                (void)snprintf(name, sizeof(name), "sigpipe/nowait=%d,nosignal=%d", kernels[i].nowait,
                               kernels[i].nosignal);
                harness_add(name, keeps_sigpipe, (void *)&kernels[i]);
        }
}

TEST_MAIN_WITH(add)
