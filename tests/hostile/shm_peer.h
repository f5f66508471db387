/* SPDX-License-Identifier: MIT */
#ifndef SHM_PEER_H
#define SHM_PEER_H

/*
 * A party of shm: that is made by hand, as docs/design/shm.md describes it:
 * with a memory file, a pair of sockets for wakes and greetings of its own, it
 * can say and write whatever a hostile one could.
 */

#include "base/bytes.h"
#include "base/cleanup.h"
#include "channel/link_ring.h"
#include "memory/memfile.h"
#include "memory/ring.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SHM_PAGE 4096
#define SHM_RING 16384
#define SHM_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

enum { SHM_HELLO = 1, SHM_WELCOME = 2 };

struct shm_header {
        char magic[8];
        uint32_t version, word_bytes;
        uint64_t ring_bytes, start;
        uint32_t features, page_bytes;
};
extern const struct shm_header shm_good_header;

struct shm_peer {
        int socket;
        int ends[2]; /* of the pair by which it is woken: its own, and the one that it
                  gives away */
        int wake;    /* of the victim's pair: it came with the greeting */
        struct memfile mine, theirs;
};
#define SHM_PEER_NONE                                                                                                  \
        (struct shm_peer) {                                                                                            \
                .socket = -1, .ends = { -1, -1 }, .wake = -1, .mine = MEMFILE_NONE, .theirs = MEMFILE_NONE             \
        }

/* Its memory file, with a good header, and its pair. */
void shm_peer_make(struct shm_peer *peer, uint64_t ring_bytes);
void shm_peer_end(struct shm_peer *peer);

/* HELLO or WELCOME, with these descriptors. False: the victim is gone. */
bool shm_say(int socket, uint32_t kind, const int *fds, size_t count);

/* Take the victim's greeting from the socket: what came with it is mapped, and
 * kept. False: none came. */
bool shm_hear(struct shm_peer *peer);

static inline struct ring_state *shm_state(const struct shm_peer *peer) {
        return (void *)((uint8_t *)peer->mine.bytes + SHM_PAGE);
}

/* The word of a record (RING_PLAIN, RING_PACKET) that carries so much. */
#define SHM_WORD(size, kind, priority)                                                                                 \
        ((uint64_t)(priority) << 48 | (uint64_t)(kind) << 32 | (uint64_t)((uint32_t)(size) + 1u))

/* A record at this position. */
void shm_put(const struct shm_peer *peer, uint64_t position, uint64_t word, uint64_t second, const void *bytes,
             size_t size);

#endif
