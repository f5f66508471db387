/* SPDX-License-Identifier: MIT */
#include "transport/sysv_mq_probe.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/msg.h>

/* Its own frames are small, but ending it unwinds the stack, and the sanitizers' frames are large. */
#define STACK_BYTES (256 << 10)

int probe_init(struct probe *probe, int queue) {
        *probe = (struct probe){ .queue = queue, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
        return probe->fd < 0 ? -errno : 0;
}

static void make_readable(int fd) {
        const uint64_t one = 1;
        ssize_t n = write(fd, &one, sizeof(one)); /* at most once for each look: never full */
        (void)n;
}

/*
 * It can be cancelled in sem_wait and msgrcv alone. If that happens in msgrcv after the kernel has given it a
 * message, the
 * slot tells so: the return value would be lost (glibc before 2.41). No variable of its own has an address:
 * AddressSanitizer does
 * not clear away what it knows of a frame that is unwound so.
 */
static void *look(void *argument) {
        struct probe *probe = argument;
        for (;;) {
                (void)pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
                while (sem_wait(&probe->asked) < 0)
                        ;
                while (msgrcv(probe->queue, &probe->slot, 0, probe->select, 0) < 0 && errno == EINTR)
                        ; /* a debugger came or went; signals are blocked here */
                (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
                /* Release: who sees DONE sees the slot. Before the write: who is woken by it must see DONE. */
                atomic_store_explicit(&probe->state, PROBE_DONE, memory_order_release);
                make_readable(probe->fd);
        }
        return NULL;
}

/* The program's handlers are to run in its own threads. */
static int start(struct probe *probe) {
        sigset_t all, before;
        pthread_attr_t attributes;
        if (sem_init(&probe->asked, 0, 0) < 0)
                return -errno;
        int r = pthread_attr_init(&attributes);
        if (r != 0)
                return -r;
        (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&probe->thread, &attributes, look, probe);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        (void)pthread_attr_destroy(&attributes);
        if (r != 0)
                return -r;
        (void)pthread_setname_np(probe->thread, "leat-wait");
        probe->pid = getpid();
        return 0;
}

/* A channel that was given to this child brought the number of a thread that is not here, and shares its descriptor.
 * */
static int renew_in_child(struct probe *probe) {
        if (probe->pid == 0 || probe->pid == getpid())
                return 0;
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0)
                return -errno;
        int r = dup3(fd, probe->fd, O_CLOEXEC) < 0 ? -errno : 0; /* the number may be in an epoll's list */
        close_fd(fd);
        probe->pid = 0;
        atomic_store_explicit(&probe->state, PROBE_IDLE, memory_order_relaxed);
        return r;
}

int probe_ask(struct probe *probe, long select) {
        int r = renew_in_child(probe);
        if (r < 0)
                return r;
        if (probe_is_done(probe))
                return 1;
        if (atomic_load_explicit(&probe->state, memory_order_relaxed) == PROBE_ASKED) {
                if (probe->select == select)
                        return 0;
                probe_stop(probe);
                if (probe_is_done(probe) || probe_has_taken(probe))
                        return 1;
        }
        r = probe->pid == 0 ? start(probe) : 0;
        if (r < 0)
                return r;
        probe->select = select;
        /* Relaxed: sem_post orders it, and what stands above, before the look. */
        atomic_store_explicit(&probe->state, PROBE_ASKED, memory_order_relaxed);
        (void)sem_post(&probe->asked);
        return 0;
}

bool probe_is_done(const struct probe *probe) {
        /* Acquire: pairs with the release in look(), for the slot. */
        return atomic_load_explicit(&probe->state, memory_order_acquire) == PROBE_DONE;
}

void probe_pretend(struct probe *probe) {
        atomic_store_explicit(&probe->state, PROBE_DONE, memory_order_relaxed);
        make_readable(probe->fd);
}

void probe_clear(struct probe *probe) {
        uint64_t count;
        if (!probe_is_done(probe))
                return;
        /* The thread may still stand between DONE and its write, and a write that came after this read would be
         * taken for
         * that of the next look. So it is waited for: nothing but the scheduler stands before it. */
        while (read(probe->fd, &count, sizeof(count)) < 0 && errno == EAGAIN) {
                struct pollfd written = { .fd = probe->fd, .events = POLLIN };
                (void)poll(&written, 1, -1);
        }
        atomic_store_explicit(&probe->state, PROBE_IDLE, memory_order_relaxed);
}

static void end_thread(struct probe *probe) {
        if (probe->pid == getpid()) {
                (void)pthread_cancel(probe->thread);
                (void)pthread_join(probe->thread, NULL);
                (void)sem_destroy(&probe->asked);
        }
        probe->pid = 0;
}

void probe_stop(struct probe *probe) {
        if (atomic_load_explicit(&probe->state, memory_order_relaxed) != PROBE_ASKED)
                return;
        end_thread(probe);
        if (!probe_is_done(probe))
                atomic_store_explicit(&probe->state, PROBE_IDLE, memory_order_relaxed);
}

bool probe_has_taken(const struct probe *probe) {
        /* Acquire: pairs with the release in look(). While it is asked the slot is the thread's. */
        return atomic_load_explicit(&probe->state, memory_order_acquire) != PROBE_ASKED && probe->slot.type != 0;
}

long probe_taken(struct probe *probe) {
        long type = probe->slot.type;
        probe->slot.type = 0;
        return type;
}

void probe_close(struct probe *probe) {
        end_thread(probe);
        probe->fd = close_fd(probe->fd);
}
