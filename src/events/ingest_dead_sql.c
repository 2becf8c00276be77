/*
 * ingest_dead_sql.c
 *		Messages that were refused: kept with their bytes, and tried again when somebody asks for it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "core/spi_sql.h"
#include "core/worker.h"
#include "events/ingest_sql.h"
#include "security/security.h"

#define EPOCH_US ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)
#define RETRY_LETTERS 200

static CfSpiPlan insert_letter = {
	"INSERT INTO cloudflux.dead_letters (topic, partition, message_offset, reason, error_code, message_time, key, payload, headers)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	9, {TEXTOID, INT4OID, INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, BYTEAOID, BYTEAOID, JSONBOID}
};
static CfSpiPlan find_wanted = {
	"SELECT d.topic FROM cloudflux.dead_letters d JOIN cloudflux.ingest_topics t ON t.topic OPERATOR(pg_catalog.=) d.topic AND t.enabled"
	" WHERE d.wanted_at IS NOT NULL ORDER BY d.wanted_at, d.id LIMIT 1", 0, {0}
};
/* One message may be as large as a bytea: as many as fit into the memory of a batch, and at least one. */
static CfSpiPlan open_wanted = {
	"SELECT w.id, w.partition, w.message_offset, w.message_time, w.key, w.payload,"
	"       ARRAY(SELECT e.pair ->> 0 FROM pg_catalog.jsonb_array_elements(w.headers) WITH ORDINALITY e(pair, no) ORDER BY e.no),"
	"       ARRAY(SELECT pg_catalog.decode(e.pair ->> 1, 'base64') FROM pg_catalog.jsonb_array_elements(w.headers) WITH ORDINALITY e(pair, no) ORDER BY e.no)"
	"  FROM ("
	"  SELECT d.*, COALESCE(pg_catalog.sum(COALESCE(pg_catalog.octet_length(d.payload), 0)::int8 + COALESCE(pg_catalog.octet_length(d.key), 0))"
	"           OVER (ORDER BY d.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before"
	"    FROM (SELECT l.* FROM cloudflux.dead_letters l WHERE l.topic OPERATOR(pg_catalog.=) $1 AND l.wanted_at IS NOT NULL"
	"           ORDER BY l.id LIMIT $2 FOR UPDATE) d) w"
	" WHERE w.before <= $3 ORDER BY w.id", 3, {TEXTOID, INT8OID, INT8OID}
};
/* Not now: another topic's turn, and why. */
static CfSpiPlan postpone = {
	"UPDATE cloudflux.dead_letters d SET wanted_at = pg_catalog.clock_timestamp(), reason = COALESCE('not now: ' || $2, d.reason)"
	" WHERE d.topic OPERATOR(pg_catalog.=) $1 AND d.wanted_at IS NOT NULL", 2, {TEXTOID, TEXTOID}
};
static CfSpiPlan forget_letter = {
	"DELETE FROM cloudflux.dead_letters d WHERE d.id OPERATOR(pg_catalog.=) $1", 1, {INT8OID}
};
static CfSpiPlan refuse_again = {
	"UPDATE cloudflux.dead_letters d SET reason = $2, error_code = $3, attempts = d.attempts + 1, wanted_at = NULL"
	" WHERE d.id OPERATOR(pg_catalog.=) $1", 3, {INT8OID, TEXTOID, TEXTOID}
};

Datum
cf_ingest_words(const char *words)
{
	char	   *copy = pstrdup(words);

	if (!pg_verifymbstr(copy, (int) strlen(copy), true))
	{
		for (char *c = copy; *c != '\0'; c++)
			*c = *c & 0x80 ? '?' : *c;
	}
	return CStringGetTextDatum(copy);
}

Datum
cf_ingest_bytes(CfText given, bool *isnull)
{
	bytea	   *made;

	*isnull = given.text == NULL;
	if (*isnull)
		return (Datum) 0;
	made = palloc(VARHDRSZ + given.length);
	SET_VARSIZE(made, VARHDRSZ + given.length);
	memcpy(VARDATA(made), given.text, given.length);
	return PointerGetDatum(made);
}

/* headers_datum writes headers as [[name, base64 of the value], …]; a name is made ASCII. */
static Datum
headers_datum(const CfIngestMessage *message, bool *isnull)
{
	StringInfoData out;

	*isnull = message->header_count == 0;
	if (*isnull)
		return (Datum) 0;
	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	for (int i = 0; i < message->header_count; i++)
	{
		CfText		value = message->headers[i].value;
		char	   *name = pstrdup(message->headers[i].name);

		for (char *c = name; *c != '\0'; c++)
			*c = *c & 0x80 ? '?' : *c;
		appendStringInfoString(&out, i == 0 ? "[" : ", [");
		escape_json(&out, name);
		if (value.text != NULL)
		{
			char	   *encoded = palloc(CF_BASE64_BYTES(value.length));

			cf_base64_encode(value.text, value.length, encoded);
			appendStringInfo(&out, ", \"%s\"]", encoded);
		}
		else
			appendStringInfoString(&out, ", null]");
	}
	appendStringInfoChar(&out, ']');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data));
}

void
cf_ingest_bury(const char *topic, const CfLetter *letters, int count)
{
	for (int i = 0; i < count; i++)
	{
		const CfLetter *letter = &letters[i];
		Datum		values[9];
		bool		nulls[9] = {false};

		if (letter->reason == NULL)
			continue;
		values[0] = CStringGetTextDatum(topic);
		values[1] = Int32GetDatum(letter->partition);
		values[2] = Int64GetDatum(letter->offset);
		values[3] = cf_ingest_words(letter->reason);
		nulls[4] = letter->sqlstate == NULL;
		values[4] = nulls[4] ? (Datum) 0 : CStringGetTextDatum(letter->sqlstate);
		nulls[5] = letter->time_us < 0;
		values[5] = TimestampTzGetDatum(letter->time_us - EPOCH_US);
		values[6] = cf_ingest_bytes(letter->key, &nulls[6]);
		values[7] = cf_ingest_bytes(letter->message.value, &nulls[7]);
		values[8] = headers_datum(&letter->message, &nulls[8]);
		cf_spi_run(&insert_letter, values, nulls);
	}
}

/* text_of_bytea lends the bytes of a column; text NULL = it is null. */
static CfText
text_of_bytea(uint64 row, int column)
{
	bool		none;
	Datum		value = cf_spi_datum(row, column, &none);
	bytea	   *bytes = none ? NULL : DatumGetByteaPP(value);

	return none ? (CfText){NULL, 0} : (CfText){VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)};
}

/* read_headers is the way back of headers_datum: names and values as arrays. */
static void
read_headers(uint64 row, CfIngestMessage *message)
{
	bool		none;
	Datum	   *names;
	Datum	   *values;
	bool	   *name_nulls;
	bool	   *value_nulls;
	int			count;
	int			value_count;

	deconstruct_array(DatumGetArrayTypeP(cf_spi_datum(row, 7, &none)), TEXTOID, -1, false, TYPALIGN_INT, &names, &name_nulls, &count);
	deconstruct_array(DatumGetArrayTypeP(cf_spi_datum(row, 8, &none)), BYTEAOID, -1, false, TYPALIGN_INT, &values, &value_nulls, &value_count);
	for (int i = 0; i < count && i < value_count && message->header_count < CF_INGEST_HEADERS; i++)
	{
		int			n = message->header_count;

		if (name_nulls[i])
			continue;
		message->headers[n].name = TextDatumGetCString(names[i]);
		message->headers[n].value = value_nulls[i] ? (CfText){NULL, 0}
			: (CfText){VARDATA_ANY(DatumGetByteaPP(values[i])), VARSIZE_ANY_EXHDR(DatumGetByteaPP(values[i]))};
		message->header_count++;
	}
}

typedef struct Retry
{
	char	   *topic;
	bool		more;
	CfIngestWords *words;
} Retry;

/* settle writes down what became of the letters. */
static void
settle(const CfLetter *letters, int count)
{
	for (int i = 0; i < count; i++)
	{
		const CfLetter *letter = &letters[i];
		Datum		values[3] = {Int64GetDatum(letter->dead_id)};
		bool		nulls[3] = {false, false, letter->sqlstate == NULL};

		if (letter->reason == NULL)
		{
			cf_spi_run(&forget_letter, values, NULL);
			continue;
		}
		values[1] = cf_ingest_words(letter->reason);
		values[2] = letter->sqlstate != NULL ? CStringGetTextDatum(letter->sqlstate) : (Datum) 0;
		cf_spi_run(&refuse_again, values, nulls);
	}
}

static CfIngestOutcome
retry(void *arg)
{
	Retry	   *self = arg;
	CfIngestTarget *target;
	CfLetter   *letters;
	Datum		values[3] = {CStringGetTextDatum(self->topic), Int64GetDatum(RETRY_LETTERS), Int64GetDatum((int64) cf_kafka_ingest_memory_kb * 1024 / CF_INGEST_BATCH_SHARE)};
	int			count = (int) cf_spi_run(&open_wanted, values, NULL);

	letters = palloc0(sizeof(CfLetter) * (count + 1));
	for (int i = 0; i < count; i++)
	{
		bool		none;
		Datum		at = cf_spi_datum(i, 4, &none);

		letters[i].dead_id = cf_spi_int64(i, 1, NULL);
		letters[i].partition = (int) cf_spi_int64(i, 2, NULL);
		letters[i].offset = cf_spi_int64(i, 3, NULL);
		letters[i].time_us = none ? -1 : DatumGetTimestampTz(at) + EPOCH_US;
		letters[i].key = text_of_bytea(i, 5);
		letters[i].message.value = text_of_bytea(i, 6);
		read_headers(i, &letters[i].message);
	}
	target = cf_ingest_target(self->topic, self->words);
	if (target == NULL)
		return self->words->detail[0] != '\0' ? CF_INGEST_LATER : CF_INGEST_MOVED;
	if (!cf_ingest_letters(target, letters, count, self->words))
		return CF_INGEST_LATER;
	settle(letters, count);
	return CF_INGEST_DONE;
}

CfIngestOutcome
cf_ingest_retry(char topic[CF_TOPIC_BYTES], bool *more, CfIngestWords *words)
{
	Retry		self = {.words = words};
	CfIngestOutcome outcome = CF_INGEST_DONE;

	words->detail[0] = words->hint[0] = topic[0] = '\0';
	cf_worker_begin("trying dead letters again");
	cf_spi_begin();
	*more = cf_spi_run(&find_wanted, NULL, NULL) > 0;
	if (*more)
	{
		self.topic = cf_spi_text(0, 1);
		strlcpy(topic, self.topic, CF_TOPIC_BYTES);
		outcome = cf_ingest_guarded(retry, &self, words);
		if (outcome != CF_INGEST_DONE)
		{
			Datum		values[] = {CStringGetTextDatum(topic), cf_ingest_words(words->detail)};
			bool		nulls[] = {false, words->detail[0] == '\0'};

			cf_spi_run(&postpone, values, nulls);
		}
	}
	cf_spi_end();
	cf_worker_commit();
	return outcome;
}
