/* SPDX-License-Identifier: MIT */
#include "base/options.h"
#include "base/uncancelled.h"
#include "shared/participants.h"

static void count_participants(const struct leat_region *region, struct leat_region_info *info) {
        info->participants_most = region->slots;
        for (uint32_t slot = 0; slot < region->slots; slot++) {
                if (participant_lives(region, slot))
                        info->participants++;
                else if (participant_pid(region, slot) != 0)
                        info->dead++;
        }
        info->readers = participant_has_readers(region);
}

static void tell_header(const struct leat_region *region, struct leat_region_info *info) {
        info->evidence = region->place.lock_path;
        info->most_bytes = region->most_bytes;
        info->log_bytes = region->log_bytes;
        info->total_bytes = region->data_at + info->size_bytes;
        info->fingerprint = region->fingerprint;
        info->layout = region->layout;
        info->made_ns = region->made_ns;
        info->changes = atomic_load_explicit(&region->header->changes, memory_order_relaxed) / 2;
        count_participants(region, info);
}

int leat_region_info(struct leat_region *region, struct leat_region_info *ret_info) {
        UNCANCELLED;
        int r = region_check(region);
        if (r < 0)
                return r;
        if (ret_info->struct_size < sizeof(size_t))
                return -EINVAL;
        struct leat_region_info info = LEAT_REGION_INFO_INIT;
        uint64_t bytes;
        uint32_t whose[3];
        info.address = region->address;
        info.memory = region->place.path;
        info.size_bytes = info.total_bytes = info.most_bytes = leat_region_size(region);
        info.layout = "";
        info.raw = !region->header;
        if (region->header)
                tell_header(region, &info);
        if (region->place.kind->look(&region->place, &bytes, whose) == 0) {
                info.mode = whose[0];
                info.uid = whose[1];
                info.gid = whose[2];
        }
        options_tell(&info, sizeof(info), ret_info);
        return 0;
}

int leat_region_fd(const struct leat_region *region) {
        int r = region_check(region);
        return r < 0 ? r : region->header && !region->place.kind->named ? region->place.fd : -ENOTSUP;
}
