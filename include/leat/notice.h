/* SPDX-License-Identifier: MIT */
#ifndef LEAT_NOTICE_H
#define LEAT_NOTICE_H

/*
 * Notices of change: one participant says that it changed a part of a region, and others wait for that.
 *
 * LIFE. A *part* is a name; the region as a whole is the part "", number 0. leat_part() finds it, or makes it; there are 64 at most, and they stay as long as the region. leat_part_changed() says that it
 * changed; leat_part_wait() waits until it has changed since the caller looked last.
 *
 *     uint64_t seen = 0;
 *     r = leat_part(region, "prices", &part);
 *     while ((r = leat_part_wait(region, part, &seen, LEAT_NEVER)) == 0)
 *             show(prices);
 *
 * A NOTICE IS NO MESSAGE. It says that something changed, once or several times; what it is now stands in the region. A commit (<leat/transaction.h>) is a change of the whole region.
 * A change of a part is one of the whole region, too. Each observer has a number of its own, `seen`, so none takes another's notice away; who may only read may wait, too:
 * its leat_part_wait() looks every 10 ms, since it cannot say in the region that it sleeps. By poll(2) it is told as soon as others are, from 60 ms on after it began; before that it is made to look once more.
 *
 * DEATH. A publisher that dies between its change and its notice has not told it: where that matters change in a transaction, whose notice is given by whoever rolls forward or
 * back: the next one that begins a transaction, and who waits for the whole region and may write it: leat_part_wait() looks for such a dead one each 100 ms, and at each call that finds nothing new. Who polls calls it with LEAT_NOW now and then, by a time-out of poll(2): a death makes no
 * descriptor readable. Who may only read (access=ro, leat_region_protect()) cannot do that, and is told when another one has. An observer that dies leaves nothing behind.
 *
 * COST. A change makes no call of the system while nobody waits, one if somebody does by leat_part_wait(), and one more while another process polls; whether
 * one does a publisher asks the kernel once each 10 ms, and when one has begun (fcntl(2), F_OFD_GETLK). A flood of changes is one event of the descriptor.
 *
 * THREADS. Any; but the descriptor serves one poll loop. SIGNALS. leat_part_changed() may be called from a signal handler.
 */

#include <leat/region.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The number of a part, by its name: 1 to 31 bytes without control characters, or "" for the whole region, which is 0. Wait-free.
 * Returns 0; -ENOENT: there is none, and this process may only read; -ENOSPC: there are 64; -EINVAL (the name); -ENOTSUP (raw); -ECHILD. Since 0.1.
 */
int leat_part(struct leat_region *region, const char *name, uint32_t *ret_part);

/* The name of one; -ENOENT: there is none of that number. `name`: 32 bytes. Since 0.1. */
int leat_part_name(struct leat_region *region, uint32_t part, char *ret_name);

/* Say that it changed: what was written before is seen by who is told. Does not block. Returns 0; -EINVAL (no such part); -EACCES (access=ro); -ENOTSUP; -ECHILD. Since 0.1. */
int leat_part_changed(struct leat_region *region, uint32_t part);

/*
 * Wait until it has changed since *seen, which is 0 at first (then: since the region was made) and is what was found afterwards. How many changes that were: the difference. seen: read and written by this call alone.
 * Returns 0; -ETIMEDOUT, -EAGAIN; -EINVAL; -ENOTSUP; -ECHILD. Since 0.1.
 */
int leat_part_wait(struct leat_region *region, uint32_t part, uint64_t *seen, int64_t deadline);

/*
 * A descriptor that is readable (poll(2)) when a part may have changed: then look by leat_part_wait() with LEAT_NOW at those that are of interest. After that said -EAGAIN it is readable whenever there is something new;
 * that takes what made it readable, so look at each part of interest before the next poll.
 * Stays the region's. Or -ENOTSUP (raw; no inotify on its lock file), -EMFILE (also: fs.inotify.max_user_instances), -ENOSPC (fs.inotify.max_user_watches), -ECHILD. Since 0.1.
 */
int leat_region_notice_fd(struct leat_region *region);

#ifdef __cplusplus
}
#endif

#endif
