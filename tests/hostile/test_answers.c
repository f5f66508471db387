/* SPDX-License-Identifier: MIT */
/* Answers that nobody asked for, refusals without sense, and peers that do not listen. */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static ssize_t peer_read(const struct victim *victim, void *buffer, size_t size) {
        return read(victim->place == PIPE ? victim->peer_in : victim->peer, buffer, size);
}

/* The next frame from the victim; its bytes are skipped. */
static struct wire_header peer_receive(const struct victim *victim) {
        uint8_t frame[FRAME_MOST];
        struct wire_header header;
        if (is_packets(victim->place)) {
                CHECK(peer_read(victim, frame, sizeof frame) >= WIRE_HEADER_BYTES);
                CHECK_EQ(wire_decode(frame, UINT32_MAX, &header), 0);
                return header;
        }
        size_t want = WIRE_HEADER_BYTES, have = 0;
        for (bool known = false; have < want;) {
                ssize_t n = peer_read(victim, frame + have, want - have);
                CHECK(n > 0);
                have += (size_t)n;
                if (have < WIRE_HEADER_BYTES || known)
                        continue;
                CHECK_EQ(wire_decode(frame, UINT32_MAX, &header), 0);
                known = true;
                want += wire_frame_bytes(&header) + (header.kind <= WIRE_REPLY);
        }
        return header;
}

static int send_sync(struct leat_channel *channel, int64_t deadline) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.flags = LEAT_SYNC;
        options.deadline = deadline;
        return leat_send_with(channel, "abc", 3, &options);
}

/* ---- a sender that wants TAKENs and does not read them ---- */

/* Returns how many messages were received before the end of it. */
static int receive_wants_taken(struct victim *victim, int count, ssize_t *ret_last) {
        char buffer[64];
        int received = 0;
        struct wire_header header = { .kind = WIRE_MESSAGE, .type = 5, .size = 3, .flags = WIRE_WANTS_TAKEN };
        for (*ret_last = 0; received < count; received++) {
                uint8_t frame[FRAME_MOST];
                header.sequence += 2; /* TAKENs of numbers that follow each other take one place */
                size_t size = make_frame(victim->place, &header, "abc", frame);
                if (victim->place == PIPE ? write(victim->peer, frame, size) < 0
                                          : send(victim->peer, frame, size, MSG_NOSIGNAL) < 0)
                        break;
                *ret_last = victim_receive(victim, buffer, sizeof buffer, leat_in_ms(20), NULL);
                if (*ret_last < 0)
                        break;
                if (received % 100 == 0)
                        honest_send(victim);
        }
        return received;
}

static void taken_unread(void *argument) {
        struct victim victim;
        ssize_t last;
        signal(SIGPIPE, SIG_IGN);
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        CHECK(receive_wants_taken(&victim, 20000, &last) < 20000);
        if (!is_listener(victim.place))
                CHECK(last == -ENODATA || last == -EBADMSG || last == -ENOBUFS || last > 0);
        check_honest(&victim);
        victim_close(&victim);
}

/* By two pipes the TAKENs go another way than the messages. */
static void taken_unread_two_pipes(void *argument) {
        struct victim victim = { .place = PIPE, .peer = -1, .peer_in = -1 };
        int there[2], back[2];
        char address[64], buffer[64];
        ssize_t last;
        (void)argument;
        signal(SIGPIPE, SIG_IGN);
        CHECK_EQ(pipe2(there, O_CLOEXEC), 0);
        CHECK_EQ(pipe2(back, O_CLOEXEC), 0);
        snprintf(address, sizeof address, "pipe:fd=%d,%d", there[0], back[1]);
        CHECK_EQ(leat_open(address, LEAT_RECEIVE, LEAT_NOW, &victim.channel), 0);
        victim.peer = there[1];
        victim.peer_in = back[0];
        CHECK(receive_wants_taken(&victim, 20000, &last) < 20000);
        CHECK(victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL) < 0);
        victim_close(&victim);
}

/* A pipe without a way back: there is no one to tell, and nothing gathers. */
static void taken_without_way(void *argument) {
        struct victim victim;
        ssize_t last;
        (void)argument;
        victim_open(&victim, PIPE, LEAT_RECEIVE, "");
        CHECK_EQ(receive_wants_taken(&victim, 1000, &last), 1000);
        victim_close(&victim);
}

/* ---- peers that hang up one way only: the victim sleeps, it does not spin ---- */

struct sleeper {
        struct victim *victim;
        struct harness_event *ready;
        bool calls;
};

static void sleep_in_receive(void *argument) {
        struct sleeper *sleeper = argument;
        char buffer[64];
        (void)leat_receive(sleeper->victim->channel, LEAT_ANY, buffer, sizeof buffer, LEAT_NEVER, NULL);
}

static void deaf(void *argument) {
        struct victim victim;
        char buffer[64];
        struct wire_header header = {
                .kind = WIRE_MESSAGE, .type = 5, .size = 3, .flags = WIRE_WANTS_TAKEN, .sequence = 1
        };
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        CHECK_EQ(shutdown(victim.peer, SHUT_RD), 0);
        peer_send(&victim, &header, "abc");
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), 3);
        CHECK_EQ(leat_give(victim.channel), 0);
        pid_t pid = harness_fork(sleep_in_receive, &(struct sleeper){ .victim = &victim });
        harness_wait_state(pid, "S");
        kill(pid, SIGKILL);
        harness_wait(pid);
        victim_close(&victim);
}

static void deaf_pipe(void *argument) {
        int there[2], back[2];
        char address[64], buffer[64];
        struct victim victim = { .place = PIPE, .peer_in = -1 };
        struct wire_header header = {
                .kind = WIRE_MESSAGE, .type = 5, .size = 3, .flags = WIRE_WANTS_TAKEN, .sequence = 1
        };
        (void)argument;
        CHECK_EQ(pipe2(there, O_CLOEXEC), 0);
        CHECK_EQ(pipe2(back, O_CLOEXEC), 0);
        snprintf(address, sizeof address, "pipe:fd=%d,%d", there[0], back[1]);
        CHECK_EQ(leat_open(address, LEAT_RECEIVE, LEAT_NOW, &victim.channel), 0);
        victim.peer = there[1];
        close(back[0]);
        peer_send(&victim, &header, "abc");
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), 3);
        CHECK_EQ(leat_give(victim.channel), 0);
        pid_t pid = harness_fork(sleep_in_receive, &(struct sleeper){ .victim = &victim });
        harness_wait_state(pid, "S");
        kill(pid, SIGKILL);
        harness_wait(pid);
        victim_close(&victim);
}

static void call_for_ever(void *argument) {
        static char request[4 << 20];
        struct victim *victim = argument;
        char reply[64];
        (void)leat_call(victim->channel, 1, request, sizeof request, reply, sizeof reply, LEAT_NEVER, NULL);
}

/* A replier that says it has nothing more to say, and reads nothing either. */
static void call_the_dumb(void *argument) {
        struct victim victim;
        victim_open(&victim, *(enum place *)argument, LEAT_CALL, "&pattern=pair");
        CHECK_EQ(shutdown(victim.peer, SHUT_WR), 0);
        CHECK_EQ(leat_give(victim.channel), 0);
        pid_t pid = harness_fork(call_for_ever, &victim);
        harness_wait_state(pid, "SZ");
        kill(pid, SIGKILL);
        harness_wait(pid);
        victim_close(&victim);
}

/* ---- floods: a deadline is a deadline ---- */

enum { FLOODERS = 3 };

struct flood {
        const struct victim *victim;
        struct wire_header header, then; /* again and again; `then` if its kind is set */
};

/* Without sleeping between: there is never nothing to read. */
static bool push(int fd, const uint8_t *bytes, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, bytes, size);
                if (n < 0 && errno != EAGAIN)
                        return false;
                if (n > 0) {
                        bytes += n;
                        size -= (size_t)n;
                }
        }
        return true;
}

/* Frames as they follow each other, many to a write where it is a stream. */
static void flood_for_ever(void *argument) {
        const struct flood *flood = argument;
        enum place place = flood->victim->place;
        static uint8_t frames[4 * FRAME_MOST];
        struct wire_header header = flood->header, then = flood->then;
        int fd = flood->victim->peer;
        signal(SIGPIPE, SIG_IGN);
        CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
        leat_close(flood->victim->channel);
        for (;;) {
                size_t size = 0;
                do {
                        then.sequence = ++header.sequence;
                        size_t first = make_frame(place, &header, NULL, frames + size);
                        if (!is_packets(place) && then.kind == 0 && header.kind == WIRE_MESSAGE)
                                frames[size + first - 1] = 1; /* a trailer that takes it back */
                        if (is_packets(place) && !push(fd, frames, first))
                                return;
                        size += is_packets(place) ? 0 : first;
                        if (then.kind)
                                size += make_frame(place, &then, NULL, frames + size);
                        if (is_packets(place) && then.kind && !push(fd, frames, size))
                                return;
                } while (!is_packets(place) && size < FRAME_MOST);
                if (!is_packets(place) && !push(fd, frames, size))
                        return;
        }
}

/* Packets come from several processes at once, where nothing in them has to rise. */
static int flood_start(const struct flood *flood, pid_t *ret_pids) {
        int count = is_packets(flood->victim->place) && flood->header.kind == WIRE_TAKEN ? FLOODERS : 1;
        for (int i = 0; i < count; i++)
                ret_pids[i] = harness_fork(flood_for_ever, (void *)flood);
        return count;
}

static void flood_stop(const pid_t *pids, int count) {
        for (int i = 0; i < count; i++) {
                kill(pids[i], SIGKILL);
                harness_wait(pids[i]);
        }
}

static const struct {
        const char *name;
        struct wire_header header, then;
} floods[] = {
        { "takens", { .kind = WIRE_TAKEN, .type = 1, .reference = 4711 }, { 0 } },
        { "replies", { .kind = WIRE_REPLY, .type = 1, .size = 10, .reference = 4711 }, { 0 } },
        { "abandoned", { .kind = WIRE_MESSAGE, .type = 1, .size = 70000 }, { .kind = WIRE_ABANDON, .type = 1 } },
        { "taken back", { .kind = WIRE_MESSAGE, .type = 1, .size = 10 }, { 0 } },
};

static void flood_receiver(void *argument) {
        char buffer[70000];
        for (size_t i = 0; i < sizeof floods / sizeof floods[0]; i++) {
                struct victim victim;
                victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
                if (i == 3 && is_packets(victim.place)) {
                        victim_close(&victim);
                        continue;
                }
                printf("%s\n", floods[i].name);
                struct flood flood = { .victim = &victim, .header = floods[i].header, .then = floods[i].then };
                pid_t pids[FLOODERS];
                int flooders = flood_start(&flood, pids);
                for (int round = 0; round < 5; round++)
                        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, leat_in_ms(50), NULL), -ETIMEDOUT);
                if (victim.honest)
                        for (int round = 0; round < 100; round++) {
                                honest_send(&victim);
                                while (victim.honest_received < victim.honest_sent)
                                        (void)victim_receive(&victim, buffer, sizeof buffer, leat_in_ms(1), NULL);
                        }
                CHECK_EQ(leat_interrupt(victim.channel), 0);
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, LEAT_NEVER, NULL), -ECANCELED);
                flood_stop(pids, flooders);
                victim_close(&victim);
        }
}

static void flood_sender(void *argument) {
        for (int i = 0; i < 2; i++) {
                struct victim victim;
                victim_open(&victim, *(enum place *)argument, LEAT_SEND, "");
                struct flood flood = { .victim = &victim, .header = floods[i].header };
                pid_t pids[FLOODERS];
                int flooders = flood_start(&flood, pids);
                CHECK_EQ(send_sync(victim.channel, leat_in_ms(50)), -ETIMEDOUT);
                CHECK_EQ(send_sync(victim.channel, leat_in_ms(50)), -ETIMEDOUT);
                flood_stop(pids, flooders);
                victim_close(&victim);
        }
}

static void flood_caller(void *argument) {
        char reply[64];
        for (int i = 0; i < 2; i++) {
                struct victim victim;
                victim_open(&victim, *(enum place *)argument, LEAT_CALL, "&pattern=pair");
                struct flood flood = { .victim = &victim, .header = floods[i].header };
                pid_t pids[FLOODERS];
                int flooders = flood_start(&flood, pids);
                for (int round = 0; round < 3; round++)
                        CHECK_EQ(leat_call(victim.channel, 1, "abc", 3, reply, sizeof reply, leat_in_ms(50), NULL),
                                 -ETIMEDOUT);
                flood_stop(pids, flooders);
                victim_close(&victim);
        }
}

/* ---- refusals ---- */

static const struct {
        int64_t type;
        int error;
} refusals[] = {
        { EBUSY, -EBUSY },
        { EBADMSG, -EBADMSG },
        { EPROTONOSUPPORT, -EPROTONOSUPPORT },
        { ENOBUFS, -ENOBUFS },
        { 1, -EBADMSG },
        { EINTR, -EBADMSG },
        { EAGAIN, -EBADMSG },
        { ENODATA, -EBADMSG },
        { EINPROGRESS, -EBADMSG },
        { ETIMEDOUT, -EBADMSG },
        { ECANCELED, -EBADMSG },
        { EMSGSIZE, -EBADMSG },
        { EMFILE, -EBADMSG },
        { 4095, -EBADMSG },
        { 4096, -EBADMSG },
        { INT32_MAX, -EBADMSG },
        { (INT64_C(1) << 32) + EAGAIN, -EBADMSG },
        { INT64_MAX, -EBADMSG },
};
#define REFUSALS (sizeof refusals / sizeof refusals[0])

static void refuse_receiver(void *argument) {
        char buffer[64];
        for (size_t i = 0; i < REFUSALS; i++) {
                struct victim victim;
                victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
                peer_send(&victim, &(struct wire_header){ .kind = WIRE_REFUSE, .type = refusals[i].type }, NULL);
                if (!is_listener(victim.place)) {
                        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL),
                                 refusals[i].error);
                        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL),
                                 -ENODATA);
                }
                check_honest(&victim);
                victim_close(&victim);
        }
}

static void refuse_sender(void *argument) {
        for (size_t i = 0; i < REFUSALS; i++) {
                struct victim victim;
                char reply[64];
                printf("%lld\n", (long long)refusals[i].type);
                victim_open(&victim, *(enum place *)argument, LEAT_SEND, "");
                peer_send(&victim, &(struct wire_header){ .kind = WIRE_REFUSE, .type = refusals[i].type }, NULL);
                CHECK_EQ(send_sync(victim.channel, harness_deadline_ms(40000)), refusals[i].error);
                victim_close(&victim);
                victim_open(&victim, *(enum place *)argument, LEAT_CALL, "&pattern=pair");
                peer_send(&victim, &(struct wire_header){ .kind = WIRE_REFUSE, .type = refusals[i].type }, NULL);
                CHECK_EQ(leat_call(victim.channel, 1, "abc", 3, reply, sizeof reply, harness_deadline_ms(40000), NULL),
                         refusals[i].error);
                victim_close(&victim);
        }
}

/* ---- senders and callers whose peer talks nonsense ---- */

static void sender_hears(void *argument) {
        struct victim victim;
        uint8_t garbage[64] = "garbage";
        victim_open(&victim, *(enum place *)argument, LEAT_SEND, "");
        peer_send(&victim, &(struct wire_header){ .kind = WIRE_TAKEN, .type = 1, .reference = 99 }, NULL);
        peer_send(&victim, &(struct wire_header){ .kind = WIRE_TAKEN, .type = 1, .reference = 0 }, NULL);
        peer_send(&victim,
                  &(struct wire_header){ .kind = WIRE_REPLY, .type = 1, .size = 9, .sequence = 1, .reference = 1 },
                  NULL);
        CHECK_EQ(send_sync(victim.channel, leat_in_ms(20)), -ETIMEDOUT);
        CHECK_EQ(leat_send(victim.channel, 1, "abc", 3, LEAT_NOW), 0);
        for (uint64_t sequence = 1; sequence <= 2; sequence++)
                CHECK_EQ(peer_receive(&victim).sequence, sequence);
        /* The answer to the one that gave up comes late, then that to the next, before it was sent. */
        peer_send(&victim, &(struct wire_header){ .kind = WIRE_TAKEN, .type = 1, .reference = 1 }, NULL);
        peer_send(&victim, &(struct wire_header){ .kind = WIRE_TAKEN, .type = 1, .reference = 3 }, NULL);
        CHECK_EQ(send_sync(victim.channel, harness_deadline_ms(40000)), 0);
        peer_write(&victim, garbage, sizeof garbage);
        CHECK_EQ(send_sync(victim.channel, harness_deadline_ms(40000)), -EBADMSG);
        int r = 0;
        for (int i = 0; i < 3 && r == 0; i++) /* of two pipes the way there is still open */
                r = send_sync(victim.channel, harness_deadline_ms(40000));
        CHECK_EQ(r, -EPIPE);
        victim_close(&victim);
}

static void caller_hears(void *argument) {
        struct victim victim;
        char reply[10] = "";
        static char large[60000];
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct wire_header answer = { .kind = WIRE_REPLY, .type = 7 };
        victim_open(&victim, *(enum place *)argument, LEAT_CALL, "&pattern=pair");
        CHECK_EQ(leat_call(victim.channel, 1, NULL, 0, reply, sizeof reply, leat_in_ms(20), &about), -ETIMEDOUT);
        uint64_t before = peer_receive(&victim).sequence;
        /* Of nobody, of a request to come, twice, too large. */
        const struct {
                uint64_t reference;
                uint32_t size;
        } answers[] = {
                { 0, 5 }, { 99, 60000 }, { 2, 5 }, { 1, 5 }, { 1, 5 },
        };
        for (size_t i = 0; i < 5; i++) {
                answer.sequence++;
                answer.reference = answers[i].reference > 0 ? before + answers[i].reference : 0;
                answer.size = answers[i].size;
                peer_send(&victim, &answer, i == 3 ? "right" : large);
                if (answer.size > 5) /* so that a pipe is not full */
                        CHECK_EQ(leat_call(victim.channel, 1, NULL, 0, reply, sizeof reply, leat_in_ms(20), &about),
                                 -ETIMEDOUT);
        }
        CHECK_EQ(leat_call(victim.channel, 1, NULL, 0, reply, sizeof reply, harness_deadline_ms(40000), &about), 5);
        CHECK_EQ(about.type, 7);
        answer.sequence++;
        answer.reference = before + 3;
        answer.size = 11;
        peer_send(&victim, &answer, NULL);
        CHECK_EQ(leat_call(victim.channel, 1, NULL, 0, reply, sizeof reply, harness_deadline_ms(40000), &about),
                 -EMSGSIZE);
        answer = (struct wire_header){ .kind = WIRE_MESSAGE, .type = 7, .size = 5, .sequence = answer.sequence + 1 };
        peer_send(&victim, &answer, NULL);
        CHECK_EQ(leat_call(victim.channel, 1, NULL, 0, reply, sizeof reply, harness_deadline_ms(40000), &about),
                 -EBADMSG);
        victim_close(&victim);
}

/* A raw sender whose receiver is gone is told so, and nothing else. */
static void raw_gone(void *argument) {
        struct victim victim;
        victim_open(&victim, *(enum place *)argument, LEAT_SEND, "&framing=raw");
        close(victim.peer);
        victim.peer = -1;
        if (victim.peer_in >= 0)
                close(victim.peer_in);
        victim.peer_in = -1;
        CHECK_EQ(leat_send(victim.channel, 1, "abc", 3, harness_deadline_ms(40000)), -EPIPE);
        victim_close(&victim);
}

/* ---- pairs: two threads in a channel ---- */

struct thread_result {
        struct leat_channel *channel;
        ssize_t result;
};

static void *receive_in_thread(void *argument) {
        struct thread_result *result = argument;
        char buffer[64];
        result->result =
                leat_receive(result->channel, LEAT_ANY, buffer, sizeof buffer, harness_deadline_ms(40000), NULL);
        return NULL;
}

static void *sync_in_thread(void *argument) {
        struct thread_result *result = argument;
        result->result = send_sync(result->channel, harness_deadline_ms(40000));
        return NULL;
}

/* Whichever of the two reads it, both learn that the peer broke the protocol, or is gone. */
static void both_learn(void *argument) {
        for (int round = 0; round < 40; round++) {
                struct victim victim;
                pthread_t receiver, sender;
                victim_open(&victim, *(enum place *)argument, LEAT_SEND | LEAT_RECEIVE, "");
                if (is_listener(victim.place)) { /* so that it has its partner */
                        char buffer[8];
                        CHECK_EQ(leat_receive(victim.channel, LEAT_ANY, buffer, sizeof buffer, leat_in_ms(1), NULL),
                                 -ETIMEDOUT);
                }
                struct thread_result received = { .channel = victim.channel }, sent = received;
                CHECK_EQ(pthread_create(&receiver, NULL, receive_in_thread, &received), 0);
                CHECK_EQ(pthread_create(&sender, NULL, sync_in_thread, &sent), 0);
                CHECK_EQ(peer_receive(&victim).kind, WIRE_MESSAGE);
                if (round % 2)
                        peer_write(&victim, "garbage garbage garbage garbage garbage garbage garbage", 56);
                else {
                        if (victim.peer_in >= 0)
                                close(victim.peer_in);
                        close(victim.peer);
                        victim.peer = victim.peer_in = -1;
                }
                CHECK_EQ(pthread_join(receiver, NULL), 0);
                CHECK_EQ(pthread_join(sender, NULL), 0);
                CHECK(received.result == (round % 2 ? -EBADMSG : -ENODATA) || received.result == -ENODATA);
                CHECK(sent.result == -EPIPE || (round % 2 && sent.result == -EBADMSG));
                victim_close(&victim);
        }
}

/* A message of which a part went to a partner that is gone is not continued to the next one. */
static void next_partner(void *argument) {
        struct victim victim;
        static char message[1 << 20];
        pthread_t receiver;
        victim_open(&victim, *(enum place *)argument, LEAT_SEND | LEAT_RECEIVE, "");
        CHECK_EQ(leat_send(victim.channel, 1, message, sizeof message, leat_in_ms(20)), -ETIMEDOUT);
        close(victim.peer);
        struct thread_result received = { .channel = victim.channel };
        CHECK_EQ(pthread_create(&receiver, NULL, receive_in_thread, &received), 0);
        CHECK_EQ(pthread_join(receiver, NULL), 0);
        CHECK_EQ(received.result, -ENODATA);
        victim.peer = victim_connect(&victim);
        CHECK_EQ(leat_send(victim.channel, 1, "abc", 3, harness_deadline_ms(40000)), 0);
        struct wire_header header = peer_receive(&victim);
        CHECK_EQ(header.kind, WIRE_MESSAGE);
        CHECK_EQ(header.size, 3);
        victim_close(&victim);
}

struct changing {
        struct leat_channel *channel;
        int result;
};

static void *send_large(void *argument) {
        static char message[4 << 20];
        struct changing *changing = argument;
        changing->result = leat_send(changing->channel, 1, message, sizeof message, harness_deadline_ms(40000));
        return NULL;
}

/* The same while the send is going on: it fails, the new partner begins with the next message. */
static void partner_changes(void *argument) {
        for (int round = 0; round < 20; round++) {
                struct victim victim;
                pthread_t sender;
                char buffer[64];
                victim_open(&victim, *(enum place *)argument, LEAT_SEND | LEAT_RECEIVE, "");
                CHECK_EQ(leat_receive(victim.channel, LEAT_ANY, buffer, sizeof buffer, leat_in_ms(1), NULL),
                         -ETIMEDOUT);
                struct changing changing = { .channel = victim.channel };
                CHECK_EQ(pthread_create(&sender, NULL, send_large, &changing), 0);
                CHECK_EQ(peer_receive(&victim).kind, WIRE_MESSAGE);
                peer_write(&victim, "garbage garbage garbage garbage garbage garbage garbage", 56);
                CHECK_EQ(leat_receive(victim.channel, LEAT_ANY, buffer, sizeof buffer, harness_deadline_ms(40000),
                                      NULL),
                         -EBADMSG);
                int next = victim_connect(&victim);
                CHECK_EQ(pthread_join(sender, NULL), 0);
                CHECK_EQ(changing.result, -EPIPE);
                close(victim.peer);
                victim.peer = next;
                CHECK_EQ(leat_send(victim.channel, 1, "abc", 3, harness_deadline_ms(40000)), 0);
                struct wire_header header = peer_receive(&victim);
                CHECK_EQ(header.kind, WIRE_MESSAGE);
                CHECK_EQ(header.size, 3);
                victim_close(&victim);
        }
}

static void add_tests(void) {
        const unsigned connected = AT(UNIX_TO) | AT(STREAM_TO), senders = AT(PIPE) | connected;
        add_at(LISTENERS | connected, "taken_unread", taken_unread);
        harness_add("taken_unread_two_pipes", taken_unread_two_pipes, NULL);
        harness_add("taken_without_way", taken_without_way, NULL);
        add_at(LISTENERS | connected, "deaf", deaf);
        harness_add("deaf_pipe", deaf_pipe, NULL);
        add_at(senders & ~AT(PIPE), "call_the_dumb", call_the_dumb);
        add_at(EVERYWHERE, "flood_receiver", flood_receiver);
        add_at(senders, "flood_sender", flood_sender);
        add_at(senders, "flood_caller", flood_caller);
        add_at(EVERYWHERE, "refuse_receiver", refuse_receiver);
        add_at(senders, "refuse_sender", refuse_sender);
        add_at(senders, "sender_hears", sender_hears);
        add_at(senders, "caller_hears", caller_hears);
        add_at(senders, "raw_gone", raw_gone);
        add_at(EVERYWHERE, "both_learn", both_learn);
        add_at(LISTENERS, "next_partner", next_partner);
        add_at(LISTENERS, "partner_changes", partner_changes);
}

TEST_MAIN_WITH(add_tests)
