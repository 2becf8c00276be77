/*
 * net_engine: the engine against a peer on loopback that misbehaves as the script says. Waits are a few milliseconds, or the clock
 * is the test's own.
 */
#include "tap.h"

#include "net_peer.h"

#include <fcntl.h>

#include "core/clock.h"
#include "net/attempt.h"

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag:  \"x\" \r\n\r\nhello"
#define BUSY "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"

static Peer peer;
static CfArena arena;
static CfNetPlace place;
static CfRequest request;
static CfResponse response;
static CfNetOptions options;
static CfNet *net;
static CfError err;
static char url[128];
static int	metered;
static CfNetMeter last_meter;
static char traced[1024];
static int	descriptors;
static int	descriptors_free;

static void
on_meter(void *ctx, const CfNetMeter *meter)
{
	(void) ctx;
	metered++;
	last_meter = *meter;
}

static void
on_trace(void *ctx, const char *line)
{
	(void) ctx;
	snprintf(traced, sizeof(traced), "%s", line);
}

static bool
on_descriptor(void *ctx, bool take)
{
	(void) ctx;
	if (take && descriptors >= descriptors_free)
		return false;
	descriptors += take ? 1 : -1;
	return true;
}

/* fresh makes a new engine with the test's usual options; places have no history in it. */
static void
fresh(void)
{
	cf_net_close(net);
	options = (CfNetOptions) {.allow = "127.0.0.0/8", .retry_max_us = 3000, .meter = on_meter, .trace = on_trace};
	place = (CfNetPlace) {.name = "here", .ca_file = "", .client_cert_file = "", .client_key_file = ""};
	net = cf_net_open(&options, &err);
	metered = 0;
}

/* prepare begins a request to the peer. */
static void
prepare(const char *method, const char *path)
{
	memset(&request, 0, sizeof(request));
	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", peer.port, path);
	request.method = method;
	request.url = url;
	request.verb = "Verb";
	request.place = &place;
	cf_arena_reset(&arena);
}

/* turn waits for the engine a little, and lets it turn. */
static void
turn(void)
{
	struct pollfd p = {.fd = cf_net_fd(net), .events = POLLIN};
	int			wait = cf_net_wait_ms(net);

	poll(&p, 1, wait < 0 || wait > 20 ? 20 : wait);
	cf_net_turn(net);
}

/* perform sends the request and waits for the answer. */
static void
perform(void)
{
	cf_net_submit(net, &request, &response, &arena, &request);
	while (!cf_net_take(net, &request))
		turn();
}

/* seen tells whether the n-th request that the peer got holds a text. */
static bool
seen(int n, const char *text)
{
	return strstr(peer.seen[n], text) != NULL;
}

static void
test_plain(void)
{
	char		sink[8];

	fresh();
	peer_script(&peer, {OK_HELLO, PEER_STAYS, 0, false});
	prepare("GET", "/a/../b//?c=d&sig=SECRET");
	request.headers[request.header_count++] = (CfHeader) {"X-Empty", ""};
	perform();
	is_int(response.status, 200, "an answer comes");
	is_str(response.body, "hello", "with its body");
	is_str(cf_net_answer(&response, "etag"), "\"x\"", "and its headers, names in lower case, without blanks around values");
	ok(response.sends == 1 && !response.truncated && response.clock_skew_us == 0, "sent once, whole");
	ok(strncmp(peer.seen[0], "GET /a/../b//?c=d&sig=SECRET HTTP/1.1\r\n", strlen("GET /a/../b//?c=d&sig=SECRET HTTP/1.1\r\n")) == 0, "the URL goes out as it is");
	ok(seen(0, "\r\nX-Empty:\r\n") && seen(0, "\r\nUser-Agent: cloudflux/") && !seen(0, "Content-Type") && !seen(0, "Expect"),
	   "with its headers, and none that nobody asked for");
	ok(metered == 1 && last_meter.status == 200 && last_meter.received_bytes > 5 && last_meter.sent_bytes > 20 && !last_meter.repeated,
	   "the attempt is metered");
	ok(strstr(traced, "sig=***") != NULL && strstr(traced, "SECRET") == NULL, "and traced without its signature");
	is_int(peer.connections, 1, "the connection stays");
	perform();
	is_int(peer.connections, 1, "and is used again");

	prepare("GET", "/sink");
	request.sink = sink;
	request.sink_bytes = sizeof(sink);
	perform();
	ok(response.sink_bytes == 5 && memcmp(sink, "hello", 5) == 0 && response.body[0] == '\0', "a body goes into the sink");
	request.sink_bytes = 4;
	perform();
	ok(response.status == 0 && response.err.kind == CF_ERR_UNSUPPORTED && !response.err.retryable, "one that is longer is refused");
	is_str(response.err.message, "request \"Verb\" to place \"here\" failed: the answer is longer than what was asked for", "in these words");

	peer_script(&peer, {"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", PEER_STAYS, 0, false});
	prepare("HEAD", "/head");
	perform();
	ok(response.status == 200 && strcmp(cf_net_answer(&response, "content-length"), "999") == 0, "HEAD waits for no body");
	peer_script(&peer, {"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", PEER_STAYS, 0, false});
	prepare("GET", "/redirect");
	perform();
	ok(response.status == 302 && peer.requests == 1, "a redirect is an answer like any other");
	peer_script(&peer, {"HTTP/1.1 204 No Content\r\n\r\n", PEER_STAYS, 0, false});
	prepare("DELETE", "/x");
	request.place = NULL;
	request.verb = NULL;
	perform();
	ok(response.status == 204 && !seen(0, "Content-Length") && strcmp(last_meter.verb, "DELETE") == 0 && last_meter.place[0] == '\0',
	   "without a place it is a plain HTTP client");
}

static void
test_bodies(void)
{
	size_t		big_bytes = 3 * 1024 * 1024 + 7;
	char	   *big = malloc(big_bytes);
	unsigned	sum = 0;

	for (size_t i = 0; i < big_bytes; i++)
	{
		big[i] = (char) (i * 31 + i / 1000);
		sum = sum * 31 + (unsigned char) big[i];
	}
	fresh();
	peer_script(&peer, {OK_EMPTY, PEER_STAYS, 0, false});
	prepare("PUT", "/k");
	perform();
	ok(seen(0, "PUT /k") && seen(0, "\r\nContent-Length: 0\r\n"), "an empty PUT says that it is empty");
	prepare("POST", "/k");
	request.body = "<x/>";
	request.body_bytes = 4;
	cf_net_header(&request, "content-type", "application/xml", &err);
	perform();
	ok(seen(1, "POST /k") && seen(1, "\r\ncontent-type: application/xml\r\n") && peer.body_bytes[1] == 4, "a small body goes with its type");
	prepare("PUT", "/k");
	request.body = big;
	request.body_bytes = 500000;
	request.net_class = CF_NET_BODY;
	perform();
	ok(response.status == 200 && peer.body_bytes[2] == 500000 && !seen(2, "Expect") && !seen(2, "chunked"), "a larger one with its length");

	peer_script(&peer, {OK_EMPTY, PEER_STAYS, 0, true});
	request.body_bytes = big_bytes;
	perform();
	ok(seen(0, "\r\nExpect: 100-continue\r\n"), "a large one asks first");
	ok(response.status == 200 && peer.body_bytes[0] == big_bytes && peer.body_sum[0] == sum, "100 Continue may come twice, the body is whole");
	ok(cf_net_answer(&response, "x-early")[0] == '\0', "headers of informational answers are not the answer's");

	peer_script(&peer, {BUSY, PEER_CLOSES, 0, false}, {NULL, PEER_RESETS, 0, false}, {OK_EMPTY, PEER_STAYS, 0, false});
	perform();
	ok(response.status == 200 && peer.body_sum[0] == sum && peer.body_sum[2] == sum, "each repetition sends the same bytes");
	is_int(response.sends, 3, "and is counted");
	ok(metered >= 3 && last_meter.repeated, "and metered as one");
	free(big);
}

static void
test_failures(void)
{
	char		headers[70000] = "HTTP/1.1 200 OK\r\nX: ";
	char		many[8192] = "HTTP/1.1 200 OK\r\n";
	int			port = peer.port;

	fresh();
	peer_script(&peer, {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", PEER_CLOSES, 0, false}, {OK_HELLO, PEER_STAYS, 0, false});
	prepare("GET", "/cut");
	perform();
	ok(response.status == 200 && response.sends == 2 && !response.truncated && strcmp(response.body, "hello") == 0, "a truncated answer is asked for again");
	peer_script(&peer, {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", PEER_CLOSES, 0, false});
	perform();
	ok(response.status == 0 && response.truncated && response.err.retryable && response.body[0] == '\0', "half a success is none");
	is_str(response.err.message, "request \"Verb\" to place \"here\" failed: the connection ended in the middle of the answer", "and told");
	is_int(peer.requests, 6, "after six attempts");
	peer_script(&peer, {"HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\nNoSuc", PEER_CLOSES, 0, false});
	fresh();
	perform();
	ok(response.status == 404 && response.truncated && strcmp(response.body, "NoSuc") == 0, "half an error is one");

	peer_script(&peer, {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n", PEER_STAYS, 0, false});
	perform();
	ok(response.status == 200 && response.body_bytes == 5 && cf_net_answer(&response, "x-trailer")[0] == '\0', "chunks are joined, trailers dropped");
	peer_script(&peer, {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", PEER_CLOSES, 0, false}, {OK_HELLO, PEER_STAYS, 0, false});
	perform();
	ok(response.status == 200 && response.sends == 2, "truncated chunks are noticed");
	peer_script(&peer, {"HTTP/1.1 200 OK\r\nContent-Le", PEER_RESETS, 0, false}, {OK_HELLO, PEER_STAYS, 0, false});
	perform();
	ok(response.status == 200 && response.sends == 2, "a reset in the headers is survived");
	peer_script(&peer, {NULL, PEER_CLOSES, 0, false}, {OK_HELLO, PEER_STAYS, 0, false});
	prepare("POST", "/never");
	request.repeat = CF_NET_REPEAT_NEVER;
	perform();
	ok(response.status == 0 && response.sends >= 1 && peer.requests == response.sends, "what must not be repeated is not, once it was sent");
	peer_script(&peer, {BUSY, PEER_STAYS, 0, false}, {OK_HELLO, PEER_STAYS, 0, false});
	perform();
	is_int(response.status, 503, "whatever the answer");
	prepare("GET", "/garbage");
	peer_script(&peer, {"SSH-2.0-OpenSSH\r\n\r\n", PEER_CLOSES, 0, false}, {OK_HELLO, PEER_STAYS, 0, false});
	perform();
	is_int(response.status, 200, "what is no HTTP is no answer");

	memset(headers + 20, 'h', sizeof(headers) - 21);
	memcpy(headers + sizeof(headers) - 5, "\r\n\r\n", 4);
	peer_script(&peer, {headers, PEER_STAYS, 0, false});
	perform();
	ok(response.status == 0 && response.err.kind != CF_ERR_NONE, "a header of 70 kB is refused");
	for (int i = 0; i < 100; i++)
		strcat(many, "X-Amz-Meta-A: b\r\n");
	strcat(many, "\r\n");
	peer_script(&peer, {many, PEER_STAYS, 0, false});
	perform();
	ok(response.status == 0 && response.err.kind == CF_ERR_UNSUPPORTED && !response.err.retryable && peer.requests == 1, "and so are a hundred of them");
	peer_script(&peer, {"HTTP/1.1 200 OK\r\nX-A: a\x01\x7f" "b\tc\r\n: noname\r\nContent-Length: 0\r\n\r\n", PEER_STAYS, 0, false});
	perform();
	is_str(cf_net_answer(&response, "x-a"), "a??b\tc", "control characters in headers become question marks, a line without a name is passed over");

	peer_script(&peer, {"HTTP/1.1 200 OK\r\n\r\n", PEER_DRIPS, 0, false});
	request.answer_max = 20;
	perform();
	ok(response.status == 0 && response.err.kind == CF_ERR_UNSUPPORTED, "a body without an end is cut off at its limit");
	peer_script(&peer, {"HTTP/1.1 403 Forbidden\r\n\r\n", PEER_DRIPS, 0, false});
	perform();
	ok(response.status == 403 && !response.truncated, "that of an error too, and the error counts");

	fresh();
	peer_stop(&peer);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
	perform();
	ok(response.status == 0 && response.sends == 0 && response.err.kind == CF_ERR_IO && response.err.retryable, "nobody listens: not sent");
	request.url = "https://nowhere.invalid/";
	request.repeat = CF_NET_REPEAT_NEVER;
	options.attempts_max = 1;
	cf_net_set_options(net, &options);
	perform();
	ok(strstr(response.err.message, "the host's name could not be resolved") != NULL, "a host that nobody knows is told so");
	request.url = "gopher://x";
	perform();
	is_int(response.err.kind, CF_ERR_INPUT, "a URL that is none");
	peer_start(&peer);
}

static void
test_guard(void)
{
	int			requests;

	fresh();
	peer_script(&peer, {OK_HELLO, PEER_STAYS, 0, false});
	prepare("GET", "/x");
	perform();
	is_int(response.status, 200, "an allowed address is reached");
	requests = peer.requests;
	options.allow = "10.0.0.0/8";
	cf_net_set_options(net, &options);
	metered = 0;
	perform();
	ok(response.status == 0 && response.err.kind == CF_ERR_DENIED && !response.err.retryable && response.sends == 0, "no more when it is not, over an open connection either");
	is_str(response.err.message, "request \"Verb\" to place \"here\" failed: host \"127.0.0.1\" is a loopback address", "which is told");
	ok(strstr(response.err.detail, "127.0.0.1") != NULL && strstr(response.err.hint, "cloudflux.net_allow") != NULL, "with the address and what helps");
	ok(peer.requests == requests && metered == 0, "nothing is sent, nothing is metered");
	snprintf(url, sizeof(url), "http://localhost:%d/", peer.port);
	perform();
	is_int(response.err.kind, CF_ERR_DENIED, "a name is what it resolves to");
	snprintf(url, sizeof(url), "http://2130706433:%d/", peer.port);
	perform();
	ok(response.status == 0 && response.sends == 0, "a number too");
	request.url = "http://169.254.169.254/latest/meta-data/";
	perform();
	is_str(response.err.message, "request \"Verb\" to place \"here\" failed: host \"169.254.169.254\" is a link-local address", "the metadata service is out of reach");
	options.allow = "localhost";
	cf_net_set_options(net, &options);
	snprintf(url, sizeof(url), "http://localhost:%d/", peer.port);
	request.url = url;
	perform();
	is_int(response.status, 200, "a host of the list may be private");
	request.metadata_service = true;
	perform();
	is_int(response.err.kind, CF_ERR_DENIED, "not for a credential source");
	options.allow = "no list,,";
	cf_net_set_options(net, &options);
	request.metadata_service = false;
	perform();
	is_int(response.err.kind, CF_ERR_DENIED, "a list that cannot be read allows nothing");
	options.allow = "127.0.0.0/8";
	cf_net_set_options(net, &options);
	request.metadata_service = true;
	prepare("GET", "/x");
	request.metadata_service = true;
	perform();
	ok(response.status == 200, "credential sources reach what everybody may");
}

static void
test_proxy(void)
{
	char		proxy[64];

	fresh();
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", peer.port);
	options.proxy = proxy;
	options.no_proxy = "127.0.0.1";
	options.allow = "127.0.0.0/8, *.corp";
	options.attempts_max = 1;
	cf_net_set_options(net, &options);
	peer_script(&peer, {OK_HELLO, PEER_STAYS, 0, false});
	prepare("GET", "/direct");
	perform();
	ok(response.status == 200 && seen(0, "GET /direct"), "hosts of no_proxy are reached directly");
	peer_script(&peer, {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", PEER_CLOSES, 0, false});
	request.url = "https://store.corp/k";
	perform();
	ok(seen(0, "CONNECT store.corp:443 HTTP/1.1\r\n") && response.status == 0 && response.sends == 0, "others by CONNECT; its answer is not the peer's");
	request.url = "https://elsewhere.example/k";
	perform();
	ok(response.err.kind == CF_ERR_DENIED && peer.requests == 1, "hosts that are not allowed are not even named to the proxy");
	is_str(response.err.message, "request \"Verb\" to place \"here\" failed: host \"elsewhere.example\" is behind the proxy, where only hosts of the allow list may be reached",
		   "which is told");
}

/* A driver that signs, and reads verdicts from the answers. */
static int	signed_times;
static int64_t signed_at_us;

static bool
sign(CfRequest *to, void *ctx, CfArena *memory, int64_t now_us, CfError *error)
{
	char		date[32];

	(void) ctx;
	signed_at_us = now_us;
	snprintf(date, sizeof(date), "%d", ++signed_times);
	return cf_net_header(to, "authorization", cf_arena_strdup(memory, date), error);
}

static bool
sign_not(CfRequest *to, void *ctx, CfArena *memory, int64_t now_us, CfError *error)
{
	(void) ctx;
	(void) memory;
	(void) now_us;
	cf_net_header(to, "authorization", "half", error);
	return cf_error_set(error, CF_ERR_DENIED, "no credentials");
}

static CfNetVerdict
classify(const CfRequest *to, const CfResponse *answer, void *ctx)
{
	(void) to;
	(void) ctx;
	if (strstr(answer->body, "RequestTimeTooSkewed") != NULL)
		return CF_NET_CLOCK;
	if (strstr(answer->body, "InternalError") != NULL)
		return CF_NET_RETRY;
	if (strstr(answer->body, "SlowDown") != NULL)
		return CF_NET_SLOW_DOWN;
	return answer->status == 401 ? CF_NET_REAUTHENTICATE : CF_NET_FINAL;
}

static void
test_verdicts(void)
{
	static const char skewed[] = "HTTP/1.1 403 Forbidden\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 20\r\n\r\nRequestTimeTooSkewed";
	int64_t		peer_us = INT64_C(784111777) * 1000000;

	fresh();
	prepare("GET", "/signed");
	request.sign = sign;
	request.classify = classify;
	cf_net_header(&request, "x-own", "1", &err);
	signed_times = 0;
	peer_script(&peer, {"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nInternalError", PEER_STAYS, 0, false}, {OK_HELLO, PEER_STAYS, 0, false});
	perform();
	ok(response.status == 200 && strcmp(response.body, "hello") == 0 && signed_times == 2, "an error inside a 200 is repeated, and signed afresh");
	ok(seen(0, "authorization: 1\r\n") && seen(1, "authorization: 2\r\n") && !seen(1, "authorization: 1\r\n") && seen(1, "x-own: 1\r\n"),
	   "without the headers of the signature before");
	is_int(request.header_count, 1, "which do not stay with the request");
	peer_script(&peer, {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", PEER_STAYS, 0, false});
	perform();
	ok(response.status == 401 && peer.requests == 1, "credentials that expired are not for the engine to renew");
	request.sign = sign_not;
	perform();
	ok(response.status == 0 && strcmp(response.err.message, "no credentials") == 0 && peer.requests == 1 && request.header_count == 1, "a request that cannot be signed is not sent");

	cf_clock_freeze(peer_us + INT64_C(3600000000));
	request.sign = sign;
	signed_times = 0;
	peer_script(&peer, {skewed, PEER_STAYS, 0, false}, {OK_HELLO, PEER_STAYS, 0, false});
	perform();
	ok(response.status == 200 && signed_times == 2 && signed_at_us == peer_us, "a clock that is wrong is corrected by the peer's Date");
	is_int(response.clock_skew_us, INT64_C(-3600000000), "and the difference told");
	perform();
	ok(response.status == 200 && signed_times == 3 && signed_at_us == peer_us, "the next request is signed right at once");
	peer_script(&peer, {skewed, PEER_STAYS, 0, false});
	perform();
	ok(response.status == 403 && peer.requests == 2, "once per request");
	cf_clock_freeze(peer_us + INT64_C(86400000000) * 2);
	perform();
	ok(response.status == 403 && peer.requests == 3, "never by more than a day");
	cf_clock_thaw();

	fresh();
	options.attempts_max = 3;
	cf_net_set_options(net, &options);
	peer_script(&peer, {BUSY, PEER_STAYS, 0, false});
	prepare("GET", "/busy");
	perform();
	ok(response.status == 503 && response.sends == 3 && strcmp(response.body, "busy") == 0, "after the last attempt the answer is the driver's to read");
	peer_script(&peer, {"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n", PEER_STAYS, 0, false}, {OK_HELLO, PEER_STAYS, 0, false});
	perform();
	is_int(response.status, 200, "429 is waited for");
}

static void
test_retry_after(void)
{
	int64_t		begin_us = INT64_C(784111777) * 1000000;
	int64_t		now_us = begin_us;

	fresh();
	options.retry_max_us = INT64_C(60000000);
	cf_net_set_options(net, &options);
	cf_clock_freeze(now_us);
	peer_script(&peer, {"HTTP/1.1 503 Slow Down\r\nRetry-After: 7\r\nContent-Length: 8\r\n\r\nSlowDown", PEER_STAYS, 0, false}, {OK_HELLO, PEER_STAYS, 0, false});
	prepare("GET", "/slow");
	request.classify = classify;
	cf_net_submit(net, &request, &response, &arena, &request);
	while (!cf_net_take(net, &request))
	{
		if (net->running > 0 || peer.requests == 0)
			turn();
		else
		{
			cf_net_turn(net);
			if (net->running == 0 && cf_net_wait_ms(net) > 0)
				cf_clock_freeze(now_us += cf_net_wait_ms(net) * INT64_C(1000));
		}
	}
	ok(response.status == 200 && now_us - begin_us >= 7000000, "Retry-After is waited for");
	is_int(cf_slot_limit(cf_slot_find(net->shared, 0, "here"), 0), 2, "and the number of requests at once was halved, and grew");
	cf_clock_thaw();
}

/* silent performs a request against a clock that goes on while nothing moves. */
static int64_t
silent(CfNetClass net_class)
{
	int64_t		begin_us = cf_clock_monotonic_us();
	int64_t		now_us = begin_us;
	int			idle = 0;

	fresh();
	options.attempts_max = 1;
	cf_net_set_options(net, &options);
	cf_clock_freeze(now_us);
	prepare("GET", "/silent");
	request.net_class = net_class;
	cf_net_submit(net, &request, &response, &arena, &request);
	while (!cf_net_take(net, &request))
	{
		struct pollfd p = {.fd = cf_net_fd(net), .events = POLLIN};

		idle = poll(&p, 1, 5) > 0 || peer.requests == 0 ? 0 : idle + 1;
		if (idle > 3)
			cf_clock_freeze(now_us += 1000000);
		cf_net_turn(net);
	}
	cf_clock_thaw();
	return now_us - begin_us;
}

static void
test_silence(void)
{
	peer_script(&peer, {NULL, PEER_IS_SILENT, 0, false});
	is_int(silent(CF_NET_CALL), 30000000, "a call waits 30 s for a sign of life");
	is_str(response.err.message, "request \"Verb\" to place \"here\" failed: no sign of life for 30 seconds", "and tells");
	ok(response.err.retryable && response.sends == 1, "it may have arrived");
	peer_script(&peer, {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nxx", PEER_IS_SILENT, 0, false});
	is_int(silent(CF_NET_BODY), 60000000, "a body may stand still for 60 s");
	ok(response.status == 0 && response.truncated, "half of it is no answer");
	peer_script(&peer, {NULL, PEER_IS_SILENT, 0, false});
	is_int(silent(CF_NET_SLOW), 900000000, "slow calls have 15 minutes");
}

static void
test_loris(void)
{
	int64_t		now_us = cf_clock_monotonic_us();

	fresh();
	options.attempts_max = 1;
	cf_net_set_options(net, &options);
	peer_script(&peer, {"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", PEER_DRIPS, 0, false});
	prepare("GET", "/loris");
	request.answer_max = 100000000;
	cf_net_submit(net, &request, &response, &arena, &request);
	/* Ten seconds pass per turn; a byte in each millisecond of ours is no sign of life then. */
	cf_clock_freeze(now_us);
	while (!cf_net_take(net, &request))
	{
		struct pollfd p = {.fd = cf_net_fd(net), .events = POLLIN};

		poll(&p, 1, 5);
		cf_net_turn(net);
		if (peer.requests > 0)
			cf_clock_freeze(now_us += 10000000);
	}
	cf_clock_thaw();
	ok(response.status == 0 && strstr(response.err.message, "no sign of life") != NULL, "a body that drips is given up");
}

#define MANY 24

static void
test_limits(void)
{
	static CfRequest requests[MANY];
	static CfResponse responses[MANY];
	static char bodies[65536];
	int64_t		begin_us;
	int64_t		elapsed_us;
	int			finished = 0;
	void	   *tag;

	fresh();
	place.max_connections = 3;
	peer_script(&peer, {OK_HELLO, PEER_STAYS, 0, false});
	prepare("GET", "/many");
	for (int i = 0; i < MANY; i++)
	{
		requests[i] = request;
		cf_net_submit(net, &requests[i], &responses[i], &arena, &responses[i]);
	}
	is_int(cf_net_pending(net), MANY, "many requests are handed over");
	while (cf_net_pending(net) > 0)
	{
		turn();
		while ((tag = cf_net_finished(net)) != NULL)
			finished += ((CfResponse *) tag)->status == 200;
	}
	is_int(finished, MANY, "all of them are answered");
	ok(peer.most_open <= 3, "never more at once than the place allows");
	is_int(cf_slot_find(net->shared, 0, "here")->running, 0, "and nothing is held afterwards");
	is_int(cf_net_wait_ms(net), -1, "then nothing is planned");
	ok(cf_net_finished(net) == NULL, "and nothing is left to tell");

	place.max_connections = 0;
	place.requests_per_second = 100;
	cf_net_turn(net);
	begin_us = cf_clock_monotonic_us();
	for (int i = 0; i < 30; i++)
		perform();
	elapsed_us = cf_clock_monotonic_us() - begin_us;
	ok(elapsed_us >= 40000, "requests per second are kept: 30 at 100 take what is beyond the burst");
	place.requests_per_second = 0;

	place.bandwidth_limit = 100000;
	request.method = "PUT";
	request.body = bodies;
	request.body_bytes = sizeof(bodies);
	begin_us = cf_clock_monotonic_us();
	perform();
	elapsed_us = cf_clock_monotonic_us() - begin_us;
	ok(response.status == 200 && elapsed_us >= 250000, "so are bytes per second on the way out");
	place.bandwidth_limit = 0;
	options.bandwidth_limit = 1000;
	cf_net_set_options(net, &options);
	prepare("GET", "/x");
	begin_us = cf_clock_monotonic_us();
	for (int i = 0; i < 100; i++)
		perform();
	ok(cf_clock_monotonic_us() - begin_us < 60000000, "small answers flow under a small limit");
	options.bandwidth_limit = 0;
	cf_net_set_options(net, &options);

	/* Another process holds all there is of a place. */
	cf_slot_find(net->shared, 0, "here")->running = 16;
	cf_net_submit(net, &request, &response, &arena, &request);
	turn();
	ok(net->running == 0 && cf_net_wait_ms(net) <= 20, "what others hold is looked for again soon");
	cf_slot_find(net->shared, 0, "here")->running = 0;
	while (!cf_net_take(net, &request))
		turn();
	is_int(response.status, 200, "and taken when they give it back");
}

static void
test_bandwidth_in(void)
{
	size_t		length = 200000;
	char	   *answer = malloc(length + 100);
	int			head = snprintf(answer, 100, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", length);
	char	   *sink = malloc(length);
	int64_t		begin_us;

	fresh();
	memset(answer + head, 'z', length);
	peer_script(&peer, {answer, PEER_STAYS, (size_t) head + length, false});
	place.bandwidth_limit = 400000;
	prepare("GET", "/in");
	request.sink = sink;
	request.sink_bytes = length;
	begin_us = cf_clock_monotonic_us();
	perform();
	ok(response.status == 200 && response.sink_bytes == length && sink[length - 1] == 'z', "a body comes in pieces");
	ok(cf_clock_monotonic_us() - begin_us >= 100000, "at the rate that is allowed");
	free(answer);
	free(sink);
}

static void
test_breaker(void)
{
	fresh();
	peer_script(&peer, {NULL, PEER_CLOSES, 0, false});
	prepare("GET", "/down");
	perform();
	perform();
	is_int(peer.requests, 10, "a place that fails ten times in a row");
	perform();
	ok(response.status == 0 && response.err.retryable && response.sends == 0 && peer.requests == 10, "is left alone");
	ok(strncmp(response.err.message, "place \"here\" does not answer", 28) == 0, "which is told");
	place.name = "there";
	peer_script(&peer, {OK_HELLO, PEER_STAYS, 0, false});
	perform();
	is_int(response.status, 200, "other places are not");
	place.name = "here";
	cf_slot_find(net->shared, 0, "here")->breaker.until_us = cf_clock_monotonic_us();
	perform();
	is_int(response.status, 200, "later it is tried again");
	is_str(cf_breaker_state(&cf_slot_find(net->shared, 0, "here")->breaker, cf_clock_monotonic_us()), "closed", "and used as before");
	peer_script(&peer, {"HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n", PEER_STAYS, 0, false});
	for (int i = 0; i < CF_BREAKER_FAILURES + 1; i++)
		perform();
	is_int(peer.requests, CF_BREAKER_FAILURES + 1, "who does not know a call, however often it is asked, is not left alone");
	cf_slot_find(net->shared, 0, "here")->budget.spent = 500;
	peer_script(&peer, {BUSY, PEER_STAYS, 0, false});
	perform();
	ok(response.status == 503 && peer.requests == 1, "without a budget nothing is repeated");
}

static void
test_job_budget(void)
{
	CfNetBudget budget = {.spent = CF_RETRY_JOB_TOKENS - 5};

	fresh();
	prepare("GET", "/budget");
	request.budget = &budget;
	peer_script(&peer, {BUSY, PEER_STAYS, 0, false});
	perform();
	ok(response.status == 503 && peer.requests == 2, "a job repeats as often as its budget allows");
	perform();
	ok(peer.requests == 3 && response.budget_spent, "and then no more, and the answer says why");
	request.budget = NULL;
	peer_script(&peer, {BUSY, PEER_STAYS, 0, false}, {OK_HELLO, PEER_STAYS, 0, false});
	perform();
	ok(response.status == 200 && peer.requests == 2, "while others do");
	peer_script(&peer, {OK_HELLO, PEER_STAYS, 0, false});
	request.budget = &budget;
	for (int i = 0; i < 5; i++)
		perform();
	peer_script(&peer, {BUSY, PEER_STAYS, 0, false}, {OK_HELLO, PEER_STAYS, 0, false});
	perform();
	ok(response.status == 200 && peer.requests == 2, "and it may again after five good answers");
	cf_slot_find(net->shared, 0, "here")->budget.spent = CF_RETRY_PLACE_TOKENS;
	budget.spent = 0;
	peer_script(&peer, {BUSY, PEER_STAYS, 0, false});
	perform();
	ok(peer.requests == 1 && budget.spent == 0 && !response.budget_spent, "what its place refuses costs it nothing");
}

static void
test_cancel(void)
{
	CfResponse	other;
	static CfNetTally tally;

	fresh();
	peer_script(&peer, {NULL, PEER_IS_SILENT, 0, false});
	prepare("GET", "/hangs");
	request.tally = &tally;
	cf_net_submit(net, &request, &response, &arena, &request);
	cf_net_submit(net, &request, &other, &arena, &other);
	while (peer.requests < 2)
		turn();
	metered = 0;
	cf_net_cancel(net, &request);
	is_int(cf_net_pending(net), 1, "a request under way can be forgotten");
	is_int(metered, 1, "and is metered, since it was sent");
	ok(tally.count == 1 && tally.rows[0].requests == 1 && tally.rows[0].billed == 0, "also on the account of its job");
	is_int(cf_slot_find(net->shared, 0, "here")->running, 1, "its place is free at once");
	cf_net_cancel(net, &request);
	is_int(cf_net_pending(net), 1, "forgetting it twice changes nothing");
	cf_net_close(net);
	net = NULL;
	ok(true, "closing the engine forgets the rest");
	cf_net_close(NULL);

	fresh();
	request.url = "no url";
	cf_net_submit(net, &request, &response, &arena, &request);
	is_int(cf_net_wait_ms(net), 0, "what is finished at once is told at once");
	cf_net_cancel(net, &request);
	ok(cf_net_finished(net) == NULL && cf_net_pending(net) == 0, "an answer that nobody wants any more is not told");
	cf_net_submit(net, &request, &response, &arena, &request);
	ok(cf_net_finished(net) == &request, "one that somebody wants is");
	ok(!cf_net_take(net, &request), "once");
	cf_net_submit(net, &request, &response, &arena, &request);
}

static void
test_descriptors(void)
{
	fresh();
	options.descriptor = on_descriptor;
	options.attempts_max = 1;
	descriptors_free = 0;
	cf_net_set_options(net, &options);
	peer_script(&peer, {OK_HELLO, PEER_STAYS, 0, false});
	prepare("GET", "/fd");
	perform();
	ok(response.status == 0 && response.err.retryable && strstr(response.err.message, "no file descriptor is free") != NULL, "without a descriptor nothing is sent");
	descriptors_free = 1;
	perform();
	ok(response.status == 200 && descriptors == 1, "each connection takes one");
	cf_net_close(net);
	net = NULL;
	is_int(descriptors, 0, "and gives it back");
}

static void
test_memory(void)
{
	CfArena		tiny;
	bool		answered = false;

	fresh();
	peer_script(&peer, {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\nhello", PEER_STAYS, 0, false});
	for (size_t bytes = 32; bytes < 512 && !answered; bytes += 32)
	{
		prepare("GET", "/m");
		cf_arena_init(&tiny, &cf_arena_malloc, bytes, bytes);
		cf_net_submit(net, &request, &response, &tiny, &request);
		while (!cf_net_take(net, &request))
			turn();
		answered = response.status == 200;
		if (!answered && (response.err.kind != CF_ERR_MEMORY || response.header_count != 0))
			ok(false, "memory for %zu bytes", bytes);
		cf_arena_free(&tiny);
	}
	ok(answered, "an answer that the caller has no memory for is an error of its own");
}

static void
test_pause(void)
{
	int64_t		begin_us = cf_clock_monotonic_us();
	int			requests = peer.requests;

	fresh();
	prepare("GET", "/never");
	request.url = NULL;
	request.pause_ms = 30;
	perform();
	ok(response.status == 0 && response.err.kind == CF_ERR_NONE && peer.requests == requests, "a pause ends by itself, and nothing is sent");
	ok(cf_clock_monotonic_us() - begin_us >= 30000, "not before its time");
}

int
main(void)
{
	sigset_t	before;
	sigset_t	after;

	sigprocmask(SIG_SETMASK, NULL, &before);
	cf_arena_init(&arena, &cf_arena_malloc, 8192, 0);
	peer_start(&peer);
	test_plain();
	test_bodies();
	test_failures();
	test_guard();
	test_proxy();
	test_verdicts();
	test_retry_after();
	test_silence();
	test_loris();
	test_limits();
	test_bandwidth_in();
	test_breaker();
	test_job_budget();
	test_cancel();
	test_pause();
	test_descriptors();
	test_memory();
	cf_net_close(net);
	peer_stop(&peer);
	cf_arena_free(&arena);
	sigprocmask(SIG_SETMASK, NULL, &after);
	ok(memcmp(&before, &after, sizeof(before)) == 0, "the signals that were blocked meanwhile are not any more");
	return done_testing();
}
