/* SPDX-License-Identifier: MIT */
/* Several messages by one append: across files, at the end of the room, behind others' backs; and looks that are in a hurry. */
#include "log.h"
#include "transport/log_file.h"
#include "transport/log_record.h"
#include <string.h>
#include <sys/resource.h>

#define MOST 200
#define SIZE 40
#define RECORD (RECORD_HEADER_BYTES + 48) /* of a message of that size */

static char texts[MOST][SIZE];

static void make_texts(void) {
        for (unsigned i = 0; i < MOST; i++) {
                memset(texts[i], 'x', SIZE);
                snprintf(texts[i], SIZE, "message %u", i);
        }
}

/* Those from `first` on. How many went. */
static ssize_t send_from(struct leat_channel *sender, unsigned first, unsigned count) {
        struct leat_outgoing messages[MOST] = { 0 };
        for (unsigned i = 0; i < count; i++)
                messages[i] = (struct leat_outgoing){ .type = 1, .bytes = texts[first + i], .size_bytes = SIZE };
        return leat_send_many(sender, messages, count, SOON);
}

static void hear_from(struct leat_channel *receiver, unsigned first, unsigned count) {
        char buffer[256];
        for (unsigned i = first; i < first + count; i++) {
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), SIZE);
                CHECK(memcmp(buffer, texts[i], SIZE) == 0);
        }
}

/* Calls that write, as the kernel counts them. */
static unsigned long writes_of_this_process(void) {
        char line[64];
        unsigned long count = 0;
        FILE *file = fopen("/proc/self/io", "re");
        while (file && fgets(line, sizeof line, file))
                (void)sscanf(line, "syscw: %lu", &count);
        if (file)
                fclose(file);
        return count;
}

TEST(a_batch_is_one_append) {
        make_texts();
        struct leat_channel *receiver = log_receiver(""), *sender = log_sender("");
        log_say(sender, "before");
        unsigned long before = writes_of_this_process();
        CHECK_EQ(send_from(sender, 0, 64), 64);
        CHECK(writes_of_this_process() - before < 16);
        log_hear(receiver, "before");
        hear_from(receiver, 0, 64);
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        leat_close(sender);
        leat_close(receiver);
}

/* Among them one that begins like a record, and one that is too large for it. */
TEST(what_must_go_otherwise_keeps_its_place) {
        static char large[100000], buffer[sizeof large];
        static const char magic[] = "\xb1"
                                    "Leatlog is how a record begins";
        memset(large, 'l', sizeof large);
        const struct leat_outgoing messages[] = {
                { .type = 1, .bytes = "one", .size_bytes = 3 },
                { .type = 2, .bytes = magic, .size_bytes = sizeof magic },
                { .type = 3, .bytes = NULL, .size_bytes = 0 },
                { .type = 4, .bytes = large, .size_bytes = sizeof large },
                { .type = 5, .bytes = "last", .size_bytes = 4 },
        };
        struct leat_channel *receiver = log_receiver(""), *sender = log_sender("");
        CHECK_EQ(leat_send_many(sender, messages, 5, SOON), 5);
        for (int i = 0; i < 5; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), messages[i].size_bytes);
                CHECK_EQ(about.type, i + 1);
                CHECK_EQ(about.sequence, i + 1);
                CHECK(about.size_bytes == 0 || memcmp(buffer, messages[i].bytes, about.size_bytes) == 0);
        }
        leat_close(sender);
        leat_close(receiver);
}

/* No file is longer by more than one record than what it is to be left at. */
TEST(a_batch_goes_on_in_the_next_file) {
        make_texts();
        struct leat_channel *receiver = log_receiver(""), *sender = log_sender("?rotate=4096");
        CHECK_EQ(send_from(sender, 0, MOST), MOST);
        CHECK(log_size_of(log_path_of(".5")) > 0);
        CHECK(log_size_of(log_path()) <= 4096 + RECORD + LOG_EMPTIED_BYTES);
        CHECK(log_size_of(log_path_of(".4")) <= 4096 + RECORD + LOG_EMPTIED_BYTES);
        hear_from(receiver, 0, MOST);
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        leat_close(sender);
        leat_close(receiver);
}

/* ---- no room ---- */

static void limit_files(off_t bytes) {
        struct rlimit limit;
        CHECK_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = bytes < 0 ? limit.rlim_max : (rlim_t)bytes;
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A limit that the sender does not know ends the write in the middle of the fourth, as a full disk does. */
TEST(a_batch_that_is_cut_off_stands_up_to_there) {
        make_texts();
        signal(SIGXFSZ, SIG_IGN);
        struct leat_channel *receiver = log_receiver(""), *sender = log_sender("");
        limit_files(LOG_HEADER_BYTES + 3 * RECORD + RECORD / 2);
        CHECK_EQ(send_from(sender, 0, 8), 3);
        CHECK_EQ(log_size_of(log_path()), LOG_HEADER_BYTES + 3 * RECORD);
        CHECK_EQ(send_from(sender, 3, 5), -ENOSPC);
        log_check_reason(sender, -ENOSPC);
        CHECK_EQ(log_size_of(log_path()), LOG_HEADER_BYTES + 3 * RECORD);
        limit_files(-1);
        CHECK_EQ(send_from(sender, 3, 5), 5);
        hear_from(receiver, 0, 8);
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        leat_close(sender);
        leat_close(receiver);
}

/* With another sender there the torn rest stays, and is passed over; nothing comes twice. */
TEST(a_batch_that_is_torn_beside_another_sender) {
        make_texts();
        signal(SIGXFSZ, SIG_IGN);
        struct leat_channel *receiver = log_receiver(""), *sender = log_sender(""), *other = log_sender("");
        limit_files(LOG_HEADER_BYTES + 3 * RECORD + RECORD / 2);
        CHECK_EQ(send_from(sender, 0, 8), 3);
        CHECK_EQ(log_size_of(log_path()), LOG_HEADER_BYTES + 3 * RECORD + RECORD / 2);
        limit_files(-1);
        log_say(other, "of the other");
        CHECK_EQ(send_from(sender, 3, 5), -EFBIG); /* why the first three were all */
        CHECK_EQ(send_from(sender, 3, 5), 5);
        hear_from(receiver, 0, 3);
        log_hear(receiver, "of the other");
        hear_from(receiver, 3, 5);
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        leat_close(sender);
        leat_close(other);
        leat_close(receiver);
}

/* A limit that it knows: what is before it goes, and no signal comes. */
TEST(a_batch_goes_up_to_a_known_limit) {
        make_texts();
        struct leat_channel *receiver = log_receiver("");
        limit_files(LOG_HEADER_BYTES + 3 * RECORD + RECORD / 2);
        struct leat_channel *sender = log_sender("");
        CHECK_EQ(send_from(sender, 0, 8), 3);
        CHECK_EQ(send_from(sender, 3, 5), -EFBIG);
        hear_from(receiver, 0, 3);
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        leat_close(sender);
        leat_close(receiver);
}

/* ---- behind a sender's back ---- */

/* It knew that nothing was sealed. Its batch lands behind a SEAL, and goes again to the file where it counts. */
TEST(a_batch_behind_a_seal_goes_again) {
        make_texts();
        struct leat_channel *receiver = log_receiver(""), *sender = log_sender(""), *other = log_sender("?rotate=4096");
        CHECK_EQ(send_from(sender, 0, 2), 2);
        CHECK_EQ(send_from(other, 2, 60), 60);
        CHECK(log_size_of(log_path_of(".2")) > 0);
        CHECK_EQ(send_from(sender, 62, 10), 10);
        CHECK_EQ(send_from(sender, 72, 1), 1);
        hear_from(receiver, 0, 73);
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        leat_close(sender);
        leat_close(other);
        leat_close(receiver);
}

/*
 * PATH is emptied while a sender has it open that knows it as long as an emptied one is. It would take its message for one that counts
 * if the file had been cut to that length.
 */
TEST(a_file_that_is_emptied_under_a_sender_keeps_its_length) {
        make_texts();
        struct leat_channel *sender = log_sender(""), *other = log_sender("?rotate=4096&retain-files=0");
        log_say(sender, "old");
        CHECK_EQ(log_size_of(log_path()), LOG_EMPTIED_BYTES);
        CHECK_EQ(send_from(other, 0, 60), 60);
        int fd = open(log_path(), O_RDONLY | O_CLOEXEC);
        CHECK(log_file_is_emptied(fd));
        close(fd);
        CHECK(log_size_of(log_path()) > LOG_EMPTIED_BYTES);
        log_say(sender, "new");
        struct leat_channel *receiver = log_receiver("?from=start");
        char buffer[256];
        ssize_t n;
        bool old = false, new = false;
        while ((n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL)) >= 0) {
                old = old || (n == 3 && memcmp(buffer, "old", 3) == 0);
                new = new || (n == 3 && memcmp(buffer, "new", 3) == 0);
        }
        CHECK_EQ(n, -EAGAIN);
        CHECK(new && !old);
        leat_close(sender);
        leat_close(other);
        leat_close(receiver);
}

/* A receiver stood in it: it is told, once, and goes on with what there is. */
TEST(a_receiver_in_such_a_file_is_told) {
        make_texts();
        struct leat_channel *receiver = log_receiver(""), *sender = log_sender("");
        struct leat_channel *other = log_sender("?rotate=4096&retain-files=0");
        char buffer[256];
        ssize_t n;
        CHECK_EQ(send_from(sender, 0, 2), 2);
        hear_from(receiver, 0, 2);
        CHECK_EQ(send_from(other, 2, 120), 120);
        CHECK(log_size_of(log_path_of(".2")) < 0 && log_size_of(log_path_of(".4")) > 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ESTALE);
        while ((n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL)) == SIZE)
                ;
        CHECK_EQ(n, -EAGAIN);
        CHECK(memcmp(buffer, texts[121], SIZE) == 0);
        leat_close(sender);
        leat_close(other);
        leat_close(receiver);
}

/* All that comes is newer than what came before, and after at most one -ESTALE. Returns how many came; *last: the last one. */
static unsigned hear_rest(struct leat_channel *receiver, unsigned *last) {
        char buffer[256];
        unsigned count = 0, stale = 0, number;
        ssize_t n;
        while ((n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL)) == SIZE || n == -ESTALE) {
                stale += n == -ESTALE;
                if (n != SIZE)
                        continue;
                CHECK_EQ(sscanf(buffer, "message %u", &number), 1);
                CHECK(number == *last + 1 || (stale == 1 && number > *last));
                *last = number;
                count++;
        }
        CHECK_EQ(n, -EAGAIN);
        CHECK_EQ(stale, 1);
        return count;
}

/*
 * The same, where a sender that had PATH open has appended to it behind the hole: what it took for a place behind all that counts. It
 * sent that again where it counts, and the one behind the hole is none that anybody hears.
 */
static void run_behind_a_hole(const char *pattern, unsigned early) {
        make_texts();
        struct leat_channel *late = log_sender(""), *receiver = log_receiver(pattern);
        struct leat_channel *sender = log_sender("?rotate=4096&retain-files=1");
        unsigned last = early - 1, next = early + 100;
        CHECK_EQ(send_from(sender, 0, early), early);
        hear_from(receiver, 0, early);
        CHECK_EQ(send_from(sender, early, 100), 100);
        off_t size = log_size_of(log_path());
        CHECK_EQ(send_from(late, next, 1), 1);
        CHECK(log_size_of(log_path()) > size); /* behind the hole */
        CHECK_EQ(send_from(sender, next + 1, 3), 3);
        CHECK(hear_rest(receiver, &last) > 4);
        CHECK_EQ(last, next + 3);
        CHECK_EQ(send_from(sender, next + 4, 1), 1);
        hear_from(receiver, next + 4, 1);
        leat_close(receiver);
        leat_close(sender);
        leat_close(late);
}

/* Wherever in that file it stood. */
TEST(a_receiver_does_not_hear_what_is_behind_a_hole) {
        for (unsigned early = 1; early * RECORD < 4096 - LOG_HEADER_BYTES - RECORD; early += 4) {
                run_behind_a_hole("", early);
                CHECK_EQ(leat_remove(log_at(""), NULL), 0);
        }
}

TEST(nor_does_one_of_a_queue) {
        run_behind_a_hole("?pattern=queue", 2);
}

/* ---- a retainer that was killed ---- */

static char byte_at(const char *path, off_t at) {
        char byte = 0;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        CHECK_EQ(pread(fd, &byte, 1, at), 1);
        close(fd);
        return byte;
}

/* Does this file system know holes, and tell at once how many blocks a file has? */
static bool knows_holes(const char *path) {
        struct stat status;
        char scratch[256];
        snprintf(scratch, sizeof scratch, "%s", log_path_of(".scratch"));
        log_scribble(scratch, 0, "some bytes", 10);
        int fd = open(scratch, O_RDWR | O_CLOEXEC);
        bool known = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10) == 0;
        close(fd);
        unlink(scratch);
        return known && stat(path, &status) == 0 && status.st_blocks * 512 >= 100000;
}

/* It had put the SEAL in the place of the first record, and no more. The next one makes an end of it. */
static void run_killed_retainer(bool beside_a_sender) {
        static char large[100000];
        struct log_header header = { 0 };
        uint8_t bytes[LOG_EMPTIED_BYTES - LOG_HEADER_BYTES] = { 0 };
        const struct record seal = { .kind = RECORD_SEAL, .type = 1 };
        struct leat_channel *late = beside_a_sender ? log_sender("") : NULL;
        struct leat_channel *sender = log_sender("?rotate=4096");
        memset(large, 'l', sizeof large);
        for (int i = 0; i < 3; i++)
                CHECK_EQ(leat_send(sender, 1, large, sizeof large, SOON), 0);
        CHECK(log_size_of(log_path_of(".2")) > 0);
        leat_close(sender);
        (void)record_encode(&seal, NULL, bytes);
        log_scribble(log_path(), LOG_HEADER_BYTES, bytes, sizeof bytes);
        int fd = open(log_path(), O_RDONLY | O_CLOEXEC);
        CHECK(log_file_header(fd, &header) == 0 && header.sealing && log_file_is_emptied(fd));
        close(fd);
        if (!knows_holes(log_path()))
                harness_skip("holes are not known here");
        off_t size = log_size_of(log_path());
        CHECK_EQ(byte_at(log_path(), 50000), 'l');
        sender = log_sender("?rotate=4096&retain-files=1");
        for (int i = 0; i < 3; i++)
                CHECK_EQ(leat_send(sender, 1, large, sizeof large, SOON), 0);
        CHECK_EQ(log_size_of(log_path()), beside_a_sender ? size : LOG_EMPTIED_BYTES);
        CHECK(!beside_a_sender || byte_at(log_path(), 50000) == 0);
        leat_close(sender);
        if (late)
                leat_close(late);
}

TEST(what_a_killed_retainer_left_is_removed) {
        run_killed_retainer(false);
}

TEST(what_a_killed_retainer_left_is_removed_under_a_sender) {
        run_killed_retainer(true);
}

/* ---- in a hurry ---- */

/* Who never sleeps looks at what became of the file all the same, now and then. */
static int spin_until_removed(struct leat_channel *receiver) {
        char buffer[256];
        ssize_t n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL);
        if (n == 3)
                n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL);
        return n == -EIDRM ? 0 : 1;
}

TEST(one_that_spins_is_told_that_the_log_was_removed) {
        struct leat_channel *receiver = log_receiver("?wait=spin");
        log_say_once("one");
        CHECK_EQ(leat_give(receiver), 0);
        pid_t child = fork();
        if (child == 0)
                _exit(spin_until_removed(receiver));
        CHECK_EQ(unlink(log_path()), 0);
        CHECK_EQ(harness_wait(child), 0);
        leat_close(receiver);
}

TEST_MAIN()
