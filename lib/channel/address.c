/* SPDX-License-Identifier: MIT */
#include "channel/address.h"

#include "base/cleanup.h"
#include "base/digits.h"
#include "channel/link_ring.h"
#include "wait/spin.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

enum kind {
        KIND_FLAG,
        KIND_SWITCH,
        KIND_SIZE,
        KIND_MODE,
        KIND_CHOICE,
        KIND_ROWS,
        KIND_FROM,
        KIND_DURATION,
        KIND_TEXT,
        KIND_ADDRESS
};

static const char
        *const patterns[] = { [LEAT_QUEUE] = "queue", [LEAT_PAIR] = "pair", [LEAT_BROADCAST] = "broadcast", NULL };
static const char *const switches[] = { "no", "yes", NULL };
static const char *const whos[] = { "connection", "message", NULL };
static const char
        *const waits[] = { [SPIN_ADAPTIVE] = "adaptive", [SPIN_ALWAYS] = "spin", [SPIN_NEVER] = "sleep", NULL };
static const char *const accesses[] = { "none", "ro", "rw", NULL };
static const char *const durables[] = { "none", "each", "group", NULL };

/* What is wrong with a value of each kind. */
static const char *const wrong[] = {
        [KIND_FLAG] = "this option takes no value",
        [KIND_SWITCH] = "this option is yes or no; by its name alone it is yes",
        [KIND_SIZE] = "a number is wanted here, with k, M or G if you like: 64k, 1M",
        [KIND_MODE] = "permission bits are wanted here, in octal: 0660",
        [KIND_CHOICE] =
                ("this option has no such value: patterns are queue, pair, broadcast; framings leat, raw, lines, "
                 "nul, length; who is connection or message; durable is none, each or group; wait is adaptive, spin or "
                 "sleep; access is ro, rw or none"),
        [KIND_ROWS] = "rows that can be needed are: order, end, types, sync, who, fds",
        [KIND_TEXT] = "a text of 1 to 63 bytes is wanted here",
        [KIND_ADDRESS] = "an address of 1 to 511 bytes is wanted here, with %26 for each &: reply=mq:answers",
        [KIND_FROM] = ("start, end, the number of a message, or a time is wanted: from=start, from=17, "
                       "from=2026-01-31T12:00:00Z"),
        [KIND_DURATION] = "a time from 1s to 36500d is wanted here, in s, m, h or d: 90s, 24h, 7d",
};

static const struct option {
        const char *name;
        enum kind kind;
        uint16_t offset; /* in struct address */
        const char *const *choices;
        uint64_t least, most;
        enum leat_row row; /* that it is about */
} options[OPTION_COUNT] = {
#define SECOND UINT64_C(1000000000)
#define CENTURY (UINT64_C(36500) * 86400 * SECOND) /* 100 years */
#define AT(field) offsetof(struct address, field)
        [OPTION_OPEN] = { "open", KIND_FLAG, 0, NULL, 0, 0, LEAT_ROW_OPENING },
        [OPTION_CREATE] = { "create", KIND_FLAG, 0, NULL, 0, 0, LEAT_ROW_OPENING },
        [OPTION_NEW] = { "new", KIND_FLAG, 0, NULL, 0, 0, LEAT_ROW_OPENING },
        [OPTION_LISTEN] = { "listen", KIND_FLAG, 0, NULL, 0, 0, LEAT_ROW_LISTENING },
        [OPTION_CONNECT] = { "connect", KIND_FLAG, 0, NULL, 0, 0, LEAT_ROW_LISTENING },
        [OPTION_PATTERN] = { "pattern", KIND_CHOICE, AT(pattern), patterns, 0, 0, LEAT_ROW_LISTENING },
        [OPTION_FRAMING] = { "framing", KIND_CHOICE, AT(framing), framing_names, 0, 0, LEAT_ROW_BOUNDARIES },
        [OPTION_NEED] = { "need", KIND_ROWS, AT(need), NULL, 0, 0, LEAT_ROW_OPENING },
        [OPTION_MODE] = { "mode", KIND_MODE, AT(mode), NULL, 0, 0777, LEAT_ROW_OPENING },
        [OPTION_ASIDE] = { "aside", KIND_SIZE, AT(aside), NULL, 0, UINT64_C(1) << 40, LEAT_ROW_TYPES },
        [OPTION_SIZE] = { "size", KIND_SIZE, AT(size), NULL, 1, WIRE_LARGEST_BYTES, LEAT_ROW_LIMITS },
        [OPTION_CAPACITY] = { "capacity", KIND_SIZE, AT(capacity), NULL, 4096, INT32_MAX, LEAT_ROW_FULL },
        [OPTION_BACKLOG] = { "backlog", KIND_SIZE, AT(backlog), NULL, 0, INT32_MAX, LEAT_ROW_LISTENING },
        [OPTION_CONNECTIONS] = { "connections", KIND_SIZE, AT(connections), NULL, 1, INT32_MAX, LEAT_ROW_LISTENING },
        [OPTION_WHO] = { "who", KIND_CHOICE, AT(who), whos, 0, 0, LEAT_ROW_WHO },
        [OPTION_EXCLUSIVE] = { "exclusive", KIND_FLAG, 0, NULL, 0, 0, LEAT_ROW_LISTENING },
        [OPTION_TEMPORARY] = { "temporary", KIND_FLAG, 0, NULL, 0, 0, LEAT_ROW_LIFETIME },
        [OPTION_END] = { "end", KIND_FLAG, 0, NULL, 0, 0, LEAT_ROW_END },
        [OPTION_DEPTH] = { "depth", KIND_SIZE, AT(depth), NULL, 1, INT32_MAX, LEAT_ROW_LIMITS },
        [OPTION_FROM] = { "from", KIND_FROM, AT(from), NULL, 0, 0, LEAT_ROW_OPENING },
        [OPTION_DURABLE] = { "durable", KIND_CHOICE, AT(durable), durables, 0, 0, LEAT_ROW_LIFETIME },
        [OPTION_ROTATE] = { "rotate", KIND_SIZE, AT(rotate), NULL, 4096, UINT64_C(1) << 50, LEAT_ROW_LIFETIME },
        [OPTION_ROTATE_AGE] = { "rotate-age", KIND_DURATION, AT(rotate_age_ns), NULL, SECOND, CENTURY,
                                LEAT_ROW_LIFETIME },
        [OPTION_RETAIN] = { "retain", KIND_SIZE, AT(retain), NULL, 0, UINT64_C(1) << 50, LEAT_ROW_LIFETIME },
        [OPTION_RETAIN_AGE] = { "retain-age", KIND_DURATION, AT(retain_age_ns), NULL, SECOND, CENTURY,
                                LEAT_ROW_LIFETIME },
        [OPTION_RETAIN_FILES] = { "retain-files", KIND_SIZE, AT(retain_files), NULL, 0, INT32_MAX, LEAT_ROW_LIFETIME },
        [OPTION_NODELAY] = { "nodelay", KIND_SWITCH, AT(nodelay), switches, 0, 0, LEAT_ROW_WAITING },
        [OPTION_KEEPALIVE] = { "keepalive", KIND_SIZE, AT(keepalive), NULL, 1, 32767, LEAT_ROW_DEATH },
        [OPTION_MULTICAST] = { "multicast", KIND_TEXT, AT(multicast), NULL, 0, 0, LEAT_ROW_LISTENING },
        [OPTION_INTERFACE] = { "interface", KIND_TEXT, AT(interface), NULL, 0, 0, LEAT_ROW_LISTENING },
        [OPTION_TTL] = { "ttl", KIND_SIZE, AT(ttl), NULL, 0, 255, LEAT_ROW_LISTENING },
        [OPTION_RECONNECT] = { "reconnect", KIND_FLAG, 0, NULL, 0, 0, LEAT_ROW_DEATH },
        [OPTION_AT_LEAST_ONCE] = { "at-least-once", KIND_FLAG, 0, NULL, 0, 0, LEAT_ROW_DEATH },
        [OPTION_ACKNOWLEDGE] = { "acknowledge", KIND_FLAG, 0, NULL, 0, 0, LEAT_ROW_DEATH },
        [OPTION_REPLY] = { "reply", KIND_ADDRESS, AT(reply), NULL, 0, 0, LEAT_ROW_LISTENING },
        [OPTION_RING] = { "ring", KIND_SIZE, AT(ring), NULL, LINK_RING_LEAST, RING_MOST, LEAT_ROW_LIMITS },
        [OPTION_HUGE] = { "huge", KIND_FLAG, 0, NULL, 0, 0, LEAT_ROW_LIMITS },
        [OPTION_WAIT] = { "wait", KIND_CHOICE, AT(wait), waits, 0, 0, LEAT_ROW_WAITING },
        [OPTION_ACCESS] = { "access", KIND_CHOICE, AT(access), accesses, 0, 0, LEAT_ROW_OPENING },
        [OPTION_PRIVATE] = { "private", KIND_FLAG, 0, NULL, 0, 0, LEAT_ROW_OPENING },
        [OPTION_OFFSET] = { "offset", KIND_SIZE, AT(offset), NULL, 0, UINT64_C(1) << 62, LEAT_ROW_OPENING },
        [OPTION_LENGTH] = { "length", KIND_SIZE, AT(length), NULL, 1, UINT64_C(1) << 46, LEAT_ROW_OPENING },
        [OPTION_RAW] = { "raw", KIND_FLAG, 0, NULL, 0, 0, LEAT_ROW_VERSIONS },
        [OPTION_MOST] = { "most", KIND_SIZE, AT(most), NULL, 1, UINT64_C(1) << 46, LEAT_ROW_LIMITS },
        [OPTION_PARTICIPANTS] = { "participants", KIND_SIZE, AT(participants), NULL, 1, 60000, LEAT_ROW_LIMITS },
        [OPTION_LOG] = { "log", KIND_SIZE, AT(log), NULL, 4096, UINT64_C(1) << 32, LEAT_ROW_LIMITS },
        [OPTION_POPULATE] = { "populate", KIND_FLAG, 0, NULL, 0, 0, LEAT_ROW_LIMITS },
#undef AT
};

/* Options that exclude each other. */
static const struct {
        enum address_option one, other;
} exclusive[] = {
        { OPTION_OPEN, OPTION_CREATE },
        { OPTION_OPEN, OPTION_NEW },
        { OPTION_CREATE, OPTION_NEW },
        { OPTION_LISTEN, OPTION_CONNECT },
};

static const enum leat_row needable[] = { LEAT_ROW_ORDER, LEAT_ROW_END, LEAT_ROW_TYPES,
                                          LEAT_ROW_SYNC,  LEAT_ROW_WHO, LEAT_ROW_DESCRIPTORS };

/* Decode %XX in [from, to) into ret_text, which has room. -EINVAL: *ret_column says where. */
static int decode(const char *from, const char *to, char *ret_text, uint32_t *ret_column) {
        for (const char *at = from; at < to; at++) {
                int high, low;
                if (*at != '%') {
                        *ret_text++ = *at;
                        continue;
                }
                high = to - at > 2 ? hex_digit(at[1]) : -1;
                low = high >= 0 ? hex_digit(at[2]) : -1;
                if (low < 0 || (high == 0 && low == 0)) {
                        *ret_column += (uint32_t)(at - from);
                        return -EINVAL;
                }
                *ret_text++ = (char)(high << 4 | low);
                at += 2;
        }
        *ret_text = '\0';
        return 0;
}

/* Of ASCII, whatever the locale. */
static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

/* The digits at *text, which then points behind them. */
static bool parse_digits(const char **text, uint64_t *ret_number) {
        uint64_t number = 0;
        if (!is_digit(**text))
                return false;
        for (; is_digit(**text); ++*text)
                if (__builtin_mul_overflow(number, UINT64_C(10), &number) ||
                    __builtin_add_overflow(number, (uint64_t)(**text - '0'), &number))
                        return false;
        *ret_number = number;
        return true;
}

bool address_parse_size(const char *text, uint64_t *ret_size) {
        uint64_t size;
        if (!parse_digits(&text, &size))
                return false;
        static const char units[] = "kMG";
        const char *unit = *text ? strchr(units, *text == 'K' ? 'k' : *text) : NULL;
        if (unit) {
                for (const char *u = units; u <= unit; u++)
                        if (__builtin_mul_overflow(size, UINT64_C(1024), &size))
                                return false;
                text++;
        }
        *ret_size = size;
        return *text == '\0';
}

bool address_parse_duration(const char *text, uint64_t *ret_ns) {
        static const struct {
                char unit;
                uint64_t seconds;
        } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
        uint64_t number;
        if (!parse_digits(&text, &number))
                return false;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
                if (*text == units[i].unit && text[1] == '\0')
                        return !__builtin_mul_overflow(number, units[i].seconds * SECOND, ret_ns);
        return false;
}

static bool parse_mode(const char *text, uint64_t *ret_mode) {
        uint64_t mode = 0;
        size_t digits = strlen(text);
        if (digits == 0 || digits > 5)
                return false;
        for (; *text >= '0' && *text <= '7'; text++)
                mode = mode * 8 + (uint64_t)(*text - '0');
        *ret_mode = mode;
        return *text == '\0';
}

static bool parse_choice(const char *text, const char *const *choices, uint64_t *ret_choice) {
        for (uint64_t i = 0; choices[i]; i++)
                if (strcmp(text, choices[i]) == 0) {
                        *ret_choice = i;
                        return true;
                }
        return false;
}

static bool parse_rows(const char *text, uint64_t *ret_rows) {
        uint64_t rows = 0;
        while (true) {
                size_t length = strcspn(text, ",");
                uint64_t row = 0;
                for (size_t i = 0; i < sizeof(needable) / sizeof(needable[0]); i++) {
                        const char *name = leat_row_name(needable[i]);
                        if (strlen(name) == length && memcmp(name, text, length) == 0)
                                row = UINT64_C(1) << needable[i];
                }
                if (row == 0)
                        return false;
                rows |= row;
                if (text[length] == '\0')
                        break;
                text += length + 1;
        }
        *ret_rows = rows;
        return true;
}

/* start, end, a number, or a time in UTC as RFC 3339 writes it. */
static bool parse_from(const char *text, uint64_t *ret_from) {
        struct tm time = { 0 };
        uint64_t number;
        if (strcmp(text, "start") == 0 || strcmp(text, "end") == 0) {
                *ret_from = text[0] == 's' ? FROM_START : FROM_END;
                return true;
        }
        if (address_parse_size(text, &number)) {
                *ret_from = FROM_NUMBER | number;
                return FROM_KIND(number) == 0;
        }
        const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &time);
        time_t seconds = end && *end == '\0' ? timegm(&time) : -1;
        *ret_from = FROM_TIME | (uint64_t)seconds * 1000000000;
        return seconds >= 0 && seconds < INT64_C(4000000000);
}

static bool parse_value(const struct option *option, const char *text, uint64_t *ret_value) {
        switch (option->kind) {
        case KIND_SIZE:
                return address_parse_size(text, ret_value) && *ret_value >= option->least && *ret_value <= option->most;
        case KIND_DURATION:
                return address_parse_duration(text, ret_value) && *ret_value >= option->least &&
                       *ret_value <= option->most;
        case KIND_MODE:
                return parse_mode(text, ret_value) && *ret_value <= option->most;
        case KIND_SWITCH:
        case KIND_CHOICE:
                return parse_choice(text, option->choices, ret_value);
        case KIND_FROM:
                return parse_from(text, ret_value);
        case KIND_TEXT:
                return text[0] != '\0' && strlen(text) < ADDRESS_TEXT_BYTES;
        case KIND_ADDRESS:
                return text[0] != '\0' && strlen(text) < ADDRESS_REPLY_BYTES;
        default:
                return parse_rows(text, ret_value);
        }
}

/* A number that is one, but too small or too large, is told with the bound. */
static int explain_value(const struct option *option, const char *text, uint32_t column, struct leat_reason *reason) {
        uint64_t number;
        reason_at(reason, -EINVAL, column, wrong[option->kind]);
        if (reason && option->kind == KIND_SIZE && address_parse_size(text, &number)) {
                bool small = number < option->least;
                reason->text = "this number is out of the option's bounds";
                reason->limit = small ? "the least" : "the most";
                reason->limit_value = (int64_t)(small ? option->least : option->most);
        }
        return -EINVAL;
}

static int find_option(const char *name, size_t length) {
        for (int i = 0; i < OPTION_COUNT; i++)
                if (strlen(options[i].name) == length && memcmp(options[i].name, name, length) == 0)
                        return i;
        return -1;
}

/* One "name" or "name=value", from `text` to `end`, at `column`. `scratch` has room for the value. */
static int parse_option(struct address *address, const char *text, const char *end, uint32_t column, char *scratch,
                        struct leat_reason *reason) {
        const char *equals = memchr(text, '=', (size_t)(end - text));
        int number = find_option(text, (size_t)((equals ? equals : end) - text));
        if (number < 0)
                return reason_at(reason, -EINVAL, column, "no address has an option of this name");
        if (address_given(address, (enum address_option)number))
                return reason_at(reason, -EINVAL, column, "this option is given twice");
        address->given |= OPTION_BIT(number);
        address->columns[number] = column;
        const struct option *option = &options[number];
        if (option->kind == KIND_FLAG)
                return equals ? reason_at(reason, -EINVAL, column, wrong[KIND_FLAG]) : 0;
        uint64_t value = 1;
        if (option->kind == KIND_SWITCH && !equals) {
                memcpy((char *)address + option->offset, &value, sizeof(value));
                return 0;
        }
        uint32_t value_column = column + (uint32_t)((equals ? equals + 1 : end) - text);
        scratch[0] = '\0';
        if (!equals || decode(equals + 1, end, scratch, &value_column) != 0)
                return reason_at(reason, -EINVAL, value_column, wrong[option->kind]);
        if (!parse_value(option, scratch, &value))
                return explain_value(option, scratch, value_column, reason);
        if (option->kind == KIND_TEXT || option->kind == KIND_ADDRESS)
                strcpy((char *)address + option->offset, scratch); /* it has room: parse_value */
        else
                memcpy((char *)address + option->offset, &value, sizeof(value));
        return 0;
}

static int parse_options(struct address *address, const char *text, const char *options_at, char *scratch,
                         struct leat_reason *reason) {
        while (true) {
                const char *end = options_at + strcspn(options_at, "&");
                int r = parse_option(address, options_at, end, (uint32_t)(options_at - text) + 1, scratch, reason);
                if (r < 0)
                        return r;
                if (*end == '\0')
                        break;
                options_at = end + 1;
        }
        for (size_t i = 0; i < sizeof(exclusive) / sizeof(exclusive[0]); i++)
                if (address_given(address, exclusive[i].one) && address_given(address, exclusive[i].other))
                        return reason_at(reason, -EINVAL, address->columns[exclusive[i].other],
                                         "this option contradicts an earlier one");
        return 0;
}

static size_t scheme_length(const char *text) {
        size_t n = 0;
        while ((text[n] >= 'a' && text[n] <= 'z') || is_digit(text[n]) || text[n] == '-')
                n++;
        return n;
}

int address_parse(const char *text, struct leat_reason *reason, struct address *ret_address) {
        struct address address = { .mode = 0666,
                                   .aside = UINT64_C(1) << 20,
                                   .backlog = 4096,
                                   .connections = 20000,
                                   .nodelay = 1,
                                   .access = 2,
                                   .participants = 512,
                                   .log = 65536 };
        if (!text)
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING, "an address is wanted");
        size_t length = strnlen(text, ADDRESS_BYTES), scheme = scheme_length(text);
        if (length >= ADDRESS_BYTES)
                return reason_at(reason, -EINVAL, ADDRESS_BYTES, "an address has at most 4095 bytes");
        if (scheme == 0 || text[scheme] != ':' || scheme >= ADDRESS_SCHEME_BYTES)
                return reason_at(reason, -EINVAL, 1,
                                 "an address begins with a scheme and a colon: unix:/run/jobs, region:/shop");
        memcpy(address.scheme, text, scheme);
        const char *rest = text + scheme + 1, *end = rest + strcspn(rest, "?");
        FREE_AT_EXIT char *decoded = malloc(length + 1), *scratch = calloc(1, length + 1);
        if (!decoded || !scratch)
                return reason_set(reason, -ENOMEM, LEAT_ROW_LIMITS, NULL);
        address.rest_column = (uint32_t)(rest - text) + 1;
        uint32_t column = address.rest_column;
        if (decode(rest, end, decoded, &column) < 0)
                return reason_at(reason, -EINVAL, column,
                                 "after a % two hexadecimal digits are wanted; write %25 for a %");
        int r = *end == '?' ? parse_options(&address, text, end + 1, scratch, reason) : 0;
        if (r < 0)
                return r;
        address.rest = TAKE(decoded);
        *ret_address = address;
        return 0;
}

void address_clear(struct address *address) {
        free(address->rest);
        address->rest = NULL;
}

/* Why a transport does not know an option, where there is more to say. */
static const char *why_not(int option) {
        switch (option) {
        case OPTION_RECONNECT:
                return "there is no connection here that could be lost and made again";
        case OPTION_AT_LEAST_ONCE:
                return "there is no connection here, over which what was sent could be acknowledged; a message in a "
                       "store "
                       "outlives its sender, and of log: also its receiver (?acknowledge)";
        case OPTION_ACKNOWLEDGE:
                return "who takes a message here has removed it, and could not put it back when killed; log: keeps it "
                       "until "
                       "it is acknowledged, unix: and tcp: with ?at-least-once at the sender";
        default:
                return "this transport has no such option";
        }
}

int address_check_options(const struct address *address, uint64_t known, struct leat_reason *reason) {
        for (int i = 0; i < OPTION_COUNT; i++)
                if ((address->given & ~known) & OPTION_BIT(i)) {
                        reason_at(reason, -ENOTSUP, address->columns[i], why_not(i));
                        if (reason)
                                reason->row = options[i].row;
                        return -ENOTSUP;
                }
        return 0;
}
