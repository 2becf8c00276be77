/*
 * place_sql.c
 *		Whose prices apply at a place: the options of its foreign server, through the server's own caches.
 *
 * A query that prices 200,000 objects asks this for each of them, and the catalog's views would unfold and aggregate
 * the options of every server each time. Here one name is one look into the syscache.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

#include "pricing/book_sql.h"

PG_FUNCTION_INFO_V1(cloudflux_place_price);

static const char *server_option(List *options, const char *name);

/*
 * place_price(place) is (cloud, price_provider, price_region, storage_class, restore_option, egress) of a foreign server of
 * cloudflux; all NULL when there is none of that name. A bucket with Autoclass has the prices of those classes, whatever its class
 * is called; bytes that are read leave to the internet unless the place says that the server is nearer.
 */
Datum
cloudflux_place_price(PG_FUNCTION_ARGS)
{
	const char *columns[6] = {NULL};
	TupleDesc	desc;
	Datum		values[6] = {0};
	bool		nulls[6];
	char	   *place = text_to_cstring(PG_GETARG_TEXT_PP(0));
	ForeignServer *server = strlen(place) < NAMEDATALEN ? GetForeignServerByName(place, true) : NULL;
	int			i;

	desc = cf_pricing_result_desc(fcinfo, lengthof(values));
	if (server != NULL && strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, "cloudflux") == 0)
	{
		const char *cloud = server_option(server->options, "provider");
		bool		priced = cloud != NULL && (strcmp(cloud, "AWS") == 0 || strcmp(cloud, "Azure") == 0 ||
											   strcmp(cloud, "GCP") == 0);

		const char *autoclass = server_option(server->options, "autoclass");

		columns[0] = cloud;
		columns[1] = server_option(server->options, "price_provider");
		columns[2] = server_option(server->options, "price_region");
		columns[3] = server_option(server->options, "storage_class");
		columns[4] = server_option(server->options, "restore_priority");
		if (columns[4] != NULL)
			columns[4] = asc_toupper(columns[4], strlen(columns[4]));
		/* At a cloud of its own a place has that cloud's prices. */
		if (columns[1] == NULL && priced)
			columns[1] = cloud;
		if (columns[2] == NULL && priced)
			columns[2] = server_option(server->options, "region");
		if (autoclass != NULL && strcmp(autoclass, "true") == 0)
			columns[3] = psprintf("AUTOCLASS_%s", columns[3] == NULL ? "STANDARD" : columns[3]);
		columns[5] = server_option(server->options, "egress");
		if (columns[5] == NULL && columns[1] != NULL && cloud != NULL && strcmp(cloud, "LOCAL") != 0)
			columns[5] = "internet";
	}
	for (i = 0; i < lengthof(columns); i++)
	{
		nulls[i] = columns[i] == NULL;
		if (!nulls[i])
			values[i] = CStringGetTextDatum(columns[i]);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/* server_option is the value of an option, NULL when it is not set or empty. */
static const char *
server_option(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = (DefElem *) lfirst(cell);
		const char *value;

		if (strcmp(option->defname, name) != 0)
			continue;
		value = defGetString(option);
		return value[0] == '\0' ? NULL : value;
	}
	return NULL;
}
