/* SPDX-License-Identifier: MIT */

/* System V segments: found by a key, without a descriptor. */

#include "base/cleanup.h"
#include "base/error.h"
#include "base/umask.h"
#include "memory/memfile.h"
#include "memory/place_kinds.h"
#include "memory/populate.h"

#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>

#define NOWHERE ((void *)-1) /* of shmat() */

/* ---- keys ---- */

/* A number as C writes it, in hexadecimal or decimal, and nothing else. */
static bool parse_number(const char *text, unsigned long most, unsigned long *ret_number) {
        char *end;
        bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
        const char *digits = hex ? text + 2 : text;
        if (strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != strlen(digits) || !*digits)
                return false;
        errno = 0;
        *ret_number = strtoul(digits, &end, hex ? 16 : 10);
        return errno == 0 && *ret_number > 0 && *ret_number <= most;
}

/* What stands behind the '#': a number, or one character that is no digit. */
static bool parse_id(const char *text, unsigned long *ret_id) {
        if (text[0] != '\0' && text[1] == '\0' && (text[0] < '0' || text[0] > '9')) {
                *ret_id = (uint8_t)text[0];
                return true;
        }
        return parse_number(text, 255, ret_id);
}

static int key_of_file(const char *path, unsigned long id, struct leat_reason *reason, key_t *ret_key) {
        key_t key = ftok(path, (int)id);
        if (key == -1)
                return reason_set(reason, -errno, LEAT_ROW_OPENING,
                                  errno == ENOENT ? "the file that the key is made of is not there; make it (touch), "
                                                    "and keep it: another one has another key"
                                                  : "the file that the key is made of cannot be looked at");
        *ret_key = key;
        return 0;
}

int memory_sysv_key(const char *rest, struct leat_reason *reason, key_t *ret_key) {
        const char *mark = strrchr(rest, '#');
        unsigned long number;
        bool file = strchr(rest, '/') != NULL;
        if (file ? !mark || mark == rest || !parse_id(mark + 1, &number) : !parse_number(rest, UINT32_MAX, &number))
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING,
                                  "a key is wanted: /path#ID, with the file of ftok(3) and an ID from 1 to 255 or one "
                                  "character, or 0x162e");
        if (!file) {
                *ret_key = (key_t)(uint32_t)number;
                return 0;
        }
        FREE_AT_EXIT char *path = strndup(rest, (size_t)(mark - rest));
        return path ? key_of_file(path, number, reason, ret_key) : -ENOMEM;
}

/* ---- finding and making ---- */

int place_sysv_find(struct memory_place *place, bool write, struct leat_reason *reason) {
        int segment = shmget(place->key, 0, write ? S_IRUSR | S_IWUSR : S_IRUSR);
        if (segment >= 0) {
                place->segment = segment;
                return 0;
        }
        if (errno == ENOENT)
                return reason_set(reason, -ENOENT, LEAT_ROW_OPENING, "no segment has this key");
        if (errno == EACCES)
                return reason_set(reason, -EACCES, LEAT_ROW_WHO,
                                  "the segment is another user's, and its mode does not let you; `ipcs -m` shows both");
        return -errno;
}

/* The kernel says EINVAL and ENOSPC: which limit was it? */
static int explain_making(int error, uint64_t size_bytes, bool huge, struct leat_reason *reason) {
        struct shm_info used = { 0 };
        if (error == -EINVAL && size_bytes == 0)
                return reason_set(reason, error, LEAT_ROW_LIMITS, "a segment has at least 1 byte");
        if (error == -EINVAL)
                return reason_limit(reason, error, "kernel.shmmax",
                                    "the segment is larger than the limit of the system, or than there are addresses");
        if (error == -EEXIST)
                return reason_set(reason, error, LEAT_ROW_OPENING, "a segment has this key already");
        if (huge && (error == -ENOMEM || error == -EPERM))
                return error == -EPERM ? reason_limit(reason, error, "vm.hugetlb_shm_group",
                                                      "huge pages are for its group and for CAP_IPC_LOCK")
                                       : reason_limit(reason, -ENOSPC, "vm.nr_hugepages",
                                                      "there are not so many free huge pages");
        if (error == -ENOMEM)
                return reason_limit(reason, -ENOSPC, "vm.overcommit_memory",
                                    "the system does not promise so much memory");
        if (error != -ENOSPC)
                return error;
        (void)shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&used);
        int64_t most = limit_sysctl("kernel.shmmni");
        if (most >= 0 && used.used_ids >= most)
                return reason_limit(reason, error, "kernel.shmmni",
                                    "the system has as many segments as it may; `ipcs -m` lists them");
        return reason_limit(reason, error, "kernel.shmall",
                            "all segments together have as many pages as they may; `ipcs -m` lists them");
}

/*
 * A page of a segment is allocated when it is first written, by whoever that is: SIGBUS, or the end of a process, where there is none.
 * So all of them are written now, by the kernel, which says what fails. They stay allocated: a segment cannot have holes made.
 */
static int fill(int segment, uint64_t size_bytes, struct leat_reason *reason) {
        void *at = shmat(segment, NULL, 0);
        if (at == NOWHERE)
                return -errno;
        int r = madvise(at, size_bytes, MADV_POPULATE_WRITE) < 0 ? -errno : 0;
        (void)shmdt(at);
        if (r == -EFAULT || r == -ENOMEM || r == -EHWPOISON)
                return reason_set(reason, -ENOSPC, LEAT_ROW_LIMITS, "there is no memory for the segment");
        return r;
}

/* The mode at birth, and not behind it: nobody else looks in meanwhile. */
int place_sysv_make(struct memory_place *place, uint64_t size_bytes, mode_t mode, struct leat_reason *reason) {
        int flags = IPC_CREAT | IPC_EXCL | (int)umask_cut(mode) | (place->huge ? SHM_HUGETLB : 0);
        uint64_t page = place->huge ? memfile_huge_bytes() : 1;
        if (page == 0)
                return reason_set(reason, -ENOTSUP, LEAT_ROW_LIMITS, "this kernel has no huge pages");
        if (size_bytes > INT64_MAX)
                return explain_making(-EINVAL, size_bytes, false, reason);
        if (place->huge)
                size_bytes = (size_bytes + page - 1) & ~(page - 1);
        int segment = shmget(place->key, size_bytes, flags);
        if (segment < 0)
                return explain_making(-errno, size_bytes, place->huge, reason);
        int r = place->huge ? 0 : place_fits_memory(size_bytes, reason);
        if (r == 0)
                r = fill(segment, size_bytes, reason);
        if (r < 0)
                (void)shmctl(segment, IPC_RMID, NULL);
        else
                place->segment = segment;
        return r;
}

int place_sysv_remove(struct memory_place *place, struct leat_reason *reason) {
        int segment = shmget(place->key, 0, 0);
        if (segment < 0)
                return errno == ENOENT ? reason_set(reason, -ENOENT, LEAT_ROW_OPENING, "no segment has this key")
                                       : -errno;
        if (shmctl(segment, IPC_RMID, NULL) == 0)
                return 0;
        return errno == EPERM ? reason_set(reason, -EPERM, LEAT_ROW_WHO,
                                           "only the segment's owner removes it; `ipcs -m` shows who that is")
                              : -errno;
}

/* ---- using ---- */

/* Its number may be of a segment that is gone by now, and is never another's. */
static int look(int segment, struct shmid_ds *ret_status) {
        if (shmctl(segment, IPC_STAT, ret_status) == 0)
                return 0;
        return errno == EINVAL ? -EIDRM : -errno;
}

int place_sysv_look(const struct memory_place *place, uint64_t *ret_bytes, uint32_t ret_mode_uid_gid[3]) {
        struct shmid_ds status;
        int r = look(place->segment, &status);
        if (r < 0)
                return r;
        *ret_bytes = status.shm_segsz;
        ret_mode_uid_gid[0] = status.shm_perm.mode & 0777;
        ret_mode_uid_gid[1] = status.shm_perm.uid;
        ret_mode_uid_gid[2] = status.shm_perm.gid;
        return 0;
}

int place_sysv_allocate(struct memory_place *place, uint64_t size_bytes, struct leat_reason *reason) {
        struct shmid_ds status;
        int r = look(place->segment, &status);
        if (r < 0)
                return r;
        if (size_bytes <= status.shm_segsz)
                return fill(place->segment, status.shm_segsz,
                            reason); /* whoever made it may have been killed before that */
        return reason_set(reason, -ENOTSUP, LEAT_ROW_LIMITS,
                          "a System V segment does not grow; use region:, or make a larger one");
}

/* A segment of huge pages wants addresses at multiples of them, and says not that it is one: its size does not rule it out. */
size_t place_sysv_page_bytes(const struct memory_place *place) {
        struct shmid_ds status;
        size_t page = (size_t)sysconf(_SC_PAGESIZE), huge = memfile_huge_bytes();
        if (huge == 0 || place->segment < 0)
                return place->huge ? huge : page;
        if (look(place->segment, &status) < 0)
                return 0;
        return status.shm_segsz % huge == 0 ? huge : page;
}

/* A copy is alone: what others write from now on is not seen, which POSIX leaves open of MAP_PRIVATE too. */
static int copy(int segment, void *to, uint64_t size_bytes, int prot) {
        const void *from = shmat(segment, NULL, SHM_RDONLY);
        if (from == NOWHERE)
                return -errno;
        void *at = mmap(to, size_bytes, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at != MAP_FAILED)
                memcpy(at, from, size_bytes);
        int r = at == MAP_FAILED || mprotect(at, size_bytes, prot) < 0 ? -errno : 0;
        (void)shmdt(from);
        return r;
}

int place_sysv_map(const struct memory_place *place, void *at, uint64_t offset, uint64_t size_bytes, int prot,
                   bool alone) {
        struct shmid_ds status;
        uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
        int r = look(place->segment, &status);
        if (r < 0)
                return r;
        /* It is mapped as a whole, whatever is asked for: more than was reserved would fall on what lies behind. */
        if (offset != 0 || ((status.shm_segsz + page - 1) & ~(page - 1)) != size_bytes)
                return -EINVAL;
        if (alone)
                return copy(place->segment, at, size_bytes, prot);
        if (shmat(place->segment, at, SHM_REMAP | (prot & PROT_WRITE ? 0 : SHM_RDONLY)) == NOWHERE)
                return -errno;
        return !(prot & PROT_READ) && mprotect(at, size_bytes, prot) < 0 ? -errno : 0;
}

ssize_t place_sysv_read(const struct memory_place *place, uint64_t offset, void *buffer, size_t size_bytes) {
        (void)place, (void)offset, (void)buffer, (void)size_bytes;
        return -ENOTSUP;
}
