# What an earlier attempt has left at a store, when the next one comes: it gives way, or the attempt is made again; a stranger's never does.
use CloudFlux::Test;
use CloudFlux::Servers;

my $c = cluster('attempts', fsync => 'off', 'cloudflux.migration_workers' => 0, 'cloudflux.migration_retry_delay' => '10ms');
open_clouds($c);
my %peer = map { $_ => server("peer-$_") } qw(s3 azure gcs);
my $root = $c->place('local');
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '$root')");
foreach my $kind (sort keys %peer)
{
	$peer{$kind}->place($c, $kind);
	$c->sql("SELECT count(*) FROM cloudflux.check_storage('$kind')");
}

sub submit
{
	my ($key, $bytes, $to, $with) = @_;
	$c->write("local/$key", $bytes);
	$c->sql("CALL cloudflux.import_inventory('local', '$key')");
	return $c->value("SELECT cloudflux.migrate(file_id, '$to'" . ($with // '') . ") FROM cloudflux.data_objects WHERE object_key = '$key' AND place = 'local'");
}

# run drives rounds until a job has ended, or is not taken any more.
sub run
{
	my ($job) = @_;
	for (1 .. 200) { $c->sql('CALL cloudflux.run_migrations()'); last if $c->value("SELECT count(*) FROM cloudflux.job_queue WHERE job_id = '$job'") == 0 }
	return $c->value("SELECT status FROM cloudflux.migration_jobs WHERE job_id = '$job'");
}

# A mover made the object, died before it could say so, and then somebody wrote another version of the source.
foreach my $kind (sort keys %peer)
{
	my $job = submit("$kind-again", 'the first version', $kind);
	{
		my $s = $c->session;
		$s->query("SET cloudflux.fault = 'migration_copied:1:error'");
		$s->try_query('CALL cloudflux.run_migrations()');
		$s->quit;
	}
	is($peer{$kind}->read("$kind-again"), 'the first version', "$kind: an attempt made an object that nobody recorded");
	$c->write("local/$kind-again", 'the second one, longer than that');
	$c->sql("UPDATE cloudflux.job_queue SET lease_until = now() - interval '1 second'");
	is(run($job), 'completed', "$kind: the next attempt, of a newer version of the source, is completed") or diag($c->sql('SELECT * FROM cloudflux.migration_progress'), $c->log_tail);
	is($peer{$kind}->read("$kind-again"), 'the second one, longer than that', "$kind: with the bytes of that version");

	$job = submit("$kind-theirs", 'ours', $kind);
	{
		my $s = $c->session;
		$s->query("SET cloudflux.fault = 'migration_claimed:1:error'");
		$s->try_query('CALL cloudflux.run_migrations()');
		$s->quit;
	}
	$peer{$kind}->write("$kind-theirs", 'what somebody else wrote meanwhile');
	$c->sql("UPDATE cloudflux.job_queue SET lease_until = now() - interval '1 second'");
	is(run($job), 'failed', "$kind: where somebody else is, the next attempt fails");
	is($c->value("SELECT error_sqlstate FROM cloudflux.migration_jobs WHERE job_id = '$job'"), '42710', "$kind: because the object exists");
	is($peer{$kind}->read("$kind-theirs"), 'what somebody else wrote meanwhile', "$kind: which is as it was");
}

my $zombie = $c->session;

# A server that was promoted or restored knows of the beginning of a copy, and not that it arrived and that its source was removed. What it
# takes for remains is all that there is.
foreach my $kind (sort keys %peer)
{
	my $job = submit("$kind-last", 'the last copy', $kind);
	{
		my $s = $c->session;
		$s->query("SET cloudflux.fault = 'migration_copied:1:error'");
		$s->try_query('CALL cloudflux.run_migrations()');
		$s->quit;
	}
	unlink "$root/$kind-last" or die $!;
	my $tag = $c->value("SELECT upload_tag FROM cloudflux.job_queue WHERE job_id = '$job'");
	$c->sql('UPDATE cloudflux.job_queue SET claimed_by = ' . $zombie->query('SELECT pg_backend_pid()') . ", lease_until = now() - interval '1 second'");
	is(run($job), 'failed', "$kind: a copy whose source is gone fails");
	is($peer{$kind}->read("$kind-last"), 'the last copy', "$kind: who took the job over does not remove what may be the last copy");
	$c->sql("INSERT INTO cloudflux.job_uploads (file_id, owner_tag, job_id, place, object_key, in_parts, not_before)
		SELECT file_id, '$tag', job_id, dest_place, dest_key, false, now() FROM cloudflux.migration_jobs WHERE job_id = '$job'");
	$c->sql('CALL cloudflux.run_migrations()');
	is($c->value("SELECT count(*) FROM cloudflux.job_uploads WHERE job_id = '$job'"), 0, "$kind: movers have seen to what is left");
	is($peer{$kind}->read("$kind-last"), 'the last copy', "$kind: nor do those who sweep");
}

# A mover that is alive has lost its job: what it had begun must go before anything else is begun.
my $job = submit('taken-over', 'bytes', 's3');
$c->sql("UPDATE cloudflux.job_queue SET phase = 'copying', claimed_by = " . $zombie->query('SELECT pg_backend_pid()') . ", lease_until = now() - interval '1 second', fence = fence + 1,
	upload_tag = job_id || '-1', upload_handle = 'parts:zombie'");
$peer{s3}->post('/_peer/rules', { rules => [ { match => { method => 'DELETE', query => 'uploadId=zombie' }, fault => { kind => 'status', status => 403, code => 'AccessDenied' }, times => 1 } ] });
$peer{s3}->log;
$c->sql('CALL cloudflux.run_migrations(1)');
is($c->value("SELECT phase || ' ' || attempt FROM cloudflux.job_queue"), 'pending 1', 'an upload that cannot be aborted fails the attempt, which is made again');
like($c->value("SELECT error_message FROM cloudflux.migration_jobs WHERE job_id = '$job'"), qr/abort the upload/, 'and says so');
is(scalar(grep { $_->{method} ne 'DELETE' } $peer{s3}->log), 0, 'nothing was begun meanwhile');
is($c->value("SELECT owner_tag = job_id || '-1' AND handle = 'parts:zombie' FROM cloudflux.job_uploads"), 't', 'it is remembered');
is(run($job), 'completed', 'when it is gone, the job goes on');
is(scalar(grep { $_->{method} eq 'DELETE' && $_->{query} =~ /zombie/ } $peer{s3}->log), 1, 'it was aborted first');
$zombie->quit;
done_testing;
