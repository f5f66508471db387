/* SPDX-License-Identifier: MIT */
#include "channel/kept.h"
#include "harness.h"

#include <fcntl.h>
#include <leat.h>

static struct kept *make(int64_t type, pid_t pid, uint64_t sequence) {
        struct kept *kept = kept_new(0, NULL, 0);
        CHECK(kept != NULL);
        kept->about.type = type;
        kept->about.sender = (struct leat_peer){ .known = pid != 0, .pid = pid };
        kept->about.sequence = sequence;
        return kept;
}

static uint64_t find(const struct kept_list *list, int64_t select, pid_t pid) {
        const struct selection selection = { .select = select, .from_pid = pid };
        const struct kept *kept = kept_list_find(list, &selection);
        return kept ? kept->about.sequence : 0;
}

TEST(selects_as_msgrcv_does) {
        struct kept_list list;
        kept_list_init(&list);
        kept_list_add(&list, make(5, 10, 1));
        kept_list_add(&list, make(3, 20, 2));
        kept_list_add(&list, make(7, 10, 3));
        kept_list_add(&list, make(3, 10, 4));
        kept_list_add(&list, make(INT64_MAX, 10, 5));
        CHECK_EQ(find(&list, LEAT_ANY, 0), 1);
        CHECK_EQ(find(&list, LEAT_TYPE(3), 0), 2);
        CHECK_EQ(find(&list, LEAT_TYPE(4), 0), 0);
        CHECK_EQ(find(&list, LEAT_AT_MOST(6), 0), 2);
        CHECK_EQ(find(&list, LEAT_AT_MOST(2), 0), 0);
        CHECK_EQ(find(&list, LEAT_AT_MOST(INT64_MAX), 0), 2);
        CHECK_EQ(find(&list, LEAT_TYPE(INT64_MAX), 0), 5);
        CHECK_EQ(find(&list, LEAT_ANY, 20), 2);
        CHECK_EQ(find(&list, LEAT_TYPE(3), 10), 4);
        CHECK_EQ(find(&list, LEAT_AT_MOST(9), 10), 4);
        CHECK_EQ(find(&list, LEAT_ANY, 30), 0);
        kept_list_clear(&list);
        CHECK_EQ(list.bytes, 0);
        CHECK_EQ(list.messages, 0);
}

TEST(an_unknown_sender_is_no_given_one) {
        struct kept_list list;
        kept_list_init(&list);
        kept_list_add(&list, make(1, 0, 1));
        CHECK_EQ(find(&list, LEAT_ANY, 10), 0);
        kept_list_clear(&list);
}

TEST(grows_and_keeps_what_it_has) {
        struct kept *kept = kept_new(1, NULL, 0);
        uint8_t expected[5000];
        for (unsigned i = 0; i < sizeof(expected); i++) {
                expected[i] = (uint8_t)(i * 7);
                CHECK_EQ(kept_append(&kept, &expected[i], 1), 0);
        }
        CHECK_EQ(kept->about.size_bytes, sizeof(expected));
        CHECK_MEM(kept->bytes, expected, sizeof(expected));
        kept = kept_free(kept);
        CHECK(kept == NULL);
}

TEST(owns_its_descriptors) {
        int before = harness_count_descriptors();
        int fds[3];
        for (int i = 0; i < 3; i++)
                fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        kept_free(kept_new(0, fds, 3));
        CHECK_EQ(harness_count_descriptors(), before);
}

TEST_MAIN()
