/*
 * ingest_plan_sql.c
 *		What the ingester is to read, and what it says of itself.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/error_sql.h"
#include "core/spi_sql.h"
#include "core/worker.h"
#include "events/ingest_sql.h"

static CfSpiPlan find_topics = {
	"SELECT t.topic, pg_catalog.hashtextextended(t::pg_catalog.text, 0) #"
	"       COALESCE((SELECT pg_catalog.sum(p.generation) FROM cloudflux.ingest_positions p WHERE p.topic OPERATOR(pg_catalog.=) t.topic), 0)::int8"
	"  FROM cloudflux.ingest_topics t WHERE t.enabled ORDER BY t.topic", 0, {0}
};
static CfSpiPlan plan_parts = {
	"SELECT p.topic, p.partition, p.from_offset, p.generation, p.last_offset, p.last_digest"
	"  FROM cloudflux.plan_ingest($1, $2, $3, $4) p ORDER BY p.topic COLLATE \"C\", p.partition",
	4, {TEXTARRAYOID, INT4ARRAYOID, INT8ARRAYOID, INT8ARRAYOID}
};
static CfSpiPlan say_state = {
	/* Looked for first: even a conflict that changes nothing would write. */
	"INSERT INTO cloudflux.ingest_states AS s (topic, state, detail, hint, failures)"
	" SELECT t.topic, $2, $3, $4, CASE $2 WHEN 'reading' THEN 0 ELSE 1 END FROM cloudflux.ingest_topics t"
	"  WHERE t.enabled AND (t.topic OPERATOR(pg_catalog.=) $1 OR $1 IS NULL) AND NOT EXISTS ("
	"   SELECT FROM cloudflux.ingest_states h WHERE h.topic OPERATOR(pg_catalog.=) t.topic AND (h.state, h.detail) IS NOT DISTINCT FROM ($2, $3))"
	"  ORDER BY t.topic"
	" ON CONFLICT (topic) DO UPDATE SET state = excluded.state, detail = excluded.detail, hint = excluded.hint,"
	"    since = CASE WHEN s.state OPERATOR(pg_catalog.=) excluded.state THEN s.since ELSE excluded.since END,"
	"    failures = s.failures OPERATOR(pg_catalog.+) excluded.failures",
	4, {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};
static CfSpiPlan stop_part = {
	"UPDATE cloudflux.ingest_positions p SET state = 'stopped', detail = $4, hint = $5, state_since = pg_catalog.clock_timestamp()"
	" WHERE p.topic OPERATOR(pg_catalog.=) $1 AND p.partition OPERATOR(pg_catalog.=) $2 AND p.generation OPERATOR(pg_catalog.=) $3",
	5, {TEXTOID, INT4OID, INT4OID, TEXTOID, TEXTOID}
};

int
cf_ingest_topics(CfConsumerTopic **topics, uint64 *digest)
{
	MemoryContext outer = CurrentMemoryContext;
	int			count;

	*digest = 0;
	cf_worker_begin("looking for topics to ingest");
	cf_spi_begin();
	count = (int) cf_spi_run(&find_topics, NULL, NULL);
	*topics = MemoryContextAllocZero(outer, sizeof(CfConsumerTopic) * (count + 1));
	for (int i = 0; i < count; i++)
	{
		(*topics)[i].name = MemoryContextStrdup(outer, cf_spi_text(i, 1));
		*digest = hash_combine64(*digest, (uint64) cf_spi_int64(i, 2, NULL));
	}
	cf_spi_end();
	cf_worker_commit();
	return count;
}

/* array_of makes an array of one column of what was found. */
static Datum
array_of(const CfConsumerTask *found, const bool *wanted, int column)
{
	static const Oid types[] = {TEXTOID, INT4OID, INT8OID, INT8OID};
	Datum	   *values = palloc(sizeof(Datum) * (found->part_count + 1));
	int			n = 0;

	for (int i = 0; i < found->part_count; i++)
	{
		const CfConsumerPart *part = &found->parts[i];

		if (!wanted[i])
			continue;
		values[n++] = column == 0 ? CStringGetTextDatum(part->topic) : column == 1 ? Int32GetDatum(part->partition)
			: Int64GetDatum(column == 2 ? part->low : part->high);
	}
	return PointerGetDatum(construct_array(values, n, types[column], column == 0 ? -1 : column == 1 ? 4 : 8, column > 1 ? FLOAT8PASSBYVAL : column == 1,
										   column < 2 ? TYPALIGN_INT : TYPALIGN_DOUBLE));
}

void
cf_ingest_plan(const CfConsumerTask *found, bool (*skip) (const char *topic), MemoryContext context, CfIngestPlan *plan)
{
	Datum		values[4];
	bool	   *wanted;

	cf_worker_begin("planning what to ingest");
	wanted = palloc(found->part_count + 1);
	for (int i = 0; i < found->part_count; i++)
		wanted[i] = !skip(found->parts[i].topic);
	for (int i = 0; i < 4; i++)
		values[i] = array_of(found, wanted, i);
	cf_spi_begin();
	plan->count = (int) cf_spi_run(&plan_parts, values, NULL);
	plan->parts = MemoryContextAllocZero(context, sizeof(CfIngestPart) * (plan->count + 1));
	for (int i = 0; i < plan->count; i++)
	{
		CfIngestPart *part = &plan->parts[i];
		char	   *last_digest = cf_spi_text(i, 6);
		bool		none;

		part->topic = MemoryContextStrdup(context, cf_spi_text(i, 1));
		part->partition = (int) cf_spi_int64(i, 2, NULL);
		part->position = cf_spi_int64(i, 3, NULL);
		part->generation = (int32) cf_spi_int64(i, 4, NULL);
		part->last_offset = cf_spi_int64(i, 5, &none);
		part->doubted = !none && last_digest != NULL;
		if (part->doubted)
			strlcpy(part->last_digest, last_digest, CF_DIGEST_BYTES);
		else
			part->last_offset = -1;
	}
	cf_spi_end();
	cf_worker_commit();
}

CfIngestPart *
cf_ingest_find(const CfIngestPlan *plan, const char *topic, int partition)
{
	int			low = 0,
				high = plan->count - 1;

	while (low <= high)
	{
		int			middle = (low + high) / 2;
		int			order = strcmp(plan->parts[middle].topic, topic);

		if (order == 0)
			order = plan->parts[middle].partition - partition;
		if (order == 0)
			return &plan->parts[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return NULL;
}

static Datum
text_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL || text[0] == '\0';
	return *isnull ? (Datum) 0 : CStringGetTextDatum(text);
}

void
cf_ingest_say(const char *topic, const char *state, const char *detail, const char *hint)
{
	Datum		values[4];
	bool		nulls[4] = {false};
	bool		changed;

	cf_worker_begin("telling the state of ingesting");
	values[0] = text_or_null(topic, &nulls[0]);
	values[1] = CStringGetTextDatum(state);
	values[2] = text_or_null(detail, &nulls[2]);
	values[3] = text_or_null(hint, &nulls[3]);
	cf_spi_begin();
	changed = cf_spi_run(&say_state, values, nulls) > 0;
	cf_spi_end();
	cf_worker_commit();
	if (changed && strcmp(state, "reading") != 0)
		ereport(LOG, (errmsg("cloudflux does not ingest %s%s%s from Kafka", topic != NULL ? "topic \"" : "topics", topic != NULL ? topic : "",
							 topic != NULL ? "\"" : ""), errdetail_internal("%s", detail != NULL ? detail : "")));
}

void
cf_ingest_stop_part(const CfIngestPart *part, const char *detail, const char *hint)
{
	Datum		values[5];

	cf_worker_begin("stopping to ingest a partition");
	values[0] = CStringGetTextDatum(part->topic);
	values[1] = Int32GetDatum(part->partition);
	values[2] = Int32GetDatum(part->generation);
	values[3] = CStringGetTextDatum(detail);
	values[4] = CStringGetTextDatum(hint);
	cf_spi_begin();
	cf_spi_run(&stop_part, values, NULL);
	cf_spi_end();
	cf_worker_commit();
	ereport(LOG, (errmsg("cloudflux has stopped ingesting partition %d of topic \"%s\"", part->partition, part->topic),
				  errdetail_internal("%s", detail), errhint("%s", hint)));
}
