/*
 * accesslog_gcs_audit.c
 *		Audit logs of Google Cloud Storage (Data Access), as a sink of Cloud Logging writes them to a bucket: one JSON object per line.
 *
 *		{"timestamp": …, "protoPayload": {"serviceName": "storage.googleapis.com", "methodName": "storage.objects.get",
 *		 "resourceName": "projects/_/buckets/B/objects/K", "authenticationInfo": {"principalEmail": …}, "status": {"code": n}}, …}
 *
 * They tell who asked, which usage logs do not, and neither bytes nor latency: a read counts as one of the whole object, and
 * a look at the metadata cannot be told from it. Object names are logged as they are.
 */
#include <string.h>

#include "catalog/logjson.h"

static const struct
{
	const char *method;
	CfAccessKind kind;
}			methods[] = {
	{"storage.objects.get", CF_ACCESS_READ},
	{"storage.objects.create", CF_ACCESS_WRITE},
	{"storage.objects.delete", CF_ACCESS_DELETE},
};

/* read_resource takes bucket and object out of the name of a resource. */
static bool
read_resource(const CfAccessText *resource, CfAccessLine *out)
{
	static const char before[] = "/buckets/";
	static const char between[] = "/objects/";
	const char *end = resource->data + resource->length;
	const char *bucket = resource->length == 0 ? NULL : memmem(resource->data, resource->length, before, sizeof(before) - 1);
	const char *object;

	if (bucket == NULL)
		return false;
	bucket += sizeof(before) - 1;
	object = memmem(bucket, (size_t) (end - bucket), between, sizeof(between) - 1);
	if (object == NULL)
		return false;
	out->bucket.length = (size_t) (object - bucket);
	out->bucket.data = cf_catalog_access_keep(out, bucket, out->bucket.length);
	if (out->bucket.data == NULL)
		out->bucket.length = 0;
	object += sizeof(between) - 1;
	cf_catalog_access_keys(out, &(CfAccessText) {object, (size_t) (end - object)}, &(CfAccessText) {"", 0});
	return out->key_length > 0;
}

static CfAccessFault
judge(const json_t *record, CfAccessLine *out)
{
	CfAccessText at = cf_catalog_json_text(json_object_get(record, "timestamp"));
	const json_t *payload = json_object_get(record, "protoPayload");
	CfAccessText service = cf_catalog_json_text(cf_catalog_json_at(payload, "serviceName", NULL));
	CfAccessText method = cf_catalog_json_text(cf_catalog_json_at(payload, "methodName", NULL));
	CfAccessText resource = cf_catalog_json_text(cf_catalog_json_at(payload, "resourceName", NULL));

	if (method.length == 0)
		return CF_ACCESS_BAD_MEMBER;
	if (!cf_catalog_field_iso(&at, &out->at_us))
		return CF_ACCESS_BAD_MOMENT;
	if (!cf_catalog_field_is(&service, "storage.googleapis.com") ||
		cf_catalog_json_count(cf_catalog_json_at(payload, "status", "code", NULL)) > 0)
		return CF_ACCESS_FINE;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
	{
		if (!cf_catalog_field_is(&method, methods[i].method) || !read_resource(&resource, out))
			continue;
		out->kind = methods[i].kind;
		out->user = cf_catalog_json_keep(out, cf_catalog_json_at(payload, "authenticationInfo", "principalEmail", NULL));
	}
	return CF_ACCESS_FINE;
}

CfAccessFault
cf_catalog_accesslog_gcs_audit(const char *line, size_t length, CfAccessLine *out)
{
	json_t	   *record = cf_catalog_json_read(line, length);
	CfAccessFault fault = record == NULL ? CF_ACCESS_BAD_JSON : judge(record, out);

	json_decref(record);
	return fault;
}
