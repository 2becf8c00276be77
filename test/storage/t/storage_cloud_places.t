# Places on real servers, from SQL: credentials, what check_storage() finds, inventories, small objects, and what is refused.
use CloudFlux::Test;
use CloudFlux::Servers;
use HTTP::Tiny;

my $c = cluster('clouds', fsync => 'off');
my %server = map { $_ => server($_) } qw(versitygw azurite fake-gcs-server);

# Before anybody allowed it, nothing on this machine can be reached.
my $s3 = $server{versitygw};
$c->sql("SELECT cloudflux.add_storage('early', 'S3', 'objects', '$s3->{env}{CF_OPTIONS}')");
throws($c, "SELECT * FROM cloudflux.list_objects('early', '')", '42501', qr/cloudflux\.net_allow/,
	'an address of this machine is refused until a superuser allows it');
throws($c, "SELECT cloudflux.set_credentials('early', '$s3->{env}{CF_CREDENTIALS}')", '55000', qr/cloudflux\.key_file/,
	'without a key no secret is kept');
$c->sql("SELECT cloudflux.drop_storage('early')");
open_clouds($c);

my %fails = (versitygw => [], azurite => [], 'fake-gcs-server' => [ 'conditional delete', 'conditional replace' ]);
foreach my $name (sort keys %server)
{
	my $s = $server{$name};
	(my $place = $name) =~ tr/-/_/;
	$s->place($c, $place);
	my @rows = map { [ split /\|/ ] } split /\n/, $c->sql("SELECT check_name, ok FROM cloudflux.check_storage('$place')");
	my %ok = map { $_->[0] => $_->[1] } @rows;
	is_deeply([ grep { ($ok{$_} // '') ne 't' } qw(reachable authenticated list write), 'conditional write' ], [], "$name: reached, listed and written, create-only");
	foreach my $check (@{ $fails{$name} }) { is($ok{$check}, 'f', "$name: $check is not honoured, and that is found out") }
	is($ok{'conditional delete'}, 't', "$name: $_") foreach @{ $fails{$name} } ? () : 'conditional delete is honoured';
	diag($c->sql("SELECT * FROM cloudflux.check_storage('$place')")) if grep { $_->[1] ne 't' && !@{ $fails{$name} } } @rows;

	# What somebody else wrote is catalogued as it is.
	my %bytes = ('in/plain.txt' => 'some text', 'in/a b+c%41&d=1?.bin' => join('', map { chr } 0 .. 255), "in/\xc3\xa4\xe2\x82\xac.txt" => '');
	$s->write($_, $bytes{$_}) foreach sort keys %bytes;
	$c->sql("CALL cloudflux.import_inventory('$place', 'in/')");
	is($c->value("SELECT count(*) FROM cloudflux.data_objects WHERE place = '$place'"), 3, "$name: an inventory finds all objects");
	my @wrong;
	foreach my $key (sort keys %bytes)
	{
		(my $quoted = $key) =~ s/'/''/g;
		my $hex = $c->value("SELECT encode(cloudflux.get_object(file_id), 'hex') FROM cloudflux.data_objects WHERE place = '$place' AND object_key = '$quoted'");
		push @wrong, $key if $hex ne unpack 'H*', $bytes{$key};
	}
	is_deeply(\@wrong, [], "$name: their bytes are read");

	# What we write, somebody else reads.
	my $id = $c->value(qq{SELECT cloudflux.put_object('$place', 'out/new one.txt', convert_to('written here', 'UTF8'), 'text/plain', '{"colour": "blue"}')});
	is($s->read('out/new one.txt'), 'written here', "$name: an object that is put is there");
	throws($c, "SELECT cloudflux.put_object('$place', 'out/new one.txt', 'other', 'text/plain')", '42710', undef, "$name: put is create-only");
	is($s->read('out/new one.txt'), 'written here', "$name: and leaves what is there alone");
	if ($name ne 'fake-gcs-server')
	{
		my $answer = HTTP::Tiny->new->get($c->value("SELECT cloudflux.object_url('$id', '10 minutes')"));
		is($answer->{content}, 'written here', "$name: a presigned URL works without credentials");
	}
	throws($c, "SELECT cloudflux.stat_object('$place', '')", '22023', qr/a key cannot be empty/, "$name: no key is no object, and not the bucket");
	throws($c, "SELECT cloudflux.fetch_object('$place', 'not/there')", '02000', qr/not\/there/, "$name: an object that is not there is not found");
}

# A store without classes gets none, in the catalog either.
throws($c, "SELECT cloudflux.put_object('versitygw', 'out/cold', 'x', NULL, NULL, 'COLD')", '22023', qr/no tier "COLD"/, 'a class that the store would ignore is refused');
throws($c, "SELECT cloudflux.presign_object('versitygw', '', now() + interval '1 hour')", '22023', qr/a key cannot be empty/, 'a URL is signed for an object, not for its bucket');

# A wrong secret is told as such, and never shown.
my $secret = 'wrongwrongwrongwrongwrongwrongwrongwrong';
$s3->place($c, 'forbidden', bucket => 'objects-two', credentials => { access_key_id => $s3->{env}{CF_ACCESS_KEY}, secret_access_key => $secret });
my $e = $c->error("SELECT * FROM cloudflux.list_objects('forbidden', '')");
is($e->{sqlstate}, '42501', 'a wrong secret is denied') or diag(explain($e));
unlike(join(' ', map { $_ // '' } values %$e), qr/$secret|$s3->{env}{CF_SECRET_KEY}/, 'the error shows no secret');
like($c->sql("SELECT detail, hint FROM cloudflux.check_storage('forbidden') WHERE check_name = 'authenticated' AND NOT ok"), qr/HTTP 403.*set_credentials/,
	'check_storage() says so too, and what to do');
$server{azurite}->place($c, 'forbidden_blobs', bucket => 'objects-two', credentials => { account_key => 'd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbg==' });
like($c->sql("SELECT check_name, detail, hint FROM cloudflux.check_storage('forbidden_blobs') WHERE NOT ok"), qr/^(authenticated|list)\|.*403/,
	'on Azure, too; Azurite has one code for this and for a right that is missing');

# A place that says another region works all the same, where the store tells which.
$s3->place($c, 'elsewhere', bucket => 'versioned', options => { region => 'eu-west-3' });
like($c->sql("SELECT string_agg(check_name || ' ' || ok, ', ') FROM cloudflux.check_storage('elsewhere')"), qr/authenticated true.*write true|reachable false/,
	'a wrong region is put right, or told');
my @secrets = grep { defined } map { @$_{qw(CF_SECRET_KEY CF_ACCOUNT_KEY)} } map { $_->{env} } values %server;
is($c->value("SELECT count(*) FROM pg_user_mappings, unnest(umoptions) AS o WHERE o LIKE ANY (ARRAY['%" . join("%','%", @secrets) . "%'])"), 0, 'user mappings hold no secret');

# A server that is gone is an I/O error in time, with the place in it; work goes on when it is back.
my $gone = server('versitygw');
$gone->place($c, 'gone');
$gone->stop;
$c->set('cloudflux.net_attempts' => 1);
$c->poll("SELECT current_setting('cloudflux.net_attempts') = '1'");
$e = $c->error("SELECT * FROM cloudflux.list_objects('gone', '')");
ok($e && $e->{sqlstate} eq '58030' && $e->{message} =~ /gone/, 'a server that does not answer is an I/O error that names the place') or diag(explain($e));
done_testing;
