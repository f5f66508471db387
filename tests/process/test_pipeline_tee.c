/* SPDX-License-Identifier: MIT */
/* What a stage puts out goes to others as well: leat_pipeline_tee() with programs at all ends. */
#include "base/cleanup.h"
#include "pipelines.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MUCH 300000 /* more than two pipes and a relay hold */

static void make_pipe(int fds[2]) {
        CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
}

struct slow {
        int fd;
        struct harness_event *may_read;
};

static void read_slowly(void *argument) {
        struct slow *slow = argument;
        char bytes[1000];
        size_t total = 0;
        harness_event_wait(slow->may_read);
        for (ssize_t n; (n = read(slow->fd, bytes, sizeof(bytes))) > 0; total += (size_t)n)
                for (ssize_t i = 0; i < n; i++)
                        CHECK_EQ(bytes[i], i % 2 == (ssize_t)(total % 2) ? 'y' : '\n');
        CHECK_EQ(total, MUCH);
}

/* Four: the next stage, a file, one whose reader is gone, one whose reader comes late. */
TEST(several_outputs_one_slow_one_broken) {
        struct leat_pipeline *pipeline = pipeline_new();
        int slow[2], broken[2];
        struct stat status;
        (void)signal(SIGPIPE, SIG_IGN);
        make_pipe(slow);
        make_pipe(broken);
        CLOSE_AT_EXIT int file = open(path_of("copy"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        add_shell(pipeline, "yes | head -c 300000");
        CHECK_EQ(leat_pipeline_tee(pipeline, file), 0);
        CHECK_EQ(leat_pipeline_tee(pipeline, broken[1]), 0);
        CHECK_EQ(leat_pipeline_tee(pipeline, slow[1]), 0);
        close(slow[1]);
        close(broken[1]);
        close(broken[0]);
        to_file(add(pipeline, "wc", "-c"), 1, "counted");
        struct slow reader = { .fd = slow[0], .may_read = harness_event_new() };
        pid_t pid = harness_fork(read_slowly, &reader);
        close(slow[0]);
        start(pipeline, 0);
        CHECK_EQ(leat_pipeline_wait(pipeline, leat_in_ms(5)), -ETIMEDOUT);
        harness_event_signal(reader.may_read);
        wait_for(pipeline);
        CHECK_EQ(leat_pipeline_code(pipeline), 0);
        CHECK_STR(text_of("counted"), "300000\n");
        CHECK_EQ(fstat(file, &status), 0);
        CHECK_EQ(status.st_size, MUCH);
        CHECK_EQ(harness_wait(pid), 0);
        leat_pipeline_free(pipeline);
}

/* As without the tee: the writer without end is told that its reader takes no more. */
TEST(a_reader_that_ends_is_felt_through_a_tee) {
        struct leat_pipeline *pipeline = pipeline_new();
        CLOSE_AT_EXIT int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        add(pipeline, "yes", NULL);
        CHECK_EQ(leat_pipeline_tee(pipeline, null), 0);
        to_file(add(pipeline, "head", "-n2"), 1, "out");
        start(pipeline, 0);
        wait_for(pipeline);
        CHECK_STAGE(pipeline, 0, LEAT_HOW_KILLED, SIGPIPE);
        CHECK_STR(text_of("out"), "y\ny\n");
        leat_pipeline_free(pipeline);
}

/* The standard output of the test is a file while the last stage writes there, too. */
static void tee_of_the_last(void *argument) {
        (void)argument;
        struct leat_pipeline *pipeline = pipeline_new();
        CLOSE_AT_EXIT int copy = open(path_of("copy"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        int out = open(path_of("out"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK(out >= 0 && copy >= 0);
        CHECK_EQ(dup2(out, 1), 1);
        close(out);
        add_shell(pipeline, "echo one; echo two");
        CHECK_EQ(leat_pipeline_tee(pipeline, copy), 0);
        add(pipeline, "sort", "-r");
        CHECK_EQ(leat_pipeline_tee(pipeline, copy), 0);
        start(pipeline, 0);
        wait_for(pipeline);
        CHECK_EQ(leat_pipeline_code(pipeline), 0);
        leat_pipeline_free(pipeline);
}

TEST(also_of_the_last_stage) {
        CHECK_EQ(harness_wait(harness_fork(tee_of_the_last, NULL)), 0);
        CHECK_STR(text_of("out"), "two\none\n");
        CHECK_STR(text_of("copy"), "one\ntwo\ntwo\none\n");
}

/* Without a standard output, the tees are all there is. */
static void tee_alone(void *argument) {
        int *fds = argument;
        struct leat_pipeline *pipeline = pipeline_new();
        close(1);
        add(pipeline, "yes", NULL);
        CHECK_EQ(leat_pipeline_tee(pipeline, fds[1]), 0);
        close(fds[1]);
        start(pipeline, 0);
        CHECK_EQ(leat_pipeline_wait(pipeline, leat_in_ms(2)), -ETIMEDOUT);
        close(fds[0]);
        wait_for(pipeline);
        CHECK_STAGE(pipeline, 0, LEAT_HOW_KILLED, SIGPIPE);
        leat_pipeline_free(pipeline);
}

TEST(the_tees_are_all_there_is) {
        int fds[2];
        make_pipe(fds);
        pid_t pid = harness_fork(tee_alone, fds);
        close(fds[0]);
        close(fds[1]);
        CHECK_EQ(harness_wait(pid), 0);
}

/* A stage that redirects its output elsewhere puts nothing out here. */
TEST(nothing_to_tee) {
        struct leat_pipeline *pipeline = pipeline_new();
        CLOSE_AT_EXIT int copy = open(path_of("copy"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        to_file(add_shell(pipeline, "echo text"), 1, "elsewhere");
        CHECK_EQ(leat_pipeline_tee(pipeline, copy), 0);
        to_file(add(pipeline, "cat", NULL), 1, "out");
        start(pipeline, 0);
        wait_for(pipeline);
        CHECK_STR(text_of("elsewhere"), "text\n");
        CHECK_STR(text_of("copy"), "");
        CHECK_STR(text_of("out"), "");
        leat_pipeline_free(pipeline);
}

/* Of a stage that is not there, too: the next gets the end. */
TEST(a_tee_of_a_stage_that_was_not_started) {
        struct leat_pipeline *pipeline = pipeline_new();
        CLOSE_AT_EXIT int copy = open(path_of("copy"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        add(pipeline, "/nonexistent/program", NULL);
        CHECK_EQ(leat_pipeline_tee(pipeline, copy), 0);
        to_file(add_shell(pipeline, "cat; echo end"), 1, "out");
        start(pipeline, LEAT_PIPELINE_REST);
        wait_for(pipeline);
        CHECK_STR(text_of("out"), "end\n");
        CHECK_STAGE(pipeline, 0, LEAT_HOW_NOT_STARTED, ENOENT);
        leat_pipeline_free(pipeline);
}

TEST_MAIN()
