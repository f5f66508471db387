/* SPDX-License-Identifier: MIT */
#include "transport/inet_address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* ---- from text ---- */

static int wrong(const struct address *address, const char *at, struct leat_reason *reason, const char *text) {
        return reason_at(reason, -EINVAL, address->rest_column + (uint32_t)(at - address->rest), text);
}

static int parse_port(const struct address *address, const char *text, struct leat_reason *reason, uint16_t *ret_port) {
        uint32_t port = 0;
        const char *at = text;
        for (; *at >= '0' && *at <= '9' && port <= UINT16_MAX; at++)
                port = port * 10 + (uint32_t)(*at - '0');
        if (at == text || *at != '\0' || port > UINT16_MAX)
                return wrong(address, text, reason,
                             "a port is a number from 0 to 65535; names of services (http) are not looked up");
        *ret_port = (uint16_t)port;
        return 0;
}

static bool parse_v4(const char *text, struct inet_address *ret_address) {
        struct sockaddr_in v4 = { .sin_family = AF_INET };
        if (inet_pton(AF_INET, text, &v4.sin_addr) != 1)
                return false;
        *ret_address = (struct inet_address){ .v4 = v4, .bytes = sizeof(v4) };
        return true;
}

static void from_mapped(const struct sockaddr_in6 *v6, struct inet_address *ret_address) {
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = v6->sin6_port };
        memcpy(&v4.sin_addr, &v6->sin6_addr.s6_addr[12], sizeof(v4.sin_addr));
        *ret_address = (struct inet_address){ .v4 = v4, .bytes = sizeof(v4) };
}

/* What stands between the brackets, with the interface of a link-local address after a %. */
static int parse_v6(const struct address *address, const char *text, struct leat_reason *reason,
                    struct inet_address *ret_address) {
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
        char number[INET6_ADDRSTRLEN] = "";
        size_t length = strcspn(text, "%");
        if (length < sizeof(number))
                memcpy(number, text, length);
        if (inet_pton(AF_INET6, number, &v6.sin6_addr) != 1)
                return reason_at(reason, -EINVAL, address->rest_column + 1,
                                 "between the brackets an IPv6 address is wanted, as [::1]; names and IPv4 addresses "
                                 "take no brackets");
        if (text[length] == '%')
                v6.sin6_scope_id = if_nametoindex(text + length + 1);
        if (text[length] == '%' && v6.sin6_scope_id == 0)
                return reason_at(reason, -EINVAL, address->rest_column + 2 + (uint32_t)length,
                                 "there is no interface of this name; `ip link` lists them");
        if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) && v6.sin6_scope_id == 0)
                return reason_at(reason, -EINVAL, address->rest_column + 1,
                                 "a link-local address needs its interface: [fe80::1%25eth0]");
        *ret_address = (struct inet_address){ .v6 = v6, .bytes = sizeof(v6) };
        /* A socket of IPv6 alone cannot be bound to it, and everywhere else it is told as what it is: an address of IPv4. */
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
                from_mapped(&v6, ret_address);
        return 0;
}

/* Letters, digits, '-', '_' and dots, of ASCII or in the bytes of UTF-8, which the resolver may know what to do with. */
static bool is_name_byte(unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.' || c >= 0x80;
}

/* 1.2.3, 127.1, 10.0.0.256, 0x7f000001: getaddrinfo() would take them for addresses of other shapes than they look. */
static bool looks_like_number(const char *host) {
        struct in_addr address;
        return host[strspn(host, "0123456789.")] == '\0' || inet_aton(host, &address) != 0;
}

static int parse_name(const struct address *address, struct leat_reason *reason, struct inet_name *name) {
        if (looks_like_number(name->host))
                return wrong(address, address->rest, reason,
                             "an IPv4 address is four numbers from 0 to 255, as 127.0.0.1");
        for (const char *at = name->host; *at; at++)
                if (!is_name_byte((unsigned char)*at))
                        return wrong(address, address->rest + (at - name->host), reason,
                                     "no name of a host has this character; HOST:PORT is wanted: localhost:5000, "
                                     "127.0.0.1:5000, [::1]:5000");
        name->kind = INET_NAME;
        return 0;
}

static int parse_host(const struct address *address, struct leat_reason *reason, struct inet_name *name) {
        if (name->host[0] == '\0')
                name->kind = INET_LOOPBACK;
        else if (strcmp(name->host, "*") == 0)
                name->kind = INET_EVERY;
        else if (parse_v4(name->host, &name->number))
                name->kind = INET_NUMBER;
        else
                return parse_name(address, reason, name);
        return 0;
}

static int parse_brackets(const struct address *address, struct leat_reason *reason, struct inet_name *name,
                          const char **ret_end) {
        const char *rest = address->rest, *end = strchr(rest, ']');
        if (!end)
                return wrong(address, rest, reason, "the bracket is not closed: [::1]:5000");
        if ((size_t)(end - rest) > sizeof(name->host))
                return wrong(address, rest, reason, "that is too long for an IPv6 address");
        memcpy(name->host, rest + 1, (size_t)(end - rest - 1));
        name->kind = INET_NUMBER;
        *ret_end = end + 1;
        return parse_v6(address, name->host, reason, &name->number);
}

static int parse_plain(const struct address *address, struct leat_reason *reason, struct inet_name *name,
                       const char **ret_end) {
        const char *rest = address->rest, *colon = strchr(rest, ':');
        struct in6_addr v6;
        if (inet_pton(AF_INET6, rest, &v6) == 1 || (colon && strchr(colon + 1, ':')))
                return wrong(address, rest, reason, "an IPv6 address stands in brackets: [::1]:5000");
        if (!colon)
                return wrong(address, rest, reason,
                             "HOST:PORT is wanted: localhost:5000, 127.0.0.1:5000, [::1]:5000, :5000, *:5000");
        if ((size_t)(colon - rest) >= sizeof(name->host))
                return wrong(address, rest, reason, "a name of a host has at most 255 bytes");
        memcpy(name->host, rest, (size_t)(colon - rest));
        *ret_end = colon;
        return parse_host(address, reason, name);
}

int inet_parse(const struct address *address, struct leat_reason *reason, struct inet_name *ret_name) {
        struct inet_name name = { 0 };
        const char *end = NULL;
        int r = address->rest[0] == '[' ? parse_brackets(address, reason, &name, &end)
                                        : parse_plain(address, reason, &name, &end);
        if (r == 0 && *end != ':')
                r = wrong(address, end, reason, "after the host a colon and a port are wanted: [::1]:5000");
        if (r == 0)
                r = parse_port(address, end + 1, reason, &name.port);
        if (r < 0)
                return r;
        inet_set_port(&name.number, name.port);
        *ret_name = name;
        return 0;
}

int inet_check(const struct address *address, const struct inet_name *name, bool listens, struct leat_reason *reason) {
        bool every = name->kind == INET_EVERY || (name->kind == INET_NUMBER && inet_is_any(&name->number));
        if (!listens && every)
                return reason_at(
                        reason, -EINVAL, address->rest_column,
                        "that is every address of this machine, which only an end that listens can have; name the "
                        "host to connect to");
        if (!listens && name->port == 0)
                return reason_at(reason, -EINVAL, address->rest_column + (uint32_t)strlen(address->rest) - 1,
                                 "port 0 lets the kernel choose one to listen on; name the port to connect to");
        return 0;
}

/* ---- candidates ---- */

static void add_v4(struct inet_candidates *candidates, in_addr_t host, uint16_t port) {
        candidates->all[candidates->count++] = (struct inet_address){
                .v4 = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(host) },
                .bytes = sizeof(struct sockaddr_in),
        };
}

static void add_v6(struct inet_candidates *candidates, const struct in6_addr *host, uint16_t port) {
        candidates->all[candidates->count++] = (struct inet_address){
                .v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = *host },
                .bytes = sizeof(struct sockaddr_in6),
        };
}

void inet_candidates(const struct inet_name *name, struct inet_candidates *ret_candidates) {
        ret_candidates->count = 0;
        switch (name->kind) {
        case INET_LOOPBACK:
                add_v4(ret_candidates, INADDR_LOOPBACK, name->port);
                add_v6(ret_candidates, &in6addr_loopback, name->port);
                break;
        case INET_EVERY:
                add_v6(ret_candidates, &in6addr_any, name->port);
                add_v4(ret_candidates, INADDR_ANY, name->port);
                break;
        case INET_NUMBER:
                ret_candidates->all[ret_candidates->count++] = name->number;
                break;
        case INET_NAME: /* the resolver's */
                break;
        }
}

/* ---- addresses ---- */

bool inet_from_kernel(const struct sockaddr_storage *from, struct inet_address *ret_address) {
        struct inet_address address = { 0 };
        if (from->ss_family == AF_INET) {
                memcpy(&address.v4, from, sizeof(address.v4));
                address.bytes = sizeof(address.v4);
        } else if (from->ss_family == AF_INET6) {
                memcpy(&address.v6, from, sizeof(address.v6));
                address.bytes = sizeof(address.v6);
        } else
                return false;
        *ret_address = address;
        if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr))
                from_mapped(&address.v6, ret_address);
        return true;
}

uint16_t inet_port(const struct inet_address *address) {
        return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

void inet_set_port(struct inet_address *address, uint16_t port) {
        if (address->any.sa_family == AF_INET6)
                address->v6.sin6_port = htons(port);
        else
                address->v4.sin_port = htons(port);
}

bool inet_is_loopback(const struct inet_address *address) {
        if (address->any.sa_family == AF_INET6)
                return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

bool inet_is_any(const struct inet_address *address) {
        if (address->any.sa_family == AF_INET6)
                return IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
        return address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

bool inet_same(const struct inet_address *one, const struct inet_address *other) {
        if (one->any.sa_family != other->any.sa_family || inet_port(one) != inet_port(other))
                return false;
        if (one->any.sa_family == AF_INET6)
                return IN6_ARE_ADDR_EQUAL(&one->v6.sin6_addr, &other->v6.sin6_addr) &&
                       one->v6.sin6_scope_id == other->v6.sin6_scope_id;
        return one->v4.sin_addr.s_addr == other->v4.sin_addr.s_addr;
}

/* ---- to text ---- */

static void format_v6(const struct sockaddr_in6 *v6, char *ret_text, size_t size) {
        char number[INET6_ADDRSTRLEN], interface[IF_NAMESIZE] = "";
        (void)inet_ntop(AF_INET6, &v6->sin6_addr, number, sizeof(number));
        bool scoped = v6->sin6_scope_id != 0 && if_indextoname(v6->sin6_scope_id, interface);
        (void)snprintf(ret_text, size, "[%s%s%s]:%u", number, scoped ? "%" : "", interface,
                       (unsigned)ntohs(v6->sin6_port));
}

void inet_format(const struct inet_address *address, char *ret_text, size_t size) {
        char number[INET_ADDRSTRLEN];
        if (inet_is_any(address))
                (void)snprintf(ret_text, size, ":%u", (unsigned)inet_port(address));
        else if (address->any.sa_family == AF_INET6)
                format_v6(&address->v6, ret_text, size);
        else {
                (void)inet_ntop(AF_INET, &address->v4.sin_addr, number, sizeof(number));
                (void)snprintf(ret_text, size, "%s:%u", number, (unsigned)inet_port(address));
        }
}

/* ---- what goes wrong ---- */

static const struct {
        int error;
        enum leat_row row;
        const char *text;
} meanings[] = {
        { -EADDRINUSE, LEAT_ROW_LISTENING, "somebody has this port already; choose another, or 0 for a free one" },
        { -EADDRNOTAVAIL, LEAT_ROW_OPENING,
          "this machine has no such address; `ip address` lists those it has, * means all of them" },
        { -EACCES, LEAT_ROW_OPENING,
          "that is not permitted: a port below net.ipv4.ip_unprivileged_port_start needs CAP_NET_BIND_SERVICE, and a "
          "firewall may forbid an address" },
        { -EPERM, LEAT_ROW_OPENING, "a firewall of this machine forbids it" },
        { -ENETUNREACH, LEAT_ROW_OPENING,
          "there is no route to that network; is the interface up? `ip route get ADDRESS` says more" },
        { -EHOSTUNREACH, LEAT_ROW_OPENING,
          "no such host answers on that network, or a router says it cannot be reached; check the address" },
        { -ENETDOWN, LEAT_ROW_OPENING, "the interface is down; `ip link set dev NAME up` brings it up" },
        { -EAFNOSUPPORT, LEAT_ROW_OPENING, "this kernel has no IPv6, or no IPv4; use an address of the other family" },
        { -ENODEV, LEAT_ROW_OPENING, "the interface of this address is gone; `ip link` lists them" },
        { -ECONNREFUSED, LEAT_ROW_LISTENING, "the host is there and nobody listens on that port" },
};

int inet_explain(int error, struct leat_reason *reason) {
        for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
                if (meanings[i].error == error)
                        return reason_set(reason, error, meanings[i].row, meanings[i].text);
        return error;
}
