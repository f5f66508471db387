/* SPDX-License-Identifier: MIT */

/* One datagram in, one datagram out, with all that the kernel says about it. */

#include "base/cleanup.h"
#include "transport/datagram.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define SMALL_BYTES 512

/* Room for the most that can come: what does not fit of descriptors would be closed by the kernel. */
union control {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(LEAT_DESCRIPTORS_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred)) +
                   CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* ---- in ---- */

static void take_descriptors(struct arrival *arrival, const struct cmsghdr *control) {
        size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
                int fd;
                memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(fd));
                if (arrival->descriptors_count < LEAT_DESCRIPTORS_MAX)
                        arrival->descriptors[arrival->descriptors_count++] = fd;
                else
                        close_fd(fd);
        }
}

static void take_of_socket(struct datagram *datagram, const struct cmsghdr *control) {
        struct arrival *arrival = &datagram->arrival;
        if (control->cmsg_type == SCM_RIGHTS)
                take_descriptors(arrival, control);
        else if (control->cmsg_type == SCM_CREDENTIALS) {
                struct ucred who;
                memcpy(&who, CMSG_DATA(control), sizeof(who));
                arrival->sender = (struct leat_peer){ .known = true, .pid = who.pid, .uid = who.uid, .gid = who.gid };
        }
}

/* What is sent to everybody, or to a group, is answered from an address that is this machine's: of IPv4 the kernel says which. */
static void take_destination_v4(struct datagram_name *from, const struct cmsghdr *control) {
        struct in_pktinfo to;
        memcpy(&to, CMSG_DATA(control), sizeof(to));
        from->to_family = AF_INET;
        from->to_v4 = to.ipi_spec_dst;
}

/* It comes also for what came by IPv4 to a socket of both families, beside the other. */
static void take_destination_v6(struct datagram_name *from, const struct cmsghdr *control) {
        struct in6_pktinfo to;
        memcpy(&to, CMSG_DATA(control), sizeof(to));
        if (IN6_IS_ADDR_MULTICAST(&to.ipi6_addr) || IN6_IS_ADDR_V4MAPPED(&to.ipi6_addr))
                return;
        from->to_family = AF_INET6;
        from->to_v6 = to.ipi6_addr;
}

static void take_control(struct datagram *datagram, struct msghdr *header) {
        struct datagram_name *from = &datagram->arrival.from;
        for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control; control = CMSG_NXTHDR(header, control)) {
                if (control->cmsg_level == SOL_SOCKET)
                        take_of_socket(datagram, control);
                else if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO)
                        take_destination_v4(from, control);
                else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO)
                        take_destination_v6(from, control);
        }
}

/* A unix socket without a name says its family, or nothing. Of port 0 nobody can be: it is not answered. */
static bool is_name(const struct sockaddr_storage *address, socklen_t bytes) {
        if (address->ss_family == AF_INET)
                return ((const struct sockaddr_in *)address)->sin_port != 0;
        if (address->ss_family == AF_INET6)
                return ((const struct sockaddr_in6 *)address)->sin6_port != 0;
        return bytes > sizeof(sa_family_t);
}

/* Nothing is told beside its bytes and who sent it: the call that takes least. *ret_size: of all of it, also of what is cut off. */
static int read_plain(struct datagram *datagram, unsigned socket, socklen_t *ret_name_bytes) {
        struct arrival *arrival = &datagram->arrival;
        ssize_t n;
        do
                n = recvfrom(datagram->fds[socket], datagram->buffer, datagram->buffer_bytes, MSG_DONTWAIT | MSG_TRUNC,
                             (struct sockaddr *)&arrival->from.address, ret_name_bytes);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        arrival->cut = (size_t)n > datagram->buffer_bytes;
        arrival->size = arrival->cut ? (ssize_t)datagram->buffer_bytes : n;
        return 0;
}

static int read_with_control(struct datagram *datagram, unsigned socket, socklen_t *ret_name_bytes) {
        struct arrival *arrival = &datagram->arrival;
        union control control;
        struct iovec part = { .iov_base = datagram->buffer, .iov_len = datagram->buffer_bytes };
        struct msghdr header = { .msg_name = &arrival->from.address,
                                 .msg_namelen = *ret_name_bytes,
                                 .msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof(control.bytes) };
        ssize_t n = io_receive_message(datagram->fds[socket], &header);
        if (n < 0)
                return (int)n;
        arrival->size = n;
        arrival->cut = header.msg_flags & MSG_TRUNC;
        /* There is room for all: the control data is cut only when the process has no descriptor left. */
        arrival->descriptors_lost = datagram->kind->descriptors && (header.msg_flags & MSG_CTRUNC);
        take_control(datagram, &header);
        *ret_name_bytes = header.msg_namelen;
        return 0;
}

static int read_from(struct datagram *datagram, unsigned socket) {
        struct datagram_name *from = &datagram->arrival.from;
        socklen_t bytes = sizeof(from->address);
        from->socket = socket;
        from->address.ss_family = from->to_family = AF_UNSPEC; /* without a name nothing is written there */
        datagram->arrival.sender = (struct leat_peer){ 0 };
        datagram->arrival.descriptors_count = 0;
        datagram->arrival.descriptors_lost = false;
        datagram->arrival.begin = 0;
        int r = datagram->has_control ? read_with_control(datagram, socket, &bytes)
                                      : read_plain(datagram, socket, &bytes);
        if (r == 0)
                from->bytes = is_name(&from->address, bytes) ? bytes : 0;
        return r;
}

int datagram_read(struct datagram *datagram) {
        int r = -EAGAIN;
        for (unsigned i = 0; i < datagram->count && r == -EAGAIN; i++) {
                r = read_from(datagram, datagram->next);
                datagram->next = (datagram->next + 1) % datagram->count;
        }
        return r;
}

void datagram_close_descriptors(struct arrival *arrival) {
        while (arrival->descriptors_count > 0)
                close_fd(arrival->descriptors[--arrival->descriptors_count]);
}

void datagram_forget(struct datagram *datagram) {
        datagram_close_descriptors(&datagram->arrival);
        datagram->arrival.size = -1;
        datagram->found = false;
}

void datagram_pass(struct datagram *datagram) {
        struct arrival *arrival = &datagram->arrival;
        arrival->begin += datagram->frame.whole_bytes;
        datagram->found = false;
        if (arrival->begin >= (size_t)arrival->size)
                datagram_forget(datagram);
}

void datagram_drain(int fd) {
        char byte;
        while (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0)
                ;
}

/* ---- out ---- */

/* From the address of ours that the other one knows: the kernel would choose one by the route. */
static void add_source(struct msghdr *header, const struct datagram_name *to) {
        if (to->to_family == AF_INET) {
                const struct in_pktinfo from = { .ipi_spec_dst = to->to_v4 };
                io_add_control(header, IPPROTO_IP, IP_PKTINFO, &from, sizeof(from));
        } else if (to->to_family == AF_INET6) {
                const struct in6_pktinfo from = { .ipi6_addr = to->to_v6 };
                io_add_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &from, sizeof(from));
        }
}

static int write_plain(int fd, const struct datagram_name *to, const uint8_t *bytes, size_t size) {
        ssize_t n;
        do
                n = sendto(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL,
                           to ? (const struct sockaddr *)&to->address : NULL, to ? to->bytes : 0);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

/* A copy of little is cheaper than two parts. */
static int write_small(int fd, const struct datagram_name *to, const uint8_t *header_bytes, size_t size,
                       const struct outgoing *message) {
        uint8_t bytes[WIRE_HEADER_BYTES + SMALL_BYTES];
        memcpy(bytes, header_bytes, size);
        memcpy(bytes + size, message->bytes, message->size_bytes);
        return write_plain(fd, to, bytes, size + message->size_bytes);
}

int datagram_write(struct datagram *datagram, const struct datagram_name *to, const uint8_t *header_bytes, size_t size,
                   const struct outgoing *message) {
        int fd = datagram->fds[to ? to->socket : 0];
        bool plain = message->descriptors_count == 0 && (!to || to->to_family == AF_UNSPEC);
        if (plain && message->size_bytes == 0)
                return write_plain(fd, to, header_bytes, size);
        if (plain && message->size_bytes <= SMALL_BYTES && size <= WIRE_HEADER_BYTES)
                return write_small(fd, to, header_bytes, size, message);
        union control control;
        struct iovec parts[2] = {
                { .iov_base = (void *)header_bytes, .iov_len = size },
                { .iov_base = (void *)message->bytes, .iov_len = message->size_bytes },
        };
        struct msghdr header = { .msg_name = to ? (void *)&to->address : NULL,
                                 .msg_namelen = to ? to->bytes : 0,
                                 .msg_iov = parts,
                                 .msg_iovlen = 2,
                                 .msg_control = control.bytes };
        if (to)
                add_source(&header, to);
        if (message->descriptors_count > 0)
                io_add_control(&header, SOL_SOCKET, SCM_RIGHTS, message->descriptors,
                               message->descriptors_count * sizeof(int));
        if (header.msg_controllen == 0)
                header.msg_control = NULL;
        ssize_t n = io_send_message(fd, &header);
        return n < 0 ? (int)n : 0;
}
