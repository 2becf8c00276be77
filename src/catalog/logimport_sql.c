/*
 * logimport_sql.c
 *		CALL import_access_log(place, format, source, prefix, log_place): what logs tell of objects becomes rows of access_logs.
 *
 * Without log_place the source is one file of the server, with it all objects of that place whose keys begin with the source.
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/logimport_sql.h"
#include "core/core.h"
#include "core/error_sql.h"

PG_FUNCTION_INFO_V1(cloudflux_import_access_log);

static void read_arguments(CfLogImport *log, FunctionCallInfo fcinfo);
static void read_file(CfImport *import, void *arg);

/* cloudflux_import_access_log is the procedure. */
Datum
cloudflux_import_access_log(PG_FUNCTION_ARGS)
{
	CfLogImport *log = palloc0(sizeof(CfLogImport));

	CF_ABI_CHECK();
	PreventCommandIfReadOnly("CALL import_access_log()");
	cf_catalog_import_open(&log->import, fcinfo, "access log");
	read_arguments(log, fcinfo);
	cf_catalog_log_prepare(log);
	if (log->log_place[0] == '\0')
		log->reading = cf_catalog_reading_file(&log->import, "access log", log->source);
	cf_catalog_import_run(&log->import, log->log_place[0] == '\0' ? read_file : cf_catalog_log_place, log);
	PG_RETURN_VOID();
}

/* read_arguments checks format, source and, for files of the server, the right to read them. */
static void
read_arguments(CfLogImport *log, FunctionCallInfo fcinfo)
{
	char	   *format = PG_ARGISNULL(1) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(1));

	if (!cf_catalog_accesslog_format(format, &log->format))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("access log format \"%s\" is not known", format),
						errhint("Known formats: s3, apache, cloudtrail, azure, gcs.")));
	log->prefix = PG_ARGISNULL(3) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(3));
	if (log->prefix[0] == '/')
		log->prefix++;
	log->account = cf_storage_option(log->import.place, "account");
	log->log_place = PG_ARGISNULL(4) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(4));
	if (!PG_ARGISNULL(2))
		log->source = text_to_cstring(PG_GETARG_TEXT_PP(2));
	else if (log->log_place[0] != '\0')
		log->source = "";
	else
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("source of an access log cannot be NULL"),
						errhint("Give the path of a file on the server, or log_place and the beginning of keys there.")));
	if (log->log_place[0] == '\0' && !has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied to read access log \"%s\"", log->source),
						errdetail("Files of the server may be read by members of pg_read_server_files.")));
}

/* read_file reads one file of the server; the place is locked. */
static void
read_file(CfImport *import, void *arg)
{
	CfLogImport *log = arg;
	int64		rest;

	log->name = log->source;
	if (!cf_catalog_log_read(log))
		cf_error_raise(&log->reading->err);
	rest = log->read_to - cf_catalog_log_consumed(log);
	ereport(NOTICE,
			(errmsg("access log \"%s\": " INT64_FORMAT " lines, " INT64_FORMAT " accesses, " INT64_FORMAT
					" unknown keys, " INT64_FORMAT " skipped, " INT64_FORMAT " bad", log->source,
					log->total.lines, log->total.accepted, log->total.unknown_keys, log->total.skipped,
					log->total.bad)));
	if (rest > 0 && log->format != CF_ACCESSLOG_CLOUDTRAIL)
		ereport(NOTICE,
				(errmsg("the last " INT64_FORMAT " bytes of access log \"%s\" have no newline yet", rest,
						log->source),
				 errhint("They are read by the next call, once their line is complete.")));
	cf_catalog_reading_close(log->reading);
}
