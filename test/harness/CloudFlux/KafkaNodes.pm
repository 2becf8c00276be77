# CloudFlux::KafkaNodes: several brokers that make one Kafka, for CloudFlux::EventLoop and whoever wants to see one of them go.
#
#	my $kafka = CloudFlux::KafkaNodes->new(3);	# all that CloudFlux::Kafka has; {endpoint} names all of them
#	$kafka->kill9;					# SIGKILL to one that is chosen at random; somebody else leads its partitions then
#	$kafka->start;					# that one again; who leads is as in the beginning, then
#	$kafka->pid;					# of one that is chosen at random
#
# Every topic, and Kafka's own of positions and transactions, is held by all, and a message by two before it counts. They are started at once,
# because none is ready before most of them are.
package CloudFlux::KafkaNodes;
use strict;
use warnings;
use CloudFlux::Kafka;
use Cwd qw(abs_path);
use File::Basename;
use IPC::Run ();

our @ISA = ('CloudFlux::Kafka');
my $harness = abs_path(dirname(__FILE__) . '/..');

sub new
{
	my ($class, $count) = @_;
	my $dir = ($ENV{CF_TMP} // abs_path("$harness/../..") . '/build/tap') . '/' . basename($0, '.t') . '/nodes';
	File::Path::remove_tree($dir);
	File::Path::make_path($dir);
	my ($good, $ports, $err) = CloudFlux::Servers::run(undef, '/usr/bin/python3', "$harness/servers_api.py", 'ports', 2 * $count, $ENV{CF_PORTS} // ());
	die $err unless $good;
	my @port = split ' ', $ports;
	my $self = bless { dir => $dir, name => 'kafka nodes', nodes => [] }, $class;
	local $ENV{CF_QUORUM} = join ',', map { "$_\@127.0.0.1:$port[ 2 * $_ - 1 ]" } 1 .. $count;
	($good, undef, $err) = CloudFlux::Servers::run(undef, "$harness/servers", 'install', 'kafka');
	die $err unless $good;
	my @starting = map {
		local @ENV{qw(CF_NODE CF_NODE_PORTS)} = ($_, "$port[ 2 * $_ - 2 ] $port[ 2 * $_ - 1 ]");
		my $said = '';
		[ IPC::Run::start([ "$harness/servers", 'start', 'kafka', "$dir/$_" ], '<', \undef, '>', \$said, '2>', \$said), \$said ]
	} 1 .. $count;
	foreach (@starting) { $_->[0]->finish or die "could not start a broker: ${$_->[1]}" }
	foreach (1 .. $count)
	{
		my $node = bless CloudFlux::Servers::described("$dir/$_"), 'CloudFlux::Kafka';
		CloudFlux::Servers::living($node);
		push @{ $self->{nodes} }, $node;
	}
	$self->{env} = { %{ $self->{nodes}[0]{env} } };
	$self->{libs} = $self->{env}{CF_LIBS};
	$self->{endpoint} = join ',', map { $_->{endpoint} } @{ $self->{nodes} };
	symlink "$dir/1/log4j2.properties", "$dir/log4j2.properties";
	return $self;
}

sub pid { my ($self) = @_; return $self->{nodes}[ rand @{ $self->{nodes} } ]->pid }

sub kill9
{
	my ($self) = @_;
	$self->{gone} = $self->{nodes}[ rand @{ $self->{nodes} } ];
	$self->{gone}->kill9;
}

sub start
{
	my ($self) = @_;
	$self->{gone}->start;
	eval { $self->tool('LeaderElectionCommand', '--election-type', 'preferred', '--all-topic-partitions') };
}

# stop is called for each node by CloudFlux::Servers.
sub stop { $_->stop foreach @{ $_[0]{nodes} } }

1;
