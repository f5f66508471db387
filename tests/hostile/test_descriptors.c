/* SPDX-License-Identifier: MIT */
/* Descriptors that were not announced, did not come, or come until the receiver has no room. */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int many[LEAT_DESCRIPTORS_MAX];

static void fill_many(void) {
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        CHECK(null >= 0);
        for (int i = 0; i < LEAT_DESCRIPTORS_MAX; i++)
                many[i] = null;
}

static void peer_send_many(const struct victim *victim, const struct wire_header *header, size_t count) {
        uint8_t frame[FRAME_MOST];
        send_with_descriptors(victim->peer, frame, make_frame(victim->place, header, NULL, frame), many, count);
}

static struct wire_header message_with(uint64_t sequence, uint8_t announced) {
        return (struct wire_header){
                .kind = WIRE_MESSAGE, .type = 5, .size = 3, .sequence = sequence, .descriptors = announced
        };
}

/* Announced and sent are not the same number. */
static void miscounted(void *argument) {
        static const struct {
                uint8_t announced, sent;
        } counts[] = { { 0, 1 }, { 0, 253 }, { 1, 2 }, { 1, 253 }, { 2, 1 }, { 253, 252 } };
        fill_many();
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
                struct victim victim;
                char buffer[64];
                int before = harness_count_descriptors();
                victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN); /* it has accepted */
                int open_ones = harness_count_descriptors();
                struct wire_header header = message_with(1, counts[i].announced);
                honest_send(&victim);
                peer_send_many(&victim, &header, counts[i].sent);
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), -EBADMSG);
                check_cut_off(&victim, EBADMSG);
                check_honest(&victim);
                CHECK(harness_count_descriptors() <= open_ones);
                victim_close(&victim);
                CHECK_EQ(harness_count_descriptors(), before);
        }
        close(many[0]);
}

/* Frames that carry nothing but descriptors. */
static void on_control(void *argument) {
        static const enum wire_kind kinds[] = { WIRE_TAKEN, WIRE_REFUSE, WIRE_ABANDON };
        fill_many();
        for (size_t i = 0; i < 3; i++) {
                struct victim victim;
                char buffer[64];
                struct wire_header header = { .kind = kinds[i], .type = EBUSY, .sequence = 1 };
                victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
                peer_send_many(&victim, &header, 253);
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), -EBADMSG);
                check_honest(&victim);
                victim_close(&victim);
        }
        close(many[0]);
}

/* Byte by byte, each with as many as the kernel lets through: no frame ever ends. */
static void with_each_byte(void *argument) {
        struct victim victim;
        char buffer[64];
        uint8_t frame[FRAME_MOST];
        struct wire_header header = message_with(1, 253);
        fill_many();
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        (void)make_frame(victim.place, &header, NULL, frame);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN); /* it has accepted */
        int before = harness_count_descriptors();
        ssize_t n = -EAGAIN;
        for (int i = 0; i < 40 && n == -EAGAIN; i++) {
                send_with_descriptors(victim.peer, frame + i, 1, many, LEAT_DESCRIPTORS_MAX);
                n = victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL);
                CHECK(harness_count_descriptors() <= before + 2 * LEAT_DESCRIPTORS_MAX);
        }
        CHECK_EQ(n, -EBADMSG);
        CHECK(harness_count_descriptors() <= before);
        check_honest(&victim);
        victim_close(&victim);
        close(many[0]);
}

/* Many peers, each with half a message and its descriptors: they do not take what the honest need. */
static void held_by_many(void *argument) {
        enum { PEERS = 60 };
        struct victim victim;
        int peers[PEERS], pair[2];
        char buffer[64];
        struct wire_header header = message_with(1, 253);
        uint8_t frame[FRAME_MOST];
        header.size = 100000;
        fill_many();
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 2000, 2000 }), 0);
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        size_t size = make_frame(victim.place, &header, NULL, frame);
        size = is_packets(victim.place) ? size : 100;
        for (int i = 0; i < PEERS; i++) {
                peers[i] = victim_connect(&victim);
                send_with_descriptors(peers[i], frame, size, many, LEAT_DESCRIPTORS_MAX);
                honest_send(&victim);
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
                CHECK(harness_count_descriptors() < 1300 + PEERS);
        }
        check_honest(&victim);
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0); /* there is room left */
        close(pair[0]);
        close(pair[1]);
        for (int i = 0; i < PEERS; i++)
                close(peers[i]);
        victim_close(&victim);
        close(many[0]);
}

/* Set aside by a selective receive they are counted too. */
static void set_aside(void *argument) {
        struct victim victim;
        char buffer[64];
        ssize_t n = -EAGAIN;
        fill_many();
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 4000, 4000 }), 0);
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN); /* it has accepted */
        int before = harness_count_descriptors();
        for (uint64_t i = 1; i < 40 && n == -EAGAIN; i++) {
                struct wire_header header = message_with(i, 253);
                peer_send_many(&victim, &header, 253);
                n = leat_receive(victim.channel, LEAT_TYPE(HONEST), buffer, sizeof buffer, LEAT_NOW, NULL);
        }
        CHECK_EQ(n, -ENOBUFS);
        for (int i = 0; i < 20; i++)
                CHECK_EQ(leat_receive(victim.channel, LEAT_TYPE(HONEST), buffer, sizeof buffer, LEAT_NOW, NULL),
                         -ENOBUFS);
        CHECK(harness_count_descriptors() < before + 2000);
        /* What was set aside is received, unwanted descriptors are closed. */
        while (leat_receive(victim.channel, LEAT_TYPE(5), buffer, sizeof buffer, LEAT_NOW, NULL) == 3)
                ;
        CHECK_EQ(harness_count_descriptors(), before);
        check_honest(&victim);
        victim_close(&victim);
        close(many[0]);
}

/* What is set aside stays bounded, however often the program asks for something else. */
static void aside_bounded(void *argument) {
        struct victim victim;
        struct leat_channel *sender;
        char buffer[64], address[160];
        static char large[40 << 10];
        fill_many();
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "&aside=64k");
        snprintf(address, sizeof address, "%.*s?connect", (int)strcspn(victim.address, "?"), victim.address);
        CHECK_EQ(leat_open(address, LEAT_SEND, LEAT_NOW, &sender), 0);
        struct leat_info info = LEAT_INFO_INIT;
        for (int i = 0; i < 100; i++) {
                (void)leat_send(sender, 5, large, sizeof large, LEAT_NOW);
                ssize_t n = leat_receive(victim.channel, LEAT_TYPE(6), buffer, sizeof buffer, LEAT_NOW, NULL);
                CHECK(n == -EAGAIN || n == -ENOBUFS);
        }
        CHECK_EQ(leat_channel_info(victim.channel, &info), 0);
        CHECK(info.aside_bytes < (64 << 10) + 2 * sizeof large);
        CHECK(info.aside_messages > 1);
        leat_close(sender);
        victim_close(&victim);
        close(many[0]);
}

/* The receiver has no room for more: told as that, the peers go on, and it works again later. */
static void no_room(void *argument) {
        enum { TAKEN = 400 };
        struct victim victim;
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct leat_reason why;
        int place_for[LEAT_DESCRIPTORS_MAX], taken[TAKEN], count = 0;
        char buffer[64];
        fill_many();
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, leat_in_ms(1), NULL), -ETIMEDOUT); /* it has accepted */
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 300, 4096 }), 0);
        while (count < TAKEN && (taken[count] = dup(many[0])) >= 0)
                count++;
        for (int i = 0; i < 5; i++)
                close(taken[--count]);
        about.descriptors = place_for;
        about.descriptors_max = LEAT_DESCRIPTORS_MAX;
        int before = harness_count_descriptors();
        for (uint64_t i = 1; i <= 3; i++) {
                struct wire_header header = message_with(i, 20);
                peer_send_many(&victim, &header, 20);
                honest_send(&victim);
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), &about), -EMFILE);
                CHECK_EQ(about.sender.pid, getpid());
                CHECK_EQ(leat_why(victim.channel, &why), 0);
                CHECK_STR(why.limit, "RLIMIT_NOFILE");
                CHECK_EQ(why.limit_value, 300);
                about.descriptors_max = LEAT_DESCRIPTORS_MAX;
                check_honest(&victim);
                CHECK_EQ(harness_count_descriptors(), before);
        }
        while (count > 200)
                close(taken[--count]);
        struct wire_header header = message_with(4, 20);
        peer_send_many(&victim, &header, 20);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), &about), 3);
        CHECK_EQ(about.descriptors_count, 20);
        for (int i = 0; i < 20; i++)
                close(place_for[i]);
        while (count > 0)
                close(taken[--count]);
        victim_close(&victim);
        close(many[0]);
}

/* A connection that is the victim's own listener, or the channel's own other end, sent through itself. */
static void itself(void *argument) {
        struct victim victim;
        char buffer[64];
        struct wire_header header = message_with(1, 2);
        uint8_t frame[FRAME_MOST];
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        const int selves[2] = { victim.peer, victim_connect(&victim) };
        send_with_descriptors(victim.peer, frame, make_frame(victim.place, &header, NULL, frame), selves, 2);
        close(selves[1]);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), 3);
        header.sequence = 2;
        send_with_descriptors(victim.peer, frame, make_frame(victim.place, &header, NULL, frame), selves, 0);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), -EBADMSG);
        check_honest(&victim);
        victim_close(&victim);
}

/* Framings that take no descriptors do not keep any. */
static void unwanted(void *argument) {
        static const char *const framings[] = { "&framing=raw", "&framing=raw&who=message",
                                                "&framing=length&who=message" };
        fill_many();
        for (size_t i = 0; i < (is_packets(*(enum place *)argument) ? 2 : 3); i++) {
                struct victim victim;
                char buffer[64];
                victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, framings[i]);
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, leat_in_ms(1), NULL), -ETIMEDOUT);
                int before = harness_count_descriptors();
                for (int k = 0; k < 20; k++) {
                        send_with_descriptors(victim.peer, "\0\0\0\3abc", 7, many, 253);
                        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL),
                                 i == 2 ? 3 : 7);
                }
                CHECK_EQ(harness_count_descriptors(), before);
                victim_close(&victim);
        }
        close(many[0]);
}

static void add_tests(void) {
        const unsigned sockets = LISTENERS | AT(UNIX_TO) | AT(STREAM_TO);
        add_at(sockets, "miscounted", miscounted);
        add_at(sockets, "on_control", on_control);
        add_at(AT(STREAM) | AT(STREAM_TO), "with_each_byte", with_each_byte);
        add_at(LISTENERS, "held_by_many", held_by_many);
        add_at(sockets, "set_aside", set_aside);
        add_at(LISTENERS, "aside_bounded", aside_bounded);
        add_at(sockets, "no_room", no_room);
        add_at(LISTENERS, "itself", itself);
        add_at(sockets, "unwanted", unwanted);
}

TEST_MAIN_WITH(add_tests)
