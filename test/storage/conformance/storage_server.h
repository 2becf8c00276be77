/*
 * storage_server.h
 *		A place on a server that runs, from the environment that test/harness/servers wrote, and requests sent to it one at a
 *		time. For programs: statics.
 */
#ifndef CF_TEST_STORAGE_SERVER_H
#define CF_TEST_STORAGE_SERVER_H

#include <jansson.h>
#include <poll.h>
#include <unistd.h>

#include "storage/driver.h"

static CfNet *server_net;

static const char *
server_variable(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? otherwise : value;
}

/* server_send carries out op->request. */
static void
server_send(CfOp *op)
{
	int			tag;

	cf_net_submit(server_net, &op->request, &op->response, &op->request_arena, &tag);
	for (;;)
	{
		struct pollfd fd = {.fd = cf_net_fd(server_net), .events = POLLIN};

		cf_net_turn(server_net);
		if (cf_net_finished(server_net) == &tag)
			return;
		poll(&fd, 1, cf_net_wait_ms(server_net));
	}
}

static json_t *
server_object(const char *name)
{
	json_t	   *object = json_loads(server_variable(name, "{}"), 0, NULL);

	if (!json_is_object(object))
		bail("%s is no JSON object", name);
	return object;
}

/* server_place makes the place of a bucket; options that the frame does not know are the driver's. */
static CfPlace *
server_place(CfArena *arena, const char *bucket)
{
	CfPlace    *place = cf_arena_zalloc(arena, sizeof(CfPlace));
	CfPlaceOption *options = cf_arena_zalloc(arena, sizeof(CfPlaceOption) * 16);
	CfCredentials *credentials = cf_arena_zalloc(arena, sizeof(CfCredentials));
	json_t	   *object = server_object("CF_OPTIONS");
	json_t	   *value;
	const char *name;

	place->provider = server_variable("CF_PROVIDER", "S3");
	place->name = server_variable("CF_SERVER", "server");
	place->bucket = bucket;
	place->prefix = server_variable("CF_PREFIX", "");
	place->region = place->endpoint = place->storage_class = "";
	place->options = options;
	place->credentials = credentials;
	place->token = cf_arena_zalloc(arena, sizeof(CfToken));
	place->net = (CfNetPlace) {.name = place->name, .ca_file = "", .client_cert_file = "", .client_key_file = ""};
	place->driver = cf_storage_driver(place->provider);
	if (place->driver == NULL)
		skip_all("this build has no driver for %s", place->provider);
	json_object_foreach(object, name, value)
	{
		const char *text = cf_arena_strdup(arena, json_string_value(value));

		if (strcmp(name, "endpoint") == 0)
			place->endpoint = text;
		else if (strcmp(name, "region") == 0)
			place->region = text;
		else if (place->option_count < 16)
			options[place->option_count++] = (CfPlaceOption) {cf_arena_strdup(arena, name), text};
	}
	json_decref(object);
	object = server_object("CF_CREDENTIALS");
	json_object_foreach(object, name, value)
		credentials->items[credentials->count++] =
			(CfCredential) {cf_arena_strdup(arena, name), cf_arena_strdup(arena, json_string_value(value))};
	json_decref(object);
	return place;
}

#endif							/* CF_TEST_STORAGE_SERVER_H */
