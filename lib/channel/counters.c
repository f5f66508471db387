/* SPDX-License-Identifier: MIT */
#include "channel/counters.h"

#include "base/clock.h"
#include "channel/channel.h"

#include <string.h>
#include <unistd.h>

int counters_share(struct leat_channel *channel) {
        int r = memfile_new(COUNTERS_NAME, (size_t)sysconf(_SC_PAGESIZE), 0, &channel->counters_file);
        if (r < 0)
                return r;
        struct counters_page *page = channel->counters_file.bytes;
        memcpy(page->magic, COUNTERS_MAGIC, sizeof(page->magic));
        page->version = COUNTERS_VERSION;
        page->word_bytes = sizeof(long);
        page->pid = (uint32_t)getpid();
        page->flags = channel->flags;
        page->ring_bytes = channel->address.ring;
        page->opened_ns = (uint64_t)time_of_day_ns();
        channel->counters = &page->counters;
        return 0;
}

void counters_name(struct leat_channel *channel, const char *path, uint64_t device, uint64_t inode, bool listens) {
        struct counters_page *page = channel->counters_file.bytes;
        if (!page)
                return;
        page->device = device;
        page->inode = inode;
        page->flags |= listens ? COUNTERS_LISTENS : 0;
        if (strlen(path) < sizeof(page->address))
                memcpy(page->address, path, strlen(path));
}

int counters_give(struct leat_channel *channel) {
        struct counters_page *page = channel->counters_file.bytes;
        if (!page)
                return 0;
        int r = memfile_share(&channel->counters_file);
        if (r < 0)
                return r;
        channel->counters_given = true;
        page->flags |= COUNTERS_GIVEN;
        return 0;
}

void counters_after_fork(struct leat_channel *channel) {
        const struct counters_page *page = channel->counters_file.bytes;
        memfile_close_fd(&channel->counters_file);
        if (!page || channel->counters_given) /* to another child; then the mapping came along */
                return;
        channel->counters_file.bytes = NULL;
        channel->counters = &channel->own_counters;
}

void counters_free(struct leat_channel *channel) {
        memfile_free(&channel->counters_file);
        channel->counters = &channel->own_counters;
}
