/* SPDX-License-Identifier: MIT */

/*
 * What a party of shm: cannot do with what the other one gave it: its memory
 * file, an end of its pair of wakes, its end of the socket (docs/design/shm.md,
 * "Attempts"). Each row of the table there is a test here. After each attempt
 * the victim's file is as it was, and the victim receives.
 */

#include "hostile.h"
#include "shm_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define NOBODY 65534
#ifndef F_SETSIG
#define F_SETSIG 10
#endif

struct scene {
        struct leat_channel *victim, *honest;
        struct shm_peer peer;
        void *before; /* the victim's file, as it was */
        size_t size_bytes;
        uint64_t at; /* of the next record */
};

static ssize_t receive(const struct scene *scene, int64_t deadline) {
        char buffer[64];
        return leat_receive(scene->victim, LEAT_ANY, buffer, sizeof buffer, deadline, NULL);
}

static void begin(struct scene *scene) {
        char path[80], address[120];
        *scene = (struct scene){ .peer = SHM_PEER_NONE };
        snprintf(path, sizeof path, "%s/shm", harness_tmpdir());
        snprintf(address, sizeof address, "shm:%s", path);
        CHECK_EQ(leat_open(address, LEAT_RECEIVE, LEAT_NOW, &scene->victim), 0);
        CHECK_EQ(leat_open(address, LEAT_SEND, LEAT_NOW, &scene->honest), 0);
        shm_peer_make(&scene->peer, SHM_RING);
        scene->peer.socket = connect_to(path, SOCK_SEQPACKET);
        CHECK(shm_say(scene->peer.socket, SHM_HELLO, (int[]){ scene->peer.mine.fd, scene->peer.ends[1] }, 2));
        CHECK_EQ(receive(scene, LEAT_NOW), -EAGAIN);
        CHECK(shm_hear(&scene->peer));
        scene->size_bytes = 2 * SHM_PAGE + scene->peer.theirs.twice_bytes;
        scene->before = malloc(scene->size_bytes);
        CHECK(scene->before);
        memcpy(scene->before, scene->peer.theirs.bytes, scene->size_bytes);
}

/* Nothing has changed but what its owner wrote. */
static void check_file(const struct scene *scene) {
        const uint8_t *before = scene->before, *after = scene->peer.theirs.bytes;
        CHECK_MEM(before, after, SHM_PAGE);
        CHECK_MEM(before + 2 * SHM_PAGE, after + 2 * SHM_PAGE, scene->size_bytes - 2 * SHM_PAGE);
}

static void check_receives(const struct scene *scene) {
        CHECK_EQ(leat_send(scene->honest, 1, "unharmed", 8, LEAT_NOW), 0);
        CHECK_EQ(receive(scene, harness_deadline_ms(40000)), 8);
}

/* A message of the hostile party's. */
static void put(struct scene *scene) {
        shm_put(&scene->peer, scene->at, SHM_WORD(6, RING_PLAIN, 0), 1, "record\0\0\0\0\0\0\0\0\0", 16);
        scene->at += 32;
        (void)send(scene->peer.wake, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void put_and_take(struct scene *scene) {
        put(scene);
        CHECK_EQ(receive(scene, LEAT_NOW), 6);
}

static void end(struct scene *scene) {
        check_receives(scene);
        if (scene->peer.mine.bytes) { /* it was not cut off */
                check_file(scene);
                put_and_take(scene);
        }
        free(scene->before);
        shm_peer_end(&scene->peer);
        leat_close(scene->honest);
        leat_close(scene->victim);
}

#define CANNOT(call, error) CHECK_EQ((errno = 0, (call) < 0 ? -errno : 0), -(error))
#define ATTEMPT(name)                                                                                                  \
        static void attempt_##name(struct scene *scene);                                                               \
        TEST(name) {                                                                                                   \
                struct scene scene;                                                                                    \
                begin(&scene);                                                                                         \
                attempt_##name(&scene);                                                                                \
                end(&scene);                                                                                           \
        }                                                                                                              \
        static void attempt_##name(struct scene *scene)

/* ---- the memory file ---- */

/* mmap(2), as a number. */
static int map(int fd, int protection, int flags) {
        void *at = mmap(NULL, SHM_PAGE, protection, flags, fd, 0);
        if (at == MAP_FAILED)
                return -1;
        CHECK_EQ(munmap(at, SHM_PAGE), 0);
        return 0;
}

ATTEMPT(map_it_for_writing) {
        const int fd = scene->peer.theirs.fd;
        CANNOT(map(fd, PROT_READ | PROT_WRITE, MAP_SHARED), EPERM);
        CANNOT(map(fd, PROT_WRITE, MAP_SHARED_VALIDATE), EPERM);
        CANNOT(mprotect(scene->peer.theirs.bytes, SHM_PAGE, PROT_READ | PROT_WRITE), EACCES);
}

/* It is a copy. */
ATTEMPT(write_into_a_private_mapping) {
        uint8_t *at = mmap(NULL, scene->size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, scene->peer.theirs.fd, 0);
        CHECK(at != MAP_FAILED);
        memset(at, 0xff, scene->size_bytes);
        CHECK_EQ(munmap(at, scene->size_bytes), 0);
}

ATTEMPT(write_to_it) {
        const int fd = scene->peer.theirs.fd;
        struct iovec part = { "x", 1 };
        CANNOT(write(fd, "x", 1), EPERM);
        CANNOT(pwrite(fd, "x", 1, SHM_PAGE), EPERM);
        CANNOT(pwritev(fd, &part, 1, 0), EPERM);
        CANNOT(pwrite(fd, "x", 1, (off_t)scene->size_bytes), EPERM); /* behind its end */
}

ATTEMPT(resize_it) {
        const int fd = scene->peer.theirs.fd;
        CANNOT(ftruncate(fd, 0), EPERM);
        CANNOT(ftruncate(fd, (off_t)scene->size_bytes - 1), EPERM);
        CANNOT(ftruncate(fd, (off_t)scene->size_bytes + 1), EPERM);
        CANNOT(fallocate(fd, 0, (off_t)scene->size_bytes, SHM_PAGE), EPERM);
        CANNOT(fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)scene->size_bytes, SHM_PAGE), EPERM);
        CHECK_EQ(ftruncate(fd, (off_t)scene->size_bytes), 0); /* to what it is */
}

ATTEMPT(punch_a_hole) {
        const int fd = scene->peer.theirs.fd;
        CANNOT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SHM_PAGE), EPERM);
        CANNOT(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, SHM_PAGE), EOPNOTSUPP);
        CANNOT(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, SHM_PAGE), EOPNOTSUPP);
        CANNOT(madvise(scene->peer.theirs.bytes, SHM_PAGE, MADV_REMOVE), EACCES);
}

/* These are about the page tables of who calls. */
ATTEMPT(advise_its_pages_away) {
        static const int advice[] = { MADV_DONTNEED, MADV_COLD, MADV_PAGEOUT };
        for (size_t i = 0; i < sizeof advice / sizeof advice[0]; i++)
                (void)madvise(scene->peer.theirs.bytes, scene->size_bytes, advice[i]);
        (void)posix_fadvise(scene->peer.theirs.fd, 0, 0, POSIX_FADV_DONTNEED);
}

ATTEMPT(change_its_seals) {
        const int fd = scene->peer.theirs.fd;
        CANNOT(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
        CANNOT(fcntl(fd, F_ADD_SEALS, 0), EPERM);
        CHECK_EQ(fcntl(fd, F_GET_SEALS) & SHM_SEALS, SHM_SEALS);
}

/* Another open file, which may be written to, of a file that may not. */
ATTEMPT(open_it_anew) {
        char path[40];
        snprintf(path, sizeof path, "/proc/self/fd/%d", scene->peer.theirs.fd);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        CHECK(fd >= 0);
        CANNOT(write(fd, "x", 1), EPERM);
        CANNOT(map(fd, PROT_READ | PROT_WRITE, MAP_SHARED), EPERM);
        CANNOT(ftruncate(fd, 0), EPERM);
        CANNOT(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
        CANNOT(open(path, O_RDWR | O_TRUNC | O_CLOEXEC), EPERM);
        close(fd);
}

static void into_pipe(int pipe, size_t size) {
        char bytes[64] = { 0 };
        CHECK_EQ(write(pipe, bytes, size), size);
}

ATTEMPT(copy_into_it) {
        const int fd = scene->peer.theirs.fd, mine = scene->peer.mine.fd;
        int ends[2];
        off_t zero = 0;
        loff_t from = 0, to = 0;
        CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
        into_pipe(ends[1], 64);
        CANNOT(splice(ends[0], NULL, fd, &to, 64, 0), EPERM);
        CANNOT(sendfile(fd, mine, &zero, 64), EPERM);
        CANNOT(syscall(SYS_copy_file_range, mine, &from, fd, &to, 64, 0), EPERM);
        close(ends[0]);
        close(ends[1]);
}

/* By way of the pages that are mapped for reading. */
ATTEMPT(have_the_kernel_write_there) {
        int ends[2];
        CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
        into_pipe(ends[1], 64);
        struct iovec here = { "x", 1 }, there = { scene->peer.theirs.bytes, 1 };
        CANNOT(read(ends[0], scene->peer.theirs.bytes, 64), EFAULT);
        CANNOT(process_vm_writev(getpid(), &here, 1, &there, 1, 0), EFAULT);
        close(ends[0]);
        close(ends[1]);
}

ATTEMPT(lock_it) {
        const int fd = scene->peer.theirs.fd;
        struct flock lock = { .l_type = F_WRLCK };
        CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0); /* who has it mapped asks nobody */
        CHECK_EQ(fcntl(fd, F_SETLK, &lock), 0);
        (void)fcntl(fd, F_SETLEASE, F_RDLCK);
        (void)fchmod(fd, 0);
        check_receives(scene);
        CHECK_EQ(flock(fd, LOCK_UN), 0);
}

/* ---- wakes ---- */

ATTEMPT(open_a_wake_anew) {
        char path[40];
        static const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR, O_PATH | O_RDWR };
        snprintf(path, sizeof path, "/proc/self/fd/%d", scene->peer.wake);
        for (int i = 0; i < 3; i++)
                CANNOT(open(path, flags[i] | O_NONBLOCK | O_CLOEXEC), ENXIO);
}

/* The victim sleeps in a receive, until there is a message of 8 bytes. */
struct sleeper {
        const struct scene *scene;
        pthread_t thread;
};

static void *sleep_in_receive(void *argument) {
        const struct sleeper *self = argument;
        CHECK_EQ(receive(self->scene, harness_deadline_ms(40000)), 8);
        return NULL;
}

static void fall_asleep(struct sleeper *self) {
        const struct ring_state *victim = (void *)((uint8_t *)self->scene->peer.theirs.bytes + SHM_PAGE);
        CHECK_EQ(pthread_create(&self->thread, NULL, sleep_in_receive, self), 0);
        while (!(atomic_load(&victim->asleep) & RING_RECEIVER))
                sched_yield();
}

static void wake_up(struct sleeper *self) {
        CHECK_EQ(leat_send(self->scene->honest, 1, "wake up!", 8, LEAT_NOW), 0);
        CHECK_EQ(pthread_join(self->thread, NULL), 0);
}

static ssize_t drink(int fd) {
        char bytes[4096];
        return recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
}

/* Those of another peer go by a pair of their own. */
ATTEMPT(drink_the_wakes_of_another) {
        struct sleeper sleeper = { .scene = scene };
        fall_asleep(&sleeper);
        CANNOT(drink(scene->peer.wake), EAGAIN);
        CANNOT(drink(scene->peer.ends[0]), EAGAIN);
        CANNOT(drink(scene->peer.ends[1]), EAGAIN);
        CANNOT(drink(scene->peer.socket), EAGAIN);
        wake_up(&sleeper);
        CANNOT(drink(scene->peer.wake), EAGAIN);
}

/* The other end of the pair is the victim's alone. */
ATTEMPT(drink_its_own_wakes) {
        struct sleeper sleeper = { .scene = scene };
        fall_asleep(&sleeper);
        CHECK_EQ(send(scene->peer.wake, "x", 1, MSG_DONTWAIT), 1);
        CANNOT(drink(scene->peer.wake), EAGAIN);
        wake_up(&sleeper);
}

/* Nobody waits on a word of these pages. */
ATTEMPT(wake_and_requeue_by_futex) {
        struct sleeper sleeper = { .scene = scene };
        uint32_t *word = (uint32_t *)scene->peer.theirs.bytes, *mine = scene->peer.mine.bytes;
        fall_asleep(&sleeper);
        for (size_t i = 0; i < scene->size_bytes / sizeof *word; i++)
                CHECK_EQ(syscall(SYS_futex, word + i, FUTEX_REQUEUE, INT32_MAX, INT32_MAX, mine, 0), 0);
        wake_up(&sleeper);
}

ATTEMPT(add_it_to_an_epoll) {
        struct epoll_event event = { .events = EPOLLIN | EPOLLET };
        int epoll = epoll_create1(EPOLL_CLOEXEC);
        const int fds[] = { scene->peer.wake, scene->peer.ends[1], scene->peer.socket };
        struct sleeper sleeper = { .scene = scene };
        for (size_t i = 0; i < 3; i++)
                CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event), 0);
        fall_asleep(&sleeper);
        (void)epoll_wait(epoll, &event, 1, 0);
        wake_up(&sleeper);
        close(epoll);
}

/* Of the open file that it gave away the flags are common; and it may be full.
 */
ATTEMPT(make_the_victim_wait_in_a_wake) {
        char bytes[4096] = { 0 };
        CHECK_EQ(fcntl(scene->peer.ends[1], F_SETFL, 0), 0);
        CHECK_EQ(fcntl(scene->peer.wake, F_SETFL, 0), 0);
        while (send(scene->peer.ends[1], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
                ;
        while (send(scene->peer.ends[1], bytes, 1, MSG_DONTWAIT) > 0)
                ;
        atomic_store(&shm_state(&scene->peer)->asleep, RING_SLEEP | RING_SENDER); /* wake me when you took something */
        put_and_take(scene);
        scene->peer.ends[0] = close_fd(scene->peer.ends[0]); /* nor is one to the dead a signal */
        atomic_store(&shm_state(&scene->peer)->asleep, 2 * RING_SLEEP | RING_SENDER);
        put_and_take(scene);
}

/* What has no room: splice(2) waits for it with the lock of the pipe that it
 * takes from. */
static void fill(int fd) {
        char bytes[4096] = { 0 };
        while (write(fd, bytes, sizeof bytes) > 0)
                ;
        while (write(fd, bytes, 1) > 0)
                ;
        CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
}

struct holder {
        int held, other; /* what is written to the other one can be read at the first */
};

static void hold(void *argument) {
        const struct holder *self = argument;
        char path[40], bytes[100] = { 0 };
        int to[2], to_pipe[2];
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, to), 0);
        CHECK_EQ(pipe2(to_pipe, O_CLOEXEC | O_NONBLOCK), 0);
        fill(to[0]);
        fill(to_pipe[1]);
        snprintf(path, sizeof path, "/proc/self/fd/%d", self->held);
        int end = open(path, O_RDONLY | O_CLOEXEC); /* of a pipe: where it is read */
        (void)!write(self->other, bytes, sizeof bytes);
        if (splice(end < 0 ? self->held : end, NULL, to[0], NULL, sizeof bytes, 0) < 0)
                (void)!splice(self->held, NULL, to_pipe[1], NULL, sizeof bytes, 0);
        pause();
}

static pid_t hold_lock(int held, int other) {
        pid_t pid = harness_fork(hold, &(struct holder){ held, other });
        harness_wait_state(pid, "S");
        return pid;
}

static void let_go(pid_t pid) {
        CHECK_EQ(kill(pid, SIGKILL), 0);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
}

/* The victim wakes it up, sleeps, and is woken, as often as it takes until it
 * has read its own wakes. */
static void work(struct scene *scene) {
        struct ring_state *state = shm_state(&scene->peer);
        for (uint32_t i = 1; i < 100; i++) {
                struct sleeper sleeper = { .scene = scene };
                atomic_store(&state->asleep, i * RING_SLEEP | RING_SENDER);
                put_and_take(scene);
                fall_asleep(&sleeper);
                wake_up(&sleeper);
        }
}

/* Of a pipe there is one lock for both ends, and who waits for it cannot even
 * be killed. */
ATTEMPT(hold_the_lock_of_the_victims_wakes) {
        pid_t pid = hold_lock(scene->peer.wake, scene->peer.wake);
        work(scene);
        let_go(pid);
}

ATTEMPT(hold_the_lock_of_its_own_wakes) {
        pid_t pid = hold_lock(scene->peer.ends[0], scene->peer.ends[1]);
        work(scene);
        let_go(pid);
}

/* ---- the socket ---- */

ATTEMPT(set_options_of_its_sockets) {
        const int fds[] = { scene->peer.socket, scene->peer.wake, scene->peer.ends[0], scene->peer.ends[1] };
        const int names[] = { SO_PEEK_OFF, SO_RCVLOWAT, SO_SNDBUF, SO_RCVBUF, SO_PASSCRED };
        for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
                for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
                        (void)setsockopt(fds[i], SOL_SOCKET, names[k], &(int){ 1 }, sizeof(int));
        put_and_take(scene);
}

/* It is as if it had died: all that it published is there, and the others do
 * not notice. */
static void shut(struct scene *scene, int fd, int how) {
        put(scene);
        (void)shutdown(fd, how);
        CHECK_EQ(receive(scene, LEAT_NOW), 6);
        CHECK_EQ(receive(scene, LEAT_NOW), -EAGAIN);
        check_receives(scene);
        shm_peer_end(&scene->peer);
}

ATTEMPT(shut_the_socket_down) {
        shut(scene, scene->peer.socket, SHUT_RDWR);
}

ATTEMPT(shut_the_victims_wakes_down) {
        shut(scene, scene->peer.wake, SHUT_RDWR);
}

ATTEMPT(shut_its_own_wakes_down) {
        shut(scene, scene->peer.ends[0], SHUT_RDWR);
}

/* ---- another user ---- */

struct stranger {
        const struct scene *scene;
        pid_t victim;
};

static void become_another(void) {
        if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
                FAIL("cannot become another user: %d", errno);
}

static void as_another(struct scene *scene, void (*function)(void *stranger)) {
        struct stranger stranger = { scene, getpid() };
        if (geteuid() != 0)
                SKIP("only root can become another user");
        CHECK_EQ(harness_wait(harness_fork(function, &stranger)), 0);
}

static void write_to_its_memory(void *argument) {
        const struct stranger *self = argument;
        char path[40];
        struct iovec here = { "x", 1 }, there = { self->scene->before, 1 };
        become_another();
        CANNOT(process_vm_writev(self->victim, &here, 1, &there, 1, 0), EPERM);
        snprintf(path, sizeof path, "/proc/%d/mem", self->victim);
        CANNOT(open(path, O_RDWR | O_CLOEXEC), EACCES);
        snprintf(path, sizeof path, "/proc/%d/fd/%d", self->victim, self->scene->peer.theirs.fd);
        CANNOT(open(path, O_RDWR | O_CLOEXEC), EACCES);
}

ATTEMPT(write_to_the_memory_of_another_user) {
        as_another(scene, write_to_its_memory);
}

static void have_it_signalled(void *argument) {
        const struct stranger *self = argument;
        const int fds[] = { self->scene->peer.wake, self->scene->peer.ends[1], self->scene->peer.socket };
        become_another();
        CANNOT(kill(self->victim, SIGUSR1), EPERM);
        for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
                CHECK_EQ(fcntl(fds[i], F_SETOWN, self->victim), 0);
                CHECK_EQ(fcntl(fds[i], F_SETSIG, SIGUSR1), 0);
                CHECK_EQ(fcntl(fds[i], F_SETFL, O_ASYNC), 0);
        }
        CHECK_EQ(fcntl(self->scene->peer.theirs.fd, F_SETOWN, self->victim), 0);
}

/* SIGUSR1 would end this process. */
ATTEMPT(have_another_user_signalled) {
        as_another(scene, have_it_signalled);
        CHECK_EQ(send(scene->peer.ends[0], "x", 1, MSG_DONTWAIT), 1); /* ends[1] can be read */
        work(scene);
}

static void chmod_it(void *argument) {
        const struct stranger *self = argument;
        become_another();
        CANNOT(fchmod(self->scene->peer.theirs.fd, 0), EPERM);
        CANNOT(fcntl(self->scene->peer.theirs.fd, F_SETLEASE, F_WRLCK), EACCES);
}

ATTEMPT(change_the_file_of_another_user) {
        as_another(scene, chmod_it);
}

TEST_MAIN()
