/*
 * kafka_client.c
 *		Handles of librdkafka: configured alike, with TLS and SASL, with their log; and what their errors mean.
 *
 * What is configured for all of them is kept as a configuration of librdkafka, secrets included; each handle begins with a copy. A
 * connection to a server that has a name (CfKafkaSecurity) is encrypted unless it says otherwise, and then the broker's certificate
 * must be good for the host that was asked for.
 *
 * A bearer token is read from its file whenever librdkafka wants one, on a thread of librdkafka, which is told of it or of the failure.
 *
 * librdkafka's threads are made here, with all signals blocked: a signal of the server that one of them took would be lost. No
 * password is ever in a line of its log, nor in an error: librdkafka does not write it, and what repeats it is masked.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/x509.h>

#include "core/clock.h"
#include "events/kafka_client.h"

#define LONG_LINE_BYTES 1024
#define SCRAM_MENDED 0x020601ff	/* librdkafka 2.6.1 */

struct CfKafkaClient
{
	rd_kafka_conf_t *base;
	CfKafkaLog *log;
	void	   *owner;
	char	   *token_file;
	char	   *password;		/* to be masked */
	_Atomic int certificate_error;	/* of OpenSSL, of the broker's certificate that was judged last */
};

CfErrorKind
cf_kafka_kind(rd_kafka_resp_err_t code)
{
	switch (code)
	{
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
		case RD_KAFKA_RESP_ERR__AUTHENTICATION:
			return CF_ERR_DENIED;
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
			return CF_ERR_NOT_FOUND;
		case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_INVALID_RECORD:
		case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
		case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
		case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
		case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
			return CF_ERR_INPUT;
		case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
			return CF_ERR_EXISTS;
		case RD_KAFKA_RESP_ERR__FENCED:
		case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
		case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
		case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
			return CF_ERR_BUSY;
		default:
			return CF_ERR_IO;
	}
}

bool
cf_kafka_fail_code(CfError *err, rd_kafka_resp_err_t code, const char *what)
{
	cf_error_set(err, cf_kafka_kind(code), "could not %s: %s", what, rd_kafka_err2str(code));
	return cf_error_detail(err, "Kafka: %s.", rd_kafka_err2name(code));
}

bool
cf_kafka_fail(CfError *err, rd_kafka_error_t *error, const char *what)
{
	cf_error_set(err, cf_kafka_kind(rd_kafka_error_code(error)), "could not %s: %s", what, rd_kafka_error_string(error));
	cf_error_detail(err, "Kafka: %s.", rd_kafka_error_name(error));
	rd_kafka_error_destroy(error);
	return false;
}

int64_t
cf_kafka_deadline(int ms)
{
	return cf_clock_monotonic_us() + (int64_t) ms * 1000;
}

int
cf_kafka_left_ms(int64_t deadline_us)
{
	int64_t		left = (deadline_us - cf_clock_monotonic_us()) / 1000;

	return left < 0 ? 0 : (int) left;
}

const char *
cf_kafka_advice(const CfKafkaSecurity *security, const char *line)
{
	if (security == NULL)
		return strstr(line, "SSL") != NULL || strstr(line, "Disconnected while requesting ApiVersion") != NULL ?
			"If the brokers want TLS or a password, name them by a server: cloudflux.kafka_server." : NULL;
	if (strstr(line, "OAUTHBEARER") != NULL)
		return "The broker wants a token that is good: somebody has to renew it in the server's token_file.";
	if (strstr(line, "SASL authentication error") != NULL)
	{
		/* Of the nonces it sends more than RFC 5802 says, and brokers since 4.0 (and 3.9.1, 3.8.1, 3.7.2 in part) mind. */
		if (security->mechanism != NULL && strncmp(security->mechanism, "SCRAM", 5) == 0 && rd_kafka_version() < SCRAM_MENDED)
			return "Set the right ones with cloudflux.set_credentials(). But librdkafka before 2.6.1, as this machine has it, cannot log in to "
				"brokers of Kafka 4 by SCRAM: with those use PLAIN, OAUTHBEARER or certificates.";
		return "Set the right ones with cloudflux.set_credentials().";
	}
	if (strstr(line, "SSL") != NULL)
		return "Look at the certificates: those of the brokers, and the server's options ca_file, client_cert_file and client_key_file.";
	return NULL;
}

/* mask covers a secret wherever a line repeats it. */
static void
mask(char *line, const char *secret)
{
	size_t		length = secret != NULL ? strlen(secret) : 0;
	char	   *at = line;

	while (length > 0 && (at = strstr(at, secret)) != NULL)
	{
		memset(at, '*', length);
		at += length;
	}
}

/*
 * of_certificate tells whether a line tells of a broker's certificate that was refused; librdkafka has several, and guesses in one of them.
 * If so, *name_length is that of the thread and the broker, with which it begins.
 */
static bool
of_certificate(const char *facility, const char *text, int *name_length)
{
	const char *broker = strstr(text, "]: ");
	const char *behind = broker != NULL ? strstr(broker + 3, ": ") : NULL;

	*name_length = behind != NULL ? (int) (behind + 2 - text) : 0;
	return strcmp(facility, "SSLCERTVRFY") == 0 || strstr(text, "certificate verify failed") != NULL;
}

/* on_log runs on any of librdkafka's threads. */
static void
on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	CfKafkaClient *client = rd_kafka_opaque(rk);
	int			error = client->certificate_error;
	int			name_length;
	char		line[LONG_LINE_BYTES];

	(void) level;
	/* That a property does not matter to this kind of handle explains no failure. */
	if (strcmp(facility, "CONFWARN") == 0)
		return;
	if (error != X509_V_OK && of_certificate(facility, text, &name_length))
		snprintf(line, sizeof(line), "%s: %.*sSSL handshake failed: %s", facility, name_length, text, X509_verify_cert_error_string(error));
	else
		snprintf(line, sizeof(line), "%s: %s", facility, text);
	mask(line, client->password);
	cf_kafka_log_add(client->log, line);
}

/* on_certificate notes what OpenSSL has against a broker's certificate, and leaves the judgement as it is. */
static int
on_certificate(rd_kafka_t *rk, const char *broker_name, int32_t broker_id, int *x509_error, int depth, const char *bytes, size_t size,
			   char *said, size_t said_size, void *opaque)
{
	CfKafkaClient *client = opaque;

	(void) rk, (void) broker_name, (void) broker_id, (void) depth, (void) bytes, (void) size;
	client->certificate_error = *x509_error;
	if (*x509_error == X509_V_OK)
		return 1;
	snprintf(said, said_size, "%s", X509_verify_cert_error_string(*x509_error));
	return 0;
}

/* on_token runs on a thread of librdkafka, whenever a token is wanted. */
static void
on_token(rd_kafka_t *rk, const char *config, void *opaque)
{
	CfKafkaClient *client = opaque;
	char		token[CF_KAFKA_TOKEN_BYTES];
	char		principal[CF_KAFKA_PRINCIPAL_BYTES];
	char		said[256];
	int64_t		until_ms;
	CfError		err;

	(void) config;
	if (!cf_kafka_token_read(client->token_file, token, &until_ms, principal, &err))
		rd_kafka_oauthbearer_set_token_failure(rk, err.message);
	else if (rd_kafka_oauthbearer_set_token(rk, token, until_ms, principal, NULL, 0, said, sizeof(said)) != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		rd_kafka_oauthbearer_set_token_failure(rk, said);
		cf_error_set(&err, CF_ERR_DENIED, "the bearer token cannot be used: %s", said);
	}
	else
		err.kind = CF_ERR_NONE;
	OPENSSL_cleanse(token, sizeof(token));
	if (err.kind != CF_ERR_NONE)
	{
		char		line[LONG_LINE_BYTES];

		snprintf(line, sizeof(line), "OAUTHBEARER: %s", err.message);
		cf_kafka_log_add(client->log, line);
	}
}

/* set_all sets properties; of one that is refused only the name is told where its value is a secret. */
static bool
set_all(rd_kafka_conf_t *conf, const CfKafkaProperty *properties, size_t count, CfError *err)
{
	char		said[256];
	char		number[16];

	for (size_t i = 0; i < count; i++)
	{
		const char *value = properties[i].value;

		if (value == NULL)
		{
			snprintf(number, sizeof(number), "%d", properties[i].number);
			value = number;
		}
		if (rd_kafka_conf_set(conf, properties[i].name, value, said, sizeof(said)) != RD_KAFKA_CONF_OK)
			return cf_error_set(err, CF_ERR_INPUT, "could not configure Kafka: %s",
								strcmp(properties[i].name, "sasl.password") == 0 ? "the password cannot be used" : said);
	}
	return true;
}

/* secure puts TLS and SASL into the configuration. */
static bool
secure(CfKafkaClient *client, const CfKafkaSecurity *security, CfError *err)
{
	bool		sasl = security->mechanism != NULL;
	bool		oauth = sasl && strcmp(security->mechanism, "OAUTHBEARER") == 0;
	const CfKafkaProperty properties[] = {
		{"security.protocol", security->tls ? (sasl ? "sasl_ssl" : "ssl") : sasl ? "sasl_plaintext" : "plaintext", 0},
		{"sasl.mechanisms", security->mechanism, 0},
		{"sasl.username", security->username, 0},
		{"sasl.password", security->password, 0},
		{"ssl.ca.location", security->ca_file, 0},
		{"ssl.certificate.location", security->certificate_file, 0},
		{"ssl.key.location", security->key_file, 0},
		{"enable.ssl.certificate.verification", "true", 0},
		{"ssl.endpoint.identification.algorithm", "https", 0},
	};

	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
	{
		if (properties[i].value != NULL && !set_all(client->base, &properties[i], 1, err))
			return false;
	}
	if (security->tls)
		rd_kafka_conf_set_ssl_cert_verify_cb(client->base, on_certificate);
	if (oauth)
	{
		client->token_file = strdup(security->token_file);
		rd_kafka_conf_enable_sasl_queue(client->base, 1);
		rd_kafka_conf_set_oauthbearer_token_refresh_cb(client->base, on_token);
	}
	if (security->password != NULL)
		client->password = strdup(security->password);
	/* Without them tokens would never be asked for, and the password not be masked. */
	if ((client->password == NULL && security->password != NULL) || (client->token_file == NULL && oauth))
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	return true;
}

bool
cf_kafka_client_open(const char *brokers, const CfKafkaSecurity *security, CfKafkaLog *log, void *owner, CfKafkaClient **result,
					 CfError *err)
{
	const CfKafkaProperty properties[] = {
		{"bootstrap.servers", brokers, 0},
		{"client.id", "cloudflux", 0},
		{"reconnect.backoff.ms", NULL, 50},
		{"reconnect.backoff.max.ms", NULL, 2000},
		{"log.connection.close", "false", 0},
		{"socket.keepalive.enable", "true", 0},
	};
	CfKafkaClient *client = calloc(1, sizeof(CfKafkaClient));

	*result = NULL;
	if (client == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	client->log = log;
	client->owner = owner;
	client->base = rd_kafka_conf_new();
	rd_kafka_conf_set_opaque(client->base, client);
	rd_kafka_conf_set_log_cb(client->base, on_log);
	if (set_all(client->base, properties, sizeof(properties) / sizeof(properties[0]), err) &&
		(security == NULL || secure(client, security, err)))
	{
		*result = client;
		return true;
	}
	cf_kafka_client_close(client);
	return false;
}

void
cf_kafka_client_close(CfKafkaClient *client)
{
	if (client == NULL)
		return;
	rd_kafka_conf_destroy(client->base);
	if (client->password != NULL)
		OPENSSL_cleanse(client->password, strlen(client->password));
	free(client->password);
	free(client->token_file);
	free(client);
}

void *
cf_kafka_client_owner(void *opaque)
{
	return ((CfKafkaClient *) opaque)->owner;
}

rd_kafka_t *
cf_kafka_client_handle(CfKafkaClient *client, rd_kafka_type_t type, const CfKafkaProperty *properties, size_t count,
					   void (*delivered) (rd_kafka_t *, const rd_kafka_message_t *, void *), CfError *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_dup(client->base);
	sigset_t	all,
				before;
	rd_kafka_t *handle = NULL;
	char		said[256];

	if (delivered != NULL)
		rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	if (!set_all(conf, properties, count, err))
	{
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	handle = rd_kafka_new(type, conf, said, sizeof(said));
	/* Nobody polls while the calls wait that need the token. */
	if (handle != NULL && client->token_file != NULL)
		rd_kafka_error_destroy(rd_kafka_sasl_background_callbacks_enable(handle));
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (handle == NULL)
	{
		rd_kafka_conf_destroy(conf);
		mask(said, client->password);
		cf_error_set(err, CF_ERR_INPUT, "could not configure Kafka: %s", said);
		if (strncmp(said, "ssl.", 4) == 0)
			cf_error_hint(err, "Look at the files that the server's options ca_file, client_cert_file and client_key_file name: the database server's user must be able to read them.");
	}
	return handle;
}
