# A mover that sleeps longer than its lease wakes into a world that went on without it, and changes nothing.
#
# At every fault point of the sources one session's CALL run_migrations() stops (SIGSTOP) with a job of its own in its
# hands. Movers take the jobs over when the leases end, and finish them. Then the sleepers wake.
use CloudFlux::Test;
use CloudFlux::KillLoop;
use Digest::SHA qw(sha256_hex);

my @points = CloudFlux::KillLoop::move_points();
my $c = cluster('zombie', 'fsync' => 'off', 'cloudflux.migration_workers' => 0, 'cloudflux.migration_lease_sec' => 5,
	'cloudflux.migration_part_size' => '1MB', 'cloudflux.migration_retry_delay' => '50ms');
my %root = map { $_ => $c->place($_) } qw(a b);
$c->sql("SELECT cloudflux.add_storage('$_', 'LOCAL', '$root{$_}')") foreach sort keys %root;

my %bytes = map { ("$_.bin" => $_ x (3_000_000 / length)) } @points;
$c->write("a/$_", $bytes{$_}) foreach sort keys %bytes;
$c->sql("INSERT INTO cloudflux.data_objects (place, object_key, size_bytes) VALUES " . join ', ', map { "('a', '$_', " . length($bytes{$_}) . ')' } sort keys %bytes);

sub stopped { my ($pid) = @_; return $c->_slurp("/proc/$pid/stat") =~ /^\d+ \(.*\) T/ }

# Before the copy is complete a sleeper might leave an upload behind when it wakes; it needs the source for that.
sub keeps_source { return $_[0] =~ /claimed|upload_begin|copying|part_/ ? 1 : 0 }

# submit gives one object a job to the other place; the first that is claimed, also when leases of others have ended already.
my $priority = 0;
sub submit
{
	my ($point, $to) = @_;
	my $delete = keeps_source($point) ? 'false' : 'true';
	$priority++;
	return $c->value("SELECT cloudflux.migrate(file_id, '$to', delete_source => $delete, priority => $priority) FROM cloudflux.data_objects WHERE object_key = '$point.bin'");
}

my (%sleeper, %job);
foreach my $point (@points)
{
	$job{$point} = submit($point, 'b');
	my $s = $sleeper{$point} = $c->session;
	$s->query("SET cloudflux.fault = '$point:1:stop'");
	$s->send('CALL cloudflux.run_migrations(1)');
	await { stopped($s->pid) } 20, "a mover sleeps at $point" or diag($c->sql('TABLE cloudflux.migration_progress'));
}

# And one who sleeps in the middle of a rollback, which is about to remove the copy at the destination.
$c->write('a/undone.bin', 'undone');
$c->sql("INSERT INTO cloudflux.data_objects (place, object_key, size_bytes) VALUES ('a', 'undone.bin', 6)");
my $undone = $c->value("SELECT cloudflux.migrate(file_id, 'b', delete_source => true, grace => '1 hour', priority => 1000) FROM cloudflux.data_objects WHERE object_key = 'undone.bin'");
$c->sql('CALL cloudflux.run_migrations(1)');
$c->sql("SELECT cloudflux.rollback_migration('$undone')");
my $dreamer = $c->session;
$dreamer->query("SET cloudflux.fault = 'migration_pointed_back:1:stop'");
$dreamer->send('CALL cloudflux.run_migrations(1)');
await { stopped($dreamer->pid) } 20, 'a mover sleeps in a rollback, between the pointers and the copy';

$c->set('cloudflux.migration_workers' => 2);
ok($c->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 60), 'other movers finish the jobs of those who sleep')
  or diag($c->sql('SELECT object_key, phase, attempt, crashes, error_message FROM cloudflux.migration_progress JOIN cloudflux.data_objects USING (file_id)'));

# Some objects go back before the sleepers wake: the address that they knew is in use again. Among them all whose sleeper was
# about to remove them.
my @back = map { $points[$_] } grep { ($_ % 2 == 0 || $points[$_] =~ /remov/) && !keeps_source($points[$_]) } 0 .. $#points;
$job{"$_ back"} = submit($_, 'a') foreach @back;
ok($c->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 60), 'some objects go back');
my %place = ((map { ($_ => 'b') } @points), map { ($_ => 'a') } @back);

is($c->value("SELECT status FROM cloudflux.migration_jobs WHERE job_id = '$undone'"), 'rolled_back', 'a rollback is finished by another mover');
submit('undone', 'b');
ok($c->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 60), 'and its object moves there once more');

kill 'CONT', $dreamer->pid, map { $_->pid } values %sleeper;
$dreamer->finish;
is($dreamer->{error}, '', 'who slept in a rollback ends without an error');
is($c->read('b/undone.bin') . ', ' . ($c->read('a/undone.bin') // 'no source'), 'undone, no source', 'and has not removed what moved there since');
foreach my $point (@points)
{
	my $s = $sleeper{$point};
	$s->finish;
	is($s->{error}, '', "who slept at $point ends without an error");
	$s->quit;
}

foreach my $point (@points)
{
	my ($here, $there) = $place{$point} eq 'a' ? qw(a b) : qw(b a);
	is(sha256_hex($c->read("$here/$point.bin") // ''), sha256_hex($bytes{"$point.bin"}), "$point: the object is where it was moved to, with its bytes");
	is(sha256_hex($c->read("$there/$point.bin") // ''), sha256_hex(keeps_source($point) ? $bytes{"$point.bin"} : ''), "$point: the source is gone, or kept as it was");
	is($c->value("SELECT place FROM cloudflux.data_objects WHERE object_key = '$point.bin'"), $here, "$point: the catalog says so");
}
is($c->sql("SELECT job_id, status, phase, error_message FROM cloudflux.migration_jobs WHERE job_id <> '$undone' AND (status <> 'completed' OR phase <> 'done')"), '', 'every job completed');
is($c->sql(q{SELECT data->>'job_id', event_type, count(*) FROM cloudflux.events WHERE event_type LIKE 'migration.%' GROUP BY 1, 2 HAVING count(*) <> 1}), '', 'no event was told twice');
is($c->value(q{SELECT count(*) FROM cloudflux.events WHERE event_type = 'migration.switched'}), @points + @back + 2, 'every move was told');
is($c->value("SELECT count(*) FROM cloudflux.addresses WHERE state <> 'primary'"), scalar(grep { keeps_source($_) } @points), 'no address is left over but of the sources that were kept');
# The same with a mover itself: it sleeps in the middle of an object that flows slowly.
$c->set('cloudflux.migration_bandwidth' => '2MB');
$c->write('a/slow.bin', 'slow' x 1_000_000);
$c->sql("INSERT INTO cloudflux.data_objects (place, object_key, size_bytes) VALUES ('a', 'slow.bin', 4000000)");
submit('slow', 'b');
$c->poll("SELECT count(*) = 1 FROM cloudflux.migration_progress WHERE phase = 'copying' AND bytes_done > 0", 20);
my $mover = $c->value('SELECT claimed_by FROM cloudflux.job_queue');
kill 'STOP', $mover;
ok($c->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 60), 'another mover takes over what a sleeping mover holds');
is($c->value(q{SELECT count(*) FROM cloudflux.workers WHERE worker = 'mover' AND pid = } . $mover), 1, 'the sleeper still is a mover');
kill 'CONT', $mover;
submit('slow', 'a');
ok($c->poll("SELECT count(*) = 0 FROM cloudflux.job_queue WHERE file_id = (SELECT file_id FROM cloudflux.data_objects WHERE object_key = 'slow.bin')", 60), 'and works on after it woke');
is($c->value("SELECT place FROM cloudflux.data_objects WHERE object_key = 'slow.bin'"), 'a', 'the object is where it was moved to last');
is(sha256_hex($c->read('a/slow.bin')), sha256_hex('slow' x 1_000_000), 'with its bytes');
is($c->read('b/slow.bin'), undef, 'once');

is(join(' ', map { glob "$root{$_}/.cloudflux/{uploads,trash,lost}/*" } sort keys %root), '', 'no half-written upload, trash or lost object is left');
done_testing;
