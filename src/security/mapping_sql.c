/*
 * mapping_sql.c
 *		User mappings that hold sealed values: found, and judged when they are written; and files that a secret comes from.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/syscache.h"

#include "security/security_sql.h"

bool
cf_seal_mapping_find(Oid server, Oid role, List **options, const char **user)
{
	if (cf_seal_mapping_get(server, role, options))
	{
		*user = GetUserNameFromId(role, true);
		return *user != NULL;
	}
	*user = CF_SEAL_PUBLIC;
	return cf_seal_mapping_get(server, InvalidOid, options);
}

bool
cf_seal_mapping_get(Oid server, Oid role, List **options)
{
	HeapTuple	tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(role), ObjectIdGetDatum(server));
	Datum		value;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		return false;
	value = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions, &isnull);
	*options = isnull ? NIL : untransformRelOptions(value);
	ReleaseSysCache(tuple);
	return true;
}

/* Neither a clear value nor the statement that holds it may reach the log. */
void
cf_seal_mapping_check(List *options, bool (*known_name) (const char *name))
{
	char		id[CF_SEAL_KEY_ID_MAX + 1];
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *def = (DefElem *) lfirst(cell);
		bool		known = known_name(def->defname);

		if (known && cf_seal_key_id(defGetString(def), id))
			continue;
		ereport(ERROR,
				(errcode(known ? ERRCODE_INVALID_PARAMETER_VALUE : ERRCODE_FDW_INVALID_OPTION_NAME),
				 known ? errmsg("credential \"%s\" of a user mapping is not sealed", def->defname) :
				 errmsg("invalid option of a user mapping"),
				 errdetail("A user mapping holds sealed credentials only; in clear they would stand in the catalog, in dumps and in the log."),
				 errhint("Use cloudflux.set_credentials(), which seals them at once."),
				 errhidestmt(true)));
	}
}

bool
cf_seal_secret_file(const char *path, char **text, CfError *err)
{
	char	   *buffer = palloc(CF_SEAL_SECRET_MAX + 2);
	int			fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | PG_BINARY);
	struct stat st;
	ssize_t		length = -1;

	if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		cf_error_set(err, CF_ERR_INPUT, "\"%s\" is not a file", path);
	else if (fd < 0 || (length = read(fd, buffer, CF_SEAL_SECRET_MAX + 2)) < 0)
		cf_error_errno(err, errno, "could not read file", path);
	if (fd >= 0)
		CloseTransientFile(fd);
	if (length >= 0)
	{
		if (length > 0 && buffer[length - 1] == '\n')
			length--;
		if (length >= 1 && length <= CF_SEAL_SECRET_MAX && memchr(buffer, '\0', length) == NULL)
		{
			buffer[length] = '\0';
			*text = buffer;
			return true;
		}
		cf_error_set(err, CF_ERR_INPUT, "file \"%s\" does not hold a credential", path);
		cf_error_detail(err, "It is empty, longer than %d bytes, or not a text.", CF_SEAL_SECRET_MAX);
	}
	OPENSSL_cleanse(buffer, CF_SEAL_SECRET_MAX + 2);
	pfree(buffer);
	return false;
}
