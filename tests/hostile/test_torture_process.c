/* SPDX-License-Identifier: MIT */
/*
 * The start and the end of a process, over and over: each time one allocation more succeeds, or one call to the system, before one fails.
 * Whatever that one is: no crash, no child and no descriptor is left, and a start that is told to have failed has started nothing.
 */
#include "hostile.h"
#include "torture.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/process.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLS_MOST = 500 };

static int channel_of(struct leat_command *command, struct leat_channel **ret_ours) {
        struct leat_channel *theirs = NULL;
        int r = leat_pair("pipe:?need=sync", NULL, &theirs, ret_ours);
        if (r == 0 && (r = leat_command_channel(command, "jobs", theirs)) < 0)
                leat_close(theirs);
        return r;
}

static int describe(struct leat_command *command, const char *path) {
        int r = leat_command_environment(command, "LEAT_SAID", "x");
        if (r == 0)
                r = leat_command_directory(command, "/");
        if (r == 0)
                r = leat_command_limit(command, RLIMIT_CORE, 0, 0);
        if (r == 0)
                r = leat_command_text(command, 0, "text", 4);
        if (r == 0)
                r = leat_command_file(command, 1, path, O_WRONLY | O_CREAT, 0600);
        if (r == 0)
                r = leat_command_duplicate(command, 2, 1);
        return r;
}

static int start(const char *program, const char *path, struct leat_process **ret_process) {
        const char *const argv[] = { program, "-c", "read x; exit 3", NULL };
        struct leat_command *command = NULL;
        struct leat_channel *ours = NULL;
        struct leat_reason reason;
        int r = leat_command_new(argv, &command);
        if (r == 0)
                r = describe(command, path);
        if (r == 0)
                r = channel_of(command, &ours);
        if (r == 0)
                r = leat_spawn(command, LEAT_NEVER, &reason, ret_process);
        leat_close(ours);
        leat_command_free(command);
        return r;
}

static bool live(const char *path) {
        struct leat_status status = LEAT_STATUS_INIT;
        struct leat_process *process = NULL;
        if (start("sh", path, &process) < 0) {
                CHECK(process == NULL);
                return false;
        }
        int r = leat_process_wait(process, LEAT_NEVER, &status);
        CHECK(r < 0 || (status.how == LEAT_HOW_EXITED && status.code == 3));
        leat_process_free(process);
        return r == 0;
}

/* What is made for it, and the child that fails, goes. */
static bool fail_to_live(const char *path) {
        struct leat_process *process = NULL;
        int r = start("/nonesuch", path, &process);
        CHECK(r < 0 && process == NULL);
        return r == -ENOENT;
}

static unsigned fail_each(bool (*once)(const char *path), enum torture which, int error) {
        char path[512];
        unsigned n = 1;
        snprintf(path, sizeof(path), "%s/out", harness_tmpdir());
        CHECK(once(path));
        long outstanding = torture_outstanding();
        int descriptors = harness_count_descriptors();
        for (bool met = true; met; n++) {
                const char *name;
                CHECK(n < CALLS_MOST);
                torture_start(which, n, error);
                bool lived = once(path);
                met = torture_stop(&name);
                CHECK(lived || met);
                CHECK_EQ(torture_outstanding(), outstanding);
                CHECK_EQ(harness_count_descriptors(), descriptors);
                CHECK(waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD);
        }
        return n;
}

TEST(a_start_without_memory) {
        CHECK(fail_each(live, TORTURE_MEMORY, ENOMEM) > 15);
}

TEST(a_start_that_the_system_refuses) {
        CHECK(fail_each(live, TORTURE_SYSTEM, EMFILE) > 8);
}

TEST(a_start_that_is_interrupted) {
        CHECK(fail_each(live, TORTURE_SYSTEM, EINTR) > 8);
}

TEST(a_start_that_a_filter_refuses) {
        CHECK(fail_each(live, TORTURE_SYSTEM, EPERM) > 8);
}

TEST(a_start_that_fails_anyway) {
        CHECK(fail_each(fail_to_live, TORTURE_MEMORY, ENOMEM) > 15);
        CHECK(fail_each(fail_to_live, TORTURE_SYSTEM, EINTR) > 8);
        CHECK(fail_each(fail_to_live, TORTURE_SYSTEM, EPERM) > 8);
}

/* ---- a channel that is inherited ---- */

static void name_inherited(int fd) {
        char text[4096] = "";
        for (int i = 3; i < fd; i++)
                strcat(text, "-:");
        strcat(text, "in");
        setenv("LISTEN_FDNAMES", text, 1);
        snprintf(text, sizeof(text), "%d", fd - 2);
        setenv("LISTEN_FDS", text, 1);
        snprintf(text, sizeof(text), "%d", (int)getpid());
        setenv("LISTEN_PID", text, 1);
}

/* Where the first open fails, and may have closed it, a file of the program's has its number then: that is not taken for the channel. */
static void inherit_twice(void *argument) {
        const unsigned *n = argument;
        struct leat_channel *in = NULL;
        const char *name;
        int fds[2];
        CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
        name_inherited(fds[0]);
        torture_start(TORTURE_MEMORY, *n, ENOMEM);
        int r = leat_inherit("in", LEAT_RECEIVE, NULL, &in);
        bool met = torture_stop(&name);
        CHECK(met == (r < 0));
        bool open = fcntl(fds[0], F_GETFD) >= 0;
        int stranger = open ? -1 : fcntl(fds[1], F_DUPFD_CLOEXEC, fds[0]);
        if (r < 0)
                CHECK_EQ(leat_inherit("in", LEAT_RECEIVE, NULL, &in), open ? 0 : -EALREADY);
        CHECK(stranger < 0 || (stranger == fds[0] && fcntl(stranger, F_GETFD) >= 0));
        if (in)
                leat_close(in);
        if (!met)
                _exit(77);
}

TEST(a_channel_is_inherited_without_memory) {
        int end = 0;
        for (unsigned n = 1; end == 0; n++) {
                CHECK(n < CALLS_MOST);
                end = harness_wait(harness_fork(inherit_twice, &n));
        }
        CHECK_EQ(end, 77);
}

TEST_MAIN()
