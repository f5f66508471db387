/* SPDX-License-Identifier: MIT */

/* Row 14: what must, may and must not be there; modes; the race for a stale name; bare names. */

#include "conformance.h"

#include <fcntl.h>
#include <sys/stat.h>

static void path_of(const struct place *place, char *ret_path, size_t size) {
        const char *path = strchr(place->receiver_address, ':') + 1;
        snprintf(ret_path, size, "%.*s", (int)strcspn(path, "?"), path);
}

static const char *listening(const struct subject *subject) {
        unsigned traits = subject_traits(subject);
        return (traits & EITHER) || ((traits & LOOSE) && (traits & TWO_WAY)) ? "&listen" : "";
}

static int open_receiver(const struct place *place, const char *option, struct leat_reason *ret_reason) {
        char address[300];
        snprintf(address, sizeof address, "%s&%s", place->receiver_address, option);
        return try_open(address, receiver_flags(place->subject), SOON, ret_reason);
}

static int open_sender(const struct place *place, const char *option, struct leat_reason *ret_reason) {
        char address[300];
        snprintf(address, sizeof address, "%s&%s", place->sender_address, option);
        return try_open(address, sender_flags(place->subject), SOON, ret_reason);
}

CONFORMS(LEAT_ROW_OPENING, must_may_and_must_not_be_there, .traits = LISTENS) {
        struct place place;
        struct leat_reason reason = { 0 };
        place_new(&place, subject, "");
        CHECK_EQ(open_receiver(&place, "open", &reason), -ENOENT);
        check_reason(&reason, LEAT_ROW_OPENING, -ENOENT);
        int r = open_sender(&place, "open", &reason); /* a number (a port) is always there, and refuses */
        if (subject_traits(subject) & LOSSY) {        /* nobody can tell a sender */
                CHECK_EQ(r, -ENOTSUP);
                check_reason(&reason, LEAT_ROW_OPENING, -ENOTSUP);
        } else
                CHECK(r == -ENOENT || (r == -ECONNREFUSED && (subject_traits(subject) & NUMBERED)));
        CHECK(reason.text != NULL);
        CHECK_EQ(open_receiver(&place, "create", &reason), 0);
        CHECK_EQ(open_receiver(&place, "new", &reason), 0);
        struct leat_channel *receiver = place_receiver(&place);
        CHECK_EQ(open_receiver(&place, "new", &reason), -EEXIST);
        check_reason(&reason, LEAT_ROW_OPENING, -EEXIST);
        CHECK_EQ(open_receiver(&place, "create", &reason), -EADDRINUSE);
        CHECK_EQ(open_receiver(&place, "open", &reason), -EADDRINUSE);
        CHECK_EQ(open_sender(&place, "open", &reason), subject_traits(subject) & LOSSY ? -ENOTSUP : 0);
        leat_close(receiver);
}

/* A group is there without anybody. */
CONFORMS(LEAT_ROW_OPENING, a_group_is_there, .traits = LOOSE | SPREAD) {
        struct place place;
        struct leat_reason reason = { 0 };
        place_new(&place, subject, "");
        CHECK_EQ(open_receiver(&place, "open", &reason), 0);
        CHECK_EQ(open_sender(&place, "open", &reason), 0);
        CHECK_EQ(open_receiver(&place, "create", &reason), 0);
        CHECK_EQ(open_receiver(&place, "new", &reason), -EEXIST);
        check_reason(&reason, LEAT_ROW_OPENING, -EEXIST);
        CHECK_EQ(open_sender(&place, "new", &reason), -EEXIST);
}

/* Where a name stays it is there for both ends, and nobody waits for anybody to bind it. */
CONFORMS(LEAT_ROW_OPENING, what_stays_must_may_and_must_not_be_there, .traits = NAMED, .without = LISTENS | LOOSE) {
        struct place place;
        struct leat_reason reason = { 0 };
        place_new(&place, subject, "");
        CHECK_EQ(open_receiver(&place, "open", &reason), -ENOENT);
        check_reason(&reason, LEAT_ROW_OPENING, -ENOENT);
        CHECK_EQ(open_sender(&place, "open", &reason), -ENOENT);
        check_reason(&reason, LEAT_ROW_OPENING, -ENOENT);
        CHECK_EQ(open_receiver(&place, "new", &reason), 0);
        CHECK_EQ(open_receiver(&place, "new", &reason), -EEXIST);
        check_reason(&reason, LEAT_ROW_OPENING, -EEXIST);
        CHECK_EQ(open_receiver(&place, "open", &reason), 0);
        CHECK_EQ(open_receiver(&place, "create", &reason), 0);
        struct leat_channel *receiver = place_receiver(&place);
        CHECK_EQ(open_sender(&place, "open", &reason), 0);
        CHECK_EQ(open_sender(&place, "new", &reason), -EEXIST);
        leat_close(receiver);
}

static mode_t mode_kept(const struct subject *subject, const char *options, mode_t mask) {
        struct place place;
        struct leat_info info = LEAT_INFO_INIT;
        place_new(&place, subject, options);
        mode_t old = umask(mask);
        struct leat_channel *receiver = place_receiver(&place);
        CHECK_EQ(umask(old), mask);
        CHECK_EQ(leat_inspect(place.receiver_address, NULL, &info), 0);
        CHECK_EQ(info_of(receiver).mode, info.mode);
        leat_close(receiver);
        return info.mode;
}

CONFORMS(LEAT_ROW_OPENING, modes_of_what_stays, .traits = NAMED, .without = LISTENS | LOOSE) {
        CHECK_EQ(mode_kept(subject, "", 0), 0666);
        CHECK_EQ(mode_kept(subject, "", 022), 0644);
        CHECK_EQ(mode_kept(subject, "mode=0660", 027), 0640);
        CHECK_EQ(mode_kept(subject, "mode=0600", 0), 0600);
}

static void receive_and_die(struct leat_channel *receiver, void *argument) {
        (void)receiver;
        (void)argument;
        raise(SIGKILL);
}

static void leave_stale(struct place *place) {
        CHECK_EQ(harness_wait(place_fork_receiver(place, receive_and_die, NULL)), -SIGKILL);
}

CONFORMS(LEAT_ROW_OPENING, what_a_killed_one_left_is_taken_over, .traits = LISTENS | PLACED) {
        struct place place;
        struct leat_reason reason = { 0 };
        place_new(&place, subject, "");
        leave_stale(&place);
        CHECK_EQ(open_sender(&place, "open", &reason), -ECONNREFUSED);
        CHECK(reason.text != NULL);
        CHECK_EQ(open_receiver(&place, "new", &reason), -EEXIST);
        struct leat_channel *receiver, *sender;
        place_both(&place, &receiver, &sender);
        send_text(sender, 1, "hello");
        take_text(receiver, LEAT_ANY, "hello");
        leat_close(sender);
        leat_close(receiver);
        leave_stale(&place);
        CHECK_EQ(open_receiver(&place, "open", &reason), 0); /* it is there */
}

static mode_t mode_made(const struct subject *subject, const char *options, mode_t mask) {
        struct place place;
        struct stat status;
        char path[128];
        place_new(&place, subject, options);
        path_of(&place, path, sizeof path);
        mode_t old = umask(mask);
        struct leat_channel *receiver = place_receiver(&place);
        CHECK_EQ(umask(old), mask);
        CHECK_EQ(stat(path, &status), 0);
        CHECK_EQ(info_of(receiver).mode, status.st_mode & 07777);
        leat_close(receiver);
        return status.st_mode & 07777;
}

CONFORMS(LEAT_ROW_OPENING, modes_are_cut_by_the_umask, .traits = LISTENS | PLACED) {
        CHECK_EQ(mode_made(subject, "", 0), 0666);
        CHECK_EQ(mode_made(subject, "", 022), 0644);
        CHECK_EQ(mode_made(subject, "mode=0660", 027), 0640);
        CHECK_EQ(mode_made(subject, "mode=0600", 0), 0600);
        CHECK_EQ(mode_made(subject, "mode=0777", 077), 0700);
}

/* ---- what is something else is left alone ---- */

CONFORMS(LEAT_ROW_OPENING, other_files_are_left_alone, .traits = PLACED) {
        struct place place;
        struct leat_reason reason = { 0 };
        char path[128], text[8] = "";
        place_new(&place, subject, "");
        path_of(&place, path, sizeof path);
        int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
        CHECK_EQ(write(fd, "precious", 8), 8);
        CHECK_EQ(open_receiver(&place, "create", &reason), -EEXIST);
        check_reason(&reason, LEAT_ROW_OPENING, -EEXIST);
        int r = open_sender(&place, "open", &reason);
        CHECK(r == -ECONNREFUSED || r == -ENOTSOCK || r == -EEXIST);
        r = leat_remove(place.sender_address, &reason);
        CHECK(r == -ENOTSOCK || r == -EEXIST);
        CHECK_EQ(pread(fd, text, 8, 0), 8);
        CHECK_MEM(text, "precious", 8);
        CHECK_EQ(close(fd), 0);
        CHECK_EQ(unlink(path), 0);
        CHECK_EQ(mkdir(path, 0700), 0);
        CHECK_EQ(open_receiver(&place, "create", &reason), -EEXIST);
        CHECK_EQ(rmdir(path), 0);
        CHECK_EQ(symlink("nowhere", path), 0);
        CHECK_EQ(open_receiver(&place, "create", &reason), -EEXIST);
        CHECK_EQ(unlink(path), 0);
}

CONFORMS(LEAT_ROW_OPENING, a_missing_directory, .traits = PLACED) {
        char path[128], base[200], address[400], options[96];
        struct leat_reason reason = { 0 };
        snprintf(path, sizeof path, "%s/nowhere/channel", harness_tmpdir());
        snprintf(base, sizeof base, subject->transport->address, path);
        subject_options(subject, true, options, sizeof options);
        snprintf(address, sizeof address, "%s%s%s", base, options, listening(subject));
        CHECK_EQ(try_open(address, receiver_flags(subject), SOON, &reason), -ENOENT);
        CHECK(reason.text && reason.column > 0);
        snprintf(address, sizeof address, "%s%s", base, options);
        CHECK_EQ(try_open(address, sender_flags(subject), SOON, &reason), -ENOENT);
}

/* ---- the race for a stale name ---- */

#define RACERS 4
#define RACES ROUNDS(20, 5)

struct race {
        struct place *place;
        struct harness_event *start, *opened, *end;
        atomic_int won, lost;
};

static void run_for_it(void *argument) {
        struct race *race = argument;
        struct leat_channel *channel = NULL;
        harness_event_wait(race->start);
        int r = leat_open(race->place->receiver_address, receiver_flags(race->place->subject), SOON, &channel);
        CHECK(r == 0 || r == -EADDRINUSE);
        atomic_fetch_add(r == 0 ? &race->won : &race->lost, 1);
        harness_event_signal(race->opened);
        harness_event_wait(race->end);
        if (r == 0)
                take_text(channel, LEAT_ANY, "to the winner");
        leat_close(channel);
}

CONFORMS(LEAT_ROW_OPENING, two_cannot_both_win_a_stale_name, .traits = LISTENS | PLACED, .timeout_s = 60) {
        for (int i = 0; i < RACES; i++) {
                struct place place;
                struct race *race = harness_shared(sizeof *race);
                pid_t pids[RACERS];
                place_new(&place, subject, "");
                leave_stale(&place);
                race->place = &place;
                race->start = harness_event_new();
                race->opened = harness_event_new();
                race->end = harness_event_new();
                for (int k = 0; k < RACERS; k++)
                        pids[k] = harness_fork(run_for_it, race);
                for (int k = 0; k < RACERS; k++)
                        harness_event_signal(race->start);
                for (int k = 0; k < RACERS; k++)
                        harness_event_wait(race->opened);
                CHECK_EQ(atomic_load(&race->won), 1);
                CHECK_EQ(atomic_load(&race->lost), RACERS - 1);
                struct leat_channel *sender = place_sender(&place);
                send_text(sender, 1, "to the winner");
                for (int k = 0; k < RACERS; k++)
                        harness_event_signal(race->end);
                for (int k = 0; k < RACERS; k++)
                        CHECK_EQ(harness_wait(pids[k]), 0);
                leat_close(sender);
        }
}

/* ---- bare names ---- */

static void bare_address(const struct subject *subject, const char *name, const char *more, char *ret_address,
                         size_t size) {
        char base[64], options[96];
        snprintf(base, sizeof base, subject->transport->bare, name);
        subject_options(subject, true, options, sizeof options);
        snprintf(ret_address, size, "%s%s%s", base, options, more);
}

CONFORMS(LEAT_ROW_OPENING, bare_names_live_in_the_users_directory, .traits = BARE) {
        char address[300], path[128];
        struct stat status;
        struct leat_channel *receiver, *sender;
        bare_address(subject, "jobs", listening(subject), address, sizeof address);
        CHECK_EQ(leat_open(address, receiver_flags(subject), SOON, &receiver), 0);
        snprintf(path, sizeof path, "%s/leat/jobs", harness_tmpdir());
        CHECK_EQ(lstat(path, &status), 0);
        snprintf(path, sizeof path, "%s/leat", harness_tmpdir());
        CHECK_EQ(lstat(path, &status), 0);
        CHECK(S_ISDIR(status.st_mode));
        CHECK_EQ(status.st_mode & 07777, 0700);
        CHECK_EQ(status.st_uid, geteuid());
        bare_address(subject, "jobs", "", address, sizeof address);
        CHECK_EQ(leat_open(address, sender_flags(subject), SOON, &sender), 0);
        send_text(sender, 1, "hello");
        take_text(receiver, LEAT_ANY, "hello");
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_OPENING, a_directory_that_others_can_enter_is_refused, .traits = BARE) {
        char address[300], path[128];
        struct leat_reason reason = { 0 };
        snprintf(path, sizeof path, "%s/leat", harness_tmpdir());
        bare_address(subject, "jobs", listening(subject), address, sizeof address);
        CHECK_EQ(mkdir(path, 0700), 0);
        CHECK_EQ(chmod(path, 0755), 0);
        int r = try_open(address, receiver_flags(subject), SOON, &reason);
        CHECK(r == -EPERM || r == -EACCES);
        CHECK(reason.text != NULL);
        CHECK_EQ(rmdir(path), 0);
        CHECK_EQ(symlink("/tmp", path), 0);
        CHECK(try_open(address, receiver_flags(subject), SOON, &reason) < 0);
}
