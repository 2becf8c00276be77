# A bill of FOCUS 1.0 that somebody really got (the sample of the specification's own project) is loaded to the last line and the last
# decimal, and our prices are those that it has. It is not part of the product: CF_FOCUS_SAMPLE names the file, else
# ../shared/data/billing beside the tree; without it this test is skipped.
use CloudFlux::Test;
use File::Basename;

my $file = $ENV{CF_FOCUS_SAMPLE} // dirname(__FILE__) . '/../../../../shared/data/billing/focus_1_0_sample.csv.gz';
plan skip_all => 'no sample of a FOCUS bill here (CF_FOCUS_SAMPLE)' unless -r $file;

my $c = cluster('focus', { preload => 0 });
open my $in, '<:raw', $file or die "$file: $!";
my $hex = unpack 'H*', do { local $/; <$in> };
close $in;
is($c->value("SELECT cloudflux.import_focus(data => decode('$hex', 'hex'), bill => 'sample')"), 758, 'all its charges are loaded');
is($c->value('SELECT sum(billed_cost) FROM cloudflux.focus_charges'), '12.97430380150', 'with what they cost, to the last decimal');
is($c->value('SELECT sum(billed) FROM cloudflux.cost_reconciliation'), '12.97430380150', 'and reconciliation leaves nothing out');
is($c->value("SELECT count(*) FROM cloudflux.cost_reconciliation WHERE service = 'Amazon Simple Storage Service' AND storage_class IS NULL"), 0, 'each charge of S3 has a class');
is($c->value("SELECT count(*) FROM cloudflux.cost_reconciliation WHERE region = 'us-east-1' AND storage_class IS NOT NULL AND term <> 'egress'
	AND round(at_our_prices, 10) IS DISTINCT FROM round(billed, 10)"), 0, 'the billed quantities cost by our book what was billed');
done_testing;
