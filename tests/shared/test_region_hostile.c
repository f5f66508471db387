/* SPDX-License-Identifier: MIT */
#include "regions.h"

#include "shared/participants.h"
#include "shared/region.h"

#include <unistd.h>

/* A participant that lies: whatever it writes into the region, those that believe none of it touch no byte outside. */

#define HEADER_FIELD(name)                                                                                             \
        { #name, offsetof(struct region_header, name), sizeof(((struct region_header *)0)->name) }
static const struct {
        const char *name;
        size_t offset, size;
} fields[] = {
        HEADER_FIELD(magic),       HEADER_FIELD(version),         HEADER_FIELD(word_bytes), HEADER_FIELD(page_bytes),
        HEADER_FIELD(state),       HEADER_FIELD(participants),    HEADER_FIELD(identity),   HEADER_FIELD(most_bytes),
        HEADER_FIELD(log_bytes),   HEADER_FIELD(participants_at), HEADER_FIELD(log_at),     HEADER_FIELD(data_at),
        HEADER_FIELD(fingerprint), HEADER_FIELD(made_ns),         HEADER_FIELD(size_bytes), HEADER_FIELD(transaction),
        HEADER_FIELD(live),        HEADER_FIELD(changes),         HEADER_FIELD(pollers),    HEADER_FIELD(parts),
        HEADER_FIELD(layout),
};
enum { FIELDS = sizeof fields / sizeof *fields };

/* Numbers at which mistakes are made, and any. */
static uint64_t bad_number(void) {
        static const uint64_t edges[] = {
                0, 1, 63, 64, 255, 256, 4095, 4096, 8191, 8192, 65536, INT32_MAX, UINT32_MAX
        };
        uint64_t random = harness_random(), edge = edges[random % (sizeof edges / sizeof *edges)];
        switch (harness_random_below(5)) {
        case 0:
                return edge;
        case 1:
                return -edge;
        case 2:
                return UINT64_C(1) << random % 64;
        case 3:
                return (UINT64_C(1) << random % 64) - 1;
        default:
                return harness_random();
        }
}

static void scribble(uint8_t *header, size_t field) {
        for (size_t at = 0; at < fields[field].size; at += sizeof(uint64_t)) {
                uint64_t number = bad_number();
                size_t rest = fields[field].size - at;
                memcpy(header + fields[field].offset + at, &number, rest < sizeof number ? rest : sizeof number);
        }
}

/* All that does not wait, and looks at each byte that there is said to be. */
static void use(struct leat_region *region) {
        struct leat_participant participant = LEAT_PARTICIPANT_INIT;
        const volatile uint8_t *data = leat_region_data(region);
        size_t size = leat_region_size(region);
        CHECK(size <= region->most_bytes);
        for (size_t i = 0; i < size; i++)
                (void)data[i];
        struct leat_region_info info = region_info_of(region);
        CHECK(strlen(info.layout) <= REGION_LAYOUT_BYTES);
        for (uint32_t slot = 0; leat_region_participant(region, slot, &participant) == 0; slot = participant.slot + 1)
                CHECK(memchr(participant.name, 0, sizeof participant.name));
        for (uint32_t slot = 0; slot < 4; slot++)
                (void)region_is_dead(region, REGION_MARK(bad_number(), bad_number() & 0xffff));
        (void)leat_region_read_checked(region, 0, &(uint8_t){ 0 }, size > 0);
}

static struct leat_region *join(enum region_kind kind, struct leat_region *liar) {
        struct leat_region *region = NULL;
        (void)(region_traits[kind].named
                       ? leat_region_open(region_address(kind, 1, ""), 0, NULL, LEAT_NOW, NULL, &region)
                       : leat_region_adopt(leat_region_fd(liar), NULL, LEAT_NOW, NULL, &region));
        return region;
}

/* Each field, before it is opened. */
static void opened(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *liar = region_open_or_fail(region_address(kind, 1, "?participants=8"), 3000), *other;
        uint8_t truth[sizeof(struct region_header)];
        memcpy(truth, liar->header, sizeof truth);
        int opens = 0, refusals = 0;
        for (size_t field = 0; field < FIELDS; field++)
                for (int i = 0; i < 40; i++) {
                        scribble(liar->base, field);
                        other = join(kind, liar);
                        opens += other != NULL;
                        refusals += other == NULL;
                        if (other)
                                use(other);
                        leat_region_close(other);
                        memcpy(liar->base, truth, sizeof truth);
                }
        CHECK(opens > 0 && refusals > 0);
        other = join(kind, liar);
        CHECK(other);
        leat_region_close(other);
        leat_region_close(liar);
}

/* Each field, of one that is open: before it grows, or looks at what others grew. */
static void grown(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *liar = region_open_or_fail(region_address(kind, 1, "?participants=8&most=4M"), 3000);
        struct leat_region *other = join(kind, liar);
        uint8_t truth[sizeof(struct region_header)];
        CHECK(other);
        for (size_t field = 0; field < FIELDS; field++)
                for (int i = 0; i < 20; i++) {
                        memcpy(truth, liar->base, sizeof truth);
                        scribble(liar->base, field);
                        use(other);
                        size_t wanted = leat_region_size(other) + harness_random_below(200);
                        int r = leat_region_grow(other, wanted, LEAT_NOW);
                        CHECK(r == 0 ? leat_region_size(other) >= wanted : r == -ENOTSUP || r == -ENOSPC);
                        use(other);
                        uint64_t size = leat_region_size(other);
                        memcpy(truth + offsetof(struct region_header, size_bytes), &size, sizeof size);
                        memcpy(liar->base, truth, sizeof truth);
                }
        leat_region_close(other);
        leat_region_close(liar);
}

/* All of it, of slots too, while it is used; by one that can write it, and does nothing else. */
struct scribbling {
        enum region_kind kind;
        struct leat_region *region;
        struct harness_event *begun;
};

static void scribble_on(void *argument) {
        const struct scribbling *scribbling = argument;
        struct leat_region *region = scribbling->region;
        CHECK_EQ(leat_region_reattach(region, SOON), 0);
        /* Not what says whether it is a region at all: then there would be nothing to be found out. */
        uint64_t *words = (uint64_t *)(void *)region->base, count = region->data_at / sizeof(uint64_t);
        harness_event_signal(scribbling->begun);
        for (;;) {
                uint64_t at = 6 + harness_random_below(harness_random() % 2 ? 16 : count - 6);
                __atomic_store_n(&words[at], bad_number(), __ATOMIC_RELAXED);
        }
}

static void used_meanwhile(void *argument) {
        struct scribbling scribbling = { KIND_OF(argument), NULL, harness_event_new() };
        struct leat_region *region =
                region_open_or_fail(region_address(scribbling.kind, 1, "?participants=8&most=1M&log=4k"), 3000);
        scribbling.region = region;
        pid_t pid = harness_fork(scribble_on, &scribbling);
        harness_event_wait(scribbling.begun);
        for (int i = 0; i < 300; i++) {
                use(region);
                if (region_traits[scribbling.kind].grows)
                        (void)leat_region_grow(region, leat_region_size(region) + 10, LEAT_NOW);
                struct leat_region *other = join(scribbling.kind, region);
                if (other)
                        use(other);
                leat_region_close(other);
        }
        harness_kill(pid);
        leat_region_close(region);
}

static void add_tests(void) {
        region_add("opened", opened);
        region_add("grown", grown);
        region_add("used_meanwhile", used_meanwhile);
}

TEST_MAIN_WITH(add_tests)
