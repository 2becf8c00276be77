/*
 * storage_conform.c
 *		The conformance suite against a server that runs: drivers and engine as they are, kernels under sanitizers.
 *
 *	storage_conform EXPECTED		environment: what test/harness/servers wrote
 *
 * CF_PROVIDER, CF_BUCKET, CF_OPTIONS and CF_CREDENTIALS (JSON, as for add_storage and set_credentials) tell the place, CF_BUCKET_TWO
 * a second one; CF_PREFIX puts all keys below a prefix, CF_LISTING sets the size of the long listing. EXPECTED has a line for
 * each case that does not run against this server, "skipped CASE: why". Those whose reason begins with "server:" are left out
 * because of this line; the others are told by the driver's capabilities. The last check compares them all: a capability that
 * vanishes is seen, and so is a line that is no longer true.
 */
#include <jansson.h>
#include <poll.h>
#include <unistd.h>

#include "harness/tap.h"
#include "storage/unit/storage_conformance.h"

#define LINES_MAX 64

static CfNet *net;
static CfArena arena;
static CfArena lasting;			/* places and what they point to */
static int64_t clock_off_us;
static char *expected[LINES_MAX];	/* "CASE: why" */
static int	expected_count;
static int	surprises;
static int	skipped_count;

/* The linker puts this in front of the clock (-Wl,--wrap), so that only this program can be wrong about the time. */
extern int64_t __real_cf_clock_now_us(void);
extern int64_t __wrap_cf_clock_now_us(void);

int64_t
__wrap_cf_clock_now_us(void)
{
	return __real_cf_clock_now_us() + clock_off_us;
}

static void
skew(int64_t us)
{
	clock_off_us = us;
}

static const char *
variable(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? otherwise : value;
}

/* send carries out one request; the suite does one thing at a time. */
static void
send_request(CfOp *op)
{
	int			tag;

	cf_net_submit(net, &op->request, &op->response, &op->request_arena, &tag);
	for (;;)
	{
		struct pollfd fd = {.fd = cf_net_fd(net), .events = POLLIN};

		cf_net_turn(net);
		if (cf_net_finished(net) == &tag)
			return;
		poll(&fd, 1, cf_net_wait_ms(net));
	}
}

/* skipped compares a case that does not run with the expected ones. */
static void
skipped(const char *name, const char *why)
{
	skipped_count++;
	for (int i = 0; i < expected_count; i++)
	{
		size_t		length = strlen(name);

		if (strncmp(expected[i], name, length) == 0 && strncmp(expected[i] + length, ": ", 2) == 0 &&
			strcmp(expected[i] + length + 2, why) == 0)
			return;
	}
	note("not expected: skipped %s: %s", name, why);
	surprises++;
}

static void
read_expected(const char *path)
{
	FILE	   *file = fopen(path, "r");
	char		line[512];

	if (file == NULL)
		bail("%s cannot be read", path);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "skipped ", 8) == 0 && expected_count < LINES_MAX - 1)
			expected[expected_count++] = cf_arena_strdup(&lasting, line + 8);
	}
	fclose(file);
}

/* without picks the expected lines that leave a case out. */
static const char *const *
without(void)
{
	const char **list = cf_arena_zalloc(&lasting, sizeof(char *) * (expected_count + 1));
	int			n = 0;

	for (int i = 0; i < expected_count; i++)
	{
		if (strstr(expected[i], ": server: ") != NULL)
			list[n++] = expected[i];
	}
	return list;
}

static json_t *
object_of(const char *name)
{
	json_t	   *object = json_loads(variable(name, "{}"), 0, NULL);

	if (!json_is_object(object))
		bail("%s is no JSON object", name);
	return object;
}

/* place_of makes the place of a bucket; options that the frame does not know are the driver's. */
static CfPlace *
place_of(const char *bucket)
{
	CfPlace    *place = cf_arena_zalloc(&lasting, sizeof(CfPlace));
	CfPlaceOption *options = cf_arena_zalloc(&lasting, sizeof(CfPlaceOption) * 16);
	CfCredentials *credentials = cf_arena_zalloc(&lasting, sizeof(CfCredentials));
	const char *name;
	json_t	   *value;
	json_t	   *object = object_of("CF_OPTIONS");

	place->provider = variable("CF_PROVIDER", "S3");
	place->name = variable("CF_SERVER", "server");
	place->bucket = bucket;
	place->prefix = variable("CF_PREFIX", "");
	place->region = place->endpoint = place->storage_class = "";
	place->options = options;
	place->credentials = credentials;
	place->token = cf_arena_zalloc(&lasting, sizeof(CfToken));
	place->net = (CfNetPlace) {.name = place->name, .ca_file = "", .client_cert_file = "", .client_key_file = ""};
	place->driver = cf_storage_driver(place->provider);
	if (place->driver == NULL)
		skip_all("this build has no driver for %s", place->provider);
	json_object_foreach(object, name, value)
	{
		const char *text = cf_arena_strdup(&lasting, json_string_value(value));

		if (strcmp(name, "endpoint") == 0)
			place->endpoint = text;
		else if (strcmp(name, "region") == 0)
			place->region = text;
		else
			options[place->option_count++] = (CfPlaceOption) {cf_arena_strdup(&lasting, name), text};
	}
	json_decref(object);
	object = object_of("CF_CREDENTIALS");
	json_object_foreach(object, name, value)
		credentials->items[credentials->count++] =
			(CfCredential) {cf_arena_strdup(&lasting, name), cf_arena_strdup(&lasting, json_string_value(value))};
	json_decref(object);
	return place;
}

/* with_wrong_secret spoils the secret of a place, which keeps its form; NULL when the store knows no secret of that kind. */
static CfPlace *
with_wrong_secret(const CfPlace *right)
{
	CfPlace    *place = place_of(right->bucket);
	CfCredentials *credentials = (CfCredentials *) place->credentials;

	for (int i = 0; i < credentials->count; i++)
	{
		char	   *value = cf_arena_strdup(&lasting, credentials->items[i].value);

		if (strcmp(credentials->items[i].name, "secret_access_key") != 0 &&
			strcmp(credentials->items[i].name, "account_key") != 0 && strcmp(credentials->items[i].name, "access_token") != 0)
			continue;
		value[0] = value[0] == 'a' ? 'b' : 'a';
		credentials->items[i].value = value;
		return place;
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	static const char *const s3_classes[] = {"STANDARD_IA", "GLACIER_IR", "GLACIER"};
	static const char *const azure_classes[] = {"Cool", "Cold", "Archive"};
	static const char *const gcs_classes[] = {"NEARLINE", "COLDLINE", "ARCHIVE"};
	CfNetOptions options = {.ca_file = "", .proxy = "", .no_proxy = "", .allow = "127.0.0.0/8"};
	Conformance what = {.arena = &arena, .send = send_request, .skew = skew, .skipped = skipped};
	CfPlace    *place;
	CfError		err = {0};

	if (argc != 2)
		bail("usage: storage_conform EXPECTED");
	cf_arena_init(&arena, &cf_arena_malloc, 65536, 0);
	cf_arena_init(&lasting, &cf_arena_malloc, 65536, 0);
	read_expected(argv[1]);
	place = place_of(variable("CF_BUCKET", "objects"));
	if (!cf_storage_place_check(place, &err))
		bail("%s: %s", err.message, err.detail);
	if ((net = cf_net_open(&options, &err)) == NULL)
		bail("%s", err.message);
	what.place = place;
	what.listing = (int) strtol(variable("CF_LISTING", "300"), NULL, 10);
	what.other = place_of(variable("CF_BUCKET_TWO", "objects-two"));
	what.forbidden = with_wrong_secret(place);
	if (place->region[0] != '\0')
	{
		CfPlace    *elsewhere = place_of(place->bucket);

		elsewhere->region = "eu-west-3";
		elsewhere->learned = cf_arena_zalloc(&lasting, sizeof(CfLearned));
		what.elsewhere = elsewhere;
	}
	what.classes = strcmp(place->provider, "Azure") == 0 ? azure_classes :
		strcmp(place->provider, "GCP") == 0 ? gcs_classes : s3_classes;
	what.without = without();
	conformance(&what);
	ok(surprises == 0 && skipped_count == expected_count,
	   "the %d cases that were skipped are those of the expected file (%d)", skipped_count, expected_count);
	cf_net_close(net);
	cf_arena_free(&arena);
	cf_arena_free(&lasting);
	return done_testing();
}
