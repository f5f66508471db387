/* SPDX-License-Identifier: MIT */

/*
 * The loop. One epoll has all that the server waits for; who has more to do than is done at once stands in `turns`, and has the next turn behind
 * the others. While there are turns the epoll is asked and not waited for, so that none of them is ever behind a flood.
 */

#include "base/cleanup.h"
#include "rpc/server.h"

#include <errno.h>
#include <sys/epoll.h>

#define BATCH 64
#define NS_PER_MS INT64_C(1000000)
/* While it spins, the connection that was busy last is looked at each time, which is cheap; the others, with the epoll, one time in so many. */
#define LOOKS_AT_ONE 4
#define FAVOURS 8 /* so often in a row what came there is taken without a look at the others */

/* ---- what is watched ---- */

static int control(const struct leat_rpc_server *server, int operation, struct rpc_watch *watch, uint32_t events) {
        struct epoll_event event = { .events = events, .data.ptr = watch };
        return epoll_ctl(server->epoll, operation, watch->fd, &event) < 0 ? -errno : 0;
}

/* A forked child finds it elsewhere from now on, or nowhere. With the forks held. */
static void has_arrived(struct leat_rpc_server *server, int fd) {
        if (server->arriving_fd == fd)
                server->arriving_fd = -1;
}

int rpc_watch_set(struct leat_rpc_server *server, struct rpc_watch *watch, uint32_t events) {
        if (watch->is_watched && watch->events == events)
                return 0;
        int r = control(server, watch->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch, events);
        if (r < 0)
                return r;
        watch->events = events;
        if (watch->is_watched)
                return 0;
        fork_hold();
        list_insert(&server->watches, &watch->all);
        has_arrived(server, watch->fd);
        fork_release();
        watch->is_watched = true;
        return 0;
}

static void unwatch(struct leat_rpc_server *server, struct rpc_watch *watch) {
        if (watch->queued)
                list_remove(&watch->turn);
        watch->queued = false;
        if (!watch->is_watched)
                return;
        watch->is_watched = false;
        (void)control(server, EPOLL_CTL_DEL, watch, 0);
        list_remove(&watch->all);
        /* What epoll said of it, and was not done yet, is of nobody. */
        for (int i = 0; i < server->batch_count; i++)
                if (server->batch[i].data.ptr == watch)
                        server->batch[i].data.ptr = NULL;
}

void rpc_watch_remove(struct leat_rpc_server *server, struct rpc_watch *watch) {
        fork_hold();
        unwatch(server, watch);
        fork_release();
}

void rpc_watch_close(struct leat_rpc_server *server, struct rpc_watch *watch) {
        fork_hold();
        unwatch(server, watch);
        has_arrived(server, watch->fd);
        watch->fd = close_fd(watch->fd);
        fork_release();
}

void rpc_watch_refuse(struct leat_rpc_server *server, int fd) {
        fork_hold();
        has_arrived(server, fd);
        close_fd(fd);
        fork_release();
}

void rpc_watch_queue(struct leat_rpc_server *server, struct rpc_watch *watch) {
        if (watch->queued)
                return;
        watch->queued = true;
        list_insert(&server->turns, &watch->turn);
}

void rpc_server_wake(struct leat_rpc_server *server) {
        atomic_store(&server->looks, true);
        if (!rpc_server_is_runner(server))
                wake_signal(&server->wake);
}

/* ---- a look ---- */

/* Returns how much there was. */
static int do_events(struct leat_rpc_server *server, int timeout_ms) {
        struct epoll_event events[BATCH];
        int n = epoll_wait(server->epoll, events, BATCH, timeout_ms);
        server->favoured = 0;
        server->batch = events;
        server->batch_count = n > 0 ? n : 0;
        for (int i = 0; i < n; i++) {
                struct rpc_watch *watch = events[i].data.ptr;
                if (watch)
                        watch->ready(server, watch, events[i].events);
        }
        server->batch = NULL;
        server->batch_count = 0;
        return n > 0 ? n : 0;
}

/* Each that stands there now has its turn, once. */
static int do_turns(struct leat_rpc_server *server) {
        struct list end;
        int n = 0;
        if (list_empty(&server->turns))
                return 0;
        list_insert(&server->turns, &end);
        while (server->turns.next != &end) {
                struct rpc_watch *watch = CONTAINER_OF(server->turns.next, struct rpc_watch, turn);
                list_remove(&watch->turn);
                watch->queued = false;
                watch->ready(server, watch, 0);
                n++;
        }
        list_remove(&end);
        return n;
}

/* Those that wait for room, and for a time. */
static void do_rest(struct leat_rpc_server *server) {
        bool is_due = server->due != LEAT_NEVER && leat_now() >= server->due;
        if (is_due)
                server->due = LEAT_NEVER;
        if (!is_due && !atomic_load_explicit(&server->looks, memory_order_relaxed))
                return;
        atomic_store(&server->looks, false); /* before the look: what is filed after it sets it again */
        rpc_stream_look(server);
        rpc_datagram_look(server);
        rpc_channel_look(server);
        rpc_listeners_resume(server);
}

/* ---- draining ---- */

static void begin_to_drain(struct leat_rpc_server *server) {
        rpc_listeners_drain(server);
        (void)pthread_mutex_lock(&server->lock);
        server->is_draining = true;
        (void)pthread_mutex_unlock(&server->lock);
        rpc_stream_drain(server);
        rpc_datagram_drain(server);
        rpc_channel_drain(server);
}

static bool is_drained(struct leat_rpc_server *server) {
        (void)pthread_mutex_lock(&server->lock);
        bool idle = list_empty(&server->running);
        (void)pthread_mutex_unlock(&server->lock);
        return idle && list_empty(&server->turns) && rpc_stream_is_drained(server) && rpc_datagram_is_drained(server) &&
               rpc_channel_is_drained(server);
}

/* ---- a step ---- */

static int timeout_ms(int64_t until) {
        if (until == LEAT_NEVER)
                return -1;
        int64_t left = until - leat_now();
        if (left <= 0)
                return 0;
        left = (left + NS_PER_MS - 1) / NS_PER_MS;
        return left < INT32_MAX ? (int)left : INT32_MAX;
}

/* Look again and again, for as long as that is cheaper than to sleep. */
static int spin(struct leat_rpc_server *server, int64_t deadline) {
        int n = 0;
        for (unsigned looks = 1; n == 0 && !wake_is_signalled(&server->wake) && spin_again(&server->spin); looks++) {
                if (server->favourite && server->favoured < FAVOURS)
                        n = rpc_stream_try(server, server->favourite);
                server->favoured += n > 0;
                if (n == 0 && (!server->favourite || server->favoured >= FAVOURS || looks % LOOKS_AT_ONE == 0))
                        n = do_events(server, 0);
                if (deadline != LEAT_NEVER && leat_now() >= deadline)
                        break;
        }
        return n;
}

/* Nothing is there: wait for something. */
static int wait_for_events(struct leat_rpc_server *server, int64_t deadline) {
        int64_t until = deadline < server->due ? deadline : server->due;
        int n = server->spin.mode == SPIN_NEVER || until == LEAT_NOW ? 0 : spin(server, until);
        if (n == 0)
                n = do_events(server, timeout_ms(until));
        if (n > 0)
                spin_done(&server->spin);
        return n;
}

static int look(struct leat_rpc_server *server, int64_t deadline) {
        int n = list_empty(&server->turns) ? wait_for_events(server, deadline) : do_events(server, 0);
        n += do_turns(server);
        do_rest(server);
        return n;
}

static bool has_sources(const struct leat_rpc_server *server) {
        return !list_empty(&server->listeners) || !list_empty(&server->connections) ||
               !list_empty(&server->datagrams) || !list_empty(&server->channels);
}

/* There were channels, and nothing else; all of them have ended, and so have their calls. */
static bool is_left(struct leat_rpc_server *server) {
        if (!rpc_channel_all_ended(server) || !list_empty(&server->connections) || !list_empty(&server->datagrams) ||
            rpc_listeners_are_open(server))
                return false;
        (void)pthread_mutex_lock(&server->lock);
        bool idle = list_empty(&server->running);
        (void)pthread_mutex_unlock(&server->lock);
        return idle;
}

/* What ends a step before it looks. */
static int check(struct leat_rpc_server *server) {
        if (rpc_server_take_interrupt(server))
                return -ECANCELED;
        if (atomic_load_explicit(&server->draining, memory_order_relaxed)) {
                if (!server->is_draining)
                        begin_to_drain(server);
                if (is_drained(server))
                        return -ENODATA;
                return 0;
        }
        if (is_left(server))
                return -ENODATA;
        return has_sources(server) ? 0 : -ENOENT;
}

static int take_step(struct leat_rpc_server *server, int64_t deadline) {
        server->answered = 0;
        while (true) {
                int r = check(server);
                if (r < 0)
                        return r;
                int n = look(server, deadline);
                if (n > 0)
                        return server->answered > 0;
                if (deadline == LEAT_NOW || (deadline != LEAT_NEVER && leat_now() >= deadline))
                        break;
        }
        return deadline == LEAT_NOW ? -EAGAIN : -ETIMEDOUT;
}

static int guard(struct leat_rpc_server *server) {
        if (!server)
                return -EINVAL;
        return fork_owns(&server->member) ? 0 : -ECHILD;
}

/* By the thread that runs it, alone. */
static int start_threads(struct leat_rpc_server *server) {
        if (server->limits.threads == 0 || server->pool)
                return 0;
        return rpc_pool_new(server->limits.threads, &server->pool);
}

int leat_rpc_server_step(struct leat_rpc_server *server, int64_t deadline) {
        pthread_t nobody = (pthread_t)0;
        int r = guard(server);
        if (r < 0)
                return r;
        /* Two threads, or a handler within a step: what one reads the other would read anew. Acquire, and release below: what the thread before did is seen by
         * the next one, the pool too. */
        if (!atomic_compare_exchange_strong_explicit(&server->runner, &nobody, pthread_self(), memory_order_acquire,
                                                     memory_order_relaxed))
                return -EBUSY;
        r = start_threads(server);
        if (r == 0)
                r = rpc_channel_is_alone(server) ? rpc_channel_step(server, deadline) : take_step(server, deadline);
        atomic_store_explicit(&server->runner, (pthread_t)0, memory_order_release);
        return r;
}

int leat_rpc_server_run(struct leat_rpc_server *server, int64_t deadline) {
        int r = 0, previous = 0;
        do {
                previous = r;
                r = leat_rpc_server_step(server, deadline);
        } while (r >= 0 || (r != -EINVAL && r != -ECHILD && r != -EBUSY && rpc_channel_is_alone(server) &&
                            rpc_channel_goes_on(server, r, previous)));
        return r;
}

static void ask(struct leat_rpc_server *server, atomic_int *what) {
        atomic_store(what, 1);
        wake_signal(&server->wake);
}

int leat_rpc_server_interrupt(struct leat_rpc_server *server) {
        int r = guard(server);
        if (r == 0)
                ask(server, &server->interrupted);
        return r;
}

int leat_rpc_server_drain(struct leat_rpc_server *server) {
        int r = guard(server);
        if (r == 0)
                ask(server, &server->draining);
        return r;
}
