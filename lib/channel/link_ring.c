/* SPDX-License-Identifier: MIT */

/* The ring of a link: its records, and sleeping until there are some. */

#include "channel/link_ring.h"

#include "channel/counters.h"

#include "channel/wire.h"
#include "memory/barrier.h"

#include <errno.h>
#include <leat/deadline.h>
#include <leat/message.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define VAIN_MOST 1000u

/* ---- who is there ---- */

/* Is the other party there? What it says by the socket meanwhile stays there. Of one that a child may go on with the socket tells alone. */
static bool lives(int socket, const struct link_ring *ring) {
        bool one = ring->peer && !atomic_load_explicit(&ring->peer->given, memory_order_acquire);
        struct pollfd state[2] = { { .fd = socket, .events = POLLRDHUP },
                                   { .fd = one ? ring->pidfd : -1, .events = POLLIN } };
        return poll(state, 2, 0) <= 0 || (!(state[0].revents & (POLLRDHUP | POLLHUP | POLLERR)) && !state[1].revents);
}

/* Out of one sleep nobody is woken twice for the same reason: it looks at everything when it wakes. So there is always room for a wake: it reads
 * them now and then. */
static void wake(const struct link_ring *ring, uint64_t asleep, uint64_t *woken) {
        const char byte = 1;
        if (asleep / RING_SLEEP == *woken)
                return;
        *woken = asleep / RING_SLEEP;
        ssize_t n = ring->wake_out >= 0 ? send(ring->wake_out, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
        if (n > 0 && ring->wakes)
                counter_add(ring->wakes, 1);
}

void link_ring_wake_receiver(struct link_ring *ring) {
        wake(ring, link_ring_asleep(ring), &ring->woken_receiver);
}

/* ---- writing ---- */

/* One that sleeps and one that is dead look alike from here. It is looked at before anything is put: who is told that nobody is there sent
 * nothing. */
int link_ring_prepare_closely(int socket, struct link_ring *ring) {
        int r = ring->peer ? 0 : link_ring_greet(socket, ring);
        if (r == -EAGAIN && !ring->state)
                return lives(socket, ring) ? -EAGAIN : -EPIPE;
        if (r == -EMFILE && ring->failed == 0) /* without WELCOME it could not be woken for what is put */
                return r;
        if (ring->failed < 0 || ring->hung_up)
                return -EPIPE;
        if (ring->peer && atomic_load_explicit(&ring->peer->gone, memory_order_relaxed))
                return -EPIPE;
        ring->alive_at = link_ring_moment(); /* or earlier */
        ring->hung_up = !lives(socket, ring);
        return ring->hung_up ? -EPIPE : 0;
}

/* Room for a record that carries so much. */
static int make_room(struct link_ring *ring, size_t size_bytes, bool now) {
        uint64_t length = ring_round(RING_ALIGN + size_bytes);
        if (length > ring->writer.size - RING_BEHIND)
                return -EMSGSIZE;
        int r = ring_room(&ring->writer, length);
        ring->lacking = size_bytes;
        ring->lacks_socket = false;
        if (r == -EAGAIN && now)
                r = ring_room_exactly(&ring->writer, length);
        if (r == -EBADMSG) /* whoever sends may have nobody to tell it to: who receives is told, too */
                ring->failed = r;
        return r;
}

int link_ring_explain(int socket, struct link_ring *ring, int error) {
        return error == -EAGAIN && !lives(socket, ring) ? -EPIPE : error;
}

static size_t size_of(const struct iovec *parts, int count) {
        size_t size = 0;
        for (int i = 0; i < count; i++)
                size += parts[i].iov_len;
        return size;
}

/* There is room for it. */
static void add_packet(struct link_ring *ring, const struct iovec *parts, int count, size_t size) {
        uint8_t *place = ring_place(&ring->writer), *at = place + RING_ALIGN;
        memset(place + 8, 0, 8);
        for (int i = 0; i < count; at += parts[i++].iov_len)
                memcpy(at, parts[i].iov_base, parts[i].iov_len);
        ring_add(&ring->writer, ring_round(RING_ALIGN + size), ring_word(RING_PACKET, 0, size));
}

int link_ring_put(struct link_ring *ring, const struct iovec *parts, int count) {
        size_t size = size_of(parts, count);
        int r = make_room(ring, size, false);
        if (r == 0)
                add_packet(ring, parts, count, size);
        return r;
}

int link_ring_put_plain(struct link_ring *ring, int64_t type, uint16_t priority, const void *bytes, size_t size_bytes,
                        bool now) {
        int r = make_room(ring, size_bytes, now);
        if (r == 0)
                link_ring_add_plain(ring, type, priority, bytes, size_bytes);
        return r;
}

/* Who has not said WELCOME yet looks at the ring after it does; who has may sleep by now. */
void link_ring_publish_first(int socket, struct link_ring *ring) {
        if (link_ring_greet(socket, ring) == 0)
                link_ring_tell_receiver(ring);
}

/* Descriptors go first, so that they are there when their packet is read. */
static int send_rights(int socket, struct link_ring *ring, const int *descriptors, size_t count) {
        char byte = 0;
        struct iovec part = { .iov_base = &byte, .iov_len = 1 };
        ssize_t n = io_send_descriptors(socket, &part, 1, descriptors, count);
        ring->lacks_socket = n == -EAGAIN;
        return n < 0 ? (int)n : 0;
}

ssize_t link_ring_send(int socket, struct link_ring *ring, const struct iovec *parts, int count, const int *descriptors,
                       size_t descriptors_count, bool now) {
        size_t size = size_of(parts, count);
        int r = link_ring_prepare(socket, ring);
        if (r == 0)
                r = make_room(ring, size, now);
        r = link_ring_explain(socket, ring, r);
        if (r == 0 && descriptors_count > 0)
                r = send_rights(socket, ring, descriptors, descriptors_count);
        if (r < 0)
                return r;
        add_packet(ring, parts, count, size);
        link_ring_publish(socket, ring);
        return (ssize_t)size;
}

/* ---- reading ---- */

/* Of a large ring all is looked at once, before it is read. No record carries more than a frame, whatever it says. */
static ASIDE int reach(struct link_ring *ring, uint64_t length) {
        uint64_t end = (ring->reader.tail & (ring->reader.size - 1)) + length;
        if (length > ring_round(RING_ALIGN + WIRE_HEADER_BYTES + WIRE_FRAME_BYTES))
                return -EBADMSG;
        int r = memfile_reach(&ring->theirs, end);
        if (r == 0)
                link_ring_is_reached(ring);
        return r;
}

static int parse(const struct link_ring *ring, uint64_t word, struct ring_found *ret_found) {
        uint32_t size = (uint32_t)word - 1, kind = (uint32_t)(word >> 32) & 0xffff;
        const uint8_t *record = ring_record(&ring->reader);
        ret_found->length = ring_length(ring->reader.tail, word);
        if ((uint32_t)word == 0 || ret_found->length > ring->reader.size - RING_BEHIND)
                return -EBADMSG;
        ret_found->bytes = record + RING_ALIGN;
        ret_found->size_bytes = size;
        ret_found->priority = (uint16_t)(word >> 48);
        ret_found->type = (int64_t)atomic_load_explicit((const _Atomic uint64_t *)(const void *)(record + 8),
                                                        memory_order_relaxed);
        if (kind == RING_PACKET)
                return ret_found->priority == 0 && ret_found->type == 0 ? RING_PACKET : -EBADMSG;
        if (kind == RING_REQUEST || kind == RING_REPLY)
                return ret_found->priority == 0 && size <= RING_SHORT_MOST ? (int)kind : -EBADMSG;
        return kind == RING_PLAIN && ret_found->type >= 1 && ret_found->priority <= INT16_MAX ? RING_PLAIN : -EBADMSG;
}

/* Something woke this party, and there is no record. It may have asked for room; else it is woken in vain, which an honest party does at most
 * once for each record. */
static bool is_flood(struct link_ring *ring) {
        if (ring->asked > 0)
                ring->asked--;
        else
                ring->vain++;
        return ring->vain > VAIN_MOST;
}

/* The ring is empty: is that the end? The kernel hangs up after the last store, so the ring is looked at once more behind it. */
static int look_closely(int socket, struct link_ring *ring) {
        bool gone = atomic_load_explicit(&ring->peer->gone, memory_order_acquire);
        if (ring->closely && is_flood(ring))
                return -EBADMSG;
        ring->closely = false;
        ring->hung_up = ring->hung_up || gone || !lives(socket, ring);
        return ring->hung_up ? 0 : -EAGAIN;
}

/* Does the other party, which waits for room, have it? Positions may pass 2^64. */
static bool has_room(const struct link_ring *ring) {
        uint64_t wanted = atomic_load_explicit(&ring->peer->wanted, memory_order_relaxed);
        return (int64_t)(ring->reader.tail - wanted) >= 0;
}

int link_ring_find(int socket, struct link_ring *ring, struct ring_found *ret_found) {
        int r = link_ring_greet(socket, ring);
        if (r == -EAGAIN) /* nothing came by the socket, and it is not hung up */
                ring->closely = false;
        if (r < 0)
                return r;
        uint64_t word = ring_look(&ring->reader);
        if (word == 0) {
                ring_tell(&ring->reader);
                if (!ring->closely && !ring->hung_up && !atomic_load_explicit(&ring->peer->gone, memory_order_relaxed))
                        return -EAGAIN;
                r = look_closely(socket, ring);
                if (r < 0)
                        return r;
                word = ring_look(&ring->reader);
        }
        if (word != 0 && !memfile_is_reached(&ring->theirs))
                r = reach(ring, ring_length(ring->reader.tail, word));
        return r < 0 ? r : word == 0 ? -ENODATA : parse(ring, word, ret_found);
}

void link_ring_tell_sender(struct link_ring *ring) {
        if (!has_room(ring))
                return;
        ring_tell(&ring->reader);
        wake(ring, link_ring_asleep(ring), &ring->woken_sender);
}

uint64_t link_ring_unread(const struct link_ring *ring) {
        struct ring_reader reader = ring->reader;
        struct ring_found found;
        uint64_t sum = 0, word, length = 0;
        if (!ring->peer)
                return 0;
        for (uint64_t passed = 0; passed < reader.size && (word = ring_look(&reader)) != 0; passed += length) {
                found.size_bytes = (uint32_t)word - 1;
                length = ring_length(reader.tail, word);
                if ((uint32_t)word == 0 || length > reader.size)
                        break;
                sum += found.size_bytes;
                reader.tail += length;
        }
        return sum;
}

/* ---- sleeping ---- */

static uint64_t wanted(const struct link_ring *ring) {
        return ring->writer.head + ring_round(RING_ALIGN + ring->lacking) + RING_BEHIND - ring->writer.size;
}

void link_ring_sleeps(struct link_ring *ring, uint32_t as) {
        if (!ring->state)
                return;
        if (as == RING_SENDER) { /* who sees the flag sees what it wants */
                atomic_store_explicit(&ring->state->wanted, wanted(ring), memory_order_relaxed);
                ring->asked++;
        }
        ring->sleeps++;
        ring->asleep = (ring->asleep | as) + RING_SLEEP;
        /* Before the second look: barrier_all() stands between them. */
        atomic_store_explicit(&ring->state->asleep, ring->asleep, memory_order_release);
}

void link_ring_wakes(struct link_ring *ring, uint32_t as) {
        if (!(ring->asleep & as))
                return;
        ring->asleep &= ~(uint64_t)as;
        if (ring->state)
                atomic_store_explicit(&ring->state->asleep, ring->asleep, memory_order_relaxed);
}

bool link_ring_may_sleep(struct link_ring *ring, uint32_t as) {
        if (as == RING_RECEIVER && ring->closely) /* what the epoll tells once, at its edge, is looked at before */
                return false;
        if (!ring->peer)
                return true; /* its greeting comes by the socket */
        if (as == RING_RECEIVER)
                return ring_look(&ring->reader) == 0 && !atomic_load_explicit(&ring->peer->gone, memory_order_relaxed);
        int r = ring_room_exactly(&ring->writer, ring_round(RING_ALIGN + ring->lacking));
        if (r == -EBADMSG)
                ring->failed = r;
        return r == -EAGAIN;
}

bool link_ring_drain(struct link_ring *ring) {
        char bytes[4096];
        bool any = false;
        ssize_t n = sizeof(bytes);
        ring->sleeps = 0;
        for (int i = 0; i < 32 && ring->wake_in >= 0 && n == (ssize_t)sizeof(bytes); i++) {
                n = recv(ring->wake_in, bytes, sizeof(bytes), MSG_DONTWAIT);
                any = any || n > 0;
        }
        /* Its other end is held as long as the other party lives; else this one would never sleep again. */
        ring->hung_up = ring->hung_up || n == 0;
        return any;
}
