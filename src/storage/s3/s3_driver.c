/*
 * s3_driver.c
 *		Driver of Amazon S3 and compatible stores (providers AWS and S3): options, what a place can do, keys, and
 *		what every request has in common; and the table of the driver.
 *
 * A row of cf_s3_stores (s3_stores.c) tells what a store honours, as documented or seen. Where nobody knows, it claims what check_storage()
 * can try out and take away; where a store is known to ignore a condition, nothing can bring it back but an option by which
 * a person accepts the risk.
 */
#include <stdio.h>
#include <string.h>

#include "storage/identity.h"
#include "storage/s3/s3.h"

#define FETCH_MAX (INT64_C(8) * 1024 * 1024)
#define CUSTOMER_KEY_ROOM 33		/* one byte more than a key has */
#define SIGNED_BODY_MAX (1024 * 1024)	/* over https a larger body is left to TLS and to its checksum */

static bool s3_validate(const CfPlace *place, CfError *err);
static void s3_caps(const CfPlace *place, CfCaps *caps);
static bool s3_key_check(const CfPlace *place, const char *key, CfError *err);
static bool s3_credentials_check(const CfPlace *place, CfError *err);
static void s3_end(CfOp *op);
static bool option_check(const CfPlace *place, CfError *err);
static bool endpoint_check(const CfPlace *place, CfError *err);
static bool bucket_check(const CfPlace *place, CfError *err);
static bool segments_check(const char *text, const CfS3Store *store);
static bool carries_key(const char *verb);
static bool customer_key_bare(const CfPlace *place, CfError *err);
static bool customer_key_read(const CfPlace *place, uint8_t bytes[CUSTOMER_KEY_ROOM], CfError *err);
static bool signs_bodies(const CfPlace *place, const char *url);

static const char *const option_names[] = {
	"preset", "addressing", "payload_signing", "checksum", "put_max_mb", "sse", "sse_kms_key_id", "request_payer",
	"expected_bucket_owner", "restore_priority", "accept_unconditional_create", "accept_unconditional_delete", "role_arn",
	"role_session_name", "sts_endpoint", "profile", "metadata_endpoint", NULL
};

static const char *const credential_names[] = {
	"access_key_id", "secret_access_key", "session_token", "sse_customer_key", NULL
};

static const char *const source_names[] = {"environment", "file", "web_identity", "imds", "pod_identity", NULL};

static const CfRemoteChoice choices[] = {
	{"addressing", {"auto", "path", "virtual"}, NULL},
	{"payload_signing", {"auto", "always"}, NULL},
	{"checksum", {"none", "md5", "crc32c", "crc64nvme"}, NULL},
	{"sse", {"AES256", "aws:kms", "aws:kms:dsse"}, NULL},
	{"request_payer", {"requester"}, NULL},
	{"restore_priority", {"Standard", "Bulk", "Expedited"}, NULL},
	{"accept_unconditional_create", {"false", "true"}, NULL},
	{"accept_unconditional_delete", {"false", "true"}, NULL},
};

const CfDriver cf_storage_s3_driver = {
	.name = "s3",
	.validate = s3_validate,
	.caps = s3_caps,
	.key_check = s3_key_check,
	.stat = cf_remote_stat,
	.read = cf_remote_read,
	.put = cf_remote_put,
	.upload_begin = cf_s3_upload_begin,
	.upload_part = cf_remote_upload_part,
	.upload_seal = cf_remote_upload_seal,
	.upload_commit = cf_remote_upload_commit,
	.upload_abort = cf_s3_upload_abort,
	.uploads_find = cf_s3_uploads_find,
	.remove = cf_s3_remove,
	.list = cf_s3_list,
	.end = s3_end,
	.attributes = cf_s3_attributes,
	.options = option_names,
	.credentials = credential_names,
	.sources = source_names,
	.credential_next = cf_s3_credential_next,
	.fetch = cf_remote_fetch,
	.copies_from = cf_s3_copies_from,
	.copy = cf_s3_copy,
	.set_class = cf_s3_set_class,
	.class_allowed = cf_s3_class_allowed,
	.credentials_check = s3_credentials_check,
	.restore = cf_s3_restore,
	.presign = cf_s3_presign,
	.version_same = cf_s3_version_same,
	.remote = &cf_s3_remote,
	.again = cf_s3_again,
	.stranger = cf_s3_stranger,
	.version_told = cf_s3_version_told,
};

/* s3_validate looks at the options of a place. */
static bool
s3_validate(const CfPlace *place, CfError *err)
{
	size_t		prefix_bytes = strlen(place->prefix);
	const CfS3Store *store;
	const char *region;

	if (!option_check(place, err) || !cf_identity_options_check(place, err))
		return false;
	store = cf_s3_store(place);
	region = cf_s3_region(place);
	if (!bucket_check(place, err) || !endpoint_check(place, err) || !cf_s3_class_check(place, place->storage_class, err))
		return false;
	if (region == NULL || strlen(region) > 64 ||
		strspn(region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != strlen(region))
	{
		cf_error_set(err, CF_ERR_INPUT, "place \"%s\" has no valid region", place->name);
		return cf_error_hint(err, "Set the option region, as in region 'eu-central-1'.");
	}
	if (prefix_bytes > 0 && (place->prefix[prefix_bytes - 1] != '/' || prefix_bytes > CF_STORAGE_KEY_MAX / 2 ||
							 !segments_check(place->prefix, store)))
	{
		cf_error_set(err, CF_ERR_INPUT, "prefix \"%s\" of place \"%s\" cannot be used", place->prefix, place->name);
		return cf_error_hint(err, "It ends in \"/\", has at most %d bytes, and no segment that is empty, \".\" or \"..\".",
							 CF_STORAGE_KEY_MAX / 2);
	}
	return true;
}

/* option_check looks at the options that only this driver understands. */
static bool
option_check(const CfPlace *place, CfError *err)
{
	const char *preset = cf_storage_option(place, "preset");
	const char *owner = cf_storage_option(place, "expected_bucket_owner");
	const char *put_max = cf_storage_option(place, "put_max_mb");
	int64_t		number;
	bool		found = preset[0] == '\0';

	for (int i = 0; i < cf_s3_store_count; i++)
		found |= strcmp(cf_s3_stores[i].preset, preset) == 0;
	if (!found)
	{
		cf_error_set(err, CF_ERR_INPUT, "invalid value \"%s\" for option \"preset\" of place \"%s\"", preset, place->name);
		return cf_error_hint(err, "It is aws, minio, ceph, r2, b2, oracle, ibm, alibaba, wasabi, seaweedfs, versitygw, garage, gcs or generic.");
	}
	if (!cf_remote_choices_check(place, choices, sizeof(choices) / sizeof(choices[0]), err))
		return false;
	if (put_max[0] != '\0' && (!cf_remote_number(put_max, 1024, &number) || number < 1))
		return cf_error_set(err, CF_ERR_INPUT, "option \"put_max_mb\" of place \"%s\" is a number from 1 to 1024", place->name);
	if (cf_storage_option(place, "sse_kms_key_id")[0] != '\0' && strncmp(cf_storage_option(place, "sse"), "aws:kms", 7) != 0)
	{
		cf_error_set(err, CF_ERR_INPUT, "option \"sse_kms_key_id\" of place \"%s\" would not be used", place->name);
		return cf_error_hint(err, "Set the option sse to aws:kms or aws:kms:dsse as well.");
	}
	if (owner[0] != '\0' && (strlen(owner) != 12 || strspn(owner, "0123456789") != 12))
		return cf_error_set(err, CF_ERR_INPUT, "option \"expected_bucket_owner\" of place \"%s\" is an account number of 12 digits",
							place->name);
	return true;
}

/* bucket_check accepts names of buckets; what needs other requests or other signatures is refused. */
static bool
bucket_check(const CfPlace *place, CfError *err)
{
	size_t		length = strlen(place->bucket);

	if (strncmp(place->bucket, "arn:", 4) == 0 || (length > 6 && strcmp(place->bucket + length - 6, "--x-s3") == 0) ||
		(length > 5 && strcmp(place->bucket + length - 5, ".mrap") == 0) ||
		(length > 8 && strcmp(place->bucket + length - 8, "-s3alias") == 0))
	{
		cf_error_set(err, CF_ERR_UNSUPPORTED, "bucket \"%s\" of place \"%s\" is an access point or a directory bucket",
					 place->bucket, place->name);
		return cf_error_hint(err, "Access points, multi-region access points and S3 Express are not supported; name the bucket itself.");
	}
	if (length >= 3 && length <= 255 && strcmp(place->bucket, "..") != 0 &&
		strspn(place->bucket, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == length)
		return true;
	cf_error_set(err, CF_ERR_INPUT, "bucket \"%s\" of place \"%s\" is not the name of a bucket", place->bucket, place->name);
	return cf_error_hint(err, "It consists of lower-case letters, digits, \"-\" and \".\".");
}

/* endpoint_check looks at the option endpoint: a scheme and a host, nothing behind. */
static bool
endpoint_check(const CfPlace *place, CfError *err)
{
	if (place->endpoint[0] == '\0')
	{
		if (cf_s3_store(place)->endpoint != NULL)
			return true;
		cf_error_set(err, CF_ERR_INPUT, "place \"%s\" has no endpoint", place->name);
		return cf_error_hint(err, "Set the option endpoint to %s, or a preset that knows it.", cf_s3_store(place)->endpoint_form);
	}
	if (cf_remote_host(place->endpoint))
		return true;
	cf_error_set(err, CF_ERR_INPUT, "endpoint \"%s\" of place \"%s\" cannot be used", place->endpoint, place->name);
	return cf_error_hint(err, "It is https://HOST or https://HOST:PORT, without a path; the bucket has an option of its own.");
}

static void
s3_caps(const CfPlace *place, CfCaps *caps)
{
	const CfS3Store *store = cf_s3_store(place);
	CfS3Checksum checksum = cf_s3_checksum(place);

	caps->create_only = store->create_only;
	caps->conditional_delete = store->conditional_delete;
	caps->delete_hides = store->versions;
	caps->conditional_read = true;
	caps->list_sorted = store->list_sorted;
	caps->list_utf8_safe = store->list_exact;
	caps->storage_classes = store->classes;
	caps->restores = store->restores;
	caps->remote = true;
	caps->server_side_copy = !store->whole_only;
	caps->copy_conditional = !store->whole_only && (store->copy_create_only || store->join_create_only);
	caps->conditional_replace = store->classes && store->copy_replace;
	caps->parallel_parts = !store->whole_only;
	caps->digests = (checksum == CF_S3_CHECKSUM_CRC64NVME ? CF_DIGEST_CRC64NVME : 0) |
		(checksum == CF_S3_CHECKSUM_CRC32C ? CF_DIGEST_CRC32C : 0) |
		(!store->whole_only && cf_storage_option(place, "sse")[0] != 'a' ? CF_DIGEST_MD5 : 0);
	caps->part_digests = caps->digests & ~CF_DIGEST_MD5;
	if (signs_bodies(place, place->endpoint[0] == '\0' ? "https://" : place->endpoint))
		caps->part_digests |= CF_DIGEST_SHA256;
	caps->put_max_bytes = cf_s3_put_max(place);
	caps->fetch_max_bytes = FETCH_MAX;
	caps->copy_max_bytes = store->copy_create_only ? CF_S3_COPY_MAX : 0;
	caps->copy_uploads = true;
	caps->class_max_bytes = CF_S3_COPY_MAX;
	caps->max_object_bytes = store->whole_only ? caps->put_max_bytes :
		store->object_max > 0 ? store->object_max : CF_S3_PARTS_MAX * CF_S3_PART_MAX;
	caps->max_key_bytes = CF_STORAGE_KEY_MAX;
	caps->max_segment_bytes = store->segment_max;
	caps->key_folds = store->key_folds;
	caps->part_min_bytes = CF_S3_PART_MIN;
	caps->part_max_bytes = CF_S3_PART_MAX;
	caps->parts_max = store->whole_only ? 1 : CF_S3_PARTS_MAX;
}

/*
 * s3_key_check accepts keys that mean the same on every store: some fold "//", "." and "..", cut a leading "/", or take a
 * trailing one for a folder, and would overwrite another object.
 */
static bool
s3_key_check(const CfPlace *place, const char *key, CfError *err)
{
	int			segment_max = cf_s3_store(place)->segment_max;
	char		shown[CF_REMOTE_SHOWN];

	if (!cf_remote_key_check(place, key, shown, err))
		return false;
	if (key[strlen(key) - 1] != '/' && segments_check(key, cf_s3_store(place)))
		return true;
	cf_error_set(err, CF_ERR_INPUT, "key \"%s\" cannot be written to place \"%s\"", shown, place->name);
	if (segment_max > 0)
		return cf_error_detail(err, "A segment between two slashes is empty, \".\", \"..\", or has more than %d bytes%s.", segment_max,
							   (cf_s3_store(place)->key_folds & CF_FOLD_BACKSLASH) != 0 ? ", or a backslash" : "");
	return cf_error_detail(err, "A segment between two slashes is empty, \".\" or \"..\".");
}

/* segments_check looks at each segment; an empty one may only be the last, after a trailing slash. */
static bool
segments_check(const char *text, const CfS3Store *store)
{
	if ((store->key_folds & CF_FOLD_BACKSLASH) != 0 && strchr(text, '\\') != NULL)
		return false;
	do
	{
		size_t		length = strcspn(text, "/");

		if ((length == 0 && *text == '/') || (length == 1 && text[0] == '.') ||
			(length == 2 && text[0] == '.' && text[1] == '.') || (store->segment_max > 0 && length > (size_t) store->segment_max))
			return false;
		text += length;
	} while (*text++ != '\0' && *text != '\0');
	return true;
}

/* cf_s3_checksum tells by which digest the store checks what it gets. */
CfS3Checksum
cf_s3_checksum(const CfPlace *place)
{
	static const char *const names[] = {"none", "md5", "crc32c", "crc64nvme"};
	const char *value = cf_storage_option(place, "checksum");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strcmp(names[i], value) == 0)
			return (CfS3Checksum) i;
	}
	return cf_s3_store(place)->checksum;
}

/* cf_s3_put_max gives the size up to which an object goes in one request. */
int64_t
cf_s3_put_max(const CfPlace *place)
{
	int64_t		mb;

	return cf_remote_number(cf_storage_option(place, "put_max_mb"), 1024, &mb) && mb > 0 ? mb * 1024 * 1024 : CF_S3_PUT_MAX;
}

/* cf_s3_accepts tells whether a person accepted a risk by an option. */
bool
cf_s3_accepts(const CfPlace *place, const char *option)
{
	return strcmp(cf_storage_option(place, option), "true") == 0;
}

static void
s3_end(CfOp *op)
{
	if (op->state != NULL)
		cf_remote_free(op, ((CfS3State *) op->state)->parts);
	cf_remote_end(op);
}

/*
 * cf_s3_request begins the request of an operation, to the place that the state names, with what all requests have in
 * common. The query is NULL when there was no memory for it. NULL = op->err tells why.
 */
CfRequest *
cf_s3_request(CfOp *op, const char *method, const char *verb, const char *key, const char *query)
{
	const CfPlace *place = cf_remote_asked(op);
	CfRequest  *request = cf_storage_op_request(op, method, verb);

	request->url = query == NULL ? NULL : cf_s3_url(place, &op->request_arena, key, query);
	request->sign = cf_s3_sign;
	request->classify = cf_s3_classify;
	request->place = &place->net;
	if (request->url == NULL)
	{
		cf_remote_memory(op);
		return NULL;
	}
	if ((cf_storage_option(place, "request_payer")[0] != '\0' &&
		 !cf_s3_amz_header(op, "request-payer", cf_storage_option(place, "request_payer"))) ||
		(cf_storage_option(place, "expected_bucket_owner")[0] != '\0' &&
		 !cf_s3_amz_header(op, "expected-bucket-owner", cf_storage_option(place, "expected_bucket_owner"))) ||
		(carries_key(verb) && !cf_s3_customer_key(op, place, "")) || !cf_s3_body(op, NULL, 0, NULL))
		return NULL;
	return request;
}

/* carries_key tells whether a call carries bytes of an object or looks at them, so that it needs the customer's key. */
static bool
carries_key(const char *verb)
{
	static const char *const verbs[] = {
		"HeadObject", "GetObject", "PutObject", "CreateMultipartUpload", "UploadPart", "UploadPartCopy", "CopyObject", NULL
	};

	return cf_remote_among(verb, verbs);
}

/* s3_credentials_check wants both halves of a key, and a key of the customer that is one and stays secret on the way. */
static bool
s3_credentials_check(const CfPlace *place, CfError *err)
{
	bool		id = cf_credential(place->credentials, "access_key_id") != NULL;
	bool		secret = cf_credential(place->credentials, "secret_access_key") != NULL;
	uint8_t		bytes[CUSTOMER_KEY_ROOM];
	bool		good;

	if (id != secret || (!id && cf_credential(place->credentials, "session_token") != NULL))
	{
		cf_error_set(err, CF_ERR_INPUT, "credentials of place \"%s\" are not complete", place->name);
		cf_error_detail(err, "%s is missing.", id ? "secret_access_key" : "access_key_id");
		return cf_error_hint(err, "Set access_key_id and secret_access_key together, and session_token only with them.");
	}
	if (cf_credential(place->credentials, "sse_customer_key") == NULL)
		return true;
	if (strncmp(place->endpoint, "http:", 5) == 0)
		return customer_key_bare(place, err);
	good = customer_key_read(place, bytes, err);
	explicit_bzero(bytes, sizeof(bytes));
	return good;
}

/* customer_key_bare refuses to show the customer's key to everybody on the way. */
static bool
customer_key_bare(const CfPlace *place, CfError *err)
{
	cf_error_set(err, CF_ERR_INPUT, "place \"%s\" cannot be used with a key of the customer over http", place->name);
	return cf_error_hint(err, "The key goes with every request; use an endpoint with https.");
}

/* customer_key_read decodes the customer's key, which the caller wipes. */
static bool
customer_key_read(const CfPlace *place, uint8_t bytes[CUSTOMER_KEY_ROOM], CfError *err)
{
	if (cf_base64_decode(cf_credential(place->credentials, "sse_customer_key"), bytes, CUSTOMER_KEY_ROOM) == 32)
		return true;
	cf_error_set(err, CF_ERR_INPUT, "the credential sse_customer_key of place \"%s\" is not the base64 of 32 bytes", place->name);
	cf_error_detail(err, "A key of the customer (SSE-C) is one of AES-256.");
	return cf_error_hint(err, "Make one as with openssl rand -base64 32, and keep a copy: who loses it has lost the objects.");
}

/* cf_s3_customer_key adds the customer's key of a place (SSE-C), if it has one; family is "" or "copy-source-". */
bool
cf_s3_customer_key(CfOp *op, const CfPlace *place, const char *family)
{
	const char *key = cf_credential(place->credentials, "sse_customer_key");
	char		digest[CF_BASE64_BYTES(16)];
	char		names[3][80];
	uint8_t		bytes[CUSTOMER_KEY_ROOM];
	uint8_t		md5[16];
	bool		good;

	if (key == NULL)
		return true;
	if (strncmp(op->request.url, "https://", 8) != 0)
		return customer_key_bare(place, &op->err);
	good = customer_key_read(place, bytes, &op->err) &&
		(cf_md5(bytes, 32, md5) || cf_error_set(&op->err, CF_ERR_MEMORY, "could not compute an MD5"));
	explicit_bzero(bytes, sizeof(bytes));
	if (!good)
		return false;
	cf_base64_encode(md5, sizeof(md5), digest);
	snprintf(names[0], sizeof(names[0]), "%sserver-side-encryption-customer-algorithm", family);
	snprintf(names[1], sizeof(names[1]), "%sserver-side-encryption-customer-key", family);
	snprintf(names[2], sizeof(names[2]), "%sserver-side-encryption-customer-key-MD5", family);
	return cf_s3_amz_header(op, names[0], "AES256") && cf_s3_amz_header(op, names[1], key) &&
		cf_s3_amz_header(op, names[2], digest);
}

/* cf_s3_amz_header adds a header of the dialect's own family: x-amz-…, or x-goog-…. */
bool
cf_s3_amz_header(CfOp *op, const char *name, const char *value)
{
	CfRemoteText text = {.arena = &op->request_arena};

	cf_remote_text_add(&text, cf_s3_store(cf_remote_asked(op))->dialect->header);
	cf_remote_text_add(&text, name);
	if (text.failed)
	{
		cf_remote_memory(op);
		return false;
	}
	return cf_remote_header(op, text.data, value);
}

/* signs_bodies tells whether the digests of large bodies are signed too: over http nothing else protects them on their way. */
static bool
signs_bodies(const CfPlace *place, const char *url)
{
	return strncmp(url, "https://", 8) != 0 || strcmp(cf_storage_option(place, "payload_signing"), "always") == 0;
}

/* cf_s3_body gives the request its body and tells the digest that is signed; known (NULL = nothing) is what the caller has computed. */
bool
cf_s3_body(CfOp *op, const void *body, size_t length, const CfDigests *known)
{
	CfRequest  *request = &op->request;
	const CfPlace *place = cf_remote_asked(op);
	bool		sign = length <= SIGNED_BODY_MAX || signs_bodies(place, request->url);
	char		hex[CF_HEX_BYTES(32)] = "UNSIGNED-PAYLOAD";
	uint8_t		digest[32];
	CfRemoteText name = {.arena = &op->request_arena};

	if (known != NULL && (known->known & CF_DIGEST_SHA256))
		memcpy(digest, known->sha256, sizeof(digest));
	else if (sign && !cf_sha256(body == NULL ? "" : body, length, digest))
	{
		cf_remote_memory(op);
		return false;
	}
	if (sign)
		cf_hex_encode(digest, sizeof(digest), hex);
	/* The one of an empty body is there from the beginning. */
	cf_remote_text_add(&name, cf_s3_store(place)->dialect->header);
	cf_remote_text_add(&name, "content-sha256");
	for (int i = 0; !name.failed && i < request->header_count; i++)
	{
		if (strcmp(request->headers[i].name, name.data) == 0)
			request->headers[i] = request->headers[--request->header_count];
	}
	request->body = body;
	request->body_bytes = length;
	if (name.failed)
	{
		cf_remote_memory(op);
		return false;
	}
	return cf_remote_header(op, name.data, hex);
}
