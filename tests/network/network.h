/* SPDX-License-Identifier: MIT */
#ifndef NETWORK_H
#define NETWORK_H

/*
 * Two hosts and a cable, for tests.
 *
 * A host is a network name space of its own, the cable a TUN device in each (leat0) and a relay between them: a process
 * of ours that carries the packets, and treats them as badly as it is told: late, lost, doubled, turned round. What it does
 * to the n-th packet of one way is drawn from a seed, so it can be repeated; what it did it counts, in memory that
 * the test reads. It is no netem: not every kernel has one, and netem does not tell.
 *
 *     HOST_A 10.77.0.1 fd77::1   --- leat0 --- relay --- leat0 ---   HOST_B 10.77.0.2 fd77::2
 *
 * HOST_A has a way to 10.88.0.0/16 over HOST_B, which knows no way on: it answers that the network is unreachable. To
 * anything else there is no route.
 *
 * Only packets of TCP, UDP and ICMP echo are treated badly and counted; the neighbourhood's own talk passes.
 *
 * The test's own process comes to be in HOST_A. Where name spaces or /dev/net/tun are refused the test is skipped, and
 * says so. Everything is gone after network_free(), and when the test's processes end.
 */

#include "harness.h"

#include <netinet/in.h>
#include <stdatomic.h>

#define NETWORK_DEVICE "leat0"

enum host { HOST_A, HOST_B, HOSTS };

extern const char *const network_v4[HOSTS], *const network_v6[HOSTS];
#define NETWORK_UNREACHABLE "10.88.0.1"
#define NETWORK_NO_ROUTE "192.0.2.1"

/* How packets are treated, out of a thousand. All may be changed while it runs. */
struct treatment {
        _Atomic int64_t delay_ns;       /* one way */
        _Atomic unsigned lost, doubled; /* chance of a packet */
        _Atomic unsigned turned; /* it waits until the next packet has overtaken it; or until it has waited for 20 ms */
        atomic_bool cut;         /* nothing passes, not even the neighbourhood's talk */
};

/* What happened to the packets of one way: from that host. All are of what went in, or came out, until now. */
struct tally {
        _Atomic uint64_t taken;     /* packets that the relay took from the host */
        _Atomic uint64_t held;      /* that it holds now, copies for doubles included */
        _Atomic uint64_t delivered; /* that it gave to the other, doubles included */
        _Atomic uint64_t lost;      /* that it threw away, by chance or since the cable is cut */
        _Atomic uint64_t doubled;   /* that came out a second time */
        _Atomic uint64_t
                refusals; /* what its host said of packets that came to it and could not go on: ICMP, unreachable */
        _Atomic uint64_t late; /* that came out after one which had been taken after it, doubles not included */
};

struct network {
        struct treatment *treatment; /* shared with the relay */
        struct tally *tallies;       /* of each host's way: likewise */
        struct harness_event *idle;  /* the relay holds nothing any more */
        int spaces[HOSTS], tuns[HOSTS];
        pid_t relay;
};

/* Lay the cable: nothing is treated badly yet. seed: of what will be. */
void network_new(struct network *network, uint64_t seed);
void network_free(struct network *network);

/* This process goes to that host. */
void network_enter(const struct network *network, enum host host);

/* Run function(argument) in a child at that host. */
pid_t network_fork(const struct network *network, enum host host, void (*function)(void *argument), void *argument);

/* As ip link set leat0 up, or down. Comes back to the host where it was. */
void network_link(const struct network *network, enum host host, bool up);

/* Wait until the relay took so many packets of that host in all, and holds none any more: what it took it has delivered or
 * thrown away. */
void network_drain(const struct network *network, enum host host, uint64_t taken);

/* Wait until the relay threw away so many packets of that host in all. */
void network_wait_lost(const struct network *network, enum host host, uint64_t lost);

/* Wait until that host said so often that something is unreachable, and the other one has heard it. */
void network_wait_refusals(const struct network *network, enum host host, uint64_t refusals);

/* Give up one capability of this process (CAP_NET_RAW ...), for the rest of the test. */
void drop_capability(int capability);

/* A numeric address of either family, as the system writes it. */
socklen_t network_socket_name(const char *host, in_port_t port, struct sockaddr_storage *ret_name);

/* ---- between the files ---- */

/* The relay itself; it ends when it is killed. */
_Noreturn void relay_run(const struct network *network, uint64_t seed);

/* One side: in the present name space make the TUN device, with its addresses and routes. Returns the device, or minus an errno. */
int device_new(enum host host, const char **ret_what);
void device_link(enum host host, bool up);

#endif
