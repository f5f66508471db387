/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: shared memory (docs/design/shm.md) of which a stranger has written every byte.
 *
 * The first byte chooses what is a stranger's: the records that a receiver finds, the greeting and the header of a memory file, or what a
 * receiver says of how far it is. What must hold: each call says a word that its header names, a receiver comes to an end after finitely many
 * messages, and nothing is leaked.
 */

#include "channel/hub.h"
#include "channel/link_ring.h"
#include "require.h"

#include <errno.h>
#include <leat.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define LARGEST 65536
#define PAGE 4096
#define RING 16384
#define RECEIVES_MOST 20000

static struct link_ring *ring_of(const struct leat_channel *channel) {
        const struct hub *hub = channel->state;
        return hub->links[0]->ring;
}

static void make_pair(struct leat_channel **ret_receiver, struct leat_channel **ret_sender) {
        REQUIRE(leat_pair("shm:?size=64k&aside=16k&ring=128k", NULL, ret_receiver, ret_sender) == 0);
}

static bool is_known(ssize_t r) {
        return r >= 0 || r == -EAGAIN || r == -ENODATA || r == -EMSGSIZE || r == -ENOBUFS || r == -EBADMSG ||
               r == -EPROTONOSUPPORT || r == -EPIPE || r == -EBUSY || r == -EMFILE;
}

/* ---- records ---- */

static void receive_all(struct leat_channel *channel, int64_t select) {
        static char buffer[LARGEST];
        ssize_t n = 0;
        for (size_t i = 0; n != -ENODATA; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                REQUIRE(i < RECEIVES_MOST);
                n = leat_receive(channel, select, buffer, i % 2 ? sizeof(buffer) : 100, LEAT_NOW, &about);
                REQUIRE(is_known(n) && n <= (ssize_t)sizeof(buffer) && n != -EAGAIN);
                REQUIRE(n < 0 || (about.type >= 1 && about.size_bytes == (size_t)n));
                if (n < 0) /* those of other types were set aside */
                        select = LEAT_ANY;
        }
}

static void read_records(const uint8_t *data, size_t size, uint8_t way) {
        static const int64_t selections[] = { LEAT_ANY, LEAT_ANY, LEAT_TYPE(1), LEAT_AT_MOST(50) };
        struct leat_channel *receiver, *sender;
        make_pair(&receiver, &sender);
        const struct link_ring *ring = ring_of(sender);
        size_t most = ring->mine.twice_bytes;
        memcpy(memfile_twice(&ring->mine), data, size < most ? size : most);
        leat_close(sender);
        receive_all(receiver, selections[way % 4]);
        leat_close(receiver);
}

/* ---- the greeting ---- */

struct first_page {
        char magic[8];
        uint32_t version, word_bytes;
        uint64_t ring_bytes, start;
        uint32_t features, page_bytes;
};

/* What is right, but where the data say otherwise. */
static void mix(void *bytes, size_t size, const uint8_t **data, size_t *left) {
        for (size_t i = 0; i<size && * left> 0; i++, ++*data, --*left)
                ((uint8_t *)bytes)[i] ^= **data;
}

static void greet(int socket, const void *bytes, size_t size, int file, int wake) {
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(2 * sizeof(int))];
        } control = {
                .align = { .cmsg_len = CMSG_LEN(2 * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS }
        };
        const int fds[2] = { file, wake };
        struct iovec part = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = size };
        struct msghdr message = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
        };
        memcpy(CMSG_DATA(&control.align), fds, sizeof(fds));
        REQUIRE(sendmsg(socket, &message, MSG_DONTWAIT) == (ssize_t)size);
}

static void read_records_of(int socket, struct link_ring *ring) {
        struct ring_found found;
        int r = 0;
        for (int i = 0; i < RING && r >= 0; i++) {
                r = link_ring_find(socket, ring, &found);
                REQUIRE(r == -EAGAIN || r == -ENODATA || r == -EBADMSG || r == RING_PLAIN || r == RING_PACKET);
                if (r > 0)
                        link_ring_next(ring, &found);
        }
        REQUIRE(r < 0);
        (void)link_ring_unread(ring);
}

static void read_greeting(const uint8_t *data, size_t left, bool answers) {
        struct first_page page = {
                .magic = "LEATSHM", .version = 1, .word_bytes = 8, .ring_bytes = RING, .features = 3, .page_bytes = PAGE
        };
        struct {
                char magic[8];
                uint32_t version, kind;
                uint8_t more[48];
        } greeting = { .magic = "LEATSHM", .version = 1, .kind = answers ? 1 : 2 };
        size_t size = left > 0 && *data % 4 == 3 ? 1 + *data % sizeof(greeting) : 16;
        struct link_ring *ring;
        struct memfile file;
        int sockets[2], ends[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0);
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        REQUIRE(memfile_new("fuzz", 2 * PAGE, RING, &file) == 0);
        REQUIRE(link_ring_new(sockets[0], answers, RING, false, &(struct leat_peer){ 0 }, &ring) == 0);
        if (left > 0)
                data++, left--;
        mix(&greeting, size < 16 ? size : 16, &data, &left);
        mix(&page, sizeof(page), &data, &left);
        memcpy(file.bytes, &page, sizeof(page));
        size_t rest = left < PAGE + RING ? left : PAGE + RING;
        memcpy((uint8_t *)file.bytes + PAGE, data, rest); /* its words about how far it is, and records */
        greet(sockets[1], &greeting, size, file.fd, ends[1]);
        int r = link_ring_greet(sockets[0], ring);
        REQUIRE(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT || r == -ECONNREFUSED);
        if (r == 0)
                read_records_of(sockets[0], ring);
        link_ring_free(ring, true);
        memfile_free(&file);
        for (int i = 0; i < 2; i++) {
                close(sockets[i]);
                close(ends[i]);
        }
}

/* ---- how far it is ---- */

static void believe(const uint8_t *data, size_t size) {
        struct leat_channel *receiver, *sender;
        static char bytes[60000];
        make_pair(&receiver, &sender);
        struct ring_state *state = ring_of(receiver)->state;
        int r = 0;
        for (size_t i = 0; i + 9 <= size && is_known(r) && r != -EPIPE; i += 9) {
                uint64_t word;
                memcpy(&word, data + i + 1, sizeof(word));
                if (data[i] % 8 == 0)
                        state->taken = word;
                else if (data[i] % 8 == 1)
                        state->read = word;
                else if (data[i] % 8 == 2)
                        state->asleep = word;
                else if (data[i] % 8 == 3)
                        state->wanted = word;
                r = leat_send(sender, 1, bytes, data[i] > 100 ? sizeof(bytes) : data[i], LEAT_NOW);
                REQUIRE(is_known(r));
        }
        leat_close(sender);
        leat_close(receiver);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size < 1)
                return 0;
        uint8_t way = data[0] / 4;
        switch (data[0] % 4) {
        case 0:
                read_greeting(data + 1, size - 1, way % 2 == 0);
                break;
        case 1:
                believe(data + 1, size - 1);
                break;
        default:
                read_records(data + 1, size - 1, way);
        }
        return 0;
}
