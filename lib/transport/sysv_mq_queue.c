/* SPDX-License-Identifier: MIT */

/* System V queues by their keys: finding, making, looking, removing. */

#include "transport/sysv_mq.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/umask.h"
#include "channel/entry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- keys ---- */

static const char wrong_key[] =
        "a key is wanted: sysv-mq:/path#ID, with the file of ftok(3) and an ID from 1 to 255, or sysv-mq:0x4d2";

/* A number as C writes it, which is all there is. */
static bool parse_number(const char *text, unsigned long most, unsigned long *ret_number) {
        char *end;
        if (*text < '0' || *text > '9')
                return false;
        errno = 0;
        *ret_number = strtoul(text, &end, 0);
        return errno == 0 && *end == '\0' && *ret_number > 0 && *ret_number <= most;
}

/* The file of an address and its id; NULL: it says the key itself. */
static int split(const struct address *address, struct leat_reason *reason, char **ret_path,
                 unsigned long *ret_number) {
        const char *rest = address->rest, *mark = strrchr(rest, '#');
        bool file = strchr(rest, '/') != NULL;
        *ret_path = NULL;
        if (file ? !mark || !parse_number(mark + 1, 255, ret_number) : !parse_number(rest, UINT32_MAX, ret_number))
                return reason_at(reason, -EINVAL, address->rest_column + (file && mark ? (uint32_t)(mark - rest) : 0),
                                 wrong_key);
        *ret_path = file ? strndup(rest, (size_t)(mark - rest)) : NULL;
        return file && !*ret_path ? -ENOMEM : 0;
}

int sysv_mq_check(const struct address *address, struct leat_reason *reason) {
        FREE_AT_EXIT char *path = NULL;
        unsigned long number;
        return split(address, reason, &path, &number);
}

int sysv_mq_key(const struct address *address, struct leat_reason *reason, key_t *ret_key) {
        FREE_AT_EXIT char *path = NULL;
        unsigned long number;
        int r = split(address, reason, &path, &number);
        if (r < 0)
                return r;
        *ret_key = path ? ftok(path, (int)number) : (key_t)(uint32_t)number;
        if (!path || *ret_key != -1)
                return 0;
        return reason_at(reason, -errno, address->rest_column,
                         errno == ENOENT
                                 ? "the file that the key is made of is not there; make it (touch), and keep it: "
                                   "another one has another key"
                                 : "the file that the key is made of cannot be looked at");
}

/* ---- limits and modes ---- */

struct sysv_mq_limits sysv_mq_limits(void) {
        struct msginfo limits = { 0 };
        if (msgctl(0, IPC_INFO, (struct msqid_ds *)(void *)&limits) < 0)
                return (struct sysv_mq_limits){ .largest_bytes = 8192, .queue_bytes = 16384 };
        return (struct sysv_mq_limits){ .largest_bytes = (size_t)limits.msgmax, .queue_bytes = (size_t)limits.msgmnb };
}

uint64_t sysv_mq_largest(const struct msqid_ds *status, enum framing framing) {
        size_t system = sysv_mq_limits().largest_bytes, header = entry_header_bytes(framing);
        size_t largest = system < status->msg_qbytes ? system : status->msg_qbytes;
        return largest > header ? largest - header : 0;
}

/* ---- finding and making ---- */

int sysv_mq_find(key_t key, mode_t access, struct leat_reason *reason) {
        int queue = msgget(key, (int)access);
        if (queue >= 0)
                return queue;
        if (errno == EACCES)
                return reason_set(
                        reason, -EACCES, LEAT_ROW_WHO,
                        "the queue is another user's and its mode does not let you; `leat info` and `ipcs -q` "
                        "show both");
        return errno == ENOENT ? reason_set(reason, -ENOENT, LEAT_ROW_OPENING, "no queue has this key") : -errno;
}

int sysv_mq_make(key_t key, mode_t mode, struct leat_reason *reason) {
        int queue = msgget(key, IPC_CREAT | IPC_EXCL | (int)umask_cut(mode));
        if (queue >= 0)
                return queue;
        if (errno == EEXIST)
                return reason_set(reason, -EEXIST, LEAT_ROW_OPENING, "a queue has this key already");
        if (errno == ENOSPC)
                return reason_limit(reason, -ENOSPC, "kernel.msgmni",
                                    "the system has as many queues as it may; `ipcs -q` lists them");
        return -errno;
}

/* Only owner and maker may, whatever the mode says; who may not read does not get as far as being told so. */
static int refuse_change(int error, struct leat_reason *reason) {
        if (error != -EPERM && error != -EACCES)
                return error;
        return reason_set(reason, error, LEAT_ROW_WHO,
                          "only the queue's owner changes it; `ipcs -q` shows who that is");
}

int sysv_mq_set_capacity(int queue, uint64_t bytes, struct leat_reason *reason) {
        struct msqid_ds status;
        if (msgctl(queue, IPC_STAT, &status) < 0)
                return refuse_change(-errno, reason);
        if (status.msg_qbytes == bytes)
                return 0;
        status.msg_qbytes = (msglen_t)bytes;
        if (bytes > INT32_MAX)
                return reason_set(reason, -EINVAL, LEAT_ROW_LIMITS, "a queue holds at most 2147483647 bytes");
        if (msgctl(queue, IPC_SET, &status) == 0)
                return 0;
        if (errno == EPERM && bytes > sysv_mq_limits().queue_bytes)
                return reason_limit(reason, -EPERM, "kernel.msgmnb",
                                    "more bytes than the limit need CAP_SYS_RESOURCE or a higher limit");
        return refuse_change(-errno, reason);
}

/* ---- looking ---- */

int sysv_mq_describe(int queue, enum framing framing, struct leat_info *info) {
        struct msqid_ds status;
        if (msgctl(queue, IPC_STAT, &status) < 0)
                return -errno;
        info->largest_bytes = info->atomic_bytes = sysv_mq_largest(&status, framing);
        info->capacity_bytes = status.msg_qbytes;
        info->queued_bytes = status.__msg_cbytes;
        info->queued_messages = status.msg_qnum;
        info->owner = (struct leat_peer){ .known = true, .uid = status.msg_perm.uid, .gid = status.msg_perm.gid };
        info->mode = status.msg_perm.mode & 0777;
        info->last_sender = status.msg_lspid;
        info->last_receiver = status.msg_lrpid;
        info->parties = parties_count_senders(queue);
        return 0;
}

int sysv_mq_grow(struct entry_space *space, size_t size) {
        if (space->message && space->size >= size)
                return 0;
        size_t better = size < 1024 ? 1024 : size;
        struct entry_bytes *message = realloc(space->message, sizeof(*message) + better);
        if (!message)
                return -ENOMEM;
        *space = (struct entry_space){ .message = message, .size = better };
        return 0;
}

ssize_t sysv_mq_copy(int queue, size_t n, struct entry_space *space) {
        for (;;) {
                /* The kernel makes its copy as large as we say, so it is not asked for more than there may be. */
                int r = sysv_mq_grow(space, sysv_mq_limits().largest_bytes);
                if (r < 0)
                        return r;
                ssize_t size = msgrcv(queue, space->message, space->size, (long)n, IPC_NOWAIT | MSG_COPY);
                if (size >= 0)
                        return size;
                if (errno != E2BIG) /* from before the limit was lowered */
                        return -errno;
                r = sysv_mq_grow(space, 2 * space->size);
                if (r < 0)
                        return r;
        }
}

/* Is a header of another version ours? What every version keeps where it is agrees with the entry. */
static bool is_of_ours(const struct entry_bytes *message, size_t size) {
        return size >= WIRE_HEADER_BYTES && get_le64(message->bytes + 16) == (uint64_t)message->type &&
               get_le32(message->bytes + 8) == size - WIRE_HEADER_BYTES;
}

int sysv_mq_look(enum framing framing, const struct entry_bytes *message, size_t size, struct entry *ret_entry) {
        int r = entry_look(framing, message->bytes, size, ret_entry);
        if (r < 0 && is_of_ours(message, size))
                return r;
        if (r < 0 || (!ret_entry->foreign && ret_entry->about.type != message->type))
                (void)entry_look(FRAMING_RAW, message->bytes, size, ret_entry);
        ret_entry->about.type = message->type;
        return 0;
}

/* ---- on addresses ---- */

static int find_any(const struct address *address, struct leat_reason *reason) {
        key_t key;
        int r = sysv_mq_key(address, reason, &key);
        return r < 0 ? r : sysv_mq_find(key, 0, reason);
}

int sysv_mq_inspect(const struct address *address, struct leat_reason *reason, struct leat_info *info) {
        int queue = find_any(address, reason);
        int r = queue < 0 ? queue : sysv_mq_describe(queue, (enum framing)address->framing, info);
        if (r == -EACCES && queue >= 0)
                reason_set(reason, r, LEAT_ROW_WHO,
                           "the queue is another user's, and its mode does not let you read it");
        return r;
}

int sysv_mq_create(const struct address *address, mode_t mode, bool new_only, struct leat_reason *reason) {
        key_t key;
        int r = sysv_mq_key(address, reason, &key);
        if (r < 0)
                return r;
        int queue = sysv_mq_make(key, mode, reason);
        if (queue == -EEXIST && !new_only && !address_given(address, OPTION_NEW))
                return 0;
        if (queue < 0 || !address_given(address, OPTION_CAPACITY))
                return queue < 0 ? queue : 0;
        r = sysv_mq_set_capacity(queue, address->capacity, reason);
        if (r < 0)
                (void)msgctl(queue, IPC_RMID, NULL);
        return r;
}

/* One of msg_perm's, by IPC_SET: mode in octal, owner and group as numbers. */
static int set_permission(int queue, const char *property, const char *value, struct leat_reason *reason) {
        struct msqid_ds status;
        char *end;
        bool is_mode = strcmp(property, "mode") == 0;
        unsigned long number = strtoul(value, &end, is_mode ? 8 : 10);
        if (*value < '0' || *value > '9' || *end || number >= (is_mode ? 01000 : UINT32_MAX))
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING,
                                  is_mode ? "a mode is octal permission bits, as 0660"
                                          : "a user or group is wanted by number, as `id` prints it: owner=1000");
        if (msgctl(queue, IPC_STAT, &status) < 0)
                return refuse_change(-errno, reason);
        if (is_mode)
                status.msg_perm.mode = (unsigned short)number;
        else if (strcmp(property, "owner") == 0)
                status.msg_perm.uid = (uid_t)number;
        else
                status.msg_perm.gid = (gid_t)number;
        if (msgctl(queue, IPC_SET, &status) < 0)
                return refuse_change(-errno, reason);
        parties_set_access(queue, (mode_t)status.msg_perm.mode, status.msg_perm.uid, status.msg_perm.gid);
        return 0;
}

static bool is_permission(const char *property) {
        return strcmp(property, "mode") == 0 || strcmp(property, "owner") == 0 || strcmp(property, "group") == 0;
}

int sysv_mq_set(const struct address *address, const char *property, const char *value, struct leat_reason *reason) {
        uint64_t bytes;
        int queue = find_any(address, reason);
        if (queue < 0)
                return queue;
        if (is_permission(property))
                return set_permission(queue, property, value, reason);
        if (strcmp(property, "capacity") == 0) {
                if (!address_parse_size(value, &bytes) || bytes == 0)
                        return reason_set(reason, -EINVAL, LEAT_ROW_LIMITS, "a capacity is bytes: 16384, 64k");
                return sysv_mq_set_capacity(queue, bytes, reason);
        }
        if (strcmp(property, "depth") == 0)
                return reason_set(reason, -ENOTSUP, LEAT_ROW_LIMITS,
                                  "a System V queue is bounded in bytes; set capacity=, or use mq:");
        return reason_set(reason, -ENOTSUP, LEAT_ROW_LIMITS, "a System V queue has mode, owner, group and capacity");
}

int sysv_mq_remove(const struct address *address, struct leat_reason *reason) {
        key_t key;
        int r = sysv_mq_key(address, reason, &key);
        int queue = r < 0 ? r : sysv_mq_find(key, 0, reason);
        if (queue < 0)
                return queue;
        if (msgctl(queue, IPC_RMID, NULL) < 0)
                return errno == EPERM ? reason_set(reason, -EPERM, LEAT_ROW_WHO,
                                                   "only the queue's owner removes it; `ipcs -q` shows who that is")
                                      : -errno;
        parties_remove(queue);
        return 0;
}

ssize_t sysv_mq_peek(const struct address *address, size_t n, void *buffer, size_t size_bytes,
                     struct leat_reason *reason, struct leat_message *ret_about) {
        CLEANUP(free_at) struct entry_bytes *message = NULL;
        struct entry_space space = { 0 };
        struct entry entry;
        int queue = find_any(address, reason);
        ssize_t size = queue < 0 ? queue : sysv_mq_copy(queue, n, &space);
        message = space.message;
        if (size == -ENOSYS)
                return reason_set(
                        reason, -ENOTSUP, LEAT_ROW_TYPES,
                        "this kernel does not show what waits (it was built without CONFIG_CHECKPOINT_RESTORE)");
        if (size == -ENOMSG)
                return -ENODATA;
        if (size < 0)
                return size;
        int r = sysv_mq_look((enum framing)address->framing, message, (size_t)size, &entry);
        if (r < 0)
                return r;
        *ret_about = entry.about;
        size = (ssize_t)(entry.about.size_bytes < size_bytes ? entry.about.size_bytes : size_bytes);
        if (size > 0)
                memcpy(buffer, entry.bytes, (size_t)size);
        return size;
}
