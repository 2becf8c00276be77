/*
 * net_tls: whom the engine trusts, against `openssl s_server` with certificates made for the test.
 */
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/net.h"

static char folder[] = "/tmp/net_tls.XXXXXX";
static CfArena arena;
static CfRequest request;
static CfResponse response;
static CfNetPlace place;
static CfNet *net;

/* in gives the path of a file of the test. */
static const char *
in(const char *name)
{
	static char paths[4][128];
	static int	next;
	char	   *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

/* run runs openssl with arguments, and tells whether it was content. */
static bool
run(const char *const *argv)
{
	int			status;
	pid_t		pid = fork();

	if (pid == 0)
	{
		int			null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		execvp("openssl", (char *const *) argv);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

/* serve starts a server and gives its port. */
static int
serve(const char *const *argv, pid_t *pid)
{
	int			ends[2];
	char		said[4096] = "";
	size_t		length = 0;
	char	   *at;

	if (pipe(ends) != 0)
		bail("no pipe");
	*pid = fork();
	if (*pid == 0)
	{
		dup2(ends[1], 1);
		close(ends[0]);
		execvp("openssl", (char *const *) argv);
		_exit(127);
	}
	close(ends[1]);
	while ((at = strstr(said, "ACCEPT ")) == NULL || strchr(at, '\n') == NULL)
	{
		ssize_t		n = length + 1 < sizeof(said) ? read(ends[0], said + length, sizeof(said) - 1 - length) : 0;

		if (n <= 0)
			bail("openssl s_server does not listen");
		length += (size_t) n;
		said[length] = '\0';
	}
	at = strrchr(at, ':');
	return at == NULL ? 0 : (int) strtol(at + 1, NULL, 10);
}

/* ask sends a request to a URL. */
static void
ask(const char *host, int port)
{
	static char url[128];

	snprintf(url, sizeof(url), "https://%s:%d/", host, port);
	memset(&request, 0, sizeof(request));
	request.method = "GET";
	request.url = url;
	request.place = &place;
	cf_net_submit(net, &request, &response, &arena, &request);
	while (!cf_net_take(net, &request))
	{
		struct pollfd p = {.fd = cf_net_fd(net), .events = POLLIN};
		int			wait = cf_net_wait_ms(net);

		poll(&p, 1, wait < 0 || wait > 20 ? 20 : wait);
		cf_net_turn(net);
	}
}

int
main(void)
{
	CfNetOptions options = {.allow = "127.0.0.0/8", .attempts_max = 1};
	CfError		err;
	pid_t		server;
	pid_t		strict;
	int			port;
	int			strict_port;

	if (!run((const char *const[]) {"openssl", "version", NULL}))
		skip_all("there is no openssl command");
	if (mkdtemp(folder) == NULL)
		bail("no folder");
	if (!run((const char *const[]) {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
		"-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", in("key"), "-out", in("cert"), NULL}) ||
		!run((const char *const[]) {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
		"-subj", "/CN=someone", "-keyout", in("otherkey"), "-out", in("other"), NULL}))
		bail("openssl makes no certificate");
	port = serve((const char *const[]) {"openssl", "s_server", "-www", "-accept", "127.0.0.1:0", "-cert", in("cert"), "-key", in("key"), NULL}, &server);
	strict_port = serve((const char *const[]) {"openssl", "s_server", "-www", "-accept", "127.0.0.1:0", "-cert", in("cert"), "-key", in("key"),
		"-Verify", "1", "-CAfile", in("other"), "-verify_return_error", NULL}, &strict);

	cf_arena_init(&arena, &cf_arena_malloc, 8192, 0);
	net = cf_net_open(&options, &err);
	place = (CfNetPlace) {.name = "tls", .ca_file = "", .client_cert_file = "", .client_key_file = ""};
	ask("localhost", port);
	ok(response.status == 0 && response.err.kind == CF_ERR_DENIED && !response.err.retryable, "a certificate that nobody vouches for is refused");
	is_str(response.err.message, "request \"GET\" to place \"tls\" failed: the certificate of the peer is not trusted", "which is told");
	ok(strstr(response.err.hint, "ca_file") != NULL && response.sends == 0, "with what helps, and before anything is sent");
	place.ca_file = in("cert");
	ask("localhost", port);
	is_int(response.status, 200, "the place names whom it trusts");
	ok(strstr(response.body, "TLSv1.3") != NULL, "TLS 1.3 is spoken where it can be");
	ask("127.0.0.1", port);
	ok(response.status == 0 && response.err.kind == CF_ERR_DENIED, "a certificate for another host is refused");
	place.ca_file = "";
	ask("localhost", port);
	is_int(response.status, 0, "an open connection is not lent to who does not trust it");
	options.ca_file = in("cert");
	cf_net_set_options(net, &options);
	ask("localhost", port);
	is_int(response.status, 200, "or the server's setting names it, for all places");
	place.ca_file = in("missing");
	ask("localhost", port);
	ok(response.status == 0 && response.err.kind == CF_ERR_INPUT, "a file that is not there is an error of its own");

	place.ca_file = in("cert");
	ask("localhost", strict_port);
	is_int(response.status, 0, "who must show a certificate and has none is sent away");
	place.client_cert_file = in("other");
	place.client_key_file = in("otherkey");
	ask("localhost", strict_port);
	is_int(response.status, 200, "and comes in with it");
	place.client_key_file = in("key");
	ask("localhost", strict_port);
	ok(response.status == 0 && response.err.kind == CF_ERR_INPUT, "a key that does not fit is told");

	cf_net_close(net);
	cf_arena_free(&arena);
	kill(server, SIGTERM);
	kill(strict, SIGTERM);
	waitpid(server, NULL, 0);
	waitpid(strict, NULL, 0);
	for (int i = 0; i < 4; i++)
		unlink(in((const char *const[]) {"key", "cert", "otherkey", "other"}[i]));
	rmdir(folder);
	return done_testing();
}
