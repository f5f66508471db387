/* SPDX-License-Identifier: MIT */
/* Many pipelines, killed at random; much through one. */
#include "base/cleanup.h"
#include "pipelines.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAGES_MAX 5

static const int signals[] = { SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE };

static int any_signal(void) {
        return signals[harness_random_below(sizeof(signals) / sizeof(signals[0]))];
}

/*
 * Stages that only read end by themselves when the one before them has: so they are killed from the last to the first, each while
 * it is sure to live, and the first, which does not end by itself, in any case. What each has to say follows.
 */
static void kill_at_random(struct leat_pipeline *pipeline, size_t count) {
        int expected[STAGES_MAX];
        for (size_t i = count; i-- > 0;) {
                expected[i] = i == 0 || harness_random_below(2) ? any_signal() : 0;
                if (expected[i])
                        CHECK_EQ(leat_process_signal(leat_pipeline_process(pipeline, i), expected[i]), 0);
                if (harness_random_below(4) == 0) {
                        int r = leat_pipeline_wait(pipeline, LEAT_NOW);
                        CHECK(r == -EAGAIN || (r == 0 && i == 0));
                }
        }
        wait_for(pipeline);
        for (size_t i = 0; i < count; i++)
                CHECK_STAGE(pipeline, i, expected[i] ? LEAT_HOW_KILLED : LEAT_HOW_EXITED, expected[i]);
}

/* All of the group at once; a stage may have come to its end of the data before the signal came to it. */
static void kill_group(struct leat_pipeline *pipeline, size_t count) {
        int number = any_signal();
        CHECK_EQ(leat_pipeline_signal(pipeline, number), 0);
        wait_for(pipeline);
        CHECK_STAGE(pipeline, 0, LEAT_HOW_KILLED, number);
        for (size_t i = 1; i < count; i++) {
                struct leat_status status = status_of(pipeline, i);
                CHECK((status.how == LEAT_HOW_KILLED && status.code == number) ||
                      (status.how == LEAT_HOW_EXITED && status.code == 0));
        }
}

static void one_pipeline(void) {
        struct leat_pipeline *pipeline = pipeline_new();
        size_t count = 1 + harness_random_below(STAGES_MAX);
        add(pipeline, "sleep", "1000");
        for (size_t i = 1; i < count; i++)
                add(pipeline, "cat", NULL);
        start(pipeline, 0);
        pid_t group = leat_pipeline_group(pipeline);
        switch (harness_random_below(8)) {
        case 0:
                kill_group(pipeline, count);
                break;
        case 1: /* freed while it runs */
                break;
        default:
                kill_at_random(pipeline, count);
        }
        leat_pipeline_free(pipeline);
        check_no_group(group);
}

TEST(many_with_stages_killed_at_random, .timeout_s = 120) {
        size_t many = sized(60, 2000, 10000);
        int before = harness_count_descriptors();
        for (size_t i = 0; i < many; i++)
                one_pipeline();
        CHECK_EQ(harness_count_descriptors(), before);
        CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
        CHECK_EQ(errno, ECHILD);
}

TEST(much_through_one, .timeout_s = 120) {
        struct leat_pipeline *pipeline = pipeline_new();
        size_t size = sized(16, 1024, 1024) << 20;
        char text[64];
        (void)snprintf(text, sizeof(text), "exec head -c %zu /dev/zero", size);
        add_shell(pipeline, text);
        for (unsigned i = 0; i < 3; i++)
                add(pipeline, "cat", NULL);
        to_file(add(pipeline, "wc", "-c"), 1, "counted");
        start(pipeline, 0);
        CHECK_EQ(leat_pipeline_wait(pipeline, harness_deadline_ms(100000)), 0);
        CHECK_EQ(leat_pipeline_code(pipeline), 0);
        (void)snprintf(text, sizeof(text), "%zu\n", size);
        CHECK_STR(text_of("counted"), text);
        leat_pipeline_free(pipeline);
}

TEST(a_long_one) {
        struct leat_pipeline *pipeline = pipeline_new();
        add_shell(pipeline, "echo text");
        for (size_t i = 0; i < sized(20, 100, 400); i++)
                add(pipeline, "cat", NULL);
        to_file(add(pipeline, "cat", NULL), 1, "out");
        start(pipeline, 0);
        wait_for(pipeline);
        CHECK_EQ(leat_pipeline_code(pipeline), 0);
        CHECK_STR(text_of("out"), "text\n");
        leat_pipeline_free(pipeline);
}

/* --- whoever starts pipelines is killed --- */

static void start_for_ever(void *argument) {
        struct harness_event *begun = argument;
        for (;;) {
                struct leat_pipeline *pipeline = pipeline_new();
                int fds[2];
                CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
                CHECK_EQ(leat_command_descriptor(add(pipeline, "cat", NULL), 0, fds[0]), 0);
                add(pipeline, "cat", NULL);
                add(pipeline, "cat", NULL);
                start(pipeline, 0);
                harness_event_signal(begun);
                close(fds[0]);
                close(fds[1]);
                wait_for(pipeline);
                leat_pipeline_free(pipeline);
        }
}

/* Its stages see the end of their input, or that nobody reads them, and end: none hangs. */
TEST(the_parent_is_killed_at_any_moment) {
        CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        for (size_t i = 0; i < sized(10, 100, 1000); i++) {
                struct harness_event *begun = harness_event_new();
                pid_t parent = harness_fork(start_for_ever, begun);
                harness_event_wait(begun);
                for (uint64_t spins = harness_random_below(400000); spins > 0; spins--)
                        __asm__ volatile("");
                CHECK_EQ(kill(parent, SIGKILL), 0);
                CHECK_EQ(harness_wait(parent), -SIGKILL);
                while (waitpid(-1, NULL, 0) > 0) /* until all that it started have ended */
                        ;
                CHECK_EQ(errno, ECHILD);
        }
}

TEST_MAIN()
