# docs/storage.md says which request needs which permission. Every call that a driver makes is in the tables, nothing else is, and
# every permission of the policies serves a call.
use CloudFlux::Test;
use File::Basename;

my $top = dirname(__FILE__) . '/../../..';

sub slurp { my ($path) = @_; open my $in, '<', $path or die "$path: $!"; local $/; return scalar <$in> }

my $page = slurp("$top/docs/storage.md");
my %section = (s3 => 'Amazon S3 and compatible stores', gcs => 'Google Cloud Storage', azure => 'Azure Blob Storage');

foreach my $driver (sort keys %section)
{
	# The driver's verbs stand between the parentheses of the calls that make a request; those to services of identity are nobody's permission.
	my $code = join "\n", map { slurp($_) } glob "$top/src/storage/$driver/*.c";
	my %sent;
	while ($code =~ /\bcf_(?!identity)\w+_(?:request|ask)(\((?:[^()]++|(?1))*\))/g)
	{
		my $call = $1;
		$sent{$_} = 1 foreach grep { /^(?:[A-Z][a-z]+(?:[A-Z][a-z]+|URL|V2)+|storage\.\w+\.\w+)$/ } $call =~ /"([\w.]+)"/g;
	}
	my ($text) = $page =~ /^## \Q$section{$driver}\E\n(.*?)^## /ms;
	my ($table) = $text =~ /^(\| request \|.*?)\n\n/ms;
	ok(defined $table, "$driver: there is a table") or next;
	my (%told, @needs);
	foreach my $row (split /\n/, $table)
	{
		my (undef, $requests, $permission) = split /\s*\|\s*/, $row;
		$told{$_} = 1 foreach $requests =~ /`([\w.]+)`/g;
		push @needs, $permission =~ /`([\w.:\/]+)`/g;
	}
	is_deeply([ sort keys %told ], [ sort keys %sent ], "$driver: it tells of each call, and of no other");

	my ($policy) = grep { /s3:GetObject|includedPermissions|DataActions/ } $text =~ /```text\n(.*?)```/sg;
	my @granted = $policy =~ /(s3:\w+|storage\.objects\.\w+|blobs\/[\w\/]+)/g;
	is_deeply([ grep { my $g = $_; !grep { $_ eq $g } @needs } @granted ], [], "$driver: each permission of the policy serves a call");
	is_deeply([ grep { my $n = $_; !grep { $_ eq $n } @granted } @needs ], [], "$driver: each call's permission is in the policy");
}
done_testing;
