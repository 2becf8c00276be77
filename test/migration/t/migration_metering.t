# What is sent for a job is metered for it: as many requests as the store has counted, repetitions included, and as many bytes as it has seen; and they
# have a price. What is sent for no job, an inventory, counts under its place.
use CloudFlux::Test;
use CloudFlux::Servers;

my $MiB = 1024 * 1024;
my $c = cluster('metering', fsync => 'off', 'cloudflux.migration_workers' => 0, 'cloudflux.migration_retry_delay' => '10ms', 'cloudflux.net_attempts' => 20);
open_clouds($c);
my %peer = map { $_ => server("peer-$_") } qw(s3 azure gcs);
my %price = (s3 => ['AWS', 'us-east-1', 'STANDARD'], azure => ['Azure', 'westus', 'HOT_LRS'], gcs => ['GCP', 'us-central1', 'STANDARD']);
my $root = $c->place('local');
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '$root')");
foreach my $kind (sort keys %peer)
{
	$peer{$kind}->place($c, $kind, options => { price_provider => $price{$kind}[0], price_region => $price{$kind}[1] });
	$c->sql("SELECT count(*) FROM cloudflux.check_storage('$kind')");
}

# counted tells how many requests the stores have got since it was last asked, and how many of them they bill.
sub counted
{
	my %n;
	foreach my $kind (keys %peer)
	{
		my @log = $peer{$kind}->log;
		$n{$kind} = scalar(@log) . ' of which ' . scalar(grep { $_->{status} >= 100 && $_->{status} < 500 } @log) if @log;
	}
	return join ', ', map { "$_ $n{$_}" } sort keys %n;
}

# metered tells the same of jobs.
sub metered
{
	my ($which) = @_;
	return $c->value("SELECT string_agg(format('%s %s of which %s', place, requests, billed), ', ' ORDER BY place)
		FROM (SELECT place, sum(requests) AS requests, sum(billed_requests) AS billed FROM cloudflux.job_requests WHERE job_id IN ($which) GROUP BY place) AS r") // '';
}

sub run { $c->sql('CALL cloudflux.run_migrations()') }
sub submit
{
	my ($from, $key, $to, @more) = @_;
	return $c->value("SELECT cloudflux.migrate(file_id, '$to'" . join('', map { ", $_" } @more) . ") FROM cloudflux.data_objects WHERE place = '$from' AND object_key = '$key'");
}
sub plant { my ($key, $bytes) = @_; $c->write("local/$key", $bytes); $c->sql("CALL cloudflux.import_inventory('local', '$key')") }

foreach my $kind (sort keys %peer)
{
	plant("$kind.bin", 'x' x (20 * $MiB));
	my $job = submit('local', "$kind.bin", $kind);
	counted();
	run();
	my $asked = counted();
	is(metered("'$job'"), $asked, "$kind: of a job in parts as many requests are metered as the store has got: $asked");
	my $bytes = $c->value("SELECT sent_bytes - ${\ (20 * $MiB)} FROM cloudflux.job_costs WHERE job_id = '$job'");
	ok($bytes > 0 && $bytes < 100_000, "$kind: and its bytes, with what stands in front of them") or diag($bytes);
}

# Repetitions, on the account of the job that they were made for; what the store's own errors cost is nothing.
plant("again-$_", 'x' x (20 * $MiB)) foreach 1, 2;
my @again = map { submit('local', "again-$_", 's3') } 1, 2;
counted();
$peer{s3}->post('/_peer/rules', { rules => [ { match => { method => 'PUT', query => 'partNumber=', path => 'again-1' }, times => 4, fault => { kind => 'status', status => 503, code => 'SlowDown' } } ] });
run();
my $asked = counted();
is(metered("'$again[0]', '$again[1]'"), $asked, "a store that asks for less four times: what was sent again is metered: $asked");
is($c->value("SELECT string_agg(repeated || ' of ' || requests || ', ' || requests - billed_requests || ' not billed', '; ' ORDER BY job_id = '$again[1]') FROM cloudflux.job_costs WHERE job_id IN ('$again[0]', '$again[1]')"),
	$c->value("SELECT '4 of ' || requests + 4 || ', 4 not billed; 0 of ' || requests || ', 0 not billed' FROM cloudflux.job_costs WHERE job_id = '$again[1]'"),
	'for the job that needed it, and not for its neighbour in the same round');

# From store to store, each end at its own place; the source goes, too.
my $job = submit('s3', 's3.bin', 'azure', 'delete_source => true');
run();
$asked = counted();
is(metered("'$job'"), $asked, "from one store to another: each end has its own: $asked");
is($c->value("SELECT bool_and(received_bytes > ${\ (20 * $MiB)}) FROM (SELECT sum(received_bytes) AS received_bytes FROM cloudflux.job_requests WHERE job_id = '$job' AND place = 's3') AS r"), 't', 'what was read there came from the source');

# Prices: what the requests cost, beside what was estimated.
my $cost = $c->value("SELECT request_cost FROM cloudflux.job_costs WHERE job_id = '$job'");
is($c->value("SELECT sum(c.amount) = $cost FROM (SELECT r.verb, r.place, sum(r.billed_requests) AS n FROM cloudflux.job_requests AS r WHERE r.job_id = '$job' GROUP BY 1, 2) AS v,
	LATERAL cloudflux.price_requests(CASE v.place WHEN 's3' THEN 'AWS' ELSE 'Azure' END, CASE v.place WHEN 's3' THEN 'us-east-1' ELSE 'westus' END,
		CASE v.place WHEN 's3' THEN 'STANDARD' ELSE 'HOT_LRS' END, cloudflux.request_term(CASE v.place WHEN 's3' THEN 'AWS' ELSE 'Azure' END, v.verb), v.n, CURRENT_DATE) AS c"), 't', "its requests cost what the book says of each: $cost");
ok($cost > 0.00001 && $cost < 0.001, 'which is of the size of some dozen requests') or diag($cost);

# LOCAL jobs send nothing.
my $two = $c->place('local_two');
$c->sql("SELECT cloudflux.add_storage('local_two', 'LOCAL', '$two')");
plant('here', 'abc');
$job = submit('local', 'here', 'local_two');
run();
is($c->value("SELECT status || ' ' || requests || ' ' || request_cost FROM cloudflux.job_costs WHERE job_id = '$job'"), 'completed 0 0', 'a job between directories sends nothing, which costs nothing');

# An inventory is no job's: its requests are those of its place. Together they are all that was sent.
counted();
$c->sql("CALL cloudflux.run_chores('flush_request_metrics')");
my $before = $c->value("SELECT sum(requests) FROM cloudflux.request_metrics WHERE place = 'gcs'");
$c->sql("CALL cloudflux.import_inventory('gcs'); CALL cloudflux.run_chores('flush_request_metrics')");
my $listed = scalar $peer{gcs}->log;
is($c->value("SELECT sum(requests) - $before FROM cloudflux.request_metrics WHERE place = 'gcs'"), $listed, "an inventory is metered under its place: $listed");
ok($c->value("SELECT count(*) > 0 AND bool_and(cost IS NOT NULL) FROM cloudflux.request_costs WHERE place = 'gcs' AND term = 'list'") eq 't', 'and priced as what it is');

$c->sql("UPDATE cloudflux.migration_jobs SET completed_at = completed_at - interval '2 years' WHERE job_id = '$again[0]'");
$c->sql("CALL cloudflux.run_chores('forget_old_jobs')");
is($c->value("SELECT count(*) || ' ' || count(*) FILTER (WHERE job_id = '$again[0]') FROM (SELECT DISTINCT job_id FROM cloudflux.job_requests) AS r"), '5 0', 'what is known of the requests of a job goes with the job');
done_testing();
