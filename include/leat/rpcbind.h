/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPCBIND_H
#define LEAT_RPCBIND_H

/*
 * rpcbind: who serves which program, and where (RFC 1833; versions 4 and 3, and 2, the port mapper).
 *
 * A client that knows an address needs none of this, and a server that tells its address by other means neither. It is for programs of other
 * implementations, which know a host and a program's number alone: rpcinfo(8), and all that calls clnt_create(3).
 *
 * A registration is a program, its version, a netid (what carries the calls: "tcp", "udp", "tcp6", "udp6", "local", which is unix) and a universal address:
 * "192.0.2.7.156.64" is port 156 * 256 + 64 of that host, "/run/x.sock" a path. These functions take and give addresses of Leat (<leat/address.h>), and
 * the universal one beside.
 *
 * Each function has a parameter `rpcbind`, which one is asked: NULL is that of this host, by /run/rpcbind.sock or else tcp:127.0.0.1:111; or an address as
 * leat_rpc_connect() takes it: "tcp:192.0.2.7:111". Registrations are taken from this host alone, by most only over the unix socket, where rpcbind sees
 * whose they are; a server that ends without removing its own leaves them there.
 *
 * Errors of all of them: -ECONNREFUSED (none runs there), -EHOSTUNREACH (also: there is no host of this name) and others of leat_rpc_connect(); -ETIMEDOUT, -EAGAIN; -EACCES (it does not
 * allow that); -EPROTONOSUPPORT (what listens there is no rpcbind); -EPROTO, -EBADMSG (it failed, or its answer breaks the protocol); -EPIPE; -EINVAL, -ENOMEM.
 * ret_reason: on failure, why; or NULL. All block until the deadline, and connect anew each time. Threads: any. Fork: any. Signals: none.
 */

#include <leat/deadline.h>
#include <leat/error.h>
#include <leat/rpc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A registration; its texts lie in the arena that it was listed into. They are what rpcbind told: print them with care. */
struct leat_rpcbind_entry {
        uint32_t program, version;
        const char *netid;     /* "tcp"; one that Leat does not know may stand there too */
        const char *universal; /* its universal address */
        const char *address;   /* for leat_rpc_connect(): "tcp:192.0.2.7:40000"; NULL: Leat cannot call there */
        const char *owner;     /* who registered it: a uid, or "superuser"; empty: version 2 does not tell */
};

/*
 * Register a program's version at an address: tcp:, udp: with numbers ("tcp::5000" is loopback, "tcp:*:5000" every address of this host), unix:.
 * Returns 0; -EEXIST: it is registered there already at another address, or by another user; -ENOTSUP: rpcbind has no netid for such an address. Since 0.1.
 */
int leat_rpcbind_set(const char *rpcbind, uint32_t program, uint32_t version, const char *address, int64_t deadline,
                     struct leat_reason *ret_reason);

/*
 * Remove registrations of a program's version. netid: of this one alone; NULL: of all.
 * Returns 0, by most also if there was none; -ENOENT: there is none, or it is another user's. Since 0.1.
 */
int leat_rpcbind_unset(const char *rpcbind, uint32_t program, uint32_t version, const char *netid, int64_t deadline,
                       struct leat_reason *ret_reason);

/*
 * Where a program's version is served.
 *
 * netid:       by this one alone; NULL: the first of (on this host) local, then tcp, tcp6, udp, udp6.
 * ret_address: for leat_rpc_connect(), with a NUL. An address that stands for every one of a host is given as that by which its rpcbind was asked.
 * Returns its length without the NUL; -ENOENT: it is not registered (so); -ERANGE: there is no room for it. Since 0.1.
 */
ssize_t leat_rpcbind_find(const char *rpcbind, uint32_t program, uint32_t version, const char *netid, int64_t deadline,
                          char *ret_address, size_t size_bytes, struct leat_reason *ret_reason);

/*
 * All registrations, in the order of rpcbind.
 * arena: where *ret_entries and its texts are put. Returns 0. Since 0.1.
 */
int leat_rpcbind_list(const char *rpcbind, int64_t deadline, struct leat_xdr_arena *arena,
                      struct leat_rpcbind_entry **ret_entries, size_t *ret_count, struct leat_reason *ret_reason);

/* leat_rpcbind_register, flags */
#define LEAT_RPCBIND_REPLACE                                                                                           \
        1u /* remove what is registered for the same program, version and netid: a server that was killed left it */

/*
 * Register all that a server serves, at each address at which it listens; those that rpcbind has no netid for (shm:, ...) are left out.
 * server: has its services and addresses already. Returns how many registrations were made, or an error as of leat_rpcbind_set(), and then none. Since 0.1.
 */
int leat_rpcbind_register(const char *rpcbind, struct leat_rpc_server *server, unsigned flags, int64_t deadline,
                          struct leat_reason *ret_reason);

/*
 * Remove them: those for the server's programs that still name an address of it, and no others'.
 * Before leat_rpc_server_free(), and before it is drained. Returns how many were removed. Since 0.1.
 */
int leat_rpcbind_unregister(const char *rpcbind, struct leat_rpc_server *server, int64_t deadline,
                            struct leat_reason *ret_reason);

#ifdef __cplusplus
}
#endif

#endif
