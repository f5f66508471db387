/* SPDX-License-Identifier: MIT */
#include "memory/ring.h"

int ring_ask_taken(struct ring_writer *writer, bool exactly) {
        if (!writer->theirs)
                return 0;
        /* Pairs with the release of ring_tell() and ring_advance(): what it says is read may be written over. */
        uint64_t taken =
                atomic_load_explicit(exactly ? &writer->theirs->read : &writer->theirs->taken, memory_order_acquire);
        uint64_t last = exactly ? writer->taken : writer->told;
        /* It goes up, and not beyond what was published; counted from the last one, since positions may pass 2^64. */
        if (taken - last > writer->head - last || taken % RING_ALIGN != 0)
                return -EBADMSG;
        if (!exactly)
                writer->told = taken;
        if ((int64_t)(taken - writer->taken) > 0)
                writer->taken = taken;
        return 0;
}
