/*
 * jsonb_sql.h
 *		A jsonb object out of typed values, for events: what jsonb_strip_nulls(jsonb_build_object(…)) gives, at a fraction of its
 *		price, since no type has to be looked up.
 */
#ifndef CF_CORE_JSONB_SQL_H
#define CF_CORE_JSONB_SQL_H

#include "postgres.h"

typedef struct CfJsonbField
{
	const char *key;
	Oid			type;			/* TEXTOID; INT8OID becomes a number; BYTEAOID becomes its hexadecimal digits */
	Datum		value;
	bool		isnull;			/* a null has no place in the object */
} CfJsonbField;

/* cf_jsonb_object makes the object in the current context. Keys are constants, and no two of them are the same. */
extern Datum cf_jsonb_object(const CfJsonbField *fields, int count);

#endif							/* CF_CORE_JSONB_SQL_H */
