/* SPDX-License-Identifier: MIT */
/* A log where anybody may make files: what another user lays beside it, and what its bytes may say. */
#include "log.h"
#include "transport/log_file.h"
#include "transport/log_record.h"
#include <sys/resource.h>

#define STRANGER 4321
#define LARGE 4096 /* what fills a file with ?rotate=4096 */

static void say_much(struct leat_channel *sender) {
        static const char much[LARGE];
        CHECK_EQ(leat_send(sender, 1, much, sizeof much, SOON), 0);
}

static void hear_much(struct leat_channel *receiver) {
        static char much[LARGE];
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, much, sizeof much, SOON, NULL), LARGE);
}

/* The directory is as /tmp is, and the log its owner's alone to write. */
static void lie_in_public(void) {
        if (geteuid() != 0)
                SKIP("only root can be somebody else");
        CHECK_EQ(chmod(harness_tmpdir(), 01777), 0);
        (void)umask(022);
}

static void lay(const char *path, mode_t mode, const void *bytes, size_t size) {
        log_scribble(path, 0, bytes, size);
        CHECK_EQ(chmod(path, mode), 0);
        CHECK_EQ(chown(path, STRANGER, STRANGER), 0);
}

static struct log_header header_now(void) {
        struct log_header header;
        int fd = open(log_path(), O_RDONLY | O_CLOEXEC);
        CHECK_EQ(log_file_header(fd, &header), 0);
        close(fd);
        return header;
}

static mode_t mode_of(const char *path) {
        struct stat status;
        CHECK_EQ(stat(path, &status), 0);
        return status.st_mode & 0777;
}

/* ---- names that somebody else took first ---- */

TEST(nothing_is_written_to_a_strangers_empty_file) {
        lie_in_public();
        struct leat_channel *receiver = log_receiver(""), *sender = log_sender("?rotate=4096");
        lay(log_path_of(".2"), 0666, "", 0);
        say_much(sender);
        log_say(sender, "not for all");
        CHECK_EQ(log_size_of(log_path_of(".2")), 0);
        CHECK(log_size_of(log_path_of(".3")) > 0);
        hear_much(receiver);
        log_hear(receiver, "not for all");
        leat_close(receiver);
        leat_close(sender);
}

TEST(a_file_that_a_stranger_forged_is_none_of_the_log) {
        uint8_t bytes[LOG_HEADER_BYTES];
        lie_in_public();
        struct leat_channel *receiver = log_receiver("");
        log_say_once("one");
        struct log_header header = header_now();
        header.number = 2;
        log_header_encode(&header, bytes);
        lay(log_path_of(".2"), 0644, bytes, sizeof bytes);
        log_hear(receiver, "one");
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        log_say_once("two");
        CHECK_EQ(log_size_of(log_path_of(".2")), LOG_HEADER_BYTES);
        log_hear(receiver, "two");
        leat_close(receiver);
}

/* Where others may write to PATH they may make the next file too. */
TEST(who_may_write_to_a_log_may_make_its_files) {
        lie_in_public();
        struct leat_channel *receiver = log_receiver("?mode=0666"), *sender = log_sender("?rotate=4096");
        CHECK_EQ(chmod(log_path(), 0666), 0);
        lay(log_path_of(".2"), 0666, "", 0);
        say_much(sender);
        log_say(sender, "for all");
        CHECK(log_size_of(log_path_of(".2")) > 0);
        hear_much(receiver);
        log_hear(receiver, "for all");
        leat_close(receiver);
        leat_close(sender);
}

static void read_as_somebody(void *options) {
        CHECK(setgid(STRANGER + 1) == 0 && setuid(STRANGER + 1) == 0);
        struct leat_channel *receiver = log_receiver(options);
        hear_much(receiver);
        log_hear(receiver, "behind it");
        leat_close(receiver);
}

/* One that we may not even open is in nobody's way. */
TEST(a_file_that_a_stranger_keeps_shut_is_passed_over) {
        lie_in_public();
        struct leat_channel *sender = log_sender("?rotate=4096");
        lay(log_path_of(".2"), 0600, "", 0);
        say_much(sender);
        log_say(sender, "behind it");
        CHECK_EQ(harness_wait(harness_fork(read_as_somebody, "")), 0);
        leat_close(sender);
}

TEST(a_link_is_passed_over) {
        struct leat_channel *receiver = log_receiver(""), *sender = log_sender("?rotate=4096");
        CHECK_EQ(symlink("/nowhere", log_path_of(".2")), 0);
        say_much(sender);
        log_say(sender, "behind it");
        hear_much(receiver);
        log_hear(receiver, "behind it");
        leat_close(receiver);
        leat_close(sender);
}

TEST(the_mode_of_what_a_link_leads_to_is_not_set) {
        char other[256];
        snprintf(other, sizeof other, "%s/other", harness_tmpdir());
        log_scribble(other, 0, "x", 1);
        CHECK_EQ(chmod(other, 0600), 0);
        log_say_once("one");
        CHECK_EQ(symlink(other, log_path_of(".position")), 0);
        CHECK_EQ(leat_set(log_at(""), "mode", "0666", NULL), 0);
        CHECK_EQ(mode_of(other), 0600);
        CHECK_EQ(mode_of(log_path()), 0666);
        CHECK_EQ(unlink(log_path_of(".position")), 0);
        leat_close(log_receiver("?pattern=queue"));
        CHECK_EQ(leat_set(log_at(""), "mode", "0640", NULL), 0);
        CHECK_EQ(mode_of(log_path_of(".position")), 0640);
}

TEST(a_strangers_position_is_not_used) {
        struct leat_channel *receiver;
        lie_in_public();
        log_say_once("one");
        lay(log_path_of(".position"), 0666, "", 0);
        CHECK_EQ(leat_open(log_at("?pattern=queue"), LEAT_RECEIVE, SOON, &receiver), -EEXIST);
        CHECK_EQ(log_size_of(log_path_of(".position")), 0);
}

/* ---- what files may say ---- */

TEST(a_position_that_is_too_far_is_none) {
        const uint64_t offsets[] = { INT64_MAX, INT64_MAX - 1, (UINT64_C(1) << 62) + 1, UINT64_C(1) << 62, 1 << 20 };
        for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
                uint8_t bytes[POSITION_BYTES];
                char text[8];
                log_say_once("one");
                struct log_position position = { .number = 1, .offset = offsets[i], .taken = UINT64_MAX };
                const struct log_header header = header_now();
                memcpy(position.identity, header.identity, sizeof position.identity);
                log_position_encode(&position, bytes);
                log_scribble(log_path_of(".position"), 0, bytes, sizeof bytes);
                struct leat_channel *receiver = log_receiver("?pattern=queue");
                ssize_t n = log_hear_now(receiver);
                CHECK(n == 3 || n == -ESTALE); /* from the start, or from where it was told that it is lost */
                log_say_once("more");
                while ((n = leat_receive(receiver, LEAT_ANY, text, sizeof text, LEAT_NOW, NULL)) == 3)
                        ;
                CHECK_EQ(n, 4);
                leat_close(receiver);
                CHECK_EQ(leat_remove(log_at(""), NULL), 0);
        }
}

/* Any time may stand in a record. */
TEST(a_first_message_of_any_time_is_appended_to) {
        const int64_t times[] = { INT64_MIN, -1, 0, 1, INT64_MAX };
        for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
                uint8_t bytes[LOG_HEADER_BYTES + 72] = { 0 };
                const struct log_header header = { .number = 1, .identity = "a log of old" };
                const struct record old = {
                        .kind = RECORD_MESSAGE, .type = 1, .size = 3, .sequence = 1, .time_ns = times[i]
                };
                log_header_encode(&header, bytes);
                CHECK(record_encode(&old, "old", bytes + LOG_HEADER_BYTES));
                memcpy(bytes + LOG_HEADER_BYTES + RECORD_HEADER_BYTES, "old", 3);
                log_scribble(log_path(), 0, bytes, sizeof bytes);
                struct leat_channel *receiver = log_receiver(""), *sender = log_sender("?rotate-age=1h&retain-age=2h");
                log_hear(receiver, "old");
                log_say(sender, "new");
                log_hear(receiver, "new");
                leat_close(sender);
                leat_close(receiver);
                CHECK_EQ(leat_remove(log_at(""), NULL), 0);
        }
}

/* ---- sealed, but for the SEAL ---- */

static void announce_a_seal(void) {
        const uint8_t sealing[] = { 1, 0, 0, 0 };
        log_scribble(log_path(), LOG_SEALING_AT, sealing, sizeof sealing);
}

/* A short message is as long as what stays of PATH when its records are removed: it is not received twice. */
TEST(a_short_message_before_an_announced_seal_comes_once) {
        struct leat_channel *receiver = log_receiver("");
        log_say_once("one");
        CHECK_EQ(log_size_of(log_path()), LOG_EMPTIED_BYTES);
        log_hear(receiver, "one");
        announce_a_seal();
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        log_say_once("two");
        log_hear(receiver, "two");
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        leat_close(receiver);
}

/* There is room for the message but not for the SEAL: a send that fails is not received, and this one is. */
TEST(a_message_that_is_received_was_sent) {
        const struct rlimit limit = { LOG_EMPTIED_BYTES + 72 + 20, RLIM_INFINITY };
        struct leat_channel *receiver = log_receiver("");
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
        struct leat_channel *sender = log_sender("");
        log_say(sender, "one");
        announce_a_seal();
        log_say(sender, "two");
        CHECK_EQ(leat_send(sender, 1, "three", 5, LEAT_NOW), -EFBIG);
        log_hear(receiver, "one");
        log_hear(receiver, "two");
        CHECK_EQ(log_hear_now(receiver), -EAGAIN);
        leat_close(receiver);
        leat_close(sender);
}

/* ---- temporary ---- */

TEST(what_is_stored_does_not_become_temporary) {
        struct leat_channel *channel;
        struct leat_reason reason;
        struct leat_open_options how = LEAT_OPEN_OPTIONS_INIT;
        how.flags = LEAT_RECEIVE;
        log_say_once("kept");
        CHECK_EQ(leat_open_with(log_at("?temporary"), &how, &reason, &channel), -EEXIST);
        CHECK(reason.column > 0 && strstr(reason.text, "leat rm"));
        channel = log_receiver("");
        log_hear(channel, "kept");
        leat_close(channel);
}

TEST_MAIN()
