/* SPDX-License-Identifier: MIT */

/* The links of a hub: accepting, finding, cutting off. */

#include "base/cleanup.h"
#include "channel/hub.h"
#include "channel/link_ring.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define LINK_BYTES (2 * WIRE_FRAME_BYTES)
#define ACCEPTS_AT_ONCE 64 /* connections, until those that are there get their turn */
#define HELD_MESSAGES 16   /* partial messages of the largest size that all links together may hold */

#define ID(number, slot) ((uint64_t)(number) << 24 | (uint64_t)(slot))

static int free_slot(struct hub *hub, size_t *ret_slot) {
        for (size_t i = 0; hub->links_count < hub->slots && i < hub->slots; i++)
                if (!hub->links[i]) {
                        *ret_slot = i;
                        return 0;
                }
        size_t slots = hub->slots ? hub->slots * 2 : 1;
        struct link **links = realloc(hub->links, slots * sizeof(struct link *));
        if (!links)
                return -ENOMEM;
        for (size_t i = hub->slots; i < slots; i++)
                links[i] = NULL;
        *ret_slot = hub->slots;
        hub->links = links;
        hub->slots = slots;
        return 0;
}

static uint32_t events_of(const struct link *link) {
        return EPOLLIN | (link_wants_out(link) ? (uint32_t)EPOLLOUT : 0);
}

static int watch(const struct hub *hub, const struct link *link) {
        struct epoll_event event = { .events = events_of(link), .data.u64 = link->id };
        return epoll_ctl(hub->epoll, EPOLL_CTL_ADD, link->in.fd, &event) < 0 ? -errno : 0;
}

int hub_take_in(struct hub *hub) {
        const struct link *link = hub->left_out ? hub_find(hub, hub->left_out) : NULL;
        int r = link ? watch(hub, link) : 0;
        if (r == 0)
                hub->left_out = 0;
        return r;
}

/*
 * A socket in an epoll tells it of each message, which costs its sender a tenth of a microsecond. So a receiver's only link is
 * left out, until there is a second one. It is read whenever the hub is, and who sleeps does so on its socket too.
 */
static int watch_new(struct hub *hub, struct link *link) {
        if (hub->epoll < 0)
                return 0;
        if (link->ring)
                return hub_ring_watch(hub, link);
        if (hub->may_leave_out && hub->links_count == 0) {
                hub->left_out = link->id;
                return 0;
        }
        int r = hub_take_in(hub);
        return r < 0 ? r : watch(hub, link);
}

/* Of the bytes of one that begins, and of all that is over, nothing waits in a ring. */
void hub_count_link(struct hub *hub, struct link *link) {
        struct counters *counters = hub->counters;
        counter_add(&counters->connections, 1);
        counter_add(&counters->connected, 1);
        counter_set(&counters->sent_before, counter_get(&counters->sent_bytes));
        if (link->ring)
                link->ring->wakes = &counters->wakes;
}

void hub_count_end(struct hub *hub, struct link *link, int error) {
        struct counters *counters = hub->counters;
        if (link->over)
                return;
        link->over = true;
        counter_add(error < 0 ? &counters->quarantined : &counters->hung_up, 1);
        counter_add(&counters->connections, UINT64_MAX);
        counter_add(&counters->received_gone, link->taken_bytes);
}

/* Of a hub that was given away all that comes is the child's too. */
static int new_link(const struct hub *hub, struct io in, struct io out, const struct leat_peer *peer,
                    struct link **ret_link) {
        struct link *link;
        int r = link_new(in, out, &hub->options, peer, &link);
        if (r < 0)
                return r;
        r = link->ring && hub->given ? link_ring_give(link->ring) : 0;
        if (r < 0)
                link_free(link);
        else
                *ret_link = link;
        return r;
}

int hub_add_link(struct hub *hub, struct io in, struct io out, const struct leat_peer *peer, struct link **ret_link) {
        struct link *link;
        size_t slot = 0;
        int r = new_link(hub, in, out, peer, &link);
        if (r < 0)
                return r;
        r = free_slot(hub, &slot);
        if (r == 0) {
                link->id = ID(++hub->next_id, slot);
                r = watch_new(hub, link);
        }
        if (r < 0) {
                link_free(link);
                return r;
        }
        link->total = &hub->held;
        hub->links[slot] = link;
        hub->links_count++;
        hub->had_link = true;
        hub->lost_partner = false;
        hub_count_link(hub, link);
        if (link->ring)
                hub_ring_enter(hub, link);
        if (ret_link)
                *ret_link = link;
        return 0;
}

int hub_replace_link(struct hub *hub, struct io io, const struct leat_peer *peer) {
        struct link *link, *old = hub->links[0];
        int r = new_link(hub, io, io, peer, &link);
        if (r < 0)
                return r;
        link->id = ID(++hub->next_id, 0);
        r = watch_new(hub, link);
        if (r < 0) {
                link_free(link);
                return r;
        }
        hub_unwatch(hub, old);
        hub_quick(hub, NULL);
        hub_count_end(hub, old, 0);
        hub_count_link(hub, link);
        link_free(old);
        link->total = &hub->held;
        hub->links[0] = link;
        if (link->ring)
                hub_ring_enter(hub, link);
        return 0;
}

void hub_unwatch(const struct hub *hub, const struct link *link) {
        if (hub->epoll < 0)
                return;
        if (link->id != hub->left_out)
                (void)epoll_ctl(hub->epoll, EPOLL_CTL_DEL, link->in.fd, NULL);
        if (link->ring)
                hub_ring_unwatch(hub, link);
}

void hub_watch(struct leat_channel *channel, struct hub *hub, struct link *link) {
        struct epoll_event event = { .events = events_of(link), .data.u64 = link->id };
        if (link->ring)
                hub_ring_stir(channel, hub, link);
        else if (hub->epoll >= 0 && link->id != hub->left_out)
                (void)epoll_ctl(hub->epoll, EPOLL_CTL_MOD, link->in.fd, &event); /* of a link that is in it */
}

/* As the kernel would, were it asked to: what has come is read, then it is the end, and what waited to be sent is gone. */
static void give_up(struct link *link) {
        link->lost = -ETIMEDOUT;
        link_reset_at_close(link, true);
        (void)shutdown(link->in.fd, SHUT_RDWR); /* it may be gone by now */
}

void hub_find_silent(const struct leat_channel *channel, struct hub *hub) {
        if (hub->silence_at > leat_now())
                return;
        hub->silence_at = leat_in_ns(hub->silence_ns);
        for (size_t i = 0; i < hub->slots; i++) {
                struct link *link = hub->links[i];
                if (link && link->in.fd >= 0 && !link->lost && hub->kind->is_silent(channel, link))
                        give_up(link);
        }
}

/* events: 0, they are as if out of the epoll. */
static int watch_listeners(const struct hub *hub, uint32_t events) {
        struct epoll_event event = { .events = events, .data.u64 = 0 };
        int r = epoll_ctl(hub->epoll, EPOLL_CTL_MOD, hub->listener, &event);
        return r < 0 || hub->twin < 0 ? r : epoll_ctl(hub->epoll, EPOLL_CTL_MOD, hub->twin, &event);
}

/* Put the listening socket back into the epoll after a descriptor became free. */
static void unblock_accept(struct hub *hub) {
        if (!hub->accept_blocked)
                return;
        hub->accept_blocked = watch_listeners(hub, EPOLLIN) < 0;
        hub->accept_told = hub->accept_blocked;
}

void hub_cut(struct hub *hub, struct link *link, int refusal) {
        /* Closing would do, if no one else held it open: a child between fork and exec may. */
        hub_unwatch(hub, link);
        hub_quick(hub, NULL);
        if (refusal < 0) {
                link_refuse(link, refusal);
                counter_add(&hub->counters->refused, 1);
        }
        hub_count_end(hub, link, refusal);
        hub->links[HUB_SLOT(link->id)] = NULL;
        hub->links_count--;
        if (link->id == hub->left_out)
                hub->left_out = 0;
        hub->lost_partner = hub->one_only;
        if (link->ready)
                list_remove(&link->node);
        link_free(link);
        unblock_accept(hub);
}

/* One connection too many: say so and close it. */
static void turn_away(struct hub *hub, int fd) {
        struct link *link;
        struct io io = { .fd = fd, .kind = IO_SOCKET };
        struct link_options options = hub->options;
        options.resets = options.network && options.framing != FRAMING_LEAT; /* which has no word for it */
        options.ring_bytes = 0;                                              /* which has been told to nobody */
        counter_add(&hub->counters->refused, 1);
        if (link_new(io, io, &options, &(struct leat_peer){ 0 }, &link) < 0)
                return;
        link_refuse(link, -EBUSY);
        link_free(link);
}

static bool is_shortage(int error) {
        return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS;
}

/* What befell a connection before it was accepted (accept(2) passes it on): no business of the receiver, nor of the others. */
static bool is_its_own(int error) {
        return error == -EPROTO || error == -ENONET || error == -ECONNRESET || link_is_loss(error);
}

/* Of a pair: is our partner gone, and what it sent not yet read to its end? Then the next one waits at the door. */
static bool is_leaving(const struct hub *hub) {
        const struct link *link = hub->one_only ? hub_find(hub, 0) : NULL;
        struct pollfd state = { .fd = link && !link->half ? link->in.fd : -1, .events = POLLRDHUP };
        int ends = POLLHUP |
                   (hub->options.framing == FRAMING_LEAT ? POLLRDHUP : 0); /* bare bytes end one direction alone */
        return state.fd >= 0 && poll(&state, 1, 0) > 0 && (state.revents & ends);
}

static int accept_one(struct leat_channel *channel, struct hub *hub) {
        if (is_leaving(hub))
                return -EAGAIN;
        if (hub->options.ring_bytes > 0 && !hub_ring_has_room(hub))
                return -errno;
        int fd = accept4(hub->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && errno == EAGAIN && hub->twin >= 0)
                fd = accept4(hub->twin, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
                return -errno;
        struct link *half = hub->one_only ? hub_find(hub, 0) : NULL;
        if (half && half->half)
                hub_cut(hub, half, 0); /* there is a whole one now */
        if (hub->links_count >= hub->links_max) {
                turn_away(hub, fd);
                return 0;
        }
        struct leat_peer peer = { 0 };
        int r = hub->kind->accepted(channel, fd, &peer);
        if (r < 0) {
                close_fd(fd);
                return 0; /* it went before we could look */
        }
        struct io io = { .fd = fd, .kind = IO_SOCKET };
        struct link *link;
        r = hub_add_link(hub, io, io, &peer, &link);
        if (r < 0)
                return r;
        if (link->ring)
                hub_ring_event(channel, hub, link);
        else {
                link->ready = true; /* it may have sent already: look at once */
                list_insert(&hub->ready, &link->node);
        }
        /* A thread that waits for its partner sleeps on the listener, where there is nothing to see any more. */
        if (hub->one_only)
                wake_signal(&channel->wakes[DIRECTION_SEND]);
        return 0;
}

/* accept4() wants a descriptor before it looks whether a connection waits. */
static bool someone_waits(const struct hub *hub) {
        struct pollfd doors[2] = { { .fd = hub->listener, .events = POLLIN }, { .fd = hub->twin, .events = POLLIN } };
        return poll(doors, 2, 0) > 0;
}

int hub_accept(struct leat_channel *channel, struct hub *hub) {
        int r, left = ACCEPTS_AT_ONCE;
        do
                r = accept_one(channel, hub);
        while ((r == 0 || r == -EINTR || is_its_own(r)) && --left > 0);
        hub->accept_more = left == 0 && someone_waits(hub); /* the epoll says so again */
        if (hub->accept_more && hub->twin >= 0) {           /* the other one's turn: a flood on one starves no other */
                int first = hub->listener;
                hub->listener = hub->twin;
                hub->twin = first;
        }
        if (r == -EAGAIN)
                unblock_accept(hub);
        if (left == 0 || r == -EAGAIN || (r == -EMFILE && !someone_waits(hub)))
                return 0;
        if (!is_shortage(r))
                return r;
        /* It would be reported ready for ever while nothing can be done about it. */
        (void)watch_listeners(hub, 0);
        hub->accept_blocked = true;
        hub->accept_error = r;
        return 0;
}

static void cut_heaviest(struct hub *hub, size_t (*weigh)(const struct link *link)) {
        struct link *most = NULL;
        for (size_t i = 0; i < hub->slots; i++)
                if (hub->links[i] && (!most || weigh(hub->links[i]) > weigh(most)))
                        most = hub->links[i];
        if (most)
                hub_cut(hub, most, -ENOBUFS);
}

/* No more than half of what the process may have: honest peers need some too. */
static size_t descriptors_limit(void) {
        size_t limit = HELD_MESSAGES * LEAT_DESCRIPTORS_MAX;
        struct rlimit files;
        return getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 2 < limit ? files.rlim_cur / 2 : limit;
}

void hub_bound(struct hub *hub) {
        /* Every link may have its buffer; beyond that they share. */
        uint64_t limit =
                HELD_MESSAGES * (hub->options.largest_bytes + WIRE_FRAME_BYTES) + hub->links_count * LINK_BYTES;
        if (hub->held.bytes > limit)
                cut_heaviest(hub, link_held_bytes);
        if (hub->held.descriptors > LEAT_DESCRIPTORS_MAX && hub->held.descriptors > descriptors_limit())
                cut_heaviest(hub, link_held_descriptors);
}

int hub_look(struct leat_channel *channel, struct hub *hub) {
        struct epoll_event events[64];
        int r = 0, n;
        if (hub->epoll < 0)
                return 0;
        hub_ring_end_bell(hub);
        struct link *alone = hub->left_out ? hub_find(hub, hub->left_out) : NULL;
        if (alone && link_wants_out(alone)) /* the epoll does not tell of room for it */
                (void)link_flush(alone);
        if (hub->accept_blocked) /* a program that never sleeps here asks this way */
                r = hub_accept(channel, hub);
        do {
                n = epoll_wait(hub->epoll, events, 64, 0);
                for (int i = 0; i < n; i++) {
                        if (events[i].data.u64 == 0) {
                                r = hub->listener >= 0 ? hub_accept(channel, hub) : 0; /* or it is the timer */
                                continue;
                        }
                        struct link *link = hub_find(hub, events[i].data.u64);
                        if (link && link->ring) {
                                hub_ring_event(channel, hub, link);
                                continue;
                        }
                        if (link && (events[i].events & EPOLLOUT)) {
                                (void)link_flush(link); /* an error shows when it is read */
                                hub_watch(channel, hub, link);
                        }
                        if (link && !link->ready && (events[i].events & ~(uint32_t)EPOLLOUT)) {
                                link->ready = true;
                                list_insert(&hub->ready, &link->node);
                        }
                }
        } while (n == 64 && r == 0 && list_empty(&hub->ready));
        return n < 0 ? -errno : r;
}
