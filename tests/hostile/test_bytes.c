/* SPDX-License-Identifier: MIT */
/* Bytes that are no message, or half of one: the peer that sent them is cut off, and no one else. */
#include "hostile.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct wire_header message_of(uint32_t size, uint64_t sequence) {
        return (struct wire_header){ .kind = WIRE_MESSAGE, .type = 5, .size = size, .sequence = sequence };
}

/* What the victim answers to a breach, and that nothing else happened. */
static void expect_breach(struct victim *victim, int error) {
        char buffer[256];
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct leat_reason why;
        CHECK_EQ(victim_receive(victim, buffer, sizeof buffer, harness_deadline_ms(40000), &about), error);
        CHECK_EQ(about.sender.known, victim->place != PIPE);
        if (about.sender.known)
                CHECK_EQ(about.sender.pid, getpid());
        CHECK_EQ(leat_why(victim->channel, &why), 0);
        CHECK(why.text && why.error == error);
        check_cut_off(victim, -error);
        if (!is_listener(victim->place)) {
                CHECK_EQ(victim_receive(victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), -ENODATA);
                CHECK_EQ(victim_receive(victim, buffer, sizeof buffer, LEAT_NOW, NULL), -ENODATA);
        }
        struct leat_info info = LEAT_INFO_INIT;
        CHECK_EQ(leat_channel_info(victim->channel, &info), 0);
        CHECK_EQ(info.refused, 1);
        check_honest(victim);
}

/* ---- one field wrong ---- */

static const struct patch {
        const char *name;
        enum wire_kind kind;
        unsigned at, count; /* which bytes of the header are these */
        uint8_t bytes[8];
        int error;
} patches[] = {
        { "the first letter", WIRE_MESSAGE, 0, 1, "X", -EBADMSG },
        { "the second letter", WIRE_MESSAGE, 1, 1, "T", -EBADMSG },
        { "version 0", WIRE_MESSAGE, 2, 1, { 0 }, -EPROTONOSUPPORT },
        { "version 2", WIRE_MESSAGE, 2, 1, { 2 }, -EPROTONOSUPPORT },
        { "version 255", WIRE_MESSAGE, 2, 1, { 255 }, -EPROTONOSUPPORT },
        { "kind 0", WIRE_MESSAGE, 3, 1, { 0 }, -EBADMSG },
        { "kind 7", WIRE_MESSAGE, 3, 1, { 7 }, -EBADMSG },
        { "kind 255", WIRE_MESSAGE, 3, 1, { 255 }, -EBADMSG },
        { "flag 3", WIRE_MESSAGE, 4, 1, { 8 }, -EBADMSG },
        { "flag 15", WIRE_MESSAGE, 5, 1, { 0x80 }, -EBADMSG },
        { "priority 32768", WIRE_MESSAGE, 7, 1, { 0x80 }, -EBADMSG },
        { "size 4 GiB less 1", WIRE_MESSAGE, 8, 4, { 0xff, 0xff, 0xff, 0xff }, -EBADMSG },
        { "size 2^31", WIRE_MESSAGE, 8, 4, { 0, 0, 0, 0x80 }, -EBADMSG },
        { "size 2^31-1", WIRE_MESSAGE, 8, 4, { 0xff, 0xff, 0xff, 0x7f }, -EBADMSG },
        { "size one above the largest", WIRE_MESSAGE, 8, 4, { 1, 0, 0, 1 }, -EBADMSG },
        { "254 descriptors", WIRE_MESSAGE, 12, 1, { 254 }, -EBADMSG },
        { "a descriptor that did not come", WIRE_MESSAGE, 12, 1, { 1 }, -EBADMSG },
        { "253 descriptors that did not come", WIRE_MESSAGE, 12, 1, { 253 }, -EBADMSG },
        { "byte 13", WIRE_MESSAGE, 13, 1, { 1 }, -EBADMSG },
        { "byte 14", WIRE_MESSAGE, 14, 1, { 1 }, -EBADMSG },
        { "byte 15", WIRE_MESSAGE, 15, 1, { 1 }, -EBADMSG },
        { "type 0", WIRE_MESSAGE, 16, 1, { 0 }, -EBADMSG },
        { "type -1", WIRE_MESSAGE, 16, 8, { 255, 255, 255, 255, 255, 255, 255, 255 }, -EBADMSG },
        { "type -2^63", WIRE_MESSAGE, 16, 8, { 0, 0, 0, 0, 0, 0, 0, 0x80 }, -EBADMSG },
        { "sequence 0", WIRE_MESSAGE, 24, 1, { 0 }, -EBADMSG },
        { "the sequence before", WIRE_MESSAGE, 24, 1, { 2 }, -EBADMSG },
        { "continue without a start", WIRE_CONTINUE, 0, 0, { 0 }, -EBADMSG },
        { "continue of nothing", WIRE_CONTINUE, 8, 1, { 0 }, -EBADMSG },
        { "abandon without a start", WIRE_ABANDON, 8, 1, { 0 }, -EBADMSG },
        { "abandon with bytes", WIRE_ABANDON, 0, 0, { 0 }, -EBADMSG },
        { "taken with bytes", WIRE_TAKEN, 0, 0, { 0 }, -EBADMSG },
        { "taken with 4 GiB", WIRE_TAKEN, 8, 4, { 255, 255, 255, 255 }, -EBADMSG },
        { "refuse with bytes", WIRE_REFUSE, 0, 0, { 0 }, -EBADMSG },
        { "taken with a descriptor", WIRE_TAKEN, 8, 5, { 0, 0, 0, 0, 1 }, -EBADMSG },
        { "a reply of type 0", WIRE_REPLY, 16, 1, { 0 }, -EBADMSG },
        { "a reply of an old sequence", WIRE_REPLY, 24, 1, { 2 }, -EBADMSG },
};

static void one_field(void *argument) {
        enum place place = *(enum place *)argument;
        for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++) {
                const struct patch *patch = &patches[i];
                struct victim victim;
                uint8_t frame[FRAME_MOST];
                char buffer[64];
                struct wire_header good = message_of(3, 2), bad = message_of(3, 3);
                printf("%s\n", patch->name);
                victim_open(&victim, place, LEAT_RECEIVE, "");
                honest_send(&victim);
                peer_send(&victim, &good, "abc");
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), 3);
                bad.kind = patch->kind;
                size_t size = make_frame(place, &bad, "abc", frame);
                memcpy(frame + patch->at, patch->bytes, patch->count);
                peer_write(&victim, frame, size);
                honest_send(&victim);
                expect_breach(&victim, patch->error);
                victim_close(&victim);
        }
}

/* ---- a message under way, and what may not come then ---- */

static const struct {
        const char *name;
        struct wire_header then;
} intruders[] = {
        { "a new message", { .kind = WIRE_MESSAGE, .type = 5, .size = 3, .sequence = 2 } },
        { "a reply", { .kind = WIRE_REPLY, .type = 5, .size = 3, .sequence = 2 } },
        { "the message again", { .kind = WIRE_MESSAGE, .type = 5, .size = 100000, .sequence = 1 } },
        { "another sequence", { .kind = WIRE_CONTINUE, .type = 5, .size = 34464, .sequence = 2 } },
        { "another type", { .kind = WIRE_CONTINUE, .type = 6, .size = 34464, .sequence = 1 } },
        { "another priority", { .kind = WIRE_CONTINUE, .type = 5, .priority = 1, .size = 34464, .sequence = 1 } },
        { "other flags", { .kind = WIRE_CONTINUE, .type = 5, .flags = 1, .size = 34464, .sequence = 1 } },
        { "another reference", { .kind = WIRE_CONTINUE, .type = 5, .reference = 1, .size = 34464, .sequence = 1 } },
        { "a byte less", { .kind = WIRE_CONTINUE, .type = 5, .size = 34463, .sequence = 1 } },
        { "a byte more", { .kind = WIRE_CONTINUE, .type = 5, .size = 34465, .sequence = 1 } },
        { "the first size", { .kind = WIRE_CONTINUE, .type = 5, .size = 100000, .sequence = 1 } },
        { "abandon of another", { .kind = WIRE_ABANDON, .type = 1, .sequence = 2 } },
};

/* The first frame of a long one fills a pipe: it is taken in before the next is written. */
static void begin_long(struct victim *victim) {
        struct wire_header first = message_of(100000, 1);
        uint8_t frame[FRAME_MOST];
        char buffer[256];
        size_t size = make_frame(victim->place, &first, NULL, frame);
        size_t half = is_packets(victim->place) ? size : size / 2;
        peer_write(victim, frame, half);
        CHECK_EQ(victim_receive(victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        if (half < size)
                peer_write(victim, frame + half, size - half);
        CHECK_EQ(victim_receive(victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
}

static void intruder(void *argument) {
        enum place place = *(enum place *)argument;
        for (size_t i = 0; i < sizeof intruders / sizeof intruders[0]; i++) {
                struct victim victim;
                uint8_t frame[FRAME_MOST];
                printf("%s\n", intruders[i].name);
                victim_open(&victim, place, LEAT_RECEIVE, "");
                honest_send(&victim);
                begin_long(&victim);
                size_t size = make_frame(place, &intruders[i].then, NULL, frame);
                if (size > 60000)
                        size = is_packets(place) ? size : WIRE_HEADER_BYTES + 100;
                peer_write(&victim, frame, size);
                if (!is_packets(place) && size == WIRE_HEADER_BYTES + 100)
                        CHECK_EQ(close(victim.peer), 0), victim.peer = -1;
                honest_send(&victim);
                if (victim.peer >= 0)
                        expect_breach(&victim, -EBADMSG);
                else
                        check_honest(&victim);
                victim_close(&victim);
        }
}

/* TAKEN may come between two frames, and means nothing to one who sent nothing. */
static void taken_between(void *argument) {
        struct victim victim;
        char buffer[100000];
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        begin_long(&victim);
        peer_send(&victim, &(struct wire_header){ .kind = WIRE_TAKEN, .type = 1, .reference = 1 }, NULL);
        struct wire_header rest = message_of(34464, 1);
        rest.kind = WIRE_CONTINUE;
        peer_send(&victim, &rest, NULL);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), 100000);
        check_honest(&victim);
        victim_close(&victim);
}

/* ---- garbage ---- */

static void garbage(void *argument) {
        enum place place = *(enum place *)argument;
        for (int round = 0; round < 40; round++) {
                struct victim victim;
                uint8_t bytes[4096];
                size_t size = 48 + harness_random_below(sizeof bytes - 48);
                for (size_t i = 0; i < size; i++)
                        bytes[i] = (uint8_t)harness_random();
                bytes[0] = round % 2 ? 'l' : 0; /* by chance it may not begin as a message does */
                victim_open(&victim, place, LEAT_RECEIVE, "");
                honest_send(&victim);
                peer_write(&victim, bytes, size);
                expect_breach(&victim, -EBADMSG);
                victim_close(&victim);
        }
}

/* Garbage behind a good header. */
static void trailers(void *argument) {
        enum place place = *(enum place *)argument;
        const uint8_t wrong[] = { 2, 3, 0x80, 255 };
        for (size_t i = 0; i < sizeof wrong; i++) {
                struct victim victim;
                uint8_t frame[FRAME_MOST];
                struct wire_header header = message_of(3, 1);
                victim_open(&victim, place, LEAT_RECEIVE, "");
                size_t size = make_frame(place, &header, "abc", frame);
                frame[size - 1] = wrong[i];
                peer_write(&victim, frame, size);
                expect_breach(&victim, -EBADMSG);
                victim_close(&victim);
        }
}

/* On packets the length of the packet is a second opinion. */
static void packet_lengths(void *argument) {
        enum place place = *(enum place *)argument;
        static const size_t lengths[] = { 1, 2, 47, 48, 50, 52, 100, 65585, 100000 };
        static uint8_t frame[200000];
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
                struct victim victim;
                struct wire_header header = message_of(3, 1);
                victim_open(&victim, place, LEAT_RECEIVE, "");
                (void)make_frame(place, &header, "abc", frame);
                honest_send(&victim);
                peer_write(&victim, frame, lengths[i]);
                expect_breach(&victim, -EBADMSG);
                victim_close(&victim);
        }
}

/* ---- half of something, then silence, then the end ---- */

static void half(void *argument) {
        enum place place = *(enum place *)argument;
        static const size_t cuts[] = { 1, 2, 3, 20, 47, 48, 49, 1000, 60048 };
        size_t before = resident_bytes(getpid());
        for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
                struct victim victim;
                uint8_t frame[FRAME_MOST];
                char buffer[64];
                struct wire_header header = message_of(16 << 20, 1); /* as large as it may be */
                victim_open(&victim, place, LEAT_RECEIVE, "");
                (void)make_frame(place, &header, NULL, frame);
                peer_write(&victim, frame, cuts[i]);
                honest_send(&victim);
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, leat_in_ms(20), NULL), -ETIMEDOUT);
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
                close(victim.peer);
                victim.peer = -1;
                if (is_listener(place))
                        check_honest(&victim);
                else
                        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL),
                                 -ENODATA);
                victim_close(&victim);
        }
        /* What was promised is not what is taken. */
        CHECK(resident_bytes(getpid()) < before + (size_t)(8 << 20));
}

/* Frames of a message and then silence: packets have whole frames only. */
static void half_message(void *argument) {
        struct victim victim;
        char buffer[64];
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        begin_long(&victim);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, leat_in_ms(20), NULL), -ETIMEDOUT);
        close(victim.peer);
        victim.peer = -1;
        if (is_listener(victim.place))
                check_honest(&victim);
        else
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), -ENODATA);
        victim_close(&victim);
}

/* Of other framings: a length that no one carries, a line without end. */
static void bare_framings(void *argument) {
        enum place place = *(enum place *)argument;
        struct victim victim;
        char buffer[64], line[2001];
        memset(line, 'x', sizeof line);
        victim_open(&victim, place, LEAT_RECEIVE, "&framing=length&size=1k");
        peer_write(&victim, "\0\0\4\1", 4);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), -EBADMSG);
        victim_close(&victim);
        victim_open(&victim, place, LEAT_RECEIVE, "&framing=length");
        peer_write(&victim, "\377\377\377\377", 4);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), -EBADMSG);
        victim_close(&victim);
        victim_open(&victim, place, LEAT_RECEIVE, "&framing=lines&size=1k");
        peer_write(&victim, line, sizeof line);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), -EBADMSG);
        victim_close(&victim);
        victim_open(&victim, place, LEAT_RECEIVE, "&framing=nul&size=1k");
        peer_write(&victim, line, 1000);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, leat_in_ms(20), NULL), -ETIMEDOUT);
        peer_write(&victim, "", 1);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EMSGSIZE);
        CHECK_EQ(victim_receive(&victim, line, sizeof line, LEAT_NOW, NULL), 1000);
        victim_close(&victim);
}

/* A raw stream gives what there is; a place of no bytes is told so and harms nothing. */
static void raw_nothing(void *argument) {
        struct victim victim;
        struct leat_message about = LEAT_MESSAGE_INIT;
        char buffer[64];
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "&framing=raw");
        peer_write(&victim, "abc", 3);
        CHECK_EQ(leat_receive(victim.channel, LEAT_ANY, buffer, 0, harness_deadline_ms(40000), &about), -EMSGSIZE);
        CHECK_EQ(about.descriptors_count, 0);
        CHECK(about.size_bytes > 0 && about.size_bytes <= 3);
        CHECK_EQ(leat_receive(victim.channel, LEAT_ANY, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), 3);
        victim_close(&victim);
}

static void add_tests(void) {
        const unsigned streams = AT(PIPE) | AT(STREAM) | AT(STREAM_TO);
        add_at(EVERYWHERE, "one_field", one_field);
        add_at(EVERYWHERE, "intruder", intruder);
        add_at(EVERYWHERE, "taken_between", taken_between);
        add_at(EVERYWHERE, "garbage", garbage);
        add_at(streams, "trailers", trailers);
        add_at(AT(UNIX) | AT(UNIX_TO), "packet_lengths", packet_lengths);
        add_at(streams, "half", half);
        add_at(EVERYWHERE, "half_message", half_message);
        add_at(streams, "bare_framings", bare_framings);
        add_at(streams, "raw_nothing", raw_nothing);
}

TEST_MAIN_WITH(add_tests)
