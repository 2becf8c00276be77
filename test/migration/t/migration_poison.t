# A job that takes its mover down each time ends as failed, with the reason, and keeps nobody else from going on. The fault
# point after a part was recorded is one that only an object of several parts comes to.
use CloudFlux::Test;
use Digest::SHA qw(sha256_hex);

my $c = cluster('poison', 'fsync' => 'off', 'cloudflux.migration_workers' => 2, 'cloudflux.migration_lease_sec' => 5,
	'cloudflux.migration_part_size' => '64kB', 'cloudflux.migration_retry_delay' => '50ms');
my %root = map { $_ => $c->place($_) } qw(a b);
$c->sql("SELECT cloudflux.add_storage('$_', 'LOCAL', '$root{$_}')") foreach sort keys %root;
my %bytes = (poison => 'p' x 4_000_000, map { ("good$_" => "object $_") } 1 .. 30);
$c->write("a/$_", $bytes{$_}) foreach sort keys %bytes;
$c->sql('INSERT INTO cloudflux.data_objects (place, object_key, size_bytes) VALUES ' . join ', ', map { "('a', '$_', " . length($bytes{$_}) . ')' } sort keys %bytes);

$c->set('cloudflux.fault' => 'migration_part_recorded:1:kill');
$c->sql("SELECT cloudflux.migrate(file_id, 'b', delete_source => true, priority => CASE object_key WHEN 'poison' THEN 1 ELSE 0 END) FROM cloudflux.data_objects");
ok($c->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 120), 'the queue empties') or diag($c->sql('TABLE cloudflux.migration_progress'));
is($c->value("SELECT count(*) FROM cloudflux.migration_jobs WHERE status = 'completed'"), 30, 'every other job completed');
is($c->value("SELECT status, phase, error_sqlstate FROM cloudflux.migration_jobs WHERE source_key = 'poison'"), 'failed|failed|55000', 'the poison ended as failed');
like($c->value("SELECT error_message FROM cloudflux.migration_jobs WHERE source_key = 'poison'"), qr/^\d+ movers died or lost their lease while they worked on job/, 'and says why');
like($c->value("SELECT error_hint FROM cloudflux.migration_jobs WHERE source_key = 'poison'"), qr/retry_migration/, 'and what to do');
is(sha256_hex($c->read('a/poison')), sha256_hex($bytes{poison}), 'its object is where it was');
is(join(' ', grep { -e } "$root{b}/poison", glob "$root{b}/.cloudflux/uploads/*"), '', 'and nothing of it at the destination');
is($c->value('SELECT count(*) FROM cloudflux.job_parts'), 0, 'no checkpoint is left');
is($c->value("SELECT count(*) FROM cloudflux.addresses WHERE state <> 'primary'"), 0, 'no address is left claimed');
$c->set('cloudflux.fault' => '');
$c->sql("SELECT cloudflux.retry_migration(job_id) FROM cloudflux.migration_jobs WHERE status = 'failed'");
ok($c->poll("SELECT status = 'completed' FROM cloudflux.migration_jobs WHERE source_key = 'poison'", 30), 'with the cause gone, retry_migration() moves it');
is(sha256_hex($c->read('b/poison')), sha256_hex($bytes{poison}), 'with its bytes');
done_testing;
