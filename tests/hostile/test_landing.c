/* SPDX-License-Identifier: MIT */
/*
 * Large messages land in the buffer of the call that waits for them (docs/design/speed.md). Here they come in pieces, calls end between
 * any two, buffers change, others come between, and what comes is wrong: it must not show.
 */
#include "hostile.h"
#include "torture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#define LARGE 150000 /* three frames */
#define FRAMES 3
#define SOON harness_deadline_ms(40000)

static uint8_t bytes[LARGE], stream[FRAMES * FRAME_MOST], buffer[LARGE + 1000], other[LARGE];

/* A pipe holds 64 KiB, and a test that writes a frame is not to wait for its own receive. */
static void open_at(struct victim *victim, const enum place *place, const char *options) {
        victim_open(victim, *place, LEAT_RECEIVE, options);
        if (*place == PIPE)
                CHECK(fcntl(victim->peer, F_SETPIPE_SZ, 1 << 18) > 0);
}

/* What stands on the wire of one message, and where each of its frames ends. */
struct wire {
        size_t ends[FRAMES + 1], frames;
};

static struct wire make_message(enum place place, size_t size, uint64_t sequence) {
        struct wire wire = { .frames = 0 };
        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)(i * 7 + i / 251 + sequence);
        for (size_t at = 0; at < size; at += WIRE_FRAME_BYTES) {
                const struct wire_header header = { .kind = at == 0 ? WIRE_MESSAGE : WIRE_CONTINUE,
                                                    .type = 5,
                                                    .size = (uint32_t)(size - at),
                                                    .sequence = sequence };
                size_t end = wire.ends[wire.frames];
                wire.ends[++wire.frames] = end + make_frame(place, &header, bytes + at, stream + end);
        }
        return wire;
}

static void expect_message(const uint8_t *got, ssize_t n, size_t size) {
        CHECK_EQ(n, size);
        CHECK_MEM(got, bytes, size);
}

/* A call ends without a message; then its buffer is the program's again, which writes into it. */
static void ends_without(struct victim *victim, uint8_t *where, size_t size) {
        CHECK_EQ(victim_receive(victim, where, size, LEAT_NOW, NULL), -EAGAIN);
        memset(where, 0xee, size);
}

static void small_one_follows(struct victim *victim, uint64_t sequence) {
        const struct wire_header header = { .kind = WIRE_MESSAGE, .type = 6, .size = 3, .sequence = sequence };
        peer_send(victim, &header, "abc");
        CHECK_EQ(victim_receive(victim, buffer, sizeof buffer, SOON, NULL), 3);
        CHECK_MEM(buffer, "abc", 3);
}

/* A call ends behind each of many pieces, cut at and around every place where something begins. */
static void comes_in_pieces(void *argument) {
        static const int around[] = { -1, 0, 1, 47, 48, 49, 20000, 40000 };
        struct victim victim;
        open_at(&victim, argument, "");
        for (uint64_t round = 1; round <= 3; round++) { /* also behind one that was large */
                struct wire wire = make_message(victim.place, LARGE, 2 * round - 1);
                size_t at = 0, total = wire.ends[FRAMES];
                for (size_t frame = 0; frame < FRAMES; frame++)
                        for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) {
                                size_t next = wire.ends[frame] + (size_t)around[i];
                                if (around[i] < 0 && frame == 0)
                                        continue;
                                if (next <= at || next >= total || next > wire.ends[frame + 1])
                                        continue;
                                peer_write(&victim, stream + at, next - at);
                                at = next;
                                ends_without(&victim, i % 2 ? other : buffer, i % 3 == 2 ? 100 : LARGE);
                        }
                peer_write(&victim, stream + at, total - at);
                if (round == 2) /* too small, and told */
                        CHECK_EQ(victim_receive(&victim, buffer, LARGE - 1, SOON, NULL), -EMSGSIZE);
                ssize_t n = victim_receive(&victim, buffer, sizeof buffer, SOON, NULL);
                expect_message(buffer, n, LARGE);
                small_one_follows(&victim, 2 * round);
        }
        check_honest(&victim);
        victim_close(&victim);
}

/* The same, a frame at a time, where packets keep them whole. */
static void comes_frame_by_frame(void *argument) {
        struct victim victim;
        open_at(&victim, argument, "");
        for (uint64_t round = 1; round <= 3; round++) {
                struct wire wire = make_message(victim.place, LARGE, 2 * round - 1);
                for (size_t frame = 0; frame < FRAMES; frame++) {
                        peer_write(&victim, stream + wire.ends[frame], wire.ends[frame + 1] - wire.ends[frame]);
                        if (frame + 1 < FRAMES)
                                ends_without(&victim, frame % 2 ? other : buffer, LARGE);
                }
                ssize_t n = victim_receive(&victim, buffer, sizeof buffer, SOON, NULL);
                expect_message(buffer, n, LARGE);
                small_one_follows(&victim, 2 * round);
        }
        check_honest(&victim);
        victim_close(&victim);
}

/* ---- within one call ---- */

/* Another thread writes: each piece when the receiver sleeps. */
struct writer {
        struct victim *victim;
        struct wire wire;
        enum { WHOLE, TAKENS_BETWEEN, OTHERS_BETWEEN, ABANDONED, TAKEN_BACK } how;
};

static void say_between(struct writer *writer) {
        const struct wire_header taken = { .kind = WIRE_TAKEN, .type = 1, .reference = 7 };
        if (writer->how == TAKENS_BETWEEN)
                peer_send(writer->victim, &taken, NULL);
        if (writer->how == OTHERS_BETWEEN && writer->victim->honest)
                honest_send(writer->victim);
}

static void *write_when_asleep(void *argument) {
        struct writer *writer = argument;
        const size_t *ends = writer->wire.ends;
        size_t frames = writer->wire.frames - (writer->how == ABANDONED);
        if (writer->how == TAKEN_BACK)
                stream[ends[frames] - 1] = 1; /* the last trailer */
        for (size_t i = 0; i < frames; i++) {
                harness_wait_state(getpid(), "S"); /* the main thread */
                peer_write(writer->victim, stream + ends[i], ends[i + 1] - ends[i]);
                say_between(writer);
        }
        if (writer->how == ABANDONED) {
                const struct wire_header abandon = { .kind = WIRE_ABANDON, .type = 1, .sequence = 3 };
                peer_send(writer->victim, &abandon, NULL);
        }
        if (writer->how == ABANDONED || writer->how == TAKEN_BACK) {
                const struct wire_header next = { .kind = WIRE_MESSAGE, .type = 6, .size = 3, .sequence = 4 };
                peer_send(writer->victim, &next, "abc");
        }
        return NULL;
}

static void within_a_call(void *argument, int how) {
        struct victim victim;
        pthread_t thread;
        open_at(&victim, argument, "&wait=sleep");
        for (uint64_t sequence = 1; sequence <= 3; sequence += 2) { /* the first one makes it expect large ones */
                struct writer writer = { .victim = &victim,
                                         .wire = make_message(victim.place, LARGE, sequence),
                                         .how = sequence == 3 ? how : WHOLE };
                CHECK_EQ(pthread_create(&thread, NULL, write_when_asleep, &writer), 0);
                ssize_t n = victim_receive(&victim, buffer, sizeof buffer, SOON, NULL);
                CHECK_EQ(pthread_join(thread, NULL), 0);
                if (writer.how == ABANDONED || writer.how == TAKEN_BACK)
                        CHECK(n == 3 && memcmp(buffer, "abc", 3) == 0);
                else
                        expect_message(buffer, n, LARGE);
        }
        small_one_follows(&victim, 5);
        struct wire wire = make_message(victim.place, LARGE, 6); /* and one that is kept */
        for (size_t i = 0; i < wire.frames; i++) {
                peer_write(&victim, stream + wire.ends[i], wire.ends[i + 1] - wire.ends[i]);
                if (i + 1 < wire.frames)
                        ends_without(&victim, buffer, LARGE);
        }
        ssize_t kept = victim_receive(&victim, buffer, sizeof buffer, SOON, NULL);
        expect_message(buffer, kept, LARGE);
        check_honest(&victim);
        victim_close(&victim);
}

static void answers_come_between(void *place) {
        within_a_call(place, TAKENS_BETWEEN);
}

/* The buffer is given to another message first: what had landed there goes on elsewhere. */
static void others_come_between(void *place) {
        within_a_call(place, OTHERS_BETWEEN);
}

static void is_abandoned(void *place) {
        within_a_call(place, ABANDONED);
}

static void is_taken_back(void *place) {
        within_a_call(place, TAKEN_BACK);
}

/* It is not what the call wants: nothing of it stands in its buffer, and it is there for the next. */
static void is_not_wanted(void *argument) {
        struct victim victim;
        pthread_t thread;
        open_at(&victim, argument, "&wait=sleep");
        for (int which = 0; which < 2; which++) {
                const struct wire_header header = { .kind = WIRE_MESSAGE, .type = 6, .size = 3, .sequence = 4 };
                struct writer writer = { .victim = &victim, .wire = make_message(victim.place, LARGE, which ? 3 : 1) };
                memset(buffer, 0xaa, sizeof buffer);
                CHECK_EQ(pthread_create(&thread, NULL, write_when_asleep, &writer), 0);
                if (which == 0) { /* too large */
                        CHECK_EQ(victim_receive(&victim, buffer, LARGE - 1, SOON, NULL), -EMSGSIZE);
                        CHECK_EQ(pthread_join(thread, NULL), 0);
                } else { /* of another type */
                        struct leat_message about = LEAT_MESSAGE_INIT;
                        CHECK_EQ(leat_receive(victim.channel, LEAT_TYPE(6), buffer, sizeof buffer, leat_in_ms(50),
                                              NULL),
                                 -ETIMEDOUT);
                        CHECK_EQ(pthread_join(thread, NULL), 0);
                        peer_send(&victim, &header, "abc");
                        CHECK_EQ(leat_receive(victim.channel, LEAT_TYPE(6), buffer, sizeof buffer, SOON, &about), 3);
                }
                for (size_t i = 3; i < sizeof buffer; i++)
                        CHECK_EQ(buffer[i], 0xaa);
                ssize_t n = victim_receive(&victim, buffer, sizeof buffer, SOON, NULL);
                expect_message(buffer, n, LARGE);
        }
        victim_close(&victim);
}

/* What this is for: no memory of its own is taken for it, however it comes. */
static void is_not_kept(void *argument) {
        struct victim victim;
        open_at(&victim, argument, "&wait=sleep");
        for (uint64_t sequence = 1; sequence <= 4; sequence++) {
                struct writer writer = { .victim = &victim, .wire = make_message(victim.place, LARGE, sequence) };
                pthread_t thread;
                CHECK_EQ(pthread_create(&thread, NULL, write_when_asleep, &writer), 0);
                torture_count(NULL);
                ssize_t n = leat_receive(victim.channel, LEAT_ANY, buffer, sizeof buffer, SOON, NULL);
                long allocations = torture_counted();
                CHECK_EQ(pthread_join(thread, NULL), 0);
                expect_message(buffer, n, LARGE);
                if (sequence > 1) /* it is warm */
                        CHECK_EQ(allocations, 0);
        }
        victim_close(&victim);
}

struct reader {
        struct leat_channel *channel;
        ssize_t received;
};

static void *receive_there(void *argument) {
        struct reader *reader = argument;
        reader->received = leat_receive(reader->channel, LEAT_ANY, buffer, sizeof buffer, SOON, NULL);
        return NULL;
}

/* One thread waits for it, and another one, which waits for an answer, reads what comes. */
static void both_threads_read(void *argument) {
        struct leat_channel *ours, *theirs;
        struct reader reader;
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        char spare[256];
        int fds[2];
        (void)argument;
        CHECK_EQ(leat_pair("unix-stream:?pattern=pair&wait=sleep", NULL, &ours, &theirs), 0);
        CHECK_EQ(leat_detach(theirs, fds), 0);
        reader.channel = ours;
        for (uint64_t sequence = 1; sequence <= 8; sequence++) {
                pthread_t thread;
                struct wire wire = make_message(STREAM, 60000, sequence);
                CHECK_EQ(pthread_create(&thread, NULL, receive_there, &reader), 0);
                for (size_t at = 0, size = wire.ends[1]; at < size; at += size / 3) {
                        size_t n = size - at < size / 3 ? size - at : size / 3;
                        CHECK_EQ(write(fds[1], stream + at, n), n);
                        options.flags = LEAT_SYNC;
                        options.deadline = leat_in_ms(2); /* it is never answered */
                        CHECK_EQ(leat_send_with(ours, "x", 1, &options), -ETIMEDOUT);
                        CHECK(read(fds[0], spare, sizeof spare) > 0);
                }
                CHECK_EQ(pthread_join(thread, NULL), 0);
                expect_message(buffer, reader.received, 60000);
        }
        leat_close(ours);
        close(fds[0]);
        if (fds[1] != fds[0])
                close(fds[1]);
}

/* ---- what is wrong ---- */

/* A frame that has begun to land turns out to be none. A call may have ended meanwhile, or not. */
static void is_a_breach(void *argument) {
        for (int which = 0; which < 8; which++) {
                struct victim victim;
                open_at(&victim, argument, "");
                struct wire wire = make_message(victim.place, LARGE, 1);
                const size_t *ends = wire.ends;
                if (which / 2 == 0)
                        stream[ends[2] - 1] = 2; /* no such trailer */
                else if (which / 2 == 1)
                        stream[ends[1] + 8]++; /* one byte more is left than was */
                else if (which / 2 == 2)
                        stream[ends[1] + 8 + 2] = 9; /* far more: there is no room for it */
                else
                        stream[ends[1] + 24]++; /* of another message */
                peer_write(&victim, stream, ends[1]);
                peer_write(&victim, stream + ends[1], 40000);
                memset(buffer, 0xaa, sizeof buffer);
                if (which % 2)
                        CHECK_EQ(victim_receive(&victim, buffer, LARGE, LEAT_NOW, NULL), -EAGAIN);
                peer_write(&victim, stream + ends[1] + 40000, ends[2] - ends[1] - 40000);
                CHECK_EQ(victim_receive(&victim, buffer, LARGE, SOON, NULL), -EBADMSG);
                for (size_t i = LARGE; i < sizeof buffer; i++)
                        CHECK_EQ(buffer[i], 0xaa); /* nothing was written behind it */
                check_cut_off(&victim, EBADMSG);
                check_honest(&victim);
                victim_close(&victim);
        }
}

/* The last frame says that it is longer than what is left, and of that a part lands at most. */
static void is_too_long(void *argument) {
        struct victim victim;
        open_at(&victim, argument, "");
        struct wire wire = make_message(victim.place, LARGE, 1);
        const size_t *ends = wire.ends;
        stream[ends[2] + 8 + 2] = 2; /* two frames' worth */
        memset(buffer, 0xaa, sizeof buffer);
        peer_write(&victim, stream, ends[2]);
        peer_write(&victim, stream + ends[2], ends[3] - ends[2]);
        peer_write(&victim, bytes, 20000);
        CHECK_EQ(victim_receive(&victim, buffer, LARGE, LEAT_NOW, NULL), -EAGAIN); /* it is not whole */
        for (size_t i = LARGE; i < sizeof buffer; i++)
                CHECK_EQ(buffer[i], 0xaa);
        peer_write(&victim, bytes, ends[1] - 20000 - (ends[3] - ends[2]));
        CHECK_EQ(victim_receive(&victim, buffer, LARGE, SOON, NULL), -EBADMSG);
        victim_close(&victim);
}

/* The sender ends within it: none of it is seen. */
static void ends_within(void *argument) {
        struct victim victim;
        open_at(&victim, argument, "");
        struct wire wire = make_message(victim.place, LARGE, 1);
        peer_write(&victim, stream, wire.ends[1]);
        if (!is_packets(victim.place))
                peer_write(&victim, stream + wire.ends[1], 5000);
        close(victim.peer);
        victim.peer = -1;
        CHECK_EQ(victim_receive(&victim, buffer, LARGE, LEAT_NOW, NULL), -ENODATA);
        victim_close(&victim);
}

#define STREAMS (AT(PIPE) | AT(STREAM) | AT(STREAM_TO))

static void add_tests(void) {
        add_at(STREAMS, "comes_in_pieces", comes_in_pieces);
        add_at(EVERYWHERE, "comes_frame_by_frame", comes_frame_by_frame);
        add_at(EVERYWHERE, "answers_come_between", answers_come_between);
        add_at(EVERYWHERE, "others_come_between", others_come_between);
        add_at(EVERYWHERE, "is_abandoned", is_abandoned);
        add_at(STREAMS, "is_taken_back", is_taken_back);
        add_at(EVERYWHERE, "is_not_kept", is_not_kept);
        add_at(EVERYWHERE, "is_not_wanted", is_not_wanted);
        add_at(STREAMS, "is_a_breach", is_a_breach);
        add_at(STREAMS, "is_too_long", is_too_long);
        harness_add("both_threads_read", both_threads_read, NULL);
        add_at(AT(PIPE) | AT(UNIX_TO) | AT(STREAM_TO), "ends_within", ends_within);
}

TEST_MAIN_WITH(add_tests)
