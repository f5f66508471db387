/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSACTION_H
#define LEAT_TRANSACTION_H

/*
 * Transactions: many words of a region change together, or not at all.
 *
 * LIFE. leat_txn_begin() waits until no other transaction of this region is under way. leat_txn_set() says what is to change, leat_txn_commit() changes it; until then nobody sees
 * anything. leat_txn_abort() forgets it.
 *
 *     struct leat_txn *txn = NULL;
 *     r = leat_txn_begin(region, leat_in_s(5), &txn);
 *     if (r == 0)
 *             r = leat_txn_set(txn, &shop->stock, &(int64_t){ shop->stock - 1 }, sizeof(int64_t));
 *     if (r == 0)
 *             r = leat_txn_set(txn, &shop->cash, &(int64_t){ shop->cash + 5 }, sizeof(int64_t));
 *     r = r == 0 ? leat_txn_commit(txn) : leat_txn_abort(txn, r);
 *
 * DEATH. Who is killed at whatever instruction has changed all of it or nothing: what it left half done is rolled back from a log in the region before anyone else
 * begins, or reads by leat_snapshot().
 *
 * READERS. leat_snapshot() copies what one or several ranges held at one moment, without a lock, and no writer waits for it. Plain reads see a commit while it is
 * under way; a program that changes words in transactions reads them in transactions or by snapshots. Behind a writer that was stopped in the midst of a commit a snapshot
 * waits to its deadline; where that is too long, the latest-value cell (<leat/structures.h>) never waits.
 *
 * ALL OR NOTHING holds for a program that does not look at what leat_txn_set() and leat_txn_touch() return, too: where one of them failed the commit fails.
 *
 * THREADS. A transaction is of the thread that began it: another one's commit and abort are -EPERM. One at a time in a region. A thread without a number (<leat/lock.h>) is not told
 * -EDEADLK here either, it waits to its deadline. FORK. It is the parent's; in a child its calls answer -ECHILD, and leat_region_reattach()
 * frees the child's copy of it. SIGNALS. Not from a signal handler.
 *
 * LIMITS. What is set and touched has to fit into the log (?log=, 64 KiB by default): each takes its size, rounded up to a multiple of 8, and 16 bytes. Nothing need be aligned. No memory is
 * allocated but by the first transaction of a process in a region.
 *
 * It survives the death of processes, and not that of the machine.
 */

#include <leat/region.h>

#ifdef __cplusplus
extern "C" {
#endif

struct leat_txn;

/*
 * Begin one. Blocks until the deadline while another one is under way.
 * ret_txn: the region's; valid until commit or abort. Left as it is when this fails.
 * Returns 0; -EDEADLK: this thread has begun one already; -ETIMEDOUT; -EAGAIN (LEAT_NOW); -EACCES (access=ro, or leat_region_protect()); -ENOTSUP (raw); -ENOMEM: also where
 * a dead one changed what others grew, and that cannot be mapped here; -ECHILD. Since 0.1.
 */
int leat_txn_begin(struct leat_region *region, int64_t deadline, struct leat_txn **ret_txn);

/*
 * From now on, if it is committed, `where` holds these bytes. Nothing changes yet. The bytes are copied. Set twice, the second counts.
 * Returns 0; -EINVAL: outside of the program's bytes, or the transaction is over; -ENOSPC: the log (?log=) does not hold so much: abort it; -ECHILD. Since 0.1.
 */
int leat_txn_set(struct leat_txn *txn, void *where, const void *bytes, size_t size_bytes);

/*
 * What `where` holds, for this transaction: with what it has set. Returns 0, -EINVAL, -ECHILD. Since 0.1.
 */
int leat_txn_get(const struct leat_txn *txn, const void *where, void *buffer, size_t size_bytes);

/*
 * The program will change these bytes in place, by itself, from now until the commit; an abort puts them back. What was set before this stands in place from here on; what
 * is set later counts over what the program wrote in place. Snapshots wait from here on; in the same thread they are -EDEADLK.
 * Returns as leat_txn_set(). Since 0.1.
 */
int leat_txn_touch(struct leat_txn *txn, void *where, size_t size_bytes);

/*
 * Make it so, and give the notice of the whole region (<leat/notice.h>). Does not block.
 * Returns 0; the error of a set or touch that failed: then it was aborted. The transaction is over. Or -EPERM: another thread has begun it; -EINVAL: it is over already, or NULL; -ECHILD.
 * Since 0.1.
 */
int leat_txn_commit(struct leat_txn *txn);

/*
 * Forget it. Does not block. Returns `error`, which is passed through: 0 or what made it fail. The transaction is over. Or -EPERM, -EINVAL, -ECHILD, as leat_txn_commit();
 * NULL, where none was begun, is nothing to be forgotten: `error`.
 * Since 0.1.
 */
int leat_txn_abort(struct leat_txn *txn, int error);

struct leat_range {
        const void *where;
        void *copy;
        size_t size_bytes;
};

/*
 * Copy what these ranges held at one moment, between two commits.
 * Blocks only while a commit is under way, or a transaction that has touched something, until the deadline; and goes again when a commit overtook its copy.
 * Returns 0; -EINVAL: outside; -ETIMEDOUT, -EAGAIN; -EDEADLK: this thread's own transaction has touched something; -EROFS: a writer died in the midst of it, and who may only
 * read cannot roll it back: the next writer will; -EACCES (leat_region_protect()); -ENOTSUP (raw); -ECHILD. The copies may have changed when it fails.
 * Lock-free while nobody commits. Since 0.1.
 */
int leat_snapshot(struct leat_region *region, const struct leat_range *ranges, size_t count, int64_t deadline);

#ifdef __cplusplus
}
#endif

#endif
