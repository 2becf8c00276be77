/*
 * kafka_topics.c
 *		Topics: how many partitions one has, and making one.
 */
#include <stdio.h>

#include "events/kafka_client.h"

bool
cf_kafka_count_partitions(rd_kafka_t *handle, const char *name, int timeout_ms, int *partitions, CfError *err)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *topic = rd_kafka_topic_new(handle, name, NULL);
	rd_kafka_resp_err_t code;
	char		what[320];

	*partitions = 0;
	snprintf(what, sizeof(what), "ask for topic \"%.255s\"", name);
	if (topic == NULL)
		return cf_kafka_fail_code(err, rd_kafka_last_error(), what);
	code = rd_kafka_metadata(handle, 0, topic, &metadata, timeout_ms);
	rd_kafka_topic_destroy(topic);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return cf_kafka_fail_code(err, code, what);
	code = metadata->topic_cnt > 0 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		*partitions = metadata->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(metadata);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		return true;
	return cf_kafka_fail_code(err, code, what);
}

bool
cf_kafka_partitions(CfKafka *kafka, const char *topic, int *partitions, CfError *err)
{
	int			timeout_ms;
	rd_kafka_t *producer = cf_kafka_producer(kafka, &timeout_ms);

	return cf_kafka_count_partitions(producer, topic, timeout_ms, partitions, err);
}

/* created waits for the answer to a request for one topic. */
static bool
created(rd_kafka_queue_t *queue, int timeout_ms, const char *topic, CfError *err)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);
	const rd_kafka_topic_result_t **topics;
	size_t		count = 0;
	rd_kafka_resp_err_t code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		topics = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
		code = count > 0 ? rd_kafka_topic_result_error(topics[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			const char *words = count > 0 ? rd_kafka_topic_result_error_string(topics[0]) : NULL;

			cf_error_set(err, cf_kafka_kind(code), "could not create topic \"%s\": %s", topic, words != NULL ? words : rd_kafka_err2str(code));
		}
	}
	else
		cf_error_set(err, cf_kafka_kind(code), "could not create topic \"%s\": %s", topic, rd_kafka_err2str(code));
	if (event != NULL)
		rd_kafka_event_destroy(event);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool
cf_kafka_create(CfKafka *kafka, const char *topic, int partitions, int replication, CfError *err)
{
	char		said[256];
	rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, partitions, replication, said, sizeof(said));
	rd_kafka_AdminOptions_t *options;
	rd_kafka_queue_t *queue;
	int			timeout_ms;
	rd_kafka_t *producer = cf_kafka_producer(kafka, &timeout_ms);
	bool		good;

	if (wanted == NULL)
		return cf_error_set(err, CF_ERR_INPUT, "could not create topic \"%s\": %s", topic, said);
	options = rd_kafka_AdminOptions_new(producer, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	queue = rd_kafka_queue_new(producer);
	rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, said, sizeof(said));
	rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, said, sizeof(said));
	rd_kafka_CreateTopics(producer, &wanted, 1, options, queue);
	good = created(queue, timeout_ms * 2, topic, err);
	rd_kafka_queue_destroy(queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_NewTopic_destroy(wanted);
	return good;
}
