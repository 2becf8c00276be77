/*
 * net_engine: the engine against a peer that misbehaves as the script says.
 */
#include "tap.h"

#include "net_peer.h"

#include "core/clock.h"
#include "net/attempt.h"

static Peer peer;
static CfArena arena;
static CfNetPlace place = {.name = "here", .ca_file = "", .client_cert_file = "", .client_key_file = ""};
static CfRequest request;
static CfResponse response;
static CfNetOptions options = {.allow = "127.0.0.0/8", .retry_max_us = 5000};
static CfNet *net;
static char url[128];

/* get prepares a request. */
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

/* drive turns the engine until a request is answered. */
static void
drive(CfNet *engine)
{
	while (cf_net_finished(engine) == NULL)
	{
		struct pollfd p = {.fd = cf_net_fd(engine), .events = POLLIN};
		int			wait = cf_net_wait_ms(engine);

		poll(&p, 1, wait < 0 || wait > 20 ? 20 : wait);
		cf_net_turn(engine);
	}
}

static void
perform(void)
{
	cf_net_submit(net, &request, &response, &arena, &request);
	drive(net);
}

int
main(void)
{
	CfError		err;

	cf_arena_init(&arena, &cf_arena_malloc, 8192, 0);
	peer_start(&peer);
	net = cf_net_open(&options, &err);
	ok(net != NULL, "an engine opens");

	peer_script(&peer, {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag:  \"x\" \r\n\r\nhello", PEER_STAYS, 0, false});
	prepare("GET", "/a/../b?c=d");
	perform();
	is_int(response.status, 200, "an answer comes");
	is_str(response.body, "hello", "with its body");
	is_str(cf_net_answer(&response, "etag"), "\"x\"", "and its headers, names in lower case, values without blanks around");
	is_int(response.sends, 1, "it was sent once");
	ok(strncmp(peer.seen[0], "GET /a/../b?c=d HTTP/1.1\r\n", 26) == 0, "the path goes out as it is");
	note("%s", response.err.message);
	note("%s", peer.seen[0]);

	cf_net_close(net);
	peer_stop(&peer);
	cf_arena_free(&arena);
	return done_testing();
}
