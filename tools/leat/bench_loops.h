/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_LOOPS_H
#define LEAT_TOOL_BENCH_LOOPS_H

/*
 * The work, the same for every contender. BENCH_LOOPS makes a copy of each loop for two functions, to send one message
 * and to receive one, which the compiler puts into it: the bare mechanism pays for no call through a pointer.
 *
 * Each message is filled before it is sent, as a program fills what it sends, and begins with its number; the receiver
 * looks at it: what is lost, doubled or out of order is an error and no fast round.
 */

#include "tools/leat/bench_end.h"

#include "base/cleanup.h"

#include <leat.h>
#include <string.h>

typedef int send_one(struct end *end, const void *bytes, size_t size);
typedef ssize_t receive_one(struct end *end, void *buffer, size_t size);

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE void loop_fill(struct end *end, void *message, size_t size, uint64_t number) {
        memcpy(message, end->source, size);
        if (size >= sizeof(number))
                memcpy(message, &number, sizeof(number));
}

/* Is this message number `number`? 0 or an error. */
ALWAYS_INLINE int loop_check(struct end *end, const void *message, ssize_t got, size_t size, uint64_t number) {
        uint64_t is = number;
        if (got < 0)
                return (int)got;
        if ((size_t)got >= sizeof(is) && size >= sizeof(is))
                memcpy(&is, message, sizeof(is));
        if ((size_t)got != size || is != number)
                return end_says(end, -EBADMSG, "message %llu of %zd bytes came where number %llu of %zu was due",
                                (unsigned long long)is, got, (unsigned long long)number, size);
        return 0;
}

/* A mechanism that drops what there is no room for is paced: no more than two chunks are on their way. */
ALWAYS_INLINE int loop_await_chunk(struct end *end, const struct job *job, uint64_t sent, receive_one *receive) {
        if (!job->chunk || sent % job->chunk || sent == job->chunk)
                return 0;
        ssize_t n = receive(end, end->message, sizeof(uint64_t));
        return n < 0 ? (int)n : 0;
}

/* The last one is still to come. */
ALWAYS_INLINE int loop_await_last(struct end *end, const struct job *job, receive_one *receive) {
        ssize_t n = job->chunk && job->count >= job->chunk ? receive(end, end->message, sizeof(uint64_t)) : 0;
        return n < 0 ? (int)n : 0;
}

ALWAYS_INLINE int loop_tell_chunk(struct end *end, const struct job *job, uint64_t received, send_one *send) {
        return job->chunk && received % job->chunk == 0 ? send(end, end->message, sizeof(uint64_t)) : 0;
}

ALWAYS_INLINE int loop_out(struct end *end, const struct job *job, send_one *send, receive_one *receive) {
        int r = 0;
        for (uint64_t i = 0; i < job->count && r == 0; i++) {
                loop_fill(end, end->message, job->size, i);
                r = send(end, end->message, job->size);
                if (r == 0)
                        r = loop_await_chunk(end, job, i + 1, receive);
        }
        return r == 0 ? loop_await_last(end, job, receive) : r;
}

ALWAYS_INLINE int loop_in(struct end *end, const struct job *job, send_one *send, receive_one *receive) {
        int r = 0;
        for (uint64_t i = 0; i < job->count && r == 0; i++) {
                r = loop_check(end, end->message, receive(end, end->message, job->size), job->size, i);
                if (r == 0)
                        r = loop_tell_chunk(end, job, i + 1, send);
        }
        return r;
}

ALWAYS_INLINE int loop_ping(struct end *end, const struct job *job, send_one *send, receive_one *receive) {
        int64_t before = leat_now();
        int r = 0;
        for (uint64_t i = 0; i < job->count && r == 0; i++) {
                loop_fill(end, end->message, job->size, i);
                r = send(end, end->message, job->size);
                if (r == 0)
                        r = loop_check(end, end->message, receive(end, end->message, job->size), job->size, i);
                int64_t after = leat_now();
                histogram_add(&end->shared->histogram, (uint64_t)(after - before));
                before = after;
        }
        return r;
}

ALWAYS_INLINE int loop_pong(struct end *end, const struct job *job, send_one *send, receive_one *receive) {
        int r = 0;
        for (uint64_t i = 0; i < job->count && r == 0; i++) {
                r = loop_check(end, end->message, receive(end, end->message, job->size), job->size, i);
                if (r == 0) {
                        loop_fill(end, end->message, job->size, i);
                        r = send(end, end->message, job->size);
                }
        }
        return r;
}

#define BENCH_LOOP(kind, name, send, receive)                                                                          \
        static int name##_##kind(struct end *end, const struct job *job) {                                             \
                return loop_##kind(end, job, send, receive);                                                           \
        }

/* name_out, name_in, name_ping and name_pong; BENCH_LOOPS_OF(name) is what stands in `loops`. */
#define BENCH_LOOPS(name, send, receive)                                                                               \
        BENCH_LOOP(out, name, send, receive)                                                                           \
        BENCH_LOOP(in, name, send, receive)                                                                            \
        BENCH_LOOP(ping, name, send, receive)                                                                          \
        BENCH_LOOP(pong, name, send, receive)

#define BENCH_LOOPS_OF(name) .out = name##_out, .in = name##_in, .ping = name##_ping, .pong = name##_pong

#endif
