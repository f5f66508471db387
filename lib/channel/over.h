/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_OVER_H
#define LEAT_CHANNEL_OVER_H

/*
 * Calls over two channels that go one way each: requests by this one, answers by another, ?reply= (docs/wire.md).
 *
 * What goes over them is an ordinary message whose bytes begin with an envelope: who calls, the number of the call, until when, and
 * where the answer is to go. The caller's id is 64 random bits of each channel, so that nobody takes another's answer, and the
 * number 64 of each call, so that nobody takes one of an earlier call, nor can who answered that one answer this before it is asked.
 *
 * An address in a request is a stranger's word, and whoever replies would open it with rights of its own: only those that begin with
 * the address of the requests and a dot, or with what the replier's own ?reply= says, are opened, none is made, none waited for, no
 * symbolic link followed at its end, and no file taken that is but a part of something.
 */

#include "channel/transport.h"

#include <leat/channel.h>

#define ENVELOPE_BYTES 40

enum envelope_kind { ENVELOPE_REQUEST = 1, ENVELOPE_REPLY = 2 };

struct envelope {
        enum envelope_kind kind;
        uint64_t caller, number; /* of the channel, and of the call: random */
        int64_t time_ns;         /* when it was sent, CLOCK_REALTIME */
        uint64_t left_ns;        /* how long the caller still waited then; 0: without end */
        size_t address_bytes;    /* of a request: behind the envelope, before its bytes */
};

void envelope_encode(const struct envelope *envelope, uint8_t ret_bytes[ENVELOPE_BYTES]);
/* -EBADMSG: these bytes are none. */
int envelope_decode(const uint8_t *bytes, size_t size, struct envelope *ret_envelope);

/* May an answer to a request that came at `own` go to this address of `size` bytes? reply: the replier's ?reply=, or NULL. */
bool over_allows(const char *own, const char *reply, const char *address, size_t size);

struct over;

/* Is this to be a call over two channels? 1: yes, and *ret_flags are those of the channel of the requests. -ENOTSUP. */
int over_wanted(const struct transport *transport, const struct address *address, const char *text, unsigned flags,
                struct leat_reason *reason, unsigned *ret_flags);
/* After the channel of the requests is open. The text of its address as it was given. */
int over_open(struct leat_channel *channel, const struct transport *const *table, const char *text, int64_t deadline,
              struct leat_reason *reason);
struct over *over_free(struct over *over);

/* As the functions of the public face, behind their checks. */
ssize_t over_call(struct leat_channel *channel, int64_t type, const void *request, size_t request_bytes, void *reply,
                  size_t reply_bytes, int64_t deadline, struct leat_message *ret_about);
/* The two halves of a call. The number is the caller's to keep: there is one call at a time. */
int over_begin(struct leat_channel *channel, int64_t type, const void *request, size_t request_bytes, int64_t deadline,
               uint64_t *ret_number);
ssize_t over_take(struct leat_channel *channel, uint64_t number, void *reply, size_t reply_bytes, int64_t deadline,
                  struct leat_message *ret_about);
int over_reply(struct leat_channel *channel, const struct leat_message *request, int64_t type, const void *bytes,
               size_t size_bytes, int64_t deadline);
/* What receives on the channel itself: leat_receive_with without this file. */
typedef ssize_t over_receiver(struct leat_channel *channel, const struct selection *selection, void *buffer,
                              size_t size_bytes, int64_t deadline, struct leat_message *ret_about);
ssize_t over_receive(struct leat_channel *channel, const struct selection *selection, void *buffer, size_t size_bytes,
                     int64_t deadline, struct leat_message *ret_about, over_receiver *receiver);

/* The other channel, or NULL: a replier has it when it has answered. */
struct leat_channel *over_answers(const struct over *over);
/* Of the largest message of the channel: the largest request that a caller can send; of a replier the largest answer, if the answers'
 * channel is like that of the requests. */
uint64_t over_largest(const struct leat_channel *channel, uint64_t largest_bytes);

#endif
