/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "base/options.h"
#include "harness.h"

#include <leat.h>
#include <sys/resource.h>

TEST(errors_have_words) {
        CHECK_STR(leat_strerror(-ENODATA), "the end: the last sender is gone and everything was read");
        CHECK_STR(leat_strerror(ENODATA), leat_strerror(-ENODATA));
        CHECK_STR(leat_strerror(0), "success");
        CHECK_STR(leat_strerror(INT32_MIN), "unknown error");
        for (int error = 1; error < 200; error++)
                CHECK(leat_strerror(-error) != NULL && leat_strerror(-error)[0] != '\0');
}

TEST(rows_have_names) {
        CHECK_STR(leat_row_name(LEAT_ROW_BOUNDARIES), "boundaries");
        CHECK_STR(leat_row_name(LEAT_ROW_INHERITANCE), "inheritance");
        CHECK(leat_row_name(LEAT_ROW_NONE) == NULL);
        CHECK(leat_row_name((enum leat_row)19) == NULL);
}

TEST(limits_are_told_with_their_value) {
        struct leat_reason reason;
        struct rlimit files;
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
        CHECK_EQ(reason_limit(&reason, -EMFILE, "RLIMIT_NOFILE", "text"), -EMFILE);
        CHECK_EQ(reason.limit_value, files.rlim_cur);
        CHECK_STR(reason.limit, "RLIMIT_NOFILE");
        CHECK_EQ(reason_limit(&reason, -EPERM, "fs.pipe-max-size", "text"), -EPERM);
        CHECK(reason.limit_value > 0);
        CHECK_EQ(reason_limit(NULL, -EPERM, "fs.pipe-max-size", "text"), -EPERM);
}

struct old {
        size_t struct_size;
        int a;
};

struct new {
        size_t struct_size;
        int a, b;
};

TEST(structures_of_other_sizes_are_understood) {
        struct new options = { sizeof(options), 1, 2 };
        const struct old old = { sizeof(old), 7 };
        /* An older caller: what it lacks keeps its default. Its padding covers no field of ours. */
        CHECK_EQ(options_take(&(struct {
                         size_t s;
                         int a;
                 }){ offsetof(struct new, b), 7 },
                              &options, sizeof(options)),
                 0);
        CHECK_EQ(options.a, 7);
        CHECK_EQ(options.b, 2);
        /* A newer caller: what we do not know must be 0. */
        struct {
                struct new known;
                int more[2];
        } newer = { { sizeof(newer), 3, 4 }, { 0, 0 } };
        CHECK_EQ(options_take(&newer, &options, sizeof(options)), 0);
        CHECK_EQ(options.b, 4);
        newer.more[1] = 1;
        CHECK_EQ(options_take(&newer, &options, sizeof(options)), -EINVAL);
        CHECK_EQ(options_take(NULL, &options, sizeof(options)), -EINVAL);
        CHECK_EQ(options_take(&(size_t){ 3 }, &options, sizeof(options)), -EINVAL);
        (void)old;
}

TEST(declarations_are_complete) {
        const struct leat_declaration *declaration;
        size_t n = 0;
        for (; (declaration = leat_declaration_at(n)); n++) {
                CHECK(declaration->scheme && declaration->framing && declaration->parties &&
                      declaration->largest_bytes > 0);
                CHECK(leat_scheme_summary(declaration->scheme) != NULL);
                for (int row = 1; row <= LEAT_ROW_MAX; row++)
                        if (declaration->rows[row].verdict != LEAT_YES && !declaration->rows[row].why)
                                FAIL("%s %s: row %d is not yes and says not why", declaration->scheme,
                                     declaration->framing, row);
        }
        CHECK(n >= 24);
        CHECK(leat_scheme_summary("nosuch") == NULL && leat_scheme_summary(NULL) == NULL);
}

TEST_MAIN()
