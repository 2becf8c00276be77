# Movers are interrupted while they are busy: terminated, shut down, cancelled, dropped, slowed down. The work goes on, the
# interrupt does not wait. Limits are ten times what is promised (≤ 0.5 s, 1 s, 100 ms): they find hangs.
use CloudFlux::Test;
use Digest::SHA qw(sha256_hex);
use Time::HiRes qw(time);

my $MB = 1_000_000;
my $c = cluster('busy', 'fsync' => 'off', 'cloudflux.migration_workers' => 2, 'cloudflux.migration_lease_sec' => 60,
	'cloudflux.migration_part_size' => '1MB', 'cloudflux.migration_retry_delay' => '50ms', 'cloudflux.migration_batch' => 1);
my %root = map { $_ => $c->place($_) } qw(a b);
$c->sql("SELECT cloudflux.add_storage('$_', 'LOCAL', '$root{$_}')") foreach sort keys %root;
my %bytes;

# objects makes files at place a and catalogues them.
sub objects
{
	my (%size) = @_;
	foreach my $key (sort keys %size)
	{
		my $text = "$key ";
		$bytes{$key} = substr $text x (1 + $size{$key} / length $text), 0, $size{$key};
		$c->write("a/$key", $bytes{$key});
		$c->sql("INSERT INTO cloudflux.data_objects (place, object_key, size_bytes) VALUES ('a', '$key', $size{$key})");
	}
}

sub submit
{
	my ($like, $to) = @_;
	return split /\n/, $c->sql("SELECT cloudflux.migrate(file_id, '$to', delete_source => true) FROM cloudflux.data_objects WHERE object_key LIKE '$like' ORDER BY object_key");
}

# busy slows the movers down, gives them work, and waits until n of them have some in their hands.
sub busy
{
	my ($like, $to, $n) = @_;
	$c->set('cloudflux.migration_bandwidth' => '1MB');
	submit($like, $to);
	ok($c->poll("SELECT count(*) >= $n FROM cloudflux.migration_progress WHERE claimed_by IS NOT NULL AND phase = 'copying' AND bytes_done > 0", 30), "$n movers are busy")
	  or diag($c->sql('TABLE cloudflux.migration_progress'));
}

# arrived is a test: everything got there, once, whole, and the queue is empty.
sub arrived
{
	my ($like, $to, $title) = @_;
	my $from = $to eq 'a' ? 'b' : 'a';
	$c->set('cloudflux.migration_bandwidth' => '0');
	ok($c->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 60), "$title: no job is left") or diag($c->sql('TABLE cloudflux.migration_progress'));
	my @keys = split /\n/, $c->sql("SELECT object_key FROM cloudflux.data_objects WHERE object_key LIKE '$like' AND place = '$to' ORDER BY 1");
	is(scalar @keys, scalar(grep { /^\Q@{[ $like =~ s{%}{}r ]}\E/ } keys %bytes), "$title: the catalog says that all objects arrived");
	is_deeply([ grep { sha256_hex($c->read("$to/$_") // '') ne sha256_hex($bytes{$_}) || defined $c->read("$from/$_") } @keys ], [], "$title: they did, once, with their bytes");
}

sub movers { return split /\n/, $c->sql("SELECT pid FROM cloudflux.workers WHERE worker = 'mover' AND pid IS NOT NULL") }

objects(map { ("t$_" => 3 * $MB) } 1 .. 4);
busy('t%', 'b', 2);
my @old = movers();
$c->sql("SELECT pg_terminate_backend($_)") foreach @old;
ok($c->poll("SELECT count(*) = 2 FROM cloudflux.workers WHERE worker = 'mover' AND pid IS NOT NULL AND pid NOT IN (" . join(',', @old) . ')', 30), 'terminated movers are replaced');
is($c->value('SELECT count(*) FROM cloudflux.job_queue WHERE crashes > 0'), 0, 'to be terminated is no crash: the jobs were given back');
arrived('t%', 'b', 'movers terminated');

busy('t%', 'a', 2);
$c->sql('CREATE DATABASE other');
my $begin = time;
$c->sql('DROP DATABASE other');
cmp_ok(time - $begin, '<', 5, 'DROP DATABASE of another database does not wait for movers');
arrived('t%', 'a', 'a database dropped');

busy('t%', 'b', 2);
$begin = time;
$c->stop('fast');
cmp_ok(time - $begin, '<', 10, 'a fast shutdown does not wait for movers');
$c->start;
is($c->value('SELECT count(*) FROM cloudflux.job_queue WHERE crashes > 0'), 0, 'a shutdown is no crash');
arrived('t%', 'b', 'server shut down');

# A foreground move, cancelled: once while it waits for its limit, once while it works as fast as it can.
$c->set('cloudflux.migration_workers' => 0);
ok($c->poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'cloudflux mover'"), 'movers go when none are wanted');
objects('f1' => 5 * $MB);
foreach my $limit ('1MB', '0')
{
	if ($limit eq '0')
	{
		truncate $c->write('a/f2', ''), 1500 * $MB;
		$c->sql("INSERT INTO cloudflux.data_objects (place, object_key, size_bytes) VALUES ('a', 'f2', 1500000000)");
	}
	my $key = $limit eq '0' ? 'f2' : 'f1';
	my ($job) = submit($key, 'b');
	$c->set('cloudflux.migration_bandwidth' => $limit);
	my $s = $c->session;
	$s->send('CALL cloudflux.run_migrations()');
	ok($c->poll("SELECT phase = 'copying' FROM cloudflux.job_queue", 20), "a foreground move is under way, limit $limit");
	$begin = time;
	$c->sql('SELECT pg_cancel_backend(' . $s->pid . ')');
	$s->finish;
	cmp_ok(time - $begin, '<', 1, "it can be cancelled, limit $limit");
	like($s->{error}, qr/57014/, 'with the usual error');
	is($c->value("SELECT phase, claimed_by, not_before <= clock_timestamp(), attempt, crashes FROM cloudflux.job_queue WHERE job_id = '$job'"), 'pending||t|0|0', 'and its job is free at once');
	$s->quit;
	is($c->value("SELECT cloudflux.cancel_migration('$job')"), 'cleaning', 'the job can be cancelled then');
	$c->sql('CALL cloudflux.run_migrations()');
	is($c->value("SELECT status FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'cancelled', 'and is');
}
# And terminated: that is no crash either.
my ($last) = submit('f1', 'b');
$c->set('cloudflux.migration_bandwidth' => '1MB');
my $gone = $c->session;
$gone->send('CALL cloudflux.run_migrations()');
ok($c->poll("SELECT phase = 'copying' FROM cloudflux.job_queue", 20), 'a foreground move is under way once more');
$begin = time;
$c->sql('SELECT pg_terminate_backend(' . $gone->pid . ', 10000)');
cmp_ok(time - $begin, '<', 1, 'it can be terminated');
is($c->value("SELECT phase, claimed_by, attempt, crashes FROM cloudflux.job_queue WHERE job_id = '$last'"), 'pending||0|0', 'and its job is free at once');
$gone->quit;
$c->sql("SELECT cloudflux.cancel_migration('$last')");
$c->sql('CALL cloudflux.run_migrations()');
is(join(' ', glob "$root{b}/.cloudflux/{uploads,trash,lost}/*"), '', 'nothing half-written is left at the destination');
unlink "$root{a}/f2";
$c->sql("DELETE FROM cloudflux.data_objects WHERE object_key = 'f2'");
$c->set('cloudflux.migration_workers' => 2);

# Bandwidth: what two movers may copy together, as the bytes on the disk tell.
sub copied { my $sum = 0; $sum += -s $_ // 0 foreach glob "$root{b}/.cloudflux/uploads/*"; return $sum }

# rate measures bytes per second over some seconds.
sub rate
{
	my ($seconds, $title) = @_;
	my ($from, $before) = (time, copied());
	await { time - $from > $seconds } $seconds + 5, $title;
	return (copied() - $before) / (time - $from);
}
objects(map { ("w$_" => 24 * $MB) } 1 .. 2);
busy('w%', 'b', 2);
my $rate = rate(3, 'three seconds under a limit of 1 MB/s pass');
cmp_ok($rate, '<', 2.5 * $MB, 'two movers share one limit') and cmp_ok($rate, '>', 0.2 * $MB, 'and use it');
$c->sql("ALTER SERVER a OPTIONS (ADD bandwidth_limit '200000')");
ok($c->poll('SELECT count(*) = 2 FROM cloudflux.job_queue WHERE progress_at > ' . "'" . $c->value('SELECT clock_timestamp()') . "'", 10), 'movers hear of a limit of a place within a second or two');
$c->set('cloudflux.migration_bandwidth' => '0');
$rate = rate(2, 'two seconds without a limit of the server pass');
cmp_ok($rate, '<', 1 * $MB, 'the limit of the place holds for what is under way');
$c->sql('ALTER SERVER a OPTIONS (DROP bandwidth_limit)');
$begin = time;
arrived('w%', 'b', 'limit gone');
cmp_ok(time - $begin, '<', 15, 'without a limit they are there soon');

# DROP EXTENSION with jobs running.
busy('w%', 'a', 2);
$begin = time;
$c->sql('DROP EXTENSION cloudflux CASCADE');
cmp_ok(time - $begin, '<', 10, 'DROP EXTENSION CASCADE does not wait for busy movers');
ok($c->poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'cloudflux mover'"), 'movers end without the extension');
is_deeply([ grep { sha256_hex($c->read("b/$_") // '') ne sha256_hex($bytes{$_}) } qw(w1 w2) ], [], 'the objects are where they were');
unlike($c->log_tail, qr/PANIC|signal/, 'without noise');
$c->sql('CREATE EXTENSION cloudflux');
ok($c->poll("SELECT count(*) = 2 FROM cloudflux.workers WHERE worker = 'mover' AND pid IS NOT NULL"), 'CREATE EXTENSION brings movers back');
$c->stop;

# No free slot: only the launcher itself fits.
my $few = cluster('slots', 'fsync' => 'off', max_worker_processes => 1, max_logical_replication_workers => 0, max_parallel_workers => 0);
$few->sql("SELECT cloudflux.add_storage('$_', 'LOCAL', '" . $few->place($_) . "')") foreach qw(a b);
ok($few->poll("SELECT detail || hint LIKE '%max_worker_processes%' FROM cloudflux.health() WHERE component = 'workers'", 30), 'health() says that the server has no slot for movers')
  or diag($few->sql('SELECT * FROM cloudflux.health()'));
like($few->log_tail, qr/WARNING:.*(slot|max_worker_processes)/, 'and so does the log');
$few->write('a/one', 'object');
$few->sql("INSERT INTO cloudflux.data_objects (place, object_key, size_bytes) VALUES ('a', 'one', 6)");
$few->sql("SELECT cloudflux.migrate(file_id, 'b') FROM cloudflux.data_objects");
$few->sql('CALL cloudflux.run_migrations()');
is($few->read('b/one'), 'object', 'CALL run_migrations() moves all the same');
$few->stop;
done_testing;
