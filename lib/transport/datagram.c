/* SPDX-License-Identifier: MIT */
#include "transport/datagram.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define WRITES_AT_ONCE 16 /* of one message, while what is told is about others */
#define LOOK_AGAIN_MS 10  /* where nothing tells that there is room */

/* ---- sending ---- */

static bool is_listening_pair(const struct leat_channel *channel) {
        const struct datagram *datagram = channel->state;
        return channel->declaration->pattern == LEAT_PAIR && !datagram->connected;
}

/* What a sending thread read is the receiver's to be told, of who sent it. */
static void leave_error(struct leat_channel *channel, int error) {
        const struct datagram *datagram = channel->state;
        if (!(channel->flags & (LEAT_RECEIVE | LEAT_REPLY)))
                return;
        channel->filed_error = error;
        channel->filed_sender = datagram->arrival.sender;
        wake_signal(&channel->wakes[DIRECTION_RECEIVE]);
}

/* Perhaps who spoke first only was not read yet. The message is the receiving thread's. */
static int seek_partner(struct leat_channel *channel) {
        struct datagram *datagram = channel->state;
        unsigned reads = READS_AT_ONCE;
        int r = -EINPROGRESS;
        while (!datagram->has_partner && r != 0 && r != -EAGAIN) {
                r = datagram_fetch(channel, &reads);
                if (r < 0 && r != -EAGAIN)
                        leave_error(channel, r);
        }
        if (datagram->arrival.size >= 0)
                wake_signal(&channel->wakes[DIRECTION_RECEIVE]);
        return datagram->has_partner ? 0 : -EAGAIN;
}

static int find_partner(struct leat_channel *channel) {
        const struct datagram *datagram = channel->state;
        if (datagram->has_partner)
                return 0;
        if (datagram->arrival.size >= 0)
                return -EAGAIN; /* what the last partner left is received first: the next one's is behind it */
        return seek_partner(channel);
}

/* To whom? *ret_to NULL: of a connected one. */
static int find_way(struct leat_channel *channel, const struct outgoing *message, const struct datagram_name **ret_to) {
        struct datagram *datagram = channel->state;
        *ret_to = NULL;
        if (datagram->connected)
                return 0;
        if (is_listening_pair(channel)) {
                if (message->kind == WIRE_REPLY && (!datagram->has_partner || message->link != datagram->partner.id))
                        return channel_refuse(channel, -EPIPE, LEAT_ROW_END, "the partner that asked is gone");
                *ret_to = &datagram->partner.name;
                return find_partner(channel);
        }
        const struct datagram_peer *peer = message->link ? datagram_peers_find(&datagram->peers, message->link) : NULL;
        if (!peer)
                return channel_refuse(channel, -EPIPE, LEAT_ROW_LISTENING,
                                      "who asked cannot be answered: it has no address, or 256 others came since");
        *ret_to = &peer->name;
        return 0;
}

/* What the network said of an earlier message: this one was not sent. */
static int tell_refused(struct leat_channel *channel, int error) {
        struct datagram *datagram = channel->state;
        datagram->refused = 0;
        if (error == -ECONNREFUSED || error == -ECONNRESET || error == -ENOTCONN || error == -EPIPE) {
                datagram->has_partner = false;
                return channel_refuse(channel, -EPIPE, LEAT_ROW_END, "nobody receives there any more, or yet");
        }
        if (error == -EPERM && !datagram->kind->loses) /* of udp: a packet filter's word */
                return channel_refuse(channel, -EBUSY, LEAT_ROW_LISTENING, "it talks to another one only");
        return error;
}

/* Where a reply goes a stranger has said: that nothing can go there is about that one alone. */
static int tell_unanswered(struct leat_channel *channel, int error) {
        if (error == -EMSGSIZE || error == -ENOBUFS || error == -ENOMEM || error == -ETOOMANYREFS || error == -EMFILE)
                return error;
        return channel_refuse(
                channel, -EPIPE, LEAT_ROW_LISTENING,
                "who asked cannot be reached: it is gone, talks to another one now, or there is no way to it");
}

/* The kernel links the two waits only of who is connected: a reply's way is looked at by a socket that points there. Not where it is
 * this end's own send buffer that is full. */
static void watch_room(struct datagram *datagram, const struct datagram_name *to) {
        struct pollfd own = { .fd = datagram->fds[to->socket], .events = POLLOUT };
        if (datagram->kind->point_at && poll(&own, 1, 0) == 1)
                datagram->full = datagram->kind->point_at(to);
}

/* An error may be about an earlier message than the one that it is told for: of one of another's, or of a way that is narrower than
 * thought, which the kernel has taken note of. This one was not sent, and is tried again. */
static int write_it(struct datagram *datagram, const struct datagram_name *to, const uint8_t *header, size_t size,
                    const struct outgoing *message) {
        for (int tries = 0;; tries++) {
                int r = datagram_write(datagram, to, header, size, message);
                if (r == 0 || r == -EAGAIN)
                        return r;
                bool told = datagram_is_told(datagram, r); /* also of a narrow way: it empties the queue of errors */
                bool narrow = r == -EMSGSIZE && datagram->kind->loses && tries == 0;
                if ((told && !narrow) || tries == WRITES_AT_ONCE)
                        return r;
        }
}

static int write_one(const struct leat_channel *channel, const struct datagram_name *to,
                     const struct outgoing *message) {
        uint8_t header[WIRE_HEADER_BYTES];
        size_t bytes = entry_header_bytes((enum framing)channel->address.framing);
        if (bytes > 0)
                entry_header(message, header);
        return write_it(channel->state, to, header, bytes, message);
}

/* One datagram with as many as may go together. How many went; 0: they go one by one. */
static int write_bundle(const struct leat_channel *channel, const struct datagram_name *to,
                        const struct outgoing *messages, int count) {
        struct datagram *datagram = channel->state;
        const struct outgoing nothing = { 0 };
        uint8_t bytes[DATAGRAM_BUNDLE_BYTES];
        size_t size, most = datagram->kind->bundle_bytes(datagram);
        int n = datagram_bundle(messages, count, most < sizeof(bytes) ? most : sizeof(bytes), bytes, &size);
        if (n <= 1)
                return 0;
        int r = write_it(datagram, to, bytes, size, &nothing);
        return r == -EMSGSIZE ? 0 : r < 0 ? r : n;
}

/* How many went with this one datagram. */
static int write_some(const struct leat_channel *channel, const struct datagram_name *to,
                      const struct outgoing *messages, int count) {
        int r = 0;
        if (count > 1 && channel->address.framing == FRAMING_LEAT)
                r = write_bundle(channel, to, messages, count);
        if (r != 0)
                return r;
        r = write_one(channel, to, messages);
        return r < 0 ? r : 1;
}

/* One datagram for each call: what befalls the next one is told by the next call, and not forgotten behind a success. */
static int datagram_send(struct leat_channel *channel, struct outgoing *messages, int count) {
        struct datagram *datagram = channel->state;
        const struct datagram_name *to;
        if (datagram->refused < 0 && !datagram->refused_told)
                return tell_refused(channel, datagram->refused);
        datagram->refused = 0;
        datagram->full = close_fd(datagram->full);
        int r = find_way(channel, messages, &to);
        if (r < 0)
                return r;
        r = write_some(channel, to, messages, count);
        for (int i = 0; i < r; i++)
                messages[i].began = 1; /* for `lives` */
        if (r == -EAGAIN && to)
                watch_room(datagram, to);
        if (r > 0 || r == -EAGAIN)
                return r;
        return to && !is_listening_pair(channel) ? tell_unanswered(channel, r) : tell_refused(channel, r);
}

/* ---- receiving ---- */

/* Into memory of our own; its descriptors go along. */
static int keep(const struct datagram *datagram, struct incoming *message) {
        const struct arrival *arrival = &datagram->arrival;
        message->kept = kept_copy(&message->about, datagram->frame.bytes, datagram->frame.about.size_bytes,
                                  arrival->descriptors, (size_t)arrival->descriptors_count);
        if (!message->kept)
                return -ENOMEM;
        message->kept->link = message->link;
        message->kept->is_reply = message->kind == WIRE_REPLY;
        message->kept->reference = message->answers;
        return 0;
}

static int deliver(struct datagram *datagram, struct incoming *message) {
        struct arrival *arrival = &datagram->arrival;
        size_t size = datagram->frame.about.size_bytes;
        int r = 0;
        message->kind = datagram->frame.kind;
        message->answers = datagram->frame.answers;
        message->about = datagram->frame.about;
        message->about.sender = arrival->sender;
        message->about.descriptors_count = (size_t)arrival->descriptors_count;
        message->link = message->about.reply_to;
        if (!incoming_is_wanted(message))
                r = keep(datagram, message);
        else {
                if (size > 0)
                        memcpy(message->buffer, datagram->frame.bytes, size);
                message->descriptors_count = (size_t)arrival->descriptors_count;
                if (message->descriptors_count > 0)
                        memcpy(message->descriptors, arrival->descriptors, message->descriptors_count * sizeof(int));
        }
        if (r < 0)
                return r;
        arrival->descriptors_count = 0;
        datagram_pass(datagram);
        return 0;
}

static int receive_one(struct leat_channel *channel, struct incoming *message) {
        struct datagram *datagram = channel->state;
        message->kept = NULL;
        message->descriptors_count = 0;
        message->about.sender = (struct leat_peer){ 0 };
        int r = datagram_fetch(channel, message->reads);
        if (r == 0) {
                r = deliver(datagram, message);
                if (is_listening_pair(channel) && !datagram->has_partner)
                        wake_signal(&channel->wakes[DIRECTION_SEND]); /* the next one's may be read now */
                return r;
        }
        message->about.sender = datagram->arrival.sender;
        message->their_version = datagram->frame.their_version;
        message->refusal = datagram->frame.refusal;
        return r;
}

static int datagram_receive(struct leat_channel *channel, struct incoming *messages, int count) {
        int done = 0, r = 0;
        while (done < count && (r = receive_one(channel, &messages[done])) == 0)
                done++;
        return done > 0 ? done : r;
}

/* ---- waiting ---- */

static int datagram_arm(struct leat_channel *channel, enum direction direction, struct wait *wait) {
        const struct datagram *datagram = channel->state;
        bool alone = direction == DIRECTION_SEND && is_listening_pair(channel) && !datagram->has_partner;
        if (direction == DIRECTION_RECEIVE && datagram->arrival.size >= 0)
                return 1;
        if (alone && datagram->arrival.size >= 0)
                return 0; /* until it is taken: a wake tells */
        if (direction == DIRECTION_SEND && !alone && datagram->full != -1) {
                wait_add(wait, datagram->full, POLLOUT);
                if (datagram->full < 0) /* there was no descriptor left for it */
                        wait_look_again(wait, leat_in_ms(LOOK_AGAIN_MS));
                return 0;
        }
        for (unsigned i = 0; i < datagram->count; i++)
                wait_add(wait, datagram->fds[i], direction == DIRECTION_SEND && !alone ? POLLOUT : POLLIN);
        return 0;
}

static bool datagram_hears(struct leat_channel *channel) {
        (void)channel;
        return false; /* no TAKEN: row 5 */
}

/* Of a call: has the network said that nobody is there? Then no reply will come; the next send need not be told
 * again. */
static bool datagram_lives(struct leat_channel *channel, uint64_t link) {
        struct datagram *datagram = channel->state;
        (void)link;
        if (datagram->refused == 0)
                return true;
        datagram->refused_told |= channel->awaited_reply != 0;
        return channel->awaited_reply == 0;
}

static bool datagram_unread(struct leat_channel *channel) {
        const struct datagram *datagram = channel->state;
        return datagram->arrival.size >= 0;
}

static int datagram_poll_fd(struct leat_channel *channel) {
        struct datagram *datagram = channel->state;
        if (datagram->count == 1)
                return datagram->fds[0];
        if (datagram->epoll >= 0)
                return datagram->epoll;
        CLOSE_AT_EXIT int epoll = epoll_create1(EPOLL_CLOEXEC);
        struct epoll_event event = { .events = EPOLLIN };
        for (unsigned i = 0; i < datagram->count; i++)
                if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, datagram->fds[i], &event) < 0)
                        return -errno;
        datagram->epoll = take_fd(&epoll);
        return datagram->epoll;
}

/* ---- what is known ---- */

static void datagram_info(struct leat_channel *channel, struct leat_info *info) {
        const struct datagram *datagram = channel->state;
        info->lost = datagram->counts.lost;
        info->late = datagram->counts.late;
        info->doubled = datagram->counts.doubled;
        info->atomic_bytes = channel->largest_bytes;
        datagram->kind->info(channel, info);
}

static int datagram_address(struct leat_channel *channel, char *ret_text, size_t size) {
        const struct datagram *datagram = channel->state;
        return datagram->kind->address(channel, ret_text, size);
}

static int datagram_sender_address(struct leat_channel *channel, uint64_t link, char *ret_text, size_t size) {
        const struct datagram *datagram = channel->state;
        if (!datagram->kind->sender_address)
                return -ENOTSUP;
        return datagram->kind->sender_address(channel, link, ret_text, size);
}

static int datagram_peer_of(struct leat_channel *channel, struct leat_peer *ret_peer) {
        (void)channel, (void)ret_peer;
        return -ENOTSUP;
}

static int datagram_detach(struct leat_channel *channel, int ret_descriptors[2]) {
        struct datagram *datagram = channel->state;
        if (!datagram->connected || datagram->arrival.size >= 0)
                return -ENOTSUP;
        int flags = fcntl(datagram->fds[0], F_GETFL);
        if (flags < 0 || fcntl(datagram->fds[0], F_SETFL, flags & ~O_NONBLOCK) < 0)
                return -errno;
        ret_descriptors[0] = ret_descriptors[1] = take_fd(&datagram->fds[0]);
        datagram->count = 0;
        return 0;
}

/* ---- closing ---- */

static void close_sockets(struct datagram *datagram) {
        for (unsigned i = 0; i < DATAGRAM_SOCKETS; i++)
                datagram->fds[i] = close_fd(datagram->fds[i]);
        datagram->epoll = close_fd(datagram->epoll);
        datagram->full = close_fd(datagram->full);
}

static void datagram_after_fork(struct leat_channel *channel) {
        struct datagram *datagram = channel->state;
        close_sockets(datagram);
        if (datagram->kind->after_fork)
                datagram->kind->after_fork(datagram->context);
}

static void datagram_close(struct leat_channel *channel, bool ours) {
        struct datagram *datagram = channel->state;
        if (datagram->kind->close)
                datagram->kind->close(datagram->context, ours);
        datagram_free_at(&datagram);
        channel->state = NULL;
}

#define OPERATIONS                                                                                                     \
        .send = datagram_send, .receive = datagram_receive, .arm = datagram_arm, .hears = datagram_hears,              \
        .lives = datagram_lives, .unread = datagram_unread, .poll_fd = datagram_poll_fd, .info = datagram_info,        \
        .address = datagram_address, .sender_address = datagram_sender_address, .peer = datagram_peer_of,              \
        .detach = datagram_detach, .after_fork = datagram_after_fork, .close = datagram_close

/* Types are for who says to be the one receiver; of a pair, and where each receiver has its own copy, it is. */
static const struct operations operations_of_queue = { .competes = true, OPERATIONS };
static const struct operations operations_of_one = { OPERATIONS };

/* ---- opening ---- */

int datagram_new(struct leat_channel *channel, const struct datagram_kind *kind, uint64_t largest,
                 struct datagram **ret_datagram) {
        size_t bytes = entry_header_bytes((enum framing)channel->address.framing) + (size_t)largest;
        if (channel->address.framing == FRAMING_LEAT && bytes < DATAGRAM_BUNDLE_BYTES)
                bytes = DATAGRAM_BUNDLE_BYTES;
        struct datagram *datagram = calloc(1, sizeof(struct datagram) + bytes);
        if (!datagram)
                return -ENOMEM;
        datagram->kind = kind;
        datagram->has_control = kind->descriptors || kind->credentials;
        datagram->epoll = datagram->full = -1;
        datagram->arrival.size = -1;
        for (unsigned i = 0; i < DATAGRAM_SOCKETS; i++)
                datagram->fds[i] = -1;
        datagram->buffer_bytes = bytes;
        *ret_datagram = datagram;
        return 0;
}

void datagram_free_at(struct datagram **datagram) {
        if (!*datagram)
                return;
        datagram_forget(*datagram);
        close_sockets(*datagram);
        datagram_peers_clear(&(*datagram)->peers);
        free(*datagram);
        *datagram = NULL;
}

void datagram_start(struct leat_channel *channel, struct datagram *datagram, void *context) {
        datagram->context = context;
        channel->operations = channel->declaration->pattern == LEAT_QUEUE ? &operations_of_queue : &operations_of_one;
        channel->state = datagram;
        if (datagram->connected)
                datagram_say_hello(channel);
}

bool datagram_binds(const struct leat_channel *channel) {
        if (channel->declaration->pattern == LEAT_PAIR)
                return address_given(&channel->address, OPTION_LISTEN);
        return channel->flags & (LEAT_RECEIVE | LEAT_REPLY);
}

/* Without a connection who binds and says nothing cannot be found: the one that receives binds. */
int datagram_check_direction(const struct leat_channel *channel, struct leat_reason *reason) {
        const struct address *address = &channel->address;
        enum address_option wrong = datagram_binds(channel) ? OPTION_CONNECT : OPTION_LISTEN;
        if (channel->declaration->pattern != LEAT_PAIR && address_given(address, wrong)) {
                reason_at(reason, -ENOTSUP, address->columns[wrong],
                          "of datagrams the end that receives binds, and the one that sends connects; use unix-stream: "
                          "or "
                          "tcp: the other way round");
                if (reason)
                        reason->row = LEAT_ROW_LISTENING;
                return -ENOTSUP;
        }
        uint64_t types = UINT64_C(1) << LEAT_ROW_TYPES;
        if ((address->need & types) && channel->declaration->pattern == LEAT_QUEUE && datagram_binds(channel) &&
            !address_given(address, OPTION_EXCLUSIVE))
                return reason_set(reason, -ENOTSUP, LEAT_ROW_TYPES,
                                  "types are chosen by who says that it is the one receiver: open with ?exclusive");
        return 0;
}
