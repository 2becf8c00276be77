# Names are judged by the addresses that they have, in a server that runs: in sessions, and where objects are moved. A store's name
# that leads to a link-local address leads nowhere; one that has several addresses is reached at the one that is allowed.
#
# What names have is told by a library that stands before the C library in that server, out of a file that the test writes.
use CloudFlux::Test;
use CloudFlux::Servers;
use IO::Socket::INET;

my $c = cluster('names', { start => 0 }, fsync => 'off', 'cloudflux.migration_workers' => 0, 'cloudflux.net_attempts' => 2, 'cloudflux.migration_attempts' => 1);
my $file = $c->write('resolver/names', '');
my $source = $c->write('resolver/names.c', <<'C');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

/* getaddrinfo tells what the file says of a name: a line of the name and its addresses. Other names are looked up as ever. */
int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	int			(*real) (const char *, const char *, const struct addrinfo *, struct addrinfo **);
	struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST, .ai_socktype = hints == NULL ? 0 : hints->ai_socktype};
	struct addrinfo **end = result;
	FILE	   *in = fopen(NAMES, "r");
	char		line[1024];
	char	   *rest;
	char	   *word;
	int			known = 0;

	*(void **) &real = dlsym(RTLD_NEXT, "getaddrinfo");
	while (in != NULL && node != NULL && !known && fgets(line, sizeof(line), in) != NULL)
	{
		word = strtok_r(line, " \n", &rest);
		known = word != NULL && strcmp(word, node) == 0;
	}
	if (in != NULL)
		fclose(in);
	if (!known)
		return real(node, service, hints, result);
	*result = NULL;
	while ((word = strtok_r(NULL, " \n", &rest)) != NULL)
	{
		if (real(word, service, &numeric, end) != 0)
			return EAI_FAIL;
		while (*end != NULL)
			end = &(*end)->ai_next;
	}
	return *result == NULL ? EAI_NONAME : 0;
}
C
(my $library = $source) =~ s/c$/so/;
is(system($ENV{CC} // 'gcc', '-shared', '-fPIC', '-O1', "-DNAMES=\"$file\"", '-o', $library, $source, '-ldl'), 0, 'a resolver of the test is built');
{
	local $ENV{LD_PRELOAD} = $library;
	$c->start;
}
$c->sql('CREATE EXTENSION cloudflux');
my $s3 = server('peer-s3');
open_clouds($c);
my ($port) = $s3->{endpoint} =~ /:(\d+)$/;
# Somebody has this port, and does not listen; and a trap that is not allowed.
my $unheard = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'tcp') or die "no port: $!";
$c->set('cloudflux.net_allow' => "127.0.0.1:$port, 127.0.0.1:" . $unheard->sockport);
$s3->post('/_peer/hosts', { name => "store.example:$port" });

sub names { my (@addresses) = @_; $c->write('resolver/names', "store.example @addresses\n") }

names('127.0.0.1');
$s3->place($c, 'store', options => { endpoint => "http://store.example:$port", addressing => 'path' });
$s3->place($c, 'silent', options => { endpoint => 'http://store.example:' . $unheard->sockport, addressing => 'path', prefix => 'silent/' });
is($c->value(q{SELECT size_bytes FROM cloudflux.store_object('store', 'greeting', 'hello')}), 5, 'a store is reached by its name');
$s3->log;

foreach my $address ('169.254.169.254', 'fe80::1', 'fd00:ec2::254', '::ffff:169.254.169.254', '127.0.0.2')
{
	names($address);
	throws($c, q{SELECT cloudflux.fetch_object('store', 'greeting')}, '42501', qr/"store\.example" is (a link-local address|an address of a metadata service|an IPv4 address inside an IPv6 address|a loopback address).*net_allow/s,
		"a name that has $address leads nowhere");
	is(scalar(my @asked = $s3->log), 0, 'and nothing was sent');
	foreach my $both ([ $address, '127.0.0.1' ], [ '127.0.0.1', $address ])
	{
		names(@$both);
		is($c->value(q{SELECT convert_from(cloudflux.fetch_object('store', 'greeting'), 'UTF8')}), 'hello', "one that has @$both is reached");
		$s3->log;
		my $e = $c->error(q{SELECT cloudflux.fetch_object('silent', 'greeting')});
		ok($e && $e->{sqlstate} ne '42501' && "$e->{message} " . ($e->{detail} // '') !~ /\Q$address\E|address of|link-local/, 'and where nobody answers there, that is the error') or diag(explain($e));
	}
}

# A move to the name: refused, it fails for good and leaves its source; with an address that is allowed it arrives.
names('127.0.0.1');
$c->sql("SELECT count(*) FROM cloudflux.check_storage('store')");
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '" . $c->place('local') . "')");
$c->write('local/moved', 'bytes');
$c->sql("CALL cloudflux.import_inventory('local')");
$s3->log;
names('169.254.169.254');
my $job = $c->value("SELECT cloudflux.migrate(file_id, 'store', delete_source => true) FROM cloudflux.data_objects WHERE place = 'local'");
$c->sql('CALL cloudflux.run_migrations()') for 1 .. 2;
is($c->sql("SELECT status, error_sqlstate FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'failed|42501', 'a move to a name that has a link-local address fails')
	or diag($c->sql('SELECT * FROM cloudflux.migration_progress'));
is(scalar(my @sent = $s3->log), 0, 'nothing was sent');
is($c->read('local/moved'), 'bytes', 'its source is where it was');
names('fe80::1', '127.0.0.1', '169.254.169.254');
$c->sql("SELECT cloudflux.retry_migration('$job')");
$c->sql('CALL cloudflux.run_migrations()') for 1 .. 2;
is($c->sql("SELECT status, phase FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'completed|done', 'by an address that is allowed it arrives')
	or diag($c->sql("SELECT error_message, error_detail FROM cloudflux.migration_jobs WHERE job_id = '$job'"));
is($s3->read('moved'), 'bytes', 'with its bytes');
done_testing;
