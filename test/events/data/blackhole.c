/*
 * A resolver with holes, for tests without root: preloaded into a server (LD_PRELOAD), it makes asking for silent.invalid take
 * CF_BLACKHOLE_SECONDS and fail then, as where no name server answers; each other name under .invalid is 127.0.0.1.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*Resolve) (const char *, const char *, const struct addrinfo *, struct addrinfo **);

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	Resolve		resolve = (Resolve) dlsym(RTLD_NEXT, "getaddrinfo");
	const char *seconds = getenv("CF_BLACKHOLE_SECONDS");
	const char *end = node != NULL ? strstr(node, ".invalid") : NULL;

	if (end == NULL || end[8] != '\0')
		return resolve(node, service, hints, found);
	if (strcmp(node, "silent.invalid") != 0)
		return resolve("127.0.0.1", service, hints, found);
	sleep(seconds != NULL ? (unsigned) atoi(seconds) : 30);
	return EAI_AGAIN;
}
