/* SPDX-License-Identifier: MIT */

/* The system's semaphores: how they are named, made, and given their count. */

#include "semaphores.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __GLIBC__
#define POSIX_FILE "/dev/shm/sem.%s"
#else
#define POSIX_FILE "/dev/shm/%s"
#endif

/* ---- names ---- */

static void expect_refused(const char *address, uint32_t count, int error) {
        struct leat_reason reason = { 0 };
        struct leat_sem *sem = NULL;
        int r = leat_sem_open(address, count, SOON, &reason, &sem);
        if (r != error)
                FAIL("%s: %d instead of %d", address, r, error);
        CHECK(reason.error == error && reason.text);
        r = leat_sem_remove(address, NULL);
        CHECK(r < 0);
}

TEST(addresses_that_cannot_be_are_refused) {
        expect_refused("sysv-sem:", 1, -EINVAL);
        expect_refused("sysv-sem:0", 1, -EINVAL);
        expect_refused("sysv-sem:shop", 1, -EINVAL);
        expect_refused("sysv-sem:/tmp", 1, -EINVAL);
        expect_refused("sysv-sem:/tmp#0", 1, -EINVAL);
        expect_refused("sysv-sem:/no/such/file#1", 1, -ENOENT);
        expect_refused("posix-sem:", 1, -EINVAL);
        expect_refused("posix-sem:shop", 1, -EINVAL);
        expect_refused("posix-sem:/a/b", 1, -EINVAL);
        expect_refused("posix-sem:/", 1, -EINVAL);
        expect_refused("sem:/shop", 1, -EPROTONOSUPPORT);
        expect_refused("posix-sem:/shop?ring=128k", 1, -ENOTSUP);
        expect_refused("posix-sem:/shop?offset=1", 1, -ENOTSUP);
        char name[300] = "posix-sem:/";
        memset(name + 11, 'n', NAME_MAX - 3);
        expect_refused(name, 1, -EINVAL);
        CHECK_EQ(leat_sem_open(NULL, 1, SOON, NULL, &(struct leat_sem *){ NULL }), -EINVAL);
        CHECK_EQ(leat_sem_open("posix-sem:/shop", 1, SOON, NULL, NULL), -EINVAL);
        CHECK(leat_sem_close(NULL) == NULL);
        CHECK_EQ(leat_sem_take(NULL, LEAT_SEM_USUAL, LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_sem_count(NULL), -EINVAL);
}

TEST(a_path_and_a_character_make_the_key_of_any_program) {
        struct rest address;
        snprintf(address.text, sizeof address.text, "sysv-sem:%s#s", harness_tmpdir());
        int set = semget(ftok(harness_tmpdir(), 's'), 1, IPC_CREAT | 0600);
        CHECK(set >= 0);
        plain_value(set, 0, 3);
        struct leat_sem *sem = open_sem(address, "?open", 0);
        CHECK_EQ(leat_sem_count(sem), 3);
        leat_sem_close(sem);
        CHECK_EQ(leat_sem_remove(address.text, NULL), 0);
}

/* ---- creation ---- */

enum { OPENERS = 8, ROUNDS = 20 };

struct race {
        struct rest addresses[ROUNDS];
        struct harness_event *go;
};

static void open_each(void *argument) {
        struct race *race = argument;
        harness_event_wait(race->go);
        for (int i = 0; i < ROUNDS; i++) {
                struct leat_sem *sem = open_sem(race->addresses[i], "", 3);
                CHECK_EQ(leat_sem_take(sem, LEAT_SEM_KEEP, SOON), 0);
                CHECK_EQ(leat_sem_give(sem, LEAT_SEM_KEEP), 0);
                leat_sem_close(sem);
        }
}

TEST(of_many_that_make_it_one_gives_it_its_count) {
        EACH(scheme) {
                static struct race race;
                pid_t pids[OPENERS];
                race.go = harness_event_new();
                for (int i = 0; i < ROUNDS; i++)
                        race.addresses[i] = place_address(scheme, "");
                for (int i = 0; i < OPENERS; i++)
                        pids[i] = harness_fork(open_each, &race);
                for (int i = 0; i < OPENERS; i++)
                        harness_event_signal(race.go);
                for (int i = 0; i < OPENERS; i++)
                        CHECK_EQ(harness_wait(pids[i]), 0);
                for (int i = 0; i < ROUNDS; i++) {
                        struct leat_sem *sem = open_sem(race.addresses[i], "?open", 0);
                        CHECK_EQ(leat_sem_count(sem), 3);
                        leat_sem_close(sem);
                        CHECK_EQ(leat_sem_remove(race.addresses[i].text, NULL), 0);
                }
        }
}

static bool has_lock_file(struct rest address) {
        char path[300];
        snprintf(path, sizeof path, "/dev/shm/leat.sysv-sem-%s.lock", strchr(address.text, ':') + 1);
        return access(path, F_OK) == 0;
}

TEST(one_without_a_count_is_waited_for) {
        struct leat_reason reason;
        struct rest address = place_address("sysv-sem", "");
        int set = plain_set(address, 1); /* and its maker does not go on */
        CHECK_EQ(try_sem(address, "?open", 1, LEAT_NOW, &reason), -EAGAIN);
        CHECK(reason.text);
        CHECK_EQ(try_sem(address, "?open", 1, leat_in_ms(20), &reason), -ETIMEDOUT);
        CHECK(reason.text);
        CHECK_EQ(try_sem(address, "?new", 1, SOON, &reason), -EEXIST);
        plain_value(set, 0, 0); /* now it does, though nothing was taken yet */
        CHECK_EQ(try_sem(address, "?open", 1, SOON, &reason), 0);
        struct leat_sem *sem = open_sem(address, "", 5);
        CHECK_EQ(leat_sem_count(sem), 0);
        leat_sem_close(sem);
        CHECK(!has_lock_file(address));
}

TEST(what_a_killed_maker_left_is_completed) {
        struct rest address = place_address("sysv-sem", "");
        (void)plain_set(address, 1);
        struct leat_sem *sem = open_sem(address, "", 5);
        CHECK_EQ(leat_sem_count(sem), 5);
        leat_sem_close(sem);
        sem = open_sem(address, "", 9);
        CHECK_EQ(leat_sem_count(sem), 5);
        leat_sem_close(sem);
        CHECK(!has_lock_file(address));
}

static int lock_file(const char *path) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0);
        return fd;
}

/* While another holds the lock file of its making it is alive, and about to give the count. */
TEST(a_living_maker_is_waited_for) {
        struct leat_reason reason;
        struct rest address = place_address("sysv-sem", "");
        char path[300];
        snprintf(path, sizeof path, "/dev/shm/leat.sysv-sem-%s.lock", strchr(address.text, ':') + 1);
        int fd = lock_file(path);
        (void)plain_set(address, 1);
        CHECK_EQ(try_sem(address, "", 5, LEAT_NOW, &reason), -EAGAIN);
        CHECK_EQ(try_sem(address, "", 5, leat_in_ms(20), &reason), -ETIMEDOUT);
        CHECK(reason.text);
        close(fd); /* it dies, and leaves its file */
        struct leat_sem *sem = open_sem(address, "", 5);
        CHECK_EQ(leat_sem_count(sem), 5);
        CHECK(!has_lock_file(address));
        leat_sem_close(sem);
}

static bool holds_open(pid_t pid, const char *what) {
        for (int fd = 0; fd < 64; fd++) {
                char path[64], target[300] = "";
                snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
                if (readlink(path, target, sizeof target - 1) > 0 && strcmp(target, what) == 0)
                        return true;
        }
        return false;
}

struct vain {
        struct rest address;
        int first; /* inherited, and to be closed: its lock would live on */
        struct harness_event *closed;
};

static void open_in_vain(void *argument) {
        const struct vain *vain = argument;
        struct leat_reason reason;
        close(vain->first);
        harness_event_signal(vain->closed);
        CHECK_EQ(try_sem(vain->address, "", 5, leat_in_ms(200), &reason), -ETIMEDOUT);
}

/* The file that it waits for is removed by its holder, and another one has the name, and its own holder, by then. */
TEST(a_lock_file_that_was_removed_is_no_lock) {
        struct rest address = place_address("sysv-sem", "");
        char path[300];
        snprintf(path, sizeof path, "/dev/shm/leat.sysv-sem-%s.lock", strchr(address.text, ':') + 1);
        struct vain vain = { address, lock_file(path), harness_event_new() };
        int set = plain_set(address, 1), status;
        pid_t pid = harness_fork(open_in_vain, &vain);
        harness_event_wait(vain.closed);
        while (!holds_open(pid, path) && waitpid(pid, &status, WNOHANG | WNOWAIT) == 0)
                sched_yield();
        CHECK_EQ(unlink(path), 0);
        int second = lock_file(path);
        close(vain.first);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(semctl(set, 0, GETVAL), 0);
        close(second);
}

TEST(a_lock_file_that_a_killed_maker_left_is_removed) {
        struct rest address = place_address("sysv-sem", "");
        char path[300];
        snprintf(path, sizeof path, "/dev/shm/leat.sysv-sem-%s.lock", strchr(address.text, ':') + 1);
        int fd = lock_file(path);
        CHECK_EQ(leat_sem_remove(address.text, NULL), -ENOENT);
        CHECK(has_lock_file(address)); /* it lives, and is about to make it */
        close(fd);
        CHECK_EQ(leat_sem_remove(address.text, NULL), -ENOENT);
        CHECK(!has_lock_file(address));
}

enum { NO_NAME_SPACE = 77 };

/* The name space is that of the children of who asked for it. Both end without what a sanitizer does at the end, which does not work across name spaces. */
static void open_from_inside(void *argument) {
        const struct rest *address = argument;
        int status;
        if (unshare(CLONE_NEWPID) < 0)
                _exit(NO_NAME_SPACE);
        pid_t pid = fork();
        if (pid == 0) {
                struct leat_sem *found = NULL, *sem = NULL;
                struct rest only = *address;
                strcat(only.text, "?open");
                int r = leat_sem_open(only.text, 0, LEAT_NOW, NULL, &found); /* nobody need complete it */
                if (r == 0)
                        r = leat_sem_open(address->text, 5, SOON, NULL, &sem);
                _exit(r == 0 && leat_sem_count(sem) == 4 ? 0 : 1);
        }
        CHECK(waitpid(pid, &status, 0) == pid);
        _exit(status == 0 ? 0 : 1);
}

/* To another pid name space the process that gave the count is nobody: but what has one gets no second. */
TEST(a_count_from_another_pid_name_space_stays) {
        struct rest address = place_address("sysv-sem", "");
        plain_value(plain_set(address, 1), 0, 4);
        int code = harness_wait(harness_fork(open_from_inside, &address));
        if (code == NO_NAME_SPACE)
                SKIP("no name space of its own");
        CHECK_EQ(code, 0);
}

TEST(sets_that_are_too_many_name_the_limit) {
        struct leat_reason reason;
        place_set_sysctl("/proc/sys/kernel/sem", "250 250 32 0");
        CHECK_EQ(try_sem(place_address("sysv-sem", ""), "", 1, SOON, &reason), -ENOSPC);
        CHECK_STR(reason.limit, "kernel.sem");
}

/* As in a root directory without one (chroot(2), a container). */
TEST(without_dev_shm_none_is_made) {
        struct rest addresses[2];
        EACH(scheme)
        addresses[i_] = place_address(scheme, "");
        (void)place_mount("tmpfs", "size=64k"); /* a name space of its own, or the test is skipped */
        CHECK_EQ(mount("none", "/dev", "tmpfs", 0, "size=64k"), 0);
        EACH(scheme) {
                struct leat_reason reason;
                CHECK_EQ(try_sem(addresses[i_], "", 1, LEAT_NEVER, &reason), -ENOENT);
                CHECK(reason.text && strstr(reason.text, "/dev/shm"));
                CHECK_EQ(try_sem(addresses[i_], "?new", 1, LEAT_NEVER, &reason), -ENOENT);
                CHECK_EQ(try_sem(addresses[i_], "?open", 1, LEAT_NEVER, &reason), -ENOENT);
                CHECK_EQ(leat_sem_remove(addresses[i_].text, NULL), -ENOENT);
        }
}

TEST(a_limit_of_file_sizes_is_an_error_and_no_signal) {
        struct leat_reason reason;
        struct rlimit limit = { .rlim_cur = 8, .rlim_max = 8 };
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
        CHECK_EQ(try_sem(place_address("posix-sem", ""), "", 1, SOON, &reason), -EFBIG);
        CHECK_STR(reason.limit, "RLIMIT_FSIZE");
}

/* ---- what is there already ---- */

TEST(what_is_no_semaphore_is_refused) {
        struct rest address = place_address("posix-sem", "");
        struct leat_reason reason;
        char path[300];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(path, sizeof path, POSIX_FILE, strchr(address.text, ':') + 2);
#pragma GCC diagnostic pop
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        CHECK_EQ(try_sem(address, "", 1, SOON, &reason), -EINVAL); /* to touch it would be SIGBUS */
        CHECK(reason.text);
        CHECK_EQ(leat_sem_remove(address.text, NULL), -EINVAL);
        close(fd);
        CHECK(unlink(path) == 0 && mkfifo(path, 0600) == 0);
        CHECK_EQ(try_sem(address, "", 1, SOON, &reason), -EINVAL);
        CHECK(unlink(path) == 0 && symlink("/etc/passwd", path) == 0);
        CHECK_EQ(try_sem(address, "", 1, SOON, &reason), -EINVAL);
        CHECK_EQ(unlink(path), 0);
}

TEST_MAIN()
