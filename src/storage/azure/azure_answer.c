/*
 * azure_answer.c
 *		Reading answers: what they mean to the engine, what an error means to the user, what the headers say of a blob.
 *
 * The error code is in the header x-ms-error-code (HEAD has no body), else in the body's XML. A table turns codes into kinds;
 * what it does not know is judged by the status. Texts of the service go into the detail, but never of 401 and 403: those
 * repeat what was signed.
 */
#include <stdio.h>
#include <string.h>

#include "storage/azure/azure.h"
#include "storage/utf8.h"
#include "storage/xml.h"

#define SKEW_US INT64_C(300000000)	/* Azure refuses requests whose date is 15 minutes off */

static const CfRemoteCode codes[] = {
	{"BlobNotFound", CF_ERR_NOT_FOUND, CF_NET_FINAL, ""},
	{"ResourceNotFound", CF_ERR_NOT_FOUND, CF_NET_FINAL, ""},
	{"ContainerNotFound", CF_ERR_STATE, CF_NET_FINAL, "The container does not exist; create it, or correct the option bucket of the place."},
	{"ContainerBeingDeleted", CF_ERR_STATE, CF_NET_RETRY, "Somebody deletes the container."},
	{"ContainerDisabled", CF_ERR_STATE, CF_NET_FINAL, ""},
	{"BlobAlreadyExists", CF_ERR_EXISTS, CF_NET_FINAL, ""},
	{"ConditionNotMet", CF_ERR_CHANGED, CF_NET_FINAL, ""},
	{"SourceConditionNotMet", CF_ERR_CHANGED, CF_NET_FINAL, ""},
	{"BlobArchived", CF_ERR_STATE, CF_NET_FINAL, "Restore the object first; that takes hours."},
	{"BlobBeingRehydrated", CF_ERR_STATE, CF_NET_RETRY, "The object is being restored; that takes hours."},
	{"BlobImmutableDueToPolicy", CF_ERR_STATE, CF_NET_FINAL, "A retention policy or legal hold protects it."},
	{"SnapshotsPresent", CF_ERR_STATE, CF_NET_FINAL, "Snapshots hang on it; they are never deleted with it."},
	{"LeaseIdMissing", CF_ERR_STATE, CF_NET_FINAL, "Somebody holds a lease on it."},
	{"LeaseAlreadyPresent", CF_ERR_STATE, CF_NET_FINAL, "Somebody holds a lease on it."},
	{"InvalidBlobOrBlock", CF_ERR_BUSY, CF_NET_RETRY,
	"Another program has begun an upload to this name, with block ids of another length. Wait until it is finished; Azure forgets what is not finished after a week."},
	{"Md5Mismatch", CF_ERR_IO, CF_NET_RETRY, "The bytes were damaged on their way."},
	{"Crc64Mismatch", CF_ERR_IO, CF_NET_RETRY, "The bytes were damaged on their way."},
	{"InvalidBlockList", CF_ERR_STATE, CF_NET_FINAL, "Blocks of the upload are gone: somebody else wrote to this name, or a week has passed."},
	{"AuthenticationFailed", CF_ERR_DENIED, CF_NET_FINAL, "Check account_key or sas_token: the service does not accept the signature, or it has expired."},
	{"AuthorizationPermissionMismatch", CF_ERR_DENIED, CF_NET_FINAL, "The SAS or the role does not allow this; see docs/storage.md for what is needed."},
	{"AuthorizationFailure", CF_ERR_DENIED, CF_NET_FINAL, "The firewall of the storage account, or the role, does not allow this."},
	{"InsufficientAccountPermissions", CF_ERR_DENIED, CF_NET_FINAL, "The SAS or the role does not allow this; see docs/storage.md for what is needed."},
	{"KeyBasedAuthenticationNotPermitted", CF_ERR_DENIED, CF_NET_FINAL, "The account refuses keys and SAS; use tenant_id, client_id and client_secret."},
	{"CannotVerifyCopySource", CF_ERR_DENIED, CF_NET_FINAL, "The destination's service could not read the source: look at the source's credentials and firewall."},
	{"InvalidRange", CF_ERR_INPUT, CF_NET_FINAL, ""},
	{"InvalidMetadata", CF_ERR_INPUT, CF_NET_FINAL, "Names of metadata in Azure are like those of C: letters, digits and \"_\", no digit first."},
	{"MetadataTooLarge", CF_ERR_INPUT, CF_NET_FINAL, "Azure holds 8 KiB of metadata at most."},
	{"RequestBodyTooLarge", CF_ERR_RANGE, CF_NET_FINAL, ""},
	{"BlockCountExceedsLimit", CF_ERR_RANGE, CF_NET_FINAL, ""},
	{"FeatureVersionMismatch", CF_ERR_UNSUPPORTED, CF_NET_FINAL, ""},
	{"UnsupportedHeader", CF_ERR_UNSUPPORTED, CF_NET_FINAL, ""},
	{"AccessTierNotSupportedForBlobType", CF_ERR_UNSUPPORTED, CF_NET_FINAL, "The storage account has no tiers of this kind."},
	{"InvalidBlobTier", CF_ERR_UNSUPPORTED, CF_NET_FINAL, "The storage account has no tiers of this kind."},
	{NULL, CF_ERR_NONE, CF_NET_FINAL, NULL}
};

static void error_texts(const CfResponse *response, CfRemoteTold *texts);
static bool refuses_range_digest(const CfRequest *request, const CfResponse *response);
static int	range_digest_of(const CfRequest *request);

CfNetVerdict
cf_azure_classify(const CfRequest *request, const CfResponse *response, void *ctx)
{
	const char *code = cf_net_answer(response, "x-ms-error-code");

	(void) ctx;
	if (response->status >= 400 && refuses_range_digest(request, response))
		return CF_NET_FINAL;
	if (response->status == 503 && strcmp(code, "ServerBusy") == 0)
		return CF_NET_SLOW_DOWN;
	if (cf_remote_verdict(response) != CF_NET_FINAL)
		return cf_remote_verdict(response);
	/* The service does not say that it was the date. */
	return response->status == 403 && strcmp(code, "AuthenticationFailed") == 0 && cf_remote_clock_off(response, SKEW_US) ?
		CF_NET_CLOCK : CF_NET_FINAL;
}

/* refuses_range_digest tells whether a service, or what stands for one, does not tell the CRC of a range. */
static bool
refuses_range_digest(const CfRequest *request, const CfResponse *response)
{
	CfRemoteTold texts;

	if (range_digest_of(request) < 0)
		return false;
	error_texts(response, &texts);
	return strcmp(texts.code, "FeatureNotSupported") == 0 || strcmp(texts.code, "UnsupportedHeader") == 0 ||
		strcmp(texts.code, "NotImplemented") == 0;
}

/* range_digest_of finds the header that asks for the CRC of a range; -1 = it is not asked for. */
static int
range_digest_of(const CfRequest *request)
{
	for (int i = 0; i < request->header_count; i++)
	{
		if (strcmp(request->headers[i].name, CF_AZURE_RANGE_CRC) == 0)
			return i;
	}
	return -1;
}

/* cf_azure_again does without the CRC of a range where there is none to be had, and remembers that. */
bool
cf_azure_again(CfOp *op)
{
	CfRequest  *request = &op->request;

	if (op->response.status < 400 || !refuses_range_digest(request, &op->response))
		return false;
	request->headers[range_digest_of(request)] = request->headers[request->header_count - 1];
	request->header_count--;
	if (op->place->learned != NULL)
		op->place->learned->no_range_digest = true;
	memset(&op->response, 0, sizeof(op->response));
	return true;
}

/* error_texts finds code and message of an answer; what is malformed counts as absent. */
static void
error_texts(const CfResponse *response, CfRemoteTold *texts)
{
	const char *code = cf_net_answer(response, "x-ms-error-code");
	char		message[256] = "";
	CfXmlField	fields[] = {{"Error/Code", texts->code, sizeof(texts->code)}, {"Error/Message", message, sizeof(message)}};
	CfError		ignored;

	texts->code[0] = '\0';
	if (response->body_bytes > 0)
		(void) cf_xml_fields(response->body, response->body_bytes, fields, 2, &ignored);
	if (code[0] != '\0')
		snprintf(texts->code, sizeof(texts->code), "%s", code);
	cf_remote_harmless(texts->code, "");
	/* The message's second line is the request id, which is told apart. */
	message[strcspn(message, "\n")] = '\0';
	cf_utf8_shown(texts->message, sizeof(texts->message), message);
}

/* cf_azure_code_is tells whether the error code of the answer is this one; "" = it has none. */
bool
cf_azure_code_is(CfOp *op, const char *code)
{
	CfRemoteTold texts;

	error_texts(&op->response, &texts);
	return strcmp(texts.code, code) == 0;
}

/* cf_azure_stranger tells whether an answer refuses the key, the SAS or the token itself. */
bool
cf_azure_stranger(const CfOp *op)
{
	static const char *const strange[] = {
		"AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation", "KeyBasedAuthenticationNotPermitted",
		"AccountIsDisabled", NULL
	};
	CfRemoteTold texts;

	error_texts(&op->response, &texts);
	return cf_remote_among(texts.code, strange);
}

/* cf_azure_fail ends an operation with what its answer says; key NULL = it was about the place itself. */
CfStep
cf_azure_fail(CfOp *op, const char *what, const char *key)
{
	int			status = op->response.status;
	CfRemoteTold told = cf_remote_told(&op->response);

	error_texts(&op->response, &told);
	if (status == 409)
		told.kind = CF_ERR_STATE;
	cf_remote_told_code(&told, codes);
	if (status == 401 || status == 403)
		told.message[0] = '\0';
	told.token_refused = status == 401 && cf_azure_token_wanted(op->place) && op->place->token != NULL;
	return cf_remote_refused(op, what, key, cf_net_answer(&op->response, "x-ms-request-id"), &told);
}

/* cf_azure_missing: the container answers, and the blob is not there. */
bool
cf_azure_missing(CfOp *op)
{
	return op->response.status == 404 && (cf_azure_code_is(op, "") || cf_azure_code_is(op, "BlobNotFound") ||
										  cf_azure_code_is(op, "ResourceNotFound"));
}

/* cf_azure_taken: a create-only write met somebody. Azure says so by 409 or 412, and says other things by them, too. */
bool
cf_azure_taken(CfOp *op)
{
	static const char *const taken[] = {
		"BlobAlreadyExists", "ConditionNotMet", "TargetConditionNotMet", "BlobArchived", "BlobImmutableDueToPolicy", "LeaseIdMissing", NULL
	};
	CfRemoteTold texts;

	error_texts(&op->response, &texts);
	return (op->response.status == 412 && texts.code[0] == '\0') ||
		((op->response.status == 409 || op->response.status == 412) && cf_remote_among(texts.code, taken));
}

/* cf_azure_etag makes a pin of an ETag: without quotes, which a listing leaves away, too. */
bool
cf_azure_etag(const char *etag, char version[CF_STORAGE_VERSION_MAX + 1])
{
	size_t		length;

	if (strncmp(etag, "W/", 2) == 0)
		etag += 2;
	if (etag[0] == '"')
		etag++;
	length = strcspn(etag, "\"");
	if (length == 0 || length > CF_STORAGE_VERSION_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		if (etag[i] <= 0x20 || etag[i] >= 0x7f)
			return false;
	}
	memcpy(version, etag, length);
	version[length] = '\0';
	return true;
}

/* cf_azure_version_told makes a pin of what an inventory tells. */
bool
cf_azure_version_told(const CfToldVersion *told, char version[CF_STORAGE_VERSION_MAX + 1])
{
	return cf_azure_etag(told->etag, version);
}

/* Azure's CRC64 is CRC-64/NVME, its eight bytes little-endian, in base64. */
bool
cf_azure_crc_read(const char *text, uint64_t *crc)
{
	bool		good = cf_remote_crc_read(text, 8, crc);

	*crc = good ? __builtin_bswap64(*crc) : 0;
	return good;
}

void
cf_azure_crc_write(uint64_t crc, char text[CF_BASE64_BYTES(8)])
{
	cf_remote_crc_write(__builtin_bswap64(crc), 8, text);
}

/* cf_azure_class_note tells from class and archive status whether the bytes can be read. */
void
cf_azure_class_note(CfObjectStat *stat, const char *archive_status)
{
	stat->restoring = strncmp(archive_status, "rehydrate-pending", 17) == 0;
	stat->must_restore = stat->restoring || strcmp(stat->storage_class, "Archive") == 0;
}

/* cf_azure_stat_fill reads the headers of HEAD; false = they are not what they must be, told in op->err. */
bool
cf_azure_stat_fill(CfOp *op, const char *key, CfObjectStat *stat)
{
	const CfResponse *response = &op->response;

	memset(stat, 0, sizeof(*stat));
	stat->versioned = cf_net_answer(response, "x-ms-version-id")[0] != '\0';
	if (!cf_azure_etag(cf_net_answer(response, "etag"), stat->version) ||
		!cf_remote_number(cf_net_answer(response, "content-length"), INT64_MAX, &stat->size_bytes) ||
		!cf_remote_time(cf_net_answer(response, "last-modified"), &stat->mtime_us))
	{
		cf_error_set(&op->err, CF_ERR_IO, "answer about object \"%s\" of place \"%s\" is not what was expected", cf_remote_shown(op, key), op->place->name);
		return cf_error_detail(&op->err, "It lacks ETag, Content-Length or Last-Modified.");
	}
	(void) cf_remote_time(cf_net_answer(response, "x-ms-last-access-time"), &stat->atime_us);
	if (!cf_remote_keep(op, "x-ms-access-tier", &stat->storage_class) || !cf_remote_properties_read(op, "x-ms-meta-", NULL, stat))
		return cf_remote_memory(op) == CF_STEP_DONE;
	cf_azure_class_note(stat, cf_net_answer(response, "x-ms-archive-status"));
	cf_remote_digest_md5(&stat->digests, cf_net_answer(response, "content-md5"));
	if (cf_azure_crc_read(cf_net_answer(response, "x-ms-meta-" CF_AZURE_CONTENT_CRC), &stat->digests.crc64nvme))
		stat->digests.known |= CF_DIGEST_CRC64NVME;
	stat->digests.claimed = stat->digests.known;
	stat->digests.known = 0;
	return true;
}
