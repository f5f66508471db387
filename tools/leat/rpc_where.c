/* SPDX-License-Identifier: MIT */
#include "tools/leat/rpc_where.h"

#include "tools/leat/progress.h"
#include "tools/leat/report.h"
#include "tools/leat/rpc_truth.h"

#include <errno.h>
#include <inttypes.h>
#include <leat/rpcbind.h>
#include <stdio.h>
#include <string.h>

#define RPCBIND_PORT 111

/* The parts of "tcp:HOST:PORT?OPTIONS", in its text. */
struct parts {
        bool is_udp;
        const char *host;
        size_t host_size;
        const char *port;
        size_t port_size;
        const char *options; /* from the '?' on, or empty */
};

/* False: it is of another scheme. */
static bool take_apart(const char *address, struct parts *ret_parts) {
        bool is_udp = strncmp(address, "udp:", 4) == 0;
        if (!is_udp && strncmp(address, "tcp:", 4) != 0)
                return false;
        const char *host = address + 4, *end = host + strcspn(host, "?");
        const char *bracket = *host == '[' ? memchr(host, ']', (size_t)(end - host)) : NULL;
        const char *search = bracket ? bracket : host;
        const char *colon = memrchr(search, ':', (size_t)(end - search));
        const char *port = colon ? colon + 1 : end;
        *ret_parts = (struct parts){ .is_udp = is_udp,
                                     .host = host,
                                     .host_size = (size_t)((colon ? colon : end) - host),
                                     .port = port,
                                     .port_size = (size_t)(end - port),
                                     .options = end };
        return true;
}

static bool has_port(const struct parts *parts) {
        return parts->port_size > 0 && strspn(parts->port, "0") != parts->port_size;
}

static int refuse_long(void) {
        return complain_usage(NULL, "the address is longer than any can be");
}

int rpc_where_check(const char *address) {
        return strlen(address) < RPC_ADDRESS_MOST ? DONE : refuse_long();
}

bool rpc_where_asks(const char *address) {
        struct parts parts;
        return take_apart(address, &parts) && !has_port(&parts);
}

void rpc_where_rpcbind(const char *address, char text[RPC_ADDRESS_MOST], const char **ret_rpcbind) {
        struct parts parts;
        *ret_rpcbind = NULL;
        if (!take_apart(address, &parts) || parts.host_size == 0)
                return;
        snprintf(text, RPC_ADDRESS_MOST, "%s:%.*s:%d", parts.is_udp ? "udp" : "tcp", (int)parts.host_size, parts.host,
                 RPCBIND_PORT);
        *ret_rpcbind = text;
}

/* ---- by rpcbind ---- */

/* By IPv4 and then, where there is none, by IPv6; of an address in brackets by IPv6 alone. */
static ssize_t ask(const char *rpcbind, const struct parts *parts, const struct leat_rpc_program *program,
                   int64_t deadline, char ret_address[RPC_ADDRESS_MOST], struct leat_reason *ret_reason) {
        static const char *const netids[2][2] = { { "tcp", "tcp6" }, { "udp", "udp6" } };
        ssize_t n = -ENOENT;
        for (size_t i = *parts->host == '['; i < 2 && n == -ENOENT; i++)
                n = leat_rpcbind_find(rpcbind, program->number, program->version, netids[parts->is_udp][i], deadline,
                                      ret_address, RPC_ADDRESS_MOST, ret_reason);
        return n;
}

static int say_not_found(const char *address, const char *rpcbind, const struct leat_rpc_program *program, int error,
                         const struct leat_reason *reason) {
        const char *whose = rpcbind ? rpcbind : "this host";
        if (error == -EINVAL)
                return report(address, error, OPENING_TO_CALL, reason);
        if (error == -ENOENT && rpcbind)
                complain(address,
                         "nothing ran: program %" PRIu32 ", version %" PRIu32
                         ", is not registered with rpcbind at %s; 'leat rpc list' shows what is",
                         program->number, program->version, whose);
        else
                complain(address, "nothing ran: rpcbind at %s does not tell: %s; give the address with its port", whose,
                         rpc_truth_why(error, reason));
        return CALL_NOT_RUN;
}

int rpc_where_find(const char *address, const struct leat_rpc_program *program, int64_t deadline,
                   char ret_address[RPC_ADDRESS_MOST]) {
        char text[RPC_ADDRESS_MOST];
        const char *rpcbind;
        struct parts parts;
        struct leat_reason reason = { 0 };
        int code = rpc_where_check(address);
        if (code)
                return code;
        strcpy(ret_address, address);
        if (!take_apart(address, &parts) || has_port(&parts))
                return DONE;
        rpc_where_rpcbind(address, text, &rpcbind);
        ssize_t n = ask(rpcbind, &parts, program, deadline, ret_address, &reason);
        if (n < 0)
                return say_not_found(address, rpcbind, program, (int)n, &reason);
        if ((size_t)n + strlen(parts.options) >= RPC_ADDRESS_MOST)
                return refuse_long();
        strcat(ret_address, parts.options);
        return DONE;
}

/* ---- connecting ---- */

int rpc_where_connect(const char *address, const struct rpc_options *options, int64_t deadline,
                      struct leat_rpc_client **ret_client) {
        struct leat_rpc_client_options wanted = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_rpc_auth_sys auth;
        struct leat_reason reason = { 0 };
        wanted.flags = options->plain ? LEAT_RPC_PLAIN : 0;
        if (options->auth_sys) {
                leat_rpc_auth_sys_own(&auth);
                wanted.auth_sys = &auth;
        }
        progress_begin("waiting for the server");
        int r = leat_rpc_connect(address, &wanted, deadline, &reason, ret_client);
        progress_end();
        return r < 0 ? rpc_truth_unreached(address, r, &reason) : DONE;
}
