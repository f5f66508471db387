/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "rpc/rpcbind.h"

#include <netinet/in.h>
#include <string.h>

/* One reply, and what it takes in memory: some thousand registrations; a stranger may have more to tell. */
#define REPLY_BYTES_MAX ((size_t)1 << 20)

/* ---- a connection ---- */

static int connect_to(const char *where, int64_t deadline, struct leat_reason *reason, struct rpcbind *rpcbind) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        options.flags = LEAT_RPC_PLAIN | LEAT_RPC_STAY;
        options.reply_bytes_max = REPLY_BYTES_MAX;
        int r = rpcbind_host_of(where, &rpcbind->host);
        /* On failure again, for the reason. */
        return r == 0 || r == -EINVAL || r == -ENOTSUP
                       ? leat_rpc_connect(where, &options, deadline, reason, &rpcbind->client)
                       : r;
}

static int connect_here(int64_t deadline, struct leat_reason *reason, struct rpcbind *rpcbind) {
        int r = connect_to("unix:/run/rpcbind.sock?open", deadline, reason, rpcbind);
        if (r == -ENOENT || r == -ECONNREFUSED || r == -EACCES)
                r = connect_to("tcp:127.0.0.1:111?open", deadline, reason, rpcbind);
        rpcbind->host.is_here = true;
        if (r == -ECONNREFUSED)
                return reason_set(reason, r, LEAT_ROW_LISTENING,
                                  "no rpcbind runs on this host; a program that is told the address needs none");
        return r;
}

/* -ENOENT is what is not registered, and nothing else. */
static int as_unreached(int error, const char *where, struct leat_reason *reason) {
        if (error != -ENOENT)
                return error;
        error = where && strncmp(where, "unix", 4) == 0 ? -ECONNREFUSED : -EHOSTUNREACH;
        return reason_set(reason, error, LEAT_ROW_OPENING, reason && reason->error == -ENOENT ? reason->text : NULL);
}

int rpcbind_open(const char *where, int64_t deadline, struct leat_reason *reason, struct rpcbind *ret_rpcbind) {
        struct rpcbind rpcbind = { .reason = reason, .deadline = deadline, .version = RPCBIND_MOST };
        int r = where ? connect_to(where, deadline, reason, &rpcbind) : connect_here(deadline, reason, &rpcbind);
        if (r == 0)
                *ret_rpcbind = rpcbind;
        return as_unreached(r, where, reason);
}

void rpcbind_close(struct rpcbind *rpcbind) {
        rpcbind->client = leat_rpc_client_free(rpcbind->client);
        leat_xdr_arena_free(&rpcbind->arena);
}

/* ---- a call ---- */

/* What a refusal means here. */
static int explain(const struct rpcbind *rpcbind, int error, const struct leat_rpc_call *call) {
        if (error != -EPROTO)
                return reason_set(rpcbind->reason, error, LEAT_ROW_NONE,
                                  error == -EBADMSG ? "the answer is none of rpcbind" : NULL);
        switch (call->status) {
        case LEAT_RPC_AUTH_ERROR:
                return reason_set(
                        rpcbind->reason, -EACCES, LEAT_ROW_OPENING,
                        "rpcbind does not allow that; it takes registrations from its own host, and most over "
                        "its unix socket alone");
        case LEAT_RPC_PROGRAM_UNAVAILABLE:
        case LEAT_RPC_VERSION_MISMATCH:
        case LEAT_RPC_RPC_MISMATCH:
                return reason_set(rpcbind->reason, -EPROTONOSUPPORT, LEAT_ROW_NONE,
                                  "what listens there is no rpcbind, of version 2, 3 or 4");
        case LEAT_RPC_PROCEDURE_UNAVAILABLE:
                return reason_set(rpcbind->reason, -EOPNOTSUPP, LEAT_ROW_NONE, "this rpcbind does not do that");
        default:
                return reason_set(rpcbind->reason, -EPROTO, LEAT_ROW_NONE, "rpcbind has failed");
        }
}

/* The version to ask next; 0: there is none. What a server says of itself is believed as far as it leads downwards. */
static uint32_t next_version(uint32_t version, const struct leat_rpc_call *call) {
        uint32_t next = call->high < version ? call->high : version - 1;
        return next >= RPCBIND_LEAST && call->low <= next ? next : 0;
}

/* Call in the highest version that the server has. argument: of version 3 and 4, and of 2; likewise the results. */
static int ask(struct rpcbind *rpcbind, enum rpcbind_procedure procedure, const struct rpcbind_mapping *newer,
               const struct rpcbind_port *older, void *ret_newer, void *ret_older) {
        for (;;) {
                struct leat_rpc_call call = leat_rpc_call_until(rpcbind->deadline, &rpcbind->arena);
                bool is_old = rpcbind->version == RPCBIND_LEAST;
                if (is_old && newer && !older)
                        return reason_set(
                                rpcbind->reason, -ENOTSUP, LEAT_ROW_NONE,
                                "this rpcbind is of version 2, which has tcp and udp of IPv4 alone, and removes "
                                "both at once");
                int r = leat_rpc_call(rpcbind->client, rpcbind_program(rpcbind->version), procedure,
                                      is_old ? (const void *)older : newer, is_old ? ret_older : ret_newer, &call);
                if (r == 0)
                        return 0;
                uint32_t next = next_version(rpcbind->version, &call);
                if (r != -EPROTO || call.status != LEAT_RPC_VERSION_MISMATCH || next == 0)
                        return explain(rpcbind, r, &call);
                rpcbind->version = next;
        }
}

/* ---- procedures ---- */

static struct leat_xdr_string text_of(const char *text) {
        return (struct leat_xdr_string){ .text = text, .size_bytes = (uint32_t)strlen(text) };
}

/* tcp and udp of IPv4 are all that version 2 knows; false: it is another. UNSET of it has no netid. */
static bool port_of(uint32_t program, uint32_t version, const char *netid, const char *universal,
                    struct rpcbind_port *ret_port) {
        size_t host_bytes;
        uint16_t port = 0;
        bool is_tcp = strcmp(netid, "tcp") == 0;
        if (!is_tcp && strcmp(netid, "udp") != 0)
                return false;
        if (universal[0] && !rpcbind_split(universal, &host_bytes, &port))
                return false;
        *ret_port = (struct rpcbind_port){ program, version, is_tcp ? IPPROTO_TCP : IPPROTO_UDP, port };
        return true;
}

int rpcbind_change(struct rpcbind *rpcbind, enum rpcbind_procedure procedure, uint32_t program, uint32_t version,
                   const char *netid, const char *universal) {
        struct rpcbind_mapping newer = { program, version, text_of(netid), text_of(universal), text_of("") };
        struct rpcbind_port older;
        bool is_done = false, was_done = false;
        bool has_older = port_of(program, version, netid, universal, &older);
        if (procedure == RPCBIND_UNSET) { /* of version 2: all of the program's version */
                older = (struct rpcbind_port){ program, version, 0, 0 };
                has_older = netid[0] == '\0';
        }
        int r = ask(rpcbind, procedure, &newer, has_older ? &older : NULL, &is_done, &was_done);
        if (r < 0)
                return r;
        return is_done || was_done ? 0 : 1;
}

/* As a newer version tells it. */
static int widen(struct rpcbind *rpcbind, const struct rpcbind_port_link *ports, struct rpcbind_link **ret_first) {
        struct rpcbind_link *first = NULL, **last = &first;
        for (; ports; ports = ports->next) {
                const struct rpcbind_port *port = &ports->port;
                struct rpcbind_link *link = leat_xdr_arena_take(&rpcbind->arena, sizeof(*link));
                char *universal = leat_xdr_arena_take(&rpcbind->arena, RPCBIND_EVERY_BYTES);
                if (!link || !universal)
                        return -ENOMEM;
                rpcbind_every((int)(port->port & UINT16_MAX), universal);
                const char *netid = port->protocol == IPPROTO_TCP ? "tcp" : port->protocol == IPPROTO_UDP ? "udp" : "";
                *link = (struct rpcbind_link){
                        { port->program, port->version, text_of(netid), text_of(universal), text_of("") }, NULL
                };
                *last = link;
                last = &link->next;
        }
        *ret_first = first;
        return 0;
}

int rpcbind_dump(struct rpcbind *rpcbind, struct rpcbind_link **ret_first) {
        struct rpcbind_link *newer = NULL;
        struct rpcbind_port_link *older = NULL;
        int r = ask(rpcbind, RPCBIND_DUMP, NULL, NULL, &newer, &older);
        if (r == 0 && rpcbind->version == RPCBIND_LEAST)
                r = widen(rpcbind, older, &newer);
        if (r == 0)
                *ret_first = newer;
        return r;
}

int rpcbind_port_of(struct rpcbind *rpcbind, uint32_t program, uint32_t version, const char *netid) {
        struct rpcbind_port question;
        uint32_t port = 0;
        if (!port_of(program, version, netid, "", &question))
                return -ENOENT;
        rpcbind->version = RPCBIND_LEAST;
        int r = ask(rpcbind, RPCBIND_GET, NULL, &question, NULL, &port);
        if (r < 0)
                return r;
        return port >= 1 && port <= UINT16_MAX ? (int)port : -ENOENT;
}
