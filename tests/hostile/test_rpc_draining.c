/* SPDX-License-Identifier: MIT */

/*
 * A server that drains, and its clients byte by byte: those that greeted are told, and answered until they end; the others see that it has ended. Whoever does not end
 * keeps it for a second.
 */

#include "rpc/server.h"
#include "rpc_victim.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define DRAINING 5 /* an outcome */
#define DRAIN 6    /* a procedure */
#define GREETING_XID 0xabcdef01u

struct scene {
        struct leat_rpc_server *server;
        struct leat_xdr_buffer message;
        uint8_t reply[200];
};

static struct scene *begin(const struct leat_rpc_server_options *options) {
        static struct scene scene;
        victim_meet();
        scene = (struct scene){ .server = victim_make(options) };
        CHECK(scene.server);
        return &scene;
}

static void end(struct scene *scene) {
        CHECK(!leat_rpc_server_free(scene->server));
        leat_xdr_buffer_free(&scene->message);
}

static ssize_t read_next(struct scene *scene, int fd) {
        victim_step_until(scene->server, fd);
        return read_record(fd, scene->reply, sizeof(scene->reply));
}

static uint64_t greet(struct scene *scene, int fd, uint8_t client) {
        put_greeting(&scene->message, GREETING_XID, client);
        send_record(fd, &scene->message);
        CHECK_EQ(read_next(scene, fd), 60);
        CHECK_EQ(word_at(scene->reply, 0), GREETING_XID);
        return leat_xdr_get_64(scene->reply + 24);
}

/* The whole of it: docs/wire.md. */
static void check_notice(struct scene *scene, int fd) {
        const uint32_t words[10] = { GREETING_XID, 0, 2, COMPANION, 1, DRAIN };
        CHECK_EQ(read_next(scene, fd), sizeof(words));
        for (size_t i = 0; i < 10; i++)
                CHECK_EQ(word_at(scene->reply, i), words[i]);
}

static void check_end(struct scene *scene, int fd) {
        CHECK_EQ(read_next(scene, fd), -1);
}

static void ask_numbered(struct scene *scene, int fd, uint32_t xid, uint64_t session, uint64_t sequence) {
        put_numbered(&scene->message, xid, session, sequence, sequence - 1, VICTIM_COUNT);
        put_word(&scene->message, 1);
        send_record(fd, &scene->message);
}

static void ask_plain(struct scene *scene, int fd, uint32_t xid, uint32_t procedure) {
        put_call(&scene->message, xid, procedure);
        put_word(&scene->message, 1);
        send_record(fd, &scene->message);
}

static void check_outcome(struct scene *scene, int fd, uint32_t xid, uint32_t outcome) {
        CHECK_EQ(read_next(scene, fd), 28);
        CHECK_EQ(word_at(scene->reply, 0), xid);
        CHECK_EQ(word_at(scene->reply, 6), outcome);
}

static void drain(struct scene *scene) {
        CHECK_EQ(leat_rpc_server_drain(scene->server), 0);
}

/* With all the time that a slow machine may need, instead of the second that it gives. */
static void drain_patiently(struct scene *scene) {
        drain(scene);
        CHECK(leat_rpc_server_step(scene->server, LEAT_NOW) != -ENODATA);
        scene->server->drain_until = harness_deadline_ms(50000);
}

static void check_ends(struct scene *scene) {
        CHECK_EQ(leat_rpc_server_run(scene->server, harness_deadline_ms(50000)), -ENODATA);
        end(scene);
}

/* Numbered calls that come too late are told so, plain ones run; when the client ends, so does the server. */
TEST(who_greeted_is_told_and_answered_until_he_ends) {
        struct scene *scene = begin(NULL);
        int fd = victim_adopt(scene->server), again = victim_adopt(scene->server);
        uint64_t session = greet(scene, fd, 1);
        CHECK(greet(scene, again, 2) != session);
        ask_numbered(scene, fd, 7, session, 1);
        CHECK_EQ(read_next(scene, fd), 36);
        drain_patiently(scene);
        check_notice(scene, fd);
        check_notice(scene, again);             /* once each */
        ask_numbered(scene, fd, 7, session, 1); /* this one ran */
        CHECK_EQ(read_next(scene, fd), 36);
        CHECK_EQ(word_at(scene->reply, 8), 1);
        for (uint32_t i = 0; i < 3; i++) {
                ask_numbered(scene, fd, 8 + i, session, 2 + i);
                check_outcome(scene, fd, 8 + i, DRAINING);
        }
        ask_plain(scene, fd, 11, VICTIM_COUNT_AGAIN); /* it could not be told */
        CHECK_EQ(read_next(scene, fd), 28);
        CHECK_EQ(word_at(scene->reply, 6), 2);
        CHECK_EQ(victim_told->ran[VICTIM_COUNT], 1);
        CHECK_EQ(shutdown(fd, SHUT_WR), 0);
        check_end(scene, fd);
        close(again);
        check_ends(scene);
        close(fd);
}

/* A call that runs is waited for, and others of its client are answered meanwhile. */
TEST(a_call_that_runs_is_answered_after_the_notice) {
        struct scene *scene = begin(NULL);
        int fd = victim_adopt(scene->server);
        uint64_t session = greet(scene, fd, 1);
        ask_plain(scene, fd, 7, VICTIM_HOLD);
        victim_step_all(scene->server);
        CHECK_EQ(victim_holds(), 1);
        drain_patiently(scene);
        check_notice(scene, fd);
        ask_numbered(scene, fd, 8, session, 1);
        check_outcome(scene, fd, 8, DRAINING);
        victim_answer_one();
        CHECK_EQ(read_next(scene, fd), 28);
        CHECK_EQ(word_at(scene->reply, 0), 7);
        close(fd);
        check_ends(scene);
}

/* Who greets it while it drains is answered before he is told. */
TEST(who_greets_while_it_drains_is_told) {
        struct scene *scene = begin(NULL);
        int fd = victim_adopt(scene->server);
        ask_plain(scene, fd, 7, VICTIM_HOLD); /* else it would be ended at once */
        victim_step_all(scene->server);
        drain_patiently(scene);
        victim_step_all(scene->server);
        CHECK(!harness_is_readable(fd));
        (void)greet(scene, fd, 1);
        check_notice(scene, fd);
        victim_answer_one();
        CHECK_EQ(read_next(scene, fd), 28);
        close(fd);
        check_ends(scene);
}

/* Another implementation's client sees its end at once. */
TEST(who_did_not_greet_is_ended) {
        struct scene *scene = begin(NULL);
        int fd = victim_adopt(scene->server);
        ask_plain(scene, fd, 7, VICTIM_COUNT);
        CHECK_EQ(read_next(scene, fd), 28);
        drain(scene);
        check_end(scene, fd);
        close(fd);
        check_ends(scene);
}

/* Nobody keeps it from ending: who greeted and does nothing, who goes on calling, who sends half a record, who never reads. */
TEST(who_greeted_and_does_not_end_is_left) {
        enum { PEERS = 4 };
        struct scene *scene = begin(NULL);
        int fds[PEERS];
        for (int i = 0; i < PEERS; i++) {
                fds[i] = victim_adopt(scene->server);
                (void)greet(scene, fds[i], (uint8_t)i);
        }
        drain(scene);
        for (uint32_t i = 0; i < 8; i++) {
                put_call(&scene->message, i, VICTIM_BIG);
                put_word(&scene->message, 1 << 20);
                send_record(fds[3], &scene->message);
        }
        CHECK_EQ(send_bytes(fds[2], "\x80\0\0\x40half", 8), 8);
        check_notice(scene, fds[1]);
        int r = 0;
        for (uint32_t i = 0; r != -ENODATA; i++) {
                put_call(&scene->message, i, VICTIM_COUNT);
                put_word(&scene->message, 1);
                (void)try_send_record(fds[1], &scene->message);
                scene->message.size_bytes = 0;
                (void)recv(fds[1], scene->reply, sizeof(scene->reply), MSG_DONTWAIT);
                r = leat_rpc_server_step(scene->server, leat_in_ms(1));
        }
        end(scene);
        for (int i = 0; i < PEERS; i++)
                close(fds[i]);
}

/* Also a call for which there is no room is told that it does not run. */
TEST(who_waits_for_room_is_told) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.peer_calls_max = 1;
        struct scene *scene = begin(&options);
        int fd = victim_adopt(scene->server);
        uint64_t session = greet(scene, fd, 1);
        ask_plain(scene, fd, 7, VICTIM_HOLD);
        for (uint32_t i = 0; i < 3; i++)
                ask_numbered(scene, fd, 8 + i, session, 1 + i);
        victim_step_all(scene->server);
        CHECK(!harness_is_readable(fd));
        drain_patiently(scene);
        check_notice(scene, fd);
        for (uint32_t i = 0; i < 3; i++)
                check_outcome(scene, fd, 8 + i, DRAINING);
        victim_answer_one();
        CHECK_EQ(read_next(scene, fd), 28);
        close(fd);
        check_ends(scene);
}

TEST_MAIN()
