/*
 * What stores and programs say of objects, in the formats that their makers document, becomes records in one spelling; what is something
 * else is refused with a reason, or passed over.
 */
#include "harness/tap.h"

#include "events/ingest.h"

static CfArena arena;
static CfIngestRecords records;
static CfError err;
static CfIngestMessage message;
static CfIngestShape shape = CF_INGEST_OBJECTS;
static CfIngestFormat format = CF_INGEST_AUTO;

static void
start(const char *text)
{
	cf_arena_reset(&arena);
	records = (CfIngestRecords){.arena = &arena, .sources = records.sources, .source_count = records.source_count};
	memset(&message, 0, sizeof(message));
	message.value = (CfText){text, text == NULL ? 0 : strlen(text)};
}

static void
header(const char *name, const char *value)
{
	message.headers[message.header_count].name = name;
	message.headers[message.header_count++].value = (CfText){value, value == NULL ? 0 : strlen(value)};
}

static bool
finish(void)
{
	memset(&err, 0, sizeof(err));
	return cf_ingest_parse(&message, shape, format, &records, &err);
}

static bool
take(const char *text)
{
	start(text);
	return finish();
}

/* told writes all records in one text: kind, time in seconds, data. */
static const char *
told(void)
{
	static char out[16384];
	size_t		used = 0;

	out[0] = '\0';
	for (int i = 0; i < records.count; i++)
	{
		const CfIngestRecord *record = &records.items[i];

		used += (size_t) snprintf(out + used, sizeof(out) - used, "%s%s", used > 0 ? "\n" : "", record->kind);
		if (record->time_us != CF_ENVELOPE_NO_TIME)
			used += (size_t) snprintf(out + used, sizeof(out) - used, " %lld.%06d", (long long) (record->time_us / 1000000), (int) (record->time_us % 1000000));
		used += (size_t) snprintf(out + used, sizeof(out) - used, " %.*s", (int) record->data.length, record->data.text);
		if (record->element >= 0)
			used += (size_t) snprintf(out + used, sizeof(out) - used, " [%d]", record->element);
		if (record->member != NULL)
			used += (size_t) snprintf(out + used, sizeof(out) - used, " .%s", record->member);
	}
	return out;
}

#define GIVES(text, want, title) \
	do { \
		bool good_ = take(text); \
		ok(good_, "%s: %s", title, err.message); \
		is_str(told(), want, "%s", title); \
	} while (0)

#define REFUSED(text, word, title) \
	do { \
		ok(!take(text), "%s: refused", title); \
		ok(strstr(err.message, word) != NULL, "%s: %s", title, err.message); \
		is_int(records.count, 0, "%s: nothing is left of it", title); \
	} while (0)

/* As in "Event message structure" of the documentation of S3. */
#define S3_RECORD(name, object) \
	"{\"eventVersion\":\"2.1\",\"eventSource\":\"aws:s3\",\"awsRegion\":\"us-west-2\",\"eventTime\":\"1970-01-01T00:00:01.500Z\"," \
	"\"eventName\":\"" name "\",\"userIdentity\":{\"principalId\":\"AIDAJDPLRKLG7UEXAMPLE\"},\"requestParameters\":{\"sourceIPAddress\":\"127.0.0.1\"}," \
	"\"responseElements\":{\"x-amz-request-id\":\"C3D13FE58DE4C810\"},\"s3\":{\"s3SchemaVersion\":\"1.0\",\"configurationId\":\"testConfigRule\"," \
	"\"bucket\":{\"name\":\"mybucket\",\"ownerIdentity\":{\"principalId\":\"A3NL1KOZZKExample\"},\"arn\":\"arn:aws:s3:::mybucket\"},\"object\":{" object "}}}"
#define S3(name, object) "{\"Records\":[" S3_RECORD(name, object) "]}"
#define HAPPY "\"key\":\"HappyFace.jpg\",\"size\":1024,\"eTag\":\"d41d8cd98f00b204e9800998ecf8427e\",\"sequencer\":\"0055AED6DCD90281E5\""
#define HAPPY_TOLD "\"provider\":\"AWS\",\"bucket\":\"mybucket\",\"key\":\"HappyFace.jpg\",\"etag\":\"d41d8cd98f00b204e9800998ecf8427e\"," \
	"\"user_id\":\"AIDAJDPLRKLG7UEXAMPLE\",\"size_bytes\":1024}"

static void
test_s3(void)
{
	GIVES(S3("ObjectCreated:Put", HAPPY), "created 1.500000 {" HAPPY_TOLD, "a new object of S3");
	GIVES(S3("s3:ObjectCreated:CompleteMultipartUpload", HAPPY), "created 1.500000 {" HAPPY_TOLD, "the name as MinIO writes it");
	GIVES(S3("ObjectRemoved:Delete", "\"key\":\"a\",\"sequencer\":\"0A\""),
		  "deleted 1.500000 {\"provider\":\"AWS\",\"bucket\":\"mybucket\",\"key\":\"a\",\"user_id\":\"AIDAJDPLRKLG7UEXAMPLE\"}", "a deleted one");
	GIVES(S3("ObjectRemoved:Delete", "\"key\":\"a\",\"versionId\":\"v1\""), "", "a version that goes is not the object");
	GIVES(S3("ObjectRemoved:DeleteMarkerCreated", "\"key\":\"a\",\"versionId\":\"v2\""),
		  "deleted 1.500000 {\"provider\":\"AWS\",\"bucket\":\"mybucket\",\"key\":\"a\",\"version_id\":\"v2\",\"user_id\":\"AIDAJDPLRKLG7UEXAMPLE\"}",
		  "a delete marker hides it");
	GIVES(S3("LifecycleExpiration:Delete", "\"key\":\"a\""),
		  "deleted 1.500000 {\"provider\":\"AWS\",\"bucket\":\"mybucket\",\"key\":\"a\",\"user_id\":\"AIDAJDPLRKLG7UEXAMPLE\"}", "one that expired");
	GIVES(S3("s3:ObjectAccessed:Get", "\"key\":\"a\""),
		  "accessed 1.500000 {\"provider\":\"AWS\",\"bucket\":\"mybucket\",\"key\":\"a\",\"access_type\":\"read\",\"user_id\":\"AIDAJDPLRKLG7UEXAMPLE\"}",
		  "a read, as MinIO tells it");
	GIVES(S3("ObjectTagging:Put", HAPPY), "", "tags are passed over");
	GIVES("{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\",\"Time\":\"2014-10-13T15:57:02.089Z\",\"Bucket\":\"bucketname\"}", "", "so is the test event");
	GIVES(S3("ObjectCreated:Put", "\"key\":\"red+flower+%C3%A9%2B%2F%25.jpg\",\"size\":1"),
		  "created 1.500000 {\"provider\":\"AWS\",\"bucket\":\"mybucket\",\"key\":\"red flower \xc3\xa9+/%.jpg\",\"user_id\":\"AIDAJDPLRKLG7UEXAMPLE\",\"size_bytes\":1}",
		  "keys are URL-encoded, with + for a blank");
	GIVES("{\"Records\":[" S3_RECORD("ObjectCreated:Copy", HAPPY) "," S3_RECORD("ObjectRestore:Post", HAPPY) "," S3_RECORD("ObjectCreated:Post", HAPPY) "]}",
		  "created 1.500000 {" HAPPY_TOLD "\ncreated 1.500000 {" HAPPY_TOLD, "many records in one message");
	GIVES("{\"Records\":[]}", "", "or none");
	GIVES("{\"Type\":\"Notification\",\"MessageId\":\"22b80b92\",\"TopicArn\":\"arn:aws:sns:us-west-2:123456789012:MyTopic\",\"Message\":"
		  "\"{\\\"Records\\\":[{\\\"eventSource\\\":\\\"ceph:s3\\\",\\\"eventName\\\":\\\"ObjectCreated:Put\\\",\\\"s3\\\":{\\\"bucket\\\":{\\\"name\\\":\\\"b\\\"},"
		  "\\\"object\\\":{\\\"key\\\":\\\"k\\\",\\\"size\\\":\\\"12\\\"}}}]}\"}",
		  "created {\"provider\":\"S3\",\"bucket\":\"b\",\"key\":\"k\",\"size_bytes\":12}", "in an envelope of SNS, from another store");
	GIVES("{\"version\":\"0\",\"id\":\"17793124\",\"detail-type\":\"Object Created\",\"source\":\"aws.s3\",\"account\":\"111122223333\",\"time\":\"2021-11-12T00:00:00Z\","
		  "\"region\":\"ca-central-1\",\"resources\":[\"arn:aws:s3:::b1\"],\"detail\":{\"version\":\"0\",\"bucket\":{\"name\":\"b1\"},\"object\":{\"key\":\"a+b%20c\",\"size\":5,"
		  "\"etag\":\"b1946ac92492d2347c6235b4d2611184\",\"version-id\":\"IYV3p45BT0ac8hjHg1houSdS1a.Mro8e\",\"sequencer\":\"617f08299329d189\"},\"requester\":\"123456789012\"}}",
		  "created 1636675200.000000 {\"provider\":\"AWS\",\"bucket\":\"b1\",\"key\":\"a+b%20c\",\"etag\":\"b1946ac92492d2347c6235b4d2611184\","
		  "\"version_id\":\"IYV3p45BT0ac8hjHg1houSdS1a.Mro8e\",\"user_id\":\"123456789012\",\"size_bytes\":5}", "EventBridge, whose keys are not encoded");
	GIVES("{\"detail-type\":\"Object Deleted\",\"source\":\"aws.s3\",\"detail\":{\"bucket\":{\"name\":\"b1\"},\"object\":{\"key\":\"k\",\"version-id\":\"v\"},"
		  "\"deletion-type\":\"Delete Marker Created\"}}", "deleted {\"provider\":\"AWS\",\"bucket\":\"b1\",\"key\":\"k\"}", "its delete markers");
	GIVES("{\"detail-type\":\"Object Deleted\",\"source\":\"aws.s3\",\"detail\":{\"bucket\":{\"name\":\"b1\"},\"object\":{\"key\":\"k\",\"version-id\":\"v\"},"
		  "\"deletion-type\":\"Permanently Deleted\"}}", "", "a version that goes");
	GIVES("{\"detail-type\":\"EC2 Instance State-change\",\"source\":\"aws.ec2\",\"detail\":{}}", "", "events of others on the same bus");
	REFUSED(S3("ObjectCreated:Put", "\"size\":1"), "which object", "no key");
	REFUSED(S3("ObjectCreated:Put", "\"key\":\"%00\""), "UTF-8", "a zero byte in a key");
	REFUSED(S3("ObjectCreated:Put", "\"key\":\"%FF%FE\""), "UTF-8", "a key that is no UTF-8");
	REFUSED("{\"Records\":[" S3_RECORD("ObjectCreated:Put", HAPPY) ",7]}", "eventName", "one bad record refuses all of a message");
	REFUSED("{\"Records\":[{\"eventName\":\"ObjectCreated:Put\"}]}", "no s3", "a record without s3");
	GIVES(S3("ObjectCreated:Put", "\"key\":\"a%2\",\"size\":-5"),
		  "created 1.500000 {\"provider\":\"AWS\",\"bucket\":\"mybucket\",\"key\":\"a%2\",\"user_id\":\"AIDAJDPLRKLG7UEXAMPLE\"}", "half an escape stands for itself, a negative size for none");
	format = CF_INGEST_S3;
	GIVES(S3("ObjectCreated:Put", HAPPY), "created 1.500000 {" HAPPY_TOLD, "the format may be named");
	format = CF_INGEST_AUTO;
}

/* As in "Azure Blob Storage as Event Grid source". */
#define GRID(type, subject, data) \
	"{\"topic\":\"/subscriptions/{id}/resourceGroups/Storage/providers/Microsoft.Storage/storageAccounts/my-storage-account\"," \
	"\"subject\":\"" subject "\",\"eventType\":\"" type "\",\"eventTime\":\"2017-06-26T18:41:00.9584103Z\"," \
	"\"id\":\"831e1650-001e-001b-66ab-eeb76e069631\",\"data\":{" data "},\"dataVersion\":\"\",\"metadataVersion\":\"1\"}"
#define BLOB "/blobServices/default/containers/test-container/blobs/new file.txt"
#define BLOB_DATA "\"api\":\"PutBlockList\",\"clientRequestId\":\"6d79dbfb\",\"requestId\":\"831e1650\",\"eTag\":\"\\\"0x8D4BCC2E4835CD0\\\"\"," \
	"\"contentType\":\"text/plain\",\"contentLength\":524288,\"blobType\":\"BlockBlob\",\"accessTier\":\"Default\"," \
	"\"url\":\"https://my-storage-account.blob.core.windows.net/test-container/new%20file.txt\",\"sequencer\":\"00000000000004420000000000028963\"," \
	"\"storageDiagnostics\":{\"batchId\":\"b68529f3\"}"
#define BLOB_TOLD "\"provider\":\"Azure\",\"account\":\"my-storage-account\",\"bucket\":\"test-container\",\"key\":\"new file.txt\""
#define BLOB_MORE ",\"etag\":\"\\\"0x8D4BCC2E4835CD0\\\"\",\"content_type\":\"text/plain\",\"size_bytes\":524288}"

static void
test_azure(void)
{
	GIVES("[" GRID("Microsoft.Storage.BlobCreated", BLOB, BLOB_DATA) "]", "created 1498502460.958410 {" BLOB_TOLD BLOB_MORE, "a new blob");
	GIVES("[" GRID("Microsoft.Storage.BlobDeleted", BLOB, BLOB_DATA) "]", "deleted 1498502460.958410 {" BLOB_TOLD "}", "a deleted one");
	GIVES(GRID("Microsoft.Storage.BlobCreated", "", BLOB_DATA), "created 1498502460.958410 {" BLOB_TOLD BLOB_MORE, "alone, and told by its url");
	GIVES("[" GRID("Microsoft.Storage.BlobRenamed", "", "\"api\":\"RenameFile\",\"destinationUrl\":\"https://acc.dfs.core.windows.net/fs/new.txt\","
		  "\"sourceUrl\":\"https://acc.dfs.core.windows.net/fs/old.txt\"") "]",
		  "deleted 1498502460.958410 {\"provider\":\"Azure\",\"account\":\"acc\",\"bucket\":\"fs\",\"key\":\"old.txt\"}\n"
		  "created 1498502460.958410 {\"provider\":\"Azure\",\"account\":\"acc\",\"bucket\":\"fs\",\"key\":\"new.txt\"}", "a rename is both");
	GIVES("[" GRID("Microsoft.Storage.BlobTierChanged", BLOB, BLOB_DATA) "," GRID("Microsoft.Storage.DirectoryCreated", BLOB, BLOB_DATA) "]", "", "what concerns us not");
	GIVES("[{\"id\":\"2d\",\"topic\":\"/subscriptions/x\",\"subject\":\"\",\"data\":{\"validationCode\":\"512d38b6\"},\"eventType\":\"Microsoft.EventGrid.SubscriptionValidationEvent\","
		  "\"eventTime\":\"2018-01-25T22:12:19.4556811Z\",\"metadataVersion\":\"1\",\"dataVersion\":\"1\"}]", "", "the handshake of a subscription");
	GIVES("{\"specversion\":\"1.0\",\"source\":\"/subscriptions/{id}/resourceGroups/Storage/providers/Microsoft.Storage/storageAccounts/my-storage-account\","
		  "\"type\":\"Microsoft.Storage.BlobCreated\",\"subject\":\"" BLOB "\",\"time\":\"2017-06-26T18:41:00.9584103Z\",\"id\":\"9aeb0fdf\",\"data\":{"
		  "\"contentLength\":3,\"accessTier\":\"Cool\",\"url\":\"https://my-storage-account.blob.core.windows.net/test-container/new%20file.txt\"}}",
		  "created 1498502460.958410 {" BLOB_TOLD ",\"storage_class\":\"Cool\",\"size_bytes\":3}", "as a CloudEvent");
	format = CF_INGEST_EVENTGRID;
	GIVES("[" GRID("Microsoft.Storage.BlobDeleted", BLOB, BLOB_DATA) "]", "deleted 1498502460.958410 {" BLOB_TOLD "}", "the format may be named");
	GIVES("{\"specversion\":\"1.0\",\"source\":\"s\",\"id\":\"1\",\"type\":\"other\",\"data\":{}}", "", "and means either schema");
	REFUSED("[{\"data\":{}}]", "eventType", "an event without a type");
	format = CF_INGEST_AUTO;
	REFUSED(GRID("Microsoft.Storage.BlobCreated", BLOB, "\"url\":\"https://host\""), "URL", "a URL without a blob");
	REFUSED(GRID("Microsoft.Storage.BlobCreated", BLOB, "\"url\":\"https://host//k\""), "URL", "a URL without a container");
	REFUSED(GRID("Microsoft.Storage.BlobCreated", BLOB, "\"url\":\"https://host/c/%ff\""), "URL", "a URL that is no UTF-8");
	REFUSED(GRID("Microsoft.Storage.BlobCreated", BLOB, "\"contentLength\":1"), "URL", "no URL");
}

/* As in "Pub/Sub notifications for Cloud Storage". */
#define GCS_OBJECT "{\"kind\":\"storage#object\",\"id\":\"bkt/a b.txt/1662137480\",\"selfLink\":\"https://www.googleapis.com/storage/v1/b/bkt/o/a%20b.txt\"," \
	"\"name\":\"a b.txt\",\"bucket\":\"bkt\",\"generation\":\"1662137480\",\"metageneration\":\"1\",\"contentType\":\"text/plain\"," \
	"\"timeCreated\":\"2022-09-02T16:51:20.500Z\",\"updated\":\"2022-09-02T16:51:20.500Z\",\"storageClass\":\"STANDARD\",\"size\":\"1024\"," \
	"\"md5Hash\":\"CY9rzUYh03PK3k6DJie09g==\",\"crc32c\":\"7q5Ydg==\",\"etag\":\"CIiu/u+Z9vkCEAE=\"}"
#define GCS_TOLD "\"provider\":\"GCP\",\"bucket\":\"bkt\",\"key\":\"a b.txt\""
#define GCS_MORE ",\"etag\":\"CIiu/u+Z9vkCEAE=\",\"version_id\":\"1662137480\",\"content_type\":\"text/plain\",\"storage_class\":\"STANDARD\",\"size_bytes\":1024}"

static void
attributes(const char *event)
{
	header("notificationConfig", "projects/_/buckets/bkt/notificationConfigs/3");
	header("EVENTTYPE", event);
	header("payloadFormat", "JSON_API_V1");
	header("bucketId", "bkt");
	header("objectId", "a b.txt");
	header("objectGeneration", "1662137480");
	header("eventTime", "2022-09-02T16:51:21.000000Z");
}

static void
test_gcs(void)
{
	start(GCS_OBJECT);
	attributes("OBJECT_FINALIZE");
	ok(finish(), "a new object of GCS, its attributes in headers: %s", err.message);
	is_str(told(), "created 1662137480.500000 {" GCS_TOLD GCS_MORE, "says what it is");
	start(GCS_OBJECT);
	attributes("OBJECT_DELETE");
	ok(finish(), "a deleted one");
	is_str(told(), "deleted 1662137481.000000 {" GCS_TOLD ",\"etag\":\"CIiu/u+Z9vkCEAE=\",\"version_id\":\"1662137480\"}", "with the generation that went");
	start(GCS_OBJECT);
	attributes("OBJECT_DELETE");
	header("overwrittenByGeneration", "1662137481");
	ok(finish() && records.count == 0, "one that was overwritten is not gone");
	start(GCS_OBJECT);
	attributes("OBJECT_METADATA_UPDATE");
	ok(finish() && records.count == 0, "metadata are passed over");
	start(NULL);
	attributes("OBJECT_FINALIZE");
	ok(finish(), "attributes alone");
	is_str(told(), "created 1662137481.000000 {" GCS_TOLD ",\"version_id\":\"1662137480\"}", "do");
	start(NULL);
	attributes("OBJECT_ARCHIVE");
	ok(finish(), "an archived one");
	is_str(told(), "deleted 1662137481.000000 {" GCS_TOLD ",\"version_id\":\"1662137480\"}", "is not the live one any more");
	start(NULL);
	attributes("OBJECT_METADATA_UPDATE");
	ok(finish() && records.count == 0, "metadata again");
	GIVES("{\"message\":{\"attributes\":{\"eventType\":\"OBJECT_FINALIZE\",\"bucketId\":\"bkt\",\"objectId\":\"k\",\"eventTime\":\"2022-09-02T16:51:21Z\"},\"data\":"
		  "\"eyJuYW1lIjoiayIsImJ1Y2tldCI6ImJrdCIsInNpemUiOiI3In0=\",\"messageId\":\"1\"},\"subscription\":\"projects/p/subscriptions/s\"}",
		  "created 1662137481.000000 {\"provider\":\"GCP\",\"bucket\":\"bkt\",\"key\":\"k\",\"size_bytes\":7}", "in the envelope of a push");
	GIVES("{\"attributes\":{\"eventType\":\"OBJECT_DELETE\",\"bucketId\":\"bkt\",\"objectId\":\"k\"},\"messageId\":\"1\"}",
		  "deleted {\"provider\":\"GCP\",\"bucket\":\"bkt\",\"key\":\"k\"}", "in half of one");
	GIVES("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"//storage.googleapis.com/projects/_/buckets/bkt\",\"type\":\"google.cloud.storage.object.v1.finalized\","
		  "\"subject\":\"objects/a b.txt\",\"time\":\"2022-09-02T16:51:21Z\",\"data\":" GCS_OBJECT "}", "created 1662137480.500000 {" GCS_TOLD GCS_MORE, "as a CloudEvent of Eventarc");
	GIVES("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"google.cloud.storage.object.v1.deleted\",\"time\":\"2022-09-02T16:51:21Z\",\"data\":"
		  "{\"name\":\"k\",\"bucket\":\"b\"}}", "deleted 1662137481.000000 {\"provider\":\"GCP\",\"bucket\":\"b\",\"key\":\"k\"}", "deleted");
	REFUSED(GCS_OBJECT, "eventType", "an object without an event");
	REFUSED("{\"message\":{}}", "attributes", "an envelope without attributes");
	REFUSED("{\"message\":{\"attributes\":{\"eventType\":\"OBJECT_DELETE\"},\"data\":\"!!\"}}", "no JSON", "data that are no base64");
	REFUSED("{\"message\":{\"attributes\":{\"eventType\":\"OBJECT_DELETE\"}}}", "which object", "an object without a name");
	format = CF_INGEST_GCS;
	REFUSED("[]", "eventType", "another thing than the format that is named");
	GIVES("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"data\":1}", "", "CloudEvents are understood there, too");
	format = CF_INGEST_AUTO;
}

#define EVENT(source, type, data) "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"" source "\",\"type\":\"" type "\",\"time\":\"2026-11-21T12:00:00+02:00\",\"data\":" data "}"
#define CREATED "{\"place\":\"lake\",\"object_key\":\"a/b\",\"size_bytes\":7,\"storage_class\":\"HOT\",\"storage_location\":\"file:///x/a/b\"}"
#define CREATED_TOLD "created 1795255200.000000 {\"place\":\"lake\",\"object_key\":\"a/b\",\"location\":\"file:///x/a/b\",\"storage_class\":\"HOT\",\"size_bytes\":7}"

static void
test_cloudevents(void)
{
	static const char *const sources[] = {"urn:cloudflux:1:friend"};

	GIVES(EVENT("/app", "object.created", CREATED), CREATED_TOLD, "our own schema");
	GIVES("[" EVENT("/app", "object.changed", CREATED) "," EVENT("/app", "object.created", CREATED) "]", CREATED_TOLD "\n" CREATED_TOLD, "many of them in one message");
	GIVES(EVENT("/app", "object.deleted", "{\"file_id\":\"f\"}"), "deleted 1795255200.000000 {\"file_id\":\"f\"}", "deleted, by file_id");
	GIVES(EVENT("/app", "object.accessed", "{\"place\":\"p\",\"object_key\":\"k\",\"access_type\":\"write\",\"latency_ms\":2.5,\"user_id\":\"u\",\"bytes\":9,\"modified_at\":\"2026-01-01T00:00:00Z\"}"),
		  "accessed 1767225600.000000 {\"place\":\"p\",\"object_key\":\"k\",\"access_type\":\"write\",\"user_id\":\"u\",\"bytes\":9,\"latency_ms\":2.5}", "accessed");
	GIVES(EVENT("/app", "object.created", "{\"batch\":true,\"objects\":5000}"), "", "many objects that are not named");
	GIVES(EVENT("/app", "weather.changed", "{}"), "", "other types are passed over");
	GIVES(EVENT("urn:cloudflux:1:db", "object.created", CREATED), "", "what a cloudflux publishes does not come back");
	records.sources = sources;
	records.source_count = 1;
	GIVES(EVENT("urn:cloudflux:1:friend", "object.created", CREATED), CREATED_TOLD, "unless it is listened to");
	GIVES(EVENT("urn:cloudflux:1:db", "object.created", CREATED), "", "which the others are not");
	records.source_count = 0;
	GIVES("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"object.deleted\",\"data_base64\":\"eyJmaWxlX2lkIjoiZiJ9\"}", "deleted {\"file_id\":\"f\"}", "data in base64");
	start(CREATED);
	header("ce_specversion", "1.0");
	header("ce_type", "object.created");
	header("ce_source", "/app");
	header("ce_time", "2026-11-21t10:00:00z");
	ok(finish(), "in binary mode the attributes are headers: %s", err.message);
	is_str(told(), CREATED_TOLD, "and the value is the data");
	start("{}");
	header("ce_specversion", "1.0");
	header("ce_type", NULL);
	ok(!finish() && strstr(err.message, "no type") != NULL, "a header without a value tells nothing");
	GIVES(EVENT("/app", "object.deleted", "{\"file_id\":\"f\",\"sequence\":18446744073709551615}"), "deleted 1795255200.000000 {\"file_id\":\"f\"}", "a counter of 64 bits beside it");
	GIVES(EVENT("/app", "object.created", "{\"location\":1,\"place\":\"p\",\"object_key\":\"k\",\"size_bytes\":7,\"bytes\":1.5,\"sequence\":18446744073709551615}"),
		  "created 1795255200.000000 {\"place\":\"p\",\"object_key\":\"k\",\"size_bytes\":7}", "and counts are what they were");
	REFUSED(EVENT("/app", "object.created", "{\"size_bytes\":1}"), "which object", "an object that is not named");
	REFUSED(EVENT("/app", "object.created", "{\"file_id\":\"f\"}"), "which object", "a new object needs an address");
	REFUSED(EVENT("/app", "object.created", "7"), "no data", "data that are no object");
	REFUSED("{\"specversion\":\"0.3\",\"type\":\"t\",\"source\":\"s\"}", "version 1.0", "another version");
	REFUSED("{\"specversion\":\"1.0\",\"source\":\"s\"}", "no type", "no type");
	REFUSED("{\"specversion\":\"1.0\",\"source\":\"s\",\"type\":\"t\",\"data_base64\":\"e30\"}", "no JSON", "bad base64");
	REFUSED("[{\"specversion\":\"1.0\",\"source\":\"s\",\"type\":\"t\"},1]", "no CloudEvent", "an array with something else");
}

static void
test_data(void)
{
	shape = CF_INGEST_DATA;
	GIVES("{\"n\":18446744073709551616}", " {\"n\":18446744073709551616}", "a number beyond 64 bits");
	GIVES("{\"a\": [1, 2.50, null, \"x\"]}", " {\"a\": [1, 2.50, null, \"x\"]}", "data as they are, to the byte");
	GIVES("[1, 2]", " [1, 2] [0]\n [1, 2] [1]", "each element of an array");
	GIVES("7", " 7", "a number is data, too");
	GIVES(EVENT("/app", "metric", "{\"v\":1}"), "metric 1795255200.000000 " EVENT("/app", "metric", "{\"v\":1}") " .data", "of a CloudEvent its data and its type");
	GIVES("[" EVENT("/app", "m", "1") "]", "m 1795255200.000000 [" EVENT("/app", "m", "1") "] [0] .data", "in an array of them, too");
	GIVES("{\"specversion\":\"1.0\",\"source\":\"s\",\"type\":\"t\",\"data_base64\":\"MTIuNTA=\"}", "t 12.50", "and in base64");
	GIVES(EVENT("urn:cloudflux:9:x", "metric", "{\"v\":1}"), "", "not those of another cloudflux");
	REFUSED("{\"specversion\":\"1.0\",\"source\":\"s\",\"type\":\"t\"}", "no data", "a CloudEvent without data");
	format = CF_INGEST_JSON;
	GIVES(EVENT("urn:cloudflux:9:x", "t", "1"),
		  " " EVENT("urn:cloudflux:9:x", "t", "1"), "the format json takes everything as it is");
	REFUSED("", "empty", "an empty message");
	format = CF_INGEST_AUTO;
	REFUSED("", "empty", "an empty message of any format");
	shape = CF_INGEST_OBJECTS;
}

static void
test_hostile(void)
{
	static char deep[9000];
	static char wide[2000010];

	REFUSED("{", "no JSON", "half of a text");
	REFUSED("{\"a\":1}x", "no JSON", "more than a text");
	REFUSED("{\"a\":\"\\u0000\"}", "no JSON", "a zero character");
	REFUSED("{\"a\":\"\xff\"}", "no JSON", "what is no UTF-8");
	REFUSED("{\"a\":1e999}", "no JSON", "a number beyond all numbers");
	REFUSED("{\"a\":1}", "no known format", "some JSON");
	REFUSED("[]", "no known format", "an empty array");
	REFUSED("null", "no known format", "null");
	REFUSED("\"x\"", "no known format", "a text");
	memset(deep, '[', sizeof(deep) - 1);
	REFUSED(deep, "no JSON", "too deep");
	strcpy(wide, "[");
	for (int i = 0; i <= CF_INGEST_RECORDS_MAX; i++)
		memcpy(wide + 1 + 2 * i, "1,", 2);
	wide[2 * CF_INGEST_RECORDS_MAX + 2] = ']';
	shape = CF_INGEST_DATA;
	REFUSED(wide, "more than", "too many records");
	shape = CF_INGEST_OBJECTS;
	memset(wide, ',', sizeof(wide) - 1);
	REFUSED(wide, "too many", "too many values");
	REFUSED("{\"Type\":\"Notification\",\"Message\":\"{\\\"Type\\\":\\\"N\\\",\\\"Message\\\":\\\"{\\\\\\\"Type\\\\\\\":\\\\\\\"N\\\\\\\",\\\\\\\"Message\\\\\\\":\\\\\\\"x\\\\\\\"}\\\"}\"}",
			"no JSON", "envelopes down to nothing");
	is_int(records.count, 0, "and nothing is left");
}

static void
test_moments(void)
{
	static const struct
	{
		const char *text;
		const char *want;
	}			cases[] = {
		{"2026-11-21T12:00:00Z", "deleted 1795262400.000000 {\"file_id\":\"f\"}"},
		{"2026-11-21 12:00:00.1234567-0030", "deleted 1795264200.123456 {\"file_id\":\"f\"}"},
		{"2026-11-21T12:00:00", "deleted 1795262400.000000 {\"file_id\":\"f\"}"},
		{"2026-13-21T12:00:00Z", "deleted {\"file_id\":\"f\"}"},
		{"1969-12-31T23:59:59Z", "deleted {\"file_id\":\"f\"}"},
		{"2026-11-21T12:00:00+25:00", "deleted {\"file_id\":\"f\"}"},
		{"2026-11-21T12:00", "deleted {\"file_id\":\"f\"}"},
		{"yesterday", "deleted {\"file_id\":\"f\"}"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		text[512];

		snprintf(text, sizeof(text), "{\"specversion\":\"1.0\",\"source\":\"s\",\"type\":\"object.deleted\",\"time\":\"%s\",\"data\":{\"file_id\":\"f\"}}", cases[i].text);
		GIVES(text, cases[i].want, cases[i].text);
	}
}

/* Whatever allocation fails: an error, and no leak (the sanitizer looks). */
static int	allocations;

static void *
scarce(void *ctx, size_t size)
{
	(void) ctx;
	return allocations-- > 0 ? malloc(size) : NULL;
}

static void
give_back(void *ctx, void *block)
{
	(void) ctx;
	free(block);
}

static void
test_memory(void)
{
	CfAllocator allocator = {scarce, give_back, NULL};
	CfArena		small;
	bool		good = false;
	int			failures = 0;

	for (int n = 0; !good && n < 1000; n++)
	{
		CfIngestRecords out = {.arena = &small};

		allocations = n;
		cf_arena_init(&small, &allocator, 16, 0);
		start("[" EVENT("/app", "object.created", CREATED) "," EVENT("/app", "object.created", CREATED) "]");
		good = cf_ingest_parse(&message, CF_INGEST_OBJECTS, CF_INGEST_AUTO, &out, &err);
		failures += !good && err.kind == CF_ERR_MEMORY && out.count == 0;
		cf_arena_free(&small);
	}
	ok(good, "it works when there is memory");
	ok(failures > 0, "and says so when there is none (%d times)", failures);
}

int
main(void)
{
	CfIngestFormat found;

	cf_arena_init(&arena, &cf_arena_malloc, 4096, 0);
	ok(cf_ingest_format_of("gcs", &found) && found == CF_INGEST_GCS, "formats have words");
	ok(!cf_ingest_format_of("xml", &found), "which not every word is");
	test_s3();
	test_azure();
	test_gcs();
	test_cloudevents();
	test_data();
	test_hostile();
	test_moments();
	test_memory();
	cf_arena_free(&arena);
	return done_testing();
}
