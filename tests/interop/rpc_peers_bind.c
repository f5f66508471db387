/* SPDX-License-Identifier: MIT */
/*
 * rpcbind by the functions of Leat, for test_rpc_peers.py:
 *     rpc_peers_bind RPCBIND|- set PROGRAM VERSION ADDRESS | unset PROGRAM VERSION [NETID] | find PROGRAM VERSION [NETID] | list
 * What it finds goes to stdout; an error to stderr as its name, a space and the reason.
 */
#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int list(const char *rpcbind, struct leat_reason *reason) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpcbind_entry *entries;
        size_t count;
        int r = leat_rpcbind_list(rpcbind, leat_in_s(60), &arena, &entries, &count, reason);
        for (size_t i = 0; r == 0 && i < count; i++)
                printf("%u %u %s %s %s %s\n", entries[i].program, entries[i].version,
                       entries[i].netid[0] ? entries[i].netid : "-", entries[i].universal,
                       entries[i].address ? entries[i].address : "-", entries[i].owner[0] ? entries[i].owner : "-");
        leat_xdr_arena_free(&arena);
        return r;
}

static int find(const char *rpcbind, uint32_t program, uint32_t version, const char *netid,
                struct leat_reason *reason) {
        char address[512];
        ssize_t n =
                leat_rpcbind_find(rpcbind, program, version, netid, leat_in_s(60), address, sizeof(address), reason);
        if (n < 0)
                return (int)n;
        printf("%s\n", address);
        if (n != (ssize_t)strlen(address))
                return fprintf(stderr, "length %zd\n", n), -1;
        /* There is no room for it, and then for all but its NUL. */
        if (leat_rpcbind_find(rpcbind, program, version, netid, leat_in_s(60), address, 0, reason) != -ERANGE ||
            leat_rpcbind_find(rpcbind, program, version, netid, leat_in_s(60), address, (size_t)n, reason) != -ERANGE)
                return fprintf(stderr, "room was not looked at\n"), -1;
        return 0;
}

static int run(int argc, char **argv, struct leat_reason *reason) {
        const char *rpcbind = strcmp(argv[1], "-") == 0 ? NULL : argv[1], *last = argc > 5 ? argv[5] : NULL;
        uint32_t program = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 0) : 0;
        uint32_t version = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 0) : 0;
        if (strcmp(argv[2], "set") == 0)
                return leat_rpcbind_set(rpcbind, program, version, last, leat_in_s(60), reason);
        if (strcmp(argv[2], "unset") == 0)
                return leat_rpcbind_unset(rpcbind, program, version, last, leat_in_s(60), reason);
        if (strcmp(argv[2], "find") == 0)
                return find(rpcbind, program, version, last, reason);
        return list(rpcbind, reason);
}

int main(int argc, char **argv) {
        struct leat_reason reason = { .text = NULL };
        int r = argc < 3 ? -1 : run(argc, argv, &reason);
        if (r < 0)
                fprintf(stderr, "%s %s\n", strerrorname_np(-r), reason.text ? reason.text : "-");
        return r < 0;
}
