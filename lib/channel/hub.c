/* SPDX-License-Identifier: MIT */
#include "channel/hub.h"

#include "base/cleanup.h"
#include "base/rare.h"
#include "channel/link_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define VAIN_MOST 4 /* looks at the favourite alone, until the epoll is asked again */
#define TURN 64     /* messages until the epoll is asked again, so that accepting never starves */
#define NS_IN_S INT64_C(1000000000)
#define BLOCKED_LOOK_AGAIN_MS 100 /* no event tells that a descriptor became free elsewhere in this process */

/* ---- making one ---- */

struct link_options hub_link_options(const struct leat_channel *channel) {
        bool each_sender = address_given(&channel->address, OPTION_WHO) && channel->address.who == 1;
        return (struct link_options){
                .framing = (enum framing)channel->address.framing,
                .largest_bytes = channel->largest_bytes,
                .credentials = each_sender,
                .each_sender = each_sender,
        };
}

static struct hub *hub_free(struct hub *hub) {
        if (!hub)
                return NULL;
        for (size_t i = 0; i < hub->slots; i++)
                link_free(hub->links[i]);
        close_fd(hub->listener);
        close_fd(hub->twin);
        close_fd(hub->epoll);
        close_fd(hub->timer);
        close_fd(hub->bell);
        free(hub->links);
        free(hub->buffer);
        free(hub);
        return NULL;
}

static void hub_free_at(struct hub **hub) {
        hub_free(*hub);
}

static struct hub *hub_new(const struct leat_channel *channel, const struct hub_kind *kind,
                           const struct link_options *options) {
        struct hub *hub = calloc(1, sizeof(struct hub));
        if (!hub)
                return NULL;
        hub->kind = kind;
        hub->counters = channel->counters;
        hub->options = *options;
        hub->listener = hub->twin = hub->epoll = hub->timer = hub->bell = -1;
        hub->links_max = 1;
        list_init(&hub->ready);
        list_init(&hub->awake);
        return hub;
}

static void install(struct leat_channel *channel, struct hub *hub, void *context) {
        hub->context = context;
        if (hub->kind->is_silent && address_given(&channel->address, OPTION_KEEPALIVE))
                hub->silence_ns = (int64_t)channel->address.keepalive * (NS_IN_S / 2);
        if (hub->options.ring_bytes > 0 && !channel->again.on && !channel->acknowledges)
                hub->quick = !channel->both_ways                                           ? &channel->quick
                             : channel->flags == LEAT_CALL || channel->flags == LEAT_REPLY ? &channel->quick_call
                                                                                           : NULL;
        channel->state = hub;
        channel->operations = &hub_operations;
}

int hub_new_connected(struct leat_channel *channel, const struct hub_kind *kind, void *context,
                      const struct link_options *options, struct io in, struct io out, const struct leat_peer *peer) {
        CLEANUP(hub_free_at) struct hub *hub = hub_new(channel, kind, options);
        if (!hub) {
                close_fd(in.fd);
                if (out.fd != in.fd)
                        close_fd(out.fd);
                return -ENOMEM;
        }
        if (options->ring_bytes > 0 && (hub->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0) {
                int error = -errno;
                close_fd(in.fd);
                return error;
        }
        int r = hub_add_link(hub, in, out, peer, NULL);
        if (r == 0)
                r = hub_reconnects(channel, hub);
        if (r < 0)
                return r;
        install(channel, TAKE(hub), context);
        return 0;
}

int hub_new_listening(struct leat_channel *channel, const struct hub_kind *kind, void *context,
                      const struct link_options *options, int listener) {
        CLEANUP(hub_free_at) struct hub *hub = hub_new(channel, kind, options);
        if (!hub) {
                close_fd(listener);
                return -ENOMEM;
        }
        hub->listener = listener;
        hub->one_only = channel->declaration->pattern == LEAT_PAIR || (channel->flags & LEAT_SEND);
        hub->may_leave_out = !hub->one_only && !channel->both_ways;
        hub->links_max = hub->one_only ? 1 : channel->address.connections;
        hub->epoll = epoll_create1(EPOLL_CLOEXEC);
        struct epoll_event event = { .events = EPOLLIN, .data.u64 = 0 };
        if (hub->epoll < 0 || epoll_ctl(hub->epoll, EPOLL_CTL_ADD, listener, &event) < 0)
                return -errno;
        install(channel, TAKE(hub), context);
        return 0;
}

int hub_add_listener(struct leat_channel *channel, int listener) {
        struct hub *hub = channel->state;
        struct epoll_event event = { .events = EPOLLIN, .data.u64 = 0 };
        hub->twin = listener;
        return epoll_ctl(hub->epoll, EPOLL_CTL_ADD, listener, &event) < 0 ? -errno : 0;
}

/* ---- giving up a link ---- */

/* Close the way in without losing the number of the descriptor: the program may be polling it (leat_fd), and is to see
 * that there is something to learn. */
static void hang_up(const struct io *io) {
        if (io->kind == IO_SOCKET) {
                (void)shutdown(io->fd, SHUT_RDWR); /* it is connected, or gone already */
                return;
        }
        CLOSE_AT_EXIT int ready = eventfd(1, EFD_CLOEXEC);
        if (ready >= 0)
                (void)dup3(ready, io->fd, O_CLOEXEC);
}

/* An ordinary program that ends what it sends may still want its answer. On TCP that looks like a close, until it refuses a message. */
static bool is_half_closed(const struct hub *hub, const struct link *link, int error) {
        return error == -ENODATA && hub->one_only && hub->options.network && hub->options.framing != FRAMING_LEAT &&
               !link->broken && !link->lost;
}

/* It is the end for the receiver; the sender still has it, until there is another partner. */
static void keep_half(struct hub *hub, struct link *link) {
        link->half = true;
        (void)epoll_ctl(hub->epoll, EPOLL_CTL_DEL, link->in.fd, NULL); /* it would be readable for ever */
}

/* A link said something other than a message. */
ASIDE int hub_lose_link(struct hub *hub, struct link *link, int error) {
        bool breach = error != -ENODATA && error != -ECONNREFUSED;
        hub_quick(hub, NULL);
        hub->lost = link->lost;
        if (hub->listener >= 0 && is_half_closed(hub, link, error)) {
                keep_half(hub, link);
                return -EAGAIN;
        }
        if (hub->listener >= 0) {
                hub_cut(hub, link, breach ? error : 0);
                return breach ? error : -EAGAIN; /* one sender less is not the end */
        }
        /* The only link: it stays, so that what was learned of it is told each time. */
        link->ended = true;
        hub_count_end(hub, link, breach ? error : 0);
        if (link->ring)
                hub_ring_ended(hub, link);
        link_forget_input(link);
        hub_gone(hub);
        hub_ended(hub, link);
        if (!breach || link->cut)
                return error;
        link->cut = true;
        link_refuse(link, error);
        counter_add(&hub->counters->refused, 1);
        if (link->in.fd >= 0)
                hang_up(&link->in);
        if (link->out.fd >= 0 && link->out.fd != link->in.fd)
                hang_up(&link->out);
        return error;
}

/* ---- sending ---- */

/* The link that a message goes to: the one that it began on, if it did. */
static struct link *find_for(const struct hub *hub, const struct outgoing *message) {
        return hub_find(hub, message->began ? message->began : message->link);
}

/* Something waits in a link until there is room for it. Whoever sleeps as the receiver looks out for that, or is made to:
 * the sending thread may not come back. */
static ASIDE void look_out(struct leat_channel *channel, struct hub *hub, struct link *link) {
        hub_watch(channel, hub, link);
        if (hub->epoll < 0)
                wake_signal(&channel->wakes[DIRECTION_RECEIVE]);
}

static void watch_out(struct leat_channel *channel, struct hub *hub, struct link *link) {
        if (link_wants_out(link))
                look_out(channel, hub, link);
}

/* It was not closed: the network lost it. */
static int explain_loss(struct leat_channel *channel, int error) {
        return channel_refuse(
                channel, error, LEAT_ROW_DEATH,
                "the connection was not closed: the other end fell silent (?keepalive=) or can no longer be "
                "reached, and the kernel gave it up");
}

/* Nobody can be accepted at present. */
static int explain_shortage(struct leat_channel *channel, int error) {
        struct leat_reason why;
        if (error != -ENFILE) /* EMFILE is explained by the receive, like that of descriptors that came */
                return error;
        reason_limit(&why, error, "fs.file-max", "the system has no descriptor left for another connection");
        channel_remember(channel, &why);
        return error;
}

/* It refused a message: nobody is there. One that was kept to be sent to goes, and that is told now. */
static void refused(struct hub *hub, struct link *link) {
        link->broken = true;
        if (!link->half)
                return;
        hub_cut(hub, link, 0);
        hub->lost_partner = false;
}

/* There is no link for this message: our partner may be at the door. 0, and *ret_link. */
static ASIDE int find_partner(struct leat_channel *channel, struct hub *hub, const struct outgoing *message,
                              struct link **ret_link) {
        if (hub->listener >= 0 && message->link == 0 && message->began == 0) {
                int r = hub_look(channel, hub);
                *ret_link = hub_find(hub, 0);
                if (*ret_link)
                        return 0;
                r = r < 0 ? r : hub->lost_partner ? -EPIPE : -EAGAIN;
                hub->lost_partner = false;
                return r;
        }
        if (message->began != 0)
                hub->lost_partner = false; /* it is told now */
        return -EPIPE;
}

/* Nobody is there any more. */
static RARE int send_broke(struct leat_channel *channel, struct hub *hub, struct link *link) {
        if (link->lost)
                (void)explain_loss(channel, -EPIPE);
        refused(hub, link);
        if (hub->listener < 0) {
                hub_count_end(hub, link, 0);
                hub_gone(hub);
        }
        return -EPIPE;
}

/* went_on: a part of the first went. */
static ASIDE void sent_by_ring(struct leat_channel *channel, struct hub *hub, struct link *link, bool went_on, int r) {
        bool quick = r > 0 && !link->cut && link->ring->peer && !link_has_rest(link);
        if (r == -EAGAIN && went_on) /* its next part waits for itself */
                spin_progress(&channel->spins[DIRECTION_SEND]);
        hub_ring_sent(channel, hub, link);
        if (hub->listener < 0 || !quick) /* of one that listens it is where the next comes from */
                hub_quick(hub, quick ? link : NULL);
        if (r == -EBADMSG) /* it lies about what it read */
                (void)hub_lose_link(hub, link, r);
}

/* As many as go with one write: an error is always the first one's, and so is told. */
static int hub_send(struct leat_channel *channel, struct outgoing *messages, int count) {
        struct hub *hub = channel->state;
        hub_look_for_silence(channel, hub);
        struct link *link = find_for(hub, messages);
        int r = link ? 0 : find_partner(channel, hub, messages, &link);
        if (r < 0)
                return r;
        size_t sent = messages->sent;
        r = link->cut ? -EPIPE : link_send_many(link, messages, count);
        for (int i = 0; i < count && (i <= r || i == 0); i++)
                messages[i].began = messages[i].sent > 0 || i < r
                                            ? link->id
                                            : 0; /* one that did not begin another partner may have */
        if (r > 0)
                watch_out(channel, hub, link); /* what waited for the end of these */
        if (link->ring)
                sent_by_ring(channel, hub, link, messages->sent > sent, r);
        return r == -EPIPE ? send_broke(channel, hub, link) : r;
}

static int hub_push(struct leat_channel *channel) {
        struct hub *hub = channel->state;
        int r = 0;
        for (size_t i = 0; i < hub->slots; i++) {
                int pushed = hub->links[i] && link_wants_out(hub->links[i]) ? link_flush(hub->links[i]) : 0;
                r = pushed < 0 ? pushed : r;
        }
        return r;
}

static void hub_park(struct leat_channel *channel, struct outgoing *message) {
        struct hub *hub = channel->state;
        struct link *link = find_for(hub, message);
        if (link && link_park(link, message) < 0)
                (void)hub_lose_link(hub, link, -ENOMEM);
        else if (link)
                watch_out(channel, hub, link);
}

static void hub_taken(struct leat_channel *channel, uint64_t id, uint64_t sequence) {
        struct hub *hub = channel->state;
        struct link *link = hub_find(hub, id);
        if (!link || link->cut)
                return;
        int r = link_taken(link, sequence);
        if (r == -ENOBUFS)
                (void)hub_lose_link(hub, link, r);
        else if (link_wants_out(link))
                hub_watch(channel, hub, link);
}

/* ---- receiving ---- */

/* What comes whole is dealt with as soon as it is read: one buffer serves all links, but those that hold a part of a frame. */
USUAL void lend_buffer(struct hub *hub, struct link *link) {
        if (link->buffer)
                return;
        link->buffer = TAKE(hub->buffer);
        link->capacity = hub->capacity;
        hub->capacity = 0;
}

USUAL void take_back_buffer(struct hub *hub, struct link *link) {
        if (link->begin < link->end)
                return;
        if (hub->buffer)
                free(link->buffer);
        else {
                hub->buffer = link->buffer;
                hub->capacity = link->capacity;
        }
        link->buffer = NULL;
        link->capacity = 0;
}

USUAL int receive_from(struct hub *hub, struct link *link, struct incoming *message) {
        lend_buffer(hub, link);
        int r = link_receive(link, message);
        if (r == 0)
                hub_heard(hub);
        take_back_buffer(hub, link);
        link_count(link);
        if (r == 0 || r == -EAGAIN || r == -EINPROGRESS || r == -EMSGSIZE ||
            (r == -EMFILE && !(link->ring && link->ring->failed < 0)))
                return r;
        return hub_lose_link(hub, link, r);
}

USUAL int receive_connected(struct leat_channel *channel, struct hub *hub, struct incoming *message) {
        /* The end of the lost one was told when it was read. */
        int r = hub->gone && hub->links[0]->ended ? hub_connect(channel, hub) : 0;
        struct link *link = hub->links[0];
        if (r < 0)
                return r;
        if (link_wants_out(link))
                (void)link_flush(link);
        if (link->cut)
                return -ENODATA;
        do
                r = receive_from(hub, link, message);
        while (r == -EINPROGRESS);
        return r;
}

static bool is_at_the_end(const struct hub *hub) {
        const struct link *half = hub->one_only ? hub_find(hub, 0) : NULL;
        return (hub->links_count == 0 || (half && half->half)) && hub->had_link && !hub->accept_blocked &&
               !hub->accept_more;
}

int hub_tell_nothing(struct leat_channel *channel, struct hub *hub) {
        if (is_at_the_end(hub)) {
                hub->had_link = channel->aside.messages > 0; /* until those are received it is told again */
                return -ENODATA;
        }
        if (hub->accept_blocked && !hub->accept_told) {
                hub->accept_told = true;
                return explain_shortage(channel, hub->accept_error);
        }
        return -EAGAIN;
}

USUAL int receive_in_turn(struct hub *hub, struct incoming *message) {
        while (!list_empty(&hub->ready)) {
                struct link *link = CONTAINER_OF(hub->ready.next, struct link, node);
                uint64_t id = link->id;
                int r = receive_from(hub, link, message);
                if (!hub_find(hub, id)) { /* it is gone */
                        if (r != -EAGAIN)
                                return r;
                        continue;
                }
                if (r == -EAGAIN) {
                        list_remove(&link->node);
                        link->ready = false;
                        if (link->ring) /* it is looked at again, until somebody sleeps */
                                hub_ring_enter(hub, link);
                        hub_bound(hub); /* a part of a message may have come */
                        continue;
                }
                if (link->node.next != &hub->ready) {
                        list_remove(&link->node);
                        list_insert(&hub->ready, &link->node); /* to the end of the ring */
                }
                if (r != -EINPROGRESS)
                        return r;
                hub_bound(hub);
                if (hub->turn == 0)
                        return -EINPROGRESS;
                hub->turn--;
        }
        return -EAGAIN;
}

int hub_receive_in_turn(struct hub *hub, struct incoming *message) {
        return receive_in_turn(hub, message);
}

/* Who waits looks again, or sleeps until anything comes: may it look at one link alone, and at which? What no sleep would be ended by must
 * be looked for: the end of a half is not in the epoll. */
static struct link *find_favourite(const struct hub *hub, const struct incoming *message) {
        if (!message->patient || hub->accept_blocked || hub->accept_more || hub->favourite == 0)
                return NULL;
        struct link *link = hub_find(hub, hub->favourite);
        return link && !link->half ? link : NULL;
}

static bool looks_at_one(const struct hub *hub, const struct incoming *message) {
        return hub->vain < VAIN_MOST && find_favourite(hub, message);
}

/* Where the first look goes: after a sleep too it is likely the only link that ended it. All are looked at if it did not. Of one that
 * the epoll does not know this look is all. */
static void look_at_favourite(struct hub *hub, const struct incoming *message) {
        bool likely = hub->vain < VAIN_MOST || hub->links_count == 1;
        struct link *link = NULL;
        if (list_empty(&hub->ready) && hub->left_out != 0)
                link = hub_find(hub, hub->left_out);
        else if (list_empty(&hub->ready) && likely)
                link = find_favourite(hub, message);
        if (!link)
                return;
        if (link_wants_out(link))
                (void)link_flush(link); /* an error shows when it is read */
        link->ready = true;
        list_insert(&hub->ready, &link->node);
}

static int receive_listening(struct leat_channel *channel, struct hub *hub, struct incoming *message) {
        bool looked = false;
        look_at_favourite(hub, message);
        while (true) {
                if (hub->turn == 0 || list_empty(&hub->ready)) {
                        int r = hub_look(channel, hub);
                        if (r < 0)
                                return r;
                        hub->turn = TURN;
                        hub->vain = 0;
                        looked = list_empty(&hub->ready);
                }
                int r = receive_in_turn(hub, message);
                if (hub->turn > 0)
                        hub->turn--;
                if (r == -EINPROGRESS)
                        continue;
                if (r == 0) {
                        hub->favourite = message->link;
                        hub->vain = 0;
                }
                if (r != -EAGAIN || *message->reads == 0)
                        return r;
                if (!looked && looks_at_one(hub, message)) {
                        hub->vain++;
                        return r;
                }
                if (!looked)
                        continue; /* links were emptied or lost: was there something new meanwhile? */
                return hub_tell_nothing(channel, hub);
        }
}

static int hub_receive(struct leat_channel *channel, struct incoming *messages, int count) {
        struct hub *hub = channel->state;
        int done = 0, r = 0;
        hub_look_for_silence(channel, hub);
        for (; done < count && r == 0; done++) {
                struct incoming *message = &messages[done];
                message->about.sender = (struct leat_peer){ 0 };
                r = hub->options.ring_bytes > 0 ? hub_ring_receive(channel, hub, message)
                    : hub->listener >= 0        ? receive_listening(channel, hub, message)
                                                : receive_connected(channel, hub, message);
                if (r < 0)
                        break;
        }
        if (done == 0 && r == -ENODATA && hub->lost)
                return explain_loss(channel, r);
        return done > 0 ? done : r;
}

/* ---- waiting ---- */

static int arm_link(struct leat_channel *channel, struct link *link, enum direction direction, struct wait *wait) {
        if (link->options.ring_bytes > 0)
                return direction == DIRECTION_RECEIVE ? hub_ring_arm_receiver(channel->state, wait)
                                                      : hub_ring_arm_sender(channel, channel->state, link, wait);
        bool out = direction == DIRECTION_SEND || link_wants_out(link);
        if (link->in.fd == link->out.fd) {
                wait_add(wait, link->in.fd,
                         (short)((direction == DIRECTION_RECEIVE ? POLLIN : 0) | (out ? POLLOUT : 0)));
                return 0;
        }
        if (direction == DIRECTION_RECEIVE)
                wait_add(wait, link->in.fd, POLLIN);
        if (out)
                wait_add(wait, link->out.fd, POLLOUT);
        return 0;
}

static void wait_add_listeners(const struct hub *hub, struct wait *wait) {
        wait_add(wait, hub->listener, POLLIN);
        wait_add(wait, hub->twin, POLLIN);
}

static int hub_arm(struct leat_channel *channel, enum direction direction, struct wait *wait) {
        struct hub *hub = channel->state;
        hub->sleepers += direction == DIRECTION_RECEIVE;
        if (hub->silence_ns > 0) {
                hub_look_for_silence(channel, hub);
                wait_look_again(wait, hub->silence_at);
        }
        if (hub->listener < 0) {
                if (hub->gone && (hub->links[0]->ended || direction == DIRECTION_SEND)) {
                        hub_arm_connect(channel, hub, wait);
                        return 0;
                }
                if (hub->links[0]->cut)
                        return 1;
                return arm_link(channel, hub->links[0], direction, wait);
        }
        if (hub->accept_blocked) {
                int r = hub_accept(channel, hub);
                if (r < 0 || !list_empty(&hub->ready))
                        return 1;
                wait_look_again(wait, leat_in_ms(BLOCKED_LOOK_AGAIN_MS));
        }
        hub->vain = VAIN_MOST; /* the look after the sleep is at all, if the first one finds nothing */
        if (direction == DIRECTION_RECEIVE && hub->options.ring_bytes > 0)
                return hub_ring_arm_receiver(hub, wait);
        if (direction == DIRECTION_RECEIVE) {
                wait_add(wait, hub->epoll, POLLIN);
                if (hub->left_out != 0)
                        return arm_link(channel, hub_find(hub, hub->left_out), direction, wait);
        } else if (hub->links_count == 0 && channel->engaged == 0 && !hub->lost_partner)
                wait_add_listeners(hub, wait);
        else {
                struct link *link = hub_find(hub, channel->engaged ? channel->engaged : channel->send_link);
                return link ? arm_link(channel, link, direction, wait) : 1; /* it went: the next try says so */
        }
        return 0;
}

static void hub_disarm(struct leat_channel *channel, enum direction direction) {
        struct hub *hub = channel->state;
        hub_ring_disarm(channel, hub, direction);
}

static bool hub_hears(struct leat_channel *channel) {
        struct hub *hub = channel->state;
        return hub->listener >= 0 || hub->links[0]->in.fd >= 0;
}

static bool hub_lives(struct leat_channel *channel, uint64_t id) {
        const struct hub *hub = channel->state;
        const struct link *link = hub_find(hub, id);
        return link && !link->cut && !link->broken && !hub->gone;
}

static bool hub_unread(struct leat_channel *channel) {
        const struct hub *hub = channel->state;
        for (size_t i = 0; i < hub->slots; i++) /* of a pair there is one */
                if (hub->links[i] && hub->links[i]->begin < hub->links[i]->end)
                        return true;
        return false;
}

static int hub_poll_fd(struct leat_channel *channel) {
        struct hub *hub = channel->state;
        if (hub->options.ring_bytes > 0)
                return hub_ring_poll_fd(hub);
        hub->may_leave_out = false;
        int r = hub_take_in(hub);
        if (r < 0)
                return r;
        return hub->epoll >= 0 ? hub->epoll : hub->links[0]->in.fd;
}

/* ---- the rest ---- */

static void hub_info(struct leat_channel *channel, struct leat_info *info) {
        struct hub *hub = channel->state;
        uint64_t queued = 0;
        for (size_t i = 0; i < hub->slots; i++) {
                int bytes = 0;
                struct link *link = hub->links[i];
                if (link && link->ring)
                        queued += link_ring_unread(link->ring);
                else if (link && link->in.fd >= 0 && ioctl(link->in.fd, FIONREAD, &bytes) == 0)
                        queued += (uint64_t)bytes + (link->end - link->begin);
        }
        info->queued_bytes = queued;
        info->parties = hub->links_count;
        if (hub->kind->info)
                hub->kind->info(channel, info);
}

static int hub_peer(struct leat_channel *channel, struct leat_peer *ret_peer) {
        struct hub *hub = channel->state;
        if (!hub->kind->peers_known || (hub->listener >= 0 && !hub->one_only))
                return -ENOTSUP;
        struct link *link = hub_find(hub, 0);
        if (!link)
                return -ENOTCONN;
        *ret_peer = link->peer;
        return 0;
}

static int hub_address(struct leat_channel *channel, char *ret_text, size_t size) {
        struct hub *hub = channel->state;
        return hub->kind->address ? hub->kind->address(channel, ret_text, size) : -ENOTSUP;
}

static int hub_sender_address(struct leat_channel *channel, uint64_t id, char *ret_text, size_t size) {
        struct hub *hub = channel->state;
        const struct link *link = hub_find(hub, id);
        if (!hub->kind->sender_address)
                return -ENOTSUP;
        return link ? hub->kind->sender_address(link, ret_text, size) : -ENOTCONN;
}

static void hub_close(struct leat_channel *channel, bool ours) {
        struct hub *hub = channel->state;
        hub_quick(hub, NULL);
        if (hub->kind->close)
                hub->kind->close(hub->context, ours);
        if (ours)
                (void)hub_push(channel); /* the rest of what was said to be on its way, if there is room */
        for (size_t i = 0; !ours && i < hub->slots; i++)
                if (hub->links[i])
                        link_disown(hub->links[i]);
        channel->state = hub_free(hub);
}

const struct operations hub_operations = {
        .send = hub_send,
        .park = hub_park,
        .push = hub_push,
        .receive = hub_receive,
        .taken = hub_taken,
        .looks = true,
        .arm = hub_arm,
        .disarm = hub_disarm,
        .hears = hub_hears,
        .lives = hub_lives,
        .connected = hub_connected,
        .unread = hub_unread,
        .poll_fd = hub_poll_fd,
        .info = hub_info,
        .peer = hub_peer,
        .address = hub_address,
        .sender_address = hub_sender_address,
        .detach = hub_detach,
        .give = hub_give,
        .after_fork = hub_after_fork,
        .close = hub_close,
};
