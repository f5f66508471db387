/* SPDX-License-Identifier: MIT */

/* Numbers that pass their ends: positions that begin shortly before 2^32, 2^63 and 2^64, sleeps without number, and the numbers of messages. */

#include "rings.h"

#include "channel/channel.h"
#include "memory/barrier.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define BYTES 16384
#define TURNS 4 /* of the ring, at least */

static const uint64_t starts[] = {
        0,
        (UINT64_C(1) << 32) - 2 * BYTES,
        (UINT64_C(1) << 32) - RING_ALIGN,
        (UINT64_C(1) << 63) - 2 * BYTES,
        UINT64_MAX - 2 * BYTES + 1,
        UINT64_MAX - RING_ALIGN + 1,
};
enum { STARTS = sizeof starts / sizeof starts[0] };

/* ---- one link ---- */

struct end {
        int socket;
        struct link_ring *ring;
        uint64_t sent, taken;
};

/* The first one listens. */
static void meet(struct end ends[2], uint64_t start) {
        const struct leat_peer self = { .known = true, .pid = getpid() };
        int sockets[2];
        CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
        for (int i = 0; i < 2; i++) {
                ends[i] = (struct end){ .socket = sockets[i] };
                CHECK_EQ(link_ring_new(sockets[i], i == 0, BYTES, false, &self, &ends[i].ring), 0);
        }
        ring_begin_at(ends[1].ring, start);
        CHECK_EQ(link_ring_greet(sockets[0], ends[0].ring), 0);
        CHECK_EQ(link_ring_greet(sockets[1], ends[1].ring), 0);
}

static void part(struct end ends[2]) {
        for (int i = 0; i < 2; i++) {
                link_ring_free(ends[i].ring, true);
                close(ends[i].socket);
        }
}

static size_t size_of(uint64_t number) {
        return number * 7919 % 900;
}

static int put(struct end *end) {
        uint8_t bytes[900];
        size_t size = size_of(end->sent);
        memset(bytes, (int)(end->sent % 251), size);
        int r = link_ring_prepare(end->socket, end->ring);
        CHECK_EQ(r, 0);
        r = link_ring_put_plain(end->ring, 1 + (int64_t)end->sent, 0, bytes, size, false);
        if (r < 0)
                return r;
        end->sent++;
        link_ring_publish(end->socket, end->ring);
        return 0;
}

static void take(struct end *end) {
        struct ring_found found;
        CHECK_EQ(link_ring_find(end->socket, end->ring, &found), RING_PLAIN);
        CHECK_EQ(found.type, 1 + (int64_t)end->taken);
        CHECK_EQ(found.size_bytes, size_of(end->taken));
        for (size_t i = 0; i < found.size_bytes; i++)
                if (found.bytes[i] != end->taken % 251)
                        FAIL("message %llu has a wrong byte at %zu", (unsigned long long)end->taken, i);
        end->taken++;
        link_ring_next(end->ring, &found);
}

static int wakes(const struct end *end) {
        char bytes[64];
        struct pollfd pipe = { .fd = end->ring->wake_in, .events = POLLIN };
        return poll(&pipe, 1, 0) <= 0 ? 0 : (int)read(end->ring->wake_in, bytes, sizeof bytes);
}

/* It finds the ring full, sleeps, and is woken as soon as there is the room that it wants. */
static void wait_for_room(struct end *from, struct end *to) {
        int r;
        do
                r = put(from);
        while (r == 0);
        CHECK_EQ(r, -EAGAIN);
        link_ring_sleeps(from->ring, RING_SENDER);
        CHECK(barrier_all());
        if (link_ring_may_sleep(from->ring, RING_SENDER)) {
                CHECK_EQ(wakes(from), 0);
                do
                        take(to);
                while (ring_room_exactly(&from->ring->writer, ring_round(RING_ALIGN + from->ring->lacking)) < 0);
                CHECK_EQ(wakes(from), 1);
        }
        link_ring_wakes(from->ring, RING_SENDER);
        CHECK_EQ(put(from), 0);
}

/* It finds nothing, sleeps, and is woken by the next message. */
static void wait_for_one(struct end *from, struct end *to) {
        struct ring_found found;
        while (to->taken < from->sent)
                take(to);
        CHECK_EQ(link_ring_find(to->socket, to->ring, &found), -EAGAIN);
        link_ring_sleeps(to->ring, RING_RECEIVER);
        CHECK(barrier_all());
        CHECK(link_ring_may_sleep(to->ring, RING_RECEIVER));
        CHECK_EQ(wakes(to), 0);
        CHECK_EQ(put(from), 0);
        CHECK_EQ(wakes(to), 1);
        link_ring_wakes(to->ring, RING_RECEIVER);
        take(to);
}

static void go_round(struct end *from, struct end *to, uint64_t start) {
        CHECK_EQ(from->ring->writer.head, start);
        CHECK_EQ(to->ring->reader.tail, start);
        while (from->ring->writer.head - start < TURNS * BYTES) {
                wait_for_room(from, to);
                wait_for_one(from, to);
        }
        CHECK(start == 0 || from->ring->writer.head < start || (start >> 32) != from->ring->writer.head >> 32 ||
              (start >> 63) != from->ring->writer.head >> 63);
}

TEST(positions_of_both_ways_pass_their_ends) {
        for (int i = 0; i < STARTS; i++) {
                struct end ends[2];
                meet(ends, starts[i]);
                go_round(&ends[1], &ends[0], starts[i]);
                go_round(&ends[0], &ends[1], starts[i]);
                part(ends);
        }
}

/* What is sent before anybody answers is counted from the beginning, too. */
TEST(it_fills_before_there_is_an_answer) {
        for (int i = 0; i < STARTS; i++) {
                const struct leat_peer self = { .known = true, .pid = getpid() };
                struct end ends[2];
                int sockets[2];
                CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
                ends[0] = (struct end){ .socket = sockets[0] };
                ends[1] = (struct end){ .socket = sockets[1] };
                CHECK_EQ(link_ring_new(sockets[0], true, BYTES, false, &self, &ends[0].ring), 0);
                CHECK_EQ(link_ring_new(sockets[1], false, BYTES, false, &self, &ends[1].ring), 0);
                ring_begin_at(ends[1].ring, starts[i]);
                while (put(&ends[1]) == 0)
                        ;
                CHECK(ends[1].sent * 900 > BYTES);
                CHECK_EQ(link_ring_greet(sockets[0], ends[0].ring), 0);
                while (ends[0].taken < ends[1].sent)
                        take(&ends[0]);
                CHECK_EQ(put(&ends[1]), 0);
                take(&ends[0]);
                part(ends);
        }
}

/* ---- sleeps ---- */

/* So many sleeps that nobody ended later it sleeps once more. */
static void sleep_in_vain(struct end *end, uint32_t as, uint64_t times) {
        for (int i = 0; i < 3; i++) {
                link_ring_sleeps(end->ring, as);
                link_ring_wakes(end->ring, as);
        }
        end->ring->asleep += (times - 4) * RING_SLEEP;
        link_ring_sleeps(end->ring, as);
}

/* No number of sleeps makes one of them look like the one out of which the party was woken last: or nobody would wake it. */
TEST(a_receiver_is_woken_after_any_number_of_sleeps) {
        for (int bits = 8; bits <= 34; bits++)
                for (int woken = 0; woken < 2; woken++) {
                        struct end ends[2];
                        meet(ends, 0);
                        if (woken)
                                wait_for_one(&ends[1], &ends[0]);
                        sleep_in_vain(&ends[0], RING_RECEIVER, UINT64_C(1) << bits);
                        CHECK_EQ(put(&ends[1]), 0);
                        CHECK_EQ(wakes(&ends[0]), 1);
                        part(ends);
                }
}

TEST(a_sender_is_woken_after_any_number_of_sleeps) {
        for (int bits = 8; bits <= 34; bits++) {
                struct end ends[2];
                meet(ends, UINT64_MAX - BYTES + 1);
                wait_for_room(&ends[1], &ends[0]);
                while (put(&ends[1]) == 0)
                        ;
                sleep_in_vain(&ends[1], RING_SENDER, UINT64_C(1) << bits);
                while (ends[0].taken < ends[1].sent)
                        take(&ends[0]);
                CHECK_EQ(wakes(&ends[1]), 1);
                part(ends);
        }
}

/* ---- whole channels ---- */

#define LINK_BYTES (UINT64_C(128) << 10) /* the least */
#define MESSAGES 300
#define LARGEST 200000
#define SOON harness_deadline_ms(40000)

struct journey {
        char address[120];
        uint64_t start, sequence, asleep;
        struct harness_event *connected;
};

/* Mostly small ones, some that go in packets, and few that are larger than the ring. */
static size_t length_of(int number) {
        return number % 100 == 99 ? LARGEST : number % 10 == 9 ? 60000 : (size_t)(number * 7919 % 5000);
}

static void send_all(struct leat_channel *channel) {
        static uint8_t bytes[LARGEST];
        for (int i = 0; i < MESSAGES; i++) {
                size_t size = length_of(i);
                memset(bytes, i, size);
                CHECK_EQ(leat_send(channel, 1 + i, bytes, size, SOON), 0);
        }
}

static void take_all(struct leat_channel *channel, uint64_t sequence) {
        static uint8_t bytes[LARGEST];
        for (int i = 0; i < MESSAGES; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                CHECK_EQ(leat_receive(channel, LEAT_ANY, bytes, sizeof bytes, SOON, &about), length_of(i));
                CHECK_EQ(about.type, 1 + i);
                CHECK_EQ(about.sequence, sequence + 1 + (uint64_t)i);
                for (size_t k = 0; k < about.size_bytes; k++)
                        if (bytes[k] != (uint8_t)i)
                                FAIL("message %d has a wrong byte at %zu", i, k);
        }
}

static void set_out(void *argument) {
        const struct journey *journey = argument;
        char address[200];
        snprintf(address, sizeof address, "%s&connect", journey->address);
        struct leat_channel *channel = open_or_fail(address, LEAT_SEND | LEAT_RECEIVE, SOON);
        struct link_ring *ring = ring_of(channel);
        ring_begin_at(ring, journey->start);
        ring->asleep = journey->asleep;
        channel->sequence = journey->sequence;
        harness_event_signal(journey->connected);
        send_all(channel);
        take_all(channel, journey->sequence);
        CHECK(ring->writer.head - journey->start > TURNS * LINK_BYTES);
        CHECK(ring->reader.tail - journey->start > TURNS * LINK_BYTES);
        leat_close(channel);
}

/* Both sleep whenever there is nothing, or no room. */
static void travel(uint64_t start, uint64_t sequence) {
        struct journey journey = { .start = start, .sequence = sequence, .connected = harness_event_new() };
        journey.asleep = (UINT64_C(1) << 32) - UINT64_C(10) * RING_SLEEP;
        snprintf(journey.address, sizeof journey.address, "shm:%s/journey?pattern=pair&wait=sleep&ring=128k",
                 harness_tmpdir());
        char address[200];
        snprintf(address, sizeof address, "%s&listen", journey.address);
        struct leat_channel *channel = open_or_fail(address, LEAT_SEND | LEAT_RECEIVE, SOON);
        channel->sequence = sequence;
        pid_t pid = harness_fork(set_out, &journey);
        harness_event_wait(journey.connected);
        take_all(channel, sequence);
        CHECK_EQ(ring_of(channel)->writer.head, start);
        ring_of(channel)->asleep += journey.asleep;
        send_all(channel);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(channel);
}

TEST(a_channel_passes_32_bits) {
        travel((UINT64_C(1) << 32) - 2 * LINK_BYTES, (UINT64_C(1) << 32) - MESSAGES / 2);
}

TEST(a_channel_passes_63_bits) {
        travel((UINT64_C(1) << 63) - 2 * LINK_BYTES, (UINT64_C(1) << 63) - MESSAGES / 2);
}

/* But for the numbers of messages, which never come to an end. */
TEST(a_channel_passes_64_bits) {
        travel(UINT64_MAX - 2 * LINK_BYTES + 1, UINT64_MAX - MESSAGES);
}

TEST_MAIN()
