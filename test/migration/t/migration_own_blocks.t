# A copy of several parts is there, and the mover is stopped before it could say so. Then somebody writes over the source: the next
# attempt meets its own object of another version, which gives way; no job ends because it stands in its own way.
use CloudFlux::Test;
use CloudFlux::Servers;

my $MiB = 1024 * 1024;
my $c = cluster('own', fsync => 'off', 'cloudflux.migration_workers' => 0, 'cloudflux.migration_lease_sec' => 5, 'cloudflux.migration_retry_delay' => '10ms');
open_clouds($c);
my %peer = map { $_ => server("peer-$_") } qw(s3 azure gcs);
foreach my $kind (sort keys %peer)
{
	$peer{$kind}->place($c, $kind);
	$peer{$kind}->place($c, "${kind}_two", bucket => 'objects-two');
	$c->sql("SELECT count(*) FROM cloudflux.check_storage('$_')") foreach $kind, "${kind}_two";
}
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '" . $c->place('local') . "')");
foreach my $kind (sort keys %peer)
{
	# Before the copy is recorded.
	foreach my $case ([ 1000, 'copied' ], [ 20 * $MiB, 'copied' ])
	{
		my ($size, $point) = @$case;
		my $key = "$point $size";
		# Put there by a job of its own, so that each store tells a digest of it.
		$c->write("local/$key", 'a' x $size);
		$c->sql("CALL cloudflux.import_inventory('local', '$key')");
		$c->sql("SELECT cloudflux.migrate(file_id, '$kind', delete_source => true) FROM cloudflux.data_objects WHERE place = 'local' AND object_key = '$key'");
		$c->sql('CALL cloudflux.run_migrations()');
		my $job = $c->value("SELECT cloudflux.migrate(file_id, '${kind}_two') FROM cloudflux.data_objects WHERE place = '$kind' AND object_key = '$key'");
		my $s = $c->session;
		$s->query("SET cloudflux.fault = 'migration_$point:1:error'");
		$s->try_query('CALL cloudflux.run_migrations()');
		$s->quit;
		# Azure copies many blocks only when they are committed.
		my $there = length($peer{$kind}->read($key, 'objects-two') // '');
		ok($there == $size || ($kind eq 'azure' && $point eq 'copied'), "$kind, $size bytes, $point: the copy is there, and nobody has heard of it");
		$peer{$kind}->write($key, 'b' x ($size + 1));
		$c->sql("UPDATE cloudflux.job_queue SET lease_until = now(), not_before = NULL, attempt = 1");
		for (1 .. 5)
		{
			last if $c->value('SELECT count(*) FROM cloudflux.job_queue') == 0;
			$c->sql('UPDATE cloudflux.job_queue SET not_before = NULL');
			$c->sql('CALL cloudflux.run_migrations()');
		}
		is($c->sql("SELECT status, error_sqlstate FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'completed|', "$kind, $size bytes, $point: the job is completed")
			or diag($c->sql("SELECT * FROM cloudflux.migration_jobs WHERE job_id = '$job'"));
		ok(($peer{$kind}->read($key, 'objects-two') // '') eq 'b' x ($size + 1), "$kind, $size bytes, $point: with the bytes that were written last");
	}
}
done_testing;
