/* SPDX-License-Identifier: MIT */

/* The relay: packets wait in one queue until they are due, and the queue is sorted by that. */

#include "network.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define PACKET_BYTES 65536
#define TURNED_NS 20000000 /* a packet that waits to be overtaken does so no longer */

struct packet {
        struct packet *next;
        int64_t due;
        enum host from;
        uint64_t number; /* of its way; 0: not counted */
        bool waits;      /* until the next one of its way was delivered */
        size_t size;
        uint8_t bytes[];
};

struct way {
        uint64_t random, number, newest; /* the last one taken; the highest one delivered */
        uint8_t *seen;                   /* by number: was it delivered? */
        uint64_t seen_count;
};

struct relay {
        const int *tuns;
        const struct treatment *treatment;
        struct tally *tallies;
        struct harness_event *idle;
        struct way ways[HOSTS];
        struct packet *queue;
        int timer;
};

static int64_t now_ns(void) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* splitmix64: each way has its own series, so that what the other host does changes nothing. */
static unsigned draw(struct way *way) {
        uint64_t x = way->random += UINT64_C(0x9e3779b97f4a7c15);
        x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
        return (unsigned)((x ^ x >> 31) % 1000);
}

/* Is it of those that tests count? TCP, UDP, ICMP echo, and fragments of such. */
static bool is_counted(const uint8_t *bytes, size_t size) {
        if (size >= sizeof(struct iphdr) && bytes[0] >> 4 == 4) {
                size_t header = (size_t)(bytes[0] & 15) * 4;
                uint8_t protocol = bytes[9];
                if (protocol == IPPROTO_ICMP)
                        return size > header && (bytes[header] == ICMP_ECHO || bytes[header] == ICMP_ECHOREPLY);
                return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
        }
        if (size <= sizeof(struct ip6_hdr))
                return false;
        uint8_t type = bytes[sizeof(struct ip6_hdr)];
        if (bytes[6] == IPPROTO_ICMPV6)
                return type == ICMP6_ECHO_REQUEST || type == ICMP6_ECHO_REPLY;
        return bytes[6] == IPPROTO_TCP || bytes[6] == IPPROTO_UDP || bytes[6] == IPPROTO_FRAGMENT;
}

/* ICMP of either family that says: unreachable. */
static bool is_refusal(const uint8_t *bytes, size_t size) {
        size_t header = size >= sizeof(struct iphdr) ? (size_t)(bytes[0] & 15) * 4 : size;
        if (size > 0 && bytes[0] >> 4 == 4)
                return size > header && bytes[9] == IPPROTO_ICMP && bytes[header] == ICMP_DEST_UNREACH;
        return size > sizeof(struct ip6_hdr) && bytes[6] == IPPROTO_ICMPV6 &&
               bytes[sizeof(struct ip6_hdr)] == ICMP6_DST_UNREACH;
}

static void enqueue(struct relay *relay, struct packet *packet) {
        struct packet **at = &relay->queue;
        while (*at && (*at)->due <= packet->due)
                at = &(*at)->next;
        packet->next = *at;
        *at = packet;
}

static struct packet *copy_of(const struct packet *packet) {
        struct packet *copy = malloc(sizeof(*copy) + packet->size);
        CHECK(copy != NULL);
        memcpy(copy, packet, sizeof(*copy) + packet->size);
        return copy;
}

/* Draw always the same number of times, so that one chance that is changed does not change the others' outcome. */
static void treat(struct relay *relay, struct packet *packet) {
        const struct treatment *treatment = relay->treatment;
        struct tally *tally = &relay->tallies[packet->from];
        struct way *way = &relay->ways[packet->from];
        bool lost = draw(way) < treatment->lost, doubled = draw(way) < treatment->doubled;
        packet->waits = draw(way) < treatment->turned;
        packet->number = ++way->number;
        packet->due += packet->waits ? TURNED_NS : 0;
        if (lost || treatment->cut) {
                tally->lost++;
                free(packet);
        } else {
                tally->held += doubled ? 2 : 1;
                if (doubled)
                        enqueue(relay, copy_of(packet));
                enqueue(relay, packet);
        }
        tally->taken++; /* last: who waits for this one looks at what is held then */
}

static void take(struct relay *relay, enum host from) {
        static uint8_t bytes[PACKET_BYTES];
        ssize_t size;
        while ((size = read(relay->tuns[from], bytes, sizeof bytes)) > 0) {
                struct packet *packet = malloc(sizeof(*packet) + (size_t)size);
                CHECK(packet != NULL);
                *packet = (struct packet){ .due = now_ns() + relay->treatment->delay_ns,
                                           .from = from,
                                           .size = (size_t)size };
                memcpy(packet->bytes, bytes, (size_t)size);
                if (is_counted(bytes, (size_t)size))
                        treat(relay, packet);
                else if (relay->treatment->cut)
                        free(packet);
                else
                        enqueue(relay, packet);
        }
        if (size < 0 && errno != EAGAIN && errno != EINTR && errno != EIO)
                FAIL("the relay cannot read: %m");
}

/* What a receiver that looks at the numbers would count. */
static void count_delivered(struct way *way, struct tally *tally, uint64_t number) {
        if (number >= way->seen_count) {
                uint64_t count = 2 * number + 1024;
                way->seen = realloc(way->seen, count);
                CHECK(way->seen != NULL);
                memset(way->seen + way->seen_count, 0, count - way->seen_count);
                way->seen_count = count;
        }
        if (way->seen[number])
                tally->doubled++;
        else if (number < way->newest)
                tally->late++;
        way->seen[number] = 1;
        if (number > way->newest)
                way->newest = number;
        tally->delivered++;
}

/* Those of this way that waited to be overtaken by such a one are due now. */
static void release(struct relay *relay, const struct packet *overtaker) {
        struct packet *released = NULL, **at = &relay->queue, **end = &released;
        while (*at)
                if ((*at)->waits && (*at)->from == overtaker->from && (*at)->number < overtaker->number) {
                        *end = *at;
                        *at = (*at)->next;
                        end = &(*end)->next;
                } else
                        at = &(*at)->next;
        *end = relay->queue;
        relay->queue = released;
        for (; released && released->waits; released = released->next) {
                released->due = 0;
                released->waits = false;
        }
}

/* A cut takes what is on its way too. A host whose device is down (EIO) gets nothing. */
static void deliver(struct relay *relay, struct packet *packet) {
        struct tally *tally = &relay->tallies[packet->from];
        int tun = relay->tuns[packet->from == HOST_A ? HOST_B : HOST_A];
        bool gone = relay->treatment->cut || write(tun, packet->bytes, packet->size) < 0;
        if (packet->number > 0 && gone)
                tally->lost++;
        else if (packet->number > 0)
                count_delivered(&relay->ways[packet->from], tally, packet->number);
        if (packet->number > 0) {
                release(relay, packet);
                tally->held--;
        } else if (is_refusal(packet->bytes, packet->size))
                tally->refusals += !gone;
        free(packet);
}

static void deliver_due(struct relay *relay) {
        uint64_t fired;
        (void)!read(relay->timer, &fired, sizeof fired);
        while (relay->queue && relay->queue->due <= now_ns()) {
                struct packet *packet = relay->queue;
                relay->queue = packet->next;
                deliver(relay, packet);
        }
        int64_t due = relay->queue ? relay->queue->due : 0;
        const struct itimerspec when = { .it_value = { .tv_sec = due / 1000000000, .tv_nsec = due % 1000000000 } };
        CHECK_EQ(timerfd_settime(relay->timer, TFD_TIMER_ABSTIME, &when, NULL), 0);
}

void relay_run(const struct network *network, uint64_t seed) {
        struct relay relay = { .tuns = network->tuns,
                               .treatment = network->treatment,
                               .tallies = network->tallies,
                               .idle = network->idle };
        const int *tuns = network->tuns;
        relay.ways[HOST_A].random = seed;
        relay.ways[HOST_B].random = ~seed;
        relay.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        CHECK(relay.timer >= 0);
        while (true) {
                struct pollfd fds[] = { { tuns[HOST_A], POLLIN, 0 },
                                        { tuns[HOST_B], POLLIN, 0 },
                                        { relay.timer, POLLIN, 0 } };
                if (ppoll(fds, 3, NULL, NULL) < 0 && errno != EINTR)
                        FAIL("the relay cannot wait: %m");
                take(&relay, HOST_A);
                take(&relay, HOST_B);
                deliver_due(&relay);
                if (!relay.queue)
                        harness_event_signal(relay.idle);
        }
}
