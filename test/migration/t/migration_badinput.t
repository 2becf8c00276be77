# Disks fill up, go read-only, lose files and hold foreign ones; places are altered under their objects. Each is a failed
# attempt with SQLSTATE and words, tried again where that may help, and nothing is lost or mixed.
use CloudFlux::Test;
use Digest::SHA qw(sha256_hex);

my $c = cluster('disk', 'fsync' => 'off', 'cloudflux.migration_workers' => 0, 'cloudflux.migration_lease_sec' => 5,
	'cloudflux.migration_part_size' => '1MB', 'cloudflux.migration_retry_delay' => '1ms', 'cloudflux.migration_attempts' => 3);
my %root = map { $_ => $c->place($_) } qw(a b);
$c->sql("SELECT cloudflux.add_storage('$_', 'LOCAL', '$root{$_}')") foreach sort keys %root;

sub object
{
	my ($key, $bytes) = @_;
	$c->write("a/$key", $bytes);
	return $c->value("INSERT INTO cloudflux.data_objects (place, object_key, size_bytes) VALUES ('a', '$key', " . length($bytes) . ') RETURNING file_id');
}

sub migrate { my ($id, $to, $more) = @_; return $c->value("SELECT cloudflux.migrate('$id', '$to', delete_source => true" . ($more // '') . ')') }
sub job { my ($job, $what) = @_; return $c->value("SELECT $what FROM cloudflux.migration_jobs WHERE job_id = '$job'") }

# work moves in the foreground until a job has ended; attempts come after milliseconds here.
sub work
{
	my ($job) = @_;
	return $c->poll("CALL cloudflux.run_migrations();\nSELECT status IN ('completed', 'failed', 'cancelled') AND phase NOT IN ('deleting_source', 'cleaning') FROM cloudflux.migration_jobs WHERE job_id = '$job'", 30);
}

# failed is a test: the job fails with this SQLSTATE and words, its object stays and nothing is left at the destination.
sub failed
{
	my ($job, $sqlstate, $like, $key, $bytes, $title) = @_;
	work($job);
	is(job($job, 'status, error_sqlstate'), "failed|$sqlstate", "$title: the job fails");
	like(job($job, "concat_ws(E' ', error_message, error_detail, error_hint)"), $like, "$title: and says why");
	is(sha256_hex($c->read("a/$key") // 'nothing'), sha256_hex($bytes), "$title: the object is where it was") if defined $bytes;
	is(join(' ', glob "$root{b}/.cloudflux/{uploads,trash,lost}/*"), '', "$title: nothing half-written is left");
	is($c->value("SELECT count(*) FROM cloudflux.addresses WHERE state = 'claimed'"), 0, "$title: no address stays claimed");
}

# as_server runs a shell command as the user whom the server runs as.
sub as_server { my ($do) = @_; return system('sh', '-c', $> == 0 ? "setpriv --reuid=postgres --regid=postgres --init-groups sh -c '$do'" : $do) == 0 }

my $id = object('vanished', 'bytes');
my $job = migrate($id, 'b');
unlink "$root{a}/vanished";
failed($job, '02000', qr/vanished/, 'vanished', undef, 'the source vanished');

# The source is removed while it is being verified: the copy is all that is left, and stays.
$id = object('last', 'last bytes');
$job = migrate($id, 'b');
my $s = $c->session;
$s->query("SET cloudflux.fault = 'storage_renamed:1:sleep'");
$s->send('CALL cloudflux.run_migrations()');
ok($c->poll("SELECT phase = 'verifying' FROM cloudflux.job_queue WHERE job_id = '$job'", 10), 'a copy is being verified');
unlink "$root{a}/last";
$s->finish;
$s->quit;
is(job($job, 'status, phase, source_kept'), 'completed|done|', 'the source vanished after it was copied: the move completes');
is($c->read('b/last'), 'last bytes', 'and the object is not lost with it');

# The source is written over in the middle of the copy; its new version moves, whole.
my ($old, $new) = ('old ' x 500_000, 'new!' x 500_000);
$id = object('rewritten', $old);
$job = migrate($id, 'b');
$c->set('cloudflux.migration_bandwidth' => '500kB');
$s = $c->session;
$s->send('CALL cloudflux.run_migrations()');
ok($c->poll('SELECT bytes_done > 0 FROM cloudflux.job_queue', 20), 'a copy is under way');
$c->write('a/rewritten', $new);
$c->set('cloudflux.migration_bandwidth' => '0');
$s->finish;
$s->quit;
ok(work($job), 'the job of an object that changed in the middle ends');
is(job($job, 'status'), 'completed', 'as completed');
is(sha256_hex($c->read('b/rewritten') // ''), sha256_hex($new), 'with the new version, whole');
is($c->read('a/rewritten'), undef, 'and once');
is($c->value("SELECT encode(sha256, 'hex') FROM cloudflux.data_objects WHERE file_id = '$id'"), sha256_hex($new), 'whose SHA-256 the catalog has');

# It is written over between the switch and the deletion: that version is not the one that was copied.
$id = object('late', 'version one');
$job = migrate($id, 'b');
$s = $c->session;
$s->query("SET cloudflux.fault = 'migration_switched:1:sleep'");
$s->send('CALL cloudflux.run_migrations()');
ok($c->poll("SELECT phase = 'deleting_source' FROM cloudflux.job_queue WHERE job_id = '$job'", 10), 'a source is about to be deleted');
$c->write('a/late', 'version two');
$s->finish;
$s->quit;
is(job($job, 'status, phase'), 'completed|done', 'the job completes');
like(job($job, 'source_kept'), qr/changed/, 'and says why the source was kept');
is($c->read('a/late') . ', ' . $c->read('b/late'), 'version two, version one', 'both versions are there');
is($c->value("SELECT string_agg(place || ' ' || state, ', ' ORDER BY place) FROM cloudflux.addresses WHERE file_id = '$id'"), 'a replica, b primary', 'and the catalog knows both');

$id = object('foreign', 'ours');
$c->write('b/foreign', 'theirs');
failed(migrate($id, 'b'), '42710', qr/foreign/, 'foreign', 'ours', 'a foreign file is in the way');
is($c->read('b/foreign'), 'theirs', 'it is left alone');
mkdir "$root{b}/folder" and $c->write('b/folder/x', 'theirs');
$id = object('folder', 'ours');
failed(migrate($id, 'b'), '42710', qr/folder/, 'folder', 'ours', 'a folder is in the way');

# The foreign file comes while we copy: the commit finds it.
$id = object('race', 'ours');
$job = migrate($id, 'b');
$s = $c->session;
$s->query("SET cloudflux.fault = 'migration_copied:1:sleep'");
$s->send('CALL cloudflux.run_migrations()');
await { glob "$root{b}/.cloudflux/uploads/*" } 10, 'a copy is complete and not there yet';
$c->write('b/race', 'theirs');
$s->finish;
$s->quit;
failed($job, '42710', qr/race/, 'race', 'ours', 'a foreign file comes meanwhile');
is($c->read('b/race'), 'theirs', 'and is left alone');

# Somebody damages the copy between the moment it was sealed and its verification: in the file that is not there yet, with
# its time put back, so that only reading the bytes can tell.
$id = object('damaged', 'good bytes');
$job = migrate($id, 'b');
$s = $c->session;
$s->query("SET cloudflux.fault = 'migration_copied:1:sleep'");
$s->send('CALL cloudflux.run_migrations()');
my $part;
await { ($part) = glob "$root{b}/.cloudflux/uploads/*" } 10, 'a copy is sealed';
my @time = (stat $part)[ 8, 9 ];
ok(as_server("touch -r $part /tmp/cf_time.$$ && printf bad | dd of=$part conv=notrunc status=none && touch -r /tmp/cf_time.$$ $part && rm /tmp/cf_time.$$"), 'and damaged');
$s->finish;
$s->quit;
ok(work($job), 'its job ends');
is(job($job, 'status'), 'completed', 'as completed');
cmp_ok(job($job, 'bytes_copied'), '>=', 20, 'after it was copied again');
is($c->read('b/damaged'), 'good bytes', 'with the right bytes');
is($c->read('a/damaged'), undef, 'and only then the source is gone');

# The upload is removed by somebody between copy and commit.
$id = object('swept', 'swept bytes');
$job = migrate($id, 'b');
$s = $c->session;
$s->query("SET cloudflux.fault = 'migration_copied:1:sleep'");
$s->send('CALL cloudflux.run_migrations()');
await { ($part) = glob "$root{b}/.cloudflux/uploads/*" } 10, 'another copy is sealed';
unlink $part;
$s->finish;
$s->quit;
ok(work($job), 'the job of an upload that somebody removed ends');
is(job($job, 'status') . ' ' . ($c->read('b/swept') // ''), 'completed swept bytes', 'as completed');

# A place that is altered, renamed or dropped under its objects.
$id = object('altered', 'bytes');
$job = migrate($id, 'b');
my $elsewhere = $c->place('elsewhere');
$c->sql("ALTER SERVER b OPTIONS (SET bucket '$elsewhere')");
failed($job, '55000', qr/altered since it was adopted.*adopt_storage/s, 'altered', 'bytes', 'the place was altered');
is(join(' ', glob "$elsewhere/*"), '', 'nothing was written where it points to now');
$c->sql("ALTER SERVER b OPTIONS (SET bucket '$root{b}')");
$c->sql("SELECT cloudflux.retry_migration('$job')");
ok(work($job), 'altered back, the job can be tried again');
is($c->read('b/altered'), 'bytes', 'and arrives');
throws($c, 'ALTER SERVER b RENAME TO c', '55006', qr/b/, 'a place that holds objects cannot be renamed');
throws($c, 'DROP SERVER b', '2BP01', qr/b/, 'or dropped');
$c->sql("SELECT cloudflux.add_storage('late', 'LOCAL', '" . $c->place('late') . "')");
$id = object('claimed', 'bytes');
$job = migrate($id, 'late');
throws($c, 'DROP SERVER late', '2BP01', qr/late/, 'nor one that a job has claimed an address in');
is($c->value("SELECT cloudflux.cancel_migration('$job')"), 'cancelled', 'without the job');
$c->sql('DROP SERVER late');
ok(1, 'it can');

# A root that is not there (a disk that is not mounted) is no object that is gone.
$id = object('unmounted', 'bytes');
$job = migrate($id, 'b');
rename $root{a}, "$root{a}.away" or die $!;
$c->sql('CALL cloudflux.run_migrations(1)');
is(job($job, 'status, error_sqlstate'), 'pending|58030', 'the root of the source is away: tried again');
rename "$root{a}.away", $root{a} or die $!;
ok(work($job), 'it is mounted again');
is(job($job, 'status') . ' ' . $c->read('b/unmounted'), 'completed bytes', 'and the object arrives');

SKIP:
{
	skip 'needs root: read-only and full file systems', 1 unless $> == 0;
	my $small = $c->place('small');
	system('mount', '-t', 'tmpfs', '-o', 'size=2m,mode=0777', 'tmpfs', $small) == 0 or skip 'cannot mount a tmpfs here', 1;
	my $done = eval {
		$c->sql("SELECT cloudflux.add_storage('small', 'LOCAL', '$small')");
		my $bytes = 'full' x 400_000;
		$c->write('small/ballast', 'x' x 1_000_000);
		my $full = object('full', $bytes);
		my $full_job = migrate($full, 'small');
		$c->sql('CALL cloudflux.run_migrations(1)');
		is(job($full_job, 'status, error_sqlstate'), 'pending|53100', 'a full destination: tried again');
		like(job($full_job, 'error_hint'), qr/Free space/, 'and says what to do');
		unlink "$small/ballast";
		ok(work($full_job), 'space is freed');
		is(job($full_job, 'status') . ' ' . sha256_hex($c->read('small/full') // ''), 'completed ' . sha256_hex($bytes), 'and the object arrives');
		my $back = object('readonly', 'bytes');
		my $ro_job = migrate($back, 'small');
		system('mount', '-o', 'remount,ro', $small) == 0 or die 'remount';
		work($ro_job);
		is(job($ro_job, 'status, error_sqlstate'), 'failed|42501', 'a read-only destination: failed');
		like(job($ro_job, 'error_hint'), qr/read-only/, 'and says why');
		is($c->read('a/readonly'), 'bytes', 'the object is where it was');
		# A source that cannot be deleted is kept, and told.
		my $keep_job = migrate($full, 'b');
		ok(work($keep_job), 'an object leaves a read-only place');
		ok($c->poll("CALL cloudflux.run_migrations();\nSELECT phase = 'done' FROM cloudflux.migration_jobs WHERE job_id = '$keep_job'", 30), 'its source cannot be deleted, and the job ends all the same');
		like(job($keep_job, 'source_kept'), qr/could not be deleted/, 'and says so');
		is($c->value("SELECT string_agg(place || ' ' || state, ', ' ORDER BY place) FROM cloudflux.addresses WHERE file_id = '$full'"), 'b primary, small replica', 'what stays is a replica');
		1;
	};
	my $why = $@;
	system('umount', '-l', $small);
	ok($done, 'full and read-only destinations were tried') or diag($why);
}
is($c->value('SELECT count(*) FROM cloudflux.job_queue'), 0, 'no job is stranded');
is($c->value('SELECT count(*) FROM cloudflux.job_parts'), 0, 'no checkpoint is left');
done_testing;
