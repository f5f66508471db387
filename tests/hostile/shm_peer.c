/* SPDX-License-Identifier: MIT */
#include "shm_peer.h"

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

const struct shm_header shm_good_header = { .magic = "LEATSHM",
                                            .version = 1,
                                            .word_bytes = 8,
                                            .ring_bytes = SHM_RING,
                                            .features = 3,
                                            .page_bytes = SHM_PAGE };

void shm_peer_make(struct shm_peer *peer, uint64_t ring_bytes) {
        CHECK_EQ(memfile_new("hostile", 2 * SHM_PAGE, ring_bytes, &peer->mine), 0);
        *(struct shm_header *)peer->mine.bytes = shm_good_header;
        ((struct shm_header *)peer->mine.bytes)->ring_bytes = ring_bytes;
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, peer->ends), 0);
}

void shm_peer_end(struct shm_peer *peer) {
        memfile_free(&peer->mine);
        memfile_free(&peer->theirs);
        peer->socket = close_fd(peer->socket);
        peer->ends[0] = close_fd(peer->ends[0]);
        peer->ends[1] = close_fd(peer->ends[1]);
        peer->wake = close_fd(peer->wake);
}

bool shm_say(int socket, uint32_t kind, const int *fds, size_t count) {
        const uint32_t greeting[4] = { 0x5441454c, 0x004d4853, 1, kind };
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(8 * sizeof(int))];
        } control;
        struct iovec part = { .iov_base = (void *)(uintptr_t)greeting, .iov_len = sizeof greeting };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes };
        CHECK(count <= 8);
        memset(&control, 0, sizeof control);
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(count * sizeof(int)),
                                          .cmsg_level = SOL_SOCKET,
                                          .cmsg_type = SCM_RIGHTS };
        if (count > 0)
                memcpy(CMSG_DATA(&control.align), fds, count * sizeof(int));
        else
                message.msg_control = NULL, message.msg_controllen = 0;
        return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof greeting;
}

bool shm_hear(struct shm_peer *peer) {
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(2 * sizeof(int))];
        } control;
        char bytes[64];
        int fds[2];
        struct iovec part = { bytes, sizeof bytes };
        struct msghdr message = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
        };
        ssize_t n = recvmsg(peer->socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n != 16 || !CMSG_FIRSTHDR(&message))
                return false;
        memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fds);
        int64_t size = memfile_size(fds[0]);
        CHECK(size > 2 * SHM_PAGE);
        CHECK_EQ(memfile_adopt(fds[0], 2 * SHM_PAGE, (size_t)size - 2 * SHM_PAGE, &peer->theirs), 0);
        peer->theirs.fd = fds[0];
        peer->wake = fds[1];
        return true;
}

void shm_put(const struct shm_peer *peer, uint64_t position, uint64_t word, uint64_t second, const void *bytes,
             size_t size) {
        uint8_t *at = (uint8_t *)memfile_twice(&peer->mine) + (position & (peer->mine.twice_bytes - 1));
        memcpy(at + 16, bytes, size);
        memcpy(at + 8, &second, 8);
        atomic_store((_Atomic uint64_t *)(void *)at, word);
}
