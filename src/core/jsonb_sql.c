/*
 * jsonb_sql.c
 *		A jsonb object out of typed values.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "core/jsonb_sql.h"

/* set_string makes a string of jsonb that points to its bytes. */
static void
set_string(JsonbValue *value, const char *bytes, int length)
{
	value->type = jbvString;
	value->val.string.val = unconstify(char *, bytes);
	value->val.string.len = length;
}

/* set_value makes a value of jsonb out of a field. */
static void
set_value(JsonbValue *value, const CfJsonbField *field)
{
	struct varlena *bytes;
	char	   *digits;

	switch (field->type)
	{
		case TEXTOID:
			bytes = PG_DETOAST_DATUM_PACKED(field->value);
			set_string(value, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
			break;
		case BYTEAOID:
			bytes = PG_DETOAST_DATUM_PACKED(field->value);
			digits = palloc(VARSIZE_ANY_EXHDR(bytes) * 2 + 1);
			set_string(value, digits, (int) hex_encode(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), digits));
			break;
		case INT8OID:
			value->type = jbvNumeric;
			value->val.numeric = int64_to_numeric(DatumGetInt64(field->value));
			break;
		default:
			elog(ERROR, "field \"%s\" of an object has type %u", field->key, field->type);
	}
}

Datum
cf_jsonb_object(const CfJsonbField *fields, int count)
{
	JsonbParseState *state = NULL;
	JsonbValue *object;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < count; i++)
	{
		JsonbValue	key;
		JsonbValue	value;

		if (fields[i].isnull)
			continue;
		set_string(&key, fields[i].key, strlen(fields[i].key));
		(void) pushJsonbValue(&state, WJB_KEY, &key);
		set_value(&value, &fields[i]);
		(void) pushJsonbValue(&state, WJB_VALUE, &value);
	}
	object = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(object));
}
