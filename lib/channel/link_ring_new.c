/* SPDX-License-Identifier: MIT */

/* The ring of a link: how it begins, and how it ends. */

#include "base/cleanup.h"
#include "channel/link_ring.h"
#include "channel/wire.h"
#include "memory/barrier.h"
#include "memory/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define VERSION 1
#define REGISTERED 1u /* features: its writer needs no fence */
#define BARRIERS 2u   /* and can do without one when it sleeps */
#define SHORTS 4u     /* its reader knows the short forms of requests and replies */

#define WAKES_A_SLEEP 4 /* two, and some to spare */
#define WAKE_BYTES 2048 /* what one takes of a socket's room, at most */

static const char magic[8] = "LEATSHM";

/* The first page of a memory file; it does not change. */
struct ring_header {
        char magic[8];
        uint32_t version, word_bytes;
        uint64_t ring_bytes, start;
        uint32_t features, page_bytes;
};

/* The packet that HELLO and WELCOME are: two descriptors come with it, the memory file and the socket to wake its writer by. */
struct greeting {
        char magic[8];
        uint32_t version, kind;
};
enum { HELLO = 1, WELCOME = 2 };

static size_t page_bytes(void) {
        return (size_t)sysconf(_SC_PAGESIZE);
}

/* The first two pages, up to where a page of the file begins. */
static size_t head_bytes(size_t page) {
        size_t two = 2 * page_bytes();
        return page > two ? page : two;
}

static size_t head_of(bool huge) {
        return head_bytes(huge ? memfile_huge_bytes() : page_bytes());
}

uint64_t link_ring_memory(uint64_t ring_bytes, bool huge) {
        return head_of(huge) + ring_bytes;
}

uint64_t link_ring_addresses(uint64_t ring_bytes, bool huge) {
        return head_of(huge) + 2 * ring_bytes;
}

uint64_t link_ring_usual(bool huge) {
        uint64_t least = huge ? memfile_huge_bytes() : 0;
        return least > LINK_RING_DEFAULT ? least : LINK_RING_DEFAULT;
}

/* ---- making ---- */

static uint32_t features(void) {
        return (barrier_register() ? REGISTERED : 0) | (barrier_available() ? BARRIERS : 0) | SHORTS;
}

int link_ring_compare(uint64_t ring_bytes) {
        struct memory_limits limits;
        int r = memfile_fits(link_ring_memory(ring_bytes, false));
        if (r < 0 || ring_bytes < LINK_RING_COMPARED)
                return r;
        memory_limits_read(&memory_paths_system, &limits);
        return memory_refuses(&limits, link_ring_memory(ring_bytes, false)) ? -ENOMEM : 0;
}

static int make_file(struct link_ring *ring) {
        uint64_t size = ring->ring_bytes;
        if (ring->huge)
                return memfile_new_huge("leat-shm", head_of(true), size, &ring->mine);
        int r = ring->answers ? link_ring_compare(size) : 0; /* who connects did that before */
        return r < 0 ? r : memfile_new("leat-shm", head_of(false), size, &ring->mine);
}

/* start: where positions begin, of both ways. */
static int make_mine(struct link_ring *ring, uint64_t start) {
        int r = make_file(ring);
        if (r < 0)
                return r;
        struct ring_header *header = ring->mine.bytes;
        *header = (struct ring_header){ .version = VERSION,
                                        .word_bytes = sizeof(long),
                                        .ring_bytes = ring->ring_bytes,
                                        .start = start,
                                        .features = features(),
                                        .page_bytes = (uint32_t)page_bytes() };
        memcpy(header->magic, magic, sizeof(magic));
        ring->writer = (struct ring_writer){ .bytes = memfile_twice(&ring->mine),
                                             .size = ring->ring_bytes,
                                             .head = start,
                                             .taken = start,
                                             .told = start };
        ring->state = (void *)((uint8_t *)ring->mine.bytes + page_bytes());
        atomic_store_explicit(&ring->state->taken, start, memory_order_relaxed);
        atomic_store_explicit(&ring->state->read, start, memory_order_relaxed);
        return ring->given ? link_ring_give(ring) : 0; /* before the other party has it */
}

/*
 * A pair of sockets, and no pipe: whoever holds a pipe can hold its lock as long as he likes (splice(2) to where there is no room), and a read or
 * a write of it then waits where no deadline and no signal ends it. Of a pair each end has a lock of its own.
 */
static int make_wake(struct link_ring *ring) {
        int ends[2], room = 0;
        socklen_t size = sizeof(room);
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
                return -errno;
        ring->wake_in = ends[0];
        ring->wake_theirs = ends[1];
        if (getsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, &size) < 0)
                return -errno;
        ring->sleeps_most = (unsigned)room / (WAKES_A_SLEEP * WAKE_BYTES);
        return 0;
}

/* What was said is the other party's. */
static void close_said(struct link_ring *ring) {
        memfile_close_fd(&ring->mine);
        ring->wake_theirs = close_fd(ring->wake_theirs);
}

/* Say who this is: the other party gets the memory file, and the end of a pair of sockets that wakes this one. One that went may have left messages: that it
 * cannot be told is no error. */
static int say(int socket, struct link_ring *ring) {
        struct greeting greeting = { .version = VERSION, .kind = ring->answers ? WELCOME : HELLO };
        memcpy(greeting.magic, magic, sizeof(magic));
        const struct iovec part = { .iov_base = &greeting, .iov_len = sizeof(greeting) };
        ssize_t n = io_send_descriptors(socket, &part, 1, (int[2]){ ring->mine.fd, ring->wake_theirs }, 2);
        if (ring->peer) /* else they keep the places of the two that come with WELCOME */
                close_said(ring);
        return n < 0 && n != -EPIPE && n != -ECONNRESET ? (int)n : 0;
}

static void free_ring_at(struct link_ring **ring) {
        link_ring_free(*ring, false);
}

int link_ring_new(int socket, bool answers, uint64_t ring_bytes, bool huge, const struct leat_peer *peer,
                  struct link_ring **ret_ring) {
        CLEANUP(free_ring_at) struct link_ring *ring = calloc(1, sizeof(struct link_ring));
        if (!ring)
                return -ENOMEM;
        ring->mine = ring->theirs = (struct memfile)MEMFILE_NONE;
        ring->wake_in = ring->wake_out = ring->wake_theirs = ring->pidfd = -1;
        ring->ring_bytes = ring_bytes;
        ring->plain_most = ring_bytes / 4 < WIRE_FRAME_BYTES ? ring_bytes / 4 : WIRE_FRAME_BYTES;
        ring->answers = answers;
        ring->huge = huge;
        ring->closely = true;
        if (peer->known && peer->pid > 0)
                ring->pidfd = (int)syscall(SYS_pidfd_open, peer->pid, 0); /* refused: the socket tells alone */
        int r = make_wake(ring);
        if (r == 0 && !answers)
                r = make_mine(ring, 0);
        if (r == 0 && !answers)
                r = say(socket, ring);
        if (r < 0)
                return r;
        *ret_ring = TAKE(ring);
        return 0;
}

static void close_all(struct link_ring *ring) {
        memfile_close_fd(&ring->mine);
        memfile_close_fd(&ring->theirs);
        ring->wake_in = close_fd(ring->wake_in);
        ring->wake_out = close_fd(ring->wake_out);
        ring->wake_theirs = close_fd(ring->wake_theirs);
        ring->pidfd = close_fd(ring->pidfd);
}

void link_ring_after_fork(struct link_ring *ring) {
        close_all(ring);
        if (ring->given) /* to another child; these are mapped here */
                return;
        ring->mine.bytes = ring->theirs.bytes = NULL;
        ring->state = NULL;
        ring->peer = NULL;
}

int link_ring_give(struct link_ring *ring) {
        int r = memfile_share(&ring->mine);
        if (r == 0)
                r = memfile_share(&ring->theirs);
        if (r < 0)
                return r;
        ring->given = true;
        if (ring->state) /* before the child can be the last that has it */
                atomic_store_explicit(&ring->state->given, 1, memory_order_release);
        return 0;
}

struct link_ring *link_ring_free(struct link_ring *ring, bool orderly) {
        if (!ring)
                return NULL;
        if (orderly && ring->state) /* After all that was published: who sees it has it all. */
                atomic_store_explicit(&ring->state->gone, 1, memory_order_release);
        close_all(ring);
        memfile_free(&ring->mine);
        memfile_free(&ring->theirs);
        free(ring);
        return NULL;
}

/* ---- who is there ---- */

static int option(int fd, int name) {
        int value = -1;
        socklen_t size = sizeof(value);
        return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

/* Is it an end of a pair? A write to any other descriptor might wait, and one whose other end has a name is a connection to somebody else, whom
 * this process would speak to in place of its peer. */
static bool is_wake(int fd) {
        struct sockaddr_un name;
        socklen_t size = sizeof(name);
        return option(fd, SO_DOMAIN) == AF_UNIX && option(fd, SO_TYPE) == SOCK_STREAM &&
               getpeername(fd, (struct sockaddr *)&name, &size) == 0 && size == sizeof(name.sun_family);
}

/* It may change: it is copied once. */
static int check_header(const struct link_ring *ring, struct ring_header *ret_header) {
        const struct ring_header *mine = ring->mine.bytes;
        struct ring_header header;
        memcpy(&header, ring->theirs.bytes, sizeof(header));
        atomic_signal_fence(memory_order_seq_cst); /* the compiler must not look there again */
        if (memcmp(header.magic, magic, sizeof(magic)) != 0)
                return -EBADMSG;
        if (header.version != VERSION || header.word_bytes != sizeof(long) || header.page_bytes != page_bytes())
                return -EPROTONOSUPPORT;
        if (header.ring_bytes != ring->theirs.twice_bytes || header.start % RING_ALIGN != 0 ||
            (mine && header.start != mine->start))
                return -EBADMSG;
        if (!memfile_is_reached(&ring->theirs) && header.start % header.ring_bytes != 0)
                return -EBADMSG; /* it is reached from its beginning on */
        *ret_header = header;
        return 0;
}

static void take_header(struct link_ring *ring, const struct ring_header *header) {
        const struct ring_header *mine = ring->mine.bytes;
        ring->reader = (struct ring_reader){ .bytes = memfile_twice(&ring->theirs),
                                             .size = header->ring_bytes,
                                             .tail = header->start,
                                             .told = header->start,
                                             .mine = ring->state };
        link_ring_is_reached(ring);
        ring->fence = !(mine->features & REGISTERED) || !(header->features & BARRIERS);
        ring->relied_on = (header->features & REGISTERED) && (mine->features & BARRIERS); /* the other's `fence` */
        ring->shorts = header->features & SHORTS;
        ring->peer = (const void *)((const uint8_t *)ring->theirs.bytes + page_bytes());
        ring->writer.theirs = ring->peer;
}

static int take_file(struct link_ring *ring, int fd) {
        int64_t size = memfile_size(fd);
        size_t head = size < 0 ? 0 : head_bytes(memfile_page_bytes(fd)); /* nothing else is asked of another file */
        int64_t rest = size - (int64_t)head;
        if (size < 0 || rest < (int64_t)RING_LEAST || rest > (int64_t)RING_MOST || (rest & (rest - 1)) != 0 ||
            rest % (int64_t)page_bytes() != 0)
                return -EBADMSG;
        int r = memfile_adopt(fd, head, (size_t)rest, &ring->theirs);
        return r == 0 && ring->given ? memfile_share(&ring->theirs) : r;
}

static int take_greeting(struct link_ring *ring, int fds[2]) {
        struct ring_header header;
        int r = is_wake(fds[1]) ? take_file(ring, fds[0]) : -EBADMSG;
        if (r == 0) {
                ring->wake_out = fds[1];
                fds[1] = -1;
                r = check_header(ring, &header);
        }
        if (r == 0 &&
            ring->answers) /* its positions begin where the other party's do: that one's word of them is right from the first */
                r = make_mine(ring, header.start);
        if (r == 0)
                take_header(ring, &header);
        return r;
}

/* What came instead may be the word of one who did not want this connection. */
static int look_for_refusal(struct link_ring *ring, const uint8_t *bytes, size_t size) {
        struct wire_header header;
        if (ring->answers || size != WIRE_HEADER_BYTES || wire_decode(bytes, 0, &header) < 0 ||
            header.kind != WIRE_REFUSE)
                return -EBADMSG;
        bool known = header.type == EBUSY || header.type == EBADMSG || header.type == EPROTONOSUPPORT ||
                     header.type == ENOBUFS;
        ring->refusal = known ? -(int)header.type : -EBADMSG;
        return -ECONNREFUSED;
}

/* A packet without bytes may carry some too. How many came. */
static int take_rights(struct msghdr *message, int ret_fds[2]) {
        size_t all = 0;
        for (struct cmsghdr *rights = CMSG_FIRSTHDR(message); rights; rights = CMSG_NXTHDR(message, rights)) {
                size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                if (rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS)
                        continue;
                all = count < 2 ? count : 2; /* there is room for two */
                memcpy(ret_fds, CMSG_DATA(rights), all * sizeof(int));
        }
        return (int)all;
}

/* Look at the next packet, which stays there; its descriptors are the caller's. fds: -1 where none came. Its size; -EMFILE: there is no place for
 * them. */
static ssize_t peek(int socket, void *bytes, size_t room, int ret_fds[2]) {
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(2 * sizeof(int))];
        } control;
        struct iovec part = { .iov_base = bytes, .iov_len = room };
        struct msghdr message = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
        };
        ssize_t n;
        do /* it closed with something unread: that is told first */
                n = recvmsg(socket, &message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        while (n < 0 && (errno == ECONNRESET || errno == EINTR));
        if (n < 0)
                return -errno;
        int count = take_rights(&message, ret_fds);
        if ((message.msg_flags & MSG_CTRUNC) && count < 2) {
                ret_fds[0] = close_fd(ret_fds[0]);
                return -EMFILE;
        }
        return (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || (n == 0 && count > 0) ? -EBADMSG : n;
}

/* The same. Who connected has kept two places. */
static ssize_t peek_greeting(int socket, struct link_ring *ring, void *bytes, size_t room, int ret_fds[2]) {
        ssize_t n = peek(socket, bytes, room, ret_fds);
        if (n == -EMFILE && !ring->answers) {
                close_said(ring);
                n = peek(socket, bytes, room, ret_fds);
        }
        return n;
}

static int take(struct link_ring *ring, const uint8_t *bytes, size_t size, int fds[2]) {
        struct greeting greeting;
        if (size != sizeof(greeting) || memcmp(bytes, magic, sizeof(magic)) != 0)
                return look_for_refusal(ring, bytes, size);
        memcpy(&greeting, bytes, sizeof(greeting));
        if (greeting.version != VERSION)
                return -EPROTONOSUPPORT;
        if (greeting.kind != (ring->answers ? HELLO : WELCOME) || fds[0] < 0 || fds[1] < 0)
                return -EBADMSG;
        return take_greeting(ring, fds);
}

int link_ring_greet(int socket, struct link_ring *ring) {
        uint8_t bytes[WIRE_HEADER_BYTES];
        int fds[2] = { -1, -1 };
        if (ring->peer || ring->failed < 0)
                return ring->failed;
        ssize_t n = peek_greeting(socket, ring, bytes, sizeof(bytes), fds);
        if (n == -EAGAIN)
                return -EAGAIN;
        int r = n == 0 ? -ENODATA : n < 0 ? (int)n : take(ring, bytes, (size_t)n, fds);
        close_fd(fds[0]);
        close_fd(fds[1]);
        if (r == -EMFILE && !ring->answers) /* it stays there until it can be taken */
                return r;
        if (recv(socket, NULL, 0, MSG_DONTWAIT) < 0 && r == 0) /* the kernel closes what hangs on it */
                r = -errno;
        if (r == 0 && ring->answers)
                r = say(socket, ring);
        else if (!ring->answers)
                close_said(ring);
        ring->failed = r;
        ring->greeted = r == 0;
        return r;
}
