/* SPDX-License-Identifier: MIT */
#include "regions.h"

#include "shared/region.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/lock.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Leases: of who mends a region whose lock file was lost, and of others, on its memory; and a file with two names. */

#define EACH(kinds_) for (int i_ = 0; i_ < (int)(sizeof(kinds_) / sizeof *(kinds_)); i_++)
static const enum region_kind files[] = { KIND_REGION, KIND_MAP }; /* what is a file has leases */

/* ---- what stands in the place of fcntl(2) ---- */

static void (*at_command)(int fd, int command, const void *argument); /* called before each that has it */
static int refused_command, refused_error;

int fcntl(int fd, int command, ...) {
        va_list arguments;
        va_start(arguments, command);
        void *argument = va_arg(arguments, void *);
        va_end(arguments);
        if (command == refused_command && refused_error != 0) {
                errno = refused_error;
                return -1;
        }
        if (at_command)
                at_command(fd, command, argument);
        return (int)syscall(SYS_fcntl, fd, command, argument);
}

/* ---- who mends ---- */

/* It has lost its lock file, and nobody has it open. */
static void make_and_lose(const char *address) {
        struct leat_region *region = region_open_or_fail(address, 64);
        CHECK_EQ(unlink(region->place.lock_path), 0);
        leat_region_close(region);
}

/* The path of its memory. */
static const char *path_of(const char *address) {
        static char path[300];
        struct memory_place place = MEMORY_PLACE_NONE;
        char rest[300];
        snprintf(rest, sizeof rest, "%s", strchr(address, ':') + 1);
        CHECK_EQ(memory_place_new(strncmp(address, "map", 3) == 0 ? "map" : "region", rest, NULL, &place), 0);
        snprintf(path, sizeof path, "%s", place.path);
        memory_place_clear(&place);
        return path;
}

static struct {
        struct harness_event *leased, *refused;
        const char *path;
        int urgent, io, times;
} lease;

static void on_signal(int number) {
        lease.urgent += number == SIGURG;
        lease.io += number == SIGIO;
}

/* Right before the lease ends another process tries to open the file, and is refused. */
static void while_leased(int fd, int command, const void *argument) {
        (void)fd;
        if (command != F_SETLEASE || (int)(intptr_t)argument != F_UNLCK)
                return;
        lease.times++;
        harness_event_signal(lease.leased);
        harness_event_wait(lease.refused);
}

static void be_refused(void *argument) {
        (void)argument;
        harness_event_wait(lease.leased);
        CHECK(open(lease.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) < 0);
        CHECK_EQ(errno, EWOULDBLOCK);
        harness_event_signal(lease.refused);
}

static void mend_under(const char *address, int how) {
        sigset_t urgent, before, after;
        struct sigaction action = { .sa_handler = on_signal }, left;
        make_and_lose(address);
        lease.leased = harness_event_new();
        lease.refused = harness_event_new();
        lease.path = path_of(address);
        lease.urgent = lease.io = lease.times = 0;
        pid_t pid = harness_fork(be_refused, NULL);
        CHECK(sigaction(SIGURG, &action, NULL) == 0 && sigaction(SIGIO, &action, NULL) == 0);
        sigemptyset(&urgent);
        sigaddset(&urgent, SIGURG);
        CHECK_EQ(sigprocmask(how, &urgent, NULL), 0);
        CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &before), 0);
        at_command = while_leased;
        CHECK_EQ(region_try(address, 64, NULL, NULL), 0);
        at_command = NULL;
        CHECK_EQ(lease.times, 1);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &after), 0);
        for (int number = 1; number < 32; number++)
                CHECK_EQ(sigismember(&after, number), sigismember(&before, number));
        CHECK(sigaction(SIGURG, NULL, &left) == 0 && left.sa_handler == on_signal);
        CHECK(sigaction(SIGIO, NULL, &left) == 0 && left.sa_handler == on_signal);
        CHECK_EQ(lease.io, 0);
}

/* The kernel tells who has a lease that somebody wants the file; that is no signal of the program's. */
TEST(the_leases_signal_does_not_reach_the_program) {
        EACH(files) {
                sigset_t urgent;
                mend_under(region_address(files[i_], 1, ""), SIG_UNBLOCK);
                CHECK_EQ(lease.urgent, 0);
                mend_under(region_address(files[i_], 2, ""), SIG_BLOCK);
                CHECK(sigpending(&urgent) == 0 && sigismember(&urgent, SIGURG) == 0);
        }
}

/* One that the program had not taken yet is still there. */
TEST(the_programs_signal_stays) {
        sigset_t urgent;
        sigemptyset(&urgent);
        sigaddset(&urgent, SIGURG);
        CHECK_EQ(sigprocmask(SIG_BLOCK, &urgent, NULL), 0);
        CHECK_EQ(signal(SIGURG, on_signal) == SIG_ERR, false);
        CHECK_EQ(raise(SIGURG), 0);
        mend_under(region_address(KIND_REGION, 1, ""), SIG_BLOCK);
        CHECK_EQ(lease.urgent, 0);
        CHECK_EQ(sigprocmask(SIG_UNBLOCK, &urgent, NULL), 0);
        CHECK_EQ(lease.urgent, 1);
}

/* ---- a copy that was made while it was used ---- */

static const enum region_kind named[] = { KIND_REGION, KIND_MAP, KIND_SYSV };

/* Whoever had a lock then has a name that is yet to be given here, if the participants were copied before the lock: it is nobody's that comes. */
TEST(owners_of_another_time_are_dead) {
        EACH(named) {
                const char *address = region_address(named[i_], 1, "");
                uint32_t before[512];
                struct leat_region *region = region_open_or_fail(address, 2 * sizeof(struct leat_mutex));
                struct leat_mutex *mutexes = leat_region_data(region);
                CHECK_EQ(region->slots, 512);
                for (uint32_t slot = 0; slot < 512; slot++)
                        before[slot] = atomic_load(&region->participants[slot].incarnation);
                for (unsigned i = 0; i < 2; i++)
                        mutexes[i].words[0] = REGION_MARK(before[region->slot] + 1 + i, region->slot);
                CHECK_EQ(unlink(region->place.lock_path), 0);
                leat_region_close(region);
                region = region_open_or_fail(address, 0);
                mutexes = leat_region_data(region);
                for (uint32_t slot = 0; slot < 512; slot++)
                        CHECK(atomic_load(&region->participants[slot].incarnation) - before[slot] > 1000000);
                for (unsigned i = 0; i < 2; i++) {
                        CHECK_EQ(leat_mutex_lock(region, &mutexes[i], SOON), -EOWNERDEAD);
                        CHECK_EQ(leat_mutex_unlock(region, &mutexes[i]), 0);
                }
                leat_region_close(region);
        }
}

static void open_as_nobody(void *argument) {
        struct leat_reason reason = { 0 };
        harness_be_nobody();
        CHECK_EQ(region_try(argument, 64, NULL, &reason), -EACCES);
        CHECK(strstr(reason.text, "who owns the region, or root, mends it"));
}

TEST(who_does_not_own_it_is_told_who_mends_it) {
        harness_need_root();
        umask(0);
        char address[300];
        snprintf(address, sizeof address, "%s", region_address(KIND_REGION, 1, "?mode=0666"));
        make_and_lose(address);
        for (int i = 0; i < 2; i++) /* it leaves no lock file that would be in the way */
                CHECK_EQ(harness_wait(harness_fork(open_as_nobody, address)), 0);
        CHECK_EQ(region_try(address, 64, NULL, NULL), 0);
}

TEST(without_leases_it_is_said_what_to_do) {
        struct leat_reason reason = { 0 };
        char address[300];
        snprintf(address, sizeof address, "%s", region_address(KIND_MAP, 1, ""));
        make_and_lose(address);
        refused_command = F_SETLEASE;
        refused_error = EINVAL;
        CHECK_EQ(region_try(address, 64, NULL, &reason), -ESTALE);
        CHECK(strstr(reason.text, "has no leases") && strstr(reason.text, "copy it"));
        refused_error = EAGAIN; /* somebody has it open */
        CHECK_EQ(region_try(address, 64, NULL, &reason), -ESTALE);
        CHECK(strstr(reason.text, "end those processes"));
        refused_error = 0;
}

/* It is told to open it elsewhere, and to put both files back: so that has to do. */
TEST(mended_elsewhere_it_fits_again) {
        char address[300], other[300], command[1400];
        snprintf(address, sizeof address, "%s", region_address(KIND_MAP, 1, ""));
        snprintf(other, sizeof other, "%s", region_address(KIND_MAP, 2, ""));
        make_and_lose(address);
        snprintf(command, sizeof command, "cp %s %s", address + 4, other + 4);
        CHECK_EQ(system(command), 0);
        CHECK_EQ(region_try(other, 64, NULL, NULL), 0);
        snprintf(command, sizeof command, "cp %s %s && cp %s.leat-lock %s.leat-lock", other + 4, address + 4, other + 4,
                 address + 4);
        CHECK_EQ(system(command), 0);
        refused_command = F_SETLEASE;
        refused_error = EINVAL;
        CHECK_EQ(region_try(address, 64, NULL, NULL), 0);
        refused_error = 0;
}

/* ---- who opens it, or removes it, meanwhile ---- */

/* As one who mends it by another lock file: it has the file alone until somebody wants it. */
static void have_it_alone(void *argument) {
        sigset_t urgent;
        sigemptyset(&urgent);
        sigaddset(&urgent, SIGURG);
        CHECK_EQ(sigprocmask(SIG_BLOCK, &urgent, NULL), 0);
        int fd = open(argument, O_RDWR | O_CLOEXEC);
        CHECK(fd >= 0 && fcntl(fd, F_SETSIG, SIGURG) == 0);
        CHECK_EQ(fcntl(fd, F_SETLEASE, F_WRLCK), 0);
        harness_event_signal(lease.leased);
        CHECK_EQ(sigwaitinfo(&urgent, NULL), SIGURG);
        CHECK_EQ(fcntl(fd, F_SETLEASE, F_UNLCK), 0);
        close(fd);
}

static pid_t lease_it(char *path) {
        lease.leased = harness_event_new();
        pid_t pid = harness_fork(have_it_alone, path);
        harness_event_wait(lease.leased);
        return pid;
}

/* The lock file says that the region is being removed: whoever comes next removes the rest. */
TEST(who_finishes_a_removal_waits_for_a_lease) {
        EACH(files) {
                char address[300], path[300];
                snprintf(address, sizeof address, "%s", region_address(files[i_], 1, ""));
                snprintf(path, sizeof path, "%s", path_of(address));
                struct leat_region *region = region_open_or_fail(address, 64);
                uint16_t state = REGION_LOCK_REMOVING;
                strcpy(leat_region_data(region), "old");
                CHECK_EQ(pwrite(region->lock_fd, &state, sizeof state, offsetof(struct region_lock_head, state)), 2);
                leat_region_close(region);
                pid_t pid = lease_it(path);
                region = region_open_or_fail(address, 64);
                CHECK_STR(leat_region_data(region), "");
                CHECK_EQ(harness_wait(pid), 0);
                leat_region_close(region);
        }
}

static struct {
        char path[300];
        pid_t pid;
} holder;

/* Byte 0 is about to be taken by who removes it: it has looked once already. */
static void lease_before_the_lock(int fd, int command, const void *argument) {
        const struct flock *lock = argument;
        (void)fd;
        if (command != F_OFD_SETLK || lock->l_type != F_WRLCK || lock->l_start != REGION_LOCK_MAKING)
                return;
        at_command = NULL;
        holder.pid = lease_it(holder.path);
}

TEST(who_removes_it_waits_for_a_lease) {
        EACH(files) {
                char address[300];
                snprintf(address, sizeof address, "%s", region_address(files[i_], 1, ""));
                snprintf(holder.path, sizeof holder.path, "%s", path_of(address));
                CHECK_EQ(region_try(address, 64, NULL, NULL), 0);
                at_command = lease_before_the_lock;
                CHECK_EQ(leat_region_remove(address, false, SOON, NULL), 0);
                CHECK(!at_command);
                CHECK_EQ(harness_wait(holder.pid), 0);
                CHECK(access(holder.path, F_OK) < 0);
        }
}

/* ---- one file, two names ---- */

static void make_empty(char *first, char *second) {
        snprintf(first, 300, "%s", region_address(KIND_MAP, 1, ""));
        snprintf(second, 300, "%s", region_address(KIND_MAP, 2, ""));
        int fd = open(first + 4, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        close(fd);
        CHECK_EQ(link(first + 4, second + 4), 0);
}

static struct {
        char addresses[2][300];
        struct leat_region *region;
} names;

/* The first has seen that the file is empty, and is about to take its lock: now the second makes a region of it. */
static void fill_before_the_lock(int fd, int command, const void *argument) {
        const struct flock *lock = argument;
        (void)fd;
        if (command != F_OFD_SETLK || lock->l_type != F_WRLCK || lock->l_start < (off_t)REGION_ANON)
                return;
        at_command = NULL;
        names.region = region_open_or_fail(names.addresses[1], 64);
        strcpy(leat_region_data(names.region), "second");
}

TEST(an_empty_file_with_two_names_is_filled_once) {
        struct leat_reason reason = { 0 };
        make_empty(names.addresses[0], names.addresses[1]);
        at_command = fill_before_the_lock;
        CHECK_EQ(region_try(names.addresses[0], 64, NULL, &reason), -ESTALE);
        CHECK(!at_command);
        CHECK(strstr(reason.text, "somebody still has it open"));
        CHECK_STR(leat_region_data(names.region), "second");
        CHECK_EQ(memcmp(names.region->header->identity, names.region->identity, 16), 0);
        CHECK_EQ(region_try(names.addresses[1], 64, NULL, NULL), 0);
        leat_region_close(names.region);
}

/* Who stands in it is waited for. */
TEST(who_fills_a_file_is_waited_for) {
        struct leat_reason reason = { 0 };
        struct leat_region *region = NULL;
        char first[300], second[300];
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)REGION_ANON, .l_len = 1 };
        make_empty(first, second);
        int fd = open(first + 4, O_RDWR | O_CLOEXEC);
        CHECK_EQ(fcntl(fd, F_OFD_SETLK, &lock), 0);
        CHECK_EQ(leat_region_open(second, 64, NULL, LEAT_NOW, &reason, &region), -EAGAIN);
        CHECK(strstr(reason.text, "by another name"));
        CHECK_EQ(leat_region_open(second, 64, NULL, leat_in_ms(2), NULL, &region), -ETIMEDOUT);
        close(fd);
        CHECK_EQ(region_try(second, 64, NULL, NULL), 0);
}

TEST_MAIN()
