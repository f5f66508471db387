/* SPDX-License-Identifier: MIT */

/* Links with a ring: which of them are looked at, and how all of them are slept on (docs/design/shm.md, "Waiting"). */

#include "base/cleanup.h"
#include "channel/hub.h"
#include "channel/link_ring.h"
#include "memory/barrier.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#define TURN                                                                                                           \
        1024 /* messages until the epoll is asked again: this many take less than the call of the system does of others */
#define QUICK_OF_MANY 16 /* messages that come from one link in a row while there are others */
#define LIGHT_MOST 64    /* looks at memory alone that found nothing */
#define NO_BARRIER_MS 1  /* the other party's store may be on its way for so long, where nothing can be done about it */

/* ---- what is looked at ---- */

/* Edges: what a link is told of by its socket may have to lie there until its time comes. */
static int watch(const struct hub *hub, int fd, uint64_t id, uint32_t events) {
        struct epoll_event event = { .events = events | EPOLLIN | EPOLLET, .data.u64 = id };
        return fd < 0 || epoll_ctl(hub->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

int hub_ring_watch(const struct hub *hub, const struct link *link) {
        int r = watch(hub, link->in.fd, link->id, EPOLLRDHUP);
        if (r == 0)
                r = watch(hub, link->ring->wake_in, link->id, 0);
        return r < 0 ? r : watch(hub, link->ring->pidfd, link->id, 0);
}

void hub_ring_unwatch(const struct hub *hub, const struct link *link) {
        const int fds[] = { link->ring->wake_in, link->ring->pidfd };
        for (int i = 0; i < 2; i++)
                if (fds[i] >= 0)
                        (void)epoll_ctl(hub->epoll, EPOLL_CTL_DEL, fds[i], NULL);
}

void hub_ring_ended(const struct hub *hub, const struct link *link) {
        struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.u64 = link->id };
        (void)epoll_ctl(hub->epoll, EPOLL_CTL_MOD, link->in.fd, &event);
}

void hub_ring_enter(struct hub *hub, struct link *link) {
        if (link->ready)
                return;
        link->ready = true;
        list_insert(&hub->awake, &link->node);
}

/* A link is looked at now that was slept on: whoever still sleeps, or polls, would not be woken for it. */
static void rouse(struct leat_channel *channel, const struct hub *hub) {
        if (hub->sleepers == 0 && !hub->polled)
                return;
        wake_signal(&channel->wakes[DIRECTION_RECEIVE]);
        if (hub->sleepers > 0)
                wake_signal(&channel->wakes[DIRECTION_SEND]);
}

/*
 * A link is asleep, with its bit set and in no list; or it is in a list, and then nobody sleeps who was not roused since: each of them arms all that are
 * in the list before it sleeps. So between two sleeps a link may lose its bit to whoever looks first.
 */
void hub_ring_stir(struct leat_channel *channel, struct hub *hub, struct link *link) {
        link_ring_wakes(link->ring, RING_RECEIVER);
        hub_ring_enter(hub, link);
        rouse(channel, hub);
}

void hub_ring_event(struct leat_channel *channel, struct hub *hub, struct link *link) {
        link->ring->closely = true;
        if (link_ring_drains(link->ring) && link_ring_drain(link->ring) && hub->armed != 0)
                wake_signal(&channel->wakes[DIRECTION_SEND]); /* it sleeps on that socket itself */
        hub_ring_stir(channel, hub, link);
}

/* accept4() takes the connection away from its door before it is known whether there is room for the rest. */
bool hub_ring_has_room(const struct hub *hub) {
        struct pollfd door = { .fd = hub->listener, .events = POLLIN };
        int fds[LINK_RING_DESCRIPTORS], n = 0;
        errno = EAGAIN;
        if (poll(&door, 1, 0) <= 0)
                return false;
        for (; n < LINK_RING_DESCRIPTORS;
             n++) /* not the listener: a child that another thread forks now would keep its name alive */
                if ((fds[n] = fcntl(hub->epoll, F_DUPFD_CLOEXEC, 0)) < 0)
                        break;
        int error = errno;
        for (int i = 0; i < n; i++)
                close_fd(fds[i]);
        errno = error;
        return n == LINK_RING_DESCRIPTORS;
}

/* ---- for who polls ---- */

/* Make the epoll readable, at once or later. What it rings for is found by the look at all that it leads to, and that ends it. */
static void ring_bell(struct hub *hub, int in_ms) {
        const struct itimerspec at = { .it_value = { .tv_nsec = in_ms > 0 ? in_ms * 1000000L : 1 } };
        hub->bell_rings = timerfd_settime(hub->bell, 0, &at, NULL) == 0;
}

void hub_ring_end_bell(struct hub *hub) {
        const struct itimerspec never = { 0 };
        if (hub->bell_rings)
                hub->bell_rings = timerfd_settime(hub->bell, 0, &never, NULL) < 0;
}

/* ---- receiving ---- */

static void make_ready(struct hub *hub) {
        while (!list_empty(&hub->awake)) {
                struct list *node = hub->awake.next;
                list_remove(node);
                list_insert(&hub->ready, node);
        }
}

/* What waited for room is tried again. */
static void push(const struct hub *hub) {
        for (const struct list *node = hub->ready.next; node != &hub->ready; node = node->next) {
                struct link *link = CONTAINER_OF(node, struct link, node);
                if (link_wants_out(link) && link_flush(link) == 0 && hub->armed != link->id)
                        link_ring_wakes(link->ring, RING_SENDER);
        }
}

static int prepare_connected(struct leat_channel *channel, struct hub *hub) {
        /* The end of the lost one was told when it was read. */
        int r = hub->gone && hub->links[0]->ended ? hub_connect(channel, hub) : 0;
        if (r < 0)
                return r;
        return hub->links[0]->cut ? -ENODATA : 0;
}

static int look(struct leat_channel *channel, struct hub *hub) {
        hub->turn = TURN;
        hub->vain = 0;
        channel->quick_left = QUICK_OF_MANY;
        return hub_look(channel, hub);
}

/* Say for each that is looked at that this process sleeps. Does one of the other parties count on a barrier between that and the next look? */
static bool say_asleep(const struct hub *hub) {
        bool relied_on = false;
        for (const struct list *node = hub->awake.next; node != &hub->awake; node = node->next) {
                const struct link *link = CONTAINER_OF(node, struct link, node);
                if (!link->ring)
                        continue;
                relied_on |= link->ring->relied_on;
                if (link_wants_out(link)) /* a sender that sleeps on it may want more room */
                        link_ring_sleeps(link->ring, RING_SENDER);
                link_ring_sleeps(link->ring, RING_RECEIVER);
        }
        return relied_on;
}

static bool may_sleep(const struct link *link) {
        return !link->ring || (link_ring_may_sleep(link->ring, RING_RECEIVER) &&
                               (!link_wants_out(link) || link_ring_may_sleep(link->ring, RING_SENDER)));
}

/* Say that this process sleeps. 1: there is something after all. Where the barrier is refused a record may become visible a moment later: all stay in the
 * list, and are looked at again. wait: of the thread that sleeps; NULL: whoever polls does. */
static int sleep_on_all(struct hub *hub, struct wait *wait) {
        int r = 0;
        if (!list_empty(&hub->ready))
                return 1;
        if (list_empty(&hub->awake))
                return 0;
        bool sure = !say_asleep(hub) || barrier_all();
        if (!sure && wait)
                wait_look_again(wait, leat_in_ms(NO_BARRIER_MS));
        if (!sure && !wait)
                ring_bell(hub, NO_BARRIER_MS);
        for (struct list *next, *node = hub->awake.next; node != &hub->awake; node = next) {
                struct link *link = CONTAINER_OF(node, struct link, node);
                next = node->next;
                if (!may_sleep(link)) {
                        link_ring_wakes(link->ring, RING_RECEIVER);
                        r = 1;
                } else if (sure) {
                        link->ready = false;
                        list_remove(node);
                }
        }
        return r;
}

/* Is it enough to have looked at memory? Where something waits that only the epoll tells of, or this look is the only one, it is not. */
static bool light_will_do(const struct leat_channel *channel, struct hub *hub, const struct incoming *message) {
        return message->light && !list_empty(&hub->awake) && !hub->accept_blocked && !hub->accept_more &&
               hub->vain++ < LIGHT_MOST && !channel_is_interrupted(channel);
}

/* The sending thread sleeps on a socket from which the greeting was read here, or that is closed: nothing wakes it but us. */
static void tell_sender(struct leat_channel *channel, struct hub *hub) {
        struct link *link = hub->armed ? hub_find(hub, hub->armed) : NULL;
        if (hub->armed == 0 || (link && link->ring && !link->ended && !link->ring->greeted))
                return;
        if (link && link->ring)
                link->ring->greeted = false;
        wake_signal(&channel->wakes[DIRECTION_SEND]);
}

/* Likewise the receiving thread, which sleeps until there is a greeting, and knows of no ring. */
void hub_ring_sent(struct leat_channel *channel, struct hub *hub, struct link *link) {
        if (!link->ring || !link->ring->greeted)
                return;
        link->ring->greeted = false;
        hub_ring_stir(channel, hub, link);
}

static int try_all(struct leat_channel *channel, struct hub *hub, struct incoming *message) {
        make_ready(hub);
        push(hub);
        int r = hub_receive_in_turn(hub, message);
        tell_sender(channel, hub);
        if (hub->turn > 0)
                hub->turn--;
        if (r == 0) {
                hub->favourite = message->link;
                hub->vain = 0;
                struct link *link = hub_find(hub, message->link);
                hub_quick(hub, link && link->ring && !frame_order_open(&link->order) ? link : NULL);
                channel->quick_alone = hub->links_count == 1 && !hub->polled;
                channel->quick_left = hub->links_count > 1 ? QUICK_OF_MANY : TURN;
        }
        return r;
}

int hub_ring_receive(struct leat_channel *channel, struct hub *hub, struct incoming *message) {
        bool looked = false;
        hub_quick(hub, NULL);
        if (channel->quick_left == 0) /* many came since the epoll was asked */
                hub->turn = 0;
        int r = hub->listener < 0 ? prepare_connected(channel, hub) : 0;
        while (r == 0) {
                if (hub->turn == 0) {
                        r = look(channel, hub);
                        if (r < 0)
                                return r;
                        looked = true;
                }
                size_t links = hub->links_count;
                r = try_all(channel, hub, message);
                if (r == -EINPROGRESS) {
                        if (message->landing)
                                spin_progress(&channel->spins[message->landing - channel->landings]);
                        r = 0;
                        continue;
                }
                if (r == -EAGAIN && *message->reads == 0 && hub->polled) /* it gives up, and sleeps on nothing */
                        ring_bell(hub, 0);
                if (r != -EAGAIN || *message->reads == 0)
                        return r;
                if (!looked && light_will_do(channel, hub, message))
                        return r;
                r = 0;
                if (!looked || hub->links_count < links) { /* was there something new meanwhile? */
                        hub->turn = 0;
                        continue;
                }
                if (hub->polled && sleep_on_all(hub, NULL) != 0) {
                        looked = false;
                        --*message->reads;
                        continue;
                }
                return hub->listener >= 0 ? hub_tell_nothing(channel, hub) : -EAGAIN;
        }
        return r;
}

/* ---- sleeping ---- */

int hub_ring_arm_sender(struct leat_channel *channel, struct hub *hub, struct link *link, struct wait *wait) {
        struct link_ring *ring = link->ring;
        if (!ring)
                return 1;          /* it is lost: the next try says so */
        if (link_ring_drain(ring)) /* it may have been for the receiver */
                hub_ring_event(channel, hub, link);
        hub->armed = link->id;
        link_ring_sleeps(ring, RING_SENDER);
        if (!barrier_all() && ring->relied_on)
                wait_look_again(wait, leat_in_ms(NO_BARRIER_MS));
        if (!link_ring_may_sleep(ring, RING_SENDER) && !ring->lacks_socket)
                return 1;
        bool one = ring->peer && !atomic_load_explicit(&ring->peer->given, memory_order_acquire);
        wait_add(wait, ring->wake_in, POLLIN);
        wait_add(wait, link->in.fd,
                 (short)(POLLRDHUP | (ring->peer ? 0 : POLLIN) | (ring->lacks_socket ? POLLOUT : 0)));
        if (one)
                wait_add(wait, ring->pidfd, POLLIN);
        return 0;
}

int hub_ring_arm_receiver(struct hub *hub, struct wait *wait) {
        if (sleep_on_all(hub, wait) != 0)
                return 1;
        wait_add(wait, hub->epoll, POLLIN);
        return 0;
}

void hub_ring_disarm(struct leat_channel *channel, struct hub *hub, enum direction direction) {
        if (direction == DIRECTION_RECEIVE) {
                hub->sleepers--;
                hub->turn = hub->options.ring_bytes > 0 ? 0 : hub->turn; /* after the sleep the epoll is asked */
                return;
        }
        struct link *link = hub->armed ? hub_find(hub, hub->armed) : NULL;
        hub->armed = 0;
        if (!link || !link->ring)
                return;
        link_ring_wakes(link->ring, RING_SENDER);
        if (link_wants_out(link)) /* whoever sleeps as the receiver slept on that, too: it says so anew */
                hub_ring_stir(channel, hub, link);
}

static int make_bell(struct hub *hub) {
        struct epoll_event event = { .events = EPOLLIN };
        hub->bell = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (hub->bell < 0 || epoll_ctl(hub->epoll, EPOLL_CTL_ADD, hub->bell, &event) < 0) {
                int error = -errno;
                hub->bell = close_fd(hub->bell);
                return error;
        }
        return 0;
}

/* The receive that said -EAGAIN may have been before this: then there is nobody to wake it but us. */
int hub_ring_poll_fd(struct hub *hub) {
        int r = hub->bell < 0 ? make_bell(hub) : 0;
        if (r < 0)
                return r;
        hub->polled = true;
        hub_quick(hub, NULL); /* the next message makes quick_alone false */
        if (sleep_on_all(hub, NULL) != 0)
                ring_bell(hub, 0);
        return hub->epoll;
}

int hub_ring_give(struct hub *hub) {
        int r = 0;
        hub->given = true;
        for (size_t i = 0; r == 0 && i < hub->slots; i++)
                if (hub->links[i] && hub->links[i]->ring)
                        r = link_ring_give(hub->links[i]->ring);
        return r;
}
