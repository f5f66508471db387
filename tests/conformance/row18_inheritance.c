/* SPDX-License-Identifier: MIT */

/* Row 18: everything is close-on-exec from birth; what was given keeps its flags. */

#include "conformance.h"

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>

extern char **environ;

/* Check the flags of every descriptor that is open and was not before. */
#define DESCRIPTORS 4096

static int new_ones_not_closed_at_exec(const bool *before) {
        int count = 0;
        for (int fd = 0; fd < DESCRIPTORS; fd++) {
                int flags = fcntl(fd, F_GETFD);
                count += flags >= 0 && !before[fd] && !(flags & FD_CLOEXEC);
        }
        return count;
}

CONFORMS(LEAT_ROW_INHERITANCE, all_are_closed_at_exec) {
        static bool before[DESCRIPTORS];
        static const char *const options[] = { "", "need=sync" };
        for (int fd = 0; fd < DESCRIPTORS; fd++)
                before[fd] = fcntl(fd, F_GETFD) >= 0;
        for (int i = 0; i < (promises(subject, LEAT_ROW_SYNC) ? 2 : 1); i++) {
                struct leat_channel *receiver, *sender;
                place_both_new(subject, options[i], &receiver, &sender);
                send_record(sender, 1);
                take_record_numbered(receiver, 1);
                settle(receiver);
                CHECK(leat_fd(receiver) >= 0);
                CHECK_EQ(new_ones_not_closed_at_exec(before), 0);
                leat_close(sender);
                leat_close(receiver);
        }
}

/* What an exec'ed child finds open; without fork handlers, for posix_spawn runs none. */
static void list_descriptors(char *text, size_t size) {
        char path[128], *arguments[] = { "ls", "/proc/self/fd", NULL };
        posix_spawn_file_actions_t actions;
        pid_t pid;
        snprintf(path, sizeof path, "%s/list", harness_tmpdir());
        CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
        CHECK_EQ(posix_spawn_file_actions_addopen(&actions, 1, path, O_CREAT | O_TRUNC | O_WRONLY, 0600), 0);
        CHECK_EQ(posix_spawnp(&pid, "ls", &actions, NULL, arguments, environ), 0);
        CHECK_EQ(posix_spawn_file_actions_destroy(&actions), 0);
        CHECK_EQ(harness_wait(pid), 0);
        FILE *file = fopen(path, "re");
        CHECK(file != NULL);
        text[fread(text, 1, size - 1, file)] = '\0';
        fclose(file);
        CHECK_EQ(unlink(path), 0);
}

CONFORMS(LEAT_ROW_INHERITANCE, a_program_inherits_nothing) {
        char before[1024], after[1024];
        struct leat_channel *receiver, *sender;
        list_descriptors(before, sizeof before);
        place_both_new(subject, "", &receiver, &sender);
        send_record(sender, 1);
        take_record_numbered(receiver, 1);
        list_descriptors(after, sizeof after);
        CHECK_STR(after, before);
        leat_close(sender);
        leat_close(receiver);
}

/* ---- what a program is given ---- */

/* Exec sh with this descriptor as its number 5. */
static pid_t run_with(int fd, const char *script) {
        char *arguments[] = { "sh", "-c", (char *)script, NULL };
        posix_spawn_file_actions_t actions;
        pid_t pid;
        CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
        CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, fd, 5), 0);
        CHECK_EQ(posix_spawnp(&pid, "sh", &actions, NULL, arguments, environ), 0);
        CHECK_EQ(posix_spawn_file_actions_destroy(&actions), 0);
        return pid;
}

CONFORMS(LEAT_ROW_INHERITANCE, an_ordinary_program_is_given_an_end, .traits = PLAIN | DETACHES) {
        struct leat_channel *receiver, *sender;
        int fds[2];
        const char *framing = subject->declaration->framing;
        place_both_new(subject, "", &receiver, &sender);
        CHECK_EQ(leat_detach(sender, fds), 0);
        CHECK_EQ(fcntl(fds[1], F_GETFD), FD_CLOEXEC);
        CHECK(!(fcntl(fds[1], F_GETFL) & O_NONBLOCK));
        int high = fcntl(fds[1], F_DUPFD_CLOEXEC, 10); /* out of the way of number 5 */
        CHECK_EQ(close(fds[1]), 0);
        if (fds[0] >= 0 && fds[0] != fds[1])
                CHECK_EQ(close(fds[0]), 0);
        pid_t pid = run_with(high, strcmp(framing, "lines") == 0    ? "printf 'hello\\n' >&5"
                                   : strcmp(framing, "nul") == 0    ? "printf 'hello\\0' >&5"
                                   : strcmp(framing, "length") == 0 ? "printf '\\0\\0\\0\\005hello' >&5"
                                                                    : "printf hello >&5");
        CHECK_EQ(close(high), 0);
        take_text(receiver, LEAT_ANY, "hello");
        expect_end(receiver);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

/* A given end, by its number: what others share of it stays as it was. */
static void adopt(const struct subject *subject, int extra_flags) {
        int fds[2];
        CHECK_EQ(pipe2(fds, O_CLOEXEC | extra_flags), 0);
        int shared[2] = { fcntl(fds[0], F_DUPFD_CLOEXEC, 3), fcntl(fds[1], F_DUPFD_CLOEXEC, 3) };
        int flags[2] = { fcntl(fds[0], F_GETFL), fcntl(fds[1], F_GETFL) };
        struct leat_channel *channels[2];
        char base[64], address[160];
        for (int i = 0; i < 2; i++) {
                snprintf(base, sizeof base, subject->transport->given, fds[i]);
                snprintf(address, sizeof address, "%s?framing=%s", base, subject->declaration->framing);
                CHECK_EQ(leat_open(address, i == 0 ? LEAT_RECEIVE : LEAT_SEND, SOON, &channels[i]), 0);
        }
        char buffer[8];
        settle(channels[0]);
        CHECK_EQ(leat_receive(channels[0], LEAT_ANY, buffer, sizeof buffer, leat_in_ms(5), NULL), -ETIMEDOUT);
        uint64_t count = fill_up(channels[1], 0);
        for (uint64_t i = 0; i < count; i++)
                take_record_numbered(channels[0], i);
        for (int i = 0; i < 2; i++)
                CHECK_EQ(fcntl(shared[i], F_GETFL), flags[i]);
        leat_close(channels[0]);
        leat_close(channels[1]);
        for (int i = 0; i < 2; i++) {
                CHECK_EQ(fcntl(shared[i], F_GETFL), flags[i]);
                CHECK_EQ(close(shared[i]), 0);
        }
}

CONFORMS(LEAT_ROW_INHERITANCE, flags_of_what_was_given_stay, .traits = ONE_WAY | GIVEN) {
        adopt(subject, 0);
        adopt(subject, O_NONBLOCK);
}

CONFORMS(LEAT_ROW_INHERITANCE, what_listens_is_not_detached, .traits = NAMED | LISTENS) {
        struct place place;
        int fds[2] = { -7, -7 };
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        CHECK_EQ(leat_detach(receiver, fds), -ENOTSUP);
        check_why(receiver, LEAT_ROW_INHERITANCE, -ENOTSUP);
        CHECK(fds[0] == -7 && fds[1] == -7);
        settle(receiver);
        leat_close(receiver);
}
