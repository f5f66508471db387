/* SPDX-License-Identifier: MIT */

/* The two ends of a channel, in this process and across fork. */

#include "conformance.h"

#include <inttypes.h>

#define ENOUGH 200 /* records in what is never full, or drops what finds no room */

unsigned receiver_flags(const struct subject *subject) {
        return subject->declaration->pattern == LEAT_PAIR ? LEAT_SEND | LEAT_RECEIVE : LEAT_RECEIVE;
}

unsigned sender_flags(const struct subject *subject) {
        return subject->declaration->pattern == LEAT_PAIR ? LEAT_SEND | LEAT_RECEIVE : LEAT_SEND;
}

/* The part of an address before its options, and the options. */
static void compose(const struct place *place, bool receives, const char *name, const char *more, const char *options,
                    char *ret_address, size_t size) {
        const struct conformance_transport *transport = place->subject->transport;
        char common[96];
        int n = transport->address ? snprintf(ret_address, size, transport->address, name)
                                   : snprintf(ret_address, size, "%s:", place->subject->declaration->scheme);
        subject_options(place->subject, receives, common, sizeof common);
        n += snprintf(ret_address + n, size - (size_t)n, "%s%s%s%s", common, more, options[0] ? "&" : "", options);
        CHECK(n < (int)size);
}

/* By process: senders name the one that receives, which names none. */
static void name_receiving_process(struct place *place, pid_t pid) {
        char options[200];
        snprintf(options, sizeof options, "%s", strchr(place->sender_address, '?'));
        snprintf(place->sender_address, sizeof place->sender_address, "%s:%d%s", place->subject->declaration->scheme,
                 (int)pid, options);
}

/* As unique as the path. */
static void flatten(const char *path, char *ret_name) {
        for (path++; (*ret_name = *path == '/' ? '-' : *path); path++)
                ret_name++;
}

static void remove_address(const char *address) {
        leat_remove(address, NULL);
}

/* What is kept elsewhere than in the test's directory. */
static void remove_later(const struct place *place) {
        unsigned traits = subject_traits(place->subject);
        if ((traits & KEEPS) && !(traits & PLACED)) {
                char address[sizeof place->receiver_address];
                snprintf(address, sizeof address, "%.*s", (int)strcspn(place->receiver_address, "?"),
                         place->receiver_address);
                harness_remove_later(remove_address, address);
        }
}

void place_remove(const struct place *place) {
        if (subject_traits(place->subject) & KEEPS)
                CHECK_EQ(leat_remove(place->receiver_address, NULL), 0);
}

static void make_pair(struct place *place) {
        struct leat_reason reason = { 0 };
        int r = leat_pair(place->receiver_address, &reason, &place->receiver, &place->sender);
        if (r < 0)
                FAIL("leat_pair(%s): %s (%s)", place->receiver_address, leat_strerror(r),
                     reason.text ? reason.text : "");
}

/* A group that only this process uses, which stands where the host would, and a port. */
static void name_group(int number, const char *options, char *ret_name, size_t name_size, char *ret_options,
                       size_t size) {
        unsigned pid = (unsigned)getpid();
        snprintf(ret_name, name_size, ":%d", 5000 + number);
        snprintf(ret_options, size, "multicast=239.%u.%u.%u%s%s", 128 | (pid >> 16 & 127), pid >> 8 & 255, pid & 255,
                 options[0] ? "&" : "", options);
}

/* The timers of the network: of the place that was made last. */
static int full_after_ms;

static void make(struct place *place, const struct subject *subject, const char *options, bool swapped) {
        static int number;
        unsigned traits = subject_traits(subject);
        bool named = subject->transport->address != NULL;
        bool pair = subject->declaration->pattern == LEAT_PAIR;
        full_after_ms = subject->transport->full_after_ms;
        *place = (struct place){ .subject = subject, .bound = traits & LOSSY ? harness_event_new() : NULL };
        snprintf(place->path, sizeof place->path, "%s/channel%d", harness_tmpdir(), number++);
        if (subject->transport->prepare)
                subject->transport->prepare(place->path);
        const char *listens = !named ? "" : swapped ? "&connect" : pair ? "&listen" : "";
        const char *connects = named && swapped ? "&listen" : "";
        char flat[sizeof place->path];
        flatten(place->path, flat);
        const char *name = traits & BY_PID ? "" : traits & FLAT ? flat : place->path;
        char own[64];
        if (subject->transport->name) {
                subject->transport->name(number, own, sizeof own);
                name = own;
        }
        char grouped[160];
        if (subject->transport->group && subject->declaration->pattern == LEAT_BROADCAST) {
                name_group(number, options, own, sizeof own, grouped, sizeof grouped);
                options = grouped;
        }
        compose(place, true, name, listens, options, place->receiver_address, sizeof place->receiver_address);
        compose(place, false, name, connects, options, place->sender_address, sizeof place->sender_address);
        if (traits & BY_PID)
                name_receiving_process(place, getpid());
        remove_later(place);
        if (!named)
                make_pair(place);
}

void place_new(struct place *place, const struct subject *subject, const char *options) {
        make(place, subject, options, false);
}

void place_new_swapped(struct place *place, const struct subject *subject, const char *options) {
        make(place, subject, options, true);
}

static struct leat_channel *take(struct leat_channel **channel) {
        struct leat_channel *taken = *channel;
        *channel = NULL;
        return taken;
}

struct leat_channel *place_receiver(struct place *place) {
        if (place->receiver)
                return take(&place->receiver);
        struct leat_channel *channel = open_or_fail(place->receiver_address, receiver_flags(place->subject), SOON);
        if (place->bound)
                harness_event_signal(place->bound);
        return channel;
}

struct leat_channel *place_sender(struct place *place) {
        if (place->sender)
                return take(&place->sender);
        if (place->bound && place->receiver_elsewhere) {
                harness_event_wait(place->bound);
                harness_event_signal(place->bound); /* for the next one */
        }
        return open_or_fail(place->sender_address, sender_flags(place->subject), SOON);
}

void place_both(struct place *place, struct leat_channel **ret_receiver, struct leat_channel **ret_sender) {
        bool sender_binds = strstr(place->sender_address, "&listen") != NULL;
        if (sender_binds)
                *ret_sender = place_sender(place);
        *ret_receiver = place_receiver(place);
        if (!sender_binds)
                *ret_sender = place_sender(place);
}

void place_both_new(const struct subject *subject, const char *options, struct leat_channel **ret_receiver,
                    struct leat_channel **ret_sender) {
        struct place place;
        place_new(&place, subject, options);
        place_both(&place, ret_receiver, ret_sender);
}

/* ---- in another process ---- */

struct job {
        struct place *place;
        struct leat_channel *(*open)(struct place *place);
        end_function *function;
        void *argument;
};

static void do_job(void *argument) {
        const struct job *job = argument;
        job->place->receiver_elsewhere |= job->open == place_sender;
        struct leat_channel *channel = job->open(job->place);
        job->function(channel, job->argument);
        leat_close(channel);
}

static pid_t fork_end(struct job *job, struct leat_channel **end) {
        if (*end)
                CHECK_EQ(leat_give(*end), 0);
        pid_t pid = harness_fork(do_job, job);
        *end = leat_close(*end);
        return pid;
}

pid_t place_fork_receiver(struct place *place, end_function *function, void *argument) {
        struct job job = { place, place_receiver, function, argument };
        pid_t pid = fork_end(&job, &place->receiver);
        place->receiver_elsewhere = true;
        if (subject_traits(place->subject) & BY_PID)
                name_receiving_process(place, pid);
        return pid;
}

pid_t place_fork_sender(struct place *place, end_function *function, void *argument) {
        struct job job = { place, place_sender, function, argument };
        return fork_end(&job, &place->sender);
}

void kill_child(pid_t pid) {
        CHECK_EQ(kill(pid, SIGKILL), 0);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
}

/* ---- messages ---- */

/* Letters only: no delimiter of any framing is among them. */
void fill(uint8_t *bytes, size_t size, uint64_t number) {
        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)('A' + (number * 7 + i * 31 + i / 251 + i / 65536) % 58);
}

void check_filled(const uint8_t *bytes, size_t size, uint64_t number) {
        for (size_t i = 0; i < size; i++)
                if (bytes[i] != (uint8_t)('A' + (number * 7 + i * 31 + i / 251 + i / 65536) % 58))
                        FAIL("message %" PRIu64 " of %zu bytes differs at byte %zu", number, size, i);
}

void fill_numbered(uint8_t *bytes, size_t size, uint64_t number) {
        char record[RECORD_BYTES + 1];
        snprintf(record, sizeof record, "%016" PRIx64, number);
        memcpy(bytes, record, RECORD_BYTES);
        fill(bytes + RECORD_BYTES, size - RECORD_BYTES, number);
}

uint64_t check_numbered(const uint8_t *bytes, size_t size) {
        char record[RECORD_BYTES + 1] = "";
        CHECK(size >= RECORD_BYTES);
        memcpy(record, bytes, RECORD_BYTES);
        uint64_t number = strtoull(record, NULL, 16);
        check_filled(bytes + RECORD_BYTES, size - RECORD_BYTES, number);
        return number;
}

void send_record(struct leat_channel *sender, uint64_t number) {
        char record[RECORD_BYTES + 1];
        snprintf(record, sizeof record, "%016" PRIx64, number);
        CHECK_EQ(leat_send(sender, 1, record, RECORD_BYTES, SOON), 0);
}

void take_exactly(struct leat_channel *receiver, void *buffer, size_t size) {
        bool framed = info_of(receiver).declaration->rows[LEAT_ROW_BOUNDARIES].verdict != LEAT_NO;
        size_t done = 0;
        do {
                ssize_t n = leat_receive(receiver, LEAT_ANY, (uint8_t *)buffer + done, size - done, SOON, NULL);
                if (n < 0 || (framed && (size_t)n != size))
                        FAIL("a message of %zu bytes was expected, not %zd (%s)", size, n,
                             n < 0 ? leat_strerror((int)n) : "");
                done += (size_t)n;
        } while (done < size);
}

uint64_t take_record(struct leat_channel *receiver) {
        char record[RECORD_BYTES + 1];
        take_exactly(receiver, record, RECORD_BYTES);
        record[RECORD_BYTES] = '\0';
        return strtoull(record, NULL, 16);
}

void take_record_numbered(struct leat_channel *receiver, uint64_t number) {
        CHECK_EQ(take_record(receiver), number);
}

void send_text(struct leat_channel *sender, int64_t type, const char *text) {
        CHECK_EQ(leat_send(sender, type, text, strlen(text), SOON), 0);
}

void take_text(struct leat_channel *receiver, int64_t select, const char *text) {
        char buffer[256];
        ssize_t n = leat_receive(receiver, select, buffer, sizeof buffer - 1, SOON, NULL);
        if (n < 0)
                FAIL("\"%s\" was expected, not %zd (%s)", text, n, leat_strerror((int)n));
        buffer[n] = '\0';
        CHECK_STR(buffer, text);
}

ssize_t receive_now(struct leat_channel *receiver) {
        char buffer[256];
        return leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL);
}

void settle(struct leat_channel *receiver) {
        CHECK_EQ(receive_now(receiver), -EAGAIN);
}

void expect_end(struct leat_channel *receiver) {
        char buffer[256];
        if (info_of(receiver).declaration->rows[LEAT_ROW_END].verdict == LEAT_NO) {
                settle(receiver);
                return;
        }
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ENODATA);
}

uint64_t fill_up(struct leat_channel *sender, uint64_t number) {
        uint64_t first = number;
        bool fills = info_of(sender).declaration->rows[LEAT_ROW_FULL].verdict != LEAT_NO;
        for (;; number++) {
                if (!fills && number - first == ENOUGH)
                        return ENOUGH;
                char record[RECORD_BYTES + 1];
                snprintf(record, sizeof record, "%016" PRIx64, number);
                int r = leat_send(sender, 1, record, RECORD_BYTES, LEAT_NOW);
                if (r == -EAGAIN && full_after_ms)
                        r = leat_send(sender, 1, record, RECORD_BYTES, leat_in_ms(full_after_ms));
                if (r == -ETIMEDOUT) /* this process may have stood still while room came: it is full if it is so now */
                        r = leat_send(sender, 1, record, RECORD_BYTES, LEAT_NOW);
                if (r == -EAGAIN)
                        return number - first;
                CHECK_EQ(r, 0);
        }
}

int send_beyond(struct leat_channel *sender, uint64_t *count, unsigned flags, int64_t deadline) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.flags = flags;
        options.deadline = deadline;
        for (;; ++*count) {
                char record[RECORD_BYTES + 1];
                snprintf(record, sizeof record, "%016" PRIx64, *count);
                int r = leat_send_with(sender, record, RECORD_BYTES, &options);
                if (r != 0 || !full_after_ms)
                        return r;
        }
}

void check_reason(const struct leat_reason *reason, enum leat_row row, int error) {
        CHECK_EQ(reason->error, error);
        CHECK_EQ(reason->row, row);
        CHECK(reason->text && reason->text[0]);
}

void check_why(struct leat_channel *channel, enum leat_row row, int error) {
        struct leat_reason reason = { 0 };
        CHECK_EQ(leat_why(channel, &reason), 0);
        check_reason(&reason, row, error);
}
