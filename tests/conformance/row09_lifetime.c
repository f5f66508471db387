/* SPDX-License-Identifier: MIT */

/* Row 9: what lives with its processes leaves nothing behind. */

#include "conformance.h"

#include <ftw.h>

static int files;

static int count_file(const char *path, const struct stat *status, int kind, struct FTW *ftw) {
        (void)path, (void)status, (void)ftw;
        files += kind != FTW_D;
        return 0;
}

/* How many files are left in the test's directory, and below. */
static int files_left(void) {
        files = 0;
        CHECK_EQ(nftw(harness_tmpdir(), count_file, 8, FTW_PHYS), 0);
        return files;
}

/* How many sockets of the kernel are named in the test's directory. */
static int sockets_left(void) {
        char line[512];
        int count = 0;
        FILE *file = fopen("/proc/net/unix", "re");
        CHECK(file != NULL);
        while (fgets(line, sizeof line, file))
                count += strstr(line, harness_tmpdir()) != NULL;
        fclose(file);
        return count;
}

static void check_nothing_remains(const struct subject *subject) {
        struct leat_channel *receiver, *sender;
        leat_close(NULL);
        int descriptors = harness_count_descriptors();
        for (int order = 0; order < 2; order++) {
                place_both_new(subject, "", &receiver, &sender);
                send_text(sender, 1, "taken");
                take_text(receiver, LEAT_ANY, "taken");
                send_text(sender, 1, "never taken");
                leat_close(order ? sender : receiver);
                leat_close(order ? receiver : sender);
                CHECK_EQ(files_left(), 0);
                CHECK_EQ(sockets_left(), 0);
                CHECK_EQ(harness_count_descriptors(), descriptors);
        }
}

CONFORMS(LEAT_ROW_LIFETIME, nothing_remains_after_closing, .traits = EITHER) {
        check_nothing_remains(subject);
}

CONFORMS(LEAT_ROW_LIFETIME, nothing_remains_of_datagrams_after_closing, .traits = LOOSE) {
        check_nothing_remains(subject);
}

static void exchange_and_wait(struct leat_channel *receiver, void *argument) {
        char text[5];
        take_exactly(receiver, text, sizeof text);
        harness_event_signal(argument);
        for (;;)
                pause();
}

/* A killed listener may leave the file of its name, and the next opener takes that over. */
static void check_next_to_nothing_remains(const struct subject *subject) {
        struct harness_event *took = harness_event_new();
        struct place place;
        place_new(&place, subject, "");
        pid_t pid = place_fork_receiver(&place, exchange_and_wait, took);
        struct leat_channel *sender = place_sender(&place);
        send_text(sender, 1, "taken");
        send_text(sender, 1, "lost");
        harness_event_wait(took);
        kill_child(pid);
        leat_close(sender);
        CHECK_EQ(sockets_left(), 0);
        CHECK(files_left() <= (subject->transport->address ? 1 : 0));
        if (subject->transport->address) {
                struct leat_channel *receiver = place_receiver(&place);
                settle(receiver);
                CHECK_EQ(files_left(), subject_traits(subject) & NUMBERED ? 0 : 1);
                leat_close(receiver);
        }
        CHECK_EQ(files_left(), 0);
}

CONFORMS(LEAT_ROW_LIFETIME, next_to_nothing_remains_after_a_kill, .traits = EITHER) {
        check_next_to_nothing_remains(subject);
}

CONFORMS(LEAT_ROW_LIFETIME, next_to_nothing_remains_of_datagrams_after_a_kill, .traits = LOOSE) {
        check_next_to_nothing_remains(subject);
}

/* A name that another opener has taken meanwhile is not ours to remove. */
CONFORMS(LEAT_ROW_LIFETIME, closing_removes_only_its_own_name, .traits = NAMED | LISTENS | PLACED) {
        struct place place;
        place_new(&place, subject, "");
        struct leat_channel *old = place_receiver(&place);
        const char *path = strchr(place.receiver_address, ':') + 1;
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(path, "?"), path);
        CHECK_EQ(unlink(name), 0);
        struct leat_channel *new = place_receiver(&place);
        leat_close(old);
        CHECK_EQ(files_left(), 1);
        struct leat_channel *sender = place_sender(&place);
        send_text(sender, 1, "to the new one");
        take_text(new, LEAT_ANY, "to the new one");
        leat_close(sender);
        leat_close(new);
        CHECK_EQ(files_left(), 0);
}

CONFORMS(LEAT_ROW_LIFETIME, is_made_and_removed_by_its_receiver, .traits = NAMED | LISTENS | PLACED) {
        struct place place;
        struct leat_reason reason = { 0 };
        place_new(&place, subject, "");
        char plain[256];
        snprintf(plain, sizeof plain, "%.*s", (int)strcspn(place.receiver_address, "?"), place.receiver_address);
        CHECK_EQ(leat_create(plain, 0600, false, &reason), -ENOTSUP);
        check_reason(&reason, LEAT_ROW_LIFETIME, -ENOTSUP);
        CHECK_EQ(leat_remove(plain, &reason), -ENOENT);
        struct leat_channel *receiver = place_receiver(&place);
        CHECK_EQ(leat_remove(plain, &reason), -EBUSY);
        check_reason(&reason, LEAT_ROW_LIFETIME, -EBUSY);
        leat_close(receiver);
        CHECK_EQ(files_left(), 0);
}

/* What is named after a process goes with it. */
CONFORMS(LEAT_ROW_LIFETIME, goes_with_its_process, .traits = BY_PID) {
        struct harness_event *took = harness_event_new();
        struct place place;
        struct leat_reason reason = { 0 };
        struct leat_info info = LEAT_INFO_INIT;
        place_new(&place, subject, "");
        CHECK_EQ(leat_inspect(place.sender_address, &reason, &info), -ENOENT);
        struct leat_channel *receiver = place_receiver(&place);
        CHECK_EQ(leat_inspect(place.sender_address, &reason, &info), 0);
        leat_close(receiver);
        CHECK_EQ(leat_inspect(place.sender_address, &reason, &info), -ENOENT);
        pid_t pid = place_fork_receiver(&place, exchange_and_wait, took);
        struct leat_channel *sender = place_sender(&place);
        send_text(sender, 1, "taken");
        harness_event_wait(took);
        kill_child(pid);
        leat_close(sender);
        CHECK_EQ(sockets_left(), 0);
        CHECK_EQ(try_open(place.sender_address, sender_flags(subject), LEAT_NOW, &reason), -EAGAIN);
}

/* ---- names that stay ---- */

static void address_alone(const struct place *place, char *ret_address, size_t size) {
        snprintf(ret_address, size, "%.*s", (int)strcspn(place->receiver_address, "?"), place->receiver_address);
}

CONFORMS(LEAT_ROW_LIFETIME, stays_until_it_is_removed, .traits = NAMED, .without = LISTENS | LOOSE) {
        struct place place;
        struct leat_info info = LEAT_INFO_INIT;
        struct leat_reason reason = { 0 };
        char plain[256];
        int descriptors = harness_count_descriptors();
        place_new(&place, subject, "");
        address_alone(&place, plain, sizeof plain);
        CHECK_EQ(leat_remove(plain, &reason), -ENOENT);
        CHECK(reason.text != NULL);
        CHECK_EQ(leat_create(plain, 0600, true, &reason), 0);
        CHECK_EQ(leat_create(plain, 0600, true, &reason), -EEXIST);
        CHECK_EQ(leat_create(plain, 0600, false, &reason), 0);
        for (int i = 0; i < 2; i++) {
                struct leat_channel *receiver, *sender;
                place_both(&place, &receiver, &sender);
                send_text(sender, 1, "hello");
                take_text(receiver, LEAT_ANY, "hello");
                leat_close(sender);
                leat_close(receiver);
                CHECK_EQ(leat_inspect(place.sender_address, &reason, &info), 0);
                CHECK_EQ(info.mode, 0600);
                if (subject_traits(subject) & SPREAD)
                        break; /* what is kept would come again */
        }
        CHECK_EQ(leat_remove(plain, &reason), 0);
        CHECK_EQ(leat_inspect(place.sender_address, &reason, &info), -ENOENT);
        CHECK_EQ(harness_count_descriptors(), descriptors);
}

static void send_kept(struct leat_channel *sender, void *argument) {
        for (uint64_t i = 0; i < 3; i++)
                send_record(sender, i);
        if (argument)
                raise(SIGKILL);
}

/* Also where its sender was killed, and nobody has it open any more. */
CONFORMS(LEAT_ROW_LIFETIME, what_was_sent_waits, .traits = KEEPS) {
        for (int killed = 0; killed < 2; killed++) {
                struct place place;
                place_new(&place, subject, "");
                pid_t pid = place_fork_sender(&place, send_kept, killed ? "killed" : NULL);
                CHECK_EQ(harness_wait(pid), killed ? -SIGKILL : 0);
                struct leat_channel *receiver = place_receiver(&place);
                for (uint64_t i = 0; i < 3; i++)
                        take_record_numbered(receiver, i);
                expect_end(receiver);
                leat_close(receiver);
                place_remove(&place);
        }
}
