/* SPDX-License-Identifier: MIT */

/* Rows that are declared "no" and have no suite of their own: that it is refused, or really not so. */

#include "conformance.h"

/* An option that this declaration has not: refused with the row. */
static void refuse_option(const struct subject *subject, const char *option, enum leat_row row) {
        char address[300];
        struct leat_reason reason = { 0 };
        struct leat_channel *receiver = NULL, *sender = NULL;
        struct place place;
        place_new(&place, subject, "");
        leat_close(place.receiver);
        leat_close(place.sender);
        snprintf(address, sizeof address, "%s&%s", place.receiver_address, option);
        if (!subject->transport->address) {
                CHECK_EQ(leat_pair(address, &reason, &receiver, &sender), -ENOTSUP);
                check_reason(&reason, row, -ENOTSUP);
                CHECK(reason.column > 1);
        }
        reason = (struct leat_reason){ 0 };
        CHECK_EQ(leat_address_check(address, &reason), -ENOTSUP);
        check_reason(&reason, row, -ENOTSUP);
        reason = (struct leat_reason){ 0 };
        CHECK_EQ(try_open(address, receiver_flags(subject), LEAT_NOW, &reason), -ENOTSUP);
        check_reason(&reason, row, -ENOTSUP);
}

DENIES(LEAT_ROW_OPENING, options_of_names_are_refused) {
        refuse_option(subject, "new", LEAT_ROW_OPENING);
        refuse_option(subject, "mode=0600", LEAT_ROW_OPENING);
}

DENIES(LEAT_ROW_OPENING, nothing_is_there_to_look_at) {
        char address[64];
        struct leat_info info = LEAT_INFO_INIT;
        struct leat_reason reason = { 0 };
        snprintf(address, sizeof address, "%s:", subject->declaration->scheme);
        CHECK_EQ(leat_inspect(address, &reason, &info), -ENOTSUP);
        check_reason(&reason, LEAT_ROW_OPENING, -ENOTSUP);
        CHECK_EQ(leat_create(address, 0600, false, &reason), -ENOTSUP);
        CHECK_EQ(leat_set(address, "mode", "0600", &reason), -ENOTSUP);
        CHECK_EQ(leat_remove(address, &reason), -ENOTSUP);
        check_reason(&reason, LEAT_ROW_OPENING, -ENOTSUP);
}

DENIES(LEAT_ROW_LISTENING, nobody_binds_or_connects) {
        refuse_option(subject, "listen", LEAT_ROW_LISTENING);
        refuse_option(subject, "connect", LEAT_ROW_LISTENING);
        refuse_option(subject, "backlog=5", LEAT_ROW_LISTENING);
        refuse_option(subject, "connections=5", LEAT_ROW_LISTENING);
}

DENIES(LEAT_ROW_LISTENING, one_end_alone_cannot_be_made) {
        char address[160], options[96];
        struct leat_reason reason = { 0 };
        subject_options(subject, true, options, sizeof options);
        snprintf(address, sizeof address, "%s:%s", subject->declaration->scheme, options);
        CHECK_EQ(try_open(address, receiver_flags(subject), LEAT_NOW, &reason), -EINVAL);
        CHECK(reason.text && reason.text[0]);
}

DENIES(LEAT_ROW_WHO, nobody_knows_who) {
        struct leat_channel *receiver, *sender;
        struct leat_receive_options options = LEAT_RECEIVE_OPTIONS_INIT;
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct leat_peer peer;
        char buffer[8];
        refuse_option(subject, "who=message", LEAT_ROW_WHO);
        place_both_new(subject, "", &receiver, &sender);
        send_text(sender, 1, "x");
        options.from_pid = getpid();
        CHECK_EQ(leat_receive_with(receiver, buffer, sizeof buffer, &options, NULL), -ENOTSUP);
        check_why(receiver, LEAT_ROW_WHO, -ENOTSUP);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), 1);
        CHECK(!about.sender.known && about.sender.pid == 0);
        CHECK_EQ(leat_channel_peer(receiver, &peer), -ENOTSUP);
        leat_close(sender);
        leat_close(receiver);
}

DENIES(LEAT_ROW_DESCRIPTORS, are_refused) {
        struct leat_channel *receiver, *sender;
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        const int one = STDIN_FILENO;
        place_both_new(subject, "", &receiver, &sender);
        options.descriptors = &one;
        options.descriptors_count = 1;
        CHECK_EQ(leat_send_with(sender, "x", 1, &options), -ENOTSUP);
        check_why(sender, LEAT_ROW_DESCRIPTORS, -ENOTSUP);
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

/* ---- really not so ---- */

/* The sender's end as a plain descriptor; the receiver has taken notice of it. */
static int plain_sender(const struct subject *subject, struct leat_channel **ret_receiver) {
        struct leat_channel *sender;
        int descriptors[2];
        place_both_new(subject, "", ret_receiver, &sender);
        send_text(sender, 1, "x");
        take_text(*ret_receiver, LEAT_ANY, "x");
        CHECK_EQ(leat_detach(sender, descriptors), 0);
        if (descriptors[0] != descriptors[1] && descriptors[0] >= 0)
                close(descriptors[0]);
        return descriptors[1];
}

/* What a killed sender leaves of a message comes as if it were one. */
DENIES(LEAT_ROW_DEATH, half_of_a_message_may_come, .traits = DETACHES) {
        struct leat_channel *receiver;
        int fd = plain_sender(subject, &receiver);
        CHECK_EQ(write(fd, "half", 4), 4);
        close(fd);
        take_text(receiver, LEAT_ANY, "half");
        expect_end(receiver);
        leat_close(receiver);
}

/* Nothing but the bytes, so there is no version to see: what any program writes is taken. */
DENIES(LEAT_ROW_VERSIONS, bytes_without_a_version_are_taken, .traits = DETACHES) {
        struct leat_channel *receiver;
        char buffer[64];
        int fd = plain_sender(subject, &receiver);
        const char *framing = subject->declaration->framing;
        if (strcmp(framing, "length") == 0)
                CHECK_EQ(write(fd, "\0\0\0\3Lt\2", 7), 7);
        else if (strcmp(framing, "nul") == 0)
                CHECK_EQ(write(fd, "Lt\2", 4), 4);
        else
                CHECK_EQ(write(fd, "Lt\2\n", 4), 4);
        ssize_t n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL);
        CHECK_EQ(n, strcmp(framing, "raw") == 0 ? 4 : 3);
        CHECK_MEM(buffer, "Lt\2", 3);
        close(fd);
        leat_close(receiver);
}

/* The same of what another program put there. */
DENIES(LEAT_ROW_DEATH, half_of_what_was_put_there_may_come, .traits = PUT, .without = LOOSE) {
        struct place place;
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        settle(receiver);
        subject->transport->put(&place, "half", 4);
        take_text(receiver, LEAT_ANY, "half");
        expect_end(receiver);
        leat_close(receiver);
}

DENIES(LEAT_ROW_VERSIONS, what_was_put_there_without_a_version_is_taken, .traits = PUT) {
        struct place place;
        const char *framing = subject->declaration->framing;
        const char *bytes = strcmp(framing, "length") == 0 ? "\0\0\0\3Lt\2" : "Lt\2\n";
        size_t size = strcmp(framing, "length") == 0 ? 7 : strcmp(framing, "lines") == 0 ? 4 : 3;
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        settle(receiver);
        char nul[] = { 'L', 't', 2, '\0' };
        if (strcmp(framing, "nul") == 0)
                subject->transport->put(&place, nul, sizeof nul);
        else
                subject->transport->put(&place, bytes, size);
        take_text(receiver, LEAT_ANY, "Lt\2");
        leat_close(receiver);
}
