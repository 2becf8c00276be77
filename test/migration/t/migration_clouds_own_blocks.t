# A copy is there, and the mover is stopped before it could say so, or before it could say that it has proven it. Then somebody writes over
# the source: the next attempt meets its own object of another version, which gives way; no job ends because it stands in its own way. The
# bytes come by, or are copied by the store itself; the peers are strict, and Azurite has an opinion of its own on uncommitted blocks.
use CloudFlux::Test;
use CloudFlux::Servers;

my $MiB = 1024 * 1024;
my $c = cluster('own', fsync => 'off', 'cloudflux.migration_workers' => 0, 'cloudflux.migration_lease_sec' => 5, 'cloudflux.migration_retry_delay' => '1ms');
open_clouds($c);
my %store = ((map { $_ => server("peer-$_") } qw(s3 azure gcs)), azurite => server('azurite'));
foreach my $kind (sort keys %store)
{
	$store{$kind}->place($c, $kind);
	$store{$kind}->place($c, "${kind}_two", bucket => 'objects-two');
	$c->sql("SELECT count(*) FROM cloudflux.check_storage('$_')") foreach $kind, "${kind}_two";
}
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '" . $c->place('local') . "')");

sub trouble { return $c->sql('SELECT * FROM cloudflux.migration_progress') . "\n" . $c->sql("SELECT * FROM cloudflux.migration_jobs WHERE job_id = '$_[0]'") }

# again lets sessions work until the job is over; what waits for its next attempt need not.
sub again
{
	$c->sql("UPDATE cloudflux.job_queue SET lease_until = now(), not_before = NULL, attempt = 1");
	for (1 .. 6)
	{
		last if $c->value('SELECT count(*) FROM cloudflux.job_queue') == 0;
		$c->sql('UPDATE cloudflux.job_queue SET not_before = NULL');
		$c->sql('CALL cloudflux.run_migrations()');
	}
}

foreach my $kind (sort keys %store)
{
	foreach my $from ('local', $kind)
	{
		foreach my $case ([ 1000, 'copied' ], [ 20 * $MiB, 'copied' ], [ 1000, 'verified' ], [ 20 * $MiB, 'verified' ])
		{
			my ($size, $point) = @$case;
			my $what = "$from to $kind, $size bytes, $point";
			my $key = "$from $point $size";
			my ($old, $new) = ('a' x $size, 'b' x ($size + 1));
			$c->write("local/$key", $old);
			$c->sql("CALL cloudflux.import_inventory('local', '$key')");
			# Put there by a job of its own, so that each store tells a digest of it.
			if ($from ne 'local')
			{
				$c->sql("SELECT cloudflux.migrate(file_id, '$kind', delete_source => true) FROM cloudflux.data_objects WHERE place = 'local' AND object_key = '$key'");
				$c->sql('CALL cloudflux.run_migrations()');
			}
			my $job = $c->value("SELECT cloudflux.migrate(file_id, '${kind}_two', delete_source => true) FROM cloudflux.data_objects WHERE place = '$from' AND object_key = '$key'");
			my $s = $c->session;
			$s->query("SET cloudflux.fault = 'migration_$point:1:error'");
			$s->try_query('CALL cloudflux.run_migrations(1)');	# one attempt, not two
			$s->quit;
			# Parts are an object once they are committed, which is the first thing of proving it; a store that copies by itself may be ahead.
			my $there = length($store{$kind}->read($key, 'objects-two') // '');
			ok($there == $size || ($there == 0 && $size > 1000 && $point eq 'copied'), "$what: the copy is there, and nobody has heard of it") or diag("$there bytes", trouble($job));
			isnt($c->value("SELECT count(*) FROM cloudflux.job_queue WHERE job_id = '$job'"), 0, "$what: the job is not over");
			if ($from eq 'local') { $c->write("local/$key", $new) }
			else { $store{$kind}->write($key, $new) }
			again();
			is($c->sql("SELECT status, phase, error_sqlstate FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'completed|done|', "$what: the job is completed") or diag(trouble($job));
			ok(($store{$kind}->read($key, 'objects-two') // '') eq $new, "$what: with the bytes that were written last");
			ok(!defined($from eq 'local' ? $c->read("local/$key") : $store{$kind}->read($key)), "$what: and the source is gone");
			$c->sql("SELECT cloudflux.delete_object(file_id) FROM cloudflux.data_objects WHERE object_key = '$key'");
			$c->sql('CALL cloudflux.run_migrations()');
		}
	}
}
done_testing;
