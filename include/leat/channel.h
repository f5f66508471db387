/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_H
#define LEAT_CHANNEL_H

/*
 * Channels: an open end that sends messages, receives them, or both.
 *
 * LIFE. leat_open() an address, leat_send() or leat_receive(), leat_close(). Either end may come
 * first: a sender waits for its receiver until the deadline of the open. leat_pair() makes both ends
 * of something that has no name. The ends may be in one process or in two that never heard of each
 * other.
 *
 * WHO BINDS. Receivers bind, senders connect; ?listen and ?connect swap them. Of a pair (opened to
 * send and to receive) the end that says ?listen binds; so does the one that replies (LEAT_REPLY).
 *
 * WAITING. Every call that can wait takes a deadline (<leat/deadline.h>). A signal handler that runs
 * meanwhile neither ends nor lengthens the wait; leat_interrupt() ends it. leat_fd() is for the
 * program's own poll loop. No call raises SIGPIPE, and none changes a signal's disposition.
 *
 * THE END. When the last sender is gone, however it went, the receiver reads all that was sent and
 * then gets -ENODATA. A receiver that listens is told so once, and then waits for the next sender; one
 * that connected, or holds a pipe, is told each time. Before the first sender came there is no end.
 *
 * DEATH. Any party may be killed at any instruction. Of a sender the message being written is
 * lost; of a receiver what it had taken and what waited in its own connection. No one sees half a
 * message, or one twice, and no one waits past the deadline. LEAT_SYNC closes the gap.
 *
 * THREADS. One thread that sends and one that receives may share a channel; two that send, or two
 * that receive, need a lock of their own. Different channels are independent. The library starts no
 * thread but these, with all signals blocked: one for a channel that waits to receive from sysv-mq:, and one
 * that looks up the name of a host while a channel is opened, which ends when the resolver has answered.
 *
 * FORK. A channel belongs to the process that opened it: in a forked child it answers -ECHILD, and its
 * descriptors there are closed, so that a child does not keep a dead parent's channels alive.
 * leat_give() hands one down. Every descriptor is close-on-exec from birth; leat_detach() turns a
 * channel into plain descriptors for a program that is to be exec'ed.
 *
 * SIGNALS. Of these functions only leat_interrupt() may be called from a signal handler.
 *
 * LIMITS. leat_channel_info() and leat_inspect() tell them: the largest message, what is queued, drops.
 * A channel takes under 16 KiB beside its buffers and, for each connection, one descriptor (of shm: four).
 */

#include <leat/deadline.h>
#include <leat/error.h>
#include <leat/message.h>
#include <leat/peer.h>
#include <leat/transport.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct leat_channel;

/* leat_open, flags: what this end does */
#define LEAT_SEND 1u
#define LEAT_RECEIVE 2u
#define LEAT_CALL 4u  /* calls: sends requests and takes their replies */
#define LEAT_REPLY 8u /* replies: receives requests and answers each */

/* leat_send_with, flags */
#define LEAT_SYNC 1u        /* return when the receiver has taken the message (row 5) */
#define LEAT_DROP_NEWEST 2u /* if full at the deadline: drop this message, count it, return 1 */
#define LEAT_DROP_OLDEST 4u /* if full: drop the oldest that waits (row 6) */
#define LEAT_MORE 8u        /* more follows at once: it may wait for those, to go out with them */

struct leat_open_options {
        size_t struct_size; /* set by LEAT_OPEN_OPTIONS_INIT */
        unsigned flags;     /* LEAT_SEND, LEAT_RECEIVE, LEAT_CALL, LEAT_REPLY */
        int64_t deadline;
};
#define LEAT_OPEN_OPTIONS_INIT                                                                                         \
        { sizeof(struct leat_open_options), 0, LEAT_NEVER }

struct leat_send_options {
        size_t struct_size; /* set by LEAT_SEND_OPTIONS_INIT */
        unsigned flags;     /* LEAT_SYNC, LEAT_DROP_NEWEST, LEAT_DROP_OLDEST, LEAT_MORE */
        uint32_t priority;  /* 0 to LEAT_PRIORITY_MAX */
        int64_t type;       /* 1 to LEAT_TYPE_MAX */
        int64_t deadline;
        const int *descriptors; /* borrowed: the caller's own stay open */
        size_t descriptors_count;
};
#define LEAT_SEND_OPTIONS_INIT                                                                                         \
        { sizeof(struct leat_send_options), 0, 0, 1, LEAT_NEVER, NULL, 0 }

struct leat_receive_options {
        size_t struct_size; /* set by LEAT_RECEIVE_OPTIONS_INIT */
        unsigned flags;     /* 0 */
        pid_t from_pid;     /* only from this sender; 0: from any */
        int64_t select;     /* LEAT_ANY, LEAT_TYPE(t), LEAT_AT_MOST(t) */
        int64_t deadline;
};
#define LEAT_RECEIVE_OPTIONS_INIT                                                                                      \
        { sizeof(struct leat_receive_options), 0, 0, LEAT_ANY, LEAT_NEVER }

/* A number in struct leat_info that this transport cannot tell. */
#define LEAT_UNKNOWN UINT64_MAX

struct leat_info {
        size_t struct_size; /* set by LEAT_INFO_INIT */
        const struct leat_declaration *declaration;
        uint64_t largest_bytes;  /* the largest message */
        uint64_t capacity_bytes; /* what is held before a sender waits, per connection */
        uint64_t atomic_bytes;   /* up to this size a message is written in one step */
        uint64_t queued_bytes;   /* sent and not yet taken, headers included */
        uint64_t queued_messages;
        uint64_t parties; /* connections to it now */
        uint64_t waiting; /* connections not accepted yet */
        uint64_t sent;    /* by this channel, since it was opened */
        uint64_t received;
        uint64_t
                dropped; /* messages that this channel dropped because it was told to; udp, netlink, raw: that found its receive buffer full (udp: datagrams, each of
                          * which may carry several messages) */
        uint64_t refused;        /* peers cut off because they broke the protocol or a limit */
        uint64_t aside_messages; /* set aside by selective receives */
        uint64_t aside_bytes;
        struct leat_peer owner; /* who listens, or who made it */
        uint32_t mode;          /* permission bits of its name; 0: it has none */
        uint64_t depth;         /* messages that it holds at most */
        pid_t last_sender;      /* who sent to it last, and took from it last; 0: nobody, or not known */
        pid_t last_receiver;
        int64_t first_ns; /* when the first and the last message that are kept there were sent; 0: not known */
        int64_t last_ns;
        uint64_t lost;    /* udp: numbers of its senders' messages that did not come, as far as later ones tell */
        uint64_t late;    /* udp: messages that came after a later one of their sender */
        uint64_t doubled; /* udp: messages that came again, and were not delivered */
        /* ?reconnect: messages that went over connections which were lost then, and were not acknowledged: whether they came is
         * not known; as of the last -ENOTCONN, or since. ?at-least-once: sent and not acknowledged yet. How many, and the range
         * of their sequence numbers. */
        uint64_t in_doubt;
        uint64_t in_doubt_first;
        uint64_t in_doubt_last;
        uint64_t sent_bytes; /* by this channel, what its messages carried */
        uint64_t received_bytes;
        uint64_t waits;  /* calls that found no room to send, or nothing to receive, and waited */
        uint64_t sleeps; /* and how often the process slept in them: the other waits were over while it looked again */
};
#define LEAT_INFO_INIT                                                                                                 \
        {                                                                                                              \
                sizeof(struct leat_info), NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, { false, 0, 0, 0 }, 0, 0, 0, 0, \
                        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0                                                             \
        }

/*
 * Open a channel.
 *
 * address: see <leat/address.h>; borrowed.
 * flags: LEAT_SEND, LEAT_RECEIVE, both (a pair), LEAT_CALL or LEAT_REPLY.
 * deadline: until when to wait for the other end, where opening needs it.
 * ret_channel: the new channel, the caller's until leat_close().
 * Returns 0 or: -EINVAL (address or flags), -EPROTONOSUPPORT (unknown scheme), -ENOTSUP (a need or an
 * option that is not declared), -ENOENT (its directory is not there; with ?open: nor is it),
 * -ECONNREFUSED (?open, and no receiver), -EADDRINUSE (it has its receiver), -EEXIST (?new),
 * -EACCES, -EMFILE, -ENFILE, -ENOMEM, -EAGAIN, -ETIMEDOUT (no receiver came).
 * Blocks until the deadline. Safe with threads and after fork; not for signal handlers. Since 0.1.
 */
int leat_open(const char *address, unsigned flags, int64_t deadline, struct leat_channel **ret_channel);

/*
 * Open a channel, and learn why not.
 *
 * options: what leat_open() takes as arguments; borrowed.
 * ret_reason: on failure, why; or NULL. The rest as for leat_open(). Since 0.1.
 */
int leat_open_with(const char *address, const struct leat_open_options *options, struct leat_reason *ret_reason,
                   struct leat_channel **ret_channel);

/*
 * Make both ends of something that has no name.
 *
 * address: a scheme that can be made so and its options: "pipe:", "unix:", "unix-stream:". One way
 * by default; "?pattern=pair" makes two ends that each send and receive; "?need=sync" gives a one-way
 * pipe the way back that a synchronous send needs.
 * ret_reason: on failure, why; or NULL.
 * ret_receiver, ret_sender: the ends, in the order of pipe(2). Of a pair they are equals.
 * Returns 0 or: -EINVAL, -ENOTSUP, -EMFILE, -ENFILE, -ENOMEM, -EPERM (capacity above fs.pipe-max-size).
 * Does not block. Safe with threads and after fork. Since 0.1.
 */
int leat_pair(const char *address, struct leat_reason *ret_reason, struct leat_channel **ret_receiver,
              struct leat_channel **ret_sender);

/*
 * Close a channel. What was sent stays sent: the receiver still reads it.
 *
 * channel: consumed; NULL is taken. Its name goes if this end made it and it lives with its
 * processes. In a forked child this frees the child's copy and touches nothing shared.
 * Returns NULL, so that `channel = leat_close(channel)` forgets it.
 * Does not wait for a peer. No other thread may be in a call on it. Since 0.1.
 */
struct leat_channel *leat_close(struct leat_channel *channel);

/*
 * Send a message.
 *
 * type: 1 to LEAT_TYPE_MAX. bytes, size_bytes: what to send, borrowed; NULL if the size is 0.
 * deadline: until when to wait while the channel is full or has no receiver yet.
 * Returns 0: the message is on its way whole. Or: -EAGAIN, -ETIMEDOUT (not sent, none of it will be
 * seen), -ECANCELED (likewise), -EPIPE (no receiver is left), -EMSGSIZE (larger than the channel carries), -EINVAL,
 * -ECHILD, -ENOTSUP (this end does not send), -EBUSY (the listener has its partner).
 * In the framings lines, nul, length and raw of a stream a message that was begun cannot be taken back: after
 * -ETIMEDOUT or -ECANCELED in the middle of it the rest goes out before the next message (docs/wire.md).
 * Blocks until the deadline. One sending thread at a time. Since 0.1.
 */
int leat_send(struct leat_channel *channel, int64_t type, const void *bytes, size_t size_bytes, int64_t deadline);

/*
 * Send a message with a priority, descriptors, synchronously, or dropping.
 *
 * options: borrowed; see struct leat_send_options.
 * Returns 0; 1 if LEAT_DROP_NEWEST dropped it (also counted in struct leat_info). Errors as for
 * leat_send(), and -ENOTSUP for an option that the declaration has not: the reason is told by
 * leat_why(). With LEAT_SYNC -ETIMEDOUT, -ECANCELED and -EPIPE mean: whether it was taken is unknown.
 * -ENOBUFS, with LEAT_SYNC on an end that also receives: what nobody received there fills ?aside=, and the answer stands
 * behind it.
 * With LEAT_MORE the first message goes out at once, and small ones after it are gathered until there are many of them, until a
 * send without the flag, leat_flush(), or leat_close(), which sends what goes without waiting: end a burst with a send that says
 * when all is out. 0 means here: it is out, or gathered, and is out when that send has returned 0. If sending what was gathered
 * fails, it stays gathered, and the call that failed sent nothing of its own.
 * With descriptors also -EBADF, -ETOOMANYREFS.
 * Blocks until the deadline. One sending thread at a time. Since 0.1.
 */
int leat_send_with(struct leat_channel *channel, const void *bytes, size_t size_bytes,
                   const struct leat_send_options *options);

/* One message of several, to send. */
struct leat_outgoing {
        int64_t type;      /* 1 to LEAT_TYPE_MAX */
        const void *bytes; /* borrowed; NULL if the size is 0 */
        size_t size_bytes;
        uint32_t priority; /* 0 to LEAT_PRIORITY_MAX */
        uint32_t flags;    /* 0 */
};

/*
 * Send messages, in order, with as few system calls as the transport can: many small ones in one write or packet.
 *
 * messages, count: borrowed; at most LEAT_MANY_MAX at once.
 * deadline: until when to wait while the channel is full.
 * Returns how many are on their way whole, the first ones: fewer than `count` only if the next one failed, and the next call with
 * it tells why. If the first failed, its error, as leat_send() tells it; -EINVAL also for a count of 0 or above the limit.
 * In a framing that cannot take back what it began (lines, nul, length) one that went out in part counts: its rest goes before the next, with
 * leat_flush(), or with leat_close() as far as there is room.
 * Blocks until the deadline. One sending thread at a time. Since 0.1.
 */
ssize_t leat_send_many(struct leat_channel *channel, const struct leat_outgoing *messages, size_t count,
                       int64_t deadline);

#define LEAT_MANY_MAX 1024

/*
 * Receive a message.
 *
 * select: LEAT_ANY, LEAT_TYPE(t) or LEAT_AT_MOST(t).
 * buffer, size_bytes: where the bytes go; what stands there after a failure is unspecified.
 * deadline: until when to wait for a message.
 * ret_about: what came with it (begin with LEAT_MESSAGE_INIT), or NULL.
 * Returns the size of the message in bytes, 0 for an empty one, or: -EAGAIN, -ETIMEDOUT, -ECANCELED,
 * -ENODATA (the end), -EMSGSIZE (too small a buffer or place for descriptors; ret_about tells what
 * is needed, and the message is kept for the next receive), -ENOBUFS (more set aside than ?aside=
 * allows), -EBADMSG, -EPROTONOSUPPORT (a peer was cut off, ret_about->sender says which; receive on),
 * -EMFILE (connections or descriptors that there is no room for), -ENOTSUP (this end does not
 * receive), -EINVAL, -ECHILD.
 * Blocks until the deadline. One receiving thread at a time. Since 0.1.
 */
ssize_t leat_receive(struct leat_channel *channel, int64_t select, void *buffer, size_t size_bytes, int64_t deadline,
                     struct leat_message *ret_about);

/*
 * Receive a message from a given sender. options: borrowed; see struct leat_receive_options. The rest as for
 * leat_receive(); -ENOTSUP for from_pid where the transport cannot tell who sends (row 10). Since 0.1.
 */
ssize_t leat_receive_with(struct leat_channel *channel, void *buffer, size_t size_bytes,
                          const struct leat_receive_options *options, struct leat_message *ret_about);

/* A place for one message of several. */
struct leat_incoming {
        void *buffer; /* where the bytes go */
        size_t size_bytes;
        struct leat_message about; /* begin with LEAT_MESSAGE_INIT; about.size_bytes tells how many came */
};

/*
 * Receive messages: wait for the first, and take what else is there, up to `count`.
 *
 * select: as for leat_receive(). messages, count: where they go; at most LEAT_MANY_MAX.
 * deadline: until when to wait for the first one.
 * Returns how many came, at least 1; or the error of the first, as leat_receive() tells it. An error behind the first is told by
 * the next call.
 * Blocks until the deadline. One receiving thread at a time. Since 0.1.
 */
ssize_t leat_receive_many(struct leat_channel *channel, int64_t select, struct leat_incoming *messages, size_t count,
                          int64_t deadline);

/*
 * Send what LEAT_MORE has gathered, and the rest of what leat_send_many() began. And of a channel opened with ?at-least-once or ?reconnect wait until all that was sent is acknowledged,
 * over as many connections as it takes.
 *
 * Returns 0, or: -EAGAIN, -ETIMEDOUT, -ECANCELED (leat_channel_info() tells what is not: in_doubt), -ENOTCONN (?reconnect: the
 * connection was lost, and some are in doubt for good), -EBADMSG and -EPROTONOSUPPORT (the other end refuses what was sent, or is no
 * receiver of Leat; the next call connects again), -ENOTSUP (nothing is acknowledged on it, nor was LEAT_MORE or leat_send_many() used), and the errors of a connect.
 * Blocks until the deadline. Counts as sending. Since 0.1.
 */
int leat_flush(struct leat_channel *channel, int64_t deadline);

/*
 * Acknowledge a message: it is done with, and does not come again. Of a channel opened with ?acknowledge, on which receiving alone
 * acknowledges nothing: what its receiver has not acknowledged when it dies comes again, to it or to its successor, marked
 * LEAT_REDELIVERED, if the sender has ?at-least-once, or from log: with ?pattern=queue.
 *
 * about: what leat_receive() told about it; borrowed.
 * Returns 0, -ENOTCONN (the connection that it came by is lost: it will come again), -EINVAL (of log: it is not the one that was received
 * last, or was acknowledged before), -ENOTSUP, -ECHILD. Does not block. Counts as receiving. Since 0.1.
 */
int leat_acknowledge(struct leat_channel *channel, const struct leat_message *about);

/*
 * Call: send a request and wait for its reply.
 *
 * type, request, request_bytes: the request, borrowed. reply, reply_bytes: where the reply goes.
 * deadline: for both; it travels with the request. ret_about: what came with the reply, or NULL.
 * Returns the size of the reply. -ETIMEDOUT, -ECANCELED and -EPIPE after the request went out mean:
 * whether it was carried out is unknown. A reply that comes later is dropped and never taken for
 * another's. -EMSGSIZE: the reply is larger than its place (size in ret_about) and is dropped. Other
 * errors as for leat_send() and leat_receive().
 * Messages that are no reply are set aside for leat_receive(). Two threads that call each other's ends, and serve them, wait for each
 * other until a deadline: serve from another thread. Blocks until the deadline. Since 0.1.
 */
ssize_t leat_call(struct leat_channel *channel, int64_t type, const void *request, size_t request_bytes, void *reply,
                  size_t reply_bytes, int64_t deadline, struct leat_message *ret_about);

/*
 * Reply to a request that this channel received (about.flags has LEAT_WANTS_REPLY).
 *
 * request: what leat_receive() told about it; borrowed. type, bytes, size_bytes: the reply, borrowed.
 * Requests may be answered in any order, each once. One whose request->deadline has passed has no caller that waits: look before
 * carrying it out. Returns 0 or: -EPIPE (the caller is gone), -EAGAIN, -ECANCELED, -ETIMEDOUT (the caller takes no replies, or its own
 * deadline has passed and nothing is sent), -EMSGSIZE, -EINVAL (it wants no reply, or was answered), -ENOTSUP, -ECHILD; and where the
 * reply goes another way (?reply=) -EACCES, -ELOOP, -EEXIST (it may not go where the request says) and the errors of an open.
 * After -EAGAIN, -ETIMEDOUT, -ECANCELED and -EMSGSIZE the request can still be answered, until its deadline.
 * Blocks until the deadline, or the caller's if that is earlier. Counts as sending. Since 0.1.
 */
int leat_reply(struct leat_channel *channel, const struct leat_message *request, int64_t type, const void *bytes,
               size_t size_bytes, int64_t deadline);

/*
 * A descriptor for the program's own poll loop.
 *
 * After a receive said -EAGAIN it is readable (POLLIN) whenever the same receive would not block;
 * it may be readable when a receive still says -EAGAIN, never the other way round. It is
 * level-triggered and stays the channel's: poll it, do nothing else with it.
 * Returns the descriptor, or -ENOTSUP (this end does not receive), -EMFILE, -ECHILD. Since 0.1.
 */
int leat_fd(struct leat_channel *channel);

/*
 * End the wait that a call on this channel is in, or the next one if none is: that call returns
 * -ECANCELED. Interrupts that come before it is noticed count as one.
 * Returns 0, -EINVAL or -ECHILD. Does not block. From any thread, and from a signal handler; errno is kept. Since 0.1.
 */
int leat_interrupt(struct leat_channel *channel);

/*
 * Give a channel to the child that fork() makes next: the first call that a child makes on it takes
 * it. In this process it is then good for leat_close() alone; close it after the fork.
 * Returns 0, -EINVAL or -ECHILD. Does not block. Since 0.1.
 */
int leat_give(struct leat_channel *channel);

/*
 * Turn a channel into plain descriptors, for a program that is to be exec'ed with them (it opens
 * "pipe:fd=N"; a program that knows nothing of Leat uses them as they are, with ?framing=raw or lines).
 *
 * channel: consumed on success. ret_descriptors: [0] to read from, [1] to write to, -1 where there is
 * none, the same number twice for a socket; the caller's, close-on-exec, and blocking.
 * Returns 0, -ENOTSUP (a channel that listens, or holds messages set aside), -EINVAL, -ECHILD. Since 0.1.
 */
int leat_detach(struct leat_channel *channel, int ret_descriptors[2]);

/*
 * Tell what is known of an open channel. ret_info: begin with LEAT_INFO_INIT.
 * Returns 0, -EINVAL or -ECHILD. Does not block. Counts as receiving. Since 0.1.
 */
int leat_channel_info(struct leat_channel *channel, struct leat_info *ret_info);

/*
 * Tell why the last failed call of this channel failed: row, errno, text. *ret_reason is valid until the
 * next call on the channel.
 * Returns 0, -EINVAL or -ECHILD. Does not block. Since 0.1.
 */
int leat_why(struct leat_channel *channel, struct leat_reason *ret_reason);

/*
 * Tell who listens at the other end of a connection, or is the partner of a pair. Returns 0, -ENOTSUP (the transport cannot tell,
 * or there are many: look at each message's sender), -ENOTCONN, -EINVAL or -ECHILD. Since 0.1.
 */
int leat_channel_peer(struct leat_channel *channel, struct leat_peer *ret_peer);

/* Room for any address, with its NUL. */
#define LEAT_ADDRESS_BYTES 4352

/*
 * Tell the address of an open channel, in the form that the other end opens: "tcp:127.0.0.1:40123" of a listener that was opened with port
 * 0, "unix:/run/user/1000/leat/jobs" of one that was opened by a bare name. Options are not part of it: both ends say the same
 * ?framing= and ?size=. A listener on every address or on both loopbacks says "tcp::40123", which this machine's programs open; to
 * others name the host. Of an end that connected it is what it is connected to.
 *
 * ret_address, size_bytes: where the text goes; LEAT_ADDRESS_BYTES is always enough.
 * Returns its length without the NUL, or -ERANGE (it does not fit), -ENOTSUP (it has no name: pipe:), -EINVAL, -ECHILD. Does
 * not block. Since 0.1.
 */
ssize_t leat_channel_address(struct leat_channel *channel, char *ret_address, size_t size_bytes);

/*
 * Tell where a message came from, as an address of the same scheme: "tcp:192.0.2.7:51324", "udp:[::1]:5000". TCP and UDP know
 * addresses where other transports know processes (about->sender).
 *
 * about: what leat_receive() told about it; borrowed. It is known while its sender is connected: ask before the next receive.
 * The rest as for leat_channel_address(); -ENOTSUP where the transport cannot tell, -ENOTCONN where the sender is gone. Since 0.1.
 */
ssize_t leat_sender_address(struct leat_channel *channel, const struct leat_message *about, char *ret_address,
                            size_t size_bytes);

/*
 * What follows works on addresses, not on open channels; nobody at the address notices. ret_reason
 * may be NULL. All are safe with threads and after fork.
 *
 * leat_inspect: tell what is known of an address. Returns 0, or -ENOENT, -EACCES, -ENOTSUP, ...
 * leat_create: make what outlives its processes, with permission bits `mode`, cut by the umask. new_only: -EEXIST if it is there.
 *      -ENOTSUP where it lives with its processes.
 * leat_set: change one property ("mode", "0660"; "depth", "capacity"). -ENOTSUP for one that is not there.
 * leat_remove: remove it and what waits in it. -EBUSY if it lives with its processes and they live.
 * Since 0.1.
 */
int leat_inspect(const char *address, struct leat_reason *ret_reason, struct leat_info *ret_info);
int leat_create(const char *address, mode_t mode, bool new_only, struct leat_reason *ret_reason);
int leat_set(const char *address, const char *property, const char *value, struct leat_reason *ret_reason);
int leat_remove(const char *address, struct leat_reason *ret_reason);

/*
 * Copy the n-th message that waits at an address, counted from 0, and leave it where it is. Between two calls
 * others may take and send. Only sysv-mq: can do that (and not on a kernel without CONFIG_CHECKPOINT_RESTORE).
 *
 * buffer: borrowed; what does not fit of the message is left out. ret_about: begin with LEAT_MESSAGE_INIT;
 * size_bytes is that of the whole; or NULL. ret_reason may be NULL.
 * Returns how many bytes were copied, or -ENODATA (there are not so many), -ENOENT, -EACCES, -ENOTSUP, -EINVAL,
 * -EPROTONOSUPPORT. Does not block. Safe with threads and after fork. Since 0.1.
 */
ssize_t leat_peek(const char *address, size_t n, void *buffer, size_t size_bytes, struct leat_reason *ret_reason,
                  struct leat_message *ret_about);

#ifdef __cplusplus
}
#endif

#endif
