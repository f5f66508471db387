/* SPDX-License-Identifier: MIT */

/* What a command says: its arguments, environment, directory, redirections, limits. */

#include "spawns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define TO O_WRONLY | O_CREAT | O_TRUNC
#define BEHIND O_WRONLY | O_CREAT | O_APPEND

TEST(arguments_are_passed_as_they_are) {
        CHECK_STR(spawns_output(spawns_command("printf", "%s|", "a b", "", "*", "$HOME", NULL)), "a b||*|$HOME|");
}

TEST(what_is_wrong_is_told_at_once_and_by_the_spawn) {
        const char *const none[] = { NULL };
        struct leat_command *command;
        struct leat_reason reason;
        CHECK_EQ(leat_command_new(none, &command), -EINVAL);
        CHECK_EQ(leat_command_new(NULL, &command), -EINVAL);
        command = spawns_command("true", NULL);
        CHECK_EQ(leat_command_file(command, 1024, "x", O_RDONLY, 0), -EINVAL);
        CHECK_EQ(leat_command_file(command, -1, "x", O_RDONLY, 0), -EINVAL);
        CHECK_EQ(leat_command_file(command, 0, NULL, O_RDONLY, 0), -EINVAL);
        CHECK_EQ(leat_command_duplicate(command, 2, 1024), -EINVAL);
        CHECK_EQ(leat_command_descriptor(command, 2, -1), -EINVAL);
        CHECK_EQ(leat_command_environment(command, "A=B", "x"), -EINVAL);
        CHECK_EQ(leat_command_environment(command, "", "x"), -EINVAL);
        CHECK_EQ(leat_command_group(command, -5), -EINVAL);
        CHECK_EQ(leat_command_limit(command, RLIMIT_CORE, 2, 1), -EINVAL);
        CHECK_EQ(leat_command_directory(command, NULL), -EINVAL);
        CHECK_EQ(leat_command_environment(command, "GOOD", "x"), 0);
        CHECK_EQ(spawns_error(command, &reason), -EINVAL);
        CHECK(leat_command_free(NULL) == NULL);
}

TEST(the_environment_is_the_parents_and_what_was_said) {
        setenv("LEAT_KEPT", "kept", 1);
        setenv("LEAT_GONE", "gone", 1);
        setenv("LEAT_NEW", "old", 1);
        struct leat_command *command = spawns_shell("echo \"$LEAT_KEPT,${LEAT_GONE-none},$LEAT_NEW\"");
        leat_command_environment(command, "LEAT_GONE", NULL);
        leat_command_environment(command, "LEAT_NEW", "first");
        leat_command_environment(command, "LEAT_NEW", "new=new");
        CHECK_STR(spawns_output(command), "kept,none,new=new");
        command = spawns_command("env", NULL);
        leat_command_environment(command, "BEFORE", "1");
        leat_command_clear_environment(command);
        leat_command_environment(command, "AFTER", "2");
        CHECK_STR(spawns_output(command), "AFTER=2");
}

TEST(the_program_is_looked_up_in_the_childs_path) {
        struct leat_command *command = spawns_command("hello", NULL);
        char path[1024];
        spawns_file("hello", "#!/bin/sh\necho hello\n", 0755);
        snprintf(path, sizeof(path), "/nonesuch::%s", harness_tmpdir());
        leat_command_environment(command, "PATH", path);
        CHECK_STR(spawns_output(command), "hello");
        command = spawns_command("hello", NULL); /* an empty part is where it runs */
        leat_command_environment(command, "PATH", "/nonesuch:");
        leat_command_directory(command, harness_tmpdir());
        CHECK_STR(spawns_output(command), "hello");
}

TEST(one_that_may_not_be_run_is_passed_over) {
        struct leat_command *command = spawns_command("hello", NULL);
        struct leat_reason reason;
        char path[2048];
        CHECK_EQ(mkdir(spawns_path("a"), 0700), 0);
        CHECK_EQ(mkdir(spawns_path("b"), 0700), 0);
        spawns_file("a/hello", "#!/bin/sh\necho a\n", 0644);
        snprintf(path, sizeof(path), "%s:%s", spawns_path("a"), spawns_path("b"));
        leat_command_environment(command, "PATH", path);
        CHECK_EQ(spawns_error(command, &reason), -EACCES);
        spawns_file("b/hello", "#!/bin/sh\necho b\n", 0755);
        command = spawns_command("hello", NULL);
        leat_command_environment(command, "PATH", path);
        CHECK_STR(spawns_output(command), "b");
}

TEST(it_runs_in_its_directory_and_its_files_are_from_here) {
        struct leat_command *command = spawns_command("pwd", NULL);
        char real[4096];
        CHECK_EQ(mkdir(spawns_path("in"), 0700), 0);
        CHECK_EQ(chdir(harness_tmpdir()), 0);
        leat_command_directory(command, "in");
        leat_command_file(command, 1, "out", TO, 0666);
        CHECK_EQ(spawns_end(spawns_start(command)), 0);
        CHECK(realpath(spawns_path("in"), real) != NULL);
        CHECK_STR(spawns_text(spawns_path("out")), real);
        CHECK_EQ(chdir("/"), 0);
}

TEST(files_are_read_written_and_appended_to) {
        const char *in = spawns_file("in", "one\n", 0600), *out = spawns_path("out");
        for (int i = 0; i < 3; i++) {
                struct leat_command *command = spawns_command("cat", NULL);
                leat_command_file(command, 0, in, O_RDONLY, 0);
                leat_command_file(command, 1, out, i == 0 ? TO : BEHIND, 0600);
                CHECK_EQ(spawns_end(spawns_start(command)), 0);
        }
        CHECK_STR(spawns_text(out), "one\none\none");
        struct leat_command *command = spawns_command("true", NULL);
        leat_command_file(command, 1, out, TO, 0600);
        CHECK_EQ(spawns_end(spawns_start(command)), 0);
        CHECK_STR(spawns_text(out), "");
}

static void both(struct leat_command *command, bool file_first, const char *out) {
        if (file_first)
                leat_command_file(command, 1, out, TO, 0600);
        leat_command_duplicate(command, 2, 1);
        if (!file_first)
                leat_command_file(command, 1, out, TO, 0600);
}

TEST(redirections_go_from_left_to_right) {
        const char *first = spawns_path("first"), *out = spawns_path("out");
        struct leat_command *command = spawns_shell("echo o; echo e >&2");
        both(command, true, out); /* > out 2>&1 */
        CHECK_EQ(spawns_end(spawns_start(command)), 0);
        CHECK_STR(spawns_text(out), "o\ne");
        command = spawns_shell("echo o; echo e >&2");
        leat_command_file(command, 1, first, TO, 0600);
        both(command, false, out); /* 2>&1 > out: the errors go to where the output went */
        CHECK_EQ(spawns_end(spawns_start(command)), 0);
        CHECK_STR(spawns_text(out), "o");
        CHECK_STR(spawns_text(first), "e");
}

TEST(two_change_places) {
        const char *out = spawns_path("out"), *errors = spawns_path("errors");
        struct leat_command *command = spawns_shell("echo o; echo e >&2");
        leat_command_file(command, 1, out, TO, 0600);
        leat_command_file(command, 2, errors, TO, 0600);
        leat_command_duplicate(command, 3, 1); /* 3>&1 1>&2 2>&3 3>&- */
        leat_command_duplicate(command, 1, 2);
        leat_command_duplicate(command, 2, 3);
        leat_command_close(command, 3);
        CHECK_EQ(spawns_end(spawns_start(command)), 0);
        CHECK_STR(spawns_text(out), "e");
        CHECK_STR(spawns_text(errors), "o");
}

/* The caller's own 0 to 2, and numbers that are sources of one and targets of another, go round. */
TEST(descriptors_go_round_without_overwriting_each_other) {
        static const char *const names[] = { "a", "b", "c" };
        int fds[3];
        for (int i = 0; i < 3; i++)
                fds[i] = open(spawns_file(names[i], names[i], 0600), O_RDONLY | O_CLOEXEC);
        char script[128];
        snprintf(script, sizeof(script), "cd /proc/self/fd && cat %d %d %d", fds[0], fds[1], fds[2]);
        struct leat_command *command = spawns_shell(script);
        for (int i = 0; i < 3; i++)
                leat_command_descriptor(command, fds[i], fds[(i + 1) % 3]);
        CHECK_STR(spawns_output(command), "bca");
        for (int i = 0; i < 3; i++)
                close(fds[i]);
}

TEST(a_descriptor_that_is_lent_keeps_its_flags) {
        int fd = open(spawns_file("a", "text", 0600), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct leat_command *command = spawns_command("cat", NULL);
        leat_command_descriptor(command, 0, fd);
        CHECK_STR(spawns_output(command), "text");
        CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
        CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
        close(fd);
}

TEST(a_text_is_read_and_cannot_be_changed) {
        struct leat_command *command = spawns_shell("cat; { echo more >&0; } 2>/dev/null || echo sealed");
        CHECK_EQ(leat_command_text(command, 0, "some\0text", 9), 0);
        CHECK_EQ(leat_command_text(command, 7, NULL, 0), 0);
        const char *output = spawns_output(command);
        CHECK_MEM(output, "some\0textsealed", 16);
        command = spawns_command("wc", "-c", NULL);
        static char large[3 << 20];
        leat_command_text(command, 0, large, sizeof(large));
        CHECK_EQ(atoi(spawns_output(command)), (int)sizeof(large));
}

TEST(a_command_can_be_started_again_and_again) {
        struct leat_command *command = spawns_command("cat", NULL);
        const char *out = spawns_path("out");
        leat_command_text(command, 0, "x", 1);
        leat_command_file(command, 1, out, BEHIND, 0600);
        for (int i = 0; i < 3; i++) {
                struct leat_process *process;
                CHECK_EQ(leat_spawn(command, LEAT_NEVER, NULL, &process), 0);
                CHECK_EQ(spawns_end(process), 0);
        }
        leat_command_free(command);
        CHECK_STR(spawns_text(out), "xxx");
}

TEST(what_is_closed_is_closed) {
        struct leat_command *command =
                spawns_shell("for i in 0 2; do test -e /proc/self/fd/$i && echo $i; done; echo end");
        leat_command_close(command, 0);
        leat_command_close(command, 2);
        leat_command_close(command, 9); /* it was not open */
        CHECK_STR(spawns_output(command), "end");
}

TEST(limits_are_set) {
        struct leat_command *command = spawns_shell("ulimit -n; ulimit -Hn; ulimit -c");
        leat_command_limit(command, RLIMIT_NOFILE, 20, 30);
        leat_command_limit(command, RLIMIT_CORE, 0, 0);
        leat_command_file(command, 25, "/dev/null", O_RDONLY, 0); /* above the limit that it is to have */
        CHECK_STR(spawns_output(command), "20\n30\n0");
}

TEST(a_group_of_its_own_or_anothers) {
        struct leat_command *command = spawns_shell("kill -STOP $$; exit 0");
        CHECK_EQ(leat_command_group(command, 0), 0);
        struct leat_process *leader = spawns_start(command);
        CHECK_EQ(getpgid(leat_process_pid(leader)), leat_process_pid(leader));
        command = spawns_shell("cut -d' ' -f5 /proc/self/stat");
        leat_command_group(command, leat_process_pid(leader));
        CHECK_EQ(atoi(spawns_output(command)), leat_process_pid(leader));
        leat_process_free(leader);
        command = spawns_shell("cut -d' ' -f5 /proc/self/stat");
        CHECK_EQ(atoi(spawns_output(command)), getpgrp());
}

TEST_MAIN()
