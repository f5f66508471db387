/* SPDX-License-Identifier: MIT */

/*
 * The short way of calls by shared memory (docs/design/speed.md), and a party at its other end that breaks the rules: a hostile client writes into the
 * ring that a server reads, and a hostile server into that of a client.
 */

#include "hostile.h"
#include "quick_peer.h"
#include "rpc/server.h"
#include "rpc_victim.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a server, and clients made by hand ---- */

struct scene {
        char path[100];
        struct leat_rpc_server *server;
        struct quick_peer honest;
        uint32_t calls; /* of the honest one */
};

/* Until there is nothing to do. What a step says of somebody who was cut off is no matter here. */
static void settle(struct leat_rpc_server *server) {
        int vain = 0;
        for (int i = 0; vain < 2; i++) {
                int r = leat_rpc_server_step(server, LEAT_NOW);
                CHECK(i < 10000 && r != -EBUSY && r != -EINVAL);
                vain = r == -EAGAIN || r == -ENODATA ? vain + 1 : 0;
                while (victim_holds() > 0)
                        victim_answer_one();
        }
}

/* One message: a look in vain would end the short way until the next one. */
static void serve(struct leat_rpc_server *server) {
        if (leat_rpc_server_step(server, LEAT_NOW) != 1 || victim_holds() > 0)
                settle(server);
}

/* The next reply. Whatever others send, it is there soon. */
static void await(struct leat_rpc_server *server, struct quick_peer *peer, struct quick_record *ret_reply) {
        for (int i = 0; i < 1000; i++) {
                (void)leat_rpc_server_step(server, LEAT_NOW);
                if (peer_take(peer, ret_reply))
                        return;
        }
        FAIL("no reply after 1000 steps");
}

static void join(const struct scene *scene, struct quick_peer *peer) {
        quick_peer_make(peer);
        peer->shm.socket = connect_to(scene->path, SOCK_SEQPACKET);
        CHECK(shm_say(peer->shm.socket, SHM_HELLO, (int[]){ peer->shm.mine.fd, peer->shm.ends[1] }, 2));
        for (int i = 0; i < 100 && !shm_hear(&peer->shm); i++)
                (void)leat_rpc_server_step(scene->server, LEAT_NOW);
        CHECK(peer->shm.wake >= 0);
}

static void open_scene(struct scene *scene) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        char address[128];
        options.bytes_max = 1 << 20;
        options.request_bytes_max = 1 << 16;
        options.peer_bytes_max = 1 << 18;
        *scene = (struct scene){ 0 };
        (void)harness_stop_counter();
        victim_meet();
        snprintf(scene->path, sizeof(scene->path), "%s/quick", harness_tmpdir());
        snprintf(address, sizeof(address), "shm:%s", scene->path);
        scene->server = victim_make(&options);
        CHECK(scene->server);
        CHECK_EQ(leat_rpc_server_listen(scene->server, address, LEAT_NOW, NULL), 0);
        join(scene, &scene->honest);
}

static void close_scene(struct scene *scene) {
        quick_peer_end(&scene->honest);
        leat_rpc_server_free(scene->server);
}

static uint64_t quick_calls(const struct scene *scene) {
        return atomic_load(&scene->server->quick_calls);
}

static unsigned ran(void) {
        unsigned sum = 0;
        for (int i = 0; i < VICTIM_PROCEDURES; i++)
                sum += victim_told->ran[i];
        return sum;
}

static struct leat_xdr_buffer make_count(uint32_t xid, uint32_t number) {
        struct leat_xdr_buffer message = { 0 };
        put_call(&message, xid, VICTIM_COUNT);
        put_word(&message, number);
        return message;
}

/* A call the short way, answered with how often it ran. */
static void check_count(struct scene *scene, struct quick_peer *peer, uint32_t number, uint32_t count) {
        static struct quick_record reply;
        struct leat_xdr_buffer message = make_count(number ^ 0xf0f0, number);
        peer_short(peer, RING_REQUEST, 0, message.bytes, message.size_bytes);
        leat_xdr_buffer_free(&message);
        await(scene->server, peer, &reply);
        CHECK(reply.is_reply);
        CHECK_EQ(reply.number, peer->sequence);
        CHECK_EQ(reply.size_bytes, 28);
        CHECK_EQ(word_at(reply.bytes, 0), number ^ 0xf0f0);
        CHECK_EQ(word_at(reply.bytes, 5), 0);
        CHECK_EQ(word_at(reply.bytes, 6), count);
        CHECK(!peer_take(peer, &reply));
}

static void check_unharmed(struct scene *scene) {
        uint32_t number = scene->calls++;
        check_count(scene, &scene->honest, number, victim_told->count[number] + 1);
}

/* The control of all of them: by the short way, and by that alone once it was found. */
TEST(calls_go_the_short_way) {
        struct scene scene;
        open_scene(&scene);
        check_unharmed(&scene);
        check_unharmed(&scene);
        uint64_t before = quick_calls(&scene);
        for (int i = 0; i < 3000; i++) /* the ring's end is passed, and the look at all links is due */
                check_unharmed(&scene);
        CHECK(quick_calls(&scene) - before > 2900);
        CHECK_EQ(victim_info(scene.server).calls, 3002);
        CHECK_EQ(victim_info(scene.server).replies, 3002);
        close_scene(&scene);
}

static bool is_cut_off(const struct quick_peer *peer) {
        uint8_t refusal[64];
        ssize_t n = recv(peer->shm.socket, refusal, sizeof(refusal), MSG_DONTWAIT);
        return n == 0 || (n == WIRE_HEADER_BYTES && refusal[3] == WIRE_REFUSE);
}

/* Both ways have to find that: the long one after the hostile party's first message, the short one where it may go that way. */
static void check_breach(struct scene *scene, uint64_t word, bool warm) {
        struct leat_xdr_buffer message = make_count(7, 60000);
        struct quick_peer peer;
        join(scene, &peer);
        for (uint32_t i = 0; warm && i < 3; i++)
                check_count(scene, &peer, 61000, victim_told->count[61000] + 1);
        unsigned before = ran();
        peer_record(&peer, word, 0, message.bytes, message.size_bytes, 128);
        settle(scene->server);
        if (!is_cut_off(&peer))
                FAIL("a record %llx is no breach", (unsigned long long)word);
        CHECK_EQ(ran(), before);
        CHECK_EQ(victim_told->count[60000], 0);
        quick_peer_end(&peer);
        leat_xdr_buffer_free(&message);
        check_unharmed(scene);
}

TEST(records_that_are_no_requests) {
        const uint64_t words[] = {
                SHM_WORD(RING_SHORT_MOST + 1, RING_REQUEST, 0),
                SHM_WORD(SHM_RING, RING_REQUEST, 0),
                SHM_WORD(SHM_RING - 16, RING_REQUEST, 0),
                SHM_WORD(UINT32_MAX - 1, RING_REQUEST, 0),
                (uint64_t)RING_REQUEST << 32,
                (uint64_t)RING_REPLY << 32,
                SHM_WORD(44, RING_REQUEST, 1),
                SHM_WORD(44, RING_REQUEST, 0x8000),
                SHM_WORD(44, RING_REPLY, 1),
                SHM_WORD(RING_SHORT_MOST + 1, RING_REPLY, 0),
                SHM_WORD(44, 0, 0),
                SHM_WORD(44, 5, 0),
                SHM_WORD(44, 0x8003, 0),
                SHM_WORD(44, RING_PACKET, 0),
                UINT64_MAX,
        };
        struct scene scene;
        open_scene(&scene);
        check_unharmed(&scene);
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                for (int warm = 0; warm < 2; warm++)
                        check_breach(&scene, words[i], warm);
        close_scene(&scene);
}

/* A reply to somebody who calls nobody, and a message that wants none: nothing runs. Whoever goes on after that is served, or was cut off. */
TEST(records_in_the_wrong_direction) {
        const uint32_t kinds[] = { RING_REPLY, RING_PLAIN };
        struct leat_xdr_buffer message = make_count(7, 60000);
        struct scene scene;
        struct quick_peer peer;
        open_scene(&scene);
        for (size_t i = 0; i < 2; i++)
                for (uint64_t value = 0; value < 3; value++) {
                        join(&scene, &peer);
                        check_count(&scene, &peer, 61000, victim_told->count[61000] + 1);
                        peer_short(&peer, kinds[i], kinds[i] == RING_PLAIN ? value + 1 : value, message.bytes,
                                   message.size_bytes);
                        settle(scene.server);
                        if (!is_cut_off(&peer))
                                check_count(&scene, &peer, 61000, victim_told->count[61000] + 1);
                        quick_peer_end(&peer);
                        check_unharmed(&scene);
                }
        CHECK(kinds[1] != RING_PLAIN || victim_told->count[60000] <= 3);
        leat_xdr_buffer_free(&message);
        close_scene(&scene);
}

/* How long its caller waits is anything. */
TEST(times_of_all_lengths) {
        static const uint64_t lefts[] = { 0,         1,          UINT64_MAX,          (uint64_t)INT64_MAX,
                                          INT64_MIN, 1000000000, INT64_MAX - 1000000, UINT64_C(1) << 62 };
        static struct quick_record reply;
        struct leat_xdr_buffer message = make_count(7, 60000);
        struct scene scene;
        open_scene(&scene);
        check_unharmed(&scene);
        for (size_t i = 0; i < sizeof(lefts) / sizeof(lefts[0]); i++) {
                unsigned count = victim_told->count[60000];
                peer_short(&scene.honest, RING_REQUEST, lefts[i], message.bytes, message.size_bytes);
                settle(scene.server);
                bool answered = peer_take(&scene.honest, &reply);
                CHECK(answered || lefts[i] == 1); /* its caller waits no more, and it may have run */
                CHECK(!answered || (reply.number == scene.honest.sequence && word_at(reply.bytes, 6) == count + 1));
                check_unharmed(&scene);
        }
        leat_xdr_buffer_free(&message);
        close_scene(&scene);
}

/* ---- the same answers as by the long way ---- */

static void make_usual(struct leat_xdr_buffer *message, uint32_t xid) {
        static const uint8_t bytes[4000];
        message->size_bytes = 0;
        switch (harness_random_below(6)) {
        case 0:
                put_call(message, xid, VICTIM_NULL);
                break;
        case 1:
                put_call(message, xid, VICTIM_HOLD);
                put_word(message, 77);
                break;
        default:
                put_call(message, xid, VICTIM_ECHO);
                put_opaque(message, bytes, (uint32_t)harness_random_below(harness_random_below(4) ? 64 : 4000));
        }
}

/* Its answer is too large for the short way now and then. */
static void make_big(struct leat_xdr_buffer *message, uint32_t xid) {
        message->size_bytes = 0;
        put_call(message, xid, VICTIM_BIG);
        put_word(message, (uint32_t)harness_random_below(9000));
}

/* Sometimes one that never was: the number stays as it is. */
static void damage(struct leat_xdr_buffer *message) {
        for (uint64_t n = harness_random_below(8) / 2; n > 0; n--)
                switch (harness_random_below(4)) {
                case 0:
                        message->size_bytes = 4 + harness_random_below(message->size_bytes - 3);
                        break;
                case 1:
                        put_word(message, (uint32_t)harness_random());
                        break;
                default:
                        if (message->size_bytes > 8)
                                message->bytes[4 + harness_random_below(message->size_bytes - 4)] ^=
                                        (uint8_t)(1u << harness_random_below(8));
                }
        if (message->size_bytes > RING_SHORT_MOST)
                message->size_bytes = RING_SHORT_MOST;
        if (message->size_bytes > 40 && word_at(message->bytes, 5) == VICTIM_BIG)
                message->size_bytes = 40; /* of any size */
}

static bool ask(struct scene *scene, struct quick_peer *peer, bool is_short, const struct leat_xdr_buffer *message,
                struct quick_record *ret_reply) {
        if (is_short)
                peer_short(peer, RING_REQUEST, 0, message->bytes, message->size_bytes);
        else
                peer_packet(peer, false, 0, message->bytes, message->size_bytes);
        serve(scene->server);
        if (!peer_take(peer, ret_reply))
                return false;
        CHECK(ret_reply->is_reply);
        CHECK_EQ(ret_reply->number, peer->sequence);
        return true;
}

TEST(either_way_says_the_same) {
        static struct quick_record by_short, by_packet;
        struct leat_xdr_buffer message = { 0 };
        unsigned answered = 0;
        struct quick_peer other;
        struct scene scene;
        open_scene(&scene);
        join(&scene, &other);
        uint64_t rounds = harness_how_many(1000, 6000, 1000000);
        for (uint64_t i = 0; i < rounds; i++) {
                if (harness_random_below(8) == 0)
                        make_big(&message, (uint32_t)harness_random());
                else {
                        make_usual(&message, (uint32_t)harness_random());
                        damage(&message);
                }
                check_unharmed(&scene); /* the short way is that of the last one */
                unsigned before = ran();
                bool one = ask(&scene, &scene.honest, true, &message, &by_short);
                unsigned ran_once = ran() - before;
                bool two = ask(&scene, &other, false, &message, &by_packet);
                CHECK_EQ(ran() - before, 2 * ran_once);
                bool counts =
                        message.size_bytes >= 24 && word_at(message.bytes, 5) >= VICTIM_COUNT; /* each time more */
                if (one != two || (one && !counts &&
                                   (by_short.size_bytes != by_packet.size_bytes ||
                                    memcmp(by_short.bytes, by_packet.bytes, by_short.size_bytes) != 0)))
                        FAIL("call %u: %zu bytes, %zu by the short way, %zu by the other", (unsigned)i,
                             message.size_bytes, one ? by_short.size_bytes : 0, two ? by_packet.size_bytes : 0);
                answered += one;
        }
        printf("%u answered, %u by the short way\n", answered, (unsigned)quick_calls(&scene));
        CHECK(answered > rounds / 4 && quick_calls(&scene) > rounds / 8);
        leat_xdr_buffer_free(&message);
        quick_peer_end(&other);
        close_scene(&scene);
}

/* ---- what changes while it is read ---- */

/* It shares the hostile party's ring. */
struct scribbler {
        const struct quick_peer *peer;
        atomic_ulong *at; /* where the last record ends */
};

/* Into what was just published, over and over: sizes, kinds, the bytes of the header. */
static void scribble(void *argument) {
        const struct scribbler *self = argument;
        for (;;) {
                uint64_t at = (*self->at - 128 + 8 * harness_random_below(16)) % SHM_RING;
                uint8_t *place = (uint8_t *)memfile_twice(&self->peer->shm.mine) + at;
                uint64_t word = SHM_WORD(44, RING_REQUEST, 0);
                if (harness_random_below(3) == 0)
                        word = harness_random();
                else if (harness_random_below(2) == 0)
                        word = SHM_WORD(harness_random_below(6000), 1 + harness_random_below(5), 0);
                atomic_store((_Atomic uint64_t *)(void *)place, word);
        }
}

/* Another hostile party, and who scribbles for it. */
static pid_t join_scribbling(const struct scene *scene, struct quick_peer *peer, atomic_ulong *at) {
        struct scribbler scribbler = { peer, at };
        join(scene, peer);
        CHECK_EQ(memfile_share(&peer->shm.mine), 0);
        (void)harness_random(); /* another series */
        *at = 128;
        return harness_fork(scribble, &scribbler);
}

/* Each of the hostile one's records while it changes. */
static void send_and_change(const struct scene *scene, struct quick_peer *peer, atomic_ulong *at) {
        struct leat_xdr_buffer message = make_count(7, 50000 + (uint32_t)harness_random_below(1000));
        for (int i = 0; i < 40; i++) {
                peer_short(peer, RING_REQUEST, 0, message.bytes, message.size_bytes);
                *at = peer->head;
                for (int n = 0; n < 3; n++)
                        (void)leat_rpc_server_step(scene->server, LEAT_NOW);
        }
        while (victim_holds() > 0)
                victim_answer_one();
        leat_xdr_buffer_free(&message);
}

TEST(records_that_change) {
        atomic_ulong *at = harness_shared(sizeof(*at));
        struct scene scene;
        struct quick_peer peer;
        open_scene(&scene);
        pid_t scribbler = join_scribbling(&scene, &peer, at);
        uint64_t rounds = harness_how_many(60, 200, 100000), cuts = 0;
        for (uint64_t i = 0; i < rounds && cuts < rounds / 20; i++) {
                send_and_change(&scene, &peer, at);
                if (is_cut_off(&peer)) {
                        cuts++;
                        harness_kill(scribbler);
                        quick_peer_end(&peer);
                        scribbler = join_scribbling(&scene, &peer, at);
                }
                check_unharmed(&scene);
        }
        printf("cut off %u times, %u calls ran\n", (unsigned)cuts, ran());
        CHECK(ran() > cuts);
        harness_kill(scribbler);
        quick_peer_end(&peer);
        close_scene(&scene);
}

/* ---- a server made by hand, and a client ---- */

enum lie {
        HONESTLY,
        TO_ANOTHER,     /* first a reply to another number */
        OF_ANOTHER,     /* the right number, and another xid */
        IN_ADVANCE,     /* first one to the call that comes next, by its number and xid */
        TWICE,          /* the same again */
        CUT_SHORT,      /* a part of a reply's header */
        WITHOUT_RESULT, /* success, and too little of the result */
        WITH_MORE,      /* success, and more than the result */
        REFUSED,        /* PROC_UNAVAIL */
        FAILED,         /* SYSTEM_ERR */
        A_REQUEST,      /* first a request */
        NO_RECORD,      /* a word that is none */
        TOO_LARGE,      /* larger than a short one may be */
        CHANGING,       /* right, and then not; and then it is gone */
        LIES
};

static struct {
        char path[100];
        int listener;
        atomic_int lie;
        atomic_bool over;
        uint64_t random;
        atomic_bool leaves;
        atomic_uint shorts, calls, connections;
} liar;

/* A series of that thread's own. */
static uint64_t liar_random(uint64_t limit) {
        liar.random ^= liar.random << 13;
        liar.random ^= liar.random >> 7;
        liar.random ^= liar.random << 17;
        return liar.random % limit;
}

static void put_success(struct leat_xdr_buffer *reply, uint32_t xid, uint32_t result) {
        reply->size_bytes = 0;
        put_reply(reply, xid, 0);
        put_word(reply, result);
}

static void change(const struct quick_peer *peer, uint64_t at, size_t length) {
        for (int i = 0; i < 64; i++) {
                uint64_t position = (at + 8 * liar_random(length / 8)) % SHM_RING;
                uint8_t *place = (uint8_t *)memfile_twice(&peer->shm.mine) + position;
                atomic_store((_Atomic uint64_t *)(void *)place,
                             i % 2 ? liar_random(UINT64_MAX) : SHM_WORD(liar_random(5000), 1 + i % 5, 0));
        }
}

/* What it says before, or in place of, the right answer. Returns whether that is to follow. */
static bool lie(struct quick_peer *peer, const struct quick_record *request, enum lie what,
                struct leat_xdr_buffer *reply) {
        uint32_t xid = word_at(request->bytes, 0);
        uint64_t head = peer->head;
        switch (what) {
        case TO_ANOTHER:
                put_success(reply, xid + 1000, 666);
                peer_short(peer, RING_REPLY, request->number + (liar_random(2) ? 1 : -1 - liar_random(3)), reply->bytes,
                           reply->size_bytes);
                return true;
        case OF_ANOTHER:
                put_success(reply, xid + 1, 666);
                break;
        case IN_ADVANCE:
                put_success(reply, xid + 1, 666);
                peer_short(peer, RING_REPLY, request->number + 1, reply->bytes, reply->size_bytes);
                return true;
        case TWICE:
                peer_short(peer, RING_REPLY, request->number, reply->bytes, reply->size_bytes);
                return true;
        case CUT_SHORT:
                reply->size_bytes = liar_random(24);
                break;
        case WITHOUT_RESULT:
                reply->size_bytes = 24 + liar_random(4);
                break;
        case WITH_MORE:
                put_word(reply, 5);
                break;
        case REFUSED:
        case FAILED:
                reply->size_bytes = 0;
                put_reply(reply, xid, what == REFUSED ? 3 : 5);
                break;
        case A_REQUEST:
                peer_short(peer, RING_REQUEST, 0, request->bytes, request->size_bytes);
                return true;
        case NO_RECORD:
                peer_record(peer, liar_random(2) ? (uint64_t)RING_REPLY << 32 : SHM_WORD(28, 9, 0), request->number,
                            reply->bytes, reply->size_bytes, 64);
                return false;
        case TOO_LARGE:
                peer_record(peer, SHM_WORD(RING_SHORT_MOST + 1, RING_REPLY, 0), request->number, reply->bytes,
                            reply->size_bytes, 64);
                return false;
        case CHANGING:
                peer_short(peer, RING_REPLY, request->number, reply->bytes, reply->size_bytes);
                change(peer, head, 64);
                liar.leaves = true;
                return false;
        default:
                return true;
        }
        peer_short(peer, RING_REPLY, request->number, reply->bytes, reply->size_bytes);
        return false;
}

/* COUNT, COUNT_AGAIN: the number and one. */
static void answer(struct quick_peer *peer, const struct quick_record *request, struct leat_xdr_buffer *reply) {
        enum lie what = (enum lie)atomic_exchange(&liar.lie, HONESTLY);
        liar.calls++;
        liar.shorts += request->is_short;
        put_success(reply, word_at(request->bytes, 0), word_at(request->bytes, 10) + 1);
        if (!lie(peer, request, what, reply))
                return;
        put_success(reply, word_at(request->bytes, 0), word_at(request->bytes, 10) + 1);
        if (liar_random(8) == 0)
                peer_packet(peer, true, request->number, reply->bytes, reply->size_bytes);
        else
                peer_short(peer, RING_REPLY, request->number, reply->bytes, reply->size_bytes);
}

static bool has_ended(const struct quick_peer *peer) {
        uint8_t refusal[64];
        ssize_t n = recv(peer->shm.socket, refusal, sizeof(refusal), MSG_DONTWAIT);
        return n >= 0 || errno != EAGAIN;
}

static void serve_one(int socket) {
        static struct quick_record request;
        struct leat_xdr_buffer reply = { 0 };
        struct quick_peer peer;
        quick_peer_make(&peer);
        peer.shm.socket = socket;
        while (!liar.over && !shm_hear(&peer.shm))
                sched_yield();
        bool there = shm_say(socket, SHM_WELCOME, (int[]){ peer.shm.mine.fd, peer.shm.ends[1] }, 2);
        liar.connections++;
        liar.leaves = false;
        for (unsigned idle = 0; there && !liar.over && !liar.leaves;) {
                if (peer_take(&peer, &request)) {
                        answer(&peer, &request, &reply);
                        idle = 0;
                } else if (++idle % 1024 == 0) {
                        there = !has_ended(&peer);
                        sched_yield();
                }
                peer_wake(&peer);
        }
        quick_peer_end(&peer);
        leat_xdr_buffer_free(&reply);
}

static void *serve_lies(void *argument) {
        while (!liar.over) {
                struct pollfd door = { liar.listener, POLLIN, 0 };
                if (poll(&door, 1, 20) > 0) {
                        int socket = accept4(liar.listener, NULL, NULL, SOCK_CLOEXEC);
                        CHECK(socket >= 0);
                        serve_one(socket);
                }
        }
        return argument;
}

static int call_count(struct leat_rpc_client *client, bool again, uint32_t number, uint32_t *ret_result,
                      struct leat_rpc_call *ret_call) {
        struct leat_xdr_arena arena = { 0 };
        *ret_result = 0;
        *ret_call = leat_rpc_call_until(harness_deadline_ms(40000), &arena);
        int r = leat_rpc_call(client, &victim_program, again ? VICTIM_COUNT_AGAIN : VICTIM_COUNT, &number, ret_result,
                              ret_call);
        CHECK(r != -ETIMEDOUT);
        leat_xdr_arena_free(&arena);
        return r;
}

/* Is what the call told true of that lie? */
static bool is_true(enum lie what, int r, uint32_t result, uint32_t expected, const struct leat_rpc_call *call) {
        switch (what) {
        case HONESTLY:
        case TO_ANOTHER:
        case IN_ADVANCE:
        case TWICE:
                return r == 0 && result == expected;
        case OF_ANOTHER:
        case CUT_SHORT:
                return r < 0 && call->ran != LEAT_RPC_NOT_RUN;
        case WITHOUT_RESULT:
        case WITH_MORE:
                return r == -EBADMSG && call->ran == LEAT_RPC_RAN;
        case REFUSED:
                return r < 0 && call->ran == LEAT_RPC_NOT_RUN && call->status == LEAT_RPC_PROCEDURE_UNAVAILABLE;
        case FAILED:
                return r < 0 && call->ran == LEAT_RPC_RAN && call->status == LEAT_RPC_SYSTEM_ERROR;
        case A_REQUEST: /* it is passed over, or a breach */
                return r == 0 ? result == expected : call->ran == LEAT_RPC_UNKNOWN;
        case NO_RECORD:
        case TOO_LARGE:
                return r < 0 && call->ran == LEAT_RPC_UNKNOWN;
        default:
                return r == 0 || call->ran != LEAT_RPC_NOT_RUN || call->status == LEAT_RPC_PROCEDURE_UNAVAILABLE;
        }
}

/* Some honest ones, so that the short way may be taken; then the lie; and what it left behind harms no later one. */
static void check_lie(struct leat_rpc_client *client, enum lie what) {
        uint32_t number = (uint32_t)harness_random_below(1u << 30), result;
        struct leat_rpc_call call;
        for (int i = 0; i < 6; i++) {
                CHECK_EQ(call_count(client, true, number, &result, &call), 0);
                CHECK_EQ(result, number + 1);
        }
        liar.lie = what;
        int r = call_count(client, false, number, &result, &call);
        if (!is_true(what, r, result, number + 1, &call))
                FAIL("lie %d: %s, ran %d, status %d, result %u of %u", (int)what, leat_strerror(r), (int)call.ran,
                     (int)call.status, result, number + 1);
        CHECK(r < 0 || call.ran == LEAT_RPC_RAN);
        if (what == IN_ADVANCE) { /* it believes that one, which the server is free to give */
                CHECK_EQ(call_count(client, true, number, &result, &call), 0);
                CHECK(result == 666 || result == number + 1);
        }
}

static void lie_to_client(void) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_rpc_client *client;
        char address[128];
        options.flags = LEAT_RPC_PLAIN;
        options.back_off_first_ns = options.back_off_most_ns = 1000000;
        snprintf(address, sizeof(address), "shm:%s?wait=spin", liar.path); /* who sleeps goes the long way */
        CHECK_EQ(leat_rpc_connect(address, &options, harness_deadline_ms(40000), NULL, &client), 0);
        uint64_t rounds = harness_how_many(2, 6, 2000);
        for (uint64_t i = 0; i < rounds; i++)
                for (int what = 0; what < LIES; what++)
                        check_lie(client, (enum lie)what);
        leat_rpc_client_free(client);
}

TEST(replies_that_are_lies) {
        pthread_t thread;
        bool stands = harness_stop_counter();
        memset(&liar, 0, sizeof(liar));
        snprintf(liar.path, sizeof(liar.path), "%s/liar", harness_tmpdir());
        liar.random = harness_random() | 1;
        liar.listener = listen_at(liar.path, SOCK_SEQPACKET);
        CHECK_EQ(pthread_create(&thread, NULL, serve_lies, NULL), 0);
        lie_to_client();
        liar.over = true;
        CHECK_EQ(pthread_join(thread, NULL), 0);
        close(liar.listener);
        printf("%u of %u calls came the short way, by %u connections\n", liar.shorts, liar.calls, liar.connections);
        CHECK(!stands || liar.shorts > LIES);
}

TEST_MAIN()
