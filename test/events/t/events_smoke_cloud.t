# Events reach Kafka with whatever library and server there are: run on every version (make check-versions), against a broker beside the
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
done_testing;
