/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_LOG_STATE_H
#define LEAT_TRANSPORT_LOG_STATE_H

/* An open channel on a log, for the files of this transport. */

#include "channel/channel.h"
#include "transport/log_queue.h"
#include "transport/log_reader.h"
#include "transport/log_writer.h"

struct log_state {
        struct log log;
        bool writes, reads;
        struct log_writer writer;
        struct log_reader reader;
        struct log_queue queue;        /* fd -1: each receiver has its own position */
        uint64_t passed, passed_ended; /* messages and HELLOs, now and when the end was last told */
        bool acknowledges;             /* ?acknowledge: the position's lock is kept until the message is done with */
        bool holds;                    /* one was delivered and is not acknowledged */
        struct log_position after;     /* where the position goes then */
        uint64_t held;                 /* the sequence of that message */
        bool look_again;               /* a try was ended before all was looked at */
        bool thorough;                 /* the next try is to look at all there is to see */
        unsigned hasty;                /* tries in a row that did not, and were in vain */
        int64_t busy_us;               /* the position's lock was held: how long to sleep; 0: it was not */
        bool closing;                  /* somebody closed it: who did may have a lock to free yet */
        int64_t close_us, close_at;    /* between two looks for that; when the next one is due; 0: there is none */
        int poll_epoll, poll_timer;    /* what leat_fd() gives, and what makes it readable for the three above; -1 */
};

/* Open what a receiver needs, at the place that the address says. */
int log_receive_open(struct leat_channel *channel, struct log_state *state, struct leat_reason *reason);

int log_receive(struct leat_channel *channel, struct incoming *messages, int count);
/* For leat_fd(): made when it is first asked for. */
int log_receive_poll_fd(struct log_state *state);
int log_acknowledge(struct leat_channel *channel, uint64_t sequence);
int log_receive_arm(struct log_state *state, struct wait *wait);

/* On addresses. */
int log_inspect(const struct address *address, struct leat_reason *reason, struct leat_info *info);
int log_create(const struct address *address, mode_t mode, bool new_only, struct leat_reason *reason);
int log_set(const struct address *address, const char *property, const char *value, struct leat_reason *reason);
int log_remove_address(const struct address *address, struct leat_reason *reason);

#endif
