/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"
#include "base/cleanup.h"
#include "rpc/client.h"
#include "rpc/rpc_address.h"
#include "transport/inet_socket.h"
#include "transport/tcp_connect.h"
#include "transport/unix_name.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

/*
 * The carrier over tcp and unix: records, one a message (rpc/record.h).
 *
 * What is to be sent stands in `output`, each message in its own memory, and goes out with one call of the system for all of them when the core says so, or when there is much.
 * What comes is read in large pieces.
 */

#define GATHER_CALLS 16u                /* so many are not held back for more ... */
#define GATHER_BYTES ((size_t)64 << 10) /* ... nor so much */
#define PARTS_MOST 64
#define READ_LEAST ((size_t)16 << 10)
#define READ_MOST ((size_t)256 << 10) /* ahead of what has come of a large record */
#define MEMORY_USUAL ((size_t)256 << 10)
#define SMALL_IN_A_ROW 64u              /* records, until a buffer that was made for large ones is given back */
#define FULL_PAUSE_NS INT64_C(10000000) /* a unix listener whose queue is full tells nobody when it is not */

struct stream {
        struct address address;
        bool is_unix, connecting;
        struct inet_name inet;
        struct tcp_connector connector; /* while connecting */
        struct unix_name *name;
        int64_t full_until;
        int fd;
        bool broken;    /* nothing can be sent; what came before may still be read */
        bool dry;       /* the last read took all there was: the next one would be in vain */
        bool looked;    /* there is no whole record in the buffer */
        unsigned small; /* records in a row that a large buffer was too large for */
        struct record_reader reader;
        struct list output;                         /* of struct rpc_pending */
        size_t output_bytes, output_calls, written; /* of the first one */
        struct leat_xdr_buffer rest; /* of a message whose call is over: it goes before all others, from `written` on */
};

/* ---- connecting ---- */

static void adopt(struct stream *stream, int fd) {
        if (stream->is_unix)
                (void)inet_set_capacity(fd, &stream->address, SO_SNDBUF); /* as far as that goes */
        stream->fd = fd;
        stream->broken = stream->looked = false;
        stream->dry = true;
        record_reader_free(&stream->reader);
}

static int try_unix(struct stream *stream, int *ret_fd) {
        if (stream->full_until > leat_now())
                return -EAGAIN;
        int r = unix_name_try(stream->name, SOCK_STREAM, ret_fd);
        stream->full_until = r == -EAGAIN ? leat_in_ns(FULL_PAUSE_NS) : 0;
        return r;
}

static int try_tcp(struct stream *stream, int *ret_fd) {
        int r = 0;
        if (!stream->connecting)
                r = tcp_connector_init(&stream->connector, &stream->address, &stream->inet);
        stream->connecting = true;
        if (r == 0)
                r = tcp_connector_try(&stream->connector, NULL, ret_fd);
        if (r == -EAGAIN)
                return r;
        tcp_connector_clear(&stream->connector);
        stream->connecting = false;
        return r;
}

/* An errno that says something else to the core. */
static int as_reason(int r) {
        return r == -EPIPE ? -ECONNREFUSED : r;
}

static int connect_stream(struct leat_rpc_client *client) {
        struct stream *stream = client->state;
        int fd = -1;
        if (stream->fd >= 0)
                return 0;
        fork_hold(); /* a child finds what is open in the struct, and closes it */
        int r = stream->is_unix ? try_unix(stream, &fd) : try_tcp(stream, &fd);
        if (r == 0)
                adopt(stream, fd);
        fork_release();
        return as_reason(r);
}

/* ---- sending ---- */

static struct rpc_pending *first_of(const struct stream *stream) {
        return CONTAINER_OF(stream->output.next, struct rpc_pending, node);
}

/* Without the first bytes of them. */
static int leave_out(struct iovec *parts, int count, size_t skip) {
        int first = 0;
        while (first < count && skip >= parts[first].iov_len)
                skip -= parts[first++].iov_len;
        if (first == count)
                return 0;
        for (int i = first; i < count; i++)
                parts[i - first] = parts[i];
        parts[0].iov_base = (uint8_t *)parts[0].iov_base + skip;
        parts[0].iov_len -= skip;
        return count - first;
}

static int gather(struct stream *stream, struct iovec parts[PARTS_MOST]) {
        int count = 0;
        if (stream->rest.size_bytes > 0)
                parts[count++] = (struct iovec){ stream->rest.bytes, stream->rest.size_bytes };
        for (const struct list *node = stream->output.next;
             node != &stream->output && count <= PARTS_MOST - XDR_PARTS_IOVECS; node = node->next) {
                const struct rpc_pending *pending = CONTAINER_OF(node, const struct rpc_pending, node);
                count += xdr_parts_gather(&pending->parts, &pending->message, pending->begin, parts + count);
        }
        return stream->written > 0 ? leave_out(parts, count, stream->written) : count;
}

/* So many bytes went. */
static void went(struct leat_rpc_client *client, struct stream *stream, size_t size) {
        stream->written += size;
        if (stream->rest.size_bytes > 0) {
                if (stream->written < stream->rest.size_bytes)
                        return;
                stream->written -= stream->rest.size_bytes;
                leat_xdr_buffer_free(&stream->rest);
        }
        while (!list_empty(&stream->output)) {
                struct rpc_pending *first = first_of(stream);
                size_t whole = rpc_pending_bytes(first);
                if (stream->written < whole)
                        return;
                stream->written -= whole;
                stream->output_bytes -= whole;
                stream->output_calls--;
                rpc_client_sent(client, first);
        }
}

static ssize_t send_parts(int fd, struct iovec *parts, int count) {
        if (count == 1)
                return send(fd, parts[0].iov_base, parts[0].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
        const struct msghdr message = { .msg_iov = parts, .msg_iovlen = (size_t)count };
        return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Nothing can be sent any more. The next receive tells so, behind what came. */
static void break_off(struct stream *stream) {
        stream->broken = true;
        stream->dry = false;
}

/* To a server that drains nothing more goes: what is not whole there is not run. */
static bool has_output(const struct leat_rpc_client *client) {
        const struct stream *stream = client->state;
        return !stream->broken && !client->leaving && (stream->rest.size_bytes > 0 || !list_empty(&stream->output));
}

static void flush(struct leat_rpc_client *client) {
        struct stream *stream = client->state;
        struct iovec parts[PARTS_MOST];
        while (has_output(client)) {
                ssize_t n = send_parts(stream->fd, parts, gather(stream, parts));
                if (n >= 0)
                        went(client, stream, (size_t)n);
                else if (errno == EAGAIN)
                        return;
                else if (errno != EINTR)
                        break_off(stream);
        }
}

static int send_record(struct leat_rpc_client *client, struct rpc_pending *pending) {
        struct stream *stream = client->state;
        size_t size = rpc_pending_bytes(pending);
        pending->begin -= RECORD_MARK_BYTES;
        record_put_mark(pending->message.bytes + pending->begin, size);
        list_insert(&stream->output, &pending->node);
        stream->output_bytes += rpc_pending_bytes(pending);
        if (++stream->output_calls >= GATHER_CALLS || stream->output_bytes >= GATHER_BYTES)
                flush(client);
        return 0;
}

static int forget(struct leat_rpc_client *client, struct rpc_pending *pending) {
        struct stream *stream = client->state;
        bool part_went = first_of(stream) == pending && stream->rest.size_bytes == 0 && stream->written > 0;
        stream->output_bytes -= rpc_pending_bytes(pending);
        stream->output_calls--;
        list_remove(&pending->node);
        if (!part_went)
                return 0;
        if (xdr_parts_join(&pending->parts, &pending->message) < 0) {
                break_off(stream); /* without the rest nothing may follow */
                return 1;
        }
        stream->written += pending->begin;
        stream->rest = pending->message;
        pending->message = (struct leat_xdr_buffer){ 0 };
        return 1;
}

/* ---- receiving ---- */

/* A record that is too large: whose answer it is, its first bytes tell. -EAGAIN: they have not come. */
static int find_large(struct leat_rpc_client *client, struct stream *stream) {
        const struct record_reader *reader = &stream->reader;
        const uint8_t *at = NULL;
        if (reader->gathered_bytes >= 4)
                at = reader->bytes + reader->begin + RECORD_MARK_BYTES;
        else if (reader->gathered_bytes == 0 && reader->end - reader->scanned >= RECORD_MARK_BYTES + 4)
                at = reader->bytes + reader->scanned + RECORD_MARK_BYTES;
        else if (reader->gathered_bytes == 0)
                return -EAGAIN;
        client->large = at != NULL;
        client->large_xid = at ? get_be32(at) : 0;
        return -EMSGSIZE;
}

static ssize_t next_record(struct leat_rpc_client *client, struct stream *stream, const uint8_t **ret_message) {
        ssize_t n = stream->looked ? -EAGAIN : record_reader_next(&stream->reader, ret_message);
        if (n == -EMSGSIZE)
                n = find_large(client, stream);
        stream->looked = n == -EAGAIN;
        if (n >= 0)
                stream->small = (size_t)n < record_reader_memory(&stream->reader) / 8 ? stream->small + 1 : 0;
        return n;
}

/* A buffer that grew for large records, and was hardly used for many: the next one is made for what comes. */
static void give_back(struct stream *stream) {
        struct record_reader *reader = &stream->reader;
        if (reader->begin == reader->end && stream->small >= SMALL_IN_A_ROW &&
            record_reader_memory(reader) > MEMORY_USUAL)
                record_reader_free(reader);
}

static size_t read_size(const struct record_reader *reader) {
        size_t missing = record_reader_missing(reader);
        if (missing < READ_LEAST)
                return READ_LEAST;
        return missing < READ_MOST ? missing : READ_MOST;
}

/* Read once. 0, -EAGAIN, -EPIPE, -ENOMEM. */
static int read_more(struct stream *stream) {
        uint8_t *bytes;
        size_t room;
        give_back(stream);
        int r = record_reader_room(&stream->reader, read_size(&stream->reader), &bytes, &room);
        if (r < 0)
                return r;
        ssize_t n;
        do
                n = recv(stream->fd, bytes, room, MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EAGAIN && !stream->broken ? -EAGAIN : -EPIPE;
        if (n == 0)
                return -EPIPE;
        record_reader_filled(&stream->reader, (size_t)n);
        stream->looked = false;
        stream->dry = (size_t)n < room && !stream->broken;
        return 0;
}

static ssize_t receive(struct leat_rpc_client *client, const uint8_t **ret_message) {
        struct stream *stream = client->state;
        for (;;) {
                ssize_t n = next_record(client, stream, ret_message);
                if (n != -EAGAIN)
                        return n;
                if (stream->dry) {
                        stream->dry = false;
                        return -EAGAIN;
                }
                int r = read_more(stream);
                if (r < 0)
                        return r;
        }
}

/* ---- sleeping, and the end ---- */

static int arm(struct leat_rpc_client *client, struct wait *wait) {
        struct stream *stream = client->state;
        if (stream->fd >= 0) {
                wait_add(wait, stream->fd, (short)(has_output(client) ? POLLIN | POLLOUT : POLLIN));
                return !stream->looked && stream->reader.end > stream->reader.begin;
        }
        if (stream->connecting)
                tcp_connector_arm(&stream->connector, wait);
        if (stream->full_until > 0)
                wait_look_again(wait, stream->full_until);
        return 0;
}

static void close_connection(struct stream *stream) {
        fork_hold();
        if (stream->connecting)
                tcp_connector_clear(&stream->connector);
        stream->fd = close_fd(stream->fd);
        fork_release();
        stream->connecting = false;
        record_reader_free(&stream->reader);
        leat_xdr_buffer_free(&stream->rest);
}

static void lose(struct leat_rpc_client *client) {
        struct stream *stream = client->state;
        close_connection(stream);
        while (!list_empty(&stream->output)) {
                struct list *last = stream->output.previous;
                list_remove(last);
                CONTAINER_OF(last, struct rpc_pending, node)->state = RPC_PENDING_WAITS;
                list_insert(client->waiting.next, last);
        }
        stream->output_bytes = stream->output_calls = stream->written = 0;
}

static void leave(struct leat_rpc_client *client) {
        struct stream *stream = client->state;
        if (stream->broken)
                return;
        (void)shutdown(stream->fd, SHUT_WR);
        break_off(stream);
}

static struct stream *free_stream(struct stream *stream) {
        if (!stream)
                return NULL;
        close_connection(stream);
        unix_name_free(stream->name);
        address_clear(&stream->address);
        free(stream);
        return NULL;
}

static void free_stream_at(struct stream **stream) {
        *stream = free_stream(*stream);
}

static void close_stream(struct leat_rpc_client *client) {
        client->state = free_stream(client->state);
}

static void after_fork(struct leat_rpc_client *client) {
        struct stream *stream = client->state;
        stream->fd = close_fd(stream->fd);
        for (unsigned i = 0; stream->connecting && i < stream->connector.attempts_count; i++)
                stream->connector.attempts[i].fd = close_fd(stream->connector.attempts[i].fd);
        if (stream->name)
                stream->name->directory = close_fd(stream->name->directory);
}

const struct rpc_carrier rpc_stream_carrier = {
        .is_stream = true,
        .largest_bytes = RECORD_LARGEST,
        .takes_parts = true,
        .connect = connect_stream,
        .send = send_record,
        .flush = flush,
        .forget = forget,
        .receive = receive,
        .arm = arm,
        .lose = lose,
        .leave = leave,
        .close = close_stream,
        .after_fork = after_fork,
};

/* ---- the first connection ---- */

static int connect_first(struct stream *stream, const struct address *address, int64_t deadline,
                         struct leat_reason *reason, int *ret_fd) {
        stream->is_unix = address->scheme[0] == 'u';
        if (stream->is_unix) {
                int r = unix_name_new(address, false, reason, &stream->name);
                return r < 0 ? r : unix_name_connect(stream->name, SOCK_STREAM, address, deadline, reason, ret_fd);
        }
        int r = inet_parse(address, reason, &stream->inet);
        if (r == 0)
                r = inet_check(address, &stream->inet, false, reason);
        return r < 0 ? r : tcp_connect(address, &stream->inet, deadline, reason, ret_fd);
}

int rpc_stream_connect(struct leat_rpc_client *client, struct address *address, int64_t deadline,
                       struct leat_reason *reason) {
        CLEANUP(free_stream_at) struct stream *stream = calloc(1, sizeof(*stream));
        if (!stream)
                return -ENOMEM;
        stream->fd = -1;
        list_init(&stream->output);
        record_reader_init(&stream->reader, client->options.reply_bytes_max);
        int fd = -1, r = connect_first(stream, address, deadline, reason, &fd);
        if (r < 0)
                return r;
        adopt(stream, fd);
        stream->address = *address;
        address->rest = NULL;
        stream->address.given |= OPTION_BIT(OPTION_OPEN); /* from now on the pauses are the client's */
        spin_init(&client->spin, (enum spin_mode)stream->address.wait);
        client->state = TAKE(stream);
        return 0;
}
