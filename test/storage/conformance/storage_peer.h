/*
 * storage_peer.h
 *		The control API of a scripted peer (test/storage/peer): blocking, over a socket of its own, so that nothing of what is
 *		under test has a part in it.
 */
#ifndef CF_TEST_STORAGE_PEER_H
#define CF_TEST_STORAGE_PEER_H

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static int	peer_port;

/* peer_at takes the port of a place's endpoint, http://127.0.0.1:PORT… */
static void
peer_at(const char *endpoint)
{
	const char *colon = strchr(endpoint + strlen("http://"), ':');

	peer_port = colon == NULL ? 0 : (int) strtol(colon + 1, NULL, 10);
	if (peer_port <= 0)
		bail("%s tells no port", endpoint);
}

/* peer_ask sends one request and gives the answer as JSON, for the caller to release. */
static json_t *
peer_ask(const char *method, const char *path, const char *body)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) peer_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int			fd = socket(AF_INET, SOCK_STREAM, 0);
	size_t		room = 65536;
	size_t		length = 0;
	ssize_t		got;
	char	   *text = malloc(room + 1);
	char	   *end;
	json_t	   *answer;

	if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof(address)) != 0)
		bail("the peer is gone");
	dprintf(fd, "%s /_peer/%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", method, path,
			peer_port, strlen(body), body);
	shutdown(fd, SHUT_WR);
	while ((got = read(fd, text + length, room - length)) > 0)
	{
		length += (size_t) got;
		if (length == room)
			text = realloc(text, (room *= 2) + 1);
	}
	close(fd);
	text[length] = '\0';
	end = strstr(text, "\r\n\r\n");
	answer = end == NULL ? NULL : json_loads(end + 4, 0, NULL);
	if (answer == NULL)
		bail("the peer does not answer %s %s", method, path);
	free(text);
	return answer;
}

static void
peer_tell(const char *method, const char *path, const char *body)
{
	json_decref(peer_ask(method, path, body));
}

#endif							/* CF_TEST_STORAGE_PEER_H */
