/* SPDX-License-Identifier: MIT */

/*
 * Reading records (lib/rpc/record.h) against a model that knows nothing but RFC 5531, section 11: the same records come out
 * wherever the stream is cut, and however a record is cut into fragments.
 */

#include "bytes.h"
#include "rpc/record.h"

#include <errno.h>
#include <stdio.h>

#define LARGEST 4096u
#define RECORDS_MOST 64

/* What a peer sends, and the records that it means. */
struct stream {
        struct leat_xdr_buffer sent, meant; /* records one behind the other */
        size_t sizes[RECORDS_MOST],
                ends[RECORDS_MOST]; /* of each record: in `meant`, and where in `sent` it is whole */
        size_t records;
};

static void put_bytes(struct leat_xdr_buffer *buffer, const uint8_t *bytes, size_t size) {
        CHECK_EQ(leat_xdr_buffer_reserve(buffer, size), 0);
        if (size > 0)
                memcpy(buffer->bytes + buffer->size_bytes, bytes, size);
        buffer->size_bytes += size;
}

static void put_fragment(struct stream *stream, size_t size, bool last) {
        uint8_t bytes[LARGEST];
        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)harness_random();
        put_word(&stream->sent, (uint32_t)size | (last ? RECORD_LAST : 0));
        put_bytes(&stream->sent, bytes, size);
        put_bytes(&stream->meant, bytes, size);
        stream->sizes[stream->records] += size;
        if (last)
                stream->ends[stream->records++] = stream->sent.size_bytes;
}

/* A record in fragments of these sizes, up to the one below 0. */
static void put_record(struct stream *stream, const int *fragments) {
        for (; fragments[0] >= 0; fragments++)
                put_fragment(stream, (size_t)fragments[0], fragments[1] < 0);
}

static void free_stream(struct stream *stream) {
        leat_xdr_buffer_free(&stream->sent);
        leat_xdr_buffer_free(&stream->meant);
}

/* Every shape that a record may have, and some more than once: what one leaves behind meets the next. */
static struct stream every_shape(void) {
        static const int shapes[][8] = {
                { 4, -1 },       { 0, -1 },         { 40, -1 },        { 0, 0, 0, -1 }, { 1, 1, 1, 1, -1 },
                { 0, 5, 0, -1 }, { 7, 0, -1 },      { 64, 64, 3, -1 }, { 3, -1 },       { 100, -1 },
                { 1, 100, -1 },  { 100, 1, 0, -1 }, { 0, 0, 9, -1 },   { 0, -1 },       { 0, -1 },
        };
        struct stream stream = { 0 };
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
                put_record(&stream, shapes[i]);
        return stream;
}

/* ---- looking at what waits ---- */

/* Without taking any of it: all records that are whole, and how many bytes each has. */
TEST(what_waits_is_seen) {
        struct stream stream = every_shape();
        for (size_t size = 0; size <= stream.sent.size_bytes; size++) {
                struct record_reader reader;
                const uint8_t *record;
                size_t at = 0, bytes, whole, records = 0, meant = 0, room;
                uint8_t *to;
                record_reader_init(&reader, LARGEST);
                CHECK_EQ(record_reader_room(&reader, size + 1, &to, &room), 0);
                memcpy(to, stream.sent.bytes, size);
                record_reader_filled(&reader, size);
                for (; (whole = record_reader_look(&reader, at, &record, &bytes)) > 0; records++) {
                        at += whole;
                        CHECK_EQ(at, stream.ends[records]);
                        if (record) {
                                CHECK_EQ(bytes, stream.sizes[records]);
                                CHECK_EQ(whole, RECORD_MARK_BYTES + bytes);
                                CHECK_MEM(record, stream.meant.bytes + meant, bytes);
                        }
                        meant += stream.sizes[records];
                }
                CHECK(records == stream.records || size < stream.ends[records]);
                record_reader_free(&reader);
        }
        free_stream(&stream);
}

/* ---- reading it ---- */

struct reading {
        struct record_reader reader;
        const struct stream *stream;
        size_t fed, records, at; /* `at`: in stream->meant */
        unsigned
                steal; /* every so many records the buffer is taken away; 0: never. If odd, it is changed before bytes come */
        bool waits;   /* a record that is whole may be left for later */
        void *stolen; /* the last one, its record */
        const uint8_t *record;
        size_t size_bytes;
};

static struct reading begin(const struct stream *stream, unsigned steal) {
        struct reading reading = { .stream = stream, .steal = steal };
        record_reader_init(&reading.reader, LARGEST);
        return reading;
}

/* The one that was taken away is as it was when it was handed out, whatever the reader did since. */
static void check_stolen(struct reading *reading) {
        if (reading->stolen)
                CHECK_MEM(reading->record, reading->stream->meant.bytes + reading->at - reading->size_bytes,
                          reading->size_bytes);
        free(reading->stolen);
        reading->stolen = NULL;
}

static void take_record(struct reading *reading, const uint8_t *record, size_t size) {
        const struct stream *stream = reading->stream;
        check_stolen(reading);
        CHECK(reading->records < stream->records);
        CHECK_EQ(size, stream->sizes[reading->records]);
        CHECK(reading->fed >= stream->ends[reading->records]);
        CHECK_MEM(record, stream->meant.bytes + reading->at, size);
        reading->records++;
        reading->at += size;
        if (reading->steal == 0 || reading->records % reading->steal != 0)
                return;
        CHECK_EQ(record_reader_steal(&reading->reader, &reading->stolen), 0);
        reading->record = record;
        reading->size_bytes = size;
}

static void feed(struct record_reader *reader, const uint8_t *bytes, size_t size) {
        uint8_t *at;
        size_t room = 0;
        CHECK_EQ(record_reader_room(reader, size, &at, &room), 0);
        CHECK(room >= size);
        if (size > 0)
                memcpy(at, bytes, size);
        record_reader_filled(reader, size);
}

/* A buffer of another size, which has room for what is there, and perhaps no more. */
static void change_buffer(struct reading *reading) {
        struct record_reader *reader = &reading->reader;
        size_t there = reader->end - reader->begin, size = there + 1 + harness_random_below(2) * 5000;
        uint8_t *bytes = malloc(size);
        CHECK(bytes);
        record_reader_move(reader, bytes, size);
        CHECK_EQ(record_reader_memory(reader), size);
}

/* It is not taken yet: it is the next one again, whatever becomes of the buffer meanwhile. */
static void put_back(struct reading *reading, const uint8_t *record, size_t size) {
        struct record_reader *reader = &reading->reader;
        const uint8_t *seen = NULL;
        size_t seen_bytes = 0;
        void *buffer;
        record_reader_put_back(reader, record, size);
        CHECK_EQ(record_reader_look(reader, reader->begin, &seen, &seen_bytes), RECORD_MARK_BYTES + size);
        CHECK_EQ(seen_bytes, size);
        CHECK_MEM(seen, reading->stream->meant.bytes + reading->at, size);
        if (harness_random_below(2))
                change_buffer(reading);
        if (harness_random_below(2)) {
                CHECK_EQ(record_reader_steal(reader, &buffer), 0);
                free(buffer);
        }
}

/* So many more bytes come: all records that are whole then come out, and no other. */
static void go_on(struct reading *reading, size_t size) {
        const uint8_t *record;
        ssize_t n;
        if (reading->steal % 2 == 1)
                change_buffer(reading);
        feed(&reading->reader, reading->stream->sent.bytes + reading->fed, size);
        reading->fed += size;
        while ((n = record_reader_next(&reading->reader, &record)) >= 0) {
                if (harness_random_below(4) > 0) {
                        take_record(reading, record, (size_t)n);
                        continue;
                }
                check_stolen(reading);
                put_back(reading, record, (size_t)n);
                if (reading->waits && harness_random_below(2) && reading->fed < reading->stream->sent.size_bytes)
                        return; /* it waits until more has come */
        }
        CHECK_EQ(n, -EAGAIN);
        CHECK(reading->records == reading->stream->records || reading->fed < reading->stream->ends[reading->records]);
}

static void end(struct reading *reading) {
        CHECK_EQ(reading->fed, reading->stream->sent.size_bytes);
        CHECK_EQ(reading->records, reading->stream->records);
        check_stolen(reading);
        record_reader_free(&reading->reader);
}

TEST(the_same_records_come_out_wherever_the_stream_is_cut_in_three) {
        struct stream stream = every_shape();
        size_t size = stream.sent.size_bytes;
        for (size_t first = 0; first <= size; first++)
                for (size_t second = first; second <= size; second += 1 + second % 7) {
                        struct reading reading = begin(&stream, (unsigned)(second % 4));
                        go_on(&reading, first);
                        go_on(&reading, second - first);
                        go_on(&reading, size - second);
                        end(&reading);
                }
        free_stream(&stream);
}

TEST(the_same_records_come_out_byte_by_byte) {
        struct stream stream = every_shape();
        for (unsigned steal = 0; steal < 4; steal++) {
                struct reading reading = begin(&stream, steal);
                while (reading.fed < stream.sent.size_bytes)
                        go_on(&reading, 1);
                end(&reading);
        }
        free_stream(&stream);
}

static struct stream random_stream(void) {
        struct stream stream = { 0 };
        while (stream.records < 20) {
                size_t left = harness_random_below(3) ? harness_random_below(100) : harness_random_below(LARGEST + 1);
                uint64_t fragments = harness_random_below(6);
                for (; fragments > 0; fragments--) {
                        size_t size = harness_random_below(left + 1);
                        put_fragment(&stream, size, false);
                        left -= size;
                }
                put_fragment(&stream, left, true);
        }
        return stream;
}

TEST(random_records_in_random_pieces) {
        for (uint64_t round = harness_how_many(50, 500, 20000); round > 0; round--) {
                struct stream stream = random_stream();
                struct reading reading = begin(&stream, (unsigned)harness_random_below(4));
                reading.waits = harness_random_below(2);
                size_t most = harness_random_below(2) ? 50 : 3 * LARGEST;
                while (reading.fed < stream.sent.size_bytes) {
                        size_t left = stream.sent.size_bytes - reading.fed, piece = harness_random_below(most) + 1;
                        go_on(&reading, piece < left ? piece : left);
                }
                end(&reading);
                free_stream(&stream);
        }
}

/* Who reads as much as is said to be missing has the record and not a byte more; and it is something, so that he ends. */
TEST(what_is_missing_is_never_more_than_the_record_lacks) {
        for (int round = 0; round < 50; round++) {
                struct stream stream = round == 0 ? every_shape() : random_stream();
                struct reading reading = begin(&stream, 0);
                while (reading.fed < stream.sent.size_bytes) {
                        size_t missing = record_reader_missing(&reading.reader);
                        CHECK(missing > 0 && missing <= stream.ends[reading.records] - reading.fed);
                        go_on(&reading, missing);
                }
                end(&reading);
                free_stream(&stream);
        }
}

/* ---- limits ---- */

/* So much is fed at once; what is said of it. */
static ssize_t said_of(const struct leat_xdr_buffer *sent) {
        struct record_reader reader;
        const uint8_t *record;
        record_reader_init(&reader, LARGEST);
        feed(&reader, sent->bytes, sent->size_bytes);
        ssize_t n = record_reader_next(&reader, &record);
        record_reader_free(&reader);
        return n;
}

static ssize_t said_of_marks(const uint32_t *marks, size_t count) {
        struct leat_xdr_buffer sent = { 0 };
        static const uint8_t zeros[LARGEST];
        for (size_t i = 0; i < count; i++) {
                put_word(&sent, marks[i]);
                if (i + 1 < count)
                        put_bytes(&sent, zeros, marks[i] & RECORD_LARGEST);
        }
        ssize_t n = said_of(&sent);
        leat_xdr_buffer_free(&sent);
        return n;
}

/* As soon as the marks say so: none of its bytes has come. */
TEST(a_record_that_is_too_large_is_refused_by_its_marks) {
        static const struct {
                uint32_t marks[3];
                size_t count;
                ssize_t said;
        } cases[] = {
                { { RECORD_LAST | LARGEST }, 1, -EAGAIN },
                { { RECORD_LAST | (LARGEST + 1) }, 1, -EMSGSIZE },
                { { LARGEST + 1 }, 1, -EMSGSIZE },
                { { LARGEST }, 1, -EAGAIN },
                { { RECORD_LAST | RECORD_LARGEST }, 1, -EMSGSIZE },
                { { RECORD_LARGEST }, 1, -EMSGSIZE },
                { { LARGEST, RECORD_LAST | 1 }, 2, -EMSGSIZE },
                { { LARGEST, RECORD_LAST }, 2, LARGEST },
                { { LARGEST - 1, RECORD_LAST | 1 }, 2, -EAGAIN },
                { { 1, RECORD_LARGEST }, 2, -EMSGSIZE },
                { { 1, 1, RECORD_LAST | RECORD_LARGEST }, 3, -EMSGSIZE },
                { { 1, LARGEST - 1, 1 }, 3, -EMSGSIZE },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                ssize_t said = said_of_marks(cases[i].marks, cases[i].count);
                if (said != cases[i].said)
                        FAIL("case %zu: %zd is said, not %zd", i, said, cases[i].said);
        }
}

/* Whoever is told of the largest record that there may be takes no memory by that alone. */
TEST(memory_is_taken_for_what_has_come) {
        struct record_reader reader;
        const uint8_t *record;
        uint8_t mark[RECORD_MARK_BYTES], bytes[1000] = { 0 };
        record_reader_init(&reader, RECORD_LARGEST);
        CHECK_EQ(record_reader_memory(&reader), 0);
        record_put_mark(mark, RECORD_LARGEST);
        feed(&reader, mark, sizeof(mark));
        CHECK_EQ(record_reader_next(&reader, &record), -EAGAIN);
        for (size_t came = 0; came < 1000000; came += sizeof(bytes)) {
                CHECK(record_reader_memory(&reader) <= 65536 + 3 * came);
                feed(&reader, bytes, sizeof(bytes));
                CHECK_EQ(record_reader_next(&reader, &record), -EAGAIN);
        }
        record_reader_free(&reader);
}

/* Fragments of this size without end, read a thousand bytes a time. What is said at last; *ret_fed: after how many bytes. */
static ssize_t feed_without_end(size_t fragment, size_t most, size_t *ret_fed, size_t *ret_memory) {
        struct record_reader reader;
        const uint8_t *record;
        ssize_t n = -EAGAIN;
        record_reader_init(&reader, RECORD_LARGEST);
        *ret_memory = 0;
        for (*ret_fed = 0; n == -EAGAIN && *ret_fed < most;) {
                uint8_t bytes[1000];
                for (size_t i = 0; i < sizeof(bytes); i++, (*ret_fed)++)
                        bytes[i] = *ret_fed % (fragment + 4) == 3 ? (uint8_t)fragment : 0;
                feed(&reader, bytes, sizeof(bytes));
                n = record_reader_next(&reader, &record);
                if (record_reader_memory(&reader) > *ret_memory)
                        *ret_memory = record_reader_memory(&reader);
        }
        record_reader_free(&reader);
        return n;
}

TEST(fragments_without_end_end_the_stream) {
        for (size_t fragment = 0; fragment <= 1; fragment++) {
                size_t fed, memory;
                CHECK_EQ(feed_without_end(fragment, (size_t)1 << 20, &fed, &memory), -EBADMSG);
                CHECK(fed > 1000 && memory <= (size_t)1 << 18);
        }
}

/* What others send who cut their records small is no breach: 100 bytes a fragment, as long as it likes. */
TEST(small_fragments_are_no_breach) {
        size_t fed, memory;
        CHECK_EQ(feed_without_end(100, (size_t)4 << 20, &fed, &memory), -EAGAIN);
}

/* Nor a few that are tiny, beginning anew with each record. */
TEST(tiny_fragments_are_counted_for_each_record) {
        struct record_reader reader;
        const uint8_t *record;
        uint8_t fragment[] = { 0, 0, 0, 1, 'x' };
        record_reader_init(&reader, LARGEST);
        for (int round = 0; round < 20; round++) {
                for (int i = 0; i < 500; i++) {
                        fragment[0] = i == 499 ? 0x80 : 0;
                        feed(&reader, fragment, sizeof(fragment));
                        CHECK_EQ(record_reader_next(&reader, &record), i == 499 ? 500 : -EAGAIN);
                }
                for (int i = 0; i < 500; i++)
                        CHECK_EQ(record[i], 'x');
        }
        record_reader_free(&reader);
}

TEST(a_mark_says_last_and_how_many) {
        static const uint8_t want[][RECORD_MARK_BYTES] = { { 0x80, 0, 0, 0 },
                                                           { 0x80, 0, 0, 0x2a },
                                                           { 0xff, 0xff, 0xff, 0xff } };
        static const size_t sizes[] = { 0, 42, RECORD_LARGEST };
        for (int i = 0; i < 3; i++) {
                uint8_t mark[RECORD_MARK_BYTES + 1] = { 0 };
                record_put_mark(mark, sizes[i]);
                CHECK_MEM(mark, want[i], RECORD_MARK_BYTES);
                CHECK_EQ(mark[RECORD_MARK_BYTES], 0);
        }
}

TEST(a_reader_that_read_nothing_is_freed) {
        struct record_reader reader;
        const uint8_t *record;
        record_reader_init(&reader, LARGEST);
        CHECK_EQ(record_reader_next(&reader, &record), -EAGAIN);
        CHECK_EQ(record_reader_missing(&reader), RECORD_MARK_BYTES);
        record_reader_free(&reader);
}

TEST_MAIN()
