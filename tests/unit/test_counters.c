/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "base/cleanup.h"
#include "channel/counters.h"
#include "memory/memfile.h"

#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

/* The page that this process holds by this descriptor, opened as a stranger would; -1: it is none. */
static int open_page(int fd, int flags) {
        char path[40], link[64];
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, link, sizeof(link) - 1);
        link[n > 0 ? n : 0] = '\0';
        if (strcmp(link, "/memfd:" COUNTERS_NAME " (deleted)") != 0)
                return -1;
        int page = open(path, flags | O_CLOEXEC);
        CHECK(page >= 0);
        return page;
}

/* The pages that this process holds, read as a stranger would. Returns how many. */
static int find_pages(struct counters_page *ret_pages, int most) {
        int count = 0;
        for (int fd = 3; fd < 256; fd++) {
                struct memfile file;
                CLOSE_AT_EXIT int other = open_page(fd, O_RDONLY);
                if (other < 0)
                        continue;
                CHECK_EQ(memfile_adopt(other, PAGE, 0, &file), 0);
                CHECK(count < most);
                memcpy(&ret_pages[count++], file.bytes, sizeof(struct counters_page));
                memfile_free(&file);
        }
        return count;
}

static struct counters_page find_page(unsigned flag) {
        struct counters_page pages[4];
        for (int i = find_pages(pages, 4); i > 0; i--)
                if (pages[i - 1].flags & flag)
                        return pages[i - 1];
        FAIL("there is no page of it");
        return pages[0];
}

struct ends {
        struct leat_channel *receiver, *sender;
};

static struct ends open_ends(const char *address) {
        struct ends ends;
        CHECK_EQ(leat_open(address, LEAT_RECEIVE, LEAT_NOW, &ends.receiver), 0);
        CHECK_EQ(leat_open(address, LEAT_SEND, harness_deadline_ms(1000), &ends.sender), 0);
        return ends;
}

static void close_ends(const struct ends *ends) {
        leat_close(ends->sender);
        leat_close(ends->receiver);
}

static void send_some(struct leat_channel *sender, int count, size_t size) {
        char bytes[200] = { 0 };
        for (int i = 0; i < count; i++)
                CHECK_EQ(leat_send(sender, 1 + i % 2, bytes, size, harness_deadline_ms(1000)), 0);
}

static void receive_some(struct leat_channel *receiver, int count, int64_t select) {
        char bytes[200];
        for (int i = 0; i < count; i++)
                CHECK(leat_receive(receiver, select, bytes, sizeof(bytes), harness_deadline_ms(1000), NULL) >= 0);
}

TEST(each_party_has_a_page_that_says_who_and_where) {
        (void)harness_tmpdir();
        struct ends ends = open_ends("shm:jobs?ring=128k");
        struct counters_page receiver = find_page(COUNTERS_LISTENS), sender = find_page(LEAT_SEND);
        char path[300];
        (void)snprintf(path, sizeof(path), "%s/leat/jobs", harness_tmpdir());
        CHECK_STR(receiver.address, path);
        CHECK_STR(sender.address, path);
        CHECK_EQ(receiver.inode, sender.inode);
        CHECK(receiver.inode != 0);
        CHECK_EQ(receiver.pid, getpid());
        CHECK_EQ(sender.ring_bytes, 128 << 10);
        CHECK(!(sender.flags & COUNTERS_LISTENS));
        close_ends(&ends);
        struct counters_page none[1];
        CHECK_EQ(find_pages(none, 1), 0);
}

TEST(nobody_else_can_write_it) {
        (void)harness_tmpdir();
        struct ends ends = open_ends("shm:jobs");
        int found = 0;
        for (int fd = 3; fd < 64; fd++) {
                CLOSE_AT_EXIT int other = open_page(fd, O_RDWR);
                if (other < 0)
                        continue;
                CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0) == MAP_FAILED);
                CHECK(pwrite(other, "x", 1, 0) < 0);
                CHECK(ftruncate(other, 0) < 0);
                found++;
        }
        CHECK_EQ(found, 2);
        close_ends(&ends);
}

TEST(messages_and_bytes_are_counted_by_both) {
        (void)harness_tmpdir();
        struct ends ends = open_ends("shm:jobs");
        struct leat_info info = LEAT_INFO_INIT;
        send_some(ends.sender, 70, 10);
        receive_some(ends.receiver, 30, LEAT_ANY);
        struct counters_page receiver = find_page(COUNTERS_LISTENS), sender = find_page(LEAT_SEND);
        CHECK_EQ(counter_get(&sender.counters.sent), 70);
        CHECK_EQ(counter_get(&sender.counters.sent_bytes), 700);
        CHECK_EQ(counter_get(&sender.counters.connections), 1);
        CHECK_EQ(counter_get(&receiver.counters.received), 30);
        CHECK_EQ(counter_get(&receiver.counters.received_bytes), 300);
        CHECK_EQ(counter_get(&receiver.counters.connections), 1);
        CHECK_EQ(leat_channel_info(ends.sender, &info), 0);
        CHECK_EQ(info.sent_bytes, 700);
        CHECK_EQ(leat_channel_info(ends.receiver, &info), 0);
        CHECK_EQ(info.received_bytes, 300);
        close_ends(&ends);
}

/* What is set aside was taken from the ring, and not received. */
TEST(what_is_set_aside_is_known) {
        (void)harness_tmpdir();
        struct ends ends = open_ends("shm:jobs");
        send_some(ends.sender, 10, 8);
        receive_some(ends.receiver, 5, LEAT_TYPE(2));
        struct counters_page receiver = find_page(COUNTERS_LISTENS);
        CHECK_EQ(counter_get(&receiver.counters.received_bytes), 40);
        CHECK_EQ(counter_get(&receiver.counters.received_aside), 40);
        receive_some(ends.receiver, 5, LEAT_ANY);
        receiver = find_page(COUNTERS_LISTENS);
        CHECK_EQ(counter_get(&receiver.counters.received_bytes), 80);
        CHECK_EQ(counter_get(&receiver.counters.received_aside), 0);
        close_ends(&ends);
}

/* Until there is no room. */
static int fill(struct leat_channel *sender) {
        char bytes[200] = { 0 };
        int count = 0, r;
        while ((r = leat_send(sender, 1, bytes, sizeof(bytes), LEAT_NOW)) == 0)
                count++;
        CHECK_EQ(r, -EAGAIN);
        return count;
}

TEST(full_rings_waits_and_peers_that_went_are_counted) {
        (void)harness_tmpdir();
        char bytes[200];
        struct ends ends = open_ends("shm:jobs?ring=128k&wait=sleep");
        int count = fill(ends.sender);
        CHECK_EQ(leat_send(ends.sender, 1, bytes, sizeof(bytes), leat_in_ms(1)), -ETIMEDOUT);
        struct counters_page sender = find_page(LEAT_SEND);
        CHECK_EQ(counter_get(&sender.counters.full), 2);
        CHECK_EQ(counter_get(&sender.counters.waits[0]), 1);
        leat_close(ends.sender);
        receive_some(ends.receiver, count, LEAT_ANY);
        CHECK_EQ(leat_receive(ends.receiver, LEAT_ANY, bytes, sizeof(bytes), harness_deadline_ms(1000), NULL),
                 -ENODATA);
        struct counters_page receiver = find_page(COUNTERS_LISTENS);
        CHECK_EQ(counter_get(&receiver.counters.connections), 0);
        CHECK_EQ(counter_get(&receiver.counters.connected), 1);
        CHECK_EQ(counter_get(&receiver.counters.hung_up), 1);
        CHECK_EQ(counter_get(&receiver.counters.quarantined), 0);
        CHECK_EQ(counter_get(&receiver.counters.received_gone), 200 * count);
        leat_close(ends.receiver);
}

static void look_for_none(void *argument) {
        struct counters_page pages[4];
        (void)argument;
        CHECK_EQ(find_pages(pages, 4), 0);
}

TEST(a_forked_child_holds_none) {
        (void)harness_tmpdir();
        struct ends ends = open_ends("shm:jobs");
        CHECK_EQ(harness_wait(harness_fork(look_for_none, NULL)), 0);
        send_some(ends.sender, 1, 1);
        struct counters_page sender = find_page(LEAT_SEND);
        CHECK_EQ(counter_get(&sender.counters.sent), 1);
        close_ends(&ends);
}

static void close_both(void *argument) {
        close_ends(argument);
}

TEST(a_forked_child_may_close_what_is_not_its_own) {
        (void)harness_tmpdir();
        struct ends ends = open_ends("shm:jobs");
        CHECK_EQ(harness_wait(harness_fork(close_both, &ends)), 0);
        send_some(ends.sender, 1, 1);
        receive_some(ends.receiver, 1, LEAT_ANY);
        close_ends(&ends);
}

static void go_on_sending(void *argument) {
        const struct ends *ends = argument;
        send_some(ends->sender, 2, 5);
        struct counters_page sender = find_page(LEAT_SEND);
        CHECK_EQ(counter_get(&sender.counters.sent), 3);
        CHECK(sender.flags & COUNTERS_GIVEN);
        leat_close(ends->sender);
}

TEST(a_child_that_is_given_the_channel_counts_on) {
        (void)harness_tmpdir();
        struct ends ends = open_ends("shm:jobs");
        send_some(ends.sender, 1, 5);
        CHECK_EQ(leat_give(ends.sender), 0);
        pid_t child = harness_fork(go_on_sending, &ends);
        leat_close(ends.sender);
        receive_some(ends.receiver, 3, LEAT_ANY);
        CHECK_EQ(harness_wait(child), 0);
        leat_close(ends.receiver);
}

TEST_MAIN()
