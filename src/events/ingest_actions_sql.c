/*
 * ingest_actions_sql.c
 *		What came of commands: rows of action_log, written in the transaction that does or refuses them.
 *
 * Commands run with the rights of the role that their topic is mapped to. The log is written with ours, when that role is no longer the
 * current one: nobody whose commands are logged can write there, or keep a row away.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "core/spi_sql.h"
#include "events/ingest_sql.h"

static CfSpiPlan note_refusal = {
	"SELECT cloudflux.note_refusal($1, $2, $3, $4, $5, $6, $7)", 7, {TEXTOID, INT4OID, INT8OID, BYTEAOID, BYTEAOID, TEXTOID, TEXTOID}
};

void
cf_ingest_note_done(const char *topic, Datum records, Oid array_type, Datum results, bool no_results)
{
	/* The array's type came with the extension, so there is no plan that could be kept. */
	Oid			types[3] = {TEXTOID, array_type, TEXTARRAYOID};
	Datum		values[3] = {CStringGetTextDatum(topic), records, results};
	const char	nulls[3] = {' ', ' ', no_results ? 'n' : ' '};
	int			code = SPI_execute_with_args("SELECT cloudflux.note_actions($1, $2, $3)", 3, types, values, nulls, false, 0);

	if (code < 0)
		elog(ERROR, "could not log commands of topic \"%s\": %s", topic, SPI_result_code_string(code));
}

void
cf_ingest_note_refused(const char *topic, const CfLetter *letters, int count)
{
	for (int i = 0; i < count; i++)
	{
		const CfLetter *letter = &letters[i];
		Datum		values[7];
		bool		nulls[7] = {false};

		if (letter->reason == NULL)
			continue;
		values[0] = CStringGetTextDatum(topic);
		values[1] = Int32GetDatum(letter->partition);
		values[2] = Int64GetDatum(letter->offset);
		values[3] = cf_ingest_bytes(letter->key, &nulls[3]);
		values[4] = cf_ingest_bytes(letter->message.value, &nulls[4]);
		values[5] = cf_ingest_words(letter->reason);
		nulls[6] = letter->sqlstate == NULL;
		values[6] = nulls[6] ? (Datum) 0 : CStringGetTextDatum(letter->sqlstate);
		cf_spi_run(&note_refusal, values, nulls);
	}
}
