/* SPDX-License-Identifier: MIT */
/*
 * The stubs that start a call: with each way to pass arguments, many at once, answered in another order than they were started in; what was given is done with
 * when they return.
 */
#include "harness.h"

#include "ways.h"
#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SOON harness_deadline_ms(40000)
#define MANY 50

/* ---- the server ---- */

static struct leat_rpc_request *later[MANY];
static unsigned later_count;

/* Those that wait are answered before it, the last one first. */
static int value(int32_t argument, int64_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        while (later_count > 0)
                CHECK_EQ(leat_rpc_request_answer(later[--later_count], 0), 0);
        *ret_result = (int64_t)argument * 2;
        return 0;
}

static int array(const ways_four argument, ways_four ret_result, struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        for (int i = 0; i < 4; i++)
                ret_result[i] = argument[3 - i];
        return 0;
}

static int structure(const struct ways_pair *argument, struct ways_pair *ret_result, struct leat_rpc_request *request,
                     void *userdata) {
        (void)request, (void)userdata;
        *ret_result = *argument;
        ret_result->one++;
        return 0;
}

static int chain(const struct ways_link *argument, struct ways_link **ret_result, struct leat_rpc_request *request,
                 void *userdata) {
        (void)request, (void)userdata;
        *ret_result = argument ? argument->next : NULL;
        return 0;
}

static int all(int32_t number, const ways_four four, const struct ways_pair *pair, const struct ways_link *link,
               const ways_text *text, int64_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        *ret_result =
                number + four[0] + four[3] + pair->one + (int64_t)pair->other.size_bytes + (int64_t)text->size_bytes;
        for (; link; link = link->next)
                *ret_result += link->number;
        return 0;
}

/* Kept, until somebody asks for a value. */
static int wait(int32_t argument, int64_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        (void)userdata;
        *ret_result = argument;
        later[later_count++] = request;
        return LEAT_RPC_LATER;
}

static int fail(int32_t argument, struct leat_rpc_request *request, void *userdata) {
        (void)argument, (void)request, (void)userdata;
        return -EIO;
}

static void serve(void *argument) {
        static const struct ways_1_functions functions = { .value = value,
                                                           .array = array,
                                                           .structure = structure,
                                                           .chain = chain,
                                                           .all = all,
                                                           .later = wait,
                                                           .fail = fail };
        struct leat_rpc_server *server;
        CHECK_EQ(leat_rpc_server_create(NULL, &server), 0);
        CHECK_EQ(leat_rpc_server_add(server, ways_1_server(&functions, NULL)), 0);
        CHECK_EQ(leat_rpc_server_listen(server, argument, SOON, NULL), 0);
        CHECK_EQ(leat_rpc_server_run(server, harness_deadline_ms(100000)), -ECANCELED);
}

/* ---- the client ---- */

struct given {
        char address[64];
        pid_t server;
        struct leat_rpc_client *client;
        struct leat_xdr_arena arena;
};

static struct given begin(void) {
        static unsigned count;
        struct given given = { .arena = { 0 } };
        snprintf(given.address, sizeof given.address, "unix:@leat-start-%d-%u", (int)getpid(), count++);
        given.server = harness_fork(serve, given.address);
        CHECK_EQ(leat_rpc_connect(given.address, NULL, SOON, NULL, &given.client), 0);
        return given;
}

static void end(struct given *given) {
        leat_rpc_client_free(given->client);
        leat_xdr_arena_free(&given->arena);
        harness_kill(given->server);
}

/* One of several is over; which one is told. */
static struct leat_rpc_call *next(const struct given *given) {
        struct leat_rpc_call *over = NULL;
        CHECK_EQ(leat_rpc_next(given->client, SOON, &over), 0);
        return over;
}

TEST(each_way_to_pass_an_argument) {
        struct given given = begin();
        struct leat_rpc_call calls[7];
        struct ways_link last = { 7, NULL }, first = { 5, &last }, *rest = &first;
        struct ways_pair pair = { 1, { "abc", 3 } }, back;
        ways_four four = { 1, 2, 3, 4 }, turned;
        ways_text text = { "four", 4 };
        int64_t doubled = 0, sum = 0;

        for (size_t i = 0; i < 7; i++)
                calls[i] = leat_rpc_call_until(SOON, &given.arena);
        CHECK_EQ(ways_none_1_start(given.client, &calls[0]), 0);
        CHECK_EQ(ways_value_1_start(given.client, -21, &doubled, &calls[1]), 0);
        CHECK_EQ(ways_array_1_start(given.client, four, turned, &calls[2]), 0);
        CHECK_EQ(ways_structure_1_start(given.client, &pair, &back, &calls[3]), 0);
        CHECK_EQ(ways_chain_1_start(given.client, &first, &rest, &calls[4]), 0);
        CHECK_EQ(ways_all_1_start(given.client, 100, four, &pair, &first, &text, &sum, &calls[5]), 0);
        CHECK_EQ(ways_fail_1_start(given.client, 0, &calls[6]), 0);
        /* What was given is the caller's again. */
        memset(&pair, 0, sizeof pair), memset(&first, 0, sizeof first), memset(four, 0, sizeof four);
        for (int i = 0; i < 7; i++)
                CHECK_EQ(next(&given)->error, i == 6 ? -EPROTO : 0); /* one thread serves: in the order of the start */
        CHECK_EQ(leat_rpc_next(given.client, SOON, &(struct leat_rpc_call *){ NULL }), -ENOENT);
        CHECK_EQ(doubled, -42);
        CHECK_MEM(turned, ((ways_four){ 4, 3, 2, 1 }), sizeof turned);
        CHECK(back.one == 2 && back.other.size_bytes == 3 && memcmp(back.other.text, "abc", 3) == 0);
        CHECK(rest->number == 7 && !rest->next);
        CHECK_EQ(sum, 100 + 1 + 4 + 1 + 3 + 4 + 5 + 7);
        CHECK_EQ(calls[6].ran, LEAT_RPC_RAN);
        CHECK_EQ(calls[6].status, LEAT_RPC_SYSTEM_ERROR);
        end(&given);
}

TEST(many_at_once_in_any_order) {
        struct given given = begin();
        struct leat_rpc_call calls[MANY], last = leat_rpc_call_until(SOON, &given.arena);
        int64_t results[MANY], doubled;
        for (int i = 0; i < MANY; i++) {
                calls[i] = leat_rpc_call_until(SOON, &given.arena);
                CHECK_EQ(ways_later_1_start(given.client, i, &results[i], &calls[i]), 0);
        }
        CHECK_EQ(leat_rpc_next(given.client, LEAT_NOW, &(struct leat_rpc_call *){ NULL }), -EAGAIN);
        CHECK_EQ(ways_value_1_start(given.client, 1, &doubled, &last), 0);
        for (int i = MANY - 1; i >= 0; i--) {
                CHECK(next(&given) == &calls[i]);
                CHECK_EQ(calls[i].error, 0);
                CHECK_EQ(results[i], i);
        }
        CHECK(next(&given) == &last);
        CHECK_EQ(doubled, 2);
        end(&given);
}

TEST(an_argument_that_breaks_its_type_does_not_start) {
        struct given given = begin();
        static char longer[101];
        struct leat_rpc_call call = leat_rpc_call_until(SOON, &given.arena);
        struct ways_pair pair = { 1, { longer, sizeof longer } }, back;
        memset(longer, 'a', sizeof longer);
        CHECK_EQ(ways_structure_1_start(given.client, &pair, &back, &call), -EINVAL);
        CHECK_STR(call.fault.path, "other");
        CHECK_EQ(leat_rpc_next(given.client, LEAT_NOW, &(struct leat_rpc_call *){ NULL }), -ENOENT);
        end(&given);
}

TEST_MAIN()
