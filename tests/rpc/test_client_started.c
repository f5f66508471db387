/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "rpc/record.h"
#include "schemas.h"
#include "scripted.h"

#include <errno.h>
#include <leat/rpc.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Calls that are started: many under way at once on one connection, their deadlines, their end, and the program's own poll loop. */

enum { ADD, SAFE_ADD, LEND, PROCEDURES };

static const struct leat_rpc_procedure procedures[] = {
        [ADD] = { .number = 1, .argument = NODE_INT, .result = NODE_INT, .name = "ADD" },
        [SAFE_ADD] = { .number = 2,
                       .flags = LEAT_RPC_IDEMPOTENT,
                       .argument = NODE_INT,
                       .result = NODE_INT,
                       .name = "SAFE_ADD" },
        [LEND] = { .number = 3, .argument = NODE_INT, .result = NODE_BORROWED_BYTES, .name = "LEND" },
};
static const struct leat_rpc_program program = { "TEST", 0x20000022, 1, PROCEDURES, procedures, &schemas };

static struct leat_rpc_client *connect_with(const struct scripted *peer, unsigned flags, uint32_t in_flight_max) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_rpc_client *client = NULL;
        options.flags = flags;
        options.in_flight_max = in_flight_max;
        CHECK_EQ(leat_rpc_connect(peer->address, &options, harness_deadline_ms(20000), NULL, &client), 0);
        return client;
}

#define MANY 200

struct one {
        struct leat_rpc_call call;
        int32_t number, result;
        struct leat_xdr_bytes bytes;
        bool told;
};

static struct leat_xdr_arena arena;
static struct one ones[MANY];

static void start(struct leat_rpc_client *client, struct one *one, uint32_t procedure, int32_t number,
                  int64_t deadline) {
        *one = (struct one){ .call = leat_rpc_call_until(deadline, &arena), .number = number };
        one->call.userdata = one;
        void *result = procedure == LEND ? (void *)&one->bytes : &one->result;
        CHECK_EQ(leat_rpc_start(client, &program, procedure, &one->number, result, &one->call), 0);
}

static struct one *next(struct leat_rpc_client *client) {
        struct leat_rpc_call *call = NULL;
        int r = leat_rpc_next(client, harness_deadline_ms(50000), &call);
        if (r < 0)
                FAIL("%s", leat_strerror(r));
        struct one *one = call->userdata;
        CHECK(call == &one->call && !one->told);
        one->told = true;
        return one;
}

static void check_added(const struct one *one) {
        CHECK_EQ(one->call.error, 0);
        CHECK(one->call.ran == LEAT_RPC_RAN && one->call.status == LEAT_RPC_SUCCESS);
        CHECK_EQ(one->result, one->number + 1);
}

static void check_none(struct leat_rpc_client *client, int error) {
        struct leat_rpc_call *call;
        CHECK_EQ(leat_rpc_next(client, LEAT_NOW, &call), error);
}

static void end(struct leat_rpc_client *client, struct scripted *peer) {
        leat_rpc_client_free(client);
        scripted_end(peer);
        leat_xdr_arena_free(&arena);
}

/* ---- answers in any order ---- */

/* Reads as many as will come and answers them in an order of its own. */
static void answer_in_disorder(struct scripted *peer) {
        static struct leat_xdr_buffer records[MANY];
        scripted_accept(peer);
        for (size_t count = 0; scripted_read(peer);) {
                uint8_t body[4];
                leat_xdr_put_32(body, leat_xdr_get_32(peer->arguments) + 1);
                scripted_make_reply(peer, peer->call.xid, LEAT_RPC_SUCCESS, body, 4, &records[count]);
                if (++count < MANY)
                        continue;
                for (; count > 0; count--) {
                        size_t n = (count * 7919) % MANY;
                        for (; records[n].size_bytes == 0; n = (n + 1) % MANY)
                                ;
                        scripted_write(peer, records[n].bytes, records[n].size_bytes);
                        records[n].size_bytes = 0;
                }
        }
        for (size_t i = 0; i < MANY; i++)
                leat_xdr_buffer_free(&records[i]);
}

static void check_many(uint64_t session, unsigned flags, uint32_t window, bool tcp) {
        struct scripted peer = { .session = session, .window = window };
        scripted_begin(&peer, tcp, answer_in_disorder);
        struct leat_rpc_client *client = connect_with(&peer, flags, 0);
        check_none(client, -ENOENT);
        for (int turn = 0; turn < 3; turn++) {
                for (int i = 0; i < MANY; i++)
                        start(client, &ones[i], i % 2 ? ADD : SAFE_ADD, i,
                              i % 5 ? harness_deadline_ms(50000 + i * 37 % 1000) : LEAT_NEVER);
                for (int i = 0; i < MANY; i++)
                        check_added(next(client));
                check_none(client, -ENOENT);
        }
        end(client, &peer);
}

TEST(many_calls_are_under_way_on_one_connection) {
        check_many(0, 0, 0, false);
        check_many(0, LEAT_RPC_PLAIN, 0, true);
        check_many(4, 0, MANY, true);
}

/* The server allows no more numbers than its window at once. */
static void check_window(struct scripted *peer) {
        uint64_t highest = 0;
        scripted_accept(peer);
        while (scripted_read(peer)) {
                CHECK(peer->wrapped && peer->context.sequence == highest + 1);
                CHECK(peer->context.sequence - peer->context.acknowledged <= peer->window);
                highest++;
                scripted_reply_next(peer);
        }
        CHECK_EQ(highest, MANY);
}

TEST(a_window_is_kept) {
        struct scripted peer = { .session = 4, .window = 3 };
        scripted_begin(&peer, false, check_window);
        struct leat_rpc_client *client = connect_with(&peer, 0, 0);
        for (int i = 0; i < MANY; i++)
                start(client, &ones[i], ADD, i, LEAT_NEVER);
        for (int i = 0; i < MANY; i++)
                check_added(next(client));
        end(client, &peer);
}

/* ---- limits, cancelling ---- */

static void answer_every_other(struct scripted *peer) {
        scripted_accept(peer);
        while (scripted_read(peer))
                if (peer->call.program == program.number && peer->call.procedure == 2)
                        scripted_reply_next(peer);
}

TEST(no_more_than_allowed_are_under_way) {
        struct scripted peer = { 0 };
        scripted_begin(&peer, false, answer_every_other);
        struct leat_rpc_client *client = connect_with(&peer, 0, 3);
        for (int i = 0; i < 3; i++)
                start(client, &ones[i], ADD, i, LEAT_NEVER);
        ones[3] = (struct one){ .call = leat_rpc_call_until(LEAT_NEVER, &arena) };
        CHECK_EQ(leat_rpc_start(client, &program, ADD, &ones[3].number, &ones[3].result, &ones[3].call), -ENOBUFS);
        CHECK_EQ(leat_rpc_call(client, &program, ADD, &ones[3].number, &ones[3].result, &ones[3].call), -ENOBUFS);
        CHECK_EQ(ones[3].call.ran, LEAT_RPC_NOT_RUN);
        CHECK_EQ(leat_rpc_cancel(client, &ones[3].call), -ENOENT);
        check_none(client, -EAGAIN);
        CHECK_EQ(leat_rpc_cancel(client, &ones[1].call), 0);
        CHECK_EQ(ones[1].call.error, -ECANCELED);
        CHECK_EQ(leat_rpc_cancel(client, &ones[1].call), -ENOENT);
        start(client, &ones[3], SAFE_ADD, 3, LEAT_NEVER);
        check_added(next(client));
        CHECK_EQ(leat_rpc_cancel(client, &ones[3].call), -ENOENT);
        CHECK_EQ(leat_rpc_cancel(client, &ones[0].call), 0);
        check_none(client, -EAGAIN);
        leat_rpc_client_free(client); /* with one under way */
        CHECK(ones[2].call.error == -ECANCELED && ones[2].call.ran == LEAT_RPC_UNKNOWN);
        scripted_end(&peer);
}

/* Deadlines pass in their order, whatever the order of the calls; those without one stay. */
TEST(each_has_its_own_deadline) {
        struct scripted peer = { 0 };
        scripted_begin(&peer, false, answer_every_other);
        struct leat_rpc_client *client = connect_with(&peer, LEAT_RPC_PLAIN, 0);
        int64_t now = leat_now();
        for (int i = 0; i < 50; i++)
                start(client, &ones[i], ADD, i, now + 1000000 * ((i * 17) % 50));
        start(client, &ones[50], ADD, 50, LEAT_NEVER);
        int64_t last = 0;
        for (int i = 0; i < 50; i++) {
                const struct one *one = next(client);
                CHECK_EQ(one->call.error, -ETIMEDOUT);
                CHECK(one->call.ran == LEAT_RPC_UNKNOWN && one->call.status == LEAT_RPC_NO_REPLY);
                CHECK(one->call.deadline >= last && one->call.deadline <= leat_now());
                last = one->call.deadline;
        }
        struct leat_rpc_call *call;
        CHECK_EQ(leat_rpc_next(client, leat_in_ms(20), &call), -ETIMEDOUT);
        CHECK_EQ(leat_rpc_cancel(client, &ones[50].call), 0);
        end(client, &peer);
}

/* ---- a call beside those that were started ---- */

/* A call that is waited for is answered last: what the others' results borrow is kept until they are told of. */
static void lend_before(struct scripted *peer) {
        struct leat_xdr_buffer record = { 0 };
        uint32_t xids[8];
        scripted_accept(peer);
        for (int i = 0; i < 8; i++) {
                scripted_expect(peer);
                CHECK_EQ(peer->call.procedure, 3);
                xids[i] = peer->call.xid;
        }
        scripted_expect(peer);
        for (int i = 0; i < 8; i++) {
                char body[] = "\0\0\0\4....";
                memset(body + 4, 'a' + i, 4);
                scripted_make_reply(peer, xids[i], LEAT_RPC_SUCCESS, body, 8, &record);
                scripted_write(peer, record.bytes, record.size_bytes);
        }
        scripted_reply_next(peer);
        leat_xdr_buffer_free(&record);
        CHECK(!scripted_read(peer));
}

TEST(what_is_borrowed_stays_until_the_next_is_told) {
        struct scripted peer = { 0 };
        scripted_begin(&peer, false, lend_before);
        struct leat_rpc_client *client = connect_with(&peer, LEAT_RPC_PLAIN, 0);
        for (int i = 0; i < 8; i++)
                start(client, &ones[i], LEND, i, LEAT_NEVER);
        struct one *last = &ones[8];
        *last = (struct one){ .call = leat_rpc_call_until(harness_deadline_ms(50000), &arena), .number = 8 };
        CHECK_EQ(leat_rpc_call(client, &program, ADD, &last->number, &last->result, &last->call), 0);
        check_added(last);
        for (int i = 0; i < 8; i++) {
                const struct one *one = next(client);
                char wanted[4];
                memset(wanted, 'a' + one->number, 4);
                CHECK_EQ(one->bytes.size_bytes, 4);
                CHECK_MEM(one->bytes.bytes, wanted, 4);
        }
        CHECK(!arena.blocks);
        end(client, &peer);
}

/* ---- losses ---- */

/* Half of what came is answered, then the connection ends; all of it comes again. */
static void lose_half(struct scripted *peer) {
        scripted_accept(peer);
        for (int i = 0; i < MANY; i++) {
                scripted_expect(peer);
                if (i % 2)
                        scripted_reply_next(peer);
        }
        harness_event_wait(peer->go_on);
        scripted_accept(peer);
        while (scripted_read(peer))
                scripted_reply_next(peer);
}

static void check_loss(uint64_t session, uint32_t procedure) {
        struct scripted peer = { .session = session, .window = MANY };
        peer.go_on = harness_event_new();
        scripted_begin(&peer, false, lose_half);
        struct leat_rpc_client *client = connect_with(&peer, 0, 0);
        for (int i = 0; i < MANY; i++)
                start(client, &ones[i], procedure, i, harness_deadline_ms(50000));
        bool is_safe = procedure == SAFE_ADD || session != 0;
        for (int i = 0; i < MANY / 2; i++)
                check_added(next(client));
        harness_event_signal(peer.go_on);
        for (int i = 0; i < MANY / 2; i++) {
                const struct one *one = next(client);
                if (is_safe)
                        check_added(one);
                else
                        CHECK(one->call.error == -EPIPE && one->call.ran == LEAT_RPC_UNKNOWN);
        }
        check_none(client, -ENOENT);
        start(client, &ones[0], procedure, 0, harness_deadline_ms(50000));
        check_added(next(client));
        end(client, &peer);
}

TEST(a_loss_is_that_of_all) {
        check_loss(0, ADD);
        check_loss(0, SAFE_ADD);
        check_loss(4, ADD);
        check_loss(4, SAFE_ADD);
}

/* ---- the program's own poll loop ---- */

static bool is_readable(int fd) {
        struct pollfd one = { .fd = fd, .events = POLLIN };
        return poll(&one, 1, 0) == 1;
}

/* Whenever the descriptor is readable there is something to do, and when nothing is, it is not. */
static void answer_slowly(struct scripted *peer) {
        scripted_accept(peer);
        while (scripted_read(peer)) {
                harness_event_wait(peer->go_on);
                scripted_reply_next(peer);
        }
        scripted_accept(peer);
        while (scripted_read(peer))
                scripted_reply_next(peer);
}

static struct one *poll_for_one(struct leat_rpc_client *client, int fd) {
        struct leat_rpc_call *call = NULL;
        for (;;) {
                struct pollfd one = { .fd = fd, .events = POLLIN };
                CHECK_EQ(poll(&one, 1, 50000), 1);
                int r = leat_rpc_next(client, LEAT_NOW, &call);
                if (r == 0)
                        return call->userdata;
                CHECK_EQ(r, -EAGAIN);
        }
}

TEST(a_descriptor_tells_when_there_is_something_to_do) {
        struct scripted peer = { .session = 4 };
        peer.go_on = harness_event_new();
        scripted_begin(&peer, false, answer_slowly);
        struct leat_rpc_client *client = connect_with(&peer, 0, 0);
        int fd = leat_rpc_client_fd(client);
        CHECK(fd >= 0 && !is_readable(fd));
        for (int i = 0; i < 100; i++)
                start(client, &ones[i], i % 2 ? ADD : SAFE_ADD, i, LEAT_NEVER);
        for (int i = 0; i < 100; i++) {
                harness_event_signal(peer.go_on);
                check_added(poll_for_one(client, fd));
        }
        check_none(client, -ENOENT);
        CHECK(!is_readable(fd));
        /* a deadline */
        start(client, &ones[0], ADD, 0, leat_in_ms(30));
        CHECK_EQ(poll_for_one(client, fd)->call.error, -ETIMEDOUT);
        /* an interrupt */
        struct leat_rpc_call *call;
        CHECK_EQ(leat_rpc_client_interrupt(client), 0);
        CHECK(is_readable(fd));
        CHECK_EQ(leat_rpc_next(client, LEAT_NOW, &call), -ECANCELED);
        CHECK_EQ(leat_rpc_client_fd(client), fd);
        /* another connection */
        start(client, &ones[1], SAFE_ADD, 1, LEAT_NEVER);
        CHECK_EQ(shutdown(peer.fd, SHUT_RDWR), 0);
        harness_event_signal(peer.go_on);
        harness_event_signal(peer.go_on);
        check_added(poll_for_one(client, fd));
        check_none(client, -ENOENT);
        CHECK(!is_readable(fd));
        end(client, &peer);
}

/* ---- wrong use ---- */

TEST(wrong_use_is_refused) {
        struct scripted peer = { 0 };
        scripted_begin(&peer, false, answer_every_other);
        struct leat_rpc_client *client = connect_with(&peer, LEAT_RPC_PLAIN, 0);
        struct leat_rpc_call call = leat_rpc_call_until(LEAT_NEVER, NULL), *told;
        struct leat_xdr_bytes bytes;
        int32_t number = 1;
        CHECK_EQ(leat_rpc_start(NULL, &program, ADD, &number, NULL, &call), -EINVAL);
        CHECK_EQ(leat_rpc_start(client, NULL, ADD, &number, NULL, &call), -EINVAL);
        CHECK_EQ(leat_rpc_start(client, &program, PROCEDURES, &number, NULL, &call), -EINVAL);
        CHECK_EQ(leat_rpc_start(client, &program, ADD, NULL, NULL, &call), -EINVAL);
        CHECK_EQ(leat_rpc_start(client, &program, LEND, &number, &bytes, &call), -EINVAL); /* no arena */
        CHECK_EQ(leat_rpc_start(client, &program, ADD, &number, NULL, NULL), -EINVAL);
        CHECK_EQ(leat_rpc_next(client, LEAT_NOW, NULL), -EINVAL);
        CHECK_EQ(leat_rpc_next(NULL, LEAT_NOW, &told), -EINVAL);
        CHECK_EQ(leat_rpc_cancel(client, NULL), -EINVAL);
        CHECK_EQ(leat_rpc_client_fd(NULL), -EINVAL);
        CHECK_EQ(leat_rpc_client_interrupt(NULL), -EINVAL);
        CHECK_EQ(leat_rpc_client_info(client, NULL), -EINVAL);
        CHECK(!leat_rpc_client_free(NULL));
        CHECK_EQ(leat_rpc_start(client, &program, ADD, &number, NULL, &call), 0);
        CHECK_EQ(leat_rpc_start(client, &program, ADD, &number, NULL, &call), -EINVAL); /* it is under way */
        CHECK_EQ(leat_rpc_cancel(client, &call), 0);
        end(client, &peer);
}

TEST_MAIN()
