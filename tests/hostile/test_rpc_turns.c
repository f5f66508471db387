/* SPDX-License-Identifier: MIT */

/*
 * A server and its attackers in one process, step by step: how many turns a polite one waits beside a flood, and each message that is
 * broken in every way.
 */

#include "rpc_victim.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLOODS 8
#define TURN 16 /* requests of one connection a turn */

/* As many calls as the socket takes. */
static void fill(int fd) {
        struct leat_xdr_buffer message = { 0 };
        put_word(&message, 0);
        put_call(&message, 1, VICTIM_COUNT);
        put_word(&message, 1);
        put_mark(&message);
        while (send(fd, message.bytes, message.size_bytes, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)message.size_bytes)
                ;
        leat_xdr_buffer_free(&message);
}

static void drain_replies(int fd) {
        static uint8_t bytes[65536];
        while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
                ;
}

/* Connections that always have something to say; one that calls once a round. Between its call and its answer each of the others has its turn, or two. */
TEST(a_polite_call_waits_for_one_turn_of_each_other) {
        victim_meet();
        struct leat_rpc_server *server = victim_make(NULL);
        struct leat_xdr_buffer message = { 0 };
        int floods[FLOODS], polite = victim_adopt(server);
        for (int i = 0; i < FLOODS; i++)
                floods[i] = victim_adopt(server);
        for (uint32_t round = 0; round < 50; round++) {
                uint8_t reply[100];
                for (int i = 0; i < FLOODS; i++) {
                        drain_replies(floods[i]);
                        fill(floods[i]);
                }
                unsigned before = victim_told->ran[VICTIM_COUNT];
                put_call(&message, round, VICTIM_NULL);
                send_record(polite, &message);
                victim_step_until(server, polite);
                CHECK_EQ(read_record(polite, reply, sizeof(reply)), 24);
                CHECK_EQ(word_at(reply, 0), round);
                unsigned meanwhile = victim_told->ran[VICTIM_COUNT] - before;
                if (meanwhile > 3 * FLOODS * TURN)
                        FAIL("round %u: %u calls of others before one", round, meanwhile);
        }
        CHECK(victim_told->ran[VICTIM_COUNT] > 100);
        close(polite);
        for (int i = 0; i < FLOODS; i++)
                close(floods[i]);
        victim_step_all(server);
        CHECK_EQ(victim_info(server).connections, 0);
        CHECK(!leat_rpc_server_free(server));
        leat_xdr_buffer_free(&message);
}

static int listen_for_datagrams(struct leat_rpc_server *server) {
        char address[128];
        CHECK_EQ(leat_rpc_server_listen(server, "udp:127.0.0.1:0", LEAT_NOW, NULL), 0);
        CHECK(leat_rpc_server_address(server, 0, address, sizeof(address)) > 0);
        return attacker_connect(address, NULL);
}

/* The same over one socket of datagrams, which is as full of calls as it gets: a connection does not wait for all of them. */
TEST(datagrams_take_turns_with_connections) {
        victim_meet();
        struct leat_rpc_server *server = victim_make(NULL);
        struct leat_xdr_buffer message = { 0 };
        uint8_t reply[100];
        int flood = listen_for_datagrams(server), polite = victim_adopt(server);
        for (uint32_t i = 0; i < 2000; i++) {
                put_call(&message, i, VICTIM_COUNT);
                put_word(&message, 1);
                (void)send(flood, message.bytes, message.size_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
                message.size_bytes = 0;
        }
        put_call(&message, 5, VICTIM_NULL);
        send_record(polite, &message);
        victim_step_until(server, polite);
        CHECK_EQ(read_record(polite, reply, sizeof(reply)), 24);
        CHECK(victim_told->ran[VICTIM_COUNT] <= 4 * TURN);
        close(flood);
        close(polite);
        victim_step_all(server);
        CHECK(!leat_rpc_server_free(server));
        leat_xdr_buffer_free(&message);
}

/* ---- records in every cut ---- */

/* Two calls, one in three fragments, in pieces: each is answered once all of it is there. */
TEST(a_server_reads_records_wherever_they_are_cut) {
        victim_meet();
        struct leat_rpc_server *server = victim_make(NULL);
        struct leat_xdr_buffer call = { 0 }, stream = { 0 };
        put_call(&call, 1, VICTIM_ECHO);
        put_opaque(&call, "twelve bytes", 12);
        const size_t sizes[] = { 1, 30, 0, call.size_bytes - 31, call.size_bytes };
        for (size_t i = 0, at = 0; i < 5; i++) {
                put_word(&stream, (uint32_t)sizes[i] | (i >= 3 ? UINT32_C(0x80000000) : 0));
                at = i == 4 ? 0 : at;
                CHECK_EQ(leat_xdr_buffer_reserve(&stream, sizes[i]), 0);
                memcpy(stream.bytes + stream.size_bytes, call.bytes + at, sizes[i]);
                stream.size_bytes += sizes[i];
                at += sizes[i];
        }
        for (size_t cut = 0; cut <= stream.size_bytes; cut++) {
                uint8_t reply[100];
                int fd = victim_adopt(server);
                CHECK_EQ(send_bytes(fd, stream.bytes, cut), cut);
                victim_step_all(server);
                CHECK_EQ(harness_is_readable(fd), cut >= stream.size_bytes - call.size_bytes - 4);
                CHECK_EQ(send_bytes(fd, stream.bytes + cut, stream.size_bytes - cut), stream.size_bytes - cut);
                for (int i = 0; i < 2; i++) {
                        victim_step_until(server, fd);
                        CHECK_EQ(read_record(fd, reply, sizeof(reply)), 24 + 16);
                        CHECK_MEM(reply + 28, "twelve bytes", 12);
                }
                close(fd);
                victim_step_all(server);
        }
        CHECK_EQ(victim_info(server).connections, 0);
        CHECK(!leat_rpc_server_free(server));
        leat_xdr_buffer_free(&call);
        leat_xdr_buffer_free(&stream);
}

/* Who has shut his side down is still told what he asked. */
TEST(a_caller_that_says_no_more_gets_his_answers) {
        victim_meet();
        struct leat_rpc_server *server = victim_make(NULL);
        struct leat_xdr_buffer message = { 0 };
        uint8_t reply[100];
        int fd = victim_adopt(server);
        put_call(&message, 1, VICTIM_HOLD);
        put_word(&message, 77);
        send_record(fd, &message);
        put_call(&message, 2, VICTIM_NULL);
        send_record(fd, &message);
        CHECK_EQ(shutdown(fd, SHUT_WR), 0);
        victim_step_until(server, fd);
        CHECK_EQ(read_record(fd, reply, sizeof(reply)), 24);
        victim_step_all(server);
        CHECK_EQ(victim_holds(), 1);
        victim_answer_one();
        victim_step_until(server, fd);
        CHECK_EQ(read_record(fd, reply, sizeof(reply)), 28);
        CHECK_EQ(word_at(reply, 6), 77);
        victim_step_all(server);
        CHECK_EQ(read_record(fd, reply, sizeof(reply)), -1);
        CHECK_EQ(victim_info(server).connections, 0);
        close(fd);
        CHECK(!leat_rpc_server_free(server));
        leat_xdr_buffer_free(&message);
}

/* ---- sessions, by hand ---- */

#define OUTCOME 6 /* the word of it in a reply to CALL */
enum { ANSWERED, STALE, FORGOTTEN, RAN };

struct dialogue {
        struct leat_rpc_server *server;
        struct leat_xdr_buffer message;
        int fd;
        uint8_t reply[4096];
        ssize_t size;
        uint64_t session;
        uint32_t xid;
};

static void ask(struct dialogue *dialogue) {
        send_record(dialogue->fd, &dialogue->message);
        victim_step_until(dialogue->server, dialogue->fd);
        dialogue->size = read_record(dialogue->fd, dialogue->reply, sizeof(dialogue->reply));
        CHECK(dialogue->size >= 24 && word_at(dialogue->reply, 0) == dialogue->xid);
}

static void greet(struct dialogue *dialogue, uint8_t client) {
        put_greeting(&dialogue->message, ++dialogue->xid, client);
        ask(dialogue);
        CHECK_EQ(dialogue->size, 24 + 36);
        dialogue->session = (uint64_t)word_at(dialogue->reply, 6) << 32 | word_at(dialogue->reply, 7);
        CHECK(dialogue->session != 0);
}

static uint32_t ask_count(struct dialogue *dialogue, uint64_t session, uint64_t sequence, uint64_t acknowledged) {
        put_numbered(&dialogue->message, ++dialogue->xid, session, sequence, acknowledged, VICTIM_COUNT);
        put_word(&dialogue->message, (uint32_t)sequence);
        ask(dialogue);
        return word_at(dialogue->reply, OUTCOME);
}

static struct dialogue dialogue_of(const struct leat_rpc_server_options *options) {
        victim_meet();
        struct dialogue dialogue = { .server = victim_make(options) };
        dialogue.fd = victim_adopt(dialogue.server);
        return dialogue;
}

static void end_dialogue(struct dialogue *dialogue) {
        close(dialogue->fd);
        victim_step_all(dialogue->server);
        CHECK(!leat_rpc_server_free(dialogue->server));
        leat_xdr_buffer_free(&dialogue->message);
}

/* Numbers in every order, asked for again and again, and never more than one run. */
TEST(a_number_runs_once_whatever_is_asked) {
        struct dialogue dialogue = dialogue_of(NULL);
        greet(&dialogue, 1);
        for (uint64_t round = 0; round < harness_how_many(500, 3000, 100000); round++) {
                uint64_t sequence = 1 + harness_random_below(60), acknowledged = harness_random_below(round / 50 + 1);
                uint64_t session = dialogue.session + (harness_random_below(10) == 0);
                uint32_t outcome = ask_count(&dialogue, session, sequence, acknowledged);
                if (session != dialogue.session)
                        CHECK_EQ(outcome, STALE);
                else if (acknowledged >= sequence) /* who asks for what is over for him */
                        CHECK(dialogue.size == 24 && word_at(dialogue.reply, 5) == 4);
                else
                        CHECK(outcome == ANSWERED || outcome == FORGOTTEN || outcome == RAN);
                if (outcome == ANSWERED && dialogue.size > 24)
                        CHECK_EQ(word_at(dialogue.reply, OUTCOME + 2), 1); /* the first answer */
                CHECK(victim_told->count[sequence] <= 1);
        }
        end_dialogue(&dialogue);
}

TEST(numbers_at_the_limits_run_once) {
        static const uint64_t sequences[] = {
                1, 2, UINT32_MAX, (uint64_t)UINT32_MAX + 1, UINT64_MAX - 1, UINT64_MAX, 0
        };
        for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
                struct dialogue dialogue = dialogue_of(NULL);
                greet(&dialogue, 1);
                for (int again = 0; again < 3; again++)
                        (void)ask_count(&dialogue, dialogue.session, sequences[i], 0);
                for (int again = 0; again < 3; again++) /* and with an acknowledgement of what was never given */
                        (void)ask_count(&dialogue, dialogue.session, sequences[i], UINT64_MAX);
                CHECK(victim_told->count[(uint32_t)sequences[i] % VICTIM_NUMBERS] <= 1);
                CHECK_EQ(victim_info(dialogue.server).connections, 1);
                end_dialogue(&dialogue);
        }
}

/* Sessions beyond the limit push out the one that was silent longest; and who has none is told so. */
TEST(sessions_are_bounded) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        uint64_t first;
        options.sessions_max = 16;
        struct dialogue dialogue = dialogue_of(&options);
        greet(&dialogue, 1);
        first = dialogue.session;
        CHECK_EQ(ask_count(&dialogue, first, 1, 0), ANSWERED);
        for (uint8_t i = 2; i < 200; i++) {
                greet(&dialogue, i);
                CHECK_EQ(ask_count(&dialogue, dialogue.session, 1, 0), ANSWERED);
                CHECK(victim_info(dialogue.server).sessions <= 16);
        }
        CHECK_EQ(ask_count(&dialogue, first, 1, 0), STALE);
        CHECK_EQ(ask_count(&dialogue, first, 2, 1), STALE);
        CHECK_EQ(victim_told->count[1], 199);
        CHECK_EQ(victim_told->count[2], 0);
        end_dialogue(&dialogue);
}

/* Answers that nobody acknowledges are kept within bounds, and what is not kept is said to have run. */
TEST(kept_answers_are_bounded) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.kept_bytes_max = 65536;
        struct dialogue dialogue = dialogue_of(&options);
        greet(&dialogue, 1);
        for (uint64_t sequence = 1; sequence <= 200; sequence++) {
                put_numbered(&dialogue.message, ++dialogue.xid, dialogue.session, sequence, 0, VICTIM_BIG);
                put_word(&dialogue.message, 2000);
                ask(&dialogue);
                CHECK(victim_info(dialogue.server).kept_bytes <= 65536);
        }
        unsigned ran = victim_told->ran[VICTIM_BIG], answered = 0;
        for (uint64_t sequence = 1; sequence <= 200; sequence++) {
                put_numbered(&dialogue.message, ++dialogue.xid, dialogue.session, sequence, 0, VICTIM_BIG);
                put_word(&dialogue.message, 2000);
                ask(&dialogue);
                answered += word_at(dialogue.reply, OUTCOME) == ANSWERED;
        }
        CHECK_EQ(victim_told->ran[VICTIM_BIG], ran);
        CHECK(answered > 0);
        end_dialogue(&dialogue);
}

/* A call that runs is asked for again on another connection, and the first one closes: the second has the answer, and it ran once. */
TEST(a_call_that_runs_is_answered_where_it_was_asked_for_last) {
        struct dialogue dialogue = dialogue_of(NULL);
        greet(&dialogue, 1);
        put_numbered(&dialogue.message, 50, dialogue.session, 1, 0, VICTIM_HOLD);
        put_word(&dialogue.message, 5);
        send_record(dialogue.fd, &dialogue.message);
        victim_step_all(dialogue.server);
        CHECK_EQ(victim_holds(), 1);
        int second = victim_adopt(dialogue.server);
        put_numbered(&dialogue.message, 51, dialogue.session, 1, 0, VICTIM_HOLD);
        put_word(&dialogue.message, 5);
        send_record(second, &dialogue.message);
        victim_step_all(dialogue.server);
        close(dialogue.fd);
        victim_step_all(dialogue.server);
        CHECK_EQ(victim_holds(), 1);
        victim_answer_one();
        dialogue.fd = second;
        victim_step_until(dialogue.server, second);
        CHECK_EQ(read_record(second, dialogue.reply, sizeof(dialogue.reply)), 24 + 8 + 4);
        CHECK_EQ(word_at(dialogue.reply, 0), 51);
        CHECK_EQ(word_at(dialogue.reply, OUTCOME), ANSWERED);
        CHECK_EQ(victim_told->ran[VICTIM_HOLD], 1);
        end_dialogue(&dialogue);
}

/* ---- datagrams ---- */

/* What is no call is dropped, what is a broken one refused; the next one is answered. */
TEST(garbage_in_datagrams_harms_nobody) {
        victim_meet();
        struct leat_rpc_server *server = victim_make(NULL);
        struct leat_xdr_buffer message = { 0 };
        int fd = listen_for_datagrams(server);
        for (uint32_t round = 0; round < harness_how_many(500, 3000, 100000); round++) {
                uint8_t reply[2000];
                if (round % 2) {
                        put_numbered(&message, round, harness_random_below(2), 1, 0, VICTIM_ECHO);
                        put_opaque(&message, "twelve bytes", 12);
                } else {
                        put_call(&message, round, VICTIM_ECHO);
                        put_opaque(&message, "twelve bytes", 12);
                }
                for (uint64_t flips = harness_random_below(4); flips > 0; flips--)
                        message.bytes[harness_random_below(message.size_bytes)] = (uint8_t)harness_random();
                message.size_bytes -= harness_random_below(message.size_bytes + 1);
                send_datagram(fd, &message);
                put_call(&message, UINT32_MAX, VICTIM_NULL);
                put_word(&message, round); /* garbage, and another message each time */
                send_datagram(fd, &message);
                do {
                        victim_step_until(server, fd);
                        CHECK(read_datagram(fd, reply, sizeof(reply)) >= 20);
                } while (word_at(reply, 0) != UINT32_MAX);
        }
        CHECK_EQ(victim_info(server).running, 0);
        close(fd);
        CHECK(!leat_rpc_server_free(server));
        leat_xdr_buffer_free(&message);
}

/* Replies are kept for who asks again, as many as there is room for. */
TEST(the_cache_of_replies_is_bounded) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        enum { KEPT = 1 << 18, CALLS = 2000 };
        victim_meet();
        options.kept_bytes_max = KEPT;
        struct leat_rpc_server *server = victim_make(&options);
        struct leat_xdr_buffer message = { 0 };
        uint8_t reply[4096];
        int fd = listen_for_datagrams(server);
        for (uint32_t i = 0; i < 2 * CALLS; i++) {
                put_call(&message, i, VICTIM_BIG);
                put_word(&message, i < CALLS ? 2000 : 0);
                send_datagram(fd, &message);
                victim_step_until(server, fd);
                CHECK(read_datagram(fd, reply, sizeof(reply)) >= 28);
                CHECK(victim_info(server).kept_bytes <= KEPT && victim_info(server).bytes <= KEPT);
        }
        CHECK_EQ(victim_told->ran[VICTIM_BIG], 2 * CALLS);
        put_call(&message, 2 * CALLS - 1, VICTIM_BIG);
        put_word(&message, 0);
        send_datagram(fd, &message);
        victim_step_until(server, fd);
        CHECK_EQ(victim_told->ran[VICTIM_BIG], 2 * CALLS);
        CHECK_EQ(victim_info(server).replayed, 1);
        close(fd);
        CHECK(!leat_rpc_server_free(server));
        leat_xdr_buffer_free(&message);
}

/* ---- the end ---- */

/* Whoever does not finish his record, does not read, or does not close keeps no server from ending. */
TEST(a_server_that_drains_ends) {
        enum { PEERS = 4 };
        victim_meet();
        struct leat_rpc_server *server = victim_make(NULL);
        struct leat_xdr_buffer message = { 0 };
        int fds[PEERS];
        for (int i = 0; i < PEERS; i++)
                fds[i] = victim_adopt(server);
        CHECK_EQ(send_bytes(fds[1], "\x80\0\0\x40half", 8), 8);
        for (uint32_t i = 0; i < 8; i++) {
                put_call(&message, i, VICTIM_BIG);
                put_word(&message, 1 << 20);
                send_record(fds[2], &message);
        }
        put_call(&message, 9, VICTIM_HOLD);
        put_word(&message, 9);
        send_record(fds[3], &message);
        victim_step_all(server);
        CHECK_EQ(victim_holds(), 1);
        CHECK_EQ(leat_rpc_server_drain(server), 0);
        for (int i = 0; i < 10; i++)
                CHECK(leat_rpc_server_step(server, leat_in_ms(1)) != -ENODATA); /* one of them runs */
        victim_answer_one();
        CHECK_EQ(leat_rpc_server_run(server, harness_deadline_ms(50000)), -ENODATA);
        uint8_t reply[100];
        CHECK_EQ(read_record(fds[3], reply, sizeof(reply)), 28);
        CHECK_EQ(word_at(reply, 0), 9);
        for (int i = 0; i < PEERS; i++)
                close(fds[i]);
        CHECK(!leat_rpc_server_free(server));
        leat_xdr_buffer_free(&message);
}

TEST_MAIN()
