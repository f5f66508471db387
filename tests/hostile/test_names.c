/* SPDX-License-Identifier: MIT */
/* Names that cannot be had: a clear error within the deadline, what lies there untouched, nothing left behind. */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const schemes[] = { "unix", "unix-stream" };

static int type_of(const char *scheme) {
        return strcmp(scheme, "unix") == 0 ? SOCK_SEQPACKET : SOCK_STREAM;
}

/* Open, and check that a failure is told as it should be. */
static int try_open(const char *address, unsigned flags, int64_t deadline, struct leat_channel **ret_channel) {
        struct leat_channel *channel = (void *)address; /* to see that it is left alone */
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        struct leat_reason why;
        int before = harness_count_descriptors();
        options.flags = flags;
        options.deadline = deadline;
        int r = leat_open_with(address, &options, &why, &channel);
        if (r == 0) {
                *ret_channel = channel;
                return 0;
        }
        printf("%s: %s: %s\n", address, leat_strerror(r), why.text ? why.text : "(no text)");
        CHECK(channel == (void *)address);
        CHECK_EQ(why.error, r);
        CHECK(why.text != NULL);
        CHECK_EQ(harness_count_descriptors(), before);
        return r;
}

static int fails(const char *address, unsigned flags, int64_t deadline) {
        struct leat_channel *channel;
        int r = try_open(address, flags, deadline, &channel);
        CHECK(r < 0);
        return r;
}

static mode_t mode_of(const char *path) {
        struct stat status;
        return lstat(path, &status) < 0 ? 0 : status.st_mode;
}

/* ---- what lies at the path ---- */

static void things_in_the_way(void *argument) {
        const char *scheme = argument;
        char path[100], address[160];
        static const char *const things[] = { "directory", "file", "link_to_file", "dangling", "fifo", "loop" };
        CHECK_EQ(chdir(harness_tmpdir()), 0);
        CHECK_EQ(mkdir("directory", 0700), 0);
        int file = open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        CHECK_EQ(write(file, "precious", 8), 8);
        close(file);
        CHECK_EQ(symlink("file", "link_to_file"), 0);
        CHECK_EQ(symlink("nowhere", "dangling"), 0);
        CHECK_EQ(symlink("loop", "loop"), 0);
        CHECK_EQ(mkfifo("fifo", 0600), 0);
        for (size_t i = 0; i < sizeof things / sizeof things[0]; i++) {
                snprintf(path, sizeof path, "%s/%s", harness_tmpdir(), things[i]);
                mode_t before = mode_of(path);
                snprintf(address, sizeof address, "%s:%s", scheme, path);
                CHECK_EQ(fails(address, LEAT_RECEIVE, LEAT_NOW), -EEXIST);
                CHECK_EQ(fails(address, LEAT_RECEIVE, harness_deadline_ms(40000)), -EEXIST);
                int r = fails(address, LEAT_SEND, LEAT_NOW);
                CHECK(r == -ECONNREFUSED || r == -EAGAIN || r == -ELOOP || r == -ENOTSOCK);
                r = fails(address, LEAT_SEND, leat_in_ms(20));
                CHECK(r == -ETIMEDOUT || r == -ELOOP || r == -ENOTSOCK || r == -ECONNREFUSED);
                snprintf(address, sizeof address, "%s:%s?open", scheme, path);
                CHECK(fails(address, LEAT_SEND, LEAT_NEVER) < 0);
                struct leat_reason why;
                CHECK(leat_remove(address, &why) < 0);
                CHECK(why.text != NULL);
                CHECK_EQ(mode_of(path), before);
        }
        struct stat status;
        CHECK_EQ(stat("file", &status), 0);
        CHECK_EQ(status.st_size, 8);
        CHECK_EQ(mode_of("nowhere"), 0);
        CHECK_EQ(chdir("/"), 0);
}

/* A symbolic link to a socket is followed by who connects and refused to who binds. */
static void link_to_socket(void *argument) {
        const char *scheme = argument;
        char address[160];
        struct leat_channel *receiver, *sender;
        snprintf(address, sizeof address, "%s:%s/socket", scheme, harness_tmpdir());
        CHECK_EQ(try_open(address, LEAT_RECEIVE, LEAT_NOW, &receiver), 0);
        CHECK_EQ(chdir(harness_tmpdir()), 0);
        CHECK_EQ(symlink("socket", "link"), 0);
        snprintf(address, sizeof address, "%s:%s/link", scheme, harness_tmpdir());
        CHECK_EQ(fails(address, LEAT_RECEIVE, LEAT_NOW), -EEXIST);
        CHECK_EQ(try_open(address, LEAT_SEND, LEAT_NOW, &sender), 0);
        leat_close(sender);
        leat_close(receiver);
        CHECK_EQ(mode_of("socket"), 0);
        CHECK(mode_of("link") != 0);
        CHECK_EQ(chdir("/"), 0);
}

static void wrong_type(void *argument) {
        (void)argument;
        for (int i = 0; i < 2; i++) {
                char address[160];
                struct leat_channel *receiver;
                snprintf(address, sizeof address, "%s:%s/socket", schemes[i], harness_tmpdir());
                CHECK_EQ(try_open(address, LEAT_RECEIVE, LEAT_NOW, &receiver), 0);
                snprintf(address, sizeof address, "%s:%s/socket", schemes[!i], harness_tmpdir());
                CHECK_EQ(fails(address, LEAT_SEND, harness_deadline_ms(40000)), -EPROTOTYPE);
                CHECK_EQ(fails(address, LEAT_RECEIVE, harness_deadline_ms(40000)), -EADDRINUSE);
                leat_close(receiver);
        }
}

/* ---- directories ---- */

static void directories(void *argument) {
        const char *scheme = argument;
        char address[200], path[120];
        for (unsigned flags = LEAT_SEND; flags <= LEAT_RECEIVE; flags++) {
                snprintf(address, sizeof address, "%s:%s/missing/socket", scheme, harness_tmpdir());
                CHECK_EQ(fails(address, flags, leat_in_ms(20)), -ENOENT);
                snprintf(address, sizeof address, "%s:/dev/null/socket", scheme);
                CHECK_EQ(fails(address, flags, leat_in_ms(20)), -ENOTDIR);
                snprintf(address, sizeof address, "%s:%s/", scheme, harness_tmpdir());
                CHECK_EQ(fails(address, flags, leat_in_ms(20)), -EINVAL);
                snprintf(address, sizeof address, "%s:%s/.", scheme, harness_tmpdir());
                CHECK(fails(address, flags, leat_in_ms(20)) < 0);
        }
        /* The directory of bare names is a file, a link, another's, or open to others. */
        snprintf(address, sizeof address, "%s:bare", scheme);
        snprintf(path, sizeof path, "%s/leat", harness_tmpdir());
        int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        close(file);
        CHECK(fails(address, LEAT_RECEIVE, leat_in_ms(20)) < 0);
        CHECK_EQ(unlink(path), 0);
        CHECK_EQ(symlink("/tmp", path), 0);
        CHECK(fails(address, LEAT_RECEIVE, leat_in_ms(20)) < 0);
        CHECK_EQ(unlink(path), 0);
        CHECK_EQ(mkdir(path, 0700), 0);
        CHECK_EQ(chmod(path, 0777), 0);
        CHECK_EQ(fails(address, LEAT_RECEIVE, leat_in_ms(20)), -EPERM);
        CHECK_EQ(fails(address, LEAT_SEND, leat_in_ms(20)), -EPERM);
}

/* A directory that goes away while a sender waits in it. */
static void vanish(void *argument) {
        char path[120];
        (void)argument;
        snprintf(path, sizeof path, "%s/going", harness_tmpdir());
        harness_wait_state(getppid(), "S");
        CHECK_EQ(rmdir(path), 0);
}

static void directory_goes(void *argument) {
        char path[120], address[160];
        snprintf(path, sizeof path, "%s/going", harness_tmpdir());
        CHECK_EQ(mkdir(path, 0700), 0);
        snprintf(address, sizeof address, "%s:%s/socket", (const char *)argument, path);
        pid_t pid = harness_fork(vanish, NULL);
        CHECK_EQ(fails(address, LEAT_SEND, leat_in_ms(100)), -ETIMEDOUT);
        CHECK_EQ(harness_wait(pid), 0);
}

/* ---- long names ---- */

static void long_names(void *argument) {
        const char *scheme = argument;
        char directory[700], address[1100], name[300];
        struct leat_channel *receiver, *sender;
        size_t at = (size_t)snprintf(directory, sizeof directory, "%s", harness_tmpdir());
        for (int i = 0; i < 4; i++) {
                at += (size_t)snprintf(directory + at, sizeof directory - at, "/%0100d", i);
                CHECK_EQ(mkdir(directory, 0700), 0);
        }
        static const size_t lengths[] = { 1, 20, 80, 200, 255, 256 };
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
                memset(name, 'n', lengths[i]);
                name[lengths[i]] = '\0';
                snprintf(address, sizeof address, "%s:%s/%s", scheme, directory, name);
                if (lengths[i] > 80) {
                        CHECK_EQ(fails(address, LEAT_RECEIVE, leat_in_ms(20)), -ENAMETOOLONG);
                        CHECK_EQ(fails(address, LEAT_SEND, leat_in_ms(20)), -ENAMETOOLONG);
                        continue;
                }
                CHECK_EQ(try_open(address, LEAT_RECEIVE, harness_deadline_ms(40000), &receiver), 0);
                CHECK_EQ(fails(address, LEAT_RECEIVE, harness_deadline_ms(40000)), -EADDRINUSE);
                CHECK_EQ(try_open(address, LEAT_SEND, harness_deadline_ms(40000), &sender), 0);
                CHECK_EQ(leat_send(sender, 1, "abc", 3, LEAT_NOW), 0);
                char buffer[8];
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), 3);
                leat_close(sender);
                leat_close(receiver);
                CHECK_EQ(rmdir(directory) < 0 ? errno : mkdir(directory, 0700), 0); /* nothing is left in it */
        }
        memset(name, 'a', sizeof name);
        snprintf(directory, sizeof directory, "%s",
                 harness_tmpdir()); /* abstract names are everybody's: one of our own */
        memcpy(name, directory, strlen(directory));
        snprintf(address, sizeof address, "%s:@%.107s", scheme, name);
        CHECK_EQ(try_open(address, LEAT_RECEIVE, LEAT_NOW, &receiver), 0);
        leat_close(receiver);
        snprintf(address, sizeof address, "%s:@%.108s", scheme, name);
        CHECK_EQ(fails(address, LEAT_RECEIVE, LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_address_check("unix:@", NULL), 0);
        CHECK_EQ(fails("unix:@", LEAT_RECEIVE, LEAT_NOW), -EINVAL);
}

/* ---- permission ---- */

static void become_nobody(void) {
        if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
                FAIL("cannot become nobody");
}

static void without_permission(void *argument) {
        const char *scheme = argument;
        char address[200];
        become_nobody();
        snprintf(address, sizeof address, "%s:%s/closed/socket", scheme, harness_tmpdir());
        CHECK_EQ(fails(address, LEAT_RECEIVE, leat_in_ms(20)), -EACCES);
        CHECK_EQ(fails(address, LEAT_SEND, leat_in_ms(20)), -EACCES);
        snprintf(address, sizeof address, "%s:%s/readable/socket", scheme, harness_tmpdir());
        CHECK_EQ(fails(address, LEAT_RECEIVE, leat_in_ms(20)), -EACCES);
        snprintf(address, sizeof address, "%s:%s/readable/private", scheme, harness_tmpdir());
        CHECK_EQ(fails(address, LEAT_SEND, leat_in_ms(20)), -EACCES);
        CHECK(fails(address, LEAT_RECEIVE, leat_in_ms(20)) < 0);
        struct leat_reason why;
        CHECK(leat_set(address, "mode", "0666", &why) < 0);
        snprintf(address, sizeof address, "%s:%s/readable/stale", scheme, harness_tmpdir());
        CHECK(fails(address, LEAT_RECEIVE, leat_in_ms(20)) < 0);
        CHECK(leat_remove(address, &why) < 0);
}

static void permission(void *argument) {
        char path[120], address[200];
        struct leat_channel *receiver;
        if (geteuid() != 0)
                SKIP("root is needed, to become somebody else");
        CHECK_EQ(chmod(harness_tmpdir(), 0755), 0);
        snprintf(path, sizeof path, "%s/closed", harness_tmpdir());
        CHECK_EQ(mkdir(path, 0700), 0);
        snprintf(path, sizeof path, "%s/readable", harness_tmpdir());
        CHECK_EQ(mkdir(path, 0755), 0);
        snprintf(path, sizeof path, "%s/readable/stale", harness_tmpdir());
        close(listen_at(path, type_of(argument)));
        snprintf(address, sizeof address, "%s:%s/readable/private?mode=0600", (const char *)argument, harness_tmpdir());
        CHECK_EQ(try_open(address, LEAT_RECEIVE, LEAT_NOW, &receiver), 0);
        CHECK_EQ(harness_wait(harness_fork(without_permission, argument)), 0);
        snprintf(path, sizeof path, "%s/readable/private", harness_tmpdir());
        CHECK_EQ(mode_of(path) & 07777, 0600);
        leat_close(receiver);
}

/* ---- file systems ---- */

static void mount_own(void) {
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("none", harness_tmpdir(), "tmpfs", 0, "size=64k,nr_inodes=4") < 0)
                SKIP("mounting is not allowed here");
}

static void full_disk(void *argument) {
        const char *scheme = argument;
        char path[120], address[200];
        struct leat_channel *receiver;
        mount_own();
        for (int i = 0; i < 3; i++) { /* the root is an inode too */
                snprintf(path, sizeof path, "%s/%d", harness_tmpdir(), i);
                CHECK_EQ(mkdir(path, 0700), 0);
        }
        snprintf(address, sizeof address, "%s:%s/socket", scheme, harness_tmpdir());
        CHECK_EQ(fails(address, LEAT_RECEIVE, harness_deadline_ms(40000)), -ENOSPC);
        snprintf(address, sizeof address, "%s:bare", scheme);
        CHECK_EQ(fails(address, LEAT_RECEIVE, harness_deadline_ms(40000)), -ENOSPC);
        CHECK_EQ(rmdir(path), 0);
        snprintf(address, sizeof address, "%s:%s/socket", scheme, harness_tmpdir());
        CHECK_EQ(try_open(address, LEAT_RECEIVE, harness_deadline_ms(40000), &receiver), 0);
        leat_close(receiver);
        CHECK_EQ(mkdir(path, 0700), 0); /* its place is free again */
        CHECK_EQ(umount2(harness_tmpdir(), MNT_DETACH), 0);
}

static void read_only(void *argument) {
        const char *scheme = argument;
        char path[120], address[200];
        mount_own();
        snprintf(path, sizeof path, "%s/stale", harness_tmpdir());
        close(listen_at(path, type_of(scheme)));
        CHECK_EQ(mount(NULL, harness_tmpdir(), NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
        snprintf(address, sizeof address, "%s:%s/socket", scheme, harness_tmpdir());
        CHECK_EQ(fails(address, LEAT_RECEIVE, harness_deadline_ms(40000)), -EROFS);
        snprintf(address, sizeof address, "%s:%s/stale", scheme, harness_tmpdir());
        CHECK_EQ(fails(address, LEAT_RECEIVE, harness_deadline_ms(40000)), -EROFS);
        struct leat_reason why;
        CHECK_EQ(leat_remove(address, &why), -EROFS);
        snprintf(address, sizeof address, "%s:bare", scheme);
        CHECK_EQ(fails(address, LEAT_RECEIVE, harness_deadline_ms(40000)), -EROFS);
        CHECK_EQ(umount2(harness_tmpdir(), MNT_DETACH), 0);
}

/* ---- the directory's lock ---- */

static void hold_lock(void *argument) {
        int fd = open(harness_tmpdir(), O_RDONLY | O_CLOEXEC);
        CHECK_EQ(flock(fd, LOCK_EX), 0);
        harness_event_signal(argument);
        raise(SIGSTOP);
}

static void lock_held(void *argument) {
        const char *scheme = argument;
        char address[200], path[120];
        struct leat_channel *receiver, *other;
        struct harness_event *locked = harness_event_new();
        snprintf(address, sizeof address, "%s:%s/before", scheme, harness_tmpdir());
        CHECK_EQ(try_open(address, LEAT_RECEIVE, LEAT_NOW, &receiver), 0);
        pid_t pid = harness_fork(hold_lock, locked);
        harness_event_wait(locked);
        harness_wait_state(pid, "T");
        snprintf(address, sizeof address, "%s:%s/socket", scheme, harness_tmpdir());
        CHECK_EQ(fails(address, LEAT_RECEIVE, LEAT_NOW), -EAGAIN);
        CHECK_EQ(fails(address, LEAT_RECEIVE, leat_in_ms(30)), -ETIMEDOUT);
        /* Senders need no lock; one who closes leaves its name rather than to wait. */
        snprintf(address, sizeof address, "%s:%s/before", scheme, harness_tmpdir());
        CHECK_EQ(try_open(address, LEAT_SEND, LEAT_NOW, &other), 0);
        leat_close(other);
        leat_close(receiver);
        snprintf(path, sizeof path, "%s/before", harness_tmpdir());
        CHECK(mode_of(path) != 0);
        kill(pid, SIGKILL);
        harness_wait(pid);
        CHECK_EQ(try_open(address, LEAT_RECEIVE, LEAT_NOW, &receiver), 0);
        leat_close(receiver);
        CHECK_EQ(mode_of(path), 0);
}

/* ---- stale files ---- */

enum { RACERS = 8, ROUNDS = 50 };

struct race {
        const char *address;
        struct harness_event *go, *tried, *end, *closed;
        volatile int winners; /* by __atomic */
};

static void race(void *argument) {
        struct race *race = argument;
        for (int round = 0; round < ROUNDS; round++) {
                struct leat_channel *channel = NULL;
                harness_event_wait(race->go);
                int r = leat_open(race->address, LEAT_RECEIVE, harness_deadline_ms(40000), &channel);
                CHECK(r == 0 || r == -EADDRINUSE);
                if (r == 0)
                        __atomic_add_fetch(&race->winners, 1, __ATOMIC_SEQ_CST);
                harness_event_signal(race->tried);
                harness_event_wait(race->end);
                leat_close(channel);
                harness_event_signal(race->closed);
        }
}

static void stale_race(void *argument) {
        const char *scheme = argument;
        char path[120], address[200];
        pid_t pids[RACERS];
        struct race *shared = harness_shared(sizeof *shared);
        snprintf(path, sizeof path, "%s/socket", harness_tmpdir());
        snprintf(address, sizeof address, "%s:%s", scheme, path);
        *shared = (struct race){
                address, harness_event_new(), harness_event_new(), harness_event_new(), harness_event_new(), 0
        };
        for (int i = 0; i < RACERS; i++)
                pids[i] = harness_fork(race, shared);
        for (int round = 0; round < ROUNDS; round++) {
                shared->winners = 0;
                close(listen_at(path, type_of(scheme))); /* as one that was killed leaves it */
                for (int i = 0; i < RACERS; i++)
                        harness_event_signal(shared->go);
                for (int i = 0; i < RACERS; i++)
                        harness_event_wait(shared->tried);
                CHECK_EQ(shared->winners, 1);
                struct leat_channel *sender;
                CHECK_EQ(try_open(address, LEAT_SEND, LEAT_NOW, &sender), 0);
                leat_close(sender);
                for (int i = 0; i < RACERS; i++)
                        harness_event_signal(shared->end);
                for (int i = 0; i < RACERS; i++)
                        harness_event_wait(shared->closed);
                CHECK_EQ(mode_of(path), 0);
        }
        for (int i = 0; i < RACERS; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
}

/* Bound and not listening yet: alive, until it is killed. */
static void bind_only(void *argument) {
        struct {
                const char *path, *scheme;
                struct harness_event *bound;
        } *what = argument;
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, type_of(what->scheme) | SOCK_CLOEXEC, 0);
        strcpy(name.sun_path, what->path);
        CHECK_EQ(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
        harness_event_signal(what->bound);
        pause();
}

static void killed_before_listen(void *argument) {
        char path[100], address[200];
        struct leat_channel *receiver;
        struct {
                const char *path, *scheme;
                struct harness_event *bound;
        } what = { path, argument, harness_event_new() };
        snprintf(path, sizeof path, "%s/socket", harness_tmpdir());
        snprintf(address, sizeof address, "%s:%s", what.scheme, path);
        pid_t pid = harness_fork(bind_only, &what);
        harness_event_wait(what.bound);
        CHECK_EQ(fails(address, LEAT_RECEIVE, harness_deadline_ms(40000)), -EADDRINUSE);
        CHECK_EQ(fails(address, LEAT_SEND, leat_in_ms(20)), -ETIMEDOUT);
        kill(pid, SIGKILL);
        harness_wait(pid);
        CHECK_EQ(fails(address, LEAT_SEND, LEAT_NOW), -EAGAIN);
        CHECK_EQ(try_open(address, LEAT_RECEIVE, harness_deadline_ms(40000), &receiver), 0);
        leat_close(receiver);
        CHECK_EQ(mode_of(path), 0);
}

/* A listener that lets its queue fill: the next to connect is told within its deadline. */
static void queue_full(void *argument) {
        const char *scheme = argument;
        char address[200];
        struct leat_channel *receiver, *senders[20];
        int count = 0, r = 0;
        snprintf(address, sizeof address, "%s:%s/socket?listen&backlog=3", scheme, harness_tmpdir());
        CHECK_EQ(try_open(address, LEAT_RECEIVE, LEAT_NOW, &receiver), 0);
        snprintf(address, sizeof address, "%s:%s/socket", scheme, harness_tmpdir());
        for (; count < 20; count++) {
                r = try_open(address, LEAT_SEND, count % 2 ? LEAT_NOW : leat_in_ms(20), &senders[count]);
                if (r < 0)
                        break;
        }
        CHECK(r == -EAGAIN || r == -ETIMEDOUT);
        CHECK_EQ(fails(address, LEAT_SEND, LEAT_NOW), -EAGAIN);
        CHECK_EQ(fails(address, LEAT_SEND, leat_in_ms(20)), -ETIMEDOUT);
        CHECK_EQ(fails(address, LEAT_SEND, INT64_MIN), -ETIMEDOUT);
        CHECK_EQ(fails(address, LEAT_RECEIVE, leat_in_ms(20)), -EADDRINUSE);
        for (int i = 0; i < count; i++)
                leat_close(senders[i]);
        char buffer[8];
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, harness_deadline_ms(40000), NULL), -ENODATA);
        CHECK_EQ(try_open(address, LEAT_SEND, LEAT_NOW, &senders[0]), 0);
        leat_close(senders[0]);
        leat_close(receiver);
}

/* ---- descriptors that are no pipe, or the wrong end ---- */

static void given_wrongly(void *argument) {
        char address[64];
        int fds[2];
        (void)argument;
        CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
        snprintf(address, sizeof address, "pipe:fd=%d", fds[0]);
        CHECK_EQ(fails(address, LEAT_SEND, LEAT_NOW), -EBADF);
        snprintf(address, sizeof address, "pipe:fd=%d", fds[1]);
        CHECK_EQ(fails(address, LEAT_RECEIVE, LEAT_NOW), -EBADF);
        CHECK_EQ(fails("pipe:fd=1000", LEAT_RECEIVE, LEAT_NOW), -EBADF);
        CHECK_EQ(fails("pipe:fd=2147483647", LEAT_SEND, LEAT_NOW), -EBADF);
        CHECK_EQ(fails("pipe:fd=2147483648", LEAT_SEND, LEAT_NOW), -EINVAL);
        CHECK_EQ(fails("pipe:fd=-1", LEAT_SEND, LEAT_NOW), -EINVAL);
        CHECK_EQ(fails("pipe:fd=3,3", LEAT_SEND, LEAT_NOW), -EINVAL);
        snprintf(address, sizeof address, "pipe:fd=%d,%d", fds[0], 1000);
        CHECK_EQ(fails(address, LEAT_SEND, LEAT_NOW), -EBADF);
        CHECK(fcntl(fds[0], F_GETFD) >= 0 && fcntl(fds[1], F_GETFD) >= 0); /* they are still the caller's */
        close(fds[0]);
        close(fds[1]);
}

static void add_tests(void) {
        static const struct {
                const char *name;
                void (*function)(void *scheme);
        } tests[] = {
                { "things_in_the_way", things_in_the_way },
                { "link_to_socket", link_to_socket },
                { "directories", directories },
                { "directory_goes", directory_goes },
                { "long_names", long_names },
                { "permission", permission },
                { "full_disk", full_disk },
                { "read_only", read_only },
                { "lock_held", lock_held },
                { "stale_race", stale_race },
                { "killed_before_listen", killed_before_listen },
                { "queue_full", queue_full },
        };
        char name[80];
        for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
                for (int k = 0; k < 2; k++) {
                        snprintf(name, sizeof name, "%s_%s", tests[i].name, k == 0 ? "unix" : "stream");
                        harness_add(name, tests[i].function, (void *)schemes[k]);
                }
        harness_add("wrong_type", wrong_type, NULL);
        harness_add("given_wrongly", given_wrongly, NULL);
}

TEST_MAIN_WITH(add_tests)
