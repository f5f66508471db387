/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "rpc/rpc_address.h"
#include "rpc/rpcbind.h"
#include "transport/unix_name.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/*
 * Universal addresses. Of tcp and udp: the host's number, and behind two dots the port's two bytes, as decimals (RFC 5665, section 5.2.3.3). Of a unix
 * socket: its path; an abstract name begins with '@', as in Leat.
 */

static const char *netid_of(const char *scheme, int family) {
        if (strcmp(scheme, "udp") == 0)
                return family == AF_INET6 ? "udp6" : "udp";
        return family == AF_INET6 ? "tcp6" : "tcp";
}

/* ---- to universal ---- */

static void place_of(const char *scheme, const struct inet_address *address, struct rpcbind_place *ret_place) {
        char number[INET6_ADDRSTRLEN];
        bool is_v6 = address->any.sa_family == AF_INET6;
        const void *host = is_v6 ? (const void *)&address->v6.sin6_addr : &address->v4.sin_addr;
        unsigned port = inet_port(address);
        (void)inet_ntop(address->any.sa_family, host, number, sizeof(number));
        ret_place->netid = netid_of(scheme, address->any.sa_family);
        (void)snprintf(ret_place->universal, sizeof(ret_place->universal), "%s.%u.%u", number, port >> 8, port & 0xff);
}

static int places_of_inet(const struct address *address, unsigned flags, struct rpcbind_place *ret_places,
                          struct leat_reason *reason) {
        struct inet_name name;
        struct inet_candidates candidates;
        int r = inet_parse(address, reason, &name);
        if (r < 0)
                return r;
        if (name.port == 0)
                return reason_at(reason, -EINVAL, address->rest_column, "a port that is listened at is wanted");
        if (name.kind == INET_NAME)
                return reason_at(reason, -EINVAL, address->rest_column,
                                 "rpcbind keeps numbers: write the address of the host, or * for all that it has");
        /* The form of an address that another end can open; here it is known which one was bound. */
        if (name.kind == INET_LOOPBACK && flags & RPCBIND_OF_SERVER)
                name.kind = INET_EVERY;
        inet_candidates(&name, &candidates);
        for (size_t i = 0; i < candidates.count; i++)
                place_of(address->scheme, &candidates.all[i], &ret_places[i]);
        return (int)candidates.count;
}

static int places_of_unix(const struct address *address, struct rpcbind_place *ret_place, struct leat_reason *reason) {
        CLEANUP(unix_name_free_at) struct unix_name *name = NULL;
        int r = unix_name_new(address, false, reason, &name);
        if (r == 0)
                r = unix_name_resolve(name, ret_place->universal, sizeof(ret_place->universal));
        if (r < 0)
                return r;
        ret_place->netid = "local";
        return 1;
}

int rpcbind_places(const char *text, unsigned flags, struct rpcbind_place *ret_places, struct leat_reason *reason) {
        CLEANUP(address_clear) struct address address = { 0 };
        enum rpc_address_kind kind;
        int r = rpc_address_parse(text, reason, &address, &kind);
        if (r < 0)
                return r;
        switch (kind) {
        case RPC_ADDRESS_TCP:
        case RPC_ADDRESS_UDP:
                return places_of_inet(&address, flags, ret_places, reason);
        case RPC_ADDRESS_UNIX:
                return places_of_unix(&address, ret_places, reason);
        case RPC_ADDRESS_CHANNEL:
                break;
        }
        return reason_at(reason, -ENOTSUP, 1, "rpcbind knows addresses of tcp:, udp: and unix: alone");
}

/* ---- from universal ---- */

int rpcbind_host_of(const char *text, struct rpcbind_host *ret_host) {
        CLEANUP(address_clear) struct address address = { 0 };
        struct rpcbind_host host = { .is_here = true };
        enum rpc_address_kind kind;
        struct inet_name name;
        int r = rpc_address_parse(text, NULL, &address, &kind);
        if (r == 0 && (kind == RPC_ADDRESS_TCP || kind == RPC_ADDRESS_UDP)) {
                r = inet_parse(&address, NULL, &name);
                if (r == 0) {
                        host.is_here = name.kind == INET_LOOPBACK;
                        host.kind = name.kind;
                        host.number = name.number;
                        memcpy(host.name, name.host, sizeof(host.name));
                }
        }
        if (r == 0)
                *ret_host = host;
        return r;
}

/* One of the two last numbers. */
static bool parse_byte(const char *text, size_t length, unsigned *ret_byte) {
        unsigned number = 0;
        for (size_t i = 0; i < length; i++) {
                if (text[i] < '0' || text[i] > '9')
                        return false;
                number = number * 10 + (unsigned)(text[i] - '0');
        }
        *ret_byte = number;
        return length >= 1 && length <= 3 && number <= UINT8_MAX;
}

bool rpcbind_split(const char *universal, size_t *ret_host_bytes, uint16_t *ret_port) {
        const char *low = strrchr(universal, '.'), *high;
        unsigned high_byte, low_byte;
        if (!low)
                return false;
        high = memrchr(universal, '.', (size_t)(low - universal));
        if (!high || !parse_byte(high + 1, (size_t)(low - high) - 1, &high_byte) ||
            !parse_byte(low + 1, strlen(low + 1), &low_byte))
                return false;
        *ret_host_bytes = (size_t)(high - universal);
        *ret_port = (uint16_t)(high_byte << 8 | low_byte);
        return true;
}

void rpcbind_every(int port, char ret_universal[RPCBIND_EVERY_BYTES]) {
        (void)snprintf(ret_universal, RPCBIND_EVERY_BYTES, "0.0.0.0.%u.%u", (unsigned)port >> 8 & 0xff,
                       (unsigned)port & 0xff);
}

bool rpcbind_same_port(const char *one, const char *other) {
        size_t host_bytes;
        uint16_t port, other_port;
        if (rpcbind_split(one, &host_bytes, &port) && rpcbind_split(other, &host_bytes, &other_port))
                return port == other_port;
        return strcmp(one, other) == 0;
}

/* What stands for every address of the host is the one by which its rpcbind was asked, if that is of this family. */
static int put_in_place(const struct rpcbind_host *host, struct inet_address *address) {
        uint16_t port = inet_port(address);
        if (host->is_here && address->any.sa_family == AF_INET6)
                address->v6.sin6_addr = in6addr_loopback;
        else if (host->is_here)
                address->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        else if (host->number.any.sa_family == address->any.sa_family)
                *address = host->number;
        else
                return -ENOTSUP;
        inet_set_port(address, port);
        return 0;
}

static int parse_universal(const char *universal, int family, struct inet_address *ret_address) {
        struct inet_address address = { .any = { .sa_family = (sa_family_t)family } };
        char number[INET6_ADDRSTRLEN + IF_NAMESIZE + 1], *interface;
        size_t host_bytes;
        uint16_t port;
        if (!rpcbind_split(universal, &host_bytes, &port) || host_bytes >= sizeof(number) || port == 0)
                return -EBADMSG;
        memcpy(number, universal, host_bytes);
        number[host_bytes] = '\0';
        interface = strchr(number, '%');
        if (interface && family == AF_INET6) {
                *interface = '\0';
                address.v6.sin6_scope_id = if_nametoindex(interface + 1);
        }
        if (inet_pton(family, number, family == AF_INET6 ? (void *)&address.v6.sin6_addr : &address.v4.sin_addr) != 1)
                return -EBADMSG;
        address.bytes = family == AF_INET6 ? sizeof(address.v6) : sizeof(address.v4);
        inet_set_port(&address, port);
        *ret_address = address;
        return 0;
}

static ssize_t fits(int length, size_t size_bytes) {
        if (length < 0)
                return -EINVAL;
        return (size_t)length < size_bytes ? length : -ERANGE;
}

static ssize_t inet_of(const struct rpcbind_host *host, const char *scheme, int family, const char *universal,
                       char *ret_address, size_t size_bytes) {
        char text[INET_TEXT_BYTES];
        struct inet_address address;
        int r = parse_universal(universal, family, &address);
        if (r == 0 && inet_is_any(&address) && host->kind == INET_NAME && !host->is_here)
                return fits(snprintf(ret_address, size_bytes, "%s:%s:%u", scheme, host->name,
                                     (unsigned)inet_port(&address)),
                            size_bytes);
        if (r == 0 && inet_is_any(&address))
                r = put_in_place(host, &address);
        if (r < 0)
                return r;
        inet_format(&address, text, sizeof(text));
        return fits(snprintf(ret_address, size_bytes, "%s:%s", scheme, text), size_bytes);
}

/* A path: what an address gives a meaning to, and what does not show, is written as %XX. */
static ssize_t unix_of(const char *universal, char *ret_address, size_t size_bytes) {
        char text[RPCBIND_ADDRESS_BYTES + sizeof("unix:")];
        char *at = stpcpy(text, "unix:");
        if ((universal[0] != '/' && universal[0] != '@') || universal[1] == '\0')
                return -ENOTSUP;
        for (; *universal; universal++) {
                unsigned char byte = (unsigned char)*universal;
                if (text + sizeof(text) - at < 4)
                        return -ENOTSUP; /* longer than any unix socket's */
                if (byte <= ' ' || byte == 0x7f || strchr("?&%", byte))
                        at += snprintf(at, 4, "%%%02X", byte);
                else
                        *at++ = (char)byte;
        }
        *at = '\0';
        return fits(snprintf(ret_address, size_bytes, "%s", text), size_bytes);
}

ssize_t rpcbind_address_of(const struct rpcbind_host *host, const char *netid, const char *universal, char *ret_address,
                           size_t size_bytes) {
        static const struct {
                const char *netid, *scheme;
                int family;
        } known[] = { { "tcp", "tcp", AF_INET },
                      { "tcp6", "tcp", AF_INET6 },
                      { "udp", "udp", AF_INET },
                      { "udp6", "udp", AF_INET6 } };
        if (strcmp(netid, "local") == 0)
                return host->is_here ? unix_of(universal, ret_address, size_bytes) : -ENOTSUP;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                if (strcmp(netid, known[i].netid) == 0)
                        return inet_of(host, known[i].scheme, known[i].family, universal, ret_address, size_bytes);
        return -ENOTSUP;
}
