/*
 * accesslog_azure_resource.c
 *		Resource logs of Azure Storage (StorageRead, StorageWrite, StorageDelete) as a diagnostic setting writes them to a
 *		container: one JSON object per line.
 *
 *		{"time": …, "category": "StorageRead", "operationName": "GetBlob", "statusCode": 200, "durationMs": 5,
 *		 "identity": {"type": …, "requester": {"upn": …, "objectId": …, "appId": …}},
 *		 "properties": {"accountName": …, "serviceType": "blob", "objectKey": "/account/container/name", "responseBodySize": n, …},
 *		 "uri": "https://account.blob.core.windows.net:443/container/name?…", …}
 *
 * The object is told by objectKey, or where that is missing by the URL, which is encoded once.
 */
#include <string.h>

#include "catalog/logjson.h"

/* user_of finds the best name of who asked; with a key of the account there is none but the account's. */
static CfAccessText
user_of(const json_t *identity, CfAccessLine *out)
{
	static const char *const names[] = {"upn", "userName", "objectId", "appId"};
	CfAccessText user = {"", 0};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && user.length == 0; i++)
		user = cf_catalog_json_keep(out, cf_catalog_json_at(identity, "requester", names[i], NULL));
	return user.length > 0 ? user : cf_catalog_json_keep(out, cf_catalog_json_at(identity, "type", NULL));
}

/* read_url makes /account/container/name of a URL; false = it is none of a blob. */
static bool
read_url(const CfAccessText *account, const CfAccessText *url, CfAccessLine *out)
{
	char		path[CF_ACCESSLOG_KEY_MAX * 4];
	const char *end = url->data + url->length;
	const char *host = url->length < 8 ? NULL : memmem(url->data, url->length, "://", 3);
	const char *at = host == NULL ? NULL : memchr(host + 3, '/', (size_t) (end - host - 3));
	const char *query;
	size_t		length;

	if (at == NULL)
		return false;
	query = memchr(at, '?', (size_t) (end - at));
	length = (size_t) ((query == NULL ? end : query) - at);
	if (length + account->length + 1 > sizeof(path))
		return false;
	path[0] = '/';
	memcpy(path + 1, account->data, account->length);
	memcpy(path + 1 + account->length, at, length);
	if (!cf_catalog_azure_object(&(CfAccessText) {path, length + account->length + 1}, out))
		return false;
	out->other_length = 0;
	return true;
}

static CfAccessFault
judge(const json_t *record, CfAccessLine *out)
{
	CfAccessText at = cf_catalog_json_text(json_object_get(record, "time"));
	CfAccessText operation = cf_catalog_json_text(json_object_get(record, "operationName"));
	const json_t *properties = json_object_get(record, "properties");
	CfAccessText service = cf_catalog_json_text(cf_catalog_json_at(properties, "serviceType", NULL));
	CfAccessText account = cf_catalog_json_text(cf_catalog_json_at(properties, "accountName", NULL));
	CfAccessText object = cf_catalog_json_text(cf_catalog_json_at(properties, "objectKey", NULL));
	CfAccessText url = cf_catalog_json_text(json_object_get(record, "uri"));
	CfAccessKind kind = cf_catalog_azure_kind(&operation);
	int64_t		status = cf_catalog_json_count(json_object_get(record, "statusCode"));

	if (operation.length == 0)
		return CF_ACCESS_BAD_MEMBER;
	if (!cf_catalog_field_iso(&at, &out->at_us))
		return CF_ACCESS_BAD_MOMENT;
	if (status < 100 || status > 999)
		return CF_ACCESS_BAD_STATUS;
	out->status = (int) status;
	out->latency_ms = cf_catalog_json_count(json_object_get(record, "durationMs"));
	if (kind == CF_ACCESS_OTHER || !cf_catalog_access_succeeded(kind, out->status) ||
		(service.length > 0 && !cf_catalog_field_is(&service, "blob")))
		return CF_ACCESS_FINE;
	if (cf_catalog_azure_object(&object, out) || read_url(&account, &url, out))
		out->kind = kind;
	out->user = user_of(json_object_get(record, "identity"), out);
	if (kind == CF_ACCESS_READ)
		out->bytes = cf_catalog_json_count(cf_catalog_json_at(properties, "responseBodySize", NULL));
	return CF_ACCESS_FINE;
}

CfAccessFault
cf_catalog_accesslog_azure_resource(const char *line, size_t length, CfAccessLine *out)
{
	json_t	   *record = cf_catalog_json_read(line, length);
	CfAccessFault fault = record == NULL ? CF_ACCESS_BAD_JSON : judge(record, out);

	json_decref(record);
	return fault;
}
