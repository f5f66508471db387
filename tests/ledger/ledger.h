/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_H
#define LEDGER_H

/*
 * The ledger: who sent what and who took it, in memory that outlives every party.
 *
 * Each sender numbers its messages from 0; all numbers are sent, whoever is killed. One incarnation of a
 * sender on one connection is a session. The type of a message names session and number; its size and
 * bytes follow from the seed, the sender and the number. A sender writes down that a send begins before
 * it begins, and that it succeeded after; a receiver writes down what it took before it takes the next. So the sessions
 * of a sender cut its numbers into stretches [first, first + began), and what was taken of each must be
 * a prefix of it.
 *
 * What may be missing (row 8), and nothing else:
 *   - of a session whose receiver lived: at most the one whose send had begun and not returned
 *     success, and only if the sender was killed;
 *   - of a session whose receiver was killed: any tail.
 * A number taken twice, or out of order, the receiver finds at once.
 *
 * Where several receivers compete (the parties are n:m: fifo, sysv-mq, mq, a log with one shared position), a session has
 * no receiver of its own and what waits belongs to none, so it outlives them all (`store`):
 *   - each receiver sees the numbers of one sender rise, with gaps: what the others took; the next incarnation too, for
 *     what is taken later was stored later;
 *   - no number is taken twice, whoever takes;
 *   - of the sends that returned success at most one is missing for each receiver that was killed: the one that it had taken
 *     and not yet written down;
 *   - of each killed sender the one send that had begun and not returned may be missing or be there.
 *
 * Where each receiver sees every message (a log, `broadcast`) nothing may be missing, whoever is killed: a receiver goes on
 * behind what it has written down, with the very next number, and in the end
 *   - each send that returned success was seen by every receiver;
 *   - of each killed sender the one in flight was seen by every receiver, or by none.
 *
 * Where messages may be lost whoever lives (udp: `lossy`), any may be missing, also in the middle, and they may come in any
 * order; none comes twice, and none torn. While no receiver is killed what is missing is what the receiver says that it dropped.
 *
 * Where messages go in batches, each of these `one` is one batch: of a killed sender what was in flight is any first part of its last
 * one, and a killed receiver of a store may take with it the batch that it was writing down and what else came with its end in
 * one packet.
 *
 * Where senders keep what is not acknowledged (?at-least-once, and a log with ?acknowledge: `again`), nothing may be missing whoever
 * receives and is killed. A number may be taken again, by the same receiver or another, if it is marked as delivered before;
 * what is not marked was not taken before, and is the next (of a store: above all that this receiver took).
 *
 * Each word has one writer at a time. No party waits for another's word; the judge reads what processes wrote that
 * have been reaped, and so does the next incarnation of a party. So relaxed order is enough: atomic are
 * the words that a killed process must have written whole or not at all, once and in program order
 * (a mark is set after the message was checked, a send begins after it is counted).
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SENDERS_MAX 7
#define RECEIVERS_MAX 3
#define SESSIONS_MAX 8192
#define SIZE_MAX_BYTES 4096
#define POOL_BYTES 65536

struct session {
        uint32_t sender;              /* set before the session is published in struct sender */
        uint32_t first;               /* number */
        uint32_t epoch;               /* the receiver's incarnation when its open began */
        _Atomic uint32_t began;       /* sends that began, without those that -EPIPE says were not sent */
        _Atomic uint32_t returned;    /* sends that returned success */
        uint32_t taken;               /* the receiver's own count: its connection has one receiver, ever */
        _Atomic uint32_t taken_epoch; /* who takes from it, +1; 0: no one did. Written before the first mark */
};

struct sender {
        uint32_t count;           /* numbers that it is to send */
        _Atomic uint32_t session; /* its last, +1; 0: none yet */
        /* The marks, what the judge believes: per number, how often it was taken; of a broadcast, a bit for each receiver. */
        _Atomic uint8_t *taken;
};

/* Of a receiver, through all its incarnations. */
struct receiver {
        uint32_t next[SENDERS_MAX]; /* of each sender: the lowest number that may come */
};

struct ledger {
        uint64_t seed;
        bool store;               /* receivers compete, and what waits outlives them */
        bool broadcast;           /* each receiver sees every message */
        bool lossy;               /* any may be lost, and none twice */
        bool again;               /* none may be lost, and those that are marked may come again */
        _Atomic uint32_t marked;  /* how many came so */
        _Atomic uint64_t dropped; /* of a lossy one: what the last receiver says it dropped */
        uint64_t unlisted; /* messages that were sent to it beside those of the sessions, and may be among these */
        size_t size_max;   /* of a message, in bytes */
        unsigned batch;    /* messages that are sent, and taken, with one call at most */
        unsigned senders_count;
        struct sender senders[SENDERS_MAX];
        unsigned receivers_count; /* of a broadcast */
        struct receiver receivers[RECEIVERS_MAX];
        struct session sessions[SESSIONS_MAX];
        _Atomic uint32_t sessions_count;
        _Atomic uint32_t epoch;    /* the receiver's incarnation; the parent's */
        bool killed[SESSIONS_MAX]; /* epochs whose receiver was killed; the parent's */
        unsigned receiver_kills;   /* of a store: how many were; the parent's */
        unsigned char pool[POOL_BYTES + SIZE_MAX_BYTES];
        char finding[256]; /* what is wrong, with seed, session and numbers */
        size_t size_bytes; /* of the mapping */
};

/* Messages have up to SIZE_MAX_BYTES, or what `size_max` is set to before the first is sent. */
struct ledger *ledger_new(uint64_t seed, unsigned senders_count, uint32_t messages);
void ledger_free(struct ledger *ledger);

/* What number i of a sender carries: borrowed from the ledger. */
const void *ledger_message(const struct ledger *ledger, uint32_t sender, uint32_t number, size_t *ret_size);
int64_t ledger_type(uint32_t session, uint32_t number);

/* --- a sender --- */

/* The number that this sender is to send next, and whether any is left. */
uint32_t ledger_next(const struct ledger *ledger, uint32_t sender);

/* Begin a session, before the address is opened. */
uint32_t ledger_session(struct ledger *ledger, uint32_t sender);
void ledger_begin(struct ledger *ledger, uint32_t session);
void ledger_success(struct ledger *ledger, uint32_t session);
void ledger_refused(struct ledger *ledger, uint32_t session); /* -EPIPE: it was not sent */

/* --- a receiver --- */

/* A receiver begins, or goes on after it was killed: of a broadcast behind what it has seen. Returns how many that are. */
uint64_t ledger_resume(struct ledger *ledger, unsigned receiver);

/* False, with the finding, when the message is not whole, not the next of its session (of a store: not above all that this
 * receiver took of its sender; of a broadcast: not the next of its sender), or was taken before. */
bool ledger_take(struct ledger *ledger, unsigned receiver, int64_t type, const void *bytes, size_t size);

/* The same with `again`; redelivered: it is marked. */
bool ledger_take_again(struct ledger *ledger, unsigned receiver, int64_t type, const void *bytes, size_t size,
                       bool redelivered);

/* --- the judge, when every party is reaped --- */

struct ledger_sum {
        uint64_t sent, taken; /* numbers whose send returned success; numbers taken */
        uint64_t lost;        /* sent and not taken, as row 8 allows */
        uint32_t sessions;
};

/* False, with the finding, when more is missing than may be. */
bool ledger_judge(struct ledger *ledger, bool senders_killed, struct ledger_sum *ret_sum);

#endif
