/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "base/cleanup.h"
#include "channel/link_ring.h"
#include "memory/barrier.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BYTES 16384
#define RECORD 48 /* of a plain message of 32 bytes */

struct parties {
        int sockets[2];
        struct link_ring *sender, *receiver;
};

static void meet(struct parties *parties) {
        const struct leat_peer self = { .known = true, .pid = getpid() };
        CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, parties->sockets), 0);
        CHECK_EQ(link_ring_new(parties->sockets[0], true, BYTES, false, &self, &parties->receiver), 0);
        CHECK_EQ(link_ring_greet(parties->sockets[0], parties->receiver), -EAGAIN);
        CHECK_EQ(link_ring_new(parties->sockets[1], false, BYTES, false, &self, &parties->sender), 0);
        CHECK_EQ(link_ring_greet(parties->sockets[0], parties->receiver), 0);
        CHECK_EQ(link_ring_greet(parties->sockets[1], parties->sender), 0);
}

static void part(struct parties *parties) {
        link_ring_free(parties->sender, true);
        link_ring_free(parties->receiver, true);
        close(parties->sockets[0]);
        close(parties->sockets[1]);
}

static int put(struct parties *parties, bool now) {
        static const char bytes[32];
        int r = link_ring_put_plain(parties->sender, 1, 0, bytes, sizeof bytes, now);
        if (r == 0)
                link_ring_publish(parties->sockets[1], parties->sender);
        return r;
}

static void take(struct parties *parties) {
        struct ring_found found;
        CHECK_EQ(link_ring_find(parties->sockets[0], parties->receiver, &found), RING_PLAIN);
        link_ring_next(parties->receiver, &found);
}

/* How often was it woken? */
static int wakes(const struct link_ring *ring) {
        char bytes[4096];
        ssize_t n = recv(ring->wake_in, bytes, sizeof bytes, MSG_DONTWAIT);
        return n < 0 ? 0 : (int)n;
}

/* Until there is no room, as far as the reader told. */
static void fill(struct parties *parties) {
        while (put(parties, false) == 0)
                ;
}

TEST(what_came_before_the_sleep_prevents_it) {
        struct parties parties;
        struct ring_found found;
        meet(&parties);
        CHECK_EQ(put(&parties, false), 0); /* nobody slept: nobody is woken */
        CHECK_EQ(wakes(parties.receiver), 0);
        link_ring_sleeps(parties.receiver, RING_RECEIVER);
        barrier_all();
        CHECK(!link_ring_may_sleep(parties.receiver, RING_RECEIVER));
        link_ring_wakes(parties.receiver, RING_RECEIVER);
        take(&parties);
        CHECK(!link_ring_may_sleep(parties.receiver, RING_RECEIVER)); /* the socket was not looked at yet */
        CHECK_EQ(link_ring_find(parties.sockets[0], parties.receiver, &found), -EAGAIN);
        link_ring_sleeps(parties.receiver, RING_RECEIVER);
        barrier_all();
        CHECK(link_ring_may_sleep(parties.receiver, RING_RECEIVER));
        part(&parties);
}

TEST(a_receiver_is_woken_once_out_of_each_sleep) {
        struct parties parties;
        meet(&parties);
        for (int i = 0; i < 3; i++) {
                link_ring_sleeps(parties.receiver, RING_RECEIVER);
                for (int k = 0; k < 5; k++)
                        CHECK_EQ(put(&parties, false), 0);
                CHECK_EQ(wakes(parties.receiver), 1);
                link_ring_wakes(parties.receiver, RING_RECEIVER);
                CHECK_EQ(put(&parties, false), 0);
                CHECK_EQ(wakes(parties.receiver), 0);
        }
        part(&parties);
}

TEST(a_sender_is_woken_when_there_is_the_room_it_wants) {
        struct parties parties;
        struct ring_found found;
        meet(&parties);
        fill(&parties);
        parties.sender->lacking = 1000;
        link_ring_sleeps(parties.sender, RING_SENDER);
        barrier_all();
        CHECK(link_ring_may_sleep(parties.sender, RING_SENDER));
        for (int taken = 0; ring_room_exactly(&parties.sender->writer, 1024) == -EAGAIN; taken++) {
                CHECK_EQ(wakes(parties.sender), 0);
                CHECK(taken < 1024 / RECORD + 2);
                take(&parties);
        }
        CHECK_EQ(wakes(parties.sender), 1);
        take(&parties);
        CHECK_EQ(wakes(parties.sender), 0); /* once */
        CHECK(!link_ring_may_sleep(parties.sender, RING_SENDER));
        CHECK_EQ(link_ring_find(parties.sockets[1], parties.sender, &found), -EAGAIN);
        part(&parties);
}

/* It was taken a moment before the sender slept, and not told: nobody comes to tell it. */
TEST(room_of_before_the_sleep_prevents_it) {
        struct parties parties;
        meet(&parties);
        fill(&parties);
        take(&parties);
        CHECK_EQ(put(&parties, false), -EAGAIN);
        link_ring_sleeps(parties.sender, RING_SENDER);
        barrier_all();
        CHECK(!link_ring_may_sleep(parties.sender, RING_SENDER));
        link_ring_wakes(parties.sender, RING_SENDER);
        fill(&parties);
        take(&parties);
        CHECK_EQ(put(&parties, true), 0); /* one that does not wait is told the truth */
        part(&parties);
}

static void wake_once(struct parties *parties) {
        link_ring_sleeps(parties->receiver, RING_RECEIVER);
        CHECK_EQ(put(parties, false), 0);
        link_ring_wakes(parties->receiver, RING_RECEIVER);
        take(parties);
}

TEST(wakes_are_read_now_and_then) {
        struct parties parties;
        meet(&parties);
        const int most = (int)parties.receiver->sleeps_most;
        for (int i = 0; i < 30 * most; i++) {
                wake_once(&parties);
                if (link_ring_drains(parties.receiver))
                        CHECK(link_ring_drain(parties.receiver));
        }
        CHECK(wakes(parties.receiver) <= most);
        part(&parties);
}

/* Twice for each sleep until they are read, and there is still room. */
TEST(there_is_room_for_every_wake) {
        struct parties parties;
        meet(&parties);
        const int twice = 2 * (int)parties.receiver->sleeps_most;
        CHECK(twice > 0);
        for (int i = 0; i < twice + 1; i++)
                wake_once(&parties);
        CHECK_EQ(wakes(parties.receiver), twice + 1);
        part(&parties);
}

TEST(who_went_in_order_is_not_sent_to) {
        struct parties parties;
        struct ring_found found;
        meet(&parties);
        CHECK_EQ(put(&parties, false), 0);
        parties.receiver = link_ring_free(parties.receiver, true); /* and its socket is still there */
        CHECK_EQ(link_ring_prepare(parties.sockets[1], parties.sender), -EPIPE);
        CHECK_EQ(link_ring_find(parties.sockets[1], parties.sender, &found), -ENODATA);
        part(&parties);
}

/* All that it sent is there, and then the end. */
TEST(what_the_dead_sent_is_there) {
        struct parties parties;
        struct ring_found found;
        meet(&parties);
        CHECK_EQ(put(&parties, false), 0);
        CHECK_EQ(shutdown(parties.sockets[1], SHUT_RDWR), 0); /* what the kernel does for who is killed */
        parties.receiver->closely = true;
        take(&parties);
        parties.receiver->closely = true;
        CHECK_EQ(link_ring_find(parties.sockets[0], parties.receiver, &found), -ENODATA);
        CHECK_EQ(link_ring_find(parties.sockets[0], parties.receiver, &found), -ENODATA);
        CHECK_EQ(link_ring_prepare(parties.sockets[0], parties.receiver), -EPIPE);
        part(&parties);
}

TEST_MAIN()
