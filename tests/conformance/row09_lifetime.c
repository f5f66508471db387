/* SPDX-License-Identifier: MIT */

/* Row 9: what lives with its processes leaves nothing behind. */

#include "conformance.h"

#include <dirent.h>

/* How many files are left in the test's directory. */
static int files_left(void) {
        DIR *directory = opendir(harness_tmpdir());
        const struct dirent *entry;
        int count = 0;
        CHECK(directory != NULL);
        while ((entry = readdir(directory)))
                count += entry->d_name[0] != '.';
        closedir(directory);
        return count;
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

CONFORMS(LEAT_ROW_LIFETIME, nothing_remains_after_closing) {
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

static void exchange_and_wait(struct leat_channel *receiver, void *argument) {
        char text[5];
        take_exactly(receiver, text, sizeof text);
        harness_event_signal(argument);
        for (;;)
                pause();
}

/* A killed listener may leave the file of its name, and the next opener takes that over. */
CONFORMS(LEAT_ROW_LIFETIME, next_to_nothing_remains_after_a_kill) {
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
                CHECK_EQ(files_left(), 1);
                leat_close(receiver);
        }
        CHECK_EQ(files_left(), 0);
}

/* A name that another opener has taken meanwhile is not ours to remove. */
CONFORMS(LEAT_ROW_LIFETIME, closing_removes_only_its_own_name, .traits = NAMED) {
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

CONFORMS(LEAT_ROW_LIFETIME, is_made_and_removed_by_its_receiver, .traits = NAMED) {
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
