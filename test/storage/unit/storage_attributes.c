/*
 * attributes.c and the drivers' tables: what goes along with an object from one kind of store to another, what would be lost,
 * how times travel, and that a directory gives back what it was given.
 */
#include "harness/tap.h"
#include "storage/attributes.h"
#include "storage/unit/storage_place.h"

static CfPlaceOption accept = {"accept_loss", ""};
static CfPlace s3, r2, azure, gcs, here;
static CfArena memory;
static CfKept kept;

/* place_of makes a place of a provider whose driver is there. */
static CfPlace
place_of(const char *provider)
{
	return (CfPlace) {.name = provider, .provider = provider, .bucket = "b", .region = "", .endpoint = "", .prefix = "",
		.storage_class = "", .driver = cf_storage_driver(provider), .options = &accept, .option_count = 1};
}

/* keeps works out what goes along and gives what is lost, "" = nothing. */
static const char *
keeps(const CfPlace *from, const CfPlace *to, const char *metadata, const char *tags)
{
	CfObjectStat stat = {.mtime_us = INT64_C(1709208000500000), .content_type = "text/plain",
		.attributes = {.cache_control = "no-cache", .content_disposition = NULL, .content_encoding = "", .content_language = "de",
			.metadata = metadata, .tags = tags}};

	if (!cf_storage_keep(from, to, &stat, "", &memory, &kept))
		return "out of memory";
	return kept.told;
}

static void
test_what_fits(void)
{
	is_str(keeps(&s3, &s3, "colour=blue\nx-size=1\n", "project=one\nteam=b c\n"), "", "S3 holds metadata and tags of S3");
	is_str(kept.attributes.metadata, "colour=blue\nx-size=1\nmtime=1709208000.500000\n", "and the time of the user's file");
	is_str(kept.attributes.tags, "project=one\nteam=b c\n", "tags are as they were");
	is_str(kept.attributes.cache_control, "no-cache", "headers too");
	is_str(kept.content_type, "text/plain", "and the content type");
	is_str(kept.attributes.content_disposition, "", "what is not there is not there");
	is_str(keeps(&s3, &azure, "colour=blue\n", "project=one\n"), "", "Azure holds what fits its names");
	is_str(kept.attributes.metadata, "colour=blue\nmtime=2024-02-29T12:00:00.500000Z\n", "and writes times as rclone does there");
	is_str(keeps(&s3, &azure, "x-colour=blue\n1st=a\nok=\xc3\xa4\n", "p@q=one\n\xc3\xa4=b\n"),
		   "metadata (3, as \"x-colour\"), tags (2, as \"p@q\")", "names that are no words and texts that are not ASCII are told");
	is_str(keeps(&s3, &gcs, "x-colour=\xc3\xa4\n", ""), "", "GCS holds more in metadata");
	is_str(keeps(&s3, &gcs, "", "project=one\nteam=two\n"), "tags (2, as \"project\")", "but has no tags");
	is_str(kept.attributes.tags, "", "and gets none");
	is_str(keeps(&s3, &r2, "", "project=one\n"), "tags (1, as \"project\")", "nor has a store of the S3 kind that is known not to");
	is_str(keeps(&azure, &s3, "cf_owner_tag=x\ncf_file_id=y\n", ""), "", "what cloudflux noted on an earlier copy is not the user's");
	is_str(kept.attributes.metadata, "mtime=1709208000.500000\n", "and stays behind");
	is_str(keeps(&azure, &s3, "cf_tier=x\nCF_Mine=z\ncolour=blue\n", ""), "metadata (2, as \"cf_tier\")", "a user's own name that begins with cf_ is told");
	is_str(kept.attributes.metadata, "colour=blue\nmtime=1709208000.500000\n", "and stays behind");
	is_str(keeps(&azure, &s3, "cf-ray=x\n", ""), "", "one with a hyphen is like any other");
	is_str(keeps(&gcs, &s3, "Colour=red\ncolour=blue\nCOLOUR=green\n", ""), "metadata (2, as \"colour\")", "of names that S3 takes for one the first is held, and the others are told");
	is_str(kept.attributes.metadata, "Colour=red\nmtime=1709208000.500000\n", "which one goes along is the first");
	is_str(keeps(&gcs, &azure, "Colour=red\ncolour=blue\n", ""), "metadata (1, as \"colour\")", "so it is in Azure");
	is_str(keeps(&gcs, &s3, "Mtime=red\n", ""), "metadata (1, as \"Mtime\")", "the time has its name for itself");
	is_str(keeps(&gcs, &gcs, "Colour=red\ncolour=blue\nMtime=1\n", ""), "", "GCS tells them apart");
	is_str(keeps(&gcs, &here, "Colour=red\ncolour=blue\n", ""), "", "and a directory");
	is_str(keeps(&s3, &here, "x-colour=blue\n", "p@q=\xc3\xa4\n"), "", "a directory holds all of it");
	is_str(kept.attributes.metadata, "x-colour=blue\n", "without a time in the metadata: a file has one");
	is_int(kept.mtime_us, INT64_C(1709208000500000), "which is that of the object");
}

static void
test_names(void)
{
	CfError		err = {0};

	ok(cf_attributes_names_check(&s3, "a=1\nb=2\n", &err) && cf_attributes_names_check(&gcs, "a=1\nA=2\n", &err) &&
	   cf_attributes_names_check(&here, "", &err), "what somebody gives an object is written");
	ok(!cf_attributes_names_check(&s3, "a=1\nA=2\n", &err) && err.kind == CF_ERR_INPUT && err.hint[0] != '\0', "two names that the store takes for one are refused: %s", err.message);
	ok(!cf_attributes_names_check(&gcs, "cf_file_id=2\n", &err) && err.kind == CF_ERR_INPUT && strstr(err.hint, "cloudflux") != NULL, "so are ours: %s", err.message);
}

static void
test_limits(void)
{
	char		tags[2000] = "";
	char		big[4000];
	char		one[4100];

	for (int i = 0; i < 11; i++)
		sprintf(tags + strlen(tags), "tag%d=v\n", i);
	is_str(keeps(&s3, &azure, "", tags), "tags (1, as \"tag10\")", "of eleven tags ten are held");
	memset(big, 'x', sizeof(big));
	big[2000] = '\0';
	snprintf(one, sizeof(one), "first=1\nbig=%s\nlast=2\n", big);
	is_str(keeps(&gcs, &s3, one, ""), "metadata (1, as \"big\")", "2 KiB of metadata on S3, ours included");
	is_str(kept.attributes.metadata, "first=1\nlast=2\nmtime=1709208000.500000\n", "the rest goes along");
	is_str(keeps(&gcs, &azure, one, ""), "", "8 KiB in Azure");
	big[1925] = '\0';
	snprintf(one, sizeof(one), "big=%s\n", big);
	is_str(keeps(&gcs, &s3, one, ""), "", "what fits without the time");
	ok(strstr(kept.attributes.metadata, "mtime") == NULL, "goes without the time");
	big[300] = '\0';
	snprintf(one, sizeof(one), "%s=1\n", big);
	ok(strlen(keeps(&s3, &azure, "", one)) < 100, "the name of a lost tag is told in short: %s", kept.told);
	is_str(keeps(&gcs, &s3, "=x\nnothing\na=b", ""), "", "lines without a name or without a value are none");
	is_str(kept.attributes.metadata, "a=b\nmtime=1709208000.500000\n", "and the last line may lack its end");
}

static void
test_times(void)
{
	static const struct
	{
		const char *text;
		int64_t		us;
	}			times[] = {
		{"mtime=1.5\n", 1500000}, {"mtime=0\n", 0}, {"mtime=1709208000.123456789\n", INT64_C(1709208000123456)},
		{"mtime=2024-02-29T12:00:00Z\n", INT64_C(1709208000000000)}, {"mtime=2024-02-29T13:00:00.25+01:00\n", INT64_C(1709208000250000)},
		{"mtime=2024-02-29T10:30:00-01:30\n", INT64_C(1709208000000000)}, {"mtime=1999-12-31t23:59:59z\n", INT64_C(946684799000000)},
		{"mtime=2000-03-01T00:00:00Z\n", INT64_C(951868800000000)},
		/* not a time: then it is when the object was written */
		{"mtime=x\n", -1}, {"mtime=\n", -1}, {"mtime=1.5x\n", -1}, {"mtime=2024-13-01T00:00:00Z\n", -1}, {"mtime=2024-02-29T12:00:00\n", -1},
		{"mtime=2024-02-29T12:00:00+1:00\n", -1}, {"mtime=1960-01-01T00:00:00Z\n", -1}, {"mtime=1970-01-01T00:00:00+01:00\n", -1},
		{"mtime=2024-02-29T12:00:00Zz\n", -1}, {"mtime=0000000000000000000000000000000000000000001\n", -1}, {"mtimes=1\n", -1}};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
	{
		keeps(&s3, &here, times[i].text, "");
		is_int(kept.mtime_us, times[i].us < 0 ? INT64_C(1709208000500000) : times[i].us, "the time in %.40s", times[i].text);
	}
	keeps(&azure, &s3, "mtime=2024-02-29T13:00:00.25+01:00\n", "");
	is_str(kept.attributes.metadata, "mtime=1709208000.250000\n", "from the form of one store to that of the other");
	keeps(&s3, &gcs, "mtime=951782400.000001\n", "");
	is_str(kept.attributes.metadata, "mtime=2000-02-29T00:00:00.000001Z\n", "and back");
	keeps(&s3, &gcs, "mtime=4107542399\n", "");
	is_str(kept.attributes.metadata, "mtime=2100-02-28T23:59:59.000000Z\n", "a hundredth year that is no leap year");
	keeps(&here, &s3, "mtime=1\n", "");
	is_str(kept.attributes.metadata, "mtime=1709208000.500000\n", "what a file's time is, its file system knows best");
}

static void
test_acceptance(void)
{
	CfError		err = {0};
	CfPlace		nowhere = {.name = "nowhere", .provider = "Oracle"};

	keeps(&s3, &gcs, "", "project=one\n");
	ok(!cf_storage_keep_accepted(&gcs, "k", &kept, &err) && err.kind == CF_ERR_UNSUPPORTED && !err.retryable, "a loss is refused: %s", err.message);
	ok(strstr(err.detail, "tags (1, as \"project\")") != NULL && strstr(err.hint, "accept_loss 'tags'") != NULL, "%s %s", err.detail, err.hint);
	accept.value = "metadata, tags";
	ok(cf_storage_keep_accepted(&gcs, "k", &kept, &err), "unless the place accepts it");
	accept.value = "metadata";
	ok(!cf_storage_keep_accepted(&gcs, "k", &kept, &err), "another one is not enough");
	accept.value = "All";
	ok(cf_storage_keep_accepted(&gcs, "k", &kept, &err), "all is");
	accept.value = "";
	keeps(&s3, &nowhere, "a=b\n", "c=d\n");
	is_int(kept.lost, (1u << CF_ATTRIBUTES) - 1 - (1u << CF_ATTRIBUTE_MODIFIED_AT) - (1u << CF_ATTRIBUTE_CONTENT_ENCODING) -
		   (1u << CF_ATTRIBUTE_CONTENT_DISPOSITION), "a place without a driver holds nothing");
	ok(cf_attributes_loss_check("tags,  Metadata", &err) && cf_attributes_loss_check("all", &err) && cf_attributes_loss_check("", &err),
	   "the option takes names of attributes");
	ok(!cf_attributes_loss_check("tags, taxes", &err) && err.kind == CF_ERR_INPUT, "and no others: %s", err.message);
	ok(cf_attributes_safe(&s3, &s3) && cf_attributes_safe(&gcs, &gcs), "nobody needs to look between two stores of one kind");
	ok(!cf_attributes_safe(&s3, &gcs) && !cf_attributes_safe(&s3, &r2), "but elsewhere");
	for (int i = 0; i <= CF_CHARSET_RFC3339; i++)
		ok(cf_charset_name(i)[0] != '\0', "%s", cf_charset_name(i));
}

/* writes puts a small file with what is to be kept. */
static bool
writes(const char *key, const CfAttributes *attributes, const char *content_type)
{
	CfUploadArgs args = {.key = key, .owner_tag = key, .size_bytes = 1, .content_type = content_type, .storage_class = "",
		.metadata = "", .attributes = *attributes, .mtime_us = 1000000};
	CfObjectStat stat;
	CfStep		step;

	while ((step = cf_storage_put(&op, &args, "x", 1, &stat)) == CF_STEP_AGAIN)
		;
	return step == CF_STEP_DONE;
}

static void
test_directory(void)
{
	const CfAttributes some = {.cache_control = "no-cache", .content_language = "de", .metadata = "a=b\nc=d=e", .tags = "t=u\n"};
	const CfAttributes none = {0};
	CfAttributes big = {0};
	char		text[4000];
	CfObjectStat stat;

	if (!writes("some", &some, "text/plain"))
	{
		note("the file system has no extended attributes: %s", op.err.message);
		return;
	}
	ok(cf_storage_stat(&op, "some", &stat) == CF_STEP_DONE, "a file is written and looked at");
	is_str(stat.content_type, "text/plain", "it has its content type");
	is_str(stat.attributes.cache_control, "no-cache", "its headers");
	is_str(stat.attributes.content_language, "de", "all of them");
	is_str(stat.attributes.content_encoding, "", "and no others");
	is_str(stat.attributes.metadata, "a=b\nc=d=e\n", "its metadata");
	is_str(stat.attributes.tags, "t=u\n", "its tags");
	ok(writes("none", &none, "application/octet-stream") && cf_storage_stat(&op, "none", &stat) == CF_STEP_DONE, "a file that is nothing but bytes");
	is_str(stat.attributes.metadata, "", "says nothing");
	is_str(stat.content_type, "", "at all");
	memset(text, 'x', sizeof(text));
	memcpy(text, "a=", 2);
	text[3500] = '\0';
	big.metadata = text;
	ok(!writes("big", &big, "") && op.err.kind == CF_ERR_UNSUPPORTED && strstr(op.err.hint, "accept_loss") != NULL,
	   "what the file system has no room for is refused: %s", op.err.message);
	fail_nth("fsetxattr", 1, ENOTSUP);
	ok(writes("typed", &none, "text/plain"), "a content type alone is no reason");
	fail_nth("getxattrat", 1, EIO);
	ok(cf_storage_stat(&op, "some", &stat) == CF_STEP_ERROR, "what cannot be read is an error");
	fail_nth("getxattrat", 1, ENOENT);
	ok(cf_storage_stat(&op, "some", &stat) == CF_STEP_DONE && strcmp(stat.attributes.tags, "t=u\n") == 0, "without /proc the file is opened");
	fail_none();
}

int
main(void)
{
	cf_arena_init(&memory, &cf_arena_malloc, 4096, 0);
	s3 = place_of("AWS");
	azure = place_of("Azure");
	gcs = place_of("GCP");
	here = place_of("LOCAL");
	r2 = place_of("S3");
	CfPlaceOption preset[] = {{"preset", "r2"}, {"accept_loss", ""}};

	r2.options = preset;
	r2.option_count = 2;
	test_what_fits();
	test_names();
	test_limits();
	test_times();
	test_acceptance();
	place_open("");
	test_directory();
	place_close();
	cf_arena_free(&memory);
	return done_testing();
}
