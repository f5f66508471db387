/* SPDX-License-Identifier: MIT */
/* One input, several outputs: the relay alone, with pipes whose other ends are the test's. */
#include "base/cleanup.h"
#include "harness.h"
#include "process/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUTPUTS 3
#define LONG (1 << 20)
#define TAG (UINT64_C(7) << 20)

struct sink {
        int fd; /* where the test reads */
        size_t seen;
};

struct setting {
        struct relay *relay;
        int epoll, input;
        size_t written;
        struct sink sinks[OUTPUTS]; /* the first is the main one, if there is one */
};

static uint8_t byte_at(size_t place) {
        return (uint8_t)(place * 31 + place / 251);
}

static void make_pipe(int fds[2], int flags_read, int flags_write) {
        CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
        CHECK_EQ(fcntl(fds[0], F_SETFL, flags_read), 0);
        CHECK_EQ(fcntl(fds[1], F_SETFL, flags_write), 0);
}

/* An output of a program like any other: it blocks, and is to stay so. */
static void add_sink(struct setting *setting, unsigned number) {
        int fds[2];
        make_pipe(fds, O_NONBLOCK, 0);
        CHECK_EQ(relay_add(setting->relay, fds[1]), 0);
        CHECK_EQ(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
        close(fds[1]);
        setting->sinks[number].fd = fds[0];
}

static void prepare(struct setting *setting) {
        *setting = (struct setting){ .sinks = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 } } };
        setting->epoll = epoll_create1(EPOLL_CLOEXEC);
        CHECK(setting->epoll >= 0);
        CHECK_EQ(relay_new(&setting->relay), 0);
}

static void start(struct setting *setting, const struct io *main) {
        int fds[2];
        make_pipe(fds, O_NONBLOCK, O_NONBLOCK);
        setting->input = fds[1];
        CHECK_EQ(relay_start(setting->relay, fds[0], main, setting->epoll, TAG), 0);
}

static void begin(struct setting *setting, bool has_main, unsigned others) {
        int fds[2];
        struct io main = IO_NONE;
        prepare(setting);
        for (unsigned i = 0; i < others; i++)
                add_sink(setting, i + has_main);
        if (has_main) {
                make_pipe(fds, O_NONBLOCK, O_NONBLOCK);
                setting->sinks[0].fd = fds[0];
                main = (struct io){ .fd = fds[1], .kind = IO_NONBLOCKING };
        }
        start(setting, &main);
}

static void end(struct setting *setting) {
        setting->relay = relay_free(setting->relay);
        close_fd(setting->input);
        close_fd(setting->epoll);
        for (unsigned i = 0; i < OUTPUTS; i++)
                close_fd(setting->sinks[i].fd);
}

/* Returns how many bytes went in. */
static size_t feed(struct setting *setting, size_t total) {
        uint8_t bytes[32768];
        if (setting->input < 0 || total <= setting->written)
                return 0;
        size_t size = total - setting->written < sizeof(bytes) ? total - setting->written : sizeof(bytes);
        for (size_t i = 0; i < size; i++)
                bytes[i] = byte_at(setting->written + i);
        ssize_t n = write(setting->input, bytes, size);
        CHECK(n >= 0 || errno == EAGAIN);
        setting->written += n > 0 ? (size_t)n : 0;
        return n > 0 ? (size_t)n : 0;
}

static size_t drain(struct sink *sink) {
        uint8_t bytes[65536];
        size_t total = 0;
        for (ssize_t n; sink->fd >= 0 && (n = read(sink->fd, bytes, sizeof(bytes))) > 0; total += (size_t)n)
                for (ssize_t i = 0; i < n; i++)
                        CHECK_EQ(bytes[i], byte_at(sink->seen++));
        return total;
}

static bool at_end(const struct sink *sink) {
        char byte;
        return read(sink->fd, &byte, 1) == 0;
}

/* What epoll tells is done, until it tells nothing. Returns whether it told anything. */
static bool pump(struct setting *setting) {
        struct epoll_event events[8];
        bool any = false;
        for (int n; (n = epoll_wait(setting->epoll, events, 8, 0)) > 0; any = true)
                for (int i = 0; i < n; i++) {
                        CHECK_EQ(events[i].data.u64 & ~RELAY_SLOT, TAG);
                        CHECK_EQ(relay_told(setting->relay, events[i].data.u64 & RELAY_SLOT, events[i].events), 0);
                }
        return any;
}

/* Until nothing moves any more. Sinks of `held`, a bit each, are not read. */
static void flow(struct setting *setting, size_t total, unsigned held) {
        bool moved = true;
        while (moved) {
                moved = feed(setting, total) > 0;
                moved |= pump(setting);
                for (unsigned i = 0; i < OUTPUTS; i++)
                        if (!(held & 1u << i))
                                moved |= drain(&setting->sinks[i]) > 0;
        }
}

static void no_more(struct setting *setting) {
        setting->input = close_fd(setting->input);
}

static void check_all_ended(struct setting *setting, unsigned sinks) {
        CHECK(relay_ended(setting->relay));
        for (unsigned i = 0; i < sinks; i++) {
                CHECK_EQ(setting->sinks[i].seen, LONG);
                CHECK(at_end(&setting->sinks[i]));
        }
}

TEST(all_outputs_get_all) {
        struct setting setting;
        begin(&setting, true, 2);
        flow(&setting, LONG, 0);
        CHECK(!relay_ended(setting.relay));
        no_more(&setting);
        flow(&setting, 0, 0);
        check_all_ended(&setting, 3);
        end(&setting);
}

TEST(an_output_that_does_not_read_holds_the_others_up) {
        struct setting setting;
        begin(&setting, true, 2);
        flow(&setting, LONG, 2);
        size_t held = setting.sinks[0].seen;
        CHECK(held > 0 && held <= 65536 * 3);
        CHECK_EQ(setting.sinks[2].seen, held);
        CHECK_EQ(epoll_wait(setting.epoll, &(struct epoll_event){ 0 }, 1, 0), 0); /* and nobody spins */
        flow(&setting, LONG, 0);
        no_more(&setting);
        flow(&setting, 0, 0);
        check_all_ended(&setting, 3);
        end(&setting);
}

/* The end of the input comes while an output is behind: it is not told over and over, and nothing is lost. */
TEST(the_end_waits_for_the_slowest) {
        struct setting setting;
        begin(&setting, true, 2);
        flow(&setting, 60000 + 65536, 4);
        no_more(&setting);
        flow(&setting, 0, 4);
        CHECK_EQ(epoll_wait(setting.epoll, &(struct epoll_event){ 0 }, 1, 0), 0);
        CHECK(!relay_ended(setting.relay));
        flow(&setting, 0, 0);
        CHECK(relay_ended(setting.relay));
        for (unsigned i = 0; i < 3; i++)
                CHECK_EQ(setting.sinks[i].seen, 60000 + 65536);
        end(&setting);
}

TEST(an_output_that_breaks_is_left_out) {
        struct setting setting;
        begin(&setting, true, 2);
        flow(&setting, 1000, 0);
        setting.sinks[1].fd = close_fd(setting.sinks[1].fd);
        flow(&setting, LONG, 0);
        no_more(&setting);
        flow(&setting, 0, 0);
        setting.sinks[1] = setting.sinks[2];
        setting.sinks[2].fd = -1;
        check_all_ended(&setting, 2);
        end(&setting);
}

static void check_broken(struct setting *setting) {
        CHECK(relay_ended(setting->relay));
        CHECK_EQ(write(setting->input, "x", 1), -1);
        CHECK_EQ(errno, EPIPE);
}

TEST(the_main_output_breaks_and_the_writer_is_told) {
        struct setting setting;
        (void)signal(SIGPIPE, SIG_IGN);
        begin(&setting, true, 1);
        flow(&setting, 1000, 0);
        setting.sinks[0].fd = close_fd(setting.sinks[0].fd);
        pump(&setting); /* before anything more is written */
        check_broken(&setting);
        CHECK(at_end(&setting.sinks[1]));
        end(&setting);
}

/* What was taken in when it broke goes to the others all the same. */
TEST(the_main_output_breaks_while_another_is_behind) {
        struct setting setting;
        (void)signal(SIGPIPE, SIG_IGN);
        begin(&setting, true, 1);
        flow(&setting, LONG, 2);
        size_t taken = setting.sinks[0].seen;
        setting.sinks[0].fd = close_fd(setting.sinks[0].fd);
        flow(&setting, setting.written, 0);
        check_broken(&setting);
        CHECK_EQ(setting.sinks[1].seen, taken);
        end(&setting);
}

TEST(without_a_main_output_the_last_that_breaks_ends_it) {
        struct setting setting;
        (void)signal(SIGPIPE, SIG_IGN);
        begin(&setting, false, 2);
        flow(&setting, 1000, 0);
        setting.sinks[0].fd = close_fd(setting.sinks[0].fd);
        flow(&setting, LONG, 0);
        CHECK_EQ(setting.sinks[1].seen, LONG);
        CHECK(!relay_ended(setting.relay));
        setting.sinks[1].fd = close_fd(setting.sinks[1].fd);
        pump(&setting);
        check_broken(&setting);
        end(&setting);
}

TEST(finished_it_takes_what_is_there_and_no_more) {
        struct setting setting;
        begin(&setting, true, 1);
        CHECK(feed(&setting, 20000) == 20000);
        relay_finish(setting.relay);
        size_t before = setting.written;
        CHECK(feed(&setting, 30000) == 10000); /* whoever else has it open writes on */
        CHECK_EQ(relay_run(setting.relay), 0);
        pump(&setting);
        drain(&setting.sinks[0]);
        drain(&setting.sinks[1]);
        CHECK(relay_ended(setting.relay));
        CHECK_EQ(setting.sinks[0].seen, before);
        CHECK_EQ(setting.sinks[1].seen, before);
        end(&setting);
}

/* As much as one call takes in: nothing more is told, and the input is not left open. */
TEST(finished_it_ends_where_its_rounds_do) {
        struct setting setting;
        prepare(&setting);
        CLOSE_AT_EXIT int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        CHECK_EQ(relay_add(setting.relay, null), 0);
        start(&setting, &IO_NONE);
        CHECK_EQ(fcntl(setting.input, F_SETPIPE_SZ, LONG), LONG);
        while (feed(&setting, LONG) > 0)
                ;
        CHECK_EQ(setting.written, LONG);
        relay_finish(setting.relay);
        CHECK_EQ(relay_run(setting.relay), 0);
        CHECK(relay_ended(setting.relay));
        end(&setting);
}

TEST(given_up_it_closes_all) {
        struct setting setting;
        begin(&setting, true, 1);
        flow(&setting, LONG, 3);
        relay_stop(setting.relay);
        CHECK(relay_ended(setting.relay));
        drain(&setting.sinks[0]);
        CHECK(at_end(&setting.sinks[0]));
        end(&setting);
}

/* --- other things than pipes --- */

/* A regular file is always ready, and no epoll takes it; /dev/null neither. */
TEST(files_and_devices_are_outputs) {
        struct setting setting;
        char path[256];
        snprintf(path, sizeof(path), "%s/copy", harness_tmpdir());
        CLOSE_AT_EXIT int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        CLOSE_AT_EXIT int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        prepare(&setting);
        CHECK_EQ(relay_add(setting.relay, file), 0);
        CHECK_EQ(relay_add(setting.relay, null), 0);
        start(&setting, &IO_NONE);
        flow(&setting, LONG, 0);
        CHECK_EQ(lseek(file, 0, SEEK_CUR), LONG); /* the place is the file's, and not the descriptor's */
        CHECK_EQ(lseek(file, 0, SEEK_SET), 0);
        setting.sinks[0].fd = file;
        drain(&setting.sinks[0]);
        CHECK_EQ(setting.sinks[0].seen, LONG);
        setting.sinks[0].fd = -1;
        end(&setting);
}

TEST(a_socket_is_an_output) {
        struct setting setting;
        int pair[2];
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        CHECK_EQ(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
        prepare(&setting);
        setting.sinks[0].fd = pair[0];
        CHECK_EQ(relay_add(setting.relay, pair[1]), 0);
        close(pair[1]);
        start(&setting, &IO_NONE);
        flow(&setting, LONG, 0);
        CHECK_EQ(setting.sinks[0].seen, LONG);
        no_more(&setting);
        flow(&setting, 0, 0);
        check_all_ended(&setting, 1);
        end(&setting);
}

TEST(what_cannot_be_written_is_refused) {
        struct relay *relay;
        CHECK_EQ(relay_new(&relay), 0);
        CLOSE_AT_EXIT int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
        CHECK_EQ(relay_add(relay, file), -EBADF);
        CHECK_EQ(relay_add(relay, -1), -EBADF);
        relay_free(relay);
}

TEST_MAIN()
