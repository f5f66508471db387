/* SPDX-License-Identifier: MIT */

/*
 * Servers that mean harm, or are broken: whatever they answer, a call ends, and what is said of it is no lie. A server here is a process that reads records
 * and answers by a script; it may be told to change it at any time.
 */

#include "hostile.h"
#include "rpc_victim.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER 4242u /* the result of each call */

/* How a greeting is answered. */
enum greeting_manner {
        FOREIGN, /* PROG_UNAVAIL */
        LEAT,
        CLOSES,
        SILENT,
        SESSION_0,
        WINDOW_0,
        KNOWN_2,
        TOO_SHORT,
        TOO_LONG,
        NOTHING,
        DENIED,
        BROKEN,
        OTHER_XID,
        CALLS_BACK,
        SYSTEM_ERROR,
        PROCEDURE,
        GREETINGS
};

/* How a call is. */
enum manner {
        WELL,
        TWICE,        /* the right answer, twice */
        AFTER_OTHERS, /* behind answers of calls that nobody made */
        LARGE,        /* a record that is larger than allowed */
        ENDLESS,      /* in fragments of one byte */
        CUT,          /* closed after `number` bytes */
        FLIPPED,      /* with bit `number` of the record turned over, then closed */
        OUTCOME,      /* of CALL: these words instead of ANSWERED and SUCCESS */
        STALE_FIRST   /* of CALL: STALE as often as `number` says, then well */
};

/* In shared memory. */
struct script {
        atomic_int greeting, manner;
        atomic_uint number, words[4], words_count;
        atomic_uint connections, greetings, plain, wrapped; /* what came */
        char address[128];
};
static struct script *script;

/* ---- the server ---- */

static void put_greeted(struct leat_xdr_buffer *buffer, uint32_t xid, uint64_t session, uint32_t window,
                        uint32_t known) {
        put_reply(buffer, xid, 0);
        put_hyper(buffer, session);
        for (uint32_t i = 0; i < 4; i++)
                put_word(buffer, i);
        put_word(buffer, window);
        put_word(buffer, UINT32_MAX);
        put_word(buffer, known);
}

/* A client that has what it wants may be gone: that is seen when it is read. */
static void reply(int fd, struct leat_xdr_buffer *buffer) {
        (void)try_send_record(fd, buffer);
}

/* Returns false: it closes. */
static bool answer_greeting(int fd, uint32_t xid, struct leat_xdr_buffer *buffer) {
        enum greeting_manner greeting = script->greeting;
        script->greetings++;
        switch (greeting) {
        case CLOSES:
                return false;
        case SILENT:
                return true;
        case FOREIGN:
        case SYSTEM_ERROR:
        case PROCEDURE:
                put_reply(buffer, xid, greeting == FOREIGN ? 1 : greeting == PROCEDURE ? 3 : 5);
                break;
        case NOTHING:
                put_reply(buffer, xid, 0);
                break;
        case DENIED:
                for (uint32_t i = 0; i < 5; i++)
                        put_word(buffer, (const uint32_t[]){ xid, 1, 1, 1, 2 }[i]);
                break;
        case BROKEN:
                for (uint32_t i = 0; i < 5; i++)
                        put_word(buffer, (const uint32_t[]){ xid, 1, 7, 7, 7 }[i]);
                break;
        case CALLS_BACK:
                put_call(buffer, xid, VICTIM_NULL);
                reply(fd, buffer);
                put_greeted(buffer, xid, 5, 64, 0);
                break;
        default:
                put_greeted(buffer, greeting == OTHER_XID ? xid + 77 : xid, greeting == SESSION_0 ? 0 : 5,
                            greeting == WINDOW_0 ? 0 : 64, greeting == KNOWN_2 ? 2 : 0);
        }
        if (greeting == TOO_LONG)
                put_word(buffer, 0);
        if (greeting == TOO_SHORT)
                buffer->size_bytes -= 4;
        reply(fd, buffer);
        return true;
}

static void put_answer(struct leat_xdr_buffer *buffer, uint32_t xid, bool wrapped) {
        put_reply(buffer, xid, 0);
        if (wrapped && script->manner == OUTCOME) {
                for (unsigned i = 0; i < script->words_count; i++)
                        put_word(buffer, script->words[i]);
                return;
        }
        if (wrapped && script->manner == STALE_FIRST && script->number > 0) {
                script->number--;
                put_word(buffer, 1);
                return;
        }
        if (wrapped) {
                put_word(buffer, 0);
                put_word(buffer, 0);
        }
        put_word(buffer, ANSWER);
}

/* With its mark, so that all of it can be broken. */
static void put_marked(struct leat_xdr_buffer *buffer, uint32_t xid, bool wrapped) {
        put_word(buffer, 0);
        put_answer(buffer, xid, wrapped);
        put_mark(buffer);
}

static void send_endless(int fd) {
        static uint8_t fragments[65535];
        for (size_t i = 0; i < sizeof(fragments); i += 5)
                memcpy(fragments + i, (const uint8_t[]){ 0, 0, 0, 1, 'x' }, 5);
        while (send_bytes(fd, fragments, sizeof(fragments)) == sizeof(fragments))
                ;
}

static bool answer_call(int fd, uint32_t xid, bool wrapped, struct leat_xdr_buffer *buffer) {
        size_t size;
        switch ((enum manner)script->manner) {
        case AFTER_OTHERS:
                for (uint32_t i = 1; i < 100; i++) {
                        put_answer(buffer, xid + (i % 2 ? i : -i), wrapped);
                        reply(fd, buffer);
                }
                break;
        case TWICE:
                put_answer(buffer, xid, wrapped);
                reply(fd, buffer);
                break;
        case LARGE:
                put_answer(buffer, xid, wrapped);
                put_opaque(buffer, NULL, 0);
                (void)send_bytes(fd, (const uint8_t[]){ 0x80, 0xff, 0xff, 0xff }, 4);
                (void)send_bytes(fd, buffer->bytes, buffer->size_bytes);
                buffer->size_bytes = 0;
                return true; /* the client closes */
        case ENDLESS:
                send_endless(fd);
                return false;
        case CUT:
        case FLIPPED:
                put_marked(buffer, xid, wrapped);
                size = script->manner == CUT ? script->number : buffer->size_bytes;
                if (script->manner == FLIPPED)
                        buffer->bytes[script->number / 8] ^= (uint8_t)(1u << script->number % 8);
                (void)send_bytes(fd, buffer->bytes, size);
                return false;
        default:
                break;
        }
        put_answer(buffer, xid, wrapped);
        reply(fd, buffer);
        return true;
}

static bool answer(int fd, const uint8_t *message, size_t size, struct leat_xdr_buffer *buffer) {
        CHECK(size >= 40 && word_at(message, 1) == 0);
        bool companion = word_at(message, 3) == COMPANION, wrapped = companion && word_at(message, 5) == WRAPPED;
        buffer->size_bytes = 0;
        if (companion && word_at(message, 5) == GREET)
                return answer_greeting(fd, word_at(message, 0), buffer);
        if (companion && !wrapped)
                return true; /* a cancellation, a farewell */
        if (wrapped)
                script->wrapped++;
        else
                script->plain++;
        return answer_call(fd, word_at(message, 0), wrapped, buffer);
}

/* One connection after the other; what the client has closed is noticed when it is read. */
static void serve(void *argument) {
        const int *listener = argument;
        struct leat_xdr_buffer buffer = { 0 };
        for (;;) {
                static uint8_t message[65536];
                int fd = accept(*listener, NULL, NULL);
                CHECK(fd >= 0);
                script->connections++;
                for (;;) {
                        ssize_t n = read_record(fd, message, sizeof(message));
                        if (n < 0 || !answer(fd, message, (size_t)n, &buffer))
                                break;
                }
                close(fd);
        }
}

static pid_t begin_as(void (*server)(void *listener), enum greeting_manner greeting) {
        char path[120]; /* more than a name has room for: listen_at() sees it */
        snprintf(path, sizeof(path), "%s/s", harness_tmpdir());
        (void)unlink(path);
        int listener = listen_at(path, SOCK_STREAM);
        script = harness_shared(sizeof(*script));
        script->greeting = greeting;
        snprintf(script->address, sizeof(script->address), "unix:%s", path);
        pid_t pid = harness_fork(server, &listener);
        close(listener);
        return pid;
}

static pid_t begin(enum greeting_manner greeting) {
        return begin_as(serve, greeting);
}

static void end(pid_t server) {
        CHECK(harness_state(server) != '?' && harness_state(server) != 'Z');
        harness_kill(server);
}

/* ---- the client ---- */

static struct leat_rpc_client *client_of(unsigned flags) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_rpc_client *client;
        options.flags = flags;
        options.reply_bytes_max = 65536;
        options.back_off_first_ns = options.back_off_most_ns = 1000000;
        CHECK_EQ(leat_rpc_connect(script->address, &options, harness_deadline_ms(20000), NULL, &client), 0);
        return client;
}

/* What became of one call; its result, if there is one, is right. */
static struct leat_rpc_call call_until(struct leat_rpc_client *client, uint32_t procedure, int64_t deadline) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call call = leat_rpc_call_until(deadline, &arena);
        uint32_t argument = 1, result = 0;
        int r = leat_rpc_call(client, &victim_program, procedure, &argument, &result, &call);
        CHECK_EQ(r, call.error);
        if (r == 0)
                CHECK_EQ(result, ANSWER);
        leat_xdr_arena_free(&arena);
        call.arena = NULL;
        return call;
}

static struct leat_rpc_call call_once(struct leat_rpc_client *client, uint32_t procedure) {
        return call_until(client, procedure, harness_deadline_ms(40000));
}

static void check_works(struct leat_rpc_client *client) {
        script->manner = WELL;
        struct leat_rpc_call call = call_once(client, VICTIM_COUNT_AGAIN);
        if (call.error != 0)
                FAIL("%s, ran %d", leat_strerror(call.error), (int)call.ran);
}

/* ---- replies ---- */

TEST(answers_that_nobody_asked_for_are_nothing) {
        static const enum manner manners[] = { TWICE, AFTER_OTHERS };
        for (int i = 0; i < 4; i++) {
                pid_t server = begin(i % 2 ? LEAT : FOREIGN);
                struct leat_rpc_client *client = client_of(0);
                for (int k = 0; k < 20; k++) {
                        script->manner = manners[i / 2];
                        CHECK_EQ(call_once(client, VICTIM_COUNT).error, 0);
                }
                check_works(client);
                CHECK_EQ(script->connections, 1);
                leat_rpc_client_free(client);
                end(server);
        }
}

/* It came, so the call ran; the connection is of no more use, and the next call has another one. */
TEST(a_reply_that_is_too_large_ends_the_connection) {
        for (int i = 0; i < 2; i++) {
                pid_t server = begin(i ? LEAT : FOREIGN);
                struct leat_rpc_client *client = client_of(0);
                script->manner = LARGE;
                struct leat_rpc_call call = call_once(client, VICTIM_COUNT);
                CHECK_EQ(call.error, -EMSGSIZE);
                CHECK(call.ran != LEAT_RPC_NOT_RUN);
                check_works(client);
                CHECK_EQ(script->connections, 2);
                leat_rpc_client_free(client);
                end(server);
        }
}

TEST(a_reply_in_fragments_without_end_ends_the_connection) {
        pid_t server = begin(FOREIGN);
        struct leat_rpc_client *client = client_of(0);
        check_works(client);
        script->manner = ENDLESS;
        struct leat_rpc_call call = call_once(client, VICTIM_COUNT);
        CHECK(call.error < 0 && call.error != -ETIMEDOUT);
        CHECK_EQ(call.ran, LEAT_RPC_UNKNOWN);
        check_works(client);
        leat_rpc_client_free(client);
        end(server);
}

#define PLAIN_REPLY 32 /* bytes, with the mark */
#define WRAPPED_REPLY 40

/* A call that runs once at most, of another implementation: nobody knows. */
TEST(a_connection_may_end_at_each_byte_of_a_reply) {
        pid_t server = begin(FOREIGN);
        struct leat_rpc_client *client = client_of(0);
        check_works(client);
        for (unsigned cut = 0; cut <= PLAIN_REPLY; cut++) {
                script->number = cut;
                script->manner = CUT;
                struct leat_rpc_call call = call_once(client, VICTIM_COUNT);
                CHECK_EQ(call.error, cut == PLAIN_REPLY ? 0 : -EPIPE);
                CHECK_EQ(call.ran, cut == PLAIN_REPLY ? LEAT_RPC_RAN : LEAT_RPC_UNKNOWN);
                check_works(client);
        }
        leat_rpc_client_free(client);
        end(server);
}

/* Of a server of Leat: it is asked for again, under its number, and has the answer. */
TEST(a_numbered_call_is_asked_for_again_wherever_its_reply_is_cut) {
        pid_t server = begin(LEAT);
        struct leat_rpc_client *client = client_of(0);
        for (unsigned cut = 0; cut <= WRAPPED_REPLY; cut++) {
                struct leat_rpc_call call = leat_rpc_call_until(harness_deadline_ms(40000), NULL), *over;
                struct leat_xdr_arena arena = { 0 };
                uint32_t argument = 1, result = 0;
                unsigned connections = script->connections;
                call.arena = &arena;
                script->number = cut;
                script->manner = CUT;
                CHECK_EQ(leat_rpc_start(client, &victim_program, VICTIM_COUNT, &argument, &result, &call), 0);
                while (cut < WRAPPED_REPLY && script->connections < connections + 3)
                        CHECK_EQ(leat_rpc_next(client, harness_deadline_ms(1), &over), -ETIMEDOUT);
                script->manner = WELL;
                CHECK_EQ(leat_rpc_next(client, harness_deadline_ms(40000), &over), 0);
                CHECK_EQ(call.error, 0);
                CHECK_EQ(result, ANSWER);
                leat_xdr_arena_free(&arena);
        }
        check_works(client);
        leat_rpc_client_free(client);
        end(server);
}

/* One bit makes no word of a server's out of a result: whatever is wrong, that it did not run is not said. */
static void check_flipped(enum greeting_manner greeting, unsigned bits) {
        pid_t server = begin(greeting);
        for (unsigned bit = 0; bit < bits; bit++) {
                struct leat_rpc_client *client = client_of(LEAT_RPC_STAY);
                struct leat_xdr_arena arena = { 0 };
                struct leat_rpc_call call = leat_rpc_call_until(harness_deadline_ms(40000), &arena);
                uint32_t argument = 1, result = ANSWER;
                script->number = bit;
                script->manner = FLIPPED;
                int r = leat_rpc_call(client, &victim_program, VICTIM_COUNT, &argument, &result, &call);
                if (r == -ETIMEDOUT || call.ran == LEAT_RPC_NOT_RUN || (r == 0 && bit < 64))
                        FAIL("bit %u: %s, ran %d, status %d", bit, leat_strerror(r), (int)call.ran, (int)call.status);
                if (r == 0)
                        CHECK_EQ(result == ANSWER, bit < bits - 32);
                leat_xdr_arena_free(&arena);
                leat_rpc_client_free(client);
        }
        end(server);
}

TEST(each_bit_of_a_plain_reply_is_turned_over) {
        check_flipped(FOREIGN, 8 * PLAIN_REPLY);
}

TEST(each_bit_of_a_wrapped_reply_is_turned_over) {
        check_flipped(LEAT, 8 * WRAPPED_REPLY);
}

/* ---- greetings ---- */

/* Whatever it is, it is no reason not to make calls, of either kind. */
TEST(however_a_greeting_is_answered_calls_are_made, .timeout_s = 120) {
        for (int greeting = 0; greeting < GREETINGS; greeting++)
                for (int again = 0; again < 2; again++) {
                        pid_t server = begin((enum greeting_manner)greeting);
                        struct leat_rpc_client *client = client_of(0);
                        for (int i = 0; i < 3; i++) {
                                struct leat_rpc_call call =
                                        call_once(client, again ? VICTIM_COUNT_AGAIN : VICTIM_COUNT);
                                if (call.error != 0)
                                        FAIL("greeting %d, procedure %d, call %d: %s, ran %d", greeting, again, i,
                                             leat_strerror(call.error), (int)call.ran);
                        }
                        printf("greeting %d: %u connections, %u greetings, %u plain and %u wrapped calls\n", greeting,
                               script->connections, script->greetings, script->plain, script->wrapped);
                        CHECK(script->greetings <= 4);
                        CHECK(greeting == CLOSES || again || script->plain + script->wrapped == 3);
                        leat_rpc_client_free(client);
                        end(server);
                }
}

/* ---- what stands behind a reply to CALL ---- */

static const struct outcome {
        const char *name;
        uint32_t words[4], count;
        int error;    /* 0: any */
        unsigned ran; /* a mask of what may be said */
} outcomes[] = {
#define MAY(ran) (1u << (ran))
        { "stale", { 1 }, 1, 0, MAY(LEAT_RPC_NOT_RUN) },
        { "forgotten", { 2 }, 1, 0, MAY(LEAT_RPC_UNKNOWN) },
        { "ran", { 3 }, 1, 0, MAY(LEAT_RPC_RAN) },
        { "busy", { 4 }, 1, 0, MAY(LEAT_RPC_NOT_RUN) },
        { "draining", { 5 }, 1, 0, MAY(LEAT_RPC_NOT_RUN) },
        { "expired", { 6 }, 1, -ETIMEDOUT, MAY(LEAT_RPC_NOT_RUN) },
        { "cancelled", { 7 }, 1, -ECANCELED, MAY(LEAT_RPC_NOT_RUN) },
        { "no outcome", { 8 }, 1, -EBADMSG, MAY(LEAT_RPC_UNKNOWN) },
        { "no outcome either", { UINT32_MAX }, 1, -EBADMSG, MAY(LEAT_RPC_UNKNOWN) },
        { "nothing", { 0 }, 0, -EBADMSG, MAY(LEAT_RPC_UNKNOWN) },
        { "half", { 0 }, 1, -EBADMSG, MAY(LEAT_RPC_UNKNOWN) },
        { "stale and more", { 1, 1 }, 2, -EBADMSG, MAY(LEAT_RPC_UNKNOWN) },
        { "program", { 0, 1 }, 2, -EPROTO, MAY(LEAT_RPC_NOT_RUN) },
        { "version", { 0, 2, 1, 3 }, 4, -EPROTO, MAY(LEAT_RPC_NOT_RUN) },
        { "version without numbers", { 0, 2, 1 }, 3, -EBADMSG, MAY(LEAT_RPC_UNKNOWN) },
        { "procedure", { 0, 3 }, 2, -EPROTO, MAY(LEAT_RPC_NOT_RUN) },
        { "garbage", { 0, 4 }, 2, -EPROTO, MAY(LEAT_RPC_NOT_RUN) },
        { "system error", { 0, 5 }, 2, -EPROTO, MAY(LEAT_RPC_RAN) },
        { "no status", { 0, 6 }, 2, -EBADMSG, MAY(LEAT_RPC_UNKNOWN) },
        { "no status either", { 0, UINT32_MAX }, 2, -EBADMSG, MAY(LEAT_RPC_UNKNOWN) },
        { "no result", { 0, 0 }, 2, -EBADMSG, MAY(LEAT_RPC_RAN) },
        { "two results", { 0, 0, 1, 2 }, 4, -EBADMSG, MAY(LEAT_RPC_RAN) },
};

/* Those that say "another time" say so for ever: then the deadline ends it, and not a thousand attempts have been made. */
TEST(every_outcome_is_told_as_it_is) {
        for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
                const struct outcome *outcome = &outcomes[i];
                pid_t server = begin(LEAT);
                struct leat_rpc_client *client = client_of(0);
                check_works(client);
                for (uint32_t k = 0; k < outcome->count; k++)
                        script->words[k] = outcome->words[k];
                script->words_count = outcome->count;
                script->manner = OUTCOME;
                struct leat_rpc_call call = call_until(client, VICTIM_COUNT, harness_deadline_ms(500));
                /* On a busy machine the deadline may pass while an attempt is under way, of which nothing is known. */
                for (int more = 10; more > 0 && call.error == -ETIMEDOUT && call.ran == LEAT_RPC_UNKNOWN; more--)
                        call = call_until(client, VICTIM_COUNT, harness_deadline_ms(500));
                if (call.error == 0 || (outcome->error != 0 && call.error != outcome->error) ||
                    !(MAY(call.ran) & outcome->ran))
                        FAIL("%s: %s, ran %d", outcome->name, leat_strerror(call.error), (int)call.ran);
                printf("%s: %s, %u attempts\n", outcome->name, leat_strerror(call.error), script->wrapped);
                CHECK(script->wrapped < 5000);
                check_works(client);
                leat_rpc_client_free(client);
                end(server);
        }
}

/* It was not run there, so it is a new call for the session that there is now; when nothing is in doubt. */
TEST(a_stale_session_is_greeted_anew) {
        pid_t server = begin(LEAT);
        struct leat_rpc_client *client = client_of(0);
        for (unsigned i = 0; i < 5; i++) {
                script->number = i;
                script->manner = STALE_FIRST;
                CHECK_EQ(call_once(client, VICTIM_COUNT).error, 0);
        }
        CHECK_EQ(script->connections, 1);
        leat_rpc_client_free(client);
        end(server);
}

/* ---- servers that are hardly there ---- */

static void close_at_once(void *argument) {
        const int *listener = argument;
        for (;;) {
                int fd = accept(*listener, NULL, NULL);
                CHECK(fd >= 0);
                script->connections++;
                close(fd);
        }
}

/* It accepts, and closes: for ever. Nothing was sent that could have been run, or that is unknown; the pauses between attempts bound their number. */
TEST(a_server_that_only_accepts_is_tried_until_the_deadline) {
        pid_t server = begin_as(close_at_once, LEAT);
        struct leat_rpc_client *client = client_of(0);
        struct leat_rpc_call call = call_until(client, VICTIM_COUNT, harness_deadline_ms(300));
        printf("%s, ran %d, %u connections\n", leat_strerror(call.error), (int)call.ran, script->connections);
        CHECK(call.error < 0);
        CHECK(call.ran != LEAT_RPC_RAN);
        CHECK(script->connections < 3000);
        leat_rpc_client_free(client);
        end(server);
}

/* A thousand calls under way, and the server answers them with each other's numbers turned round: each has its own. */
TEST(answers_in_any_order) {
        enum { CALLS = 500 };
        static struct leat_rpc_call calls[CALLS];
        static uint32_t results[CALLS];
        static struct leat_xdr_arena arena;
        pid_t server = begin(LEAT);
        struct leat_rpc_client *client = client_of(0);
        for (int round = 0; round < 4; round++) {
                script->manner = round % 2 ? AFTER_OTHERS : TWICE;
                for (uint32_t i = 0; i < CALLS; i++) {
                        calls[i] = leat_rpc_call_until(harness_deadline_ms(40000), &arena);
                        CHECK_EQ(leat_rpc_start(client, &victim_program, VICTIM_COUNT, &i, &results[i], &calls[i]), 0);
                }
                for (int i = 0; i < CALLS; i++) {
                        struct leat_rpc_call *over;
                        CHECK_EQ(leat_rpc_next(client, harness_deadline_ms(40000), &over), 0);
                        CHECK_EQ(over->error, 0);
                        CHECK_EQ(results[over - calls], ANSWER);
                }
        }
        leat_xdr_arena_free(&arena);
        leat_rpc_client_free(client);
        end(server);
}

TEST_MAIN()
