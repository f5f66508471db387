/* SPDX-License-Identifier: MIT */
#include "ledger.h"
#include "harness.h"
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

/* One name for the order that the head of ledger.h gives the reason for. */
#define LOAD(word) atomic_load_explicit(&(word), memory_order_relaxed)
#define STORE(word, value) atomic_store_explicit(&(word), value, memory_order_relaxed)

/* splitmix64's finalizer: every number has a size and a place of its own. */
__attribute__((no_sanitize("undefined"))) static uint64_t mix(uint64_t z) {
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

struct ledger *ledger_new(uint64_t seed, unsigned senders_count, uint32_t messages) {
        size_t size = sizeof(struct ledger) + messages;
        struct ledger *ledger = harness_shared(size);
        _Atomic uint8_t *taken = (_Atomic uint8_t *)(ledger + 1);
        ledger->seed = seed;
        ledger->size_max = SIZE_MAX_BYTES;
        ledger->batch = 1;
        ledger->size_bytes = size;
        ledger->senders_count = senders_count;
        for (uint32_t i = 0; i < senders_count; i++) {
                ledger->senders[i].count = messages / senders_count + (i < messages % senders_count);
                ledger->senders[i].taken = taken;
                taken += ledger->senders[i].count;
        }
        for (size_t i = 0; i < sizeof ledger->pool; i++)
                ledger->pool[i] = (unsigned char)mix(seed + i);
        return ledger;
}

void ledger_free(struct ledger *ledger) {
        munmap(ledger, ledger->size_bytes);
}

const void *ledger_message(const struct ledger *ledger, uint32_t sender, uint32_t number, size_t *ret_size) {
        uint64_t random = mix(ledger->seed ^ ((uint64_t)(sender + 1) << 32 | number));
        *ret_size = 1 + random % ledger->size_max;
        return ledger->pool + (random >> 32) % POOL_BYTES;
}

int64_t ledger_type(uint32_t session, uint32_t number) {
        return (int64_t)(session + 1) << 32 | number;
}

/* --- a sender --- */

uint32_t ledger_next(const struct ledger *ledger, uint32_t sender) {
        uint32_t last = LOAD(ledger->senders[sender].session);
        return last == 0 ? 0 : ledger->sessions[last - 1].first + LOAD(ledger->sessions[last - 1].began);
}

/* A sender that is killed before the last line leaves an entry that nobody refers to: the next incarnation
 * begins another one with the same first number. */
uint32_t ledger_session(struct ledger *ledger, uint32_t sender) {
        uint32_t session = atomic_fetch_add_explicit(&ledger->sessions_count, 1, memory_order_relaxed);
        if (session >= SESSIONS_MAX)
                FAIL("more than %d sessions", SESSIONS_MAX);
        ledger->sessions[session].sender = sender;
        ledger->sessions[session].first = ledger_next(ledger, sender);
        ledger->sessions[session].epoch = LOAD(ledger->epoch);
        STORE(ledger->senders[sender].session, session + 1);
        return session;
}

void ledger_begin(struct ledger *ledger, uint32_t session) {
        STORE(ledger->sessions[session].began, LOAD(ledger->sessions[session].began) + 1);
}

void ledger_success(struct ledger *ledger, uint32_t session) {
        STORE(ledger->sessions[session].returned, LOAD(ledger->sessions[session].returned) + 1);
}

void ledger_refused(struct ledger *ledger, uint32_t session) {
        STORE(ledger->sessions[session].began, LOAD(ledger->sessions[session].began) - 1);
}

/* Say what was found, once. Returns false for the caller to pass on. */
__attribute__((format(printf, 2, 3))) static bool found(struct ledger *ledger, const char *format, ...) {
        char text[sizeof ledger->finding - 32];
        va_list list;
        va_start(list, format);
        vsnprintf(text, sizeof text, format, list);
        va_end(list);
        snprintf(ledger->finding, sizeof ledger->finding, "%s (seed %llu)", text, (unsigned long long)ledger->seed);
        return false;
}

/* --- a receiver --- */

/* The last of a session whose sender was killed in the send, or one of its last batch. */
static bool was_in_flight(const struct ledger *ledger, uint32_t sender, uint32_t number) {
        uint32_t sessions = LOAD(ledger->sessions_count);
        for (uint32_t i = 0; i < sessions; i++) {
                const struct session *session = &ledger->sessions[i];
                uint32_t began = LOAD(session->began), returned = LOAD(session->returned);
                if (session->sender == sender && number >= session->first + returned && number < session->first + began)
                        return true;
        }
        return false;
}

/* The lowest number that may come now. */
static uint32_t least_of(const struct ledger *ledger, const struct receiver *receiver, const struct session *session,
                         uint32_t number) {
        uint32_t least = receiver->next[session->sender];
        if (!ledger->store && !ledger->broadcast)
                return session->first + session->taken;
        while (ledger->broadcast && least < number && was_in_flight(ledger, session->sender, least))
                least++;
        return least;
}

/* Is it the next of its session; of a store, does it rise? */
static bool in_order(struct ledger *ledger, struct receiver *receiver, uint32_t index, uint32_t number) {
        const struct session *session = &ledger->sessions[index];
        uint32_t least = least_of(ledger, receiver, session, number);
        bool gap_is_right = ledger->store && number >= session->first;
        if (ledger->lossy && number >= session->first && number < ledger->senders[session->sender].count)
                return true;
        if (number < least || number >= ledger->senders[session->sender].count || (number > least && !gap_is_right))
                return found(ledger, "session %u of sender %u: number %u came instead of %u", index, session->sender,
                             number, least);
        receiver->next[session->sender] = number + 1;
        return true;
}

/* Of one that no other receiver takes from: for the judge, whose it was. */
static void note_taker(struct ledger *ledger, struct session *session) {
        if (ledger->store || ledger->broadcast || ledger->lossy || ledger->again)
                return;
        session->taken++;
        STORE(session->taken_epoch, LOAD(ledger->epoch) + 1);
}

/* Was it not yet? Release: killed between the two, a mark without the epoch would be blamed on no receiver. */
static bool mark(const struct ledger *ledger, unsigned receiver, _Atomic uint8_t *taken) {
        if (!ledger->broadcast)
                return atomic_fetch_add_explicit(taken, 1, memory_order_release) == 0;
        return !(atomic_fetch_or_explicit(taken, (uint8_t)(1u << receiver), memory_order_release) & 1u << receiver);
}

uint64_t ledger_resume(struct ledger *ledger, unsigned receiver) {
        uint64_t seen = 0;
        for (uint32_t i = 0; ledger->broadcast && i < ledger->senders_count; i++) {
                ledger->receivers[receiver].next[i] = 0;
                for (uint32_t number = 0; number < ledger->senders[i].count; number++)
                        if (LOAD(ledger->senders[i].taken[number]) & 1u << receiver) {
                                ledger->receivers[receiver].next[i] = number + 1;
                                seen++;
                        }
        }
        return seen;
}

/* With `again`. What came before is the receiver's; a mark may be there without need. */
static bool in_order_again(struct ledger *ledger, struct receiver *receiver, uint32_t index, uint32_t number,
                           bool redelivered) {
        const struct session *session = &ledger->sessions[index];
        uint32_t *next = &receiver->next[session->sender];
        bool is_next = ledger->store ? number >= *next : number == *next;
        if (number >= ledger->senders[session->sender].count || (!is_next && !(redelivered && number < *next)))
                return found(ledger, "session %u of sender %u: number %u came %s instead of %u", index, session->sender,
                             number, redelivered ? "again" : "unmarked", *next);
        if (LOAD(ledger->senders[session->sender].taken[number]) > 0 && !redelivered)
                return found(ledger, "session %u of sender %u: number %u was taken before, and came unmarked", index,
                             session->sender, number);
        if (redelivered)
                atomic_fetch_add_explicit(&ledger->marked, 1, memory_order_relaxed);
        if (number >= *next)
                *next = number + 1;
        return true;
}

bool ledger_take(struct ledger *ledger, unsigned receiver, int64_t type, const void *bytes, size_t size) {
        return ledger_take_again(ledger, receiver, type, bytes, size, false);
}

bool ledger_take_again(struct ledger *ledger, unsigned receiver, int64_t type, const void *bytes, size_t size,
                       bool redelivered) {
        uint32_t session = (uint32_t)(type >> 32) - 1, number = (uint32_t)type;
        size_t expected_size;
        if (session >= LOAD(ledger->sessions_count))
                return found(ledger, "session %u, which no one began", session);
        struct session *entry = &ledger->sessions[session];
        struct sender *sender = &ledger->senders[entry->sender];
        if (ledger->again ? !in_order_again(ledger, &ledger->receivers[receiver], session, number, redelivered)
                          : !in_order(ledger, &ledger->receivers[receiver], session, number))
                return false;
        const void *expected = ledger_message(ledger, entry->sender, number, &expected_size);
        if (size != expected_size || memcmp(bytes, expected, size) != 0)
                return found(ledger, "session %u of sender %u: number %u is not what was sent (%zu bytes, sent %zu)",
                             session, entry->sender, number, size, expected_size);
        note_taker(ledger, entry);
        if (!mark(ledger, receiver, &sender->taken[number]) && !ledger->again)
                return found(ledger, "session %u of sender %u: number %u was taken before", session, entry->sender,
                             number);
        return true;
}

/* --- the judge --- */

/* The receiver that held a session is the one that took from it; if none did, any since its open began. */
static bool receiver_was_killed(const struct ledger *ledger, const struct session *session) {
        uint32_t known = LOAD(session->taken_epoch), last = LOAD(ledger->epoch);
        if (known)
                return ledger->killed[known - 1];
        for (uint32_t epoch = session->epoch; epoch <= last; epoch++)
                if (ledger->killed[epoch])
                        return true;
        return false;
}

/* How many were taken: a prefix of what the session sent. */
static bool count_taken(struct ledger *ledger, uint32_t index, uint32_t *ret_taken) {
        const struct session *session = &ledger->sessions[index];
        const _Atomic uint8_t *marks = ledger->senders[session->sender].taken + session->first;
        uint32_t began = LOAD(session->began), taken = 0;
        while (taken < began && LOAD(marks[taken]) == 1)
                taken++;
        for (uint32_t i = taken; i < began; i++)
                if (LOAD(marks[i]) != 0)
                        return found(ledger,
                                     "session %u of sender %u: number %u was taken %u times, and number %u %u times",
                                     index, session->sender, session->first + i, LOAD(marks[i]), session->first + taken,
                                     LOAD(marks[taken]));
        *ret_taken = taken;
        return true;
}

/* One for each receiver that was killed; or its batch, and the others of the packet in which that ended. */
static unsigned may_be_lost(const struct ledger *ledger) {
        return ledger->receiver_kills * (2 * ledger->batch - 1);
}

/* Of a store: what came of those that were sent is counted, and what is missing is judged over all sessions. */
static bool count_missing(struct ledger *ledger, uint32_t index, struct ledger_sum *sum) {
        const struct session *session = &ledger->sessions[index];
        const _Atomic uint8_t *marks = ledger->senders[session->sender].taken + session->first;
        uint32_t began = LOAD(session->began), returned = LOAD(session->returned);
        for (uint32_t i = 0; i < began; i++) {
                unsigned mark = LOAD(marks[i]);
                if (mark > 1)
                        return found(ledger, "session %u of sender %u: number %u was taken %u times", index,
                                     session->sender, session->first + i, mark);
                sum->taken += mark;
                if (mark || i >= returned)
                        continue;
                if (++sum->lost > may_be_lost(ledger) && !ledger->lossy)
                        return found(
                                ledger,
                                "session %u of sender %u: number %u is lost: the %lluth, and %u receivers were killed",
                                index, session->sender, session->first + i, (unsigned long long)sum->lost,
                                ledger->receiver_kills);
        }
        sum->sent += returned;
        sum->sessions++;
        return true;
}

/* Of a broadcast: seen by all; or by none, where the send had not returned. */
static bool count_seen(struct ledger *ledger, uint32_t index, struct ledger_sum *sum) {
        const struct session *session = &ledger->sessions[index];
        const _Atomic uint8_t *marks = ledger->senders[session->sender].taken + session->first;
        uint32_t began = LOAD(session->began), returned = LOAD(session->returned);
        unsigned all = (1u << ledger->receivers_count) - 1;
        for (uint32_t i = 0; i < began; i++) {
                unsigned mark = LOAD(marks[i]);
                if (mark != all && (mark != 0 || i < returned))
                        return found(ledger, "session %u of sender %u: number %u was seen by receivers %#x of %#x",
                                     index, session->sender, session->first + i, mark, all);
                sum->taken += mark == all;
        }
        sum->sent += returned;
        sum->sessions++;
        return true;
}

/* Of what is kept until it is acknowledged nothing is missing, but what its own sender took with it. */
static bool count_again(struct ledger *ledger, uint32_t index, struct ledger_sum *sum) {
        const struct session *session = &ledger->sessions[index];
        const _Atomic uint8_t *marks = ledger->senders[session->sender].taken + session->first;
        uint32_t returned = LOAD(session->returned);
        for (uint32_t i = 0; i < returned; i++)
                if (LOAD(marks[i]) == 0)
                        return found(ledger, "session %u of sender %u: number %u never came", index, session->sender,
                                     session->first + i);
        sum->sent += returned;
        sum->taken += returned;
        sum->sessions++;
        return true;
}

static bool judge_session(struct ledger *ledger, uint32_t index, bool senders_killed, struct ledger_sum *sum) {
        const struct session *session = &ledger->sessions[index];
        uint32_t began = LOAD(session->began), returned = LOAD(session->returned), taken = 0;
        if (began > returned + senders_killed * ledger->batch || began < returned)
                return found(ledger, "session %u of sender %u: %u sends began, %u returned", index, session->sender,
                             began, returned);
        if (ledger->broadcast)
                return count_seen(ledger, index, sum);
        if (ledger->again)
                return count_again(ledger, index, sum);
        if (ledger->store || ledger->lossy)
                return count_missing(ledger, index, sum);
        if (!count_taken(ledger, index, &taken))
                return false;
        if (taken < returned && !receiver_was_killed(ledger, session))
                return found(ledger, "session %u of sender %u: numbers %u to %u are lost, and their receiver lived",
                             index, session->sender, session->first + taken, session->first + returned - 1);
        sum->sent += returned;
        sum->taken += taken;
        sum->lost += returned > taken ? returned - taken : 0;
        sum->sessions++;
        return true;
}

/* The sessions of one sender follow each other without a gap and end with its last number. */
static bool judge_sender(struct ledger *ledger, uint32_t index, bool senders_killed, struct ledger_sum *sum) {
        uint32_t next = 0, sessions = LOAD(ledger->sessions_count);
        for (uint32_t i = 0; i < sessions; i++) {
                const struct session *session = &ledger->sessions[i];
                if (session->sender != index || session->first != next)
                        continue; /* an entry that a killed sender did not come to use */
                if (!judge_session(ledger, i, senders_killed, sum))
                        return false;
                next += LOAD(session->began);
        }
        if (next != ledger->senders[index].count)
                return found(ledger, "sender %u: its sessions end at %u of %u", index, next,
                             ledger->senders[index].count);
        return true;
}

bool ledger_judge(struct ledger *ledger, bool senders_killed, struct ledger_sum *ret_sum) {
        struct ledger_sum sum = { 0 };
        for (uint32_t i = 0; i < ledger->senders_count; i++)
                if (!judge_sender(ledger, i, senders_killed, &sum))
                        return false;
        uint64_t dropped = atomic_load_explicit(&ledger->dropped, memory_order_relaxed);
        if (ledger->lossy && ledger->receiver_kills == 0 &&
            (sum.lost > dropped * ledger->batch || (!senders_killed && sum.lost + ledger->unlisted < dropped)))
                return found(ledger, "%llu are missing, and the receiver says that it dropped %llu",
                             (unsigned long long)sum.lost, (unsigned long long)dropped);
        *ret_sum = sum;
        return true;
}
