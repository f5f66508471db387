/* SPDX-License-Identifier: MIT */

/*
 * More connections than descriptors: 5,000 at a limit of 1,024. New clients are served all the same, and the server works for what comes, not for
 * what stands there: its steps are counted.
 */

#include "rpc_victim.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT 1024
#define STEPS_FOR_ONE 20 /* of the server, at most, for a connection with a call */

static size_t crowd_size(void) {
        return SANITIZED ? 2000 : 5000;
}

/* What a connection of the crowd says. */
enum manner { SILENT, HALF, CALLS };

static void say(int fd, enum manner manner) {
        struct leat_xdr_buffer message = { 0 };
        uint8_t reply[100];
        static const uint8_t half[] = { 0x80, 0, 0, 100, 1, 2, 3 };
        if (manner == HALF)
                CHECK_EQ(send_bytes(fd, half, sizeof(half)), sizeof(half));
        if (manner == CALLS) {
                put_call(&message, 9, VICTIM_NULL);
                send_record(fd, &message);
                CHECK_EQ(read_record(fd, reply, sizeof(reply)), 24);
        }
        leat_xdr_buffer_free(&message);
}

static bool is_closed(int fd) {
        char byte;
        return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

/* When all stands still, a call costs no more than it does without a crowd. */
static void check_is_calm(struct leat_rpc_client *client) {
        enum { CALLS_MADE = 200 };
        unsigned long steps = victim_told->steps;
        for (int i = 0; i < CALLS_MADE; i++)
                victim_check_serves(client);
        steps = victim_told->steps - steps;
        printf("%lu steps for %d calls beside the crowd\n", steps, CALLS_MADE);
        CHECK(steps < (unsigned long)STEPS_FOR_ONE * CALLS_MADE);
}

static void crowd(const char *address, enum manner manner) {
        size_t size = crowd_size(), closed = 0;
        int *fds = calloc(size, sizeof(*fds));
        CHECK(fds);
        unsigned long steps = victim_told->steps;
        for (size_t i = 0; i < size; i++) {
                fds[i] = attacker_connect(address, NULL);
                say(fds[i], manner);
        }
        struct leat_rpc_client *client = victim_client(address);
        victim_check_serves(client);
        steps = victim_told->steps - steps;
        printf("%s: %lu steps for %zu connections, %lu stand\n", address, steps, size, victim_told->connections);
        CHECK(steps < STEPS_FOR_ONE * size);
        CHECK(victim_told->connections < LIMIT && victim_told->connections > LIMIT / 2);
        check_is_calm(client);
        victim_check_serves_all();
        for (size_t i = 0; i < size; i++) {
                closed += is_closed(fds[i]);
                close(fds[i]);
        }
        CHECK(closed >= size - LIMIT);
        WAIT_UNTIL(victim_told->connections == 1);
        victim_check_serves(client);
        leat_rpc_client_free(client);
        free(fds);
}

static void check_crowd(enum manner manner) {
        harness_allow_descriptors(crowd_size() + 100);
        pid_t server = victim_begin(NULL, LIMIT);
        crowd(victim_told->tcp, manner);
        crowd(victim_told->unix_stream, manner);
        victim_end(server);
}

TEST(a_silent_crowd_makes_room, .timeout_s = 120) {
        check_crowd(SILENT);
}

TEST(a_crowd_with_half_records_makes_room, .timeout_s = 120) {
        check_crowd(HALF);
}

TEST(a_crowd_that_has_called_makes_room, .timeout_s = 120) {
        check_crowd(CALLS);
}

/* None of them is idle: who comes waits until one is, and the server does not spin meanwhile. */
TEST(a_crowd_whose_calls_run_is_waited_for, .timeout_s = 120) {
        enum { DESCRIPTORS = 64, COMERS = 20 };
        struct leat_xdr_buffer message = { 0 };
        int fds[DESCRIPTORS + COMERS];
        size_t held = 0;
        pid_t server = victim_begin(NULL, DESCRIPTORS);
        struct leat_rpc_client *datagrams = victim_client(victim_told->udp);
        for (uint32_t i = 0; i < DESCRIPTORS + COMERS; i++) {
                fds[i] = attacker_connect(victim_told->unix_stream, NULL);
                put_call(&message, i, VICTIM_HOLD);
                put_word(&message, i);
                send_record(fds[i], &message);
        }
        for (; held < DESCRIPTORS / 2; held++)
                harness_event_wait(victim_held);
        check_is_calm(datagrams);
        for (size_t over = 0; over < DESCRIPTORS + COMERS; over++) {
                harness_event_signal(victim_go_on);
                if (held < DESCRIPTORS + COMERS) {
                        harness_event_wait(victim_held);
                        held++;
                }
        }
        for (uint32_t i = 0; i < DESCRIPTORS + COMERS; i++) {
                uint8_t reply[100];
                CHECK_EQ(read_record(fds[i], reply, sizeof(reply)), 28);
                CHECK_EQ(word_at(reply, 0), i);
                close(fds[i]);
        }
        CHECK_EQ(victim_told->ran[VICTIM_HOLD], DESCRIPTORS + COMERS);
        victim_check_serves_all();
        leat_rpc_client_free(datagrams);
        leat_xdr_buffer_free(&message);
        victim_end(server);
}

TEST_MAIN()
