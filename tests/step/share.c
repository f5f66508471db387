/* SPDX-License-Identifier: MIT */
/* What is particular to children that share memory. */
#include "channel/hub.h"
#include "channel/link_ring.h"
#include "harness.h"
#include "scenario.h"
#include <stdio.h>
#include <stdlib.h>

#define PAGE 4096
#define RECORDS_BYTES 1024
#define EVERY 80
#define EVERY_OF_SMALL 250

/* What the child writes in memory that others see: of its rings the page that says how far it is, and where its next records go. */
void step_register_rings(const struct world *world) {
        if (!world->transport->ring || !world->channel)
                return;
        const struct hub *hub = world->channel->state;
        for (size_t i = 0; i < hub->slots; i++) {
                const struct link_ring *ring = hub->links[i] ? hub->links[i]->ring : NULL;
                if (!ring || !ring->state)
                        continue;
                step_shared(ring->state, sizeof(struct ring_state));
                step_shared(ring_place(&ring->writer), RECORDS_BYTES);
        }
}

/* A ring that the child made since it began. */
void step_find_new_rings(const struct tracer *tracer) {
        char line[256];
        unsigned long begin;
        snprintf(line, sizeof line, "/proc/%d/maps", (int)tracer->pid);
        FILE *maps = fopen(line, "re");
        CHECK(maps != NULL);
        while (fgets(line, sizeof line, maps))
                if (strstr(line, " rw-s 00000000 ") && strstr(line, "/memfd:leat-shm") &&
                    sscanf(line, "%lx", &begin) == 1 &&
                    tracer_share(tracer, (const char *)begin + PAGE, sizeof(struct ring_state)))
                        tracer_share(tracer, (const char *)begin + 2 * PAGE, RECORDS_BYTES);
        fclose(maps);
}

unsigned step_every(const struct step_transport *transport) {
        const char *size = getenv("LEAT_TEST_SIZE");
        if (!transport->ring || (size && strcmp(size, "long") == 0))
                return 1;
        return size && strcmp(size, "small") == 0 ? EVERY_OF_SMALL : EVERY;
}
