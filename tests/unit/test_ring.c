/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "base/cleanup.h"
#include "memory/memfile.h"
#include "memory/ring.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#define RING_BYTES 4096
#define PAGE 4096

struct both {
        struct memfile written, told; /* the writer's file, with the ring; the reader's, with its state */
        struct memfile read, heard;   /* the same, as the other side has them */
        struct ring_writer writer;
        struct ring_reader reader;
        size_t records;
};

static void make(struct both *both, uint64_t start) {
        *both = (struct both){
                .written = MEMFILE_NONE, .told = MEMFILE_NONE, .read = MEMFILE_NONE, .heard = MEMFILE_NONE
        };
        CHECK_EQ(memfile_new("ring", PAGE, RING_BYTES, &both->written), 0);
        CHECK_EQ(memfile_new("state", PAGE, 0, &both->told), 0);
        CHECK_EQ(memfile_adopt(both->written.fd, PAGE, RING_BYTES, &both->read), 0);
        CHECK_EQ(memfile_adopt(both->told.fd, PAGE, 0, &both->heard), 0);
        struct ring_state *state = both->told.bytes;
        atomic_store(&state->taken, start);
        atomic_store(&state->read, start);
        both->writer = (struct ring_writer){ .bytes = memfile_twice(&both->written),
                                             .size = RING_BYTES,
                                             .head = start,
                                             .taken = start,
                                             .told = start,
                                             .theirs = both->heard.bytes };
        both->reader = (struct ring_reader){
                .bytes = memfile_twice(&both->read), .size = RING_BYTES, .tail = start, .told = start, .mine = state
        };
}

static void free_both(struct both *both) {
        memfile_free(&both->written);
        memfile_free(&both->told);
        memfile_free(&both->read);
        memfile_free(&both->heard);
}

/* A record carries its length, and bytes that follow from its number. */
static uint64_t length_of(uint64_t number) {
        return ring_round(16 + number * 7919 % 900);
}

static uint8_t byte_of(uint64_t number, uint64_t at) {
        return (uint8_t)(number * 31 + at);
}

static int put(struct ring_writer *writer, uint64_t number) {
        uint64_t length = length_of(number);
        int r = ring_room(writer, length);
        if (r < 0)
                return r;
        uint8_t *place = ring_place(writer);
        for (uint64_t i = 8; i < length; i++)
                place[i] = byte_of(number, i);
        ring_add(writer, length, length);
        return 0;
}

static bool take(struct ring_reader *reader, uint64_t number) {
        uint64_t length = ring_look(reader);
        if (length == 0)
                return false;
        CHECK_EQ(length, length_of(number));
        const uint8_t *record = ring_record(reader);
        for (uint64_t i = 8; i < length; i++)
                if (record[i] != byte_of(number, i))
                        FAIL("record %llu has a wrong byte at %llu", (unsigned long long)number, (unsigned long long)i);
        ring_advance(reader, length);
        if (ring_owes(reader))
                ring_tell(reader);
        return true;
}

static void goes_round(uint64_t start) {
        struct both both;
        make(&both, start);
        uint64_t sent = 0, taken = 0;
        while (taken < 2000) {
                uint64_t several = harness_random_below(5);
                while (several-- > 0 && put(&both.writer, sent) == 0)
                        sent++;
                ring_publish(&both.writer);
                for (several = harness_random_below(5); several > 0 && take(&both.reader, taken); several--)
                        taken++;
                if (harness_random_below(4) == 0)
                        ring_tell(&both.reader);
        }
        CHECK(sent >= taken);
        free_both(&both);
}

TEST(records_go_round) {
        goes_round(0);
}

TEST(positions_pass_32_and_64_bits) {
        goes_round((UINT64_C(1) << 32) - 4096);
        goes_round(UINT64_MAX - 4095);
}

TEST(what_is_not_published_is_not_there) {
        struct both both;
        make(&both, 0);
        CHECK_EQ(put(&both.writer, 0), 0);
        CHECK_EQ(put(&both.writer, 1), 0);
        CHECK_EQ(ring_look(&both.reader), 0);
        ring_publish(&both.writer);
        CHECK(take(&both.reader, 0));
        CHECK(take(&both.reader, 1));
        CHECK(!take(&both.reader, 2));
        free_both(&both);
}

/* The bytes of an old record look like words; none is ever taken for one. */
TEST(old_bytes_are_no_record) {
        struct both both;
        make(&both, 0);
        for (int i = 0; i < 5000; i++) {
                uint64_t length = 16 + 16 * harness_random_below(20);
                CHECK_EQ(ring_room(&both.writer, length), 0);
                memset(ring_place(&both.writer), 0x20, length);
                ring_add(&both.writer, length, length);
                ring_publish(&both.writer);
                CHECK_EQ(ring_look(&both.reader), length);
                ring_advance(&both.reader, length);
                CHECK_EQ(ring_look(&both.reader), 0);
                ring_tell(&both.reader);
        }
        free_both(&both);
}

TEST(a_full_ring_waits_for_the_reader) {
        struct both both;
        make(&both, 0);
        uint64_t sent = 0;
        while (put(&both.writer, sent) == 0) {
                ring_publish(&both.writer);
                sent++;
        }
        CHECK_EQ(put(&both.writer, sent), -EAGAIN);
        CHECK(take(&both.reader, 0));
        ring_tell(&both.reader);
        CHECK(take(&both.reader, 1));
        ring_tell(&both.reader);
        CHECK_EQ(ring_room(&both.writer, length_of(0)), 0);
        free_both(&both);
}

TEST(what_was_read_and_not_told_is_room_for_who_asks) {
        struct both both;
        make(&both, UINT64_MAX - 4095);
        uint64_t sent = 0;
        for (; put(&both.writer, sent) == 0; sent++)
                ring_publish(&both.writer);
        for (uint64_t i = 0; i < sent - 1; i++)
                ring_advance(&both.reader, length_of(i));
        CHECK_EQ(ring_room(&both.writer, length_of(sent)), -EAGAIN);
        CHECK_EQ(ring_room_exactly(&both.writer, length_of(sent)), 0);
        CHECK_EQ(ring_room(&both.writer, RING_BYTES - RING_BEHIND), -EAGAIN); /* what is told is older, and no lie */
        ring_tell(&both.reader);
        CHECK_EQ(ring_room(&both.writer, RING_BYTES - RING_BEHIND), -EAGAIN);
        free_both(&both);
}

TEST(the_largest_record_fills_it) {
        struct both both;
        make(&both, 48);
        CHECK_EQ(ring_room(&both.writer, RING_BYTES - RING_BEHIND), 0);
        CHECK_EQ(ring_room(&both.writer, RING_BYTES), -EAGAIN);
        memset(ring_place(&both.writer), 1, RING_BYTES - RING_BEHIND);
        ring_add(&both.writer, RING_BYTES - RING_BEHIND, 1);
        ring_publish(&both.writer);
        CHECK_EQ(ring_look(&both.reader), 1);
        ring_advance(&both.reader, RING_BYTES - RING_BEHIND);
        CHECK_EQ(ring_look(&both.reader), 0);
        CHECK_EQ(ring_room(&both.writer, RING_ALIGN), -EAGAIN);
        ring_tell(&both.reader);
        CHECK_EQ(ring_room(&both.writer, RING_BYTES - RING_BEHIND), 0);
        free_both(&both);
}

TEST(a_reader_that_lies_is_found_out) {
        static const uint64_t lies[] = { 16, UINT64_MAX - 15, UINT64_C(1) << 63, 8, 4096, 1 };
        for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
                struct both both;
                make(&both, 0);
                struct ring_state *state = both.told.bytes;
                atomic_store(&state->read, lies[i]);
                CHECK_EQ(ring_room(&both.writer, RING_BYTES), -EAGAIN);
                CHECK_EQ(ring_room_exactly(&both.writer, RING_BYTES), -EBADMSG);
                atomic_store(&state->read, 0);
                atomic_store(&state->taken, lies[i]);
                CHECK_EQ(ring_room(&both.writer, RING_BYTES), -EBADMSG);
                free_both(&both);
        }
}

/* ---- two threads ---- */

static void *write_all(void *argument) {
        struct both *both = argument;
        for (uint64_t number = 0; number < both->records;) {
                int r = put(&both->writer, number);
                CHECK(r == 0 || r == -EAGAIN);
                if (r == 0)
                        number++;
                if (r < 0 || number % 3 == 0 || number == both->records)
                        ring_publish(&both->writer);
                if (r < 0)
                        (void)sched_yield();
        }
        return NULL;
}

TEST(two_threads_agree) {
        struct both both;
        pthread_t thread;
        make(&both, 0);
        both.records = SANITIZED ? 20000 : 200000;
        CHECK_EQ(pthread_create(&thread, NULL, write_all, &both), 0);
        for (uint64_t number = 0; number < both.records;)
                if (take(&both.reader, number))
                        number++;
                else {
                        ring_tell(&both.reader);
                        (void)sched_yield();
                }
        CHECK_EQ(pthread_join(thread, NULL), 0);
        free_both(&both);
}

/* ---- what a stranger can do to a memory file ---- */

TEST(nobody_else_can_write_or_resize_it) {
        struct memfile file = MEMFILE_NONE;
        CHECK_EQ(memfile_new("ring", PAGE, RING_BYTES, &file), 0);
        CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0) == MAP_FAILED && errno == EPERM);
        CHECK(ftruncate(file.fd, 0) < 0 && errno == EPERM);
        CHECK(ftruncate(file.fd, 1 << 20) < 0 && errno == EPERM);
        CHECK(pwrite(file.fd, "x", 1, 0) < 0 && errno == EPERM);
        CHECK(fcntl(file.fd, F_ADD_SEALS, F_SEAL_WRITE) < 0 && errno == EPERM);
        CHECK(fallocate(file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE) < 0 && errno == EPERM);
        CHECK(madvise(file.bytes, PAGE, MADV_REMOVE) < 0 && errno == EPERM);
        memcpy(file.bytes, "its writer can", 14);
        memfile_free(&file);
}

TEST(what_is_no_sealed_memory_file_is_refused) {
        struct memfile file = MEMFILE_NONE;
        CLOSE_AT_EXIT int plain = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        CLOSE_AT_EXIT int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        CHECK(plain >= 0 && null >= 0);
        CHECK_EQ(ftruncate(plain, PAGE + RING_BYTES), 0);
        CHECK_EQ(memfile_adopt(plain, PAGE, RING_BYTES, &file), -EBADMSG);
        CHECK_EQ(memfile_adopt(null, PAGE, RING_BYTES, &file), -EBADMSG);
        CHECK_EQ(memfile_adopt(-1, PAGE, RING_BYTES, &file), -EBADMSG);
        CHECK_EQ(memfile_new("ring", PAGE, RING_BYTES, &file), 0);
        struct memfile other = MEMFILE_NONE;
        CHECK_EQ(memfile_adopt(file.fd, PAGE, 2 * RING_BYTES, &other), -EBADMSG);
        memfile_free(&file);
}

TEST_MAIN()
