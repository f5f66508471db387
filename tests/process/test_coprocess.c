/* SPDX-License-Identifier: MIT */
/* Coprocesses and exchanges: programs at the other end. */
#include "base/cleanup.h"
#include "harness.h"
#include "pipelines.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/process.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct leat_command *shell(const char *text) {
        const char *const argv[] = { "sh", "-c", text, NULL };
        struct leat_command *command;
        CHECK_EQ(leat_command_new(argv, &command), 0);
        return command;
}

static struct leat_coprocess *begin(const char *text, size_t keep_bytes) {
        struct leat_command *command = shell(text);
        struct leat_coprocess *coprocess;
        CHECK_EQ(leat_coprocess_start(command, keep_bytes, harness_deadline_ms(50000), NULL, &coprocess), 0);
        leat_command_free(command);
        return coprocess;
}

static void check_ends(struct leat_coprocess *coprocess, enum leat_how how, int code) {
        struct leat_status status = LEAT_STATUS_INIT;
        CHECK_EQ(leat_process_wait(leat_coprocess_process(coprocess), harness_deadline_ms(50000), &status), 0);
        CHECK_EQ(status.how, how);
        CHECK_EQ(status.code, code);
        CHECK(!leat_coprocess_free(coprocess));
}

static void fill(uint8_t *bytes, size_t size) {
        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)(i * 7 + i / 4099);
}

TEST(a_conversation) {
        struct leat_coprocess *coprocess = begin("while read line; do echo \"<$line>\"; done; exit 3", 0);
        char answer[64];
        for (unsigned i = 0; i < 3; i++) {
                CHECK_EQ(leat_coprocess_write(coprocess, "word\n", 5, harness_deadline_ms(50000), NULL), 0);
                CHECK_EQ(leat_coprocess_read(coprocess, answer, sizeof(answer), harness_deadline_ms(50000)), 7);
                CHECK_MEM(answer, "<word>\n", 7);
                CHECK_EQ(leat_coprocess_read(coprocess, answer, sizeof(answer), LEAT_NOW), -EAGAIN);
                CHECK_EQ(leat_coprocess_read(coprocess, answer, sizeof(answer), leat_in_ms(1)), -ETIMEDOUT);
        }
        CHECK_EQ(leat_coprocess_finish(coprocess), 0);
        CHECK_EQ(leat_coprocess_read(coprocess, answer, sizeof(answer), harness_deadline_ms(50000)), -ENODATA);
        CHECK_EQ(leat_coprocess_write(coprocess, "x", 1, LEAT_NEVER, NULL), -EPIPE);
        check_ends(coprocess, LEAT_HOW_EXITED, 3);
}

/* What goes in comes out, far more than pipes hold, and this side writes all before it reads any. */
TEST(much_both_ways_and_neither_reads_first) {
        size_t size = sized(2, 8, 8) << 20, got = 0, done = 0;
        FREE_AT_EXIT uint8_t *given = malloc(size);
        FREE_AT_EXIT uint8_t *taken = malloc(size);
        CHECK(given && taken);
        fill(given, size);
        struct leat_coprocess *coprocess = begin("exec cat", 0);
        CHECK_EQ(leat_coprocess_write(coprocess, given, size, harness_deadline_ms(50000), &done), 0);
        CHECK_EQ(done, size);
        CHECK_EQ(leat_coprocess_finish(coprocess), 0);
        for (ssize_t n; (n = leat_coprocess_read(coprocess, taken + got, size - got, harness_deadline_ms(50000))) > 0 &&
                        got < size;)
                got += (size_t)n;
        CHECK_EQ(got, size);
        CHECK_MEM(given, taken, size);
        char byte;
        CHECK_EQ(leat_coprocess_read(coprocess, &byte, 1, harness_deadline_ms(50000)), -ENODATA);
        check_ends(coprocess, LEAT_HOW_EXITED, 0);
}

/* The other side too writes all before it reads any. */
TEST(both_sides_write_before_they_read) {
        size_t size = (size_t)1 << 20, got = 0;
        FREE_AT_EXIT uint8_t *given = calloc(1, size);
        FREE_AT_EXIT uint8_t *taken = malloc(size);
        CHECK(given && taken);
        struct leat_coprocess *coprocess = begin("head -c 1048576 /dev/zero; exec wc -c >&2", 0);
        CHECK_EQ(leat_coprocess_write(coprocess, given, size, harness_deadline_ms(50000), NULL), 0);
        CHECK_EQ(leat_coprocess_finish(coprocess), 0);
        for (ssize_t n; got < size; got += (size_t)n) {
                n = leat_coprocess_read(coprocess, taken + got, size - got, harness_deadline_ms(50000));
                CHECK(n > 0);
        }
        CHECK_MEM(given, taken, size);
        check_ends(coprocess, LEAT_HOW_EXITED, 0);
}

TEST(no_more_than_said_is_kept) {
        struct leat_coprocess *coprocess = begin("exec yes", 100000);
        static char bytes[1 << 20];
        size_t done = 0;
        CHECK_EQ(leat_coprocess_write(coprocess, bytes, sizeof(bytes), harness_deadline_ms(50000), &done), -ENOBUFS);
        CHECK(done > 0 && done < sizeof(bytes));
        size_t got = 0;
        for (ssize_t n; got < 200000; got += (size_t)n) {
                n = leat_coprocess_read(coprocess, bytes, sizeof(bytes), harness_deadline_ms(50000));
                CHECK(n > 0);
                for (ssize_t i = 0; i < n; i++)
                        CHECK_EQ(bytes[i], (got + (size_t)i) % 2 ? '\n' : 'y');
        }
        CHECK(!leat_coprocess_free(coprocess)); /* it runs: it is killed */
}

TEST(one_that_takes_nothing) {
        struct leat_coprocess *coprocess = begin("exec <&-; echo gone; exec sleep 1000", 0);
        static char bytes[1 << 20];
        char word[8];
        (void)signal(SIGPIPE, SIG_DFL); /* which would end the test */
        CHECK_EQ(leat_coprocess_read(coprocess, word, sizeof(word), harness_deadline_ms(50000)), 5);
        CHECK_EQ(leat_coprocess_write(coprocess, bytes, sizeof(bytes), LEAT_NEVER, NULL), -EPIPE);
        CHECK_EQ(leat_process_signal(leat_coprocess_process(coprocess), SIGTERM), 0);
        check_ends(coprocess, LEAT_HOW_KILLED, SIGTERM);
}

TEST(one_that_cannot_be_started) {
        const char *const argv[] = { "/nonexistent/program", NULL };
        struct leat_command *command;
        struct leat_coprocess *coprocess;
        struct leat_reason reason = { 0 };
        void *output;
        size_t size;
        CHECK_EQ(leat_command_new(argv, &command), 0);
        CHECK_EQ(leat_coprocess_start(command, 0, LEAT_NEVER, &reason, &coprocess), -ENOENT);
        CHECK_EQ(reason.error, -ENOENT);
        CHECK_EQ(leat_exchange(command, NULL, 0, 1, LEAT_NEVER, &output, &size, NULL), -ENOENT);
        leat_command_free(command);
}

/* Its own redirections come after the two pipes, and the command is as it was. */
TEST(a_command_is_used_again) {
        struct leat_command *command = shell("echo out; echo error >&2");
        char text[64];
        CHECK_EQ(leat_command_duplicate(command, 2, 1), 0);
        for (unsigned i = 0; i < 2; i++) {
                struct leat_coprocess *coprocess;
                size_t got = 0;
                CHECK_EQ(leat_coprocess_start(command, 0, LEAT_NEVER, NULL, &coprocess), 0);
                for (ssize_t n; (n = leat_coprocess_read(coprocess, text + got, sizeof(text) - got,
                                                         harness_deadline_ms(50000))) > 0;)
                        got += (size_t)n;
                CHECK_EQ(got, 10);
                CHECK_MEM(text, "out\nerror\n", 10);
                check_ends(coprocess, LEAT_HOW_EXITED, 0);
        }
        leat_command_free(command);
}

static void in_a_child(void *argument) {
        struct leat_coprocess *coprocess = argument;
        char byte;
        CHECK_EQ(leat_coprocess_write(coprocess, "x", 1, LEAT_NEVER, NULL), -ECHILD);
        CHECK_EQ(leat_coprocess_read(coprocess, &byte, 1, LEAT_NEVER), -ECHILD);
        CHECK_EQ(leat_coprocess_finish(coprocess), -ECHILD);
        leat_coprocess_free(coprocess);
}

TEST(a_forked_child_touches_nothing) {
        struct leat_coprocess *coprocess = begin("exec cat", 0);
        char byte;
        CHECK_EQ(harness_wait(harness_fork(in_a_child, coprocess)), 0);
        CHECK_EQ(leat_coprocess_write(coprocess, "x", 1, LEAT_NEVER, NULL), 0);
        CHECK_EQ(leat_coprocess_read(coprocess, &byte, 1, harness_deadline_ms(50000)), 1);
        leat_coprocess_free(coprocess);
}

TEST(what_is_no_coprocess_is_refused) {
        struct leat_coprocess *coprocess = begin("exec cat", 0);
        char byte;
        CHECK_EQ(leat_coprocess_read(coprocess, NULL, 1, LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_coprocess_read(coprocess, &byte, 0, LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_coprocess_write(coprocess, NULL, 1, LEAT_NOW, NULL), -EINVAL);
        CHECK_EQ(leat_coprocess_write(NULL, &byte, 1, LEAT_NOW, NULL), -EINVAL);
        CHECK_EQ(leat_coprocess_start(NULL, 0, LEAT_NOW, NULL, &coprocess), -EINVAL);
        CHECK(!leat_coprocess_process(NULL));
        leat_coprocess_free(coprocess);
        leat_coprocess_free(NULL);
}

/* --- all at once --- */

static int exchange(const char *text, const void *input, size_t size, size_t most, int64_t deadline, char **ret_output,
                    size_t *ret_size, struct leat_status *status) {
        struct leat_command *command = shell(text);
        void *output = NULL;
        int r = leat_exchange(command, input, size, most, deadline, &output, ret_size, status);
        leat_command_free(command);
        *ret_output = output;
        return r;
}

TEST(all_in_and_all_out) {
        size_t size = (size_t)1 << 20, got = 0;
        FREE_AT_EXIT uint8_t *given = malloc(size);
        FREE_AT_EXIT char *taken = NULL;
        struct leat_status status = LEAT_STATUS_INIT;
        CHECK(given);
        fill(given, size);
        CHECK_EQ(exchange("cat; exit 9", given, size, size, harness_deadline_ms(50000), &taken, &got, &status), 0);
        CHECK_EQ(got, size);
        CHECK_MEM(taken, given, size);
        CHECK_EQ(taken[size], '\0');
        CHECK_EQ(status.how, LEAT_HOW_EXITED);
        CHECK_EQ(status.code, 9);
}

TEST(a_program_need_not_read_its_input) {
        static char input[1 << 20];
        FREE_AT_EXIT char *output = NULL;
        size_t size = 1;
        struct leat_status status = LEAT_STATUS_INIT;
        CHECK_EQ(exchange("kill -TERM $$", input, sizeof(input), 0, harness_deadline_ms(50000), &output, &size,
                          &status),
                 0);
        CHECK_EQ(size, 0);
        CHECK_STR(output, "");
        CHECK_EQ(status.how, LEAT_HOW_KILLED);
        CHECK_EQ(status.code, SIGTERM);
}

TEST(more_than_asked_for) {
        char *output = NULL;
        size_t size = 77;
        CHECK_EQ(exchange("printf 1234", NULL, 0, 4, harness_deadline_ms(50000), &output, &size, NULL), 0);
        CHECK_STR(output, "1234");
        free(output);
        size = 77;
        CHECK_EQ(exchange("printf 12345", NULL, 0, 4, harness_deadline_ms(50000), &output, &size, NULL), -EMSGSIZE);
        CHECK_EQ(exchange("exec yes", NULL, 0, 100000, harness_deadline_ms(50000), &output, &size, NULL), -EMSGSIZE);
        CHECK(!output);
        CHECK_EQ(size, 77);
}

TEST(at_the_deadline_it_is_killed) {
        char *output = NULL;
        size_t size = 77;
        CHECK_EQ(exchange("trap '' TERM; exec sleep 1000", NULL, 0, 4, leat_in_ms(2), &output, &size, NULL),
                 -ETIMEDOUT);
        CHECK_EQ(exchange("exec sleep 1000", NULL, 0, 4, LEAT_NOW, &output, &size, NULL), -EAGAIN);
        CHECK_EQ(exchange("exec >&-; exec sleep 1000", NULL, 0, 4, leat_in_ms(2), &output, &size, NULL), -ETIMEDOUT);
        CHECK(!output);
}

TEST_MAIN()
