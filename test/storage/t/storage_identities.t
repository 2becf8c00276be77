# Every kind of credential, each in a scenario of its own, against the strict peers: a place is added with it, objects are written, read,
# listed and moved. Those that end are renewed: before they do, when the store refuses them, and in the middle of an upload. Who
# gives them is strict too (test/storage/peer/identity_peer.py).
use CloudFlux::Test;
use CloudFlux::Servers ();
use File::Basename;
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP;

my $top = dirname(__FILE__) . '/../../..';
my $tmp = ($ENV{CF_TMP} // "$top/build/tap") . '/storage_identities';
my $http = HTTP::Tiny->new(timeout => 20);
my %peer;

# start_peer starts a store's peer with the identity services of its platform; they end with this test's pipe.
sub start_peer
{
	my ($dialect, @more) = @_;
	my $dir = "$tmp/peer-$dialect";
	make_path($dir);
	my %p = (in => '', out => '', err => '');
	$p{run} = IPC::Run::start([ 'python3', '-B', "$top/test/storage/peer/peer.py", $dialect, '--dir', $dir, '--bucket', 'objects', @more, '--follow' ],
		'<', \$p{in}, '>', \$p{out}, '2>', \$p{err});
	await { $p{run}->pump_nb; $p{out} =~ /\n/ } 60, "the peers of $dialect are ready" or BAIL_OUT($p{err});
	return $peer{$dialect} = { %p, %{ decode_json($p{out}) } };
}

# control asks something of a peer's control API, or of its identity services'.
sub control
{
	my ($dialect, $what, $method, $path, $body) = @_;
	my $endpoint = $what eq 'identity' ? $peer{$dialect}{identity}{endpoint} : $peer{$dialect}{endpoint};
	my ($root) = $endpoint =~ m{^(http://[^/]+)};
	my $answer = $http->request($method, "$root/_peer/$path", { content => $body ? encode_json($body) : '' });
	die "$path: $answer->{status} $answer->{content}" unless $answer->{success};
	return decode_json($answer->{content});
}

# asked gives what a peer was asked since the last time: "PUT /latest/api/token 200".
sub asked
{
	my ($dialect, $what) = @_;
	my @log = @{ control($dialect, $what, 'GET', 'log')->{requests} };
	control($dialect, $what, 'DELETE', 'log');
	return map { "$_->{method} $_->{path} $_->{status}" } @log;
}

start_peer($_, '--identity') foreach qw(s3 azure gcs);
start_peer('gcsxml');
my ($s3, $azure, $gcs) = @peer{qw(s3 azure gcs)};

# What the platforms would put into the server's environment.
my $secrets = tempdir(CLEANUP => 1);	# where the server can enter, wherever this checkout is
my $as_server = sub {
	my ($name, $text) = @_;
	open my $out, '>', "$secrets/$name.new" or die "$name: $!";
	print $out $text;
	close $out or die $!;
	chmod 0600, "$secrets/$name.new";
	chown((getpwnam('postgres'))[2], -1, "$secrets/$name.new", $secrets) if $> == 0;
	rename "$secrets/$name.new", "$secrets/$name" or die $!;
	return "$secrets/$name";
};
my $web_token = $as_server->('web', "$s3->{identity}{web_identity_token}\n");
my $pod_token = $as_server->('pod', $s3->{identity}{pod_token});
my $azure_token = $as_server->('azure', $azure->{identity}{web_identity_token});
my $gcs_token = $as_server->('gcs', $gcs->{identity}{web_identity_token});
my ($gcs_root) = $gcs->{endpoint};
my %external = (type => 'external_account', audience => $gcs->{audience}, subject_token_type => 'urn:ietf:params:oauth:token-type:jwt',
	token_url => "$gcs_root/v1/token", credential_source => { file => $gcs_token });
my $federation = $as_server->('federation.json', encode_json(\%external));
my $gcs_json = $as_server->('gcs.json', encode_json({ id_token => $gcs->{identity}{web_identity_token} }));
my $impersonation = $as_server->('impersonation.json', encode_json({ %external,
	credential_source => { file => $gcs_json, format => { type => 'json', subject_token_field_name => 'id_token' } },
	service_account_impersonation_url => "$gcs_root/v1/projects/-/serviceAccounts/mover\@peer.iam.gserviceaccount.com:generateAccessToken" }));
my $shared = $as_server->('credentials', "[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = other\n"
	. "# the one that is meant\n[peer]\naws_access_key_id = $s3->{access_key_id}\naws_secret_access_key=$s3->{secret_access_key}\n");
my $account = do { open my $in, '<', $gcs->{service_account_file} or die $!; local $/; <$in> };
local @ENV{qw(AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE AWS_CONTAINER_CREDENTIALS_FULL_URI
	AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_FEDERATED_TOKEN_FILE AZURE_AUTHORITY_HOST GOOGLE_APPLICATION_CREDENTIALS)} =
	($s3->{access_key_id}, $s3->{secret_access_key}, 'arn:aws:iam::123456789012:role/peer', $web_token, $s3->{identity}{agent_uri},
	$pod_token, $azure->{tenant_id}, $azure->{client_id}, $azure_token, $azure->{token_uri} =~ s{(//[^/]+/).*}{$1}r, $federation);
my $c = cluster('identities', { extension => 0 }, fsync => 'off', 'cloudflux.migration_workers' => 0);
$c->sql('CREATE EXTENSION cloudflux');
CloudFlux::Servers::open_clouds($c);
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '" . $c->place('local') . "')");

my %s3_options = (endpoint => $s3->{endpoint}, region => 'us-east-1', addressing => 'path', preset => 'aws', put_max_mb => '5');
my %azure_options = (endpoint => $azure->{endpoint});
my %azure_entra = (%azure_options, authority => $azure->{token_uri} =~ s{(//[^/]+)/.*}{$1}r);
my %gcs_options = (endpoint => $gcs->{endpoint});
my $metadata = sub { (credential_source => $_[1], metadata_endpoint => $peer{$_[0]}{identity}{endpoint}) };

# issue gives temporary keys, as somebody would paste them.
my $key = control('s3', 'store', 'POST', 'settings', { temporary => 1 }) && 'ASIAPEER000000000001';
require Digest::SHA;
my %pasted = (access_key_id => $key, secret_access_key => substr(Digest::SHA::sha256_hex($key), 0, 40), session_token => 'session/1+token==');
my $sas = do {
	require MIME::Base64;
	my %f = (sp => 'racwdl', st => '2020-01-01T00:00:00Z', se => '2999-01-01T00:00:00Z', sv => '2020-10-02', sr => 'c');
	my $text = join "\n", @f{qw(sp st se)}, "/blob/$azure->{account}/objects", '', '', '', @f{qw(sv sr)}, '', '', '', '', '', '';
	$f{sig} = MIME::Base64::encode_base64(Digest::SHA::hmac_sha256($text, MIME::Base64::decode_base64($azure->{account_key})), '');
	join '&', map { "$_=" . ($f{$_} =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger) } sort keys %f;
};

# kind, provider, peer, options, credentials, and for those that are obtained: what is asked for them (identity or the store's own)
my @kinds = (
	[ 's3_keys', 'AWS', 's3', \%s3_options, { map { $_ => $s3->{$_} } qw(access_key_id secret_access_key) } ],
	[ 's3_session', 'AWS', 's3', \%s3_options, \%pasted ],
	[ 's3_environment', 'AWS', 's3', { %s3_options, credential_source => 'environment' } ],
	[ 's3_file', 'AWS', 's3', { %s3_options, credential_source => 'file', credentials_file => $shared, profile => 'peer' } ],
	[ 's3_web_identity', 'AWS', 's3', { %s3_options, credential_source => 'web_identity', sts_endpoint => $s3->{identity}{endpoint} }, undef,
		[ identity => 'POST / 200' ] ],
	[ 's3_imds', 'AWS', 's3', { %s3_options, $metadata->('s3', 'imds') }, undef,
		[ identity => 'PUT /latest/api/token 200', 'GET /latest/meta-data/iam/security-credentials/ 200', 'GET /latest/meta-data/iam/security-credentials/peer-role 200' ] ],
	[ 's3_pod_identity', 'AWS', 's3', { %s3_options, credential_source => 'pod_identity' }, undef, [ identity => 'GET /v1/credentials 200' ] ],
	[ 'azure_key', 'Azure', 'azure', \%azure_options, { account_key => $azure->{account_key} } ],
	[ 'azure_sas', 'Azure', 'azure', \%azure_options, { sas_token => $sas } ],
	[ 'azure_secret', 'Azure', 'azure', \%azure_entra, { map { $_ => $azure->{$_} } qw(tenant_id client_id client_secret) },
		[ store => "POST /$azure->{tenant_id}/oauth2/v2.0/token 200" ] ],
	[ 'azure_workload', 'Azure', 'azure', { %azure_options, credential_source => 'web_identity' }, undef,
		[ store => "POST /$azure->{tenant_id}/oauth2/v2.0/token 200" ] ],
	[ 'azure_managed', 'Azure', 'azure', { %azure_options, $metadata->('azure', 'managed_identity') }, undef,
		[ identity => 'GET /metadata/identity/oauth2/token 200' ] ],
	[ 'gcs_hmac', 'S3', 'gcsxml', { endpoint => $peer{gcsxml}{endpoint}, preset => 'gcs', region => 'auto' }, { map { $_ => $peer{gcsxml}{$_} } qw(access_key_id secret_access_key) } ],
	[ 'gcs_account', 'GCP', 'gcs', \%gcs_options, { service_account_key => decode_json($account) }, [ store => 'POST /token 200' ] ],
	[ 'gcs_machine', 'GCP', 'gcs', { %gcs_options, $metadata->('gcs', 'metadata_server') }, undef,
		[ identity => 'GET /computeMetadata/v1/instance/service-accounts/default/token 200' ] ],
	[ 'gcs_federation', 'GCP', 'gcs', { %gcs_options, credential_source => 'web_identity' }, undef, [ store => 'POST /v1/token 200' ] ],
	[ 'gcs_impersonation', 'GCP', 'gcs', { %gcs_options, credential_source => 'web_identity', credentials_file => $impersonation }, undef,
		[ store => 'POST /v1/token 200', 'POST /v1/projects/-/serviceAccounts/mover@peer.iam.gserviceaccount.com:generateAccessToken 200' ] ],
);

sub quote { my ($text) = @_; $text =~ s/'/''/g; return "'$text'" }

foreach (@kinds)
{
	my ($kind, $provider, $dialect, $options, $credentials, $exchange) = @$_;
	my ($where, @exchange) = @{ $exchange // [] };
	# obtained counts the exchanges since the last time.
	my $obtained = sub {
		my @log = asked($dialect, $where // 'identity');
		return $where ? scalar(grep { $_ eq $exchange[-1] } @log) : scalar(@log);
	};
	note($kind);
	asked($dialect, $_) foreach grep { $_ eq 'store' || $peer{$dialect}{identity} } qw(identity store);
	$c->sql("SELECT cloudflux.add_storage('$kind', '$provider', 'objects', " . quote(encode_json({ %$options, prefix => "$kind/" })) . ')');
	$c->sql("SELECT cloudflux.set_credentials('$kind', " . quote(encode_json($credentials)) . ')') if $credentials;

	# The classes of a store that speaks S3 may have names of their own.
	$c->sql("INSERT INTO cloudflux.storage_tiers (cloud, place, tier, storage_class) VALUES ('S3', '$kind', 'WARM', 'NEARLINE'), ('S3', '$kind', 'COLD', 'ARCHIVE')")
		if $kind eq 'gcs_hmac';

	# One session of the server: what it obtained, it keeps.
	my $s = $c->session;
	my @stored = $s->query("SELECT size_bytes FROM cloudflux.store_object('$kind', 'a.txt', 'the bytes')");
	is("@stored", '9', "$kind: an object is written");
	is(join('', $s->query("SELECT convert_from(cloudflux.fetch_object('$kind', 'a.txt'), 'UTF8')")), 'the bytes', "$kind: and read");
	is(join('', $s->query("SELECT object_key FROM cloudflux.list_objects('$kind')")), 'a.txt', "$kind: and listed");
	ok((grep { $_->{key} eq "$kind/a.txt" && $_->{size} == 9 } @{ control($dialect, 'store', 'GET', 'objects?bucket=objects')->{objects} }), "$kind: the store has it");
	if (!$exchange)
	{
		is(join('', $s->query("SELECT string_agg(check_name || ': ' || detail, '; ') FROM cloudflux.check_storage('$kind') WHERE NOT ok")), '', "$kind: and everything else works");
		is($peer{$dialect}{identity} ? $obtained->() : 0, 0, "$kind: nobody is asked for credentials");
		is(join(' ', grep { / 40[013]$/ } asked($dialect, 'store')), '', "$kind: and no request is refused");
		$s->quit;
		next;
	}
	my @log = asked($dialect, $where);
	is(join(', ', grep { my $r = $_; grep { $_ eq $r } @exchange } @log), join(', ', @exchange), "$kind: credentials are obtained once, and kept");

	is(join('', $s->query("SELECT string_agg(check_name || ': ' || detail, '; ') FROM cloudflux.check_storage('$kind') WHERE NOT ok")), '', "$kind: and everything else works");

	# Revoked: the store refuses, they are renewed, and the request goes out again.
	control($dialect, 'identity', 'POST', 'settings', { revoke => 1 });
	is(join('', $s->query("SELECT convert_from(cloudflux.fetch_object('$kind', 'a.txt'), 'UTF8')")), 'the bytes', "$kind: refused once, they are renewed");
	is($obtained->(), 1, "$kind: by one exchange");

	asked($dialect, $_) foreach qw(identity store);

	# In the middle of an upload in parts.
	$c->write("local/$kind", 'x' x (18 << 20));
	$s->query("CALL cloudflux.import_inventory('local', '$kind')");
	control($dialect, 'store', 'POST', 'rules', { rules => [ { match => { method => $dialect eq 'gcs' ? 'POST' : 'PUT', nth => 3 }, fault => { kind => 'expired' } } ] });
	$s->query("SELECT cloudflux.migrate(file_id, '$kind') FROM cloudflux.data_objects WHERE object_key = '$kind'; CALL cloudflux.run_migrations()");
	is($c->value("SELECT status FROM cloudflux.migration_jobs WHERE file_id = (SELECT file_id FROM cloudflux.data_objects WHERE object_key = '$kind')"),
		'completed', "$kind: an upload during which they end comes to its end") or diag($c->sql('SELECT error_message FROM cloudflux.migration_jobs ORDER BY id DESC LIMIT 1'));
	is(control($dialect, 'store', 'GET', 'faults')->{played}{expired} // 0, 1, "$kind: they did end");
	is($c->value("SELECT attempts FROM cloudflux.migration_jobs ORDER BY id DESC LIMIT 1"), 1, "$kind: at the first attempt");
	control($dialect, 'store', 'DELETE', 'faults');

	# Short ones are replaced before they end.
	control($dialect, $where, 'POST', 'settings', $where eq 'identity' ? { session_s => 6 } : { token_lifetime_s => 6 });
	control($dialect, 'identity', 'POST', 'settings', { revoke => 1 });
	$s->query("SELECT * FROM cloudflux.list_objects('$kind')");
	asked($dialect, $_) foreach qw(identity store);
	my ($renewed, @refused) = (0);
	await {
		$s->query("SELECT count(*) FROM cloudflux.list_objects('$kind')");
		my @store = asked($dialect, 'store');
		push @refused, grep { / 40[013]$/ } @store;
		$renewed += grep { $_ eq $exchange[-1] } ($where eq 'store' ? @store : asked($dialect, 'identity'));
		$renewed
	} 60, "$kind: short ones are obtained again";
	is("@refused", '', "$kind: before they end");
	control($dialect, $where, 'POST', 'settings', $where eq 'identity' ? { session_s => 3600 } : { token_lifetime_s => 3600 });
	$s->quit;
}

# Tokens that a platform mounts are read again for every exchange, and are in no error.
note('files that change');
sub code { my $e = $c->error(@_); return $e ? ($e->{sqlstate}, join "\n", map { $e->{$_} // '' } qw(message detail hint)) : ('00000', '') }
my @mounted = ([ 's3', 's3_web_identity', web => '42501', qr/InvalidIdentityToken/ ], [ 's3', 's3_pod_identity', pod => '42501', qr/HTTP 401 InvalidTokenException/ ],
	[ 'azure', 'azure_workload', azure => '42501', qr/invalid_client/ ], [ 'gcs', 'gcs_federation', gcs => '42501', qr/invalid_grant/ ]);
foreach (@mounted)
{
	my ($dialect, $place, $file, $sqlstate, $says) = @$_;
	control($dialect, 'identity', 'POST', 'settings', { token => "new.$dialect.token" });
	my ($got, $text) = code("SELECT * FROM cloudflux.list_objects('$place')");
	is($got, $sqlstate, "$place: a token that is over is refused");
	like($text, $says, "$place: with the service's code");
	unlike($text, qr/peer\.|session\//, "$place: and without the token");
	$as_server->($file, "new.$dialect.token\n");
	is((code("SELECT * FROM cloudflux.list_objects('$place')"))[0], '00000', "$place: the new one in its file is taken");
	$as_server->($file, "two\nlines");
	($got, $text) = code("SELECT * FROM cloudflux.list_objects('$place')");
	ok($got eq '55000' && $text =~ /holds no token/ && $text !~ /two/, "$place: a file with something else is refused") or diag($text);
	unlink "$secrets/$file";
	($got, $text) = code("SELECT * FROM cloudflux.list_objects('$place')");
	ok($got eq '55000' && $text =~ /could not read file/, "$place: so is one that is gone") or diag($got, $text);
	$as_server->($file, "new.$dialect.token");
}

# A service that answers with something else.
note('services that err');
my %trap = map { $_ => "$peer{$_}{endpoint}" =~ s{^(http://[^/]+).*}{$1/_trap/}r } qw(s3 azure gcs);
foreach ([ s3 => 's3_imds', 'PUT' ], [ s3 => 's3_web_identity', 'POST' ], [ s3 => 's3_pod_identity', 'GET' ], [ azure => 'azure_managed', 'GET' ], [ gcs => 'gcs_machine', 'GET' ])
{
	my ($dialect, $place, $method) = @$_;
	my $spoil = sub { control($dialect, 'identity', 'POST', 'rules', { rules => [ { match => { method => $method }, fault => $_[0], times => $_[1] // 1 } ] }) };
	$spoil->({ kind => 'redirect', location => $trap{$dialect} });
	my ($got, $text) = code("SELECT * FROM cloudflux.list_objects('$place')");
	ok($got eq '42501', "$place: a redirect is no answer") or diag("$got $text");
	is(control($dialect, 'store', 'GET', 'faults')->{trapped}, 0, "$place: and is not followed");
	$spoil->({ kind => 'status', status => 503 });
	is((code("SELECT * FROM cloudflux.list_objects('$place')"))[0], '00000', "$place: a service that is busy is asked again");
	$spoil->({ kind => 'garbage', text => '{"AccessKeyId": ' });
	($got, $text) = code("SELECT * FROM cloudflux.list_objects('$place')");
	ok($got =~ /^(58030|42501)$/, "$place: nonsense is an error") or diag("$got $text");
	$spoil->({ kind => 'status', status => 404 });
	is((code("SELECT * FROM cloudflux.list_objects('$place')"))[0], '42501', "$place: a service that has none is a denial");
	control($dialect, 'identity', 'DELETE', 'faults');
	is((code("SELECT * FROM cloudflux.list_objects('$place')"))[0], '00000', "$place: afterwards it works again");
}
is((code(q{SELECT cloudflux.object_url(file_id, '2 hours') FROM cloudflux.data_objects WHERE place = 's3_imds' LIMIT 1}))[0], '22023',
	'a presigned URL does not promise to outlive the session');
my $url = $c->value(q{SELECT cloudflux.object_url(file_id, '10 minutes') FROM cloudflux.data_objects WHERE place = 's3_imds' LIMIT 1});
is($http->get($url)->{status}, 200, 'one that ends before it works, signed with the session');

# Many at once: all lanes of a mover are refused, one of them renews.
note('many at once');
control('s3', 'identity', 'POST', 'settings', { revoke => 1 });
$c->write("local/many/$_", "bytes of $_") foreach 1 .. 24;
$c->sql(q{CALL cloudflux.import_inventory('local', 'many/')});
my $s = $c->session;
$s->query(q{SELECT count(*) FROM cloudflux.list_objects('s3_imds')});
control('s3', 'identity', 'POST', 'settings', { revoke => 1 });
asked('s3', $_) foreach qw(identity store);
$s->query(q{SELECT cloudflux.migrate(file_id, 's3_imds') FROM cloudflux.data_objects WHERE place = 'local' AND object_key LIKE 'many/%'; CALL cloudflux.run_migrations()});
is($c->value(q{SELECT count(*) FROM cloudflux.migration_jobs WHERE status = 'completed' AND attempts = 1 AND dest_key LIKE '%many/%'}), 24, 'all objects arrive, at the first attempt')
	or diag($c->sql(q{SELECT status, attempts, error_message, count(*) FROM cloudflux.migration_jobs GROUP BY 1, 2, 3}));
is(scalar(grep { m{^PUT /latest/api/token} } asked('s3', 'identity')), 1, 'with one exchange');
ok((grep { / 400$/ } asked('s3', 'store')) >= 1, 'after refusals');
$s->quit;

# Only the addresses of metadata services, and those that a superuser listed, are asked for credentials.
$c->sql(qq(SELECT cloudflux.add_storage('astray', 'AWS', 'objects', '{"region": "us-east-1", "credential_source": "imds", "metadata_endpoint": "http://192.0.2.7"}')));
throws($c, q{SELECT * FROM cloudflux.list_objects('astray')}, '42501', qr/no address of a metadata service/, 'another address is not asked for credentials');

# Whoever may choose a source lends out the server's identity.
note('who may');
$c->sql('CREATE ROLE plain LOGIN; GRANT cloudflux_admin TO plain; GRANT USAGE ON FOREIGN DATA WRAPPER cloudflux TO plain');
foreach my $of (grep { $_->[3]{credential_source} } @kinds)
{
	my ($kind, $provider, undef, $options) = @$of;
	throws($c, "SELECT cloudflux.add_storage('mine', '$provider', 'objects', " . quote(encode_json($options)) . ')', '42501',
		qr/permission denied to set option "cred.*identity of the database server.*superuser/s, "$kind: not for a plain user", user => 'plain');
}
throws($c, "SELECT cloudflux.add_storage('mine', 'AWS', 'objects', '{\"region\": \"us-east-1\", \"$_\": \"/etc/passwd\"}')", '42501', undef,
	"nor are files of the server: $_", user => 'plain') foreach qw(credentials_file web_identity_token_file);
$c->sql(q{ALTER SERVER s3_imds OWNER TO plain});
throws($c, q{SELECT * FROM cloudflux.list_objects('s3_imds')}, '42501', qr/must belong to a superuser/, 'a place that a plain user was given uses it no more', user => 'plain');
$c->sql(q{ALTER SERVER s3_imds OWNER TO postgres; GRANT USAGE ON FOREIGN SERVER s3_imds TO plain});
is($c->value(q{SELECT count(*) FROM cloudflux.list_objects('s3_imds', 'a.txt')}, user => 'plain'), 1, 'with USAGE on a superuser\'s place it is used');
throws($c, q{SELECT cloudflux.add_storage('wrong', 'Azure', 'objects', '{"account": "a", "credential_source": "imds"}')}, '22023', qr/environment, web_identity, managed_identity/,
	'a source of another cloud is refused, with those that there are');
done_testing;
