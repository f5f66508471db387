/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: a whole server of calls by bytes (include/leat/rpc.h). It has connections of the test's own, whose other ends say what the input says, in pieces, and read or do not read;
 * and it is stepped. Whatever that is: it steps on, what it keeps in memory is bounded by its limits, what it answers is records of whole replies, and at the end nothing is left.
 *
 * The input is commands: a byte of what is done, and what with. In what is said 0xa5a5a5a5a5a5a5a5 stands for the session that the server gave last.
 */

#include "require.h"
#include "rpc_schema.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PEERS 3
#define MEMORY_MOST ((size_t)1 << 20) /* of the server's limits: requests and replies, and what is kept */
#define HIDDEN UINT64_C(0xa5a5a5a5a5a5a5a5)
#define HELD_MOST 16
#define CONNECTIONS_MOST 32 /* in all; what is closed is noticed in one of the next steps */

/* ---- the program ---- */

enum { NOTHING, ECHO, BIG, HOLD, FAIL_IT, PROCEDURES };

static const struct leat_rpc_procedure procedures[] = {
        [NOTHING] = { .number = 0, .name = "NOTHING" },
        [ECHO] = { .number = 1, .argument = NODE_OPAQUE, .result = NODE_OPAQUE, .name = "ECHO" },
        [BIG] = { .number = 2, .argument = NODE_UNSIGNED, .result = NODE_OPAQUE, .name = "BIG" },
        [HOLD] = { .number = 3, .argument = NODE_UNSIGNED, .result = NODE_UNSIGNED, .name = "HOLD" },
        [FAIL_IT] = { .number = 4, .flags = LEAT_RPC_IDEMPOTENT, .name = "FAIL_IT" },
};
static const struct leat_rpc_program program = { "FUZZ", 0x20000001, 1, PROCEDURES, procedures, &schema };

struct scene {
        struct leat_rpc_server *server;
        int fds[PEERS]; /* -1: none */
        struct leat_rpc_request *held[HELD_MOST];
        size_t holds;
        unsigned connections;
        uint64_t session;
};
static struct scene scene;

static int dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                    struct leat_rpc_request *request, void *userdata) {
        static const uint8_t bytes[4096];
        (void)functions, (void)userdata;
        switch (index) {
        case ECHO:
                *(struct leat_xdr_bytes *)result = *(const struct leat_xdr_bytes *)argument;
                return 0;
        case BIG:
                *(struct leat_xdr_bytes *)result =
                        (struct leat_xdr_bytes){ bytes, *(const uint32_t *)argument % sizeof(bytes) };
                return 0;
        case HOLD:
                if (scene.holds == HELD_MOST)
                        return -EAGAIN;
                *(uint32_t *)result = *(const uint32_t *)argument;
                scene.held[scene.holds++] = request;
                return LEAT_RPC_LATER;
        default:
                return index == FAIL_IT ? -EIO : 0;
        }
}

/* ---- what is done ---- */

static void step(void) {
        struct leat_rpc_server_info info = { .size = sizeof(info) };
        for (int i = 0; i < 8; i++) {
                int r = leat_rpc_server_step(scene.server, LEAT_NOW);
                REQUIRE(r >= 0 || r == -EAGAIN || r == -ENOENT || r == -ENODATA);
                if (r < 0)
                        break;
        }
        REQUIRE(leat_rpc_server_info(scene.server, &info) == 0);
        REQUIRE(info.bytes <= 2 * MEMORY_MOST && info.kept_bytes <= MEMORY_MOST);
        REQUIRE(info.connections <= CONNECTIONS_MOST && info.sessions <= 8 && info.running <= HELD_MOST);
}

static void answer_one(void) {
        if (scene.holds > 0)
                (void)leat_rpc_request_answer(scene.held[--scene.holds], 0);
}

static void connect_peer(int *fd) {
        int fds[2];
        if (scene.connections == CONNECTIONS_MOST)
                return;
        scene.connections++;
        if (*fd >= 0)
                close(*fd);
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
        REQUIRE(leat_rpc_server_adopt(scene.server, fds[1]) == 0);
        *fd = fds[0];
}

static void say(int fd, const uint8_t *bytes, size_t size) {
        uint8_t said[256];
        if (size > 0)
                memcpy(said, bytes, size);
        for (size_t at = 0; at + 8 <= size; at += 4)
                if (leat_xdr_get_64(said + at) == HIDDEN)
                        leat_xdr_put_64(said + at, scene.session);
        if (fd >= 0)
                (void)send(fd, said, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* As one record. */
static void say_record(int fd, const uint8_t *bytes, size_t size) {
        uint8_t mark[4];
        leat_xdr_put_32(mark, (uint32_t)size | UINT32_C(0x80000000));
        say(fd, mark, sizeof(mark));
        say(fd, bytes, size);
}

/* Replies are whole records of one fragment; the beginning of each says what it is. */
static void hear(int fd) {
        static uint8_t bytes[8192];
        ssize_t n;
        if (fd < 0)
                return;
        while ((n = recv(fd, bytes, 4, MSG_DONTWAIT | MSG_PEEK)) == 4) {
                uint32_t mark = leat_xdr_get_32(bytes), size = mark & 0x7fffffff;
                REQUIRE((mark & 0x80000000) && size >= 20 && size + 4 <= sizeof(bytes));
                if (recv(fd, bytes, size + 4, MSG_DONTWAIT | MSG_PEEK) < (ssize_t)size + 4)
                        return;
                REQUIRE(recv(fd, bytes, size + 4, MSG_DONTWAIT) == (ssize_t)size + 4);
                REQUIRE(leat_xdr_get_32(bytes + 8) == 1 && leat_xdr_get_32(bytes + 12) <= 1);
                if (size == 24 + 32) /* as a greeting's answer has it */
                        scene.session = leat_xdr_get_64(bytes + 4 + 24);
        }
}

/* One command; how many bytes of the input it took. */
static size_t act(const uint8_t *data, size_t size) {
        int *fd = &scene.fds[data[0] / 8 % PEERS];
        size_t more;
        switch (data[0] % 8) {
        case 0:
                connect_peer(fd);
                return 1;
        case 1:
                if (*fd >= 0)
                        (void)shutdown(*fd, SHUT_WR);
                return 1;
        case 2:
                if (*fd >= 0)
                        close(*fd);
                *fd = -1;
                return 1;
        case 3:
                hear(*fd);
                return 1;
        case 4:
                answer_one();
                return 1;
        case 5:
                step();
                return 1;
        default:
                if (size < 2)
                        return 1;
                more = data[1] < size - 2 ? data[1] : size - 2;
                if (data[0] % 8 == 6)
                        say(*fd, data + 2, more);
                else
                        say_record(*fd, data + 2, more);
                return 2 + more;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const struct leat_rpc_service service = { &program, dispatch, NULL, NULL };
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        struct leat_rpc_server_info info = { .size = sizeof(info) };
        options.bytes_max = options.peer_bytes_max = options.kept_bytes_max = MEMORY_MOST;
        options.request_bytes_max = 65536;
        options.sessions_max = 8;
        scene.connections = 0;
        scene.session = 0;
        REQUIRE(leat_rpc_server_create(&options, &scene.server) == 0);
        REQUIRE(leat_rpc_server_add(scene.server, service) == 0);
        for (int i = 0; i < PEERS; i++)
                scene.fds[i] = -1;
        connect_peer(&scene.fds[0]);
        for (size_t at = 0; at < size;)
                at += act(data + at, size - at);
        for (int i = 0; i < PEERS; i++) {
                step();
                hear(scene.fds[i]);
                if (scene.fds[i] >= 0)
                        close(scene.fds[i]);
        }
        while (scene.holds > 0)
                answer_one();
        for (int r = 0; r >= 0;)
                r = leat_rpc_server_step(scene.server, LEAT_NOW);
        REQUIRE(leat_rpc_server_info(scene.server, &info) == 0);
        REQUIRE(info.connections == 0 && info.running == 0);
        REQUIRE(!leat_rpc_server_free(scene.server));
        return 0;
}
