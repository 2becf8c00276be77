/*
 * How a handle is secured: what is refused before anybody is asked, tokens in files, and that no line of the log repeats a password.
 * That brokers let us in is proven against a real one (test/events/t/events_secure_cloud.t).
 */
#include "tap.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "events/kafka_client.h"
#include "security/security.h"

static char dir[] = "/tmp/cf_token_XXXXXX";

/* in_file writes a text into a file and gives its path. */
static const char *
in_file(const char *text)
{
	static char path[64];
	FILE	   *file;

	snprintf(path, sizeof(path), "%s/token", dir);
	file = fopen(path, "w");
	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
		bail("a file cannot be written");
	return path;
}

/* jwt makes a token of a body. */
static const char *
jwt(const char *body)
{
	static char token[2048];
	char		encoded[1024];

	cf_base64url_encode(body, strlen(body), encoded);
	snprintf(token, sizeof(token), "eyJhbGciOiJub25lIn0.%s.", encoded);
	return token;
}

static void
test_tokens(void)
{
	char		token[CF_KAFKA_TOKEN_BYTES];
	char		principal[CF_KAFKA_PRINCIPAL_BYTES];
	char	   *large = malloc(CF_KAFKA_TOKEN_BYTES + 1);
	char		link[64];
	int64_t		until;
	int64_t		now = cf_clock_now_us() / 1000;
	CfError		err;

	ok(cf_kafka_token_read(in_file(jwt("{\"sub\":\"alice\",\"exp\":2000000000}")), token, &until, principal, &err), "a token is read");
	is_str(token, jwt("{\"sub\":\"alice\",\"exp\":2000000000}"), "as it is");
	is_int(until, INT64_C(2000000000000), "with the end of its time");
	is_str(principal, "alice", "and its name");
	in_file(jwt("{\"exp\":1.5}"));
	ok(cf_kafka_token_read(in_file("a.b~.c\r\n\n"), token, &until, principal, &err), "one that cannot be looked into is good enough");
	is_str(token, "a.b~.c", "without the ends of its lines");
	ok(until > now && until < now + 600000, "for some minutes");
	is_str(principal, "cloudflux", "under our own name");
	ok(cf_kafka_token_read(in_file("opaque"), token, &until, principal, &err) && until > now, "so is one without parts");
	ok(cf_kafka_token_read(in_file(jwt("[1]")), token, &until, principal, &err) && until > now, "or whose part is no object");
	ok(cf_kafka_token_read(in_file(jwt("{\"exp\":1e300,\"sub\":7}")), token, &until, principal, &err) && until < now + 600000, "or tells nonsense");
	memset(large, 'x', CF_KAFKA_TOKEN_BYTES);
	large[CF_KAFKA_TOKEN_BYTES] = '\0';
	ok(!cf_kafka_token_read(in_file(large), token, &until, principal, &err) && err.kind == CF_ERR_INPUT, "what is too long is refused");
	ok(strstr(err.message, "xxx") == NULL, "and not repeated: %s", err.message);
	ok(!cf_kafka_token_read(in_file("\n"), token, &until, principal, &err) && err.kind == CF_ERR_INPUT, "so is nothing");
	ok(!cf_kafka_token_read(dir, token, &until, principal, &err) && err.kind == CF_ERR_INPUT, "and a folder: %s", err.message);
	snprintf(link, sizeof(link), "%s/none", dir);
	ok(!cf_kafka_token_read(link, token, &until, principal, &err), "and a file that is not there: %s", err.message);
	free(large);
}

static void
test_advice(void)
{
	const CfKafkaSecurity scram = {.tls = true, .mechanism = "SCRAM-SHA-512"};
	const CfKafkaSecurity plain = {.tls = true, .mechanism = "PLAIN"};
	const char *refused = "FAIL: [thrd:x]: SASL authentication error: no";
	bool		old = rd_kafka_version() < 0x020601ff;

	ok(strstr(cf_kafka_advice(&plain, refused), "set_credentials") != NULL, "a password may be wrong");
	ok((strstr(cf_kafka_advice(&scram, refused), "2.6.1") != NULL) == old, "or the library too old for the broker");
	ok(strstr(cf_kafka_advice(&plain, "FAIL: SSL handshake failed: certificate has expired"), "ca_file") != NULL, "or a certificate");
	ok(strstr(cf_kafka_advice(&plain, "OAUTHBEARER: token file \"/x\" does not hold a token"), "token_file") != NULL, "or a token");
	ok(cf_kafka_advice(&plain, "FAIL: Connect to ipv4#127.0.0.1:1 failed") == NULL, "of a broker that is away nothing is known");
	ok(cf_kafka_advice(NULL, "FAIL: Connect to ipv4#127.0.0.1:1 failed") == NULL, "in clear, too");
	ok(strstr(cf_kafka_advice(NULL, "FAIL: Disconnected while requesting ApiVersion: might be caused by incorrect security.protocol"), "kafka_server") != NULL,
	   "but who hangs up may want TLS");
}

/* first_line waits for a line of the log that has a word. */
static bool
first_line(CfKafkaLog *log, const char *word, char line[CF_KAFKA_LINE_BYTES])
{
	for (int i = 0; i < 3000; i++)
	{
		while (cf_kafka_log_take(log, line))
		{
			if (strstr(line, word) != NULL)
				return true;
		}
		usleep(10000);
	}
	return false;
}

static void
test_masked(void)
{
	const CfKafkaSecurity security = {.mechanism = "PLAIN", .username = "alice", .password = "refused"};
	const CfKafkaSecurity nowhere = {.tls = true, .ca_file = "/nowhere/ca.pem", .password = "ca.pem"};
	const CfKafkaSecurity unknown = {.mechanism = "PLAIN", .username = "alice", .password = "secret", .key_file = ""};
	const CfKafkaProperty wrong = {"acks", "perhaps", 0};
	CfKafkaLog *log = cf_kafka_log_make();
	CfKafkaClient *client;
	rd_kafka_t *handle;
	char		line[CF_KAFKA_LINE_BYTES];
	CfError		err;

	ok(cf_kafka_client_open("127.0.0.1:1", &security, log, NULL, &client, &err), "a client is made: %s", err.message);
	ok(cf_kafka_client_handle(client, RD_KAFKA_PRODUCER, &wrong, 1, NULL, &err) == NULL && err.kind == CF_ERR_INPUT, "a wrong property is refused: %s", err.message);
	handle = cf_kafka_client_handle(client, RD_KAFKA_PRODUCER, NULL, 0, NULL, &err);
	ok(handle != NULL, "a handle, too");
	ok(first_line(log, "*******", line), "what repeats the password is masked: %s", line);
	ok(strstr(line, "refused") == NULL, "wherever it stands");
	rd_kafka_destroy(handle);
	cf_kafka_client_close(client);
	ok(cf_kafka_client_open("127.0.0.1:1", &nowhere, log, NULL, &client, &err), "files are not looked at yet");
	ok(cf_kafka_client_handle(client, RD_KAFKA_PRODUCER, NULL, 0, NULL, &err) == NULL, "but when a handle is made");
	ok(strstr(err.message, "ca.pem") == NULL, "and that error repeats no password: %s", err.message);
	cf_kafka_client_close(client);
	if (cf_kafka_client_open("127.0.0.1:1", &unknown, log, NULL, &client, &err))
		cf_kafka_client_close(client);
	ok(strstr(err.message, "secret") == NULL, "nor does any other");
	cf_kafka_log_free(log);
}

/* test_bearer reaches nobody: a broker is asked for nothing before there is a token. */
static void
test_bearer(void)
{
	char		path[64];
	CfKafkaSecurity security = {.mechanism = "OAUTHBEARER", .token_file = path};
	CfKafkaLog *log = cf_kafka_log_make();
	CfKafkaClient *client;
	rd_kafka_t *handle;
	char		line[CF_KAFKA_LINE_BYTES];
	CfError		err;

	snprintf(path, sizeof(path), "%s/none", dir);
	ok(cf_kafka_client_open("127.0.0.1:1", &security, log, NULL, &client, &err), "a client with tokens is made: %s", err.message);
	handle = cf_kafka_client_handle(client, RD_KAFKA_PRODUCER, NULL, 0, NULL, &err);
	ok(handle != NULL && first_line(log, "OAUTHBEARER: could not open token file", line), "a file that is missing is told: %s", line);
	rd_kafka_destroy(handle);
	cf_kafka_client_close(client);
	security.token_file = in_file(jwt("{\"sub\":\"alice\",\"exp\":1000}"));
	ok(cf_kafka_client_open("127.0.0.1:1", &security, log, NULL, &client, &err), "another one");
	handle = cf_kafka_client_handle(client, RD_KAFKA_PRODUCER, NULL, 0, NULL, &err);
	ok(handle != NULL && first_line(log, "the bearer token cannot be used", line), "so is one whose time is over: %s", line);
	rd_kafka_destroy(handle);
	cf_kafka_client_close(client);
	cf_kafka_log_free(log);
}

static void
test_brokers(void)
{
	static const char *const good[] = {"kafka", "kafka:9092", "k1:9092,k2:9092", " k1 , k2:1 ", "10.0.0.1:65535", "[::1]:9092", "[fe80::1%1]"};
	static const char *const bad[] = {"", " ", ",", "kafka:", "kafka:0", "kafka:65536", "kafka:999999999999", "kafka:http", ":9092", "a:1,,b:2", "a:1,", "a:1 b:2",
	"http://kafka:9092", "SSL://kafka:9092", "user@kafka:1", "::1", "[::1", "[]:1", "[::1]x", "[kafka]:1", "kafka:1x"};
	char		large[300];
	CfError		err;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(cf_kafka_brokers_check(good[i], &err), "brokers: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!cf_kafka_brokers_check(bad[i], &err) && err.kind == CF_ERR_INPUT && err.hint[0] != '\0', "no brokers: \"%s\"", bad[i]);
	memset(large, 'k', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	ok(!cf_kafka_brokers_check(large, &err), "nor a name that is too long");
}

int
main(void)
{
	char		path[64];

	if (mkdtemp(dir) == NULL)
		bail("no folder");
	test_brokers();
	test_tokens();
	test_advice();
	test_masked();
	test_bearer();
	snprintf(path, sizeof(path), "%s/token", dir);
	unlink(path);
	rmdir(dir);
	return done_testing();
}
