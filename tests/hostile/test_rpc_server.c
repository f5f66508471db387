/* SPDX-License-Identifier: MIT */

/* Strangers attack a server of calls. Each is answered without harm to the others, and within bounds. */

#include "hostile.h"
#include "rpc_victim.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define OTHER_PEER "127.0.0.2" /* its limits are its own */

/* ---- half a record ---- */

struct stalled {
        int fd;
        size_t cut;
};

/* A call of ECHO with its mark. */
static void put_record(struct leat_xdr_buffer *buffer, uint32_t xid) {
        static const uint8_t bytes[1000];
        buffer->size_bytes = 0;
        put_word(buffer, 0);
        put_call(buffer, xid, VICTIM_ECHO);
        put_opaque(buffer, bytes, sizeof(bytes));
        put_mark(buffer);
}

static struct stalled stall(const char *address, uint32_t xid, size_t cut) {
        struct leat_xdr_buffer record = { 0 };
        struct stalled stalled = { attacker_connect(address, NULL), cut };
        put_record(&record, xid);
        CHECK_EQ(send_bytes(stalled.fd, record.bytes, cut), cut);
        leat_xdr_buffer_free(&record);
        return stalled;
}

static void finish(struct stalled *stalled, uint32_t xid) {
        struct leat_xdr_buffer record = { 0 };
        uint8_t reply[2000];
        put_record(&record, xid);
        CHECK_EQ(send_bytes(stalled->fd, record.bytes + stalled->cut, record.size_bytes - stalled->cut),
                 record.size_bytes - stalled->cut);
        CHECK_EQ(read_record(stalled->fd, reply, sizeof(reply)), 24 + 4 + 1000);
        CHECK_EQ(word_at(reply, 0), xid);
        CHECK_EQ(word_at(reply, 6), 1000);
        leat_xdr_buffer_free(&record);
        close(stalled->fd);
}

TEST(half_a_record_holds_up_nobody) {
        static const size_t cuts[] = { 0, 2, 4, 5, 44, 48, 600, 1046, 1047 };
        enum { CUTS = sizeof(cuts) / sizeof(cuts[0]) };
        struct stalled stalled[2 * CUTS];
        pid_t server = victim_begin(NULL, 0);
        struct leat_rpc_client *client = victim_client(victim_told->tcp);
        for (uint32_t i = 0; i < 2 * CUTS; i++) {
                stalled[i] = stall(i % 2 ? victim_told->tcp : victim_told->unix_stream, i, cuts[i / 2]);
                victim_check_serves(client);
        }
        for (int i = 0; i < 100; i++)
                victim_check_serves(client);
        victim_check_serves_all();
        for (uint32_t i = 0; i < 2 * CUTS; i++)
                finish(&stalled[i], i);
        leat_rpc_client_free(client);
        victim_end(server);
}

/* ---- records that are too large, or in too many pieces ---- */

/* Send this again and again until the other end has had enough: after how many bytes. */
static size_t send_until_cut_off(const char *address, const uint8_t *bytes, size_t size, size_t most) {
        unsigned long refused = victim_told->refused;
        int fd = attacker_connect(address, OTHER_PEER);
        size_t sent = 0, n = size;
        for (; n == size && sent < most; sent += n)
                n = send_bytes(fd, bytes, size);
        CHECK(sent < most);
        WAIT_UNTIL(victim_told->refused == refused + 1);
        close(fd);
        return sent;
}

static void check_is_cut_off(pid_t server, const char *address, const uint8_t *piece, size_t piece_bytes) {
        static uint8_t pieces[MIB / 16];
        size_t size = sizeof(pieces) / piece_bytes * piece_bytes, before = resident_bytes(server);
        for (size_t i = 0; i < size; i += piece_bytes)
                memcpy(pieces + i, piece, piece_bytes);
        size_t sent = send_until_cut_off(address, pieces, size, 32 * MIB);
        printf("%zu bytes of %s were sent until it was cut off\n", sent, address);
        CHECK(victim_told->bytes < MIB);
        if (!SANITIZED)
                CHECK(resident_bytes(server) < before + 8 * MIB);
        victim_check_serves_all();
}

TEST(a_record_without_end_is_cut_off) {
        static const uint8_t one_byte[] = { 0, 0, 0, 1, 'x' }, nothing[] = { 0, 0, 0, 0 };
        static const uint8_t half[] = { 0x7f, 0xff, 0xff, 0xff }, all[] = { 0xff, 0xff, 0xff, 0xff };
        static const uint8_t more[] = { 0, 0x10, 0, 4 }; /* than 1 MiB, and not the last one */
        pid_t server = victim_begin(NULL, 0);
        for (int i = 0; i < 2; i++) {
                const char *address = i ? victim_told->unix_stream : victim_told->tcp;
                check_is_cut_off(server, address, one_byte, sizeof(one_byte));
                check_is_cut_off(server, address, nothing, sizeof(nothing));
                check_is_cut_off(server, address, half, sizeof(half));
                check_is_cut_off(server, address, all, sizeof(all));
                check_is_cut_off(server, address, more, sizeof(more));
        }
        victim_end(server);
}

/* Not a byte of them waits in memory for longer than they do in the socket. */
TEST(garbage_harms_nobody) {
        pid_t server = victim_begin(NULL, 0);
        struct leat_rpc_client *client = victim_client(victim_told->unix_stream);
        int open[50];
        for (unsigned i = 0; i < 400; i++) {
                uint8_t bytes[4096];
                size_t size = harness_random_below(sizeof(bytes));
                int fd = attacker_connect(i % 2 ? victim_told->tcp : victim_told->unix_stream, NULL);
                for (size_t k = 0; k < size; k++)
                        bytes[k] = (uint8_t)harness_random();
                if (size > 4 && i % 4 < 2) /* as one record */
                        leat_xdr_put_32(bytes, (uint32_t)(size - 4) | UINT32_C(0x80000000));
                (void)send_bytes(fd, bytes, size);
                if (i % 8 == 0)
                        open[i / 8] = fd;
                else
                        close(fd);
                victim_check_serves(client);
        }
        for (int i = 0; i < 50; i++)
                close(open[i]);
        WAIT_UNTIL(victim_told->connections == 1);
        victim_check_serves_all();
        leat_rpc_client_free(client);
        victim_end(server);
}

/* ---- a call over udp that takes long ---- */

TEST(a_foreign_client_that_retransmits_has_run_it_once) {
        struct leat_xdr_buffer message = { 0 };
        uint8_t first[200], reply[200];
        pid_t server = victim_begin(NULL, 0);
        int fd = attacker_connect(victim_told->udp, NULL);
        for (int i = 0; i < 20; i++) {
                put_call(&message, 7, VICTIM_HOLD);
                put_word(&message, 5);
                send_datagram(fd, &message);
        }
        put_call(&message, 8, VICTIM_NULL); /* all before this one were received when it is answered */
        send_datagram(fd, &message);
        CHECK_EQ(read_datagram(fd, reply, sizeof(reply)), 24);
        CHECK_EQ(word_at(reply, 0), 8);
        harness_event_wait(victim_held);
        harness_event_signal(victim_go_on);
        CHECK_EQ(read_datagram(fd, first, sizeof(first)), 28);
        CHECK_EQ(word_at(first, 0), 7);
        for (int i = 0; i < 5; i++) {
                put_call(&message, 7, VICTIM_HOLD);
                put_word(&message, 5);
                send_datagram(fd, &message);
                CHECK_EQ(read_datagram(fd, reply, sizeof(reply)), 28);
                CHECK_MEM(reply, first, 28);
        }
        CHECK_EQ(victim_told->ran[VICTIM_HOLD], 1);
        WAIT_UNTIL(victim_told->replayed == 5);
        /* The same number with other arguments is another call. */
        put_call(&message, 7, VICTIM_ECHO);
        put_opaque(&message, "new", 3);
        send_datagram(fd, &message);
        CHECK_EQ(read_datagram(fd, reply, sizeof(reply)), 32);
        CHECK_EQ(victim_told->ran[VICTIM_ECHO], 1);
        close(fd);
        leat_xdr_buffer_free(&message);
        victim_end(server);
}

static struct leat_rpc_client_info info_of_client(struct leat_rpc_client *client) {
        struct leat_rpc_client_info info = { .size = sizeof(info) };
        CHECK_EQ(leat_rpc_client_info(client, &info), 0);
        return info;
}

TEST(a_client_of_leat_that_retransmits_has_run_it_once) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_rpc_client *client;
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call call = leat_rpc_call_until(harness_deadline_ms(50000), &arena), *over = NULL;
        uint32_t argument = 5, result = 0;
        options.retransmit_first_ns = 1000000;
        pid_t server = victim_begin(NULL, 0);
        CHECK_EQ(leat_rpc_connect(victim_told->udp, &options, harness_deadline_ms(20000), NULL, &client), 0);
        CHECK_EQ(leat_rpc_start(client, &victim_program, VICTIM_HOLD, &argument, &result, &call), 0);
        while (info_of_client(client).retransmitted < 5)
                CHECK_EQ(leat_rpc_next(client, harness_deadline_ms(5), &over), -ETIMEDOUT);
        harness_event_wait(victim_held);
        harness_event_signal(victim_go_on);
        CHECK_EQ(leat_rpc_next(client, harness_deadline_ms(50000), &over), 0);
        CHECK(over == &call);
        CHECK_EQ(call.error, 0);
        CHECK_EQ(result, 5);
        CHECK_EQ(victim_told->ran[VICTIM_HOLD], 1);
        victim_check_serves(client);
        leat_xdr_arena_free(&arena);
        leat_rpc_client_free(client);
        victim_end(server);
}

/* ---- one that never reads its replies ---- */

static void ask_for_big(int fd, uint32_t count, uint32_t bytes) {
        struct leat_xdr_buffer message = { 0 };
        for (uint32_t i = 0; i < count; i++) {
                put_call(&message, i, VICTIM_BIG);
                put_word(&message, bytes);
                send_record(fd, &message);
        }
        leat_xdr_buffer_free(&message);
}

/* While much waits for it others are served, and it does not become more. */
static void check_serves_within_bounds(struct leat_rpc_client *client) {
        for (int i = 0; i < 100; i++) {
                victim_check_serves(client);
                CHECK(victim_told->bytes <= 8 * MIB);
        }
        victim_check_serves_all();
}

TEST(replies_that_nobody_reads_are_bounded_and_none_is_lost) {
        enum { CALLS = 60 };
        static uint8_t reply[MIB + 100];
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.peer_bytes_max = 4 * MIB;
        bool seen[CALLS] = { 0 };
        pid_t server = victim_begin(&options, 0);
        struct leat_rpc_client *client = victim_client(victim_told->tcp);
        int fd = attacker_connect(victim_told->tcp, OTHER_PEER);
        ask_for_big(fd, CALLS, MIB);
        WAIT_UNTIL(victim_told->bytes >= 3 * MIB);
        check_serves_within_bounds(client);
        CHECK(victim_told->ran[VICTIM_BIG] < CALLS / 2);
        for (int i = 0; i < CALLS; i++) {
                CHECK_EQ(read_record(fd, reply, sizeof(reply)), 28 + MIB);
                CHECK(word_at(reply, 0) < CALLS && !seen[word_at(reply, 0)]);
                seen[word_at(reply, 0)] = true;
        }
        CHECK_EQ(victim_told->ran[VICTIM_BIG], CALLS);
        close(fd);
        leat_rpc_client_free(client);
        victim_end(server);
}

/* What a user has in memory is limited in all: the one of his connections that stalls makes room for the others. */
TEST(one_that_never_reads_holds_up_no_other_of_the_same_user) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.peer_bytes_max = 4 * MIB;
        pid_t server = victim_begin(&options, 0);
        int fd = attacker_connect(victim_told->unix_stream, NULL);
        ask_for_big(fd, 60, MIB);
        WAIT_UNTIL(victim_told->bytes >= 3 * MIB);
        struct leat_rpc_client *client = victim_client(victim_told->unix_stream);
        check_serves_within_bounds(client);
        close(fd);
        leat_rpc_client_free(client);
        victim_end(server);
}

/* It goes away with replies of it in memory, and calls that are not yet run. */
TEST(who_goes_away_without_reading_leaves_nothing_behind) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.peer_bytes_max = 2 * MIB;
        pid_t server = victim_begin(&options, 0);
        for (int round = 0; round < 20; round++) {
                int fd = attacker_connect(round % 2 ? victim_told->tcp : victim_told->unix_stream, OTHER_PEER);
                ask_for_big(fd, 20, MIB / 2);
                WAIT_UNTIL(victim_told->bytes >= MIB);
                close(fd);
                WAIT_UNTIL(victim_told->connections == 0 && victim_told->bytes < MIB / 2);
        }
        victim_check_serves_all();
        victim_end(server);
}

/* ---- limits of a peer ---- */

static void hold_many(int fd, uint32_t first, uint32_t count) {
        struct leat_xdr_buffer message = { 0 };
        for (uint32_t i = first; i < first + count; i++) {
                put_call(&message, i, VICTIM_HOLD);
                put_word(&message, i);
                send_record(fd, &message);
        }
        leat_xdr_buffer_free(&message);
}

static void take_held(int fd, uint32_t first, uint32_t count) {
        bool seen[64] = { 0 };
        for (uint32_t i = 0; i < count; i++) {
                uint8_t reply[100];
                CHECK_EQ(read_record(fd, reply, sizeof(reply)), 28);
                uint32_t which = word_at(reply, 0) - first;
                CHECK(which < count && !seen[which]);
                CHECK_EQ(word_at(reply, 6), which + first);
                seen[which] = true;
        }
}

TEST(calls_of_a_peer_are_limited_and_others_do_not_notice) {
        enum { CALLS = 20 };
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.calls_max = 8;
        options.peer_calls_max = 4;
        pid_t server = victim_begin(&options, 0);
        struct leat_rpc_client *client = victim_client(victim_told->tcp);
        int one = attacker_connect(victim_told->tcp, OTHER_PEER), two = attacker_connect(victim_told->tcp, OTHER_PEER);
        hold_many(one, 0, CALLS);
        hold_many(two, 100, CALLS);
        for (int i = 0; i < 4; i++)
                harness_event_wait(victim_held);
        for (int i = 0; i < 50; i++)
                victim_check_serves(client);
        victim_check_serves_all();
        CHECK_EQ(victim_told->ran[VICTIM_HOLD], 4);
        for (int i = 0; i < 2 * CALLS; i++) {
                harness_event_signal(victim_go_on);
                if (i + 4 < 2 * CALLS)
                        harness_event_wait(victim_held); /* each that is answered makes room for one */
        }
        take_held(one, 0, CALLS);
        take_held(two, 100, CALLS);
        CHECK_EQ(victim_told->ran[VICTIM_HOLD], 2 * CALLS);
        close(one);
        close(two);
        leat_rpc_client_free(client);
        victim_end(server);
}

TEST(calls_in_all_are_limited_and_none_is_lost) {
        enum { PEERS = 8, CALLS = 5 };
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.calls_max = 6;
        options.threads = 2;
        int fds[PEERS];
        pid_t server = victim_begin(&options, 0);
        for (uint32_t i = 0; i < PEERS; i++) {
                char from[32];
                snprintf(from, sizeof(from), "127.0.0.%u", i + 2);
                fds[i] = attacker_connect(i % 2 ? victim_told->tcp : victim_told->unix_stream, from);
                hold_many(fds[i], 100 * i, CALLS);
        }
        for (int i = 0; i < PEERS * CALLS; i++) {
                harness_event_wait(victim_held);
                CHECK(victim_told->running <= 6);
                if (i >= 5)
                        harness_event_signal(victim_go_on);
        }
        for (int i = 0; i < 5; i++)
                harness_event_signal(victim_go_on);
        for (uint32_t i = 0; i < PEERS; i++) {
                take_held(fds[i], 100 * i, CALLS);
                close(fds[i]);
        }
        victim_check_serves_all();
        victim_end(server);
}

TEST(connections_of_a_peer_are_limited) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.peer_connections_max = 3;
        int fds[12];
        pid_t server = victim_begin(&options, 0);
        struct leat_rpc_client *client = victim_client(victim_told->tcp);
        for (int i = 0; i < 12; i++) {
                fds[i] = attacker_connect(victim_told->tcp, OTHER_PEER);
                victim_check_serves(client);
        }
        WAIT_UNTIL(victim_told->connections <= 4 && victim_told->refused + victim_told->evicted == 9);
        victim_check_serves(client);
        for (int i = 0; i < 12; i++)
                close(fds[i]);
        WAIT_UNTIL(victim_told->connections == 1);
        int again = attacker_connect(victim_told->tcp, OTHER_PEER);
        struct leat_xdr_buffer message = { 0 };
        uint8_t reply[100];
        WAIT_UNTIL(victim_told->connections == 2);
        put_call(&message, 1, VICTIM_NULL);
        send_record(again, &message);
        CHECK_EQ(read_record(again, reply, sizeof(reply)), 24);
        close(again);
        leat_xdr_buffer_free(&message);
        leat_rpc_client_free(client);
        victim_end(server);
}

/* ---- a flood ---- */

struct flood {
        const char *address, *from;
        struct harness_event *flows;
};

/* Calls without end; what comes back is thrown away. */
static void flood(void *argument) {
        static uint8_t calls[MIB / 4], replies[MIB / 4];
        const struct flood *flood = argument;
        struct leat_xdr_buffer message = { 0 };
        put_record(&message, 1);
        size_t size = sizeof(calls) / message.size_bytes * message.size_bytes, at = 0;
        for (size_t i = 0; i < size; i += message.size_bytes)
                memcpy(calls + i, message.bytes, message.size_bytes);
        leat_xdr_buffer_free(&message);
        int fd = attacker_connect(flood->address, flood->from);
        for (size_t turn = 0;; turn++) {
                ssize_t n = send(fd, calls + at, size - at, MSG_NOSIGNAL | MSG_DONTWAIT);
                CHECK(n > 0 || errno == EAGAIN);
                at = n > 0 ? (at + (size_t)n) % size : at;
                while (recv(fd, replies, sizeof(replies), MSG_DONTWAIT) > 0)
                        ;
                if (turn == 3)
                        harness_event_signal(flood->flows);
        }
}

TEST(a_flood_drowns_nobody) {
        struct flood floods[3] = { { .from = OTHER_PEER }, { .from = "127.0.0.3" }, { .from = NULL } };
        pid_t pids[3], server = victim_begin(NULL, 0);
        struct leat_rpc_client *client = victim_client(victim_told->tcp);
        for (int i = 0; i < 3; i++) {
                floods[i].address = i < 2 ? victim_told->tcp : victim_told->unix_stream;
                floods[i].flows = harness_event_new();
                pids[i] = harness_fork(flood, &floods[i]);
                harness_event_wait(floods[i].flows);
        }
        unsigned before = victim_told->ran[VICTIM_ECHO];
        for (int i = 0; i < 200; i++)
                victim_check_serves(client);
        victim_check_serves_all();
        printf("%u calls of the flood among 200\n", victim_told->ran[VICTIM_ECHO] - before - 203);
        for (int i = 0; i < 3; i++)
                harness_kill(pids[i]);
        leat_rpc_client_free(client);
        victim_end(server);
}

TEST_MAIN()
