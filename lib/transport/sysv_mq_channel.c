/* SPDX-License-Identifier: MIT */

/* System V queues: what an open channel does. */

#include "transport/sysv_mq.h"

#include "base/cleanup.h"
#include "channel/entry.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define PAUSE_FIRST_NS 50000 /* of a sender, doubling: between two looks at a full queue */
#define PAUSE_MOST_NS 2000000

/* At so many that wait is looked for one that is too large: the kernel counts from the first each time. */
#define LOOKS_MOST 1000

static const char removed[] = "the queue was removed under it; open it again to have a new one";

/* What the kernel says of a queue that is not there any more is one thing to the caller. */
static int failed(struct leat_channel *channel, int error) {
        if (error == -EIDRM || error == -EINVAL)
                return channel_refuse(channel, -EIDRM, LEAT_ROW_LIFETIME, removed);
        if (error == -EACCES)
                return channel_refuse(channel, error, LEAT_ROW_WHO,
                                      "the queue's mode no longer lets you; `leat info` shows owner and mode");
        return error;
}

/* ---- sending ---- */

/* It did not go in: is there no room now, is there never, or no queue? */
static int no_room(struct leat_channel *channel, struct sysv_mq *queue, size_t size, int error) {
        struct leat_reason why;
        struct msqid_ds status;
        if (msgctl(queue->queue, IPC_STAT, &status) < 0 && errno != EACCES)
                return failed(channel, -errno);
        if (error == -EINVAL) {
                reason_limit(&why, -EMSGSIZE, "kernel.msgmax",
                             "the message is larger than the system takes in one piece");
                channel_remember(channel, &why);
                return -EMSGSIZE;
        }
        if (errno != EACCES && size > status.msg_qbytes)
                return channel_refuse(channel, -EMSGSIZE, LEAT_ROW_LIMITS,
                                      "the message is larger than the whole queue; `leat set ADDRESS capacity=BYTES`");
        queue->pause_ns = queue->pause_ns == 0 ? PAUSE_FIRST_NS : 2 * queue->pause_ns;
        if (queue->pause_ns > PAUSE_MOST_NS)
                queue->pause_ns = PAUSE_MOST_NS;
        return -EAGAIN;
}

static int send_entry(struct leat_channel *channel, const struct outgoing *message) {
        struct sysv_mq *queue = channel->state;
        size_t header = entry_header_bytes(queue->framing), size = header + message->size_bytes;
        int r = sysv_mq_grow(&queue->space, size);
        if (r < 0)
                return r;
        struct entry_bytes *entry = queue->space.message;
        entry->type = (long)message->type;
        if (header > 0)
                entry_header(message, entry->bytes);
        if (message->size_bytes > 0)
                memcpy(entry->bytes + header, message->bytes, message->size_bytes);
        if (msgsnd(queue->queue, entry, size, IPC_NOWAIT) < 0)
                return errno == EAGAIN || errno == EINVAL ? no_room(channel, queue, size, -errno)
                                                          : failed(channel, -errno);
        queue->pause_ns = 0;
        return 0;
}

static int send_messages(struct leat_channel *channel, struct outgoing *messages, int count) {
        int done = 0, r = 0;
        while (done < count && (r = send_entry(channel, &messages[done])) == 0)
                done++;
        return done > 0 ? done : r;
}

/* Of any type, whatever its size: in one call, so it is dropped whole or not. */
static int drop_oldest(struct leat_channel *channel) {
        struct sysv_mq *queue = channel->state;
        struct probe_slot nothing;
        if (msgrcv(queue->queue, &nothing, 0, 0, IPC_NOWAIT | MSG_NOERROR) >= 0)
                return 0;
        return errno == ENOMSG ? -EAGAIN : failed(channel, -errno);
}

/* ---- receiving ---- */

static void describe_empty(long type, struct leat_message *ret_about) {
        *ret_about = (struct leat_message){ .struct_size = sizeof(*ret_about), .type = type, .deadline = LEAT_NEVER };
}

/* What the waiting thread took goes to the held ones. -ENOMEM: it stays where it is. */
static int hold_taken(struct sysv_mq *queue) {
        if (!probe_has_taken(&queue->probe))
                return 0;
        struct kept *kept = kept_new(0, NULL, 0);
        if (!kept)
                return -ENOMEM;
        describe_empty(probe_taken(&queue->probe), &kept->about);
        kept_list_add(&queue->held, kept);
        return 0;
}

static int deliver_held(struct sysv_mq *queue, struct kept *kept, struct incoming *message) {
        message->about = kept->about;
        if (kept->about.size_bytes > message->size_bytes)
                return -EMSGSIZE;
        if (kept->about.size_bytes > 0)
                memcpy(message->buffer, kept->bytes, kept->about.size_bytes);
        kept_list_take(&queue->held, kept);
        kept_free(kept);
        return 1;
}

/* A foreign one that is larger than the buffer, but not than buffer and header: it is out, so it is held. */
static int hold_large(struct sysv_mq *queue, const struct entry *entry) {
        struct kept *kept = kept_new(entry->about.size_bytes, NULL, 0);
        if (!kept) {
                (void)msgsnd(queue->queue, queue->space.message, entry->about.size_bytes, IPC_NOWAIT);
                return -ENOMEM;
        }
        kept->about = entry->about;
        kept->about.size_bytes = 0;
        (void)kept_append(&kept, entry->bytes, entry->about.size_bytes); /* there is room */
        kept_list_add(&queue->held, kept);
        return -EMSGSIZE;
}

static int deliver(struct sysv_mq *queue, size_t size, struct incoming *message) {
        struct entry entry;
        int r = sysv_mq_look(queue->framing, queue->space.message, size, &entry);
        if (r < 0) {
                message->their_version = entry.their_version;
                return r;
        }
        message->about = entry.about;
        if (entry.about.size_bytes > message->size_bytes)
                return hold_large(queue, &entry);
        if (entry.about.size_bytes > 0)
                memcpy(message->buffer, entry.bytes, entry.about.size_bytes);
        return 1;
}

/* Which of those that wait would msgrcv give? Its size, and it is in the space; -ENOMSG: none; -ENOBUFS: they are too many to
 * find out before anybody's deadline; other errors. */
static ssize_t find_selected(struct sysv_mq *queue, const struct selection *selection) {
        ssize_t size = -ENOMSG, found = -ENOMSG;
        long lowest = LONG_MAX;
        for (size_t n = 0; (size = sysv_mq_copy(queue->queue, n, &queue->space)) >= 0; n++) {
                if (n == LOOKS_MOST)
                        return -ENOBUFS;
                long type = queue->space.message->type;
                bool takes = selection_takes(selection, type, &(struct leat_peer){ 0 });
                bool lower = selection->select < 0 && type <= -selection->select && type < lowest;
                if (lower)
                        lowest = type;
                if (takes || lower)
                        found = (ssize_t)n;
                if (takes)
                        break;
        }
        if (found < 0)
                return size < 0 ? size : -ENOMSG;
        return sysv_mq_copy(queue->queue, (size_t)found, &queue->space);
}

/* The most bytes that any message in it has: what is told, and tried, where nothing better is known. */
static size_t bound(const struct sysv_mq *queue) {
        struct msqid_ds status;
        return msgctl(queue->queue, IPC_STAT, &status) < 0 ? queue->largest_entry : status.__msg_cbytes;
}

/* It is too large and stays: how large is it? -EMSGSIZE, told; 0: it is gone, look again. */
static int tell_size(struct sysv_mq *queue, struct incoming *message) {
        struct entry entry;
        ssize_t size = find_selected(queue, &message->selection);
        if (size == -ENOMSG)
                return 0;
        describe_empty(1, &message->about);
        message->about.size_bytes = bound(queue); /* for a kernel that does not show it, or in so long a queue */
        if (size >= 0 && sysv_mq_look(queue->framing, queue->space.message, (size_t)size, &entry) == 0)
                message->about = entry.about;
        return message->about.size_bytes > message->size_bytes ? -EMSGSIZE : 0; /* another one by now */
}

/* Take one out of the queue. 1; 0: look again; -ENOMSG; -EMSGSIZE; other errors. */
static int take(struct leat_channel *channel, int64_t select, struct incoming *message) {
        struct sysv_mq *queue = channel->state;
        size_t header = entry_header_bytes(queue->framing);
        size_t wanted = message->size_bytes < SIZE_MAX - header ? message->size_bytes + header : SIZE_MAX;
        /* Larger than the system's limit are those from before it was lowered; the space has grown when one was met.
         * */
        size_t most = queue->largest_entry > queue->space.size ? queue->largest_entry : queue->space.size;
        size_t asked = wanted < most ? wanted : most;
        int r = sysv_mq_grow(&queue->space, asked);
        if (r < 0)
                return r;
        ssize_t n = msgrcv(queue->queue, queue->space.message, asked, (long)select, IPC_NOWAIT);
        if (n >= 0)
                return deliver(queue, (size_t)n, message);
        if (errno == E2BIG && asked == wanted)
                return tell_size(queue, message);
        if (errno == E2BIG) {
                most = bound(queue);
                return sysv_mq_grow(&queue->space, most < wanted ? most : wanted);
        }
        return errno == ENOMSG ? -ENOMSG : failed(channel, -errno);
}

/* The next that the selection wants: of the held ones, unless the queue has one of a lower type that is wanted. */
static int take_selected(struct leat_channel *channel, struct incoming *message) {
        struct sysv_mq *queue = channel->state;
        const struct selection *selection = &message->selection;
        struct kept *kept = list_empty(&queue->held.head) ? NULL : kept_list_find(&queue->held, selection);
        if (!kept)
                return take(channel, selection->select, message);
        int r = -ENOMSG;
        if (selection->select < 0 && kept->about.type > 1)
                r = take(channel, LEAT_AT_MOST(kept->about.type - 1), message);
        return r == -ENOMSG ? deliver_held(queue, kept, message) : r;
}

static bool holds_nothing(const struct sysv_mq *queue) {
        struct msqid_ds status;
        return list_empty(&queue->held.head) && msgctl(queue->queue, IPC_STAT, &status) == 0 && status.msg_qnum == 0;
}

/* Nothing was there. Is this the end, or is there something after all? */
static int look_at_end(struct leat_channel *channel, struct incoming *message) {
        struct sysv_mq *queue = channel->state;
        if (!parties_ended(&queue->parties))
                return -ENOMSG;
        int r = take_selected(channel, message); /* what they sent before they went */
        if (r != -ENOMSG)
                return r;
        /* Where messages of other types are left it is the end of this selection, and that of all is still to come.
         * */
        message->end_stays = !holds_nothing(queue);
        if (!message->end_stays)
                parties_told(&queue->parties, queue->queue);
        return -ENODATA;
}

/* For leat_fd: from now on it is readable when this selection has something. */
static void watch(struct sysv_mq *queue) {
        if (!queue->polled)
                return;
        /* No thread to be had: it looks as if there were something, which costs time and loses nothing. */
        if (probe_ask(&queue->probe, (long)queue->asked.select) < 0)
                probe_pretend(&queue->probe);
}

static int receive_messages(struct leat_channel *channel, struct incoming *messages, int count) {
        struct sysv_mq *queue = channel->state;
        struct incoming *message = &messages[0];
        int r = count < 1 ? -EINVAL : 0;
        message->kind = WIRE_MESSAGE;
        message->kept = NULL;
        message->descriptors_count = 0;
        message->link = message->answers = 0;
        message->about.sender = (struct leat_peer){ 0 }; /* also of what is refused */
        while (r == 0) {
                if (hold_taken(queue) < 0)
                        return -ENOMEM;
                if (*message->reads == 0) {
                        r = -ENOMSG; /* others may be quicker for ever: the wait says when to look again */
                        break;
                }
                --*message->reads;
                r = take_selected(channel, message);
                if (r == -ENOMSG)
                        r = look_at_end(channel, message);
                if (r == -ENOMSG && probe_is_done(&queue->probe)) {
                        probe_clear(&queue->probe); /* it saw what another receiver has taken; or not: look again */
                        r = 0;
                }
        }
        counter_add(&channel->counters->refused, r == -EPROTONOSUPPORT);
        if (r != -ENOMSG)
                return r;
        queue->asked = message->selection;
        watch(queue);
        return -EAGAIN;
}

/* ---- waiting ---- */

static int arm(struct leat_channel *channel, enum direction direction, struct wait *wait) {
        struct sysv_mq *queue = channel->state;
        if (direction == DIRECTION_SEND) {
                wait_look_again(wait, leat_in_ns(queue->pause_ns));
                return 0;
        }
        int r = probe_ask(&queue->probe, (long)queue->asked.select);
        if (r > 0)
                return 1;
        if (r < 0)
                wait_look_again(wait, leat_in_ns(PAUSE_MOST_NS)); /* no thread to be had */
        if (queue->parties.end)
                mq_end_arm(queue->parties.end, wait);
        wait_add(wait, queue->probe.fd, POLLIN);
        return 0;
}

/* Nobody waits any more, so nothing may be taken any more. */
static void disarm(struct leat_channel *channel, enum direction direction) {
        struct sysv_mq *queue = channel->state;
        if (direction == DIRECTION_SEND || queue->polled)
                return;
        probe_stop(&queue->probe);
        (void)hold_taken(queue); /* else it stays in the slot, until the next receive */
}

static int poll_fd(struct leat_channel *channel) {
        struct sysv_mq *queue = channel->state;
        int fd = queue->parties.end ? mq_end_poll_fd(queue->parties.end, queue->probe.fd) : queue->probe.fd;
        if (fd < 0)
                return fd;
        if (!queue->polled) {
                queue->polled = true;
                watch(queue); /* the receive that said -EAGAIN may have been before this */
        }
        return fd;
}

/* ---- the rest ---- */

static void info(struct leat_channel *channel, struct leat_info *info) {
        struct sysv_mq *queue = channel->state;
        (void)sysv_mq_describe(queue->queue, queue->framing, info);
        if (channel->address.size > 0 && channel->address.size < info->largest_bytes)
                info->largest_bytes = channel->address.size;
}

static void after_fork(struct leat_channel *channel) {
        struct sysv_mq *queue = channel->state;
        queue->probe.fd = close_fd(queue->probe.fd);
        parties_after_fork(&queue->parties);
}

/* What was taken and not handed out goes back. An entry of no bytes finds room in a full queue too. */
static void put_back(struct sysv_mq *queue) {
        for (struct list *node = queue->held.head.next; node != &queue->held.head; node = node->next) {
                struct kept *kept = CONTAINER_OF(node, struct kept, node);
                size_t size = kept->about.size_bytes;
                if (sysv_mq_grow(&queue->space, size) < 0)
                        return;
                queue->space.message->type = (long)kept->about.type;
                if (size > 0)
                        memcpy(queue->space.message->bytes, kept->bytes, size);
                (void)msgsnd(queue->queue, queue->space.message, size, IPC_NOWAIT);
        }
}

static void close_queue(struct leat_channel *channel, bool ours) {
        struct sysv_mq *queue = channel->state;
        probe_close(&queue->probe);
        if (ours) {
                (void)hold_taken(queue);
                put_back(queue);
        }
        parties_leave(&queue->parties, queue->queue, ours);
        kept_list_clear(&queue->held);
        free(queue->space.message);
        free(queue);
        channel->state = NULL;
}

const struct operations sysv_mq_operations = {
        .selects = true,
        .native_types = true,
        .send = send_messages,
        .drop_oldest = drop_oldest,
        .receive = receive_messages,
        .arm = arm,
        .disarm = disarm,
        .poll_fd = poll_fd,
        .info = info,
        .after_fork = after_fork,
        .close = close_queue,
};
