/*
 * move.c
 *		One object's move: who is charged what on either side, and when the saving has paid for it.
 *
 * payback_days = move / (before - after) × 730 / 24, since a mean month has 730 hours.
 */
#include <string.h>

#include "pricing/move.h"

#define PART_BYTES (INT64_C(8) << 20)
#define AZURE_RANGE (INT64_C(4) << 20)
#define SINGLE_BYTES (INT64_C(16) << 20)	/* goes in one request */
#define PARTS_MAX 9900
#define RESTORED_COPY_HOURS 24	/* a restored copy lives for a day */

/* What both sides of a move are billed for. */
typedef struct Moving
{
	const CfPricingBook *book;
	const CfPricingMove *move;
	const CfPricingClass *source;
	const CfPricingClass *dest;
	CfPricingUsage source_usage;
	CfPricingUsage dest_usage;
	int64_t		reads_online;	/* requests that read the source, at the rate of what they read */
	int64_t		blocks;			/* writes that the destination bills at the rate of its standard class */
	bool		restored;
} Moving;

static void set_unknown(CfPricingMoveQuote *quote);
static void plan_requests(Moving *m);
static void plan_source(Moving *m);
static void plan_egress(Moving *m);
static int64_t parts_of(int64_t size_bytes, int64_t part_bytes);
static int64_t copy_requests(const char *provider, int64_t size_bytes);
static int64_t write_requests(const Moving *m, int64_t parts);
static bool bill_move(Moving *m, CfPricingMoveQuote *quote, CfError *err);
static bool bill_standard(Moving *m, const CfPricingClass *of, int64_t puts, int64_t gets, CfPricingMoveQuote *quote, CfError *err);
static bool bill_months(Moving *m, CfPricingMoveQuote *quote, CfError *err);
static bool bill_kept(Moving *m, CfPricingMoveQuote *quote, CfError *err);
static bool add_kinds(const CfPricingQuote *terms, CfPricingKind first, CfPricingKind last,
					  CfMoney *sum, CfError *err);
static void note_prices(CfPricingMoveQuote *quote, const CfPricingQuote *terms);
static bool finish(const Moving *m, CfPricingMoveQuote *quote, CfError *err);
static unsigned judge_classes(const Moving *m);
static bool is_candidate(const CfPricingClass *from, const CfPricingClass *to, bool allow_restore);

const char *
cf_pricing_risk_name(CfPricingRisk risk)
{
	switch (risk)
	{
		case CF_PRICING_RISK_UNPRICED:
			return "unpriced";
		case CF_PRICING_RISK_EARLY_DELETION:
			return "early deletion";
		case CF_PRICING_RISK_MINIMUM_SIZE:
			return "below minimum object size";
		case CF_PRICING_RISK_RESTORE_NEEDED:
			return "restore needed";
		case CF_PRICING_RISK_SLOW_TO_READ:
			return "slow to read afterwards";
		case CF_PRICING_RISK_SAVES_NOTHING:
			return "saves nothing";
		case CF_PRICING_RISK_REDUNDANCY:
			return "other redundancy";
	}
	return "";
}

bool
cf_pricing_move(const CfPricingBook *book, const CfPricingMove *move, CfPricingMoveQuote *quote,
				CfError *err)
{
	const CfPricingSpot *from = &move->source;
	const CfPricingSpot *to = &move->dest;
	Moving		m = {.book = book, .move = move};

	if (move->size_bytes < 0 || move->stored_days < 0 || move->reads_month < 0)
		return cf_error_set(err, CF_ERR_INPUT, "size, days stored and reads of a move cannot be negative");
	memset(quote, 0, sizeof(*quote));
	set_unknown(quote);
	if (from->provider != NULL && from->region != NULL && from->storage_class != NULL)
		m.source = cf_pricing_book_class(book, from->provider, from->region, from->storage_class,
										 move->day);
	if (to->provider != NULL && to->region != NULL && to->storage_class != NULL)
		m.dest = cf_pricing_book_class(book, to->provider, to->region, to->storage_class, move->day);

	if (m.source != NULL && m.dest != NULL)
	{
		plan_requests(&m);
		plan_source(&m);
		plan_egress(&m);
		if (!bill_move(&m, quote, err))
			return false;
		quote->risks |= judge_classes(&m);
	}
	return bill_months(&m, quote, err) && finish(&m, quote, err);
}

bool
cf_pricing_month(const CfPricingBook *book, const CfPricingClass *cls, int32_t day,
				 int32_t month_hours, int64_t size_bytes, int64_t reads, CfPricingQuote *terms,
				 CfMoney *total, CfError *err)
{
	CfPricingUsage usage;
	int64_t		read_bytes;

	if (__builtin_mul_overflow(size_bytes, reads, &read_bytes))
		return cf_error_set(err, CF_ERR_RANGE, "bytes read in a month are out of range");
	cf_pricing_usage_init(&usage, day, month_hours);
	usage.byte_hours = (CfInt128) size_bytes * month_hours;
	usage.object_hours = month_hours;
	usage.band_hours = INT32_MAX;	/* one object alone: the first band */
	if (cls->restore_seconds > 0)
	{
		usage.restores = reads;
		usage.restored_bytes = read_bytes;
		if (strcmp(cls->row.provider, "Azure") != 0)
			usage.restore_copy_byte_hours = (CfInt128) read_bytes * RESTORED_COPY_HOURS;
	}
	else
	{
		usage.gets = reads;
		usage.read_bytes = read_bytes;
	}
	return cf_pricing_quote(book, cls, &usage, terms, err) &&
		cf_pricing_total(terms, CF_PRICING_STORAGE, CF_PRICING_EGRESS, total, err);
}

bool
cf_pricing_cheapest(const CfPricingBook *book, const CfPricingMove *stay, int32_t max_payback_days,
					bool allow_restore, const CfPricingClass **cls, CfPricingMoveQuote *best,
					CfError *err)
{
	const CfPricingSpot *from = &stay->source;
	const CfPricingClass *source = NULL;
	const CfPricingClass *candidate;
	CfPricingMove move = *stay;
	int			at = 0;

	*cls = NULL;
	if (from->provider == NULL || from->region == NULL || from->storage_class == NULL)
		return true;
	source = cf_pricing_book_class(book, from->provider, from->region, from->storage_class, stay->day);
	if (source == NULL)
		return true;
	move.same_place = true;
	move.dest_month_hours = move.source_month_hours;
	while ((candidate = cf_pricing_book_next(book, from->provider, from->region, stay->day, &at)) != NULL)
	{
		CfPricingMoveQuote quote;

		if (!is_candidate(source, candidate, allow_restore))
			continue;
		move.dest = (CfPricingSpot) {from->provider, from->region, candidate->row.name};
		if (!cf_pricing_move(book, &move, &quote, err))
			return false;
		if (!cf_money_known(quote.payback_days) ||
			quote.payback_days > max_payback_days * CF_MONEY_ONE)
			continue;
		if (*cls == NULL || quote.after_usd < best->after_usd)
		{
			*best = quote;
			*cls = candidate;
		}
	}
	return true;
}

/* set_unknown makes every amount, and the number of requests, unknown. */
static void
set_unknown(CfPricingMoveQuote *quote)
{
	CfMoney    *amounts[] = {&quote->request_usd, &quote->transition_usd, &quote->retrieval_usd,
		&quote->restore_usd, &quote->egress_usd, &quote->early_delete_usd, &quote->upload_usd,
	&quote->move_usd, &quote->before_usd, &quote->after_usd, &quote->payback_days};

	for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++)
		*amounts[i] = CF_MONEY_UNKNOWN;
	quote->requests = -1;
}

/* plan_requests decides which requests the move takes, and how its bytes are read. */
static void
plan_requests(Moving *m)
{
	const CfPricingMove *move = m->move;
	int64_t		size = move->size_bytes;
	bool		same_provider = strcmp(m->source->row.provider, m->dest->row.provider) == 0;
	bool		azure = strcmp(m->source->row.provider, "Azure") == 0;

	cf_pricing_usage_init(&m->source_usage, move->day, move->source_month_hours);
	cf_pricing_usage_init(&m->dest_usage, move->day, move->dest_month_hours);
	if (move->same_place && m->source == m->dest)
		return;
	m->source_usage.read_bytes = size;
	if (move->same_place && azure)
	{
		/* Set Blob Tier: a write of the cooler tier, or a read of the one that is left */
		if (m->dest->storage_usd < m->source->storage_usd)
		{
			m->source_usage.read_bytes = 0;
			m->dest_usage.transitions = cf_money_known(m->dest->transition_usd) ? 1 : 0;
			m->dest_usage.puts = 1 - m->dest_usage.transitions;
		}
		else
			m->reads_online = 1;
		return;
	}
	if (same_provider && !move->streamed)
		m->dest_usage.puts = copy_requests(m->dest->row.provider, size);
	else
	{
		m->dest_usage.puts = write_requests(m, parts_of(size, move->part_bytes));
		m->reads_online = parts_of(size, move->part_bytes);
		/* Azure bills blocks as writes of the account's tier; it is the list of them that is written to the archive. */
		if (strcmp(m->dest->row.provider, "Azure") == 0 && m->dest->restore_seconds > 0)
		{
			m->blocks = m->dest_usage.puts - 1;
			m->dest_usage.puts = 1;
		}
		/* Azure tells the digest of a range up to 4 MiB. */
		if (azure && m->reads_online < (size - 1) / AZURE_RANGE + 1)
			m->reads_online = (size - 1) / AZURE_RANGE + 1;
	}
	m->dest_usage.written_bytes = size;
}

/* copy_requests is what a store takes that copies by itself. */
static int64_t
copy_requests(const char *provider, int64_t size_bytes)
{
	static const struct
	{
		const char *provider;
		int64_t		single_bytes;
		int64_t		part_bytes;
		int			around;		/* requests that begin and end a copy in parts */
	}			copies[] = {
		{"AWS", INT64_C(5) << 30, INT64_C(512) << 20, 3},
		{"Azure", INT64_C(5000) << 20, INT64_C(256) << 20, 1},
	};

	for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++)
	{
		if (strcmp(provider, copies[i].provider) == 0 && size_bytes > copies[i].single_bytes)
			return parts_of(size_bytes, copies[i].part_bytes) + copies[i].around;
	}
	return 1;
}

/* write_requests is what writing so many parts takes, one being the whole object. */
static int64_t
write_requests(const Moving *m, int64_t parts)
{
	if (parts == 1)
		return 1;
	if (strcmp(m->dest->row.provider, "GCP") != 0)
		return parts + (strcmp(m->dest->row.provider, "Azure") == 0 ? 1 : 3);
	return parts + (parts + 31) / 32 + 1 + (strcmp(m->dest->row.name, "STANDARD") == 0 ? 0 : 1);
}

/* plan_source adds what leaving costs: restore before reading, and the days that were promised. */
static void
plan_source(Moving *m)
{
	const CfPricingMove *move = m->move;
	CfPricingUsage *usage = &m->source_usage;

	if (move->same_place && m->source == m->dest)
		return;
	if (m->source->restore_seconds > 0 && usage->read_bytes > 0)
	{
		m->restored = true;
		usage->restore_option = move->restore_option;
		usage->restores = 1;
		usage->restored_bytes = usage->read_bytes;
		usage->read_bytes = 0;
		if (strcmp(m->source->row.provider, "Azure") == 0)
			m->reads_online = move->same_place ? 0 : m->reads_online;
		else
			usage->restore_copy_byte_hours = (CfInt128) move->size_bytes * RESTORED_COPY_HOURS;
	}
	else
		usage->gets = m->reads_online + move->source_looks;
	m->dest_usage.gets = move->dest_looks;
	if (!move->keep_source)
	{
		usage->deleted_bytes = move->size_bytes;
		usage->deleted_objects = 1;
		usage->stored_days = move->stored_days;
	}
}

/* plan_egress sends the bytes out of the source's region, past the free monthly allowance. */
static void
plan_egress(Moving *m)
{
	CfPricingUsage *usage = &m->source_usage;
	const CfPricingRow *from = &m->source->row;
	const CfPricingRow *to = &m->dest->row;
	const char *area = cf_pricing_area(to->region);

	if (strcmp(from->provider, to->provider) == 0 && strcmp(from->region, to->region) == 0)
		return;
	if (strcmp(from->provider, to->provider) != 0)
	{
		usage->egress_destination = "internet";
		usage->egress_peer = area;
	}
	else if (area[0] != '\0' && strcmp(area, cf_pricing_area(from->region)) == 0)
	{
		usage->egress_destination = "other_region";
		usage->egress_peer = to->region;
	}
	else
	{
		usage->egress_destination = "other_continent";
		usage->egress_peer = strcmp(area, "australia") == 0 ? "indonesia_oceania" : area;
	}

	CfPricingLadder ladder = cf_pricing_book_egress(m->book, from->provider, from->region,
													usage->egress_destination, usage->egress_peer,
													m->move->day);

	for (int i = 0; i < ladder.count && ladder.bands[i].usd == 0; i++)
	{
		if (ladder.bands[i].row.to_bytes != CF_PRICING_BYTES_MAX)
			usage->egress_bytes_before = ladder.bands[i].row.to_bytes;
	}
	usage->egress_bytes = m->move->size_bytes;
}

/* parts_of is the number of requests that size_bytes take in parts; an empty object takes one. */
static int64_t
parts_of(int64_t size_bytes, int64_t part_bytes)
{
	int64_t		part = part_bytes > 0 ? part_bytes : PART_BYTES;

	if (part_bytes <= 0 && size_bytes <= SINGLE_BYTES)
		return 1;
	if (size_bytes / part >= PARTS_MAX)
		part = size_bytes / PARTS_MAX + 1;
	return size_bytes == 0 ? 1 : (size_bytes - 1) / part + 1;
}

/* bill_move prices both sides and sorts the terms into the amounts that people ask for. */
static bool
bill_move(Moving *m, CfPricingMoveQuote *quote, CfError *err)
{
	CfPricingQuote terms;

	quote->request_usd = quote->transition_usd = quote->retrieval_usd = quote->restore_usd = 0;
	quote->egress_usd = quote->early_delete_usd = quote->upload_usd = quote->move_usd = 0;
	quote->requests = m->reads_online + m->blocks + m->dest_usage.puts + m->dest_usage.transitions +
		m->source_usage.restores + m->move->source_looks + m->move->dest_looks;

	if (!cf_pricing_quote(m->book, m->source, &m->source_usage, &terms, err) ||
		!add_kinds(&terms, CF_PRICING_GET, CF_PRICING_GET, &quote->request_usd, err) ||
		!add_kinds(&terms, CF_PRICING_RETRIEVAL, CF_PRICING_RESTORE_RETRIEVAL, &quote->retrieval_usd, err) ||
		!add_kinds(&terms, CF_PRICING_RESTORE, CF_PRICING_RESTORE, &quote->restore_usd, err) ||
		!add_kinds(&terms, CF_PRICING_RESTORE_COPY, CF_PRICING_RESTORE_COPY, &quote->restore_usd, err) ||
		!add_kinds(&terms, CF_PRICING_EARLY_DELETE, CF_PRICING_EARLY_DELETE, &quote->early_delete_usd, err) ||
		!add_kinds(&terms, CF_PRICING_EGRESS, CF_PRICING_EGRESS, &quote->egress_usd, err) ||
		!cf_pricing_total(&terms, CF_PRICING_STORAGE, CF_PRICING_EGRESS, &quote->move_usd, err))
		return false;
	note_prices(quote, &terms);

	if (!cf_pricing_quote(m->book, m->dest, &m->dest_usage, &terms, err) ||
		!add_kinds(&terms, CF_PRICING_PUT, CF_PRICING_GET, &quote->request_usd, err) ||
		!add_kinds(&terms, CF_PRICING_TRANSITION, CF_PRICING_TRANSITION, &quote->transition_usd, err) ||
		!add_kinds(&terms, CF_PRICING_UPLOAD, CF_PRICING_UPLOAD, &quote->upload_usd, err) ||
		!add_kinds(&terms, CF_PRICING_STORAGE, CF_PRICING_EGRESS, &quote->move_usd, err))
		return false;
	note_prices(quote, &terms);

	/* A restored copy is read at the rates of the class that it is held in. */
	return bill_standard(m, m->dest, m->blocks, 0, quote, err) &&
		bill_standard(m, m->source, 0, m->restored ? m->reads_online : 0, quote, err);
}

/* bill_standard adds requests that are billed at the rates of the standard class beside a class. */
static bool
bill_standard(Moving *m, const CfPricingClass *of, int64_t puts, int64_t gets, CfPricingMoveQuote *quote, CfError *err)
{
	const CfPricingClass *standard = cf_pricing_book_standard(m->book, of, m->move->day);
	CfPricingQuote terms;
	CfPricingUsage usage;

	if (puts + gets == 0 || standard == NULL)
		return true;
	cf_pricing_usage_init(&usage, m->move->day, m->move->source_month_hours);
	usage.puts = puts;
	usage.gets = gets;
	if (!cf_pricing_quote(m->book, standard, &usage, &terms, err) ||
		!add_kinds(&terms, CF_PRICING_PUT, CF_PRICING_GET, &quote->request_usd, err) ||
		!add_kinds(&terms, CF_PRICING_PUT, CF_PRICING_GET, &quote->move_usd, err))
		return false;
	note_prices(quote, &terms);
	return true;
}

/* bill_months prices a month where the object is, and one where it would be. */
static bool
bill_months(Moving *m, CfPricingMoveQuote *quote, CfError *err)
{
	const CfPricingMove *move = m->move;
	CfPricingQuote terms;

	if (m->source != NULL)
	{
		if (!cf_pricing_month(m->book, m->source, move->day, move->source_month_hours,
							  move->size_bytes, move->reads_month, &terms, &quote->before_usd, err))
			return false;
		note_prices(quote, &terms);
	}
	if (m->dest != NULL)
	{
		if (!cf_pricing_month(m->book, m->dest, move->day, move->dest_month_hours,
							  move->size_bytes, move->reads_month, &terms, &quote->after_usd, err))
			return false;
		note_prices(quote, &terms);
		if (move->keep_source && !bill_kept(m, quote, err))
			return false;
	}
	return true;
}

/* bill_kept adds to the month afterwards what stays at the source: held, and read no more. */
static bool
bill_kept(Moving *m, CfPricingMoveQuote *quote, CfError *err)
{
	const CfPricingMove *move = m->move;
	CfPricingQuote terms;
	CfMoney		kept = CF_MONEY_UNKNOWN;

	if (m->source != NULL && !cf_pricing_month(m->book, m->source, move->day, move->source_month_hours, move->size_bytes, 0, &terms,
											   &kept, err))
		return false;
	return cf_money_add(&quote->after_usd, kept, err);
}

/* add_kinds adds the terms of some kinds to *sum. */
static bool
add_kinds(const CfPricingQuote *terms, CfPricingKind first, CfPricingKind last, CfMoney *sum,
		  CfError *err)
{
	CfMoney		part;

	return cf_pricing_total(terms, first, last, &part, err) && cf_money_add(sum, part, err);
}

/* note_prices remembers each row of the book once, as many as fit. */
static void
note_prices(CfPricingMoveQuote *quote, const CfPricingQuote *terms)
{
	for (int i = 0; i < terms->count; i++)
	{
		int			at = 0;

		while (at < quote->price_count && quote->price_ids[at] != terms->terms[i].price_id)
			at++;
		if (at == quote->price_count && at < CF_PRICING_MOVE_IDS && terms->terms[i].price_id != 0)
			quote->price_ids[quote->price_count++] = terms->terms[i].price_id;
	}
}

/* finish computes the pay-back and the risks that follow from the amounts. */
static bool
finish(const Moving *m, CfPricingMoveQuote *quote, CfError *err)
{
	CfMoney		saving;
	CfInt128	num;
	CfInt128	den;
	CfError		never;

	if (!cf_money_known(quote->before_usd) || !cf_money_known(quote->after_usd) ||
		!cf_money_known(quote->move_usd))
	{
		quote->risks |= CF_PRICING_RISK_UNPRICED;
		return true;
	}
	if (quote->early_delete_usd > 0)
		quote->risks |= CF_PRICING_RISK_EARLY_DELETION;
	if (m->restored)
	{
		const CfPricingRestore *row = cf_pricing_book_restore(m->book, m->source,
															  m->move->restore_option ? m->move->restore_option : "STANDARD",
															  m->move->day);

		quote->restore_seconds = row ? row->seconds_max : m->source->restore_seconds;
		quote->risks |= CF_PRICING_RISK_RESTORE_NEEDED;
	}
	if (quote->before_usd <= quote->after_usd)
	{
		quote->risks |= CF_PRICING_RISK_SAVES_NOTHING;
		return true;
	}
	if (!cf_int128_add(quote->before_usd, -quote->after_usd, &saving, err))
		return false;

	/* A saving so small that the days do not fit a number is none. */
	if (!cf_int128_mul(quote->move_usd, 730, &num, &never) ||
		!cf_int128_mul(saving, 24, &den, &never) ||
		!cf_money_mul_ratio(CF_MONEY_ONE, num, den, &quote->payback_days, &never))
		quote->payback_days = CF_MONEY_UNKNOWN;
	return true;
}

/* judge_classes finds the risks that lie in the two classes themselves. */
static unsigned
judge_classes(const Moving *m)
{
	unsigned	risks = 0;

	if (m->move->size_bytes < m->dest->min_object_bytes)
		risks |= CF_PRICING_RISK_MINIMUM_SIZE;
	if (m->dest->restore_seconds > 0 && m->source->restore_seconds == 0)
		risks |= CF_PRICING_RISK_SLOW_TO_READ;
	if (strcmp(m->source->row.provider, m->dest->row.provider) == 0 &&
		strcmp(m->source->redundancy, m->dest->redundancy) != 0)
		risks |= CF_PRICING_RISK_REDUNDANCY;
	return risks;
}

/*
 * is_candidate tells whether a class is a sensible other home for what lies in `from`. Autoclass is none for one object: it is a setting of
 * the bucket, and there no object has a class by somebody's wish.
 */
static bool
is_candidate(const CfPricingClass *from, const CfPricingClass *to, bool allow_restore)
{
	return to != from && strncmp(to->row.name, "AUTOCLASS_", 10) != 0 && strncmp(from->row.name, "AUTOCLASS_", 10) != 0 && strcmp(from->redundancy, to->redundancy) == 0 &&
		(cf_money_known(to->transition_usd) || strcmp(to->tier, "HOT") == 0) &&
		(allow_restore || to->restore_seconds == 0);
}
