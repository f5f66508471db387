/* SPDX-License-Identifier: MIT */
#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static void write_file(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                SKIP("no user name space of this test's own: %s: %m", path);
        close(fd);
}

/* Without root: root in a user name space. */
static void become_root(void) {
        char text[64];
        uid_t uid = geteuid();
        gid_t gid = getegid();
        if (uid == 0)
                return;
        if (unshare(CLONE_NEWUSER) < 0)
                SKIP("the network of the tests needs root, or a user name space: %m");
        write_file("/proc/self/setgroups", "deny");
        snprintf(text, sizeof text, "0 %u 1", uid);
        write_file("/proc/self/uid_map", text);
        snprintf(text, sizeof text, "0 %u 1", gid);
        write_file("/proc/self/gid_map", text);
}

static void new_host(struct network *network, enum host host) {
        const char *what;
        if (unshare(CLONE_NEWNET) < 0)
                SKIP("no network name space can be made here: %m");
        network->spaces[host] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        CHECK(network->spaces[host] >= 0);
        network->tuns[host] = device_new(host, &what);
        if (network->tuns[host] < 0)
                SKIP("no cable can be laid here: %s: %s", what, strerror(-network->tuns[host]));
}

struct relay_start {
        const struct network *network;
        uint64_t seed;
};

static void start_relay(void *argument) {
        const struct relay_start *start = argument;
        relay_run(start->network, start->seed);
}

void network_new(struct network *network, uint64_t seed) {
        *network = (struct network){ .treatment = harness_shared(sizeof(struct treatment)),
                                     .tallies = harness_shared(HOSTS * sizeof(struct tally)),
                                     .idle = harness_event_new() };
        become_root();
        new_host(network, HOST_B);
        new_host(network, HOST_A);
        struct relay_start start = { .network = network, .seed = seed };
        network->relay = harness_fork(start_relay, &start);
}

void network_free(struct network *network) {
        CHECK_EQ(kill(network->relay, SIGKILL), 0);
        CHECK_EQ(harness_wait(network->relay), -SIGKILL);
        for (int host = 0; host < HOSTS; host++) {
                close(network->spaces[host]);
                close(network->tuns[host]);
        }
}

void network_enter(const struct network *network, enum host host) {
        CHECK_EQ(setns(network->spaces[host], CLONE_NEWNET), 0);
}

struct fork_start {
        const struct network *network;
        enum host host;
        void (*function)(void *argument);
        void *argument;
};

/* The cable is no business of a host's processes: they may go on to execute a program. */
static void start_at_host(void *argument) {
        const struct fork_start *start = argument;
        network_enter(start->network, start->host);
        for (int host = 0; host < HOSTS; host++) {
                close(start->network->spaces[host]);
                close(start->network->tuns[host]);
        }
        start->function(start->argument);
}

pid_t network_fork(const struct network *network, enum host host, void (*function)(void *argument), void *argument) {
        struct fork_start start = { network, host, function, argument };
        return harness_fork(start_at_host, &start);
}

void network_link(const struct network *network, enum host host, bool up) {
        int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        CHECK(here >= 0);
        network_enter(network, host);
        device_link(host, up);
        CHECK_EQ(setns(here, CLONE_NEWNET), 0);
        close(here);
}

void network_drain(const struct network *network, enum host host, uint64_t taken) {
        const struct tally *tallies = network->tallies;
        while (tallies[host].taken < taken || tallies[HOST_A].held > 0 || tallies[HOST_B].held > 0)
                harness_event_wait(network->idle);
}

void network_wait_lost(const struct network *network, enum host host, uint64_t lost) {
        while (network->tallies[host].lost < lost)
                harness_event_wait(network->idle);
}

void network_wait_refusals(const struct network *network, enum host host, uint64_t refusals) {
        while (network->tallies[host].refusals < refusals)
                harness_event_wait(network->idle);
}

void drop_capability(int capability) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = { 0 };
        CHECK(capability < 32);
        CHECK_EQ(syscall(SYS_capget, &header, data), 0);
        data[0].effective &= ~(1u << capability);
        CHECK_EQ(syscall(SYS_capset, &header, data), 0);
}

socklen_t network_socket_name(const char *host, in_port_t port, struct sockaddr_storage *ret_name) {
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
                memcpy(ret_name, &v4, sizeof v4);
                return sizeof v4;
        }
        CHECK_EQ(inet_pton(AF_INET6, host, &v6.sin6_addr), 1);
        memcpy(ret_name, &v6, sizeof v6);
        return sizeof v6;
}
