/* SPDX-License-Identifier: MIT */

/*
 * Scribble: a party of shm: that speaks the protocol, and then writes random and adversarial words into every page that it can map, while the victim
 * reads them, and anything into its sockets. The victim is in this process and does its work; the hostile party, and an honest one
 * beside it, are in processes of their own. Whatever is written, the victim tells of it by the errors that its calls name, is not held past
 * its deadlines, and gets from the honest one all messages, whole and in order.
 */

#include "hostile.h"
#include "shm_peer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define LARGEST 300000 /* ?size= */
#define LAST 99        /* the type of an honest party's last message */
#define BRIEF_NS 200000

/* What all processes of a test know. */
struct stage {
        char path[80];
        int listener;                   /* of the hostile party, where the victim connects */
        uint64_t rounds;                /* of the hostile party */
        _Atomic bool is_over;           /* it has done them */
        struct harness_event *is_there; /* the honest party has connected: there is no end before its last message */
};

static struct stage *stage(uint64_t rounds) {
        struct stage *self = harness_shared(sizeof *self);
        const char *size = getenv("LEAT_TEST_SIZE");
        snprintf(self->path, sizeof self->path, "%s/shm", harness_tmpdir());
        self->listener = -1;
        self->is_there = harness_event_new();
        self->rounds = size && strcmp(size, "long") == 0                   ? 40 * rounds
                       : SANITIZED || (size && strcmp(size, "small") == 0) ? rounds / 4
                                                                           : rounds;
        return self;
}

static uint64_t below(uint64_t limit) {
        return harness_random_below(limit);
}

/* ---- what is written ---- */

/* Words that are wrong in ways that matter, and some that are right. */
static uint64_t evil_word(uint64_t position) {
        switch (below(12)) {
        case 0:
                return UINT64_MAX - below(64);
        case 1:
                return UINT64_C(1) << below(64);
        case 2:
                return SHM_WORD(SHM_RING - below(64), 1 + below(2), 0);
        case 3:
                return SHM_WORD(UINT32_MAX - below(64), 1 + below(2), 0);
        case 4:
                return position + below(64);
        case 5:
                return position - below(2 * SHM_RING);
        case 6:
                return SHM_WORD(below(SHM_RING), below(4), below(3));
        case 7:
                return 0;
        case 8:
                return below(4);
        default:
                return harness_random();
        }
}

static uint64_t *word_at(const struct shm_peer *peer, uint64_t offset) {
        return (uint64_t *)((uint8_t *)peer->mine.bytes + offset);
}

static void store(uint64_t *at, uint64_t word) {
        atomic_store_explicit((_Atomic uint64_t *)(void *)at, word, memory_order_release);
}

/* Where the victim reads, as it says. */
static uint64_t victim_reads(const struct shm_peer *peer) {
        const struct ring_state *victim = (void *)((uint8_t *)peer->theirs.bytes + SHM_PAGE);
        return atomic_load(&victim->read);
}

static void anywhere(const struct shm_peer *peer) {
        const uint64_t from = below(8) == 0 ? 0 : SHM_PAGE, words = (2 * SHM_PAGE + SHM_RING - from) / 8;
        for (int i = 0; i < 64; i++)
                store(word_at(peer, from + 8 * below(words)), evil_word(victim_reads(peer)));
}

/* The words of the state page, all that it knows. */
static void state(const struct shm_peer *peer) {
        static const size_t offsets[] = { offsetof(struct ring_state, taken), offsetof(struct ring_state, asleep),
                                          offsetof(struct ring_state, wanted), offsetof(struct ring_state, read) };
        size_t offset = SHM_PAGE + offsets[below(4)];
        store(word_at(peer, offset), below(2) ? evil_word(victim_reads(peer)) : below(1 << 20));
        if (below(16) == 0)
                store(word_at(peer, SHM_PAGE + offsetof(struct ring_state, gone)), harness_random());
}

/* Where the victim reads next there is a record, and at once it is another one. */
static void plain(const struct shm_peer *peer) {
        uint8_t bytes[512] = { 1 };
        const uint64_t at = victim_reads(peer), offset = 2 * SHM_PAGE + (at & (SHM_RING - 1));
        size_t size = below(sizeof bytes);
        shm_put(peer, at, SHM_WORD(size, RING_PLAIN, 0), 1 + below(3), bytes, size);
        for (int i = 0; i < 8; i++)
                store(word_at(peer, offset + 8 * below(2)), evil_word(at));
}

static struct wire_header frame(void) {
        static const uint32_t sizes[] = { 0, 8, 5000, 16384, 65536, 65537, LARGEST, LARGEST + 1, UINT32_MAX };
        return (struct wire_header){ .kind = 1 + below(6),
                                     .flags = below(16),
                                     .size = sizes[below(sizeof sizes / sizeof *sizes)],
                                     .descriptors = below(4) ? 0 : (uint8_t)below(255),
                                     .type = 1 + (int64_t)below(3),
                                     .sequence = 1 + below(100),
                                     .reference = below(50) };
}

/* The same of a packet, or of a frame of a large message. What stands in its header changes, too. */
static void packet(const struct shm_peer *peer) {
        uint8_t bytes[WIRE_HEADER_BYTES + 6000];
        const struct wire_header header = frame();
        const uint64_t at = victim_reads(peer), offset = 2 * SHM_PAGE + (at & (SHM_RING - 1));
        size_t size = header.size < 6000 ? header.size : 6000;
        memset(bytes, 'x', sizeof bytes);
        wire_encode(&header, bytes);
        /* The position may lie at the end of the ring, which is mapped twice. */
        shm_put(peer, at, SHM_WORD(WIRE_HEADER_BYTES + size, RING_PACKET, 0), 0, bytes, WIRE_HEADER_BYTES + size);
        for (int i = 0; i < 8; i++)
                store(word_at(peer, offset + 16 + 8 * below(6)), below(2) ? below(1 << 20) : evil_word(at));
}

static void wakes(const struct shm_peer *peer) {
        char bytes[64] = { 0 };
        for (uint64_t i = below(32); i > 0; i--)
                (void)send(peer->wake, bytes, 1 + below(sizeof bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Bytes, and as many descriptors as there can be. */
static void descriptors(int socket) {
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(LEAT_DESCRIPTORS_MAX * sizeof(int))];
        } control;
        char bytes[64] = { 0 };
        size_t count = 1 + below(LEAT_DESCRIPTORS_MAX);
        struct iovec part = { bytes, 1 + below(2) * 16 };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes };
        message.msg_controllen = CMSG_LEN(count * sizeof(int));
        control.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(count * sizeof(int)),
                                          .cmsg_level = SOL_SOCKET,
                                          .cmsg_type = SCM_RIGHTS };
        for (size_t i = 0; i < count; i++)
                memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &socket, sizeof(int));
        (void)sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void refuse(int socket) {
        uint8_t bytes[WIRE_HEADER_BYTES];
        const struct wire_header header = { .kind = WIRE_REFUSE, .type = 1 + (int64_t)below(140) };
        wire_encode(&header, bytes);
        (void)send(socket, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void sockets(const struct shm_peer *peer) {
        const int fds[] = { peer->socket, peer->wake, peer->ends[0] };
        uint64_t words[16];
        switch (below(6)) {
        case 0:
                (void)shm_say(peer->socket, 1 + (uint32_t)below(3), (int[]){ peer->mine.fd, peer->ends[1] }, below(3));
                return;
        case 1:
                refuse(peer->socket);
                return;
        case 2:
                for (int i = 0; i < 16; i++)
                        words[i] = harness_random();
                (void)send(fds[below(3)], words, 1 + below(sizeof words), MSG_DONTWAIT | MSG_NOSIGNAL);
                return;
        case 3:
                if (below(8) == 0)
                        (void)shutdown(fds[below(3)], (int)below(3)); /* SHUT_RD, SHUT_WR, SHUT_RDWR */
                return;
        default:
                descriptors(fds[below(3)]);
        }
}

/* Each round has its own habits: most of these leave the others time to do something. */
static void scribble(const struct shm_peer *peer) {
        void (*const ways[])(const struct shm_peer *) = { anywhere, state, plain, packet, wakes, sockets };
        uint64_t habits = below(1 << 6) | 1u << (2 + below(2));
        for (uint64_t i = below(400); i > 0; i--) {
                uint64_t way = below(6);
                if ((habits & 1u << way) && (way != 5 || below(16) == 0))
                        ways[way](peer);
        }
}

/* ---- the hostile party ---- */

static void greet(struct shm_peer *peer) {
        shm_peer_make(peer, SHM_RING);
        if (below(8) == 0)
                ((struct shm_header *)peer->mine.bytes)->start = 16 * harness_random(); /* positions pass 2^64 */
}

static void wait_for(int socket) {
        struct pollfd state = { .fd = socket, .events = POLLIN };
        CHECK_EQ(poll(&state, 1, -1), 1); /* the harness has a deadline */
}

/* It connects. */
static void hostile_sender(void *argument) {
        struct stage *self = argument;
        for (uint64_t i = 0; i < self->rounds; i++) {
                struct shm_peer peer = SHM_PEER_NONE;
                greet(&peer);
                peer.socket = connect_to(self->path, SOCK_SEQPACKET);
                (void)shm_say(peer.socket, SHM_HELLO, (int[]){ peer.mine.fd, peer.ends[1] }, 2);
                wait_for(peer.socket);
                if (shm_hear(&peer))
                        scribble(&peer);
                shm_peer_end(&peer);
        }
        self->is_over = true;
}

/* The victim connects, until this is killed. */
static void hostile_listener(void *argument) {
        const struct stage *self = argument;
        while (true) {
                struct shm_peer peer = SHM_PEER_NONE;
                peer.socket = accept(self->listener, NULL, NULL);
                CHECK(peer.socket >= 0);
                wait_for(peer.socket);
                greet(&peer);
                ((struct shm_header *)peer.mine.bytes)->start = 0; /* as the victim's */
                if (shm_hear(&peer) && shm_say(peer.socket, SHM_WELCOME, (int[]){ peer.mine.fd, peer.ends[1] }, 2))
                        scribble(&peer);
                shm_peer_end(&peer);
        }
}

/* ---- the honest party ---- */

static size_t honest_size(uint64_t number) {
        return number % 50 == 49 ? 100000 : 8 + number * 37 % 3000;
}

static void fill(uint8_t *bytes, uint64_t number, size_t size) {
        memset(bytes, (int)(number & 0xff), size);
        memcpy(bytes, &number, sizeof number);
}

static void check(const uint8_t *bytes, uint64_t number, size_t size) {
        static uint8_t expected[LARGEST];
        CHECK_EQ(size, honest_size(number));
        fill(expected, number, size);
        CHECK_MEM(bytes, expected, size);
}

static void open_at(const struct stage *self, const char *options, unsigned flags, struct leat_channel **ret_channel) {
        char address[160];
        snprintf(address, sizeof address, "shm:%s?%ssize=%d", self->path, options, LARGEST);
        CHECK_EQ(leat_open(address, flags, harness_deadline_ms(40000), ret_channel), 0);
}

static void honest_sender(void *argument) {
        const struct stage *self = argument;
        static uint8_t bytes[LARGEST];
        struct leat_channel *channel;
        uint64_t number = 0;
        open_at(self, "", LEAT_SEND, &channel);
        harness_event_signal(self->is_there);
        for (; !self->is_over; number++) {
                fill(bytes, number, honest_size(number));
                CHECK_EQ(leat_send(channel, HONEST, bytes, honest_size(number), LEAT_NEVER), 0);
        }
        CHECK_EQ(leat_send(channel, LAST, &number, sizeof number, LEAT_NEVER), 0);
        leat_close(channel);
}

static void honest_caller(void *argument) {
        const struct stage *self = argument;
        static uint8_t bytes[LARGEST], reply[LARGEST];
        struct leat_channel *channel;
        uint64_t number = 0;
        open_at(self, "", LEAT_CALL, &channel);
        harness_event_signal(self->is_there);
        for (; !self->is_over; number++) {
                fill(bytes, number, honest_size(number));
                CHECK_EQ(leat_call(channel, HONEST, bytes, honest_size(number), reply, sizeof reply, LEAT_NEVER, NULL),
                         honest_size(number));
                check(reply, number, honest_size(number));
        }
        CHECK_EQ(leat_call(channel, LAST, &number, sizeof number, reply, sizeof reply, LEAT_NEVER, NULL), 8);
        leat_close(channel);
}

/* ---- the victim ---- */

static bool is_known(ssize_t r) {
        static const int errors[] = { EAGAIN,          ETIMEDOUT, EBADMSG, EPIPE, ENODATA, EMSGSIZE,
                                      EPROTONOSUPPORT, ENOBUFS,   EMFILE,  EBUSY, ENOTCONN };
        for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
                if (r == -errors[i])
                        return true;
        return r >= 0;
}

static void check_known(ssize_t r, const char *what) {
        if (!is_known(r))
                FAIL("%s gives %zd", what, r);
}

/* One message, whatever its size; its descriptors are closed. */
static ssize_t receive(struct leat_channel *victim, uint8_t *buffer, int64_t deadline, struct leat_message *ret_about) {
        int fds[LEAT_DESCRIPTORS_MAX];
        ssize_t n = -EMSGSIZE;
        for (int i = 0; i < 2 && n == -EMSGSIZE; i++) {
                *ret_about = (struct leat_message)LEAT_MESSAGE_INIT;
                ret_about->descriptors = fds;
                ret_about->descriptors_max = LEAT_DESCRIPTORS_MAX;
                n = leat_receive(victim, LEAT_ANY, buffer, i > 0 ? LARGEST : 16 << below(14), deadline, ret_about);
                CHECK(ret_about->size_bytes <= LARGEST);
        }
        CHECK(n != -EMSGSIZE);
        for (size_t i = 0; n >= 0 && i < ret_about->descriptors_count; i++)
                close(fds[i]);
        check_known(n, "a receive");
        return n;
}

/* All that the honest one sends, and whatever the other does. */
static void serve(struct leat_channel *victim, bool replies, pid_t honest) {
        static uint8_t buffer[LARGEST];
        uint64_t number = 0, last = UINT64_MAX;
        while (last == UINT64_MAX) {
                struct leat_message about;
                ssize_t n = receive(victim, buffer, harness_deadline_ms(40000), &about);
                CHECK(n != -ETIMEDOUT && n != -ENODATA);
                bool ours = n >= 0 && about.sender.pid == honest;
                if (replies && n >= 0 && (about.flags & LEAT_WANTS_REPLY)) {
                        int64_t deadline = ours ? LEAT_NEVER : leat_in_ns(BRIEF_NS);
                        int r = leat_reply(victim, &about, 1, buffer, (size_t)n, deadline);
                        CHECK(!ours || r == 0);
                        check_known(r, "a reply");
                }
                if (ours && about.type == LAST)
                        memcpy(&last, buffer, sizeof last);
                else if (ours)
                        check(buffer, number++, (size_t)n);
        }
        CHECK_EQ(number, last);
}

static void beside_an_honest_one(unsigned flags, void (*honest)(void *), uint64_t rounds) {
        struct stage *self = stage(rounds);
        struct leat_channel *victim;
        open_at(self, "", flags, &victim);
        pid_t other = harness_fork(honest, self);
        harness_event_wait(self->is_there);
        pid_t scribbler = harness_fork(hostile_sender, self);
        serve(victim, flags & LEAT_REPLY, other);
        CHECK_EQ(harness_wait(scribbler), 0);
        CHECK_EQ(harness_wait(other), 0);
        leat_close(victim);
}

TEST(at_a_receiver) {
        beside_an_honest_one(LEAT_RECEIVE, honest_sender, 150);
}

TEST(at_a_server) {
        beside_an_honest_one(LEAT_REPLY, honest_caller, 150);
}

static int send_somehow(struct leat_channel *victim, const void *bytes) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.deadline = below(2) ? LEAT_NOW : leat_in_ns(BRIEF_NS);
        options.flags = below(4) == 0 ? LEAT_SYNC : 0;
        return leat_send_with(victim, bytes, below(8) ? below(2000) : below(LARGEST), &options);
}

static int call_somehow(struct leat_channel *victim, const void *bytes) {
        static uint8_t reply[LARGEST];
        ssize_t r = leat_call(victim, 1, bytes, below(2000), reply, sizeof reply, leat_in_ns(BRIEF_NS), NULL);
        return r < 0 ? (int)r : 0;
}

static int both_somehow(struct leat_channel *victim, const void *bytes) {
        static uint8_t buffer[LARGEST];
        struct leat_message about;
        ssize_t r = receive(victim, buffer, below(2) ? LEAT_NOW : leat_in_ns(BRIEF_NS), &about);
        return r == -EBADMSG || r == -ENODATA ? (int)r : send_somehow(victim, bytes);
}

/* Until it says that its peer is no good, or long enough. */
static void use(struct leat_channel *victim, int (*way)(struct leat_channel *, const void *)) {
        static uint8_t bytes[LARGEST];
        int r = 0;
        for (int i = 0; i < 60 && r != -EPIPE && r != -EBADMSG; i++) {
                r = way(victim, bytes);
                check_known(r, "a send");
        }
}

static void to_a_hostile_one(unsigned flags, const char *options, int (*way)(struct leat_channel *, const void *),
                             uint64_t rounds) {
        struct stage *self = stage(rounds);
        self->listener = listen_at(self->path, SOCK_SEQPACKET);
        pid_t scribbler = harness_fork(hostile_listener, self);
        for (uint64_t i = 0; i < self->rounds; i++) {
                struct leat_channel *victim;
                open_at(self, options, flags, &victim);
                use(victim, way);
                leat_close(victim);
        }
        CHECK_EQ(kill(scribbler, SIGKILL), 0);
        CHECK_EQ(harness_wait(scribbler), -SIGKILL);
        close(self->listener);
}

TEST(at_a_sender) {
        to_a_hostile_one(LEAT_SEND, "", send_somehow, 100);
}

TEST(at_a_caller) {
        to_a_hostile_one(LEAT_CALL, "", call_somehow, 100);
}

TEST(at_one_that_sends_and_receives) {
        to_a_hostile_one(LEAT_SEND | LEAT_RECEIVE, "pattern=pair&connect&", both_somehow, 100);
}

TEST_MAIN()
