/* SPDX-License-Identifier: MIT */
/* Many connections: at once, without end, without a word; and limits of descriptors and memory. */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sanitizers keep what was freed, and shadows of what is in use. */
static size_t memory_limit(size_t bytes) {
        return getenv("LEAT_SANITIZE") ? bytes * 3 + ((size_t)512 << 20) : bytes;
}

/* What the process holds now; not what malloc keeps of what was freed, which differs from run to run. */
static size_t allocated_bytes(void) {
#ifdef __GLIBC__
        if (!getenv("LEAT_SANITIZE")) { /* whose malloc tells nothing */
                struct mallinfo2 heap = mallinfo2();
                return heap.uordblks + heap.hblkhd;
        }
#endif
        return resident_bytes(getpid());
}

static int64_t connections_waiting(const struct victim *victim) {
        struct leat_info info = LEAT_INFO_INIT;
        CHECK_EQ(leat_channel_info(victim->channel, &info), 0);
        return (int64_t)info.parties;
}

/* ---- more than are allowed ---- */

static void too_many(void *argument) {
        struct victim victim;
        struct leat_channel *further;
        char buffer[64], address[160];
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "&connections=2");
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, leat_in_ms(1), NULL), -ETIMEDOUT);
        snprintf(address, sizeof address, "%.*s?connect", (int)strcspn(victim.address, "?"), victim.address);
        for (int i = 0; i < 20; i++) {
                int one = victim_connect(&victim);
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
                int peer = victim.peer;
                victim.peer = one;
                check_cut_off(&victim, EBUSY);
                victim.peer = peer;
                close(one);
                CHECK_EQ(leat_open(address, LEAT_SEND, harness_deadline_ms(40000), &further), 0);
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
                CHECK_EQ(leat_send(further, 1, "abc", 3, harness_deadline_ms(40000)), -EBUSY);
                leat_close(further);
                check_honest(&victim);
        }
        close(victim.peer);
        victim.peer = -1;
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        CHECK_EQ(leat_open(address, LEAT_SEND, harness_deadline_ms(40000), &further), 0);
        CHECK_EQ(leat_send(further, 1, "abc", 3, harness_deadline_ms(40000)), 0);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), 3);
        leat_close(further);
        victim_close(&victim);
}

/* ---- those that say nothing ---- */

enum { SILENT = 2000 };

struct silence {
        struct victim *victim;
        struct harness_event *connected, *done;
};

/* A stream begins a header. A packet is whole, and as large as one can be. */
static void connect_many(void *argument) {
        struct silence *silence = argument;
        static uint8_t frame[FRAME_MOST];
        const struct wire_header header = { .kind = WIRE_MESSAGE, .type = 5, .size = WIRE_FRAME_BYTES, .sequence = 1 };
        size_t size = make_frame(silence->victim->place, &header, NULL, frame);
        for (int i = 0; i < SILENT; i++) {
                int fd = victim_connect(silence->victim);
                if (!is_packets(silence->victim->place))
                        CHECK_EQ(send(fd, "L", 1, MSG_NOSIGNAL), 1);
                else
                        CHECK_EQ(send(fd, frame, size, MSG_NOSIGNAL), size);
        }
        harness_event_signal(silence->connected);
        harness_event_wait(silence->done);
}

static void silent(void *argument) {
        struct victim victim;
        static char buffer[WIRE_FRAME_BYTES];
        bool packets = is_packets(*(enum place *)argument);
        harness_allow_descriptors(SILENT + 200);
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        check_honest(&victim);
        size_t before = resident_bytes(getpid());
        struct silence silence = { &victim, harness_event_new(), harness_event_new() };
        pid_t pid = harness_fork(connect_many, &silence);
        int spoke = 0;
        while (connections_waiting(&victim) < SILENT + 2 || (packets && spoke < SILENT)) {
                ssize_t n = victim_receive(&victim, buffer, sizeof buffer, leat_in_ms(5), NULL);
                if (n == sizeof buffer)
                        spoke++;
                else
                        CHECK_EQ(n, -ETIMEDOUT);
        }
        harness_event_wait(silence.connected);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, leat_in_ms(5), NULL), -ETIMEDOUT);
        check_honest(&victim);
        /* The book says under 16 KiB for a channel, and a connection has its first buffer. */
        CHECK(resident_bytes(getpid()) < before + memory_limit((size_t)SILENT * (20 << 10)));
        harness_event_signal(silence.done);
        CHECK_EQ(harness_wait(pid), 0);
        while (connections_waiting(&victim) > 2)
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, leat_in_ms(5), NULL), -ETIMEDOUT);
        check_honest(&victim);
        victim_close(&victim);
}

static void come_and_go(void *argument) {
        const struct victim *victim = argument;
        leat_close(victim->channel);
        for (;;)
                close(victim_connect(victim));
}

/* Connections that come and go for ever hold nobody up. */
static void revolving_door(void *argument) {
        struct victim victim;
        char buffer[64];
        pid_t pids[3];
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        for (int i = 0; i < 3; i++)
                pids[i] = harness_fork(come_and_go, &victim);
        for (int i = 0; i < 10; i++) {
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, leat_in_ms(10), NULL), -ETIMEDOUT);
                check_honest(&victim);
        }
        for (int i = 0; i < 3; i++) {
                kill(pids[i], SIGKILL);
                harness_wait(pids[i]);
        }
        check_honest(&victim);
        victim_close(&victim);
}

/* ---- a thousand that do speak ---- */

enum { CROWDS = 4, EACH = 250, MESSAGES = 5 };

struct crowd {
        struct victim *victim;
        struct harness_event *ready, *go;
        int number;
};

static void speak(void *argument) {
        const struct crowd *crowd = argument;
        static struct leat_channel *channels[EACH];
        char address[160];
        snprintf(address, sizeof address, "%.*s?connect", (int)strcspn(crowd->victim->address, "?"),
                 crowd->victim->address);
        for (int i = 0; i < EACH; i++)
                CHECK_EQ(leat_open(address, LEAT_SEND, harness_deadline_ms(40000), &channels[i]), 0);
        harness_event_signal(crowd->ready);
        harness_event_wait(crowd->go);
        for (uint32_t message = 1; message <= MESSAGES; message++)
                for (uint32_t i = 0; i < EACH; i++) {
                        const uint32_t words[2] = { (uint32_t)crowd->number * EACH + i, message };
                        CHECK_EQ(leat_send(channels[i], 2, words, sizeof words, harness_deadline_ms(40000)), 0);
                }
        for (int i = 0; i < EACH; i++)
                leat_close(channels[i]);
}

static void thousand(void *argument) {
        struct victim victim;
        pid_t pids[CROWDS];
        static uint32_t last[CROWDS * EACH];
        uint32_t words[16];
        harness_allow_descriptors(3000);
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        struct harness_event *ready = harness_event_new(), *go = harness_event_new();
        size_t before = resident_bytes(getpid());
        for (int i = 0; i < CROWDS; i++)
                pids[i] = harness_fork(speak, &(struct crowd){ &victim, ready, go, i });
        for (int i = 0; i < CROWDS; i++)
                harness_event_wait(ready); /* all at once */
        for (int i = 0; i < CROWDS; i++)
                harness_event_signal(go);
        for (int i = 0; i < CROWDS * EACH * MESSAGES; i++) {
                CHECK_EQ(victim_receive(&victim, words, sizeof words, harness_deadline_ms(40000), NULL), 8);
                CHECK(words[0] < CROWDS * EACH);
                CHECK_EQ(words[1], last[words[0]] + 1);
                last[words[0]] = words[1];
        }
        CHECK(resident_bytes(getpid()) < before + memory_limit((size_t)CROWDS * EACH * (40 << 10)));
        for (int i = 0; i < CROWDS; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        check_honest(&victim);
        victim_close(&victim);
}

/* ---- those that begin what they do not end ---- */

enum { BEGINNERS = 200 };

struct beginners {
        struct victim *victim;
        uint32_t promised, sent;
        bool length; /* ?framing=length */
        struct harness_event *done, *go;
};

/* Write as much as the others leave room for; returns how many bytes, 0: it was cut off. */
static size_t begin_some(const struct beginners *beginners, int fd, uint64_t sent) {
        static uint8_t frame[FRAME_MOST];
        size_t size, whole = FRAME_MOST - (is_packets(beginners->victim->place) ? 1 : 0);
        struct wire_header header = { .kind = sent < whole ? WIRE_MESSAGE : WIRE_CONTINUE, .type = 5, .sequence = 1 };
        size_t at = sent % whole;
        if (beginners->length) {
                const uint8_t prefix[4] = { (uint8_t)(beginners->promised >> 24), (uint8_t)(beginners->promised >> 16),
                                            (uint8_t)(beginners->promised >> 8), (uint8_t)beginners->promised };
                ssize_t n = sent == 0 ? send(fd, prefix, 4, MSG_NOSIGNAL)
                                      : send(fd, frame, 65536, MSG_NOSIGNAL | MSG_DONTWAIT);
                return n > 0 ? (size_t)n : errno == EAGAIN ? SIZE_MAX : 0;
        }
        header.size = beginners->promised - (uint32_t)(sent / whole * WIRE_FRAME_BYTES);
        size = make_frame(beginners->victim->place, &header, NULL, frame);
        ssize_t n = send(fd, frame + at, size - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        return n > 0 ? (size_t)n : errno == EAGAIN ? SIZE_MAX : 0;
}

static void begin_much(void *argument) {
        const struct beginners *beginners = argument;
        struct pollfd fds[BEGINNERS / 4];
        uint64_t sent[BEGINNERS / 4] = { 0 };
        int left = BEGINNERS / 4;
        leat_close(beginners->victim->channel);
        for (int i = 0; i < BEGINNERS / 4; i++)
                fds[i] = (struct pollfd){ .fd = victim_connect(beginners->victim), .events = POLLOUT };
        while (left > 0) {
                CHECK(poll(fds, BEGINNERS / 4, -1) > 0);
                for (int i = 0; i < BEGINNERS / 4; i++) {
                        size_t n = fds[i].revents ? begin_some(beginners, fds[i].fd, sent[i]) : SIZE_MAX;
                        if (n == SIZE_MAX)
                                continue;
                        sent[i] += n;
                        if (n > 0 && sent[i] < beginners->sent)
                                continue;
                        fds[i].fd = -1 - fds[i].fd; /* still connected, and silent */
                        left--;
                }
        }
        harness_event_signal(beginners->done);
        harness_event_wait(beginners->go);
}

static void begin_without_end(struct victim *victim, struct beginners *beginners) {
        pid_t pids[4];
        char buffer[64];
        beginners->victim = victim;
        beginners->done = harness_event_new();
        beginners->go = harness_event_new();
        size_t before = allocated_bytes(), most = before;
        for (int i = 0; i < 4; i++)
                pids[i] = harness_fork(begin_much, beginners);
        for (int done = 0; done < 4; done += harness_event_try(beginners->done, LEAT_NOW)) {
                ssize_t n = victim_receive(victim, buffer, sizeof buffer, leat_in_ms(1), NULL);
                CHECK(n == -ETIMEDOUT);
                check_honest(victim);
                if (allocated_bytes() > most)
                        most = allocated_bytes();
        }
        /* Section 4 of contract.md, invariant 4; a buffer that grows is there twice. */
        size_t limit = 17 * ((size_t)beginners->promised + WIRE_FRAME_BYTES) +
                       (size_t)BEGINNERS * 2 * WIRE_FRAME_BYTES + 2 * (size_t)beginners->promised;
        printf("%zu MiB of %zu\n", (most - before) >> 20, limit >> 20);
        CHECK(most < before + memory_limit(limit));
        struct leat_info info = LEAT_INFO_INIT;
        CHECK_EQ(leat_channel_info(victim->channel, &info), 0);
        CHECK(info.refused > 0);
        CHECK(info.parties > 2);
        for (int i = 0; i < 4; i++)
                harness_event_signal(beginners->go);
        for (int i = 0; i < 4; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        check_honest(victim);
        victim_close(victim);
}

static void beginners(void *argument) {
        struct victim victim;
        struct beginners crowd = { .promised = 2 << 20, .sent = 15 << 17 };
        harness_allow_descriptors(1000);
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "&size=2M");
        begin_without_end(&victim, &crowd);
}

static void beginners_large(void *argument) {
        struct victim victim;
        struct beginners crowd = { .promised = 16 << 20, .sent = 15 << 20 };
        harness_allow_descriptors(1000);
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        begin_without_end(&victim, &crowd);
}

static void beginners_length(void *argument) {
        struct victim victim;
        struct beginners crowd = { .promised = 2 << 20, .sent = 15 << 17, .length = true };
        harness_allow_descriptors(1000);
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "&framing=length&size=2M");
        begin_without_end(&victim, &crowd);
}

/* ---- no descriptor left ---- */

static int fillers[4096], fillers_count;

/* Leave so many descriptors free. */
static void leave(int free_ones) {
        while (fillers_count > 0)
                close(fillers[--fillers_count]);
        while (fillers_count < 4096 && (fillers[fillers_count] = fcntl(0, F_DUPFD_CLOEXEC, 3)) >= 0)
                fillers_count++;
        CHECK(errno == EMFILE && fillers_count >= free_ones);
        for (int i = 0; i < free_ones; i++)
                close(fillers[--fillers_count]);
}

static void unfill(void) {
        while (fillers_count > 0)
                close(fillers[--fillers_count]);
}

static void lower_limit(void) {
        struct rlimit files;
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
        files.rlim_cur = 100;
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
}

static void accept_no_room(void *argument) {
        struct victim victim;
        char buffer[64];
        int late[5];
        lower_limit();
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        check_honest(&victim);
        for (int i = 0; i < 5; i++)
                late[i] = victim_connect(&victim);
        leave(0);
        honest_send(&victim);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), -EMFILE);
        struct leat_reason why;
        CHECK_EQ(leat_why(victim.channel, &why), 0);
        CHECK(why.text && why.limit);
        CHECK_STR(why.limit, "RLIMIT_NOFILE");
        CHECK_EQ(why.limit_value, 100);
        for (int i = 0; i < 5; i++) {
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, leat_in_ms(5), NULL), -ETIMEDOUT); /* once */
                CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
                check_honest(&victim);
        }
        peer_send(&victim, &(struct wire_header){ .kind = WIRE_MESSAGE, .type = 5, .size = 3, .sequence = 1 }, "abc");
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), 3);
        leave(3);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN); /* that is known */
        CHECK_EQ(connections_waiting(&victim), 5);
        leave(10);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        CHECK_EQ(connections_waiting(&victim), 7);
        unfill();
        for (int i = 0; i < 5; i++)
                close(late[i]);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        CHECK_EQ(connections_waiting(&victim), 2);
        victim_close(&victim);
}

/* The last free one is taken: nobody was turned away, so nothing is told. */
static void accept_the_last(void *argument) {
        struct victim victim;
        char buffer[64];
        lower_limit();
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        check_honest(&victim);
        int late = victim_connect(&victim);
        leave(1);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, leat_in_ms(5), NULL), -ETIMEDOUT);
        CHECK_EQ(connections_waiting(&victim), 3);
        unfill();
        close(late);
        victim_close(&victim);
}

/* When the last peer has gone the end comes, though one still waits at the door: after it. */
static void no_end_at_the_door(void *argument) {
        struct victim victim;
        char buffer[64];
        lower_limit();
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        check_honest(&victim);
        int late = victim_connect(&victim), waiting = victim.peer;
        leave(0);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), -EMFILE);
        victim.honest = leat_close(victim.honest);
        victim.peer = late;
        close(waiting);
        peer_send(&victim, &(struct wire_header){ .kind = WIRE_MESSAGE, .type = 5, .size = 3, .sequence = 1 }, "abc");
        close(late);
        victim.peer = -1;
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), 3);
        CHECK_EQ(victim_receive(&victim, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), -ENODATA);
        unfill();
        victim_close(&victim);
}

/* Open with 0, 1, 2 … descriptors to spare, until it works: each time before, the limit is named. */
static void open_with_few(const char *address) {
        struct leat_channel *channel;
        struct leat_reason why;
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        int before = harness_count_descriptors(), r = -EMFILE;
        options.flags = strstr(address, "connect") ? LEAT_SEND : LEAT_RECEIVE;
        options.deadline = harness_deadline_ms(40000);
        for (int room = 0; r < 0; room++) {
                CHECK(room < 20);
                leave(room);
                r = leat_open_with(address, &options, &why, &channel);
                unfill();
                if (r == 0)
                        break;
                CHECK_EQ(r, -EMFILE);
                CHECK(why.text);
                CHECK_STR(why.limit, "RLIMIT_NOFILE");
                CHECK_EQ(why.limit_value, 100);
                CHECK_EQ(harness_count_descriptors(), before);
        }
        leat_close(channel);
        CHECK_EQ(harness_count_descriptors(), before);
}

static void pair_with_few(const char *address) {
        struct leat_channel *one, *other;
        struct leat_reason why;
        int before = harness_count_descriptors(), r = -EMFILE;
        for (int room = 0; r < 0; room++) {
                CHECK(room < 20);
                leave(room);
                r = leat_pair(address, &why, &one, &other);
                unfill();
                if (r == 0)
                        break;
                CHECK_EQ(r, -EMFILE);
                CHECK_STR(why.limit, "RLIMIT_NOFILE");
                CHECK_EQ(harness_count_descriptors(), before);
        }
        leat_close(one);
        leat_close(other);
}

static void open_no_room(void *argument) {
        static const char *const addresses[] = { "unix:%s/a?listen",  "unix-stream:%s/b?listen",
                                                 "unix:%s/l?connect", "unix-stream:%s/s?connect",
                                                 "unix:@%s",          "unix:bare" };
        char address[200], path[120];
        (void)argument;
        lower_limit();
        snprintf(path, sizeof path, "%s/l", harness_tmpdir());
        int packets = listen_at(path, SOCK_SEQPACKET);
        snprintf(path, sizeof path, "%s/s", harness_tmpdir());
        int stream = listen_at(path, SOCK_STREAM);
        for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
                snprintf(address, sizeof address, addresses[i], harness_tmpdir());
                printf("%s\n", address);
                open_with_few(address);
        }
        pair_with_few("pipe:");
        pair_with_few("pipe:?pattern=pair");
        pair_with_few("unix:");
        pair_with_few("unix-stream:?pattern=pair");
        close(packets);
        close(stream);
}

static void add_tests(void) {
        add_at(LISTENERS, "too_many", too_many);
        add_at(LISTENERS, "silent", silent);
        add_at(LISTENERS, "revolving_door", revolving_door);
        add_at(LISTENERS, "thousand", thousand);
        add_at(LISTENERS, "beginners", beginners);
        add_at(LISTENERS, "beginners_large", beginners_large);
        add_at(AT(STREAM), "beginners_length", beginners_length);
        add_at(LISTENERS, "accept_no_room", accept_no_room);
        add_at(LISTENERS, "accept_the_last", accept_the_last);
        add_at(LISTENERS, "no_end_at_the_door", no_end_at_the_door);
        harness_add("open_no_room", open_no_room, NULL);
}

TEST_MAIN_WITH(add_tests)
