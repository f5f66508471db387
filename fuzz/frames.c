/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: the decoders of frames and framings (lib/channel/framing.h, wire.h), which see a stranger's bytes first.
 *
 * The first byte chooses the framing, the second how the rest is cut. Each piece lies in memory of its
 * exact size. What must hold: nothing is read or found beyond it; whatever is accepted encodes to the same
 * bytes again; more is asked for only when more is needed; and where the stream is cut does not matter.
 */

#include "channel/framing.h"
#include "require.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST 200000

struct seen {
        uint64_t count, digest;
        int error;
};

static void note(struct seen *seen, const uint8_t *bytes, size_t size) {
        seen->count++;
        for (size_t i = 0; i < size; i++)
                seen->digest = (seen->digest ^ bytes[i]) * UINT64_C(1099511628211);
        seen->digest = (seen->digest ^ size) * UINT64_C(1099511628211);
}

/* What was found must be exactly what encoding it gives. */
static void check_again(enum framing framing, const uint8_t *bytes, const struct found *found, bool ended,
                        size_t size) {
        if (framing == FRAMING_LEAT) {
                uint8_t header[WIRE_HEADER_BYTES];
                wire_encode(&found->header, header);
                REQUIRE(memcmp(header, bytes, sizeof(header)) == 0);
                REQUIRE(found->at == sizeof(header) && found->size_bytes == wire_frame_bytes(&found->header));
                return;
        }
        uint8_t prefix[4];
        int suffix;
        REQUIRE(framing_allows(framing, bytes + found->at, found->size_bytes));
        REQUIRE(framing_around(framing, found->size_bytes, prefix, &suffix) == found->at);
        REQUIRE(memcmp(prefix, bytes, found->at) == 0);
        size_t end = found->at + found->size_bytes;
        bool last = suffix >= 0 && ended && end == size;
        REQUIRE(found->consumed == end + (suffix >= 0 && !last));
        if (found->consumed > end)
                REQUIRE(bytes[end] == suffix);
}

/* All that can be found in these bytes. Returns how many are dealt with. */
static size_t find_all(enum framing framing, const uint8_t *bytes, size_t size, bool ended, size_t *scanned,
                       struct frame_order *order, struct seen *seen) {
        size_t begin = 0;
        while (seen->error == 0) {
                struct found found;
                int r = framing_find(framing, bytes + begin, size - begin, scanned, ended, LARGEST, &found);
                if (r == 0) {
                        REQUIRE(found.consumed > size - begin); /* else a reader would ask for nothing, for ever */
                        REQUIRE(found.consumed <= LARGEST + FRAMING_AROUND_BYTES + 1);
                        break;
                }
                if (r < 0) {
                        REQUIRE(r == -EBADMSG || r == -EPROTONOSUPPORT);
                        seen->error = r;
                        break;
                }
                REQUIRE(found.consumed > 0 && found.consumed <= size - begin);
                REQUIRE(found.at + found.size_bytes <= found.consumed && found.size_bytes <= LARGEST);
                check_again(framing, bytes + begin, &found, ended, size - begin);
                if (framing == FRAMING_LEAT && frame_order_check(order, &found.header) < 0)
                        seen->error = -EBADMSG;
                else
                        note(seen, bytes + begin + found.at, found.size_bytes);
                if (found.abandoned)
                        frame_order_abandon(order);
                begin += found.consumed;
        }
        return begin;
}

/* The stream in pieces of at most `step` bytes. */
static struct seen read_in_steps(enum framing framing, const uint8_t *data, size_t size, size_t step) {
        struct seen seen = { 0 };
        struct frame_order order = { 0 };
        size_t begin = 0, end = 0, scanned = 0;
        do {
                size_t more = size - end < step ? size - end : step;
                end += more;
                uint8_t *bytes = malloc(end - begin);
                REQUIRE(bytes || end == begin);
                if (end > begin)
                        memcpy(bytes, data + begin, end - begin);
                begin += find_all(framing, bytes, end - begin, end == size, &scanned, &order, &seen);
                free(bytes);
        } while (end < size && seen.error == 0);
        return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size < 2)
                return 0;
        enum framing framing = data[0] % FRAMING_COUNT;
        size_t step = data[1] % 97 + 1;
        if (size / step > 2000) /* each piece is copied anew: keep the work of one input small */
                step = size / 2000 + 1;
        struct seen whole = read_in_steps(framing, data + 2, size - 2, size);
        struct seen cut = read_in_steps(framing, data + 2, size - 2, step);
        if (framing != FRAMING_RAW) /* where the cuts are the messages */
                REQUIRE(whole.count == cut.count && whole.digest == cut.digest && whole.error == cut.error);
        return 0;
}
