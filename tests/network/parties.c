/* SPDX-License-Identifier: MIT */
#include "parties.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct seen *seen_new(void) {
        struct seen *seen = harness_shared(sizeof(*seen));
        seen->ready = harness_event_new();
        seen->came = harness_event_new();
        return seen;
}

void address_at_b(char *ret_address, size_t size, const char *scheme, int family, const char *options) {
        if (family == 4)
                snprintf(ret_address, size, "%s:%s:5000%s", scheme, network_v4[HOST_B], options);
        else
                snprintf(ret_address, size, "%s:[%s]:5000%s", scheme, network_v6[HOST_B], options);
}

struct leat_channel *open_here(const char *address, unsigned flags) {
        return open_or_fail(address, flags, SOON);
}

static uint8_t byte_of(uint64_t number, size_t at) {
        return (uint8_t)(number * 7 + at * 31 + at / 251);
}

int send_numbered(struct leat_channel *channel, uint64_t number, size_t most_bytes, int64_t deadline) {
        uint8_t bytes[NUMBERED_MAX];
        size_t size = sizeof number + number * 997 % (most_bytes - sizeof number);
        memcpy(bytes, &number, sizeof number);
        for (size_t i = sizeof number; i < size; i++)
                bytes[i] = byte_of(number, i);
        return leat_send(channel, 1, bytes, size, deadline);
}

static uint64_t number_of(const uint8_t *bytes, size_t size) {
        uint64_t number;
        CHECK(size >= sizeof number);
        memcpy(&number, bytes, sizeof number);
        for (size_t i = sizeof number; i < size; i++)
                if (bytes[i] != byte_of(number, i))
                        FAIL("message %" PRIu64 " of %zu bytes differs at byte %zu", number, size, i);
        return number;
}

static void tell(struct leat_channel *channel, struct seen *seen, int error) {
        struct leat_reason why = { 0 };
        seen->info = (struct leat_info)LEAT_INFO_INIT;
        CHECK_EQ(leat_channel_info(channel, &seen->info), 0);
        if (error < 0 && leat_why(channel, &why) == 0 && why.text)
                snprintf(seen->why, sizeof seen->why, "%s", why.text);
        seen->error = error;
}

static int64_t deadline_of_next(const struct receiver *receiver) {
        bool is_first = receiver->seen->count == 0;
        if (receiver->go && !is_first)
                harness_event_wait(receiver->go);
        if (!receiver->patience_ms || (receiver->go && is_first))
                return SOON;
        return harness_deadline_ms(receiver->patience_ms);
}

static void receive_all(void *argument) {
        const struct receiver *receiver = argument;
        struct seen *seen = receiver->seen;
        uint8_t buffer[NUMBERED_MAX];
        struct leat_channel *channel = open_here(receiver->address, LEAT_RECEIVE);
        uint64_t number = 0;
        ssize_t n = 0;
        harness_event_signal(seen->ready);
        do {
                n = leat_receive(channel, LEAT_ANY, buffer, sizeof buffer, deadline_of_next(receiver), NULL);
                if (n < 0)
                        break;
                number = number_of(buffer, (size_t)n);
                CHECK(seen->count < NUMBERS_MAX);
                seen->numbers[seen->count] = number;
                seen->count++;
                harness_event_signal(seen->came);
        } while (number != seen->stop_at);
        tell(channel, seen, n < 0 ? (int)n : 0);
        leat_close(channel);
}

pid_t receiver_start(const struct network *network, struct receiver *receiver) {
        if (!receiver->seen)
                receiver->seen = seen_new();
        pid_t pid = network_fork(network, HOST_B, receive_all, receiver);
        harness_event_wait(receiver->seen->ready);
        return pid;
}

void check_all_in_order(const struct seen *seen, uint64_t count) {
        for (uint64_t i = 0; i < seen->count && i < count; i++)
                CHECK_EQ(seen->numbers[i], i + 1);
        CHECK_EQ(seen->count, count);
}
