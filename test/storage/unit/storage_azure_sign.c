/*
 * storage_azure_sign.c: what signs a request to Azure, against signatures that an independent implementation made of strings to sign
 * that were typed in by the service's documentation: in Python, with the decoded account key,
 *	base64.b64encode(hmac.new(key, string.encode(), hashlib.sha256).digest())
 */
#include "harness/tap.h"
#include "storage/unit/storage_azure.h"

static const char *
header_of(const char *name)
{
	for (int i = 0; i < op.request.header_count; i++)
	{
		if (strcmp(op.request.headers[i].name, name) == 0)
			return op.request.headers[i].value;
	}
	return "";
}

static bool
sign(int64_t now_us)
{
	return cf_azure_sign(&op.request, &op, &op.request_arena, now_us, &op.err);
}

/* "GET\n" 11 * "\n" "x-ms-date:Sat, 21 Nov 2026 16:32:13 GMT\nx-ms-version:2023-11-03\n" "/acct/box\ncomp:list\nmaxresults:5000\nprefix:a b/ä&=\nrestype:container" */
static void
listing(void)
{
	place_open("", "");
	ok(cf_azure_request(&op, "GET", "ListBlobs", NULL, "restype=container&comp=list&maxresults=5000&prefix=a%20b%2F%C3%A4%26%3D") != NULL, "a listing");
	is_str(op.request.url, "https://acct.blob.core.windows.net/box?restype=container&comp=list&maxresults=5000&prefix=a%20b%2F%C3%A4%26%3D",
		   "goes to the account's own host");
	ok(sign(NOW_US - 5000000) && sign(NOW_US), "is signed, twice");
	is_int(op.request.header_count, 3, "with one date and one signature");
	is_str(header_of("x-ms-date"), "Sat, 21 Nov 2026 16:32:13 GMT", "of the second time");
	is_str(header_of("Authorization"), "SharedKey acct:w5ZkOickcK2RVzL47D93OOq9nxdDZAG5NoJFY3qpda4=",
		   "parameters are signed sorted and decoded");
	place_close();
}

/*
 * "PUT\n\n\n5\n\napplication/octet-stream\n\n\n\n*\n\n\nx-ms-blob-type:BlockBlob\nx-ms-date:…\nx-ms-meta-a:end\nx-ms-meta-a_b:1\nx-ms-meta-a1b:2\n"
 * "x-ms-meta-ab:3\nx-ms-meta-cf_owner_tag:job-1\nx-ms-version:2023-11-03\n/acct/acct/box/k%20%2B"
 */
static void
path_style(void)
{
	CfUploadArgs args = {.key = "k +", .owner_tag = "job-1", .metadata = "ab=3\na_b=1\na1b=2\na=end"};

	place_open("http://127.0.0.1:10000/acct", "");
	place_options[0].value = "";
	ok(cf_remote_state(&op, sizeof(CfAzureState)) != NULL && cf_azure_request(&op, "PUT", "PutBlob", args.key, NULL) != NULL &&
	   cf_azure_header(&op, "x-ms-blob-type", "BlockBlob") && cf_azure_header(&op, "If-None-Match", "*") &&
	   cf_azure_header(&op, "Content-Type", "application/octet-stream") && cf_azure_describe(&op, &args, NULL), "a blob with metadata");
	op.request.body = "bytes";
	op.request.body_bytes = 5;
	is_str(op.request.url, "http://127.0.0.1:10000/acct/box/k%20%2B", "at a path-style endpoint");
	ok(sign(NOW_US), "is signed");
	is_str(header_of("Authorization"), "SharedKey acct:AJGloVvBzyefVeF/RX8HqR+IOelS1yvp/gtmlxtKCnI=",
		   "the account twice, metadata in the service's order: _ before digits before letters");
	place_close();
}

static void
other_ways(void)
{
	place_open("", "");
	ok(cf_azure_request(&op, "PUT", "SetBlobTier", "k", "comp=tier") != NULL && cf_azure_header(&op, "x-ms-access-tier", "Cool") &&
	   sign(NOW_US), "a request without a body");
	is_str(header_of("Authorization"), "SharedKey acct:IKSw8XLcoIIak4wBhDKgQ28BCwL1eIy1G8V6NMQ3RoY=", "has an empty length");
	place_credentials.items[0].value = "no base64!";
	ok(!sign(NOW_US) && op.err.kind == CF_ERR_DENIED && strstr(op.err.message, "no base64") == NULL, "a key that is none is refused, and not shown");
	place_options[0].value = "";
	ok(!sign(NOW_US) && op.err.kind == CF_ERR_INPUT, "so is a place without an account");
	place_close();
	place_open("", "");
	place_credentials.items[0] = (CfCredential) {"sas_token", "?sv=1&sig=a%2Bb"};
	ok(cf_azure_request(&op, "GET", "GetBlob", "k", "comp=tags") != NULL && sign(NOW_US), "with a SAS");
	is_str(op.request.url, "https://acct.blob.core.windows.net/box/k?comp=tags&sv=1&sig=a%2Bb", "it stands in the URL");
	is_str(header_of("Authorization"), "", "and nothing else");
	ok(cf_azure_request(&op, "GET", "GetBlob", "k", NULL) != NULL && strstr(op.request.url, "k?sv=1") != NULL, "alone too");
	place_credentials = (CfCredentials) {.items = {{"tenant_id", "t"}, {"client_id", "c"}, {"client_secret", "s"}}, .count = 3};
	snprintf(place_token.value, sizeof(place_token.value), "eyJ0");
	ok(cf_azure_request(&op, "GET", "GetBlob", "k", NULL) != NULL && sign(NOW_US), "with a token");
	is_str(header_of("Authorization"), "Bearer eyJ0", "it is the bearer's");
	place.credentials = NULL;
	ok(cf_azure_request(&op, "GET", "GetBlob", "k", NULL) != NULL && sign(NOW_US), "without credentials");
	is_str(header_of("Authorization"), "", "nothing authorises, as a public container wants it");
	place_close();
}

/* "r\n2026-11-21T16:17:13Z\n2026-11-21T17:32:13Z\n/blob/acct/box/pre/k ä+\n\n\nhttps\n2023-11-03\nb\n\n\n\n\n\n\n" */
static void
presigning(void)
{
	char	   *url = NULL;

	place_open("", "pre/");
	ok(cf_storage_presign(&place, &arena, "GET", "k \xc3\xa4+", NOW_US, NOW_US + INT64_C(3600000000), &url, &op.err), "a URL for reading");
	is_str(url, "https://acct.blob.core.windows.net/box/pre/k%20%C3%A4%2B?sv=2023-11-03&st=2026-11-21T16%3A17%3A13Z"
		   "&se=2026-11-21T17%3A32%3A13Z&sr=b&spr=https&sp=r&sig=nBP7wwTIpMk3HG%2Fuo8JTuoE8T1kp%2FOmYJ%2BKNX6pPhNU%3D", "is a service SAS");
	place.endpoint = "http://127.0.0.1:10000/acct";
	place.prefix = "";
	ok(cf_storage_presign(&place, &arena, "PUT", "k", NOW_US, NOW_US + INT64_C(3600000000), &url, &op.err) &&
	   strstr(url, "&sr=b&sp=cw&sig=WMJj4JVt7zDcPUZ8A45hPrQVeITEQ1xctJOhNkkNJBY%3D") != NULL, "one for writing, over http");
	ok(!cf_storage_presign(&place, &arena, "POST", "k", NOW_US, NOW_US + 1, &url, &op.err) && op.err.kind == CF_ERR_INPUT, "no other method");
	ok(!cf_storage_presign(&place, &arena, "GET", "k", NOW_US, NOW_US, &url, &op.err) && op.err.kind == CF_ERR_INPUT, "nor the past");
	place_credentials.items[0].name = "sas_token";
	ok(!cf_storage_presign(&place, &arena, "GET", "k", NOW_US, NOW_US + 1, &url, &op.err) && op.err.kind == CF_ERR_UNSUPPORTED,
	   "only an account key can");
	ok(!cf_azure_sas(&place, &arena, "k", "r", NOW_US, NOW_US, &url, &op.err) && op.err.kind == CF_ERR_UNSUPPORTED, "nor make a SAS");
	place_close();
}

static void
places(void)
{
	static const struct
	{
		const char *title;
		const char *bucket;
		const char *prefix;
		const char *endpoint;
		const char *account;
		const char *storage_class;
		const char *authority;
		bool		good;
	}			cases[] = {
		{"a container of an account", "box", "", "", "acct", "", "", true},
		{"$web", "$web", "a/", "https://acct.blob.core.chinacloudapi.cn", "", "HOT_LRS", "https://login.chinacloudapi.cn/", true},
		{"a path-style endpoint", "box", "", "http://127.0.0.1:10000/devstoreaccount1/", "", "Archive", "", true},
		{"a premium account", "box", "", "", "acct", "PREMIUM_LRS", "", true},
		{"a container of two letters", "bo", "", "", "acct", "", "", false},
		{"capitals", "Box", "", "", "acct", "", "", false},
		{"two hyphens", "b--x", "", "", "acct", "", "", false},
		{"a hyphen at the end", "box-", "", "", "acct", "", "", false},
		{"a prefix without its slash", "box", "a", "", "acct", "", "", false},
		{"a prefix that begins with a slash", "box", "/a/", "", "acct", "", "", false},
		{"an endpoint that is no URL", "box", "", "acct.blob", "acct", "", "", false},
		{"an endpoint with a query", "box", "", "https://acct.blob.core.windows.net/?x=1", "acct", "", "", false},
		{"an address instead of an account", "box", "", "http://127.0.0.1:10000", "", "", "", false},
		{"no account", "box", "", "", "", "", "", false},
		{"an account with a dot", "box", "", "", "a.b", "", "", false},
		{"a class of S3", "box", "", "", "acct", "STANDARD_IA", "", false},
		{"an authority that is no URL", "box", "", "", "acct", "", "login", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		CfError		err = {0};

		place_open(cases[i].endpoint, cases[i].prefix);
		place.bucket = cases[i].bucket;
		place.storage_class = cases[i].storage_class;
		place_options[0].value = cases[i].account;
		place_options[1] = (CfPlaceOption) {"authority", cases[i].authority};
		place.option_count = 2;
		is_int(cf_storage_place_check(&place, &err), cases[i].good, "%s %s", cases[i].title, cases[i].good ? "is taken" : "is refused");
		if (!cases[i].good)
			is_int(err.kind, CF_ERR_INPUT, "as wrong input");
		place_close();
	}
}

static void
keys(void)
{
	static const char *const good[] = {"a", "a/b", "a b+%?#", "\xc3\xa4/\xf0\x9f\x90\x98", "..a", ".a"};
	static const char *const bad[] = {"", "/a", "a/", "a//b", ".", "..", "a/../b", "a.", "a./b", "a\nb", "a\\b", "a\x7f", "\xff", "\xc0\x80", "\xed\xa0\x80",
		"\xf4\x90\x80\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xef\xbf\xbf", "a\xc3"};
	char		longer[CF_STORAGE_KEY_MAX + 2];
	CfError		err = {0};

	place_open("", "pre/");
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(cf_storage_key_check(&place, good[i], &err), "key \"%s\" may be written", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!cf_storage_key_check(&place, bad[i], &err) && err.kind == CF_ERR_INPUT, "key number %d is refused: %s", (int) i, err.message);
	for (int i = 0; i < CF_STORAGE_KEY_MAX; i++)
		longer[i] = i % 200 == 199 ? '/' : 'a';
	longer[CF_STORAGE_KEY_MAX - 4] = '\0';
	ok(cf_storage_key_check(&place, longer, &err), "the longest key, with its prefix");
	longer[CF_STORAGE_KEY_MAX - 4] = 'a';
	longer[CF_STORAGE_KEY_MAX - 3] = '\0';
	ok(!cf_storage_key_check(&place, longer, &err), "and one byte more");
	memset(longer, 'a', 255);
	longer[255] = '\0';
	ok(!cf_storage_key_check(&place, longer, &err), "a segment of 255 bytes is too long");
	for (int i = 0; i < 507; i++)
		longer[i] = i % 2 ? '/' : 'a';
	longer[505] = '\0';
	ok(cf_storage_key_check(&place, longer, &err), "254 segments, that of the prefix included");
	longer[505] = '/';
	longer[506] = 'a';
	longer[507] = '\0';
	ok(!cf_storage_key_check(&place, longer, &err) && strstr(err.message, "255 segments") != NULL, "and no more: %s", err.message);
	place_close();
}

/* wrong_credentials: what could not work is refused before anybody uses it, and never told. */
static void
wrong_credentials(void)
{
	static const struct
	{
		CfCredentials given;
		const char *wrong;		/* NULL = nothing */
	}			cases[] = {
		{{.items = {{"account_key", ACCOUNT_KEY}}, .count = 1}, NULL}, {{.items = {{"account_key", "hidden!"}}, .count = 1}, "base64"},
		{{.items = {{"sas_token", "sv=1&sig=x"}}, .count = 1}, NULL},
		{{.items = {{"tenant_id", "t"}, {"client_id", "c"}, {"client_secret", "hidden"}}, .count = 3}, NULL},
		{{.items = {{"tenant_id", "t"}, {"client_id", "c"}, {"federated_token", "hidden"}}, .count = 3}, NULL},
		{{.items = {{"tenant_id", "t"}, {"client_id", "c"}}, .count = 2}, "client_secret is missing"},
		{{.items = {{"tenant_id", "t"}, {"client_secret", "hidden"}}, .count = 2}, "client_id is missing"},
		{{.items = {{"client_secret", "hidden"}}, .count = 1}, "tenant_id is missing"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		CfError		err = {0};
		bool		good;

		place_open("", "");
		place.credentials = &cases[i].given;
		good = cf_storage_credentials_check(&place, &err);
		ok(good == (cases[i].wrong == NULL), "%s: %s", cases[i].given.items[0].name, good ? "fits" : err.detail);
		if (!good)
			ok(err.kind == CF_ERR_INPUT && strstr(err.detail, cases[i].wrong) != NULL && err.hint[0] != '\0' && strstr(err.detail, "hidden") == NULL &&
			   strstr(err.message, "hidden") == NULL, "which is told without it");
		place_close();
	}
}

int
main(void)
{
	listing();
	path_style();
	other_ways();
	presigning();
	places();
	wrong_credentials();
	keys();
	return done_testing();
}
