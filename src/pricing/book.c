/*
 * book.c
 *		Sorted arrays with binary search: a book has hundreds of rows, and is asked millions of times.
 *
 * Rows are sorted by key (provider, region, name, option), then users' rows before builtin ones, then the newest
 * first, then by band. So the row that counts on a day is the first of its key that holds on it, and a ladder
 * is a run of neighbours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pricing/book.h"

#define NAME_MAX_BYTES 64

typedef struct Key
{
	const char *provider;
	const char *region;
	const char *name;
	const char *option;
} Key;

static int	compare_key(const CfPricingRow *row, const Key *key);
static int	compare_rows(const void *a, const void *b);
static const CfPricingRow *row_at(const CfPricingRows *rows, int index);
static int	first_of_key(const CfPricingRows *rows, const Key *key);
static const CfPricingRow *find_row(const CfPricingRows *rows, const Key *key, int32_t day, int *index);
static CfPricingLadder find_ladder(const CfPricingRows *rows, const Key *key, int32_t day);
static bool list_names(const CfPricingRows *rows, const char *provider, const char *region,
					   char *text, size_t size);

void
cf_pricing_book_init(CfPricingBook *book, CfArena *arena)
{
	memset(book, 0, sizeof(*book));
	book->arena = arena;
	book->classes.item_size = sizeof(CfPricingClass);
	book->bands.item_size = sizeof(CfPricingBand);
	book->restores.item_size = sizeof(CfPricingRestore);
	book->egress.item_size = sizeof(CfPricingBand);
	book->discounts.item_size = sizeof(CfPricingDiscount);
}

bool
cf_pricing_book_add_class(CfPricingBook *book, const CfPricingClass *row, CfError *err)
{
	return cf_pricing_book_append(book, &book->classes, row, err);
}

bool
cf_pricing_book_add_band(CfPricingBook *book, const CfPricingBand *row, CfError *err)
{
	return cf_pricing_book_append(book, &book->bands, row, err);
}

bool
cf_pricing_book_add_restore(CfPricingBook *book, const CfPricingRestore *row, CfError *err)
{
	return cf_pricing_book_append(book, &book->restores, row, err);
}

bool
cf_pricing_book_add_egress(CfPricingBook *book, const CfPricingBand *row, CfError *err)
{
	return cf_pricing_book_append(book, &book->egress, row, err);
}

bool
cf_pricing_book_add_discount(CfPricingBook *book, const CfPricingDiscount *row, CfError *err)
{
	return cf_pricing_book_append(book, &book->discounts, row, err);
}

void
cf_pricing_book_seal(CfPricingBook *book)
{
	CfPricingRows *all[] = {&book->classes, &book->bands, &book->restores, &book->egress};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
	{
		if (all[i]->count > 1)
			qsort(all[i]->items, all[i]->count, all[i]->item_size, compare_rows);
	}
}

const CfPricingClass *
cf_pricing_book_class(const CfPricingBook *book, const char *provider, const char *region,
					  const char *storage_class, int32_t day)
{
	static const char *const suffixes[] = {"", "_LRS", "_FA"};	/* what a bare name means */
	Key			key = {provider, region, storage_class, ""};
	const CfPricingRow *row = find_row(&book->classes, &key, day, NULL);
	char		name[NAME_MAX_BYTES];
	size_t		length = strlen(storage_class);

	for (size_t i = 0; row == NULL && i < 3 && length + 5 < sizeof(name); i++)
	{
		for (size_t at = 0; at < length; at++)
		{
			char		c = storage_class[at];

			name[at] = c >= 'a' && c <= 'z' ? (char) (c - 'a' + 'A') : c;
		}
		memcpy(name + length, suffixes[i], strlen(suffixes[i]) + 1);	/* fits: checked above */
		key.name = name;
		row = find_row(&book->classes, &key, day, NULL);
	}
	return (const CfPricingClass *) row;
}

const CfPricingClass *
cf_pricing_book_need(const CfPricingBook *book, const char *provider, const char *region,
					 const char *storage_class, int32_t day, CfError *err)
{
	const CfPricingClass *found = cf_pricing_book_class(book, provider, region, storage_class, day);
	char		known[1024];

	if (found != NULL)
		return found;
	if (list_names(&book->classes, provider, region, known, sizeof(known)))
	{
		cf_error_set(err, CF_ERR_INPUT, "no price of storage class \"%s\" in %s region \"%s\" on that day",
					 storage_class, provider, region);
		cf_error_detail(err, "Known classes there: %s.", known);
	}
	else if (list_names(&book->classes, provider, NULL, known, sizeof(known)))
	{
		cf_error_set(err, CF_ERR_INPUT, "no prices of %s region \"%s\"", provider, region);
		cf_error_detail(err, "Known regions: %s.", known);
	}
	else
	{
		list_names(&book->classes, NULL, NULL, known, sizeof(known));
		cf_error_set(err, CF_ERR_INPUT, "no prices of cloud \"%s\"", provider);
		cf_error_detail(err, "Known clouds: %s.", known);
	}
	cf_error_hint(err, "Load prices with load_prices().");
	return NULL;
}

const CfPricingClass *
cf_pricing_book_next(const CfPricingBook *book, const char *provider, const char *region,
					 int32_t day, int *at)
{
	Key			key = {provider, region, "", ""};

	if (*at == 0)
		*at = first_of_key(&book->classes, &key);
	for (; *at < book->classes.count; ++*at)
	{
		const CfPricingRow *row = row_at(&book->classes, *at);

		if (strcmp(row->provider, provider) != 0 || strcmp(row->region, region) != 0)
			break;
		key.name = row->name;
		if (find_row(&book->classes, &key, day, NULL) == row)
		{
			++*at;
			return (const CfPricingClass *) row;
		}
	}
	return NULL;
}

const CfPricingClass *
cf_pricing_book_standard(const CfPricingBook *book, const CfPricingClass *of, int32_t day)
{
	return cf_pricing_book_class(book, of->row.provider, of->row.region,
								 strcmp(of->row.provider, "Azure") == 0 ? "HOT" : "STANDARD", day);
}

CfPricingLadder
cf_pricing_book_ladder(const CfPricingBook *book, const CfPricingClass *of, int32_t day)
{
	Key			key = {of->row.provider, of->row.region, of->row.name, ""};
	CfPricingLadder ladder = find_ladder(&book->bands, &key, day);

	if (ladder.count > 0 && ladder.bands->row.builtin && !of->row.builtin)
		ladder.count = 0;
	return ladder;
}

const CfPricingRestore *
cf_pricing_book_restore(const CfPricingBook *book, const CfPricingClass *of, const char *option,
						int32_t day)
{
	Key			key = {of->row.provider, of->row.region, of->row.name, option};

	return (const CfPricingRestore *) find_row(&book->restores, &key, day, NULL);
}

CfPricingLadder
cf_pricing_book_egress(const CfPricingBook *book, const char *provider, const char *region,
					   const char *destination, const char *peer, int32_t day)
{
	Key			key = {provider, region, destination, peer};
	CfPricingLadder ladder = find_ladder(&book->egress, &key, day);

	if (ladder.count == 0)
	{
		key.option = "*";
		ladder = find_ladder(&book->egress, &key, day);
	}
	return ladder;
}

const char *
cf_pricing_area(const char *region)
{
	/* '^' = the region begins so (AWS, Google); else it contains the word (Azure). First match counts. */
	static const char *const areas[][2] = {
		{"^cn-", "china"}, {"^china", "china"},
		{"^us-", "north_america"}, {"^ca-", "north_america"}, {"^mx-", "north_america"},
		{"^northamerica-", "north_america"},
		{"^eu-", "europe"}, {"^europe-", "europe"},
		{"^ap-southeast-2", "australia"}, {"^ap-southeast-4", "australia"}, {"^australia", "australia"},
		{"^ap-southeast-3", "indonesia_oceania"}, {"^asia-southeast2", "indonesia_oceania"},
		{"^ap-", "asia"}, {"^asia-", "asia"},
		{"^sa-", "latin_america"}, {"^southamerica-", "latin_america"}, {"brazil", "latin_america"},
		{"chile", "latin_america"},
		{"^me-", "middle_east_africa"}, {"^il-", "middle_east_africa"}, {"^af-", "middle_east_africa"},
		{"^africa-", "middle_east_africa"}, {"southafrica", "middle_east_africa"},
		{"^uae", "middle_east_africa"}, {"qatar", "middle_east_africa"}, {"israel", "middle_east_africa"},
		{"europe", "europe"}, {"^uk", "europe"}, {"france", "europe"}, {"germany", "europe"},
		{"sweden", "europe"}, {"norway", "europe"}, {"switzerland", "europe"}, {"poland", "europe"},
		{"italy", "europe"}, {"spain", "europe"},
		{"indonesia", "indonesia_oceania"}, {"newzealand", "indonesia_oceania"},
		{"asia", "asia"}, {"japan", "asia"}, {"korea", "asia"}, {"india", "asia"},
		{"canada", "north_america"}, {"mexico", "north_america"}, {"us", "north_america"},
	};

	for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++)
	{
		const char *word = areas[i][0];

		if (word[0] == '^' ? strncmp(region, word + 1, strlen(word + 1)) == 0
			: strstr(region, word) != NULL)
			return areas[i][1];
	}
	return "";
}

int
cf_pricing_month_hours(const char *provider, int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (strcmp(provider, "GCP") == 0 || month < 1 || month > 12)
		return 730;
	return 24 * (days[month - 1] + (month == 2 && leap ? 1 : 0));
}

/* cf_pricing_book_append appends a copy of row, growing the array by half. */
bool
cf_pricing_book_append(CfPricingBook *book, CfPricingRows *rows, const void *row, CfError *err)
{
	if (rows->count == rows->capacity)
	{
		int			capacity = rows->capacity + rows->capacity / 2 + 16;
		void	   *items = cf_arena_alloc(book->arena, (size_t) capacity * rows->item_size);

		if (items == NULL)
			return cf_error_set(err, CF_ERR_MEMORY, "out of memory for the price book");
		if (rows->count > 0)
			memcpy(items, rows->items, (size_t) rows->count * rows->item_size);
		rows->items = items;
		rows->capacity = capacity;
	}
	memcpy((char *) rows->items + (size_t) rows->count * rows->item_size, row, rows->item_size);
	rows->count++;
	return true;
}

/* compare_key orders a row against a key, without dates. */
static int
compare_key(const CfPricingRow *row, const Key *key)
{
	int			order = strcmp(row->provider, key->provider);

	if (order == 0)
		order = strcmp(row->region, key->region);
	if (order == 0)
		order = strcmp(row->name, key->name);
	if (order == 0)
		order = strcmp(row->option, key->option);
	return order;
}

/* compare_rows is the order of the arrays: key, users' rows first, newest first, lowest band first. */
static int
compare_rows(const void *a, const void *b)
{
	const CfPricingRow *left = a;	/* every row type begins with its CfPricingRow */
	const CfPricingRow *right = b;
	Key			key = {right->provider, right->region, right->name, right->option};
	int			order = compare_key(left, &key);

	if (order != 0)
		return order;
	if (left->builtin != right->builtin)
		return left->builtin ? 1 : -1;
	if (left->from_day != right->from_day)
		return left->from_day < right->from_day ? 1 : -1;
	if (left->from_bytes != right->from_bytes)
		return left->from_bytes < right->from_bytes ? -1 : 1;
	return 0;
}

static const CfPricingRow *
row_at(const CfPricingRows *rows, int index)
{
	return (const CfPricingRow *) ((const char *) rows->items + (size_t) index * rows->item_size);
}

/* first_of_key is the index of the first row that is not before key. */
static int
first_of_key(const CfPricingRows *rows, const Key *key)
{
	int			low = 0;
	int			high = rows->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (compare_key(row_at(rows, middle), key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* find_row gives the row of key that counts on day; NULL = none. */
static const CfPricingRow *
find_row(const CfPricingRows *rows, const Key *key, int32_t day, int *index)
{
	for (int i = first_of_key(rows, key); i < rows->count; i++)
	{
		const CfPricingRow *row = row_at(rows, i);

		if (compare_key(row, key) != 0)
			break;
		if (row->from_day <= day && day < row->to_day)
		{
			if (index != NULL)
				*index = i;
			return row;
		}
	}
	return NULL;
}

/* find_ladder gives the run of bands that began on the same day as the one that counts on day. */
static CfPricingLadder
find_ladder(const CfPricingRows *rows, const Key *key, int32_t day)
{
	CfPricingLadder ladder = {NULL, 0};
	int			start = 0;
	const CfPricingRow *first = find_row(rows, key, day, &start);

	if (first == NULL)
		return ladder;
	ladder.bands = (const CfPricingBand *) first;
	while (start + ladder.count < rows->count)
	{
		const CfPricingRow *row = row_at(rows, start + ladder.count);

		if (compare_key(row, key) != 0 || row->builtin != first->builtin ||
			row->from_day != first->from_day)
			break;
		ladder.count++;
	}
	return ladder;
}

/*
 * list_names writes the distinct classes of a region, or the regions of a provider (region NULL), or the providers
 * (both NULL); false when there are none. What does not fit is cut at a name.
 */
static bool
list_names(const CfPricingRows *rows, const char *provider, const char *region, char *text,
		   size_t size)
{
	const char *last = "";
	size_t		length = 0;

	text[0] = '\0';
	for (int i = 0; i < rows->count; i++)
	{
		const CfPricingRow *row = row_at(rows, i);
		const char *name = provider == NULL ? row->provider : region == NULL ? row->region : row->name;

		if ((provider != NULL && strcmp(row->provider, provider) != 0) ||
			(region != NULL && strcmp(row->region, region) != 0) || strcmp(name, last) == 0)
			continue;
		if (length + strlen(name) + 3 > size)
			break;
		length += (size_t) snprintf(text + length, size - length, "%s%s", length > 0 ? ", " : "", name);
		last = name;
	}
	return length > 0;
}
