/* SPDX-License-Identifier: MIT */
#include "pipelines.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct leat_pipeline *pipeline_new(void) {
        struct leat_pipeline *pipeline;
        CHECK_EQ(leat_pipeline_new(&pipeline), 0);
        return pipeline;
}

struct leat_command *add(struct leat_pipeline *pipeline, const char *program, const char *argument) {
        const char *const argv[] = { program, argument, NULL };
        struct leat_command *command;
        CHECK_EQ(leat_pipeline_stage(pipeline, argv, &command), 0);
        return command;
}

struct leat_command *add_shell(struct leat_pipeline *pipeline, const char *text) {
        const char *const argv[] = { "sh", "-c", text, NULL };
        struct leat_command *command;
        CHECK_EQ(leat_pipeline_stage(pipeline, argv, &command), 0);
        return command;
}

void start(struct leat_pipeline *pipeline, unsigned flags) {
        struct leat_pipeline_options options = LEAT_PIPELINE_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        options.flags = flags;
        int r = leat_pipeline_start(pipeline, &options, &reason, NULL);
        if (r < 0)
                FAIL("start: %s (%s)", leat_strerror(r), reason.text ? reason.text : "");
}

void wait_for(struct leat_pipeline *pipeline) {
        CHECK_EQ(leat_pipeline_wait(pipeline, harness_deadline_ms(50000)), 0);
}

struct leat_status status_of(struct leat_pipeline *pipeline, size_t stage) {
        struct leat_status status = LEAT_STATUS_INIT;
        CHECK_EQ(leat_pipeline_status(pipeline, stage, &status), 0);
        return status;
}

void check_stage(const char *file, int line, struct leat_pipeline *pipeline, size_t stage, enum leat_how how,
                 int code) {
        struct leat_status status = status_of(pipeline, stage);
        if (status.how != how || status.code != code)
                harness_fail(file, line, "stage %zu: how %d, code %d; not how %d, code %d", stage, (int)status.how,
                             status.code, (int)how, code);
}

void check_no_group(pid_t group) {
        CHECK(group > 0);
        CHECK_EQ(kill(-group, 0), -1);
        CHECK_EQ(errno, ESRCH);
}

const char *path_of(const char *name) {
        static char path[512];
        (void)snprintf(path, sizeof(path), "%s/%s", harness_tmpdir(), name);
        return path;
}

const char *text_of(const char *name) {
        static char text[4096];
        CLOSE_AT_EXIT int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        ssize_t n = read(fd, text, sizeof(text) - 1);
        CHECK(n >= 0);
        text[n] = '\0';
        return text;
}

void to_file(struct leat_command *command, int fd, const char *name) {
        CHECK_EQ(leat_command_file(command, fd, path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600), 0);
}

/* The near end of the writer stays open here until the command has been started: said_close() closes both. */
static int writers[64];

struct said says(struct leat_command *command) {
        int fds[2];
        CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
        CHECK_EQ(leat_command_descriptor(command, 9, fds[1]), 0);
        CHECK(fds[0] < 64);
        writers[fds[0]] = fds[1];
        return (struct said){ .read = fds[0] };
}

void wait_said(struct said *said, size_t bytes) {
        char byte;
        for (size_t i = 0; i < bytes; i++) {
                struct pollfd polled = { .fd = said->read, .events = POLLIN };
                CHECK_EQ(poll(&polled, 1, 50000), 1);
                CHECK_EQ(read(said->read, &byte, 1), 1);
        }
}

void said_close(struct said *said) {
        close_fd(writers[said->read]);
        said->read = close_fd(said->read);
}

size_t sized(size_t small, size_t normal, size_t large) {
        const char *size = getenv("LEAT_TEST_SIZE");
        if (SANITIZED || (size && strcmp(size, "small") == 0))
                return small;
        return size && strcmp(size, "long") == 0 ? large : normal;
}
