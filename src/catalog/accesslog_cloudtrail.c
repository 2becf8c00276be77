/*
 * accesslog_cloudtrail.c
 *		Data events of S3 in CloudTrail: one JSON object of the array "Records" of a log file.
 *
 *		{"eventTime": "2024-05-01T12:00:00Z", "eventSource": "s3.amazonaws.com", "eventName": "GetObject",
 *		 "userIdentity": {"type": …, "arn": …, "principalId": …}, "errorCode": … (only of what failed),
 *		 "requestParameters": {"bucketName": …, "key": …, "x-amz-copy-source": "bucket/key"},
 *		 "additionalEventData": {"bytesTransferredIn": n, "bytesTransferredOut": n, …}, …}
 *
 * There is no HTTP status and no latency: what has an errorCode failed. Keys stand as they are; in some records they are
 * URL-encoded as the client sent them, so that is the second reading. A copy tells of its source as well, encoded once.
 */
#include <string.h>

#include "catalog/logjson.h"

static const struct
{
	const char *name;
	CfAccessKind kind;
}			events[] = {
	{"GetObject", CF_ACCESS_READ},
	{"SelectObjectContent", CF_ACCESS_READ},
	{"PutObject", CF_ACCESS_WRITE},
	{"PostObject", CF_ACCESS_WRITE},
	{"CopyObject", CF_ACCESS_WRITE},
	{"CompleteMultipartUpload", CF_ACCESS_WRITE},
	{"UploadPartCopy", CF_ACCESS_OTHER},	/* the part is nothing yet, but its source is read */
	{"DeleteObject", CF_ACCESS_DELETE},
};

/* user_of finds the best name of who asked. */
static CfAccessText
user_of(const json_t *identity, CfAccessLine *out)
{
	static const char *const names[] = {"arn", "principalId", "userName", "invokedBy", "accountId"};
	CfAccessText user = {"", 0};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && user.length == 0; i++)
		user = cf_catalog_json_keep(out, cf_catalog_json_at(identity, names[i], NULL));
	return user;
}

/* read_source keeps "bucket/key" of a copy, decoded; a version id behind it is of no use here. */
static void
read_source(const json_t *value, CfAccessLine *out)
{
	CfAccessText text = cf_catalog_json_text(value);
	const char *query = memchr(text.data, '?', text.length);

	if (query != NULL)
		text.length = (size_t) (query - text.data);
	if (text.length > 0 && text.data[0] == '/')
	{
		text.data++;
		text.length--;
	}
	out->source_length = cf_catalog_field_decode(text.data, text.length, true, out->source, sizeof(out->source));
}

/* judge finds out what a record tells of which object. */
static CfAccessFault
judge(const json_t *record, CfAccessLine *out)
{
	CfAccessText source = cf_catalog_json_text(json_object_get(record, "eventSource"));
	CfAccessText event = cf_catalog_json_text(json_object_get(record, "eventName"));
	CfAccessText at = cf_catalog_json_text(json_object_get(record, "eventTime"));
	const json_t *parameters = json_object_get(record, "requestParameters");
	CfAccessText key = cf_catalog_json_text(cf_catalog_json_at(parameters, "key", NULL));
	char		decoded[CF_ACCESSLOG_KEY_MAX];
	size_t		i = 0;

	if (event.length == 0 || source.length == 0)
		return CF_ACCESS_BAD_MEMBER;
	if (!cf_catalog_field_iso(&at, &out->at_us))
		return CF_ACCESS_BAD_MOMENT;
	out->bucket = cf_catalog_json_keep(out, cf_catalog_json_at(parameters, "bucketName", NULL));
	while (i < sizeof(events) / sizeof(events[0]) && !cf_catalog_field_is(&event, events[i].name))
		i++;
	if (i == sizeof(events) / sizeof(events[0]) || !cf_catalog_field_is(&source, "s3.amazonaws.com") ||
		cf_catalog_json_text(json_object_get(record, "errorCode")).length > 0)
		return CF_ACCESS_FINE;
	out->user = user_of(json_object_get(record, "userIdentity"), out);
	if (events[i].kind == CF_ACCESS_READ)
		out->bytes = cf_catalog_json_count(cf_catalog_json_at(record, "additionalEventData", "bytesTransferredOut", NULL));
	read_source(cf_catalog_json_at(parameters, "x-amz-copy-source", NULL), out);
	if (events[i].kind == CF_ACCESS_OTHER)
		return CF_ACCESS_FINE;
	cf_catalog_access_keys(out, &key, &(CfAccessText) {
		decoded, cf_catalog_field_decode(key.data, key.length, true, decoded, sizeof(decoded))
	});
	if (out->key_length > 0)
		out->kind = events[i].kind;
	return CF_ACCESS_FINE;
}

CfAccessFault
cf_catalog_accesslog_cloudtrail(const char *line, size_t length, CfAccessLine *out)
{
	json_t	   *record = cf_catalog_json_read(line, length);
	CfAccessFault fault = record == NULL ? CF_ACCESS_BAD_JSON : judge(record, out);

	json_decref(record);
	return fault;
}
