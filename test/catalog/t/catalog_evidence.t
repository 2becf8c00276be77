# Large logs and inventories: cut off by a termination, a crash and a cancel; nothing twice, nothing lost, bounded memory.
use strict;
use warnings;
use CloudFlux::Test;

my $c = cluster('evidence', 'cloudflux.migration_workers' => 0);
my $root = $c->place('logs');
my $lines = $ENV{CF_LONG} ? 1_000_000 : 120_000;
$c->sql(qq{CREATE TABLE nothing (line text)});
$c->sql(qq{SELECT cloudflux.add_storage('logs', 'LOCAL', '$root'), cloudflux.add_storage('aws', 'AWS', 'pictures', '{"region": "us-east-1"}'), cloudflux.add_storage('gcs', 'GCP', 'scans')});
$c->sql(q{INSERT INTO cloudflux.data_objects (file_id, place, object_key) VALUES ('here', 'gcs', 'k'), ('there', 'aws', 'k')});

# The server's own shell writes them: a packed log of lines, a document of records without a single line end, and an inventory.
sub shell
{
	my ($program) = @_;
	$program =~ s/'/''/g;
	$c->sql(qq{COPY nothing FROM PROGRAM 'cd $root && $program'});
}
my ($quarter, $half) = ($lines / 4, $lines / 2);
my $usage = q{"&","203.0.113.7","1","","GET","\/k","200","0","7","1000","h","","a","id","GET_Object","scans","k"};
my $record = q{{"eventTime":"2024-05-01T12:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventID":"&","userIdentity":{"arn":"a"},"requestParameters":{"bucketName":"pictures","key":"k"},"additionalEventData":{"bytesTransferredOut":3}}};
shell('mkdir -p usage trail inv');
shell("seq -f %.0f 1714564800000000 " . (1714564800000000 + $lines - 1) . " | sed 's/.*/$usage/' | gzip -1 > usage/one.gz");
shell("{ printf '{\"Records\":['; seq $quarter | sed 's/.*/$record/' | paste -sd, | tr -d '\\n'; printf ']}'; } > trail/one.json");
shell(qq{seq $half | sed 's/.*/"pictures","d\\/&","1","2024-05-01T10:00:00.000Z","e&","STANDARD"/' | gzip -1 > inv/one.csv.gz});
$c->sql(qq{COPY nothing FROM PROGRAM 'cd $root && chmod -R a+rX .'});
$c->sql(q{SELECT cloudflux.put_object('logs', 'inv/manifest.json', convert_to('{"sourceBucket":"pictures","fileFormat":"CSV","fileSchema":"Bucket, Key, Size, LastModifiedDate, ETag, StorageClass","creationTimestamp":"1714564800000","files":[{"key":"inv/one.csv.gz"}]}', 'UTF8'))});

sub kilobytes
{
	my ($pid) = @_;
	open my $in, '<', "/proc/$pid/status" or return 0;
	my ($anonymous) = map { /^RssAnon:\s+(\d+)/ ? $1 : () } <$in>;
	return $anonymous // 0;
}

# cut_off starts a call, ends its session by $how once $begun holds, and tells whether it was caught in the middle.
sub cut_off
{
	my ($call, $begun, $how) = @_;
	my $s = $c->session;
	my $pid = $s->pid;
	$s->send($call);
	$c->poll($begun, 60) or diag("never: $begun");
	my $memory = kilobytes($pid);
	$how->($pid);
	eval { $s->finish };
	return $memory;
}
my $terminate = sub { $c->sql("SELECT pg_terminate_backend($_[0])"); $c->poll("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $_[0])", 30) };
my $crash = sub { $c->kill9; $c->start };
my $cancel = sub { $c->sql("SELECT pg_cancel_backend($_[0])") };

my $log = q{CALL cloudflux.import_access_log('gcs', 'gcs', 'usage/', log_place => 'logs')};
my $reading = q{SELECT EXISTS (SELECT FROM cloudflux.access_log_files WHERE place = '%s' AND (lines > 10000 OR finished_at IS NOT NULL))};
my $memory = cut_off($log, sprintf($reading, 'gcs'), $terminate);
cut_off($log, sprintf($reading, 'gcs'), $crash);
cut_off($log, q{SELECT EXISTS (SELECT FROM cloudflux.access_log_runs WHERE place = 'gcs' AND status IN ('running', 'completed'))}, $cancel);
is($c->value(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), 0, 'no lock is left of an import that was cut off');
$c->sql($log);
is($c->value(q{SELECT count(*), count(DISTINCT accessed_at), sum(bytes) FROM cloudflux.access_logs WHERE file_id = 'here'}), "$lines|$lines|" . 7 * $lines, 'a packed log that was cut off three times counts once');
is($c->value(q{SELECT sum(lines) FROM cloudflux.access_coverage WHERE place = 'gcs'}), $lines, 'and so do its days');
is($c->value(q{SELECT lines || ' ' || accepted || ' ' || (byte_offset = size_bytes) FROM cloudflux.access_log_files WHERE place = 'gcs'}), "$lines $lines true", 'the ledger has it whole');
is($c->value(q{SELECT string_agg(DISTINCT status, ',' ORDER BY status) FROM cloudflux.access_log_runs WHERE id < (SELECT max(id) FROM cloudflux.access_log_runs)}) =~ /running/ ? 1 : 0, 0, 'no run is left running');
cmp_ok($memory, '<', 100_000, 'memory is bounded while it is read') or note "$memory kB";

my $trail = q{CALL cloudflux.import_access_log('aws', 'cloudtrail', 'trail/', log_place => 'logs')};
cut_off($trail, sprintf($reading, 'aws'), $terminate);
$c->sql($trail);
is($c->value(q{SELECT count(*), sum(bytes) FROM cloudflux.access_logs WHERE file_id = 'there'}), "$quarter|" . 3 * $quarter, 'a document of one line that was cut off counts once');

my $inventory = q{CALL cloudflux.import_inventory('aws', 'd/', manifest => 'inv/manifest.json', manifest_place => 'logs')};
my $listed = q{SELECT EXISTS (SELECT FROM cloudflux.inventories WHERE place = 'aws' AND (listed > 5000 OR status = 'completed'))};
$memory = cut_off($inventory, $listed, $terminate);
cmp_ok($memory, '<', 100_000, 'memory is bounded while an inventory is read') or note "$memory kB";
$c->sql($inventory);
is($c->sql(q{SELECT status, listed, created, unchanged, errors FROM cloudflux.inventories WHERE place = 'aws' ORDER BY id LIMIT 1}), "completed|$half|$half|0|0", 'an inventory that was cut off is resumed at its row');
is($c->value(q{SELECT count(*), count(DISTINCT object_key), count(vanished_at) FROM cloudflux.data_objects WHERE place = 'aws' AND object_key LIKE 'd/%'}), "$half|$half|0", 'each object once');
$c->sql($inventory);
is($c->sql(q{SELECT status, listed, created, unchanged FROM cloudflux.inventories WHERE place = 'aws' ORDER BY id DESC LIMIT 1}), "completed|$half|0|$half", 'again: nothing new');
done_testing;
