/*
 * consumer_look.c
 *		Which partitions topics have, and from where to where these go.
 *
 * One topic must not make the others wait. What is wrong with one is an answer of its own (CfConsumerTopic): it is not there, may not be
 * seen, a partition has no leader, a broker does not tell. All ends are asked for in one call, which fails for all of them when one
 * cannot be told; only then each topic is asked for by itself, with little patience, and all of that together takes no longer than one
 * call may.
 */
#include <stdlib.h>
#include <string.h>

#include "events/consumer_look.h"

#define PARTS_MAX 20000
#define FEW_TOPICS 3
#define PATIENCE_MIN_MS 300

/* make_room makes room for the partitions of a topic. */
static bool
make_room(CfConsumerTask *task, int partitions)
{
	int			room = task->part_count + partitions + 64;
	CfConsumerPart *parts;

	if (task->part_count + partitions > PARTS_MAX)
	{
		cf_error_set(&task->err, CF_ERR_UNSUPPORTED, "there are more than %d partitions to be read", PARTS_MAX);
		return cf_error_hint(&task->err, "Take topics out of cloudflux.ingest_topics, or switch them off there.");
	}
	if (task->part_count + partitions <= task->part_room)
		return true;
	parts = realloc(task->parts, sizeof(CfConsumerPart) * (size_t) room);
	if (parts == NULL)
		return cf_error_set(&task->err, CF_ERR_MEMORY, "out of memory");
	task->parts = parts;
	task->part_room = room;
	return true;
}

/* take_topic notes what Kafka says of a topic; false = there is no memory for it, or there are too many partitions. */
static bool
take_topic(CfConsumerTask *task, CfConsumerTopic *topic, const rd_kafka_metadata_topic_t *found)
{
	if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR || found->partition_cnt == 0)
	{
		topic->failed = found->err == RD_KAFKA_RESP_ERR_NO_ERROR ? CF_ERR_NOT_FOUND : cf_kafka_kind(found->err);
		topic->why = found->err == RD_KAFKA_RESP_ERR_NO_ERROR ? "" : rd_kafka_err2str(found->err);
		return true;
	}
	if (!make_room(task, found->partition_cnt))
		return false;
	topic->failed = CF_ERR_NONE;
	topic->partitions = found->partition_cnt;
	for (int i = 0; i < found->partition_cnt; i++)
	{
		if (found->partitions[i].leader < 0)
			topic->leaderless++;
		else
			task->parts[task->part_count++] = (CfConsumerPart){.topic = topic->name, .partition = found->partitions[i].id};
	}
	return true;
}

/* find_topics looks for many topics in one request, which tells of all that there are. */
static bool
find_topics(rd_kafka_t *handle, int timeout_ms, CfConsumerTask *task)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code = rd_kafka_metadata(handle, 1, NULL, &metadata, timeout_ms);
	bool		good = true;

	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return cf_kafka_fail_code(&task->err, code, "ask for topics");
	for (int i = 0; i < task->topic_count && good; i++)
	{
		for (int k = 0; k < metadata->topic_cnt && good && !task->topics[i].skip; k++)
		{
			if (strcmp(metadata->topics[k].topic, task->topics[i].name) == 0)
				good = take_topic(task, &task->topics[i], &metadata->topics[k]);
		}
	}
	rd_kafka_metadata_destroy(metadata);
	return good;
}

/* find_each looks for few topics one by one. */
static bool
find_each(rd_kafka_t *handle, int timeout_ms, CfConsumerTask *task)
{
	for (int i = 0; i < task->topic_count; i++)
	{
		const struct rd_kafka_metadata *metadata;
		rd_kafka_resp_err_t code;
		rd_kafka_topic_t *topic;
		bool		good;

		if (task->topics[i].skip)
			continue;
		topic = rd_kafka_topic_new(handle, task->topics[i].name, NULL);
		if (topic == NULL)
			return cf_kafka_fail_code(&task->err, rd_kafka_last_error(), "ask for a topic");
		code = rd_kafka_metadata(handle, 0, topic, &metadata, timeout_ms);
		rd_kafka_topic_destroy(topic);
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
			return cf_kafka_fail_code(&task->err, code, "ask for a topic");
		good = metadata->topic_cnt == 0 || take_topic(task, &task->topics[i], &metadata->topics[0]);
		rd_kafka_metadata_destroy(metadata);
		if (!good)
			return false;
	}
	return true;
}

/*
 * ask_ends asks for one end of some partitions at once. A request waits for the fetch before it on its connection, for up to
 * fetch.wait.max.ms: one for each partition would take seconds.
 */
static rd_kafka_resp_err_t
ask_ends(rd_kafka_t *handle, int timeout_ms, CfConsumerPart *parts, int count, bool high)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
	rd_kafka_resp_err_t code;

	for (int i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, parts[i].topic, parts[i].partition)->offset = high ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
	code = rd_kafka_offsets_for_times(handle, list, timeout_ms);
	for (int at = 0; at < count && code == RD_KAFKA_RESP_ERR_NO_ERROR; at++)
	{
		const rd_kafka_topic_partition_t *element = &list->elems[at];

		/* They come back in the order in which they were asked for; if that changes, look for each. */
		if (element->partition != parts[at].partition || strcmp(element->topic, parts[at].topic) != 0)
			element = rd_kafka_topic_partition_list_find(list, parts[at].topic, parts[at].partition);
		code = element == NULL ? RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION : element->err;
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR && element->offset < 0)
			code = RD_KAFKA_RESP_ERR__NO_OFFSET;
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
			break;
		if (high)
			parts[at].high = element->offset;
		else
			parts[at].low = element->offset;
	}
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

/* ask_both asks for both ends: the low one first, so that it is none behind the high one. */
static rd_kafka_resp_err_t
ask_both(rd_kafka_t *handle, int timeout_ms, CfConsumerPart *parts, int count)
{
	rd_kafka_resp_err_t code = ask_ends(handle, timeout_ms, parts, count, false);

	return code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : ask_ends(handle, timeout_ms, parts, count, true);
}

/* ask_each asks for the partitions of each topic by itself, and leaves out those that cannot be told. */
static void
ask_each(rd_kafka_t *handle, int timeout_ms, CfConsumerTask *task)
{
	int64_t		deadline = cf_kafka_deadline(timeout_ms);
	int			patience_ms = timeout_ms / 5 > PATIENCE_MIN_MS ? timeout_ms / 5 : PATIENCE_MIN_MS;
	int			first = 0;
	int			kept = 0;

	for (int i = 0; i < task->topic_count; i++)
	{
		CfConsumerTopic *topic = &task->topics[i];
		int			count = 0;
		rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;

		/* Partitions lie in the order of their topics. */
		while (first + count < task->part_count && task->parts[first + count].topic == topic->name)
			count++;
		if (count == 0)
			continue;
		memmove(task->parts + kept, task->parts + first, sizeof(CfConsumerPart) * (size_t) count);
		if (cf_kafka_left_ms(deadline) > 0)
			code = ask_both(handle, patience_ms, task->parts + kept, count);
		first += count;
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			kept += count;
			continue;
		}
		topic->failed = cf_kafka_kind(code);
		topic->why = rd_kafka_err2str(code);
	}
	task->part_count = kept;
}

bool
cf_consumer_look(rd_kafka_t *handle, int timeout_ms, CfConsumerTask *task)
{
	int			asked = 0;
	rd_kafka_resp_err_t code;

	task->part_count = 0;
	for (int i = 0; i < task->topic_count; i++)
	{
		CfConsumerTopic *topic = &task->topics[i];

		*topic = (CfConsumerTopic){.name = topic->name, .skip = topic->skip, .failed = topic->skip ? CF_ERR_NONE : CF_ERR_NOT_FOUND, .why = ""};
		asked += !topic->skip;
	}
	if (asked > 0 && !(asked > FEW_TOPICS ? find_topics(handle, timeout_ms, task) : find_each(handle, timeout_ms, task)))
		return false;
	if (task->part_count == 0)
		return true;
	code = ask_both(handle, timeout_ms, task->parts, task->part_count);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		ask_each(handle, timeout_ms, task);
	/* Of none of them anything is known: that is no matter of a topic. */
	if (task->part_count == 0)
		return cf_kafka_fail_code(&task->err, code, "ask for the ends of partitions");
	return true;
}
