/* SPDX-License-Identifier: MIT */

/* Starting: what a child begins with, and each way in which there is none. */

#include "spawns.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- there is no child ---- */

static int error_of(struct leat_command *command) {
        struct leat_reason reason;
        return spawns_error(command, &reason);
}

TEST(what_cannot_be_executed_is_an_error) {
        char slash[600];
        CHECK_EQ(error_of(spawns_command("nonesuch-program", NULL)), -ENOENT);
        CHECK_EQ(error_of(spawns_command("/nonesuch/program", NULL)), -ENOENT);
        CHECK_EQ(error_of(spawns_command("", NULL)), -ENOENT);
        CHECK_EQ(error_of(spawns_command("/dev/null/x", NULL)), -ENOTDIR);
        CHECK_EQ(error_of(spawns_command("/", NULL)), -EACCES);
        CHECK_EQ(error_of(spawns_command(harness_tmpdir(), NULL)), -EACCES);
        CHECK_EQ(error_of(spawns_command(spawns_file("plain", "x", 0644), NULL)), -EACCES);
        CHECK_EQ(error_of(spawns_command(spawns_file("text", "echo x\n", 0755), NULL)), -ENOEXEC);
        snprintf(slash, sizeof(slash), "%s/", spawns_path("text"));
        CHECK_EQ(error_of(spawns_command(slash, NULL)), -ENOTDIR);
}

TEST(a_script_without_its_interpreter_is_told_from_no_program) {
        const char *script = spawns_file("script", "#!/nonesuch/sh\n", 0755);
        struct leat_reason reason;
        CHECK_EQ(spawns_error(spawns_command(script, NULL), &reason), -ENOENT);
        CHECK(strstr(reason.text, "interpreter") != NULL);
        struct leat_command *command = spawns_command("./script", NULL);
        leat_command_directory(command, harness_tmpdir());
        CHECK_EQ(spawns_error(command, &reason), -ENOENT);
        CHECK(strstr(reason.text, "interpreter") != NULL);
        CHECK_EQ(spawns_error(spawns_command("nonesuch-program", NULL), &reason), -ENOENT);
        CHECK(strstr(reason.text, "PATH") != NULL);
}

TEST(too_many_arguments_are_an_error) {
        static char large[256 << 10];
        struct leat_reason reason;
        memset(large, 'x', sizeof(large) - 1);
        CHECK_EQ(spawns_error(spawns_command("true", large, NULL), &reason), -E2BIG);
        CHECK_STR(reason.limit, "RLIMIT_STACK");
}

TEST(what_cannot_be_redirected_is_an_error_with_its_place) {
        struct leat_command *command = spawns_command("true", NULL);
        struct leat_reason reason;
        leat_command_text(command, 0, "x", 1);
        leat_command_file(command, 1, "/nonesuch/file", O_WRONLY | O_CREAT, 0600);
        CHECK_EQ(spawns_error(command, &reason), -ENOENT);
        CHECK_EQ(reason.column, 2);
        command = spawns_command("true", NULL);
        leat_command_file(command, 1, "/", O_WRONLY, 0);
        CHECK_EQ(spawns_error(command, &reason), -EISDIR);
        CHECK_EQ(reason.column, 1);
        command = spawns_command("true", NULL);
        leat_command_close(command, 1);
        leat_command_duplicate(command, 2, 1);
        CHECK_EQ(spawns_error(command, &reason), -EBADF);
        CHECK_EQ(reason.column, 2);
        command = spawns_command("true", NULL);
        leat_command_duplicate(command, 2, 700);
        CHECK_EQ(spawns_error(command, &reason), -EBADF);
        command = spawns_command("true", NULL);
        leat_command_descriptor(command, 2, 900);
        CHECK_EQ(spawns_error(command, &reason), -EBADF);
}

TEST(what_the_child_cannot_do_is_an_error) {
        struct leat_command *command = spawns_command("true", NULL);
        struct leat_reason reason;
        leat_command_directory(command, "/nonesuch");
        CHECK_EQ(spawns_error(command, &reason), -ENOENT);
        CHECK(strstr(reason.text, "directory") != NULL);
        command = spawns_command("true", NULL);
        leat_command_group(command, 1 << 30);
        CHECK_EQ(spawns_error(command, &reason), -EPERM);
        CHECK(strstr(reason.text, "group") != NULL);
        command = spawns_command("true", NULL);
        leat_command_limit(command, 9999, 1, 1);
        CHECK_EQ(spawns_error(command, &reason), -EINVAL);
        CHECK(strstr(reason.text, "limit") != NULL);
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        command = spawns_command("true", NULL);
        leat_command_foreground(command, null);
        CHECK_EQ(spawns_error(command, &reason), -ENOTTY);
        CHECK(strstr(reason.text, "terminal") != NULL);
        close(null);
}

TEST(a_full_table_of_descriptors_is_an_error) {
        struct rlimit limit, few;
        struct leat_reason reason;
        /* Up to the last number there is: the pidfd, and what is opened, find none. */
        getrlimit(RLIMIT_NOFILE, &limit);
        CHECK_EQ(spawns_end(spawns_start(spawns_command("true", NULL))), 0);
        int next = dup(0);
        close(next);
        few = (struct rlimit){ .rlim_cur = (rlim_t)next, .rlim_max = limit.rlim_max };
        struct leat_command *command = spawns_command("true", NULL), *file = spawns_command("true", NULL);
        struct leat_process *process = NULL;
        leat_command_file(file, 0, "/dev/null", O_RDONLY, 0);
        setrlimit(RLIMIT_NOFILE, &few);
        int r = leat_spawn(command, LEAT_NEVER, &reason, &process);
        int r_file = leat_spawn(file, LEAT_NEVER, &reason, &process);
        setrlimit(RLIMIT_NOFILE, &limit);
        CHECK_EQ(r, -EMFILE);
        CHECK_EQ(r_file, -EMFILE);
        CHECK_STR(reason.limit, "RLIMIT_NOFILE");
        CHECK_EQ(reason.column, 1);
        CHECK(process == NULL);
        CHECK(waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD);
        leat_command_free(command);
        leat_command_free(file);
}

static volatile sig_atomic_t children_told;

static void count_child(int number) {
        (void)number;
        children_told = children_told + 1;
}

/* Neither a handler of SIGCHLD nor a program that reaps all gets to know of a start that failed. */
TEST(a_start_that_failed_is_nobodys_child) {
        signal(SIGCHLD, count_child);
        CHECK_EQ(error_of(spawns_command("nonesuch-program", NULL)), -ENOENT);
        CHECK_EQ(children_told, 0);
        signal(SIGCHLD, SIG_IGN);
        CHECK_EQ(error_of(spawns_command("nonesuch-program", NULL)), -ENOENT);
        signal(SIGCHLD, count_child);
        CHECK_EQ(spawns_end(spawns_start(spawns_command("true", NULL))), 0);
        CHECK_EQ(children_told, 1);
}

/* ---- what a child begins with ---- */

static const char *line_of(const char *status, const char *name) {
        static char value[64];
        const char *line = strstr(status, name);
        CHECK(line && sscanf(line + strlen(name), "%63s", value) == 1);
        return value;
}

TEST(it_begins_with_no_signal_ignored_or_blocked) {
        sigset_t all;
        for (int i = 1; i <= SIGRTMAX; i++)
                if (i != SIGCHLD)
                        signal(i, SIG_IGN);
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);
        const char *status = spawns_output(spawns_command("cat", "/proc/self/status", NULL));
        CHECK_STR(line_of(status, "SigIgn:"), "0000000000000000");
        CHECK_STR(line_of(status, "SigBlk:"), "0000000000000000");
        CHECK_STR(line_of(status, "SigCgt:"), "0000000000000000");
        sigset_t now;
        sigprocmask(SIG_SETMASK, NULL, &now);
        CHECK(sigismember(&now, SIGTERM) == 1); /* and here all is as it was */
        CHECK(signal(SIGINT, SIG_DFL) == SIG_IGN);
}

TEST(it_has_no_descriptor_that_it_was_not_given) {
        int stray[40];
        for (int i = 0; i < 40; i++)
                CHECK((stray[i] = dup(0)) >= 0); /* to be inherited */
        struct leat_command *command = spawns_command("ls", "/proc/self/fd", NULL);
        leat_command_file(command, 9, "/dev/null", O_RDONLY, 0);
        leat_command_file(command, 1023, "/dev/null", O_RDONLY, 0);
        CHECK_STR(spawns_output(command), "0\n1\n1023\n2\n3\n9"); /* 3: the folder itself */
        CHECK_EQ(fcntl(stray[0], F_GETFD), 0);
        for (int i = 0; i < 40; i++)
                close(stray[i]);
}

/* As a filter does: close_range(2) is refused, here and to what is started. */
static void refuse_close_range(void) {
        if (!harness_refuse_call(SYS_close_range, EPERM))
                SKIP("no filter can be set here");
        CHECK(syscall(SYS_close_range, 900, 900, 0) < 0 && errno == EPERM);
}

TEST(nor_where_close_range_is_refused) {
        int stray[60];
        for (int i = 0; i < 60; i++)
                CHECK((stray[i] = dup(0)) >= 0);
        refuse_close_range();
        struct leat_command *command = spawns_command("ls", "/proc/self/fd", NULL);
        leat_command_file(command, 9, "/dev/null", O_RDONLY, 0);
        CHECK_STR(spawns_output(command), "0\n1\n2\n3\n9");
        for (int i = 0; i < 60; i++)
                close(stray[i]);
}

/* A caller without standard descriptors: what is opened for the start must not become the child's. */
static void spawn_without_standard(void *argument) {
        (void)argument;
        static const char *const names[] = { "first", "second" };
        struct leat_command *commands[2];
        char script[700];
        for (int i = 0; i < 2; i++) {
                snprintf(script, sizeof(script), "ls /proc/self/fd > %s", spawns_path(names[i]));
                commands[i] = spawns_shell(script);
                leat_command_file(commands[i], 2, "/dev/null", O_WRONLY, 0);
        }
        for (int fd = 0; fd < 3; fd++)
                close(fd);
        for (int i = 0; i < 2; i++) { /* the second one while the first is held */
                struct leat_process *process = NULL;
                if (leat_spawn(commands[i], LEAT_NEVER, NULL, &process) < 0 ||
                    leat_process_wait(process, LEAT_NEVER, NULL) < 0)
                        _exit(1);
        }
        _exit(0);
}

TEST(what_is_closed_in_the_caller_is_closed_in_the_child) {
        CHECK_EQ(harness_wait(harness_fork(spawn_without_standard, NULL)), 0);
        CHECK_STR(spawns_text(spawns_path("first")), "0\n1\n2"); /* 0: the folder that ls reads; 1: the output */
        CHECK_STR(spawns_text(spawns_path("second")), "0\n1\n2");
}

/* ---- FIFOs ---- */

static void open_other_end(void *argument) {
        const char *const *how = argument;
        harness_wait_state(getppid(), "S");
        int fd = open(how[0], how[1][0] == 'w' ? O_WRONLY : O_RDONLY);
        char text[8] = "";
        CHECK(fd >= 0);
        if (how[1][0] == 'w')
                CHECK_EQ(write(fd, "through", 7), 7);
        else
                CHECK_EQ(read(fd, text, sizeof(text)), 7);
        close(fd);
}

TEST(a_fifo_waits_for_its_other_end) {
        const char *path = spawns_path("fifo"), *out = spawns_path("out");
        CHECK_EQ(mkfifo(path, 0600), 0);
        struct leat_command *command = spawns_command("cat", NULL);
        leat_command_file(command, 0, path, O_RDONLY, 0);
        leat_command_file(command, 1, out, O_WRONLY | O_CREAT, 0600);
        const char *writer[] = { path, "w" };
        pid_t other = harness_fork(open_other_end, writer);
        CHECK_EQ(spawns_end(spawns_start(command)), 0);
        CHECK_EQ(harness_wait(other), 0);
        CHECK_STR(spawns_text(out), "through");
        command = spawns_command("printf", "through", NULL);
        leat_command_file(command, 1, path, O_WRONLY, 0);
        const char *reader[] = { path, "r" };
        other = harness_fork(open_other_end, reader);
        CHECK_EQ(spawns_end(spawns_start(command)), 0);
        CHECK_EQ(harness_wait(other), 0);
}

TEST(a_fifo_that_nobody_opens_ends_at_the_deadline) {
        const char *path = spawns_path("fifo");
        struct leat_process *process = NULL;
        struct leat_reason reason;
        CHECK_EQ(mkfifo(path, 0600), 0);
        for (int writes = 0; writes < 2; writes++) {
                struct leat_command *command = spawns_command("cat", NULL);
                leat_command_file(command, writes, path, writes ? O_WRONLY : O_RDONLY, 0);
                CHECK_EQ(leat_spawn(command, LEAT_NOW, &reason, &process), -EAGAIN);
                CHECK_EQ(leat_spawn(command, leat_in_ms(5), &reason, &process), -ETIMEDOUT);
                CHECK_EQ(reason.column, 1);
                CHECK(strstr(reason.text, "FIFO") != NULL);
                leat_command_free(command);
        }
}

/* A writer that is there and silent: the child gets a descriptor whose reads wait, as any other. */
TEST(a_silent_writer_is_enough) {
        const char *path = spawns_path("fifo");
        CHECK_EQ(mkfifo(path, 0600), 0);
        int writer = open(path, O_RDWR | O_CLOEXEC);
        struct leat_command *command = spawns_command("cat", NULL);
        leat_command_file(command, 0, path, O_RDONLY, 0);
        leat_command_file(command, 1, spawns_path("out"), O_WRONLY | O_CREAT, 0600);
        struct leat_process *process = spawns_start(command);
        harness_wait_state(leat_process_pid(process), "S");
        CHECK_EQ(write(writer, "late", 4), 4);
        close(writer);
        CHECK_EQ(spawns_end(process), 0);
        CHECK_STR(spawns_text(spawns_path("out")), "late");
}

/* ---- many ---- */

static int how_many(int normal) {
        const char *size = getenv("LEAT_TEST_SIZE");
        return SANITIZED || (size && strcmp(size, "small") == 0) ? normal / 50
               : size && strcmp(size, "long") == 0               ? normal * 10
                                                                 : normal;
}

static void spawn_many(int count) {
        const char *const argv[] = { "/bin/true", NULL }, *const none[] = { "/nonesuch", NULL };
        struct leat_command *command, *fails;
        CHECK_EQ(leat_command_new(argv, &command), 0);
        CHECK_EQ(leat_command_new(none, &fails), 0);
        for (int i = 0; i < count; i++) {
                struct leat_process *process = NULL;
                CHECK_EQ(leat_spawn(command, LEAT_NEVER, NULL, &process), 0);
                CHECK_EQ(spawns_end(process), 0);
                CHECK_EQ(leat_spawn(fails, LEAT_NEVER, NULL, &process), -ENOENT);
        }
        leat_command_free(command);
        leat_command_free(fails);
}

/* In check-long there are 10,000, and as many that fail. */
TEST(many_leave_nothing_behind, .timeout_s = 240) {
        int before = harness_count_descriptors();
        spawn_many(how_many(500));
        CHECK_EQ(harness_count_descriptors(), before);
        CHECK(waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD);
}

static void *spawn_in_thread(void *argument) {
        int code = *(const int *)argument;
        char text[16];
        snprintf(text, sizeof(text), "exit %d", code);
        for (int i = 0; i < how_many(50) + 3; i++)
                CHECK_EQ(spawns_end(spawns_start(spawns_shell(text))), code);
        return NULL;
}

TEST(threads_start_at_once) {
        pthread_t threads[4];
        int codes[4] = { 10, 11, 12, 13 };
        for (int i = 0; i < 4; i++)
                CHECK_EQ(pthread_create(&threads[i], NULL, spawn_in_thread, &codes[i]), 0);
        for (int i = 0; i < 4; i++)
                CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

TEST(a_parent_with_much_memory_starts_others) {
        size_t size = SANITIZED ? (size_t)64 << 20 : (size_t)1 << 30;
        char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        CHECK(memory != MAP_FAILED);
        for (size_t at = 0; at < size; at += 4096)
                memory[at] = 1;
        for (int i = 0; i < 20; i++)
                CHECK_EQ(spawns_end(spawns_start(spawns_command("true", NULL))), 0);
        CHECK_EQ(memory[size - 4096], 1);
        munmap(memory, size);
}

static void spawn_until_killed(void *argument) {
        struct harness_event *ready = argument;
        for (;;) {
                CHECK_EQ(spawns_end(spawns_start(spawns_command("true", NULL))), 0);
                harness_event_signal(ready);
        }
}

/* Killed at any moment, it leaves no child behind that hangs, or that did not execute its program. */
TEST(a_parent_is_killed_in_the_middle) {
        CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        for (int i = 0; i < 20; i++) {
                struct harness_event *ready = harness_event_new();
                pid_t parent = harness_fork(spawn_until_killed, ready);
                harness_event_wait(ready);
                for (uint64_t spin = harness_random_below(200000); spin > 0; spin--)
                        __asm__ volatile("");
                kill(parent, SIGKILL);
                CHECK_EQ(harness_wait(parent), -SIGKILL);
                int status; /* what it had started is ours now, and ends */
                while (waitpid(-1, &status, __WALL) > 0)
                        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
                CHECK_EQ(errno, ECHILD);
        }
}

TEST_MAIN()
