/* SPDX-License-Identifier: MIT */
#include "tools/leat/parties.h"

#include "base/cleanup.h"
#include "channel/counters.h"
#include "memory/memfile.h"
#include "transport/unix_name.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define LINK "/memfd:" COUNTERS_NAME " (deleted)"
#define AT(field) offsetof(struct party, field)

const struct party_number party_numbers[PARTY_NUMBERS] = {
        { "connections", "CONNECTIONS", AT(connections) },
        { "sent", "SENT", AT(sent) },
        { "sent_bytes", "BYTES", AT(sent_bytes) },
        { "received", "RECEIVED", AT(received) },
        { "received_bytes", "BYTES", AT(received_bytes) },
        { "waits", "WAITS", AT(waits) },
        { "sleeps", "SLEEPS", AT(sleeps) },
        { "wakes", "WAKES", AT(wakes) },
        { "full", "FULL", AT(full) },
        { "dropped", "DROPPED", AT(dropped) },
        { "hung_up", "HUNG UP", AT(hung_up) },
        { "quarantined", "CUT OFF", AT(quarantined) },
        { "connected", "EVER", AT(connected) },
};

/* Whose pages are wanted. */
struct wanted {
        char path[PATH_MAX + 64];
        uint64_t device, inode;
        int mount; /* of memory files */
        size_t page_bytes;
};

static void close_directory_at(DIR **directory) {
        if (*directory)
                closedir(*directory);
}

/* ---- one page ---- */

/* The mount that a descriptor's file lies in; -1. */
static int mount_of(int fd) {
        char path[40], line[80];
        int mount = -1;
        (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
        FILE *file = fopen(path, "re");
        while (file && mount < 0 && fgets(line, sizeof(line), file))
                if (strncmp(line, "mnt_id:", 7) == 0)
                        mount = (int)strtol(line + 7, NULL, 10);
        if (file)
                fclose(file);
        return mount;
}

/*
 * The memory file behind a descriptor of another process, to read. A link that only looks like one's may lead to a file of a file system in
 * user space, where to open it would be to wait for a stranger: so it is not opened before it is known to lie where memory files lie.
 */
static int open_page(int directory, const char *name, int mount) {
        char path[40];
        CLOSE_AT_EXIT int fd = openat(directory, name, O_PATH | O_CLOEXEC);
        if (fd < 0 || mount < 0 || mount_of(fd) != mount)
                return -1;
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static uint64_t both(const _Atomic uint64_t counters[2]) {
        return counter_get(&counters[0]) + counter_get(&counters[1]);
}

/* Each word is read by itself, and the party goes on meanwhile: what is taken away is read first. */
static uint64_t less(uint64_t all, uint64_t part) {
        return all > part ? all - part : 0;
}

static void read_counters(const struct counters *from, struct party *ret_party) {
        uint64_t sent_before = counter_get(&from->sent_before), received_gone = counter_get(&from->received_gone);
        ret_party->sent = counter_get(&from->sent);
        ret_party->sent_bytes = counter_get(&from->sent_bytes);
        ret_party->received = counter_get(&from->received);
        ret_party->received_bytes = counter_get(&from->received_bytes);
        ret_party->dropped = counter_get(&from->dropped);
        ret_party->quarantined = counter_get(&from->quarantined);
        ret_party->hung_up = counter_get(&from->hung_up);
        ret_party->connections = counter_get(&from->connections);
        ret_party->connected = counter_get(&from->connected);
        ret_party->waits = both(from->waits);
        ret_party->sleeps = both(from->sleeps);
        ret_party->full = counter_get(&from->full);
        ret_party->wakes = counter_get(&from->wakes);
        ret_party->sent_now = less(ret_party->sent_bytes, sent_before);
        ret_party->received_now = less(ret_party->received_bytes + counter_get(&from->received_aside), received_gone);
}

/* Is it a page of this version, and of that address? What stands before the counters is copied first: its writer may change it. */
static bool is_wanted(const struct counters_page *page, const struct wanted *wanted) {
        if (memcmp(page->magic, COUNTERS_MAGIC, sizeof(page->magic)) != 0 || page->version != COUNTERS_VERSION ||
            page->word_bytes != sizeof(long))
                return false;
        if (page->inode != 0 && page->inode == wanted->inode && page->device == wanted->device)
                return true;
        return memchr(page->address, '\0', sizeof(page->address)) && page->address[0] != '\0' &&
               strcmp(page->address, wanted->path) == 0;
}

/* *ret_told: the pid that the page tells. */
static bool read_page(int fd, const struct wanted *wanted, struct party *ret_party, uint32_t *ret_told) {
        CLEANUP(memfile_free) struct memfile file = MEMFILE_NONE;
        struct counters_page head;
        struct stat status;
        if (memfile_adopt(fd, wanted->page_bytes, 0, &file) < 0 || fstat(fd, &status) < 0)
                return false;
        memcpy(&head, file.bytes, offsetof(struct counters_page, counters));
        atomic_signal_fence(memory_order_seq_cst);
        if (!is_wanted(&head, wanted))
                return false;
        *ret_party = (struct party){ .page = (uint64_t)status.st_ino,
                                     .flags = head.flags,
                                     .ring_bytes = head.ring_bytes,
                                     .opened_ns = head.opened_ns };
        read_counters(&((const struct counters_page *)file.bytes)->counters, ret_party);
        *ret_told = head.pid;
        return true;
}

/* ---- all of them ---- */

/* One page may be seen twice: of a channel that was given to a child both have it until the parent closes it. */
static int add(struct parties *parties, const struct party *party, bool told) {
        for (size_t i = 0; i < parties->count; i++)
                if (parties->all[i].page == party->page) {
                        if (told == !(party->flags & COUNTERS_GIVEN))
                                parties->all[i].pid = party->pid;
                        return 0;
                }
        struct party *all = realloc(parties->all, (parties->count + 1) * sizeof(*all));
        if (!all)
                return -ENOMEM;
        all[parties->count++] = *party;
        parties->all = all;
        return 0;
}

/* The pages of one process. One that is gone by now, or that may not be looked at, has none. */
static int look_at(const char *pid, const struct wanted *wanted, struct parties *parties) {
        char path[300], link[sizeof(LINK) + 1];
        const struct dirent *entry;
        uint32_t told = 0;
        int r = 0;
        (void)snprintf(path, sizeof(path), "/proc/%s/fd", pid);
        CLEANUP(close_directory_at) DIR *directory = opendir(path);
        while (r == 0 && directory && (entry = readdir(directory))) {
                ssize_t n = readlinkat(dirfd(directory), entry->d_name, link, sizeof(link) - 1);
                if (n != sizeof(LINK) - 1 || memcmp(link, LINK, sizeof(LINK) - 1) != 0)
                        continue;
                CLOSE_AT_EXIT int fd = open_page(dirfd(directory), entry->d_name, wanted->mount);
                struct party party;
                if (fd < 0 || !read_page(fd, wanted, &party, &told))
                        continue;
                party.pid = (pid_t)strtol(pid, NULL, 10);
                r = add(parties, &party, (uint32_t)party.pid == told);
        }
        return r;
}

static int want(const char *text, struct wanted *ret_wanted) {
        CLEANUP(address_clear) struct address address = { 0 };
        CLEANUP(unix_name_free_at) struct unix_name *name = NULL;
        struct stat status = { 0 };
        int r = address_parse(text, NULL, &address);
        if (r == 0)
                r = unix_name_new(&address, false, NULL, &name);
        if (r < 0 || !name)
                return r < 0 ? r : -EINVAL;
        if (!name->abstract)
                (void)fstatat(name->directory, name->base, &status, AT_SYMLINK_NOFOLLOW);
        ret_wanted->device = (uint64_t)status.st_dev;
        ret_wanted->inode = (uint64_t)status.st_ino;
        ret_wanted->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
        CLOSE_AT_EXIT int example = memfd_create("leat-info", MFD_CLOEXEC);
        ret_wanted->mount = example < 0 ? -1 : mount_of(example);
        return unix_name_resolve(name, ret_wanted->path, sizeof(ret_wanted->path));
}

static int in_order(const void *one, const void *other) {
        const struct party *a = one, *b = other;
        bool a_listens = a->flags & COUNTERS_LISTENS, b_listens = b->flags & COUNTERS_LISTENS;
        return a_listens != b_listens ? b_listens - a_listens : a->pid < b->pid ? -1 : a->pid > b->pid;
}

int parties_find(const char *address, struct parties *ret_parties) {
        struct wanted wanted;
        const struct dirent *entry;
        int r = want(address, &wanted);
        *ret_parties = (struct parties){ 0 };
        CLEANUP(close_directory_at) DIR *directory = r == 0 ? opendir("/proc") : NULL;
        while (r == 0 && directory && (entry = readdir(directory)))
                if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
                        r = look_at(entry->d_name, &wanted, ret_parties);
        if (r < 0) {
                parties_free(ret_parties);
                return r;
        }
        if (ret_parties->count > 0)
                qsort(ret_parties->all, ret_parties->count, sizeof(struct party), in_order);
        return 0;
}

void parties_free(struct parties *parties) {
        free(parties->all);
        *parties = (struct parties){ 0 };
}

/* ---- what they tell together ---- */

const char *party_role(const struct party *party) {
        bool listens = party->flags & COUNTERS_LISTENS;
        if (party->flags & LEAT_CALL)
                return "calls";
        if (party->flags & LEAT_REPLY)
                return "replies";
        if ((party->flags & (LEAT_SEND | LEAT_RECEIVE)) == (LEAT_SEND | LEAT_RECEIVE))
                return listens ? "pair, listens" : "pair, connects";
        return party->flags & LEAT_SEND ? "sends" : "receives";
}

/* How many ends of connections are seen: those of the listener, and of those that connected. */
static uint64_t count_ends(const struct parties *parties, bool listens) {
        uint64_t ends = 0;
        for (size_t i = 0; i < parties->count; i++)
                if (!!(parties->all[i].flags & COUNTERS_LISTENS) == listens)
                        ends += parties->all[i].connections;
        return ends;
}

static bool has_listener(const struct parties *parties) {
        return parties->count > 0 && (parties->all[0].flags & COUNTERS_LISTENS);
}

bool parties_are_hidden(const struct parties *parties, uint64_t connections) {
        uint64_t all = connections == LEAT_UNKNOWN ? count_ends(parties, true) : connections;
        return !has_listener(parties) || count_ends(parties, false) < all;
}

uint64_t parties_queued(const struct parties *parties, uint64_t connections) {
        uint64_t sent = 0, received = 0;
        uint64_t all = connections == LEAT_UNKNOWN ? count_ends(parties, true) : connections;
        if (!has_listener(parties) || count_ends(parties, false) != all)
                return LEAT_UNKNOWN;
        for (size_t i = 0; i < parties->count; i++) {
                const struct party *party = &parties->all[i];
                if (party->connections > 0 && (party->flags & (LEAT_SEND | LEAT_CALL)))
                        sent += party->sent_now;
                if (party->flags & (LEAT_RECEIVE | LEAT_REPLY))
                        received += party->received_now;
        }
        return sent > received ? sent - received : 0; /* the pages are read one after the other */
}
