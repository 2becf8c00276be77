/*
 * net_names: hosts are judged by the addresses that their names have. Names are resolved by this program: its getaddrinfo() stands before
 * that of the C library, for libcurl too. A trap listens at an address that is not allowed.
 */
#include "tap.h"

#include "net_peer.h"

#include <netdb.h>

#include "core/clock.h"
#include "net/attempt.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define NAME "store.example"
#define ADDRESSES_MAX 4

static Peer peer;
static int	trap;
static int	unheard;			/* a port that is taken and where nobody listens */
static int	unheard_port;
static CfArena arena;
static CfNetPlace place;
static CfRequest request;
static CfResponse response;
static CfNetOptions options;
static CfNet *net;
static CfError err;
static char url[128];
static int	metered;

/* What the name has, in the order in which it is told. libcurl asks in a thread of its own, and waits for it. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *addresses[ADDRESSES_MAX + 1];
static int	asked;

typedef struct Told
{
	struct addrinfo info;
	struct sockaddr_storage address;
} Told;

/* tell adds one address to a list; whatever has no colon is IPv4. */
static struct addrinfo *
tell(const char *address, int port, int type, struct addrinfo *next)
{
	Told	   *told = calloc(1, sizeof(Told));
	struct sockaddr_in *v4 = (struct sockaddr_in *) &told->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) &told->address;
	bool		is_v6 = strchr(address, ':') != NULL;

	told->info = (struct addrinfo) {.ai_family = is_v6 ? AF_INET6 : AF_INET, .ai_socktype = type == 0 ? SOCK_STREAM : type,
		.ai_protocol = IPPROTO_TCP, .ai_addrlen = is_v6 ? sizeof(*v6) : sizeof(*v4), .ai_addr = (struct sockaddr *) &told->address, .ai_next = next};
	told->address.ss_family = (sa_family_t) told->info.ai_family;
	if (is_v6)
		v6->sin6_port = htons((uint16_t) port);
	else
		v4->sin_port = htons((uint16_t) port);
	inet_pton(told->info.ai_family, address, is_v6 ? (void *) &v6->sin6_addr : (void *) &v4->sin_addr);
	return &told->info;
}

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	int			count = 0;

	*result = NULL;
	if (node == NULL || strcmp(node, NAME) != 0)
		return EAI_NONAME;
	pthread_mutex_lock(&mutex);
	asked++;
	while (addresses[count] != NULL)
		count++;
	while (count > 0)
		*result = tell(addresses[--count], service == NULL ? 0 : atoi(service), hints == NULL ? 0 : hints->ai_socktype, *result);
	pthread_mutex_unlock(&mutex);
	return *result == NULL ? EAI_NONAME : 0;
}

void
freeaddrinfo(struct addrinfo *list)
{
	while (list != NULL)
	{
		struct addrinfo *next = list->ai_next;

		free(list);				/* the first member of what tell() made */
		list = next;
	}
}

static void
on_meter(void *ctx, const CfNetMeter *meter)
{
	(void) ctx;
	(void) meter;
	metered++;
}

/* listen_at takes a port of an address, 0 = any, and listens there unless silent; -1 = somebody has it. */
static int
listen_at(const char *address, int port, bool silent, int *taken)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
	socklen_t	length = sizeof(at);
	int			fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, address, &at.sin_addr);
	if (bind(fd, (struct sockaddr *) &at, length) == 0 && (silent || listen(fd, 8) == 0) && getsockname(fd, (struct sockaddr *) &at, &length) == 0)
	{
		*taken = ntohs(at.sin_port);
		return fd;
	}
	close(fd);
	return -1;
}

static bool
trapped(void)
{
	struct pollfd p = {.fd = trap, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

/* ask_at sends one request to the name, by an engine that knows nothing yet; the name has these addresses, up to NULL. */
static void
ask_at(const char *allow, int port, const char *const *list)
{
	pthread_mutex_lock(&mutex);
	memset(addresses, 0, sizeof(addresses));
	for (int i = 0; i < ADDRESSES_MAX && list[i] != NULL; i++)
		addresses[i] = list[i];
	asked = 0;
	pthread_mutex_unlock(&mutex);
	cf_net_close(net);
	options = (CfNetOptions) {.allow = allow, .retry_max_us = 3000, .attempts_max = 2, .meter = on_meter};
	place = (CfNetPlace) {.name = "here", .ca_file = "", .client_cert_file = "", .client_key_file = ""};
	net = cf_net_open(&options, &err);
	metered = 0;
	memset(&request, 0, sizeof(request));
	snprintf(url, sizeof(url), "http://" NAME ":%d/x", port);
	request.method = "GET";
	request.url = url;
	request.verb = "Verb";
	request.place = &place;
	cf_arena_reset(&arena);
	peer_script(&peer, {OK_HELLO, PEER_CLOSES, 0, false});
	cf_net_submit(net, &request, &response, &arena, &request);
	while (!cf_net_take(net, &request))
	{
		struct pollfd p = {.fd = cf_net_fd(net), .events = POLLIN};
		int			wait = cf_net_wait_ms(net);

		poll(&p, 1, wait < 0 || wait > 20 ? 20 : wait);
		cf_net_turn(net);
	}
}

#define ask(allow, port, ...) ask_at(allow, port, (const char *const[]) {__VA_ARGS__, NULL})

static void
test_refused(void)
{
	static const char *const bad[][2] = {
		{"169.254.169.254", "a link-local address"}, {"fe80::1", "a link-local address"}, {"fd00:ec2::254", "an address of a metadata service"},
		{"::ffff:169.254.169.254", "an IPv4 address inside an IPv6 address"}, {"64:ff9b::a9fe:a9fe", "an IPv4 address inside an IPv6 address"},
		{"127.0.0.2", "a loopback address"}, {"0.0.0.0", "an unspecified address"}, {"10.0.0.1", "a private address"},
	};
	char		said[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		ask("127.0.0.1", peer.port, bad[i][0]);
		snprintf(said, sizeof(said), "request \"Verb\" to place \"here\" failed: host \"" NAME "\" is %s", bad[i][1]);
		is_str(response.err.message, said, "a name that has %s", bad[i][0]);
		ok(asked > 0 && response.err.kind == CF_ERR_DENIED && !response.err.retryable && response.status == 0 && response.sends == 0 && metered == 0,
		   "is refused, nothing is sent, nothing metered");
		ok(strstr(response.err.detail, bad[i][0]) != NULL && strstr(response.err.hint, "cloudflux.net_allow") != NULL, "the address is told, and what helps");
	}
	ask("127.0.0.1", peer.port, "169.254.169.254", "fe80::1", "127.0.0.2");
	ok(response.err.kind == CF_ERR_DENIED && response.sends == 0, "several addresses that are all refused are no better");
	ask(NAME, peer.port, "169.254.169.254");
	is_int(response.err.kind, CF_ERR_DENIED, "a name of the list opens no link-local address");
}

static void
test_mixed(void)
{
	static const char *const bad[] = {"169.254.169.254", "fe80::1", "127.0.0.2", "fd00:ec2::254"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		ask("127.0.0.1", peer.port, bad[i], "127.0.0.1");
		ok(response.status == 200 && response.err.kind == CF_ERR_NONE && peer.requests == 1, "%s is passed over for an address that is allowed", bad[i]);
		ask("127.0.0.1", peer.port, "127.0.0.1", bad[i]);
		ok(response.status == 200 && response.err.kind == CF_ERR_NONE && peer.requests == 1, "in whatever order they are told");

		/* Nobody listens there. */
		ask("127.0.0.1", unheard_port, bad[i], "127.0.0.1");
		ok(response.status == 0 && response.err.kind != CF_ERR_DENIED && response.err.retryable, "where nobody answers at the allowed one, that is the error, and passes");
		ask("127.0.0.1", unheard_port, "127.0.0.1", bad[i]);
		ok(response.status == 0 && response.err.kind != CF_ERR_DENIED && response.err.retryable, "also when the refused one comes last");
		ok(strstr(response.err.message, bad[i]) == NULL && strstr(response.err.detail, bad[i]) == NULL, "of the refused one nothing is said");
	}
	ask(NAME, peer.port, "169.254.169.254", "127.0.0.1", "fe80::1");
	is_int(response.status, 200, "a name of the list reaches its private address, past the link-local ones");
}

/* A name that has another address the next time it is looked up: what passed before does not count. */
static void
test_rebound(void)
{
	ask("127.0.0.1", peer.port, "127.0.0.1");
	is_int(response.status, 200, "a name has an address that is allowed");
	ask("127.0.0.1", peer.port, "127.0.0.2");
	is_int(response.err.kind, CF_ERR_DENIED, "and is refused when it has another one");
}

int
main(void)
{
	int			port;
	int			tries = 0;

	cf_arena_init(&arena, &cf_arena_malloc, 8192, 0);
	peer_start(&peer);
	while ((trap = listen_at("127.0.0.2", peer.port, false, &port)) < 0 && tries++ < 10)
	{
		peer_stop(&peer);
		peer_start(&peer);
	}
	unheard = listen_at("127.0.0.1", 0, true, &unheard_port);
	if (trap < 0 || unheard < 0)
		bail("cannot listen on loopback");
	test_refused();
	test_mixed();
	test_rebound();
	ok(!trapped(), "nobody has come to the trap");
	cf_net_close(net);
	close(trap);
	close(unheard);
	peer_stop(&peer);
	cf_arena_free(&arena);
	return done_testing();
}
