/* SPDX-License-Identifier: MIT */
/* When a log begins its next file, what it keeps, and readers at every place meanwhile. */
#include "log.h"
#include "transport/log_file.h"
#include "transport/log_record.h"
#include <time.h>

static int64_t now_ns(void) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#define HOUR_NS INT64_C(3600000000000)

/* The first file, with one message that was sent so long ago. */
static void begin_ago(int64_t age_ns) {
        uint8_t bytes[LOG_HEADER_BYTES + 72] = { 0 };
        const struct log_header header = { .number = 1, .identity = "a log of old" };
        const struct record record = {
                .kind = RECORD_MESSAGE, .type = 1, .size = 3, .sequence = 1, .time_ns = now_ns() - age_ns
        };
        log_header_encode(&header, bytes);
        CHECK(record_encode(&record, "old", bytes + LOG_HEADER_BYTES));
        memcpy(bytes + LOG_HEADER_BYTES + RECORD_HEADER_BYTES, "old", 3);
        log_scribble(log_path(), 0, bytes, sizeof bytes);
}

/* Make a file look as if it was last written so long ago. */
static void make_old(const char *path, int64_t age_ns) {
        int64_t then = now_ns() - age_ns;
        const struct timespec times[2] = { { then / 1000000000, then % 1000000000 },
                                           { then / 1000000000, then % 1000000000 } };
        CHECK_EQ(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool is_there(const char *ending) {
        return log_size_of(log_path_of(ending)) >= 0;
}

static void fill(const char *options, unsigned count) {
        struct leat_channel *sender = log_sender(options);
        for (unsigned i = 0; i < count; i++)
                log_say(sender, "some forty bytes or so, to fill the file.");
        leat_close(sender);
}

TEST(a_file_that_is_too_old_is_left) {
        begin_ago(2 * HOUR_NS);
        struct leat_channel *receiver = log_receiver("");
        struct leat_channel *patient = log_sender("?rotate-age=3h"), *hasty = log_sender("?rotate-age=1h");
        log_say(patient, "young enough");
        CHECK(!is_there(".2"));
        log_say(hasty, "too old");
        CHECK(is_there(".2"));
        log_say(hasty, "in the second");
        log_say(patient, "also");
        CHECK(!is_there(".3"));
        log_hear(receiver, "old");
        log_hear(receiver, "young enough");
        log_hear(receiver, "too old");
        log_hear(receiver, "in the second");
        log_hear(receiver, "also");
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        /* What came when the first was too old stands in the second. */
        CHECK_EQ(log_size_of(log_path_of(".2")), 64 + 72 + 80 + 72);
        leat_close(patient);
        leat_close(hasty);
        leat_close(receiver);
}

/* Opened while the file was empty: the age counts from its first message, whoever sent it. */
TEST(age_counts_from_the_first_message_of_any_sender) {
        struct leat_channel *sender = log_sender("?rotate-age=1h");
        uint8_t bytes[72] = { 0 };
        const struct record record = {
                .kind = RECORD_MESSAGE, .type = 1, .size = 3, .sequence = 1, .time_ns = now_ns() - 2 * HOUR_NS
        };
        CHECK(record_encode(&record, "old", bytes));
        memcpy(bytes + RECORD_HEADER_BYTES, "old", 3);
        log_scribble(log_path(), -1, bytes, sizeof bytes);
        log_say(sender, "new");
        CHECK(is_there(".2"));
        leat_close(sender);
}

/* A clock that was set back: the file's beginning lies ahead, and is no reason. */
TEST(a_beginning_that_lies_ahead_is_not_old) {
        begin_ago(-2 * HOUR_NS);
        fill("?rotate-age=1s", 1);
        CHECK(!is_there(".2"));
}

TEST(so_many_files_are_kept) {
        fill("?rotate=4096", 300);
        CHECK(is_there(".8"));
        struct leat_channel *sender = log_sender("?rotate=4096&retain-files=2");
        for (unsigned i = 0; i < 100; i++)
                log_say(sender, "some forty bytes or so, to fill the file.");
        char ending[16];
        unsigned count = 0, highest = 0;
        for (unsigned number = 2; number < 30; number++) {
                snprintf(ending, sizeof ending, ".%u", number);
                count += is_there(ending);
                highest = is_there(ending) ? number : highest;
        }
        CHECK(highest > 9);
        snprintf(ending, sizeof ending, ".%u", highest - 2);
        CHECK(is_there(ending)); /* the newest ones */
        CHECK_EQ(count, 3);      /* the current one, and two */
        CHECK_EQ(log_size_of(log_path()), LOG_EMPTIED_BYTES);
        leat_close(sender);
}

TEST(none_but_the_current_file_is_kept) {
        fill("?rotate=4096&retain-files=0", 100);
        CHECK(!is_there(".2") || !is_there(".3"));
        CHECK_EQ(log_size_of(log_path()), LOG_EMPTIED_BYTES);
}

TEST(old_files_go_at_a_rotation_and_without_one) {
        fill("?rotate=4096", 140);
        CHECK(is_there(".4") && !is_there(".5"));
        make_old(log_path(), 50 * HOUR_NS);
        make_old(log_path_of(".2"), 30 * HOUR_NS);
        make_old(log_path_of(".3"), 10 * HOUR_NS);
        fill("?retain-age=2d", 1); /* no rotation: still at the first send */
        CHECK_EQ(log_size_of(log_path()), LOG_EMPTIED_BYTES);
        CHECK(is_there(".2") && is_there(".3"));
        struct leat_channel *receiver = log_receiver("");
        log_hear(receiver, "some forty bytes or so, to fill the file.");
        fill("?rotate=4096&retain-age=20h", 60);
        CHECK(!is_there(".2") && is_there(".3") && is_there(".5"));
        leat_close(receiver);
}

TEST(bytes_files_and_age_are_each_a_limit) {
        fill("?rotate=4096", 300);
        fill("?rotate=4096&retain=1G&retain-age=1d&retain-files=100", 50);
        CHECK(log_size_of(log_path()) > LOG_EMPTIED_BYTES && is_there(".2"));
        fill("?rotate=4096&retain=10k&retain-age=1d&retain-files=100", 50);
        CHECK_EQ(log_size_of(log_path()), LOG_EMPTIED_BYTES);
        CHECK(!is_there(".2"));
}

/* Who may use the log may use all of its files, whoever rotated it and with whatever umask. */
TEST(the_next_file_has_the_mode_of_the_first) {
        struct stat status;
        umask(022);
        CHECK_EQ(leat_create(log_at(""), 0660, true, NULL), 0);
        CHECK_EQ(leat_set(log_at(""), "mode", "0666", NULL), 0);
        umask(077);
        fill("?rotate=4096", 60);
        CHECK_EQ(stat(log_path_of(".2"), &status), 0);
        CHECK_EQ(status.st_mode & 0777, 0666);
        struct leat_channel *receiver = log_receiver("?pattern=queue");
        CHECK_EQ(stat(log_path_of(".position"), &status), 0);
        CHECK_EQ(status.st_mode & 0777, 0666);
        leat_close(receiver);
}

/* ---- the next file cannot be gone to yet ---- */

static void lock_as_cutter(int fd, short type) {
        struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_len = 1 };
        lock.l_start = (off_t)((INT64_C(1) << 62) + LOG_LOCK_WRITER);
        CHECK_EQ(fcntl(fd, F_OFD_SETLK, &lock), 0);
}

TEST(a_sender_waits_while_the_next_file_is_cut) {
        struct leat_channel *early = log_sender(""), *receiver = log_receiver("?from=end");
        fill("?rotate=4096", 60);
        int fd = open(log_path_of(".2"), O_RDWR | O_CLOEXEC);
        lock_as_cutter(fd, F_WRLCK);
        CHECK_EQ(leat_send(early, 1, "not now", 7, LEAT_NOW), -EAGAIN);
        off_t size = log_size_of(log_path());
        CHECK_EQ(leat_send(early, 1, "not yet", 7, leat_in_ms(20)), -ETIMEDOUT);
        CHECK_EQ(log_size_of(log_path()), size); /* what does not count is not written again and again */
        lock_as_cutter(fd, F_UNLCK);
        log_say(early, "now");
        unsigned heard = 0;
        char text[64] = "";
        ssize_t n, size_heard = 0;
        while ((n = leat_receive(receiver, LEAT_ANY, text, sizeof text, LEAT_NOW, NULL)) >= 0) {
                size_heard = n;
                heard++;
        }
        CHECK_EQ(heard, 61);
        text[size_heard] = 0;
        CHECK_STR(text, "now");
        close(fd);
        leat_close(early);
        leat_close(receiver);
}

/* ---- readers at every place, while files come and go ---- */

#define READERS 6
#define STEPS 4000

struct follower {
        struct leat_channel *channel;
        unsigned last; /* number that it received */
        bool stale;    /* and it was told that some are missing since */
};

static struct follower follow(unsigned last, const char *pattern) {
        struct follower follower = { .last = last };
        char options[64];
        snprintf(options, sizeof options, "?%s", pattern);
        if (last > 0)
                snprintf(options, sizeof options, "?from=%u", last + 1);
        follower.channel = log_receiver(options);
        follower.stale = true; /* what it begins at may have been removed before it came */
        return follower;
}

/* At most so many. Whatever it sees is newer than what it saw; and if any are missing between, it was told. */
static void read_some(struct follower *follower, unsigned most) {
        unsigned number;
        for (unsigned i = 0; i < most; i++) {
                ssize_t n = leat_receive(follower->channel, LEAT_ANY, &number, sizeof number, LEAT_NOW, NULL);
                if (n == -EAGAIN)
                        return;
                CHECK(n == sizeof number || n == -ESTALE);
                if (n == -ESTALE) {
                        follower->stale = true;
                        continue;
                }
                CHECK(number > follower->last && (follower->stale || number == follower->last + 1));
                follower->last = number;
                follower->stale = false;
        }
}

static void run_followers(const char *pattern) {
        struct leat_channel *sender = log_sender("?rotate=4096&retain=10k");
        struct follower followers[READERS];
        unsigned sent = 0, stale = 0;
        for (unsigned i = 0; i < READERS; i++)
                followers[i] = follow(0, pattern);
        for (unsigned step = 0; step < STEPS; step++) {
                struct follower *one = &followers[harness_random_below(READERS)];
                for (unsigned count = (unsigned)harness_random_below(30); count > 0; count--) {
                        sent++;
                        CHECK_EQ(leat_send(sender, 1, &sent, sizeof sent, SOON), 0);
                }
                stale += one->stale;
                if (harness_random_below(20) > 0) {
                        read_some(one, (unsigned)harness_random_below(120));
                } else if (strcmp(pattern, "open") == 0) { /* one goes, and comes again where it was */
                        leat_close(one->channel);
                        *one = follow(one->last, pattern);
                }
        }
        for (unsigned i = 0; i < READERS; i++) {
                read_some(&followers[i], UINT32_MAX);
                CHECK_EQ(followers[i].last, sent);
                leat_close(followers[i].channel);
        }
        CHECK(stale > 0);
        leat_close(sender);
}

TEST(readers_at_every_place_while_files_come_and_go) {
        run_followers("open");
}

/* One position for all: each number is taken by one, in rising order, and what is missing was told to somebody. */
TEST(a_queue_while_files_come_and_go) {
        struct leat_channel *sender = log_sender("?rotate=4096&retain=10k"), *receivers[READERS];
        unsigned sent = 0, last = 0, number;
        bool stale = true; /* what was removed before the first receive was nobody's */
        for (unsigned i = 0; i < READERS; i++)
                receivers[i] = log_receiver("?pattern=queue");
        for (unsigned step = 0; step < STEPS || last < sent; step++) {
                for (unsigned count = step < STEPS ? (unsigned)harness_random_below(4) : 0; count > 0; count--) {
                        sent++;
                        CHECK_EQ(leat_send(sender, 1, &sent, sizeof sent, SOON), 0);
                }
                if (step % 200 < 100 && step < STEPS) /* they pause, and files go */
                        continue;
                for (unsigned count = (unsigned)harness_random_below(8); count > 0; count--) {
                        struct leat_channel *one = receivers[harness_random_below(READERS)];
                        ssize_t n = leat_receive(one, LEAT_ANY, &number, sizeof number, LEAT_NOW, NULL);
                        CHECK(n == sizeof number || n == -EAGAIN || n == -ESTALE);
                        stale |= n == -ESTALE;
                        if (n != sizeof number)
                                continue;
                        CHECK(number > last && (stale || number == last + 1));
                        last = number;
                        stale = false;
                }
        }
        for (unsigned i = 0; i < READERS; i++)
                leat_close(receivers[i]);
        leat_close(sender);
}

TEST_MAIN()
