# cancel_migration() meets a job whose bytes have all arrived, while they are read back or while the store has not yet said that they
# are an object, and a job that waits for an archive. What hangs is let go: the job ends cancelled, nothing is left at the destination,
# no upload, no address; the source and the catalog are as they were. Ctrl-C of a session that moves, or waits, does what it does.
#
# The scripted peers hold an answer back for minutes, so that it is met in the middle; nothing is timed.
use CloudFlux::Test;
use CloudFlux::Servers;
use JSON::PP;

my $MiB = 1024 * 1024;
my $c = cluster('cancelled', fsync => 'off', 'cloudflux.migration_workers' => 1, 'cloudflux.migration_lease_sec' => 5, 'cloudflux.migration_retry_delay' => '10ms',
	'cloudflux.migration_part_size' => '8MB', 'cloudflux.migration_verify' => 'readback');
open_clouds($c);
my %peer = map { $_ => server("peer-$_") } qw(s3 azure gcs);
foreach my $kind (sort keys %peer)
{
	$peer{$kind}->place($c, $kind);
	$c->sql("SELECT count(*) FROM cloudflux.check_storage('$kind')");
}
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '" . $c->place('local') . "')");

# Which request each dialect is held at: reading the copy, making it an object of its parts, asking for a restore.
my %reading = (s3 => { method => 'GET', query => '^(versionId=[^&]*)?$' }, azure => { method => 'GET', query => '^(?!.*comp=)' }, gcs => { method => 'GET', query => 'alt=media' });
my %making = (s3 => { method => 'POST', query => 'uploadId=' }, azure => { method => 'PUT', query => 'comp=blocklist' }, gcs => { method => 'POST', path => '/compose$' });
my %restoring = (s3 => { method => 'POST', query => 'restore' }, azure => { method => 'PUT', query => 'comp=tier' });

# held lets the peer do what it is asked, and hold back its answer, from now on; without a match it answers again.
sub held
{
	my ($kind, $match) = @_;
	my $rules = defined $match ? [ { match => $match, fault => { kind => 'dribble', pieces => 400, pause_ms => 1000 }, times => 0 } ] : [];
	$peer{$kind}->post('/_peer/rules', { rules => $rules });
}

sub trouble { return $c->sql('SELECT * FROM cloudflux.migration_progress') . "\n" . $c->log_tail }
sub job { my ($id, $column) = @_; return $c->value("SELECT $column FROM cloudflux.migration_jobs WHERE job_id = '$id'") }

# put makes an object in place local; submit moves it.
sub put
{
	my ($key, $size) = @_;
	$c->write("local/$key", substr "$key " x (1 + $size / length $key), 0, $size);
	$c->sql("CALL cloudflux.import_inventory('local', '$key')");
}
sub submit { my ($key, $to) = @_; return $c->value("SELECT cloudflux.migrate(file_id, '$to', delete_source => true) FROM cloudflux.data_objects WHERE object_key = '$key'") }

# hangs is a test: a mover or a session has the job, in this phase, and waits for the peer.
sub hangs
{
	my ($job, $kind, $phase, $title) = @_;
	ok($c->poll("SELECT q.phase = '$phase' AND q.claimed_by IS NOT NULL AND (SELECT sum(in_flight) FROM cloudflux.network_status WHERE place = '$kind') = 1
		FROM cloudflux.job_queue q WHERE job_id = '$job'", 60), $title) or diag(trouble());
}

# undone are tests: the job has ended, and the world is as it was before it.
sub undone
{
	my ($job, $kind, $key, $bytes, $what) = @_;
	ok($c->poll("SELECT status = 'cancelled' FROM cloudflux.migration_jobs WHERE job_id = '$job'", 30), "$what: it is") or diag(trouble());
	is(job($job, "concat_ws('|', phase, completed_at >= created_at, verified, error_message, error_sqlstate, source_kept)"), 'cancelled|t', "$what: as its history says, without an error");
	held($kind);
	is_deeply([ grep { $_->{key} eq $key } @{ $peer{$kind}->ask('/_peer/objects?bucket=objects')->{objects} } ], [], "$what: nothing is left at the destination")
		or diag(trouble(), join "\n", map { "$_->{method} $_->{path} $_->{query} $_->{status} " . ($_->{code} // '') } grep { $_->{path} =~ /bin/ } $peer{$kind}->log);
	is($c->sql("SELECT handle FROM cloudflux.stale_uploads('$kind', '0')"), '', "$what: no upload either");
	ok($c->read("local/$key") eq $bytes, "$what: the source is untouched");
	is($c->sql("SELECT a.place, a.state FROM cloudflux.addresses a JOIN cloudflux.data_objects o USING (file_id) WHERE o.object_key = '$key' AND o.place = 'local'"), 'local|primary', "$what: and its only address");
	is($c->value('SELECT (SELECT count(*) FROM cloudflux.job_queue) + (SELECT count(*) FROM cloudflux.job_parts)'), 0, "$what: nothing of the job is left to do");
}

foreach my $kind (sort keys %peer)
{
	foreach my $case ([ 'read back', 20 * $MiB, $reading{$kind} ], [ 'made of its parts', 20 * $MiB, $making{$kind} ], [ 'read back, small', 1000, $reading{$kind} ])
	{
		my ($name, $size, $match) = @$case;
		my $key = "$kind $name.bin";
		my $what = "$kind, $name";
		put($key, $size);
		my $bytes = $c->read("local/$key");
		held($kind, $match);
		my $job = submit($key, $kind);
		hangs($job, $kind, 'verifying', "$what: a mover waits for the store while it verifies");
		is($c->value("SELECT cloudflux.cancel_migration('$job')"), 'cancelling', "$what: the job is cancelled");
		undone($job, $kind, $key, $bytes, $what);
		# The place is free again: the same move, asked for once more, arrives.
		$job = submit($key, $kind);
		ok($c->poll("SELECT phase = 'done' FROM cloudflux.migration_jobs WHERE job_id = '$job'", 60), "$what: moved again it arrives") or diag(trouble());
		ok(($peer{$kind}->read($key) // '') eq $bytes, "$what: with its bytes");
	}
}

# Archived sources. A job sleeps until its object is restored, or has asked and waits for the answer.
foreach my $kind (qw(s3 azure))
{
	my $class = $kind eq 's3' ? 'GLACIER' : 'Archive';
	foreach my $case ([ 'asleep', undef, 'cleaning' ], [ 'asking', $restoring{$kind}, 'cancelling' ])
	{
		my ($name, $match, $said) = @$case;
		my $what = "$kind, restoring, $name";
		my $key = "$name.txt";
		my $id = $c->value("SELECT cloudflux.put_object('$kind', '$key', convert_to('$what', 'UTF8'), 'text/plain', NULL, '$class')");
		my $version = $c->value("SELECT version FROM cloudflux.data_objects WHERE file_id = '$id'");
		held($kind, $match);
		my $job = $c->value("SELECT cloudflux.migrate('$id', 'local', delete_source => true, dest_key => 'from $kind $key')");
		if (defined $match) { hangs($job, $kind, 'restoring', "$what: a mover waits for the answer") }
		else
		{
			ok($c->poll("SELECT phase = 'restoring' AND claimed_by IS NULL AND not_before > clock_timestamp() FROM cloudflux.job_queue WHERE job_id = '$job'", 60), "$what: the job sleeps")
				or diag(trouble());
		}
		is($c->value("SELECT cloudflux.cancel_migration('$job')"), $said, "$what: the job is cancelled");
		ok($c->poll("SELECT status = 'cancelled' FROM cloudflux.migration_jobs WHERE job_id = '$job'", 30), "$what: it is") or diag(trouble());
		is(job($job, "concat_ws('|', phase, completed_at >= created_at, verified, error_message, error_sqlstate, source_kept)"), 'cancelled|t', "$what: as its history says, without an error");
		held($kind);
		is($c->read("local/from $kind $key"), undef, "$what: nothing has arrived");
		is($c->sql("SELECT place, state FROM cloudflux.addresses WHERE file_id = '$id'"), "$kind|primary", "$what: the source has the only address");
		is($c->value("SELECT version FROM cloudflux.data_objects WHERE file_id = '$id'"), $version, "$what: and is what it was");
		is($peer{$kind}->read($key), $what, "$what: with its bytes");
		is($c->value('SELECT count(*) FROM cloudflux.job_queue'), 0, "$what: nothing of the job is left to do");
	}
}

# Who only waits for a job may stop waiting: the job goes on. A session that moves gives the job back, in the phase that it is in.
{
	my ($key, $what) = ('waited for.bin', 'a session that waits');
	put($key, 20 * $MiB);
	held('s3', $reading{s3});
	my $job = submit($key, 's3');
	my $s = $c->session;
	$s->send("SELECT cloudflux.wait_for_migration('$job')");
	hangs($job, 's3', 'verifying', "$what: the job is verified");
	ok($c->poll('SELECT query LIKE \'SELECT cloudflux.wait_for_migration%\' AND state = \'active\' FROM pg_stat_activity WHERE pid = ' . $s->pid, 30), "$what: waits");
	$c->sql('SELECT pg_cancel_backend(' . $s->pid . ')');
	$s->finish;
	like($s->{error}, qr/57014/, "$what: is cancelled with the usual error");
	is($c->value("SELECT phase, request FROM cloudflux.job_queue WHERE job_id = '$job'"), 'verifying|', "$what: the job goes on");
	throws($c, "SET statement_timeout = '200ms'; SELECT cloudflux.wait_for_migration('$job')", '57014', undef, "$what: a statement timeout ends it too");
	$s->send("SELECT cloudflux.wait_for_migration('$job')");
	is($c->value("SELECT cloudflux.cancel_migration('$job')"), 'cancelling', 'a job that somebody waits for is cancelled');
	is($s->finish, 'cancelled', 'who waits is told so');
	$s->quit;
	undone($job, 's3', $key, $c->read("local/$key"), 'a job that somebody waits for');
}
$c->set('cloudflux.migration_workers' => 0);
ok($c->poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'cloudflux mover'"), 'movers go when none are wanted');
foreach my $case ([ 'read back', $reading{s3} ], [ 'made of its parts', $making{s3} ])
{
	my ($name, $match) = @$case;
	my ($key, $what) = ("by hand, $name.bin", "a session that moves, $name");
	put($key, 20 * $MiB);
	my $job = submit($key, 's3');
	held('s3', $match);
	my $s = $c->session;
	$s->send('CALL cloudflux.run_migrations()');
	hangs($job, 's3', 'verifying', "$what: it hangs while it verifies");
	$c->sql('SELECT pg_cancel_backend(' . $s->pid . ')');
	$s->finish;
	like($s->{error}, qr/57014/, "$what: it is cancelled with the usual error");
	$s->quit;
	is($c->value("SELECT phase, claimed_by, attempt, crashes FROM cloudflux.job_queue WHERE job_id = '$job'"), 'verifying||0|0', "$what: its job is free at once, and keeps what is done");
	ok($c->poll("SELECT coalesce(sum(in_flight), 0) = 0 FROM cloudflux.network_status WHERE place = 's3'", 30), "$what: it holds no connection");
	is($c->value("SELECT cloudflux.cancel_migration('$job')"), 'cleaning', "$what: the job can be cancelled");
	held('s3');
	$c->sql('CALL cloudflux.run_migrations()');
	undone($job, 's3', $key, $c->read("local/$key"), "$what, cancelled afterwards");
}
done_testing;
