# Topics into tables, against a real broker: what is read, what is refused, what stops it, and what makes it go on.
use CloudFlux::Kafka;
use CloudFlux::Test;

my $kafka = broker();
my $c = cluster('ingest', 'cloudflux.kafka_brokers' => $kafka->{endpoint}, 'cloudflux.kafka_timeout' => '3s', 'cloudflux.kafka_linger' => 0);
my $lake = $c->place('lake');
$c->sql(<<"SQL");
	SELECT cloudflux.add_storage('lake', 'LOCAL', '$lake');
	SELECT cloudflux.add_storage('pictures', 'AWS', 'mybucket', '{"region": "us-east-1"}');
	CREATE ROLE bot LOGIN IN ROLE cloudflux_user;
	CREATE TABLE rows (n int NOT NULL, o bigint, x text);
	GRANT INSERT ON rows TO bot;
SQL

# is_state waits until all partitions of a topic are in a state.
sub is_state
{
	my ($topic, $state, $like, $title) = @_;
	ok($c->poll("SELECT bool_and(state = '$state' AND COALESCE(detail, '') ~ '$like') FROM cloudflux.ingest_lag WHERE topic = '$topic'", 60), $title)
	  or diag($c->sql("SELECT * FROM cloudflux.ingest_lag WHERE topic = '$topic'"), $c->log_tail);
}
# is_read waits until so many messages of a topic were read.
sub is_read
{
	my ($topic, $n, $title) = @_;
	ok($c->poll("SELECT sum(messages) = $n AND sum(lag) = 0 FROM cloudflux.ingest_lag WHERE topic = '$topic'", 60), $title)
	  or diag($c->sql("SELECT * FROM cloudflux.ingest_lag WHERE topic = '$topic'"), $c->log_tail);
}
sub rows { return $c->value('SELECT COALESCE(string_agg(n::text, \' \' ORDER BY n), \'\') FROM rows') }
sub health { return $c->value("SELECT status FROM cloudflux.health() WHERE component = 'ingest'") }

# Nothing is mapped
is(health(), 'ok', 'without topics all is well');
ok($c->poll("SELECT count(*) = 1 FROM cloudflux.workers WHERE worker = 'ingester'"), 'an ingester runs');

# A topic that is not there yet, and what it brings
$c->sql(q{INSERT INTO cloudflux.ingest_topics (topic, handler, run_as) VALUES ('in', 'objects', 'bot')});
is_state('in', 'waiting', 'does not exist', 'a topic that does not exist is waited for');
$kafka->create('in', 2);
is_state('in', 'reading', '^$', 'and read when it comes');
$kafka->produce('in', [
	[ a => '{"specversion":"1.0","id":"1","source":"/app","type":"object.created","time":"2026-11-01T10:00:00Z","data":{"place":"lake","object_key":"a","size_bytes":5}}' ],
	[ a => '{"specversion":"1.0","id":"2","source":"/app","type":"object.accessed","time":"2026-11-01T11:00:00Z","data":{"place":"lake","object_key":"a","latency_ms":2}}' ],
	[ b => '{"Records":[{"eventSource":"aws:s3","eventTime":"2026-11-01T10:00:00Z","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"mybucket"},"object":{"key":"red+flower.jpg","size":1024,"eTag":"e"}}},'
		. '{"eventSource":"aws:s3","eventTime":"2026-11-01T10:00:00Z","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"mybucket"},"object":{"key":"two","size":2}}}]}' ],
	[ c => '{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"mybucket"},"object":{"key":"three","size":2}}},'
		. '{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"unknown"},"object":{"key":"x","size":2}}}]}' ],
	[ d => undef ], [ e => "\xff\xfe" ] ]);
$kafka->produce('in', [ [ g => '{"name":"k","bucket":"unknown","size":"3"}' ] ], '-H', 'eventType=OBJECT_FINALIZE');
is_read('in', 7, 'messages are read');
is($c->value(q{SELECT string_agg(place || ': ' || object_key || ' ' || size_bytes || ' ' || owner, ', ' ORDER BY place, object_key) FROM cloudflux.data_objects}),
	'lake: a 5 bot, pictures: red flower.jpg 1024 bot, pictures: two 2 bot', 'objects are catalogued, of a message all or none');
is($c->value('SELECT count(*) FROM cloudflux.access_logs'), 1, 'accesses are logged');
is($c->value('SELECT count(*) FROM cloudflux.object_classes'), 3, 'objects are classified');
is($c->value(q{SELECT string_agg(COALESCE(error_code, 'unread'), ' ' ORDER BY error_code, id) FROM cloudflux.dead_letters}), '02000 02000 unread unread', 'what is wrong lies in the dead letters');
is($c->value(q{SELECT count(*) FROM cloudflux.dead_letters WHERE payload = '\xfffe' AND convert_from(key, 'UTF8') = 'e'}), 1, 'with its bytes');
is($c->value(q{SELECT count(*) FROM cloudflux.dead_letters WHERE payload IS NULL}), 1, 'or without any');
is($c->value(q{SELECT headers::text FROM cloudflux.dead_letters WHERE headers IS NOT NULL}), '[["eventType", "T0JKRUNUX0ZJTkFMSVpF"]]', 'and headers');
is(health(), 'degraded', 'health() tells of them');
$c->sql(q{SELECT cloudflux.add_storage('late', 'AWS', 'unknown', '{"region": "us-east-1"}'), cloudflux.add_storage('late2', 'GCP', 'unknown')});
is($c->value(q{SELECT cloudflux.retry_dead_letters('in')}), 4, 'after a repair they are tried again');
ok($c->poll('SELECT count(*) = 2 FROM cloudflux.dead_letters WHERE wanted_at IS NULL AND error_code IS NULL AND attempts = 2'), 'what works is gone') or diag($c->sql('TABLE cloudflux.dead_letters'));
is($c->value(q{SELECT string_agg(place || ': ' || object_key, ', ' ORDER BY place, object_key) FROM cloudflux.data_objects WHERE object_key IN ('three', 'x', 'k')}),
	'late: x, late2: k, pictures: three', 'into the tables, headers and all');

# What we publish ourselves does not come back
$c->sql(q{SELECT cloudflux.create_topics(); INSERT INTO cloudflux.ingest_topics (topic, handler, run_as) VALUES ('data-ingestion', 'objects', 'bot')});
ok($c->poll(q{SELECT sum(messages) > 0 AND sum(messages) = sum(passed_over) AND sum(lag) = 0 FROM cloudflux.ingest_lag WHERE topic = 'data-ingestion'}, 60), 'our own events are passed over')
  or diag($c->sql('TABLE cloudflux.ingest_lag'));
$c->sql(q{DELETE FROM cloudflux.ingest_topics WHERE topic = 'data-ingestion'});

# A table of one's own; marks of transactions are no messages, and are passed
$kafka->create('rows');
$c->sql(<<'SQL');
	INSERT INTO cloudflux.ingest_topics (topic, handler, run_as, target_table) VALUES ('rows', 'table', 'bot', 'public.rows');
	INSERT INTO cloudflux.ingest_columns (topic, column_name, path) VALUES ('rows', 'n', '$.n'), ('rows', 'o', '$offset'), ('rows', 'x', '$.x');
SQL
$kafka->produce('rows', [ map { [ k => qq({"n":$_}) ] } 1 .. 3 ]);
is_read('rows', 3, 'rows come');
is(rows(), '1 2 3', 'into the table');
$c->sql(q{INSERT INTO cloudflux.event_types (event_type, topic) VALUES ('test.row', 'rows'); SELECT cloudflux.emit_events('analytics', 'test.row', ARRAY['a', 'b'], ARRAY['{"n": 1}', '{"n": 2}']::jsonb[])});
$c->sql(q{UPDATE cloudflux.ingest_columns SET path = '$.**.n' WHERE column_name = 'n'});
is_read('rows', 5, 'messages of a transaction are read when it is committed');
ok($c->poll(q{SELECT position = 6 AND lag = 0 FROM cloudflux.ingest_lag WHERE topic = 'rows'}), 'and its mark is passed') or diag($c->sql(q{SELECT * FROM cloudflux.ingest_lag WHERE topic = 'rows'}));
$c->sql(q{TRUNCATE rows; DELETE FROM cloudflux.dead_letters; UPDATE cloudflux.ingest_columns SET path = '$.n' WHERE column_name = 'n'});

# Commands: what is done, and what is refused, is logged with them
$kafka->create('commands');
$c->sql(q{INSERT INTO cloudflux.ingest_topics (topic, handler, run_as) VALUES ('commands', 'actions', 'bot')});
my $file = $c->value(q{SELECT file_id FROM cloudflux.data_objects WHERE object_key = 'a'});
$kafka->produce('commands', [
	[ ops => qq({"action":"classify","arguments":{"file_id":"$file"}}) ], [ ops => '{"action":"drop_everything","arguments":{"now":true}}' ],
	[ ops => '{"action":"migrate","arguments":{"file_id":"none","dest_place":"lake"}}' ], [ ops => 'please' ],
	[ ops => qq({"action":"classify","arguments":{"file_id":"$file"}}) ] ]);
is_read('commands', 5, 'commands are read');
is($c->value(q{SELECT string_agg(message_offset || ' ' || COALESCE(action, '-') || ' ' || outcome || ' ' || COALESCE(error_code, '-'), ', ' ORDER BY message_offset) FROM cloudflux.action_log}),
	'0 classify done -, 1 drop_everything refused 42501, 2 migrate refused 02000, 3 - refused -, 4 classify done -', 'each leaves a row, done or refused');
is($c->value(q{SELECT count(*) FROM cloudflux.action_log WHERE run_as = 'bot' AND message_key = 'ops' AND mapped_by = 'postgres' AND (outcome = 'refused' OR arguments ->> 'file_id' IS NOT NULL AND result IS NOT NULL)}), 5,
	'which tells whose rights it had, and what came of it') or diag($c->sql('TABLE cloudflux.action_log'));
$c->sql(q{SELECT cloudflux.retry_dead_letters('commands')});
ok($c->poll(q{SELECT count(*) = 8 FROM cloudflux.action_log}), 'so does one that is tried again');
$c->sql(q{DELETE FROM cloudflux.dead_letters; DELETE FROM cloudflux.ingest_topics WHERE topic = 'commands'});

# Not the messages' fault: everything waits, nothing is refused
my $locker = $c->session;
$locker->query('BEGIN; LOCK TABLE rows IN ACCESS EXCLUSIVE MODE');
$kafka->produce('rows', [ [ k => '{"n":4}' ] ]);
is_state('rows', 'waiting', 'lock timeout', 'a table that is locked makes the topic wait');
$kafka->produce('in', [ [ z => '{"specversion":"1.0","id":"9","source":"/app","type":"object.created","data":{"place":"lake","object_key":"z","size_bytes":1}}' ] ]);
ok($c->poll(q{SELECT count(*) = 1 FROM cloudflux.data_objects WHERE object_key = 'z'}), 'the others go on');
$locker->query('COMMIT');
is_read('rows', 6, 'until it is free');
$c->sql('REVOKE INSERT ON rows FROM bot');
$kafka->produce('rows', [ [ k => '{"n":5}' ] ]);
is_state('rows', 'waiting', 'may not insert', 'so does a right that is missing');
$c->sql('GRANT INSERT ON rows TO bot');
is_read('rows', 7, 'until it is there');
$c->sql('ALTER TABLE rows RENAME TO others');
$kafka->produce('rows', [ [ k => '{"n":6}' ] ]);
is_state('rows', 'waiting', 'does not exist', 'and a table');
$c->sql('ALTER TABLE others RENAME TO rows');
is_read('rows', 8, 'until it is back');
is(rows(), '4 5 6', 'and nothing is lost, or there twice');
is($c->value('SELECT count(*) FROM cloudflux.dead_letters'), 0, 'or refused');

# Code of others: a trigger of the table runs as the role, and leaves nothing behind
$c->sql(<<'SQL');
	CREATE FUNCTION nosy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.x := CURRENT_USER || ' ' || cloudflux.actor(); SET search_path = public; RETURN NEW; END $$;
	CREATE TRIGGER nosy BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION nosy();
	CREATE FUNCTION climber() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RESET ROLE; RETURN NEW; END $$;
	GRANT USAGE ON SCHEMA cloudflux TO bot;
SQL
$kafka->produce('rows', [ [ k => '{"n":7}' ] ]);
is_read('rows', 9, 'with a trigger');
is($c->value('SELECT x FROM rows WHERE n = 7'), 'bot bot', 'that acts as the role');
$c->sql('CREATE TRIGGER climber BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION climber()');
$kafka->produce('rows', [ [ k => '{"n":8}' ] ]);
is_state('rows', 'waiting', 'cannot set parameter "role"', 'and cannot become another one');
$c->sql('DROP TRIGGER climber ON rows; DROP TRIGGER nosy ON rows');
ok($c->poll('SELECT count(*) = 1 FROM rows WHERE n = 8'), 'without it the row comes');

# A second reader
is($c->value(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = (SELECT held_by FROM cloudflux.ingest_positions WHERE topic = 'rows')}) + 0, 3, 'a reader holds a lock for each of its partitions');
is($c->value(q{SELECT pg_try_advisory_lock(hashtextextended('cloudflux.ingest/rows/0', 0))}), 'f', 'which nobody else gets');
$c->sql(q{SELECT cloudflux.reset_ingest('rows', partition => 0, message_offset => 0)});
ok($c->poll('SELECT count(*) = 2 FROM rows WHERE n = 4'), 'whose position is set by hand reads again') or diag($c->sql('TABLE rows'), $c->sql('TABLE cloudflux.ingest_positions'));

# Kafka forgets
$c->sql(q{UPDATE cloudflux.ingest_topics SET enabled = false WHERE topic = 'rows'});
is_state('rows', 'off', '^$', 'a topic is switched off');
$kafka->produce('rows', [ map { [ k => qq({"n":$_}) ] } 20 .. 25 ]);
# forgets deletes the messages of "rows" before an offset; -1 = all.
sub forgets
{
	my ($at) = @_;
	open my $out, '>', "$kafka->{dir}/gone.json" or die $!;
	print $out qq({"partitions": [{"topic": "rows", "partition": 0, "offset": $at}], "version": 1});
	close $out;
	$kafka->tool('DeleteRecordsCommand', '--offset-json-file', "$kafka->{dir}/gone.json");
}
forgets($c->value(q{SELECT position + 3 FROM cloudflux.ingest_positions WHERE topic = 'rows'}));
$c->sql(q{UPDATE cloudflux.ingest_topics SET enabled = true WHERE topic = 'rows'});
is_state('rows', 'stopped', 'were deleted in Kafka', 'messages that were deleted before they were read stop it');
is(health(), 'failed', 'health() says so');
$c->sql(q{SELECT cloudflux.reset_ingest('rows', 'earliest')});
ok($c->poll(q{SELECT count(*) = 3 FROM rows WHERE n >= 20}), 'until somebody says where to go on') or diag(rows());
$c->sql(q{UPDATE cloudflux.ingest_topics SET enabled = false WHERE topic = 'rows'});
is_state('rows', 'off', '^$', 'off again');
forgets(-1);
$kafka->produce('rows', [ [ k => '{"n":30}' ] ]);
$c->sql(q{UPDATE cloudflux.ingest_topics SET enabled = true WHERE topic = 'rows'});
ok($c->poll(q{SELECT count(*) = 1 FROM rows WHERE n = 30}), 'messages that were deleted after they were read are not missed') or diag($c->sql('TABLE cloudflux.ingest_lag'));

# Another topic of the same name
sub another
{
	my ($n) = @_;
	$kafka->tool('TopicCommand', '--delete', '--topic', 'rows');
	await { !grep { $_ eq 'rows' } $kafka->topics } 30, 'the topic is deleted';
	$kafka->create('rows');
	$kafka->produce('rows', [ map { [ k => qq({"n":$_}) ] } 1 .. $n ]) if $n;
}
$c->sql(q{UPDATE cloudflux.ingest_topics SET enabled = false WHERE topic = 'rows'; TRUNCATE rows});
is_state('rows', 'off', '^$', 'switched off again');
another(2);
$c->sql(q{UPDATE cloudflux.ingest_topics SET enabled = true WHERE topic = 'rows'});
is_state('rows', 'stopped', 'ends at 2', 'a topic that was made anew and is shorter stops it');
is(rows(), '', 'nothing of it is taken');
$c->sql(q{SELECT cloudflux.reset_ingest('rows', 'earliest')});
ok($c->poll(q{SELECT count(*) = 2 FROM rows}), 'until somebody says that it is to be read');
$c->sql(q{UPDATE cloudflux.ingest_topics SET enabled = false WHERE topic = 'rows'; TRUNCATE rows});
is_state('rows', 'off', '^$', 'switched off once more');
another(50);
$c->sql(q{UPDATE cloudflux.ingest_topics SET enabled = true WHERE topic = 'rows'});
is_state('rows', 'stopped', 'is another one now', 'one that is longer is known by its messages');
is(rows(), '', 'nothing of it is taken');
$c->sql(q{SELECT cloudflux.reset_ingest('rows', 'latest')});
is_state('rows', 'reading', '^$', 'latest leaves out what there is');
$kafka->produce('rows', [ [ k => '{"n":99}' ] ]);
ok($c->poll(q{SELECT string_agg(n::text, ' ') = '99' FROM rows}), 'and takes what comes') or diag(rows());

# Little memory, large messages
$c->set('cloudflux.kafka_ingest_memory' => '2MB');
$c->set('cloudflux.kafka_ingest_batch' => 10);
$c->sql('TRUNCATE rows');
my $large = 'y' x 400_000;
$kafka->produce('rows', [ map { [ k => qq({"n":$_,"x":"$large"}) ] } 1 .. 30 ]);
ok($c->poll('SELECT count(*) = 30 AND sum(length(x)) = 30 * 400000 FROM rows', 90), 'twelve megabytes pass through two') or diag($c->sql('TABLE cloudflux.ingest_lag'));

# A dead letter whose key alone is more than the memory of a batch
$kafka->produce('rows', [ [ 'k' x 300_000 => 'poison' ] ]);
ok($c->poll("SELECT count(*) = 1 FROM cloudflux.dead_letters WHERE octet_length(key) = 300000", 60), 'a message with a large key is refused');
$c->sql("SELECT cloudflux.retry_dead_letters('rows')");
ok($c->poll("SELECT count(*) = 1 FROM cloudflux.dead_letters WHERE octet_length(key) = 300000 AND attempts = 2 AND wanted_at IS NULL", 60), 'it is tried again, once')
  or diag($c->sql("SELECT id, attempts, wanted_at, reason FROM cloudflux.dead_letters"));
$c->sql('DELETE FROM cloudflux.dead_letters');

# Brokers that are not there, and then are
$c->set('cloudflux.kafka_brokers' => '127.0.0.1:1');
is_state('rows', 'waiting', '127\.0\.0\.1:1 ', 'where nobody listens nothing is read, and it is told who was asked');
$c->set('cloudflux.kafka_brokers' => $kafka->{endpoint});
is_state('rows', 'reading', '^$', 'with the right ones it goes on');

# The broker goes
$kafka->kill9;
is_state('rows', 'waiting', '.', 'without its broker the ingester waits');
$c->sql('CREATE DATABASE other');
my $begin = time;
$c->sql('DROP DATABASE other');
cmp_ok(time - $begin, '<=', 5, 'DROP DATABASE of another database does not wait for it');
$begin = time;
$c->restart;
cmp_ok(time - $begin, '<=', 15, 'nor does a fast shutdown');
$kafka->start;
$kafka->produce('rows', [ [ k => '{"n":31}' ] ]);
ok($c->poll('SELECT count(*) = 1 FROM rows WHERE n = 31', 90), 'and goes on when it is back');
$c->sql('DROP EXTENSION cloudflux CASCADE');
ok($c->poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'cloudflux ingester'", 60), 'DROP EXTENSION ends it');
done_testing;
