/* SPDX-License-Identifier: MIT */
#ifndef PROCESS_PIPELINES_H
#define PROCESS_PIPELINES_H

/* What the tests of pipelines share. Each call fails the test when it does not do what it says. */

#include "harness.h"

#include <leat/process.h>

struct leat_pipeline *pipeline_new(void);

/* A stage: a program without arguments, or with one, or a text for sh -c (which is to be replaced by `exec`). */
struct leat_command *add(struct leat_pipeline *pipeline, const char *program, const char *argument);
struct leat_command *add_shell(struct leat_pipeline *pipeline, const char *text);

/* flags as of leat_pipeline_start(), without a deadline. */
void start(struct leat_pipeline *pipeline, unsigned flags);
void wait_for(struct leat_pipeline *pipeline);

/* As it is told. */
struct leat_status status_of(struct leat_pipeline *pipeline, size_t stage);
void check_stage(const char *file, int line, struct leat_pipeline *pipeline, size_t stage, enum leat_how how, int code);
#define CHECK_STAGE(pipeline, stage, how, code) check_stage(__FILE__, __LINE__, pipeline, stage, how, code)

/* The group has nobody in it. */
void check_no_group(pid_t group);

/* A path in the test's directory; static. And what a file holds: static, with a NUL behind it. */
const char *path_of(const char *name);
const char *text_of(const char *name);

/* The command's output goes to that file. */
void to_file(struct leat_command *command, int fd, const char *name);

/* A pipe by which a child says that it has come somewhere: its write end is `fd` 9 of that command. */
struct said {
        int read;
};
struct said says(struct leat_command *command);
/* After the start. Wait for so many bytes of it. */
void wait_said(struct said *said, size_t bytes);
void said_close(struct said *said);

/* LEAT_TEST_SIZE: small, or there are sanitizers; normal; long. */
size_t sized(size_t small, size_t normal, size_t large);

#endif
