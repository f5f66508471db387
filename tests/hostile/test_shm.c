/* SPDX-License-Identifier: MIT */

/* A party of shm: that breaks the rules: what it sends for its memory and its
 * wakes, and what it writes in them. */

#include "hostile.h"
#include "shm_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE SHM_PAGE
#define RING SHM_RING
#define SEALS SHM_SEALS
#define WORD SHM_WORD

struct scene {
        char path[80];
        struct leat_channel *victim, *honest;
        struct shm_peer peer;
};

static void open_scene(struct scene *scene) {
        char address[120];
        *scene = (struct scene){ .peer = SHM_PEER_NONE };
        snprintf(scene->path, sizeof scene->path, "%s/shm", harness_tmpdir());
        snprintf(address, sizeof address, "shm:%s", scene->path);
        CHECK_EQ(leat_open(address, LEAT_RECEIVE, LEAT_NOW, &scene->victim), 0);
        CHECK_EQ(leat_open(address, LEAT_SEND, LEAT_NOW, &scene->honest), 0);
}

static void say(const struct scene *scene, const int *fds, size_t count) {
        CHECK(shm_say(scene->peer.socket, SHM_HELLO, fds, count));
}

static ssize_t receive(const struct scene *scene) {
        static char buffer[RING];
        return leat_receive(scene->victim, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL);
}

static void check_unharmed(const struct scene *scene) {
        char buffer[16];
        CHECK_EQ(leat_send(scene->honest, 5, "unharmed", 8, LEAT_NOW), 0);
        CHECK_EQ(leat_receive(scene->victim, 5, buffer, sizeof buffer, LEAT_NOW, NULL), 8);
}

static void close_scene(struct scene *scene) {
        shm_peer_end(&scene->peer);
        leat_close(scene->honest);
        leat_close(scene->victim);
}

/* ---- what it sends at the beginning ---- */

static int memory_of(size_t size, unsigned seals, bool whole) {
        int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        CHECK(fd >= 0);
        CHECK_EQ(whole ? fallocate(fd, 0, 0, (off_t)size) : ftruncate(fd, (off_t)size), 0);
        /* But for what is wrong with it all is right. */
        CHECK(size == 0 || pwrite(fd, &shm_good_header, sizeof shm_good_header, 0) == sizeof shm_good_header);
        CHECK_EQ(fcntl(fd, F_ADD_SEALS, seals), 0);
        return fd;
}

static int file_at(const char *name, bool fifo) {
        char path[120];
        snprintf(path, sizeof path, "%s/%s", harness_tmpdir(), name);
        if (fifo)
                CHECK_EQ(mkfifo(path, 0600), 0);
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        CHECK(fifo || ftruncate(fd, 2 * PAGE + RING) == 0);
        return fd;
}

/* The victim tells of a breach, the peer is told too, and nobody else notices.
 */
static void expect_cut(struct scene *scene, const int *fds, size_t count) {
        uint8_t refusal[64];
        scene->peer.socket = connect_to(scene->path, SOCK_SEQPACKET);
        say(scene, fds, count);
        ssize_t r = receive(scene);
        if (r != -EBADMSG)
                FAIL("a greeting that is none gives %zd", r);
        CHECK_EQ(recv(scene->peer.socket, refusal, sizeof refusal, MSG_DONTWAIT), WIRE_HEADER_BYTES);
        CHECK_EQ(refusal[3], WIRE_REFUSE);
        CHECK_EQ(refusal[16], EBADMSG);
        scene->peer.socket = close_fd(scene->peer.socket);
        check_unharmed(scene);
}

static int is_fd(int fd) {
        CHECK(fd >= 0);
        return fd;
}

static int pair_of(int domain, int type) {
        int ends[2];
        CHECK_EQ(socketpair(domain, type | SOCK_CLOEXEC, 0, ends), 0);
        close(ends[1]);
        return ends[0];
}

static int pipe_of(bool out) {
        int ends[2];
        CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
        close(ends[!out]);
        return ends[out];
}

static void close_all(const int *fds, size_t count) {
        for (size_t i = 0; i < count; i++)
                close(fds[i]);
}

TEST(files_that_are_none) {
        struct scene scene;
        open_scene(&scene);
        shm_peer_make(&scene.peer, RING);
        check_unharmed(&scene);
        const size_t size = 2 * PAGE + RING;
        const int wake = scene.peer.ends[1];
        const int files[] = { memory_of(size, 0, true),
                              memory_of(size, SEALS & ~F_SEAL_FUTURE_WRITE, true),
                              memory_of(size, SEALS & ~F_SEAL_SHRINK, true),
                              memory_of(size, SEALS & ~F_SEAL_GROW, true),
                              memory_of(size, SEALS & ~F_SEAL_SEAL, true),
                              memory_of(size, SEALS, false), /* of holes */
                              memory_of(0, SEALS, false),
                              memory_of(2 * PAGE, SEALS, true),
                              memory_of(size + PAGE, SEALS, true),
                              memory_of(size + 1, SEALS, true),
                              file_at("regular", false),
                              file_at("fifo", true),
                              is_fd(dup(wake)) };
        const size_t count = sizeof files / sizeof files[0];
        for (size_t i = 0; i < count; i++)
                expect_cut(&scene, (int[]){ files[i], wake }, 2);
        expect_cut(&scene, (int[]){ scene.peer.mine.fd }, 1);
        expect_cut(&scene, (int[]){ scene.peer.mine.fd, wake, wake, wake }, 4);
        int right = memory_of(size, SEALS, true); /* the control */
        scene.peer.socket = connect_to(scene.path, SOCK_SEQPACKET);
        say(&scene, (int[]){ right, wake }, 2);
        CHECK_EQ(receive(&scene), -EAGAIN);
        close(right);
        close_all(files, count);
        close_scene(&scene);
}

/* Blocks behind the end of a file are its blocks, too. */
static int memory_with_holes(size_t size, size_t whole) {
        const size_t behind = (size + 2 * PAGE + PAGE - 1) & ~(size_t)(PAGE - 1);
        struct shm_header header = shm_good_header;
        header.ring_bytes = size - 2 * PAGE;
        int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        CHECK(fd >= 0);
        CHECK_EQ(fallocate(fd, 0, 0, (off_t)whole), 0);
        CHECK_EQ(pwrite(fd, &header, sizeof header, 0), sizeof header);
        CHECK_EQ(ftruncate(fd, (off_t)size), 0);
        CHECK_EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)behind, (off_t)(size - whole)), 0);
        uint8_t *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        CHECK(bytes != MAP_FAILED);
        if (whole > 2 * PAGE + 16) /* records of 48 KiB */
                for (size_t at = 2 * PAGE; at < size; at += 49152) {
                        const uint64_t word[2] = { WORD(49152 - 16, 1, 0), 1 };
                        if (at < whole)
                                memcpy(bytes + at, word, sizeof word);
                }
        CHECK_EQ(munmap(bytes, size), 0);
        CHECK_EQ(fcntl(fd, F_ADD_SEALS, SEALS), 0);
        return fd;
}

/* A large one is looked at while it is used. */
TEST(holes_in_a_large_ring) {
        static char buffer[49152];
        struct scene scene;
        struct stat status;
        open_scene(&scene);
        check_unharmed(&scene);
        const size_t size = 2 * PAGE + (16 << 20), whole = 2 * PAGE + (1 << 20);
        int fd = memory_with_holes(size, whole), ends[2], records = 0;
        ssize_t r;
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        scene.peer.socket = connect_to(scene.path, SOCK_SEQPACKET);
        say(&scene, (int[]){ fd, ends[1] }, 2);
        while ((r = leat_receive(scene.victim, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL)) > 0)
                records++;
        CHECK_EQ(r, -EBADMSG);
        CHECK(records >= 16 && records <= 22);
        CHECK_EQ(fstat(fd, &status), 0);
        CHECK(status.st_blocks * 512 < (int64_t)(size + (1 << 20))); /* of 15 MiB of holes less than one was filled */
        check_unharmed(&scene);
        close(fd);
        close_all(ends, 2);
        close_scene(&scene);
}

/* The control: an honest large one, whose messages pass its end. */
TEST(a_large_ring) {
        static uint8_t bytes[60000], buffer[60000];
        struct leat_channel *sender;
        struct scene scene;
        char address[120];
        open_scene(&scene);
        snprintf(address, sizeof address, "shm:%s?ring=2M", scene.path);
        CHECK_EQ(leat_open(address, LEAT_SEND, LEAT_NOW, &sender), 0);
        for (int i = 0; i < 120; i++) {
                memset(bytes, i, sizeof bytes);
                CHECK_EQ(leat_send(sender, 1, bytes, sizeof bytes - (size_t)i, LEAT_NOW), 0);
                CHECK_EQ(leat_receive(scene.victim, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), sizeof bytes - i);
                CHECK_MEM(buffer, bytes, sizeof bytes - (size_t)i);
        }
        leat_close(sender);
        close_scene(&scene);
}

/* What a write to might wait for, and what leads to somebody else. */
TEST(wakes_that_are_none) {
        struct scene scene;
        char path[120];
        open_scene(&scene);
        shm_peer_make(&scene.peer, RING);
        check_unharmed(&scene);
        snprintf(path, sizeof path, "%s/another", harness_tmpdir());
        int listener = listen_at(path, SOCK_STREAM);
        const int wakes[] = { is_fd(dup(scene.peer.mine.fd)),
                              pipe_of(true),
                              pipe_of(false),
                              file_at("regular", false),
                              file_at("fifo", true),
                              pair_of(AF_UNIX, SOCK_DGRAM),
                              pair_of(AF_UNIX, SOCK_SEQPACKET),
                              is_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
                              is_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
                              is_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
                              listener,
                              connect_to(path, SOCK_STREAM) };
        const size_t count = sizeof wakes / sizeof wakes[0];
        for (size_t i = 0; i < count; i++)
                expect_cut(&scene, (int[]){ scene.peer.mine.fd, wakes[i] }, 2);
        close_all(wakes, count);
        close_scene(&scene);
}

TEST(headers_that_are_none) {
        static const struct {
                size_t offset;
                uint32_t value;
                int error;
        } lies[] = { { 0, 1, -EBADMSG },
                     { 8, 2, -EPROTONOSUPPORT },
                     { 12, 4, -EPROTONOSUPPORT },
                     { 16, RING / 2, -EBADMSG },
                     { 20, 1, -EBADMSG },
                     { 24, 8, -EBADMSG },
                     { 36, 65536, -EPROTONOSUPPORT } };
        struct scene scene;
        open_scene(&scene);
        for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
                shm_peer_make(&scene.peer, RING);
                memcpy((uint8_t *)scene.peer.mine.bytes + lies[i].offset, &lies[i].value, 4);
                scene.peer.socket = connect_to(scene.path, SOCK_SEQPACKET);
                say(&scene, (int[]){ scene.peer.mine.fd, scene.peer.ends[1] }, 2);
                CHECK_EQ(receive(&scene), lies[i].error);
                check_unharmed(&scene);
                shm_peer_end(&scene.peer);
        }
        close_scene(&scene);
}

/* ---- what it writes ---- */

/* It is through with the greetings. */
static void join(struct scene *scene) {
        shm_peer_make(&scene->peer, RING);
        scene->peer.socket = connect_to(scene->path, SOCK_SEQPACKET);
        say(scene, (int[]){ scene->peer.mine.fd, scene->peer.ends[1] }, 2);
        CHECK_EQ(receive(scene), -EAGAIN);
        CHECK(shm_hear(&scene->peer));
}

static void put(const struct scene *scene, uint64_t word, uint64_t second, const void *bytes, size_t size) {
        shm_put(&scene->peer, 0, word, second, bytes, size);
}

TEST(records_that_are_none) {
        uint8_t frame[64] = "Lt\1\1";
        const uint64_t words[] = { WORD(RING, 1, 0),
                                   WORD(RING - 16, 1, 0),
                                   WORD(RING - 31, 1, 0),
                                   WORD(UINT32_MAX - 1, 1, 0),
                                   UINT64_C(1) << 32,
                                   WORD(8, 0, 0),
                                   WORD(8, 5, 0),
                                   WORD(8, 3, 1) /* a request has no priority */,
                                   WORD(4097, 3, 0) /* nor is it as large */,
                                   WORD(4097, 4, 0),
                                   WORD(8, 256 + 1, 0),
                                   WORD(8, 1, 0x8000),
                                   WORD(8, 2, 0) /* no frame */,
                                   WORD(48, 2, 1),
                                   WORD(47, 2, 0),
                                   WORD(49, 2, 0) /* it says less */,
                                   UINT64_MAX,
                                   UINT64_C(1) << 63 };
        struct scene scene;
        open_scene(&scene);
        check_unharmed(&scene);
        frame[16] = 1; /* type */
        frame[24] = 1; /* sequence */
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
                join(&scene);
                bool packet = (words[i] >> 32 & 0xff) == 2;
                put(&scene, words[i], packet ? 0 : 1, frame, sizeof frame);
                ssize_t r = receive(&scene);
                if (r != -EBADMSG)
                        FAIL("record %zu (%llx) gives %zd", i, (unsigned long long)words[i], r);
                check_unharmed(&scene);
                shm_peer_end(&scene.peer);
        }
        join(&scene);
        put(&scene, WORD(8, 1, 0), 0, frame, 8); /* type 0 */
        CHECK_EQ(receive(&scene), -EBADMSG);
        shm_peer_end(&scene.peer);
        join(&scene);
        frame[13] = 0, frame[12] = 2; /* descriptors that did not come */
        put(&scene, WORD(48, 2, 0), 0, frame, 48);
        CHECK_EQ(receive(&scene), -EBADMSG);
        check_unharmed(&scene);
        close_scene(&scene);
}

/* The control of the tests above. */
TEST(a_record_that_is_one) {
        struct scene scene;
        open_scene(&scene);
        join(&scene);
        put(&scene, WORD(8, 1, 3), 7, "12345678", 8);
        char buffer[8];
        struct leat_message about = LEAT_MESSAGE_INIT;
        CHECK_EQ(leat_receive(scene.victim, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, &about), 8);
        CHECK_EQ(about.type, 7);
        CHECK_EQ(about.priority, 3);
        CHECK_EQ(about.sequence, 1);
        CHECK_MEM(buffer, "12345678", 8);
        check_unharmed(&scene);
        close_scene(&scene);
}

/* A plain message has the number after the last one, and there is none after the greatest: neither way takes it. */
TEST(a_number_that_is_the_last) {
        uint8_t frame[48] = "Lt\1\1";
        struct scene scene;
        open_scene(&scene);
        join(&scene);
        frame[16] = 1;               /* type */
        memset(frame + 24, 0xff, 8); /* sequence */
        put(&scene, WORD(sizeof frame, 2, 0), 0, frame, sizeof frame);
        CHECK_EQ(receive(&scene), 0);
        shm_put(&scene.peer, 64, WORD(8, 1, 0), 1, "12345678", 8);
        CHECK_EQ(receive(&scene), -EBADMSG);
        check_unharmed(&scene);
        close_scene(&scene);
}

struct flood {
        const struct shm_peer *peer;
        uint64_t *count; /* shared */
};

/* Out of each sleep, as an honest one would; only that there is never a
 * message. */
static void flood(void *argument) {
        const struct flood *self = argument;
        const struct ring_state *victim = (void *)((uint8_t *)self->peer->theirs.bytes + PAGE);
        uint32_t last = 0;
        while (true) {
                uint32_t asleep = atomic_load(&victim->asleep);
                if ((asleep & RING_RECEIVER) && asleep != last) {
                        if (send(self->peer->wake, "x", 1, MSG_NOSIGNAL) != 1)
                                return;
                        ++*self->count;
                        last = asleep;
                } else
                        sched_yield();
        }
}

/* A flood of wakes without a message is a breach; it ends a receive that
 * sleeps, and it takes many of them. */
TEST(wakes_for_nothing) {
        char buffer[16];
        struct scene scene;
        open_scene(&scene);
        join(&scene);
        CHECK_EQ(memfile_share(&scene.peer.theirs), 0);
        struct flood self = { &scene.peer, harness_shared(sizeof(uint64_t)) };
        pid_t pid = harness_fork(flood, &self);
        CHECK_EQ(leat_receive(scene.victim, LEAT_ANY, buffer, sizeof buffer, harness_deadline_ms(40000), NULL),
                 -EBADMSG);
        CHECK(*self.count >= 900);
        CHECK_EQ(kill(pid, SIGKILL), 0); /* it waits for one that will not sleep again, or saw its end */
        (void)harness_wait(pid);
        check_unharmed(&scene);
        close_scene(&scene);
}

/* All at once: there is an end of the room for them, and that is all. */
TEST(wakes_without_end) {
        struct scene scene;
        open_scene(&scene);
        join(&scene);
        for (int i = 0; i < 100; i++) {
                while (send(scene.peer.wake, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
                        ;
                CHECK_EQ(errno, EAGAIN);
                CHECK_EQ(receive(&scene), -EAGAIN);
                check_unharmed(&scene);
        }
        put(&scene, WORD(8, 1, 0), 1, "12345678", 8);
        CHECK_EQ(receive(&scene), 8);
        close_scene(&scene);
}

/* ---- what it says of what it read ---- */

static void send_to_a_liar(bool exactly, uint64_t lie) {
        char address[120];
        struct scene scene = { .peer = SHM_PEER_NONE };
        snprintf(scene.path, sizeof scene.path, "%s/liar", harness_tmpdir());
        snprintf(address, sizeof address, "shm:%s?pattern=pair&listen", scene.path);
        CHECK_EQ(leat_open(address, LEAT_SEND | LEAT_RECEIVE, LEAT_NOW, &scene.victim), 0);
        join(&scene);
        struct ring_state *state = (void *)((uint8_t *)scene.peer.mine.bytes + PAGE);
        atomic_store(exactly ? &state->read : &state->taken, lie);
        static char bytes[60000];
        int r = 0;
        for (int i = 0; i < 10 && r == 0; i++)
                r = leat_send(scene.victim, 1, bytes, sizeof bytes, LEAT_NOW);
        CHECK_EQ(r, -EBADMSG);
        CHECK_EQ(leat_send(scene.victim, 1, "x", 1, LEAT_NOW), -EPIPE);
        shm_peer_end(&scene.peer);
        leat_close(scene.victim);
}

TEST(lies_about_what_was_read) {
        static const uint64_t lies[] = { 8, UINT64_MAX - 15, UINT64_C(1) << 63, UINT64_C(1) << 40 };
        for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
                send_to_a_liar(false, lies[i]);
                send_to_a_liar(true, lies[i]);
        }
}

TEST_MAIN()
