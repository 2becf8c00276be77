# Secrets leave no trace: not in the log, WAL, data files, dumps or views, however they were given and used.
#
# As a literal and as a bind parameter they are given while the server does not log statements, since it logs what its clients
# send before anybody else sees it; as a file and in use they are watched with everything that the server can log.
use CloudFlux::Sentinel;
use CloudFlux::Test;
use Digest::SHA ();
use File::Basename;
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP;

my $top = dirname(__FILE__) . '/../../..';
my $c = cluster('sentinel', { extension => 0 }, shared_preload_libraries => 'auto_explain,cloudflux,pg_stat_statements',
	'cloudflux.net_allow' => '127.0.0.0/8', 'pg_stat_statements.track' => 'all');
my $secrets = tempdir(CLEANUP => 1);	# where the server can enter, wherever this checkout is
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
my $seal = Digest::SHA::sha256_base64('the key of the seals');
$as_server->('keys', "k1 $seal=\n");

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
	file => $middle, key => $seal);
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
# What PostgreSQL would refuse before a validator is asked, with the statement in the log.
my $clear = "OPTIONS (access_token '$secret{refused}')";
throws($c, "CREATE USER MAPPING FOR PUBLIC SERVER store $clear", '22023', qr/not sealed/, 'where there is a mapping already');
throws($c, "CREATE USER MAPPING FOR nobody SERVER store $clear", '22023', qr/not sealed/, 'for a role that is not there');
throws($c, "CREATE USER MAPPING FOR postgres SERVER nowhere $clear", '42704', qr/does not exist/, 'at a server that is not there');
throws($c, "ALTER USER MAPPING FOR postgres SERVER store OPTIONS (SET access_token '$secret{refused}')", '22023', qr/not sealed/, 'a change of one that is not there');
throws($c, "CREATE USER MAPPING FOR other SERVER store $clear", '22023', qr/not sealed/, 'from who may not use the server', user => 'other');
throws($c, "CREATE SERVER store FOREIGN DATA WRAPPER cloudflux $clear", '42710', qr/already exists/, 'as an option of a server that is there already');
throws($c, "SELECT cloudflux.add_storage('shown', 'GCP', 'a-bucket', '{\"access_token\": \"$secret{refused}\"}')", 'HV00D', qr/invalid option "access_token"/, 'as an option of a place');
throws($c, "DO \$\$ BEGIN EXECUTE 'CREATE USER MAPPING FOR postgres SERVER store OPTIONS (access_token ''$secret{refused}'')'; END \$\$", '22023', qr/not sealed/, 'nested');
{
	my $refused = $c->session;
	is($refused->try_query("CREATE USER MAPPING FOR PUBLIC SERVER store $clear"), undef, 'a session goes on after a refusal');
	is($c->value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sentinel-refused%' AND pid <> pg_backend_pid()"), 0, 'a refused one is not in pg_stat_activity');
	$refused->quit;
}

# With everything logged: as a file, and in use.
my $sentinel = CloudFlux::Sentinel->new($c, \%secret, control => 'sentinel-bucket', sealed => qr/cf1:k2:/);
$sentinel->log_everything;
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
$as_server->('keys', "k1 $seal=\nk2 ". ('B' x 42) . "A=\n");
is($c->value('SELECT count(*) FROM cloudflux.rotate_credentials()'), 3, 'the key rotates');
is($c->value(q{SELECT count(*) FROM cloudflux.list_objects('store', 'a')}), 1, 'and the store is used again');
$sentinel->judge;
$session->quit;
$_->kill_kill foreach $peer, $s3_peer;
done_testing;
