/*
 * ingest_records_sql.c
 *		Letters into tables: what they tell becomes records, and a handler or an INSERT takes these, with the rights of the role that the
 *		topic is mapped to.
 *
 * All letters go in one subtransaction. Only when it fails it is done in halves, and these in halves, until the letters that fail alone
 * are found: they are refused with the error. An error that is not the letters' fault (a lock, a serialization failure, a full disk, a
 * table that is not there) refuses nobody: everything waits.
 *
 * Whose code runs: triggers and defaults of a user's table run as the mapped role, in a security-restricted operation, with settings that
 * are put back; constraints are checked at once, so that nothing of it runs later as somebody else.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "core/error_sql.h"
#include "core/spi_sql.h"
#include "core/worker.h"
#include "events/ingest_sql.h"

#define EPOCH_US ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)
#define RECORD_COLUMNS 8
#define ARENA_BLOCK (64 * 1024)
#define LOCK_TIMEOUT "10s"

struct CfIngestTarget
{
	const char *topic;
	const char *handler;
	const char *statement;		/* of the handler table; NULL = another one */
	CfIngestFormat format;
	CfIngestShape shape;
	bool		wants_headers;
	bool		commands;		/* what comes of records is logged */
	Oid			role;
	Oid			array_type;
	TupleDesc	record;
	CfIngestRecords records;
	CfArena		arena;
};

static CfSpiPlan find_target = {
	"SELECT t.handler, t.format, r.oid, cloudflux.ingest_problem(t), t.sources,"
	"       'cloudflux.ingest_record'::pg_catalog.regtype::pg_catalog.oid, 'cloudflux.ingest_record[]'::pg_catalog.regtype::pg_catalog.oid,"
	"       COALESCE((SELECT pg_catalog.bool_or(h.objects) FROM cloudflux.ingest_handlers h WHERE h.handler = t.handler), false)"
	"  FROM cloudflux.ingest_topics t LEFT JOIN pg_catalog.pg_roles r ON r.rolname OPERATOR(pg_catalog.=) t.run_as"
	" WHERE t.topic OPERATOR(pg_catalog.=) $1 AND t.enabled", 1, {TEXTOID}
};
static CfSpiPlan find_statement = {
	"SELECT cloudflux.ingest_statement($1)", 1, {TEXTOID}
};
static CfSpiPlan check_at_once = {
	"SET CONSTRAINTS ALL IMMEDIATE", 0, {0}
};

/* take_sources copies the names of other databases that are listened to. */
static void
take_sources(CfIngestTarget *target, Datum sources)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	const char **names;

	deconstruct_array(DatumGetArrayTypeP(sources), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	names = palloc0(sizeof(char *) * (count + 1));
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			names[target->records.source_count++] = TextDatumGetCString(elements[i]);
	}
	target->records.sources = names;
}

CfIngestTarget *
cf_ingest_target(const char *topic, CfIngestWords *words)
{
	CfIngestTarget *target = palloc0(sizeof(CfIngestTarget));
	Datum		values[] = {CStringGetTextDatum(topic)};
	CfAllocator allocator = cf_arena_context(CurrentMemoryContext);
	char	   *problem;

	words->detail[0] = words->hint[0] = '\0';
	if (cf_spi_run(&find_target, values, NULL) == 0)
		return NULL;
	problem = cf_spi_text(0, 4);
	if (problem != NULL)
	{
		snprintf(words->detail, sizeof(words->detail), "%s", problem);
		snprintf(words->hint, sizeof(words->hint), "Correct the topic's row in cloudflux.ingest_topics, or grant what is missing.");
		return NULL;
	}
	target->topic = pstrdup(topic);
	target->handler = cf_spi_text(0, 1);
	if (!cf_ingest_format_of(cf_spi_text(0, 2), &target->format))
		elog(ERROR, "unknown format of topic \"%s\"", topic);
	target->role = (Oid) cf_spi_int64(0, 3, NULL);
	take_sources(target, cf_spi_datum(0, 5, NULL));
	target->record = lookup_rowtype_tupdesc_copy((Oid) cf_spi_int64(0, 6, NULL), -1);
	target->array_type = (Oid) cf_spi_int64(0, 7, NULL);
	target->shape = cf_spi_bool(0, 8, NULL) ? CF_INGEST_OBJECTS : CF_INGEST_DATA;
	target->wants_headers = true;
	target->commands = strcmp(target->handler, "actions") == 0;
	if (strcmp(target->handler, "table") == 0)
	{
		if (target->format == CF_INGEST_AUTO)
			target->format = CF_INGEST_JSON;
		cf_spi_run(&find_statement, values, NULL);
		target->statement = cf_spi_text(0, 1);
		target->wants_headers = strstr(target->statement, "r.headers") != NULL;
	}
	cf_arena_init(&target->arena, &allocator, ARENA_BLOCK, 0);
	target->records.arena = &target->arena;
	return target;
}

/* text_of makes a text of the database's encoding out of UTF-8; what is none gets U+FFFD. An ERROR when the encoding cannot tell it. */
static text *
text_of(CfText given)
{
	char		nothing;
	size_t		room = cf_envelope_clean(given, &nothing, 0);
	char	   *clean = palloc(room + 1);
	char	   *server;

	cf_envelope_clean(given, clean, room);
	clean[room] = '\0';
	server = pg_any_to_server(clean, (int) room, PG_UTF8);
	return cstring_to_text(server);
}

/* push_text adds a key or a value to a jsonb that is being made. */
static void
push_text(JsonbParseState **state, JsonbIteratorToken what, CfText given)
{
	text	   *made = text_of(given);
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = VARDATA_ANY(made);
	value.val.string.len = (int) strnlen(VARDATA_ANY(made), VARSIZE_ANY_EXHDR(made));
	(void) pushJsonbValue(state, what, &value);
}

/* headers_of makes an object of the headers; of those with one name the last one counts. */
static Datum
headers_of(const CfIngestMessage *message)
{
	JsonbParseState *state = NULL;
	JsonbValue	none = {.type = jbvNull};

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < message->header_count; i++)
	{
		push_text(&state, WJB_KEY, (CfText){message->headers[i].name, strlen(message->headers[i].name)});
		if (message->headers[i].value.text != NULL)
			push_text(&state, WJB_VALUE, message->headers[i].value);
		else
			(void) pushJsonbValue(&state, WJB_VALUE, &none);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* document reads JSON of a message; NUL-terminated, unlike the message. */
static Jsonb *
document(CfText data)
{
	char	   *text = palloc(data.length + 1);

	memcpy(text, data.text, data.length);
	text[data.length] = '\0';
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(pg_any_to_server(text, (int) data.length, PG_UTF8))));
}

/* part_of gives the part of a document that a record is. The parser has seen it; if it is not there after all, that is an error of the letter. */
static Datum
part_of(Jsonb *whole, const CfIngestRecord *record)
{
	JsonbValue *part;

	if (record->element >= 0)
	{
		part = getIthJsonbValueFromContainer(&whole->root, (uint32) record->element);
		if (part == NULL)
			ereport(ERROR, (errcode(ERRCODE_INVALID_JSON_TEXT), errmsg("the message has no element %d", record->element)));
		whole = JsonbValueToJsonb(part);
	}
	if (record->member != NULL)
	{
		part = JB_ROOT_IS_OBJECT(whole) ? getKeyJsonValueFromContainer(&whole->root, record->member, (int) strlen(record->member), NULL) : NULL;
		if (part == NULL)
			ereport(ERROR, (errcode(ERRCODE_INVALID_JSON_TEXT), errmsg("the message has no member \"%s\"", record->member)));
		whole = JsonbValueToJsonb(part);
	}
	return JsonbPGetDatum(whole);
}

/* record_datum makes the composite value of one record, of a document that was read; it alone goes into `kept`. */
static Datum
record_datum(const CfIngestTarget *target, const CfLetter *letter, int n, Jsonb *whole, MemoryContext kept)
{
	const CfIngestRecord *record = &target->records.items[letter->first_record + n];
	int64		at_us = record->time_us != CF_ENVELOPE_NO_TIME ? record->time_us : letter->time_us;
	Datum		values[RECORD_COLUMNS];
	bool		nulls[RECORD_COLUMNS] = {false};

	values[0] = Int32GetDatum(letter->partition);
	values[1] = Int64GetDatum(letter->offset);
	values[2] = Int32GetDatum(n + 1);
	nulls[3] = at_us < 0;
	values[3] = TimestampTzGetDatum(at_us - EPOCH_US);
	nulls[4] = letter->key.text == NULL || memchr(letter->key.text, '\0', letter->key.length) != NULL;
	values[4] = nulls[4] ? (Datum) 0 : PointerGetDatum(text_of(letter->key));
	values[5] = PointerGetDatum(text_of((CfText){record->kind, strlen(record->kind)}));
	nulls[6] = !target->wants_headers || letter->message.header_count == 0;
	values[6] = nulls[6] ? (Datum) 0 : headers_of(&letter->message);
	values[7] = part_of(whole, record);
	MemoryContextSwitchTo(kept);
	return HeapTupleGetDatum(heap_form_tuple(target->record, values, nulls));
}

/* records_datum makes the array of all records of letters that are not refused; *count is how many there are. */
static Datum
records_datum(const CfIngestTarget *target, const CfLetter *letters, int letter_count, int *count)
{
	MemoryContext kept = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(kept, "ingest record", ALLOCSET_DEFAULT_SIZES);
	Datum	   *values;
	int			room = 0;

	for (int i = 0; i < letter_count; i++)
		room += letters[i].reason == NULL ? letters[i].record_count : 0;
	values = palloc(sizeof(Datum) * (room + 1));
	*count = 0;
	for (int i = 0; i < letter_count; i++)
	{
		const char *read = NULL;
		Jsonb	   *whole = NULL;

		/* What it takes to read a letter is many times what it says. */
		MemoryContextReset(scratch);
		for (int n = 0; letters[i].reason == NULL && n < letters[i].record_count; n++)
		{
			CfText		data = target->records.items[letters[i].first_record + n].data;

			MemoryContextSwitchTo(scratch);
			/* Parts of one document come one after the other. */
			if (data.text != read)
				whole = document(data);
			read = data.text;
			values[(*count)++] = record_datum(target, &letters[i], n, whole, kept);
		}
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(kept);
	MemoryContextDelete(scratch);
	return PointerGetDatum(construct_array(values, *count, target->record->tdtypeid, -1, false, TYPALIGN_DOUBLE));
}

/* run gives records to the handler; the current user is the one that the topic is mapped to. Gives what the handler returns. */
static Datum
run(const CfIngestTarget *target, Datum records, bool *isnull)
{
	Oid			types[3] = {TEXTOID, TEXTOID, target->array_type};
	Datum		values[3] = {CStringGetTextDatum(target->handler), CStringGetTextDatum(target->topic), records};
	int			code;

	*isnull = true;
	if (target->statement != NULL)
		code = SPI_execute_with_args(target->statement, 1, &types[2], &values[2], NULL, false, 0);
	else
		code = SPI_execute_with_args("SELECT cloudflux.apply_ingest($1, $2, $3)", 3, types, values, NULL, false, 0);
	if (code < 0)
		elog(ERROR, "could not run the handler of topic \"%s\": %s", target->topic, SPI_result_code_string(code));
	if (code != SPI_OK_SELECT || SPI_processed != 1)
		return (Datum) 0;
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
}

/* run_as_mapped runs the handler with the mapped role's rights, and puts user and settings back. */
static void
run_as_mapped(const CfIngestTarget *target, const CfLetter *letters, int count)
{
	int			level = NewGUCNestLevel();
	int			flags;
	int			records;
	Oid			user;
	Datum		array = records_datum(target, letters, count, &records);
	Datum		results = (Datum) 0;
	bool		no_results = true;

	if (records > 0)
	{
		(void) set_config_option("lock_timeout", LOCK_TIMEOUT, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
		GetUserIdAndSecContext(&user, &flags);
		SetUserIdAndSecContext(target->role, flags | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
		cf_worker_act_for(target->role);
		results = run(target, array, &no_results);
		cf_worker_act_for(InvalidOid);
		SetUserIdAndSecContext(user, flags);
	}
	AtEOXact_GUC(false, level);
	if (records > 0 && target->commands)
		cf_ingest_note_done(target->topic, array, target->array_type, results, no_results);
}

/* try_letters does some letters in a subtransaction; NULL = done. */
static ErrorData *
try_letters(const CfIngestTarget *target, const CfLetter *letters, int count)
{
	MemoryContext outer = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext work = AllocSetContextCreate(outer, "ingest records", ALLOCSET_DEFAULT_SIZES);
	ErrorData  *volatile failed = NULL;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		MemoryContextSwitchTo(work);
		run_as_mapped(target, letters, count);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(outer);
		failed = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		cf_worker_act_for(InvalidOid);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(outer);
	CurrentResourceOwner = owner;
	MemoryContextDelete(work);
	return failed;
}

/* is_ours tells whether an error says something about us or the moment, and nothing about the letters. */
static bool
is_ours(const CfIngestTarget *target, int code)
{
	switch (ERRCODE_TO_CATEGORY(code))
	{
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_CONNECTION_EXCEPTION:
			return true;
		default:
			break;
	}
	/* Other internal errors may come of what one letter says, and must not stop those behind it. */
	if (code == ERRCODE_LOCK_NOT_AVAILABLE || code == ERRCODE_READ_ONLY_SQL_TRANSACTION || code == ERRCODE_DATA_CORRUPTED ||
		code == ERRCODE_INDEX_CORRUPTED)
		return true;
	/* Of a table: it is not there, is another one, or may not be written. */
	return target->statement != NULL && ERRCODE_TO_CATEGORY(code) == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION;
}

/* refuse keeps what was said about a letter. */
static void
refuse(CfLetter *letter, const ErrorData *why)
{
	letter->sqlstate = pstrdup(unpack_sql_state(why->sqlerrcode));
	letter->reason = why->detail != NULL ? psprintf("%s: %s", why->message, why->detail) : pstrdup(why->message);
}

/* parse_letters reads the letters; those that cannot be read are refused. */
static void
parse_letters(CfIngestTarget *target, CfLetter *letters, int count)
{
	CfError		err;

	for (int i = 0; i < count; i++)
	{
		letters[i].first_record = target->records.count;
		if (!cf_ingest_parse(&letters[i].message, target->shape, target->format, &target->records, &err))
		{
			if (err.kind == CF_ERR_MEMORY)
				cf_error_raise(&err);
			letters[i].reason = pstrdup(err.message);
		}
		letters[i].record_count = target->records.count - letters[i].first_record;
		CHECK_FOR_INTERRUPTS();
	}
}

bool
cf_ingest_letters(CfIngestTarget *target, CfLetter *letters, int count, CfIngestWords *words)
{
	struct
	{
		int			first;
		int			count;
	}			stack[64];			/* halves of halves: 2^31 letters need 32 */
	int			depth = 0;

	cf_spi_run(&check_at_once, NULL, NULL);
	parse_letters(target, letters, count);
	stack[depth].first = 0;
	stack[depth++].count = count;
	while (depth > 0)
	{
		int			first = stack[--depth].first;
		int			some = stack[depth].count;
		ErrorData  *failed = try_letters(target, letters + first, some);

		if (failed == NULL)
			continue;
		if (is_ours(target, failed->sqlerrcode))
		{
			snprintf(words->detail, sizeof(words->detail), "%s%s%s", failed->message, failed->detail != NULL ? ": " : "", failed->detail != NULL ? failed->detail : "");
			snprintf(words->hint, sizeof(words->hint), "%s", failed->hint != NULL ? failed->hint : "");
			return false;
		}
		if (some == 1)
			refuse(&letters[first], failed);
		else
		{
			/* The first half first: what happens to one object stays in order. */
			stack[depth].first = first + some / 2;
			stack[depth++].count = some - some / 2;
			stack[depth].first = first;
			stack[depth++].count = some / 2;
		}
		FreeErrorData(failed);
	}
	if (target->commands)
		cf_ingest_note_refused(target->topic, letters, count);
	return true;
}
