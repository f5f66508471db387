/* SPDX-License-Identifier: MIT */
/* A family of children, interrupted and reaped, each with the status that is its own. */
#include "pipelines.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define CHILDREN 6

/* Each second one catches the signal and ends by itself. */
TEST(a_family_is_interrupted) {
        struct leat_pipeline *pipeline = pipeline_new();
        struct said said[CHILDREN];
        char text[160];
        int never[2];
        CHECK_EQ(pipe2(never, O_CLOEXEC), 0);
        for (int i = 0; i < CHILDREN; i++) {
                /* One that catches it is to sleep in a read then, which is interrupted: of an input that never ends. */
                (void)snprintf(text, sizeof(text),
                               i % 2 ? "trap 'exit %d' INT; printf x >&9; while :; do read line; done"
                                     : "printf x >&9; exec sleep 100%d",
                               10 + i);
                struct leat_command *command = add_shell(pipeline, text);
                said[i] = says(command);
                if (i % 2)
                        CHECK_EQ(leat_command_descriptor(command, 0, never[0]), 0);
        }
        start(pipeline, 0);
        for (unsigned i = 0; i < CHILDREN; i++)
                wait_said(&said[i], 1);
        for (unsigned i = 0; i < CHILDREN; i++)
                harness_wait_state(leat_process_pid(leat_pipeline_process(pipeline, i)), "S");
        pid_t group = leat_pipeline_group(pipeline);
        for (size_t i = 0; i < CHILDREN; i++)
                CHECK_EQ(getpgid(leat_process_pid(leat_pipeline_process(pipeline, i))), group);
        CHECK_EQ(leat_pipeline_signal(pipeline, SIGINT), 0);
        wait_for(pipeline);
        for (unsigned i = 0; i < CHILDREN; i++) {
                if (i % 2)
                        CHECK_STAGE(pipeline, i, LEAT_HOW_EXITED, (int)(10 + i));
                else
                        CHECK_STAGE(pipeline, i, LEAT_HOW_KILLED, SIGINT);
                said_close(&said[i]);
        }
        CHECK_EQ(leat_pipeline_code(pipeline), 10 + CHILDREN - 1);
        close(never[0]);
        close(never[1]);
        leat_pipeline_free(pipeline);
}

/* The caller is in another group, and lives on. */
TEST(the_caller_is_not_of_the_family) {
        struct leat_pipeline *pipeline = pipeline_new();
        (void)signal(SIGINT, SIG_DFL);
        add(pipeline, "sleep", "1000");
        start(pipeline, 0);
        CHECK(leat_pipeline_group(pipeline) != getpgid(0));
        CHECK_EQ(leat_pipeline_signal(pipeline, SIGINT), 0);
        wait_for(pipeline);
        CHECK_STAGE(pipeline, 0, LEAT_HOW_KILLED, SIGINT);
        leat_pipeline_free(pipeline);
}

TEST_MAIN()
