/* SPDX-License-Identifier: MIT */
/*
 * A log that changes while somebody reads it: before the n-th call that a receive makes to the system, for every n, another party
 * sends, rotates, removes. No moment is missed, and none is met by chance.
 */
#include "hostile.h"
#include "torture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 200, LATER = 20, MOMENTS_MOST = 2000 };

static struct leat_channel *sender, *receiver;
static unsigned sent;
static bool stale; /* it was told since the last message that some are missing */
static char address[256];

static const char *log_at(const char *options) {
        static char at[320];
        snprintf(at, sizeof at, "%s%s", address, options);
        return at;
}

static void send_some(unsigned count) {
        char bytes[SIZE] = { 0 };
        while (count-- > 0) {
                snprintf(bytes, sizeof bytes, "%u", ++sent);
                CHECK_EQ(leat_send(sender, 1, bytes, sizeof bytes, harness_deadline_ms(40000)), 0);
        }
}

static ssize_t receive_number(unsigned *ret_number) {
        char bytes[SIZE];
        ssize_t n = leat_receive(receiver, LEAT_ANY, bytes, sizeof bytes, LEAT_NOW, NULL);
        if (n == SIZE)
                CHECK_EQ(sscanf(bytes, "%u", ret_number), 1);
        return n;
}

/* Take what comes up to an error that is neither of the two that tell to go on; that, or what the last look said. Each is newer than
 * what came before, and if any are missing between, that was told. */
static ssize_t hear(ssize_t n, unsigned number, unsigned *last) {
        for (; n == SIZE || n == -ESTALE; n = receive_number(&number)) {
                stale |= n == -ESTALE;
                if (n != SIZE)
                        continue;
                CHECK(number == *last + 1 || (stale && number > *last));
                *last = number;
                stale = false;
        }
        return n;
}

/* A receiver that has read all there is, in the log's first file or a later one. */
static void begin(unsigned early) {
        unsigned number = 0, last = 0;
        snprintf(address, sizeof address, "log:%s/moments", harness_tmpdir());
        sent = 0;
        stale = false;
        CHECK_EQ(leat_open(log_at("?rotate=4096&retain-files=0"), LEAT_SEND, LEAT_NEVER, &sender), 0);
        CHECK_EQ(leat_open(log_at(""), LEAT_RECEIVE, LEAT_NEVER, &receiver), 0);
        while (sent < early) {
                send_some(1);
                ssize_t r = receive_number(&number);
                CHECK_EQ(hear(r, number, &last), -EAGAIN);
        }
        CHECK_EQ(last, sent);
}

/* One receive during which, at the n-th moment, this is done, and then the rest. Was that moment there? */
static bool meet(unsigned n, unsigned early, void (*act)(void), int end) {
        unsigned number = 0, last = early;
        begin(early);
        torture_meet(n, act);
        ssize_t r = receive_number(&number);
        bool met = torture_met();
        if (!met)
                act();
        r = hear(r, number, &last);
        if (r == -EAGAIN) { /* it had looked before */
                r = receive_number(&number);
                r = hear(r, number, &last);
        }
        CHECK_EQ(last, sent); /* what counts is read before the end is told */
        CHECK_EQ(r, end);
        leat_close(sender);
        leat_close(receiver);
        (void)leat_remove(address, NULL);
        return met;
}

static void meet_all(unsigned early, void (*act)(void), int end) {
        unsigned n = 1;
        while (n < MOMENTS_MOST && meet(n, early, act, end))
                n++;
        CHECK(n > 3 && n < MOMENTS_MOST); /* it read, and looked at the file */
}

static void rotate_far(void) {
        send_some(60);
}

static void say_last_and_remove(void) {
        send_some(1);
        CHECK_EQ(leat_remove(address, NULL), 0);
}

/* Its file goes by retention: the log is there all the same. */
TEST(the_first_file_is_emptied_at_any_moment) {
        meet_all(4, rotate_far, -EAGAIN);
}

TEST(a_later_file_is_removed_at_any_moment) {
        meet_all(LATER, rotate_far, -EAGAIN);
}

TEST(the_log_is_removed_at_any_moment) {
        meet_all(4, say_last_and_remove, -EIDRM);
}

TEST(the_log_is_removed_at_any_moment_in_a_later_file) {
        meet_all(LATER, say_last_and_remove, -EIDRM);
}

TEST_MAIN()
