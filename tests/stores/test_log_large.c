/* SPDX-License-Identifier: MIT */
/* Large messages, which are read straight to where they belong; and when that cannot be, as if nothing had been. */
#include "log.h"
#include "transport/log_record.h"

#define LARGE 50000 /* is read so */
#define ROOM 400000

static unsigned char bytes[ROOM], buffer[ROOM + 1];
static const char magic[] = "\xb1"
                            "Leatlog";

/* A message of this number and size; masked: the magic is in it, across where its search goes on in the next block. */
static void make(unsigned number, size_t size, bool masked) {
        for (size_t i = 0; i < size; i++)
                bytes[i] = (unsigned char)(number * 31 + i * 7 + i / 251);
        if (masked)
                memcpy(bytes + (size > 9000 ? 8192 - 3 : 0), magic, 8);
}

static void say(struct leat_channel *sender, unsigned number, size_t size, bool masked) {
        make(number, size, masked);
        CHECK_EQ(leat_send(sender, number, bytes, size, SOON), 0);
}

/* It is the next, of `room` bytes at most, and nothing is written behind it. */
static void hear_in(struct leat_channel *receiver, unsigned number, size_t size, bool masked, size_t room) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        buffer[room] = 77;
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, room, SOON, &about), size);
        make(number, size, masked);
        CHECK_EQ(about.type, number);
        CHECK(size == 0 || memcmp(buffer, bytes, size) == 0);
        CHECK_EQ(buffer[room], 77);
}

static void hear(struct leat_channel *receiver, unsigned number, size_t size, bool masked) {
        hear_in(receiver, number, size, masked, ROOM);
}

static const struct {
        size_t size;
        bool masked;
} mixed[] = {
        { LARGE, false }, { 10, false },   { LARGE, true },  { LARGE, false }, { ROOM, false }, { ROOM, true },
        { 16384, false }, { 16383, true }, { 0, false },     { LARGE, false }, { 0, false },    { 16384, true },
        { 65536, false }, { 200, true },   { 65535, false }, { 65537, false }, { 9, false },    { LARGE, false },
};
#define MIXED (sizeof mixed / sizeof mixed[0])

TEST(large_and_small_come_whole_and_in_order) {
        const char *const patterns[] = { "", "?wait=spin", "?wait=sleep", "?pattern=queue" };
        for (size_t way = 0; way < sizeof patterns / sizeof patterns[0]; way++) {
                struct leat_channel *receiver = log_receiver(patterns[way]), *sender = log_sender("?rotate=300000");
                for (unsigned i = 0; i < MIXED; i++) { /* each by itself */
                        say(sender, i + 1, mixed[i].size, mixed[i].masked);
                        hear(receiver, i + 1, mixed[i].size, mixed[i].masked);
                }
                for (unsigned i = 0; i < MIXED; i++) /* and all of them one behind the other */
                        say(sender, i + 1, mixed[i].size, mixed[i].masked);
                for (unsigned i = 0; i < MIXED; i++) /* into a buffer that just holds it */
                        hear_in(receiver, i + 1, mixed[i].size, mixed[i].masked, mixed[i].size ? mixed[i].size : 1);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, ROOM, LEAT_NOW, NULL), -EAGAIN);
                leat_close(sender);
                leat_close(receiver);
                CHECK_EQ(leat_remove(log_at(""), NULL), 0);
        }
}

/* What was read to a buffer for a message that it was not given is read again for the next. */
TEST(what_does_not_fit_or_is_not_wanted_stays) {
        struct leat_channel *receiver = log_receiver(""), *sender = log_sender("");
        for (unsigned i = 1; i <= 4; i++)
                say(sender, i, LARGE, i == 3);
        hear(receiver, 1, LARGE, false);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, LARGE - 1, LEAT_NOW, NULL), -EMSGSIZE);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, LEAT_NOW, NULL), -EMSGSIZE);
        CHECK_EQ(leat_receive(receiver, 4, buffer, ROOM, LEAT_NOW, NULL), LARGE); /* 2 and 3 are set aside */
        make(4, LARGE, false);
        CHECK_MEM(buffer, bytes, LARGE);
        hear(receiver, 2, LARGE, false);
        hear(receiver, 3, LARGE, true);
        leat_close(sender);
        leat_close(receiver);
}

TEST(one_of_a_queue_comes_again_until_it_is_acknowledged) {
        struct leat_channel *receiver = log_receiver("?pattern=queue&acknowledge"), *sender = log_sender("");
        struct leat_message about = LEAT_MESSAGE_INIT;
        say(sender, 1, LARGE, false);
        say(sender, 2, LARGE, true);
        hear(receiver, 1, LARGE, false);
        leat_close(receiver);
        receiver = log_receiver("?pattern=queue&acknowledge");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, ROOM, SOON, &about), LARGE);
        make(1, LARGE, false);
        CHECK_MEM(buffer, bytes, LARGE);
        CHECK(about.flags & LEAT_REDELIVERED);
        CHECK_EQ(leat_acknowledge(receiver, &about), 0);
        hear(receiver, 2, LARGE, true);
        leat_close(sender);
        leat_close(receiver);
}

/* ---- torn, or not whole yet ---- */

/* What another program finds at the end of the file, from `from` on; it is cut off there. */
static unsigned char *cut_off(off_t from, size_t *ret_size) {
        off_t size = log_size_of(log_path());
        unsigned char *rest = malloc((size_t)(size - from));
        int fd = open(log_path(), O_RDWR | O_CLOEXEC);
        CHECK(rest && fd >= 0);
        CHECK_EQ(pread(fd, rest, (size_t)(size - from), from), size - from);
        CHECK_EQ(ftruncate(fd, from), 0);
        close(fd);
        *ret_size = (size_t)(size - from);
        return rest;
}

/* A large record is there up to `part`; the receiver looks at it in every way that there is, without and with waiting. */
static unsigned char *write_part(struct leat_channel *receiver, size_t part, size_t *ret_size) {
        struct leat_channel *sender = log_sender("");
        say(sender, 1, LARGE, false);
        hear(receiver, 1, LARGE, false);
        off_t from = log_size_of(log_path());
        say(sender, 2, LARGE, false);
        leat_close(sender);
        unsigned char *record = cut_off(from, ret_size);
        log_scribble(log_path(), from, record, part);
        for (int i = 0; i < 3; i++) {
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, ROOM, LEAT_NOW, NULL), -EAGAIN);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, ROOM, leat_in_ms(1), NULL), -ETIMEDOUT);
        }
        return record;
}

static const size_t parts[] = { 1, 63, 64, 65, 1000, 64 + LARGE - 1, 64 + LARGE, 64 + LARGE + 7 };
static const char *const waits[] = { "", "?wait=spin", "?wait=sleep", "?pattern=queue" };

static void with_each_part(void (*then)(struct leat_channel *receiver, unsigned char *record, size_t part,
                                        size_t size)) {
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
                struct leat_channel *receiver = log_receiver(waits[i % 4]);
                size_t size;
                unsigned char *record = write_part(receiver, parts[i], &size);
                CHECK(parts[i] < size);
                then(receiver, record, parts[i], size);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, ROOM, LEAT_NOW, NULL), -EAGAIN);
                free(record);
                leat_close(receiver);
                CHECK_EQ(leat_remove(log_at(""), NULL), 0);
        }
}

/* Into a buffer that a large one would be read to. */
static void hear_after(struct leat_channel *receiver) {
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, ROOM, SOON, NULL), 5);
        CHECK_MEM(buffer, "after", 5);
}

static void write_rest(struct leat_channel *receiver, unsigned char *record, size_t part, size_t size) {
        log_scribble(log_path(), -1, record + part, size - part);
        hear(receiver, 2, LARGE, false);
        log_say_once("after");
        hear_after(receiver);
}

TEST(one_that_is_being_written_is_waited_for) {
        with_each_part(write_rest);
}

static void leave_torn(struct leat_channel *receiver, unsigned char *record, size_t part, size_t size) {
        struct leat_info info = LEAT_INFO_INIT;
        (void)record, (void)part, (void)size;
        log_say_once("after");
        hear_after(receiver);
        CHECK_EQ(leat_channel_info(receiver, &info), 0);
        CHECK_EQ(info.refused, 1);
}

TEST(one_that_is_torn_hides_none_behind_it) {
        with_each_part(leave_torn);
}

/* As long as the first would have been, so that nothing but its bytes tells that it is another. */
static void write_anew(struct leat_channel *receiver, unsigned char *record, size_t part, size_t size) {
        struct leat_channel *sender;
        (void)record, (void)size;
        CHECK_EQ(truncate(log_path(), log_size_of(log_path()) - (off_t)part), 0);
        sender = log_sender("");
        say(sender, 3, LARGE, true);
        leat_close(sender);
        hear(receiver, 3, LARGE, true);
}

TEST(one_that_was_cut_off_is_not_mixed_with_the_next) {
        with_each_part(write_anew);
}

/* Its header is in order, its bytes or its end are not. */
static void write_wrong(struct leat_channel *receiver, unsigned char *record, size_t part, size_t size) {
        record[part < 64 + LARGE ? 64 + LARGE - 1 : size - 1] ^= 1;
        log_scribble(log_path(), -1, record + part, size - part);
        log_say_once("after");
        hear_after(receiver);
}

TEST(one_with_a_wrong_bit_is_none) {
        with_each_part(write_wrong);
}

/* A large one stands whole in the place of another's bytes, of which the end never came. */
TEST(one_within_a_torn_one_is_received) {
        struct leat_channel *receiver = log_receiver(""), *sender;
        size_t size;
        unsigned char *record = write_part(receiver, 1000, &size);
        sender = log_sender("");
        say(sender, 3, LARGE, false);
        say(sender, 4, LARGE, false);
        hear(receiver, 3, LARGE, false);
        hear(receiver, 4, LARGE, false);
        free(record);
        leat_close(sender);
        leat_close(receiver);
}

TEST_MAIN()
