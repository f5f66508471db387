/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_XDR_PARTS_H
#define LEAT_RPC_XDR_PARTS_H

/*
 * A message some of whose pieces, large ones, stay where their owner has them: in a buffer stands what is around them. It goes out in parts, and what is large was not
 * copied for that.
 */

#include <leat/xdr.h>
#include <sys/uio.h>

#define XDR_PARTS_MOST 3                          /* pieces of a message that stay; more are copied */
#define XDR_PARTS_IOVECS (2 * XDR_PARTS_MOST + 1) /* of such a message */
#define XDR_PART_LEAST ((size_t)16 << 10)         /* a smaller one is copied */

struct xdr_part {
        const uint8_t *bytes; /* not ours */
        size_t size_bytes;
        size_t at; /* it stands in the message before this byte of the buffer */
};

struct xdr_parts {
        uint32_t count;
        size_t bytes; /* of all of them */
        struct xdr_part all[XDR_PARTS_MOST];
};

/*
 * As leat_xdr_encode(), but large pieces of the value stay where they are, if there are any near its top: `parts`, which is empty before. The buffer is its user's after a failure
 * as after one of that, and `parts` is empty.
 */
int xdr_encode_parts(struct leat_xdr_type type, const void *value, struct leat_xdr_buffer *buffer,
                     struct xdr_parts *parts, struct leat_xdr_fault *ret_fault);

/* The message from this byte of the buffer on, which is before all parts. Returns how many there are. */
int xdr_parts_gather(const struct xdr_parts *parts, const struct leat_xdr_buffer *buffer, size_t begin,
                     struct iovec ret_iovecs[XDR_PARTS_IOVECS]);

/* Copy them to where they belong: the buffer has all of the message, and there are no parts any more. Returns 0 or -ENOMEM, and nothing has changed. */
int xdr_parts_join(struct xdr_parts *parts, struct leat_xdr_buffer *buffer);

#endif
