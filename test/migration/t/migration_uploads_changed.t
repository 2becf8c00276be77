# A change of class above 5 GiB is an upload onto the object itself (S3, the strict peer). A mover that dies within it leaves nothing that
# nobody knows: it is noted before it begins, aborted by whoever takes the job over, and swept when nobody does. The object stays.
use CloudFlux::Test;
use CloudFlux::Servers;

my $c = cluster('changed', fsync => 'off', restart_after_crash => 'off', 'cloudflux.migration_workers' => 1, 'cloudflux.migration_lease_sec' => 5,
	'cloudflux.migration_retry_delay' => '50ms', 'cloudflux.migration_attempts' => 2);
open_clouds($c);
my $s3 = server('peer-s3');
$s3->place($c, 's3');
$c->sql("SELECT count(*) FROM cloudflux.check_storage('s3')");
my $size = 6 * 1024**3;

# submit asks for another class of an object of 6 GiB, of which the peer keeps the size alone.
sub submit
{
	my ($key) = @_;
	$s3->post('/_peer/object', { bucket => 'objects', key => $key, hollow => $size });
	$c->sql("CALL cloudflux.import_inventory('s3', '$key')");
	return $c->value("SELECT cloudflux.migrate(file_id, 's3', 'STANDARD_IA') FROM cloudflux.data_objects WHERE object_key = '$key'");
}
sub there { my ($key) = @_; return $c->value("SELECT size_bytes || ' ' || storage_class FROM cloudflux.list_objects('s3', '$key')") }
sub ends
{
	my ($job, $as, $title) = @_;
	ok($c->poll("SELECT status = '$as' AND NOT EXISTS (SELECT FROM cloudflux.job_queue) FROM cloudflux.migration_jobs WHERE job_id = '$job'", 60), $title)
		or diag($c->sql("SELECT * FROM cloudflux.migration_jobs WHERE job_id = '$job'"), $c->sql('SELECT * FROM cloudflux.job_uploads'), $c->log_tail);
}

my $job = submit('plain');
ends($job, 'completed', 'a class is changed by an upload');
is(there('plain'), "$size STANDARD_IA", 'the store says so');
is($c->sql('SELECT * FROM cloudflux.job_uploads'), '', 'no row of the upload is left');

foreach my $point (qw(remote_upload_noted remote_upload_begun remote_handle_recorded))
{
	my $job;
	$c->falls("$point:1:kill", sub { $job = submit($point) }, "$point: a mover dies, and the server with it");
	is(scalar(my @left = $s3->uploads), $point eq 'remote_upload_noted' ? 0 : 1, "$point: what it had begun is at the store");
	$c->start;
	ends($job, 'completed', "$point: the job is completed all the same");
	is_deeply([ $s3->uploads ], [], "$point: and nothing is left of the upload that was begun first");
	is(there($point), "$size STANDARD_IA", "$point: the object has its class");
}

# The store refuses the parts in every attempt: the job fails, the object stays as it was.
$s3->post('/_peer/rules', { rules => [ { match => { method => 'PUT', query => 'partNumber' }, fault => { kind => 'status', status => 403 }, times => 0 } ] });
$job = submit('refused');
ends($job, 'failed', 'a job whose parts are refused fails');
is_deeply([ $s3->uploads ], [], 'its upload is aborted');
is(there('refused'), "$size STANDARD", 'its object is as it was');
$s3->post('/_peer/rules', { rules => [] });

# Nobody takes the job up: its upload is swept, with and without its name, though the object is in the catalog and stays.
$c->set('cloudflux.migration_workers' => 0);
$c->poll("SELECT count(*) = 0 FROM cloudflux.workers WHERE worker = 'mover'", 30);
$c->sql('DELETE FROM cloudflux.job_uploads');
foreach my $named (1, 0)
{
	my $id = $s3->begin('refused');
	$c->sql("INSERT INTO cloudflux.job_uploads (file_id, owner_tag, job_id, place, object_key, in_parts, handle, not_before, begun_at)
		SELECT file_id, job_id || '-9$named', job_id, 's3', 'refused', true, " . ($named ? "'copy:$id'" : 'NULL') . ", now(), now() - interval '2 hours'
		  FROM cloudflux.migration_jobs WHERE job_id = '$job'");
	$c->sql('CALL cloudflux.run_migrations()');
	is($c->value('SELECT count(*) FROM cloudflux.job_uploads'), 0, $named ? 'an upload with a name is swept' : 'one without is looked for');
	is(scalar(my @left = $s3->uploads), $named ? 0 : 1, $named ? 'and is gone' : 'what was begun at another time is not touched');
}
is(there('refused'), "$size STANDARD", 'the object that it was about is there');
done_testing;
