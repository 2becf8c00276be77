# The CSV files that the builtin book was made from load as they are, and say the same. They are not part of the product:
# CF_PRICE_FACTS names their folder, else ../shared/prices beside the tree; without them this test is skipped.
use CloudFlux::Test;
use File::Basename;

my $folder = $ENV{CF_PRICE_FACTS} // dirname(__FILE__) . '/../../../../shared/prices';
plan skip_all => 'no price facts here (CF_PRICE_FACTS)' unless -r "$folder/storage_classes.csv";

my $c = cluster('facts', { preload => 0 });
my %want = (storage_classes => 'prices', storage_bands => 'price_bands', restore_options => 'restore_prices', egress => 'egress_prices');
my %key = (
	prices => 'b.provider, b.region, b.storage_class',
	price_bands => 'b.provider, b.region, b.storage_class, b.from_gb, b.to_gb, b.usd_gb_month, b.as_of, b.verified',
	restore_prices => 'b.provider, b.region, b.storage_class, b.option, b.restore_seconds_min, b.restore_seconds_max, b.request_usd_per_1000, b.retrieval_usd_gb, b.as_of, b.verified',
	egress_prices => 'b.provider, b.region, b.destination, b.peer, b.tier_from_gb, b.tier_to_gb, b.usd_per_gb, b.as_of, b.verified');
$key{prices} .= ", b.$_" foreach qw(tier storage_usd_gb_month put_usd_per_1000 get_usd_per_1000 transition_usd_per_1000
  retrieval_usd_gb upload_usd_gb early_delete_usd_gb_month monitoring_usd_per_1000_objects min_storage_days min_object_bytes
  overhead_bytes overhead_standard_bytes first_byte_latency_ms restore_seconds availability_sla availability_designed
  durability_nines redundancy as_of verified);

foreach my $kind (sort keys %want)
{
	my $table = "cloudflux.$want{$kind}";
	open my $in, '<:raw', "$folder/$kind.csv" or die "$kind: $!";
	my $csv = do { local $/; <$in> };
	close $in;
	my $loaded = $c->value("SELECT cloudflux.load_prices('$kind', \$csv\$$csv\$csv\$, '2026-01-01')");
	cmp_ok($loaded, '>', 0, "$kind.csv is loaded: $loaded rows");
	# Autoclass is a setting of a bucket, whose prices follow from those of its classes: the facts have no rows of it.
	my $builtin = $kind eq 'storage_classes' ? "builtin AND storage_class NOT LIKE 'AUTOCLASS%'" : 'builtin';
	is($c->value("SELECT count(*) FROM $table WHERE $builtin"), $loaded, "the builtin book has as many");
	is($c->value("SELECT count(*) FROM (SELECT $key{$want{$kind}} FROM $table b WHERE $builtin
		EXCEPT SELECT $key{$want{$kind}} FROM $table b WHERE NOT builtin) d"), 0, "with the same figures");
}
is($c->value("SELECT count(*) FROM cloudflux.prices WHERE NOT builtin AND cloudflux.object_monthly_cost(provider, region, storage_class, 1073741824) IS NULL"),
	0, 'and each loaded class prices an object');
is($c->value('SELECT count(*) FROM cloudflux.price_conflicts()'), 0, 'nothing overlaps');
done_testing;
