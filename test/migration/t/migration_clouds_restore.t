# Archived sources are restored first, then moved, or changed: on moto (S3), whose restores take as many looks as it is told, and on
# the scripted peers of S3 and Azure, which take a restore only as the services do. While the store restores, the job sleeps
# in the table: no mover waits, the looks become rarer, and there is a deadline. Azurite restores at once.
use CloudFlux::Test;
use CloudFlux::Servers;
use Digest::SHA qw(sha256_hex);

my $c = cluster('restore', fsync => 'off', 'cloudflux.migration_workers' => 1, 'cloudflux.migration_lease_sec' => 5, 'cloudflux.migration_retry_delay' => '50ms');
open_clouds($c);
my %server = (moto => server('moto'), s3 => server('peer-s3'), azure => server('peer-azure'), azurite => server('azurite'));
# Two buckets of AWS of one name are one, whatever their endpoints.
$server{moto}{bucket} = 'objects-two';
my %priced = (moto => { price_region => 'us-east-1' }, s3 => { restore_priority => 'Bulk', price_region => 'us-east-1' },
	azure => { restore_priority => 'High' }, azurite => {});
foreach my $place (sort keys %server)
{
	$server{$place}->place($c, $place, options => $priced{$place});
	$c->sql("SELECT count(*) FROM cloudflux.check_storage('$place')");
}
my $root = $c->place('local');
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '$root', '{\"price_provider\": \"AWS\", \"price_region\": \"us-east-1\", \"storage_class\": \"STANDARD\"}')");
my $bytes = join ' ', 1 .. 1000;
$server{moto}->post('/moto-api/state-manager/set-transition', { model_name => 's3::keyrestore', transition => { progression => 'manual', times => 6 } });

# archived puts an object into an archive class and gives its file_id.
sub archived
{
	my ($place, $key, $class) = @_;
	return $c->value("SELECT cloudflux.put_object('$place', '$key', convert_to('$bytes', 'UTF8'), 'text/plain', NULL, '$class')");
}

sub job { my ($id, $column) = @_; return $c->value("SELECT $column FROM cloudflux.migration_jobs WHERE job_id = '$id'") }
sub requests
{
	my ($place, $verb) = @_;
	$c->sql('SELECT cloudflux.flush_request_metrics()');
	return $c->value("SELECT COALESCE(sum(requests), 0) FROM cloudflux.request_metrics WHERE place = '$place' AND verb = '$verb'");
}

# asleep: the job waits in the table, with nobody.
sub asleep
{
	my ($job, $title) = @_;
	ok($c->poll("SELECT phase = 'restoring' AND claimed_by IS NULL AND not_before > clock_timestamp() FROM cloudflux.job_queue WHERE job_id = '$job'", 30), $title)
		or diag($c->sql('SELECT * FROM cloudflux.migration_progress'), $c->log_tail);
}

# look lets a mover look now, and waits until it has.
sub look
{
	my ($job) = @_;
	my $fence = $c->value("SELECT COALESCE((SELECT fence FROM cloudflux.job_queue WHERE job_id = '$job'), 0)") or return;
	my ($code) = $c->psql("SELECT cloudflux.retry_migration('$job')");
	$c->poll("SELECT COALESCE((SELECT fence > $fence AND claimed_by IS NULL FROM cloudflux.job_queue WHERE job_id = '$job'), true)", 30);
}

sub ends
{
	my ($job, $status, $title) = @_;
	for (1 .. 20)
	{
		last if job($job, 'completed_at IS NOT NULL') eq 't';
		look($job);
	}
	ok($c->poll("SELECT status = '$status' AND completed_at IS NOT NULL FROM cloudflux.migration_jobs WHERE job_id = '$job'", 30), $title)
		or diag($c->sql("SELECT status, phase, error_message, error_detail FROM cloudflux.migration_jobs WHERE job_id = '$job'"), $c->sql('SELECT * FROM cloudflux.migration_progress'), $c->log_tail);
}

foreach my $way ([ moto => 'GLACIER' ], [ moto => 'DEEP_ARCHIVE' ], [ s3 => 'DEEP_ARCHIVE' ], [ azure => 'Archive' ])
{
	my ($place, $class) = @$way;
	my ($key, $verb, $what) = ("$class.txt", $place eq 'azure' ? 'SetBlobTier' : 'RestoreObject', "$place, $class");
	my $id = archived($place, $key, $class);
	is($c->value("SELECT storage_class FROM cloudflux.list_objects('$place', '$key')"), $class, "$what: an object is put into an archive class");
	# Azure's classes have their redundancy in the price book.
	is($c->value("SELECT regexp_replace(lower(storage_class), '_lrs\$', '') FROM cloudflux.data_objects WHERE file_id = '$id'"), lc $class, "$what: and the catalog says so");
	throws($c, "SELECT cloudflux.get_object('$id')", '55000', qr/restore/i, "$what: it cannot be read");
	my $before = requests($place, $verb);
	my $plan = $c->value("SELECT cloudflux.plan_migration('local', source_place => '$place', must_pay => false, file_ids => ARRAY['$id'])");
	my $job = $c->value("SELECT cloudflux.migrate('$id', 'local', delete_source => true, dest_key => '$place/$key')");
	asleep($job, "$what: the job sleeps, and no mover waits");
	is(job($job, "status || ' ' || phase"), 'in_progress restoring', "$what: it says what it waits for");
	is(job($job, "restore_until BETWEEN now() + interval '71 hours' AND now() + interval '73 hours'"), 't', "$what: it has a deadline");
	is($c->value("SELECT restore_cost > 0 AND restore_cost < move_cost FROM cloudflux.plan_items WHERE plan_id = $plan"), 't', "$what: the plan told the price") or diag($c->sql("SELECT * FROM cloudflux.plan_items")) if $place ne 'azure';
	is(job($job, 'restore_cost > 0 AND restore_cost < transfer_cost'), 't', "$what: and so does the job") if $place ne 'azure';
	is(requests($place, $verb) - $before, 1, "$what: the store was asked once");
	# Meanwhile others are served.
	my $other = $c->value("SELECT cloudflux.put_object('$place', 'other-$place-$class.txt', 'x'::bytea)");
	my $quick = $c->value("SELECT cloudflux.migrate('$other', 'local')");
	ok($c->poll("SELECT status = 'completed' FROM cloudflux.migration_jobs WHERE job_id = '$quick'", 30), "$what: others are moved meanwhile");
	look($job);
	ends($job, 'completed', "$what: it is moved when it is restored");
	is(requests($place, $verb) - $before, 1, "$what: the store was asked once, however often a mover looked");
	is($c->read("local/$place/$key"), $bytes, "$what: the object has its bytes");
	is($server{$place}->read($key), undef, "$what: and the source is gone");
}

# The priority of the place is the one that the store hears; moto was asked for the common one.
my ($set) = grep { ($_->{query} // '') =~ /comp=tier/ && grep { $_->[0] eq 'x-ms-rehydrate-priority' } @{ $_->{headers} } } @{ $server{azure}->ask('/_peer/log')->{requests} };
is((map { $_->[1] } grep { $_->[0] eq 'x-ms-rehydrate-priority' } @{ $set->{headers} // [] })[0], 'High', 'azure: rehydrated with the priority of the place');
throws($c, q{SELECT cloudflux.add_storage('hasty', 'AWS', 'objects', '{"region": "us-east-1", "restore_priority": "High"}')}, '22023', qr/restore_priority/, 'S3 has no priority High');
throws($c, q{SELECT cloudflux.add_storage('hasty', 'Azure', 'objects', '{"account": "some", "restore_priority": "Bulk"}')}, '22023', qr/restore_priority/, 'Azure has no priority Bulk');

# The price is that of the priority.
{
	my $id = archived('s3', 'priced.txt', 'GLACIER');
	my $bulk = $c->value("SELECT restore_cost + retrieval_cost FROM cloudflux.estimate_migration('$id', 'local')");
	$c->sql("ALTER SERVER s3 OPTIONS (SET restore_priority 'Expedited')");
	my $hasty = $c->value("SELECT restore_cost + retrieval_cost FROM cloudflux.estimate_migration('$id', 'local')");
	cmp_ok($hasty, '>', 10 * $bulk, "an expedited restore is quoted dearer ($hasty) than a bulk one ($bulk)");
	$c->sql("ALTER SERVER s3 OPTIONS (SET restore_priority 'Bulk')");
}

# Looks become rarer: a quarter of the time that it has taken so far, five seconds at least.
{
	my $id = archived('s3', 'rarer.txt', 'GLACIER');
	$server{s3}->post('/_peer/settings', { restore_looks => 0 });
	my $job = $c->value("SELECT cloudflux.migrate('$id', 'local')");
	asleep($job, 's3: a restore that takes hours');
	my $next = sub { $c->value("SELECT extract(epoch FROM not_before - clock_timestamp()) FROM cloudflux.job_queue WHERE job_id = '$job'") };
	cmp_ok($next->(), '<=', 5, 'the first look comes soon');
	foreach my $wait ([ '1 hour', 900 ], [ '8 hours', 1800 ])
	{
		$c->sql("UPDATE cloudflux.migration_jobs SET started_at = clock_timestamp() - interval '$wait->[0]' WHERE job_id = '$job'");
		look($job);
		my $left = $next->();
		ok($left > $wait->[1] - 60 && $left <= $wait->[1] + 1, "after $wait->[0] the next look is in $left s");
	}

	# Cancelled while the store restores.
	is($c->value("SELECT cloudflux.cancel_migration('$job')"), 'cleaning', 'it can be cancelled');
	ends($job, 'cancelled', 'and is');
	is($server{s3}->read('rarer.txt'), $bytes, 'its source is where it was');
	is($c->value("SELECT count(*) FROM cloudflux.addresses WHERE file_id = '$id'"), 1, 'and has no other address');

	# The restore that was asked for goes on: the next job finds it under way, and does not ask again.
	my $before = requests('s3', 'RestoreObject');
	$job = $c->value("SELECT cloudflux.migrate('$id', 'local')");
	asleep($job, 'a restore that is under way already is waited for');
	is(requests('s3', 'RestoreObject') - $before, 0, 'and not asked for again');
	$server{s3}->post('/_peer/clock', { advance_s => 9 * 3600 });
	ends($job, 'completed', 'the job goes on when the store is ready');
	is($c->read('local/rarer.txt'), $bytes, 'with all bytes');
}

# Somebody else asked between our look and our request: 409 is as good.
{
	my $id = archived('s3', 'raced.txt', 'GLACIER');
	my $job = $c->value("SELECT cloudflux.migrate('$id', 'local', not_before => now() + interval '1 hour')");
	$server{s3}->post('/_peer/rules', { rules => [ { match => { method => 'POST', query => 'restore' }, fault => { kind => 'status', status => 409, code => 'RestoreAlreadyInProgress', done => JSON::PP::true } } ] });
	$c->sql("SELECT cloudflux.retry_migration('$job')");
	asleep($job, 's3: RestoreAlreadyInProgress is no error');
	is(job($job, 'error_message'), '', 'and is not told as one');
	$server{s3}->post('/_peer/rules', { rules => [] });

	# Expedited capacity is not always there.
	$server{s3}->post('/_peer/clock', { advance_s => 9 * 3600 });
	ends($job, 'completed', 'the job goes on');
	$id = archived('s3', 'hasty.txt', 'GLACIER');
	$server{s3}->post('/_peer/rules', { rules => [ { match => { method => 'POST', query => 'restore' }, times => 0, fault => { kind => 'status', status => 503, code => 'GlacierExpeditedRetrievalNotAvailable' } } ] });
	$c->set('cloudflux.migration_attempts' => 2);
	$job = $c->value("SELECT cloudflux.migrate('$id', 'local')");
	ends($job, 'failed', 's3: a restore that the store refuses fails the job');
	like(job($job, "error_message || ' ' || error_hint"), qr/hasty\.txt.*Standard or Bulk/, 'which says what to do');
	$server{s3}->post('/_peer/rules', { rules => [] });
	$c->set('cloudflux.migration_attempts' => 5);
}

# A restore that never ends.
{
	my $id = archived('s3', 'never.txt', 'GLACIER');
	$c->set('cloudflux.migration_restore_limit' => '2s');
	$c->poll("SELECT current_setting('cloudflux.migration_restore_limit') = '2s'");
	my $job = $c->value("SELECT cloudflux.migrate('$id', 'local', delete_source => true)");
	ok($c->poll("SELECT status = 'failed' FROM cloudflux.migration_jobs WHERE job_id = '$job'", 60), 'a restore that never ends: the job fails at its deadline') or diag($c->sql('SELECT * FROM cloudflux.migration_progress'));
	is(job($job, "error_sqlstate || ' ' || error_message"), '55000 object "never.txt" in place "s3" was not restored in time', 'and says so');
	is($server{s3}->read('never.txt'), $bytes, 'its source is where it was');
	$c->set('cloudflux.migration_restore_limit' => '3d');
	$server{s3}->post('/_peer/settings', { restore_looks => 2 });
	$c->sql("SELECT cloudflux.retry_migration('$job')");
	ends($job, 'completed', 'retry_migration() takes it up when the store is ready');
	is($c->read('local/never.txt'), $bytes, 'with all bytes');
}

# A mover dies between the request and its record.
{
	my $id = archived('moto', 'crash.txt', 'GLACIER');
	my $before = requests('moto', 'RestoreObject');
	my $job = $c->value("SELECT cloudflux.migrate('$id', 'local')");
	asleep($job, 'moto: a restore');
	$c->kill9;
	$c->start;
	asleep($job, 'goes on after a crash of the server');
	ends($job, 'completed', 'to its end');
	is($c->read('local/crash.txt'), $bytes, 'with all bytes');
}

# Another class in place takes the same way.
foreach my $way ([ s3 => 'GLACIER', 'STANDARD' ], [ azure => 'Archive', 'Cool' ], [ azurite => 'Archive', 'Cool' ])
{
	my ($place, $from, $to) = @$way;
	my $id = archived($place, 'changed.txt', $from);
	my $job = $c->value("SELECT cloudflux.migrate('$id', '$place', '$to')");
	is(job($job, 'kind'), 'change', "$place: $from to $to in place is a change of class");
	asleep($job, "$place: its object is restored first") if $place ne 'azurite';
	ends($job, 'completed', "$place: then changed");
	is($c->value("SELECT regexp_replace(lower(storage_class), '_lrs\$', '') FROM cloudflux.data_objects WHERE file_id = '$id'"), lc $to, "$place: the catalog says so");
	is($c->value("SELECT storage_class FROM cloudflux.list_objects('$place', 'changed.txt')"), $to, "$place: and so does the store");
	is($server{$place}->read('changed.txt'), $bytes, "$place: the bytes are the same");
}
{
	# moto replaces any version.
	my $id = $c->value("SELECT cloudflux.put_object('moto', 'plain.txt', 'x'::bytea)");
	my $job = $c->value("SELECT cloudflux.migrate('$id', 'moto', 'STANDARD_IA')");
	ends($job, 'failed', 'where check_storage() saw that the store ignores which version is replaced, no class is changed in place');
	is(job($job, "error_sqlstate || ' ' || (error_hint ~ 'versioning')"), '0A000 true', 'and the job says what helps');
	is($c->value("SELECT storage_class FROM cloudflux.list_objects('moto', 'plain.txt')"), 'STANDARD', 'the object is as it was');
	# Nobody pays for a restore that leads to that.
	my $asked = requests('moto', 'RestoreObject');
	$id = archived('moto', 'frozen.txt', 'GLACIER');
	$job = $c->value("SELECT cloudflux.migrate('$id', 'moto', 'STANDARD_IA')");
	ends($job, 'failed', 'nor is that of an archived object');
	is(job($job, "error_sqlstate || ' ' || (error_hint ~ 'versioning')"), '0A000 true', 'with the same words');
	is(requests('moto', 'RestoreObject'), $asked, 'before anybody has paid for a restore');
}
{
	my $id = archived('azurite', 'moved.txt', 'Archive');
	my $job = $c->value("SELECT cloudflux.migrate('$id', 'local', delete_source => true)");
	ends($job, 'completed', 'azurite: an archived blob is restored and moved');
	is($c->read('local/moved.txt'), $bytes, 'azurite: with all bytes');
}
is($c->sql("SELECT a.file_id FROM cloudflux.addresses a WHERE a.state NOT IN ('primary', 'replica')"), '', 'no address is left claimed');
done_testing;
