/* SPDX-License-Identifier: MIT */

/* What the lectures say of the speed of pipes, queues and sockets, beside what the bare mechanisms did. */

#include "tools/leat/bench.h"

#include <stdio.h>
#include <string.h>

enum kind { PIPES, QUEUES, SOCKETS, KINDS };

static const struct {
        const char *scheme;
        enum kind kind;
} members[] = {
        { "pipe", PIPES },  { "fifo", PIPES },          { "sysv-mq", QUEUES },
        { "mq", QUEUES },   { "unix-stream", SOCKETS }, { "unix", SOCKETS },
        { "tcp", SOCKETS }, { "udp", SOCKETS },         { "unix-dgram", SOCKETS },
};

/* How fast the bare mechanism of a scheme was with the smallest size: round trips or messages a second; 0: not known. */
static double speed_of(const struct bench *bench, const struct placement *placement, enum measure measure,
                       const char *scheme) {
        const struct cell *found = NULL;
        for (size_t i = 0; i < bench->cells_count; i++) {
                const struct cell *cell = bench->cells[i];
                if (cell->placement == placement && cell->measure == measure && strcmp(cell->scheme, scheme) == 0 &&
                    cell->rounds && (!found || cell->size < found->size))
                        found = cell;
        }
        for (size_t i = 0; found && i < found->entrants_count; i++) {
                const struct entrant *entrant = &found->entrants[i];
                if (strcmp(entrant->name, "bare") != 0 || entrant->out)
                        continue;
                double median = spread_of(entrant->values, found->rounds).median;
                return measure == MEASURE_FLOW ? median : median > 0 ? 1e9 / median : 0;
        }
        return 0;
}

struct range {
        double least, most;
        const char *slowest, *fastest;
};

static size_t measure_kinds(const struct bench *bench, const struct placement *placement, enum measure measure,
                            struct range ranges[KINDS]) {
        size_t known = 0;
        memset(ranges, 0, KINDS * sizeof(*ranges));
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
                struct range *range = &ranges[members[i].kind];
                double speed = speed_of(bench, placement, measure, members[i].scheme);
                if (speed <= 0)
                        continue;
                known += range->most <= 0;
                if (range->most <= 0 || speed < range->least) {
                        range->least = speed;
                        range->slowest = members[i].scheme;
                }
                if (speed > range->most) {
                        range->most = speed;
                        range->fastest = members[i].scheme;
                }
        }
        return known;
}

enum truth claim_of(const struct bench *bench, const struct placement *placement, enum measure measure, char *text,
                    size_t size) {
        struct range ranges[KINDS];
        if (measure_kinds(bench, placement, measure, ranges) < KINDS) {
                (void)snprintf(text, size, "it takes a pipe, a queue and a socket to tell");
                return CLAIM_UNDECIDED;
        }
        const struct range *pipes = &ranges[PIPES], *queues = &ranges[QUEUES], *sockets = &ranges[SOCKETS];
        bool ordered = pipes->least > queues->most && queues->least > sockets->most;
        bool holds = ordered && sockets->most <= pipes->least / 2;
        (void)snprintf(text, size,
                       "with the fastest pipe (%s) as 1: queues %.2f (%s) to %.2f (%s), sockets %.2f (%s) to %.2f (%s)",
                       pipes->fastest, queues->least / pipes->most, queues->slowest, queues->most / pipes->most,
                       queues->fastest, sockets->least / pipes->most, sockets->slowest, sockets->most / pipes->most,
                       sockets->fastest);
        return holds ? CLAIM_TRUE : CLAIM_FALSE;
}
