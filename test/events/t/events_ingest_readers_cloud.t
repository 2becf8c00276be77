# A partition has one reader, whoever else tries: two ingesters of one database race for partitions, one of them is put to sleep with
# messages in its hands while another moves the position, one is ended and the other takes over; against a real broker (test build).
use CloudFlux::Kafka;
use CloudFlux::Test;

my $kafka = broker();
# A second ingester: only test builds know this variable.
$ENV{CF_SECOND_INGESTER} = 1;
my $c = cluster('readers', 'cloudflux.kafka_brokers' => $kafka->{endpoint}, 'cloudflux.kafka_timeout' => '3s', 'cloudflux.migration_workers' => 0);
$kafka->create('rows', 6);
$c->sql(<<'SQL');
	CREATE ROLE writer IN ROLE cloudflux_user;
	CREATE TABLE rows (n int NOT NULL, p int, o bigint, pid int DEFAULT pg_backend_pid());
	GRANT INSERT ON rows TO writer;
	INSERT INTO cloudflux.ingest_topics (topic, handler, run_as, target_table) VALUES ('rows', 'table', 'writer', 'public.rows');
	INSERT INTO cloudflux.ingest_columns (topic, column_name, path) VALUES ('rows', 'n', '$.n'), ('rows', 'p', '$partition'), ('rows', 'o', '$offset');
SQL
my $sent = 0;

sub produce
{
	my ($n) = @_;
	$kafka->produce('rows', [ map { [ "k$_", qq({"n":$_}) ] } $sent + 1 .. $sent + $n ]);
	$sent += $n;
}

# is_once waits until as many rows are there as were sent, and looks whether one is there twice.
sub is_once
{
	my ($title) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$c->poll("SELECT (SELECT count(*) FROM rows) >= $sent AND (SELECT sum(position) FROM cloudflux.ingest_positions) >= $sent", 90);
	is($c->value('SELECT count(*), count(DISTINCT n), count(DISTINCT (p, o)) FROM rows'), "$sent|$sent|$sent", $title)
	  or diag($c->sql('SELECT topic, partition, position, lag, state, detail, messages FROM cloudflux.ingest_lag'), $c->log_tail);
}

sub readers { return split /\n/, $c->sql(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'cloudflux ingester' ORDER BY pid}) }
my $locks = q{FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())};

ok($c->poll(q{SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type = 'cloudflux ingester'}), 'two ingesters run');
ok($c->poll("SELECT count(*) = 6 AND count(DISTINCT (classid, objid)) = 6 $locks", 60), 'each partition is locked by one of them') or diag($c->sql("SELECT * $locks"));
produce(600);
is_once('each message is taken by one of them');

# One is ended, again and again, while messages come: the other one goes on from the rows
foreach my $round (1 .. 3)
{
	my $holder = $c->value("SELECT pid $locks GROUP BY pid ORDER BY count(*) DESC LIMIT 1");
	produce(100);
	$c->sql("SELECT pg_terminate_backend($holder)");
	produce(100);
	ok($c->poll("SELECT count(*) = 6 AND count(*) FILTER (WHERE pid = $holder) = 0 $locks", 60), "its partitions are taken over, $round") or diag($c->sql("SELECT * $locks"));
	is_once('each message is there once');
}
cmp_ok($c->value('SELECT count(DISTINCT pid) FROM rows'), '>=', 2, 'both have written');

# One sleeps with messages in its hands
ok($c->poll(q{SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type = 'cloudflux ingester'}), 'two run again');
$c->set('cloudflux.fault' => 'ingest_fetched:1:stop');
my $sleeper;
await { produce(60); ($sleeper) = grep { $c->_slurp("/proc/$_/stat") =~ /^\d+ \(.*\) T/ } readers() } 60, 'an ingester sleeps before it writes what it has fetched';
is($c->value("SELECT count(*) $locks AND pid = $sleeper"), 6, 'it keeps its partitions: nobody else reads them');
my $slept = $c->value('SELECT count(*) FROM rows');
# Somebody for whom that is no obstacle writes what is in a partition, and moves the position as an ingester does.
my ($partition, $position) = split /\|/, $c->value('SELECT partition, position FROM cloudflux.ingest_positions ORDER BY high - position DESC, partition LIMIT 1');
my @theirs = grep { $_->{partition} == $partition && $_->{offset} >= $position } $kafka->consume('rows');
cmp_ok(scalar @theirs, '>', 0, 'there are messages that it has not written');
$c->sql(join ";\n", 'BEGIN', (map { $_->{payload} =~ /(\d+)/; "INSERT INTO rows (n, p, o) VALUES ($1, $partition, $_->{offset})" } @theirs),
	"UPDATE cloudflux.ingest_positions SET position = $theirs[-1]{offset} + 1, last_offset = NULL, last_digest = NULL WHERE partition = $partition", 'COMMIT');
$c->set('cloudflux.fault' => '');
is($c->value('SELECT count(*) FROM rows'), $slept + @theirs, 'meanwhile it writes nothing');
kill 'CONT', $sleeper;
is_once('awake, it finds the position moved, and writes none of them twice');
is($c->value("SELECT count(*) FROM rows WHERE p = $partition AND o BETWEEN $position AND $theirs[-1]{offset} AND pid = $sleeper"), 0, 'nor any of that partition');
ok($c->poll(q{SELECT bool_and(state = 'reading' AND lag = 0) FROM cloudflux.ingest_lag}, 60), 'and reads on');
done_testing;
