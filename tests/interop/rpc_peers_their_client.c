/* SPDX-License-Identifier: MIT */
/*
 * A client of libtirpc for rpc_peers.x: rpc_peers_their_client tcp|udp PORT | unix PATH | tcp|udp|... 0 SEED. With port 0 it asks rpcbind on this host. It
 * calls everything, and ends with 1 and a line on what was not as it has to be.
 */
#include "rpc_peers_theirs.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define CHECK(condition)                                                                                               \
        do {                                                                                                           \
                if (!(condition)) {                                                                                    \
                        fprintf(stderr, "their client, line %d: not so: %s\n", __LINE__, #condition);                  \
                        exit(1);                                                                                       \
                }                                                                                                      \
        } while (0)

static const char *kind, *where;
static const struct timeval patience = { 60, 0 };

static CLIENT *make(unsigned long program, unsigned long version) {
        struct sockaddr_in inet = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(where)) };
        struct sockaddr_un local = { .sun_family = AF_UNIX };
        struct timeval retry = { 20, 0 };
        int fd = RPC_ANYSOCK;
        CLIENT *client;

        inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (strcmp(kind, "unix") == 0) {
                strncpy(local.sun_path, where, sizeof(local.sun_path) - 1);
                client = clntunix_create(&local, program, version, &fd, 0, 0);
        } else if (strcmp(where, "0") == 0) {
                client = clnt_create("127.0.0.1", program, version, kind);
        } else if (strcmp(kind, "udp") == 0) {
                client = clntudp_create(&inet, program, version, retry, &fd);
        } else {
                client = clnttcp_create(&inet, program, version, &fd, 0, 0);
        }
        if (!client)
                clnt_pcreateerror("their client");
        CHECK(client);
        CHECK(clnt_control(client, CLSET_TIMEOUT, (char *)&patience));
        return client;
}

/* ---- values ---- */

static char text[101];
static int numbers[10];
static chain links[4];

static void fill_pointers(everything *value) {
        value->bytes.bytes_len = (u_int)(lrand48() % 101);
        value->bytes.bytes_val = text;
        value->text = text + lrand48() % 101;
        value->numbers.numbers_len = (u_int)(lrand48() % 11);
        value->numbers.numbers_val = numbers;
        value->maybe = lrand48() % 2 ? &numbers[0] : NULL;
        value->links = NULL;
        for (long i = lrand48() % 5; i > 0; i--) {
                links[i - 1] = (chain){ (int)mrand48(), value->links };
                value->links = &links[i - 1];
        }
}

static void fill(everything *value) {
        static const color colors[] = { RED, GREEN, BLUE };
        memset(text, 'x', 100);
        memset(value, 0, sizeof(*value));
        value->number = (int)mrand48();
        value->counter = (u_int)mrand48();
        value->large = (quad_t)((unsigned long)mrand48() << 32 | (unsigned long)lrand48());
        value->larger = (u_quad_t)value->large * 3;
        value->part = (float)drand48();
        value->exact = drand48() * 1e100;
        value->flag = lrand48() % 2 == 0;
        value->color = colors[lrand48() % 3];
        for (int i = 0; i < 10; i++)
                numbers[i] = (int)mrand48();
        for (int i = 0; i < 5; i++)
                value->fixed[i] = (char)mrand48();
        for (int i = 0; i < 3; i++)
                value->square[i] = (u_int)mrand48();
        value->choice.color = colors[lrand48() % 3];
        if (value->choice.color == RED)
                value->choice.choice_u.number = 7;
        if (value->choice.color == GREEN)
                value->choice.choice_u.text = "a text of twenty byt";
        fill_pointers(value);
}

/* Their own bytes say whether two values are the same. */
static u_int encode(everything *value, char *bytes, u_int size) {
        XDR xdrs;
        xdrmem_create(&xdrs, bytes, size, XDR_ENCODE);
        CHECK(xdr_everything(&xdrs, value));
        return xdr_getpos(&xdrs);
}

static void call_with_values(CLIENT *client) {
        for (int i = 0; i < 200; i++) {
                char before[2048], after[2048];
                everything value, result = { 0 };
                fill(&value);
                CHECK(clnt_call(client, NEGATE, (xdrproc_t)xdr_everything, (caddr_t)&value, (xdrproc_t)xdr_everything,
                                (caddr_t)&result, patience) == RPC_SUCCESS);
                value.number = (int)-(unsigned)value.number;
                u_int size = encode(&value, before, sizeof(before));
                CHECK(size == encode(&result, after, sizeof(after)));
                CHECK(memcmp(before, after, size) == 0);
                xdr_free((xdrproc_t)xdr_everything, (char *)&result);
        }
}

static void call_with_sizes(CLIENT *client) {
        static const u_int sizes[] = { 0, 1, 3, 4, 5, 1000, 8000, 9000, 65536, 100001, LARGEST };
        static char bytes[LARGEST];
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && (sizes[i] <= 8000 || strcmp(kind, "udp") != 0);
             i++) {
                blob argument = { sizes[i], bytes };
                u_int size = sizes[i], sum = 0;
                blob *made = make_1(&size, client);
                CHECK(made && made->blob_len == size);
                for (u_int k = 0; k < size; k++) {
                        CHECK(made->blob_val[k] == (char)k);
                        bytes[k] = (char)(k * 3);
                        sum += (unsigned char)bytes[k];
                }
                clnt_freeres(client, (xdrproc_t)xdr_blob, (caddr_t)made);
                u_int *counted = count_1(&argument, client);
                CHECK(counted && *counted == sum);
        }
}

/* ---- errors ---- */

static struct rpc_err refused(CLIENT *client, unsigned long procedure, xdrproc_t codec, void *argument,
                              enum clnt_stat status) {
        struct rpc_err error;
        int result = 0;
        enum clnt_stat got =
                clnt_call(client, procedure, codec, argument, (xdrproc_t)xdr_int, (caddr_t)&result, patience);
        if (got != status)
                fprintf(stderr, "procedure %lu: %s\n", procedure, clnt_sperrno(got));
        CHECK(got == status);
        clnt_geterr(client, &error);
        return error;
}

static void call_wrongly(CLIENT *client) {
        pair argument = { 1, 2 };
        refused(client, 77, (xdrproc_t)xdr_void, NULL, RPC_PROCUNAVAIL);
        refused(client, FAIL, (xdrproc_t)xdr_void, NULL, RPC_SYSTEMERROR);
        refused(client, NEGATE, (xdrproc_t)xdr_pair, &argument, RPC_CANTDECODEARGS);
        refused(client, ADD, (xdrproc_t)xdr_int, &argument, RPC_CANTDECODEARGS);
        if (strcmp(where, "0") == 0) /* rpcbind knows no others */
                return;
        CLIENT *other = make(PEERS_PROGRAM, 9);
        struct rpc_err error = refused(other, ADD, (xdrproc_t)xdr_pair, &argument, RPC_PROGVERSMISMATCH);
        CHECK(error.re_vers.low == 1 && error.re_vers.high == 1);
        clnt_destroy(other);
        other = make(PEERS_PROGRAM + 1, 1);
        refused(other, ADD, (xdrproc_t)xdr_pair, &argument, RPC_PROGUNAVAIL);
        clnt_destroy(other);
}

int main(int argc, char **argv) {
        CLIENT *client;
        if (argc != 4)
                return 2;
        kind = argv[1];
        where = argv[2];
        srand48(atol(argv[3]));
        client = make(PEERS_PROGRAM, PEERS_VERSION);
        CHECK(nothing_1(NULL, client));
        for (int i = 0; i < 500; i++) {
                pair argument = { i, 1000 };
                int *sum = add_1(&argument, client);
                CHECK(sum && *sum == i + 1000);
        }
        call_with_values(client);
        call_with_sizes(client);
        u_int *uid = who_1(NULL, client);
        CHECK(uid && *uid == UINT32_MAX);
        client->cl_auth = authunix_create_default();
        uid = who_1(NULL, client);
        CHECK(uid && *uid == geteuid());
        call_wrongly(client);
        auth_destroy(client->cl_auth);
        clnt_destroy(client);
        return 0;
}
