/*
 * kafka_brokers.c
 *		A list of brokers, "host:port,…", looked at when it is written.
 *
 * librdkafka passes over what it does not understand, takes a port modulo 65536, and says that no brokers are configured when nothing
 * is left: so what cannot be meant is refused before.
 */
#include <string.h>

#include "events/kafka.h"

#define HOST_BYTES 255
#define BLANKS " \t\r\n"

/* port_length tells how long a port is, 1 to 65535; 0 = it is none. */
static size_t
port_length(const char *text)
{
	size_t		length = strspn(text, "0123456789");
	long		port = 0;

	if (length > 5)
		return 0;
	for (size_t i = 0; i < length; i++)
		port = port * 10 + (text[i] - '0');
	return port >= 1 && port <= 65535 ? length : 0;
}

/* broker_length tells how long the broker is with which text begins; 0 = it is none. */
static size_t
broker_length(const char *text)
{
	size_t		length;
	size_t		port;

	if (text[0] == '[')
	{
		length = 1 + strspn(text + 1, "0123456789abcdefABCDEF:.%");
		if (length == 1 || text[length] != ']')
			return 0;
		length++;
	}
	else
		length = strcspn(text, ",:/[]@" BLANKS);
	if (length == 0 || length > HOST_BYTES || text[length] != ':')
		return length <= HOST_BYTES ? length : 0;
	port = port_length(text + length + 1);
	return port > 0 ? length + 1 + port : 0;
}

bool
cf_kafka_brokers_check(const char *brokers, CfError *err)
{
	const char *at = brokers + strspn(brokers, BLANKS);

	for (;;)
	{
		size_t		length = broker_length(at);
		const char *behind = at + length + strspn(at + length, BLANKS);

		if (length == 0 || (*behind != ',' && *behind != '\0'))
		{
			cf_error_set(err, CF_ERR_INPUT, "\"%.*s\" is no broker of Kafka", (int) strcspn(at, ","), at);
			return cf_error_hint(err, "It is a list of host:port, with commas between them; an IPv6 address is written [::1]:9092.");
		}
		if (*behind == '\0')
			return true;
		at = behind + 1;
		at += strspn(at, BLANKS);
	}
}
