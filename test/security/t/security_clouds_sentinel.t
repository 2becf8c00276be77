# Secrets of three clouds leave no trace while objects are moved round them by the movers, copied by the stores themselves, refused, cancelled
# and taken up after a crash, with everything in the log that the server can log.
use CloudFlux::Test;
use CloudFlux::Sentinel;
use CloudFlux::Servers;
use JSON::PP;

my $c = cluster('clouds_sentinel', shared_preload_libraries => 'auto_explain,cloudflux,pg_stat_statements', 'pg_stat_statements.track' => 'all',
	'cloudflux.migration_workers' => 1, 'cloudflux.migration_lease_sec' => 5, 'cloudflux.migration_retry_delay' => '50ms');
open_clouds($c);
$c->sql('CREATE EXTENSION pg_stat_statements');
my %server = (s3 => server('versitygw'), azure => server('azurite'), gcs => server('peer-gcs'));
my $account = decode_json($server{gcs}{env}{CF_CREDENTIALS})->{service_account_key};
my ($pem) = decode_json($account)->{private_key} =~ /\n([^\n]{40,})\n[^\n]+\n[^\n]*END/;
my ($key) = $c->read('cloudflux.key') =~ /^k1 (\S+)/;
my $wrong = 'sentinelwrong5ac0de5ac0de5ac0de5ac0de0000';
my $sentinel = CloudFlux::Sentinel->new($c, { 'the secret key of S3' => $server{s3}{env}{CF_SECRET_KEY}, 'the account key of Azure' => $server{azure}{env}{CF_ACCOUNT_KEY},
	'the private key of GCS' => $pem, 'the key of the seals' => $key, 'a wrong secret' => $wrong }, control => 'sentinel-control');
foreach my $kind (sort keys %server)
{
	$server{$kind}->place($c, $_, bucket => $_ eq $kind ? 'objects' : 'objects-two') foreach $kind, "${kind}_two";
}
my $root = $c->place('local');
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '$root')");
$server{s3}->place($c, 'refused', bucket => 'versioned', credentials => { access_key_id => $server{s3}{env}{CF_ACCESS_KEY}, secret_access_key => $wrong });

$sentinel->log_everything;
foreach my $place (map { ($_, "${_}_two") } 'local', sort keys %server)
{
	next if $place eq 'local_two';
	$c->sql("SELECT count(*) FROM cloudflux.check_storage('$place')");
}
$c->sql("SELECT count(*) FROM cloudflux.check_storage('refused')");
$c->write('local/sentinel-control/small', 'x' x 5000);
$c->write('local/sentinel-control/large', join '', 1 .. 3_000_000);
$c->sql("CALL cloudflux.import_inventory('local')");
foreach my $to (qw(s3 s3_two azure azure_two gcs gcs_two local))
{
	$c->sql("SELECT cloudflux.migrate(file_id, '$to', delete_source => true) FROM cloudflux.data_objects WHERE object_key LIKE 'sentinel-control/%' AND vanished_at IS NULL");
	ok($c->poll('SELECT count(*) = 0 FROM cloudflux.job_queue', 120), "objects are moved to $to") or diag($c->sql('SELECT * FROM cloudflux.migration_progress'));
	is($c->sql("SELECT DISTINCT place FROM cloudflux.data_objects WHERE object_key LIKE 'sentinel-control/%'"), $to, "and are there") or diag($c->sql("SELECT dest_place, status, error_message, error_detail FROM cloudflux.migration_jobs WHERE status <> 'completed'"));
	next if $to eq 'local';
	like($c->value("SELECT cloudflux.object_url(file_id) FROM cloudflux.data_objects WHERE object_key = 'sentinel-control/small'"), qr/sig/i, "a URL is signed at $to");
}
# Refused by the store, cancelled, and a mover that dies.
my $job = $c->value("SELECT cloudflux.migrate(file_id, 's3', delete_source => true) FROM cloudflux.data_objects WHERE object_key = 'sentinel-control/small'");
$c->poll("SELECT status = 'completed' FROM cloudflux.migration_jobs WHERE job_id = '$job'", 60);
$c->psql("SELECT count(*) FROM cloudflux.list_objects('refused')");
$c->set('cloudflux.migration_bandwidth' => '1MB');
$c->poll("SELECT current_setting('cloudflux.migration_bandwidth') = '1MB'");
foreach my $to (qw(s3 azure gcs))
{
	$job = $c->value("SELECT cloudflux.migrate(file_id, '$to') FROM cloudflux.data_objects WHERE object_key = 'sentinel-control/large'");
	ok($c->poll("SELECT phase = 'copying' AND claimed_by IS NOT NULL FROM cloudflux.job_queue WHERE job_id = '$job'", 60), "an object is on its way to $to")
		or BAIL_OUT($c->sql("SELECT status, phase, error_message, error_detail FROM cloudflux.migration_jobs WHERE job_id = '$job'"));
	kill 'KILL', $c->value("SELECT claimed_by FROM cloudflux.job_queue WHERE job_id = '$job'") if $to eq 's3';
	$c->poll("SELECT count(*) = 1 FROM cloudflux.job_queue WHERE job_id = '$job' AND claimed_by IS NOT NULL", 60);
	$c->sql("SELECT cloudflux.cancel_migration('$job')");
	ok($c->poll("SELECT status = 'cancelled' FROM cloudflux.migration_jobs WHERE job_id = '$job'", 60), 'and cancelled');
}
$sentinel->judge;
done_testing;
