/*
 * The consumer reads from where it is told, and tells what stands in its way; against librdkafka's own mock cluster. That nothing is read
 * twice or lost is proven against a real broker (test/events/t).
 */
#include "tap.h"

#include <poll.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "events/consumer.h"

/* Numbers of requests in Kafka's protocol. */
#define FETCH 1
#define METADATA 3

static rd_kafka_t *host;
static rd_kafka_mock_cluster_t *mock;
static CfConsumerConfig config;
static CfConsumer *consumer;
static CfConsumerTask task;
static CfConsumerTopic topics[5];
static CfConsumerItem items[100];

static void
start_mock(void)
{
	char		said[256];

	host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), said, sizeof(said));
	mock = rd_kafka_mock_cluster_new(host, 2);
	rd_kafka_mock_topic_create(mock, "words", 2, 1);
	rd_kafka_mock_topic_create(mock, "empty", 1, 1);
	rd_kafka_mock_topic_set_error(mock, "nowhere", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	rd_kafka_mock_topic_set_error(mock, "secret", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	config = (CfConsumerConfig){.brokers = rd_kafka_mock_cluster_bootstraps(mock), .call_timeout_ms = 3000, .memory_kb = 2048, .log = cf_kafka_log_make()};
}

/* produce sends ten words to partition 1: w0 with two headers and a key, w1 without a value. */
static void
produce(void)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *producer;
	char		said[256];

	rd_kafka_conf_set(conf, "bootstrap.servers", config.brokers, said, sizeof(said));
	producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, said, sizeof(said));
	for (int i = 0; i < 10; i++)
	{
		char		word[8];
		void	   *value = i == 1 ? NULL : word;

		snprintf(word, sizeof(word), "w%d", i);
		if (i == 0)
			rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("words"), RD_KAFKA_V_PARTITION(1), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY("k", 1),
							  RD_KAFKA_V_VALUE(word, 2), RD_KAFKA_V_TIMESTAMP(1700000000123), RD_KAFKA_V_HEADER("a", "1", 1), RD_KAFKA_V_HEADER("b", NULL, 0),
							  RD_KAFKA_V_END);
		else
			rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("words"), RD_KAFKA_V_PARTITION(1), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
							  RD_KAFKA_V_VALUE(value, (size_t) (value == NULL ? 0 : 2)), RD_KAFKA_V_END);
	}
	is_int(rd_kafka_flush(producer, 10000), 0, "words are sent");
	rd_kafka_destroy(producer);
}

/* perform submits the task and waits for its descriptor. */
static bool
perform(CfConsumerTaskKind kind)
{
	struct pollfd ready = {cf_consumer_fd(consumer), POLLIN, 0};

	task.kind = kind;
	cf_consumer_submit(consumer, &task);
	if (poll(&ready, 1, 60000) != 1)
		bail("a task takes more than a minute");
	if (cf_consumer_done(consumer) != &task)
		bail("another task came back");
	return task.good;
}

static bool
look(int count, const char *const *names, bool fresh)
{
	for (int i = 0; i < count; i++)
		topics[i] = (CfConsumerTopic){.name = names[i]};
	task.config = &config;
	task.topics = topics;
	task.topic_count = count;
	task.fresh = fresh;
	return perform(CF_CONSUMER_LOOK);
}

static bool
assign(const char *topic, int partition, int64_t position)
{
	static CfConsumerPart part;

	part = (CfConsumerPart){.topic = topic, .partition = partition, .position = position};
	task.wanted = &part;
	task.wanted_count = 1;
	return perform(CF_CONSUMER_ASSIGN);
}

/* fetch waits until something has come. */
static bool
fetch(int room, size_t bytes)
{
	for (int n = 0; n < 60; n++)
	{
		task.items = items;
		task.item_room = room;
		task.bytes_max = bytes;
		task.wait_ms = 500;
		if (!perform(CF_CONSUMER_FETCH) || task.item_count > 0)
			return task.good;
	}
	return false;
}

static void
test_look(void)
{
	ok(!perform(CF_CONSUMER_FETCH) && task.err.kind == CF_ERR_STATE, "without a connection nothing is fetched");
	ok(look(3, (const char *const[]){"words", "nowhere", "secret"}, false), "topics are looked for: %s", task.err.message);
	is_int(topics[0].partitions, 2, "one has two partitions");
	is_int(topics[1].failed, CF_ERR_NOT_FOUND, "one does not exist");
	is_int(topics[2].failed, CF_ERR_DENIED, "one may not be read");
	is_int(task.part_count, 2, "the partitions are told");
	is_int(task.parts[1].low, 0, "with where they begin");
	is_int(task.parts[1].high, 10, "and where they end");
	is_int(task.parts[0].high, 0, "if they do not hold anything, at their beginning");
	ok(look(5, (const char *const[]){"words", "nowhere", "secret", "empty", "words"}, false), "many topics are looked for at once: %s", task.err.message);
	is_int(topics[0].partitions, 2, "and found");
	is_int(topics[3].partitions, 1, "each");
	is_int(topics[2].failed, CF_ERR_DENIED, "what may not be read is told here, too");
	is_int(task.part_count, 5, "with all partitions");
	ok(look(0, NULL, false) && task.part_count == 0, "no topics have none");
}

static void
test_parts(void)
{
	static const char *const names[] = {"words", "empty"};

	rd_kafka_mock_partition_set_leader(mock, "words", 0, -1);
	ok(look(2, names, true), "a partition without a leader is no reason to fail: %s", task.err.message);
	is_int(topics[0].leaderless, 1, "it is told");
	is_int(task.part_count, 2, "the others can be read");
	is_int(task.parts[0].partition, 1, "of the same topic");
	is_str(task.parts[1].topic, "empty", "and of another");
	rd_kafka_mock_partition_set_leader(mock, "words", 0, 1);
	rd_kafka_mock_partition_set_leader(mock, "empty", 0, 2);
	rd_kafka_mock_partition_set_leader(mock, "words", 1, 1);
	config.call_timeout_ms = 1500;
	ok(look(2, names, true), "with leaders of their own: %s", task.err.message);
	is_int(task.part_count, 3, "all are told");
	rd_kafka_mock_broker_set_down(mock, 2);
	ok(look(2, names, true), "a broker that does not answer is a matter of its topics: %s", task.err.message);
	is_int(topics[1].failed, CF_ERR_IO, "one of them cannot be told");
	ok(topics[1].why != NULL && topics[1].why[0] != '\0', "in words: %s", topics[1].why);
	is_int(task.part_count, 2, "the others can");
	is_int(task.parts[1].high, 10, "with where they end");
	for (int i = 0; i < 2; i++)
		topics[i].skip = i == 1;
	task.fresh = false;
	ok(perform(CF_CONSUMER_LOOK), "and need not wait for it");
	is_int(topics[1].failed, CF_ERR_NONE, "who is left out is not asked for");
	is_int(task.part_count, 2, "nor told of");
	topics[0].skip = true;
	topics[1].skip = false;
	ok(!perform(CF_CONSUMER_LOOK), "when it is the only one, nothing is known");
	is_int(task.err.kind, CF_ERR_IO, "because nobody answers: %s", task.err.message);
	rd_kafka_mock_broker_set_up(mock, 2);
	config.call_timeout_ms = 3000;
	ok(look(2, names, true) && task.part_count == 3, "until it is back");
}

static void
test_fetch(void)
{
	const char *name;
	const char *value;
	size_t		length;

	ok(look(1, (const char *const[]){"words"}, false), "it looks");
	ok(assign("words", 1, 0), "a partition is assigned: %s", task.err.message);
	ok(fetch(1, 1000), "a message is fetched: %s", task.err.message);
	is_int(task.item_count, 1, "as many as there is room for");
	is_int(items[0].what, CF_CONSUMER_MESSAGE, "it is one");
	is_str(items[0].topic, "words", "of the topic");
	is_int(items[0].partition, 1, "and the partition");
	is_int(items[0].offset, 0, "the first");
	is_int(items[0].time_us, INT64_C(1700000000123000), "with its time");
	is_mem(items[0].key, "k", 1, "its key");
	is_mem(items[0].value, "w0", 2, "its value");
	ok(cf_consumer_header(&items[0], 0, &name, &value, &length) && strcmp(name, "a") == 0 && length == 1 && *value == '1', "and its headers");
	ok(cf_consumer_header(&items[0], 1, &name, &value, &length) && strcmp(name, "b") == 0 && length == 0, "of which some have no value");
	ok(!cf_consumer_header(&items[0], 2, &name, &value, &length), "and that is all");
	ok(fetch(100, 1), "more is fetched");
	is_int(items[0].offset, 1, "from where it was");
	ok(items[0].value == NULL && items[0].key == NULL && items[0].value_length == 0, "some have no value, and no key");
	ok(!cf_consumer_header(&items[0], 0, &name, &value, &length), "and no headers");
	is_int(task.item_count, 2, "as many as there are bytes for");
	for (int n = 3; n < 10; n++)
	{
		ok(fetch(1, 1000) && items[0].offset == n, "message %d", n);
	}
	ok(fetch(10, 1000), "then");
	is_int(items[0].what, CF_CONSUMER_END, "there is the end");
	is_int(items[0].offset, 10, "behind the last one");
	ok(!cf_consumer_header(&items[0], 0, &name, &value, &length), "which has no headers");
	ok(assign("words", 1, 7), "another position");
	ok(fetch(10, 1000) && items[0].what == CF_CONSUMER_MESSAGE && items[0].offset == 7, "is gone on from");
}

static void
test_trouble(void)
{
	ok(assign("words", 1, 50), "a position that the partition does not have");
	ok(fetch(10, 1000), "is told");
	is_int(items[0].what, CF_CONSUMER_LOST, "as lost");
	ok(items[0].why != NULL && items[0].why[0] != '\0', "in words: %s", items[0].why);
	rd_kafka_mock_push_request_errors(mock, FETCH, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	ok(assign("words", 1, 7), "a partition that may not be read");
	ok(fetch(10, 1000), "is told");
	is_int(items[0].what, CF_CONSUMER_TROUBLE, "as trouble");
	ok(items[0].why != NULL && items[0].why[0] != '\0', "in words: %s", items[0].why);
	rd_kafka_mock_push_request_errors(mock, METADATA, 1, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
	(void) look(1, (const char *const[]){"words"}, true);
	rd_kafka_mock_clear_request_errors(mock, METADATA);
	ok(look(1, (const char *const[]){"words"}, true), "another handle looks: %s", task.err.message);
	config.brokers = "127.0.0.1:9";
	config.call_timeout_ms = 500;
	ok(!look(1, (const char *const[]){"words"}, true), "nobody answers");
	is_int(task.err.kind, CF_ERR_IO, "is told");
	ok(!look(5, (const char *const[]){"words", "a", "b", "c", "d"}, false), "nor of many topics");
	config.brokers = "";
	config.memory_kb = -5;
	ok(!look(1, (const char *const[]){"words"}, true) && task.err.kind == CF_ERR_INPUT, "settings that the library refuses are told: %s", task.err.message);
	ok(perform(CF_CONSUMER_CLOSE), "it closes");
	ok(perform(CF_CONSUMER_CLOSE), "as often as one likes");
}

int
main(void)
{
	CfError		err;

	start_mock();
	produce();
	consumer = cf_consumer_start(&err);
	if (consumer == NULL)
		bail("no thread: %s", err.message);
	ok(cf_consumer_done(consumer) == NULL, "nothing is done before anything was asked for");
	test_look();
	test_parts();
	test_fetch();
	test_trouble();
	cf_consumer_stop(consumer);
	free(task.parts);
	rd_kafka_mock_cluster_destroy(mock);
	rd_kafka_destroy(host);
	cf_kafka_log_free(config.log);
	return done_testing();
}
