/* SPDX-License-Identifier: MIT */

/* Large messages go straight into the buffer of the call that waits for them (docs/design/speed.md, "Large messages"). */

#include "channel/link.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

bool link_in_order(const struct link *link, const struct wire_header *header) {
        struct frame_order order = link->order;
        return frame_order_check(&order, header) == 0;
}

/* Of a message with descriptors they would have to be held somewhere too; and of one whose sender comes with its bytes nobody knows
 * yet whether it is wanted. */
static bool can_land(const struct link *link, const struct found *found) {
        const struct wire_header *header = &found->header;
        if (link->options.each_sender)
                return false;
        if (link->options.framing != FRAMING_LEAT)
                return found->size_bytes >= LINK_LARGE;
        return (header->kind == WIRE_MESSAGE || header->kind == WIRE_REPLY) && header->size >= LINK_LARGE &&
               header->descriptors == 0;
}

bool link_land(struct link *link, const struct found *found, struct incoming *message) {
        struct landing *landing = message->landing;
        if (!landing || landing->link || link->landing || !can_land(link, found))
                return false;
        link_describe(link, found, message);
        if (!incoming_is_wanted(message))
                return false;
        *landing = (struct landing){ .link = link,
                                     .buffer = message->buffer,
                                     .kind = message->kind,
                                     .about = message->about,
                                     .answers = message->answers };
        link->landing = landing;
        return true;
}

static void end_landing(struct link *link) {
        if (link->landing)
                link->landing->link = NULL;
        link->landing = NULL;
}

static int give(struct link *link, struct incoming *message) {
        const struct landing *landing = link->landing;
        message->kind = landing->kind;
        message->about = landing->about;
        message->answers = landing->answers;
        end_landing(link);
        return 0;
}

int link_land_frame(struct link *link, size_t size, struct incoming *message) {
        struct landing *landing = link->landing;
        landing->filled += size;
        landing->part = 0;
        landing->in_frame = false;
        return link->options.framing == FRAMING_LEAT && frame_order_open(&link->order) ? -EINPROGRESS
                                                                                       : give(link, message);
}

int link_landed(struct link *link, const struct found *found, struct incoming *message) {
        bool leat = link->options.framing == FRAMING_LEAT;
        int r = leat ? frame_order_check(&link->order, &found->header) : 0;
        if (r < 0)
                return r;
        if (found->abandoned) {
                frame_order_abandon(&link->order);
                link_forget_message(link);
                return -EINPROGRESS;
        }
        return link_land_frame(link, found->size_bytes, message);
}

void link_forget_message(struct link *link) {
        link->assembly = kept_free(link->assembly);
        end_landing(link);
}

/* The frame under way, as if it had been read behind its header. */
static int put_part_back(struct link *link, const struct landing *landing) {
        assert(link->end - link->begin == landing->frame.at); /* nothing is read behind a frame that is not whole */
        int r = link_make_room(link, landing->frame.at + landing->part);
        if (r < 0 || landing->part == 0)
                return r;
        memcpy(link->buffer + link->end, landing->buffer + landing->filled, landing->part);
        link->end += landing->part;
        return 0;
}

static int keep_frames(struct link *link, const struct landing *landing) {
        struct kept *kept = kept_copy(&landing->about, landing->buffer, landing->filled, NULL, 0);
        if (!kept)
                return -ENOMEM;
        kept->link = link->id;
        kept->is_reply = landing->kind == WIRE_REPLY;
        kept->reference = landing->answers;
        link->assembly = kept;
        return 0;
}

void link_settle_landing(struct landing *landing) {
        struct link *link = landing->link;
        end_landing(link);
        int r = landing->in_frame ? put_part_back(link, landing) : 0;
        if (r == 0 && landing->filled > 0)
                r = keep_frames(link, landing);
        if (r < 0)
                link->failed = r;
        link_count(link);
}
