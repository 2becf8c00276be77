# Every message of a topic is in the tables once, however often ingester, broker and server are killed (test build); one in twenty is
# poison, and lies in the dead letters, once.
#
# Two topics of three partitions: objects as CloudEvents, and rows for a table without any key, which would take a message twice. The server
# is killed while it writes, at the ingester's fault points and at random; with synchronous_commit off it forgets commits at a crash, and
# their positions with them.
use CloudFlux::Kafka;
use CloudFlux::Test;
use Time::HiRes qw(time sleep);

# Messages of each topic: multiples of 40. CF_ROWS and CF_OBJECTS set others.
my %messages = $ENV{CF_LONG} ? (rows => 900_000, objects => 100_000) : (rows => 48_000, objects => 2000);
$messages{$_} = $ENV{"CF_\U$_"} // $messages{$_} foreach keys %messages;
my %kills = $ENV{CF_LONG} ? (ingester => 40, broker => 20, postmaster => 20) : (ingester => 3, broker => 1, postmaster => 2);
my $seed = ($ENV{CF_SEED} // time ^ $$ << 8) & 0x7fffffff;
srand $seed;
diag("seed $seed (CF_SEED repeats it)");

my $kafka = broker();
my $c = cluster('ingest_once', synchronous_commit => 'off', wal_writer_delay => '10s', fsync => 'off', log_checkpoints => 'off',
	'cloudflux.kafka_brokers' => $kafka->{endpoint}, 'cloudflux.kafka_timeout' => '3s', 'cloudflux.kafka_ingest_batch' => $ENV{CF_LONG} ? 5000 : 500, 'cloudflux.migration_workers' => 0);
$kafka->create($_, 3) foreach qw(objects rows);
my $lake = $c->place('lake');
$c->sql(<<"SQL");
	SET synchronous_commit = on;
	SELECT cloudflux.add_storage('lake', 'LOCAL', '$lake');
	CREATE ROLE writer IN ROLE cloudflux_user;
	CREATE TABLE rows (n int CHECK (n > 0), p int, o bigint);
	GRANT INSERT ON rows TO writer;
	INSERT INTO cloudflux.ingest_topics (topic, handler, run_as) VALUES ('objects', 'objects', 'writer');
	INSERT INTO cloudflux.ingest_topics (topic, handler, run_as, target_table) VALUES ('rows', 'table', 'writer', 'public.rows');
	INSERT INTO cloudflux.ingest_columns (topic, column_name, path) VALUES ('rows', 'n', '\$.n'), ('rows', 'p', '\$partition'), ('rows', 'o', '\$offset');
SQL

sub is_poison { return $_[0] % 20 == 0 }
sub object { my ($n) = @_; return is_poison($n) ? ($n % 40 ? '{"specversion":' : event($n, 'nowhere')) : event($n, 'lake') }
sub event { my ($n, $place) = @_; return qq({"specversion":"1.0","id":"$n","source":"/test","type":"object.created","time":"2026-11-21T12:00:00Z","data":{"place":"$place","object_key":"k/$n","size_bytes":$n}}) }
sub row { my ($n) = @_; return is_poison($n) ? ($n % 40 ? "n is $n" : qq({"n":-$n})) : qq({"n":$n}) }

sub ingester_pid
{
	my $postmaster = $c->postmaster_pid // return undef;
	return (grep { $c->_slurp("/proc/$_/cmdline") =~ /cloudflux ingester/ } $c->_children($postmaster))[0];
}

sub arm
{
	my ($fault) = @_;
	open my $out, '>>', $c->data . '/cloudflux.conf' or die $!;
	print $out "cloudflux.fault = '$fault'\n";
	close $out;
	kill 'HUP', $c->postmaster_pid;
}

# kill_ingester has it killed at a point, or at once.
sub kill_ingester
{
	my ($point) = @_;
	my $pid;
	my $until = time + 30;
	sleep 0.05 until ($pid = ingester_pid()) || time > $until;
	return ok(0, 'an ingester runs') unless $pid;
	$until = time + ($point ? 15 : 0);
	arm("$point:1:kill") if $point;
	sleep 0.05 while time < $until && -d "/proc/$pid" && $c->_slurp("/proc/$pid/stat") !~ /^\d+ \(.*\) [ZX]/;
	arm('') if $point;
	kill 'KILL', $pid;
	$c->poll("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'cloudflux ingester'", 60) or ok(0, 'the server comes back');
}

my @points = qw(ingest_before_commit ingest_committed);
my @ends = ((map { my $point = $points[$_]; sub { kill_ingester($point) } } 0 .. $kills{ingester} - 1),
	(map { sub { $kafka->kill9; sleep rand 1; $kafka->start } } 1 .. $kills{broker}), map { sub { $c->kill9; $c->start } } 1 .. $kills{postmaster});
for (my $i = $#ends; $i > 0; $i--) { my $j = int rand($i + 1); @ends[ $i, $j ] = @ends[ $j, $i ] }
my %made = (objects => \&object, rows => \&row);
my %sent = (objects => 0, rows => 0);
foreach my $n (1 .. @ends + 1)
{
	# A producer of ours has no part in this: its batch is acknowledged before anything dies.
	foreach my $topic (sort keys %made)
	{
		my $to = int($messages{$topic} * $n / (@ends + 1));
		$kafka->produce($topic, [ map { [ "k$_", $made{$topic}->($_) ] } $sent{$topic} + 1 .. $to ]);
		$sent{$topic} = $to;
	}
	$ends[ $n - 1 ]->() if $n <= @ends;
}
my $all = $messages{rows} + $messages{objects};
ok($c->poll("SELECT count(*) = 6 AND sum(messages) >= $all AND bool_and(lag = 0 AND state = 'reading') FROM cloudflux.ingest_lag", $ENV{CF_LONG} ? 3600 : 180), 'all messages are read')
  or diag($c->sql('SELECT topic, partition, position, lag, state, detail, messages FROM cloudflux.ingest_lag'), $c->log_tail);
is($c->value('SELECT sum(messages) FROM cloudflux.ingest_lag'), $all, 'each counted once');

my %poison = map { $_ => $messages{$_} / 20 } keys %messages;
my ($rows, $objects) = map { $messages{$_} - $poison{$_} } qw(rows objects);
is($c->value('SELECT count(*), count(DISTINCT n), count(DISTINCT (p, o)), sum(n)::bigint FROM rows'),
	join('|', ($rows) x 3, $messages{rows} * ($messages{rows} + 1) / 2 - 20 * $poison{rows} * ($poison{rows} + 1) / 2), 'each row is in the table once');
is($c->value('SELECT count(*), count(DISTINCT object_key) FROM cloudflux.data_objects'), "$objects|$objects", 'and each object in the catalogue');
is($c->value("SELECT count(*) FROM cloudflux.data_objects WHERE object_key <> 'k/' || size_bytes OR owner <> 'writer'"), 0, 'as it was told, owned by the role of the topic');
is($c->value("SELECT COALESCE(sum(CASE WHEN data ? 'objects' THEN (data ->> 'objects')::int ELSE 1 END), 0) FROM cloudflux.events WHERE event_type = 'object.created'"), $objects, 'each is told of once');
is($c->value('SELECT count(*) FROM cloudflux.object_classes'), $objects, 'and classified at once');
is($c->value("SELECT sum((data ->> 'changed')::int) FROM cloudflux.events WHERE event_type = 'objects.classified' AND data ->> 'scope' = 'arrived'"), $objects, 'with events of that');
my $poison = $poison{rows} + $poison{objects};
is($c->value('SELECT count(*), count(DISTINCT (topic, partition, message_offset)) FROM cloudflux.dead_letters'), "$poison|$poison", 'what is poison lies in the dead letters, once');
is($c->value("SELECT count(*) FROM cloudflux.dead_letters WHERE error_code IS NULL"), $poison / 2, 'half of it could not be read');
is($c->value("SELECT string_agg(DISTINCT error_code, ' ' ORDER BY error_code) FROM cloudflux.dead_letters"), '02000 23514', 'the other half was refused');
like($c->value("SELECT convert_from(payload, 'UTF8') FROM cloudflux.dead_letters WHERE topic = 'rows' AND error_code IS NULL LIMIT 1"), qr/^n is \d+$/, 'with its bytes');

# What was repaired is taken again
my $other = $c->place('nowhere');
$c->sql("SELECT cloudflux.add_storage('nowhere', 'LOCAL', '$other'); ALTER TABLE rows DROP CONSTRAINT rows_n_check");
is($c->value('SELECT cloudflux.retry_dead_letters()'), $poison, 'after a repair they are tried again');
ok($c->poll('SELECT count(*) = 0 FROM cloudflux.dead_letters WHERE wanted_at IS NOT NULL', $ENV{CF_LONG} ? 1800 : 120), 'all of them') or diag($c->log_tail);
is($c->value('SELECT count(*) FROM cloudflux.dead_letters'), $poison / 2, 'what was refused is gone');
is($c->value('SELECT min(attempts), max(attempts) FROM cloudflux.dead_letters'), '2|2', 'what cannot be read stays');
is($c->value('SELECT count(*), count(DISTINCT (p, o)) FROM rows'), join('|', ($rows + $poison{rows} / 2) x 2), 'it is in the table, once');
is($c->value("SELECT count(*) FROM cloudflux.data_objects WHERE place = 'nowhere'"), $poison{objects} / 2, 'and in the catalogue');
done_testing;
