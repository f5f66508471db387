/* SPDX-License-Identifier: MIT */
#include "quick_peer.h"

#include "channel/wire.h"
#include "harness.h"

#include <string.h>
#include <sys/socket.h>

#define ALL_FEATURES 7

void quick_peer_make(struct quick_peer *peer) {
        *peer = (struct quick_peer){ .shm = SHM_PEER_NONE };
        shm_peer_make(&peer->shm, SHM_RING);
        ((struct shm_header *)peer->shm.mine.bytes)->features = ALL_FEATURES;
}

void quick_peer_end(struct quick_peer *peer) {
        shm_peer_end(&peer->shm);
}

static uint8_t *place_at(const struct memfile *file, uint64_t position) {
        return (uint8_t *)memfile_twice(file) + (position & (file->twice_bytes - 1));
}

static _Atomic uint64_t *word_of(const struct memfile *file, uint64_t position) {
        return (_Atomic uint64_t *)(void *)place_at(file, position);
}

void peer_record(struct quick_peer *peer, uint64_t word, uint64_t value, const void *bytes, size_t size_bytes,
                 uint64_t length) {
        atomic_store(word_of(&peer->shm.mine, peer->head + length), 0);
        shm_put(&peer->shm, peer->head, word, value, bytes, size_bytes);
        peer->head += length;
        peer->sequence++;
}

void peer_short(struct quick_peer *peer, uint32_t kind, uint64_t value, const void *bytes, size_t size_bytes) {
        uint64_t word = ring_word(kind, 0, size_bytes);
        peer_record(peer, word, value, bytes, size_bytes, ring_length(peer->head, word));
}

void peer_packet(struct quick_peer *peer, bool is_reply, uint64_t reference, const void *bytes, size_t size_bytes) {
        uint8_t frame[WIRE_HEADER_BYTES + 8192];
        const struct wire_header header = { .kind = is_reply ? WIRE_REPLY : WIRE_MESSAGE,
                                            .flags = is_reply ? 0 : WIRE_WANTS_REPLY,
                                            .size = (uint32_t)size_bytes,
                                            .type = 1,
                                            .sequence = peer->sequence + 1,
                                            .reference = reference };
        CHECK(size_bytes <= sizeof(frame) - WIRE_HEADER_BYTES);
        wire_encode(&header, frame);
        memcpy(frame + WIRE_HEADER_BYTES, bytes, size_bytes);
        peer_short(peer, RING_PACKET, 0, frame, WIRE_HEADER_BYTES + size_bytes);
}

void peer_wake(struct quick_peer *peer) {
        const struct ring_state *theirs = (const void *)((const uint8_t *)peer->shm.theirs.bytes + SHM_PAGE);
        uint64_t asleep = atomic_load(&theirs->asleep);
        if (!(asleep & RING_RECEIVER) || asleep == peer->woken)
                return;
        peer->woken = asleep;
        (void)send(peer->shm.wake, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL); /* it may be gone */
}

static void read_short(struct quick_peer *peer, uint32_t kind, const uint8_t *at, size_t size,
                       struct quick_record *ret_record) {
        CHECK(size <= RING_SHORT_MOST);
        ret_record->is_short = true;
        ret_record->is_reply = kind == RING_REPLY;
        ret_record->size_bytes = size;
        memcpy(&ret_record->left_ns, at + 8, 8);
        ret_record->number = kind == RING_REPLY ? ret_record->left_ns : ++peer->last;
        memcpy(ret_record->bytes, at + RING_ALIGN, size);
}

static void read_packet(struct quick_peer *peer, const uint8_t *at, size_t size, struct quick_record *ret_record) {
        struct wire_header header;
        CHECK(size >= WIRE_HEADER_BYTES);
        CHECK_EQ(wire_decode(at + RING_ALIGN, WIRE_LARGEST_BYTES, &header), 0);
        CHECK_EQ(size, WIRE_HEADER_BYTES + header.size);
        CHECK(header.size <= sizeof(ret_record->bytes));
        peer->last = header.sequence;
        ret_record->is_short = false;
        ret_record->is_reply = header.kind == WIRE_REPLY;
        ret_record->number = ret_record->is_reply ? header.reference : header.sequence;
        ret_record->left_ns = 0;
        ret_record->size_bytes = header.size;
        memcpy(ret_record->bytes, at + RING_ALIGN + WIRE_HEADER_BYTES, header.size);
}

bool peer_take(struct quick_peer *peer, struct quick_record *ret_record) {
        uint64_t word = atomic_load(word_of(&peer->shm.theirs, peer->tail));
        const uint8_t *at = place_at(&peer->shm.theirs, peer->tail);
        uint32_t kind = word >> 32;
        size_t size = (uint32_t)word - 1;
        if (word == 0)
                return false;
        if (kind == RING_PACKET)
                read_packet(peer, at, size, ret_record);
        else
                read_short(peer, kind, at, size, ret_record);
        peer->tail += ring_length(peer->tail, word);
        atomic_store(&shm_state(&peer->shm)->read, peer->tail);
        atomic_store(&shm_state(&peer->shm)->taken, peer->tail);
        return true;
}
