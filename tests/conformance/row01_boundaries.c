/* SPDX-License-Identifier: MIT */

/* Row 1: a message arrives whole or not at all. */

#include "conformance.h"

static const size_t sizes[] = { 0,     1,     2,     47,     48,     49,     4047,    4048,    4096,
                                65535, 65536, 65537, 131072, 131073, 200000, 1 << 20, 16 << 20 };
#define SIZES (sizeof sizes / sizeof sizes[0])

static void send_sizes(struct leat_channel *sender, void *argument) {
        size_t largest = (size_t)info_of(sender).largest_bytes;
        (void)argument;
        uint8_t *bytes = malloc(largest);
        for (size_t i = 0; i < SIZES; i++) {
                if (sizes[i] > largest)
                        continue;
                fill(bytes, sizes[i], i);
                CHECK_EQ(leat_send(sender, 1, bytes, sizes[i], SOON), 0);
        }
        free(bytes);
}

static void take_size(struct leat_channel *receiver, uint8_t *bytes, size_t size, uint64_t number) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        ssize_t n = leat_receive(receiver, LEAT_ANY, bytes, size, SOON, &about);
        CHECK_EQ(n, size);
        CHECK_EQ(about.size_bytes, size);
        CHECK_EQ(about.type, 1);
        check_filled(bytes, size, number);
}

CONFORMS(LEAT_ROW_BOUNDARIES, sizes) {
        struct place place;
        place_new(&place, subject, "");
        pid_t pid = place_fork_sender(&place, send_sizes, NULL);
        struct leat_channel *receiver = place_receiver(&place);
        size_t largest = (size_t)info_of(receiver).largest_bytes;
        uint8_t *bytes = malloc(largest);
        for (size_t i = 0; i < SIZES; i++)
                if (sizes[i] <= largest)
                        take_size(receiver, bytes, sizes[i], i);
        expect_end(receiver);
        CHECK_EQ(harness_wait(pid), 0);
        free(bytes);
        leat_close(receiver);
}

/* Refused, told, and kept, as often as it is tried. */
static void try_too_small(struct leat_channel *receiver, uint8_t *bytes, size_t size) {
        const size_t places[] = { 0, 1, size / 2, size - 1 };
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                if (places[i] >= size)
                        continue;
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, places[i] ? bytes : NULL, places[i], SOON, &about),
                         -EMSGSIZE);
                CHECK_EQ(about.size_bytes, size);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, bytes, places[i], LEAT_NOW, NULL), -EMSGSIZE);
        }
}

CONFORMS(LEAT_ROW_BOUNDARIES, too_small_a_buffer) {
        struct place place;
        place_new(&place, subject, "");
        pid_t pid = place_fork_sender(&place, send_sizes, NULL);
        struct leat_channel *receiver = place_receiver(&place);
        size_t largest = (size_t)info_of(receiver).largest_bytes;
        uint8_t *bytes = malloc(largest);
        for (size_t i = 0; i < SIZES; i++)
                if (sizes[i] <= largest) {
                        try_too_small(receiver, bytes, sizes[i]);
                        take_size(receiver, bytes, sizes[i], i);
                }
        expect_end(receiver);
        CHECK_EQ(harness_wait(pid), 0);
        free(bytes);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_BOUNDARIES, an_empty_one_is_not_the_end) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        char buffer[8];
        for (int i = 0; i < 3; i++) {
                CHECK_EQ(leat_send(sender, 1, NULL, 0, SOON), 0);
                send_text(sender, 1, "x");
                CHECK_EQ(leat_send(sender, 1, "", 0, SOON), 0);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 0);
                take_text(receiver, LEAT_ANY, "x");
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL), 0);
                settle(receiver);
        }
        CHECK_EQ(leat_send(sender, 1, NULL, 0, SOON), 0);
        leat_close(sender);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 0);
        expect_end(receiver);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_BOUNDARIES, delimiters_are_refused, .traits = DELIMITED) {
        struct leat_channel *receiver, *sender;
        const bool lines = strcmp(subject->declaration->framing, "lines") == 0;
        const char inside[] = { 'a', lines ? '\n' : '\0', 'b' };
        const char other[] = { 'a', lines ? '\0' : '\n', 'b' };
        char buffer[16];
        place_both_new(subject, "", &receiver, &sender);
        CHECK_EQ(leat_send(sender, 1, inside, 3, SOON), -EINVAL);
        check_why(sender, LEAT_ROW_BOUNDARIES, -EINVAL);
        CHECK_EQ(leat_send(sender, 1, inside, 2, SOON), -EINVAL);
        CHECK_EQ(leat_send(sender, 1, inside + 1, 2, SOON), -EINVAL);
        CHECK_EQ(leat_send(sender, 1, other, 3, SOON), 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 3);
        CHECK_MEM(buffer, other, 3);
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_BOUNDARIES, every_byte_arrives) {
        struct leat_channel *receiver, *sender;
        const char *framing = subject->declaration->framing;
        uint8_t bytes[256], got[256];
        size_t size = 0;
        for (int byte = 0; byte < 256; byte++)
                if ((byte != '\n' || strcmp(framing, "lines") != 0) && (byte != 0 || strcmp(framing, "nul") != 0))
                        bytes[size++] = (uint8_t)byte;
        place_both_new(subject, "", &receiver, &sender);
        CHECK_EQ(leat_send(sender, 1, bytes, size, SOON), 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, got, sizeof got, SOON, NULL), size);
        CHECK_MEM(got, bytes, size);
        leat_close(sender);
        leat_close(receiver);
}

/* The control: this is what the framings are for. */
DENIES(LEAT_ROW_BOUNDARIES, messages_run_together, .without = PUT) {
        struct leat_channel *receiver, *sender;
        char buffer[64];
        place_both_new(subject, "", &receiver, &sender);
        send_text(sender, 1, "Hello");
        send_text(sender, 1, "Hello");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 10);
        CHECK_MEM(buffer, "HelloHello", 10);
        send_text(sender, 1, "apart");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, 2, SOON, NULL), 2);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer + 2, 62, SOON, NULL), 3);
        CHECK_MEM(buffer, "apart", 5);
        leat_close(sender);
        leat_close(receiver);
}

/* The same of what plain programs write. */
DENIES(LEAT_ROW_BOUNDARIES, what_is_put_there_runs_together, .traits = PUT) {
        struct place place;
        char buffer[64];
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        settle(receiver);
        subject->transport->put(&place, "Hello", 5);
        subject->transport->put(&place, "Hello", 5);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 10);
        CHECK_MEM(buffer, "HelloHello", 10);
        leat_close(receiver);
}
