/* SPDX-License-Identifier: MIT */
/* Packets of several frames (rule 7 of docs/wire.md): all of one is taken, or nothing of it is and its peer is cut off. */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAMES 3
#define PACKET_MOST (WIRE_HEADER_BYTES + WIRE_FRAME_BYTES)
#define PATIENCE harness_deadline_ms(40000)

static struct wire_header message_of(uint32_t size, uint64_t sequence) {
        return (struct wire_header){
                .kind = WIRE_MESSAGE, .type = 5, .size = size, .sequence = sequence, .time_ns = 1
        };
}

/* Frames "abc" with sequences from `first` on. */
static size_t make_packet(uint8_t *ret_packet, uint64_t first, size_t count) {
        size_t used = 0;
        for (size_t i = 0; i < count; i++) {
                const struct wire_header header = message_of(3, first + i);
                used += make_frame(UNIX, &header, "abc", ret_packet + used);
        }
        return used;
}

static void take_abc(struct victim *victim, uint64_t sequence) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        char buffer[16];
        CHECK_EQ(victim_receive(victim, buffer, sizeof buffer, PATIENCE, &about), 3);
        CHECK_MEM(buffer, "abc", 3);
        CHECK_EQ(about.type, 5);
        CHECK_EQ(about.sequence, sequence);
}

/* Nothing of it comes, its peer is told, and the honest one is not disturbed. */
static void expect_breach(struct victim *victim, int error) {
        struct leat_info info = LEAT_INFO_INIT;
        char buffer[16];
        CHECK_EQ(victim_receive(victim, buffer, sizeof buffer, PATIENCE, NULL), error);
        check_cut_off(victim, -error);
        if (!is_listener(victim->place))
                CHECK_EQ(victim_receive(victim, buffer, sizeof buffer, LEAT_NOW, NULL), -ENODATA);
        CHECK_EQ(leat_channel_info(victim->channel, &info), 0);
        CHECK_EQ(info.refused, 1);
        check_honest(victim);
        CHECK_EQ(info.received, victim->honest ? 2 + FRAMES : 1 + FRAMES);
}

/* One that is right is taken first, so that sequences have a past. */
static void open_victim(struct victim *victim, enum place place) {
        uint8_t packet[512];
        victim_open(victim, place, LEAT_RECEIVE, "");
        honest_send(victim);
        peer_write(victim, packet, make_packet(packet, 1, 1));
        take_abc(victim, 1);
        peer_write(victim, packet, make_packet(packet, 2, FRAMES));
        for (uint64_t i = 0; i < FRAMES; i++)
                take_abc(victim, 2 + i);
        while (victim->honest_received < victim->honest_sent) {
                char buffer[16];
                CHECK_EQ(victim_receive(victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        }
}

/* ---- each rule, in each of the frames ---- */

static const struct patch {
        const char *name;
        unsigned at, count; /* which bytes of the header are these */
        uint8_t bytes[8];
        int error;
} patches[] = {
        { "magic", 0, 1, "X", -EBADMSG },
        { "version 2", 2, 1, { 2 }, -EPROTONOSUPPORT },
        { "kind 0", 3, 1, { 0 }, -EBADMSG },
        { "kind 7", 3, 1, { 7 }, -EBADMSG },
        { "continue", 3, 1, { WIRE_CONTINUE }, -EBADMSG },
        { "reply", 3, 1, { WIRE_REPLY }, -EBADMSG },
        { "taken", 3, 1, { WIRE_TAKEN }, -EBADMSG },
        { "abandon", 3, 1, { WIRE_ABANDON }, -EBADMSG },
        { "refuse", 3, 1, { WIRE_REFUSE }, -EBADMSG },
        { "flag 3", 4, 1, { 8 }, -EBADMSG },
        { "priority", 7, 1, { 0x80 }, -EBADMSG },
        { "a byte more", 8, 1, { 4 }, -EBADMSG },
        { "a byte less", 8, 1, { 2 }, -EBADMSG },
        { "a long message", 8, 4, { 1, 0, 1, 0 }, -EBADMSG },
        { "above the largest", 8, 4, { 1, 0, 0, 1 }, -EBADMSG },
        { "4 GiB less 1", 8, 4, { 0xff, 0xff, 0xff, 0xff }, -EBADMSG },
        { "a descriptor", 12, 1, { 1 }, -EBADMSG },
        { "byte 14", 14, 1, { 1 }, -EBADMSG },
        { "type 0", 16, 1, { 0 }, -EBADMSG },
        { "type -1", 16, 8, { 255, 255, 255, 255, 255, 255, 255, 255 }, -EBADMSG },
        { "sequence 0", 24, 1, { 0 }, -EBADMSG },
        { "an old sequence", 24, 1, { 4 }, -EBADMSG },
};

#define NEXT (2 + FRAMES)
#define FRAME_BYTES (WIRE_HEADER_BYTES + 3)

static void one_field(void *argument) {
        for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++)
                for (size_t frame = 0; frame < FRAMES; frame++) {
                        const struct patch *patch = &patches[i];
                        struct victim victim;
                        uint8_t packet[512];
                        printf("%s in frame %zu\n", patch->name, frame);
                        open_victim(&victim, *(enum place *)argument);
                        size_t size = make_packet(packet, NEXT, FRAMES);
                        memcpy(packet + frame * FRAME_BYTES + patch->at, patch->bytes, patch->count);
                        peer_write(&victim, packet, size);
                        expect_breach(&victim, patch->error);
                        victim_close(&victim);
                }
}

/* The last is the same as the one before, or lower. */
static void order(void *argument) {
        static const uint64_t sequences[][FRAMES] = { { NEXT, NEXT, NEXT + 1 },
                                                      { NEXT, NEXT + 1, NEXT + 1 },
                                                      { NEXT + 1, NEXT, NEXT + 2 },
                                                      { NEXT, NEXT + 2, NEXT + 1 },
                                                      { NEXT, UINT64_MAX, NEXT + 2 } };
        for (size_t i = 0; i < sizeof sequences / sizeof sequences[0]; i++) {
                struct victim victim;
                uint8_t packet[512];
                size_t used = 0;
                open_victim(&victim, *(enum place *)argument);
                for (size_t frame = 0; frame < FRAMES; frame++)
                        used += make_packet(packet + used, sequences[i][frame], 1);
                peer_write(&victim, packet, used);
                expect_breach(&victim, -EBADMSG);
                victim_close(&victim);
        }
}

/* ---- its length ---- */

static void cut(void *argument) {
        static const size_t lengths[] = { 1, 2, 3, 47, 48, 49, 50 }; /* bytes that are missing */
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
                struct victim victim;
                uint8_t packet[512];
                open_victim(&victim, *(enum place *)argument);
                peer_write(&victim, packet, make_packet(packet, NEXT, FRAMES) - lengths[i]);
                expect_breach(&victim, -EBADMSG);
                victim_close(&victim);
        }
}

static void trailing(void *argument) {
        static const size_t lengths[] = { 1, 3, 47, 48 };
        for (size_t frames = 1; frames <= FRAMES; frames++)
                for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
                        struct victim victim;
                        uint8_t packet[512] = { 0 };
                        open_victim(&victim, *(enum place *)argument);
                        peer_write(&victim, packet, make_packet(packet, NEXT, frames) + lengths[i]);
                        expect_breach(&victim, -EBADMSG);
                        victim_close(&victim);
                }
}

/* Two frames of so many bytes together. */
static size_t make_large(uint8_t *ret_packet, size_t whole) {
        struct wire_header header = message_of((uint32_t)(whole - 2 * WIRE_HEADER_BYTES - 3), NEXT);
        size_t used = make_frame(UNIX, &header, NULL, ret_packet);
        return used + make_packet(ret_packet + used, NEXT + 1, 1);
}

static void as_large_as_may_be(void *argument) {
        static uint8_t packet[PACKET_MOST], buffer[WIRE_FRAME_BYTES];
        struct victim victim;
        open_victim(&victim, *(enum place *)argument);
        size_t size = make_large(packet, PACKET_MOST);
        CHECK_EQ(size, PACKET_MOST);
        peer_write(&victim, packet, size);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, PATIENCE, NULL),
                 PACKET_MOST - 2 * WIRE_HEADER_BYTES - 3);
        take_abc(&victim, NEXT + 1);
        check_honest(&victim);
        victim_close(&victim);
}

static void a_byte_too_large(void *argument) {
        static uint8_t packet[PACKET_MOST + 1];
        struct victim victim;
        open_victim(&victim, *(enum place *)argument);
        peer_write(&victim, packet, make_large(packet, PACKET_MOST + 1));
        expect_breach(&victim, -EBADMSG);
        victim_close(&victim);
}

/* As many as can be: each is a message, and an empty one too. */
static void of_empty_ones(void *argument) {
        static uint8_t packet[PACKET_MOST];
        struct victim victim;
        char buffer[16];
        uint64_t count = 0;
        size_t used = 0;
        open_victim(&victim, *(enum place *)argument);
        for (; used + WIRE_HEADER_BYTES <= PACKET_MOST; count++) {
                const struct wire_header header = message_of(0, NEXT + count);
                used += make_frame(UNIX, &header, NULL, packet + used);
        }
        peer_write(&victim, packet, used);
        for (uint64_t i = 0; i < count; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                honest_send(&victim); /* which comes in its turn */
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, PATIENCE, &about), 0);
                CHECK_EQ(about.sequence, NEXT + i);
        }
        check_honest(&victim);
        victim_close(&victim);
}

/* ---- what may not stand in one ---- */

static void within_a_long_message(void *argument) {
        struct victim victim;
        uint8_t packet[FRAME_MOST];
        char buffer[16];
        struct wire_header header = message_of(100000, NEXT);
        open_victim(&victim, *(enum place *)argument);
        peer_write(&victim, packet, make_frame(UNIX, &header, NULL, packet));
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        peer_write(&victim, packet, make_packet(packet, NEXT + 1, FRAMES));
        expect_breach(&victim, -EBADMSG);
        victim_close(&victim);
}

/* The end of a long message and another one behind it: each has a packet of its own. */
static void behind_a_long_message(void *argument) {
        struct victim victim;
        static uint8_t packet[FRAME_MOST + 512];
        char buffer[16];
        struct wire_header header = message_of(WIRE_FRAME_BYTES + 3, NEXT);
        open_victim(&victim, *(enum place *)argument);
        peer_write(&victim, packet, make_frame(UNIX, &header, NULL, packet));
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        header.kind = WIRE_CONTINUE;
        header.size = 3;
        size_t used = make_frame(UNIX, &header, NULL, packet);
        peer_write(&victim, packet, used + make_packet(packet + used, NEXT + 1, 1));
        expect_breach(&victim, -EBADMSG);
        victim_close(&victim);
}

/* Descriptors that came with several frames, announced in one of them or in none, are closed. */
static void with_descriptors(void *argument) {
        for (size_t announced = 0; announced <= FRAMES; announced++) {
                struct victim victim;
                uint8_t packet[512];
                int before = harness_count_descriptors();
                open_victim(&victim, *(enum place *)argument);
                int open_ones = harness_count_descriptors();
                size_t size = make_packet(packet, NEXT, FRAMES);
                if (announced < FRAMES)
                        packet[announced * FRAME_BYTES + 12] = 1;
                send_with_descriptors(victim.peer, packet, size, (int[]){ STDIN_FILENO }, 1);
                expect_breach(&victim, -EBADMSG);
                CHECK(harness_count_descriptors() <= open_ones);
                victim_close(&victim);
                CHECK_EQ(harness_count_descriptors(), before);
        }
}

/* Its frames are taken one by one, and the peer may go in the middle. */
static void its_sender_goes(void *argument) {
        struct victim victim;
        uint8_t packet[512];
        char buffer[16];
        open_victim(&victim, *(enum place *)argument);
        peer_write(&victim, packet, make_packet(packet, NEXT, FRAMES));
        take_abc(&victim, NEXT);
        close(victim.peer);
        victim.peer = -1;
        take_abc(&victim, NEXT + 1);
        take_abc(&victim, NEXT + 2);
        check_honest(&victim);
        if (!victim.honest)
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, PATIENCE, NULL), -ENODATA);
        victim_close(&victim);
}

/* ---- several at once, and what is behind them ---- */

/* With one call: what came before the breach, and the next call tells of it. */
static void behind_several(void *argument) {
        enum place place = *(enum place *)argument;
        struct leat_incoming messages[8];
        char texts[8][16];
        struct victim victim;
        uint8_t frame[FRAME_MOST];
        victim_open(&victim, place, LEAT_RECEIVE, "");
        for (uint64_t i = 1; i <= 3; i++) {
                const struct wire_header header = message_of(3, i);
                peer_send(&victim, &header, "abc");
        }
        const struct wire_header last = message_of(3, 4);
        size_t size = make_frame(place, &last, "abc", frame);
        frame[0] = 'X';
        peer_write(&victim, frame, size);
        for (size_t done = 0; done < 3;) {
                for (size_t i = 0; i < 8; i++)
                        messages[i] = (struct leat_incoming){ .buffer = texts[i],
                                                              .size_bytes = 16,
                                                              .about = LEAT_MESSAGE_INIT };
                ssize_t n = leat_receive_many(victim.channel, LEAT_ANY, messages, 8, PATIENCE);
                CHECK(n > 0);
                for (ssize_t i = 0; i < n; i++)
                        CHECK_EQ(messages[i].about.sequence, ++done);
        }
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct leat_reason why;
        CHECK_EQ(leat_receive(victim.channel, LEAT_ANY, texts[0], 16, PATIENCE, &about), -EBADMSG);
        CHECK_EQ(about.sender.known, place != PIPE);
        CHECK_EQ(leat_why(victim.channel, &why), 0);
        CHECK(why.text && why.error == -EBADMSG);
        CHECK_EQ(leat_receive_many(victim.channel, LEAT_ANY, messages, 8, LEAT_NOW),
                 is_listener(place) ? -EAGAIN : -ENODATA);
        check_cut_off(&victim, EBADMSG);
        check_honest(&victim);
        victim_close(&victim);
}

static void add_tests(void) {
        const unsigned packets = AT(UNIX) | AT(UNIX_TO);
        add_at(packets, "one_field", one_field);
        add_at(packets, "order", order);
        add_at(packets, "cut", cut);
        add_at(packets, "trailing", trailing);
        add_at(packets, "as_large_as_may_be", as_large_as_may_be);
        add_at(packets, "a_byte_too_large", a_byte_too_large);
        add_at(packets, "of_empty_ones", of_empty_ones);
        add_at(packets, "within_a_long_message", within_a_long_message);
        add_at(packets, "behind_a_long_message", behind_a_long_message);
        add_at(packets, "with_descriptors", with_descriptors);
        add_at(packets, "its_sender_goes", its_sender_goes);
        add_at(EVERYWHERE, "behind_several", behind_several);
}

TEST_MAIN_WITH(add_tests)
