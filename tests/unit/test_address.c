/* SPDX-License-Identifier: MIT */
#include "channel/address.h"
#include "harness.h"

#include <errno.h>
#include <leat.h>

TEST(takes_an_address_apart) {
        struct address address;
        struct leat_reason reason;
        CHECK_EQ(address_parse("unix:/run/a%3Fb?framing=lines&mode=0660&aside=64k&need=end,who", &reason, &address), 0);
        CHECK_STR(address.scheme, "unix");
        CHECK_STR(address.rest, "/run/a?b");
        CHECK_EQ(address.rest_column, 6);
        CHECK_EQ(address.framing, FRAMING_LINES);
        CHECK_EQ(address.mode, 0660);
        CHECK_EQ(address.aside, 65536);
        CHECK_EQ(address.need, 1 << LEAT_ROW_END | 1 << LEAT_ROW_WHO);
        CHECK(address_given(&address, OPTION_MODE) && !address_given(&address, OPTION_SIZE));
        address_clear(&address);
}

TEST(has_defaults) {
        struct address address;
        CHECK_EQ(address_parse("pipe:", NULL, &address), 0);
        CHECK_STR(address.rest, "");
        CHECK_EQ(address.aside, 1 << 20);
        CHECK_EQ(address.mode, 0666);
        CHECK_EQ(address.given, 0);
        address_clear(&address);
}

/* Each wrong address, the error and the column that is named. */
static const struct {
        const char *text;
        int error;
        uint32_t column;
} wrong[] = {
        { "", -EINVAL, 1 },
        { "unix", -EINVAL, 1 },
        { ":/x", -EINVAL, 1 },
        { "Unix:/x", -EINVAL, 1 },
        { "a-scheme-of-many-letters:x", -EINVAL, 1 },
        { "nosuch:/x", -EPROTONOSUPPORT, 1 },
        { "unix:/a%", -EINVAL, 8 },
        { "unix:/a%2", -EINVAL, 8 },
        { "unix:/a%zz", -EINVAL, 8 },
        { "unix:/a%00", -EINVAL, 8 },
        { "unix:/x?", -EINVAL, 9 },
        { "unix:/x?nosuch", -EINVAL, 9 },
        { "unix:/x?mode", -EINVAL, 13 },
        { "unix:/x?mode=", -EINVAL, 14 },
        { "unix:/x?mode=8", -EINVAL, 14 },
        { "unix:/x?mode=07777", -EINVAL, 14 },
        { "unix:/x?aside=-1", -EINVAL, 15 },
        { "unix:/x?aside=1Q", -EINVAL, 15 },
        { "unix:/x?aside=99999999999999999999", -EINVAL, 15 },
        { "unix:/x?aside=18446744073709551615G", -EINVAL, 15 },
        { "unix:/x?size=0", -EINVAL, 14 },
        { "unix:/x?size=2G", -EINVAL, 14 },
        { "unix:/x?framing=tabs", -EINVAL, 17 },
        { "unix:/x?need=order,nosuch", -EINVAL, 14 },
        { "unix:/x?need=", -EINVAL, 14 },
        { "unix:/x?open=1", -EINVAL, 9 },
        { "unix:/x?open&open", -EINVAL, 14 },
        { "unix:/x?open&new", -EINVAL, 14 },
        { "unix:/x?listen&connect", -EINVAL, 16 },
        { "unix:/x?aside=1&&open", -EINVAL, 17 },
        { "pipe:?listen", -ENOTSUP, 7 },
        { "pipe:fd=", -EINVAL, 6 },
        { "pipe:fd=x", -EINVAL, 6 },
        { "pipe:fd=3,", -EINVAL, 6 },
        { "pipe:fd=3,3", -EINVAL, 6 },
        { "pipe:fd=99999999999", -EINVAL, 6 },
        { "pipe:3", -EINVAL, 6 },
        { "log:/x?rotate-age=24", -EINVAL, 19 },
        { "log:/x?rotate-age=h", -EINVAL, 19 },
        { "log:/x?rotate-age=1hh", -EINVAL, 19 },
        { "log:/x?rotate-age=0s", -EINVAL, 19 },
        { "log:/x?retain-age=36501d", -EINVAL, 19 },
        { "log:/x?retain-age=18446744073709551615d", -EINVAL, 19 },
        { "log:/x?retain-files=-1", -EINVAL, 21 },
        { "log:/x?durable=never", -EINVAL, 16 },
        { "unix:/x?rotate-age=1h", -ENOTSUP, 9 },
};

TEST(refuses_what_is_wrong_and_says_where) {
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                struct leat_reason reason = { 0 };
                int r = leat_address_check(wrong[i].text, &reason);
                if (r != wrong[i].error || reason.column != wrong[i].column || !reason.text)
                        FAIL("'%s': %d at column %u: %s", wrong[i].text, r, reason.column,
                             reason.text ? reason.text : "(no text)");
                CHECK_EQ(leat_address_check(wrong[i].text, NULL), wrong[i].error);
        }
}

TEST(refuses_an_address_that_is_too_long) {
        static char text[ADDRESS_BYTES + 2];
        struct leat_reason reason;
        memset(text, 'x', sizeof(text) - 1);
        memcpy(text, "unix:/", 6);
        CHECK_EQ(leat_address_check(text, &reason), -EINVAL);
        text[ADDRESS_BYTES - 1] = '\0';
        CHECK_EQ(leat_address_check(text, &reason), 0);
}

TEST(tells_the_bounds_of_a_number) {
        struct leat_reason reason = { 0 };
        CHECK_EQ(leat_address_check("log:x?rotate=1", &reason), -EINVAL);
        CHECK_STR(reason.limit, "the least");
        CHECK_EQ(reason.limit_value, 4096);
        CHECK_EQ(reason.column, 14);
        CHECK_EQ(leat_address_check("unix:x?connections=5G", &reason), -EINVAL);
        CHECK_STR(reason.limit, "the most");
        CHECK_EQ(reason.limit_value, INT32_MAX);
        CHECK_EQ(leat_address_check("log:x?rotate=much", &reason), -EINVAL);
        CHECK(reason.limit == NULL);
}

TEST(reads_sizes) {
        uint64_t size;
        CHECK(address_parse_size("0", &size) && size == 0);
        CHECK(address_parse_size("64k", &size) && size == 65536);
        CHECK(address_parse_size("64K", &size) && size == 65536);
        CHECK(address_parse_size("3M", &size) && size == 3 << 20);
        CHECK(address_parse_size("1G", &size) && size == 1 << 30);
        CHECK(address_parse_size("18446744073709551615", &size) && size == UINT64_MAX);
        CHECK(!address_parse_size("18446744073709551616", &size));
        CHECK(!address_parse_size("", &size) && !address_parse_size("k", &size) && !address_parse_size("1kk", &size));
}

TEST(reads_durations) {
        uint64_t ns;
        CHECK(address_parse_duration("90s", &ns) && ns == UINT64_C(90000000000));
        CHECK(address_parse_duration("5m", &ns) && ns == UINT64_C(300000000000));
        CHECK(address_parse_duration("24h", &ns) && ns == UINT64_C(86400000000000));
        CHECK(address_parse_duration("7d", &ns) && ns == UINT64_C(604800000000000));
        CHECK(!address_parse_duration("", &ns) && !address_parse_duration("s", &ns) &&
              !address_parse_duration("1", &ns) && !address_parse_duration("1M", &ns) &&
              !address_parse_duration("-1s", &ns) && !address_parse_duration("1s ", &ns));
}

TEST_MAIN()
