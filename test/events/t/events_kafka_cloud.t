# Events in Kafka: what is sent, in which order, where to, and what stops it; against a real broker.
use CloudFlux::Kafka;
use CloudFlux::Test;
use JSON::PP;

my $kafka = broker();
my $c = cluster('kafka', 'cloudflux.kafka_linger' => 0, 'cloudflux.kafka_timeout' => '3s', 'cloudflux.kafka_transaction_timeout' => '10s');
my $json = JSON::PP->new->utf8->canonical;

sub state { return $c->value("SELECT COALESCE(state, '') FROM cloudflux.event_positions WHERE reader = 'kafka'") }
sub detail { return $c->value("SELECT COALESCE(detail, '') FROM cloudflux.event_positions WHERE reader = 'kafka'") }
sub health { return $c->value("SELECT status FROM cloudflux.health() WHERE component = 'kafka'") }
sub emit { my ($topic, $type, $subject, $data) = @_; $c->sql("SELECT cloudflux.emit_events('$topic', '$type', ARRAY['$subject'], ARRAY['" . ($data // '{}') . "'::jsonb])") }
# sent waits until nothing is left to send.
sub sent { return $c->poll('SELECT count(*) = 0 FROM cloudflux.unpublished_events()', $_[0] // 30) }
sub ids { my ($topic) = @_; return join ' ', map { $_->{headers}{event_id} } $kafka->consume($topic) }
sub is_state { my ($want, $like, $title) = @_; ok($c->poll("SELECT state = '$want' AND COALESCE(detail, '') ~ '$like' FROM cloudflux.event_positions WHERE reader = 'kafka'", 40), $title) or diag(state(), ': ', detail()) }

# What cannot be a broker is refused when it is said
throws($c, "ALTER SYSTEM SET cloudflux.kafka_brokers = '$_'", '22023', qr/no broker of Kafka/, "no brokers: $_") foreach 'http://kafka:9092', 'kafka:99999', 'a:1,,b:2', '::1';
throws($c, "CREATE SERVER k FOREIGN DATA WRAPPER cloudflux_kafka OPTIONS (brokers 'kafka:9092 other:9092')", '22023', qr/host:port/, 'nor by a server');

# Without a broker
emit('analytics', 'test.early', 'a', '{"n": 1}');
is($c->value("SELECT count(*) FROM cloudflux.workers WHERE worker = 'publisher'"), 0, 'without brokers no publisher runs');
is(health(), 'ok', 'which is no fault');
is($c->value("SELECT count(*) FROM cloudflux.event_lag WHERE reader = 'kafka'"), 0, 'and no lag');

# The broker appears
$c->set('cloudflux.kafka_brokers' => $kafka->{endpoint});
is_state('waiting', 'cloudflux-progress', 'a missing topic is named');
like($c->value("SELECT hint FROM cloudflux.event_positions WHERE reader = 'kafka'"), qr/create_topics/, 'with a hint');
is($c->value("SELECT untold_events FROM cloudflux.event_lag WHERE reader = 'kafka' AND topic = 'analytics'"), 1, 'event_lag counts what waits, per topic');
is($c->value("SELECT count(*) FROM cloudflux.create_topics(ARRAY['analytics', 'data-ingestion', 'mine'], 3)"), 4, 'topics are asked for, that of the position with them');
ok($c->poll("SELECT bool_and(state = 'present') FROM cloudflux.topic_requests"), 'and made') or diag($c->sql('TABLE cloudflux.topic_requests'));
await { join(' ', $kafka->topics) eq 'analytics cloudflux-progress data-ingestion mine' } 10, 'by the broker';
is_state('publishing', '', 'publishing begins');
ok(sent(), 'what was written before the broker came goes out');
my ($first) = $kafka->consume('analytics');
is($first->{key}, 'a', 'the key is the subject');
is_deeply({ %{ $first->{headers} }, event_time => undef }, { event_id => 1, event_type => 'test.early', event_time => undef, 'content-type' => 'application/cloudevents+json; charset=UTF-8' }, 'headers tell what it is');
my $body = $json->decode($first->{payload});
is_deeply($body->{data}, { n => 1 }, 'the data are those of the row');
is($body->{source}, 'urn:cloudflux:' . $c->value('SELECT system_identifier FROM pg_control_system()') . ':postgres', 'the source names cluster and database');
is(health(), 'ok', 'all is well');

# Order: transaction ids are not it
my ($t0, $t1, $t2) = map { $c->session } 0 .. 2;
$c->sql('CREATE TABLE x (v int); INSERT INTO x VALUES (0)');
my $change = q{UPDATE x SET v = v + 1; SELECT cloudflux.emit_events('analytics', 'test.order', ARRAY['x'], ARRAY[jsonb_build_object('v', v)]) FROM x};
sub versions { return join ' ', map { my $b = $json->decode($_->{payload}); $b->{type} eq 'test.order' ? $b->{data}{v} : () } $kafka->consume('analytics') }
$t1->query('BEGIN; SELECT pg_current_xact_id()');
$t2->query("BEGIN; SELECT pg_current_xact_id(); $change; COMMIT");
$t1->query("$change; COMMIT");
ok(sent(), 'an older transaction that changes the row later');
is(versions(), '1 2', 'is told later: by id, not by transaction');

# The one that a window below the oldest open transaction would get wrong: T1 < T0 < T2, T0 stays open.
$t1->query('BEGIN; SELECT pg_current_xact_id()');
$t0->query('BEGIN; SELECT pg_current_xact_id()');
$t2->query("BEGIN; SELECT pg_current_xact_id(); $change; COMMIT");
$t1->query("$change; COMMIT");
ok(sent(), 'an open transaction holds nobody back');
is(versions(), '1 2 3 4', 'and the order is that of the changes, whichever transactions are over');
$t0->query("$change; COMMIT");
ok(sent(), 'what it writes in the end');
is(versions(), '1 2 3 4 5', 'comes last, and is not skipped');

# A key lies where a producer in Java puts it
$kafka->create($_, 7) foreach qw(ours theirs);
my $keys = join '', map { "$_\n" } (map { "key-$_" } 1 .. 60), 'x', 'two words', "Schl\xc3\xbcssel", 'long' x 200;
$kafka->produce_java('theirs', $keys =~ s/\n/\tvalue\n/gr);
(my $list = $keys) =~ s/\n$//;
$c->sql("SELECT cloudflux.emit_events('ours', 'test.key', string_to_array('$list', E'\\n'), NULL)");
ok(sent(), 'keys of many kinds are sent');
is_deeply({ map { ($_->{key} => $_->{partition}) } $kafka->consume('ours') }, { map { ($_->{key} => $_->{partition}) } $kafka->consume('theirs') }, 'each to the partition that a client in Java chooses');

# Windows larger than a batch
$c->set('cloudflux.kafka_batch' => 100);
$c->sql(q{INSERT INTO cloudflux.events (topic, event_type, subject, data) SELECT 'mine', 'test.many', 'k' || i % 7, jsonb_build_object('i', i) FROM generate_series(1, 2345) i});
ok(sent(), 'a transaction of 2,345 events goes out in batches of 100');
my %by_key;
my @all = map { $json->decode($_->{payload}) } $kafka->consume('mine');
push @{ $by_key{ $_->{subject} } }, $_->{data}{i} foreach @all;
is(scalar @all, 2345, 'each once');
is(scalar(grep { my @n = @{ $by_key{$_} }; "@n" ne join ' ', sort { $a <=> $b } @n } keys %by_key), 0, 'in the order of their keys');

# Types and topics
$c->sql("INSERT INTO cloudflux.event_types (event_type, topic) VALUES ('test.*', 'mine'), ('test.secret', NULL)");
emit('analytics', 'test.routed', 'r');
emit('analytics', 'test.secret', 'never');
emit('data-ingestion', 'object.created', 'o');
ok(sent(), 'types have topics');
is(scalar(grep { $_->{key} eq 'r' } $kafka->consume('mine')), 1, 'the longest pattern counts');
is(scalar(grep { $_->{key} eq 'never' } map { $kafka->consume($_) } qw(mine analytics)), 0, 'a type without a topic is not sent');
is($kafka->consume('data-ingestion') + 0, 1, 'builtin types go where they belong');
$c->sql("INSERT INTO cloudflux.event_types (event_type, topic) SELECT 'many.' || n, 'mine' FROM generate_series(1, 400) n");
emit('analytics', 'many.99', 'many');
ok(sent(), 'there may be many types');
is(scalar(grep { $_->{key} eq 'many' } $kafka->consume('mine')), 1, 'and each has its topic');
throws($c, "UPDATE cloudflux.event_types SET topic = 'x' WHERE builtin", '42501', undef, 'builtin rows stay as they are');
$c->sql('DELETE FROM cloudflux.event_types WHERE NOT builtin');

# A missing topic, and a message that is too long: all waits, nothing is lost, and it goes on by itself
emit('nowhere', 'test.lost', 'l');
is_state('waiting', 'nowhere', 'a missing topic holds publishing up, and is named');
like($c->value('SELECT hint FROM cloudflux.kafka_status'), qr/create_topics\(ARRAY\['nowhere'\]\)/, 'with what makes it');
emit('mine', 'test.after', 'after');
$kafka->create('nowhere');
ok(sent(60), 'when it is there all goes on');
is($kafka->consume('nowhere') + 0, 1, 'what waited is sent');
$kafka->create('short', 1, 'max.message.bytes=2000');
emit('short', 'test.long', 'l', '{"x": "' . ('y' x 5000) . '"}');
is_state('waiting', 'MSG_SIZE_TOO_LARGE|too large', 'so does a message that the topic does not take');
like(detail(), qr/event \d+/, 'and the event is named');
$kafka->configure('short', 'max.message.bytes=100000');
ok(sent(60), 'when the topic takes it all goes on');
is($kafka->consume('short') + 0, 1, 'with that message, once');
$c->set('cloudflux.kafka_message_size' => '2000');
emit('mine', 'test.long', 'l2', '{"x": "' . ('y' x 5000) . '"}');
is_state('waiting', 'kafka_message_size', 'and one that is larger than our own limit');
$c->set('cloudflux.kafka_message_size' => '5MB');
ok(sent(60), 'goes when that is raised');
emit('mine', 'test.long', '', '{"x": "' . ('y' x 3_000_000) . '"}');
is_state('waiting', 'MSG_SIZE_TOO_LARGE|too large', 'what is too large for the topic alone is sent there, and refused');
$kafka->configure('mine', 'max.message.bytes=5000000');
ok(sent(60), 'until the topic takes it');
is(scalar(grep { length $_->{payload} > 3_000_000 } $kafka->consume('mine')), 1, 'whole');
$c->set('cloudflux.kafka_memory' => '1MB');
emit('mine', 'test.long', 'l4', '{"x": "' . ('y' x 3_000_000) . '"}');
ok(sent(60), 'and though it is more than the memory for messages');
$c->set('cloudflux.kafka_memory' => '32MB');
$c->set('cloudflux.kafka_message_size' => '1MB');
# emit_events() refuses such a topic; who may write the table writes what he likes.
$c->sql("INSERT INTO cloudflux.events (topic, event_type, subject) VALUES ('no topic', 'test.bad', 'bad')");
emit('mine', 'test.after', 'behind bad');
is_state('waiting', 'no topic', 'what is no topic for Kafka holds publishing up, and is named');
my ($bad) = detail() =~ /Event (\d+)/;
like($c->value('SELECT hint FROM cloudflux.kafka_status'), qr/event_types.*skip_event\($bad/, 'with the event, and what can be done');
$c->sql("INSERT INTO cloudflux.event_types (event_type, topic) VALUES ('test.bad', 'mine')");
ok(sent(60), 'sent elsewhere it goes');
is(scalar(grep { $_->{key} eq 'bad' } $kafka->consume('mine')), 1, 'once');
$c->sql('DELETE FROM cloudflux.event_types WHERE NOT builtin');

# What nobody wants to wait for is skipped, and kept
emit('mine', 'test.long', 'l3', '{"x": "' . ('y' x 2_000_000) . '"}');
emit('mine', 'test.after', 'behind');
is_state('waiting', 'kafka_message_size', 'an event may be too large for anybody');
my ($held) = detail() =~ /event (\d+)/;
like($c->value("SELECT hint FROM cloudflux.event_lag WHERE topic = 'mine'"), qr/skip_event\($held/, 'event_lag tells what can be done');
throws($c, "SELECT cloudflux.skip_event($held, '')", '22023', qr/why/, 'skipping it needs a reason');
throws($c, 'SELECT cloudflux.skip_event(-1, \'x\')', '02000', qr/no event -1/, 'and an event');
throws($c, "SELECT cloudflux.skip_event(min(id), 'x') FROM cloudflux.events", '55000', qr/has been published/, 'that is not in Kafka yet');
throws($c, "SET ROLE cloudflux_user; SELECT cloudflux.skip_event($held, 'x')", '42501', undef, 'and an administrator');
$c->sql("SET ROLE cloudflux_admin; SELECT cloudflux.skip_event($held, 'nobody reads it')");
ok(sent(60), 'then all goes on');
is(scalar(grep { $_->{key} eq 'behind' } $kafka->consume('mine')), 1, 'with what was behind it');
is($c->value("SELECT event_id || ' ' || subject || ' ' || reason || ' ' || skipped_by || ' ' || length(data->>'x') FROM cloudflux.skipped_events"),
	"$held l3 nobody reads it cloudflux_admin 2000000", 'the event is kept, with who did it and why');
like($c->log_since, qr/event $held is kept from Kafka by role "cloudflux_admin": nobody reads it/, 'the log tells it');
$c->sql("SELECT cloudflux.replay_events('mine', $held, $held)");
ok($c->poll('SELECT bool_and(finished_at IS NOT NULL) FROM cloudflux.event_replays'), 'a replay passes it over');
is(scalar(grep { $_->{key} eq 'l3' } $kafka->consume('mine')), 0, 'it never arrives');
my ($whole) = map { $_->{headers}{event_id} } grep { length $_->{payload} > 3_000_000 } $kafka->consume('mine');
$c->sql("SELECT cloudflux.replay_events('mine', $whole, $whole)");
is_state('waiting', "event $whole is larger", 'what was published while the limit was higher cannot be sent again');
like($c->value('SELECT hint FROM cloudflux.kafka_status'), qr/end the replay: DELETE FROM/, 'and it is told what can be done');
emit('mine', 'test.after', 'beside');
ok(sent(60), 'new events do not wait for that');
$c->sql('SET ROLE cloudflux_admin; DELETE FROM cloudflux.event_replays WHERE finished_at IS NULL');
is_state('publishing', '', 'without that replay all is well');
is($c->value("SELECT state || ' ' || skipped || ' ' || unpublished || ' ' || (events_per_second IS NOT NULL) FROM cloudflux.kafka_status"), 'publishing 1 0 true', 'kafka_status shows the state, and what was skipped');
cmp_ok($c->value("SELECT rate FROM cloudflux.event_positions WHERE reader = 'kafka'"), '>', 0, 'and the rate');

# Looking costs nothing
my $written = sub { $c->value("SELECT xmin FROM cloudflux.event_positions WHERE reader = 'kafka'") };
ok($c->poll("SELECT intended = events AND state = 'publishing' FROM cloudflux.event_positions WHERE reader = 'kafka'"), 'all is written down');
my ($row, $now) = ($written->(), $c->value('SELECT clock_timestamp()'));
ok($c->poll("SELECT query_start > '$now' FROM pg_stat_activity WHERE backend_type = 'cloudflux publisher'"), 'an idle publisher looks');
is($written->(), $row, 'and writes nothing');

# Other databases, other encodings
foreach my $encoding (qw(LATIN1 SQL_ASCII))
{
	my $db = lc $encoding;
	$c->sql("CREATE DATABASE $db TEMPLATE template0 ENCODING $encoding LOCALE 'C'");
	$c->sql('CREATE EXTENSION cloudflux', db => $db);
	$c->sql(q{SELECT cloudflux.emit_events('mine', 'test.text', ARRAY[convert_from('\\x5A7FE9', getdatabaseencoding())], ARRAY[jsonb_build_object('t', convert_from('\\xE9', getdatabaseencoding()))])}, db => $db);
	ok($c->poll('SELECT count(*) = 0 FROM cloudflux.unpublished_events()', 60, 't', db => $db), "a database in $encoding has a publisher of its own");
	my ($of) = grep { $_->{source} =~ /:$db$/ } map { my $b = eval { $json->decode($_) }; $b // () } $kafka->lines('mine');
	my $want = $encoding eq 'LATIN1' ? "\x{e9}" : "\x{fffd}";
	is($of->{subject} . $of->{data}{t}, "Z\x7f$want$want", 'and its texts are UTF-8 in Kafka' . ($encoding eq 'LATIN1' ? '' : ', where they can be'));
	$c->sql("DROP DATABASE $db");
}

# Replay
my $last = $c->value("SELECT max(id) FROM cloudflux.events WHERE topic = 'analytics'");
my $before = ids('analytics');
throws($c, "SELECT cloudflux.replay_events('analytics', 5, 4)", '22023', undef, 'a replay of nothing is refused');
is($c->value("SELECT cloudflux.replay_events(topic => 'analytics', first_id => 1, last_id => $last)"), 1 + $c->value("SELECT count(*) - 1 FROM cloudflux.events WHERE topic = 'analytics' AND id <= $last"),
	'a replay tells how many it will send');
ok($c->poll('SELECT bool_and(finished_at IS NOT NULL) FROM cloudflux.event_replays'), 'it is done') or diag($c->sql('TABLE cloudflux.event_replays'));
my @again = grep { $_->{headers}{replay} } $kafka->consume('analytics');
is(join(' ', sort { $a <=> $b } map { $_->{headers}{event_id} } @again), $c->value("SELECT string_agg(id::text, ' ' ORDER BY id) FROM cloudflux.events WHERE topic = 'analytics' AND id <= $last"),
	'each event of the range once, under its id, marked by a header');
ok($json->decode($again[0]{payload})->{replay}, 'and in the body');

# An idle position is committed again
$c->set('cloudflux.kafka_refresh' => '1s');
my $commits = sub { my $n = () = $kafka->read_with('__consumer_offsets', 'read_uncommitted', '-f', 'x\n'); return $n };
my $n = $commits->();
await { $commits->() > $n } 30, 'an idle position is refreshed';
$c->set('cloudflux.kafka_refresh' => '1d');

# The broker goes, and comes back
$kafka->kill9;
emit('mine', 'test.meanwhile', 'm');
is_state('waiting', '.', 'without its broker the publisher waits');
cmp_ok($c->value("SELECT untold_events FROM cloudflux.event_lag WHERE topic = 'mine'"), '==', 1, 'and event_lag tells');
is($c->value("SELECT detail FROM cloudflux.event_lag WHERE topic = 'mine'") =~ /^no answer from Kafka/ ? 'so' : detail(), 'so', 'and why');
$c->sql("INSERT INTO cloudflux.events (topic, event_type, subject, occurred_at) VALUES ('mine', 'test.old', 'old', now() - interval '61 seconds')");
is(health(), 'degraded', 'health() raises the alarm for an event that has waited for a minute');
$c->sql('CREATE DATABASE other');
my $begin = time;
$c->sql('DROP DATABASE other');
cmp_ok(time - $begin, '<=', 5, 'DROP DATABASE of another database does not wait for it');
$begin = time;
$c->restart;
cmp_ok(time - $begin, '<=', 15, 'nor does a fast shutdown');
$kafka->start;
ok(sent(90), 'and everything goes when the broker is back');
is(scalar(grep { $_->{key} eq 'm' } $kafka->consume('mine')), 1, 'once');
is_state('publishing', '', 'the state says so');

# Kafka forgets
$c->set('cloudflux.kafka_brokers' => '');
ok($c->poll("SELECT count(*) = 0 FROM cloudflux.workers WHERE worker = 'publisher'"), 'without brokers the publisher goes');
my $oid = $c->value("SELECT oid FROM pg_database WHERE datname = 'postgres'");
my ($group) = $kafka->tool('consumer.group.ConsumerGroupCommand', '--list') =~ /(cloudflux-\d+-$oid)\b/;
$kafka->tool('consumer.group.ConsumerGroupCommand', '--delete', '--group', $group);
$c->set('cloudflux.kafka_brokers' => $kafka->{endpoint});
is_state('stopped', 'no position any more', 'a position that Kafka has forgotten stops it');
is(health(), 'failed', 'health() says so');
emit('mine', 'test.stopped', 's1');
throws($c, "SELECT cloudflux.rebase_events('yesterday')", '22023', undef, 'a rebase has two words');
$c->sql("SELECT cloudflux.rebase_events('mirror')");
is_state('publishing', '', 'a rebase to the mirror goes on');
ok(sent(), 'with what was written meanwhile');
is(scalar(grep { $_->{key} eq 's1' } $kafka->consume('mine')), 1, 'once');
is(health(), 'ok', 'health() is content');

# The topic of the position, or one that events go to, is deleted while they are sent
foreach my $gone ('cloudflux-progress', 'mine')
{
	$kafka->tool('TopicCommand', '--delete', '--topic', $gone);
	emit('mine', 'test.gone', "without $gone");
	ok($c->poll("SELECT state = 'waiting' AND detail ~ 'topic \"$gone\" does not exist' AND hint ~ 'create_topics' FROM cloudflux.kafka_status", 90), "it is named when it is gone: $gone") or diag(state(), ': ', detail());
	$kafka->create($gone);
	ok(sent(90), 'and when it is back all goes on') or diag(state(), ': ', detail());
}
is(join(',', map { $_->{key} } $kafka->consume('mine')), 'without mine', 'with what waited');

# Somebody sets it, by a tool that knows nothing of what it says
$c->set('cloudflux.kafka_brokers' => '');
ok($c->poll("SELECT count(*) = 0 FROM cloudflux.workers WHERE worker = 'publisher'"), 'once more the publisher goes');
$kafka->tool('consumer.group.ConsumerGroupCommand', qw(--reset-offsets --topic cloudflux-progress --to-earliest --execute), '--group', $group);
$c->set('cloudflux.kafka_brokers' => $kafka->{endpoint});
is_state('stopped', 'not one of cloudflux', 'a position that is none of ours stops it');
like($c->value('SELECT hint FROM cloudflux.kafka_status'), qr/rebase_events/, 'and it is told what to do');
emit('mine', 'test.stopped', 's2');
$c->sql("SELECT cloudflux.rebase_events('mirror')");
is_state('publishing', '', 'which helps');
throws($c, 'SELECT cloudflux.rebase_events()', '55000', qr/has not stopped/, 'where nothing is wrong, nothing is passed over');
ok(sent(), 'and all goes on');
is(scalar(grep { $_->{key} eq 's2' } $kafka->consume('mine')), 1, 'from where it was');

# Rights
$c->sql('CREATE ROLE regress_viewer LOGIN IN ROLE cloudflux_viewer; CREATE ROLE regress_admin LOGIN IN ROLE cloudflux_admin');
throws($c, "SELECT cloudflux.$_", '42501', undef, "a viewer may not: $_", user => 'regress_viewer') foreach "rebase_events('now')", "replay_events('mine', 1, 2)", 'create_topics()';
is($c->error("SELECT cloudflux.create_topics(ARRAY['mine']), cloudflux.replay_events('mine', 1, 2)", user => 'regress_admin'), undef, 'an administrator may');
is($c->error('SELECT * FROM cloudflux.event_lag', user => 'regress_viewer'), undef, 'a viewer sees the lag');

# The extension goes
$kafka->pause;
$begin = time;
$c->sql('DROP EXTENSION cloudflux CASCADE');
cmp_ok(time - $begin, '<=', 20, 'DROP EXTENSION does not wait for a broker that does not answer');
ok($c->poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'cloudflux publisher'", 60), 'and the publisher goes');
$kafka->resume;
done_testing;
