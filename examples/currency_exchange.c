/* SPDX-License-Identifier: MIT */
/*
 * The currency exchange of the lectures, without a server: each customer is a process that trades by itself with what lies in a region. A trade
 * changes four numbers, the shop's and the customer's, in one transaction: a customer that is killed in the midst of it has traded or has not, and no
 * money is lost or made. Amounts are whole numbers, and they lie in the region: what a process keeps in memory of its own dies with it.
 * Run it: currency_exchange ann, and in another terminal currency_exchange bob; then type
 *     buy dollars 3        sell dollars 1        balance        stock
 * It stays: on a System V segment (currency_exchange ann sysv-shm:0xcafe) until the next boot, in a file (map:/tmp/exchange) for good.
 */
#include <leat.h>
#include <stdio.h>
#include <string.h>

enum { CROWNS, CURRENCIES = 4, CUSTOMERS = 16, NOT_ENOUGH = 1 };
static const char *const names[CURRENCIES] = { "crowns", "dollars", "euros", "pounds" };
static const int64_t prices[CURRENCIES] = { 1, 23, 25, 29 }, first_stock[CURRENCIES] = { 10000, 500, 500, 500 };

struct customer {
        char name[16];
        int64_t has[CURRENCIES];
};
struct exchange {
        int64_t open, stock[CURRENCIES];
        struct customer customers[CUSTOMERS];
};
/* A program whose struct is another one is refused, and told why. */
static const struct leat_field fields[] = { LEAT_FIELD(struct exchange, open), LEAT_FIELD_ARRAY(struct exchange, stock),
                                            LEAT_FIELD_ARRAY(struct exchange, customers) };
static const struct leat_layout layout = { "exchange 1", sizeof(struct exchange), fields, 3 };

/* Within a transaction: nobody sees it before the commit. */
static int move(struct leat_txn *txn, int64_t *from, int64_t *to, int64_t amount) {
        int64_t left, more;
        int r = leat_txn_get(txn, from, &left, sizeof left);
        if (r == 0)
                r = leat_txn_get(txn, to, &more, sizeof more);
        if (r == 0 && left < amount)
                return NOT_ENOUGH;
        left -= amount, more += amount;
        if (r == 0)
                r = leat_txn_set(txn, from, &left, sizeof left);
        return r == 0 ? leat_txn_set(txn, to, &more, sizeof more) : r;
}

/* So much of a currency goes from one to the other, and its price the other way. */
static int trade(struct leat_region *region, int64_t *seller, int64_t *buyer, int which, int64_t amount) {
        struct leat_txn *txn;
        int r = leat_txn_begin(region, leat_in_s(60), &txn);
        if (r < 0)
                return r;
        r = move(txn, &seller[which], &buyer[which], amount);
        if (r == 0)
                r = move(txn, &buyer[CROWNS], &seller[CROWNS], amount * prices[which]);
        return r == 0 ? leat_txn_commit(txn) : leat_txn_abort(txn, r);
}

/* The first one opens the shop; a new customer gets 1,000 crowns to begin with. */
static int enter(struct leat_region *region, struct exchange *exchange, const char *name, int64_t **ret_has) {
        struct customer *it = exchange->customers, new = { .has = { 1000 } };
        struct leat_txn *txn;
        int r = leat_txn_begin(region, leat_in_s(60), &txn);
        if (r < 0)
                return r;
        snprintf(new.name, sizeof new.name, "%s", name);
        if (!exchange->open) /* others change nothing while we have begun */
                r = leat_txn_set(txn, exchange->stock, first_stock, sizeof first_stock);
        if (r == 0)
                r = leat_txn_set(txn, &exchange->open, &(int64_t){ 1 }, sizeof(int64_t));
        while (it < exchange->customers + CUSTOMERS && it->name[0] && strcmp(it->name, new.name) != 0)
                it++;
        if (it == exchange->customers + CUSTOMERS)
                return leat_txn_abort(txn, NOT_ENOUGH);
        if (r == 0 && !it->name[0])
                r = leat_txn_set(txn, it, &new, sizeof new);
        *ret_has = it->has;
        return r == 0 ? leat_txn_commit(txn) : leat_txn_abort(txn, r);
}

/* All of them at one moment, between two trades; nobody waits for it. */
static int show(struct leat_region *region, const int64_t *has) {
        int64_t copy[CURRENCIES];
        int r = leat_snapshot(region, &(struct leat_range){ has, copy, sizeof copy }, 1, leat_in_s(60));
        for (int i = 0; i < CURRENCIES && r == 0; i++)
                printf("%lld %s%s", (long long)copy[i], names[i], i + 1 < CURRENCIES ? ", " : "\n");
        return r;
}

static int obey(struct leat_region *region, struct exchange *exchange, int64_t *has, const char *line) {
        char what[16] = "", name[16] = "";
        long long amount = 0;
        int which = 1, words = sscanf(line, "%15s %15s %9lld", what, name, &amount);
        while (which < CURRENCIES && strcmp(names[which], name) != 0)
                which++;
        if (words == 3 && which < CURRENCIES && amount > 0 && strcmp(what, "buy") == 0)
                return trade(region, exchange->stock, has, which, amount);
        if (words == 3 && which < CURRENCIES && amount > 0 && strcmp(what, "sell") == 0)
                return trade(region, has, exchange->stock, which, amount);
        if (strcmp(what, "balance") == 0 || strcmp(what, "stock") == 0)
                return show(region, what[0] == 'b' ? has : exchange->stock);
        printf("buy or sell dollars, euros or pounds, as 'buy dollars 3'; balance; stock\n");
        return 0;
}

int main(int argc, char **argv) {
        const char *address = argc > 2 ? argv[2] : "region:/exchange";
        struct leat_reason reason = { 0 };
        struct leat_region *region = NULL;
        int64_t *has = NULL;
        char line[128];
        int r = leat_region_open(address, sizeof(struct exchange), &layout, leat_in_s(60), &reason, &region);

        setvbuf(stdout, NULL, _IOLBF, 0);
        if (r == 0)
                r = enter(region, leat_region_data(region), argc > 1 ? argv[1] : "somebody", &has);
        while (r == 0 && fgets(line, sizeof line, stdin)) {
                r = obey(region, leat_region_data(region), has, line);
                if (r == NOT_ENOUGH)
                        r = printf("there is not so much\n") < 0 ? -1 : 0;
        }
        if (r != 0)
                fprintf(stderr, "%s: %s\n", address,
                        r > 0         ? "no more customers"
                        : reason.text ? reason.text
                                      : leat_strerror(r));
        leat_region_close(region);
        return r != 0;
}
