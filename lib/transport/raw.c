/* SPDX-License-Identifier: MIT */

/*
 * raw: ICMP echo (RFC 792, RFC 4443 section 4): what is sent goes to a host as an echo request with the message as payload, and
 * its kernel sends it back; what is received are the replies. A call takes the reply to its own request.
 *
 * A request carries the lowest 16 bits of its message's sequence. `asked` remembers the last 65,536: a reply to none of
 * them, or a second one, is no message. `called` remembers which were calls: a late reply to one is for nobody.
 */

#include "base/cleanup.h"
#include "base/io.h"
#include "base/text.h"
#include "channel/channel.h"
#include "channel/entry.h"
#include "transport/foreign.h"
#include "transport/inet_address.h"
#include "transport/raw_socket.h"
#include "transport/resolver.h"
#include "transport/rows.h"
#include "transport/table.h"

#include <stdlib.h>
#include <string.h>

static const struct leat_declaration declarations[] = {
        { .scheme = "raw",
          .pattern = LEAT_PAIR,
          .framing = "raw",
          .parties = "1:1",
          .largest_bytes = RAW_LARGEST_BYTES,
          .two_way = 1,
          .rows = { [LEAT_ROW_BOUNDARIES] = YES,
                    [LEAT_ROW_ORDER] =
                            NO("the network may turn round what it carries; 'sequence' tells which is which, and "
                               "tcp: keeps the order"),
                    [LEAT_ROW_TYPES] = NO("an echo has no type; use udp: or tcp:"),
                    [LEAT_ROW_WAITING] = YES,
                    [LEAT_ROW_SYNC] = NO("the reply itself says that the host has it: use leat_call"),
                    [LEAT_ROW_FULL] = NO("a sender never waits for who answers: replies that find the receive buffer "
                                         "full are dropped, and counted; give a larger ?capacity="),
                    [LEAT_ROW_END] = NO("a host says nothing when it goes; receive with a deadline"),
                    [LEAT_ROW_DEATH] = NO("requests and replies may be lost while everybody lives; use tcp:"),
                    [LEAT_ROW_LIFETIME] = YES_BUT("with its processes"),
                    [LEAT_ROW_WHO] = NO("the host answers, which is no process; use unix:"),
                    [LEAT_ROW_DESCRIPTORS] = NO("the network carries bytes only; use unix:"),
                    [LEAT_ROW_POLLING] = YES,
                    [LEAT_ROW_LIMITS] = YES,
                    [LEAT_ROW_OPENING] = NO("there is nothing to make or to look at: the host's kernel answers"),
                    [LEAT_ROW_LISTENING] =
                            NO("the host's kernel answers, nobody else can: open it to send and receive, or "
                               "to call; use udp: between processes"),
                    [LEAT_ROW_THREADS] = YES,
                    [LEAT_ROW_VERSIONS] = NO("the payload of an echo is bare bytes; use udp: or tcp:"),
                    [LEAT_ROW_INHERITANCE] = YES } },
};

#define SEQUENCES 65536

struct bits {
        uint64_t words[SEQUENCES / 64];
};

static void bits_set(struct bits *bits, uint64_t sequence, bool value) {
        uint64_t bit = UINT64_C(1) << (sequence % 64), *word = &bits->words[sequence % SEQUENCES / 64];
        *word = value ? *word | bit : *word & ~bit;
}

static bool bits_get(const struct bits *bits, uint64_t sequence) {
        return bits->words[sequence % SEQUENCES / 64] >> (sequence % 64) & 1;
}

struct raw_state {
        struct raw_socket socket;
        uint64_t last; /* the sequence of the newest request */
        struct bits asked, called;
        uint64_t drops; /* of the kernel, as far as they are counted */
        uint8_t buffer[RAW_PACKET_BYTES];
};

/* ---- sending ---- */

static int send_one(struct raw_state *state, struct outgoing *message) {
        int r = raw_socket_send(&state->socket, (uint16_t)message->sequence, message->bytes, message->size_bytes);
        if (r < 0)
                return r;
        state->last = message->sequence;
        bits_set(&state->asked, message->sequence, true);
        bits_set(&state->called, message->sequence, message->flags & WIRE_WANTS_REPLY);
        return 0;
}

static int raw_send(struct leat_channel *channel, struct outgoing *messages, int count) {
        int done = 0, r = 0;
        while (done < count && (r = send_one(channel->state, &messages[done])) == 0)
                done++;
        return done > 0 ? done : r;
}

/* ---- receiving ---- */

/* The whole sequence of a reply: the newest of ours with these lowest bits. 0: none waits for it. */
static uint64_t take_sequence(struct raw_state *state, uint16_t low) {
        uint64_t sequence = (state->last & ~UINT64_C(0xffff)) | low;
        if (sequence > state->last && sequence < SEQUENCES)
                return 0;
        if (sequence > state->last)
                sequence -= SEQUENCES;
        if (!bits_get(&state->asked, sequence))
                return 0;
        bits_set(&state->asked, sequence, false);
        return sequence;
}

/* The next reply that is asked for, into the buffer. Its size; a negative errno. */
static ssize_t take(struct raw_state *state, unsigned *reads, struct raw_echo *ret_echo, uint64_t *ret_sequence) {
        while (*reads > 0) {
                --*reads;
                ssize_t size = raw_socket_receive(&state->socket, state->buffer, sizeof(state->buffer));
                if (size < 0)
                        return size;
                if (!raw_socket_look(&state->socket, state->buffer, (size_t)size, ret_echo))
                        continue;
                *ret_sequence = take_sequence(state, ret_echo->sequence);
                if (*ret_sequence > 0)
                        return size;
        }
        return -EAGAIN;
}

/* Of a message that cannot be kept for lack of memory the packet is gone; but this network loses packets anyway. */
static int receive_one(struct raw_state *state, bool calls, struct incoming *message) {
        struct raw_echo echo;
        struct entry entry;
        uint64_t sequence = 0;
        message->about = (struct leat_message){ .struct_size = sizeof(message->about) };
        ssize_t size = take(state, message->reads, &echo, &sequence);
        if (size == -ECONNREFUSED)
                message->refusal = (int)size; /* the network's word, not a peer's frame */
        if (size < 0)
                return (int)size;
        (void)entry_look(FRAMING_RAW, echo.bytes, echo.size, &entry); /* raw: all is a message */
        entry.about.sequence = sequence;
        bool reply = calls || bits_get(&state->called, sequence);
        enum wire_kind want = message->want;
        if (reply)
                message->want = WIRE_REPLY; /* so that it is kept for who called, whoever reads it */
        int r = entry_deliver(&entry, message);
        message->want = want;
        if (reply) {
                message->kind = WIRE_REPLY;
                message->answers = sequence;
        }
        return r;
}

static int raw_receive(struct leat_channel *channel, struct incoming *messages, int count) {
        bool calls = channel->flags & LEAT_CALL;
        int done = 0, r = 0;
        while (done < count && (r = receive_one(channel->state, calls, &messages[done])) == 0)
                done++;
        return done > 0 ? done : r;
}

/* ---- waiting ---- */

static int raw_arm(struct leat_channel *channel, enum direction direction, struct wait *wait) {
        const struct raw_state *state = channel->state;
        wait_add(wait, state->socket.fd, direction == DIRECTION_SEND ? POLLOUT : POLLIN);
        return 0;
}

static int raw_poll_fd(struct leat_channel *channel) {
        const struct raw_state *state = channel->state;
        return state->socket.fd;
}

static bool raw_lives(struct leat_channel *channel, uint64_t link) {
        (void)channel, (void)link;
        return true; /* nobody says when a host goes */
}

static bool raw_unread(struct leat_channel *channel) {
        (void)channel;
        return false; /* what it reads it gives */
}

/* ---- what is known ---- */

static void raw_info(struct leat_channel *channel, struct leat_info *info) {
        struct raw_state *state = channel->state;
        foreign_info(state->socket.fd, info);
        foreign_count_drops(channel, state->socket.fd, &state->drops);
}

/* ---- closing ---- */

static void raw_after_fork(struct leat_channel *channel) {
        struct raw_state *state = channel->state;
        state->socket.fd = close_fd(state->socket.fd);
}

static void raw_close(struct leat_channel *channel, bool ours) {
        struct raw_state *state = channel->state;
        (void)ours;
        close_fd(state->socket.fd);
        free(state);
        channel->state = NULL;
}

static const struct operations operations = {
        .send = raw_send,
        .receive = raw_receive,
        .arm = raw_arm,
        .hears = foreign_hears_nothing,
        .lives = raw_lives,
        .unread = raw_unread,
        .poll_fd = raw_poll_fd,
        .info = raw_info,
        .peer = foreign_no_peer,
        .detach = foreign_no_detach,
        .after_fork = raw_after_fork,
        .close = raw_close,
};

/* ---- opening ---- */

/* The host alone, as HOST:PORT, which the parser wants. */
static int parse(const struct address *address, struct leat_reason *reason, struct inet_name *ret_name) {
        const char *bracket = strrchr(address->rest, ']');
        const char *colon = strchr(bracket ? bracket : address->rest, ':');
        FREE_AT_EXIT char *text = NULL;
        if (colon && !strchr(colon + 1, ':'))
                return reason_at(reason, -EINVAL, address->rest_column + (uint32_t)(colon - address->rest),
                                 "an echo goes to a host, which is all that is said: raw:127.0.0.1, raw:[::1]");
        int r = text_format(&text, "%s:0", address->rest);
        if (r < 0)
                return r;
        struct address with_port = *address;
        with_port.rest = text;
        r = inet_parse(&with_port, reason, ret_name);
        if (r == 0 && ret_name->kind == INET_EVERY)
                r = reason_at(reason, -EINVAL, address->rest_column,
                              "an echo goes to one host; * is all of this machine's");
        return r;
}

static int raw_check(const struct address *address, struct leat_reason *reason) {
        struct inet_name name;
        return parse(address, reason, &name);
}

/* The first of the host's addresses that there is a way to. */
static int connect_socket(const struct address *address, int64_t deadline, struct leat_reason *reason,
                          struct raw_socket *ret_socket) {
        struct inet_candidates candidates = { .count = 0 };
        struct inet_name name;
        int r = parse(address, reason, &name);
        if (r == 0)
                r = resolver_candidates(&name, deadline, reason, &candidates);
        if (r < 0)
                return r;
        r = -EADDRNOTAVAIL;
        for (size_t i = 0; i < candidates.count && r < 0; i++)
                r = raw_socket_open(&candidates.all[i], reason, ret_socket);
        return r;
}

static int raw_open(struct leat_channel *channel, int64_t deadline, struct leat_reason *reason) {
        struct raw_socket socket = { .fd = -1 };
        if (!DOES_SEND(channel->flags) || (channel->flags & LEAT_REPLY))
                return reason_set(reason, -ENOTSUP, LEAT_ROW_LISTENING,
                                  channel->declaration->rows[LEAT_ROW_LISTENING].why);
        int r = connect_socket(&channel->address, deadline, reason, &socket);
        if (r < 0)
                return r;
        r = foreign_set_capacity(socket.fd, &channel->address, reason);
        struct raw_state *state = r < 0 ? NULL : calloc(1, sizeof(*state));
        if (!state) {
                close_fd(socket.fd);
                return r < 0 ? r : -ENOMEM;
        }
        state->socket = socket;
        channel->operations = &operations;
        channel->state = state;
        return 0;
}

const struct transport transport_raw = {
        .scheme = "raw",
        .summary = "ICMP echo: what is sent to a host comes back from its kernel (ping)",
        .declarations = declarations,
        .declarations_count = sizeof(declarations) / sizeof(declarations[0]),
        .check = raw_check,
        .open = raw_open,
};
