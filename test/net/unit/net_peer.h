/*
 * net_peer.h: an HTTP peer on loopback that does what a script says, one line of the script per request. It runs in threads of
 * the test program; what it got is kept for the test to read.
 */
#ifndef NET_PEER_H
#define NET_PEER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEER_STEPS 64
#define PEER_REQUESTS 256
#define PEER_REQUEST_BYTES 4096

typedef enum PeerEnd
{
	PEER_STAYS,					/* the connection is kept */
	PEER_CLOSES,				/* after the answer */
	PEER_RESETS,				/* after the answer, with RST */
	PEER_IS_SILENT,				/* says nothing more, keeps the connection */
	PEER_DRIPS					/* byte after byte, slowly, without an end */
} PeerEnd;

typedef struct PeerStep
{
	const char *answer;			/* NULL = nothing */
	PeerEnd		end;
	size_t		bytes;			/* of the answer; 0 = strlen */
	bool		continues;		/* says 100 Continue twice before the body is read */
} PeerStep;

typedef struct Peer
{
	int			fd;
	int			port;
	pthread_t	thread;
	pthread_mutex_t mutex;
	PeerStep	steps[PEER_STEPS];	/* the last one is repeated */
	int			step_count;
	int			requests;
	int			connections;
	int			open;			/* requests that are being answered, and the most that ever were */
	int			most_open;
	char		seen[PEER_REQUESTS][PEER_REQUEST_BYTES];	/* the heads */
	size_t		body_bytes[PEER_REQUESTS];
	unsigned	body_sum[PEER_REQUESTS];
	bool		stop;
} Peer;

typedef struct PeerConnection
{
	Peer	   *peer;
	int			fd;
} PeerConnection;

/* peer_send writes everything or gives up. */
static bool
peer_send(int fd, const char *bytes, size_t length)
{
	while (length > 0)
	{
		ssize_t		n = send(fd, bytes, length, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		bytes += n;
		length -= (size_t) n;
	}
	return true;
}

/* peer_recv waits for bytes, and ends with the test. */
static ssize_t
peer_recv(Peer *peer, int fd, char *to, size_t room)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (!__atomic_load_n(&peer->stop, __ATOMIC_RELAXED))
	{
		if (poll(&p, 1, 20) > 0)
			return recv(fd, to, room, 0);
	}
	return 0;
}

/* peer_read reads one request, head and body; -1 when the connection ends before. */
static int
peer_read(Peer *peer, int fd, PeerStep *step)
{
	char		head[65536];
	size_t		got = 0;
	size_t		length;
	size_t		body;
	unsigned	sum = 0;
	char	   *end = NULL;
	char	   *at;
	int			number;

	while (end == NULL)
	{
		ssize_t		n = got + 1 < sizeof(head) ? peer_recv(peer, fd, head + got, sizeof(head) - 1 - got) : -1;

		if (n <= 0)
			return -1;
		got += (size_t) n;
		head[got] = '\0';
		end = strstr(head, "\r\n\r\n");
	}
	end += 4;
	at = strcasestr(head, "\r\ncontent-length:");
	length = at != NULL && at < end ? strtoul(at + 17, NULL, 10) : 0;
	body = got - (size_t) (end - head);
	for (size_t i = 0; i < body; i++)
		sum = sum * 31 + (unsigned char) end[i];

	pthread_mutex_lock(&peer->mutex);
	number = peer->requests++;
	*step = peer->steps[number < peer->step_count ? number : peer->step_count - 1];
	peer->open++;
	if (peer->open > peer->most_open)
		peer->most_open = peer->open;
	pthread_mutex_unlock(&peer->mutex);

	if (step->continues)
		peer_send(fd, "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", 62);
	*end = '\0';
	if (number < PEER_REQUESTS)
		snprintf(peer->seen[number], PEER_REQUEST_BYTES, "%.*s", PEER_REQUEST_BYTES - 1, head);
	while (body < length)
	{
		ssize_t		n = peer_recv(peer, fd, head, sizeof(head));

		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			sum = sum * 31 + (unsigned char) head[i];
		body += (size_t) n;
	}
	if (number < PEER_REQUESTS)
	{
		peer->body_bytes[number] = body;
		peer->body_sum[number] = sum;
	}
	return number;
}

/* peer_end does what comes after the answer; true: the connection stays. */
static bool
peer_end(Peer *peer, int fd, PeerEnd end)
{
	struct linger hard = {.l_onoff = 1, .l_linger = 0};
	char		c;

	switch (end)
	{
		case PEER_STAYS:
			return true;
		case PEER_RESETS:
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
			return false;
		case PEER_IS_SILENT:
			peer_recv(peer, fd, &c, 1);
			return false;
		case PEER_DRIPS:
			while (!__atomic_load_n(&peer->stop, __ATOMIC_RELAXED) && peer_send(fd, "x", 1))
				poll(NULL, 0, 1);
			return false;
		case PEER_CLOSES:
			break;
	}
	return false;
}

static void *
peer_connection(void *arg)
{
	PeerConnection connection = *(PeerConnection *) arg;
	Peer	   *peer = connection.peer;
	bool		stays = true;
	PeerStep	step;

	free(arg);
	while (stays && peer_read(peer, connection.fd, &step) >= 0)
	{
		if (step.answer != NULL)
			peer_send(connection.fd, step.answer, step.bytes > 0 ? step.bytes : strlen(step.answer));
		pthread_mutex_lock(&peer->mutex);
		peer->open--;
		pthread_mutex_unlock(&peer->mutex);
		stays = peer_end(peer, connection.fd, step.end);
	}
	close(connection.fd);
	__atomic_sub_fetch(&peer->connections, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *
peer_main(void *arg)
{
	Peer	   *peer = arg;
	struct pollfd p = {.fd = peer->fd, .events = POLLIN};

	while (!__atomic_load_n(&peer->stop, __ATOMIC_RELAXED))
	{
		PeerConnection *connection;
		pthread_t	thread;
		int			fd;

		if (poll(&p, 1, 20) <= 0 || (fd = accept(peer->fd, NULL, NULL)) < 0)
			continue;
		connection = malloc(sizeof(*connection));
		*connection = (PeerConnection) {peer, fd};
		__atomic_add_fetch(&peer->connections, 1, __ATOMIC_RELAXED);
		pthread_create(&thread, NULL, peer_connection, connection);
		pthread_detach(thread);
	}
	return NULL;
}

/* peer_start begins to listen on a free port of 127.0.0.1. */
static void
peer_start(Peer *peer)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t	length = sizeof(address);

	memset(peer, 0, sizeof(*peer));
	pthread_mutex_init(&peer->mutex, NULL);
	peer->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(peer->fd, (struct sockaddr *) &address, length) != 0 || listen(peer->fd, 64) != 0)
		bail("cannot listen on loopback");
	getsockname(peer->fd, (struct sockaddr *) &address, &length);
	peer->port = ntohs(address.sin_port);
	pthread_create(&peer->thread, NULL, peer_main, peer);
}

static void
peer_stop(Peer *peer)
{
	__atomic_store_n(&peer->stop, true, __ATOMIC_RELAXED);
	pthread_join(peer->thread, NULL);
	while (__atomic_load_n(&peer->connections, __ATOMIC_RELAXED) > 0)
		poll(NULL, 0, 1);
	close(peer->fd);
}

#define peer_script(peer, ...) \
	do { \
		PeerStep	script[] = {__VA_ARGS__}; \
		memcpy((peer)->steps, script, sizeof(script)); \
		(peer)->step_count = (int) (sizeof(script) / sizeof(script[0])); \
		(peer)->requests = (peer)->most_open = 0; \
	} while (0)

#endif
