/*
 * kafka_log.c
 *		What librdkafka has said last: a ring of lines that its threads write and any thread may read.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "events/kafka_client.h"

#define LINES 32

struct CfKafkaLog
{
	pthread_mutex_t mutex;		/* of the rest */
	char		lines[LINES][CF_KAFKA_LINE_BYTES];
	int			first;
	int			held;
};

CfKafkaLog *
cf_kafka_log_make(void)
{
	CfKafkaLog *log = calloc(1, sizeof(CfKafkaLog));

	if (log != NULL)
		pthread_mutex_init(&log->mutex, NULL);
	return log;
}

void
cf_kafka_log_free(CfKafkaLog *log)
{
	if (log == NULL)
		return;
	pthread_mutex_destroy(&log->mutex);
	free(log);
}

bool
cf_kafka_log_take(CfKafkaLog *log, char line[CF_KAFKA_LINE_BYTES])
{
	bool		any;

	pthread_mutex_lock(&log->mutex);
	any = log->held > 0;
	if (any)
	{
		memcpy(line, log->lines[log->first], CF_KAFKA_LINE_BYTES);
		log->first = (log->first + 1) % LINES;
		log->held--;
	}
	pthread_mutex_unlock(&log->mutex);
	return any;
}

void
cf_kafka_log_add(CfKafkaLog *log, const char *line)
{
	size_t		length = strnlen(line, CF_KAFKA_LINE_BYTES - 1);
	char	   *at;

	pthread_mutex_lock(&log->mutex);
	at = log->lines[(log->first + log->held) % LINES];
	if (log->held == LINES)
		log->first = (log->first + 1) % LINES;
	else
		log->held++;
	memcpy(at, line, length);
	at[length] = '\0';
	pthread_mutex_unlock(&log->mutex);
}
