/*
 * discount.c
 *		What a contract says lies over the book: rows of prices are cut in time, so that lookups need not know.
 *
 * A price of so many per cent less is price × (100 - percent) / 100, rounded at the 18th decimal as all money is. Bands of one
 * ladder are named alike, so they are cut alike and stay a ladder.
 */
#include <string.h>
#include <strings.h>

#include "pricing/book.h"

/* Any row of prices. */
typedef union Piece
{
	CfPricingRow row;
	CfPricingClass cls;
	CfPricingBand band;
	CfPricingRestore restore;
} Piece;

/* Which kind of rows is being cut. */
typedef struct Cutting
{
	CfPricingBook *book;
	CfPricingRows *rows;
	bool		classes;		/* CfPricingClass; else as the first price says */
	CfPricingPrice first;		/* prices that these rows have */
	CfPricingPrice last;
	CfError    *err;
} Cutting;

static const char *const price_names[CF_PRICES] = {
	[CF_PRICE_STORAGE] = "storage", [CF_PRICE_PUT] = "put", [CF_PRICE_GET] = "get", [CF_PRICE_LIST] = "list",
	[CF_PRICE_OTHER] = "other", [CF_PRICE_TRANSITION] = "transition", [CF_PRICE_RETRIEVAL] = "retrieval",
	[CF_PRICE_UPLOAD] = "upload", [CF_PRICE_EARLY_DELETE] = "early_delete", [CF_PRICE_MONITORING] = "monitoring",
	[CF_PRICE_RESTORE] = "restore", [CF_PRICE_RESTORE_RETRIEVAL] = "restore_retrieval", [CF_PRICE_EGRESS] = "egress",
};

static bool cut_row(const Cutting *c, int index);
static int32_t next_cut(const Cutting *c, const CfPricingRow *row, int32_t from);
static bool discount_piece(const Cutting *c, Piece *piece);
static bool discount_price(const Cutting *c, const CfPricingRow *row, CfPricingPrice price, CfMoney *usd, int64_t *id);
static bool concerns(const CfPricingDiscount *discount, const Cutting *c, const CfPricingRow *row);
static int	weight(const CfPricingDiscount *discount);

const char *
cf_pricing_price_name(CfPricingPrice price)
{
	return price_names[price];
}

bool
cf_pricing_book_discount(CfPricingBook *book, CfError *err)
{
	const Cutting all[] = {
		{book, &book->classes, true, CF_PRICE_STORAGE, CF_PRICE_MONITORING, err},
		{book, &book->bands, false, CF_PRICE_STORAGE, CF_PRICE_STORAGE, err},
		{book, &book->restores, false, CF_PRICE_RESTORE, CF_PRICE_RESTORE_RETRIEVAL, err},
		{book, &book->egress, false, CF_PRICE_EGRESS, CF_PRICE_EGRESS, err},
	};

	if (book->discounts.count == 0)
		return true;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
	{
		int			count = all[i].rows->count;

		for (int index = 0; index < count; index++)
		{
			if (!cut_row(&all[i], index))
				return false;
		}
	}
	return true;
}

/* cut_row replaces a row by its first piece and appends the others. */
static bool
cut_row(const Cutting *c, int index)
{
	Piece		whole;
	int32_t		from;

	memset(&whole, 0, sizeof(whole));
	memcpy(&whole, (char *) c->rows->items + (size_t) index * c->rows->item_size, c->rows->item_size);
	for (from = whole.row.from_day; from < whole.row.to_day;)
	{
		Piece		piece = whole;

		piece.row.from_day = from;
		piece.row.to_day = next_cut(c, &whole.row, from);
		if (!discount_piece(c, &piece))
			return false;
		if (from == whole.row.from_day)
			memcpy((char *) c->rows->items + (size_t) index * c->rows->item_size, &piece, c->rows->item_size);
		else if (!cf_pricing_book_append(c->book, c->rows, &piece, c->err))
			return false;
		from = piece.row.to_day;
	}
	return true;
}

/* next_cut is the first day after from on which a discount of the row begins or ends, at last the row's own end. */
static int32_t
next_cut(const Cutting *c, const CfPricingRow *row, int32_t from)
{
	const CfPricingDiscount *discounts = c->book->discounts.items;
	int32_t		next = row->to_day;

	for (int i = 0; i < c->book->discounts.count; i++)
	{
		const CfPricingRow *term = &discounts[i].row;

		if (!concerns(&discounts[i], c, row))
			continue;
		if (term->from_day > from && term->from_day < next)
			next = term->from_day;
		if (term->to_day > from && term->to_day < next)
			next = term->to_day;
	}
	return next;
}

/* discount_piece gives each price of a piece what holds on its first day, and so on all its days. */
static bool
discount_piece(const Cutting *c, Piece *piece)
{
	CfMoney    *const of_class[] = {&piece->cls.storage_usd, &piece->cls.put_usd, &piece->cls.get_usd, &piece->cls.list_usd,
		&piece->cls.other_usd, &piece->cls.transition_usd, &piece->cls.retrieval_usd, &piece->cls.upload_usd,
	&piece->cls.early_delete_usd, &piece->cls.monitoring_usd};
	const CfPricingRow *row = &piece->row;

	if (c->first == CF_PRICE_RESTORE)
		return discount_price(c, row, CF_PRICE_RESTORE, &piece->restore.request_usd, &piece->restore.discounts[0]) &&
			discount_price(c, row, CF_PRICE_RESTORE_RETRIEVAL, &piece->restore.retrieval_usd, &piece->restore.discounts[1]);
	if (!c->classes)
		return discount_price(c, row, c->first, &piece->band.usd, &piece->band.discount);
	for (int price = CF_PRICE_STORAGE; price < CF_PRICE_CLASS_PRICES; price++)
	{
		if (!discount_price(c, row, (CfPricingPrice) price, of_class[price], &piece->cls.discounts[price]))
			return false;
	}
	return true;
}

/* discount_price finds the discount that counts for one price and applies it. */
static bool
discount_price(const Cutting *c, const CfPricingRow *row, CfPricingPrice price, CfMoney *usd, int64_t *id)
{
	const CfPricingDiscount *discounts = c->book->discounts.items;
	const CfPricingDiscount *best = NULL;

	if (!cf_money_known(*usd) || *usd == 0)
		return true;
	for (int i = 0; i < c->book->discounts.count; i++)
	{
		const CfPricingDiscount *one = &discounts[i];

		if (!concerns(one, c, row) || one->row.from_day > row->from_day || one->row.to_day <= row->from_day ||
			(one->row.option[0] != '\0' && strcmp(one->row.option, price_names[price]) != 0))
			continue;
		if (best == NULL || weight(one) > weight(best) ||
			(weight(one) == weight(best) && one->row.from_day > best->row.from_day))
			best = one;
	}
	if (best == NULL)
		return true;
	*id = best->row.id;
	if (!cf_money_known(best->percent))
	{
		*usd = best->usd;
		return true;
	}
	return cf_money_mul_ratio(*usd, 100 * CF_MONEY_ONE - best->percent, 100 * CF_MONEY_ONE, usd, c->err);
}

/* concerns tells whether a discount names a row of prices and one of its prices, whatever the day. */
static bool
concerns(const CfPricingDiscount *discount, const Cutting *c, const CfPricingRow *row)
{
	const CfPricingRow *term = &discount->row;
	bool		named = term->option[0] == '\0';

	for (int price = (int) c->first; !named && price <= (int) c->last; price++)
		named = strcmp(term->option, price_names[price]) == 0;
	return named && strcmp(term->provider, row->provider) == 0 &&
		(term->region[0] == '\0' || strcmp(term->region, row->region) == 0) &&
		(term->name[0] == '\0' || (c->first != CF_PRICE_EGRESS && strcasecmp(term->name, row->name) == 0));
}

/* weight orders discounts by how specific they are. */
static int
weight(const CfPricingDiscount *discount)
{
	const CfPricingRow *term = &discount->row;

	return 4 * (term->name[0] != '\0') + 2 * (term->region[0] != '\0') + (term->option[0] != '\0');
}
