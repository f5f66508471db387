/* SPDX-License-Identifier: MIT */
/*
 * The currency exchange of the lectures as a service (exchange.x, exchange_call.c). Money is counted in whole hundredths and rates in whole
 * millionths, so nothing is lost where a float would lose it, and what is half a hundredth goes to the even one. A trade changes the stock: it is not marked
 * idempotent, so a caller whose connection is lost and who asks again gets the receipt of the one trade that there was.
 * Run it: exchange_serve &              the other end: exchange_call convert 10.50 EUR CZK
 */
#include "exchange.h"
#include "serving.h"

#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <string.h>

#define AMOUNT_MOST INT64_C(1000000000000000) /* in hundredths: what is in stock never overflows */

struct currency {
        const char *code;
        struct exchange_decimal crowns; /* for one of it */
        int64_t stock;                  /* hundredths */
};
struct exchange {
        struct currency currencies[5];
        uint64_t receipts;
};

static struct currency *find(struct exchange *exchange, const exchange_code *code) {
        for (size_t i = 0; i < sizeof exchange->currencies / sizeof exchange->currencies[0]; i++)
                if (code->size_bytes == EXCHANGE_CODE_LENGTH &&
                    memcmp(exchange->currencies[i].code, code->text, EXCHANGE_CODE_LENGTH) == 0)
                        return &exchange->currencies[i];
        return NULL;
}

static int64_t ten_to(uint32_t power) {
        int64_t value = 1;
        while (power-- > 0)
                value *= 10;
        return value;
}

/* The hundredths of an amount; 0: it is none. */
static int64_t hundredths(const struct exchange_decimal *amount) {
        if (amount->places > 2 || amount->digits <= 0 || amount->digits > AMOUNT_MOST)
                return 0;
        return amount->digits * ten_to(2 - amount->places);
}

/* given * rate of from / rate of to, rounded: the half to the even neighbour. 128 bits hold every product of what is allowed. */
static int64_t exchanged(int64_t given, const struct currency *from, const struct currency *to) {
        __int128 over = (__int128)given * from->crowns.digits * ten_to(to->crowns.places);
        __int128 under = (__int128)to->crowns.digits * ten_to(from->crowns.places);
        __int128 result = over / under, twice = over % under * 2;

        if (twice > under || (twice == under && result % 2 == 1))
                result++;
        return result > AMOUNT_MOST ? 0 : (int64_t)result;
}

/* NULL: there is no such currency. */
static enum exchange_status work_out(const struct exchange_decimal *amount, const struct currency *given,
                                     const struct currency *wanted, int64_t *ret_result) {
        if (!given || !wanted)
                return EXCHANGE_NO_SUCH_CURRENCY;
        *ret_result = exchanged(hundredths(amount), given, wanted);
        return *ret_result > 0 ? EXCHANGE_DONE : EXCHANGE_NO_SUCH_AMOUNT;
}

/* ---- the procedures ---- */

static int rates(exchange_rates *ret_result, struct leat_rpc_request *request, void *userdata) {
        const struct exchange *exchange = userdata;
        uint32_t count = sizeof exchange->currencies / sizeof exchange->currencies[0];

        ret_result->items = leat_xdr_arena_take(leat_rpc_request_arena(request), count * sizeof(struct exchange_rate));
        if (!ret_result->items)
                return -ENOMEM;
        for (ret_result->count = 0; ret_result->count < count; ret_result->count++) {
                const struct currency *currency = &exchange->currencies[ret_result->count];
                ret_result->items[ret_result->count] =
                        (struct exchange_rate){ { currency->code, EXCHANGE_CODE_LENGTH }, currency->crowns };
        }
        return 0;
}

static int convert(const struct exchange_decimal *amount, const exchange_code *from, const exchange_code *to,
                   struct exchange_answer *ret_result, struct leat_rpc_request *request, void *userdata) {
        int64_t result = 0;

        (void)request;
        ret_result->status = work_out(amount, find(userdata, from), find(userdata, to), &result);
        if (ret_result->status == EXCHANGE_DONE)
                ret_result->u.amount = (struct exchange_decimal){ result, 2 };
        return 0;
}

static int trade(const struct exchange_decimal *amount, const exchange_code *from, const exchange_code *to,
                 struct exchange_receipt *ret_result, struct leat_rpc_request *request, void *userdata) {
        struct exchange *exchange = userdata;
        struct currency *given = find(exchange, from), *wanted = find(exchange, to);
        int64_t result = 0;

        (void)request;
        ret_result->status = work_out(amount, given, wanted, &result);
        if (ret_result->status == EXCHANGE_DONE && (wanted->stock < result || given->stock > AMOUNT_MOST))
                ret_result->status = EXCHANGE_NOT_IN_STOCK;
        if (ret_result->status != EXCHANGE_DONE)
                return 0;
        wanted->stock -= result;
        given->stock += hundredths(amount);
        ret_result->u.slip = (struct exchange_slip){ ++exchange->receipts, { result, 2 } };
        return 0;
}

static int stock(const exchange_code *currency, struct exchange_answer *ret_result, struct leat_rpc_request *request,
                 void *userdata) {
        const struct currency *found = find(userdata, currency);

        (void)request;
        ret_result->status = found ? EXCHANGE_DONE : EXCHANGE_NO_SUCH_CURRENCY;
        if (found)
                ret_result->u.amount = (struct exchange_decimal){ found->stock, 2 };
        return 0;
}

int main(int argc, char **argv) {
        static const struct exchange_1_functions functions = {
                .rates = rates, .convert = convert, .trade = trade, .stock = stock
        };
        static struct exchange exchange = { {
                                                    { "CZK", { 1, 0 }, 100000000 },
                                                    { "EUR", { 24315, 3 }, 500000 },
                                                    { "GBP", { 29105, 3 }, 500000 },
                                                    { "USD", { 2320, 2 }, 500000 },
                                                    { "JPY", { 151237, 6 }, 90000000 },
                                            },
                                            0 };
        const char *address = argc > 1 ? argv[1] : "unix:@exchange";
        struct leat_reason reason = { 0 };
        struct leat_rpc_server *server = NULL;
        int r = serving_refuse(argc, argv, 0, 1, "[ADDRESS]; unix:@exchange if there is none");

        if (r >= 0)
                return r;
        r = leat_rpc_server_create(NULL, &server);
        if (r < 0)
                return fprintf(stderr, "%s\n", leat_strerror(r)), 1;
        r = leat_rpc_server_add(server, exchange_1_server(&functions, &exchange));
        if (r == 0)
                r = leat_rpc_server_listen(server, address, leat_in_s(5), &reason);
        if (r == 0) {
                serving_tell(server);
                r = leat_rpc_server_run(server, LEAT_NEVER); /* one thread: procedures run one after the other */
        }
        fprintf(stderr, "%s: %s\n", address, reason.text ? reason.text : leat_strerror(r));
        leat_rpc_server_free(server);
        return 1;
}
