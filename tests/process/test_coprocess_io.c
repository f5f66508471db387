/* SPDX-License-Identifier: MIT */
/* Both directions at once: the far ends of the two pipes are the test's. */
#include "base/cleanup.h"
#include "harness.h"
#include "process/duplex.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/deadline.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define PIPE_BYTES 65536

struct setting {
        struct duplex duplex;
        int takes, gives; /* the far ends */
};

static void begin(struct setting *setting, size_t most) {
        int to[2], from[2];
        CHECK_EQ(pipe2(to, O_CLOEXEC | O_NONBLOCK), 0);
        CHECK_EQ(pipe2(from, O_CLOEXEC | O_NONBLOCK), 0);
        CHECK_EQ(fcntl(to[1], F_SETPIPE_SZ, PIPE_BYTES), PIPE_BYTES);
        setting->takes = to[0];
        setting->gives = from[1];
        duplex_init(&setting->duplex, &(struct io){ .fd = to[1], .kind = IO_NONBLOCKING },
                    &(struct io){ .fd = from[0], .kind = IO_NONBLOCKING }, most);
}

static void end(struct setting *setting) {
        duplex_free(&setting->duplex);
        close_fd(setting->takes);
        close_fd(setting->gives);
}

static char bytes[3 * PIPE_BYTES];

static void give(struct setting *setting, const char *text) {
        CHECK_EQ(write(setting->gives, text, strlen(text)), (ssize_t)strlen(text));
}

TEST(what_comes_during_a_write_is_kept_in_order) {
        struct setting setting;
        size_t done = 7;
        char got[16];
        begin(&setting, 100);
        give(&setting, "one ");
        CHECK_EQ(duplex_write(&setting.duplex, bytes, sizeof(bytes), LEAT_NOW, &done), -EAGAIN);
        CHECK_EQ(done, PIPE_BYTES);
        give(&setting, "two ");
        CHECK_EQ(duplex_write(&setting.duplex, bytes, 1, leat_in_ms(1), &done), -ETIMEDOUT);
        CHECK_EQ(done, 0);
        give(&setting, "three");
        CHECK_EQ(duplex_read(&setting.duplex, got, 3, LEAT_NOW), 3);
        CHECK_MEM(got, "one", 3);
        CHECK_EQ(duplex_read(&setting.duplex, got, sizeof(got), LEAT_NOW), 5);
        CHECK_MEM(got, " two ", 5);
        CHECK_EQ(duplex_read(&setting.duplex, got, sizeof(got), LEAT_NOW), 5);
        CHECK_MEM(got, "three", 5);
        CHECK_EQ(duplex_read(&setting.duplex, got, sizeof(got), LEAT_NOW), -EAGAIN);
        end(&setting);
}

TEST(a_write_goes_on_where_it_stopped) {
        struct setting setting;
        size_t done;
        static char taken[PIPE_BYTES];
        begin(&setting, 100);
        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (char)(i / 251 + i);
        CHECK_EQ(duplex_write(&setting.duplex, bytes, sizeof(bytes), LEAT_NOW, &done), -EAGAIN);
        for (size_t at = 0; at < sizeof(bytes);) {
                ssize_t n = read(setting.takes, taken, sizeof(taken));
                CHECK(n > 0);
                CHECK_MEM(taken, bytes + at, (size_t)n);
                at += (size_t)n;
                size_t more = 0;
                int r = duplex_write(&setting.duplex, bytes + done, sizeof(bytes) - done, LEAT_NOW, &more);
                done += more;
                CHECK_EQ(r, done < sizeof(bytes) ? -EAGAIN : 0);
        }
        end(&setting);
}

/* What was kept and what is still in the pipe come one after the other. */
TEST(more_than_is_kept_is_an_error_and_nothing_is_lost) {
        struct setting setting;
        char got[16];
        size_t done;
        begin(&setting, 6);
        CHECK_EQ(duplex_write(&setting.duplex, bytes, PIPE_BYTES, LEAT_NEVER, &done), 0);
        give(&setting, "sixbytes");
        CHECK_EQ(duplex_write(&setting.duplex, bytes, 1, LEAT_NEVER, &done), -ENOBUFS);
        CHECK_EQ(duplex_read(&setting.duplex, got, sizeof(got), LEAT_NEVER), 6);
        CHECK_MEM(got, "sixbyt", 6);
        CHECK_EQ(duplex_read(&setting.duplex, got, sizeof(got), LEAT_NEVER), 2);
        CHECK_MEM(got, "es", 2);
        end(&setting);
}

/* As much as may be kept, and then the end: that is not too much. */
TEST(just_enough_is_not_too_much) {
        struct setting setting;
        void *all;
        size_t size;
        begin(&setting, 6);
        give(&setting, "sixbyt");
        CHECK_EQ(duplex_write(&setting.duplex, bytes, PIPE_BYTES + 1, LEAT_NOW, NULL), -EAGAIN);
        CHECK_EQ(duplex_collect(&setting.duplex, LEAT_NOW), -EAGAIN);
        setting.gives = close_fd(setting.gives);
        CHECK_EQ(duplex_collect(&setting.duplex, LEAT_NEVER), 0);
        CHECK_EQ(duplex_take(&setting.duplex, &all, &size), 0);
        CHECK_EQ(size, 6);
        CHECK_STR((char *)all, "sixbyt");
        free(all);
        CHECK_EQ(duplex_read(&setting.duplex, bytes, 1, LEAT_NEVER), -ENODATA);
        end(&setting);
}

TEST(nothing_is_an_empty_text) {
        struct setting setting;
        void *all;
        size_t size = 1;
        begin(&setting, 0);
        setting.gives = close_fd(setting.gives);
        CHECK_EQ(duplex_collect(&setting.duplex, LEAT_NEVER), 0);
        CHECK_EQ(duplex_take(&setting.duplex, &all, &size), 0);
        CHECK_EQ(size, 0);
        CHECK_STR((char *)all, "");
        free(all);
        end(&setting);
}

TEST(a_far_end_that_takes_no_more_is_told_without_a_signal) {
        struct setting setting;
        size_t done = 1;
        begin(&setting, 100);
        setting.takes = close_fd(setting.takes);
        CHECK_EQ(duplex_write(&setting.duplex, "x", 1, LEAT_NEVER, &done), -EPIPE);
        CHECK_EQ(done, 0);
        CHECK_EQ(duplex_write(&setting.duplex, "", 0, LEAT_NEVER, &done), 0);
        end(&setting);
}

/* Much comes while little is read: the room grows, and what was read of it is used again. */
TEST(the_room_grows_and_is_used_again) {
        struct setting setting;
        static char got[PIPE_BYTES];
        size_t given = 0, read_so_far = 0;
        begin(&setting, 16 * PIPE_BYTES);
        CHECK_EQ(duplex_write(&setting.duplex, bytes, PIPE_BYTES, LEAT_NEVER, NULL), 0);
        for (unsigned round = 0; round < 64; round++) {
                char mark[4096];
                memset(mark, (char)round, sizeof(mark));
                for (unsigned i = 0; i < 8; i++, given += sizeof(mark))
                        CHECK_EQ(write(setting.gives, mark, sizeof(mark)), (ssize_t)sizeof(mark));
                CHECK_EQ(duplex_write(&setting.duplex, "x", 1, LEAT_NOW, NULL), -EAGAIN);
                ssize_t n = duplex_read(&setting.duplex, got, 4096 * (1 + round % 15), LEAT_NOW);
                for (ssize_t i = 0; i < n; i++)
                        CHECK_EQ(got[i], (char)(read_so_far++ / sizeof(mark) / 8));
        }
        for (ssize_t n; (n = duplex_read(&setting.duplex, got, sizeof(got), LEAT_NOW)) > 0;)
                for (ssize_t i = 0; i < n; i++)
                        CHECK_EQ(got[i], (char)(read_so_far++ / 4096 / 8));
        CHECK_EQ(read_so_far, given);
        end(&setting);
}

TEST_MAIN()
