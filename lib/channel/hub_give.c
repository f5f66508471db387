/* SPDX-License-Identifier: MIT */

/* A hub that another process goes on with, or that came along with a fork. */

#include "base/cleanup.h"
#include "channel/hub.h"
#include "channel/link_ring.h"

#include <errno.h>
#include <fcntl.h>

int hub_detach(struct leat_channel *channel, int ret_descriptors[2]) {
        struct hub *hub = channel->state;
        struct link *link = hub->listener < 0 ? hub->links[0] : NULL;
        if (!link || link->cut || link->begin < link->end || link->assembly || link_has_rest(link) ||
            link->queue_count > 0 || link->ring)
                return -ENOTSUP;
        /* Pipes of ours are nonblocking: whoever gets them expects otherwise. */
        for (int i = 0; i < 2; i++) {
                struct io *io = i == 0 ? &link->in : &link->out;
                int flags = io->fd >= 0 ? fcntl(io->fd, F_GETFL) : -1;
                if (io->kind == IO_NONBLOCKING && flags >= 0 && fcntl(io->fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
                        return -errno;
        }
        if (link->options.resets)
                link_reset_at_close(link, false);
        ret_descriptors[0] = link->in.fd;
        ret_descriptors[1] = link->out.fd;
        link->in.fd = link->out.fd = -1;
        return 0;
}

int hub_give(struct leat_channel *channel) {
        return hub_ring_give(channel->state);
}

void hub_after_fork(struct leat_channel *channel) {
        struct hub *hub = channel->state;
        hub->listener = close_fd(hub->listener);
        hub->twin = close_fd(hub->twin);
        hub->epoll = close_fd(hub->epoll);
        hub->timer = close_fd(hub->timer);
        hub->bell = close_fd(hub->bell);
        if (hub->kind->after_fork)
                hub->kind->after_fork(hub->context);
        for (size_t i = 0; i < hub->slots; i++) {
                struct link *link = hub->links[i];
                if (!link)
                        continue;
                if (link->ring)
                        link_ring_after_fork(link->ring);
                if (link->out.fd != link->in.fd)
                        close_fd(link->out.fd);
                link->in.fd = link->out.fd = close_fd(link->in.fd);
                for (size_t k = 0; k < link->queue_count; k++)
                        close_fd(link->queue[k]);
                link->queue_count = 0;
        }
}
