/* SPDX-License-Identifier: MIT */

/*
 * Ten thousand connections to one server at once, by two kinds of sockets, all of them alive: none is given up, each is answered whenever it calls, those that are idle
 * cost little, and the one more makes room.
 */

#include "hostile.h"
#include "rpc_victim.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 10000u
#define DESCRIPTORS (CONNECTIONS / 8 * 9) /* a server leaves a 16th of them to others */
#define IDLE_BYTES_MAX 2048               /* of the server's memory for one */
#define STEPS_FOR_ONE 20                  /* of the server, at most, for a connection with a call, or a call */

static int fds[CONNECTIONS + 1];

static void ask(int fd, uint32_t xid) {
        struct leat_xdr_buffer message = { 0 };
        put_call(&message, xid, VICTIM_COUNT);
        put_word(&message, xid);
        send_record(fd, &message);
        leat_xdr_buffer_free(&message);
}

static void check_answer(int fd, uint32_t xid, uint32_t times) {
        uint8_t reply[100];
        CHECK_EQ(read_record(fd, reply, sizeof(reply)), 28);
        CHECK_EQ(word_at(reply, 0), xid);
        CHECK_EQ(word_at(reply, 6), times);
}

static bool is_open(int fd) {
        char byte;
        return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
}

TEST(ten_thousand_are_served, .timeout_s = 120) {
        harness_allow_descriptors(DESCRIPTORS);
        pid_t server = victim_begin(NULL, DESCRIPTORS);
        size_t memory = resident_bytes(server);
        unsigned long steps = victim_told->steps;
        for (uint32_t i = 0; i < CONNECTIONS; i++) {
                fds[i] = attacker_connect(i % 2 ? victim_told->tcp : victim_told->unix_stream, NULL);
                ask(fds[i], i);
                check_answer(fds[i], i, 1);
        }
        printf("%lu stand, %lu made room\n", victim_told->connections, victim_told->evicted);
        WAIT_UNTIL(victim_told->connections == CONNECTIONS);
        memory = resident_bytes(server) - memory;
        printf("%zu bytes for each\n", memory / CONNECTIONS);
        if (!SANITIZED) /* these keep what is freed */
                CHECK(memory < (size_t)IDLE_BYTES_MAX * CONNECTIONS);
        for (uint32_t i = 0; i < CONNECTIONS; i++)
                ask(fds[i], CONNECTIONS + i); /* all at once */
        for (uint32_t i = 0; i < CONNECTIONS; i++)
                check_answer(fds[i], CONNECTIONS + i, 1);
        steps = victim_told->steps - steps;
        printf("%lu steps\n", steps);
        CHECK(steps < (unsigned long)STEPS_FOR_ONE * CONNECTIONS);
        CHECK(victim_told->connections == CONNECTIONS && victim_told->evicted == 0 && victim_told->refused == 0);
        /* one more */
        fds[CONNECTIONS] = attacker_connect(victim_told->tcp, NULL);
        ask(fds[CONNECTIONS], 2 * CONNECTIONS);
        check_answer(fds[CONNECTIONS], 2 * CONNECTIONS, 1);
        WAIT_UNTIL(victim_told->evicted == 1);
        CHECK_EQ(victim_told->connections, CONNECTIONS);
        size_t open = 0;
        for (uint32_t i = 0; i <= CONNECTIONS; i++)
                open += is_open(fds[i]);
        CHECK_EQ(open, CONNECTIONS);
        for (uint32_t i = 0; i <= CONNECTIONS; i++)
                close(fds[i]);
        victim_check_serves_all();
        victim_end(server);
}

TEST_MAIN()
