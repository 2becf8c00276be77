# Secrets leave no trace: not in the log, WAL, data files, dumps or views, however they were given and used.
#
# As a literal and as a bind parameter they are given while the server does not log statements, since it logs what its clients
# send before anybody else sees it; as a file and in use they are watched with everything that the server can log.
use CloudFlux::Test;
use Digest::SHA ();
use File::Basename;
use File::Find;
use File::Path qw(make_path);
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP;

my $top = dirname(__FILE__) . '/../../..';
my $c = cluster('sentinel', { extension => 0 }, shared_preload_libraries => 'auto_explain,cloudflux,pg_stat_statements',
	'cloudflux.net_allow' => '127.0.0.0/8', 'pg_stat_statements.track' => 'all');
my $secrets = "$c->{dir}/secrets";
make_path($secrets);
my $as_server = sub {
	my ($name, $text) = @_;
	open my $out, '>', "$secrets/$name" or die "$name: $!";
	print $out $text;
	close $out;
	chmod 0600, "$secrets/$name";
	my $uid = (stat $c->data)[4];
	chown $uid, -1, "$secrets/$name", $secrets if $> == 0;
	return "$secrets/$name";
};
$as_server->('keys', "k1 " . ('A' x 43) . "=\n");

# A store to speak with, and what is secret about it.
my $peer_dir = "$c->{dir}/peer";
make_path($peer_dir);
my ($in, $out, $err) = ('', '', '');
my $peer = IPC::Run::start([ 'python3', "$top/test/storage/peer/peer.py", 'gcs', '--dir', $peer_dir, '--bucket', 'sentinel-bucket', '--follow' ],
	'<', \$in, '>', \$out, '2>', \$err);
await { $peer->pump_nb; $out =~ /\n/ } 60, 'a store answers' or BAIL_OUT($err);
my $store = decode_json($out);
open my $account, '<', $store->{service_account_file} or die $!;
my $key = do { local $/; <$account> };
my ($middle) = decode_json($key)->{private_key} =~ /\n([^\n]{40,})\n[^\n]+\n[^\n]*END/;
my %secret = (literal => 'sentinel-literal-5ac0de', bind => 'sentinel-bind-5ac0de', refused => 'sentinel-refused-5ac0de',
	file => $middle, key => 'A' x 43);
my $key_file = $as_server->('account.json', $key);

# A second one whose platform gives sessions: for a token that lies in a file, and for a machine.
make_path("$peer_dir-s3");
my ($s3_in, $s3_out) = ('', '');
my $s3_peer = IPC::Run::start([ 'python3', "$top/test/storage/peer/peer.py", 's3', '--dir', "$peer_dir-s3", '--bucket', 'sentinel-bucket', '--identity', '--follow' ],
	'<', \$s3_in, '>', \$s3_out, '2>', \$err);
await { $s3_peer->pump_nb; $s3_out =~ /\n/ } 60, 'another one, with identity services' or BAIL_OUT($err);
my $s3 = decode_json($s3_out);
my $first = substr Digest::SHA::sha256_hex('ASIAPEER000000000001'), 0, 40;
my $second = substr Digest::SHA::sha256_hex('ASIAPEER000000000002'), 0, 40;
%secret = (%secret, web_token => 'sentinel.web.token-5ac0de', session_key => $first, session_token => 'session/1+token==', machine_key => $second,
	machine_token => 'AQAEA00000001peer==', oauth_token => 'ya29.peer-0', file_key => 'sentinel-file-key-5ac0de');
my $web_file = $as_server->('web', "$secret{web_token}\n");
my $keys_file = $as_server->('credentials', "[default]\naws_access_key_id = AKIAPEERPEERPEERPEER\naws_secret_access_key = $secret{file_key}\n");
HTTP::Tiny->new->post("$s3->{identity}{endpoint}/_peer/settings", { content => encode_json({ token => $secret{web_token} }) })->{success} or BAIL_OUT('no settings');

$c->sql('CREATE EXTENSION cloudflux');
$c->sql('CREATE EXTENSION pg_stat_statements');
$c->sql('CREATE ROLE other LOGIN');
$c->sql('GRANT cloudflux_user TO other');
$c->set('cloudflux.key_file' => "$secrets/keys");
ok($c->poll(q{SELECT count(*) = 1 FROM cloudflux.credential_keys()}), 'there is a key');
$c->sql("SELECT cloudflux.add_storage('store', 'GCP', 'sentinel-bucket', '{\"endpoint\": \"$store->{endpoint}\"}')");

# As a literal and as a bind parameter.
my $session = $c->session;
is(join('', $session->query("SELECT cloudflux.set_credentials('store', '{\"access_token\": \"$secret{literal}\"}', 'other')")), '{access_token}', 'a literal');
is($c->value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sentinel-literal%' AND pid <> pg_backend_pid()"), 0, 'is not in pg_stat_activity');
my $script = $as_server->('bind.sql', "SELECT cloudflux.set_credentials('store', jsonb_build_object('access_token', :secret::text), 'public');\n");
my ($bench, $text, $said) = ('', '', '');
ok(IPC::Run::run([ $c->bin . '/pgbench', '-h', $c->socket, '-U', 'postgres', '-n', '-t', '1', '-M', 'extended', '-D', "secret=$secret{bind}", '-f', $script, 'postgres' ],
	'>', \$bench, '2>&1'), 'a bind parameter') or diag $bench;
is($c->value('SELECT count(*) FROM cloudflux.credentials'), 2, 'both are there');
throws($c, "SELECT cloudflux.set_credentials('store', '{\"password\": \"$secret{refused}\"}')", '22023', qr/takes no credential "password"/, 'a refusal');
throws($c, "CREATE USER MAPPING FOR postgres SERVER store OPTIONS (access_token '$secret{refused}')", '22023', qr/not sealed/, 'a clear user mapping');

# With everything logged: as a file, and in use.
$c->set('auto_explain.log_min_duration' => 0, 'auto_explain.log_nested_statements' => 'on', 'auto_explain.log_verbose' => 'on',
	log_statement => 'all', log_min_duration_statement => 0, debug_print_parse => 'on', debug_print_plan => 'on', log_min_messages => 'debug5');
$c->poll("SELECT current_setting('log_min_messages') = 'debug5'");
$c->sql(qq(SELECT cloudflux.set_credentials('store', '{"service_account_key": {"file": "$key_file"}}')));
is($c->value(q{SELECT string_agg(check_name, ', ') FROM cloudflux.check_storage('store') WHERE NOT ok}), '', 'the store is used, and works');
$c->sql(q{SELECT cloudflux.store_object('store', 'a.txt', 'bytes'); CALL cloudflux.import_inventory('store')});
like($c->value('SELECT cloudflux.object_url(file_id) FROM cloudflux.data_objects'), qr/X-Goog-Signature=/, 'a URL is signed');
$c->sql('GRANT USAGE ON FOREIGN SERVER store TO other');
throws($c, q{SELECT * FROM cloudflux.list_objects('store')}, '42501', undef, 'a token that the store refuses', user => 'other');
my %s3_options = (endpoint => $s3->{endpoint}, region => 'us-east-1', addressing => 'path', preset => 'aws');
my %by = (web => { credential_source => 'web_identity', role_arn => 'arn:aws:iam::123456789012:role/r', web_identity_token_file => $web_file, sts_endpoint => $s3->{identity}{endpoint} },
	machine => { credential_source => 'imds', metadata_endpoint => $s3->{identity}{endpoint} }, file => { credential_source => 'file', credentials_file => $keys_file });
foreach my $name (qw(web machine file))
{
	$c->sql("SELECT cloudflux.add_storage('$name', 'AWS', 'sentinel-bucket', '" . encode_json({ %s3_options, %{ $by{$name} }, prefix => "$name/" }) . "')");
	next if $name eq 'file';
	is($c->value("SELECT size_bytes FROM cloudflux.store_object('$name', 'a.txt', 'bytes')"), 5, "a session is obtained and used: $name");
}
throws($c, q{SELECT * FROM cloudflux.list_objects('file')}, '42501', qr/SignatureDoesNotMatch/, 'a key of a file that the store refuses');
unlink $web_file;
throws($c, q{SELECT * FROM cloudflux.list_objects('web')}, '55000', qr/could not read file/, 'a token that is gone');
$as_server->('web', "$secret{web_token}.other\n");
throws($c, q{SELECT * FROM cloudflux.list_objects('web')}, '42501', qr/InvalidIdentityToken/, 'a token that is refused');
$as_server->('keys', "k1 " . ('A' x 43) . "=\nk2 " . ('B' x 42) . "A=\n");
is($c->value('SELECT count(*) FROM cloudflux.rotate_credentials()'), 3, 'the key rotates');
is($c->value(q{SELECT count(*) FROM cloudflux.list_objects('store', 'a')}), 1, 'and the store is used again');
$c->sql('CHECKPOINT');

# Where they are not.
my %seen;
sub look
{
	my ($where, $bytes) = @_;
	foreach (sort keys %secret) { push @{ $seen{$_} }, $where if index($bytes, $secret{$_}) >= 0 }
	$seen{control}{$where =~ /log$/ ? 'log' : $where =~ /pg_wal/ ? 'WAL' : 'other'} = 1 if index($bytes, 'sentinel-bucket') >= 0;
	push @{ $seen{header} }, $where if $bytes =~ /Bearer [A-Za-z0-9._~-]{8}/;
}

sub look_into
{
	my ($file) = @_;
	open my $from, '<:raw', $file or return;
	my ($bytes, $tail) = ('', '');
	while (read($from, $bytes, 1 << 20))
	{
		look($file, $tail . $bytes);
		$tail = substr($bytes, -200);
	}
}
my $files = 0;
find({ no_chdir => 1, wanted => sub { if (-f $_) { $files++; look_into($_) } } }, $c->data);
look_into("$c->{dir}/log");
ok(-s "$c->{dir}/log" > 100_000, 'the log tells a lot');
ok($files > 500, "the data directory has $files files");
foreach my $dump ([ 'pg_dumpall' ], [ 'pg_dump', 'postgres' ])
{
	my ($program, @of) = @$dump;
	ok(IPC::Run::run([ $c->bin . "/$program", '-h', $c->socket, '-U', 'postgres', @of ], '>', \$text, '2>', \$said), $program) or diag $said;
	like($text, qr/USER MAPPING .*\n? *service_account_key 'cf1:k2:/s, "$program has what is sealed") if @of;
	look($program, $text);
}
look('pg_stat_activity', $c->value('SELECT string_agg(query, E\'\n\') FROM pg_stat_activity'));
look('pg_stat_statements', $c->value('SELECT string_agg(query, E\'\n\') FROM pg_stat_statements'));
is(join(' ', sort keys %{ $seen{control} }), 'WAL log other', 'what is no secret is found where it must be');
foreach (sort(keys %secret), 'header') { is(join(', ', @{ $seen{$_} // [] }), '', "no trace of: $_") }
$session->quit;
$_->kill_kill foreach $peer, $s3_peer;
done_testing;
