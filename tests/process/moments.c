/* SPDX-License-Identifier: MIT */
#include "moments.h"

#include "harness.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct moment {
        int listener, over;
        void (*act)(pid_t pid, void *argument);
        void *argument;
        size_t met;
        pthread_t thread;
};

/* Returns what seccomp(2) does. */
static long filter_call(int call, unsigned action, unsigned flags) {
        struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, action),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const struct sock_fprog program = { .len = 4, .filter = filter };
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -1;
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void meet(struct moment *moment) {
        struct seccomp_notif call;
        struct seccomp_notif_resp answer = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
        memset(&call, 0, sizeof(call));
        if (ioctl(moment->listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
                return; /* it was killed meanwhile */
        moment->met++;
        moment->act((pid_t)call.pid, moment->argument);
        answer.id = call.id;
        (void)ioctl(moment->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

static void *meet_all(void *argument) {
        struct moment *moment = argument;
        struct pollfd polled[2] = { { .fd = moment->listener, .events = POLLIN },
                                    { .fd = moment->over, .events = POLLIN } };
        for (;;) {
                int n = poll(polled, 2, -1);
                CHECK(n > 0 || errno == EINTR);
                if (polled[1].revents)
                        return NULL;
                if (polled[0].revents & POLLIN)
                        meet(moment);
        }
}

struct moment *moment_begin(int call, void (*act)(pid_t pid, void *argument), void *argument) {
        struct moment *moment = calloc(1, sizeof(*moment));
        CHECK(moment != NULL);
        *moment = (struct moment){ .act = act, .argument = argument };
        moment->listener = (int)filter_call(call, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
        if (moment->listener < 0)
                SKIP("no filter can be set here");
        moment->over = eventfd(0, EFD_CLOEXEC);
        CHECK(moment->over >= 0);
        CHECK_EQ(pthread_create(&moment->thread, NULL, meet_all, moment), 0);
        return moment;
}

size_t moment_end(struct moment *moment) {
        const uint64_t one = 1;
        size_t met;
        CHECK_EQ(write(moment->over, &one, sizeof(one)), sizeof(one));
        CHECK_EQ(pthread_join(moment->thread, NULL), 0);
        met = moment->met;
        close(moment->listener);
        close(moment->over);
        free(moment);
        return met;
}

void refuse_calls(const int *calls) {
        for (; *calls; calls++)
                if (filter_call(*calls, SECCOMP_RET_ERRNO | EPERM, 0) < 0)
                        SKIP("no filter can be set here");
}
