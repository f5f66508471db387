/* SPDX-License-Identifier: MIT */

/* A connection that was lost is made again: when, and what takes the place of the old link (docs/design/network.md, section 5). */

#include "base/cleanup.h"
#include "channel/hub.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>

#define MS INT64_C(1000000)
#define PAUSE_FIRST_NS MS
#define PAUSE_MOST_NS (1000 * MS)

#define CONNECTING_LOOK_MS 20 /* of a program that polls leat_fd() while a connection is under way */

/* Is it worth to ask again? Nobody listens, too many wait there, or the network that was there is not at present. */
static bool may_pass(int error) {
        return error == -EAGAIN || error == -ECONNREFUSED || error == -ENOENT || error == -ECONNRESET ||
               link_is_loss(error);
}

/* From half of the pause to one and a half: senders that lost the same receiver do not come all at once. */
static int64_t at_random(int64_t pause_ns) {
        uint32_t random = UINT32_MAX / 2;
        (void)getrandom(&random, sizeof(random), GRND_NONBLOCK);
        return pause_ns / 2 + (int64_t)((double)pause_ns * random / UINT32_MAX);
}

/* Whoever polls leat_fd() is to call again when it is time. */
static void set_timer(const struct hub *hub) {
        const int64_t again_at = hub->connecting ? leat_in_ms(CONNECTING_LOOK_MS) : hub->again_at;
        const struct itimerspec at = { .it_value = { .tv_sec = again_at / (1000 * MS),
                                                     .tv_nsec = again_at % (1000 * MS) } };
        if (hub->timer >= 0)
                (void)timerfd_settime(hub->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void clear_timer(const struct hub *hub) {
        const struct itimerspec never = { 0 };
        if (hub->timer >= 0)
                (void)timerfd_settime(hub->timer, 0, &never, NULL);
}

static void wait_a_while(struct hub *hub) {
        hub->pause_ns = hub->pause_ns ? hub->pause_ns : PAUSE_FIRST_NS;
        hub->again_at = leat_in_ns(at_random(hub->pause_ns));
        hub->pause_ns = 2 * hub->pause_ns < PAUSE_MOST_NS ? 2 * hub->pause_ns : PAUSE_MOST_NS;
        set_timer(hub);
}

int hub_reconnects(struct leat_channel *channel, struct hub *hub) {
        struct epoll_event event = { .events = EPOLLIN, .data.u64 = 0 };
        if (!address_given(&channel->address, OPTION_RECONNECT) &&
            !address_given(&channel->address, OPTION_AT_LEAST_ONCE))
                return 0;
        hub->again = true;
        hub->connected_at = leat_now();
        if (!DOES_RECEIVE(channel->flags) || (channel->flags & LEAT_CALL))
                return 0;
        /* The descriptor that the program polls stays the same, whatever the connection is. */
        bool watched = hub->epoll >= 0; /* with rings it is */
        if (!watched)
                hub->epoll = epoll_create1(EPOLL_CLOEXEC);
        hub->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (hub->epoll < 0 || hub->timer < 0 || epoll_ctl(hub->epoll, EPOLL_CTL_ADD, hub->timer, &event) < 0)
                return -errno;
        event.data.u64 = hub->links[0]->id;
        return watched ? 0 : epoll_ctl(hub->epoll, EPOLL_CTL_ADD, hub->links[0]->in.fd, &event) < 0 ? -errno : 0;
}

void hub_rests(struct hub *hub) {
        hub->pause_ns = 0;
        wait_a_while(hub);
}

void hub_gone(struct hub *hub) {
        if (!hub->again || hub->gone)
                return;
        hub->gone = true;
        /* One that was good for something was not refused: the pauses begin anew. Else whoever cuts us off is not asked without end. */
        if (hub->heard || leat_now() - hub->connected_at >= PAUSE_MOST_NS)
                hub->pause_ns = 0;
        wait_a_while(hub);
}

void hub_ended(const struct hub *hub, const struct link *link) {
        if (hub->again)
                hub_unwatch(hub, link); /* it would be readable for ever */
}

int hub_connect(struct leat_channel *channel, struct hub *hub) {
        struct io io = { .fd = -1, .kind = IO_SOCKET };
        struct leat_peer peer = { 0 };
        if (!hub->gone)
                return 0;
        if (hub->again_at > leat_now())
                return -EAGAIN;
        int r = hub->kind->connect(channel, &io, &peer);
        hub->connecting = r == -EAGAIN && hub->kind->arm_connect;
        if (hub->connecting) {
                set_timer(hub);
                return r;
        }
        if (r == 0)
                r = hub_replace_link(hub, io, &peer);
        if (r < 0) {
                wait_a_while(hub);
                return may_pass(r) ? -EAGAIN : r;
        }
        hub->gone = hub->heard = false;
        hub->lost = 0;
        hub->connected_at = leat_now();
        clear_timer(hub);
        return 0;
}

void hub_arm_connect(struct leat_channel *channel, const struct hub *hub, struct wait *wait) {
        if (hub->connecting)
                hub->kind->arm_connect(channel, wait);
        else
                wait_look_again(wait, hub->again_at);
}

int hub_connected(struct leat_channel *channel, uint64_t *ret_link) {
        struct hub *hub = channel->state;
        struct link *link = hub_find(hub, 0);
        /* What came over a lost one has been read. Nobody waits for more of it, unless it is the receiver. */
        if (hub->gone && !(channel->flags & LEAT_RECEIVE))
                link->ended = true;
        if (hub->listener >= 0 && link && link->broken)
                hub_cut(hub, link, 0);
        int r = hub->listener < 0 ? hub_connect(channel, hub) : 0;
        link = hub_find(hub, 0);
        if (r == 0 && hub->listener >= 0 && (!link || link->half)) {
                r = hub_look(channel, hub); /* the next partner may be at the door */
                link = hub_find(hub, 0);
                hub->lost_partner = false;
                r = r == 0 && !link ? -EAGAIN : r;
        }
        if (r < 0)
                return r;
        *ret_link = link->id;
        return 0;
}
