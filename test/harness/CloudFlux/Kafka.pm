# CloudFlux::Kafka: a real Kafka broker for TAP tests, on top of test/harness/servers, and independent looks into it.
#
#	use CloudFlux::Test;
#	use CloudFlux::Kafka;
#	my $kafka = broker();			# installs if need be, starts, stops it when the test ends
#						# (CF_BROKER: the folder of one that runs already, for tests that neither stop it nor use its tools)
#	my $kafka = broker(secure => 1);	# one that listens with TLS and SASL, too: $kafka->{env}{CF_SASL}, see test/harness/servers
#	my $c = cluster('publisher', 'cloudflux.kafka_brokers' => $kafka->{endpoint});
#	$kafka->create('topic', 3);		# a topic with three partitions, by Kafka's own tool
#	my @all = $kafka->consume('topic');	# every message that a read_committed consumer sees: hashes with partition, offset, key, headers, payload
#	$kafka->consume('topic', 'read_uncommitted');
#	$kafka->configure('topic', 'max.message.bytes=2000');
#	$kafka->tool('consumer.group.ConsumerGroupCommand', '--describe', '--all-groups');	# what one of Kafka's tools prints
#	$kafka->kill9; $kafka->start;		# SIGKILL; the same port and data again
#	$kafka->pause; $kafka->resume;		# SIGSTOP, SIGCONT
#
#	$kafka->produce_java('topic', "key\tvalue\n…");	# the same by Kafka's own client
#	$kafka->lines('topic');			# the payloads alone, one message a line: for many
#	$kafka->produce('topic', [ [ key => 'value' ], … ], '-H', 'name=value');	# sends messages; dies unless all were taken; a value of undef is none
#
# Messages are read by kcat, which knows nothing of cloudflux.
package CloudFlux::Kafka;
use strict;
use warnings;
use CloudFlux::Servers ();
use Cwd qw(abs_path);
use Exporter ();
use File::Basename;
use IPC::Run ();
use JSON::PP;
use Time::HiRes qw(time sleep);

our @ISA = qw(CloudFlux::Servers Exporter);
our @EXPORT = qw(broker);
my $harness = abs_path(dirname(__FILE__) . '/..');

sub broker
{
	my (%how) = @_;
	local $ENV{CF_SECURE} = $how{secure} // '';
	return bless CloudFlux::Servers::described($ENV{CF_BROKER}), __PACKAGE__ if $ENV{CF_BROKER};
	my $self = bless CloudFlux::Servers::server('kafka'), __PACKAGE__;
	$self->{libs} = $self->{env}{CF_LIBS};
	return $self;
}

sub pid
{
	my ($self) = @_;
	open my $in, '<', "$self->{dir}/pid" or return undef;
	return (split / /, scalar <$in>)[0];
}

# kill9 ends the broker as a power cut would end its process, and waits until it is gone.
sub kill9
{
	my ($self) = @_;
	my $pid = $self->pid or die 'no broker runs';
	kill 'KILL', $pid;
	my $until = time + 30;
	while (-d "/proc/$pid" && CloudFlux::Test::Cluster->_slurp("/proc/$pid/stat") =~ /^\d+ \(.*\) [^ZX]/)
	{
		die 'the broker survives SIGKILL' if time > $until;
		sleep 0.02;
	}
}

sub start
{
	my ($self) = @_;
	my ($good, undef, $err) = $self->run("$harness/servers", 'start', 'kafka', $self->{dir});
	die "could not start the broker again: $err" unless $good;
}

sub pause { my ($self) = @_; kill 'STOP', $self->pid }
sub resume { my ($self) = @_; kill 'CONT', $self->pid }

# tool runs a class of org.apache.kafka.tools, or one with its whole name, against the broker, and gives what it prints; dies if it fails.
sub tool
{
	my ($self, $class, @arguments) = @_;
	my ($good, $out, $err) = $self->run('java', '-XX:TieredStopAtLevel=1', '-Xlog:disable', "-Dlog4j2.configurationFile=$self->{dir}/log4j2.properties",
		'-cp', "$self->{libs}/*", $class =~ /^kafka\./ ? $class : "org.apache.kafka.tools.$class", '--bootstrap-server', $self->{endpoint}, @arguments);
	die "$class: $out$err" unless $good;
	return $out;
}

# produce_java sends "KEY<tab>VALUE" lines by a producer that is written in Java.
sub produce_java
{
	my ($self, $topic, $lines) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'java', '-XX:TieredStopAtLevel=1', '-Xlog:disable', "-Dlog4j2.configurationFile=$self->{dir}/log4j2.properties", '-Dfile.encoding=UTF-8',
		'-cp', "$self->{libs}/*", 'org.apache.kafka.tools.ConsoleProducer', '--bootstrap-server', $self->{endpoint}, '--topic', $topic,
		'--reader-property', 'parse.key=true' ], '<', \$lines, '>', \$out, '2>', \$err) or die "ConsoleProducer: $out$err";
}

# produce sends messages by kcat, which is told nothing else than what it is to send. What was not acknowledged may be sent again by who calls:
# so then, and only then, there may be some twice.
sub produce
{
	my ($self, $topic, $messages, @options) = @_;
	my $in = join '', map { "$_->[0]\x1f" . ($_->[1] // '') . "\x1e" } @$messages;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'kcat', '-q', '-b', $self->{endpoint}, '-P', '-t', $topic, '-K', "\x1f", '-D', "\x1e", '-Z', '-X', 'enable.idempotence=true',
		'-X', 'message.timeout.ms=60000', @options ], '<', \$in, '>', \$out, '2>', \$err) or die "kcat: $err";
}

sub create
{
	my ($self, $topic, $partitions, @more) = @_;
	$self->tool('TopicCommand', '--create', '--topic', $topic, '--partitions', $partitions // 1, '--replication-factor', 1, map { ('--config', $_) } @more);
}

# configure changes a setting of a topic.
sub configure
{
	my ($self, $topic, $setting) = @_;
	$self->tool('kafka.admin.ConfigCommand', '--alter', '--entity-type', 'topics', '--entity-name', $topic, '--add-config', $setting);
}

# topics lists those that are there, sorted, without Kafka's own.
sub topics
{
	my ($self) = @_;
	my ($good, $out, $err) = $self->run('kcat', '-q', '-b', $self->{endpoint}, '-L', '-J');
	die "kcat: $err" unless $good;
	return sort grep { !/^__/ } map { $_->{topic} } @{ decode_json($out)->{topics} };
}

# read_with has kcat read a topic from its beginning to the end that it has now.
sub read_with
{
	my ($self, $topic, $isolation, @format) = @_;
	my ($good, $out, $err) = $self->run('kcat', '-q', '-b', $self->{endpoint}, '-C', '-t', $topic, '-o', 'beginning', '-e', @format,
		'-X', 'isolation.level=' . ($isolation // 'read_committed'), '-X', 'fetch.wait.max.ms=50', '-X', 'check.crcs=true');
	die "kcat: $err" unless $good;
	return split /\n/, $out;
}

sub lines { my ($self, $topic, $isolation) = @_; return $self->read_with($topic, $isolation, '-f', '%s\n') }

# consume reads a topic from its beginning to the end that it has now.
sub consume
{
	my ($self, $topic, $isolation) = @_;
	my $json = JSON::PP->new->utf8;
	return map {
		my $message = $json->decode($_);
		$message->{headers} = { @{ $message->{headers} // [] } };
		$message
	} $self->read_with($topic, $isolation, '-J');
}

1;
