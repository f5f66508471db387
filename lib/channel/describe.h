/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_DESCRIBE_H
#define LEAT_CHANNEL_DESCRIBE_H

/* What the header of a message tells the program about it. */

#include "channel/wire.h"

#include <leat/deadline.h>
#include <leat/message.h>

/* All but who sent it, its descriptors, and whether it is to be answered: these are for the transport to add. Field by field and where it is
 * wanted: a structure made elsewhere would be copied, for every message. */
static inline void describe_header(const struct wire_header *header, struct leat_message *ret_about) {
        ret_about->struct_size = sizeof(*ret_about);
        ret_about->descriptors = NULL;
        ret_about->descriptors_max = ret_about->descriptors_count = 0;
        ret_about->size_bytes = header->size;
        ret_about->type = header->type;
        ret_about->priority = header->priority;
        ret_about->flags = header->flags & WIRE_REDELIVERED ? LEAT_REDELIVERED : 0;
        ret_about->sequence = header->sequence;
        ret_about->time_ns = header->time_ns;
        ret_about->deadline = LEAT_NEVER;
        ret_about->sender = (struct leat_peer){ 0 };
        ret_about->reply_to = 0;
}

/* Until when the sender of a request waits for its reply. */
static inline int64_t describe_deadline(const struct wire_header *header) {
        if (header->reference == 0)
                return LEAT_NEVER;
        return leat_in_ns(header->reference > INT64_MAX ? INT64_MAX : (int64_t)header->reference);
}

#endif
