# Classes as the stores themselves tell them: objects are put and moved into classes on SeaweedFS (which shows all of S3's, and refuses
# others) and Azurite, and changed in place, where nothing but the class may change. Then sources on GCS: the strict peer deletes
# on condition of a generation; a server that ignores generations does not delete at all, unless a person takes the risk.
use CloudFlux::Test;
use CloudFlux::Servers;

my $c = cluster('tiers', fsync => 'off', 'cloudflux.migration_workers' => 1, 'cloudflux.migration_lease_sec' => 5, 'cloudflux.migration_retry_delay' => '50ms');
open_clouds($c);
my %server = (weed => server('seaweedfs'), azurite => server('azurite'), gcs => server('peer-gcs'), fake => server('fake-gcs-server'));
# What both of a driver's servers call objects, other places of a cloud may not: GCS has each bucket once.
$server{fake}{bucket} = 'objects-two';
foreach my $place (sort keys %server)
{
	$server{$place}->place($c, $place);
	$c->sql("SELECT count(*) FROM cloudflux.check_storage('$place')");
}
my $root = $c->place('local');
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '$root')");
my $bytes = join ' ', 1 .. 3000;
# The map knows three classes of a store that anybody may have made; whoever has more says so.
$c->sql("INSERT INTO cloudflux.storage_tiers (cloud, place, tier, storage_class) VALUES ('S3', 'weed', 'WARM', 'ONEZONE_IA'),
	('S3', 'weed', 'WARM', 'INTELLIGENT_TIERING'), ('S3', 'weed', 'COLD', 'GLACIER_IR'), ('S3', 'weed', 'WARM', 'REDUCED_REDUNDANCY')");

sub class { my ($place, $key) = @_; return $c->value("SELECT storage_class FROM cloudflux.list_objects('$place', '$key') WHERE object_key = '$key'") }
sub plain { my ($class) = @_; return lc($class) =~ s/_[lzg]rs$//r }
sub done
{
	my ($job, $title) = @_;
	ok($c->poll("SELECT status = 'completed' AND phase = 'done' FROM cloudflux.migration_jobs WHERE job_id = '$job'", 60), $title)
		or diag($c->sql("SELECT status, phase, error_message, error_detail, error_hint FROM cloudflux.migration_jobs WHERE job_id = '$job'"), $c->log_tail);
}

my %classes = (weed => [ qw(STANDARD_IA ONEZONE_IA INTELLIGENT_TIERING GLACIER_IR REDUCED_REDUNDANCY STANDARD) ], azurite => [ qw(Cool Cold Hot) ]);
foreach my $place (sort keys %classes)
{
	my @classes = @{ $classes{$place} };
	foreach my $class (@classes)
	{
		my $id = $c->value("SELECT cloudflux.put_object('$place', 'put/$class', convert_to('$bytes', 'UTF8'), 'text/plain', NULL, '$class')");
		is(plain(class($place, "put/$class")), plain($class), "$place: an object is put into $class, and the store says so");
	}
	# From a folder, in one request and in parts.
	foreach my $size (3000, 18 * 1024 * 1024)
	{
		my $class = $classes[0];
		$c->write("local/moved/$size", 'x' x $size);
		$c->sql("CALL cloudflux.import_inventory('local', 'moved/$size')");
		my $job = $c->value("SELECT cloudflux.migrate(file_id, '$place', '$class', dest_key => 'to/$size') FROM cloudflux.data_objects WHERE place = 'local' AND object_key = 'moved/$size' AND vanished_at IS NULL");
		done($job, "$place: $size bytes are moved into $class");
		is(plain(class($place, "to/$size")), plain($class), "$place: and the store says so");
		$c->sql("SELECT cloudflux.delete_object(file_id) FROM cloudflux.data_objects WHERE object_key = 'to/$size'");
		$c->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 60);
	}
	# In place, round all classes: the bytes, the type and what a person said of the object stay.
	my $id = $c->value(qq{SELECT cloudflux.put_object('$place', 'changed', convert_to('$bytes', 'UTF8'), 'text/x-numbers', '{"colour": "blue"}')});
	foreach my $class (@classes)
	{
		my $job = $c->value("SELECT cloudflux.migrate('$id', '$place', '$class')");
		is($c->value("SELECT kind FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'change', "$place: to $class in place is a change of class");
		done($job, "$place: which is done");
		is(plain(class($place, 'changed')), plain($class), "$place: the store says so");
		is(plain($c->value("SELECT storage_class FROM cloudflux.data_objects WHERE file_id = '$id'")), plain($class), "$place: and so does the catalog");
		is($server{$place}->read('changed'), $bytes, "$place: the bytes are the same");
		like($c->value("SELECT cloudflux.object_metadata('$id')"), qr/blue/, "$place: and so is what was said of them");
	}
	is($c->value("SELECT count(*) FROM cloudflux.list_objects('$place', 'changed')"), 1, "$place: there is one object, as before");
}
throws($c, "SELECT cloudflux.put_object('azurite', 'no', 'x', NULL, NULL, 'GLACIER')", '22023', undef, 'Azure has no class of S3');

# A name that the store takes for another one's, entered by hand: its bytes can be had, nothing is removed by it.
$server{weed}->write('fold/x', $bytes);
is($c->value("SELECT (capabilities ->> 'key folds')::int & 1 FROM cloudflux.places WHERE place = 'weed'"), 1, 'check_storage() saw that a store takes a//b for a/b');
$c->sql("INSERT INTO cloudflux.data_objects (file_id, place, object_key, size_bytes) VALUES ('alias', 'weed', 'fold//x', length('$bytes'))");
my $aliased = $c->value("SELECT cloudflux.migrate('alias', 'local', dest_key => 'folded', delete_source => true)");
done($aliased, 'an object is moved under such a name');
is($c->read('local/folded'), $bytes, 'its bytes have arrived');
like($c->value("SELECT source_kept FROM cloudflux.migration_jobs WHERE job_id = '$aliased'"), qr/"fold\/\/x" would be another one's/, 'its source is kept, and the job says why');
is($server{weed}->read('fold/x'), $bytes, 'which is there, under its own name');

# Sources on GCS.
foreach my $place (qw(gcs fake))
{
	$c->sql("SELECT cloudflux.put_object('$place', '$place-$_', convert_to('$bytes', 'UTF8'))") foreach 1 .. 3;
	my $move = sub { $c->value("SELECT cloudflux.migrate(file_id, 'local', delete_source => true) FROM cloudflux.data_objects WHERE object_key = '$place-$_[0]'") };
	my $job = $move->(1);
	done($job, "$place: an object is moved");
	my $kept = $c->value("SELECT source_kept FROM cloudflux.migration_jobs WHERE job_id = '$job'");
	if ($place eq 'gcs')
	{
		is($kept, '', 'gcs: with its source');
		is($server{gcs}->read('gcs-1'), undef, 'gcs: which is gone');
		# Somebody writes over the source between copy and deletion.
		$job = $c->value("SELECT cloudflux.migrate(file_id, 'local', delete_source => true, grace => '1 hour') FROM cloudflux.data_objects WHERE object_key = 'gcs-2'");
		ok($c->poll("SELECT phase = 'grace' FROM cloudflux.migration_jobs WHERE job_id = '$job'", 30), 'gcs: a copy is there, its source waits');
		$server{gcs}->write('gcs-2', 'newer');
		$c->sql("UPDATE cloudflux.job_queue SET not_before = NULL WHERE job_id = '$job'");
		done($job, 'gcs: the grace is over');
		like($c->value("SELECT source_kept FROM cloudflux.migration_jobs WHERE job_id = '$job'"), qr/changed/, 'gcs: a newer generation is not deleted');
		is($server{gcs}->read('gcs-2'), 'newer', 'gcs: it is there');
		next;
	}
	like($kept, qr/does not honour conditions of a delete/, 'fake: its source is kept, and the job says why');
	is($server{fake}->read('fake-1'), $bytes, 'fake: it is there');
	is($c->value("SELECT state FROM cloudflux.addresses WHERE place = 'fake' AND object_key = 'fake-1'"), 'replica', 'fake: as a replica, which is billed');
	my $log = $c->log_size;
	$c->sql("ALTER SERVER fake OPTIONS (ADD accept_unconditional_delete 'true')");
	like($c->log_since($log), qr/fake.*deletes that its store does not make conditional|accept_unconditional_delete/, 'fake: who takes the risk is noted in the log');
	$c->psql("SELECT cloudflux.adopt_storage('fake')");
	$job = $move->(3);
	done($job, 'fake: then an object is moved');
	is($c->value("SELECT source_kept FROM cloudflux.migration_jobs WHERE job_id = '$job'"), '', 'fake: with its source');
	is($server{fake}->read('fake-3'), undef, 'fake: which is gone');
	is($c->read('local/fake-3'), $bytes, 'fake: the bytes have arrived');
}
done_testing;
