/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_peer.h"

#include "tools/leat/bench.h"

#include <dlfcn.h>
#include <stdio.h>

static const struct peer *const peers[] = { &peer_zmq,  &peer_nng,   &peer_nanomsg, &peer_sdbus,
                                            &peer_dbus, &peer_boost, &peer_spsc,    &peer_iceoryx };
#define PEERS (sizeof(peers) / sizeof(peers[0]))

bool peer_find(void *library, const char *name, void *ret_function) {
        void *function = dlsym(library, name);
        memcpy(ret_function, &function, sizeof(function));
        return function != NULL;
}

void peer_address(const struct end *end, const char *prefix, char address[BENCH_ADDRESS_SIZE]) {
        (void)snprintf(address, BENCH_ADDRESS_SIZE, "%s%s/peer-%u", prefix, end->setting->folder, end->setting->number);
}

void peer_remove(struct end ends[2]) {
        char path[BENCH_ADDRESS_SIZE];
        peer_address(&ends[0], "", path);
        (void)unlink(path);
}

enum presence { NOT_ASKED, NO_LIBRARY, DOES_NOT_LOAD, IS_THERE };

/* Loaded once, and kept. */
static enum presence presence_of(size_t i) {
        static enum presence known[PEERS];
        if (known[i] == NOT_ASKED) {
                void *library = peers[i]->library ? dlopen(peers[i]->library, RTLD_NOW | RTLD_LOCAL) : NULL;
                known[i] = peers[i]->library && !library ? NO_LIBRARY
                           : peers[i]->load(library)     ? IS_THERE
                                                         : DOES_NOT_LOAD;
        }
        return known[i];
}

/* Most go over unix sockets, so they stand beside ours; some through memory. */
static unsigned kind_of(const char *scheme) {
        return strcmp(scheme, "shm") == 0                                          ? BESIDE_MEMORY
               : strcmp(scheme, "unix") == 0 || strcmp(scheme, "unix-stream") == 0 ? BESIDE_SOCKETS
                                                                                   : 0;
}

bool peers_stand_beside(const char *scheme) {
        return kind_of(scheme) != 0;
}

size_t peers_list(const char *scheme, const struct contender *ret_peers[ENTRANTS_MAX]) {
        size_t count = 0;
        for (size_t i = 0; i < PEERS; i++)
                if ((peers[i]->beside & kind_of(scheme)) && presence_of(i) == IS_THERE)
                        ret_peers[count++] = peers[i]->contender;
        return count;
}

void peers_absent(void (*tell)(void *to, const char *name, const char *text), void *to) {
        for (size_t i = 0; i < PEERS; i++) {
                char text[160];
                enum presence presence = presence_of(i);
                if (presence == IS_THERE)
                        continue;
                if (presence == DOES_NOT_LOAD && peers[i]->missing)
                        (void)snprintf(text, sizeof(text), "not measured: %s", peers[i]->missing);
                else
                        (void)snprintf(text, sizeof(text), "not installed: apt-get install %s", peers[i]->package);
                tell(to, peers[i]->contender->name, text);
        }
}
