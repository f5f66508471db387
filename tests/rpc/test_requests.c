/* SPDX-License-Identifier: MIT */
#include "fake_source.h"
#include "harness.h"
#include "schemas.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* Requests that wait for a thread of the pool, are answered by threads of the program, and are asked for again meanwhile. */

#define BLOCKS (FAKE_PROGRAM + 1)

static struct fake_work work;
static struct leat_rpc_server *server;
static struct fake here, there;
static struct harness_event *begun, *go_on;
static atomic_uint ran;

/* It takes as long as it is told to. */
static int block(uint32_t index, const void *functions, const void *argument, void *result,
                 struct leat_rpc_request *request, void *userdata) {
        (void)index, (void)functions, (void)argument, (void)result, (void)request, (void)userdata;
        atomic_fetch_add(&ran, 1);
        harness_event_signal(begun);
        harness_event_wait(go_on);
        return 0;
}

/* A server with so many threads, which have begun. */
static void begin(unsigned threads) {
        static const struct leat_rpc_procedure procedures[] = { { .number = 1, .name = "BLOCK" } };
        static const struct leat_rpc_program program = { "BLOCKS", BLOCKS, 1, 1, procedures, &schemas };
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        const struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK_EQ(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
        options.threads = threads;
        server = fake_server(&options, &work);
        const struct leat_rpc_service service = { .program = &program, .dispatch = block };
        CHECK_EQ(leat_rpc_server_add(server, service), 0);
        CHECK_EQ(rpc_datagram_add(server, fd), 0);
        CHECK_EQ(leat_rpc_server_step(server, LEAT_NOW), -EAGAIN); /* which starts the threads */
        fake_init(&here, server, &fake_plain, INADDR_LOOPBACK, 0);
        fake_init(&there, server, &fake_plain, INADDR_LOOPBACK, 0);
        begun = harness_event_new();
        go_on = harness_event_new();
}

static void end(void) {
        CHECK_EQ(fake_info(server).running, 0);
        CHECK_EQ(fake_info(server).bytes, 0);
        fake_end(&here);
        fake_end(&there);
        server = leat_rpc_server_free(server);
}

/* The one thread is busy. */
static void keep_busy(void) {
        fake_call(&there, 1, BLOCKS, 1, 1, NULL, 0);
        harness_event_wait(begun);
}

static void let_go(void) {
        harness_event_signal(go_on);
        WAIT_UNTIL(fake_info(server).running == 0);
}

static struct companion_context context_of(uint64_t session, uint64_t sequence, uint64_t left_ns) {
        return (struct companion_context){ session, sequence, 0, left_ns, 0, FAKE_PROGRAM, 1, 1 };
}

TEST(cancelled_before_its_turn) {
        begin(1);
        uint64_t session = fake_greet(&here, 1).session;
        keep_busy();
        CHECK(fake_ask(&here, session, 1, 0, FAKE_ADD, 5).none);
        fake_cancel(&here, session, 1, 0);
        let_go();
        CHECK_EQ(fake_answer(&here).answer.outcome, COMPANION_CANCELLED);
        CHECK_EQ(work.ran, 0);
        CHECK_EQ(fake_ask(&here, session, 1, 0, FAKE_ADD, 5).answer.outcome, COMPANION_CANCELLED);
        CHECK_EQ(fake_info(server).calls, 1);
        end();
}

TEST(expired_before_its_turn) {
        begin(1);
        uint64_t session = fake_greet(&here, 1).session;
        struct companion_context context = context_of(session, 1, 1);
        int64_t before = leat_now();
        keep_busy();
        CHECK(fake_ask_with(&here, &context, 5).none);
        WAIT_UNTIL(leat_now() > before + 1);
        let_go();
        CHECK_EQ(fake_answer(&here).answer.outcome, COMPANION_EXPIRED);
        context.left_ns = COMPANION_FOREVER;
        CHECK_EQ(fake_ask_with(&here, &context, 5).answer.outcome, COMPANION_EXPIRED);
        CHECK_EQ(work.ran, 0);
        end();
}

/* Nobody is told of a plain one: nobody waits. */
TEST(plain_call_is_cancelled_before_its_turn) {
        begin(1);
        keep_busy();
        fake_add(&here, 77, 5);
        fake_cancel(&here, 0, 0, 77);
        uint32_t replies = here.replies;
        let_go();
        CHECK_EQ(here.replies, replies);
        CHECK_EQ(fake_info(server).unanswered, 1);
        CHECK_EQ(work.ran, 0);
        end();
}

TEST(asked_for_again_before_its_turn) {
        begin(1);
        uint64_t session = fake_greet(&here, 1).session;
        keep_busy();
        CHECK(fake_ask(&here, session, 1, 0, FAKE_ADD, 5).none);
        CHECK(fake_ask(&there, session, 1, 0, FAKE_ADD, 5).none);
        CHECK(fake_ask(&here, session, 1, 0, FAKE_ADD, 5).none);
        let_go();
        struct fake_answer told = fake_answer(&here);
        CHECK_EQ(told.result, 5);
        CHECK_EQ(work.ran, 1);
        fake_leave(&here, session);
        end();
}

/* What waits is its peer's share of memory. */
TEST(waiting_messages_are_counted) {
        begin(1);
        keep_busy();
        size_t before = fake_info(server).bytes;
        static uint8_t large[100000];
        fake_call(&here, 5, FAKE_PROGRAM, 1, 1, large, sizeof(large));
        CHECK(fake_info(server).bytes >= before + sizeof(large));
        let_go();
        CHECK_EQ(fake_status(&here, 5), LEAT_RPC_GARBAGE_ARGUMENTS);
        CHECK_EQ(work.ran, 0);
        end();
}

/* Without memory for its message it is not given to a thread: it runs where it came. */
TEST(message_that_cannot_wait) {
        begin(1);
        struct fake poor;
        fake_init(&poor, server, &fake_unkept, INADDR_LOOPBACK, 0);
        fake_add(&poor, 5, 5);
        CHECK_EQ(fake_status(&poor, 5), LEAT_RPC_SUCCESS);
        CHECK_EQ(work.ran, 1);
        fake_end(&poor);
        end();
}

/* ---- many at once ---- */

#define WAITING 64u
#define NUMBERS 50000u

static atomic_uint runs[NUMBERS + 1]; /* of each number */

static struct {
        pthread_mutex_t lock;
        struct leat_rpc_request *requests[WAITING];
        uint32_t count;
        bool over;
} shelf = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int shelve(uint32_t index, const void *functions, const void *argument, void *result,
                  struct leat_rpc_request *request, void *userdata) {
        (void)index, (void)functions, (void)userdata;
        const uint32_t *number = argument;
        *(uint32_t *)result = *number;
        CHECK_EQ(atomic_fetch_add(&runs[*number], 1), 0);
        (void)pthread_mutex_lock(&shelf.lock);
        CHECK(shelf.count < WAITING);
        shelf.requests[shelf.count++] = request;
        (void)pthread_mutex_unlock(&shelf.lock);
        return LEAT_RPC_LATER;
}

/* Answers what lies there, in no order. */
static bool answer_some(void) {
        struct leat_rpc_request *request = NULL;
        (void)pthread_mutex_lock(&shelf.lock);
        bool over = shelf.over;
        if (shelf.count > 0) {
                uint32_t which = (uint32_t)((uintptr_t)leat_now() % shelf.count);
                request = shelf.requests[which];
                shelf.requests[which] = shelf.requests[--shelf.count];
        }
        (void)pthread_mutex_unlock(&shelf.lock);
        struct leat_rpc_caller caller = { .size = sizeof(caller) };
        if (!request)
                return !over;
        (void)leat_rpc_request_is_cancelled(request);
        CHECK_EQ(leat_rpc_request_caller(request, &caller), 0);
        int r = leat_rpc_request_answer(request, 0);
        CHECK(r == 0 || r == -EPIPE);
        return true;
}

static void *answer_all(void *unused) {
        while (answer_some())
                ;
        return unused;
}

/* Numbers are asked for again and again, from two places, cancelled and acknowledged, while others answer them. */
TEST(answered_and_asked_for_at_once, .timeout_s = 120) {
        static const struct leat_rpc_procedure procedures[] = {
                { .number = 1, .argument = NODE_UNSIGNED, .result = NODE_UNSIGNED, .name = "SHELVE" }
        };
        static const struct leat_rpc_program program = { "SHELVES", FAKE_PROGRAM + 2, 1, 1, procedures, &schemas };
        pthread_t threads[3];
        unsigned pool = harness_random_below(2) ? 2 : 0;
        begin(pool);
        server->services[1] = (struct leat_rpc_service){ .program = &program, .dispatch = shelve };
        uint64_t session = fake_greet(&here, 1).session;
        for (size_t i = 0; i < 3; i++)
                CHECK_EQ(pthread_create(&threads[i], NULL, answer_all, NULL), 0);
        uint64_t count = harness_how_many(500, 5000, NUMBERS), acknowledged = 0;
        for (uint64_t i = 1; i <= count; i++) {
                struct companion_context context = context_of(session, i, COMPANION_FOREVER);
                context.program = FAKE_PROGRAM + 2;
                uint64_t times = 1 + harness_random_below(4);
                WAIT_UNTIL(fake_info(server).running < WAITING / 2);
                for (uint64_t n = 0; n < times; n++) {
                        uint8_t arguments[COMPANION_CONTEXT_BYTES + 4];
                        context.sequence = i - (i > n + acknowledged ? n : 0);
                        context.acknowledged = acknowledged;
                        companion_write_context(&context, arguments);
                        leat_xdr_put_32(arguments + COMPANION_CONTEXT_BYTES, (uint32_t)context.sequence);
                        fake_call(n % 2 ? &there : &here, (uint32_t)i, COMPANION_PROGRAM, 1, COMPANION_CALL, arguments,
                                  sizeof(arguments));
                }
                if (i % 10 == 0)
                        acknowledged = i - 5;
        }
        WAIT_UNTIL(fake_info(server).running == 0);
        (void)pthread_mutex_lock(&shelf.lock);
        shelf.over = true;
        (void)pthread_mutex_unlock(&shelf.lock);
        for (size_t i = 0; i < 3; i++)
                CHECK_EQ(pthread_join(threads[i], NULL), 0);
        /* What is acknowledged before it has a thread is not begun any more. */
        for (uint64_t i = 1; i <= count; i++)
                CHECK(runs[i] == 1 || (pool > 0 && runs[i] == 0));
        fake_leave(&here, session);
        CHECK_EQ(fake_info(server).kept_bytes, 0);
        end();
}

TEST_MAIN()
