/* SPDX-License-Identifier: MIT */
/*
 * A small rpcbind (rpcbind.x): programs of every implementation of ONC RPC register with it, and find each other; rpcinfo(8) is one of its clients. Whoever may
 * connect may ask; this host's programs alone may register.
 * Run it: rpcbind_serve                                  as root, where no other runs: at port 111 and /run/rpcbind.sock
 *         rpcbind_serve tcp:127.0.0.1:1111 unix:rpcbind  elsewhere, for programs that are told so
 */
#include "rpcbind.h"
#include "serving.h"

#include <arpa/inet.h>
#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 1000

static struct registration {
        uint32_t program, version;
        char netid[16], address[128], owner[16];
} all[MOST];
static size_t count;
static rpcbind_all_statistics statistics; /* of versions 2, 3 and 4 */

static struct leat_xdr_string text_of(const char *text) {
        return (struct leat_xdr_string){ .text = text, .size_bytes = (uint32_t)strlen(text) };
}

/* What somebody calls by. */
static const char *netid_of_caller(const struct leat_rpc_caller *caller) {
        bool is_udp = strncmp(caller->address, "udp:", 4) == 0, is_v6 = strchr(caller->address, '[') != NULL;

        return !caller->address[0] ? "local" : is_udp ? is_v6 ? "udp6" : "udp" : is_v6 ? "tcp6" : "tcp";
}

/* Who calls; NULL: another host, which may not change anything. */
static const char *owner_of(struct leat_rpc_request *request) {
        static char owner[16];
        struct leat_rpc_caller caller = { .size = sizeof(caller) };

        leat_rpc_request_caller(request, &caller);
        if (caller.address[0])
                return strncmp(caller.address + 4, "127.", 4) == 0 || strncmp(caller.address + 4, "[::1]", 5) == 0
                               ? "unknown"
                               : NULL;
        snprintf(owner, sizeof(owner), "%u", (unsigned)caller.peer.uid);
        return caller.peer.uid == 0 ? "superuser" : owner;
}

static struct registration *find(uint32_t program, uint32_t version, const char *netid) {
        for (size_t i = 0; i < count; i++)
                if (all[i].program == program && all[i].version == version && strcmp(all[i].netid, netid) == 0)
                        return &all[i];
        return NULL;
}

/* Of another version, if this one is not there: the server tells who calls which it has. */
static struct registration *find_any(uint32_t program, uint32_t version, const char *netid) {
        struct registration *found = find(program, version, netid);

        for (size_t i = 0; i < count && !found; i++)
                if (all[i].program == program && strcmp(all[i].netid, netid) == 0)
                        found = &all[i];
        return found;
}

static bool set(uint32_t program, uint32_t version, const char *netid, const char *address, const char *owner) {
        const struct registration *old = find(program, version, netid);
        struct registration *new = &all[count];

        if (old)
                return strcmp(old->address, address) == 0;
        if (!owner || count == MOST || strlen(netid) >= sizeof(new->netid) || strlen(address) >= sizeof(new->address))
                return false;
        *new = (struct registration){ .program = program, .version = version };
        strcpy(new->netid, netid);
        strcpy(new->address, address);
        strcpy(new->owner, owner);
        count++;
        return true;
}

/* netid: "": of all. False: one of them is another user's. */
static bool unset(uint32_t program, uint32_t version, const char *netid, const char *owner) {
        for (size_t i = count; i > 0; i--) {
                struct registration *one = &all[i - 1];
                if (one->program != program || one->version != version || (netid[0] && strcmp(netid, one->netid) != 0))
                        continue;
                if (!owner || (strcmp(owner, one->owner) != 0 && strcmp(owner, "superuser") != 0))
                        return false;
                memmove(one, one + 1, (size_t)(&all[--count] - one) * sizeof(*one));
        }
        return owner != NULL;
}

/* ---- what all versions do: userdata is the version's statistics ---- */

static int count_set(struct rpcbind_statistics *counted, bool done) {
        counted->calls[1]++;
        counted->sets += done;
        return 0;
}

static int count_unset(struct rpcbind_statistics *counted, bool done) {
        counted->calls[2]++;
        counted->unsets += done;
        return 0;
}

static int nothing(struct leat_rpc_request *request, void *userdata) {
        (void)request;
        ((struct rpcbind_statistics *)userdata)->calls[0]++;
        return 0;
}

/* ---- versions 3 and 4 ---- */

static int set_mapping(const struct rpcbind_mapping *mapping, bool *ret_result, struct leat_rpc_request *request,
                       void *userdata) {
        *ret_result = set(mapping->prog, mapping->vers, mapping->netid.text, mapping->address.text, owner_of(request));
        return count_set(userdata, *ret_result);
}

static int unset_mapping(const struct rpcbind_mapping *mapping, bool *ret_result, struct leat_rpc_request *request,
                         void *userdata) {
        *ret_result = unset(mapping->prog, mapping->vers, mapping->netid.text, owner_of(request));
        return count_unset(userdata, *ret_result);
}

/* An address of every interface: of these the caller is told the one that the way to it leads by. */
static int name_interface(const struct leat_rpc_caller *caller, const char *port, struct leat_rpc_request *request,
                          struct leat_xdr_string *ret_result) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(1) };
        socklen_t size = sizeof(address);
        char *text = leat_xdr_arena_take(leat_rpc_request_arena(request), 64);
        char host[INET_ADDRSTRLEN] = "127.0.0.1";
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (sscanf(caller->address + 4, "%15[0-9.]", host) == 1 && inet_pton(AF_INET, host, &address.sin_addr) == 1 &&
            connect(fd, (const struct sockaddr *)&address, size) == 0 &&
            getsockname(fd, (struct sockaddr *)&address, &size) == 0)
                inet_ntop(AF_INET, &address.sin_addr, host, sizeof(host));
        close(fd);
        if (!text)
                return -ENOMEM;
        snprintf(text, 64, "%s%s", host, port);
        *ret_result = text_of(text);
        return 0;
}

/* Where it is by what the caller calls by, as RFC 1833 has it. */
static int look_up(const struct rpcbind_mapping *mapping, struct leat_xdr_string *ret_result,
                   struct leat_rpc_request *request, void *userdata) {
        struct rpcbind_statistics *counted = userdata;
        struct leat_rpc_caller caller = { .size = sizeof(caller) };
        const struct registration *found;

        leat_rpc_request_caller(request, &caller);
        found = find_any(mapping->prog, mapping->vers, netid_of_caller(&caller));
        *ret_result = text_of(found ? found->address : "");
        counted->calls[3]++;
        if (found && strncmp(found->address, "0.0.0.0.", 8) == 0)
                return name_interface(&caller, found->address + 7, request, ret_result);
        return 0;
}

static int dump(struct rpcbind_mappings **ret_result, struct leat_rpc_request *request, void *userdata) {
        ((struct rpcbind_statistics *)userdata)->calls[4]++;
        for (size_t i = count; i > 0; i--) {
                const struct registration *one = &all[i - 1];
                struct rpcbind_mappings *link = leat_xdr_arena_take(leat_rpc_request_arena(request), sizeof(*link));
                if (!link)
                        return -ENOMEM;
                *link = (struct rpcbind_mappings){ { one->program, one->version, text_of(one->netid),
                                                     text_of(one->address), text_of(one->owner) },
                                                   *ret_result };
                *ret_result = link;
        }
        return 0;
}

static int tell_statistics(rpcbind_all_statistics ret_result, struct leat_rpc_request *request, void *userdata) {
        (void)request;
        ((struct rpcbind_statistics *)userdata)->calls[12]++;
        memcpy(ret_result, statistics, sizeof(statistics));
        return 0;
}

/* ---- version 2 ---- */

static const char *netid_of(uint32_t protocol) {
        return protocol == 6 ? "tcp" : protocol == 17 ? "udp" : "unknown";
}

static int set_port(const struct rpcbind_port *port, bool *ret_result, struct leat_rpc_request *request,
                    void *userdata) {
        char address[32];

        snprintf(address, sizeof(address), "0.0.0.0.%u.%u", port->port >> 8 & 255, port->port & 255);
        *ret_result =
                port->port <= 65535 && set(port->prog, port->vers, netid_of(port->prot), address, owner_of(request));
        return count_set(userdata, *ret_result);
}

static int unset_port(const struct rpcbind_port *port, bool *ret_result, struct leat_rpc_request *request,
                      void *userdata) {
        const char *owner = owner_of(request);

        *ret_result = unset(port->prog, port->vers, "tcp", owner) && unset(port->prog, port->vers, "udp", owner);
        return count_unset(userdata, *ret_result);
}

/* The last two numbers of a universal address. */
static uint32_t port_of(const struct registration *one) {
        const char *at = one ? one->address + strlen(one->address) : NULL;

        for (int dots = 0; at && at > one->address && dots < 2; dots += *at == '.')
                at--;
        return at && *at == '.' ? ((uint32_t)strtoul(at + 1, NULL, 10) << 8 |
                                   (uint32_t)strtoul(strrchr(at, '.') + 1, NULL, 10)) &
                                          65535
                                : 0;
}

static int get_port(const struct rpcbind_port *port, uint32_t *ret_result, struct leat_rpc_request *request,
                    void *userdata) {
        (void)request;
        ((struct rpcbind_statistics *)userdata)->calls[3]++;
        *ret_result = port_of(find_any(port->prog, port->vers, netid_of(port->prot)));
        return 0;
}

static int dump_ports(struct rpcbind_ports **ret_result, struct leat_rpc_request *request, void *userdata) {
        ((struct rpcbind_statistics *)userdata)->calls[4]++;
        for (size_t i = count; i > 0; i--) {
                const struct registration *one = &all[i - 1];
                struct rpcbind_ports *link;
                if (strcmp(one->netid, "tcp") != 0 && strcmp(one->netid, "udp") != 0)
                        continue;
                link = leat_xdr_arena_take(leat_rpc_request_arena(request), sizeof(*link));
                if (!link)
                        return -ENOMEM;
                *link = (struct rpcbind_ports){
                        { one->program, one->version, one->netid[0] == 't' ? 6 : 17, port_of(one) }, *ret_result
                };
                *ret_result = link;
        }
        return 0;
}

/* ---- the server ---- */

static int add_services(struct leat_rpc_server *server) {
        static const struct rpcbind_2_functions v2 = { nothing, set_port, unset_port, get_port, dump_ports };
        static const struct rpcbind_3_functions v3 = { nothing, set_mapping, unset_mapping, look_up, dump };
        static const struct rpcbind_4_functions v4 = { nothing, set_mapping, unset_mapping,
                                                       look_up, dump,        tell_statistics };
        int r = leat_rpc_server_add(server, rpcbind_2_server(&v2, &statistics[0]));

        if (r == 0)
                r = leat_rpc_server_add(server, rpcbind_3_server(&v3, &statistics[1]));
        return r == 0 ? leat_rpc_server_add(server, rpcbind_4_server(&v4, &statistics[2])) : r;
}

static void add_itself(void) {
        for (uint32_t version = 4; version >= 2; version--) {
                set(RPCBIND_PROGRAM, version, "tcp", "0.0.0.0.0.111", "superuser");
                set(RPCBIND_PROGRAM, version, "udp", "0.0.0.0.0.111", "superuser");
                set(RPCBIND_PROGRAM, version, "tcp6", "::.0.111", "superuser");
                set(RPCBIND_PROGRAM, version, "udp6", "::.0.111", "superuser");
                set(RPCBIND_PROGRAM, version, "local", "/run/rpcbind.sock", "superuser");
        }
}

int main(int argc, char **argv) {
        static const char *usual[] = { "tcp:*:111", "udp:*:111", "unix:/run/rpcbind.sock" };
        const char *const *addresses = argc > 1 ? (const char *const *)argv + 1 : usual;
        int addresses_count = argc > 1 ? argc - 1 : 3;
        struct leat_rpc_server *server = NULL;
        struct leat_reason reason = { .text = NULL };
        int r = serving_refuse(argc, argv, 0, 10,
                               "[ADDRESS]...; tcp:*:111 udp:*:111 unix:/run/rpcbind.sock if there are none");

        if (r >= 0)
                return r;
        r = leat_rpc_server_create(NULL, &server);
        for (int i = 0; r == 0 && i < addresses_count; i++)
                r = leat_rpc_server_listen(server, addresses[i], leat_in_s(5), &reason);
        if (r == 0)
                r = add_services(server);
        if (addresses == usual)
                add_itself();
        if (r == 0) {
                serving_tell(server);
                r = leat_rpc_server_run(server, LEAT_NEVER);
        }
        fprintf(stderr, "rpcbind_serve: %s%s%s\n", leat_strerror(r), reason.text ? ": " : "",
                reason.text ? reason.text : "");
        leat_rpc_server_free(server);
        return 1;
}
