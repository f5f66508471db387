/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "base/options.h"
#include "rpc/client_core.h"
#include "rpc/rpc_address.h"
#include "rpc/rpc_auth.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>

/* The life of clients, and what is told of them. */

/* ---- making ---- */

static void after_fork(struct fork_member *member) {
        struct leat_rpc_client *client = CONTAINER_OF(member, struct leat_rpc_client, member);
        client->wake.fd = close_fd(client->wake.fd);
        client->poll_epoll = close_fd(client->poll_epoll);
        client->poll_timer = close_fd(client->poll_timer);
        if (client->state && client->carrier->after_fork)
                client->carrier->after_fork(client);
}

static int take_options(struct leat_rpc_client *client, const struct leat_rpc_client_options *given) {
        const struct leat_rpc_client_options defaults = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_rpc_client_options *options = &client->options;
        *options = defaults;
        int r = given ? options_take(given, options, sizeof(*options)) : 0;
        if (r < 0 || options->flags & ~(LEAT_RPC_PLAIN | LEAT_RPC_STAY) || options->back_off_first_ns < 0 ||
            options->back_off_most_ns < 0 || options->retransmit_first_ns < 0)
                return -EINVAL;
        options->size = sizeof(*options);
        if (options->in_flight_max == 0)
                options->in_flight_max = defaults.in_flight_max;
        if (options->reply_bytes_max == 0)
                options->reply_bytes_max = defaults.reply_bytes_max;
        if (options->back_off_first_ns == 0)
                options->back_off_first_ns = defaults.back_off_first_ns;
        if (options->back_off_most_ns < options->back_off_first_ns)
                options->back_off_most_ns = options->back_off_first_ns;
        if (options->retransmit_first_ns == 0)
                options->retransmit_first_ns = defaults.retransmit_first_ns;
        if (!options->auth_sys)
                return 0;
        client->auth_flavor = RPC_AUTH_SYS;
        client->credential_bytes = rpc_auth_sys_encode(options->auth_sys, client->credential);
        options->auth_sys = NULL; /* it stays the caller's */
        return 0;
}

/* Numbers that nobody else has: replies to who called here before are not taken for ours, and the server tells us from all others. */
static int draw_numbers(struct leat_rpc_client *client) {
        if (getrandom(client->id, sizeof(client->id), 0) != (ssize_t)sizeof(client->id) ||
            getrandom(&client->xid, sizeof(client->xid), 0) != (ssize_t)sizeof(client->xid))
                return errno > 0 ? -errno : -EIO;
        return 0;
}

static void free_client_at(struct leat_rpc_client **client) {
        *client = leat_rpc_client_free(*client);
}

/* A client without a carrier's state. */
static int make_client(const struct rpc_carrier *carrier, const struct leat_rpc_client_options *options,
                       struct leat_rpc_client **ret_client) {
        FREE_AT_EXIT struct leat_rpc_client *client = calloc(1, sizeof(*client));
        if (!client)
                return -ENOMEM;
        client->carrier = carrier;
        client->largest_bytes = COMPANION_UNLIMITED;
        client->wake = WAKE_NONE;
        client->poll_epoll = client->poll_timer = -1;
        struct list *const lists[] = { &client->waiting, &client->sent,      &client->over,
                                       &client->spare,   &client->deadlines, &client->numbered };
        for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
                list_init(lists[i]);
        spin_init(&client->spin, SPIN_ADAPTIVE);
        int r = take_options(client, options);
        if (r == 0)
                r = draw_numbers(client);
        if (r < 0)
                return r;
        client->member.after_fork = after_fork;
        r = fork_enter(&client->member);
        if (r < 0)
                return r;
        struct leat_rpc_client *made = TAKE(client);
        fork_hold(); /* a child finds it in the struct, and closes it */
        r = wake_init(&made->wake);
        fork_release();
        if (r < 0) {
                leat_rpc_client_free(made);
                return r;
        }
        *ret_client = made;
        return 0;
}

static int open_channel(struct leat_rpc_client *client, const char *address, int64_t deadline,
                        struct leat_reason *ret_reason) {
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        struct leat_channel *channel;
        options.flags = LEAT_CALL;
        options.deadline = deadline;
        int r = leat_open_with(address, &options, ret_reason, &channel);
        if (r < 0)
                return r;
        r = rpc_channel_connect(client, channel, address);
        if (r < 0)
                leat_close(channel);
        return r;
}

int leat_rpc_connect(const char *address, const struct leat_rpc_client_options *options, int64_t deadline,
                     struct leat_reason *ret_reason, struct leat_rpc_client **ret_client) {
        static const struct rpc_carrier *const carriers[] = { [RPC_ADDRESS_TCP] = &rpc_stream_carrier,
                                                              [RPC_ADDRESS_UNIX] = &rpc_stream_carrier,
                                                              [RPC_ADDRESS_UDP] = &rpc_datagram_carrier,
                                                              [RPC_ADDRESS_CHANNEL] = &rpc_channel_carrier };
        CLEANUP(free_client_at) struct leat_rpc_client *client = NULL;
        CLEANUP(address_clear) struct address parsed = { 0 };
        enum rpc_address_kind kind;
        if (!address || !ret_client)
                return -EINVAL;
        int r = rpc_address_parse(address, ret_reason, &parsed, &kind);
        if (r == 0)
                r = make_client(carriers[kind], options, &client);
        if (r < 0)
                return r;
        if (kind == RPC_ADDRESS_CHANNEL)
                r = open_channel(client, address, deadline, ret_reason);
        else if (kind == RPC_ADDRESS_UDP)
                r = rpc_datagram_connect(client, &parsed, deadline, ret_reason);
        else
                r = rpc_stream_connect(client, &parsed, deadline, ret_reason);
        if (r == 0)
                *ret_client = TAKE(client);
        return r;
}

int leat_rpc_client_new(struct leat_channel *channel, struct leat_rpc_client **ret_client) {
        CLEANUP(free_client_at) struct leat_rpc_client *client = NULL;
        if (!channel || !ret_client)
                return -EINVAL;
        int r = make_client(&rpc_channel_carrier, NULL, &client);
        if (r == 0)
                r = rpc_channel_connect(client, channel, NULL);
        if (r == 0)
                *ret_client = TAKE(client);
        return r;
}

/* ---- the end ---- */

/* They are over. */
static void end_list(struct leat_rpc_client *client, struct list *list) {
        while (!list_empty(list)) {
                struct rpc_pending *pending = CONTAINER_OF(list->next, struct rpc_pending, node);
                if (pending->call)
                        client_fail(client, pending, -ECANCELED);
                else
                        client_pending_release(client, pending);
        }
}

static void release_over(struct leat_rpc_client *client) {
        while (!list_empty(&client->over)) {
                struct rpc_pending *pending = CONTAINER_OF(client->over.next, struct rpc_pending, node);
                if (pending->reply_bytes > 0)
                        pending->call->error = -ECANCELED; /* it ran; nobody has read its result */
                pending->call->state = NULL;
                client_pending_release(client, pending);
        }
}

struct leat_rpc_client *leat_rpc_client_free(struct leat_rpc_client *client) {
        if (!client)
                return NULL;
        bool ours = fork_owns(&client->member);
        if (ours && client->state)
                client_tell_leave(client);
        /* What is half sent is cut off, and comes back to those that wait. */
        if (client->state)
                client->carrier->lose(client);
        end_list(client, &client->waiting);
        end_list(client, &client->sent);
        release_over(client);
        if (client->told)
                client_pending_release(client, client->told);
        client_pending_free_all(client);
        fork_hold();
        wake_close(&client->wake);
        client->poll_epoll = close_fd(client->poll_epoll);
        client->poll_timer = close_fd(client->poll_timer);
        fork_release();
        if (client->state)
                client->carrier->close(client);
        fork_leave(&client->member);
        free(client);
        return NULL;
}

/* ---- interrupts ---- */

int leat_rpc_client_interrupt(struct leat_rpc_client *client) {
        int r = client_guard(client);
        if (r < 0)
                return r;
        atomic_store_explicit(&client->interrupted, 1, memory_order_seq_cst);
        wake_signal(&client->wake);
        return 0;
}

bool client_take_interrupt(struct leat_rpc_client *client) {
        /* Relaxed to look: an interrupt that comes later writes the wake. */
        if (!atomic_load_explicit(&client->interrupted, memory_order_relaxed))
                return false;
        wake_clear(&client->wake);
        return atomic_exchange_explicit(&client->interrupted, 0, memory_order_seq_cst) != 0;
}

/* ---- the program's own poll loop ---- */

int client_arm(struct leat_rpc_client *client, struct wait *wait) {
        wait_init(wait);
        wait_add(wait, client->wake.fd, POLLIN);
        int r = client->carrier->arm(client, wait);
        wait_look_again(wait, client_next_time(client));
        return r;
}

/* The epoll's events are those of poll(). */
static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT, "of Linux");

static void poll_add(struct leat_rpc_client *client, const struct pollfd *wanted) {
        struct epoll_event event = { .events = (uint32_t)wanted->events, .data.fd = wanted->fd };
        if (epoll_ctl(client->poll_epoll, EPOLL_CTL_MOD, wanted->fd, &event) < 0 && errno == ENOENT)
                (void)epoll_ctl(client->poll_epoll, EPOLL_CTL_ADD, wanted->fd, &event);
}

static const struct pollfd *poll_find(const struct wait *wait, int fd) {
        for (unsigned i = 0; i < wait->count; i++)
                if (wait->fds[i].fd == fd)
                        return &wait->fds[i];
        return NULL;
}

static void poll_at(struct leat_rpc_client *client, int64_t time) {
        struct itimerspec timer = { .it_value = { .tv_sec = time / 1000000000, .tv_nsec = time % 1000000000 } };
        if (time == client->polled_at)
                return;
        if (time == LEAT_NEVER)
                timer = (struct itimerspec){ 0 };
        else if (time <= 0)
                timer.it_value = (struct timespec){ .tv_nsec = 1 };
        (void)timerfd_settime(client->poll_timer, TFD_TIMER_ABSTIME, &timer, NULL);
        client->polled_at = time;
}

void client_poll_forget(struct leat_rpc_client *client) {
        for (unsigned i = 0; client->poll_epoll >= 0 && i < client->polled.count; i++)
                (void)epoll_ctl(client->poll_epoll, EPOLL_CTL_DEL, client->polled.fds[i].fd, NULL);
        client->polled.count = 0;
}

void client_poll_mend(struct leat_rpc_client *client) {
        struct wait wait;
        if (__builtin_expect(client->poll_epoll < 0, 1))
                return;
        bool now = client_arm(client, &wait) != 0 || !list_empty(&client->over);
        for (unsigned i = 0; i < client->polled.count; i++)
                if (!poll_find(&wait, client->polled.fds[i].fd))
                        (void)epoll_ctl(client->poll_epoll, EPOLL_CTL_DEL, client->polled.fds[i].fd, NULL);
        for (unsigned i = 0; i < wait.count; i++) {
                const struct pollfd *had = poll_find(&client->polled, wait.fds[i].fd);
                if (client->polled_stale || !had || had->events != wait.fds[i].events)
                        poll_add(client, &wait.fds[i]);
        }
        client->polled = wait;
        client->polled_stale = !client->connected;
        poll_at(client, now ? LEAT_NOW : wait.look_again);
}

static int make_poll(struct leat_rpc_client *client) {
        CLOSE_AT_EXIT int epoll = epoll_create1(EPOLL_CLOEXEC);
        CLOSE_AT_EXIT int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        struct epoll_event event = { .events = EPOLLIN, .data.fd = timer };
        if (epoll < 0 || timer < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) < 0)
                return -errno;
        client->poll_epoll = take_fd(&epoll);
        client->poll_timer = take_fd(&timer);
        client->polled.count = 0;
        client->polled_at = LEAT_NEVER;
        return 0;
}

int leat_rpc_client_fd(struct leat_rpc_client *client) {
        int r = client_guard(client);
        if (r < 0)
                return r;
        if (client->poll_epoll < 0) {
                fork_hold(); /* a child finds them in the struct, and closes them */
                r = make_poll(client);
                fork_release();
                if (r < 0)
                        return r;
        }
        client_poll_mend(client);
        return client->poll_epoll;
}

/* ---- what is known ---- */

int leat_rpc_client_info(struct leat_rpc_client *client, struct leat_rpc_client_info *ret_info) {
        int r = client_guard(client);
        if (r < 0)
                return r;
        if (!ret_info || ret_info->size < sizeof(ret_info->size))
                return -EINVAL;
        struct leat_rpc_client_info info = client->info;
        info.is_leat = client->greeting == RPC_GREETING_LEAT;
        info.in_flight = (uint32_t)client->in_flight;
        info.unreached = client->connect_error;
        options_tell(&info, sizeof(info), ret_info);
        return 0;
}

int leat_rpc_client_watch(struct leat_rpc_client *client, leat_rpc_watcher *watcher, void *userdata) {
        int r = client_guard(client);
        if (r < 0)
                return r;
        client->watcher = watcher;
        client->watcher_userdata = userdata;
        return 0;
}
