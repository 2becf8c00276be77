# An I/O error at every fault point of the sources, at its first hit, its second, … until none is left to fail: the move
# arrives all the same, each time, and leaves nothing behind.
use CloudFlux::Test;
use CloudFlux::KillLoop;
use Digest::SHA qw(sha256_hex);

# What a plain move with delete_source passes.
my @points = CloudFlux::KillLoop::move_points();
my $c = cluster('faults', 'fsync' => 'off', 'cloudflux.migration_workers' => 0, 'cloudflux.migration_lease_sec' => 5,
	'cloudflux.migration_part_size' => '1MB', 'cloudflux.migration_retry_delay' => '1ms', 'cloudflux.migration_attempts' => 10);
my %root = map { $_ => $c->place($_) } qw(a b);
$c->sql("SELECT cloudflux.add_storage('$_', 'LOCAL', '$root{$_}')") foreach sort keys %root;
my $bytes = 'bytes ' x 600_000;
$c->write('a/folder/object', $bytes);
$c->sql("INSERT INTO cloudflux.data_objects (place, object_key, size_bytes) VALUES ('a', 'folder/object', " . length($bytes) . ')');

my ($from, $to, $moves) = qw(a b);
foreach my $point (@points)
{
	my ($n, $hit, @wrong) = (0, 1);
	while ($hit && $n++ < 20)
	{
		my $s = $c->session;
		$s->query("SET cloudflux.fault = '$point:$n:error'");
		my $job = $s->query("SELECT cloudflux.migrate(file_id, '$to', delete_source => true) FROM cloudflux.data_objects");
		$moves++;
		# A fault inside a statement's round is an ERROR of the CALL; one of a store is the job's.
		$s->try_query('CALL cloudflux.run_migrations()');
		my $raised = $s->{error} =~ /fault $point/;
		my $calls = 0;
		$s->query('CALL cloudflux.run_migrations()') until $s->query('SELECT count(*) = 0 FROM cloudflux.job_queue') eq 't' || $calls++ > 1000;
		my ($status, $phase, $attempts, $kept) = split /\|/, $s->query("SELECT status, phase, attempts, source_kept FROM cloudflux.migration_jobs WHERE job_id = '$job'"), -1;
		$hit = $raised || $attempts > 1;
		push @wrong, "hit $n: $status, $phase, $kept" if "$status $phase $kept" ne 'completed done ';
		push @wrong, "hit $n: the object is not whole" if sha256_hex($c->read("$to/folder/object") // '') ne sha256_hex($bytes);
		push @wrong, "hit $n: left behind " . join ' ', @$_ foreach grep { @$_ } [ grep { -e } "$root{$from}/folder", glob "$root{a}/.cloudflux/*/* $root{b}/.cloudflux/*/*" ];
		$s->quit;
		($from, $to) = ($to, $from);
	}
	is_deeply(\@wrong, [], "$point: the move arrives, whichever hit fails");
	cmp_ok($n, '>', 1, "$point: at least one did");
}
is($c->value(q{SELECT count(*) FROM cloudflux.events WHERE event_type = 'migration.switched'}), $moves, 'each move was told once');
is($c->value(q{SELECT count(*) FROM cloudflux.events WHERE event_type = 'migration.completed'}), $moves, 'and its end');
is($c->value('SELECT count(*) FROM cloudflux.job_parts'), 0, 'no checkpoint is left');
is($c->value('SELECT count(*) FROM cloudflux.addresses'), 1, 'one address is left');

# The same for a deletion: of an object whose version the catalog does not know, and of one with replicas, two of its
# three addresses in one place.
sub doomed
{
	my ($replicas) = @_;
	$c->write('a/doomed/x', 'doomed');
	my $id = $c->value("INSERT INTO cloudflux.data_objects (place, object_key, size_bytes) VALUES ('a', 'doomed/x', 6) RETURNING file_id");
	return $id unless $replicas;
	foreach ([ b => 'doomed/x' ], [ b => 'doomed/y' ])
	{
		$c->sql("SELECT cloudflux.migrate('$id', '$_->[0]', dest_key => '$_->[1]')");
		$c->sql('CALL cloudflux.run_migrations()');
	}
	is($c->value("SELECT string_agg(place || ' ' || object_key || ' ' || state, ', ' ORDER BY place, object_key) FROM cloudflux.addresses WHERE file_id = '$id'"),
		'a doomed/x replica, b doomed/x replica, b doomed/y primary', 'an object with two replicas is to be deleted');
	return $id;
}

foreach my $point (grep { /claimed|removed|trashed|unlinked/ } @points)
{
	foreach my $replicas (0, 1)
	{
		my ($n, $hit, @wrong) = (0, 1);
		while ($hit && $n++ < 10)
		{
			my $id = doomed($replicas);
			my $s = $c->session;
			$s->query("SET cloudflux.fault = '$point:$n:error'");
			my $job = $s->query("SELECT cloudflux.delete_object('$id')");
			$s->try_query('CALL cloudflux.run_migrations()');
			my $raised = $s->{error} =~ /fault $point/;
			my $calls = 0;
			$s->query('CALL cloudflux.run_migrations()') until $s->query('SELECT count(*) = 0 FROM cloudflux.job_queue') eq 't' || $calls++ > 1000;
			my ($status, $attempts, $kept) = split /\|/, $s->query("SELECT status, attempts, source_kept FROM cloudflux.migration_jobs WHERE job_id = '$job'"), -1;
			$hit = $raised || $attempts > 1;
			push @wrong, "hit $n: $status $kept" if "$status $kept" ne 'completed ';
			push @wrong, "hit $n: still catalogued" if $s->query("SELECT count(*) FROM cloudflux.addresses WHERE file_id = '$id'") . $s->query("SELECT count(*) FROM cloudflux.data_objects WHERE file_id = '$id'") ne '00';
			push @wrong, "hit $n: left behind " . join ' ', @$_ foreach grep { @$_ } [ grep { -e } "$root{a}/doomed", "$root{b}/doomed", glob "$root{a}/.cloudflux/*/* $root{b}/.cloudflux/*/*" ];
			$s->quit;
		}
		is_deeply(\@wrong, [], "$point: the deletion ends with nothing left, whichever hit fails, replicas: $replicas");
	}
}
done_testing;
