/* SPDX-License-Identifier: MIT */

/* The command at both hosts: leat recv at one, leat send at the other, for every transport of the network. */

#include "parties.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct command {
        const char *example;       /* this one of the examples; NULL: leat */
        const char *arguments[10]; /* NULL ends them */
        char output[64];           /* a file in the test's directory, for both streams */
};

static const char *path_of(const char *name, char text[256]) {
        snprintf(text, 256, "%s/%s", harness_tmpdir(), name);
        return text;
}

static void run_command(void *argument) {
        const struct command *command = argument;
        char path[256];
        char example[256];
        const char *arguments[12] = { "leat" };
        int fd = open(path_of(command->output, path), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        CHECK(dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0);
        for (int i = 0; command->arguments[i]; i++)
                arguments[i + 1] = command->arguments[i];
        if (command->example)
                snprintf(example, sizeof example, "%s/%s", getenv("LEAT_EXAMPLES"), command->example);
        execvp(command->example ? example : "leat", (char *const *)arguments);
        _exit(127);
}

#define OUTPUT_BYTES 4096

static void read_output(const char *name, char ret_text[static OUTPUT_BYTES]) {
        char path[256];
        FILE *file = fopen(path_of(name, path), "re");
        CHECK(file != NULL);
        ret_text[fread(ret_text, 1, OUTPUT_BYTES - 1, file)] = '\0';
        fclose(file);
}

static void check_output(const char *name, const char *expected) {
        char text[OUTPUT_BYTES];
        read_output(name, text);
        CHECK_STR(text, expected);
}

static void check_output_says(const char *name, const char *words) {
        char text[OUTPUT_BYTES];
        read_output(name, text);
        if (!strstr(text, words))
                FAIL("'%s' does not say '%s'", text, words);
}

struct exchange {
        const char *scheme;
        int family;
        bool bad;
};

/* A sender of udp: knows nothing of the receiver, so it is waited for until its socket is there. */
static void wait_for_socket(const struct network *network, const struct exchange *exchange) {
        char path[32], line[512];
        bool found = false;
        network_enter(network, HOST_B);
        snprintf(path, sizeof path, "/proc/net/%s%s", exchange->scheme, exchange->family == 6 ? "6" : "");
        int64_t deadline = SOON;
        while (!found && leat_now() < deadline) {
                FILE *file = fopen(path, "re");
                CHECK(file != NULL);
                while (fgets(line, sizeof line, file))
                        found |= strstr(line, ":1388 ") != NULL;
                fclose(file);
        }
        CHECK(found);
        network_enter(network, HOST_A);
}

static void is_received(void *argument) {
        const struct exchange *exchange = argument;
        struct network network;
        char address[128];
        network_new(&network, harness_seed());
        address_at_b(address, sizeof address, exchange->scheme, exchange->family, "");
        struct command recv = { NULL, { "recv", "--count", "3", "--timeout", "20s", address }, "recv" };
        struct command send = { NULL, { "send", "--timeout", "20s", address, "one", "two", "three" }, "send" };
        network.treatment->delay_ns = 1000000;
        network.treatment->lost = exchange->bad ? 100 : 0;
        network.treatment->turned = exchange->bad ? 100 : 0;
        pid_t receiver = network_fork(&network, HOST_B, run_command, &recv);
        if (strcmp(exchange->scheme, "udp") == 0)
                wait_for_socket(&network, exchange);
        pid_t sender = network_fork(&network, HOST_A, run_command, &send);
        CHECK_EQ(harness_wait(sender), 0);
        CHECK_EQ(harness_wait(receiver), 0);
        check_output("send", "");
        check_output("recv", "one\ntwo\nthree\n");
        network_free(&network);
}

struct refusal {
        const char *name, *address, *words;
        int code;
        bool down;
};

static void is_refused(void *argument) {
        const struct refusal *refusal = argument;
        struct network network;
        network_new(&network, 1);
        if (refusal->down)
                network_link(&network, HOST_A, false);
        struct command send = { NULL, { "send", "--timeout", "20s", refusal->address, "x" }, "send" };
        int code = harness_wait(network_fork(&network, HOST_A, run_command, &send));
        check_output_says("send", refusal->words);
        CHECK_EQ(code, refusal->code);
        network_free(&network);
}

static void echo(void *argument) {
        struct network network;
        network_new(&network, 1);
        struct command call = { NULL, { "call", "--timeout", "20s", argument, "hello" }, "call" };
        CHECK_EQ(harness_wait(network_fork(&network, HOST_A, run_command, &call)), 0);
        check_output("call", "hello");
        network_free(&network);
}

TEST(the_examples_work) {
        struct network network;
        network_new(&network, 1);
        struct command ping = { "ping", { "raw:10.77.0.2" }, "ping" };
        CHECK_EQ(harness_wait(network_fork(&network, HOST_A, run_command, &ping)), 0);
        check_output_says("ping", "are you there? 4: yes, after ");
        struct command nobody = { "ping", { "raw:" NETWORK_NO_ROUTE }, "nobody" };
        CHECK_EQ(harness_wait(network_fork(&network, HOST_A, run_command, &nobody)), 1);
        check_output_says("nobody", "no route");
        network_free(&network);
}

static void add_tests(void) {
        static const struct exchange exchanges[] = { { "tcp", 4, false }, { "tcp", 6, false }, { "udp", 4, false },
                                                     { "udp", 6, false }, { "tcp", 4, true },  { "tcp", 6, true } };
        static const struct refusal refusals[] = {
                { "tcp_no_route", "tcp:" NETWORK_NO_ROUTE ":5000", "route", 71, false },
                { "tcp_unreachable", "tcp:" NETWORK_UNREACHABLE ":5000", "route", 71, false },
                { "tcp_interface_down", "tcp:10.77.0.2:5000", "interface", 71, true },
                { "tcp_refused", "tcp:10.77.0.2:5000?open", "", 69, false },
                { "udp_no_route", "udp:" NETWORK_NO_ROUTE ":5000", "route", 71, false },
                { "udp_interface_down", "udp:[fd77::2]:5000", "interface", 71, true },
                { "raw_no_route", "raw:" NETWORK_NO_ROUTE, "route", 71, false },
        };
        static char v4[] = "raw:10.77.0.2", v6[] = "raw:[fd77::2]";
        char name[64];
        for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++) {
                snprintf(name, sizeof name, "send_and_recv_%s_%d%s", exchanges[i].scheme, exchanges[i].family,
                         exchanges[i].bad ? "_bad" : "");
                harness_add_with(name, is_received, (void *)&exchanges[i], (struct harness_options){ .timeout_s = 60 });
        }
        for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
                harness_add(refusals[i].name, is_refused, (void *)&refusals[i]);
        harness_add("call_raw_4", echo, v4);
        harness_add("call_raw_6", echo, v6);
}

TEST_MAIN_WITH(add_tests)
