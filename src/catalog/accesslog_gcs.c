/*
 * accesslog_gcs.c
 *		Usage logs of Google Cloud Storage: CSV with every field in quotes, and a header.
 *
 *		"time_micros","c_ip","c_ip_type","c_ip_region","cs_method","cs_uri","sc_status","cs_bytes","sc_bytes","time_taken_micros",
 *		"cs_host","cs_referer","cs_user_agent","s_request_id","cs_operation","cs_bucket","cs_object"
 *
 * The columns are fixed and new ones come at the end, so a line can be read without its header; a header that is another one
 * is told of. Who asked is not in these logs. What the service does itself (lifecycle) has the user agent
 * "GCS Lifecycle Management": a deletion is one, a change of class is no access. Object names are logged as they are; the
 * URL-decoded name is the second reading. The JSON API reads the bytes only with alt=media, else the metadata. A line that begins with
 * a brace is an audit log (accesslog_gcs_audit.c).
 */
#include <string.h>

#include "catalog/accesslog.h"
#include "catalog/csv.h"

#define YEAR_10000_US INT64_C(253402300800000000)

enum
{
	TIME, METHOD = 4, URI = 5, HTTP_STATUS = 6, SENT = 8, TAKEN = 9, AGENT = 12, OPERATION = 14, BUCKET = 15, OBJECT = 16, FIELDS = 17
};

static const char *const columns[FIELDS] = {
	"time_micros", "c_ip", "c_ip_type", "c_ip_region", "cs_method", "cs_uri", "sc_status", "cs_bytes", "sc_bytes",
	"time_taken_micros", "cs_host", "cs_referer", "cs_user_agent", "s_request_id", "cs_operation", "cs_bucket", "cs_object"
};

static const struct
{
	const char *operation;
	CfAccessKind kind;
}			operations[] = {
	{"GET_Object", CF_ACCESS_READ},
	{"storage.objects.get", CF_ACCESS_READ},
	{"PUT_Object", CF_ACCESS_WRITE},
	{"POST_Object", CF_ACCESS_WRITE},
	{"storage.objects.insert", CF_ACCESS_WRITE},
	{"storage.objects.compose", CF_ACCESS_WRITE},
	{"storage.objects.copy", CF_ACCESS_WRITE},
	{"storage.objects.rewrite", CF_ACCESS_WRITE},
	{"DELETE_Object", CF_ACCESS_DELETE},
	{"storage.objects.delete", CF_ACCESS_DELETE},
};

/* read_header compares the names of the columns. */
static CfAccessFault
read_header(const CfAccessText *fields, int count)
{
	for (int i = 0; i < FIELDS; i++)
		if (i >= count || !cf_catalog_field_is(&fields[i], columns[i]))
			return CF_ACCESS_BAD_HEADER;
	return CF_ACCESS_FINE;
}

/* has_bytes tells whether a read was of the object and not of what is known about it. */
static bool
has_bytes(const CfAccessText *uri)
{
	static const char json_api[] = "/storage/v1/b/";

	return uri->length < sizeof(json_api) - 1 || memcmp(uri->data, json_api, sizeof(json_api) - 1) != 0 ||
		memmem(uri->data, uri->length, "alt=media", 9) != NULL;
}

/* judge finds out what a request did to which object. */
static void
judge(const CfAccessText *fields, CfAccessLine *out)
{
	bool		by_service = fields[AGENT].length >= 4 && memcmp(fields[AGENT].data, "GCS ", 4) == 0;
	char		decoded[CF_ACCESSLOG_KEY_MAX];
	size_t		i = 0;
	CfAccessKind kind;

	while (i < sizeof(operations) / sizeof(operations[0]) && !cf_catalog_field_is(&fields[OPERATION], operations[i].operation))
		i++;
	if (i == sizeof(operations) / sizeof(operations[0]) || fields[OBJECT].length == 0)
		return;
	kind = operations[i].kind;
	if (by_service ? kind != CF_ACCESS_DELETE || (out->status != 0 && !cf_catalog_access_succeeded(kind, out->status)) :
		!cf_catalog_access_succeeded(kind, out->status))
		return;
	if (kind == CF_ACCESS_READ && !has_bytes(&fields[URI]))
		return;
	cf_catalog_access_keys(out, &fields[OBJECT], &(CfAccessText) {
		decoded, cf_catalog_field_decode(fields[OBJECT].data, fields[OBJECT].length, false, decoded, sizeof(decoded))
	});
	if (out->key_length > 0)
		out->kind = kind;
}

CfAccessFault
cf_catalog_accesslog_gcs(const char *line, size_t length, CfAccessLine *out)
{
	char		scratch[CF_ACCESSLOG_LINE_MAX];
	CfAccessText fields[CF_CSV_FIELDS];
	int			count;
	int64_t		number = 0;

	if (length > 0 && line[0] == '{')
		return cf_catalog_accesslog_gcs_audit(line, length, out);
	count = cf_catalog_csv_split(line, length, ',', scratch, fields);
	if (count < 0)
		return CF_ACCESS_BAD_QUOTES;
	if (cf_catalog_field_is(&fields[0], columns[0]))
	{
		out->header = true;
		return read_header(fields, count);
	}
	if (count < FIELDS)
		return CF_ACCESS_FEW_FIELDS;
	if (!cf_catalog_field_number(&fields[TIME], -1, &out->at_us) || out->at_us < 0 || out->at_us > YEAR_10000_US)
		return CF_ACCESS_BAD_MOMENT;
	if (fields[HTTP_STATUS].length > 0 && !cf_catalog_field_status(&fields[HTTP_STATUS], &out->status))
		return CF_ACCESS_BAD_STATUS;
	if ((fields[SENT].length > 0 && !cf_catalog_field_number(&fields[SENT], 0, &number)) ||
		(fields[TAKEN].length > 0 && !cf_catalog_field_number(&fields[TAKEN], -1, &out->latency_ms)))
		return CF_ACCESS_BAD_NUMBER;
	if (out->latency_ms > 0)
		out->latency_ms /= 1000;
	out->bucket.data = cf_catalog_access_keep(out, fields[BUCKET].data, fields[BUCKET].length);
	out->bucket.length = out->bucket.data == NULL ? 0 : fields[BUCKET].length;
	judge(fields, out);
	if (out->kind == CF_ACCESS_READ && fields[SENT].length > 0)
		out->bytes = number;
	return CF_ACCESS_FINE;
}
