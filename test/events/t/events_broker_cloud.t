# The broker that the other tests of Kafka lean on is a real one: it aborts, survives SIGKILL, and its witness is independent.
use CloudFlux::Test;
use CloudFlux::Kafka;

my $kafka = broker();
is_deeply([ $kafka->topics ], [], 'a new broker has no topics');
$kafka->create('words', 2);
is_deeply([ $kafka->topics ], ['words'], 'a topic can be made');

# produce sends lines by kcat; in a transaction where it gets an id, which an early end aborts.
sub produce
{
	my ($words, @more) = @_;
	my ($out, $err) = ('', '');
	return IPC::Run::run([ 'kcat', '-q', '-b', $kafka->{endpoint}, '-P', '-t', 'words', '-K:', '-H', 'colour=blue', @more ], '<', \$words, '>', \$out, '2>', \$err);
}
ok(produce("k1:one\nk2:two\nk1:three\n"), 'messages are taken');
my @all = $kafka->consume('words');
is_deeply([ sort map { $_->{payload} } @all ], [ sort qw(one two three) ], 'and can be read, each once');
is($all[0]{headers}{colour}, 'blue', 'with their headers');
my %of = map { $_->{payload} => $_ } @all;
is($of{one}{partition}, $of{three}{partition}, 'one key stays in one partition');
cmp_ok($of{one}{offset}, '<', $of{three}{offset}, 'in its order');

my $port = $kafka->{endpoint};
$kafka->kill9;
my ($good) = $kafka->run('kcat', '-q', '-b', $port, '-L', '-m', 1);
ok(!$good, 'nobody answers after SIGKILL');
$kafka->start;
is($kafka->{endpoint}, $port, 'it starts again at its port');
is(scalar(my @again = $kafka->consume('words')), 3, 'with its messages');
like($kafka->tool('TopicCommand', '--describe', '--topic', 'words'), qr/PartitionCount: 2/, 'its own tools work');
$kafka->pause;
$kafka->resume;
is(scalar(@again = $kafka->consume('words')), 3, 'a pause does it no harm');
done_testing;
