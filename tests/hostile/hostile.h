/* SPDX-License-Identifier: MIT */
#ifndef HOSTILE_H
#define HOSTILE_H

/*
 * Hostile peers: what the tests of this folder share.
 *
 * A victim is a channel of the library in the test's own process; at its other end is `peer`, a plain descriptor
 * on which a test says what it likes. A listening victim also has an honest sender, a channel of the library: whatever the
 * peer does, its numbered messages arrive, all and in order.
 */

#include "channel/wire.h"
#include "harness.h"

#include <leat.h>
#include <sys/resource.h>

/* Where the victim is: a pipe that it was given; a listener; a channel that connected to a listener of the test. */
enum place { PIPE, UNIX, STREAM, UNIX_TO, STREAM_TO, PLACES };
extern const char *const place_names[PLACES];

static inline bool is_packets(enum place place) {
        return place == UNIX || place == UNIX_TO;
}

static inline bool is_listener(enum place place) {
        return place == UNIX || place == STREAM;
}

struct victim {
        enum place place;
        struct leat_channel *channel;
        struct leat_channel *honest; /* of a listener that receives; else NULL */
        uint64_t honest_sent, honest_received;
        int peer;
        int peer_in;       /* a pipe's way back; else -1 */
        char address[160]; /* of a socket */
};

/* Open one that does `flags`, with more options for the address ("&size=1k") or "". */
void victim_open(struct victim *victim, enum place place, unsigned flags, const char *options);
void victim_close(struct victim *victim);

/* A further hostile connection to a listener. */
int victim_connect(const struct victim *victim);
int connect_to(const char *path, int type);

/* A listening socket of the test's own. */
int listen_at(const char *path, int type);

/* The honest sender sends one more message; victim_receive checks its number and does not tell of it. */
void honest_send(struct victim *victim);

/* The type of an honest message. */
#define HONEST 77

/* Receive the next that is no honest message: a size, with *ret_about if not NULL, or an error. */
ssize_t victim_receive(struct victim *victim, void *buffer, size_t size, int64_t deadline,
                       struct leat_message *ret_about);

/* All that the honest one sent has arrived, also what it sends now. */
void check_honest(struct victim *victim);

/* One frame with its bytes, and its trailer on a stream. Returns its size. */
#define FRAME_MOST (WIRE_HEADER_BYTES + WIRE_FRAME_BYTES + 1)
size_t make_frame(enum place place, const struct wire_header *header, const void *bytes, uint8_t *ret_frame);

/* The hostile peer sends these bytes: at once or never. */
void peer_write(const struct victim *victim, const void *bytes, size_t size);
void peer_send(const struct victim *victim, const struct wire_header *header, const void *bytes);

/* The same with descriptors. */
void send_with_descriptors(int fd, const void *bytes, size_t size, const int *descriptors, size_t count);

/* The victim said REFUSE with this errno to the peer, and closed. On a pipe: it closed. */
void check_cut_off(struct victim *victim, int error);

/* Bytes of memory that a process holds now. */
size_t resident_bytes(pid_t pid);

/* Add test `function(const enum place *)` for each place of the mask, named name_place. */
#define AT(place) (1u << (place))
#define LISTENERS (AT(UNIX) | AT(STREAM))
#define EVERYWHERE (AT(PIPE) | LISTENERS | AT(UNIX_TO) | AT(STREAM_TO))
void add_at(unsigned places, const char *name, void (*function)(void *place));

#endif
