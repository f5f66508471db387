/* SPDX-License-Identifier: MIT */

/* The library as a contender: opened by name as two programs would, or inherited where there is no name. */

#include "tools/leat/bench_loops.h"
#include "tools/leat/bench_opening.h"

#include <stdio.h>

/* How an address says where. %s: the private folder; %u: a number. */
enum form { FORM_PAIR, FORM_FILE, FORM_QUEUE, FORM_KEY, FORM_FIXED };

static const struct scheme {
        const char *name;
        enum form form;
        bool pair; /* goes both ways on one channel */
        size_t exclusive_above;
        const char *options;
} schemes[] = {
        { "pipe", FORM_PAIR, true, SIZE_MAX, "" },
        { "unix", FORM_FILE, true, SIZE_MAX, "" },
        { "unix-stream", FORM_FILE, true, SIZE_MAX, "" },
        { "unix-dgram", FORM_FILE, true, SIZE_MAX, "" },
        { "inbox", FORM_FIXED, false, SIZE_MAX, "" },
        { "fifo", FORM_FILE, false, 4048, "" },
        { "tcp", FORM_FIXED, true, SIZE_MAX, "" },
        { "udp", FORM_FIXED, true, SIZE_MAX, "" },
        { "mq", FORM_QUEUE, false, SIZE_MAX, "" },
        { "sysv-mq", FORM_KEY, false, SIZE_MAX, "" },
        /* It would fill the disk; a round writes much less than two files. */
        { "log", FORM_FILE, false, SIZE_MAX, "&rotate=64M&retain-files=2" },
        /* Two queues: a channel that goes one way has no lock. */
        { "shm", FORM_FILE, false, SIZE_MAX, "" },
};

static const struct scheme *scheme_find(const char *name) {
        size_t i = 0;
        while (strcmp(schemes[i].name, name) != 0)
                i++; /* the plan holds these alone */
        return &schemes[i];
}

static bool is_pair(const struct setting *setting) {
        return setting->two_way && scheme_find(setting->scheme)->pair;
}

/* The name without options of what `side` receives on. */
static void form_name(const struct setting *setting, int side, char name[BENCH_ADDRESS_SIZE]) {
        const struct scheme *scheme = scheme_find(setting->scheme);
        const char *last = strrchr(setting->folder, '/');
        unsigned number = 2 * setting->number + (unsigned)side;
        bool inet = strcmp(scheme->name, "tcp") == 0 || strcmp(scheme->name, "udp") == 0;
        if (scheme->form == FORM_FILE)
                (void)snprintf(name, BENCH_ADDRESS_SIZE, "%s:%s/leat-%u", scheme->name, setting->folder, number);
        else if (scheme->form == FORM_QUEUE)
                (void)snprintf(name, BENCH_ADDRESS_SIZE, "%s:/%s-%u", scheme->name, last ? last + 1 : "", number);
        else if (scheme->form == FORM_KEY)
                (void)snprintf(name, BENCH_ADDRESS_SIZE, "%s:%s#%u", scheme->name, setting->folder, number % 255 + 1);
        else
                (void)snprintf(name, BENCH_ADDRESS_SIZE, "%s:%s", scheme->name, inet ? "127.0.0.1:0" : "");
}

/* A name and the options that both sides say. */
static void form_address(const struct setting *setting, const char *name, const char *more,
                         char address[BENCH_ADDRESS_SIZE]) {
        const struct scheme *scheme = scheme_find(setting->scheme);
        const char *pattern = is_pair(setting) ? "pair" : strcmp(scheme->name, "log") == 0 ? "broadcast" : "queue";
        bool exclusive = setting->largest > scheme->exclusive_above;
        char size[40] = "";
        if (scheme->form == FORM_QUEUE && !setting->ask) /* as large as the bare one: what queues may take is bounded */
                (void)snprintf(size, sizeof(size), "&size=%zu", setting->largest);
        (void)snprintf(address, BENCH_ADDRESS_SIZE, "%s?pattern=%s%s%s%s%s%s%s", name, pattern, scheme->options, size,
                       exclusive ? "&exclusive" : "", setting->wait ? "&wait=" : "", setting->wait ? setting->wait : "",
                       more);
}

static int open_leat(struct end *end, const char *name, unsigned flags, const char *more,
                     struct leat_channel **ret_channel) {
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        char address[BENCH_ADDRESS_SIZE];
        form_address(end->setting, name, more, address);
        options.flags = flags;
        options.deadline = leat_in_s(10);
        int r = leat_open_with(address, &options, &reason, ret_channel);
        return r < 0 ? end_says(end, r, "%s: %s", address, reason.text ? reason.text : leat_strerror(r)) : 0;
}

/* Where the other side finds what this one has opened: a port was chosen by the kernel, a mailbox has our pid. */
static int tell_address(struct end *end, struct leat_channel *channel, const char *name) {
        char *address = end->shared->address[end->side];
        ssize_t n = leat_channel_address(channel, address, BENCH_ADDRESS_SIZE);
        if (n == -ENOTSUP)
                n = snprintf(address, BENCH_ADDRESS_SIZE, "%s", name);
        return n < 0 ? (int)n : 0;
}

static int bind_leat(struct end *end) {
        struct leat_channel *channel;
        char name[BENCH_ADDRESS_SIZE];
        bool pair = is_pair(end->setting), receives = end->side == 1 || (end->setting->two_way && !pair);
        if (end->state_in || end->state || !receives)
                return 0; /* inherited, or this side connects alone */
        form_name(end->setting, end->side, name);
        int r = open_leat(end, name, pair ? LEAT_SEND | LEAT_RECEIVE : LEAT_RECEIVE, pair ? "&listen" : "", &channel);
        if (r < 0)
                return r;
        end->state_in = channel;
        end->state = pair ? channel : NULL;
        return tell_address(end, channel, name);
}

static int connect_leat(struct end *end) {
        struct leat_channel *channel;
        bool pair = is_pair(end->setting), sends = end->side == 0 || end->setting->two_way;
        if (end->state || !sends || end->setting->opens)
                return 0;
        int r = open_leat(end, end->shared->address[!end->side], pair ? LEAT_SEND | LEAT_RECEIVE : LEAT_SEND, "",
                          &channel);
        if (r < 0)
                return r;
        end->state = channel;
        end->state_in = pair ? channel : end->state_in;
        return 0;
}

/* Both ends of what has no name, for each process to take its own (leat_give). */
static int prepare_leat(struct end ends[2]) {
        const struct setting *setting = ends[0].setting;
        struct leat_reason reason = { 0 };
        struct leat_channel *receiver, *sender;
        char scheme[32], address[BENCH_ADDRESS_SIZE];
        if (scheme_find(setting->scheme)->form != FORM_PAIR)
                return 0;
        (void)snprintf(scheme, sizeof(scheme), "%s:", setting->scheme);
        form_address(setting, scheme, "", address);
        int r = leat_pair(address, &reason, &receiver, &sender);
        if (r < 0)
                return end_says(&ends[0], r, "%s", reason.text ? reason.text : leat_strerror(r));
        ends[0].state = sender;
        ends[1].state_in = receiver;
        if (setting->two_way) {
                ends[0].state_in = sender;
                ends[1].state = receiver;
        }
        return 0;
}

static void drop_leat(struct end *end) {
        struct leat_channel *in = end->state_in, *out = end->state == end->state_in ? NULL : end->state;
        leat_close(in);
        leat_close(out);
        end->state = end->state_in = NULL;
}

static void give_leat(struct end *end) {
        if (end->state)
                (void)leat_give(end->state);
        if (end->state_in && end->state_in != end->state)
                (void)leat_give(end->state_in);
}

static int failed(struct end *end, struct leat_channel *channel, int error) {
        struct leat_reason reason = { 0 };
        (void)leat_why(channel, &reason);
        return end_says(end, error, "%s", reason.error == error && reason.text ? reason.text : leat_strerror(error));
}

static inline int leat_send_one(struct end *end, const void *bytes, size_t size) {
        int r = leat_send(end->state, 1, bytes, size, LEAT_NEVER);
        return r < 0 ? failed(end, end->state, r) : 0;
}

static inline ssize_t leat_receive_one(struct end *end, void *buffer, size_t size) {
        ssize_t n = leat_receive(end->state_in, LEAT_ANY, buffer, size, LEAT_NEVER, NULL);
        return n < 0 ? failed(end, end->state_in, (int)n) : n;
}

BENCH_LOOPS(leat, leat_send_one, leat_receive_one)

struct messages {
        struct leat_outgoing out[LEAT_MANY_MAX];
        struct leat_incoming in[LEAT_MANY_MAX];
};

/* Each message of a batch has its own place, at least a cache line from the next. */
static size_t stride(const struct job *job) {
        return (job->size + 63) / 64 * 64;
}

static int send_batch(struct end *end, const struct job *job, uint64_t first, size_t count) {
        for (size_t i = 0; i < count; i++) {
                unsigned char *message = end->message + i * stride(job);
                loop_fill(end, message, job->size, first + i);
                end->many->out[i] = (struct leat_outgoing){ .type = 1, .bytes = message, .size_bytes = job->size };
        }
        for (size_t at = 0; at < count;) {
                ssize_t n = leat_send_many(end->state, end->many->out + at, count - at, LEAT_NEVER);
                if (n < 0)
                        return failed(end, end->state, (int)n);
                at += (size_t)n;
        }
        return 0;
}

static int leat_many_out(struct end *end, const struct job *job) {
        int r = 0;
        for (uint64_t i = 0; i < job->count && r == 0;) {
                size_t count = job->count - i < job->batch ? (size_t)(job->count - i) : job->batch;
                r = send_batch(end, job, i, count);
                i += count;
                if (r == 0)
                        r = loop_await_chunk(end, job, i, leat_receive_one);
        }
        return r == 0 ? loop_await_last(end, job, leat_receive_one) : r;
}

static ssize_t receive_batch(struct end *end, const struct job *job, uint64_t first, size_t count) {
        ssize_t n = leat_receive_many(end->state_in, LEAT_ANY, end->many->in, count, LEAT_NEVER);
        int r = n < 0 ? failed(end, end->state_in, (int)n) : 0;
        for (ssize_t i = 0; i < n && r == 0; i++)
                r = loop_check(end, end->many->in[i].buffer, (ssize_t)end->many->in[i].about.size_bytes, job->size,
                               first + (uint64_t)i);
        return r < 0 ? r : n;
}

/* What came passes the end of a chunk perhaps: all the ends that it passed are told. */
static int leat_many_in(struct end *end, const struct job *job) {
        for (size_t i = 0; i < job->batch; i++)
                end->many->in[i] = (struct leat_incoming){ .buffer = end->message + i * stride(job),
                                                           .size_bytes = job->size,
                                                           .about = LEAT_MESSAGE_INIT };
        int r = 0;
        for (uint64_t i = 0; i < job->count && r == 0;) {
                size_t count = job->count - i < job->batch ? (size_t)(job->count - i) : job->batch;
                ssize_t n = receive_batch(end, job, i, count);
                r = n < 0 ? (int)n : 0;
                for (ssize_t k = 0; k < n && r == 0; k++)
                        r = loop_tell_chunk(end, job, ++i, leat_send_one);
        }
        return r;
}

/* ---- opening ---- */

static int open_and_send(struct end *end, const struct job *job, uint64_t count) {
        int64_t before = leat_now();
        struct leat_channel *channel;
        int r = open_leat(end, end->shared->address[1], LEAT_SEND, "", &channel);
        if (r < 0)
                return r;
        r = leat_send(channel, 1, end->message, job->size, LEAT_NEVER);
        if (r < 0)
                r = failed(end, channel, r);
        else
                opening_await(end, count, before);
        leat_close(channel);
        return r;
}

static int leat_opens(struct end *end, const struct job *job) {
        uint64_t count = opening_count(end);
        int r = 0;
        for (uint64_t i = 0; i < job->count && r == 0; i++)
                r = open_and_send(end, job, ++count);
        return r;
}

/* The end of each sender is told between the messages. */
static int leat_opened(struct end *end, const struct job *job) {
        ssize_t n = 0;
        for (uint64_t i = 0; i < job->count && n >= 0; i++) {
                do
                        n = leat_receive(end->state_in, LEAT_ANY, end->message, job->size, LEAT_NEVER, NULL);
                while (n == -ENODATA);
                if (n >= 0)
                        opening_landed(end);
        }
        return n < 0 ? failed(end, end->state_in, (int)n) : 0;
}

/* Names remain of stores, and of who was killed. What a side told is what it opened. */
static void remove_leat(struct end ends[2]) {
        const struct setting *setting = ends[0].setting;
        enum form form = scheme_find(setting->scheme)->form;
        for (int side = 0; side < 2; side++) {
                char name[BENCH_ADDRESS_SIZE];
                const char *told = ends[0].shared ? ends[0].shared->address[side] : "";
                form_name(setting, side, name);
                if (*told || form == FORM_FILE || form == FORM_QUEUE || form == FORM_KEY)
                        (void)leat_remove(*told ? told : name, NULL);
        }
}

size_t leat_largest(const struct setting *setting, char text[BENCH_TEXT_SIZE], int *ret_error) {
        struct leat_info info = LEAT_INFO_INIT;
        struct shared *shared = calloc(1, sizeof(*shared));
        struct end ends[2];
        for (int side = 0; side < 2; side++)
                ends[side] = (struct end){ .setting = setting, .shared = shared, .side = side };
        int r = shared ? prepare_leat(ends) : -ENOMEM;
        if (r == 0)
                r = bind_leat(&ends[1]);
        if (r == 0)
                r = leat_channel_info(ends[1].state_in, &info);
        (void)snprintf(text, BENCH_TEXT_SIZE, "%s", shared ? shared_text(shared) : "");
        drop_leat(&ends[0]);
        drop_leat(&ends[1]);
        remove_leat(ends);
        free(shared);
        *ret_error = r;
        return r < 0 ? 0 : (size_t)info.largest_bytes;
}

const struct contender contender_leat = {
        .name = "leat",
        .what = "leat_send and leat_receive",
        .loops = { BENCH_LOOPS_OF(leat), .many_out = leat_many_out, .many_in = leat_many_in, .open = leat_opens,
                   .opened = leat_opened },
        .prepare = prepare_leat,
        .give = give_leat,
        .drop = drop_leat,
        .bind = bind_leat,
        .connect = connect_leat,
        .remove = remove_leat,
};
