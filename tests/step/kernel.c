/* SPDX-License-Identifier: MIT */
/*
 * netlink: and raw:, whose other end is the kernel. What a child does there is no other process's business: an end of the
 * survivors', open all the while, gets what the kernel tells it, each once and in order, and nothing of the child's.
 */
#include "harness.h"
#include "scenario.h"
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MTU_FIRST 2000 /* of loopback: its changes are what the kernel is made to tell, and numbered so */
#define OF_CHILD (UINT64_C(1) << 63)

static int mtu = MTU_FIRST;

static bool echoes(const struct world *world) {
        return world->transport->two_way != NULL;
}

static unsigned flags_of(const struct world *world) {
        return echoes(world) ? LEAT_SEND | LEAT_RECEIVE : LEAT_RECEIVE;
}

static void change_loopback(unsigned long what, struct ifreq *request) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        strcpy(request->ifr_name, "lo");
        CHECK_EQ(ioctl(fd, what, request), 0);
        close(fd);
}

/* A network of this test's own, which the children are born into. */
static void enter_network(void) {
        static bool entered;
        struct ifreq up = { .ifr_flags = IFF_UP };
        if (entered)
                return;
        if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
                SKIP("no network name space can be made here: %m");
        change_loopback(SIOCSIFFLAGS, &up);
        entered = true;
}

/* ---- the survivors' end ---- */

static void provoke(struct world *world) {
        uint64_t number = world->sent[SURVIVOR];
        struct ifreq request = { .ifr_mtu = ++mtu };
        if (echoes(world))
                CHECK_EQ(leat_send(world->other, 1, &number, sizeof number, harness_deadline_ms(DEADLINE_MS)), 0);
        else
                change_loopback(SIOCSIFMTU, &request);
        world->sent[SURVIVOR]++;
}

/* The new size, or 0: it tells something else. */
static int mtu_of(const uint8_t *bytes, size_t size) {
        struct nlmsghdr header;
        struct rtattr attribute;
        int value;
        CHECK(size >= sizeof header);
        memcpy(&header, bytes, sizeof header);
        if (header.nlmsg_type != RTM_NEWLINK)
                return 0;
        for (size_t at = NLMSG_LENGTH(sizeof(struct ifinfomsg)); at + sizeof attribute <= size;
             at += RTA_ALIGN(attribute.rta_len)) {
                memcpy(&attribute, bytes + at, sizeof attribute);
                CHECK(attribute.rta_len >= sizeof attribute && at + attribute.rta_len <= size);
                if (attribute.rta_type == IFLA_MTU && attribute.rta_len == RTA_LENGTH(sizeof value)) {
                        memcpy(&value, bytes + at + sizeof attribute, sizeof value);
                        return value;
                }
        }
        return 0;
}

/* 1: the next number; 0: something that is not numbered; a negative errno. */
static int take(struct world *world, int64_t deadline) {
        static uint8_t bytes[65536];
        uint64_t number;
        ssize_t n = leat_receive(world->other, LEAT_ANY, bytes, sizeof bytes, deadline, NULL);
        if (n < 0)
                return (int)n;
        unsigned waiting = world->sent[SURVIVOR] - world->taken[SURVIVOR];
        if (echoes(world)) {
                CHECK_EQ(n, sizeof number);
                memcpy(&number, bytes, sizeof number);
                CHECK_EQ(number, world->taken[SURVIVOR]);
        } else {
                int value = mtu_of(bytes, (size_t)n);
                if (value == 0)
                        return 0;
                CHECK_EQ(value, mtu - (int)waiting + 1);
        }
        world->taken[SURVIVOR]++;
        return 1;
}

static void survivors_hear(struct world *world) {
        int r;
        provoke(world);
        while (world->taken[SURVIVOR] < world->sent[SURVIVOR])
                CHECK(take(world, harness_deadline_ms(DEADLINE_MS)) >= 0);
        while ((r = take(world, LEAT_NOW)) == 0)
                ;
        CHECK_EQ(r, -EAGAIN);
}

static void before(struct world *world) {
        enter_network();
        int r = leat_open(world->address, flags_of(world), harness_deadline_ms(DEADLINE_MS), &world->other);
        if (r == -EPERM || r == -EACCES)
                SKIP("%s needs CAP_NET_RAW", world->address);
        CHECK_EQ(r, 0);
        survivors_hear(world);
}

/* ---- the child ---- */

static int open_it(struct world *world) {
        return leat_open(world->address, flags_of(world), world->deadline, &world->channel);
}

static void prepare(struct world *world) {
        world->channel = world_open(world, flags_of(world));
}

static int send_one(struct world *world) {
        const uint64_t number = OF_CHILD;
        return leat_send(world->channel, 1, &number, sizeof number, world->deadline);
}

static int receive_one(struct world *world) {
        static uint8_t bytes[65536];
        ssize_t n = leat_receive(world->channel, LEAT_ANY, bytes, sizeof bytes, world->deadline, NULL);
        return n < 0 ? (int)n : 0;
}

static int call_once(struct world *world) {
        const uint64_t number = OF_CHILD;
        uint64_t reply = 0;
        ssize_t n = leat_call(world->channel, 1, &number, sizeof number, &reply, sizeof reply, world->deadline, NULL);
        return n < 0 ? (int)n : n == sizeof reply && reply == number ? 0 : -EBADMSG;
}

static int close_it(struct world *world) {
        world->channel = leat_close(world->channel);
        return 0;
}

/* All that it can do yet. */
static void use(struct world *world) {
        if (echoes(world))
                CHECK_EQ(call_once(world), 0);
}

static void take_reply(struct world *world) {
        CHECK_EQ(receive_one(world), 0);
        use(world);
}

/* Something waits for it. */
static void prepare_to_receive(struct world *world) {
        prepare(world);
        if (echoes(world))
                CHECK_EQ(send_one(world), 0);
}

static void tell_child(struct world *world) {
        if (!echoes(world))
                survivors_hear(world);
}

#define KERNEL                                                                                                         \
        .kernel_only = true, .before = before, .after_kill = survivors_hear, .while_stopped = survivors_hear,          \
        .after_continue = survivors_hear

const struct step_scenario step_kernel[] = {
        { .name = "kernel-open", KERNEL, .operation = open_it, .after = use },
        { .name = "kernel-send",
          KERNEL,
          .two_way = true,
          .prepare = prepare,
          .operation = send_one,
          .after = take_reply },
        { .name = "kernel-call", KERNEL, .two_way = true, .prepare = prepare, .operation = call_once, .after = use },
        { .name = "kernel-receive",
          KERNEL,
          .prepare = prepare_to_receive,
          .ready = tell_child,
          .operation = receive_one,
          .after = use },
        { .name = "kernel-receive-waiting",
          KERNEL,
          .told_only = true,
          .prepare = prepare,
          .operation = receive_one,
          .blocked = tell_child },
        { .name = "kernel-close", KERNEL, .prepare = prepare_to_receive, .operation = close_it },
        { .name = NULL },
};
