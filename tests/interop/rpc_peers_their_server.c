/* SPDX-License-Identifier: MIT */
/*
 * A server of libtirpc for rpc_peers.x: rpc_peers_their_server PATH. It listens at a port of TCP, one of UDP and a unix path, and prints the two ports on a
 * line.
 */
#include "rpc_peers_theirs.h"

void peers_program_1(struct svc_req *request, SVCXPRT *transport);

void *nothing_1_svc(void *none, struct svc_req *request) {
        static char result;
        (void)none, (void)request;
        return &result;
}

everything *negate_1_svc(everything *argument, struct svc_req *request) {
        (void)request;
        argument->number = (int)-(unsigned)argument->number;
        return argument; /* freed behind the reply */
}

int *add_1_svc(pair *argument, struct svc_req *request) {
        static int sum;
        (void)request;
        sum = (int)((unsigned)argument->one + (unsigned)argument->other);
        return &sum;
}

blob *make_1_svc(u_int *size, struct svc_req *request) {
        static char bytes[LARGEST];
        static blob result = { 0, bytes };
        (void)request;
        result.blob_len = *size <= LARGEST ? *size : 0;
        for (u_int i = 0; i < result.blob_len; i++)
                bytes[i] = (char)i;
        return &result;
}

u_int *count_1_svc(blob *argument, struct svc_req *request) {
        static u_int sum;
        (void)request;
        sum = 0;
        for (u_int i = 0; i < argument->blob_len; i++)
                sum += (unsigned char)argument->blob_val[i];
        return &sum;
}

int *fail_1_svc(void *none, struct svc_req *request) {
        (void)none;
        svcerr_systemerr(request->rq_xprt);
        return NULL;
}

u_int *who_1_svc(void *none, struct svc_req *request) {
        static u_int uid;
        (void)none;
        uid = request->rq_cred.oa_flavor == AUTH_SYS ? ((struct authunix_parms *)request->rq_clntcred)->aup_uid
                                                     : UINT32_MAX;
        return &uid;
}

static void dispatch(struct svc_req *request, SVCXPRT *transport) {
        if (request->rq_proc == WEAK)
                svcerr_weakauth(transport);
        else
                peers_program_1(request, transport);
}

int main(int argc, char **argv) {
        SVCXPRT *tcp = svctcp_create(RPC_ANYSOCK, 0, 0), *udp = svcudp_create(RPC_ANYSOCK);
        SVCXPRT *local = argc == 2 ? svcunix_create(RPC_ANYSOCK, 0, 0, argv[1]) : NULL;
        /* The last 0: nobody registers it with rpcbind. */
        if (!tcp || !udp || !local || !svc_register(tcp, PEERS_PROGRAM, PEERS_VERSION, dispatch, 0) ||
            !svc_register(udp, PEERS_PROGRAM, PEERS_VERSION, dispatch, 0) ||
            !svc_register(local, PEERS_PROGRAM, PEERS_VERSION, dispatch, 0)) {
                fprintf(stderr, "their server cannot start\n");
                return 1;
        }
        printf("%d %d\n", tcp->xp_port, udp->xp_port);
        fflush(stdout);
        svc_run();
        return 1;
}
