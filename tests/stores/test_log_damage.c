/* SPDX-License-Identifier: MIT */
/* What other programs, a full disk and a loss of power do to a log: told, and what is whole is read. */
#include "base/bytes.h"
#include "log.h"
#include "transport/log_record.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

/* ---- other programs ---- */

TEST(noise_is_skipped_and_counted) {
        struct leat_info info = LEAT_INFO_INIT;
        unsigned char noise[1000];
        for (size_t i = 0; i < sizeof noise; i++)
                noise[i] = (unsigned char)harness_random();
        struct leat_channel *receiver = log_receiver("");
        log_say_once("one");
        log_scribble(log_path(), -1, noise, sizeof noise);
        log_say_once("two");
        log_scribble(log_path(), -1, "\xb1Leatlog", 8);
        log_say_once("three");
        log_scribble(log_path(), -1, noise, 3);
        log_hear(receiver, "one");
        log_hear(receiver, "two");
        log_hear(receiver, "three");
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        CHECK_EQ(leat_channel_info(receiver, &info), 0);
        CHECK_EQ(info.refused, 3);
        leat_close(receiver);
}

TEST(a_stranger_is_left_alone) {
        struct leat_channel *channel;
        int fd = open(log_path(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK_EQ(write(fd, "dear diary\n", 11), 11);
        close(fd);
        CHECK_EQ(leat_open(log_at(""), LEAT_SEND, LEAT_NOW, &channel), -EEXIST);
        CHECK_EQ(leat_open(log_at(""), LEAT_RECEIVE, LEAT_NOW, &channel), -EEXIST);
        CHECK_EQ(leat_remove(log_at(""), NULL), -EEXIST);
        CHECK_EQ(log_size_of(log_path()), 11);
}

TEST(cut_below_a_reader) {
        struct leat_channel *sender = log_sender(""), *receiver = log_receiver("");
        for (int i = 0; i < 100; i++) {
                log_say(sender, "x");
                log_hear(receiver, "x");
        }
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        CHECK_EQ(truncate(log_path(), 1000), 0);
        CHECK_EQ(log_hear_now(receiver), -ESTALE);
        log_check_reason(receiver, -ESTALE);
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        log_say(sender, "after");
        log_hear(receiver, "after");
        CHECK_EQ(truncate(log_path(), 0), 0);
        log_say(sender, "anew");
        CHECK_EQ(log_hear_now(receiver), -ESTALE);
        log_hear(receiver, "anew");
        leat_close(receiver);
        leat_close(sender);
        receiver = log_receiver("");
        log_hear(receiver, "anew");
        leat_close(receiver);
}

/* However much there is of it, and whatever stands before it. */
TEST(noise_behind_a_large_message_is_skipped_at_once) {
        static char large[20000], buffer[20000], noise[1 << 16];
        struct leat_channel *sender = log_sender("");
        CHECK_EQ(leat_send(sender, 1, large, sizeof large, SOON), 0);
        for (int i = 0; i < 64; i++)
                log_scribble(log_path(), -1, noise, sizeof noise);
        log_say(sender, "after");
        struct leat_channel *receiver = log_receiver("?from=start");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), sizeof large);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), 5);
        leat_close(receiver);
        leat_close(sender);
}

/* A sender counts what it writes; when another program cuts the file it counts anew, so that the numbers behind are right. */
TEST(numbers_are_right_behind_a_cut) {
        char text[300] = "", buffer[300];
        struct leat_channel *sender = log_sender("?rotate=4K");
        for (int i = 0; i < 10; i++)
                CHECK_EQ(leat_send(sender, 1, text, sizeof text, SOON), 0);
        CHECK_EQ(truncate(log_path(), 64), 0);
        for (int i = 1; i <= 60; i++)
                CHECK_EQ(leat_send(sender, i, text, 100, SOON), 0);
        struct leat_channel *receiver = log_receiver("?from=41");
        struct leat_message about = LEAT_MESSAGE_INIT;
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, &about), 100);
        CHECK_EQ(about.type, 41);
        leat_close(receiver);
        leat_close(sender);
}

/* Another sender's SEAL is found, though the file was cut and has grown since this one counted. */
TEST(a_seal_behind_a_cut_is_seen) {
        static char text[150000], buffer[150000];
        struct leat_channel *idle = log_sender("");
        for (int i = 0; i < 100; i++)
                CHECK_EQ(leat_send(idle, 1, text, 1000, SOON), 0);
        CHECK_EQ(truncate(log_path(), 64), 0);
        struct leat_channel *other = log_sender("?rotate=4K");
        for (int i = 0; i < 40; i++)
                CHECK_EQ(leat_send(other, 2, text, 100, SOON), 0);
        CHECK_EQ(leat_send(idle, 3, text, sizeof text, SOON), 0);
        struct leat_channel *receiver = log_receiver("?from=start");
        struct leat_message about = LEAT_MESSAGE_INIT;
        for (int i = 0; i < 40; i++)
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, &about), 100);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, &about), sizeof text);
        CHECK_EQ(about.type, 3);
        leat_close(receiver);
        leat_close(other);
        leat_close(idle);
}

static void wait_for_removal(void *event) {
        struct leat_channel *receiver = log_receiver("");
        harness_event_signal(event);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL), -EIDRM);
        log_check_reason(receiver, -EIDRM);
        leat_close(receiver);
}

TEST(removed_under_a_waiting_receiver) {
        struct harness_event *event = harness_event_new();
        struct leat_channel *sender = log_sender("");
        pid_t pid = harness_fork(wait_for_removal, event);
        harness_event_wait(event);
        harness_wait_state(pid, "S");
        CHECK_EQ(leat_remove(log_at(""), NULL), 0);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(leat_send(sender, 1, "x", 1, SOON), -EIDRM);
        log_check_reason(sender, -EIDRM);
        leat_close(sender);
        CHECK_EQ(leat_remove(log_at(""), NULL), -ENOENT);
}

TEST(a_file_size_limit_is_an_error_and_no_signal) {
        struct leat_reason why;
        struct rlimit limit = { .rlim_cur = 4096, .rlim_max = 4096 };
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
        struct leat_channel *sender = log_sender(""), *receiver = log_receiver("");
        char bytes[1000] = { 0 };
        unsigned sent = 0;
        int r;
        while ((r = leat_send(sender, 1, bytes, sizeof bytes, SOON)) == 0)
                sent++;
        CHECK_EQ(r, -EFBIG);
        CHECK_EQ(leat_why(sender, &why), 0);
        CHECK_STR(why.limit, "RLIMIT_FSIZE");
        CHECK_EQ(sent, 3);
        CHECK_EQ(leat_send(sender, 1, bytes, 10, SOON), 0);
        leat_close(sender);
        leat_close(receiver);
}

/* A disk of 256 KiB of our own. */
TEST(a_full_disk_leaves_whole_messages) {
        static char bytes[30000], back[30000];
        char options[64] = "size=256k";
        if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("leat", harness_tmpdir(), "tmpfs", 0, options) < 0)
                SKIP("a disk of our own cannot be mounted: %s", strerror(errno));
        struct leat_channel *one = log_sender(""), *two = log_sender(""), *receiver = log_receiver("");
        unsigned sent = 0, taken = 0;
        for (int i = 0; i < 40; i++)
                sent += leat_send(i % 2 ? one : two, 1, bytes, sizeof bytes, SOON) == 0;
        CHECK(sent > 3 && sent < 9);
        CHECK_EQ(leat_send(one, 1, bytes, sizeof bytes, SOON), -ENOSPC);
        log_check_reason(one, -ENOSPC);
        while (leat_receive(receiver, LEAT_ANY, back, sizeof back, LEAT_NOW, NULL) == (ssize_t)sizeof back)
                taken++;
        CHECK_EQ(taken, sent);
        leat_close(one);
        /* The one sender that is left takes back what it wrote in part. */
        off_t size = log_size_of(log_path());
        CHECK_EQ(leat_send(two, 1, bytes, sizeof bytes, SOON), -ENOSPC);
        CHECK_EQ(log_size_of(log_path()), size);
        /* Room is made: what is sent now is read, by all. */
        CHECK_EQ(mount("leat", harness_tmpdir(), "tmpfs", MS_REMOUNT, "size=512k"), 0);
        log_say(two, "there is room");
        log_hear(receiver, "there is room");
        leat_close(two);
        leat_close(receiver);
        CHECK_EQ(leat_remove(log_at(""), NULL), 0);
        CHECK_EQ(umount2(harness_tmpdir(), MNT_DETACH), 0);
}

/* ---- forged and damaged records ---- */

/* A record of these bytes, as it would stand in the file; of which fields are then damaged. */
static size_t make_record(uint8_t *to, const char *text) {
        const struct record record = { .kind = RECORD_MESSAGE, .type = 1, .size = (uint32_t)strlen(text) };
        CHECK(record_encode(&record, text, to));
        memset(to + RECORD_HEADER_BYTES, 0, record_bytes(record.size) - RECORD_HEADER_BYTES);
        memcpy(to + RECORD_HEADER_BYTES, text, record.size);
        return record_bytes(record.size);
}

TEST(forged_records_are_never_received) {
        static const struct {
                const char *what;
                size_t at;
                uint8_t with;
        } damages[] = {
                { "header's checksum", 16, 0x55 },
                { "message's checksum", 20, 0x55 },
                { "size", 24, 0xff },
                { "size, huge", 27, 0x3f },
                { "kind", 28, 9 },
                { "reserved", 29, 1 },
                { "mask", 8, 1 },
                { "type", 39, 0x80 },
                { "the bytes", 64, 'X' },
                { "the zeros behind", 71, 1 },
        };
        struct leat_channel *receiver = log_receiver(""), *sender = log_sender("");
        uint8_t bytes[256];
        for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
                size_t size = make_record(bytes, "forged");
                bytes[damages[i].at] ^= damages[i].with;
                log_scribble(log_path(), -1, bytes, size);
                CHECK_EQ(log_hear_now(receiver), -EAGAIN);
                log_say(sender, damages[i].what);
                log_hear(receiver, damages[i].what);
        }
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        leat_close(receiver);
        leat_close(sender);
}

/* A header that is right, and says that very much will follow: nobody waits for it once another record stands there. */
TEST(a_promised_length_is_not_waited_for) {
        uint8_t header[RECORD_HEADER_BYTES];
        const struct record promise = { .kind = RECORD_MESSAGE, .type = 1, .size = 16 << 20 };
        uint8_t *bytes = calloc(1, promise.size);
        struct leat_channel *receiver = log_receiver(""), *sender = log_sender("");
        CHECK(record_encode(&promise, bytes, header));
        log_scribble(log_path(), -1, header, sizeof header);
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        log_say(sender, "after");
        log_hear(receiver, "after");
        leat_close(receiver);
        leat_close(sender);
        free(bytes);
}

/* dd conv=notrunc over some of the messages: those are gone, and no other. */
TEST(noise_in_the_middle_costs_what_it_covers) {
        enum { COUNT = 200, BYTES = 72 };
        uint8_t noise[1000];
        char text[16];
        struct leat_channel *sender = log_sender(""), *receiver;
        for (unsigned i = 0; i < COUNT; i++) {
                snprintf(text, sizeof text, "%05u", i);
                log_say(sender, text);
        }
        off_t at = 64 + BYTES * 50 + (off_t)harness_random_below(BYTES);
        int fd = open(log_path(), O_RDONLY | O_CLOEXEC);
        CHECK_EQ(pread(fd, noise, sizeof noise, at), sizeof noise);
        close(fd);
        for (size_t i = 0; i < sizeof noise;
             i++) /* each byte is another one: what it covers, be it one byte, is damaged */
                noise[i] ^= (uint8_t)(1 + harness_random_below(255));
        log_scribble(log_path(), at, noise, sizeof noise);
        unsigned first = (unsigned)((at - 64) / BYTES), last = (unsigned)((at + (off_t)sizeof noise - 65) / BYTES);
        receiver = log_receiver("");
        for (unsigned i = 0; i < COUNT; i++) {
                snprintf(text, sizeof text, "%05u", i);
                if (i < first || i > last)
                        log_hear(receiver, text);
        }
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        leat_close(receiver);
        leat_close(sender);
}

/* ---- files that are not of this log ---- */

static void fill_two_files(void) {
        struct leat_channel *sender = log_sender("?rotate=4096");
        for (unsigned i = 0; i < 100; i++)
                log_say(sender, "x");
        leat_close(sender);
        CHECK(log_size_of(log_path_of(".2")) > 0);
}

static unsigned hear_all(struct leat_channel *receiver) {
        unsigned count = 0;
        while (log_hear_now(receiver) >= 0)
                count++;
        return count;
}

/* rm of PATH alone: the new log of this name neither shows what the old one's other files hold, nor writes to them. */
TEST(files_of_an_earlier_log_are_passed_over) {
        fill_two_files();
        CHECK_EQ(unlink(log_path()), 0);
        off_t size = log_size_of(log_path_of(".2"));
        struct leat_channel *receiver = log_receiver(""), *sender = log_sender("?rotate=4096");
        for (unsigned i = 0; i < 100; i++)
                log_say(sender, "new");
        for (unsigned i = 0; i < 100; i++)
                log_hear(receiver, "new");
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        CHECK_EQ(log_size_of(log_path_of(".2")), size);
        CHECK(log_size_of(log_path_of(".3")) > 0);
        leat_close(sender);
        leat_close(receiver);
        CHECK_EQ(leat_remove(log_at(""), NULL), 0);
        CHECK_EQ(log_size_of(log_path_of(".2")), size); /* nobody's but the user's */
        CHECK_EQ(log_size_of(log_path_of(".3")), -1);
}

static void copy_to(const char *to) {
        static char bytes[100000];
        int fd = open(log_path(), O_RDONLY | O_CLOEXEC);
        ssize_t n = read(fd, bytes, sizeof bytes);
        CHECK(n > 0);
        close(fd);
        log_scribble(to, 0, bytes, (size_t)n);
}

/* cp log log.20261122: the highest number, and not the newest file. */
TEST(a_copy_is_not_the_newest_file) {
        struct leat_channel *early = log_sender("");
        log_say(early, "one");
        copy_to(log_path_of(".20261122"));
        copy_to(log_path_of(".2"));
        struct leat_channel *late = log_sender(""), *receiver = log_receiver(""), *end = log_receiver("?from=end");
        log_say(late, "two");
        log_say(early, "three");
        log_hear(receiver, "one");
        log_hear(receiver, "two");
        log_hear(receiver, "three");
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        log_hear(end, "two");
        leat_close(early);
        leat_close(late);
        leat_close(receiver);
        leat_close(end);
}

/* mv, or a rename over it: who has it open goes on in it, who opens the name is with the new one. */
TEST(a_moved_log_and_a_new_one_do_not_mix) {
        struct leat_channel *sender = log_sender("?rotate=4096"), *receiver = log_receiver("");
        log_say(sender, "old");
        CHECK_EQ(rename(log_path(), log_path_of(".moved")), 0);
        log_say_once("new");
        log_hear(receiver, "old");
        int r = 0;
        for (unsigned i = 0; i < 100 && r == 0; i++)
                r = leat_send(sender, 1, "x", 1, SOON);
        CHECK_EQ(r, -EIDRM); /* it would have to make PATH.2, which is the new log's */
        log_check_reason(sender, -EIDRM);
        CHECK_EQ(log_size_of(log_path_of(".2")), -1);
        struct leat_channel *late = log_receiver("");
        log_hear(late, "new");
        CHECK_EQ(log_hear_now(late), -EAGAIN);
        leat_close(late);
        leat_close(receiver);
        leat_close(sender);
}

TEST(replaced_under_its_users) {
        struct leat_channel *sender = log_sender(""), *receiver = log_receiver("");
        log_say(sender, "old");
        log_hear(receiver, "old");
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        log_scribble(log_path_of(".other"), 0, "dear diary", 10);
        CHECK_EQ(rename(log_path_of(".other"), log_path()), 0);
        CHECK_EQ(leat_send(sender, 1, "x", 1, SOON), -EIDRM);
        /* That one was written to the file that is gone; it is read by who was there, or not: then the removal is told. */
        int r = (int)log_hear_now(receiver);
        CHECK_EQ(r == 1 ? (int)log_hear_now(receiver) : r, -EIDRM);
        CHECK_EQ(log_size_of(log_path()), 10);
        leat_close(sender);
        leat_close(receiver);
}

/* ---- what rotation depends on, lost ---- */

/* The end of a full file is cut off, or did not reach the disk: its SEAL is gone, the next file is there. */
TEST(a_full_file_without_its_end_holds_nobody_up) {
        const char *const patterns[] = { "", "?pattern=queue" };
        fill_two_files();
        off_t size = log_size_of(log_path());
        struct leat_channel *waiting = log_receiver(""); /* in PATH when it is cut */
        log_hear(waiting, "x");
        CHECK_EQ(truncate(log_path(), size - 30), 0);
        for (size_t i = 0; i < 2; i++) {
                struct leat_channel *receiver = log_receiver(patterns[i]);
                unsigned before = hear_all(receiver);
                log_check_reason(receiver, -ESTALE); /* the only error so far but the one that ends hear_all() */
                unsigned after = hear_all(receiver);
                CHECK_EQ(before + after, 100);
                CHECK(before > 0 && after > 0);
                leat_close(receiver);
        }
        leat_close(waiting);
}

/* The receiver had seen before that there is no next file. */
TEST(an_end_that_is_lost_under_a_reader_is_noticed) {
        struct leat_channel *receiver = log_receiver("");
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        fill_two_files();
        CHECK_EQ(truncate(log_path(), log_size_of(log_path()) - LOG_EMPTIED_BYTES + LOG_HEADER_BYTES), 0);
        unsigned before = hear_all(receiver);
        log_check_reason(receiver, -ESTALE);
        CHECK_EQ(before + hear_all(receiver), 100);
        CHECK(before > 0 && before < 100);
        leat_close(receiver);
}

/* SEAL is there, and its announcement is not: what is sent now stands behind it, and would not count. */
TEST(a_seal_without_its_announcement_is_noticed) {
        const uint8_t zero[4] = { 0 };
        fill_two_files();
        CHECK_EQ(unlink(log_path_of(".2")), 0);
        log_scribble(log_path(), LOG_SEALING_AT, zero, sizeof zero);
        struct leat_channel *end = log_receiver("?from=end"), *receiver = log_receiver("");
        log_say_once("after the power came back");
        log_hear(end, "after the power came back");
        CHECK_EQ(log_hear_now(end), -EAGAIN);
        char text[64];
        ssize_t n;
        while ((n = leat_receive(receiver, LEAT_ANY, text, sizeof text, SOON, NULL)) == 1)
                ;
        CHECK_EQ(n, strlen("after the power came back"));
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        leat_close(end);
        leat_close(receiver);
}

/* Cut to nothing under its senders, PATH has no header to announce in; and what stands in its place stays whole. */
TEST(a_file_without_a_header_is_not_written_into) {
        struct leat_channel *sender = log_sender("?rotate=4096"), *receiver;
        log_say(sender, "x");
        CHECK_EQ(truncate(log_path(), 0), 0);
        for (unsigned i = 0; i < 100; i++)
                log_say(sender, "y");
        receiver = log_receiver("");
        CHECK_EQ(hear_all(receiver), 100);
        leat_close(receiver);
        leat_close(sender);
}

/* A file in the middle was removed: its messages are lost, and no other is seen again. */
TEST(a_gap_is_told_once_and_nothing_comes_twice) {
        struct leat_channel *sender = log_sender("?rotate=4096"), *receiver = log_receiver("");
        char text[8], buffer[8] = "";
        unsigned last = 0, stale = 0;
        for (unsigned i = 1; i <= 250; i++) {
                snprintf(text, sizeof text, "%03u", i);
                log_say(sender, text);
        }
        CHECK(log_size_of(log_path_of(".4")) > 0);
        CHECK_EQ(unlink(log_path_of(".3")), 0);
        for (;;) {
                ssize_t n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL);
                if (n == -EAGAIN)
                        break;
                stale += n == -ESTALE;
                CHECK(n == -ESTALE || n == 3);
                if (n != 3)
                        continue;
                CHECK((unsigned)atoi(buffer) > last);
                last = (unsigned)atoi(buffer);
        }
        CHECK_EQ(stale, 1);
        CHECK_EQ(last, 250);
        leat_close(sender);
        leat_close(receiver);
}

/* The newest file's header is noise: nobody adds to what readers could not tell apart, and it is said. */
TEST(an_overwritten_newest_file_is_refused) {
        struct leat_open_options how = LEAT_OPEN_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        struct leat_channel *sender;
        fill_two_files();
        log_scribble(log_path_of(".2"), 0, "noise and noise and noise", 25);
        how.flags = LEAT_SEND;
        int r = leat_open_with(log_at(""), &how, &reason, &sender);
        if (r == 0) {
                r = leat_send(sender, 1, "x", 1, SOON);
                CHECK_EQ(leat_why(sender, &reason), 0);
                leat_close(sender);
        }
        CHECK_EQ(r, -EEXIST);
        CHECK(reason.text && strstr(reason.text, "overwritten"));
}

TEST(a_link_to_nothing_is_told) {
        struct leat_open_options how = LEAT_OPEN_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        struct leat_channel *sender;
        how.flags = LEAT_SEND;
        CHECK_EQ(symlink("nowhere", log_path()), 0);
        CHECK_EQ(leat_open_with(log_at(""), &how, &reason, &sender), -EEXIST);
        CHECK(reason.text && strstr(reason.text, "symbolic link"));
        CHECK_EQ(unlink(log_path()), 0);
        CHECK_EQ(symlink(log_path_of(".real"), log_path()), 0);
        log_scribble(log_path_of(".real"), 0, "", 0);
        log_say_once("through the link");
        struct leat_channel *receiver = log_receiver("");
        log_hear(receiver, "through the link");
        leat_close(receiver);
}

/* With no descriptor left the newest file cannot be told from others: that is said, and an older one is not taken for it. */
TEST(no_descriptor_left_is_no_other_log) {
        struct leat_channel *sender = log_sender("?rotate=4096"), *late = NULL;
        struct rlimit all, few;
        for (unsigned i = 0; i < 100; i++)
                log_say(sender, "x");
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &all), 0);
        int r = -EMFILE, free_fd = dup(0);
        close(free_fd);
        for (int room = 0; room < 12 && r == -EMFILE; room++) {
                few = (struct rlimit){ .rlim_cur = (rlim_t)(free_fd + room), .rlim_max = all.rlim_max };
                CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
                r = leat_open(log_at(""), LEAT_SEND, LEAT_NOW, &late);
                CHECK_EQ(setrlimit(RLIMIT_NOFILE, &all), 0);
        }
        CHECK_EQ(r, 0);
        off_t size = log_size_of(log_path());
        log_say(late, "x");
        CHECK_EQ(log_size_of(log_path()), size);
        leat_close(late);
        leat_close(sender);
}

/* A position that nobody of us wrote. */
TEST(a_forged_position_is_not_believed) {
        uint8_t bytes[POSITION_BYTES];
        struct log_position position;
        log_say_once("one");
        log_say_once("two");
        struct leat_channel *receiver = log_receiver("?pattern=queue");
        log_hear(receiver, "one");
        int fd = open(log_path_of(".position"), O_RDONLY | O_CLOEXEC);
        CHECK_EQ(read(fd, bytes, sizeof bytes), sizeof bytes);
        close(fd);
        CHECK_EQ(log_position_decode(bytes, &position), 0);
        position.number = UINT64_MAX;
        position.offset = UINT64_C(1) << 40;
        log_position_encode(&position, bytes);
        log_scribble(log_path_of(".position"), 0, bytes, sizeof bytes);
        CHECK_EQ(log_hear_now(receiver), -ESTALE);
        log_say_once("three");
        log_hear(receiver, "three");
        position.number = 1;
        position.offset = UINT64_MAX;
        log_position_encode(&position, bytes);
        log_scribble(log_path_of(".position"), 0, bytes, sizeof bytes);
        log_hear(receiver, "one"); /* as if there were none */
        leat_close(receiver);
}

/* Neither the SEAL nor its announcement is on the disk, and the next file is: once it can be looked for, it is found. */
TEST(the_next_file_is_found_when_there_is_a_descriptor_again) {
        char text[100] = "";
        struct leat_channel *sender = log_sender("?rotate=4K");
        for (int i = 0; i < 30; i++)
                CHECK_EQ(leat_send(sender, 1, text, sizeof text, SOON), 0);
        leat_close(sender);
        CHECK_EQ(truncate(log_path(), log_size_of(log_path()) - 72), 0);
        log_scribble(log_path(), 60, "\0\0\0\0", 4);
        struct leat_channel *receiver = log_receiver("?from=start");
        struct rlimit usual, none;
        int first = dup(0), before = 0, behind = 0, r;
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
        none = usual;
        none.rlim_cur = (rlim_t)first;
        close(first);
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
        while ((r = log_hear_now(receiver)) >= 0)
                before++;
        CHECK_EQ(r, -EAGAIN);
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
        CHECK_EQ(log_hear_now(receiver), -ESTALE);
        while (log_hear_now(receiver) >= 0)
                behind++;
        CHECK(before > 0 && behind > 0 && before + behind == 30);
        leat_close(receiver);
}

TEST_MAIN()
