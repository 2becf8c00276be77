# The peer of GCS's XML API takes what an independent client signs and refuses what the service would refuse: test/storage/peer/gcsxml_test.py.
use strict;
use warnings;
use FindBin;

exec 'python3', '-B', "$FindBin::Bin/../peer/gcsxml_test.py" or die "python3: $!";
