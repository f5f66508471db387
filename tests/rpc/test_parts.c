/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "rpc/rpc_message.h"
#include "rpc/xdr_parts.h"
#include "store.h"

#include <errno.h>
#include <leat.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Large arguments: they go from where they are, whatever becomes of the call, and what they took of memory is given back. */

#define SOON harness_deadline_ms(40000)
#define LARGE ((size_t)3 << 20)
#define LARGEST ((size_t)64 << 20)
#define LARGE_BY_CHANNEL "?size=256M"

/* ---- the message ---- */

static store_text make_text(size_t size) {
        char *text = malloc(size + 1);
        CHECK(text != NULL);
        for (size_t i = 0; i < size; i++)
                text[i] = (char)('a' + i * 7 % 26);
        text[size] = '\0';
        return (store_text){ text, (uint32_t)size };
}

static size_t join_all(const struct iovec *iovecs, int count, uint8_t *ret_bytes) {
        size_t size = 0;
        for (int i = 0; i < count; i++) {
                memcpy(ret_bytes + size, iovecs[i].iov_base, iovecs[i].iov_len);
                size += iovecs[i].iov_len;
        }
        return size;
}

static void check_message(size_t size) {
        struct leat_xdr_type type = { store_1_program.schema, store_1_program.procedures[1].argument };
        struct leat_xdr_buffer whole = { 0 }, buffer = { 0 };
        struct xdr_parts parts = { 0 };
        struct iovec iovecs[XDR_PARTS_IOVECS];
        store_text text = make_text(size);
        printf("%zu bytes\n", size);
        CHECK_EQ(leat_xdr_encode(type, &text, &whole, NULL), 0);
        CHECK_EQ(xdr_encode_parts(type, &text, &buffer, &parts, NULL), 0);
        CHECK_EQ(parts.count, size >= XDR_PART_LEAST);
        CHECK_EQ(buffer.size_bytes + parts.bytes, whole.size_bytes);
        uint8_t *joined = malloc(whole.size_bytes + 1);
        int count = xdr_parts_gather(&parts, &buffer, 0, iovecs);
        CHECK_EQ(join_all(iovecs, count, joined), whole.size_bytes);
        CHECK(memcmp(joined, whole.bytes, whole.size_bytes) == 0);
        CHECK_EQ(xdr_parts_join(&parts, &buffer), 0);
        CHECK_EQ(parts.count, 0);
        CHECK_EQ(buffer.size_bytes, whole.size_bytes);
        CHECK(memcmp(buffer.bytes, whole.bytes, whole.size_bytes) == 0);
        free(joined);
        free((void *)(uintptr_t)text.text);
        leat_xdr_buffer_free(&whole);
        leat_xdr_buffer_free(&buffer);
}

TEST(a_message_in_parts_is_the_same) {
        for (size_t size = XDR_PART_LEAST - 9; size < XDR_PART_LEAST + 9; size++)
                check_message(size);
        check_message(0);
        check_message(LARGE + 1);
}

/* ---- places ---- */

TEST(a_place_is_idle_after_a_row_of_small_ones) {
        struct rpc_place place = { 0 };
        CHECK_EQ(rpc_place_make(&place, 1 << 20), 0);
        for (unsigned i = 0; i < 3 * RPC_PLACE_ROW; i++) { /* a large one among them now and then */
                rpc_place_used(&place, i % (RPC_PLACE_ROW / 2) == 0 ? 1 << 18 : 100);
                CHECK(!rpc_place_is_idle(&place, 1000));
        }
        for (unsigned i = 0; i < RPC_PLACE_ROW; i++)
                rpc_place_used(&place, 100);
        CHECK(rpc_place_is_idle(&place, 1000));
        CHECK(!rpc_place_is_idle(&place, 1 << 20));
        CHECK_EQ(rpc_place_make(&place, 1000), 0);
        CHECK(!rpc_place_is_idle(&place, 100));
        free(place.bytes);
}

/* ---- calls ---- */

static const char *const addresses[] = { "tcp:127.0.0.1:0", "unix:@leat-test-parts-", "shm:@leat-test-parts-" };
#define ADDRESSES (sizeof(addresses) / sizeof(addresses[0]))

struct meeting {
        struct harness_event *listens;
        char address[200];
        atomic_uint stored, wrong;
};
static struct meeting *meeting;

static int count(uint32_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        *ret_result = meeting->stored;
        return 0;
}

static int store(const store_text *text, uint32_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        for (size_t i = 0; i < text->size_bytes; i++)
                if (text->text[i] != (char)('a' + i * 7 % 26)) {
                        meeting->wrong++;
                        break;
                }
        meeting->stored++;
        *ret_result = (uint32_t)text->size_bytes;
        return 0;
}

static void serve(void *argument) {
        static const struct store_1_functions functions = { .count = count, .store = store };
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        struct leat_rpc_server *server;
        options.request_bytes_max = 2 * LARGEST;
        options.peer_bytes_max = 4 * LARGEST;
        options.bytes_max = 8 * LARGEST;
        CHECK_EQ(leat_rpc_server_create(&options, &server), 0);
        CHECK_EQ(leat_rpc_server_add(server, store_1_server(&functions, NULL)), 0);
        CHECK_EQ(leat_rpc_server_listen(server, argument, SOON, NULL), 0);
        CHECK(leat_rpc_server_address(server, 0, meeting->address, sizeof(meeting->address)) > 0);
        harness_event_signal(meeting->listens);
        (void)leat_rpc_server_run(server, LEAT_NEVER);
}

static pid_t begin(const char *address, struct leat_rpc_client **ret_client) {
        char name[100];
        if (address[0] == 't')
                snprintf(name, sizeof(name), "%s", address);
        else
                snprintf(name, sizeof(name), "%s%d%s", address, (int)getpid(),
                         address[0] == 's' ? LARGE_BY_CHANNEL : "");
        printf("%s\n", name);
        meeting = harness_shared(sizeof(*meeting));
        meeting->listens = harness_event_new();
        pid_t server = harness_fork(serve, name);
        harness_event_wait(meeting->listens);
        CHECK_EQ(leat_rpc_connect(address[0] == 's' ? name : meeting->address, NULL, SOON, NULL, ret_client), 0);
        return server;
}

/* deadline: after it the argument is overwritten and gone. */
static int call_store(struct leat_rpc_client *client, size_t size, int64_t deadline, struct leat_rpc_call *ret_call) {
        struct leat_xdr_arena arena = { 0 };
        store_text text = make_text(size);
        uint32_t result = 0;
        *ret_call = leat_rpc_call_until(deadline, &arena);
        int r = store_store_1(client, &text, &result, ret_call);
        if (r == 0)
                CHECK_EQ(result, size);
        memset((void *)(uintptr_t)text.text, '#', size);
        free((void *)(uintptr_t)text.text);
        leat_xdr_arena_free(&arena);
        return r;
}

static void check_given_up(const char *address) {
        struct leat_rpc_client *client;
        struct leat_rpc_call call;
        pid_t server = begin(address, &client);
        CHECK_EQ(call_store(client, 10, SOON, &call), 0);
        for (unsigned i = 0; i < 3; i++) {
                unsigned stored = meeting->stored;
                CHECK_EQ(kill(server, SIGSTOP), 0);
                CHECK_EQ(call_store(client, 4 * LARGE, leat_in_ms(20), &call),
                         -ETIMEDOUT); /* more than goes into any socket */
                CHECK_EQ(kill(server, SIGCONT), 0);
                CHECK_EQ(call_store(client, LARGE + i, SOON, &call), 0);
                CHECK_EQ(call.ran, LEAT_RPC_RAN);
                CHECK(meeting->stored - stored == 1 || meeting->stored - stored == 2);
                CHECK_EQ(meeting->wrong, 0);
        }
        leat_rpc_client_free(client);
        harness_kill(server);
}

TEST(an_argument_is_its_callers_again_after_the_deadline) {
        for (size_t i = 0; i < ADDRESSES; i++)
                check_given_up(addresses[i]);
}

/* Of a process; the sanitizers keep what was freed. */
static size_t resident_bytes(pid_t pid) {
        char path[64];
        unsigned long all = 0, resident = 0;
        snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
        FILE *file = fopen(path, "re");
        CHECK(file != NULL);
        CHECK_EQ(fscanf(file, "%lu %lu", &all, &resident), 2);
        fclose(file);
        return resident * (size_t)getpagesize();
}

/* What is freed goes back to the system at once, also below the 32 MiB up to which the allocator learns to keep it. */
static void free_for_good(void) {
#ifdef __GLIBC__
        CHECK(SANITIZED || mallopt(M_MMAP_THRESHOLD, 128 << 10) == 1);
#endif
}

static void check_given_back(const char *address) {
        const size_t size = LARGEST;
        struct leat_rpc_client *client;
        struct leat_rpc_call call;
        free_for_good();
        pid_t server = begin(address, &client);
        CHECK_EQ(call_store(client, 10, SOON, &call), 0);
        size_t here = resident_bytes(getpid()), there = resident_bytes(server);
        CHECK_EQ(call_store(client, size, SOON, &call), 0);
        for (unsigned i = 0; i < 3 * RPC_PLACE_ROW; i++)
                CHECK_EQ(call_store(client, 10, SOON, &call), 0);
        printf("grew by %zd KiB here, %zd KiB there\n", ((ssize_t)resident_bytes(getpid()) - (ssize_t)here) / 1024,
               ((ssize_t)resident_bytes(server) - (ssize_t)there) / 1024);
        CHECK(SANITIZED || resident_bytes(getpid()) < here + size / 3);
        CHECK(SANITIZED || resident_bytes(server) < there + size / 3);
        CHECK_EQ(meeting->wrong, 0);
        leat_rpc_client_free(client);
        harness_kill(server);
}

TEST(memory_of_a_large_call_by_a_stream_is_given_back) {
        check_given_back("tcp:127.0.0.1:0");
        check_given_back("unix:@leat-test-parts-");
}

TEST(memory_of_a_large_call_by_shared_memory_is_given_back) {
        check_given_back("shm:@leat-test-parts-");
}

TEST_MAIN()
