/* SPDX-License-Identifier: MIT */
#include "rings.h"

#include "channel/hub.h"

#define START_AT 24 /* in the header (docs/design/shm.md) */

struct link_ring *ring_of(const struct leat_channel *channel) {
        const struct hub *hub = channel->state;
        for (size_t i = 0; i < hub->slots; i++)
                if (hub->links[i])
                        return hub->links[i]->ring;
        FAIL("it has no link");
}

void ring_begin_at(struct link_ring *connector, uint64_t start) {
        struct ring_writer *writer = &connector->writer;
        CHECK(!connector->answers && !connector->peer && writer->head == 0);
        memcpy((uint8_t *)connector->mine.bytes + START_AT, &start, sizeof start);
        writer->head = writer->taken = writer->told = start;
        atomic_store_explicit(&connector->state->taken, start, memory_order_relaxed);
        atomic_store_explicit(&connector->state->read, start, memory_order_relaxed);
}

void see_as_one(struct one_mapping *one, struct link_ring *first, struct link_ring *second) {
        *one = (struct one_mapping){ .ends = { first, second },
                                     .bytes = { first->reader.bytes, second->reader.bytes },
                                     .peers = { first->peer, second->peer } };
        for (int i = 0; i < 2; i++) {
                struct link_ring *here = one->ends[i], *there = one->ends[!i];
                CHECK(here->peer && there->state);
                here->reader.bytes = there->writer.bytes;
                here->peer = here->writer.theirs = there->state;
        }
}

void see_apart(const struct one_mapping *one) {
        for (int i = 0; i < 2; i++) {
                one->ends[i]->reader.bytes = one->bytes[i];
                one->ends[i]->peer = one->ends[i]->writer.theirs = one->peers[i];
        }
}
