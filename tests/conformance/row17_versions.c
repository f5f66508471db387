/* SPDX-License-Identifier: MIT */

/* Row 17: a stranger's frames are refused, both versions are named, and no one else is harmed. */

#include "conformance.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define HEADER_BYTES 48 /* docs/wire.md */
#define KIND_REFUSE 6

/* The header of an empty message, with this version. */
static void make_frame(uint8_t frame[HEADER_BYTES + 1], uint8_t version) {
        memset(frame, 0, HEADER_BYTES + 1);
        memcpy(frame, "Lt", 2);
        frame[2] = version;
        frame[3] = 1;  /* MESSAGE */
        frame[16] = 1; /* type */
        frame[24] = 1; /* sequence */
}

/* A peer that is no channel: the sender's end as plain descriptors. */
struct stranger {
        int in, out;
};

static void make_stranger(struct leat_channel *sender, struct stranger *ret_stranger) {
        int fds[2];
        CHECK_EQ(leat_detach(sender, fds), 0);
        *ret_stranger = (struct stranger){ fds[0], fds[1] };
}

static void close_stranger(const struct stranger *stranger) {
        if (stranger->in >= 0 && stranger->in != stranger->out)
                close(stranger->in);
        close(stranger->out);
}

/* It is told why before it is cut off, where there is a way back. */
static void expect_refusal(const struct stranger *stranger, int error) {
        uint8_t frame[HEADER_BYTES];
        struct pollfd poll_fd = { .fd = stranger->in, .events = POLLIN };
        if (stranger->in < 0)
                return;
        CHECK_EQ(poll(&poll_fd, 1, 40000), 1);
        CHECK_EQ(read(stranger->in, frame, sizeof frame), sizeof frame);
        CHECK_MEM(frame, "Lt\1", 3);
        CHECK_EQ(frame[3], KIND_REFUSE);
        CHECK_EQ(frame[16] | frame[17] << 8, -error);
        char more;
        CHECK(read(stranger->in, &more, 1) <= 0);
}

/* Where both ends begin with a greeting by a unix socket (docs/design/shm.md, "Rendezvous"): one who says something else is told so. */
static void refuse_greeting(const struct subject *subject, const void *bytes, size_t size, int error,
                            enum leat_row row) {
        struct place place;
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct sockaddr_un to = { .sun_family = AF_UNIX };
        char buffer[64];
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        snprintf(to.sun_path, sizeof to.sun_path, "%.107s", place.path);
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK_EQ(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
        CHECK_EQ(send(fd, bytes, size, 0), size);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), error);
        check_why(receiver, row, error);
        CHECK_EQ(about.sender.pid, getpid());
        expect_refusal(&(struct stranger){ fd, fd }, error);
        close(fd);
        CHECK_EQ(info_of(receiver).refused, 1);
        expect_end(receiver);
        struct leat_channel *friend = place_sender(&place);
        send_text(friend, 1, "unharmed");
        take_text(receiver, LEAT_ANY, "unharmed");
        leat_close(friend);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_VERSIONS, another_greeting_is_refused, .traits = UNSEEN) {
        refuse_greeting(subject, "LEATSHM\0\11\0\0\0\1\0\0\0", 16, -EPROTONOSUPPORT, LEAT_ROW_VERSIONS);
        refuse_greeting(subject, "LEATSHM\0\1\0\0\0\1\0\0\0", 16, -EBADMSG,
                        LEAT_ROW_BOUNDARIES); /* nothing came with it */
        refuse_greeting(subject, "LEATSHM\0\1\0\0\0\2\0\0\0", 16, -EBADMSG, LEAT_ROW_BOUNDARIES);
        refuse_greeting(subject, "GET / HTTP/1.1\r\n", 16, -EBADMSG, LEAT_ROW_BOUNDARIES);
        refuse_greeting(subject, "x", 1, -EBADMSG, LEAT_ROW_BOUNDARIES);
}

static void refuse_stranger(const struct subject *subject, const char *options, const uint8_t *bytes, int error,
                            enum leat_row row) {
        struct place place;
        struct leat_channel *receiver, *sender;
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct stranger stranger;
        char buffer[64];
        place_new(&place, subject, options);
        place_both(&place, &receiver, &sender);
        make_stranger(sender, &stranger);
        struct leat_channel *friend = subject_traits(subject) & MANY ? place_sender(&place) : NULL;
        settle(receiver);
        CHECK_EQ(write(stranger.out, bytes, HEADER_BYTES), HEADER_BYTES);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), error);
        check_why(receiver, row, error);
        CHECK(!about.sender.known || about.sender.pid == getpid());
        expect_refusal(&stranger, error);
        if (friend) {
                CHECK_EQ(info_of(receiver).refused, 1);
                send_text(friend, 1, "unharmed");
                take_text(receiver, LEAT_ANY, "unharmed");
                leat_close(friend);
        }
        expect_end(receiver);
        close_stranger(&stranger);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_VERSIONS, another_version_is_refused, .traits = DETACHES) {
        uint8_t frame[HEADER_BYTES + 1];
        for (int version = 0; version < 256; version += version == 0 ? 2 : 253) {
                make_frame(frame, (uint8_t)version);
                refuse_stranger(subject, "need=sync", frame, -EPROTONOSUPPORT, LEAT_ROW_VERSIONS);
        }
}

CONFORMS(LEAT_ROW_VERSIONS, other_bytes_are_refused, .traits = DETACHES) {
        static const uint8_t garbage[HEADER_BYTES] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        refuse_stranger(subject, "need=sync", garbage, -EBADMSG, LEAT_ROW_BOUNDARIES);
        refuse_stranger(subject, "", garbage, -EBADMSG, LEAT_ROW_BOUNDARIES);
}

/* The other way round: the library tells its program that the other end refused it. */
CONFORMS(LEAT_ROW_VERSIONS, a_refused_sender_is_told, .traits = DETACHES | EITHER) {
        struct place place;
        struct leat_channel *receiver, *sender;
        uint8_t frame[HEADER_BYTES + 1];
        int fds[2];
        place_new_swapped(&place, subject, "need=sync");
        place_both(&place, &receiver, &sender);
        send_text(sender, 1, "x"); /* so that the sender knows of it */
        CHECK_EQ(leat_detach(receiver, fds), 0);
        make_frame(frame, 9); /* it speaks version 9 */
        frame[3] = KIND_REFUSE;
        frame[16] = EPROTONOSUPPORT;
        frame[24] = 0;
        CHECK_EQ(write(fds[1], frame, HEADER_BYTES), HEADER_BYTES);
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.flags = LEAT_SYNC;
        options.deadline = SOON;
        CHECK_EQ(leat_send_with(sender, "sync", 4, &options), -EPROTONOSUPPORT);
        close(fds[0]);
        if (fds[1] != fds[0])
                close(fds[1]);
        leat_close(sender);
}

/* What is sent begins with the magic number and the version, little-endian, as docs/wire.md says. */
CONFORMS(LEAT_ROW_VERSIONS, frames_lie_as_it_is_written, .traits = DETACHES | EITHER) {
        struct place place;
        struct leat_channel *receiver, *sender;
        int fds[2];
        uint8_t frame[HEADER_BYTES + 16];
        place_new_swapped(&place, subject, "");
        place_both(&place, &receiver, &sender);
        CHECK_EQ(leat_detach(receiver, fds), 0);
        CHECK_EQ(leat_send(sender, 0x0102030405060708, "abc", 3, SOON), 0);
        ssize_t n = read(fds[0], frame, sizeof frame);
        CHECK(n == HEADER_BYTES + 3 || n == HEADER_BYTES + 4);
        CHECK_MEM(frame, "Lt\1\1\0\0\0\0\3\0\0\0\0\0\0\0\10\7\6\5\4\3\2\1\1\0\0\0\0\0\0\0", 32);
        CHECK_MEM(frame + 40, "\0\0\0\0\0\0\0\0abc", 11);
        CHECK(n == HEADER_BYTES + 3 || frame[HEADER_BYTES + 3] == 0);
        if (fds[1] >= 0 && fds[1] != fds[0])
                close(fds[1]);
        close(fds[0]);
        leat_close(sender);
}

/* ---- where any program may put messages, without a connection ---- */

CONFORMS(LEAT_ROW_VERSIONS, another_version_that_was_put_there_is_told, .traits = PUT) {
        struct place place;
        struct leat_channel *receiver, *sender;
        uint8_t frame[HEADER_BYTES + 1];
        char buffer[64];
        place_new(&place, subject, "");
        place_both(&place, &receiver, &sender);
        settle(receiver);
        make_frame(frame, 9);
        subject->transport->put(&place, frame, HEADER_BYTES);
        send_text(sender, 1, "unharmed");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -EPROTONOSUPPORT);
        check_why(receiver, LEAT_ROW_VERSIONS, -EPROTONOSUPPORT);
        CHECK_EQ(info_of(receiver).refused, 1);
        take_text(receiver, LEAT_ANY, "unharmed");
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

/* What is no frame of ours is another program's message, and comes as it is. */
CONFORMS(LEAT_ROW_VERSIONS, what_others_put_there_comes_as_it_is, .traits = PUT | KEEPS) {
        struct place place;
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct leat_channel *receiver, *sender;
        char buffer[64];
        place_new(&place, subject, "");
        place_both(&place, &receiver, &sender);
        settle(receiver);
        subject->transport->put(&place, "GET / HTTP/1.1\r\n", 16);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), 16);
        CHECK_MEM(buffer, "GET / HTTP/1.1\r\n", 16);
        CHECK_EQ(about.type, 1);
        CHECK_EQ(about.sequence, 0);
        send_text(sender, 3, "unharmed");
        take_text(receiver, LEAT_ANY, "unharmed");
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

/* Where it may run together with what others put there, nothing would tell where it ends. */
CONFORMS(LEAT_ROW_VERSIONS, what_others_put_there_is_refused, .traits = PUT, .without = KEEPS) {
        struct place place;
        struct leat_channel *receiver, *sender;
        char buffer[64];
        place_new(&place, subject, "");
        place_both(&place, &receiver, &sender);
        settle(receiver);
        subject->transport->put(&place, "GET / HTTP/1.1\r\n", 16);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -EBADMSG);
        check_why(receiver, LEAT_ROW_BOUNDARIES, -EBADMSG);
        CHECK_EQ(info_of(receiver).refused, 1);
        send_text(sender, 1, "unharmed");
        take_text(receiver, LEAT_ANY, "unharmed");
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

/* A file that says its version at its beginning (docs/design/log.md). */
CONFORMS(LEAT_ROW_VERSIONS, a_file_of_another_version_is_refused, .traits = KEEPS | PLACED) {
        struct place place;
        struct leat_reason reason = { 0 };
        char begins[8] = "";
        place_new(&place, subject, "");
        struct leat_channel *sender = place_sender(&place);
        send_text(sender, 1, "hello");
        leat_close(sender);
        FILE *file = fopen(place.path, "r+e");
        CHECK(file != NULL);
        CHECK_EQ(fread(begins, 1, 8, file), 8);
        CHECK_MEM(begins, "LeatLog\1", 8);
        CHECK_EQ(fseek(file, 7, SEEK_SET), 0);
        CHECK_EQ(fputc(9, file), 9);
        CHECK_EQ(fclose(file), 0);
        CHECK_EQ(try_open(place.receiver_address, receiver_flags(subject), SOON, &reason), -EPROTONOSUPPORT);
        check_reason(&reason, LEAT_ROW_VERSIONS, -EPROTONOSUPPORT);
        CHECK_EQ(try_open(place.sender_address, sender_flags(subject), SOON, &reason), -EPROTONOSUPPORT);
}
