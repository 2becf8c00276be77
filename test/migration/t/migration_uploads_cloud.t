# Uploads that nobody finishes: a job that ends leaves none at the store, a mover that dies leaves none that nobody knows, and
# what somebody else has begun, be it under the very key, is never touched.
use CloudFlux::Test;
use CloudFlux::Servers;

my $MiB = 1024 * 1024;
my $c = cluster('uploads', fsync => 'off', restart_after_crash => 'off', 'cloudflux.migration_workers' => 1, 'cloudflux.migration_lease_sec' => 5,
	'cloudflux.migration_retry_delay' => '50ms');
open_clouds($c);
my $s3 = server('versitygw');
$s3->place($c, 's3');
my $root = $c->place('local');
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '$root')");
$c->sql("SELECT count(*) FROM cloudflux.check_storage('s3')");
sub trouble { return $c->sql('SELECT * FROM cloudflux.migration_progress') . "\n" . $c->sql('SELECT * FROM cloudflux.job_uploads') . "\n" . $c->log_tail }

# submit moves an object of 40 MiB, so slowly that it can be met on its way.
sub submit
{
	my ($key) = @_;
	$c->write("local/$key", "$key " x (40 * $MiB / (1 + length $key)));
	$c->sql("CALL cloudflux.import_inventory('local', '$key')");
	return $c->value("SELECT cloudflux.migrate(file_id, 's3') FROM cloudflux.data_objects WHERE object_key = '$key'");
}
sub ends { my ($job, $as) = @_; $c->poll("SELECT status = '$as' AND NOT EXISTS (SELECT FROM cloudflux.job_queue) FROM cloudflux.migration_jobs WHERE job_id = '$job'", 60) }

# sweep makes what is left due, and waits until movers have seen to it.
sub sweep { $c->sql('SELECT cloudflux.sweep_uploads()'); return $c->poll('SELECT count(*) = 0 FROM cloudflux.job_uploads', 60) }

is_deeply([ $s3->uploads ], [], 'a check of the place leaves no upload behind');

# Strangers: one upload of the very key that has a part, one below the same prefix that has none.
my @strangers = sort map { "$_->[0] " . $s3->begin(@$_) } [ 'cancelled', 'x' x 100 ], [ 'cancelled-too' ];
foreach my $round (1 .. 3)
{
	$c->set('cloudflux.migration_bandwidth' => '1MB');
	$c->poll("SELECT current_setting('cloudflux.migration_bandwidth') = '1MB'", 10);
	my $job = submit('cancelled');
	ok($c->poll("SELECT bytes_done > 0 FROM cloudflux.migration_progress WHERE job_id = '$job'", 60), "round $round: a move is on its way") or diag(trouble());
	is(scalar(my @on_its_way = $s3->uploads), 3, "round $round: its upload is at the store");
	is($c->value("SELECT count(*) FROM cloudflux.job_uploads WHERE job_id = '$job' AND handle IS NOT NULL"), 1, "round $round: and is known");
	$c->sql("SELECT cloudflux.cancel_migration('$job')");
	ok(ends($job, 'cancelled'), "round $round: it is cancelled") or diag(trouble());
	is_deeply([ $s3->uploads ], \@strangers, "round $round: nothing is left of it; what others have begun is there");
	$c->set('cloudflux.migration_bandwidth' => '0');
	$c->poll("SELECT current_setting('cloudflux.migration_bandwidth') = '0'", 10);
}
ok(sweep(), 'movers look once more') or diag(trouble());
is_deeply([ $s3->uploads ], \@strangers, 'and touch nothing else');

# A mover dies at each moment around the beginning of an upload; another takes the job up, and no upload is left but its own.
foreach my $point (qw(remote_upload_noted remote_upload_begun remote_handle_recorded))
{
	my $stranger = "$point " . $s3->begin($point, 'x' x 100);
	my $job;
	$c->falls("$point:1:kill", sub { $job = submit($point) }, "$point: a mover dies, and the server with it");
	is(scalar(grep { /^$point / } $s3->uploads), $point eq 'remote_upload_noted' ? 1 : 2, "$point: what it had begun is at the store");
	$c->start;
	ok(ends($job, 'completed'), "$point: the job is completed all the same") or diag(trouble());
	@strangers = sort @strangers, $stranger;
	is_deeply([ $s3->uploads ], \@strangers, "$point: nothing is left of the upload that was begun first");
}
is($c->sql('SELECT owner_tag, handle FROM cloudflux.job_uploads'), '', 'no row is left of uploads that became objects');
ok($s3->read('remote_upload_begun') eq $c->read('local/remote_upload_begun'), 'and they have their bytes');

# Nobody takes the job up: it is cancelled while no mover is there. The sweep finds what the dead one had begun, by its key and time.
$c->set('cloudflux.migration_workers' => 0);
$c->poll("SELECT count(*) = 0 FROM cloudflux.workers WHERE worker = 'mover'", 30);
my $job = submit('orphan');
{
	my $s = $c->session;
	$s->query("SET cloudflux.fault = 'remote_upload_begun:1:error'");
	$s->try_query('CALL cloudflux.run_migrations()');
	$s->quit;
}
is(scalar(grep { /^orphan / } $s3->uploads), 1, 'an upload whose name was never learned is at the store');
$c->sql("UPDATE cloudflux.job_queue SET claimed_by = NULL; SELECT cloudflux.cancel_migration('$job')");
$c->sql('CALL cloudflux.run_migrations()');
is_deeply([ $s3->uploads ], \@strangers, 'cleaning finds it') or diag(trouble());
$c->sql('SELECT cloudflux.sweep_uploads()');
$c->sql('CALL cloudflux.run_migrations()');
is($c->sql("SELECT owner_tag FROM cloudflux.job_uploads WHERE begun_at < now() - interval '1 hour' OR handle IS NOT NULL"), '', 'nothing due is left');

# One of a job that is over, with a handle: as after a mover that slept through the end of its job.
my $id = $s3->begin('late');
$c->sql("INSERT INTO cloudflux.job_uploads (file_id, owner_tag, job_id, place, object_key, in_parts, handle) SELECT file_id, job_id || '-9', job_id, 's3', 'late', true, 'parts:$id' FROM cloudflux.migration_jobs WHERE job_id = '$job'");
$c->sql('CALL cloudflux.run_migrations()');
is(scalar(grep { /^late / } $s3->uploads), 1, 'before its time it is left alone: whoever has the job may be at it');
like($c->value('SELECT cloudflux.sweep_uploads()'), qr/handed to the movers/, 'the chore makes it due');
$c->sql('CALL cloudflux.run_migrations()');
is_deeply([ $s3->uploads ], \@strangers, 'a mover removes it');

# The store is away: the row says why, and it is tried again.
$c->sql("INSERT INTO cloudflux.job_uploads (file_id, owner_tag, job_id, place, object_key, in_parts, handle, not_before) SELECT file_id, job_id || '-9', job_id, 's3', 'late', true, 'parts:gone', now() FROM cloudflux.migration_jobs WHERE job_id = '$job'");
$s3->stop;
$c->sql('CALL cloudflux.run_migrations()');
is($c->value('SELECT attempts > 0 AND error_message IS NOT NULL AND not_before > now() FROM cloudflux.job_uploads WHERE handle IS NOT NULL'), 't', 'what cannot be removed now is tried again later, and says why');
done_testing;
