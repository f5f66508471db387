/* SPDX-License-Identifier: MIT */
#include "channel/over.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "channel/send.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define REQUESTS_MOST 1024 /* that wait for their answer; the oldest goes, as one that nobody answers must in the end */
#define STRAYS_MOST 1024   /* answers to nobody that are dropped at once, where the deadline says not to wait */
#define OWN_BYTES ADDRESS_BYTES
/* Who calls has its place open before it asks: what cannot be opened by then is gone, or was never there. No more than locks of others
 * that open or close it just now are waited for. */
#define OPENING_MS 1000

struct request {
        struct list node;
        uint64_t token; /* reply_to of the message */
        uint64_t caller, number;
        int64_t deadline;
        char address[]; /* where its answer goes */
};

struct over {
        const struct transport *const *table;
        uint64_t caller;              /* of a caller: who it is; of a replier: to whom the last answer went */
        struct leat_channel *answers; /* of a caller: where they come from; of a replier: where the last one went */
        char *to;                     /* of a replier: that is its address */
        bool given;                   /* of a replier: it is all there is, descriptors that were given */
        char own[OWN_BYTES];          /* of a caller: where it wants them; of a replier: the address of the requests */
        const char *reply;            /* of a replier: its ?reply=, or NULL */
        uint8_t *buffer;              /* for what comes in an envelope */
        size_t capacity;
        struct kept_list kept; /* requests that did not fit into the caller's buffer */
        struct list requests;  /* received, and not answered; under the channel's lock */
        size_t requests_count;
        uint64_t token;
};

/* ---- envelopes ---- */

static const uint8_t envelope_magic[3] = { 'L', 'c', 1 };

void envelope_encode(const struct envelope *envelope, uint8_t ret_bytes[ENVELOPE_BYTES]) {
        memset(ret_bytes, 0, ENVELOPE_BYTES);
        memcpy(ret_bytes, envelope_magic, sizeof(envelope_magic));
        ret_bytes[3] = (uint8_t)envelope->kind;
        put_le16(ret_bytes + 4, (uint16_t)envelope->address_bytes);
        put_le64(ret_bytes + 8, envelope->caller);
        put_le64(ret_bytes + 16, envelope->number);
        put_le64(ret_bytes + 24, (uint64_t)envelope->time_ns);
        put_le64(ret_bytes + 32, envelope->left_ns);
}

int envelope_decode(const uint8_t *bytes, size_t size, struct envelope *ret_envelope) {
        if (size < ENVELOPE_BYTES || memcmp(bytes, envelope_magic, sizeof(envelope_magic)) != 0)
                return -EBADMSG;
        const struct envelope envelope = { .kind = bytes[3],
                                           .address_bytes = get_le16(bytes + 4),
                                           .caller = get_le64(bytes + 8),
                                           .number = get_le64(bytes + 16),
                                           .time_ns = (int64_t)get_le64(bytes + 24),
                                           .left_ns = get_le64(bytes + 32) };
        bool fits = envelope.address_bytes <= size - ENVELOPE_BYTES && envelope.address_bytes < ADDRESS_REPLY_BYTES;
        bool request = envelope.kind == ENVELOPE_REQUEST && envelope.address_bytes > 0;
        bool reply = envelope.kind == ENVELOPE_REPLY && envelope.address_bytes == 0;
        if (get_le16(bytes + 6) != 0 || !fits || (!request && !reply))
                return -EBADMSG;
        *ret_envelope = envelope;
        return 0;
}

/* A request may have waited in its store for as long as it likes: its deadline counts from when it was sent. One that was sent in
 * the future, by a clock that was set back since, has as much time as it says and no more. */
static int64_t deadline_of(const struct envelope *envelope) {
        int64_t waited, left;
        if (envelope->left_ns == 0 || envelope->left_ns > INT64_MAX)
                return LEAT_NEVER;
        if (__builtin_sub_overflow(time_of_day_ns(), envelope->time_ns, &waited))
                waited = envelope->time_ns < 0 ? INT64_MAX : 0;
        left = (int64_t)envelope->left_ns;
        return leat_in_ns(waited > 0 ? left - waited : left);
}

/* ---- which answers go where ---- */

static size_t before_options(const char *text) {
        return strcspn(text, "?");
}

static bool is_suffix(const char *text, size_t size) {
        bool good = size > 1 && text[0] == '.';
        for (size_t i = 1; i < size; i++)
                good &= isalnum((unsigned char)text[i]) || strchr("-_.", text[i]);
        return good && !memchr(text, '\0', size);
}

bool over_allows(const char *own, const char *reply, const char *address, size_t size) {
        const char *allowed = reply ? reply : own;
        size_t length = before_options(allowed);
        if (size < length || memcmp(address, allowed, length) != 0)
                return false;
        return (reply && size == length) || is_suffix(address + length, size - length);
}

/* Where the answer goes: there, or where this end says (also if that is the same, for the options); NULL: nowhere. */
static const char *choose(const struct over *over, const char *address, size_t *size) {
        bool said = over->reply && before_options(over->reply) == *size;
        if (!said && over_allows(over->own, over->reply, address, *size))
                return address;
        *size = over->reply ? strlen(over->reply) : 0;
        return over->reply;
}

/* ---- opening ---- */

/* One without a name is given to a process, and is not there for anybody else. */
static bool has_name(const struct transport *transport) {
        return transport->declarations[0].rows[LEAT_ROW_OPENING].verdict != LEAT_NO;
}

static uint64_t pattern_of(const struct transport *transport, const struct address *address) {
        if (address_given(address, OPTION_PATTERN))
                return address->pattern;
        return address_given(address, OPTION_MULTICAST) ? LEAT_BROADCAST : (uint64_t)transport->declarations[0].pattern;
}

static bool goes_back(const struct transport *transport, const struct address *address) {
        uint64_t pattern = pattern_of(transport, address);
        for (size_t i = 0; i < transport->declarations_count; i++) {
                const struct leat_declaration *declaration = &transport->declarations[i];
                if (declaration->pattern == pattern &&
                    strcmp(declaration->framing, framing_names[address->framing]) == 0)
                        return declaration->two_way;
        }
        return false;
}

/* What is kept for every receiver, from its beginning on, would be carried out again by each one that opens it. */
static bool is_told_again(const struct transport *transport, const struct address *address) {
        return (transport->options & OPTION_BIT(OPTION_FROM)) && !address_given(address, OPTION_FROM) &&
               pattern_of(transport, address) == LEAT_BROADCAST;
}

static bool is_same_place(const char *one, const char *other) {
        size_t size = before_options(one);
        return size == before_options(other) && memcmp(one, other, size) == 0;
}

int over_wanted(const struct transport *transport, const struct address *address, const char *text, unsigned flags,
                struct leat_reason *reason, unsigned *ret_flags) {
        bool given = address_given(address, OPTION_REPLY), back = goes_back(transport, address);
        uint32_t column = address->columns[OPTION_REPLY];
        bool calls = flags == LEAT_CALL, replies = flags == LEAT_REPLY;
        if (given && !calls && !replies)
                return reason_at(reason, -ENOTSUP, column,
                                 "?reply= says where answers go; it is for who calls or replies");
        if (given && back)
                return reason_at(reason, -ENOTSUP, column,
                                 "answers come back on the connection itself here; leave ?reply= away");
        /* A transport that is opened in both directions at once may carry calls by itself: pipe:fd=3,4. */
        bool wanted = given || (replies && !back && has_name(transport));
        if (given && address->framing != FRAMING_LEAT)
                return reason_at(reason, -ENOTSUP, address->columns[OPTION_FRAMING],
                                 "bare bytes do not say what they answer; calls need the framing of Leat");
        if (given && is_same_place(address->reply, text))
                return reason_at(reason, -EINVAL, column,
                                 "answers cannot come where the requests go: whoever takes one there takes the other");
        if (!wanted || address->framing != FRAMING_LEAT)
                return 0;
        if (replies && is_told_again(transport, address))
                return reason_set(
                        reason, -ENOTSUP, LEAT_ROW_LISTENING,
                        "every replier would carry out all requests that are kept here, again each time; open it with "
                        "?pattern=queue, or with ?from=end");
        *ret_flags = calls ? LEAT_SEND : LEAT_RECEIVE;
        return 1;
}

/* What the answers' place is opened with beside what the program said: the caller is the one receiver there, for another would take its
 * answers away; and what was there before is no answer to it. */
static void make_private(const struct transport *transport, struct address *address) {
        if ((transport->options & OPTION_BIT(OPTION_EXCLUSIVE)) && pattern_of(transport, address) == LEAT_QUEUE)
                address->given |= OPTION_BIT(OPTION_EXCLUSIVE);
        if ((transport->options & OPTION_BIT(OPTION_FROM)) && !address_given(address, OPTION_FROM) &&
            pattern_of(transport, address) == LEAT_BROADCAST) {
                address->given |= OPTION_BIT(OPTION_FROM);
                address->from = FROM_END;
        }
}

/* Waits on the other channel end with an interrupt of this one. */
static void adopt(struct leat_channel *channel, struct leat_channel *answers) {
        answers->owner = channel;
}

/* The other channel. */
static int open_one_way(struct over *over, const struct transport *transport, struct address *address, unsigned flags,
                        int64_t deadline, struct leat_reason *reason) {
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        options.flags = flags;
        options.deadline = deadline;
        return channel_open_parsed(transport, address, &options, reason, &over->answers);
}

static int open_answers(struct leat_channel *channel, struct over *over, const char *text, int64_t deadline,
                        struct leat_reason *reason) {
        CLEANUP(address_clear) struct address address = { 0 };
        const struct transport *transport = NULL;
        int r = channel_address(over->table, text, reason, &address, &transport);
        if (r < 0)
                return r;
        if (address.framing != FRAMING_LEAT)
                return reason_at(reason, -ENOTSUP, channel->address.columns[OPTION_REPLY],
                                 "bare bytes do not say what they answer; ?reply= needs the framing of Leat");
        make_private(transport, &address);
        r = open_one_way(over, transport, &address, LEAT_RECEIVE, deadline, reason);
        if (r == 0)
                adopt(channel, over->answers);
        return r;
}

static int open_to(struct leat_channel *channel, struct over *over, const char *text, int64_t deadline,
                   struct leat_reason *reason);

/* Descriptors that were given are taken at once: later their numbers may be those of others. */
static int open_given(struct leat_channel *channel, struct over *over, struct leat_reason *reason) {
        CLEANUP(address_clear) struct address address = { 0 };
        const struct transport *transport = NULL;
        int r = channel_address(over->table, over->reply, reason, &address, &transport);
        if (r < 0 || has_name(transport))
                return r;
        over->given = true;
        return open_to(channel, over, over->reply, LEAT_NOW, reason);
}

static void over_free_at(struct over **over) {
        over_free(*over);
}

/* An interrupt wakes the thread that waits on the answers too. */
static int wake_both(struct leat_channel *channel, bool calls) {
        return wake_init(&channel->wakes[calls ? DIRECTION_RECEIVE : DIRECTION_SEND]);
}

int over_open(struct leat_channel *channel, const struct transport *const *table, const char *text, int64_t deadline,
              struct leat_reason *reason) {
        CLEANUP(over_free_at) struct over *over = calloc(1, sizeof(struct over));
        const struct address *address = &channel->address;
        bool calls = channel->flags & LEAT_SEND;
        const char *own = calls ? address->reply : text;
        if (!over)
                return -ENOMEM;
        over->table = table;
        kept_list_init(&over->kept);
        list_init(&over->requests);
        memcpy(over->own, own, before_options(own));
        if (!calls && address_given(address, OPTION_REPLY))
                over->reply = address->reply;
        if (calls && getrandom(&over->caller, sizeof(over->caller), 0) != (ssize_t)sizeof(over->caller))
                return -errno;
        int r = wake_both(channel, calls);
        if (r == 0 && calls)
                r = open_answers(channel, over, address->reply, deadline, reason);
        else if (r == 0 && over->reply)
                r = open_given(channel, over, reason);
        if (r < 0)
                return r;
        channel->over = TAKE(over);
        return 0;
}

struct over *over_free(struct over *over) {
        if (!over)
                return NULL;
        while (!list_empty(&over->requests)) {
                struct request *request = CONTAINER_OF(over->requests.next, struct request, node);
                list_remove(&request->node);
                free(request);
        }
        kept_list_clear(&over->kept);
        leat_close(over->answers);
        free(over->to);
        free(over->buffer);
        free(over);
        return NULL;
}

struct leat_channel *over_answers(const struct over *over) {
        return over->answers;
}

uint64_t over_largest(const struct leat_channel *channel, uint64_t largest_bytes) {
        const struct over *over = channel->over;
        size_t before = ENVELOPE_BYTES + (channel->flags & LEAT_SEND ? strlen(over->own) : 0);
        return largest_bytes > before ? largest_bytes - before : 0;
}

/* ---- bytes in envelopes ---- */

static int make_room(struct over *over, size_t size) {
        if (over->capacity >= size)
                return 0;
        uint8_t *buffer = realloc(over->buffer, size);
        if (!buffer)
                return -ENOMEM;
        over->buffer = buffer;
        over->capacity = size;
        return 0;
}

/* The message, in a buffer that grows until it fits. */
static ssize_t receive_whole(struct over *over, struct leat_channel *from, const struct selection *selection,
                             int64_t deadline, struct leat_message *about, over_receiver *receiver) {
        for (;;) {
                int *descriptors = about->descriptors;
                size_t most = about->descriptors_max;
                *about = (struct leat_message)LEAT_MESSAGE_INIT;
                about->descriptors = descriptors;
                about->descriptors_max = most;
                ssize_t n = receiver ? receiver(from, selection, over->buffer, over->capacity, deadline, about)
                                     : leat_receive(from, LEAT_ANY, over->buffer, over->capacity, deadline, about);
                if (n != -EMSGSIZE || about->size_bytes <= over->capacity)
                        return n;
                int r = make_room(over, about->size_bytes);
                if (r < 0)
                        return r;
        }
}

static int send_wrapped(struct leat_channel *channel, const struct envelope *envelope, const char *address,
                        int64_t type, const void *bytes, size_t size_bytes, int64_t deadline) {
        size_t before = ENVELOPE_BYTES + envelope->address_bytes;
        FREE_AT_EXIT uint8_t *whole = malloc(before + size_bytes);
        if (!whole)
                return -ENOMEM;
        envelope_encode(envelope, whole);
        if (envelope->address_bytes > 0)
                memcpy(whole + ENVELOPE_BYTES, address, envelope->address_bytes);
        if (size_bytes > 0)
                memcpy(whole + before, bytes, size_bytes);
        return leat_send(channel, type, whole, before + size_bytes, deadline);
}

/* ---- the caller ---- */

static bool is_answer(const struct over *over, uint64_t number, ssize_t size) {
        struct envelope envelope;
        return envelope_decode(over->buffer, (size_t)size, &envelope) == 0 && envelope.kind == ENVELOPE_REPLY &&
               envelope.caller == over->caller && envelope.number == number;
}

/* What keeps coming and is no answer holds nobody past a deadline. */
static int look_at_deadline(int64_t deadline, unsigned strays) {
        if (deadline == LEAT_NOW)
                return strays < STRAYS_MOST ? 0 : -EAGAIN;
        return deadline != LEAT_NEVER && leat_now() >= deadline ? -ETIMEDOUT : 0;
}

/* Late answers, strangers' and what is none are dropped. */
static ssize_t wait_for_answer(struct over *over, uint64_t number, int64_t deadline, struct leat_message *about) {
        /* Where there is a name, who replied last may come again. */
        bool final = over->answers->declaration->rows[LEAT_ROW_OPENING].verdict == LEAT_NO;
        for (unsigned strays = 0;; strays++) {
                ssize_t n = receive_whole(over, over->answers, NULL, deadline, about, NULL);
                if (n >= 0 && is_answer(over, number, n))
                        return n;
                if (n == -ENODATA && final)
                        return -EPIPE;
                if (n < 0 && n != -ENODATA && n != -EBADMSG && n != -EPROTONOSUPPORT)
                        return n;
                int r = look_at_deadline(deadline, strays);
                if (r < 0)
                        return r;
        }
}

/* What lies there before the request is sent answers nothing of it; and it may be what a replier finds no room for. */
static void drop_strays(struct over *over) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        for (unsigned strays = 0; strays < STRAYS_MOST; strays++) {
                ssize_t n = receive_whole(over, over->answers, NULL, LEAT_NOW, &about, NULL);
                if (n < 0 && n != -EBADMSG && n != -EPROTONOSUPPORT)
                        return;
        }
}

/* The number of each call is random: who answered one cannot answer the next before it was asked. */
static int begin_call(const struct over *over, int64_t deadline, struct envelope *ret_envelope) {
        int64_t now = leat_now(), left_ns = deadline == LEAT_NEVER || deadline <= now ? 0 : deadline - now;
        *ret_envelope = (struct envelope){ .kind = ENVELOPE_REQUEST,
                                           .caller = over->caller,
                                           .time_ns = time_of_day_ns(),
                                           .left_ns = left_ns > 0 || deadline == LEAT_NEVER ? (uint64_t)left_ns : 1,
                                           .address_bytes = strlen(over->own) };
        ssize_t n = getrandom(&ret_envelope->number, sizeof(ret_envelope->number), 0);
        return n == (ssize_t)sizeof(ret_envelope->number) ? 0 : -errno;
}

int over_begin(struct leat_channel *channel, int64_t type, const void *request, size_t request_bytes, int64_t deadline,
               uint64_t *ret_number) {
        struct over *over = channel->over;
        struct envelope envelope;
        if (request_bytes > over_largest(channel, channel->largest_bytes))
                return channel_refuse(
                        channel, -EMSGSIZE, LEAT_ROW_LIMITS,
                        "the request and where its answer goes are larger than this channel carries together");
        drop_strays(over);
        int r = begin_call(over, deadline, &envelope);
        if (r == 0)
                r = send_wrapped(channel, &envelope, over->own, type, request, request_bytes, deadline);
        if (r == 0)
                *ret_number = envelope.number;
        return r;
}

ssize_t over_take(struct leat_channel *channel, uint64_t number, void *reply, size_t reply_bytes, int64_t deadline,
                  struct leat_message *ret_about) {
        struct over *over = channel->over;
        struct leat_message about = LEAT_MESSAGE_INIT;
        ssize_t n = wait_for_answer(over, number, deadline, &about);
        if (n < 0)
                return n;
        size_t size = (size_t)n - ENVELOPE_BYTES;
        about.size_bytes = size;
        about.reply_to = 0;
        channel_tell(&about, NULL, ret_about);
        if (size > reply_bytes)
                return -EMSGSIZE;
        if (size > 0)
                memcpy(reply, over->buffer + ENVELOPE_BYTES, size);
        return (ssize_t)size;
}

ssize_t over_call(struct leat_channel *channel, int64_t type, const void *request, size_t request_bytes, void *reply,
                  size_t reply_bytes, int64_t deadline, struct leat_message *ret_about) {
        uint64_t number = 0;
        int r = over_begin(channel, type, request, request_bytes, deadline, &number);
        return r < 0 ? r : over_take(channel, number, reply, reply_bytes, deadline, ret_about);
}

/* ---- the replier ---- */

static void forget(struct over *over, struct request *request) {
        list_remove(&request->node);
        over->requests_count--;
        free(request);
}

static struct request *find(const struct over *over, uint64_t token) {
        for (struct list *node = over->requests.next; node != &over->requests; node = node->next) {
                struct request *request = CONTAINER_OF(node, struct request, node);
                if (request->token == token)
                        return request;
        }
        return NULL;
}

/* One whose caller waits no more, or else the oldest. */
static void forget_one(struct over *over) {
        struct list *node = over->requests.next;
        int64_t now = leat_now();
        while (node != &over->requests && CONTAINER_OF(node, struct request, node)->deadline > now)
                node = node->next;
        if (node == &over->requests)
                node = over->requests.next;
        forget(over, CONTAINER_OF(node, struct request, node));
}

static void add_request(struct over *over, struct request *request) {
        list_init(&request->node);
        list_insert(&over->requests, &request->node);
        over->requests_count++;
}

/* Note the request, so that it can be answered. */
static int note(struct leat_channel *channel, const struct envelope *envelope, struct leat_message *about) {
        struct over *over = channel->over;
        size_t size = envelope->address_bytes;
        const char *address = choose(over, (const char *)over->buffer + ENVELOPE_BYTES, &size);
        struct request *request = malloc(sizeof(struct request) + size + 1);
        if (!request)
                return -ENOMEM;
        *request = (struct request){ .caller = envelope->caller,
                                     .number = envelope->number,
                                     .deadline = deadline_of(envelope) };
        if (size > 0)
                memcpy(request->address, address, size);
        request->address[size] = '\0';
        (void)pthread_mutex_lock(&channel->lock);
        if (over->requests_count >= REQUESTS_MOST)
                forget_one(over);
        request->token = ++over->token;
        add_request(over, request);
        about->reply_to = request->token;
        about->deadline = request->deadline;
        about->flags |= LEAT_WANTS_REPLY;
        (void)pthread_mutex_unlock(&channel->lock);
        return 0;
}

static ssize_t hand_out(struct over *over, const struct leat_message *about, const uint8_t *bytes, void *buffer,
                        size_t size_bytes, struct leat_message *ret_about) {
        size_t size = about->size_bytes;
        channel_tell(about, NULL, ret_about);
        if (size <= size_bytes) {
                if (size > 0)
                        memcpy(buffer, bytes, size);
                return (ssize_t)size;
        }
        struct kept *kept = kept_copy(about, bytes, size, NULL, 0);
        if (!kept)
                return -ENOMEM;
        kept_list_add(&over->kept, kept);
        return -EMSGSIZE;
}

ssize_t over_receive(struct leat_channel *channel, const struct selection *selection, void *buffer, size_t size_bytes,
                     int64_t deadline, struct leat_message *ret_about, over_receiver *receiver) {
        struct over *over = channel->over;
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct envelope envelope;
        struct kept *kept = kept_list_find(&over->kept, selection);
        if (kept)
                return channel_hand_out(&over->kept, kept, buffer, size_bytes, ret_about);
        if (ret_about && ret_about->struct_size < sizeof(size_t))
                return -EINVAL;
        if (!buffer && size_bytes > 0)
                return -EINVAL;
        ssize_t n = receive_whole(over, channel, selection, deadline, &about, receiver);
        if (n < 0)
                return n;
        size_t before = 0;
        about.flags &= ~LEAT_WANTS_REPLY; /* only an envelope says where an answer would go */
        about.reply_to = 0;
        if (envelope_decode(over->buffer, (size_t)n, &envelope) == 0 && envelope.kind == ENVELOPE_REQUEST) {
                int r = note(channel, &envelope, &about);
                if (r < 0)
                        return r;
                before = ENVELOPE_BYTES + envelope.address_bytes;
        }
        about.size_bytes = (size_t)n - before;
        return hand_out(over, &about, over->buffer + before, buffer, size_bytes, ret_about);
}

/* ---- where an answer goes ---- */

static void close_to(struct over *over) {
        over->answers = leat_close(over->answers);
        free(over->to);
        over->to = NULL;
}

/* One try. A caller that is the one receiver of a fifo wants its sender to know that. */
static int try_open_to(struct over *over, const char *text, bool exclusive, int64_t deadline,
                       struct leat_reason *reason) {
        CLEANUP(address_clear) struct address address = { 0 };
        const struct transport *transport = NULL;
        int r = channel_address(over->table, text, reason, &address, &transport);
        if (r < 0)
                return r;
        if (has_name(transport))
                address.given |= OPTION_BIT(OPTION_OPEN);
        if (exclusive && (transport->options & OPTION_BIT(OPTION_EXCLUSIVE)))
                address.given |= OPTION_BIT(OPTION_EXCLUSIVE);
        address.distrusted = true;
        return open_one_way(over, transport, &address, LEAT_SEND, deadline, reason);
}

/* It must be there, and have its receiver: nothing is made, and nobody waited for, on a stranger's word. */
static int open_to(struct leat_channel *channel, struct over *over, const char *text, int64_t deadline,
                   struct leat_reason *reason) {
        close_to(over);
        over->to = strdup(text);
        if (!over->to)
                return -ENOMEM;
        int64_t patience = leat_in_ms(OPENING_MS);
        deadline = deadline < patience ? deadline : patience;
        int r = try_open_to(over, text, true, deadline, reason);
        if (r == -EBUSY || r == -ENOTSUP)
                r = try_open_to(over, text, false, deadline, reason);
        if (r == 0)
                adopt(channel, over->answers);
        else
                close_to(over);
        return r;
}

/* Open where the answer goes, unless the last one went to the same caller: another of its name has made it anew, perhaps. */
static int open_for(struct leat_channel *channel, const struct request *request, int64_t deadline,
                    struct leat_reason *reason) {
        struct over *over = channel->over;
        if (over->given)
                return over->answers ? 0 : -EPIPE;
        if (over->to && over->caller == request->caller && strcmp(over->to, request->address) == 0)
                return 0;
        over->caller = request->caller;
        return open_to(channel, over, request->address, deadline, reason);
}

static int answer(struct leat_channel *channel, const struct request *request, int64_t type, const void *bytes,
                  size_t size_bytes, int64_t deadline) {
        struct over *over = channel->over;
        struct leat_reason reason = { 0 };
        const struct envelope envelope = { .kind = ENVELOPE_REPLY,
                                           .caller = request->caller,
                                           .number = request->number,
                                           .time_ns = time_of_day_ns() };
        if (request->address[0] == '\0')
                return channel_refuse(channel, -EACCES, LEAT_ROW_LISTENING,
                                      "the request wants its answer at an address that does not begin with that of the "
                                      "requests and a dot; allow it with ?reply=");
        int r = open_for(channel, request, deadline, &reason);
        if (r == -ENOENT || r == -ECONNREFUSED || (r == -ETIMEDOUT && leat_now() < deadline))
                return -EPIPE; /* who called is gone, and its name with it, or it receives no more */
        if (r < 0) {
                channel_remember(channel, &reason);
                return r;
        }
        r = send_wrapped(over->answers, &envelope, NULL, type, bytes, size_bytes, deadline);
        if (r == -EMSGSIZE)
                return channel_refuse(
                        channel, r, LEAT_ROW_LIMITS,
                        "the answer is larger than what its caller opened for answers carries; the request can "
                        "still be answered");
        if (r == -EPIPE || r == -EIDRM) { /* the next caller of this name makes it anew */
                close_to(over);
                return -EPIPE;
        }
        return r;
}

/* Nothing of the answer went out, and another try may do better. */
static bool is_worth_another(int r) {
        return r == -EAGAIN || r == -ETIMEDOUT || r == -ECANCELED || r == -EMSGSIZE || r == -ENOMEM || r == -EMFILE ||
               r == -ENFILE || r == -EINVAL;
}

static struct request *take_request(struct leat_channel *channel, uint64_t token) {
        struct over *over = channel->over;
        (void)pthread_mutex_lock(&channel->lock);
        struct request *request = find(over, token);
        if (request) {
                list_remove(&request->node);
                over->requests_count--;
        }
        (void)pthread_mutex_unlock(&channel->lock);
        return request;
}

static void put_back(struct leat_channel *channel, struct request *request) {
        (void)pthread_mutex_lock(&channel->lock);
        add_request(channel->over, request);
        (void)pthread_mutex_unlock(&channel->lock);
}

int over_reply(struct leat_channel *channel, const struct leat_message *about, int64_t type, const void *bytes,
               size_t size_bytes, int64_t deadline) {
        struct request *request = take_request(channel, about->reply_to);
        if (!request)
                return channel_refuse(channel, -EINVAL, LEAT_ROW_LISTENING,
                                      "that request was answered already, or 1,024 others came since");
        int r = answer(channel, request, type, bytes, size_bytes, deadline);
        if (is_worth_another(r) && leat_now() < request->deadline)
                put_back(channel, request);
        else
                free(request);
        return r;
}
