/* SPDX-License-Identifier: MIT */
/*
 * A client of Leat for rpc_peers.x: rpc_peers_our_client ADDRESS SEED plain|asks theirs|ours. It calls everything, and ends with 1 and a line on what was not as it has to be.
 */
#include "rpc_peers.h"

#include <errno.h>
#include <inttypes.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                                                               \
        do {                                                                                                           \
                if (!(condition)) {                                                                                    \
                        fprintf(stderr, "our client, line %d: not so: %s; the last call: %s, %s\n", __LINE__,          \
                                #condition, leat_strerror(last), leat_rpc_status_text(call.status));                   \
                        exit(1);                                                                                       \
                }                                                                                                      \
        } while (0)

#define WEAK 99 /* a procedure that their server refuses to everyone */
#define IN_FLIGHT 64

static struct leat_xdr_arena arena;
static struct leat_rpc_call call;
static int last;
static struct leat_rpc_client *client;
static bool is_udp;

static struct leat_rpc_call *anew(void) {
        leat_xdr_arena_reset(&arena);
        call = leat_rpc_call_until(leat_in_s(60), &arena);
        return &call;
}

static void call_with_values(uint64_t seed) {
        struct leat_xdr_arena values = { 0 };
        for (int i = 0; i < 200; i++) {
                struct peers_everything value, result;
                leat_xdr_arena_reset(&values);
                CHECK(leat_xdr_random(peers_everything_type(), &seed, 2000, &values, &value) == 0);
                last = peers_negate_1(client, &value, &result, anew());
                CHECK(last == 0);
                value.number = (int32_t) - (uint32_t)value.number;
                CHECK(leat_xdr_compare(peers_everything_type(), &value, &result) == 0);
        }
        leat_xdr_arena_free(&values);
}

static void call_with_sizes(void) {
        static const uint32_t sizes[] = { 0, 1, 3, 4, 5, 1000, 8000, 9000, 65536, 100001, PEERS_LARGEST };
        static uint8_t bytes[PEERS_LARGEST];
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && (!is_udp || sizes[i] <= 8000); i++) {
                peers_blob made, argument = { bytes, sizes[i] };
                uint32_t sum = 0, counted;
                last = peers_make_1(client, sizes[i], &made, anew());
                CHECK(last == 0);
                CHECK(made.size_bytes == sizes[i]);
                for (uint32_t k = 0; k < sizes[i]; k++) {
                        CHECK(((const uint8_t *)made.bytes)[k] == (uint8_t)k);
                        bytes[k] = (uint8_t)(k * 3);
                        sum += bytes[k];
                }
                last = peers_count_1(client, &argument, &counted, anew());
                CHECK(last == 0);
                CHECK(counted == sum);
        }
}

static void call_many_at_once(void) {
        static struct leat_rpc_call calls[IN_FLIGHT];
        static int32_t sums[IN_FLIGHT];
        bool seen[IN_FLIGHT] = { false };
        for (int i = 0; i < IN_FLIGHT; i++) {
                struct peers_pair pair = { i, 1000 };
                calls[i] = leat_rpc_call_until(leat_in_s(60), &arena);
                last = leat_rpc_start(client, &peers_1_program, 2, &pair, &sums[i], &calls[i]);
                CHECK(last == 0);
        }
        for (int i = 0; i < IN_FLIGHT; i++) {
                struct leat_rpc_call *over = NULL;
                last = leat_rpc_next(client, leat_in_s(60), &over);
                CHECK(last == 0);
                last = over->error;
                CHECK(last == 0);
                CHECK(!seen[over - calls] && sums[over - calls] == (int)(over - calls) + 1000);
                seen[over - calls] = true;
        }
}

/* ---- errors ---- */

/* A procedure as the interface does not have it. */
static int call_as(uint32_t number, uint32_t version, uint32_t procedure, uint32_t argument_node,
                   const void *argument) {
        struct leat_rpc_procedure wrong = { .number = procedure, .argument = argument_node, .name = "WRONG" };
        struct leat_rpc_program program = { "WRONG", number, version, 1, &wrong, peers_pair_type().schema };
        return last = leat_rpc_call(client, &program, 0, argument, NULL, anew());
}

static void call_wrongly(bool has_weak) {
        struct peers_pair pair = { 1, 2 };
        uint32_t pair_node = peers_pair_type().node;
        int32_t result;
        CHECK(call_as(PEERS_PROGRAM, 1, 77, 0, NULL) == -EPROTO && call.status == LEAT_RPC_PROCEDURE_UNAVAILABLE);
        CHECK(call.ran == LEAT_RPC_NOT_RUN);
        CHECK(call_as(PEERS_PROGRAM, 9, 2, pair_node, &pair) == -EPROTO && call.status == LEAT_RPC_VERSION_MISMATCH);
        CHECK(call.ran == LEAT_RPC_NOT_RUN && call.low == 1 && call.high == 1);
        CHECK(call_as(PEERS_PROGRAM + 1, 1, 2, pair_node, &pair) == -EPROTO);
        CHECK(call.ran == LEAT_RPC_NOT_RUN && call.status == LEAT_RPC_PROGRAM_UNAVAILABLE);
        CHECK(call_as(PEERS_PROGRAM, 1, 1, pair_node, &pair) == -EPROTO && call.status == LEAT_RPC_GARBAGE_ARGUMENTS);
        CHECK(call.ran == LEAT_RPC_NOT_RUN);
        last = peers_fail_1(client, &result, anew());
        CHECK(last == -EPROTO && call.status == LEAT_RPC_SYSTEM_ERROR && call.ran == LEAT_RPC_RAN);
        if (!has_weak)
                return;
        CHECK(call_as(PEERS_PROGRAM, 1, WEAK, 0, NULL) == -EPROTO && call.status == LEAT_RPC_AUTH_ERROR &&
              call.low == 5);
        CHECK(call.ran == LEAT_RPC_NOT_RUN);
}

static void check_client(const char *address, const char *seed, bool is_plain, bool is_theirs) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_rpc_client_info info = { .size = sizeof(info) };
        struct leat_rpc_auth_sys auth;
        struct leat_reason reason = { .text = NULL };
        uint32_t uid;

        leat_rpc_auth_sys_own(&auth);
        options.flags = is_plain ? LEAT_RPC_PLAIN : 0;
        options.auth_sys = &auth;
        last = leat_rpc_connect(address, &options, leat_in_s(60), &reason, &client);
        CHECK(last == 0);
        last = peers_nothing_1(client, anew());
        CHECK(last == 0);
        last = peers_who_1(client, &uid, anew());
        CHECK(last == 0);
        CHECK(uid == geteuid());
        call_with_values(strtoull(seed, NULL, 10));
        call_with_sizes();
        call_many_at_once();
        call_wrongly(is_theirs);
        last = leat_rpc_client_info(client, &info);
        CHECK(last == 0);
        CHECK(info.is_leat == !(is_theirs || is_plain));
        CHECK(info.connected <= 1 && info.in_flight == 0);
        leat_rpc_client_free(client);
}

int main(int argc, char **argv) {
        if (argc != 5) {
                fprintf(stderr, "usage: %s ADDRESS SEED plain|asks theirs|ours\n", argv[0]);
                return 2;
        }
        is_udp = strncmp(argv[1], "udp:", 4) == 0;
        check_client(argv[1], argv[2], strcmp(argv[3], "plain") == 0, strcmp(argv[4], "theirs") == 0);
        leat_xdr_arena_free(&arena);
        return 0;
}
