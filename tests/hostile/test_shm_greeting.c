/* SPDX-License-Identifier: MIT */

/* The greetings of shm: where something is wrong with them, or missing here: descriptors, the right to make a file. */

#include "hostile.h"
#include "shm_peer.h"
#include "torture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct scene {
        char path[80], address[120];
        struct leat_channel *victim, *honest;
        struct shm_peer peer;
};

static ssize_t receive(const struct scene *scene) {
        static char buffer[256];
        return leat_receive(scene->victim, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL);
}

static void check_unharmed(const struct scene *scene) {
        CHECK_EQ(leat_send(scene->honest, 5, "unharmed", 8, LEAT_NOW), 0);
        CHECK_EQ(receive(scene), 8);
}

static void open_ends(struct scene *scene) {
        *scene = (struct scene){ .peer = SHM_PEER_NONE };
        snprintf(scene->path, sizeof scene->path, "%s/shm", harness_tmpdir());
        snprintf(scene->address, sizeof scene->address, "shm:%s", scene->path);
        CHECK_EQ(leat_open(scene->address, LEAT_RECEIVE, LEAT_NOW, &scene->victim), 0);
        CHECK_EQ(leat_open(scene->address, LEAT_SEND, LEAT_NOW, &scene->honest), 0);
}

/* The honest one is through with its greetings: one that has just connected finds the answer with its second message. */
static void open_scene(struct scene *scene) {
        open_ends(scene);
        check_unharmed(scene);
        check_unharmed(scene);
}

static void close_scene(struct scene *scene) {
        shm_peer_end(&scene->peer);
        leat_close(scene->honest);
        leat_close(scene->victim);
}

static bool was_refused(const struct scene *scene, uint8_t error) {
        uint8_t refusal[64];
        return recv(scene->peer.socket, refusal, sizeof refusal, MSG_DONTWAIT) == WIRE_HEADER_BYTES &&
               refusal[3] == WIRE_REFUSE && refusal[16] == error;
}

/* ---- descriptors that nobody asked for ---- */

/* A packet without bytes looks like the end, but for what hangs on it. */
TEST(descriptors_on_an_empty_packet) {
        struct scene scene;
        int fds[5];
        open_scene(&scene);
        for (int i = 0; i < 5; i++)
                fds[i] = dup(0);
        int before = harness_count_descriptors();
        for (size_t count = 1; count <= 5; count++) {
                scene.peer.socket = connect_to(scene.path, SOCK_SEQPACKET);
                send_with_descriptors(scene.peer.socket, "", 0, fds, count);
                CHECK_EQ(receive(&scene), -EBADMSG);
                CHECK(was_refused(&scene, EBADMSG));
                scene.peer.socket = close_fd(scene.peer.socket);
                check_unharmed(&scene);
                CHECK_EQ(harness_count_descriptors(), before);
        }
        scene.peer.socket = connect_to(scene.path, SOCK_SEQPACKET);
        CHECK_EQ(send(scene.peer.socket, "", 0, 0), 0); /* without them it is the end of one that said nothing */
        CHECK_EQ(receive(&scene), -EAGAIN);
        check_unharmed(&scene);
        for (int i = 0; i < 5; i++)
                close(fds[i]);
        close_scene(&scene);
}

/* ---- no descriptor is left ---- */

static void check_no_listener(int fd, int command) {
        int listens = 0;
        socklen_t size = sizeof listens;
        if (command == F_DUPFD_CLOEXEC && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0)
                CHECK(!listens);
}

/* What is looked at before a connection is taken must not double the listener: a child that another thread forks meanwhile would have it, and its
 * name would outlive us. */
TEST(the_look_for_places) {
        struct scene scene;
        torture_sees_fcntl = check_no_listener;
        open_scene(&scene);
        torture_sees_fcntl = NULL;
        close_scene(&scene);
}

/* From here on there is none; returns what there may be. */
static struct rlimit take_all(void) {
        struct rlimit limit;
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, limit.rlim_max }), 0);
        return limit;
}

static void give_back(const struct rlimit *limit) {
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, limit), 0);
}

/* It was accepted before it says HELLO, and then there is no place for what comes with that. It is told once. */
TEST(hello_finds_no_place) {
        struct scene scene;
        struct leat_reason why;
        open_scene(&scene);
        scene.peer.socket = connect_to(scene.path, SOCK_SEQPACKET);
        CHECK_EQ(receive(&scene), -EAGAIN);
        shm_peer_make(&scene.peer, SHM_RING);
        struct rlimit limit = take_all();
        CHECK(shm_say(scene.peer.socket, SHM_HELLO, (int[]){ scene.peer.mine.fd, scene.peer.ends[1] }, 2));
        CHECK_EQ(receive(&scene), -EMFILE);
        CHECK_EQ(leat_why(scene.victim, &why), 0);
        CHECK_STR(why.limit, "RLIMIT_NOFILE");
        CHECK(was_refused(&scene, ENOBUFS));
        check_unharmed(&scene);
        give_back(&limit);
        CHECK_EQ(receive(&scene), -EAGAIN);
        check_unharmed(&scene);
        close_scene(&scene);
}

/* A listener of the test's own: its answers come when the test wants them. */
static void meet(struct scene *scene, int *ret_listener) {
        *scene = (struct scene){ .peer = SHM_PEER_NONE };
        snprintf(scene->path, sizeof scene->path, "%s/shm", harness_tmpdir());
        snprintf(scene->address, sizeof scene->address, "shm:%s", scene->path);
        *ret_listener = listen_at(scene->path, SOCK_SEQPACKET);
        CHECK_EQ(leat_open(scene->address, LEAT_SEND, LEAT_NOW, &scene->victim), 0);
        scene->peer.socket = accept4(*ret_listener, NULL, NULL, SOCK_CLOEXEC);
        CHECK(scene->peer.socket >= 0);
        CHECK(shm_hear(&scene->peer));
        shm_peer_make(&scene->peer, SHM_RING);
}

static void say_welcome(const struct scene *scene) {
        CHECK(shm_say(scene->peer.socket, SHM_WELCOME, (int[]){ scene->peer.mine.fd, scene->peer.ends[1] }, 2));
}

static uint64_t heard_bytes(const struct scene *scene) {
        uint32_t word = 0;
        memcpy(&word, memfile_twice(&scene->peer.theirs), sizeof word);
        return word;
}

/* What comes with WELCOME has its place from the open on. */
TEST(welcome_has_its_place) {
        struct scene scene;
        int listener, fds[1024], count = 0;
        meet(&scene, &listener);
        struct rlimit limit, few = { 256, 0 };
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
        few.rlim_max = limit.rlim_max;
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
        while (count < 1024 && (fds[count] = dup(0)) >= 0)
                count++;
        say_welcome(&scene);
        CHECK_EQ(leat_send(scene.victim, 1, "first", 5, LEAT_NOW), 0);
        CHECK_EQ(leat_send(scene.victim, 1, "second", 6, LEAT_NOW), 0);
        CHECK_EQ(heard_bytes(&scene), 5 + 1);
        while (count > 0)
                close(fds[--count]);
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
        CHECK_EQ(leat_send(scene.victim, 1, "third", 5, LEAT_NOW), 0);
        shm_peer_end(&scene.peer);
        close(listener);
        leat_close(scene.victim);
}

/* And where another thread took that, it waits in the socket; nothing is sent that nobody could be woken for. */
TEST(welcome_waits_for_a_place) {
        struct scene scene;
        int listener;
        meet(&scene, &listener);
        int before = harness_count_descriptors();
        say_welcome(&scene);
        struct rlimit limit = take_all();
        for (int i = 0; i < 3; i++)
                CHECK_EQ(leat_send(scene.victim, 1, "no", 2, LEAT_NOW), -EMFILE);
        CHECK_EQ(heard_bytes(&scene), 0);
        give_back(&limit);
        CHECK_EQ(leat_send(scene.victim, 1, "first", 5, LEAT_NOW), 0);
        CHECK(heard_bytes(&scene) > 0);
        /* The two that kept the places went; of the two that came one stays, to wake by. */
        CHECK_EQ(harness_count_descriptors(), before - 1);
        shm_peer_end(&scene.peer);
        close(listener);
        leat_close(scene.victim);
}

/* ---- no file may be made that large ---- */

static struct rlimit limit_files(rlim_t bytes) {
        struct rlimit limit;
        CHECK_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ bytes, limit.rlim_max }), 0);
        return limit;
}

static void check_open_refused(const char *address, unsigned flags, int64_t limit) {
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        struct leat_channel *channel;
        struct leat_reason reason = { 0 };
        options.flags = flags;
        options.deadline = LEAT_NOW;
        CHECK_EQ(leat_open_with(address, &options, &reason, &channel), -EFBIG);
        CHECK_STR(reason.limit, "RLIMIT_FSIZE");
        CHECK_EQ(reason.limit_value, limit);
}

/* The kernel would end the process with SIGXFSZ. */
TEST(the_limit_of_a_files_size) {
        struct scene scene;
        char another[140];
        open_scene(&scene);
        snprintf(another, sizeof another, "%s-another", scene.address);
        struct rlimit limit = limit_files(16384);
        check_open_refused(scene.address, LEAT_SEND, 16384);
        check_open_refused(another, LEAT_RECEIVE, 16384);
        check_unharmed(&scene);
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
        close_scene(&scene);
}

TEST(the_limit_of_a_files_size_when_somebody_comes) {
        struct scene scene;
        struct leat_reason why;
        open_scene(&scene);
        shm_peer_make(&scene.peer, SHM_RING);
        scene.peer.socket = connect_to(scene.path, SOCK_SEQPACKET);
        CHECK(shm_say(scene.peer.socket, SHM_HELLO, (int[]){ scene.peer.mine.fd, scene.peer.ends[1] }, 2));
        struct rlimit limit = limit_files(16384);
        CHECK_EQ(receive(&scene), -EFBIG);
        CHECK_EQ(leat_why(scene.victim, &why), 0);
        CHECK_STR(why.limit, "RLIMIT_FSIZE");
        CHECK_EQ(why.limit_value, 16384);
        CHECK(was_refused(&scene, ENOBUFS));
        check_unharmed(&scene);
        CHECK_EQ(receive(&scene), -EAGAIN);
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
        close_scene(&scene);
}

/* ---- what is told of the rings ---- */

TEST(the_capacity_is_that_of_the_senders) {
        struct scene scene;
        struct leat_info info = LEAT_INFO_INIT;
        struct leat_channel *smaller;
        char address[140];
        open_ends(&scene);
        CHECK_EQ(leat_channel_info(scene.victim, &info), 0);
        CHECK_EQ(info.capacity_bytes, LEAT_UNKNOWN); /* it has looked at nobody yet */
        check_unharmed(&scene);
        CHECK_EQ(leat_channel_info(scene.victim, &info), 0);
        CHECK_EQ(info.capacity_bytes, LINK_RING_DEFAULT);
        CHECK_EQ(leat_channel_info(scene.honest, &info), 0);
        CHECK_EQ(info.capacity_bytes, LINK_RING_DEFAULT);
        snprintf(address, sizeof address, "%s?ring=128k", scene.address);
        CHECK_EQ(leat_open(address, LEAT_SEND, LEAT_NOW, &smaller), 0);
        CHECK_EQ(receive(&scene), -EAGAIN);
        CHECK_EQ(leat_channel_info(scene.victim, &info), 0);
        CHECK_EQ(info.capacity_bytes, UINT64_C(128) << 10);
        leat_close(smaller);
        close_scene(&scene);
}

TEST_MAIN()
