/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "channel/call.h"
#include "channel/quick_call.h"
#include "rpc/rpc_address.h"
#include "rpc/server.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/*
 * Requests that come by channels. A server that has nothing but one channel waits in that, so that over shm: it looks at memory; else the loop watches
 * leat_fd() of each.
 *
 * A reply goes without waiting. What its caller does not take at once is kept in a lane, one for each caller, in order; it is tried again when there is room or a
 * moment later, and dropped when its deadline has passed or REPLY_WAIT_S: a caller that does not read is no other's trouble.
 */

#define TYPE_REPLY 1
#define REQUEST_USUAL ((size_t)1 << 20)  /* a larger place is given back when small ones come */
#define REQUEST_FIRST ((size_t)64 << 10) /* of the place for requests; it grows with the first larger one */
#define REPLY_WAIT_S 5
#define TURN_MOST 16 /* requests of one channel in a row, where there are others */
#define AGAIN_US 500 /* until what waits for room is tried again, where nothing tells of room */

/* What waits for one caller to read. With the lock, as all of the lanes. */
struct lane {
        struct list node;
        uint64_t link;
        struct list outputs;
        size_t bytes;
};

struct output {
        struct list node;
        struct outgoing message;
        struct leat_message about;
        int64_t until;
        uint8_t bytes[];
};

struct rpc_channel {
        struct rpc_watch watch; /* first */
        struct list node;
        struct leat_rpc_server *server;
        struct leat_channel *channel;
        bool owned;
        bool ended;   /* no request comes any more; changed with the lock */
        bool starved; /* the request that comes is larger than what there is memory for */
        int told;     /* what the next step returns; 0: nothing */
        struct rpc_place place;
        struct rpc_peer *peer;
        struct list lanes;
        struct leat_rpc_request *spare; /* for the next request that comes the short way; or NULL */
};

static struct rpc_channel *first_of(const struct leat_rpc_server *server) {
        return list_empty(&server->channels) ? NULL : CONTAINER_OF(server->channels.next, struct rpc_channel, node);
}

static void count_unanswered(struct leat_rpc_server *server) {
        (void)pthread_mutex_lock(&server->lock);
        server->info.unanswered++;
        (void)pthread_mutex_unlock(&server->lock);
}

/* ---- replies that wait ---- */

static struct lane *find_lane(const struct rpc_channel *channel, uint64_t link) {
        for (struct list *node = channel->lanes.next; node != &channel->lanes; node = node->next) {
                struct lane *lane = CONTAINER_OF(node, struct lane, node);
                if (lane->link == link)
                        return lane;
        }
        return NULL;
}

static struct lane *enter_lane(struct rpc_channel *channel, uint64_t link) {
        struct lane *lane = find_lane(channel, link);
        if (lane)
                return lane;
        lane = calloc(1, sizeof(*lane));
        if (!lane)
                return NULL;
        lane->link = link;
        list_init(&lane->outputs);
        list_insert(&channel->lanes, &lane->node);
        return lane;
}

static void end_output(struct rpc_channel *channel, struct lane *lane, struct output *output) {
        list_remove(&output->node);
        lane->bytes -= output->message.size_bytes;
        channel->server->info.bytes -= output->message.size_bytes;
        free(output);
}

static void leave_lane(struct lane *lane) {
        if (!list_empty(&lane->outputs))
                return;
        list_remove(&lane->node);
        free(lane);
}

static struct output *first_output(const struct lane *lane) {
        return CONTAINER_OF(lane->outputs.next, struct output, node);
}

/* One that is not told of any more. */
static void drop_output(struct rpc_channel *channel, struct lane *lane, struct output *output) {
        if (output->message.sent > 0)
                call_give_up(channel->channel, &output->message);
        channel->server->info.unanswered++;
        end_output(channel, lane, output);
}

/* begun: the reply is on its way already; or NULL. Returns 0, or -EPIPE: it is dropped. */
static int keep_output(struct rpc_channel *channel, const struct leat_rpc_request *request,
                       const struct outgoing *begun) {
        struct leat_rpc_server *server = channel->server;
        size_t size = request->reply.size_bytes;
        struct lane *lane = enter_lane(channel, request->about.reply_to);
        bool fits = lane && (lane->bytes == 0 || lane->bytes + size <= server->limits.peer_bytes_max) &&
                    server->info.bytes + size <= server->limits.bytes_max;
        struct output *output = fits ? calloc(1, sizeof(*output) + size) : NULL;
        if (!output) {
                if (lane)
                        leave_lane(lane);
                return -EPIPE;
        }
        memcpy(output->bytes, request->reply.bytes, size);
        if (begun)
                output->message = *begun;
        output->message.size_bytes = size;
        output->message.bytes = output->bytes;
        output->about = request->about;
        output->until = leat_in_s(REPLY_WAIT_S);
        if (request->about.deadline < output->until)
                output->until = request->about.deadline;
        list_insert(&lane->outputs, &output->node);
        lane->bytes += size;
        server->info.bytes += size;
        rpc_server_wake(server);
        return 0;
}

/* 0: it went, or will not go; -EAGAIN. */
static int try_output(struct rpc_channel *channel, struct lane *lane, struct output *output, int64_t now) {
        int r = output->message.kind == WIRE_REPLY
                        ? 0
                        : reply_begin(channel->channel, &output->about, TYPE_REPLY, output->bytes,
                                      output->message.size_bytes, &output->message);
        if (r == 0)
                r = call_go(channel->channel, &output->message);
        if (r == -EAGAIN && output->message.sent == 0) {
                call_give_up(channel->channel, &output->message); /* another one may have its number */
                output->message.kind = (enum wire_kind)0;
        }
        if (r == -EAGAIN && now < output->until)
                return r;
        if (r == 0)
                end_output(channel, lane, output);
        else
                drop_output(channel, lane, output);
        return 0;
}

/* Is there any that waits? */
static bool try_lanes(struct rpc_channel *channel) {
        if (list_empty(&channel->lanes))
                return false;
        int64_t now = leat_now();
        for (struct list *next, *node = channel->lanes.next; node != &channel->lanes; node = next) {
                struct lane *lane = CONTAINER_OF(node, struct lane, node);
                next = node->next;
                while (!list_empty(&lane->outputs) && try_output(channel, lane, first_output(lane), now) == 0)
                        ;
                leave_lane(lane);
        }
        return !list_empty(&channel->lanes);
}

static bool look_at_lanes(struct leat_rpc_server *server, struct rpc_channel *channel) {
        (void)pthread_mutex_lock(&server->lock);
        bool waits = try_lanes(channel);
        (void)pthread_mutex_unlock(&server->lock);
        return waits;
}

/* ---- requests ---- */

/* Where answers go another way than requests, there is nothing to keep for them: that way is opened for each, and waited for. */
static int reply_over(const struct rpc_channel *channel, const struct leat_rpc_request *request) {
        return leat_reply(channel->channel, &request->about, TYPE_REPLY, request->reply.bytes,
                          request->reply.size_bytes, leat_in_s(REPLY_WAIT_S));
}

static int send_reply(struct rpc_channel *channel, struct leat_rpc_request *request) {
        struct outgoing message;
        if (!list_empty(&channel->lanes) && find_lane(channel, request->about.reply_to))
                return keep_output(channel, request, NULL);
        int r = reply_begin(channel->channel, &request->about, TYPE_REPLY, request->reply.bytes,
                            request->reply.size_bytes, &message);
        if (r < 0)
                return r;
        r = call_go(channel->channel, &message);
        if (r != -EAGAIN)
                return r;
        bool begun = message.sent > 0;
        r = keep_output(channel, request, begun ? &message : NULL);
        if (!begun || r < 0)
                call_give_up(channel->channel, &message);
        return r;
}

static int reply(struct leat_rpc_request *request) {
        struct rpc_channel *channel = request->origin;
        int r = channel->channel->over ? reply_over(channel, request) : send_reply(channel, request);
        return r == 0 || r == -EMSGSIZE ? r : -EPIPE;
}

/* With the lock. After the last one of a channel that has ended there may be nothing more to wait for. */
static void release(struct leat_rpc_request *request) {
        const struct rpc_channel *channel = request->origin;
        if (channel->ended)
                rpc_server_wake(channel->server);
}

/* The place is the request's now, and the next one has another. */
static int keep(struct leat_rpc_request *request) {
        struct rpc_channel *channel = request->origin;
        request->owned = TAKE(channel->place.bytes);
        channel->place.room_bytes = 0;
        return 0;
}

static void tell_caller(const struct leat_rpc_request *request, struct leat_rpc_caller *ret_caller) {
        const struct rpc_channel *channel = request->origin;
        ret_caller->peer = request->about.sender;
        if (leat_sender_address(channel->channel, &request->about, ret_caller->address, sizeof(ret_caller->address)) <
            0)
                ret_caller->address[0] = '\0';
}

static const struct rpc_source_kind channel_kind = { .reply = reply,
                                                     .release = release,
                                                     .keep = keep,
                                                     .caller = tell_caller,
                                                     .carries_deadline = true };

/* Between two messages. */
static ASIDE void give_back(struct rpc_channel *channel) {
        (void)rpc_place_make(&channel->place, REQUEST_FIRST); /* or it stays as it is */
}

/* One message, whatever its size: the channel keeps one that does not fit until there is room. */
static ssize_t receive(struct rpc_channel *channel, int64_t deadline, struct leat_message *ret_about) {
        channel->starved = false;
        if (!channel->place.bytes && rpc_place_make(&channel->place, REQUEST_FIRST) < 0)
                return -ENOMEM;
        if (rpc_place_is_idle(&channel->place, REQUEST_USUAL))
                give_back(channel);
        while (true) {
                ssize_t n = leat_receive(channel->channel, LEAT_ANY, channel->place.bytes, channel->place.room_bytes,
                                         deadline, ret_about);
                if (n >= 0)
                        rpc_place_used(&channel->place, (size_t)n);
                if (n != -EMSGSIZE || ret_about->size_bytes <= channel->place.room_bytes)
                        return n;
                int r = rpc_place_make(&channel->place, ret_about->size_bytes);
                channel->starved = r < 0;
                if (r < 0)
                        return r;
        }
}

/* Receive one and carry it out. Returns 1: it was answered, or is carried out elsewhere; 0: it was not; -EAGAIN and the other errors of a receive. */
static int take_one(struct leat_rpc_server *server, struct rpc_channel *channel, int64_t deadline) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        ssize_t n = receive(channel, deadline, &about);
        if (n < 0 && n != -EBADMSG && n != -EPROTONOSUPPORT) /* of these a peer was cut off; the others are there */
                return (int)n;
        struct leat_rpc_request *request =
                n >= 0 ? rpc_request_new(server, &channel_kind, channel, channel->peer) : NULL;
        if (!request) {
                count_unanswered(server);
                return 0;
        }
        request->about = about;
        request->bytes = channel->place.bytes;
        request->size_bytes = (size_t)n;
        uint32_t answered = server->answered;
        rpc_request_take(request);
        return server->answered != answered;
}

/* ---- the short way ---- */

/* Is the loop's thread the only one in the channel? Nothing of it waits to be sent then. */
static bool is_quick(struct leat_rpc_server *server, const struct rpc_channel *channel) {
        return channel->channel->quick_call && !server->pool &&
               atomic_load_explicit(&server->later, memory_order_acquire) == 0 && list_empty(&channel->lanes) &&
               !channel->ended && !server->is_draining && channel->place.bytes;
}

static int serve(struct rpc_channel *channel, struct leat_rpc_request *request) {
        struct leat_rpc_server *server = channel->server;
        enum rpc_served served = rpc_request_serve(request);
        if (served == RPC_SERVED) {
                bool sent =
                        quick_reply(channel->channel, &request->about, request->reply.bytes, request->reply.size_bytes);
                if (!rpc_request_again(request, sent))
                        channel->spare = NULL;
                return 1;
        }
        channel->spare = NULL;
        if (served == RPC_GONE)
                return 1;
        uint32_t answered = server->answered;
        rpc_request_take(request);
        return server->answered != answered;
}

/* As take_one(); -EAGAIN: none came that way within a moment. */
static int take_quick(struct leat_rpc_server *server, struct rpc_channel *channel, int64_t deadline) {
        if (!channel->spare)
                channel->spare = rpc_request_new(server, &channel_kind, channel, channel->peer);
        struct leat_rpc_request *request = channel->spare;
        if (!request || rpc_place_is_idle(&channel->place, REQUEST_USUAL)) /* that is for receive() to mend */
                return -EAGAIN;
        ssize_t n = quick_request(channel->channel, channel->place.bytes, channel->place.room_bytes, deadline,
                                  &request->about);
        if (n < 0)
                return -EAGAIN;
        rpc_place_used(&channel->place, (size_t)n);
        request->bytes = channel->place.bytes;
        request->size_bytes = (size_t)n;
        return serve(channel, request);
}

static bool has_room(struct leat_rpc_server *server, const struct rpc_channel *channel) {
        (void)pthread_mutex_lock(&server->lock);
        bool room = rpc_request_has_room(server, channel->peer);
        (void)pthread_mutex_unlock(&server->lock);
        return room;
}

/* ---- alone ---- */

/* From here on the loop is told of what comes. */
static void watch_one(struct leat_rpc_server *server, struct rpc_channel *channel) {
        channel->watch.fd = leat_fd(channel->channel);
        channel->channel->beside = NULL;
        if (channel->watch.fd >= 0 && rpc_watch_set(server, &channel->watch, EPOLLIN) == 0)
                rpc_watch_queue(server, &channel->watch);
        else
                rpc_server_due(server, leat_in_ms(10)); /* there is no descriptor for it now */
}

static bool has_one(const struct list *list) {
        return !list_empty(list) && list->next == list->previous;
}

/* A channel has an entry among the listeners. Once it is watched it stays so: whoever polls it polls it for ever. */
bool rpc_channel_is_alone(struct leat_rpc_server *server) {
        if (list_empty(&server->channels))
                return false;
        if (has_one(&server->channels) && has_one(&server->listeners) && list_empty(&server->connections) &&
            list_empty(&server->datagrams) && !first_of(server)->watch.is_watched && !first_of(server)->ended &&
            !atomic_load_explicit(&server->draining, memory_order_relaxed)) /* the loop drains */
                return true;
        for (struct list *node = server->channels.next; node != &server->channels; node = node->next) {
                struct rpc_channel *channel = CONTAINER_OF(node, struct rpc_channel, node);
                if (!channel->watch.is_watched && !channel->ended)
                        watch_one(server, channel);
        }
        return false;
}

/* Something but a request is waited for, too. */
static int wait_closely(struct rpc_channel *channel, unsigned until, int64_t deadline) {
        int64_t again = leat_now() + (int64_t)AGAIN_US * 1000;
        bool in_vain = until & UNTIL_OUT && deadline > again;
        int r = channel_wait(channel->channel, DIRECTION_RECEIVE, until, in_vain ? again : deadline);
        return r == -ETIMEDOUT && in_vain ? 0 : r;
}

static int step(struct leat_rpc_server *server, struct rpc_channel *channel, int64_t deadline) {
        int quick = is_quick(server, channel) ? take_quick(server, channel, deadline) : -EAGAIN;
        if (quick != -EAGAIN)
                return quick;
        while (true) {
                bool owes = !list_empty(&channel->lanes) && look_at_lanes(server, channel);
                bool room = !channel->ended && (!server->pool || has_room(server, channel));
                if (room && !owes)
                        return take_one(server, channel, deadline);
                int r = room ? take_one(server, channel, LEAT_NOW) : -EAGAIN;
                if (r != -EAGAIN)
                        return r;
                r = wait_closely(channel, (room ? UNTIL_IN : 0) | (owes ? UNTIL_OUT : 0), deadline);
                if (r < 0)
                        return r;
        }
}

int rpc_channel_step(struct leat_rpc_server *server, int64_t deadline) {
        struct rpc_channel *channel = first_of(server);
        int r = channel->told;
        channel->told = 0;
        if (r != 0)
                return r;
        if (rpc_server_take_interrupt(server))
                return -ECANCELED;
        r = step(server, channel, deadline);
        if (r != -EINTR)
                return r;
        wake_clear(&server->wake);
        return atomic_exchange_explicit(&server->interrupted, 0, memory_order_seq_cst) ? -ECANCELED : 0;
}

/* One end of a pair that this process made has its owner here as well, but no name. */
static bool listens(const struct rpc_channel *channel) {
        struct leat_info info = LEAT_INFO_INIT;
        char letter;
        return leat_channel_info(channel->channel, &info) == 0 && info.owner.known && info.owner.pid == getpid() &&
               leat_channel_address(channel->channel, &letter, 1) != -ENOTSUP;
}

/* Will there be no more? One that listens is told once that its last caller went, and waits for the next. Whoever is told each time is told again at once. */
static bool end_is_final(struct leat_rpc_server *server, struct rpc_channel *channel) {
        if (listens(channel))
                return false;
        int r = rpc_channel_step(server, LEAT_NOW);
        if (r == -ENODATA)
                return true;
        channel->told = r < 0 && r != -EAGAIN ? r : 0;
        return false;
}

/*
 * There is no room for another caller, in descriptors or for the memory that it shares: that ends nothing for those that are there. One that listens is
 * told once of each that comes or waits in vain; so that is no circle, however often it comes. Anything else that is said twice running would be, and so
 * is memory for a request that stays where it is.
 */
static bool is_passing(const struct rpc_channel *channel, int error, int previous) {
        static const int shortages[] = { -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS, -ENOSPC, -EFBIG };
        for (size_t i = 0; i < sizeof(shortages) / sizeof(shortages[0]); i++)
                if (error == shortages[i])
                        return error != previous || (!channel->starved && listens(channel));
        return false;
}

bool rpc_channel_goes_on(struct leat_rpc_server *server, int error, int previous) {
        struct rpc_channel *channel = first_of(server);
        if (!channel)
                return false;
        return error == -ENODATA ? !end_is_final(server, channel) : is_passing(channel, error, previous);
}

/* ---- among others ---- */

static void stop_reading(struct leat_rpc_server *server, struct rpc_channel *channel) {
        (void)rpc_watch_set(server, &channel->watch, 0);
}

static void end_channel(struct leat_rpc_server *server, struct rpc_channel *channel) {
        (void)pthread_mutex_lock(&server->lock);
        channel->ended = true;
        (void)pthread_mutex_unlock(&server->lock);
        if (channel->watch.is_watched) /* epoll would tell of its end for ever, whatever it is asked for */
                rpc_watch_remove(server, &channel->watch);
}

static void ready(struct leat_rpc_server *server, struct rpc_watch *watch, uint32_t events) {
        struct rpc_channel *channel = CONTAINER_OF(watch, struct rpc_channel, watch);
        int r = 0;
        (void)events;
        if (channel_is_interrupted(channel->channel)) {
                atomic_store_explicit(&channel->channel->interrupted, 0, memory_order_seq_cst);
                (void)leat_rpc_server_interrupt(server);
        }
        for (unsigned i = 0; i < TURN_MOST && r >= 0 && !channel->ended; i++) {
                if (!has_room(server, channel)) {
                        stop_reading(server, channel);
                        return;
                }
                r = take_one(server, channel, LEAT_NOW);
        }
        if (r == -ENODATA && !listens(channel))
                end_channel(server, channel);
        else if (r != -EAGAIN && !channel->ended && !channel->starved)
                rpc_watch_queue(server, watch);
        if (channel->starved)
                rpc_server_due(server, leat_in_ms(10));
}

void rpc_channel_look(struct leat_rpc_server *server) {
        for (struct list *node = server->channels.next; node != &server->channels; node = node->next) {
                struct rpc_channel *channel = CONTAINER_OF(node, struct rpc_channel, node);
                if (!channel->watch.is_watched && !channel->ended)
                        watch_one(server, channel);
                else if (channel->watch.events == 0 && !channel->ended && has_room(server, channel)) {
                        (void)rpc_watch_set(server, &channel->watch, EPOLLIN);
                        rpc_watch_queue(server, &channel->watch);
                }
                if (look_at_lanes(server, channel))
                        rpc_server_due(server, leat_now() + (int64_t)AGAIN_US * 1000);
        }
}

/* ---- life ---- */

static void free_channel(struct rpc_channel *channel) {
        struct leat_rpc_server *server = channel->server;
        if (channel->spare) {
                (void)pthread_mutex_lock(&server->lock);
                rpc_request_forget(channel->spare);
                (void)pthread_mutex_unlock(&server->lock);
        }
        while (!list_empty(&channel->lanes)) {
                struct lane *lane = CONTAINER_OF(channel->lanes.next, struct lane, node);
                while (!list_empty(&lane->outputs))
                        drop_output(channel, lane, first_output(lane));
                leave_lane(lane);
        }
        if (channel->watch.is_watched)
                rpc_watch_remove(server, &channel->watch);
        rpc_peer_leave(channel->peer);
        if (channel->owned)
                leat_close(channel->channel);
        else
                channel->channel->beside = NULL;
        list_remove(&channel->node);
        free(channel->place.bytes);
        free(channel);
}

int rpc_channel_add(struct leat_rpc_server *server, struct leat_channel *given, bool owned) {
        static atomic_uint number;
        struct rpc_channel *channel = calloc(1, sizeof(*channel));
        uint8_t key[24] = { 0 }; /* AF_UNSPEC */
        if (!channel)
                return -ENOMEM;
        uint32_t mine = atomic_fetch_add_explicit(&number, 1, memory_order_relaxed);
        memcpy(key + 4, &mine, sizeof(mine));
        channel->server = server;
        channel->channel = given;
        channel->watch = (struct rpc_watch){ .fd = -1, .ready = ready, .borrowed = true };
        list_init(&channel->lanes);
        int r = rpc_place_make(&channel->place, REQUEST_FIRST);
        if (r == 0) {
                (void)pthread_mutex_lock(&server->lock);
                channel->peer = rpc_peer_enter(server, key);
                (void)pthread_mutex_unlock(&server->lock);
                r = channel->peer ? 0 : -ENOMEM;
        }
        if (r < 0) {
                free(channel->place.bytes);
                free(channel);
                return r;
        }
        channel->owned = owned;
        given->beside = &server->wake;
        list_insert(&server->channels, &channel->node);
        return 0;
}

void rpc_channel_close_all(struct leat_rpc_server *server) {
        while (!list_empty(&server->channels))
                free_channel(first_of(server));
}

/* What is there is carried out, and then nothing is read any more. */
void rpc_channel_drain(struct leat_rpc_server *server) {
        for (struct list *node = server->channels.next; node != &server->channels; node = node->next) {
                struct rpc_channel *channel = CONTAINER_OF(node, struct rpc_channel, node);
                while (!channel->ended && has_room(server, channel) && take_one(server, channel, LEAT_NOW) >= 0)
                        ;
                end_channel(server, channel);
        }
}

bool rpc_channel_all_ended(const struct leat_rpc_server *server) {
        for (const struct list *node = server->channels.next; node != &server->channels; node = node->next)
                if (!CONTAINER_OF(node, const struct rpc_channel, node)->ended)
                        return false;
        return !list_empty(&server->channels) && rpc_channel_is_drained(server);
}

bool rpc_channel_is_drained(const struct leat_rpc_server *server) {
        for (const struct list *node = server->channels.next; node != &server->channels; node = node->next)
                if (!list_empty(&CONTAINER_OF(node, struct rpc_channel, node)->lanes))
                        return false;
        return true;
}

/* Of a socket's channel with the framing, which a client would not take for one else. */
static ssize_t complete(char *ret_address, size_t length, size_t size_bytes) {
        static const char framing[] = "?framing=leat";
        enum rpc_address_kind kind;
        struct address address;
        int r = rpc_address_parse(ret_address, NULL, &address, &kind);
        if (r < 0)
                return r;
        address_clear(&address);
        if (kind == RPC_ADDRESS_CHANNEL)
                return (ssize_t)length;
        if (size_bytes - length < sizeof(framing))
                return -ERANGE;
        memcpy(ret_address + length, framing, sizeof(framing));
        return (ssize_t)(length + sizeof(framing) - 1);
}

ssize_t rpc_channel_address(const struct leat_rpc_server *server, size_t n, char *ret_address, size_t size_bytes) {
        for (const struct list *node = server->channels.next; node != &server->channels; node = node->next) {
                if (n-- > 0)
                        continue;
                struct leat_channel *channel = CONTAINER_OF(node, struct rpc_channel, node)->channel;
                ssize_t length = leat_channel_address(channel, ret_address, size_bytes);
                return length < 0 ? length : complete(ret_address, (size_t)length, size_bytes);
        }
        return -ENOENT;
}
