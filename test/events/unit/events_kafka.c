/*
 * The producer climbs its ladder of errors, against librdkafka's own mock cluster: good for errors, but it knows no fencing and no
 * read_committed. That events arrive exactly once is proven against a real broker (test/events/t).
 */
#include "tap.h"

#include <poll.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "events/kafka_thread.h"

/* Numbers of requests in Kafka's protocol. */
#define PRODUCE 0
#define METADATA 3
#define OFFSET_FETCH 9
#define INIT_PRODUCER_ID 22
#define ADD_PARTITIONS 24
#define ADD_OFFSETS 25
#define END_TXN 26
#define TXN_OFFSET_COMMIT 28

static rd_kafka_t *host;
static rd_kafka_mock_cluster_t *mock;
static CfKafkaConfig config;
static CfKafkaThread *thread;

static void
start_mock(void)
{
	char		said[256];

	host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), said, sizeof(said));
	mock = rd_kafka_mock_cluster_new(host, 1);
	rd_kafka_mock_topic_create(mock, "progress", 1, 1);
	rd_kafka_mock_topic_create(mock, "words", 2, 1);
	rd_kafka_mock_topic_set_error(mock, "nowhere", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	rd_kafka_mock_coordinator_set(mock, "transaction", "unit", 1);
	rd_kafka_mock_coordinator_set(mock, "group", "unit", 1);
	config = (CfKafkaConfig){.brokers = rd_kafka_mock_cluster_bootstraps(mock), .transactional_id = "unit", .group = "unit", .progress_topic = "progress",
		.transaction_timeout_ms = 10000, .message_timeout_ms = 3000, .call_timeout_ms = 3000, .memory_kb = 1024, .message_max_bytes = 10000,
		.log = cf_kafka_log_make()};
}

/* perform submits a task and waits for its descriptor. */
static bool
perform(CfKafkaTask *task)
{
	struct pollfd ready = {cf_kafka_thread_fd(thread), POLLIN, 0};

	cf_kafka_thread_submit(thread, task);
	if (poll(&ready, 1, 60000) != 1)
		bail("a task takes more than a minute");
	if (cf_kafka_thread_done(thread) != task)
		bail("another task came back");
	return task->good;
}

static bool
open_it(CfKafkaTask *task, bool fresh)
{
	*task = (CfKafkaTask){.kind = CF_KAFKA_OPEN, .config = &config, .fresh = fresh};
	return perform(task);
}

static bool
publish(CfKafkaTask *task, const char *topic, size_t value_length, int64_t offset)
{
	static char value[20000];
	static CfKafkaMessage messages[2];

	memset(value, 'v', sizeof(value));
	for (int i = 0; i < 2; i++)
		messages[i] = (CfKafkaMessage){.topic = topic, .key = "k", .key_length = 1, .value = value, .value_length = i == 0 ? 10 : value_length,
			.header = {"7", "t", NULL, "application/json", NULL}, .id = 41 + i};
	*task = (CfKafkaTask){.kind = CF_KAFKA_PUBLISH, .messages = messages, .count = 2, .offset = offset};
	snprintf(task->metadata, sizeof(task->metadata), "position %lld", (long long) offset);
	return perform(task);
}

/* commit_plainly writes a position as a consumer does: the mock cluster forgets those of transactions. */
static void
commit_plainly(int64_t offset, const char *metadata)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *element = rd_kafka_topic_partition_list_add(list, "progress", 0);
	rd_kafka_t *consumer;
	char		said[256];

	rd_kafka_conf_set(conf, "bootstrap.servers", config.brokers, said, sizeof(said));
	rd_kafka_conf_set(conf, "group.id", "unit", said, sizeof(said));
	consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, said, sizeof(said));
	element->offset = offset;
	element->metadata = strdup(metadata);
	element->metadata_size = strlen(metadata);
	is_int(rd_kafka_commit(consumer, list, 0), 0, "a position is committed");
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(consumer);
}

static void
test_plain(void)
{
	CfKafkaTask task = {.kind = CF_KAFKA_PARTITIONS, .topic = "words"};

	ok(!perform(&task) && task.err.kind == CF_ERR_STATE, "without a connection nothing is asked");
	ok(open_it(&task, false), "it opens: %s", task.err.message);
	ok(!task.known, "at first there is no position");
	ok(publish(&task, "words", 10, 2), "a transaction commits: %s", task.err.message);
	is_int(task.outcome, CF_KAFKA_DONE, "and is done");
	task = (CfKafkaTask){.kind = CF_KAFKA_PUBLISH, .offset = INT64_C(9007199254740993), .metadata = "cf1"};
	ok(perform(&task), "a position goes without a message: %s", task.err.message);
	commit_plainly(INT64_C(9007199254740993), "cf1");
	ok(open_it(&task, true), "another handle opens");
	ok(task.known, "there is a position");
	is_int(task.offset, INT64_C(9007199254740993), "and it is the last one");
	is_str(task.metadata, "cf1", "with its words");
	task = (CfKafkaTask){.kind = CF_KAFKA_PARTITIONS, .topic = "words"};
	ok(perform(&task), "a topic is found");
	is_int(task.partitions, 2, "with its partitions");
}

static void
test_rejected(void)
{
	CfKafkaTask task;

	ok(!publish(&task, "words", 15000, 5), "what is longer than allowed is not sent");
	is_int(task.outcome, CF_KAFKA_ABORTED, "and nothing else of its transaction");
	is_int(task.culprit, 42, "the event is named");
	ok(task.err.kind == CF_ERR_INPUT && strstr(task.err.detail, "42") != NULL && task.err.hint[0] != '\0', "in the error too: %s", task.err.detail);
	rd_kafka_mock_push_request_errors(mock, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	ok(!publish(&task, "words", 10, 5), "nor what is longer than the broker allows");
	is_int(task.outcome, CF_KAFKA_ABORTED, "which aborts, too");
	ok(task.culprit == 41 || task.culprit == 42, "naming an event");
	/* The mock cluster misses the sequence numbers of what it has refused; a broker does not. */
	ok(open_it(&task, true) && publish(&task, "words", 10, 6), "the next transaction works: %s", task.err.message);
}

static void
test_ladder(void)
{
	CfKafkaTask task;

	rd_kafka_mock_push_request_errors(mock, ADD_OFFSETS, 2, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
	ok(publish(&task, "words", 10, 7), "what can be retried is retried: %s", task.err.message);
	rd_kafka_mock_push_request_errors(mock, ADD_PARTITIONS, 1, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	ok(publish(&task, "words", 10, 7), "a topic that the coordinator does not know yet is asked for again: %s", task.err.message);
	rd_kafka_mock_push_request_errors(mock, TXN_OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
	ok(!publish(&task, "words", 10, 8), "a refused position fails the transaction");
	is_int(task.outcome, CF_KAFKA_ABORTED, "which is aborted");
	is_int(task.err.kind, CF_ERR_DENIED, "as denied");
	rd_kafka_mock_push_request_errors(mock, ADD_PARTITIONS, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	ok(!publish(&task, "words", 10, 8), "so does a refused topic");
	is_int(task.outcome, CF_KAFKA_ABORTED, "which is aborted, too");
	rd_kafka_mock_push_request_errors(mock, END_TXN, 1, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE);
	ok(!publish(&task, "words", 10, 8), "a commit may fail for good");
	is_int(task.outcome, CF_KAFKA_UNKNOWN, "then the outcome is unknown");
	ok(!publish(&task, "words", 10, 8) && task.err.kind == CF_ERR_STATE, "and the handle is gone");
	ok(open_it(&task, false), "a new one opens: %s", task.err.message);
	rd_kafka_mock_push_request_errors(mock, END_TXN, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
	ok(!publish(&task, "words", 10, 8), "who is fenced commits nothing");
	is_int(task.outcome, CF_KAFKA_UNKNOWN, "and starts anew");
	is_int(task.err.kind, CF_ERR_BUSY, "somebody else is there");
	ok(open_it(&task, false), "a new one opens again: %s", task.err.message);
}

static void
test_opening(void)
{
	CfKafkaTask task;
	const char *brokers = config.brokers;

	rd_kafka_mock_push_request_errors(mock, INIT_PRODUCER_ID, 1, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
	ok(!open_it(&task, true), "a transactional id may be refused");
	is_int(task.err.kind, CF_ERR_DENIED, "as denied: %s", task.err.message);
	rd_kafka_mock_push_request_errors(mock, OFFSET_FETCH, 1, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
	ok(!open_it(&task, true) && task.err.kind == CF_ERR_DENIED, "so may the position: %s", task.err.message);
	rd_kafka_mock_push_request_errors(mock, OFFSET_FETCH, 2, RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
	ok(open_it(&task, false), "what is not stable yet is asked again: %s", task.err.message);
	config.progress_topic = "nowhere";
	ok(!open_it(&task, true) && task.err.kind == CF_ERR_NOT_FOUND && task.err.hint[0] != '\0', "a missing progress topic is no missing position: %s", task.err.message);
	config.progress_topic = "progress";
	config.brokers = "127.0.0.1:1";
	config.call_timeout_ms = 300;
	ok(!open_it(&task, true) && task.err.retryable, "where nobody listens it may be tried again: %s", task.err.message);
	ok(!open_it(&task, false) && task.err.retryable, "by the same handle");
	config.brokers = brokers;
	config.call_timeout_ms = 3000;
	config.message_max_bytes = 1;
	ok(!open_it(&task, true) && task.err.kind == CF_ERR_INPUT, "a wrong configuration is refused: %s", task.err.message);
	config.message_max_bytes = 10000;
	config.memory_kb = 1;
	ok(open_it(&task, true) && publish(&task, "words", 9000, 9), "a message may be larger than the memory for messages: %s", task.err.message);
	config.memory_kb = 1024;
	config.transaction_timeout_ms = 2000;
	ok(!open_it(&task, true) && task.err.kind == CF_ERR_INPUT, "so is one that does not fit together: %s", task.err.message);
	config.transaction_timeout_ms = 10000;
	ok(open_it(&task, true), "a right one opens: %s", task.err.message);
}

static void
test_topics(void)
{
	CfKafkaTask task = {.kind = CF_KAFKA_CREATE, .config = &config, .topic = "new", .partitions = 1, .replication = 1};

	ok(!perform(&task), "the mock cluster creates no topics, and that is told: %s", task.err.message);
	task.partitions = -5;
	ok(!perform(&task) && task.err.kind == CF_ERR_INPUT, "a wrong wish is refused: %s", task.err.message);
	rd_kafka_mock_topic_set_error(mock, "secret", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	task = (CfKafkaTask){.kind = CF_KAFKA_PARTITIONS, .topic = "secret"};
	ok(!perform(&task) && task.err.kind == CF_ERR_DENIED && strstr(task.err.message, "\"secret\"") != NULL, "a topic may be none of our business, and is named: %s", task.err.message);
	task = (CfKafkaTask){.kind = CF_KAFKA_PARTITIONS, .topic = "nowhere"};
	ok(perform(&task) && task.partitions == 0, "a topic that does not exist has no partitions");
	task = (CfKafkaTask){.kind = CF_KAFKA_CLOSE};
	ok(perform(&task), "it closes");
}

static void
test_log(void)
{
	char		line[CF_KAFKA_LINE_BYTES];
	int			lines = 0;

	int			warnings = 0;

	while (cf_kafka_log_take(config.log, line))
	{
		warnings += strstr(line, "CONFWARN") != NULL;
		lines++;
	}
	is_int(warnings, 0, "properties that do not matter are no explanation");
	ok(lines > 0 && lines <= 32, "what librdkafka said can be read, and is bounded (%d lines)", lines);
}

int
main(void)
{
	CfError		err;

	start_mock();
	thread = cf_kafka_thread_start(&err);
	ok(thread != NULL, "the thread starts");
	ok(cf_kafka_thread_done(thread) == NULL, "nothing is done before something is wanted");
	test_plain();
	test_rejected();
	test_ladder();
	test_opening();
	test_topics();
	cf_kafka_thread_stop(thread);
	test_log();
	cf_kafka_log_free(config.log);
	rd_kafka_mock_cluster_destroy(mock);
	rd_kafka_destroy(host);
	return done_testing();
}
