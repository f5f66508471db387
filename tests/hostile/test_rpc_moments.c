/* SPDX-License-Identifier: MIT */
#include "rpc_victim.h"
#include "torture.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Moments: another thread forks while a connection comes, there is no memory when a request is kept, and many large requests of one peer come at once. */

#define MIB ((size_t)1 << 20)
#define OTHER_PEER "127.0.0.2" /* its limits are its own */

static struct leat_rpc_server *serve(const char *address, struct leat_rpc_server *server, char text[128]) {
        CHECK(server && leat_rpc_server_listen(server, address, LEAT_NOW, NULL) == 0);
        CHECK(leat_rpc_server_address(server, 0, text, 128) > 0);
        return server;
}

/* ---- a fork ---- */

static pid_t child;

/* Between the first accept4() and the second one: each time one call later, of which the first is accept4() itself. No thread forks within that. */
static void fork_here(void) {
        static unsigned calls;
        if (torture_counted() != 1 || calls++ == 0)
                return;
        child = fork();
        CHECK(child >= 0);
        while (child == 0)
                pause();
}

/* The child has no part in the connection: its end is seen though the child lives. */
TEST(a_connection_that_comes_during_a_fork_has_one_owner) {
        unsigned forks = 0;
        bool met = true;
        victim_meet();
        for (unsigned n = 1; met; n++) {
                char address[128];
                uint8_t byte;
                child = 0;
                struct leat_rpc_server *server = serve("tcp:127.0.0.1:0", victim_make(NULL), address);
                int fd = attacker_connect(address, NULL);
                torture_count("accept4");
                torture_meet(n, fork_here);
                for (int step = 0; step < 3; step++)
                        CHECK(leat_rpc_server_step(server, LEAT_NOW) != -ENOENT);
                met = torture_met();
                leat_rpc_server_free(server);
                harness_wait_readable(fd);
                CHECK_EQ(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
                close(fd);
                forks += child > 0;
                if (child > 0)
                        harness_kill(child);
        }
        CHECK(forks > 0);
}

/* ---- no memory ---- */

enum { NODE_BORROWED = 1, NODE_NUMBER };
static const struct leat_xdr_node nodes[] = {
        { .kind = LEAT_XDR_KIND_VOID },
        { .kind = LEAT_XDR_KIND_BYTES,
          .flags = LEAT_XDR_FLAG_BORROWED,
          .bound = LEAT_XDR_UNBOUNDED,
          .size = sizeof(struct leat_xdr_bytes),
          .wire_min = 4 },
        { .kind = LEAT_XDR_KIND_UNSIGNED, .size = 4, .wire_min = 4 },
};
static const struct leat_xdr_schema schema = { .nodes = nodes + 1,
                                               .names = "",
                                               .node_count = 3,
                                               .version = LEAT_XDR_SCHEMA };
static const struct leat_rpc_procedure procedures[] = {
        { .number = 1, .argument = NODE_BORROWED, .result = NODE_NUMBER, .name = "KEEP" },
};
static const struct leat_rpc_program program = { "KEEPS", 0x20000701, 1, 1, procedures, &schema };

static struct leat_rpc_request *kept;
static const struct leat_xdr_bytes *kept_argument;

/* From here on there is no memory: what follows is the keeping of the request. */
static int keep(uint32_t index, const void *functions, const void *argument, void *result,
                struct leat_rpc_request *request, void *userdata) {
        (void)index, (void)functions, (void)result, (void)userdata;
        kept = request;
        kept_argument = argument;
        torture_start(TORTURE_MEMORY, 1, ENOMEM);
        return LEAT_RPC_LATER;
}

static void put_kept(struct leat_xdr_buffer *all, uint32_t xid) {
        static uint8_t letters[1000];
        struct leat_xdr_buffer message = { 0 };
        memset(letters, 'k', sizeof(letters));
        put_word(&message, 0);
        put_call_of(&message, xid, program.number, 1, 1);
        put_opaque(&message, letters, sizeof(letters));
        put_mark(&message);
        CHECK_EQ(leat_xdr_buffer_reserve(all, message.size_bytes), 0);
        memcpy(all->bytes + all->size_bytes, message.bytes, message.size_bytes);
        all->size_bytes += message.size_bytes;
        leat_xdr_buffer_free(&message);
}

/* A request whose argument lies in what was read, with another one behind it: that one and the connection go, and the argument stays. */
TEST(what_is_borrowed_stays_without_memory_to_keep_it) {
        static const struct leat_rpc_service service = { &program, keep, NULL, NULL };
        struct leat_xdr_buffer records = { 0 };
        const char *failed = NULL;
        char address[128];
        uint8_t byte;
        victim_meet();
        struct leat_rpc_server *server = victim_make(NULL);
        CHECK(server && leat_rpc_server_add(server, service) == 0);
        serve("unix:moments", server, address);
        int fd = attacker_connect(address, NULL);
        put_kept(&records, 1);
        put_kept(&records, 2);
        CHECK_EQ(send_bytes(fd, records.bytes, records.size_bytes), records.size_bytes);
        WAIT_UNTIL(leat_rpc_server_step(server, leat_in_ms(20)) >= 0 && kept);
        CHECK(torture_stop(&failed));
        CHECK_STR(failed, "malloc");
        while (leat_rpc_server_step(server, leat_in_ms(20)) >= 0)
                ;
        CHECK_EQ(kept_argument->size_bytes, 1000);
        for (size_t i = 0; i < 1000; i++)
                CHECK_EQ(((const uint8_t *)kept_argument->bytes)[i], 'k');
        CHECK_EQ(leat_rpc_request_answer(kept, 0), -EPIPE);
        CHECK(recv(fd, &byte, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN);
        close(fd);
        leat_rpc_server_free(server);
        leat_xdr_buffer_free(&records);
}

/* ---- no room ---- */

enum { LARGE_ONES = 24 };

static struct leat_xdr_buffer large;
static struct harness_event *go_on;

/* Who is not read waits in send(). */
static void send_in_halves(void *argument) {
        size_t cut = large.size_bytes / 2;
        int fd = *(int *)argument;
        CHECK_EQ(send_bytes(fd, large.bytes, cut), cut);
        harness_event_wait(go_on);
        CHECK_EQ(send_bytes(fd, large.bytes + cut, large.size_bytes - cut), large.size_bytes - cut);
}

/* Each sends half of its request before any sends the other half: together they are more than their share, and each of them is needed to end one of them. */
TEST(many_large_requests_of_one_peer_all_get_through) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        uint8_t *bytes = calloc(1, MIB + 100);
        pid_t senders[LARGE_ONES];
        int fds[LARGE_ONES];
        options.request_bytes_max = MIB;
        options.peer_bytes_max = 4 * MIB;
        go_on = harness_event_new();
        pid_t server = victim_begin(&options, 0);
        put_word(&large, 0);
        put_call(&large, 9, VICTIM_ECHO);
        put_opaque(&large, bytes, MIB - 100);
        put_mark(&large);
        for (int i = 0; i < LARGE_ONES; i++) {
                fds[i] = attacker_connect(victim_told->tcp, OTHER_PEER);
                senders[i] = harness_fork(send_in_halves, &fds[i]);
        }
        WAIT_UNTIL(victim_told->bytes >= 4 * MIB);
        for (int i = 0; i < LARGE_ONES; i++)
                harness_event_signal(go_on);
        for (int i = 0; i < LARGE_ONES; i++) {
                CHECK_EQ(read_record(fds[i], bytes, MIB + 100), 24 + 4 + MIB - 100);
                CHECK_EQ(harness_wait(senders[i]), 0);
                close(fds[i]);
        }
        victim_end(server);
        leat_xdr_buffer_free(&large);
        free(bytes);
}

TEST_MAIN()
