/* SPDX-License-Identifier: MIT */
#ifndef LEAT_MESSAGE_H
#define LEAT_MESSAGE_H

/*
 * Messages.
 *
 * A message is a type, a priority, bytes, and what came with them: the sender, descriptors, the
 * time. It arrives whole or not at all. An empty message is a message; the end is -ENODATA.
 *
 *   type      1 to 2^63-1, System V's positive long (msgsnd(2)). The sender's to choose, the
 *             receiver's to select by. 1 if you do not care.
 *   priority  0 to 32,767, POSIX's (mq_send(3)); it reorders only where the transport says so.
 *   sequence  the number that the sender's channel gave it, from 1; of a channel that calls from the time of its first call.
 *
 * What a receive tells about a message is written into a struct leat_message that the caller
 * provides. Begin with LEAT_MESSAGE_INIT: the structure says its own size, so that a program built
 * against an older header keeps working with a newer library.
 *
 *     int fds[4];
 *     struct leat_message about = LEAT_MESSAGE_INIT;
 *     about.descriptors = fds;
 *     about.descriptors_max = 4;
 *     n = leat_receive(jobs, LEAT_ANY, buffer, sizeof buffer, deadline, &about);
 *
 * Descriptors that came with a message belong to the caller once the receive has succeeded; they
 * are close-on-exec. Without a place for them (descriptors_max 0 and descriptors NULL, or no struct
 * leat_message at all) they are closed.
 */

#include <leat/peer.h>
#include <stddef.h>
#include <stdint.h>

#define LEAT_TYPE_MAX INT64_MAX
#define LEAT_PRIORITY_MAX 32767
#define LEAT_DESCRIPTORS_MAX 253 /* of one message: SCM_MAX_FD of Linux */

/* Which message to receive next: the three modes of msgrcv(2). */
#define LEAT_ANY INT64_C(0)             /* the next of any type */
#define LEAT_TYPE(t) ((int64_t)(t))     /* the next of exactly type t */
#define LEAT_AT_MOST(t) (-(int64_t)(t)) /* the next of the lowest type not above t */

/* struct leat_message, flags */
#define LEAT_WANTS_REPLY 1u /* the sender waits in leat_call(): answer with leat_reply() */
#define LEAT_WANTS_TAKEN 2u /* it was sent synchronously; the library has told the sender */
#define LEAT_REDELIVERED 4u /* it may have been delivered before (at-least-once) */

struct leat_message {
        size_t struct_size; /* set by LEAT_MESSAGE_INIT */
        /* set by the caller before the call */
        int *descriptors;       /* where received descriptors go, or NULL */
        size_t descriptors_max; /* how many fit there */
        /* told by the call; size_bytes and descriptors_count also with -EMSGSIZE */
        size_t descriptors_count;
        size_t size_bytes; /* of the whole message */
        int64_t type;      /* 1 where the framing carries none */
        uint32_t priority;
        uint32_t flags;
        uint64_t sequence; /* 0 where the framing carries none */
        int64_t time_ns;   /* when it was sent, CLOCK_REALTIME; 0 where the framing carries none, and of most by shm: */
        int64_t deadline;  /* until when the caller waits for the reply; LEAT_NEVER if it said none */
        struct leat_peer sender;
        uint64_t reply_to; /* names the way back for leat_reply(); valid while the sender is there */
};

#define LEAT_MESSAGE_INIT                                                                                              \
        { sizeof(struct leat_message), NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, { false, 0, 0, 0 }, 0 }

#endif
