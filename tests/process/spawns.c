/* SPDX-License-Identifier: MIT */
#include "spawns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct leat_command *spawns_command(const char *program, ...) {
        const char *argv[9] = { program };
        struct leat_command *command;
        va_list words;
        va_start(words, program);
        for (int i = 1; i < 8 && (argv[i] = va_arg(words, const char *)); i++)
                ;
        va_end(words);
        CHECK_EQ(leat_command_new(argv, &command), 0);
        return command;
}

struct leat_command *spawns_shell(const char *script) {
        return spawns_command("sh", "-c", script, NULL);
}

struct leat_process *spawns_start(struct leat_command *command) {
        struct leat_process *process = NULL;
        struct leat_reason reason = { 0 };
        int r = leat_spawn(command, harness_deadline_ms(20000), &reason, &process);
        if (r < 0)
                FAIL("leat_spawn: %s (%s)", leat_strerror(r), reason.text);
        leat_command_free(command);
        return process;
}

int spawns_end(struct leat_process *process) {
        struct leat_status status = LEAT_STATUS_INIT;
        CHECK_EQ(leat_process_wait(process, harness_deadline_ms(30000), &status), 0);
        leat_process_free(process);
        CHECK(status.how == LEAT_HOW_EXITED || status.how == LEAT_HOW_KILLED || status.how == LEAT_HOW_DUMPED);
        return status.how == LEAT_HOW_EXITED ? status.code : -status.code;
}

static const char *read_all(int fd) {
        static char text[65536];
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
        CHECK(n >= 0);
        if (n > 0 && text[n - 1] == '\n')
                n--;
        text[n] = '\0';
        return text;
}

const char *spawns_output(struct leat_command *command) {
        int kept = memfd_create("output", MFD_CLOEXEC);
        CHECK(kept >= 0);
        CHECK_EQ(leat_command_descriptor(command, 1, kept), 0);
        CHECK_EQ(spawns_end(spawns_start(command)), 0);
        const char *text = read_all(kept);
        close(kept);
        return text;
}

int spawns_error(struct leat_command *command, struct leat_reason *ret_reason) {
        struct leat_process *process = NULL;
        siginfo_t info = { 0 };
        int before = harness_count_descriptors();
        int r = leat_spawn(command, harness_deadline_ms(20000), ret_reason, &process);
        leat_command_free(command);
        CHECK(process == NULL);
        CHECK_EQ(harness_count_descriptors(), before);
        CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL) < 0 && errno == ECHILD);
        CHECK(ret_reason->text != NULL);
        CHECK_EQ(ret_reason->error, r);
        return r;
}

const char *spawns_path(const char *name) {
        static char paths[8][512];
        static unsigned next;
        char *path = paths[next++ % 8];
        CHECK((size_t)snprintf(path, sizeof(paths[0]), "%s/%s", harness_tmpdir(), name) < sizeof(paths[0]));
        return path;
}

const char *spawns_file(const char *name, const char *text, mode_t mode) {
        const char *path = spawns_path(name);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
        CHECK_EQ(fchmod(fd, mode), 0);
        close(fd);
        return path;
}

const char *spawns_text(const char *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        const char *text = read_all(fd);
        close(fd);
        return text;
}
