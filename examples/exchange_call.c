/* SPDX-License-Identifier: MIT */
/*
 * A customer of the currency exchange (exchange.x, exchange_serve.c). Amounts go from the command line to the server and back digit by digit. A trade
 * whose outcome is not known is not tried again: that would be another trade.
 * Run it: exchange_call rates             exchange_call convert 10.50 EUR CZK
 *         exchange_call stock EUR         exchange_call trade 10.50 EUR CZK [ADDRESS]
 */
#include "exchange.h"

#include <ctype.h>
#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <string.h>

static const char *const said[] = {
        [EXCHANGE_NO_SUCH_CURRENCY] = "there is no such currency",
        [EXCHANGE_NO_SUCH_AMOUNT] = "no such amount is exchanged",
        [EXCHANGE_NOT_IN_STOCK] = "there is not so much",
};

/* "10.50" is 1050 with 2 places. */
static int read_decimal(const char *text, struct exchange_decimal *ret_decimal) {
        struct exchange_decimal decimal = { 0, 0 };
        const char *point = NULL, *at = text;

        for (; isdigit((unsigned char)*at) || (*at == '.' && !point && at > text); at++) {
                if (*at == '.')
                        point = at;
                else if (__builtin_mul_overflow(decimal.digits, 10, &decimal.digits) ||
                         __builtin_add_overflow(decimal.digits, *at - '0', &decimal.digits))
                        return -1;
        }
        decimal.places = point ? (uint32_t)(at - point - 1) : 0;
        *ret_decimal = decimal;
        return *at || at == text || decimal.places > EXCHANGE_PLACES_MOST ? -1 : 0;
}

/* What comes from another program is looked at before it is used, also here. */
static void print_decimal(const struct exchange_decimal *decimal) {
        uint32_t places = decimal->places < EXCHANGE_PLACES_MOST ? decimal->places : EXCHANGE_PLACES_MOST;
        int64_t one = 1;

        for (uint32_t i = 0; i < places; i++)
                one *= 10;
        printf("%lld", (long long)(decimal->digits / one));
        if (places > 0)
                printf(".%0*lld", (int)places, (long long)(decimal->digits % one));
        printf("\n");
}

static struct leat_xdr_string text_of(const char *text) {
        return (struct leat_xdr_string){ text, (uint32_t)strlen(text) };
}

static int rates(struct leat_rpc_client *client, struct leat_rpc_call *call) {
        exchange_rates rates;
        int r = exchange_rates_1(client, &rates, call);

        for (uint32_t i = 0; r == 0 && i < rates.count; i++) {
                printf("%s ", rates.items[i].currency.text);
                print_decimal(&rates.items[i].crowns);
        }
        return r;
}

static int show(int r, const struct exchange_answer *answer) {
        if (r == 0 && answer->status == EXCHANGE_DONE)
                print_decimal(&answer->u.amount);
        else if (r == 0)
                puts(said[answer->status]);
        return r;
}

static int trade(struct leat_rpc_client *client, char **words, const struct exchange_decimal *amount,
                 struct leat_rpc_call *call) {
        struct leat_xdr_string from = text_of(words[2]), to = text_of(words[3]);
        struct exchange_receipt receipt;
        int r = exchange_trade_1(client, amount, &from, &to, &receipt, call);

        if (r == 0 && receipt.status == EXCHANGE_DONE) {
                printf("receipt %llu: ", (unsigned long long)receipt.u.slip.number);
                print_decimal(&receipt.u.slip.amount);
        } else if (r == 0) {
                puts(said[receipt.status]);
        }
        return r;
}

static int call_it(struct leat_rpc_client *client, char **words, const struct exchange_decimal *amount,
                   struct leat_rpc_call *call) {
        struct exchange_answer answer;
        struct leat_xdr_string from, to;

        if (strcmp(words[0], "rates") == 0)
                return rates(client, call);
        if (strcmp(words[0], "trade") == 0)
                return trade(client, words, amount, call);
        if (strcmp(words[0], "stock") == 0) {
                from = text_of(words[1]);
                return show(exchange_stock_1(client, &from, &answer, call), &answer);
        }
        from = text_of(words[2]), to = text_of(words[3]);
        return show(exchange_convert_1(client, amount, &from, &to, &answer, call), &answer);
}

static int connect_and_call(const char *address, char **words, const struct exchange_decimal *amount) {
        static const char *const ran[] = { "it did not run", "it ran", "whether it ran is not known" };
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call call = leat_rpc_call_until(LEAT_RPC_TIMEOUT, &arena);
        struct leat_reason reason = { 0 };
        struct leat_rpc_client *client = NULL;
        int r = leat_rpc_connect(address, NULL, leat_in_s(5), &reason, &client);

        if (r < 0)
                fprintf(stderr, "%s: %s\n", address, reason.text ? reason.text : leat_strerror(r));
        else if ((r = call_it(client, words, amount, &call)) < 0)
                fprintf(stderr, "%s: %s; %s\n", words[0],
                        r == -EPROTO ? leat_rpc_status_text(call.status) : leat_strerror(r), ran[call.ran]);
        leat_rpc_client_free(client);
        leat_xdr_arena_free(&arena);
        return r;
}

/* How many words each request takes. */
static int words_of(const char *what) {
        static const struct {
                const char *what;
                int words;
        } requests[] = { { "rates", 1 }, { "stock", 2 }, { "convert", 4 }, { "trade", 4 } };
        for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
                if (strcmp(requests[i].what, what) == 0)
                        return requests[i].words;
        return -1;
}

int main(int argc, char **argv) {
        int words = argc > 1 ? words_of(argv[1]) : -1;
        struct exchange_decimal amount = { 0, 0 };

        if (words < 0 || (argc != 1 + words && argc != 2 + words) || (words == 4 && read_decimal(argv[2], &amount) < 0))
                return fprintf(stderr,
                               "usage: %s rates|stock CODE|convert AMOUNT FROM TO|trade AMOUNT FROM TO [ADDRESS]\n",
                               argv[0]),
                       2;
        return connect_and_call(argc > 1 + words ? argv[1 + words] : "unix:@exchange", argv + 1, &amount) < 0;
}
