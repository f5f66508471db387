/* SPDX-License-Identifier: MIT */

/*
 * Who has a port: sock_diag(7) knows the socket's inode and its owner's uid, and /proc/PID/fd shows which process has a socket of that
 * inode; of other users' processes only root sees that.
 */

#include "tools/leat/holder.h"

#include "tools/leat/report.h"

#include "base/cleanup.h"
#include "transport/tcp_diag.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void close_directory_at(DIR **directory) {
        if (*directory)
                closedir(*directory);
}

/* Has this process a descriptor that links to `target`? */
static bool has_open(const char *pid, const char *target) {
        char path[300], link[64];
        const struct dirent *entry;
        (void)snprintf(path, sizeof(path), "/proc/%s/fd", pid);
        CLEANUP(close_directory_at) DIR *directory = opendir(path);
        while (directory && (entry = readdir(directory))) {
                ssize_t n = readlinkat(dirfd(directory), entry->d_name, link, sizeof(link) - 1);
                link[n > 0 ? n : 0] = '\0';
                if (strcmp(link, target) == 0)
                        return true;
        }
        return false;
}

static int find_process(uint32_t inode) {
        char target[32];
        const struct dirent *entry;
        (void)snprintf(target, sizeof(target), "socket:[%u]", (unsigned)inode);
        CLEANUP(close_directory_at) DIR *directory = opendir("/proc");
        while (directory && (entry = readdir(directory)))
                if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && has_open(entry->d_name, target))
                        return (int)strtol(entry->d_name, NULL, 10);
        return 0;
}

static void read_name(int pid, char *ret_name, size_t size) {
        char path[40];
        (void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
        FILE *file = fopen(path, "re");
        ret_name[0] = '\0';
        if (!file)
                return;
        if (fgets(ret_name, (int)size, file))
                ret_name[strcspn(ret_name, "\n")] = '\0';
        fclose(file);
}

static int protocol_of(const struct address *address) {
        return strcmp(address->scheme, "tcp") == 0   ? IPPROTO_TCP
               : strcmp(address->scheme, "udp") == 0 ? IPPROTO_UDP
                                                     : 0;
}

/* Whether it is a port that somebody here has; *ret_pid: 0 if it is not to be seen who. */
static bool find_holder(const char *text, int *ret_pid, uid_t *ret_uid) {
        CLEANUP(address_clear) struct address address = { 0 };
        struct inet_name name;
        uint32_t inode;
        if (address_parse(text, NULL, &address) < 0 || !protocol_of(&address) ||
            inet_parse(&address, NULL, &name) < 0 || inet_holder(&name, protocol_of(&address), &inode, ret_uid) < 0)
                return false;
        *ret_pid = find_process(inode);
        return true;
}

void holder_complete(const char *address, struct leat_peer *owner) {
        char path[40];
        struct stat status;
        int pid;
        uid_t uid;
        if (!owner->known || owner->pid || !find_holder(address, &pid, &uid))
                return;
        (void)snprintf(path, sizeof(path), "/proc/%d", pid);
        owner->pid = pid;
        owner->gid = pid && stat(path, &status) == 0 ? status.st_gid : HOLDER_NO_GROUP;
}

void holder_tell(const char *text) {
        uid_t uid;
        char command[32];
        int pid;
        if (!find_holder(text, &pid, &uid))
                return;
        read_name(pid, command, sizeof(command));
        if (pid)
                complain(text, "process %d (%s) of uid %u has it", pid, command, (unsigned)uid);
        else
                complain(text, "a process of uid %u has it; root can see which", (unsigned)uid);
}
