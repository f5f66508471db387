/* SPDX-License-Identifier: MIT */

/* Channels that are handed down: the child of each test is this program itself, with what it is to do in its environment. */

#include "moments.h"
#include "spawns.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DO "LEAT_TEST_DO"

/* ---- the child ---- */

static int check_message(struct leat_channel *channel, const char *text) {
        char got[64] = "";
        ssize_t n = leat_receive(channel, LEAT_ANY, got, sizeof(got) - 1, harness_deadline_ms(20000), NULL);
        return n >= 0 && strcmp(got, text) == 0 ? 0 : 10;
}

static int inherit(const char *name, unsigned flags, struct leat_channel **ret_channel) {
        struct leat_reason reason = { 0 };
        int r = leat_inherit(name, flags, &reason, ret_channel);
        if (r < 0)
                fprintf(stderr, "leat_inherit(%s): %s\n", name, reason.text ? reason.text : leat_strerror(r));
        return r < 0 ? 20 : 0;
}

static int child_one_way(void) {
        struct leat_channel *in = NULL, *out = NULL, *again = NULL;
        int r = inherit("in", LEAT_RECEIVE, &in);
        r = r ? r : inherit("out?size=4K", LEAT_SEND, &out);
        r = r ? r : check_message(in, "down");
        r = r ? r : leat_send(out, 5, "up", 2, harness_deadline_ms(20000)) < 0 ? 11 : 0;
        r = r ? r : leat_inherit("in", LEAT_RECEIVE, NULL, &again) == -EALREADY ? 0 : 12;
        r = r ? r : leat_inherit("none", LEAT_RECEIVE, NULL, &again) == -ENOENT ? 0 : 13;
        r = r ? r : fcntl(3, F_GETFD) == FD_CLOEXEC && fcntl(4, F_GETFD) == FD_CLOEXEC ? 0 : 14;
        leat_close(in);
        leat_close(out);
        return r;
}

static int child_both_ways(void) {
        struct leat_channel *pair = NULL;
        char got[16];
        struct leat_message about = LEAT_MESSAGE_INIT;
        int r = inherit("pair", LEAT_SEND | LEAT_RECEIVE, &pair);
        ssize_t n = r ? r : leat_receive(pair, LEAT_ANY, got, sizeof(got), harness_deadline_ms(20000), &about);
        r = r ? r : n != 4 || about.type != 7 ? 15 : 0;
        r = r ? r : leat_send(pair, 8, got, 4, harness_deadline_ms(20000)) < 0 ? 16 : 0;
        leat_close(pair);
        return r;
}

/* One that fails leaves it as it was: it can be opened again. */
static int child_again(void) {
        struct leat_channel *in = NULL;
        struct leat_reason reason = { 0 };
        int r = leat_inherit("in?capacity=4K", LEAT_RECEIVE, &reason, &in) == -EBUSY ? 0 : 30;
        r = r ? r : reason.text && strstr(reason.text, "capacity") ? 0 : 31;
        r = r ? r : inherit("in", LEAT_RECEIVE, &in);
        r = r ? r : check_message(in, "down");
        leat_close(in);
        return r;
}

/* A relative of the process that was started has nothing of it. */
static int child_of_child(void) {
        pid_t pid = fork();
        struct leat_channel *channel;
        int status;
        if (pid == 0)
                _exit(leat_inherit("in", LEAT_RECEIVE, NULL, &channel) == -ENOENT ? 0 : 17);
        return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 18;
}

static int child(const char *what) {
        return strcmp(what, "one way") == 0      ? child_one_way()
               : strcmp(what, "both ways") == 0  ? child_both_ways()
               : strcmp(what, "grandchild") == 0 ? child_of_child()
               : strcmp(what, "again") == 0      ? child_again()
                                                 : 99;
}

/* ---- the parent ---- */

static struct leat_command *this_program(const char *what) {
        struct leat_command *command = spawns_command("/proc/self/exe", NULL);
        CHECK_EQ(leat_command_environment(command, DO, what), 0);
        return command;
}

static void give(struct leat_command *command, const char *name, const char *address, bool child_receives,
                 struct leat_channel **ret_ours) {
        struct leat_channel *receiver, *sender;
        CHECK_EQ(leat_pair(address, NULL, &receiver, &sender), 0);
        CHECK_EQ(leat_command_channel(command, name, child_receives ? receiver : sender), 0);
        *ret_ours = child_receives ? sender : receiver;
}

static void check_one_way(const char *address) {
        struct leat_channel *down, *up;
        char text[16] = "";
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct leat_command *command = this_program("one way");
        give(command, "in", address, true, &down);
        give(command, "out", address, false, &up);
        struct leat_process *process = spawns_start(command);
        CHECK_EQ(leat_send(down, 1, "down", 4, harness_deadline_ms(20000)), 0);
        CHECK_EQ(leat_receive(up, LEAT_ANY, text, sizeof(text), harness_deadline_ms(20000), &about), 2);
        CHECK_EQ(about.type, 5);
        CHECK_EQ(leat_receive(up, LEAT_ANY, text, sizeof(text), harness_deadline_ms(20000), &about), -ENODATA);
        CHECK_EQ(spawns_end(process), 0);
        leat_close(down);
        leat_close(up);
}

static void check_both_ways(const char *address) {
        struct leat_channel *ours;
        char text[16];
        struct leat_command *command = this_program("both ways");
        give(command, "pair", address, true, &ours);
        struct leat_process *process = spawns_start(command);
        CHECK_EQ(leat_send(ours, 7, "ping", 4, harness_deadline_ms(20000)), 0);
        CHECK_EQ(leat_receive(ours, LEAT_TYPE(8), text, sizeof(text), harness_deadline_ms(20000), NULL), 4);
        CHECK_MEM(text, "ping", 4);
        CHECK_EQ(spawns_end(process), 0);
        leat_close(ours);
}

TEST(pipes_are_inherited_by_name) {
        check_one_way("pipe:");
}

TEST(pairs_of_pipes_are_inherited) {
        check_both_ways("pipe:?pattern=pair");
}

TEST(stream_sockets_are_inherited) {
        check_one_way("unix-stream:");
        check_both_ways("unix-stream:?pattern=pair");
}

TEST(packet_sockets_are_inherited) {
        check_one_way("unix:");
        check_both_ways("unix:?pattern=pair");
}

TEST(one_that_could_not_be_opened_is_still_there) {
        static const char much[6000];
        struct leat_channel *ours;
        struct leat_command *command = this_program("again");
        give(command, "in", "pipe:", true, &ours);
        CHECK_EQ(leat_send(ours, 1, "down", 4, LEAT_NOW), 0);
        for (int i = 0; i < 4; i++)
                CHECK_EQ(leat_send(ours, 1, much, sizeof(much), LEAT_NOW), 0);
        CHECK_EQ(spawns_end(spawns_start(command)), 0);
        leat_close(ours);
}

TEST(only_the_process_itself_inherits) {
        struct leat_channel *ours;
        struct leat_command *command = this_program("grandchild");
        give(command, "in", "pipe:", true, &ours);
        CHECK_EQ(spawns_end(spawns_start(command)), 0);
        leat_close(ours);
}

TEST(a_program_that_knows_nothing_of_leat_finds_them) {
        struct leat_channel *a, *b;
        struct leat_command *command = spawns_shell("test $LISTEN_PID = $$ && echo $LISTEN_FDS $LISTEN_FDNAMES && cd "
                                                    "/proc/self/fd && test -p 3 -a -p 4 -a -p 5 && "
                                                    "test ! -e 6 && test ! -e 7");
        setenv("LISTEN_FDS", "77", 1);
        give(command, "a", "pipe:", true, &a);
        give(command, "b", "pipe:?pattern=pair", true, &b);
        CHECK_STR(spawns_output(command), "3 a:b:b");
        leat_close(a);
        leat_close(b);
}

TEST(channels_go_to_one_child) {
        struct leat_channel *ours;
        struct leat_process *process = NULL;
        struct leat_command *command = spawns_command("true", NULL);
        give(command, "a", "pipe:", true, &ours);
        CHECK_EQ(leat_spawn(command, LEAT_NEVER, NULL, &process), 0);
        CHECK_EQ(spawns_end(process), 0);
        process = NULL;
        CHECK_EQ(leat_spawn(command, LEAT_NEVER, NULL, &process), -EINVAL);
        leat_command_free(command);
        leat_close(ours);
}

TEST(names_and_numbers_are_checked) {
        struct leat_command *command = spawns_command("true", NULL);
        struct leat_channel *receiver, *sender, *none = NULL;
        char long_name[257];
        memset(long_name, 'x', 256);
        long_name[256] = '\0';
        CHECK_EQ(leat_pair("pipe:", NULL, &receiver, &sender), 0);
        CHECK_EQ(leat_command_channel(command, "a:b", receiver), -EINVAL);
        CHECK_EQ(leat_command_channel(command, "", receiver), -EINVAL);
        CHECK_EQ(leat_command_channel(command, "a b", receiver), -EINVAL);
        CHECK_EQ(leat_command_channel(command, "a?b", receiver),
                 -EINVAL); /* leat_inherit() takes options from there on */
        CHECK_EQ(leat_command_channel(command, long_name, receiver), -EINVAL);
        CHECK_EQ(leat_command_channel(command, "a", NULL), -EINVAL);
        CHECK_EQ(leat_command_channel(command, long_name + 1, receiver), 0);
        CHECK_EQ(leat_command_channel(command, long_name + 1, sender), -EINVAL); /* twice */
        CHECK_EQ(leat_command_file(command, 3, "/dev/null", O_RDONLY, 0), -EINVAL);
        leat_command_free(command);
        command = spawns_command("true", NULL);
        CHECK_EQ(leat_command_close(command, 4), 0);
        CHECK_EQ(leat_command_channel(command, "a", sender), -EINVAL);
        leat_command_free(command);
        leat_close(sender);
        CHECK_EQ(leat_inherit("a", LEAT_RECEIVE, NULL, &none), -ENOENT);
        CHECK_EQ(leat_inherit(NULL, LEAT_RECEIVE, NULL, &none), -EINVAL);
}

/* The environment is anybody's: numbers that are none name nothing. */
TEST(a_wrong_environment_names_nothing) {
        static const char *const counts[] = { "", "-1", "x", "3x", "99999999999999999999", "100000", "0" };
        struct leat_channel *none = NULL;
        char pid[16];
        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        setenv("LISTEN_PID", pid, 1);
        setenv("LISTEN_FDNAMES", "a::b", 1);
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
                setenv("LISTEN_FDS", counts[i], 1);
                CHECK_EQ(leat_inherit("a", LEAT_RECEIVE, NULL, &none), -ENOENT);
        }
        setenv("LISTEN_FDS", "1", 1);
        CHECK_EQ(leat_inherit("b", LEAT_RECEIVE, NULL, &none), -ENOENT);
}

/* A socket of packets in a pipe's place: no message is larger than a packet, and what is told can be sent. */
TEST(the_largest_packet_of_a_socket_that_was_given_is_told) {
        struct leat_info info = LEAT_INFO_INIT;
        struct leat_channel *out = NULL;
        char address[64];
        int fds[2];
        CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        snprintf(address, sizeof(address), "pipe:fd=%d?framing=raw", fds[0]);
        CHECK_EQ(leat_open(address, LEAT_SEND, LEAT_NOW, &out), 0);
        CHECK_EQ(leat_channel_info(out, &info), 0);
        char *bytes = calloc(1, info.largest_bytes + 1);
        CHECK(bytes != NULL);
        CHECK_EQ(leat_send(out, 1, bytes, info.largest_bytes + 1, LEAT_NOW), -EMSGSIZE);
        CHECK_EQ(leat_send(out, 1, bytes, info.largest_bytes, LEAT_NOW), 0);
        CHECK_EQ(recv(fds[1], bytes, 1, MSG_TRUNC | MSG_DONTWAIT), info.largest_bytes);
        free(bytes);
        leat_close(out);
        close(fds[1]);
}

static void inherit_in_child(void *argument) {
        struct leat_channel *none = NULL;
        (void)argument;
        CHECK_EQ(leat_inherit("in", LEAT_RECEIVE, NULL, &none), -ENOENT);
}

static void fork_there(pid_t pid, void *argument) {
        (void)pid;
        CHECK_EQ(harness_wait(harness_fork(inherit_in_child, argument)), 0);
}

/* A thread is in the middle of leat_inherit() when another forks: the forked child does not wait for it. */
TEST(a_forked_child_does_not_wait_for_a_thread_of_its_parent) {
        struct leat_channel *in = NULL;
        char text[4096] = "";
        int fds[2];
        CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
        for (int fd = 3; fd < fds[0]; fd++)
                strcat(text, "-:");
        strcat(text, "in");
        setenv("LISTEN_FDNAMES", text, 1);
        snprintf(text, sizeof(text), "%d", fds[0] - 2);
        setenv("LISTEN_FDS", text, 1);
        snprintf(text, sizeof(text), "%d", (int)getpid());
        setenv("LISTEN_PID", text, 1);
        struct moment *moment = moment_begin(SYS_getsockopt, fork_there, NULL);
        CHECK_EQ(leat_inherit("in", LEAT_RECEIVE, NULL, &in), 0);
        CHECK(moment_end(moment) > 0);
        leat_close(in);
        close(fds[1]);
}

int main(int argc, char **argv) {
        const char *what = getenv(DO);
        return what ? child(what) : harness_main(argc, argv, NULL);
}
