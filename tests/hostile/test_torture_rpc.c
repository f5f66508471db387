/* SPDX-License-Identifier: MIT */

/*
 * A server and a client of calls, over and over: each time one allocation more succeeds, or one call to the system, before one fails. Whatever that is: no crash, nothing leaked, what is said of
 * a call is true, and afterwards all goes on.
 */

#include "rpc_victim.h"
#include "torture.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 3000 };

/* ---- a server ---- */

/* Who talks to it is another process, and tries until all has been answered. */
struct talk {
        struct harness_event *go, *done;
        atomic_uint vain;   /* how often it was not */
        atomic_uint silent; /* of them: by a connection that stays, and no answer comes */
        atomic_bool over;
        char stream[128], udp[128];
};
static struct talk *talk;

static bool has_come(int fd, int64_t within_ms) {
        struct pollfd polled = { fd, POLLIN, 0 };
        return poll(&polled, 1, (int)within_ms) > 0;
}

/* A record goes and one comes. false: the connection is gone, or nothing comes. */
static bool ask(int fd, struct leat_xdr_buffer *message, uint8_t *reply, size_t room) {
        bool sent = try_send_record(fd, message);
        if (sent && !has_come(fd, 500))
                talk->silent++;
        return sent && has_come(fd, 0) && read_record(fd, reply, room) >= 24;
}

static bool talk_by_stream(struct leat_xdr_buffer *message) {
        static uint8_t reply[65536], bytes[30000];
        bool good = true;
        int fd = attacker_connect(talk->stream, NULL);
        message->size_bytes = 0;
        put_greeting(message, 1, 9);
        good = good && ask(fd, message, reply, sizeof(reply));
        uint64_t session = (uint64_t)word_at(reply, 6) << 32 | word_at(reply, 7);
        for (uint64_t sequence = 1; good && sequence < 12; sequence++) {
                put_numbered(message, 2, session, sequence, sequence / 2, VICTIM_COUNT);
                put_word(message, 1);
                good = ask(fd, message, reply, sizeof(reply));
        }
        put_call(message, 3, VICTIM_ECHO);
        put_opaque(message, bytes, sizeof(bytes));
        good = good && ask(fd, message, reply, sizeof(reply)) && word_at(reply, 5) == 0;
        message->size_bytes = 0;
        put_call(message, 4, VICTIM_HOLD);
        put_word(message, 77);
        good = good && ask(fd, message, reply, sizeof(reply)) && word_at(reply, 6) == 77;
        close(fd);
        return good;
}

static bool talk_by_datagrams(struct leat_xdr_buffer *message) {
        uint8_t reply[2000];
        int fd = attacker_connect(talk->udp, NULL);
        message->size_bytes = 0;
        put_call(message, 5, VICTIM_COUNT);
        put_word(message, 2);
        send_datagram(fd, message);
        bool good = has_come(fd, 500) && read_datagram(fd, reply, sizeof(reply)) == 28;
        close(fd);
        return good;
}

static void talk_to_it(void *argument) {
        struct leat_xdr_buffer message = { 0 };
        (void)argument;
        for (;;) {
                harness_event_wait(talk->go);
                if (talk->over)
                        break;
                while (!talk_by_stream(&message))
                        talk->vain++;
                while (!talk_by_datagrams(&message))
                        talk->vain++;
                harness_event_signal(talk->done);
        }
        leat_xdr_buffer_free(&message);
}

static bool begin_serving(struct leat_rpc_server *server) {
        int r = leat_rpc_server_listen(server, "unix:torture", harness_deadline_ms(20000), NULL);
        if (r == 0)
                r = leat_rpc_server_listen(server, "udp:127.0.0.1:0", harness_deadline_ms(20000), NULL);
        return r == 0 && leat_rpc_server_address(server, 0, talk->stream, sizeof(talk->stream)) > 0 &&
               leat_rpc_server_address(server, 1, talk->udp, sizeof(talk->udp)) > 0;
}

/* It serves until it has been talked to; or could not be made. */
static void serve_once(unsigned threads) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.threads = threads;
        struct leat_rpc_server *server = victim_make(&options);
        if (server && begin_serving(server)) {
                harness_event_signal(talk->go);
                while (!harness_event_try(talk->done, LEAT_NOW)) {
                        (void)leat_rpc_server_step(server, leat_in_ms(5)); /* it may say what failed */
                        while (victim_holds() > 0)
                                victim_answer_one();
                }
        }
        CHECK(!leat_rpc_server_free(server));
}

static void torture_server(enum torture which, int error, unsigned threads) {
        const char *name = NULL;
        pid_t talker;
        unsigned n = 1;
        victim_meet();
        talk = harness_shared(sizeof(*talk));
        talk->go = harness_event_new();
        talk->done = harness_event_new();
        torture_spare("syscall"); /* the test's own events wake each other by it */
        talker = harness_fork(talk_to_it, NULL);
        serve_once(threads);
        int descriptors = harness_count_descriptors();
        for (bool met = true; met; n++) {
                long outstanding = torture_outstanding();
                unsigned silent = talk->silent;
                CHECK(n < MOST);
                torture_start(which, n, error);
                serve_once(threads);
                met = torture_stop(&name);
                if (talk->silent > silent)
                        printf("call %u, %s: no answer comes, and no end\n", n, name ? name : "none");
                if (torture_outstanding() != outstanding || harness_count_descriptors() != descriptors)
                        FAIL("call %u, %s, left %ld pieces of memory and %d descriptors", n, name ? name : "none",
                             torture_outstanding() - outstanding, harness_count_descriptors() - descriptors);
        }
        printf("%u calls failed, %u talks were in vain\n", n - 2, talk->vain);
        CHECK(n > 20);
        CHECK(talk->vain <= 3 * n);
        talk->over = true;
        harness_event_signal(talk->go);
        CHECK_EQ(harness_wait(talker), 0);
}

TEST(a_server_without_memory, .timeout_s = 120) {
        torture_server(TORTURE_MEMORY, ENOMEM, 0);
}

TEST(a_server_without_memory_and_with_a_thread, .timeout_s = 120) {
        torture_server(TORTURE_MEMORY, ENOMEM, 1);
}

/* ---- a client ---- */

static struct leat_rpc_client *tortured_client(const char *address) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_rpc_client *client = NULL;
        options.back_off_first_ns = options.back_off_most_ns = 1000000;
        options.retransmit_first_ns = 20000000;
        int r = leat_rpc_connect(address, &options, harness_deadline_ms(20000), NULL, &client);
        CHECK(r == 0 || !client);
        return client;
}

static unsigned next_number;

static void check_truth(const struct leat_rpc_call *call, uint32_t number, uint32_t result) {
        unsigned count = victim_told->count[number];
        bool good = count <= 1;
        if (call->error == 0)
                good = count == 1 && result == 1;
        else if (call->ran == LEAT_RPC_RAN)
                good = count == 1;
        else if (call->ran == LEAT_RPC_NOT_RUN)
                good = count == 0;
        if (!good)
                FAIL("%s, ran %d, result %u, but it ran %u times; %s failed", leat_strerror(call->error),
                     (int)call->ran, result, count, torture_failed() ? torture_failed() : "nothing");
}

enum { TOGETHER = 3 };

/* Calls one by one and together; what there is no memory for may fail, but not in a lie. Returns whether all succeeded. */
static bool call_some(struct leat_rpc_client *client) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call calls[TOGETHER + 1], *over;
        uint32_t numbers[TOGETHER + 1], results[TOGETHER + 1] = { 0 };
        unsigned begun = 0;
        bool good = true;
        for (int i = 0; i <= TOGETHER; i++) {
                numbers[i] = next_number++ % VICTIM_NUMBERS;
                calls[i] = leat_rpc_call_until(harness_deadline_ms(20000), &arena);
        }
        good = leat_rpc_call(client, &victim_program, VICTIM_COUNT, &numbers[0], &results[0], &calls[0]) == 0;
        check_truth(&calls[0], numbers[0], results[0]);
        for (int i = 1; i <= TOGETHER; i++)
                if (leat_rpc_start(client, &victim_program, VICTIM_COUNT, &numbers[i], &results[i], &calls[i]) == 0)
                        begun++;
                else
                        good = false;
        for (; begun > 0; begun--) {
                int r = leat_rpc_next(client, harness_deadline_ms(30000), &over);
                CHECK(r != -ETIMEDOUT && r != -ENOENT && r != -EINVAL);
                if (r < 0) { /* it could not wait */
                        good = false;
                        begun++;
                        continue;
                }
                good = good && over->error == 0;
                check_truth(over, numbers[over - calls], results[over - calls]);
        }
        leat_xdr_arena_free(&arena);
        return good;
}

static void torture_client(enum torture which, int error, const char *address) {
        const char *name = NULL;
        unsigned n = 1, failed = 0;
        int descriptors = harness_count_descriptors();
        struct leat_rpc_client *client = tortured_client(address);
        CHECK(client && call_some(client));
        CHECK(!leat_rpc_client_free(client));
        for (bool met = true; met; n++) {
                long outstanding = torture_outstanding();
                CHECK(n < MOST);
                torture_start(which, n, error);
                client = tortured_client(address);
                bool good = client && call_some(client);
                met = torture_stop(&name);
                failed += !good;
                CHECK(good || met);
                if (client && !call_some(client))
                        FAIL("%s: after call %u, %s, it does not go on", address, n, name ? name : "none");
                CHECK(!leat_rpc_client_free(client));
                if (torture_outstanding() != outstanding || harness_count_descriptors() != descriptors)
                        FAIL("%s: call %u, %s, left %ld pieces of memory and %d descriptors", address, n,
                             name ? name : "none", torture_outstanding() - outstanding,
                             harness_count_descriptors() - descriptors);
        }
        printf("%s: %u failed, %u were told\n", address, n - 2, failed);
}

static void torture_clients(enum torture which, int error) {
        pid_t server = victim_begin(NULL, 0);
        torture_client(which, error, victim_told->unix_stream);
        torture_client(which, error, victim_told->tcp);
        torture_client(which, error, victim_told->udp);
        victim_end(server);
}

TEST(a_client_without_memory, .timeout_s = 120) {
        torture_clients(TORTURE_MEMORY, ENOMEM);
}

TEST(a_client_whose_system_fails, .timeout_s = 120) {
        torture_clients(TORTURE_SYSTEM, ENOBUFS);
}

/* ---- and a server whose system fails ---- */

TEST(a_server_without_descriptors, .timeout_s = 120) {
        torture_server(TORTURE_SYSTEM, EMFILE, 0);
}

TEST(a_server_whose_system_fails, .timeout_s = 120) {
        torture_server(TORTURE_SYSTEM, ENOBUFS, 0);
}

TEST_MAIN()
