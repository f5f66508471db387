/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: the reading of records (lib/rpc/record.h), which a stranger's stream goes through first.
 *
 * The first byte says how the rest is cut into pieces, the second how often the buffer is taken away. What must hold: the records are those that
 * RFC 5531, section 11, finds in all the bytes at once, in order, with the same end, wherever the stream is cut; what is missing is never more
 * than the record under way lacks; and memory is taken for what has come.
 */

#include "require.h"
#include "rpc/record.h"

#include <errno.h>
#include <string.h>

#define LARGEST 1000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The stream as a whole: where the next record is, as the standard has it. */
struct model {
        const uint8_t *bytes;
        size_t size, at;
        uint8_t record[LARGEST];
        size_t gathered;
};

/* The next record's size; -EAGAIN: it is not whole in the first `fed` bytes; -EMSGSIZE: it never will be. */
static ssize_t model_next(struct model *model, size_t fed) {
        while (fed - model->at >= RECORD_MARK_BYTES) {
                const uint8_t *at = model->bytes + model->at;
                size_t fragment = ((size_t)(at[0] & 0x7f) << 24) | ((size_t)at[1] << 16) | ((size_t)at[2] << 8) | at[3];
                if (fragment > LARGEST - model->gathered)
                        return -EMSGSIZE;
                if (fed - model->at - RECORD_MARK_BYTES < fragment)
                        break;
                memcpy(model->record + model->gathered, at + RECORD_MARK_BYTES, fragment);
                model->gathered += fragment;
                model->at += RECORD_MARK_BYTES + fragment;
                if (at[0] & 0x80) {
                        ssize_t whole = (ssize_t)model->gathered;
                        model->gathered = 0;
                        return whole;
                }
        }
        return -EAGAIN;
}

static void feed(struct record_reader *reader, const uint8_t *bytes, size_t size, size_t came) {
        uint8_t *at;
        size_t room;
        REQUIRE(record_reader_room(reader, size, &at, &room) == 0 && room >= size);
        REQUIRE(record_reader_memory(reader) <= 65536 + 3 * came);
        memcpy(at, bytes, size);
        record_reader_filled(reader, size);
}

/* Whoever wants the buffer has the record in it, and what is behind it is read all the same. */
static void steal(struct record_reader *reader, const uint8_t *record, size_t size, const struct model *model) {
        void *stolen;
        REQUIRE(record_reader_steal(reader, &stolen) == 0);
        REQUIRE(memcmp(record, model->record, size) == 0);
        free(stolen);
}

/* All records that are whole by now. Returns why there are no more. */
static ssize_t compare(struct record_reader *reader, struct model *model, size_t fed, unsigned every) {
        const uint8_t *record;
        for (unsigned count = 1;; count++) {
                ssize_t want = model_next(model, fed), n = record_reader_next(reader, &record);
                if (n == -EBADMSG) /* a thousand empty fragments, or more: the reader has had enough */
                        REQUIRE(fed > 4 * 1024);
                else
                        REQUIRE(n == want);
                if (n < 0)
                        return n;
                REQUIRE(memcmp(record, model->record, (size_t)n) == 0);
                if (every > 0 && count % every == 0)
                        steal(reader, record, (size_t)n, model);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct record_reader reader;
        ssize_t n = -EAGAIN;
        if (size < 2)
                return 0;
        size_t piece = data[0] + (size_t)1;
        struct model model = { .bytes = data + 2, .size = size - 2 };
        record_reader_init(&reader, LARGEST);
        for (size_t fed = 0; fed < model.size && n == -EAGAIN;) {
                size_t missing = record_reader_missing(&reader), next = data[0] == 0xff ? missing : piece;
                REQUIRE(missing > 0);
                if (next > model.size - fed)
                        next = model.size - fed;
                feed(&reader, model.bytes + fed, next, fed + next);
                fed += next;
                n = compare(&reader, &model, fed, data[1] % 4);
        }
        record_reader_free(&reader);
        return 0;
}
