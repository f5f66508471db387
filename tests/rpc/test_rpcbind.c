/* SPDX-License-Identifier: MIT */
#include "rpc/rpcbind.h"

#include "bytes.h"
#include "schemas.h"
#include "scripted.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Universal addresses, registrations of a whole server, and what a rpcbind may answer that nobody has seen. Real ones are in tests/interop/test_rpc_peers.py. */

/* ---- universal addresses ---- */

TEST(addresses_become_universal) {
        static const struct {
                const char *address;
                unsigned flags;
                const char *netid, *universal, *other_netid, *other_universal;
        } cases[] = {
                { "tcp:127.0.0.1:258", 0, "tcp", "127.0.0.1.1.2", NULL, NULL },
                { "udp:10.1.2.3:65535", 0, "udp", "10.1.2.3.255.255", NULL, NULL },
                { "tcp:[::1]:1", 0, "tcp6", "::1.0.1", NULL, NULL },
                { "udp:[::ffff:1.2.3.4]:256", 0, "udp", "1.2.3.4.1.0", NULL, NULL },
                { "tcp::258", 0, "tcp", "127.0.0.1.1.2", "tcp6", "::1.1.2" },
                { "tcp:*:258", 0, "tcp6", "::.1.2", "tcp", "0.0.0.0.1.2" },
                { "udp::258", RPCBIND_OF_SERVER, "udp6", "::.1.2", "udp", "0.0.0.0.1.2" },
                { "tcp:127.0.0.1:258", RPCBIND_OF_SERVER, "tcp", "127.0.0.1.1.2", NULL, NULL },
                { "unix:/no%20file", 0, "local", "/no file", NULL, NULL },
                { "unix-stream:/x", 0, "local", "/x", NULL, NULL },
                { "unix:@abstract", 0, "local", "@abstract", NULL, NULL },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct rpcbind_place places[RPCBIND_PLACES_MAX];
                CHECK_EQ(rpcbind_places(cases[i].address, cases[i].flags, places, NULL), cases[i].other_netid ? 2 : 1);
                CHECK_STR(places[0].netid, cases[i].netid);
                CHECK_STR(places[0].universal, cases[i].universal);
                if (cases[i].other_netid) {
                        CHECK_STR(places[1].netid, cases[i].other_netid);
                        CHECK_STR(places[1].universal, cases[i].other_universal);
                }
        }
}

TEST(addresses_that_rpcbind_does_not_know) {
        static const struct {
                const char *address;
                int error;
        } cases[] = {
                { "shm:x", -ENOTSUP },
                { "unix:@x?framing=leat", -ENOTSUP },
                { "tcp:localhost:5", -EINVAL },
                { "tcp:127.0.0.1:0", -EINVAL },
                { "tcp:127.0.0.1", -EINVAL },
                { "tcp:127.0.0.1:5?mode=0600", -ENOTSUP },
                { "", -EINVAL },
                { "nothing:x", -ENOTSUP },
                { "unix:/no/such/directory/x", -ENOENT },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct rpcbind_place places[RPCBIND_PLACES_MAX];
                struct leat_reason reason = { .text = NULL };
                int r = rpcbind_places(cases[i].address, 0, places, &reason);
                if (r != cases[i].error)
                        FAIL("%s: %s", cases[i].address, leat_strerror(r));
                CHECK(reason.text != NULL);
        }
}

static void check_back(const char *host, const char *netid, const char *universal, const char *address) {
        struct rpcbind_host asked;
        char text[RPCBIND_ADDRESS_BYTES];
        CHECK_EQ(rpcbind_host_of(host, &asked), 0);
        ssize_t n = rpcbind_address_of(&asked, netid, universal, text, sizeof(text));
        if (!address) {
                CHECK(n == -ENOTSUP || n == -EBADMSG);
                return;
        }
        CHECK_EQ(n, strlen(address));
        CHECK_STR(text, address);
        CHECK_EQ(rpcbind_address_of(&asked, netid, universal, text, (size_t)n), -ERANGE);
        CHECK_EQ(rpcbind_address_of(&asked, netid, universal, text, 0), -ERANGE);
}

TEST(universal_addresses_become_ours) {
        check_back("unix:@r", "tcp", "10.1.2.3.1.2", "tcp:10.1.2.3:258");
        check_back("unix:@r", "tcp", "0.0.0.0.1.2", "tcp:127.0.0.1:258");
        check_back("unix:@r", "udp6", "::.1.2", "udp:[::1]:258");
        check_back("unix:@r", "local", "/run/a b?c&d%e", "unix:/run/a%20b%3Fc%26d%25e");
        check_back("unix:@r", "local", "@x", "unix:@x");
        check_back("unix:@r", "local", "relative", NULL);
        check_back("unix:@r", "local", "/", NULL);
        check_back("unix:@r", "local", "", NULL);
        check_back("tcp::111", "local", "/x", "unix:/x");
        check_back("tcp:10.0.0.1:111", "local", "/x", NULL);
        check_back("tcp:10.0.0.1:111", "tcp", "0.0.0.0.1.2", "tcp:10.0.0.1:258");
        check_back("udp:10.0.0.1:111", "tcp6", "::.1.2", NULL);
        check_back("tcp:[fd00::1]:111", "udp6", "::.1.2", "udp:[fd00::1]:258");
        check_back("tcp:host.example:111", "tcp", "0.0.0.0.1.2", "tcp:host.example:258");
        check_back("tcp:host.example:111", "tcp6", "::.1.2", "tcp:host.example:258");
        check_back("tcp:host.example:111", "tcp6", "fd00::5.1.2", "tcp:[fd00::5]:258");
        check_back("unix:@r", "ticlts", "x", NULL);
        check_back("unix:@r", "", "1.2.3.4.5.6", NULL);
        check_back("unix:@r", "tcp", "1.2.3.4.5.256", NULL);
        check_back("unix:@r", "tcp", "1.2.3.4.0.0", NULL);
        check_back("unix:@r", "tcp", ".1.2", NULL);
        check_back("unix:@r", "tcp6", "1.2.3.4.1.2", NULL);
}

TEST(long_paths_do_not_fit) {
        struct rpcbind_host host = { .is_here = true };
        char path[1000], text[2000];
        for (size_t length = 2; length < sizeof(path); length++) {
                memset(path, '?', length);
                path[0] = '/';
                path[length] = '\0';
                ssize_t n = rpcbind_address_of(&host, "local", path, text, sizeof(text));
                if (n < 0)
                        CHECK_EQ(n, -ENOTSUP);
                else
                        CHECK_EQ(n, strlen(text));
                CHECK(n > 0 || length > 108);
        }
}

/* ---- a registry that a test plays ---- */

static struct {
        struct rpcbind_mapping all[16];
        size_t count;
        struct leat_xdr_arena arena;
        unsigned connections; /* to serve */
        unsigned sets, unsets;
} registry;

static bool same_text(const struct leat_xdr_string *one, const struct leat_xdr_string *other) {
        return one->size_bytes == other->size_bytes && memcmp(one->text, other->text, one->size_bytes) == 0;
}

static bool same_key(const struct rpcbind_mapping *one, const struct rpcbind_mapping *other) {
        return one->program == other->program && one->version == other->version &&
               same_text(&one->netid, &other->netid);
}

static bool registry_set(const struct rpcbind_mapping *mapping) {
        registry.sets++;
        for (size_t i = 0; i < registry.count; i++)
                if (same_key(&registry.all[i], mapping))
                        return same_text(&registry.all[i].universal, &mapping->universal);
        CHECK(registry.count < sizeof(registry.all) / sizeof(registry.all[0]));
        registry.all[registry.count++] = *mapping;
        return true;
}

static bool registry_unset(const struct rpcbind_mapping *mapping) {
        bool found = false;
        registry.unsets++;
        for (size_t i = registry.count; i > 0; i--)
                if (same_key(&registry.all[i - 1], mapping)) {
                        registry.all[i - 1] = registry.all[--registry.count];
                        found = true;
                }
        return found;
}

static void answer_dump(struct scripted *peer) {
        struct rpcbind_link links[17] = { 0 }, *first = registry.count > 0 ? &links[0] : NULL;
        const struct leat_rpc_program *program = rpcbind_program(4);
        struct leat_xdr_type type = { program->schema, program->procedures[RPCBIND_DUMP].result };
        struct leat_xdr_buffer body = { 0 };
        for (size_t i = 0; i < registry.count; i++)
                links[i] = (struct rpcbind_link){ registry.all[i], i + 1 < registry.count ? &links[i + 1] : NULL };
        CHECK_EQ(leat_xdr_encode(type, &first, &body, NULL), 0);
        scripted_reply(peer, LEAT_RPC_SUCCESS, body.bytes, body.size_bytes);
        leat_xdr_buffer_free(&body);
}

static void answer_change(struct scripted *peer) {
        const struct leat_rpc_program *program = rpcbind_program(4);
        struct leat_xdr_type type = { program->schema, program->procedures[RPCBIND_SET].argument };
        struct rpcbind_mapping mapping;
        uint8_t body[4];
        CHECK_EQ(leat_xdr_decode(type, peer->arguments, peer->arguments_bytes, &registry.arena, NULL, &mapping, NULL),
                 0);
        leat_xdr_put_32(body, peer->call.procedure == RPCBIND_SET ? registry_set(&mapping) : registry_unset(&mapping));
        scripted_reply(peer, LEAT_RPC_SUCCESS, body, sizeof(body));
}

static void play_registry(struct scripted *peer) {
        for (unsigned i = 0; i < registry.connections; i++) {
                scripted_accept(peer);
                while (scripted_read(peer)) {
                        CHECK(peer->call.program == RPCBIND_PROGRAM && peer->call.version == 4);
                        if (peer->call.procedure == RPCBIND_DUMP)
                                answer_dump(peer);
                        else
                                answer_change(peer);
                }
        }
}

static void begin_registry(struct scripted *peer, unsigned connections) {
        registry.connections = connections;
        scripted_begin(peer, false, play_registry);
}

static void end_registry(struct scripted *peer) {
        scripted_end(peer);
        leat_xdr_arena_free(&registry.arena);
}

/* ---- registrations of a whole server ---- */

static const struct leat_rpc_procedure nothing = { .number = 0, .name = "NULL" };
static const struct leat_rpc_program versions[] = {
        { "TEST", 0x20000030, 1, 1, &nothing, &schemas },
        { "TEST", 0x20000030, 2, 1, &nothing, &schemas },
};

static int dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                    struct leat_rpc_request *request, void *userdata) {
        (void)index, (void)functions, (void)argument, (void)result, (void)request, (void)userdata;
        return 0;
}

static struct leat_rpc_server *make_server(const char *const *addresses, size_t count) {
        struct leat_rpc_server *server;
        char address[512];
        CHECK_EQ(leat_rpc_server_create(NULL, &server), 0);
        for (size_t i = 0; i < 2; i++)
                CHECK_EQ(leat_rpc_server_add(server, (struct leat_rpc_service){ &versions[i], dispatch, NULL, NULL }),
                         0);
        for (size_t i = 0; i < count; i++) {
                snprintf(address, sizeof(address), addresses[i], harness_tmpdir());
                CHECK_EQ(leat_rpc_server_listen(server, address, harness_deadline_ms(40000), NULL), 0);
        }
        return server;
}

static int64_t soon(void) {
        return harness_deadline_ms(40000);
}

TEST(a_server_registers_and_unregisters) {
        static const char *const addresses[] = { "tcp:127.0.0.1:0", "udp:127.0.0.1:0", "unix:%s/server",
                                                 "shm:%s/channel" };
        struct leat_rpc_server *server = make_server(addresses, 4);
        struct scripted peer = { 0 };
        begin_registry(&peer, 5);
        CHECK_EQ(leat_rpcbind_register(peer.address, server, 0, soon(), NULL), 6);
        CHECK_EQ(leat_rpcbind_register(peer.address, server, 0, soon(), NULL), 6); /* it is there already, so */
        CHECK_EQ(registry.count, 6);
        CHECK_EQ(leat_rpcbind_set(peer.address, 0x20000030, 3, "tcp:127.0.0.1:9", soon(), NULL), 0);
        CHECK_EQ(leat_rpcbind_unregister(peer.address, server, soon(), NULL), 6);
        CHECK_EQ(registry.count, 1);
        CHECK_EQ(registry.all[0].version, 3);
        CHECK_EQ(leat_rpcbind_unregister(peer.address, server, soon(), NULL), 0);
        end_registry(&peer);
        leat_rpc_server_free(server);
}

TEST(a_server_that_is_refused_leaves_nothing) {
        static const char *const addresses[] = { "tcp:127.0.0.1:0", "udp:127.0.0.1:0" };
        struct leat_rpc_server *server = make_server(addresses, 2);
        struct leat_reason reason = { .text = NULL };
        struct scripted peer = { 0 };
        char address[128];
        begin_registry(&peer, 5);
        CHECK_EQ(leat_rpcbind_set(peer.address, 0x20000030, 2, "udp:127.0.0.1:9", soon(), NULL), 0);
        CHECK_EQ(leat_rpcbind_register(peer.address, server, 0, soon(), &reason), -EEXIST);
        CHECK(reason.error == -EEXIST && reason.text && registry.count == 1);
        CHECK_EQ(leat_rpcbind_register(peer.address, server, LEAT_RPCBIND_REPLACE, soon(), NULL), 4);
        ssize_t n = leat_rpcbind_find(peer.address, 0x20000030, 2, "udp", soon(), address, sizeof(address), NULL);
        CHECK(n > 0 && strcmp(address, "udp:127.0.0.1:9") != 0);
        CHECK_EQ(leat_rpcbind_unregister(peer.address, server, soon(), NULL), 4);
        CHECK_EQ(registry.count, 0);
        end_registry(&peer);
        leat_rpc_server_free(server);
}

TEST(a_server_without_addresses_has_nothing_to_register) {
        static const char *const addresses[] = { "shm:%s/channel" };
        struct leat_reason reason = { .text = NULL };
        for (size_t count = 0; count < 2; count++) {
                struct leat_rpc_server *server = make_server(addresses, count);
                CHECK_EQ(leat_rpcbind_register("unix:@nobody?open", server, 0, soon(), &reason), -ENOTSUP);
                CHECK(reason.text != NULL);
                leat_rpc_server_free(server);
        }
}

TEST(wrong_use) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpcbind_entry *entries;
        size_t count;
        char address[64];
        CHECK_EQ(leat_rpcbind_set(NULL, 1, 1, NULL, LEAT_NOW, NULL), -EINVAL);
        CHECK_EQ(leat_rpcbind_find(NULL, 1, 1, NULL, LEAT_NOW, NULL, 5, NULL), -EINVAL);
        CHECK_EQ(leat_rpcbind_list(NULL, LEAT_NOW, NULL, &entries, &count, NULL), -EINVAL);
        CHECK_EQ(leat_rpcbind_list(NULL, LEAT_NOW, &arena, NULL, &count, NULL), -EINVAL);
        CHECK_EQ(leat_rpcbind_list(NULL, LEAT_NOW, &arena, &entries, NULL, NULL), -EINVAL);
        CHECK_EQ(leat_rpcbind_register(NULL, NULL, 0, LEAT_NOW, NULL), -EINVAL);
        CHECK_EQ(leat_rpcbind_unregister(NULL, NULL, LEAT_NOW, NULL), -EINVAL);
        CHECK_EQ(leat_rpcbind_find("nonsense", 1, 1, NULL, LEAT_NOW, address, sizeof(address), NULL), -EINVAL);
        CHECK_EQ(leat_rpcbind_unset("tcp:127.0.0.1", 1, 1, NULL, LEAT_NOW, NULL), -EINVAL);
}

/* ---- what nobody has seen ---- */

static void play_silence(struct scripted *peer) {
        scripted_accept(peer);
        scripted_expect(peer);
        CHECK(!scripted_read(peer)); /* the caller has gone */
}

TEST(a_silent_one_is_waited_for_until_the_deadline) {
        struct leat_reason reason = { .text = NULL };
        struct scripted peer = { 0 };
        char address[64];
        scripted_begin(&peer, false, play_silence);
        CHECK_EQ(leat_rpcbind_find(peer.address, 1, 1, NULL, leat_in_ms(300), address, sizeof(address), &reason),
                 -ETIMEDOUT);
        scripted_end(&peer);
}

/* A list with all kinds of entries, as bytes. */
static void make_list(struct leat_xdr_buffer *body) {
        static const char *const texts[][3] = { { "tcp", "10.0.0.1.4.1", "superuser" },
                                                { "local", "/run/x", "0" },
                                                { "", "", "" } };
        for (size_t i = 0; i < 3; i++) {
                put_word(body, 1);
                put_word(body, 7);
                put_word(body, (uint32_t)i);
                for (size_t k = 0; k < 3; k++) {
                        size_t size = strlen(texts[i][k]);
                        put_word(body, (uint32_t)size);
                        CHECK_EQ(leat_xdr_buffer_reserve(body, size + 4), 0);
                        memset(body->bytes + body->size_bytes, 0, size + 4);
                        memcpy(body->bytes + body->size_bytes, texts[i][k], size);
                        body->size_bytes += (size_t)leat_xdr_padded((uint32_t)size);
                }
        }
        put_word(body, 0);
}

/* The n-th connection is answered with the n-th way to break the list: cut short, or with a bit turned over. */
static struct {
        struct leat_xdr_buffer list;
        size_t cases;
} broken;

static void play_broken(struct scripted *peer) {
        for (size_t n = 0; n < broken.cases; n++) {
                size_t size = n < broken.list.size_bytes ? n : broken.list.size_bytes;
                uint8_t *body = exact(broken.list.bytes, size);
                if (n >= broken.list.size_bytes)
                        body[(n - size) / 8] ^= (uint8_t)(1 << (n - size) % 8);
                scripted_accept(peer);
                scripted_expect(peer);
                scripted_reply(peer, LEAT_RPC_SUCCESS, body, size);
                free(body);
        }
}

TEST(each_cut_and_each_bit_of_an_answer) {
        struct scripted peer = { 0 };
        struct leat_xdr_arena arena = { 0 };
        size_t told = 0;
        make_list(&broken.list);
        broken.cases = 9 * broken.list.size_bytes;
        scripted_begin(&peer, false, play_broken);
        for (size_t n = 0; n < broken.cases; n++) {
                struct leat_rpcbind_entry *entries = NULL;
                size_t count = 0;
                leat_xdr_arena_reset(&arena);
                int r = leat_rpcbind_list(peer.address, soon(), &arena, &entries, &count, NULL);
                if (r != 0 && r != -EBADMSG)
                        FAIL("case %zu: %s", n, leat_strerror(r));
                CHECK(r == 0 || n >= broken.list.size_bytes || count == 0);
                for (size_t i = 0; i < count; i++)
                        told += strlen(entries[i].netid) + strlen(entries[i].universal) + strlen(entries[i].owner) +
                                (entries[i].address ? strlen(entries[i].address) : 0);
        }
        CHECK(told > 0);
        scripted_end(&peer);
        leat_xdr_arena_free(&arena);
        leat_xdr_buffer_free(&broken.list);
}

TEST_MAIN()
