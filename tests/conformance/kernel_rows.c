/* SPDX-License-Identifier: MIT */

/* The rows of transports whose other end is the kernel (kernel.h). */

#include "kernel.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>

#define LARGEST 65536
#define MANY_NUMBERS 500

static struct leat_channel *try_kernel(const struct subject *subject, const char *options, unsigned flags,
                                       int *ret_error, struct leat_reason *ret_reason) {
        struct leat_open_options how = LEAT_OPEN_OPTIONS_INIT;
        struct leat_channel *channel = NULL;
        char address[128];
        how.flags = flags;
        how.deadline = SOON;
        snprintf(address, sizeof address, "%s?framing=%s%s%s", subject->transport->kernel->address,
                 subject->declaration->framing, options[0] ? "&" : "", options);
        *ret_error = leat_open_with(address, &how, ret_reason, &channel);
        return channel;
}

static struct leat_channel *open_kernel(const struct subject *subject, const char *options) {
        struct leat_reason reason = { 0 };
        int error;
        subject->transport->kernel->prepare();
        struct leat_channel *channel = try_kernel(subject, options, subject->transport->kernel->flags, &error, &reason);
        if (!channel)
                FAIL("open %s: %s (%s)", subject->transport->kernel->address, leat_strerror(error),
                     reason.text ? reason.text : "");
        return channel;
}

static void provoke(const struct subject *subject, struct leat_channel *channel, uint64_t number) {
        subject->transport->kernel->provoke(channel, number);
}

/* The number of the next message that has one. */
static uint64_t take_number(const struct subject *subject, struct leat_channel *channel) {
        uint8_t buffer[LARGEST];
        while (true) {
                ssize_t n = leat_receive(channel, LEAT_ANY, buffer, sizeof buffer, SOON, NULL);
                if (n < 0)
                        FAIL("a number was expected, not %s", leat_strerror((int)n));
                int64_t number = subject->transport->kernel->number(buffer, (size_t)n);
                if (number >= 0)
                        return (uint64_t)number;
        }
}

/* Opening with this option is refused, for this row. */
static void refuse(const struct subject *subject, const char *option, unsigned flags, enum leat_row row) {
        struct leat_reason reason = { 0 };
        int error;
        struct leat_channel *channel = try_kernel(subject, option, flags, &error, &reason);
        leat_close(channel);
        CHECK_EQ(error, -ENOTSUP);
        check_reason(&reason, row, -ENOTSUP);
}

static void refuse_need(const struct subject *subject, enum leat_row row) {
        char need[32];
        struct leat_reason reason = { 0 };
        int error;
        snprintf(need, sizeof need, "need=%s", leat_row_name(row));
        leat_close(try_kernel(subject, need, subject->transport->kernel->flags, &error, &reason));
        CHECK_EQ(error, -ENOTSUP);
        check_reason(&reason, row, -ENOTSUP);
        CHECK_STR(reason.text, subject->declaration->rows[row].why);
}

CONFORMS(LEAT_ROW_BOUNDARIES, kernel_messages_come_whole, .traits = KERNEL) {
        static uint8_t buffer[LARGEST];
        struct leat_channel *channel = open_kernel(subject, "");
        struct leat_message about = LEAT_MESSAGE_INIT;
        for (uint64_t number = 1; number <= 2; number++) {
                provoke(subject, channel, number);
                CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, 1, SOON, &about), -EMSGSIZE);
                CHECK(about.size_bytes > 1);
                CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, about.size_bytes, SOON, NULL), about.size_bytes);
                CHECK_EQ(subject->transport->kernel->number(buffer, about.size_bytes), number);
        }
        leat_close(channel);
}

CONFORMS(LEAT_ROW_ORDER, kernel_messages_rise, .traits = KERNEL) {
        struct leat_channel *channel = open_kernel(subject, "capacity=4M");
        for (uint64_t number = 1; number <= MANY_NUMBERS; number++)
                provoke(subject, channel, number);
        for (uint64_t number = 1; number <= MANY_NUMBERS; number++)
                CHECK_EQ(take_number(subject, channel), number);
        leat_close(channel);
}

/* What the network turned round can be put right: the sequence of a reply is that of what was sent. */
DENIES(LEAT_ROW_ORDER, kernel_sequence_tells_which, .traits = KERNEL) {
        uint8_t buffer[LARGEST];
        refuse_need(subject, LEAT_ROW_ORDER);
        struct leat_channel *channel = open_kernel(subject, "");
        for (uint64_t number = 1; number <= 3; number++)
                provoke(subject, channel, number);
        for (uint64_t number = 1; number <= 3; number++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                ssize_t n = leat_receive(channel, LEAT_ANY, buffer, sizeof buffer, SOON, &about);
                CHECK(n > 0);
                CHECK_EQ(about.sequence, subject->transport->kernel->number(buffer, (size_t)n));
        }
        leat_close(channel);
}

DENIES(LEAT_ROW_TYPES, kernel_has_no_types, .traits = KERNEL) {
        uint8_t buffer[LARGEST];
        struct leat_message about = LEAT_MESSAGE_INIT;
        refuse_need(subject, LEAT_ROW_TYPES);
        struct leat_channel *channel = open_kernel(subject, "");
        provoke(subject, channel, 1);
        CHECK_EQ(leat_receive(channel, LEAT_TYPE(2), buffer, sizeof buffer, SOON, NULL), -ENOTSUP);
        check_why(channel, LEAT_ROW_TYPES, -ENOTSUP);
        CHECK(leat_receive(channel, LEAT_ANY, buffer, sizeof buffer, SOON, &about) > 0);
        CHECK_EQ(about.type, 1);
        leat_close(channel);
}

CONFORMS(LEAT_ROW_WAITING, kernel_deadlines_and_interrupts, .traits = KERNEL) {
        uint8_t buffer[LARGEST];
        struct leat_channel *channel = open_kernel(subject, "");
        settle(channel);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof buffer, leat_in_ms(1), NULL), -ETIMEDOUT);
        CHECK_EQ(leat_interrupt(channel), 0);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ECANCELED);
        provoke(subject, channel, 5);
        CHECK_EQ(take_number(subject, channel), 5);
        leat_close(channel);
}

struct provoker {
        const struct subject *subject;
        struct leat_channel *channel;
};

static void *provoke_when_asleep(void *argument) {
        const struct provoker *provoker = argument;
        harness_wait_state(getpid(), "S");
        provoke(provoker->subject, provoker->channel, 7);
        return NULL;
}

CONFORMS(LEAT_ROW_WAITING, kernel_wakes_who_waits, .traits = KERNEL) {
        struct leat_channel *channel = open_kernel(subject, "");
        struct provoker provoker = { subject, channel };
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, provoke_when_asleep, &provoker), 0);
        CHECK_EQ(take_number(subject, channel), 7);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        leat_close(channel);
}

/* What sends with an option that it has not is told so; what does not send at all is told that. */
static void refuse_to_send(const struct subject *subject, const struct leat_send_options *options, enum leat_row row) {
        struct leat_channel *channel = open_kernel(subject, "");
        CHECK_EQ(leat_send_with(channel, "x", 1, options), -ENOTSUP);
        check_why(channel, subject->transport->kernel->flags & LEAT_SEND ? row : LEAT_ROW_OPENING, -ENOTSUP);
        settle(channel);
        leat_close(channel);
}

DENIES(LEAT_ROW_SYNC, kernel_waits_for_nobody, .traits = KERNEL) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.flags = LEAT_SYNC;
        refuse_need(subject, LEAT_ROW_SYNC);
        refuse_to_send(subject, &options, LEAT_ROW_SYNC);
}

/* More than fits, at once: what did not come was counted. *ret_told: how often it was said that some were dropped. */
static void overflow(const struct subject *subject, struct leat_channel *channel, int *ret_told) {
        uint8_t buffer[LARGEST];
        uint64_t came = 0;
        ssize_t n;
        *ret_told = 0;
        for (uint64_t number = 1; number <= MANY_NUMBERS; number++)
                provoke(subject, channel, number);
        /* The last ones may be on their way for a moment; a raw socket counts what it would not have taken, too. */
        int64_t until = SOON;
        while ((n = leat_receive(channel, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL)) != -EAGAIN ||
               (came + info_of(channel).dropped < MANY_NUMBERS && leat_now() < until))
                if (n == -ENOBUFS) {
                        check_why(channel, LEAT_ROW_FULL, -ENOBUFS);
                        ++*ret_told;
                } else if (n != -EAGAIN) {
                        CHECK(n > 0);
                        came++;
                }
        CHECK(came > 0 && came < MANY_NUMBERS);
        CHECK(came + info_of(channel).dropped >= MANY_NUMBERS);
}

/* The kernel does not wait for room; what it drops is counted, and after that all goes on. */
DENIES(LEAT_ROW_FULL, kernel_drops_are_counted, .traits = KERNEL) {
        int told;
        struct leat_channel *channel = open_kernel(subject, "capacity=4096");
        overflow(subject, channel, &told);
        CHECK_EQ(told, subject->transport->kernel->tells_drops);
        provoke(subject, channel, MANY_NUMBERS + 1);
        CHECK_EQ(take_number(subject, channel), MANY_NUMBERS + 1);
        leat_close(channel);
}

DENIES(LEAT_ROW_END, kernel_never_ends, .traits = KERNEL) {
        refuse_need(subject, LEAT_ROW_END);
        struct leat_channel *channel = open_kernel(subject, "");
        provoke(subject, channel, 1);
        CHECK_EQ(take_number(subject, channel), 1);
        settle(channel);
        leat_close(channel);
}

static void hold_open(void *argument) {
        const struct subject *subject = argument;
        int error;
        struct leat_channel *channel = try_kernel(subject, "", subject->transport->kernel->flags, &error, NULL);
        CHECK(channel != NULL);
        raise(SIGKILL);
}

/* Another receiver that is killed takes nothing with it. */
CONFORMS(LEAT_ROW_DEATH, kernel_messages_are_each_receivers_own, .traits = KERNEL) {
        struct leat_channel *channel = open_kernel(subject, "");
        provoke(subject, channel, 1);
        CHECK_EQ(harness_wait(harness_fork(hold_open, (void *)subject)), -SIGKILL);
        provoke(subject, channel, 2);
        CHECK_EQ(take_number(subject, channel), 1);
        CHECK_EQ(take_number(subject, channel), 2);
        leat_close(channel);
}

/* Messages are lost while everybody lives. */
DENIES(LEAT_ROW_DEATH, kernel_loses_without_a_death, .traits = KERNEL) {
        int told;
        struct leat_channel *channel = open_kernel(subject, "capacity=4096");
        overflow(subject, channel, &told);
        leat_close(channel);
}

#define LINES_MOST 64
#define LINE_MOST 256

/* Each line once: while the table of other name spaces' sockets grows, the kernel may tell one of ours twice. */
static int count_lines(FILE *file) {
        static char lines[LINES_MOST][LINE_MOST];
        int count = 0;
        while (fgets(lines[count], LINE_MOST, file)) {
                int same = 0;
                while (strcmp(lines[same], lines[count]) != 0)
                        same++;
                count += same == count;
                CHECK(count < LINES_MOST);
        }
        return count;
}

static int count_sockets(const struct subject *subject) {
        int count = 0;
        for (const char *const *table = subject->transport->kernel->tables; *table; table++) {
                FILE *file = fopen(*table, "re");
                CHECK(file != NULL);
                count += count_lines(file);
                fclose(file);
        }
        return count;
}

CONFORMS(LEAT_ROW_LIFETIME, kernel_socket_goes_with_its_process, .traits = KERNEL) {
        struct leat_channel *channel = open_kernel(subject, "");
        int with = count_sockets(subject);
        CHECK_EQ(harness_wait(harness_fork(hold_open, (void *)subject)), -SIGKILL);
        CHECK_EQ(count_sockets(subject), with);
        leat_close(channel);
        CHECK_EQ(count_sockets(subject), with - 1);
}

DENIES(LEAT_ROW_WHO, kernel_is_no_process, .traits = KERNEL) {
        struct leat_receive_options options = LEAT_RECEIVE_OPTIONS_INIT;
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct leat_peer peer;
        uint8_t buffer[LARGEST];
        refuse_need(subject, LEAT_ROW_WHO);
        refuse(subject, "who=message", subject->transport->kernel->flags, LEAT_ROW_WHO);
        struct leat_channel *channel = open_kernel(subject, "");
        provoke(subject, channel, 1);
        options.from_pid = getpid();
        CHECK_EQ(leat_receive_with(channel, buffer, sizeof buffer, &options, NULL), -ENOTSUP);
        check_why(channel, LEAT_ROW_WHO, -ENOTSUP);
        CHECK(leat_receive(channel, LEAT_ANY, buffer, sizeof buffer, SOON, &about) > 0);
        CHECK(!about.sender.known && about.sender.pid == 0);
        CHECK_EQ(leat_channel_peer(channel, &peer), -ENOTSUP);
        leat_close(channel);
}

DENIES(LEAT_ROW_DESCRIPTORS, kernel_takes_no_descriptors, .traits = KERNEL) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        const int one = STDIN_FILENO;
        options.descriptors = &one;
        options.descriptors_count = 1;
        refuse_need(subject, LEAT_ROW_DESCRIPTORS);
        refuse_to_send(subject, &options, LEAT_ROW_DESCRIPTORS);
}

static int poll_for_ms(int fd, int milliseconds) {
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
        return poll(&poll_fd, 1, milliseconds);
}

CONFORMS(LEAT_ROW_POLLING, kernel_fd_is_readable_until_all_is_taken, .traits = KERNEL) {
        struct leat_channel *channel = open_kernel(subject, "");
        int fd = leat_fd(channel);
        CHECK(fd >= 0);
        settle(channel);
        CHECK_EQ(poll_for_ms(fd, 0), 0);
        provoke(subject, channel, 1);
        provoke(subject, channel, 2);
        CHECK_EQ(poll_for_ms(fd, 40000), 1);
        CHECK_EQ(take_number(subject, channel), 1);
        CHECK_EQ(poll_for_ms(fd, 40000), 1);
        CHECK_EQ(take_number(subject, channel), 2);
        settle(channel);
        CHECK_EQ(poll_for_ms(fd, 0), 0);
        leat_close(channel);
}

CONFORMS(LEAT_ROW_LIMITS, kernel_limits_are_told, .traits = KERNEL) {
        struct leat_channel *channel = open_kernel(subject, "capacity=128k");
        struct leat_info info = info_of(channel);
        CHECK(info.declaration == subject->declaration);
        CHECK_EQ(info.largest_bytes, subject->declaration->largest_bytes);
        CHECK(info.capacity_bytes >= UINT64_C(128) << 10);
        CHECK_EQ(info.dropped, 0);
        provoke(subject, channel, 1);
        CHECK_EQ(take_number(subject, channel), 1);
        CHECK(info_of(channel).received >= 1);
        leat_close(channel);
}

CONFORMS(LEAT_ROW_LIMITS, kernel_declaration_is_complete, .traits = KERNEL) {
        for (int row = 1; row <= LEAT_ROW_MAX; row++) {
                const struct leat_row_declaration *said = &subject->declaration->rows[row];
                CHECK(said->verdict == LEAT_NO || said->verdict == LEAT_PEER || said->verdict == LEAT_YES);
                if (said->verdict != LEAT_YES && !(said->why && said->why[0]))
                        FAIL("row %d does not say why", row);
        }
        CHECK(leat_scheme_summary(subject->declaration->scheme) != NULL);
}

DENIES(LEAT_ROW_OPENING, kernel_has_no_names, .traits = KERNEL) {
        const struct conformance_kernel *kernel = subject->transport->kernel;
        struct leat_info info = LEAT_INFO_INIT;
        struct leat_reason reason = { 0 };
        refuse(subject, "new", kernel->flags, LEAT_ROW_OPENING);
        refuse(subject, "mode=0600", kernel->flags, LEAT_ROW_OPENING);
        CHECK_EQ(leat_inspect(kernel->address, &reason, &info), -ENOTSUP);
        check_reason(&reason, LEAT_ROW_OPENING, -ENOTSUP);
        CHECK_EQ(leat_create(kernel->address, 0600, false, &reason), -ENOTSUP);
        CHECK_EQ(leat_set(kernel->address, "mode", "0600", &reason), -ENOTSUP);
        CHECK_EQ(leat_remove(kernel->address, &reason), -ENOTSUP);
        check_reason(&reason, LEAT_ROW_OPENING, -ENOTSUP);
}

DENIES(LEAT_ROW_LISTENING, kernel_is_the_other_end, .traits = KERNEL) {
        const struct conformance_kernel *kernel = subject->transport->kernel;
        static const char *const options[] = { "listen", "connect", "backlog=5", "connections=5" };
        for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
                refuse(subject, options[i], kernel->flags, LEAT_ROW_LISTENING);
        for (size_t i = 0; i < sizeof kernel->refused / sizeof kernel->refused[0] && kernel->refused[i]; i++)
                refuse(subject, "", kernel->refused[i], LEAT_ROW_LISTENING);
}

static void use_inherited(void *argument) {
        const struct provoker *provoker = argument;
        uint8_t buffer[LARGEST];
        CHECK_EQ(leat_receive(provoker->channel, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -ECHILD);
        CHECK_EQ(leat_fd(provoker->channel), -ECHILD);
        leat_close(provoker->channel);
}

static void use_given(void *argument) {
        const struct provoker *provoker = argument;
        provoke(provoker->subject, provoker->channel, 3);
        CHECK_EQ(take_number(provoker->subject, provoker->channel), 3);
        leat_close(provoker->channel);
}

CONFORMS(LEAT_ROW_THREADS, kernel_channels_are_their_process_s_own, .traits = KERNEL) {
        struct leat_channel *channel = open_kernel(subject, "");
        struct provoker provoker = { subject, channel };
        CHECK_EQ(harness_wait(harness_fork(use_inherited, &provoker)), 0);
        provoke(subject, channel, 2);
        CHECK_EQ(take_number(subject, channel), 2);
        CHECK_EQ(leat_give(channel), 0);
        pid_t child = harness_fork(use_given, &provoker);
        leat_close(channel);
        CHECK_EQ(harness_wait(child), 0);
}

DENIES(LEAT_ROW_VERSIONS, kernel_bytes_are_its_own, .traits = KERNEL) {
        uint8_t buffer[LARGEST];
        struct leat_reason reason = { 0 };
        char address[96];
        snprintf(address, sizeof address, "%s?framing=leat", subject->transport->kernel->address);
        CHECK_EQ(try_open(address, subject->transport->kernel->flags, LEAT_NOW, &reason), -ENOTSUP);
        check_reason(&reason, LEAT_ROW_BOUNDARIES, -ENOTSUP);
        struct leat_channel *channel = open_kernel(subject, "");
        provoke(subject, channel, 0x4c74); /* no frame is looked for in it */
        CHECK_EQ(take_number(subject, channel), 0x4c74);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        leat_close(channel);
}

#define DESCRIPTORS 256

CONFORMS(LEAT_ROW_INHERITANCE, kernel_descriptors_close_on_exec, .traits = KERNEL) {
        bool before[DESCRIPTORS];
        int found = 0;
        for (int fd = 0; fd < DESCRIPTORS; fd++)
                before[fd] = fcntl(fd, F_GETFD) >= 0;
        struct leat_channel *channel = open_kernel(subject, "");
        CHECK(leat_fd(channel) >= 0);
        for (int fd = 0; fd < DESCRIPTORS; fd++) {
                int flags = before[fd] ? -1 : fcntl(fd, F_GETFD);
                if (flags >= 0 && !(flags & FD_CLOEXEC))
                        FAIL("descriptor %d would be inherited", fd);
                found += flags >= 0;
        }
        CHECK(found >= 2); /* the socket, and what interrupts */
        leat_close(channel);
}
