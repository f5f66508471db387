/* SPDX-License-Identifier: MIT */
#ifndef SERVING_H
#define SERVING_H

/* What all example servers of remote calls do for a person who starts them: they say how they are started, and where they listen. */

#include <leat.h>
#include <stdio.h>
#include <string.h>

#define SERVING_ADDRESSES                                                                                              \
        "An ADDRESS is unix:PATH, unix:@NAME, tcp::PORT (this host), tcp:*:PORT (all), udp:... or shm:NAME; port 0 "   \
        "is a free one.\n"

/*
 * Words that cannot be right, and --help, which may be asked for: `usage` is the words that there should be, from least to most of them.
 * Returns the exit code, or -1: go on.
 */
static inline int serving_refuse(int argc, char **argv, int least, int most, const char *usage) {
        int help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);

        if (!help && argc > least && argc <= most + 1 && (argc < 2 || argv[1][0] != '-'))
                return -1;
        fprintf(help ? stdout : stderr, "usage: %s %s\n" SERVING_ADDRESSES, argv[0], usage);
        return help ? 0 : 2;
}

static inline void serving_tell(struct leat_rpc_server *server) {
        char address[256];

        for (size_t i = 0; leat_rpc_server_address(server, i, address, sizeof(address)) >= 0; i++)
                printf("listens at %s\n", address);
        fflush(stdout); /* for who reads it by a pipe */
}

#endif
