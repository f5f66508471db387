/* SPDX-License-Identifier: MIT */

/*
 * Very many channels, very many peers of one, and what they take: as many descriptors and mappings as man/leat_shm.7.scd says ("LIMITS"),
 * and none when they are closed. Where the system gives no more: an error with a reason, nothing left behind, and the others go on.
 */

#include "rings.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define SOON harness_deadline_ms(60000)

/* leat_shm(7), "LIMITS". */
enum { LINK_FDS = 4, LINK_MAPPINGS = 4, CONNECTS_FDS = 4, LISTENS_FDS = 5, CHANNEL_MAPPINGS = 1 };

/* Of the library's: what the rest of the process maps is its own affair. */
static int count_mappings(void) {
        char line[512];
        int count = 0;
        FILE *maps = fopen("/proc/self/maps", "re");
        CHECK(maps);
        while (fgets(line, sizeof line, maps))
                count += strstr(line, "memfd:leat-") != NULL;
        fclose(maps);
        return count;
}

struct holds {
        int fds, mappings;
};

static struct holds hold_now(void) {
        return (struct holds){ harness_count_descriptors(), count_mappings() };
}

static void check_holds(struct holds before, int channels, int channel_fds, int links) {
        CHECK_EQ(harness_count_descriptors(), before.fds + channels * channel_fds + links * LINK_FDS);
        CHECK_EQ(count_mappings(), before.mappings + channels * CHANNEL_MAPPINGS + links * LINK_MAPPINGS);
}

/* ---- a thousand channels between two processes ---- */

enum { THOUSAND = 1000 };

struct thousand {
        struct leat_channel *channels[THOUSAND];
        struct harness_event *sent, *go_on;
};

static void name(char address[120], int i, const char *options) {
        snprintf(address, 120, "shm:%s/%d%s", harness_tmpdir(), i, options);
}

static void send_to_each(struct leat_channel **channels, int64_t type) {
        for (int i = 0; i < THOUSAND; i++)
                CHECK_EQ(leat_send(channels[i], type, &i, sizeof i, SOON), 0);
}

static void take_from_each(struct leat_channel **channels, int64_t type) {
        for (int i = 0; i < THOUSAND; i++) {
                int number = -1;
                CHECK_EQ(leat_receive(channels[i], LEAT_TYPE(type), &number, sizeof number, SOON, NULL), sizeof number);
                CHECK_EQ(number, i);
        }
}

static void close_each(struct leat_channel **channels) {
        for (int i = 0; i < THOUSAND; i++)
                leat_close(channels[i]);
}

static void send_by_each(void *argument) {
        struct thousand *thousand = argument;
        static struct leat_channel *channels[THOUSAND];
        char address[120];
        struct holds before = hold_now();
        for (int i = 0; i < THOUSAND; i++) {
                name(address, i, "?ring=128k");
                channels[i] = open_or_fail(address, LEAT_SEND, SOON);
        }
        send_to_each(channels, 1);
        harness_event_signal(thousand->sent);
        harness_event_wait(thousand->go_on); /* every one is answered now */
        send_to_each(channels, 2);
        check_holds(before, THOUSAND, CONNECTS_FDS, THOUSAND);
        harness_event_signal(thousand->sent);
        close_each(channels);
        check_holds(before, 0, 0, 0);
}

TEST(a_thousand_channels_of_two_processes) {
        static struct thousand thousand;
        char address[120];
        harness_allow_descriptors(THOUSAND * (LISTENS_FDS + LINK_FDS) + 100);
        thousand.sent = harness_event_new();
        thousand.go_on = harness_event_new();
        pid_t pid = harness_fork(send_by_each, &thousand); /* it has none of these */
        struct holds before = hold_now();
        for (int i = 0; i < THOUSAND; i++) {
                name(address, i, "");
                thousand.channels[i] = open_or_fail(address, LEAT_RECEIVE, SOON);
        }
        check_holds(before, THOUSAND, LISTENS_FDS, 0);
        harness_event_wait(thousand.sent);
        take_from_each(thousand.channels, 1);
        check_holds(before, THOUSAND, LISTENS_FDS, THOUSAND);
        harness_event_signal(thousand.go_on);
        harness_event_wait(thousand.sent);
        take_from_each(thousand.channels, 2);
        CHECK_EQ(harness_wait(pid), 0);
        for (int i = 0; i < THOUSAND; i++)
                CHECK_EQ(leat_receive(thousand.channels[i], LEAT_ANY, NULL, 0, SOON, NULL), -ENODATA);
        check_holds(before, THOUSAND, LISTENS_FDS, 0);
        close_each(thousand.channels);
        check_holds(before, 0, 0, 0);
}

/* ---- two hundred peers of one channel ---- */

enum { PEERS = 200, MESSAGES = 20 };

struct peers {
        char address[120];
        int first, count;
        struct harness_event *sent, *go_on, *done;
};

/* Some close their channels, and some are killed. */
static void be_peers(void *argument) {
        const struct peers *peers = argument;
        struct leat_channel *channels[PEERS];
        for (int i = 0; i < peers->count; i++)
                channels[i] = open_or_fail(peers->address, LEAT_SEND, SOON);
        for (int message = 0; message < MESSAGES; message++)
                for (int i = 0; i < peers->count; i++) {
                        const int words[2] = { peers->first + i, message };
                        CHECK_EQ(leat_send(channels[i], 1, words, sizeof words, SOON), 0);
                }
        harness_event_signal(peers->sent);
        harness_event_wait(peers->go_on);
        if (peers->first / peers->count % 2)
                raise(SIGKILL);
        for (int i = 0; i < peers->count; i++)
                leat_close(channels[i]);
}

static void take_from_peers(struct leat_channel *receiver) {
        int next[PEERS] = { 0 };
        for (int i = 0; i < PEERS * MESSAGES; i++) {
                int words[2];
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, words, sizeof words, SOON, NULL), sizeof words);
                CHECK(words[0] >= 0 && words[0] < PEERS);
                CHECK_EQ(words[1], next[words[0]]++);
        }
}

TEST(two_hundred_peers_of_one_channel) {
        const int processes = SANITIZED ? 8 : PEERS;
        struct peers peers = { .count = PEERS / processes };
        pid_t pids[PEERS];
        harness_allow_descriptors(PEERS * LINK_FDS + 100);
        peers.sent = harness_event_new();
        peers.go_on = harness_event_new();
        name(peers.address, 0, "");
        struct holds before = hold_now();
        struct leat_channel *receiver = open_or_fail(peers.address, LEAT_RECEIVE, SOON);
        strcat(peers.address, "?ring=128k");
        for (int i = 0; i < processes; i++) {
                peers.first = i * peers.count;
                pids[i] = harness_fork(be_peers, &peers);
        }
        take_from_peers(receiver);
        for (int i = 0; i < processes; i++)
                harness_event_wait(peers.sent);
        check_holds(before, 1, LISTENS_FDS, PEERS);
        CHECK_EQ(info_of(receiver).parties, PEERS);
        for (int i = 0; i < processes; i++)
                harness_event_signal(peers.go_on);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL), -ENODATA);
        for (int i = 0; i < processes; i++)
                CHECK_EQ(harness_wait(pids[i]), i % 2 ? -SIGKILL : 0);
        check_holds(before, 1, LISTENS_FDS, 0);
        leat_close(receiver);
        check_holds(before, 0, 0, 0);
}

/* ---- more of them come, and end, at once than are read in one try ---- */

enum { TOGETHER = 600 };

struct together {
        char address[120];
        struct harness_event *opened, *go_on, *sent;
};

static void be_together(void *argument) {
        const struct together *together = argument;
        struct leat_channel *channels[TOGETHER];
        for (int i = 0; i < TOGETHER; i++)
                channels[i] = open_or_fail(together->address, LEAT_SEND, SOON);
        harness_event_signal(together->opened);
        harness_event_wait(together->go_on);
        for (int i = 0; i < TOGETHER; i++)
                CHECK_EQ(leat_send(channels[i], 1, &i, sizeof i, SOON), 0);
        harness_event_signal(together->sent);
        for (;;)
                pause();
}

TEST(peers_come_and_end_together) {
        struct together together = { .opened = harness_event_new(),
                                     .go_on = harness_event_new(),
                                     .sent = harness_event_new() };
        int number = -1;
        harness_allow_descriptors(TOGETHER * LINK_FDS + 100);
        name(together.address, 0, "");
        struct holds before = hold_now();
        struct leat_channel *receiver = open_or_fail(together.address, LEAT_RECEIVE, SOON);
        strcat(together.address, "?ring=128k");
        pid_t pid = harness_fork(be_together, &together);
        harness_event_wait(together.opened);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, leat_in_ms(1), NULL), -ETIMEDOUT); /* it sleeps on each */
        harness_event_signal(together.go_on);
        for (int i = 0; i < TOGETHER; i++)
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, &number, sizeof number, SOON, NULL), sizeof number);
        harness_event_wait(together.sent);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, leat_in_ms(1), NULL), -ETIMEDOUT);
        CHECK_EQ(kill(pid, SIGKILL), 0);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL), -ENODATA);
        leat_close(receiver);
        check_holds(before, 0, 0, 0);
}

/* ---- descriptors ---- */

enum { FEW = 64 };

static int fillers[FEW], fillers_count;

/* Leave so many free. */
static void leave(int free_ones) {
        struct rlimit files;
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
        files.rlim_cur = FEW;
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
        while (fillers_count < FEW && (fillers[fillers_count] = fcntl(0, F_DUPFD_CLOEXEC, 3)) >= 0)
                fillers_count++;
        CHECK(fillers_count >= free_ones);
        for (int i = 0; i < free_ones; i++)
                close(fillers[--fillers_count]);
}

static void unfill(void) {
        while (fillers_count > 0)
                close(fillers[--fillers_count]);
}

struct opening {
        const char *address; /* NULL: a pair */
        unsigned flags;
        int error;
};

static int open_one(const struct opening *opening, struct leat_reason *ret_why, struct leat_channel *ret_both[2]) {
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        options.flags = opening->flags;
        options.deadline = SOON;
        ret_both[1] = NULL;
        if (!opening->address)
                return leat_pair("shm:?ring=128k", ret_why, &ret_both[0], &ret_both[1]);
        return leat_open_with(opening->address, &options, ret_why, &ret_both[0]);
}

static void open_with_few_descriptors(const struct opening *opening) {
        struct leat_channel *both[2];
        struct leat_reason why;
        struct holds before = hold_now();
        int r = -EMFILE;
        for (int room = 0; r < 0; room++) {
                CHECK(room < 20);
                leave(room);
                r = open_one(opening, &why, both);
                unfill();
                if (r == 0)
                        break;
                CHECK_EQ(r, -EMFILE);
                CHECK(why.text && why.limit);
                CHECK_STR(why.limit, "RLIMIT_NOFILE");
                CHECK_EQ(why.limit_value, FEW);
                check_holds(before, 0, 0, 0);
        }
        leat_close(both[1]);
        leat_close(both[0]);
        check_holds(before, 0, 0, 0);
}

TEST(an_open_without_descriptors) {
        char address[120];
        struct leat_channel *door;
        name(address, 1, "");
        open_with_few_descriptors(&(struct opening){ address, LEAT_RECEIVE, 0 });
        open_with_few_descriptors(&(struct opening){ NULL, 0, 0 });
        door = open_or_fail(address, LEAT_RECEIVE, SOON);
        open_with_few_descriptors(&(struct opening){ address, LEAT_SEND, 0 });
        leat_close(door);
}

/* Those at the door wait, those inside go on, and one that leaves makes room for another. */
TEST(a_listener_without_descriptors) {
        struct leat_channel *inside, *late;
        struct leat_reason why;
        char address[120];
        name(address, 1, "");
        struct leat_channel *receiver = open_or_fail(address, LEAT_RECEIVE, SOON);
        inside = open_or_fail(address, LEAT_SEND, SOON);
        CHECK_EQ(leat_send(inside, 1, "first", 5, SOON), 0);
        take_or_fail(receiver, "first", SOON);
        late = open_or_fail(address, LEAT_SEND, SOON);
        CHECK_EQ(leat_send(late, 1, "late", 4, SOON), 0);
        leave(LINK_FDS - 1);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL), -EMFILE);
        CHECK_EQ(leat_why(receiver, &why), 0);
        CHECK(why.text && why.limit);
        CHECK_STR(why.limit, "RLIMIT_NOFILE");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, LEAT_NOW, NULL), -EAGAIN);
        for (int i = 0; i < 100; i++) {
                CHECK_EQ(leat_send(inside, 1, "inside", 6, SOON), 0);
                take_or_fail(receiver, "inside", SOON);
        }
        leat_close(inside);
        unfill();
        take_or_fail(receiver, "late", SOON);
        leat_close(late);
        leat_close(receiver);
}

/* ---- mappings ---- */

#if !SANITIZED /* which needs mappings and addresses of its own */

/* Pages of which every second one may not be touched are a mapping each. */
#define EACH_PAIR 16384u

struct map_filler {
        uint8_t *pages;
        size_t count;
};

static bool protect(const struct map_filler *filler, size_t pair, int protection) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        return mprotect(filler->pages + 2 * pair * page, page, protection) == 0;
}

/* No mapping is left but for two times so many. */
static void leave_pairs(struct map_filler *filler, size_t free_pairs) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE), most = 4 * (size_t)EACH_PAIR;
        if (!filler->pages) {
                filler->pages =
                        mmap(NULL, 2 * most * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
                CHECK(filler->pages != MAP_FAILED);
        }
        while (filler->count < most && protect(filler, filler->count, PROT_READ))
                filler->count++;
        if (filler->count == most)
                SKIP("vm.max_map_count is above %zu", 2 * most);
        while (free_pairs-- > 0)
                CHECK(protect(filler, --filler->count, PROT_NONE));
}

static void unfill_maps(struct map_filler *filler) {
        CHECK_EQ(munmap(filler->pages, 8 * (size_t)EACH_PAIR * (size_t)sysconf(_SC_PAGESIZE)), 0);
        *filler = (struct map_filler){ 0 };
}

static void check_names_mappings(const struct leat_reason *why) {
        long most = 0;
        FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
        CHECK(file && fscanf(file, "%ld", &most) == 1);
        fclose(file);
#if defined(__GLIBC__) /* musl's malloc wants mappings, too: then it is that which has none */
        CHECK(why->text && why->limit);
#endif
        if (!why->limit)
                return;
        CHECK_STR(why->limit, "vm.max_map_count");
        CHECK_EQ(why->limit_value, most);
}

#if defined(__GLIBC__) /* how many mappings malloc() takes is musl's own business */
static void open_with_few_mappings(const struct opening *opening) {
        struct leat_channel *both[2];
        struct map_filler filler = { 0 };
        struct leat_reason why;
        struct holds before = hold_now();
        int r = -ENOMEM;
        for (size_t room = 0; r < 0; room++) {
                CHECK(room < 20);
                leave_pairs(&filler, room);
                why = (struct leat_reason){ 0 };
                r = open_one(opening, &why, both);
                if (r == 0)
                        break;
                unfill_maps(&filler);
                CHECK_EQ(r, -ENOMEM);
                check_names_mappings(&why);
                check_holds(before, 0, 0, 0);
        }
        unfill_maps(&filler);
        leat_close(both[1]);
        leat_close(both[0]);
        check_holds(before, 0, 0, 0);
}

TEST(an_open_without_mappings) {
        char address[120];
        struct leat_channel *door;
        name(address, 1, "");
        open_with_few_mappings(&(struct opening){ address, LEAT_RECEIVE, 0 });
        open_with_few_mappings(&(struct opening){ NULL, 0, 0 });
        door = open_or_fail(address, LEAT_RECEIVE, SOON);
        open_with_few_mappings(&(struct opening){ address, LEAT_SEND, 0 });
        leat_close(door);
}
#endif

/* RLIMIT_AS leaves room for the channel, and none for its ring. */
TEST(an_open_without_addresses) {
        char address[120];
        struct leat_channel *both[2];
        struct leat_reason why = { 0 };
        struct rlimit limit, before;
        unsigned long pages = 0;
        struct holds held = hold_now();
        name(address, 1, "");
        struct leat_channel *door = open_or_fail(address, LEAT_RECEIVE, SOON);
        FILE *file = fopen("/proc/self/statm", "re");
        CHECK(file && fscanf(file, "%lu", &pages) == 1);
        fclose(file);
        CHECK_EQ(getrlimit(RLIMIT_AS, &before), 0);
        limit = before;
        limit.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (8 << 20);
        CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
        name(address, 1, "?ring=64M");
        CHECK_EQ(open_one(&(struct opening){ address, LEAT_SEND, 0 }, &why, both), -ENOMEM);
        CHECK_EQ(setrlimit(RLIMIT_AS, &before), 0);
        CHECK(why.text && why.limit);
        CHECK_STR(why.limit, "RLIMIT_AS");
        CHECK_EQ(why.limit_value, limit.rlim_cur);
        CHECK_EQ(leat_receive(door, LEAT_ANY, NULL, 0, LEAT_NOW, NULL), -EAGAIN);
        leat_close(door);
        check_holds(held, 0, 0, 0);
}

/* The one that comes is cut off and told so, and the receiver is; those that are there go on, and so does the next one. */
TEST(a_listener_without_mappings) {
        char address[120];
        name(address, 1, "");
        struct leat_channel *receiver = open_or_fail(address, LEAT_RECEIVE, SOON);
        struct leat_channel *inside = open_or_fail(address, LEAT_SEND, SOON);
        struct leat_reason why;
        ssize_t r = -ENOMEM;
        for (int i = 0; i < 2; i++) { /* the second one finds the answer to its greeting */
                CHECK_EQ(leat_send(inside, 1, "inside", 6, SOON), 0);
                take_or_fail(receiver, "inside", SOON);
        }
        for (size_t room = 0; r != -EAGAIN; room++) {
                struct map_filler filler = { 0 };
                struct leat_channel *late = open_or_fail(address, LEAT_SEND, SOON);
                struct holds before = hold_now();
                CHECK(room < 10);
                leave_pairs(&filler, room);
                r = leat_receive(receiver, LEAT_ANY, NULL, 0, LEAT_NOW, NULL);
                CHECK_EQ(leat_why(receiver, &why), 0);
                unfill_maps(&filler);
                CHECK_EQ(leat_send(inside, 1, "inside", 6, SOON), 0);
                if (r == -EAGAIN)
                        CHECK_EQ(leat_send(late, 1, "late", 4, SOON), 0);
                else {
                        CHECK_EQ(r, -ENOMEM);
                        check_names_mappings(&why);
                        check_holds(before, 0, 0, 0);
                        CHECK_EQ(leat_send(late, 1, "late", 4, SOON), -EPIPE);
                }
                leat_close(late);
                take_or_fail(receiver, "inside", SOON);
        }
        take_or_fail(receiver, "late", SOON);
        leat_close(inside);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL), -ENODATA);
        leat_close(receiver);
}

#endif

TEST_MAIN()
