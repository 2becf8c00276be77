# Events reach Kafka, and come back into a table, with whatever library and server there are: run on every version (make check-versions), against a broker beside the
# tree. With TLS and a password; by SCRAM where librdkafka is new enough for a broker of Kafka 4.
use CloudFlux::Test;
use CloudFlux::Kafka;

my $kafka = broker(secure => 1);
my $c = cluster('smoke', 'cloudflux.migration_workers' => 0, 'cloudflux.kafka_batch' => 300);
CloudFlux::Servers::open_clouds($c);
my ($version) = map { /librdkafka (\d+)\.(\d+)\.(\d+)/ ? $1 * 10000 + $2 * 100 + $3 : () } ($kafka->run('kcat', '-V'))[1];
my $mechanism = $version < 20601 ? 'PLAIN' : 'SCRAM-SHA-512';
diag("librdkafka $version, $mechanism");
my $ca = $c->write('ca.pem', CloudFlux::Test::Cluster->_slurp("$kafka->{dir}/ca.pem"));
$c->sql("CREATE SERVER kafka FOREIGN DATA WRAPPER cloudflux_kafka OPTIONS (brokers '$kafka->{env}{CF_SASL}', sasl_mechanism '$mechanism', ca_file '$ca')");
$c->sql(q{SELECT cloudflux.set_credentials('kafka', '{"username": "alice", "password": "alice-secret"}')});
$c->set('cloudflux.kafka_server' => 'kafka');
$c->sql("SELECT count(*) FROM cloudflux.create_topics(ARRAY['analytics'], 2)");

sub emit { $c->sql("INSERT INTO cloudflux.events (topic, event_type, subject, data) SELECT 'analytics', 'test.smoke', 'k' || i % 50, jsonb_build_object('i', i) FROM generate_series($_[0], $_[1]) i") }
sub sent { return $c->poll("SELECT state = 'publishing' AND unpublished = 0 FROM cloudflux.kafka_status", 90) }

emit(1, 1000);
ok(sent(), 'a thousand events are published') or diag($c->sql('SELECT * FROM cloudflux.kafka_status') . $c->log_tail);
my $pid = $c->value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'cloudflux publisher'");
kill 'KILL', $pid;
ok($c->poll("SELECT pid <> $pid FROM pg_stat_activity WHERE backend_type = 'cloudflux publisher'", 60), 'the publisher comes back after SIGKILL');
emit(1001, 2000);
ok(sent(), 'so does what it sends') or diag($c->sql('SELECT * FROM cloudflux.kafka_status') . $c->log_tail);
my %of;
foreach ($kafka->lines('analytics')) { push @{ $of{$1} }, $2 if /"subject":"(\w+)".*"data":\{"i": (\d+)\}/ }
is_deeply([ map { @{ $of{"k$_"} // [] } } 0 .. 49 ], [ map { my $k = $_; grep { $_ % 50 == $k } 1 .. 2000 } 0 .. 49 ], 'each is there once, in the order of its key');

# The way back
$c->sql(q{
	CREATE ROLE reader IN ROLE cloudflux_user;
	CREATE TABLE rows (i int NOT NULL, k text, p int, o bigint);
	GRANT INSERT ON rows TO reader;
	INSERT INTO cloudflux.ingest_topics (topic, handler, run_as, target_table) VALUES ('analytics', 'table', 'reader', 'public.rows');
	INSERT INTO cloudflux.ingest_columns (topic, column_name, path) VALUES ('analytics', 'i', '$.data.i'), ('analytics', 'k', '$.subject'), ('analytics', 'p', '$partition'), ('analytics', 'o', '$offset')});
sub is_read { return $c->poll("SELECT count(*) = $_[0] FROM rows", 90) && $c->poll("SELECT bool_and(lag = 0 AND state = 'reading') FROM cloudflux.ingest_lag", 60) }
ok(is_read(2000), 'the ingester reads them into a table') or diag($c->sql('TABLE cloudflux.ingest_lag') . $c->log_tail);
$pid = $c->value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'cloudflux ingester'");
kill 'KILL', $pid;
ok($c->poll("SELECT pid <> $pid FROM pg_stat_activity WHERE backend_type = 'cloudflux ingester'", 60), 'it comes back after SIGKILL');
emit(2001, 3000);
$c->sql(q{INSERT INTO cloudflux.events (topic, event_type, subject, data) VALUES ('analytics', 'test.smoke', 'k0', '{"i": null}')});
ok(is_read(3000), 'and goes on') or diag($c->sql('TABLE cloudflux.ingest_lag') . $c->log_tail);
is($c->value('SELECT count(*), count(DISTINCT i), count(DISTINCT (p, o)), sum(i) FROM rows'), '3000|3000|3000|4501500', 'each once');
is($c->value('SELECT count(*) FROM (SELECT i < lag(i) OVER (PARTITION BY k ORDER BY p, o) AS wrong FROM rows) AS r WHERE wrong'), 0, 'in the order of its key');
ok($c->poll(q{SELECT count(*) = 1 AND min(error_code) = '23502' FROM cloudflux.dead_letters}), 'and what the table refuses lies in the dead letters') or diag($c->sql('TABLE cloudflux.dead_letters'));
done_testing;
