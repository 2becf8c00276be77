/*
 * objects_sql.c
 *		The row trigger of data_objects: fills what follows from what was given, refuses what cannot be.
 *
 * size_bytes and size_gb, file_name, storage_location, place and object_key, current_cloud, storage_class and
 * current_tier depend on each other; people and programs give the half that they know. It is C because it
 * runs per row: a bulk INSERT of 200,000 rows pays about 1 µs a row here, PL/pgSQL took ten.
 *
 * What a place is (url, provider, default class) and what a class means is read once per statement and kept
 * in fn_extra, which lives as long as the statement; a place altered in mid-statement is not noticed. The
 * lookups run as the table's owner, as those of foreign keys do, so every name and operator in them is qualified
 * (a SET clause would cost more than the trigger does).
 *
 * A row whose recorded_at is not this transaction's comes from a restore (only a superuser can write that
 * column): it is complete, and the tables that this trigger reads may not be filled yet. It passes unread.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "catalog/catalog.h"
#include "catalog/objects_sql.h"
#include "core/core.h"
#include "core/error_sql.h"
#include "core/spi_sql.h"
#include "net/net.h"

#define BYTES_PER_GB	INT64CONST(1073741824)	/* size_gb is in 2^30 */
#define KEY_MAX_BYTES	1024
#define CLASS_BUCKETS	64

/* The columns that the trigger reads or writes. */
enum
{
	FILE_ID, FILE_NAME, SIZE_GB, CURRENT_TIER, CURRENT_CLOUD, STORAGE_LOCATION, SIZE_BYTES,
	PLACE, OBJECT_KEY, STORAGE_CLASS, OWNER, RECORDED_AT, COLUMNS
};

static const char *const column_names[COLUMNS] = {
	"file_id", "file_name", "size_gb", "current_tier", "current_cloud", "storage_location", "size_bytes",
	"place", "object_key", "storage_class", "owner", "recorded_at"
};

typedef struct Place
{
	const char *name;
	const char *provider;
	const char *url;
	int			url_length;
	const char *storage_class;	/* of what is written there without a wish; NULL = not told */
} Place;

/* What one word means at a place: the tier of a class, or the class of a tier; value NULL = nothing known. */
typedef struct Word
{
	struct Word *next;
	const Place *place;
	bool		is_class;
	const char *word;
	const char *value;
} Word;

/* What one statement has learnt. */
typedef struct Lore
{
	MemoryContext context;
	int			attnums[COLUMNS];
	Place	   *places;			/* longest url first */
	int			nplaces;
	bool		places_read;
	Word	   *words[CLASS_BUCKETS];
} Lore;

/* One row on its way through the trigger. */
typedef struct Row
{
	Lore	   *lore;
	Oid			table_owner;
	bool		is_update;
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];
	Datum		old_values[COLUMNS];
	bool		old_nulls[COLUMNS];
	bool		replaced[COLUMNS];
} Row;

bool		cf_catalog_own_write = false;

static CfSpiPlan places_plan = {
	"SELECT p.place, p.provider, p.url,"
	"       COALESCE(pg_catalog.max(o.option_value)"
	"                  FILTER (WHERE o.option_name OPERATOR(pg_catalog.=) 'storage_class'),"
	"                CASE WHEN p.provider OPERATOR(pg_catalog.=) 'LOCAL'"
	"                     THEN COALESCE(pg_catalog.max(o.option_value)"
	"                                     FILTER (WHERE o.option_name OPERATOR(pg_catalog.=) 'tier'), 'HOT') END)"
	"  FROM cloudflux.places p LEFT JOIN pg_catalog.pg_foreign_server s"
	"         ON s.srvname OPERATOR(pg_catalog.=) p.place::pg_catalog.name"
	"       LEFT JOIN LATERAL pg_catalog.pg_options_to_table(s.srvoptions) o ON true"
	" GROUP BY p.place ORDER BY pg_catalog.length(p.url) DESC", 0, {0}
};
static CfSpiPlan class_tier_plan = {
	"SELECT cloudflux.class_tier($1, $2, $3)", 3, {TEXTOID, TEXTOID, TEXTOID}
};
static CfSpiPlan tier_class_plan = {
	"SELECT cloudflux.tier_class($2, $3)", 3, {TEXTOID, TEXTOID, TEXTOID}
};

PG_FUNCTION_INFO_V1(cloudflux_complete_object);

static Lore *lore_of(FunctionCallInfo fcinfo, TupleDesc desc);
static void read_row(Row *row, HeapTuple tuple, TupleDesc desc, Datum *values, bool *nulls);
static void guard_identity(Row *row);
static void complete_size(Row *row);
static bool complete_address(Row *row);
static void complete_class(Row *row, bool moved);
static void complete_name(Row *row, bool moved);

/* cloudflux_complete_object is the trigger: BEFORE INSERT OR UPDATE, for each row of data_objects. */
Datum
cloudflux_complete_object(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	HeapTuple	tuple;
	Row			row;
	int			attnums[COLUMNS];
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];
	int			nreplaced = 0;
	bool		moved;
	int			i;

	CF_ABI_CHECK();
	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("complete_object() can only be a row trigger before INSERT or UPDATE")));
	desc = RelationGetDescr(trigger->tg_relation);
	memset(&row, 0, sizeof(row));
	row.is_update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
	tuple = row.is_update ? trigger->tg_newtuple : trigger->tg_trigtuple;
	if (cf_catalog_own_write)
		return PointerGetDatum(tuple);

	row.lore = lore_of(fcinfo, desc);
	row.table_owner = trigger->tg_relation->rd_rel->relowner;
	read_row(&row, tuple, desc, row.values, row.nulls);
	if (row.is_update)
		read_row(&row, trigger->tg_trigtuple, desc, row.old_values, row.old_nulls);
	else if (superuser() && !row.nulls[RECORDED_AT] &&
			 DatumGetTimestampTz(row.values[RECORDED_AT]) != GetCurrentTransactionStartTimestamp())
		return PointerGetDatum(tuple);

	guard_identity(&row);
	complete_size(&row);
	moved = complete_address(&row);
	complete_class(&row, moved);
	complete_name(&row, moved);

	for (i = 0; i < COLUMNS; i++)
	{
		if (!row.replaced[i])
			continue;
		attnums[nreplaced] = row.lore->attnums[i];
		values[nreplaced] = row.values[i];
		nulls[nreplaced++] = row.nulls[i];
	}
	if (nreplaced > 0)
		tuple = heap_modify_tuple_by_cols(tuple, desc, nreplaced, attnums, values, nulls);
	return PointerGetDatum(tuple);
}

/* lore_of gives what this statement has learnt so far, and begins to learn at its first row. */
static Lore *
lore_of(FunctionCallInfo fcinfo, TupleDesc desc)
{
	Lore	   *lore = fcinfo->flinfo->fn_extra;
	int			i;

	if (lore != NULL)
		return lore;
	lore = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Lore));
	lore->context = fcinfo->flinfo->fn_mcxt;
	for (i = 0; i < COLUMNS; i++)
	{
		lore->attnums[i] = SPI_fnumber(desc, column_names[i]);
		if (lore->attnums[i] <= 0)
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
							errmsg("table of a complete_object() trigger has no column \"%s\"",
								   column_names[i])));
	}
	fcinfo->flinfo->fn_extra = lore;
	return lore;
}

/* read_row takes the columns of interest out of a tuple. */
static void
read_row(Row *row, HeapTuple tuple, TupleDesc desc, Datum *values, bool *nulls)
{
	Datum		all_values[MaxHeapAttributeNumber];
	bool		all_nulls[MaxHeapAttributeNumber];
	int			i;

	heap_deform_tuple(tuple, desc, all_values, all_nulls);
	for (i = 0; i < COLUMNS; i++)
	{
		values[i] = all_values[row->lore->attnums[i] - 1];
		nulls[i] = all_nulls[row->lore->attnums[i] - 1];
	}
}

/* changed tells whether the statement gives a column another value than it had; always true for INSERT. */
static bool
changed(const Row *row, int column)
{
	if (!row->is_update)
		return true;
	if (row->nulls[column] || row->old_nulls[column])
		return row->nulls[column] != row->old_nulls[column];
	if (column == SIZE_BYTES || column == RECORDED_AT)
		return row->values[column] != row->old_values[column];
	return !datum_image_eq(row->values[column], row->old_values[column], false, -1);
}

static void
set_datum(Row *row, int column, Datum value)
{
	row->values[column] = value;
	row->nulls[column] = false;
	row->replaced[column] = true;
}

/* set_text gives a column a text, or NULL, if it does not hold it already. */
static void
set_text(Row *row, int column, const char *value, int length)
{
	if (value == NULL)
	{
		row->replaced[column] |= !row->nulls[column];
		row->nulls[column] = true;
		return;
	}
	if (!row->nulls[column])
	{
		text	   *now = DatumGetTextPP(row->values[column]);

		if (VARSIZE_ANY_EXHDR(now) == length && memcmp(VARDATA_ANY(now), value, length) == 0)
			return;
	}
	set_datum(row, column, PointerGetDatum(cstring_to_text_with_len(value, length)));
}

/* get_text gives a column as a C string, NULL for NULL. */
static char *
get_text(const Row *row, int column)
{
	return row->nulls[column] ? NULL : TextDatumGetCString(row->values[column]);
}

static char *
file_id_of(const Row *row)
{
	return row->nulls[FILE_ID] ? "" : TextDatumGetCString(row->values[FILE_ID]);
}

/* guard_identity keeps file_id, owner and recorded_at what they are: the server sets them, not its clients. */
static void
guard_identity(Row *row)
{
	bool		is_superuser = superuser();

	if (!row->nulls[FILE_ID] && VARSIZE_ANY_EXHDR(DatumGetPointer(row->values[FILE_ID])) == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("file_id of an object cannot be empty")));
	if (row->is_update)
	{
		if (changed(row, FILE_ID))
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
							errmsg("file_id of object \"%s\" cannot be changed",
								   TextDatumGetCString(row->old_values[FILE_ID])),
							errdetail("An object keeps its file_id for life, wherever it moves.")));
		if (is_superuser)
			return;
		if (changed(row, OWNER))
			ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
							errmsg("permission denied to change the owner of object \"%s\"",
								   file_id_of(row)),
							errhint("Only a superuser may.")));
		if (changed(row, RECORDED_AT))
			set_datum(row, RECORDED_AT, row->old_values[RECORDED_AT]);
		return;
	}
	if (is_superuser && !row->nulls[OWNER] && !row->nulls[RECORDED_AT])
		return;
	{
		char	   *user = GetUserNameFromId(GetUserId(), false);

		set_text(row, OWNER, user, strlen(user));
		set_datum(row, RECORDED_AT, TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()));
	}
}

/* cf_catalog_gb gives a size in 2^30 bytes with twelve decimals, enough to tell every byte. */
Datum
cf_catalog_gb(int64 bytes)
{
	Datum		gb;

	if (bytes < (INT64CONST(1) << 50))
	{
		int128		trillionths = ((int128) bytes * INT64CONST(1000000000000) + BYTES_PER_GB / 2) >> 30;

		gb = NumericGetDatum(int64_div_fast_to_numeric((int64) trillionths, 12));
	}
	else
		gb = DirectFunctionCall2(numeric_div, NumericGetDatum(int64_to_numeric(bytes)),
								 NumericGetDatum(int64_to_numeric(BYTES_PER_GB)));
	return DirectFunctionCall1(numeric_trim_scale, gb);
}

static int64
bytes_of(Datum gb)
{
	Datum		bytes = DirectFunctionCall2(numeric_mul, gb,
											NumericGetDatum(int64_to_numeric(BYTES_PER_GB)));

	return DatumGetInt64(DirectFunctionCall1(numeric_int8, bytes));
}

/* guard_sizes refuses two sizes that cannot mean the same; rounding in size_gb is forgiven. */
static void
guard_sizes(const Row *row)
{
	double		bytes = (double) DatumGetInt64(row->values[SIZE_BYTES]);
	double		gb = DatumGetFloat8(DirectFunctionCall1(numeric_float8, row->values[SIZE_GB]));
	double		slack = Max(bytes * 0.01, 0.005 * BYTES_PER_GB);

	if (!(fabs(gb * BYTES_PER_GB - bytes) <= slack))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("size_gb and size_bytes of object \"%s\" contradict each other",
							   file_id_of(row)),
						errdetail("%.12g GB of 2^30 bytes are not " INT64_FORMAT " bytes.", gb,
								  DatumGetInt64(row->values[SIZE_BYTES])),
						errhint("Give only one of the two; the other is filled in.")));
}

/* complete_size fills size_gb from size_bytes or the other way round; given both, the bytes are the truth. */
static void
complete_size(Row *row)
{
	bool		bytes_given = changed(row, SIZE_BYTES) && !row->nulls[SIZE_BYTES];
	bool		gb_given = changed(row, SIZE_GB) && !row->nulls[SIZE_GB];

	if (bytes_given)
	{
		int64		bytes = DatumGetInt64(row->values[SIZE_BYTES]);

		if (bytes < 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("size_bytes of object \"%s\" cannot be negative: " INT64_FORMAT,
								   file_id_of(row), bytes)));
		if (gb_given)
			guard_sizes(row);
		set_datum(row, SIZE_GB, cf_catalog_gb(bytes));
	}
	else if (gb_given)
	{
		Datum		gb = row->values[SIZE_GB];
		double		rough = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, gb));

		if (!(rough >= 0 && rough < (double) PG_INT64_MAX / BYTES_PER_GB))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("size_gb of object \"%s\" cannot be %s: %s", file_id_of(row),
								   rough < 0 ? "negative" : "that",
								   DatumGetCString(DirectFunctionCall1(numeric_out, gb))),
							errdetail("A size is a number from 0 to less than 2^33 GB of 2^30 bytes.")));
		set_datum(row, SIZE_BYTES, Int64GetDatum(bytes_of(gb)));
	}
	else if (row->is_update && (changed(row, SIZE_BYTES) || changed(row, SIZE_GB)))
	{
		/* One of the two was set to NULL: the size is unknown now. */
		row->nulls[SIZE_BYTES] = row->nulls[SIZE_GB] = true;
		row->replaced[SIZE_BYTES] = row->replaced[SIZE_GB] = true;
	}
}

/* read_places learns all places, as the owner of the table. */
static void
read_places(Row *row)
{
	Lore	   *lore = row->lore;
	MemoryContext caller = CurrentMemoryContext;
	Oid			user;
	int			security;
	uint64		count;
	uint64		i;

	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(row->table_owner, security | SECURITY_LOCAL_USERID_CHANGE);
	MemoryContextSwitchTo(lore->context);
	cf_spi_begin();
	count = cf_spi_run(&places_plan, NULL, NULL);
	lore->places = MemoryContextAllocZero(lore->context, sizeof(Place) * (count + 1));
	for (i = 0; i < count; i++)
	{
		Place	   *place = &lore->places[i];

		place->name = cf_spi_text(i, 1);
		place->provider = cf_spi_text(i, 2);
		place->url = cf_spi_text(i, 3);
		place->url_length = strlen(place->url);
		place->storage_class = cf_spi_text(i, 4);
	}
	lore->nplaces = (int) count;
	lore->places_read = true;
	cf_spi_end();
	MemoryContextSwitchTo(caller);
	SetUserIdAndSecContext(user, security);
}

/* place_named finds a place; one that nobody has adopted is an error. */
static const Place *
place_named(Row *row, const char *name)
{
	Lore	   *lore = row->lore;
	int			i;

	if (!lore->places_read)
		read_places(row);
	for (i = 0; i < lore->nplaces; i++)
		if (strcmp(lore->places[i].name, name) == 0)
			return &lore->places[i];
	ereport(ERROR, (errcode(ERRCODE_NO_DATA),
					errmsg("place \"%s\" of object \"%s\" does not exist", name, file_id_of(row)),
					errhint("Create it with cloudflux.add_storage(), or confirm a foreign server of this "
							"name with cloudflux.adopt_storage().")));
}

/* place_of_location finds the place with the longest url that a location begins with, NULL when none does. */
static const Place *
place_of_location(Row *row, const char *location)
{
	Lore	   *lore = row->lore;
	int			i;

	if (!lore->places_read)
		read_places(row);
	for (i = 0; i < lore->nplaces; i++)
	{
		const Place *place = &lore->places[i];

		if (strncmp(location, place->url, place->url_length) == 0 &&
			location[place->url_length] != '\0')
			return place;
	}
	return NULL;
}

/* guard_key refuses keys that no store could hold or nobody could see. */
static void
guard_key(const Row *row, const char *key)
{
	size_t		length = strlen(key);
	const char *p;

	if (length == 0 || length > KEY_MAX_BYTES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("object_key of object \"%s\" has %zu bytes", file_id_of(row), length),
						errdetail("A key has 1 to %d bytes.", KEY_MAX_BYTES)));
	for (p = key; *p != '\0'; p++)
		if ((unsigned char) *p < 0x20 || *p == 0x7f)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("object_key of object \"%s\" contains a control character",
								   file_id_of(row)),
							errdetail("Byte %d is 0x%02x.", (int) (p - key) + 1, (unsigned char) *p)));
}

/* canonical_location gives the storage_location with its address spelled as those of places are; NULL when there is none. */
static char *
canonical_location(Row *row)
{
	char	   *given = get_text(row, STORAGE_LOCATION);
	char	   *location = given == NULL ? NULL : pstrdup(given);

	if (location != NULL)
		cf_url_canonical(location);
	return location;
}

/* address_of_location finds place and key of a storage_location that was given alone. */
static void
address_of_location(Row *row)
{
	char	   *location = canonical_location(row);
	const Place *place = location == NULL ? NULL : place_of_location(row, location);

	if (place == NULL)
	{
		set_text(row, PLACE, NULL, 0);
		set_text(row, OBJECT_KEY, NULL, 0);
		return;
	}
	guard_key(row, location + place->url_length);
	set_text(row, STORAGE_LOCATION, location, strlen(location));
	set_text(row, PLACE, place->name, strlen(place->name));
	set_text(row, OBJECT_KEY, location + place->url_length, strlen(location + place->url_length));
}

/* location_of_address fills storage_location from place and key, or the key from place and location. */
static void
location_of_address(Row *row)
{
	char	   *name = get_text(row, PLACE);
	char	   *key = get_text(row, OBJECT_KEY);
	const Place *place;
	char	   *location;

	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("object_key of object \"%s\" is given without a place",
							   file_id_of(row))));
	place = place_named(row, name);
	if (key == NULL)
	{
		location = canonical_location(row);
		if (location == NULL || strncmp(location, place->url, place->url_length) != 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("place of object \"%s\" is given without an object_key",
								   file_id_of(row))));
		key = location + place->url_length;
		set_text(row, OBJECT_KEY, key, strlen(key));
	}
	guard_key(row, key);
	location = psprintf("%s%s", place->url, key);
	set_text(row, STORAGE_LOCATION, location, strlen(location));
}

/* complete_address brings place, object_key and storage_location in step; true when the object lies elsewhere now. */
static bool
complete_address(Row *row)
{
	bool		address_given = changed(row, PLACE) || changed(row, OBJECT_KEY);
	bool		location_given = changed(row, STORAGE_LOCATION);

	if (!address_given && !location_given)
		return false;
	if (address_given && (!row->nulls[PLACE] || !row->nulls[OBJECT_KEY]))
		location_of_address(row);
	else if (location_given)
		address_of_location(row);
	return true;
}

/*
 * meaning asks, once per statement and word, which tier a class of a place is, or which class its word for a
 * tier means; NULL when nobody has said.
 */
static const char *
meaning(Row *row, const Place *place, bool is_class, const char *word)
{
	uint32		bucket = hash_bytes((const unsigned char *) word, strlen(word)) % CLASS_BUCKETS;
	Lore	   *lore = row->lore;
	MemoryContext caller = CurrentMemoryContext;
	Word	   *known;
	Datum		args[3];
	Oid			user;
	int			security;

	for (known = lore->words[bucket]; known != NULL; known = known->next)
		if (known->place == place && known->is_class == is_class && strcmp(known->word, word) == 0)
			return known->value;

	args[0] = CStringGetTextDatum(place->provider);
	args[1] = CStringGetTextDatum(place->name);
	args[2] = CStringGetTextDatum(word);
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(row->table_owner, security | SECURITY_LOCAL_USERID_CHANGE);
	MemoryContextSwitchTo(lore->context);
	known = MemoryContextAllocZero(lore->context, sizeof(Word));
	known->place = place;
	known->is_class = is_class;
	known->word = MemoryContextStrdup(lore->context, word);
	cf_spi_begin();
	if (cf_spi_run(is_class ? &class_tier_plan : &tier_class_plan, args, NULL) > 0)
		known->value = cf_spi_text(0, 1);
	cf_spi_end();
	MemoryContextSwitchTo(caller);
	SetUserIdAndSecContext(user, security);
	known->next = lore->words[bucket];
	lore->words[bucket] = known;
	return known->value;
}

/* default_class is the class of an object whose class was not told. */
static const char *
default_class(Row *row, const Place *place, const char *tier)
{
	const char *class = NULL;

	/* All of a LOCAL place has one class: what its server's options say. */
	if (strcmp(place->provider, "LOCAL") != 0 && tier != NULL)
		class = meaning(row, place, false, tier);
	return class != NULL ? class : place->storage_class;
}

/* complete_class fills current_cloud, storage_class and current_tier from the place and from each other. */
static void
complete_class(Row *row, bool moved)
{
	bool		tier_given = changed(row, CURRENT_TIER);
	bool		class_given = changed(row, STORAGE_CLASS);
	char	   *name = get_text(row, PLACE);
	const char *class;
	const char *tier;
	const Place *place;

	if (name == NULL || !(moved || tier_given || class_given || changed(row, CURRENT_CLOUD)))
		return;
	place = place_named(row, name);
	set_text(row, CURRENT_CLOUD, place->provider, strlen(place->provider));
	class = get_text(row, STORAGE_CLASS);
	if (class == NULL)
	{
		class = default_class(row, place, get_text(row, CURRENT_TIER));
		if (class == NULL)
			return;
		set_text(row, STORAGE_CLASS, class, strlen(class));
	}
	tier = meaning(row, place, true, class);
	if (tier == NULL)
		return;
	if (row->is_update && tier_given && !class_given && !moved && !row->nulls[CURRENT_TIER] &&
		strcmp(tier, get_text(row, CURRENT_TIER)) != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("current_tier of object \"%s\" follows its storage class",
							   file_id_of(row)),
						errdetail("Its storage class \"%s\" is %s at place \"%s\".", class, tier, name),
						errhint("Move the object with cloudflux.migrate().")));
	set_text(row, CURRENT_TIER, tier, strlen(tier));
}

/* cf_catalog_last_segment finds the name in a path: what stands after the last slash, a slash at the end apart. */
const char *
cf_catalog_last_segment(const char *path, int *length)
{
	int			end = strlen(path);
	int			start;

	if (end > 1 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/'; start--)
		;
	*length = end - start;
	return path + start;
}

/* complete_name fills file_name from the key, and lets it follow the key if nobody chose another name. */
static void
complete_name(Row *row, bool moved)
{
	char	   *path = get_text(row, row->nulls[OBJECT_KEY] ? STORAGE_LOCATION : OBJECT_KEY);
	const char *name;
	int			length;

	if (path == NULL || !(moved || row->nulls[FILE_NAME]))
		return;
	if (!row->nulls[FILE_NAME])
	{
		char	   *now = get_text(row, FILE_NAME);
		char	   *old_key;

		if (!row->is_update || row->old_nulls[OBJECT_KEY] || changed(row, FILE_NAME))
			return;
		old_key = TextDatumGetCString(row->old_values[OBJECT_KEY]);
		name = cf_catalog_last_segment(old_key, &length);
		if (strlen(now) != length || memcmp(now, name, length) != 0)
			return;
	}
	name = cf_catalog_last_segment(path, &length);
	set_text(row, FILE_NAME, name, length);
}
