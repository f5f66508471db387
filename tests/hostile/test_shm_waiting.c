/* SPDX-License-Identifier: MIT */

/* Who waits for room in a ring, or polls for a record, is told of it: also where
 * the reader is slow, where two threads wait, where the barrier is refused, and
 * where the other party lies. */

#include "channel/wire.h"
#include "hostile.h"
#include "shm_peer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define SOON harness_deadline_ms(40000)
#define BYTES 1000

struct scene {
        struct leat_channel *receiver, *sender; /* of a pair: the one that listens, the other */
};

static void make_address(char *text, size_t size, const char *options) {
        snprintf(text, size, "shm:%s/shm%s", harness_tmpdir(), options);
}

static struct leat_channel *open_one(const char *options, unsigned flags) {
        struct leat_channel *channel;
        char address[160];
        make_address(address, sizeof address, options);
        CHECK_EQ(leat_open(address, flags, SOON, &channel), 0);
        return channel;
}

static void greet(struct leat_channel *from, struct leat_channel *to) {
        char buffer[8];
        CHECK_EQ(leat_send(from, 1, "x", 1, SOON), 0);
        CHECK_EQ(leat_receive(to, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 1);
}

static void open_two(struct scene *scene, const char *sender_options) {
        scene->receiver = open_one("", LEAT_RECEIVE);
        scene->sender = open_one(sender_options, LEAT_SEND);
        greet(scene->sender, scene->receiver);
}

static void open_pair(struct scene *scene, const char *listener, const char *connector) {
        scene->receiver = open_one(listener, LEAT_SEND | LEAT_RECEIVE);
        scene->sender = open_one(connector, LEAT_SEND | LEAT_RECEIVE);
        greet(scene->receiver, scene->sender);
}

static void close_two(const struct scene *scene) {
        leat_close(scene->sender);
        leat_close(scene->receiver);
}

static int send_bytes(struct leat_channel *channel, size_t size, int64_t deadline) {
        static const char bytes[BYTES];
        return leat_send(channel, 1, bytes, size, deadline);
}

static int send_descriptor(struct leat_channel *channel, int64_t deadline) {
        int fd = STDERR_FILENO;
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.descriptors = &fd;
        options.descriptors_count = 1;
        options.deadline = deadline;
        return leat_send_with(channel, "d", 1, &options);
}

/* Until there is room for no record at all. */
static void fill(struct leat_channel *channel) {
        int r;
        for (size_t size = BYTES; size > 0; size = size > 1 ? 1 : 0)
                while ((r = send_bytes(channel, size - (size == 1), LEAT_NOW)) == 0)
                        continue;
        CHECK_EQ(r, -EAGAIN);
}

/* So few that the sender is not told by itself. */
static void take_ten(struct leat_channel *channel) {
        char buffer[BYTES];
        for (int i = 0; i < 10; i++)
                CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), BYTES);
}

static ssize_t receive_now(struct leat_channel *channel) {
        char buffer[BYTES];
        return leat_receive(channel, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL);
}

static int is_readable(int fd) {
        struct pollfd state = { .fd = fd, .events = POLLIN };
        return poll(&state, 1, 0);
}

/* ---- room ---- */

static void check_room_is_found(const char *options) {
        struct scene scene;
        open_two(&scene, options);
        fill(scene.sender);
        take_ten(scene.receiver);
        CHECK_EQ(send_bytes(scene.sender, BYTES, leat_now() - 1), 0);
        fill(scene.sender);
        take_ten(scene.receiver);
        CHECK_EQ(send_bytes(scene.sender, BYTES, SOON), 0);
        CHECK_EQ(send_bytes(scene.sender, BYTES, LEAT_NOW), 0);
        close_two(&scene);
}

TEST(what_was_read_is_room_to_one_who_sleeps) {
        check_room_is_found("?wait=sleep");
}

TEST(what_was_read_is_room_to_one_who_spins) {
        check_room_is_found("?wait=spin");
}

TEST(what_was_read_is_room_to_one_who_does_either) {
        check_room_is_found("");
}

/* Socket and ring were full; what waits for the ring alone does not wait for the socket. */
TEST(room_in_the_ring_is_not_waited_for_at_the_socket) {
        struct scene scene;
        int r;
        open_two(&scene, "");
        for (int i = 0; i < 20; i++)
                CHECK_EQ(send_bytes(scene.sender, BYTES, LEAT_NOW), 0);
        while ((r = send_descriptor(scene.sender, LEAT_NOW)) == 0)
                continue;
        CHECK_EQ(r, -EAGAIN);
        fill(scene.sender);
        take_ten(scene.receiver);
        CHECK_EQ(send_bytes(scene.sender, BYTES, SOON), 0);
        close_two(&scene);
}

#define LISTENER "?pattern=pair&listen&acknowledge&aside=100M"
#define CONNECTOR "?pattern=pair&at-least-once&aside=100M"

/* The listener has a message that it is to acknowledge, and no room for that. */
static void open_stuck(struct scene *scene, struct leat_message *ret_about) {
        char buffer[8];
        open_pair(scene, LISTENER, CONNECTOR);
        CHECK_EQ(leat_send(scene->sender, 1, "y", 1, SOON), 0);
        CHECK_EQ(leat_receive(scene->receiver, LEAT_ANY, buffer, sizeof buffer, SOON, ret_about), 1);
        fill(scene->receiver);
        CHECK_EQ(leat_acknowledge(scene->receiver, ret_about), 0);
}

/* The acknowledgement that waits in front is looked at as closely as the message. */
TEST(full_is_true_behind_an_acknowledgement) {
        struct scene scene;
        struct leat_message about = LEAT_MESSAGE_INIT;
        open_stuck(&scene, &about);
        take_ten(scene.sender);
        CHECK_EQ(send_bytes(scene.receiver, BYTES, LEAT_NOW), 0);
        close_two(&scene);
}

/* ---- two threads of one channel ---- */

struct thread {
        struct leat_channel *channel;
        _Atomic pid_t tid;
        pthread_t thread;
        ssize_t got;
};

static void *receive_one(void *argument) {
        struct thread *thread = argument;
        char buffer[BYTES];
        atomic_store(&thread->tid, (pid_t)syscall(SYS_gettid));
        thread->got = leat_receive(thread->channel, 2, buffer, sizeof buffer, SOON, NULL);
        return NULL;
}

static char state_of(pid_t tid) {
        char path[64], text[256] = "";
        snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
        FILE *file = fopen(path, "re");
        if (!file)
                return '?';
        const char *end = fgets(text, sizeof text, file) ? strrchr(text, ')') : NULL;
        fclose(file);
        return end && end[1] ? end[2] : '?';
}

static void start_receiver(struct thread *thread, struct leat_channel *channel) {
        *thread = (struct thread){ .channel = channel };
        CHECK_EQ(pthread_create(&thread->thread, NULL, receive_one, thread), 0);
        while (atomic_load(&thread->tid) == 0 || state_of(thread->tid) != 'S')
                sched_yield();
}

/* The receiving thread sleeps until there is room for the acknowledgement, and the sending one comes and goes. */
TEST(a_sender_that_gives_up_leaves_the_receiver_awake) {
        struct scene scene;
        struct thread thread;
        struct leat_message about = LEAT_MESSAGE_INIT;
        open_stuck(&scene, &about);
        start_receiver(&thread, scene.receiver);
        CHECK_EQ(send_bytes(scene.receiver, BYTES, leat_in_ms(20)), -ETIMEDOUT);
        CHECK_EQ(leat_flush(scene.sender, SOON), 0);
        CHECK_EQ(leat_send(scene.sender, 2, "z", 1, SOON), 0);
        CHECK_EQ(pthread_join(thread.thread, NULL), 0);
        CHECK_EQ(thread.got, 1);
        close_two(&scene);
}

/* ---- leat_fd ---- */

/* Descriptors that the partner takes make room in the socket: they are no wakes. */
TEST(descriptors_that_are_taken_are_no_flood) {
        struct scene scene;
        char buffer[8];
        open_pair(&scene, "?pattern=pair&listen", "?pattern=pair");
        CHECK_EQ(leat_send(scene.sender, 1, "x", 1, SOON), 0);
        CHECK(leat_fd(scene.receiver) >= 0);
        CHECK_EQ(receive_now(scene.receiver), 1);
        for (int i = 0; i < 1100; i++) {
                CHECK_EQ(send_descriptor(scene.receiver, SOON), 0);
                CHECK_EQ(leat_receive(scene.sender, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 1);
                CHECK_EQ(receive_now(scene.receiver), -EAGAIN);
        }
        close_two(&scene);
}

TEST(a_full_socket_does_not_hide_a_message_from_poll) {
        struct scene scene;
        open_pair(&scene, "?pattern=pair&listen", "?pattern=pair");
        while (send_descriptor(scene.receiver, LEAT_NOW) == 0)
                continue;
        CHECK_EQ(receive_now(scene.receiver), -EAGAIN);
        CHECK_EQ(leat_send(scene.sender, 1, "xy", 2, SOON), 0);
        CHECK_EQ(is_readable(leat_fd(scene.receiver)), 1);
        CHECK_EQ(receive_now(scene.receiver), 2);
        CHECK_EQ(receive_now(scene.receiver), -EAGAIN);
        CHECK_EQ(is_readable(leat_fd(scene.receiver)), 0);
        close_two(&scene);
}

/* It gives up among very many others that are set aside; what it did not get to is to be polled. */
TEST(a_receive_that_gives_up_is_polled_for) {
        struct scene scene;
        char buffer[8];
        ssize_t n;
        scene.receiver = open_one("?aside=100M", LEAT_RECEIVE);
        scene.sender = open_one("?ring=1M", LEAT_SEND);
        greet(scene.sender, scene.receiver);
        CHECK_EQ(receive_now(scene.receiver), -EAGAIN);
        int fd = leat_fd(scene.receiver);
        CHECK_EQ(receive_now(scene.receiver), -EAGAIN);
        for (int i = 0; i < 20000; i++)
                CHECK_EQ(leat_send(scene.sender, 3, "", 0, LEAT_NOW), 0);
        CHECK_EQ(leat_send(scene.sender, 2, "y", 1, LEAT_NOW), 0);
        while ((n = leat_receive(scene.receiver, 2, buffer, sizeof buffer, LEAT_NOW, NULL)) == -EAGAIN)
                CHECK_EQ(is_readable(fd), 1);
        CHECK_EQ(n, 1);
        close_two(&scene);
}

/* ---- by hand ---- */

static void connect_peer(struct shm_peer *peer) {
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        *peer = SHM_PEER_NONE;
        snprintf(name.sun_path, sizeof name.sun_path, "%s/shm", harness_tmpdir());
        peer->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        CHECK_EQ(connect(peer->socket, (const struct sockaddr *)&name, sizeof name), 0);
        shm_peer_make(peer, SHM_RING * 8);
        CHECK(shm_say(peer->socket, SHM_HELLO, (const int[]){ peer->mine.fd, peer->ends[1] }, 2));
}

static void wake_victim(const struct shm_peer *peer) {
        CHECK_EQ(send(peer->wake, "w", 1, MSG_NOSIGNAL), 1);
}

/* A message that wants a TAKEN; the zero behind it is there. */
static uint64_t put_message(const struct shm_peer *peer, uint64_t position, uint64_t sequence) {
        uint8_t frame[WIRE_HEADER_BYTES + 1] = { 0 };
        const struct wire_header header = {
                .kind = WIRE_MESSAGE, .flags = WIRE_WANTS_TAKEN, .size = 1, .type = 1, .sequence = sequence
        };
        wire_encode(&header, frame);
        shm_put(peer, position, SHM_WORD(sizeof frame, RING_PACKET, 0), 0, frame, sizeof frame);
        return position + ring_round(RING_ALIGN + sizeof frame);
}

#define LIES 300 /* messages: more TAKENs than the way back has room for */

/* TAKENs wait for room, and what the peer says of that is a lie: it is cut off, however the victim waits. */
static void check_liar(bool polls) {
        struct leat_channel *victim = open_one("", LEAT_RECEIVE);
        struct shm_peer peer;
        char buffer[8];
        ssize_t n;
        uint64_t position = 0;
        if (polls)
                CHECK(leat_fd(victim) >= 0);
        connect_peer(&peer);
        CHECK_EQ(receive_now(victim), -EAGAIN);
        CHECK(shm_hear(&peer));
        for (unsigned i = 1; i <= LIES; i++)
                position = put_message(&peer, position, i);
        atomic_store(&shm_state(&peer)->taken, 8);
        atomic_store(&shm_state(&peer)->read, 8);
        wake_victim(&peer);
        while ((n = leat_receive(victim, LEAT_ANY, buffer, sizeof buffer, polls ? LEAT_NOW : SOON, NULL)) > 0)
                continue;
        CHECK_EQ(n, -EBADMSG);
        shm_peer_end(&peer);
        leat_close(victim);
}

TEST(a_liar_is_found_by_one_who_polls) {
        check_liar(true);
}

TEST(a_liar_is_found_by_one_who_sleeps) {
        check_liar(false);
}

/* The publisher counts on a barrier that is refused by now: its record is found without a wake. */
static void check_without_barrier(bool polls) {
        struct leat_channel *victim = open_one("", LEAT_RECEIVE);
        struct shm_peer peer;
        struct thread thread;
        connect_peer(&peer);
        CHECK_EQ(receive_now(victim), -EAGAIN);
        CHECK(shm_hear(&peer));
        CHECK(harness_refuse_call(SYS_membarrier, EPERM));
        if (polls) {
                int fd = leat_fd(victim);
                CHECK_EQ(receive_now(victim), -EAGAIN);
                shm_put(&peer, 0, SHM_WORD(8, RING_PLAIN, 0), 2, "12345678", 8);
                struct pollfd state = { .fd = fd, .events = POLLIN };
                CHECK_EQ(poll(&state, 1, 40000), 1);
                CHECK_EQ(receive_now(victim), 8);
        } else {
                start_receiver(&thread, victim);
                shm_put(&peer, 0, SHM_WORD(8, RING_PLAIN, 0), 2, "12345678", 8);
                CHECK_EQ(pthread_join(thread.thread, NULL), 0);
                CHECK_EQ(thread.got, 8);
        }
        shm_peer_end(&peer);
        leat_close(victim);
}

TEST(without_a_barrier_a_sleeper_looks_again) {
        check_without_barrier(false);
}

TEST(without_a_barrier_who_polls_is_told_to_look_again) {
        check_without_barrier(true);
}

TEST_MAIN()
