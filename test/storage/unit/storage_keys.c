/*
 * storage_keys.c: which keys and places are accepted, and what the front of the drivers refuses.
 */
#include "harness/tap.h"
#include "storage/unit/storage_place.h"

#include "storage/file/file.h"

static char long_key[3000];

static const char *
repeat(const char *what, int times)
{
	long_key[0] = '\0';
	for (int i = 0; i < times; i++)
		strcat(long_key, what);
	return long_key;
}

static void
accepts(const char *key, const char *title)
{
	CfError		err = {0};

	ok(cf_storage_key_check(&place, key, &err), "accepts %s", title);
	if (err.kind != CF_ERR_NONE)
		note("%s", err.message);
}

static void
refuses(const char *key, const char *title)
{
	CfError		err = {0};

	ok(!cf_storage_key_check(&place, key, &err) && err.kind == CF_ERR_INPUT, "refuses %s", title);
}

static void
keys(void)
{
	accepts("a", "one character");
	accepts("photos/2026/january.jpg", "folders");
	accepts("...", "three dots");
	accepts("a/..b/c..", "dots inside a name");
	accepts(" space and \xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x98", "UTF-8 of two, three and four bytes");
	accepts("back\\slash", "a backslash");
	accepts(".cloudflux2/x", "a name that only begins like the private folder");
	accepts(repeat("x", 255), "a segment of 255 bytes");
}

static void
bad_keys(void)
{
	refuses("", "an empty key");
	refuses("/a", "a leading slash");
	refuses("a/", "a trailing slash");
	refuses("a//b", "two slashes in a row");
	refuses(".", "a dot");
	refuses("a/./b", "a dot as a folder");
	refuses("..", "two dots");
	refuses("a/../b", "two dots as a folder");
	refuses("a/..", "two dots at the end");
	refuses("a\nb", "a line feed");
	refuses("a\x7f", "a delete character");
	refuses("a\x01", "a control character");
	refuses("\xff", "a byte that UTF-8 does not have");
	refuses("a\xc3", "a sequence that ends too early");
	refuses("a\xe2\x82", "a sequence of three that ends too early");
	refuses("a\xf0\x9f\x90", "a sequence of four that ends too early");
	refuses("\xc0\xaf", "an overlong slash");
	refuses("\xe0\x80\xaf", "an overlong sequence of three");
	refuses("\xed\xa0\x80", "a surrogate");
	refuses("\xf4\x90\x80\x80", "what lies beyond Unicode");
	refuses(".cloudflux", "the private folder");
	refuses(".cloudflux/uploads/x", "what lies in it");
	refuses("a/.cloudflux/x", "the private folder of a place inside this one");
	refuses(repeat("x", 256), "a segment of 256 bytes");
	refuses(repeat("12345678/x", 103), "1,030 bytes");
	refuses(repeat("12345678/x", 250), "more bytes than the driver handles");
}

static void
places(void)
{
	CfError		err = {0};
	CfPlace		bad = place;

	ok(cf_storage_place_check(&place, &err), "an absolute root is accepted");
	bad.bucket = "relative";
	ok(!cf_storage_place_check(&bad, &err) && err.kind == CF_ERR_INPUT, "a relative root is refused");
	bad.bucket = "/a/../b";
	ok(!cf_storage_place_check(&bad, &err), "a root with \"..\" is refused");
	bad.bucket = "/a/..";
	ok(!cf_storage_place_check(&bad, &err), "also at its end");
	bad.bucket = "/a/..b";
	ok(cf_storage_place_check(&bad, &err), "dots inside a name are fine");
	bad.prefix = "no-slash";
	ok(!cf_storage_place_check(&bad, &err), "a prefix without a slash at its end is refused");
	bad.prefix = "a//";
	ok(!cf_storage_place_check(&bad, &err), "a prefix with an empty segment is refused");
	bad.prefix = "../";
	ok(!cf_storage_place_check(&bad, &err), "a prefix with \"..\" is refused");
	bad.prefix = "a/b/";
	ok(cf_storage_place_check(&bad, &err), "a prefix of folders is accepted");
}

static void
providers(void)
{
	CfPlace		cloud = {.name = "cloud", .provider = "AWS", .bucket = "b", .prefix = "", .driver = NULL};
	CfOp		cloud_op;
	CfObjectStat stat;
	CfUploadArgs args = {.key = "k", .owner_tag = "t"};
	CfUpload	upload = {.handle = "h"};
	CfPart		part = {.number = 1, .length = 1};
	CfChunk		chunk = {0};
	CfReadArgs	range = {.key = "k", .length = -1};
	CfRemoved	removed;
	CfListPage	page;
	CfStalePage stale;
	CfCaps		caps;
	CfError		err;

	ok(cf_storage_provider_known("Azure") && !cf_storage_provider_known("azure"), "providers are known by their spelling");
	ok(cf_storage_driver("LOCAL") != NULL, "LOCAL has a driver");
	ok(cf_storage_driver("AWS") != NULL && cf_storage_driver("Azure") != NULL && cf_storage_driver("GCP") != NULL &&
	   cf_storage_driver("S3") == cf_storage_driver("AWS") && cf_storage_driver("none") == NULL, "and so has every cloud");
	cf_storage_op_init(&cloud_op, &cloud, &arena);
	cf_storage_caps(&cloud, &caps);
	ok(!caps.create_only, "a place without a driver can do nothing");
	ok(!cf_storage_key_check(&cloud, "k", &err) && err.kind == CF_ERR_UNSUPPORTED, "not even judge keys");
	ok(cf_storage_stat(&cloud_op, "k", &stat) == CF_STEP_ERROR && cloud_op.err.kind == CF_ERR_UNSUPPORTED,
	   "an operation on it is unsupported");
	ok(cf_storage_read(&cloud_op, &range, &chunk) == CF_STEP_ERROR &&
	   cf_storage_put(&cloud_op, &args, "", 0, &stat) == CF_STEP_ERROR &&
	   cf_storage_upload_begin(&cloud_op, &args, &upload) == CF_STEP_ERROR &&
	   cf_storage_upload_part(&cloud_op, &upload, &part, "", 0) == CF_STEP_ERROR &&
	   cf_storage_upload_read(&cloud_op, &upload, 0, &chunk) == CF_STEP_ERROR &&
	   cf_storage_upload_seal(&cloud_op, &upload, &stat) == CF_STEP_ERROR &&
	   cf_storage_upload_commit(&cloud_op, &upload, &stat) == CF_STEP_ERROR &&
	   cf_storage_upload_abort(&cloud_op, &upload) == CF_STEP_ERROR &&
	   cf_storage_uploads_find(&cloud_op, 0, NULL, &stale) == CF_STEP_ERROR &&
	   cf_storage_remove(&cloud_op, "k", "v", "t", &removed) == CF_STEP_ERROR &&
	   cf_storage_list(&cloud_op, "", NULL, 1, &page) == CF_STEP_ERROR, "each of them");
	cf_storage_op_end(&cloud_op);
}

static void
arguments(void)
{
	CfObjectStat stat;
	CfUploadArgs args = {.key = "k", .owner_tag = "t", .size_bytes = 3};
	CfUpload	upload;
	CfPart		part = {.number = 1, .offset = 1, .length = 3};
	char		byte;
	CfChunk		chunk = {.data = &byte, .capacity = 1};

	fails_with(CF_ERR_INPUT, cf_storage_put(&op, &args, "xx", 2, &stat), "a size that is not that of the data is refused");
	args.size_bytes = -1;
	fails_with(CF_ERR_INPUT, cf_storage_upload_begin(&op, &args, &upload), "a negative size is refused");
	args.size_bytes = INT64_MAX;
	fails_with(CF_ERR_RANGE, cf_storage_upload_begin(&op, &args, &upload), "an impossible size is refused");
	args.owner_tag = repeat("x", 65);
	fails_with(CF_ERR_INPUT, cf_storage_upload_begin(&op, &args, &upload), "an owner tag of 65 characters is refused");
	args.owner_tag = "t";
	args.size_bytes = 3;
	ok(run(cf_storage_upload_begin(&op, &args, &upload)), "a legal upload begins");
	fails_with(CF_ERR_INPUT, cf_storage_upload_part(&op, &upload, &part, "xxx", 3), "a part beyond its end is refused");
	fails_with(CF_ERR_INPUT, cf_storage_upload_read(&op, &upload, -1, &chunk), "reading back before its start is refused");
	strcpy(upload.handle, "../../etc/passwd");
	part.offset = 0;
	fails_with(CF_ERR_INPUT, cf_storage_upload_part(&op, &upload, &part, "xxx", 3), "a handle that is a path is refused");
	fails_with(CF_ERR_INPUT, cf_storage_upload_abort(&op, &upload), "by abort too");
}

static void
messages(void)
{
	char		shown[40];

	cf_utf8_shown(shown, sizeof(shown), "caf\xc3\xa9 \xff\n");
	is_str(shown, "caf\xc3\xa9 \\xff\\x0a", "bytes that are no text are shown as \\xNN");
	cf_utf8_shown(shown, 12, "0123456789abcdef");
	is_str(shown, "01234567...", "a long key is cut in a message");
}

/* folds: what check_storage() saw a store take for another key is neither written nor removed there; nothing else is refused for that. */
static void
folds(void)
{
	static const struct
	{
		const char *key;
		int			fold;
	}			keys[] = {
		{"a//b", CF_FOLD_EMPTY_SEGMENT}, {"a/b//", CF_FOLD_EMPTY_SEGMENT | CF_FOLD_TRAILING_SLASH}, {"/a", CF_FOLD_LEADING_SLASH},
		{"//a", CF_FOLD_EMPTY_SEGMENT | CF_FOLD_LEADING_SLASH}, {"a/", CF_FOLD_TRAILING_SLASH},
		{"a\\b", CF_FOLD_BACKSLASH}, {"a./b", CF_FOLD_DOT_AT_END}, {"a/b.", CF_FOLD_DOT_AT_END}};
	CfPlace		gcs = {.name = "far", .provider = "GCP", .bucket = "b", .prefix = "", .storage_class = "", .driver = cf_storage_driver("GCP"),
		.was_probed = true};
	CfError		err;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
	{
		gcs.probed.key_folds = 0;
		ok(cf_storage_key_check(&gcs, keys[i].key, &err), "%s is a key of its own on GCS", keys[i].key);
		for (int fold = CF_FOLD_EMPTY_SEGMENT; fold <= CF_FOLD_DOT_AT_END; fold *= 2)
		{
			gcs.probed.key_folds = fold;
			if (cf_storage_key_check(&gcs, keys[i].key, &err) == ((fold & keys[i].fold) != 0))
				ok(false, "%s where the store folds %d", keys[i].key, fold);
		}
	}
	gcs.probed.key_folds = CF_FOLD_EMPTY_SEGMENT;
	ok(!cf_storage_key_check(&gcs, "a//b", &err) && err.kind == CF_ERR_INPUT && strstr(err.detail, "check_storage") != NULL,
	   "where the store was seen to fold it, it is refused: %s", err.message);
	gcs.probed.key_folds = ~0;
	ok(cf_storage_key_check(&gcs, "a.b/.c/d..e", &err), "dots in names are no segments");
	gcs.was_probed = false;
	ok(cf_storage_key_check(&gcs, "a//b", &err), "a store that nobody has tried is believed");
	gcs.was_probed = true;
	gcs.probed.key_folds = CF_FOLD_EMPTY_SEGMENT;
	gcs.prefix = "p/";
	ok(!cf_storage_key_check(&gcs, "/a", &err), "behind a prefix, a slash in front is an empty segment");
}

/* removed tells whether a place lets an object be removed as far as its key goes: nothing is sent then. */
static bool
removed(const char *provider, const char *preset, int seen, const char *key, CfError *err)
{
	CfPlaceOption options[] = {{"preset", preset}, {"account", "account"}};
	CfPlace		far = {.name = "far", .provider = provider, .bucket = "some-bucket", .region = "us-east-1", .endpoint = "https://store.example",
		.prefix = "", .storage_class = "", .credential_source = "", .options = options, .option_count = 2,
		.driver = cf_storage_driver(provider), .was_probed = seen != 0,
		.probed = {.conditional_delete = true, .delete_hides = true, .key_folds = seen}};
	CfArena		memory;
	CfOp		removal;
	CfRemoved	found;
	CfStep		step;

	cf_arena_init(&memory, &cf_arena_malloc, 4096, 0);
	cf_storage_op_init(&removal, &far, &memory);
	step = cf_storage_remove(&removal, key, "v", "tag", &found);
	*err = removal.err;
	cf_storage_op_end(&removal);
	cf_arena_free(&memory);
	return step == CF_STEP_SEND;
}

/* aliases: under a key that the store takes for another lies what has another name, so it is not removed by it. */
static void
aliases(void)
{
	static const struct
	{
		const char *provider;
		const char *preset;
		int			seen;
		const char *key;
		bool		goes;
	}			cases[] = {
		{"AWS", "", 0, "a//b", true}, {"S3", "generic", 0, "a//b", true}, {"S3", "generic", CF_FOLD_EMPTY_SEGMENT, "a//b", false},
		{"S3", "generic", CF_FOLD_EMPTY_SEGMENT, "a/b", true}, {"S3", "generic", CF_FOLD_DOT, "a//b", true},
		{"S3", "seaweedfs", 0, "a//b", false}, {"S3", "seaweedfs", 0, "a\\b", false}, {"S3", "versitygw", 0, "a/x/../b", false},
		{"S3", "versitygw", 0, "a/./b", false}, {"S3", "versitygw", 0, "/a", false}, {"S3", "versitygw", 0, "a/b", true},
		{"Azure", "", 0, "a\\b", false}, {"Azure", "", 0, "a./b", false}, {"Azure", "", 0, "a/b", true}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		CfError		err = {0};

		ok(removed(cases[i].provider, cases[i].preset, cases[i].seen, cases[i].key, &err) == cases[i].goes &&
		   (cases[i].goes || (err.kind == CF_ERR_INPUT && !err.retryable && strstr(err.message, "would be another one's") != NULL)),
		   "%s %s: \"%s\" %s: %s", cases[i].provider, cases[i].preset, cases[i].key, cases[i].goes ? "is removed" : "is not removed", err.message);
	}
}

int
main(void)
{
	place_open("");
	keys();
	bad_keys();
	places();
	providers();
	arguments();
	messages();
	folds();
	aliases();
	place_open("0123456789/");
	{
		CfError		err;

		ok(cf_storage_key_check(&place, repeat("x/y", 337), &err), "prefix and key may have 1,024 bytes together");
		ok(!cf_storage_key_check(&place, repeat("x/yz", 254), &err), "and not more");
	}
	place_close();
	return done_testing();
}
