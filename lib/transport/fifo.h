/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_FIFO_H
#define LEAT_TRANSPORT_FIFO_H

/* Named pipes (docs/design/fifo.md), for the files fifo*.c. */

#include "channel/channel.h"
#include "transport/place.h"

#include <limits.h>
#include <sys/stat.h>

#define FIFO_FRAME_BYTES (PIPE_BUF - WIRE_HEADER_BYTES) /* of a message, in one packet */

struct fifo {
        struct place place;
        dev_t device;
        ino_t inode;
        bool packets;      /* O_DIRECT: one write, one message; else a stream of bytes */
        bool exclusive;    /* one receiver, and senders in turn */
        bool temporary;    /* the last to close removes the name */
        struct link *link; /* our end: `in` or `out`; on packets it lends its buffer and its assembly */

        /* receiving */
        int hold; /* the description that was opened first: it has the lock, and is not read any more once the end was told */
        int epoll;                    /* for leat_fd: what is read changes; -1: nobody asked */
        bool came;                    /* a sender, since the end was told last: there is an end to come */
        struct wire_header under_way; /* of the message in link->assembly; size: what is still to come */

        /* sending */
        bool has_turn;   /* the others wait */
        bool broken;     /* the last write found no receiver: there is nobody to finish a message for */
        int64_t turn_us; /* until the next try for the turn; 0: we do not wait for it */
};

/* ---- names: fifo_open.c ---- */

int fifo_resolve(const struct address *address, bool make, struct leat_reason *reason, struct place *ret_place);
/* What lies there? 0 and *ret_status: a fifo. -ENOENT; -EEXIST: something else. */
int fifo_look(const struct place *place, struct leat_reason *reason, struct stat *ret_status);
/* Make it, cut by the umask. 0; -EEXIST: something is there. */
int fifo_make(const struct place *place, mode_t mode, struct leat_reason *reason);
int fifo_set_capacity(int fd, uint64_t bytes, struct leat_reason *reason);

int fifo_open(struct leat_channel *channel, int64_t deadline, struct leat_reason *reason);
struct fifo *fifo_free(struct fifo *fifo);

/* ---- locks: fifo_locks.c ---- */

/* As whoever has it open must. 0; -EAGAIN: others are in the way; -EALREADY: one is, that removes the name and goes. */
int fifo_lock(const struct fifo *fifo, int fd, bool sends);
/* Before it is closed: does nobody else have it open, and can nobody open it now? Its locks are gone if not. */
bool fifo_lock_alone(const struct fifo *fifo, int fd, bool sends);
/* The turn of an ?exclusive sender. 0; -EAGAIN: another one has it. */
int fifo_lock_turn(int fd);
void fifo_unlock_turn(int fd);

/* ---- an open one: fifo_channel.c ---- */

extern const struct operations fifo_operations;

/* ---- packets: fifo_packet.c ---- */

int fifo_send_several(struct fifo *fifo, struct outgoing *messages, int count);
int fifo_send_packets(struct fifo *fifo, struct outgoing *message);
/* Take back a message of which frames went out, if that can be said now; if not, the next MESSAGE says it. */
void fifo_abandon(struct fifo *fifo, const struct outgoing *message);
/* One packet. -EINPROGRESS: a frame of a long message, or of one that is none of ours; -ENODATA: no sender has it open. */
int fifo_receive_packet(struct fifo *fifo, struct incoming *message);

/* ---- who has it open: fifo_parties.c ---- */

struct fifo_parties {
        uint64_t readers, writers; /* open descriptors, as far as we may look */
        int fd;                    /* an end, borrowed: nobody notices; -1: none could be had */
};
void fifo_look_for_parties(const struct place *place, const struct stat *status, struct fifo_parties *ret_parties);

#endif
