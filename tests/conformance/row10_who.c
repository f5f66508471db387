/* SPDX-License-Identifier: MIT */

/* Row 10: who sends, as the kernel says; and who may. */

#include "conformance.h"

#include <sched.h>
#include <sys/stat.h>

#define NOBODY 65534

static struct leat_peer take_from_whom(struct leat_channel *receiver, const char *text) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        char buffer[32] = "";
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer - 1, SOON, &about), strlen(text));
        CHECK_STR(buffer, text);
        return about.sender;
}

static void check_peer(struct leat_peer peer, pid_t pid, uid_t uid, gid_t gid) {
        CHECK(peer.known);
        CHECK_EQ(peer.pid, pid);
        CHECK_EQ(peer.uid, uid);
        CHECK_EQ(peer.gid, gid);
}

static void send_hello(struct leat_channel *sender, void *argument) {
        (void)argument;
        send_text(sender, 1, "hello");
}

CONFORMS(LEAT_ROW_WHO, another_process) {
        static const char *const options[] = { "", "who=message", "who=connection" };
        for (int i = 0; i < (subject_traits(subject) & LOOSE ? 2 : 3); i++) {
                if ((subject_traits(subject) & UNSEEN) && i == 1)
                        continue;
                struct place place;
                place_new(&place, subject, options[i]);
                struct leat_channel *receiver = place_receiver(&place);
                pid_t pid = place_fork_sender(&place, send_hello, NULL);
                check_peer(take_from_whom(receiver, "hello"), pid, geteuid(), getegid());
                CHECK_EQ(harness_wait(pid), 0);
                leat_close(receiver);
        }
}

CONFORMS(LEAT_ROW_WHO, the_partner, .without = LOOSE) {
        struct place place;
        struct leat_channel *receiver, *sender;
        struct leat_peer peer;
        place_new(&place, subject, "");
        place_both(&place, &receiver, &sender);
        CHECK_EQ(leat_channel_peer(sender, &peer), 0);
        check_peer(peer, getpid(), geteuid(), getegid());
        leat_close(sender);
        leat_close(receiver);
}

/* The one who connected hands the channel to a child: with ?who=message each message tells its own sender. */
static void hand_over(const struct subject *subject, const char *options, bool per_message) {
        struct place place;
        struct leat_channel *receiver, *sender;
        place_new(&place, subject, options);
        place_both(&place, &receiver, &sender);
        send_text(sender, 1, "parent");
        check_peer(take_from_whom(receiver, "parent"), getpid(), geteuid(), getegid());
        place.sender = sender;
        pid_t pid = place_fork_sender(&place, send_hello, NULL);
        check_peer(take_from_whom(receiver, "hello"), per_message ? pid : getpid(), geteuid(), getegid());
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_WHO, there_is_no_connection, .traits = LOOSE) {
        struct place place;
        struct leat_reason reason = { 0 };
        place_new(&place, subject, "who=connection");
        CHECK_EQ(try_open(place.receiver_address, receiver_flags(subject), LEAT_NOW, &reason), -ENOTSUP);
        check_reason(&reason, LEAT_ROW_WHO, -ENOTSUP);
}

CONFORMS(LEAT_ROW_WHO, of_the_connection, .without = LOOSE) {
        hand_over(subject, "who=connection", false);
}

CONFORMS(LEAT_ROW_WHO, of_the_connection_alone, .traits = UNSEEN) {
        struct place place;
        struct leat_reason reason = { 0 };
        place_new(&place, subject, "who=message");
        CHECK_EQ(try_open(place.receiver_address, receiver_flags(subject), LEAT_NOW, &reason), -ENOTSUP);
        check_reason(&reason, LEAT_ROW_WHO, -ENOTSUP);
}

CONFORMS(LEAT_ROW_WHO, of_each_message, .without = UNSEEN) {
        hand_over(subject, "who=message", true);
}

/* ---- other users ---- */

static void become_nobody(void) {
        CHECK_EQ(setegid(NOBODY), 0);
        CHECK_EQ(seteuid(NOBODY), 0);
}

static void send_as_nobody(void *argument) {
        struct place *place = argument;
        become_nobody();
        if (subject_traits(place->subject) & LOOSE) /* of each message the kernel tells the real ones */
                CHECK(seteuid(0) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
                      setresuid(NOBODY, NOBODY, NOBODY) == 0);
        struct leat_channel *sender = place_sender(place);
        send_text(sender, 1, "hello");
        leat_close(sender);
}

static void be_refused(void *argument) {
        const struct place *place = argument;
        struct leat_reason reason = { 0 };
        become_nobody();
        CHECK_EQ(try_open(place->sender_address, sender_flags(place->subject), SOON, &reason), -EACCES);
        check_reason(&reason, LEAT_ROW_OPENING, -EACCES);
}

static void place_for_others(struct place *place, const struct subject *subject, const char *options) {
        if (geteuid() != 0)
                SKIP("only root can become another user");
        CHECK_EQ(chmod(harness_tmpdir(), 0755), 0);
        umask(0);
        place_new(place, subject, options);
}

CONFORMS(LEAT_ROW_WHO, another_user, .traits = NAMED | PLACED) {
        struct place place;
        place_for_others(&place, subject, "mode=0666");
        struct leat_channel *receiver = place_receiver(&place);
        pid_t pid = harness_fork(send_as_nobody, &place);
        check_peer(take_from_whom(receiver, "hello"), pid, NOBODY, NOBODY);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_WHO, modes_keep_others_out, .traits = NAMED | PLACED) {
        struct place place;
        place_for_others(&place, subject, "mode=0600");
        struct leat_channel *receiver = place_receiver(&place);
        CHECK_EQ(harness_wait(harness_fork(be_refused, &place)), 0);
        settle(receiver);
        leat_close(receiver);
}

/* ---- pid name spaces ---- */

struct spaces {
        struct place place;
        struct harness_event *ready;
};

/* In a name space of its own, where the sender's process has no number. */
static void receive_inside(void *argument) {
        struct spaces *spaces = argument;
        CHECK_EQ(getpid(), 1);
        struct leat_channel *receiver = place_receiver(&spaces->place);
        harness_event_signal(spaces->ready);
        struct leat_peer peer = take_from_whom(receiver, "hello");
        check_peer(peer, 0, geteuid(), getegid());
        leat_close(receiver);
}

static void go_inside(void *argument) {
        CHECK_EQ(unshare(CLONE_NEWPID), 0);
        CHECK_EQ(harness_wait(harness_fork(receive_inside, argument)), 0);
}

static void can_unshare(void *argument) {
        (void)argument;
        _exit(unshare(CLONE_NEWPID) == 0 ? 0 : 77);
}

CONFORMS(LEAT_ROW_WHO, one_that_cannot_be_named_here, .traits = NAMED | PLACED) {
        struct spaces spaces = { .ready = harness_event_new() };
        if (harness_wait(harness_fork(can_unshare, NULL)) != 0)
                SKIP("a pid name space cannot be made here (CAP_SYS_ADMIN)");
        place_new(&spaces.place, subject, "");
        pid_t pid = harness_fork(go_inside, &spaces);
        harness_event_wait(spaces.ready);
        struct leat_channel *sender = place_sender(&spaces.place);
        send_text(sender, 1, "hello");
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(sender);
}
