/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_ROWS_H
#define LEAT_TRANSPORT_ROWS_H

/*
 * The declarations of transports that are made of connections, row by row. They differ by framing far more than by
 * mechanism; what is peculiar to one transport is written over the rest in its own table.
 */

#include <leat/transport.h>

#define LARGEST_DEFAULT (UINT64_C(16) << 20)
#define LARGEST_PACKET (UINT64_C(128) << 10) /* raw: one packet, which the default SO_SNDBUF takes */

#define YES                                                                                                            \
        { LEAT_YES, NULL }
#define YES_BUT(text)                                                                                                  \
        { LEAT_YES, text }
#define PEER(text)                                                                                                     \
        { LEAT_PEER, text }
#define NO(text)                                                                                                       \
        { LEAT_NO, text }

/* What holds for every connection in every framing. */
#define ROWS_ALWAYS                                                                                                    \
        [LEAT_ROW_ORDER] = YES, [LEAT_ROW_WAITING] = YES,                                                              \
        [LEAT_ROW_FULL] = YES_BUT("wait, be told, drop the newest; a sender cannot take what others sent, so the "     \
                                  "oldest is never dropped"),                                                          \
        [LEAT_ROW_END] = YES, [LEAT_ROW_LIFETIME] = YES_BUT("with its processes"), [LEAT_ROW_POLLING] = YES,           \
        [LEAT_ROW_LIMITS] = YES, [LEAT_ROW_THREADS] = YES, [LEAT_ROW_INHERITANCE] = YES

#define ROWS_LEAT                                                                                                      \
        ROWS_ALWAYS, [LEAT_ROW_BOUNDARIES] = YES,                                                                      \
                     [LEAT_ROW_TYPES] = YES_BUT("others are set aside in the channel, at most ?aside="),               \
                     [LEAT_ROW_SYNC] = PEER("the receiver's library answers when the message is taken"),               \
                     [LEAT_ROW_DEATH] = YES, [LEAT_ROW_VERSIONS] = YES

/* Framings that carry bytes alone. */
#define ROWS_BARE                                                                                                      \
        ROWS_ALWAYS, [LEAT_ROW_TYPES] = NO("this framing carries no types; use the framing of Leat"),                  \
                     [LEAT_ROW_SYNC] = NO("this framing has no answer; use the framing of Leat"),                      \
                     [LEAT_ROW_DESCRIPTORS] =                                                                          \
                             NO("this framing cannot say which message they came with; use the framing of Leat"),      \
                     [LEAT_ROW_VERSIONS] = NO("these are bare bytes without a version; use the framing of Leat")

#define ROWS_BARE_STREAM_RAW                                                                                           \
        ROWS_BARE,                                                                                                     \
                [LEAT_ROW_BOUNDARIES] =                                                                                \
                        NO("a stream of bytes keeps no boundaries; use ?framing=lines, length or leat"),               \
                [LEAT_ROW_DEATH] =                                                                                     \
                        NO("without boundaries half of what was written may arrive; use ?framing=length or leat")

#define ROWS_BARE_DELIMITED                                                                                            \
        ROWS_BARE, [LEAT_ROW_BOUNDARIES] = YES_BUT("of messages without the byte that ends them"),                     \
                   [LEAT_ROW_DEATH] =                                                                                  \
                           NO("what a killed sender wrote of a message looks like a last one without its end; "        \
                              "use ?framing=length or leat")

#define ROWS_BARE_LENGTH ROWS_BARE, [LEAT_ROW_BOUNDARIES] = YES, [LEAT_ROW_DEATH] = YES

#define ROWS_UNIX                                                                                                      \
        [LEAT_ROW_WHO] = YES_BUT("who connected; ?who=message: who sent each"), [LEAT_ROW_OPENING] = YES,              \
        [LEAT_ROW_LISTENING] = YES

#define ROWS_UNIX_LEAT ROWS_LEAT, ROWS_UNIX, [LEAT_ROW_DESCRIPTORS] = YES
#define ROWS_UNIX_RAW ROWS_BARE, ROWS_UNIX, [LEAT_ROW_BOUNDARIES] = YES, [LEAT_ROW_DEATH] = YES
#define ROWS_STREAM_RAW ROWS_BARE_STREAM_RAW, ROWS_UNIX
#define ROWS_STREAM_DELIMITED ROWS_BARE_DELIMITED, ROWS_UNIX
#define ROWS_STREAM_LENGTH ROWS_BARE_LENGTH, ROWS_UNIX

#define ROWS_PIPE                                                                                                      \
        [LEAT_ROW_WHO] = NO("the kernel does not say who writes to a pipe; use unix:"),                                \
        [LEAT_ROW_OPENING] = NO("a pipe has no name; use unix:"),                                                      \
        [LEAT_ROW_LISTENING] =                                                                                         \
                NO("a pipe is made with both ends (leat_pair), or given (pipe:fd=N); use unix: between strangers")

#define ROWS_PIPE_LEAT ROWS_LEAT, ROWS_PIPE, [LEAT_ROW_DESCRIPTORS] = NO("a pipe carries bytes only; use unix:")
#define ROWS_PIPE_RAW ROWS_BARE_STREAM_RAW, ROWS_PIPE
#define ROWS_PIPE_DELIMITED ROWS_BARE_DELIMITED, ROWS_PIPE
#define ROWS_PIPE_LENGTH ROWS_BARE_LENGTH, ROWS_PIPE

/* clang-format off: it takes these for blocks */
/* Both patterns of one framing: many senders, or one, to one receiver, and the pair. calls: whether replies go back, of
 * the queue and of the pair. The rows come last. */
#define DECLARE(scheme, framing, senders, largest, queue_calls, pair_calls, ...)                                       \
        { scheme, LEAT_QUEUE, framing, senders ":1", largest, queue_calls, { __VA_ARGS__ } }, {                        \
                scheme, LEAT_PAIR, framing, "1:1", largest, pair_calls, {                                              \
                        __VA_ARGS__                                                                                    \
                }                                                                                                      \
        }
/* clang-format on */

#endif
