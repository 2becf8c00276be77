/*
 * kinds_sql.c
 *		The foreign-data wrappers whose user mappings hold sealed values, as the rooms that own them registered.
 */
#include "postgres.h"

#include "foreign/foreign.h"

#include "security/security_sql.h"

#define KINDS_MAX 4

static const CfSealKind *kinds[KINDS_MAX];
static int	kind_count = 0;

void
cf_seal_register(const CfSealKind *kind)
{
	Assert(kind_count < KINDS_MAX);
	kinds[kind_count++] = kind;
}

const CfSealKind *
cf_seal_kind(int i)
{
	return i < kind_count ? kinds[i] : NULL;
}

const CfSealKind *
cf_seal_kind_last(void)
{
	return kinds[kind_count - 1];
}

const CfSealKind *
cf_seal_kind_named(const char *wrapper)
{
	for (int i = 0; i < kind_count; i++)
	{
		if (strcmp(kinds[i]->wrapper, wrapper) == 0)
			return kinds[i];
	}
	return NULL;
}

const CfSealKind *
cf_seal_kind_of(const ForeignServer *server)
{
	return cf_seal_kind_named(GetForeignDataWrapper(server->fdwid)->fdwname);
}
