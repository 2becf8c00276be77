/*
 * accesslog_azure.c
 *		Storage Analytics logs of Azure, versions 1.0 and 2.0: fields divided by semicolons.
 *
 *		1.0;2014-06-19T22:59:23.1967767Z;GetBlob;AnonymousSuccess;200;17;16;anonymous;;account;blob;"https://…";"/account/container/name";…
 *
 * A field that may hold a quote, a semicolon or a line end is put in quotes and HTML-encoded, so a quote inside quotes ends the
 * field. Version 2.0 has eight fields more, of which the user's names matter. The key of an object is told as
 * /account/container/name; whether a name's own escapes are those of the URL is not documented, so both readings are given, the decoded
 * one first. A line that begins with a brace is a resource log (accesslog_azure_resource.c).
 */
#include <string.h>

#include "catalog/accesslog.h"

/* Fields, from 0. */
enum
{
	VERSION = 0, START = 1, OPERATION = 2, HTTP_STATUS = 4, LATENCY = 5, REQUESTER = 8, OWNER = 9, SERVICE = 10, OBJECT = 12, SENT = 20,
	FIELDS_1 = 30, USER_OBJECT = 30, USER_NAME = 35, FIELDS_2 = 38
};

static const struct
{
	const char *operation;
	CfAccessKind kind;
}			operations[] = {
	{"GetBlob", CF_ACCESS_READ},
	{"CopyBlobSource", CF_ACCESS_READ},
	{"PutBlob", CF_ACCESS_WRITE},
	{"PutBlockList", CF_ACCESS_WRITE},
	{"PutBlobFromURL", CF_ACCESS_WRITE},
	{"CopyBlob", CF_ACCESS_WRITE},
	{"CopyBlobFromURL", CF_ACCESS_WRITE},
	{"CopyBlobDestination", CF_ACCESS_WRITE},
	{"AppendBlock", CF_ACCESS_WRITE},
	{"AppendBlockFromURL", CF_ACCESS_WRITE},
	{"PutPage", CF_ACCESS_WRITE},
	{"DeleteBlob", CF_ACCESS_DELETE},
};

CfAccessKind
cf_catalog_azure_kind(const CfAccessText *operation)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (cf_catalog_field_is(operation, operations[i].operation))
			return operations[i].kind;
	return CF_ACCESS_OTHER;
}

bool
cf_catalog_azure_object(const CfAccessText *path, CfAccessLine *out)
{
	const char *end = path->data + path->length;
	const char *account = path->data + 1;
	const char *container = path->length < 2 || path->data[0] != '/' ? NULL : memchr(account, '/', (size_t) (end - account));
	const char *name;
	char		decoded[CF_ACCESSLOG_KEY_MAX];
	CfAccessText raw;

	if (container++ == NULL)
		return false;
	name = memchr(container, '/', (size_t) (end - container));
	if (name++ == NULL || name == end)
		return false;
	out->account.data = cf_catalog_access_keep(out, account, (size_t) (container - account) - 1);
	out->account.length = out->account.data == NULL ? 0 : (size_t) (container - account) - 1;
	out->bucket.data = cf_catalog_access_keep(out, container, (size_t) (name - container) - 1);
	out->bucket.length = out->bucket.data == NULL ? 0 : (size_t) (name - container) - 1;
	raw = (CfAccessText) {name, (size_t) (end - name)};
	cf_catalog_access_keys(out, &(CfAccessText) {
		decoded, cf_catalog_field_decode(raw.data, raw.length, false, decoded, sizeof(decoded))
	}, &raw);
	return out->key_length > 0;
}

/* split cuts the line into fields, without the quotes; -1 = the quotes do not match. */
static int
split(const char *line, size_t length, CfAccessText fields[FIELDS_2])
{
	const char *p = line;
	const char *end = line + length;
	int			count = 0;

	for (;;)
	{
		CfAccessText field;
		const char *stop;

		if (p < end && *p == '"')
		{
			stop = memchr(p + 1, '"', (size_t) (end - p - 1));
			if (stop == NULL || (stop + 1 < end && stop[1] != ';'))
				return -1;
			field = (CfAccessText) {p + 1, (size_t) (stop - p) - 1};
			stop++;
		}
		else
		{
			stop = memchr(p, ';', (size_t) (end - p));
			stop = stop == NULL ? end : stop;
			field = (CfAccessText) {p, (size_t) (stop - p)};
		}
		if (count < FIELDS_2)
			fields[count] = field;
		count++;
		if (stop == end)
			return count;
		p = stop + 1;
	}
}

/* read_user takes who asked: a name, an id, or at least the account. */
static void
read_user(const CfAccessText *fields, int count, CfAccessLine *out)
{
	char		name[512];
	CfAccessText user = fields[REQUESTER];

	if (count >= FIELDS_2 && fields[USER_NAME].length > 0)
		user = fields[USER_NAME];
	else if (count >= FIELDS_2 && fields[USER_OBJECT].length > 0)
		user = fields[USER_OBJECT];
	user.length = cf_catalog_field_html(user.data, user.length, name, sizeof(name));
	user.data = cf_catalog_access_keep(out, name, user.length);
	if (user.data != NULL)
		out->user = user;
}

CfAccessFault
cf_catalog_accesslog_azure(const char *line, size_t length, CfAccessLine *out)
{
	CfAccessText fields[FIELDS_2];
	char		path[CF_ACCESSLOG_KEY_MAX * 4];
	CfAccessKind kind;
	int64_t		number;
	int			count;

	if (length > 0 && line[0] == '{')
		return cf_catalog_accesslog_azure_resource(line, length, out);
	count = split(line, length, fields);
	if (count < 0)
		return CF_ACCESS_BAD_QUOTES;
	if (!cf_catalog_field_is(&fields[VERSION], "1.0") && !cf_catalog_field_is(&fields[VERSION], "2.0"))
		return CF_ACCESS_BAD_VERSION;
	if (count < (fields[VERSION].data[0] == '1' ? FIELDS_1 : FIELDS_2))
		return CF_ACCESS_FEW_FIELDS;
	if (!cf_catalog_field_iso(&fields[START], &out->at_us))
		return CF_ACCESS_BAD_MOMENT;
	if (fields[HTTP_STATUS].length > 0 && !cf_catalog_field_status(&fields[HTTP_STATUS], &out->status))
		return CF_ACCESS_BAD_STATUS;
	if ((fields[LATENCY].length > 0 && !cf_catalog_field_number(&fields[LATENCY], -1, &out->latency_ms)) ||
		(fields[SENT].length > 0 && !cf_catalog_field_number(&fields[SENT], 0, &number)))
		return CF_ACCESS_BAD_NUMBER;
	kind = cf_catalog_azure_kind(&fields[OPERATION]);
	if (kind == CF_ACCESS_OTHER || !cf_catalog_field_is(&fields[SERVICE], "blob") ||
		!cf_catalog_access_succeeded(kind, out->status))
		return CF_ACCESS_FINE;
	if (cf_catalog_azure_object(&(CfAccessText) {
		path, cf_catalog_field_html(fields[OBJECT].data, fields[OBJECT].length, path, sizeof(path))
	}, out))
		out->kind = kind;
	read_user(fields, count, out);
	if (kind == CF_ACCESS_READ && fields[SENT].length > 0)
		out->bytes = number;
	return CF_ACCESS_FINE;
}
