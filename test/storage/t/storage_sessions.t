# Large objects by resumable sessions (a place of Google with uploads = 'session'), from SQL: moved whole, through broken connections
# and a mover that dies, without a part left behind and without the session's URI in any table or log.
use CloudFlux::Test;
use CloudFlux::Servers;
use Digest::SHA qw(sha256_hex);
use HTTP::Tiny;
use JSON::PP;

my $c = cluster('sessions', fsync => 'off', 'cloudflux.migration_workers' => 1, 'cloudflux.migration_part_size' => '8MB',
	'cloudflux.migration_retry_delay' => '100ms', 'cloudflux.migration_lease_sec' => 10);
my $gcs = server('peer-gcs');
open_clouds($c);
$gcs->place($c, 'gcs', options => { uploads => 'session', storage_class => 'COLDLINE' });
my $root = $c->place('here');
$c->sql("SELECT cloudflux.add_storage('here', 'LOCAL', '$root')");
is($c->value("SELECT string_agg(check_name, ' ') FROM cloudflux.check_storage('gcs') WHERE NOT ok"), '', 'the place works');
my ($base) = $gcs->{endpoint} =~ m{^(http://[^/]+)};

sub control
{
	my ($path, $what) = @_;
	my $answer = HTTP::Tiny->new->post("$base/_peer/$path", { content => encode_json($what) });
	die $answer->{content} unless $answer->{success};
}

sub object
{
	my ($key) = @_;
	my $bytes = join '', map { sha256_hex("$key $_") } 1 .. 400_000;
	$c->write("here/$key", $bytes);
	$c->sql("CALL cloudflux.import_inventory('here')");
	return $bytes;
}

sub submit { my ($key) = @_; return $c->value("SELECT cloudflux.migrate(file_id, 'gcs') FROM cloudflux.data_objects WHERE object_key = '$key'") }

sub arrived
{
	my ($key, $bytes, $job, $title) = @_;
	ok($c->poll("SELECT status IN ('completed', 'failed') FROM cloudflux.migration_jobs WHERE job_id = '$job'", 120), "$title: the job ends");
	is($c->value("SELECT status FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'completed', "$title: well")
	  or diag($c->sql("SELECT phase, error_message FROM cloudflux.migration_jobs WHERE job_id = '$job'"));
	is(sha256_hex($gcs->read($key) // ''), sha256_hex($bytes), "$title: the object is whole");
}

my $bytes = object('one');
arrived('one', $bytes, submit('one'), 'in chunks');
my @log = @{ decode_json(HTTP::Tiny->new->get("$base/_peer/log")->{content})->{requests} };
is((grep { $_->{method} eq 'POST' && $_->{path} =~ /compose/ } @log), 0, 'nothing was composed');
is((grep { $_->{path} =~ m{/rewriteTo/} && $_->{query} !~ /check/ && $_->{path} =~ /one/ } @log), 0, 'nor rewritten, for another class');
cmp_ok((grep { $_->{method} eq 'PUT' && $_->{status} == 308 } @log), '>=', 3, 'chunks were taken one by one');

$c->set('log_min_messages' => 'debug2');

# Connections break in the middle of chunks, answers are lost, the store is busy.
$bytes = object('two');
control('rules', { rules => [
	{ match => { method => 'PUT', query => 'upload_id', nth => 1 }, fault => { kind => 'reset_request', at => 3_000_000 }, times => 1 },
	{ match => { method => 'PUT', query => 'upload_id', nth => 4 }, fault => { kind => 'lost' }, times => 1 },
	{ match => { method => 'PUT', query => 'upload_id', nth => 6 }, fault => { kind => 'status', status => 503, code => 'backendError' }, times => 2 } ] });
my $job = submit('two');
arrived('two', $bytes, $job, 'through faults');
is($c->value("SELECT attempts FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 1, 'the session went on: the job was begun once');
control('rules', { rules => [] });

# A mover dies in the middle: the upload is begun again, since nobody kept the session.
$bytes = object('three');
control('rules', { rules => [ { match => { method => 'PUT', query => 'upload_id', nth => 2 }, fault => { kind => 'dribble', pieces => 100, pause_ms => 1000 }, times => 1 } ] });
$job = submit('three');
ok($c->poll("SELECT bytes_done > 0 FROM cloudflux.migration_progress WHERE job_id = '$job'", 60), 'a move is in the middle');
my $handle = $c->value("SELECT upload_handle FROM cloudflux.job_queue AS q JOIN cloudflux.migration_jobs AS j USING (file_id) WHERE j.job_id = '$job'");
like($handle, qr{^session/}, 'its handle is kept');
unlike($handle, qr/peer-session|upload_id/, 'and does not tell the URI');
like($c->log_since(0), qr/cloudflux net: PUT .*upload_id=/, 'the log tells of chunks');
unlike($c->log_since(0), qr/peer-session-\d/, 'and not the URI of a session');
$c->set('log_min_messages' => 'warning');
$c->kill9;
control('rules', { rules => [] });
$c->start;
arrived('three', $bytes, $job, 'after kill -9');
is($c->value("SELECT count(*) FROM cloudflux.stale_uploads('gcs', interval '0')"), 0, 'no part is left');
done_testing;
