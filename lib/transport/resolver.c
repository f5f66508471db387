/* SPDX-License-Identifier: MIT */
#include "transport/resolver.h"

#include "base/cleanup.h"
#include "channel/fork.h"

#include <errno.h>
#include <leat/deadline.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define LOOK_AGAIN_MS 20 /* whether one of those under way has ended */

struct look_up {
        struct fork_member member; /* in a forked child there is no thread */
        atomic_int owners;         /* the thread, and who asked */
        atomic_bool done;
        bool started;     /* there is a thread */
        int ready;        /* eventfd: it has ended */
        pthread_t thread; /* who asked joins or detaches it */
        struct inet_name name;
        /* written by the thread before `done` */
        int error; /* 0 or EAI_...; of EAI_SYSTEM the errno is in `system` */
        int system;
        struct inet_candidates found;
};

/* Threads of this process. Relaxed throughout: a bound, which orders nothing. */
static atomic_int under_way;

static bool is_begun(void) {
        if (atomic_fetch_add_explicit(&under_way, 1, memory_order_relaxed) < LOOK_UPS_MAX)
                return true;
        (void)atomic_fetch_sub_explicit(&under_way, 1, memory_order_relaxed);
        return false;
}

static void is_over(void) {
        (void)atomic_fetch_sub_explicit(&under_way, 1, memory_order_relaxed);
}

static struct look_up *look_up_free(struct look_up *look_up) {
        fork_leave(&look_up->member);
        close_fd(look_up->ready);
        free(look_up);
        return NULL;
}

static struct look_up *leave(struct look_up *look_up) {
        /* Release: what this owner did with it happens before the other one frees it. Acquire: the other way round. */
        if (look_up && atomic_fetch_sub_explicit(&look_up->owners, 1, memory_order_acq_rel) == 1)
                look_up_free(look_up);
        return NULL;
}

static void leave_at(struct look_up **look_up) {
        leave(*look_up);
}

/* ---- in the thread ---- */

static bool is_there(const struct inet_candidates *candidates, const struct inet_address *address) {
        for (size_t i = 0; i < candidates->count; i++)
                if (inet_same(&candidates->all[i], address))
                        return true;
        return false;
}

/* All of one family, in order. */
static void gather(const struct addrinfo *list, bool first_family, uint16_t port, struct inet_candidates *ret_some) {
        ret_some->count = 0;
        for (const struct addrinfo *info = list; info && ret_some->count < INET_CANDIDATES_MAX; info = info->ai_next) {
                struct inet_address address = { .bytes = info->ai_addrlen };
                if ((info->ai_family != AF_INET && info->ai_family != AF_INET6) ||
                    (info->ai_family == list->ai_family) != first_family || info->ai_addrlen > sizeof(address.v6))
                        continue;
                memcpy(&address.any, info->ai_addr, info->ai_addrlen);
                inet_set_port(&address, port);
                if (!is_there(ret_some, &address))
                        ret_some->all[ret_some->count++] = address;
        }
}

/* RFC 8305, section 4: one of the first family, one of the other, and so on. */
static void interleave(const struct addrinfo *list, uint16_t port, struct inet_candidates *ret_candidates) {
        struct inet_candidates first, second;
        gather(list, true, port, &first);
        gather(list, false, port, &second);
        ret_candidates->count = 0;
        for (size_t i = 0; i < first.count || i < second.count; i++) {
                if (i < first.count && ret_candidates->count < INET_CANDIDATES_MAX)
                        ret_candidates->all[ret_candidates->count++] = first.all[i];
                if (i < second.count && ret_candidates->count < INET_CANDIDATES_MAX)
                        ret_candidates->all[ret_candidates->count++] = second.all[i];
        }
}

static void *look(void *argument) {
        CLEANUP(leave_at) struct look_up *look_up = argument;
        const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
        struct addrinfo *list = NULL;
        const uint64_t one = 1;
        look_up->error = getaddrinfo(look_up->name.host, NULL, &hints, &list);
        look_up->system = errno;
        if (look_up->error == 0) {
                interleave(list, look_up->name.port, &look_up->found);
                freeaddrinfo(list);
        }
        const int ready = look_up->ready;
        is_over();
        /* Release: who sees it done sees what was found (look_up_take). */
        atomic_store_explicit(&look_up->done, true, memory_order_release);
        ssize_t n = write(ready, &one, sizeof(one)); /* cannot fail: it is the first */
        (void)n;
        return NULL;
}

/* ---- for who asks ---- */

/* The thread stayed in the parent. */
static void after_fork(struct fork_member *member) {
        struct look_up *look_up = CONTAINER_OF(member, struct look_up, member);
        /* Acquire: pairs with the release in look(), for one that ended before the fork. */
        if (look_up->started && !atomic_load_explicit(&look_up->done, memory_order_acquire))
                is_over();
        look_up->ready = close_fd(look_up->ready);
}

/* A thread that no signal of the program wakes. */
static int start_thread(struct look_up *look_up) {
        sigset_t all, old;
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &old);
        atomic_store_explicit(&look_up->owners, 2, memory_order_relaxed); /* pthread_create() orders it */
        int r = pthread_create(&look_up->thread, NULL, look, look_up);
        (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
        look_up->started = r == 0;
        if (r == 0)
                return 0;
        atomic_store_explicit(&look_up->owners, 1, memory_order_relaxed); /* nobody else has it */
        is_over();
        return -ENOMEM; /* EAGAIN would read as "it would have to wait" */
}

/* Now, or when one of those that are under way has ended (look_up_take). */
static int start_if_few(struct look_up *look_up) {
        return is_begun() ? start_thread(look_up) : 0;
}

int look_up_start(const struct inet_name *name, struct look_up **ret_look_up) {
        CLEANUP(leave_at) struct look_up *look_up = calloc(1, sizeof(struct look_up));
        if (!look_up)
                return -ENOMEM;
        atomic_init(&look_up->owners, 1);
        look_up->name = *name;
        look_up->ready = -1;
        look_up->member.after_fork = after_fork;
        int r = fork_enter(&look_up->member);
        if (r < 0)
                return r;
        look_up->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = look_up->ready < 0 ? -errno : start_if_few(look_up);
        if (r < 0)
                return r;
        *ret_look_up = TAKE(look_up);
        return 0;
}

void look_up_leave(struct look_up *look_up) {
        if (!look_up)
                return;
        if (!fork_owns(&look_up->member)) {
                /* Acquire: as in leave(), for a thread that left before the fork. */
                (void)atomic_load_explicit(&look_up->owners, memory_order_acquire);
                look_up_free(look_up); /* this copy is nobody else's, and there is no thread to join */
                return;
        }
        if (!look_up->started) {
                leave(look_up);
                return;
        }
        /* One that has its answer is about to end: nothing of it is to be left. Else it goes on alone. Acquire: as in look_up_take(). */
        if (atomic_load_explicit(&look_up->done, memory_order_acquire))
                (void)pthread_join(look_up->thread, NULL);
        else
                (void)pthread_detach(look_up->thread);
        leave(look_up);
}

static void look_up_leave_at(struct look_up **look_up) {
        look_up_leave(*look_up);
}

void look_up_arm(const struct look_up *look_up, struct wait *wait) {
        wait_add(wait, look_up->ready, POLLIN);
        if (!look_up->started)
                wait_look_again(wait, leat_in_ms(LOOK_AGAIN_MS));
}

static int explain(const struct look_up *look_up, struct leat_reason *reason) {
        switch (look_up->error) {
        case EAI_NONAME:
#ifdef EAI_NODATA
        case EAI_NODATA:
#endif
                return reason_set(reason, -ENOENT, LEAT_ROW_OPENING,
                                  "there is no host of this name; check it, or `getent ahosts NAME`");
        case EAI_AGAIN:
        case EAI_FAIL:
                return reason_set(reason, -EHOSTUNREACH, LEAT_ROW_OPENING,
                                  "the name cannot be looked up: no name server answers; see /etc/resolv.conf, or use "
                                  "a number");
        case EAI_SYSTEM:
                return look_up->system > 0 && look_up->system != EAGAIN ? -look_up->system : -EHOSTUNREACH;
        case EAI_MEMORY:
                return -ENOMEM;
        default:
                return reason_set(reason, -ENOENT, LEAT_ROW_OPENING, "that is no name that could be looked up");
        }
}

int look_up_take(struct look_up *look_up, struct leat_reason *reason, struct inet_candidates *ret_candidates) {
        if (!fork_owns(&look_up->member))
                return -ECONNABORTED; /* who was given the channel begins anew */
        int r = look_up->started ? 0 : start_if_few(look_up);
        if (r < 0)
                return r;
        /* Acquire: pairs with the release in look(). */
        if (!atomic_load_explicit(&look_up->done, memory_order_acquire))
                return -EAGAIN;
        if (look_up->error != 0)
                return explain(look_up, reason);
        if (look_up->found.count == 0)
                return reason_set(reason, -ENOENT, LEAT_ROW_OPENING, "this name has no address of IPv4 or IPv6");
        *ret_candidates = look_up->found;
        return 0;
}

int resolver_candidates(const struct inet_name *name, int64_t deadline, struct leat_reason *reason,
                        struct inet_candidates *ret_candidates) {
        CLEANUP(look_up_leave_at) struct look_up *look_up = NULL;
        if (name->kind != INET_NAME) {
                inet_candidates(name, ret_candidates);
                return 0;
        }
        int r = look_up_start(name, &look_up);
        while (r == 0 && (r = look_up_take(look_up, reason, ret_candidates)) == -EAGAIN) {
                struct wait wait;
                wait_init(&wait);
                look_up_arm(look_up, &wait);
                r = deadline == LEAT_NOW ? -EAGAIN : wait_until(&wait, deadline);
                if (r < 0)
                        return reason_set(reason, r, LEAT_ROW_WAITING,
                                          "the name is still being looked up; allow more time, or use a number");
        }
        return r;
}
