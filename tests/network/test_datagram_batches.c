/* SPDX-License-Identifier: MIT */

/* unix-dgram: and udp: several messages in one datagram: what goes out, what is taken of what strangers send, what is
 * counted, and what befalls the rest of one. */

#include "datagrams.h"

#include <pthread.h>
#include <sys/wait.h>

#define BATCH 10

static void name_messages(struct leat_outgoing *messages, char (*texts)[16], size_t count, unsigned first) {
        for (size_t i = 0; i < count; i++) {
                int size = snprintf(texts[i], sizeof texts[i], "message %u", first + (unsigned)i);
                messages[i] = (struct leat_outgoing){ .type = 1, .bytes = texts[i], .size_bytes = (size_t)size };
        }
}

/* Messages "message FIRST" and on. */
static void send_batch(struct leat_channel *sender, size_t count, unsigned first) {
        struct leat_outgoing messages[100];
        char texts[100][16];
        name_messages(messages, texts, count, first);
        CHECK_EQ(leat_send_many(sender, messages, count, SOON), count);
}

static void take_batch(struct leat_channel *receiver, size_t count, unsigned first) {
        char text[16];
        for (size_t i = 0; i < count; i++) {
                snprintf(text, sizeof text, "message %u", first + (unsigned)i);
                take(receiver, text);
        }
}

/* ---- what goes out ---- */

/* A plain socket where a sender of Leat finds it. */
static int bind_plain(const char *scheme, char ret_address[256]) {
        struct sockaddr_storage at;
        snprintf(ret_address, 256, strcmp(scheme, "udp") == 0 ? "udp:127.0.0.1:0" : "unix-dgram:%s/plain",
                 harness_tmpdir());
        socklen_t bytes = parse(ret_address, &at);
        int fd = socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK_EQ(bind(fd, (const struct sockaddr *)&at, bytes), 0);
        CHECK_EQ(getsockname(fd, (struct sockaddr *)&at, &bytes), 0);
        if (at.ss_family == AF_INET)
                snprintf(ret_address, 256, "udp:127.0.0.1:%u", ntohs(((const struct sockaddr_in *)&at)->sin_port));
        return fd;
}

BOTH(small_ones_go_in_one_datagram) {
        char address[256];
        uint8_t datagram[4096];
        int plain = bind_plain(scheme, address);
        struct leat_channel *sender = open_end(address, LEAT_SEND);
        send_batch(sender, BATCH, 0);
        CHECK_EQ(recv(plain, datagram, sizeof datagram, MSG_DONTWAIT), BATCH * (HEADER_BYTES + 9));
        for (int i = 0; i < BATCH; i++) {
                const uint8_t *frame = datagram + i * (HEADER_BYTES + 9);
                CHECK_MEM(frame, "Lt\1\1", 4);
                CHECK_EQ(frame[8], 9);
                CHECK_EQ(frame[24], i + 1); /* each has its own number */
                CHECK_EQ(frame[HEADER_BYTES + 8], '0' + i);
        }
        CHECK_EQ(recv(plain, datagram, sizeof datagram, MSG_DONTWAIT), -1);
        close(plain);
        leat_close(sender);
}

/* Bare bytes have nothing that would tell where one ends. */
BOTH(raw_ones_go_one_by_one) {
        char address[256], bytes[64];
        struct leat_channel *receiver = bind_end(scheme, "?framing=raw", LEAT_RECEIVE, address);
        strcat(address, "?framing=raw");
        struct leat_channel *sender = open_end(address, LEAT_SEND);
        send_batch(sender, 5, 0);
        for (int i = 0; i < 5; i++)
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, bytes, sizeof bytes, SOON, NULL), 9);
        nothing_comes(receiver);
        leat_close(sender);
        leat_close(receiver);
}

/* What is larger than the rest goes by itself, in its turn. */
BOTH(large_ones_among_small_ones_keep_their_place) {
        static char large[9000], buffer[9000];
        static const size_t sizes[] = { 3, 5, 9000, 4, 0, 2049, 7, 2048 };
        struct leat_outgoing messages[8];
        char address[256];
        struct leat_channel *receiver = bind_end(scheme, "", LEAT_RECEIVE, address);
        struct leat_channel *sender = open_end(address, LEAT_SEND);
        for (size_t i = 0; i < 8; i++)
                messages[i] = (struct leat_outgoing){ .type = 1, .bytes = large, .size_bytes = sizes[i] };
        CHECK_EQ(leat_send_many(sender, messages, 8, SOON), 8);
        for (size_t i = 0; i < 8; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), sizes[i]);
                CHECK_EQ(about.sequence, i + 1);
        }
        nothing_comes(receiver);
        leat_close(sender);
        leat_close(receiver);
}

/* A receiver of small messages has room for many; a sender with a small buffer sends fewer together. */
BOTH(small_limits_do_not_matter) {
        char address[256];
        struct leat_outgoing messages[90];
        char texts[90][16];
        struct leat_channel *receiver = bind_end(scheme, "?size=64", LEAT_RECEIVE, address);
        strcat(address, "?capacity=4608&size=64");
        struct leat_channel *sender = open_end(address, LEAT_SEND);
        name_messages(messages, texts, 90, 100);
        for (size_t done = 0; done < 90;) {
                ssize_t n = leat_send_many(sender, messages + done, 90 - done, LEAT_NOW);
                CHECK(n > 0);
                take_batch(receiver, (size_t)n, 100 + (unsigned)done);
                done += (size_t)n;
        }
        leat_close(sender);
        leat_close(receiver);
}

/* ---- one that is larger than its receiver takes ---- */

static char sized_bytes[3000];

/* Messages of these sizes, of type 1 and on. */
static void send_sizes(struct leat_channel *sender, const size_t *sizes, size_t count, bool together) {
        struct leat_outgoing messages[8] = { 0 };
        for (size_t i = 0; i < count; i++) {
                messages[i] =
                        (struct leat_outgoing){ .type = (int64_t)i + 1, .bytes = sized_bytes, .size_bytes = sizes[i] };
                if (!together)
                        CHECK_EQ(leat_send_many(sender, &messages[i], 1, SOON), 1);
        }
        if (together)
                CHECK_EQ(leat_send_many(sender, messages, count, SOON), count);
}

/* Those that are larger than `most` are told as what is no message, each at its place. */
static void take_sizes(struct leat_channel *receiver, const size_t *sizes, size_t count, size_t most) {
        for (size_t i = 0; i < count; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                ssize_t n = leat_receive(receiver, LEAT_ANY, sized_bytes, sizeof sized_bytes, SOON, &about);
                if (sizes[i] > most) {
                        CHECK_EQ(n, -EBADMSG);
                        continue;
                }
                CHECK_EQ(n, sizes[i]);
                CHECK_EQ(about.type, i + 1);
        }
        nothing_comes(receiver);
}

/* It is refused alone, wherever it stands, and as if each had been sent by itself. */
BOTH(one_that_is_too_large_is_refused_alone) {
        static const size_t sizes[][4] = {
                { 50, 200, 50, 100 },    { 200, 50, 50, 50 }, { 50, 50, 50, 101 },
                { 101, 200, 300, 2000 }, { 0, 101, 0, 0 },
        };
        for (int together = 0; together < 2; together++) {
                char address[256];
                uint64_t refused = 0;
                struct leat_channel *receiver = bind_end(scheme, "?size=100", LEAT_RECEIVE, address);
                struct leat_channel *sender = open_end(address, LEAT_SEND);
                for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                        send_sizes(sender, sizes[i], 4, together);
                        take_sizes(receiver, sizes[i], 4, 100);
                        for (size_t j = 0; j < 4; j++)
                                refused += sizes[i][j] > 100;
                        CHECK_EQ(info_of(receiver).refused, refused);
                }
                leat_close(sender);
                leat_close(receiver);
        }
}

/* Of a pair the end that connected is not told of what is no message: it is counted, and passed over. The end that listens is. */
BOTH(one_that_is_too_large_is_refused_alone_in_a_pair) {
        static const size_t sizes[] = { 200, 50, 200, 200, 60, 200 }, heard[] = { 50, 60 };
        char address[256];
        struct leat_channel *listener =
                bind_end(scheme, "?pattern=pair&listen&size=2k", LEAT_SEND | LEAT_RECEIVE, address);
        strcat(address, "?pattern=pair&size=100");
        struct leat_channel *partner = open_end(address, LEAT_SEND | LEAT_RECEIVE);
        send_batch(partner, 2, 0);
        take_batch(listener, 2, 0);
        send_sizes(listener, sizes, 6, true);
        for (size_t i = 0; i < 2; i++)
                CHECK_EQ(leat_receive(partner, LEAT_ANY, sized_bytes, sizeof sized_bytes, SOON, NULL), heard[i]);
        nothing_comes(partner);
        CHECK_EQ(info_of(partner).refused, 4);
        leat_close(partner);
        leat_close(listener);
}

/* However many of them a stranger puts together: one call tells of one, and then there is nothing left. */
BOTH(strangers_fill_a_datagram_with_what_is_too_large) {
        static uint8_t datagram[16384];
        static const char text[] = "longer than sixteen bytes";
        char address[256], buffer[64];
        size_t size = 0, count = 0;
        struct leat_channel *receiver = bind_end(scheme, "?size=16", LEAT_RECEIVE, address);
        int stranger = make_stranger(address);
        while (size + HEADER_BYTES + sizeof text <= sizeof datagram)
                size += make_frame(datagram + size, MESSAGE, ++count, 0, text);
        CHECK_EQ(send(stranger, datagram, size, 0), size);
        put(stranger, MESSAGE, count + 1, 0, "short");
        for (size_t i = 0; i < count; i++)
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -EBADMSG);
        take(receiver, "short");
        nothing_comes(receiver);
        CHECK_EQ(info_of(receiver).refused, count);
        close(stranger);
        leat_close(receiver);
}

/* ---- an error that is told once ---- */

/* The system tells of a port where nobody is with the next datagram: it is that one's sender who hears it, also amid a batch. */
TEST(what_is_told_amid_a_batch_is_told) {
        static char large[3000];
        struct leat_outgoing messages[3];
        char address[256];
        leat_close(bind_end("udp", "", LEAT_RECEIVE, address));
        struct leat_channel *sender = open_end(address, LEAT_SEND);
        for (size_t i = 0; i < 3; i++)
                messages[i] = (struct leat_outgoing){ .type = 1, .bytes = large, .size_bytes = sizeof large };
        CHECK_EQ(leat_send_many(sender, messages, 3, SOON), 1);
        CHECK_EQ(leat_send(sender, 1, "x", 1, SOON), -EPIPE);
        CHECK_EQ(leat_send(sender, 1, "x", 1, SOON), 0); /* it was told */
        CHECK_EQ(leat_send(sender, 1, "x", 1, SOON), -EPIPE);
        leat_close(sender);
}

/* ---- what is taken ---- */

BOTH(one_receive_takes_one) {
        char address[256], buffer[16];
        struct leat_channel *receiver = bind_end(scheme, "", LEAT_RECEIVE, address);
        struct leat_channel *sender = open_end(address, LEAT_SEND);
        send_batch(sender, BATCH, 0);
        take_batch(receiver, 3, 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, 2, LEAT_NOW, NULL), -EMSGSIZE); /* it is kept */
        take_batch(receiver, BATCH - 3, 3);
        nothing_comes(receiver);
        CHECK_EQ(info_of(receiver).received, BATCH);
        leat_close(sender);
        leat_close(receiver);
}

/* Of a pair too: those that are left when the partner goes are taken, then the next one's. */
BOTH(a_pair_speaks_in_batches) {
        char address[256];
        struct leat_channel *listener = bind_end(scheme, "?pattern=pair&listen", LEAT_SEND | LEAT_RECEIVE, address);
        strcat(address, "?pattern=pair");
        struct leat_channel *partner = open_end(address, LEAT_SEND | LEAT_RECEIVE);
        send_batch(partner, BATCH, 0);
        take_batch(listener, 2, 0);
        send_batch(listener, BATCH, 50);
        take_batch(partner, BATCH, 50);
        leat_close(partner);
        take_batch(listener, BATCH - 2, 2);
        nothing_comes(listener);
        leat_close(listener);
}

/* Types that are not wanted yet are set aside, out of the middle of a datagram too. */
BOTH(types_are_found_in_a_batch) {
        char address[256], buffer[16];
        struct leat_outgoing messages[6];
        struct leat_channel *receiver = bind_end(scheme, "?exclusive", LEAT_RECEIVE, address);
        struct leat_channel *sender = open_end(address, LEAT_SEND);
        for (int i = 0; i < 6; i++)
                messages[i] = (struct leat_outgoing){ .type = 1 + i % 3, .bytes = &"abcdef"[i], .size_bytes = 1 };
        CHECK_EQ(leat_send_many(sender, messages, 6, SOON), 6);
        static const struct {
                int64_t select;
                char byte;
        } wanted[] = { { 3, 'c' }, { 3, 'f' }, { LEAT_ANY, 'a' }, { 2, 'b' }, { 2, 'e' }, { LEAT_ANY, 'd' } };
        for (size_t i = 0; i < 6; i++) {
                CHECK_EQ(leat_receive(receiver, wanted[i].select, buffer, sizeof buffer, SOON, NULL), 1);
                CHECK_EQ(buffer[0], wanted[i].byte);
        }
        nothing_comes(receiver);
        leat_close(sender);
        leat_close(receiver);
}

/* A receiver that dies takes with it what it had read and not asked for; the next one gets what comes then. */
TEST(the_rest_of_a_batch_dies_with_its_receiver) {
        char address[256], first_address[256];
        struct harness_event *ready = harness_event_new(), *sent = harness_event_new();
        char *told = harness_shared(256);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                struct leat_channel *receiver = bind_end("unix-dgram", "", LEAT_RECEIVE, first_address);
                snprintf(told, 256, "%s", first_address);
                harness_event_signal(ready);
                harness_event_wait(sent);
                take_batch(receiver, 2, 0);
                _exit(0); /* nothing is closed */
        }
        harness_event_wait(ready);
        struct leat_channel *sender = open_end(told, LEAT_SEND);
        send_batch(sender, BATCH, 0);
        harness_event_signal(sent);
        CHECK_EQ(waitpid(pid, NULL, 0), pid);
        CHECK_EQ(leat_send(sender, 1, "x", 1, SOON), -EPIPE);
        snprintf(address, sizeof address, "%s", told);
        struct leat_channel *next = open_end(address, LEAT_RECEIVE), *again = open_end(address, LEAT_SEND);
        send_batch(again, BATCH, 70);
        take_batch(next, BATCH, 70);
        nothing_comes(next);
        leat_close(again);
        leat_close(next);
        leat_close(sender);
}

/* ---- what strangers send ---- */

static size_t append(uint8_t *datagram, size_t at, int kind, uint64_t sequence, const char *text) {
        return at + make_frame(datagram + at, kind, sequence, 0, text);
}

/* Nothing of it is taken, whichever of its frames is wrong. */
BOTH(a_wrong_one_spoils_its_datagram) {
        static const struct {
                int kind, at, value, cut, error;
        } wrong[] = {
                { MESSAGE, 3, REPLY, 0, -EBADMSG },     { MESSAGE, 3, TAKEN, 0, -EBADMSG },
                { MESSAGE, 3, CONTINUE, 0, -EBADMSG },  { MESSAGE, 12, 1, 0, -EBADMSG },  /* descriptors */
                { MESSAGE, 8, 200, 0, -EBADMSG },                                         /* larger than what is left */
                { MESSAGE, 8, 1, 0, -EBADMSG },                                           /* bytes between two */
                { MESSAGE, 0, 'X', 0, -EBADMSG },       { MESSAGE, 0, 'L', 1, -EBADMSG }, /* the last byte is missing */
                { MESSAGE, 2, 2, 0, -EPROTONOSUPPORT }, { REPLY, 0, 'L', 0, -EBADMSG },
        };
        char address[256], buffer[64];
        uint8_t datagram[1024];
        struct leat_channel *receiver = bind_end(scheme, "", LEAT_RECEIVE, address);
        int stranger = make_stranger(address);
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                size_t size = append(datagram, 0, wrong[i].kind, 100 + i, "first"), third = size;
                size = append(datagram, size, MESSAGE, 200 + i, "second");
                third = size;
                size = append(datagram, size, MESSAGE, 300 + i, "third");
                datagram[third + (size_t)wrong[i].at] = (uint8_t)wrong[i].value;
                size -= (size_t)wrong[i].cut;
                CHECK_EQ(send(stranger, datagram, size, 0), size);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), wrong[i].error);
                nothing_comes(receiver);
        }
        CHECK_EQ(info_of(receiver).refused, sizeof wrong / sizeof wrong[0]);
        close(stranger);
        leat_close(receiver);
}

/* More than every receiver has room for is refused by each, whatever room it has. */
BOTH(too_many_together_are_refused) {
        static uint8_t datagram[16384 + HEADER_BYTES];
        char address[256], buffer[64];
        size_t size = 0, count = 0;
        struct leat_channel *receiver = bind_end(scheme, "", LEAT_RECEIVE, address);
        int stranger = make_stranger(address);
        while (size + HEADER_BYTES <= sizeof datagram) {
                size = append(datagram, size, MESSAGE, ++count, "");
        }
        CHECK_EQ(send(stranger, datagram, size, 0), size);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -EBADMSG);
        nothing_comes(receiver);
        size -= HEADER_BYTES;
        CHECK_EQ(send(stranger, datagram, size, 0), size);
        for (size_t i = 1; i < count; i++)
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 0);
        nothing_comes(receiver);
        close(stranger);
        leat_close(receiver);
}

/* ---- what is counted ---- */

/* Numbers from `first` on, in one datagram. */
static void put_numbers(int fd, uint64_t first, uint64_t count) {
        uint8_t datagram[8192];
        size_t size = 0;
        for (uint64_t number = first; number < first + count; number++)
                size = append(datagram, size, MESSAGE, number, "");
        CHECK_EQ(send(fd, datagram, size, 0), size);
}

static void take_numbers(struct leat_channel *receiver, uint64_t first, uint64_t count) {
        for (uint64_t number = first; number < first + count; number++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, &about), 0);
                CHECK_EQ(about.sequence, number);
        }
}

#define TOGETHER 90 /* more than one word of the window */

/* A datagram that is lost, doubled or overtaken is all of its messages. */
TEST(each_message_of_a_datagram_is_counted) {
        char address[256];
        struct leat_channel *receiver = bind_end("udp", "", LEAT_RECEIVE, address);
        int stranger = make_stranger(address);
        put_numbers(stranger, 1, TOGETHER);
        put_numbers(stranger, 2 * TOGETHER + 1, TOGETHER); /* it overtakes the second */
        put_numbers(stranger, TOGETHER + 1, TOGETHER);
        put_numbers(stranger, TOGETHER + 1, TOGETHER);
        put_numbers(stranger, 4 * TOGETHER + 1, TOGETHER); /* the fourth is lost */
        take_numbers(receiver, 1, TOGETHER);
        take_numbers(receiver, 2 * TOGETHER + 1, TOGETHER);
        CHECK_EQ(info_of(receiver).lost, TOGETHER);
        take_numbers(receiver, TOGETHER + 1, TOGETHER);
        take_numbers(receiver, 4 * TOGETHER + 1, TOGETHER);
        nothing_comes(receiver);
        struct leat_info info = info_of(receiver);
        CHECK_EQ(info.lost, TOGETHER);
        CHECK_EQ(info.late, TOGETHER);
        CHECK_EQ(info.doubled, TOGETHER);
        close(stranger);
        leat_close(receiver);
}

/* A part of one came before: only the rest is delivered. */
TEST(what_came_before_is_passed_over_within_a_datagram) {
        char address[256];
        struct leat_channel *receiver = bind_end("udp", "", LEAT_RECEIVE, address);
        int stranger = make_stranger(address);
        put_numbers(stranger, 1, 3);
        put_numbers(stranger, 2, 4); /* 2 and 3 again */
        put_numbers(stranger, 4, 2); /* all again: nothing of it is for anybody */
        put_numbers(stranger, 6, 1);
        take_numbers(receiver, 1, 6);
        nothing_comes(receiver);
        CHECK_EQ(info_of(receiver).doubled, 4);
        close(stranger);
        leat_close(receiver);
}

/* ---- a partner that goes ---- */

struct waiting {
        struct leat_channel *channel;
        _Atomic pid_t thread;
        struct harness_event *begun;
        int result;
};

static void *send_to_the_next(void *argument) {
        struct waiting *waiting = argument;
        waiting->thread = gettid();
        harness_event_signal(waiting->begun);
        waiting->result = leat_send(waiting->channel, 1, "to the next", 11, SOON);
        return NULL;
}

/*
 * What it left is all doubled, and passed over at one look that finds nothing: then too a thread that waits to send is told that the
 * next one may be looked for. If it does not wait yet it finds that out by itself.
 */
TEST(a_sender_waits_for_the_next_behind_doubles) {
        char address[256];
        uint8_t datagram[512];
        size_t size = 0;
        struct leat_channel *listener = bind_end("udp", "?pattern=pair&listen", LEAT_SEND | LEAT_RECEIVE, address);
        int stranger = make_stranger(address);
        for (int i = 0; i < 3; i++)
                size = append(datagram, size, MESSAGE, 1, "once");
        CHECK_EQ(send(stranger, datagram, size, 0), size);
        take(listener, "once");
        close(stranger);
        int r = 0;
        for (int i = 0; i < 100 && r == 0; i++)
                r = leat_send(listener, 1, "x", 1, SOON);
        CHECK_EQ(r, -EPIPE);
        struct waiting waiting = { .channel = listener, .begun = harness_event_new() };
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, send_to_the_next, &waiting), 0);
        harness_event_wait(waiting.begun);
        harness_wait_state(waiting.thread, "S");
        nothing_comes(listener);
        strcat(address, "?pattern=pair");
        struct leat_channel *next = open_end(address, LEAT_SEND | LEAT_RECEIVE);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        CHECK_EQ(waiting.result, 0);
        take(next, "to the next");
        CHECK_EQ(info_of(listener).doubled, 2);
        leat_close(next);
        leat_close(listener);
}

TEST_MAIN()
