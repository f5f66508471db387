/* SPDX-License-Identifier: MIT */

/*
 * The calls that two ends of Leat make of each other, and streams of records, as they were recorded (make_rpc_v1.py made them from docs/wire.md and RFC 5531, not this
 * library). A server in this process answers as recorded; and whatever is broken of a recorded message, it goes on.
 */

#include "harness.h"
#include "recorded.h"

#include "rpc/companion.h"
#include "wire.h"
#include <errno.h>
#include <leat/rpc.h>
#include <leat/xdr_code.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SESSION UINT64_C(0x1122334455667788) /* stands where the server's own is to be */
#define CONTEXT_AT 40                        /* in a call: behind its header */
#define RESULT_AT 24                         /* in a reply */

/* ---- the server ---- */

static int null(struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        return 0;
}

static int echo(const struct wire_every *argument, struct wire_every *ret_result, struct leat_rpc_request *request,
                void *userdata) {
        (void)request, (void)userdata;
        *ret_result = *argument;
        return 0;
}

static int add(int32_t a, int32_t b, int32_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        (void)request;
        ++*(unsigned *)userdata;
        return __builtin_add_overflow(a, b, ret_result) ? -ERANGE : 0;
}

struct scene {
        struct leat_rpc_server *server;
        int fd;
        unsigned added; /* how often ADD ran */
        uint64_t session;
};

static void connect_scene(struct scene *scene) {
        int fds[2];
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        CHECK_EQ(leat_rpc_server_adopt(scene->server, fds[1]), 0);
        scene->fd = fds[0];
}

static struct scene *begin(void) {
        static const struct wire_2_functions functions = { null, echo, add };
        static struct scene scene;
        scene = (struct scene){ 0 };
        CHECK_EQ(leat_rpc_server_create(NULL, &scene.server), 0);
        CHECK_EQ(leat_rpc_server_add(scene.server, wire_2_server(&functions, &scene.added)), 0);
        connect_scene(&scene);
        return &scene;
}

static void step_all(const struct scene *scene) {
        while (leat_rpc_server_step(scene->server, LEAT_NOW) >= 0)
                ;
}

static void end(struct scene *scene) {
        close(scene->fd);
        step_all(scene);
        CHECK(!leat_rpc_server_free(scene->server));
}

static void send_all(const struct scene *scene, const void *bytes, size_t size) {
        CHECK_EQ(send(scene->fd, bytes, size, MSG_NOSIGNAL), size);
}

static void send_record(const struct scene *scene, const void *bytes, size_t size) {
        uint8_t mark[4];
        leat_xdr_put_32(mark, (uint32_t)size | UINT32_C(0x80000000));
        send_all(scene, mark, sizeof(mark));
        send_all(scene, bytes, size);
        step_all(scene);
}

/* The next record; -EAGAIN: there is none. All that is answered has been, when the server has nothing to do. */
static ssize_t read_record(const struct scene *scene, uint8_t *bytes, size_t room) {
        uint8_t mark[4];
        ssize_t n = recv(scene->fd, mark, sizeof(mark), MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
                return -EAGAIN;
        if (n <= 0)
                return -EPIPE;
        CHECK_EQ(n, 4);
        size_t size = leat_xdr_get_32(mark) & 0x7fffffff;
        CHECK((mark[0] & 0x80) && size <= room);
        CHECK_EQ(recv(scene->fd, bytes, size, MSG_DONTWAIT), size);
        return (ssize_t)size;
}

/* ---- as recorded ---- */

static struct bytes recorded_of(const char *what, const char *name) {
        char path[100];
        snprintf(path, sizeof(path), "rpc-companion-%s-%s", what, name);
        return recorded(path);
}

/* The session that was recorded is the scene's. */
static void enter_session(const struct scene *scene, struct bytes *message) {
        for (size_t at = 0; scene->session != 0 && at + 8 <= message->size; at += 4)
                if (leat_xdr_get_64(message->at + at) == SESSION)
                        leat_xdr_put_64(message->at + at, scene->session);
}

static void check_answer(const struct scene *scene, const char *call_name, const char *reply_name) {
        uint8_t answer[4096];
        struct bytes call = recorded_of("call", call_name), reply = recorded_of("reply", reply_name);
        enter_session(scene, &call);
        send_record(scene, call.at, call.size);
        ssize_t n = read_record(scene, answer, sizeof(answer));
        if (n != (ssize_t)reply.size || memcmp(answer, reply.at, reply.size) != 0)
                FAIL("%s: other bytes than recorded, %zd of them", call_name, n);
        free(call.at);
        free(reply.at);
}

TEST(recorded_calls_are_answered_as_recorded) {
        static const char *const names[] = { "null",  "procedure", "version", "program", "garbage", "system",
                                             "stale", "expired",   "context", "cancel",  "list",    "leave" };
        struct scene *scene = begin();
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                check_answer(scene, names[i], names[i]);
        check_answer(scene, "greet-short", "context");
        check_answer(scene, "unnumbered", "answered");
        CHECK_EQ(scene->added, 2);
        end(scene);
}

/* What the server draws at random stands where it was recorded: session and server. */
static void check_greeting(struct scene *scene, const char *reply_name, uint64_t *ret_session) {
        uint8_t answer[4096];
        struct bytes call = recorded_of("call", "greet"), reply = recorded_of("reply", reply_name);
        send_record(scene, call.at, call.size);
        CHECK_EQ(read_record(scene, answer, sizeof(answer)), reply.size);
        CHECK_MEM(answer, reply.at, RESULT_AT);
        *ret_session = leat_xdr_get_64(answer + RESULT_AT);
        CHECK(*ret_session != 0);
        CHECK_MEM(answer + RESULT_AT + 24, reply.at + RESULT_AT + 24, 8);
        free(call.at);
        free(reply.at);
}

TEST(recorded_numbers_are_answered_once) {
        struct scene *scene = begin();
        uint64_t session;
        check_greeting(scene, "greet", &scene->session);
        check_greeting(scene, "greet-again", &session);
        CHECK_EQ(session, scene->session);
        check_answer(scene, "numbered", "answered");
        check_answer(scene, "numbered", "answered");
        check_answer(scene, "numbered-again", "answered");
        CHECK_EQ(scene->added, 1);
        check_answer(scene, "numbered-next", "answered");
        CHECK_EQ(scene->added, 2);
        check_answer(scene, "leave", "leave");
        check_answer(scene, "numbered", "stale");
        check_greeting(scene, "greet", &session);
        CHECK(session != scene->session);
        CHECK_EQ(scene->added, 2);
        end(scene);
}

/* What a server says of itself when it drains, to who greeted. */
TEST(recorded_notice_is_given) {
        struct scene *scene = begin();
        struct bytes notice = recorded_of("call", "drain");
        uint8_t said[100];
        check_greeting(scene, "greet", &scene->session);
        CHECK_EQ(leat_rpc_server_drain(scene->server), 0);
        step_all(scene);
        CHECK_EQ(read_record(scene, said, sizeof(said)), notice.size);
        CHECK_MEM(said, notice.at, notice.size);
        CHECK(companion_is_notice(leat_xdr_get_32(said), notice.at, notice.size));
        CHECK(read_record(scene, said, sizeof(said)) < 0); /* once */
        free(notice.at);
        end(scene);
}

/* What this library reads and writes, beside what it answers. */
TEST(recorded_messages_are_read_and_written) {
        struct bytes greet = recorded_of("call", "greet"), greeted = recorded_of("reply", "greet-again");
        struct bytes call = recorded_of("call", "numbered-again");
        struct companion_greeting greeting;
        struct companion_greeted answer;
        struct companion_context context;
        struct leat_xdr_buffer again = { 0 };
        uint8_t written[COMPANION_CONTEXT_BYTES];
        CHECK_EQ(companion_take_greeting(greet.at + CONTEXT_AT, greet.size - CONTEXT_AT, &greeting), 20);
        CHECK_EQ(companion_put_greeting(&greeting, &again), 0);
        CHECK_MEM(again.bytes, greet.at + CONTEXT_AT, 20);
        again.size_bytes = 0;
        CHECK_EQ(companion_take_greeted(greeted.at + RESULT_AT, greeted.size - RESULT_AT, &answer), 36);
        CHECK(answer.session == SESSION && answer.known && answer.window == 16384 && answer.largest_bytes == 1 << 20 &&
              answer.server[15] == 115);
        CHECK_EQ(companion_put_greeted(&answer, &again), 0);
        CHECK_MEM(again.bytes, greeted.at + RESULT_AT, 36);
        CHECK_EQ(companion_take_context(call.at + CONTEXT_AT, call.size - CONTEXT_AT, &context), 48);
        CHECK(context.session == SESSION && context.sequence == 1 && context.left_ns == COMPANION_FOREVER);
        CHECK(context.flags == COMPANION_AGAIN && context.procedure == 2);
        companion_write_context(&context, written);
        CHECK_MEM(written, call.at + CONTEXT_AT, sizeof(written));
        leat_xdr_buffer_free(&again);
        free(greet.at);
        free(greeted.at);
        free(call.at);
}

/* A stream of records in fragments; the replies are a stream too. */
TEST(recorded_records_are_answered_wherever_they_are_cut) {
        struct bytes records = recorded("rpc-records"), replies = recorded("rpc-records-replies");
        uint8_t *answers = malloc(replies.size + 1);
        for (size_t cut = 0; cut <= records.size; cut += 1 + cut % 5) {
                struct scene *scene = begin();
                send_all(scene, records.at, cut);
                step_all(scene);
                send_all(scene, records.at + cut, records.size - cut);
                step_all(scene);
                CHECK_EQ(recv(scene->fd, answers, replies.size + 1, MSG_DONTWAIT), replies.size);
                CHECK_MEM(answers, replies.at, replies.size);
                end(scene);
        }
        free(answers);
        free(records.at);
        free(replies.at);
}

/* ---- and broken ---- */

static const char *const messages[] = {
        "rpc-call-null",
        "rpc-call-echo",
        "rpc-call-add",
        "rpc-call-credential",
        "rpc-call-program",
        "rpc-call-version",
        "rpc-call-rpc",
        "rpc-call-procedure",
        "rpc-call-garbage",
        "rpc-call-system",
        "rpc-call-auth",
        "rpc-companion-call-null",
        "rpc-companion-call-greet",
        "rpc-companion-call-numbered",
        "rpc-companion-call-unnumbered",
        "rpc-companion-call-procedure",
        "rpc-companion-call-expired",
        "rpc-companion-call-context",
        "rpc-companion-call-cancel",
        "rpc-companion-call-list",
        "rpc-companion-call-leave",
        "rpc-companion-call-drain",
};
#define MESSAGES (sizeof(messages) / sizeof(messages[0]))

/* It said what it likes to that: a reply, nothing, or that it hears no more of this connection. Another call is answered all the same. */
static void check_goes_on(struct scene *scene, const struct bytes *good) {
        uint8_t answer[8192];
        ssize_t n;
        while ((n = read_record(scene, answer, sizeof(answer))) >= 0)
                CHECK(n >= 20 && leat_xdr_get_32(answer + 4) == 1);
        if (n == -EPIPE) {
                close(scene->fd);
                connect_scene(scene);
        }
        send_record(scene, good->at, good->size);
        CHECK_EQ(read_record(scene, answer, sizeof(answer)), 24);
}

static size_t info_bytes(const struct scene *scene) {
        struct leat_rpc_server_info info = { .size = sizeof(info) };
        CHECK_EQ(leat_rpc_server_info(scene->server, &info), 0);
        CHECK_EQ(info.running, 0);
        CHECK_EQ(info.connections, 1);
        return info.bytes + info.kept_bytes;
}

TEST(each_recorded_message_is_cut_short_everywhere) {
        struct bytes good = recorded("rpc-call-null");
        struct scene *scene = begin();
        for (size_t i = 0; i < MESSAGES; i++) {
                struct bytes message = recorded(messages[i]);
                for (size_t size = 0; size < message.size; size++) {
                        send_record(scene, message.at, size);
                        check_goes_on(scene, &good);
                }
                free(message.at);
        }
        CHECK(info_bytes(scene) < 1 << 20);
        free(good.at);
        end(scene);
}

TEST(each_bit_of_each_recorded_message_is_turned_over) {
        struct bytes good = recorded("rpc-call-null");
        struct scene *scene = begin();
        for (size_t i = 0; i < MESSAGES; i++) {
                struct bytes message = recorded(messages[i]);
                for (size_t bit = 0; bit < 8 * message.size; bit++) {
                        message.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
                        send_record(scene, message.at, message.size);
                        check_goes_on(scene, &good);
                        message.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
                }
                free(message.at);
        }
        CHECK(info_bytes(scene) < 1 << 20);
        free(good.at);
        end(scene);
}

/* With the marks: what is behind a mark that is wrong may be anything, or never come. */
TEST(each_bit_of_a_stream_of_records_is_turned_over) {
        struct bytes records = recorded("rpc-records"), good = recorded("rpc-call-null");
        struct scene *scene = begin();
        for (size_t bit = 0; bit < 8 * records.size; bit += 1 + bit / 1600) {
                records.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
                send_all(scene, records.at, records.size);
                step_all(scene);
                close(scene->fd);
                step_all(scene);
                connect_scene(scene);
                check_goes_on(scene, &good);
                records.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        CHECK(info_bytes(scene) < 1 << 20);
        free(records.at);
        free(good.at);
        end(scene);
}

TEST_MAIN()
