/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "base/error.h"
#include "rpc/rpcbind.h"
#include "rpc/server.h"

#include <stdlib.h>
#include <string.h>

/* What a server has to register: each of its services at each of its places. Services are added before it runs, so that they do not change meanwhile. */
struct plan {
        const struct leat_rpc_server *server;
        struct rpcbind_place *places;
        size_t places_count;
};

static void plan_clear(struct plan *plan) {
        free(plan->places);
}

/* One address more; those that rpcbind has no netid for are left out. */
static int plan_add(struct plan *plan, const char *address, struct leat_reason *reason) {
        struct rpcbind_place places[RPCBIND_PLACES_MAX], *all;
        int count = rpcbind_places(address, RPCBIND_OF_SERVER, places, reason);
        if (count <= 0)
                return count == -ENOTSUP ? 0 : count;
        all = realloc(plan->places, (plan->places_count + (size_t)count) * sizeof(*all));
        if (!all)
                return -ENOMEM;
        memcpy(all + plan->places_count, places, (size_t)count * sizeof(*all));
        plan->places = all;
        plan->places_count += (size_t)count;
        return 0;
}

static int plan_make(struct leat_rpc_server *server, struct leat_reason *reason, struct plan *plan) {
        char address[RPCBIND_ADDRESS_BYTES];
        ssize_t n = 0;
        int r = 0;
        plan->server = server;
        for (size_t i = 0; r == 0 && n >= 0; i++) {
                n = leat_rpc_server_address(server, i, address, sizeof(address));
                if (n >= 0)
                        r = plan_add(plan, address, reason);
        }
        if (r == 0 && n != -ENOENT)
                return (int)n;
        if (r == 0 && plan->places_count == 0)
                return reason_set(reason, -ENOTSUP, LEAT_ROW_OPENING,
                                  "the server listens nowhere, or at no address of tcp:, udp: and unix:");
        return r;
}

/* The n-th of all pairs of a service and a place. false: there are not so many. */
static bool plan_at(const struct plan *plan, size_t n, const struct leat_rpc_program **ret_program,
                    const struct rpcbind_place **ret_place) {
        size_t service = n / plan->places_count;
        if (service >= plan->server->services_count)
                return false;
        *ret_program = plan->server->services[service].program;
        *ret_place = &plan->places[n % plan->places_count];
        return true;
}

/* ---- register ---- */

/* Version 2 removes tcp and udp at once. Returns as rpcbind_change(). */
static int remove_one(struct rpcbind *rpcbind, uint32_t program, uint32_t version, const char *netid) {
        int r = rpcbind_change(rpcbind, RPCBIND_UNSET, program, version, netid, "");
        return r == -ENOTSUP ? rpcbind_change(rpcbind, RPCBIND_UNSET, program, version, "", "") : r;
}

/* First all of them, since version 2 removes tcp and udp together. */
static int remove_old(struct rpcbind *rpcbind, const struct plan *plan) {
        const struct leat_rpc_program *program;
        const struct rpcbind_place *place;
        int r = 0;
        for (size_t i = 0; r >= 0 && plan_at(plan, i, &program, &place); i++)
                r = remove_one(rpcbind, program->number, program->version, place->netid);
        return r < 0 ? r : 0;
}

/* Remove the first `end` again. */
static void undo(struct rpcbind *rpcbind, const struct plan *plan, size_t end) {
        const struct leat_rpc_program *program;
        const struct rpcbind_place *place;
        struct leat_reason *reason = rpcbind->reason;
        rpcbind->reason = NULL; /* it stays that of the failure */
        for (size_t i = 0; i < end && plan_at(plan, i, &program, &place); i++)
                (void)rpcbind_change(rpcbind, RPCBIND_UNSET, program->number, program->version, place->netid, "");
        rpcbind->reason = reason;
}

static int set_all(struct rpcbind *rpcbind, const struct plan *plan) {
        const struct leat_rpc_program *program;
        const struct rpcbind_place *place;
        int count = 0, r = 0;
        for (size_t i = 0; plan_at(plan, i, &program, &place); i++) {
                r = rpcbind_change(rpcbind, RPCBIND_SET, program->number, program->version, place->netid,
                                   place->universal);
                if (r == 0)
                        count++;
                if (r == 1)
                        r = reason_set(rpcbind->reason, -EEXIST, LEAT_ROW_OPENING,
                                       "a program of the server is registered already, at another address; "
                                       "LEAT_RPCBIND_REPLACE takes its place");
                /* Of version 2, which does not know IPv6 and unix. */
                if (r < 0 && r != -ENOTSUP) {
                        undo(rpcbind, plan, i);
                        return r;
                }
        }
        return count == 0 ? r : count;
}

int leat_rpcbind_register(const char *where, struct leat_rpc_server *server, unsigned flags, int64_t deadline,
                          struct leat_reason *ret_reason) {
        CLEANUP(rpcbind_close) struct rpcbind rpcbind = { 0 };
        CLEANUP(plan_clear) struct plan plan = { 0 };
        if (!server || flags & ~LEAT_RPCBIND_REPLACE)
                return -EINVAL;
        int r = plan_make(server, ret_reason, &plan);
        if (r == 0)
                r = rpcbind_open(where, deadline, ret_reason, &rpcbind);
        if (r == 0 && flags & LEAT_RPCBIND_REPLACE)
                r = remove_old(&rpcbind, &plan);
        return r == 0 ? set_all(&rpcbind, &plan) : r;
}

/* ---- unregister ---- */

/* Is that one of ours? Another server may have taken its place. */
static bool plan_has(const struct plan *plan, const struct rpcbind_mapping *mapping) {
        const struct leat_rpc_program *program;
        const struct rpcbind_place *place;
        for (size_t i = 0; plan_at(plan, i, &program, &place); i++)
                if (program->number == mapping->program && program->version == mapping->version &&
                    strcmp(place->netid, mapping->netid.text) == 0 &&
                    rpcbind_same_port(place->universal, mapping->universal.text))
                        return true;
        return false;
}

int leat_rpcbind_unregister(const char *where, struct leat_rpc_server *server, int64_t deadline,
                            struct leat_reason *ret_reason) {
        CLEANUP(rpcbind_close) struct rpcbind rpcbind = { 0 };
        CLEANUP(plan_clear) struct plan plan = { 0 };
        struct rpcbind_link *link = NULL;
        int count = 0;
        if (!server)
                return -EINVAL;
        int r = plan_make(server, ret_reason, &plan);
        if (r == 0)
                r = rpcbind_open(where, deadline, ret_reason, &rpcbind);
        if (r == 0)
                r = rpcbind_dump(&rpcbind, &link);
        for (; r >= 0 && link; link = link->next)
                if (plan_has(&plan, &link->mapping)) {
                        const struct rpcbind_mapping *mapping = &link->mapping;
                        r = remove_one(&rpcbind, mapping->program, mapping->version, mapping->netid.text);
                        count += r == 0; /* of version 2 the second is gone with the first */
                }
        return r < 0 ? r : count;
}
