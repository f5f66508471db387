/* SPDX-License-Identifier: MIT */
/* Pipelines: what is joined, how each stage ended, what cannot be started. */
#include "base/cleanup.h"
#include "pipelines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(the_output_of_each_is_the_input_of_the_next) {
        struct leat_pipeline *pipeline = pipeline_new();
        add_shell(pipeline, "printf 'b\\na\\nc\\n'");
        add(pipeline, "sort", "-r");
        to_file(add_shell(pipeline, "exec tr abc xyz"), 1, "out");
        CHECK_EQ(leat_pipeline_count(pipeline), 3);
        start(pipeline, 0);
        pid_t group = leat_pipeline_group(pipeline);
        CHECK_EQ(group, leat_process_pid(leat_pipeline_process(pipeline, 0)));
        wait_for(pipeline);
        for (size_t i = 0; i < 3; i++)
                CHECK_STAGE(pipeline, i, LEAT_HOW_EXITED, 0);
        CHECK_EQ(leat_pipeline_code(pipeline), 0);
        CHECK_STR(text_of("out"), "z\ny\nx\n");
        check_no_group(group);
        wait_for(pipeline);
        pipeline = leat_pipeline_free(pipeline);
        CHECK(!pipeline);
}

TEST(one_stage_alone) {
        struct leat_pipeline *pipeline = pipeline_new();
        add_shell(pipeline, "exit 7");
        start(pipeline, 0);
        wait_for(pipeline);
        CHECK_STAGE(pipeline, 0, LEAT_HOW_EXITED, 7);
        CHECK_EQ(leat_pipeline_code(pipeline), 7);
        leat_pipeline_free(pipeline);
}

TEST(every_status_is_kept) {
        struct leat_pipeline *pipeline = pipeline_new();
        add_shell(pipeline, "exit 3");
        add_shell(pipeline, "kill -KILL $$");
        add_shell(pipeline, "exit 5");
        add_shell(pipeline, "exit 0");
        start(pipeline, 0);
        wait_for(pipeline);
        CHECK_STAGE(pipeline, 0, LEAT_HOW_EXITED, 3);
        CHECK_STAGE(pipeline, 1, LEAT_HOW_KILLED, SIGKILL);
        CHECK_STAGE(pipeline, 2, LEAT_HOW_EXITED, 5);
        CHECK_STAGE(pipeline, 3, LEAT_HOW_EXITED, 0);
        CHECK_EQ(leat_pipeline_code(pipeline), 5); /* as pipefail: the last that did not succeed */
        for (size_t i = 0; i < 4; i++) {
                struct leat_status status = status_of(pipeline, i);
                CHECK(status.wall_ns > 0 && status.memory_bytes > 0 && !status.expired);
        }
        leat_pipeline_free(pipeline);
}

/* The redirections of a stage come after what joins it, as in a shell. */
TEST(a_stage_redirects_itself_elsewhere) {
        struct leat_pipeline *pipeline = pipeline_new();
        struct leat_command *command = add_shell(pipeline, "echo out; echo error >&2");
        CHECK_EQ(leat_command_duplicate(command, 2, 1), 0);
        to_file(command, 1, "out");
        to_file(add(pipeline, "cat", NULL), 1, "joined");
        start(pipeline, 0);
        wait_for(pipeline);
        CHECK_STR(text_of("out"), "out\n");
        CHECK_STR(text_of("joined"), "error\n");
        leat_pipeline_free(pipeline);
}

/* --- stages that do not do their part --- */

TEST(a_writer_without_end_is_ended_by_its_reader) {
        struct leat_pipeline *pipeline = pipeline_new();
        (void)signal(SIGPIPE, SIG_IGN); /* which no stage inherits */
        add(pipeline, "yes", NULL);
        to_file(add(pipeline, "head", "-n3"), 1, "out");
        start(pipeline, 0);
        wait_for(pipeline);
        CHECK_STAGE(pipeline, 0, LEAT_HOW_KILLED, SIGPIPE);
        CHECK_STAGE(pipeline, 1, LEAT_HOW_EXITED, 0);
        CHECK_EQ(leat_pipeline_code(pipeline), 128 + SIGPIPE);
        CHECK_STR(text_of("out"), "y\ny\ny\n");
        leat_pipeline_free(pipeline);
}

TEST(a_stage_that_closes_its_input_at_once) {
        struct leat_pipeline *pipeline = pipeline_new();
        add(pipeline, "yes", NULL);
        struct leat_command *command = add_shell(pipeline, "exec <&-; printf x >&9; read line <&8");
        struct said said = says(command);
        int held[2];
        CHECK_EQ(pipe2(held, O_CLOEXEC), 0);
        CHECK_EQ(leat_command_descriptor(command, 8, held[0]), 0);
        start(pipeline, 0);
        wait_said(&said, 1);
        CHECK_EQ(leat_process_wait(leat_pipeline_process(pipeline, 1), LEAT_NOW, NULL), -EAGAIN);
        struct pollfd polled = { .fd = leat_process_fd(leat_pipeline_process(pipeline, 0)), .events = POLLIN };
        CHECK_EQ(poll(&polled, 1, 50000), 1); /* while its reader still lives */
        CHECK_STAGE(pipeline, 0, LEAT_HOW_KILLED, SIGPIPE);
        close(held[1]);
        close(held[0]);
        wait_for(pipeline);
        CHECK_STAGE(pipeline, 1, LEAT_HOW_EXITED, 1);
        said_close(&said);
        leat_pipeline_free(pipeline);
}

TEST(a_stage_that_never_writes) {
        struct leat_pipeline *pipeline = pipeline_new();
        add(pipeline, "true", NULL);
        add(pipeline, "cat", NULL);
        to_file(add(pipeline, "cat", NULL), 1, "out");
        start(pipeline, 0);
        wait_for(pipeline);
        CHECK_EQ(leat_pipeline_code(pipeline), 0);
        CHECK_STR(text_of("out"), "");
        leat_pipeline_free(pipeline);
}

/* It holds the writer up, and nobody else. */
TEST(a_stage_that_never_reads) {
        struct leat_pipeline *pipeline = pipeline_new();
        add(pipeline, "yes", NULL);
        add(pipeline, "sleep", "1000");
        start(pipeline, 0);
        CHECK_EQ(leat_pipeline_wait(pipeline, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_pipeline_wait(pipeline, leat_in_ms(2)), -ETIMEDOUT);
        harness_wait_state(leat_process_pid(leat_pipeline_process(pipeline, 0)), "S");
        CHECK_STAGE(pipeline, 0, LEAT_HOW_RUNNING, 0);
        CHECK_EQ(leat_process_signal(leat_pipeline_process(pipeline, 1), SIGTERM), 0);
        wait_for(pipeline);
        CHECK_STAGE(pipeline, 0, LEAT_HOW_KILLED, SIGPIPE);
        CHECK_STAGE(pipeline, 1, LEAT_HOW_KILLED, SIGTERM);
        leat_pipeline_free(pipeline);
}

/* --- what cannot be started --- */

TEST(none_runs_if_one_cannot) {
        struct leat_pipeline *pipeline = pipeline_new();
        struct leat_reason reason = { 0 };
        size_t stage = 77;
        add(pipeline, "sleep", "1000");
        add(pipeline, "/nonexistent/program", NULL);
        add(pipeline, "cat", NULL);
        int before = harness_count_descriptors();
        CHECK_EQ(leat_pipeline_start(pipeline, NULL, &reason, &stage), -ENOENT);
        CHECK_EQ(stage, 1);
        CHECK_EQ(reason.error, -ENOENT);
        CHECK(reason.text);
        CHECK_EQ(harness_count_descriptors(), before);
        CHECK(!leat_pipeline_process(pipeline, 0));
        CHECK_EQ(leat_pipeline_wait(pipeline, LEAT_NEVER), -EINVAL);
        CHECK_EQ(leat_pipeline_start(pipeline, NULL, NULL, NULL), -EINVAL);
        leat_pipeline_free(pipeline);
}

TEST(the_others_run_if_that_is_asked) {
        struct leat_pipeline *pipeline = pipeline_new();
        struct leat_pipeline_options options = LEAT_PIPELINE_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        size_t stage = 77;
        options.flags = LEAT_PIPELINE_REST;
        add(pipeline, "yes", NULL);
        add(pipeline, "/nonexistent/program", NULL);
        to_file(add_shell(pipeline, "cat; echo end"), 1, "out");
        add(pipeline, "/", NULL);
        CHECK_EQ(leat_pipeline_start(pipeline, &options, &reason, &stage), 0);
        CHECK_EQ(stage, 1);
        CHECK_EQ(reason.error, -ENOENT);
        CHECK(!leat_pipeline_process(pipeline, 1));
        wait_for(pipeline);
        CHECK_STAGE(pipeline, 0, LEAT_HOW_KILLED, SIGPIPE);
        CHECK_STAGE(pipeline, 1, LEAT_HOW_NOT_STARTED, ENOENT);
        CHECK_STAGE(pipeline, 2, LEAT_HOW_EXITED, 0);
        CHECK_STAGE(pipeline, 3, LEAT_HOW_NOT_STARTED, EACCES);
        CHECK_STR(text_of("out"), "end\n");
        CHECK_EQ(leat_pipeline_code(pipeline), 126);
        leat_pipeline_free(pipeline);
}

/* The first that could be started leads the group then. */
TEST(nobody_or_the_second_leads) {
        struct leat_pipeline *pipeline = pipeline_new();
        add(pipeline, "/nonexistent/program", NULL);
        add(pipeline, "cat", NULL);
        add(pipeline, "cat", NULL);
        start(pipeline, LEAT_PIPELINE_REST);
        CHECK_EQ(leat_pipeline_group(pipeline), leat_process_pid(leat_pipeline_process(pipeline, 1)));
        wait_for(pipeline);
        CHECK_EQ(leat_pipeline_code(pipeline), 127);
        leat_pipeline_free(pipeline);

        pipeline = pipeline_new();
        add(pipeline, "/nonexistent/program", NULL);
        start(pipeline, LEAT_PIPELINE_REST);
        CHECK_EQ(leat_pipeline_group(pipeline), 0);
        struct pollfd polled = { .fd = leat_pipeline_fd(pipeline), .events = POLLIN };
        CHECK_EQ(poll(&polled, 1, 0), 1); /* there is nothing to wait for */
        wait_for(pipeline);
        CHECK_EQ(leat_pipeline_code(pipeline), 127);
        CHECK_EQ(leat_pipeline_signal(pipeline, SIGTERM), -ESRCH);
        leat_pipeline_free(pipeline);
}

TEST(no_descriptors_are_left_for_it) {
        struct leat_pipeline *pipeline = pipeline_new();
        struct leat_reason reason = { 0 };
        struct rlimit limit, few;
        for (unsigned i = 0; i < 4; i++)
                add(pipeline, "cat", NULL);
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
        int free_fd = dup(2);
        close(free_fd);
        int before = harness_count_descriptors();
        few = (struct rlimit){ .rlim_cur = (rlim_t)free_fd + 6, .rlim_max = limit.rlim_max };
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
        int r = leat_pipeline_start(pipeline, NULL, &reason, NULL);
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
        CHECK_EQ(r, -EMFILE);
        CHECK_EQ(reason.error, -EMFILE);
        CHECK_EQ(harness_count_descriptors(), before);
        leat_pipeline_free(pipeline);
}

/* --- arguments --- */

TEST(what_is_no_pipeline_is_refused) {
        struct leat_pipeline *pipeline = pipeline_new();
        struct leat_pipeline_options options = LEAT_PIPELINE_OPTIONS_INIT;
        struct leat_status status = LEAT_STATUS_INIT;
        const char *const none[] = { NULL };
        CHECK_EQ(leat_pipeline_start(pipeline, NULL, NULL, NULL), -EINVAL); /* no stage */
        CHECK_EQ(leat_pipeline_tee(pipeline, 1), -EINVAL);
        CHECK_EQ(leat_pipeline_stage(pipeline, none, NULL), -EINVAL);
        add(pipeline, "true", NULL);
        CHECK_EQ(leat_pipeline_tee(pipeline, -1), -EBADF);
        CHECK_EQ(leat_pipeline_wait(pipeline, LEAT_NEVER), -EINVAL);
        CHECK_EQ(leat_pipeline_fd(pipeline), -EINVAL);
        CHECK_EQ(leat_pipeline_signal(pipeline, SIGTERM), -EINVAL);
        CHECK_EQ(leat_pipeline_status(pipeline, 0, &status), -EINVAL);
        options.flags = 8;
        CHECK_EQ(leat_pipeline_start(pipeline, &options, NULL, NULL), -EINVAL);
        options.flags = LEAT_PIPELINE_FOREGROUND | LEAT_PIPELINE_SAME_GROUP;
        options.terminal = 0;
        CHECK_EQ(leat_pipeline_start(pipeline, &options, NULL, NULL), -EINVAL);
        options.flags = LEAT_PIPELINE_FOREGROUND;
        options.terminal = -1;
        CHECK_EQ(leat_pipeline_start(pipeline, &options, NULL, NULL), -EINVAL);
        options.terminal = open("/dev/null", O_RDWR | O_CLOEXEC);
        CHECK_EQ(leat_pipeline_start(pipeline, &options, NULL, NULL), -ENOTTY);
        close(options.terminal);
        options = (struct leat_pipeline_options)LEAT_PIPELINE_OPTIONS_INIT;
        options.grace_ns = -1;
        CHECK_EQ(leat_pipeline_start(pipeline, &options, NULL, NULL), -EINVAL);
        start(pipeline, 0);
        CHECK_EQ(leat_pipeline_start(pipeline, NULL, NULL, NULL), -EINVAL);
        CHECK_EQ(leat_pipeline_stage(pipeline, (const char *const[]){ "true", NULL }, NULL), -EINVAL);
        CHECK_EQ(leat_pipeline_tee(pipeline, 1), -EINVAL);
        CHECK_EQ(leat_pipeline_signal(pipeline, -1), -EINVAL);
        CHECK_EQ(leat_pipeline_status(pipeline, 1, &status), -EINVAL);
        status.struct_size = 0;
        CHECK_EQ(leat_pipeline_status(pipeline, 0, &status), -EINVAL);
        wait_for(pipeline);
        leat_pipeline_free(pipeline);
        CHECK(!leat_pipeline_free(NULL));
}

static void in_a_child(void *argument) {
        struct leat_pipeline *pipeline = argument;
        struct leat_status status = LEAT_STATUS_INIT;
        CHECK_EQ(leat_pipeline_wait(pipeline, LEAT_NOW), -ECHILD);
        CHECK_EQ(leat_pipeline_fd(pipeline), -ECHILD);
        CHECK_EQ(leat_pipeline_signal(pipeline, SIGKILL), -ECHILD);
        CHECK_EQ(leat_pipeline_status(pipeline, 0, &status), -ECHILD);
        CHECK_EQ(leat_pipeline_start(pipeline, NULL, NULL, NULL), -ECHILD);
        leat_pipeline_free(pipeline);
}

TEST(a_forked_child_touches_nothing) {
        struct leat_pipeline *pipeline = pipeline_new();
        int fds[2];
        CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
        add(pipeline, "sleep", "1000");
        CHECK_EQ(leat_pipeline_tee(pipeline, fds[1]), 0);
        close(fds[1]);
        add(pipeline, "cat", NULL);
        start(pipeline, 0);
        CHECK_EQ(harness_wait(harness_fork(in_a_child, pipeline)), 0);
        CHECK_EQ(leat_pipeline_wait(pipeline, leat_in_ms(1)), -ETIMEDOUT);
        CHECK_EQ(leat_pipeline_signal(pipeline, SIGTERM), 0);
        wait_for(pipeline);
        close(fds[0]);
        leat_pipeline_free(pipeline);
}

TEST_MAIN()
