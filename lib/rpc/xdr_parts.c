/* SPDX-License-Identifier: MIT */
#include "rpc/xdr_parts.h"

#include <errno.h>
#include <string.h>

static void add(struct iovec *iovecs, int *count, const uint8_t *bytes, size_t size) {
        if (size > 0)
                iovecs[(*count)++] = (struct iovec){ (void *)bytes, size };
}

int xdr_parts_gather(const struct xdr_parts *parts, const struct leat_xdr_buffer *buffer, size_t begin,
                     struct iovec ret_iovecs[XDR_PARTS_IOVECS]) {
        int count = 0;
        for (uint32_t i = 0; i < parts->count; i++) {
                const struct xdr_part *part = &parts->all[i];
                add(ret_iovecs, &count, buffer->bytes + begin, part->at - begin);
                add(ret_iovecs, &count, part->bytes, part->size_bytes);
                begin = part->at;
        }
        add(ret_iovecs, &count, buffer->bytes + begin, buffer->size_bytes - begin);
        return count;
}

/* From the end: what stands behind each moves once. */
int xdr_parts_join(struct xdr_parts *parts, struct leat_xdr_buffer *buffer) {
        int r = leat_xdr_buffer_reserve(buffer, parts->bytes);
        if (r < 0)
                return -ENOMEM;
        size_t end = buffer->size_bytes;
        buffer->size_bytes += parts->bytes;
        for (; parts->count > 0; parts->count--) {
                const struct xdr_part *part = &parts->all[parts->count - 1];
                memmove(buffer->bytes + part->at + parts->bytes, buffer->bytes + part->at, end - part->at);
                parts->bytes -= part->size_bytes;
                memcpy(buffer->bytes + part->at + parts->bytes, part->bytes, part->size_bytes);
                end = part->at;
        }
        return 0;
}
